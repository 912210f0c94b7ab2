//! Host and path patterns, compiled once, matched without allocation.

use url::Host;

/// An exact host, or every name below a suffix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostPattern {
    /// Lower case, IDNA-encoded.
    Exact(Box<str>),
    /// With its leading dot: `.example.com`.
    Below(Box<str>),
}

impl HostPattern {
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("the host `{text}` {why}; write api.example.com or *.example.com");
        let (name, wild) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        if name.is_empty()
            || name.ends_with('.')
            || name.contains(['*', '/', ':', '@', '%', ' ', '[', '?', '#'])
        {
            return Err(wrong("is no host name"));
        }
        let Ok(Host::Domain(ascii)) = Host::parse(name) else {
            return Err(wrong("is no host name or is an address"));
        };
        if !ascii.contains('.') {
            return Err(wrong("has one label only"));
        }
        Ok(if wild { Self::Below(format!(".{ascii}").into()) } else { Self::Exact(ascii.into()) })
    }

    /// `host` is lower case and IDNA-encoded.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => **name == *host,
            Self::Below(suffix) => host.len() > suffix.len() && host.ends_with(&**suffix),
        }
    }
}

/// `*` stands for one segment or a part of one, a last `**` for all that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathPattern {
    segments: Box<[Segment]>,
    rest: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(Box<[u8]>),
    /// Exactly `*`: a segment that is not empty.
    Any,
    /// Text with `*` in it, each for any run of bytes, the empty one too.
    Glob(Box<[u8]>),
}

impl PathPattern {
    /// Reads a pattern. It is compared with the path as it goes over the wire, so what a URL encodes is encoded here.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("the path pattern `{text}` {why}; write /v1/things/* or /v1/**");
        let Some(tail) = text.strip_prefix('/') else {
            return Err(wrong("does not start with a slash"));
        };
        if text.bytes().any(|b| b <= b' ' || b == 0x7f || matches!(b, b'?' | b'#' | b'\\')) {
            return Err(wrong("holds a character that no path has"));
        }
        let (tail, rest) = match tail.strip_suffix("**") {
            Some("") => ("", true),
            Some(before) if before.ends_with('/') => (&before[..before.len() - 1], true),
            Some(_) => return Err(wrong("has `**` within a segment")),
            None => (tail, false),
        };
        if tail.contains("**") {
            return Err(wrong("has `**` before its end"));
        }
        let segments = if rest && tail.is_empty() && text == "/**" {
            Vec::new()
        } else {
            tail.split('/').map(Segment::parse).collect()
        };
        Ok(Self { segments: segments.into(), rest })
    }

    pub fn matches(&self, path: &str) -> bool {
        let Some(tail) = path.strip_prefix('/') else {
            return false;
        };
        let mut parts = tail.split('/');
        for segment in &self.segments {
            match parts.next() {
                Some(part) if segment.matches(part.as_bytes()) => {}
                _ => return false,
            }
        }
        // `**` wants the slash before it: `/v1/**` is everything below `/v1/`, not `/v1` itself.
        let more = parts.next().is_some();
        more == self.rest
    }
}

impl Segment {
    fn parse(text: &str) -> Self {
        let encoded = crate::target::encode_path(text);
        match text {
            "*" => Self::Any,
            _ if text.contains('*') => Self::Glob(encoded.as_bytes().into()),
            _ => Self::Literal(encoded.as_bytes().into()),
        }
    }

    fn matches(&self, part: &[u8]) -> bool {
        match self {
            Self::Literal(text) => **text == *part,
            Self::Any => !part.is_empty(),
            Self::Glob(glob) => glob_matches(glob, part),
        }
    }
}

