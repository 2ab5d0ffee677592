//! Proportions: how many of those who could, did.

use super::{Confidence, Estimate, Interval, NoValue, difference_of, fraction};
use crate::statistics::distribution::normal_two_sided;

/// Wilson's score interval for a proportion: `events` out of `trials`, as proportions within 0..=1.
///
/// Both may be fractions, as weighted counts are. No events give exactly 0 below, nothing but events exactly 1 above.
/// `None` without trials, with fewer than no events or with more events than trials. Source: E. B. Wilson (1927),
/// Probable inference, the law of succession, and statistical inference, JASA 22, 209-212. Vectors: `wilson_ci`.
#[must_use]
pub fn wilson(events: f64, trials: f64, confidence: Confidence) -> Option<Interval> {
    wilson_z(events, trials, confidence.z())
}

/// [`wilson`] with the standard normal quantile itself, such as 1.96.
#[expect(clippy::float_cmp, reason = "the limits are exact where all or none had the event")]
pub(super) fn wilson_z(events: f64, trials: f64, z: f64) -> Option<Interval> {
    if !(trials > 0.0 && events >= 0.0 && events <= trials && trials.is_finite() && z.is_finite()) {
        return None;
    }
    let square = z * z;
    let middle = 2.0 * events + square;
    let half = z * (square + 4.0 * events * (1.0 - events / trials)).sqrt();
    let scale = 2.0 * (trials + square);
    Some(Interval {
        lower: if events == 0.0 { 0.0 } else { (middle - half) / scale },
        upper: if events == trials { 1.0 } else { (middle + half) / scale },
    })
}

/// A proportion with Wilson's interval, both times `multiplier`: 100 gives percentages.
///
/// # Errors
/// Why there is none: see [`fraction`]; and more events than trials.
pub fn proportion(
    events: Option<f64>,
    trials: Option<f64>,
    confidence: Confidence,
    multiplier: f64,
) -> Result<Estimate, NoValue> {
    let (events, trials) = fraction(events, trials)?;
    let interval = wilson(events, trials, confidence).ok_or(NoValue::NumeratorExceedsDenominator)?;
    Ok(Estimate { value: events / trials * multiplier, interval: interval.times(multiplier) })
}

/// How far two independent proportions lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProportionDifference {
    /// The first less the second, as proportions: 0.05 is five percentage points.
    pub difference: f64,
    /// Newcombe's interval for it.
    pub interval: Interval,
    /// Standard normal statistic of the test with the pooled proportion; `None` where nobody or everybody of both had
    /// the event, so that there is nothing to test.
    pub z: Option<f64>,
    /// How likely a `z` at least as far from 0 is where the two do not differ; `None` with `z`.
    pub p_value: Option<f64>,
}

/// The difference of two independent proportions, each of events out of trials, the first less the second.
///
/// For a part against its whole take the rest of the whole (`without_part`): the two must not share cases. `None` where
/// either has no proportion. Source: R. G. Newcombe (1998), Interval estimation for the difference between independent
/// proportions, Stat Med 17, 873-890, method 10. Vectors: `two_proportions`.
#[must_use]
pub fn difference(
    (events1, trials1): (f64, f64),
    (events2, trials2): (f64, f64),
    confidence: Confidence,
) -> Option<ProportionDifference> {
    let first = wilson(events1, trials1, confidence)?;
    let second = wilson(events2, trials2, confidence)?;
    let (p1, p2) = (events1 / trials1, events2 / trials2);
    let difference = p1 - p2;
    let interval =
        difference_of(Estimate { value: p1, interval: first }, Estimate { value: p2, interval: second });
    let pooled = (events1 + events2) / (trials1 + trials2);
    let tested = pooled > 0.0 && events1 + events2 < trials1 + trials2;
    let z = tested.then(|| difference / (pooled * (1.0 - pooled) * (1.0 / trials1 + 1.0 / trials2)).sqrt());
    Some(ProportionDifference { difference, interval, z, p_value: z.map(normal_two_sided) })
}
