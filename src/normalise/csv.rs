//! Splits delimited text into records, each with its line and its place in the file.
//!
//! A record is a line: a quoted field may hold delimiters and doubled quotes, but no line end. A quote that is never
//! closed therefore costs one line, not the rest of the file.

use std::io::{self, Read};

/// Longest line that is read; a longer one is a [`Flaw::TooLong`].
const LONGEST_LINE: usize = 1 << 20;
const CHUNK: usize = 1 << 20;

/// Why a line is not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Not UTF-8.
    Encoding,
    /// A quote that is not closed, or text behind a closing quote.
    Quoting,
    /// Longer than a mebibyte.
    TooLong,
    /// Another number of fields than the heading has, where the format needs to know which is which.
    Width,
    /// Not JSON.
    Syntax,
    /// A list or an object where the format names a field.
    Structure,
}

impl Flaw {
    /// A number that stands for it in a file.
    pub(super) fn number(self) -> u64 {
        match self {
            Self::Encoding => 0,
            Self::Quoting => 1,
            Self::TooLong => 2,
            Self::Width => 3,
            Self::Syntax => 4,
            Self::Structure => 5,
        }
    }

    pub(super) fn of_number(number: u64) -> Option<Self> {
        [Self::Encoding, Self::Quoting, Self::TooLong, Self::Width, Self::Syntax, Self::Structure]
            .into_iter()
            .find(|flaw| flaw.number() == number)
    }
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Number of the line, from 1, the header included.
    pub line: u64,
    /// Byte offset of its start in the (unpacked) file.
    pub offset: u64,
    /// Bytes without the line end.
    pub length: u64,
}

/// The fields of one record.
#[derive(Debug, Default)]
pub struct Fields {
    /// The line, or its unquoted fields one behind the other.
    text: String,
    spans: Vec<(u32, u32)>,
}

impl Fields {
    /// Number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no field, as before the first record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The text of a field; empty where the record has no such field.
    #[must_use]
    pub fn get(&self, number: usize) -> &str {
        self.spans
            .get(number)
            .and_then(|(start, end)| self.text.get(*start as usize..*end as usize))
            .unwrap_or("")
    }

    /// All fields in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|number| self.get(number))
    }

    /// Takes the fields of a record that was not read from a line of text.
    pub fn set<S: AsRef<str>>(&mut self, fields: impl IntoIterator<Item = S>) {
        self.clear();
        for field in fields {
            self.push(field.as_ref());
        }
    }

    /// Drops all fields.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.text.clear();
    }

    /// Adds a field behind the others.
    pub fn push(&mut self, field: &str) {
        if !self.spans.is_empty() {
            // As a line has it, so that the digest tells `ab` and nothing from `a` and `b`.
            self.text.push(',');
        }
        let start = index(self.text.len());
        self.text.push_str(field);
        self.spans.push((start, index(self.text.len())));
    }

    /// Bytes of all fields and what stands between them.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The fields with what stands between them, and where each begins and ends in it.
    pub(super) fn parts(&self) -> (&str, &[(u32, u32)]) {
        (&self.text, &self.spans)
    }

    /// Takes what [`Fields::parts`] gave.
    pub(super) fn copy_from(&mut self, text: &str, spans: &[(u32, u32)]) {
        self.clear();
        self.text.push_str(text);
        self.spans.extend_from_slice(spans);
    }

    /// A number that is the same for records with the same fields, however they are quoted.
    #[must_use]
    pub fn digest(&self) -> u64 {
        // The spans of an unquoted line leave out the delimiters, those of a quoted one were laid with them.
        crate::normalise::hash(0, self.text.as_bytes())
    }
}

/// Reads records one after the other; memory stays flat.
pub struct Records<R> {
    reader: R,
    delimiter: u8,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    line: u64,
    offset: u64,
}

impl<R: Read> Records<R> {
    /// Reads from the first byte of a file; a byte-order mark is passed over.
    pub fn new(reader: R, delimiter: u8) -> Self {
        let buffer = vec![0; CHUNK];
        Self { reader, delimiter, buffer, start: 0, end: 0, ended: false, line: 0, offset: 0 }
    }

