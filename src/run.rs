//! The main flow: one pass, from the feeds to a release.

pub(crate) mod amounts;
mod earlier;
mod gaps;
mod kept;
mod many;
pub(crate) mod public;
mod publish;
mod purge;
mod remake;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate, Utc};
use futures::StreamExt;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub(crate) use earlier::Fingerprints;
pub use gaps::spans;
pub(crate) use gaps::{delivery_gaps_of, table_gaps, withheld_measures};
use gaps::{expired_waivers, fault_lines};
pub use many::thousands;
pub(crate) use many::{Standings, UnusualDeliveries, look};
pub(crate) use purge::due_of_many;
pub use purge::purge;
pub use remake::{Verified, verify};

use crate::check::{Checked, check_loaded};
use crate::config::settings::DeliveryMode;
use crate::config::{self, Project};
use crate::definition;
use crate::diagnose::Problem;
use crate::engine::quarantine_table;
use crate::feed::{self, FeedState};
use crate::landing::Landing;
use crate::lock::{Lock, LockError};
use crate::normalise::contract::{quarantine_schema, summary_schema};
use crate::normalise::month::{MonthJob, NormaliseError, normalise};
use crate::normalise::split::Parts;
use crate::normalise::{DeliveryReport, DeliveryStatus};
use crate::period::Month;
use crate::processors::{self, Processors};
use crate::progress::Progress;
use crate::publication;
use crate::release::tables::Reports;
use crate::release::{Manifest, Published, Recorded, ReleaseError};
use crate::signoff::SignOffs;
use crate::warehouse::{Beside, Change, LiveFile, MonthFile, Snapshot, Warehouse, WarehouseError};

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
    /// The record of the deliveries is gone though there is a release: beginning anew would drop what partners no longer
    /// hold.
    #[error(
        "landing/deliveries.jsonl is missing or empty, though the current release counts from deliveries; restore it \
         from a backup, or remove the folders `landing`, `datasets` and `published` to begin anew"
    )]
    LandingLost,
    /// The clock is behind the current release: what is expected, and what is late, cannot be told.
    #[error(
        "today is {today} by this computer's clock, but release {release} was made on {released}; set the clock, or, if \
         it was that release whose day is wrong, point `published/current` at the one before"
    )]
    ClockBehind {
        /// The release.
        release: String,
        /// Its day.
        released: NaiveDate,
        /// The day by the clock.
        today: NaiveDate,
    },
    /// The record of sign-offs cannot be read; without it figures that are final would change.
    #[error("the record of sign-offs cannot be used")]
    SignOff(#[source] std::io::Error),
    /// What went out, or is to go out, cannot be read or written.
    #[error("the record of the release calendar cannot be used")]
    Publication(#[source] std::io::Error),
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
    /// Months that were told anew and otherwise, each in a line.
    pub restated: Vec<String>,
    /// What is missing, refused, held or withheld, each in a line.
    pub gaps: Vec<String>,
    /// What went out by the release calendar, each in a line.
    pub went_out: Vec<String>,
    /// Days since the end of the last month that each feed delivered.
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
    // A project that is not in order makes no folder.
    let taken = if place.is_dir() { Some(Lock::take(&place)?) } else { None };
    let checked = if problems.is_empty() && known_good(&project)? {
        None
    } else {
        Some(check_loaded(project.clone(), problems).await.map_err(RunError::Invalid)?)
    };
    let mut lock = match taken {
        Some(lock) => lock,
        None => Lock::take(&place)?,
    };
    let run = Run::open(project, place, now, progress)?;
    Box::pin(run.keep_calendar(checked, &mut lock, stop)).await
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
    /// Where earlier releases are read; the same as `published`, unless a release is made once more elsewhere.
    history: Published,
    /// For a release that is made once more: what it was made from.
    remade: Option<Remade>,
    /// Deliveries that are recorded.
    landed: u64,
    progress: &'a Progress,
}

/// What a release that is made once more may know.
struct Remade {
    /// Its name.
    release: String,
    /// Release that it was compared with.
    compared_with: Option<String>,
    /// How much was recorded by then.
    recorded: Recorded,
}

/// The datasets after normalisation.
pub(crate) struct Stored {
    pub(crate) snapshots: BTreeMap<String, Snapshot>,
    pub(crate) reports: Reports,
    pub(crate) months_made: usize,
    pub(crate) rows_read: u64,
    pub(crate) rows_quarantined: u64,
    pub(crate) restated: Vec<String>,
}

/// A month that was made, with its files in their places.
struct MadeMonth {
    month: Month,
    /// The digest of what it was made from.
    inputs: String,
    /// By table: those of the dataset and its summaries, and of its quarantine where rows are in it.
    files: BTreeMap<String, LiveFile>,
    reports: Vec<DeliveryReport>,
}

/// The files that the months have of one table.
fn files_of(made: &[MadeMonth], table: &str) -> Vec<(Month, LiveFile)> {
    made.iter().filter_map(|month| Some((month.month, month.files.get(table)?.clone()))).collect()
}

impl<'a> Run<'a> {
    fn open(
        project: Project,
        place: PathBuf,
        now: DateTime<Utc>,
        progress: &'a Progress,
    ) -> Result<Self, RunError> {
        let warehouse = open_warehouse(&project)?;
        let published = Published::in_warehouse(&place);
        let as_of = now.with_timezone(&chrono_tz::Europe::London).date_naive();
        let history = published.clone();
        Ok(Self {
            project,
            place,
            now,
            as_of,
            warehouse,
            published,
            history,
            remade: None,
            landed: 0,
            progress,
        })
    }

    /// A pass between two looks at the release calendar: what is due waits neither for the pass nor for its success.
    async fn keep_calendar(
        self,
        checked: Option<Checked>,
        lock: &mut Lock,
        stop: &CancellationToken,
    ) -> Result<RunReport, RunError> {
        let (project, now) = (self.project.clone(), self.now);
        let mut early = bring_out(&project, now);
        let mut report = self.go(checked, lock, stop).await?;
        let late = bring_out(&project, now);
        early.went_out.extend(late.went_out);
        report.went_out = early.went_out;
        // What still waits is told by the second look.
        report.gaps.extend(late.gaps);
        Ok(report)
    }

    /// The last month that the public set of the release may tell of; `None` without a calendar, or once nothing is
    /// planned any more.
    fn public_until(&self) -> Result<Option<Month>, RunError> {
        let out = self.went_out()?;
        Ok(publication::public_until(&publication::planned(&self.project), &out))
    }

    /// What went out by now.
    fn went_out(&self) -> Result<Vec<publication::WentOut>, RunError> {
        let mut out = publication::went_out(&self.history).map_err(RunError::Publication)?;
        if let Some(made) = &self.remade {
            out.truncate(usize::try_from(made.recorded.went_out).unwrap_or(usize::MAX));
        }
        Ok(out)
    }

    async fn go(
        mut self,
        checked: Option<Checked>,
        lock: &mut Lock,
        stop: &CancellationToken,
    ) -> Result<RunReport, RunError> {
        let since = self.now.format("%Y-%m-%d %H:%M:%S UTC").to_string();
        if let Some(manifest) = self.published.manifest()?
            && manifest.as_of > self.as_of
        {
            let (release, released, today) = (manifest.release, manifest.as_of, self.as_of);
            return Err(RunError::ClockBehind { release, released, today });
        }
        if self.project.settings.simulate.is_some() {
            self.progress.stage("making synthetic deliveries");
            crate::simulated::make(&self.project, self.as_of).map_err(RunError::Simulate)?;
        }
        self.progress.stage("asking feeds");
        let landing = Landing::open(&self.place).map_err(RunError::Landing)?;
        if landing.all().is_empty() && self.has_rows()? {
            return Err(RunError::LandingLost);
        }
        landing.remove_leftovers().map_err(RunError::Landing)?;
        self.warehouse.remove_leftovers().map_err(RunError::Landing)?;
        // What is landed is recorded feed by feed, so that a fetch that is given up costs itself only.
        let (landing, mut states) = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(RunError::Stopped),
            landed = feed::land_all(&self.project, landing, self.now) => landed.map_err(RunError::Landing)?,
        };
        self.landed = landing.all().len() as u64;
        let current = self.published.manifest()?;
        let asked = self.asked(&states)?;
        if let Some(manifest) = &current
            && manifest.inputs == self.inputs(&asked).await?
        {
            match self.still_current(manifest, &states) {
                Err(RunError::Release(fault)) => {
                    warn!("release {} cannot be read and is made anew: {fault}", manifest.release);
                }
                answer => return answer,
            }
        }
        lock.sign(&since)?;
        stopped(stop)?;
        let checked = match checked {
            Some(checked) => checked,
            None => check_loaded(self.project.clone(), Vec::new()).await.map_err(RunError::Invalid)?,
        };
        let landing = Arc::new(landing);
        let parts = Parts::open(&self.place);
        parts.remove_leftovers().map_err(RunError::Landing)?;
        // A large delivery takes its time; what is split when a run is stopped is not yet in its place.
        let standings = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(RunError::Stopped),
            settled = Standings::settle(&checked, &landing, &mut states, self.as_of, parts) => settled?,
        };
        let stored = self.store(&checked, &landing, &states, (&standings, None), stop).await?;
        standings.tidy()?;
        stopped(stop)?;
        self.publish(&checked, &states, &asked, stored, current.as_ref(), stop).await
    }

    /// Whether the current release counts from rows.
    fn has_rows(&self) -> Result<bool, RunError> {
        let manifest = self.published.manifest()?;
        Ok(manifest.is_some_and(|manifest| manifest.datasets.values().any(|dataset| dataset.rows > 0)))
    }

    /// Digest of what the project says and what was landed.
    fn asked(&self, states: &[FeedState]) -> Result<String, RunError> {
        let mut digest = Sha256::new();
        digest.update(env!("CARGO_PKG_VERSION"));
        digest.update(crate::normalise::VERSION);
        digest.update(&self.project.digest);
        // Another key makes other pseudonyms; one that cannot be read is told where the project is checked.
        match crate::normalise::person::key_of(&self.project) {
            Ok(key) => digest.update(key.map(|key| key.id()).unwrap_or_default()),
            Err(_) => digest.update("no key"),
        }
        for state in states {
            digest.update(&state.feed.id);
            for ((month, file), deliveries) in &state.slots {
                // A month that is not over has no figure until it is.
                let open = if month.last_day() >= self.as_of { "open " } else { "" };
                digest.update(open);
                let latest = deliveries.first();
                let content = latest.map(|delivery| delivery.content_sha256.as_str()).unwrap_or_default();
                let synthetic = latest.is_some_and(|delivery| delivery.synthetic);
                digest.update(format!("{month} {file} {content} {synthetic};"));
                if state.erased.contains_key(&(*month, file.clone())) {
                    digest.update("erased;");
                }
            }
            for (month, reason) in &state.missing {
                digest.update(format!("{month} {reason};"));
            }
            if state.feed.mode != DeliveryMode::Month {
                // Any of its deliveries may decide, and so does which months are expected.
                for delivery in state.slots.values().flatten() {
                    digest.update(format!("{} {};", delivery.content_sha256, delivery.received));
                }
                digest.update(format!("{:?};", feed::expected_months(&state.feed, self.as_of).last()));
            }
        }
        for (id, waiver) in &self.project.waivers {
            digest.update(format!("{id} {};", waiver.config.is_active(self.as_of)));
        }
        let sign_offs = SignOffs::open(&self.place, None).map_err(RunError::SignOff)?;
        digest.update(sign_offs.digest_of_all());
        if publication::calendar(&self.project).is_some() {
            digest.update(format!("{:?} {:?};", self.public_until()?, self.went_out()?));
        }
        Ok(hex::encode(digest.finalize()))
    }

    /// Digest of everything that decides whether there is anything to do, without reading a dataset.
    async fn inputs(&self, asked: &str) -> Result<String, RunError> {
        let mut digest = Sha256::new();
        digest.update(asked);
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
            names.extend(
                told.into_iter().flat_map(|d| d.config.summary.iter().map(|summary| summary.id.clone())),
            );
        }
        names
    }

    fn still_current(&self, manifest: &Manifest, states: &[FeedState]) -> Result<RunReport, RunError> {
        let folder = self.published.current();
        let mut gaps = Vec::new();
        let mut released = manifest.measures.len();
        let mut ages = feed_ages(states, self.now);
        if let Some(folder) = folder {
            let latest = gaps::latest_months_of(&folder)?;
            for state in states.iter().filter(|state| state.feed.mode != DeliveryMode::Month) {
                // Its deliveries were not split in this run; the release knows what they hold.
                ages.retain(|(feed, _)| *feed != state.feed.id);
                ages.extend(
                    latest.get(&state.feed.id).map(|m| (state.feed.id.clone(), age_days(*m, self.now))),
                );
            }
            for (name, reason) in withheld_measures(&folder)? {
                released -= 1;
                gaps.push(format!("measure `{name}`: withheld: {reason}"));
            }
            gaps.extend(table_gaps(&manifest.withheld_tables));
            gaps.extend(definition::gaps(&manifest.definitions));
            gaps.extend(delivery_gaps_of(&folder)?);
        }
        gaps.extend(fault_lines(states));
        gaps.extend(expired_waivers(&self.project, self.as_of));
        gaps.extend(manifest.public_gaps.iter().cloned());
        // A run that was killed behind its release leaves this to the next one.
        self.show_to_public(&manifest.release)?;
        Ok(RunReport {
            release: Some(manifest.release.clone()),
            measures: manifest.measures.len(),
            measures_released: released,
            gaps,
            feed_age_days: ages,
            ..RunReport::default()
        })
    }

    /// Normalises every month whose inputs changed, and commits each dataset once; of `only` these where it is given, by
    /// dataset and month.
    async fn store(
        &self,
        checked: &Checked,
        landing: &Arc<Landing>,
        states: &[FeedState],
        (standings, only): (&Standings, Option<&BTreeSet<(String, Month)>>),
        stop: &CancellationToken,
    ) -> Result<Stored, RunError> {
        let mut stored = Stored {
            snapshots: BTreeMap::new(),
            reports: Reports::new(),
            months_made: 0,
            rows_read: 0,
            rows_quarantined: 0,
            restated: Vec::new(),
        };
        for dataset in checked.datasets.values() {
            let (before, summaries, quarantine) = self.snapshots(dataset).await?;
            let told_before = self.warehouse.reports(&before).await?;
            let chosen = |month: Month| only.is_none_or(|only| only.contains(&(dataset.id.clone(), month)));
            let mut reports = told_before.clone();
            let mut made: BTreeMap<Month, MadeMonth> = BTreeMap::new();
            let mut jobs = standings.month_jobs(dataset, states, &UnusualDeliveries::new());
            // How many rows are usual is known once the months are made; what is unusual by it then gives way. Months
            // are judged by those before them, so that each turn settles at least one more.
            for _ in 0..=jobs.len() {
                let unusual = Standings::unusual(&jobs, &reports);
                jobs = standings.month_jobs(dataset, states, &unusual);
                let pending = jobs.iter().filter(|job| match made.get(&job.month) {
                    Some(month) => month.inputs != job.inputs_digest(),
                    None => is_stale(job, &before, &summaries),
                });
                let pending: Vec<MonthJob> = pending.filter(|job| chosen(job.month)).cloned().collect();
                if pending.is_empty() {
                    break;
                }
                for month in self.make_all(dataset, pending, standings, landing, stop).await? {
                    reports.insert(month.month, month.reports.clone());
                    made.insert(month.month, month);
                }
            }
            let months: BTreeSet<Month> = jobs.iter().map(|job| job.month).collect();
            let gone = |month: &Month| !months.contains(month) && chosen(*month);
            let dropped: Vec<Month> = before.months.keys().copied().filter(gone).collect();
            reports.retain(|month, _| !gone(month));
            let made: Vec<MadeMonth> = made.into_values().collect();
            for month in &made {
                stored.restated.extend(many::restatements(
                    landing,
                    &told_before,
                    month.month,
                    &month.reports,
                ));
                for report in &month.reports {
                    stored.rows_read += report.received;
                    stored.rows_quarantined += report.quarantined;
                    warn_of(report);
                }
            }
            stored.months_made += made.len();
            self.commit(dataset, (before, summaries, quarantine), made, dropped, reports, &mut stored)
                .await?;
        }
        mark_partial(&self.project, &mut stored.reports);
        Ok(stored)
    }

    /// A dataset, its summaries and its quarantine as they are now. Each is a task of its own, as commits are.
    async fn snapshots(
        &self,
        dataset: &crate::normalise::contract::Dataset,
    ) -> Result<(Snapshot, Vec<Snapshot>, Snapshot), RunError> {
        let read = |table: String| {
            let warehouse = self.warehouse.clone();
            tokio::spawn(async move { warehouse.snapshot(&table).await })
        };
        let rows = read(dataset.id.clone());
        let summaries: Vec<_> = dataset.summaries.iter().map(|summary| read(summary.id.clone())).collect();
        let quarantine = read(quarantine_table(&dataset.id));
        // All have ended before any fault is told, or the runtime would end under them.
        let (rows, summaries, quarantine) =
            tokio::join!(rows, futures::future::join_all(summaries), quarantine);
        let known = |read: Result<Result<Snapshot, WarehouseError>, tokio::task::JoinError>| {
            Ok::<_, RunError>(read.map_err(RunError::Broken)??)
        };
        Ok((known(rows)?, summaries.into_iter().map(known).collect::<Result<_, _>>()?, known(quarantine)?))
    }

    /// Makes months, several at once.
    async fn make_all(
        &self,
        dataset: &crate::normalise::contract::Dataset,
        mut pending: Vec<MonthJob>,
        standings: &Standings,
        landing: &Arc<Landing>,
        stop: &CancellationToken,
    ) -> Result<Vec<MadeMonth>, RunError> {
        let workers = self.project.settings.warehouse.workers.unwrap_or_else(processors::available).max(1);
        self.progress.stage_of(&format!("reading `{}`", dataset.id), pending.len());
        for job in &mut pending {
            let month = job.month;
            standings.find_parts(job, landing).map_err(|source| RunError::Normalise {
                dataset: dataset.id.clone(),
                month,
                source: Box::new(source),
            })?;
        }
        let processors = Arc::new(Processors::new(workers));
        let made: Vec<Result<MadeMonth, RunError>> = futures::stream::iter(pending)
            .map(|job| self.make(job, Arc::clone(landing), Arc::clone(&processors), stop))
            .buffer_unordered(workers)
            .inspect(|_| self.progress.step())
            .collect()
            .await;
        stopped(stop)?;
        made.into_iter().collect()
    }

    /// The dataset is committed last: its log says what has been loaded, so the other tables must be there already.
    async fn commit(
        &self,
        dataset: &crate::normalise::contract::Dataset,
        (before, summaries_before, quarantine_before): (Snapshot, Vec<Snapshot>, Snapshot),
        made: Vec<MadeMonth>,
        dropped: Vec<Month>,
        reports: BTreeMap<Month, Vec<DeliveryReport>>,
        stored: &mut Stored,
    ) -> Result<(), RunError> {
        let milliseconds = self.now.timestamp_millis();
        let quarantine = quarantine_table(&dataset.id);
        let mut clean: Vec<Month> =
            made.iter().filter(|m| !m.files.contains_key(&quarantine)).map(|month| month.month).collect();
        clean.extend(&dropped);
        clean.retain(|month| quarantine_before.months.contains_key(month));
        let change = Change { months: files_of(&made, &quarantine), dropped: clean };
        let mut others = vec![(quarantine_before, quarantine_schema(), change)];
        for (summary, before) in dataset.summaries.iter().zip(summaries_before) {
            let gone = dropped.iter().copied().filter(|month| before.months.contains_key(month));
            let change = Change { months: files_of(&made, &summary.id), dropped: gone.collect() };
            others.push((before, summary_schema(summary), change));
        }
        // Each is a task of its own: most of a commit is reading the table's log, which takes a processor.
        let commits: Vec<_> = others
            .into_iter()
            .map(|(before, schema, change)| {
                let warehouse = self.warehouse.clone();
                tokio::spawn(async move { warehouse.commit(&before, &schema, change, milliseconds).await })
            })
            .collect();
        // All have ended before any fault is told: none goes on when the warehouse is let go.
        for commit in futures::future::join_all(commits).await {
            let after = commit.map_err(RunError::Broken)??;
            self.sweep(&after)?;
            stored.snapshots.insert(after.table.clone(), after);
        }
        let change = Change { months: files_of(&made, &dataset.id), dropped };
        let after = self.warehouse.commit(&before, &dataset.schema, change, milliseconds).await?;
        self.sweep(&after)?;
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
        processors: Arc<Processors>,
        stop: &CancellationToken,
    ) -> Result<MadeMonth, RunError> {
        stopped(stop)?;
        let warehouse = self.warehouse.clone();
        let runtime = tokio::runtime::Handle::current();
        let work =
            tokio::task::spawn_blocking(move || written(&job, &landing, &processors, (&warehouse, &runtime)));
        work.await.map_err(RunError::Broken)?
    }
}

