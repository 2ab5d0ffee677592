//! A row of a delivery as it may be shown: without what identifies a person, and without what was not agreed.

use std::collections::HashSet;
use std::io;

use super::contract::{Contract, Origin};
use super::csv::{Fields, Place, Records};
use super::format;
use super::header::header_positions;
use crate::landing::{Delivery, Landing};

/// What stands in the place of a field that is not shown.
const MASK: &str = "(not shown)";
/// Records of one place that are shown, where a wide table was made long.
const RECORDS: usize = 20;

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
    /// Those at these positions of a record as the format's reader lays it out, not as it stands in the delivery.
    Laid(HashSet<usize>),
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
        if !contract.config.format.is_plain() {
            // Where a field of the table stands in the record that it came from is known to the format's reader only.
            return Ok(Self::Laid(shown));
        }
        let delimiter = u8::try_from(contract.config.format.delimiter).unwrap_or(b',');
        Ok(Self::Only { shown, width: header.len(), delimiter })
    }

    /// A row as it may be shown.
    #[must_use]
    pub fn apply(&self, row: &str) -> String {
        let (shown, width, delimiter) = match self {
            Self::None => return row.to_owned(),
            Self::All | Self::Laid(_) => return MASK.to_owned(),
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

/// The records at a place of a delivery, as the format's reader lays them out, with the names of their columns; only the
/// fields at positions that may be `shown`.
///
/// # Errors
/// What the landing or the format's reader reports.
pub fn laid_out(
    landing: &Landing,
    delivery: &Delivery,
    contract: &Contract,
    (limit, place): (u64, Place),
    shown: impl Fn(usize) -> bool,
) -> io::Result<String> {
    let mut fields = Fields::default();
    let mut records = format::open(landing, delivery, &contract.config.format, limit)?;
    if !matches!(records.next(&mut fields)?, Some((_, Ok(())))) {
        return Ok(MASK.to_owned());
    }
    let header: Vec<String> = fields.iter().map(str::to_owned).collect();
    let mut told: Vec<String> = Vec::new();
    while let Some((found, result)) = records.next(&mut fields)? {
        if found != place {
            if told.is_empty() {
                continue;
            }
            break;
        }
        if told.len() == RECORDS {
            told.push("…".to_owned());
            break;
        }
        let field = |(at, name): (usize, &String)| {
            let text = if shown(at) { fields.get(at) } else { MASK };
            format!("{name}: {text}")
        };
        // Which field is which cannot be told of a record that is none.
        told.push(if result.is_ok() && fields.len() == header.len() {
            header.iter().enumerate().map(field).collect::<Vec<_>>().join(", ")
        } else {
            MASK.to_owned()
        });
    }
    Ok(if told.is_empty() { MASK.to_owned() } else { told.join("\n") })
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
