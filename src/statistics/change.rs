//! Change on an earlier period, rolling twelve months, and shares of a year so far.

use super::Polarity;
use super::sum::sum;

/// What kind of figure changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// A number of events.
    Count,
    /// A rate.
    Rate,
    /// A percentage, whose change is told in percentage points.
    Proportion,
}

/// Which way a figure moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Up.
    Up,
    /// Down.
    Down,
    /// Not at all.
    Same,
    /// One of the two figures is missing.
    NotAvailable,
}

impl Direction {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Same => "same",
            Self::NotAvailable => "not_available",
        }
    }
}

/// A movement read by the measure's polarity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Judgement {
    /// For the better.
    Improving,
    /// For the worse.
    Worsening,
    /// No movement.
    Same,
    /// A movement where neither way is better.
    None,
    /// One of the two figures is missing.
    NotAvailable,
}

impl Judgement {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Improving => "improving",
            Self::Worsening => "worsening",
            Self::Same => "same",
            Self::None => "none",
            Self::NotAvailable => "not_available",
        }
    }
}

/// How a figure changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Current less previous, in the figure's unit.
    pub absolute: Option<f64>,
    /// That as a percentage of the previous figure; `None` where that was 0, and for proportions.
    pub percent: Option<f64>,
    /// That in percentage points; only for proportions.
    pub points: Option<f64>,
    /// Which way.
    pub direction: Direction,
    /// Whether that is good.
    pub judgement: Judgement,
}

/// The change from a previous figure to the current one. The caller finds the previous one by its period, never by its
/// place among the rows: the partner of a period that is not in the data is missing.
///
/// Source: Government Statistical Service, on percentage points. Vectors: `year_on_year`.
#[must_use]
pub fn change(current: Option<f64>, previous: Option<f64>, kind: ChangeKind, polarity: Polarity) -> Change {
    let Some((current, previous)) = current.zip(previous) else {
        return Change {
            absolute: None,
            percent: None,
            points: None,
            direction: Direction::NotAvailable,
            judgement: Judgement::NotAvailable,
        };
    };
    let absolute = current - previous;
    let proportion = kind == ChangeKind::Proportion;
    let (direction, judgement) = if absolute == 0.0 {
        (Direction::Same, Judgement::Same)
    } else {
        let up = absolute > 0.0;
        let judgement = match polarity.improves(up) {
            Some(true) => Judgement::Improving,
            Some(false) => Judgement::Worsening,
            None => Judgement::None,
        };
        (if up { Direction::Up } else { Direction::Down }, judgement)
    };
    Change {
        absolute: Some(absolute),
        percent: (!proportion && previous != 0.0).then(|| absolute / previous.abs() * 100.0),
        points: proportion.then_some(absolute),
        direction,
        judgement,
    }
}

/// What twelve months together give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RollingKind {
    /// The events.
    Count,
    /// Events over all denominators of the twelve months, such as answers.
    Proportion,
    /// Events over the mean denominator of the twelve months, such as residents.
    Rate,
}

/// The twelve months that end with one month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rolling {
    /// Events of the twelve months; `None` unless all are there.
    pub count: Option<f64>,
    /// Value of the twelve months; `None` without `count`, with a denominator missing, or with nothing to divide by.
    pub value: Option<f64>,
    /// Whether all twelve numerators are there.
    pub complete: bool,
}

/// How many months a rolling year has.
pub const MONTHS: usize = 12;

/// Rolling years of neighbouring months, one for each month, in their order; a month without data is in the lists as
/// `None`. `multiplier` is 100 for percentages, 1,000 for rates per 1,000; counts are left as they are. A denominator list
/// that is shorter lacks what it does not hold.
///
/// Source: Home Office and ONS, police recorded crime, year ending figures. Vectors: `rolling_12_month`.
#[must_use]
pub fn rolling_year(
    numerators: &[Option<f64>],
    denominators: &[Option<f64>],
    kind: RollingKind,
    multiplier: f64,
) -> Vec<Rolling> {
    let total = |values: &[Option<f64>], end: usize| -> Option<f64> {
        let start = (end + 1).checked_sub(MONTHS)?;
        let window = values.get(start..=end)?.iter().copied().collect::<Option<Vec<f64>>>()?;
        Some(sum(window))
    };
    (0..numerators.len())
        .map(|end| {
            let count = total(numerators, end);
            let value = count.and_then(|count| {
                let divisor = match kind {
                    RollingKind::Count => return Some(count),
                    RollingKind::Proportion => total(denominators, end)?,
                    RollingKind::Rate => total(denominators, end)? / MONTHS as f64,
                };
                (divisor != 0.0).then(|| count / divisor * multiplier)
            });
            Rolling { count, value, complete: count.is_some() }
        })
        .collect()
}
