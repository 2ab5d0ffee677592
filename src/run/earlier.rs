//! What the release before can lend: figures and tables that follow from nothing that changed.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use sha2::{Digest, Sha256};

use super::gaps::{all_reports, told_measures};
use super::{RunError, Stored};
use crate::assess::{Figure, is_same};
use crate::check::Checked;
use crate::feed::FeedState;
use crate::measure::Supply;
use crate::release::assessed::{self, Judged};
use crate::release::{self, Manifest, Published, tables};
use crate::signoff::SignOff;

/// Form of the rows that a release lends to the next one; another one makes every measure anew.
const FORM: &str = "assessed 4";

/// Digests of everything that each measure and table follows from.
pub(crate) struct Fingerprints {
    pub(crate) measures: BTreeMap<String, String>,
    pub(crate) tables: BTreeMap<String, String>,
}

impl Fingerprints {
    pub(crate) fn new(checked: &Checked, stored: &Stored, states: &[FeedState], supply: &Supply<'_>) -> Self {
        let project = &checked.project;
        let mut parts: BTreeMap<&str, String> = BTreeMap::new();
        for (table, snapshot) in &stored.snapshots {
            parts.insert(table, snapshot.contents());
        }
        for (name, lookup) in &checked.lookups {
            parts.insert(name, lookup.digest.clone());
        }
        for (name, view) in &project.views {
            parts.insert(name, view.digest.clone());
        }
        let mut deliveries = Sha256::new();
        for state in states {
            for (month, reason) in &state.missing {
                deliveries.update(format!("{} {month} {reason};", state.feed.id));
            }
        }
        for report in all_reports(&stored.reports) {
            deliveries.update(format!(
                "{} {} {:?} {:?};",
                report.delivery.feed, report.delivery.content_sha256, report.rules, report.erased
            ));
        }
        parts.insert("feed_delivery", hex::encode(deliveries.finalize()));
        let of = |sql: &str, reads: &BTreeSet<String>, more: &str| {
            let mut digest = Sha256::new();
            for part in [env!("CARGO_PKG_VERSION"), sql, more] {
                digest.update((part.len() as u64).to_le_bytes());
                digest.update(part);
            }
            for table in reads {
                digest.update(format!("{table}={};", parts.get(table.as_str()).map_or("", String::as_str)));
            }
            hex::encode(digest.finalize())
        };
        let reference = |name: &str| checked.lookups.get(name).map_or("", |lookup| lookup.digest.as_str());
        let measures = checked.measures.iter().filter_map(|(id, (planned, areas))| {
            let file = project.measures.get(id)?;
            // Which months are expected, delivered or missing decides between zero and not available.
            let span = supply.span(&planned.datasets, areas);
            let covered: Vec<_> = span
                .into_iter()
                .flat_map(|span| areas.iter().map(move |area| (area, span)))
                .map(|(area, span)| supply.coverage(&planned.datasets, area, span))
                .collect();
            let judged_by = project.judged_by(id, &planned.datasets);
            let more = format!(
                "{FORM} {span:?} {covered:?} {} {} {} {} {judged_by} {:?} {}",
                reference("area"),
                reference("area_change"),
                reference("population"),
                supply.retained.digest(id),
                span.and_then(|span| supply.mature(&file.config, span)),
                supply.sign_offs.digest(id)
            );
            Some((id.clone(), of(&file.digest, &planned.reads, &more)))
        });
        let tables = checked.tables.iter().filter_map(|(id, planned)| {
            Some((id.clone(), of(&project.tables.get(id)?.digest, &planned.reads, "")))
        });
        Self { measures: measures.collect(), tables: tables.collect() }
    }
}

/// The release before, from which what did not change is taken.
pub(super) struct Earlier {
    folder: Option<PathBuf>,
    /// Its tables that differ from their digests; nothing of them is lent, for it would stand as good in the new release.
    damaged: BTreeSet<String>,
    measures: BTreeMap<String, String>,
    tables: BTreeMap<String, String>,
    /// Bytes of its tables as CSV.
    sizes: BTreeMap<String, u64>,
    /// Tables by measure, as far as they were read.
    rows: BTreeMap<&'static str, OnceCell<ByMeasure>>,
    /// By measure: why it was withheld, and its latest period.
    told: OnceCell<BTreeMap<String, (String, String)>>,
}

