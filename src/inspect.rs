//! Questions to what is stored: the state of the feeds, the way from a value back to its rows, the quarantine, and SQL.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, SchemaRef};
use chrono::{DateTime, NaiveDate, Utc};
use datafusion::error::DataFusionError;
use serde::Serialize;

use crate::check::{Checked, check};
use crate::engine::{Engine, Origin, quarantine_table};
use crate::feed;
use crate::landing::Landing;
use crate::period::Month;
use crate::release::{self, Manifest, Published, tables};
use crate::run::{RunError, open_warehouse, spans};

/// What `outturn status` tells.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The current release; `None` before the first.
    pub release: Option<String>,
    /// Its day.
    pub as_of: Option<NaiveDate>,
    /// Each feed.
    pub feeds: Vec<FeedStatus>,
    /// What the release says is missing, refused, held or withheld.
    pub gaps: Vec<String>,
}

/// One feed.
#[derive(Debug, Clone, Serialize)]
pub struct FeedStatus {
    /// Its id.
    pub feed: String,
    /// Latest month that was delivered.
    pub latest: Option<Month>,
    /// When its latest delivery was received.
    pub received: Option<DateTime<Utc>>,
    /// Months that are past their expected date, in words; empty when none is.
    pub overdue: String,
    /// Made by the simulator.
    pub synthetic: bool,
}

/// The state of a project, judged at the moment `now` whether or not a run was made.
///
/// # Errors
/// A project with problems; a landing or release that cannot be read.
pub async fn status(root: &Path, now: DateTime<Utc>) -> Result<Status, RunError> {
    let checked = check(root).await.map_err(RunError::Invalid)?;
    let project = &checked.project;
    let landing = Landing::open(&project.warehouse()).map_err(RunError::Landing)?;
    let as_of = now.with_timezone(&chrono_tz::Europe::London).date_naive();
    let (states, _) = feed::foresee(project, &landing, as_of).map_err(RunError::Landing)?;
    let feeds = states
        .iter()
        .map(|state| {
            let overdue = state.owed();
            FeedStatus {
                feed: state.feed.id.clone(),
                latest: state.slots.keys().map(|(month, _)| *month).max(),
                received: state.slots.values().flatten().map(|delivery| delivery.received).max(),
                overdue: spans(&overdue),
                synthetic: state.slots.values().flatten().any(|delivery| delivery.synthetic),
            }
        })
        .collect();
    let published = Published::in_warehouse(&project.warehouse());
    let manifest = published.manifest()?;
    let mut gaps = Vec::new();
    if let Some(folder) = published.current() {
        for (measure, reason) in crate::run::withheld_measures(&folder)? {
            gaps.push(format!("measure `{measure}`: withheld: {reason}"));
        }
        gaps.extend(manifest.iter().flat_map(|manifest| crate::run::table_gaps(&manifest.withheld_tables)));
        gaps.extend(crate::run::delivery_gaps_of(&folder)?);
    }
    Ok(Status {
        release: manifest.as_ref().map(|manifest| manifest.release.clone()),
        as_of: manifest.as_ref().map(|manifest| manifest.as_of),
        feeds,
        gaps,
    })
}

/// The project with its stored tables and those of a release.
///
/// # Errors
/// A project with problems; a warehouse or release that cannot be read.
pub async fn open_engine(root: &Path) -> Result<(Checked, Engine, Option<Manifest>), RunError> {
    let checked = check(root).await.map_err(RunError::Invalid)?;
    let warehouse = open_warehouse(&checked.project)?;
    let mut snapshots = BTreeMap::new();
    for dataset in checked.datasets.values() {
        let mut names = vec![dataset.id.clone(), quarantine_table(&dataset.id)];
        names.extend(dataset.summaries.iter().map(|summary| summary.id.clone()));
        for name in names {
            snapshots.insert(name.clone(), warehouse.snapshot(&name).await?);
        }
    }
    let stored = Some((&warehouse, &snapshots));
    let (mut engine, _) =
        Engine::new(&checked.project, &checked.datasets, &checked.lookups, stored, None, false).await?;
    let published = Published::in_warehouse(&checked.project.warehouse());
    let manifest = published.manifest()?;
    if let (Some(manifest), Some(folder)) = (&manifest, published.current()) {
        for name in manifest.tables.keys() {
            let (schema, batches) = release::read_table(&folder, name)?;
            let batch = arrow::compute::concat_batches(&schema, &batches)?;
            engine.replace(name, &batch, Origin::FeedDelivery)?;
        }
    }
    Ok((checked, engine, manifest))
}

