//! Which rows may not be kept any longer, by the retention rules of the agreements. What is done about it is in
//! `run/purge.rs`.
//!
//! The rule, in full. Rows go by file and month: the landed bytes of every edition of the file, the rows in the dataset,
//! those in quarantine, and their part of the summaries. What releases say stays as it is, and so do the lines of the
//! deliveries and the counts of what had become of their rows, so that received = accepted + duplicate + quarantined
//! still holds for them. What measures had counted in the month stays too, as numerators and denominators by area and
//! breakdown (`retained.rs`): releases made later show the same figures as before. The project's own tables are computed
//! from the rows that are held, so that erased months leave later releases of them.
//!
//! Of a feed that brings many months at once, the rows go by month as above, out of the dataset and the quarantine, and a
//! later delivery that still holds them does not bring them back. Its landed bytes are one piece, which is never cut: an
//! edition goes as a whole once it holds rows that may not be kept, and no row that may still be kept stands in it alone.
//! With mode `whole` that is when a later edition stands; with `periods` when each of its months that may be kept stands in
//! a later one; with `append` and `upsert`, where any row may be the one that stands for its key, when all of its rows have
//! passed. Until then its bytes stay, read by nobody for those months, and `outturn purge` names it with the number of
//! such rows: whoever may not keep even these asks the supplier for an extract without them, which takes its place.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::Serialize;

use crate::agreement::{AgreementConfig, RetentionConfig};
use crate::config::Project;
use crate::config::settings::{DeliveryMode, FeedConfig};
use crate::erasure::{Erased, Erasures};
use crate::landing::{Delivery, Landing};
use crate::period::Month;

/// A file of a month whose rows may not be kept any longer.
#[derive(Debug, Clone)]
pub struct Due<'a> {
    /// Its feed.
    pub feed: &'a FeedConfig,
    /// Short name of the agreement.
    pub agreement: &'a str,
    /// Its reference.
    pub reference: &'a str,
    /// Dataset that the rows are in.
    pub dataset: &'a str,
    /// Month that the rows are about.
    pub month: Month,
    /// Base name of the file.
    pub file: String,
    /// Every edition that was received, the latest last.
    pub deliveries: Vec<Delivery>,
    /// What of them goes.
    pub what: Erased,
    /// The rule, in words.
    pub rule: String,
    /// Last day on which they could be kept.
    pub last_day: NaiveDate,
}

/// A feed whose rows may be kept for a limited time.
struct Kept<'a> {
    feed: &'a FeedConfig,
    agreement: &'a AgreementConfig,
    rule: RetentionConfig,
    dataset: &'a str,
}

impl<'a> Kept<'a> {
    /// `None` where its agreement sets no limit.
    fn of(project: &'a Project, feed: &'a FeedConfig) -> Option<Self> {
        let agreement = project.agreement_of(feed)?;
        let dataset = &project.contracts.get(&feed.contract)?.config.dataset;
        Some(Self { feed, agreement, rule: agreement.retention?, dataset })
    }

    fn due(
        &self,
        what: Erased,
        month: Month,
        file: String,
        deliveries: Vec<Delivery>,
        last_day: NaiveDate,
    ) -> Due<'a> {
        Due {
            feed: self.feed,
            agreement: &self.agreement.id,
            reference: &self.agreement.reference,
            dataset: self.dataset,
            month,
            file,
            deliveries,
            what,
            rule: self.rule.words(),
            last_day,
        }
    }
}

