//! Fetching deliveries; the bytes stay as the partner sent them. One feed's fault is that feed's: it is reported, and
//! what was landed before stays.

mod address;
mod arrival;
mod check;
pub mod draft;
mod folder;
pub mod http;
mod net;
mod paging;
mod postgres;
mod probe;
pub mod settings;
mod sftp;
mod store;
mod template;
mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::config::Project;
use crate::config::settings::{DeliveryMode, FeedConfig};
use crate::erasure::Erasure;
use crate::freshness;
pub use crate::freshness::gap_at;
use crate::landing::{Delivery, Landing};
use crate::period::Month;
use crate::secret;
pub use check::missing_secrets;
pub(crate) use check::problems;
pub use probe::{Probed, probe};
use template::fill;
use terms::Terms;

/// What a run knows of a feed once it has been asked.
#[derive(Debug, Clone)]
pub struct FeedState {
    /// The feed.
    pub feed: Arc<FeedConfig>,
    /// The deliveries of each slot that stand now, the latest first.
    pub slots: BTreeMap<(Month, String), Vec<Delivery>>,
    /// For a feed of many months at once: when the deliveries that stand were received, the earliest first.
    pub arrived: Vec<DateTime<Utc>>,
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
            arrived: Vec::new(),
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
    freshness::missed_months(feed, as_of)
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
    let addresses = Arc::new(address::Addresses::of(project));
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
        let terms = all_terms.remove(&feed.id).unwrap_or_default();
        if terms.stopped.is_some() {
            let expected = expected_months(&feed, as_of);
            states.push(FeedState::stopped(feed, landing, &expected, &terms));
            continue;
        }
        let (place, synthetic) = place(project, &feed);
        let asking = Asking::of(project, &feed, &place, as_of).closed_by(&terms);
        let mut slots = landed_slots(landing, &feed, synthetic, (asking.by_month, as_of));
        let (new, changed) = match &place {
            Place::Address { .. } if !asking.by_month => {
                pending.push((feed.id.clone(), "asked once in each run".to_owned(), asking.months.clone()));
                (Vec::new(), Vec::new())
            }
            Place::Address { .. } => {
                let wanted = wanted(landing, &feed, &asking, synthetic);
                let (again, new): (Vec<Month>, Vec<Month>) =
                    wanted.into_iter().partition(|month| slots.keys().any(|(found, _)| found == month));
                if !again.is_empty() {
                    let why = "delivered before, asked again in case it was restated".to_owned();
                    pending.push((feed.id.clone(), why, again));
                }
                (new, Vec::new())
            }
            Place::Files { pattern } => folder::foresee(project, landing, &feed, pattern, &asking, synthetic),
            Place::Mirror { folder, rest } => {
                folder::foresee_mirror(project, landing, &feed, folder, rest, &asking, synthetic)
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
        let absent = asking.missing(&feed, &slots, as_of);
        let absent: Vec<Month> =
            absent.into_iter().filter(|month| !slots.keys().any(|(found, _)| found == month)).collect();
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
        let arrived = arrivals(&feed, &slots);
        states.push(FeedState {
            feed,
            slots,
            arrived,
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
    (by_month, as_of): (bool, NaiveDate),
) -> BTreeMap<(Month, String), Vec<Delivery>> {
    let mut slots: BTreeMap<(Month, String), Vec<Delivery>> = landing
        .slots(&feed.id)
        .into_iter()
        // The month of receipt says nothing of the months that the rows are about. What is about a month that has not begun
        // waits until it has.
        .filter(|((month, _), _)| {
            !by_month
                || *month >= feed.from
                    && feed.to.is_none_or(|to| *month <= to)
                    && *month <= Month::containing(as_of)
        })
        .map(|(slot, deliveries)| (slot, deliveries.into_iter().cloned().collect()))
        .collect();
    // What the simulator made goes when the feed is real, and the other way round.
    slots.retain(|_, deliveries| {
        deliveries.retain(|delivery| delivery.synthetic == synthetic);
        !deliveries.is_empty()
    });
    slots
}

fn arrivals(feed: &FeedConfig, slots: &freshness::Slots) -> Vec<DateTime<Utc>> {
    if feed.mode == DeliveryMode::Month {
        return Vec::new();
    }
    let mut arrived: Vec<DateTime<Utc>> =
        slots.values().flatten().map(|delivery| delivery.received).collect();
    arrived.sort_unstable();
    arrived
}

/// Files of a feed about months that have not begun.
fn ahead(
    landing: &Landing,
    feed: &FeedConfig,
    synthetic: bool,
    as_of: NaiveDate,
) -> BTreeSet<(Month, String)> {
    landing
        .of_feed(&feed.id)
        .filter(|delivery| {
            feed.mode == DeliveryMode::Month
                && delivery.synthetic == synthetic
                && delivery.period > Month::containing(as_of)
        })
        .map(|delivery| (delivery.period, delivery.file.clone()))
        .collect()
}

/// Months that are still wanted from an address: those without a delivery, and the latest few again. A feed that is asked
/// once a run is always asked.
fn wanted(landing: &Landing, feed: &FeedConfig, asking: &Asking, synthetic: bool) -> Vec<Month> {
    if !asking.by_month {
        return asking.months.clone();
    }
    let mut have: Vec<Month> = landing
        .of_feed(&feed.id)
        .filter(|delivery| delivery.synthetic == synthetic)
        .map(|delivery| delivery.period)
        .collect();
    have.sort_unstable();
    have.dedup();
    let again = have.len().saturating_sub(feed.recheck_months as usize);
    let again: Vec<Month> = have.iter().skip(again).copied().collect();
    asking
        .months
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
    /// An address, with `{period}` where it differs from month to month.
    Address { template: String },
}

fn place(project: &Project, feed: &FeedConfig) -> (Place, bool) {
    for mirror in &project.settings.mirror {
        let Some(rest) = feed.source.strip_prefix(&mirror.prefix) else { continue };
        let place = match (&mirror.folder, &mirror.address) {
            (Some(folder), _) => mirrored(project, feed, &project.root.join(folder), rest),
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

/// The folder that stands in for an address: what a web address answers lies there under its path and its query, what a
/// database answers under the feed's name and, if it differs from month to month, the month.
fn mirrored(project: &Project, feed: &FeedConfig, folder: &Path, rest: &str) -> Place {
    let mut rest = rest.to_owned();
    match scheme(&feed.source) {
        Scheme::Http => {
            let shown = feed.query.iter().filter(|(_, value)| !secret::is_named_in(value));
            let query: Vec<String> = shown.map(|(name, value)| format!("{name}={value}")).collect();
            if !query.is_empty() {
                rest = format!("{rest}{}{}", if rest.contains('?') { '&' } else { '?' }, query.join("&"));
            }
        }
        Scheme::Postgres => {
            let monthly = postgres::is_monthly(project, feed);
            let folder = if rest.is_empty() { rest } else { format!("{}/", rest.trim_end_matches('/')) };
            rest = format!("{folder}{}{}.csv", feed.id, if monthly { "-{period}" } else { "" });
        }
        Scheme::Sftp | Scheme::Store => {}
        Scheme::Unknown => return Place::Mirror { folder: folder.to_owned(), rest },
    }
    if fill(&rest, feed.from).contains(['{', '*']) {
        Place::Files { pattern: format!("{}/{rest}", folder.display()) }
    } else {
        Place::Mirror { folder: folder.to_owned(), rest }
    }
}

/// The kinds of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Sftp,
    Store,
    Postgres,
    Unknown,
}

fn scheme(address: &str) -> Scheme {
    match address.split_once("://").map(|(scheme, _)| scheme) {
        Some("http" | "https") => Scheme::Http,
        Some("sftp") => Scheme::Sftp,
        Some("s3" | "az" | "gs") => Scheme::Store,
        Some("postgres" | "postgresql") => Scheme::Postgres,
        _ => Scheme::Unknown,
    }
}

/// The schemes that `source` may have.
const SCHEMES: [&str; 8] = ["http", "https", "sftp", "s3", "az", "gs", "postgres", "postgresql"];

/// For which months a feed is asked.
#[derive(Debug, Clone)]
struct Asking {
    /// It is asked for each period; otherwise once a run, for whatever there is.
    by_month: bool,
    /// The months to ask for; of a yearly edition its first one. For a feed that is asked once a run, the month of the
    /// run.
    months: Vec<Month>,
    /// These and the months that it may not be asked for, as their rows could not be kept.
    periods: Vec<Month>,
}

impl Asking {
    fn of(project: &Project, feed: &FeedConfig, place: &Place, as_of: NaiveDate) -> Self {
        let texts = [Some(&feed.source), feed.member.as_ref()];
        let mut texts: Vec<&str> = texts.into_iter().flatten().map(String::as_str).collect();
        texts.extend(feed.query.values().map(String::as_str));
        let by_query = scheme(&feed.source) == Scheme::Postgres && postgres::is_monthly(project, feed);
        let by_month = feed.mode == DeliveryMode::Month
            || by_query
            || texts.iter().any(|text| template::names_period(text));
        if !by_month {
            return Self { by_month, months: vec![Month::containing(as_of)], periods: Vec::new() };
        }
        let mut months = freshness::asked_months(feed, as_of);
        let each = by_query || texts.iter().any(|text| template::names_month(text));
        if !each && !matches!(place, Place::Files { .. }) {
            let mut known = BTreeSet::new();
            months.retain(|month| {
                known.insert(texts.iter().map(|text| fill(text, *month)).collect::<Vec<_>>())
            });
        }
        Self { by_month, periods: months.clone(), months }
    }

    /// The same without the months that the terms close.
    fn closed_by(mut self, terms: &Terms) -> Self {
        if self.by_month {
            self.months.retain(|month| terms.closed(*month).is_none());
        }
        self
    }

    /// The latest delivery of the same file: of that month, or for a feed that is asked once a run of any.
    fn known<'l>(
        &self,
        landing: &'l Landing,
        feed: &FeedConfig,
        month: Month,
        file: &str,
    ) -> Option<&'l Delivery> {
        if self.by_month {
            landing.latest_of(&feed.id, month, file)
        } else {
            landing.latest_named(&feed.id, file)
        }
    }

    /// The month of a file whose name tells none; absent where a file without a month is not the feed's.
    fn undated(&self) -> Option<Month> {
        self.months.first().copied().filter(|_| !self.by_month)
    }

    /// Months that are missing unless something stands for them. A feed that is asked once a run lacks nothing once it
    /// delivered: which months its rows are about is not known here.
    fn missing(
        &self,
        feed: &FeedConfig,
        slots: &BTreeMap<(Month, String), Vec<Delivery>>,
        as_of: NaiveDate,
    ) -> Vec<Month> {
        match self.by_month {
            true => {
                let due = expected_months(feed, as_of);
                self.periods.iter().copied().filter(|month| due.contains(month)).collect()
            }
            false if slots.is_empty() => expected_months(feed, as_of),
            false => Vec::new(),
        }
    }
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
    /// Files that are still being written, each with what is said of it; the next run looks again.
    waiting: Vec<(Month, String)>,
    /// What is to be moved on the partner's server once the deliveries are recorded.
    done: Option<sftp::Done>,
}

impl Haul {
    fn failed(fault: String) -> Self {
        Self { general: vec![fault], ..Self::default() }
    }

    /// Notes a fault of a month beside those that it has already.
    fn fault(&mut self, month: Month, fault: &str) {
        let told = self.faults.entry(month).or_default();
        if !told.is_empty() {
            told.push_str("; ");
        }
        told.push_str(fault);
    }
}

impl Visit<'_> {
    #[expect(clippy::too_many_lines, reason = "asking, landing and what is missing then are one story")]
    async fn ask(self) -> io::Result<FeedState> {
        if let Some(why) = &self.terms.stopped {
            warn!(feed.id = %self.feed.id, "feed `{}` is not asked: {why}", self.feed.id);
            let expected = expected_months(&self.feed, self.as_of);
            let landing = self.landing.lock().await;
            return Ok(FeedState::stopped(Arc::clone(&self.feed), &landing, &expected, &self.terms));
        }
        let (place, synthetic) = place(self.project, &self.feed);
        let asking = Asking::of(self.project, &self.feed, &place, self.as_of).closed_by(&self.terms);
        let mut haul = match &place {
            Place::Files { pattern } => folder::look(&self, pattern, &asking, synthetic).await,
            Place::Mirror { folder, rest } => {
                folder::look_in_mirror(&self, folder, rest, &asking, synthetic).await
            }
            Place::Address { template } => match scheme(template) {
                Scheme::Sftp => sftp::fetch(&self, template, &asking, synthetic).await,
                Scheme::Store => store::fetch(&self, template, &asking, synthetic).await,
                Scheme::Postgres => postgres::fetch(&self, template, &asking, synthetic).await,
                Scheme::Http | Scheme::Unknown => address::fetch(&self, template, &asking, synthetic).await,
            },
        };
        let landed = haul.deliveries.len();
        let mut landing = self.landing.lock().await;
        landing.record(haul.deliveries)?;
        let mut slots = landed_slots(&landing, &self.feed, synthetic, (asking.by_month, self.as_of));
        let ahead = ahead(&landing, &self.feed, synthetic, self.as_of);
        drop(landing);
        if let Some(done) = haul.done.take() {
            haul.general.extend(done.finish(&self).await);
        }
        if let Some(present) = haul.present {
            slots.retain(|(month, file), deliveries| {
                // A closed month was not looked for; its rows go with the next purge, not before.
                let closed = self.terms.closed(*month).is_some();
                deliveries.retain(|delivery| {
                    let of_month = |found: &Month| found == month || !asking.by_month;
                    closed
                        || present
                            .iter()
                            .any(|(m, f, digest)| of_month(m) && f == file && *digest == delivery.sha256)
                });
                !deliveries.is_empty()
            });
        }
        // Whatever a server, a library or a setting put into its words: no secret is kept or told.
        let clean = |text: &String| secret::scrub(text).into_owned();
        let told: BTreeMap<Month, String> = haul.faults.iter().map(|(m, fault)| (*m, clean(fault))).collect();
        let mut faults: Vec<String> = haul.general.iter().map(clean).collect();
        let mut waiting = BTreeMap::new();
        for (month, file) in &haul.waiting {
            let file = clean(file);
            warn!(feed.id = %self.feed.id, "feed `{}`: {file}", self.feed.id);
            waiting.insert(*month, file);
        }
        let mut missing = BTreeMap::new();
        let mut beyond_retention = BTreeSet::new();
        for month in asking.missing(&self.feed, &slots, self.as_of) {
            if slots.keys().any(|(found, _)| *found == month) {
                continue;
            }
            let closed = self.terms.closed(month).inspect(|_| {
                beyond_retention.insert(month);
            });
            let told_of = [&told, &waiting]
                .into_iter()
                .find_map(|told| if asking.by_month { told.get(&month) } else { told.values().next() });
            let reason = match (gap_at(&self.feed, month), closed.as_ref().or(told_of)) {
                (Some(gap), _) => gap.reason.clone(),
                (None, Some(fault)) => fault.clone(),
                (None, None) if haul.absent.contains(&month) => "the publisher has nothing for it".to_owned(),
                (None, None) => "not supplied".to_owned(),
            };
            missing.insert(month, reason);
        }
        faults.extend(
            ahead.iter().map(|(month, file)| clean(&format!("{file} is about {month}, which has not begun"))),
        );
        faults.extend(
            told.iter().map(
                |(month, fault)| {
                    if asking.by_month { format!("{month}: {fault}") } else { fault.clone() }
                },
            ),
        );
        for fault in &faults {
            warn!(feed.id = %self.feed.id, "feed `{}`: {fault}", self.feed.id);
        }
        if landed > 0 {
            info!(feed.id = %self.feed.id, "feed `{}` landed {landed} deliveries", self.feed.id);
        }
        let arrived = arrivals(&self.feed, &slots);
        Ok(FeedState {
            feed: self.feed,
            slots,
            arrived,
            missing,
            landed,
            faults,
            stopped: None,
            beyond_retention,
            erased: self.terms.erased,
        })
    }

    /// Whether the feed delivers a month.
    fn is_within(&self, month: Month) -> bool {
        month >= self.feed.from && self.feed.to.is_none_or(|to| month <= to)
    }

    /// See [`Asking::known`].
    fn known<'l>(
        &self,
        landing: &'l Landing,
        asking: &Asking,
        month: Month,
        file: &str,
    ) -> Option<&'l Delivery> {
        asking.known(landing, &self.feed, month, file)
    }
}
