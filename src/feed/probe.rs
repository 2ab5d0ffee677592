//! Whether a feed could be asked, without landing anything.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use super::terms::Terms;
use super::{
    Asking, Place, Scheme, Visit, address, expected_months, folder, place, postgres, scheme, sftp, store,
};
use crate::config::Project;
use crate::config::settings::FeedConfig;
use crate::landing::Landing;
use crate::period::Month;

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// It answers.
    Reached {
        /// What was found, in words.
        found: String,
        /// What the publisher's clock said, where it says so.
        clock: Option<DateTime<Utc>>,
    },
    /// It answers, but has nothing for the newest month that is expected, or no file.
    Nothing(String),
    /// It cannot be asked.
    Failed(String),
    /// Its agreement stops it, so that it was not asked.
    Stopped(String),
}

/// Probes one feed as a run at the moment `now` would ask it.
pub async fn probe(project: &Project, feed: &FeedConfig, now: DateTime<Utc>) -> Probed {
    let as_of = now.with_timezone(&chrono_tz::Europe::London).date_naive();
    let landing = match Landing::open(&project.warehouse()) {
        Ok(landing) => landing,
        Err(error) => return Probed::Failed(format!("the landing cannot be read: {error}")),
    };
    let terms = match Terms::of_all(project, as_of) {
        Ok(mut all) => all.remove(&feed.id).unwrap_or_default(),
        Err(error) => return Probed::Failed(format!("the record of erasures cannot be read: {error}")),
    };
    if let Some(why) = &terms.stopped {
        return Probed::Stopped(why.clone());
    }
    let expected = expected_months(feed, as_of);
    let newest = expected.iter().copied().rfind(|month| super::gap_at(feed, *month).is_none());
    let visit = Visit {
        project,
        feed: Arc::new(feed.clone()),
        landing: Arc::new(Mutex::new(landing)),
        addresses: Arc::new(address::Addresses::of(project)),
        terms,
        now,
        as_of,
    };
    let (place, synthetic) = place(project, feed);
    let probed = probe_place(&visit, &place, newest.unwrap_or(feed.from)).await;
    match probed {
        Probed::Reached { found, clock } if synthetic => {
            Probed::Reached { found: format!("{found} (synthetic)"), clock }
        }
        other => other,
    }
}

/// One arm for each way of asking; a new transport adds its own.
async fn probe_place(visit: &Visit<'_>, place: &Place, newest: Month) -> Probed {
    let asking = Asking::of(visit.project, &visit.feed, place, visit.as_of);
    match place {
        Place::Files { pattern } => folder::probe(pattern, &asking),
        Place::Mirror { folder, .. } => folder::probe_mirror(visit.project, folder),
        Place::Address { template } => match scheme(template) {
            Scheme::Sftp => sftp::probe(visit, template, &asking).await,
            Scheme::Store => store::probe(visit, template, &asking, newest).await,
            Scheme::Postgres => postgres::probe(visit, template).await,
            Scheme::Http | Scheme::Unknown => address::probe(visit, template, newest).await,
        },
    }
}
