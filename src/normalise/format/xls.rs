//! XLS: the sheets of the older Excel. Its reader lays every sheet out in memory as a rectangle, so how large these would
//! be is found out first, from the same records.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Cursor, Read};

use calamine::{Data, Reader, SheetType, SheetVisible, Xls};

use super::hand_over::Outbox;
use super::settings::{FormatConfig, FormatLimits};
use super::workbook::{RowsOut, SheetEntry, choose};
use super::{cells, invalid};

/// First bytes of a compound file, the container of the older Office.
pub(super) const SIGNATURE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Name of the stream in which a workbook of any kind lies that is protected by a password: `EncryptedPackage`.
const ENCRYPTED: &[u8] = b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0";

const END_OF_CHAIN: u32 = 0xffff_fffe;

/// Reads a sheet of a workbook.
///
/// # Errors
/// A limit that is passed; a damaged workbook; no such sheet.
pub(super) fn read(file: File, format: &FormatConfig, outbox: &mut Outbox) -> io::Result<()> {
    let limit = format.limits.xml_bytes;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(invalid(format!(
            "the workbook has more than the {limit} bytes that `limits.xml-bytes` allows"
        )));
    }
    if memchr::memmem::find(&bytes, ENCRYPTED).is_some() {
        return Err(invalid("the workbook is protected by a password"));
    }
    measure(&workbook_stream(&bytes)?, &format.limits)?;
    let mut workbook = Xls::new(Cursor::new(bytes)).map_err(unreadable)?;
    let sheets: Vec<SheetEntry> = workbook
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .map(|sheet| SheetEntry { name: sheet.name.clone(), visible: sheet.visible == SheetVisible::Visible })
        .collect();
    let chosen = choose(&sheets, format, outbox)?;
    let Some(sheet) = sheets.get(chosen) else { return Ok(()) };
    let range = workbook.worksheet_range(&sheet.name).map_err(unreadable)?;
    let (first_row, first_column) = range.start().unwrap_or_default();
    let mut rows = RowsOut::new(outbox, &format.limits);
    for (row, column, value) in range.used_cells() {
        let text = match value {
            Data::Empty => continue,
            Data::Int(value) => value.to_string(),
            Data::Float(value) => cells::number(*value),
            Data::String(text) => text.clone(),
            Data::Bool(value) => cells::flag(*value).to_owned(),
            Data::DateTime(value) => cells::date_or_duration(*value, format.durations),
            Data::DateTimeIso(text) => cells::iso_date(text),
            Data::DurationIso(text) => cells::iso_duration(text, format.durations),
            Data::Error(error) => error.to_string(),
        };
        rows.cell(u64::from(first_row) + row as u64, first_column as usize + column, text)?;
    }
    rows.finish()
}

/// What the reader of workbooks reports. Its words may quote the file, so only their kind is told.
fn unreadable(error: calamine::XlsError) -> io::Error {
    match error {
        calamine::XlsError::Io(error) => error,
        calamine::XlsError::Password => invalid("the workbook is protected by a password"),
        _ => damaged(),
    }
}

fn damaged() -> io::Error {
    invalid("the workbook is damaged: its records cannot be read")
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// The stream `Workbook` (or `Book`) of a compound file.
fn workbook_stream(bytes: &[u8]) -> io::Result<Vec<u8>> {
    find_stream(bytes).ok_or_else(damaged)
}

/// A compound file: sectors that follow each other as a table of them says. Source: MS-CFB.
struct Compound<'a> {
    bytes: &'a [u8],
    sector: usize,
    next: Vec<u32>,
}

impl<'a> Compound<'a> {
    fn sector(&self, number: u32) -> Option<&'a [u8]> {
        let start = (number as usize).checked_add(1)?.checked_mul(self.sector)?;
        let end = start.checked_add(self.sector)?.min(self.bytes.len());
        self.bytes.get(start..end)
    }

    /// The sectors of a chain, one behind the other; `None` where it turns back on itself or leaves the file.
    fn chain(&self, first: u32) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        let mut number = first;
        let mut seen = HashSet::new();
        while number != END_OF_CHAIN {
            if !seen.insert(number) {
                return None;
            }
            all.extend_from_slice(self.sector(number)?);
            number = *self.next.get(number as usize)?;
        }
        Some(all)
    }
}

