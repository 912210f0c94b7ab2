//! What can go wrong, and what to do about it.

use std::path::PathBuf;

/// Why the store did not do what it was asked. Every message says what to do next; none contains a value that was bound
/// to a statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk, or the quota on it, is full. Nothing of this call was kept.
    #[error(
        "the disk of the database is full ({0}): free some space and send again; nothing of this was kept"
    )]
    Full(String),
    /// The disk failed. Nothing of this call was acknowledged, nor will anything be until the store is opened anew: after
    /// a failed `fsync` nobody knows which pages are on the disk (sqlite.org/atomiccommit.html, section 9).
    #[error(
        "the disk of the database failed ({0}): check the disk, then start again; nothing of this was acknowledged"
    )]
    Io(String),
    /// The file is damaged, or a row in it is not what was written.
    #[error("the database is damaged ({0}): stop, keep a copy of the file, and restore a backup")]
    Corrupt(String),
    /// Another process holds the write lock for longer than is sensible.
    #[error("the database is busy ({0}): another process is writing to it; try again, or end that process")]
    Busy(String),
    /// Something like it is there already, or something that it refers to is not.
    #[error("{0}")]
    Conflict(String),
    /// What it refers to is not there.
    #[error("{0}")]
    Missing(String),
    /// The connector is used by this many connections.
    #[error("connections use this connector ({0} of them): delete them first")]
    InUse(u64),
    /// A value is out of bounds. Nothing of this call was kept.
    #[error("{0}")]
    Invalid(String),
    /// The file was written by a newer Jackfield.
    #[error(
        "the database has schema {found}, this program knows {known}: run the Jackfield that last opened it, or newer"
    )]
    Newer {
        /// The schema's version in the file.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The file could not be opened.
    #[error("cannot open the database {}: {reason}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why not, and what to do.
        reason: String,
    },
    /// The store was closed, or its writer is gone.
    #[error("the store is closed: open it again")]
    Stopped,
    /// A statement failed that cannot fail: a fault of ours.
    #[error("the store failed in a way that it should not ({0}): please report this")]
    Internal(String),
}

impl StoreError {
    /// Whether the whole commit is lost with it. SQLite itself rolls the outer transaction back on some of these
    /// (sqlite.org/lang_transaction.html, section 2.3), so that going on would write outside of a transaction.
    pub(crate) fn ends_the_commit(&self) -> bool {
        matches!(
            self,
            Self::Full(_)
                | Self::Io(_)
                | Self::Corrupt(_)
                | Self::Busy(_)
                | Self::Stopped
                | Self::Internal(_)
        )
    }

    /// Whether nothing may be acknowledged any more.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Io(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(e: sqlx::Error) -> Self {
        match &e {
            sqlx::Error::Database(d) => match d.code().and_then(|c| c.parse::<i32>().ok()) {
                Some(code) => of_sqlite(code, d.message()),
                None => Self::Internal(d.message().to_owned()),
            },
            sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::StorageFull => Self::Full(io.to_string()),
            sqlx::Error::Io(io) => Self::Io(io.to_string()),
            sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => Self::Stopped,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Corrupt(e.to_string()),
            _ => Self::Internal(e.to_string()),
        }
    }
}

/// By primary and extended result code: sqlite.org/rescode.html.
fn of_sqlite(code: i32, message: &str) -> StoreError {
    let why = format!("SQLite {code}: {message}");
    match (code & 0xff, code >> 8) {
        (13, _) => StoreError::Full(why),
        // CANTOPEN and READONLY in the middle of work mean that the file or its folder went away or lost its rights.
        (10 | 8 | 14, _) => StoreError::Io(why),
        (11 | 26, _) => StoreError::Corrupt(why),
        (5 | 6, _) => StoreError::Busy(why),
        // FOREIGNKEY
        (19, 3) => StoreError::Missing("it refers to something that is not there (any more)".to_owned()),
        // PRIMARYKEY, UNIQUE
        (19, 6 | 8) => StoreError::Conflict(format!("there is one already ({message})")),
        // CHECK and NOTNULL
        (19, _) => StoreError::Invalid(format!("a value is out of bounds ({message})")),
        (18, _) => StoreError::Invalid("a value is too big for the database".to_owned()),
        _ => StoreError::Internal(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_a_failed_disk_and_a_lock_are_told_apart() {
        assert!(matches!(of_sqlite(13, "database or disk is full"), StoreError::Full(_)));
        // SQLITE_IOERR_FSYNC
        let fsync = of_sqlite(10 | (4 << 8), "disk I/O error");
        assert!(fsync.is_final() && fsync.ends_the_commit());
        assert!(matches!(of_sqlite(5 | (2 << 8), "database is locked"), StoreError::Busy(_)));
        assert!(!of_sqlite(19 | (8 << 8), "UNIQUE").ends_the_commit());
        assert!(of_sqlite(13, "full").to_string().contains("free some space"));
    }
}
