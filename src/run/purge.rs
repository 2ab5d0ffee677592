//! Erasing what may not be kept any longer, so that no release that was made changes and the next one says the same.
//!
//! In this order: what measures counted is put aside, the erasure is recorded, the months are made anew without the rows,
//! the files that held them are removed. Broken off anywhere, the next purge finishes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use tokio_util::sync::CancellationToken;

use super::{Run, RunError, Standings, look};
use crate::assess::{Coverage, without_contributors};
use crate::check::{Checked, check};
use crate::config::Project;
use crate::engine::{Engine, quarantine_table};
use crate::erasure::{Erased, Erasure, Erasures, bytes_erased};
use crate::feed::{self, FeedState};
use crate::landing::{Delivery, Landing};
use crate::lock::Lock;
use crate::measure::{self, Supply};
use crate::normalise::split::Parts;
use crate::normalise::{DeliveryReport, DeliveryStatus};
use crate::period::Month;
use crate::progress::Progress;
use crate::release::tables::Reports;
use crate::retained::{self, Retained};
use crate::retention::{self, Due, Purged, PurgedFile};
use crate::signoff::SignOffs;
use crate::warehouse::Snapshot;

/// Enforces the retention rules of the project in `root` at the moment `now`; `by` is the role of whoever has it done.
/// With `dry_run` nothing is touched.
///
/// # Errors
/// A project with problems, another run, or a warehouse that cannot be read or written.
pub async fn purge(
    root: &Path,
    now: DateTime<Utc>,
    by: &str,
    dry_run: bool,
    progress: &Progress,
) -> Result<Purged, RunError> {
    let checked = check(root).await.map_err(RunError::Invalid)?;
    let project = checked.project.clone();
    let place = project.warehouse();
    let mut lock = if dry_run { None } else { Some(Lock::take(&place)?) };
    if let Some(lock) = &mut lock {
        lock.sign(&now.format("%Y-%m-%d %H:%M:%S UTC").to_string())?;
    }
    let run = Run::open(project, place, now, progress)?;
    run.purge(&checked, by, dry_run).await
}

/// The datasets as they are.
struct Held {
    snapshots: BTreeMap<String, Snapshot>,
    reports: Reports,
}

