//! What a column of a sample looks like: its type, its codes, and whether it tells of persons.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, Utc};
use regex::Regex;

use crate::period::Month;

/// Different values of a column that are remembered.
const DISTINCT: usize = 200;
/// A list of codes has at most so many, and each of them stood at least so often.
const CODES: usize = 20;
const CODE_TIMES: u64 = 3;
/// Share of the values that must fit before a column is taken for something, in percent.
pub(super) const MOST: u64 = 80;

/// What a value looks like; the first that fits, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// An NHS number, its check digit included.
    Nhs,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `2025-06`.
    Month,
    /// `2025-06-30`.
    Date,
    /// `30/06/2025`.
    UkDate,
    /// A timestamp with an offset.
    Timestamp,
    /// `True` or `False`.
    Flag,
    /// An even number of hexadecimal digits, sixteen or more.
    Hex,
    /// A whole postcode.
    Postcode,
    /// A mail address.
    Email,
    /// A National Insurance number.
    Nino,
    /// Two or three words that begin with a capital letter each, as a person's name does.
    Capitals,
    /// Eight words or more: somebody typed it.
    Prose,
    /// Anything else.
    Text,
}

/// Patterns that are tried on every value, made once; none that cannot be made would ever match.
type Pattern = LazyLock<Option<Regex>>;
static POSTCODE: Pattern =
    LazyLock::new(|| Regex::new(r"(?i)^[a-z]{1,2}[0-9][0-9a-z]? ?[0-9][a-z]{2}$").ok());
static NINO: Pattern = LazyLock::new(|| Regex::new(r"(?i)^[a-z]{2}[0-9]{6}[a-d]$").ok());
static CAPITALS: Pattern =
    LazyLock::new(|| Regex::new(r"^\p{Lu}[\p{L}'’-]+,?(?: \p{Lu}[\p{L}'’.-]*){1,2}$").ok());

fn fits(pattern: &Pattern, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

pub(super) fn shape_of(text: &str) -> Shape {
    let bytes = text.as_bytes();
    let digits = || bytes.iter().all(u8::is_ascii_digit);
    let spaced: String = text.chars().filter(|c| *c != ' ').collect();
    if spaced.len() == 10 && is_nhs_number(&spaced) {
        Shape::Nhs
    } else if text.parse::<i64>().is_ok() && !(digits() && bytes.len() > 1 && bytes.first() == Some(&b'0')) {
        Shape::Integer
    } else if bytes.first().is_some_and(|b| b.is_ascii_digit() || *b == b'-' || *b == b'.')
        && text.parse::<f64>().is_ok_and(f64::is_finite)
        && !digits()
    {
        Shape::Number
    } else if bytes.len() == 7 && text.parse::<Month>().is_ok() {
        Shape::Month
    } else if bytes.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok() {
        Shape::Date
    } else if bytes.len() == 10 && NaiveDate::parse_from_str(text, "%d/%m/%Y").is_ok() {
        Shape::UkDate
    } else if DateTime::parse_from_rfc3339(text).is_ok() {
        Shape::Timestamp
    } else if ["true", "false"].contains(&text.to_ascii_lowercase().as_str()) {
        Shape::Flag
    } else if bytes.len() >= 16 && bytes.len().is_multiple_of(2) && bytes.iter().all(u8::is_ascii_hexdigit) {
        Shape::Hex
    } else if text.contains('@') && text.contains('.') && !text.contains(' ') {
        Shape::Email
    } else if text.split_whitespace().count() >= 8 {
        Shape::Prose
    } else if bytes.len() <= 13 && fits(&POSTCODE, text) {
        Shape::Postcode
    } else if spaced.len() == 9 && fits(&NINO, &spaced) {
        Shape::Nino
    } else if fits(&CAPITALS, text) {
        Shape::Capitals
    } else {
        Shape::Text
    }
}

/// Ten digits of which the last follows from the others, by the NHS's own rule (modulus 11).
fn is_nhs_number(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let [first @ .., check] = digits.as_slice() else { return false };
    if first.len() != 9 || text.len() != 10 {
        return false;
    }
    let sum: u32 = first.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
    match 11 - sum % 11 {
        11 => *check == 0,
        10 => false,
        wanted => *check == wanted,
    }
}

/// What was seen of a column.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) filled: u64,
    pub(super) empty: u64,
    shapes: BTreeMap<Shape, u64>,
    /// The different values with how often each stood, until there are too many.
    pub(super) values: BTreeMap<String, u64>,
    many: bool,
    /// Digests of all values, to see whether they are all different.
    digests: BTreeSet<u64>,
    /// The earliest month among its dates.
    pub(super) earliest: Option<Month>,
}

