//! The tables of every release: their columns, what each means, and how they are filled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimeUnit};
use chrono::NaiveDate;

use super::assessed::{
    ASSESSMENT, COMMENTARY, MILESTONE, SCORECARD, SERIES_BREAK, SIGNAL, SIGNAL_SUMMARY, TARGET,
};
use crate::agreement::AgreementConfig;
use crate::assess::interval::confidence;
use crate::assess::settings::FrameworkItem;
use crate::assess::{Basis, Figure};
use crate::config::settings::{FeedConfig, MeasureConfig};
use crate::config::{Loaded, Project, SqlFile};
use crate::definition;
use crate::disclosure::settings::Applied;
use crate::feed::FeedState;
use crate::freshness::{self, Freshness, Standing};
use crate::geography::Areas;
use crate::normalise::{DeliveryReport, DeliveryStatus, drift};
use crate::period::{Month, Period};
use crate::publication;
use crate::signoff::Decision;
use crate::waiver::WaiverConfig;

/// One column: name, type, and what it means.
pub struct Column(pub &'static str, pub Kind, pub &'static str);

/// Type of a published column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// A day.
    Day,
    /// A moment, in UTC.
    Moment,
}

/// A table that the product publishes itself.
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What it holds, in words.
    pub title: &'static str,
    /// Its columns, in order.
    pub columns: &'static [Column],
}

use Kind::{Day, Flag, Moment, Number, Text, Whole};

/// Every figure.
pub const OUTTURN: Table = Table {
    name: "outturn",
    title: "Every figure: one row per measure, area, breakdown and period",
    columns: &[
        Column("measure", Text, "Short name of the measure; its words are in table `measure`"),
        Column("partnership", Text, "Partnership that publishes it"),
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
        Column("release", Text, "The release"),
    ],
};

/// Every measure.
pub const MEASURE: Table = Table {
    name: "measure",
    title: "Every measure: its words in the plan, its definition, and whether it was released",
    columns: &[
        Column("measure", Text, "Short name, unique in the project"),
        Column("partnership", Text, "Partnership that publishes it"),
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
        Column("release", Text, "The release"),
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
        Column("release", Text, "The release"),
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
        Column("release", Text, "The release"),
    ],
};

/// Every delivery, and every month without one.
pub const FEED_DELIVERY: Table = Table {
    name: "feed_delivery",
    title: "Every delivery and what became of its rows; also every expected month without one",
    columns: &[
        Column("feed", Text, "Short name of the feed"),
        Column("title", Text, "What it is"),
        Column("supplier", Text, "Who supplies it"),
        Column("dataset", Text, "Dataset that it fills"),
        Column("period", Text, "Month that the delivery is about"),
        Column("source_file", Text, "Base name of the file; empty where there is none"),
        Column("source", Text, "Address or path that it came from"),
        Column("delivery", Text, "SHA-256 of the bytes as received"),
        Column("bytes", Whole, "Number of bytes as received"),
        Column("received_at", Moment, "When it was received"),
        Column(
            "status",
            Text,
            "accepted, partial (accepted, but only part of the month), erased, refused, held; without a delivery \
             known_gap, stopped by the agreement, beyond_retention or not_supplied",
        ),
        Column("note", Text, "Why, or what a reader should know; empty otherwise"),
        Column("received", Whole, "Rows that it brought; equals accepted + duplicate + quarantined"),
        Column("accepted", Whole, "Rows in the dataset"),
        Column("duplicate", Whole, "Rows that repeat an accepted one"),
        Column(
            "quarantined",
            Whole,
            "Rows that are set aside; all of them where the delivery was refused or held",
        ),
        Column(
            "restated",
            Whole,
            "Rows that the delivery before brought for the month, where this one tells it anew; empty otherwise",
        ),
        Column("synthetic", Flag, "True where the simulator made it"),
        Column("release", Text, "The release"),
    ],
};