/// The linear two-pointer match: on a mismatch, the last `*` takes one byte more.
fn glob_matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if glob.get(g) == Some(&b'*') {
            retry = Some((g + 1, t));
            g += 1;
        } else if glob.get(g) == Some(&text[t]) {
            g += 1;
            t += 1;
        } else if let Some((after, from)) = retry {
            retry = Some((after, from + 1));
            g = after;
            t = from + 1;
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(pattern: &str, name: &str) -> bool {
        HostPattern::parse(pattern).unwrap().matches(name)
    }

    fn path(pattern: &str, text: &str) -> bool {
        PathPattern::parse(pattern).unwrap().matches(text)
    }

    #[test]
    fn a_wildcard_host_is_cut_at_a_label_and_leaves_the_apex_out() {
        assert!(host("*.example.com", "a.example.com"));
        assert!(host("*.example.com", "b.a.example.com"));
        assert!(host("*.EXAMPLE.com", "a.example.com"));
        for other in
            ["example.com", "badexample.com", "a.example.com.evil.org", ".example.com", "example.org"]
        {
            assert!(!host("*.example.com", other), "{other}");
        }
    }

    #[test]
    fn an_exact_host_is_that_host_alone() {
        assert!(host("api.example.com", "api.example.com"));
        assert!(host("bücher.example", "xn--bcher-kva.example"));
        for other in ["example.com", "x.api.example.com", "api.example.com.", "api-example.com"] {
            assert!(!host("api.example.com", other), "{other}");
        }
    }

    #[test]
    fn a_host_pattern_that_is_no_name_is_refused() {
        for bad in [
            "",
            "*",
            "*.",
            "*.*.com",
            "a.*.com",
            "10.0.0.1",
            "[::1]",
            "a.com:8443",
            "https://a.com",
            "localhost",
            "*.com",
            "a.com.",
        ] {
            assert!(HostPattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_pattern_goes_segment_by_segment() {
        assert!(path("/v1/things/*", "/v1/things/7"));
        assert!(path("/bot*/send", "/bot1:a/send"));
        assert!(path("/v1/**", "/v1/"));
        assert!(path("/v1/**", "/v1/a/b/c"));
        assert!(path("/**", "/"));
        assert!(path("/", "/"));
        assert!(path("/v1/", "/v1/"));
        assert!(path("/x{token}/y", "/x%7Btoken%7D/y"));
        for (pattern, text) in [
            ("/v1/things/*", "/v1/things/"),
            ("/v1/things/*", "/v1/things/7/8"),
            ("/v1/things/*", "/v1/things"),
            ("/v1/**", "/v1"),
            ("/v1/**", "/v10/a"),
            ("/v1/**", "/V1/a"),
            ("/v1", "/v1/"),
            ("/", "/v1"),
            ("/bot*/send", "/bot1/x/send"),
            ("/a/*/c", "/a//c"),
        ] {
            assert!(!path(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_double_star_stands_only_at_the_end() {
        for bad in ["v1", "", "/a/**/b", "/a**", "/**/", "/a?b", "/a b", "/a\\b", "/***"] {
            assert!(PathPattern::parse(bad).is_err(), "{bad}");
        }
    }

    /// The slow and obvious way: all ways to spend the stars are tried.
    fn oracle_segment(glob: &[u8], text: &[u8]) -> bool {
        match glob.split_first() {
            None => text.is_empty(),
            Some((b'*', more)) => (0..=text.len()).any(|n| oracle_segment(more, &text[n..])),
            Some((b, more)) => text.first() == Some(b) && oracle_segment(more, &text[1..]),
        }
    }

    fn oracle(pattern: &str, path: &str) -> bool {
        let want: Vec<&str> = pattern.split('/').collect();
        let have: Vec<&str> = path.split('/').collect();
        let rest = want.last() == Some(&"**");
        let fixed = if rest { &want[..want.len() - 1] } else { &want[..] };
        let long_enough = if rest { have.len() > fixed.len() } else { have.len() == fixed.len() };
        long_enough
            && fixed.iter().zip(&have).all(|(w, h)| match *w {
                "*" => !h.is_empty(),
                w => oracle_segment(w.as_bytes(), h.as_bytes()),
            })
    }

    proptest! {
        #[test]
        fn hosts_match_as_the_manifest_says(wild in any::<bool>(), name in "[ab]{1,2}(\\.[ab]{1,2}){1,2}", host in "[ab]{0,2}(\\.[ab]{0,2}){0,3}") {
            let pattern = if wild { format!("*.{name}") } else { name };
            let compiled = HostPattern::parse(&pattern).unwrap();
            prop_assert_eq!(compiled.matches(&host), manifest::host_matches(&pattern, &host), "{} {}", pattern, host);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn the_matcher_agrees_with_the_slow_oracle(
            parts in prop::collection::vec("[ab]{0,2}\\*?[ab]{0,2}\\*?", 0..4),
            rest in any::<bool>(),
            path in "(/[ab]{0,4}){1,5}",
        ) {
            let mut pattern: String = parts.iter().map(|p| format!("/{}", p.replace("**", "*"))).collect();
            if rest { pattern.push_str("/**"); }
            if pattern.is_empty() { pattern.push('/'); }
            let compiled = PathPattern::parse(&pattern).unwrap();
            prop_assert_eq!(compiled.matches(&path), oracle(&pattern, &path), "{} {}", pattern, path);
            // The consent page and the vault read patterns through the manifest's own matcher.
            prop_assert_eq!(compiled.matches(&path), manifest::path_matches(&pattern, &path), "{} {}", pattern, path);
        }
    }
}
