//! Free and busy times: `POST /freeBusy`, in pieces that Google takes.

use jackfield_connector::calendar::{Busy, BusyInterval, Interval};
use jackfield_connector::{Error, Json, Result, json};

use crate::API;
use crate::time::{DAY, instant, timestamp};

/// Google answers for about three months at a time.
const WINDOW_MAX: i64 = 90 * DAY;
/// `calendarExpansionMax` allows no more calendars in one request.
const CALENDARS_MAX: usize = 50;

pub fn query(calendars: &[String], window: &Interval) -> Result<Vec<Result<Busy>>> {
    let (from, to) = (instant(&window.start)?, instant(&window.end)?);
    if from >= to {
        return Err(Error::invalid("window", "timeRangeEmpty", "The window ends before it starts."));
    }
    let mut all = Vec::with_capacity(calendars.len());
    for group in calendars.chunks(CALENDARS_MAX) {
        let mut answers: Vec<Result<Busy>> =
            group.iter().map(|id| Ok(Busy { calendar_id: id.clone(), intervals: Vec::new() })).collect();
        let mut start = from;
        while start < to {
            let end = to.min(start + WINDOW_MAX);
            let body = ask(group, start, end)?;
            for answer in &mut answers {
                add(answer, &body["calendars"]);
            }
            start = end;
        }
        all.extend(answers);
    }
    Ok(all)
}

fn ask(calendars: &[String], from: i64, to: i64) -> Result<Json> {
    let items: Vec<Json> = calendars.iter().map(|id| json!({ "id": id })).collect();
    let body = json!({
        "timeMin": timestamp(from),
        "timeMax": timestamp(to),
        "timeZone": "UTC",
        "calendarExpansionMax": CALENDARS_MAX,
        "items": items,
    });
    let reply = API.post("/freeBusy").json(&body).repeatable().send()?;
    reply.json_if(|answer| answer["calendars"].is_object())
}

/// Adds one piece's answer. An interval that two pieces share is joined again.
fn add(answer: &mut Result<Busy>, calendars: &Json) {
    let Ok(busy) = answer else { return };
    let theirs = &calendars[busy.calendar_id.as_str()];
    if let Some(reason) = theirs["errors"][0]["reason"].as_str() {
        *answer = Err(match reason {
            "notFound" => Error::NotFound(busy.calendar_id.clone()),
            _ => Error::transient(reason, "Google could not read this calendar."),
        });
        return;
    }
    let Some(intervals) = theirs["busy"].as_array() else {
        // No list is not an empty list: whoever takes it for one books over somebody.
        *answer = Err(Error::permanent("unreadable_answer", "Google's answer leaves this calendar out."));
        return;
    };
    for interval in intervals {
        let (start, end) = (text(&interval["start"]), text(&interval["end"]));
        match busy.intervals.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => busy.intervals.push(BusyInterval { start, end, status: "busy".to_owned() }),
        }
    }
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Whether somebody else's time is taken in `from..to`; `own` is the time that the event itself holds already.
pub fn is_taken(calendar: &str, from: i64, to: i64, own: Option<(i64, i64)>) -> Result<bool> {
    let window = Interval { start: timestamp(from), end: timestamp(to) };
    let answers = query(&[calendar.to_owned()], &window)?;
    let busy = answers
        .into_iter()
        .next()
        .unwrap_or_else(|| Err(Error::permanent("no_answer", "Google left it out.")))?;
    for interval in &busy.intervals {
        let (start, end) = (instant(&interval.start)?, instant(&interval.end)?);
        if !own.is_some_and(|(from, to)| from <= start && end <= to) {
            return Ok(true);
        }
    }
    Ok(false)
}
