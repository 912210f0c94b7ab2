//! Events that cannot be planned, because of a damaged row or a fault of ours: they wait apart, and the others go on.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use model::EventId;
use store::{Event, StoreError};
use tokio::time::Instant;

/// When a stuck event is tried again.
const AGAIN: Duration = Duration::from_secs(60);
/// Most that are set apart; with more, all are tried again. The store returns 1,000 unplanned events at most.
const MOST: usize = 900;

/// Which, and until when.
#[derive(Default)]
pub(crate) struct Stuck(Mutex<HashMap<EventId, Instant>>);

impl Stuck {
    /// How many events to ask for, so that `limit` come that are not stuck.
    pub(crate) fn more(&self, limit: u32) -> u32 {
        limit.saturating_add(u32::try_from(self.lock().len()).unwrap_or(u32::MAX))
    }

    /// Plans each event that is not stuck, and returns how many those were.
    ///
    /// # Errors
    /// When the store does not work at all: then no event is to blame.
    pub(crate) async fn each<F, W>(&self, events: Vec<Event>, plan: F) -> Result<usize, StoreError>
    where
        F: Fn(Event) -> W,
        W: Future<Output = Result<(), StoreError>>,
    {
        let mut planned = 0;
        for event in events {
            if self.is_stuck(&event.id) {
                continue;
            }
            planned += 1;
            let id = event.id.clone();
            let panicked = |_| Err(StoreError::Internal("planning panicked".to_owned()));
            match AssertUnwindSafe(plan(event)).catch_unwind().await.unwrap_or_else(panicked) {
                Ok(()) => {}
                Err(e) if is_trouble(&e) => return Err(e),
                Err(e) => {
                    tracing::error!(event = %id, error = %e, "an event could not be planned; the others go on");
                    self.set_apart(id);
                }
            }
        }
        Ok(planned)
    }

    fn is_stuck(&self, id: &EventId) -> bool {
        let mut stuck = self.lock();
        match stuck.get(id) {
            Some(until) if *until > Instant::now() => true,
            _ => {
                stuck.remove(id);
                false
            }
        }
    }

    fn set_apart(&self, id: EventId) {
        let mut stuck = self.lock();
        if stuck.len() >= MOST {
            stuck.clear();
        }
        stuck.insert(id, Instant::now() + AGAIN);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<EventId, Instant>> {
        // Every change is one call: there is no half of it to see.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the store itself fails, whatever the event.
fn is_trouble(e: &StoreError) -> bool {
    matches!(e, StoreError::Full(_) | StoreError::Busy(_) | StoreError::Io(_) | StoreError::Stopped)
}

#[cfg(test)]
mod tests {
    use model::{Millis, OrgId};
    use serde_json::json;

    use super::*;

    fn event(id: &str) -> Event {
        Event {
            id: EventId(id.to_owned()),
            org: OrgId("org".to_owned()),
            source_id: id.to_owned(),
            kind: "lead.captured".to_owned(),
            occurred_at: Millis(0),
            label: None,
            data: json!({}),
            received_at: Millis(0),
            planned: false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_cannot_be_planned_stands_in_nobodys_way() {
        let (stuck, planned) = (Stuck::default(), Mutex::new(Vec::new()));
        let plan = |event: Event| {
            let planned = &planned;
            async move {
                match event.id.as_str() {
                    "corrupt" => return Err(StoreError::Corrupt("a row".to_owned())),
                    "panic" => panic!("a fault of ours"),
                    id => planned.lock().unwrap().push(id.to_owned()),
                }
                Ok(())
            }
        };
        let events = || ["corrupt", "panic", "good"].map(event).to_vec();
        assert_eq!(stuck.each(events(), plan).await, Ok(3));
        assert_eq!(*planned.lock().unwrap(), ["good"]);
        assert_eq!(stuck.each(events(), plan).await, Ok(1), "the two are not tried again at once");
        tokio::time::advance(AGAIN).await;
        assert_eq!(stuck.each(events(), plan).await, Ok(3), "but later");
    }

    #[tokio::test]
    async fn when_the_store_fails_no_event_is_blamed() {
        let stuck = Stuck::default();
        let plan = |_| async { Err(StoreError::Full("no space".to_owned())) };
        assert!(stuck.each(vec![event("a")], plan).await.is_err());
        assert_eq!(stuck.each(vec![event("a")], |_| async { Ok(()) }).await, Ok(1));
    }
}
