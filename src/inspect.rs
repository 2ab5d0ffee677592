//! Questions to what is stored: the state of the feeds, the way from a value back to its rows, the quarantine, and SQL.

mod explain;

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, AsArray, PrimitiveArray, RecordBatch};
use arrow::datatypes::{Int64Type, SchemaRef};
use chrono::{DateTime, NaiveDate, Utc};
use datafusion::error::DataFusionError;
use serde::Serialize;

use crate::check::{Checked, check_to_read};
use crate::config::Project;
use crate::engine::{Engine, Origin, quarantine_table};
use crate::feed;
use crate::freshness::{self, Came, Standing, State, Verdicts};
use crate::landing::Landing;
use crate::normalise::csv::Place;
use crate::normalise::format;
use crate::normalise::masked::{self, Mask};
use crate::period::Month;
use crate::publication::{self, Outlook};
use crate::release::{self, Manifest, Published, tables};
use crate::run::{RunError, look, open_warehouse, spans};
use crate::waiver::Effect;

pub use explain::{DatasetRead, Explanation, explain};

/// What `outturn status` tells.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The current release; `None` before the first.
    pub release: Option<String>,
    /// Its day.
    pub as_of: Option<NaiveDate>,
    /// Each feed.
    pub feeds: Vec<FeedStatus>,
    /// What the release calendar holds in store; `None` without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Outlook>,
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
    /// Months that are past their due day and of which nothing can be used, in words; empty when none is.
    pub overdue: String,
    /// Days past the earliest of these due days; 0 when there is none.
    pub overdue_days: i64,
    /// How the latest delivered period stands, where there is something to say of it, and what is due next.
    pub news: Vec<String>,
    /// Each period that has ended, the latest last.
    pub periods: Vec<PeriodStatus>,
    /// Made by the simulator.
    pub synthetic: bool,
}

/// One period of a feed.
#[derive(Debug, Clone, Serialize)]
pub struct PeriodStatus {
    /// The period.
    pub period: String,
    /// The last day on which it is on time.
    pub due_on: NaiveDate,
    /// How it stands.
    pub state: State,
    /// Days past the due day.
    pub days_late: Option<i64>,
    /// What a reader should know; empty otherwise.
    pub note: String,
}

/// How every feed stands at the moment `now`, whether or not a run was made.
///
/// # Errors
/// A landing or release that cannot be read.
pub fn standings(
    project: &Project,
    now: DateTime<Utc>,
) -> Result<Vec<(feed::FeedState, Vec<Standing>)>, RunError> {
    let landing = Landing::open(&project.warehouse()).map_err(RunError::Landing)?;
    let as_of = now.with_timezone(&chrono_tz::Europe::London).date_naive();
    let (states, _) = feed::foresee(project, &landing, as_of).map_err(RunError::Landing)?;
    let verdicts = match Published::in_warehouse(&project.warehouse()).current() {
        Some(folder) => Verdicts::of_release(&folder)?,
        None => Verdicts::default(),
    };
    let judged = states.into_iter().map(|state| {
        let came = Came { slots: &state.slots, arrived: &state.arrived, settled: false };
        let standings = freshness::judge(&state.feed, came, &verdicts, as_of);
        (state, standings)
    });
    Ok(judged.collect())
}

/// The same of feeds whose deliveries were looked into.
///
/// # Errors
/// A release that cannot be read.
pub(crate) fn settled_standings(
    project: &Project,
    states: &[feed::FeedState],
    now: DateTime<Utc>,
) -> Result<Vec<Vec<Standing>>, RunError> {
    let as_of = now.with_timezone(&chrono_tz::Europe::London).date_naive();
    let verdicts = match Published::in_warehouse(&project.warehouse()).current() {
        Some(folder) => Verdicts::of_release(&folder)?,
        None => Verdicts::default(),
    };
    let judged = states.iter().map(|state| {
        let came = Came { slots: &state.slots, arrived: &state.arrived, settled: true };
        freshness::judge(&state.feed, came, &verdicts, as_of)
    });
    Ok(judged.collect())
}

/// Days by which each feed is past the earliest due day that it missed, 0 where it missed none.
///
/// # Errors
/// As [`standings`].
pub fn overdue_days(root: &Path, now: DateTime<Utc>) -> Result<Vec<(String, i64)>, RunError> {
    let (project, _) = crate::config::load(root);
    let feeds = standings(&project, now)?;
    Ok(feeds.iter().map(|(state, standings)| (state.feed.id.clone(), most_overdue(standings))).collect())
}

