//! The suite; each recording is a test of its own: `hubspot::lead_creates_a_contact`.

use std::sync::Arc;

use conformance::Bench;
use libtest_mimic::{Arguments, run};

fn main() {
    let arguments = Arguments::from_args();
    let bench = Arc::new(Bench::new());
    let conclusion = run(&arguments, conformance::trials(&bench));
    // Its temporary folder goes with it; leaving the process would not take it along.
    drop(bench);
    conclusion.exit();
}