/// Makes a month with its files in their places. Each is brought there, which is waiting for the disk, while the next is
/// written: by threads that keep no memory, and all of which have ended when this returns.
fn written(
    job: &MonthJob,
    landing: &Landing,
    processors: &Arc<Processors>,
    (warehouse, runtime): (&Warehouse, &tokio::runtime::Handle),
) -> Result<MadeMonth, RunError> {
    let (dataset, month, inputs) = (&job.dataset, job.month, job.inputs_digest());
    let failed =
        |source| RunError::Normalise { dataset: dataset.id.clone(), month, source: Box::new(source) };
    let files = std::thread::scope(|scope| -> Result<_, RunError> {
        let mut under_way = Vec::new();
        let mut place = |file: MonthFile| -> Result<(), RunError> {
            let (table, inputs) = (file.table().to_owned(), &inputs);
            let place = move || runtime.block_on(warehouse.place_file(month, file, inputs));
            let thread =
                std::thread::Builder::new().name("place a file".to_owned()).spawn_scoped(scope, place);
            under_way.push((table, thread.map_err(|error| failed(NormaliseError::Write(error.into())))?));
            Ok(())
        };
        let writer = warehouse.writer(&dataset.id, month, &dataset.schema, &dataset.hex_columns)?;
        let mut beside = Beside::new(writer, Arc::clone(processors));
        let result = normalise(job, landing, processors, &mut beside).map_err(failed)?;
        place(beside.end().map_err(failed)?.finish(&result.reports)?)?;
        let summaries = dataset.summaries.iter().zip(&result.summaries);
        let summaries = summaries.map(|(summary, batch)| (summary.id.clone(), batch));
        let quarantine =
            (result.quarantine.num_rows() > 0).then(|| (quarantine_table(&dataset.id), &result.quarantine));
        for (table, batch) in summaries.chain(quarantine) {
            let mut writer = warehouse.writer(&table, month, &batch.schema(), &[])?;
            writer.add(batch)?;
            place(writer.finish(&[])?)?;
        }
        let arrived = under_way.into_iter().map(|(table, thread)| {
            let placed = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok((table, placed?))
        });
        Ok((arrived.collect::<Result<BTreeMap<_, _>, RunError>>()?, result.reports))
    });
    let (files, reports) = files?;
    Ok(MadeMonth { month, inputs, files, reports })
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

/// Brings out what is due by the release calendar, in the words of a report. A fault here does not keep a run from its
/// work.
fn bring_out(project: &Project, now: DateTime<Utc>) -> RunReport {
    let done = publication::close(project).and_then(|()| publication::bring_out(project, now));
    match done {
        Ok(gate) => RunReport {
            went_out: gate
                .out
                .iter()
                .map(|line| format!("{} is out: release {}", line.name, line.release))
                .collect(),
            gaps: gate.waiting,
            ..RunReport::default()
        },
        Err(error) => {
            warn!("what is due by the release calendar cannot go out: {error}");
            let gap = format!("calendar: what is due cannot go out: {error}");
            RunReport { gaps: vec![gap], ..RunReport::default() }
        }
    }
}

fn stopped(stop: &CancellationToken) -> Result<(), RunError> {
    if stop.is_cancelled() { Err(RunError::Stopped) } else { Ok(()) }
}

/// Adds to the reports which months are only partly there.
pub(crate) fn mark_partial(project: &Project, reports: &mut Reports) {
    let of = |feed: &str| {
        let feed = &project.feeds.get(feed)?.config;
        Some((feed, &project.contracts.get(&feed.contract)?.config))
    };
    for months in reports.values_mut() {
        crate::normalise::drift::mark_partial(months, &of);
    }
}

/// Whether a month must be made anew: the file that the log has was made from something else. So it is when that of a
/// summary was, as after a run that was killed between the two commits and whose cause was then taken back.
#[must_use]
pub fn is_stale(job: &MonthJob, before: &Snapshot, summaries: &[Snapshot]) -> bool {
    let inputs = job.inputs_digest();
    let made_of_other =
        |table: &Snapshot| table.months.get(&job.month).is_none_or(|file| file.inputs() != inputs);
    made_of_other(before) || summaries.iter().any(made_of_other)
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

fn feed_ages(states: &[FeedState], now: DateTime<Utc>) -> Vec<(String, f64)> {
    let age = |state: &FeedState| {
        let (latest, _) = state.slots.keys().max()?;
        Some((state.feed.id.clone(), age_days(*latest, now)))
    };
    states.iter().filter_map(age).collect()
}

/// Days since the end of a month.
fn age_days(month: Month, now: DateTime<Utc>) -> f64 {
    let ended = month.plus(1).first_day().and_time(chrono::NaiveTime::MIN).and_utc();
    (now - ended).num_seconds() as f64 / 86_400.0
}
