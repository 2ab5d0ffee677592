//! Workbooks: which program's they are, which sheet is meant, and its cells as records.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use regex::Regex;

use super::hand_over::{self, Outbox};
use super::settings::{FormatConfig, FormatLimits, HEADER_ROWS};
use super::{Source, invalid, ods, xls, xlsx};
use crate::normalise::csv::{Fields, Place};

/// Opens a workbook of any of the known kinds, told apart by its bytes.
///
/// # Errors
/// Another file; what the file system reports. A damaged workbook is reported when its records are read.
pub(super) fn open(mut file: File, format: &FormatConfig) -> io::Result<Box<dyn Source>> {
    let mut head = [0; 8];
    let mut filled = 0;
    while filled < head.len() {
        match file.read(head.get_mut(filled..).unwrap_or_default())? {
            0 => break,
            read => filled += read,
        }
    }
    file.seek(SeekFrom::Start(0))?;
    let head = head.get(..filled).unwrap_or_default();
    let format = format.clone();
    let reader = if head.starts_with(xls::SIGNATURE) {
        hand_over::start("XLS workbook", move |outbox| xls::read(file, &format, outbox))
    } else if head.starts_with(b"PK\x03\x04") {
        let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(damaged)?;
        if archive.index_for_name("content.xml").is_some() {
            hand_over::start("ODS workbook", move |outbox| ods::read(&mut archive, &format, outbox))
        } else if archive.index_for_name("xl/workbook.bin").is_some() {
            return Err(invalid("an XLSB workbook cannot be read: save it as XLSX"));
        } else {
            hand_over::start("XLSX workbook", move |outbox| xlsx::read(archive, &format, outbox))
        }
    } else {
        return Err(invalid("expected a workbook (XLSX, XLS or ODS), found another file"));
    };
    Ok(Box::new(reader?))
}

/// What an archive reports, without its details.
pub(super) fn damaged(error: zip::result::ZipError) -> io::Error {
    match error {
        zip::result::ZipError::Io(error) => error,
        error => invalid(format!("the workbook is damaged: {error}")),
    }
}

/// A sheet as the workbook lists it.
pub(super) struct SheetEntry {
    pub(super) name: String,
    pub(super) visible: bool,
}

/// The place in the list of the sheet that the settings name.
///
/// # Errors
/// None, or several; the message lists the visible ones.
pub(super) fn choose(sheets: &[SheetEntry], format: &FormatConfig, outbox: &mut Outbox) -> io::Result<usize> {
    let visible: Vec<(usize, &SheetEntry)> =
        sheets.iter().enumerate().filter(|(_, sheet)| sheet.visible).collect();
    let listed = || {
        let names: Vec<String> = visible
            .iter()
            .take(30)
            .map(|(_, sheet)| format!("`{}`", crate::normalise::field::clip(&sheet.name)))
            .collect();
        names.join(", ")
    };
    if let Some(wanted) = &format.sheet {
        return sheets
            .iter()
            .position(|sheet| sheet.name == *wanted)
            .ok_or_else(|| invalid(format!("no sheet is named `{wanted}`; the sheets are {}", listed())));
    }
    if let Some(pattern) = &format.sheet_like {
        let regex = Regex::new(pattern).map_err(io::Error::other)?;
        let mut found = visible.iter().filter(|(_, sheet)| regex.is_match(&sheet.name));
        return match (found.next(), found.count()) {
            (Some((number, sheet)), 0) => {
                outbox.note(format!("read from sheet `{}`", sheet.name))?;
                Ok(*number)
            }
            (Some(_), more) => Err(invalid(format!(
                "{} sheets match `{pattern}`, expected one; the sheets are {}",
                more + 1,
                listed()
            ))),
            (None, _) => Err(invalid(format!("no sheet matches `{pattern}`; the sheets are {}", listed()))),
        };
    }
    let number = format.sheet_number.unwrap_or(1);
    visible.get(number.saturating_sub(1)).map(|(number, _)| *number).ok_or_else(|| {
        invalid(format!("the workbook has {} visible sheets, so there is no sheet {number}", visible.len()))
    })
}

/// Makes records of the cells of a sheet, which come row by row, and keeps to the limits.
pub(super) struct RowsOut<'a> {
    outbox: &'a mut Outbox,
    limits: &'a FormatLimits,
    row: u64,
    /// Column, from 0, and text of each filled cell of the row.
    cells: Vec<(usize, String)>,
    filled: u64,
    last_given: u64,
}

impl<'a> RowsOut<'a> {
    pub(super) fn new(outbox: &'a mut Outbox, limits: &'a FormatLimits) -> Self {
        Self { outbox, limits, row: 0, cells: Vec::new(), filled: 0, last_given: 0 }
    }

    /// Takes a cell; `row` and `column` count from 0. An empty one is none.
    ///
    /// # Errors
    /// A limit is passed; a row that comes after a later one.
    pub(super) fn cell(&mut self, row: u64, column: usize, text: String) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let limits = self.limits;
        if row >= limits.rows {
            return Err(too_much("row", row + 1, "rows", limits.rows));
        }
        if column >= limits.columns {
            return Err(too_much("column", column as u64 + 1, "columns", limits.columns as u64));
        }
        if text.len() > limits.field_bytes {
            return Err(invalid(format!(
                "the cell in row {}, column {} has more bytes than the {} that `limits.field-bytes` allows",
                row + 1,
                column + 1,
                limits.field_bytes
            )));
        }
        self.filled += 1;
        if self.filled > limits.cells {
            return Err(invalid(format!(
                "the sheet has more than the {} filled cells that `limits.cells` allows",
                limits.cells
            )));
        }
        if row != self.row {
            if row < self.row {
                return Err(invalid("the workbook is damaged: its rows are not in order"));
            }
            self.flush()?;
            self.row = row;
        }
        self.cells.push((column, text));
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.cells.is_empty() {
            return Ok(());
        }
        let number = self.row + 1;
        // However many rows are blank, as many blank records tell it as a heading may span.
        for blank in number.saturating_sub(HEADER_ROWS as u64).max(self.last_given + 1)..number {
            self.give(blank, &Fields::default())?;
        }
        self.cells.sort_by_key(|(column, _)| *column);
        let mut fields = Fields::default();
        for (column, text) in self.cells.drain(..) {
            while fields.len() < column {
                fields.push("");
            }
            // A second cell at the same place is damage that the row's width will show.
            fields.push(&text);
        }
        self.give(number, &fields)
    }

    fn give(&mut self, number: u64, fields: &Fields) -> io::Result<()> {
        self.last_given = number;
        self.outbox.push(Place { line: number, offset: 0, length: 0 }, number, Ok(()), fields)
    }

    /// Gives the last row.
    ///
    /// # Errors
    /// Nobody wants further records.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()
    }
}

fn too_much(what: &str, found: u64, setting: &str, allowed: u64) -> io::Error {
    invalid(format!(
        "a cell with text stands in {what} {found}, beyond the {allowed} that `limits.{setting}` allows"
    ))
}
