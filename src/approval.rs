//! Deliveries that somebody approved though they are held: `landing/approvals.jsonl`, one line each.
//!
//! They are kept beside the list of deliveries and not among the project's files: an approval is about bytes that were
//! received, is given where they lie, and a rebuild of the datasets from the landing finds it again.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
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
    let text = match fs::read_to_string(path(warehouse)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        // The last line of a command that was killed while it wrote.
        if !line.ends_with('\n') {
            break;
        }
        let approval: Approval = serde_json::from_str(line).map_err(|error| {
            let message = format!("landing/approvals.jsonl:{}: damaged: {error}", number + 1);
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
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
    let path = path(warehouse);
    let folder = path.parent().unwrap_or(warehouse);
    durable::create_folder(folder)?;
    let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let end = memchr::memrchr(b'\n', &text).map_or(0, |at| at as u64 + 1);
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    let mut line = serde_json::to_vec(approval)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_all()?;
    durable::sync_folder(folder)
}

#[cfg(test)]
mod tests {
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
