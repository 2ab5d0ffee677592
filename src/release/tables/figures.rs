//! Tables of figures: what each is, of which measure, area and period.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use chrono::NaiveDate;

use super::Kind::{Day, Flag, Number, Text, Whole};
use super::{
    Column, OF_PARTNERSHIP, OF_RELEASE, Table, days, flags, same, some_days, some_text, text, whole,
};
use crate::assess::interval::confidence;
use crate::assess::settings::FrameworkItem;
use crate::assess::{Absence, Basis, Figure};
use crate::config::SqlFile;
use crate::config::settings::MeasureConfig;
use crate::definition;
use crate::disclosure::settings::Applied;
use crate::freshness::Freshness;
use crate::geography::Areas;
use crate::period::Period;

/// Every figure.
pub const OUTTURN: Table = Table {
    name: "outturn",
    title: "Every figure: one row per measure, area, breakdown and period",
    columns: &[
        Column("measure", Text, "Short name of the measure; its words are in table `measure`"),
        OF_PARTNERSHIP,
        Column("area", Text, "Code of the area; its name is in table `area`"),
        Column("period", Text, "The period, such as 2025-06, 2025/26 Q1, 2024/25 or 12 months to 2025-06"),
        Column(
            "period_kind",
            Text,
            "month, financial-quarter, calendar-quarter, financial-year, calendar-year, academic-year, \
             financial-year-to-date, rolling-12-months or survey-wave",
        ),
        Column("breakdown", Text, "all, or what the figure is broken down by, such as crime_type: Burglary"),
        Column(
            "numerator",
            Number,
            "Events; of a survey the weighted answers, of an average the sum of the values; empty where none can be told",
        ),
        Column(
            "denominator",
            Number,
            "Those who could have had them; of an average and a median how many values, of an index the base year's events in \
             as many months; empty for a count",
        ),
        Column("value", Number, "The outturn, in the measure's unit; empty where `status` is not available"),
        Column(
            "status",
            Text,
            "available, not_available, incomplete, not_applicable, base_too_small, not_calculated or suppressed",
        ),
        Column(
            "absence",
            Text,
            "Why there is no value, as a word: not_supplied, late, suppressed_by_supplier and so on; nil_return where a value \
             of 0 is what suppliers said; else empty",
        ),
        Column("note", Text, "Why a cell is empty, or what a reader should know; empty otherwise"),
        Column(
            "lower",
            Number,
            "Lower limit of the value; empty where no interval fits or the measure has none",
        ),
        Column("upper", Number, "Upper limit of the value"),
        Column("confidence", Number, "Confidence of the limits, in percent"),
        Column(
            "interval_method",
            Text,
            "wilson, exact, byars, student_t, wilson_effective_base, newcombe, rate_difference, rate_ratio, \
             order_statistics, or select for limits that the SELECT yields; empty without limits",
        ),
        Column("base", Number, "How many answered a survey, unweighted; empty for other kinds"),
        Column(
            "design_effect",
            Number,
            "Variance of a survey's share over that of a simple random sample; empty for other kinds",
        ),
        Column(
            "standard_error",
            Number,
            "Of an average or a survey's share, in the measure's unit; else empty",
        ),
        Column(
            "other_numerator",
            Number,
            "Events of the other group of a gap; of an index those of the base year; else empty",
        ),
        Column(
            "other_denominator",
            Number,
            "Those of the other group who could have had them; of an index 12 months",
        ),
        Column("estimated", Flag, "True where some of it was shared out by weights, because areas changed"),
        Column(
            "break",
            Flag,
            "True where a break in the series lies in the period: the first of a new series, or a mix of two",
        ),
        Column("definition_version", Whole, "Version of the measure's definition that made it"),
        Column(
            "sign_off",
            Text,
            "provisional, checked, or final: it stands as it was signed, whatever is delivered afterwards",
        ),
        Column(
            "revised",
            Flag,
            "True where an earlier release published another value; see table `revision`",
        ),
        Column("synthetic", Flag, "True where some of what it was counted from was made by the simulator"),
        Column("as_of", Day, "Day of the release"),
        OF_RELEASE,
    ],
};

