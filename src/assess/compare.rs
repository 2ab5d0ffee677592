//! What each figure is held against: target, benchmark, earlier periods, peers.
//!
//! Figures of a measure lie in a grid: by area, then breakdown, then period. All partners of a figure are found by their
//! place in it, so that nothing is looked up by name while figures are compared.

use super::interval::{CountLimits, confidence, polarity};
use super::parts::in_parts;
use super::settings::TargetsConfig;
use super::{Figure, Status, value};
use crate::config::settings::{IntervalChoice, MeasureConfig, MeasureKind};
use crate::geography::Areas;
use crate::period::{Month, Period, PeriodKind};
use crate::statistics::benchmark::{Outcome, Position, interval_to_interval, interval_to_value};
use crate::statistics::rank::{Order, quantile_groups, ranked, ranks};
use crate::statistics::target::{Rag, Tolerance, within_tolerance};
use crate::statistics::wording::{self, Amount};
use crate::statistics::{
    Confidence, Estimate, Interval, Polarity, difference_of, mean, proportion, rate, survey,
};

/// Groups of equal size into which peers are put.
const QUANTILES: u32 = 5;

/// A break in the series of a measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// First month of the new series.
    pub month: Month,
    /// Areas that it concerns, with all within them; none for all.
    pub areas: Vec<String>,
    /// What happened.
    pub title: String,
}

impl Break {
    /// Whether it concerns an area.
    #[must_use]
    pub fn concerns(&self, area: &str, areas: &Areas) -> bool {
        self.areas.is_empty() || self.areas.iter().any(|whole| areas.lies_in(area, whole))
    }

    fn side(&self, period: Period) -> Side {
        if period.last < self.month {
            Side::Before
        } else if period.first >= self.month {
            Side::After
        } else {
            Side::Both
        }
    }

    /// Whether it lies between two periods, or within one of them.
    fn parts(&self, one: Period, other: Period) -> bool {
        let (one, other) = (self.side(one), self.side(other));
        one != other || one == Side::Both
    }
}

#[derive(PartialEq, Eq)]
enum Side {
    Before,
    After,
    Both,
}

/// Everything by which the figures of a measure are judged.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The measure.
    pub config: &'a MeasureConfig,
    /// Its targets, with their history.
    pub targets: Option<&'a TargetsConfig>,
    /// The breaks in its series.
    pub breaks: &'a [Break],
    /// Which area lies in which.
    pub areas: &'a Areas,
}

/// What a figure is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonKind {
    /// The value that a target asks for.
    Target,
    /// The point of a target's straight line.
    Trajectory,
    /// The benchmark area, or the rest of it.
    Benchmark,
    /// The period before.
    PreviousPeriod,
    /// The same period last year.
    LastYear,
    /// The period from which the plan starts.
    Baseline,
    /// The other areas of its group.
    Peers,
}

impl ComparisonKind {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Trajectory => "trajectory",
            Self::Benchmark => "benchmark",
            Self::PreviousPeriod => "previous_period",
            Self::LastYear => "same_period_last_year",
            Self::Baseline => "baseline",
            Self::Peers => "peers",
        }
    }
}

/// Where the other value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// Another period of the same area.
    Period(Period),
    /// Another area, by its place among the measure's.
    Area(usize),
    /// What is left of another area.
    RestOf(usize),
    /// A target or a group.
    Nothing,
}

/// One comparison of one figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Place of the figure.
    pub figure: usize,
    /// What it is held against.
    pub kind: ComparisonKind,
    /// Where the reference comes from.
    pub against: Against,
    /// The value that it is held against.
    pub reference: Option<f64>,
    /// The figure less the reference, in the measure's unit.
    pub difference: Option<f64>,
    /// That in percent of the reference; in percentage points for percentages.
    pub difference_percent: Option<f64>,
    /// Limits of the difference, where a method gives them.
    pub limits: Option<Interval>,
    /// What the comparison says.
    pub outcome: Outcome,
    /// Why nothing was judged; empty where something was.
    pub reason: &'static str,
    /// How it was judged; empty where nothing was.
    pub method: &'static str,
    /// Its colour; grey where there is none.
    pub rag: Rag,
    /// Place among the peers, the best first.
    pub rank: Option<u32>,
    /// How many of the peers have a value.
    pub of: Option<u32>,
    /// Fifth of the peers, the best first.
    pub quantile_group: Option<u32>,
    /// The words for a report.
    pub wording: String,
}

