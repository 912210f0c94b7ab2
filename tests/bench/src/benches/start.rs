//! How long the host takes from nothing to its first answer.

use anyhow::Result;

use super::call::runtime;
use super::{Bench, Options};
use crate::harness::{Figure, Report, median};
use crate::host::Host;

pub(super) const BENCH: Bench = Bench {
    name: "start",
    short: "cold start with every connector installed and compiled",
    about: "The release binary's `serve`, from the start of its process to the first 200 of `/readyz`, in a folder with every \
            connector of `plugins/` installed and compiled; nine starts, the files in the system's cache.",
    takes: None,
    long: false,
    run,
};

const STARTS: usize = 9;

/// The folders of `plugins/` that are connectors.
pub(super) fn connectors(root: &std::path::Path) -> Vec<String> {
    let folders = workshop::find_plugins(root);
    folders.iter().filter_map(|f| Some(f.file_name()?.to_string_lossy().into_owned())).collect()
}

fn run(options: &Options) -> Result<Report> {
    let runtime = runtime(2)?;
    let connectors = connectors(&options.root);
    let names: Vec<&str> = connectors.iter().map(String::as_str).collect();
    let host = Host::new(&options.root, &names, "")?;
    let mut took = Vec::new();
    for _ in 0..STARTS {
        let serving = runtime.block_on(host.serve())?;
        took.push(serving.ready_after.as_secs_f64() * 1e3);
    }
    let slowest = took.iter().copied().fold(0.0, f64::max);
    let figures = vec![
        Figure::shown(format!("start to ready, {} connectors: median", names.len()), median(took), "ms")
            .at_most(300.0),
        Figure::shown("start to ready: slowest", slowest, "ms"),
    ];
    Ok(Report { figures, charts: Vec::new(), notes: Vec::new() })
}
