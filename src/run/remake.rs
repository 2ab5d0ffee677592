//! A release made once more, elsewhere, from what it was made from: the deliveries that were recorded by then, the
//! project's files as they were, and what was decided by then. Nothing of the warehouse is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Float64Type, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use tokio_util::sync::CancellationToken;

use super::{Remade, Run, RunError, Standings, kept, open_warehouse};
use crate::check::check_loaded;
use crate::config::{self, Project};
use crate::diagnose::chain;
use crate::erasure::Erasures;
use crate::feed;
use crate::landing::{Delivery, Landing};
use crate::normalise::split::Parts;
use crate::period::Month;
use crate::progress::Progress;
use crate::release::public::FOLDER;
use crate::release::{self, Manifest, Published, assessed, tables};

/// What was found out about a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Files, tables, figures, datasets and deliveries that are not what they were, each in a line.
    pub wrong: Vec<String>,
    /// Why it could not be made once more, or not in full, each in a line.
    pub limits: Vec<String>,
    /// Tables that were made once more and compared; none where it could not be made.
    pub tables: usize,
    /// Rows of these tables.
    pub rows: u64,
    /// Files of datasets that were made once more and compared.
    pub files: usize,
}

/// Differences that are told of one table.
const TOLD: usize = 10;

/// Columns that name the release and not what it says.
const NAMES: [&str; 2] = ["release", "previous"];

/// Columns by which rows of a table belong together, in the order in which they are told.
const KEYS: [&str; 12] = [
    "measure",
    "area",
    "period",
    "breakdown",
    "comparison",
    "feed",
    "source_file",
    "delivery",
    "waiver",
    "agreement",
    "milestone",
    "number",
];

/// Holds a release against its digests and, unless `files_only`, makes it once more and compares.
///
/// # Errors
/// A manifest that cannot be read; a project whose warehouse is not known; a disk that fails.
pub async fn verify(
    root: &Path,
    folder: &Path,
    files_only: bool,
    progress: &Progress,
) -> Result<Verified, RunError> {
    let manifest = release::read_manifest(folder)?;
    let mut verified = Verified { wrong: release::verify(folder)?, ..Verified::default() };
    if files_only {
        return Ok(verified);
    }
    let (project, _) = config::load(root);
    match prepare(&project, &manifest, folder, &mut verified) {
        Err(limit) => verified.limits.push(limit),
        Ok(copy) => match make(&copy, &manifest, folder, progress).await {
            Ok(made) => compare(&project, &manifest, folder, &made, &copy, &mut verified).await?,
            Err(RunError::Invalid(problems)) => {
                let lines = problems.iter().map(crate::diagnose::Problem::line);
                verified.limits.extend(lines);
            }
            Err(error) => verified.limits.push(chain(&error)),
        },
    }
    Ok(verified)
}

/// Everything that a release was made from, in a folder of its own.
struct Copy {
    folder: tempfile::TempDir,
    /// The warehouse that it belongs to.
    published: Published,
    /// Rows were erased since.
    erased: bool,
}

impl Copy {
    fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }
}