impl Seen {
    pub(super) fn take(&mut self, value: &str) {
        if value.trim().is_empty() {
            self.empty += 1;
            return;
        }
        self.filled += 1;
        let shape = shape_of(value.trim());
        *self.shapes.entry(shape).or_default() += 1;
        self.digests.insert(crate::normalise::hash(0, value.as_bytes()));
        let month = match shape {
            Shape::Month | Shape::Date => value.trim().get(..7).and_then(|m| m.parse().ok()),
            Shape::Timestamp => DateTime::parse_from_rfc3339(value.trim())
                .ok()
                .map(|moment| Month::in_london(moment.with_timezone(&Utc))),
            Shape::UkDate => NaiveDate::parse_from_str(value.trim(), "%d/%m/%Y").ok().map(Month::containing),
            _ => None,
        };
        self.earliest = match (self.earliest, month) {
            (Some(known), Some(month)) => Some(known.min(month)),
            (known, month) => known.or(month),
        };
        if !self.many {
            *self.values.entry(value.to_owned()).or_default() += 1;
            if self.values.len() > DISTINCT {
                self.many = true;
                self.values.clear();
            }
        }
    }

    /// How many of the values, in percent, have one of these shapes.
    pub(super) fn share(&self, shapes: &[Shape]) -> u64 {
        let found: u64 = shapes.iter().filter_map(|shape| self.shapes.get(shape)).sum();
        (found * 100).checked_div(self.filled).unwrap_or_default()
    }

    pub(super) fn all(&self, shapes: &[Shape]) -> bool {
        self.filled > 0
            && shapes.iter().filter_map(|shape| self.shapes.get(shape)).sum::<u64>() == self.filled
    }

    pub(super) fn is_unique(&self) -> bool {
        self.empty == 0 && self.filled > 1 && self.digests.len() as u64 == self.filled
    }

    /// The word for `type`.
    pub(super) fn kind(&self) -> &'static str {
        if self.all(&[Shape::Integer]) {
            "integer"
        } else if self.all(&[Shape::Integer, Shape::Number]) {
            "number"
        } else if self.all(&[Shape::Date]) {
            "date"
        } else if self.all(&[Shape::Timestamp]) {
            "timestamp"
        } else if self.all(&[Shape::Flag]) {
            "flag"
        } else if self.all(&[Shape::Hex]) {
            "hex"
        } else if !self.many && self.filled >= 20 && (self.values.len() as u64) * 5 <= self.filled {
            "category"
        } else {
            "text"
        }
    }

    /// The codes of a category, where it has few and each stood several times.
    pub(super) fn codes(&self) -> Option<Vec<&str>> {
        let few = self.kind() == "category" && self.values.len() <= CODES;
        let often = self.values.values().all(|times| *times >= CODE_TIMES);
        (few && often).then(|| self.values.keys().map(String::as_str).collect())
    }
}

