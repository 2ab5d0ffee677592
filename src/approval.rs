//! Deliveries that somebody approved though they are held: `landing/approvals.jsonl`, one line each.
//!
//! They are kept beside the list of deliveries and not among the project's files: an approval is about bytes that were
//! received, is given where they lie, and a rebuild of the datasets from the landing finds it again.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::durable;

/// One approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The feed.
    pub feed: String,
    /// SHA-256 of the contents of the delivery.
    pub delivery: String,
    /// Why it may be used.
    pub reason: String,
    /// Role of who approved it.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

fn path(warehouse: &Path) -> PathBuf {
    warehouse.join("landing/approvals.jsonl")
}

/// The approvals of a warehouse: by feed and digest of the contents, the words for the note of the delivery.
///
/// # Errors
/// What the file system reports, and a line that is damaged though others follow it.
pub fn approvals(warehouse: &Path) -> io::Result<BTreeMap<String, BTreeMap<String, String>>> {
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for approval in durable::read_lines::<Approval>(&path(warehouse))? {
        let words = format!("approved by {}: {}", approval.by, approval.reason);
        all.entry(approval.feed).or_default().insert(approval.delivery, words);
    }
    Ok(all)
}

/// Records an approval, durably. Only the holder of the warehouse may.
///
/// # Errors
/// What the file system reports.
pub fn record(warehouse: &Path, approval: &Approval) -> io::Result<()> {
    durable::append_line(&path(warehouse), approval)
}

/// How many were given.
///
/// # Errors
/// As [`approvals`].
pub(crate) fn count(warehouse: &Path) -> io::Result<u64> {
    Ok(durable::read_lines::<Approval>(&path(warehouse))?.len() as u64)
}

/// Copies the first so many approvals into another warehouse.
///
/// # Errors
/// What the file system reports.
pub(crate) fn copy_first(count: u64, from: &Path, to: &Path) -> io::Result<()> {
    let given = durable::read_lines::<Approval>(&path(from))?;
    given.iter().zip(0..count).try_for_each(|(approval, _)| record(to, approval))
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;

    #[test]
    fn what_was_approved_is_found_again_and_a_line_half_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert!(approvals(folder.path()).unwrap().is_empty());
        let approval = |delivery: &str| Approval {
            feed: "f".to_owned(),
            delivery: delivery.to_owned(),
            reason: "the force moved".to_owned(),
            by: "data lead".to_owned(),
            at: "2025-08-01T05:30:00Z".parse().unwrap(),
        };
        record(folder.path(), &approval("11")).unwrap();
        let mut file = OpenOptions::new().append(true).open(path(folder.path())).unwrap();
        file.write_all(b"{\"feed\":\"f\",\"deli").unwrap();
        assert_eq!(approvals(folder.path()).unwrap()["f"]["11"], "approved by data lead: the force moved");
        record(folder.path(), &approval("22")).unwrap();
        let all = approvals(folder.path()).unwrap();
        assert_eq!(all["f"].keys().collect::<Vec<_>>(), ["11", "22"]);
    }
}
