//! What changed between two releases: each figure that one of them shows otherwise than the other, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type};
use chrono::NaiveDate;

use super::{Manifest, ReleaseError, read_table, tables};
use crate::assess::is_same;
use crate::period::Month;
use crate::signoff::{Pending, SignOffs};

/// A figure as a release shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Events; `None` where none are told.
    pub numerator: Option<f64>,
    /// Those who could have had them.
    pub denominator: Option<f64>,
    /// The outturn; `None` where there is none.
    pub value: Option<f64>,
    /// The word of its status.
    pub status: String,
    /// Some of what it was counted from is synthetic.
    pub synthetic: bool,
}

/// What tells figures apart: measure, area, period, breakdown.
pub type Key = (String, String, String, String);

/// Why a figure changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// What the measure counts changed: its SQL, a shared query, its kind, multiplier or breakdowns.
    NewDefinition,
    /// Somebody reopened what was final, so that what was counted since is published.
    Correction,
    /// A supplier sent a month anew.
    RestatedMonth,
    /// A supplier sent a month that was missing, refused or held before.
    LateDelivery,
    /// A delivery that counted before does not count any more.
    WithdrawnDelivery,
    /// The same deliveries became other rows: a contract or a look-up of a contract changed.
    MendedContract,
    /// Residents or areas changed.
    ReferenceData,
    /// Another version of the program computed it.
    Program,
    /// The project publishes the measure, the area or such periods no longer.
    Withdrawn,
    /// The release that it is compared with is gone or damaged.
    Unknown,
    /// It is withheld in one of the two so that nobody can be identified.
    Disclosure,
}

impl Reason {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NewDefinition => "new_definition",
            Self::Correction => "correction",
            Self::RestatedMonth => "restated_month",
            Self::LateDelivery => "late_delivery",
            Self::WithdrawnDelivery => "withdrawn_delivery",
            Self::MendedContract => "mended_contract",
            Self::ReferenceData => "reference_data",
            Self::Program => "program",
            Self::Withdrawn => "withdrawn",
            Self::Unknown => "unknown",
            Self::Disclosure => "disclosure",
        }
    }
}

/// What a project publishes no more, so that a figure is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// The measure.
    Measure,
    /// The measure for this area.
    Area,
    /// The measure for such periods.
    Periods,
}

impl Gone {
    /// The words for a reader.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Measure => "the project has no such measure any more",
            Self::Area => "the measure is not published for this area any more",
            Self::Periods => "the measure is not published for such periods any more",
        }
    }
}

/// One figure that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// Which figure.
    pub key: Key,
    /// Kind of its period.
    pub period_kind: String,
    /// As the earlier release shows it; `None` where it has no such figure.
    pub before: Option<Shown>,
    /// As the later release shows it; `None` where it has no such figure.
    pub after: Option<Shown>,
    /// Why.
    pub reason: Reason,
    /// The months and feeds behind the reason, in words; empty where there is nothing to add.
    pub explanation: String,
    /// For a final figure that would be another one now: the release that was signed.
    pub pending: Option<String>,
}

/// What a release says, as far as it takes to compare it with another.
struct Edition<'a> {
    folder: &'a Path,
    manifest: &'a Manifest,
}

