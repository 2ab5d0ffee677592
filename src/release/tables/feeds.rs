//! Tables of feeds: what was delivered under which agreement, what became of its rows, and what was decided about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, TimestampMillisecondArray};
use arrow::datatypes::{Schema, SchemaRef};
use chrono::NaiveDate;

use super::Kind::{Day, Flag, Moment, Text, Whole};
use super::{Column, OF_RELEASE, Table, days, flags, same, some_days, some_text, text, whole};
use crate::agreement::AgreementConfig;
use crate::config::settings::FeedConfig;
use crate::config::{Loaded, Project};
use crate::feed::FeedState;
use crate::freshness::{self, Standing};
use crate::normalise::{DeliveryReport, DeliveryStatus, drift};
use crate::period::Month;
use crate::waiver::WaiverConfig;

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
        OF_RELEASE,
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
        OF_RELEASE,
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
        OF_RELEASE,
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
        OF_RELEASE,
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
        OF_RELEASE,
    ],
};

/// Columns of `feed_delivery` while a release is being made: as published, without the release.
#[must_use]
pub fn feed_delivery_schema() -> SchemaRef {
    let schema = FEED_DELIVERY.schema();
    let fields: Vec<_> = schema.fields().iter().filter(|field| field.name() != "release").cloned().collect();
    Arc::new(Schema::new(fields))
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
