//! The month under which a row is kept, out of the text in which its publisher writes a day, a month or a period. A period
//! of several months stands under the month in which it ends.

use chrono::NaiveDate;
use chrono::format::{Parsed, StrftimeItems, parse};

use super::dates;
use crate::config::settings::{MonthConfig, MonthFormat};
use crate::period::Month;

/// Month and, where the text tells it, day of a row.
pub(super) type Told = (Month, Option<u32>);

/// The month that a row tells, with the day of the month where it tells one.
///
/// `period` is the month of the delivery, which stands in where the file tells none. `None` where the text is no month.
pub(super) fn month_of(config: &MonthConfig, text: &str, period: Month) -> Option<Told> {
    if config.from.is_empty() {
        return Some((config.fixed.unwrap_or(period), None));
    }
    let month = |month: Option<Month>| month.map(|month| (month, None));
    match config.format {
        MonthFormat::Month => month(text.parse().ok()),
        MonthFormat::Date | MonthFormat::Timestamp => dates::day(text).map(of_day),
        MonthFormat::MonthName => month(named_month(&Words::of(text))),
        MonthFormat::Quarter => month(quarter(&Words::of(text))),
        MonthFormat::CalendarYear => month(calendar_year(&Words::of(text))),
        MonthFormat::FinancialYear => month(split_year(&Words::of(text), 3)),
        MonthFormat::AcademicYear => month(split_year(&Words::of(text), 8)),
        MonthFormat::TwelveMonthsEnding => month(year_ending(&Words::of(text))),
        MonthFormat::AnyPeriod => month(any_period(text)),
        MonthFormat::Explicit => config.formats.iter().find_map(|format| explicit(text, format)),
    }
}

fn of_day(day: NaiveDate) -> Told {
    (Month::containing(day), Some(chrono::Datelike::day(&day)))
}

/// A text in the letters of `strftime`; a day that is not written is not needed.
fn explicit(text: &str, format: &str) -> Option<Told> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, text.trim(), StrftimeItems::new(format)).ok()?;
    if parsed.offset().is_some() || parsed.timestamp().is_some() {
        let instant = parsed.to_datetime().ok()?;
        return Some(of_day(instant.with_timezone(&chrono_tz::Europe::London).date_naive()));
    }
    if let Ok(day) = parsed.to_naive_date() {
        return Some(of_day(day));
    }
    parsed.set_day(1).ok()?;
    parsed.to_naive_date().ok().map(|day| (Month::containing(day), None))
}

/// The words and numbers of a text, in small letters: `2018/19 Q1` has `2018`, `19`, `q` and `1`.
struct Words {
    words: Vec<String>,
}

impl Words {
    fn of(text: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        let mut before = None;
        for letter in text.chars() {
            let kind = if letter.is_ascii_digit() {
                Some(true)
            } else if letter.is_alphabetic() {
                Some(false)
            } else {
                None
            };
            if kind.is_some() {
                match words.last_mut().filter(|_| before == kind) {
                    Some(word) => word.extend(letter.to_lowercase()),
                    None => words.push(letter.to_lowercase().collect()),
                }
            }
            before = kind;
        }
        Self { words }
    }

    fn all(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }
}

fn number(word: &str) -> Option<u32> {
    word.bytes().all(|b| b.is_ascii_digit()).then(|| word.parse().ok()).flatten()
}

/// A year of four digits, or of two: `18` is 2018 and `98` is 1998.
fn year(word: &str) -> Option<i32> {
    let year = number(word)?.cast_signed();
    match word.len() {
        4 => Some(year),
        2 if year >= 70 => Some(1900 + year),
        2 => Some(2000 + year),
        _ => None,
    }
}

fn long_year(word: &str) -> Option<i32> {
    if word.len() == 4 { year(word) } else { None }
}

