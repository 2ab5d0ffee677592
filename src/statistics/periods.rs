//! The calendar of local government: financial years from 1 April to 31 March, their quarters, and London time.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate};

/// The day in London on which an instant lies: from late March to late October 23:00 UTC is the next day.
#[must_use]
pub fn london_day(instant: DateTime<FixedOffset>) -> NaiveDate {
    instant.with_timezone(&chrono_tz::Europe::London).date_naive()
}

/// The periods in which a day lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    day: NaiveDate,
}

impl Periods {
    /// Those of a day in London.
    #[must_use]
    pub fn of(day: NaiveDate) -> Self {
        Self { day }
    }

    /// The calendar year in which the financial year begins.
    #[must_use]
    pub fn financial_year_begins(self) -> i32 {
        if self.day.month() < 4 { self.day.year() - 1 } else { self.day.year() }
    }

    /// The financial year, written `2024/25`.
    #[must_use]
    pub fn financial_year(self) -> String {
        let year = self.financial_year_begins();
        format!("{year}/{:02}", (year + 1).rem_euclid(100))
    }

    /// Quarter of the financial year: 1 is April to June.
    #[must_use]
    pub fn financial_quarter(self) -> u32 {
        (self.day.month() + 8) % 12 / 3 + 1
    }

    /// Quarter of the calendar year: 1 is January to March.
    #[must_use]
    pub fn calendar_quarter(self) -> u32 {
        self.day.month0() / 3 + 1
    }

    /// First and last day of the quarter, which are the same in both years.
    #[must_use]
    pub fn quarter(self) -> (NaiveDate, NaiveDate) {
        let month = self.day.month0() / 3 * 3 + 1;
        (first_of(self.day.year(), month), day_before(first_of(self.day.year(), month + 3)))
    }

    /// First and last day of the financial year.
    #[must_use]
    pub fn financial_year_days(self) -> (NaiveDate, NaiveDate) {
        let year = self.financial_year_begins();
        (first_of(year, 4), day_before(first_of(year + 1, 4)))
    }

    /// How many days the financial year has.
    #[must_use]
    pub fn days_in_financial_year(self) -> i64 {
        let (first, last) = self.financial_year_days();
        (last - first).num_days() + 1
    }

    /// How many days the month has.
    #[must_use]
    pub fn days_in_month(self) -> u32 {
        days_in_month(self.day.year(), self.day.month())
    }
}

/// How many days a month has; `number` is 1 to 12.
#[must_use]
pub fn days_in_month(year: i32, number: u32) -> u32 {
    day_before(first_of(year, number + 1)).day()
}

/// The first day of a month; month 13 and later are those of the years after.
fn first_of(year: i32, number: u32) -> NaiveDate {
    let years = (number - 1) / 12;
    NaiveDate::from_ymd_opt(year + years.cast_signed(), (number - 1) % 12 + 1, 1).unwrap_or(NaiveDate::MAX)
}

fn day_before(day: NaiveDate) -> NaiveDate {
    day.pred_opt().unwrap_or(NaiveDate::MIN)
}
