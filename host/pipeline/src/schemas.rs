//! What an object's fields are called: the last stored `describe`, or a fresh one at the first run.

use model::Millis;
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
/// How long it then serves before the next try: jobs do not wait for a connector that cannot say.
const AGAIN_MS: i64 = 10 * 60_000;

/// The schema could not be had.
pub(crate) enum NoSchema {
    Error(Error),
    Halt(Halt),
    Store(StoreError),
}

/// A schema, where there is one, and whether it is fresh.
type Serves = Result<(Option<Schema>, bool), NoSchema>;

/// What serves after the old schema was to be refreshed, and the old one as it is to be kept where that failed. A halt ends
/// the call, for it is the connector's fault and must count; the next try has the old schema.
fn refreshed(
    old: Described,
    now: Millis,
    fresh: Result<Option<Schema>, NoSchema>,
) -> (Option<Described>, Serves) {
    let serves = match fresh {
        Ok(fresh) => return (None, Ok((fresh, true))),
        Err(NoSchema::Store(e)) => return (None, Err(NoSchema::Store(e))),
        Err(NoSchema::Halt(halt)) => Err(NoSchema::Halt(halt)),
        Err(NoSchema::Error(_)) => Ok((Schema::read(&old.schema), false)),
    };
    (Some(Described { at: now.plus(AGAIN_MS - STALE_MS), ..old }), serves)
}

impl Pipeline {
    /// The last stored schema of `object` in this connection's account, else a fresh one, and whether it is fresh. None
    /// where the connector describes nothing.
    pub(crate) async fn schema(&self, connection: &Connection, open: &Open, object: &str) -> Serves {
        let Some(known) =
            self.parts.store.described(&connection.id, object).await.map_err(NoSchema::Store)?
        else {
            return Ok((self.describe(connection, open, object).await?, true));
        };
        if self.parts.clock.now() <= known.at.plus(STALE_MS) {
            return Ok((Schema::read(&known.schema), false));
        }
        let (of, asked) = (known.at, self.describe(connection, open, object).await);
        let (kept, serves) = refreshed(known, self.parts.clock.now(), asked);
        if let Some(kept) = kept {
            self.keep_on(connection, of, &kept).await.map_err(NoSchema::Store)?;
        }
        serves
    }

    /// Puts the next refresh of the schema `of` that time off, unless another job has refreshed it.
    async fn keep_on(&self, connection: &Connection, of: Millis, kept: &Described) -> Result<(), StoreError> {
        let store = &self.parts.store;
        let now = store.described(&connection.id, &kept.object).await?;
        if now.is_some_and(|now| now.at == of) {
            store.put_described(&connection.id, kept).await?;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_that_fails_is_not_tried_again_at_once_and_a_halt_counts() {
        let schema = serde_json::json!({ "fields": {}, "complete": false });
        let old = || Described { object: "contact".to_owned(), schema: schema.clone(), at: Millis(5) };
        let now = Millis(100 * STALE_MS);
        let again = Described { at: now.plus(AGAIN_MS - STALE_MS), ..old() };
        assert!(now <= again.at.plus(STALE_MS) && now.plus(AGAIN_MS + 1) > again.at.plus(STALE_MS));
        let halt = Halt::Cpu { used_ms: 2, limit_ms: 1 };
        let (kept, serves) = refreshed(old(), now, Err(NoSchema::Halt(halt.clone())));
        assert_eq!(kept, Some(again.clone()));
        assert!(matches!(serves, Err(NoSchema::Halt(h)) if h == halt));
        let (kept, serves) = refreshed(old(), now, Err(NoSchema::Error(Error::CursorExpired)));
        assert_eq!(kept, Some(again));
        assert!(matches!(serves, Ok((_, false))));
        let (kept, serves) = refreshed(old(), now, Ok(None));
        assert!(kept.is_none() && matches!(serves, Ok((None, true))));
    }
}
