//! Sign-off: which figures somebody checked or made final. A final figure stands as it was signed, whatever is delivered
//! afterwards, until somebody reopens it.
//!
//! `signoff/signoff.jsonl` in the warehouse has one line a decision, only ever appended; `signoff/<number>.parquet` holds
//! the figures that the decision of that number is about, as the release that was signed shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Float64Type, Int64Type};
use chrono::{DateTime, NaiveDate, Utc};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::assess::interval::{FigureInterval, known_method};
use crate::assess::{Absence, Basis, Figure, Status};
use crate::durable;
use crate::period::{InvalidPeriod, Period};
use crate::release::revision::{Key, Shown};
use crate::release::{self, ReleaseError, tables};
use crate::statistics::Interval;

/// How far a figure is signed off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignOff {
    /// Nobody signed it; it may still change.
    #[default]
    Provisional,
    /// Somebody who answers for it looked at this very value; it may still change, and is provisional then.
    Checked,
    /// It stands.
    Final,
}

impl SignOff {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Provisional => "provisional",
            Self::Checked => "checked",
            Self::Final => "final",
        }
    }

    /// That of a word in tables; provisional for any other.
    #[must_use]
    pub fn named(word: &str) -> Self {
        let all = [Self::Final, Self::Checked];
        all.into_iter().find(|known| known.name() == word).unwrap_or_default()
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The figures were checked.
    Checked,
    /// They are final.
    Final,
    /// They are provisional again.
    Reopened,
}

impl Action {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::Final => "final",
            Self::Reopened => "reopened",
        }
    }
}

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Number of the line, from 1.
    pub number: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// Role of who decided it.
    pub by: String,
    /// What was decided.
    pub action: Action,
    /// The period, as table `outturn` names it; figures of all periods that lie in it are meant.
    pub period: String,
    /// The measures; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<String>,
    /// Why, or what a reader should know.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The release whose figures were signed; the one that was current for a reopening.
    pub release: String,
    /// How many figures it is about.
    pub figures: u64,
    /// SHA-256 of the file with the figures; empty for a reopening.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
}

impl Decision {
    /// Whether a figure is meant.
    fn covers(&self, measure: &str, period: Period) -> bool {
        (self.measures.is_empty() || self.measures.iter().any(|id| id == measure))
            && self.period.parse().is_ok_and(|signed| lies_in(period, signed))
    }
}

/// Whether a figure of a period is meant where `signed` is signed: a month, quarter or year stands for every period within
/// it; a rolling year or a year to date, which shares its months with others of its kind, for itself alone.
#[must_use]
pub fn lies_in(period: Period, signed: Period) -> bool {
    if signed.kind.is_series() {
        signed.first <= period.first && period.last <= signed.last
    } else {
        period == signed
    }
}

/// The period that somebody named: as table `outturn` writes it, or `2025-Q3` for the third quarter of the calendar year.
///
/// # Errors
/// A text that names none.
pub fn period_named(text: &str) -> Result<Period, InvalidPeriod> {
    let text = text.trim();
    match text.split_once("-Q") {
        Some((year, quarter)) if !year.contains('/') => format!("{year} Q{quarter}").parse(),
        Some((year, quarter)) => format!("{year} Q{quarter}").parse(),
        None => text.parse(),
    }
}

/// A figure as it was signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Signed {
    /// How far; never provisional.
    pub sign_off: SignOff,
    /// Release whose figure it is.
    pub release: String,
    numerator: Option<f64>,
    denominator: Option<f64>,
    value: Option<f64>,
    status: Status,
    absence: Option<Absence>,
    note: String,
    interval: Option<FigureInterval>,
    basis: Option<Box<Basis>>,
    confidence: Option<f64>,
    after_break: bool,
    synthetic: bool,
    revised: bool,
    definition_version: u32,
}

impl Signed {
    /// Puts it in the place of a figure.
    fn put(&self, figure: &mut Figure) {
        (figure.numerator, figure.denominator) = (self.numerator, self.denominator);
        (figure.value, figure.status, figure.absence) = (self.value, self.status, self.absence);
        figure.note.clone_from(&self.note);
        figure.interval = self.interval;
        figure.basis.clone_from(&self.basis);
        (figure.after_break, figure.synthetic) = (self.after_break, self.synthetic);
        figure.vintage.sign_off = SignOff::Final;
        figure.vintage.definition_version = self.definition_version;
        figure.vintage.revised = self.revised;
    }

