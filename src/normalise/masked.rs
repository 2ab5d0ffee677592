//! A row of a delivery as it may be shown: without what identifies a person, and without what was not agreed.

use std::collections::HashSet;
use std::io;

use super::contract::{Contract, Origin};
use super::csv::{Fields, Records};
use super::format;
use super::month::header_positions;
use crate::landing::{Delivery, Landing};

/// What stands in the place of a field that is not shown.
const MASK: &str = "(not shown)";

/// Which fields of a delivery's rows may be shown.
#[derive(Debug)]
pub enum Mask {
    /// All: its contract knows of no person.
    None,
    /// Those at these positions, in rows of so many fields.
    Only {
        /// Positions of the fields.
        shown: HashSet<usize>,
        /// Fields of a row.
        width: usize,
        /// What stands between them.
        delimiter: u8,
    },
    /// None: its header cannot be read any more.
    All,
}

impl Mask {
    /// The mask for the rows of a delivery.
    ///
    /// # Errors
    /// What the landing reports.
    pub fn of(landing: &Landing, delivery: &Delivery, contract: &Contract, limit: u64) -> io::Result<Self> {
        if !contract.columns.iter().any(|column| column.masked) {
            return Ok(Self::None);
        }
        if !contract.config.format.is_plain() {
            // Where a field of the table stands in the record that it came from is known to the format's reader only.
            return Ok(Self::All);
        }
        let mut fields = Fields::default();
        let mut records = format::open(landing, delivery, &contract.config.format, limit)?;
        if !matches!(records.next(&mut fields)?, Some((_, Ok(())))) {
            return Ok(Self::All);
        }
        let header: Vec<String> = fields.iter().map(str::to_owned).collect();
        let Ok((positions, _)) = header_positions(contract, &header) else { return Ok(Self::All) };
        let mut shown: HashSet<usize> = HashSet::new();
        let mut masked: HashSet<usize> = HashSet::new();
        shown.extend(positions.get(contract.month_field));
        for column in &contract.columns {
            let place = match &column.origin {
                Origin::Field(at) => positions.get(*at),
                // It is read by nobody, and shown to nobody.
                _ => None,
            };
            if column.masked { masked.extend(place) } else { shown.extend(place) }
        }
        // A column that is dropped may be that of another one too.
        let dropped = contract.config.column.iter().filter(|column| super::contract::is_masked(column));
        let dropped: HashSet<&str> = dropped.filter_map(|column| column.from.as_deref()).collect();
        for (name, position) in contract.fields.iter().zip(&positions) {
            if dropped.contains(name.as_str()) {
                masked.insert(*position);
            }
        }
        shown.retain(|position| !masked.contains(position));
        let delimiter = u8::try_from(contract.config.format.delimiter).unwrap_or(b',');
        Ok(Self::Only { shown, width: header.len(), delimiter })
    }

    /// A row as it may be shown.
    #[must_use]
    pub fn apply(&self, row: &str) -> String {
        let (shown, width, delimiter) = match self {
            Self::None => return row.to_owned(),
            Self::All => return MASK.to_owned(),
            Self::Only { shown, width, delimiter } => (shown, *width, *delimiter),
        };
        let mut fields = Fields::default();
        let read = Records::new(row.as_bytes(), delimiter).next(&mut fields);
        if !matches!(read, Ok(Some((_, Ok(()))))) || fields.len() != width {
            // Which field is which cannot be told.
            return MASK.to_owned();
        }
        let field = |(at, text)| if shown.contains(&at) { text } else { MASK };
        let fields: Vec<&str> = fields.iter().enumerate().map(field).collect();
        fields.join(&char::from(delimiter).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_agreed_fields_of_a_whole_row_are_shown() {
        let mask = Mask::Only { shown: HashSet::from([0, 2]), width: 3, delimiter: b',' };
        assert_eq!(mask.apply("a,b,c"), "a,(not shown),c");
        assert_eq!(mask.apply("a,\"b, b\",c"), "a,(not shown),c");
        for row in ["a,b", "a,b,c,d", "a,\"b,c", ""] {
            assert_eq!(mask.apply(row), MASK, "{row}");
        }
        assert_eq!(Mask::All.apply("a,b,c"), MASK);
        assert_eq!(Mask::None.apply("a,b,c"), "a,b,c");
    }
}
