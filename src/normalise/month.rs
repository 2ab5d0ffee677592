//! All deliveries of one month become the rows, the quarantine and the summaries of that month.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::contract::{Contract, Dataset, quarantine_schema};
use super::csv::{Fields, Flaw, Place};
use super::format::{self, RecordReader};
use super::keys::{KeyWriter, RowKey};
use super::person::Sample;
use super::rows::{Broken, Rows, Sent, clip};
use super::seen::Seen;
use super::split::{Part, PartFile};
use super::{DeliveryReport, DeliveryStatus, Finding, Rejection, drift};
use crate::config::settings::{DriftConfig, FeedConfig, Repeats};
use crate::landing::{Delivery, Landing};
use crate::period::Month;
use crate::waiver::{Effect, LetIn, WaiverConfig};

/// Rows that are laid out before they go to the file.
const BATCH: usize = 1 << 14;
/// Rows whose keys are looked up together.
const KEYS: usize = 256;
/// How the reason ends for which a delivery is refused whose first line seems to be a row.
pub(crate) const NO_HEADING: &str = "; the first line seems to be no heading, and is not repeated here";

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

/// How many threads may work on a month. The rows are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// The caller's alone, as other months keep the other processors busy.
    One,
    /// Others too: records are read ahead, and the sink may write in a thread of its own.
    More,
}

/// Makes a month; the rows go to `sink` in the order of slots and lines.
///
/// # Errors
/// Only what the warehouse reports; deliveries that cannot be used are in the reports.
pub fn normalise(
    job: &MonthJob,
    landing: &Landing,
    threads: Threads,
    sink: &mut impl RowSink,
) -> Result<MonthResult, NormaliseError> {
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
                threads,
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

/// What the rows of a part, or of a delivery, are when they are held against the contract.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Rows that it brings.
    pub received: u64,
    /// Rows that keep the contract.
    pub accepted: u64,
    /// Rows that repeat an accepted one.
    pub duplicate: u64,
    /// Rows that break the contract.
    pub quarantined: u64,
    /// These by rule.
    pub rules: BTreeMap<String, u64>,
    /// How many of them somebody knows of, so that they no longer count as open.
    #[serde(default)]
    pub acknowledged: u64,
    /// These by the header of the column.
    pub broken: BTreeMap<String, u64>,
    /// Every row stands an even number of times.
    pub doubled: bool,
    /// Why the delivery cannot be used, where one of its rows says so.
    #[serde(default)]
    pub refused: Option<String>,
}

/// Holds a part against the contract and the waivers of its month; its rows go nowhere. `keys` takes the key of each accepted row that has one, and
/// then nothing is taken for a repeat.
pub(super) fn judge_part(
    feed: &Arc<FeedConfig>,
    (contract, waivers): (&Arc<Contract>, Vec<Arc<WaiverConfig>>),
    delivery: &Delivery,
    part: &PartFile,
    keys: Option<&mut KeyWriter>,
) -> Result<Judged, NormaliseError> {
    let mut slot = Slot::new(Arc::clone(feed), Arc::clone(contract), Vec::new());
    slot.waivers = waivers;
    let mut aside = Aside::new(contract);
    let mut reading = aside.reading(&slot, delivery, Threads::One, keys);
    let mut records = part.read().map_err(|source| unreadable(delivery, source))?;
    let mut fields = Fields::default();
    records.next(&mut fields).map_err(|source| unreadable(delivery, source))?;
    let header: Vec<String> = fields.iter().map(str::to_owned).collect();
    let Ok((positions, _)) = header_positions(contract, &header) else {
        let received = part.part.rows;
        return Ok(Judged { received, quarantined: received, ..Judged::default() });
    };
    let mut report = reading.report(DeliveryStatus::Accepted, String::new());
    match reading.read_rows(&mut records, &header, positions, &mut report, &[])? {
        Ended::Judged(judged) => Ok(judged),
        Ended::Refused(note) => {
            let (received, quarantined) = (report.received, report.received);
            Ok(Judged { received, quarantined, refused: Some(note), ..Judged::default() })
        }
        Ended::Unreadable(source) => Err(unreadable(delivery, source)),
    }
}

