//! What a measure's counts mean: sums over the periods of the plan, values with their intervals, and why a cell is
//! empty; what each figure is held against, what its series signals, and what the board's page says of it.

pub mod absence;
pub mod commentary;
pub mod compare;
pub mod interval;
mod parts;
pub mod score;
pub mod settings;
pub mod signal;
pub mod small_numbers;
pub mod target;
mod value;

#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{Months, NaiveDate};

use crate::config::settings::{MeasureConfig, MeasureKind};
use crate::geography::Residents;
use crate::period::{Month, Period, PeriodKind};
use crate::signoff::SignOff;
pub use absence::{Absence, Reason};
use commentary::Commentary;
use compare::{Comparer, Comparison, Subject};
use interval::CountLimits;
pub use interval::FigureInterval;
use score::Score;
use signal::Signal;
pub use value::{Parts, is_same, without_contributors};

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
    /// It stands on fewer answers or cases than a value needs; published as `[u]`.
    BaseTooSmall,
    /// Withheld by us so that nobody can be identified; published as `[c]`.
    Suppressed,
}

impl Status {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Available,
        Self::NotAvailable,
        Self::Incomplete,
        Self::NotApplicable,
        Self::NotCalculated,
        Self::BaseTooSmall,
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
            Self::BaseTooSmall => "base_too_small",
            Self::Suppressed => "suppressed",
        }
    }
}

/// What was delivered for an area and month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Everything.
    Delivered {
        /// Some of it was made by the simulator.
        synthetic: bool,
        /// The suppliers said that there was nothing.
        nil: bool,
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
    /// As [`Parts::further`]: what averages, gaps and amounts need beyond these.
    pub further: [f64; 2],
}

impl Counted {
    /// Events, and those who could have had them.
    #[must_use]
    pub fn new(numerator: f64, denominator: Option<f64>) -> Self {
        Self { numerator, denominator, further: [0.0; 2] }
    }

    /// Adds so much of another count.
    pub fn add(&mut self, other: &Self, weight: f64) {
        self.numerator += other.numerator * weight;
        if let Some(more) = other.denominator {
            self.denominator = Some(self.denominator.unwrap_or_default() + more * weight);
        }
        for (own, more) in self.further.iter_mut().zip(other.further) {
            *own += more * weight;
        }
    }
}

/// What a SELECT says of whole periods.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// By area, breakdown and period. A period without an entry had no event and no case.
    pub parts: BTreeMap<(String, String), BTreeMap<Period, Parts>>,
    /// By area and period, where codes that are no more were counted for it.
    pub carried: BTreeMap<String, BTreeMap<Period, Carried>>,
    /// By area, breakdown and period, where the supplier did not give the number.
    pub not_given: BTreeMap<(String, String), BTreeMap<Period, Absence>>,
    /// Why a period of an area cannot be told, though rows stand under the codes that make it up.
    pub untold: BTreeMap<String, BTreeMap<Period, String>>,
}

/// Where the counts of a month come from when areas changed since.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Carried {
    /// The codes that made up the area then.
    pub codes: Vec<String>,
    /// One of them was shared out by weights.
    pub estimated: bool,
}

