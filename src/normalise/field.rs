//! One field at a time, judged by the type and the rules of its column.

use std::collections::BTreeMap;

use super::columns::{Builder, Value};
use super::contract::Column;
use super::csv::Fields;
use super::dates;
use super::special::{Special, State};
use crate::config::settings::{ColumnType, UnknownCode};

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken<'a> {
    pub(super) rule: &'a str,
    pub(super) column: &'a str,
    pub(super) detail: String,
    /// The delivery as a whole is refused for it.
    pub(super) refuses: bool,
}

impl<'a> Broken<'a> {
    /// A rule about the row as a whole.
    pub(super) fn row(rule: &'a str, detail: String) -> Self {
        Self { rule, column: "", detail, refuses: false }
    }
}

/// Judges a field of a column without rules beyond the plain ones.
#[inline]
pub(super) fn judge_field<'a>(
    column: &'a Column,
    text: &str,
    position: usize,
    builder: &mut Builder,
) -> Result<Value, Broken<'a>> {
    if text.is_empty() {
        return if column.required {
            Err(broken(column, "the field is empty".to_owned()))
        } else {
            Ok(Value::Absent)
        };
    }
    if let Some((lookup, _)) = &column.lookup {
        return match lookup.row(text) {
            Some(row) => Ok(Value::Code(row)),
            None => Err(not_in_lookup(column, text, &lookup.id)),
        };
    }
    judge_kind(column, text, Value::Text(position), builder)
}

/// Judges a text by the type of its column. `place` is where the text itself is kept.
#[inline]
fn judge_kind<'a>(
    column: &'a Column,
    text: &str,
    place: Value,
    builder: &mut Builder,
) -> Result<Value, Broken<'a>> {
    let expected =
        |what: &str| Err(broken(column, format!("expected {what}, found {}", found(column, text))));
    let number_in_range = |number: f64| column.range.is_none_or(|[low, high]| (low..=high).contains(&number));
    match column.kind {
        ColumnType::Text => Ok(place),
        ColumnType::Category => {
            let Builder::Category(interner, _) = builder else { return Ok(Value::Absent) };
            // What was met before was a code then.
            if !column.recheck
                && let Some(code) = interner.known(text)
            {
                return Ok(Value::Code(code));
            }
            if let Some(codes) = &column.codes
                && !codes.contains(text)
            {
                return Err(not_a_code(column, text, codes.iter().map(String::as_str)));
            }
            Ok(Value::Code(interner.code(text)))
        }
        ColumnType::Hex => {
            // All digits are looked at, many at once: stopping at the first wrong one would mean one after the other.
            let digits = text.bytes().fold(true, |good, byte| good & byte.is_ascii_hexdigit());
            if text.len().is_multiple_of(2) && digits { Ok(place) } else { expected("hexadecimal digits") }
        }
        ColumnType::Number => match text.parse::<f64>() {
            Ok(number) if !number.is_finite() || text.starts_with('+') => expected("a number"),
            Ok(number) if number_in_range(number) => Ok(Value::Number(number)),
            Ok(_) => Err(out_of_range(column, text)),
            Err(_) => expected("a number"),
        },
        ColumnType::Integer => match text.parse::<i64>() {
            Ok(_) if !is_plain_integer(text) => {
                expected("a whole number without a plus sign or zeros before it")
            }
            Ok(number) if number_in_range(number as f64) => Ok(Value::Integer(number)),
            Ok(_) => Err(out_of_range(column, text)),
            Err(_) => expected("a whole number"),
        },
        ColumnType::Date => match dates::day(text) {
            Some(day) => Ok(Value::Date(dates::since_1970(day))),
            None => expected("a date such as 2025-06-30"),
        },
        ColumnType::Timestamp => match dates::instant(text) {
            Some(instant) => Ok(Value::Integer(instant.timestamp_micros())),
            None => expected("a timestamp with an offset"),
        },
        ColumnType::Flag => match text {
            "True" | "true" | "TRUE" => Ok(Value::Flag(true)),
            "False" | "false" | "FALSE" => Ok(Value::Flag(false)),
            _ => expected("True or False"),
        },
        ColumnType::Duration => judge_duration(column, text, None),
    }
}

