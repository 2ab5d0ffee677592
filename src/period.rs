//! The calendar of the partnership plan: months, quarters and years of the calendar, of the UK financial year and of
//! schools, the year to date, rolling twelve months, and the waves of surveys.

pub mod holidays;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text that should name a period and does not; the message holds an example.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected {expected}, found `{found}`")]
pub struct InvalidPeriod {
    expected: &'static str,
    found: String,
}

/// One calendar month, written `2025-06`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Month {
    /// Months since January of year 0, so that neighbouring months are neighbouring numbers.
    index: i32,
}

impl Month {
    /// The month of a year, `number` in 1..=12; `None` outside that.
    #[must_use]
    pub fn new(year: i32, number: u32) -> Option<Self> {
        if !(1..=12).contains(&number) || !(1..=9999).contains(&year) {
            return None;
        }
        Some(Self { index: year * 12 + i32::try_from(number).ok()? - 1 })
    }

    /// The month in which `day` lies.
    #[must_use]
    pub fn containing(day: NaiveDate) -> Self {
        Self { index: day.year() * 12 + day.month0().cast_signed() }
    }

    /// The month in UK local time of an instant: 23:30 UTC on 31 May is June.
    #[must_use]
    pub fn in_london(instant: DateTime<chrono::Utc>) -> Self {
        Self::containing(instant.with_timezone(&chrono_tz::Europe::London).date_naive())
    }

    /// Calendar year.
    #[must_use]
    pub fn year(self) -> i32 {
        self.index.div_euclid(12)
    }

    /// Number of the month in its calendar year, 1 to 12.
    #[must_use]
    pub fn number(self) -> u32 {
        self.index.rem_euclid(12).cast_unsigned() + 1
    }

    /// The month that lies `months` later (earlier when negative).
    #[must_use]
    pub fn plus(self, months: i32) -> Self {
        Self { index: self.index + months }
    }

    /// How many months `self` lies after `other`.
    #[must_use]
    pub fn since(self, other: Self) -> i32 {
        self.index - other.index
    }

    /// All months from `self` to `last`, both included; none when `last` lies before `self`.
    #[must_use]
    pub fn through(self, last: Self) -> impl DoubleEndedIterator<Item = Self> {
        (self.index..=last.index).map(|index| Self { index })
    }

    /// First day of the month.
    #[must_use]
    pub fn first_day(self) -> NaiveDate {
        NaiveDate::from_ymd_opt(self.year(), self.number(), 1).unwrap_or(NaiveDate::MIN)
    }

    /// Last day of the month.
    #[must_use]
    pub fn last_day(self) -> NaiveDate {
        self.plus(1).first_day().pred_opt().unwrap_or(NaiveDate::MIN)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.number())
    }
}

impl FromStr for Month {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, InvalidPeriod> {
        let invalid = || InvalidPeriod { expected: "a month such as 2025-06", found: text.to_owned() };
        let bytes = text.as_bytes();
        let digits = |part: &[u8]| {
            part.iter().try_fold(0u32, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
        };
        match bytes {
            [y1, y2, y3, y4, b'-', m1, m2] => {
                let year = digits(&[*y1, *y2, *y3, *y4]).ok_or_else(invalid)?;
                let number = digits(&[*m1, *m2]).ok_or_else(invalid)?;
                Self::new(year.cast_signed(), number).ok_or_else(invalid)
            }
            _ => Err(invalid()),
        }
    }
}

impl TryFrom<String> for Month {
    type Error = InvalidPeriod;

