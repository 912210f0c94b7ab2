//! The one writer: many logical transactions, one commit.
//!
//! A task owns the only connection that writes. It takes what waits (at most [`GROUP`] logical transactions, and never
//! waits for more: a lone one is committed at once), runs each between a SAVEPOINT and its RELEASE, commits once, and
//! only then answers them all. A logical transaction that fails is rolled back alone. If the commit fails, all fail, and
//! after a failed disk nothing is acknowledged any more.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::checkpoint::Checkpoint;
use crate::exchanges::{BUFFER, Kept};
use crate::ids::Series;
use crate::inbox::Submission;
use crate::sql::Conn;
use crate::tx::{Tx, Work, begin};
use crate::{StoreError, Wake};

/// Most logical transactions in one commit.
const GROUP: usize = 500;
/// Most events in one commit, but for those of the last submission taken.
const GROUP_EVENTS: usize = 4_000;

/// What goes to the writer.
pub(crate) enum Entry {
    /// A logical transaction.
    Work(Box<dyn Work>),
    /// Events: those that wait together become one statement.
    Events(Submission),
    /// Finish, and close.
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// What is committed together.
#[derive(Default)]
struct Group {
    works: Vec<(Box<dyn Work>, Result<(), StoreError>)>,
    events: Vec<(Submission, Result<(), StoreError>)>,
    event_rows: usize,
    exchanges: Vec<Kept>,
    close: Vec<oneshot::Sender<Result<(), StoreError>>>,
}

impl Group {
    fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Work(work) => self.works.push((work, Ok(()))),
            Entry::Events(submission) => {
                self.event_rows += submission.len();
                self.events.push((submission, Ok(())));
            }
            Entry::Close(reply) => self.close.push(reply),
        }
    }

    fn is_full(&self) -> bool {
        self.works.len() + self.events.len() >= GROUP
            || self.event_rows >= GROUP_EVENTS
            || !self.close.is_empty()
    }

    fn writes(&self) -> usize {
        self.works.len() + self.event_rows + self.exchanges.len()
    }

    /// Runs everything; fails when the whole commit is lost.
    async fn run(&mut self, tx: &mut Tx) -> Result<(), StoreError> {
        if !self.exchanges.is_empty() {
            tx.savepoint().await?;
            let end = crate::exchanges::insert(tx, &self.exchanges).await;
            tx.end_savepoint(&end).await?;
            if let Err(error) = end {
                tracing::warn!(%error, lost = self.exchanges.len(), "exchanges could not be recorded");
            }
        }
        if !self.events.is_empty() {
            self.run_events(tx).await?;
        }
        for (work, end) in &mut self.works {
            tx.savepoint().await?;
            *end = work.run(tx).await;
            tx.end_savepoint(end).await?;
        }
        Ok(())
    }

    /// All submissions at once; if that fails, each for itself, so that only the culprit is refused.
    async fn run_events(&mut self, tx: &mut Tx) -> Result<(), StoreError> {
        tx.savepoint().await?;
        let all = self.events.iter_mut().map(|(s, _)| s).collect();
        let end = crate::inbox::insert(tx, all).await;
        tx.end_savepoint(&end).await?;
        let Err(e) = end else { return Ok(()) };
        if let [(_, end)] = &mut self.events[..] {
            *end = Err(e);
            return Ok(());
        }
        for (submission, end) in &mut self.events {
            tx.savepoint().await?;
            *end = crate::inbox::insert(tx, vec![submission]).await;
            tx.end_savepoint(end).await?;
        }
        Ok(())
    }

    /// Answers everybody; `end` is how the commit ended.
    fn reply(self, end: &Result<(), StoreError>) {
        for (work, own) in self.works {
            work.reply(end.clone().and(own));
        }
        for (submission, own) in self.events {
            submission.reply(end.clone().and(own));
        }
    }
}

/// The writer.
pub(crate) struct Writer {
    tx: Tx,
    entries: mpsc::Receiver<Entry>,
    exchanges: mpsc::Receiver<Kept>,
    wake: Arc<Wake>,
    checkpoint: Checkpoint,
    /// Why nothing is acknowledged any more.
    broken: Option<StoreError>,
}

impl Writer {
    pub(crate) fn new(
        conn: Conn,
        options: &crate::Options,
        series: Series,
        queues: (mpsc::Receiver<Entry>, mpsc::Receiver<Kept>),
        wake: Arc<Wake>,
        checkpoint: Checkpoint,
    ) -> Self {
        Self {
            tx: Tx::new(conn, options, series),
            entries: queues.0,
            exchanges: queues.1,
            wake,
            checkpoint,
            broken: None,
        }
    }

    /// Works until it is told to close, or until every handle is gone and everything taken is committed.
    pub(crate) async fn run(mut self) {
        loop {
            let mut group = Group::default();
            let mut open = true;
            tokio::select! {
                entry = self.entries.recv() => match entry {
                    Some(entry) => group.add(entry),
                    None => open = false,
                },
                Some(exchange) = self.exchanges.recv() => group.exchanges.push(exchange),
            }
            while !group.is_full() {
                let Ok(entry) = self.entries.try_recv() else { break };
                group.add(entry);
            }
            // After the entries: what was recorded before a settlement was sent is committed no later than it.
            while group.exchanges.len() <= BUFFER {
                let Ok(exchange) = self.exchanges.try_recv() else { break };
                group.exchanges.push(exchange);
            }
            let close = std::mem::take(&mut group.close);
            self.commit(group).await;
            if !open || !close.is_empty() {
                return self.close(close).await;
            }
        }
    }

