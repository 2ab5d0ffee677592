//! What the rows of a delivery must be.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FormatConfig, day};
use crate::disclosure::settings::SourceDisclosureConfig;
use crate::period::Month;

/// `pipelines/*/contracts/<contract>.toml`: what the rows of a delivery must be.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContractConfig {
    /// Short name, the same as the file's.
    pub id: String,
    /// Dataset that accepted rows go to.
    pub dataset: String,
    /// What a row is, in words.
    pub grain: String,
    /// How its files are laid out. Absent: text in UTF-8 with commas.
    #[serde(default)]
    pub format: FormatConfig,
    /// Every column of the header, in any order: its name, or a table with `name`, `synonyms` and `optional`. A missing
    /// one refuses the delivery; one that is not listed here is left out and named in `feed_delivery`. Absent: the
    /// columns that `from` names.
    #[serde(default)]
    pub header: Vec<HeaderColumn>,
    /// Where the month of a row stands. For a feed of mode `month` it must be the month of the delivery; for one of
    /// another mode it is the month under which the row is kept: that in which its period ends.
    pub month: MonthConfig,
    /// What it means that a delivery of several months has no row of a month between `from` of its feed and the last
    /// month that it holds.
    #[serde(default, skip_serializing_if = "AbsentMonth::is_default")]
    pub absent_month: AbsentMonth,
    /// Columns of the dataset that identify a row. A row in which one of them is empty is never taken for a repeat.
    #[serde(default)]
    pub key: Vec<String>,
    /// What counts as a repeat of a row with the same key in the same month.
    #[serde(default)]
    pub repeats: Repeats,
    /// Refuse a delivery in which every row stands an even number of times: it was published twice over.
    #[serde(default)]
    pub refuse_doubled: bool,
    /// Take the blanks off both ends of every field.
    #[serde(default)]
    pub trim: bool,
    /// What stands in any field in place of a value that is missing, such as `-` or `N/A`; small or capital letters are
    /// the same. A column's own list takes the place of this one.
    #[serde(default)]
    pub null_markers: Vec<String>,
    /// What stands in place of a number that the supplier withheld, such as `[c]` or `*`. It is neither zero nor missing:
    /// the dataset says `suppressed` in a column `<name>_status` beside it. Holds for integers, numbers and durations;
    /// another column names its own.
    #[serde(default)]
    pub suppressed_markers: Vec<String>,
    /// What stands in place of a number where there can be none, such as `[z]`: `not_applicable` in `<name>_status`.
    /// Holds where `suppressed-markers` does.
    #[serde(default)]
    pub not_applicable_markers: Vec<String>,
    /// Markers behind or in place of a number, each with the word for it in `<name>_status`, such as
    /// `{ "[p]" = "provisional", "[r]" = "revised", "[low]" = "low" }`. Holds where `suppressed-markers` does.
    #[serde(default)]
    pub note_markers: BTreeMap<String, String>,
    /// Columns of the dataset, in the order in which their rules are applied.
    pub column: Vec<ColumnConfig>,
    /// Checks of a row as a whole, applied to rows that keep the rules of their columns.
    #[serde(default)]
    pub check: Vec<CheckConfig>,
    /// What is counted from its rows is withheld from the public at least so. Absent: nothing is demanded.
    // It changes no row, so that no month is made anew for it.
    #[serde(default, skip_serializing)]
    pub disclosure: Option<SourceDisclosureConfig>,
}

impl ContractConfig {
    /// The columns of the header as they were agreed, synonyms of columns of the dataset included.
    #[must_use]
    pub fn header_entries(&self) -> Vec<HeaderEntry> {
        let mut entries: Vec<HeaderEntry> = self
            .header
            .iter()
            .map(|column| match column {
                HeaderColumn::Name(name) => HeaderEntry::plain(name),
                HeaderColumn::Agreed(entry) => entry.clone(),
            })
            .collect();
        if self.header.is_empty() && !self.month.from.is_empty() {
            entries.push(HeaderEntry::plain(&self.month.from));
        }
        for column in &self.column {
            let Some(from) = &column.from else { continue };
            let at = match entries.iter().position(|entry| entry.name == *from) {
                Some(at) => at,
                None if self.header.is_empty() => {
                    entries.push(HeaderEntry::plain(from));
                    entries.len() - 1
                }
                None => continue,
            };
            if let Some(entry) = entries.get_mut(at) {
                let new = column.synonyms.iter().filter(|synonym| !entry.synonyms.contains(synonym));
                let new: Vec<SynonymConfig> = new.cloned().collect();
                entry.synonyms.extend(new);
                entry.optional |= column.optional;
            }
        }
        entries
    }
}

