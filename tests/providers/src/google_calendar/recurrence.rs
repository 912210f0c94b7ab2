//! The occurrences of a recurring event: `RRULE` with `FREQ` (daily, weekly, monthly, yearly), `INTERVAL`,
//! `COUNT`, `UNTIL` and, by the week, `BYDAY`. Other parts and other lines are passed over.

use super::event::Event;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan, Zoned};

/// Rules without an end are followed so far.
const MOST: usize = 750;

struct Rule {
    frequency: String,
    interval: i64,
    count: Option<usize>,
    until: Option<Timestamp>,
    days: Vec<Weekday>,
}

/// Start and end of each occurrence that begins before `to`.
pub(super) fn occurrences(
    event: &Event,
    calendar: &TimeZone,
    to: Option<Timestamp>,
) -> Vec<(Timestamp, Timestamp)> {
    let Some((start, end)) = event.span(calendar) else { return vec![] };
    let own = event.body["start"]["timeZone"].as_str().and_then(super::times::zone);
    let first = start.to_zoned(own.unwrap_or_else(|| calendar.clone()));
    let length = end.duration_since(start);
    let lines = event.body.get("recurrence").and_then(|lines| lines.as_array()).into_iter().flatten();
    let rule = lines.filter_map(|line| line.as_str()?.strip_prefix("RRULE:")).next().map(Rule::read);
    let Some(rule) = rule else { return vec![(start, end)] };
    let mut found = Vec::new();
    for step in 0..MOST {
        for at in rule.step(&first, step) {
            let at = at.timestamp();
            let over = rule.until.is_some_and(|until| at > until) || to.is_some_and(|to| at >= to);
            if over || rule.count.is_some_and(|count| found.len() >= count) {
                return found;
            }
            found.push((at, at.checked_add(length).unwrap_or(at)));
        }
    }
    found
}

impl Rule {
    fn read(text: &str) -> Self {
        let part = |name: &str| {
            let parts = text.split(';').filter_map(|part| part.split_once('='));
            parts.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
        };
        let days = part("BYDAY").into_iter().flat_map(|days| days.split(',')).filter_map(weekday);
        Self {
            frequency: part("FREQ").unwrap_or_default().to_owned(),
            interval: part("INTERVAL").and_then(|text| text.parse().ok()).unwrap_or(1).clamp(1, 1000),
            count: part("COUNT").and_then(|text| text.parse().ok()),
            until: part("UNTIL").and_then(until),
            days: days.collect(),
        }
    }

    /// The occurrences in the n-th period, in order.
    fn step(&self, first: &Zoned, n: usize) -> Vec<Zoned> {
        let many = self.interval * i64::try_from(n).unwrap_or_default();
        let moved = |span: Span| first.checked_add(span).ok();
        match self.frequency.as_str() {
            "WEEKLY" if !self.days.is_empty() => {
                let since_monday = i64::from(first.weekday().to_monday_zero_offset());
                let monday = moved(many.weeks()).and_then(|at| at.checked_sub(since_monday.days()).ok());
                let Some(monday) = monday else { return vec![] };
                let offsets = (0..7).filter_map(|day| monday.checked_add(day.days()).ok());
                offsets.filter(|at| self.days.contains(&at.weekday()) && at >= first).collect()
            }
            "DAILY" => moved(many.days()).into_iter().collect(),
            "WEEKLY" => moved(many.weeks()).into_iter().collect(),
            "MONTHLY" => moved(many.months()).into_iter().filter(|at| at.day() == first.day()).collect(),
            "YEARLY" => moved(many.years()).into_iter().filter(|at| at.day() == first.day()).collect(),
            _ if n == 0 => vec![first.clone()],
            _ => vec![],
        }
    }
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    })
}

/// `20261231T235959Z`, or a day, to whose end it then reaches.
fn until(text: &str) -> Option<Timestamp> {
    let full = if text.len() == 8 { format!("{text}T235959Z") } else { text.to_owned() };
    full.parse().ok()
}
