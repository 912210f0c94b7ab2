//! What was said of a record before: operations that are done and provide the same names.

use model::{ConnectionId, JobId};
use serde_json::Value;

use crate::sql::{to_json, values};
use crate::{LocalKey, Store, StoreError};

/// The latest ones: a record that has had more events than this is complete.
const EARLIER: &str = "SELECT op FROM job
    WHERE connection_id = $1 AND provides = $2 AND provides <> '[]' AND state = 'done' AND id < $3
    ORDER BY id DESC LIMIT 20";

/// The daily work, for `plans`.
#[cfg(test)]
pub(crate) const HOT: &[&str] = &[EARLIER];

impl Store {
    /// The operations of jobs before `job` that are done and provide exactly `provides`, oldest first, at most 20.
    ///
    /// # Errors
    /// When they could not be read.
    pub async fn earlier_ops(
        &self,
        connection: &ConnectionId,
        provides: &[LocalKey],
        job: &JobId,
    ) -> Result<Vec<Value>, StoreError> {
        let row = values![connection, to_json(&provides.to_vec())?, job];
        let rows = self.read().await?.fetch(EARLIER, row).await?;
        let mut ops = rows.iter().map(|row| row.read().json()).collect::<Result<Vec<Value>, _>>()?;
        ops.reverse();
        Ok(ops)
    }
}
