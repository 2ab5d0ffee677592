//! The way from a published value back to its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::check::{Checked, check_to_read};
use crate::period::Month;
use crate::release::{self, Manifest, Published, tables};
use crate::run::RunError;

/// The way from a value back to its rows.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The measure.
    pub measure: String,
    /// Wording of the plan.
    pub title: String,
    /// How the value follows from numerator and denominator.
    pub kind: String,
    /// The release that is explained; for figures that were withdrawn the one that was signed.
    pub release: String,
    /// File of the SQL.
    pub sql_file: String,
    /// The SQL as it was run.
    pub sql: String,
    /// Tables that it reads.
    pub reads: String,
    /// The published figures that were asked for, the latest last.
    pub figures: Vec<BTreeMap<String, String>>,
    /// The datasets that it reads: table, version of its log, rows.
    pub datasets: Vec<DatasetRead>,
    /// The deliveries of the months of these figures.
    pub deliveries: Vec<BTreeMap<String, String>>,
}

/// A dataset that a measure reads.
#[derive(Debug, Clone, Serialize)]
pub struct DatasetRead {
    /// Its table.
    pub table: String,
    /// Version of its log in the release.
    pub version: Option<u64>,
    /// Rows.
    pub rows: u64,
    /// Files of the months of the figures.
    pub files: Vec<String>,
}

/// Explains the figures of a measure for an area (all when `None`) and a period (the latest when `None`) in a release (the
/// current one when `None`).
///
/// Final figures that the project publishes no more are explained by the release that was signed.
///
/// # Errors
/// A project with problems; a release that cannot be read. `Ok(None)`: the selection matches nothing.
pub async fn explain(
    root: &Path,
    measure: &str,
    area: Option<&str>,
    period: Option<&str>,
    release: Option<&Path>,
) -> Result<Option<Explanation>, RunError> {
    let checked = check_to_read(root).await.map_err(RunError::Invalid)?;
    let published = Published::in_warehouse(&checked.project.warehouse());
    let Some(folder) = release.map(Path::to_owned).or_else(|| published.current()) else { return Ok(None) };
    let manifest = release::read_manifest(&folder)?;
    let told = Told { checked: &checked, folder: &folder, manifest: &manifest };
    let about = rows(&folder, tables::MEASURE.name, &[("measure", measure)])?.into_iter().next();
    let latest = about.as_ref().and_then(|about| about.get("latest_period").cloned());
    let mut wanted = vec![("measure", measure)];
    wanted.extend(area.map(|area| ("area", area)));
    if let (Some(about), Some(period)) = (&about, period.or(latest.as_deref())) {
        let mut wanted = wanted.clone();
        wanted.push(("period", period));
        let figures = rows(&folder, tables::OUTTURN.name, &wanted)?;
        if !figures.is_empty() {
            return told.explanation(about, figures).map(Some);
        }
    }
    // A release of an earlier version of the program has no such table.
    if !manifest.tables.contains_key(tables::WITHDRAWN.name) {
        return Ok(None);
    }
    wanted.extend(period.map(|period| ("period", period)));
    withdrawn(&checked, &published, &manifest, rows(&folder, tables::WITHDRAWN.name, &wanted)?)
}

/// Explains figures of table `withdrawn`: of all of them the latest period.
fn withdrawn(
    checked: &Checked,
    published: &Published,
    manifest: &Manifest,
    mut figures: Vec<BTreeMap<String, String>>,
) -> Result<Option<Explanation>, RunError> {
    let ends = |figure: &BTreeMap<String, String>| {
        let period = figure.get("period")?.parse::<crate::period::Period>().ok()?;
        Some((period.last, std::cmp::Reverse(period.kind)))
    };
    let Some(last) = figures.iter().max_by_key(|figure| ends(figure)).cloned() else { return Ok(None) };
    let same = |figure: &BTreeMap<String, String>| {
        ["period", "signed_release"].iter().all(|column| figure.get(*column) == last.get(*column))
    };
    figures.retain(same);
    let field = |name: &str| last.get(name).cloned().unwrap_or_default();
    let (measure, signed) = (field("measure"), field("signed_release"));
    if let Some(folder) = published.release(&signed) {
        let about = rows(&folder, tables::MEASURE.name, &[("measure", &measure)])?;
        if let Some(about) = about.first() {
            let manifest = release::read_manifest(&folder)?;
            let told = Told { checked, folder: &folder, manifest: &manifest };
            return told.explanation(about, figures).map(Some);
        }
    }
    // Only the figures are left: their release is gone.
    Ok(Some(Explanation {
        measure,
        title: field("title"),
        kind: field("unit"),
        release: manifest.release.clone(),
        sql_file: String::new(),
        sql: String::new(),
        reads: String::new(),
        figures,
        datasets: Vec::new(),
        deliveries: Vec::new(),
    }))
}