/// Rows of a table, by measure.
type ByMeasure = BTreeMap<String, Vec<RecordBatch>>;

/// Tables whose rows are taken over with a measure.
const LENT: [&str; 5] = [
    tables::OUTTURN.name,
    assessed::ASSESSMENT.name,
    assessed::SIGNAL.name,
    assessed::SCORECARD.name,
    tables::REVISION.name,
];

/// Figures of a measure as the release before has them, and what was said of them.
pub(super) struct Kept {
    pub(super) rows: Vec<RecordBatch>,
    pub(super) judged: Judged,
    /// Rows of `revision` about final figures under which something else is counted.
    pub(super) pending: Vec<RecordBatch>,
    pub(super) latest: String,
    pub(super) synthetic: bool,
}

impl Earlier {
    /// The release of this manifest, for one whose measures and tables follow from what `now` says.
    pub(super) fn of(published: &Published, manifest: Option<&Manifest>, now: &Fingerprints) -> Self {
        let manifest = manifest.filter(|m| m.program == env!("CARGO_PKG_VERSION"));
        let folder = published.current();
        // Where nothing can be taken over, nobody needs to know what is damaged.
        let lends = |manifest: &Manifest| {
            let same = |(known, now): (&BTreeMap<String, String>, &BTreeMap<String, String>)| {
                known.iter().any(|(id, known)| now.get(id) == Some(known))
            };
            same((&manifest.measures, &now.measures)) || same((&manifest.own_tables, &now.tables))
        };
        let damaged = match (&folder, manifest) {
            (Some(folder), Some(manifest)) if lends(manifest) => release::damaged_tables(folder, manifest),
            _ => BTreeSet::new(),
        };
        for table in &damaged {
            tracing::warn!("table `{table}` of the release before is damaged; what it held is computed anew");
        }
        Self {
            damaged,
            folder,
            measures: manifest.map(|m| m.measures.clone()).unwrap_or_default(),
            tables: manifest.map(|m| m.own_tables.clone()).unwrap_or_default(),
            sizes: manifest
                .into_iter()
                .flat_map(|m| &m.tables)
                .map(|(id, files)| (id.clone(), files.csv.bytes))
                .collect(),
            rows: LENT.into_iter().map(|table| (table, OnceCell::new())).collect(),
            told: OnceCell::new(),
        }
    }

    /// Whether a measure's figures can be taken over.
    pub(super) fn has_measure(&self, id: &str, now: &Fingerprints) -> bool {
        self.folder.is_some()
            && !["outturn", "measure", "revision"].iter().any(|table| self.damaged.contains(*table))
            && self.measures.get(id).is_some_and(|known| now.measures.get(id) == Some(known))
    }

    /// Bytes of a table as CSV, 0 where there was none.
    pub(super) fn size(&self, table: &str) -> u64 {
        self.sizes.get(table).copied().unwrap_or_default()
    }

    /// Whether a table can be taken over.
    pub(super) fn has_table(&self, id: &str, now: &Fingerprints) -> bool {
        self.folder.is_some()
            && !self.damaged.contains(id)
            && self.tables.get(id).is_some_and(|known| now.tables.get(id) == Some(known))
    }

    /// The figures of a measure, unless something that they follow from changed, or it was withheld.
    pub(super) fn measure(&self, id: &str, now: &Fingerprints) -> Result<Option<Kept>, RunError> {
        use arrow::array::AsArray;
        let Some(folder) = self.folder.as_ref().filter(|_| self.has_measure(id, now)) else {
            return Ok(None);
        };
        if self.told.get().is_none() {
            let _ = self.told.set(told_measures(folder)?);
        }
        let Some((_, latest)) =
            self.told.get().and_then(|told| told.get(id)).filter(|(why, _)| why.is_empty())
        else {
            return Ok(None);
        };
        let rows = self.rows(folder, tables::OUTTURN.name, id)?;
        let judged = Judged {
            assessment: self.rows(folder, assessed::ASSESSMENT.name, id)?,
            signal: self.rows(folder, assessed::SIGNAL.name, id)?,
            scorecard: self.rows(folder, assessed::SCORECARD.name, id)?,
        };
        let synthetic = rows.iter().any(|batch| {
            batch
                .column_by_name("synthetic")
                .and_then(|c| c.as_boolean_opt())
                .is_some_and(|c| c.true_count() > 0)
        });
        let pending = self.rows(folder, tables::REVISION.name, id)?;
        let pending = release::rows_where(&pending, "state", "pending")?;
        Ok(Some(Kept { rows, judged, pending, latest: latest.clone(), synthetic }))
    }

