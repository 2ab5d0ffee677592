//! What measures had counted in months whose rows were erased: numerator and denominator by area and breakdown, as
//! releases hold them, and nothing of the rows; of amounts also whether few contributors dominate them.
//!
//! `retained/measures.parquet` in the warehouse; `purge` writes it before it removes a row. Without it a figure of an
//! earlier year would vanish from the next release together with the rows that it was counted from.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest, Sha256};

use crate::assess::Counted;
use crate::config::settings::MeasureConfig;
use crate::config::{Project, SqlFile};
use crate::measure::Planned;
use crate::period::Month;

/// Counts of one area and month by breakdown; empty where the month was delivered and had no event.
pub type Breakdowns = BTreeMap<String, Counted>;

/// One row of the file: key, definition, breakdown and counts.
type Row<'a> = (&'a Key, &'a str, Option<&'a str>, Counted);

/// Measure, area and month.
type Key = (String, String, Month);

/// The counts that outlive their rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Retained {
    /// Each with the definition that it was counted under.
    counts: BTreeMap<Key, (String, Breakdowns)>,
}

/// A digest of what a measure counts: its SELECT and the views that it reads, whatever comments and spaces they have,
/// and its breakdowns. Title, target and notes may change, and the counts stay good.
#[must_use]
pub fn definition(project: &Project, measure: &SqlFile<MeasureConfig>, planned: &Planned) -> String {
    let mut digest = Sha256::new();
    let views = planned.reads.iter().filter_map(|name| project.views.get(name)).map(SqlFile::sql);
    for sql in std::iter::once(measure.sql()).chain(views) {
        for word in words(sql) {
            digest.update((word.len() as u64).to_le_bytes());
            digest.update(word);
        }
        digest.update(b"|");
    }
    digest.update(measure.config.breakdowns.join(","));
    hex::encode(digest.finalize()).chars().take(32).collect()
}

/// The words of a statement without comments and spaces; the text as it is where it cannot be split.
fn words(sql: &str) -> Vec<String> {
    match Tokenizer::new(&GenericDialect {}, sql).tokenize() {
        Ok(tokens) => tokens
            .iter()
            .filter(|token| !matches!(token, Token::Whitespace(_)))
            .map(ToString::to_string)
            .collect(),
        Err(_) => vec![sql.to_owned()],
    }
}

impl Retained {
    fn path(warehouse: &Path) -> PathBuf {
        warehouse.join("retained").join("measures.parquet")
    }

    fn schema() -> SchemaRef {
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let number = |name: &str| Field::new(name, DataType::Float64, true);
        Arc::new(Schema::new(vec![
            text("measure"),
            text("definition"),
            text("area"),
            text("month"),
            text("breakdown"),
            number("numerator"),
            number("denominator"),
            number("further_1"),
            number("further_2"),
        ]))
    }

