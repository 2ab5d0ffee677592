//! One row at a time: judged against the contract, then laid into the columns of the dataset.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, DictionaryArray, Float64Builder, Int32Array,
    Int64Builder, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use chrono::{DateTime, NaiveDate};
use sha2::{Digest, Sha256};

use super::contract::{Column, Contract, Origin};
use super::csv::Fields;
use super::month_of::{date_in_london, month_of};
use crate::config::settings::{ColumnType, MonthConfig, MonthFormat};
use crate::period::Month;

/// No value, among codes.
const ABSENT: u32 = u32::MAX;
/// More columns than this are not counted by; a summary of more would be the dataset itself.
pub(super) const SUMMARY_WIDTH: usize = 8;

/// A judged value, before the row as a whole is accepted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Absent,
    /// Field of the record, as it stands.
    Text(usize),
    /// Number of a distinct value, or of a look-up's row.
    Code(u32),
    Number(f64),
    Integer(i64),
    Date(i32),
    Flag(bool),
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken<'a> {
    pub(super) rule: &'a str,
    pub(super) column: &'a str,
    pub(super) detail: String,
}

/// Distinct values of a column, numbered in the order in which they were met.
#[derive(Debug, Default)]
struct Interner {
    known: HashMap<String, u32, foldhash::fast::FixedState>,
    values: Vec<String>,
    last: Option<u32>,
}

impl Interner {
    /// The number of a value that was met before.
    fn known(&mut self, text: &str) -> Option<u32> {
        // Files are sorted by type, so the value before is mostly the value again.
        if let Some(last) = self.last
            && self.values.get(last as usize).is_some_and(|value| value == text)
        {
            return Some(last);
        }
        self.last = self.known.get(text).copied();
        self.last
    }

    fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.known(text) {
            return code;
        }
        let code = u32::try_from(self.values.len()).unwrap_or(ABSENT);
        self.known.insert(text.to_owned(), code);
        self.values.push(text.to_owned());
        self.last = Some(code);
        code
    }

    fn array(&self) -> StringArray {
        StringArray::from_iter_values(&self.values)
    }
}

/// The values of a column until they are written.
enum Builder {
    Text(StringBuilder),
    Hex(BinaryBuilder),
    Number(Float64Builder),
    Integer(Int64Builder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Flag(BooleanBuilder),
    /// Numbers of distinct values that an interner of the month holds.
    Category(Interner, Vec<u32>),
    /// Rows of a look-up, shown by its key column.
    Key(Vec<u32>, Arc<StringArray>),
    /// Numbers of distinct values of a look-up's column.
    Looked(Vec<u32>, Arc<StringArray>),
}

/// The columns of a dataset under construction, for one month.
pub(super) struct Rows {
    builders: Vec<Builder>,
    names: Vec<String>,
    feeds: Interner,
    files: Interner,
    digests: Interner,
    feed_codes: Vec<u32>,
    file_codes: Vec<u32>,
    digest_codes: Vec<u32>,
    lines: Int64Builder,
    synthetic: BooleanBuilder,
    summaries: Vec<Summary>,
    scratch: Vec<Value>,
    hex: Vec<u8>,
    /// Days of the month that the rows of the delivery told, one bit each.
    days: u32,
}

struct Summary {
    /// Columns of the dataset, or one of the product's own.
    by: Vec<By>,
    counts: hashbrown::HashMap<([u32; SUMMARY_WIDTH], bool), i64, foldhash::fast::FixedState>,
}

/// One part of a summary's key, as the rows of one delivery have it.
#[derive(Clone, Copy)]
enum KeyPart {
    /// The same in every row.
    Same(u32),
    /// The value of this column of the contract.
    Value(usize),
}

#[derive(Clone, Copy)]
enum By {
    Column(usize),
    Feed,
    File,
}

/// What is the same for all rows of one delivery.
pub(super) struct Sent {
    synthetic: bool,
    /// Position in the record of each of [`Contract::fields`].
    positions: Vec<usize>,
    pub(super) month: Month,
    month_text: String,
    /// Column of the dataset for each column of the contract.
    targets: Vec<usize>,
    /// Parts of the key of each summary.
    summary_keys: Vec<Vec<KeyPart>>,
    /// Codes of feed, file and digest, and of the columns that are taken from the path.
    codes: [u32; 3],
    path_codes: Vec<u32>,
}

impl Rows {
    pub(super) fn new(contract: &Contract, summaries: &[crate::config::settings::SummaryConfig]) -> Self {
        let builders = contract.columns.iter().map(builder).collect();
        let names: Vec<String> = contract.columns.iter().map(|column| column.name.clone()).collect();
        let summaries = summaries
            .iter()
            .map(|summary| Summary {
                by: summary
                    .by
                    .iter()
                    .filter_map(|name| match name.as_str() {
                        "feed" => Some(By::Feed),
                        "source_file" => Some(By::File),
                        name => names.iter().position(|known| known == name).map(By::Column),
                    })
                    .take(SUMMARY_WIDTH)
                    .collect(),
                counts: hashbrown::HashMap::default(),
            })
            .collect();
        Self {
            builders,
            names,
            feeds: Interner::default(),
            files: Interner::default(),
            digests: Interner::default(),
            feed_codes: Vec::new(),
            file_codes: Vec::new(),
            digest_codes: Vec::new(),
            lines: Int64Builder::new(),
            synthetic: BooleanBuilder::new(),
            summaries,
            scratch: Vec::new(),
            hex: Vec::new(),
            days: 0,
        }
    }

