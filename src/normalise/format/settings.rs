//! `[format]` of a contract, as the officer who fills it in reads it.

use std::collections::BTreeMap;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most records of which a heading is made.
pub(super) const HEADER_ROWS: usize = 8;

/// `[format]` of a contract: how the files of its feeds are laid out. Absent: text in UTF-8 with commas, the heading in
/// the first line, one record a line.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct FormatConfig {
    /// What the files are. Packing is recognised by itself: gzip or zstd around any of them, and the feed's `member` of
    /// a ZIP archive.
    pub kind: FormatKind,
    /// What stands between the fields of a line of text: `,`, `;`, `|`, `\t` or any other character.
    pub delimiter: char,
    /// How text is encoded.
    pub encoding: TextEncoding,
    /// A quoted field may hold line ends. Otherwise a quote that is not closed in its line costs that line.
    pub multi_line: bool,
    /// Sheet of a workbook, by its name; a hidden one too. Absent, like the two settings below: the first visible sheet.
    pub sheet: Option<String>,
    /// Sheet of a workbook, by a regular expression that the name of exactly one visible sheet matches.
    pub sheet_like: Option<String>,
    /// Sheet of a workbook, by its place among the visible ones, from 1.
    pub sheet_number: Option<usize>,
    /// Record in which the heading begins, from 1, blank ones counted; in a workbook the number of the row. Records
    /// above it are left out. Absent: the first record that is not blank.
    pub header_row: Option<u64>,
    /// Instead of `header-row`: the heading is the first record that holds all of these names, as the contract has them.
    pub header_contains: Vec<String>,
    /// How many records the heading is made of. The upper ones are filled to the right, as merged cells are, and joined
    /// with those below.
    pub header_rows: usize,
    /// Which of these records say nothing of the columns, such as a line of totals or a blank one: 1 is the uppermost.
    pub header_ignore: Vec<usize>,
    /// What stands between the parts of a heading that is made of several records.
    pub header_separator: String,
    /// Regular expressions for the first field: at a record that matches one of them the table has ended.
    pub stop_at: Vec<String>,
    /// The table ends at the first blank record below the heading. Otherwise blank records are passed over.
    pub stop_at_blank: bool,
    /// The table ends at the first record with fewer filled fields than this.
    pub stop_below_fields: usize,
    /// Regular expressions for the first field: a record that matches one of them, such as a total or a group's title, is
    /// left out.
    pub skip_rows: Vec<String>,
    /// A record with fewer filled fields than this is left out.
    pub skip_below_fields: usize,
    /// Add empty fields to a record that has fewer than the heading. Otherwise such a record is quarantined. Rows of a
    /// workbook are always made as wide as the heading.
    pub pad_short_rows: bool,
    /// Take blanks off both ends of every field.
    pub trim: bool,
    /// Columns in which an empty field means the value above it, as under merged cells.
    pub fill_down: Vec<String>,
    /// How lengths of time in a workbook, and those of `duration-columns`, are written.
    pub durations: DurationText,
    /// Columns of text in which a spreadsheet wrote lengths of time as dates, such as `1899-12-31T00:05:46Z`.
    pub duration_columns: Vec<String>,
    /// Where the list of records stands in a JSON document, as a JSON pointer such as `/data/items`. Absent: the document
    /// is the list, or one record. Several documents may stand one behind the other, as paged answers do.
    pub records: String,
    /// Fields of a JSON record, each by its dotted path, such as `outcome_status.category`, or as a JSON pointer where a
    /// name itself holds a dot. They are the header, in this order. One that none of the first thousand records has is
    /// missing from the header.
    pub fields: Vec<String>,
    /// Further fields of a JSON record that may be missing from every record of a delivery.
    pub optional_fields: Vec<String>,
    /// Makes a wide table long.
    pub unpivot: Option<UnpivotConfig>,
    /// Further columns with the same text in every record, by name.
    pub constants: BTreeMap<String, String>,
    /// Bounds beyond which a delivery is refused.
    pub limits: FormatLimits,
}

