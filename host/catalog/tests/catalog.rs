//! Components that may be installed, and many that may not.

#[path = "catalog/packages.rs"]
mod packages;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use catalog::{Catalog, CatalogError, Compile, Package};
use model::{Millis, SeededIds, TestClock};
use store::{NewConnection, Options, Store, StoreError};
use tempfile::TempDir;
use wasm_encoder::{
    ComponentBuilder, ComponentExportKind, ComponentTypeRef, CustomSection, InstanceType, Module,
};

const SMALL: &str = "manifest = 1\nid = \"example\"\nname = \"Example\"\nversion = \"1.0.0\"\n";
const REACH: &str = "[[egress]]\nmethods = [\"GET\"]\nhost = \"api.example.com\"\npaths = [\"/v1/*\"]\n";
const LIFECYCLE: &str = "jackfield:core/lifecycle@0.1.0";

/// A component of empty interfaces.
fn component(imports: &[&str], exports: &[&str], manifests: &[&str]) -> Vec<u8> {
    let mut builder = ComponentBuilder::default();
    let empty = builder.type_instance(None, &InstanceType::new());
    for import in imports {
        builder.import(*import, ComponentTypeRef::Instance(empty));
    }
    for export in exports {
        let none: [(&str, ComponentExportKind, u32); 0] = [];
        let instance = builder.instantiate_exports(None, none);
        builder.export(*export, ComponentExportKind::Instance, instance, None);
    }
    for manifest in manifests {
        builder.custom_section(&CustomSection {
            name: manifest::SECTION.into(),
            data: manifest.as_bytes().into(),
        });
    }
    builder.finish()
}

fn good(more: &str) -> Vec<u8> {
    component(
        &["jackfield:host/http@0.1.0", "wasi:io/streams@0.2.6"],
        &[LIFECYCLE],
        &[&format!("{SMALL}{more}")],
    )
}

fn refused(bytes: &[u8]) -> CatalogError {
    let error = Catalog::examine(bytes).expect_err("a bad component");
    assert!(!error.to_string().is_empty());
    error
}

#[test]
fn a_component_shows_its_manifest_exports_imports_and_digest_without_running() {
    let exports = [LIFECYCLE, "jackfield:crm/types@0.1.0", "jackfield:crm/write@0.1.0", "wasi:cli/run@0.2.6"];
    let bytes = component(&["jackfield:host/http@0.1.0", "jackfield:core/types@0.1.0"], &exports, &[SMALL]);
    let package = Catalog::examine(&bytes).unwrap();
    assert_eq!(package.manifest.id, "example");
    assert_eq!(package.manifest_text, SMALL);
    assert_eq!(package.interfaces, [LIFECYCLE, "jackfield:crm/write@0.1.0"]);
    assert_eq!(package.imports, ["jackfield:host/http@0.1.0", "jackfield:core/types@0.1.0"]);
    assert_eq!(package.size, bytes.len() as u64);
    assert!(package.digest.starts_with("sha256:") && package.digest.len() == 71);
    let other = Catalog::examine(&good("")).unwrap();
    assert_ne!(package.digest, other.digest);
}

#[test]
fn what_is_no_component_is_refused_with_the_command_that_makes_one() {
    for bytes in [&b""[..], b"hello", b"\0asm", b"\0asm\x0d\0\x01\0\xff\xff\xff", &[0; 4_096], b"(component)"]
    {
        let error = refused(bytes);
        assert!(matches!(error, CatalogError::Malformed(_)), "{error:?}");
        assert!(error.to_string().contains("jackfield build"), "{error}");
        assert_eq!(error.to_string().lines().count(), 1);
    }
    let module = refused(&Module::new().finish());
    assert_eq!(module, CatalogError::CoreModule);
    assert!(module.to_string().contains("jackfield build"));
    let whole = good("");
    for length in (0..whole.len()).step_by(7) {
        let _ = refused(&whole[..length]);
    }
    let large = vec![0; 64 * 1024 * 1024 + 1];
    assert_eq!(refused(&large), CatalogError::TooLarge(large.len() as u64));
}

