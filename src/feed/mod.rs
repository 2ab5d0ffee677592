//! Fetching deliveries; the bytes stay as the partner sent them. One feed's fault is that feed's: it is reported, and
//! what was landed before stays.

mod address;
pub mod draft;
mod folder;
pub mod http;
mod probe;
mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::config::Project;
use crate::config::settings::{FeedConfig, GapConfig};
use crate::erasure::Erasure;
use crate::landing::{Delivery, Landing};
use crate::period::Month;
pub use probe::{Probed, probe};
use terms::Terms;

/// What a run knows of a feed once it has been asked.
#[derive(Debug, Clone)]
pub struct FeedState {
    /// The feed.
    pub feed: Arc<FeedConfig>,
    /// The deliveries of each slot that stand now, the latest first.
    pub slots: BTreeMap<(Month, String), Vec<Delivery>>,
    /// Months that are expected and for which nothing stands, each with the reason in words.
    pub missing: BTreeMap<Month, String>,
    /// Deliveries that this run landed.
    pub landed: usize,
    /// What went wrong in this run, in words; empty when nothing did.
    pub faults: Vec<String>,
    /// Why its agreement stops it: it is not asked, and nothing of it is used. `None` when it does not.
    pub stopped: Option<String>,
    /// Months without a delivery that it may not be asked for, as their rows could not be kept.
    pub beyond_retention: BTreeSet<Month>,
    /// Slots whose rows were erased; their deliveries stand in `slots`, their contents are gone.
    pub erased: BTreeMap<(Month, String), Erasure>,
}

/// Why nothing stands for an expected month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The partner did not send it.
    NotSupplied,
    /// It is known not to come.
    KnownGap,
    /// The agreement of the feed has not begun or has expired.
    Stopped,
    /// Its rows could not be kept any more, so it is not asked for.
    BeyondRetention,
}

impl Absence {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotSupplied => "not_supplied",
            Self::KnownGap => "known_gap",
            Self::Stopped => "stopped",
            Self::BeyondRetention => "beyond_retention",
        }
    }
}

impl FeedState {
    /// Why nothing stands for one of the missing months.
    #[must_use]
    pub fn absence(&self, month: Month) -> Absence {
        if gap_at(&self.feed, month).is_some() {
            Absence::KnownGap
        } else if self.stopped.is_some() {
            Absence::Stopped
        } else if self.beyond_retention.contains(&month) {
            Absence::BeyondRetention
        } else {
            Absence::NotSupplied
        }
    }

    /// The months that the partner owes: expected, and missing for no reason that is known.
    #[must_use]
    pub fn owed(&self) -> Vec<Month> {
        self.missing.keys().copied().filter(|month| self.absence(*month) == Absence::NotSupplied).collect()
    }

    /// The state of a feed that its agreement stops: no delivery stands, and every month tells why.
    fn stopped(feed: Arc<FeedConfig>, landing: &Landing, expected: &[Month], terms: &Terms) -> Self {
        let why = terms.stopped.clone().unwrap_or_default();
        let held = landing.of_feed(&feed.id).map(|delivery| delivery.period);
        let held = held.filter(|month| *month >= feed.from && feed.to.is_none_or(|to| *month <= to));
        let months: BTreeSet<Month> = expected.iter().copied().chain(held).collect();
        let reason = |month| gap_at(&feed, month).map_or_else(|| why.clone(), |gap| gap.reason.clone());
        let missing = months.into_iter().map(|month| (month, reason(month))).collect();
        Self {
            slots: BTreeMap::new(),
            missing,
            landed: 0,
            faults: Vec::new(),
            stopped: terms.stopped.clone(),
            beyond_retention: BTreeSet::new(),
            erased: BTreeMap::new(),
            feed,
        }
    }
}

