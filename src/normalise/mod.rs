//! Bytes become typed rows under a contract. A row that breaks it waits in quarantine, with the rule and its place; a
//! delivery that breaks it as a whole is refused, and the one before it stays.

mod columns;
pub mod contract;
pub mod csv;
pub(crate) mod dates;
pub mod drift;
mod field;
pub mod format;
pub(crate) mod header;
mod keys;
pub mod masked;
pub mod month;
mod month_of;
pub mod person;
mod reading;
mod rows;
mod rules;
mod seen;
pub(crate) mod special;
pub mod split;
pub mod standing;
mod verdict;

use std::hash::{BuildHasher, Hasher};

use serde::{Deserialize, Serialize};

/// Changes when the same bytes would become other rows; part of every file name in the datasets.
pub const VERSION: &str = "1";

/// A fast digest for finding repeats within one run; never stored.
#[must_use]
pub fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let mut hasher = foldhash::quality::FixedState::with_seed(seed).build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// What became of one delivery. `received` = `accepted` + `duplicate` + `quarantined`, always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryReport {
    /// The delivery.
    pub delivery: crate::landing::Delivery,
    /// Whether its rows are in the dataset.
    pub status: DeliveryStatus,
    /// Why it was refused or held, or what a reader should know; empty when there is nothing to say.
    pub note: String,
    /// Rows that it brought.
    pub received: u64,
    /// Rows in the dataset.
    pub accepted: u64,
    /// Rows that repeat an accepted one.
    pub duplicate: u64,
    /// Rows in quarantine; all of them when the delivery was refused or held.
    pub quarantined: u64,
    /// Quarantined rows by rule.
    pub rules: std::collections::BTreeMap<String, u64>,
    /// Quarantined rows by rule that somebody knows of and that no longer count as open.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub acknowledged: std::collections::BTreeMap<String, u64>,
    /// Rows by waiver that it let in, or that it acknowledges.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub waived: std::collections::BTreeMap<String, u64>,
    /// One bit for each day of the month that its rows tell, the first day being the lowest; 0 where days are not told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub days: u32,
    /// What its supplier should know of it: how it differs from what was agreed or from what is usual.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Rows that this month had in the delivery before, where this one tells the month anew and otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restated: Option<u64>,
    /// When the rows were erased under a retention rule; the counts are those of before. Absent: they are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<chrono::NaiveDate>,
}

impl DeliveryReport {
    /// That of a delivery none of whose rows was looked at.
    #[must_use]
    pub fn new(delivery: crate::landing::Delivery, status: DeliveryStatus, note: String) -> Self {
        Self {
            delivery,
            status,
            note,
            received: 0,
            accepted: 0,
            duplicate: 0,
            quarantined: 0,
            rules: std::collections::BTreeMap::new(),
            acknowledged: std::collections::BTreeMap::new(),
            waived: std::collections::BTreeMap::new(),
            days: 0,
            findings: Vec::new(),
            restated: None,
            erased: None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How a delivery differs from what was agreed or from what is usual. It holds no value of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// What it is: `new_column`, `missing_column`, `renamed_column`, `reordered_columns`, `type_flip`, `new_code`,
    /// `unusual_row_count`, `quarantined_share`, `partial_period` and the like.
    pub rule: String,
    /// Header of the column that it is about; empty where it is about the delivery as a whole.
    pub column: String,
    /// Rows concerned; 0 where it is not about rows.
    pub rows: u64,
    /// What was expected and what came, in words for the supplier.
    pub detail: String,
}

/// Whether the rows of a delivery are in the dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// They are.
    Accepted,
    /// It breaks the contract as a whole.
    Refused,
    /// Too many of its rows break the contract; someone must look at it.
    Held,
}

impl DeliveryStatus {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Held => "held",
        }
    }
}

/// One row that is set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Position of its delivery in the month.
    pub delivery: usize,
    /// Where it stands in the unpacked delivery.
    pub place: csv::Place,
    /// Name of the rule that it breaks.
    pub rule: String,
    /// Column of the delivery that breaks it; empty when the row as a whole does.
    pub column: String,
    /// What was expected and found.
    pub detail: String,
}