    async fn commit(&mut self, mut group: Group) {
        if let Some(e) = self.broken.clone().or_else(|| self.checkpoint.failed()) {
            self.broken = Some(e.clone());
            return group.reply(&Err(e));
        }
        let writes = group.writes();
        if writes == 0 {
            return group.reply(&Ok(()));
        }
        let end = self.transaction(&mut group).await;
        if let Err(error) = &end {
            tracing::error!(%error, writes, "a commit failed; none of it is acknowledged");
            if error.is_final() {
                self.broken = Some(error.clone());
            }
        }
        group.reply(&end);
        if end.is_ok() {
            if std::mem::take(&mut self.tx.new_events) {
                self.wake.events.notify_one();
            }
            if std::mem::take(&mut self.tx.new_jobs) {
                self.wake.jobs.notify_one();
            }
            self.checkpoint.after_commit(writes, &mut self.tx.conn).await;
        }
    }

    async fn transaction(&mut self, group: &mut Group) -> Result<(), StoreError> {
        begin(&mut self.tx.conn).await?;
        let end = match group.run(&mut self.tx).await {
            Ok(()) => self.tx.commit().await,
            Err(e) => Err(e),
        };
        if end.is_err() {
            // SQLite may have rolled back already; then this fails, and nothing is lost by that.
            let _ = self.tx.execute("ROLLBACK", Vec::new()).await;
        }
        end
    }

    async fn close(mut self, replies: Vec<oneshot::Sender<Result<(), StoreError>>>) {
        // With the log emptied, the file alone is a whole backup. Another process's reader may prevent that: no harm.
        if self.broken.is_none()
            && let Err(error) = self.tx.conn.checkpoint(true).await
        {
            tracing::debug!(%error, "the log was not emptied at the end");
        }
        let end = self.tx.conn.close().await;
        for reply in replies {
            let _ = reply.send(end.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use model::{Millis, SeededIds, TestClock};

    use super::*;
    use crate::sql::values;
    use crate::{Options, Store};

    async fn open(folder: &tempfile::TempDir) -> Store {
        let clock = Arc::new(TestClock::at(Millis(1)));
        let path = folder.path().join("jackfield.db");
        Store::open(Options { path, clock, ids: Arc::new(SeededIds::new(1)) }).await.unwrap()
    }

    /// Makes the next commit of this store fail, and returns how three calls that share it ended.
    async fn fail(store: &Store, error: StoreError) -> Vec<Result<(), StoreError>> {
        let planted = store.write(|tx| {
            async move {
                tx.fail_commit = Some(error);
                Ok(())
            }
            .boxed()
        });
        let (a, b, c) = tokio::join!(
            planted,
            store.set_meta_if_absent("a", "1").map(|end| end.map(|_| ())),
            store.create_org("one").map(|end| end.map(|_| ())),
        );
        vec![a, b, c]
    }

    #[tokio::test]
    async fn after_a_failed_fsync_nothing_is_acknowledged_until_the_store_is_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        store.set_meta_if_absent("before", "1").await.unwrap();
        let failed = StoreError::Io("SQLite 1034: disk I/O error".to_owned());
        assert_eq!(fail(&store, failed.clone()).await, vec![Err(failed.clone()); 3]);
        assert_eq!(store.set_meta_if_absent("after", "1").await, Err(failed));
        assert_eq!(store.meta("a").await.unwrap(), None, "a commit that failed is not seen");
        store.close().await.unwrap();
        let store = open(&folder).await;
        assert_eq!(store.meta("before").await.unwrap().as_deref(), Some("1"));
        assert_eq!(store.meta("after").await.unwrap(), None);
        store.set_meta_if_absent("after", "1").await.unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_fails_the_commit_and_is_over_when_there_is_space_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        let limit = |pages: &'static str| {
            store.write(move |tx| async move { tx.execute(pages, values![]).await.map(|_| ()) }.boxed())
        };
        limit("PRAGMA max_page_count = 60").await.unwrap();
        let text = "x".repeat(1_000_000);
        let (big, small) =
            tokio::join!(store.set_meta_if_absent("big", &text), store.set_meta_if_absent("small", "1"));
        assert!(matches!(big, Err(StoreError::Full(_))), "{big:?}");
        assert!(matches!(small, Err(StoreError::Full(_))), "it shared the commit: {small:?}");
        assert_eq!(store.meta("small").await.unwrap(), None);
        limit("PRAGMA max_page_count = 100000").await.unwrap();
        store.set_meta_if_absent("big", &text).await.unwrap();
    }

    #[tokio::test]
    async fn a_write_waits_while_another_process_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        let mut other = Conn::open(&folder.path().join("jackfield.db")).await.unwrap();
        other.begin().await.unwrap();
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.set_meta_if_absent("a", "1").await }
        });
        // Longer than SQLite itself waits.
        tokio::time::sleep(std::time::Duration::from_millis(2_300)).await;
        assert!(!waiting.is_finished());
        assert_eq!(store.meta("a").await.unwrap(), None, "readers do not wait");
        other.execute("COMMIT", values![]).await.unwrap();
        assert_eq!(waiting.await.unwrap().unwrap(), "1");
    }
}
