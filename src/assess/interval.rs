//! The interval of a figure: which method fits its kind.

use super::value::{self, Parts};
use crate::config::settings::{IntervalChoice, MeasureConfig, MeasureKind};
use crate::statistics::rate::CountMethod;
use crate::statistics::{
    self, Confidence, Estimate, Interval, difference_of, mean, proportion, rate, survey,
};

/// Two limits of a figure, in its unit, and how they were found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FigureInterval {
    /// The limits.
    pub limits: Interval,
    /// `wilson`, `exact`, `byars`, `student_t`, `wilson_effective_base`, `newcombe`, `rate_difference`, `rate_ratio`,
    /// `order_statistics` or `select`.
    pub method: &'static str,
}

/// Every method, as tables name it.
pub const METHODS: [&str; 10] = [
    "wilson",
    "exact",
    "byars",
    "student_t",
    "wilson_effective_base",
    "newcombe",
    "rate_difference",
    "rate_ratio",
    "order_statistics",
    "select",
];

/// The name of a method as it was published; `as_signed` where this version of the program has none of that name.
#[must_use]
pub fn known_method(name: &str) -> &'static str {
    METHODS.into_iter().find(|known| *known == name).unwrap_or(AS_SIGNED)
}

/// Limits that stand as they were signed, by a method that this version of the program does not have.
const AS_SIGNED: &str = "as_signed";

/// The confidence of a measure's intervals; 95% where the setting is none.
#[must_use]
pub fn confidence(config: &MeasureConfig) -> Confidence {
    Confidence::new(config.confidence / 100.0).unwrap_or(Confidence::P95)
}

/// Limits of counts at one confidence. Those of small counts are exact and cost a search, so that they are kept.
#[derive(Debug, Clone)]
pub(super) struct CountLimits {
    confidence: Confidence,
    exact: Vec<Option<Interval>>,
}

/// Counts below this have exact limits.
const EXACT: u32 = 10;

impl CountLimits {
    pub(super) fn new(confidence: Confidence) -> Self {
        let exact = (0..EXACT).map(|events| rate::poisson(f64::from(events), confidence)).collect();
        Self { confidence, exact }
    }

    /// As [`rate::count_interval`].
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
    pub(super) fn of(&self, events: f64) -> Option<(Interval, CountMethod)> {
        if (0.0..f64::from(EXACT)).contains(&events) && events.fract() == 0.0 {
            let kept = self.exact.get(events as usize).copied().flatten()?;
            return Some((kept, CountMethod::Exact));
        }
        rate::count_interval(events, self.confidence)
    }
}

/// The interval of a value that is made of these parts; `docs/measures.md` says which method each kind has. `None` for ranks
/// and ratios, where the SELECT tells no limits of a median or score, and where the measure is to have none.
#[must_use]
pub(super) fn of(
    config: &MeasureConfig,
    limits: &CountLimits,
    parts: &Parts,
    value: f64,
) -> Option<FigureInterval> {
    if config.interval == IntervalChoice::None {
        return None;
    }
    let unit = value::unit(config);
    let counts = parts.numerator.zip(parts.denominator);
    let with = |limits: Interval, method| Some(FigureInterval { limits, method });
    match config.kind {
        MeasureKind::Count => {
            let (limits, method) = limits.of(parts.numerator?)?;
            with(limits, method.name())
        }
        MeasureKind::Rate => {
            let (numerator, residents) = counts.filter(|(_, residents)| *residents > 0.0)?;
            let (limits, method) = limits.of(numerator)?;
            with(limits.times(unit / residents), method.name())
        }
        MeasureKind::Percentage | MeasureKind::Proportion | MeasureKind::Share => {
            let (numerator, denominator) = counts?;
            with(proportion::wilson(numerator, denominator, limits.confidence)?.times(unit), "wilson")
        }
        MeasureKind::Average => {
            let (total, n) = counts?;
            with(mean::of_sums(n, total, parts.further[0], limits.confidence)?.interval?, "student_t")
        }
        MeasureKind::Survey => {
            let (base, effect) = parts.base.zip(parts.design_effect)?;
            let found = survey::interval(value / unit, base, effect, limits.confidence)?;
            with(found.times(unit), "wilson_effective_base")
        }
        MeasureKind::Gap => {
            let estimate = |(events, of): (f64, f64)| group(config, limits, events, of);
            let (own, other) = (estimate(counts?)?, estimate((parts.further[0], parts.further[1]))?);
            with(difference_of(own, other), if config.per.is_some() { "rate_difference" } else { "newcombe" })
        }
        MeasureKind::Index => {
            // What the base year had in as many months is its count, scaled; the ratio is that of two counts.
            let (numerator, base) = counts?;
            let events = parts.further[0];
            let found =
                rate::ratio_interval((numerator, 1.0), (events, events / base), limits.confidence.z())?;
            with(found.times(unit), "rate_ratio")
        }
        MeasureKind::Ratio if config.interval == IntervalChoice::Counts => {
            let (first, second) = counts?;
            let found = rate::ratio_interval((first, 1.0), (second, 1.0), limits.confidence.z())?;
            with(found, "rate_ratio")
        }
        MeasureKind::Median => with(parts.limits?, "order_statistics"),
        MeasureKind::Score => with(parts.limits?, "select"),
        MeasureKind::Ratio | MeasureKind::RankOfRate => None,
    }
}

/// One group of a gap: its rate or percentage with its limits.
fn group(config: &MeasureConfig, limits: &CountLimits, events: f64, of: f64) -> Option<Estimate> {
    let unit = value::unit(config);
    let interval = if config.per.is_some() {
        limits.of(events).filter(|_| of > 0.0)?.0.times(unit / of)
    } else {
        proportion::wilson(events, of, limits.confidence)?.times(unit)
    };
    Some(Estimate { value: events / of * unit, interval })
}

/// Which way is better, in the words of the statistics.
#[must_use]
pub fn polarity(config: &MeasureConfig) -> statistics::Polarity {
    use crate::config::settings::Polarity;
    match config.polarity {
        Polarity::HigherIsBetter => statistics::Polarity::High,
        Polarity::LowerIsBetter => statistics::Polarity::Low,
        Polarity::Context => statistics::Polarity::None,
    }
}
