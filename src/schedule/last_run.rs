//! What is remembered of the last run while the program is down.

use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::durable;

/// File in the warehouse folder.
const FILE: &str = "schedule.json";

/// The last run that came to an end: `schedule.json` in the warehouse folder.
///
/// It only steers when the next run begins. What was loaded and released is read from the warehouse itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// The due time that it did.
    pub last_due: DateTime<Utc>,
    /// When it ended.
    pub finished: DateTime<Utc>,
    /// Exit code that the same run would have had by hand; 0 when everything is released.
    pub outcome: u8,
}

impl LastRun {
    /// Reads the record. `None` when there is none, or, with a warning, when it cannot be read: the cost is one run
    /// more.
    #[must_use]
    pub fn read(warehouse: &Path) -> Option<Self> {
        let path = warehouse.join(FILE);
        let read = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            read => read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::from)),
        };
        read.inspect_err(|error| {
            warn!(
                path = %path.display(),
                "expected the record of the last run in {}, found something else ({error}); the latest due run is \
                 done again",
                path.display()
            );
        })
        .ok()
    }

    /// Replaces the record in one step.
    ///
    /// # Errors
    /// What the file system reports; the record before stands.
    pub fn write(&self, warehouse: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        durable::write(&warehouse.join(FILE), &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_run() -> LastRun {
        LastRun {
            last_due: "2026-06-10T04:30:00Z".parse().unwrap(),
            finished: "2026-06-10T04:41:07Z".parse().unwrap(),
            outcome: 3,
        }
    }

    #[test]
    fn the_record_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(LastRun::read(folder.path()), None);
        some_run().write(folder.path()).unwrap();
        some_run().write(folder.path()).unwrap();
        assert_eq!(LastRun::read(folder.path()), Some(some_run()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        insta::assert_snapshot!(std::fs::read_to_string(folder.path().join(FILE)).unwrap(), @r#"
        {
          "last_due": "2026-06-10T04:30:00Z",
          "finished": "2026-06-10T04:41:07Z",
          "outcome": 3
        }
        "#);
    }

    #[test]
    fn a_damaged_record_counts_as_unknown() {
        let folder = tempfile::tempdir().unwrap();
        for damage in [
            &b""[..],
            b"{\"last_due\": \"2026-06-10T04:",
            b"\0\0\0\0",
            b"\xff\xfe",
            b"[]",
            b"{\"last_due\": 5}",
        ] {
            std::fs::write(folder.path().join(FILE), damage).unwrap();
            assert_eq!(LastRun::read(folder.path()), None);
        }
        std::fs::remove_file(folder.path().join(FILE)).unwrap();
        std::fs::create_dir(folder.path().join(FILE)).unwrap();
        assert_eq!(LastRun::read(folder.path()), None);
        assert!(some_run().write(folder.path()).is_err());
    }

    #[test]
    fn a_later_version_may_remember_more() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"last_due": "2026-06-10T05:30:00+01:00", "finished": "2026-06-10T04:41:07Z",
            "outcome": 3, "host": "a"}"#;
        std::fs::write(folder.path().join(FILE), text).unwrap();
        assert_eq!(LastRun::read(folder.path()), Some(some_run()));
    }
}
