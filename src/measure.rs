//! One SQL file a measure: its SELECT counts by area and month; the product does the rest.

mod carry;

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::logical_expr::LogicalPlan;

use crate::assess::compare::cut_indices;
use crate::assess::{self, Absence, Counted, Coverage, Figure, MonthlyCounts, Parts, Reason, Status};
use crate::config::settings::{
    DeliveryMode, FeedConfig, IntervalChoice, MeasureConfig, MeasureKind, TableConfig,
};
use crate::config::{Project, SqlFile, front_matter_span};
use crate::diagnose::{Problem, Source};
use crate::engine::{Engine, Origin, Selected, fault_without_values, statement_span};
use crate::feed::{self, FeedState, expected_months};
use crate::freshness;
use crate::geography::{Areas, Residents};
use crate::lineage::{self, SourceColumn};
use crate::normalise::{DeliveryReport, DeliveryStatus, drift};
use crate::period::{Every, Month, Period};
use crate::retained::{self, Retained};
use crate::signoff::SignOffs;
use crate::statistics::{Interval, survey};

/// A measure whose SQL was planned.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The tables that it reads, through views too.
    pub reads: BTreeSet<String>,
    /// The datasets that these belong to.
    pub datasets: BTreeSet<String>,
    /// The columns that its SELECT yields, in order.
    pub columns: Vec<String>,
}

/// Plans a measure and holds its columns against what a measure must yield.
///
/// # Errors
/// Every problem found, with its place in the file.
pub async fn check(engine: &Engine, measure: &SqlFile<MeasureConfig>) -> Result<Planned, Vec<Problem>> {
    let plan = engine.plan(&measure.source, measure.sql()).await;
    let plan = plan.map_err(|problem| problem.map(|boxed| *boxed).into_iter().collect::<Vec<_>>())?;
    let mut problems = columns(measure, &plan);
    problems.extend(persons(engine, &measure.source, &plan));
    if problems.is_empty() { Ok(planned(engine, &plan)) } else { Err(problems) }
}

/// Plans a table.
///
/// # Errors
/// Every problem found, with its place in the file.
pub async fn check_table(engine: &Engine, table: &SqlFile<TableConfig>) -> Result<Planned, Vec<Problem>> {
    let plan = engine.plan(&table.source, table.sql()).await;
    let plan = plan.map_err(|problem| problem.map(|boxed| *boxed).into_iter().collect::<Vec<_>>())?;
    let mut problems = Vec::new();
    let fields: Vec<&str> = plan.schema().fields().iter().map(|field| field.name().as_str()).collect();
    for name in table.config.columns.keys().filter(|name| !fields.contains(&name.as_str())) {
        let span = front_matter_span(&table.source, &["columns", name]);
        let message = format!("the SELECT has no column `{name}`");
        problems.push(Problem::new(&table.source, span, message).nearest(name, fields.iter().copied()));
    }
    for name in ["synthetic", "release"].iter().filter(|name| fields.contains(*name)) {
        let message = format!("column `{name}` is added by the product itself");
        problems.push(
            Problem::new(&table.source, statement_span(&table.source.text), message).help("leave it out"),
        );
    }
    problems.extend(persons(engine, &table.source, &plan));
    if problems.is_empty() { Ok(planned(engine, &plan)) } else { Err(problems) }
}

/// Columns that would publish a person's pseudonym, or what else a contract says is about a person, row by row.
fn persons(engine: &Engine, source: &Source, plan: &LogicalPlan) -> Vec<Problem> {
    let found = engine.personal(plan).into_iter();
    found
        .map(|(at, from)| {
            let name = plan.schema().fields().get(at).map_or("", |field| field.name().as_str());
            let span = lineage::place(plan, at).map(|span| {
                let offset = |line: u64, column: u64| {
                    source.offset(usize::try_from(line).unwrap_or(1), usize::try_from(column).unwrap_or(1))
                };
                offset(span.start.line, span.start.column)..offset(span.end.line, span.end.column)
            });
            let SourceColumn { table, column } = &from;
            let message = format!(
                "column `{name}` would publish column `{column}` of `{table}`, which its contract says is about a person"
            );
            Problem::new(source, span.unwrap_or_else(|| statement_span(&source.text)), message)
                .help(format!("count persons with count(DISTINCT {column}) and leave the column itself out"))
        })
        .collect()
}

fn planned(engine: &Engine, plan: &LogicalPlan) -> Planned {
    let reads = engine.reads(plan);
    let datasets = reads
        .iter()
        .filter_map(|table| match engine.origin(table) {
            Some(Origin::Dataset { dataset }) => Some(dataset.clone()),
            _ => None,
        })
        .collect();
    let columns = plan.schema().fields().iter().map(|field| field.name().clone()).collect();
    Planned { reads, datasets, columns }
}