    fn shown(&self) -> Shown {
        Shown {
            numerator: self.numerator,
            denominator: self.denominator,
            value: self.value,
            status: self.status.name().to_owned(),
            synthetic: self.synthetic,
        }
    }
}

/// A final figure as it was signed.
#[derive(Debug, Clone)]
pub struct Final<'a> {
    /// Which figure.
    pub key: &'a Key,
    /// The figure.
    pub figure: Figure,
    /// Confidence of its limits, in percent.
    pub confidence: Option<f64>,
    /// The release that was signed.
    pub release: &'a str,
}

/// A final figure under which something else would be counted now.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// Which figure.
    pub key: Key,
    /// Kind of its period.
    pub period_kind: String,
    /// As it stands.
    pub stands: Shown,
    /// As it would be.
    pub counted: Shown,
    /// Release as whose figure it was signed.
    pub release: String,
}

/// What is in force of all decisions.
#[derive(Debug, Clone, Default)]
pub struct SignOffs {
    decisions: Vec<Decision>,
    /// By measure, area, period and breakdown.
    figures: BTreeMap<Key, Signed>,
    /// By measure, area, period and breakdown: why a figure that was final is not so any more.
    reopened: BTreeMap<Key, String>,
}

/// The record of a warehouse.
fn folder(warehouse: &Path) -> PathBuf {
    warehouse.join("signoff")
}

