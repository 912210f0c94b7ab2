//! The handle.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use futures::future::BoxFuture;
use model::{Clock, Ids};
use tokio::sync::{mpsc, oneshot};

use crate::checkpoint::Checkpoint;
use crate::exchanges::{BUFFER, Kept};
use crate::ids::Series;
use crate::readers::{Reader, Readers};
use crate::sql::Conn;
use crate::tx::{self, Tx};
use crate::writer::{Entry, Writer};
use crate::{StoreError, Wake};

/// Logical transactions that may wait for the writer; who comes later waits with them in hand.
const QUEUE: usize = 1_024;
/// Opening is tried this often when another process is about to make the file too, with [`PAUSE`] between.
const OPEN_TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

const LAST_EVENT: &str = "SELECT id FROM event ORDER BY id DESC LIMIT 1";
const LAST_JOB: &str = "SELECT id FROM job ORDER BY id DESC LIMIT 1";
const LAST_OF_A_CONNECTOR: &str = "SELECT id FROM connector_event ORDER BY id DESC LIMIT 1";

/// Where the store is, and where its time and its ids come from.
#[derive(Clone, Debug)]
pub struct Options {
    /// The SQLite file. It is made, with mode 0600, where there is none; its folder must exist.
    pub path: PathBuf,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn Ids>,
}

/// Everything durable. Cheap to clone; all clones share one writer and one set of readers.
///
/// What a method returns after a write is on the disk. A caller that stops waiting does not undo its write.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub clock: Arc<dyn Clock>,
    pub entries: mpsc::Sender<Entry>,
    pub exchanges: mpsc::Sender<Kept>,
    /// Exchanges that found the buffer full.
    pub dropped: AtomicU64,
    /// Bytes in the buffer of exchanges.
    pub buffered: Arc<AtomicU64>,
    readers: Readers,
    wake: Arc<Wake>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the file, makes it where there is none, and brings its schema up to date. Other processes may have it open
    /// too.
    ///
    /// # Errors
    /// [`StoreError::Open`], [`StoreError::Newer`], [`StoreError::Corrupt`] for a file that is no database.
    pub async fn open(options: Options) -> Result<Self, StoreError> {
        create(&options.path)?;
        let mut conn = connect(&options.path).await?;
        crate::migrate::migrate(&mut conn, &*options.clock).await?;
        let mut series = Series::default();
        for sql in [LAST_EVENT, LAST_JOB, LAST_OF_A_CONNECTOR] {
            if let Some(row) = conn.fetch_one(sql, Vec::new()).await? {
                series.after(&row.read().text()?);
            }
        }
        let wake = Arc::<Wake>::default();
        let (entries, taken) = mpsc::channel(QUEUE);
        let (exchanges, kept) = mpsc::channel(BUFFER);
        let checkpoint = Checkpoint::start(options.path.clone());
        let writer = Writer::new(conn, &options, series, (taken, kept), Arc::clone(&wake), checkpoint);
        tokio::spawn(writer.run());
        let inner = Inner {
            clock: options.clock,
            entries,
            exchanges,
            dropped: AtomicU64::new(0),
            buffered: Arc::default(),
            readers: Readers::new(options.path),
            wake,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Commits what waits and closes the file, for all clones of this handle.
    ///
    /// # Errors
    /// When the connections do not close; what was acknowledged is safe all the same.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.inner.readers.close().await;
        let (reply, answer) = oneshot::channel();
        match self.inner.entries.send(Entry::Close(reply)).await {
            // It is closed already.
            Err(_) => Ok(()),
            Ok(()) => answer.await.unwrap_or(Ok(())),
        }
    }

    /// Who waits for work waits here.
    #[must_use]
    pub fn wake(&self) -> &Wake {
        &self.inner.wake
    }

    /// Runs one logical transaction; returns after its commit.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        tx::write(&self.inner.entries, work).await
    }

    pub(crate) async fn read(&self) -> Result<Reader<'_>, StoreError> {
        self.inner.readers.get().await
    }

    pub(crate) fn now(&self) -> model::Millis {
        self.inner.clock.now()
    }
}

/// Makes an empty file that only its owner may read; SQLite gives its log the same mode.
fn create(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => {
            let hint = match e.kind() {
                std::io::ErrorKind::NotFound => {
                    "its folder does not exist: make it, or choose another `database`"
                }
                std::io::ErrorKind::PermissionDenied => {
                    "this user may not write there: change that, or `database`"
                }
                _ => "choose another `database`",
            };
            Err(StoreError::Open { path: path.to_owned(), reason: format!("{e}; {hint}") })
        }
    }
}

/// Opens the writing connection. Switching a new file to the write-ahead log wants the file for itself, which SQLite's own
/// waiting does not cover.
async fn connect(path: &Path) -> Result<Conn, StoreError> {
    let mut tries = 1;
    loop {
        match Conn::open(path).await {
            Err(StoreError::Busy(_)) if tries < OPEN_TRIES => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(StoreError::Io(e) | StoreError::Internal(e)) => {
                let reason =
                    format!("{e}; it must be a file that this user may read and write, in such a folder");
                return Err(StoreError::Open { path: path.to_owned(), reason });
            }
            Err(StoreError::Corrupt(e)) => {
                let reason =
                    format!("{e}; it is no SQLite database, or a damaged one: choose another `database`");
                return Err(StoreError::Open { path: path.to_owned(), reason });
            }
            end => return end,
        }
    }
}
