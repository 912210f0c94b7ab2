//! The long run: every target through libFuzzer, two at a time, each for as long as it is told and no longer.
//!
//! Needs `cargo-fuzz`, and no nightly toolchain: all is safe Rust, so the sanitizers stay off, and what else is unstable is
//! unlocked by `RUSTC_BOOTSTRAP`. The build is cargo's own, below `target/fuzz`, as are the corpus, the logs and the
//! findings.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::{TARGETS, Target, seeds};

/// So many run at once.
const AT_ONCE: usize = 2;
/// One input that takes longer is a finding, in seconds.
const SLOWEST_S: u32 = 10;
/// A target that needs more memory is a finding, in MiB.
const MOST_MEMORY: u32 = 2_048;
/// The largest input, in bytes.
const LARGEST: u32 = 16 * 1_024;
/// Beyond its time a run gets so long to end by itself.
const GRACE: Duration = Duration::from_secs(60);
/// Lines of a log that are kept in a result.
const TAIL: usize = 12;

/// What one target's run came to.
#[derive(Clone, Debug)]
pub struct FuzzResult {
    /// Which target.
    pub target: &'static str,
    /// Inputs tried.
    pub runs: u64,
    /// How long it ran.
    pub seconds: u64,
    /// Edges of the control flow that were reached, as libFuzzer counts them.
    pub coverage: u64,
    /// Inputs that failed. Empty: nothing was found.
    pub findings: Vec<PathBuf>,
    /// The end of the log; where something was found, what it was.
    pub log_tail: String,
}

/// The run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LongError {
    /// The tool is not there.
    #[error("cargo-fuzz is missing: run `cargo install cargo-fuzz --locked`, and again")]
    NoCargoFuzz,
    /// The targets do not build.
    #[error("the fuzz targets do not build; see {0}")]
    Build(PathBuf),
    /// The disk, or a process that could not be started.
    #[error("{0}: {1}")]
    System(PathBuf, io::Error),
}

/// Runs every target for `minutes`, at least one, and tells what it does. Stops a target at its first finding.
///
/// # Errors
/// When it cannot begin. A finding is no error: it is in its target's result.
pub fn run_all(minutes: u32, tell: &(dyn Fn(&str) + Sync)) -> Result<Vec<FuzzResult>, LongError> {
    // To libFuzzer no time at all means for ever.
    let minutes = minutes.clamp(1, 24 * 60);
    let place = Place::new();
    place.build(tell)?;
    let waiting: Mutex<VecDeque<Target>> = Mutex::new(TARGETS.into());
    let done: Mutex<Vec<Result<FuzzResult, LongError>>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    // Not in the head of the loop: the lock would be held to the end of its body.
                    let next = locked(&waiting).pop_front();
                    let Some(target) = next else { return };
                    tell(&format!("{}: {minutes} minutes", target.name));
                    let result = place.run(target.name, minutes * 60);
                    locked(&done).push(result);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect()
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where everything lies.
struct Place {
    crate_folder: PathBuf,
    out: PathBuf,
}

impl Place {
    fn new() -> Self {
        let home = seeds::home();
        let root = home.ancestors().nth(2).unwrap_or(&home).to_owned();
        Self { crate_folder: home.join("targets"), out: root.join("target/fuzz") }
    }

    fn folder(&self, kind: &str, target: &str) -> Result<PathBuf, LongError> {
        let folder = self.out.join(kind).join(target);
        fs::create_dir_all(&folder).map_err(|e| LongError::System(folder.clone(), e))?;
        Ok(folder)
    }

    fn build(&self, tell: &(dyn Fn(&str) + Sync)) -> Result<(), LongError> {
        let there = Command::new("cargo").args(["fuzz", "--version"]).output();
        if !there.is_ok_and(|o| o.status.success()) {
            return Err(LongError::NoCargoFuzz);
        }
        tell("building the targets");
        let log = self.folder("logs", "")?.join("build.log");
        let status = cargo_fuzz(&self.crate_folder, &self.out, "build")
            .stdout(Stdio::null())
            .stderr(file(&log)?)
            .status()
            .map_err(|e| LongError::System("cargo".into(), e))?;
        if status.success() { Ok(()) } else { Err(LongError::Build(log)) }
    }

    fn program(&self, target: &str) -> PathBuf {
        let host = Command::new("rustc").arg("-vV").output().map(|o| o.stdout).unwrap_or_default();
        let host =
            String::from_utf8_lossy(&host).lines().find_map(|l| l.strip_prefix("host: ").map(str::to_owned));
        self.out.join(host.unwrap_or_default()).join("release").join(target)
    }

    fn run(&self, target: &'static str, seconds: u32) -> Result<FuzzResult, LongError> {
        let corpus = self.folder("corpus", target)?;
        for (i, seed) in seeds::seeds(target).iter().enumerate() {
            let path = corpus.join(format!("seed-{i}"));
            fs::write(&path, seed).map_err(|e| LongError::System(path, e))?;
        }
        let findings = self.folder("findings", target)?;
        let before = listed(&findings);
        let log = self.folder("logs", "")?.join(format!("{target}.log"));
        let program = self.program(target);
        let begun = Instant::now();
        let child = Command::new(&program)
            .arg(&corpus)
            .arg(format!("-artifact_prefix={}/", findings.display()))
            .arg(format!("-dict={}", seeds::dictionary(target).display()))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-timeout={SLOWEST_S}"))
            .arg(format!("-rss_limit_mb={MOST_MEMORY}"))
            .arg(format!("-max_len={LARGEST}"))
            .args(["-print_final_stats=1", "-use_value_profile=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file(&log)?)
            .spawn()
            .map_err(|e| LongError::System(program, e))?;
        let clean = ended(child, Duration::from_secs(u64::from(seconds)) + GRACE);
        let text = fs::read(&log).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
        let mut found: Vec<PathBuf> = listed(&findings).into_iter().filter(|p| !before.contains(p)).collect();
        // It did not end well and left no input: its log is the finding.
        if !clean && found.is_empty() {
            found.push(log);
        }
        Ok(FuzzResult {
            target,
            runs: after(&text, "stat::number_of_executed_units:"),
            seconds: begun.elapsed().as_secs(),
            coverage: after(&text, " cov: "),
            findings: found,
            log_tail: tail(&text),
        })
    }
}

fn cargo_fuzz(crate_folder: &Path, out: &Path, verb: &str) -> Command {
    let mut command = Command::new("cargo");
    command.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", verb, "--sanitizer", "none", "--fuzz-dir"]);
    command.arg(crate_folder).arg("--target-dir").arg(out);
    command
}

fn file(path: &Path) -> Result<Stdio, LongError> {
    File::create(path).map(Stdio::from).map_err(|e| LongError::System(path.to_owned(), e))
}

/// Whether it ended well within `most`; ended it is, in any case.
fn ended(mut child: Child, most: Duration) -> bool {
    let until = Instant::now() + most;
    while Instant::now() < until {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(Duration::from_millis(200)),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    paths.sort();
    paths
}

/// The number after the last `mark`; 0 where there is none.
fn after(text: &str, mark: &str) -> u64 {
    let rest = text.rfind(mark).map_or("", |at| text[at + mark.len()..].trim_start());
    rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_read_from_the_log() {
        let log = "#2 INITED cov: 11 ft: 12\n#9\tDONE cov: 345 ft: 6\nstat::number_of_executed_units: 789\n";
        assert_eq!((after(log, " cov: "), after(log, "stat::number_of_executed_units:")), (345, 789));
        assert_eq!(after("", " cov: "), 0);
        assert_eq!(tail("a\nb"), "a\nb");
    }
}