impl Comparison {
    /// The word in tables for what it says.
    #[must_use]
    pub fn result(&self) -> &'static str {
        if self.outcome == Outcome::NotCompared { "not_judged" } else { self.outcome.name() }
    }

    /// The word in tables for its colour.
    #[must_use]
    pub fn colour(&self) -> &'static str {
        if self.rag == Rag::Grey { "none" } else { self.rag.name() }
    }
}

/// Where a value lies, by which method, and whether that tested anything.
type Judged = (Position, &'static str, bool);

/// What peers say of one figure.
#[derive(Debug, Clone, Copy)]
struct Place {
    average: Option<f64>,
    position: Option<Position>,
    rank: u32,
    sharing: u32,
    of: u32,
    quantile_group: Option<u32>,
}

/// Compares the figures of one measure.
pub struct Comparer<'a> {
    subject: Subject<'a>,
    figures: &'a [Figure],
    /// Codes of the areas, in the order of the grid.
    codes: Vec<&'a str>,
    periods: Vec<Period>,
    breakdowns: usize,
    /// By period: places of the period before and of the same one last year.
    previous: Vec<Option<usize>>,
    last_year: Vec<Option<usize>>,
    baseline: Option<(Period, Option<usize>)>,
    benchmark: Option<usize>,
    /// By area: whether it lies in the benchmark.
    within: Vec<bool>,
    /// By area and break: whether the break concerns the area.
    broken: Vec<Vec<&'a Break>>,
    /// By figure; none outside the months that are compared.
    places: Vec<Option<Place>>,
    /// By area: whether it has peers.
    among_others: Vec<bool>,
    polarity: Polarity,
    confidence: Confidence,
    z: f64,
    limits: CountLimits,
    /// First month whose periods are compared.
    from: Option<Month>,
    decimals: usize,
}

impl<'a> Comparer<'a> {
    /// Lays out the figures of a measure as [`super::figures`] gives them: by area, breakdown and period.
    #[must_use]
    pub fn new(subject: Subject<'a>, figures: &'a [Figure]) -> Self {
        let config = subject.config;
        let count = figures.iter().take_while(|figure| same_series(figure, figures)).count().max(1);
        let periods: Vec<Period> = figures.iter().take(count).map(|figure| figure.period).collect();
        let of_area =
            figures.iter().take_while(|f| figures.first().is_some_and(|first| first.area == f.area)).count();
        let breakdowns = (of_area / count).max(1);
        let codes: Vec<&str> = figures.iter().step_by(count * breakdowns).map(|f| f.area.as_str()).collect();
        let at = |period: Period| periods.iter().position(|known| *known == period);
        let previous: Vec<_> = (0..)
            .zip(&periods)
            .map(|(place, period)| match period.kind {
                // The wave before is the one that stands before it, whenever that was.
                PeriodKind::SurveyWave => before_in(&periods, place),
                _ => period.previous().and_then(at),
            })
            .collect();
        let last_year = periods.iter().map(|period| at(period.last_year())).collect();
        let baseline = config.baseline.as_deref().and_then(|text| text.parse::<Period>().ok());
        let baseline = baseline.map(|period| (period, at(period)));
        let benchmark =
            config.benchmark.as_deref().and_then(|code| codes.iter().position(|known| *known == code));
        let within = codes.iter().map(|code| {
            config
                .benchmark
                .as_deref()
                .is_some_and(|whole| *code != whole && subject.areas.lies_in(code, whole))
        });
        let broken = codes
            .iter()
            .map(|code| subject.breaks.iter().filter(|found| found.concerns(code, subject.areas)).collect());
        let latest = periods.iter().map(|period| period.last).max();
        let months = i32::try_from(config.compare_months).unwrap_or(i32::MAX);
        let confidence = confidence(config);
        let mut comparer = Self {
            within: within.collect(),
            broken: broken.collect(),
            subject,
            figures,
            previous,
            last_year,
            baseline,
            benchmark,
            breakdowns,
            places: Vec::new(),
            among_others: Vec::new(),
            polarity: polarity(config),
            z: confidence.z(),
            confidence,
            limits: CountLimits::new(confidence),
            from: latest.filter(|_| months > 0).map(|latest| latest.plus(1 - months)),
            decimals: decimals(config.kind),
            codes,
            periods,
        };
        comparer.rank();
        comparer
    }

