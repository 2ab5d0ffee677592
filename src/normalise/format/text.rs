//! Delimited text of every shape: any delimiter, records of several lines, blank records, other encodings.
//!
//! Plain lines of UTF-8 do not come here: [`crate::normalise::csv::Records`] reads them faster.

use std::io::{self, Read};

use super::{Raw, Source};
use crate::normalise::csv::{Fields, Flaw, Place};

/// Longest record that is read.
const LONGEST: usize = 1 << 20;
const CHUNK: usize = 1 << 18;

/// Reads records one after the other, the blank ones too; memory stays flat.
pub(super) struct Text<R> {
    reader: R,
    delimiter: Vec<u8>,
    multi_line: bool,
    /// Bytes are where the delivery has them, so that places may name them.
    in_place: bool,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    line: u64,
    number: u64,
    offset: u64,
    cells: Vec<Cell>,
}

/// A field of a record: where its text stands, and whether a quote in it is doubled.
#[derive(Clone, Copy)]
struct Cell {
    start: usize,
    end: usize,
    doubled: bool,
}

/// What the bytes so far are.
enum Found {
    /// A record of so many bytes, and its line end.
    Record { length: usize, line_end: usize },
    /// The beginning of one.
    Beginning,
    /// A quote where none may be, or one that is not closed.
    Misquoted,
}

impl<R: Read> Text<R> {
    /// Reads from the first byte; a byte-order mark is passed over.
    pub(super) fn new(reader: R, delimiter: char, multi_line: bool, in_place: bool) -> Self {
        let mut bytes = [0; 4];
        let delimiter = delimiter.encode_utf8(&mut bytes).as_bytes().to_vec();
        Self {
            reader,
            delimiter,
            multi_line,
            in_place,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            ended: false,
            line: 0,
            number: 0,
            offset: 0,
            cells: Vec::new(),
        }
    }

    /// Bytes that are held in memory.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.buffer.capacity()
    }

    /// Bytes of the next line with its line end; `None` at the end. A line that is too long is passed over.
    fn line(&mut self) -> io::Result<Option<(usize, bool)>> {
        let mut searched = 0;
        loop {
            let pending = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', pending.get(searched..).unwrap_or_default()) {
                return Ok(Some((searched + at + 1, false)));
            }
            searched = pending.len();
            if self.ended {
                return Ok((searched > 0).then_some((searched, false)));
            }
            if searched > LONGEST {
                return Ok(Some((self.pass_line()?, true)));
            }
            self.fill()?;
        }
    }

    /// Drops a line up to its last bytes in the buffer, whose number is given.
    fn pass_line(&mut self) -> io::Result<usize> {
        loop {
            let pending = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', pending) {
                return Ok(at + 1);
            }
            if self.ended {
                return Ok(pending.len());
            }
            self.offset += pending.len() as u64;
            self.start = self.end;
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < CHUNK / 2 {
            self.buffer.resize(self.buffer.len() + CHUNK, 0);
        }
        match self.reader.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
            Ok(0) => self.ended = true,
            Ok(read) => self.end += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Moves behind `length` bytes and gives the place of those before the line end.
    fn pass(&mut self, length: usize, line_end: usize) -> Place {
        let passed = self.buffer.get(self.start..self.start + length + line_end).unwrap_or_default();
        let lines = memchr::memchr_iter(b'\n', passed).count() as u64;
        // The last line may lack its line end.
        let lines = lines.max(1);
        let place = Place {
            line: self.line + 1,
            offset: if self.in_place { self.offset } else { 0 },
            length: if self.in_place { length as u64 } else { 0 },
        };
        self.line += lines;
        self.offset += (length + line_end) as u64;
        self.start += length + line_end;
        self.number += 1;
        place
    }

    /// The fields of the record at the beginning of the bytes that are pending, up to `limit` of them.
    fn parse(&mut self, limit: usize, all: bool) -> Found {
        self.cells.clear();
        let bytes = self.buffer.get(self.start..self.start + limit).unwrap_or_default();
        let delimiter = self.delimiter.as_slice();
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let (cell, next) = if rest.first() == Some(&b'"') {
                match quoted(bytes, at + 1, all) {
                    Ok(found) => found,
                    Err(found) => return found,
                }
            } else {
                match unquoted(bytes, at, delimiter, all) {
                    Ok(found) => found,
                    Err(found) => return found,
                }
            };
            self.cells.push(cell);
            let rest = bytes.get(next..).unwrap_or_default();
            if rest.starts_with(delimiter) {
                at = next + delimiter.len();
            } else if rest.starts_with(b"\n") {
                return Found::Record { length: next, line_end: 1 };
            } else if rest.starts_with(b"\r\n") {
                return Found::Record { length: next, line_end: 2 };
            } else if rest.is_empty() && all {
                return Found::Record { length: next, line_end: 0 };
            } else if rest == b"\r" && all {
                return Found::Record { length: next, line_end: 1 };
            } else if !all && rest.len() < delimiter.len().max(2) {
                return Found::Beginning;
            } else {
                return Found::Misquoted;
            }
        }
    }

    /// Takes the fields of a record of which the bytes are known.
    fn take(&self, length: usize, fields: &mut Fields) -> Result<(), Flaw> {
        fields.clear();
        let bytes = self.buffer.get(self.start..self.start + length).unwrap_or_default();
        let text = std::str::from_utf8(bytes).map_err(|_| Flaw::Encoding)?;
        if length == 0 {
            return Ok(());
        }
        for cell in &self.cells {
            let text = text.get(cell.start..cell.end).ok_or(Flaw::Encoding)?;
            if cell.doubled {
                fields.push(&text.replace("\"\"", "\""));
            } else {
                fields.push(text);
            }
        }
        Ok(())
    }
}

