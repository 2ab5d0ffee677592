//! The tables that say what figures mean: comparisons, signals, the board's page, and what they follow from.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch};
use arrow::datatypes::Float64Type;
use arrow::error::ArrowError;
use chrono::NaiveDate;

use super::tables::Kind::{Day, Flag, Number, Text, Whole};
use super::tables::{
    Column, OF_MEASURE, OF_PARTNERSHIP, OF_RELEASE, Table, days, flags, same, some_days, some_text, text,
    whole,
};
use crate::assess::compare::{Against, Comparison};
use crate::assess::interval::confidence;
use crate::assess::score::Score;
use crate::assess::{Assessed, Figure};
use crate::config::settings::MeasureConfig;
use crate::config::{Project, SqlFile};
use crate::statistics::exceptions::{self, Dependence, Exceptions};

/// Every comparison.
pub const ASSESSMENT: Table = Table {
    name: "assessment",
    title: "Every comparison of a figure: one row per measure, area, breakdown, period and comparison",
    columns: &[
        OF_MEASURE,
        OF_PARTNERSHIP,
        Column("area", Text, "Code of the area"),
        Column("period", Text, "The period"),
        Column("period_kind", Text, "Kind of the period"),
        Column("breakdown", Text, "all, or what the figure is broken down by"),
        Column(
            "comparison",
            Text,
            "target, trajectory, benchmark, previous_period, same_period_last_year, baseline or peers",
        ),
        Column("value", Number, "The outturn"),
        Column(
            "reference_value",
            Number,
            "What it is held against; for an area within its benchmark the rest of that, for peers their pooled average",
        ),
        Column("reference_area", Text, "Code of the benchmark, or `CODE without CODE` for the rest of it"),
        Column("reference_period", Text, "The other period; empty for other comparisons"),
        Column("difference", Number, "The outturn less the reference, in the measure's unit"),
        Column(
            "difference_percent",
            Number,
            "That in percent of the reference; for percentages, proportions, shares, surveys and gaps of percentages in \
             percentage points",
        ),
        Column(
            "difference_lower",
            Number,
            "Lower limit of the difference, in the measure's unit; empty where the test has none",
        ),
        Column("difference_upper", Number, "Upper limit of the difference"),
        Column("result", Text, "better, worse, similar, higher, lower or not_judged"),
        Column("reason", Text, "Why nothing was judged; empty otherwise"),
        Column(
            "method",
            Text,
            "target, tolerance, benchmark_interval, difference_interval, rate_ratio_interval, rate_exact_test, \
             welch_t_interval, survey_difference_interval, intervals_apart, funnel, or difference, which tests nothing",
        ),
        Column("rag", Text, "green, amber, red, or none; by the method of the row"),
        Column("rank", Whole, "Place among the peers, the best first; the highest first without polarity"),
        Column("of", Whole, "Peers with a value, the area among them"),
        Column("quantile_group", Whole, "Fifth of the peers, 1 the best; empty for fewer than five"),
        Column("wording", Text, "Words that a report may use"),
        Column(
            "synthetic",
            Flag,
            "True where some of what the figure was counted from was made by the simulator",
        ),
        OF_RELEASE,
    ],
};