/// Runs one SELECT over the current release and the datasets.
///
/// # Errors
/// A project with problems; SQL that cannot be planned or run.
pub async fn query(root: &Path, sql: &str) -> Result<(SchemaRef, Vec<RecordBatch>), QueryError> {
    let (_, engine, _) = open_engine(root).await?;
    engine.run(sql).await.map_err(|error| {
        let source = crate::diagnose::Source::new("query", sql);
        QueryError::Sql(Box::new(engine.problem(&source, &error)))
    })
}

/// What keeps a query from being answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The project or its warehouse.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The SQL.
    #[error("{}", .0.message)]
    Sql(Box<crate::diagnose::Problem>),
}

/// The way from a value back to its rows.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The measure.
    pub measure: String,
    /// Wording of the plan.
    pub title: String,
    /// How the value follows from numerator and denominator.
    pub kind: String,
    /// The release that is explained.
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

/// Explains the figures of a measure for an area (all when `None`) and a period (the latest when `None`).
///
/// # Errors
/// A project with problems; a release that cannot be read. `Ok(None)`: the selection matches nothing.
pub async fn explain(
    root: &Path,
    measure: &str,
    area: Option<&str>,
    period: Option<&str>,
) -> Result<Option<Explanation>, RunError> {
    let checked = check(root).await.map_err(RunError::Invalid)?;
    let published = Published::in_warehouse(&checked.project.warehouse());
    let (Some(folder), Some(manifest)) = (published.current(), published.manifest()?) else {
        return Ok(None);
    };
    let measures = rows(&folder, "measure", &[("measure", measure)])?;
    let Some(about) = measures.first() else { return Ok(None) };
    let field = |name: &str| about.get(name).cloned().unwrap_or_default();
    let latest = field("latest_period");
    let period = period.unwrap_or(&latest);
    let mut wanted = vec![("measure", measure), ("period", period)];
    wanted.extend(area.map(|area| ("area", area)));
    let figures = rows(&folder, "outturn", &wanted)?;
    if figures.is_empty() {
        return Ok(None);
    }
    let months = rows(&folder, "period", &[("period", period)])?;
    let month = |name: &str| -> Option<Month> { months.first()?.get(name)?.get(..7)?.parse().ok() };
    let months: Vec<Month> = match (month("first_day"), month("last_day")) {
        (Some(first), Some(last)) => first.through(last).collect(),
        _ => Vec::new(),
    };
    let reads = field("reads");
    let planned = checked.measures.get(measure).map(|(planned, _)| planned.clone());
    let datasets: Vec<String> = planned.iter().flat_map(|planned| planned.datasets.iter().cloned()).collect();
    let in_months = |file: &String| months.iter().any(|month| file.starts_with(&format!("month={month}/")));
    let read = |table: &&String| reads.split(", ").any(|name| name == **table) || datasets.contains(*table);
    let datasets_read = manifest
        .datasets
        .iter()
        .filter(|(table, _)| read(table))
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
        .flat_map(|dataset| checked.project.feeds_of(dataset))
        .filter(|feed| {
            areas.iter().any(|area| feed.covers.iter().any(|whole| checked.areas.lies_in(area, whole)))
        })
        .map(|feed| feed.id.as_str())
        .collect();
    let deliveries = rows(&folder, "feed_delivery", &[])?
        .into_iter()
        .filter(|row| row.get("feed").is_some_and(|feed| feeds.contains(&feed.as_str())))
        .filter(|row| {
            row.get("period").and_then(|text| text.parse().ok()).is_some_and(|month| months.contains(&month))
        })
        .collect();
    Ok(Some(Explanation {
        measure: measure.to_owned(),
        title: field("title"),
        kind: field("kind"),
        release: manifest.release,
        sql_file: field("sql_file"),
        sql: field("sql"),
        reads,
        figures,
        datasets: datasets_read,
        deliveries,
    }))
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

/// One row of the quarantine, with the line as the partner sent it.
#[derive(Debug, Clone, Serialize)]
pub struct SetAside {
    /// Its feed.
    pub feed: String,
    /// Its month.
    pub period: String,
    /// Its file.
    pub source_file: String,
    /// Line in the file, from 1; 0 for a delivery as a whole.
    pub line: i64,
    /// The rule that it breaks.
    pub reason: String,
    /// Column of the delivery.
    pub column: String,
    /// What was expected and found.
    pub detail: String,
    /// The line, or why it cannot be shown.
    pub text: String,
}

/// Which rows of the quarantine are asked for.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Of this feed.
    pub feed: Option<String>,
    /// Of this month.
    pub month: Option<Month>,
    /// That break this rule.
    pub reason: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// The table `quarantine_summary` of the current release, for one feed or all.
///
/// # Errors
/// A release that cannot be read.
pub fn quarantine_summary(
    root: &Path,
    feed: Option<&str>,
) -> Result<(SchemaRef, Vec<RecordBatch>), RunError> {
    let (project, _) = crate::config::load(root);
    let published = Published::in_warehouse(&project.warehouse());
    let Some(folder) = published.current() else {
        return Ok((tables::QUARANTINE_SUMMARY.schema(), Vec::new()));
    };
    let (schema, mut batches) = release::read_table(&folder, "quarantine_summary")?;
    if let Some(feed) = feed {
        batches = release::rows_where(&batches, "feed", feed)?;
    }
    Ok((schema, batches))
}

/// Rows of the quarantine, each with its line out of the landed bytes.
///
/// # Errors
/// A project with problems; a warehouse that cannot be read.
pub async fn quarantined(root: &Path, selection: &Selection) -> Result<Vec<SetAside>, RunError> {
    let (checked, engine, _) = open_engine(root).await?;
    let landing = Landing::open(&checked.project.warehouse()).map_err(RunError::Landing)?;
    let mut found = Vec::new();
    for dataset in checked.datasets.keys() {
        let mut conditions = vec!["true".to_owned()];
        let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
        conditions.extend(selection.feed.iter().map(|feed| format!("feed = {}", quote(feed))));
        conditions.extend(selection.month.iter().map(|month| format!("month = '{month}'")));
        conditions.extend(selection.reason.iter().map(|reason| format!("reason = {}", quote(reason))));
        let sql = format!(
            "SELECT feed, month, source_file, delivery, line, byte_offset, byte_length, reason, \"column\", detail \
             FROM {} WHERE {} ORDER BY feed, month, source_file, line LIMIT {}",
            quarantine_table(dataset),
            conditions.join(" AND "),
            selection.limit.saturating_sub(found.len()),
        );
        let (_, batches) = engine.run(&sql).await?;
        for batch in &batches {
            take(batch, &landing, &mut found)?;
        }
    }
    Ok(found)
}

fn take(batch: &RecordBatch, landing: &Landing, found: &mut Vec<SetAside>) -> Result<(), DataFusionError> {
    let texts = |name: &str| -> Result<_, DataFusionError> {
        let column = batch.column_by_name(name).ok_or_else(|| DataFusionError::Internal(name.to_owned()))?;
        Ok(arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8)?)
    };
    let numbers = |name: &str| {
        let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
        column.ok_or_else(|| DataFusionError::Internal(name.to_owned()))
    };
    let (feed, month, file, delivery) =
        (texts("feed")?, texts("month")?, texts("source_file")?, texts("delivery")?);
    let (reason, column, detail) = (texts("reason")?, texts("column")?, texts("detail")?);
    let (line, offset, length) = (numbers("line")?, numbers("byte_offset")?, numbers("byte_length")?);
    for row in 0..batch.num_rows() {
        let of = |array: &dyn Array| {
            let array = array.as_string::<i32>();
            if array.is_null(row) { String::new() } else { array.value(row).to_owned() }
        };
        let place = (offset.value(row), length.value(row));
        found.push(SetAside {
            feed: of(&feed),
            period: of(&month),
            source_file: of(&file),
            line: line.value(row),
            reason: of(&reason),
            column: of(&column),
            detail: of(&detail),
            text: if line.value(row) == 0 {
                String::new()
            } else {
                line_of(landing, &of(&feed), &of(&delivery), place)
                    .unwrap_or_else(|error| format!("(the landed bytes cannot be read: {error})"))
            },
        });
    }
    Ok(())
}

/// The bytes of a quarantined row out of the landing.
fn line_of(
    landing: &Landing,
    feed: &str,
    delivery: &str,
    (offset, length): (i64, i64),
) -> std::io::Result<String> {
    let landed = landing.of_feed(feed).find(|landed| landed.content_sha256.starts_with(delivery));
    let landed = landed.ok_or_else(|| std::io::Error::other("the delivery is not in the landing"))?;
    let mut reader = landing.read(landed, u64::MAX)?;
    let skip = u64::try_from(offset).unwrap_or_default();
    std::io::copy(&mut reader.by_ref().take(skip), &mut std::io::sink())?;
    let mut bytes = Vec::new();
    reader.take(u64::try_from(length).unwrap_or_default().min(1 << 20)).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
