//! A credential that a provider echoes, in every place and form that we know: whatever the guest then does with what it
//! got, the credential is in none of it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hostile::{Act, Arena, Seat, TOKEN, logs};
use sandbox::v0_1::core::Error;
use serde_json::json;

use crate::GOOD;

/// How a credential may be spelt so that somebody who has it can read it again.
fn spellings() -> Vec<String> {
    let percent: String = TOKEN.bytes().map(|b| format!("%{b:02X}")).collect();
    let json: String = TOKEN.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let mut all = vec![TOKEN.to_owned(), percent.to_lowercase(), percent, json, STANDARD.encode(TOKEN)];
    for before in ["", "x", "Bearer ", "user:"] {
        all.push(STANDARD.encode(format!("{before}{TOKEN}")));
        all.push(URL_SAFE_NO_PAD.encode(format!("{before}{TOKEN}??>>")));
    }
    all
}

/// What remains of each spelling in any context: the middle, which no neighbour changes.
fn telling() -> Vec<String> {
    spellings().into_iter().map(|s| if s.len() > 40 { s[8..s.len() - 8].to_owned() } else { s }).collect()
}

/// No spelling of the credential is in this text.
fn assert_clean(what: &str, place: &str, text: &str) {
    for needle in telling() {
        assert!(!text.contains(&needle), "{what}: {place} holds {needle}");
    }
}

/// The wire without what the host itself puts there.
fn heard(arena: &Arena) -> String {
    let own = format!("authorization: Bearer {TOKEN}");
    arena.recorder.heard().lines().filter(|l| !l.eq_ignore_ascii_case(&own)).collect::<Vec<_>>().join("\n")
}

/// An answer that echoes, in one form.
struct Echo {
    what: &'static str,
    acts: Vec<Act>,
}

fn echo(what: &'static str, bytes: impl AsRef<[u8]>) -> Echo {
    Echo { what, acts: Act::raw(bytes) }
}

fn body(what: &'static str, body: &str) -> Echo {
    Echo { what, acts: Act::answer(200, "", body) }
}

/// The text, one byte in a chunk.
fn chunked(text: &str) -> String {
    text.chars().map(|c| format!("1\r\n{c}\r\n")).collect()
}