fn unreadable(delivery: &Delivery, source: std::io::Error) -> NormaliseError {
    NormaliseError::Part { file: delivery.file.clone(), source }
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

/// A delivery none of whose rows is used.
pub(super) fn turned_down(
    mut report: DeliveryReport,
    status: DeliveryStatus,
    note: String,
) -> DeliveryReport {
    let received = report.received;
    if status == DeliveryStatus::Refused {
        report.rules.clear();
        report.quarantined = 0;
    }
    if received > 0 {
        report.rules.insert(format!("delivery_{}", status.name()), received - report.quarantined);
    }
    (report.status, report.note) = (status, note);
    (report.accepted, report.duplicate, report.quarantined) = (0, 0, received);
    report
}

/// A delivery as a whole, once all its rows are known: it may still be refused, or held until a waiver lets it in.
pub(super) fn judge_whole(
    feed: &FeedConfig,
    contract: &Contract,
    let_in: Option<&LetIn>,
    mut report: DeliveryReport,
    judged: &Judged,
) -> DeliveryReport {
    use DeliveryStatus::{Held, Refused};
    let received = report.received;
    if let Some(note) = &judged.refused {
        return turned_down(report, Refused, note.clone());
    }
    if received == 0 && !feed.allow_empty {
        return turned_down(report, Refused, "the file has a header and no row".to_owned());
    }
    // A file of a few rows may be so by chance.
    if judged.doubled && received >= 20 {
        let note =
            format!("every one of its {received} rows stands an even number of times: published twice over");
        report.findings.push(finding(drift::DOUBLED, received, &note));
        return turned_down(report, Refused, note);
    }
    report.findings.extend(drift::of_rows(&feed.drift, &contract.config, received, &judged.broken));
    let allowed = feed.hold_above_quarantined_share;
    let mut held = None;
    let open = report.quarantined.saturating_sub(judged.acknowledged);
    if open as f64 / received.max(1) as f64 > allowed {
        let worst = report.rules.iter().max_by_key(|(_, n)| **n);
        let worst = worst.map(|(rule, _)| rule.clone()).unwrap_or_default();
        let note = format!(
            "{open} of {received} rows break the contract, most of them `{worst}`; the feed allows {} %",
            allowed * 100.0
        );
        report.findings.push(finding(drift::QUARANTINED_SHARE, report.quarantined, &note));
        held = Some(note);
    }
    match drift::verdict(&feed.drift, &report.findings) {
        Some((Refused, note)) => return turned_down(report, Refused, note),
        Some((_, note)) => held = held.or(Some(note)),
        None => {}
    }
    match (held, let_in) {
        (None, _) => report,
        (Some(note), None) => turned_down(report, Held, note),
        (Some(note), Some(let_in)) => {
            let_pass(&mut report, &note, let_in);
            report
        }
    }
}

/// Notes that a delivery would be held and is used all the same.
fn let_pass(report: &mut DeliveryReport, why: &str, let_in: &LetIn) {
    // It may be held for two reasons.
    let words = if report.note.contains(&let_in.words) { "" } else { let_in.words.as_str() };
    report.note = joined(&[&report.note, why, words]);
    report.waived.insert(let_in.waiver.clone(), report.quarantined);
}

pub(super) fn finding(rule: &str, rows: u64, detail: &str) -> Finding {
    Finding { rule: rule.to_owned(), column: String::new(), rows, detail: detail.to_owned() }
}

/// Sentences of a note, one behind the other.
pub(super) fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("; ")
}

/// One delivery, or a part of one, on its way into the month.
struct Reading<'a, S> {
    slot: &'a Slot,
    delivery: &'a Delivery,
    threads: Threads,
    number: usize,
    rows: &'a mut Rows,
    seen: &'a mut Seen,
    rejections: Option<&'a mut Vec<Rejection>>,
    sink: &'a mut S,
    written: &'a mut u64,
    keys: Option<&'a mut KeyWriter>,
    /// Rows that are laid out until their checks are applied.
    waiting: Vec<Waiting>,
    /// Rows that fail a check that only warns, by its message: how many, and the first one's line.
    warned: BTreeMap<String, (u64, u64)>,
}