/// Every feed and period: whether it came when it should have.
pub const FEED_STATUS: Table = Table {
    name: "feed_status",
    title: "Every feed and every period that has ended: when it was due, whether it came, and how late, on the day of \
            the release",
    columns: &[
        Column("feed", Text, "Short name of the feed"),
        Column("supplier", Text, "Who supplies it"),
        Column("period", Text, "The period, such as 2025-06, 2025/26 Q1 or 2024/25"),
        Column("period_end", Day, "Its last day"),
        Column("rule", Text, "By when it should be there"),
        Column("due_on", Day, "The last day on which it is on time"),
        Column(
            "state",
            Text,
            "on_time, early (before the period was over), late, history (came with the first fetch of the feed), empty, \
             partial, refused, held, overdue, not_yet_due or known_gap",
        ),
        Column(
            "days_late",
            Whole,
            "Days past the due day: until it came, or until the release while nothing usable came; empty where it is \
             not late",
        ),
        Column(
            "last_delivery",
            Moment,
            "When it was received first in a form that can be used; empty where none was",
        ),
        Column("note", Text, "What a reader should know; empty otherwise"),
        Column("release", Text, "The release"),
    ],
};

/// Rows that are set aside, by rule.
pub const QUARANTINE_SUMMARY: Table = Table {
    name: "quarantine_summary",
    title: "Rows that are set aside, by feed, month, file and the rule that they break",
    columns: &[
        Column("feed", Text, "Short name of the feed"),
        Column("period", Text, "Month of the delivery"),
        Column("source_file", Text, "Base name of the file"),
        Column(
            "reason",
            Text,
            "The rule; delivery_refused and delivery_held where the delivery as a whole is set aside",
        ),
        Column("rows", Whole, "How many rows"),
        Column(
            "acknowledged",
            Whole,
            "How many of them a waiver acknowledges, so that they no longer count as open",
        ),
        Column("synthetic", Flag, "True where the simulator made them"),
        Column("release", Text, "The release"),
    ],
};

/// What somebody decided about rows that break a rule.
pub const WAIVER: Table = Table {
    name: "waiver",
    title: "Every waiver: which rows that break a rule are taken as they stand, or are known and stay out, and who decided \
            it",
    columns: &[
        Column("waiver", Text, "Its short name"),
        Column("feed", Text, "The feed"),
        Column("period", Text, "Month of the delivery"),
        Column("rule", Text, "The rule that the rows break"),
        Column("effect", Text, "accept (the rows are taken as they stand) or acknowledge (they stay out)"),
        Column(
            "lines",
            Text,
            "The lines that are meant, separated by commas; empty for every row that breaks the rule",
        ),
        Column("rows", Whole, "Rows that it let in, or acknowledges, in this release"),
        Column("why", Text, "Why"),
        Column("by", Text, "Role of the person who decided it"),
        Column("until", Day, "The last day on which it applies"),
        Column("active", Flag, "False where that day has passed: the rows are judged by the contract again"),
        Column("release", Text, "The release"),
    ],
};

/// Every agreement, and the feeds without one.
pub const AGREEMENT: Table = Table {
    name: "agreement",
    title: "Every sharing agreement and licence under which feeds are used, and the feeds without one",
    columns: &[
        Column("agreement", Text, "Short name; empty in the row of the feeds for which none is recorded"),
        Column("kind", Text, "sharing, or open-licence"),
        Column("reference", Text, "Reference by which the partners file it, or name of the licence"),
        Column("title", Text, "What it is called"),
        Column("controller", Text, "Who decides over the data"),
        Column("lawful_basis", Text, "Lawful basis of the sharing; empty for a licence"),
        Column("purposes", Text, "Purposes agreed on, separated by semicolons; empty: any"),
        Column("outputs", Text, "Audiences that may see what is counted: partnership, public, or both"),
        Column("recipients", Text, "Partnerships whose measures may use the data; empty: all"),
        Column("begins", Day, "First day on which it holds; empty: it holds already"),
        Column("expires", Day, "Last day on which it holds; empty: it does not end"),
        Column("retention", Text, "How long rows are kept; empty: no limit was agreed"),
        Column("contact", Text, "Role to ask about it"),
        Column("feeds", Text, "Feeds that are used under it, separated by commas"),
        Column("state", Text, "in_force, not_begun or expired on the day of the release; or none_recorded"),
        Column("as_of", Day, "Day of the release"),
        Column("release", Text, "The release"),
    ],
};