    /// Prepares for the rows of a delivery whose header has the contract's fields at `positions`.
    pub(super) fn begin(
        &mut self,
        contract: &Contract,
        delivery: &crate::landing::Delivery,
        positions: Vec<usize>,
    ) -> Sent {
        self.days = 0;
        let digest = delivery.content_sha256.get(..16).unwrap_or(&delivery.content_sha256);
        let codes =
            [self.feeds.code(&delivery.feed), self.files.code(&delivery.file), self.digests.code(digest)];
        let targets: Vec<usize> = contract.columns.iter().map(|column| self.target(&column.name)).collect();
        let path_codes = contract
            .columns
            .iter()
            .zip(&targets)
            .map(|(column, target)| match (&column.origin, self.builders.get_mut(*target)) {
                (Origin::Path(name), Some(Builder::Category(interner, _))) => {
                    delivery.captures.get(name).map_or(ABSENT, |text| interner.code(text))
                }
                _ => ABSENT,
            })
            .collect();
        let part = |by: &By| match by {
            By::Feed => KeyPart::Same(codes[0]),
            By::File => KeyPart::Same(codes[1]),
            By::Column(column) => match targets.iter().position(|target| target == column) {
                Some(at) => KeyPart::Value(at),
                None => KeyPart::Same(ABSENT),
            },
        };
        let summary_keys =
            self.summaries.iter().map(|summary| summary.by.iter().map(part).collect()).collect();
        Sent {
            summary_keys,
            synthetic: delivery.synthetic,
            positions,
            month: delivery.period,
            month_text: delivery.period.to_string(),
            targets,
            codes,
            path_codes,
        }
    }

    /// Column of the dataset of that name; contracts of one dataset may order them differently.
    fn target(&self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap_or(usize::MAX)
    }

