//! Every exchange of every connector, judged against the vendors' published descriptions where those lie beside the
//! checkout. They are not part of the repository, so without them the test is ignored, even where tools must be present.

use std::path::PathBuf;
use std::process::Command;

use crate::bench::{Bench, root};
use crate::coverage::unused;
use crate::play::replay;

/// The judge, or why it cannot be asked.
pub(crate) fn judge() -> Result<PathBuf, &'static str> {
    let judge = root().parent().map(|beside| beside.join("shared/tools/judge-http"));
    judge.filter(|judge| judge.is_file()).ok_or("the vendors' descriptions are not beside this checkout")
}

/// Replays everything into one HAR, which holds every operation that a connector may send, and has it judged.
pub(crate) fn exchanges_are_what_the_vendors_describe(
    bench: &Bench,
    judge: PathBuf,
) -> Result<(), libtest_mimic::Failed> {
    let (mut all, mut missing) = (Vec::new(), Vec::new());
    for at in 0..bench.places.len() {
        let subject = bench.subject(at)?;
        let from = all.len();
        for (name, recording) in &subject.recordings {
            let replayed = replay(&subject, recording);
            all.extend(replayed.map_err(|e| format!("{}::{name}: {e}", subject.manifest.id))?);
        }
        let own = all[from..].iter().map(|e| (e.method.as_str(), e.url.as_str()));
        missing.extend(unused(&subject.manifest, own));
    }
    if !missing.is_empty() {
        return Err(format!("no exchange shows\n{}", missing.join("\n")).into());
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("connectors.har");
    std::fs::write(&path, egress::har(&all).to_string())?;
    let output = Command::new(judge).arg("--responses").arg(&path).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && said.contains(" 0 violations") {
        return Ok(());
    }
    Err(format!("{}\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}