/// What a delivery needs that is read apart from the month: its rows go nowhere.
struct Aside {
    rows: Rows,
    seen: Seen,
    written: u64,
    sink: Nowhere,
}

impl Aside {
    fn new(contract: &Arc<Contract>) -> Self {
        Self { rows: Rows::of_contract(contract), seen: Seen::default(), written: 0, sink: Nowhere }
    }

    fn reading<'a>(
        &'a mut self,
        slot: &'a Slot,
        delivery: &'a Delivery,
        threads: Threads,
        keys: Option<&'a mut KeyWriter>,
    ) -> Reading<'a, Nowhere> {
        Reading {
            slot,
            delivery,
            threads,
            number: 0,
            rows: &mut self.rows,
            seen: &mut self.seen,
            rejections: None,
            sink: &mut self.sink,
            written: &mut self.written,
            keys,
            waiting: Vec::new(),
            warned: BTreeMap::new(),
        }
    }
}

/// A row that keeps the rules of its columns and waits for the checks of the row as a whole.
struct Waiting {
    place: Place,
    /// What it shares with a row that it repeats.
    identity: Option<u128>,
    /// What identifies it in any month, where that is written down.
    key: Option<RowKey>,
}

/// What became of rows whose checks were applied.
enum Settled {
    Done,
    /// The delivery is refused.
    Refused(String),
}

/// How the rows of a delivery, or of a part of one, came to their end.
enum Ended {
    Judged(Judged),
    /// The delivery as a whole cannot be used, for what stands in a row.
    Refused(String),
    /// The rest of it cannot be read.
    Unreadable(std::io::Error),
}

impl<'a, S: RowSink> Reading<'a, S> {
    fn report(&self, status: DeliveryStatus, note: String) -> DeliveryReport {
        DeliveryReport::new(self.delivery.clone(), status, note)
    }

