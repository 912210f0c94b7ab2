//! Looks for secrets in whatever a host leaves behind, in every form that an encoding, an echo or a dump may give them.
//!
//! A finding names the secret's label and the place, never the secret.

use std::path::Path;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Shorter texts are words that stand anywhere.
const SHORTEST: usize = 8;
/// A secret at least so long is looked for by halves: one that was cut off on its way is found, too.
const HALVED: usize = 24;

/// What is looked for. Letters are compared without their case.
pub(crate) struct Search {
    needles: AhoCorasick,
    /// For each needle: whose it is, and in which form.
    labels: Vec<(String, &'static str)>,
}

/// A secret where none may be.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// Which one.
    pub(crate) secret: String,
    /// As what.
    pub(crate) form: &'static str,
    /// Where.
    pub(crate) place: String,
}

impl Search {
    /// For these: label and secret. Those of fewer than eight bytes are left out.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let (mut patterns, mut labels) = (Vec::new(), Vec::new());
        for (label, secret) in secrets {
            let middle = secret.len() / 2;
            let parts = match secret.len() {
                n if n < SHORTEST => vec![],
                n if n < HALVED => vec![secret],
                _ => vec![&secret[..middle], &secret[middle..]],
            };
            for (form, bytes) in parts.into_iter().flat_map(forms) {
                patterns.push(bytes);
                labels.push((label.to_owned(), form));
            }
        }
        let needles = AhoCorasick::builder().ascii_case_insensitive(true).build(&patterns).unwrap();
        Self { needles, labels }
    }

    /// What is in there; each secret and form once.
    pub(crate) fn bytes(&self, place: &str, bytes: &[u8]) -> Vec<Found> {
        let found = self.needles.find_overlapping_iter(bytes).map(|hit| {
            let (secret, form) = self.labels[hit.pattern().as_usize()].clone();
            Found { secret, form, place: place.to_owned() }
        });
        let mut found: Vec<Found> = found.collect();
        found.sort();
        found.dedup();
        found
    }

    /// How often each secret and form is in there, where it is at all.
    pub(crate) fn counts(&self, bytes: &[u8]) -> Vec<(String, &'static str, usize)> {
        let mut counts = vec![0; self.labels.len()];
        self.needles.find_overlapping_iter(bytes).for_each(|hit| counts[hit.pattern().as_usize()] += 1);
        let found = self.labels.iter().zip(counts).filter(|(_, count)| *count > 0);
        found.map(|((secret, form), count)| (secret.clone(), *form, count)).collect()
    }

    /// What is in the files below `folder` and in their names. `skip` says which files to leave out, by their path below
    /// the folder.
    pub(crate) fn folder(&self, folder: &Path, skip: impl Fn(&Path) -> bool) -> Vec<Found> {
        let mut found = Vec::new();
        for entry in walkdir::WalkDir::new(folder) {
            // SQLite deletes its files when it is closed.
            let Ok(entry) = entry else { continue };
            let path = entry.path().strip_prefix(folder).unwrap();
            let name = path.display().to_string();
            found.extend(self.bytes("a file's name", name.as_bytes()));
            if !entry.file_type().is_file() || skip(path) {
                continue;
            }
            match std::fs::read(entry.path()) {
                Ok(bytes) => found.extend(self.bytes(&name, &bytes)),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => panic!("{name}: {e}"),
            }
        }
        found
    }
}

/// Secrets that were made up here. None of them stands in a file of the repository.
pub(crate) struct Planted {
    state: u64,
    /// Label, and what is looked for: the letters alone, which no encoding of a prefix can hide.
    pub(crate) letters: Vec<(String, String)>,
}

impl Planted {
    pub(crate) fn new() -> Self {
        Self { state: 2026, letters: Vec::new() }
    }

    /// Another one; `what` it stands for is what a finding shows of it.
    pub(crate) fn plant(&mut self, what: &str) -> String {
        let letters: String = (0..24).map(|_| char::from(b'a' + self.random(26))).collect();
        let number = self.letters.len() + 1;
        let secret = format!("planted-{number:02}-{letters}");
        self.letters.push((format!("{number:02} ({what})"), letters));
        secret
    }