impl Run<'_> {
    async fn purge(&self, checked: &Checked, by: &str, dry_run: bool) -> Result<Purged, RunError> {
        let landing = Landing::open(&self.place).map_err(RunError::Landing)?;
        let mut erasures = Erasures::open(&self.place).map_err(RunError::Landing)?;
        let mut due = retention::due(&self.project, &landing, &erasures, self.as_of);
        let (_, states, standings) = look(checked, self.now).await?;
        let (of_many, staying) = due_of_many(&self.project, &standings, self.as_of);
        due.extend(of_many);
        let held = self.held(checked).await?;
        let mut purged = Purged { dry_run, notes: staying, ..Purged::default() };
        let mut retained = Retained::open(&self.place).map_err(RunError::Landing)?;
        if !due.is_empty() {
            let uncounted = self.put_aside(checked, &states, &due, &held, &mut retained).await?;
            purged.notes.extend(uncounted);
        }
        let lines: Vec<Erasure> = due.iter().map(|one| self.line(one, by, &held.reports)).collect();
        tell(&mut purged, &due, &lines);
        let unknown = landing.all().iter().filter(|d| !self.project.feeds.contains_key(&d.feed)).count();
        if unknown > 0 {
            purged.notes.push(format!(
                "{unknown} deliveries belong to feeds that the project no longer has; no rule says how long they are kept"
            ));
        }
        let is_erased = |d: &Delivery| bytes_erased(erasures.lines().iter().chain(&lines), d);
        for sha256 in retention::unreferenced(&landing, is_erased) {
            if let Some(bytes) = landing.object_bytes(sha256) {
                purged.objects += 1;
                purged.object_bytes += bytes;
            }
        }
        let shared = landing.all().iter().filter(|d| is_erased(d) && d.reference.is_none());
        let gone = retention::unreferenced(&landing, is_erased);
        let shared: BTreeSet<&str> =
            shared.map(|d| d.sha256.as_str()).filter(|sha256| !gone.contains(sha256)).collect();
        if !shared.is_empty() {
            purged.notes.push(format!(
                "{} landed files stay: deliveries that may still be kept are in the same archive",
                shared.len()
            ));
        }
        if dry_run {
            return Ok(purged);
        }
        if !due.is_empty() {
            retained.write(&self.place).map_err(RunError::Landing)?;
            erasures.append(lines).map_err(RunError::Landing)?;
        }
        if erasures.lines().is_empty() {
            return Ok(purged);
        }
        self.remove(checked, landing, &erasures, &mut purged).await?;
        Ok(purged)
    }

    async fn held(&self, checked: &Checked) -> Result<Held, RunError> {
        let mut held = Held { snapshots: BTreeMap::new(), reports: Reports::new() };
        for dataset in checked.datasets.values() {
            let snapshot = self.warehouse.snapshot(&dataset.id).await?;
            held.reports.insert(dataset.id.clone(), self.warehouse.reports(&snapshot).await?);
            held.snapshots.insert(dataset.id.clone(), snapshot);
            let mut names = vec![quarantine_table(&dataset.id)];
            names.extend(dataset.summaries.iter().map(|summary| summary.id.clone()));
            for name in names {
                held.snapshots.insert(name.clone(), self.warehouse.snapshot(&name).await?);
            }
        }
        Ok(held)
    }

    /// Counts every measure in the months that are due, while their rows are there. Gives a line for each measure whose
    /// figures will be lost, as it cannot be counted.
    async fn put_aside(
        &self,
        checked: &Checked,
        states: &[FeedState],
        due: &[Due<'_>],
        held: &Held,
        retained: &mut Retained,
    ) -> Result<Vec<String>, RunError> {
        let dataset_of = |state: &FeedState| {
            self.project.contracts.get(&state.feed.contract).map(|contract| contract.config.dataset.as_str())
        };
        let deliveries = crate::release::tables::feed_delivery(states, &held.reports, &dataset_of)?;
        let stored = Some((&self.warehouse, &held.snapshots));
        let (engine, _) =
            Engine::new(&self.project, &checked.datasets, &checked.lookups, stored, Some(deliveries), false)
                .await?;
        let before = retained.clone();
        let sign_offs = SignOffs::default(); // what is counted is put aside, not what is published
        let supply = Supply {
            retained: &before,
            sign_offs: &sign_offs,
            project: &self.project,
            feeds: states.iter().map(|state| (state.feed.id.as_str(), state)).collect(),
            reports: &held.reports,
            areas: &checked.areas,
            as_of: self.as_of,
        };
        let mut lost = Vec::new();
        for (id, (planned, areas)) in &checked.measures {
            let Some(file) = self.project.measures.get(id) else { continue };
            let of_rows = due.iter().filter(|one| one.what != Erased::Bytes);
            let concerned: Vec<&Due<'_>> =
                of_rows.filter(|one| planned.datasets.contains(one.dataset)).collect();
            if concerned.is_empty() {
                continue;
            }
            let counted = engine.run_in_order(file.sql()).await;
            let monthly = match measure::counts(counted, file, planned, areas, &supply) {
                Ok(monthly) => monthly,
                Err(why) => {
                    lost.push(format!(
                        "measure `{id}` cannot be counted, so its figures of these months are lost: {why}"
                    ));
                    continue;
                }
            };
            if monthly.told.is_some() {
                // A figure of a whole period cannot be kept by its months.
                lost.push(format!(
                    "measure `{id}` counts whole periods, so its figures of periods with these months are lost"
                ));
                continue;
            }
            let definition = retained::definition(&self.project, file, planned);
            for area in areas {
                let covers =
                    |one: &&&Due<'_>| one.feed.covers.iter().any(|whole| checked.areas.lies_in(area, whole));
                let months: BTreeSet<Month> = concerned.iter().filter(covers).map(|one| one.month).collect();
                for month in months {
                    let delivered = monthly.coverage.get(area).and_then(|months| months.get(&month));
                    if supply.is_erased(&planned.datasets, area, month)
                        || !matches!(delivered, Some(Coverage::Delivered { .. }))
                    {
                        continue;
                    }
                    let counts = monthly.counts.iter().filter(|((found, _), _)| found == area);
                    let counts = counts.filter_map(|((_, breakdown), series)| {
                        Some((breakdown.clone(), without_contributors(&file.config, *series.get(&month)?)))
                    });
                    retained.keep(id, &definition, area, month, counts.collect());
                }
            }
        }
        Ok(lost)
    }

    /// What the record says of one file of a month.
    fn line(&self, one: &Due<'_>, by: &str, reports: &Reports) -> Erasure {
        let note = format!("erased on {} under agreement `{}`: {}", self.as_of, one.agreement, one.rule);
        let found = reports.get(one.dataset).and_then(|months| months.get(&one.month)).into_iter().flatten();
        let mut reports: Vec<DeliveryReport> = found
            .filter(|report| report.delivery.feed == one.feed.id && report.delivery.file == one.file)
            .filter(|_| one.what != Erased::Bytes)
            .cloned()
            .collect();
        if one.what == Erased::File
            && let (true, Some(latest)) = (reports.is_empty(), one.deliveries.last())
        {
            // It was landed and never read, as when every run since was broken off.
            reports.push(DeliveryReport::new(latest.clone(), DeliveryStatus::Refused, String::new()));
        }
        for report in &mut reports {
            // A note may quote the delivery.
            report.note.clone_from(&note);
            report.erased = Some(self.as_of);
        }
        let deliveries: BTreeSet<&str> = one.deliveries.iter().map(|d| d.sha256.as_str()).collect();
        Erasure {
            number: 0,
            at: self.now,
            by: by.to_owned(),
            why: one.rule.clone(),
            agreement: one.agreement.to_owned(),
            reference: one.reference.to_owned(),
            what: one.what,
            feed: one.feed.id.clone(),
            dataset: one.dataset.to_owned(),
            period: one.month,
            file: one.file.clone(),
            deliveries: deliveries.into_iter().map(str::to_owned).collect(),
            reports,
            previous: String::new(),
        }
    }

    /// Makes the months anew without the rows, and removes every file that held them.
    async fn remove(
        &self,
        checked: &Checked,
        landing: Landing,
        erasures: &Erasures,
        purged: &mut Purged,
    ) -> Result<(), RunError> {
        landing.remove_leftovers().map_err(RunError::Landing)?;
        self.warehouse.remove_leftovers().map_err(RunError::Landing)?;
        let (mut states, _) =
            feed::foresee(&self.project, &landing, self.as_of).map_err(RunError::Landing)?;
        let of_rows = erasures.lines().iter().filter(|line| line.what != Erased::Bytes);
        let months: BTreeSet<(String, Month)> =
            of_rows.map(|line| (line.dataset.clone(), line.period)).collect();
        let again = Arc::new(Landing::open(&self.place).map_err(RunError::Landing)?);
        let parts = Parts::open(&self.place);
        let standings = Standings::settle(checked, &again, &mut states, self.as_of, parts).await?;
        let stop = CancellationToken::new();
        self.store(checked, &again, &states, (&standings, Some(&months)), &stop).await?;
        for dataset in checked.datasets.values() {
            let mut tables = vec![dataset.id.clone(), quarantine_table(&dataset.id)];
            tables.extend(dataset.summaries.iter().map(|summary| summary.id.clone()));
            for table in tables {
                let snapshot = self.warehouse.snapshot(&table).await?;
                for (_, month) in months.iter().filter(|(name, _)| *name == dataset.id) {
                    let (files, bytes) = self.warehouse.erase_replaced(&snapshot, *month).await?;
                    purged.dataset_files += files;
                    purged.dataset_bytes += bytes;
                }
            }
        }
        for sha256 in retention::unreferenced(&landing, |d: &Delivery| erasures.has_bytes_of(d)) {
            landing.remove_object(sha256).map_err(RunError::Landing)?;
        }
        landing.remove_parts().map_err(RunError::Landing)
    }
}

