//! Finds the table in what stands in a delivery: its heading below titles, its end above notes, its columns.

use std::collections::VecDeque;
use std::io;

use regex::RegexSet;

use super::cells::duration_written_as_date;
use super::settings::{FormatConfig, FormatKind};
use super::{RecordReader, Source, invalid};
use crate::normalise::csv::{Fields, Flaw, Place};

/// How many records are looked at for a heading that is told by its names.
const SEARCHED: u64 = 1000;

/// A record that may be part of the heading: its place, its number and its cells.
type Line = (Place, u64, Result<Vec<String>, Flaw>);

/// The records of a table, the header first.
pub(super) struct Table {
    source: Box<dyn Source>,
    rules: Rules,
    raw: Fields,
    /// Names of the columns, once the heading was read.
    header: Vec<String>,
    headed: bool,
    /// For each column whether it is filled down, with the text above.
    above: Vec<Option<String>>,
    durations: Vec<bool>,
    ended: bool,
    skipped: u64,
    /// Records below the table, and the first of them.
    below: u64,
    below_from: u64,
}

struct Rules {
    format: FormatConfig,
    stop: RegexSet,
    skip: RegexSet,
    /// Blank records are no records. Those of a list of JSON objects are.
    pass_blank: bool,
    pad: bool,
}

impl Table {
    /// The table that the settings describe.
    ///
    /// # Errors
    /// Settings that [`FormatConfig::flaws`] tells of.
    pub(super) fn new(source: Box<dyn Source>, format: &FormatConfig) -> io::Result<Self> {
        if let Some((_, flaw)) = format.flaws().first() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, flaw.clone()));
        }
        let set = |patterns: &[String]| RegexSet::new(patterns).map_err(io::Error::other);
        let rules = Rules {
            stop: set(&format.stop_at)?,
            skip: set(&format.skip_rows)?,
            pass_blank: matches!(format.kind, FormatKind::Csv | FormatKind::Workbook),
            pad: format.pad_short_rows || format.kind != FormatKind::Csv,
            format: format.clone(),
        };
        Ok(Self {
            source,
            rules,
            raw: Fields::default(),
            header: Vec::new(),
            headed: false,
            above: Vec::new(),
            durations: Vec::new(),
            ended: false,
            skipped: 0,
            below: 0,
            below_from: 0,
        })
    }

    /// Names of the columns that the settings add.
    pub(super) fn constants(&self) -> impl Iterator<Item = &String> {
        self.rules.format.constants.keys()
    }

    /// Reads up to the heading and takes it.
    fn head(&mut self) -> io::Result<Option<(Place, Result<(), Flaw>)>> {
        let format = &self.rules.format;
        let rows = format.header_rows.max(1);
        let searched = format.header_row.unwrap_or(0).max(SEARCHED) + rows as u64;
        let mut window: VecDeque<Line> = VecDeque::new();
        loop {
            let Some(raw) = self.source.next(&mut self.raw)? else {
                return if window.is_empty() && !self.told() { Ok(None) } else { Err(self.no_heading()) };
            };
            if raw.number > searched {
                return Err(self.no_heading());
            }
            let cells = raw.result.map(|()| self.raw.iter().map(one_line).collect());
            window.push_back((raw.place, raw.number, cells));
            if window.len() > rows {
                window.pop_front();
            }
            let Some((place, number, first)) = window.front() else { continue };
            if window.len() < rows {
                // A record that is blank or too far down cannot begin the heading.
                if !self.told() && is_blank(first) {
                    window.pop_front();
                }
                continue;
            }
            let place = *place;
            let begins = match format.header_row {
                Some(wanted) if *number > wanted => return Err(self.no_heading()),
                Some(wanted) => *number == wanted,
                None if format.header_contains.is_empty() => !is_blank(first) || !self.rules.pass_blank,
                None => true,
            };
            if !begins {
                continue;
            }
            let joined = join(&window, format);
            let joined = match joined {
                Ok(names) if format.header_contains.iter().all(|name| names.contains(&one_line(name))) => {
                    names
                }
                Err(flaw) if format.header_contains.is_empty() => return Ok(Some((place, Err(flaw)))),
                _ => continue,
            };
            self.take_header(joined)?;
            return Ok(Some((place, Ok(()))));
        }
    }

    /// Whether a rule says where the heading is.
    fn told(&self) -> bool {
        self.rules.format.header_row.is_some() || !self.rules.format.header_contains.is_empty()
    }

    fn no_heading(&self) -> io::Error {
        let format = &self.rules.format;
        invalid(match format.header_row {
            Some(wanted) => format!("no heading: record {wanted} is not there, or is blank"),
            None if format.header_contains.is_empty() => {
                format!("no heading of {} records is in the file", format.header_rows)
            }
            None => {
                let names: Vec<String> =
                    format.header_contains.iter().map(|name| format!("`{name}`")).collect();
                format!("no heading: none of the first {SEARCHED} records holds {}", names.join(", "))
            }
        })
    }

    fn take_header(&mut self, mut names: Vec<String>) -> io::Result<()> {
        while names.last().is_some_and(String::is_empty) {
            names.pop();
        }
        let format = &self.rules.format;
        if names.len() > format.limits.columns {
            return Err(invalid(format!(
                "the heading has {} columns, more than the {} that `limits.columns` allows",
                names.len(),
                format.limits.columns
            )));
        }
        let at = |name: &String, key: &str| {
            names.iter().position(|known| known == name).ok_or_else(|| {
                invalid(format!("column `{name}`, which `{key}` names, is missing from the heading"))
            })
        };
        self.above = vec![None; names.len()];
        for name in &format.fill_down {
            if let Some(above) = self.above.get_mut(at(name, "fill-down")?) {
                *above = Some(String::new());
            }
        }
        self.durations = vec![false; names.len()];
        for name in &format.duration_columns {
            if let Some(duration) = self.durations.get_mut(at(name, "duration-columns")?) {
                *duration = true;
            }
        }
        if let Some(name) = format.constants.keys().find(|name| names.contains(name)) {
            return Err(invalid(format!(
                "column `{name}`, which `constants` adds, is in the heading already"
            )));
        }
        self.header = names;
        self.headed = true;
        Ok(())
    }

    /// The fields of the record that was read, made as wide as the heading, filled and written as the settings say.
    fn lay_out(&mut self, fields: &mut Fields) -> Result<(), Flaw> {
        let format = &self.rules.format;
        let width = self.header.len();
        let mut found = self.raw.len();
        // Blank fields behind the last column are what a spreadsheet leaves there.
        while found > width && self.raw.get(found - 1).trim().is_empty() {
            found -= 1;
        }
        if found != width && (found > width || !self.rules.pad) {
            return Err(Flaw::Width);
        }
        fields.clear();
        for number in 0..width {
            let mut text = self.raw.get(number);
            if format.trim {
                text = text.trim();
            }
            if let Some(Some(above)) = self.above.get_mut(number) {
                if text.trim().is_empty() {
                    text = above;
                } else {
                    above.clear();
                    above.push_str(text);
                }
            }
            if self.durations.get(number) == Some(&true)
                && let Some(duration) = duration_written_as_date(text, format.durations)
            {
                fields.push(&duration);
            } else {
                fields.push(text);
            }
        }
        for constant in format.constants.values() {
            fields.push(constant);
        }
        Ok(())
    }
}

