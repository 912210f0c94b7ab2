//! One logical transaction: how it is sent to the writer, and what it has at hand while it runs.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use futures::future::BoxFuture;
use model::{Clock, Ids, Millis};
use tokio::sync::{mpsc, oneshot};

use crate::exchanges::Trims;
use crate::ids::Series;
use crate::sql::Conn;
use crate::writer::Entry;
use crate::{Options, StoreError};

/// How often a lock of another process is waited for (2 s each) before a commit is given up.
const BUSY_TRIES: u32 = 10;

/// A logical transaction that keeps its result until the commit.
pub(crate) trait Work: Send {
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, Result<(), StoreError>>;
    fn reply(self: Box<Self>, end: Result<(), StoreError>);
}

struct Once<T, F> {
    work: Option<F>,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Work for Once<T, F>
where
    T: Send + 'static,
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
{
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, Result<(), StoreError>> {
        Box::pin(async move {
            if let Some(work) = self.work.take() {
                self.result = Some(work(tx).await?);
            }
            Ok(())
        })
    }

    fn reply(self: Box<Self>, end: Result<(), StoreError>) {
        let Self { result, reply, .. } = *self;
        // Who no longer waits does not need the answer; what it asked for is done nevertheless.
        let _ = reply.send(end.and_then(|()| result.ok_or(StoreError::Stopped)));
    }
}

/// Sends a logical transaction and waits for its commit.
pub(crate) async fn write<T, F>(to: &mpsc::Sender<Entry>, work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let entry = Entry::Work(Box::new(Once { work: Some(work), result: None, reply }));
    to.send(entry).await.map_err(|_| StoreError::Stopped)?;
    answer.await.map_err(|_| StoreError::Stopped)?
}

/// The writing connection with what a logical transaction needs beside it.
pub(crate) struct Tx {
    pub conn: Conn,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    series: Series,
    /// Which organization was served last.
    pub served: String,
    pub trims: Trims,
    /// Ring these bells after the commit.
    pub new_events: bool,
    pub new_jobs: bool,
    #[cfg(test)]
    pub fail_commit: Option<StoreError>,
}

impl Deref for Tx {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

impl Tx {
    pub(crate) fn new(conn: Conn, options: &Options, series: Series) -> Self {
        Self {
            conn,
            clock: Arc::clone(&options.clock),
            ids: Arc::clone(&options.ids),
            series,
            served: String::new(),
            trims: Trims::default(),
            new_events: false,
            new_jobs: false,
            #[cfg(test)]
            fail_commit: None,
        }
    }

    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// An id greater than all before it.
    pub(crate) fn new_id(&mut self) -> String {
        self.series.next(&*self.ids, &*self.clock)
    }

    pub(crate) async fn savepoint(&mut self) -> Result<(), StoreError> {
        self.execute("SAVEPOINT one", Vec::new()).await.map(|_| ())
    }

    /// Keeps or undoes what was done since the savepoint. Fails when the whole commit is lost.
    pub(crate) async fn end_savepoint(&mut self, end: &Result<(), StoreError>) -> Result<(), StoreError> {
        match end {
            Err(e) if e.ends_the_commit() => return Err(e.clone()),
            Err(_) => self.execute("ROLLBACK TO SAVEPOINT one", Vec::new()).await.map(|_| ())?,
            Ok(()) => {}
        }
        self.execute("RELEASE SAVEPOINT one", Vec::new()).await.map(|_| ())
    }

    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        #[cfg(test)]
        if let Some(e) = self.fail_commit.take() {
            return Err(e);
        }
        self.execute("COMMIT", Vec::new()).await.map(|_| ())
    }
}

/// Begins a writing transaction; waits, within bounds, while another process writes.
pub(crate) async fn begin(conn: &mut Conn) -> Result<(), StoreError> {
    let mut tries = 1;
    loop {
        match conn.begin().await {
            Err(StoreError::Busy(_)) if tries < BUSY_TRIES => tries += 1,
            end => return end,
        }
    }
}