impl Default for FormatConfig {
    fn default() -> Self {
        Self {
            kind: FormatKind::Csv,
            delimiter: ',',
            encoding: TextEncoding::Utf8,
            multi_line: false,
            sheet: None,
            sheet_like: None,
            sheet_number: None,
            header_row: None,
            header_contains: Vec::new(),
            header_rows: 1,
            header_ignore: Vec::new(),
            header_separator: " ".to_owned(),
            stop_at: Vec::new(),
            stop_at_blank: false,
            stop_below_fields: 0,
            skip_rows: Vec::new(),
            skip_below_fields: 0,
            pad_short_rows: false,
            trim: false,
            fill_down: Vec::new(),
            durations: DurationText::Clock,
            duration_columns: Vec::new(),
            records: String::new(),
            fields: Vec::new(),
            optional_fields: Vec::new(),
            unpivot: None,
            constants: BTreeMap::new(),
            limits: FormatLimits::default(),
        }
    }
}

/// What the files of a feed are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FormatKind {
    /// Delimited text.
    #[default]
    Csv,
    /// A spreadsheet: XLSX, XLS or ODS, told apart by its bytes.
    Workbook,
    /// JSON: a list of records in a document, or in several documents one behind the other.
    Json,
    /// JSON, one record a line.
    Ndjson,
    /// Parquet.
    Parquet,
}

/// How text is encoded. A byte-order mark is passed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum TextEncoding {
    /// UTF-8; a line that is not UTF-8 is quarantined.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16 in the order of its byte-order mark; without one, little-endian.
    #[serde(rename = "utf-16")]
    Utf16,
    /// UTF-16, little-endian.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, big-endian.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Windows-1252, also called ANSI or Western European.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// UTF-16 where the file begins so, else UTF-8 where all of it is UTF-8, else Windows-1252. Which it was stands in
    /// the note of the delivery.
    #[serde(rename = "auto")]
    Auto,
}

impl TextEncoding {
    /// The name that people know it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16 => "UTF-16",
            Self::Utf16Le => "UTF-16 (little-endian)",
            Self::Utf16Be => "UTF-16 (big-endian)",
            Self::Windows1252 => "Windows-1252",
            Self::Auto => "auto",
        }
    }
}

/// How a length of time is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DurationText {
    /// `00:05:46`; hours may go beyond 24.
    #[default]
    Clock,
    /// `346`.
    Seconds,
}

/// `[format.unpivot]`: one record for each of several columns, in place of one record that holds them side by side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct UnpivotConfig {
    /// Columns that every new record keeps.
    pub keep: Vec<String>,
    /// Columns that become records. Absent, like `columns-like`: all that are not kept.
    pub columns: Vec<String>,
    /// A regular expression for the headings of the columns that become records; the others are left out.
    pub columns_like: Option<String>,
    /// Column that takes the heading.
    pub name_to: Option<String>,
    /// Column that takes the value.
    pub value_to: String,
    /// A regular expression with named groups, such as `(?<sex>Female|Male) aged (?<age>.+)`: each group becomes a
    /// column that takes its part of the heading.
    pub split: Option<String>,
    /// Make no record of an empty field.
    pub skip_empty: bool,
}

/// `[format.limits]`: bounds beyond which a delivery is refused, so that no file can exhaust the machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FormatLimits {
    /// Rows of a sheet.
    pub rows: u64,
    /// Columns of a sheet, or of the heading of a table.
    pub columns: usize,
    /// Filled cells of a sheet.
    pub cells: u64,
    /// Bytes of all XML in a workbook once it is unpacked; of an XLS file as it is.
    pub xml_bytes: u64,
    /// Bytes of one field.
    pub field_bytes: usize,
    /// Lists and objects within each other in a JSON document.
    pub depth: usize,
}

impl Default for FormatLimits {
    fn default() -> Self {
        Self {
            rows: 1_000_000,
            columns: 500,
            cells: 5_000_000,
            xml_bytes: 512 << 20,
            field_bytes: 1 << 20,
            depth: 64,
        }
    }
}

impl FormatConfig {
    /// Whether the files are lines of UTF-8 text with the heading in the first, which are read without any detour.
    pub(in crate::normalise) fn is_plain(&self) -> bool {
        let plain = Self { delimiter: self.delimiter, limits: self.limits.clone(), ..Self::default() };
        self.delimiter.is_ascii() && *self == plain
    }

