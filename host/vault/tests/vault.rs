//! The vault over a real store: sealing, binding to connection and host, and silence about secrets.

use std::sync::Arc;

use egress::{Authorise, AuthoriseError, Destination, Injection};
use manifest::Manifest;
use model::{ConnectionId, Millis, OrgId, SeededIds, TestClock};
use serde_json::json;
use store::{ConnectionPatch, Connector, NewConnection, Options, Store};
use tempfile::TempDir;
use vault::{Credential, MasterKey, Vault, VaultError};

const TOKEN: &str = "never-shown-0123456789";

const MANIFEST: &str = r#"
manifest = 1
id = "example"
name = "Example"
version = "1.0.0"

[[egress]]
methods = ["GET", "POST"]
host = "*.example.com"
paths = ["/**"]

[[auth]]
kind = "bearer"
hosts = ["api.example.com"]

[[auth]]
kind = "basic"
hosts = ["*.eu.example.com"]

[[auth]]
kind = "api-key"
hosts = ["keys.example.com"]
inject.header = { name = "X-Api-Key", prefix = "Key " }

[[auth]]
kind = "webhook-url"
endpoint = "hook"

[[endpoint]]
name = "hook"
from = "credential"
hosts = ["hooks.example.com"]
paths = ["/catch/*"]
methods = ["POST"]
"#;

struct House {
    folder: TempDir,
    store: Store,
    vault: Arc<Vault>,
    org: OrgId,
    manifest: Arc<Manifest>,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options {
            path: folder.path().join("jackfield.db"),
            clock: Arc::new(TestClock::at(Millis(1_000))),
            ids: Arc::new(SeededIds::new(1)),
        };
        let store = Store::open(options).await.expect("a store");
        let ids = Arc::new(SeededIds::new(2));
        let key = MasterKey::load_or_create(&folder.path().join("master.key"), true, &*ids).expect("a key");
        let vault = Vault::open(store.clone(), key, ids).await.expect("a vault");
        let org = store.create_org("Acme").await.expect("an organization").id;
        let connector = Connector {
            id: "example".into(),
            version: "1.0.0".into(),
            digest: format!("sha256:{}", "0".repeat(64)),
            manifest: MANIFEST.into(),
            interfaces: Vec::new(),
            size: 1,
            installed_at: Millis(1_000),
        };
        store.put_connector(&connector, vec![0]).await.expect("a connector");
        let manifest = Arc::new(Manifest::parse(MANIFEST).expect("a manifest"));
        Self { folder, store, vault, org, manifest }
    }

    /// A connection with this credential.
    async fn connect(&self, id: &str, credential: Option<serde_json::Value>) -> ConnectionId {
        let id = ConnectionId::from(id);
        let credential = credential.map(|c| Credential::from_json(&c).expect("a credential"));
        let new = NewConnection {
            id: id.clone(),
            org: self.org.clone(),
            connector: "example".into(),
            name: "mine".into(),
            credential_kind: credential.as_ref().map(|c| c.kind().to_string()),
            credential: credential.as_ref().map(|c| self.vault.seal(&id, c)),
            settings: json!({}),
            sync_settings: Default::default(),
            field_mapping: None,
        };
        self.store.create_connection(new).await.expect("a connection");
        id
    }

    async fn put(&self, id: &ConnectionId, kind: &str, blob: Vec<u8>) {
        let patch = ConnectionPatch { credential: Some((kind.to_owned(), blob)), ..Default::default() };
        self.store.update_connection(&self.org, id, patch).await.expect("an update");
    }

    fn authoriser(&self, id: &ConnectionId) -> Arc<dyn Authorise> {
        self.vault.authoriser(id, self.manifest.clone())
    }
}

fn to(host: &str) -> Destination {
    Destination { scheme: "https".into(), host: host.into(), port: 443, path: "/v1/me".into(), binding: None }
}

fn bound(host: &str, binding: &str) -> Destination {
    Destination { binding: Some(binding.into()), ..to(host) }
}

/// Name, whole value and secret of the one header that is injected.
fn header(injections: &[Injection]) -> (&str, &str, &str) {
    match injections {
        [Injection::Header { name, value, secret }] => (name, value.expose(), secret.expose()),
        other => panic!("one header is wanted: {other:?}"),
    }
}

