//! What a field may say beside its plain value: markers, the partner's own words and ways of writing. Only columns whose
//! settings ask for it come here.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use regex::Regex;

use super::dates::Dates;
use super::person::{PersonKey, Pseudonym, fold};
use crate::config::settings::{ColumnConfig, ColumnType, ContractConfig, UnknownCode};
use crate::lookup::Lookup;

/// Whether a field holds a value, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Value,
    Missing,
    /// Withheld by the supplier.
    Suppressed,
    NotApplicable,
    /// A value, or nothing, with these of the column's note markers, as bits.
    Noted(u64),
}

/// The rules of a column beyond the plain ones.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(super) struct Special {
    trim: bool,
    null: Vec<String>,
    suppressed: Vec<String>,
    not_applicable: Vec<String>,
    /// Each marker with its word.
    notes: Vec<(String, String)>,
    map: Option<HashMap<String, String>>,
    loose: bool,
    /// Codes as they are kept, by how they are compared.
    codes: Option<HashMap<String, String>>,
    pub(super) unknown: UnknownCode,
    thousands: Option<char>,
    signs: Vec<String>,
    leading_zeros: bool,
    point_zero: bool,
    pub(super) dates: Option<Dates>,
    pub(super) excel_serials: Option<crate::config::settings::ExcelSerials>,
    /// Words for true and for false, in small letters.
    words: Option<(HashSet<String>, HashSet<String>)>,
    pattern: Option<Regex>,
    length: (u32, u32),
    pub(super) person: Option<Pseudonym>,
}

/// A regular expression that must match a text as a whole.
///
/// # Errors
/// What is wrong with it, in one line.
pub(crate) fn anchored(pattern: &str) -> Result<Regex, String> {
    // Alone first, so that a bracket that is closed twice does not reach out of the group.
    regex::RegexBuilder::new(pattern).size_limit(1 << 20).build().map_err(|error| told(&error))?;
    let whole = format!("^(?:{pattern})$");
    regex::RegexBuilder::new(&whole).size_limit(1 << 20).build().map_err(|error| told(&error))
}

fn told(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// The markers that may come in a column: its own, or those of the contract.
pub(crate) struct Markers<'a> {
    null: &'a [String],
    suppressed: &'a [String],
    not_applicable: &'a [String],
    notes: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Markers<'a> {
    pub(crate) fn of(contract: &'a ContractConfig, column: &'a ColumnConfig) -> Self {
        let figure = matches!(column.kind, ColumnType::Integer | ColumnType::Number | ColumnType::Duration);
        let read = column.from.is_some();
        let or = |own: &'a Option<Vec<String>>, all: &'a [String], here: bool| -> &'a [String] {
            own.as_deref().unwrap_or(if read && here { all } else { &[] })
        };
        Self {
            null: or(&column.null_markers, &contract.null_markers, true),
            suppressed: or(&column.suppressed_markers, &contract.suppressed_markers, figure),
            not_applicable: or(&column.not_applicable_markers, &contract.not_applicable_markers, figure),
            notes: column.note_markers.as_ref().or((read && figure).then_some(&contract.note_markers)),
        }
    }

    /// What stands in place of a missing value.
    pub(crate) fn null(&self) -> &'a [String] {
        self.null
    }

    /// What stands in place of a number that the supplier withheld.
    pub(crate) fn suppressed(&self) -> &'a [String] {
        self.suppressed
    }

    fn is_empty(&self) -> bool {
        self.null.is_empty() && !self.tell_state()
    }

    fn tell_state(&self) -> bool {
        !self.suppressed.is_empty()
            || !self.not_applicable.is_empty()
            || self.notes.is_some_and(|notes| !notes.is_empty())
    }
}

/// Whether a column of the dataset has a column `<name>_status` beside it.
#[must_use]
pub(crate) fn has_status(contract: &ContractConfig, column: &ColumnConfig) -> bool {
    column.from.is_some() && (column.status || Markers::of(contract, column).tell_state())
}

