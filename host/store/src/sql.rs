//! The thin layer between our statements and sqlx: values in, rows out, one arm per kind of database.
//!
//! One SQL text serves every database: `$1` placeholders, ids as TEXT, milliseconds as BIGINT, `ON CONFLICT` and
//! `RETURNING`, no JSON operators, no function that only one of them has. What differs lies here: how a connection is
//! opened, how a writing transaction begins, how bytes are called in a column ([`Conn::dialect`]).

use std::path::Path;
use std::time::Duration;

use model::{ConnectionId, EventId, ExchangeId, JobId, KeyId, Millis, OrgId};
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous,
};
use sqlx::{
    Arguments as _, AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqlSafeStr as _, SqlStr,
};

use crate::StoreError;

/// How long SQLite itself waits for another process's lock before it says that the database is busy.
const BUSY: Duration = Duration::from_secs(2);
/// The write-ahead log is cut to this size whenever it starts anew.
const LOG_BYTES: &str = "67108864";

/// A column's type, for a NULL: PostgreSQL wants to know what there is none of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    I64,
    Text,
    Blob,
}

/// A value to bind. It has no `Debug`: what is bound may be a sealed credential or a person's data.
pub(crate) enum Value {
    I64(i64),
    Text(String),
    Blob(Vec<u8>),
    Null(Kind),
}

/// What can be bound, and as what it is NULL.
pub(crate) trait Bind: Into<Value> {
    const KIND: Kind;
}

macro_rules! bind {
    ($($from:ty => $kind:ident, $to:expr;)*) => {$(
        impl From<$from> for Value {
            fn from(v: $from) -> Self {
                let to: fn($from) -> Value = $to;
                to(v)
            }
        }
        impl Bind for $from {
            const KIND: Kind = Kind::$kind;
        }
    )*};
}

bind! {
    i64 => I64, Value::I64;
    bool => I64, |v| Value::I64(i64::from(v));
    u32 => I64, |v| Value::I64(i64::from(v));
    // What we count in u64 (bytes, milliseconds) stays far below; a greater one is kept as the greatest.
    u64 => I64, |v| Value::I64(i64::try_from(v).unwrap_or(i64::MAX));
    Millis => I64, |v| Value::I64(v.0);
    String => Text, Value::Text;
    &str => Text, |v| Value::Text(v.to_owned());
    &String => Text, |v| Value::Text(v.clone());
    &serde_json::Value => Text, |v| Value::Text(v.to_string());
    &OrgId => Text, |v| Value::Text(v.0.clone());
    &KeyId => Text, |v| Value::Text(v.0.clone());
    &ConnectionId => Text, |v| Value::Text(v.0.clone());
    &EventId => Text, |v| Value::Text(v.0.clone());
    &JobId => Text, |v| Value::Text(v.0.clone());
    &ExchangeId => Text, |v| Value::Text(v.0.clone());
    Vec<u8> => Blob, Value::Blob;
}

impl<T: Bind> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Self::Null(T::KIND), Into::into)
    }
}

/// Values to bind, in order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::sql::Value::from($value)),*] };
}
pub(crate) use values;

/// A statement: a constant, or one put together from constants.
pub(crate) struct Sql(SqlStr);

#[cfg(test)]
impl Sql {
    pub(crate) fn text(&self) -> String {
        self.0.as_str().to_owned()
    }
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self(text.into_sql_str())
    }
}

/// `head (..), (..), .. tail` with `rows` groups of `columns` placeholders, counted from `$1`. `head` and `tail` are
/// constants, so nothing that a user said can be in it.
pub(crate) fn many(head: &'static str, columns: usize, rows: usize, tail: &'static str) -> Sql {
    let mut text = String::with_capacity(head.len() + tail.len() + rows * columns * 6);
    text.push_str(head);
    for row in 0..rows {
        text.push_str(if row == 0 { " (" } else { ", (" });
        for column in 0..columns {
            if column > 0 {
                text.push_str(", ");
            }
            text.push('$');
            text.push_str(&(row * columns + column + 1).to_string());
        }
        text.push(')');
    }
    text.push(' ');
    text.push_str(tail);
    Sql(AssertSqlSafe(text).into_sql_str())
}

