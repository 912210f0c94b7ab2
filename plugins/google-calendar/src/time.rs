//! Dates and instants: RFC 3339 and the proleptic Gregorian calendar, as far as a calendar's connector needs them.

use jackfield_connector::{Error, Result};

pub const DAY: i64 = 86_400;

/// Seconds since 1970 of an RFC 3339 timestamp; fractions are dropped.
pub fn instant(text: &str) -> Result<i64> {
    read_instant(text)
        .ok_or_else(|| Error::invalid("", "timestamp", &format!("`{text}` is not an RFC 3339 time.")))
}

fn read_instant(text: &str) -> Option<i64> {
    let (date, time) = text.split_at_checked(10)?;
    let time = time.strip_prefix(['T', 't', ' '])?;
    let (clock, zone) = time.split_at_checked(8)?;
    let zone = zone.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let [hour, minute, second] = numbers(clock, ':')?;
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
            sign * (hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60)
        }
    };
    Some(read_day(date)? * DAY + hour * 3_600 + minute * 60 + second - offset)
}

/// The RFC 3339 timestamp in UTC.
pub fn timestamp(instant: i64) -> String {
    let rest = instant.rem_euclid(DAY);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", date(instant.div_euclid(DAY)))
}

/// Days since 1970 of a date.
pub fn day(text: &str) -> Result<i64> {
    read_day(text)
        .ok_or_else(|| Error::invalid("", "date", &format!("`{text}` is not a date such as 2026-11-24.")))
}

/// After H. Hinnant, "chrono-compatible low-level date algorithms": years begin in March, so that the leap day is last.
fn read_day(text: &str) -> Option<i64> {
    let [year, month, day] = numbers(text, '-')?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The date of a day since 1970.
pub fn date(day: i64) -> String {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(|part| part.parse::<u32>().ok().map(i64::from));
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_instant_in_two_zones_is_the_same() {
        let utc = instant("2026-11-24T20:00:00Z").expect("valid");
        assert_eq!(instant("2026-11-24T15:00:00-05:00"), Ok(utc));
        assert_eq!(instant("2026-11-25T01:30:00.250+05:30"), Ok(utc));
        assert_eq!(timestamp(utc), "2026-11-24T20:00:00Z");
    }

    #[test]
    fn days_turn_over_at_month_ends_and_in_leap_years() {
        for (before, after) in
            [("2026-11-30", "2026-12-01"), ("2028-02-28", "2028-02-29"), ("1969-12-31", "1970-01-01")]
        {
            assert_eq!(day(before).map(|d| date(d + 1)), Ok(after.to_owned()));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "2026-11-24", "2026-13-24T00:00:00Z", "2026-11-24T20:00:00", "2026-11-24T2:00:00Z"] {
            assert!(instant(text).is_err(), "{text}");
        }
    }
}