    fn try_from(text: String) -> Result<Self, InvalidPeriod> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

/// The kinds of period that a measure is published for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PeriodKind {
    /// One calendar month, `2025-06`.
    Month,
    /// Three months of the UK financial year, `2025/26 Q1` being April to June 2025.
    FinancialQuarter,
    /// Three months of the calendar year, `2025 Q2` being April to June 2025.
    CalendarQuarter,
    /// April to March, `2024/25`.
    FinancialYear,
    /// January to December, `2024`.
    CalendarYear,
    /// September to August, `academic year 2024/25`.
    AcademicYear,
    /// April to a month, `2025/26 to 2025-06`: the UK financial year so far, compared with the same months last year.
    #[serde(rename = "financial-year-to-date")]
    FinancialYearToDate,
    /// The twelve months that end with a month, `12 months to 2025-06`.
    #[serde(rename = "rolling-12-months")]
    Rolling12Months,
    /// The months of fieldwork of one wave of a survey, `wave 2024-10 to 2024-12` or `wave 2025-06`. Which waves there are
    /// the measure itself tells.
    SurveyWave,
}

impl PeriodKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Month,
        Self::FinancialQuarter,
        Self::CalendarQuarter,
        Self::FinancialYear,
        Self::CalendarYear,
        Self::AcademicYear,
        Self::FinancialYearToDate,
        Self::Rolling12Months,
        Self::SurveyWave,
    ];

    /// Those of a measure that names none, from short to long.
    pub const USUAL: [Self; 4] =
        [Self::Month, Self::FinancialQuarter, Self::FinancialYear, Self::Rolling12Months];

    /// The word in tables and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::FinancialQuarter => "financial-quarter",
            Self::CalendarQuarter => "calendar-quarter",
            Self::FinancialYear => "financial-year",
            Self::CalendarYear => "calendar-year",
            Self::AcademicYear => "academic-year",
            Self::FinancialYearToDate => "financial-year-to-date",
            Self::Rolling12Months => "rolling-12-months",
            Self::SurveyWave => "survey-wave",
        }
    }

    /// Whether its periods follow each other without sharing a month, so that they make a series.
    #[must_use]
    pub fn is_series(self) -> bool {
        !matches!(self, Self::FinancialYearToDate | Self::Rolling12Months)
    }

    /// Months of one of its periods; `None` for a year to date, which grows, and for waves, which are as long as they are.
    #[must_use]
    pub fn months(self) -> Option<i32> {
        match self {
            Self::Month => Some(1),
            Self::FinancialQuarter | Self::CalendarQuarter => Some(3),
            Self::FinancialYear | Self::CalendarYear | Self::AcademicYear | Self::Rolling12Months => Some(12),
            Self::FinancialYearToDate | Self::SurveyWave => None,
        }
    }
}

/// How often a period ends for which a feed brings figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Every {
    /// Each month.
    #[default]
    Month,
    /// Every third month, counted from `from`.
    Quarter,
    /// Every twelfth month, counted from `from`.
    Year,
}

impl Every {
    /// Months of one period.
    #[must_use]
    pub fn months(self) -> i32 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
        }
    }

    /// The period that ends with `last`, under the name that the board uses where it has one.
    #[must_use]
    pub fn ending(self, last: Month) -> Period {
        let kinds: &[PeriodKind] = match self {
            Self::Month => &[PeriodKind::Month],
            Self::Quarter => &[PeriodKind::FinancialQuarter, PeriodKind::Month],
            Self::Year => &[PeriodKind::FinancialYear, PeriodKind::Rolling12Months],
        };
        let found = kinds.iter().find_map(|kind| Period::ending(*kind, last));
        found.unwrap_or_else(|| Period::month(last))
    }
}

/// A whole period: one or more neighbouring months under the name that the board uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// What kind of period it is.
    pub kind: PeriodKind,
    /// Its first month.
    pub first: Month,
    /// Its last month.
    pub last: Month,
}

impl Period {
    /// The month as a period.
    #[must_use]
    pub fn month(month: Month) -> Self {
        Self { kind: PeriodKind::Month, first: month, last: month }
    }

    /// The period of `kind` that ends with `last`, or `None` where none of that kind ends there.
    ///
    /// March 2025 ends `2024/25 Q4`, `2024/25` and `12 months to 2025-03`; April ends only the rolling year.
    #[must_use]
    pub fn ending(kind: PeriodKind, last: Month) -> Option<Self> {
        let number = last.number();
        let ends = match kind {
            PeriodKind::Month | PeriodKind::Rolling12Months | PeriodKind::FinancialYearToDate => true,
            PeriodKind::FinancialQuarter | PeriodKind::CalendarQuarter => number.is_multiple_of(3),
            PeriodKind::FinancialYear => number == 3,
            PeriodKind::CalendarYear => number == 12,
            PeriodKind::AcademicYear => number == 8,
            PeriodKind::SurveyWave => false,
        };
        // April is the first month of the financial year.
        let so_far = (number + 8) % 12 + 1;
        let months = kind.months().unwrap_or(so_far.cast_signed());
        ends.then(|| Self { kind, first: last.plus(1 - months), last })
    }

