//! What a contract asks of a value, in plain English for its supplier.

use std::fmt::Write as _;

use chrono::NaiveDate;

use crate::config::settings::{ColumnConfig, ColumnType, ContractConfig, PersonForm};
use crate::normalise::special::Markers;
use crate::waiver::rule_name;

/// Codes that are listed.
const CODES: usize = 20;

/// What a rule of the contract wants, without what it found: the rule as the quarantine names it, the header of the column
/// that breaks it (empty where it is about the row), and the title of each look-up.
pub(super) fn rule(
    contract: &ContractConfig,
    rule: &str,
    header: &str,
    title: &dyn Fn(&str) -> String,
) -> String {
    let named = |column: &&ColumnConfig| rule_name(column) == rule;
    let mut columns = contract.column.iter().filter(named);
    if header.is_empty() {
        if let Some(derived) = columns.find(|column| column.derive.is_some()) {
            return format!("`{}`, which we compute from the row, {}", derived.name, derived_value(derived));
        }
        return match contract.check.iter().find(|check| check.rule == rule) {
            Some(check) => check.message.clone(),
            None => format!("the row breaks the rule `{rule}`"),
        };
    }
    match columns.find(|column| column.from.as_deref() == Some(header)) {
        Some(column) => format!("`{header}` {}", column_in_words(contract, column, title)),
        None => format!("`{header}` breaks the rule `{rule}`"),
    }
}

fn derived_value(column: &ColumnConfig) -> String {
    if !column.codes.is_empty() {
        format!("must come to one of: {}", listed(column.codes.iter().map(String::as_str)))
    } else if let Some([low, high]) = column.range {
        format!("must come to a number from {low} to {high}")
    } else {
        "cannot be computed from its values".to_owned()
    }
}

/// What a field of a column must be: the value, whether it may be empty, and what may stand in its place.
pub(super) fn column_in_words(
    contract: &ContractConfig,
    column: &ColumnConfig,
    title: &dyn Fn(&str) -> String,
) -> String {
    let mut words = if column.person { person(column) } else { value(column, title) };
    let markers = Markers::of(contract, column);
    let missing = quoted(markers.null());
    match (column.required, &column.empty_with) {
        (true, _) => words.push_str(", and must not be empty"),
        (false, Some(_)) => words.push_str(", and is empty exactly where its fellow is"),
        (false, None) => {
            words.push_str(", or empty");
            if !missing.is_empty() {
                let _ = write!(words, " or {missing}");
            }
        }
    }
    let withheld = quoted(markers.suppressed());
    if !withheld.is_empty() {
        let _ = write!(words, "; {withheld} stands for a figure that you withhold");
    }
    words
}

fn person(column: &ColumnConfig) -> String {
    match column.person_form {
        PersonForm::Text | PersonForm::Letters => "must hold letters or digits".to_owned(),
        PersonForm::Digits => "must hold digits".to_owned(),
        PersonForm::NhsNumber => "must be an NHS number of ten digits with a right check digit".to_owned(),
        PersonForm::Date => format!("must be a date {}", moment(column, "2025-06-30", "such as ")),
    }
}

