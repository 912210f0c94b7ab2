//! The slow and obvious reading of grants: text is split at slashes and dots, and every way to spend a star is tried. It
//! shares no line with what it is held against.

/// One grant, as a manifest writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    pub methods: Vec<String>,
    pub host: String,
    pub paths: Vec<String>,
    pub redirects: u8,
}

impl Rule {
    pub fn grants(&self, method: &str, host: &str, path: &str) -> bool {
        self.methods.iter().any(|m| m == method)
            && host_fits(&self.host, host)
            && self.paths.iter().any(|p| path_fits(p, path))
    }
}

/// The most redirects that any rule which grants the request allows; none where no rule grants it.
pub(crate) fn granted(rules: &[Rule], method: &str, host: &str, path: &str) -> Option<u8> {
    rules.iter().filter(|r| r.grants(method, host, path)).map(|r| r.redirects).max()
}

/// `*.example.com` wants at least one label more; else label by label.
pub(crate) fn host_fits(pattern: &str, host: &str) -> bool {
    let want: Vec<&str> = pattern.split('.').collect();
    let have: Vec<&str> = host.split('.').collect();
    if want.first() == Some(&"*") {
        let below = &want[1..];
        return have.len() > below.len()
            && have[have.len() - below.len()..] == *below
            // What stands before the suffix is not nothing.
            && !have[..have.len() - below.len()].join(".").is_empty();
    }
    want == have
}

/// Segment by segment; a last `**` stands for all that follows.
pub(crate) fn path_fits(pattern: &str, path: &str) -> bool {
    let encoded = on_the_wire(pattern);
    let want: Vec<&str> = encoded.split('/').collect();
    let have: Vec<&str> = path.split('/').collect();
    if want.last() == Some(&"**") {
        let fixed = &want[..want.len() - 1];
        return have.len() > fixed.len() && fixed.iter().zip(&have).all(|(w, h)| segment_fits(w, h));
    }
    want.len() == have.len() && want.iter().zip(&have).all(|(w, h)| segment_fits(w, h))
}

fn segment_fits(want: &str, have: &str) -> bool {
    if want == "*" { !have.is_empty() } else { spend(want.as_bytes(), have.as_bytes()) }
}

/// A table instead of recursion, so that many stars cost a square and no more: `fits[i]` says whether the glob so far
/// fits the first `i` bytes.
fn spend(glob: &[u8], text: &[u8]) -> bool {
    let mut fits = vec![false; text.len() + 1];
    fits[0] = true;
    for g in glob {
        fits = (0..=text.len())
            .map(|i| match g {
                b'*' => fits[..=i].contains(&true),
                g => i > 0 && fits[i - 1] && text[i - 1] == *g,
            })
            .collect();
    }
    fits[text.len()]
}

/// A path as a URL carries it (WHATWG URL, "path percent-encode set").
pub(crate) fn on_the_wire(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            0..=0x20 | 0x7f.. | b'"' | b'#' | b'<' | b'>' | b'?' | b'`' | b'{' | b'}' => {
                out.push_str(&format!("%{byte:02X}"));
            }
            _ => out.push(char::from(byte)),
        }
    }
    out
}

/// `text` with its percent signs decoded once.
pub(crate) fn decoded(text: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(text).collect()
}

/// Every reading of a path that a server may have: as it is, decoded once, twice, until nothing changes.
pub(crate) fn readings(path: &str) -> Vec<Vec<u8>> {
    let mut all = vec![path.as_bytes().to_vec()];
    while let Some(last) = all.last() {
        let next = decoded(last);
        if next == *last {
            break;
        }
        all.push(next);
    }
    all
}