/// Lays out what a release was made from.
///
/// # Errors
/// Why it cannot be made once more, in words.
fn prepare(
    project: &Project,
    manifest: &Manifest,
    folder: &Path,
    verified: &mut Verified,
) -> Result<Copy, String> {
    let program = env!("CARGO_PKG_VERSION");
    if manifest.program != program {
        return Err(format!(
            "it was made by version {} of the program, and this is version {program}; use that version to make it once more",
            manifest.program
        ));
    }
    let (Some(_), Some(recorded)) = (manifest.made_at, manifest.recorded) else {
        return Err("it does not record what it was made from, as releases do now".to_owned());
    };
    let failed = |error: io::Error| format!("it cannot be made once more: {error}");
    let warehouse = project.warehouse();
    let copy = Copy {
        folder: tempfile::tempdir().map_err(failed)?,
        published: Published::in_warehouse(&warehouse),
        erased: false,
    };
    kept::restore(&warehouse, &manifest.project, &copy.project())?;
    let landing = Landing::open(&warehouse).map_err(failed)?;
    let count = usize::try_from(recorded.deliveries).unwrap_or(usize::MAX);
    let Some(deliveries) = landing.all().get(..count) else {
        return Err(format!(
            "landing/deliveries.jsonl records {} deliveries, but {count} were recorded when it was made",
            landing.all().len()
        ));
    };
    let erasures = Erasures::open(&warehouse).map_err(failed)?;
    intact(folder, &landing, deliveries, &erasures, verified).map_err(|error| chain(&error))?;
    let place = copy.project().join("warehouse");
    let mut own = Landing::open(&place).map_err(failed)?;
    own.record(deliveries.to_vec()).map_err(failed)?;
    let link = |name: &str| -> io::Result<()> {
        let (from, to) = (warehouse.join(name), place.join(name));
        if from.exists() { link(&fs::canonicalize(from)?, &to) } else { Ok(()) }
    };
    fs::create_dir_all(place.join("landing")).map_err(failed)?;
    for name in ["landing/objects", "landing/erasures.jsonl", "retained", "signoff"] {
        link(name).map_err(failed)?;
    }
    let erased = (erasures.lines().len() as u64).saturating_sub(recorded.erasures);
    if erased > 0 {
        verified.limits.push(format!(
            "the rows of {erased} deliveries were erased since under an agreement: figures that were counted from them \
             are compared with what was put aside then, and deliveries and rows are not compared"
        ));
    }
    Ok(Copy { erased: erased > 0, ..copy })
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(from, to)
}

/// Holds the bytes that the release counts from against the digests under which they were received.
fn intact(
    folder: &Path,
    landing: &Landing,
    deliveries: &[Delivery],
    erasures: &Erasures,
    verified: &mut Verified,
) -> Result<(), RunError> {
    let counted = counted_deliveries(folder)?;
    let gone: BTreeSet<&str> =
        erasures.lines().iter().flat_map(|line| line.deliveries.iter().map(String::as_str)).collect();
    let mut looked_at = BTreeSet::new();
    for delivery in deliveries {
        let digest = delivery.sha256.as_str();
        if !counted.contains(digest) || gone.contains(digest) || !looked_at.insert(digest) {
            continue;
        }
        let whole = match &delivery.reference {
            Some(path) => fs::File::open(path).and_then(|mut file| crate::landing::digest(&mut file)),
            None => {
                fs::File::open(landing.path(delivery)).and_then(|mut file| crate::landing::digest(&mut file))
            }
        };
        let what = format!("feed `{}`, {} of {}", delivery.feed, delivery.file, delivery.period);
        match (whole, delivery.reference.is_some()) {
            (Ok((found, _)), _) if found == digest => {}
            (_, true) => {
                verified
                    .limits
                    .push(format!("{what}: the partner\'s file is no longer the one that was read"));
            }
            (Ok(_), false) => {
                verified.wrong.push(format!("{what}: the landed bytes are not those that were received"));
            }
            (Err(error), false) => verified.wrong.push(format!("{what}: the landed bytes are gone: {error}")),
        }
    }
    Ok(())
}

/// Digests of the deliveries of which a release tells.
fn counted_deliveries(folder: &Path) -> Result<BTreeSet<String>, RunError> {
    let mut found = BTreeSet::new();
    for batch in release::read_table(folder, tables::FEED_DELIVERY.name)?.1 {
        let digests = batch.column_by_name("delivery").and_then(|column| column.as_string_opt::<i32>());
        found.extend(digests.into_iter().flatten().flatten().map(str::to_owned));
    }
    Ok(found)
}