/// `head ($from, ..) tail` with `n` placeholders, for `IN`.
pub(crate) fn list(head: &'static str, from: usize, n: usize, tail: &'static str) -> Sql {
    let placeholders: Vec<String> = (from..from + n).map(|at| format!("${at}")).collect();
    Sql(AssertSqlSafe(format!("{head} ({}) {tail}", placeholders.join(", "))).into_sql_str())
}

/// Sizes in which many rows are written by one statement: few, so that each stays prepared.
pub(crate) const CHUNKS: [usize; 4] = [64, 16, 4, 1];

/// Splits `rest` rows into [`CHUNKS`].
pub(crate) fn chunk(rest: usize) -> usize {
    CHUNKS.into_iter().find(|size| *size <= rest).unwrap_or(1)
}

/// A connection.
pub(crate) enum Conn {
    Sqlite(Box<SqliteConnection>),
}

/// What differs in the schema's text.
pub(crate) struct Dialect {
    /// The type of a column of bytes.
    pub blob: &'static str,
}

impl Conn {
    /// Opens the file for reading and writing; whoever writes goes through the writer.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .pragma("journal_size_limit", LOG_BYTES)
            // The log is copied back by `checkpoint`, not in the middle of somebody's commit.
            .pragma("wal_autocheckpoint", "0")
            .pragma("temp_store", "MEMORY")
            .statement_cache_capacity(256)
            .disable_statement_logging();
        let conn = SqliteConnection::connect_with(&options).await?;
        Ok(Self::Sqlite(Box::new(conn)))
    }

    /// Makes this connection refuse to write.
    pub(crate) async fn only_read(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => self.execute("PRAGMA query_only = 1", Vec::new()).await.map(|_| ()),
        }
    }

    /// What differs in the schema's text.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect { blob: "BLOB" },
        }
    }

    /// Begins a transaction that may write, and so cannot fail later because another one wrote first.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => self.execute("BEGIN IMMEDIATE", Vec::new()).await.map(|_| ()),
        }
    }

    /// Copies the write-ahead log back as far as nobody is in the way; `last` waits for readers and empties it.
    /// Returns how many pages of the log were not copied.
    pub(crate) async fn checkpoint(&mut self, last: bool) -> Result<i64, StoreError> {
        match self {
            Self::Sqlite(_) => {
                let sql =
                    if last { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "PRAGMA wal_checkpoint(PASSIVE)" };
                let row = self.fetch_one(sql, Vec::new()).await?;
                let Some(row) = row else { return Ok(0) };
                let mut row = row.read();
                let (_busy, log, copied) = (row.i64()?, row.i64()?, row.i64()?);
                Ok(log - copied)
            }
        }
    }

    /// Runs several statements without parameters: the schema.
    pub(crate) async fn script(&mut self, text: String) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(conn) => sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut **conn).await?,
        };
        Ok(())
    }

    /// Runs a statement and says how many rows it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(conn) => {
                let done = sqlx::query_with(sql.into().0, sqlite(values)?).execute(&mut **conn).await?;
                Ok(done.rows_affected())
            }
        }
    }

    /// Runs a statement to its end and returns its rows.
    pub(crate) async fn fetch(
        &mut self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(conn) => {
                let rows = sqlx::query_with(sql.into().0, sqlite(values)?).fetch_all(&mut **conn).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
        }
    }

    /// Runs a statement to its end and returns its first row.
    pub(crate) async fn fetch_one(
        &mut self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(sql, values).await?.into_iter().next())
    }

    /// How the database goes about a statement.
    #[cfg(test)]
    pub(crate) async fn explain(&mut self, sql: &str) -> Result<Vec<String>, StoreError> {
        let sql = Sql(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")).into_sql_str());
        let rows = self.fetch(sql, Vec::new()).await?;
        rows.iter().map(|Row::Sqlite(row)| Ok(row.try_get("detail")?)).collect()
    }

    /// Closes the connection and waits until it is closed.
    pub(crate) async fn close(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(conn) => Ok(conn.close().await?),
        }
    }
}

