//! ODS: the rows of one sheet, streamed out of `content.xml`. A cell or a row that is told to repeat is repeated only
//! where it holds something, and within the limits.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use super::hand_over::Outbox;
use super::settings::FormatConfig;
use super::workbook::{RowsOut, SheetEntry, choose, damaged};
use super::xml::{Piece, Xml};
use super::{cells, invalid};

/// Reads a sheet of a document.
///
/// # Errors
/// A limit that is passed; a damaged document; no such sheet.
pub(super) fn read(
    archive: &mut zip::ZipArchive<BufReader<File>>,
    format: &FormatConfig,
    outbox: &mut Outbox,
) -> io::Result<()> {
    let sheets = sheets(&mut content(archive, format)?)?;
    let chosen = choose(&sheets, format, outbox)?;
    let mut xml = content(archive, format)?;
    let mut number = 0;
    loop {
        match xml.next()? {
            Piece::End => return Err(invalid("the workbook is damaged: its sheet has no end")),
            Piece::Open if xml.name() == "table:table" => {
                if number == chosen {
                    return sheet(&mut xml, format, RowsOut::new(outbox, &format.limits));
                }
                number += 1;
                pass(&mut xml)?;
            }
            _ => {}
        }
    }
}

/// `content.xml`, bounded.
fn content<'a>(
    archive: &'a mut zip::ZipArchive<BufReader<File>>,
    format: &FormatConfig,
) -> io::Result<Xml<impl BufRead + use<'a>>> {
    let part = archive.by_name("content.xml").map_err(damaged)?;
    if part.encrypted() {
        return Err(invalid("the workbook is protected by a password"));
    }
    let bounded =
        Bounded { packed: part.compressed_size(), reader: part, read: 0, limit: format.limits.xml_bytes };
    Ok(Xml::new(BufReader::with_capacity(1 << 16, bounded), format.limits.field_bytes))
}

/// Stops at the limits of size and ratio.
struct Bounded<R> {
    reader: R,
    packed: u64,
    read: u64,
    limit: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.read += read as u64;
        if self.read > self.limit {
            return Err(invalid(format!(
                "the workbook unpacks to more than the {} bytes that `limits.xml-bytes` allows",
                self.limit
            )));
        }
        crate::landing::check_ratio(self.packed, self.read)?;
        Ok(read)
    }
}

/// The sheets of a document, in their order.
fn sheets(xml: &mut Xml<impl BufRead>) -> io::Result<Vec<SheetEntry>> {
    let mut hidden: HashSet<String> = HashSet::new();
    let mut style = String::new();
    let mut sheets = Vec::new();
    loop {
        match xml.next()? {
            Piece::End => return Ok(sheets),
            Piece::Open => match xml.name() {
                "style:style" => xml.attribute("style:name").unwrap_or_default().clone_into(&mut style),
                "style:table-properties" if xml.attribute("table:display") == Some("false") => {
                    hidden.insert(style.clone());
                }
                "table:table" => {
                    let name = xml.attribute("table:name").unwrap_or_default().to_owned();
                    let style = xml.attribute("table:style-name").unwrap_or_default();
                    sheets.push(SheetEntry { name, visible: !hidden.contains(style) });
                    if sheets.len() > 10_000 {
                        return Err(invalid("the workbook has more than 10000 sheets"));
                    }
                    pass(xml)?;
                }
                _ => {}
            },
            _ => {}
        }
    }
}

/// Passes over the rest of the element that was opened last.
fn pass(xml: &mut Xml<impl BufRead>) -> io::Result<()> {
    let mut depth = 1_u64;
    while depth > 0 {
        match xml.next()? {
            Piece::Open => depth += 1,
            Piece::Close => depth -= 1,
            Piece::Text => {}
            Piece::End => return Err(invalid("the workbook is damaged: an element has no end")),
        }
    }
    Ok(())
}

/// The rows of a sheet, whose tag was opened last.
fn sheet(xml: &mut Xml<impl BufRead>, format: &FormatConfig, mut rows: RowsOut<'_>) -> io::Result<()> {
    let mut row = 0_u64;
    loop {
        match xml.next()? {
            Piece::Open => match xml.name() {
                "table:table-row" => {
                    let repeated = repetition(xml, "table:number-rows-repeated")?;
                    let cells = cells_of_row(xml, format)?;
                    if !cells.is_empty() {
                        for again in 0..repeated {
                            for (column, text) in &cells {
                                rows.cell(row + again, *column, text.clone())?;
                            }
                        }
                    }
                    row = row.saturating_add(repeated);
                }
                // These only gather rows.
                "table:table-rows" | "table:table-header-rows" | "table:table-row-group" => {}
                _ => pass(xml)?,
            },
            Piece::Close if xml.name() == "table:table" => return rows.finish(),
            Piece::Close | Piece::Text => {}
            Piece::End => return Err(invalid("the workbook is damaged: its sheet has no end")),
        }
    }
}

