//! The long tier: whatever needs a release build, a load or much time. `cargo run --release -p bench -- NAME|all`.
//!
//! **Owns** the benchmarks, the figures' goals (those of the design), the results and the page that is made of them
//! (`docs/performance.md`). **Refuses** to send anything beyond loopback, to run without a bound, and to call a miss of more
//! than a quarter a success. **Start** at [`benches::BENCHES`]; what a measurement is, is in [`harness`].
//!
//! Exit codes: 0, 1 (a goal was missed by more than a quarter, or a benchmark broke), 2 (usage).
#![expect(clippy::print_stdout, reason = "a program that prints what it found")]

mod alloc;
mod bare;
mod benches;
mod client;
mod harness;
mod host;
mod machine;
mod place;
mod plot;
mod report;

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result};
use benches::{BENCHES, Bench, Options};
use model::Clock as _;

/// What `all` tells its parts: the load before the first of them began.
const LOAD: &str = "BENCH_LOAD";

enum Asked {
    One(&'static Bench, Options),
    All { with_long: bool },
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(asked) = parse(&args) else {
        eprint!("{}", usage());
        return ExitCode::from(2);
    };
    let measures = !matches!(&asked, Asked::One(bench, _) if bench.long);
    if cfg!(debug_assertions) && measures {
        eprintln!("what is measured must be optimised: cargo run --release -p bench -- NAME");
        return ExitCode::from(2);
    }
    let passed = match asked {
        Asked::One(bench, options) => one(bench, &options),
        Asked::All { with_long } => all(with_long),
    };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(args: &[String]) -> Option<Asked> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["all"] => Some(Asked::All { with_long: false }),
        ["all", "--with-long"] | ["--with-long", "all"] => Some(Asked::All { with_long: true }),
        [name, rest @ ..] if rest.len() <= usize::from(bench(name)?.takes.is_some()) => {
            let word = rest.first().map(|w| (*w).to_owned());
            Some(Asked::One(bench(name)?, Options { root: machine::root(), word }))
        }
        _ => None,
    }
}

fn bench(name: &str) -> Option<&'static Bench> {
    BENCHES.iter().find(|b| b.name == name)
}

fn usage() -> String {
    let mut out = String::from("usage: cargo run --release -p bench -- NAME|all [--with-long]\n\n");
    for b in BENCHES {
        let takes = b.takes.map(|t| format!(" [{t}]")).unwrap_or_default();
        let long = if b.long { " (only with --with-long in `all`)" } else { "" };
        out.push_str(&format!("  {:<16} {}{long}\n", format!("{}{takes}", b.name), b.short));
    }
    out
}

/// Runs one, prints it and keeps it.
fn one(bench: &Bench, options: &Options) -> Result<bool> {
    let load = std::env::var(LOAD).ok().and_then(|l| l.parse().ok()).unwrap_or_else(machine::load);
    let began = Instant::now();
    let report = (bench.run)(options).with_context(|| format!("the benchmark `{}`", bench.name))?;
    print!("{}", report::shown(bench.name, &report));
    // A part of a list is looked at, not kept.
    if options.word.is_none() {
        let now = model::SystemClock.now();
        let run = report::Run {
            when: model::Millis(now.0 / 1000 * 1000).rfc3339(),
            machine: machine::describe(),
            load,
            seconds: began.elapsed().as_secs(),
            report: report.clone(),
        };
        report::keep(&options.root, bench.name, run)?;
    }
    Ok(report::passed(&report))
}

/// Runs each in a process of its own: what one leaves in memory is not the next one's.
fn all(with_long: bool) -> Result<bool> {
    let (this, load) = (std::env::current_exe().context("the path of this program")?, machine::load());
    let mut failed = Vec::new();
    for bench in BENCHES.iter().filter(|b| with_long || !b.long) {
        let mut part = Command::new(&this);
        let status = part.arg(bench.name).env(LOAD, load.to_string()).status().context("running a part")?;
        if !status.success() {
            failed.push(bench.name);
        }
    }
    let left: Vec<_> = BENCHES.iter().filter(|b| b.long && !with_long).map(|b| b.name).collect();
    if !left.is_empty() {
        println!("left out, as they take long: {} (`-- NAME`, or `-- all --with-long`)", left.join(", "));
    }
    if !failed.is_empty() {
        println!("missed by more than a quarter, or broken: {}", failed.join(", "));
    }
    Ok(failed.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(args: &[&str]) -> Option<Asked> {
        parse(&args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_not_understood_is_answered_with_the_list_of_names() {
        for wrong in [&[][..], &["calls"], &["call", "x"], &["all", "x"], &["guards", "a", "b"]] {
            assert!(asked(wrong).is_none(), "{wrong:?}");
        }
        assert!(matches!(asked(&["call"]), Some(Asked::One(b, _)) if b.name == "call"));
        assert!(
            matches!(asked(&["guards", "cpu"]), Some(Asked::One(_, o)) if o.word.as_deref() == Some("cpu"))
        );
        assert!(matches!(asked(&["all", "--with-long"]), Some(Asked::All { with_long: true })));
        assert!(BENCHES.iter().all(|b| usage().contains(b.name)));
    }
}
