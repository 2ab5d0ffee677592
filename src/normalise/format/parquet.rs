//! Parquet as a delivery: every column as text, so that the contract judges it as it judges any other.

use std::fs::File;
use std::io;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Fields as ArrowFields, Float32Type, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::hand_over::{self, Outbox};
use super::settings::FormatConfig;
use super::{Source, cells, invalid};
use crate::normalise::csv::{Fields, Place};

const BATCH: usize = 1024;

/// Opens a Parquet file that may hold `limit` bytes once it is unpacked.
///
/// # Errors
/// No thread can be started. What is wrong with the file is reported when its records are read.
pub(super) fn open(file: File, format: &FormatConfig, limit: u64) -> io::Result<Box<dyn Source>> {
    let format = format.clone();
    Ok(Box::new(hand_over::start("Parquet file", move |outbox| read(file, &format, limit, outbox))?))
}

fn read(file: File, format: &FormatConfig, limit: u64, outbox: &mut Outbox) -> io::Result<()> {
    let packed = file.metadata()?.len();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?;
    let groups = builder.metadata().row_groups();
    let unpacked: u64 = groups
        .iter()
        .map(|group| u64::try_from(group.total_byte_size()).unwrap_or(u64::MAX))
        .fold(0, u64::saturating_add);
    if unpacked > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("more than {limit} bytes once unpacked"),
        ));
    }
    crate::landing::check_ratio(packed, unpacked)?;
    let mut names = Vec::new();
    name(builder.schema().fields(), "", &mut names);
    if names.len() > format.limits.columns {
        return Err(invalid(format!(
            "the file has {} columns, more than the {} that `limits.columns` allows",
            names.len(),
            format.limits.columns
        )));
    }
    let mut header = Fields::default();
    header.set(&names);
    outbox.push(Place { line: 0, offset: 0, length: 0 }, 0, Ok(()), &header)?;
    let mut number = 0;
    for batch in builder.with_batch_size(BATCH).build().map_err(damaged)? {
        let batch = batch.map_err(|_| invalid("the Parquet file is damaged"))?;
        let mut columns = Vec::new();
        for column in batch.columns() {
            flatten(column, &mut columns)?;
        }
        let options = FormatOptions::default();
        let texts = columns
            .iter()
            .map(|column| Text::new(column, &options))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| invalid("the Parquet file holds a type that cannot be read"))?;
        for row in 0..batch.num_rows() {
            number += 1;
            let mut fields = Fields::default();
            for text in &texts {
                fields.push(&text.of(row)?);
            }
            outbox.push(Place { line: number, offset: 0, length: 0 }, number, Ok(()), &fields)?;
        }
    }
    Ok(())
}

fn damaged(error: parquet::errors::ParquetError) -> io::Error {
    match error {
        parquet::errors::ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(_) => invalid("the Parquet file is damaged"),
        },
        _ => invalid("the Parquet file is damaged"),
    }
}

/// Names of the columns; those within a structure carry its name and a dot.
fn name(fields: &ArrowFields, prefix: &str, names: &mut Vec<String>) {
    for field in fields {
        let field: &Field = field;
        match field.data_type() {
            DataType::Struct(inner) => name(inner, &format!("{prefix}{}.", field.name()), names),
            _ => names.push(format!("{prefix}{}", field.name())),
        }
    }
}

/// The columns that [`name`] names, in its order.
fn flatten(column: &ArrayRef, columns: &mut Vec<ArrayRef>) -> io::Result<()> {
    let Some(structure) = column.as_struct_opt() else {
        let column = match column.data_type() {
            // The zone decides only how an instant is shown, and not every zone is known.
            DataType::Timestamp(unit, Some(_)) => {
                let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
                arrow::compute::cast(column, &utc).map_err(|_| invalid("a timestamp cannot be read"))?
            }
            _ => std::sync::Arc::clone(column),
        };
        columns.push(column);
        return Ok(());
    };
    for inner in structure.columns() {
        // What a structure that is null would hold is null.
        let inner = match structure.nulls() {
            Some(_) => {
                let absent =
                    arrow::compute::is_null(structure).map_err(|_| invalid("a structure cannot be read"))?;
                arrow::compute::nullif(inner, &absent).map_err(|_| invalid("a structure cannot be read"))?
            }
            None => std::sync::Arc::clone(inner),
        };
        flatten(&inner, columns)?;
    }
    Ok(())
}

/// A column as text.
enum Text<'a> {
    Narrow(&'a arrow::array::Float32Array),
    Wide(&'a arrow::array::Float64Array),
    Moment(ArrayFormatter<'a>),
    Flag(&'a arrow::array::BooleanArray),
    Other(ArrayFormatter<'a>),
}

impl<'a> Text<'a> {
    fn new(column: &'a ArrayRef, options: &FormatOptions<'a>) -> Result<Self, arrow::error::ArrowError> {
        Ok(match column.data_type() {
            DataType::Float32 => Self::Narrow(column.as_primitive::<Float32Type>()),
            DataType::Float64 => Self::Wide(column.as_primitive::<Float64Type>()),
            DataType::Boolean => Self::Flag(column.as_boolean()),
            DataType::Timestamp(_, None) => Self::Moment(ArrayFormatter::try_new(column, options)?),
            _ => Self::Other(ArrayFormatter::try_new(column, options)?),
        })
    }

    fn of(&self, row: usize) -> io::Result<String> {
        Ok(match self {
            Self::Narrow(values) if values.is_valid(row) => values.value(row).to_string(),
            Self::Wide(values) if values.is_valid(row) => cells::number(values.value(row)),
            Self::Flag(values) if values.is_valid(row) => cells::flag(values.value(row)).to_owned(),
            Self::Narrow(_) | Self::Wide(_) | Self::Flag(_) => String::new(),
            Self::Moment(values) => cells::iso_date(&shown(values, row)?),
            Self::Other(values) => shown(values, row)?,
        })
    }
}

fn shown(values: &ArrayFormatter<'_>, row: usize) -> io::Result<String> {
    values
        .value(row)
        .try_to_string()
        .map_err(|_| invalid("the Parquet file holds a value that cannot be shown"))
}
