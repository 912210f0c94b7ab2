//! The account itself: its details, its users, its pipeline.

use super::catalogue::STAGES;
use super::errors::Trouble;
use super::kind::Kind;
use super::portal::{Portal, stamp};
use super::routes::{Answer, kind_of, nowhere, wrong_method};
use crate::{Call, Reply};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A user who may own records.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The number that records carry.
    pub id: u64,
    /// The user's number.
    pub user_id: u32,
    /// The address.
    pub email: String,
    /// The first name.
    pub first_name: String,
    /// The last name.
    pub last_name: String,
    since: Timestamp,
}

/// The two users of a new account.
pub(super) fn standard_owners(since: Timestamp) -> Vec<Owner> {
    let owner = |id, user_id, first: &str, last: &str| Owner {
        id,
        user_id,
        email: format!("{}.{}@example.com", first.to_lowercase(), last.to_lowercase()),
        first_name: first.to_owned(),
        last_name: last.to_owned(),
        since,
    };
    vec![owner(71_001, 9_001, "Ada", "Marsh"), owner(71_002, 9_002, "Ben", "Ortiz")]
}

impl Owner {
    fn render(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "email": self.email,
            "type": "PERSON",
            "firstName": self.first_name,
            "lastName": self.last_name,
            "userId": self.user_id,
            "createdAt": stamp(self.since),
            "updatedAt": stamp(self.since),
            "archived": false,
            "teams": [],
        })
    }
}

impl Portal {
    pub(super) fn owners(&mut self, call: &Call, rest: &[&str]) -> Answer {
        self.allowed(call, &["crm.objects.owners.read"])?;
        if call.method != "GET" {
            return Err(wrong_method());
        }
        match rest {
            [] => {
                let wanted = call.query("email").map(str::to_lowercase);
                let fits = |owner: &&Owner| wanted.as_ref().is_none_or(|email| *email == owner.email);
                let owners: Vec<Value> = self.owners.iter().filter(fits).map(Owner::render).collect();
                Ok(Reply::json(StatusCode::OK, &json!({"results": owners})))
            }
            [id] => {
                let by_user = call.query("idProperty") == Some("userId");
                let number = |owner: &Owner| if by_user { u64::from(owner.user_id) } else { owner.id };
                let found = self.owners.iter().find(|owner| number(owner).to_string() == *id);
                let owner = found.ok_or_else(|| Trouble::not_found(format!("Owner {id} does not exist")))?;
                Ok(Reply::json(StatusCode::OK, &owner.render()))
            }
            _ => Err(nowhere()),
        }
    }

    pub(super) fn pipelines(&mut self, call: &Call, rest: &[&str]) -> Answer {
        let Some((kind, rest)) = rest.split_first() else { return Err(nowhere()) };
        let kind = kind_of(kind)?;
        self.allowed(call, &["crm.schemas.deals.read", kind.scope(false)])?;
        if call.method != "GET" {
            return Err(wrong_method());
        }
        if kind != Kind::Deals {
            return Ok(Reply::json(StatusCode::OK, &json!({"results": []})));
        }
        match rest {
            [] => Ok(Reply::json(StatusCode::OK, &json!({"results": [self.pipeline()]}))),
            ["default"] => Ok(Reply::json(StatusCode::OK, &self.pipeline())),
            ["default", "stages"] => Ok(Reply::json(StatusCode::OK, &json!({"results": self.stages()}))),
            [other, ..] => Err(Trouble::not_found(format!("Pipeline {other} does not exist"))),
        }
    }

    fn pipeline(&self) -> Value {
        let since = self.since();
        json!({
            "id": "default",
            "label": "Sales Pipeline",
            "displayOrder": 0,
            "stages": self.stages(),
            "archived": false,
            "createdAt": since,
            "updatedAt": since,
        })
    }

    fn stages(&self) -> Vec<Value> {
        let since = self.since();
        let stage = |(order, id): (usize, &&str)| {
            let closed = id.starts_with("closed");
            let probability = match *id {
                "closedwon" => "1.0".to_owned(),
                "closedlost" => "0.0".to_owned(),
                _ => format!("0.{}", 2 + order),
            };
            json!({
                "id": id,
                "label": id,
                "displayOrder": order,
                "metadata": {"isClosed": closed.to_string(), "probability": probability},
                "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
                "archived": false,
                "createdAt": since,
                "updatedAt": since,
            })
        };
        STAGES.iter().enumerate().map(stage).collect()
    }

    fn since(&self) -> Option<String> {
        self.owners.first().map(|owner| stamp(owner.since))
    }

    pub(super) fn details(&mut self, call: &Call) -> Answer {
        if call.method != "GET" {
            return Err(wrong_method());
        }
        let details = json!({
            "portalId": self.config.portal_id,
            "accountType": "STANDARD",
            "timeZone": "US/Eastern",
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "utcOffset": "-05:00",
            "utcOffsetMilliseconds": -18_000_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        });
        Ok(Reply::json(StatusCode::OK, &details))
    }
}