/// Every control chart.
pub const SIGNAL: Table = Table {
    name: "signal",
    title: "What each series signals by its control chart: one row per measure, area and breakdown",
    columns: &[
        OF_MEASURE,
        OF_PARTNERSHIP,
        Column("area", Text, "Code of the area"),
        Column("breakdown", Text, "all, or what the series is broken down by"),
        Column("period_kind", Text, "Kind of the periods that are charted"),
        Column("period", Text, "Latest period with a value"),
        Column("points", Whole, "Values of the series"),
        Column("value", Number, "The latest value"),
        Column("mean", Number, "Mean of the latest limits; empty without a chart"),
        Column("lower_limit", Number, "Lower process limit"),
        Column("upper_limit", Number, "Upper process limit"),
        Column("trial", Flag, "True where the limits stand on fewer than 13 values"),
        Column(
            "rules",
            Text,
            "Rules that the latest value fits, the strongest first; empty for usual variation",
        ),
        Column(
            "variation",
            Text,
            "common_cause, special_cause_improvement, special_cause_concern, special_cause_neutral_high or \
             special_cause_neutral_low; empty without a chart",
        ),
        Column("assurance", Text, "consistent_pass, consistent_fail or inconsistent; empty without a target"),
        Column("target", Number, "What was aimed at in the latest period"),
        Column("seasonal", Flag, "True where the series has a season, which its rules may signal"),
        Column(
            "suggested_rebase",
            Text,
            "First period of new limits, for a person to decide and declare as a break",
        ),
        Column(
            "chance",
            Number,
            "How likely its end would look so unusual were nothing happening; empty where it was not tested",
        ),
        Column(
            "exception",
            Flag,
            "True where it is reported over all series together; see table `signal_summary`",
        ),
        Column("note", Text, "What a reader of the chart should know; empty otherwise"),
        Column("synthetic", Flag, "True where some of it was made by the simulator"),
        OF_RELEASE,
    ],
};

/// What is reported over all series together.
pub const SIGNAL_SUMMARY: Table = Table {
    name: "signal_summary",
    title: "How exceptions were chosen over all series, and how many of them are expected to be false alarms: one row",
    columns: &[
        Column("method", Text, "benjamini-hochberg"),
        Column("series", Whole, "Rows of table `signal`"),
        Column("tested", Whole, "Series that were tested"),
        Column("level", Number, "Share of false alarms that is borne among the exceptions"),
        Column("threshold", Number, "Largest chance that is an exception; empty where none is"),
        Column("exceptions", Whole, "Series that are exceptions"),
        Column("expected_false_alarms", Number, "How many of them are expected to be false alarms, at most"),
        Column(
            "expected_without_control",
            Number,
            "False alarms expected if every series with a chance up to 5% were reported",
        ),
        Column("synthetic", Flag, "True where some of it was made by the simulator"),
        OF_RELEASE,
    ],
};

/// The board's page.
pub const SCORECARD: Table = Table {
    name: "scorecard",
    title: "The board's page: the latest figure of each measure, area and breakdown, and what it means",
    columns: &[
        OF_MEASURE,
        OF_PARTNERSHIP,
        Column("title", Text, "Wording of the plan"),
        Column("theme", Text, "Theme of the plan"),
        Column("owner", Text, "Role that answers for it"),
        Column("area", Text, "Code of the area"),
        Column("breakdown", Text, "all, or what the figure is broken down by"),
        Column("period", Text, "Latest period with a value; the latest of all where none has one"),
        Column("period_kind", Text, "Kind of the period: the measure's headline"),
        Column("value", Number, "The outturn"),
        Column("unit", Text, "What one of the value is"),
        Column("lower", Number, "Lower limit of the value"),
        Column("upper", Number, "Upper limit of the value"),
        Column("confidence", Number, "Confidence of the limits, in percent; empty without limits"),
        Column("status", Text, "As in table `outturn`"),
        Column(
            "shown",
            Text,
            "The figure as people read it, with the government's shorthand: [x] [c] [z] [b] [p] [r] [u]",
        ),
        Column("target", Number, "What was aimed at in the period; empty without a target"),
        Column("target_kind", Text, "target, or trajectory for a point of a straight line"),
        Column("rag", Text, "green, amber, red or none"),
        Column("rag_method", Text, "Method that gave the colour; empty without one"),
        Column("rag_wording", Text, "What the colour says"),
        Column(
            "direction",
            Text,
            "improving, worsening or no_change by polarity; higher or lower without one; else not_judged",
        ),
        Column("direction_on", Text, "The other period: the same one last year, else the one before"),
        Column("change", Number, "The outturn less that of the other period"),
        Column("change_percent", Number, "That in percent; for percentages in percentage points"),
        Column("change_wording", Text, "The change in words"),
        Column(
            "benchmark_result",
            Text,
            "better, worse, similar, higher, lower or not_judged; empty without one",
        ),
        Column("place", Text, "Place among the peers, in words"),
        Column("variation", Text, "As in table `signal`"),
        Column("assurance", Text, "As in table `signal`"),
        Column("exception", Flag, "As in table `signal`"),
        Column("freshness", Text, "What is missing since the period; empty where nothing is"),
        Column("commentary", Text, "What its owner says of it, in Markdown"),
        Column("synthetic", Flag, "True where some of the figure was made by the simulator"),
        OF_RELEASE,
    ],
};