/// Who signed what.
pub const SIGN_OFF: Table = Table {
    name: "sign_off",
    title: "Every sign-off: which figures were checked, made final, or reopened, by which role",
    columns: &[
        Column("number", Whole, "Number of the decision, from 1"),
        Column("at", Moment, "When it was decided"),
        Column("by", Text, "Role that decided it"),
        Column("action", Text, "checked, final or reopened"),
        Column("period", Text, "The period; figures of every period within it are meant"),
        Column("measures", Text, "Measures that are meant, separated by commas; empty for all"),
        Column("figures", Whole, "How many figures it is about"),
        Column("signed_release", Text, "Release whose figures were signed"),
        Column("note", Text, "Why, or what a reader should know; empty otherwise"),
        Column("release", Text, "The release"),
    ],
};

/// What is planned to go out, and what did.
pub const RELEASE_CALENDAR: Table = Table {
    name: "release_calendar",
    title: "The release calendar: every planned release, whether it is out, and whom to ask about it",
    columns: &[
        Column("name", Text, "Name by which it is quoted"),
        Column("title", Text, "What it is; empty where nothing is said"),
        Column("audience", Text, "Who waits for it: public or partnership"),
        Column("publish_at", Moment, "When it goes out"),
        Column("publish_at_local", Text, "The same by the wall clock"),
        Column("periods", Text, "Periods that it is about, separated by commas"),
        Column("announced", Day, "Day on which its date was announced; empty where that is not recorded"),
        Column("pre_release", Text, "Roles that may see it beforehand, separated by commas; empty: none"),
        Column("contact_role", Text, "Role to ask about it"),
        Column("contact_address", Text, "Where that is reached"),
        Column("state", Text, "planned, due (its time has passed, and it cannot go out yet) or out"),
        Column("went_out_at", Moment, "When it went out; empty where it has not"),
        Column("went_out_release", Text, "The release that went out; empty where none has"),
        Column("note", Text, "What a reader should know; empty otherwise"),
        Column("release", Text, "The release"),
    ],
};

/// The release itself.
pub const RELEASE: Table = Table {
    name: "release",
    title: "The release itself: one row",
    columns: &[
        Column("release", Text, "Its name: the day and a number"),
        Column("as_of", Day, "Its day"),
        Column("previous", Text, "The release before it; empty for the first"),
        Column("program", Text, "Version of the program that made it"),
        Column("measures", Whole, "Measures of the project"),
        Column("measures_released", Whole, "Measures whose figures are in it"),
        Column("deliveries", Whole, "Deliveries that its figures were counted from"),
        Column("rows_accepted", Whole, "Rows in the datasets"),
        Column("rows_quarantined", Whole, "Rows that are set aside"),
        Column("gaps", Whole, "Expected months that are missing, refused or held, known gaps not counted"),
        Column("synthetic", Flag, "True where some of what it was counted from was made by the simulator"),
    ],
};

/// Figures that the release before showed otherwise.
pub const REVISION: Table = Table {
    name: "revision",
    title: "Every figure that the release before showed otherwise, and every final figure that would be another one now, \
            with the reason; figures of new periods are not among them",
    columns: &[
        Column("measure", Text, "Short name of the measure"),
        Column("area", Text, "Code of the area"),
        Column("period", Text, "The period"),
        Column("period_kind", Text, "Kind of the period, as in table `outturn`"),
        Column("breakdown", Text, "all, or what the figure is broken down by"),
        Column("value_before", Number, "The outturn in the release before; empty where it had none"),
        Column("value_after", Number, "The outturn in this release; empty where there is none"),
        Column("difference", Number, "value_after less value_before; empty where one of them is"),
        Column("numerator_before", Number, "Events in the release before"),
        Column("numerator_after", Number, "Events in this release"),
        Column("denominator_before", Number, "Those who could have had them, in the release before"),
        Column("denominator_after", Number, "Those who could have had them, in this release"),
        Column("status_before", Text, "Status in the release before"),
        Column(
            "status_after",
            Text,
            "Status in this release; no_longer_published where it has no such figure",
        ),
        Column(
            "reason",
            Text,
            "new_definition, correction (a final figure was reopened), restated_month, late_delivery, \
             withdrawn_delivery, mended_contract, reference_data, program, unknown, or \
             disclosure where one of the two releases withholds it",
        ),
        Column(
            "explanation",
            Text,
            "The feeds and months behind the reason, or what changed in the definition; empty where there is nothing to add",
        ),
        Column(
            "state",
            Text,
            "published; or pending where a final figure stands: `value_before` is what is published, `value_after` what \
             would be counted now, and `previous` the release that was signed",
        ),
        Column("synthetic", Flag, "True where either figure was counted from what the simulator made"),
        Column("previous", Text, "The release before"),
        Column("release", Text, "The release"),
    ],
};

