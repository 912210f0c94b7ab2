//! Ids in the order in which they were given out.

use model::{Clock, Ids};

/// The version and variant bits of a UUIDv7, and the rest (RFC 9562, section 5.7).
const FIXED: u128 = (0x7 << 76) | (0b10 << 62);

/// Gives out ids so that each is greater than the one before, also within a millisecond and when the clock goes back:
/// events are planned, and jobs run, in the order of their ids (RFC 9562, section 6.2, method 2: the random part of the
/// last one, plus a random step).
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// The 122 free bits of the last one.
    last: u128,
}

impl Series {
    /// Goes on after `id`, if it is greater than the last one.
    pub(crate) fn after(&mut self, id: &str) {
        if let Some(free) = parse(id) {
            self.last = self.last.max(free);
        }
    }

    /// The next id.
    pub(crate) fn next(&mut self, ids: &dyn Ids, clock: &dyn Clock) -> String {
        let id = ids.next(clock);
        let Some(free) = parse(&id) else { return id };
        if free > self.last {
            self.last = free;
            return id;
        }
        self.last += 1 + u128::from(ids.below(1 << 32));
        write(self.last)
    }
}

/// The free bits of a UUIDv7: 48 of time, 12 and 62 of chance.
fn parse(id: &str) -> Option<u128> {
    let bits = u128::from_str_radix(&id.replace('-', ""), 16).ok().filter(|_| id.len() == 36)?;
    (bits & ((0xf << 76) | (0b11 << 62)) == FIXED).then_some(())?;
    let (time, a, b) = (bits >> 80, (bits >> 64) & 0xfff, bits & ((1 << 62) - 1));
    Some((time << 74) | (a << 62) | b)
}

fn write(free: u128) -> String {
    let (time, a, b) = (free >> 74, (free >> 62) & 0xfff, free & ((1 << 62) - 1));
    let hex = format!("{:032x}", (time << 80) | FIXED | (a << 64) | b);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Millis, SeededIds, TestClock};

    #[test]
    fn ids_rise_within_a_millisecond_and_when_the_clock_goes_back() {
        let (clock, ids) = (TestClock::at(Millis(1_800_000_000_000)), SeededIds::new(7));
        let mut series = Series::default();
        let mut last = String::new();
        for n in 0..1_000 {
            if n == 500 {
                clock.advance(-60_000);
            }
            let id = series.next(&ids, &clock);
            assert!(id > last, "{id} after {last}");
            assert_eq!((id.len(), &id[14..15]), (36, "7"));
            assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"));
            last = id;
        }
    }

    #[test]
    fn an_id_survives_being_taken_apart() {
        let id = SeededIds::new(1).next(&TestClock::at(Millis(1)));
        assert_eq!(write(parse(&id).unwrap()), id);
    }
}