/// What the SELECT of a kind yields beside area, month or period, and breakdowns.
struct Wanted {
    /// Numbers that it must have.
    needed: &'static [&'static str],
    /// Numbers of which it must have one; none where it needs none.
    one_of: &'static [&'static str],
    /// Numbers that it may have, all or none.
    may: &'static [&'static str],
}

/// What the largest contributors to an amount come to. It is never published.
const LARGEST: &str = "largest";

/// Column of a SELECT with the word of the supplier for a number that is NULL, where it yields one.
const ABSENCE: &str = "absence";

fn wanted(config: &MeasureConfig) -> Wanted {
    let of = |needed| Wanted { needed, one_of: &[], may: &[] };
    match config.kind {
        MeasureKind::Count if config.dominance().is_some() => of(&["numerator", LARGEST]),
        MeasureKind::Count
        | MeasureKind::Rate
        | MeasureKind::RankOfRate
        | MeasureKind::Index
        | MeasureKind::Share => of(&["numerator"]),
        MeasureKind::Percentage | MeasureKind::Proportion | MeasureKind::Ratio => {
            of(&["numerator", "denominator"])
        }
        MeasureKind::Average if config.interval == IntervalChoice::None => of(&["numerator", "denominator"]),
        MeasureKind::Average => {
            Wanted { one_of: &["sum_of_squares", "standard_deviation"], ..of(&["numerator", "denominator"]) }
        }
        MeasureKind::Gap => of(&["numerator", "denominator", "other_numerator", "other_denominator"]),
        MeasureKind::Median => Wanted { may: &["lower", "upper"], ..of(&["value", "denominator"]) },
        MeasureKind::Score => Wanted { may: &["denominator", "lower", "upper"], ..of(&["value"]) },
        MeasureKind::Survey => Wanted {
            one_of: &["design_effect", "standard_error"],
            ..of(&["numerator", "denominator", "base"])
        },
    }
}

fn columns(measure: &SqlFile<MeasureConfig>, plan: &LogicalPlan) -> Vec<Problem> {
    let config = &measure.config;
    let mut problems = Vec::new();
    let span = statement_span(&measure.source.text);
    let schema = plan.schema();
    let found: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let kind = config.kind;
    // Any kind whose periods can be made of months may still count whole periods: persons who come twice count once.
    let by_period = kind.is_told_by_period() || (!kind.is_told_by_month() && found.contains(&"period"));
    let numbers = wanted(config);
    let mut wanted = vec!["area", if by_period { "period" } else { "month" }];
    wanted.extend(config.breakdowns.iter().map(String::as_str));
    wanted.extend(numbers.needed);
    let mut said = wanted.join(", ");
    if !numbers.one_of.is_empty() {
        said = format!("{said}, {}", numbers.one_of.join(" or "));
    }
    if !numbers.may.is_empty() {
        said = format!("{said} and, if it likes, {}", numbers.may.join(", "));
    }
    let known = |name: &str| {
        wanted.contains(&name)
            || numbers.one_of.contains(&name)
            || numbers.may.contains(&name)
            || name == ABSENCE
    };
    let at = |message: String| Problem::new(&measure.source, span.clone(), message);
    for name in wanted.iter().filter(|name| !found.contains(name)) {
        let message = format!("the SELECT has no column `{name}`");
        let problem = at(message).nearest(name, found.iter().copied().filter(|name| !known(name)));
        let help = problem.help.clone().unwrap_or_default();
        problems.push(problem.help(format!("{} selects {said}; {help}", kind.a())));
    }
    let given = |names: &[&str]| names.iter().filter(|name| found.contains(*name)).count();
    if !numbers.one_of.is_empty() && given(numbers.one_of) != 1 {
        let message = format!("the SELECT must have one of the columns {}", numbers.one_of.join(", "));
        problems.push(at(message).help(format!("{} selects {said}", kind.a())));
    }
    let limits = ["lower", "upper"];
    if numbers.may.contains(&"lower") && given(&limits) == 1 {
        problems.push(at("columns `lower` and `upper` go together".to_owned()));
    }
    for name in found.iter().filter(|name| !known(name)) {
        let help = if *name == "denominator" && kind.per_resident() {
            "the product itself divides by the residents of the look-up `population`".to_owned()
        } else {
            format!("{} selects {said}; name it in `breakdowns` or leave it out", kind.a())
        };
        problems.push(at(format!("column `{name}` has no place in the measure")).help(help));
    }
    let is_number = |name: &str| {
        !config.breakdowns.iter().any(|breakdown| breakdown == name)
            && (numbers.needed.contains(&name)
                || numbers.one_of.contains(&name)
                || numbers.may.contains(&name))
    };
    for field in schema.fields() {
        let name = field.name().as_str();
        if is_number(name) && !field.data_type().is_numeric() {
            problems.push(at(format!("column `{name}` must be a number, and is {}", field.data_type())));
        }
    }
    problems
}