/// Every figure that both releases were to show and that differs, in the order of measure, area, period and breakdown.
///
/// A figure of the earlier release that the later one lacks is among them, with `after` empty. Figures that are new in
/// the later release, such as those of a new month or measure, are no revisions and are left out.
///
/// # Errors
/// A table of either release that cannot be read.
pub fn revisions(
    before: (&Path, &Manifest),
    after: (&Path, &Manifest),
    sign_offs: &SignOffs,
) -> Result<Vec<Revision>, ReleaseError> {
    let before = Edition { folder: before.0, manifest: before.1 };
    let after = Edition { folder: after.0, manifest: after.1 };
    let changed = before.changed_in(&after);
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let causes = Causes::new(&before, &after)?;
    let why = |figure: &Told<'_>| match (sign_offs.why_reopened(figure.key), figure.gone) {
        (_, Some(gone)) if figure.was_final => {
            (Reason::Withdrawn, format!("{}; it is final, and stands in table `withdrawn`", gone.words()))
        }
        (_, Some(gone)) => (Reason::Withdrawn, gone.words().to_owned()),
        (Some(why), None) if figure.was_final => (Reason::Correction, why.to_owned()),
        _ => causes.of(&figure.key.0, &figure.key.2),
    };
    Ok(told_otherwise(before.figures(&changed)?, &after.figures(&changed)?, why))
}

/// A figure that the later of two releases tells otherwise.
struct Told<'a> {
    key: &'a Key,
    was_final: bool,
    before: &'a Shown,
    after: Option<&'a Shown>,
    /// What of it the later release does not tell of at all.
    gone: Option<Gone>,
}

/// The figures that the later release tells otherwise or no more, each with the reason that `why` knows.
fn told_otherwise(old: Figures, new: &Figures, why: impl Fn(&Told<'_>) -> (Reason, String)) -> Vec<Revision> {
    let mut told: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    for ((measure, area, _, _), (kind, _, _)) in new {
        let (areas, kinds) = told.entry(measure).or_default();
        areas.insert(area);
        kinds.insert(kind);
    }
    let gone = |key: &Key, kind: &str| match told.get(key.0.as_str()) {
        None => Some(Gone::Measure),
        Some((areas, _)) if !areas.contains(key.1.as_str()) => Some(Gone::Area),
        Some((_, kinds)) if !kinds.contains(kind) => Some(Gone::Periods),
        Some(_) => None,
    };
    let mut revisions = Vec::new();
    for (key, (period_kind, was_final, before)) in old {
        let after = new.get(&key).map(|(_, _, shown)| shown);
        if after.is_some_and(|after| after.says_as(&before)) {
            continue;
        }
        let gone = gone(&key, &period_kind);
        let (reason, explanation) = why(&Told { key: &key, was_final, before: &before, after, gone });
        let (before, after) = (Some(before), after.cloned());
        revisions.push(Revision { key, period_kind, before, after, reason, explanation, pending: None });
    }
    revisions
}

/// Final figures of `after` that would be others now, with the reason why: what changed since the release that was signed,
/// which `signed` finds by its name.
///
/// # Errors
/// A table of a release that cannot be read.
pub fn pending(
    rows: Vec<Pending>,
    signed: &dyn Fn(&str) -> Option<(PathBuf, Manifest)>,
    after: (&Path, &Manifest),
) -> Result<Vec<Revision>, ReleaseError> {
    let after = Edition { folder: after.0, manifest: after.1 };
    let mut by_release: BTreeMap<String, Vec<Pending>> = BTreeMap::new();
    for row in rows {
        by_release.entry(row.release.clone()).or_default().push(row);
    }
    let mut revisions = Vec::new();
    for (release, rows) in by_release {
        let found = signed(&release);
        let edition = found.as_ref().map(|(folder, manifest)| Edition { folder, manifest });
        let causes = edition.as_ref().map(|edition| Causes::new(edition, &after)).transpose()?;
        for row in rows {
            let unknown = || (Reason::Unknown, format!("release {release} cannot be read any more"));
            let (reason, explanation) =
                causes.as_ref().map_or_else(unknown, |causes| causes.of(&row.key.0, &row.key.2));
            revisions.push(Revision {
                key: row.key,
                period_kind: row.period_kind,
                before: Some(row.stands),
                after: Some(row.counted),
                reason,
                explanation,
                pending: Some(release.clone()),
            });
        }
    }
    revisions.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(revisions)
}

/// The partnership's releases that two sets of the public were made from: folder and manifest of each.
pub type MadeFrom<'a> = ((&'a Path, &'a Manifest), (&'a Path, &'a Manifest));

/// As [`revisions`], of what the public was shown. `causes` has the partnership's releases that the two were made from;
/// without them no reason is known but a change of the program. Of a figure that one of the two withholds nothing is told
/// but that.
///
/// # Errors
/// A table that cannot be read.
pub fn shown_revisions(
    before: (&Path, &Manifest),
    after: (&Path, &Manifest),
    causes: Option<MadeFrom<'_>>,
) -> Result<Vec<Revision>, ReleaseError> {
    let before = Edition { folder: before.0, manifest: before.1 };
    let after = Edition { folder: after.0, manifest: after.1 };
    let changed = before.changed_in(&after);
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let made_from = causes.map(|(before, after)| {
        (Edition { folder: before.0, manifest: before.1 }, Edition { folder: after.0, manifest: after.1 })
    });
    let causes = made_from.as_ref().map(|(before, after)| Causes::new(before, after)).transpose()?;
    let withheld = crate::assess::Status::Suppressed.name();
    let why = |figure: &Told<'_>| {
        let is_withheld =
            figure.before.status == withheld || figure.after.is_some_and(|after| after.status == withheld);
        match &causes {
            _ if is_withheld => (Reason::Disclosure, String::new()),
            _ if let Some(gone) = figure.gone => (Reason::Withdrawn, gone.words().to_owned()),
            Some(causes) => causes.of(&figure.key.0, &figure.key.2),
            None => (Reason::Program, String::new()),
        }
    };
    Ok(told_otherwise(before.figures(&changed)?, &after.figures(&changed)?, why))
}

