//! All deliveries of one month become the rows, the quarantine and the summaries of that month.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use sha2::{Digest, Sha256};

use super::contract::{Contract, Dataset, quarantine_schema};
use super::reading::Reading;
use super::rows::Rows;
use super::seen::Seen;
use super::split::{Part, PartFile};
use super::{DeliveryReport, DeliveryStatus, Finding, Rejection};
use crate::config::settings::{DriftConfig, FeedConfig};
use crate::landing::{Delivery, Landing};
use crate::period::Month;
use crate::processors::Processors;
use crate::waiver::{Effect, LetIn, WaiverConfig};

/// One file that a partner may send anew: its deliveries, the latest first.
#[derive(Debug, Clone)]
pub struct Slot {
    /// Its feed.
    pub feed: Arc<FeedConfig>,
    /// Its contract.
    pub contract: Arc<Contract>,
    /// The latest first.
    pub deliveries: Vec<Delivery>,
    /// The rows were erased: this is what had become of them, and nothing is read.
    pub erased: Option<Vec<DeliveryReport>>,
    /// For a feed of many months at once: the part of its only delivery that stands in this month.
    pub standing: Option<Standing>,
    /// Deliveries that a waiver lets in though they would be held, by digest of their contents.
    pub let_in: BTreeMap<String, LetIn>,
    /// Deliveries that are unusual by what is known of other months, by digest of their contents.
    pub unusual: BTreeMap<String, Unusual>,
    /// The waivers that apply.
    pub waivers: Vec<Arc<WaiverConfig>>,
}

impl Slot {
    /// A slot whose deliveries are read whole.
    #[must_use]
    pub fn new(feed: Arc<FeedConfig>, contract: Arc<Contract>, deliveries: Vec<Delivery>) -> Self {
        let (let_in, unusual) = (BTreeMap::new(), BTreeMap::new());
        Self {
            feed,
            contract,
            deliveries,
            erased: None,
            standing: None,
            let_in,
            unusual,
            waivers: Vec::new(),
        }
    }
}

/// A delivery whose number of rows is unusual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusual {
    /// Held or refused for it, or accepted all the same.
    pub status: DeliveryStatus,
    /// Rows that it brought.
    pub received: u64,
    /// What is unusual.
    pub finding: Finding,
}

/// The part of a delivery that stands in a month.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The part.
    pub part: Part,
    /// Month of the delivery as a whole, under which it was split.
    pub period: Month,
    /// Where it can be read; absent until it is needed.
    pub file: Option<PartFile>,
    /// Positions of its rows that gave way to those of other deliveries, in order.
    pub lost: Arc<[u64]>,
    /// Rows that the month had before, where it was told anew and otherwise.
    pub restated: Option<u64>,
    /// What a reader should know.
    pub note: String,
    /// What its supplier should know.
    pub findings: Vec<Finding>,
    /// Rows by waiver, where one lets the delivery as a whole in.
    pub waived: BTreeMap<String, u64>,
}

/// One month of one dataset, to be made from its deliveries.
#[derive(Debug, Clone)]
pub struct MonthJob {
    /// The dataset.
    pub dataset: Arc<Dataset>,
    /// The month.
    pub month: Month,
    /// In order of feed and file.
    pub slots: Vec<Slot>,
    /// Reports of deliveries of many months that were turned down and are told in this one.
    pub turned_down: Vec<DeliveryReport>,
}

impl MonthJob {
    /// What the month is made from, as 32 hexadecimal digits: the same inputs give the same rows.
    #[must_use]
    pub fn inputs_digest(&self) -> String {
        let mut digest = Sha256::new();
        let mut take = |part: &str| {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part.as_bytes());
        };
        for slot in &self.slots {
            take(&slot.contract.digest);
            take(&slot.feed.id);
            take(&slot.feed.hold_above_quarantined_share.to_string());
            take(if slot.feed.allow_empty { "may be empty" } else { "" });
            if slot.erased.is_some() {
                take("erased");
            }
            for waiver in &slot.waivers {
                take(&waiver.id);
                take(&waiver.rule);
                take(waiver.effect.name());
                take(&format!("{:?} {:?}", waiver.deliveries, waiver.lines));
            }
            // An earlier delivery stands in where a later one is turned down, so all of them decide.
            for delivery in &slot.deliveries {
                take(&delivery.file);
                take(&delivery.content_sha256);
                take(if delivery.synthetic { "synthetic" } else { "real" });
                for (name, value) in &delivery.captures {
                    take(name);
                    take(value);
                }
                if let Some(let_in) = slot.let_in.get(&delivery.content_sha256) {
                    take("let in");
                    take(&let_in.words);
                }
                if let Some(unusual) = slot.unusual.get(&delivery.content_sha256) {
                    take(&format!("{unusual:?}"));
                }
            }
            if slot.feed.drift != DriftConfig::default() {
                take(&format!("{:?}", slot.feed.drift));
            }
            if let Some(standing) = &slot.standing {
                take(&standing.part.digest);
                take(&format!("{:?} {:?}", standing.restated, standing.findings));
                take(&standing.note);
                for row in standing.lost.iter() {
                    take(&row.to_string());
                }
            }
        }
        for report in &self.turned_down {
            take(&report.delivery.file);
            take(&report.delivery.content_sha256);
            take(&format!("{:?} {} {:?}", report.status, report.received, report.findings));
            take(&report.note);
        }
        hex::encode(digest.finalize()).chars().take(32).collect()
    }
}