    /// The period of a kind in which a month lies; of those that end with every month the one that ends with it. `None` for
    /// waves, which no calendar tells.
    #[must_use]
    pub fn containing(kind: PeriodKind, month: Month) -> Option<Self> {
        (0..12).find_map(|later| Self::ending(kind, month.plus(later)))
    }

    /// The wave of a survey with fieldwork from `first` to `last`; `None` where that lies before.
    #[must_use]
    pub fn wave(first: Month, last: Month) -> Option<Self> {
        (first <= last).then_some(Self { kind: PeriodKind::SurveyWave, first, last })
    }

    /// The period of the same kind that lies so many months earlier.
    #[must_use]
    pub fn earlier(self, months: i32) -> Self {
        Self { kind: self.kind, first: self.first.plus(-months), last: self.last.plus(-months) }
    }

    /// The period before it: the month or quarter before; `None` for periods of a year, whose predecessor is the same
    /// period last year, for a year to date, and for a wave, of which the calendar does not tell which one was before.
    #[must_use]
    pub fn previous(self) -> Option<Self> {
        self.kind.months().filter(|months| *months < 12).map(|months| self.earlier(months))
    }

    /// The same period last year: for a year to date the same months.
    #[must_use]
    pub fn last_year(self) -> Self {
        self.earlier(12)
    }

    /// The months of the period, in order.
    #[must_use]
    pub fn months(self) -> impl DoubleEndedIterator<Item = Month> {
        self.first.through(self.last)
    }

    /// The words for a report, such as `April to June 2025`.
    #[must_use]
    pub fn title(self) -> String {
        let span = || {
            let before = if self.first.year() == self.last.year() { "%B" } else { "%B %Y" };
            let first = self.first.first_day().format(before).to_string();
            let last = self.last.first_day().format("%B %Y").to_string();
            if self.first == self.last { last } else { format!("{first} to {last}") }
        };
        match self.kind {
            PeriodKind::Month => self.first.first_day().format("%B %Y").to_string(),
            PeriodKind::FinancialQuarter | PeriodKind::CalendarQuarter => span(),
            PeriodKind::FinancialYear => format!("Financial year {}", year_words(self.first)),
            PeriodKind::CalendarYear => format!("Calendar year {}", self.first.year()),
            PeriodKind::AcademicYear => format!("Academic year {}", year_words(self.first)),
            PeriodKind::FinancialYearToDate => format!("Financial year to date: {}", span()),
            PeriodKind::Rolling12Months => {
                format!("Twelve months to {}", self.last.first_day().format("%B %Y"))
            }
            PeriodKind::SurveyWave => format!("Survey of {}", span()),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            PeriodKind::Month => self.first.fmt(f),
            PeriodKind::FinancialQuarter => {
                let quarter = (self.first.number() + 8) % 12 / 3 + 1;
                write!(f, "{} Q{quarter}", year_words(self.first))
            }
            PeriodKind::CalendarQuarter => {
                write!(f, "{} Q{}", self.first.year(), self.first.number().div_ceil(3))
            }
            PeriodKind::FinancialYear => f.write_str(&year_words(self.first)),
            PeriodKind::CalendarYear => write!(f, "{}", self.first.year()),
            PeriodKind::AcademicYear => write!(f, "academic year {}", year_words(self.first)),
            PeriodKind::FinancialYearToDate => write!(f, "{} to {}", year_words(self.first), self.last),
            PeriodKind::Rolling12Months => write!(f, "12 months to {}", self.last),
            PeriodKind::SurveyWave if self.first == self.last => write!(f, "wave {}", self.last),
            PeriodKind::SurveyWave => write!(f, "wave {} to {}", self.first, self.last),
        }
    }
}

impl FromStr for Period {
    type Err = InvalidPeriod;

