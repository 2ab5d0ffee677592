//! What a measure's counts mean: sums over the periods of the plan, values with their intervals, and why a cell is
//! empty; what each figure is held against, what its series signals, and what the board's page says of it.

pub mod commentary;
pub mod compare;
pub mod interval;
pub mod score;
pub mod settings;
pub mod signal;
pub mod target;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use crate::config::settings::{MeasureConfig, MeasureKind};
use crate::geography::Residents;
use crate::period::{Month, Period};
use crate::signoff::SignOff;
use commentary::Commentary;
use compare::{Comparer, Comparison, Subject};
use interval::CountLimits;
pub use interval::FigureInterval;
use score::Score;
use signal::Signal;

/// Why a cell holds a value, or why it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It holds a value.
    Available,
    /// Nothing was delivered for the period.
    NotAvailable,
    /// Only some months of the period were delivered.
    Incomplete,
    /// The question has no answer, such as a percentage of nothing.
    NotApplicable,
    /// The measure could not be computed or did not pass its checks.
    NotCalculated,
    /// Withheld by us so that nobody can be identified; published as `[c]`.
    Suppressed,
}

impl Status {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Available,
        Self::NotAvailable,
        Self::Incomplete,
        Self::NotApplicable,
        Self::NotCalculated,
        Self::Suppressed,
    ];

    /// The status that tables call so.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == word)
    }

    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::NotAvailable => "not_available",
            Self::Incomplete => "incomplete",
            Self::NotApplicable => "not_applicable",
            Self::NotCalculated => "not_calculated",
            Self::Suppressed => "suppressed",
        }
    }
}

/// What was delivered for an area and month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Everything; `synthetic` when some of it was made by the simulator.
    Delivered {
        /// Made by the simulator.
        synthetic: bool,
    },
    /// Not everything.
    Missing,
}

/// Counts of one area and breakdown in one month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// Events.
    pub numerator: f64,
    /// Those who could have had them, where the measure counts them.
    pub denominator: Option<f64>,
}

/// The monthly counts of a measure and what is known of its months.
#[derive(Debug, Default)]
pub struct MonthlyCounts {
    /// First and last month that it is published for.
    pub span: Option<(Month, Month)>,
    /// Where figures come for longer periods than a month: a month in which one ends, and how many months they have.
    pub ends: Vec<(Month, i32)>,
    /// By area, breakdown and month. A month without an entry had no event.
    pub counts: BTreeMap<(String, String), BTreeMap<Month, Counted>>,
    /// Breakdowns that occur; every area has a row for each.
    pub breakdowns: Vec<String>,
    /// By area and month; a month without an entry is missing.
    pub coverage: BTreeMap<String, BTreeMap<Month, Coverage>>,
    /// Why months are missing, by area.
    pub reasons: BTreeMap<String, BTreeMap<Month, String>>,
}

/// One published figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Code of the area.
    pub area: String,
    /// Its period.
    pub period: Period,
    /// `all`, or the values by which the measure is broken down.
    pub breakdown: String,
    /// Events; `None` where none can be told.
    pub numerator: Option<f64>,
    /// Those who could have had them.
    pub denominator: Option<f64>,
    /// The outturn.
    pub value: Option<f64>,
    /// Why it is, or is not, there.
    pub status: Status,
    /// Some of what it was counted from was made by the simulator.
    pub synthetic: bool,
    /// What a reader should know.
    pub note: String,
    /// Limits of the value; `None` where there is no value, or no method that fits.
    pub interval: Option<FigureInterval>,
    /// A break in the series lies in the period: it is the first of a new series, or mixes two.
    pub after_break: bool,
    /// By which definition it was made, and how far it may be relied upon.
    pub vintage: Vintage,
}

/// How a figure came to stand as it is published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vintage {
    /// Version of the measure's definition that made it.
    pub definition_version: u32,
    /// How far it is signed off.
    pub sign_off: SignOff,
    /// An earlier release published another value.
    pub revised: bool,
}

