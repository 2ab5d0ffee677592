//! One SQL file a measure: its SELECT counts by area and month; the product does the rest.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::logical_expr::LogicalPlan;

use crate::assess::{self, Counted, Coverage, Figure, MonthlyCounts, Status};
use crate::config::settings::{DeliveryMode, FeedConfig, MeasureConfig, MeasureKind, TableConfig};
use crate::config::{Project, SqlFile, front_matter_span};
use crate::diagnose::{Problem, Source};
use crate::engine::{Engine, Origin, Selected, fault_without_values, statement_span};
use crate::feed::{FeedState, expected_months};
use crate::geography::{Areas, Residents};
use crate::lineage::{self, SourceColumn};
use crate::normalise::{DeliveryReport, DeliveryStatus, drift};
use crate::period::{Every, Month, Period};
use crate::retained::{self, Retained};
use crate::signoff::SignOffs;

/// A measure whose SQL was planned.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The tables that it reads, through views too.
    pub reads: BTreeSet<String>,
    /// The datasets that these belong to.
    pub datasets: BTreeSet<String>,
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
    Planned { reads, datasets }
}

fn columns(measure: &SqlFile<MeasureConfig>, plan: &LogicalPlan) -> Vec<Problem> {
    let config = &measure.config;
    let mut problems = Vec::new();
    let span = statement_span(&measure.source.text);
    let schema = plan.schema();
    let found: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let counts_denominator = matches!(config.kind, MeasureKind::Percentage | MeasureKind::Ratio);
    let mut wanted = vec!["area", "month"];
    wanted.extend(config.breakdowns.iter().map(String::as_str));
    wanted.push("numerator");
    if counts_denominator {
        wanted.push("denominator");
    }
    let at = |message: String| Problem::new(&measure.source, span.clone(), message);
    for name in wanted.iter().filter(|name| !found.contains(name)) {
        let message = format!("the SELECT has no column `{name}`");
        let problem = at(message).nearest(name, found.iter().copied().filter(|name| !wanted.contains(name)));
        let help = problem.help.clone().unwrap_or_default();
        problems.push(problem.help(format!(
            "a {} selects {}; {help}",
            config.kind.name(),
            wanted.join(", ")
        )));
    }
    for name in found.iter().filter(|name| !wanted.contains(name)) {
        let help = if *name == "denominator" {
            "the product itself divides by the residents of the look-up `population`".to_owned()
        } else {
            format!(
                "a {} selects {}; name it in `breakdowns` or leave it out",
                config.kind.name(),
                wanted.join(", ")
            )
        };
        problems.push(at(format!("column `{name}` has no place in the measure")).help(help));
    }
    for field in schema.fields() {
        let name = field.name().as_str();
        let number = ["numerator", "denominator"].contains(&name);
        if wanted.contains(&name) && number && !field.data_type().is_numeric() {
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
type Covered = (BTreeMap<Month, Coverage>, BTreeMap<Month, String>);

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

    /// The periods that a measure is published for.
    #[must_use]
    pub fn periods(&self, file: &SqlFile<MeasureConfig>, planned: &Planned, areas: &[String]) -> Vec<Period> {
        let Some(span) = self.span(&planned.datasets, areas) else { return Vec::new() };
        assess::periods(&file.config, span, &self.ends(&planned.datasets, areas))
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
            let mut synthetic = false;
            let mut reason: Option<String> = None;
            for dataset in datasets {
                let mut any = false;
                for feed in self.project.feeds_of(dataset) {
                    let covers = feed.covers.iter().any(|whole| self.areas.lies_in(area, whole));
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
                        reason = Some("the month is not over".to_owned());
                        continue;
                    }
                    match self.delivered(dataset, feed, end) {
                        Ok(made) => synthetic |= made,
                        Err(why) => reason = Some(why),
                    }
                }
                if !any {
                    reason.get_or_insert_with(|| "no feed covers the area in this month".to_owned());
                }
            }
            match reason {
                None => {
                    coverage.insert(month, Coverage::Delivered { synthetic });
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
                        reasons.entry(month).or_insert_with(|| why.to_owned());
                    }
                }
            }
        }
        monthly.counts.retain(|_, series| !series.is_empty());
    }

    /// Whether everything that a feed sent for a month is in the dataset, and whether it is synthetic; else why not.
    fn delivered(&self, dataset: &str, feed: &FeedConfig, month: Month) -> Result<bool, String> {
        let state = self.feeds.get(feed.id.as_str());
        let known = state.and_then(|state| state.missing.get(&month));
        let reports = self.reports.get(dataset).and_then(|months| months.get(&month));
        let reports = reports.into_iter().flatten().filter(|report| report.delivery.feed == feed.id);
        if feed.mode != DeliveryMode::Month {
            let last = state.and_then(|state| state.slots.keys().map(|(month, _)| *month).max());
            return match known {
                Some(reason) => Err(reason.clone()),
                None if last.is_none_or(|last| month > last) => Err("not supplied".to_owned()),
                // A month without a report is one of which the contract says that it had no rows.
                None => reports.filter(|report| report.status == DeliveryStatus::Accepted).try_fold(
                    false,
                    |synthetic, report| match drift::partial(report) {
                        Some(why) => Err(why.to_owned()),
                        None => Ok(synthetic | report.delivery.synthetic),
                    },
                ),
            };
        }
        let mut files: BTreeMap<&str, Result<bool, &str>> = BTreeMap::new();
        for report in reports {
            let file = files.entry(&report.delivery.file).or_insert(Err(&report.note));
            if report.status == DeliveryStatus::Accepted {
                *file = drift::partial(report).map_or(Ok(report.delivery.synthetic), Err);
            }
        }
        if files.is_empty() {
            return Err(known.cloned().unwrap_or_else(|| "not supplied".to_owned()));
        }
        files.values().try_fold(false, |synthetic, file| match file {
            Ok(made) => Ok(synthetic | made),
            Err(note) => Err((*note).to_owned()),
        })
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
    let breakdowns: BTreeSet<&String> = monthly.counts.keys().map(|(_, breakdown)| breakdown).collect();
    monthly.breakdowns = breakdowns.into_iter().cloned().collect();
    if !measure.config.breakdowns.is_empty() {
        // A final figure has its row though what it was counted from is gone.
        let signed = supply.sign_offs.breakdowns(&measure.config.id).map(str::to_owned);
        let all: BTreeSet<String> = monthly.breakdowns.drain(..).chain(signed).collect();
        monthly.breakdowns = all.into_iter().collect();
    }
    let codes: Vec<&str> = areas.iter().map(String::as_str).collect();
    let figures = assess::figures(&measure.config, &codes, &monthly, residents);
    for figure in &figures {
        if figure.value.is_some_and(|value| !value.is_finite()) {
            return Err(Withheld(format!(
                "{} {}: the value is not a finite number",
                figure.area, figure.period
            )));
        }
        if measure.config.kind == MeasureKind::Percentage && figure.value.is_some_and(|value| value > 100.0) {
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
    for batch in &batches {
        count(&measure.config, batch, areas, &mut monthly)?;
    }
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
    }
    figures
}

fn frame(config: &MeasureConfig, planned: &Planned, areas: &[String], supply: &Supply<'_>) -> MonthlyCounts {
    let span = supply.span(&planned.datasets, areas);
    let ends = supply.ends(&planned.datasets, areas);
    let mut monthly = MonthlyCounts { span, ends, ..MonthlyCounts::default() };
    if let Some(span) = span {
        for area in areas {
            let (coverage, reasons) = supply.coverage(&planned.datasets, area, span);
            monthly.coverage.insert(area.clone(), coverage);
            monthly.reasons.insert(area.clone(), reasons);
        }
    }
    debug_assert!(!config.areas.is_empty());
    monthly
}

fn count(
    config: &MeasureConfig,
    batch: &RecordBatch,
    areas: &[String],
    monthly: &mut MonthlyCounts,
) -> Result<(), Withheld> {
    let text = |name: &str| -> Result<_, Withheld> {
        let column =
            batch.column_by_name(name).ok_or_else(|| Withheld(format!("column `{name}` is missing")))?;
        cast(column, &DataType::Utf8).map_err(|error| Withheld(error.to_string()))
    };
    let number = |name: &str| -> Result<_, Withheld> {
        let column =
            batch.column_by_name(name).ok_or_else(|| Withheld(format!("column `{name}` is missing")))?;
        cast(column, &DataType::Float64).map_err(|error| Withheld(error.to_string()))
    };
    let (area, month) = (text("area")?, text("month")?);
    let (area, month) = (area.as_string::<i32>(), month.as_string::<i32>());
    let numerator = number("numerator")?;
    let numerator = numerator.as_primitive::<Float64Type>();
    let denominator = batch.column_by_name("denominator").map(|_| number("denominator")).transpose()?;
    let breakdowns = config
        .breakdowns
        .iter()
        .map(|name| Ok((name.as_str(), text(name)?)))
        .collect::<Result<Vec<_>, Withheld>>()?;
    for row in 0..batch.num_rows() {
        if area.is_null(row) || month.is_null(row) {
            return Err(Withheld("a row has no area or no month".to_owned()));
        }
        let (code, text) = (area.value(row), month.value(row));
        let place = || format!("{code} {text}");
        if !areas.iter().any(|known| known == code) {
            return Err(Withheld(format!("{}: the area is not one of the measure's", place())));
        }
        let month: Month = text.parse().map_err(|error| Withheld(format!("{code}: {error}")))?;
        if numerator.is_null(row) {
            return Err(Withheld(format!("{}: the numerator is NULL", place())));
        }
        let counted = Counted {
            numerator: numerator.value(row),
            denominator: denominator.as_ref().and_then(|column| {
                let column = column.as_primitive::<Float64Type>();
                column.is_valid(row).then(|| column.value(row))
            }),
        };
        for number in [Some(counted.numerator), counted.denominator].into_iter().flatten() {
            if !number.is_finite() || number < 0.0 {
                return Err(Withheld(format!("{}: {number} is not a count", place())));
            }
        }
        let breakdown: Vec<String> = breakdowns
            .iter()
            .map(|(name, column)| {
                let column = column.as_string::<i32>();
                let value = if column.is_null(row) { "not recorded" } else { column.value(row) };
                format!("{name}: {value}")
            })
            .collect();
        let breakdown = if breakdown.is_empty() { "all".to_owned() } else { breakdown.join("; ") };
        let series = monthly.counts.entry((code.to_owned(), breakdown)).or_default();
        if series.insert(month, counted).is_some() {
            return Err(Withheld(format!("{}: the key stands twice", place())));
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