fn most_overdue(standings: &[Standing]) -> i64 {
    let missed = standings.iter().filter(|standing| standing.is_missed());
    missed.filter_map(|standing| standing.days_late).max().unwrap_or_default()
}

/// The state of a project, judged at the moment `now` whether or not a run was made.
///
/// # Errors
/// A project with problems; a landing or release that cannot be read.
pub async fn status(root: &Path, now: DateTime<Utc>) -> Result<Status, RunError> {
    let checked = check_to_read(root).await.map_err(RunError::Invalid)?;
    let project = &checked.project;
    let (_, states, _) = look(&checked, now).await?;
    let standings = settled_standings(project, &states, now)?;
    let feeds =
        states.iter().zip(&standings).map(|(state, standings)| feed_status(state, standings)).collect();
    let published = Published::in_warehouse(&project.warehouse());
    let manifest = published.manifest()?;
    let mut gaps = Vec::new();
    if let Some(folder) = published.current() {
        for (measure, reason) in crate::run::withheld_measures(&folder)? {
            gaps.push(format!("measure `{measure}`: withheld: {reason}"));
        }
        gaps.extend(manifest.iter().flat_map(|manifest| crate::run::table_gaps(&manifest.withheld_tables)));
        gaps.extend(manifest.iter().flat_map(|manifest| crate::definition::gaps(&manifest.definitions)));
        gaps.extend(crate::run::delivery_gaps_of(&folder)?);
    }
    let out = publication::went_out(&published).map_err(RunError::Publication)?;
    Ok(Status {
        release: manifest.as_ref().map(|manifest| manifest.release.clone()),
        as_of: manifest.as_ref().map(|manifest| manifest.as_of),
        feeds,
        calendar: publication::outlook(project, &out, now),
        gaps,
    })
}

fn feed_status(state: &feed::FeedState, standings: &[Standing]) -> FeedStatus {
    let missed = standings.iter().filter(|standing| standing.is_missed());
    let missed: Vec<Month> = missed.map(|standing| standing.period.last).collect();
    let latest = standings.iter().rev().find(|standing| standing.state.is_there());
    let latest = latest.filter(|standing| !matches!(standing.state, State::OnTime | State::History));
    let next = standings.iter().find(|standing| standing.state == State::NotYetDue);
    FeedStatus {
        feed: state.feed.id.clone(),
        latest: state.slots.keys().map(|(month, _)| *month).max(),
        received: state.slots.values().flatten().map(|delivery| delivery.received).max(),
        overdue: spans(&missed),
        overdue_days: most_overdue(standings),
        news: latest.into_iter().chain(next).map(Standing::words).collect(),
        periods: standings
            .iter()
            .map(|standing| PeriodStatus {
                period: standing.period.to_string(),
                due_on: standing.due_on,
                state: standing.state,
                days_late: standing.days_late,
                note: standing.note.clone(),
            })
            .collect(),
        synthetic: state.slots.values().flatten().any(|delivery| delivery.synthetic),
    }
}