impl Special {
    /// The rules of a column, or `None` when the plain ones are all.
    pub(super) fn new(
        contract: &ContractConfig,
        column: &ColumnConfig,
        codes_from: Option<&Arc<Lookup>>,
        key: Option<&PersonKey>,
    ) -> Option<Box<Self>> {
        column.from.as_ref()?;
        let markers = Markers::of(contract, column);
        let written = column.thousands_separator.is_some()
            || !column.signs.is_empty()
            || column.leading_zeros
            || column.point_zero
            || !column.formats.is_empty()
            || column.excel_serials.is_some()
            || !column.true_words.is_empty()
            || !column.false_words.is_empty();
        let worded = column.codes_from.is_some()
            || !column.map.is_empty()
            || column.ignore_case_and_blanks
            || column.unknown_code != UnknownCode::Quarantine;
        let text = column.pattern.is_some() || column.min_length.is_some() || column.max_length.is_some();
        let trim = column.trim.unwrap_or(contract.trim);
        let status = has_status(contract, column);
        if !(written || worded || text || trim || status || column.person || !markers.is_empty()) {
            return None;
        }
        let loose = column.ignore_case_and_blanks;
        let as_compared = |text: &str| if loose { fold(text) } else { text.to_owned() };
        let from_lookup = codes_from.map(|lookup| lookup.keys());
        let listed = column.codes.iter().cloned();
        let looked = from_lookup.iter().flat_map(|keys| keys.iter().flatten().map(str::to_owned));
        let codes: HashMap<String, String> =
            listed.chain(looked).map(|code| (as_compared(&code), code)).collect();
        let has_codes = !column.codes.is_empty() || column.codes_from.is_some();
        let small = |words: &[String], plain: &str| -> HashSet<String> {
            if words.is_empty() {
                HashSet::from([plain.to_owned()])
            } else {
                words.iter().map(|word| fold(word)).collect()
            }
        };
        let words = !column.true_words.is_empty() || !column.false_words.is_empty();
        let dated = !column.formats.is_empty() || column.excel_serials.is_some();
        Some(Box::new(Self {
            trim: column.trim.unwrap_or(contract.trim || written || worded || !markers.is_empty()),
            null: markers.null.to_vec(),
            suppressed: markers.suppressed.to_vec(),
            not_applicable: markers.not_applicable.to_vec(),
            notes: markers
                .notes
                .into_iter()
                .flatten()
                .take(64)
                .map(|(marker, word)| (marker.clone(), word.clone()))
                .collect(),
            map: (!column.map.is_empty())
                .then(|| column.map.iter().map(|(from, to)| (as_compared(from), to.clone())).collect()),
            loose,
            codes: has_codes.then_some(codes),
            unknown: column.unknown_code,
            thousands: column.thousands_separator,
            signs: column.signs.clone(),
            leading_zeros: column.leading_zeros,
            point_zero: column.point_zero,
            // What is wrong with formats and patterns was reported where the settings are checked.
            dates: dated.then(|| Dates::new(&column.formats, column.excel_serials).unwrap_or_default()),
            excel_serials: column.excel_serials,
            words: words.then(|| (small(&column.true_words, "true"), small(&column.false_words, "false"))),
            pattern: column.pattern.as_deref().and_then(|pattern| anchored(pattern).ok()),
            length: (column.min_length.unwrap_or(0), column.max_length.unwrap_or(u32::MAX)),
            person: column.person.then(|| Pseudonym::new(column, key)),
        }))
    }

    /// The same without what a value must be among or look like.
    pub(super) fn lenient(&self) -> Self {
        Self { codes: None, pattern: None, length: (0, u32::MAX), ..self.clone() }
    }

