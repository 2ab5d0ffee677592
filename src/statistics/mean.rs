//! Means and medians, with the number of values that they stand on.

use super::distribution::t_quantile;
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
}