/// Every measure.
pub const MEASURE: Table = Table {
    name: "measure",
    title: "Every measure: its words in the plan, its definition, and whether it was released",
    columns: &[
        Column("measure", Text, "Short name, unique in the project"),
        OF_PARTNERSHIP,
        Column("title", Text, "Wording of the plan"),
        Column("framework", Text, "The plan that names it"),
        Column("theme", Text, "Theme of the plan"),
        Column("priority", Text, "Priority of the plan"),
        Column("ref", Text, "Number of the measure in the plan"),
        Column("owner", Text, "Role that answers for it"),
        Column(
            "purpose",
            Text,
            "What it is used for, in the words of the agreements; empty where none is stated",
        ),
        Column(
            "audiences",
            Text,
            "Who may see it under the agreements of the feeds that it reads: partnership, public, both, or nobody",
        ),
        Column(
            "disclosure",
            Text,
            "What protects its figures before the public sees them; empty where there are no tables for the public",
        ),
        Column(
            "disclosure_reason",
            Text,
            "Why it is protected otherwise than others, or not at all; empty otherwise",
        ),
        Column("quote", Text, "The plan's own words"),
        Column("kind", Text, "How the value follows from numerator and denominator"),
        Column("unit", Text, "What one of the value is"),
        Column("per", Whole, "Multiplier of a rate; empty for other kinds"),
        Column("polarity", Text, "higher-is-better, lower-is-better or context"),
        Column("notes", Text, "What a reader should know about it"),
        Column(
            "interval_reason",
            Text,
            "Why its figures have no interval; empty where they have the usual one",
        ),
        Column("benchmark", Text, "Code of the area that the others are compared with; empty without one"),
        Column("baseline", Text, "The period from which the plan starts; empty without one"),
        Column(
            "status",
            Text,
            "released, withheld, or to_be_developed for an item of the plan without a measure",
        ),
        Column("reason", Text, "Why it was withheld, or what is missing; empty otherwise"),
        Column("latest_period", Text, "Latest period with a value; empty where there is none"),
        Column(
            "oldest_source",
            Day,
            "Last day of what was delivered by the feed that lags most of those that it counts from; empty where one \
             has nothing",
        ),
        Column("stale", Flag, "True where one of these feeds is past its due day with its latest period"),
        Column("stale_reason", Text, "Which, and since when; empty otherwise"),
        Column("reads", Text, "Tables that its SQL reads, separated by commas"),
        Column("definition_version", Whole, "Version of its definition; empty for an item without a measure"),
        Column(
            "definition_changes",
            Text,
            "What changed with each version after the first, and why, a line each; empty where nothing did",
        ),
        Column(
            "definition",
            Text,
            "Digest of what is counted: SELECT, shared queries, breakdowns and the settings that make a value of it",
        ),
        Column("sql_file", Text, "File of its SQL"),
        Column("sql", Text, "Its SQL, as it was run"),
        Column("fingerprint", Text, "Digest of everything that its figures follow from"),
        OF_RELEASE,
    ],
};

/// Every area.
pub const AREA: Table = Table {
    name: "area",
    title: "Every area: its name and the area that it lies in",
    columns: &[
        Column("area", Text, "Code of the Office for National Statistics"),
        Column("level", Text, "ward, authority, csp, force or country"),
        Column("title", Text, "Its name"),
        Column("parent", Text, "Code of the area that it lies in; empty at the top"),
        OF_RELEASE,
    ],
};

/// Every period.
pub const PERIOD: Table = Table {
    name: "period",
    title: "Every period that table `outturn` names",
    columns: &[
        Column("period", Text, "The period as table `outturn` names it"),
        Column("kind", Text, "Kind of the period, as in table `outturn`"),
        Column("title", Text, "The words for a report"),
        Column("first_day", Day, "Its first day"),
        Column("last_day", Day, "Its last day"),
        Column("months", Whole, "How many months it has"),
        OF_RELEASE,
    ],
};

