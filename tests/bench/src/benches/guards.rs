//! Takes every guard of `tests/hostile/guards.toml` out, one at a time, and proves that its test fails then.
//!
//! Works on a copy of the sources (what git tracks, with uncommitted changes) and with a target folder of its own, so that
//! nobody else ever compiles a host without its guards.

mod copy;

use std::collections::{BTreeMap, VecDeque};
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::Deserialize;

use super::{Bench, Options};
use crate::harness::{Figure, Report};

pub(super) const BENCH: Bench = Bench {
    name: "guards",
    short: "every guard taken out in turn: its test must fail",
    about: "For each guard of `tests/hostile/guards.toml`: its test passes with it, and fails without it, in a copy of the \
            sources. A copy that does not compile proves nothing and counts as not caught.",
    takes: Some("FILTER"),
    long: true,
    run,
};

/// How long one mutant may take, its compilation included.
const PATIENCE: Duration = Duration::from_secs(600);
/// The first build, of everything, takes longer.
const FIRST: Duration = Duration::from_secs(3_600);

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    guard: Vec<Guard>,
}

/// One guard and how it is taken out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guard {
    name: String,
    attack: String,
    file: String,
    find: String,
    replace: String,
    test: Vec<String>,
}

/// What became of a mutant.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The test failed.
    Caught,
    /// It passed: nothing noticed.
    Survived,
    /// Why nothing is proved.
    Unproved(String),
}