/// Why months had no delivery when the release was made, by feed.
fn missing(folder: &Path) -> Result<BTreeMap<String, BTreeMap<Month, String>>, RunError> {
    let mut missing: BTreeMap<String, BTreeMap<Month, String>> = BTreeMap::new();
    for batch in release::read_table(folder, tables::FEED_DELIVERY.name)?.1 {
        let text = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        let (Some(feed), Some(period), Some(digest), Some(note)) =
            (text("feed"), text("period"), text("delivery"), text("note"))
        else {
            continue;
        };
        for row in (0..batch.num_rows()).filter(|row| digest.is_null(*row)) {
            if let Ok(month) = period.value(row).parse() {
                let note = if note.is_null(row) { "" } else { note.value(row) };
                missing.entry(feed.value(row).to_owned()).or_default().insert(month, note.to_owned());
            }
        }
    }
    Ok(missing)
}

/// What was made: the folder of the release, and the datasets.
struct Made {
    release: PathBuf,
    manifest: Manifest,
    datasets: crate::warehouse::Warehouse,
}

async fn make(
    copy: &Copy,
    manifest: &Manifest,
    folder: &Path,
    progress: &Progress,
) -> Result<Made, RunError> {
    let (mut project, problems) = config::load(&copy.project());
    // What grows must grow in the copy.
    "warehouse".clone_into(&mut project.settings.warehouse.location);
    project.settings.warehouse.datasets = None;
    project.settings.simulate = None;
    let checked = check_loaded(project.clone(), problems).await.map_err(RunError::Invalid)?;
    let place = project.warehouse();
    let now = manifest.made_at.unwrap_or_default();
    let stop = CancellationToken::new();
    let mut run = Run::open(project, place.clone(), now, progress)?;
    run.history = copy.published.clone();
    let recorded = manifest.recorded.unwrap_or_default();
    run.remade = Some(Remade {
        release: manifest.release.clone(),
        compared_with: manifest.compared_with.clone(),
        recorded,
    });
    let landing = Landing::open(&place).map_err(RunError::Landing)?;
    let (mut states, _) = feed::foresee(&run.project, &landing, run.as_of).map_err(RunError::Landing)?;
    // What a server or a folder answered then is told by the release alone.
    let told = missing(folder)?;
    for state in &mut states {
        let told = told.get(&state.feed.id);
        for (month, reason) in &mut state.missing {
            if let Some(known) = told.and_then(|told| told.get(month)) {
                reason.clone_from(known);
            }
        }
    }
    let landing = Arc::new(landing);
    let parts = Parts::open(&place);
    let standings = Standings::settle(&checked, &landing, &mut states, run.as_of, parts).await?;
    let stored = run.store(&checked, &landing, &states, (&standings, None), &stop).await?;
    run.publish(&checked, &states, "", stored, None, &stop).await?;
    let datasets = open_warehouse(&run.project)?;
    let release = run.published.current().ok_or_else(|| {
        RunError::Landing(io::Error::other("the release that was made once more cannot be found"))
    })?;
    let manifest = release::read_manifest(&release)?;
    Ok(Made { release, manifest, datasets })
}

async fn compare(
    project: &Project,
    manifest: &Manifest,
    folder: &Path,
    made: &Made,
    copy: &Copy,
    verified: &mut Verified,
) -> Result<(), RunError> {
    let own = (folder, manifest);
    let again = (made.release.as_path(), &made.manifest);
    if copy.erased {
        // Of erased rows the figures alone were put aside.
        let figures = [
            tables::OUTTURN.name,
            assessed::ASSESSMENT.name,
            assessed::SIGNAL.name,
            assessed::SCORECARD.name,
            assessed::SIGNAL_SUMMARY.name,
        ];
        return compare_tables("", own, again, Some(&figures), verified);
    }
    compare_tables("", own, again, None, verified)?;
    let public = (folder.join(FOLDER), made.release.join(FOLDER));
    match (public.0.is_dir(), public.1.is_dir()) {
        (false, false) => {}
        (true, true) => {
            let told = (release::read_manifest(&public.0)?, release::read_manifest(&public.1)?);
            compare_tables("public/", (&public.0, &told.0), (&public.1, &told.1), None, verified)?;
        }
        (true, false) => verified.wrong.push("tables for the public would not be made".to_owned()),
        (false, true) => verified.wrong.push("the tables for the public are missing".to_owned()),
    }
    let stored = open_warehouse(project)?;
    for (table, version) in &manifest.datasets {
        let again = made.manifest.datasets.get(table);
        let again: BTreeSet<&String> = again.into_iter().flat_map(|version| &version.files).collect();
        for file in &version.files {
            if !again.contains(file) {
                verified.wrong.push(format!("dataset `{table}`: {file} would be made otherwise"));
                continue;
            }
            // A month that was replaced since is gone after a while; what it held was made once more just now.
            let Some(found) = stored.digest(table, file).await? else { continue };
            verified.files += 1;
            if made.datasets.digest(table, file).await? != Some(found) {
                verified.wrong.push(format!("dataset `{table}`: {file} is not what its deliveries make"));
            }
        }
    }
    Ok(())
}

