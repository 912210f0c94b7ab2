//! What a measurement is: figures beside their goals, rounds that take turns, percentiles.

use std::fmt;

use anyhow::Result;
use serde::{Deserialize, Serialize};

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// How a figure stands to its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has no goal: it is there to be read.
    Shown,
    Met,
    /// Missed by a quarter at most.
    Near,
    Missed,
}

/// How far a goal may be missed before the command fails.
const NEAR: f64 = 0.25;

/// One number with its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<Goal>,
}

impl Figure {
    /// A figure without a goal.
    pub(crate) fn shown(name: impl Into<String>, value: f64, unit: &str) -> Self {
        Self { name: name.into(), value, unit: unit.to_owned(), goal: None }
    }

    pub(crate) fn at_most(self, most: f64) -> Self {
        Self { goal: Some(Goal::AtMost(most)), ..self }
    }

    pub(crate) fn at_least(self, least: f64) -> Self {
        Self { goal: Some(Goal::AtLeast(least)), ..self }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let (value, most) = match self.goal {
            None => return Verdict::Shown,
            Some(Goal::AtMost(most)) => (self.value, most),
            // As a time per piece: half the goal is a miss of all of it, as twice the time is.
            Some(Goal::AtLeast(least)) => (1.0 / self.value, 1.0 / least),
        };
        if value <= most {
            Verdict::Met
        } else if value <= most * (1.0 + NEAR) {
            Verdict::Near
        } else {
            // What is no number at all comes here too.
            Verdict::Missed
        }
    }

    /// `≤ 1.2 ×`
    pub(crate) fn goal_text(&self) -> String {
        match self.goal {
            None => String::new(),
            Some(Goal::AtMost(v)) => format!("≤ {}", amount(v, &self.unit)),
            Some(Goal::AtLeast(v)) => format!("≥ {}", amount(v, &self.unit)),
        }
    }

    pub(crate) fn value_text(&self) -> String {
        amount(self.value, &self.unit)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shown => "",
            Self::Met => "met",
            Self::Near => "near miss",
            Self::Missed => "MISSED",
        })
    }
}

/// `1,234 ms`, `52.1 µs`, `1.18 ×`: three digits that count, thousands apart.
pub(crate) fn amount(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        v if v == 0.0 || v >= 100.0 || (v.fract() == 0.0 && v >= 1.0) => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(w, r)| (w, Some(r)));
    let mut grouped = String::new();
    for (at, c) in whole.chars().enumerate() {
        if at > 0 && c.is_ascii_digit() && (whole.len() - at).is_multiple_of(3) && grouped != "-" {
            grouped.push(',');
        }
        grouped.push(c);
    }
    if let Some(rest) = rest {
        grouped.push('.');
        grouped.push_str(rest);
    }
    if unit.is_empty() { grouped } else { format!("{grouped} {unit}") }
}

/// What a benchmark found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) figures: Vec<Figure>,
    pub(crate) charts: Vec<Chart>,
    /// What a reader must know to read the figures.
    pub(crate) notes: Vec<String>,
}

/// What is drawn.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Chart {
    /// `(label, value)` each, and a line at the goal.
    Bars { file: String, title: String, unit: String, bars: Vec<(String, f64)>, goal: Option<f64> },
    /// `(name, points)` each.
    Lines { file: String, title: String, x: String, y: String, lines: Vec<(String, Vec<(f64, f64)>)> },
}

/// Times in nanoseconds, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times(Vec<u64>);

impl Times {
    pub(crate) fn new(mut ns: Vec<u64>) -> Self {
        ns.sort_unstable();
        Self(ns)
    }

    /// The smallest time that so large a share of all is at or below; not a number where there is none.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let at = ((self.0.len() as f64 * share).ceil() as usize).saturating_sub(1);
        self.0.get(at).map_or(f64::NAN, |ns| *ns as f64)
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(0.5)
    }

    pub(crate) fn p99(&self) -> f64 {
        self.percentile(0.99)
    }
}

