//! Means and medians, with the number of values that they stand on.

use super::distribution::{ln_binomial_pmf, t_quantile};
use super::sum::{mean, sum};
use super::{Confidence, Interval};

/// A mean and what it stands on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// How many values.
    pub n: usize,
    /// Their mean; `None` without any.
    pub value: Option<f64>,
    /// Their standard deviation, with n - 1; `None` below two.
    pub deviation: Option<f64>,
    /// Student's interval for the mean; `None` below two.
    pub interval: Option<Interval>,
}

/// The mean of independent values with Student's t interval.
///
/// Source: D. G. Altman and others (2000), Statistics with Confidence, 2nd edition, BMJ Books. Vectors: `mean_ci`.
#[must_use]
pub fn of(values: &[f64], confidence: Confidence) -> Mean {
    let n = values.len();
    let value = mean(values);
    let freedom = n.saturating_sub(1) as f64;
    let deviation = value
        .filter(|_| n > 1)
        .map(|value| (sum(values.iter().map(|each| (each - value).powi(2))) / freedom).sqrt());
    let interval = value.zip(deviation).and_then(|(value, deviation)| {
        let half = t_quantile(confidence.upper_tail(), freedom)? * deviation / (n as f64).sqrt();
        Some(Interval { lower: value - half, upper: value + half })
    });
    Mean { n, value, deviation, interval }
}

/// A mean that is known by its sums only: how many values, their sum, and the sum of their squares.
///
/// Sums add up over months and areas where means do not. `None` without a value, for a number of values that is not whole,
/// and for squares that come to less than these values allow. Source: as [`of`].
#[must_use]
pub fn of_sums(n: f64, total: f64, squares: f64, confidence: Confidence) -> Option<Mean> {
    if !(n >= 1.0 && n.fract() == 0.0 && n <= LARGEST && total.is_finite() && squares.is_finite()) {
        return None;
    }
    let value = total / n;
    let around = squares - total * value;
    // What is left below nothing is rounding, as long as it is small beside the squares.
    if around < -1e-9 * squares.abs() {
        return None;
    }
    let freedom = n - 1.0;
    let deviation = (n > 1.0).then(|| (around.max(0.0) / freedom).sqrt());
    let interval = deviation.and_then(|deviation| {
        let half = t_quantile(confidence.upper_tail(), freedom)? * deviation / n.sqrt();
        Some(Interval { lower: value - half, upper: value + half })
    });
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number in range")]
    let n = n as usize;
    Some(Mean { n, value: Some(value), deviation, interval })
}

/// Whole numbers up to this are exact in a double.
const LARGEST: f64 = 9_007_199_254_740_992.0;

/// The interval of the difference of two independent means, the first less the second, each known by how many values,
/// mean and standard deviation; the two may spread differently.
///
/// `None` for fewer than two values. Where neither spreads, both limits are the difference. Source: B. L. Welch (1947), The
/// generalization of Student's problem when several different population variances are involved, Biometrika 34, 28-35.
#[must_use]
pub fn difference(
    (n1, mean1, deviation1): (f64, f64, f64),
    (n2, mean2, deviation2): (f64, f64, f64),
    confidence: Confidence,
) -> Option<Interval> {
    if !(n1 > 1.0 && n2 > 1.0) {
        return None;
    }
    let difference = mean1 - mean2;
    let (first, second) = (deviation1.powi(2) / n1, deviation2.powi(2) / n2);
    if first + second == 0.0 {
        return Some(Interval { lower: difference, upper: difference });
    }
    let freedom = (first + second).powi(2) / (first.powi(2) / (n1 - 1.0) + second.powi(2) / (n2 - 1.0));
    let half = t_quantile(confidence.upper_tail(), freedom)? * (first + second).sqrt();
    (half.is_finite() && difference.is_finite())
        .then_some(Interval { lower: difference - half, upper: difference + half })
}