/// Compares the tables of a release, or of its public set, with those that were made once more; of `only` these.
fn compare_tables(
    place: &str,
    (folder, manifest): (&Path, &Manifest),
    (again_folder, again): (&Path, &Manifest),
    only: Option<&[&str]>,
    verified: &mut Verified,
) -> Result<(), RunError> {
    let names: BTreeSet<&String> = manifest.tables.keys().chain(again.tables.keys()).collect();
    for name in names.into_iter().filter(|name| only.is_none_or(|only| only.contains(&name.as_str()))) {
        let label = format!("{place}{name}");
        match (manifest.tables.contains_key(name), again.tables.contains_key(name)) {
            (true, true) => {}
            (true, false) => {
                verified.wrong.push(format!("table `{label}`: not there when it is made once more"));
                continue;
            }
            _ => {
                verified.wrong.push(format!("table `{label}`: the release lacks it"));
                continue;
            }
        }
        let rows = release::read_table(again_folder, name)?;
        let count = rows.1.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
        match release::read_table(folder, name) {
            Ok(table) => verified.wrong.extend(differences(&label, &table, &rows)?),
            // Told already: the file is not as it was released.
            Err(_) if !verified.wrong.is_empty() => continue,
            Err(error) => return Err(RunError::Release(error)),
        }
        verified.tables += 1;
        verified.rows += count;
    }
    Ok(())
}

type TableRows = (SchemaRef, Vec<RecordBatch>);

/// Rows as texts.
type Rows<'a> = Vec<&'a Vec<String>>;

/// The rows in which a table of the release differs from the one that was made once more, each in a line.
fn differences(name: &str, released: &TableRows, again: &TableRows) -> Result<Vec<String>, RunError> {
    let (released, again) = (concat_batches(&released.0, &released.1)?, concat_batches(&again.0, &again.1)?);
    let columns = |batch: &RecordBatch| -> Vec<String> {
        let fields = batch.schema();
        let names = fields.fields().iter().map(|field| field.name().clone());
        names.filter(|name| !NAMES.contains(&name.as_str())).collect()
    };
    let names = columns(&released);
    if names != columns(&again) {
        return Ok(vec![format!("table `{name}`: its columns would be others")]);
    }
    let same = |column: &String| released.column_by_name(column) == again.column_by_name(column);
    if names.iter().all(same) {
        return Ok(Vec::new());
    }
    let (old, new) = (texts(&released, &names)?, texts(&again, &names)?);
    let mut open: BTreeMap<&Vec<String>, i64> = BTreeMap::new();
    for row in &old {
        *open.entry(row).or_default() += 1;
    }
    for row in &new {
        *open.entry(row).or_default() -= 1;
    }
    open.retain(|_, n| *n != 0);
    let keys: Vec<usize> =
        KEYS.iter().filter_map(|key| names.iter().position(|column| column == key)).collect();
    let key = |row: &[String]| -> Vec<String> {
        keys.iter().filter_map(|at| row.get(*at)).filter(|text| !text.is_empty()).cloned().collect()
    };
    let mut by_key: BTreeMap<Vec<String>, (Rows<'_>, Rows<'_>)> = BTreeMap::new();
    for (row, n) in &open {
        let pair = by_key.entry(key(row)).or_default();
        if *n > 0 { pair.0.push(row) } else { pair.1.push(row) }
    }
    let mut lines = Vec::new();
    for (key, (old, new)) in &by_key {
        let place = key.join(" ");
        let line = match (old.as_slice(), new.as_slice()) {
            ([old], [new]) => {
                let cells = names.iter().zip(old.iter().zip(new.iter())).filter(|(_, (a, b))| a != b);
                let told = cells
                    .map(|(column, (a, b))| format!("{column} is {}, would be {}", or_empty(a), or_empty(b)));
                told.collect::<Vec<_>>().join("; ")
            }
            (old, []) => format!("{} rows would not be there", old.len()),
            ([], new) => format!("{} rows are missing", new.len()),
            (old, new) => format!("{} rows would be {} others", old.len(), new.len()),
        };
        lines.push(format!("table `{name}`: {place}: {line}"));
    }
    let more = lines.len().saturating_sub(TOLD);
    lines.truncate(TOLD);
    if more > 0 {
        lines.push(format!("table `{name}`: and {more} more"));
    }
    Ok(lines)
}

