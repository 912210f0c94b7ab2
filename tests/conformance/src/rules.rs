//! What every connector owes its users, whatever it connects.

use std::path::Path;
use std::sync::Arc;

use egress::Policy;
use jackfield_connector::testing::Recording;
use sandbox::Connector;

use crate::bench::{Subject, root};
use crate::coverage::{denied, unused};
use crate::garbage;
use crate::play::play;

/// A rule: nothing, or what breaks it.
pub(crate) type Rule = fn(&Subject, &Path) -> Result<(), String>;

/// Each is a test of every connector.
pub(crate) const RULES: &[(&str, Rule)] = &[
    ("its_folder_is_named_after_it", |subject, folder| {
        let same = folder.file_name().is_some_and(|name| name == subject.manifest.id.as_str());
        none(if same {
            vec![]
        } else {
            vec![format!("{} lies in {}", subject.manifest.id, folder.display())]
        })
    }),
    ("its_behaviour_is_written_down", |_, folder| {
        let text =
            std::fs::read_to_string(folder.join("BEHAVIOR.md")).map_err(|e| format!("BEHAVIOR.md: {e}"))?;
        if text.trim().is_empty() { Err("BEHAVIOR.md is empty".to_owned()) } else { Ok(()) }
    }),
    ("every_exported_function_has_a_recording", |subject, _| none(without_recording(subject))),
    ("every_answer_names_its_source", |subject, _| none(without_source(&subject.recordings))),
    ("it_imports_only_what_the_contract_gives", |subject, _| none(foreign_imports(subject)?)),
    ("every_request_is_granted_by_its_manifest", |subject, _| {
        let asked = requests(subject);
        none(asked.filter_map(|(m, url)| denied(&subject.manifest, &subject.policy, m, url)).collect())
    }),
    ("it_asks_for_nothing_that_no_recording_uses", |subject, _| {
        none(unused(&subject.manifest, requests(subject)))
    }),
    ("without_grants_nothing_is_dialled", |subject, _| without_grants(subject)),
    ("garbage_is_told_in_a_typed_error", |subject, _| garbage::endure(subject)),
];

fn none(breaches: Vec<String>) -> Result<(), String> {
    if breaches.is_empty() { Ok(()) } else { Err(breaches.join("\n")) }
}

fn requests(subject: &Subject) -> impl Iterator<Item = (&str, &str)> {
    let exchanges = subject.recordings.iter().flat_map(|(_, recording)| &recording.exchanges);
    exchanges.map(|e| (e.request.method.as_str(), e.request.url.as_str()))
}

/// Functions of the exported interfaces, the probe among them, that no recording calls.
fn without_recording(subject: &Subject) -> Vec<String> {
    let exported = subject.connector.interfaces();
    let is_exported =
        |function: &&&str| function.rsplit_once('.').is_some_and(|(i, _)| exported.contains(&i));
    let is_recorded = |function: &str| subject.recordings.iter().any(|(_, r)| r.call.function == function);
    let functions = Connector::functions().iter().filter(is_exported);
    functions.filter(|f| !is_recorded(f)).map(|f| format!("{f} has no recording")).collect()
}

fn without_source(recordings: &[(String, Recording)]) -> Vec<String> {
    let nameless = |(name, recording): &(String, Recording)| {
        let exchanges = recording.exchanges.iter().zip(1..);
        let nameless = exchanges.filter(|(exchange, _)| exchange.source.trim().is_empty());
        nameless.map(|(_, at)| format!("{name}: exchange {at} names no source")).collect::<Vec<_>>()
    };
    recordings.iter().flat_map(nameless).collect()
}

/// Imports that are neither in the contract's world nor a type's package nor WASI 0.2, which is linked and empty.
fn foreign_imports(subject: &Subject) -> Result<Vec<String>, String> {
    let world =
        std::fs::read_to_string(root().join("wit/world.wit")).map_err(|e| format!("wit/world.wit: {e}"))?;
    let given: Vec<&str> =
        world.lines().filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';')).collect();
    let is_types = |import: &str| import.starts_with("jackfield:") && import.contains("/types@");
    let is_wasi = |import: &str| import.starts_with("wasi:") && import.contains("@0.2.");
    let foreign =
        |import: &&String| !given.contains(&import.as_str()) && !is_types(import) && !is_wasi(import);
    Ok(subject.package.imports.iter().filter(foreign).map(|import| format!("it imports {import}")).collect())
}

/// The same calls with a manifest that grants nothing: the column, not the connector's good manners, holds it.
fn without_grants(subject: &Subject) -> Result<(), String> {
    let mut bare = subject.manifest.clone();
    bare.egress.clear();
    bare.endpoint.clear();
    let policy = Arc::new(Policy::compile(&bare, None, None).map_err(|e| e.to_string())?);
    let mut wrong = Vec::new();
    for (name, recording) in subject.recordings.iter().filter(|(_, r)| !r.exchanges.is_empty()) {
        let bare = Recording { endpoints: Default::default(), ..recording.clone() };
        let played = play(subject, &policy, &bare, None)?;
        if let Err(error) = &played.result {
            wrong.push(format!("{name}: {error}"));
        }
        let denied =
            played.exchanges.iter().all(|e| e.refusal.as_ref().is_some_and(|r| r.starts_with("denied:")));
        if played.seen.requests > 0 || played.exchanges.is_empty() || !denied {
            wrong.push(format!("{name}: {} requests came through", played.seen.requests));
        }
    }
    none(wrong)
}