/// The areas of a measure, by code.
///
/// # Errors
/// Settings that name no area, each with its place.
pub fn areas(measure: &SqlFile<MeasureConfig>, areas: &Areas) -> Result<Vec<String>, Vec<Problem>> {
    let mut codes: Vec<String> = Vec::new();
    let mut problems = Vec::new();
    for (number, setting) in measure.config.areas.iter().enumerate() {
        match areas.select(setting) {
            Ok(found) => codes.extend(found.iter().map(|area| area.code.clone())),
            Err(message) => {
                let span = front_matter_span(&measure.source, &["areas", &number.to_string()]);
                let code = setting.split('/').next().unwrap_or_default();
                problems.push(Problem::new(&measure.source, span, message).nearest(code, areas.codes()));
            }
        }
    }
    let mut seen = BTreeSet::new();
    codes.retain(|code| seen.insert(code.clone()));
    if problems.is_empty() { Ok(codes) } else { Err(problems) }
}

/// What is known of the deliveries, for all measures of a run.
pub struct Supply<'a> {
    /// The project.
    pub project: &'a Project,
    /// Every feed, by id.
    pub feeds: BTreeMap<&'a str, &'a FeedState>,
    /// What became of deliveries, by dataset and month.
    pub reports: &'a BTreeMap<String, BTreeMap<Month, Vec<DeliveryReport>>>,
    /// The areas.
    pub areas: &'a Areas,
    /// The day of the run.
    pub as_of: chrono::NaiveDate,
    /// What was counted from rows that are erased.
    pub retained: &'a Retained,
    /// Figures that are signed off.
    pub sign_offs: &'a SignOffs,
}

/// Coverage of one area: delivered months and the reasons for the others.
type Covered = (BTreeMap<Month, Coverage>, BTreeMap<Month, Reason>);

/// What came for a month: whether some of it was made by the simulator, and whether the supplier said that there was nothing.
type Came = (bool, bool);