    /// How many figures each series has.
    fn length(&self) -> usize {
        self.periods.len().max(1)
    }

    /// Places of area, breakdown and period of a figure.
    fn place_of(&self, figure: usize) -> (usize, usize, usize) {
        let (series, period) = (figure / self.length(), figure % self.length());
        (series / self.breakdowns, series % self.breakdowns, period)
    }

    fn at(&self, area: usize, breakdown: usize, period: usize) -> Option<usize> {
        let figure = (area * self.breakdowns + breakdown) * self.length() + period;
        (figure < self.figures.len()).then_some(figure)
    }

    /// The codes of the areas, in the order of their places.
    #[must_use]
    pub fn codes(&self) -> &[&'a str] {
        &self.codes
    }

    /// The periods of every series.
    #[must_use]
    pub fn periods(&self) -> &[Period] {
        &self.periods
    }

    /// The breaks that concern an area, by its place.
    #[must_use]
    pub fn breaks(&self, area: usize) -> &[&'a Break] {
        self.broken.get(area).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every comparison of the figures in the months that are compared, in their order; and of earlier figures those with
    /// their targets, which a plan answers for to its end.
    #[must_use]
    pub fn all(&self) -> Vec<Comparison> {
        in_parts(self.figures.len(), 1, |range| {
            let mut found = Vec::new();
            let first = range.start;
            for (place, figure) in (first..).zip(self.figures.get(range).unwrap_or_default()) {
                if self.from.is_none_or(|from| figure.period.last >= from) {
                    self.of(place, &mut found);
                } else {
                    self.target(place, figure, &mut found);
                }
            }
            found
        })
    }

    /// Adds the comparisons of one figure.
    pub fn of(&self, place: usize, found: &mut Vec<Comparison>) {
        let Some(figure) = self.figures.get(place) else { return };
        self.target(place, figure, found);
        self.benchmark(place, figure, found);
        self.earlier(place, figure, found);
        self.peer(place, figure, found);
    }

    fn blank(figure: usize, kind: ComparisonKind, against: Against) -> Comparison {
        Comparison {
            figure,
            kind,
            against,
            reference: None,
            difference: None,
            difference_percent: None,
            limits: None,
            outcome: Outcome::NotCompared,
            reason: "",
            method: "",
            rag: Rag::Grey,
            rank: None,
            of: None,
            quantile_group: None,
            wording: String::new(),
        }
    }

    /// Sets difference and percent from value and reference.
    fn difference(&self, row: &mut Comparison, value: f64, reference: f64) {
        let difference = value - reference;
        row.reference = Some(reference);
        row.difference = Some(difference);
        row.difference_percent = match points(self.subject.config) {
            Some(points) => Some(difference * points),
            None => (reference != 0.0).then(|| difference / reference.abs() * 100.0),
        };
    }

    fn amount(&self, row: &Comparison) -> Option<Amount> {
        match (self.subject.config.kind, row.difference_percent) {
            (_, percent) if points(self.subject.config).is_some() => percent.map(Amount::Points),
            // A score knows no ratio, and that of two gaps says nothing.
            (MeasureKind::Score | MeasureKind::Gap, _) => {
                row.difference.map(|difference| Amount::Units(difference, self.decimals))
            }
            (MeasureKind::RankOfRate, _) => row.difference.map(|difference| Amount::Units(difference, 0)),
            (_, Some(percent)) => Some(Amount::Percent(percent)),
            (_, None) => row.difference.map(|difference| Amount::Units(difference, self.decimals)),
        }
    }

    fn target(&self, place: usize, figure: &Figure, found: &mut Vec<Comparison>) {
        let Some(targets) = self.subject.targets else { return };
        let Some(target) = targets.of(&figure.area, &figure.breakdown, figure.period) else { return };
        let base = target.base.as_deref().and_then(|text| text.parse::<Period>().ok());
        let (area, breakdown, _) = self.place_of(place);
        let base_figure = base
            .and_then(|base| self.periods.iter().position(|period| *period == base))
            .and_then(|period| self.figures.get(self.at(area, breakdown, period)?));
        let asked = target.at(figure.period, base_figure.and_then(|figure| figure.value));
        let broken = target.change_percent.is_some()
            && base
                .is_some_and(|base| self.breaks(area).iter().any(|found| found.parts(base, figure.period)));
        let tolerance = target.allows();
        let method = if tolerance.is_some() { "tolerance" } else { "target" };
        let kinds = [
            (ComparisonKind::Trajectory, target.is_trajectory()),
            (ComparisonKind::Target, !target.is_trajectory() || figure.period.last == target.to),
        ];
        for (kind, _) in kinds.into_iter().filter(|(_, wanted)| *wanted) {
            let mut row = Self::blank(place, kind, Against::Nothing);
            row.reference = asked;
            row.reason = match (figure.value, asked) {
                (None, _) => reason(figure.status),
                (_, None) => "base_not_available",
                _ if broken => "break_in_series",
                _ if self.polarity == Polarity::None => "context",
                _ => "",
            };
            if let (Some(value), Some(asked)) = (figure.value, asked) {
                self.difference(&mut row, value, asked);
                if row.reason.is_empty() {
                    let allowed = tolerance.unwrap_or(Tolerance::Units(0.0));
                    row.rag = within_tolerance(Some(value), asked, allowed, self.polarity);
                    row.outcome = match row.rag {
                        Rag::Green => Outcome::Better,
                        Rag::Amber => Outcome::Similar,
                        Rag::Red => Outcome::Worse,
                        Rag::Grey => Outcome::NotCompared,
                    };
                    row.method = method;
                    row.wording = wording::target(row.rag, asked, value - asked, self.decimals);
                }
            }
            found.push(row);
        }
    }

    fn benchmark(&self, place: usize, figure: &Figure, found: &mut Vec<Comparison>) {
        let Some(benchmark) = self.benchmark else { return };
        let (area, breakdown, period) = self.place_of(place);
        if area == benchmark {
            return;
        }
        let within = self.within.get(area).copied().unwrap_or_default();
        let against = if within { Against::RestOf(benchmark) } else { Against::Area(benchmark) };
        let mut row = Self::blank(place, ComparisonKind::Benchmark, against);
        let other = self.at(benchmark, breakdown, period).and_then(|other| self.figures.get(other));
        row.reason = missing(figure, other);
        if let (Some(value), Some(other)) = (figure.value, other.filter(|other| other.value.is_some())) {
            let code = self.codes.get(benchmark).copied().unwrap_or_default();
            if within {
                // The rest of a benchmark is an independent group, for which there is a test.
                match self.rest(other, figure) {
                    Some(rest) => {
                        if let Some(reference) = rest.value {
                            self.difference(&mut row, value, reference);
                        }
                        self.test(&mut row, figure, &rest, &format!("the rest of {code}"));
                    }
                    None if self.subject.config.kind.is_told_by_period() && figure.numerator.is_none() => {
                        row.reason = "rest_of_benchmark_unknown";
                    }
                    None => row.reason = "nothing_left_of_benchmark",
                }
            } else if let Some(reference) = other.value {
                self.difference(&mut row, value, reference);
                // Outside its benchmark the area's interval is held against the benchmark's value, as in public health.
                match figure.interval {
                    Some(own) => {
                        let position = interval_to_value(own.limits, reference);
                        self.judge(&mut row, Some((position, "benchmark_interval", true)), code);
                    }
                    None => self.test(&mut row, figure, other, code),
                }
            }
        }
        found.push(row);
    }

    fn earlier(&self, place: usize, figure: &Figure, found: &mut Vec<Comparison>) {
        let (area, breakdown, period) = self.place_of(place);
        let index = |list: &[Option<usize>]| list.get(period).copied().flatten();
        let last_year = figure.period.last_year();
        let baseline = self.baseline.filter(|(base, _)| {
            base.last < figure.period.first && base.months().count() == figure.period.months().count()
        });
        let before = match figure.period.kind {
            PeriodKind::SurveyWave => index(&self.previous).and_then(|at| self.periods.get(at).copied()),
            _ => figure.period.previous(),
        };
        let partners = [
            before.map(|p| (ComparisonKind::PreviousPeriod, p, index(&self.previous))),
            Some((ComparisonKind::LastYear, last_year, index(&self.last_year))),
            baseline.map(|(base, at)| (ComparisonKind::Baseline, base, at)),
        ];
        for (kind, partner, at) in partners.into_iter().flatten() {
            let mut row = Self::blank(place, kind, Against::Period(partner));
            let other = at.and_then(|at| self.figures.get(self.at(area, breakdown, at)?));
            row.reason = missing(figure, other);
            row.reference = other.and_then(|other| other.value);
            if row.reason.is_empty() && self.breaks(area).iter().any(|b| b.parts(partner, figure.period)) {
                row.reason = "break_in_series";
            } else if let (Some(value), Some(other)) = (figure.value, other)
                && let Some(reference) = other.value
            {
                self.difference(&mut row, value, reference);
                self.test(&mut row, figure, other, &partner.to_string());
            }
            found.push(row);
        }
    }

    /// Numerator and denominator; a count stands over 1.
    fn counts(&self, figure: &Figure) -> Option<(f64, f64)> {
        let denominator = match self.subject.config.kind {
            MeasureKind::Count => Some(1.0),
            _ => figure.denominator,
        };
        figure.numerator.zip(denominator)
    }

    /// The value of counts, in the measure's unit.
    fn value(&self, (numerator, denominator): (f64, f64)) -> f64 {
        numerator / denominator * self.unit()
    }

    /// What a plain fraction is multiplied with.
    fn unit(&self) -> f64 {
        value::unit(self.subject.config)
    }

    /// What is left of another area's figure without this one, as a figure of its own.
    fn rest(&self, whole: &Figure, part: &Figure) -> Option<Figure> {
        let parts = whole.parts().without(&part.parts())?;
        let valued = value::of(self.subject.config, &self.limits, &parts);
        Some(Figure {
            area: String::new(),
            breakdown: String::new(),
            note: String::new(),
            period: part.period,
            numerator: parts.numerator,
            denominator: parts.denominator,
            value: Some(valued.value?),
            status: Status::Available,
            absence: None,
            synthetic: part.synthetic,
            interval: valued.interval,
            after_break: false,
            basis: valued.basis,
            vintage: part.vintage,
        })
    }

    /// Whether a figure and this one could come from one process, and what follows for the row.
    fn test(&self, row: &mut Comparison, figure: &Figure, other: &Figure, than: &str) {
        let kind = self.subject.config.kind;
        let judged = if self.subject.config.interval == IntervalChoice::None {
            plainly(row)
        } else {
            match kind {
                MeasureKind::Percentage | MeasureKind::Proportion | MeasureKind::Share => {
                    self.counts(figure).zip(self.counts(other)).and_then(|(own, other)| {
                        let found = proportion::difference(own, other, self.confidence)?;
                        Some(by_limits(row, found.interval.times(self.unit()), "difference_interval"))
                    })
                }
                MeasureKind::Index if row.kind == ComparisonKind::Benchmark => {
                    Self::of_estimates(row, figure, other)
                }
                MeasureKind::Gap => Self::of_estimates(row, figure, other),
                // Two periods stand on one base year, which cancels out.
                MeasureKind::Index => figure
                    .numerator
                    .zip(other.numerator)
                    .and_then(|(own, other)| self.of_counts(row, (own, 1.0), (other, 1.0))),
                MeasureKind::Count | MeasureKind::Rate => self
                    .counts(figure)
                    .zip(self.counts(other))
                    .and_then(|(own, other)| self.of_counts(row, own, other)),
                MeasureKind::Average => self.of_averages(row, figure, other),
                MeasureKind::Survey => {
                    let of = |figure: &Figure| Some((figure.value?, figure.basis.as_ref()?.error?));
                    of(figure).zip(of(other)).and_then(|(own, other)| {
                        let found = survey::change(other, own, self.confidence)?;
                        Some(by_limits(row, found.interval, "survey_difference_interval"))
                    })
                }
                MeasureKind::Median | MeasureKind::Score => match figure.interval.zip(other.interval) {
                    Some((own, other)) => {
                        Some((interval_to_interval(own.limits, other.limits), "intervals_apart", true))
                    }
                    None => plainly(row),
                },
                MeasureKind::Ratio | MeasureKind::RankOfRate => plainly(row),
            }
        };
        self.judge(row, judged, than);
    }

    /// By the limits of both values.
    fn of_estimates(row: &mut Comparison, figure: &Figure, other: &Figure) -> Option<Judged> {
        let of = |figure: &Figure| Some(Estimate { value: figure.value?, interval: figure.interval?.limits });
        let (own, other) = of(figure).zip(of(other))?;
        Some(by_limits(row, difference_of(own, other), "difference_interval"))
    }

    fn of_averages(&self, row: &mut Comparison, figure: &Figure, other: &Figure) -> Option<Judged> {
        let of = |figure: &Figure| {
            let (n, deviation) = value::spread(&figure.parts())?;
            Some((n, figure.value?, deviation))
        };
        let (own, other) = of(figure).zip(of(other))?;
        Some(by_limits(row, mean::difference(own, other, self.confidence)?, "welch_t_interval"))
    }

    fn of_counts(&self, row: &Comparison, own: (f64, f64), other: (f64, f64)) -> Option<Judged> {
        if let Some(interval) = rate::ratio_interval(own, other, self.z) {
            return Some((side_of(interval, 1.0), "rate_ratio_interval", true));
        }
        // Without events on one side there is no ratio; the exact test remains.
        let chance = rate::ratio(own, other, self.confidence)?.p_exact.unwrap_or(1.0);
        let position = match row.difference {
            Some(difference) if chance < 1.0 - self.confidence.share() => sign(difference),
            _ => Position::Similar,
        };
        Some((position, "rate_exact_test", true))
    }

    /// Reads a position by the measure's polarity.
    fn judge(&self, row: &mut Comparison, judged: Option<Judged>, than: &str) {
        let Some((position, method, tested)) = judged else {
            row.reason = "no_method";
            return;
        };
        row.outcome = Outcome::read(Some(position), self.polarity);
        row.method = method;
        row.rag = if self.polarity == Polarity::None { Rag::Grey } else { row.outcome.into() };
        row.wording = wording::comparison(position, tested, than, self.amount(row));
    }

    fn peer(&self, place: usize, figure: &Figure, found: &mut Vec<Comparison>) {
        let has_peers = self.among_others.get(self.place_of(place).0).copied().unwrap_or_default();
        if !has_peers {
            return;
        }
        let mut row = Self::blank(place, ComparisonKind::Peers, Against::Nothing);
        match (figure.value, self.places.get(place).copied().flatten()) {
            (Some(value), Some(own)) => {
                if let Some(average) = own.average {
                    self.difference(&mut row, value, average);
                }
                match own.position {
                    Some(position) => {
                        self.judge(&mut row, Some((position, "funnel", true)), "the average of its peers");
                    }
                    None => row.reason = self.unpooled(figure),
                }
                let order = Order::best_first(self.polarity);
                let words = wording::place(own.rank, own.sharing, own.of, order);
                row.wording =
                    if row.wording.is_empty() { words } else { format!("{words}, {}", row.wording) };
                (row.rank, row.of, row.quantile_group) = (Some(own.rank), Some(own.of), own.quantile_group);
            }
            _ => row.reason = if figure.value.is_none() { reason(figure.status) } else { "not_ranked" },
        }
        found.push(row);
    }

    /// Why a figure is ranked among its peers and not held against their average.
    fn unpooled(&self, figure: &Figure) -> &'static str {
        match self.subject.config.kind {
            MeasureKind::Count | MeasureKind::Share => "counts_of_unlike_areas",
            kind if figure.interval.is_some() && !is_pooled(kind) => "no_common_average",
            _ => "no_interval",
        }
    }