impl Shown {
    /// Whether both tell the same. The mark of synthetic data is no figure, and neither is a note.
    pub(crate) fn says_as(&self, other: &Self) -> bool {
        self.status == other.status
            && is_same(self.numerator, other.numerator)
            && is_same(self.denominator, other.denominator)
            && is_same(self.value, other.value)
    }
}

/// Kind of the period, whether the figure is final, and the figure.
type Figures = BTreeMap<Key, (String, bool, Shown)>;

impl Edition<'_> {
    /// Measures whose figures may be others in a later release.
    fn changed_in(&self, after: &Edition<'_>) -> BTreeSet<&str> {
        let measures = self.manifest.measures.iter();
        let other = measures.filter(|(id, digest)| after.manifest.measures.get(*id) != Some(digest));
        other.map(|(id, _)| id.as_str()).collect()
    }

    fn figures(&self, wanted: &BTreeSet<&str>) -> Result<Figures, ReleaseError> {
        let mut figures = Figures::new();
        for batch in read_table(self.folder, tables::OUTTURN.name)?.1 {
            let text = |name: &str| text_column(&batch, name);
            let number = |name: &str| {
                batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<Float64Type>()).cloned()
            };
            let (Some(measure), Some(area), Some(period), Some(kind), Some(breakdown), Some(status)) = (
                text("measure"),
                text("area"),
                text("period"),
                text("period_kind"),
                text("breakdown"),
                text("status"),
            ) else {
                continue;
            };
            let numbers = (number("numerator"), number("denominator"), number("value"));
            let synthetic = batch.column_by_name("synthetic").and_then(|c| c.as_boolean_opt());
            let sign_off = text("sign_off");
            let of = |column: &Option<Float64Array>, row: usize| {
                column.as_ref().and_then(|c| c.is_valid(row).then(|| c.value(row)))
            };
            for row in (0..batch.num_rows()).filter(|row| wanted.contains(measure.value(*row))) {
                let key = [&measure, &area, &period, &breakdown].map(|column| column.value(row).to_owned());
                let shown = Shown {
                    numerator: of(&numbers.0, row),
                    denominator: of(&numbers.1, row),
                    value: of(&numbers.2, row),
                    status: status.value(row).to_owned(),
                    synthetic: synthetic.is_some_and(|c| c.is_valid(row) && c.value(row)),
                };
                let is_final = sign_off.as_ref().is_some_and(|column| column.value(row) == "final");
                figures.insert(key.into(), (kind.value(row).to_owned(), is_final, shown));
            }
        }
        Ok(figures)
    }

    /// What each measure counts, and the tables that it reads.
    fn definitions(&self) -> Result<Definitions, ReleaseError> {
        let mut definitions = Definitions::new();
        for batch in read_table(self.folder, tables::MEASURE.name)?.1 {
            let text = |name: &str| text_column(&batch, name);
            let (Some(measure), Some(sql), Some(reads)) = (text("measure"), text("sql"), text("reads"))
            else {
                continue;
            };
            let (digest, changes) = (text("definition"), text("definition_changes"));
            let version =
                batch.column_by_name("definition_version").and_then(|c| c.as_primitive_opt::<Int64Type>());
            let of = |column: &Option<StringArray>, row: usize| {
                let column = column.as_ref().filter(|column| column.is_valid(row));
                column.map(|column| column.value(row).to_owned())
            };
            for row in 0..batch.num_rows() {
                let reads = if reads.is_valid(row) { reads.value(row) } else { "" };
                let told = Definition {
                    sql: sql.value(row).to_owned(),
                    digest: of(&digest, row),
                    version: version.filter(|column| column.is_valid(row)).map(|column| column.value(row)),
                    changes: of(&changes, row).unwrap_or_default(),
                    reads: reads.split(", ").map(str::to_owned).collect(),
                };
                definitions.insert(measure.value(row).to_owned(), told);
            }
        }
        Ok(definitions)
    }

    /// First and last month of each period.
    fn periods(&self) -> Result<BTreeMap<String, (Month, Month)>, ReleaseError> {
        let mut periods = BTreeMap::new();
        for batch in read_table(self.folder, tables::PERIOD.name)?.1 {
            let day = |name: &str| {
                batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<Date32Type>()).cloned()
            };
            let (Some(period), Some(first), Some(last)) =
                (text_column(&batch, "period"), day("first_day"), day("last_day"))
            else {
                continue;
            };
            let month = |days: i32| {
                NaiveDate::default()
                    .checked_add_signed(chrono::TimeDelta::days(i64::from(days)))
                    .map(Month::containing)
            };
            for row in 0..batch.num_rows() {
                if let (Some(first), Some(last)) = (month(first.value(row)), month(last.value(row))) {
                    periods.insert(period.value(row).to_owned(), (first, last));
                }
            }
        }
        Ok(periods)
    }

    /// Status and digest of each file of each feed and month, by dataset and month.
    fn deliveries(&self) -> Result<Deliveries, ReleaseError> {
        let mut deliveries = Deliveries::new();
        for batch in read_table(self.folder, tables::FEED_DELIVERY.name)?.1 {
            let text = |name: &str| text_column(&batch, name);
            let (Some(feed), Some(dataset), Some(period), Some(file), Some(digest), Some(status)) = (
                text("feed"),
                text("dataset"),
                text("period"),
                text("source_file"),
                text("delivery"),
                text("status"),
            ) else {
                continue;
            };
            for row in 0..batch.num_rows() {
                let Ok(month) = period.value(row).parse::<Month>() else { continue };
                if status.value(row) != "accepted" {
                    continue;
                }
                deliveries
                    .entry((dataset.value(row).to_owned(), month))
                    .or_default()
                    .insert((feed.value(row).to_owned(), file.value(row).to_owned()), {
                        digest.value(row).to_owned()
                    });
            }
        }
        Ok(deliveries)
    }

    /// The file of a stored table in a month.
    fn file(&self, table: &str, month: Month) -> Option<&str> {
        let files = &self.manifest.datasets.get(table)?.files;
        let folder = format!("month={month}/");
        files.iter().find(|file| file.starts_with(&folder)).map(String::as_str)
    }
}

