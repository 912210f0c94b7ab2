//! Where results stay: `docs/performance/results.json`, and what is made of it for readers, a table and plots in
//! `docs/performance.md`. A run of one benchmark replaces its own results and leaves the others.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::benches::BENCHES;
use crate::harness::{Report, Verdict};
use crate::plot;

/// One benchmark's latest run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    /// RFC 3339, to the second.
    pub(crate) when: String,
    pub(crate) machine: String,
    /// The machine's load when the run began: above a half, somebody else was there.
    pub(crate) load: f64,
    pub(crate) seconds: u64,
    pub(crate) report: Report,
}

type Results = BTreeMap<String, Run>;

const FOLDER: &str = "docs/performance";
const RESULTS: &str = "docs/performance/results.json";
const PAGE: &str = "docs/performance.md";

/// The figures as text, each beside its goal.
pub(crate) fn shown(name: &str, report: &Report) -> String {
    let mut out = format!("{name}\n");
    for f in &report.figures {
        let _ =
            writeln!(out, "  {:<58} {:>16}  {:<18} {}", f.name, f.value_text(), f.goal_text(), f.verdict());
    }
    for note in &report.notes {
        let _ = writeln!(out, "  ({note})");
    }
    out
}

/// Whether no goal was missed by more than a quarter.
pub(crate) fn passed(report: &Report) -> bool {
    report.figures.iter().all(|f| f.verdict() != Verdict::Missed)
}

/// Keeps a run, and writes the page anew.
pub(crate) fn keep(root: &Path, name: &str, run: Run) -> Result<()> {
    let path = root.join(RESULTS);
    let mut results: Results = match std::fs::read_to_string(&path) {
        Ok(text) => {
            serde_json::from_str(&text).with_context(|| format!("{RESULTS} does not read; delete it"))?
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Results::new(),
        Err(e) => return Err(e).context(RESULTS),
    };
    results.insert(name.to_owned(), run);
    std::fs::create_dir_all(root.join(FOLDER)).context(FOLDER)?;
    write(&path, &(serde_json::to_string_pretty(&results)? + "\n"))?;
    for chart in results.values().flat_map(|run| &run.report.charts) {
        let (file, text) = plot::svg(chart);
        write(&root.join(FOLDER).join(file), &text)?;
    }
    write(&root.join(PAGE), &page(&results))
}

/// Beside, then renamed: whoever stops the command finds whole files.
fn write(path: &Path, text: &str) -> Result<()> {
    let beside = path.with_extension("part");
    std::fs::write(&beside, text).with_context(|| beside.display().to_string())?;
    std::fs::rename(&beside, path).with_context(|| path.display().to_string())
}

fn page(results: &Results) -> String {
    let mut out = String::from(
        "# Performance\n\n\
         Written by `cargo run --release -p bench -- all`; do not edit. `-- NAME` runs one part and replaces its section.\n\
         What is compared takes turns in one run, so the ratios mean more than the absolute figures. The command exits\n\
         with 1 when a goal is missed by more than a quarter.\n",
    );
    let machines: Vec<&str> = results.values().map(|r| r.machine.as_str()).collect();
    let one = machines.windows(2).all(|w| w[0] == w[1]);
    if let Some(machine) = machines.first().filter(|_| one) {
        let _ = write!(out, "\nMachine: {machine}.\n");
    }
    for bench in BENCHES {
        let Some(run) = results.get(bench.name) else { continue };
        let _ = write!(out, "\n## {}\n\n{}\n\n", bench.name, bench.about);
        out.push_str("| figure | measured | goal | |\n|---|---:|---:|---|\n");
        for f in &run.report.figures {
            let verdict = match f.verdict() {
                Verdict::Missed => "**missed**".to_owned(),
                other => other.to_string(),
            };
            let _ = writeln!(out, "| {} | {} | {} | {verdict} |", f.name, f.value_text(), f.goal_text());
        }
        for note in &run.report.notes {
            let _ = write!(out, "\n{note}\n");
        }
        for chart in &run.report.charts {
            let (file, _) = plot::svg(chart);
            let title = file.trim_end_matches(".svg").replace('-', " ");
            let _ = write!(out, "\n![{title}](performance/{file})\n");
        }
        let (day, load) = (run.when.get(..10).unwrap_or(&run.when), run.load);
        let busy =
            if load > 0.5 { format!("; the machine had other work (load {load:.1})") } else { String::new() };
        let machine = if one { String::new() } else { format!("; {}", run.machine) };
        let _ = write!(out, "\n<sub>{day}, {} s{busy}{machine}</sub>\n", run.seconds);
    }
    let missing: Vec<_> = BENCHES.iter().filter(|b| !results.contains_key(b.name)).map(|b| b.name).collect();
    if !missing.is_empty() {
        let _ = write!(out, "\nNot run yet: {}.\n", missing.join(", "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::{Chart, Figure};

    #[test]
    fn a_run_of_one_benchmark_leaves_the_results_of_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let run = |value: f64| Run {
            when: "2026-11-20T10:00:00Z".into(),
            machine: "2 cores".into(),
            load: 0.1,
            seconds: 3,
            report: Report {
                figures: vec![Figure::shown("a check", value, "µs").at_most(1.5)],
                charts: vec![Chart::Bars {
                    file: "a.svg".into(),
                    title: "a".into(),
                    unit: "µs".into(),
                    bars: vec![],
                    goal: None,
                }],
                notes: vec!["A note.".into()],
            },
        };
        keep(folder.path(), "policy", run(1.0)).unwrap();
        keep(folder.path(), "call", run(2.5)).unwrap();
        keep(folder.path(), "policy", run(1.25)).unwrap();
        let page = std::fs::read_to_string(folder.path().join(PAGE)).unwrap();
        assert!(page.contains("| a check | 1.25 µs | ≤ 1.50 µs | met |"), "{page}");
        assert!(page.contains("| a check | 2.50 µs | ≤ 1.50 µs | **missed** |"), "{page}");
        assert!(page.contains("Machine: 2 cores.") && page.contains("(performance/a.svg)"), "{page}");
        assert!(folder.path().join("docs/performance/a.svg").is_file());
    }
}