fn echoes() -> Vec<Echo> {
    let ok = "HTTP/1.1 200 OK\r\n";
    let end = "content-length: 2\r\n\r\nhi";
    let head = |line: String| format!("{ok}{line}\r\n{end}");
    let mut all = vec![
        body("plain", &format!("you sent authorization: Bearer {TOKEN}!")),
        body("twice", &format!("{TOKEN}{TOKEN}")),
        body("nested", &TOKEN.replace("guest", &format!("guest{TOKEN}"))),
        echo("a header", head(format!("x-echo: Bearer {TOKEN}"))),
        echo("a header's name", head(format!("x-{TOKEN}: 1"))),
        echo("a header's name in other letters", head(format!("X-{}: 1", TOKEN.to_uppercase()))),
        echo("a cookie", head(format!("set-cookie: t={TOKEN}"))),
        echo("a link", head(format!("link: <https://evil.test/?t={TOKEN}>; rel=next"))),
        echo("an authentication header", head(format!("www-authenticate: Bearer realm=\"{TOKEN}\""))),
        echo("a redirect", format!("HTTP/1.1 302 X\r\nlocation: https://evil.test/?t={TOKEN}\r\n{end}")),
        echo("a reason", format!("HTTP/1.1 200 {TOKEN}\r\n{end}")),
        echo(
            "an error page",
            format!("HTTP/1.1 401 {TOKEN}\r\ncontent-length: {}\r\n\r\n{TOKEN}", TOKEN.len()),
        ),
        echo("chunks", format!("{ok}transfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", chunked(TOKEN))),
        echo(
            "a chunk's extension",
            format!("{ok}transfer-encoding: chunked\r\n\r\n2;{TOKEN}\r\nhi\r\n0\r\n\r\n"),
        ),
        echo(
            "a trailer",
            format!(
                "{ok}trailer: x-t\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-t: {TOKEN}\r\n\r\n"
            ),
        ),
        echo("a hint before", format!("HTTP/1.1 103 X\r\nx-t: {TOKEN}\r\n\r\n{ok}{end}")),
        echo(
            "a broken answer",
            format!("HTTP/1.1 200 OK\r\nx-t: {TOKEN}\r\ncontent-length: 99\r\n\r\n{TOKEN}"),
        ),
        echo("no answer", format!("{TOKEN}\r\n\r\n")),
        echo("a bad length", format!("{ok}content-length: {TOKEN}\r\n\r\nhi")),
        echo("a body that is encoded", head(format!("content-encoding: gzip\r\nx-t: {TOKEN}"))),
        echo(
            "a transfer that is encoded",
            format!("{ok}transfer-encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
        ),
    ];
    all.extend(spellings().iter().map(|s| body("a spelling", &format!("<{s}>"))));
    all
}

/// The guest asks, on both roads, and takes whatever it gets wherever it can.
async fn exfiltrate(seat: &Seat<'_>, fail: bool) -> Result<String, Error> {
    let asks = json!([{ "url": GOOD }, { "url": GOOD, "wasi": true }]);
    let seat = seat.clone().with("asks", asks).with("fail", fail);
    let answer = seat.attack("exfiltrate", GOOD).await;
    answer.unwrap_or_else(|halt| panic!("{halt}")).map(|account| account.label)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echoed_credential_is_in_nothing_that_the_guest_can_carry_away() {
    logs::listen();
    let arena = Arena::new().await;
    let seat = arena.connection("echoed").await;
    for Echo { what, acts } in echoes() {
        arena.recorder.script(move |_| acts.clone());
        let label = exfiltrate(&seat, false).await.unwrap();
        assert_clean(what, "the answer", &label.to_lowercase());
        assert_clean(what, "the answer", &label);
        let kept = arena.cached("echoed", "loot").await.unwrap();
        assert_clean(what, "the cache", &String::from_utf8_lossy(&kept));
    }
    assert_clean("some echo", "the next request", &heard(&arena));
    assert_clean("some echo", "a recording", &arena.recordings());
    assert_clean("some echo", "the log", &logs::text());
    // The log was listened to, and the guest did write to it.
    assert!(logs::text().contains("REDACTED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echoed_credential_is_in_no_error_either() {
    let arena = Arena::new().await;
    let seat = arena.connection("failing").await;
    for Echo { what, acts } in echoes() {
        arena.recorder.script(move |_| acts.clone());
        let error = exfiltrate(&seat, true).await.unwrap_err();
        assert_clean(what, "the error", &format!("{error:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_the_guest_knows_from_elsewhere_is_in_no_log_and_no_recording() {
    logs::listen();
    let arena = Arena::new().await;
    arena.recorder.script(|_| Act::answer(200, "", "fine"));
    let seat = arena.connection("knowing").await;
    for spelling in spellings() {
        let seat = seat.clone().with("known", spelling);
        exfiltrate(&seat, false).await.unwrap();
    }
    assert!(heard(&arena).contains(TOKEN), "the guest did not try");
    assert_clean("what it knows", "a recording", &arena.recordings());
    let text = logs::text();
    // Cut in pieces it is no longer found, and it is not secret from itself: whole lines are looked at.
    let lines: Vec<&str> = text.lines().filter(|l| l.contains("ERROR connector")).collect();
    assert!(!lines.is_empty());
    assert_clean("what it knows", "the log", &lines.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_which_an_echo_could_hide_is_none() {
    let arena = Arena::new().await;
    let hidden = [
        "content-encoding: gzip",
        "content-encoding: identity, br",
        "content-encoding: identity\r\ncontent-encoding: zstd",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: deflate\r\ntransfer-encoding: chunked",
    ];
    for line in hidden {
        arena.recorder.script(move |_| {
            let body = if line.starts_with("transfer") { "2\r\nhi\r\n0\r\n\r\n" } else { "hi" };
            let length = if line.starts_with("transfer") { "" } else { "content-length: 2\r\n" };
            Act::raw(format!("HTTP/1.1 200 OK\r\n{line}\r\n{length}\r\n{body}"))
        });
        for (ask, told) in arena.seat("hidden").ask_both(&[json!({ "url": GOOD })]).await {
            assert!(!told.starts_with("200"), "{line}: {ask}: {told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_logs_forges_no_line_and_is_bounded() {
    logs::listen();
    let arena = Arena::new().await;
    let forged = "innocent\nERROR forged-0815 \u{1b}[2J\r\n\u{2028}x\u{202e}forged-4711";
    assert_eq!(arena.learned("log", forged, "GET").await, "logged");
    let text = logs::text();
    let line = text.lines().find(|l| l.contains("forged-0815")).expect("it was logged");
    assert!(line.contains("innocent") && line.contains("forged-4711"), "{line:?}");
    assert!(!line.contains(['\u{1b}', '\u{2028}', '\u{202e}']), "{line:?}");
    let long = format!("long-0815{}", "x".repeat(100_000));
    assert_eq!(arena.learned("log", &long, "GET").await, "logged");
    let text = logs::text();
    let line = text.lines().find(|l| l.contains("long-0815")).expect("it was logged");
    assert!(line.len() < 5_000, "{} bytes", line.len());
}
