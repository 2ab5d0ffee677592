//! The columns of a dataset under construction, and the values that go into them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayBuilder, ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, DictionaryArray,
    Float64Builder, Int32Array, Int64Builder, StringArray, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Int32Type};

use super::contract::{Column, Origin};
use super::csv::Fields;
use crate::config::settings::ColumnType;

/// No value, among codes.
pub(super) const ABSENT: u32 = u32::MAX;

/// A judged value, before the row as a whole is accepted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Absent,
    /// Field of the record, as it stands.
    Text(usize),
    /// A text that is not in the record as it is kept: from where to where in the row's own texts.
    Own(usize, usize),
    /// Number of a distinct value, or of a look-up's row.
    Code(u32),
    Number(f64),
    Integer(i64),
    Date(i32),
    Flag(bool),
}

/// Distinct values of a column, numbered in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Interner {
    known: HashMap<String, u32, foldhash::fast::FixedState>,
    values: Vec<String>,
    last: Option<u32>,
}

impl Interner {
    /// The number of a value that was met before.
    #[inline]
    pub(super) fn known(&mut self, text: &str) -> Option<u32> {
        // Files are sorted by type, so the value before is mostly the value again.
        if let Some(last) = self.last
            && self.values.get(last as usize).is_some_and(|value| value == text)
        {
            return Some(last);
        }
        self.last = self.known.get(text).copied();
        self.last
    }

    /// The number of a value, a new one where it was not met before.
    #[inline]
    pub(super) fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.known(text) {
            return code;
        }
        let code = u32::try_from(self.values.len()).unwrap_or(ABSENT);
        self.known.insert(text.to_owned(), code);
        self.values.push(text.to_owned());
        self.last = Some(code);
        code
    }

    /// The value of a number.
    #[inline]
    pub(super) fn value(&self, code: u32) -> Option<&str> {
        self.values.get(code as usize).map(String::as_str)
    }

    /// The values in the order of their numbers.
    pub(super) fn array(&self) -> StringArray {
        StringArray::from_iter_values(&self.values)
    }
}

/// The values of a column until they are written.
pub(super) enum Builder {
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

impl Builder {
    /// Number of the value of a row that is laid out; `None` where the column's values have none.
    #[inline]
    pub(super) fn code(&self, row: usize) -> Option<u32> {
        match self {
            Self::Category(_, codes) | Self::Key(codes, _) | Self::Looked(codes, _) => {
                codes.get(row).copied()
            }
            _ => None,
        }
    }
}

/// An empty column of the type that a contract's column has.
pub(super) fn builder(column: &Column) -> Builder {
    match (&column.origin, &column.lookup, column.kind) {
        (Origin::Lookup { values, .. }, _, _) => Builder::Looked(Vec::new(), Arc::clone(values)),
        (Origin::Path(_), _, _) | (_, None, ColumnType::Category) => {
            Builder::Category(Interner::default(), Vec::new())
        }
        (_, Some((_, keys)), _) => Builder::Key(Vec::new(), Arc::clone(keys)),
        (_, None, ColumnType::Text) => Builder::Text(StringBuilder::new()),
        (_, None, ColumnType::Hex) => Builder::Hex(BinaryBuilder::new()),
        (_, None, ColumnType::Number) => Builder::Number(Float64Builder::new()),
        (_, None, ColumnType::Integer | ColumnType::Duration) => Builder::Integer(Int64Builder::new()),
        (_, None, ColumnType::Date) => Builder::Date(Date32Builder::new()),
        (_, None, ColumnType::Timestamp) => {
            Builder::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
        }
        (_, None, ColumnType::Flag) => Builder::Flag(BooleanBuilder::new()),
    }
}

/// Adds a judged value; `own` holds the row's texts that are not in its record.
#[inline]
pub(super) fn append(builder: &mut Builder, value: Value, fields: &Fields, own: &str, hex: &mut Vec<u8>) {
    match (builder, value) {
        (Builder::Text(into), Value::Text(position)) => into.append_value(fields.get(position)),
        (Builder::Text(into), Value::Own(start, end)) => {
            into.append_value(own.get(start..end).unwrap_or_default());
        }
        (Builder::Text(into), _) => into.append_null(),
        (Builder::Hex(into), Value::Text(position)) => {
            decode_hex(fields.get(position).as_bytes(), hex);
            into.append_value(&*hex);
        }
        (Builder::Hex(into), Value::Own(start, end)) => {
            decode_hex(own.get(start..end).unwrap_or_default().as_bytes(), hex);
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
#[inline]
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

/// Place of each text in the order of all of them, from 1; equal ones share it.
pub(super) fn ranks(texts: &StringArray) -> Vec<u32> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_unstable_by_key(|at| texts.value(*at));
    let mut ranks = vec![0; texts.len()];
    let (mut rank, mut last) = (0, None);
    for at in order {
        let text = texts.value(at);
        if last != Some(text) {
            rank += 1;
            last = Some(text);
        }
        if let Some(place) = ranks.get_mut(at) {
            *place = rank;
        }
    }
    ranks
}

/// The values so far as a column. The builder has room for as many again: growing would copy them several times.
pub(super) fn finish(builder: &mut Builder) -> Result<ArrayRef, arrow::error::ArrowError> {
    Ok(match builder {
        Builder::Text(into) => {
            let next = StringBuilder::with_capacity(into.len(), into.values_slice().len());
            Arc::new(std::mem::replace(into, next).finish())
        }
        Builder::Hex(into) => {
            let next = BinaryBuilder::with_capacity(into.len(), into.values_slice().len());
            Arc::new(std::mem::replace(into, next).finish())
        }
        Builder::Number(into) => {
            let next = Float64Builder::with_capacity(into.len());
            Arc::new(std::mem::replace(into, next).finish())
        }
        Builder::Integer(into) => {
            let next = Int64Builder::with_capacity(into.len());
            Arc::new(std::mem::replace(into, next).finish())
        }
        Builder::Date(into) => Arc::new(into.finish()),
        Builder::Timestamp(into) => Arc::new(into.finish()),
        Builder::Flag(into) => Arc::new(into.finish()),
        Builder::Category(interner, codes) => dictionary(codes, &Arc::new(interner.array()))?,
        Builder::Key(codes, values) | Builder::Looked(codes, values) => dictionary(codes, values)?,
    })
}

/// Takes the codes, which leaves the room for others.
pub(super) fn dictionary(
    codes: &mut Vec<u32>,
    values: &Arc<StringArray>,
) -> Result<ArrayRef, arrow::error::ArrowError> {
    let keys: Int32Array = codes.drain(..).map(|code| i32::try_from(code).ok()).collect();
    let values: ArrayRef = Arc::clone(values) as ArrayRef;
    debug_assert_eq!(values.data_type(), &DataType::Utf8);
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values)?))
}