/// Rows of `outturn` for one measure.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn outturn(
    measure: &SqlFile<MeasureConfig>,
    figures: &[Figure],
    as_of: NaiveDate,
    release: &str,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let rows = figures.len();
    let number = |of: fn(&Figure) -> Option<f64>| -> ArrayRef {
        Arc::new(figures.iter().map(of).collect::<Float64Array>())
    };
    let sure = confidence(&measure.config).share() * 100.0;
    OUTTURN.batch(vec![
        same(&measure.config.id, rows),
        same(&measure.partnership, rows),
        text(figures.iter().map(|figure| figure.area.as_str())),
        text(figures.iter().map(|figure| figure.period.to_string())),
        text(figures.iter().map(|figure| figure.period.kind.name())),
        text(figures.iter().map(|figure| figure.breakdown.as_str())),
        number(|figure| figure.numerator),
        number(|figure| figure.denominator),
        number(|figure| figure.value),
        text(figures.iter().map(|figure| figure.status.name())),
        some_text(figures.iter().map(|figure| figure.absence.map_or("", Absence::name))),
        some_text(figures.iter().map(|figure| figure.note.as_str())),
        number(|figure| figure.interval.map(|own| own.limits.lower)),
        number(|figure| figure.interval.map(|own| own.limits.upper)),
        Arc::new(figures.iter().map(|figure| figure.interval.map(|_| sure)).collect::<Float64Array>()),
        some_text(figures.iter().map(|figure| figure.interval.map_or("", |own| own.method))),
        number(|figure| figure.basis.as_ref()?.base),
        number(|figure| figure.basis.as_ref()?.design_effect),
        number(|figure| figure.basis.as_ref()?.error),
        number(|figure| figure.basis.as_ref()?.other_numerator),
        number(|figure| figure.basis.as_ref()?.other_denominator),
        flags(figures.iter().map(Figure::is_estimated)),
        flags(figures.iter().map(|figure| figure.after_break)),
        whole(figures.iter().map(|figure| Some(u64::from(figure.vintage.definition_version)))),
        text(figures.iter().map(|figure| figure.vintage.sign_off.name())),
        flags(figures.iter().map(|figure| figure.vintage.revised)),
        flags(figures.iter().map(|figure| figure.synthetic)),
        days(std::iter::repeat_n(as_of, rows)),
        same(release, rows),
    ])
}

/// Why figures of table `outturn` have no value, read back from its rows.
pub struct Absences<'a>(Option<&'a StringArray>);

impl<'a> Absences<'a> {
    /// Those of rows; releases of earlier versions of the program do not say.
    #[must_use]
    pub fn of(batch: &'a RecordBatch) -> Self {
        Self(batch.column_by_name("absence").and_then(|column| column.as_string_opt()))
    }

    /// That of a row.
    #[must_use]
    pub fn at(&self, row: usize) -> Option<Absence> {
        let column = self.0.filter(|column| column.is_valid(row))?;
        Absence::named(column.value(row))
    }
}

/// What figures of table `outturn` stand on, read back from its rows.
pub struct Bases<'a> {
    numbers: [Option<&'a Float64Array>; 7],
    estimated: Option<&'a BooleanArray>,
}

impl<'a> Bases<'a> {
    /// Those of rows; releases of earlier versions of the program have none.
    #[must_use]
    pub fn of(batch: &'a RecordBatch) -> Self {
        let names = [
            "base",
            "design_effect",
            "standard_error",
            "other_numerator",
            "other_denominator",
            "numerator",
            "denominator",
        ];
        let number = |name| batch.column_by_name(name)?.as_primitive_opt::<Float64Type>();
        let estimated = batch.column_by_name("estimated").and_then(|column| column.as_boolean_opt());
        Self { numbers: names.map(number), estimated }
    }

