//! Reads landed deliveries once more under the present files, without keeping a row: what would become of them now.

use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;

use crate::config::settings::Policy;
use crate::landing::Landing;
use crate::normalise::DeliveryReport;
use crate::normalise::month::{MonthJob, NormaliseError, Nowhere, normalise};
use crate::processors::{self, Processors};

/// What would become of the deliveries of a month.
#[derive(Debug, Clone, Default)]
pub struct Rejudged {
    /// One a delivery.
    pub reports: Vec<DeliveryReport>,
    /// Rows that would be set aside, in order of feed, file and line; one with line 0 is a delivery as a whole.
    pub rows: Vec<RejectedRow>,
}

/// One row that is set aside: where it stands and why, without any of its values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RejectedRow {
    /// Its feed.
    pub feed: String,
    /// Base name of its file.
    pub file: String,
    /// First digits of the digest of its delivery.
    pub delivery: String,
    /// Line in the file, from 1.
    pub line: i64,
    /// The rule that it breaks.
    pub rule: String,
    /// Column of the delivery; empty where the row as a whole breaks it.
    pub column: String,
}

/// Judges the deliveries of a month.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn rejudge(job: &MonthJob, landing: &Landing) -> Result<Rejudged, NormaliseError> {
    let processors = Processors::new(processors::available());
    let result = normalise(job, landing, &processors, &mut Nowhere)?;
    let mut rows = rejected_rows(&result.quarantine);
    rows.sort();
    Ok(Rejudged { reports: result.reports, rows })
}

/// The same for one feed alone, each row by itself: however many break the contract, the delivery is not held for it.
///
/// # Errors
/// As [`rejudge`].
pub fn each_row_of(job: &MonthJob, feed: &str, landing: &Landing) -> Result<Rejudged, NormaliseError> {
    let mut job = job.clone();
    job.slots.retain(|slot| slot.feed.id == feed);
    for slot in &mut job.slots {
        let mut lenient = slot.feed.as_ref().clone();
        lenient.hold_above_quarantined_share = 1.0;
        lenient.drift.new_column = Policy::Warn;
        lenient.drift.reordered_columns = Policy::Warn;
        lenient.drift.type_flip = Policy::Warn;
        lenient.drift.new_code = Policy::Warn;
        slot.feed = Arc::new(lenient);
        slot.deliveries.truncate(1);
    }
    rejudge(&job, landing)
}

/// The rows of a quarantine.
pub(crate) fn rejected_rows(batch: &RecordBatch) -> Vec<RejectedRow> {
    let texts = |name: &str| {
        let column = batch.column_by_name(name)?;
        arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).ok()
    };
    let lines = batch.column_by_name("line").and_then(|column| column.as_primitive_opt::<Int64Type>());
    let (Some(feed), Some(file), Some(delivery), Some(line)) =
        (texts("feed"), texts("source_file"), texts("delivery"), lines)
    else {
        return Vec::new();
    };
    let (Some(rule), Some(column)) = (texts("reason"), texts("column")) else { return Vec::new() };
    let of = |array: &dyn arrow::array::Array, row: usize| {
        let array = array.as_string::<i32>();
        if array.is_null(row) { String::new() } else { array.value(row).to_owned() }
    };
    (0..batch.num_rows())
        .map(|row| RejectedRow {
            feed: of(&feed, row),
            file: of(&file, row),
            delivery: of(&delivery, row),
            line: line.value(row),
            rule: of(&rule, row),
            column: of(&column, row),
        })
        .collect()
}
