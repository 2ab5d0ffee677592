//! Bank holidays of England and Wales, and the working days between them.
//!
//! Source: <https://www.gov.uk/bank-holidays> and the Banking and Financial Dealings Act 1971, Schedule 1.

use chrono::{Datelike, Days, NaiveDate, Weekday};

/// Days that were a bank holiday once, by royal proclamation.
///
/// Source: gov.uk. A day that is proclaimed for a later year is added here; until then it counts as a working day.
const ONCE: [(i32, u32, u32); 5] = [
    (2020, 5, 8),  // 75 years after the end of the war in Europe, in place of the early May holiday
    (2022, 6, 2),  // the spring holiday, moved for the Platinum Jubilee
    (2022, 6, 3),  // Platinum Jubilee
    (2022, 9, 19), // State Funeral of Queen Elizabeth II
    (2023, 5, 8),  // Coronation of King Charles III
];

/// Ordinary bank holidays that were moved to a day of [`ONCE`].
const MOVED: [(i32, u32, u32); 2] = [(2020, 5, 4), (2022, 5, 30)];

/// Whether banks in England and Wales are closed on a day for a bank holiday or its substitute day.
#[must_use]
pub fn is_bank_holiday(day: NaiveDate) -> bool {
    let date = (day.year(), day.month(), day.day());
    if ONCE.contains(&date) {
        return true;
    }
    !MOVED.contains(&date) && is_ordinary(day)
}

/// The holidays that come every year.
fn is_ordinary(day: NaiveDate) -> bool {
    let monday = day.weekday() == Weekday::Mon;
    match (day.month(), day.day()) {
        (1, number) => observed(number, day.weekday(), 1, 1),
        (5, 1..=7 | 25..=31) | (8, 25..=31) if monday => true,
        // Christmas Day and Boxing Day: what falls on a weekend is made up for on the next days that are free.
        (12, number) => observed(number, day.weekday(), 25, 2),
        (3 | 4, _) => easter_sunday(day.year()).is_some_and(|sunday| {
            sunday.checked_sub_days(Days::new(2)) == Some(day) || sunday.succ_opt() == Some(day)
        }),
        _ => false,
    }
}

/// Whether day `number` of a month is one of so many `holidays` that stand side by side from day `first` on, or makes up
/// for one of them.
fn observed(number: u32, weekday: Weekday, first: u32, holidays: u32) -> bool {
    let weekend = |weekday: Weekday| matches!(weekday, Weekday::Sat | Weekday::Sun);
    if weekend(weekday) || number < first {
        return false;
    }
    // As many weekdays from the first holiday on are free as there are holidays.
    let mut of = weekday;
    let mut weekdays = 1;
    for _ in first..number {
        of = of.pred();
        if !weekend(of) {
            weekdays += 1;
        }
    }
    weekdays <= holidays
}

/// Easter Sunday of the Gregorian calendar. Source: the anonymous algorithm of Nature (1876), as in J. Meeus,
/// Astronomical Algorithms, chapter 8.
fn easter_sunday(year: i32) -> Option<NaiveDate> {
    let (golden, century, of_century) = (year % 19, year / 100, year % 100);
    let correction = (century - (century + 8) / 25 + 1) / 3;
    // Days from 21 March to the full moon, and from there to the Sunday.
    let moon = (19 * golden + century - century / 4 - correction + 15) % 30;
    let sunday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - moon - of_century % 4) % 7;
    let late = (golden + 11 * moon + 22 * sunday) / 451;
    let sum = moon + sunday - 7 * late + 114;
    NaiveDate::from_ymd_opt(year, u32::try_from(sum / 31).ok()?, u32::try_from(sum % 31 + 1).ok()?)
}

/// Whether offices work on a day: no weekend and no bank holiday.
#[must_use]
pub fn is_working_day(day: NaiveDate) -> bool {
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !is_bank_holiday(day)
}

/// The working day that is the `number`th after `day`; `day` itself for 0.
#[must_use]
pub fn working_days_after(day: NaiveDate, number: u32) -> NaiveDate {
    let mut found = day;
    let mut left = number;
    while left > 0 {
        let Some(next) = found.succ_opt() else { break };
        found = next;
        if is_working_day(found) {
            left -= 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// As gov.uk lists them for England and Wales.
    const LISTED: [(i32, &[&str]); 9] = [
        (2019, &["01-01", "04-19", "04-22", "05-06", "05-27", "08-26", "12-25", "12-26"]),
        (2020, &["01-01", "04-10", "04-13", "05-08", "05-25", "08-31", "12-25", "12-28"]),
        (2021, &["01-01", "04-02", "04-05", "05-03", "05-31", "08-30", "12-27", "12-28"]),
        (2022, &["01-03", "04-15", "04-18", "05-02", "06-02", "06-03", "08-29", "09-19", "12-26", "12-27"]),
        (2023, &["01-02", "04-07", "04-10", "05-01", "05-08", "05-29", "08-28", "12-25", "12-26"]),
        (2024, &["01-01", "03-29", "04-01", "05-06", "05-27", "08-26", "12-25", "12-26"]),
        (2025, &["01-01", "04-18", "04-21", "05-05", "05-26", "08-25", "12-25", "12-26"]),
        (2026, &["01-01", "04-03", "04-06", "05-04", "05-25", "08-31", "12-25", "12-28"]),
        (2027, &["01-01", "03-26", "03-29", "05-03", "05-31", "08-30", "12-27", "12-28"]),
    ];

    #[test]
    fn bank_holidays_are_those_that_the_government_lists() {
        for (year, listed) in LISTED {
            let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
            let found: Vec<String> = first
                .iter_days()
                .take_while(|day| day.year() == year)
                .filter(|day| is_bank_holiday(*day))
                .map(|day| day.format("%m-%d").to_string())
                .collect();
            assert_eq!(found, listed, "{year}");
        }
    }

    #[test]
    fn ten_working_days_after_march_2024_pass_over_easter_monday() {
        // Good Friday was 29 March and Easter Monday 1 April.
        assert_eq!(working_days_after(day("2024-03-31"), 10), day("2024-04-15"));
        // Over Christmas and New Year 2021/22: 27, 28 December and 3 January do not count.
        assert_eq!(working_days_after(day("2021-12-24"), 5), day("2022-01-05"));
        assert_eq!(working_days_after(day("2025-07-31"), 10), day("2025-08-14"));
        assert_eq!(working_days_after(day("2025-07-31"), 0), day("2025-07-31"));
    }
}