    /// The groups in which areas are ranked: members, and those of them that are told their place.
    fn groups(&self) -> Vec<(Vec<usize>, Vec<usize>)> {
        let config = self.subject.config;
        let all = 0..self.codes.len();
        let code = |area: &usize| self.codes.get(*area).copied().unwrap_or_default();
        if !config.peers.is_empty() {
            let named: Vec<usize> =
                all.clone().filter(|area| config.peers.iter().any(|peer| peer == code(area))).collect();
            // Who is not named is ranked among those who are, and changes nobody else's place.
            let others = all
                .filter(|area| !named.contains(area))
                .map(|area| (named.iter().copied().chain([area]).collect::<Vec<usize>>(), vec![area]));
            return std::iter::once((named.clone(), named.clone())).chain(others).collect();
        }
        let level = |area: &usize| self.subject.areas.get(code(area)).map(|found| found.level.as_str());
        let levels: std::collections::BTreeSet<_> = all.clone().map(|area| level(&area)).collect();
        let of_level = |wanted| all.clone().filter(|area| level(area) == wanted).collect::<Vec<usize>>();
        levels.into_iter().map(|wanted| (of_level(wanted), of_level(wanted))).collect()
    }

    /// The place of every figure among its peers, in the months that are compared.
    fn rank(&mut self) {
        let mut places = vec![None; self.figures.len()];
        let mut among_others = vec![false; self.codes.len()];
        let order = Order::best_first(self.polarity);
        let groups =
            if self.subject.config.kind == MeasureKind::RankOfRate { Vec::new() } else { self.groups() };
        for (members, told) in groups.iter().filter(|(members, _)| members.len() > 1) {
            for area in told {
                if let Some(known) = among_others.get_mut(*area) {
                    *known = true;
                }
            }
            let told: Vec<(usize, usize)> = members
                .iter()
                .enumerate()
                .filter(|(_, area)| told.contains(area))
                .map(|(member, area)| (member, *area))
                .collect();
            for breakdown in 0..self.breakdowns {
                for (period, of) in self.periods.iter().enumerate() {
                    if self.from.is_some_and(|from| of.last < from) {
                        continue;
                    }
                    let figures: Vec<Option<&Figure>> = members
                        .iter()
                        .map(|area| self.figures.get(self.at(*area, breakdown, period)?))
                        .collect();
                    let own = self.places_of(&figures, order);
                    for (member, area) in &told {
                        if let (Some(figure), Some(Some(place))) =
                            (self.at(*area, breakdown, period), own.get(*member))
                            && let Some(slot) = places.get_mut(figure)
                        {
                            *slot = Some(*place);
                        }
                    }
                }
            }
        }
        (self.places, self.among_others) = (places, among_others);
    }