#[tokio::test]
async fn a_credential_is_sealed_and_opened_for_its_own_connection() {
    let house = House::new().await;
    let id = house.connect("c1", Some(json!({ "accessToken": TOKEN }))).await;
    let (kind, blob) = house.store.sealed_credential(&id).await.unwrap().unwrap();
    assert_eq!((kind.as_str(), blob[0]), ("bearer", 1));
    assert!(
        !blob.windows(8).any(|w| TOKEN.as_bytes().windows(8).any(|t| t == w)),
        "the token is not in the blob"
    );
    let opened = house.vault.credential(&id).await.unwrap().unwrap();
    assert!(opened == Credential::from_json(&json!({ "accessToken": TOKEN })).unwrap());
    assert!(house.vault.credential(&"nobody".into()).await.unwrap().is_none());
}

#[tokio::test]
async fn the_same_credential_is_never_sealed_into_the_same_bytes() {
    let house = House::new().await;
    let credential = Credential::from_json(&json!({ "accessToken": TOKEN })).unwrap();
    let id = ConnectionId::from("c1");
    assert_ne!(house.vault.seal(&id, &credential), house.vault.seal(&id, &credential));
}

#[tokio::test]
async fn a_sealed_credential_that_is_moved_to_another_connection_does_not_open() {
    let house = House::new().await;
    let mine = house.connect("c1", Some(json!({ "accessToken": TOKEN }))).await;
    let theirs = house.connect("c2", Some(json!({ "accessToken": "another-token" }))).await;
    let (kind, blob) = house.store.sealed_credential(&mine).await.unwrap().unwrap();
    house.put(&theirs, &kind, blob).await;
    assert_eq!(house.vault.credential(&theirs).await.unwrap_err(), VaultError::Tampered(theirs.clone()));
    let refused = house.authoriser(&theirs).authorise(&to("api.example.com")).await.unwrap_err();
    assert!(matches!(refused, AuthoriseError::Refused(_)), "{refused:?}");
}

#[tokio::test]
async fn a_blob_with_any_byte_changed_or_cut_does_not_open() {
    let house = House::new().await;
    let id = house.connect("c1", Some(json!({ "apiKey": TOKEN }))).await;
    let (kind, blob) = house.store.sealed_credential(&id).await.unwrap().unwrap();
    for at in [1, 24, 25, blob.len() - 17, blob.len() - 1] {
        let mut changed = blob.clone();
        changed[at] ^= 1;
        house.put(&id, &kind, changed).await;
        assert_eq!(
            house.vault.credential(&id).await.unwrap_err(),
            VaultError::Tampered(id.clone()),
            "byte {at}"
        );
    }
    for length in [0, 1, 24, 40, blob.len() - 1] {
        house.put(&id, &kind, blob[..length].to_vec()).await;
        assert_eq!(
            house.vault.credential(&id).await.unwrap_err(),
            VaultError::Tampered(id.clone()),
            "{length} bytes"
        );
    }
    let mut newer = blob.clone();
    newer[0] = 2;
    house.put(&id, &kind, newer).await;
    assert!(matches!(house.vault.credential(&id).await, Err(VaultError::Newer { version: 2, .. })));
    house.put(&id, "bearer", blob).await;
    assert!(house.vault.credential(&id).await.is_err(), "the kind in the row is another one");
}

#[tokio::test]
async fn another_master_key_is_refused_with_the_fingerprint_of_the_right_one() {
    let house = House::new().await;
    let read =
        |name: &str, ids| MasterKey::load_or_create(&house.folder.path().join(name), true, ids).unwrap();
    let (right, wrong) = (read("master.key", &SeededIds::new(2)), read("other.key", &SeededIds::new(9)));
    let ids = Arc::new(SeededIds::new(3));
    assert!(Vault::open(house.store.clone(), right.clone(), ids.clone()).await.is_ok());
    let error = Vault::open(house.store.clone(), wrong.clone(), ids).await.unwrap_err();
    assert_eq!(error, VaultError::WrongKey { expected: right.fingerprint(), found: wrong.fingerprint() });
    assert!(
        error.to_string().contains(&right.fingerprint()) && error.to_string().contains("key_file"),
        "{error}"
    );
}

