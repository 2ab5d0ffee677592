//! Months against the same months of other years, and the shape of a year.

use super::sum::{mean, sum};
use statrs::distribution::{ContinuousCDF, FisherSnedecor};

/// How many months a year has.
const YEAR: usize = 12;

/// A month beside the same month of earlier years.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SameMonth {
    /// The value twelve months before.
    pub last_year: Option<f64>,
    /// Change on it in percent; `None` where it was 0.
    pub percent: Option<f64>,
    /// Mean of the values 12, 24 and 36 months before; `None` unless all are there.
    pub mean_3_years: Option<f64>,
    /// The value less that mean.
    pub difference: Option<f64>,
}

/// Each month of a series beside the same month of earlier years, in order. A month without data is in the list as
/// `None`. Vectors: `seasonal`.
#[must_use]
pub fn same_months(values: &[Option<f64>]) -> Vec<SameMonth> {
    let before = |index: usize, years: usize| -> Option<f64> {
        values.get(index.checked_sub(years * YEAR)?).copied().flatten()
    };
    values
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let last_year = before(index, 1);
            let years = [last_year, before(index, 2), before(index, 3)];
            let mean_3_years = years.into_iter().collect::<Option<Vec<f64>>>().map(|years| sum(years) / 3.0);
            SameMonth {
                last_year,
                percent: value
                    .zip(last_year.filter(|last| *last != 0.0))
                    .map(|(value, last)| (value - last) / last * 100.0),
                mean_3_years,
                difference: value.zip(mean_3_years).map(|(value, mean)| value - mean),
            }
        })
        .collect()
}

/// How the season joins the trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Season {
    /// It is added: an index is a difference, and twelve have the sum 0.
    Additive,
    /// It multiplies: an index is a factor, and twelve have the mean 1.
    Multiplicative,
}

/// The seasonal index of each of twelve positions, the first being that of the series' first month; `None` below 24
/// months, with a gap, and where a factor has nothing to divide by.
///
/// The classical decomposition: the trend is the centred 2×12 moving average, an index the mean of what the trend leaves
/// in the months of its position. Source: M. Kendall, A. Stuart (1983), The Advanced Theory of Statistics, volume 3,
/// 410-414. Vectors: `seasonal`.
#[must_use]
pub fn indices(values: &[Option<f64>], season: Season) -> Option<[f64; YEAR]> {
    let values = values.iter().copied().collect::<Option<Vec<f64>>>()?;
    if values.len() < 2 * YEAR {
        return None;
    }
    let mut totals = [0.0; YEAR];
    let mut counts = [0_u32; YEAR];
    for (start, window) in values.windows(YEAR + 1).enumerate() {
        let inner = sum(window.iter().skip(1).take(YEAR - 1).copied());
        let ends = window.first()? + window.last()?;
        let trend = inner / 12.0 + ends / 24.0;
        let middle = start + YEAR / 2;
        let value = *values.get(middle)?;
        let left = match season {
            Season::Additive => value - trend,
            Season::Multiplicative => value / trend,
        };
        *totals.get_mut(middle % YEAR)? += left;
        *counts.get_mut(middle % YEAR)? += 1;
    }
    let mut indices = [0.0; YEAR];
    for ((index, total), count) in indices.iter_mut().zip(totals).zip(counts) {
        *index = total / f64::from(count);
    }
    let mean = sum(indices) / 12.0;
    for index in &mut indices {
        *index = match season {
            Season::Additive => *index - mean,
            Season::Multiplicative => *index / mean,
        };
    }
    indices.iter().all(|index| index.is_finite()).then_some(indices)
}

/// How likely the months of a year would differ as they do if the series had no season: an analysis of variance, by month,
/// of what the centred twelve-month moving average leaves.
///
/// A warning, no proof: what a moving average leaves is not quite independent. `None` below 36 months, with a gap, and
/// where nothing varies. Source: R. A. Fisher (1925), Statistical Methods for Research Workers, on the analysis of
/// variance.
#[must_use]
pub fn chance_without_season(values: &[Option<f64>]) -> Option<f64> {
    let values = values.iter().copied().collect::<Option<Vec<f64>>>()?;
    if values.len() < 3 * YEAR {
        return None;
    }
    let mut left: [Vec<f64>; YEAR] = Default::default();
    for (start, window) in values.windows(YEAR + 1).enumerate() {
        let inner = sum(window.iter().skip(1).take(YEAR - 1).copied());
        let trend = inner / 12.0 + (window.first()? + window.last()?) / 24.0;
        let middle = start + YEAR / 2;
        left.get_mut(middle % YEAR)?.push(values.get(middle)? - trend);
    }
    let all: Vec<f64> = left.iter().flatten().copied().collect();
    let overall = mean(&all)?;
    let mut between = 0.0;
    let mut within = 0.0;
    for months in &left {
        let own = mean(months)?;
        between += months.len() as f64 * (own - overall).powi(2);
        within += sum(months.iter().map(|value| (value - own).powi(2)));
    }
    let groups = (YEAR - 1) as f64;
    let rest = all.len() as f64 - YEAR as f64;
    if between + within <= 0.0 || rest <= 0.0 {
        return None;
    }
    let ratio = (between / groups) / (within / rest);
    // Months that repeat exactly are a season beyond doubt.
    if !ratio.is_finite() {
        return Some(0.0);
    }
    FisherSnedecor::new(groups, rest).ok().map(|law| law.sf(ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summer_that_comes_back_is_a_season_and_noise_is_none() {
        let summer = |month: usize| if (5..8).contains(&(month % 12)) { 40.0 } else { 10.0 };
        // The digits of pi, which know no season.
        let digits = "314159265358979323846264338327950288419716939937510582097494";
        let noise = |month: usize| digits.as_bytes().get(month).map_or(0.0, |digit| f64::from(digit - b'0'));
        let seasonal: Vec<_> = (0..60).map(|month| Some(summer(month) + noise(month))).collect();
        assert!(chance_without_season(&seasonal).unwrap() < 1e-6);
        let plain: Vec<_> = (0..60).map(|month| Some(10.0 + noise(month))).collect();
        assert!(chance_without_season(&plain).unwrap() > 0.05);
        assert_eq!(chance_without_season(&seasonal[..35]), None);
        assert_eq!(chance_without_season(&[Some(3.0); 48]), None);
    }
}