    /// Reads what [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Self, InvalidPeriod> {
        let invalid = || InvalidPeriod {
            expected: "a period such as 2025-06, 2025/26 Q1, 2024/25 or 12 months to 2025-06",
            found: text.to_owned(),
        };
        if let Some(months) = text.strip_prefix("wave ") {
            let (first, last) = months.split_once(" to ").unwrap_or((months, months));
            let ends = first.parse().ok().zip(last.parse().ok());
            let wave = ends.and_then(|(first, last)| Self::wave(first, last));
            return wave.filter(|wave| wave.to_string() == text).ok_or_else(invalid);
        }
        let last = if let Some(last) = text.strip_prefix("12 months to ") {
            last.parse().ok()
        } else if let Some((_, last)) = text.split_once(" to ") {
            last.parse().ok()
        } else if let Ok(month) = text.parse::<Month>() {
            Some(month)
        } else {
            let words = text.strip_prefix("academic year ").unwrap_or(text);
            let (year, quarter) = words.split_once(" Q").unwrap_or((words, ""));
            let begins: i32 = year.get(..4).and_then(|year| year.parse().ok()).ok_or_else(invalid)?;
            let quarter = if quarter.is_empty() { None } else { quarter.parse::<i32>().ok() };
            let first = if words.len() < text.len() {
                Month::new(begins, 9)
            } else if year.contains('/') {
                Month::new(begins, 4)
            } else {
                Month::new(begins, 1)
            };
            first.map(|first| first.plus(quarter.map_or(11, |quarter| quarter * 3 - 1)))
        };
        let last = last.ok_or_else(invalid)?;
        PeriodKind::ALL
            .into_iter()
            .filter_map(|kind| Self::ending(kind, last))
            .find(|period| period.to_string() == text)
            .ok_or_else(invalid)
    }
}