    /// Judges a row; its values wait for [`Rows::push`].
    pub(super) fn judge<'a>(
        &mut self,
        contract: &'a Contract,
        sent: &Sent,
        fields: &Fields,
    ) -> Result<(), Broken<'a>> {
        let field = |number: usize| {
            let position = sent.positions.get(number).copied().unwrap_or(usize::MAX);
            (position, fields.get(position))
        };
        let (_, month) = field(contract.month_field);
        let Some(day) = day_in_month(month, &contract.config.month, sent) else {
            return Err(Broken {
                rule: &contract.config.month.rule,
                column: &contract.config.month.from,
                detail: format!("expected the month {}, found `{}`", sent.month_text, clip(month)),
            });
        };
        if day > 0 {
            self.days |= 1 << ((day - 1) & 31);
        }
        self.scratch.clear();
        for (number, column) in contract.columns.iter().enumerate() {
            let value = match &column.origin {
                Origin::Field(at) => {
                    let (position, text) = field(*at);
                    let target = sent.targets.get(number).copied().unwrap_or(usize::MAX);
                    let value = match self.builders.get_mut(target) {
                        Some(builder) => judge_field(column, text, position, builder)?,
                        None => Value::Absent,
                    };
                    if let Some(other) = column.empty_with {
                        let other_absent = matches!(self.scratch.get(other), Some(Value::Absent));
                        if other_absent != matches!(value, Value::Absent) {
                            return Err(Broken {
                                rule: &column.rule,
                                column: &column.header,
                                detail: "one of the two is empty, the other is not".to_owned(),
                            });
                        }
                    }
                    value
                }
                Origin::Path(_) => match sent.path_codes.get(number) {
                    Some(&ABSENT) | None => Value::Absent,
                    Some(code) => Value::Code(*code),
                },
                Origin::Lookup { by, codes, .. } => match self.scratch.get(*by) {
                    Some(Value::Code(row)) => match codes.get(*row as usize) {
                        Some(&ABSENT) | None => Value::Absent,
                        Some(code) => Value::Code(*code),
                    },
                    _ => Value::Absent,
                },
            };
            self.scratch.push(value);
        }
        Ok(())
    }

    /// What identifies the judged row among those of its month, or `None` where a column of the key is empty.
    pub(super) fn key(&self, contract: &Contract, fields: &Fields) -> Option<u128> {
        if contract.key.is_empty() {
            return None;
        }
        let mut digest: (u64, u64) = (1, 2);
        for at in &contract.key {
            let value = self.scratch.get(*at)?;
            digest = match value {
                Value::Absent => return None,
                Value::Text(position) => {
                    let text = fields.get(*position).as_bytes();
                    (super::hash(digest.0, text), super::hash(digest.1, text))
                }
                Value::Code(code) => mix(digest, u64::from(*code)),
                Value::Number(number) => mix(digest, number.to_bits()),
                Value::Integer(number) => mix(digest, number.cast_unsigned()),
                Value::Date(day) => mix(digest, u64::from(day.cast_unsigned())),
                Value::Flag(flag) => mix(digest, u64::from(*flag)),
            };
        }
        Some(u128::from(digest.0) << 64 | u128::from(digest.1))
    }

    /// The same, equal for equal keys in any month and delivery; and how late the row is by its column `latest`, 0 where
    /// that is empty.
    pub(super) fn lasting_key(
        &self,
        contract: &Contract,
        sent: &Sent,
        fields: &Fields,
        latest: Option<usize>,
    ) -> Option<(u128, u64)> {
        let mut digest = Sha256::new();
        let mut add = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        for at in &contract.key {
            match self.scratch.get(*at)? {
                Value::Absent => return None,
                Value::Text(position) => add(fields.get(*position).as_bytes()),
                Value::Code(code) => {
                    let target = sent.targets.get(*at)?;
                    match self.builders.get(*target)? {
                        Builder::Category(interner, _) => {
                            add(interner.values.get(*code as usize)?.as_bytes());
                        }
                        Builder::Key(_, values) | Builder::Looked(_, values) => {
                            add(values.value(*code as usize).as_bytes());
                        }
                        _ => return None,
                    }
                }
                Value::Number(number) => add(&number.to_bits().to_le_bytes()),
                Value::Integer(number) => add(&number.to_le_bytes()),
                Value::Date(day) => add(&day.to_le_bytes()),
                Value::Flag(flag) => add(&[u8::from(*flag)]),
            }
        }
        // Signed numbers in the order of unsigned ones, above 0.
        let signed = |number: i64| (number.cast_unsigned() ^ (1 << 63)).max(1);
        let late = match latest.and_then(|at| self.scratch.get(at)) {
            Some(Value::Integer(number)) => signed(*number),
            Some(Value::Date(day)) => signed(i64::from(*day)),
            Some(Value::Number(number)) => {
                let bits = number.to_bits();
                if bits >> 63 == 0 { bits | 1 << 63 } else { (!bits).max(1) }
            }
            _ => 0,
        };
        let digest = digest.finalize();
        let key = digest.first_chunk::<16>().map_or(0, |bytes| u128::from_le_bytes(*bytes));
        Some((key, late))
    }

    /// Days of the month that the rows of this delivery told, one bit each.
    pub(super) fn days(&self) -> u32 {
        self.days
    }

    /// Takes the judged row.
    pub(super) fn push(&mut self, sent: &Sent, fields: &Fields, line: u64) {
        for (value, target) in self.scratch.iter().zip(&sent.targets) {
            let Some(builder) = self.builders.get_mut(*target) else { continue };
            append(builder, *value, fields, &mut self.hex);
        }
        let [feed, file, digest] = sent.codes;
        self.feed_codes.push(feed);
        self.file_codes.push(file);
        self.digest_codes.push(digest);
        self.lines.append_value(i64::try_from(line).unwrap_or(i64::MAX));
        self.synthetic.append_value(sent.synthetic);
        for (summary, parts) in self.summaries.iter_mut().zip(&sent.summary_keys) {
            let mut key = [ABSENT; SUMMARY_WIDTH];
            for (slot, part) in key.iter_mut().zip(parts) {
                *slot = match part {
                    KeyPart::Same(code) => *code,
                    KeyPart::Value(at) => match self.scratch.get(*at) {
                        Some(Value::Code(code)) => *code,
                        _ => ABSENT,
                    },
                };
            }
            *summary.counts.entry((key, sent.synthetic)).or_insert(0) += 1;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.feed_codes.len()
    }

    /// The rows so far as a batch, in the order in which they came; the columns are empty afterwards.
    pub(super) fn take(&mut self) -> Result<RecordBatch, arrow::error::ArrowError> {
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for builder in &mut self.builders {
            arrays.push(finish(builder)?);
        }
        for (codes, interner) in [
            (&mut self.feed_codes, &self.feeds),
            (&mut self.file_codes, &self.files),
            (&mut self.digest_codes, &self.digests),
        ] {
            arrays.push(dictionary(&std::mem::take(codes), &Arc::new(interner.array()))?);
        }
        arrays.push(Arc::new(self.lines.finish()));
        arrays.push(Arc::new(self.synthetic.finish()));
        RecordBatch::try_new(self.batch_schema(&arrays), arrays)
    }

    /// As the dataset's schema, with dictionaries for columns of few values; the writer stores both alike.
    fn batch_schema(&self, arrays: &[ArrayRef]) -> SchemaRef {
        let own = ["feed", "source_file", "delivery", "line", "synthetic"];
        let names = self.names.iter().map(String::as_str).chain(own);
        let fields: Vec<Field> = names
            .zip(arrays)
            .map(|(name, array)| Field::new(name, array.data_type().clone(), true))
            .collect();
        Arc::new(Schema::new(fields))
    }

    /// The counts of a summary, in the order of its columns' values.
    pub(super) fn summary(
        &self,
        number: usize,
        config: &crate::config::settings::SummaryConfig,
    ) -> Result<RecordBatch, arrow::error::ArrowError> {
        let empty = Vec::new();
        let (by, counts) = match self.summaries.get(number) {
            Some(summary) => (&summary.by, summary.counts.iter().collect()),
            None => (&empty, Vec::new()),
        };
        let dictionaries: Vec<StringArray> = by.iter().map(|by| self.values(*by)).collect();
        let text = |position: usize, code: u32| {
            let values = dictionaries.get(position)?;
            (code != ABSENT).then(|| values.value(code as usize))
        };
        let mut rows: Vec<(Vec<Option<&str>>, bool, i64)> = counts
            .into_iter()
            .map(|((key, synthetic), n)| {
                let texts = key.iter().take(by.len()).enumerate().map(|(at, code)| text(at, *code)).collect();
                (texts, *synthetic, *n)
            })
            .collect();
        rows.sort_unstable();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for position in 0..by.len() {
            let column = rows.iter().map(|(texts, _, _)| texts.get(position).copied().flatten());
            arrays.push(Arc::new(column.collect::<StringArray>()));
        }
        arrays.push(Arc::new(rows.iter().map(|(_, _, n)| Some(*n)).collect::<arrow::array::Int64Array>()));
        arrays.push(Arc::new(
            rows.iter().map(|(_, synthetic, _)| Some(*synthetic)).collect::<arrow::array::BooleanArray>(),
        ));
        RecordBatch::try_new(super::contract::summary_schema(config), arrays)
    }

    fn values(&self, by: By) -> StringArray {
        match by {
            By::Feed => self.feeds.array(),
            By::File => self.files.array(),
            By::Column(at) => match self.builders.get(at) {
                Some(Builder::Category(interner, _)) => interner.array(),
                Some(Builder::Key(_, values) | Builder::Looked(_, values)) => values.as_ref().clone(),
                _ => StringArray::from(Vec::<&str>::new()),
            },
        }
    }
}

