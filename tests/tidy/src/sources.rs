//! What is read line by line.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Rust files are split before they reach this many lines.
pub const LINES_MAX: usize = 450;

/// One file: its path below the root and its text.
#[derive(Clone, Debug)]
pub struct Source {
    /// `host/store/src/lib.rs`
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// Folders that hold nothing of ours.
const LEFT_OUT: &[&str] = &["target", ".git", "node_modules"];

/// Every text file below `root` but for what a build makes.
#[must_use]
pub fn read(root: &Path) -> Vec<Source> {
    WalkDir::new(root)
        .into_iter()
        .filter_entry(|e| !LEFT_OUT.contains(&e.file_name().to_string_lossy().as_ref()))
        .filter_map(Result::ok)
        .filter(|e| e.file_type().is_file())
        .filter_map(|e| {
            let text = std::fs::read_to_string(e.path()).ok()?;
            Some(Source { path: below(root, e.path()), text })
        })
        .collect()
}

fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .map_or_else(|_| PathBuf::from(path), Path::to_path_buf)
        .to_string_lossy()
        .into_owned()
}

fn rust(sources: &[Source]) -> impl Iterator<Item = &Source> {
    sources.iter().filter(|s| s.path.ends_with(".rs"))
}

/// Rust files that have grown too long.
#[must_use]
pub fn length_breaches(sources: &[Source]) -> Vec<String> {
    rust(sources)
        .filter_map(|s| {
            let lines = s.text.lines().count();
            (lines > LINES_MAX).then(|| format!("{} has {lines} lines; split it below {LINES_MAX}", s.path))
        })
        .collect()
}

/// Crates whose `lib.rs` or `main.rs` does not open with what it owns and refuses and where to start.
#[must_use]
pub fn opening_breaches(sources: &[Source]) -> Vec<String> {
    let is_door =
        |p: &str| p.starts_with("host/") && (p.ends_with("src/lib.rs") || p.ends_with("src/main.rs"));
    rust(sources)
        .filter(|s| is_door(&s.path))
        .filter_map(|s| {
            let opening: String = s.text.lines().take_while(|l| l.starts_with("//!")).collect();
            let missing: Vec<&str> =
                ["**Owns**", "**Refuses**"].into_iter().filter(|w| !opening.contains(w)).collect();
            (!missing.is_empty()).then(|| format!("{} does not open with {}", s.path, missing.join(" and ")))
        })
        .collect()
}

/// Ways out of the process, and where each may stand. Only `egress` dials; the demo's client calls our own API on
/// loopback.
const WAYS_OUT: &[&str] =
    &["TcpStream::connect", "UdpSocket::bind", "UnixStream::connect", "lookup_host", "to_socket_addrs"];
const MAY_GO_OUT: &[&str] = &["host/egress/", "host/jackfield/src/commands/demo/client.rs"];

/// Code under `host/` that leaves the process by another way than `egress`.
#[must_use]
pub fn way_out_breaches(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for s in rust(sources).filter(|s| s.path.starts_with("host/") && s.path.contains("/src/")) {
        if MAY_GO_OUT.iter().any(|p| s.path.starts_with(p)) {
            continue;
        }
        for way in WAYS_OUT.iter().filter(|w| s.text.contains(**w)) {
            found.push(format!("{} has {way}: nothing leaves the process except through egress", s.path));
        }
    }
    found
}

/// Where time and chance come from, so that a test can own them.
const CLOCKS: &[&str] =
    &["SystemTime::now", "Timestamp::now", "Utc::now", "now_v7", "new_v4", "rand::rng", "thread_rng"];

/// Code under `host/` that takes the time or a random number past `model`.
#[must_use]
pub fn clock_breaches(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for s in rust(sources).filter(|s| s.path.starts_with("host/") && !s.path.starts_with("host/model/")) {
        for clock in CLOCKS.iter().filter(|c| s.text.contains(**c)) {
            found.push(format!("{} has {clock}: take it from model::Clock or model::Ids", s.path));
        }
    }
    found
}

/// Queues without a bound.
#[must_use]
pub fn bound_breaches(sources: &[Source]) -> Vec<String> {
    let unbounded = concat!("unbounded", "_channel");
    rust(sources)
        .filter(|s| s.path.starts_with("host/") && s.text.contains(unbounded))
        .map(|s| format!("{} has a queue without a bound", s.path))
        .collect()
}

/// The version of every WIT package below `wit/`, as `(path, version)`.
#[must_use]
pub fn wit_versions(sources: &[Source]) -> Vec<(String, String)> {
    sources
        .iter()
        .filter(|s| s.path.starts_with("wit/") && s.path.ends_with(".wit"))
        .filter_map(|s| {
            let line = s.text.lines().find(|l| l.starts_with("package "))?;
            let version = line.split('@').nth(1)?.trim_end_matches(';');
            Some((s.path.clone(), version.to_owned()))
        })
        .collect()
}

/// WIT packages whose version is not that of the others.
#[must_use]
pub fn version_breaches(versions: &[(String, String)]) -> Vec<String> {
    let Some((_, first)) = versions.first() else {
        return vec!["wit/ has no package".to_owned()];
    };
    versions
        .iter()
        .filter(|(_, v)| v != first)
        .map(|(path, v)| format!("{path} is at {v}, others are at {first}: all packages carry one version"))
        .collect()
}

/// Words that never stand in the repository. They are put together here so that this file is not found.
fn banned() -> Vec<String> {
    vec![
        concat!("/wo", "rk/").to_owned(),
        concat!("crates", ".io/api").to_owned(),
        concat!("static.crates", ".io").to_owned(),
        concat!("registry.npm", "js.org").to_owned(),
        concat!("pypi", ".org/simple").to_owned(),
        concat!("deb.deb", "ian.org").to_owned(),
        concat!("sub", "agent").to_owned(),
    ]
}

/// Files that name a machine's path, a registry's host or a tool of the workplace.
#[must_use]
pub fn word_breaches(sources: &[Source]) -> Vec<String> {
    let banned = banned();
    let mut found = Vec::new();
    for s in sources.iter().filter(|s| !s.path.ends_with("Cargo.lock")) {
        for word in banned.iter().filter(|w| s.text.contains(w.as_str())) {
            found.push(format!("{} contains `{word}`", s.path));
        }
    }
    found
}

/// Crates that the map of the house does not name.
#[must_use]
pub fn map_breaches(sources: &[Source], crates: &[&str]) -> Vec<String> {
    let map = sources.iter().find(|s| s.path == "docs/architecture.md");
    let Some(map) = map else { return vec!["docs/architecture.md is missing".to_owned()] };
    crates
        .iter()
        .filter(|name| !map.text.contains(&format!("`{name}`")) && !map.text.contains(&format!("{name}/")))
        .map(|name| format!("docs/architecture.md does not name {name}"))
        .collect()
}