/// What was aimed at.
pub const TARGET: Table = Table {
    name: "target",
    title: "Every target that was ever approved",
    columns: &[
        OF_MEASURE,
        Column("area", Text, "Code of the area"),
        Column("breakdown", Text, "all, or what the figure is broken down by"),
        Column("period_kind", Text, "Kind of the periods that it is about"),
        Column("from", Text, "First month"),
        Column("to", Text, "Last month"),
        Column("value", Number, "The outturn to reach; empty for a line and for a change"),
        Column("from_value", Number, "Value of a straight line in its first month"),
        Column("to_value", Number, "Value of a straight line in its last month"),
        Column("change_percent", Number, "Change on the base period, in percent"),
        Column("base", Text, "The period from which it starts"),
        Column("tolerance", Number, "By how much it may be missed and be amber, in the measure's unit"),
        Column("tolerance_percent", Number, "The same in percent of the target"),
        Column("source", Text, "Where it is laid down"),
        Column("approved_by", Text, "Role that approved it"),
        Column("approved_on", Day, "Day on which it was approved"),
        Column("superseded_on", Day, "Day on which another one took its place; empty while it stands"),
        Column("note", Text, "What a reader should know about it"),
        Column("synthetic", Flag, "Always false: people set it"),
        OF_RELEASE,
    ],
};

/// Breaks in series.
pub const SERIES_BREAK: Table = Table {
    name: "series_break",
    title: "Every declared break in a series: figures before and after are not compared",
    columns: &[
        Column("break", Text, "Short name"),
        Column("title", Text, "What happened"),
        Column("month", Text, "First month of the new series"),
        Column("kind", Text, "recording-change, new-system, event, boundary or definition"),
        Column("measures", Text, "Measures that it concerns, separated by commas"),
        Column("datasets", Text, "Datasets whose measures it concerns, separated by commas"),
        Column("areas", Text, "Areas that it concerns, with all within them; empty for all"),
        Column("note", Text, "Where it is laid down"),
        Column("synthetic", Flag, "Always false: people declare it"),
        OF_RELEASE,
    ],
};

/// What owners say.
pub const COMMENTARY: Table = Table {
    name: "commentary",
    title: "What the owners of measures say of their figures",
    columns: &[
        OF_MEASURE,
        Column("partnership", Text, "Partnership"),
        Column("area", Text, "Code of the area; empty for all of the measure's"),
        Column("period", Text, "The period"),
        Column("author", Text, "Role of the author"),
        Column("date", Day, "Day on which it was written"),
        Column("text", Text, "The text, in Markdown"),
        Column("file", Text, "Its file"),
        Column("synthetic", Flag, "Always false: people write it"),
        OF_RELEASE,
    ],
};

/// Work that the plan promises and no number measures.
pub const MILESTONE: Table = Table {
    name: "milestone",
    title: "Work that the plan promises and no number measures",
    columns: &[
        Column("milestone", Text, "Short name"),
        Column("title", Text, "Wording of the plan"),
        Column("framework", Text, "The plan that names it"),
        Column("theme", Text, "Theme of the plan"),
        Column("ref", Text, "Number in the plan"),
        Column("owner", Text, "Role that answers for it"),
        Column("planned", Day, "Day on which it was planned to begin"),
        Column("due", Day, "Day by which it is due"),
        Column(
            "state",
            Text,
            "planned, on-track, late or done; late once its day is over and it is not done",
        ),
        Column("done_on", Day, "Day on which it was done"),
        Column("note", Text, "What the board should know"),
        Column("synthetic", Flag, "Always false: people tell it"),
        OF_RELEASE,
    ],
};

