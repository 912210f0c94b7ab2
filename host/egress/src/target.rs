//! Reads a URL strictly: what a lenient parser would quietly repair is refused, because two parsers that repair
//! differently are how a guard is walked around.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};
use url::{Host, Url};

/// `https://NAME.endpoint.invalid` (RFC 6761: `.invalid` never resolves).
pub(crate) const ENDPOINT_SUFFIX: &str = ".endpoint.invalid";
/// The longest URL that is read, in bytes, as it is written and as it is sent.
pub(crate) const MAX_URL: usize = 8 * 1024;
const TOO_LONG: &str = "the URL is longer than 8 KiB";

/// So often a path is decoded in search of what it hides; one that still changes hides too much.
const MOST_DECODED: usize = 4;

/// What the `url` crate encodes in a path (WHATWG URL, "path percent-encode set", as of 2023).
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}');

/// Encodes what a URL's path must encode and leaves the rest, percent signs too.
pub(crate) fn encode_path(text: &str) -> String {
    utf8_percent_encode(text, PATH).to_string()
}

/// An https URL that has one reading only: a name for its host, port 443, no userinfo, no fragment.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    url: Url,
}

impl Target {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it: the text may be secret.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        check_text(text)?;
        let url = Url::parse(text).map_err(|_| "the URL cannot be read")?;
        if url.scheme() != "https" {
            return Err("only https is spoken");
        }
        let rest = &text[text.find(':').map_or(0, |at| at + 1)..];
        let rest = rest.strip_prefix("//").ok_or("the URL has no host: write https://HOST/PATH")?;
        let (authority, after) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        check_authority(authority, &url)?;
        let path = after.split('?').next().unwrap_or_default();
        check_path(path)?;
        if let Some(query) = url.query() {
            check_percent(query)?;
        }
        // Encoded, a character takes up to nine: what is sent and kept is bounded, not only what was written.
        if url.as_str().len() > MAX_URL {
            return Err(TOO_LONG);
        }
        // The parser has repaired nothing that `check_path` let through; this holds it to that.
        if url.path() != if path.is_empty() { "/".to_owned() } else { encode_path(path) } {
            return Err("the path has more than one reading");
        }
        Ok(Self { url })
    }

    /// Lower case, IDNA-encoded.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// As it will be sent.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    pub fn url(&self) -> &Url {
        &self.url
    }

    /// `https://host`; the port is always 443.
    pub fn origin(&self) -> String {
        format!("https://{}", self.host())
    }

    /// `/path?query`
    pub fn path_and_query(&self) -> &str {
        &self.url[url::Position::BeforePath..url::Position::AfterQuery]
    }

    /// The name of the endpoint that this URL addresses, if it addresses one.
    pub fn endpoint(&self) -> Option<&str> {
        self.host().strip_suffix(ENDPOINT_SUFFIX)
    }

    /// The same URL with another path and query, which the host itself has put together.
    pub fn with(&self, path: &str, query: Option<&str>) -> Result<Self, &'static str> {
        let mut text = self.origin();
        text.push_str(path);
        if let Some(query) = query {
            text.push('?');
            text.push_str(query);
        }
        Self::parse(&text)
    }
}

/// Characters that parsers drop, turn or disagree on.
fn check_text(text: &str) -> Result<(), &'static str> {
    if text.len() > MAX_URL {
        return Err(TOO_LONG);
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("the URL holds a control character or white space: percent-encode it");
    }
    if text.contains('\\') {
        return Err("the URL holds a backslash");
    }
    if text.contains('#') {
        return Err("the URL has a fragment, which is never sent: leave it out");
    }
    Ok(())
}

fn check_authority(authority: &str, url: &Url) -> Result<(), &'static str> {
    if authority.contains('@') {
        return Err("the URL holds a user name or a password: the host adds credentials");
    }
    if url.port().is_some() || authority.rsplit_once(':').is_some_and(|(_, port)| port != "443") {
        return Err("only port 443 is dialled: leave the port out");
    }
    if authority.contains('%') {
        return Err("the host name is percent-encoded");
    }
    match url.host() {
        Some(Host::Domain(name)) => check_name(name),
        Some(_) => Err("the host is an address: only names are granted"),
        None => Err("the URL has no host: write https://HOST/PATH"),
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.ends_with('.') {
        return Err("the host name ends with a dot: leave it out");
    }
    if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err("the host name has an empty or overlong label");
    }
    // The URL standard lets `"`, `;` or `=` stand in a name; no certificate does, and resolvers differ.
    if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_'))
    {
        return Err("the host name holds a character that no host name has");
    }
    Ok(())
}

/// `path` as it was written, before any parser saw it.
fn check_path(path: &str) -> Result<(), &'static str> {
    check_percent(path)?;
    if path.strip_prefix('/').is_some_and(|p| p.split('/').rev().skip(1).any(str::is_empty)) {
        return Err("the path has an empty segment");
    }
    check_segments(path.as_bytes())?;
    // Gateways decode before the server does, so what is hidden twice comes out too.
    let mut reading = path.as_bytes().to_vec();
    for _ in 0..MOST_DECODED {
        let next: Vec<u8> = percent_decode(&reading).collect();
        if next == reading {
            return Ok(());
        }
        check_hidden(&reading, &next)?;
        reading = next;
    }
    Err("the path is percent-encoded more than four times over")
}

