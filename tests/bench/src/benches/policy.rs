//! The egress policy check, which every request and every redirect walks through.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context as _, Result};
use egress::Policy;
use manifest::Manifest;

use super::{Bench, Options};
use crate::alloc;
use crate::harness::{Chart, Figure, Report, Times, ns};

pub(super) const BENCH: Bench = Bench {
    name: "policy",
    short: "the egress policy check: time and allocations",
    about: "`Policy::check`, one call timed at a time (the clock's own time included), 200,000 times each: HubSpot's grants \
            with paths that its connector uses and one that is not granted; and 20 rules with wildcards, of which the last \
            one grants.",
    takes: None,
    long: false,
    run,
};

const CHECKS: usize = 200_000;

fn run(options: &Options) -> Result<Report> {
    let text = std::fs::read_to_string(options.root.join("plugins/hubspot/connector.toml"))?;
    let hubspot = Policy::compile(&Manifest::parse(&text).context("HubSpot's manifest")?, None, None)?;
    let rules = (1..20).map(|i| {
        format!(
            "[[egress]]\nmethods = [\"GET\", \"POST\"]\nhost = \"*.h{i}.example.com\"\n\
             paths = [\"/v{i}/*/x*y/**\", \"/a/*\"]\nwhy = \"To be looked through\"\n"
        )
    });
    // The first of HubSpot's own rules stays: a credential's host must be granted.
    let head: Vec<&str> = text.splitn(3, "[[egress]]").take(2).collect();
    let head = head.join("[[egress]]");
    let wide = Manifest::parse(&format!("{head}{}", rules.collect::<String>())).context("20 rules")?;
    let wide = Policy::compile(&wide, None, None)?;
    let api = "api.hubapi.com";
    let cases = [
        ("a search", &hubspot, "POST", api, "/crm/objects/2026-09/contacts/search", true),
        ("a record", &hubspot, "PATCH", api, "/crm/objects/2026-09/meetings/12345678901", true),
        (
            "an association",
            &hubspot,
            "PUT",
            api,
            "/crm/objects/2026-09/notes/12345678901/associations/default/contacts/10987654321",
            true,
        ),
        ("not granted", &hubspot, "DELETE", api, "/crm/objects/2026-09/contacts/1/..%2fowners", false),
        ("the last of 20 rules", &wide, "GET", "a.h19.example.com", "/v19/things/x-and-y/more", true),
    ];
    let (mut worst, mut allocations, mut bars) = ((0.0f64, 0.0f64), 0, Vec::new());
    let mut figures = Vec::new();
    for (name, policy, method, host, path, granted) in cases {
        let mut times = Vec::with_capacity(CHECKS);
        let before = alloc::count();
        for _ in 0..CHECKS {
            let began = Instant::now();
            let answer = black_box(policy.check(black_box(method), black_box(host), black_box(path)));
            times.push(ns(began));
            anyhow::ensure!(answer.is_ok() == granted, "{name}: {answer:?}");
        }
        allocations += alloc::count() - before;
        let times = Times::new(times);
        let (p50, p95) = (times.median(), times.percentile(0.95));
        worst = (worst.0.max(p50), worst.1.max(p95));
        figures.push(Figure::shown(format!("{name}: p50"), p50, "ns"));
        bars.push((format!("{name}, p95"), p95));
    }
    figures.insert(0, Figure::shown("slowest case: p95", worst.1, "ns").at_most(1_500.0));
    figures.insert(1, Figure::shown("slowest case: p50", worst.0, "ns"));
    figures.insert(2, Figure::shown("allocations", allocations as f64, "").at_most(0.0));
    let chart = Chart::Bars {
        file: "policy.svg".to_owned(),
        title: "A policy check, p95".to_owned(),
        unit: "ns".to_owned(),
        bars,
        goal: Some(1_500.0),
    };
    Ok(Report { figures, charts: vec![chart], notes: Vec::new() })
}
