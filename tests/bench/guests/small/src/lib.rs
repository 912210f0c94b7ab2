//! A small connector whose calls are timed: `probe` asks its provider, `invoke` computes.

use jackfield_connector::automation::{ActionPage, Actions, Call, Outcome};
use jackfield_connector::http::Api;
pub(crate) use jackfield_connector::serde_json;
use jackfield_connector::{Account, Error, Lifecycle, Result};

#[path = "../../work.rs"]
mod work;

struct Small;
jackfield_connector::export!(Small: lifecycle, automation::actions);

const API: Api = Api::new("https://api.example.com");

impl Lifecycle for Small {
    fn probe() -> Result<Account> {
        let me = API.get("/v1/me").send()?.json()?;
        Ok(Account::new(&me["id"], &me["name"]))
    }
}

impl Actions for Small {
    fn list_actions(_: Option<String>) -> Result<ActionPage> {
        Ok(ActionPage { actions: Vec::new(), next: None })
    }

    fn invoke(call: Call) -> Result<Outcome> {
        match call.action.as_str() {
            "work" => {
                let output = work::work(&call.input).ok_or_else(|| Error::unsupported("this input"))?;
                Ok(Outcome { output, text: None })
            }
            other => Err(Error::Unsupported(other.to_owned())),
        }
    }
}