/// A line by itself is lost when its figures are, so a file that is not as it was written stops whoever reads it.
fn damaged(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl SignOffs {
    /// Those of a warehouse, or the first so many of them; none where nothing was signed yet.
    ///
    /// # Errors
    /// What the file system reports; a line, or a file of figures, that is not as it was written.
    pub fn open(warehouse: &Path, first: Option<u64>) -> io::Result<Self> {
        let folder = folder(warehouse);
        let lines: Vec<Decision> = durable::read_lines(&folder.join("signoff.jsonl"))?;
        let mut all = Self::default();
        for (number, decision) in (1..).zip(lines) {
            if decision.number != number {
                return Err(damaged(format!(
                    "signoff/signoff.jsonl:{number}: damaged: another number was expected"
                )));
            }
            if first.is_some_and(|first| number > first) {
                break;
            }
            match decision.action {
                Action::Reopened => all.reopen(&decision),
                Action::Checked | Action::Final => {
                    let name = format!("{number}.parquet");
                    let gone = |error: io::Error| {
                        io::Error::new(
                            error.kind(),
                            format!("signoff/{name}: {error}; restore it from a backup"),
                        )
                    };
                    let bytes = fs::read(folder.join(&name)).map_err(gone)?;
                    if hex::encode(Sha256::digest(&bytes)) != decision.sha256 {
                        return Err(damaged(format!(
                            "signoff/{name} is not as it was signed; restore it from a backup"
                        )));
                    }
                    let file = fs::File::open(folder.join(&name)).map_err(gone)?;
                    all.take(&decision, file).map_err(|error| damaged(format!("signoff/{name}: {error}")))?;
                }
            }
            all.decisions.push(decision);
        }
        Ok(all)
    }

    fn reopen(&mut self, decision: &Decision) {
        let meant = |key: &Key| key.2.parse().is_ok_and(|period| decision.covers(&key.0, period));
        let gone: Vec<Key> = self.figures.keys().filter(|key| meant(key)).cloned().collect();
        for key in gone {
            self.figures.remove(&key);
            let why =
                format!("reopened by {} on {}: {}", decision.by, decision.at.date_naive(), decision.note);
            self.reopened.insert(key, why);
        }
    }

    fn take(&mut self, decision: &Decision, file: fs::File) -> Result<(), Box<dyn std::error::Error>> {
        let sign_off = if decision.action == Action::Final { SignOff::Final } else { SignOff::Checked };
        for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.build()? {
            for (key, mut signed) in rows(&batch?).ok_or("its columns are not those expected")? {
                // What is final stays as it was signed first.
                if self.figures.get(&key).is_some_and(|known| known.sign_off == SignOff::Final) {
                    continue;
                }
                signed.sign_off = sign_off;
                signed.release.clone_from(&decision.release);
                self.reopened.remove(&key);
                self.figures.insert(key, signed);
            }
        }
        Ok(())
    }

    /// Every decision, the oldest first.
    #[must_use]
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// How far a figure is signed off.
    #[must_use]
    pub fn of(&self, key: &Key) -> SignOff {
        self.figures.get(key).map_or(SignOff::Provisional, |signed| signed.sign_off)
    }

    /// Why a figure that was final is not so any more; `None` where it is, or never was.
    #[must_use]
    pub fn why_reopened(&self, key: &Key) -> Option<&str> {
        self.reopened.get(key).map(String::as_str)
    }

    /// Breakdowns of a measure's final figures: they have a row though nothing is counted for them any more.
    pub fn breakdowns(&self, measure: &str) -> impl Iterator<Item = &str> {
        let own = self.figures.iter().filter(move |(key, _)| key.0 == measure);
        own.filter(|(_, signed)| signed.sign_off == SignOff::Final).map(|(key, _)| key.3.as_str())
    }

    /// Every final figure as it was signed, in the order of measure, area, period and breakdown.
    pub fn finals(&self) -> impl Iterator<Item = Final<'_>> {
        let all = self.figures.iter().filter(|(_, signed)| signed.sign_off == SignOff::Final);
        all.filter_map(|(key, signed)| {
            let mut figure = Figure::empty(&key.1, &key.3, key.2.parse().ok()?);
            signed.put(&mut figure);
            Some(Final { key, figure, confidence: signed.confidence, release: &signed.release })
        })
    }

    /// Measures of which something is signed.
    #[must_use]
    pub fn measures(&self) -> BTreeSet<&str> {
        self.figures.keys().map(|key| key.0.as_str()).collect()
    }

    /// Digest of what is signed of a measure.
    #[must_use]
    pub fn digest(&self, measure: &str) -> String {
        let mut digest = Sha256::new();
        for (key, signed) in self.figures.iter().filter(|(key, _)| key.0 == measure) {
            digest.update(format!("{key:?} {signed:?};"));
        }
        hex::encode(digest.finalize())
    }

    /// Digest of the record.
    #[must_use]
    pub fn digest_of_all(&self) -> String {
        hex::encode(Sha256::digest(format!("{:?}", self.decisions)))
    }

    /// Puts final figures in the place of what would be counted now, and marks those that were checked and are still the
    /// same. Gives the final ones under which something else is counted. Without `counted` nothing could be, and nothing
    /// is pending.
    pub fn apply(
        &self,
        measure: &str,
        figures: &mut [Figure],
        confidence: f64,
        counted: bool,
    ) -> Vec<Pending> {
        let mut pending = Vec::new();
        let first: Key = (measure.to_owned(), String::new(), String::new(), String::new());
        if self.figures.range(first..).next().is_none_or(|(key, _)| key.0 != measure) {
            return pending;
        }
        for figure in figures {
            let key: Key = (
                measure.to_owned(),
                figure.area.clone(),
                figure.period.to_string(),
                figure.breakdown.clone(),
            );
            let Some(signed) = self.figures.get(&key) else { continue };
            let (now, stands) = (shown(figure), signed.shown());
            let same = now.says_as(&stands);
            if signed.sign_off == SignOff::Checked {
                if same {
                    figure.vintage.sign_off = SignOff::Checked;
                }
                continue;
            }
            signed.put(figure);
            // Limits of another confidence would stand under the measure's present one.
            let fits = signed.confidence.is_some_and(|known| (known - confidence).abs() < 1e-9);
            figure.interval = signed.interval.filter(|_| fits);
            if !same && counted {
                pending.push(Pending {
                    key,
                    period_kind: figure.period.kind.name().to_owned(),
                    stands,
                    counted: now,
                    release: signed.release.clone(),
                });
            }
        }
        pending
    }
}

fn shown(figure: &Figure) -> Shown {
    Shown {
        numerator: figure.numerator,
        denominator: figure.denominator,
        value: figure.value,
        status: figure.status.name().to_owned(),
        synthetic: figure.synthetic,
    }
}

