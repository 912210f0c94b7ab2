//! Which headers are the guest's to set, and which the host's.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The most headers a guest may set.
pub(crate) const MAX_COUNT: usize = 64;

/// What a request says of the program that sends it.
const USER_AGENT: &str = concat!("jackfield/", env!("CARGO_PKG_VERSION"));

/// Headers that carry a credential under any provider we know of. Their values are never shown in a recording.
const CREDENTIALS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "cookie2",
    "set-cookie",
    "set-cookie2",
    "x-api-key",
    "api-key",
    "apikey",
    "x-apikey",
    "x-auth-token",
    "x-access-token",
    "x-amz-security-token",
    "x-auth-key",
    "private-token",
];

/// Headers of the connection (RFC 9110 §7.6.1) and of the message's framing: the host's alone.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "expect",
    "host",
    "http2-settings",
];

/// Headers by which a server is told another origin, method or path than the one that was checked.
const MISLEADING: &[&str] = &[
    "forwarded",
    "x-real-ip",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// Headers by which an answer would come in pieces or in another encoding: an echoed credential could not be found in it.
const HIDING: &[&str] = &["range", "if-range", "accept-charset"];

const PREFIXES: &[&str] = &["proxy-", "x-forwarded"];

/// Whether a header's value is a credential. `name` is in lower case.
pub(crate) fn is_credential(name: &str) -> bool {
    CREDENTIALS.contains(&name)
}

/// Reads the guest's headers. `injected` are the names that the manifest has the host fill, in lower case; `most` is how
/// many bytes all may have together, names and values.
///
/// # Errors
/// What is wrong, naming the header but never its value.
pub(crate) fn read(
    headers: &[(String, Vec<u8>)],
    injected: &[String],
    most: u64,
) -> Result<HeaderMap, String> {
    if headers.len() > MAX_COUNT {
        return Err(format!("the request has {} headers; {MAX_COUNT} are the most", headers.len()));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes as u64 > most {
        return Err(format!(
            "the request's headers have {bytes} bytes, and `limits.header-kib` allows {most}: send less, or raise it in \
             the manifest"
        ));
    }
    let mut map = HeaderMap::with_capacity(headers.len() + 4);
    for (name, value) in headers {
        let shown = || name.escape_default().to_string();
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{}` is no header name", model::cut(&shown(), 64)))?;
        check_name(parsed.as_str(), injected)?;
        let value = HeaderValue::from_bytes(value).map_err(|_| {
            format!("the value of the header `{parsed}` holds a line break or a control character")
        })?;
        map.append(parsed, value);
    }
    Ok(map)
}

/// Whether a header of this name, in lower case, is a guest's to set.
///
/// # Errors
/// Whose it is.
pub(crate) fn check_name(name: &str, injected: &[String]) -> Result<(), String> {
    // Gateways that turn headers into variables read `_` as `-`.
    let plain = name.replace('_', "-");
    let plain = plain.as_str();
    if CREDENTIALS.contains(&plain) || injected.iter().any(|i| i.replace('_', "-") == plain) {
        return Err(format!("the header `{name}` carries a credential: leave it out, the host adds it"));
    }
    if HOP_BY_HOP.contains(&plain) {
        return Err(format!("the header `{name}` belongs to the connection: leave it out, the host sets it"));
    }
    if MISLEADING.contains(&plain) || PREFIXES.iter().any(|p| plain.starts_with(p)) {
        return Err(format!(
            "the header `{name}` would show the server another request than the one granted"
        ));
    }
    if HIDING.contains(&plain) {
        return Err(format!("the header `{name}` is not sent: answers come whole and in UTF-8"));
    }
    Ok(())
}

/// Adds what every request has. Clients ask for compressed answers unasked, so theirs is replaced and not refused.
pub(crate) fn complete(map: &mut HeaderMap, host: &str) -> Result<(), &'static str> {
    let host = HeaderValue::from_str(host).map_err(|_| "the host name cannot be sent")?;
    map.insert(header::HOST, host);
    map.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
    map.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(())
}

/// Whether the answer's body is encoded (RFC 9110 §8.4), or its transfer in more than chunks (RFC 9112 §7): what is in it
/// cannot be seen.
pub(crate) fn encoded(map: &HeaderMap) -> bool {
    let other = |name, known: &[u8]| {
        let mut words = map.get_all(name).iter().flat_map(|v| v.as_bytes().split(|b| *b == b','));
        words.any(|w| !w.trim_ascii().eq_ignore_ascii_case(known))
    };
    other(header::CONTENT_ENCODING, b"identity") || other(header::TRANSFER_ENCODING, b"chunked")
}

/// The answer's headers that a guest gets: none of the connection, and no cookie, which only a credential could answer.
pub(crate) fn answered(map: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    map.iter().filter(|(name, _)| {
        let name = name.as_str();
        name == "content-length"
            || !(HOP_BY_HOP.contains(&name)
                || matches!(name, "set-cookie" | "set-cookie2" | "proxy-connection" | "proxy-authenticate"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1_000;

    fn one(name: &str, value: &[u8]) -> Result<HeaderMap, String> {
        read(&[(name.to_owned(), value.to_vec())], &["x-vendor-key".to_owned()], MOST as u64)
    }

    #[test]
    fn a_guest_sets_its_own_headers() {
        let map = read(
            &[("Accept".into(), b"application/json".to_vec()), ("X-Thing".into(), "ü".as_bytes().to_vec())],
            &[],
            MOST as u64,
        )
        .unwrap();
        assert_eq!(map["accept"], "application/json");
        assert_eq!(map["x-thing"].as_bytes(), "ü".as_bytes());
    }

    #[test]
    fn credential_connection_and_misleading_headers_are_refused() {
        for name in [
            "Authorization",
            "PROXY-AUTHORIZATION",
            "cookie",
            "Set-Cookie",
            "X-API-Key",
            "api_key",
            "x_api_key",
            "X-Vendor-Key",
            "x_vendor_key",
            "Host",
            "Connection",
            "Keep-Alive",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "transfer_encoding",
            "Upgrade",
            "Content-Length",
            "Expect",
            "Forwarded",
            "X-Forwarded",
            "X-Forwarded-For",
            "x_forwarded_host",
            "Proxy-Connection",
            "X-HTTP-Method-Override",
            "X-Original-URL",
        ] {
            let error = one(name, b"sesame").unwrap_err();
            assert!(error.contains(&name.to_lowercase()), "{name}: {error}");
            assert!(!error.contains("sesame"));
        }
    }

    #[test]
    fn what_no_guest_sets_no_manifest_makes_the_idempotency_header() {
        let all =
            [CREDENTIALS, HOP_BY_HOP, MISLEADING, HIDING, &["proxy-x", "x-forwarded", "x_api_key"]].concat();
        for name in all {
            let text = format!(
                "manifest = 1\nid = \"x\"\nname = \"X\"\nversion = \"1.0.0\"\n[idempotency]\nheader = \"{name}\"\n"
            );
            let error = manifest::Manifest::parse(&text).expect_err(name).to_string();
            assert!(error.contains("idempotency.header"), "{error}");
        }
    }

    #[test]
    fn a_header_cannot_smuggle_another() {
        for value in [&b"a\r\nx: y"[..], b"a\nx: y", b"a\rb", b"a\0b", b"\x7f", b"\x1b"] {
            assert!(one("x-thing", value).is_err(), "{value:?}");
        }
        for name in ["", "x thing", "x-thing:", "x\r\ny", "x\0", "ü", " host", "host ", ":authority"] {
            assert!(one(name, b"v").is_err(), "{name:?}");
        }
    }

    #[test]
    fn an_encoded_answer_is_told_from_a_plain_one() {
        let of = |name: &'static str, value: &'static str| {
            encoded(&HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]))
        };
        for value in ["gzip", "identity, br", "x-gzip", "br,identity", "Deflate"] {
            assert!(of("content-encoding", value), "{value}");
        }
        for value in ["gzip", "gzip, chunked", "chunked, chunked, x"] {
            assert!(of("transfer-encoding", value), "{value}");
        }
        assert!(!of("content-encoding", " Identity") && !of("transfer-encoding", "Chunked"));
        assert!(!encoded(&HeaderMap::new()));
    }

    #[test]
    fn headers_are_bounded_in_number_and_size() {
        let many = |n: usize, size: usize| {
            let all: Vec<_> = (0..n).map(|i| (format!("x-{i:03}"), vec![b'v'; size])).collect();
            read(&all, &[], MOST as u64)
        };
        assert!(many(MAX_COUNT, 1).is_ok());
        assert!(many(MAX_COUNT + 1, 1).is_err());
        assert!(many(2, MOST / 2 - 5).is_ok());
        assert!(many(2, MOST / 2 - 4).is_err());
    }
}
