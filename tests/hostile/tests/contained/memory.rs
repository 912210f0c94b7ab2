//! What lies in a guest's memory after providers have told everything they were told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hostile::{Act, Arena, TOKEN};

/// Words that every answer has: the guest must find them, or its search is worth nothing.
const WORDS: &str = "words-of-the-answer-that-may-be-known";
/// As the guest has it.
const MASK: u8 = 0x5a;

fn masked(text: &str) -> String {
    text.bytes().map(|byte| format!("{:02x}", byte ^ MASK)).collect()
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("\\u{byte:04x}")).collect()
}

/// The token alone and within something longer: where base64 holds bits of its neighbours, three texts differ.
fn within() -> [(String, usize); 3] {
    [("", 0), ("a", 2), ("ab", 3)].map(|(before, first)| (STANDARD.encode(format!("{before}{TOKEN}")), first))
}

/// What no guest may have in its memory.
fn forms() -> Vec<String> {
    let base64 = within().map(|(text, first)| text[first..text.len() - 4].to_owned());
    // Half of it is too much as well.
    let halves = [&TOKEN[..16], &TOKEN[16..]].map(str::to_owned);
    [vec![percent(TOKEN), escaped(TOKEN), TOKEN.to_uppercase()], base64.to_vec(), halves.to_vec()].concat()
}

fn told(request: &str) -> Vec<Act> {
    let [(alone, _), (second, _), (third, _)] = within();
    let all = [TOKEN.to_owned(), percent(TOKEN), escaped(TOKEN), alone, second, third].join(" ");
    let body = format!("{WORDS} {all} {}", request.replace("\r\n", " "));
    let headers = format!(
        "x-echo: {TOKEN}\r\nx-{TOKEN}: 1\r\nlocation: https://api.example.com/v1/x?t={}\r\n\
         www-authenticate: Bearer error=\"{TOKEN}\"\r\nset-cookie: t={TOKEN}\r\n",
        percent(TOKEN)
    );
    let path = request.split(' ').nth(1).unwrap_or_default();
    match path.rsplit('/').next().unwrap_or_default() {
        "chunks" => {
            // In pieces that cut the token, with the token as a chunk's extension and as a trailer.
            let mut answer = format!("HTTP/1.1 200 {TOKEN}\r\n{headers}transfer-encoding: chunked\r\n\r\n");
            for piece in body.as_bytes().chunks(7) {
                answer += &format!("{:x};t={TOKEN}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece));
            }
            Act::raw(answer + &format!("0\r\nx-trailer: {TOKEN}\r\n\r\n"))
        }
        "broken" => {
            let answer = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 100000\r\n\r\n{body}");
            Act::raw(answer)
        }
        "no-http" => Act::raw(format!("{TOKEN} {body}\r\n\r\n")),
        status => Act::answer(status.parse().unwrap_or(200), &headers, body),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_of_the_credential_is_anywhere_in_the_guests_memory() {
    let arena = Arena::new().await;
    arena.recorder.script(told);
    let paths = ["200", "302", "400", "401", "429", "500", "chunks", "broken", "no-http"];
    let urls: Vec<String> = paths.iter().map(|path| format!("https://api.example.com/v1/{path}")).collect();
    let ungranted = format!("https://evil.example.net/?{WORDS}");
    let mut needles: Vec<String> = forms().iter().map(|form| masked(form)).collect();
    needles.push(masked(WORDS));
    let seat = arena.seat("memory").with("urls", [urls, vec![ungranted]].concat()).with("needles", needles);
    let seat = seat.limited(|limits| (limits.http_requests, limits.cpu_ms) = (Some(100), Some(5_000)));
    let counts: Vec<u64> = serde_json::from_str(&seat.learned("memory", "").await).unwrap();

    let (words, secrets) = counts.split_last().unwrap();
    // Of seven answers on two roads, each with a copy or more.
    assert!(*words >= 14, "the search finds nothing: {counts:?}");
    assert!(secrets.iter().all(|count| *count == 0), "{counts:?}");
    let wire = arena.recorder.heard();
    assert_eq!(wire.matches(&format!("Bearer {TOKEN}")).count(), 2 * paths.len(), "the host added it");
    assert!(!arena.recordings().contains(TOKEN));
}