/// Every figure of a measure: one row per area, breakdown and period of the span, in this order.
///
/// Sums come first and ratios are taken of them. A period in which a month is missing has no value: missing is never
/// zero. The denominator of a rate is the residents of the period's last year; that of other kinds is summed.
#[must_use]
pub fn figures(
    config: &MeasureConfig,
    areas: &[&str],
    monthly: &MonthlyCounts,
    residents: &Residents,
) -> Vec<Figure> {
    let Some((first, last)) = monthly.span else { return Vec::new() };
    let periods = periods(config, (first, last), &monthly.ends);
    let all = ["all".to_owned()];
    // Without a count nobody knows the parts; the whole stands, so that its cells tell why they are empty.
    let whole = config.breakdowns.is_empty() || monthly.breakdowns.is_empty();
    let breakdowns: &[String] = if whole { &all } else { &monthly.breakdowns };
    let mut figures = Vec::with_capacity(areas.len() * breakdowns.len() * periods.len());
    let limits = CountLimits::new(interval::confidence(config));
    for area in areas {
        let series = Series::new(monthly, residents, area, first, last);
        for breakdown in breakdowns {
            let sums = series.sums(monthly, area, breakdown);
            for period in &periods {
                figures.push(series.figure(config, &limits, area, breakdown, *period, &sums));
            }
        }
    }
    if config.kind == MeasureKind::RankOfRate {
        rank(&mut figures);
    }
    figures
}

/// The periods of a measure: all of its kinds that lie wholly in the span and are made of whole periods of its feeds.
///
/// `ends` has those of feeds that bring longer periods than months: one that ends there, and how many months they have.
#[must_use]
pub fn periods(config: &MeasureConfig, (first, last): (Month, Month), ends: &[(Month, i32)]) -> Vec<Period> {
    let whole = |period: &Period| {
        ends.iter().all(|(end, months)| {
            period.last.since(*end) % months == 0 && (period.last.since(period.first) + 1) % months == 0
        })
    };
    let of = |kind| {
        first.through(last).filter_map(move |m| Period::ending(kind, m)).filter(move |p| p.first >= first)
    };
    config.periods.iter().flat_map(|kind| of(*kind)).filter(whole).collect()
}

/// An area's months in a row, as running totals, so that every period is one subtraction.
struct Series<'a> {
    first: Month,
    delivered: Vec<usize>,
    synthetic: Vec<usize>,
    reasons: Option<&'a BTreeMap<Month, String>>,
    residents: &'a Residents,
}

/// Running totals of one breakdown; the first entry is 0.
struct Sums {
    numerator: Vec<f64>,
    denominator: Vec<f64>,
}

impl<'a> Series<'a> {
    fn new(
        monthly: &'a MonthlyCounts,
        residents: &'a Residents,
        area: &str,
        first: Month,
        last: Month,
    ) -> Self {
        let coverage = monthly.coverage.get(area);
        let (mut delivered, mut synthetic) = (vec![0], vec![0]);
        for month in first.through(last) {
            let (d, s) = match coverage.and_then(|months| months.get(&month)) {
                Some(Coverage::Delivered { synthetic }) => (1, usize::from(*synthetic)),
                _ => (0, 0),
            };
            delivered.push(delivered.last().copied().unwrap_or_default() + d);
            synthetic.push(synthetic.last().copied().unwrap_or_default() + s);
        }
        Self { first, delivered, synthetic, reasons: monthly.reasons.get(area), residents }
    }

    fn sums(&self, monthly: &MonthlyCounts, area: &str, breakdown: &str) -> Sums {
        let counts = monthly.counts.get(&(area.to_owned(), breakdown.to_owned()));
        let mut sums = Sums { numerator: vec![0.0], denominator: vec![0.0] };
        for offset in 1..self.delivered.len() {
            let month = self.first.plus(i32::try_from(offset).unwrap_or(i32::MAX) - 1);
            // Counts of a month that is not complete are not used: part of a month is not the month.
            let complete = between(&self.delivered, offset - 1, offset) == 1;
            let counted = counts.and_then(|months| months.get(&month)).filter(|_| complete);
            let add = |sums: &mut Vec<f64>, n: f64| sums.push(sums.last().copied().unwrap_or_default() + n);
            add(&mut sums.numerator, counted.map_or(0.0, |c| c.numerator));
            add(&mut sums.denominator, counted.and_then(|c| c.denominator).unwrap_or_default());
        }
        sums
    }