    /// What is wrong with the settings, each with the key that it stands under.
    #[must_use]
    pub fn flaws(&self) -> Vec<(&'static [&'static str], String)> {
        let mut flaws: Vec<(&'static [&'static str], String)> = Vec::new();
        let mut flaw = |key: &'static [&'static str], message: String| flaws.push((key, message));
        if ['"', '\n', '\r'].contains(&self.delimiter) {
            flaw(&["delimiter"], "a quote or a line end cannot stand between fields".to_owned());
        }
        let lists: [(&'static [&'static str], &[String]); 2] =
            [(&["stop-at"], &self.stop_at), (&["skip-rows"], &self.skip_rows)];
        for (key, patterns) in lists {
            for pattern in patterns {
                if let Some(message) = not_a_pattern(pattern) {
                    flaw(key, message);
                }
            }
        }
        if let Some(message) = self.sheet_like.as_deref().and_then(not_a_pattern) {
            flaw(&["sheet-like"], message);
        }
        let told = [self.sheet.is_some(), self.sheet_like.is_some(), self.sheet_number.is_some()];
        if told.iter().filter(|told| **told).count() > 1 {
            flaw(&["sheet"], "a sheet is told by one of `sheet`, `sheet-like` and `sheet-number`".to_owned());
        }
        if told.contains(&true) && self.kind != FormatKind::Workbook {
            flaw(&["sheet"], "only `kind = \"workbook\"` has sheets".to_owned());
        }
        if self.sheet_number == Some(0) {
            flaw(&["sheet-number"], "sheets are counted from 1".to_owned());
        }
        if self.header_row == Some(0) {
            flaw(&["header-row"], "records are counted from 1".to_owned());
        }
        if self.header_row.is_some() && !self.header_contains.is_empty() {
            flaw(
                &["header-row"],
                "the heading is found by `header-row` or by `header-contains`, not by both".to_owned(),
            );
        }
        if !(1..=HEADER_ROWS).contains(&self.header_rows) {
            flaw(
                &["header-rows"],
                format!("expected 1 to {HEADER_ROWS} records, found {}", self.header_rows),
            );
        }
        if self.header_ignore.iter().any(|row| !(1..=self.header_rows).contains(row))
            || self.header_ignore.len() >= self.header_rows && !self.header_ignore.is_empty()
        {
            flaw(
                &["header-ignore"],
                "expected some of the records that `header-rows` counts, not all".to_owned(),
            );
        }
        let is_json = matches!(self.kind, FormatKind::Json | FormatKind::Ndjson);
        if is_json && self.fields.is_empty() {
            flaw(&["kind"], "JSON needs `fields`: the paths of the fields to read".to_owned());
        }
        let told = !(self.fields.is_empty() && self.optional_fields.is_empty() && self.records.is_empty());
        if told && !is_json {
            flaw(&["fields"], "`fields`, `optional-fields` and `records` belong to JSON".to_owned());
        }
        if !self.records.is_empty() && !self.records.starts_with('/') {
            flaw(&["records"], format!("expected a JSON pointer such as `/data`, found `{}`", self.records));
        }
        if let Some(unpivot) = &self.unpivot {
            unpivot.flaws(&mut flaw);
        }
        flaws
    }
}

impl UnpivotConfig {
    fn flaws(&self, flaw: &mut impl FnMut(&'static [&'static str], String)) {
        if self.value_to.is_empty() {
            flaw(&["unpivot"], "`value-to` is missing: the column that takes the values".to_owned());
        }
        if self.name_to.is_none() && self.split.is_none() {
            flaw(&["unpivot"], "`name-to` or `split` is missing: where the headings go".to_owned());
        }
        if self.columns_like.is_some() && !self.columns.is_empty() {
            flaw(&["unpivot", "columns"], "either `columns` or `columns-like`, not both".to_owned());
        }
        if let Some(message) = self.columns_like.as_deref().and_then(not_a_pattern) {
            flaw(&["unpivot", "columns-like"], message);
        }
        if let Some(split) = &self.split {
            match Regex::new(split) {
                Err(_) => flaw(&["unpivot", "split"], not_a_pattern(split).unwrap_or_default()),
                Ok(pattern) if pattern.capture_names().flatten().next().is_none() => {
                    flaw(&["unpivot", "split"], format!("`{split}` has no named group such as `(?<age>.+)`"));
                }
                Ok(_) => {}
            }
        }
    }
}

fn not_a_pattern(pattern: &str) -> Option<String> {
    Regex::new(pattern).err().map(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("`{pattern}` is not a regular expression: {reason}")
    })
}
