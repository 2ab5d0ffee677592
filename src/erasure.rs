//! What was erased under a retention rule: an append-only record, each line chained to the one before by its digest.
//!
//! `landing/erasures.jsonl` has one line for each file of a month whose rows were erased. The line of the delivery in
//! `deliveries.jsonl` stays, so the file is known and not taken again; its bytes and rows are gone. Of a feed that brings
//! many months at once the rows go month by month, and the bytes of an edition by a line of their own.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::durable;
use crate::landing::Delivery;
use crate::normalise::DeliveryReport;
use crate::period::Month;

/// `previous` of the first line.
const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a line is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Erased {
    /// The rows of a file of one month, and its bytes.
    #[default]
    File,
    /// The rows that a file of many months had in this one; its bytes hold other months too.
    Rows,
    /// The bytes of one edition of a file of many months.
    Bytes,
}

impl Erased {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_file(&self) -> bool {
        *self == Self::File
    }
}

/// One line: what was erased of a file.
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
    /// What of the file. Absent: `file`.
    #[serde(default, skip_serializing_if = "Erased::is_file")]
    pub what: Erased,
    /// The feed.
    pub feed: String,
    /// Dataset that the rows were in.
    pub dataset: String,
    /// Month that the rows were about; with `bytes` the month in which the file was received.
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

    /// Whether the bytes of a delivery were erased.
    #[must_use]
    pub fn has_bytes_of(&self, delivery: &Delivery) -> bool {
        bytes_erased(&self.lines, delivery)
    }

    /// What was erased of a feed's rows, by month and file.
    #[must_use]
    pub fn of_feed(&self, feed: &str) -> BTreeMap<(Month, String), Erasure> {
        let lines = self.lines.iter().filter(|line| line.feed == feed && line.what != Erased::Bytes);
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

/// Whether these lines erase the bytes of a delivery.
#[must_use]
pub fn bytes_erased<'a>(lines: impl IntoIterator<Item = &'a Erasure>, delivery: &Delivery) -> bool {
    lines.into_iter().any(|line| {
        let same = line.feed == delivery.feed && line.period == delivery.period && line.file == delivery.file;
        same && match line.what {
            Erased::File => true,
            Erased::Rows => false,
            Erased::Bytes => line.deliveries.contains(&delivery.sha256),
        }
    })
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
            what: Erased::File,
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
