//! What each series signals: a control chart of every area and breakdown, and how unusual its end looks.

use super::Figure;
use super::compare::{Comparer, Subject};
use super::interval::polarity;
use crate::config::settings::{MeasureConfig, MeasureKind};
use crate::period::{Period, PeriodKind};
use crate::statistics::exceptions::latest_chance;
use crate::statistics::seasonal::{Season, chance_without_season, indices};
use crate::statistics::spc::{Chart, Settings, xmr};

/// A series with fewer values is not charted.
pub const FEWEST: usize = 8;
/// A series that ends so many periods before the measure's last one is no news, and is not tested for exceptions.
const STALE: usize = 4;
/// A season is warned of when months would differ so by chance in fewer than this share of series without one.
const SEASON: f64 = 0.01;

/// What one series signals.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Place of its latest figure with a value; of its last figure where none has one.
    pub figure: usize,
    /// Values of the series.
    pub points: usize,
    /// Mean of the latest limits.
    pub mean: Option<f64>,
    /// Lower process limit.
    pub lower: Option<f64>,
    /// Upper process limit.
    pub upper: Option<f64>,
    /// The limits stand on fewer than 13 points.
    pub trial: bool,
    /// Every rule that the latest point fits, the strongest first, separated by semicolons.
    pub rules: String,
    /// The word of the variation icon; empty without a chart.
    pub variation: &'static str,
    /// The word of the assurance icon; empty without a target.
    pub assurance: &'static str,
    /// What was aimed at in the latest period.
    pub target: Option<f64>,
    /// The series has a season, so that its rules may signal the time of the year.
    pub seasonal: bool,
    /// First period of the new limits that a person might declare.
    pub suggested_rebase: Option<Period>,
    /// How likely the end of the series would look so unusual were nothing happening; `None` where it was not tested.
    pub chance: Option<f64>,
    /// What a reader of the chart should know; empty otherwise.
    pub note: String,
    /// Some value of the series stands on what the simulator made.
    pub synthetic: bool,
}

/// The kind of period that is charted: months, else the first kind of the measure whose periods do not overlap.
#[must_use]
pub fn charted(config: &MeasureConfig) -> Option<PeriodKind> {
    if config.periods.contains(&PeriodKind::Month) {
        return Some(PeriodKind::Month);
    }
    config.periods.iter().copied().find(|kind| kind.is_series())
}

/// One signal for each area and breakdown, in the order of the figures.
#[must_use]
pub fn signals(subject: &Subject<'_>, comparer: &Comparer<'_>, figures: &[Figure]) -> Vec<Signal> {
    let config = subject.config;
    let Some(kind) = charted(config) else { return Vec::new() };
    let length = comparer.periods().len();
    if length == 0 || config.kind == MeasureKind::RankOfRate {
        return Vec::new();
    }
    let places: Vec<usize> =
        (0..).zip(comparer.periods()).filter(|(_, p)| p.kind == kind).map(|(n, _)| n).collect();
    let series = figures.len() / length;
    let by_area = (series / comparer.codes().len().max(1)).max(1);
    (0..series)
        .filter_map(|number| {
            let own = figures.get(number * length..(number + 1) * length)?;
            let chart: Vec<&Figure> = places.iter().filter_map(|place| own.get(*place)).collect();
            let breaks = comparer.breaks(number / by_area);
            let found = one(subject, &chart, &breaks.iter().map(|b| b.month).collect::<Vec<_>>())?;
            let place = places.get(found.figure)?;
            Some(Signal { figure: number * length + place, ..found })
        })
        .collect()
}

/// The signal of one series; its `figure` is the place in the series. `None` without periods.
fn one(subject: &Subject<'_>, series: &[&Figure], breaks: &[crate::period::Month]) -> Option<Signal> {
    let last = series.len().checked_sub(1)?;
    let all: Vec<Option<f64>> = series.iter().map(|figure| figure.value).collect();
    let latest = all.iter().rposition(Option::is_some);
    let first = all.iter().position(Option::is_some).unwrap_or_default();
    let values = all.get(first..=latest.unwrap_or(last)).unwrap_or_default();
    let points = values.iter().flatten().count();
    let figure = series.get(latest.unwrap_or(last))?;
    let target = subject.targets.and_then(|targets| {
        targets.of(&figure.area, &figure.breakdown, figure.period)?.at(figure.period, None)
    });
    let mut signal = Signal {
        figure: latest.unwrap_or(last),
        points,
        mean: None,
        lower: None,
        upper: None,
        trial: false,
        rules: String::new(),
        variation: "",
        assurance: "",
        target,
        seasonal: false,
        suggested_rebase: None,
        chance: None,
        note: String::new(),
        synthetic: series.iter().any(|figure| figure.synthetic),
    };
    if points < FEWEST {
        signal.note = format!("{points} of the {FEWEST} values that a chart needs");
        return Some(signal);
    }
    let starts = breaks.iter().filter_map(|month| {
        let place = series.iter().position(|figure| figure.period.last >= *month)?;
        place.checked_sub(first)
    });
    let settings = Settings {
        rebase_at: starts.collect(),
        polarity: polarity(subject.config),
        target,
        ..Settings::default()
    };
    let Ok(chart) = xmr(values, &settings) else { return Some(signal) };
    let point = chart.points.last()?;
    (signal.mean, signal.lower, signal.upper) = (point.mean, point.lower, point.upper);
    signal.trial = point.trial;
    signal.rules = point.rules.iter().map(|rule| rule.label(&settings)).collect::<Vec<_>>().join("; ");
    signal.variation = point.variation.name();
    signal.assurance = chart.assurance.map(|word| word.name()).unwrap_or_default();
    signal.suggested_rebase =
        chart.suggested_rebase.and_then(|place| series.get(first + place)).map(|figure| figure.period);
    let monthly = figure.period.kind == PeriodKind::Month;
    signal.seasonal = monthly && chance_without_season(values).is_some_and(|chance| chance < SEASON);
    let mut notes = Vec::new();
    if point.degenerate {
        notes.push("too rare for a chart: look at yearly counts".to_owned());
    }
    if signal.seasonal {
        notes.push(
            "seasonal: compare with the same month last year; exceptions are judged without the season"
                .to_owned(),
        );
    }
    let behind = last - signal.figure;
    if behind >= STALE {
        notes.push(format!("no value in the {behind} periods since"));
    } else if !point.trial {
        signal.chance =
            if signal.seasonal { unseasoned(values, &settings) } else { unusual(&chart, &settings) };
    }
    signal.note = notes.join("; ");
    Some(signal)
}

fn unusual(chart: &Chart, settings: &Settings) -> Option<f64> {
    latest_chance(&chart.points, settings)
}

/// The chance of a seasonal series with the season taken off.
fn unseasoned(values: &[Option<f64>], settings: &Settings) -> Option<f64> {
    let season = indices(values, Season::Additive)?;
    let plain: Vec<Option<f64>> =
        values.iter().zip(season.iter().cycle()).map(|(value, index)| value.map(|v| v - index)).collect();
    xmr(&plain, settings).ok().and_then(|chart| unusual(&chart, settings))
}
