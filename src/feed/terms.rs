//! What the agreement of a feed and the record of erasures leave of it: whether it may be asked, and for which months.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use chrono::NaiveDate;

use crate::agreement::AgreementConfig;
use crate::config::Project;
use crate::config::settings::FeedConfig;
use crate::erasure::{Erasure, Erasures};
use crate::period::Month;

/// The terms of one feed on one day.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    /// Why it may not be used; `None` when it may.
    pub(super) stopped: Option<String>,
    /// What was erased of it, by month and file.
    pub(super) erased: BTreeMap<(Month, String), Erasure>,
    agreement: Option<AgreementConfig>,
    as_of: NaiveDate,
}

impl Terms {
    /// The terms of every feed of a project, by id.
    ///
    /// # Errors
    /// A record of erasures that cannot be read.
    pub(super) fn of_all(project: &Project, as_of: NaiveDate) -> io::Result<BTreeMap<String, Self>> {
        let erasures = Erasures::open(&project.warehouse())?;
        let of = |feed: &FeedConfig| {
            let agreement = project.agreement_of(feed).cloned();
            let stopped = agreement.as_ref().and_then(|agreement| agreement.stops(as_of));
            Self { stopped, erased: erasures.of_feed(&feed.id), agreement, as_of }
        };
        Ok(project.feeds.values().map(|feed| (feed.config.id.clone(), of(&feed.config))).collect())
    }

    /// Why nothing is taken for a month any more: its rows were erased, or would have to be at once.
    pub(super) fn closed(&self, month: Month) -> Option<String> {
        if self.erased.keys().any(|(erased, _)| *erased == month) {
            return Some("erased under its retention rule".to_owned());
        }
        let agreement = self.agreement.as_ref()?;
        let retention = agreement.retention?;
        let last_day = retention.last_day(month, None).filter(|last_day| self.as_of > *last_day)?;
        Some(format!("agreement `{}` lets it be kept until {last_day} only", agreement.id))
    }

    /// The months that are closed and of which nothing is held.
    pub(super) fn beyond(&self, expected: &[Month]) -> BTreeSet<Month> {
        expected.iter().copied().filter(|month| self.closed(*month).is_some()).collect()
    }
}