impl Supply<'_> {
    /// First and last month that a measure over these datasets is published for in these areas.
    #[must_use]
    pub fn span(&self, datasets: &BTreeSet<String>, areas: &[String]) -> Option<(Month, Month)> {
        let mut span: Option<(Month, Month)> = None;
        for feed in self.feeds_of(datasets, areas) {
            let mut months = expected_months(feed, self.as_of);
            // The first period begins before the month in which it ends.
            months.extend(months.first().map(|first| first.plus(1 - feed.every.months())));
            let delivered = self.feeds.get(feed.id.as_str()).and_then(|state| state.slots.keys().last());
            months.extend(delivered.map(|(month, _)| *month));
            if let (Some(first), Some(last)) = (months.iter().min(), months.iter().max()) {
                span = Some(span.map_or((*first, *last), |(a, b)| (a.min(*first), b.max(*last))));
            }
        }
        span
    }

    /// The feeds that bring rows of these areas into these datasets.
    pub fn feeds_of<'s>(
        &'s self,
        datasets: &'s BTreeSet<String>,
        areas: &'s [String],
    ) -> impl Iterator<Item = &'s FeedConfig> {
        datasets.iter().flat_map(|dataset| self.project.feeds_of(dataset)).filter(|feed| {
            areas.iter().any(|area| feed.covers.iter().any(|whole| self.areas.lies_in(area, whole)))
        })
    }

    /// The periods that a measure is published for, without the waves that only its rows tell of.
    #[must_use]
    pub fn periods(&self, file: &SqlFile<MeasureConfig>, planned: &Planned, areas: &[String]) -> Vec<Period> {
        let Some(span) = self.span(&planned.datasets, areas) else { return Vec::new() };
        assess::periods(&file.config, span, &self.ends(&planned.datasets, areas), &[])
    }

    /// The last month of the span whose figures can be known by now, of a measure whose figures need so many months; the one
    /// before the span where none can. `None` for a measure whose figures need no time.
    #[must_use]
    pub fn mature(&self, config: &MeasureConfig, (first, last): (Month, Month)) -> Option<(Month, u32)> {
        let months = config.mature_after_months;
        if months == 0 {
            return None;
        }
        let known = |month: &Month| assess::known_from(*month, months) <= self.as_of;
        Some((first.through(last).take_while(known).last().unwrap_or(first.plus(-1)), months))
    }

    /// What was delivered for an area: all datasets that a measure reads, and of each all feeds that cover the area.
    #[must_use]
    pub fn coverage(
        &self,
        datasets: &BTreeSet<String>,
        area: &str,
        (first, last): (Month, Month),
    ) -> Covered {
        let mut coverage = BTreeMap::new();
        let mut reasons = BTreeMap::new();
        for month in first.through(last) {
            let (mut synthetic, mut nil) = (false, true);
            let ended = self.areas.ended(area, month);
            let mut reason = ended.map(|why| Reason::new(Absence::AreaChanged, why));
            // Before areas changed, all that made it up must be there.
            let parts = self.areas.makeup(area, month);
            for (dataset, part) in
                datasets.iter().flat_map(|dataset| parts.iter().map(move |part| (dataset, part)))
            {
                let mut any = false;
                for feed in self.project.feeds_of(dataset) {
                    let covers = feed.covers.iter().any(|whole| {
                        self.areas.lies_in(&part.code, whole) || self.areas.lies_in(area, whole)
                    });
                    // A month within a longer period is there when the period is, under the month in which it ends.
                    let length = feed.every.months();
                    let into = month.since(feed.from).rem_euclid(length);
                    let end = if into == 0 { month } else { month.plus(length - into) };
                    if !covers || end < feed.from || feed.to.is_some_and(|to| end > to) {
                        continue;
                    }
                    any = true;
                    if month.last_day() >= self.as_of {
                        // Rows may have come already, but part of a month is not the month.
                        reason = Some(Reason::new(Absence::NotOver, "the month is not over"));
                        continue;
                    }
                    match self.delivered(dataset, feed, end) {
                        Ok((made, none)) => {
                            synthetic |= made;
                            nil &= none;
                        }
                        Err(why) => reason = Some(why),
                    }
                }
                if !any {
                    let why = "no feed covers the area in this month";
                    reason.get_or_insert_with(|| Reason::new(Absence::NotCovered, why));
                }
            }
            match reason {
                None => {
                    coverage.insert(month, Coverage::Delivered { synthetic, nil });
                }
                Some(reason) => {
                    coverage.insert(month, Coverage::Missing);
                    reasons.insert(month, reason);
                }
            }
        }
        (coverage, reasons)
    }

    /// Whether rows of a month that a measure counts for an area were erased: those that are left are not all of them.
    #[must_use]
    pub fn is_erased(&self, datasets: &BTreeSet<String>, area: &str, month: Month) -> bool {
        datasets.iter().flat_map(|dataset| self.project.feeds_of(dataset)).any(|feed| {
            self.feeds
                .get(feed.id.as_str())
                .is_some_and(|state| state.erased.keys().any(|(erased, _)| *erased == month))
                && feed.covers.iter().any(|whole| self.areas.lies_in(area, whole))
        })
    }

    /// Puts what was counted before rows were erased in the place of what the rows that are left would say.
    fn restore(
        &self,
        measure: &SqlFile<MeasureConfig>,
        planned: &Planned,
        areas: &[String],
        monthly: &mut MonthlyCounts,
    ) {
        let Some((first, last)) = monthly.span else { return };
        let definition = retained::definition(self.project, measure, planned);
        for area in areas {
            for month in first.through(last).filter(|month| self.is_erased(&planned.datasets, area, *month)) {
                for ((found, _), series) in &mut monthly.counts {
                    if found == area {
                        series.remove(&month);
                    }
                }
                match self.retained.of(&measure.config.id, &definition, area, month) {
                    Ok(kept) => {
                        for (breakdown, counted) in kept {
                            let series = monthly.counts.entry((area.clone(), breakdown.clone())).or_default();
                            series.insert(month, *counted);
                        }
                    }
                    Err(why) => {
                        monthly.coverage.entry(area.clone()).or_default().insert(month, Coverage::Missing);
                        let reasons = monthly.reasons.entry(area.clone()).or_default();
                        reasons.entry(month).or_insert_with(|| Reason::new(Absence::Erased, why));
                    }
                }
            }
        }
        monthly.counts.retain(|_, series| !series.is_empty());
    }

    /// What came of a feed for a month, where everything that it sent is in the dataset; else why not.
    fn delivered(&self, dataset: &str, feed: &FeedConfig, month: Month) -> Result<Came, Reason> {
        let state = self.feeds.get(feed.id.as_str());
        let known = state.and_then(|state| state.missing.get(&month));
        let reports = self.reports.get(dataset).and_then(|months| months.get(&month));
        let reports = reports.into_iter().flatten().filter(|report| report.delivery.feed == feed.id);
        let came = |report: &DeliveryReport| match drift::partial(report) {
            Some(why) => Err(Reason::new(Absence::Partial, why)),
            None => Ok((report.delivery.synthetic, report.received == 0)),
        };
        let both = |(made, nil): Came, (also_made, also_nil): Came| (made | also_made, nil & also_nil);
        if feed.mode != DeliveryMode::Month {
            // What was erased stands among the slots too.
            let last = state.and_then(|state| state.slots.keys().map(|(month, _)| *month).max());
            return match known {
                Some(_) => Err(self.missing(feed, month)),
                None if last.is_none_or(|last| month > last) => Err(self.missing(feed, month)),
                // A month without a report is one of which the contract says that it had no rows.
                None => reports
                    .filter(|report| report.status == DeliveryStatus::Accepted)
                    .try_fold((false, true), |all, report| Ok(both(all, came(report)?))),
            };
        }
        let mut files: BTreeMap<&str, Result<Came, Reason>> = BTreeMap::new();
        for report in reports {
            let absence = match report.status {
                DeliveryStatus::Held => Absence::Held,
                _ => Absence::Refused,
            };
            let turned_down = Reason::new(absence, report.note.as_str());
            let file = files.entry(&report.delivery.file).or_insert(Err(turned_down));
            if report.status == DeliveryStatus::Accepted {
                *file = came(report);
            }
        }
        if files.is_empty() {
            return Err(self.missing(feed, month));
        }
        files.into_values().try_fold((false, true), |all, file| Ok(both(all, file?)))
    }

    /// Why nothing of a feed stands for a month.
    fn missing(&self, feed: &FeedConfig, month: Month) -> Reason {
        let state = self.feeds.get(feed.id.as_str());
        let Some((state, why)) = state.and_then(|state| Some((state, state.missing.get(&month)?))) else {
            return Reason { absence: self.not_supplied(feed, month), ..Reason::not_supplied() };
        };
        let turned_down = |status: DeliveryStatus| why.starts_with(&format!("{}: ", status.name()));
        let absence = match state.absence(month) {
            feed::Absence::KnownGap => Absence::KnownGap,
            feed::Absence::Stopped => Absence::NotPermitted,
            feed::Absence::BeyondRetention => Absence::Erased,
            feed::Absence::NotSupplied if turned_down(DeliveryStatus::Held) => Absence::Held,
            feed::Absence::NotSupplied if turned_down(DeliveryStatus::Refused) => Absence::Refused,
            feed::Absence::NotSupplied => self.not_supplied(feed, month),
        };
        Reason::new(absence, why.as_str())
    }

    /// Whether what did not come is late.
    fn not_supplied(&self, feed: &FeedConfig, month: Month) -> Absence {
        let is_late = self.as_of > freshness::due_on(feed, Period::month(month));
        if is_late { Absence::Late } else { Absence::NotSupplied }
    }

    /// How the periods end for which the feeds of these datasets bring figures in these areas: a month in which one ends,
    /// and how many months they have. Feeds that bring every month are left out.
    fn ends(&self, datasets: &BTreeSet<String>, areas: &[String]) -> Vec<(Month, i32)> {
        let feeds = datasets.iter().flat_map(|dataset| self.project.feeds_of(dataset));
        let concerned = feeds
            .filter(|feed| feed.every != Every::Month)
            .filter(|feed| areas.iter().any(|area| feed.covers.iter().any(|c| self.areas.lies_in(area, c))));
        concerned.map(|feed| (feed.from, feed.every.months())).collect()
    }
}