/// The monthly counts of a measure and what is known of its months.
#[derive(Debug, Clone, Default)]
pub struct MonthlyCounts {
    /// First and last month that it is published for.
    pub span: Option<(Month, Month)>,
    /// Where figures come for longer periods than a month: a month in which one ends, and how many months they have.
    pub ends: Vec<(Month, i32)>,
    /// By area, breakdown and month. A month without an entry had no event.
    pub counts: BTreeMap<(String, String), BTreeMap<Month, Counted>>,
    /// By area, breakdown and month, where the supplier did not give the number.
    pub not_given: BTreeMap<(String, String), BTreeMap<Month, Absence>>,
    /// Where the SELECT yields whole periods in place of months: what it says of each.
    pub told: Option<Told>,
    /// The last month whose figures can be known, where they need time: a cohort is followed that long.
    pub mature: Option<(Month, u32)>,
    /// By area and month, where codes that are no more were counted for it.
    pub carried: BTreeMap<String, BTreeMap<Month, Carried>>,
    /// Breakdowns that occur; every area has a row for each.
    pub breakdowns: Vec<String>,
    /// By area and month; a month without an entry is missing.
    pub coverage: BTreeMap<String, BTreeMap<Month, Coverage>>,
    /// Why months are missing, by area.
    pub reasons: BTreeMap<String, BTreeMap<Month, Reason>>,
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
    /// Why it has no value, or stands at nothing; `None` where a value was counted.
    pub absence: Option<Absence>,
    /// Some of what it was counted from was made by the simulator.
    pub synthetic: bool,
    /// What a reader should know.
    pub note: String,
    /// Limits of the value; `None` where there is no value, or no method that fits.
    pub interval: Option<FigureInterval>,
    /// A break in the series lies in the period: it is the first of a new series, or mixes two.
    pub after_break: bool,
    /// What it stands on beside numerator and denominator; `None` where that is all.
    pub basis: Option<Box<Basis>>,
    /// By which definition it was made, and how far it may be relied upon.
    pub vintage: Vintage,
}

/// What a figure stands on beside numerator and denominator.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Basis {
    /// How many answered a survey, unweighted.
    pub base: Option<f64>,
    /// Variance of a survey's share over that of a simple random sample.
    pub design_effect: Option<f64>,
    /// Standard error of the value, in its unit.
    pub error: Option<f64>,
    /// Sum of the squares of the values of an average.
    pub squares: Option<f64>,
    /// Numerator of the other group of a gap; of an index the events of the base year.
    pub other_numerator: Option<f64>,
    /// Denominator of the other group of a gap; of an index the months of the base year.
    pub other_denominator: Option<f64>,
    /// Some of it was shared out by weights, because areas changed.
    pub estimated: bool,
    /// Few contributors make up more of its amount than the measure's rule of dominance allows. In no table: it tells of
    /// them.
    pub dominated: bool,
}

impl Figure {
    /// A figure of which nothing is known, and so not available.
    #[must_use]
    pub fn empty(area: &str, breakdown: &str, period: Period) -> Self {
        Self {
            area: area.to_owned(),
            period,
            breakdown: breakdown.to_owned(),
            numerator: None,
            denominator: None,
            value: None,
            status: Status::NotAvailable,
            absence: Some(Absence::NotSupplied),
            synthetic: false,
            note: String::new(),
            interval: None,
            after_break: false,
            basis: None,
            vintage: Vintage::default(),
        }
    }

    /// What the figure is made from.
    #[must_use]
    pub fn parts(&self) -> Parts {
        let basis = self.basis.as_deref().copied().unwrap_or_default();
        Parts {
            numerator: self.numerator,
            denominator: self.denominator,
            further: [
                basis.other_numerator.or(basis.squares).unwrap_or_default(),
                basis.other_denominator.unwrap_or_default(),
            ],
            value: self.value,
            limits: None,
            base: basis.base,
            design_effect: basis.design_effect,
        }
    }

    /// Whether few contributors make up too much of its amount.
    #[must_use]
    pub fn is_dominated(&self) -> bool {
        self.basis.as_ref().is_some_and(|basis| basis.dominated)
    }

