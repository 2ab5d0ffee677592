//! The main flow: one pass, from the feeds to a release.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use arrow::array::RecordBatch;
use chrono::{DateTime, NaiveDate, Utc};
use futures::StreamExt;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::check::{Checked, check_loaded};
use crate::config::{self, Project};
use crate::diagnose::Problem;
use crate::engine::{Engine, quarantine_table};
use crate::feed::{self, FeedState};
use crate::landing::Landing;
use crate::lock::{Lock, LockError};
use crate::measure::{self, Supply};
use crate::normalise::contract::{quarantine_schema, summary_schema};
use crate::normalise::month::{MonthJob, NormaliseError, Slot, normalise};
use crate::normalise::{DeliveryReport, DeliveryStatus};
use crate::period::Month;
use crate::progress::Progress;
use crate::release::tables::{self, MeasureRow, ReleaseRow, Reports};
use crate::release::{self, DatasetVersion, Draft, Manifest, Published, ReleaseError, TableFiles};
use crate::warehouse::{Change, LiveFile, Snapshot, Warehouse, WarehouseError};

/// What keeps a run from ending in a release. The last release stands.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The project's files are wrong; nothing was read.
    #[error("the project has {} problem(s)", .0.len())]
    Invalid(Vec<Problem>),
    /// Another run holds the warehouse.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The landing cannot be read or written.
    #[error("the landing cannot be used")]
    Landing(#[source] std::io::Error),
    /// The simulator failed.
    #[error("the simulated deliveries cannot be written")]
    Simulate(#[source] std::io::Error),
    /// A dataset cannot be read or written.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// A month cannot be made.
    #[error("month {month} of dataset `{dataset}` cannot be made")]
    Normalise {
        /// The dataset.
        dataset: String,
        /// The month.
        month: Month,
        /// Why.
        #[source]
        source: Box<NormaliseError>,
    },
    /// A release cannot be written.
    #[error("the release cannot be written")]
    Release(#[from] ReleaseError),
    /// The query engine cannot be set up.
    #[error("the query engine cannot be set up")]
    Engine(#[from] datafusion::error::DataFusionError),
    /// Columns that do not fit: a defect of ours.
    #[error("a table does not fit its columns")]
    Arrow(#[from] arrow::error::ArrowError),
    /// A part of the run ended without an answer: a defect of ours.
    #[error("a part of the run broke off")]
    Broken(#[source] tokio::task::JoinError),
    /// The run was asked to stop; what it finished stays.
    #[error("stopped before the release was made")]
    Stopped,
}

/// What a run did.
#[derive(Debug, Clone, Default)]
pub struct RunReport {
    /// The release that is current now; `None` when there is none.
    pub release: Option<String>,
    /// Whether this run made it.
    pub new: bool,
    /// Measures of the project.
    pub measures: usize,
    /// Measures whose figures are released.
    pub measures_released: usize,
    /// Measures that were computed anew; the others were taken from the release before.
    pub measures_computed: usize,
    /// Months that were made anew.
    pub months_made: usize,
    /// Rows that were read from deliveries.
    pub rows_read: u64,
    /// Rows that were set aside of these.
    pub rows_quarantined: u64,
    /// What is missing, refused, held or withheld, each in a line.
    pub gaps: Vec<String>,
    /// Days since the latest delivery of each feed.
    pub feed_age_days: Vec<(String, f64)>,
}

/// Runs the project in `root` once, at the moment `now`.
///
/// # Errors
/// What keeps a release from being made; the last one stands.
pub async fn run(
    root: &Path,
    now: DateTime<Utc>,
    stop: &CancellationToken,
    progress: &Progress,
) -> Result<RunReport, RunError> {
    let (project, problems) = config::load(root);
    if project.settings_unread {
        // Not even the warehouse is known.
        return Err(RunError::Invalid(check_loaded(project, problems).await.err().unwrap_or_default()));
    }
    let place = project.warehouse();
    let mut lock = Lock::take(&place)?;
    let checked = if problems.is_empty() && known_good(&project)? {
        None
    } else {
        Some(check_loaded(project.clone(), problems).await.map_err(RunError::Invalid)?)
    };
    let run = Run::open(project, place, now, progress)?;
    run.go(checked, &mut lock, stop).await
}

/// Whether this very project passed its checks before: then it need not be planned again to find that nothing changed.
fn known_good(project: &Project) -> Result<bool, RunError> {
    let manifest = Published::in_warehouse(&project.warehouse()).manifest()?;
    Ok(manifest.is_some_and(|m| m.project == project.digest && m.program == env!("CARGO_PKG_VERSION")))
}

/// One pass.
struct Run<'a> {
    project: Project,
    place: PathBuf,
    now: DateTime<Utc>,
    as_of: NaiveDate,
    warehouse: Warehouse,
    published: Published,
    progress: &'a Progress,
}

/// The datasets after normalisation.
pub(crate) struct Stored {
    pub(crate) snapshots: BTreeMap<String, Snapshot>,
    pub(crate) reports: Reports,
    pub(crate) months_made: usize,
    pub(crate) rows_read: u64,
    pub(crate) rows_quarantined: u64,
}

/// A month that was made, with its files in their places.
struct MadeMonth {
    month: Month,
    rows: LiveFile,
    quarantine: Option<LiveFile>,
    summaries: Vec<LiveFile>,
    reports: Vec<DeliveryReport>,
}

impl<'a> Run<'a> {
    fn open(project: Project, place: PathBuf, now: DateTime<Utc>, progress: &'a Progress) -> Result<Self, RunError> {
        let warehouse = open_warehouse(&project)?;
        let published = Published::in_warehouse(&place);
        let as_of = now.with_timezone(&chrono_tz::Europe::London).date_naive();
        Ok(Self { project, place, now, as_of, warehouse, published, progress })
    }

    async fn go(
        self,
        checked: Option<Checked>,
        lock: &mut Lock,
        stop: &CancellationToken,
    ) -> Result<RunReport, RunError> {
        let since = self.now.format("%Y-%m-%d %H:%M:%S UTC").to_string();
        let mut checked = checked;
        if self.project.settings.simulate.is_some() {
            self.progress.stage("making synthetic deliveries");
            crate::simulated::make(&self.project, self.as_of).map_err(RunError::Simulate)?;
        }
        self.progress.stage("asking feeds");
        let landing = Landing::open(&self.place).map_err(RunError::Landing)?;
        landing.remove_leftovers().map_err(RunError::Landing)?;
        let (landing, states) =
            feed::land_all(&self.project, landing, self.now).await.map_err(RunError::Landing)?;
        let current = self.published.manifest()?;
        if let Some(manifest) = &current
            && manifest.inputs == self.inputs(&states).await?
        {
            return self.still_current(manifest, &states).await;
        }
        lock.sign(&since)?;
        stopped(stop)?;
        if checked.is_none() {
            checked = Some(check_loaded(self.project.clone(), Vec::new()).await.map_err(RunError::Invalid)?);
        }
        let checked = checked.ok_or(RunError::Stopped)?;
        let stored = self.store(&checked, landing, &states, stop).await?;
        stopped(stop)?;
        self.publish(&checked, &states, stored, current.as_ref(), stop).await
    }

    /// Digest of everything that decides whether there is anything to do, without reading a dataset.
    async fn inputs(&self, states: &[FeedState]) -> Result<String, RunError> {
        let mut digest = Sha256::new();
        digest.update(env!("CARGO_PKG_VERSION"));
        digest.update(crate::normalise::VERSION);
        digest.update(&self.project.digest);
        for state in states {
            digest.update(&state.feed.id);
            for ((month, file), deliveries) in &state.slots {
                let latest = deliveries.first();
                let content = latest.map(|delivery| delivery.content_sha256.as_str()).unwrap_or_default();
                let synthetic = latest.is_some_and(|delivery| delivery.synthetic);
                digest.update(format!("{month} {file} {content} {synthetic};"));
            }
            for (month, reason) in &state.missing {
                digest.update(format!("{month} {reason};"));
            }
        }
        for table in self.table_names() {
            let version = self.warehouse.log_version(&table).await?;
            digest.update(format!("{table} {version:?};"));
        }
        Ok(hex::encode(digest.finalize()))
    }

    /// Names of every stored table: datasets, their quarantines and their summaries.
    fn table_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for dataset in self.project.contracts_by_dataset().keys() {
            names.push((*dataset).to_owned());
            names.push(quarantine_table(dataset));
            let told = self.project.datasets.get(*dataset);
            names.extend(told.into_iter().flat_map(|d| d.config.summary.iter().map(|summary| summary.id.clone())));
        }
        names
    }

    async fn still_current(&self, manifest: &Manifest, states: &[FeedState]) -> Result<RunReport, RunError> {
        let folder = self.published.current();
        let mut gaps = Vec::new();
        let mut released = manifest.measures.len();
        if let Some(folder) = folder {
            for (name, reason) in withheld_measures(&folder)? {
                released -= 1;
                gaps.push(format!("measure `{name}`: withheld: {reason}"));
            }
            gaps.extend(table_gaps(&manifest.withheld_tables));
            gaps.extend(delivery_gaps_of(&folder)?);
        }
        gaps.extend(fault_lines(states));
        Ok(RunReport {
            release: Some(manifest.release.clone()),
            measures: manifest.measures.len(),
            measures_released: released,
            gaps,
            feed_age_days: feed_ages(states, self.now),
            ..RunReport::default()
        })
    }

    /// Normalises every month whose inputs changed, and commits each dataset once.
    async fn store(
        &self,
        checked: &Checked,
        landing: Landing,
        states: &[FeedState],
        stop: &CancellationToken,
    ) -> Result<Stored, RunError> {
        let landing = Arc::new(landing);
        let workers = self.project.settings.warehouse.workers.unwrap_or_else(processors).max(1);
        let mut stored = Stored {
            snapshots: BTreeMap::new(),
            reports: Reports::new(),
            months_made: 0,
            rows_read: 0,
            rows_quarantined: 0,
        };
        for dataset in checked.datasets.values() {
            let before = self.warehouse.snapshot(&dataset.id).await?;
            let jobs = month_jobs(checked, dataset, states);
            let months: BTreeSet<Month> = jobs.iter().map(|job| job.month).collect();
            let dropped: Vec<Month> = before.months.keys().copied().filter(|m| !months.contains(m)).collect();
            let mut summaries = Vec::new();
            for summary in &dataset.summaries {
                summaries.push(self.warehouse.snapshot(&summary.id).await?);
            }
            let pending: Vec<MonthJob> = jobs.into_iter().filter(|job| is_stale(job, &before, &summaries)).collect();
            if !pending.is_empty() {
                self.progress.stage_of(&format!("reading `{}`", dataset.id), pending.len());
            }
            let made: Vec<Result<MadeMonth, RunError>> = futures::stream::iter(pending)
                .map(|job| self.make(job, Arc::clone(&landing), stop))
                .buffer_unordered(workers)
                .inspect(|_| self.progress.step())
                .collect()
                .await;
            let mut made = made.into_iter().collect::<Result<Vec<_>, _>>()?;
            made.sort_by_key(|month| month.month);
            stopped(stop)?;
            for month in &made {
                for report in &month.reports {
                    stored.rows_read += report.received;
                    stored.rows_quarantined += report.quarantined;
                    warn_of(report);
                }
            }
            stored.months_made += made.len();
            self.commit(dataset, before, made, dropped, &mut stored).await?;
        }
        Ok(stored)
    }

    /// The dataset is committed last: its log says what has been loaded, so the other tables must be there already.
    async fn commit(
        &self,
        dataset: &crate::normalise::contract::Dataset,
        before: Snapshot,
        made: Vec<MadeMonth>,
        dropped: Vec<Month>,
        stored: &mut Stored,
    ) -> Result<(), RunError> {
        let milliseconds = self.now.timestamp_millis();
        let quarantine = quarantine_table(&dataset.id);
        let quarantine_before = self.warehouse.snapshot(&quarantine).await?;
        let mut clean: Vec<Month> =
            made.iter().filter(|month| month.quarantine.is_none()).map(|month| month.month).collect();
        clean.extend(&dropped);
        clean.retain(|month| quarantine_before.months.contains_key(month));
        let change = Change {
            months: made.iter().filter_map(|m| m.quarantine.clone().map(|file| (m.month, file))).collect(),
            dropped: clean,
        };
        let after = self.warehouse.commit(&quarantine_before, &quarantine_schema(), change, milliseconds).await?;
        self.sweep(&after)?;
        stored.snapshots.insert(quarantine, after);
        for (number, summary) in dataset.summaries.iter().enumerate() {
            let summary_before = self.warehouse.snapshot(&summary.id).await?;
            let files = made.iter().filter_map(|m| Some((m.month, m.summaries.get(number)?.clone())));
            let mut gone = dropped.clone();
            gone.retain(|month| summary_before.months.contains_key(month));
            let change = Change { months: files.collect(), dropped: gone };
            let after =
                self.warehouse.commit(&summary_before, &summary_schema(summary), change, milliseconds).await?;
            self.sweep(&after)?;
            stored.snapshots.insert(summary.id.clone(), after);
        }
        let change = Change { months: made.iter().map(|m| (m.month, m.rows.clone())).collect(), dropped };
        let after = self.warehouse.commit(&before, &dataset.schema, change, milliseconds).await?;
        self.sweep(&after)?;
        let mut reports = BTreeMap::new();
        for month in made {
            reports.insert(month.month, month.reports);
        }
        let mut kept = after.clone();
        kept.months.retain(|month, _| !reports.contains_key(month));
        reports.extend(self.warehouse.reports(&kept).await?);
        stored.reports.insert(dataset.id.clone(), reports);
        stored.snapshots.insert(dataset.id.clone(), after);
        Ok(())
    }

    fn sweep(&self, snapshot: &Snapshot) -> Result<(), RunError> {
        let seconds = u64::try_from(self.now.timestamp()).unwrap_or_default();
        let now = UNIX_EPOCH + Duration::from_secs(seconds);
        let keep = self.project.settings.warehouse.keep_replaced_days;
        Ok(self.warehouse.sweep(snapshot, keep, now)?)
    }

    async fn make(
        &self,
        job: MonthJob,
        landing: Arc<Landing>,
        stop: &CancellationToken,
    ) -> Result<MadeMonth, RunError> {
        stopped(stop)?;
        let warehouse = self.warehouse.clone();
        let month = job.month;
        let inputs = job.inputs_digest();
        let work = tokio::task::spawn_blocking(move || -> Result<_, RunError> {
            let dataset = Arc::clone(&job.dataset);
            let mut writer = warehouse.writer(&dataset.id, month, &dataset.schema, &dataset.hex_columns)?;
            let result = normalise(&job, &landing, &mut writer).map_err(|source| RunError::Normalise {
                dataset: dataset.id.clone(),
                month,
                source: Box::new(source),
            })?;
            let file = writer.finish(&result.reports)?;
            let one = |table: &str, batch: &RecordBatch| -> Result<_, RunError> {
                let mut writer = warehouse.writer(table, month, &batch.schema(), &[])?;
                writer.add(batch)?;
                Ok(writer.finish(&[])?)
            };
            let quarantine = (result.quarantine.num_rows() > 0)
                .then(|| one(&quarantine_table(&dataset.id), &result.quarantine))
                .transpose()?;
            let summaries = dataset
                .summaries
                .iter()
                .zip(&result.summaries)
                .map(|(summary, batch)| one(&summary.id, batch))
                .collect::<Result<Vec<_>, _>>()?;
            Ok((file, quarantine, summaries, result.reports))
        });
        let (file, quarantine, summaries, reports) = work.await.map_err(RunError::Broken)??;
        let quarantine = match quarantine {
            Some(file) => Some(self.warehouse.place_file(month, file, &inputs).await?),
            None => None,
        };
        let mut placed = Vec::new();
        for file in summaries {
            placed.push(self.warehouse.place_file(month, file, &inputs).await?);
        }
        let rows = self.warehouse.place_file(month, file, &inputs).await?;
        Ok(MadeMonth { month, rows, quarantine, summaries: placed, reports })
    }

    async fn publish(
        &self,
        checked: &Checked,
        states: &[FeedState],
        stored: Stored,
        current: Option<&Manifest>,
        stop: &CancellationToken,
    ) -> Result<RunReport, RunError> {
        let dataset_of = |state: &FeedState| {
            self.project.contracts.get(&state.feed.contract).map(|contract| contract.config.dataset.as_str())
        };
        let deliveries = tables::feed_delivery(states, &stored.reports, &dataset_of)?;
        let supply = Supply {
            project: &self.project,
            feeds: states.iter().map(|state| (state.feed.id.as_str(), state)).collect(),
            reports: &stored.reports,
            areas: &checked.areas,
            as_of: self.as_of,
        };
        let fingerprints = Fingerprints::new(checked, &stored, states, &supply);
        let mut gaps = delivery_gaps(states, &stored.reports);
        let deliveries_gaps = gaps.len();
        gaps.extend(fault_lines(states));
        let contents = fingerprints.contents(&self.project.digest);
        let stored_ref = Some((&self.warehouse, &stored.snapshots));
        let (mut engine, _) = Engine::new(
            &self.project,
            &checked.datasets,
            &checked.lookups,
            stored_ref,
            Some(deliveries.clone()),
            false,
        )
        .await?;
        let before = Earlier::of(&self.published, current);
        let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
        for (id, (planned, _)) in &checked.measures {
            if !before.has_measure(id, &fingerprints) {
                planned.reads.iter().for_each(|table| *wanted.entry(table.clone()).or_default() += 1);
            }
        }
        for (id, planned) in &checked.tables {
            if !before.has_table(id, &fingerprints) {
                planned.reads.iter().for_each(|table| *wanted.entry(table.clone()).or_default() += 1);
            }
        }
        engine.keep_views(&wanted).await?;
        let mut draft = self.published.begin(self.as_of)?;
        let name = draft.name().to_owned();
        self.progress.stage_of("computing measures", checked.measures.len() + checked.tables.len());

        let mut outturn: Vec<RecordBatch> = Vec::new();
        let mut measure_rows: Vec<MeasureRow<'_>> = Vec::new();
        let mut periods = BTreeSet::new();
        let mut computed = 0;
        let mut synthetic = false;
        for (id, (planned, areas)) in &checked.measures {
            stopped(stop)?;
            let Some(file) = self.project.measures.get(id) else { continue };
            let fingerprint = fingerprints.measures.get(id).cloned().unwrap_or_default();
            if let Some(kept) = before.measure(id, &fingerprints)? {
                for batch in &kept.rows {
                    outturn.push(release::stamped(batch, &name, self.as_of, None)?);
                }
                periods.extend(supply.periods(file, planned, areas));
                synthetic |= kept.synthetic;
                measure_rows.push(MeasureRow {
                    file,
                    reason: String::new(),
                    latest: kept.latest,
                    reads: planned.reads.iter().cloned().collect::<Vec<_>>().join(", "),
                    fingerprint,
                });
                self.progress.step();
                continue;
            }
            computed += 1;
            let evaluated =
                measure::evaluate(&engine, file, planned, areas, &supply, &checked.residents).await;
            let (figures, reason) = match evaluated {
                Ok(figures) => (figures, String::new()),
                Err(why) => {
                    warn!(measure.id = %id, "measure `{id}` is withheld: {why}");
                    gaps.push(format!("measure `{id}`: withheld: {why}"));
                    (measure::withheld(&file.config, planned, areas, &supply, &why), why.to_string())
                }
            };
            synthetic |= figures.iter().any(|figure| figure.synthetic);
            periods.extend(figures.iter().map(|figure| figure.period));
            measure_rows.push(MeasureRow {
                file,
                reason,
                latest: measure::latest(&figures).map(|period| period.to_string()).unwrap_or_default(),
                reads: planned.reads.iter().cloned().collect::<Vec<_>>().join(", "),
                fingerprint,
            });
            outturn.push(tables::outturn(file, &figures, self.as_of, &name)?);
            self.progress.step();
        }
        let released = measure_rows.iter().filter(|row| row.reason.is_empty()).count();
        let any_synthetic = synthetic || stored.reports.values().flat_map(BTreeMap::values).flatten().any(|r| r.delivery.synthetic);

        let mut withheld_tables = BTreeMap::new();
        let mut writing = tokio::task::JoinSet::new();
        for (id, planned) in &checked.tables {
            stopped(stop)?;
            let Some(file) = self.project.tables.get(id) else { continue };
            let made_of_synthetic = planned.datasets.iter().any(|dataset| {
                stored.reports.get(dataset).is_some_and(|months| {
                    months.values().flatten().any(|r| r.delivery.synthetic && r.status == DeliveryStatus::Accepted)
                })
            });
            let batches = match before.table(id, &fingerprints)? {
                Some(batches) => Ok(batches),
                None => engine.run(file.sql()).await.map(|(schema, batches)| {
                    if batches.is_empty() { vec![RecordBatch::new_empty(schema)] } else { batches }
                }),
            };
            self.progress.step();
            let batches = match batches {
                Ok(batches) => batches,
                Err(error) => {
                    let why = crate::engine::plain_message(&error);
                    warn!(table.id = %id, "table `{id}` is withheld: {why}");
                    withheld_tables.insert(id.clone(), why);
                    continue;
                }
            };
            let described = batches
                .iter()
                .map(|batch| {
                    let stamped = release::stamped(batch, &name, self.as_of, Some(made_of_synthetic))?;
                    release::described(&stamped, &file.config.columns)
                })
                .collect::<Result<Vec<_>, _>>()?;
            write(&mut writing, &draft, id, &file.config.title, described);
        }
        gaps.extend(table_gaps(&withheld_tables));
        let own: Vec<(&tables::Table, Vec<RecordBatch>)> = vec![
            (&tables::OUTTURN, outturn),
            (&tables::MEASURE, vec![tables::measure(&measure_rows, &name)?]),
            (&tables::AREA, vec![tables::area(&checked.areas, &name)?]),
            (&tables::PERIOD, vec![tables::period(&periods, &name)?]),
            (&tables::FEED_DELIVERY, vec![release::stamped(&deliveries, &name, self.as_of, None)?]),
            (&tables::QUARANTINE_SUMMARY, vec![tables::quarantine_summary(&stored.reports, &name)?]),
            (
                &tables::RELEASE,
                vec![tables::release(&ReleaseRow {
                    release: name.clone(),
                    as_of: self.as_of,
                    previous: current.map(|manifest| manifest.release.clone()).unwrap_or_default(),
                    measures: checked.measures.len() as u64,
                    measures_released: released as u64,
                    deliveries: accepted(&stored.reports).count() as u64,
                    rows_accepted: accepted(&stored.reports).map(|report| report.accepted).sum(),
                    rows_quarantined: all_reports(&stored.reports).map(|report| report.quarantined).sum(),
                    gaps: deliveries_gaps as u64,
                    synthetic: any_synthetic,
                })?],
            ),
        ];
        for (table, mut batches) in own {
            if batches.is_empty() {
                batches.push(RecordBatch::new_empty(table.schema()));
            }
            write(&mut writing, &draft, table.name, table.title, batches);
        }
        while let Some(done) = writing.join_next().await {
            let (table, files) = done.map_err(RunError::Broken)??;
            draft.add(&table, files);
        }
        stopped(stop)?;
        let manifest = Manifest {
            as_of: self.as_of,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            project: self.project.digest.clone(),
            inputs: self.inputs(states).await?,
            contents,
            measures: fingerprints.measures,
            own_tables: fingerprints.tables,
            withheld_tables,
            datasets: stored.snapshots.iter().map(|(table, snapshot)| (table.clone(), version_of(snapshot))).collect(),
            ..Manifest::default()
        };
        draft.finish(manifest)?;
        info!(release = %name, "release {name} is current");
        Ok(RunReport {
            release: Some(name),
            new: true,
            measures: checked.measures.len(),
            measures_released: released,
            measures_computed: computed,
            months_made: stored.months_made,
            rows_read: stored.rows_read,
            rows_quarantined: stored.rows_quarantined,
            gaps,
            feed_age_days: feed_ages(states, self.now),
        })
    }
}

/// Opens the datasets of a project.
///
/// # Errors
/// An address that cannot be used.
pub fn open_warehouse(project: &Project) -> Result<Warehouse, WarehouseError> {
    let place = project.warehouse();
    let datasets = project.settings.warehouse.datasets.clone();
    let datasets = datasets.unwrap_or_else(|| format!("{}/datasets", project.settings.warehouse.location));
    Warehouse::open(&datasets, &project.root, &place)
}

type Written = Result<(String, TableFiles), ReleaseError>;

fn write(
    writing: &mut tokio::task::JoinSet<Written>,
    draft: &Draft,
    name: &str,
    title: &str,
    batches: Vec<RecordBatch>,
) {
    let (folder, name, title) = (draft.folder().to_path_buf(), name.to_owned(), title.to_owned());
    writing.spawn_blocking(move || {
        let schema = batches.first().map(RecordBatch::schema).unwrap_or_else(|| Arc::new(arrow::datatypes::Schema::empty()));
        let files = release::write_table(&folder, &name, &title, &schema, &batches)?;
        Ok((name, files))
    });
}

fn stopped(stop: &CancellationToken) -> Result<(), RunError> {
    if stop.is_cancelled() { Err(RunError::Stopped) } else { Ok(()) }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// One job a month for which a feed of the dataset has a delivery, in order of the months.
#[must_use]
pub fn month_jobs(
    checked: &Checked,
    dataset: &Arc<crate::normalise::contract::Dataset>,
    states: &[FeedState],
) -> Vec<MonthJob> {
    let mut months: BTreeMap<Month, Vec<Slot>> = BTreeMap::new();
    for state in states {
        let Some(contract) = dataset.contracts.get(&state.feed.contract) else { continue };
        debug_assert!(checked.project.feeds.contains_key(&state.feed.id));
        for ((month, _), deliveries) in &state.slots {
            months.entry(*month).or_default().push(Slot {
                feed: Arc::clone(&state.feed),
                contract: Arc::clone(contract),
                deliveries: deliveries.clone(),
            });
        }
    }
    months
        .into_iter()
        .map(|(month, slots)| MonthJob { dataset: Arc::clone(dataset), month, slots })
        .collect()
}

/// Whether a month must be made anew: the file that the log has was made from something else. So it is when that of a
/// summary was, as after a run that was killed between the two commits and whose cause was then taken back.
#[must_use]
pub fn is_stale(job: &MonthJob, before: &Snapshot, summaries: &[Snapshot]) -> bool {
    let inputs = job.inputs_digest();
    let made_of_other = |table: &Snapshot| table.months.get(&job.month).is_none_or(|file| file.inputs() != inputs);
    made_of_other(before) || summaries.iter().any(made_of_other)
}

fn version_of(snapshot: &Snapshot) -> DatasetVersion {
    DatasetVersion {
        version: snapshot.version,
        rows: snapshot.rows(),
        files: snapshot.months.values().map(|file| file.path.clone()).collect(),
    }
}

fn all_reports(reports: &Reports) -> impl Iterator<Item = &DeliveryReport> {
    reports.values().flat_map(BTreeMap::values).flatten()
}

fn accepted(reports: &Reports) -> impl Iterator<Item = &DeliveryReport> {
    all_reports(reports).filter(|report| report.status == DeliveryStatus::Accepted)
}

fn warn_of(report: &DeliveryReport) {
    let (feed, month, file) = (&report.delivery.feed, report.delivery.period, &report.delivery.file);
    match report.status {
        DeliveryStatus::Accepted if report.quarantined == 0 => {}
        DeliveryStatus::Accepted => {
            let rules: Vec<String> = report.rules.iter().map(|(rule, n)| format!("{n} {rule}")).collect();
            let (n, all) = (report.quarantined, report.received);
            info!(feed.id = %feed, feed.month = %month, "{file}: {n} of {all} rows quarantined ({})", rules.join(", "));
        }
        _ => {
            let (status, note) = (report.status.name(), &report.note);
            warn!(feed.id = %feed, feed.month = %month, "{file}: {status}: {note}");
        }
    }
}

/// Deliveries that are missing, refused or held, each in a line; known gaps are not among them.
pub(crate) fn delivery_gaps(states: &[FeedState], reports: &Reports) -> Vec<String> {
    let mut gaps = Vec::new();
    for state in states {
        let months: Vec<Month> =
            state.missing.keys().copied().filter(|m| feed::gap_at(&state.feed, *m).is_none()).collect();
        if !months.is_empty() {
            gaps.push(format!("feed `{}`: nothing for {}", state.feed.id, spans(&months)));
        }
    }
    for report in all_reports(reports).filter(|report| report.status != DeliveryStatus::Accepted) {
        let (file, status, note) = (&report.delivery.file, report.status.name(), &report.note);
        gaps.push(format!("feed `{}`: {file} {status}: {note}", report.delivery.feed));
    }
    gaps
}

/// The same, of a release that was made before.
pub(crate) fn delivery_gaps_of(folder: &Path) -> Result<Vec<String>, RunError> {
    use arrow::array::{Array, AsArray};
    let (_, batches) = release::read_table(folder, "feed_delivery")?;
    let mut missing: BTreeMap<String, Vec<Month>> = BTreeMap::new();
    let mut gaps = Vec::new();
    for batch in &batches {
        let column = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        let (Some(feed), Some(period), Some(status), Some(file), Some(note)) =
            (column("feed"), column("period"), column("status"), column("source_file"), column("note"))
        else {
            continue;
        };
        for row in 0..batch.num_rows() {
            match status.value(row) {
                "not_supplied" => {
                    if let Ok(month) = period.value(row).parse() {
                        missing.entry(feed.value(row).to_owned()).or_default().push(month);
                    }
                }
                word @ ("refused" | "held") => {
                    let note = if note.is_null(row) { "" } else { note.value(row) };
                    gaps.push(format!("feed `{}`: {} {word}: {note}", feed.value(row), file.value(row)));
                }
                _ => {}
            }
        }
    }
    let mut lines: Vec<String> =
        missing.iter().map(|(feed, months)| format!("feed `{feed}`: nothing for {}", spans(months))).collect();
    lines.extend(gaps);
    Ok(lines)
}

fn fault_lines(states: &[FeedState]) -> Vec<String> {
    let lines = states.iter().flat_map(|state| state.faults.iter().map(move |fault| (state, fault)));
    lines.map(|(state, fault)| format!("feed `{}`: {fault}", state.feed.id)).collect()
}

pub(crate) fn withheld_measures(folder: &Path) -> Result<Vec<(String, String)>, RunError> {
    use arrow::array::{Array, AsArray};
    let (_, batches) = release::read_table(folder, "measure")?;
    let mut found = Vec::new();
    for batch in &batches {
        let column = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        if let (Some(name), Some(reason)) = (column("measure"), column("reason")) {
            for row in (0..batch.num_rows()).filter(|row| reason.is_valid(*row)) {
                found.push((name.value(row).to_owned(), reason.value(row).to_owned()));
            }
        }
    }
    Ok(found)
}

/// Tables of the project that are not in a release, each in a line.
pub(crate) fn table_gaps(withheld: &BTreeMap<String, String>) -> impl Iterator<Item = String> {
    withheld.iter().map(|(table, why)| format!("table `{table}`: withheld: {why}"))
}

/// Months as a reader says them: `2024-01 to 2024-03, 2024-06`.
#[must_use]
pub fn spans(months: &[Month]) -> String {
    let mut months = months.to_vec();
    months.sort_unstable();
    let mut parts: Vec<(Month, Month)> = Vec::new();
    for month in months {
        match parts.last_mut() {
            Some((_, last)) if last.plus(1) == month => *last = month,
            _ => parts.push((month, month)),
        }
    }
    let text = |(first, last): &(Month, Month)| {
        if first == last { first.to_string() } else { format!("{first} to {last}") }
    };
    parts.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn feed_ages(states: &[FeedState], now: DateTime<Utc>) -> Vec<(String, f64)> {
    let age = |state: &FeedState| {
        let latest = state.slots.values().flatten().map(|delivery| delivery.received).max()?;
        Some((state.feed.id.clone(), (now - latest).num_seconds() as f64 / 86_400.0))
    };
    states.iter().filter_map(age).collect()
}

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
            deliveries.update(format!("{} {} {:?};", report.delivery.feed, report.delivery.content_sha256, report.rules));
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
            let more = format!("{span:?} {covered:?} {} {}", reference("area"), reference("population"));
            Some((id.clone(), of(&file.digest, &planned.reads, &more)))
        });
        let tables = checked.tables.iter().filter_map(|(id, planned)| {
            Some((id.clone(), of(&project.tables.get(id)?.digest, &planned.reads, "")))
        });
        Self { measures: measures.collect(), tables: tables.collect() }
    }

    fn contents(&self, project: &str) -> String {
        let mut digest = Sha256::new();
        digest.update(project);
        for (name, fingerprint) in self.measures.iter().chain(&self.tables) {
            digest.update(format!("{name}={fingerprint};"));
        }
        hex::encode(digest.finalize())
    }
}

/// The release before, from which what did not change is taken.
struct Earlier {
    folder: Option<PathBuf>,
    measures: BTreeMap<String, String>,
    tables: BTreeMap<String, String>,
    outturn: std::cell::OnceCell<Vec<RecordBatch>>,
}

/// Figures of a measure as the release before has them.
struct Kept {
    rows: Vec<RecordBatch>,
    latest: String,
    synthetic: bool,
}

impl Earlier {
    fn of(published: &Published, manifest: Option<&Manifest>) -> Self {
        let manifest = manifest.filter(|m| m.program == env!("CARGO_PKG_VERSION"));
        Self {
            folder: published.current(),
            measures: manifest.map(|m| m.measures.clone()).unwrap_or_default(),
            tables: manifest.map(|m| m.own_tables.clone()).unwrap_or_default(),
            outturn: std::cell::OnceCell::new(),
        }
    }

    fn has_measure(&self, id: &str, now: &Fingerprints) -> bool {
        self.folder.is_some() && self.measures.get(id).is_some_and(|known| now.measures.get(id) == Some(known))
    }

    fn has_table(&self, id: &str, now: &Fingerprints) -> bool {
        self.folder.is_some() && self.tables.get(id).is_some_and(|known| now.tables.get(id) == Some(known))
    }

    /// The figures of a measure, unless something that they follow from changed, or it was withheld.
    fn measure(&self, id: &str, now: &Fingerprints) -> Result<Option<Kept>, RunError> {
        use arrow::array::AsArray;
        let Some(folder) = self.folder.as_ref().filter(|_| self.has_measure(id, now)) else { return Ok(None) };
        if withheld_measures(folder)?.iter().any(|(name, _)| name == id) {
            return Ok(None);
        }
        if self.outturn.get().is_none() {
            let (_, batches) = release::read_table(folder, "outturn")?;
            let _ = self.outturn.set(batches);
        }
        let batches = self.outturn.get().map(Vec::as_slice).unwrap_or_default();
        let rows: Vec<RecordBatch> =
            release::rows_where(batches, "measure", id)?.into_iter().filter(|batch| batch.num_rows() > 0).collect();
        let synthetic = rows.iter().any(|batch| {
            batch.column_by_name("synthetic").and_then(|c| c.as_boolean_opt()).is_some_and(|c| c.true_count() > 0)
        });
        let (_, measures) = release::read_table(folder, "measure")?;
        let latest = release::rows_where(&measures, "measure", id)?
            .iter()
            .filter(|batch| batch.num_rows() > 0)
            .find_map(|batch| {
                let column = batch.column_by_name("latest_period")?.as_string_opt::<i32>()?;
                column.iter().next().flatten().map(str::to_owned)
            })
            .unwrap_or_default();
        Ok(Some(Kept { rows, latest, synthetic }))
    }

    /// The rows of a table, unless something that they follow from changed.
    fn table(&self, id: &str, now: &Fingerprints) -> Result<Option<Vec<RecordBatch>>, RunError> {
        let Some(folder) = self.folder.as_ref().filter(|_| self.has_table(id, now)) else { return Ok(None) };
        if !folder.join(format!("{id}.parquet")).is_file() {
            return Ok(None);
        }
        let (schema, batches) = release::read_table(folder, id)?;
        Ok(Some(if batches.is_empty() { vec![RecordBatch::new_empty(schema)] } else { batches }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_months_are_told_as_a_span() {
        let months: Vec<Month> =
            ["2024-12", "2025-01", "2025-02", "2025-06"].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(spans(&months), "2024-12 to 2025-02, 2025-06");
    }
}