fn mix(digest: (u64, u64), value: u64) -> (u64, u64) {
    let bytes = value.to_le_bytes();
    (super::hash(digest.0, &bytes), super::hash(digest.1, &bytes))
}

fn builder(column: &Column) -> Builder {
    match (&column.origin, &column.lookup, column.kind) {
        (Origin::Lookup { values, .. }, _, _) => Builder::Looked(Vec::new(), Arc::clone(values)),
        (Origin::Path(_), _, _) | (_, None, ColumnType::Category) => {
            Builder::Category(Interner::default(), Vec::new())
        }
        (_, Some((_, keys)), _) => Builder::Key(Vec::new(), Arc::clone(keys)),
        (_, None, ColumnType::Text) => Builder::Text(StringBuilder::new()),
        (_, None, ColumnType::Hex) => Builder::Hex(BinaryBuilder::new()),
        (_, None, ColumnType::Number) => Builder::Number(Float64Builder::new()),
        (_, None, ColumnType::Integer) => Builder::Integer(Int64Builder::new()),
        (_, None, ColumnType::Date) => Builder::Date(Date32Builder::new()),
        (_, None, ColumnType::Timestamp) => {
            Builder::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
        }
        (_, None, ColumnType::Flag) => Builder::Flag(BooleanBuilder::new()),
    }
}

