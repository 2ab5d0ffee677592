//! Deliveries as records, whatever their format: the first record is the header, each has its place in the delivery.

use std::io::{self, Read};

use super::csv::{Fields, Flaw, Place, Records};
use crate::config::settings::FormatConfig;
use crate::landing::{Delivery, Landing};

/// Yields the records of a delivery one after the other, the header first.
pub trait RecordReader {
    /// The next record into `fields`, with its place; `None` at the end.
    ///
    /// A record that cannot be read is a flaw at its place, and the next one follows.
    ///
    /// # Errors
    /// What makes the rest of the delivery unreadable, such as a truncated archive.
    fn next(&mut self, fields: &mut Fields) -> io::Result<Option<(Place, Result<(), Flaw>)>>;
}

impl<R: Read> RecordReader for Records<R> {
    fn next(&mut self, fields: &mut Fields) -> io::Result<Option<(Place, Result<(), Flaw>)>> {
        Records::next(self, fields)
    }
}

/// Opens a delivery in the format that its contract names.
///
/// `limit` is the largest number of bytes that it may unpack to.
///
/// # Errors
/// What the file system, the archive or the format's reader reports.
pub fn open(
    landing: &Landing,
    delivery: &Delivery,
    format: &FormatConfig,
    limit: u64,
) -> io::Result<Box<dyn RecordReader>> {
    let reader = landing.read(delivery, limit)?;
    Ok(Box::new(Records::new(reader, u8::try_from(format.delimiter).unwrap_or(b','))))
}
