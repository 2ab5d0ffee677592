//! The interval of a figure: which method fits its kind.

use crate::config::settings::{IntervalChoice, MeasureConfig, MeasureKind};
use crate::statistics::rate::CountMethod;
use crate::statistics::{self, Confidence, Interval, proportion, rate};

/// Two limits of a figure, in its unit, and how they were found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FigureInterval {
    /// The limits.
    pub limits: Interval,
    /// `wilson`, `exact` or `byars`.
    pub method: &'static str,
}

/// Every method, as tables name it.
pub const METHODS: [&str; 3] = ["wilson", "exact", "byars"];

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

/// The interval of a figure with these counts: Wilson's for a percentage; exact or Byar's limits for a count and a rate.
/// `None` for ranks and ratios, which no method fits, and where the measure is to have none.
#[must_use]
pub(super) fn of(
    config: &MeasureConfig,
    limits: &CountLimits,
    numerator: f64,
    denominator: Option<f64>,
) -> Option<FigureInterval> {
    if config.interval == IntervalChoice::None {
        return None;
    }
    match config.kind {
        MeasureKind::Count => {
            let (limits, method) = limits.of(numerator)?;
            Some(FigureInterval { limits, method: method.name() })
        }
        MeasureKind::Rate => {
            let per = f64::from(config.per.unwrap_or(1));
            let residents = denominator.filter(|residents| *residents > 0.0)?;
            let (limits, method) = limits.of(numerator)?;
            Some(FigureInterval { limits: limits.times(per / residents), method: method.name() })
        }
        MeasureKind::Percentage => {
            let limits = proportion::wilson(numerator, denominator?, limits.confidence)?.times(100.0);
            Some(FigureInterval { limits, method: "wilson" })
        }
        MeasureKind::Ratio | MeasureKind::RankOfRate => None,
    }
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