/// By measure.
type Definitions = BTreeMap<String, Definition>;

/// What a release tells of a measure's definition.
struct Definition {
    /// Its file as it was run.
    sql: String,
    /// Digest of what it counts; `None` in releases of earlier versions of the program.
    digest: Option<String>,
    /// Version of that; `None` in such releases.
    version: Option<i64>,
    /// What changed with each version, a line each.
    changes: String,
    /// Tables that it reads.
    reads: Vec<String>,
}

impl Definition {
    /// Whether two releases count the same.
    fn counts_as(&self, other: &Self) -> bool {
        match (&self.digest, &other.digest) {
            (Some(own), Some(other)) => own == other,
            _ => self.sql == other.sql,
        }
    }

    /// What changed since an earlier release, in words.
    fn changes_since(&self, earlier: &Self) -> String {
        let (Some(new), Some(old)) = (self.version, earlier.version) else { return String::new() };
        if new == old {
            return format!("still called version {new}");
        }
        let of = |line: &&str| line.split_once(',').and_then(|(version, _)| version.parse::<i64>().ok());
        let lines = self.changes.lines().filter(|line| of(line).is_some_and(|version| version > old));
        lines.map(|line| format!("version {line}")).collect::<Vec<_>>().join("; ")
    }
}

/// Digest of each accepted file, by feed and name, of each dataset and month.
type Deliveries = BTreeMap<(String, Month), BTreeMap<(String, String), String>>;