/// Why a measure is withheld from a release.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Withheld(pub String);

/// Computes the figures of a measure from the rows of its SELECT. They are checked before anybody sees them: a measure that yields a negative
/// count, a key twice, more than 100 % or what is no number is withheld as a whole.
///
/// # Errors
/// Why it is withheld.
pub fn evaluate(
    counted: Selected,
    measure: &SqlFile<MeasureConfig>,
    planned: &Planned,
    areas: &[String],
    supply: &Supply<'_>,
    residents: &Residents,
) -> Result<Vec<Figure>, Withheld> {
    let mut monthly = counts(counted, measure, planned, areas, supply)?;
    supply.restore(measure, planned, areas, &mut monthly);
    let told = monthly.told.iter().flat_map(|told| told.parts.keys().chain(told.not_given.keys()));
    let counted = monthly.counts.keys().chain(monthly.not_given.keys());
    let breakdowns: BTreeSet<&String> = counted.chain(told).map(|(_, breakdown)| breakdown).collect();
    monthly.breakdowns = breakdowns.into_iter().cloned().collect();
    if !measure.config.breakdowns.is_empty() {
        // A final figure has its row though what it was counted from is gone.
        let signed = supply.sign_offs.breakdowns(&measure.config.id).map(str::to_owned);
        let all: BTreeSet<String> = monthly.breakdowns.drain(..).chain(signed).collect();
        monthly.breakdowns = all.into_iter().collect();
    }
    let codes: Vec<&str> = areas.iter().map(String::as_str).collect();
    let mut figures = assess::figures(&measure.config, &codes, &monthly, residents);
    let breaks = supply.project.breaks_of(&measure.config.id, &planned.datasets);
    cut_indices(&measure.config, &mut figures, &breaks, supply.areas);
    for figure in &figures {
        if figure.value.is_some_and(|value| !value.is_finite()) {
            return Err(Withheld(format!(
                "{} {}: the value is not a finite number",
                figure.area, figure.period
            )));
        }
        let whole = if measure.config.kind == MeasureKind::Proportion { 1.0 } else { 100.0 };
        if measure.config.kind.is_part() && figure.value.is_some_and(|value| value > whole) {
            return Err(Withheld(format!("{} {}: more than 100 %", figure.area, figure.period)));
        }
    }
    Ok(figures)
}