fn value(column: &ColumnConfig, title: &dyn Fn(&str) -> String) -> String {
    if let Some(lookup) = &column.lookup {
        return format!("must be in the list “{}”", title(lookup));
    }
    let of_list = column.codes_from.as_ref().map(|lookup| format!("in the list “{}”", title(lookup)));
    let one_of = (!column.codes.is_empty()).then(|| format!("one of: {}", listed(wordings(column))));
    match (of_list, one_of) {
        (Some(list), Some(codes)) => return format!("must be {list}, or {codes}"),
        (Some(words), None) | (None, Some(words)) => return format!("must be {words}"),
        (None, None) => {}
    }
    let number = if column.kind == ColumnType::Integer { "a whole number" } else { "a number" };
    if let Some([low, high]) = column.range {
        return format!("must be {number} from {low} to {high}");
    }
    match column.kind {
        ColumnType::Integer | ColumnType::Number => format!("must be {number}"),
        ColumnType::Hex => "must be an even number of the digits 0-9 and a-f".to_owned(),
        ColumnType::Date => format!("must be a date {}", moment(column, "2025-06-30", "such as ")),
        ColumnType::Timestamp => {
            format!("must be a time {}", moment(column, "2025-06-30T23:00:00+00:00", "such as "))
        }
        ColumnType::Duration => "must be a length of time such as 27:05:46".to_owned(),
        ColumnType::Flag if column.true_words.is_empty() && column.false_words.is_empty() => {
            "must be True or False".to_owned()
        }
        ColumnType::Flag => {
            let or = |words: &[String], plain: &str| {
                if words.is_empty() { plain.to_owned() } else { words.join(", ") }
            };
            let (yes, no) = (or(&column.true_words, "true"), or(&column.false_words, "false"));
            format!("must be {yes} for yes, or {no} for no")
        }
        ColumnType::Text | ColumnType::Category => text(column),
    }
}

/// What is agreed of a text's length and form.
fn text(column: &ColumnConfig) -> String {
    let length = match (column.min_length, column.max_length) {
        (Some(least), Some(most)) if least == most => format!("must have {least} characters"),
        (Some(least), Some(most)) => format!("must have {least} to {most} characters"),
        (Some(least), None) => format!("must have at least {least} characters"),
        (None, Some(most)) => format!("must have at most {most} characters"),
        (None, None) => String::new(),
    };
    match (&column.pattern, length.is_empty()) {
        (Some(pattern), true) => format!("must have the form `{pattern}`"),
        (Some(pattern), false) => format!("{length} and the form `{pattern}`"),
        (None, false) => length,
        (None, true) => "must be as agreed".to_owned(),
    }
}

/// How a day or time is written: an example in each agreed way.
fn moment(column: &ColumnConfig, plain: &str, such_as: &str) -> String {
    let example = NaiveDate::from_ymd_opt(2025, 6, 30).and_then(|day| day.and_hms_opt(23, 0, 0));
    let written = |format: &String| {
        let mut text = String::new();
        // A way of writing that asks for more than the example has stands as it was agreed.
        match example.map(|example| write!(text, "{}", example.format(format))) {
            Some(Ok(())) => text,
            _ => format!("`{format}`"),
        }
    };
    let examples: Vec<String> = column.formats.iter().map(written).collect();
    let mut words = such_as.to_owned();
    words.push_str(&if examples.is_empty() { plain.to_owned() } else { examples.join(" or ") });
    if column.excel_serials.is_some() {
        words.push_str(", or a spreadsheet's number of days");
    }
    words
}

/// The words that a supplier may write for a code: its own, then those of ours that have none.
fn wordings(column: &ColumnConfig) -> impl Iterator<Item = &str> {
    let own = column.map.iter().filter(|(_, code)| column.codes.contains(code)).map(|(word, _)| word);
    let ours = column.codes.iter().filter(|code| !column.map.values().any(|known| known == *code));
    own.chain(ours).map(String::as_str)
}

fn listed<'a>(codes: impl Iterator<Item = &'a str>) -> String {
    let codes: Vec<&str> = codes.collect();
    let more = codes.len().saturating_sub(CODES);
    let shown = codes.into_iter().take(CODES).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown}, and {more} more that we agreed") } else { shown }
}

