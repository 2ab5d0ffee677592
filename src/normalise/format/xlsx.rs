//! XLSX: the archive is measured before it is read, then the cells of one sheet are streamed.

use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};

use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx, XlsxError};

use super::hand_over::Outbox;
use super::settings::{FormatConfig, FormatLimits};
use super::workbook::{RowsOut, SheetEntry, choose, damaged};
use super::{cells, invalid};

/// Largest number of members of the archive.
const MEMBERS: usize = 10_000;

/// Largest number of elements in a part that is held in memory as a whole, such as the styles.
const ELEMENTS: u64 = 1_000_000;

/// Reads a sheet of a workbook.
///
/// # Errors
/// A limit that is passed; a damaged workbook; no such sheet.
pub(super) fn read(
    mut archive: zip::ZipArchive<BufReader<File>>,
    format: &FormatConfig,
    outbox: &mut Outbox,
) -> io::Result<()> {
    measure(&mut archive, &format.limits)?;
    let mut file = archive.into_inner();
    file.seek(SeekFrom::Start(0))?;
    let mut workbook = Xlsx::new(file).map_err(unreadable)?;
    let sheets: Vec<SheetEntry> = workbook
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .map(|sheet| SheetEntry { name: sheet.name.clone(), visible: sheet.visible == SheetVisible::Visible })
        .collect();
    let chosen = choose(&sheets, format, outbox)?;
    let Some(sheet) = sheets.get(chosen) else { return Ok(()) };
    let mut reader = workbook.worksheet_cells_reader(&sheet.name).map_err(unreadable)?;
    let mut rows = RowsOut::new(outbox, &format.limits);
    while let Some(cell) = reader.next_cell().map_err(unreadable)? {
        let (row, column) = cell.get_position();
        let text = match cell.get_value() {
            DataRef::Empty => continue,
            DataRef::Int(value) => value.to_string(),
            DataRef::Float(value) => cells::number(*value),
            DataRef::String(text) => text.clone(),
            DataRef::SharedString(text) => (*text).to_owned(),
            DataRef::Bool(value) => cells::flag(*value).to_owned(),
            DataRef::DateTime(value) => cells::date_or_duration(*value, format.durations),
            DataRef::DateTimeIso(text) => cells::iso_date(text),
            DataRef::DurationIso(text) => cells::iso_duration(text, format.durations),
            DataRef::Error(error) => error.to_string(),
        };
        rows.cell(u64::from(row), column as usize, text)?;
    }
    rows.finish()
}

/// What the reader of workbooks reports. Its words may quote the file, so only their kind is told.
fn unreadable(error: XlsxError) -> io::Error {
    match error {
        XlsxError::Io(error) => error,
        XlsxError::Zip(error) => damaged(error),
        XlsxError::Password => invalid("the workbook is protected by a password"),
        XlsxError::NotAWorksheet(_) => invalid("the sheet holds no cells: it is a chart or a dialogue"),
        _ => invalid("the workbook is damaged: its XML cannot be read"),
    }
}

/// Unpacks every part once and drops it, to know how much there is before anything is held in memory.
fn measure(archive: &mut zip::ZipArchive<BufReader<File>>, limits: &FormatLimits) -> io::Result<()> {
    if archive.len() > MEMBERS {
        return Err(invalid(format!("the workbook has {} members, more than {MEMBERS}", archive.len())));
    }
    let mut total = 0;
    for number in 0..archive.len() {
        let part = archive.by_index(number).map_err(damaged)?;
        let name = part.name().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        // Pictures and the like are not read.
        let ending = name.rsplit('.').next().unwrap_or_default();
        if !["xml", "rels"].contains(&ending) {
            continue;
        }
        let packed = part.compressed_size();
        let streamed = name.starts_with("xl/worksheets/");
        let strings = name.ends_with("sharedstrings.xml");
        let mut measured =
            Measured { largest: limits.field_bytes.saturating_mul(6) as u64, ..Measured::default() };
        let mut part = BufReader::with_capacity(1 << 16, part);
        loop {
            let read = measured.read(&mut part)?;
            if read == 0 {
                break;
            }
            total += read;
            if total > limits.xml_bytes {
                return Err(invalid(format!(
                    "the workbook unpacks to more than the {} bytes that `limits.xml-bytes` allows",
                    limits.xml_bytes
                )));
            }
            crate::landing::check_ratio(packed, measured.bytes)?;
            if measured.run > measured.largest {
                return Err(invalid(format!(
                    "the workbook holds a text of more bytes than the {} that `limits.field-bytes` allows",
                    limits.field_bytes
                )));
            }
        }
        let allowed = if strings { limits.cells.saturating_mul(4) } else { ELEMENTS };
        if !streamed && measured.tags > allowed.max(ELEMENTS) {
            return Err(invalid(format!("a part of the workbook has more than {allowed} elements")));
        }
    }
    Ok(())
}

#[derive(Default)]
struct Measured {
    bytes: u64,
    tags: u64,
    /// Bytes since the last tag began.
    run: u64,
    largest: u64,
}

impl Measured {
    fn read(&mut self, part: &mut impl io::BufRead) -> io::Result<u64> {
        let chunk = part.fill_buf()?;
        let read = chunk.len();
        let mut last = None;
        let mut longest = 0;
        for at in memchr::memchr_iter(b'<', chunk) {
            self.tags += 1;
            let run = last.map_or(self.run + at as u64, |last: usize| (at - last) as u64);
            longest = longest.max(run);
            last = Some(at);
        }
        let tail = last.map_or(self.run + read as u64, |last| (read - last) as u64);
        self.run = if longest > self.largest { longest } else { tail };
        self.bytes += read as u64;
        part.consume(read);
        Ok(read as u64)
    }
}