/// Receives the rows of a month as they are made. A delivery that turns out to be unusable starts the month anew.
pub trait RowSink {
    /// Drops what was written so far.
    ///
    /// # Errors
    /// What the storage reports.
    fn restart(&mut self) -> Result<(), NormaliseError>;
    /// Takes the next rows.
    ///
    /// # Errors
    /// What the storage reports.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), NormaliseError>;
}

/// What keeps a month from being made. A partner's fault is not among it: that is a report.
#[derive(Debug, thiserror::Error)]
pub enum NormaliseError {
    /// A part of a delivery cannot be read.
    #[error("a part of delivery `{file}` cannot be read")]
    Part {
        /// Name of the delivery's file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The warehouse cannot be written.
    #[error("the warehouse cannot be written")]
    Write(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Columns that do not fit together: a defect of ours.
    #[error("rows do not fit their columns")]
    Arrow(#[from] arrow::error::ArrowError),
}

/// What a month became, beside its rows.
#[derive(Debug)]
pub struct MonthResult {
    /// One a slot that had a delivery, and one more for each delivery that was turned down before it.
    pub reports: Vec<DeliveryReport>,
    /// Rows of the quarantine.
    pub quarantine: RecordBatch,
    /// One a summary of the dataset, in their order.
    pub summaries: Vec<RecordBatch>,
    /// Rows accepted.
    pub rows: u64,
}

/// Makes a month; the rows go to `sink` in the order of slots and lines. Where one of `processors` is idle when a delivery
/// is begun, its records are read ahead by a thread of its own.
///
/// # Errors
/// Only what the warehouse reports; deliveries that cannot be used are in the reports.
pub fn normalise(
    job: &MonthJob,
    landing: &Landing,
    processors: &Processors,
    sink: &mut impl RowSink,
) -> Result<MonthResult, NormaliseError> {
    let _busy = processors.take();
    let watchful = watchful(job);
    let job = watchful.as_ref().unwrap_or(job);
    // For each slot, how many of its deliveries were turned down.
    let mut turned_down: Vec<usize> = vec![0; job.slots.len()];
    let mut turned_down_reports: Vec<DeliveryReport> = job.turned_down.clone();
    'anew: loop {
        sink.restart()?;
        if job.dataset.contracts.is_empty() {
            return Ok(MonthResult {
                reports: turned_down_reports,
                quarantine: RecordBatch::new_empty(quarantine_schema()),
                summaries: Vec::new(),
                rows: 0,
            });
        }
        let mut rows = Rows::new(&job.dataset);
        let mut seen = Seen::default();
        let mut rejections: Vec<Rejection> = Vec::new();
        let mut deliveries: Vec<&Delivery> = Vec::new();
        let mut reports: Vec<DeliveryReport> = Vec::new();
        let mut written = 0;
        for (number, slot) in job.slots.iter().enumerate() {
            if let Some(before) = &slot.erased {
                reports.extend(before.iter().cloned());
                continue;
            }
            let skip = turned_down.get(number).copied().unwrap_or_default();
            let Some(delivery) = slot.deliveries.get(skip) else { continue };
            deliveries.push(delivery);
            let mut reading = Reading {
                slot,
                delivery,
                processors,
                number: deliveries.len() - 1,
                rows: &mut rows,
                seen: &mut seen,
                rejections: Some(&mut rejections),
                sink,
                written: &mut written,
                keys: None,
                waiting: Vec::new(),
                warned: BTreeMap::new(),
            };
            let report = reading.read(landing)?;
            if report.status == DeliveryStatus::Accepted {
                reports.push(reading.restated(report, slot.deliveries.get(skip + 1), landing)?);
            } else {
                turned_down_reports.push(report);
                if let Some(count) = turned_down.get_mut(number) {
                    *count += 1;
                }
                continue 'anew;
            }
        }
        if rows.len() > 0 {
            let batch = rows.take()?;
            written += batch.num_rows() as u64;
            sink.write(&batch)?;
        }
        let summaries = job
            .dataset
            .summaries
            .iter()
            .enumerate()
            .map(|(number, config)| rows.summary(number, config))
            .collect::<Result<_, _>>()?;
        reports.extend(turned_down_reports);
        reports
            .sort_by(|a, b| (&a.delivery.feed, &a.delivery.file).cmp(&(&b.delivery.feed, &b.delivery.file)));
        return Ok(MonthResult {
            quarantine: quarantine(&rejections, &deliveries, &reports)?,
            reports,
            summaries,
            rows: written,
        });
    }
}

/// The job with contracts that hold every code against their lists, where a waiver lets one in that is on none: what one
/// row of the month may have, another may not.
fn watchful(job: &MonthJob) -> Option<MonthJob> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for slot in &job.slots {
        let accepted = slot.waivers.iter().filter(|waiver| waiver.effect == Effect::Accept);
        let rules: BTreeSet<&str> = accepted.map(|waiver| waiver.rule.as_str()).collect();
        names.extend(slot.contract.under(&rules).map(str::to_owned));
    }
    if names.is_empty() {
        return None;
    }
    let mut job = job.clone();
    for slot in &mut job.slots {
        slot.contract = Arc::new(slot.contract.rechecking(&names));
    }
    Some(job)
}

/// Takes rows that are only judged.
pub(crate) struct Nowhere;

impl RowSink for Nowhere {
    fn restart(&mut self) -> Result<(), NormaliseError> {
        Ok(())
    }