#[test]
fn an_invalid_component_is_refused_though_it_parses() {
    let mut builder = ComponentBuilder::default();
    // There is no such instance.
    builder.export(LIFECYCLE, ComponentExportKind::Instance, 7, None);
    builder.custom_section(&CustomSection { name: manifest::SECTION.into(), data: SMALL.as_bytes().into() });
    assert!(matches!(refused(&builder.finish()), CatalogError::Malformed(_)));
}

#[test]
fn exactly_one_manifest_lies_at_the_top() {
    assert_eq!(refused(&component(&[], &[LIFECYCLE], &[])), CatalogError::NoManifest);
    assert_eq!(refused(&component(&[], &[LIFECYCLE], &[SMALL, SMALL])), CatalogError::ManyManifests(2));
    let mut nested = Module::new();
    nested.section(&CustomSection { name: manifest::SECTION.into(), data: SMALL.as_bytes().into() });
    let mut builder = ComponentBuilder::default();
    builder.core_module(None, &nested);
    assert_eq!(refused(&builder.finish()), CatalogError::NoManifest, "one that is nested is somebody else's");
    let mut builder = ComponentBuilder::default();
    builder.core_module(None, &nested);
    builder
        .custom_section(&CustomSection { name: manifest::SECTION.into(), data: (&b"\xff\xfe"[..]).into() });
    assert_eq!(refused(&builder.finish()), CatalogError::ManifestEncoding);
}

#[test]
fn a_wrong_manifest_is_refused_with_its_line() {
    let error = refused(&good("bogus = 1\n"));
    assert!(matches!(error, CatalogError::Manifest(_)));
    assert!(error.to_string().starts_with("connector.toml: line 5, bogus: unknown key `bogus`"), "{error}");
}

#[test]
fn only_what_the_host_has_may_be_imported() {
    for (import, want) in [
        ("wasi:keyvalue/store@0.2.0", "imports wasi:keyvalue/store@0.2.0"),
        ("wasi:io/streams@0.3.0", "imports wasi:io/streams@0.3.0"),
        ("jackfield:host/secrets@0.1.0", "imports jackfield:host/secrets@0.1.0"),
        ("other:thing/x@1.0.0", "imports other:thing/x@1.0.0"),
        ("plain", "imports plain"),
        ("jackfield:host/http@0.2.0", "built for contract 0.2.0 (host/http), this host speaks 0.1.0"),
        ("jackfield:host/http", "built for contract none (host/http)"),
    ] {
        let said = refused(&component(&[import], &[LIFECYCLE], &[SMALL])).to_string();
        assert!(said.contains(want), "{import}: {said}");
    }
}

#[test]
fn exports_are_those_of_this_contract() {
    let newer = refused(&component(&[], &["jackfield:core/lifecycle@0.2.0"], &[SMALL])).to_string();
    assert!(newer.contains("built for contract 0.2.0 (core/lifecycle), this host speaks 0.1.0"), "{newer}");
    let typo = refused(&component(&[], &[LIFECYCLE, "jackfield:crm/wirte@0.1.0"], &[SMALL])).to_string();
    assert!(typo.contains("jackfield:crm/wirte@0.1.0; did you mean crm/write"), "{typo}");
    assert_eq!(refused(&component(&[], &["jackfield:crm/write@0.1.0"], &[SMALL])), CatalogError::NoLifecycle);
}

