//! One row at a time: judged against the contract, then laid into the columns of the dataset.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, BooleanBuilder,
    DictionaryArray, Int64Builder, RecordBatch, StringArray,
};
use arrow::compute::{cast, filter, filter_record_batch};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use sha2::{Digest, Sha256};

use super::columns::{ABSENT, Builder, Interner, Value, append, builder, dictionary, finish, ranks};
use super::contract::{Column, Contract, Dataset, Origin, all_columns};
use super::csv::Fields;
use super::field::{Broken, Work, clip, judge_field, judge_special};
use super::month_of::month_of;
use super::special::State;
use crate::config::settings::{MonthConfig, MonthFormat, SummaryConfig};
use crate::period::Month;

/// More columns than this are not counted by; a summary of more would be the dataset itself.
pub(super) const SUMMARY_WIDTH: usize = 8;

/// The columns of a dataset under construction, for one month.
pub(super) struct Rows {
    builders: Vec<Builder>,
    /// Columns of the dataset, then those that only expressions of a contract read, under the contract's name.
    names: Vec<String>,
    /// How many of them are columns of the dataset.
    kept: usize,
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
    /// Rows that are laid out and left out of the batch.
    struck: Vec<usize>,
    /// Texts of the judged row that are not in its record as they are kept.
    own: String,
    hex: Vec<u8>,
    /// How often a code that is not known was kept, by header, since this was last asked.
    unknown: BTreeMap<String, u64>,
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
    /// Columns that only other contracts of the dataset have; they are empty in its rows.
    lacking: Vec<usize>,
    /// Parts of the key of each summary.
    summary_keys: Vec<Vec<KeyPart>>,
    /// Codes of feed, file and digest, and of the columns that are taken from the path.
    codes: [u32; 3],
    path_codes: Vec<u32>,
}

impl Rows {
    pub(super) fn new(dataset: &Dataset) -> Self {
        Self::of(dataset.contracts.values(), &dataset.summaries)
    }

    /// For rows of one contract that are judged and go nowhere.
    pub(super) fn of_contract(contract: &Arc<Contract>) -> Self {
        Self::of(std::iter::once(contract), &[])
    }

