//! Makes a wide table long: one record for each of several columns, at the place of the record that they stand in.

use std::io;

use regex::Regex;

use super::settings::UnpivotConfig;
use super::table::Table;
use super::{RecordReader, invalid};
use crate::normalise::csv::{Fields, Flaw, Place};

/// The long records of a wide table.
pub(super) struct Unpivot {
    table: Table,
    config: UnpivotConfig,
    columns_like: Option<Regex>,
    split: Option<Regex>,
    wide: Fields,
    place: Place,
    headed: bool,
    keep: Vec<usize>,
    /// Of each column that becomes a record: its position, and what its heading says.
    columns: Vec<(usize, Vec<String>)>,
    /// The next of `columns` to be given.
    next: usize,
}

impl Unpivot {
    /// The settings must be sound: [`Table::new`] has looked at them.
    ///
    /// # Errors
    /// A pattern that is not one.
    pub(super) fn new(table: Table, config: &UnpivotConfig) -> io::Result<Self> {
        let pattern =
            |text: &Option<String>| text.as_deref().map(Regex::new).transpose().map_err(io::Error::other);
        Ok(Self {
            table,
            columns_like: pattern(&config.columns_like)?,
            split: pattern(&config.split)?,
            config: config.clone(),
            wide: Fields::default(),
            place: Place { line: 0, offset: 0, length: 0 },
            headed: false,
            keep: Vec::new(),
            columns: Vec::new(),
            next: 0,
        })
    }

    /// Takes the heading of the wide table and gives that of the long one.
    fn head(&mut self, fields: &mut Fields) -> io::Result<()> {
        let names: Vec<String> = self.wide.iter().map(str::to_owned).collect();
        let at = |name: &String| {
            names.iter().position(|known| known == name).ok_or_else(|| {
                invalid(format!("column `{name}`, which `unpivot` names, is missing from the heading"))
            })
        };
        // What the settings add to every record stays with it.
        let constants = self.table.constants().map(at).collect::<io::Result<Vec<usize>>>()?;
        self.keep = self.config.keep.iter().map(at).collect::<io::Result<_>>()?;
        self.keep.extend(constants.iter().filter(|at| !self.keep.contains(at)).copied().collect::<Vec<_>>());
        let chosen: Vec<usize> = if self.config.columns.is_empty() {
            let wanted = |name: &str| self.columns_like.as_ref().is_none_or(|pattern| pattern.is_match(name));
            (0..names.len())
                .filter(|number| !self.keep.contains(number))
                .filter(|number| names.get(*number).is_some_and(|name| !name.is_empty() && wanted(name)))
                .collect()
        } else {
            self.config.columns.iter().map(at).collect::<io::Result<_>>()?
        };
        if chosen.is_empty() {
            return Err(invalid("no column of the heading is to become a record: see `unpivot`"));
        }
        let groups: Vec<&str> =
            self.split.iter().flat_map(|pattern| pattern.capture_names().flatten()).collect();
        self.columns.clear();
        for number in chosen {
            let heading = names.get(number).map_or("", String::as_str);
            let mut told: Vec<String> = self.config.name_to.iter().map(|_| heading.to_owned()).collect();
            if let Some(pattern) = &self.split {
                let found = pattern.captures(heading).ok_or_else(|| {
                    invalid(format!("heading `{heading}` does not match `split` of `unpivot`"))
                })?;
                let part = |name: &&str| found.name(name).map_or("", |part| part.as_str()).to_owned();
                told.extend(groups.iter().map(part));
            }
            self.columns.push((number, told));
        }
        let kept = self.keep.iter().filter_map(|number| names.get(*number)).map(String::as_str);
        let told = self.config.name_to.iter().map(String::as_str).chain(groups);
        let header: Vec<&str> = kept.chain(told).chain([self.config.value_to.as_str()]).collect();
        fields.set(header);
        self.next = self.columns.len();
        Ok(())
    }
}

impl RecordReader for Unpivot {
    fn next(&mut self, fields: &mut Fields) -> io::Result<Option<(Place, Result<(), Flaw>)>> {
        if !self.headed {
            self.headed = true;
            let head = self.table.next(&mut self.wide)?;
            if matches!(head, Some((_, Ok(())))) {
                self.head(fields)?;
            }
            return Ok(head);
        }
        loop {
            while let Some((number, told)) = self.columns.get(self.next) {
                self.next += 1;
                let value = self.wide.get(*number);
                if self.config.skip_empty && value.trim().is_empty() {
                    continue;
                }
                fields.clear();
                for kept in &self.keep {
                    fields.push(self.wide.get(*kept));
                }
                for text in told {
                    fields.push(text);
                }
                fields.push(value);
                return Ok(Some((self.place, Ok(()))));
            }
            match self.table.next(&mut self.wide)? {
                Some((place, Ok(()))) => (self.place, self.next) = (place, 0),
                other => return Ok(other),
            }
        }
    }

    fn note(&self) -> String {
        self.table.note()
    }
}