    /// The waiver of this delivery with this effect that covers a row which breaks `rule`.
    fn waiver(&self, effect: Effect, rule: &str, line: u64) -> Option<&'a WaiverConfig> {
        let slot = self.slot;
        let about = |waiver: &&Arc<WaiverConfig>| {
            waiver.effect == effect
                && waiver.is_about(&self.delivery.content_sha256)
                && waiver.covers(rule, line)
        };
        slot.waivers.iter().find(about).map(AsRef::as_ref)
    }

    /// Whether a row that breaks a rule is taken all the same, because waivers let the rule pass on its line and it breaks
    /// no other.
    fn let_pass(
        &mut self,
        broken: &Broken<'_>,
        lenient: &mut BTreeMap<BTreeSet<&'a str>, Contract>,
        sent: &Sent,
        fields: &Fields,
        line: u64,
    ) -> bool {
        let rules = self.rules_let_pass(line);
        if !rules.contains(broken.rule) {
            return false;
        }
        let slot = self.slot;
        let lenient = lenient.entry(rules).or_insert_with_key(|rules| slot.contract.without(rules));
        self.rows.judge(lenient, sent, fields).is_ok()
    }

    /// Rules that waivers of this delivery let pass on a line.
    fn rules_let_pass(&self, line: u64) -> BTreeSet<&'a str> {
        let slot = self.slot;
        let passing = slot.waivers.iter().filter(|waiver| {
            waiver.effect == Effect::Accept
                && waiver.is_about(&self.delivery.content_sha256)
                && waiver.covers(&waiver.rule, line)
        });
        passing.map(|waiver| waiver.rule.as_str()).collect()
    }

    fn refused(&self, note: String, received: u64) -> DeliveryReport {
        let mut report = self.report(DeliveryStatus::Refused, String::new());
        report.received = received;
        turned_down(report, DeliveryStatus::Refused, note)
    }

    fn read(&mut self, landing: &Landing) -> Result<DeliveryReport, NormaliseError> {
        if let Some(standing) = &self.slot.standing {
            return self.read_part(standing);
        }
        let contract = Arc::clone(&self.slot.contract);
        let unusual = self.slot.unusual.get(&self.delivery.content_sha256);
        if let Some(unusual) = unusual.filter(|unusual| unusual.status != DeliveryStatus::Accepted) {
            let mut report = self.report(unusual.status, String::new());
            report.received = unusual.received;
            report.findings.push(unusual.finding.clone());
            return Ok(turned_down(report, unusual.status, unusual.finding.detail.clone()));
        }
        if !landing.is_intact(self.delivery).unwrap_or(false) {
            let note = "the landed bytes are not there or differ from their digest".to_owned();
            return Ok(self.refused(note, 0));
        }
        let mut fields = Fields::default();
        let limit = self.slot.feed.max_unpacked_bytes;
        let opened = format::open(landing, self.delivery, &contract.config.format, limit);
        let opened = opened.and_then(|records| match self.threads {
            Threads::One => Ok(records),
            Threads::More => format::ahead(records),
        });
        let opened = opened.and_then(|mut records| records.next(&mut fields).map(|header| (records, header)));
        let (mut records, header) = match opened {
            Ok((records, Some((_, Ok(()))))) => {
                (records, fields.iter().map(str::to_owned).collect::<Vec<_>>())
            }
            Ok((_, Some((_, Err(flaw))))) => {
                return Ok(self.refused(format!("the header cannot be read: {}", flaw_text(flaw)), 0));
            }
            Ok((_, None)) => return Ok(self.refused("the file is empty".to_owned(), 0)),
            Err(error) => return Ok(self.refused(format!("cannot be read: {error}"), 0)),
        };
        let findings = drift::of_header(&contract.config, &header);
        let (positions, note) = match header_positions(&contract, &header) {
            Ok(found) => found,
            Err(note) => {
                let received = count_rest(records.as_mut(), &mut fields);
                return Ok(DeliveryReport { findings, ..self.refused(note, received) });
            }
        };
        let mut report = self.report(DeliveryStatus::Accepted, drift::noted(&note, &findings));
        report.findings = findings;
        let let_in = self.slot.let_in.get(&self.delivery.content_sha256);
        match (unusual, let_in) {
            // It is used all the same, and told.
            (Some(unusual), Some(let_in)) => let_pass(&mut report, &unusual.finding.detail, let_in),
            (Some(unusual), None) => report.note = joined(&[&report.note, &unusual.finding.detail]),
            (None, _) => {}
        }
        let judged = match self.read_rows(records.as_mut(), &header, positions, &mut report, &[])? {
            Ended::Judged(judged) => judged,
            Ended::Refused(note) => return Ok(self.refused(note, report.received)),
            Ended::Unreadable(error) => {
                let note = format!("cannot be read beyond row {}: {error}", report.received);
                return Ok(self.refused(note, report.received));
            }
        };
        add_note(&mut report.note, &records.note());
        let mut report = judge_whole(&self.slot.feed, &contract, let_in, report, &judged);
        report.findings.extend(unusual.map(|unusual| unusual.finding.clone()));
        Ok(report)
    }

    /// The part of a delivery that was judged as a whole before.
    fn read_part(&mut self, standing: &Standing) -> Result<DeliveryReport, NormaliseError> {
        let contract = Arc::clone(&self.slot.contract);
        let mut report = self.report(DeliveryStatus::Accepted, standing.note.clone());
        report.findings.clone_from(&standing.findings);
        report.restated = standing.restated;
        report.waived.clone_from(&standing.waived);
        let Some(file) = &standing.file else {
            // Only what is to be told of the delivery as a whole.
            return Ok(report);
        };
        let failed = |source| unreadable(self.delivery, source);
        let mut fields = Fields::default();
        let mut records = file.read().map_err(failed)?;
        records.next(&mut fields).map_err(failed)?;
        let header: Vec<String> = fields.iter().map(str::to_owned).collect();
        let (positions, _) = header_positions(&contract, &header)
            .map_err(|note| unreadable(self.delivery, std::io::Error::other(note)))?;
        match self.read_rows(&mut records, &header, positions, &mut report, &standing.lost)? {
            Ended::Judged(_) => Ok(report),
            Ended::Refused(note) => Err(unreadable(self.delivery, std::io::Error::other(note))),
            Ended::Unreadable(source) => Err(unreadable(self.delivery, source)),
        }
    }

    /// Reads the rows behind the header.
    #[expect(
        clippy::too_many_lines,
        reason = "the way of one row, from its record to where it ends, is read in one piece"
    )]
    fn read_rows(
        &mut self,
        records: &mut dyn RecordReader,
        header: &[String],
        positions: Vec<usize>,
        report: &mut DeliveryReport,
        lost: &[u64],
    ) -> Result<Ended, NormaliseError> {
        let contract = Arc::clone(&self.slot.contract);
        let latest = self.slot.feed.latest_by.as_deref();
        let latest = latest.and_then(|name| contract.columns.iter().position(|column| column.name == name));
        // Rules are computed for many rows at once, keys looked up for a few.
        let together = if contract.rules.is_some() { BATCH } else { KEYS };
        if contract.rules.is_some() {
            self.write_rows()?;
        }
        self.rows.take_unknown();
        let mut sample = Sample::new(&contract, &positions);
        let mut fields = Fields::default();
        let mut lost = lost.iter().copied().peekable();
        let sent = self.rows.begin(&contract, self.delivery, positions);
        let mut multiplicity: HashMap<u64, u32, foldhash::fast::FixedState> = HashMap::default();
        let mut broken_columns: BTreeMap<String, u64> = BTreeMap::new();
        // As the contract, but for the rules that waivers let pass; judged by it is only what the contract turned away.
        let mut lenient: BTreeMap<BTreeSet<&'a str>, Contract> = BTreeMap::new();
        loop {
            let (place, result) = match records.next(&mut fields) {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(error) => return Ok(Ended::Unreadable(error)),
            };
            let position = report.received;
            report.received += 1;
            if lost.next_if_eq(&position).is_some() {
                report.duplicate += 1;
                continue;
            }
            if contract.config.refuse_doubled && result.is_ok() {
                *multiplicity.entry(fields.digest()).or_insert(0) += 1;
            }
            let judged = match result {
                Err(flaw) => Err(Broken::row(flaw_rule(flaw), flaw_text(flaw).to_owned())),
                Ok(()) if fields.len() != header.len() => {
                    let detail = format!("expected {} fields, found {}", header.len(), fields.len());
                    Err(Broken::row("column_count", detail))
                }
                Ok(()) => {
                    sample.look_at(&fields);
                    self.rows.judge(&contract, &sent, &fields)
                }
            };
            let judged = match judged {
                Err(broken) if self.let_pass(&broken, &mut lenient, &sent, &fields, place.line) => {
                    if let Some(waiver) = self.waiver(Effect::Accept, broken.rule, place.line) {
                        *report.waived.entry(waiver.id.clone()).or_insert(0) += 1;
                    }
                    Ok(())
                }
                judged => judged,
            };
            match judged {
                Err(broken) if broken.refuses => {
                    report.received += count_rest(records, &mut fields);
                    return Ok(Ended::Refused(refusal(place, &broken)));
                }
                Err(broken) => {
                    if !broken.column.is_empty() {
                        *broken_columns.entry(broken.column.to_owned()).or_insert(0) += 1;
                    }
                    self.set_aside(report, place, broken.rule, broken.column, broken.detail);
                }
                Ok(()) => {
                    let writes_keys = self.keys.is_some();
                    let key = if writes_keys {
                        let key = self.rows.lasting_key(&contract, &sent, &fields, latest);
                        let contents = fields.digest();
                        key.map(|(key, late)| RowKey { position, key, late, contents })
                    } else {
                        None
                    };
                    let identity = if writes_keys { None } else { self.identity(&contract, &fields) };
                    self.rows.lay(&sent, &fields, place.line);
                    self.waiting.push(Waiting { place, identity, key });
                    if self.waiting.len() >= together
                        && let Settled::Refused(note) = self.settle(&contract, &sent, report)?
                    {
                        report.received += count_rest(records, &mut fields);
                        return Ok(Ended::Refused(note));
                    }
                }
            }
        }
        if let Settled::Refused(note) = self.settle(&contract, &sent, report)? {
            return Ok(Ended::Refused(note));
        }
        if let Some(note) = sample.verdict() {
            return Ok(Ended::Refused(note));
        }
        self.tell(&mut report.note);
        report.days = self.rows.days();
        Ok(Ended::Judged(Judged {
            received: report.received,
            accepted: report.accepted,
            duplicate: report.duplicate,
            quarantined: report.quarantined,
            rules: report.rules.clone(),
            acknowledged: report.acknowledged.values().sum(),
            broken: broken_columns,
            doubled: is_doubled(&multiplicity),
            refused: None,
        }))
    }

    /// Counts a row that is taken, and writes down what identifies it.
    fn accept(&mut self, report: &mut DeliveryReport, key: Option<&RowKey>) -> Result<(), NormaliseError> {
        report.accepted += 1;
        if let (Some(keys), Some(key)) = (&mut self.keys, key) {
            keys.add(key).map_err(|source| unreadable(self.delivery, source))?;
        }
        Ok(())
    }

    /// Sends the rows that are laid out to the file.
    fn write_rows(&mut self) -> Result<(), NormaliseError> {
        if self.rows.len() > 0 {
            let batch = self.rows.take()?;
            *self.written += batch.num_rows() as u64;
            self.sink.write(&batch)?;
        }
        Ok(())
    }

    /// What was let pass and should be known of.
    fn tell(&mut self, note: &mut String) {
        for (header, rows) in self.rows.take_unknown() {
            add_note(note, &format!("rows with a code in `{header}` that is not known, kept: {rows}"));
        }
        for (message, (rows, line)) in std::mem::take(&mut self.warned) {
            add_note(note, &format!("{message}: {rows} rows, the first in line {line}"));
        }
    }

    fn set_aside(
        &mut self,
        report: &mut DeliveryReport,
        place: Place,
        rule: &str,
        column: &str,
        detail: String,
    ) {
        if let Some(waiver) = self.waiver(Effect::Acknowledge, rule, place.line) {
            *report.waived.entry(waiver.id.clone()).or_insert(0) += 1;
            *report.acknowledged.entry(rule.to_owned()).or_insert(0) += 1;
        }
        report.quarantined += 1;
        *report.rules.entry(rule.to_owned()).or_insert(0) += 1;
        if let Some(rejections) = &mut self.rejections {
            let (rule, column) = (rule.to_owned(), column.to_owned());
            rejections.push(Rejection { delivery: self.number, place, rule, column, detail });
        }
    }

    /// Takes the rows that wait and repeat no other. They are the last that are laid out.
    fn take_waiting(&mut self, sent: &Sent, report: &mut DeliveryReport) -> Result<(), NormaliseError> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let new = self.seen.add_all(waiting.iter().map(|waiting| waiting.identity));
        let first = self.rows.len().saturating_sub(waiting.len());
        for (row, (waiting, new)) in (first..).zip(waiting.iter().zip(new)) {
            if new {
                self.accept(report, waiting.key.as_ref())?;
                self.rows.count(sent, row);
            } else {
                report.duplicate += 1;
                self.rows.strike(row);
            }
        }
        waiting.clear();
        self.waiting = waiting;
        if self.rows.len() >= BATCH { self.write_rows() } else { Ok(()) }
    }

    /// Computes the derived columns of the rows that wait, applies the checks, and takes those that are good.
    fn settle(
        &mut self,
        contract: &Contract,
        sent: &Sent,
        report: &mut DeliveryReport,
    ) -> Result<Settled, NormaliseError> {
        if self.waiting.is_empty() {
            return Ok(Settled::Done);
        }
        let Some(rules) = &contract.rules else {
            self.take_waiting(sent, report)?;
            return Ok(Settled::Done);
        };
        let waiting = std::mem::take(&mut self.waiting);
        let columns = self.rows.columns()?;
        let line = |row: usize| waiting.get(row).map_or(0, |waiting| waiting.place.line);
        let verdict = rules.apply(
            &contract.columns,
            &contract.config.column,
            waiting.len(),
            |number| Rows::column_of(sent, &columns, number),
            |row, rule| self.waiver(Effect::Accept, rule, line(row)).is_some(),
        )?;
        if let Some((row, message)) = verdict.refused {
            return Ok(Settled::Refused(format!("line {}: {message}", line(row))));
        }
        for (message, (rows, first)) in verdict.warned {
            self.warned.entry(message).or_insert((0, line(first))).0 += rows;
        }
        let mut broken = verdict.broken;
        for (row, rule) in verdict.passed.iter().filter(|(row, _)| !broken.contains_key(row)) {
            if let Some(waiver) = self.waiver(Effect::Accept, rule, line(*row)) {
                *report.waived.entry(waiver.id.clone()).or_insert(0) += 1;
            }
        }
        // Repeats are judged last: a row that a check sets aside does not make the next one of its key a repeat.
        let keys = waiting.iter().enumerate();
        let keys = keys.map(|(row, waiting)| waiting.identity.filter(|_| !broken.contains_key(&row)));
        let new = self.seen.add_all(keys);
        let mut good = Vec::with_capacity(waiting.len());
        for (row, (Waiting { place, key, .. }, new)) in waiting.into_iter().zip(new).enumerate() {
            let accepted = if let Some((rule, detail)) = broken.remove(&row) {
                self.set_aside(report, place, &rule, "", detail);
                false
            } else if new {
                self.accept(report, key.as_ref())?;
                true
            } else {
                report.duplicate += 1;
                false
            };
            good.push(accepted);
        }
        let batch = self.rows.admit(sent, columns, verdict.derived, &BooleanArray::from(good))?;
        if batch.num_rows() > 0 {
            *self.written += batch.num_rows() as u64;
            self.sink.write(&batch)?;
        }
        Ok(Settled::Done)
    }

    /// Adds what the delivery before had, where this one tells the month anew. It is read for that, and only then.
    fn restated(
        &self,
        mut report: DeliveryReport,
        before: Option<&Delivery>,
        landing: &Landing,
    ) -> Result<DeliveryReport, NormaliseError> {
        let Some(before) = before.filter(|_| self.slot.standing.is_none()) else { return Ok(report) };
        let mut aside = Aside::new(&self.slot.contract);
        let earlier = aside.reading(self.slot, before, self.threads, None).read(landing)?;
        if earlier.status == DeliveryStatus::Accepted {
            report.restated = Some(earlier.received);
        }
        Ok(report)
    }

    /// What two rows share when one repeats the other.
    fn identity(&self, contract: &Contract, fields: &Fields) -> Option<u128> {
        let key = self.rows.key(contract, fields)?;
        Some(match contract.repeats {
            Repeats::SameKey => key,
            Repeats::Identical => key ^ (u128::from(fields.digest()) << 32),
        })
    }
}

