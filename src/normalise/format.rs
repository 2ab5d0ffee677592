//! Deliveries as records, whatever their format: the first record is the header, each has its place in the delivery.
//!
//! A reader of bytes (`Source`) gives every record that it finds, title rows and footnotes among them; `table` finds
//! the heading and the end of the table; `unpivot` makes a wide table long. Plain lines of UTF-8 take none of these
//! steps.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use self::settings::{FormatConfig, FormatKind, TextEncoding};
use super::csv::{Fields, Flaw, Place, Records};
use crate::landing::{Delivery, Landing};

mod cells;
mod encoding;
mod hand_over;
mod json;
mod ods;
mod parquet;
pub mod settings;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod unpivot;
mod workbook;
mod xls;
mod xlsx;
mod xml;

/// Yields the records of a delivery one after the other, the header first.
pub trait RecordReader: Send {
    /// The next record into `fields`, with its place; `None` at the end.
    ///
    /// A record that cannot be read is a flaw at its place, and the next one follows.
    ///
    /// # Errors
    /// What makes the rest of the delivery unreadable, such as a truncated archive.
    fn next(&mut self, fields: &mut Fields) -> io::Result<Option<(Place, Result<(), Flaw>)>>;

    /// What a reader of the delivery's report should know, such as how much stood below the table; complete once all
    /// records were read. Empty: nothing.
    fn note(&self) -> String {
        String::new()
    }
}

impl<R: Read + Send> RecordReader for Records<R> {
    fn next(&mut self, fields: &mut Fields) -> io::Result<Option<(Place, Result<(), Flaw>)>> {
        Records::next(self, fields)
    }
}

/// Yields all that stands in a delivery, record by record: titles, headings, notes and blank records among the others.
trait Source: Send {
    fn next(&mut self, fields: &mut Fields) -> io::Result<Option<Raw>>;

    /// As [`RecordReader::note`].
    fn note(&self) -> String {
        String::new()
    }
}

/// A record as it stands.
#[derive(Clone, Copy)]
struct Raw {
    place: Place,
    /// Its number as a person would count it: the row of a sheet, or the record of a text, blank ones counted.
    number: u64,
    result: Result<(), Flaw>,
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
    if format.is_plain() {
        let reader = text_only(landing.read(delivery, limit)?)?;
        return Ok(Box::new(Records::new(reader, u8::try_from(format.delimiter).unwrap_or(b','))));
    }
    let table = table::Table::new(source(landing, delivery, format, limit)?, format)?;
    Ok(match &format.unpivot {
        Some(unpivot) => Box::new(unpivot::Unpivot::new(table, unpivot)?),
        None => Box::new(table),
    })
}

/// The same records, read ahead in a thread of their own.
///
/// # Errors
/// No thread can be started.
pub fn ahead(records: Box<dyn RecordReader>) -> io::Result<Box<dyn RecordReader>> {
    Ok(Box::new(hand_over::ahead(records)?))
}

/// The record of a delivery at a place, as text for a person: its bytes where the place names some, else its fields.
///
/// # Errors
/// As [`open`]; a place at which no record stands.
pub fn record_at(
    landing: &Landing,
    delivery: &Delivery,
    format: &FormatConfig,
    limit: u64,
    place: Place,
) -> io::Result<String> {
    if place.length > 0 {
        let mut reader = landing.read(delivery, limit)?;
        io::copy(&mut reader.by_ref().take(place.offset), &mut io::sink())?;
        let mut bytes = Vec::new();
        reader.take(place.length.min(1 << 20)).read_to_end(&mut bytes)?;
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    let mut source = source(landing, delivery, format, limit)?;
    let mut fields = Fields::default();
    while let Some(raw) = source.next(&mut fields)? {
        if raw.place.line == place.line && raw.number > 0 {
            let fields: Vec<String> = fields.iter().map(quoted).collect();
            return Ok(fields.join(","));
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, format!("no record {} is in the delivery", place.line)))
}

/// A field as a line of text would have it.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

fn source(
    landing: &Landing,
    delivery: &Delivery,
    format: &FormatConfig,
    limit: u64,
) -> io::Result<Box<dyn Source>> {
    let read = || landing.read(delivery, limit);
    match format.kind {
        FormatKind::Csv => text_source(read, format),
        FormatKind::Workbook => workbook::open(seekable(landing, delivery, limit)?, format),
        FormatKind::Json => json::documents(text_only(read()?)?, format),
        FormatKind::Ndjson => Ok(json::lines(text_only(read()?)?, format)),
        FormatKind::Parquet => parquet::open(seekable(landing, delivery, limit)?, format, limit),
    }
}

fn text_source(
    read: impl Fn() -> io::Result<Box<dyn Read + Send>>,
    format: &FormatConfig,
) -> io::Result<Box<dyn Source>> {
    let encoding = match format.encoding {
        TextEncoding::Auto => encoding::recognise(text_only(read()?)?)?,
        told => told,
    };
    let reader = text_only(read()?)?;
    let text: Box<dyn Source> = if encoding == TextEncoding::Utf8 {
        Box::new(text::Text::new(reader, format.delimiter, format.multi_line, true))
    } else {
        let reader = encoding::Decoded::new(reader, encoding)?;
        Box::new(text::Text::new(reader, format.delimiter, format.multi_line, false))
    };
    Ok(if format.encoding == TextEncoding::Auto && encoding != TextEncoding::Utf8 {
        Box::new(Noted { source: text, note: format!("read as {}", encoding.name()) })
    } else {
        text
    })
}

/// A source with something to say.
struct Noted {
    source: Box<dyn Source>,
    note: String,
}

impl Source for Noted {
    fn next(&mut self, fields: &mut Fields) -> io::Result<Option<Raw>> {
        self.source.next(fields)
    }

    fn note(&self) -> String {
        self.note.clone()
    }
}

/// The reader again, unless its first bytes are those of something that is not text.
fn text_only(mut reader: impl Read + Send) -> io::Result<impl Read + Send> {
    let mut head = [0; 8];
    let mut filled = 0;
    while filled < head.len() {
        match reader.read(head.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let known = head.get(..filled).unwrap_or_default();
    let found = if known.starts_with(b"PK\x03\x04") || known.starts_with(b"PK\x05\x06") {
        "a ZIP archive or a workbook: an archive needs `member` in its feed, a workbook `kind = \"workbook\"`"
    } else if known.starts_with(xls::SIGNATURE) {
        "an older Office file: a workbook needs `kind = \"workbook\"`"
    } else if known.starts_with(b"PAR1") {
        "Parquet, which needs `kind = \"parquet\"`"
    } else {
        return Ok(io::Cursor::new(known.to_vec()).chain(reader));
    };
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("expected text, found {found}")))
}

/// The unpacked delivery as a file: the landed one itself where it is not packed, else an unnamed copy.
fn seekable(landing: &Landing, delivery: &Delivery, limit: u64) -> io::Result<File> {
    if let Some(file) = landing.unpacked_file(delivery)? {
        return Ok(file);
    }
    let mut copy = tempfile::tempfile_in(landing.incoming()?)?;
    io::copy(&mut landing.read(delivery, limit)?, &mut copy)?;
    copy.seek(SeekFrom::Start(0))?;
    Ok(copy)
}

/// An error that says what is wrong with the bytes.
fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}