    fn write(&mut self, _: &RecordBatch) -> Result<(), NormaliseError> {
        Ok(())
    }
}

fn quarantine(
    rejections: &[Rejection],
    deliveries: &[&Delivery],
    reports: &[DeliveryReport],
) -> Result<RecordBatch, NormaliseError> {
    // A delivery that was turned down stands as one line: all of it is set aside.
    let whole: Vec<&DeliveryReport> =
        reports.iter().filter(|r| r.status != DeliveryStatus::Accepted && r.erased.is_none()).collect();
    let of = |rejection: &Rejection| deliveries.get(rejection.delivery).copied();
    let text = |row: fn(&Delivery) -> String, last: fn(&DeliveryReport) -> String| -> ArrayRef {
        let rows = rejections.iter().map(|rejection| of(rejection).map(row));
        Arc::new(rows.chain(whole.iter().map(|report| Some(last(report)))).collect::<StringArray>())
    };
    let number = |row: fn(&Rejection) -> u64, last: fn(&DeliveryReport) -> u64| -> ArrayRef {
        let rows = rejections.iter().map(row).chain(whole.iter().map(|report| last(report)));
        Arc::new(rows.map(|n| i64::try_from(n).ok()).collect::<Int64Array>())
    };
    let own =
        |row: fn(&Rejection) -> Option<&str>, last: fn(&DeliveryReport) -> Option<String>| -> ArrayRef {
            let rows = rejections.iter().map(|rejection| row(rejection).map(str::to_owned));
            Arc::new(rows.chain(whole.iter().map(|report| last(report))).collect::<StringArray>())
        };
    let short = |delivery: &Delivery| delivery.content_sha256.chars().take(16).collect::<String>();
    let arrays: Vec<ArrayRef> = vec![
        text(|d| d.feed.clone(), |r| r.delivery.feed.clone()),
        text(|d| d.file.clone(), |r| r.delivery.file.clone()),
        text(short, |r| r.delivery.content_sha256.chars().take(16).collect()),
        number(|r| r.place.line, |_| 0),
        number(|r| r.place.offset, |_| 0),
        number(|r| r.place.length, |r| r.delivery.bytes),
        own(|r| Some(&r.rule), |r| Some(format!("delivery_{}", r.status.name()))),
        own(|r| (!r.column.is_empty()).then_some(r.column.as_str()), |_| None),
        own(|r| Some(&r.detail), |r| Some(r.note.clone())),
        {
            let rows = rejections.iter().map(|rejection| of(rejection).is_some_and(|d| d.synthetic));
            let all: BooleanArray =
                rows.chain(whole.iter().map(|r| r.delivery.synthetic)).map(Some).collect();
            Arc::new(all)
        },
    ];
    Ok(RecordBatch::try_new(quarantine_schema(), arrays)?)
}
