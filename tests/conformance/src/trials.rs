//! The list of tests.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};

use crate::bench::{Bench, Subject};
use crate::play::replay;
use crate::rules::RULES;
use crate::{judge, own_tests};

/// One test per recording, one per rule and connector, the judge, and the connectors' own tests.
#[must_use]
pub fn trials(bench: &Arc<Bench>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (at, place) in bench.places.iter().enumerate() {
        let id = place.id();
        for name in &place.recordings {
            let wanted = name.clone();
            trials.push(trial(bench, at, format!("{id}::{}", name.replace('-', "_")), move |subject| {
                let found = subject.recordings.iter().find(|(name, _)| *name == wanted);
                let (_, recording) = found.ok_or("the recording is gone")?;
                Ok(replay(subject, recording)
                    .map(drop)
                    .map_err(|why| format!("{}\n{why}", recording.about))?)
            }));
        }
        for (name, rule) in RULES {
            let folder = place.folder.clone();
            let name = format!("{id}::{name}");
            trials.push(trial(bench, at, name, move |subject| Ok(rule(subject, &folder)?)));
        }
    }
    let name = "every_exchange_is_what_the_vendors_describe";
    let bench = Arc::clone(bench);
    trials.push(match judge::judge() {
        Ok(judge) => Trial::test(name, move || judge::exchanges_are_what_the_vendors_describe(&bench, judge)),
        Err(why) => Trial::test(format!("{name} [{why}]"), || Ok(())).with_ignored_flag(true),
    });
    trials.push(Trial::test("the_connectors_own_tests_pass", || Ok(own_tests::pass()?)));
    trials
}

fn trial(
    bench: &Arc<Bench>,
    at: usize,
    name: String,
    test: impl FnOnce(&Subject) -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let bench = Arc::clone(bench);
    Trial::test(name, move || test(&*bench.subject(at)?))
}
