//! All deliveries of one month become the rows, the quarantine and the summaries of that month.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use sha2::{Digest, Sha256};

use super::contract::{Contract, Dataset, quarantine_schema};
use super::csv::{Fields, Flaw};
use super::format::{self, RecordReader};
use super::rows::{Broken, Rows, clip};
use super::{DeliveryReport, DeliveryStatus, Rejection};
use crate::config::settings::{FeedConfig, Repeats};
use crate::landing::{Delivery, Landing};
use crate::period::Month;

/// Rows that are laid out before they go to the file.
const BATCH: usize = 1 << 16;

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
            // An earlier delivery stands in where a later one is turned down, so all of them decide.
            for delivery in &slot.deliveries {
                take(&delivery.file);
                take(&delivery.content_sha256);
                take(if delivery.synthetic { "synthetic" } else { "real" });
                for (name, value) in &delivery.captures {
                    take(name);
                    take(value);
                }
            }
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

/// Makes a month; the rows go to `sink` in the order of slots and lines.
///
/// # Errors
/// Only what the warehouse reports; deliveries that cannot be used are in the reports.
pub fn normalise(
    job: &MonthJob,
    landing: &Landing,
    sink: &mut impl RowSink,
) -> Result<MonthResult, NormaliseError> {
    // For each slot, how many of its deliveries were turned down.
    let mut turned_down: Vec<usize> = vec![0; job.slots.len()];
    let mut turned_down_reports: Vec<DeliveryReport> = Vec::new();
    'anew: loop {
        sink.restart()?;
        let Some(first) = job.dataset.contracts.values().next() else {
            return Ok(MonthResult {
                reports: turned_down_reports,
                quarantine: RecordBatch::new_empty(quarantine_schema()),
                summaries: Vec::new(),
                rows: 0,
            });
        };
        let mut rows = Rows::new(first, &job.dataset.summaries);
        let mut seen: HashSet<u128, foldhash::fast::FixedState> = HashSet::default();
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
                number: deliveries.len() - 1,
                rows: &mut rows,
                seen: &mut seen,
                rejections: &mut rejections,
                sink,
                written: &mut written,
            };
            let report = reading.read(landing)?;
            if report.status == DeliveryStatus::Accepted {
                reports.push(report);
            } else {
                turned_down_reports.push(report);
                if let Some(count) = turned_down.get_mut(number) {
                    *count += 1;
                }
                continue 'anew;
            }
        }
        if rows.len() > 0 {
            written += rows.len() as u64;
            sink.write(&rows.take()?)?;
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

/// One delivery on its way into the month.
struct Reading<'a, S> {
    slot: &'a Slot,
    delivery: &'a Delivery,
    number: usize,
    rows: &'a mut Rows,
    seen: &'a mut HashSet<u128, foldhash::fast::FixedState>,
    rejections: &'a mut Vec<Rejection>,
    sink: &'a mut S,
    written: &'a mut u64,
}

