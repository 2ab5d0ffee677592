//! What was erased under a retention rule: an append-only record, each line chained to the one before by its digest.
//!
//! `landing/erasures.jsonl` has one line for each file of a month whose rows were erased. The line of the delivery in
//! `deliveries.jsonl` stays, so the file is known and not taken again; its bytes and rows are gone.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::durable;
use crate::normalise::DeliveryReport;
use crate::period::Month;

/// `previous` of the first line.
const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One line: a file of a month, whose rows were erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Number of the line, from 1.
    pub number: u64,
    /// When it was decided; the removal follows at once, and is finished by the next purge where it was broken off.
    pub at: DateTime<Utc>,
    /// Role of whoever had it done.
    pub by: String,
    /// The rule that it was done under, in words.
    pub why: String,
    /// Short name of the agreement.
    pub agreement: String,
    /// Its reference.
    pub reference: String,
    /// The feed.
    pub feed: String,
    /// Dataset that the rows were in.
    pub dataset: String,
    /// Month that the rows were about.
    pub period: Month,
    /// Base name of the file.
    pub file: String,
    /// SHA-256 of every edition of the file that was received.
    pub deliveries: Vec<String>,
    /// What had become of the rows: the counts of the editions that decided the month, without their contents.
    pub reports: Vec<DeliveryReport>,
    /// SHA-256 of the line before, without its line end; zeros in the first.
    pub previous: String,
}

/// The record of a warehouse.
#[derive(Debug, Clone, Default)]
pub struct Erasures {
    path: PathBuf,
    lines: Vec<Erasure>,
    /// Digest of the last line.
    last: String,
    /// Length of the whole lines.
    end: u64,
}

impl Erasures {
    /// Reads the record of a warehouse and follows its chain; an absent one is empty. A last line without a line end was
    /// broken off and is none.
    ///
    /// # Errors
    /// What the file system reports; a line that was altered, or does not follow from the one before.
    pub fn open(warehouse: &Path) -> io::Result<Self> {
        let path = warehouse.join("landing/erasures.jsonl");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut record = Self { path, lines: Vec::new(), last: FIRST.to_owned(), end: 0 };
        for line in text.split_inclusive('\n') {
            let Some(whole) = line.strip_suffix('\n') else { break };
            let number = record.lines.len() as u64 + 1;
            let damaged = |what: String| {
                let message = format!("landing/erasures.jsonl:{number}: damaged: {what}");
                io::Error::new(io::ErrorKind::InvalidData, message)
            };
            let erasure: Erasure = serde_json::from_str(whole).map_err(|error| damaged(error.to_string()))?;
            if erasure.number != number || erasure.previous != record.last {
                return Err(damaged("it does not follow from the line before".to_owned()));
            }
            record.last = hex::encode(Sha256::digest(whole.as_bytes()));
            record.end += line.len() as u64;
            record.lines.push(erasure);
        }
        Ok(record)
    }

    /// Every line, the oldest first.
    #[must_use]
    pub fn lines(&self) -> &[Erasure] {
        &self.lines
    }

    /// What was erased of a feed, by month and file.
    #[must_use]
    pub fn of_feed(&self, feed: &str) -> BTreeMap<(Month, String), Erasure> {
        let lines = self.lines.iter().filter(|line| line.feed == feed);
        lines.map(|line| ((line.period, line.file.clone()), line.clone())).collect()
    }

    /// Adds lines, durably and in one step; their number and their link to the line before are filled in.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn append(&mut self, erasures: Vec<Erasure>) -> io::Result<()> {
        if erasures.is_empty() {
            return Ok(());
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        durable::create_folder(folder)?;
        let new = !self.path.exists();
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&self.path)?;
        file.set_len(self.end)?;
        file.seek(SeekFrom::Start(self.end))?;
        let mut text = Vec::new();
        let mut last = self.last.clone();
        let mut lines = Vec::new();
        for mut erasure in erasures {
            erasure.number = (self.lines.len() + lines.len()) as u64 + 1;
            erasure.previous = last;
            let line = serde_json::to_vec(&erasure)?;
            last = hex::encode(Sha256::digest(&line));
            text.extend(line);
            text.push(b'\n');
            lines.push(erasure);
        }
        file.write_all(&text)?;
        file.sync_all()?;
        if new {
            durable::sync_folder(folder)?;
        }
        self.end += text.len() as u64;
        self.last = last;
        self.lines.extend(lines);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erasure(file: &str) -> Erasure {
        Erasure {
            number: 0,
            at: "2025-08-12T05:30:00Z".parse().unwrap(),
            by: "Information Governance Officer".to_owned(),
            why: "1 month from the end of the month".to_owned(),
            agreement: "a".to_owned(),
            reference: "ISA 7".to_owned(),
            feed: "f".to_owned(),
            dataset: "d".to_owned(),
            period: "2025-04".parse().unwrap(),
            file: file.to_owned(),
            deliveries: vec!["00".to_owned()],
            reports: Vec::new(),
            previous: String::new(),
        }
    }

    #[test]
    fn a_line_that_is_altered_or_taken_out_breaks_the_chain() {
        let warehouse = tempfile::tempdir().unwrap();
        let mut record = Erasures::open(warehouse.path()).unwrap();
        record.append(vec![erasure("1.csv"), erasure("2.csv")]).unwrap();
        record.append(vec![erasure("3.csv")]).unwrap();
        let path = warehouse.path().join("landing/erasures.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(Erasures::open(warehouse.path()).unwrap().lines(), record.lines());
        for damaged in [
            text.replace("\"2.csv\"", "\"9.csv\""),
            text.split_inclusive('\n').take(1).chain(text.split_inclusive('\n').skip(2)).collect(),
        ] {
            fs::write(&path, damaged).unwrap();
            let error = Erasures::open(warehouse.path()).unwrap_err().to_string();
            assert!(error.contains("erasures.jsonl") && error.contains("does not follow"), "{error}");
        }
    }

    #[test]
    fn a_line_that_was_broken_off_is_none_and_is_written_over() {
        let warehouse = tempfile::tempdir().unwrap();
        let mut record = Erasures::open(warehouse.path()).unwrap();
        record.append(vec![erasure("1.csv")]).unwrap();
        let path = warehouse.path().join("landing/erasures.jsonl");
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{whole}{{\"number\":2,\"at")).unwrap();
        let mut record = Erasures::open(warehouse.path()).unwrap();
        assert_eq!(record.lines().len(), 1);
        record.append(vec![erasure("2.csv")]).unwrap();
        assert_eq!(Erasures::open(warehouse.path()).unwrap().lines().len(), 2);
    }
}