/// A release that explains.
struct Told<'a> {
    checked: &'a Checked,
    folder: &'a Path,
    manifest: &'a Manifest,
}

impl Told<'_> {
    /// The explanation of figures of one period of a measure, of which table `measure` says `about`.
    fn explanation(
        &self,
        about: &BTreeMap<String, String>,
        figures: Vec<BTreeMap<String, String>>,
    ) -> Result<Explanation, RunError> {
        let field = |name: &str| about.get(name).cloned().unwrap_or_default();
        let measure = field("measure");
        let period = figures.first().and_then(|figure| figure.get("period")).cloned().unwrap_or_default();
        let months = rows(self.folder, tables::PERIOD.name, &[("period", &period)])?;
        let month = |name: &str| -> Option<Month> { months.first()?.get(name)?.get(..7)?.parse().ok() };
        let months: Vec<Month> = match (month("first_day"), month("last_day")) {
            (Some(first), Some(last)) => first.through(last).collect(),
            _ => Vec::new(),
        };
        let reads = field("reads");
        // What it reads through views is known of measures that the project still has.
        let planned = self.checked.measures.get(&measure).map(|(planned, _)| planned);
        let mut datasets: BTreeSet<&str> =
            planned.into_iter().flat_map(|planned| planned.datasets.iter().map(String::as_str)).collect();
        datasets.extend(reads.split(", ").filter(|name| self.manifest.datasets.contains_key(*name)));
        let in_months =
            |file: &String| months.iter().any(|month| file.starts_with(&format!("month={month}/")));
        let datasets_read = self
            .manifest
            .datasets
            .iter()
            .filter(|(table, _)| {
                datasets.contains(table.as_str()) || reads.split(", ").any(|name| name == *table)
            })
            .map(|(table, version)| DatasetRead {
                table: table.clone(),
                version: version.version,
                rows: version.rows,
                files: version.files.iter().filter(|file| in_months(file)).cloned().collect(),
            })
            .collect();
        let areas: Vec<String> = figures.iter().filter_map(|figure| figure.get("area").cloned()).collect();
        let feeds: Vec<&str> = datasets
            .iter()
            .flat_map(|dataset| self.checked.project.feeds_of(dataset))
            .filter(|feed| {
                areas
                    .iter()
                    .any(|area| feed.covers.iter().any(|whole| self.checked.areas.lies_in(area, whole)))
            })
            .map(|feed| feed.id.as_str())
            .collect();
        let deliveries = rows(self.folder, tables::FEED_DELIVERY.name, &[])?
            .into_iter()
            .filter(|row| row.get("feed").is_some_and(|feed| feeds.contains(&feed.as_str())))
            .filter(|row| {
                row.get("period")
                    .and_then(|text| text.parse().ok())
                    .is_some_and(|month| months.contains(&month))
            })
            .collect();
        Ok(Explanation {
            measure,
            title: field("title"),
            kind: field("kind"),
            release: self.manifest.release.clone(),
            sql_file: field("sql_file"),
            sql: field("sql"),
            reads,
            figures,
            datasets: datasets_read,
            deliveries,
        })
    }
}

/// Rows of a released table as texts by column, those in which every named column has the named value.
fn rows(
    folder: &Path,
    table: &str,
    wanted: &[(&str, &str)],
) -> Result<Vec<BTreeMap<String, String>>, RunError> {
    let (schema, mut batches) = release::read_table(folder, table)?;
    for (column, value) in wanted {
        batches = release::rows_where(&batches, column, value)?;
    }
    let mut rows = Vec::new();
    for batch in &batches {
        let columns = batch
            .columns()
            .iter()
            .map(|column| {
                arrow::util::display::ArrayFormatter::try_new(
                    column,
                    &arrow::util::display::FormatOptions::default(),
                )
            })
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let texts = schema
                .fields()
                .iter()
                .zip(&columns)
                .map(|(field, column)| (field.name().clone(), column.value(row).to_string()));
            rows.push(texts.filter(|(_, text)| !text.is_empty()).collect());
        }
    }
    Ok(rows)
}
