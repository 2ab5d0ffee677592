//! What a run would do now, and why, without asking anybody or writing anything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::check::{Checked, check};
use crate::engine::quarantine_table;
use crate::feed::{self, FeedState};
use crate::landing::Landing;
use crate::measure::Supply;
use crate::normalise::DeliveryReport;
use crate::normalise::month::{MonthJob, Slot};
use crate::normalise::split::Parts;
use crate::period::Month;
use crate::release::Published;
use crate::release::tables::Reports;
use crate::retained::Retained;
use crate::run::{
    Fingerprints, RunError, Standings, Stored, UnusualDeliveries, is_stale, mark_partial, open_warehouse,
    spans,
};
use crate::signoff::SignOffs;

/// One thing that a run would do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Step {
    /// `fetch`, `rebuild`, `drop`, `compute` or `release`.
    pub action: &'static str,
    /// The feed, dataset, measure or table.
    pub what: String,
    /// The months that are concerned; empty where it is not about months.
    pub months: String,
    /// Why.
    pub why: String,
}

/// Everything that a run of the project would do at the moment `now`.
///
/// # Errors
/// A project with problems; a warehouse that cannot be read.
pub async fn plan(root: &Path, now: DateTime<Utc>) -> Result<Vec<Step>, RunError> {
    let checked = check(root).await.map_err(RunError::Invalid)?;
    let project = &checked.project;
    let as_of = now.with_timezone(&chrono_tz::Europe::London).date_naive();
    let landing = Landing::open(&project.warehouse()).map_err(RunError::Landing)?;
    let mut steps = Vec::new();
    let (mut states, pending) = feed::foresee(project, &landing, as_of).map_err(RunError::Landing)?;
    let parts = Parts::look(&project.warehouse()).map_err(RunError::Landing)?;
    let standings = Standings::settle(&checked, &Arc::new(landing), &mut states, as_of, parts).await?;
    for (feed, why, months) in &pending {
        steps.push(Step { action: "fetch", what: feed.clone(), months: spans(months), why: why.clone() });
    }
    let fetching: BTreeSet<&str> = pending.iter().map(|(feed, _, _)| feed.as_str()).collect();
    let (stored, mut changing) = datasets(&checked, &states, &standings, &mut steps).await?;
    for feed in project.feeds.values().filter(|feed| fetching.contains(feed.config.id.as_str())) {
        changing.extend(project.contracts.get(&feed.config.contract).map(|c| c.config.dataset.clone()));
    }
    let retained = Retained::open(&project.warehouse()).map_err(RunError::Landing)?;
    let sign_offs = SignOffs::open(&project.warehouse(), None).map_err(RunError::SignOff)?;
    let supply = Supply {
        retained: &retained,
        sign_offs: &sign_offs,
        project,
        feeds: states.iter().map(|state| (state.feed.id.as_str(), state)).collect(),
        reports: &stored.reports,
        areas: &checked.areas,
        as_of,
    };
    let now_prints = Fingerprints::new(&checked, &stored, &states, &supply);
    let manifest = Published::in_warehouse(&project.warehouse()).manifest()?;
    let before = manifest.clone().unwrap_or_default();
    let why = |id: &str,
               datasets: &BTreeSet<String>,
               now: &BTreeMap<String, String>,
               old: &BTreeMap<String, String>| {
        let read: Vec<&str> = datasets.intersection(&changing).map(String::as_str).collect();
        if !old.contains_key(id) {
            Some("it is in no release yet".to_owned())
        } else if before.program != env!("CARGO_PKG_VERSION") {
            Some("the program's version changed".to_owned())
        } else if !read.is_empty() {
            Some(format!("it reads {}", read.join(", ")))
        } else if old.get(id) != now.get(id) {
            Some("its SQL, a look-up that it reads, or the deliveries that are expected changed".to_owned())
        } else {
            None
        }
    };
    for (id, (planned, _)) in &checked.measures {
        if let Some(why) = why(id, &planned.datasets, &now_prints.measures, &before.measures) {
            steps.push(Step { action: "compute", what: id.clone(), months: String::new(), why });
        }
    }
    for (id, planned) in &checked.tables {
        if let Some(why) = why(id, &planned.datasets, &now_prints.tables, &before.own_tables) {
            steps.push(Step { action: "compute", what: id.clone(), months: String::new(), why });
        }
    }
    if manifest.is_none() || !steps.is_empty() || before.project != project.digest {
        let why = match &manifest {
            None => "there is none yet",
            Some(_) if !steps.is_empty() => "what it follows from changes",
            Some(_) => "the project's files changed",
        };
        let what = manifest.map_or_else(|| "the first".to_owned(), |m| format!("after {}", m.release));
        steps.push(Step { action: "release", what, months: String::new(), why: why.to_owned() });
    }
    Ok(steps)
}

