//! CSV as RFC 4180 has it, read a byte at a time. It shares nothing with the product's own reader, so that the two can
//! be held against each other.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

/// Calls `each` with the fields of every record, the header's first. Records end with LF or CRLF; a quoted field may
/// hold line feeds, commas and doubled quotes.
pub(crate) fn for_each_record(text: &[u8], mut each: impl FnMut(&[&str])) {
    let mut at = 0;
    let mut unquoted = String::new();
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if !line.contains(&b'"') {
            let line = str::from_utf8(line).expect("the file is UTF-8");
            let fields: Vec<&str> = line.strip_suffix('\r').unwrap_or(line).split(',').collect();
            each(&fields);
            at += line.len() + 1;
            continue;
        }
        // Fields of a record with quotes, put together in one text and cut apart at the end.
        unquoted.clear();
        let mut ends = Vec::new();
        let mut quoted = false;
        let mut bytes = Vec::new();
        loop {
            let byte = text.get(at).copied();
            at += 1;
            match (byte, quoted) {
                (Some(b'"'), true) if text.get(at) == Some(&b'"') => {
                    bytes.push(b'"');
                    at += 1;
                }
                (Some(b'"'), _) => quoted = !quoted,
                (Some(b','), false) => ends.push(bytes.len()),
                (Some(b'\r'), false) if text.get(at) == Some(&b'\n') => {}
                (Some(b'\n') | None, false) => break,
                (None, true) => panic!("a quote that is not closed"),
                (Some(byte), _) => bytes.push(byte),
            }
        }
        ends.push(bytes.len());
        unquoted.push_str(str::from_utf8(&bytes).expect("the file is UTF-8"));
        let mut start = 0;
        let fields: Vec<&str> = ends
            .into_iter()
            .map(|end| {
                let field = unquoted.get(start..end).unwrap_or_default();
                start = end;
                field
            })
            .collect();
        each(&fields);
    }
}

/// A table in memory: small files and answers of the program.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// One row of a [`Table`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    columns: &'a [String],
    fields: &'a [String],
}

impl<'a> Row<'a> {
    /// The field under a heading.
    pub(crate) fn get(self, column: &str) -> &'a str {
        let at = self.columns.iter().position(|name| name == column);
        let at = at.unwrap_or_else(|| panic!("no column {column:?} among {:?}", self.columns));
        self.fields.get(at).map_or("", String::as_str)
    }

    /// The field as a count; empty is no answer, which differs from 0.
    pub(crate) fn count(self, column: &str) -> Option<u64> {
        let text = self.get(column);
        (!text.is_empty()).then(|| text.parse().expect("a count is a whole number"))
    }

    /// The field as a number; empty is no answer.
    pub(crate) fn number(self, column: &str) -> Option<f64> {
        let text = self.get(column);
        (!text.is_empty()).then(|| text.parse().expect("a number"))
    }
}

impl Table {
    /// The records from the first in which every heading of `wanted` stands; what is before it is a preamble.
    pub(crate) fn read(text: &[u8], wanted: &[&str]) -> Self {
        let mut table = Self { columns: Vec::new(), rows: Vec::new() };
        for_each_record(text, |fields| {
            let owned = || fields.iter().map(|field| (*field).to_owned()).collect();
            if !table.columns.is_empty() {
                table.rows.push(owned());
            } else if wanted.iter().all(|name| fields.contains(name)) {
                table.columns = owned();
            }
        });
        table
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|fields| Row { columns: &self.columns, fields })
    }

    /// The only row that `fits`.
    pub(crate) fn only(&self, what: &str, fits: impl Fn(Row<'_>) -> bool) -> Row<'_> {
        let mut found = self.rows().filter(|row| fits(*row));
        let row = found.next().unwrap_or_else(|| panic!("no row for {what}"));
        assert!(found.next().is_none(), "two rows for {what}");
        row
    }

    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column == name)
    }
}
