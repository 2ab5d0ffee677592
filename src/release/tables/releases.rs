//! Tables of releases: what was signed, planned, revised and withheld, and the release itself.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, TimestampMillisecondArray};
use chrono::NaiveDate;

use super::Kind::{Day, Flag, Moment, Number, Text, Whole};
use super::{
    Column, OF_MEASURE, OF_PARTNERSHIP, OF_RELEASE, Table, days, flags, same, some_days, some_text, text,
    whole,
};
use crate::assess::Figure;
use crate::disclosure::settings::Applied;
use crate::publication;
use crate::signoff::Decision;

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
        OF_RELEASE,
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
        OF_RELEASE,
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
        OF_MEASURE,
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
             withdrawn_delivery, mended_contract, reference_data, program, withdrawn (the project publishes the measure, \
             area or kind of period no longer), unknown, or disclosure where one of the two releases withholds it",
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
        OF_RELEASE,
    ],
};

/// Final figures that the project publishes no more.
pub const WITHDRAWN: Table = Table {
    name: "withdrawn",
    title: "Every final figure that is not in `outturn` any more, because the project publishes its measure, area or period \
            no longer: as it was signed",
    columns: &[
        OF_MEASURE,
        OF_PARTNERSHIP,
        Column("title", Text, "Wording of the plan, as it was when the figure was signed"),
        Column("unit", Text, "What one of the value is"),
        Column("area", Text, "Code of the area"),
        Column("area_title", Text, "Its name"),
        Column("period", Text, "The period"),
        Column("period_kind", Text, "Kind of the period, as in table `outturn`"),
        Column("breakdown", Text, "all, or what the figure is broken down by"),
        Column("numerator", Number, "Events, as in table `outturn`"),
        Column("denominator", Number, "Those who could have had them, as in table `outturn`"),
        Column("value", Number, "The outturn"),
        Column(
            "status",
            Text,
            "As it was signed; not_calculated where an agreement does not let it be published any more",
        ),
        Column("note", Text, "What a reader should know; empty otherwise"),
        Column("lower", Number, "Lower limit of the value; empty where there is none"),
        Column("upper", Number, "Upper limit of the value"),
        Column("confidence", Number, "Confidence of the limits, in percent"),
        Column("interval_method", Text, "As in table `outturn`"),
        Column("definition_version", Whole, "Version of the measure's definition that made it"),
        Column("synthetic", Flag, "True where some of what it was counted from was made by the simulator"),
        Column("why", Text, "Why it is not in `outturn` any more"),
        Column("signed_release", Text, "Release whose figure was signed"),
        OF_RELEASE,
    ],
};

/// What is withheld from the public.
pub const DISCLOSURE: Table = Table {
    name: "disclosure",
    title: "How many figures of each measure are withheld from the public, and how that was proven",
    columns: &[
        OF_MEASURE,
        OF_PARTNERSHIP,
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
        OF_RELEASE,
    ],
};

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

/// A final figure that the project publishes no more.
#[derive(Debug, Clone)]
pub struct WithdrawnRow {
    /// The measure.
    pub measure: String,
    /// Its partnership.
    pub partnership: String,
    /// Its wording when it was signed.
    pub title: String,
    /// Its unit.
    pub unit: String,
    /// Name of the area.
    pub area_title: String,
    /// The figure as it was signed.
    pub figure: Figure,
    /// Confidence of its limits, in percent.
    pub confidence: Option<f64>,
    /// Why it is not published any more.
    pub why: &'static str,
    /// The release that was signed.
    pub release: String,
}

/// Table `withdrawn`.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn withdrawn(rows: &[WithdrawnRow], release: &str) -> Result<RecordBatch, arrow::error::ArrowError> {
    let words = |of: fn(&WithdrawnRow) -> &str| some_text(rows.iter().map(of));
    let number = |of: fn(&WithdrawnRow) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<Float64Array>())
    };
    WITHDRAWN.batch(vec![
        words(|row| &row.measure),
        words(|row| &row.partnership),
        words(|row| &row.title),
        words(|row| &row.unit),
        words(|row| &row.figure.area),
        words(|row| &row.area_title),
        text(rows.iter().map(|row| row.figure.period.to_string())),
        text(rows.iter().map(|row| row.figure.period.kind.name())),
        words(|row| &row.figure.breakdown),
        number(|row| row.figure.numerator),
        number(|row| row.figure.denominator),
        number(|row| row.figure.value),
        text(rows.iter().map(|row| row.figure.status.name())),
        words(|row| &row.figure.note),
        number(|row| row.figure.interval.map(|own| own.limits.lower)),
        number(|row| row.figure.interval.map(|own| own.limits.upper)),
        number(|row| row.confidence.filter(|_| row.figure.interval.is_some())),
        words(|row| row.figure.interval.map_or("", |own| own.method)),
        whole(rows.iter().map(|row| Some(u64::from(row.figure.vintage.definition_version)))),
        flags(rows.iter().map(|row| row.figure.synthetic)),
        words(|row| row.why),
        words(|row| &row.release),
        same(release, rows.len()),
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
