//! Counts and rates: how many events, for so many who could have had them.

use super::{Confidence, Estimate, Interval, NoValue, fraction};
use crate::statistics::distribution::{chi_squared_quantile, ln_binomial_pmf};

/// How the limits of a count were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CountMethod {
    /// From the Poisson distribution itself.
    Exact,
    /// By Byar's approximation to it.
    Byars,
}

impl CountMethod {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Byars => "byars",
        }
    }
}

/// From so many events on Byar's limits stand for the exact ones: they agree to nine digits, and the exact ones take
/// ever longer.
const EXACT_BELOW: f64 = 1e5;

/// Exact Poisson limits for a count of events. No events give exactly 0 below. `None` for a negative count.
///
/// From 100,000 events on they are Byar's, which agree with them to nine digits.
///
/// Source: F. Garwood (1936), Fiducial limits for the Poisson distribution, Biometrika 28, 437-442.
#[must_use]
pub fn poisson(events: f64, confidence: Confidence) -> Option<Interval> {
    if !(events >= 0.0 && events.is_finite()) {
        return None;
    }
    if events >= EXACT_BELOW {
        return Some(Interval {
            lower: byar_lower(events, confidence)?,
            upper: byar_upper(events, confidence)?,
        });
    }
    let lower =
        if events == 0.0 { 0.0 } else { chi_squared_quantile(confidence.lower_tail(), 2.0 * events) / 2.0 };
    let upper = chi_squared_quantile(confidence.upper_tail(), 2.0 * events + 2.0) / 2.0;
    Some(Interval { lower, upper })
}

/// Byar's lower limit for a count of events; exactly 0 for none. `None` for a negative count, and where the approximation
/// fails by falling below 0, as it does for one event at 99.8%.
///
/// Source: N. E. Breslow, N. E. Day (1987), Statistical Methods in Cancer Research, volume II, IARC. Vectors:
/// `byars_count_ci`.
#[must_use]
pub fn byar_lower(events: f64, confidence: Confidence) -> Option<f64> {
    if events == 0.0 {
        return Some(0.0);
    }
    if !(events > 0.0 && events.is_finite()) {
        return None;
    }
    let base = 1.0 - 1.0 / (9.0 * events) - confidence.z() / (3.0 * events.sqrt());
    Some(events * base.powi(3)).filter(|lower| *lower >= 0.0)
}

/// Byar's upper limit for a count of events. `None` for a negative count. Source: see [`byar_lower`].
#[must_use]
pub fn byar_upper(events: f64, confidence: Confidence) -> Option<f64> {
    if !(events >= 0.0 && events.is_finite()) {
        return None;
    }
    let next = events + 1.0;
    Some(next * (1.0 - 1.0 / (9.0 * next) + confidence.z() / (3.0 * next.sqrt())).powi(3))
}

/// The limits of a count as public health publishes them: exact below 10 events, Byar's from 10 up.
///
/// `None` for a negative count. Source: Public Health Technical Guidance, Fingertips. Vectors: `rate_ci`.
#[must_use]
pub fn count_interval(events: f64, confidence: Confidence) -> Option<(Interval, CountMethod)> {
    if events < 10.0 {
        return Some((poisson(events, confidence)?, CountMethod::Exact));
    }
    let limits = Interval { lower: byar_lower(events, confidence)?, upper: byar_upper(events, confidence)? };
    Some((limits, CountMethod::Byars))
}

/// The limits of a rate of `events` per `per` of `population`: 1,000 for a rate per 1,000. Events may outnumber the
/// population. `None` without a population and for a negative count.
#[must_use]
pub fn rate_interval(events: f64, population: f64, per: f64, confidence: Confidence) -> Option<Interval> {
    rate(Some(events), Some(population), per, confidence).ok().map(|(estimate, _)| estimate.interval)
}

/// A crude rate with its limits, and how these were found. Vectors: `rate_ci`.
///
/// # Errors
/// Why there is none: see [`fraction`].
pub fn rate(
    events: Option<f64>,
    population: Option<f64>,
    per: f64,
    confidence: Confidence,
) -> Result<(Estimate, CountMethod), NoValue> {
    let (events, population) = fraction(events, population)?;
    // Byar's lower limit falls below 0 only for counts that are not given to it.
    let (interval, method) = count_interval(events, confidence).ok_or(NoValue::NumeratorNegative)?;
    let estimate = Estimate { value: events / population * per, interval: scaled(interval, population, per) };
    Ok((estimate, method))
}

/// Limits of a count as those of a rate.
pub(super) fn scaled(interval: Interval, population: f64, per: f64) -> Interval {
    Interval { lower: interval.lower / population * per, upper: interval.upper / population * per }
}

/// How two independent rates compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateRatio {
    /// The first over the second; `None` where the second has no events.
    pub ratio: Option<f64>,
    /// Its interval; `None` where either has no events.
    pub interval: Option<Interval>,
    /// How likely an outcome no likelier than this one is where the rates do not differ; `None` where neither has
    /// events, and for counts that are not whole.
    pub p_exact: Option<f64>,
}