/// The project with its stored tables and those of a release.
///
/// # Errors
/// A project with problems; a warehouse or release that cannot be read.
pub async fn open_engine(root: &Path) -> Result<(Checked, Engine, Option<Manifest>), RunError> {
    let checked = check_to_read(root).await.map_err(RunError::Invalid)?;
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
            engine.replace(name, &batch, Origin::Released)?;
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

/// Runs one SELECT over the tables of a release, as they were published.
///
/// # Errors
/// A release that cannot be read; SQL that cannot be planned or run.
pub async fn query_release(folder: &Path, sql: &str) -> Result<(SchemaRef, Vec<RecordBatch>), QueryError> {
    let manifest = release::read_manifest(folder).map_err(RunError::from)?;
    let mut engine = Engine::of_files();
    for name in manifest.tables.keys() {
        let (schema, batches) = release::read_table(folder, name).map_err(RunError::from)?;
        let batch = arrow::compute::concat_batches(&schema, &batches).map_err(RunError::from)?;
        engine.add_batch(name, &batch, Origin::Released).map_err(RunError::from)?;
    }
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
    /// The line, its personal fields masked; or why it cannot be shown.
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
    /// Without those that a waiver acknowledges on this day.
    pub open_on: Option<NaiveDate>,
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
    let mut masks = Masks { checked: &checked, landing: &landing, known: BTreeMap::new() };
    for dataset in checked.datasets.keys() {
        let mut conditions = vec!["true".to_owned()];
        let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
        conditions.extend(selection.feed.iter().map(|feed| format!("feed = {}", quote(feed))));
        conditions.extend(selection.month.iter().map(|month| format!("month = '{month}'")));
        conditions.extend(selection.reason.iter().map(|reason| format!("reason = {}", quote(reason))));
        if let Some(day) = selection.open_on {
            let waivers = checked.project.waivers.values().map(|waiver| &waiver.config);
            let waivers = waivers.filter(|w| w.effect == Effect::Acknowledge && w.is_active(day));
            conditions.extend(waivers.map(|waiver| {
                let mut covered = vec![
                    format!("feed = {}", quote(&waiver.feed)),
                    format!("month = '{}'", waiver.period),
                    format!("reason = {}", quote(&waiver.rule)),
                ];
                if !waiver.deliveries.is_empty() {
                    let deliveries: Vec<String> = waiver.deliveries.iter().map(|d| quote(d)).collect();
                    covered.push(format!("delivery IN ({})", deliveries.join(", ")));
                }
                if !waiver.lines.is_empty() {
                    let lines: Vec<String> = waiver.lines.iter().map(ToString::to_string).collect();
                    covered.push(format!("line IN ({})", lines.join(", ")));
                }
                format!("NOT ({})", covered.join(" AND "))
            }));
        }
        let sql = format!(
            "SELECT feed, month, source_file, delivery, line, byte_offset, byte_length, reason, \"column\", detail \
             FROM {} WHERE {} ORDER BY feed, month, source_file, line LIMIT {}",
            quarantine_table(dataset),
            conditions.join(" AND "),
            selection.limit.saturating_sub(found.len()),
        );
        let (_, batches) = engine.run(&sql).await?;
        for batch in &batches {
            take(batch, &mut masks, &mut found)?;
        }
    }
    Ok(found)
}

/// What may be shown of the rows of each delivery.
struct Masks<'a> {
    checked: &'a Checked,
    landing: &'a Landing,
    known: BTreeMap<(String, String), Mask>,
}

impl Masks<'_> {
    /// The line of a row without what its contract keeps from sight.
    fn line(&mut self, feed: &str, delivery: &str, place: Place) -> std::io::Result<String> {
        let checked = self.checked;
        let key = (feed.to_owned(), delivery.to_owned());
        let feed_config = checked.project.feeds.get(feed).map(|loaded| &loaded.config);
        let contract = feed_config.and_then(|config| {
            checked.datasets.values().find_map(|dataset| dataset.contracts.get(&config.contract))
        });
        let landed = self.landing.of_feed(feed).find(|landed| landed.content_sha256.starts_with(delivery));
        let (Some(config), Some(contract), Some(landed)) = (feed_config, contract, landed) else {
            // Nothing says any more what may be shown.
            let text = text_of(&checked.project, self.landing, feed, delivery, place)?;
            return Ok(Mask::All.apply(&text));
        };
        let limit = config.max_unpacked_bytes;
        if !self.known.contains_key(&key) {
            let mask = Mask::of(self.landing, landed, contract, limit)?;
            self.known.insert(key.clone(), mask);
        }
        match self.known.get(&key).unwrap_or(&Mask::All) {
            Mask::Laid(shown) => {
                masked::laid_out(self.landing, landed, contract, (limit, place), |at| shown.contains(&at))
            }
            mask => Ok(mask.apply(&text_of(&checked.project, self.landing, feed, delivery, place)?)),
        }
    }
}

fn take(
    batch: &RecordBatch,
    masks: &mut Masks<'_>,
    found: &mut Vec<SetAside>,
) -> Result<(), DataFusionError> {
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
        let number =
            |column: &PrimitiveArray<Int64Type>| u64::try_from(column.value(row)).unwrap_or_default();
        let place = Place { line: number(line), offset: number(offset), length: number(length) };
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
                masks
                    .line(&of(&feed), &of(&delivery), place)
                    .unwrap_or_else(|error| format!("(the landed bytes cannot be read: {error})"))
            },
        });
    }
    Ok(())
}

/// A quarantined row out of the landing, as its partner sent it.
fn text_of(
    project: &Project,
    landing: &Landing,
    feed: &str,
    delivery: &str,
    place: Place,
) -> std::io::Result<String> {
    let landed = landing.of_feed(feed).find(|landed| landed.content_sha256.starts_with(delivery));
    let landed = landed.ok_or_else(|| std::io::Error::other("the delivery is not in the landing"))?;
    let feed = project.feeds.get(feed).map(|feed| &feed.config);
    let contract = feed.and_then(|feed| project.contracts.get(&feed.contract));
    let format = contract.map(|contract| contract.config.format.clone()).unwrap_or_default();
    let limit = feed.map_or(u64::MAX, |feed| feed.max_unpacked_bytes);
    format::record_at(landing, landed, &format, limit, place)
}
