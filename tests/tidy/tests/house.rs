//! The invariants hold, and each rule fails on a planted breach.

use std::sync::LazyLock;

use tidy::crates::{Crate, RANKS, importer_breaches, meeting_breaches, rank_breaches};
use tidy::sources::{self, Source};

static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| sources::read(&tidy::root()));
static CRATES: LazyLock<Vec<Crate>> = LazyLock::new(|| {
    let mut crates = metadata("Cargo.toml");
    crates.extend(metadata("plugins/Cargo.toml"));
    crates
});

/// The path packages of one workspace.
fn metadata(manifest: &str) -> Vec<Crate> {
    let root = tidy::root();
    let found = cargo_metadata::MetadataCommand::new()
        .manifest_path(root.join(manifest))
        .no_deps()
        .exec()
        .unwrap_or_else(|e| panic!("cargo metadata of {manifest}: {e}"));
    found
        .packages
        .iter()
        .map(|p| Crate {
            name: p.name.to_string(),
            folder: p
                .manifest_path
                .parent()
                .and_then(|f| f.as_std_path().strip_prefix(&root).ok())
                .map(|f| f.to_string_lossy().into_owned())
                .unwrap_or_default(),
            imports: p
                .dependencies
                .iter()
                .filter(|d| d.kind != cargo_metadata::DependencyKind::Development)
                .map(|d| d.name.clone())
                .collect(),
        })
        .collect()
}

fn none(breaches: Vec<String>) {
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

fn planted(name: &str, folder: &str, imports: &[&str]) -> Crate {
    Crate {
        name: name.to_owned(),
        folder: folder.to_owned(),
        imports: imports.iter().map(|i| (*i).to_owned()).collect(),
    }
}

fn file(path: &str, text: &str) -> Vec<Source> {
    vec![Source { path: path.to_owned(), text: text.to_owned() }]
}

#[test]
fn a_crate_imports_lower_ranks_only() {
    assert!(CRATES.iter().any(|c| c.folder == "host/store"), "the crates were not found");
    none(rank_breaches(&CRATES));
    assert_eq!(rank_breaches(&[planted("api", "host/api", &["pipeline"])]).len(), 1);
    assert_eq!(rank_breaches(&[planted("store", "host/store", &["vault"])]).len(), 1);
    assert_eq!(rank_breaches(&[planted("attic", "host/attic", &[])]).len(), 1);
}

#[test]
fn each_heavy_library_has_one_importer() {
    none(importer_breaches(&CRATES));
    assert_eq!(importer_breaches(&[planted("pipeline", "host/pipeline", &["sqlx"])]).len(), 1);
    assert_eq!(importer_breaches(&[planted("vault", "host/vault", &["wasmtime"])]).len(), 1);
}

#[test]
fn host_and_connectors_meet_in_wit_only() {
    assert!(CRATES.iter().any(|c| c.folder.starts_with("plugins/")), "the connectors were not found");
    none(meeting_breaches(&CRATES));
    let hubspot = planted("hubspot", "plugins/hubspot", &["model"]);
    let model = planted("model", "host/model", &[]);
    assert_eq!(meeting_breaches(&[hubspot, model]).len(), 1);
    let store = planted("store", "host/store", &["providers"]);
    let providers = planted("providers", "tests/providers", &[]);
    assert_eq!(meeting_breaches(&[store, providers]).len(), 1);
}

#[test]
fn the_connectors_have_a_workspace_and_a_lock_file_of_their_own() {
    let root = tidy::root();
    assert!(root.join("plugins/Cargo.lock").is_file());
    let host = metadata("Cargo.toml");
    assert!(host.iter().all(|c| !c.folder.starts_with("plugins/")), "a connector is in the host's workspace");
}

#[test]
fn nothing_leaves_the_process_except_through_egress() {
    none(sources::way_out_breaches(&SOURCES));
    let breach = file("host/vault/src/lib.rs", "let s = TcpStream::connect(address).await?;");
    assert_eq!(sources::way_out_breaches(&breach).len(), 1);
}

#[test]
fn time_and_chance_come_from_model() {
    none(sources::clock_breaches(&SOURCES));
    assert_eq!(sources::clock_breaches(&file("host/api/src/x.rs", "SystemTime::now()")).len(), 1);
}

#[test]
fn every_queue_has_a_bound() {
    none(sources::bound_breaches(&SOURCES));
    let breach = file("host/api/src/x.rs", concat!("mpsc::unbounded", "_channel()"));
    assert_eq!(sources::bound_breaches(&breach).len(), 1);
}

#[test]
fn files_stay_short() {
    none(sources::length_breaches(&SOURCES));
    assert_eq!(sources::length_breaches(&file("host/api/src/x.rs", &"\n".repeat(451))).len(), 1);
}

#[test]
fn every_crate_opens_with_what_it_owns_and_refuses() {
    none(sources::opening_breaches(&SOURCES));
    assert_eq!(sources::opening_breaches(&file("host/api/src/lib.rs", "//! The API.")).len(), 1);
}

#[test]
fn all_wit_packages_carry_one_version() {
    let versions = sources::wit_versions(&SOURCES);
    assert!(versions.len() >= 7, "{versions:?}");
    none(sources::version_breaches(&versions));
    let mixed = [("wit/a.wit".to_owned(), "0.1.0".to_owned()), ("wit/b.wit".to_owned(), "0.2.0".to_owned())];
    assert_eq!(sources::version_breaches(&mixed).len(), 1);
}

#[test]
fn no_machine_path_registry_host_or_tool_of_the_workplace_is_named() {
    none(sources::word_breaches(&SOURCES));
    assert_eq!(sources::word_breaches(&file("README.md", concat!("see /wo", "rk/x"))).len(), 1);
}

#[test]
fn the_map_names_every_crate() {
    let names: Vec<&str> = RANKS.iter().map(|(name, _)| *name).collect();
    none(sources::map_breaches(&SOURCES, &names));
    assert_eq!(sources::map_breaches(&file("docs/architecture.md", "`api`"), &["api", "vault"]).len(), 1);
}

#[test]
fn the_top_level_holds_what_the_design_names_and_nothing_else() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "host",
        "plugins",
        "wit",
        "sdk",
        "tests",
        "README.md",
        "docs",
        "CHANGELOG.md",
        "target",
    ];
    let found: Vec<String> = std::fs::read_dir(tidy::root())
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|n| !n.starts_with('.') && !n.starts_with("LICENSE") && !allowed.contains(&n.as_str()))
        // What running the host leaves beside its configuration, and git ignores.
        .filter(|n| !n.starts_with("jackfield.") && n != "data")
        .collect();
    assert!(found.is_empty(), "{found:?}");
}