/// The figures of rows of `outturn`, not yet signed; `None` where a column is missing.
fn rows(batch: &RecordBatch) -> Option<Vec<(Key, Signed)>> {
    let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
    let number = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Float64Type>();
    let flag = |name: &str| batch.column_by_name(name)?.as_boolean_opt();
    let keys = [text("measure")?, text("area")?, text("period")?, text("breakdown")?];
    let (numerator, denominator, value) = (number("numerator")?, number("denominator")?, number("value")?);
    let (lower, upper, confidence) = (number("lower")?, number("upper")?, number("confidence")?);
    let (status, note, method) = (text("status")?, text("note")?, text("interval_method")?);
    let (after_break, synthetic, revised) = (flag("break")?, flag("synthetic")?, flag("revised")?);
    let version = batch.column_by_name("definition_version")?.as_primitive_opt::<Int64Type>()?;
    let some = |column: &arrow::array::Float64Array, row| column.is_valid(row).then(|| column.value(row));
    let is = |column: &BooleanArray, row| column.is_valid(row) && column.value(row);
    let bases = tables::Bases::of(batch);
    let absences = tables::Absences::of(batch);
    let of = |row: usize| {
        let limits = some(lower, row).zip(some(upper, row));
        let method = method.is_valid(row).then(|| known_method(method.value(row)));
        let interval = limits
            .zip(method)
            .map(|((lower, upper), method)| FigureInterval { limits: Interval { lower, upper }, method });
        let signed = Signed {
            sign_off: SignOff::Provisional,
            release: String::new(),
            numerator: some(numerator, row),
            denominator: some(denominator, row),
            value: some(value, row),
            status: Status::named(status.value(row))?,
            absence: absences.at(row),
            note: if note.is_valid(row) { note.value(row).to_owned() } else { String::new() },
            interval,
            basis: bases.at(row),
            confidence: some(confidence, row),
            after_break: is(after_break, row),
            synthetic: is(synthetic, row),
            revised: is(revised, row),
            definition_version: u32::try_from(version.value(row)).ok()?,
        };
        Some((keys.map(|key| key.value(row).to_owned()).into(), signed))
    };
    (0..batch.num_rows()).map(of).collect()
}

/// What somebody asks to be signed, or reopened.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// What is decided.
    pub action: Action,
    /// The period.
    pub period: Period,
    /// The measures; none: all.
    pub measures: &'a [String],
    /// Role of who decides.
    pub by: &'a str,
    /// Why, or what a reader should know.
    pub note: &'a str,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignOffError {
    /// The period is not over.
    #[error("{period} ends on {last_day}; what is not over cannot be signed")]
    NotOver {
        /// The period.
        period: String,
        /// Its last day.
        last_day: NaiveDate,
    },
    /// The release has no such figure that could be signed.
    #[error("release {release} has no figure within {period} that {what}")]
    Nothing {
        /// The release.
        release: String,
        /// The period.
        period: String,
        /// What was looked for.
        what: &'static str,
    },
    /// The release is damaged.
    #[error(
        "table `outturn` of release {0} is not as it was released; make a new release before you sign one"
    )]
    Damaged(String),
    /// The release cannot be read.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// A table does not fit its columns: a defect of ours.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
    /// The record cannot be read or written.
    #[error("the record of sign-offs cannot be used")]
    Record(#[source] io::Error),
}

/// What became of a wish to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The decision.
    pub decision: Decision,
    /// Measures that it is about.
    pub measures: BTreeSet<String>,
    /// Figures of the period that have no value yet, and so were not signed.
    pub without_value: u64,
    /// Figures that were final before, and stay as they were signed then.
    pub final_before: u64,
}