    /// What the figure of a row stands on; `None` where numerator and denominator are all.
    #[must_use]
    pub fn at(&self, row: usize) -> Option<Box<Basis>> {
        let [base, design_effect, error, other_numerator, other_denominator, total, n] = self
            .numbers
            .map(|column| column.filter(|column| column.is_valid(row)).map(|column| column.value(row)));
        // The sum of squares behind an average follows from its standard error; a survey has an error too, and a base.
        let average = error.zip(total).zip(n).filter(|_| base.is_none());
        let squares = average.map(|((error, total), n)| error * error * n * (n - 1.0) + total * total / n);
        let estimated = self.estimated.is_some_and(|column| column.is_valid(row) && column.value(row));
        let found = Basis {
            base,
            design_effect,
            error,
            squares,
            other_numerator,
            other_denominator,
            estimated,
            dominated: false,
        };
        (found != Basis::default()).then(|| Box::new(found))
    }
}

/// What `measure` says of one measure beyond its settings.
pub struct MeasureRow<'a> {
    /// The measure.
    pub file: &'a SqlFile<MeasureConfig>,
    /// Why it is withheld; empty when it is released.
    pub reason: String,
    /// Latest period with a value.
    pub latest: String,
    /// How fresh the feeds are that it counts from.
    pub freshness: Freshness,
    /// Tables that it reads.
    pub reads: String,
    /// Audiences that the agreements of its feeds permit.
    pub audiences: String,
    /// Digest of its definition.
    pub definition: String,
    /// What protects its figures before the public sees them; `None` without tables for the public.
    pub disclosure: Option<Applied>,
    /// Digest of everything that its figures follow from.
    pub fingerprint: String,
}

/// Table `measure`: the measures, then the items of plans without one, each with its partnership.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn measure(
    rows: &[MeasureRow<'_>],
    items: &[(&str, &FrameworkItem)],
    release: &str,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let both = |value: fn(&MeasureConfig) -> &str, item: fn(&FrameworkItem) -> &str| {
        let measures = rows.iter().map(|row| value(&row.file.config));
        some_text(measures.chain(items.iter().map(|(_, framework)| item(framework))))
    };
    let of = |value: fn(&MeasureConfig) -> &str| both(value, |_| "");
    let told = |value: &dyn Fn(&MeasureRow<'_>) -> String| {
        some_text(rows.iter().map(value).chain(items.iter().map(|_| String::new())))
    };
    let partnerships = rows.iter().map(|row| row.file.partnership.as_str());
    let status = rows.iter().map(|row| if row.reason.is_empty() { "released" } else { "withheld" });
    let reasons = rows.iter().map(|row| row.reason.as_str());
    let per = rows.iter().map(|row| row.file.config.per.map(u64::from));
    let versions = rows.iter().map(|row| Some(u64::from(row.file.config.version)));
    let oldest = rows.iter().map(|row| row.freshness.oldest_source);
    let stale = rows.iter().map(|row| !row.freshness.stale.is_empty());
    MEASURE.batch(vec![
        both(|m| &m.id, |item| &item.id),
        text(partnerships.chain(items.iter().map(|(partnership, _)| *partnership))),
        both(|m| &m.title, |item| &item.title),
        both(|m| &m.framework, |item| &item.framework),
        both(|m| &m.theme, |item| &item.theme),
        both(|m| &m.priority, |item| &item.priority),
        both(|m| &m.reference, |item| &item.reference),
        both(|m| &m.owner, |item| &item.owner),
        of(|m| m.purpose.as_deref().unwrap_or_default()),
        told(&|row| row.audiences.clone()),
        told(&|row| row.disclosure.as_ref().map(|applied| applied.words.clone()).unwrap_or_default()),
        told(&|row| row.disclosure.as_ref().map(|applied| applied.reason.clone()).unwrap_or_default()),
        both(|m| &m.quote, |item| &item.quote),
        of(|m| m.kind.name()),
        of(|m| &m.unit),
        whole(per.chain(items.iter().map(|_| None))),
        of(|m| m.polarity.name()),
        told(&|row| row.file.config.notes.trim().to_owned()),
        of(|m| m.interval_reason.trim()),
        of(|m| m.benchmark.as_deref().unwrap_or_default()),
        of(|m| m.baseline.as_deref().unwrap_or_default()),
        text(status.chain(items.iter().map(|_| "to_be_developed"))),
        some_text(reasons.chain(items.iter().map(|(_, item)| item.reason.as_str()))),
        told(&|row| row.latest.clone()),
        some_days(oldest.chain(items.iter().map(|_| None))),
        flags(stale.chain(items.iter().map(|_| false))),
        told(&|row| row.freshness.stale.clone()),
        told(&|row| row.reads.clone()),
        whole(versions.chain(items.iter().map(|_| None))),
        told(&|row| definition::history(&row.file.config)),
        told(&|row| row.definition.clone()),
        told(&|row| row.file.source.path.to_string_lossy().replace('\\', "/")),
        told(&|row| row.file.sql().to_owned()),
        told(&|row| row.fingerprint.clone()),
        same(release, rows.len() + items.len()),
    ])
}