/// The year from April, or from September, in which a period begins, written `2024/25`.
fn year_words(first: Month) -> String {
    let start = if first.number() < 4 { first.year() - 1 } else { first.year() };
    format!("{start}/{:02}", (start + 1).rem_euclid(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_reads_back_as_it_was_written() {
        for text in ["2018-10", "2025-01", "2025-12", "0999-06"] {
            assert_eq!(month(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_month_is_refused_with_an_example() {
        for text in ["2025-13", "2025-00", "2025-6", "25-06", "2025/06", "", "2025-06-01", "２０２５-06"]
        {
            let error = text.parse::<Month>().unwrap_err();
            assert_eq!(error.to_string(), format!("expected a month such as 2025-06, found `{text}`"));
        }
    }

    #[test]
    fn the_quarter_that_ends_in_december_2024_is_the_third_of_2024_25() {
        let quarter = Period::ending(PeriodKind::FinancialQuarter, month("2024-12")).unwrap();
        assert_eq!(quarter.to_string(), "2024/25 Q3");
        assert_eq!(quarter.first, month("2024-10"));
    }

    #[test]
    fn the_quarter_that_ends_in_march_is_the_fourth_of_the_year_before() {
        let quarter = Period::ending(PeriodKind::FinancialQuarter, month("2025-03")).unwrap();
        assert_eq!(quarter.to_string(), "2024/25 Q4");
    }

    #[test]
    fn the_financial_year_that_ends_the_century_is_1999_00() {
        let year = Period::ending(PeriodKind::FinancialYear, month("2000-03")).unwrap();
        assert_eq!(year.to_string(), "1999/00");
        assert_eq!(year.months().count(), 12);
    }

    #[test]
    fn no_quarter_and_no_year_ends_in_april_but_a_rolling_year_does() {
        assert_eq!(Period::ending(PeriodKind::FinancialQuarter, month("2025-04")), None);
        assert_eq!(Period::ending(PeriodKind::FinancialYear, month("2025-04")), None);
        let rolling = Period::ending(PeriodKind::Rolling12Months, month("2025-04")).unwrap();
        assert_eq!(
            (rolling.first, rolling.to_string()),
            (month("2024-05"), "12 months to 2025-04".to_owned())
        );
    }

    #[test]
    fn every_kind_of_period_reads_back_as_it_was_written_and_no_two_have_one_name() {
        let mut seen = std::collections::BTreeSet::new();
        for last in month("1999-01").through(month("2003-12")) {
            for period in PeriodKind::ALL.into_iter().filter_map(|kind| Period::ending(kind, last)) {
                let text = period.to_string();
                assert_eq!(text.parse::<Period>().as_ref(), Ok(&period), "{text}");
                assert!(seen.insert(text.clone()), "{text}");
            }
        }
        for text in ["2025-13", "2025/27", "2025 Q5", "academic year 2025", "2025/26 to 2025-03", ""] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_year_to_date_begins_in_april_and_ends_at_the_year() {
        let to = |text: &str| Period::ending(PeriodKind::FinancialYearToDate, month(text)).unwrap();
        assert_eq!(to("2025-04").months().count(), 1);
        assert_eq!(
            (to("2026-03").first, to("2026-03").to_string()),
            (month("2025-04"), "2025/26 to 2026-03".into())
        );
        let year = Period::ending(PeriodKind::FinancialYear, month("2026-03")).unwrap();
        assert_eq!((year.first, year.last), (to("2026-03").first, to("2026-03").last));
        assert_eq!(to("2025-06").last_year(), to("2024-06"));
        assert_eq!(to("2025-06").title(), "Financial year to date: April to June 2025");
        assert_eq!(to("2026-01").title(), "Financial year to date: April 2025 to January 2026");
    }

    #[test]
    fn quarters_and_years_of_the_calendar_and_of_schools_have_names_of_their_own() {
        let of = |kind, last: &str| Period::ending(kind, month(last)).map(|period| period.to_string());
        assert_eq!(of(PeriodKind::CalendarQuarter, "2025-03").as_deref(), Some("2025 Q1"));
        assert_eq!(of(PeriodKind::CalendarYear, "2024-12").as_deref(), Some("2024"));
        assert_eq!(of(PeriodKind::AcademicYear, "2025-08").as_deref(), Some("academic year 2024/25"));
        assert_eq!(of(PeriodKind::AcademicYear, "2025-03"), None);
        let quarter = Period::ending(PeriodKind::FinancialQuarter, month("2025-06")).unwrap();
        assert_eq!(quarter.previous().map(|before| before.to_string()).as_deref(), Some("2024/25 Q4"));
        assert_eq!(quarter.last_year().to_string(), "2024/25 Q1");
    }

    #[test]
    fn a_wave_is_named_by_its_fieldwork_and_no_calendar_tells_the_one_before() {
        let autumn = Period::wave(month("2024-10"), month("2024-12")).unwrap();
        assert_eq!(autumn.to_string(), "wave 2024-10 to 2024-12");
        assert_eq!(autumn.title(), "Survey of October to December 2024");
        assert_eq!("wave 2024-10 to 2024-12".parse::<Period>(), Ok(autumn));
        assert_eq!(autumn.last_year().to_string(), "wave 2023-10 to 2023-12");
        assert_eq!(autumn.previous(), None);
        let one = Period::wave(month("2025-06"), month("2025-06")).unwrap();
        assert_eq!((one.to_string().as_str(), one.title().as_str()), ("wave 2025-06", "Survey of June 2025"));
        assert_eq!("wave 2025-06".parse::<Period>(), Ok(one));
        assert_eq!(Period::wave(month("2025-06"), month("2025-05")), None);
        for text in ["wave 2025-06 to 2025-06", "wave 2025-06 to 2025-05", "wave 12", "wave "] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_period_that_holds_a_month_is_found_by_its_kind() {
        let of =
            |kind, within: &str| Period::containing(kind, month(within)).map(|period| period.to_string());
        assert_eq!(of(PeriodKind::FinancialQuarter, "2025-01").as_deref(), Some("2024/25 Q4"));
        assert_eq!(of(PeriodKind::FinancialYear, "2025-04").as_deref(), Some("2025/26"));
        assert_eq!(of(PeriodKind::AcademicYear, "2025-09").as_deref(), Some("academic year 2025/26"));
        assert_eq!(of(PeriodKind::Rolling12Months, "2025-09").as_deref(), Some("12 months to 2025-09"));
        assert_eq!(of(PeriodKind::SurveyWave, "2025-09"), None);
    }

    #[test]
    fn an_hour_before_midnight_utc_in_summer_is_the_next_day_in_london() {
        let instant = "2025-05-31T23:00:00Z".parse().unwrap();
        assert_eq!(Month::in_london(instant), month("2025-06"));
        let winter = "2025-01-31T23:00:00Z".parse().unwrap();
        assert_eq!(Month::in_london(winter), month("2025-01"));
    }
}