    /// Whether some of it was shared out by weights.
    #[must_use]
    pub fn is_estimated(&self) -> bool {
        self.basis.as_ref().is_some_and(|basis| basis.estimated)
    }
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
    let monthly = &*with_whole(config, monthly);
    let periods = periods(config, (first, last), &monthly.ends, &waves(config, monthly));
    let all = ["all".to_owned()];
    // Without a count nobody knows the parts; the whole stands, so that its cells tell why they are empty.
    let whole = config.breakdowns.is_empty() || monthly.breakdowns.is_empty();
    let breakdowns: &[String] = if whole { &all } else { &monthly.breakdowns };
    let limits = CountLimits::new(interval::confidence(config));
    let of_area = breakdowns.len() * periods.len();
    let mut figures = parts::in_parts(areas.len(), of_area, |range| {
        let areas = areas.get(range).unwrap_or_default();
        let mut figures = Vec::with_capacity(areas.len() * of_area);
        for area in areas {
            let series = Series::new(monthly, residents, area, first, last);
            for breakdown in breakdowns {
                let counts = match &monthly.told {
                    Some(told) => Counts::Told(told.parts.get(&(area.to_string(), breakdown.clone()))),
                    None => Counts::Sums(series.sums(monthly, area, breakdown)),
                };
                let not_given = NotGiven::of(monthly, area, breakdown);
                for period in &periods {
                    let place = (*area, breakdown.as_str());
                    figures.push(series.figure(config, &limits, place, *period, (&counts, &not_given)));
                }
            }
        }
        figures
    });
    if config.kind == MeasureKind::RankOfRate {
        rank(&mut figures);
    }
    figures
}

/// The periods of a measure: all of its kinds that lie wholly in the span and are made of whole periods of its feeds, and
/// the waves that are told.
///
/// `ends` has those of feeds that bring longer periods than months: one that ends there, and how many months they have.
#[must_use]
pub fn periods(
    config: &MeasureConfig,
    (first, last): (Month, Month),
    ends: &[(Month, i32)],
    waves: &[Period],
) -> Vec<Period> {
    let whole = |period: &Period| {
        ends.iter().all(|(end, months)| {
            period.last.since(*end) % months == 0 && (period.last.since(period.first) + 1) % months == 0
        })
    };
    let of = |kind| {
        first.through(last).filter_map(move |m| Period::ending(kind, m)).filter(move |p| p.first >= first)
    };
    let told = |kind: PeriodKind| waves.iter().copied().filter(move |_| kind == PeriodKind::SurveyWave);
    config.periods.iter().flat_map(|kind| of(*kind).filter(whole).chain(told(*kind))).collect()
}

/// The waves that a measure expects, and those that its SELECT tells of within the span, in order of their months.
fn waves(config: &MeasureConfig, monthly: &MonthlyCounts) -> Vec<Period> {
    let expected = config.waves.iter().filter_map(|text| text.parse::<Period>().ok());
    let told = monthly.told.iter().flat_map(|told| told.parts.values().flat_map(BTreeMap::keys)).copied();
    let within =
        |wave: &Period| monthly.span.is_some_and(|(first, last)| wave.first >= first && wave.last <= last);
    let all = expected.chain(told.filter(within)).filter(|period| period.kind == PeriodKind::SurveyWave);
    let mut waves: Vec<Period> = all.collect();
    waves.sort_by_key(|wave| (wave.first, wave.last));
    waves.dedup();
    waves
}

/// For a share: counts whose denominator is what the wider area had, in the months in which that is known too.
fn with_whole<'a>(config: &MeasureConfig, monthly: &'a MonthlyCounts) -> Cow<'a, MonthlyCounts> {
    let Some((whole, (first, last))) = config.whole.as_ref().zip(monthly.span) else {
        return Cow::Borrowed(monthly);
    };
    let mut shares = monthly.clone();
    let known = monthly.coverage.get(whole);
    let reasons = monthly.reasons.get(whole);
    for (area, coverage) in &mut shares.coverage {
        for (month, own) in coverage.iter_mut() {
            if let Some(Coverage::Delivered { synthetic: made, .. }) = known.and_then(|all| all.get(month)) {
                if let Coverage::Delivered { synthetic, .. } = own {
                    *synthetic |= made;
                }
                continue;
            }
            *own = Coverage::Missing;
            let why = reasons.and_then(|months| months.get(month)).cloned();
            let Reason { absence, note } = why.unwrap_or_else(Reason::not_supplied);
            let own = shares.reasons.entry(area.clone()).or_default();
            own.entry(*month).or_insert_with(|| Reason::new(absence, format!("{whole}: {note}")));
        }
    }
    let areas: Vec<String> = monthly.coverage.keys().cloned().collect();
    for area in areas {
        for breakdown in &monthly.breakdowns {
            let of_whole = monthly.counts.get(&(whole.clone(), breakdown.clone()));
            let own = shares.counts.entry((area.clone(), breakdown.clone())).or_default();
            for month in first.through(last) {
                let all = of_whole.and_then(|months| months.get(&month)).map_or(0.0, |all| all.numerator);
                own.entry(month).or_insert_with(|| Counted::new(0.0, None)).denominator = Some(all);
            }
            if let Some(not_given) = monthly.not_given.get(&(whole.clone(), breakdown.clone())) {
                let own = shares.not_given.entry((area.clone(), breakdown.clone())).or_default();
                own.extend(not_given);
            }
        }
    }
    Cow::Owned(shares)
}