/// What is due on a day of feeds that bring a month at a time, in order of feed, month and file. What was erased before is
/// not due again. Of a feed of many months that may not be used any more, whose rows are in no dataset, a file is due by
/// the month in which it was received: none of its rows is of a later one.
#[must_use]
pub fn due<'a>(
    project: &'a Project,
    landing: &Landing,
    erasures: &Erasures,
    as_of: NaiveDate,
) -> Vec<Due<'a>> {
    let mut found = Vec::new();
    let as_files = |feed: &&FeedConfig| {
        let stopped = project.agreement_of(feed).is_some_and(|agreement| agreement.stops(as_of).is_some());
        feed.mode == DeliveryMode::Month || stopped
    };
    for feed in project.feeds.values().map(|feed| &feed.config).filter(as_files) {
        let Some(kept) = Kept::of(project, feed) else { continue };
        let erased = erasures.of_feed(&feed.id);
        let mut slots: BTreeMap<(Month, String), Vec<Delivery>> = BTreeMap::new();
        for delivery in landing.of_feed(&feed.id) {
            slots.entry((delivery.period, delivery.file.clone())).or_default().push(delivery.clone());
        }
        for ((month, file), deliveries) in slots {
            let received = deliveries.iter().map(|delivery| delivery.received).max();
            let Some(last_day) = kept.rule.last_day(month, received).filter(|last_day| as_of > *last_day)
            else {
                continue;
            };
            if erased.contains_key(&(month, file.clone())) {
                continue;
            }
            found.push(kept.due(Erased::File, month, file, deliveries, last_day));
        }
    }
    found
}

/// The same of a feed that brings many months at once: what its standing deliveries say of months that are past, and the
/// editions that go.
#[must_use]
pub fn due_of_many<'a>(
    project: &'a Project,
    feed: &'a FeedConfig,
    months: BTreeMap<Month, (NaiveDate, Vec<Delivery>)>,
    editions: Vec<Delivery>,
) -> Vec<Due<'a>> {
    let Some(kept) = Kept::of(project, feed) else { return Vec::new() };
    let mut found = Vec::new();
    for (month, (last_day, deliveries)) in months {
        let mut by_file: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
        for delivery in deliveries {
            by_file.entry(delivery.file.clone()).or_default().push(delivery);
        }
        let rows = by_file.into_iter();
        found
            .extend(rows.map(|(file, deliveries)| kept.due(Erased::Rows, month, file, deliveries, last_day)));
    }
    for delivery in editions {
        let last_day = kept.rule.last_day(delivery.period, Some(delivery.received)).unwrap_or_default();
        let (month, file) = (delivery.period, delivery.file.clone());
        found.push(kept.due(Erased::Bytes, month, file, vec![delivery], last_day));
    }
    found
}

/// Landed objects that only erased deliveries refer to: digest and the deliveries that did. Those that another delivery
/// needs, as one archive may hold several months, are left out.
#[must_use]
pub fn unreferenced(landing: &Landing, is_erased: impl Fn(&Delivery) -> bool) -> BTreeSet<&str> {
    let held: BTreeSet<&str> = landing
        .all()
        .iter()
        .filter(|delivery| !is_erased(delivery))
        .map(|delivery| delivery.sha256.as_str())
        .collect();
    landing
        .all()
        .iter()
        .filter(|delivery| delivery.reference.is_none() && is_erased(delivery))
        .map(|delivery| delivery.sha256.as_str())
        .filter(|sha256| !held.contains(sha256))
        .collect()
}

/// What a purge removed, or would.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Purged {
    /// Nothing was touched.
    pub dry_run: bool,
    /// Each file of a month.
    pub erased: Vec<PurgedFile>,
    /// Months of datasets, each once for each dataset.
    pub months: usize,
    /// Rows that were in the datasets.
    pub rows: u64,
    /// Rows that waited in quarantine.
    pub quarantined: u64,
    /// Landed objects.
    pub objects: u64,
    /// Their bytes.
    pub object_bytes: u64,
    /// Files of datasets, quarantines and summaries; 0 in a dry run, which cannot know them all.
    pub dataset_files: u64,
    /// Their bytes.
    pub dataset_bytes: u64,
    /// What somebody must know or do, each in a line.
    pub notes: Vec<String>,
}

/// A file of a month.
#[derive(Debug, Clone, Serialize)]
pub struct PurgedFile {
    /// The feed.
    pub feed: String,
    /// The month.
    pub month: Month,
    /// Base name of the file.
    pub file: String,
    /// Short name of the agreement.
    pub agreement: String,
    /// The rule, in words.
    pub rule: String,
    /// Last day on which it could be kept.
    pub last_day: NaiveDate,
    /// Rows that were in the dataset.
    pub rows: u64,
    /// Rows that waited in quarantine.
    pub quarantined: u64,
}