/// One column of a delivery's header.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderColumn {
    /// Its name and what else is agreed of it.
    Agreed(HeaderEntry),
    /// Its name.
    Name(String),
}

impl HeaderColumn {
    /// Its agreed name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Agreed(entry) => &entry.name,
        }
    }
}

/// One column of a delivery's header, with what is agreed of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HeaderEntry {
    /// Its agreed name.
    pub name: String,
    /// Other names under which it may come.
    #[serde(default)]
    pub synonyms: Vec<SynonymConfig>,
    /// It may be missing; its fields are empty then.
    #[serde(default)]
    pub optional: bool,
}

impl HeaderEntry {
    fn plain(name: &str) -> Self {
        Self { name: name.to_owned(), synonyms: Vec::new(), optional: false }
    }
}

/// Another name of a column of the header.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SynonymConfig {
    /// The name as it stands in the delivery.
    pub name: String,
    /// Day on which the supplier and the partnership agreed to it, such as `2025-04-01`.
    #[serde(deserialize_with = "day")]
    pub agreed: chrono::NaiveDate,
}

/// `[[check]]` of a contract: what must hold between the columns of a row.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CheckConfig {
    /// Name of the rule in the quarantine, in small letters, digits and `_`.
    pub rule: String,
    /// SQL expression over the columns of the row that is true for a good one. It may read columns with `drop`. A row
    /// for which it is null, as where a column is empty, is good.
    pub expect: String,
    /// What is wrong with a row for which it is false, in plain English, for the supplier.
    pub message: String,
    /// What becomes of such a row.
    #[serde(default)]
    pub severity: Severity,
}

/// What becomes of a row that fails a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It is set aside.
    #[default]
    Quarantine,
    /// It is accepted; the delivery's note counts such rows.
    Warn,
    /// The whole delivery is refused.
    Refuse,
}

/// What counts as a repeat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Repeats {
    /// A row that equals an accepted one in every field; a row with the same key and other contents is kept too.
    #[default]
    Identical,
    /// Any row with the key of an accepted one.
    SameKey,
}

/// What a month without a row means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AbsentMonth {
    /// It was not supplied: nothing is known of it.
    #[default]
    Missing,
    /// There was nothing to report: its figures are zero.
    Zero,
}

impl AbsentMonth {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_default(&self) -> bool {
        *self == Self::Missing
    }
}

/// `[month]` of a contract.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MonthConfig {
    /// Column of the header. Absent: the file tells no month; its rows are of the month `fixed`, or of that of the
    /// delivery.
    #[serde(default)]
    pub from: String,
    /// How the month is written there.
    #[serde(default)]
    pub format: MonthFormat,
    /// For format `explicit`: how it may be written, in the letters of `strftime`, such as `%d/%m/%Y` or `%b %Y`. The
    /// first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<String>,
    /// Month of every row, for files that tell none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<Month>,
    /// Name of the rule for a row of another month, in the quarantine.
    #[serde(default = "bad_month")]
    pub rule: String,
}

fn bad_month() -> String {
    "bad_month".to_owned()
}