/// The number of a month that is written out or cut to three letters or more.
fn month_number(word: &str) -> Option<u32> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    if word.len() < 3 {
        return None;
    }
    let at = NAMES.iter().position(|name| name.starts_with(word))?;
    u32::try_from(at + 1).ok()
}

fn named_month(words: &Words) -> Option<Month> {
    match words.all().as_slice() {
        [month, at] if month_number(month).is_some() => Month::new(year(at)?, month_number(month)?),
        [at, month] => Month::new(long_year(at)?, month_number(month)?),
        _ => None,
    }
}

/// A year that begins in one calendar year and ends in the next, with its month `last`.
fn split_year(words: &Words, last: u32) -> Option<Month> {
    let (first, second) = match words.all().as_slice() {
        ["fy", first, second] | [first, second] => ((*first).to_owned(), (*second).to_owned()),
        [both] if both.len() == 6 && number(both).is_some() => {
            (both.get(..4)?.to_owned(), both.get(4..)?.to_owned())
        }
        _ => return None,
    };
    let next = long_year(&first)? + 1;
    let told = number(&second)?.cast_signed();
    let follows = match second.len() {
        2 => told == next.rem_euclid(100),
        4 => told == next,
        _ => false,
    };
    if follows { Month::new(next, last) } else { None }
}

fn calendar_year(words: &Words) -> Option<Month> {
    match words.all().as_slice() {
        [only] => Month::new(long_year(only)?, 12),
        // Several years together.
        [first, last] => {
            let first = long_year(first)?;
            let last = if last.len() == 4 {
                long_year(last)?
            } else {
                let century = first.div_euclid(100) * 100;
                let last = century + number(last).filter(|_| last.len() == 2)?.cast_signed();
                if last < first { last + 100 } else { last }
            };
            if last > first { Month::new(last, 12) } else { None }
        }
        _ => None,
    }
}

fn quarter(words: &Words) -> Option<Month> {
    let of_financial = |first: &str, second: &str, quarter: u32| {
        let end = split_year(&Words { words: vec![first.to_owned(), second.to_owned()] }, 3)?;
        (1..=4).contains(&quarter).then(|| end.plus(-3 * (4 - quarter.cast_signed())))
    };
    let of_calendar = |at: &str, quarter: u32| Month::new(long_year(at)?, quarter.checked_mul(3)?);
    match words.all().as_slice() {
        [first, second, "q" | "quarter", n] | ["q" | "quarter", n, first, second] => {
            of_financial(first, second, number(n)?)
        }
        [at, "q" | "quarter", n] | ["q" | "quarter", n, at] => of_calendar(at, number(n)?),
        _ => span_of_months(words, 3),
    }
}

/// `Apr to Jun 2018` or `Jul 2024 to Jun 2025`: its last month, where it has so many months.
fn span_of_months(words: &Words, months: i32) -> Option<Month> {
    let words = words.all();
    let words: Vec<&str> = words.into_iter().filter(|word| !["to", "and", "until"].contains(word)).collect();
    let (first, last) = match words.as_slice() {
        [first, last, end] => {
            let last = Month::new(year(end)?, month_number(last)?)?;
            let first = Month::new(last.year(), month_number(first)?)?;
            (if first > last { first.plus(-12) } else { first }, last)
        }
        [first, begin, last, end] => {
            (Month::new(year(begin)?, month_number(first)?)?, Month::new(year(end)?, month_number(last)?)?)
        }
        _ => return None,
    };
    (last.since(first) + 1 == months).then_some(last)
}