#[tokio::test]
async fn a_token_goes_to_the_hosts_that_it_is_bound_to_and_to_no_other() {
    let house = House::new().await;
    let id = house.connect("c1", Some(json!({ "accessToken": TOKEN }))).await;
    let authoriser = house.authoriser(&id);
    let injections = authoriser.authorise(&to("api.example.com")).await.unwrap();
    assert_eq!(header(&injections), ("authorization", &*format!("Bearer {TOKEN}"), TOKEN));
    for host in [
        "example.com",
        "evil.api.example.com",
        "api.example.com.evil.org",
        "keys.example.com",
        "hooks.example.com",
        "a.eu.example.com",
        "127.0.0.1",
        "",
    ] {
        assert!(authoriser.authorise(&to(host)).await.unwrap().is_empty(), "{host}");
    }
    for odd in [
        Destination { scheme: "http".into(), ..to("api.example.com") },
        Destination { port: 8443, ..to("api.example.com") },
    ] {
        assert!(matches!(authoriser.authorise(&odd).await, Err(AuthoriseError::Refused(_))));
    }
}

#[tokio::test]
async fn each_kind_goes_to_its_own_place() {
    let house = House::new().await;
    let basic = house.connect("c1", Some(json!({ "username": "ann", "password": "pass:word" }))).await;
    let injections = house.authoriser(&basic).authorise(&to("a.eu.example.com")).await.unwrap();
    // RFC 7617: base64 of "ann:pass:word"
    assert_eq!(header(&injections), ("authorization", "Basic YW5uOnBhc3M6d29yZA==", "pass:word"));
    assert!(house.authoriser(&basic).authorise(&to("eu.example.com")).await.unwrap().is_empty());

    let as_name = house.connect("c2", Some(json!({ "username": TOKEN, "password": "x" }))).await;
    let injections = house.authoriser(&as_name).authorise(&to("a.eu.example.com")).await.unwrap();
    assert_eq!(header(&injections).2, TOKEN, "the longer half is what must not be shown");

    let key = house.connect("c3", Some(json!({ "apiKey": TOKEN }))).await;
    let injections = house.authoriser(&key).authorise(&to("keys.example.com")).await.unwrap();
    assert_eq!(header(&injections), ("X-Api-Key", &*format!("Key {TOKEN}"), TOKEN));
}

#[tokio::test]
async fn a_key_goes_into_the_query_the_path_or_the_body_where_the_manifest_says_so() {
    let house = House::new().await;
    let id = house.connect("c1", Some(json!({ "apiKey": TOKEN }))).await;
    for (inject, want) in [
        ("inject.query = { name = \"key\" }", "Query(key=REDACTED)"),
        ("inject.path = { placeholder = \"{token}\" }", "Path({token}=REDACTED)"),
        ("inject.body = { field = \"/auth/key\" }", "Body(/auth/key=REDACTED)"),
    ] {
        let text = MANIFEST.replace("inject.header = { name = \"X-Api-Key\", prefix = \"Key \" }", inject);
        let manifest = Arc::new(Manifest::parse(&text).unwrap());
        let injections =
            house.vault.authoriser(&id, manifest).authorise(&to("keys.example.com")).await.unwrap();
        assert_eq!(format!("{injections:?}"), format!("[{want}]"));
        let (Injection::Query { value, .. } | Injection::Path { value, .. } | Injection::Body { value, .. }) =
            &injections[0]
        else {
            panic!("{injections:?}")
        };
        assert_eq!(value.expose(), TOKEN);
    }
}

#[tokio::test]
async fn a_webhook_url_becomes_its_endpoint_and_is_injected_nowhere() {
    let house = House::new().await;
    let url = format!("https://hooks.example.com/catch/{TOKEN}");
    let id = house.connect("c1", Some(json!({ "webhookUrl": url }))).await;
    let authoriser = house.authoriser(&id);
    assert_eq!(authoriser.endpoint("hook").await.unwrap().unwrap().expose(), url);
    assert!(authoriser.endpoint("other").await.unwrap().is_none());
    assert!(authoriser.authorise(&to("hooks.example.com")).await.unwrap().is_empty());
    assert!(authoriser.authorise(&bound("hooks.example.com", "webhook-url")).await.unwrap().is_empty());

    let narrower = Arc::new(Manifest::parse(&MANIFEST.replace("/catch/*", "/caught/*")).unwrap());
    let error = house.vault.authoriser(&id, narrower).endpoint("hook").await.unwrap_err();
    assert!(error.to_string().contains("give a new one") && !error.to_string().contains(TOKEN), "{error}");

    let token = house.connect("c2", Some(json!({ "accessToken": TOKEN }))).await;
    assert!(house.authoriser(&token).endpoint("hook").await.unwrap().is_none());
}