fn numbers(values: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Float64Array>())
}

fn small(values: impl IntoIterator<Item = Option<u32>>) -> ArrayRef {
    whole(values.into_iter().map(|n| n.map(u64::from)))
}

/// The rows of `assessment`, `signal` and `scorecard` of one measure.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Those of `assessment`.
    pub assessment: Vec<RecordBatch>,
    /// Those of `signal`, in which nothing is an exception yet.
    pub signal: Vec<RecordBatch>,
    /// Those of `scorecard`, in which nothing is an exception yet.
    pub scorecard: Vec<RecordBatch>,
}

/// Lays out what the figures of a measure mean.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn judged(
    measure: &SqlFile<MeasureConfig>,
    figures: &[Figure],
    assessed: &Assessed,
    release: &str,
) -> Result<Judged, ArrowError> {
    Ok(Judged {
        assessment: vec![assessment(measure, figures, assessed, release)?],
        signal: vec![signal(measure, figures, assessed, release)?],
        scorecard: vec![scorecard(measure, figures, assessed, release)?],
    })
}

fn assessment(
    measure: &SqlFile<MeasureConfig>,
    figures: &[Figure],
    assessed: &Assessed,
    release: &str,
) -> Result<RecordBatch, ArrowError> {
    let pairs: Vec<(&Figure, &Comparison)> =
        assessed.comparisons.iter().filter_map(|row| Some((figures.get(row.figure)?, row))).collect();
    let n = pairs.len();
    let code = |place: usize| assessed.codes.get(place).map_or("", String::as_str);
    let rows = || pairs.iter().map(|(_, row)| *row);
    let of = || pairs.iter().map(|(figure, _)| *figure);
    let name = &measure.config.id;
    ASSESSMENT.batch(vec![
        same(name, n),
        same(&measure.partnership, n),
        text(of().map(|figure| figure.area.as_str())),
        text(of().map(|figure| figure.period.to_string())),
        text(of().map(|figure| figure.period.kind.name())),
        text(of().map(|figure| figure.breakdown.as_str())),
        text(rows().map(|row| row.kind.name())),
        numbers(of().map(|figure| figure.value)),
        numbers(rows().map(|row| row.reference)),
        some_text(pairs.iter().map(|(figure, row)| match row.against {
            Against::Area(place) => code(place).to_owned(),
            Against::RestOf(place) => format!("{} without {}", code(place), figure.area),
            Against::Period(_) | Against::Nothing => String::new(),
        })),
        some_text(rows().map(|row| match row.against {
            Against::Period(period) => period.to_string(),
            _ => String::new(),
        })),
        numbers(rows().map(|row| row.difference)),
        numbers(rows().map(|row| row.difference_percent)),
        numbers(rows().map(|row| row.limits.map(|limits| limits.lower))),
        numbers(rows().map(|row| row.limits.map(|limits| limits.upper))),
        text(rows().map(Comparison::result)),
        some_text(rows().map(|row| row.reason)),
        some_text(rows().map(|row| row.method)),
        text(rows().map(Comparison::colour)),
        small(rows().map(|row| row.rank)),
        small(rows().map(|row| row.of)),
        small(rows().map(|row| row.quantile_group)),
        some_text(rows().map(|row| row.wording.as_str())),
        flags(of().map(|figure| figure.synthetic)),
        same(release, n),
    ])
}