/// Table `area`.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn area(areas: &Areas, release: &str) -> Result<RecordBatch, arrow::error::ArrowError> {
    AREA.batch(vec![
        text(areas.iter().map(|area| area.code.as_str())),
        some_text(areas.iter().map(|area| area.level.as_str())),
        some_text(areas.iter().map(|area| area.title.as_str())),
        some_text(areas.iter().map(|area| area.parent.as_str())),
        same(release, areas.iter().count()),
    ])
}

/// Table `period`.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn period(periods: &BTreeSet<Period>, release: &str) -> Result<RecordBatch, arrow::error::ArrowError> {
    PERIOD.batch(vec![
        text(periods.iter().map(ToString::to_string)),
        text(periods.iter().map(|period| period.kind.name())),
        text(periods.iter().map(|period| period.title())),
        days(periods.iter().map(|period| period.first.first_day())),
        days(periods.iter().map(|period| period.last.last_day())),
        whole(periods.iter().map(|period| Some(period.months().count() as u64))),
        same(release, periods.len()),
    ])
}

#[cfg(test)]
mod basis_tests {
    use super::*;
    use crate::assess::Status;
    use crate::assess::tests::config;
    use crate::config::settings::MeasureKind;
    use crate::diagnose::Source;

    #[test]
    fn what_figures_stand_on_reads_back_as_it_was_published() {
        // Four values of sum 300 and squares of 27,000: standard error √(1,500 / 4).
        let error = (1500.0_f64 / 4.0).sqrt();
        let average = Basis { squares: Some(27_000.0), error: Some(error), ..Basis::default() };
        let survey = Basis {
            base: Some(60.0),
            design_effect: Some(1.2),
            error: Some(6.5),
            estimated: true,
            ..Basis::default()
        };
        let gap = Basis { other_numerator: Some(12.0), other_denominator: Some(24.0), ..Basis::default() };
        let figures: Vec<Figure> = [None, Some(average), Some(survey), Some(gap)]
            .into_iter()
            .map(|basis| Figure {
                area: "A".to_owned(),
                period: "2025-06".parse().unwrap(),
                breakdown: "all".to_owned(),
                numerator: Some(300.0),
                denominator: Some(4.0),
                value: Some(75.0),
                status: Status::Available,
                absence: None,
                synthetic: false,
                note: String::new(),
                interval: None,
                after_break: false,
                vintage: crate::assess::Vintage::default(),
                basis: basis.map(Box::new),
            })
            .collect();
        let file = SqlFile {
            partnership: String::new(),
            config: config(MeasureKind::Average),
            source: Source::new("m.sql", ""),
            digest: String::new(),
        };
        let batch = outturn(&file, &figures, NaiveDate::MIN, "r").unwrap();
        let bases = Bases::of(&batch);
        for (row, figure) in figures.iter().enumerate() {
            let (found, wanted) = (bases.at(row), figure.basis.clone());
            let squares = |basis: &Option<Box<Basis>>| basis.as_ref().and_then(|basis| basis.squares);
            let apart = squares(&found).unwrap_or_default() - squares(&wanted).unwrap_or_default();
            assert!(apart.abs() < 1e-6, "{row}: {apart}");
            let without = |basis: Option<Box<Basis>>| basis.map(|basis| Basis { squares: None, ..*basis });
            assert_eq!(without(found), without(wanted), "{row}");
        }
    }
}