    /// The next record into `fields`; `None` at the end. Empty lines are passed over.
    ///
    /// # Errors
    /// What the reader reports, such as a truncated gzip stream.
    pub fn next(&mut self, fields: &mut Fields) -> io::Result<Option<(Place, Result<(), Flaw>)>> {
        loop {
            let Some((start, end, too_long)) = self.next_line()? else { return Ok(None) };
            let mut line = self.buffer.get(start..end).unwrap_or_default();
            let mut offset = self.offset;
            self.offset += (self.start - start) as u64;
            self.line += 1;
            if let Some(rest) = line.strip_suffix(b"\r") {
                line = rest;
            }
            if self.line == 1
                && let Some(rest) = line.strip_prefix(b"\xef\xbb\xbf")
            {
                line = rest;
                offset += 3;
            }
            if line.is_empty() && !too_long {
                continue;
            }
            let place = Place { line: self.line, offset, length: line.len() as u64 };
            if too_long {
                return Ok(Some((place, Err(Flaw::TooLong))));
            }
            return Ok(Some((place, split(line, self.delimiter, fields))));
        }
    }

    /// Bounds of the next line in the buffer, without its line feed; moves `self.start` behind it.
    fn next_line(&mut self) -> io::Result<Option<(usize, usize, bool)>> {
        let mut searched = 0;
        loop {
            let pending = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', pending.get(searched..).unwrap_or_default()) {
                let start = self.start;
                let end = start + searched + at;
                self.start = end + 1;
                return Ok(Some((start, end, false)));
            }
            searched = pending.len();
            if self.ended {
                if searched == 0 {
                    return Ok(None);
                }
                let start = self.start;
                self.start = self.end;
                return Ok(Some((start, self.end, false)));
            }
            if searched > LONGEST_LINE {
                return self.skip_line().map(Some);
            }
            self.fill()?;
        }
    }

    /// Passes over the rest of a line that is too long to be one.
    fn skip_line(&mut self) -> io::Result<(usize, usize, bool)> {
        loop {
            let pending = self.buffer.get(self.start..self.end).unwrap_or_default();
            match memchr::memchr(b'\n', pending) {
                Some(at) => {
                    let start = self.start;
                    self.start += at + 1;
                    return Ok((start, start, true));
                }
                None if self.ended => {
                    let start = self.start;
                    self.start = self.end;
                    return Ok((start, start, true));
                }
                None => {
                    self.offset += pending.len() as u64;
                    self.start = self.end;
                    self.fill()?;
                }
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < CHUNK / 2 {
            self.buffer.resize(self.buffer.len() + CHUNK, 0);
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        match self.reader.read(free) {
            Ok(0) => self.ended = true,
            Ok(read) => self.end += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn split(line: &[u8], delimiter: u8, fields: &mut Fields) -> Result<(), Flaw> {
    fields.spans.clear();
    fields.text.clear();
    let text = std::str::from_utf8(line).map_err(|_| Flaw::Encoding)?;
    if memchr::memchr(b'"', line).is_some() {
        return split_quoted(text, delimiter, fields);
    }
    fields.text.push_str(text);
    let mut start = 0;
    for at in memchr::memchr_iter(delimiter, line) {
        fields.spans.push((start, index(at)));
        start = index(at) + 1;
    }
    fields.spans.push((start, index(line.len())));
    Ok(())
}

/// Lays the unquoted fields behind each other with delimiters between, as an unquoted line would have them.
fn split_quoted(line: &str, delimiter: u8, fields: &mut Fields) -> Result<(), Flaw> {
    let mut rest = line;
    loop {
        let start = index(fields.text.len());
        if let Some(quoted) = rest.strip_prefix('"') {
            rest = quoted;
            loop {
                let close = rest.find('"').ok_or(Flaw::Quoting)?;
                fields.text.push_str(rest.get(..close).unwrap_or_default());
                rest = rest.get(close + 1..).unwrap_or_default();
                match rest.strip_prefix('"') {
                    Some(after) => {
                        fields.text.push('"');
                        rest = after;
                    }
                    None => break,
                }
            }
        } else {
            let end = memchr::memchr(delimiter, rest.as_bytes()).unwrap_or(rest.len());
            let field = rest.get(..end).unwrap_or_default();
            if field.contains('"') {
                return Err(Flaw::Quoting);
            }
            fields.text.push_str(field);
            rest = rest.get(end..).unwrap_or_default();
        }
        fields.spans.push((start, index(fields.text.len())));
        if rest.is_empty() {
            return Ok(());
        }
        rest = rest.strip_prefix(char::from(delimiter)).ok_or(Flaw::Quoting)?;
        fields.text.push(char::from(delimiter));
    }
}

/// Offsets fit in 32 bits because lines are at most a mebibyte long.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Read = (Place, Result<Vec<String>, Flaw>);

    fn read(text: &[u8]) -> Vec<Read> {
        let mut records = Records::new(text, b',');
        let mut fields = Fields::default();
        let mut all = Vec::new();
        while let Some((place, result)) = records.next(&mut fields).unwrap() {
            all.push((place, result.map(|()| fields.iter().map(str::to_owned).collect())));
        }
        all
    }

    fn values(text: &[u8]) -> Vec<Result<Vec<String>, Flaw>> {
        read(text).into_iter().map(|(_, result)| result).collect()
    }

    #[expect(clippy::unnecessary_wraps, reason = "compared with what the reader yields")]
    fn row(fields: &[&str]) -> Result<Vec<String>, Flaw> {
        Ok(fields.iter().map(|f| (*f).to_owned()).collect())
    }

    #[test]
    fn empty_fields_at_the_end_of_a_line_are_fields() {
        assert_eq!(
            values(b"a,b,c\n1,,\n,,3\n"),
            [row(&["a", "b", "c"]), row(&["1", "", ""]), row(&["", "", "3"])]
        );
    }

    #[test]
    fn quoted_fields_hold_delimiters_and_doubled_quotes() {
        assert_eq!(values(b"\"a,b\",\"say \"\"hi\"\"\",c\n"), [row(&["a,b", "say \"hi\"", "c"])]);
        assert_eq!(values(b"\"\",x,\"\"\n"), [row(&["", "x", ""])]);
    }

    #[test]
    fn a_quote_that_is_not_closed_costs_one_line() {
        assert_eq!(values(b"a,\"b\n1,2\n"), [Err(Flaw::Quoting), row(&["1", "2"])]);
        assert_eq!(values(b"a\"b,c\n\"a\"b,c\n"), [Err(Flaw::Quoting), Err(Flaw::Quoting)]);
    }

    #[test]
    fn a_line_that_is_not_utf_8_costs_one_line() {
        assert_eq!(values(b"a,\xa3\n1,2\n"), [Err(Flaw::Encoding), row(&["1", "2"])]);
    }

    #[test]
    fn places_point_at_the_bytes_of_the_line() {
        let text = b"\xef\xbb\xbfh,i\r\n\n1,2\r\n3,4";
        let read = read(text);
        let lines: Vec<u64> = read.iter().map(|(place, _)| place.line).collect();
        assert_eq!(lines, [1, 3, 4]);
        for (place, result) in &read {
            let start = usize::try_from(place.offset).unwrap();
            let bytes = &text[start..start + usize::try_from(place.length).unwrap()];
            assert_eq!(std::str::from_utf8(bytes).unwrap(), result.as_ref().unwrap().join(","));
        }
    }

    #[test]
    fn a_line_longer_than_a_mebibyte_is_passed_over_and_the_next_is_read_at_its_place() {
        let mut text = vec![b'x'; LONGEST_LINE * 3];
        text.extend_from_slice(b"\n1,2\n");
        let read = read(&text);
        assert_eq!(read[0].1, Err(Flaw::TooLong));
        assert_eq!(read[1].1, row(&["1", "2"]));
        assert_eq!(read[1].0.offset, (LONGEST_LINE * 3 + 1) as u64);
    }

    #[test]
    fn the_same_fields_have_the_same_digest_however_they_are_quoted() {
        let digest = |text: &[u8]| {
            let mut fields = Fields::default();
            Records::new(text, b',').next(&mut fields).unwrap().unwrap().1.unwrap();
            fields.digest()
        };
        assert_eq!(digest(b"a,b,c\n"), digest(b"\"a\",b,\"c\"\n"));
        assert_ne!(digest(b"a,b,c\n"), digest(b"a,,bc\n"));
    }

    proptest! {
        #[test]
        fn what_is_written_quoted_is_read_back(rows in prop::collection::vec(prop::collection::vec("[^\r\n]{0,8}", 2..5), 1..6)) {
            let mut text = String::new();
            for row in &rows {
                let quoted: Vec<String> = row.iter().map(|f| format!("\"{}\"", f.replace('"', "\"\""))).collect();
                text.push_str(&quoted.join(","));
                text.push('\n');
            }
            let read = values(text.as_bytes());
            let expected: Vec<Result<Vec<String>, Flaw>> = rows.into_iter().map(Ok).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn any_bytes_are_read_to_the_end_and_no_byte_is_counted_twice(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let read = read(&bytes);
            let mut behind = 0;
            for (place, _) in read {
                prop_assert!(place.offset >= behind);
                behind = place.offset + place.length;
            }
            prop_assert!(behind <= bytes.len() as u64);
        }
    }
}