/// What the SQL of a measure counted by area, breakdown and month, and what is known of the months.
///
/// # Errors
/// Why the measure would be withheld.
pub fn counts(
    counted: Selected,
    measure: &SqlFile<MeasureConfig>,
    planned: &Planned,
    areas: &[String],
    supply: &Supply<'_>,
) -> Result<MonthlyCounts, Withheld> {
    let mut monthly = frame(&measure.config, planned, areas, supply);
    let (_, batches) = counted.map_err(|error| Withheld(fault_without_values(&error)))?;
    if batches.iter().any(|batch| batch.column_by_name("period").is_some()) {
        monthly.told = Some(assess::Told::default());
    }
    let mut known: BTreeSet<&str> = areas.iter().map(String::as_str).collect();
    known.extend(areas.iter().flat_map(|area| supply.areas.predecessors(area)));
    for batch in &batches {
        count(&measure.config, batch, &known, &mut monthly)?;
    }
    carry::over_changes(&measure.config, areas, supply.areas, &mut monthly)?;
    Ok(monthly)
}

/// The figures of a measure that could not be computed: every cell stands, with the reason.
#[must_use]
pub fn withheld(
    config: &MeasureConfig,
    planned: &Planned,
    areas: &[String],
    supply: &Supply<'_>,
    why: &Withheld,
) -> Vec<Figure> {
    let mut monthly = frame(config, planned, areas, supply);
    monthly.breakdowns = vec!["all".to_owned()];
    let codes: Vec<&str> = areas.iter().map(String::as_str).collect();
    let mut figures = assess::figures(config, &codes, &monthly, &Residents::default());
    for figure in &mut figures {
        (figure.numerator, figure.denominator, figure.value) = (None, None, None);
        (figure.status, figure.note) = (Status::NotCalculated, why.to_string());
        figure.absence = Some(Absence::NotCalculated);
    }
    figures
}

fn frame(config: &MeasureConfig, planned: &Planned, areas: &[String], supply: &Supply<'_>) -> MonthlyCounts {
    let span = supply.span(&planned.datasets, areas);
    let ends = supply.ends(&planned.datasets, areas);
    let mut monthly = MonthlyCounts { span, ends, ..MonthlyCounts::default() };
    if let Some(span) = span {
        for area in areas {
            let (coverage, reasons) = reach(config, span, supply.coverage(&planned.datasets, area, span));
            monthly.coverage.insert(area.clone(), coverage);
            monthly.reasons.insert(area.clone(), reasons);
        }
        monthly.mature = supply.mature(config, span);
    }
    debug_assert!(!config.areas.is_empty());
    monthly
}

/// Takes the months out of what is covered whose counts look back on months, or ahead to months, that are not there: a repeat
/// whose first event is missing would count as none.
fn reach(config: &MeasureConfig, (first, last): (Month, Month), (coverage, mut reasons): Covered) -> Covered {
    let months = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let (back, ahead) = (months(config.look_back_months), months(config.mature_after_months));
    if back == 0 && ahead == 0 {
        return (coverage, reasons);
    }
    let there = |month: &Month| matches!(coverage.get(month), Some(Coverage::Delivered { .. }));
    let lacks = |month: Month| {
        let before = month.plus(-back).through(month.plus(-1)).filter(|_| back > 0);
        let after = month.plus(1).through(month.plus(ahead)).filter(|_| ahead > 0);
        before.chain(after).find(|needed| !there(needed))
    };
    let mut reached = coverage.clone();
    for month in first.through(last).filter(there) {
        if let Some(needed) = lacks(month) {
            reached.insert(month, Coverage::Missing);
            let why = if needed < first || needed > last { None } else { reasons.get(&needed).cloned() };
            let Reason { absence, note } = why.unwrap_or_else(Reason::not_supplied);
            reasons.insert(month, Reason::new(absence, format!("it takes {needed} to tell: {note}")));
        }
    }
    (reached, reasons)
}

/// The columns of a SELECT's rows, as texts and numbers.
struct Rows<'a> {
    batch: &'a RecordBatch,
    area: ArrayRef,
    time: ArrayRef,
    breakdowns: Vec<(&'a str, ArrayRef)>,
    absence: Option<ArrayRef>,
    numbers: BTreeMap<&'a str, ArrayRef>,
}