    /// Those of a warehouse; none where nothing was erased yet.
    ///
    /// # Errors
    /// A file that cannot be read, or is damaged.
    pub fn open(warehouse: &Path) -> io::Result<Self> {
        let path = Self::path(warehouse);
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let damaged = |what: String| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged: {what}", path.display()))
        };
        // The reader fails otherwise than by an error on some damaged files.
        let read = catch_unwind(AssertUnwindSafe(|| {
            let reader = ParquetRecordBatchReaderBuilder::try_new(file)
                .and_then(ParquetRecordBatchReaderBuilder::build)
                .map_err(|error| damaged(error.to_string()))?;
            let mut retained = Self::default();
            for batch in reader {
                let batch = batch.map_err(|error| damaged(error.to_string()))?;
                let taken = retained.take(&batch);
                taken.ok_or_else(|| damaged("its columns are not those expected".to_owned()))?;
            }
            Ok(retained)
        }));
        read.unwrap_or_else(|_| Err(damaged("it cannot be read".to_owned())))
    }

    /// Adds the rows of a file; `None` where they are not ours.
    fn take(&mut self, batch: &RecordBatch) -> Option<()> {
        let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
        let number = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Float64Type>();
        let (measure, definition, area) = (text("measure")?, text("definition")?, text("area")?);
        let (month, breakdown) = (text("month")?, text("breakdown")?);
        let (numerator, denominator) = (number("numerator")?, number("denominator")?);
        // Files of earlier versions have no further numbers: no kind of measure needed them.
        let further = [number("further_1"), number("further_2")];
        for row in 0..batch.num_rows() {
            let month = month.value(row).parse().ok()?;
            let key = (measure.value(row).to_owned(), area.value(row).to_owned(), month);
            let entry = self
                .counts
                .entry(key)
                .or_insert_with(|| (definition.value(row).to_owned(), Breakdowns::new()));
            if breakdown.is_valid(row) {
                let counted = Counted {
                    numerator: numerator.value(row),
                    denominator: denominator.is_valid(row).then(|| denominator.value(row)),
                    further: further.map(|column| column.map_or(0.0, |column| column.value(row))),
                };
                entry.1.insert(breakdown.value(row).to_owned(), counted);
            }
        }
        Some(())
    }

    /// Writes them, in one step.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn write(&self, warehouse: &Path) -> io::Result<()> {
        // A month without an event is a row without a breakdown.
        let none = Counted::new(0.0, None);
        let rows: Vec<Row<'_>> = self
            .counts
            .iter()
            .flat_map(|(key, (definition, counts))| {
                let empty = counts.is_empty().then_some((key, definition.as_str(), None, none));
                let counts = counts
                    .iter()
                    .map(move |(name, counted)| (key, definition.as_str(), Some(name.as_str()), *counted));
                empty.into_iter().chain(counts)
            })
            .collect();
        let text = |of: fn(&Row<'_>) -> Option<String>| -> ArrayRef {
            Arc::new(rows.iter().map(of).collect::<StringArray>())
        };
        let columns: Vec<ArrayRef> = vec![
            text(|row| Some(row.0.0.clone())),
            text(|row| Some(row.1.to_owned())),
            text(|row| Some(row.0.1.clone())),
            text(|row| Some(row.0.2.to_string())),
            text(|row| row.2.map(str::to_owned)),
            Arc::new(rows.iter().map(|row| Some(row.3.numerator)).collect::<Float64Array>()),
            Arc::new(rows.iter().map(|row| row.3.denominator).collect::<Float64Array>()),
            Arc::new(rows.iter().map(|row| Some(row.3.further[0])).collect::<Float64Array>()),
            Arc::new(rows.iter().map(|row| Some(row.3.further[1])).collect::<Float64Array>()),
        ];
        let batch = RecordBatch::try_new(Self::schema(), columns).map_err(io::Error::other)?;
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, Self::schema(), None).map_err(io::Error::other)?;
        writer.write(&batch).map_err(io::Error::other)?;
        writer.close().map_err(io::Error::other)?;
        crate::durable::write(&Self::path(warehouse), &bytes)
    }

    /// Keeps the counts of an area and month, unless some are kept already: those were counted before a row was gone.
    pub fn keep(&mut self, measure: &str, definition: &str, area: &str, month: Month, counts: Breakdowns) {
        let key = (measure.to_owned(), area.to_owned(), month);
        self.counts.entry(key).or_insert_with(|| (definition.to_owned(), counts));
    }

    /// Drops counts of months that are not among the closed ones: left by a purge that was broken off before it erased.
    pub fn only(&mut self, closed: impl Fn(&str, &str, Month) -> bool) {
        self.counts.retain(|(measure, area, month), _| closed(measure, area, *month));
    }

    /// What a measure had counted in an area and month.
    ///
    /// # Errors
    /// Why nothing can be told, as a fragment.
    pub fn of(
        &self,
        measure: &str,
        definition: &str,
        area: &str,
        month: Month,
    ) -> Result<&Breakdowns, &'static str> {
        match self.counts.get(&(measure.to_owned(), area.to_owned(), month)) {
            Some((known, counts)) if known == definition => Ok(counts),
            Some(_) => {
                Err("the rows were erased under a retention rule, and the measure was defined anew since")
            }
            None => Err("the rows were erased under a retention rule, and the measure had not counted them"),
        }
    }

    /// Digest of what is kept of a measure; empty when nothing is.
    #[must_use]
    pub fn digest(&self, measure: &str) -> String {
        let kept: BTreeSet<String> = self
            .counts
            .iter()
            .filter(|((of, _, _), _)| of == measure)
            .map(|(key, counts)| format!("{key:?} {counts:?}"))
            .collect();
        if kept.is_empty() {
            return String::new();
        }
        hex::encode(Sha256::digest(kept.into_iter().collect::<Vec<_>>().join("\n")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back_as_they_were_kept_also_those_of_a_month_without_events() {
        let warehouse = tempfile::tempdir().unwrap();
        let month: Month = "2025-04".parse().unwrap();
        let mut retained = Retained::default();
        let one = Counted { further: [5.0, 0.0], ..Counted::new(3.0, Some(4.0)) };
        let two = Counted::new(1.5, None);
        let counts = Breakdowns::from([("type: Noise".to_owned(), one), ("all".to_owned(), two)]);
        retained.keep("a", "d1", "P01", month, counts.clone());
        retained.keep("a", "d1", "W01", month, Breakdowns::new());
        retained.keep("a", "d2", "P01", month, Breakdowns::new());
        retained.write(warehouse.path()).unwrap();
        let read = Retained::open(warehouse.path()).unwrap();
        assert_eq!(read, retained);
        assert_eq!(read.of("a", "d1", "P01", month), Ok(&counts));
        assert_eq!(read.of("a", "d1", "W01", month), Ok(&Breakdowns::new()));
        assert!(read.of("a", "d2", "P01", month).unwrap_err().contains("defined anew"));
        assert!(read.of("b", "d1", "P01", month).unwrap_err().contains("had not counted"));
    }

    #[test]
    fn comments_and_spaces_do_not_define_a_measure() {
        assert_eq!(words("/* a */ SELECT  1 -- one\n"), words("SELECT 1"));
        assert_ne!(words("SELECT 12"), words("SELECT 1 2"));
    }
}