#[test]
fn a_thousand_imports_and_no_more_are_read() {
    let names: Vec<String> = (0..1_001).map(|i| format!("wasi:io/x{i}@0.2.0")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(Catalog::examine(&component(&names[1..], &[LIFECYCLE], &[SMALL])).is_ok());
    assert_eq!(refused(&component(&names, &[LIFECYCLE], &[SMALL])), CatalogError::TooMany("imports"));
    let names: Vec<String> = (0..1_001).map(|i| format!("other:thing/x{i}@0.2.0")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(refused(&component(&[], &names, &[SMALL])), CatalogError::TooMany("exports"));
}

#[test]
fn a_manifest_cannot_promise_what_the_component_does_not_export() {
    for (part, interface) in [
        ("[sink]\nevents = [\"*\"]\n", "automation/sink"),
        ("[sync]\nlead = { object = \"contact\" }\n", "crm/write"),
        ("[calendar]\ndefault = \"primary\"\n", "calendar/write"),
        ("[settings.channel]\ntype = \"string\"\nchoices = true\n", "core/choices"),
        ("[retry]\nreplay-safe = [\"crm/write:contact\"]\n", "crm/write"),
    ] {
        let text = format!("{SMALL}{part}");
        let error = refused(&component(&[], &[LIFECYCLE], &[&text]));
        assert!(matches!(&error, CatalogError::Promise { interface: i, .. } if i == interface), "{error:?}");
        let kept = format!("jackfield:{interface}@0.1.0");
        assert!(Catalog::examine(&component(&[], &[LIFECYCLE, &kept], &[&text])).is_ok(), "{part}");
    }
}

/// Counts compilations, and refuses what it is told to.
#[derive(Default)]
struct Compiler {
    calls: AtomicUsize,
    refuse: Mutex<Option<String>>,
}

#[async_trait]
impl Compile for Compiler {
    async fn compile(&self, digest: &str, component: &[u8]) -> Result<(), String> {
        assert!(digest.starts_with("sha256:") && !component.is_empty());
        self.calls.fetch_add(1, Ordering::SeqCst);
        let refuse = self.refuse.lock().expect("no poison").clone();
        refuse.map_or(Ok(()), Err)
    }
}

struct House {
    folder: TempDir,
    store: Store,
    compiler: Arc<Compiler>,
    catalog: Catalog,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = open(&folder).await;
        let compiler = Arc::new(Compiler::default());
        let catalog = Catalog::new(store.clone(), compiler.clone(), clock());
        Self { folder, store, compiler, catalog }
    }
}

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock::at(Millis(5_000)))
}

async fn open(folder: &TempDir) -> Store {
    let path = folder.path().join("jackfield.db");
    let options = Options { path, clock: clock(), ids: Arc::new(SeededIds::new(1)) };
    Store::open(options).await.expect("a store")
}

fn examined(bytes: &[u8]) -> Package {
    Catalog::examine(bytes).expect("a good component")
}