/// The months for which a feed is expected to have delivered by a day.
#[must_use]
pub fn expected_months(feed: &FeedConfig, as_of: NaiveDate) -> Vec<Month> {
    let delay = i32::try_from(feed.published_after_months).unwrap_or(i32::MAX);
    let newest = Month::containing(as_of).plus(-delay.min(1200));
    let last = feed.to.map_or(newest, |to| to.min(newest));
    feed.from.through(last).collect()
}

/// The known gap in which a month lies.
#[must_use]
pub fn gap_at(feed: &FeedConfig, month: Month) -> Option<&GapConfig> {
    feed.gap.iter().find(|gap| gap.from <= month && gap.to.is_none_or(|to| month <= to))
}

/// Asks every feed for what it lacks, all feeds at once, and lands what comes.
///
/// `now` is the time that deliveries are stamped with. A feed that fails keeps what it has.
///
/// # Errors
/// Only what the landing itself reports: without it nothing can be kept.
pub async fn land_all(
    project: &Project,
    landing: Landing,
    now: DateTime<Utc>,
) -> io::Result<(Landing, Vec<FeedState>)> {
    let as_of = now.with_timezone(&chrono_tz::Europe::London).date_naive();
    let landing = Arc::new(Mutex::new(landing));
    let feeds: Vec<Arc<FeedConfig>> =
        project.feeds.values().map(|feed| Arc::new(feed.config.clone())).collect();
    let addresses = Arc::new(address::Addresses::default());
    let mut terms = Terms::of_all(project, as_of)?;
    let asked = feeds.iter().map(|feed| {
        let visit = Visit {
            project,
            feed: Arc::clone(feed),
            landing: Arc::clone(&landing),
            addresses: Arc::clone(&addresses),
            terms: terms.remove(&feed.id).unwrap_or_default(),
            now,
            as_of,
        };
        visit.ask()
    });
    let states = futures::future::join_all(asked).await.into_iter().collect::<io::Result<Vec<_>>>()?;
    let landing = Arc::try_unwrap(landing).map_err(|_| io::Error::other("the landing is still in use"))?;
    Ok((landing.into_inner(), states))
}

/// A feed that would be asked: its id, why, and for which months.
pub type Pending = (String, String, Vec<Month>);

/// The state of every feed from what is landed, and what a run would ask for. Nobody is asked and nothing is landed.
///
/// # Errors
/// What reading the landing reports.
pub fn foresee(
    project: &Project,
    landing: &Landing,
    as_of: NaiveDate,
) -> io::Result<(Vec<FeedState>, Vec<Pending>)> {
    let mut states = Vec::new();
    let mut pending = Vec::new();
    let mut all_terms = Terms::of_all(project, as_of)?;
    for feed in project.feeds.values() {
        let feed = Arc::new(feed.config.clone());
        let expected = expected_months(&feed, as_of);
        let terms = all_terms.remove(&feed.id).unwrap_or_default();
        if terms.stopped.is_some() {
            states.push(FeedState::stopped(feed, landing, &expected, &terms));
            continue;
        }
        let open: Vec<Month> =
            expected.iter().copied().filter(|month| terms.closed(*month).is_none()).collect();
        let (place, synthetic) = place(project, &feed);
        let mut slots = landed_slots(landing, &feed, synthetic);
        let (new, changed) = match &place {
            Place::Address { .. } => {
                let wanted = wanted(landing, &feed, &open, synthetic);
                let (again, new): (Vec<Month>, Vec<Month>) =
                    wanted.into_iter().partition(|month| slots.keys().any(|(found, _)| found == month));
                if !again.is_empty() {
                    let why = "delivered before, asked again in case it was restated".to_owned();
                    pending.push((feed.id.clone(), why, again));
                }
                (new, Vec::new())
            }
            Place::Files { pattern } => folder::foresee(project, landing, &feed, pattern, synthetic),
            Place::Mirror { folder, rest } => {
                folder::foresee_mirror(project, landing, &feed, folder, rest, &open, synthetic)
            }
        };
        let still_open = |months: Vec<Month>| -> Vec<Month> {
            months.into_iter().filter(|month| terms.closed(*month).is_none()).collect()
        };
        let (new, changed) = (still_open(new), still_open(changed));
        if feed.landing == crate::config::settings::LandingMode::Reference {
            slots.retain(|slot, deliveries| {
                let erased = terms.erased.contains_key(slot);
                deliveries.retain(|d| erased || d.reference.as_ref().is_some_and(|path| path.is_file()));
                !deliveries.is_empty()
            });
        }
        for (why, months) in [("not delivered yet", new), ("the file changed", changed)] {
            if !months.is_empty() {
                pending.push((feed.id.clone(), why.to_owned(), months));
            }
        }
        let absent: Vec<Month> =
            expected.into_iter().filter(|month| !slots.keys().any(|(found, _)| found == month)).collect();
        let beyond_retention = terms.beyond(&absent);
        let missing = absent
            .into_iter()
            .map(|month| {
                let reason = match (gap_at(&feed, month), terms.closed(month)) {
                    (Some(gap), _) => gap.reason.clone(),
                    (None, Some(why)) => why,
                    (None, None) => "not supplied".to_owned(),
                };
                (month, reason)
            })
            .collect();
        states.push(FeedState {
            feed,
            slots,
            missing,
            landed: 0,
            faults: Vec::new(),
            stopped: None,
            beyond_retention,
            erased: terms.erased,
        });
    }
    Ok((states, pending))
}