fn run(options: &Options) -> Result<Report> {
    let text = std::fs::read_to_string(options.root.join("tests/hostile/guards.toml"))
        .context("tests/hostile/guards.toml")?;
    let list: List = toml::from_str(&text).context("tests/hostile/guards.toml")?;
    let chosen = |g: &Guard| options.word.as_deref().is_none_or(|w| g.name.contains(w) || g.file.contains(w));
    let mut guards: Vec<Guard> = list.guard.into_iter().filter(chosen).collect();
    ensure!(!guards.is_empty(), "no guard is called `{}`", options.word.as_deref().unwrap_or_default());
    // What lies in one crate comes together: it is compiled again after each, and its neighbours are not.
    guards.sort_by(|a, b| a.file.cmp(&b.file));
    let total = guards.len();
    println!("guards: copying the sources, and building every test once with its guards in place");
    let places = Cargo::places(&options.root)?;
    let standing = standing(&places[0], &guards)?;
    for place in &places[1..] {
        place.start_from(&places[0])?;
    }
    // Each place works from its own end of the list, so that they meet in one crate at most.
    let waiting = Mutex::new(guards.into_iter().zip(standing).collect::<VecDeque<_>>());
    let ended = Mutex::new(Vec::new());
    let (waiting_for, done) = (&waiting, &ended);
    std::thread::scope(|scope| -> Result<()> {
        let running: Vec<_> = places
            .iter()
            .zip([true, false])
            .map(|(cargo, from_front)| scope.spawn(move || work(cargo, from_front, waiting_for, done, total)))
            .collect();
        running.into_iter().try_for_each(|r| r.join().map_err(|_| anyhow!("a thread broke"))?)
    })?;
    Ok(report(ended.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

type Waiting = Mutex<VecDeque<(Guard, Option<String>)>>;

/// Takes guards out for as long as there are any.
fn work(
    cargo: &Cargo,
    from_front: bool,
    waiting: &Waiting,
    ended: &Mutex<Vec<(String, End)>>,
    total: usize,
) -> Result<()> {
    loop {
        let next = if from_front { locked(waiting).pop_front() } else { locked(waiting).pop_back() };
        let Some((guard, broken)) = next else { return Ok(()) };
        let began = Instant::now();
        let end = match broken {
            Some(why) => End::Unproved(why),
            None => without(cargo, &guard)?,
        };
        let took = began.elapsed().as_secs();
        let mut ended = locked(ended);
        let at = ended.len() + 1;
        println!("guards: {at}/{total} {} ({}): {end:?}, {took} s", guard.name, guard.attack);
        ended.push((guard.name, end));
    }
}

fn report(mut ended: Vec<(String, End)>) -> Report {
    ended.sort_by(|(a, _), (b, _)| a.cmp(b));
    let total = ended.len();
    let lost: Vec<String> = ended
        .into_iter()
        .filter_map(|(name, end)| match end {
            End::Caught => None,
            End::Survived => Some(format!("{name}: its test passes without it")),
            End::Unproved(why) => Some(format!("{name}: {why}")),
        })
        .collect();
    let share = (total - lost.len()) as f64 / total as f64 * 100.0;
    let figures = vec![
        Figure::shown("guards whose test fails without them", share, "%").at_least(100.0),
        // One guard that nobody misses is one too many, whatever its share.
        Figure::shown("guards not caught", lost.len() as f64, "").at_most(0.0),
        Figure::shown("guards", total as f64, ""),
    ];
    Report { figures, charts: Vec::new(), notes: lost }
}

/// What is wrong with each guard's test while the guard is in place; mostly nothing. Each test runs once.
fn standing(cargo: &Cargo, guards: &[Guard]) -> Result<Vec<Option<String>>> {
    let mut known: BTreeMap<&[String], Option<String>> = BTreeMap::new();
    for guard in guards {
        if known.contains_key(guard.test.as_slice()) {
            continue;
        }
        let built = cargo.test(&guard.test, true, FIRST)?;
        let ran = if built.ok { cargo.test(&guard.test, false, PATIENCE)? } else { built };
        let wrong = if !ran.ok {
            Some(format!("its test does not pass even with it: {}", ran.tail()))
        } else if ran.tests() == 0 {
            Some(format!("there is no test {}", guard.test.join(" ")))
        } else {
            None
        };
        known.insert(&guard.test, wrong);
    }
    Ok(guards.iter().map(|g| known[g.test.as_slice()].clone()).collect())
}

/// Takes it out, runs its test, puts it back.
fn without(cargo: &Cargo, guard: &Guard) -> Result<End> {
    let path = cargo.tree.join(&guard.file);
    let whole = std::fs::read_to_string(&path).with_context(|| guard.file.clone())?;
    let times = whole.matches(&guard.find).count();
    if times != 1 {
        return Ok(End::Unproved(format!("its text is in {} {times} times, not once", guard.file)));
    }
    std::fs::write(&path, whole.replacen(&guard.find, &guard.replace, 1))?;
    let end = attempt(cargo, guard);
    std::fs::write(&path, whole)?;
    end
}

fn attempt(cargo: &Cargo, guard: &Guard) -> Result<End> {
    let began = Instant::now();
    let built = cargo.test(&guard.test, true, PATIENCE)?;
    if !built.ok {
        return Ok(End::Unproved(format!("it does not compile without it: {}", built.tail())));
    }
    let ran = cargo.test(&guard.test, false, PATIENCE.saturating_sub(began.elapsed()))?;
    Ok(if ran.late {
        End::Unproved(format!("its test takes longer than {} s without it", PATIENCE.as_secs()))
    } else if ran.ok {
        End::Survived
    } else if ran.said.contains("error: test failed") {
        End::Caught
    } else {
        End::Unproved(format!("cargo failed, not the test: {}", ran.tail()))
    })
}

/// cargo on the copy.
struct Cargo {
    tree: PathBuf,
    target: PathBuf,
}

struct Ran {
    ok: bool,
    late: bool,
    said: String,
}

impl Ran {
    /// How many tests ran.
    fn tests(&self) -> u64 {
        let running = self.said.lines().filter_map(|l| l.strip_prefix("running ")?.split(' ').next());
        running.filter_map(|n| n.parse::<u64>().ok()).sum()
    }

    /// The first error, else the last line.
    fn tail(&self) -> String {
        let mut lines = self.said.lines().map(str::trim).filter(|l| !l.is_empty());
        let error = self.said.lines().find(|l| l.starts_with("error") || l.contains("panicked at"));
        let line = error.or_else(|| lines.next_back()).unwrap_or_default();
        if self.late { format!("out of time; {line}") } else { model::cut(line, 300).into_owned() }
    }
}

impl Cargo {
    /// Two, each with a copy of the sources: cargo and the tests wait a good deal of their time.
    fn places(root: &Path) -> Result<[Self; 2]> {
        let place = |number: usize| -> Result<Self> {
            let home = root.join("target/guards").join(number.to_string());
            let tree = home.join("tree");
            copy::refresh(root, &tree)?;
            Ok(Self { tree, target: home.join("target") })
        };
        Ok([place(0)?, place(1)?])
    }

    /// Takes over what another place has compiled, the dependencies above all, unless it has something of its own.
    fn start_from(&self, other: &Self) -> Result<()> {
        if self.target.exists() {
            return Ok(());
        }
        let copied = Command::new("cp").arg("-a").arg(&other.target).arg(&self.target).status();
        ensure!(copied.context("running cp")?.success(), "the compiled dependencies could not be copied");
        Ok(())
    }

    /// `cargo test REST` for the test's package, to its end or the end of patience. All packages are named, so that the
    /// dependencies have the same features whatever the test is: else each package compiles its own engine.
    fn test(&self, test: &[String], only_build: bool, patience: Duration) -> Result<Ran> {
        let Some((_, rest)) = test.split_first() else { bail!("a guard names no test") };
        let output = self.target.with_extension("log");
        let log = std::fs::File::create(&output)?;
        let mut cargo = Command::new("cargo");
        // What the cargo that runs this command has set would make the other one compile anew.
        for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("CARGO_") && n != "CARGO_HOME") {
            cargo.env_remove(name);
        }
        cargo.args(["test", "--workspace"]).args(rest);
        if only_build {
            cargo.arg("--no-run");
        }
        cargo
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_TERM_COLOR", "never")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A group of its own, so that a test that hangs goes with its cargo.
            .process_group(0);
        let mut child = cargo.spawn().context("running cargo")?;
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if began.elapsed() > patience {
                let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
                child.wait()?;
                break None;
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        Ok(Ran { ok: status.is_some_and(|s| s.success()), late: status.is_none(), said: read(&output)? })
    }
}

/// At most a megabyte of it.
fn read(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(1 << 20).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_says_is_read() {
        let said =
            "running 0 tests\n\nrunning 2 tests\ntest a ... ok\nerror: test failed, to rerun pass `-p x`\n";
        let ran = Ran { ok: false, late: false, said: said.to_owned() };
        assert_eq!((ran.tests(), ran.tail().as_str()), (2, "error: test failed, to rerun pass `-p x`"));
    }
}
