//! The recent trend as public health marks it: five latest points, and no single one that decides.
//!
//! Sources: Public Health Technical Guidance, Fingertips: recent trends; P. Armitage (1955), Tests for linear trends in
//! proportions and frequencies, Biometrics 11, 375-386. Vectors: `trend_marker`.

use super::{Interval, Polarity};

/// How many points are looked at.
pub const POINTS: usize = 5;

/// Chi-squared with one degree of freedom at 99.8%.
const CRITICAL: f64 = 9.549_535_706_083_24;

/// One year of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrendPoint {
    /// The year, by which points are ordered. A year that is not in the list is not noticed: give it without a value.
    pub year: i64,
    /// The value; `None` where it is missing or withheld.
    pub value: Option<f64>,
    /// Its numerator.
    pub count: Option<f64>,
    /// Its denominator.
    pub denominator: Option<f64>,
    /// Its 95% interval.
    pub interval: Option<Interval>,
}

/// How the slope is found and tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrendMethod {
    /// Least squares weighted by the intervals; for every kind of value.
    Weighted,
    /// Armitage's test for trend in proportions, with the slope of the logits.
    Proportion,
}

/// What the latest years say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trend {
    /// Fewer than five unbroken years, a count equal to its denominator, or an interval or a logit that is missing.
    CannotBeCalculated,
    /// No significant trend.
    NoChange,
    /// Rising; better or worse where there is polarity.
    Increasing(Option<bool>),
    /// Falling; better or worse where there is polarity.
    Decreasing(Option<bool>),
}

impl Trend {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CannotBeCalculated => "cannot_be_calculated",
            Self::NoChange => "no_change",
            Self::Increasing(None) => "increasing",
            Self::Increasing(Some(true)) => "increasing_getting_better",
            Self::Increasing(Some(false)) => "increasing_getting_worse",
            Self::Decreasing(None) => "decreasing",
            Self::Decreasing(Some(true)) => "decreasing_getting_better",
            Self::Decreasing(Some(false)) => "decreasing_getting_worse",
        }
    }
}

/// A trend and the statistic that it stands on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Marker {
    /// The trend.
    pub trend: Trend,
    /// Chi-squared with one degree of freedom; `None` where nothing was calculated.
    pub chi_squared: Option<f64>,
}

/// The recent trend of a yearly series, points in any order.
///
/// A trend is significant when chi-squared exceeds 9.55 (99.8%) and the slope keeps its sign whichever of the five
/// points is left out.
#[must_use]
pub fn marker(points: &[TrendPoint], method: TrendMethod, polarity: Polarity) -> Marker {
    let Some((chi_squared, slopes)) = judge(points, method) else {
        return Marker { trend: Trend::CannotBeCalculated, chi_squared: None };
    };
    let rising = slopes.all >= 0.0;
    let steady = slopes.without_one.iter().all(|slope| (*slope >= 0.0) == rising);
    let trend = if chi_squared > CRITICAL && steady {
        // A slope of 0 is no rise, whatever its sign counts as.
        if slopes.all > 0.0 {
            Trend::Increasing(polarity.improves(true))
        } else {
            Trend::Decreasing(polarity.improves(false))
        }
    } else {
        Trend::NoChange
    };
    Marker { trend, chi_squared: Some(chi_squared) }
}

struct Slopes {
    all: f64,
    without_one: Vec<f64>,
}

/// One point of a regression: time, value and weight.
type Weighted = (f64, f64, f64);

fn judge(points: &[TrendPoint], method: TrendMethod) -> Option<(f64, Slopes)> {
    let mut ordered: Vec<&TrendPoint> = points.iter().collect();
    ordered.sort_by_key(|point| std::cmp::Reverse(point.year));
    let unbroken: Vec<(f64, f64, f64, Option<Interval>)> = ordered
        .into_iter()
        .map_while(|point| Some((point.value?, point.count?, point.denominator?, point.interval)))
        .collect();
    #[expect(clippy::float_cmp, reason = "both are counts")]
    if unbroken.iter().any(|(_, count, denominator, _)| count == denominator) {
        return None;
    }
    let latest = unbroken.get(..POINTS)?;
    let times = || latest.iter().rev().zip(1_u32..).map(|(point, time)| (f64::from(time), point));
    let regression: Vec<Weighted> = match method {
        TrendMethod::Weighted => times()
            .map(|(time, (value, _, _, interval))| {
                let error = interval.map(|interval| (interval.upper - interval.lower) / 3.92)?;
                Some((time, *value, 1.0 / error.powi(2))).filter(|(_, _, weight)| weight.is_finite())
            })
            .collect::<Option<_>>()?,
        TrendMethod::Proportion => times()
            .map(|(time, (_, count, denominator, _))| {
                let logit = (count / (denominator - count)).ln();
                logit.is_finite().then_some((time, logit, 1.0))
            })
            .collect::<Option<_>>()?,
    };
    let all = slope(&regression)?;
    let chi_squared = match method {
        TrendMethod::Weighted => {
            let (weights, moment, square) = moments(&regression);
            // The slope over its standard error, squared.
            all.powi(2) * (weights * square - moment.powi(2)) / weights
        }
        TrendMethod::Proportion => {
            let series = times().map(|(time, (_, count, denominator, _))| (time, *count, *denominator));
            armitage(&series.collect::<Vec<_>>())
        }
    };
    let without_one = (0..POINTS)
        .map(|left_out| {
            let rest: Vec<Weighted> = regression
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != left_out)
                .map(|(_, point)| *point)
                .collect();
            slope(&rest)
        })
        .collect::<Option<Vec<f64>>>()?;
    chi_squared.is_finite().then_some((chi_squared, Slopes { all, without_one }))
}

/// Sums of the weights, of weight times time, and of weight times time squared.
fn moments(points: &[Weighted]) -> (f64, f64, f64) {
    points.iter().fold((0.0, 0.0, 0.0), |(weights, moment, square), (time, _, weight)| {
        (weights + weight, moment + weight * time, square + weight * time * time)
    })
}

/// The slope of the weighted least squares line.
fn slope(points: &[Weighted]) -> Option<f64> {
    let (weights, moment, square) = moments(points);
    let (product, value) = points.iter().fold((0.0, 0.0), |(product, total), (time, value, weight)| {
        (product + weight * time * value, total + weight * value)
    });
    let slope = (weights * product - moment * value) / (weights * square - moment.powi(2));
    slope.is_finite().then_some(slope)
}

/// Chi-squared for a linear trend in proportions, of time, count and denominator.
fn armitage(points: &[(f64, f64, f64)]) -> f64 {
    let total = |of: fn(&(f64, f64, f64)) -> f64| points.iter().map(of).sum::<f64>();
    let (counts, denominators) = (total(|p| p.1), total(|p| p.2));
    let (count_times, times, squares) =
        (total(|p| p.1 * p.0), total(|p| p.2 * p.0), total(|p| p.2 * p.0 * p.0));
    denominators * (denominators * count_times - counts * times).powi(2)
        / (counts * (denominators - counts) * (denominators * squares - times.powi(2)))
}