/// Position of each field of the contract in the header, and what a reader should know; or why the header will not do.
///
/// An optional column that is missing has the position `usize::MAX`, where every record is empty.
pub(super) fn header_positions(
    contract: &Contract,
    header: &[String],
) -> Result<(Vec<usize>, String), String> {
    // For each agreed column, where it stands and the synonym under which it came.
    let mut places: Vec<(usize, Option<&crate::config::settings::SynonymConfig>)> = Vec::new();
    let mut missing: Vec<&str> = Vec::new();
    let mut taken: HashSet<usize> = HashSet::new();
    let mut note = String::new();
    for entry in &contract.header {
        let synonym = |name: &str| entry.synonyms.iter().find(|synonym| synonym.name == name);
        let found = header
            .iter()
            .enumerate()
            .filter(|(_, name)| **name == entry.name || synonym(name).is_some())
            .map(|(at, name)| (at, synonym(name).filter(|_| *name != entry.name)))
            .collect::<Vec<_>>();
        taken.extend(found.iter().map(|(at, _)| *at));
        match found.as_slice() {
            [] if entry.optional => {
                add_note(&mut note, &format!("column `{}` did not come and is taken as empty", entry.name));
                places.push((usize::MAX, None));
            }
            [] => {
                missing.push(&entry.name);
                places.push((usize::MAX, None));
            }
            [(at, synonym)] => {
                if let Some(synonym) = synonym {
                    let name = &synonym.name;
                    let text =
                        format!("column `{}` came as `{name}`, agreed on {}", entry.name, synonym.agreed);
                    add_note(&mut note, &text);
                }
                places.push((*at, *synonym));
            }
            [(_, None), (_, None), ..] => return Err(format!("column `{}` stands twice", entry.name)),
            several => {
                let names: Vec<&str> =
                    several.iter().filter_map(|(at, _)| header.get(*at)).map(String::as_str).collect();
                return Err(format!("columns {} are all `{}`: one is expected", quoted(&names), entry.name));
            }
        }
    }
    let unknown: Vec<String> =
        header.iter().enumerate().filter(|(at, _)| !taken.contains(at)).map(|(_, name)| clip(name)).collect();
    // Where hardly a name is right, the line may be none of names but the first row, whose values are nobody's business.
    let few = taken.len() < contract.header.len().div_ceil(2);
    if !missing.is_empty() {
        if few && header.first().is_some_and(|first| is_web_page(first)) {
            return Err("a web page stands in the place of the file".to_owned());
        }
        let found = if unknown.is_empty() {
            String::new()
        } else if few {
            NO_HEADING.to_owned()
        } else {
            format!("; not known: {}", quoted(&unknown))
        };
        return Err(format!("column {} is missing{found}", quoted(&missing)));
    }
    let positions = contract
        .fields
        .iter()
        .map(|name| {
            let entry = contract.header.iter().position(|entry| entry.name == *name);
            entry.and_then(|entry| places.get(entry)).map_or(usize::MAX, |(at, _)| *at)
        })
        .collect();
    if !unknown.is_empty() {
        let named = if few { format!("{} columns", unknown.len()) } else { quoted(&unknown) };
        add_note(&mut note, &format!("left out, not in the contract: {named}"));
    }
    Ok((positions, note))
}