fn or_empty(text: &str) -> &str {
    if text.is_empty() { "empty" } else { text }
}

/// The rows of a table as texts; numbers to twelve digits, which the order of a sum does not change.
fn texts(batch: &RecordBatch, columns: &[String]) -> Result<Vec<Vec<String>>, RunError> {
    let mut rows = vec![Vec::with_capacity(columns.len()); batch.num_rows()];
    let options = FormatOptions::default();
    for name in columns {
        let Some(column) = batch.column_by_name(name) else { continue };
        let numbers =
            (column.data_type() == &DataType::Float64).then(|| column.as_primitive::<Float64Type>());
        let formatter = ArrayFormatter::try_new(column, &options)?;
        for (row, texts) in rows.iter_mut().enumerate() {
            texts.push(match numbers {
                _ if column.is_null(row) => String::new(),
                Some(numbers) => twelve_digits(numbers.value(row)),
                None => formatter.value(row).to_string(),
            });
        }
    }
    Ok(rows)
}

fn twelve_digits(number: f64) -> String {
    match format!("{number:.11e}").parse::<f64>() {
        Ok(rounded) => rounded.to_string(),
        Err(_) => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, StringArray};
    use arrow::datatypes::{Field, Schema};

    use super::*;

    fn table(rows: &[(&str, f64, &str)]) -> TableRows {
        let schema = Arc::new(Schema::new(vec![
            Field::new("measure", DataType::Utf8, true),
            Field::new("value", DataType::Float64, true),
            Field::new("release", DataType::Utf8, true),
        ]));
        let batch = RecordBatch::try_new(
            Arc::clone(&schema),
            vec![
                Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0))),
                Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.1))),
                Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.2))),
            ],
        );
        (schema, vec![batch.unwrap()])
    }

    #[test]
    fn a_row_that_differs_is_named_by_its_key_and_its_column_and_the_releases_name_is_no_difference() {
        let released = table(&[("a", 1.0, "r1"), ("b", 2.0, "r1")]);
        assert!(
            differences("t", &released, &table(&[("a", 1.0, "r2"), ("b", 2.0, "r2")])).unwrap().is_empty()
        );
        // The order of a sum moves the last digit of a number, and the order of rows is none of their contents.
        let near = table(&[("b", 2.0 + 4e-16, "r2"), ("a", 1.0, "r2")]);
        assert!(differences("t", &released, &near).unwrap().is_empty());
        assert_eq!(
            differences("t", &released, &table(&[("a", 1.0, "r2"), ("b", 2.5, "r2")])).unwrap(),
            ["table `t`: b: value is 2, would be 2.5"]
        );
        assert_eq!(
            differences("t", &released, &table(&[("a", 1.0, "r2")])).unwrap(),
            ["table `t`: b: 1 rows would not be there"]
        );
    }
}
