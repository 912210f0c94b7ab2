//! A host as its operator runs it: a folder with a configuration, the binary, an organization with a key.

mod client;
pub(crate) mod search;
mod wall;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub(crate) use client::{Client, raw};
pub(crate) use search::Search;
pub(crate) use wall::Wall;

/// How long anything may take before a journey gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The real binary.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_jackfield"))
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Runs the binary in `folder` to its end.
pub(crate) fn jackfield(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    clean(&mut command).current_dir(folder).args(args).stdin(Stdio::null()).output().unwrap()
}

/// Without the tester's own configuration.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars() {
        if name.starts_with("JACKFIELD_") {
            command.env_remove(name);
        }
    }
    command
}

/// As [`jackfield`], successful, its standard output as JSON.
pub(crate) fn jackfield_json(folder: &Path, args: &[&str]) -> Value {
    let output = jackfield(folder, &[args, &["--json"]].concat());
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A folder with all four connectors installed and compiled, made once and copied for each host.
static TEMPLATE: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("jackfield.toml"), "").unwrap();
    for connector in ["hubspot", "google-calendar", "slack", "zapier"] {
        let path = root().join("plugins").join(connector);
        let output = jackfield(folder.path(), &["install", path.to_str().unwrap(), "--yes"]);
        assert!(output.status.success(), "{connector}: {}", String::from_utf8_lossy(&output.stderr));
    }
    folder
});

/// The template's path, for journeys that only look.
pub(crate) fn template() -> &'static Path {
    TEMPLATE.path()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A running `jackfield serve` with the four connectors, and an organization's key.
pub(crate) struct Host {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) client: Client,
    child: Option<Child>,
}

impl Host {
    /// Starts it with these overrides (origin → origin).
    pub(crate) fn start(overrides: &[(String, String)]) -> Self {
        Self::start_with(overrides, "")
    }

    /// As [`Host::start`], with more configuration.
    pub(crate) fn start_with(overrides: &[(String, String)], more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(template(), folder.path());
        let mut config =
            String::from("mode = \"development\"\nlisten = \"127.0.0.1:0\"\n\n[egress.overrides]\n");
        for (from, to) in overrides {
            config.push_str(&format!("{from:?} = {to:?}\n"));
        }
        config.push_str(more);
        std::fs::write(folder.path().join("jackfield.toml"), config).unwrap();
        let org = jackfield_json(folder.path(), &["org", "create", "Journey"]);
        let key = jackfield_json(folder.path(), &["key", "create", "--org", org["id"].as_str().unwrap()]);
        let key = key["key"].as_str().unwrap().to_owned();
        let mut host = Self {
            folder,
            client: Client { address: String::new(), key, seen: Default::default() },
            child: None,
        };
        host.serve();
        host
    }

    /// Starts `serve` (again) and waits until it is ready.
    pub(crate) fn serve(&mut self) {
        let mut command = Command::new(binary());
        clean(&mut command).env("JACKFIELD_LOG", "debug");
        self.serve_as(command);
    }

    /// As [`Host::serve`], by a command that ends in the binary with whatever environment it has.
    pub(crate) fn serve_as(&mut self, mut command: Command) {
        use std::io::BufRead as _;
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut child = command
            .current_dir(self.folder.path())
            .args(["serve"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit("http://").next().unwrap().to_owned();
        assert!(!url.is_empty(), "serve said `{line}`; {}", std::fs::read_to_string(self.log()).unwrap());
        self.client.address = url;
        self.child = Some(child);
    }

    /// Where `serve` logs.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("serve.log")
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// The process that serves.
    pub(crate) fn child(&mut self) -> &mut Child {
        self.child.as_mut().unwrap()
    }

    /// SIGTERM, and how long it took to end.
    pub(crate) fn stop(&mut self) -> Duration {
        let mut child = self.child.take().unwrap();
        let began = Instant::now();
        let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert!(child.wait().unwrap().success(), "{}", std::fs::read_to_string(self.log()).unwrap());
        began.elapsed()
    }

    /// Makes a connection; its id.
    pub(crate) async fn connect(&self, body: Value) -> String {
        let (status, made) = self.client.call("POST", "/api/connections", Some(&body)).await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    /// Posts an event (or several) and returns the ids.
    pub(crate) async fn post(&self, event: &Value) -> Vec<String> {
        let (status, answer) = self.client.call("POST", "/api/events", Some(event)).await;
        assert_eq!(status, 202, "{answer}");
        answer["events"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until every operation of an event has come to rest.
    pub(crate) async fn settled(&self, event: &str) -> Value {
        let began = Instant::now();
        loop {
            let (status, seen) = self.client.call("GET", &format!("/api/events/{event}"), None).await;
            assert_eq!(status, 200, "{seen}");
            if !matches!(seen["state"].as_str(), Some("received" | "running")) {
                return seen;
            }
            assert!(began.elapsed() < PATIENCE, "still open: {seen}");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Posts one event and waits for its end.
    pub(crate) async fn run(&self, event: &Value) -> Value {
        let ids = self.post(event).await;
        self.settled(&ids[0]).await
    }

    /// Every exchange of a connection as HAR.
    pub(crate) async fn har(&self, connection: &str) -> Value {
        let path = format!("/api/connections/{connection}/exchanges?format=har&limit=1000");
        let (status, har) = self.client.call("GET", &path, None).await;
        assert_eq!(status, 200, "{har}");
        har
    }

    /// Panics where a credential that was given through the API is in a file, a file's name, a log or an answer. The
    /// artefacts are left out: they are copies, older than any credential.
    fn leaves_no_trace(&self) {
        let credentials = self.client.seen.credentials.lock().unwrap();
        let numbered: Vec<_> = credentials.iter().enumerate().map(|(n, c)| (n.to_string(), c)).collect();
        let search = Search::new(numbered.iter().map(|(n, c)| (n.as_str(), c.as_bytes())));
        let mut found = search.folder(self.folder.path(), |path| path.starts_with("data/artefacts"));
        found.extend(search.bytes("the API's answers", &self.client.seen.answers.lock().unwrap()));
        assert!(found.is_empty(), "credentials, in the order of their text, were left behind: {found:?}");
    }
}

impl Drop for Host {
    /// Every journey ends with a search for the credentials that it used.
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
        if !std::thread::panicking() {
            self.leaves_no_trace();
        }
    }
}

/// The mapping of the guides.
pub(crate) fn guide_mapping() -> Value {
    json!({ "callerName": "firstname,lastname", "callerPhone": "phone", "callerEmail": "email", "reason": "description" })
}