#[tokio::test]
async fn an_install_compiles_and_keeps_bytes_and_manifest_by_digest() {
    let house = House::new().await;
    let bytes = good(REACH);
    let installed = house.catalog.install(bytes.clone()).await.unwrap();
    assert!(installed.before.is_none() && installed.changes.len() == 1);
    assert_eq!(installed.changes[0].to_string(), "+ GET https://api.example.com/v1/*");
    assert_eq!(house.compiler.calls.load(Ordering::SeqCst), 1);
    let entry = house.catalog.get("example").await.unwrap().unwrap();
    assert_eq!(entry, installed.entry);
    assert_eq!(entry.connector.installed_at, Millis(5_000));
    assert!(entry.exports("core/lifecycle") && !entry.exports("crm/write") && !entry.exports("core/life"));
    assert_eq!(house.store.component(&entry.connector.digest).await.unwrap(), Some(bytes));
    for other in ["Example", "../example", "", "example\0", &"x".repeat(10_000)] {
        assert_eq!(house.catalog.get(other).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_component_that_does_not_compile_is_not_installed() {
    let house = House::new().await;
    *house.compiler.refuse.lock().unwrap() = Some("too many locals".into());
    let error = house.catalog.install(good("")).await.unwrap_err();
    assert_eq!(error, CatalogError::Compile("too many locals".into()));
    assert!(house.catalog.list().await.unwrap().is_empty());
    assert_eq!(house.catalog.install(b"nothing".to_vec()).await.unwrap_err().to_string().lines().count(), 1);
}

#[tokio::test]
async fn a_review_says_what_is_asked_for_and_what_a_new_version_changes() {
    let house = House::new().await;
    let first = house.catalog.review(&examined(&good(REACH))).await.unwrap();
    let page = first.to_string();
    assert!(page.starts_with("Example 1.0.0 (example)\nsha256:"), "{page}");
    assert!(
        page.contains("It can core/lifecycle") && page.contains("https://api.example.com\n    GET  /v1/*"),
        "{page}"
    );
    assert!(!page.contains("Compared"), "{page}");
    house.catalog.install(good(REACH)).await.unwrap();

    let wider = good(&REACH.replace("\"GET\"", "\"GET\", \"DELETE\""));
    let second = house.catalog.review(&examined(&wider)).await.unwrap();
    let page = second.to_string();
    assert!(
        page.ends_with(
            "Compared with the installed version 1.0.0\n  + DELETE https://api.example.com/v1/*\n"
        ),
        "{page}"
    );
    let same = house.catalog.review(&examined(&good(REACH))).await.unwrap().to_string();
    assert!(same.ends_with("  it asks for nothing else\n"), "{same}");

    let installed = house.catalog.install(wider).await.unwrap();
    assert_eq!(installed.before.unwrap().connector.version, "1.0.0");
    assert_eq!(installed.changes.len(), 1);
}

#[tokio::test]
async fn an_install_by_another_process_is_seen_at_once_and_the_same_digest_is_parsed_once() {
    let house = House::new().await;
    house.catalog.install(good("")).await.unwrap();
    let first = house.catalog.get("example").await.unwrap().unwrap();
    let again = house.catalog.get("example").await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &again));

    let other = Catalog::new(open(&house.folder).await, house.compiler.clone(), clock());
    other.install(good(REACH)).await.unwrap();
    let seen = house.catalog.get("example").await.unwrap().unwrap();
    assert_eq!(seen.permissions.reach.len(), 1);
    assert_ne!(seen.connector.digest, first.connector.digest);

    assert!(other.uninstall("example").await.unwrap());
    assert_eq!(house.catalog.get("example").await.unwrap(), None);
    assert!(house.catalog.list().await.unwrap().is_empty());
    assert!(!house.catalog.uninstall("example").await.unwrap());
}

#[tokio::test]
async fn a_connector_in_use_stays() {
    let house = House::new().await;
    house.catalog.install(good("")).await.unwrap();
    let org = house.store.create_org("Acme").await.unwrap().id;
    let new = NewConnection {
        id: "c1".into(),
        org,
        connector: "example".into(),
        name: "mine".into(),
        credential_kind: None,
        credential: None,
        settings: Default::default(),
        sync_settings: Default::default(),
        field_mapping: None,
    };
    house.store.create_connection(new).await.unwrap();
    let error = house.catalog.uninstall("example").await.unwrap_err();
    assert_eq!(error, CatalogError::Store(StoreError::InUse(1)));
    assert!(house.catalog.get("example").await.unwrap().is_some());
}

#[tokio::test]
async fn an_installed_manifest_that_is_refused_now_hides_no_other_connector() {
    let house = House::new().await;
    house.catalog.install(good("")).await.unwrap();
    let mut row = house.store.connector("example").await.unwrap().unwrap();
    row.manifest = "manifest = 9\n".into();
    row.digest = format!("sha256:{}", "1".repeat(64));
    house.store.put_connector(&row, vec![1]).await.unwrap();
    row.id = "second".into();
    row.manifest = SMALL.replace("\"example\"", "\"second\"");
    row.digest = format!("sha256:{}", "2".repeat(64));
    house.store.put_connector(&row, vec![2]).await.unwrap();
    assert!(matches!(house.catalog.get("example").await, Err(CatalogError::Stored { .. })));
    let list = house.catalog.list().await.unwrap();
    assert_eq!(list.iter().map(|e| e.connector.id.as_str()).collect::<Vec<_>>(), ["second"]);
    // A new build of it can still be installed.
    assert!(house.catalog.install(good("")).await.unwrap().before.is_none());
}
