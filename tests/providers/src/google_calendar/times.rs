//! Instants and days, as requests write them.

use super::errors::Trouble;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::Value;

/// An instant with its offset, which a query or a free/busy request must have.
pub(super) fn instant(text: &str, name: &str) -> Result<Timestamp, Trouble> {
    text.parse().map_err(|_| Trouble::bad("badRequest", "Bad Request").at("parameter", name))
}

/// The time zone of this IANA name.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// An instant in the zone, with its offset; `Z` for UTC.
pub(super) fn written(at: Timestamp, zone: &TimeZone) -> String {
    let zoned = at.to_zoned(zone.clone());
    if zoned.offset().is_zero() {
        return format!("{at:.0}");
    }
    zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The member `start` or `end` of an event.
pub(super) enum Point {
    Day(Date),
    Time(Timestamp),
}

impl Point {
    /// Reads the member `start` or `end`.
    pub(super) fn read(value: Option<&Value>, which: &str) -> Result<Self, Trouble> {
        let missing = || Trouble::bad("required", format!("Missing {which} time."));
        let value = value.filter(|value| value.is_object()).ok_or_else(missing)?;
        let zone_name = value["timeZone"].as_str();
        let zone = match zone_name.map(zone) {
            Some(None) => {
                return Err(Trouble::invalid(format!("Invalid time zone definition for {which} time.")));
            }
            Some(found) => found,
            None => None,
        };
        match (value["date"].as_str(), value["dateTime"].as_str()) {
            (Some(_), Some(_)) => Err(Trouble::invalid(format!("Invalid {which} time."))),
            (Some(date), None) => {
                let day = (date.len() == 10).then(|| date.parse().ok()).flatten();
                day.map(Self::Day).ok_or_else(|| malformed(date))
            }
            (None, Some(time)) => Self::time(time, zone, which),
            (None, None) => Err(missing()),
        }
    }

    fn time(text: &str, zone: Option<TimeZone>, which: &str) -> Result<Self, Trouble> {
        if !text.contains(['T', 't']) {
            return Err(malformed(text));
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::Time(at));
        }
        let local: DateTime = text.parse().map_err(|_| malformed(text))?;
        // jiff reads the local part of a time whose offset is malformed: only digits may follow the seconds.
        if !text.bytes().all(|one| one.is_ascii_digit() || b"-:Tt.".contains(&one)) {
            return Err(malformed(text));
        }
        let missing = || Trouble::bad("required", format!("Missing time zone definition for {which} time."));
        let at = local.to_zoned(zone.ok_or_else(missing)?).map_err(|_| malformed(text))?;
        Ok(Self::Time(at.timestamp()))
    }

    pub(super) fn is_day(&self) -> bool {
        matches!(self, Self::Day(_))
    }

    /// The instant; a day begins in the calendar's zone.
    pub(super) fn at(&self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Time(at) => *at,
            Self::Day(day) => day.to_zoned(zone.clone()).map(|at: Zoned| at.timestamp()).unwrap_or_default(),
        }
    }
}

fn malformed(text: &str) -> Trouble {
    Trouble::invalid(format!("Invalid value for: Invalid format: \"{text}\""))
}