/// The middle of a few numbers.
pub(crate) fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One side of a comparison: makes so many calls and answers the time of each in nanoseconds.
pub(crate) type Side<'a> = &'a mut dyn FnMut(usize) -> Result<Vec<u64>>;

/// What sides that took turns made of it: all times of each side, and each round's medians.
pub(crate) struct Rounds {
    pub(crate) all: Vec<Times>,
    medians: Vec<Vec<f64>>,
}

impl Rounds {
    /// The middle of the rounds' ratios of medians: each round's sides saw the same neighbours on this machine.
    pub(crate) fn ratio(&self, of: usize, to: usize) -> f64 {
        median(self.medians.iter().map(|m| m[of] / m[to]).collect())
    }
}

/// Lets the sides take turns, `rounds` times, each with `calls` calls; a first round warms up and does not count. Who
/// begins changes with each round.
pub(crate) fn rounds(rounds: usize, calls: usize, sides: &mut [Side<'_>]) -> Result<Rounds> {
    let mut all = vec![Vec::new(); sides.len()];
    let mut medians = Vec::new();
    for round in 0..=rounds {
        let mut of_round = vec![f64::NAN; sides.len()];
        for turn in 0..sides.len() {
            let side = (turn + round) % sides.len();
            let times = sides[side](if round == 0 { calls.div_ceil(4) } else { calls })?;
            if round > 0 {
                all[side].extend_from_slice(&times);
            }
            of_round[side] = Times::new(times).median();
        }
        if round > 0 {
            medians.push(of_round);
        }
    }
    Ok(Rounds { all: all.into_iter().map(Times::new).collect(), medians })
}

/// Nanoseconds since `began`.
pub(crate) fn ns(began: std::time::Instant) -> u64 {
    u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_missed_beyond_a_quarter_and_by_what_is_no_number() {
        let figure = |value| Figure::shown("x", value, "×");
        assert_eq!(figure(1.2).at_most(1.2).verdict(), Verdict::Met);
        assert_eq!(figure(1.49).at_most(1.2).verdict(), Verdict::Near);
        assert_eq!(figure(1.51).at_most(1.2).verdict(), Verdict::Missed);
        assert_eq!(figure(8_000.0).at_least(8_000.0).verdict(), Verdict::Met);
        assert_eq!(figure(6_500.0).at_least(8_000.0).verdict(), Verdict::Near);
        assert_eq!(figure(6_300.0).at_least(8_000.0).verdict(), Verdict::Missed);
        assert_eq!(figure(f64::NAN).at_most(1.0).verdict(), Verdict::Missed);
        assert_eq!(figure(0.0).at_most(0.0).verdict(), Verdict::Met);
        assert_eq!(figure(1.0).at_most(0.0).verdict(), Verdict::Missed);
        assert_eq!(figure(9.0).verdict(), Verdict::Shown);
    }

    #[test]
    fn percentiles_are_taken_by_rank() {
        let times = Times::new((1..=200).rev().collect());
        assert_eq!((times.median(), times.percentile(0.95), times.p99()), (100.0, 190.0, 198.0));
        assert!(Times::default().median().is_nan());
    }

    #[test]
    fn the_sides_take_turns_and_the_first_round_does_not_count() {
        let (mut order, mut other) = (Vec::new(), Vec::new());
        let mut a = |n: usize| {
            order.push(n);
            Ok(vec![20; n])
        };
        let mut b = |n: usize| {
            other.push(n);
            Ok(vec![10; n])
        };
        let made = rounds(3, 8, &mut [&mut a, &mut b]).unwrap();
        assert!((made.ratio(0, 1) - 2.0).abs() < 1e-9);
        assert_eq!((order, other), (vec![2, 8, 8, 8], vec![2, 8, 8, 8]));
    }

    #[test]
    fn amounts_are_read_easily() {
        assert_eq!(amount(1_234_567.8, "/s"), "1,234,568 /s");
        assert_eq!(amount(52.14, "µs"), "52.1 µs");
        assert_eq!(amount(1.2, "×"), "1.20 ×");
        assert_eq!(amount(300.0, "ms"), "300 ms");
        assert_eq!(amount(0.0, ""), "0");
    }
}