    /// The rows that a table has of a measure. Tables are read once, and cut where the measure changes.
    fn rows(&self, folder: &Path, table: &str, id: &str) -> Result<Vec<RecordBatch>, RunError> {
        let Some(cell) = self.rows.get(table) else { return Ok(Vec::new()) };
        if cell.get().is_none() {
            let _ = cell.set(by_measure(&release::read_table(folder, table)?.1));
        }
        Ok(cell.get().and_then(|all| all.get(id)).cloned().unwrap_or_default())
    }

    /// The rows of a table, unless something that they follow from changed.
    pub(super) fn table(&self, id: &str, now: &Fingerprints) -> Result<Option<Vec<RecordBatch>>, RunError> {
        let Some(folder) = self.folder.as_ref().filter(|_| self.has_table(id, now)) else { return Ok(None) };
        if !folder.join(format!("{id}.parquet")).is_file() {
            return Ok(None);
        }
        let (schema, batches) = release::read_table(folder, id)?;
        Ok(Some(if batches.is_empty() { vec![RecordBatch::new_empty(schema)] } else { batches }))
    }
}

/// What the last whole release published, to see which figures are others now.
#[derive(Default)]
pub(super) struct Past {
    figures: ByMeasure,
}

impl Past {
    /// That of a release.
    pub(super) fn of(folder: &Path) -> Result<Self, RunError> {
        Ok(Self { figures: by_measure(&release::read_table(folder, tables::OUTTURN.name)?.1) })
    }

    /// Marks the figures of a measure of which an earlier release published another value. Final ones are marked as they
    /// were signed.
    pub(super) fn mark_revised(&self, id: &str, figures: &mut [Figure]) {
        use arrow::array::{Array as _, AsArray};
        use arrow::datatypes::Float64Type;
        let mut known: HashMap<(&str, &str, &str), (Option<f64>, bool)> = HashMap::new();
        for batch in self.figures.get(id).into_iter().flatten() {
            let text = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
            let value = batch.column_by_name("value").and_then(|c| c.as_primitive_opt::<Float64Type>());
            let (Some(area), Some(period), Some(breakdown), Some(value)) =
                (text("area"), text("period"), text("breakdown"), value)
            else {
                continue;
            };
            let revised = batch.column_by_name("revised").and_then(|c| c.as_boolean_opt());
            for row in 0..batch.num_rows() {
                let revised = revised.is_some_and(|column| column.is_valid(row) && column.value(row));
                let value = value.is_valid(row).then(|| value.value(row));
                known.insert((area.value(row), period.value(row), breakdown.value(row)), (value, revised));
            }
        }
        if known.is_empty() {
            return;
        }
        for figure in figures.iter_mut().filter(|figure| figure.vintage.sign_off != SignOff::Final) {
            let period = figure.period.to_string();
            let Some((value, revised)) = known.get(&(&*figure.area, &*period, &*figure.breakdown)) else {
                continue;
            };
            // One that was taken back and comes again as it was is the same.
            let other = value.is_some() && figure.value.is_some() && !is_same(*value, figure.value);
            figure.vintage.revised = *revised || other;
        }
    }
}

/// Cuts a table into the rows of each measure. They lie together, so that little is copied.
fn by_measure(batches: &[RecordBatch]) -> ByMeasure {
    use arrow::array::AsArray;
    let mut all = ByMeasure::new();
    for batch in batches {
        let Some(names) = batch.column_by_name("measure").and_then(|column| column.as_string_opt::<i32>())
        else {
            continue;
        };
        let mut start = 0;
        for row in 1..=batch.num_rows() {
            if row == batch.num_rows() || names.value(row) != names.value(start) {
                let rows = batch.slice(start, row - start);
                all.entry(names.value(start).to_owned()).or_default().push(rows);
                start = row;
            }
        }
    }
    all
}
