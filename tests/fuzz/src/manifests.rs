//! `connector.toml`, and the settings of a connection. Input: a manifest; after a line `%%%`, settings as JSON.

use manifest::{Manifest, Permissions};
use serde_json::Value;

/// A manifest of 64 KiB is the largest, so this many characters say enough of one problem.
const LONGEST_PROBLEM: usize = 2_048;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (text, settings) = text.split_once("\n%%%\n").unwrap_or((text, "null"));
    match Manifest::parse(text) {
        Err(error) => refused(&error),
        Ok(manifest) => accepted(&manifest, settings),
    }
}

fn refused(error: &manifest::ManifestError) {
    assert!((1..=50).contains(&error.problems.len()), "{} problems", error.problems.len());
    for problem in &error.problems {
        assert!(!problem.message.is_empty());
        let shown = problem.to_string();
        assert!(shown.chars().count() <= LONGEST_PROBLEM, "a problem of {} bytes: {shown:.200}", shown.len());
        assert!(!shown.chars().any(char::is_control), "a problem of more than one line: {shown:?}");
    }
}

fn accepted(manifest: &Manifest, settings: &str) {
    assert!(Manifest::is_id(&manifest.id));
    let written = toml::to_string(manifest).unwrap_or_else(|e| panic!("cannot be written: {e}"));
    // Defaults that are written out make it longer.
    if written.len() <= manifest::MAX_BYTES {
        let again = Manifest::parse(&written)
            .unwrap_or_else(|e| panic!("refused when written again: {e}\n{written}"));
        assert_eq!(*manifest, again, "{written}");
    }
    let json = serde_json::to_value(manifest).unwrap_or_else(|e| panic!("no JSON: {e}"));
    match serde_json::from_value::<Manifest>(json) {
        Ok(again) => assert_eq!(*manifest, again),
        Err(e) => panic!("its JSON is refused: {e}"),
    }
    let asked = Permissions::of(manifest);
    assert_eq!(Permissions::diff(&asked, &asked), []);
    let page = asked.to_string();
    assert!(
        !page.chars().any(|c| c.is_control() && c != '\n'),
        "the consent page moves the cursor: {page:?}"
    );
    if let Err(e) = egress::Policy::compile(manifest, None, None) {
        panic!("an accepted manifest cannot be compiled: {e}");
    }
    check_settings(manifest, settings);
}

fn check_settings(manifest: &Manifest, settings: &str) {
    let Ok(given) = serde_json::from_str::<Value>(settings) else { return };
    match manifest.check_settings(&given) {
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(!error.problem.is_empty());
                assert!(!error.to_string().chars().any(char::is_control), "{error}");
            }
        }
        // What is filled in is itself in order, and nothing more is filled in.
        Ok(full) => assert_eq!(manifest.check_settings(&full), Ok(full.clone())),
    }
}
