//! One delivery, or a part of one, on its way into a month: row by row.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::BooleanArray;

use super::contract::Contract;
use super::csv::{Fields, Flaw, Place};
use super::field::Broken;
use super::format::{self, RecordReader};
use super::header::header_positions;
use super::keys::{KeyWriter, RowKey};
use super::month::{NormaliseError, Nowhere, RowSink, Slot, Standing};
use super::person::Sample;
use super::rows::{Rows, Sent};
use super::seen::Seen;
use super::split::PartFile;
use super::verdict::{Judged, add_note, is_doubled, joined, judge_whole, let_pass, turned_down};
use super::{DeliveryReport, DeliveryStatus, Rejection, drift};
use crate::config::settings::{FeedConfig, Repeats};
use crate::landing::{Delivery, Landing};
use crate::processors::Processors;
use crate::waiver::{Effect, WaiverConfig};

/// Rows that are laid out before they go to the file.
const BATCH: usize = 1 << 14;

/// Rows whose keys are looked up together.
const KEYS: usize = 256;

/// One delivery, or a part of one, on its way into the month.
pub(super) struct Reading<'a, S> {
    pub(super) slot: &'a Slot,
    pub(super) delivery: &'a Delivery,
    pub(super) processors: &'a Processors,
    pub(super) number: usize,
    pub(super) rows: &'a mut Rows,
    pub(super) seen: &'a mut Seen,
    pub(super) rejections: Option<&'a mut Vec<Rejection>>,
    pub(super) sink: &'a mut S,
    pub(super) written: &'a mut u64,
    pub(super) keys: Option<&'a mut KeyWriter>,
    /// Rows that are laid out until their checks are applied.
    pub(super) waiting: Vec<Waiting>,
    /// Rows that fail a check that only warns, by its message: how many, and the first one's line.
    pub(super) warned: BTreeMap<String, (u64, u64)>,
}

/// A row that keeps the rules of its columns and waits for the checks of the row as a whole.
pub(super) struct Waiting {
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
        processors: &'a Processors,
        keys: Option<&'a mut KeyWriter>,
    ) -> Reading<'a, Nowhere> {
        Reading {
            slot,
            delivery,
            processors,
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

    /// Reads the delivery; its rows are in the month if the report says accepted.
    pub(super) fn read(&mut self, landing: &Landing) -> Result<DeliveryReport, NormaliseError> {
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
        let helped = self.processors.any_idle();
        let opened = opened.and_then(|records| if helped { format::ahead(records) } else { Ok(records) });
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
    pub(super) fn restated(
        &self,
        mut report: DeliveryReport,
        before: Option<&Delivery>,
        landing: &Landing,
    ) -> Result<DeliveryReport, NormaliseError> {
        let Some(before) = before.filter(|_| self.slot.standing.is_none()) else { return Ok(report) };
        let mut aside = Aside::new(&self.slot.contract);
        let earlier = aside.reading(self.slot, before, self.processors, None).read(landing)?;
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
    let processors = Processors::new(0);
    let mut reading = aside.reading(&slot, delivery, &processors, keys);
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

/// Why a delivery is refused for one of its rows, without the value: it is published.
fn refusal(place: Place, broken: &Broken<'_>) -> String {
    let (line, column) = (place.line, broken.column);
    format!("line {line}: column `{column}` has a code that is not known, for which the contract refuses all")
}

fn count_rest(records: &mut dyn RecordReader, fields: &mut Fields) -> u64 {
    let mut rows = 0;
    while let Ok(Some(_)) = records.next(fields) {
        rows += 1;
    }
    rows
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