fn year_ending(words: &Words) -> Option<Month> {
    if let Some(last) = span_of_months(words, 12) {
        return Some(last);
    }
    let all = words.all();
    // `12 months to`, `year ending`, `ye`: what it is comes before the end.
    let rest: &[&str] = match all.as_slice() {
        ["12" | "twelve", "months" | "month", "to" | "ending" | "ended", rest @ ..]
        | ["year" | "years", "to" | "ending" | "ended", rest @ ..]
        | ["ye", rest @ ..] => rest,
        _ => return None,
    };
    match rest {
        [day, month, at] if month_number(month).is_some() && number(day).is_some_and(|d| d <= 31) => {
            Month::new(year(at)?, month_number(month)?)
        }
        [day, month, at] if number(day).is_some_and(|d| d <= 31) => {
            Month::new(long_year(at)?, number(month)?)
        }
        [at, month, _] if long_year(at).is_some() => Month::new(long_year(at)?, number(month)?),
        [month, at] if month_number(month).is_some() => Month::new(year(at)?, month_number(month)?),
        [at, month] => Month::new(long_year(at)?, number(month)?),
        _ => None,
    }
}

fn any_period(text: &str) -> Option<Month> {
    let words = Words::of(text);
    let day = |text: &str| dates::day(text).map(Month::containing);
    text.parse()
        .ok()
        .or_else(|| day(text))
        .or_else(|| split_year(&words, 3))
        .or_else(|| quarter(&words))
        .or_else(|| year_ending(&words))
        .or_else(|| named_month(&words))
        .or_else(|| calendar_year(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(format: MonthFormat, text: &str) -> Option<String> {
        let config = MonthConfig {
            from: "Period".to_owned(),
            format,
            formats: ["%d/%m/%Y", "%Y%m", "%d %B %Y %H:%M", "%b-%y", "%Y-%m-%dT%H:%M:%S%z"]
                .map(str::to_owned)
                .to_vec(),
            fixed: None,
            rule: "bad_month".to_owned(),
        };
        month_of(&config, text, "2001-01".parse().unwrap()).map(|(month, _)| month.to_string())
    }

    #[test]
    fn every_way_to_write_a_period_gives_the_month_in_which_it_ends() {
        use MonthFormat::{
            AcademicYear, AnyPeriod, CalendarYear, Date, Explicit, FinancialYear, MonthName, Quarter,
            Timestamp, TwelveMonthsEnding,
        };
        for (format, text, month) in [
            (MonthFormat::Month, "2025-06", "2025-06"),
            (Date, "2025-06-30", "2025-06"),
            (Timestamp, "2025-05-31T23:30:00+00:00", "2025-06"),
            (MonthName, "Apr 2018", "2018-04"),
            (MonthName, "September 2018", "2018-09"),
            (MonthName, "Sept-18", "2018-09"),
            (MonthName, "2018 May", "2018-05"),
            (Quarter, "2018/19 Q1", "2018-06"),
            (Quarter, "2018-19 Q4", "2019-03"),
            (Quarter, "Q3 2018/19", "2018-12"),
            (Quarter, "2018 Q1", "2018-03"),
            (Quarter, "2018Q4", "2018-12"),
            (Quarter, "Quarter 2 2018", "2018-06"),
            (Quarter, "Apr to Jun 2018", "2018-06"),
            (Quarter, "Oct-Dec 2018", "2018-12"),
            (Quarter, "Dec 2018 to Feb 2019", "2019-02"),
            (CalendarYear, "2018", "2018-12"),
            (CalendarYear, "2016 - 18", "2018-12"),
            (CalendarYear, "1999-01", "2001-12"),
            (FinancialYear, "2023/24", "2024-03"),
            (FinancialYear, "2023-24", "2024-03"),
            (FinancialYear, "2018/2019", "2019-03"),
            (FinancialYear, "1999/00", "2000-03"),
            (FinancialYear, "201819", "2019-03"),
            (AcademicYear, "201819", "2019-08"),
            (AcademicYear, "2018/19", "2019-08"),
            (TwelveMonthsEnding, "Year ending June 2025", "2025-06"),
            (TwelveMonthsEnding, "Year ending 30 June 2025", "2025-06"),
            (TwelveMonthsEnding, "12 months to 30/06/2025", "2025-06"),
            (TwelveMonthsEnding, "12 months ending Jun-25", "2025-06"),
            (TwelveMonthsEnding, "12 months to 2025-06", "2025-06"),
            (TwelveMonthsEnding, "Jul 2024 - Jun 2025", "2025-06"),
            (AnyPeriod, "2018/19", "2019-03"),
            (AnyPeriod, "2018/19 Q2", "2018-09"),
            (AnyPeriod, "2018", "2018-12"),
            (AnyPeriod, "Apr 2018", "2018-04"),
            (AnyPeriod, "2016 - 18", "2018-12"),
            (AnyPeriod, "2025-06", "2025-06"),
            (Explicit, "30/06/2025", "2025-06"),
            (Explicit, "202506", "2025-06"),
            (Explicit, "30 June 2025 14:30", "2025-06"),
            (Explicit, "Jun-25", "2025-06"),
            (Explicit, "2025-05-31T23:30:00+0000", "2025-06"),
        ] {
            assert_eq!(told(format, text).as_deref(), Some(month), "{format:?} {text}");
        }
    }

    #[test]
    fn what_is_no_such_period_tells_no_month() {
        use MonthFormat::{
            AcademicYear, AnyPeriod, CalendarYear, Explicit, FinancialYear, MonthName, Quarter,
            TwelveMonthsEnding,
        };
        for (format, text) in [
            (FinancialYear, "2018/20"),
            (FinancialYear, "2018"),
            (FinancialYear, "total"),
            (AcademicYear, "201820"),
            (CalendarYear, "18"),
            (CalendarYear, "2018 - 16x"),
            (Quarter, "2018/19 Q5"),
            (Quarter, "2018 Q0"),
            (Quarter, "Apr to Jul 2018"),
            (MonthName, "Ap 2018"),
            (MonthName, "2018"),
            (TwelveMonthsEnding, "June 2025"),
            (TwelveMonthsEnding, "12 months to 31/13/2025"),
            (AnyPeriod, ""),
            (AnyPeriod, "England"),
            (Explicit, "31/02/2025"),
        ] {
            assert_eq!(told(format, text), None, "{format:?} {text}");
        }
    }

    #[test]
    fn a_file_that_tells_no_month_is_of_its_delivery_or_of_the_month_that_the_contract_fixes() {
        let mut config = MonthConfig {
            from: String::new(),
            format: MonthFormat::Month,
            formats: Vec::new(),
            fixed: None,
            rule: String::new(),
        };
        let period = "2025-06".parse().unwrap();
        assert_eq!(month_of(&config, "", period), Some((period, None)));
        config.fixed = Some("2021-03".parse().unwrap());
        assert_eq!(month_of(&config, "", period).unwrap().0.to_string(), "2021-03");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_month_in_any_way_of_writing_it_or_none(
            text in "[0-9]{0,5}[-/ ]?(Q[0-9]|[A-Za-z]{0,9})[-/ ]?(to)? ?[A-Za-z]{0,9} ?[0-9]{0,9}|\\PC{0,40}",
            explicit in "%[-_0]?[a-zA-Z:]([-/. ]%[-_0]?[a-zA-Z:]){0,3}|\\PC{0,12}",
        ) {
            use MonthFormat::{
                AcademicYear, AnyPeriod, CalendarYear, Date, Explicit, FinancialYear, MonthName, Quarter, Timestamp,
                TwelveMonthsEnding,
            };
            let ways = [
                MonthFormat::Month, Date, Timestamp, MonthName, Quarter, CalendarYear, FinancialYear, AcademicYear,
                TwelveMonthsEnding, AnyPeriod, Explicit,
            ];
            for format in ways {
                let config = MonthConfig {
                    from: "Period".to_owned(),
                    format,
                    formats: vec![explicit.clone()],
                    fixed: None,
                    rule: "bad_month".to_owned(),
                };
                let _ = month_of(&config, &text, "2001-01".parse().unwrap());
            }
        }
    }
}