/// Signs figures of a release, or reopens them, durably. Only the holder of the warehouse may.
///
/// # Errors
/// Why nothing was signed.
pub fn record(
    warehouse: &Path,
    release_folder: &Path,
    asked: &Asked<'_>,
    now: DateTime<Utc>,
) -> Result<Recorded, SignOffError> {
    let known = SignOffs::open(warehouse, None).map_err(SignOffError::Record)?;
    let manifest = release::read_manifest(release_folder)?;
    let today = now.with_timezone(&chrono_tz::Europe::London).date_naive();
    let last_day = asked.period.last.last_day();
    if last_day >= today {
        return Err(SignOffError::NotOver { period: asked.period.to_string(), last_day });
    }
    let mut decision = Decision {
        number: known.decisions.len() as u64 + 1,
        at: now,
        by: asked.by.to_owned(),
        action: asked.action,
        period: asked.period.to_string(),
        measures: asked.measures.to_vec(),
        note: asked.note.to_owned(),
        release: manifest.release.clone(),
        figures: 0,
        sha256: String::new(),
    };
    let mut recorded =
        Recorded { decision: decision.clone(), measures: BTreeSet::new(), without_value: 0, final_before: 0 };
    let nothing = |what| SignOffError::Nothing {
        release: manifest.release.clone(),
        period: asked.period.to_string(),
        what,
    };
    if asked.action == Action::Reopened {
        let meant = known
            .figures
            .keys()
            .filter(|key| key.2.parse().is_ok_and(|period| decision.covers(&key.0, period)));
        recorded.measures = meant.clone().map(|key| key.0.clone()).collect();
        decision.figures = meant.count() as u64;
        if decision.figures == 0 {
            return Err(nothing("is signed"));
        }
    } else {
        if release::damaged_tables(release_folder, &manifest).contains(tables::OUTTURN.name) {
            return Err(SignOffError::Damaged(manifest.release));
        }
        let (schema, batches) = release::read_table(release_folder, tables::OUTTURN.name)?;
        let mut chosen = Vec::new();
        for batch in &batches {
            let of = |row: &(Key, Signed)| -> bool {
                let (key, figure) = row;
                if !key.2.parse().is_ok_and(|period| decision.covers(&key.0, period)) {
                    return false;
                }
                if known.of(key) == SignOff::Final {
                    recorded.final_before += 1;
                    return false;
                }
                if !matches!(figure.status, Status::Available | Status::NotApplicable) {
                    recorded.without_value += 1;
                    return false;
                }
                recorded.measures.insert(key.0.clone());
                true
            };
            let rows =
                rows(batch).ok_or_else(|| nothing("an earlier version of the program could have signed"))?;
            let mask: BooleanArray = rows.iter().map(of).map(Some).collect();
            chosen.push(filter_record_batch(batch, &mask)?);
        }
        let chosen = concat_batches(&schema, &chosen)?;
        decision.figures = chosen.num_rows() as u64;
        if decision.figures == 0 {
            return Err(nothing("has a value and is not final yet"));
        }
        let mut bytes = Vec::new();
        let failed = |error: parquet::errors::ParquetError| SignOffError::Record(io::Error::other(error));
        let mut writer = ArrowWriter::try_new(&mut bytes, schema, None).map_err(failed)?;
        writer.write(&chosen).map_err(failed)?;
        writer.close().map_err(failed)?;
        decision.sha256 = hex::encode(Sha256::digest(&bytes));
        let place = folder(warehouse).join(format!("{}.parquet", decision.number));
        // The figures first: a line says that they are there.
        durable::write(&place, &bytes).map_err(SignOffError::Record)?;
    }
    durable::append_line(&folder(warehouse).join("signoff.jsonl"), &decision)
        .map_err(SignOffError::Record)?;
    recorded.decision = decision;
    Ok(recorded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(text: &str) -> Period {
        text.parse().unwrap()
    }

    #[test]
    fn a_quarter_stands_for_every_period_within_it_and_a_rolling_year_for_itself() {
        let quarter = period_named("2025-Q3").unwrap();
        assert_eq!(quarter.to_string(), "2025 Q3");
        assert_eq!(
            period_named("2025/26 Q2").unwrap().months().collect::<Vec<_>>(),
            quarter.months().collect::<Vec<_>>()
        );
        for within in ["2025-07", "2025-08", "2025-09", "2025 Q3", "2025/26 Q2"] {
            assert!(lies_in(period(within), quarter), "{within}");
        }
        for outside in ["2025-06", "2025-10", "2025/26", "2025", "12 months to 2025-09", "2025/26 to 2025-09"]
        {
            assert!(!lies_in(period(outside), quarter), "{outside}");
        }
        let rolling = period("12 months to 2025-09");
        assert!(lies_in(rolling, rolling) && !lies_in(period("2025-09"), rolling));
        assert!(lies_in(period("12 months to 2026-03"), period("2025/26")));
        for text in ["2025-Q5", "Q3", "2025-Q", "summer"] {
            assert!(period_named(text).is_err(), "{text}");
        }
    }
}