/// The interval of a median from the values in their order: the narrowest pair, equally far from both ends, that holds the
/// median of the population at least as often as the confidence says.
///
/// `None` for so few values that not even the least and the largest do: below six at 95%. Source: W. J. Conover (1999),
/// Practical Nonparametric Statistics, 3rd edition, Wiley, section 3.2.
#[must_use]
pub fn median_interval(values: &[f64], confidence: Confidence) -> Option<Interval> {
    let mut ordered = values.to_vec();
    ordered.sort_by(f64::total_cmp);
    let n = ordered.len() as f64;
    let tail = confidence.lower_tail();
    // The chance that fewer than so many of the values lie below the population's median.
    let mut below = 0.0;
    let mut place = None;
    for left_out in 0..ordered.len().div_ceil(2) {
        below += ln_binomial_pmf(left_out as f64, n, 0.5).exp();
        if below > tail {
            break;
        }
        place = Some(left_out);
    }
    let place = place?;
    let upper = ordered.len().checked_sub(place + 1)?;
    Some(Interval { lower: *ordered.get(place)?, upper: *ordered.get(upper)? })
}

/// The middle value, the mean of the two middle ones where their number is even. `None` without any.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut ordered = values.to_vec();
    ordered.sort_by(f64::total_cmp);
    let upper = *ordered.get(ordered.len() / 2)?;
    if ordered.len() % 2 == 1 {
        return Some(upper);
    }
    ordered.get(ordered.len() / 2 - 1).map(|lower| f64::midpoint(*lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_value_or_the_mean_of_the_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 4.0]), Some(4.0));
        assert_eq!(median(&[9.0, 1.0, 4.0, 6.0]), Some(5.0));
    }
    #[test]
    fn a_mean_of_sums_is_that_of_its_values() {
        let values = [4.0, 7.0, 9.0, 12.0, 18.0];
        // 50 in all, squares 16 + 49 + 81 + 144 + 324 = 614: mean 10, deviation √((614 - 500) / 4) = √28.5.
        let found = of_sums(5.0, 50.0, 614.0, Confidence::P95).unwrap();
        assert_eq!((found.n, found.value), (5, Some(10.0)));
        assert!((found.deviation.unwrap() - 28.5_f64.sqrt()).abs() < 1e-12);
        let direct = of(&values, Confidence::P95).interval.unwrap();
        assert!((found.interval.unwrap().lower - direct.lower).abs() < 1e-12);
        // 2.7764451 is the quantile of Student's t with four degrees of freedom.
        assert!((direct.upper - (10.0 + 2.776_445_1 * (28.5_f64 / 5.0).sqrt())).abs() < 1e-6);
        assert_eq!(of_sums(1.0, 3.0, 9.0, Confidence::P95).unwrap().interval, None);
        assert_eq!(of_sums(2.0, 6.0, 17.0, Confidence::P95), None, "two values of mean 3 have squares of 18");
        assert_eq!(of_sums(0.0, 0.0, 0.0, Confidence::P95), None);
        assert_eq!(of_sums(2.5, 5.0, 20.0, Confidence::P95), None);
    }

    #[test]
    fn the_difference_of_two_means_has_the_degrees_of_freedom_of_both() {
        // Equal numbers and spreads: 2 (n - 1) = 8 degrees of freedom, t 2.3060041; error √(2 × 4 / 5).
        let found = difference((5.0, 12.0, 2.0), (5.0, 9.0, 2.0), Confidence::P95).unwrap();
        let half = 2.306_004_1 * 1.6_f64.sqrt();
        assert!((found.lower - (3.0 - half)).abs() < 1e-6 && (found.upper - (3.0 + half)).abs() < 1e-6);
        // One side that does not spread leaves the other's four: t 2.7764451, error 2 / √5.
        let found = difference((5.0, 12.0, 2.0), (9.0, 9.0, 0.0), Confidence::P95).unwrap();
        assert!((found.upper - (3.0 + 2.776_445_1 * 0.8_f64.sqrt())).abs() < 1e-6);
        assert_eq!(difference((1.0, 12.0, 0.0), (5.0, 9.0, 2.0), Confidence::P95), None);
    }

    #[test]
    fn the_interval_of_a_median_are_two_of_its_values() {
        let values: Vec<f64> = (1..=10).rev().map(f64::from).collect();
        // One or fewer of ten below: 11 of 1024, within 2.5%; two or fewer: 56 of 1024, beyond it.
        assert_eq!(median_interval(&values, Confidence::P95), Some(Interval { lower: 2.0, upper: 9.0 }));
        // None of six below: 1 of 64; none of five: 1 of 32, beyond 2.5%.
        assert_eq!(
            median_interval(&values[..6], Confidence::P95),
            Some(Interval { lower: 5.0, upper: 10.0 })
        );
        assert_eq!(median_interval(&values[..5], Confidence::P95), None);
        assert_eq!(median_interval(&[], Confidence::P95), None);
    }
}