/// What is due of feeds that bring many months at once, and a line for each edition that stays though it holds rows that
/// may not be kept.
pub(crate) fn due_of_many<'a>(
    project: &'a Project,
    standings: &Standings,
    as_of: NaiveDate,
) -> (Vec<Due<'a>>, Vec<String>) {
    let (mut due, mut staying) = (Vec::new(), Vec::new());
    for feed in project.feeds.values().map(|feed| &feed.config) {
        let rule = project.agreement_of(feed).and_then(|agreement| agreement.retention);
        let Some(past) = rule.and_then(|rule| standings.past_of(&feed.id, rule, as_of)) else { continue };
        for (delivery, rows) in &past.staying {
            let received = delivery.received.with_timezone(&chrono_tz::Europe::London).date_naive();
            staying.push(format!(
                "feed `{}`: {} of {received} stays as received and holds {rows} rows that may not be kept, in no dataset: it \
                 goes when a later delivery stands in its place",
                feed.id, delivery.file
            ));
        }
        due.extend(retention::due_of_many(project, feed, past.months, past.editions));
    }
    (due, staying)
}

/// Counts what is due.
fn tell(purged: &mut Purged, due: &[Due<'_>], lines: &[Erasure]) {
    let of_rows = due.iter().filter(|one| one.what != Erased::Bytes);
    let months: BTreeSet<(&str, Month)> = of_rows.map(|one| (one.dataset, one.month)).collect();
    purged.months = months.len();
    let mut partners: BTreeMap<&str, usize> = BTreeMap::new();
    for (one, line) in due.iter().zip(lines) {
        let accepted = line.reports.iter().filter(|report| report.status == DeliveryStatus::Accepted);
        let rows = accepted.map(|report| report.accepted).sum();
        let quarantined = line.reports.iter().map(|report| report.quarantined).sum();
        purged.rows += rows;
        purged.quarantined += quarantined;
        purged.erased.push(PurgedFile {
            feed: one.feed.id.clone(),
            month: one.month,
            file: one.file.clone(),
            agreement: one.agreement.to_owned(),
            rule: one.rule.clone(),
            last_day: one.last_day,
            rows,
            quarantined,
        });
        if one.deliveries.iter().any(|delivery| delivery.reference.is_some()) {
            *partners.entry(&one.feed.id).or_default() += 1;
        }
    }
    for (feed, files) in partners {
        purged.notes.push(format!(
            "feed `{feed}`: {files} files lie in the partner's own folder and are not ours to remove"
        ));
    }
}