    /// The text without blanks and markers, and what the markers say of it.
    pub(super) fn read<'t>(&self, field: &'t str) -> (&'t str, State) {
        let mut text = if self.trim { field.trim() } else { field };
        let mut noted = 0;
        while let Some((bit, rest)) = self.note(text) {
            noted |= bit;
            text = rest;
        }
        let among = |markers: &[String]| markers.iter().any(|marker| marker.eq_ignore_ascii_case(text));
        let state = if among(&self.suppressed) {
            State::Suppressed
        } else if among(&self.not_applicable) {
            State::NotApplicable
        } else if noted != 0 && !among(&self.null) {
            State::Noted(noted)
        } else if text.is_empty() || among(&self.null) {
            State::Missing
        } else {
            State::Value
        };
        (text, state)
    }

    /// The note marker at the end of a text, and the text before it.
    fn note<'t>(&self, text: &'t str) -> Option<(u64, &'t str)> {
        self.notes.iter().enumerate().find_map(|(number, (marker, _))| {
            let at = text.len().checked_sub(marker.len())?;
            let (before, end) = text.split_at_checked(at)?;
            (!marker.is_empty() && end.eq_ignore_ascii_case(marker))
                .then(|| (1_u64 << number.min(63), before.trim_end()))
        })
    }

    /// The word for a state, as the status column has it.
    pub(super) fn word(&self, state: State) -> Cow<'_, str> {
        Cow::Borrowed(match state {
            State::Value => "value",
            State::Missing => "missing",
            State::Suppressed => "suppressed",
            State::NotApplicable => "not_applicable",
            State::Noted(bits) => {
                let has = |number: usize| bits & (1_u64 << number.min(63)) != 0;
                let words = self.notes.iter().enumerate().filter(|(number, _)| has(*number));
                let words: Vec<&str> = words.map(|(_, (_, word))| word.as_str()).collect();
                return match words.as_slice() {
                    [one] => Cow::Borrowed(*one),
                    several => Cow::Owned(several.join(", ")),
                };
            }
        })
    }

    /// Our wording of a text.
    pub(super) fn mapped<'t>(&'t self, text: &'t str) -> &'t str {
        let Some(map) = &self.map else { return text };
        let found = if self.loose { map.get(&fold(text)) } else { map.get(text) };
        found.map_or(text, String::as_str)
    }

    /// The code that a text is: `Ok` as it is kept, `Err` when it is none of the agreed ones.
    pub(super) fn code<'t>(&'t self, text: &'t str) -> Result<&'t str, ()> {
        let Some(codes) = &self.codes else { return Ok(text) };
        let found = if self.loose { codes.get(&fold(text)) } else { codes.get(text) };
        found.map(String::as_str).ok_or(())
    }

    /// The agreed codes, for a message.
    pub(super) fn known(&self) -> impl Iterator<Item = &str> {
        self.codes.iter().flat_map(|codes| codes.values().map(String::as_str))
    }

    /// Digits, sign and point of a number without what was agreed to stand around them; `None` when it stands wrong.
    pub(super) fn number<'t>(&self, text: &'t str, whole: bool) -> Option<Cow<'t, str>> {
        let mut text = text;
        let (mut minus, mut signed) = ("", true);
        // A sign may stand before the minus or behind it: -£5 and £-5.
        while signed {
            signed = false;
            for sign in self.signs.iter().filter(|sign| !sign.is_empty()) {
                let rest = text.strip_prefix(sign.as_str()).or_else(|| text.strip_suffix(sign.as_str()));
                if let Some(rest) = rest {
                    (text, signed) = (rest.trim(), true);
                }
            }
            if !self.signs.is_empty()
                && minus.is_empty()
                && let Some(rest) = text.strip_prefix('-')
            {
                (text, minus, signed) = (rest.trim_start(), "-", true);
            }
        }
        if !minus.is_empty() && text.starts_with(['-', '+']) {
            return None;
        }
        let mut number = Cow::Borrowed(text);
        if let Some(separator) = self.thousands
            && text.contains(separator)
        {
            let start = usize::from(text.starts_with('-'));
            let end = text.find('.').filter(|_| separator != '.').unwrap_or(text.len());
            let digits = text.get(start..end)?;
            for (place, group) in digits.split(separator).enumerate() {
                let right = if place == 0 { (1..=3).contains(&group.len()) } else { group.len() == 3 };
                if !right || !group.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
            }
            let rest = text.get(end..)?;
            if rest.contains(separator) {
                return None;
            }
            number = Cow::Owned(format!("{}{}{rest}", text.get(..start)?, digits.replace(separator, "")));
        }
        if whole && self.point_zero && number.contains('.') {
            let (before, zeros) = number.split_once('.')?;
            if before.is_empty() || zeros.is_empty() || zeros.bytes().any(|b| b != b'0') {
                return None;
            }
            number = Cow::Owned(before.to_owned());
        }
        if whole && self.leading_zeros {
            let (sign, digits) = match number.strip_prefix('-') {
                Some(digits) => ("-", digits),
                None => ("", number.as_ref()),
            };
            let short = digits.trim_start_matches('0');
            if short.len() < digits.len() {
                let short = if short.starts_with(|c: char| c.is_ascii_digit()) {
                    format!("{sign}{short}")
                } else {
                    // Nothing but zeros; a sign before them says nothing.
                    format!("0{short}")
                };
                number = Cow::Owned(short);
            }
        }
        if minus.is_empty() { Some(number) } else { Some(Cow::Owned(format!("-{number}"))) }
    }

    /// Whether words for true and false were agreed.
    pub(super) fn has_words(&self) -> bool {
        self.words.is_some()
    }

    /// True or false by the agreed words; `None` where the text is neither.
    pub(super) fn flag(&self, text: &str) -> Option<bool> {
        let (yes, no) = self.words.as_ref()?;
        let word = fold(text);
        yes.contains(&word).then_some(true).or_else(|| no.contains(&word).then_some(false))
    }

    /// What is wrong with the length or form of a text.
    pub(super) fn misfit(&self, text: &str) -> Option<String> {
        let (least, most) = self.length;
        if self.length != (0, u32::MAX) {
            let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            if length < least {
                return Some(format!("expected at least {least} characters, found {length}"));
            }
            if length > most {
                return Some(format!("expected at most {most} characters, found {length}"));
            }
        }
        let pattern = self.pattern.as_ref()?;
        (!pattern.is_match(text)).then(|| "expected a text of the agreed form".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn special(settings: &str) -> Special {
        let text = format!("name = \"x\"\nfrom = \"X\"\n{settings}");
        let column: ColumnConfig = toml::from_str(&text).unwrap();
        let contract: ContractConfig = toml::from_str(
            "id = \"c\"\ndataset = \"d\"\ngrain = \"g\"\ncolumn = []\n[month]\nfrom = \"M\"\nformat = \"month\"",
        )
        .unwrap();
        *Special::new(&contract, &column, None, None).unwrap()
    }

    #[test]
    fn a_column_without_settings_is_plain() {
        let column: ColumnConfig =
            toml::from_str("name = \"x\"\nfrom = \"X\"\ntype = \"category\"\ncodes = [\"a\"]").unwrap();
        let contract: ContractConfig = toml::from_str(
            "id = \"c\"\ndataset = \"d\"\ngrain = \"g\"\ncolumn = []\n[month]\nfrom = \"M\"\nformat = \"month\"",
        )
        .unwrap();
        assert!(Special::new(&contract, &column, None, None).is_none());
    }

    #[test]
    fn a_marker_says_why_there_is_no_value() {
        let column = special(
            "type = \"integer\"\nnull-markers = [\"-\", \"N/A\"]\nsuppressed-markers = [\"[c]\", \"*\"]\n\
             not-applicable-markers = [\"[z]\"]\n[note-markers]\n\"[p]\" = \"provisional\"\n\"[r]\" = \"revised\"\n\
             \"[low]\" = \"low\"",
        );
        for (field, text, word) in [
            ("12", "12", "value"),
            ("", "", "missing"),
            ("  ", "", "missing"),
            (" - ", "-", "missing"),
            ("n/a", "n/a", "missing"),
            ("*", "*", "suppressed"),
            ("[C]", "[C]", "suppressed"),
            ("[c] [r]", "[c]", "suppressed"),
            ("[z]", "[z]", "not_applicable"),
            ("1,234 [p]", "1,234", "provisional"),
            ("7[r] [p]", "7", "provisional, revised"),
            ("[low]", "", "low"),
            ("-3", "-3", "value"),
        ] {
            let (read, state) = column.read(field);
            assert_eq!((read, column.word(state).as_ref()), (text, word), "{field}");
        }
    }

    #[test]
    fn numbers_are_read_with_what_was_agreed_to_stand_around_them() {
        let column = special("type = \"integer\"\nthousands-separator = \",\"\nsigns = [\"£\", \"%\"]");
        for (text, number) in [
            ("15,974", Some("15974")),
            ("15974", Some("15974")),
            ("1,234,567.5", Some("1234567.5")),
            ("-1,234", Some("-1234")),
            ("£1,234", Some("1234")),
            ("-£1,234", Some("-1234")),
            ("£ -1,234", Some("-1234")),
            ("45 %", Some("45")),
            ("1,23", None),
            ("1234,567", None),
            (",123", None),
            ("1,,234", None),
            ("1.5,000", None),
            ("--5", None),
            ("£-+5", None),
        ] {
            assert_eq!(column.number(text, false).as_deref(), number, "{text}");
        }
        let zeros = special("type = \"integer\"\nleading-zeros = true\npoint-zero = true");
        for (text, number) in [
            ("007", Some("7")),
            ("000", Some("0")),
            ("-07", Some("-7")),
            ("195.0", Some("195")),
            ("1.5", None),
            ("1.", None),
        ] {
            assert_eq!(zeros.number(text, true).as_deref(), number, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_number_comes_back_from_between_its_separators(number: i64, signed: bool) {
            let column = special("type = \"integer\"\nthousands-separator = \",\"\nsigns = [\"£\"]");
            // Groups of three from the right, laid out here.
            let digits = number.unsigned_abs().to_string();
            let groups: Vec<String> = digits
                .as_bytes()
                .rchunks(3)
                .rev()
                .map(|group| String::from_utf8_lossy(group).into_owned())
                .collect();
            let minus = if number < 0 { "-" } else { "" };
            let text = format!("{minus}{}{}", if signed { "£" } else { "" }, groups.join(","));
            let read = column.number(&text, true);
            proptest::prop_assert_eq!(read.and_then(|text| text.parse().ok()), Some(number), "{}", text);
        }

        #[test]
        fn any_text_is_read_to_the_end(text: String) {
            let column = special(
                "type = \"integer\"\nthousands-separator = \",\"\nsigns = [\"£\", \"%\"]\nleading-zeros = true\n\
                 point-zero = true\nnull-markers = [\"é\"]\n[note-markers]\n\"[é]\" = \"x\"\n\"\" = \"y\"",
            );
            let (rest, _) = column.read(&text);
            proptest::prop_assert!(text.contains(rest));
            // Nothing is made up: the digits of the number are digits of the text.
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            let number = column.number(rest, true).unwrap_or_default();
            let (read, written) = (digits(&number), digits(rest));
            proptest::prop_assert!(written.contains(&read) || read == "0", "{} of {}", number, rest);
        }
    }

    #[test]
    fn the_partners_words_become_ours() {
        let column = special(
            "type = \"category\"\ncodes = [\"nuisance\", \"Noise\"]\nignore-case-and-blanks = true\n\
             map = { \"ASB - Nuisance\" = \"nuisance\" }",
        );
        assert_eq!(column.code(column.mapped("asb  -  NUISANCE")), Ok("nuisance"));
        assert_eq!(column.code(column.mapped("NOISE")), Ok("Noise"));
        assert_eq!(column.code(column.mapped("litter")), Err(()));
        let strict = special("type = \"category\"\nmap = { \"ASB - Nuisance\" = \"nuisance\" }");
        assert_eq!(strict.mapped("asb - nuisance"), "asb - nuisance");
    }

    #[test]
    fn a_pattern_is_for_the_whole_text() {
        let column = special("pattern = \"[A-Z]{2}|[0-9]+\"\nmax-length = 3");
        assert_eq!(column.misfit("AB"), None);
        assert_eq!(column.misfit("123"), None);
        for text in ["ABC", "xAB", "12a", "1234", "AB\n"] {
            assert!(column.misfit(text).is_some(), "{text:?}");
        }
        assert!(anchored("a)(b").is_err());
        // Characters, not bytes.
        assert_eq!(special("max-length = 3").misfit("éèê"), None);
    }
}