#[tokio::test]
async fn a_request_may_name_its_binding_but_only_one_that_fits() {
    let house = House::new().await;
    let id = house.connect("c1", Some(json!({ "accessToken": TOKEN }))).await;
    let authoriser = house.authoriser(&id);
    let injections = authoriser.authorise(&bound("api.example.com", "bearer")).await.unwrap();
    assert_eq!(header(&injections).2, TOKEN);
    for (destination, want) in [
        (
            bound("api.example.com", "admin"),
            "there is no binding `admin`; the manifest has bearer, basic, api-key, webhook-url",
        ),
        (
            bound("api.example.com", "basic"),
            "asks for the binding basic, the connection has a credential of kind bearer",
        ),
        (bound("keys.example.com", "bearer"), "the bearer credential is not bound to keys.example.com"),
    ] {
        let error = authoriser.authorise(&destination).await.unwrap_err();
        assert!(matches!(&error, AuthoriseError::Refused(text) if text.contains(want)), "{error}");
    }
}

#[tokio::test]
async fn without_a_credential_a_bound_host_is_refused_and_others_are_not() {
    let house = House::new().await;
    let id = house.connect("c1", None).await;
    let authoriser = house.authoriser(&id);
    assert_eq!(authoriser.authorise(&to("api.example.com")).await.unwrap_err(), AuthoriseError::Missing);
    assert!(authoriser.authorise(&to("open.example.com")).await.unwrap().is_empty());
    assert!(authoriser.endpoint("hook").await.unwrap().is_none());
}

#[tokio::test]
async fn a_new_credential_counts_at_once_and_a_kind_that_is_no_longer_taken_is_refused() {
    let house = House::new().await;
    let id = house.connect("c1", Some(json!({ "accessToken": "old-token-0" }))).await;
    let authoriser = house.authoriser(&id);
    let new = Credential::from_json(&json!({ "accessToken": TOKEN })).unwrap();
    house.put(&id, "bearer", house.vault.seal(&id, &new)).await;
    assert_eq!(header(&authoriser.authorise(&to("api.example.com")).await.unwrap()).2, TOKEN);

    let text = MANIFEST
        .replace("kind = \"bearer\"\nhosts", "kind = \"api-key\"\ninject.query = { name = \"k\" }\nhosts");
    let text = text.replacen("[[auth]]\nkind = \"api-key\"\nhosts = [\"keys.example.com\"]\ninject.header = { name = \"X-Api-Key\", prefix = \"Key \" }", "", 1);
    let manifest = Arc::new(Manifest::parse(&text).unwrap());
    let error = house.vault.authoriser(&id, manifest).authorise(&to("api.example.com")).await.unwrap_err();
    assert!(error.to_string().contains("no longer takes: connect again"), "{error}");
}

#[tokio::test]
async fn no_debug_print_and_no_error_shows_a_secret() {
    let house = House::new().await;
    let url = format!("https://hooks.example.com/catch/{TOKEN}");
    for (i, given) in [
        json!({ "accessToken": TOKEN }),
        json!({ "apiKey": TOKEN }),
        json!({ "username": TOKEN, "password": TOKEN }),
        json!({ "webhookUrl": url }),
    ]
    .into_iter()
    .enumerate()
    {
        let id = house.connect(&format!("c{i}"), Some(given.clone())).await;
        let credential = Credential::from_json(&given).unwrap();
        let authoriser = house.authoriser(&id);
        let mut shown =
            format!("{credential:?} {:?} {:?}", house.vault, house.vault.credential(&id).await.unwrap());
        for host in ["api.example.com", "a.eu.example.com", "keys.example.com", "hooks.example.com"] {
            for binding in
                [None, Some("bearer"), Some("basic"), Some("api-key"), Some("webhook-url"), Some("x")]
            {
                let outcome =
                    authoriser.authorise(&Destination { binding: binding.map(Into::into), ..to(host) }).await;
                shown += &format!("{outcome:?}");
                shown += &outcome.err().map(|e| e.to_string()).unwrap_or_default();
            }
        }
        shown += &format!("{:?}", authoriser.endpoint("hook").await);
        assert!(!shown.contains(TOKEN) && shown.contains("REDACTED"), "{shown}");
    }
}
