//! The short run of every target: what was found once, then some thousand inputs of a fixed seed. The long one is
//! `cargo run --release -p bench -- fuzz`.
//!
//! `JACKFIELD_TEST_FUZZ_SEED` (a number) takes another seed, `JACKFIELD_TEST_FUZZ_RUNS` another number of inputs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use fuzz::mutate::{self, Chance};
use fuzz::{seeds, target};

/// No input of the seeded run takes longer, in a debug build on a busy machine.
const SLOWEST: Duration = Duration::from_secs(5);

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn try_one(name: &str, data: &[u8], which: &str) {
    let (run, begun) = (target(name).run, Instant::now());
    let outcome = catch_unwind(AssertUnwindSafe(|| run(data)));
    let took = begun.elapsed();
    if outcome.is_err() || took > SLOWEST {
        let what = if outcome.is_err() { "fails (its words are above)" } else { "is too slow" };
        panic!(
            "{name}, {which}, {took:?}: this input {what}:\n{}\nkeep it: tests/fuzz/regressions/{name}/",
            data.escape_ascii()
        );
    }
}

fn seeded(name: &str, runs: u64) {
    for (path, data) in seeds::regressions(name) {
        try_one(name, &data, &path.display().to_string());
    }
    let (seeds, words) = (seeds::seeds(name), seeds::words(name));
    assert!(seeds.len() >= 3, "{name} has {} seeds", seeds.len());
    for (i, seed) in seeds.iter().enumerate() {
        try_one(name, seed, &format!("seed input {i}"));
    }
    let seed = number("JACKFIELD_TEST_FUZZ_SEED").unwrap_or(20_261_120);
    for run in 0..number("JACKFIELD_TEST_FUZZ_RUNS").unwrap_or(runs) {
        // Each input by itself, so that one can be made again without those before it.
        let mut chance = Chance::new(seed.wrapping_add(run.wrapping_mul(0x9E37_79B9)));
        let data = mutate::input(&mut chance, &seeds, &words);
        try_one(name, &data, &format!("seed {seed}, input {run}"));
    }
}

#[test]
fn a_manifest_is_read_or_refused_in_bounds_and_means_the_same_when_written_again() {
    seeded("manifest", 1_500);
}

#[test]
fn grants_decide_as_the_oracle_does_and_what_widens_is_called_so() {
    seeded("grants", 1_500);
}

#[test]
fn a_url_that_is_accepted_has_one_reading() {
    seeded("urls", 20_000);
}

#[test]
fn a_guests_request_goes_out_as_granted_or_not_at_all() {
    seeded("headers", 1_000);
}

#[test]
fn an_answer_is_bounded_and_leads_nowhere_that_is_not_granted() {
    seeded("answers", 1_000);
}

#[test]
fn no_form_of_a_secret_is_left_in_a_text() {
    seeded("redaction", 10_000);
}

#[test]
fn an_event_is_within_its_bounds_and_is_read_again_as_the_same() {
    seeded("events", 10_000);
}

#[test]
fn no_bytes_make_the_examination_of_a_component_fail_otherwise_than_with_words() {
    seeded("components", 10_000);
}