fn judge_field<'a>(
    column: &'a Column,
    text: &str,
    position: usize,
    builder: &mut Builder,
) -> Result<Value, Broken<'a>> {
    let broken = |detail: String| Err(Broken { rule: &column.rule, column: &column.header, detail });
    if text.is_empty() {
        return if column.required { broken("the field is empty".to_owned()) } else { Ok(Value::Absent) };
    }
    if let Some((lookup, _)) = &column.lookup {
        return match lookup.row(text) {
            Some(row) => Ok(Value::Code(row)),
            None => broken(format!("`{}` is not in look-up `{}`", clip(text), lookup.id)),
        };
    }
    let number_in_range = |number: f64| column.range.is_none_or(|[low, high]| (low..=high).contains(&number));
    match column.kind {
        ColumnType::Text => Ok(Value::Text(position)),
        ColumnType::Category => {
            let Builder::Category(interner, _) = builder else { return Ok(Value::Absent) };
            // What was met before was a code then.
            if let Some(code) = interner.known(text) {
                return Ok(Value::Code(code));
            }
            if let Some(codes) = &column.codes
                && !codes.contains(text)
            {
                let nearest =
                    crate::diagnose::suggestion(text, codes.iter().map(String::as_str)).unwrap_or_default();
                return broken(format!("`{}` is not a known code; {nearest}", clip(text)));
            }
            Ok(Value::Code(interner.code(text)))
        }
        ColumnType::Hex => {
            if text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit()) {
                Ok(Value::Text(position))
            } else {
                broken(format!("expected hexadecimal digits, found `{}`", clip(text)))
            }
        }
        ColumnType::Number => match text.parse::<f64>() {
            Ok(number) if number.is_finite() && number_in_range(number) => Ok(Value::Number(number)),
            Ok(number) if number.is_finite() => broken(out_of_range(column, text)),
            _ => broken(format!("expected a number, found `{}`", clip(text))),
        },
        ColumnType::Integer => match text.parse::<i64>() {
            Ok(number) if number_in_range(number as f64) => Ok(Value::Integer(number)),
            Ok(_) => broken(out_of_range(column, text)),
            Err(_) => broken(format!("expected a whole number, found `{}`", clip(text))),
        },
        ColumnType::Date => match date_in_london(text) {
            Some(day) => Ok(Value::Date(days_since_1970(day))),
            None => broken(format!("expected a date such as 2025-06-30, found `{}`", clip(text))),
        },
        ColumnType::Timestamp => match DateTime::parse_from_rfc3339(text) {
            Ok(instant) => Ok(Value::Integer(instant.timestamp_micros())),
            Err(_) => broken(format!("expected a timestamp with an offset, found `{}`", clip(text))),
        },
        ColumnType::Flag => match text {
            "True" | "true" | "TRUE" => Ok(Value::Flag(true)),
            "False" | "false" | "FALSE" => Ok(Value::Flag(false)),
            _ => broken(format!("expected True or False, found `{}`", clip(text))),
        },
    }
}