fn repetition(xml: &Xml<impl BufRead>, name: &str) -> io::Result<u64> {
    match xml.attribute(name) {
        None => Ok(1),
        Some(text) => text
            .trim()
            .parse::<u32>()
            .map(u64::from)
            .map_err(|_| invalid("the workbook is damaged: a repetition is not a number")),
    }
}

/// Column and text of each filled cell of the row whose tag was opened last.
fn cells_of_row(xml: &mut Xml<impl BufRead>, format: &FormatConfig) -> io::Result<Vec<(usize, String)>> {
    let mut cells: Vec<(usize, String)> = Vec::new();
    let mut column = 0_usize;
    let mut bytes = 0;
    loop {
        match xml.next()? {
            Piece::Open => {
                let is_cell = matches!(xml.name(), "table:table-cell" | "table:covered-table-cell");
                if !is_cell {
                    pass(xml)?;
                    continue;
                }
                let repeated = repetition(xml, "table:number-columns-repeated")?;
                let repeated = usize::try_from(repeated).unwrap_or(usize::MAX);
                let text = cell(xml, format)?;
                if !text.is_empty() {
                    // One beyond the limit is enough for the limit to be noticed.
                    let within = repeated.min((format.limits.columns + 1).saturating_sub(column)).max(1);
                    for again in 0..within {
                        bytes += text.len();
                        if bytes > 4 * super::hand_over::LONGEST {
                            return Err(invalid("a row of the workbook is too long"));
                        }
                        cells.push((column + again, text.clone()));
                    }
                }
                column = column.saturating_add(repeated);
            }
            Piece::Close if xml.name() == "table:table-row" => return Ok(cells),
            Piece::Close | Piece::Text => {}
            Piece::End => return Err(invalid("the workbook is damaged: a row has no end")),
        }
    }
}

/// What a typed value is.
enum Value {
    Told(String),
    /// The text that is shown.
    Shown,
}

/// The text of the cell whose tag was opened last.
fn cell(xml: &mut Xml<impl BufRead>, format: &FormatConfig) -> io::Result<String> {
    let kind = xml.attribute("office:value-type").unwrap_or_default();
    let is_error = xml.attribute("calcext:value-type") == Some("error");
    let attribute = |name: &str| xml.attribute(name).map(str::to_owned);
    let told = match kind {
        _ if is_error => None,
        "float" | "currency" | "percentage" => {
            attribute("office:value").map(|text| text.trim().parse().map_or(text, cells::number))
        }
        "date" => attribute("office:date-value").map(|text| cells::iso_date(&text)),
        "time" => attribute("office:time-value").map(|text| cells::iso_duration(&text, format.durations)),
        "boolean" => attribute("office:boolean-value").map(|text| cells::flag(text == "true").to_owned()),
        _ => attribute("office:string-value"),
    };
    let value = told.map_or(Value::Shown, Value::Told);
    let shown = shown(xml, format.limits.field_bytes)?;
    Ok(match value {
        Value::Told(text) => text,
        Value::Shown => shown,
    })
}

/// The paragraphs of a cell, one a line. Notes and drawings that hang on it are not its text.
fn shown(xml: &mut Xml<impl BufRead>, longest: usize) -> io::Result<String> {
    let mut text = String::new();
    let mut depth = 1_u64;
    let mut paragraphs = 0;
    let mut in_paragraph = 0_u64;
    while depth > 0 {
        match xml.next()? {
            Piece::Open => {
                match xml.name() {
                    "text:p" => {
                        if paragraphs > 0 {
                            text.push('\n');
                        }
                        paragraphs += 1;
                        in_paragraph = depth + 1;
                    }
                    "text:s" => {
                        let count =
                            xml.attribute("text:c").and_then(|text| text.parse().ok()).unwrap_or(1_usize);
                        text.extend(std::iter::repeat_n(' ', count.min(1000)));
                    }
                    "text:tab" => text.push('\t'),
                    "text:line-break" => text.push('\n'),
                    name if name.starts_with("text:") => {}
                    _ => {
                        pass(xml)?;
                        continue;
                    }
                }
                depth += 1;
            }
            Piece::Close => {
                if depth == in_paragraph {
                    in_paragraph = 0;
                }
                depth -= 1;
            }
            Piece::Text if in_paragraph > 0 => text.push_str(xml.text()),
            Piece::Text => {}
            Piece::End => return Err(invalid("the workbook is damaged: a cell has no end")),
        }
        if text.len() > longest {
            return Err(invalid(format!(
                "a cell has more bytes than the {longest} that `limits.field-bytes` allows"
            )));
        }
    }
    Ok(text)
}