    /// SplitMix64: the same in every run.
    fn random(&mut self, below: u64) -> u8 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u8::try_from((word ^ (word >> 31)) % below).unwrap()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.letters.len()
    }

    /// Looks for all of them, and for `keys`.
    pub(crate) fn search(&self, keys: &[(&str, &str)]) -> Search {
        let letters = self.letters.iter().map(|(label, letters)| (label.as_str(), letters.as_bytes()));
        Search::new(letters.chain(keys.iter().map(|(label, key)| (*label, key.as_bytes()))))
    }
}

/// A secret's bytes in each form that is looked for.
pub(crate) fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let each = |write: fn(&u8) -> String| secret.iter().map(write).collect::<String>().into_bytes();
    let mut forms = vec![
        ("plain", secret.to_vec()),
        ("percent", each(|b| format!("%{b:02x}"))),
        ("hex", each(|b| format!("{b:02x}"))),
    ];
    if let Ok(text) = std::str::from_utf8(secret) {
        let units: Vec<u16> = text.encode_utf16().collect();
        let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        forms.push(("JSON, all escaped", escaped.into_bytes()));
        let json = serde_json::Value::from(text).to_string();
        forms.push(("JSON", json.as_bytes()[1..json.len() - 1].to_vec()));
        let percent = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
        forms.push(("percent, where it must be", percent.to_string().into_bytes()));
        // Without the zero byte at one end it is found in either order of bytes.
        let wide: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        forms.push(("UTF-16", wide[1..].to_vec()));
    }
    // Within a longer text it begins at one of three places; what holds bits of its neighbours is left out.
    for (offset, first) in [(0, 0), (1, 2), (2, 3)] {
        let padded = [&[0; 2][..offset], secret].concat();
        let last = padded.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            forms.push(("base64", engine.encode(&padded).as_bytes()[first..last].to_vec()));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    forms.retain(|(_, bytes)| seen.insert(bytes.clone()));
    forms
}

#[test]
fn the_search_finds_a_secret_in_every_form_and_nothing_else() {
    use base64::engine::general_purpose::STANDARD;
    // Not written out, for this file may be searched one day.
    let secret: String = ["sought+", "for/", "and=", "found\"", " in every form"].concat();
    let search = Search::new([("7", secret.as_bytes())]);
    let folder = tempfile::tempdir().unwrap();
    let mut written = forms(secret.as_bytes());
    assert!(written.len() >= 10, "{}", written.len());
    for (offset, before) in ["", "u", "us"].into_iter().enumerate() {
        let text = STANDARD.encode(format!("{before}{secret}, and more"));
        written.push((["0", "1", "2"][offset], text.into_bytes()));
    }
    written.push(("cut off", secret.as_bytes()[..secret.len() / 2].to_vec()));
    written.push(("the end alone", secret.as_bytes()[secret.len() / 2..].to_vec()));
    written.push(("upper case", secret.to_uppercase().into_bytes()));
    written.push(("wide", secret.encode_utf16().flat_map(u16::to_le_bytes).collect()));
    for (n, (form, bytes)) in written.iter().enumerate() {
        let around = [b"\0\xffbefore".as_slice(), bytes, b"after\xfe\0"].concat();
        std::fs::write(folder.path().join(n.to_string()), around).unwrap();
        assert!(!search.folder(folder.path(), |path| path != Path::new(&n.to_string())).is_empty(), "{form}");
    }
    let found = search.folder(folder.path(), |_| false);
    assert!(found.iter().all(|f| f.secret == "7"));
    assert!(!format!("{found:?}").contains("sought"));

    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("x"), "sought-for and=found in every file").unwrap();
    assert_eq!(search.folder(other.path(), |_| false), []);
    std::fs::write(other.path().join("sought+for%2fand%3dfound%22%20in%20every%20form"), "").unwrap();
    assert_eq!(search.folder(other.path(), |_| false)[0].place, "a file's name");
}