fn out_of_range(column: &Column, text: &str) -> String {
    let [low, high] = column.range.unwrap_or_default();
    format!("expected a number from {low} to {high}, found `{}`", clip(text))
}

fn append(builder: &mut Builder, value: Value, fields: &Fields, hex: &mut Vec<u8>) {
    match (builder, value) {
        (Builder::Text(into), Value::Text(position)) => into.append_value(fields.get(position)),
        (Builder::Text(into), _) => into.append_null(),
        (Builder::Hex(into), Value::Text(position)) => {
            decode_hex(fields.get(position).as_bytes(), hex);
            into.append_value(&*hex);
        }
        (Builder::Hex(into), _) => into.append_null(),
        (Builder::Number(into), Value::Number(number)) => into.append_value(number),
        (Builder::Number(into), _) => into.append_null(),
        (Builder::Integer(into), Value::Integer(number)) => into.append_value(number),
        (Builder::Integer(into), _) => into.append_null(),
        (Builder::Date(into), Value::Date(day)) => into.append_value(day),
        (Builder::Date(into), _) => into.append_null(),
        (Builder::Timestamp(into), Value::Integer(instant)) => into.append_value(instant),
        (Builder::Timestamp(into), _) => into.append_null(),
        (Builder::Flag(into), Value::Flag(flag)) => into.append_value(flag),
        (Builder::Flag(into), _) => into.append_null(),
        (Builder::Category(_, codes) | Builder::Key(codes, _) | Builder::Looked(codes, _), value) => {
            codes.push(if let Value::Code(code) = value { code } else { ABSENT });
        }
    }
}

/// Digits that were judged to be hexadecimal, and an even number of them, as bytes.
fn decode_hex(digits: &[u8], into: &mut Vec<u8>) {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    };
    into.clear();
    into.extend(digits.chunks_exact(2).map(|pair| match pair {
        [high, low] => nibble(*high) << 4 | nibble(*low) & 15,
        _ => 0,
    }));
}

fn finish(builder: &mut Builder) -> Result<ArrayRef, arrow::error::ArrowError> {
    Ok(match builder {
        Builder::Text(into) => Arc::new(into.finish()),
        Builder::Hex(into) => Arc::new(into.finish()),
        Builder::Number(into) => Arc::new(into.finish()),
        Builder::Integer(into) => Arc::new(into.finish()),
        Builder::Date(into) => Arc::new(into.finish()),
        Builder::Timestamp(into) => Arc::new(into.finish()),
        Builder::Flag(into) => Arc::new(into.finish()),
        Builder::Category(interner, codes) => {
            dictionary(&std::mem::take(codes), &Arc::new(interner.array()))?
        }
        Builder::Key(codes, values) | Builder::Looked(codes, values) => {
            dictionary(&std::mem::take(codes), values)?
        }
    })
}

fn dictionary(codes: &[u32], values: &Arc<StringArray>) -> Result<ArrayRef, arrow::error::ArrowError> {
    let keys: Int32Array = codes.iter().map(|code| i32::try_from(*code).ok()).collect();
    let values: ArrayRef = Arc::clone(values) as ArrayRef;
    debug_assert_eq!(values.data_type(), &DataType::Utf8);
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values)?))
}

/// The day of the month that a row tells, 0 where it tells none; `None` where it is of another month.
fn day_in_month(text: &str, config: &MonthConfig, sent: &Sent) -> Option<u32> {
    match config.format {
        MonthFormat::Month if !config.from.is_empty() => (text == sent.month_text).then_some(0),
        _ => {
            let (month, day) = month_of(config, text, sent.month)?;
            (month == sent.month).then_some(day.unwrap_or_default())
        }
    }
}

fn days_since_1970(day: NaiveDate) -> i32 {
    i32::try_from(day.signed_duration_since(NaiveDate::default()).num_days()).unwrap_or(i32::MAX)
}

/// A value as it is shown in a message: one short line.
pub(super) fn clip(text: &str) -> String {
    let mut short: String =
        text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}
