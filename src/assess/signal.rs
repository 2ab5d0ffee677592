//! What each series signals: a control chart of every area and breakdown, and how unusual its end looks.

use super::Figure;
use super::compare::{Comparer, Subject};
use super::interval::polarity;
use super::parts::in_parts;
use crate::config::settings::{MeasureConfig, MeasureKind};
use crate::period::{Period, PeriodKind};
use crate::statistics::exceptions::latest_chance;
use crate::statistics::seasonal::{Season, chance_without_season, indices};
use crate::statistics::spc::{Assurance, Chart, Settings, xmr};

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
    let of = |number: usize| {
        let own = figures.get(number * length..(number + 1) * length)?;
        let chart: Vec<&Figure> = places.iter().filter_map(|place| own.get(*place)).collect();
        let breaks = comparer.breaks(number / by_area);
        let found = one(subject, &chart, &breaks.iter().map(|b| b.month).collect::<Vec<_>>())?;
        let place = places.get(found.figure)?;
        Some(Signal { figure: number * length + place, ..found })
    };
    in_parts(series, length, |range| range.filter_map(&of).collect())
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
    signal.assurance = chart.assurance.map(Assurance::name).unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::compare::Break;
    use crate::assess::tests::{config, month};
    use crate::assess::{Status, compare};
    use crate::config::settings::MeasureKind;
    use crate::geography::Areas;

    /// A series of months from January 2020.
    fn series(values: &[Option<f64>]) -> Vec<Figure> {
        values
            .iter()
            .zip(month("2020-01").through(month("2029-12")))
            .map(|(value, of)| Figure {
                area: "C".into(),
                period: Period::month(of),
                breakdown: "all".into(),
                numerator: *value,
                denominator: None,
                value: *value,
                status: if value.is_some() { Status::Available } else { Status::NotAvailable },
                absence: None,
                synthetic: false,
                note: String::new(),
                interval: None,
                after_break: false,
                basis: None,
                vintage: crate::assess::Vintage::default(),
            })
            .collect()
    }

    fn signal_of(values: &[Option<f64>], breaks: &[Break]) -> Signal {
        let config = config(MeasureKind::Count);
        let areas = Areas::default();
        let subject = Subject { config: &config, targets: None, breaks, areas: &areas };
        let figures = series(values);
        let found = signals(&subject, &compare::Comparer::new(subject, &figures), &figures);
        assert_eq!(found.len(), 1);
        found[0].clone()
    }

    /// Months about 20, without a season.
    fn usual(months: usize) -> Vec<Option<f64>> {
        [19.0, 22.0, 18.0, 21.0, 20.0].into_iter().cycle().take(months).map(Some).collect()
    }

    #[test]
    fn a_value_far_out_fires_its_rule_and_is_unlikely() {
        let mut values = usual(24);
        let calm = signal_of(&values, &[]);
        assert_eq!((calm.variation, calm.rules.as_str()), ("common_cause", ""));
        values.push(Some(60.0));
        let alarm = signal_of(&values, &[]);
        assert_eq!((alarm.variation, alarm.rules.as_str()), ("special_cause_concern", "Above UCL"));
        assert!(alarm.chance.unwrap() < 1e-6 && calm.chance.unwrap() > 0.1, "{alarm:?} {calm:?}");
        assert_eq!((alarm.figure, alarm.points, alarm.trial), (24, 25, false));
    }

    #[test]
    fn a_series_that_ended_long_ago_is_charted_and_not_tested() {
        let mut values = usual(24);
        values.push(Some(60.0));
        values.extend([None; 4]);
        let old = signal_of(&values, &[]);
        assert_eq!((old.figure, old.variation, old.chance), (24, "special_cause_concern", None));
        assert_eq!(old.note, "no value in the 4 periods since");
        values.pop();
        assert!(signal_of(&values, &[]).chance.is_some());
    }

    #[test]
    fn a_few_values_make_no_chart_and_few_of_them_no_test() {
        let few = signal_of(&usual(7), &[]);
        assert_eq!(
            (few.variation, few.mean, few.note.as_str()),
            ("", None, "7 of the 8 values that a chart needs")
        );
        let trial = signal_of(&usual(10), &[]);
        assert_eq!((trial.trial, trial.chance, trial.mean), (true, None, Some(20.0)));
        let none = signal_of(&[None; 3], &[]);
        assert_eq!((none.points, none.figure), (0, 2));
    }

    #[test]
    fn limits_begin_anew_at_a_declared_break_also_where_the_series_begins_late() {
        let mut values: Vec<Option<f64>> = vec![None; 3];
        values.extend(usual(20));
        values.extend(usual(20).into_iter().map(|value| value.map(|value| value + 100.0)));
        // The 24th month of the list is December 2021.
        let found = Break { month: month("2021-12"), areas: Vec::new(), title: String::new() };
        let rebased = signal_of(&values, &[found]);
        assert_eq!((rebased.mean, rebased.variation), (Some(120.0), "common_cause"));
        assert_ne!(signal_of(&values, &[]).variation, "common_cause");
    }

    #[test]
    fn a_season_is_told_and_its_high_months_are_no_exceptions() {
        let summer = |place: usize| if (5..8).contains(&(place % 12)) { 40.0 } else { 0.0 };
        let values: Vec<Option<f64>> = usual(55)
            .iter()
            .enumerate()
            .map(|(place, value)| value.map(|value| value + summer(place)))
            .collect();
        // The last of 55 months is a July.
        let found = signal_of(&values, &[]);
        assert!(found.seasonal, "{found:?}");
        assert!(found.chance.unwrap() > 0.05, "{found:?}");
    }
}