fn find_stream(bytes: &[u8]) -> Option<Vec<u8>> {
    let sector = match u16_at(bytes, 30)? {
        9 => 512,
        12 => 4096,
        _ => return None,
    };
    let mut compound = Compound { bytes, sector, next: Vec::new() };
    // The table of sectors is itself in sectors; the header lists the first 109 of them.
    let mut tables: Vec<u32> = (0..109).map_while(|n| u32_at(bytes, 76 + 4 * n)).collect();
    let mut more = u32_at(bytes, 68)?;
    let mut seen = HashSet::new();
    while more < 0xffff_fffa {
        if !seen.insert(more) {
            return None;
        }
        let list = compound.sector(more)?;
        let numbers = sector / 4 - 1;
        tables.extend((0..numbers).map_while(|n| u32_at(list, 4 * n)));
        more = u32_at(list, 4 * numbers)?;
    }
    let mut once = HashSet::new();
    for table in tables.into_iter().filter(|table| *table < 0xffff_fffa) {
        if !once.insert(table) {
            return None;
        }
        let table = compound.sector(table)?;
        compound.next.extend((0..sector / 4).map_while(|n| u32_at(table, 4 * n)));
    }
    let directory = compound.chain(u32_at(bytes, 48)?)?;
    let entries: Vec<&[u8]> = directory.chunks_exact(128).collect();
    let name = |entry: &[u8]| -> String {
        let units = (0..32).map_while(|n| u16_at(entry, 2 * n)).take_while(|unit| *unit != 0);
        char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect()
    };
    let root = entries.first()?;
    // The small sectors are walked too, though no workbook of a whole sheet lies there, as its reader does.
    let small = if u32_at(bytes, 64)? > 0 {
        let sectors = compound.chain(u32_at(root, 116)?)?;
        let next = compound.chain(u32_at(bytes, 60)?)?;
        Some((sectors, next))
    } else {
        None
    };
    let entry = ["workbook", "book"]
        .iter()
        .find_map(|wanted| entries.iter().find(|entry| name(entry).eq_ignore_ascii_case(wanted)))?;
    let (first, length) = (u32_at(entry, 116)?, u32_at(entry, 120)? as usize);
    if length >= 4096 {
        let mut stream = compound.chain(first)?;
        stream.truncate(length);
        return Some(stream);
    }
    let (sectors, next) = small?;
    let mut stream = Vec::new();
    let mut number = first;
    let mut seen = HashSet::new();
    while number != END_OF_CHAIN && stream.len() < length {
        if !seen.insert(number) {
            return None;
        }
        let start = number as usize * 64;
        stream.extend_from_slice(sectors.get(start..sectors.len().min(start + 64))?);
        number = u32_at(&next, number as usize * 4)?;
    }
    stream.truncate(length);
    Some(stream)
}

/// Adds up the rectangles of all sheets, as their reader will lay them out. Source of the records: MS-XLS.
fn measure(stream: &[u8], limits: &FormatLimits) -> io::Result<()> {
    let mut starts: Vec<usize> = Vec::new();
    for (kind, data) in records(stream, 0) {
        match kind {
            // The list of sheets: where each begins.
            0x0085 => starts.push(u32_at(data, 0).ok_or_else(damaged)? as usize),
            0x000a => break,
            _ => {}
        }
    }
    let mut all = 0_u64;
    let mut read = 0_u64;
    for start in starts {
        let (mut rows, mut columns) = (Span::default(), Span::default());
        let mut depth = 0_u64;
        for (kind, data) in records(stream, start) {
            read += 1;
            // Sheets that share their records would be read again and again.
            if read > limits.cells.saturating_mul(4) {
                return Err(too_large(limits));
            }
            match kind {
                0x0809 => depth += 1,
                0x000a if depth <= 1 => break,
                0x000a => depth -= 1,
                // The rectangle that the sheet says it has.
                0x0200 => {
                    let area = declared(data).ok_or_else(damaged)?;
                    if area > limits.cells {
                        return Err(too_large(limits));
                    }
                }
                0x0203..=0x0205 | 0x00d6 | 0x027e | 0x00fd | 0x0006 | 0x0207 | 0x00bd => {
                    let (Some(row), Some(column)) = (u16_at(data, 0), u16_at(data, 2)) else { continue };
                    rows.take(row);
                    columns.take(column);
                    if kind == 0x00bd {
                        // Several numbers side by side; the last column stands at the end.
                        let several = u16::try_from(data.len().saturating_sub(6) / 6).unwrap_or(u16::MAX);
                        columns.take(column.saturating_add(several));
                    }
                }
                _ => {}
            }
            // Values and formulas are laid out alike.
            if all + rows.length() * columns.length() > limits.cells {
                return Err(too_large(limits));
            }
        }
        all += rows.length() * columns.length();
    }
    Ok(())
}

fn too_large(limits: &FormatLimits) -> io::Error {
    invalid(format!("the sheets span more than the {} cells that `limits.cells` allows", limits.cells))
}

/// Cells of the rectangle that a sheet declares; the reader reserves room for them.
fn declared(data: &[u8]) -> Option<u64> {
    let (first_row, last_row, first_column, last_column) = if data.len() == 10 {
        (u32::from(u16_at(data, 0)?), u32::from(u16_at(data, 2)?), u16_at(data, 4)?, u16_at(data, 6)?)
    } else {
        (u32_at(data, 0)?, u32_at(data, 4)?, u16_at(data, 8)?, u16_at(data, 10)?)
    };
    if last_row < first_row && last_row > 0 {
        return None;
    }
    let first_column = if first_column > 0xff || last_column < first_column { 0 } else { first_column };
    let rows = u64::from(last_row.saturating_sub(first_row));
    let columns = u64::from(last_column.saturating_sub(first_column));
    Some(rows * columns)
}

#[derive(Default, Clone, Copy)]
struct Span {
    bounds: Option<(u16, u16)>,
}

impl Span {
    fn take(&mut self, at: u16) {
        self.bounds = Some(self.bounds.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
    }

    fn length(self) -> u64 {
        self.bounds.map_or(0, |(first, last)| u64::from(last - first) + 1)
    }
}

/// Kind and contents of each record.
fn records(stream: &[u8], start: usize) -> impl Iterator<Item = (u16, &[u8])> {
    let mut at = start;
    std::iter::from_fn(move || {
        let kind = u16_at(stream, at)?;
        let length = u16_at(stream, at.checked_add(2)?)? as usize;
        let data = stream.get(at + 4..(at + 4).checked_add(length)?)?;
        at += 4 + length;
        Some((kind, data))
    })
}