/// How a row tells its month. A period of several months stands under the month in which it ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MonthFormat {
    /// `2025-06`.
    #[default]
    Month,
    /// `2025-06-30`.
    Date,
    /// `2025-06-30T23:00:00+00:00`, taken in UK local time.
    Timestamp,
    /// `Apr 2018`, `April 2018` or `Apr-18`.
    MonthName,
    /// `2018/19 Q1` for April to June 2018, `2018 Q1` for January to March, or `Apr to Jun 2018`.
    Quarter,
    /// `2018`; `2016 - 18` for three years that end with 2018.
    CalendarYear,
    /// `2018/19`, `2018-19` or `2018/2019`: April to March.
    FinancialYear,
    /// `2018/19`, `2018-19` or `201819`: September to August.
    AcademicYear,
    /// `Year ending June 2025`, `12 months to 30 June 2025` or `Jul 2024 to Jun 2025`.
    TwelveMonthsEnding,
    /// Any of the texts above, in a file that mixes them; `2018/19` is a financial year.
    AnyPeriod,
    /// As `formats` says.
    Explicit,
}

/// `[[column]]` of a contract: one column of the dataset.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct ColumnConfig {
    /// Name in the dataset.
    pub name: String,
    /// Column of the header that it is read from.
    pub from: Option<String>,
    /// Name in braces of the feed's `source` that it is read from.
    pub from_path: Option<String>,
    /// Column of a look-up that it is taken from.
    pub from_lookup: Option<String>,
    /// What its values are. A column from a path or a look-up is `text`.
    #[serde(default, rename = "type")]
    pub kind: ColumnType,
    /// An empty field breaks the contract.
    #[serde(default)]
    pub required: bool,
    /// The only values that are accepted; for columns of few values.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Smallest and largest number that is accepted.
    pub range: Option<[f64; 2]>,
    /// Another column of the dataset, read before, that is empty exactly where this one is.
    pub empty_with: Option<String>,
    /// Look-up in which a value must stand.
    pub lookup: Option<String>,
    /// For `from-lookup`: the column of the dataset whose `lookup` is meant.
    pub by: Option<String>,
    /// Name of the rule in the quarantine. Absent: `bad_<name>`, or `unknown_<name>` with a look-up.
    pub rule: Option<String>,
    /// Other names under which the column of the header may come, each with the day on which that was agreed. A name
    /// that was used is told in `feed_delivery`; a delivery that has two of the names is refused.
    #[serde(default)]
    pub synonyms: Vec<SynonymConfig>,
    /// The column of the header may be missing; its fields are empty then.
    #[serde(default)]
    pub optional: bool,
    /// Take the blanks off both ends. Absent: as the contract says; always where other settings of a number, date or
    /// code are made here.
    pub trim: Option<bool>,
    /// In place of the contract's `null-markers`.
    pub null_markers: Option<Vec<String>>,
    /// In place of the contract's `suppressed-markers`.
    pub suppressed_markers: Option<Vec<String>>,
    /// In place of the contract's `not-applicable-markers`.
    pub not_applicable_markers: Option<Vec<String>>,
    /// In place of the contract's `note-markers`.
    pub note_markers: Option<BTreeMap<String, String>>,
    /// Have a column `<name>_status` beside it: `value`, `missing`, `suppressed`, `not_applicable` or the words of
    /// `note-markers`. It is there by itself where one of the last three markers may come.
    #[serde(default)]
    pub status: bool,
    /// What stands between the thousands of a number, such as `,`. It must stand right: `1,23` is not a number.
    pub thousands_separator: Option<char>,
    /// Signs before or behind a number that are left out, such as `£` and `%`. The number stays: `45 %` is 45.
    #[serde(default)]
    pub signs: Vec<String>,
    /// A whole number may begin with zeros.
    #[serde(default)]
    pub leading_zeros: bool,
    /// A whole number may be written `195.0`.
    #[serde(default)]
    pub point_zero: bool,
    /// The ways in which a date or timestamp may be written, such as `%d/%m/%Y`, and no other; `%-d` is a day without a
    /// leading zero. A timestamp without an offset is UK local time.
    #[serde(default)]
    pub formats: Vec<String>,
    /// A date, timestamp or duration may come as a spreadsheet's number of days.
    pub excel_serials: Option<ExcelSerials>,
    /// Words that mean true, in any case, in place of `true`.
    #[serde(default)]
    pub true_words: Vec<String>,
    /// Words that mean false, in any case, in place of `false`.
    #[serde(default)]
    pub false_words: Vec<String>,
    /// Regular expression that the whole text must match, such as `[A-Z]{2}[0-9]{6}`.
    pub pattern: Option<String>,
    /// Fewest characters of a text.
    pub min_length: Option<u32>,
    /// Most characters of a text.
    pub max_length: Option<u32>,
    /// Look-up whose (first) key column holds the only values that are accepted, beside those of `codes`.
    pub codes_from: Option<String>,
    /// The partner's wording and ours, such as `{ "ASB - Nuisance" = "nuisance" }`; what is not named stays. It is
    /// applied before `codes` and `lookup`.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    /// In `map` and `codes`, small or capital letters are the same, and so are one blank or several.
    #[serde(default)]
    pub ignore_case_and_blanks: bool,
    /// What becomes of a row whose value is not among the codes or in the look-up.
    #[serde(default)]
    pub unknown_code: UnknownCode,
    /// SQL expression over the other columns of the row from which it is computed, such as
    /// `CASE WHEN age < 18 THEN 'child' ELSE 'adult' END`. It may read columns with `drop` and derived columns above it.
    pub derive: Option<String>,
    /// It identifies a person: what is kept is a pseudonym of 64 hexadecimal digits, the same for the same person
    /// wherever key, purpose and form are the same. The value is in no dataset, quarantine or message.
    #[serde(default)]
    pub person: bool,
    /// The form in which a person's value is taken, so that different ways of writing it are the same.
    #[serde(default)]
    pub person_form: PersonForm,
    /// What the pseudonym is for. Pseudonyms for different purposes cannot be brought together. Absent: `partnership`.
    pub purpose: Option<String>,
    /// It is personal and not needed: it never reaches the dataset or the quarantine. `derive` and checks may read it.
    #[serde(default)]
    pub drop: bool,
    /// It is text that somebody typed, which may name anybody: as with `drop`, unless `keep-free-text` says why not.
    #[serde(default)]
    pub free_text: bool,
    /// Why its free text is kept.
    pub keep_free_text: Option<String>,
    /// Why it is not personal although its name sounds so.
    pub not_personal: Option<String>,
    /// What it means, for the reader of the tables.
    #[serde(default)]
    pub about: String,
}

