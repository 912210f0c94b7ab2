//! What an object's fields are called: the last stored `describe`, or a fresh one at the first run.

use sandbox::Halt;
use sandbox::v0_1::core::Error;
use store::{Connection, Described, StoreError};

use crate::Pipeline;
use crate::bounds::Bounds;
use crate::open::Open;
use crate::planning::compose::object_type;
use crate::planning::schema::Schema;

/// How old a stored schema may grow before it is asked for again; where that fails, the old one serves on.
const STALE_MS: i64 = 24 * 3_600_000;

/// The schema could not be had.
pub(crate) enum NoSchema {
    Error(Error),
    Halt(Halt),
    Store(StoreError),
}

impl Pipeline {
    /// The last stored schema of `object` in this connection's account, else a fresh one, and whether it is fresh. None
    /// where the connector describes nothing.
    pub(crate) async fn schema(
        &self,
        connection: &Connection,
        open: &Open,
        object: &str,
    ) -> Result<(Option<Schema>, bool), NoSchema> {
        let Some(known) =
            self.parts.store.described(&connection.id, object).await.map_err(NoSchema::Store)?
        else {
            return Ok((self.describe(connection, open, object).await?, true));
        };
        if self.parts.clock.now() > known.at.plus(STALE_MS)
            && let Ok(fresh) = self.describe(connection, open, object).await
        {
            return Ok((fresh, true));
        }
        Ok((Schema::read(&known.schema), false))
    }

    /// Asks the connector, and keeps the answer.
    pub(crate) async fn describe(
        &self,
        connection: &Connection,
        open: &Open,
        object: &str,
    ) -> Result<Option<Schema>, NoSchema> {
        let store = &self.parts.store;
        if !open.connector.interfaces().contains(&"crm/schema") {
            return Ok(None);
        }
        let answer = open.connector.crm_describe(open.call(connection, store), object_type(object)).await;
        let described = match answer.map_err(NoSchema::Halt)? {
            Ok(described) => {
                Bounds(&open.lane).schema(object_type(object), described).map_err(NoSchema::Halt)?
            }
            Err(Error::Unsupported(_)) => return Ok(None),
            Err(error) => return Err(NoSchema::Error(error)),
        };
        let fields = serde_json::from_str(&described.fields).unwrap_or_default();
        let mut schema = serde_json::to_value(&described).unwrap_or_default();
        schema["fields"] = fields;
        let row = Described { object: object.to_owned(), schema, at: self.parts.clock.now() };
        store.put_described(&connection.id, &row).await.map_err(NoSchema::Store)?;
        Ok(Schema::read(&row.schema))
    }
}
