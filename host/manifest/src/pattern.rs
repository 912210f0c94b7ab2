//! What host, path and event patterns mean, and which are well formed.
//!
//! Hosts: an exact name, or `*.example.com` for every name below it (not the name itself). Paths go segment by segment:
//! `*` stands for one segment or a part of one, a last `**` for all that follows the slash before it. Events: a name, `*`,
//! or a family (`call.*`).

/// Whether `host` (lower case, as a parsed URL has it) fits the pattern.
#[must_use]
pub fn host_matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        None => pattern == host,
        Some(suffix) => host
            .strip_suffix(suffix)
            .and_then(|rest| rest.strip_suffix('.'))
            .is_some_and(|label| !label.is_empty()),
    }
}

/// Whether every host that fits `inner` fits `outer`.
#[must_use]
pub fn host_covers(outer: &str, inner: &str) -> bool {
    match inner.strip_prefix("*.") {
        None => host_matches(outer, inner),
        Some(suffix) => outer == inner || (outer.starts_with("*.") && host_matches(outer, suffix)),
    }
}

/// Whether `path` (as a parsed URL has it: absolute, without dot segments) fits the pattern.
#[must_use]
pub fn path_matches(pattern: &str, path: &str) -> bool {
    let (Some(pattern), Some(path)) = (pattern.strip_prefix('/'), path.strip_prefix('/')) else {
        return false;
    };
    let mut wanted = pattern.split('/').peekable();
    let mut given = path.split('/');
    while let Some(want) = wanted.next() {
        if want == "**" && wanted.peek().is_none() {
            // `/v1/**` is everything below `/v1/`, not `/v1` itself.
            return given.next().is_some();
        }
        match given.next() {
            Some("") if want == "*" => return false,
            Some(part) if part_matches(want.as_bytes(), part.as_bytes()) => {}
            _ => return false,
        }
    }
    given.next().is_none()
}

/// Whether every path that fits `inner` fits `outer`. Exact for `**`; for `*` it may say no where only a proof by cases
/// would say yes, which makes a consent page longer, never shorter.
#[must_use]
pub fn path_covers(outer: &str, inner: &str) -> bool {
    let open = |p: &str| p.ends_with("/**");
    // Read as text, a `*` of `inner` is matched by wildcards of `outer` alone, since no pattern holds a literal star.
    (!open(inner) || open(outer)) && path_matches(outer, inner)
}

/// Whether an event's name fits a sink's pattern: `*`, `call.*`, or the name itself.
#[must_use]
pub fn event_matches(pattern: &str, event: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(family) => {
            family.ends_with('.') && event.strip_prefix(family).is_some_and(|rest| !rest.is_empty())
        }
        None => pattern == event,
    }
}

/// One segment against one glob: on a mismatch the last `*` takes one byte more, so the time is bounded by the product
/// of both lengths.
fn part_matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while t < text.len() {
        if glob.get(g) == Some(&b'*') {
            again = Some((g + 1, t));
            g += 1;
        } else if glob.get(g) == Some(&text[t]) {
            g += 1;
            t += 1;
        } else if let Some((after, from)) = again {
            again = Some((after, from + 1));
            g = after;
            t = from + 1;
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|b| *b == b'*')
}

/// The names under which endpoints are addressed; no manifest may grant them as hosts.
const ENDPOINTS: &str = "endpoint.invalid";

/// What is wrong with a host pattern.
pub(crate) fn check_host(pattern: &str) -> Result<(), String> {
    let say = |what: &str| Err(format!("`{}` {what}", model::cut(pattern, 100)));
    let name = pattern.strip_prefix("*.").unwrap_or(pattern);
    if pattern.len() > 253 {
        return say("is longer than the 253 characters of a host name");
    }
    if name.contains("://") || name.contains('/') {
        return say("is a URL: write the host alone, such as api.example.com");
    }
    if name.starts_with('[') || name.parse::<std::net::Ipv6Addr>().is_ok() {
        return say("is an address: write a name");
    }
    if name.contains(':') {
        return say("has a port: connectors reach 443 only, leave it out");
    }
    if name.contains('*') {
        return say("has a wildcard elsewhere than in front: write *.example.com");
    }
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        return say("is not in lower case");
    }
    let labels: Vec<&str> = name.split('.').collect();
    let label_fits = |l: &&str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    if !labels.iter().all(label_fits) {
        return say(
            "is not a host name: labels of a-z, 0-9 and - (punycode for others), joined by single dots",
        );
    }
    // The URL standard reads a host as an IPv4 address if its last label is a number, hexadecimal ones included.
    let last = labels.last().copied().unwrap_or_default();
    let hex = last.strip_prefix("0x").is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
    if hex || last.bytes().all(|b| b.is_ascii_digit()) {
        return say("is an address: write a name");
    }
    // Punycode that decodes to nothing (RFC 5891) could never be compared with a URL's host.
    if !matches!(url::Host::parse(name), Ok(url::Host::Domain(read)) if read == name) {
        return say("is not a host name: its punycode (xn--) cannot be read");
    }
    if labels.len() < 2 {
        return say(if name == pattern {
            "has one label only: write a full name such as api.example.com"
        } else {
            "covers a whole top-level domain: name at least two labels after *."
        });
    }
    if host_matches(ENDPOINTS, name) || host_matches("*.endpoint.invalid", name) || name == "invalid" {
        return say("is how endpoints are addressed: declare an [[endpoint]] instead");
    }
    Ok(())
}