/// The deliveries of each slot of a feed that stand, the latest first.
fn landed_slots(
    landing: &Landing,
    feed: &FeedConfig,
    synthetic: bool,
) -> BTreeMap<(Month, String), Vec<Delivery>> {
    let mut slots: BTreeMap<(Month, String), Vec<Delivery>> = landing
        .slots(&feed.id)
        .into_iter()
        .filter(|((month, _), _)| *month >= feed.from && feed.to.is_none_or(|to| *month <= to))
        .map(|(slot, deliveries)| (slot, deliveries.into_iter().cloned().collect()))
        .collect();
    // What the simulator made goes when the feed is real, and the other way round.
    slots.retain(|_, deliveries| {
        deliveries.retain(|delivery| delivery.synthetic == synthetic);
        !deliveries.is_empty()
    });
    slots
}

/// Months of `expected` that are still wanted from an address: those without a delivery, and the latest few again.
fn wanted(landing: &Landing, feed: &FeedConfig, expected: &[Month], synthetic: bool) -> Vec<Month> {
    let mut have: Vec<Month> = landing
        .of_feed(&feed.id)
        .filter(|delivery| delivery.synthetic == synthetic)
        .map(|delivery| delivery.period)
        .collect();
    have.sort_unstable();
    have.dedup();
    let again = have.len().saturating_sub(feed.recheck_months as usize);
    let again: Vec<Month> = have.iter().skip(again).copied().collect();
    expected
        .iter()
        .copied()
        .filter(|month| gap_at(feed, *month).is_none())
        .filter(|month| !have.contains(month) || again.contains(month))
        .collect()
}

/// Where a feed's deliveries really come from, once the mirrors are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// A path with `{period}`, `{names}` and `*`, below the project or absolute.
    Files { pattern: String },
    /// A folder that stands in for an address; one file a month.
    Mirror { folder: PathBuf, rest: String },
    /// An address with `{period}`.
    Address { template: String },
}

fn place(project: &Project, feed: &FeedConfig) -> (Place, bool) {
    for mirror in &project.settings.mirror {
        let Some(rest) = feed.source.strip_prefix(&mirror.prefix) else { continue };
        let place = match (&mirror.folder, &mirror.address) {
            (Some(folder), _) => Place::Mirror { folder: project.root.join(folder), rest: rest.to_owned() },
            (None, Some(address)) => Place::Address { template: format!("{address}{rest}") },
            (None, None) => continue,
        };
        return (place, mirror.synthetic);
    }
    let place = if feed.source.contains("://") {
        Place::Address { template: feed.source.clone() }
    } else {
        let pattern = if Path::new(&feed.source).is_absolute() {
            feed.source.clone()
        } else {
            format!("{}/{}", project.root.display(), feed.source)
        };
        Place::Files { pattern }
    };
    (place, false)
}