    /// The place of each member of a group in one period; `None` for one without a value.
    fn places_of(&self, figures: &[Option<&Figure>], order: Order) -> Vec<Option<Place>> {
        let values: Vec<Option<f64>> = figures.iter().map(|figure| figure.and_then(|f| f.value)).collect();
        let of = u32::try_from(ranked(&values)).unwrap_or(u32::MAX);
        if of == 0 {
            return vec![None; figures.len()];
        }
        let ranks = ranks(&values, order);
        let groups = quantile_groups(&values, QUANTILES, order);
        let pooled = is_pooled(self.subject.config.kind);
        let known = figures.iter().flatten().filter(|figure| figure.value.is_some());
        let (events, base) = known
            .filter_map(|figure| self.counts(figure))
            .fold((0.0, 0.0), |(events, base), (n, d)| (events + n, base + d));
        let average = (pooled && base > 0.0).then(|| self.value((events, base)));
        ranks
            .iter()
            .zip(groups)
            .zip(figures)
            .map(|((rank, quantile_group), figure)| {
                let rank = rank.as_ref()?.rank;
                let sharing = ranks.iter().flatten().filter(|other| other.rank == rank).count();
                let own = figure.and_then(|figure| figure.interval);
                Some(Place {
                    average,
                    position: own.zip(average).map(|(own, average)| interval_to_value(own.limits, average)),
                    rank,
                    sharing: u32::try_from(sharing).unwrap_or(u32::MAX),
                    of,
                    quantile_group,
                })
            })
            .collect()
    }
}