fn signal(
    measure: &SqlFile<MeasureConfig>,
    figures: &[Figure],
    assessed: &Assessed,
    release: &str,
) -> Result<RecordBatch, ArrowError> {
    let pairs: Vec<_> =
        assessed.signals.iter().filter_map(|row| Some((figures.get(row.figure)?, row))).collect();
    let n = pairs.len();
    let rows = || pairs.iter().map(|(_, row)| *row);
    let of = || pairs.iter().map(|(figure, _)| *figure);
    SIGNAL.batch(vec![
        same(&measure.config.id, n),
        same(&measure.partnership, n),
        text(of().map(|figure| figure.area.as_str())),
        text(of().map(|figure| figure.breakdown.as_str())),
        text(of().map(|figure| figure.period.kind.name())),
        text(of().map(|figure| figure.period.to_string())),
        whole(rows().map(|row| Some(row.points as u64))),
        numbers(of().map(|figure| figure.value)),
        numbers(rows().map(|row| row.mean)),
        numbers(rows().map(|row| row.lower)),
        numbers(rows().map(|row| row.upper)),
        flags(rows().map(|row| row.trial)),
        some_text(rows().map(|row| row.rules.as_str())),
        some_text(rows().map(|row| row.variation)),
        some_text(rows().map(|row| row.assurance)),
        numbers(rows().map(|row| row.target)),
        flags(rows().map(|row| row.seasonal)),
        some_text(rows().map(|row| row.suggested_rebase.map(|p| p.to_string()).unwrap_or_default())),
        numbers(rows().map(|row| row.chance)),
        flags(rows().map(|_| false)),
        some_text(rows().map(|row| row.note.as_str())),
        flags(rows().map(|row| row.synthetic)),
        same(release, n),
    ])
}

fn scorecard(
    measure: &SqlFile<MeasureConfig>,
    figures: &[Figure],
    assessed: &Assessed,
    release: &str,
) -> Result<RecordBatch, ArrowError> {
    let config = &measure.config;
    let pairs: Vec<_> =
        assessed.scores.iter().filter_map(|row| Some((figures.get(row.figure)?, row))).collect();
    let n = pairs.len();
    let rows = || pairs.iter().map(|(_, row)| *row);
    let of = || pairs.iter().map(|(figure, _)| *figure);
    let limit =
        |upper: bool| {
            numbers(of().map(|figure| {
                figure.interval.map(|own| if upper { own.limits.upper } else { own.limits.lower })
            }))
        };
    let sure = confidence(config).share() * 100.0;
    let signal = |place: Option<usize>| place.and_then(|place| assessed.signals.get(place));
    SCORECARD.batch(vec![
        same(&config.id, n),
        same(&measure.partnership, n),
        same(&config.title, n),
        same(&config.theme, n),
        same(&config.owner, n),
        text(of().map(|figure| figure.area.as_str())),
        text(of().map(|figure| figure.breakdown.as_str())),
        text(of().map(|figure| figure.period.to_string())),
        text(of().map(|figure| figure.period.kind.name())),
        numbers(of().map(|figure| figure.value)),
        same(&config.unit, n),
        limit(false),
        limit(true),
        numbers(of().map(|figure| figure.interval.map(|_| sure))),
        text(of().map(|figure| figure.status.name())),
        text(rows().map(|row| row.shown.as_str())),
        numbers(rows().map(|row| row.target.as_ref().and_then(|target| target.reference))),
        some_text(rows().map(|row| row.target.as_ref().map_or("", |target| target.kind.name()))),
        text(rows().map(|row| row.coloured_by().map_or("none", Comparison::colour))),
        some_text(rows().map(|row| row.coloured_by().map_or("", |by| by.method))),
        some_text(rows().map(|row| row.coloured_by().map_or("", |by| &by.wording))),
        text(rows().map(Score::direction)),
        some_text(rows().map(|row| row.change_on.map(|p| p.to_string()).unwrap_or_default())),
        numbers(rows().map(|row| row.change.as_ref().and_then(|change| change.difference))),
        numbers(rows().map(|row| row.change.as_ref().and_then(|change| change.difference_percent))),
        some_text(rows().map(|row| row.change.as_ref().map_or("", |change| &change.wording))),
        some_text(rows().map(|row| row.benchmark.as_ref().map_or("", Comparison::result))),
        some_text(rows().map(|row| row.place.as_str())),
        some_text(rows().map(|row| signal(row.signal).map_or("", |signal| signal.variation))),
        some_text(rows().map(|row| signal(row.signal).map_or("", |signal| signal.assurance))),
        flags(rows().map(|_| false)),
        some_text(rows().map(|row| row.freshness.as_str())),
        some_text(rows().map(|row| row.commentary.as_str())),
        flags(of().map(|figure| figure.synthetic)),
        same(release, n),
    ])
}

