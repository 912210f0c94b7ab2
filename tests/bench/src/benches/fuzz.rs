//! Ten minutes of fuzzing for each target of `tests/fuzz`.

use anyhow::{Context as _, Result};

use super::{Bench, Options};
use crate::harness::{Figure, Report};

pub(super) const BENCH: Bench = Bench {
    name: "fuzz",
    short: "ten minutes of libFuzzer for each target of tests/fuzz",
    about: "Each target of `tests/fuzz` under libFuzzer for ten minutes, from its seeds, two at a time. A target stops at its \
            first finding.",
    takes: Some("MINUTES"),
    long: true,
    run,
};

const MINUTES: u32 = 10;

fn run(options: &Options) -> Result<Report> {
    let minutes = match &options.word {
        Some(word) => word.parse().context("how many minutes for each target?")?,
        None => MINUTES,
    };
    let results = fuzz::long::run_all(minutes, &|line| println!("fuzz: {line}"))?;
    let (mut figures, mut notes, mut findings) = (Vec::new(), Vec::new(), 0usize);
    for result in results {
        findings += result.findings.len();
        let of = |what: &str| format!("{}: {what}", result.target);
        // A target that never ran has found nothing either.
        figures.push(Figure::shown(of("inputs tried"), result.runs as f64, "").at_least(1_000.0));
        figures.push(Figure::shown(of("edges reached"), result.coverage as f64, ""));
        figures.push(Figure::shown(of("time"), result.seconds as f64, "s"));
        for finding in &result.findings {
            // The file's name alone: where this machine keeps it is nobody's business.
            let file = finding.file_name().unwrap_or_default().to_string_lossy().into_owned();
            println!("fuzz: {}: {}\n{}", result.target, finding.display(), result.log_tail);
            notes.push(format!("{}: {file}", result.target));
        }
    }
    figures.insert(0, Figure::shown("findings", findings as f64, "").at_most(0.0));
    Ok(Report { figures, charts: Vec::new(), notes })
}