/// Whether a figure belongs to the first series of a list.
fn same_series(figure: &Figure, figures: &[Figure]) -> bool {
    figures.first().is_some_and(|first| first.area == figure.area && first.breakdown == figure.breakdown)
}

/// Marks the figures in whose period a break lies: the first of a new series, and those that mix two.
pub fn mark_breaks(figures: &mut [Figure], breaks: &[Break], areas: &Areas) {
    for found in breaks {
        for figure in figures.iter_mut() {
            let holds = (figure.period.first..=figure.period.last).contains(&found.month);
            figure.after_break |= holds && found.concerns(&figure.area, areas);
        }
    }
}

/// Only which value is higher; nothing is tested.
fn plainly(row: &Comparison) -> Option<Judged> {
    row.difference.map(|difference| (sign(difference), "difference", false))
}

/// By limits of the difference, in the measure's unit.
fn by_limits(row: &mut Comparison, limits: Interval, method: &'static str) -> Judged {
    row.limits = Some(limits);
    (side_of(limits, 0.0), method, true)
}

/// The place of the wave before the one at `place`, where there is one.
fn before_in(periods: &[Period], place: usize) -> Option<usize> {
    let before = place.checked_sub(1)?;
    (periods.get(before)?.kind == PeriodKind::SurveyWave).then_some(before)
}

