//! Google Calendar. Its oddities are in BEHAVIOR.md; what it may reach is in connector.toml.
//!
//! [`write`] creates, changes and cancels; [`draft`] says what a draft looks like there, [`read`] reads an event back;
//! [`busy`] asks for free and busy times; [`errors`] says what Google means by its refusals; [`time`] is its arithmetic.

use jackfield_connector::calendar::{self, Busy, Freshness, Interval, Op, Receipt};
use jackfield_connector::http::Api;
use jackfield_connector::{
    Account, Choice, ChoicePage, Choices, Error, Json, Lifecycle, Result, time_left_ms,
};

mod busy;
mod draft;
mod errors;
mod read;
mod time;
mod write;

struct GoogleCalendar;
jackfield_connector::export!(GoogleCalendar: lifecycle, choices, calendar::free_busy, calendar::write);
jackfield_connector::replay!("recordings");

const API: Api = Api::new("https://www.googleapis.com/calendar/v3").explained(errors::explain);
/// An op that starts with less time than this might be cut off after its first write.
const TIME_FOR_ONE_MS: u64 = 2_000;

impl Lifecycle for GoogleCalendar {
    /// The primary calendar's id is the user's e-mail address.
    fn probe() -> Result<Account> {
        let primary = API.get("/users/me/calendarList/primary").send()?;
        let primary = primary.json_if(|calendar| calendar["id"].is_string())?;
        Ok(Account::new(&primary["id"], &primary["summary"]))
    }
}

impl Choices for GoogleCalendar {
    fn list_choices(setting: String, filter: Option<String>, after: Option<String>) -> Result<ChoicePage> {
        if setting != "calendarId" {
            return Err(Error::Unsupported(format!("choices for the setting `{setting}`")));
        }
        let mut request =
            API.get("/users/me/calendarList").query("minAccessRole", "writer").query("maxResults", 250);
        if let Some(page) = after {
            request = request.query("pageToken", page);
        }
        let page = request.send()?.json_if(|page| page["items"].is_array())?;
        let wanted = filter.unwrap_or_default().to_lowercase();
        let mut choices: Vec<Choice> =
            page["items"].as_array().into_iter().flatten().filter_map(choice).collect();
        choices.retain(|choice| choice.label.to_lowercase().contains(&wanted));
        Ok(ChoicePage { choices, next: page["nextPageToken"].as_str().map(str::to_owned) })
    }
}

fn choice(calendar: &Json) -> Option<Choice> {
    let label = calendar["summaryOverride"].as_str().or(calendar["summary"].as_str());
    let value = calendar["id"].as_str()?;
    Some(Choice { value: value.to_owned(), label: label.unwrap_or(value).to_owned() })
}

impl calendar::FreeBusy for GoogleCalendar {
    /// Google has no cache to choose: both kinds of freshness get the same answer.
    fn query(calendars: Vec<String>, window: Interval, _freshness: Freshness) -> Result<Vec<Result<Busy>>> {
        busy::query(&calendars, &window)
    }
}

impl calendar::Write for GoogleCalendar {
    fn apply(ops: Vec<Op>) -> Result<Vec<Result<Receipt>>> {
        Ok(ops.iter().map(apply).collect())
    }
}

fn apply(op: &Op) -> Result<Receipt> {
    if time_left_ms() < TIME_FOR_ONE_MS {
        return Err(Error::transient("deadline", "No time was left for this operation; it was not started."));
    }
    match op {
        Op::Create(draft) => write::create(draft),
        Op::Update(patch) => write::update(patch),
        Op::Cancel(cancel) => write::cancel(cancel),
    }
}