/// One feed being asked.
struct Visit<'a> {
    project: &'a Project,
    feed: Arc<FeedConfig>,
    landing: Arc<Mutex<Landing>>,
    addresses: Arc<address::Addresses>,
    terms: Terms,
    now: DateTime<Utc>,
    as_of: NaiveDate,
}

/// What asking one feed brought.
#[derive(Debug, Default)]
struct Haul {
    deliveries: Vec<Delivery>,
    /// For a folder that is itself the archive: the files that are there now.
    present: Option<Vec<(Month, String, String)>>,
    faults: BTreeMap<Month, String>,
    /// Months for which the publisher says that it has nothing.
    absent: Vec<Month>,
    /// Faults that concern no month.
    general: Vec<String>,
}

impl Visit<'_> {
    async fn ask(self) -> io::Result<FeedState> {
        let expected = expected_months(&self.feed, self.as_of);
        if let Some(why) = &self.terms.stopped {
            warn!(feed.id = %self.feed.id, "feed `{}` is not asked: {why}", self.feed.id);
            let landing = self.landing.lock().await;
            return Ok(FeedState::stopped(Arc::clone(&self.feed), &landing, &expected, &self.terms));
        }
        let open: Vec<Month> =
            expected.iter().copied().filter(|month| self.terms.closed(*month).is_none()).collect();
        let (place, synthetic) = place(self.project, &self.feed);
        let haul = match &place {
            Place::Files { pattern } => folder::look(&self, pattern, synthetic).await,
            Place::Mirror { folder, rest } => {
                folder::look_in_mirror(&self, folder, rest, &open, synthetic).await
            }
            Place::Address { template } => address::fetch(&self, template, &open, synthetic).await,
        };
        let landed = haul.deliveries.len();
        let mut landing = self.landing.lock().await;
        landing.record(haul.deliveries)?;
        let mut slots = landed_slots(&landing, &self.feed, synthetic);
        drop(landing);
        if let Some(present) = haul.present {
            slots.retain(|(month, file), deliveries| {
                // A closed month was not looked for; its rows go with the next purge, not before.
                let closed = self.terms.closed(*month).is_some();
                deliveries.retain(|delivery| {
                    closed
                        || present
                            .iter()
                            .any(|(m, f, digest)| m == month && f == file && *digest == delivery.sha256)
                });
                !deliveries.is_empty()
            });
        }
        let mut missing = BTreeMap::new();
        let mut beyond_retention = BTreeSet::new();
        for month in expected {
            if slots.keys().any(|(found, _)| *found == month) {
                continue;
            }
            let closed = self.terms.closed(month).inspect(|_| {
                beyond_retention.insert(month);
            });
            let reason = match (gap_at(&self.feed, month), closed.as_ref().or(haul.faults.get(&month))) {
                (Some(gap), _) => gap.reason.clone(),
                (None, Some(fault)) => fault.clone(),
                (None, None) if haul.absent.contains(&month) => "the publisher has nothing for it".to_owned(),
                (None, None) => "not supplied".to_owned(),
            };
            missing.insert(month, reason);
        }
        let mut faults = haul.general;
        faults.extend(haul.faults.iter().map(|(month, fault)| format!("{month}: {fault}")));
        for fault in &faults {
            warn!(feed.id = %self.feed.id, "feed `{}`: {fault}", self.feed.id);
        }
        if landed > 0 {
            info!(feed.id = %self.feed.id, "feed `{}` landed {landed} deliveries", self.feed.id);
        }
        Ok(FeedState {
            feed: self.feed,
            slots,
            missing,
            landed,
            faults,
            stopped: None,
            beyond_retention,
            erased: self.terms.erased,
        })
    }
}

fn with_period(template: &str, month: Month) -> String {
    template.replace("{period}", &month.to_string())
}