impl<'a> Rows<'a> {
    fn new(config: &'a MeasureConfig, batch: &'a RecordBatch, time: &str) -> Result<Self, Withheld> {
        let of = |name: &str, kind: DataType| -> Result<ArrayRef, Withheld> {
            let column =
                batch.column_by_name(name).ok_or_else(|| Withheld(format!("column `{name}` is missing")))?;
            cast(column, &kind).map_err(|error| Withheld(error.to_string()))
        };
        let wanted = wanted(config);
        let numbers = wanted.needed.iter().chain(wanted.one_of).chain(wanted.may);
        let given = numbers.filter(|name| batch.column_by_name(name).is_some());
        let breakdowns = config.breakdowns.iter().map(|name| Ok((name.as_str(), of(name, DataType::Utf8)?)));
        Ok(Self {
            batch,
            area: of("area", DataType::Utf8)?,
            time: of(time, DataType::Utf8)?,
            breakdowns: breakdowns.collect::<Result<_, Withheld>>()?,
            absence: batch
                .column_by_name(ABSENCE)
                .filter(|_| !config.breakdowns.iter().any(|name| name == ABSENCE))
                .map(|column| cast(column, &DataType::Utf8).map_err(|error| Withheld(error.to_string())))
                .transpose()?,
            numbers: given
                .map(|name| Ok((*name, of(name, DataType::Float64)?)))
                .collect::<Result<_, Withheld>>()?,
        })
    }

    /// Area and month or period of a row.
    fn place(&self, row: usize, time: &str) -> Result<(&str, &str), Withheld> {
        let (area, at) = (self.area.as_string::<i32>(), self.time.as_string::<i32>());
        if area.is_null(row) || at.is_null(row) {
            return Err(Withheld(format!("a row has no area or no {time}")));
        }
        Ok((area.value(row), at.value(row)))
    }

    fn breakdown(&self, row: usize) -> String {
        let parts: Vec<String> = self
            .breakdowns
            .iter()
            .map(|(name, column)| {
                let column = column.as_string::<i32>();
                let value = if column.is_null(row) { "not recorded" } else { column.value(row) };
                format!("{name}: {value}")
            })
            .collect();
        if parts.is_empty() { "all".to_owned() } else { parts.join("; ") }
    }

    /// Why the supplier did not give the numbers of a row, where one that is needed is NULL and the SELECT says why.
    fn absence(&self, config: &MeasureConfig, row: usize) -> Option<Absence> {
        let word = self.absence.as_ref()?.as_string::<i32>();
        let lacks = wanted(config).needed.iter().any(|name| self.number(name, row).is_none());
        if lacks && word.is_valid(row) { Absence::of_supplier(word.value(row)) } else { None }
    }

    /// A number; `None` where it is NULL, or the SELECT has no such column.
    fn number(&self, name: &str, row: usize) -> Option<f64> {
        let column = self.numbers.get(name)?.as_primitive::<Float64Type>();
        column.is_valid(row).then(|| column.value(row))
    }

    /// What a row says: the counts of a month, or all of a period.
    fn parts(&self, config: &MeasureConfig, row: usize) -> Result<Parts, String> {
        let number = |name: &str| self.number(name, row);
        let needed = wanted(config).needed;
        if needed.contains(&"numerator") && number("numerator").is_none() {
            return Err("the numerator is NULL".to_owned());
        }
        // The sum of what an average is made of, a value and its limits may lie below zero; what is counted may not.
        let sum = config.kind == MeasureKind::Average;
        for (name, column) in &self.numbers {
            let column = column.as_primitive::<Float64Type>();
            let signed = ["value", "lower", "upper"].contains(name) || (sum && *name == "numerator");
            if column.is_valid(row) {
                let number = column.value(row);
                if !number.is_finite() || (number < 0.0 && !signed) {
                    return Err(format!("{number} is not a {}", if signed { "number" } else { "count" }));
                }
            }
        }
        let mut parts = Parts {
            numerator: number("numerator"),
            denominator: number("denominator"),
            value: number("value"),
            base: number("base"),
            design_effect: number("design_effect"),
            ..Parts::default()
        };
        if let (Some(lower), Some(upper)) = (number("lower"), number("upper")) {
            let value = parts.value.unwrap_or(lower);
            if !(lower..=upper).contains(&value) {
                return Err(format!("{value} does not lie between its limits {lower} and {upper}"));
            }
            parts.limits = Some(Interval { lower, upper });
        }
        if config.dominance().is_some() {
            parts.further[1] = self.largest(parts.numerator.unwrap_or_default(), row)?;
        }
        match config.kind {
            MeasureKind::Average => parts.further[0] = self.squares(config, &parts, row)?,
            MeasureKind::Gap => {
                let of = |name: &str| number(name).ok_or_else(|| format!("`{name}` is NULL"));
                parts.further = [of("other_numerator")?, of("other_denominator")?];
            }
            MeasureKind::Survey => self.design(&mut parts, row)?,
            MeasureKind::Score => {
                if let (Some([lowest, highest]), Some(value)) = (config.range, parts.value)
                    && !(lowest..=highest).contains(&value)
                {
                    return Err(format!("{value} is no score from {lowest} to {highest}"));
                }
            }
            _ => {}
        }
        Ok(parts)
    }

