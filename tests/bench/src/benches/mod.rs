//! The benchmarks. Those of `all` come in this order; each runs in a process of its own.

mod attacked;
mod call;
mod extism;
mod fuzz;
mod guards;
mod ingest;
mod memory;
mod native;
mod policy;
mod start;
mod throughput;

use std::path::PathBuf;

use anyhow::Result;

use crate::harness::Report;

/// One benchmark.
pub(crate) struct Bench {
    pub(crate) name: &'static str,
    /// For the list of names.
    pub(crate) short: &'static str,
    /// For the page: what was done.
    pub(crate) about: &'static str,
    /// The one word that may follow its name.
    pub(crate) takes: Option<&'static str>,
    /// Whether `all` leaves it out.
    pub(crate) long: bool,
    pub(crate) run: fn(&Options) -> Result<Report>,
}

/// What was asked for.
pub(crate) struct Options {
    /// The repository's root.
    pub(crate) root: PathBuf,
    /// The word after the name.
    pub(crate) word: Option<String>,
}

/// All of them.
pub(crate) const BENCHES: &[Bench] = &[
    policy::BENCH,
    call::BENCH,
    throughput::BENCH,
    extism::BENCH,
    native::BENCH,
    start::BENCH,
    memory::BENCH,
    ingest::BENCH,
    attacked::BENCH,
    guards::BENCH,
    fuzz::BENCH,
];