/// What is withheld from the public.
pub const DISCLOSURE: Table = Table {
    name: "disclosure",
    title: "How many figures of each measure are withheld from the public, and how that was proven",
    columns: &[
        Column("measure", Text, "Short name of the measure"),
        Column("partnership", Text, "Partnership that publishes it"),
        Column("rule", Text, "What protects it, in words"),
        Column("reason", Text, "Why it is protected otherwise than others, or not at all; empty otherwise"),
        Column("figures", Whole, "Figures with a count, by area, breakdown and period"),
        Column("shown", Whole, "Of these, figures whose count the public sees"),
        Column("withheld", Whole, "Of these, figures whose count it does not see"),
        Column("withheld_percent", Number, "The same in percent"),
        Column("small", Whole, "Figures withheld for their own size; empty in the public's own table"),
        Column(
            "cover",
            Whole,
            "Figures withheld because they would give others back; empty in the public's own table",
        ),
        Column(
            "told_before",
            Whole,
            "Figures withheld now that earlier public releases told; empty in the public's own table",
        ),
        Column(
            "result",
            Text,
            "protected (no withheld count can be worked out from all that the public has), rounded, withheld (all of its \
             figures), not_permitted (by an agreement or for its kind), not_calculated, or failed (no tables for the public were made)",
        ),
        Column("detail", Text, "Why all of its figures are withheld; empty otherwise"),
        Column("synthetic", Flag, "True where some of the figures were made by the simulator"),
        Column("release", Text, "The release"),
    ],
};

/// Every table that the product publishes itself.
pub const TABLES: [&Table; 22] = [
    &OUTTURN,
    &ASSESSMENT,
    &SIGNAL,
    &SIGNAL_SUMMARY,
    &SCORECARD,
    &TARGET,
    &SERIES_BREAK,
    &COMMENTARY,
    &MILESTONE,
    &MEASURE,
    &AREA,
    &PERIOD,
    &FEED_DELIVERY,
    &FEED_STATUS,
    &QUARANTINE_SUMMARY,
    &AGREEMENT,
    &REVISION,
    &DISCLOSURE,
    &WAIVER,
    &SIGN_OFF,
    &RELEASE_CALENDAR,
    &RELEASE,
];

impl Table {
    /// Its columns, with what each means in their metadata.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|Column(name, kind, about)| {
                let kind = match kind {
                    Text => DataType::Utf8,
                    Whole => DataType::Int64,
                    Number => DataType::Float64,
                    Flag => DataType::Boolean,
                    Day => DataType::Date32,
                    // Parquet knows no seconds; readers would take them for plain numbers.
                    Moment => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
                };
                Field::new(*name, kind, true)
                    .with_metadata([("description".to_owned(), (*about).to_owned())].into())
            })
            .collect();
        Arc::new(Schema::new(fields))
    }

    pub(super) fn batch(&self, columns: Vec<ArrayRef>) -> Result<RecordBatch, arrow::error::ArrowError> {
        RecordBatch::try_new(self.schema(), columns)
    }
}

/// Columns of `feed_delivery` while a release is being made: as published, without the release.
#[must_use]
pub fn feed_delivery_schema() -> SchemaRef {
    let schema = FEED_DELIVERY.schema();
    let fields: Vec<_> = schema.fields().iter().filter(|field| field.name() != "release").cloned().collect();
    Arc::new(Schema::new(fields))
}

pub(super) fn text<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// Text in which an empty one is no value.
pub(super) fn some_text<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> ArrayRef {
    let values: Vec<S> = values.into_iter().collect();
    Arc::new(values.iter().map(|v| Some(v.as_ref()).filter(|v| !v.is_empty())).collect::<StringArray>())
}

pub(super) fn whole(values: impl IntoIterator<Item = Option<u64>>) -> ArrayRef {
    Arc::new(values.into_iter().map(|n| n.and_then(|n| i64::try_from(n).ok())).collect::<Int64Array>())
}