/// Share of false alarms that is borne among exceptions.
pub const LEVEL: f64 = 0.1;
/// Chance up to which a single series would be called a signal, were there no control.
const SINGLE: f64 = 0.05;

/// Chooses the exceptions over all series, and marks them in both tables.
///
/// # Errors
/// A table without its columns: a defect of ours.
pub fn mark_exceptions(
    signals: &mut [RecordBatch],
    scorecards: &mut [RecordBatch],
) -> Result<Exceptions, ArrowError> {
    let mut chances: Vec<Option<f64>> = Vec::new();
    for batch in signals.iter() {
        let column = column(batch, "chance")?;
        chances.extend(column.as_primitive::<Float64Type>().iter());
    }
    let found = exceptions::report(&chances, LEVEL, SINGLE, Dependence::Positive);
    let mut marked: BTreeMap<(String, String, String), bool> = BTreeMap::new();
    let mut at = 0;
    for batch in signals.iter_mut() {
        let own: Vec<bool> = found.reported.iter().copied().skip(at).take(batch.num_rows()).collect();
        at += batch.num_rows();
        for (row, reported) in own.iter().enumerate().filter(|(_, reported)| **reported) {
            marked.insert(series(batch, row)?, *reported);
        }
        *batch = with_flags(batch, &own)?;
    }
    for batch in scorecards.iter_mut() {
        let own: Result<Vec<bool>, ArrowError> =
            (0..batch.num_rows()).map(|row| Ok(marked.contains_key(&series(batch, row)?))).collect();
        *batch = with_flags(batch, &own?)?;
    }
    Ok(found)
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, ArrowError> {
    batch.column_by_name(name).ok_or_else(|| ArrowError::SchemaError(format!("there is no column `{name}`")))
}

fn series(batch: &RecordBatch, row: usize) -> Result<(String, String, String), ArrowError> {
    let text = |name| Ok::<_, ArrowError>(column(batch, name)?.as_string::<i32>().value(row).to_owned());
    Ok((text("measure")?, text("area")?, text("breakdown")?))
}

fn with_flags(batch: &RecordBatch, marks: &[bool]) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        if field.name() == "exception" {
            Arc::new(BooleanArray::from(marks.to_vec())) as ArrayRef
        } else {
            Arc::clone(column)
        }
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect())
}

/// Table `signal_summary`.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn signal_summary(found: &Exceptions, synthetic: bool, release: &str) -> Result<RecordBatch, ArrowError> {
    let reported = found.reported.iter().filter(|reported| **reported).count();
    SIGNAL_SUMMARY.batch(vec![
        same("benjamini-hochberg", 1),
        whole([Some(found.reported.len() as u64)]),
        whole([Some(found.tested as u64)]),
        numbers([Some(LEVEL)]),
        numbers([found.threshold]),
        whole([Some(reported as u64)]),
        numbers([Some(found.expected_false_alarms)]),
        numbers([Some(found.expected_without_control)]),
        flags([synthetic]),
        same(release, 1),
    ])
}