/// The ratio of two independent rates, each of events over a population.
///
/// The interval is that of the logarithm; the test is the exact binomial one of the first count out of both. For a part
/// against its whole take the rest of the whole (`without_part`). `None` without a population or with a negative count.
/// Source: J. Przyborowski, H. Wilenski (1940), Homogeneity of results in testing samples from Poisson series, Biometrika
/// 31, 313-323. Vectors: `two_rates`.
#[must_use]
pub fn ratio(
    (events1, population1): (f64, f64),
    (events2, population2): (f64, f64),
    confidence: Confidence,
) -> Option<RateRatio> {
    fraction(Some(events1), Some(population1)).ok()?;
    fraction(Some(events2), Some(population2)).ok()?;
    let ratio = (events2 > 0.0).then(|| (events1 / population1) / (events2 / population2));
    let interval = ratio_interval((events1, population1), (events2, population2), confidence.z());
    let whole = events1.fract() == 0.0 && events2.fract() == 0.0;
    let p_exact = (whole && events1 + events2 > 0.0)
        .then(|| binomial_test(events1, events1 + events2, population1 / (population1 + population2)));
    Some(RateRatio { ratio, interval, p_exact })
}

/// The interval of the ratio of two rates, from the standard normal quantile `z`: that of its logarithm. `None` where
/// either has no events, or no population. See [`ratio`].
#[must_use]
pub fn ratio_interval(
    (events1, population1): (f64, f64),
    (events2, population2): (f64, f64),
    z: f64,
) -> Option<Interval> {
    let known = events1 > 0.0 && events2 > 0.0 && population1 > 0.0 && population2 > 0.0;
    known.then(|| {
        let ratio = (events1 / population1) / (events2 / population2);
        let factor = (z * (1.0 / events1 + 1.0 / events2).sqrt()).exp();
        Interval { lower: ratio / factor, upper: ratio * factor }
    })
}

/// The chance of an outcome that is no likelier than `k` of `n` with chance `p` each; outcomes count as no likelier up to
/// a relative difference of 1e-7, so that mirror images are not lost to rounding.
fn binomial_test(k: f64, n: f64, p: f64) -> f64 {
    let observed = ln_binomial_pmf(k, n, p);
    let bound = observed + 1e-7_f64.ln_1p();
    let mode = ((n + 1.0) * p).floor().min(n);
    // The chances rise up to the mode and fall after it, so that the outcomes that are no likelier are two tails.
    if observed >= ln_binomial_pmf(mode, n, p) - 1e-7 {
        return 1.0;
    }
    let (low, high) = if k < mode {
        (k, first(mode, n + 1.0, |j| j > n || ln_binomial_pmf(j, n, p) <= bound))
    } else {
        (first(0.0, mode + 1.0, |j| ln_binomial_pmf(j, n, p) > bound) - 1.0, k)
    };
    (tail(low, n, p, false) + tail(high, n, p, true)).min(1.0)
}

/// The first whole number from `low` to `high` for which `holds`, which is false up to some number and true from there.
fn first(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    while low < high {
        let middle = f64::midpoint(low, high).floor();
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1.0;
        }
    }
    low
}

/// The chance of `from` successes or fewer; or, `upwards`, or more. `from` lies beyond the mode in that direction.
fn tail(from: f64, n: f64, p: f64, upwards: bool) -> f64 {
    if from < 0.0 || from > n {
        return 0.0;
    }
    let odds = p / (1.0 - p);
    let mut k = from;
    let mut term = ln_binomial_pmf(k, n, p).exp();
    let mut total = term;
    loop {
        term *= if upwards { (n - k) / (k + 1.0) * odds } else { k / (n - k + 1.0) / odds };
        k += if upwards { 1.0 } else { -1.0 };
        total += term;
        if term <= total * 1e-17 || k <= 0.0 || k >= n {
            return total;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_a_large_count_are_exact_and_stay_so_where_byars_stand_for_them() {
        // Half the chi-squared quantiles of an independent library.
        for (events, lower, upper) in [
            (1e3, 938.973_018_407_695_2, 1_063.952_136_016_302),
            (99_999.0, 99_380.155_762_730_36, 100_620.741_640_773_73),
            (1e6, 998_040.983_340_293_9, 1_001_961.911_945_432_2),
        ] {
            let limits = poisson(events, Confidence::P95).unwrap();
            assert!((limits.lower - lower).abs() < 1e-9 * lower, "{events}: {limits:?}");
            assert!((limits.upper - upper).abs() < 1e-9 * upper, "{events}: {limits:?}");
        }
        assert!(poisson(1e15, Confidence::P998).unwrap().holds(1e15));
        assert_eq!(poisson(-1.0, Confidence::P95), None);
        assert_eq!(poisson(f64::INFINITY, Confidence::P95), None);
    }
}