pub(super) fn flags(values: impl IntoIterator<Item = bool>) -> ArrayRef {
    Arc::new(values.into_iter().map(Some).collect::<BooleanArray>())
}

pub(super) fn some_days(values: impl IntoIterator<Item = Option<NaiveDate>>) -> ArrayRef {
    let since = |day: NaiveDate| day.signed_duration_since(NaiveDate::default()).num_days();
    let values = values.into_iter().map(|day| day.and_then(|day| i32::try_from(since(day)).ok()));
    Arc::new(values.collect::<Date32Array>())
}

pub(super) fn days(values: impl IntoIterator<Item = NaiveDate>) -> ArrayRef {
    some_days(values.into_iter().map(Some))
}

pub(super) fn same<'a>(value: &'a str, rows: usize) -> ArrayRef {
    let values: std::iter::RepeatN<&'a str> = std::iter::repeat_n(value, rows);
    text(values)
}

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

/// One row of `feed_delivery`: a delivery, or a month without one.
struct DeliveryRow<'a> {
    state: &'a FeedState,
    dataset: &'a str,
    month: Month,
    report: Option<&'a DeliveryReport>,
    status: &'a str,
    note: &'a str,
}

/// What became of deliveries, by dataset and month.
pub type Reports = BTreeMap<String, BTreeMap<Month, Vec<DeliveryReport>>>;

fn delivery_rows<'a>(
    states: &'a [FeedState],
    reports: &'a Reports,
    dataset_of: &'a dyn Fn(&FeedState) -> Option<&'a str>,
) -> Vec<DeliveryRow<'a>> {
    let mut rows = Vec::new();
    for state in states {
        let dataset = dataset_of(state).unwrap_or_default();
        let mut by_month: BTreeMap<Month, Vec<DeliveryRow<'a>>> = BTreeMap::new();
        for (month, reports) in reports.get(dataset).into_iter().flatten() {
            for report in reports.iter().filter(|report| report.delivery.feed == state.feed.id) {
                let partial = drift::partial(report);
                by_month.entry(*month).or_default().push(DeliveryRow {
                    state,
                    dataset,
                    month: *month,
                    report: Some(report),
                    status: match partial {
                        _ if report.erased.is_some() && report.status == DeliveryStatus::Accepted => "erased",
                        Some(_) => "partial",
                        None => report.status.name(),
                    },
                    note: partial.unwrap_or(&report.note),
                });
            }
        }
        for (month, reason) in &state.missing {
            by_month.entry(*month).or_default().push(DeliveryRow {
                state,
                dataset,
                month: *month,
                report: None,
                status: state.absence(*month).name(),
                note: reason,
            });
        }
        rows.extend(by_month.into_values().flatten());
    }
    rows
}

/// Table `feed_delivery` without its last column, for SQL and for the release.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn feed_delivery<'a>(
    states: &'a [FeedState],
    reports: &'a Reports,
    dataset_of: &'a dyn Fn(&FeedState) -> Option<&'a str>,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let rows = delivery_rows(states, reports, dataset_of);
    let of = |value: fn(&DeliveryReport) -> String| -> ArrayRef {
        some_text(rows.iter().map(|row| row.report.map(value).unwrap_or_default()))
    };
    let n = |value: fn(&DeliveryReport) -> u64| whole(rows.iter().map(|row| row.report.map(value)));
    let received =
        rows.iter().map(|row| row.report.map(|report| report.delivery.received.timestamp_millis()));
    RecordBatch::try_new(
        feed_delivery_schema(),
        vec![
            text(rows.iter().map(|row| row.state.feed.id.as_str())),
            text(rows.iter().map(|row| row.state.feed.title.as_str())),
            text(rows.iter().map(|row| row.state.feed.supplier.as_str())),
            text(rows.iter().map(|row| row.dataset)),
            text(rows.iter().map(|row| row.month.to_string())),
            of(|report| report.delivery.file.clone()),
            of(|report| report.delivery.source.clone()),
            of(|report| report.delivery.sha256.clone()),
            n(|report| report.delivery.bytes),
            Arc::new(received.collect::<TimestampMillisecondArray>().with_timezone("UTC")),
            text(rows.iter().map(|row| row.status)),
            some_text(rows.iter().map(|row| row.note)),
            n(|report| report.received),
            n(|report| report.accepted),
            n(|report| report.duplicate),
            n(|report| report.quarantined),
            whole(rows.iter().map(|row| row.report.and_then(|report| report.restated))),
            flags(rows.iter().map(|row| row.report.is_some_and(|report| report.delivery.synthetic))),
        ],
    )
}