/// What is wrong with a path pattern.
pub(crate) fn check_path(pattern: &str) -> Result<(), String> {
    let say = |what: &str| Err(format!("`{}` {what}", model::cut(pattern, 100)));
    if pattern.len() > 512 {
        return say("is longer than 512 characters");
    }
    let Some(rest) = pattern.strip_prefix('/') else {
        return say("does not start with a slash");
    };
    if let Some(c) = pattern.chars().find(|c| !c.is_ascii_graphic() || "?#\\\"<>^`|".contains(*c)) {
        return say(&format!(
            "holds {c:?}, which no path has on the wire: percent-encode it, and leave the query out"
        ));
    }
    let lower = pattern.to_ascii_lowercase();
    if let Some(code) = ["%2f", "%5c", "%2e", "%00"].into_iter().find(|c| lower.contains(c)) {
        return say(&format!("holds {code}: a slash, backslash, dot or NUL must not hide in an encoding"));
    }
    let whole = rest.strip_suffix("**").unwrap_or(rest);
    if whole.contains("**") {
        return say("has ** before its end: ** stands for all that follows, so it can only be last");
    }
    if rest.ends_with("**") && !(whole.is_empty() || whole.ends_with('/')) {
        return say("has ** within a segment: write /v1/things/** or /v1/things*");
    }
    let segments: Vec<&str> = rest.split('/').collect();
    if segments.iter().any(|s| matches!(*s, "." | "..")) {
        return say("has a dot segment");
    }
    if segments.len() > 1 && segments[..segments.len() - 1].contains(&"") {
        return say("has an empty segment (two slashes in a row)");
    }
    Ok(())
}

/// What is wrong with an event pattern.
pub(crate) fn check_event(pattern: &str) -> Result<(), String> {
    let name = match pattern.strip_suffix('*') {
        Some("") => return Ok(()),
        Some(family) if family.ends_with('.') && family.len() > 1 => family,
        Some(_) => {
            return Err(format!("`{}` is no pattern: write a name, call.* or *", model::cut(pattern, 100)));
        }
        None => pattern,
    };
    let fits = (1..=100).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    if fits {
        return Ok(());
    }
    Err(format!(
        "`{}` is no event's name: 1 to 100 of a-z, 0-9, dot, _ and -; or call.*, or *",
        model::cut(pattern, 100)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_host_covers_names_below_it_and_not_itself() {
        assert!(
            host_matches("*.example.com", "a.example.com")
                && host_matches("*.example.com", "b.a.example.com")
        );
        for other in
            ["example.com", "badexample.com", ".example.com", "a.example.com.evil.org", "a.example.com."]
        {
            assert!(!host_matches("*.example.com", other), "{other}");
        }
        assert!(
            host_covers("*.example.com", "*.example.com") && host_covers("*.example.com", "*.eu.example.com")
        );
        assert!(
            !host_covers("*.eu.example.com", "*.example.com")
                && !host_covers("a.example.com", "*.example.com")
        );
    }

    #[test]
    fn a_path_pattern_goes_segment_by_segment() {
        for (pattern, path) in [
            ("/v1/*", "/v1/7"),
            ("/bot*/send", "/bot1:a/send"),
            ("/v1/**", "/v1/"),
            ("/v1/**", "/v1/a/b"),
            ("/**", "/"),
            ("/", "/"),
        ] {
            assert!(path_matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("/v1/*", "/v1/"),
            ("/v1/*", "/v1/7/8"),
            ("/v1/**", "/v1"),
            ("/v1/**", "/V1/a"),
            ("/v1", "/v1/"),
            ("/bot*/send", "/bot1/x/send"),
            ("/a/*/c", "/a//c"),
            ("v1", "v1"),
        ] {
            assert!(!path_matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn a_wider_path_covers_a_narrower_one_and_not_the_reverse() {
        for (outer, inner) in [
            ("/v1/**", "/v1/a/*"),
            ("/v1/*", "/v1/*"),
            ("/v1/*", "/v1/a*"),
            ("/**", "/**"),
            ("/v1/**", "/v1/a/**"),
        ] {
            assert!(path_covers(outer, inner), "{outer} {inner}");
        }
        for (outer, inner) in
            [("/v1/*", "/v1/**"), ("/v1/a*", "/v1/*"), ("/v1/*/**", "/v1/**"), ("/v1/a", "/v1/*")]
        {
            assert!(!path_covers(outer, inner), "{outer} {inner}");
        }
    }

    #[test]
    fn an_event_pattern_is_a_name_a_family_or_everything() {
        assert!(
            event_matches("*", "x") && event_matches("call.*", "call.ended") && event_matches("a.b", "a.b")
        );
        assert!(
            !event_matches("call.*", "call.")
                && !event_matches("call.*", "calls.x")
                && !event_matches("a", "a.b")
        );
        for bad in ["", "call*", "*.call", "Call.ended", "a b", ".*", "**"] {
            assert!(check_event(bad).is_err(), "{bad}");
        }
    }
}
