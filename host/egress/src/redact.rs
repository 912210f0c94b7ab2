//! Cuts secrets out of text and bytes, in every form that an echo may give them.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// What stands where a secret was.
pub(crate) const REDACTED: &str = "REDACTED";
/// Shorter texts are not looked for: they would be found everywhere.
const SHORTEST: usize = 4;
/// Where the beginning and end of a base64 form depend on its neighbours, the middle must be this long to be looked for.
const SHORTEST_MIDDLE: usize = 8;

/// So many readings of one spelling are followed: a secret with more `%` or `\` in a row than that is none.
const MOST_PLACES: usize = 16;

/// The secrets to cut out. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    /// Longest first, so that a secret within a longer one does not leave the rest standing.
    needles: Arc<Vec<Zeroizing<String>>>,
    /// Bytes at which a needle may begin.
    starts: Starts,
}

#[derive(Clone)]
struct Starts([bool; 256]);

impl Default for Starts {
    fn default() -> Self {
        Self([false; 256])
    }
}

impl Redactor {
    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// Looks for this secret from now on: as it is, percent-encoded, JSON-escaped, and in base64, alone or as a part of
    /// something longer.
    pub fn add(&mut self, secret: &str) {
        self.add_plain(secret);
        let bytes = secret.as_bytes();
        if secret.len() < SHORTEST {
            return;
        }
        for text in [STANDARD_NO_PAD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)].map(Zeroizing::new) {
            self.add_plain(&text);
        }
        for offset in 0..3usize {
            let padded = Zeroizing::new([&[0u8; 2][..offset.min(2)], bytes].concat());
            // Characters that hold bits of the neighbours are left out at both ends.
            let first = [0, 2, 3][offset];
            let last = padded.len() * 8 / 6;
            if last.saturating_sub(first) >= SHORTEST_MIDDLE {
                let forms = [STANDARD_NO_PAD.encode(&*padded), URL_SAFE_NO_PAD.encode(&*padded)];
                for text in forms.map(Zeroizing::new) {
                    self.add_plain(&text[first..last]);
                }
            }
        }
    }

    /// A header's secret: the part that the keeper names, and the password within Basic (RFC 7617).
    pub fn add_header(&mut self, value: &str, secret: &str) {
        self.add(secret);
        if !value.contains(secret) {
            self.add(value);
        }
        if let Some((scheme, rest)) = value.split_once(' ')
            && scheme.eq_ignore_ascii_case("basic")
        {
            self.add(rest);
            if let Some(pair) = STANDARD.decode(rest).ok().map(Zeroizing::new)
                && let Ok(pair) = std::str::from_utf8(&pair)
                && let Some((_, password)) = pair.split_once(':')
            {
                self.add(password);
            }
        }
    }

    /// A URL that is secret as a whole: the URL, its path, and each part of it that looks like a key rather than a word.
    pub fn add_url(&mut self, url: &str) {
        self.add(url.trim_end_matches('/'));
        let Ok(parsed) = url::Url::parse(url) else {
            return;
        };
        let path_and_query = &parsed[url::Position::BeforePath..url::Position::AfterQuery];
        for text in [&parsed[url::Position::BeforeHost..], path_and_query, parsed.path()] {
            let text = text.trim_end_matches('/');
            if text.len() >= 12 {
                self.add(text);
            }
        }
        let values = parsed.query_pairs().map(|(_, value)| value.into_owned());
        for part in parsed.path().split('/').map(str::to_owned).chain(values) {
            let word = part.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'_');
            if part.len() >= 20 || (part.len() >= 6 && !word) {
                self.add(&part);
            }
        }
    }

    fn add_plain(&mut self, text: &str) {
        if text.len() < SHORTEST || self.needles.iter().any(|n| ***n == *text) {
            return;
        }
        let needles = Arc::make_mut(&mut self.needles);
        let at = needles.partition_point(|n| n.len() >= text.len());
        needles.insert(at, Zeroizing::new(text.to_owned()));
        self.starts.0[usize::from(text.as_bytes()[0])] = true;
        for escape in [b'%', b'\\'] {
            self.starts.0[usize::from(escape)] = true;
        }
        if text.starts_with(' ') {
            self.starts.0[usize::from(b'+')] = true;
        }
    }

    /// `input` without secrets; none where there were none.
    fn cut_out(&self, input: &[u8]) -> Option<Vec<u8>> {
        let mut output: Option<Vec<u8>> = None;
        let (mut at, mut kept) = (0, 0);
        while at < input.len() {
            match self.found(input, at) {
                Some(length) => {
                    let out = output.get_or_insert_with(|| Vec::with_capacity(input.len()));
                    out.extend_from_slice(&input[kept..at]);
                    out.extend_from_slice(REDACTED.as_bytes());
                    at += length;
                    kept = at;
                }
                None => at += 1,
            }
        }
        if let Some(out) = &mut output {
            out.extend_from_slice(&input[kept..]);
        }
        output
    }

    fn found(&self, input: &[u8], at: usize) -> Option<usize> {
        let byte = input[at];
        if !self.starts.0[usize::from(byte)] {
            return None;
        }
        let begins = |needle: &str| needle.as_bytes()[0] == byte || matches!(byte, b'%' | b'\\' | b'+');
        let likely = self.needles.iter().filter(|needle| begins(needle));
        likely.filter_map(|needle| encoded_length(&input[at..], needle)).next()
    }

    /// Whether a secret is in there.
    pub fn finds(&self, input: &[u8]) -> bool {
        (0..input.len()).any(|at| self.found(input, at).is_some())
    }

    /// Whether a secret is in a header's name, which arrives in lower case whatever was sent.
    pub fn finds_in_name(&self, name: &str) -> bool {
        let is_in = |n: &str| name.as_bytes().windows(n.len()).any(|w| w.eq_ignore_ascii_case(n.as_bytes()));
        self.needles.iter().any(|needle| is_in(needle))
    }

    pub fn bytes<'a>(&self, input: &'a [u8]) -> Cow<'a, [u8]> {
        self.cut_out(input).map_or(Cow::Borrowed(input), Cow::Owned)
    }

    pub fn text<'a>(&self, input: &'a str) -> Cow<'a, str> {
        match self.cut_out(input.as_bytes()) {
            None => Cow::Borrowed(input),
            // Needles are whole characters, so this loses nothing.
            Some(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// How far beyond a cut one must look so that a secret across it is seen whole.
    pub fn reach(&self) -> usize {
        self.needles.first().map_or(0, |n| n.len() * 6)
    }
}

/// How many bytes of `input` spell `needle` from its beginning, each character in any of its forms; none if they do not.
fn encoded_length(input: &[u8], needle: &str) -> Option<usize> {
    // A character's form can be ambiguous (`%` begins its own encoding), so every place that the spelling may have reached
    // is followed. Their number is bounded: a hostile input must not cost more than a scan.
    let mut places = [0; MOST_PLACES];
    let mut count = 1;
    for c in needle.chars() {
        let (mut next, mut n) = ([0; MOST_PLACES], 0);
        for place in &places[..count] {
            let rest = &input[*place..];
            for form in [plain(rest, c), percent(rest, c), escaped(rest, c)].into_iter().flatten() {
                let to = place + form;
                if n < MOST_PLACES && !next[..n].contains(&to) {
                    next[n] = to;
                    n += 1;
                }
            }
        }
        if n == 0 {
            return None;
        }
        (places, count) = (next, n);
    }
    places[..count].iter().copied().max()
}

fn plain(input: &[u8], c: char) -> Option<usize> {
    let mut buffer = [0; 4];
    let bytes = c.encode_utf8(&mut buffer).as_bytes();
    let same = input.starts_with(bytes) || (c == ' ' && input.first() == Some(&b'+'));
    same.then_some(bytes.len())
}

/// `%2B`, in either case.
fn percent(input: &[u8], c: char) -> Option<usize> {
    let mut buffer = [0; 4];
    let bytes = c.encode_utf8(&mut buffer).as_bytes();
    let spelt = |(at, byte): (usize, &u8)| {
        input.get(at * 3..at * 3 + 3).is_some_and(|t| t[0] == b'%' && hex(&t[1..]) == Some(u32::from(*byte)))
    };
    bytes.iter().enumerate().all(spelt).then_some(bytes.len() * 3)
}

/// `\/`, `\"`, `\n`, `\u002f` (RFC 8259 §7).
fn escaped(input: &[u8], c: char) -> Option<usize> {
    if input.first() != Some(&b'\\') {
        return None;
    }
    let short = match c {
        '"' => b'"',
        '\\' => b'\\',
        '/' => b'/',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        _ => 0,
    };
    if short != 0 && input.get(1) == Some(&short) {
        return Some(2);
    }
    let mut buffer = [0; 2];
    let units = c.encode_utf16(&mut buffer);
    let spelt = |(at, unit): (usize, &u16)| {
        input
            .get(at * 6..at * 6 + 6)
            .is_some_and(|t| t[0] == b'\\' && t[1] == b'u' && hex(&t[2..]) == Some(u32::from(*unit)))
    };
    units.iter().enumerate().all(spelt).then_some(units.len() * 6)
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |n, d| Some(n * 16 + char::from(*d).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn redact(secret: &str, text: &str) -> String {
        let mut r = Redactor::default();
        r.add(secret);
        r.text(text).into_owned()
    }

    #[test]
    fn a_secret_is_found_in_all_its_forms() {
        let secret = "p/w+d=\"ü%4 x";
        for form in [
            secret.to_owned(),
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string().to_lowercase(),
            "p/w%2Bd=%22%C3%BC%254+x".to_owned(),
            serde_json::Value::from(secret).to_string().trim_matches('"').to_owned(),
            "p\\/w+d=\\\"\\u00fc%4 x".to_owned(),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            utf8_percent_encode(&STANDARD.encode(secret), NON_ALPHANUMERIC).to_string(),
        ] {
            let out = redact(secret, &format!("<{form}>"));
            assert!(out.starts_with("<REDACTED") && out.ends_with('>') && out.len() <= 16, "{form} → {out}");
        }
    }

    #[test]
    fn a_secret_within_a_longer_base64_text_is_cut_out_at_every_offset() {
        let secret = "tok-0123456789";
        for before in ["", "u", "us", "use", "user:"] {
            let text = STANDARD.encode(format!("{before}{secret}:after"));
            let out = redact(secret, &text);
            assert!(out.contains(REDACTED), "{before}: {out}");
            let left: Vec<u8> =
                STANDARD_NO_PAD.decode(out.split(REDACTED).next().unwrap_or("")).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&left).contains("tok-0"));
        }
    }

    #[test]
    fn a_basic_password_is_found_alone_too() {
        let mut r = Redactor::default();
        let pair = STANDARD.encode("user:sesame-street");
        r.add_header(&format!("Basic {pair}"), &pair);
        assert_eq!(r.text("pw=sesame-street"), "pw=REDACTED");
        assert_eq!(r.text(&format!("Basic {pair}")), "Basic REDACTED");
        assert_eq!(r.text("user"), "user");
    }

    #[test]
    fn a_secret_url_is_found_whole_and_by_its_telling_parts() {
        let mut r = Redactor::default();
        r.add_url("https://hooks.example.com/hooks/catch/1234567/b1x2c3/");
        assert_eq!(
            r.text("see https://hooks.example.com/hooks/catch/1234567/b1x2c3/ now"),
            "see REDACTED/ now"
        );
        assert_eq!(r.text("zap 1234567 b1x2c3 of hooks, catch"), "zap REDACTED REDACTED of hooks, catch");
    }

    #[test]
    fn a_secret_whose_spelling_is_ambiguous_is_found() {
        let secret = "sesame\\\\\\\\\\%%25%%\\x";
        for form in [
            secret.to_owned(),
            secret.replace('\\', "\\\\"),
            secret.replace('%', "%25"),
            secret.replace('%', "\\u0025").replace("\\x", "\\\\x"),
        ] {
            assert_eq!(redact(secret, &form), REDACTED, "{form}");
        }
    }

    #[test]
    fn a_control_character_of_a_secret_is_found_as_json_escapes_it() {
        let secret = "pass\tword\nof\u{8}\u{c}\rlines";
        for form in
            [serde_json::Value::from(secret).to_string(), "pass\\u0009word\\nof\\b\\f\\rlines".to_owned()]
        {
            assert_eq!(redact(secret, form.trim_matches('"')), REDACTED, "{form}");
        }
    }

    #[test]
    fn short_texts_and_other_texts_stay() {
        assert_eq!(redact("ab", "cabd"), "cabd");
        assert_eq!(redact("secret-1", "secret-2 %7 \\u00 %"), "secret-2 %7 \\u00 %");
    }

    proptest! {
        #[test]
        fn no_form_of_a_secret_survives(
            secret in "[ -~]{8,24}", before in "[a-z&=\\\\%]{0,5}", after in "[a-z&=%]{0,5}", mask in any::<u32>(),
        ) {
            // Each character plain, percent-encoded or JSON-escaped, in any mixture.
            let spelt: String = secret.chars().enumerate().map(|(i, c)| match (mask >> (i % 16 * 2)) & 3 {
                0 => format!("%{:02X}", u32::from(c)),
                1 => format!("\\u{:04x}", u32::from(c)),
                _ => c.to_string(),
            }).collect();
            let mut r = Redactor::default();
            r.add(&secret);
            let out = r.text(&format!("{before}{spelt}{after}")).into_owned();
            prop_assert!(!r.finds(out.as_bytes()) || out.contains(REDACTED));
            prop_assert!(out.contains(REDACTED), "{}", spelt);
        }

        #[test]
        fn no_bytes_make_it_panic(secret in ".{0,12}", input in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut r = Redactor::default();
            r.add(&secret);
            let _ = r.bytes(&input);
        }
    }
}
