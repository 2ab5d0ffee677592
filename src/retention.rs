//! Which rows may not be kept any longer, by the retention rules of the agreements. What is done about it is in
//! `run/purge.rs`.
//!
//! The rule, in full. Rows go by file and month: the landed bytes of every edition of the file, the rows in the dataset,
//! those in quarantine, and their part of the summaries. What releases say stays as it is, and so do the lines of the
//! deliveries and the counts of what had become of their rows, so that received = accepted + duplicate + quarantined
//! still holds for them. What measures had counted in the month stays too, as numerators and denominators by area and
//! breakdown (`retained.rs`): releases made later show the same figures as before. The project's own tables are computed
//! from the rows that are held, so that erased months leave later releases of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::Serialize;

use crate::config::Project;
use crate::config::settings::FeedConfig;
use crate::erasure::Erasures;
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
    /// The rule, in words.
    pub rule: String,
    /// Last day on which they could be kept.
    pub last_day: NaiveDate,
}

/// What is due on a day, in order of feed, month and file. What was erased before is not due again.
#[must_use]
pub fn due<'a>(
    project: &'a Project,
    landing: &Landing,
    erasures: &Erasures,
    as_of: NaiveDate,
) -> Vec<Due<'a>> {
    let mut found = Vec::new();
    for feed in project.feeds.values().map(|feed| &feed.config) {
        let Some(agreement) = project.agreement_of(feed) else { continue };
        let Some(retention) = agreement.retention else { continue };
        let Some(contract) = project.contracts.get(&feed.contract) else { continue };
        let erased = erasures.of_feed(&feed.id);
        let mut slots: BTreeMap<(Month, String), Vec<Delivery>> = BTreeMap::new();
        for delivery in landing.of_feed(&feed.id) {
            slots.entry((delivery.period, delivery.file.clone())).or_default().push(delivery.clone());
        }
        for ((month, file), deliveries) in slots {
            let received = deliveries.iter().map(|delivery| delivery.received).max();
            let Some(last_day) = retention.last_day(month, received).filter(|last_day| as_of > *last_day)
            else {
                continue;
            };
            if erased.contains_key(&(month, file.clone())) {
                continue;
            }
            found.push(Due {
                feed,
                agreement: &agreement.id,
                reference: &agreement.reference,
                dataset: &contract.config.dataset,
                month,
                file,
                deliveries,
                rule: retention.words(),
                last_day,
            });
        }
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