impl RecordReader for Table {
    fn next(&mut self, fields: &mut Fields) -> io::Result<Option<(Place, Result<(), Flaw>)>> {
        fields.clear();
        if !self.headed {
            let head = self.head()?;
            if matches!(head, Some((_, Ok(())))) {
                let constants = self.rules.format.constants.keys();
                fields.set(self.header.iter().chain(constants));
            }
            self.headed = true;
            return Ok(head);
        }
        loop {
            let Some(raw) = self.source.next(&mut self.raw)? else { return Ok(None) };
            if raw.result.is_err() && !self.ended {
                return Ok(Some((raw.place, raw.result)));
            }
            let format = &self.rules.format;
            let filled = self.raw.iter().filter(|field| !field.trim().is_empty()).count();
            if self.ended {
                self.below += u64::from(filled > 0 || raw.result.is_err());
                continue;
            }
            if filled == 0 && self.rules.pass_blank {
                self.ended = format.stop_at_blank;
                continue;
            }
            let first = self.raw.get(0).trim();
            if filled < format.stop_below_fields || self.rules.stop.is_match(first) {
                self.ended = true;
                (self.below, self.below_from) = (1, raw.number);
                continue;
            }
            if filled < format.skip_below_fields || self.rules.skip.is_match(first) {
                self.skipped += 1;
                continue;
            }
            let result = self.lay_out(fields);
            return Ok(Some((raw.place, result)));
        }
    }

    fn note(&self) -> String {
        let mut notes = vec![self.source.note()];
        if self.skipped > 0 {
            notes.push(format!(
                "{} records were left out by `skip-rows` or `skip-below-fields`",
                self.skipped
            ));
        }
        if self.below > 0 {
            let from =
                if self.below_from > 0 { format!(", from {}", self.below_from) } else { String::new() };
            notes.push(format!("{} records below the table were left out{from}", self.below));
        }
        notes.retain(|note| !note.is_empty());
        notes.join("; ")
    }
}

fn is_blank(cells: &Result<Vec<String>, Flaw>) -> bool {
    cells.as_ref().is_ok_and(|cells| cells.iter().all(String::is_empty))
}

/// A heading as one line: line ends and repeated blanks become one blank.
fn one_line(text: &str) -> String {
    text.trim_start_matches('\u{feff}').split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The names of the columns from the records of a heading, the uppermost first.
fn join(window: &VecDeque<Line>, format: &FormatConfig) -> Result<Vec<String>, Flaw> {
    let mut rows: Vec<&Vec<String>> = Vec::new();
    for (number, (_, _, cells)) in window.iter().enumerate() {
        if !format.header_ignore.contains(&(number + 1)) {
            rows.push(cells.as_ref().map_err(|flaw| *flaw)?);
        }
    }
    let Some((last, upper)) = rows.split_last() else { return Ok(Vec::new()) };
    let width = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let mut names: Vec<Vec<&str>> = vec![Vec::new(); width];
    for row in upper {
        let mut merged = "";
        for (number, name) in names.iter_mut().enumerate() {
            let own = row.get(number).map_or("", String::as_str);
            let has_lower = last.get(number).is_some_and(|cell| !cell.is_empty());
            merged = match (own, has_lower) {
                ("", true) => merged,
                (own, _) => own,
            };
            if !merged.is_empty() {
                name.push(merged);
            }
        }
    }
    for (name, own) in names.iter_mut().zip(last.iter()) {
        if !own.is_empty() {
            name.push(own);
        }
    }
    Ok(names.into_iter().map(|parts| parts.join(&format.header_separator)).collect())
}
