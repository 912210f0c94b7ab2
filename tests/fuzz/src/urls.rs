//! The URL guard. Input: the text of a URL.

use std::str::FromStr as _;

use egress::fuzzing;

use crate::oracle;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = match fuzzing::url(text) {
        Err(why) => {
            assert!(!why.is_empty());
            return;
        }
        Ok(read) => read,
    };
    one_reading(text, &read);
    plain_name(&read.host);
    plain_path(&read.path);
    let bad = |c: char| c.is_control() || c.is_whitespace() || !c.is_ascii() || "\\#".contains(c);
    assert!(!read.line.contains(bad), "the request line holds {:?}", read.line);
    // What was read is read again as the same, however it is written.
    let plain = format!("https://{}{}", read.host, read.line);
    assert_eq!(fuzzing::url(&plain).as_ref(), Ok(&read), "{plain}");
    let with_port = format!("HTTPS://{}:443{}", read.host.to_uppercase(), read.line);
    // The longest one has no room for its port.
    if with_port.len() <= 8 * 1024 {
        assert_eq!(fuzzing::url(&with_port).as_ref(), Ok(&read));
    }
    other_road(text, &read);
}

/// The `url` crate, and whoever cuts at slashes, see the same.
fn one_reading(text: &str, read: &fuzzing::Read) {
    let url = url::Url::parse(text).unwrap_or_else(|e| panic!("accepted, and no URL: {e}"));
    assert_eq!(url.scheme(), "https");
    assert_eq!((url.username(), url.password(), url.port(), url.fragment()), ("", None, None, None));
    assert_eq!((url.host_str(), url.path()), (Some(read.host.as_str()), read.path.as_str()));
    let (scheme, rest) = text.split_once("://").unwrap_or_else(|| panic!("accepted without ://"));
    assert!(scheme.eq_ignore_ascii_case("https"));
    let authority = rest.split(['/', '?', '#', '\\', '@']).next().unwrap_or_default();
    let name = authority.strip_suffix(":443").unwrap_or(authority);
    if name.is_ascii() {
        assert_eq!(name.to_ascii_lowercase(), read.host);
    }
    let after = &rest[authority.len()..];
    let path = after.split('?').next().unwrap_or_default();
    assert_eq!(oracle::on_the_wire(if path.is_empty() { "/" } else { path }), read.path);
    let query = after.split_once('?').map(|(_, q)| q);
    assert_eq!(query.is_some(), read.line.contains('?'));
}

/// Labels that every resolver, certificate and `Host` header reads alike.
fn plain_name(host: &str) {
    assert!(host.len() <= 253, "{host}");
    for label in host.split('.') {
        let plain =
            label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        assert!((1..=63).contains(&label.len()) && plain, "the host {host:?} has the label {label:?}");
    }
    assert!(host.parse::<std::net::IpAddr>().is_err(), "the host {host} is an address");
}

/// However often a server decodes it, the path has the same segments, and none of them is a dot.
fn plain_path(path: &str) {
    assert!(path.starts_with('/'));
    let count = path.split('/').count();
    for reading in oracle::readings(path) {
        assert!(!reading.iter().any(|b| *b < 0x20 || *b == 0x7f || *b == b'\\'), "{path} hides a character");
        let segments: Vec<&[u8]> = reading.split(|b| *b == b'/').collect();
        assert_eq!(segments.len(), count, "{path} hides a slash");
        for segment in &segments {
            let bare = segment.split(|b| *b == b';').next().unwrap_or_default();
            assert!(bare != b"." && bare != b"..", "{path} hides a dot segment");
        }
        // An overlong form of ASCII, which a lenient reader of UTF-8 takes for a slash or a dot.
        let overlong = reading
            .windows(2)
            .any(|w| matches!(w, [0xc0 | 0xc1, 0x80..=0xbf] | [0xe0, 0x80..=0x9f] | [0xf0, 0x80..=0x8f]));
        assert!(!overlong, "{path} hides an overlong character");
    }
}

/// `wasi:http` hands over scheme, authority and path as the `http` crate has them: the same decision.
fn other_road(text: &str, read: &fuzzing::Read) {
    let Ok(uri) = http::Uri::from_str(text) else { return };
    if let Ok(other) = fuzzing::url(&uri.to_string()) {
        assert_eq!((&other.host, &other.path), (&read.host, &read.path), "{text} by the other road");
    }
}