/// Whether the average of areas is all their events over all their denominators.
fn is_pooled(kind: MeasureKind) -> bool {
    matches!(
        kind,
        MeasureKind::Percentage
            | MeasureKind::Proportion
            | MeasureKind::Rate
            | MeasureKind::Average
            | MeasureKind::Survey
    )
}

/// How many percentage points one of the measure's unit is; `None` where differences are told in percent.
fn points(config: &MeasureConfig) -> Option<f64> {
    match config.kind {
        MeasureKind::Percentage | MeasureKind::Share | MeasureKind::Survey => Some(1.0),
        MeasureKind::Gap if config.per.is_none() => Some(1.0),
        MeasureKind::Proportion => Some(100.0),
        _ => None,
    }
}

/// Takes the value from indices whose base year lies on the other side of a break: it would compare what cannot be compared.
pub fn cut_indices(config: &MeasureConfig, figures: &mut [Figure], breaks: &[Break], areas: &Areas) {
    let base = config.base.as_deref().and_then(|text| text.parse::<Period>().ok());
    let Some(base) = base.filter(|_| config.kind == MeasureKind::Index) else { return };
    for found in breaks {
        for figure in figures.iter_mut().filter(|figure| figure.value.is_some()) {
            if found.parts(base, figure.period) && found.concerns(&figure.area, areas) {
                (figure.value, figure.interval) = (None, None);
                figure.status = Status::NotApplicable;
                figure.absence = Some(super::Absence::BaseYear);
                figure.note =
                    format!("a break in the series lies between the base year {base} and this period");
            }
        }
    }
}