/// What changed between two releases besides the figures.
struct Causes<'a> {
    before: &'a Edition<'a>,
    after: &'a Edition<'a>,
    definitions: (Definitions, Definitions),
    deliveries: (Deliveries, Deliveries),
    periods: BTreeMap<String, (Month, Month)>,
}

impl<'a> Causes<'a> {
    fn new(before: &'a Edition<'a>, after: &'a Edition<'a>) -> Result<Self, ReleaseError> {
        let mut periods = before.periods()?;
        periods.extend(after.periods()?);
        Ok(Self {
            definitions: (before.definitions()?, after.definitions()?),
            deliveries: (before.deliveries()?, after.deliveries()?),
            before,
            after,
            periods,
        })
    }

    fn of(&self, measure: &str, period: &str) -> (Reason, String) {
        let old = self.definitions.0.get(measure);
        if let (Some(old), Some(new)) = (old, self.definitions.1.get(measure))
            && !new.counts_as(old)
        {
            return (Reason::NewDefinition, new.changes_since(old));
        }
        let reads = old.map(|old| old.reads.as_slice()).unwrap_or_default();
        let months = self.periods.get(period).map(|(first, last)| first.through(*last));
        let changed: Vec<Month> = months
            .into_iter()
            .flatten()
            .filter(|month| {
                reads.iter().any(|table| self.before.file(table, *month) != self.after.file(table, *month))
            })
            .collect();
        if let Some(found) = self.deliveries_of(&changed) {
            return found;
        }
        if changed.is_empty() {
            let program = self.before.manifest.program != self.after.manifest.program;
            return (if program { Reason::Program } else { Reason::ReferenceData }, String::new());
        }
        (Reason::MendedContract, format!("months {}", words(&changed)))
    }

