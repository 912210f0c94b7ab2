//! HubSpot as a CRM. Its oddities are in BEHAVIOR.md; what it may reach is in connector.toml.
//!
//! [`records`] is the way of every write, [`find`] of every look-up; [`contacts`], [`sales`] and [`engagements`] say what
//! each object looks like there; [`schema`] what an account supports; [`errors`] what HubSpot means by its refusals.

use jackfield_connector::crm::{self, Entity, MatchKey, ObjectInfo, ObjectSchema, ObjectType, Op, Receipt};
use jackfield_connector::http::Api;
use jackfield_connector::{Account, Error, Lifecycle, Result, time_left_ms};

mod contacts;
mod engagements;
mod errors;
mod find;
mod links;
mod records;
mod sales;
mod schema;

struct HubSpot;
jackfield_connector::export!(HubSpot: lifecycle, crm::lookup, crm::write, crm::schema);
jackfield_connector::replay!("recordings");

const API: Api = Api::new("https://api.hubapi.com").explained(errors::explain);
/// HubSpot's date-based version: <https://developers.hubspot.com/docs/api-reference/latest/overview>.
const OBJECTS: &str = "/crm/objects/2026-09";
const PROPERTIES: &str = "/crm/properties/2026-09";
/// An op that starts with less time than this might be cut off after its first write.
const TIME_FOR_ONE_MS: u64 = 2_000;

impl Lifecycle for HubSpot {
    fn probe() -> Result<Account> {
        let portal = API.get("/account-info/v3/details").send()?;
        let portal = portal.json_if(|portal| portal["portalId"].is_number())?;
        let mut account = Account::new(&portal["portalId"], &portal["portalId"]);
        account.label = format!("HubSpot account {}", account.id);
        Ok(account)
    }
}

impl crm::Lookup for HubSpot {
    fn find(object: ObjectType, by: Vec<MatchKey>, limit: u32) -> Result<Vec<Entity>> {
        find::find(&object, &by, limit)
    }
}

impl crm::Write for HubSpot {
    fn apply(ops: Vec<Op>) -> Result<Vec<Result<Receipt>>> {
        Ok(ops.iter().map(apply).collect())
    }
}

fn apply(op: &Op) -> Result<Receipt> {
    if time_left_ms() < TIME_FOR_ONE_MS {
        return Err(Error::transient("deadline", "No time was left for this operation; it was not started."));
    }
    match op {
        Op::Upsert(upsert) => records::upsert(upsert),
        Op::Delete(target) => records::delete(target),
        Op::Link(change) => links::link(change),
        Op::Unlink(change) => links::unlink(change),
    }
}

impl crm::Schema for HubSpot {
    fn list_objects() -> Result<Vec<ObjectInfo>> {
        Ok(schema::objects())
    }

    fn describe(object: ObjectType) -> Result<ObjectSchema> {
        schema::describe(&object)
    }
}