fn is_web_page(first: &str) -> bool {
    let start: String = first.trim_start().chars().take(14).collect::<String>().to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// Why a delivery is refused for one of its rows, without the value: it is published.
fn refusal(place: Place, broken: &Broken<'_>) -> String {
    let (line, column) = (place.line, broken.column);
    format!("line {line}: column `{column}` has a code that is not known, for which the contract refuses all")
}

fn add_note(note: &mut String, text: &str) {
    if !note.is_empty() && !text.is_empty() {
        note.push_str("; ");
    }
    note.push_str(text);
}

/// Names in a message: the first few, and how many more.
fn quoted<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 20;
    let shown = names.iter().take(SHOWN).map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>();
    let more = names.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn count_rest(records: &mut dyn RecordReader, fields: &mut Fields) -> u64 {
    let mut rows = 0;
    while let Ok(Some(_)) = records.next(fields) {
        rows += 1;
    }
    rows
}

/// Whether every row stands an even number of times.
fn is_doubled(multiplicity: &HashMap<u64, u32, foldhash::fast::FixedState>) -> bool {
    !multiplicity.is_empty() && multiplicity.values().all(|times| times.is_multiple_of(2))
}

fn flaw_rule(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Encoding => "bad_encoding",
        Flaw::Quoting => "bad_quoting",
        Flaw::TooLong => "line_too_long",
        Flaw::Width => "column_count",
        Flaw::Syntax => "bad_json",
        Flaw::Structure => "bad_structure",
    }
}

pub(super) fn flaw_text(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Encoding => "not UTF-8",
        Flaw::Quoting => "a quote that is not closed, or text behind a closing quote",
        Flaw::TooLong => "a line of more than a mebibyte",
        Flaw::Width => "another number of fields than the heading has",
        Flaw::Syntax => "not JSON",
        Flaw::Structure => "a list or an object where a value is expected",
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