    /// The change of deliveries behind changed months; `None` where the deliveries are the same.
    fn deliveries_of(&self, changed: &[Month]) -> Option<(Reason, String)> {
        let mut told: BTreeMap<Reason, BTreeSet<(String, Month)>> = BTreeMap::new();
        let none = BTreeMap::new();
        let datasets = self.after.manifest.datasets.keys().chain(self.before.manifest.datasets.keys());
        for dataset in datasets.collect::<BTreeSet<_>>() {
            for month in changed {
                let key = (dataset.clone(), *month);
                let old = self.deliveries.0.get(&key).unwrap_or(&none);
                let new = self.deliveries.1.get(&key).unwrap_or(&none);
                for slot in old.keys().chain(new.keys()) {
                    let reason = match (old.get(slot), new.get(slot)) {
                        (None, Some(_)) => Reason::LateDelivery,
                        (Some(_), None) => Reason::WithdrawnDelivery,
                        (Some(a), Some(b)) if a != b => Reason::RestatedMonth,
                        _ => continue,
                    };
                    told.entry(reason).or_default().insert((slot.0.clone(), *month));
                }
            }
        }
        let (reason, _) = told.first_key_value()?;
        let lines: Vec<String> = told
            .iter()
            .map(|(reason, slots)| {
                let mut by_feed: BTreeMap<&str, Vec<Month>> = BTreeMap::new();
                for (feed, month) in slots {
                    by_feed.entry(feed).or_default().push(*month);
                }
                let feeds: Vec<String> = by_feed
                    .iter()
                    .map(|(feed, months)| format!("feed `{feed}`: {}", words(months)))
                    .collect();
                format!("{}: {}", reason.name(), feeds.join(", "))
            })
            .collect();
        Some((*reason, lines.join("; ")))
    }
}

/// At most a dozen months, one behind the other.
fn words(months: &[Month]) -> String {
    let mut texts: Vec<String> = months.iter().take(12).map(ToString::to_string).collect();
    if months.len() > texts.len() {
        texts.push(format!("and {} more", months.len() - texts.len()));
    }
    texts.join(", ")
}

fn text_column(batch: &RecordBatch, name: &str) -> Option<StringArray> {
    let column = batch.column_by_name(name)?;
    cast(column, &DataType::Utf8).ok()?.as_string_opt::<i32>().cloned()
}

/// Table `revision`: one row a figure, in the order of [`revisions`].
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn table(
    rows: &[Revision],
    previous: &str,
    release: &str,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let text = |of: &dyn Fn(&Revision) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| of(row).filter(|text| !text.is_empty())).collect::<StringArray>())
    };
    let number = |of: &dyn Fn(&Revision) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<Float64Array>())
    };
    let before = |of: fn(&Shown) -> Option<f64>| number(&|row: &Revision| row.before.as_ref().and_then(of));
    let after = |of: fn(&Shown) -> Option<f64>| number(&|row: &Revision| row.after.as_ref().and_then(of));
    let difference = |row: &Revision| Some(row.after.as_ref()?.value? - row.before.as_ref()?.value?);
    let synthetic =
        |row: &Revision| Some([&row.before, &row.after].into_iter().flatten().any(|shown| shown.synthetic));
    RecordBatch::try_new(
        tables::REVISION.schema(),
        vec![
            text(&|row| Some(row.key.0.clone())),
            text(&|row| Some(row.key.1.clone())),
            text(&|row| Some(row.key.2.clone())),
            text(&|row| Some(row.period_kind.clone())),
            text(&|row| Some(row.key.3.clone())),
            before(|shown| shown.value),
            after(|shown| shown.value),
            number(&difference),
            before(|shown| shown.numerator),
            after(|shown| shown.numerator),
            before(|shown| shown.denominator),
            after(|shown| shown.denominator),
            text(&|row| row.before.as_ref().map(|shown| shown.status.clone())),
            text(&|row| {
                Some(row.after.as_ref().map_or("no_longer_published", |shown| &shown.status).to_owned())
            }),
            text(&|row| Some(row.reason.name().to_owned())),
            text(&|row| Some(row.explanation.clone())),
            text(&|row| Some(if row.pending.is_some() { "pending" } else { "published" }.to_owned())),
            Arc::new(rows.iter().map(synthetic).collect::<BooleanArray>()),
            text(&|row| Some(row.pending.clone().unwrap_or_else(|| previous.to_owned()))),
            text(&|_| Some(release.to_owned())),
        ],
    )
}