impl<S: RowSink> Reading<'_, S> {
    fn report(&self, status: DeliveryStatus, note: String) -> DeliveryReport {
        DeliveryReport {
            delivery: self.delivery.clone(),
            status,
            note,
            received: 0,
            accepted: 0,
            duplicate: 0,
            quarantined: 0,
            rules: BTreeMap::new(),
            erased: None,
        }
    }

    /// A delivery none of whose rows is used.
    fn turned_down(&self, status: DeliveryStatus, note: String, received: u64) -> DeliveryReport {
        let mut report = self.report(status, note);
        (report.received, report.quarantined) = (received, received);
        if received > 0 {
            report.rules.insert(format!("delivery_{}", status.name()), received);
        }
        report
    }

    fn read(&mut self, landing: &Landing) -> Result<DeliveryReport, NormaliseError> {
        use DeliveryStatus::Refused;
        let contract = Arc::clone(&self.slot.contract);
        if !landing.is_intact(self.delivery).unwrap_or(false) {
            let note = "the landed bytes are not there or differ from their digest".to_owned();
            return Ok(self.turned_down(Refused, note, 0));
        }
        let mut fields = Fields::default();
        let limit = self.slot.feed.max_unpacked_bytes;
        let opened = format::open(landing, self.delivery, &contract.config.format, limit);
        let opened = opened.and_then(|mut records| records.next(&mut fields).map(|header| (records, header)));
        let (mut records, header) = match opened {
            Ok((records, Some((_, Ok(()))))) => {
                (records, fields.iter().map(str::to_owned).collect::<Vec<_>>())
            }
            Ok((_, Some((_, Err(flaw))))) => {
                return Ok(self.turned_down(
                    Refused,
                    format!("the header cannot be read: {}", flaw_text(flaw)),
                    0,
                ));
            }
            Ok((_, None)) => return Ok(self.turned_down(Refused, "the file is empty".to_owned(), 0)),
            Err(error) => return Ok(self.turned_down(Refused, format!("cannot be read: {error}"), 0)),
        };
        let (positions, note) = match header_positions(&contract, &header) {
            Ok(found) => found,
            Err(note) => {
                let received = count_rest(records.as_mut(), &mut fields);
                return Ok(self.turned_down(Refused, note, received));
            }
        };
        let sent = self.rows.begin(&contract, self.delivery, positions);
        let mut report = self.report(DeliveryStatus::Accepted, note);
        let mut multiplicity: HashMap<u64, u32, foldhash::fast::FixedState> = HashMap::default();
        loop {
            let (place, result) = match records.next(&mut fields) {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(error) => {
                    let note = format!("cannot be read beyond row {}: {error}", report.received);
                    return Ok(self.turned_down(Refused, note, report.received));
                }
            };
            report.received += 1;
            if contract.config.refuse_doubled && result.is_ok() {
                *multiplicity.entry(fields.digest()).or_insert(0) += 1;
            }
            let judged = match result {
                Err(flaw) => {
                    Err(Broken { rule: flaw_rule(flaw), column: "", detail: flaw_text(flaw).to_owned() })
                }
                Ok(()) if fields.len() != header.len() => Err(Broken {
                    rule: "column_count",
                    column: "",
                    detail: format!("expected {} fields, found {}", header.len(), fields.len()),
                }),
                Ok(()) => self.rows.judge(&contract, &sent, &fields),
            };
            match judged {
                Err(broken) => {
                    report.quarantined += 1;
                    *report.rules.entry(broken.rule.to_owned()).or_insert(0) += 1;
                    self.rejections.push(Rejection {
                        delivery: self.number,
                        place,
                        rule: broken.rule.to_owned(),
                        column: broken.column.to_owned(),
                        detail: broken.detail,
                    });
                }
                Ok(()) if self.repeats(&contract, &fields) => report.duplicate += 1,
                Ok(()) => {
                    report.accepted += 1;
                    self.rows.push(&sent, &fields, place.line);
                    if self.rows.len() >= BATCH {
                        *self.written += self.rows.len() as u64;
                        let batch = self.rows.take()?;
                        self.sink.write(&batch)?;
                    }
                }
            }
        }
        Ok(self.judge_whole(report, &multiplicity))
    }

    /// The delivery as a whole, once all its rows are known: it may still be refused or held.
    fn judge_whole(
        &self,
        mut report: DeliveryReport,
        multiplicity: &HashMap<u64, u32, foldhash::fast::FixedState>,
    ) -> DeliveryReport {
        use DeliveryStatus::{Held, Refused};
        let received = report.received;
        if received == 0 && !self.slot.feed.allow_empty {
            return self.turned_down(Refused, "the file has a header and no row".to_owned(), 0);
        }
        if is_doubled(multiplicity, received) {
            let note = format!(
                "every one of its {received} rows stands an even number of times: published twice over"
            );
            return self.turned_down(Refused, note, received);
        }
        let allowed = self.slot.feed.hold_above_quarantined_share;
        if report.quarantined as f64 / received.max(1) as f64 <= allowed {
            return report;
        }
        let worst =
            report.rules.iter().max_by_key(|(_, n)| **n).map(|(rule, _)| rule.clone()).unwrap_or_default();
        let note = format!(
            "{} of {received} rows break the contract, most of them `{worst}`; the feed allows {} %",
            report.quarantined,
            allowed * 100.0
        );
        let rules = std::mem::take(&mut report.rules);
        let mut held = self.turned_down(Held, note, received);
        held.rules.extend(rules);
        held.rules.insert("delivery_held".to_owned(), received - report.quarantined);
        held
    }

    /// Whether the judged row repeats one that was accepted for this month. Rows without a key never do.
    fn repeats(&mut self, contract: &Contract, fields: &Fields) -> bool {
        let Some(key) = self.rows.key(contract, fields) else { return false };
        let identity = match contract.repeats {
            Repeats::SameKey => key,
            Repeats::Identical => key ^ (u128::from(fields.digest()) << 32),
        };
        !self.seen.insert(identity)
    }
}

/// Position of each field of the contract in the header, and what a reader should know; or why the header will not do.
fn header_positions(contract: &Contract, header: &[String]) -> Result<(Vec<usize>, String), String> {
    let expected = &contract.config.header;
    let missing: Vec<&str> =
        expected.iter().filter(|name| !header.contains(name)).map(String::as_str).collect();
    let unknown: Vec<String> =
        header.iter().filter(|name| !expected.contains(name)).map(|name| clip(name)).collect();
    if !missing.is_empty() {
        let found =
            if unknown.is_empty() { String::new() } else { format!("; not known: {}", quoted(&unknown)) };
        return Err(format!("column {} is missing{found}", quoted(&missing)));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = header.iter().find(|name| expected.contains(name) && !seen.insert(*name)) {
        return Err(format!("column `{twice}` stands twice"));
    }
    let positions =
        contract.fields.iter().filter_map(|name| header.iter().position(|known| known == name)).collect();
    let note = if unknown.is_empty() {
        String::new()
    } else {
        format!("left out, not in the contract: {}", quoted(&unknown))
    };
    Ok((positions, note))
}

fn quoted<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

fn count_rest(records: &mut dyn RecordReader, fields: &mut Fields) -> u64 {
    let mut rows = 0;
    while let Ok(Some(_)) = records.next(fields) {
        rows += 1;
    }
    rows
}

/// Whether every row stands an even number of times. A file of a few rows may do so by chance.
fn is_doubled(multiplicity: &HashMap<u64, u32, foldhash::fast::FixedState>, received: u64) -> bool {
    received >= 20 && !multiplicity.is_empty() && multiplicity.values().all(|times| times.is_multiple_of(2))
}

fn flaw_rule(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Encoding => "bad_encoding",
        Flaw::Quoting => "bad_quoting",
        Flaw::TooLong => "line_too_long",
    }
}

fn flaw_text(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Encoding => "not UTF-8",
        Flaw::Quoting => "a quote that is not closed, or text behind a closing quote",
        Flaw::TooLong => "a line of more than a mebibyte",
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