/// The tables of what people set and say: targets, breaks, commentary, milestones.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn declared(
    project: &Project,
    as_of: NaiveDate,
    release: &str,
) -> Result<[(&'static Table, RecordBatch); 4], ArrowError> {
    Ok([
        (&TARGET, target(project, release)?),
        (&SERIES_BREAK, series_break(project, release)?),
        (&COMMENTARY, commentary(project, release)?),
        (&MILESTONE, milestone(project, as_of, release)?),
    ])
}

fn target(project: &Project, release: &str) -> Result<RecordBatch, ArrowError> {
    let all: Vec<_> = project
        .targets
        .values()
        .flat_map(|targets| targets.config.target.iter().map(move |target| (&targets.config, target)))
        .collect();
    let rows = || all.iter().map(|(_, target)| *target);
    TARGET.batch(vec![
        text(all.iter().map(|(targets, _)| targets.measure.as_str())),
        text(rows().map(|target| target.area.as_str())),
        text(rows().map(|target| target.breakdown.as_str())),
        text(rows().map(|target| target.period.name())),
        text(rows().map(|target| target.from.to_string())),
        text(rows().map(|target| target.to.to_string())),
        numbers(rows().map(|target| target.value)),
        numbers(rows().map(|target| target.trajectory.map(|line| line.from_value))),
        numbers(rows().map(|target| target.trajectory.map(|line| line.to_value))),
        numbers(rows().map(|target| target.change_percent)),
        some_text(rows().map(|target| target.base.as_deref().unwrap_or_default())),
        numbers(rows().map(|target| target.tolerance)),
        numbers(rows().map(|target| target.tolerance_percent)),
        text(rows().map(|target| target.source.as_str())),
        text(rows().map(|target| target.approved_by.as_str())),
        days(rows().map(|target| target.approved_on)),
        some_days(all.iter().map(|(targets, target)| targets.superseded_on(target))),
        some_text(rows().map(|target| target.note.as_str())),
        flags(rows().map(|_| false)),
        same(release, all.len()),
    ])
}

fn series_break(project: &Project, release: &str) -> Result<RecordBatch, ArrowError> {
    let rows = || project.breaks.values().map(|found| &found.config);
    SERIES_BREAK.batch(vec![
        text(rows().map(|found| found.id.as_str())),
        text(rows().map(|found| found.title.as_str())),
        text(rows().map(|found| found.month.to_string())),
        text(rows().map(|found| found.kind.name())),
        some_text(rows().map(|found| found.measures.join(", "))),
        some_text(rows().map(|found| found.datasets.join(", "))),
        some_text(rows().map(|found| found.areas.join(", "))),
        some_text(rows().map(|found| found.note.as_str())),
        flags(rows().map(|_| false)),
        same(release, project.breaks.len()),
    ])
}

fn commentary(project: &Project, release: &str) -> Result<RecordBatch, ArrowError> {
    let rows = || project.commentary.iter();
    COMMENTARY.batch(vec![
        text(rows().map(|said| said.measure.as_str())),
        text(rows().map(|said| said.partnership.as_str())),
        some_text(rows().map(|said| said.area.as_deref().unwrap_or_default())),
        text(rows().map(|said| said.period.to_string())),
        text(rows().map(|said| said.author.as_str())),
        days(rows().map(|said| said.date)),
        text(rows().map(|said| said.text.as_str())),
        text(rows().map(|said| said.source.path.to_string_lossy().replace('\\', "/"))),
        flags(rows().map(|_| false)),
        same(release, project.commentary.len()),
    ])
}

fn milestone(project: &Project, as_of: NaiveDate, release: &str) -> Result<RecordBatch, ArrowError> {
    let rows = || project.milestones.values().map(|milestone| &milestone.config);
    MILESTONE.batch(vec![
        text(rows().map(|milestone| milestone.id.as_str())),
        text(rows().map(|milestone| milestone.title.as_str())),
        text(rows().map(|milestone| milestone.framework.as_str())),
        text(rows().map(|milestone| milestone.theme.as_str())),
        some_text(rows().map(|milestone| milestone.reference.as_str())),
        text(rows().map(|milestone| milestone.owner.as_str())),
        some_days(rows().map(|milestone| milestone.planned)),
        days(rows().map(|milestone| milestone.due)),
        text(rows().map(|milestone| milestone.state_on(as_of).name())),
        some_days(rows().map(|milestone| milestone.done_on)),
        some_text(rows().map(|milestone| milestone.note.as_str())),
        flags(rows().map(|_| false)),
        same(release, project.milestones.len()),
    ])
}