/// Table `feed_status`: how each feed stands on the day of the release.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn feed_status(
    feeds: &[(&FeedConfig, &[Standing])],
    release: &str,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let rows: Vec<(&FeedConfig, &Standing)> = feeds
        .iter()
        .flat_map(|(feed, standings)| standings.iter().map(move |standing| (*feed, standing)))
        .collect();
    let received = rows.iter().map(|(_, row)| row.received.map(|time| time.timestamp_millis()));
    FEED_STATUS.batch(vec![
        text(rows.iter().map(|(feed, _)| feed.id.as_str())),
        text(rows.iter().map(|(feed, _)| feed.supplier.as_str())),
        text(rows.iter().map(|(_, row)| row.period.to_string())),
        days(rows.iter().map(|(_, row)| row.period.last.last_day())),
        text(rows.iter().map(|(feed, _)| freshness::rule(feed))),
        days(rows.iter().map(|(_, row)| row.due_on)),
        text(rows.iter().map(|(_, row)| row.state.name())),
        whole(rows.iter().map(|(_, row)| row.days_late.and_then(|days| u64::try_from(days).ok()))),
        Arc::new(received.collect::<TimestampMillisecondArray>().with_timezone("UTC")),
        some_text(rows.iter().map(|(_, row)| row.note.as_str())),
        same(release, rows.len()),
    ])
}

/// Feed, month, file and rule, and whether the rows are synthetic.
type RuleOfFile<'a> = (&'a str, Month, &'a str, &'a str, bool);

/// Table `quarantine_summary`.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn quarantine_summary(reports: &Reports, release: &str) -> Result<RecordBatch, arrow::error::ArrowError> {
    let mut rows: BTreeMap<RuleOfFile<'_>, (u64, u64)> = BTreeMap::new();
    for (month, reports) in reports.values().flatten() {
        // What was erased is not set aside any more.
        for report in reports.iter().filter(|report| report.erased.is_none()) {
            let delivery = &report.delivery;
            for (rule, n) in &report.rules {
                let key = (
                    delivery.feed.as_str(),
                    *month,
                    delivery.file.as_str(),
                    rule.as_str(),
                    delivery.synthetic,
                );
                let acknowledged = report.acknowledged.get(rule).copied().unwrap_or_default();
                let sums = rows.entry(key).or_default();
                *sums = (sums.0 + n, sums.1 + acknowledged);
            }
        }
    }
    QUARANTINE_SUMMARY.batch(vec![
        text(rows.keys().map(|key| key.0)),
        text(rows.keys().map(|key| key.1.to_string())),
        text(rows.keys().map(|key| key.2)),
        text(rows.keys().map(|key| key.3)),
        whole(rows.values().map(|(n, _)| Some(*n))),
        whole(rows.values().map(|(_, acknowledged)| Some(*acknowledged))),
        flags(rows.keys().map(|key| key.4)),
        same(release, rows.len()),
    ])
}

/// Table `waiver`.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn waiver(
    waivers: &BTreeMap<String, Loaded<WaiverConfig>>,
    reports: &Reports,
    as_of: NaiveDate,
    release: &str,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let mut covered: BTreeMap<&str, u64> = BTreeMap::new();
    for report in reports.values().flat_map(BTreeMap::values).flatten() {
        for (id, rows) in &report.waived {
            *covered.entry(id).or_default() += rows;
        }
    }
    let rows: Vec<&WaiverConfig> = waivers.values().map(|waiver| &waiver.config).collect();
    let lines =
        |waiver: &WaiverConfig| waiver.lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    WAIVER.batch(vec![
        text(rows.iter().map(|row| row.id.as_str())),
        text(rows.iter().map(|row| row.feed.as_str())),
        text(rows.iter().map(|row| row.period.to_string())),
        text(rows.iter().map(|row| row.rule.as_str())),
        text(rows.iter().map(|row| row.effect.name())),
        some_text(rows.iter().map(|row| lines(row))),
        whole(rows.iter().map(|row| Some(covered.get(row.id.as_str()).copied().unwrap_or_default()))),
        text(rows.iter().map(|row| row.why.as_str())),
        text(rows.iter().map(|row| row.by.as_str())),
        days(rows.iter().map(|row| row.until)),
        flags(rows.iter().map(|row| row.is_active(as_of))),
        same(release, rows.len()),
    ])
}