/// Markers in a sentence: `-`, `N/A` or `:`.
fn quoted(markers: &[String]) -> String {
    let quoted: Vec<String> = markers.iter().map(|marker| format!("`{marker}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(column: &str) -> String {
        let contract = format!(
            "id = \"c\"\ndataset = \"d\"\ngrain = \"one\"\nnull-markers = [\"-\", \"N/A\"]\nmonth = {{ from = \"Month\" }}\n\
             [[column]]\nname = \"x\"\nfrom = \"X\"\n{column}"
        );
        let contract: ContractConfig = toml::from_str(&contract).expect("a contract");
        let title = |id: &str| format!("title of {id}");
        rule(&contract, "bad_x", "X", &title)
    }

    #[test]
    fn every_rule_of_a_column_says_what_it_wants() {
        for (column, words) in [
            ("type = \"integer\"", "`X` must be a whole number, or empty or `-` or `N/A`"),
            (
                "type = \"integer\"\nrange = [0.0, 9.0]\nrequired = true",
                "`X` must be a whole number from 0 to 9, and must not be empty",
            ),
            (
                "type = \"number\"\nsuppressed-markers = [\"[c]\"]\nnull-markers = []",
                "`X` must be a number, or empty; `[c]` stands for a figure that you withhold",
            ),
            (
                "type = \"date\"\nformats = [\"%d/%m/%Y\", \"%-d %B %Y\"]\nrequired = true",
                "`X` must be a date such as 30/06/2025 or 30 June 2025, and must not be empty",
            ),
            (
                "type = \"date\"\nexcel-serials = \"1900\"\nrequired = true",
                "`X` must be a date such as 2025-06-30, or a spreadsheet's number of days, and must not be empty",
            ),
            (
                "type = \"timestamp\"\nformats = [\"%Y-%m-%d %H:%M %z\"]\nrequired = true",
                "`X` must be a time such as `%Y-%m-%d %H:%M %z`, and must not be empty",
            ),
            (
                "type = \"flag\"\ntrue-words = [\"Y\", \"yes\"]\nfalse-words = [\"N\"]\nrequired = true",
                "`X` must be Y, yes for yes, or N for no, and must not be empty",
            ),
            (
                "type = \"duration\"\nrequired = true",
                "`X` must be a length of time such as 27:05:46, and must not be empty",
            ),
            (
                "pattern = \"[A-Z]{2}\"\nmin-length = 2\nmax-length = 2\nrequired = true",
                "`X` must have 2 characters and the form `[A-Z]{2}`, and must not be empty",
            ),
            ("max-length = 9\nrequired = true", "`X` must have at most 9 characters, and must not be empty"),
            (
                "type = \"category\"\ncodes = [\"noise\", \"other\"]\nmap = { Loud = \"noise\" }\nrequired = true",
                "`X` must be one of: Loud, other, and must not be empty",
            ),
            (
                "type = \"category\"\ncodes-from = \"beat\"\nrequired = true",
                "`X` must be in the list “title of beat”, and must not be empty",
            ),
            (
                "person = true\nperson-form = \"nhs-number\"\nrequired = true",
                "`X` must be an NHS number of ten digits with a right check digit, and must not be empty",
            ),
            (
                "person = true\nperson-form = \"date\"\nformats = [\"%d.%m.%Y\"]\nrequired = true",
                "`X` must be a date such as 30.06.2025, and must not be empty",
            ),
        ] {
            assert_eq!(said(column), words, "{column}");
        }
    }

    #[test]
    fn a_computed_column_and_a_check_of_the_row_are_told_in_their_words() {
        let contract: ContractConfig = toml::from_str(
            "id = \"c\"\ndataset = \"d\"\ngrain = \"one\"\nmonth = { from = \"Month\" }\n\
             [[column]]\nname = \"cost\"\nfrom = \"Cost\"\ntype = \"number\"\n\
             [[column]]\nname = \"mean\"\ntype = \"number\"\nderive = \"cost / 2\"\nrange = [0.0, 5.0]\n\
             [[column]]\nname = \"half\"\ntype = \"number\"\nderive = \"cost / 2\"\nrequired = true\n\
             [[check]]\nrule = \"closed_first\"\nexpect = \"cost > 1\"\nmessage = \"it was closed before it was opened\"\n",
        )
        .expect("a contract");
        let said = |name: &str| rule(&contract, name, "", &str::to_owned);
        assert_eq!(
            said("bad_mean"),
            "`mean`, which we compute from the row, must come to a number from 0 to 5"
        );
        assert_eq!(
            said("bad_half"),
            "`half`, which we compute from the row, cannot be computed from its values"
        );
        assert_eq!(said("closed_first"), "it was closed before it was opened");
        assert_eq!(said("something"), "the row breaks the rule `something`");
    }
}