fn sqlite(values: Vec<Value>) -> Result<SqliteArguments, StoreError> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        match value {
            Value::I64(v) => arguments.add(v),
            // PostgreSQL knows no NUL in text; SQLite's functions stop at it.
            Value::Text(v) if v.contains('\0') => {
                return Err(StoreError::Invalid(
                    "a text contains the character U+0000: take it out".to_owned(),
                ));
            }
            Value::Text(v) => arguments.add(v),
            Value::Blob(v) => arguments.add(v),
            Value::Null(Kind::I64) => arguments.add(None::<i64>),
            Value::Null(Kind::Text) => arguments.add(None::<String>),
            Value::Null(Kind::Blob) => arguments.add(None::<Vec<u8>>),
        }
        .map_err(|_| StoreError::Internal("a value could not be bound".to_owned()))?;
    }
    Ok(arguments)
}

/// A row of an answer.
pub(crate) enum Row {
    Sqlite(SqliteRow),
}

impl Row {
    /// Reads the columns from left to right.
    pub(crate) fn read(&self) -> Columns<'_> {
        Columns { row: self, at: 0 }
    }
}

/// The columns of a row, read from left to right.
pub(crate) struct Columns<'r> {
    row: &'r Row,
    at: usize,
}

macro_rules! column {
    ($($name:ident -> $type:ty;)*) => {$(
        pub(crate) fn $name(&mut self) -> Result<$type, StoreError> {
            let at = self.at;
            self.at += 1;
            match self.row {
                Row::Sqlite(row) => Ok(row.try_get(at)?),
            }
        }
    )*};
}

impl Columns<'_> {
    column! {
        i64 -> i64;
        opt_i64 -> Option<i64>;
        text -> String;
        opt_text -> Option<String>;
        blob -> Vec<u8>;
        opt_blob -> Option<Vec<u8>>;
    }

    pub(crate) fn millis(&mut self) -> Result<Millis, StoreError> {
        self.i64().map(Millis)
    }

    pub(crate) fn opt_millis(&mut self) -> Result<Option<Millis>, StoreError> {
        Ok(self.opt_i64()?.map(Millis))
    }

    /// A number that is never negative.
    pub(crate) fn count(&mut self) -> Result<u64, StoreError> {
        let at = self.at;
        u64::try_from(self.i64()?).map_err(|_| StoreError::Corrupt(format!("column {at} is negative")))
    }

    /// A small number that is never negative.
    pub(crate) fn u32(&mut self) -> Result<u32, StoreError> {
        let at = self.at;
        u32::try_from(self.i64()?).map_err(|_| StoreError::Corrupt(format!("column {at} is no small number")))
    }

    /// JSON text.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let at = self.at;
        json(&self.text()?, at)
    }

    /// JSON text, or nothing.
    pub(crate) fn opt_json<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>, StoreError> {
        let at = self.at;
        self.opt_text()?.map(|text| json(&text, at)).transpose()
    }
}

fn json<T: serde::de::DeserializeOwned>(text: &str, at: usize) -> Result<T, StoreError> {
    // serde_json's message may quote the text, which may be somebody's data.
    serde_json::from_str(text).map_err(|e| {
        StoreError::Corrupt(format!(
            "column {at} is not the JSON it should be, line {} column {}",
            e.line(),
            e.column()
        ))
    })
}

/// JSON text of what always has one.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Internal("a value has no JSON form".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_rows_are_one_statement_with_numbered_placeholders() {
        let sql = many("INSERT INTO t (a, b) VALUES", 2, 2, "ON CONFLICT DO NOTHING");
        assert_eq!(sql.0.as_str(), "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING");
        let sql = list("DELETE FROM t WHERE b = $1 AND a IN", 2, 2, "RETURNING a");
        assert_eq!(sql.0.as_str(), "DELETE FROM t WHERE b = $1 AND a IN ($2, $3) RETURNING a");
    }

    #[test]
    fn a_nul_in_a_text_is_refused_and_not_quoted() {
        let Err(e) = sqlite(values!["secret\0"]) else { panic!("taken") };
        assert!(matches!(&e, StoreError::Invalid(m) if !m.contains("secret")), "{e}");
    }
}