/// Table `agreement`: those of the project, used or not, then one row for the feeds without one, if there are any.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn agreement(
    project: &Project,
    as_of: NaiveDate,
    release: &str,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let feeds_of = |id: Option<&str>| -> String {
        let feeds = project.feeds.values().map(|feed| &feed.config);
        let feeds = feeds.filter(|feed| feed.agreement.as_deref() == id).map(|feed| feed.id.as_str());
        feeds.collect::<Vec<_>>().join(", ")
    };
    let mut rows: Vec<(Option<&AgreementConfig>, String)> = project
        .agreements
        .values()
        .map(|agreement| (Some(&agreement.config), feeds_of(Some(&agreement.config.id))))
        .collect();
    rows.extend(Some(feeds_of(None)).filter(|feeds| !feeds.is_empty()).map(|feeds| (None, feeds)));
    let words = |of: &dyn Fn(&AgreementConfig) -> String| -> ArrayRef {
        some_text(rows.iter().map(|(agreement, _)| agreement.map(of).unwrap_or_default()))
    };
    let day = |of: fn(&AgreementConfig) -> Option<NaiveDate>| -> ArrayRef {
        some_days(rows.iter().map(|(agreement, _)| agreement.and_then(of)))
    };
    AGREEMENT.batch(vec![
        words(&|a| a.id.clone()),
        words(&|a| a.kind.name().to_owned()),
        words(&|a| a.reference.clone()),
        words(&|a| a.title.clone()),
        words(&|a| a.controller.clone()),
        words(&|a| a.lawful_basis.clone()),
        words(&|a| a.purposes.join("; ")),
        words(&|a| {
            a.audiences().into_iter().map(crate::agreement::Audience::name).collect::<Vec<_>>().join(", ")
        }),
        words(&|a| a.recipients.join(", ")),
        day(|a| a.begins),
        day(|a| a.expires),
        words(&|a| a.retention.map(|retention| retention.words()).unwrap_or_default()),
        words(&|a| a.contact.clone()),
        some_text(rows.iter().map(|(_, feeds)| feeds.as_str())),
        text(rows.iter().map(|(agreement, _)| agreement.map_or("none_recorded", |a| a.state(as_of).name()))),
        days(std::iter::repeat_n(as_of, rows.len())),
        same(release, rows.len()),
    ])
}

/// Table `sign_off`.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn sign_off(decisions: &[Decision], release: &str) -> Result<RecordBatch, arrow::error::ArrowError> {
    let at = decisions.iter().map(|one| Some(one.at.timestamp_millis()));
    SIGN_OFF.batch(vec![
        whole(decisions.iter().map(|one| Some(one.number))),
        Arc::new(at.collect::<TimestampMillisecondArray>().with_timezone("UTC")),
        text(decisions.iter().map(|one| one.by.as_str())),
        text(decisions.iter().map(|one| one.action.name())),
        text(decisions.iter().map(|one| one.period.as_str())),
        some_text(decisions.iter().map(|one| one.measures.join(", "))),
        whole(decisions.iter().map(|one| Some(one.figures))),
        text(decisions.iter().map(|one| one.release.as_str())),
        some_text(decisions.iter().map(|one| one.note.as_str())),
        same(release, decisions.len()),
    ])
}