/// How many decimals people read of a kind of figure.
#[must_use]
pub fn decimals(kind: MeasureKind) -> usize {
    match kind {
        MeasureKind::Count | MeasureKind::RankOfRate => 0,
        MeasureKind::Ratio => 2,
        MeasureKind::Proportion => 3,
        _ => 1,
    }
}

/// Why a figure without a value is not judged.
fn reason(status: Status) -> &'static str {
    match status {
        Status::Available => "",
        Status::Incomplete => "partial_period",
        other => other.name(),
    }
}

/// Why a figure and its partner are not compared; empty where both have a value.
fn missing(figure: &Figure, other: Option<&Figure>) -> &'static str {
    if figure.value.is_none() {
        return reason(figure.status);
    }
    match other {
        None => "reference_not_published",
        Some(other) if other.value.is_some() => "",
        Some(other) => match other.status {
            Status::Incomplete => "reference_partial",
            Status::NotApplicable => "reference_not_applicable",
            Status::Suppressed => "reference_suppressed",
            Status::BaseTooSmall => "reference_base_too_small",
            _ => "reference_not_available",
        },
    }
}

/// Where an interval lies to what no difference would be.
fn side_of(interval: Interval, none: f64) -> Position {
    if interval.lower > none {
        Position::Above
    } else if interval.upper < none {
        Position::Below
    } else {
        Position::Similar
    }
}

fn sign(difference: f64) -> Position {
    if difference > 0.0 {
        Position::Above
    } else if difference < 0.0 {
        Position::Below
    } else {
        Position::Similar
    }
}

#[cfg(test)]
mod tests;
