//! Whether a target is met, and what colour that gets.

use super::benchmark::{Outcome, Position};
use super::{Interval, Polarity};

/// What was aimed at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// A value to reach.
    Value(f64),
    /// A value that the whole interval must reach.
    Interval(f64),
    /// A range with its two ends, the smaller first.
    Range(f64, f64),
}

/// How a value stands to its target.
///
/// A single value is better from the target on and worse otherwise. With intervals, above begins at the target itself. A
/// range holds its lower end and not its upper one. Nothing is compared with a value, or for an interval with limits,
/// missing; nor without polarity, for then no value meets a target. Source: Fingertips goals. Vectors: `target_rag`.
#[must_use]
pub fn compare(
    value: Option<f64>,
    interval: Option<Interval>,
    target: Target,
    polarity: Polarity,
) -> Outcome {
    let Some(value) = value else { return Outcome::NotCompared };
    if polarity == Polarity::None {
        return Outcome::NotCompared;
    }
    let position = match target {
        Target::Value(target) => {
            let met = if polarity == Polarity::Low { value <= target } else { value >= target };
            return if met { Outcome::Better } else { Outcome::Worse };
        }
        Target::Interval(target) => interval.map(|interval| {
            if interval.lower >= target {
                Position::Above
            } else if interval.upper < target {
                Position::Below
            } else {
                Position::Similar
            }
        }),
        Target::Range(lower, upper) => Some(if value >= upper {
            Position::Above
        } else if value < lower {
            Position::Below
        } else {
            Position::Similar
        }),
    };
    Outcome::read(position, polarity)
}

/// Red, amber, green, or grey for not judged. Always published with the name of the method that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rag {
    /// Better.
    Green,
    /// Similar, or missed by no more than the tolerance.
    Amber,
    /// Worse.
    Red,
    /// Not judged.
    Grey,
}

impl Rag {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
            Self::Grey => "grey",
        }
    }
}

impl From<Outcome> for Rag {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Better => Self::Green,
            Outcome::Similar => Self::Amber,
            Outcome::Worse => Self::Red,
            // Higher and lower are no judgement.
            Outcome::Higher | Outcome::Lower | Outcome::NotCompared => Self::Grey,
        }
    }
}

/// How many units a tolerance allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// So many of the measure's units.
    Units(f64),
    /// So many percent of the target.
    Percent(f64),
}

/// Green where the target is met, amber where it is missed by no more than the tolerance, red beyond; grey without a value
/// or polarity. The usual scorecard rule.
#[must_use]
pub fn within_tolerance(value: Option<f64>, target: f64, tolerance: Tolerance, polarity: Polarity) -> Rag {
    let Some(value) = value else { return Rag::Grey };
    let missed_by = match polarity {
        Polarity::Low => value - target,
        Polarity::High => target - value,
        Polarity::None => return Rag::Grey,
    };
    let allowed = match tolerance {
        Tolerance::Units(units) => units,
        Tolerance::Percent(percent) => target.abs() * percent / 100.0,
    };
    // One part in a thousand million is rounding, not a miss.
    let rounding = 1e-9 * target.abs();
    if missed_by <= 0.0 {
        Rag::Green
    } else if missed_by <= allowed + rounding {
        Rag::Amber
    } else {
        Rag::Red
    }
}

/// The target at a point of a straight way from a start to an end, each a time, in any unit, and a value; before the start
/// and after the end, their values. `None` where the way has no length.
#[must_use]
pub fn on_trajectory(start: (f64, f64), end: (f64, f64), time: f64) -> Option<f64> {
    let length = end.0 - start.0;
    (length > 0.0).then(|| {
        let share = ((time - start.0) / length).clamp(0.0, 1.0);
        start.1 + share * (end.1 - start.1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_missed_by_no_more_than_the_tolerance_is_amber() {
        let judge = |value, polarity| within_tolerance(Some(value), 80.0, Tolerance::Percent(5.0), polarity);
        let high = [80.0, 79.9, 76.0, 75.9].map(|value| judge(value, Polarity::High));
        assert_eq!(high, [Rag::Green, Rag::Amber, Rag::Amber, Rag::Red]);
        let low = [80.0, 84.0, 84.1].map(|value| judge(value, Polarity::Low));
        assert_eq!(low, [Rag::Green, Rag::Amber, Rag::Red]);
        assert_eq!(judge(1.0, Polarity::None), Rag::Grey);
        // 0.3 less 0.2 is a little more than 0.1 in a computer, and is not more than it.
        let units = within_tolerance(Some(0.2), 0.3, Tolerance::Units(0.1), Polarity::High);
        assert_eq!(units, Rag::Amber);
    }

    #[test]
    fn a_trajectory_runs_straight_from_its_start_to_its_end_and_stays_there() {
        let at = |time| on_trajectory((2020.0, 100.0), (2025.0, 75.0), time);
        assert_eq!(
            [2019.0, 2020.0, 2022.0, 2025.0, 2030.0].map(at),
            [Some(100.0), Some(100.0), Some(90.0), Some(75.0), Some(75.0)]
        );
        assert_eq!(on_trajectory((2020.0, 1.0), (2020.0, 2.0), 2020.0), None);
    }
}
