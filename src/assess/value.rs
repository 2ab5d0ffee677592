//! From what was counted to a value: how each kind of measure is made, and what it stands on.

use super::absence::{Absence, Reason};
use super::interval::{self, CountLimits, FigureInterval};
use super::{Basis, Counted};
use crate::config::settings::{MeasureConfig, MeasureKind};
use crate::statistics::{Confidence, Interval, mean, survey, without_part};

/// A survey with a smaller base has no value, unless its measure says otherwise.
const SURVEY_BASE: u32 = 50;

/// What one figure is made from: sums over its months, or what the SELECT says of the period itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Parts {
    /// Events, weighted answers, or the sum of the values of an average.
    pub numerator: Option<f64>,
    /// Those who could have had them, or how many values there are.
    pub denominator: Option<f64>,
    /// For an average the sum of the squares; for a gap numerator and denominator of the other group; for an index the events
    /// of the base year and its months. The second number of a count is what the largest contributors come to, where the
    /// measure has a rule of dominance.
    pub further: [f64; 2],
    /// The value where the SELECT tells it: a median or a score.
    pub value: Option<f64>,
    /// Its limits, where the SELECT tells them.
    pub limits: Option<Interval>,
    /// How many answered a survey.
    pub base: Option<f64>,
    /// Variance of a survey's share over that of a simple random sample.
    pub design_effect: Option<f64>,
}

impl Parts {
    /// Adds so much of the sums of another; what is no sum (value, limits, base, design effect) is left as it is.
    pub fn add(&mut self, other: &Self, weight: f64) {
        for (own, more) in
            [(&mut self.numerator, other.numerator), (&mut self.denominator, other.denominator)]
        {
            if let Some(more) = more {
                *own = Some(own.unwrap_or_default() + more * weight);
            }
        }
        for (own, more) in self.further.iter_mut().zip(other.further) {
            *own += more * weight;
        }
    }

    /// What is left of a whole without a part of it. `None` where nothing, or less, is left, and for what has no counts.
    ///
    /// The rest of a survey's sample is held to have the design effect of the whole.
    #[must_use]
    pub fn without(&self, part: &Self) -> Option<Self> {
        let counts = |parts: &Self| parts.numerator.zip(parts.denominator);
        let (numerator, denominator) = without_part(counts(self)?, counts(part)?)?;
        let rest = Self {
            numerator: Some(numerator),
            denominator: Some(denominator),
            further: [self.further[0] - part.further[0], self.further[1] - part.further[1]],
            base: self.base.zip(part.base).map(|(whole, part)| whole - part),
            design_effect: self.design_effect,
            value: None,
            limits: None,
        };
        let left =
            rest.base.is_none_or(|base| base > 0.0) && rest.further.iter().all(|number| *number >= 0.0);
        left.then_some(rest)
    }
}

/// How far two numbers may lie apart and still be the same, as a share of the greater, or of 1 where both are less.
///
/// Adding up n numbers in another order moves the sum by less than n x 1.1e-16 of it, a thousandth of this for a million
/// rows. One event more moves a rate by less than this only where more than a thousand million could have had it; then
/// the whole numbers that it is made from tell.
const NOISE: f64 = 1e-9;

/// Whether two numbers of a figure are the same but for rounding. Whole numbers are so only when they are equal.
#[must_use]
pub fn is_same(one: Option<f64>, other: Option<f64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            let whole = one.fract() == 0.0 && other.fract() == 0.0;
            let noise = if whole { 0.0 } else { NOISE * one.abs().max(other.abs()).max(1.0) };
            (one - other).abs() <= noise
        }
        (None, None) => true,
        _ => false,
    }
}

/// A value with what it stands on; no value where the parts give none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Valued {
    pub(super) value: Option<f64>,
    pub(super) interval: Option<FigureInterval>,
    pub(super) basis: Option<Box<Basis>>,
}

/// The value of parts, whose denominator is filled in: residents for a rate, the base year's events for an index.
pub(super) fn of(config: &MeasureConfig, limits: &CountLimits, parts: &Parts) -> Valued {
    let value = value(config, parts);
    Valued {
        value,
        interval: value.and_then(|value| interval::of(config, limits, parts, value)),
        basis: basis(config, parts).map(Box::new),
    }
}

fn value(config: &MeasureConfig, parts: &Parts) -> Option<f64> {
    let share = |numerator: f64, denominator: f64| (denominator > 0.0).then(|| numerator / denominator);
    match config.kind {
        MeasureKind::Count => parts.numerator,
        MeasureKind::Median | MeasureKind::Score => parts.value,
        MeasureKind::Gap => {
            let own = share(parts.numerator? * unit(config), parts.denominator?)?;
            Some(own - share(parts.further[0] * unit(config), parts.further[1])?)
        }
        // The multiplier comes first, so that 1 of 3 per 1,000 is the same number whoever computes it.
        _ => share(parts.numerator? * unit(config), parts.denominator?),
    }
}