/// Why a column looks personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Personal {
    /// It identifies somebody: a pseudonym may be worth having.
    Identifies(&'static str),
    /// It tells of somebody, and is rarely needed.
    Tells(&'static str),
}

/// Judges a column by its name and by what its values look like.
pub(super) fn personal(name: &str, seen: &Seen) -> Option<Personal> {
    use Personal::{Identifies, Tells};
    let lower = name.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let joined = words.concat();
    let any = |known: &[&str]| known.iter().any(|word| words.contains(word));
    let holds = |known: &[&str]| known.iter().any(|part| joined.contains(part));
    let group = any(&["type", "category", "code", "group", "band", "count", "number", "total"]);
    if seen.share(&[Shape::Nhs]) >= MOST || any(&["nhs"]) {
        return Some(Identifies("an NHS number"));
    }
    if seen.share(&[Shape::Nino]) >= MOST || any(&["nino"]) || holds(&["nationalinsurance"]) {
        return Some(Identifies("a National Insurance number"));
    }
    let person = &[
        "victim", "offender", "suspect", "person", "client", "patient", "nominal", "customer", "child",
        "pupil",
    ];
    if any(person) && any(&["id", "ref", "reference", "urn", "key", "no"])
        || holds(&[
            "victimid",
            "offenderid",
            "suspectid",
            "personid",
            "clientid",
            "patientid",
            "nominalid",
            "upn",
            "pncid",
        ])
    {
        return Some(Identifies("the reference of a person"));
    }
    if any(&["forename", "surname", "firstname", "lastname", "fullname", "dob"])
        || holds(&["firstname", "lastname", "surname", "forename", "dateofbirth", "birthdate"])
        || any(person) && any(&["name"])
        || words == ["name"]
    {
        return Some(Tells("a person's name or date of birth"));
    }
    if seen.share(&[Shape::Email]) >= MOST || holds(&["email"]) {
        return Some(Tells("a mail address"));
    }
    if any(&["phone", "telephone", "mobile", "tel"]) {
        return Some(Tells("a telephone number"));
    }
    if seen.share(&[Shape::Postcode]) >= MOST
        || any(&["address", "postcode", "uprn"])
        || holds(&["addressline"])
    {
        return Some(Tells("an address"));
    }
    let described = any(&["defined", "ethnicity", "gender", "sex", "age", "rank", "role", "team"]);
    if any(&["officer", "caseworker", "reporter", "complainant"]) && !group && !described {
        return Some(Tells("somebody's name"));
    }
    if any(&["ethnicity", "religion", "disability", "sexuality"]) && seen.kind() == "text" {
        return Some(Tells("a special category of personal data in somebody's own words"));
    }
    // The same few sentences over and over are codes; nobody typed them.
    let typed = seen.kind() == "text" && !group;
    let free = any(&["notes", "narrative", "comments", "description", "details", "mo"]);
    if typed && (free || seen.share(&[Shape::Prose]) >= 20) {
        return Some(Tells("text that somebody typed, which may name anybody"));
    }
    let of_a_list = any(&[
        "type", "category", "outcome", "status", "reason", "ward", "area", "district", "offence", "crime",
    ]);
    if seen.share(&[Shape::Capitals]) >= MOST && seen.kind() != "category" && !of_a_list {
        return Some(Tells("what looks like names"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_tells_an_nhs_number_from_ten_digits() {
        // The example of the NHS Data Dictionary.
        assert!(is_nhs_number("9434765919"));
        assert!(!is_nhs_number("9434765918"));
        assert_eq!(shape_of("943 476 5919"), Shape::Nhs);
        assert_eq!(shape_of("9434765918"), Shape::Integer);
    }

    #[test]
    fn values_are_told_apart_by_their_shape() {
        for (text, shape) in [
            ("12", Shape::Integer),
            ("007", Shape::Text),
            ("1.5", Shape::Number),
            ("nan", Shape::Text),
            ("2025-06", Shape::Month),
            ("2025-06-31", Shape::Text),
            ("2025-06-30", Shape::Date),
            ("30/06/2025", Shape::UkDate),
            ("2025-06-30T23:00:00+00:00", Shape::Timestamp),
            ("TS18 1AB", Shape::Postcode),
            ("QQ 12 34 56 C", Shape::Nino),
            ("a.b@example.org", Shape::Email),
            ("Anne-Marie O'Neill", Shape::Capitals),
            ("Anti-social behaviour", Shape::Text),
            ("0123456789abcdef", Shape::Hex),
        ] {
            assert_eq!(shape_of(text), shape, "{text}");
        }
    }

    fn seen<'a>(values: impl IntoIterator<Item = &'a str>) -> Seen {
        let mut seen = Seen::default();
        values.into_iter().for_each(|value| seen.take(value));
        seen
    }

    #[test]
    fn sentences_that_repeat_are_codes_and_sentences_that_do_not_were_typed() {
        let acts = [
            "Police and Criminal Evidence Act 1984 (section 1) as amended",
            "Misuse of Drugs Act 1971 (section 23)",
        ];
        let codes = seen(acts.into_iter().cycle().take(40));
        assert_eq!(personal("Legislation", &codes), None);
        let typed: Vec<String> = (0..40).map(|n| format!("he said that it was number {n} of many")).collect();
        let typed = seen(typed.iter().map(String::as_str));
        assert!(matches!(personal("Remarks", &typed), Some(Personal::Tells(_))));
    }

    #[test]
    fn a_column_is_personal_by_its_name_or_by_its_values() {
        let none = Seen::default();
        for name in
            ["Victim ID", "PersonRef No Victim Ref", "Surname", "DOB", "E-mail", "Home address", "Officer"]
        {
            assert!(personal(name, &none).is_some(), "{name}");
        }
        for name in ["Crime ID", "Officer rank", "Victim type", "Ward name", "Outcome", "Month"] {
            assert!(personal(name, &none).is_none(), "{name}");
        }
        let coded = seen(["Asian", "White"].into_iter().cycle().take(40));
        assert_eq!(personal("Officer-defined ethnicity", &coded), None);
        assert!(personal("Code", &seen(["TS18 1AB", "M1 1AA", "SK1 3XE"])).is_some());
        assert!(personal("Number", &seen(["943 476 5919"])).is_some());
    }

    #[test]
    fn a_timestamp_counts_in_the_month_of_london() {
        let month = seen(["2025-05-31T23:00:00+00:00"]).earliest;
        assert_eq!(month, "2025-06".parse().ok());
    }
}
