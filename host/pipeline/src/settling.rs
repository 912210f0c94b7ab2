//! The ends of jobs, written. What a full disk does not take now it takes later, while the leases are kept; what the store
//! refuses for good takes no other job's end with it.

use std::future::Future;
use std::time::Duration;

use store::{Settlement, StoreError};
use tokio::sync::watch;

/// How long to wait for the store.
const PAUSE: Duration = Duration::from_secs(1);
/// How often: ten minutes. Nothing is claimed meanwhile, because whoever is done waits here.
const TRIES: u32 = 600;

/// Writes all of them, or says in the log which were lost. A lost end's lease runs out, and its job is performed again
/// under the same op-key.
pub(crate) async fn write<F, W>(ends: Vec<Settlement>, settle: F, stop: &watch::Receiver<bool>)
where
    F: Fn(Vec<Settlement>) -> W,
    W: Future<Output = Result<Vec<bool>, StoreError>>,
{
    match patiently(&ends, &settle, stop).await {
        Err(e) if ends.len() > 1 && is_refusal(&e) => {
            for end in ends {
                if let Err(e) = patiently(std::slice::from_ref(&end), &settle, stop).await {
                    tracing::error!(error = %e, job = %end.job, "the end of a job was not written");
                }
            }
        }
        Err(e) => tracing::error!(error = %e, jobs = ends.len(), "ends of jobs were not written"),
        Ok(()) => {}
    }
}

async fn patiently<F, W>(
    ends: &[Settlement],
    settle: &F,
    stop: &watch::Receiver<bool>,
) -> Result<(), StoreError>
where
    F: Fn(Vec<Settlement>) -> W,
    W: Future<Output = Result<Vec<bool>, StoreError>>,
{
    let mut tries = 1;
    loop {
        match settle(ends.to_vec()).await {
            Ok(written) => {
                for (end, _) in ends.iter().zip(written).filter(|(_, ours)| !ours) {
                    tracing::warn!(job = %end.job, "a stale result was discarded: another worker has the job");
                }
                return Ok(());
            }
            Err(e @ (StoreError::Full(_) | StoreError::Busy(_))) if tries < TRIES && !*stop.borrow() => {
                tracing::warn!(error = %e, jobs = ends.len(), "ends of jobs wait for the database");
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(e) => return Err(e),
        }
    }
}

/// Whether it may be one row's fault.
fn is_refusal(e: &StoreError) -> bool {
    !matches!(e, StoreError::Full(_) | StoreError::Busy(_) | StoreError::Io(_) | StoreError::Stopped)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use model::{JobId, Millis};
    use serde_json::json;
    use store::{Attempt, Fate};

    use super::*;

    fn end(id: &str) -> Settlement {
        let job = JobId(id.to_owned());
        let attempt = Attempt {
            job: job.clone(),
            number: 1,
            started_at: Millis(0),
            ms: 1,
            outcome: "done".to_owned(),
            decision: "done".to_owned(),
            error: None,
            exchanges: Vec::new(),
        };
        Settlement {
            job,
            token: 1,
            fate: Fate::Done { receipt: json!({}), remote_id: None, version: None },
            attempt,
            connection_status: None,
            connection_wait_until: None,
            drop_links: false,
            call: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_receipt_outlasts_a_full_disk() {
        let (_sender, stop) = watch::channel(false);
        let full = Mutex::new(3);
        let written = Mutex::new(Vec::new());
        let settle = |ends: Vec<Settlement>| {
            let mut full = full.lock().unwrap();
            let answer = if *full > 0 {
                *full -= 1;
                Err(StoreError::Full("no space".to_owned()))
            } else {
                written.lock().unwrap().extend(ends.iter().map(|e| e.job.0.clone()));
                Ok(vec![true; ends.len()])
            };
            async move { answer }
        };
        write(vec![end("a"), end("b")], settle, &stop).await;
        assert_eq!(*written.lock().unwrap(), ["a", "b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_the_store_refuses_takes_no_other_with_it() {
        let (_sender, stop) = watch::channel(false);
        let written = Mutex::new(Vec::new());
        let settle = |ends: Vec<Settlement>| {
            let answer = if ends.iter().any(|e| e.job.0 == "poison") {
                Err(StoreError::Invalid("a value is out of bounds".to_owned()))
            } else {
                written.lock().unwrap().extend(ends.iter().map(|e| e.job.0.clone()));
                Ok(vec![true; ends.len()])
            };
            async move { answer }
        };
        write(vec![end("a"), end("poison"), end("b")], settle, &stop).await;
        assert_eq!(*written.lock().unwrap(), ["a", "b"]);
    }
}