/// What a plain fraction is multiplied with.
pub(super) fn unit(config: &MeasureConfig) -> f64 {
    match config.kind {
        MeasureKind::Percentage | MeasureKind::Share | MeasureKind::Survey | MeasureKind::Index => 100.0,
        MeasureKind::Rate | MeasureKind::RankOfRate => f64::from(config.per.unwrap_or(1)),
        MeasureKind::Gap => config.per.map_or(100.0, f64::from),
        MeasureKind::Count
        | MeasureKind::Proportion
        | MeasureKind::Ratio
        | MeasureKind::Average
        | MeasureKind::Median
        | MeasureKind::Score => 1.0,
    }
}

fn basis(config: &MeasureConfig, parts: &Parts) -> Option<Basis> {
    let basis = match config.kind {
        MeasureKind::Count if is_dominated(config, parts) => Basis { dominated: true, ..Basis::default() },
        MeasureKind::Average => {
            let error = spread(parts).map(|(n, deviation)| deviation / n.sqrt());
            Basis { squares: Some(parts.further[0]), error, ..Basis::default() }
        }
        MeasureKind::Gap | MeasureKind::Index => {
            // A base year that is not complete has no events that could be told.
            parts.denominator?;
            let [other_numerator, other_denominator] = parts.further.map(Some);
            Basis { other_numerator, other_denominator, ..Basis::default() }
        }
        MeasureKind::Survey => {
            let share = parts.numerator? / parts.denominator.filter(|denominator| *denominator > 0.0)?;
            let error = parts
                .base
                .zip(parts.design_effect)
                .and_then(|(base, effect)| survey::error(share, base, effect));
            Basis {
                base: parts.base,
                design_effect: parts.design_effect,
                error: error.map(|error| error * unit(config)),
                ..Basis::default()
            }
        }
        _ => return None,
    };
    Some(basis)
}

/// Whether the largest contributors make up more of an amount than the measure's rule allows. Those of several months are
/// not more than the largest of each month together, so that a longer period is at most taken to be dominated.
fn is_dominated(config: &MeasureConfig, parts: &Parts) -> bool {
    let amount = config.dominance().zip(parts.numerator);
    amount.is_some_and(|(own, amount)| own.rule().is_dominated(parts.further[1], amount))
}

/// Counts of a month without what the largest contributors gave, which outlives nobody's rows: all of the amount where they
/// dominate it, else the most that they could have given. Longer periods are then dominated at least where they were.
#[must_use]
pub fn without_contributors(config: &MeasureConfig, counted: Counted) -> Counted {
    let Some(own) = config.dominance() else { return counted };
    let parts = Parts { numerator: Some(counted.numerator), further: counted.further, ..Parts::default() };
    // A little less, so that what is rounded on the way is not taken for more than the share.
    let most = counted.numerator * f64::from(own.share) / 100.0 * (1.0 - 1e-9);
    let largest = if is_dominated(config, &parts) { counted.numerator } else { most };
    Counted { further: [counted.further[0], largest], ..counted }
}

/// How many values an average has, and their standard deviation; `None` below two, and without squares.
pub(super) fn spread(parts: &Parts) -> Option<(f64, f64)> {
    let (n, total) = parts.denominator.zip(parts.numerator)?;
    let deviation = mean::of_sums(n, total, parts.further[0], Confidence::P95)?.deviation?;
    Some((n, deviation))
}

/// Why parts give no value.
pub(super) fn why_none(config: &MeasureConfig, parts: &Parts) -> Reason {
    match config.kind {
        MeasureKind::Rate | MeasureKind::RankOfRate if parts.denominator.is_none() => {
            Reason::new(Absence::ResidentsUnknown, "residents are not known")
        }
        MeasureKind::Index => {
            let year = config.base.as_deref().unwrap_or_default();
            match parts.denominator {
                None => Reason::new(Absence::BaseYear, format!("the base year {year} is not complete")),
                Some(_) => Reason::new(Absence::DenominatorZero, format!("the base year {year} had none")),
            }
        }
        MeasureKind::Score => Reason::new(Absence::NotSupplied, "no score was given"),
        MeasureKind::Gap => Reason::new(Absence::DenominatorZero, "one of the groups has nobody in it"),
        MeasureKind::Median => Reason::new(Absence::DenominatorZero, "there was no case"),
        MeasureKind::Survey => Reason::new(Absence::DenominatorZero, "nobody answered"),
        _ => Reason::new(Absence::DenominatorZero, "the denominator is zero"),
    }
}

/// How many cases a value stands on, and how many it needs; `None` for kinds that have no base.
pub(super) fn base(config: &MeasureConfig, parts: &Parts) -> Option<(f64, f64)> {
    let usual = if config.kind == MeasureKind::Survey { SURVEY_BASE } else { 0 };
    let needed = f64::from(config.minimum_base.unwrap_or(usual));
    let cases = match config.kind {
        MeasureKind::Count
        | MeasureKind::Rate
        | MeasureKind::RankOfRate
        | MeasureKind::Index
        | MeasureKind::Share => None,
        MeasureKind::Survey => parts.base,
        MeasureKind::Gap => parts.denominator.map(|own| own.min(parts.further[1])),
        _ => parts.denominator,
    };
    Some((cases?, needed))
}
