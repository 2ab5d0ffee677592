//! Months against the same months of other years, and the shape of a year.

use super::sum::sum;

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