    fn of<'a>(
        contracts: impl Iterator<Item = &'a Arc<Contract>> + Clone,
        summaries: &[SummaryConfig],
    ) -> Self {
        let kept = all_columns(contracts.clone());
        let (mut names, mut builders): (Vec<String>, Vec<Builder>) =
            kept.into_iter().map(|column| (column.name.clone(), builder(column))).unzip();
        let kept = names.len();
        for contract in contracts {
            for column in contract.columns.iter().filter(|column| column.hidden) {
                names.push(hidden_name(contract, column));
                builders.push(builder(column));
            }
        }
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
            kept,
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
            struck: Vec::new(),
            own: String::new(),
            hex: Vec::new(),
            unknown: BTreeMap::new(),
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
        let targets: Vec<usize> =
            contract.columns.iter().map(|column| self.target(contract, column)).collect();
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
        let lacking = (0..self.builders.len()).filter(|place| !targets.contains(place)).collect();
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
            lacking,
            codes,
            path_codes,
        }
    }

    /// Column of the dataset of that name; contracts of one dataset may order them differently.
    fn target(&self, contract: &Contract, column: &Column) -> usize {
        let place = if column.hidden {
            let name = hidden_name(contract, column);
            self.names.iter().position(|known| *known == name)
        } else {
            self.names.iter().take(self.kept).position(|known| *known == column.name)
        };
        place.unwrap_or(usize::MAX)
    }

    /// Judges a row; its values wait for [`Rows::lay`].
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
            let from = &contract.config.month.from;
            let masked = contract.columns.iter().any(|column| column.masked && column.header == *from);
            let found = if masked { "something else".to_owned() } else { format!("`{}`", clip(month)) };
            return Err(Broken {
                rule: &contract.config.month.rule,
                column: from,
                detail: format!("expected the month {}, found {found}", sent.month_text),
                refuses: false,
            });
        };
        if day > 0 {
            self.days |= 1 << ((day - 1) & 31);
        }
        self.scratch.clear();
        self.own.clear();
        // What the field before said beside its value, for the status column that follows it.
        let mut state = (State::Value, None);
        for (number, column) in contract.columns.iter().enumerate() {
            let value = match &column.origin {
                Origin::Field(at) => {
                    let (position, text) = field(*at);
                    let target = sent.targets.get(number).copied().unwrap_or(usize::MAX);
                    let value = match (self.builders.get_mut(target), &column.special) {
                        (Some(builder), None) => judge_field(column, text, position, builder)?,
                        (Some(builder), Some(special)) => {
                            let (text, found) = special.read(text);
                            state = (found, Some(special));
                            let mut work = Work { builder, own: &mut self.own, unknown: &mut self.unknown };
                            judge_special(column, special, (text, found), position, fields, &mut work)?
                        }
                        (None, _) => Value::Absent,
                    };
                    if let Some(other) = column.empty_with {
                        let other_absent = matches!(self.scratch.get(other), Some(Value::Absent));
                        if other_absent != matches!(value, Value::Absent) {
                            return Err(Broken {
                                rule: &column.rule,
                                column: &column.header,
                                detail: "one of the two is empty, the other is not".to_owned(),
                                refuses: false,
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
                Origin::Status => {
                    let target = sent.targets.get(number).copied().unwrap_or(usize::MAX);
                    match (state, self.builders.get_mut(target)) {
                        ((state, Some(special)), Some(Builder::Category(interner, _))) => {
                            Value::Code(interner.code(&special.word(state)))
                        }
                        _ => Value::Absent,
                    }
                }
                Origin::Derived | Origin::Unread => Value::Absent,
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
                Value::Own(start, end) => {
                    let text = self.own.get(*start..*end).unwrap_or_default().as_bytes();
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
                Value::Own(start, end) => add(self.own.get(*start..*end).unwrap_or_default().as_bytes()),
                Value::Code(code) => {
                    let target = sent.targets.get(*at)?;
                    match self.builders.get(*target)? {
                        Builder::Category(interner, _) => {
                            add(interner.value(*code)?.as_bytes());
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

    /// Lays out the judged row, as number [`Rows::len`]; whether it counts is decided later, by [`Rows::count`] and
    /// [`Rows::strike`] or by [`Rows::admit`].
    pub(super) fn lay(&mut self, sent: &Sent, fields: &Fields, line: u64) {
        for (value, target) in self.scratch.iter().zip(&sent.targets) {
            let Some(builder) = self.builders.get_mut(*target) else { continue };
            append(builder, *value, fields, &self.own, &mut self.hex);
        }
        for place in &sent.lacking {
            let Some(builder) = self.builders.get_mut(*place) else { continue };
            append(builder, Value::Absent, fields, "", &mut self.hex);
        }
        let [feed, file, digest] = sent.codes;
        self.feed_codes.push(feed);
        self.file_codes.push(file);
        self.digest_codes.push(digest);
        self.lines.append_value(i64::try_from(line).unwrap_or(i64::MAX));
        self.synthetic.append_value(sent.synthetic);
    }

    /// Counts a row that is laid out in the summaries.
    pub(super) fn count(&mut self, sent: &Sent, row: usize) {
        for (summary, parts) in self.summaries.iter_mut().zip(&sent.summary_keys) {
            let mut key = [ABSENT; SUMMARY_WIDTH];
            for (slot, part) in key.iter_mut().zip(parts) {
                *slot = match part {
                    KeyPart::Same(code) => *code,
                    KeyPart::Value(at) => {
                        let target = sent.targets.get(*at).copied().unwrap_or(usize::MAX);
                        self.builders.get(target).and_then(|builder| builder.code(row)).unwrap_or(ABSENT)
                    }
                };
            }
            *summary.counts.entry((key, sent.synthetic)).or_insert(0) += 1;
        }
    }

    /// Leaves a row that is laid out, and not counted, out of the batch that it would be in.
    pub(super) fn strike(&mut self, row: usize) {
        self.struck.push(row);
    }

    /// How many rows are laid out.
    pub(super) fn len(&self) -> usize {
        self.feed_codes.len()
    }

    /// The rows so far as a batch, in the order in which they came; the columns are empty afterwards.
    pub(super) fn take(&mut self) -> Result<RecordBatch, arrow::error::ArrowError> {
        let arrays = self.columns()?;
        let batch = self.batch(arrays)?;
        let struck = std::mem::take(&mut self.struck);
        if struck.is_empty() {
            return Ok(batch);
        }
        let mut kept = BooleanBufferBuilder::new(batch.num_rows());
        kept.append_n(batch.num_rows(), true);
        for row in struck.into_iter().filter(|row| *row < batch.num_rows()) {
            kept.set_bit(row, false);
        }
        filter_record_batch(&batch, &BooleanArray::from(kept.finish()))
    }

    /// The rows so far as columns: those of the dataset, those that only expressions read, the product's own.
    pub(super) fn columns(&mut self) -> Result<Vec<ArrayRef>, arrow::error::ArrowError> {
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for builder in &mut self.builders {
            arrays.push(finish(builder)?);
        }
        for (codes, interner) in [
            (&mut self.feed_codes, &self.feeds),
            (&mut self.file_codes, &self.files),
            (&mut self.digest_codes, &self.digests),
        ] {
            arrays.push(dictionary(codes, &Arc::new(interner.array()))?);
        }
        let lines = Int64Builder::with_capacity(self.lines.len());
        arrays.push(Arc::new(std::mem::replace(&mut self.lines, lines).finish()));
        arrays.push(Arc::new(self.synthetic.finish()));
        Ok(arrays)
    }

    fn batch(&self, mut arrays: Vec<ArrayRef>) -> Result<RecordBatch, arrow::error::ArrowError> {
        arrays.drain(self.kept.min(arrays.len())..self.names.len().min(arrays.len()));
        RecordBatch::try_new(self.batch_schema(&arrays), arrays)
    }

    /// The column of a contract among `columns`.
    pub(super) fn column_of(sent: &Sent, columns: &[ArrayRef], number: usize) -> Option<ArrayRef> {
        columns.get(*sent.targets.get(number)?).cloned()
    }

    /// Takes those of the laid-out rows that are good, with their derived columns: counts them, and gives them as a
    /// batch.
    pub(super) fn admit(
        &mut self,
        sent: &Sent,
        mut columns: Vec<ArrayRef>,
        derived: Vec<(usize, ArrayRef)>,
        good: &BooleanArray,
    ) -> Result<RecordBatch, arrow::error::ArrowError> {
        for (number, values) in derived {
            let target = sent.targets.get(number).copied().unwrap_or(usize::MAX);
            let (Some(builder), Some(column)) = (self.builders.get_mut(target), columns.get_mut(target))
            else {
                continue;
            };
            *column = match builder {
                Builder::Category(interner, _) => {
                    let texts = cast(&values, &DataType::Utf8)?;
                    let texts = texts.as_string::<i32>().iter();
                    let mut codes: Vec<u32> =
                        texts.map(|text| text.map_or(ABSENT, |text| interner.code(text))).collect();
                    dictionary(&mut codes, &Arc::new(interner.array()))?
                }
                Builder::Timestamp(_) => cast(&values, column.data_type())?,
                _ => values,
            };
        }
        let kept = columns.iter().map(|column| filter(column, good)).collect::<Result<Vec<_>, _>>()?;
        let rows = kept.last().map_or(0, Array::len);
        for (summary, parts) in self.summaries.iter_mut().zip(&sent.summary_keys) {
            let dictionaries: Vec<Option<&DictionaryArray<Int32Type>>> = parts
                .iter()
                .map(|part| match part {
                    KeyPart::Same(_) => None,
                    KeyPart::Value(at) => kept.get(*sent.targets.get(*at)?)?.as_any().downcast_ref(),
                })
                .collect();
            for row in 0..rows {
                let mut key = [ABSENT; SUMMARY_WIDTH];
                for ((slot, part), dictionary) in key.iter_mut().zip(parts).zip(&dictionaries) {
                    *slot = match (part, dictionary) {
                        (KeyPart::Same(code), _) => *code,
                        (KeyPart::Value(_), Some(codes)) => {
                            codes.key(row).and_then(|code| u32::try_from(code).ok()).unwrap_or(ABSENT)
                        }
                        (KeyPart::Value(_), None) => ABSENT,
                    };
                }
                *summary.counts.entry((key, sent.synthetic)).or_insert(0) += 1;
            }
        }
        self.batch(kept)
    }

    /// How often a code that is not known was kept, by header, since this was last asked.
    pub(super) fn take_unknown(&mut self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.unknown)
    }

    /// As the dataset's schema, with dictionaries for columns of few values; the writer stores both alike.
    fn batch_schema(&self, arrays: &[ArrayRef]) -> SchemaRef {
        let own = ["feed", "source_file", "delivery", "line", "synthetic"];
        let names = self.names.iter().take(self.kept).map(String::as_str).chain(own);
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
        let ranks: Vec<Vec<u32>> = dictionaries.iter().map(ranks).collect();
        // In order of the texts, by what their places in that order are: absent ones first.
        let rank = |position: usize, code: u32| {
            ranks.get(position).and_then(|ranks| ranks.get(code as usize)).copied().unwrap_or(0)
        };
        let mut rows: Vec<([u32; SUMMARY_WIDTH], bool, i64, &[u32; SUMMARY_WIDTH])> = counts
            .into_iter()
            .map(|((key, synthetic), n)| {
                (std::array::from_fn(|at| key.get(at).map_or(0, |code| rank(at, *code))), *synthetic, *n, key)
            })
            .collect();
        rows.sort_unstable();
        let text = |position: usize, code: u32| {
            let values = dictionaries.get(position)?;
            (code != ABSENT).then(|| values.value(code as usize))
        };
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for position in 0..by.len() {
            let column = rows.iter().map(|(_, _, _, key)| text(position, *key.get(position)?));
            arrays.push(Arc::new(column.collect::<StringArray>()));
        }
        arrays.push(Arc::new(rows.iter().map(|(_, _, n, _)| Some(*n)).collect::<arrow::array::Int64Array>()));
        arrays.push(Arc::new(
            rows.iter().map(|(_, synthetic, _, _)| Some(*synthetic)).collect::<arrow::array::BooleanArray>(),
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

fn hidden_name(contract: &Contract, column: &Column) -> String {
    format!("{} {}", contract.config.id, column.name)
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

#[cfg(test)]
mod tests {
    use arrow::datatypes::Float64Type;

    use super::*;
    use crate::normalise::contract;

    /// Two partners who fill one dataset: the first counts by place, the second by kind and with a note.
    const COUNTS: &str = r#"
id = "counts"
dataset = "figure"
grain = "a figure"
header = ["Month", "Place", "Count"]

[month]
from = "Month"

[[column]]
name = "place"
from = "Place"

[[column]]
name = "value"
from = "Count"
type = "number"
"#;
    const KINDS: &str = r#"
id = "kinds"
dataset = "figure"
grain = "a figure"
header = ["Month", "Kind", "Rate", "Note", "Secret"]

[month]
from = "Month"

[[column]]
name = "kind"
from = "Kind"
type = "category"

[[column]]
name = "value"
from = "Rate"
type = "number"
suppressed-markers = ["*"]

[[column]]
name = "secret"
from = "Secret"
type = "integer"
drop = true

[[column]]
name = "note"
from = "Note"

[[column]]
name = "known"
type = "flag"
derive = "secret > 1"

[[column]]
name = "shown"
derive = "COALESCE(note, kind)"
"#;

    fn project(contracts: &[(&str, &str)]) -> (crate::config::Project, Vec<crate::diagnose::Problem>) {
        let folder = tempfile::tempdir().unwrap();
        let contracts_folder = folder.path().join("pipelines/town/contracts");
        std::fs::create_dir_all(&contracts_folder).unwrap();
        std::fs::write(folder.path().join("outturn.toml"), "").unwrap();
        for (name, text) in contracts {
            std::fs::write(contracts_folder.join(format!("{name}.toml")), text).unwrap();
        }
        crate::config::load(folder.path())
    }

    fn figure() -> Arc<Dataset> {
        let (project, problems) = project(&[("counts", COUNTS), ("kinds", KINDS)]);
        assert!(problems.is_empty(), "{problems:?}");
        let (mut datasets, problems) = contract::datasets(&project, &BTreeMap::new(), None);
        assert!(problems.is_empty(), "{problems:?}");
        datasets.remove("figure").unwrap()
    }

    fn delivery() -> crate::landing::Delivery {
        crate::landing::Delivery {
            feed: "f".to_owned(),
            period: "2025-06".parse().unwrap(),
            file: "f".to_owned(),
            source: "f".to_owned(),
            sha256: "00".to_owned(),
            content_sha256: "00".to_owned(),
            bytes: 1,
            member: None,
            captures: BTreeMap::new(),
            received: "2025-08-01T05:30:00Z".parse().unwrap(),
            etag: None,
            last_modified: None,
            modified_ns: None,
            reference: None,
            synthetic: false,
        }
    }

    #[test]
    fn a_text_has_its_place_in_the_order_of_all() {
        let texts = StringArray::from(vec!["dale", "", "hill", "dale", "bay"]);
        assert_eq!(ranks(&texts), [3, 1, 4, 3, 2]);
        assert_eq!(ranks(&StringArray::from(Vec::<&str>::new())), Vec::<u32>::new());
    }

    fn record(fields: &[&str]) -> Fields {
        let mut record = Fields::default();
        record.set(fields);
        record
    }

    #[test]
    fn a_dataset_has_the_columns_of_all_its_contracts_in_the_order_in_which_they_come() {
        let dataset = figure();
        let names: Vec<&str> = dataset.schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names[..7], ["place", "value", "kind", "value_status", "note", "known", "shown"]);
        assert_eq!(names[7..], ["feed", "source_file", "delivery", "line", "synthetic"]);
    }

    #[test]
    fn a_column_that_a_contract_lacks_is_empty_in_its_rows() {
        let dataset = figure();
        let (counts, kinds) = (&dataset.contracts["counts"], &dataset.contracts["kinds"]);
        let mut rows = Rows::new(&dataset);
        let sent = rows.begin(counts, &delivery(), (0..counts.fields.len()).collect());
        // Nothing is to be done for a row whose contract has every column; here all but two are lacking.
        assert_eq!(sent.lacking.len(), 6);
        for place in ["Hill", "Dale"] {
            let fields = record(&["2025-06", place, "3"]);
            rows.judge(counts, &sent, &fields).unwrap();
            rows.lay(&sent, &fields, 2);
        }
        assert_eq!(kinds.fields, ["Month", "Kind", "Rate", "Secret", "Note"]);
        let sent = rows.begin(kinds, &delivery(), (0..kinds.fields.len()).collect());
        assert_eq!(sent.lacking.len(), 1);
        let fields = record(&["2025-06", "arson", "*", "7", "new"]);
        rows.judge(kinds, &sent, &fields).unwrap();
        rows.lay(&sent, &fields, 2);
        let batch = rows.take().unwrap();
        assert_eq!(batch.num_rows(), 3);
        let text = |name: &str| -> Vec<Option<String>> {
            let column = cast(batch.column_by_name(name).unwrap(), &DataType::Utf8).unwrap();
            column.as_string::<i32>().iter().map(|value| value.map(str::to_owned)).collect()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(text("place"), [some("Hill"), some("Dale"), None]);
        assert_eq!(text("kind"), [None, None, some("arson")]);
        assert_eq!(text("value_status"), [None, None, some("suppressed")]);
        assert_eq!(text("note"), [None, None, some("new")]);
        let values: Vec<Option<f64>> =
            batch.column_by_name("value").unwrap().as_primitive::<Float64Type>().iter().collect();
        assert_eq!(values, [Some(3.0), Some(3.0), None]);
        assert!(batch.column_by_name("secret").is_none());
    }

    #[test]
    fn rows_of_an_expression_stand_beside_rows_of_a_contract_without_it() {
        let dataset = figure();
        let kinds = &dataset.contracts["kinds"];
        let mut rows = Rows::new(&dataset);
        let sent = rows.begin(kinds, &delivery(), (0..kinds.fields.len()).collect());
        for (kind, note) in [("arson", ""), ("theft", "new")] {
            let fields = record(&["2025-06", kind, "1", "7", note]);
            rows.judge(kinds, &sent, &fields).unwrap();
            rows.lay(&sent, &fields, 2);
        }
        let columns = rows.columns().unwrap();
        let rules = kinds.rules.as_ref().unwrap();
        let verdict = rules
            .apply(
                &kinds.columns,
                &kinds.config.column,
                2,
                |place| Rows::column_of(&sent, &columns, place),
                |_, _| false,
            )
            .unwrap();
        assert!(verdict.broken.is_empty(), "{:?}", verdict.broken);
        let good = BooleanArray::from(vec![true, true]);
        let batch = rows.admit(&sent, columns, verdict.derived, &good).unwrap();
        let shown = cast(batch.column_by_name("shown").unwrap(), &DataType::Utf8).unwrap();
        let shown: Vec<Option<&str>> = shown.as_string::<i32>().iter().collect();
        assert_eq!(shown, [Some("arson"), Some("new")]);
        assert_eq!(batch.column_by_name("place").unwrap().null_count(), 2);
    }

    #[test]
    fn a_column_that_is_not_the_same_in_two_contracts_is_named() {
        let other =
            KINDS.replace("from = \"Kind\"\ntype = \"category\"", "from = \"Kind\"\ntype = \"integer\"");
        let other = other.replace("id = \"kinds\"", "id = \"other\"").replace("COALESCE(note, kind)", "note");
        let (_, problems) = project(&[("kinds", KINDS), ("other", &other)]);
        let told: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(
            told,
            [
                "column `kind` of dataset `figure` is of type integer here, but of type category in contract `kinds`"
            ]
        );
    }
}