/// Type of a dataset column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnType {
    /// Any text.
    #[default]
    Text,
    /// Text of few different values.
    Category,
    /// An even number of hexadecimal digits, stored as bytes.
    Hex,
    /// A whole number.
    Integer,
    /// A finite number.
    Number,
    /// `2025-06-30`, or a timestamp, taken as the day in UK local time.
    Date,
    /// A timestamp with an offset.
    Timestamp,
    /// `True` or `False`; or other words, see `true-words`.
    Flag,
    /// A time span as hours, minutes and seconds (`27:05:46`), or as the spreadsheet's date and time that stands for one
    /// (`1899-12-31T00:05:46Z`); kept in seconds.
    Duration,
}

/// How a spreadsheet counts days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ExcelSerials {
    /// From 1900, as nearly all do: 45838 is 30 June 2025.
    #[serde(rename = "1900")]
    From1900,
    /// From 1904, as old ones of the Macintosh do.
    #[serde(rename = "1904")]
    From1904,
}

/// What becomes of a row whose code is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownCode {
    /// It is set aside.
    #[default]
    Quarantine,
    /// It is accepted with the code as it came; the delivery's note counts such rows. Not with a look-up.
    Keep,
    /// The whole delivery is refused.
    Refuse,
}

/// The form in which what identifies a person is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PersonForm {
    /// Blanks taken off both ends, several blanks as one, small letters.
    #[default]
    Text,
    /// Only letters and digits, small: `O'Neill` is `oneill`.
    Letters,
    /// Only the digits.
    Digits,
    /// Ten digits with a right check digit; anything else breaks the contract.
    NhsNumber,
    /// A day, by `formats`, as `2025-06-30`; anything else breaks the contract.
    Date,
}