/// What came out of `before` by decoding it once.
fn check_hidden(before: &[u8], after: &[u8]) -> Result<(), &'static str> {
    let count = |of: &[u8]| of.iter().filter(|b| matches!(b, b'/' | b'\\' | b'.')).count();
    if count(after) > count(before) {
        return Err("the path hides a slash, a backslash or a dot behind a percent sign");
    }
    if after.iter().any(u8::is_ascii_control) {
        return Err("the path hides a control character behind a percent sign");
    }
    // ASCII spelt longer than it is, which lenient readers of UTF-8 take for the slash or the dot that it stands for.
    let overlong =
        |w: &[u8]| matches!(w, [0xc0 | 0xc1, 0x80..=0xbf] | [0xe0, 0x80..=0x9f] | [0xf0, 0x80..=0x8f]);
    if after.windows(2).any(overlong) {
        return Err("the path hides a character behind an overlong form");
    }
    check_segments(after)
}

fn check_segments(path: &[u8]) -> Result<(), &'static str> {
    for segment in path.split(|b| *b == b'/') {
        // `..;x` is `..` to servers that cut path parameters off.
        if matches!(segment.split(|b| *b == b';').next(), Some(b"." | b"..")) {
            return Err("the path has a `.` or `..` segment");
        }
    }
    Ok(())
}

/// Every `%` is followed by two hexadecimal digits.
fn check_percent(text: &str) -> Result<(), &'static str> {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let whole =
        bytes.iter().enumerate().filter(|(_, b)| **b == b'%').all(|(at, _)| hex(at + 1) && hex(at + 2));
    if whole { Ok(()) } else { Err("a percent sign is not followed by two hexadecimal digits") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plain_url_is_read_as_it_stands() {
        for (text, host, path) in [
            ("https://api.example.com/v1/things?a=b%20c", "api.example.com", "/v1/things"),
            ("HTTPS://API.Example.COM:443", "api.example.com", "/"),
            ("https://bücher.example/ü/{t}?", "xn--bcher-kva.example", "/%C3%BC/%7Bt%7D"),
            ("https://a.example/list/", "a.example", "/list/"),
            ("https://a_b.example/100%25/a%2525b", "a_b.example", "/100%25/a%2525b"),
            ("https://a.example/..a/.b/c..", "a.example", "/..a/.b/c.."),
        ] {
            let target = Target::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!((target.host(), target.path()), (host, path));
        }
    }

    #[test]
    fn a_url_with_two_readings_is_refused() {
        for bad in [
            "",
            "/v1",
            "api.example.com/v1",
            "http://api.example.com/",
            "ftp://api.example.com/",
            "https:api.example.com/",
            "https:/api.example.com/",
            "https:///api.example.com/",
            "https://",
            "https://user@api.example.com/",
            "https://user:pw@api.example.com/",
            "https://@api.example.com/",
            "https://api.example.com:8443/",
            "https://api.example.com:80/",
            "https://api.example.com:/",
            "https://api.example.com/#f",
            "https://api.example.com./",
            "https://a..example.com/",
            "https://a=b.example.com/",
            "https://a\".example.com/",
            "https://evil.example;.example.com/",
            "https://api%2eexample.com/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://017700000001/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://１２７.0.0.1/",
            "https://api.example.com\\@evil.example/",
            "https://api.example.com/a\\b",
            "https://api.example.com/a\tb",
            "https://api.example.com/a\r\nX: y",
            "https://api.example.com/a\0",
            " https://api.example.com/",
            "https://api.example.com/a b",
            "https://api.example.com/a/../b",
            "https://api.example.com/a/./b",
            "https://api.example.com/..",
            "https://api.example.com/a/..;x/b",
            "https://api.example.com/a/%2e%2e/b",
            "https://api.example.com/a/.%2E/b",
            "https://api.example.com/a%2fb",
            "https://api.example.com/a%2Fb",
            "https://api.example.com/a%5cb",
            "https://api.example.com/a%252fb",
            "https://api.example.com/a%25252fb",
            "https://api.example.com/a%2525252525252525b",
            "https://api.example.com/a%250ab",
            "https://api.example.com/..%3bx/b",
            "https://api.example.com/..%253bx/b",
            "https://api.example.com/%c0%ae%c0%ae/b",
            "https://api.example.com/a%e0%80%afb",
            "https://api.example.com/a%00",
            "https://api.example.com/a%0d%0ab",
            "https://api.example.com/a%7f",
            "https://api.example.com//a",
            "https://api.example.com/a//b",
            "https://api.example.com/a//",
            "https://api.example.com/a%zz",
            "https://api.example.com/a%2",
            "https://api.example.com/?q=100%",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad:?} was read");
        }
    }

    #[test]
    fn a_url_of_more_than_8_kib_is_refused() {
        assert!(Target::parse(&format!("https://a.example/{}", "x".repeat(MAX_URL))).is_err());
        // Short as it is written, long as it is sent.
        let quotes = format!("https://a.example/?{}", "\"".repeat(MAX_URL / 2));
        assert!(matches!(Target::parse(&quotes), Err(TOO_LONG)));
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_sent_as_it_was_written(path in "(/[a-z.%2;:@~_-]{0,6}){0,4}") {
            if let Ok(target) = Target::parse(&format!("https://a.example{path}")) {
                let want = if path.is_empty() { "/".to_owned() } else { path };
                prop_assert_eq!(target.path(), want);
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,60}") {
            let _ = Target::parse(&text);
            let _ = Target::parse(&format!("https://{text}"));
        }
    }
}