/// Table `release_calendar`, as it stands at a moment.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn release_calendar(
    lines: &[publication::Line<'_>],
    release: &str,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let moment = |of: &dyn Fn(&publication::Line<'_>) -> Option<chrono::DateTime<chrono::Utc>>| -> ArrayRef {
        let times = lines.iter().map(|line| of(line).map(|time| time.timestamp_millis()));
        Arc::new(times.collect::<TimestampMillisecondArray>().with_timezone("UTC"))
    };
    let planned = || lines.iter().map(|line| line.planned);
    RELEASE_CALENDAR.batch(vec![
        text(planned().map(|one| one.name.as_str())),
        some_text(planned().map(|one| one.title.as_str())),
        text(planned().map(|one| one.audience.name())),
        moment(&|line| line.publish_at),
        text(planned().map(|one| one.publish_at.format("%Y-%m-%d %H:%M").to_string())),
        text(planned().map(|one| one.periods.join(", "))),
        some_days(planned().map(|one| one.announced)),
        some_text(planned().map(|one| one.pre_release.join(", "))),
        text(lines.iter().map(|line| line.contact.role.as_str())),
        text(lines.iter().map(|line| line.contact.address.as_str())),
        text(lines.iter().map(publication::Line::state)),
        moment(&|line| line.out.as_ref().map(|out| out.at)),
        some_text(lines.iter().map(|line| line.out.as_ref().map_or("", |out| out.release.as_str()))),
        some_text(planned().map(|one| one.note.as_str())),
        same(release, lines.len()),
    ])
}

/// What became of the figures of a measure before the public sees them.
#[derive(Debug, Clone, PartialEq)]
pub struct DisclosureRow {
    /// The measure.
    pub measure: String,
    /// Its partnership.
    pub partnership: String,
    /// What protects it.
    pub applied: Applied,
    /// Figures whose count is shown.
    pub shown: u64,
    /// Figures that are withheld for their own size.
    pub small: u64,
    /// Figures that are withheld because of others.
    pub cover: u64,
    /// Withheld figures that earlier public releases told.
    pub told_before: u64,
    /// The word for what became of it.
    pub result: &'static str,
    /// Why all of it is withheld; empty otherwise.
    pub detail: String,
    /// Some of it is synthetic.
    pub synthetic: bool,
}

/// Table `disclosure`. The public is not told which figures are withheld for their own size: in a small table that would
/// narrow what they can be.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn disclosure(
    rows: &[DisclosureRow],
    for_public: bool,
    release: &str,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let number = |of: fn(&DisclosureRow) -> u64| whole(rows.iter().map(|row| Some(of(row))));
    let inner =
        |of: fn(&DisclosureRow) -> u64| whole(rows.iter().map(|row| Some(of(row)).filter(|_| !for_public)));
    let words = |of: fn(&DisclosureRow) -> &str| some_text(rows.iter().map(of));
    let percent = rows.iter().map(|row| {
        let withheld = row.small + row.cover;
        Some(100.0 * withheld as f64 / (withheld + row.shown).max(1) as f64)
    });
    DISCLOSURE.batch(vec![
        words(|row| &row.measure),
        words(|row| &row.partnership),
        words(|row| &row.applied.words),
        words(|row| &row.applied.reason),
        number(|row| row.shown + row.small + row.cover),
        number(|row| row.shown),
        number(|row| row.small + row.cover),
        Arc::new(percent.collect::<Float64Array>()),
        inner(|row| row.small),
        inner(|row| row.cover),
        inner(|row| row.told_before),
        words(|row| row.result),
        words(|row| &row.detail),
        flags(rows.iter().map(|row| row.synthetic)),
        same(release, rows.len()),
    ])
}

/// What `release` says.
#[derive(Debug, Clone, Default)]
pub struct ReleaseRow {
    /// Its name.
    pub release: String,
    /// Its day.
    pub as_of: NaiveDate,
    /// The release before it.
    pub previous: String,
    /// Measures of the project.
    pub measures: u64,
    /// Measures whose figures are in it.
    pub measures_released: u64,
    /// Deliveries that its figures were counted from.
    pub deliveries: u64,
    /// Rows in the datasets.
    pub rows_accepted: u64,
    /// Rows that are set aside.
    pub rows_quarantined: u64,
    /// Expected months that are missing, refused or held.
    pub gaps: u64,
    /// Whether some of it is synthetic.
    pub synthetic: bool,
}

/// Table `release`.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn release(row: &ReleaseRow) -> Result<RecordBatch, arrow::error::ArrowError> {
    RELEASE.batch(vec![
        same(&row.release, 1),
        days([row.as_of]),
        some_text([&row.previous]),
        same(env!("CARGO_PKG_VERSION"), 1),
        whole([Some(row.measures)]),
        whole([Some(row.measures_released)]),
        whole([Some(row.deliveries)]),
        whole([Some(row.rows_accepted)]),
        whole([Some(row.rows_quarantined)]),
        whole([Some(row.gaps)]),
        flags([row.synthetic]),
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
