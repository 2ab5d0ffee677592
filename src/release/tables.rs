//! The tables of every release: their columns, what each means, and how they are filled.

mod feeds;
mod figures;
mod releases;

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono::NaiveDate;

pub use self::feeds::*;
pub use self::figures::*;
pub use self::releases::*;
use super::assessed::{
    ASSESSMENT, COMMENTARY, MILESTONE, SCORECARD, SERIES_BREAK, SIGNAL, SIGNAL_SUMMARY, TARGET,
};

/// One column: name, type, and what it means.
pub struct Column(pub &'static str, pub Kind, pub &'static str);

/// Type of a published column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// A day.
    Day,
    /// A moment, in UTC.
    Moment,
}

/// A table that the product publishes itself.
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What it holds, in words.
    pub title: &'static str,
    /// Its columns, in order.
    pub columns: &'static [Column],
}

use Kind::{Day, Flag, Moment, Number, Text, Whole};

/// The column of nearly every table that names its release.
pub(super) const OF_RELEASE: Column = Column("release", Text, "The release");
/// The column that names a measure.
pub(super) const OF_MEASURE: Column = Column("measure", Text, "Short name of the measure");
/// The column that names a partnership.
pub(super) const OF_PARTNERSHIP: Column = Column("partnership", Text, "Partnership that publishes it");

/// Every table that the product publishes itself.
pub const TABLES: [&Table; 23] = [
    &OUTTURN,
    &ASSESSMENT,
    &SIGNAL,
    &SIGNAL_SUMMARY,
    &SCORECARD,
    &TARGET,
    &SERIES_BREAK,
    &COMMENTARY,
    &MILESTONE,
    &MEASURE,
    &AREA,
    &PERIOD,
    &FEED_DELIVERY,
    &FEED_STATUS,
    &QUARANTINE_SUMMARY,
    &AGREEMENT,
    &REVISION,
    &WITHDRAWN,
    &DISCLOSURE,
    &WAIVER,
    &SIGN_OFF,
    &RELEASE_CALENDAR,
    &RELEASE,
];

impl Table {
    /// Its columns, with what each means in their metadata.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|Column(name, kind, about)| {
                let kind = match kind {
                    Text => DataType::Utf8,
                    Whole => DataType::Int64,
                    Number => DataType::Float64,
                    Flag => DataType::Boolean,
                    Day => DataType::Date32,
                    // Parquet knows no seconds; readers would take them for plain numbers.
                    Moment => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
                };
                Field::new(*name, kind, true)
                    .with_metadata([("description".to_owned(), (*about).to_owned())].into())
            })
            .collect();
        Arc::new(Schema::new(fields))
    }

    pub(super) fn batch(&self, columns: Vec<ArrayRef>) -> Result<RecordBatch, arrow::error::ArrowError> {
        RecordBatch::try_new(self.schema(), columns)
    }
}

pub(super) fn text<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// Text in which an empty one is no value.
pub(super) fn some_text<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> ArrayRef {
    let values: Vec<S> = values.into_iter().collect();
    Arc::new(values.iter().map(|v| Some(v.as_ref()).filter(|v| !v.is_empty())).collect::<StringArray>())
}

pub(super) fn whole(values: impl IntoIterator<Item = Option<u64>>) -> ArrayRef {
    Arc::new(values.into_iter().map(|n| n.and_then(|n| i64::try_from(n).ok())).collect::<Int64Array>())
}

pub(super) fn flags(values: impl IntoIterator<Item = bool>) -> ArrayRef {
    Arc::new(values.into_iter().map(Some).collect::<BooleanArray>())
}

pub(super) fn some_days(values: impl IntoIterator<Item = Option<NaiveDate>>) -> ArrayRef {
    let since = |day: NaiveDate| day.signed_duration_since(NaiveDate::default()).num_days();
    let values = values.into_iter().map(|day| day.and_then(|day| i32::try_from(since(day)).ok()));
    Arc::new(values.collect::<Date32Array>())
}

pub(super) fn days(values: impl IntoIterator<Item = NaiveDate>) -> ArrayRef {
    some_days(values.into_iter().map(Some))
}

pub(super) fn same<'a>(value: &'a str, rows: usize) -> ArrayRef {
    let values: std::iter::RepeatN<&'a str> = std::iter::repeat_n(value, rows);
    text(values)
}