impl<R: Read + Send> Source for Text<R> {
    fn next(&mut self, fields: &mut Fields) -> io::Result<Option<Raw>> {
        fields.clear();
        let Some((line, too_long)) = self.line()? else { return Ok(None) };
        if self.offset == 0
            && self.buffer.get(self.start..self.end).unwrap_or_default().starts_with(b"\xef\xbb\xbf")
        {
            self.start += 3;
            self.offset = 3;
            return self.next(fields);
        }
        if too_long {
            let place = self.pass(line, 0);
            return Ok(Some(Raw { place, number: self.number, result: Err(Flaw::TooLong) }));
        }
        loop {
            let pending = self.end - self.start;
            let (limit, all) = if self.multi_line { (pending, self.ended) } else { (line, true) };
            match self.parse(limit, all) {
                Found::Record { length, line_end } => {
                    let result = self.take(length, fields);
                    let place = self.pass(length, line_end);
                    return Ok(Some(Raw { place, number: self.number, result }));
                }
                Found::Beginning if pending <= LONGEST => self.fill()?,
                Found::Beginning | Found::Misquoted => {
                    // It costs one line: the next may be a whole record.
                    let text = self.buffer.get(self.start..self.start + line).unwrap_or_default();
                    let length = text.strip_suffix(b"\n").unwrap_or(text).len();
                    let place = self.pass(length, line - length);
                    return Ok(Some(Raw { place, number: self.number, result: Err(Flaw::Quoting) }));
                }
            }
        }
    }
}

/// The field behind an opening quote, and where the text goes on behind its closing one.
fn quoted(bytes: &[u8], start: usize, all: bool) -> Result<(Cell, usize), Found> {
    let mut at = start;
    let mut doubled = false;
    loop {
        let Some(close) = memchr::memchr(b'"', bytes.get(at..).unwrap_or_default()) else {
            return Err(if all { Found::Misquoted } else { Found::Beginning });
        };
        let close = at + close;
        match bytes.get(close + 1) {
            Some(b'"') => {
                doubled = true;
                at = close + 2;
            }
            None if !all => return Err(Found::Beginning),
            _ => return Ok((Cell { start, end: close, doubled }, close + 1)),
        }
    }
}

/// The field up to the next delimiter or line end.
fn unquoted(bytes: &[u8], start: usize, delimiter: &[u8], all: bool) -> Result<(Cell, usize), Found> {
    let first = delimiter.first().copied().unwrap_or(b',');
    let mut at = start;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(found) = memchr::memchr3(first, b'\n', b'"', rest) else {
            let end = bytes.strip_suffix(b"\r").unwrap_or(bytes).len().max(start);
            return if all { Ok((Cell { start, end, doubled: false }, end)) } else { Err(Found::Beginning) };
        };
        let found = at + found;
        let rest = bytes.get(found..).unwrap_or_default();
        if rest.first() == Some(&b'"') {
            return Err(Found::Misquoted);
        }
        if rest.first() == Some(&b'\n') {
            let field = bytes.get(start..found).unwrap_or_default();
            let end = start + field.strip_suffix(b"\r").unwrap_or(field).len();
            return Ok((Cell { start, end, doubled: false }, end));
        }
        if rest.starts_with(delimiter) {
            return Ok((Cell { start, end: found, doubled: false }, found));
        }
        // The first byte of a longer delimiter, within another character.
        at = found + 1;
    }
}