/// As [`judge_field`], for a column with rules beyond the plain ones; `read` is the field without its markers.
pub(super) fn judge_special<'a>(
    column: &'a Column,
    special: &Special,
    read: (&str, State),
    position: usize,
    fields: &Fields,
    work: &mut Work<'_>,
) -> Result<Value, Broken<'a>> {
    let (text, state) = read;
    match state {
        State::Missing if column.required => {
            return Err(broken(column, "the field has no value".to_owned()));
        }
        State::Missing | State::Suppressed | State::NotApplicable => return Ok(Value::Absent),
        State::Noted(_) if text.is_empty() => return Ok(Value::Absent),
        State::Value | State::Noted(_) => {}
    }
    if let Some(person) = &special.person {
        return match person.of(text) {
            Some(pseudonym) => Ok(work.keep(&pseudonym)),
            None => Err(broken(column, person.told().to_owned())),
        };
    }
    let text = special.mapped(text);
    let refuses = special.unknown == UnknownCode::Refuse;
    if let Some((lookup, _)) = &column.lookup {
        return match lookup.row(text) {
            Some(row) => Ok(Value::Code(row)),
            None => Err(Broken { refuses, ..not_in_lookup(column, text, &lookup.id) }),
        };
    }
    let number = |whole: bool| {
        special.number(text, whole).ok_or_else(|| {
            broken(column, format!("expected a number as agreed, found {}", found(column, text)))
        })
    };
    match column.kind {
        ColumnType::Category => {
            let code = match special.code(text) {
                Ok(code) => code,
                Err(()) if special.unknown == UnknownCode::Keep => {
                    *work.unknown.entry(column.header.clone()).or_insert(0) += 1;
                    text
                }
                Err(()) => return Err(Broken { refuses, ..not_a_code(column, text, special.known()) }),
            };
            let Builder::Category(interner, _) = &mut *work.builder else { return Ok(Value::Absent) };
            Ok(Value::Code(interner.code(code)))
        }
        ColumnType::Text | ColumnType::Hex => {
            if let Some(misfit) = special.misfit(text) {
                return Err(broken(column, misfit));
            }
            let place = if text == fields.get(position) { Value::Text(position) } else { work.keep(text) };
            judge_kind(column, text, place, work.builder)
        }
        ColumnType::Number => judge_kind(column, &number(false)?, Value::Absent, work.builder),
        ColumnType::Integer => judge_kind(column, &number(true)?, Value::Absent, work.builder),
        ColumnType::Date | ColumnType::Timestamp => {
            let Some(dates) = &special.dates else {
                return judge_kind(column, text, Value::Absent, work.builder);
            };
            let value = if column.kind == ColumnType::Date {
                dates.day(text).map(|day| Value::Date(dates::since_1970(day)))
            } else {
                dates.instant(text).map(|instant| Value::Integer(instant.timestamp_micros()))
            };
            value.ok_or_else(|| {
                broken(column, format!("expected {}, found {}", dates.told(), found(column, text)))
            })
        }
        ColumnType::Flag if special.has_words() => special.flag(text).map(Value::Flag).ok_or_else(|| {
            broken(column, format!("expected one of the agreed words, found {}", found(column, text)))
        }),
        ColumnType::Flag => judge_kind(column, text, Value::Absent, work.builder),
        ColumnType::Duration => judge_duration(column, text, special.excel_serials),
    }
}

fn judge_duration<'a>(
    column: &'a Column,
    text: &str,
    serials: Option<crate::config::settings::ExcelSerials>,
) -> Result<Value, Broken<'a>> {
    match dates::seconds(text, serials) {
        Some(seconds) if column.range.is_none_or(|[low, high]| (low..=high).contains(&(seconds as f64))) => {
            Ok(Value::Integer(seconds))
        }
        Some(_) => Err(out_of_range(column, text)),
        None => {
            let detail = format!("expected a time span such as 00:05:46, found {}", found(column, text));
            Err(broken(column, detail))
        }
    }
}

/// Where a column with rules of its own keeps what it finds.
pub(super) struct Work<'w> {
    pub(super) builder: &'w mut Builder,
    pub(super) own: &'w mut String,
    pub(super) unknown: &'w mut BTreeMap<String, u64>,
}

impl Work<'_> {
    fn keep(&mut self, text: &str) -> Value {
        let start = self.own.len();
        self.own.push_str(text);
        Value::Own(start, self.own.len())
    }
}

fn broken(column: &Column, detail: String) -> Broken<'_> {
    Broken { rule: &column.rule, column: &column.header, detail, refuses: false }
}

/// The value that a message may show: none where the column is personal.
fn found(column: &Column, text: &str) -> String {
    if column.masked { "something else".to_owned() } else { format!("`{}`", clip(text)) }
}

fn not_in_lookup<'a>(column: &'a Column, text: &str, lookup: &str) -> Broken<'a> {
    let value = if column.masked { "the value".to_owned() } else { format!("`{}`", clip(text)) };
    broken(column, format!("{value} is not in look-up `{lookup}`"))
}

fn not_a_code<'a, 'k>(
    column: &'a Column,
    text: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Broken<'a> {
    if column.masked {
        return broken(column, "the value is not a known code".to_owned());
    }
    let nearest = crate::diagnose::suggestion(text, known).unwrap_or_default();
    broken(column, format!("`{}` is not a known code; {nearest}", clip(text)))
}

fn out_of_range<'a>(column: &'a Column, text: &str) -> Broken<'a> {
    let [low, high] = column.range.unwrap_or_default();
    broken(column, format!("expected a number from {low} to {high}, found {}", found(column, text)))
}

/// Whether a whole number is written in the one way that it has.
fn is_plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.starts_with('+') && (text == "0" || !digits.starts_with('0'))
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
