//! That the settings of one column of a contract agree with each other.

use crate::config::settings::{ColumnConfig, ColumnType, ContractConfig, PersonForm, UnknownCode};
use crate::normalise::dates::Dates;
use crate::normalise::person::sounds_personal;
use crate::normalise::special::{anchored, has_status};

/// What does not go together, each with the key that it is about.
pub(super) fn misfits(contract: &ContractConfig, column: &ColumnConfig) -> Vec<(&'static str, String)> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    let name = &column.name;
    for (key, kinds) in types_of(column) {
        let birthday = column.person && column.person_form == PersonForm::Date;
        if !birthday && !kinds.contains(&column.kind) {
            let kinds: Vec<String> =
                kinds.iter().map(|kind| format!("`{}`", format!("{kind:?}").to_lowercase())).collect();
            found.push((key, format!("column `{name}` has `{key}`, so its type is {}", kinds.join(" or "))));
        }
    }
    let coded = column.kind == ColumnType::Category || column.lookup.is_some();
    if column.codes_from.is_some() && column.kind != ColumnType::Category {
        found.push(("codes-from", format!("column `{name}` has codes, so its type is `category`")));
    }
    if column.unknown_code != UnknownCode::Quarantine && !coded {
        found.push(("unknown-code", format!("column `{name}` has neither codes nor a look-up")));
    }
    if column.unknown_code == UnknownCode::Keep && column.lookup.is_some() {
        found.push(("unknown-code", "a value that is not in the look-up cannot be kept".to_owned()));
    }
    if !column.map.is_empty() && !coded && column.kind != ColumnType::Text {
        let message = format!("column `{name}` has `map`, so its type is `category` or `text`");
        found.push(("map", message));
    }
    if column.ignore_case_and_blanks && column.map.is_empty() && column.kind != ColumnType::Category {
        found.push(("ignore-case-and-blanks", "there is neither `map` nor `codes`".to_owned()));
    }
    if let Err(number) = Dates::new(&column.formats, column.excel_serials) {
        let format = column.formats.get(number).map(String::as_str).unwrap_or_default();
        found.push(("formats", format!("`{format}` does not tell a day, month and year")));
    }
    if let Some(pattern) = &column.pattern
        && let Err(fault) = anchored(pattern)
    {
        found.push(("pattern", format!("not a regular expression: {fault}")));
    }
    if column.min_length > column.max_length && column.max_length.is_some() {
        found.push(("min-length", "the least length is above the greatest".to_owned()));
    }
    if has_status(contract, column)
        && contract.column.iter().any(|other| other.name == format!("{name}_status"))
    {
        found.push(("name", format!("column `{name}_status` is made from its markers already")));
    }
    from_header(column, &mut found);
    derived(column, &mut found);
    found
}

/// Keys that are set, each with the types that it is for.
fn types_of(column: &ColumnConfig) -> Vec<(&'static str, &'static [ColumnType])> {
    use ColumnType::{Date, Duration, Flag, Integer, Number, Text, Timestamp};
    let all: [(&'static str, bool, &'static [ColumnType]); 10] = [
        ("thousands-separator", column.thousands_separator.is_some(), &[Integer, Number]),
        ("signs", !column.signs.is_empty(), &[Integer, Number]),
        ("leading-zeros", column.leading_zeros, &[Integer]),
        ("point-zero", column.point_zero, &[Integer]),
        ("formats", !column.formats.is_empty(), &[Date, Timestamp]),
        ("excel-serials", column.excel_serials.is_some(), &[Date, Timestamp, Duration]),
        ("true-words", !column.true_words.is_empty(), &[Flag]),
        ("false-words", !column.false_words.is_empty(), &[Flag]),
        ("pattern", column.pattern.is_some(), &[Text]),
        ("min-length", column.min_length.is_some() || column.max_length.is_some(), &[Text]),
    ];
    all.into_iter().filter(|(_, set, _)| *set).map(|(key, _, kinds)| (key, kinds)).collect()
}

/// Settings that say how a field is read need a field.
fn from_header(column: &ColumnConfig, found: &mut Vec<(&'static str, String)>) {
    if column.from.is_some() {
        return;
    }
    for (key, set) in [
        ("synonyms", !column.synonyms.is_empty()),
        ("optional", column.optional),
        ("null-markers", column.null_markers.is_some()),
        ("suppressed-markers", column.suppressed_markers.is_some()),
        ("not-applicable-markers", column.not_applicable_markers.is_some()),
        ("note-markers", column.note_markers.is_some()),
        ("status", column.status),
        ("map", !column.map.is_empty()),
        ("person", column.person),
        ("drop", column.drop),
        ("free-text", column.free_text),
    ] {
        if set {
            found.push((key, format!("column `{}` has `{key}`, so it needs `from`", column.name)));
        }
    }
}

fn derived(column: &ColumnConfig, found: &mut Vec<(&'static str, String)>) {
    if column.derive.is_none() {
        return;
    }
    for (key, set) in [
        ("lookup", column.lookup.is_some()),
        ("empty-with", column.empty_with.is_some()),
        ("pattern", column.pattern.is_some()),
        ("min-length", column.min_length.is_some() || column.max_length.is_some()),
        ("unknown-code", column.unknown_code != UnknownCode::Quarantine),
    ] {
        if set {
            let message = format!("column `{}` is derived, so it has no `{key}`: write a check", column.name);
            found.push((key, message));
        }
    }
}

/// What is wrong with the way in which a column treats persons: the key, the message, and the way out.
pub(super) fn personal(column: &ColumnConfig) -> Option<(&'static str, String, &'static str)> {
    let name = &column.name;
    if column.person {
        if column.drop || column.free_text {
            let message = format!("column `{name}` is either a pseudonym or dropped");
            return Some(("person", message, "leave out one of `person`, `drop`, `free-text`"));
        }
        let others = column.lookup.is_some() || !column.codes.is_empty() || column.codes_from.is_some();
        if others || column.kind != ColumnType::Text || column.pattern.is_some() || !column.map.is_empty() {
            let message =
                format!("column `{name}` becomes a pseudonym, so it has no type, codes, pattern or look-up");
            return Some(("person", message, "say with `person-form` what its values must be"));
        }
        return None;
    }
    if column.purpose.is_some() {
        return Some(("purpose", format!("column `{name}` is not a pseudonym"), "add person = true"));
    }
    if column.person_form != PersonForm::Text {
        return Some(("person-form", format!("column `{name}` is not a pseudonym"), "add person = true"));
    }
    let empty = |reason: &Option<String>| reason.as_ref().is_some_and(|reason| reason.trim().is_empty());
    if empty(&column.keep_free_text) {
        return Some(("keep-free-text", "the reason is empty".to_owned(), "say why the text is kept"));
    }
    if empty(&column.not_personal) {
        return Some(("not-personal", "the reason is empty".to_owned(), "say why it is not personal"));
    }
    if column.keep_free_text.is_some() && !column.free_text {
        let message = format!("column `{name}` is not said to be free text");
        return Some(("keep-free-text", message, "add free-text = true"));
    }
    if column.drop || column.free_text || column.not_personal.is_some() {
        return None;
    }
    let from = column.from.as_deref()?;
    let words = sounds_personal(from).or_else(|| sounds_personal(name))?;
    let message = format!("column `{name}` seems to hold what identifies a person ({words})");
    Some((
        "from",
        message,
        "add person = true (a pseudonym is kept), drop = true (nothing is), or not-personal = \"the reason\"",
    ))
}