    /// What the largest contributors to an amount come to.
    fn largest(&self, amount: f64, row: usize) -> Result<f64, String> {
        match self.number(LARGEST, row) {
            Some(largest) if largest > amount + 1e-6 => {
                Err(format!("`{LARGEST}` is more than the numerator"))
            }
            Some(largest) => Ok(largest),
            None if amount == 0.0 => Ok(0.0),
            None => Err(format!("`{LARGEST}` is NULL")),
        }
    }

    /// The sum of the squares of an average's values, as given or from their standard deviation.
    fn squares(&self, config: &MeasureConfig, parts: &Parts, row: usize) -> Result<f64, String> {
        if config.interval == IntervalChoice::None {
            return Ok(0.0);
        }
        if let Some(squares) = self.number("sum_of_squares", row) {
            return Ok(squares);
        }
        let (total, n) = parts.numerator.zip(parts.denominator).unwrap_or_default();
        if n <= 0.0 {
            return Ok(0.0);
        }
        // One value has no standard deviation, and its square is that of the sum.
        match self.number("standard_deviation", row) {
            Some(deviation) => Ok((n - 1.0) * deviation * deviation + total * total / n),
            None if n <= 1.0 => Ok(total * total),
            None => Err("neither `sum_of_squares` nor `standard_deviation` is there".to_owned()),
        }
    }

    /// The design effect of a survey's share, as given or from its standard error, in percentage points.
    fn design(&self, parts: &mut Parts, row: usize) -> Result<(), String> {
        let (weighted, of) = parts.numerator.zip(parts.denominator).unwrap_or_default();
        let base = parts.base.unwrap_or_default();
        if of <= 0.0 || base <= 0.0 {
            return Ok(());
        }
        if let Some(error) = self.number("standard_error", row) {
            // Where all answer alike, an error of 0 shows nothing of the design; it counts as simple.
            parts.design_effect =
                Some(survey::design_effect(weighted / of, base, error / 100.0).unwrap_or(1.0));
        }
        match parts.design_effect {
            Some(effect) if effect > 0.0 => Ok(()),
            Some(effect) => Err(format!("{effect} is no design effect")),
            None => Err("neither `design_effect` nor `standard_error` is there".to_owned()),
        }
    }
}

fn count(
    config: &MeasureConfig,
    batch: &RecordBatch,
    areas: &BTreeSet<&str>,
    monthly: &mut MonthlyCounts,
) -> Result<(), Withheld> {
    let time = if monthly.told.is_some() { "period" } else { "month" };
    let rows = Rows::new(config, batch, time)?;
    for row in 0..rows.batch.num_rows() {
        let (code, text) = rows.place(row, time)?;
        let wrong = |why: &str| Withheld(format!("{code} {text}: {why}"));
        if !areas.contains(code) {
            return Err(wrong("the area is not one of the measure's"));
        }
        let key = (code.to_owned(), rows.breakdown(row));
        let absence = rows.absence(config, row);
        let new = match &mut monthly.told {
            None => {
                let month: Month = text.parse().map_err(|error| Withheld(format!("{code}: {error}")))?;
                if let Some(absence) = absence {
                    let new = monthly.not_given.entry(key).or_default().insert(month, absence).is_none();
                    if new {
                        continue;
                    }
                    return Err(wrong("the key stands twice"));
                }
                let parts = rows.parts(config, row).map_err(|why| wrong(&why))?;
                let counted = Counted {
                    numerator: parts.numerator.unwrap_or_default(),
                    denominator: parts.denominator,
                    further: parts.further,
                };
                monthly.counts.entry(key).or_default().insert(month, counted).is_none()
            }
            Some(told) => {
                let period: Period = text.parse().map_err(|error| Withheld(format!("{code}: {error}")))?;
                if !config.periods.contains(&period.kind) {
                    return Err(wrong(&format!("`{}` is not among `periods`", period.kind.name())));
                }
                if let Some(absence) = absence {
                    let new = told.not_given.entry(key).or_default().insert(period, absence).is_none();
                    if new {
                        continue;
                    }
                    return Err(wrong("the key stands twice"));
                }
                let parts = rows.parts(config, row).map_err(|why| wrong(&why))?;
                told.parts.entry(key).or_default().insert(period, parts).is_none()
            }
        };
        if !new {
            return Err(wrong("the key stands twice"));
        }
    }
    Ok(())
}

/// The latest period, of the shortest kind, for which a measure has a value.
#[must_use]
pub fn latest(figures: &[Figure]) -> Option<Period> {
    figures
        .iter()
        .filter(|figure| figure.value.is_some())
        .map(|figure| figure.period)
        .max_by_key(|period| (period.last, std::cmp::Reverse(period.kind)))
}