/// The datasets as they are stored, and the names of those that would change.
async fn datasets(
    checked: &Checked,
    states: &[FeedState],
    standings: &Standings,
    steps: &mut Vec<Step>,
) -> Result<(Stored, BTreeSet<String>), RunError> {
    let warehouse = open_warehouse(&checked.project)?;
    let mut changing = BTreeSet::new();
    let mut stored = Stored {
        snapshots: BTreeMap::new(),
        reports: Reports::new(),
        months_made: 0,
        rows_read: 0,
        rows_quarantined: 0,
        restated: Vec::new(),
    };
    for dataset in checked.datasets.values() {
        let before = warehouse.snapshot(&dataset.id).await?;
        let told = warehouse.reports(&before).await?;
        let jobs = standings.month_jobs(dataset, states, &UnusualDeliveries::new());
        let unusual = Standings::unusual(&jobs, &told);
        let jobs = standings.month_jobs(dataset, states, &unusual);
        let wanted: BTreeSet<Month> = jobs.iter().map(|job| job.month).collect();
        let mut summaries = Vec::new();
        for summary in &dataset.summaries {
            summaries.push(warehouse.snapshot(&summary.id).await?);
        }
        let mut new = Vec::new();
        let (mut restated, mut changed) = (Vec::new(), Vec::new());
        for job in jobs.iter().filter(|job| is_stale(job, &before, &summaries)) {
            if !before.months.contains_key(&job.month) {
                new.push(job.month);
            } else if is_told_anew(job, told.get(&job.month).map(Vec::as_slice).unwrap_or_default()) {
                restated.push(job.month);
            } else {
                changed.push(job.month);
            }
        }
        let dropped: Vec<Month> =
            before.months.keys().copied().filter(|month| !wanted.contains(month)).collect();
        for (action, months, why) in [
            ("rebuild", new, "delivered and not yet in the dataset"),
            ("rebuild", restated, "restated: a later delivery tells the month anew"),
            ("rebuild", changed, "the delivery, its contract or a look-up changed"),
            ("drop", dropped, "no feed supplies it any more"),
        ] {
            if !months.is_empty() {
                changing.insert(dataset.id.clone());
                let months = spans(&months);
                steps.push(Step { action, what: dataset.id.clone(), months, why: why.to_owned() });
            }
        }
        stored.reports.insert(dataset.id.clone(), told);
        stored.snapshots.insert(dataset.id.clone(), before);
        let quarantine = quarantine_table(&dataset.id);
        stored.snapshots.insert(quarantine.clone(), warehouse.snapshot(&quarantine).await?);
        stored.snapshots.extend(summaries.into_iter().map(|summary| (summary.table.clone(), summary)));
    }
    mark_partial(&checked.project, &mut stored.reports);
    Ok((stored, changing))
}

/// Whether a month would be made from other deliveries than those of which the stored one tells.
fn is_told_anew(job: &MonthJob, told: &[DeliveryReport]) -> bool {
    let known = |slot: &Slot| {
        let Some(latest) = slot.deliveries.first() else { return true };
        told.iter().any(|report| {
            report.delivery.feed == latest.feed && report.delivery.content_sha256 == latest.content_sha256
        })
    };
    // A delivery from another file may join those that are there; only a known file's later delivery restates.
    let file = |slot: &Slot| {
        let latest = slot.deliveries.first();
        slot.standing.is_some() || told.iter().any(|r| latest.is_some_and(|l| l.file == r.delivery.file))
    };
    job.slots.iter().any(|slot| !known(slot) && file(slot))
}
