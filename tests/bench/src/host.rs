//! The real binary, as its operator runs it: built for release, in a folder of its own, on loopback.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::client::Client;

/// The binary, built now if something has changed.
pub(crate) fn binary(root: &Path) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    // The same packages as the command itself, so that their features are the same and nothing is compiled twice.
    cargo.args(["build", "--release", "-p", "jackfield", "-p", "bench"]).current_dir(root);
    ensure!(cargo.status().context("running cargo")?.success(), "jackfield does not build; see above");
    let this = std::env::current_exe().context("the path of this program")?;
    Ok(this.with_file_name("jackfield"))
}

/// A folder with a configuration, its connectors installed and compiled, and an organization with a key.
pub(crate) struct Host {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) key: String,
    pub(crate) org: String,
    binary: PathBuf,
}

/// A running `serve`; dropping it kills it.
pub(crate) struct Serving {
    child: Child,
    pub(crate) address: String,
    /// From the start of the process to the first 200 of `/readyz`.
    pub(crate) ready_after: Duration,
}

impl Host {
    /// Sets one up; `config` follows the first lines of its configuration file.
    pub(crate) fn new(root: &Path, connectors: &[&str], config: &str) -> Result<Self> {
        let binary = binary(root)?;
        let folder = tempfile::tempdir()?;
        let config = format!("mode = \"development\"\nlisten = \"127.0.0.1:0\"\n{config}");
        std::fs::write(folder.path().join("jackfield.toml"), config)?;
        let mut host = Self { folder, key: String::new(), org: String::new(), binary };
        for connector in connectors {
            let path = root.join("plugins").join(connector);
            host.command(&["install", &path.to_string_lossy(), "--yes"])?;
        }
        (host.org, host.key) = host.org("Bench")?;
        Ok(host)
    }

    /// A further organization: its id, and a key.
    pub(crate) fn org(&self, name: &str) -> Result<(String, String)> {
        let text = |v: &Value, member: &str| v[member].as_str().map(str::to_owned).context("no such member");
        let org = text(&self.command(&["org", "create", name])?, "id")?;
        let key = text(&self.command(&["key", "create", "--org", &org])?, "key")?;
        Ok((org, key))
    }

    fn run(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("JACKFIELD_")) {
            command.env_remove(name);
        }
        command.current_dir(self.folder.path()).args(args).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end; its JSON.
    fn command(&self, args: &[&str]) -> Result<Value> {
        let output = self.run(args).arg("--json").output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "jackfield {}: {said}", args.join(" "));
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    /// Starts `serve` and waits until it is ready.
    pub(crate) async fn serve(&self) -> Result<Serving> {
        let began = Instant::now();
        let log = std::fs::File::create(self.folder.path().join("serve.log"))?;
        let mut child = self.run(&["serve"]).stdout(Stdio::piped()).stderr(log).spawn()?;
        let out = child.stdout.take().context("its output")?;
        let mut serving = Serving { child, address: String::new(), ready_after: Duration::ZERO };
        let mut line = String::new();
        std::io::BufReader::new(out).read_line(&mut line)?;
        let address = line.trim().rsplit("http://").next().unwrap_or_default();
        ensure!(!address.is_empty(), "serve did not start: {}", self.log());
        address.clone_into(&mut serving.address);
        while began.elapsed() < Duration::from_secs(60) {
            let mut client = Client::connect(&serving.address, &self.key).await?;
            if client.send("GET", "/readyz", "").await? == 200 {
                serving.ready_after = began.elapsed();
                return Ok(serving);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bail!("serve is not ready after a minute: {}", self.log())
    }

    /// The end of what `serve` logged.
    pub(crate) fn log(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("serve.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(10).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Serving {
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        crate::machine::resident_mib(&self.child.id().to_string())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
