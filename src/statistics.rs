//! What figures mean: intervals, comparisons, control charts, cohorts. Numbers in, numbers out.
//!
//! Nothing here reads a file, a clock or a setting, and nothing knows of the rest of the program. Each method stands with
//! its source, units and edges; `docs/statistics.md` lists them for an analyst, and `crate::vectors` holds them against
//! published values. Absence follows one rule: what is missing gives nothing back, a zero denominator gives nothing, and
//! zero events are a real 0 with a real upper limit.

pub mod benchmark;
pub mod change;
pub mod cohort;
pub mod display;
pub mod exceptions;
pub mod mean;
pub mod periods;
pub mod proportion;
pub mod rank;
pub mod rate;
pub mod rebase;
pub mod seasonal;
pub mod spc;
pub mod standardise;
pub mod survey;
pub mod target;
pub mod trend;
pub mod wording;

mod distribution;
mod sum;

pub use distribution::Confidence;

/// Two limits that hold an estimate, in its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The smaller limit.
    pub lower: f64,
    /// The larger limit.
    pub upper: f64,
}

impl Interval {
    /// Both limits in another unit: proportions as percentages with 100, counts as rates with `per / population`.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { lower: self.lower * factor, upper: self.upper * factor }
    }

    /// Whether `value` lies within, the limits included.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        (self.lower..=self.upper).contains(&value)
    }

    /// Whether the two share at least a point.
    #[must_use]
    pub fn touches(self, other: Self) -> bool {
        self.lower <= other.upper && other.lower <= self.upper
    }
}

/// A value with its interval, both in the same unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Its interval.
    pub interval: Interval,
}

/// The interval of the difference of two independent values, the first less the second, from the limits of each: the
/// distances to the limits that matter, squared and added. Of two proportions with Wilson's limits it is Newcombe's.
///
/// Source: G. Y. Zou, A. Donner (2008), Construction of confidence limits about effect measures: a general approach, Stat
/// Med 27, 1693-1702.
#[must_use]
pub fn difference_of(first: Estimate, second: Estimate) -> Interval {
    let difference = first.value - second.value;
    Interval {
        lower: difference - (first.value - first.interval.lower).hypot(second.interval.upper - second.value),
        upper: difference + (first.interval.upper - first.value).hypot(second.value - second.interval.lower),
    }
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// Low is good: crimes, fires.
    Low,
    /// High is good: residents who feel safe.
    High,
    /// Context: neither is good, so that nothing is called better or worse.
    None,
}

impl Polarity {
    /// Whether a movement in this direction is for the better; `None` without polarity.
    #[must_use]
    pub fn improves(self, upwards: bool) -> Option<bool> {
        match self {
            Self::Low => Some(!upwards),
            Self::High => Some(upwards),
            Self::None => None,
        }
    }
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NoValue {
    /// The events are not known.
    #[error("the numerator is missing")]
    NumeratorNull,
    /// Who could have had them is not known.
    #[error("the denominator is missing")]
    DenominatorNull,
    /// Fewer than nobody could have had them.
    #[error("the denominator is negative")]
    DenominatorNegative,
    /// Fewer than no events.
    #[error("the numerator is negative")]
    NumeratorNegative,
    /// Nobody could have had them.
    #[error("the denominator is zero")]
    DenominatorZero,
    /// More events than there are cases to have them.
    #[error("the numerator exceeds the denominator")]
    NumeratorExceedsDenominator,
    /// Too few events for a standardised rate.
    #[error("fewer than 10 events in all")]
    TotalCountBelow10,
}

impl NoValue {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NumeratorNull => "numerator_null",
            Self::DenominatorNull => "denominator_null",
            Self::DenominatorNegative => "denominator_negative",
            Self::NumeratorNegative => "numerator_negative",
            Self::DenominatorZero => "denominator_zero",
            Self::NumeratorExceedsDenominator => "numerator_exceeds_denominator",
            Self::TotalCountBelow10 => "total_count_below_10",
        }
    }
}

/// A numerator over a denominator that can be divided: both there, neither negative, the denominator not zero. NaN
/// counts as missing.
///
/// # Errors
/// The first of these, in that order, that does not hold.
pub fn fraction(numerator: Option<f64>, denominator: Option<f64>) -> Result<(f64, f64), NoValue> {
    let numerator = numerator.filter(|n| n.is_finite()).ok_or(NoValue::NumeratorNull)?;
    let denominator = denominator.filter(|n| n.is_finite()).ok_or(NoValue::DenominatorNull)?;
    if denominator < 0.0 {
        Err(NoValue::DenominatorNegative)
    } else if numerator < 0.0 {
        Err(NoValue::NumeratorNegative)
    } else if denominator == 0.0 {
        Err(NoValue::DenominatorZero)
    } else {
        Ok((numerator, denominator))
    }
}

/// The rest of a whole: numerator and denominator of `whole` without those of `part`, so that an area is compared with
/// the remainder of the area that holds it and not, in part, with itself. `None` where nothing, or less, is left.
#[must_use]
pub fn without_part(whole: (f64, f64), part: (f64, f64)) -> Option<(f64, f64)> {
    let (numerator, denominator) = (whole.0 - part.0, whole.1 - part.1);
    (numerator >= 0.0 && denominator > 0.0).then_some((numerator, denominator))
}