    fn figure(
        &self,
        config: &MeasureConfig,
        limits: &CountLimits,
        area: &str,
        breakdown: &str,
        period: Period,
        sums: &Sums,
    ) -> Figure {
        let from = usize::try_from(period.first.since(self.first)).unwrap_or_default();
        let to = usize::try_from(period.last.since(self.first)).unwrap_or_default() + 1;
        let wanted = to - from;
        let delivered = between(&self.delivered, from, to);
        let mut figure = Figure {
            area: area.to_owned(),
            period,
            breakdown: breakdown.to_owned(),
            numerator: None,
            denominator: None,
            value: None,
            status: Status::NotAvailable,
            synthetic: between(&self.synthetic, from, to) > 0,
            note: String::new(),
            interval: None,
            after_break: false,
            vintage: Vintage { definition_version: config.version, ..Vintage::default() },
        };
        if delivered < wanted {
            if delivered > 0 {
                figure.status = Status::Incomplete;
                figure.note = format!("{delivered} of {wanted} months were delivered");
            } else {
                let reason =
                    self.reasons.and_then(|months| period.months().find_map(|month| months.get(&month)));
                figure.note = reason.cloned().unwrap_or_else(|| "not supplied".to_owned());
            }
            return figure;
        }
        let numerator = whole(difference(&sums.numerator, from, to));
        figure.numerator = Some(numerator);
        figure.status = Status::Available;
        let (denominator, value) = match config.kind {
            MeasureKind::Count => (None, Some(numerator)),
            MeasureKind::Rate | MeasureKind::RankOfRate => {
                let residents = self.residents.of(area, period.last.year());
                let per = f64::from(config.per.unwrap_or(1));
                (residents, residents.filter(|n| *n > 0.0).map(|n| numerator * per / n))
            }
            MeasureKind::Percentage | MeasureKind::Ratio => {
                let factor = if config.kind == MeasureKind::Percentage { 100.0 } else { 1.0 };
                let denominator = whole(difference(&sums.denominator, from, to));
                (Some(denominator), (denominator > 0.0).then(|| factor * numerator / denominator))
            }
        };
        figure.denominator = denominator;
        figure.value = value;
        figure.interval = value.and_then(|_| interval::of(config, limits, numerator, denominator));
        if value.is_none() {
            figure.status = Status::NotApplicable;
            figure.note = match denominator {
                None => "residents are not known".to_owned(),
                Some(_) => "the denominator is zero".to_owned(),
            };
        }
        figure
    }
}

fn between(totals: &[usize], from: usize, to: usize) -> usize {
    totals.get(to).copied().unwrap_or_default() - totals.get(from).copied().unwrap_or_default()
}

fn difference(totals: &[f64], from: usize, to: usize) -> f64 {
    totals.get(to).copied().unwrap_or_default() - totals.get(from).copied().unwrap_or_default()
}

/// A sum of counts without what running totals of fractions leave behind at the fifteenth digit.
fn whole(number: f64) -> f64 {
    let near = number.round();
    if (number - near).abs() < 1e-6 { near } else { (number * 1e6).round() / 1e6 }
}

/// Turns rates into places: 1 is the lowest rate of the measure's areas in the period, ties share a place.
fn rank(figures: &mut [Figure]) {
    let mut periods: BTreeMap<Period, Vec<usize>> = BTreeMap::new();
    for (number, figure) in figures.iter().enumerate() {
        periods.entry(figure.period).or_default().push(number);
    }
    for members in periods.values() {
        let rates: Vec<(usize, f64)> =
            members.iter().filter_map(|n| figures.get(*n)?.value.map(|rate| (*n, rate))).collect();
        for (number, rate) in &rates {
            let place = 1 + rates.iter().filter(|(_, other)| other < rate).count();
            if let Some(figure) = figures.get_mut(*number) {
                figure.value = Some(place as f64);
                figure.note = format!("of {} areas with data", rates.len());
            }
        }
    }
}

/// What the figures of a measure mean, all of it.
#[derive(Debug, Default)]
pub struct Assessed {
    /// Every comparison, in the order of the figures.
    pub comparisons: Vec<Comparison>,
    /// One signal for each area and breakdown.
    pub signals: Vec<Signal>,
    /// One line of the board's page for each area and breakdown.
    pub scores: Vec<Score>,
    /// Codes of the areas, by the places that comparisons name.
    pub codes: Vec<String>,
}

/// Judges the figures of a measure, as [`figures`] gives them or as disclosure control leaves them: a figure that is
/// withheld is not judged, and nobody is judged by it.
#[must_use]
pub fn assess(subject: Subject<'_>, figures: &[Figure], commentary: &[&Commentary]) -> Assessed {
    let comparer = Comparer::new(subject, figures);
    let signals = signal::signals(&subject, &comparer, figures);
    let scores = score::scores(&subject, &comparer, figures, &signals, commentary);
    Assessed {
        comparisons: comparer.all(),
        codes: comparer.codes().iter().map(|code| (*code).to_owned()).collect(),
        signals,
        scores,
    }
}