/// The day from which figures of a month can be known that need so many months more.
#[must_use]
pub fn known_from(month: Month, months: u32) -> NaiveDate {
    month.last_day().checked_add_months(Months::new(months)).unwrap_or(NaiveDate::MAX)
}

/// An area's months in a row, as running totals, so that every period is one subtraction.
struct Series<'a> {
    first: Month,
    last: Month,
    delivered: Vec<usize>,
    synthetic: Vec<usize>,
    nil: Vec<usize>,
    reasons: Option<&'a BTreeMap<Month, Reason>>,
    carried: Option<&'a BTreeMap<Month, Carried>>,
    told: Option<&'a Told>,
    mature: Option<(Month, u32)>,
    residents: &'a Residents,
}

/// What is known of one breakdown.
enum Counts<'a> {
    /// Running totals of numerator, denominator and what else is counted; the first entry is 0.
    Sums(Vec<[f64; 4]>),
    /// What the SELECT says of each period.
    Told(Option<&'a BTreeMap<Period, Parts>>),
}

/// The months, or periods, of one area and breakdown of which the supplier did not give the number.
enum NotGiven<'a> {
    Nothing,
    Months(&'a BTreeMap<Month, Absence>),
    Periods(&'a BTreeMap<Period, Absence>),
}

impl<'a> NotGiven<'a> {
    fn of(monthly: &'a MonthlyCounts, area: &str, breakdown: &str) -> Self {
        let (months, periods) = (&monthly.not_given, monthly.told.as_ref().map(|told| &told.not_given));
        if months.is_empty() && periods.is_none_or(BTreeMap::is_empty) {
            return Self::Nothing;
        }
        let key = (area.to_owned(), breakdown.to_owned());
        let months = months.get(&key).map(Self::Months);
        months.or_else(|| Some(Self::Periods(periods?.get(&key)?))).unwrap_or(Self::Nothing)
    }

    /// What the supplier did, and in how many of the months of a period.
    fn within(&self, period: Period) -> Option<(Absence, usize)> {
        match self {
            Self::Nothing => None,
            Self::Months(months) => {
                let mut found = months.range(period.first..=period.last).map(|(_, absence)| *absence);
                let first = found.next()?;
                Some((first, 1 + found.count()))
            }
            Self::Periods(periods) => Some((*periods.get(&period)?, period.months().count())),
        }
    }
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
        let [mut delivered, mut synthetic, mut nil] = [(); 3].map(|()| vec![0]);
        let add = |to: &mut Vec<usize>, one: bool| {
            to.push(to.last().copied().unwrap_or_default() + usize::from(one));
        };
        for month in first.through(last) {
            let coverage = coverage.and_then(|months| months.get(&month)).copied();
            let (made, none) = match coverage {
                Some(Coverage::Delivered { synthetic, nil }) => (synthetic, nil),
                _ => (false, false),
            };
            add(&mut delivered, matches!(coverage, Some(Coverage::Delivered { .. })));
            add(&mut synthetic, made);
            add(&mut nil, none);
        }
        Self {
            first,
            last,
            delivered,
            synthetic,
            nil,
            reasons: monthly.reasons.get(area),
            carried: monthly.carried.get(area),
            told: monthly.told.as_ref(),
            mature: monthly.mature,
            residents,
        }
    }

    fn sums(&self, monthly: &MonthlyCounts, area: &str, breakdown: &str) -> Vec<[f64; 4]> {
        let counts = monthly.counts.get(&(area.to_owned(), breakdown.to_owned()));
        let mut sums = Vec::with_capacity(self.delivered.len());
        let mut total = [0.0; 4];
        sums.push(total);
        for offset in 1..self.delivered.len() {
            let month = self.first.plus(i32::try_from(offset).unwrap_or(i32::MAX) - 1);
            // Counts of a month that is not complete are not used: part of a month is not the month.
            let complete = between(&self.delivered, offset - 1, offset) == 1;
            if let Some(counted) = counts.and_then(|months| months.get(&month)).filter(|_| complete) {
                total[0] += counted.numerator;
                total[1] += counted.denominator.unwrap_or_default();
                total[2] += counted.further[0];
                total[3] += counted.further[1];
            }
            sums.push(total);
        }
        sums
    }

    /// Where the months of a period begin and end among the running totals; `None` outside the span.
    fn places(&self, period: Period) -> Option<(usize, usize)> {
        if period.first < self.first || period.last > self.last {
            return None;
        }
        let place = |month: Month| usize::try_from(month.since(self.first)).ok();
        Some((place(period.first)?, place(period.last)? + 1))
    }

    /// What a period is made from.
    fn parts(&self, config: &MeasureConfig, area: &str, period: Period, counts: &Counts<'_>) -> Parts {
        let mut parts = match counts {
            Counts::Told(told) => match told.and_then(|periods| periods.get(&period)) {
                Some(parts) => *parts,
                None if config.kind.is_told_by_period() => Parts::default(),
                None => Parts { numerator: Some(0.0), denominator: Some(0.0), ..Parts::default() },
            },
            Counts::Sums(sums) => {
                let sum = self.sum(sums, period).unwrap_or_default();
                Parts {
                    numerator: Some(sum[0]),
                    denominator: Some(sum[1]),
                    further: [sum[2], sum[3]],
                    ..Parts::default()
                }
            }
        };
        match config.kind {
            MeasureKind::Count => parts.denominator = None,
            MeasureKind::Rate | MeasureKind::RankOfRate => {
                parts.denominator = self.residents.of(area, period.last.year());
            }
            MeasureKind::Index => {
                let events = self.base_events(config, counts);
                parts.denominator = events.map(|events| events * period.months().count() as f64 / 12.0);
                parts.further = [events.unwrap_or_default(), 12.0];
            }
            _ => {}
        }
        parts
    }

    /// What the base year of an index had; `None` unless all of it was delivered.
    fn base_events(&self, config: &MeasureConfig, counts: &Counts<'_>) -> Option<f64> {
        let base: Period = config.base.as_ref()?.parse().ok()?;
        let (from, to) = self.places(base)?;
        let Counts::Sums(sums) = counts else { return None };
        (between(&self.delivered, from, to) == to - from)
            .then(|| self.sum(sums, base))
            .flatten()
            .map(|sum| sum[0])
    }

    fn sum(&self, sums: &[[f64; 4]], period: Period) -> Option<[f64; 4]> {
        let (from, to) = self.places(period)?;
        let (before, after) = (sums.get(from)?, sums.get(to)?);
        Some(std::array::from_fn(|at| whole(after[at] - before[at])))
    }

    fn figure(
        &self,
        config: &MeasureConfig,
        limits: &CountLimits,
        (area, breakdown): (&str, &str),
        period: Period,
        (counts, not_given): (&Counts<'_>, &NotGiven<'_>),
    ) -> Figure {
        let mut figure = Figure::empty(area, breakdown, period);
        figure.vintage.definition_version = config.version;
        let Some((from, to)) = self.places(period) else {
            "not supplied".clone_into(&mut figure.note);
            return figure;
        };
        figure.synthetic = between(&self.synthetic, from, to) > 0;
        if let Some((_, months)) = self.mature.filter(|(mature, _)| period.last > *mature) {
            let day = known_from(period.last, months);
            figure.note = format!("can be known from {}", day.format("%-d %B %Y"));
            figure.absence = Some(Absence::NotMature);
            return figure;
        }
        let wanted = to - from;
        let delivered = between(&self.delivered, from, to);
        if delivered < wanted {
            let reason = self.reasons.and_then(|months| period.months().find_map(|month| months.get(&month)));
            let reason = reason.cloned().unwrap_or_else(Reason::not_supplied);
            figure.absence = Some(reason.absence);
            if delivered > 0 {
                figure.status = Status::Incomplete;
                figure.note = format!("{delivered} of {wanted} months were delivered");
            } else {
                figure.note = reason.note;
            }
            return figure;
        }
        if let Some((absence, months)) = not_given.within(period) {
            figure.absence = Some(absence);
            figure.status = match absence {
                Absence::NotApplicable => Status::NotApplicable,
                _ if months < wanted => Status::Incomplete,
                _ => Status::NotAvailable,
            };
            let what = absence.by_supplier();
            figure.note = if months < wanted {
                format!("{months} of {wanted} months are {what}")
            } else {
                what.to_owned()
            };
            return figure;
        }
        let untold = self.told.and_then(|told| told.untold.get(area)?.get(&period));
        if let Some(why) = untold {
            figure.note.clone_from(why);
            figure.absence = Some(Absence::AreaChanged);
            return figure;
        }
        let parts = self.parts(config, area, period, counts);
        let valued = value::of(config, limits, &parts);
        figure.status = Status::Available;
        let is_nil = between(&self.nil, from, to) == wanted && parts.numerator == Some(0.0);
        figure.absence = is_nil.then_some(Absence::NilReturn);
        (figure.numerator, figure.denominator) = (parts.numerator, parts.denominator);
        (figure.value, figure.interval, figure.basis) = (valued.value, valued.interval, valued.basis);
        if figure.value.is_none() {
            figure.status = Status::NotApplicable;
            let why = value::why_none(config, &parts);
            (figure.absence, figure.note) = (Some(why.absence), why.note);
        } else if let Some((base, needed)) =
            value::base(config, &parts).filter(|(base, needed)| base < needed)
        {
            (figure.status, figure.absence) = (Status::BaseTooSmall, Some(Absence::BaseTooSmall));
            figure.note = format!("a base of {base}, where a value needs {needed}");
            (figure.value, figure.interval) = (None, None);
        } else {
            self.tell_origin(&mut figure);
        }
        figure
    }

    /// Says which codes a figure was counted for before areas changed.
    fn tell_origin(&self, figure: &mut Figure) {
        let months = figure.period.first..=figure.period.last;
        let months = self.carried.into_iter().flat_map(|carried| carried.range(months.clone()));
        let told = self.told.and_then(|told| told.carried.get(&figure.area)?.get(&figure.period));
        let mut codes: Vec<&str> = Vec::new();
        let mut estimated = false;
        for from in months.map(|(_, from)| from).chain(told) {
            codes.extend(from.codes.iter().map(String::as_str));
            estimated |= from.estimated;
        }
        codes.sort_unstable();
        codes.dedup();
        if !codes.is_empty() {
            let shared = if estimated { ", shared out by weights" } else { "" };
            figure.note = format!("counted for {}{shared}", codes.join(", "));
            if estimated {
                figure.basis.get_or_insert_default().estimated = true;
            }
        }
    }
}

fn between(totals: &[usize], from: usize, to: usize) -> usize {
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
