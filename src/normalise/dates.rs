//! Days, instants and time spans as partners write them.

use std::fmt::Write as _;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Europe::London;

use crate::config::settings::ExcelSerials;

/// The day that a date (`2025-06-30`, nothing looser) or a timestamp with an offset means in UK local time.
pub(super) fn day(text: &str) -> Option<NaiveDate> {
    if text.len() == 10 {
        return plain_day(text.as_bytes());
    }
    Some(instant(text)?.with_timezone(&London).date_naive())
}

fn plain_day(text: &[u8]) -> Option<NaiveDate> {
    let [year @ .., b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_u32, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
        })
    };
    NaiveDate::from_ymd_opt(i32::try_from(number(year)?).ok()?, number(&[*m1, *m2])?, number(&[*d1, *d2])?)
}

/// The instant that a timestamp with an offset means. A leap second is none: `23:59:60` would be the next day.
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let instant = DateTime::parse_from_rfc3339(text).ok()?;
    (instant.nanosecond() < 1_000_000_000).then(|| instant.with_timezone(&Utc))
}

/// Days since 1970, as they are stored.
pub(super) fn since_1970(day: NaiveDate) -> i32 {
    i32::try_from(day.signed_duration_since(NaiveDate::default()).num_days()).unwrap_or(i32::MAX)
}

/// What a way of writing tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Day,
    /// A day and a time without an offset.
    Local,
    /// A day and a time with an offset.
    Zoned,
}

/// The ways in which a column's dates or timestamps may be written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dates {
    formats: Vec<(String, Shape)>,
    serials: Option<ExcelSerials>,
}

impl Dates {
    /// From the settings of a column.
    ///
    /// # Errors
    /// The number of the first format that is none.
    pub(crate) fn new(formats: &[String], serials: Option<ExcelSerials>) -> Result<Self, usize> {
        let formats = formats
            .iter()
            .enumerate()
            .map(|(number, format)| Ok((format.clone(), shape(format).ok_or(number)?)))
            .collect::<Result<_, usize>>()?;
        Ok(Self { formats, serials })
    }

    /// The day, in UK local time. Only what reads as it is written counts: `1/2/2025` is not of the form `%d/%m/%Y`.
    pub(super) fn day(&self, text: &str) -> Option<NaiveDate> {
        let of = |(format, shape): &(String, Shape)| match shape {
            Shape::Day => {
                let day = NaiveDate::parse_from_str(text, format).ok()?;
                same(&day.format(format).to_string(), text).then_some(day)
            }
            Shape::Local => Some(local(text, format)?.date()),
            Shape::Zoned => Some(zoned(text, format)?.with_timezone(&London).date_naive()),
        };
        if self.formats.is_empty() {
            return day(text).or_else(|| Some(self.serial(text)?.date()));
        }
        self.formats.iter().find_map(of).or_else(|| Some(self.serial(text)?.date()))
    }

    /// The instant; a time without an offset is UK local time, and in the hour that comes twice the first.
    pub(super) fn instant(&self, text: &str) -> Option<DateTime<Utc>> {
        let in_london = |time: &NaiveDateTime| Some(London.from_local_datetime(time).earliest()?.to_utc());
        let of = |(format, shape): &(String, Shape)| match shape {
            Shape::Day => None,
            Shape::Local => in_london(&local(text, format)?),
            Shape::Zoned => zoned(text, format),
        };
        if self.formats.is_empty() {
            return instant(text).or_else(|| in_london(&self.serial(text)?));
        }
        self.formats.iter().find_map(of).or_else(|| in_london(&self.serial(text)?))
    }

    fn serial(&self, text: &str) -> Option<NaiveDateTime> {
        let serials = self.serials?;
        let days = serial(text)?;
        // Before March 1900 the spreadsheet counts a day that never was.
        let (first, least) = match serials {
            ExcelSerials::From1900 => (NaiveDate::from_ymd_opt(1899, 12, 30)?, 61.0),
            ExcelSerials::From1904 => (NaiveDate::from_ymd_opt(1904, 1, 1)?, 0.0),
        };
        if !(least..2_958_466.0).contains(&days) {
            return None;
        }
        let (whole, rest) = (days.trunc(), days.fract());
        let day = first.checked_add_days(Days::new(format!("{whole}").parse().ok()?))?;
        let seconds: i64 = format!("{:.0}", rest * 86_400.0).parse().ok()?;
        day.and_hms_opt(0, 0, 0)?.checked_add_signed(TimeDelta::seconds(seconds))
    }

    /// The formats, for a message.
    pub(super) fn told(&self) -> String {
        let formats: Vec<String> = self.formats.iter().map(|(format, _)| format!("`{format}`")).collect();
        let mut told = if formats.is_empty() {
            "a date such as 2025-06-30".to_owned()
        } else {
            format!("a date written {}", formats.join(" or "))
        };
        if self.serials.is_some() {
            told.push_str(", or a spreadsheet's number of days");
        }
        told
    }
}

/// Digits with at most one point, and nothing else.
fn serial(text: &str) -> Option<f64> {
    let plain = text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if plain { text.parse().ok() } else { None }
}

fn shape(format: &str) -> Option<Shape> {
    let day = NaiveDate::from_ymd_opt(2025, 6, 29)?;
    let time = day.and_hms_opt(13, 57, 46)?;
    let mut text = String::new();
    let reads = |text: &str| NaiveDate::parse_from_str(text, format).ok() == Some(day);
    if write!(text, "{}", day.format(format)).is_ok() {
        return reads(&text).then_some(Shape::Day);
    }
    text.clear();
    if write!(text, "{}", time.format(format)).is_ok() {
        return NaiveDateTime::parse_from_str(&text, format).is_ok().then_some(Shape::Local);
    }
    text.clear();
    let zoned = time.and_utc().fixed_offset();
    write!(text, "{}", zoned.format(format)).ok()?;
    DateTime::parse_from_str(&text, format).is_ok().then_some(Shape::Zoned)
}

fn local(text: &str, format: &str) -> Option<NaiveDateTime> {
    let time = NaiveDateTime::parse_from_str(text, format).ok()?;
    (time.nanosecond() < 1_000_000_000 && same(&time.format(format).to_string(), text)).then_some(time)
}

fn zoned(text: &str, format: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_str(text, format).ok()?;
    (time.nanosecond() < 1_000_000_000 && same(&time.format(format).to_string(), text)).then(|| time.to_utc())
}

/// Names of months come in capitals too.
fn same(written: &str, text: &str) -> bool {
    written.eq_ignore_ascii_case(text)
}

/// A time span in seconds: `27:05:46`, or the spreadsheet's date and time that stands for one, which is the time on its
/// day 0. With `serials`, also a share of a day.
pub(super) fn seconds(text: &str, serials: Option<ExcelSerials>) -> Option<i64> {
    if let Some(time) = text.strip_prefix("1899-12-31T").or_else(|| text.strip_prefix("1899-12-30T")) {
        let time = time.strip_suffix('Z').unwrap_or(time);
        let time = time.strip_suffix(".000").unwrap_or(time);
        return (time.len() == 8).then(|| clock(time)).flatten().filter(|seconds| *seconds < 86_400);
    }
    clock(text).or_else(|| {
        serials?;
        let days = serial(text).filter(|days| *days < 100_000.0)?;
        format!("{:.0}", days * 86_400.0).parse().ok()
    })
}

/// Hours, minutes and seconds; the hours may be many.
fn clock(text: &str) -> Option<i64> {
    let (hours, rest) = text.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    let number = |text: &str, width: std::ops::RangeInclusive<usize>| -> Option<i64> {
        let plain = width.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten()
    };
    let below_60 = |text| number(text, 2..=2).filter(|n| *n < 60);
    Some(number(hours, 1..=6)? * 3_600 + below_60(minutes)? * 60 + below_60(seconds)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(year, month, day)
    }

    #[test]
    fn a_day_is_written_in_one_way_only() {
        assert_eq!(day("2025-06-30"), on(2025, 6, 30));
        // 23:30 in UTC is half past midnight of the next day in British Summer Time.
        assert_eq!(day("2025-06-30T23:30:00+00:00"), on(2025, 7, 1));
        for text in
            ["2024-1-5", "20240105", "2025-02-29", "2025-06- 1", "+025-06-01", "2025-06-31", "2025-00-01", ""]
        {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn a_leap_second_is_not_the_next_day() {
        assert!(instant("2025-06-30T22:59:59Z").is_some());
        assert_eq!(instant("2016-12-31T23:59:60Z"), None);
        assert_eq!(day("2016-12-31T23:59:60Z"), None);
    }

    #[test]
    fn dates_are_read_as_agreed_and_not_otherwise() {
        let dates = Dates::new(&["%d/%m/%Y".to_owned(), "%d-%b-%Y".to_owned()], None).unwrap();
        assert_eq!(dates.day("03/04/2025"), on(2025, 4, 3));
        assert_eq!(dates.day("03-APR-2025"), on(2025, 4, 3));
        for text in ["2025-04-03", "3/4/2025", "31/02/2025", "03/04/25", "04/13/2025", "45750"] {
            assert_eq!(dates.day(text), None, "{text}");
        }
        let short = Dates::new(&["%-d/%-m/%Y".to_owned()], None).unwrap();
        assert_eq!(short.day("3/4/2025"), on(2025, 4, 3));
        assert_eq!(Dates::new(&["%d/%m/%Y".to_owned(), "%Q".to_owned()], None).unwrap_err(), 1);
        // A month alone is no day.
        assert_eq!(Dates::new(&["%m/%Y".to_owned()], None).unwrap_err(), 0);
    }

    #[test]
    fn a_time_without_an_offset_is_uk_local_time() {
        let dates = Dates::new(&["%d/%m/%Y %H:%M".to_owned()], None).unwrap();
        assert_eq!(dates.instant("01/07/2025 00:30").unwrap().to_rfc3339(), "2025-06-30T23:30:00+00:00");
        assert_eq!(dates.day("01/07/2025 00:30"), on(2025, 7, 1));
        // The clocks went forward at 01:00: there was no half past one.
        assert_eq!(dates.instant("30/03/2025 01:30"), None);
        let zoned = Dates::new(&["%d/%m/%Y %H:%M %z".to_owned()], None).unwrap();
        assert_eq!(
            zoned.instant("01/07/2025 00:30 +0100").unwrap().to_rfc3339(),
            "2025-06-30T23:30:00+00:00"
        );
    }

    #[test]
    fn a_spreadsheets_number_is_a_day_where_that_is_agreed() {
        // The two numbers that spreadsheets show as 30 June 2025.
        let from_1900 = Dates::new(&[], Some(ExcelSerials::From1900)).unwrap();
        let from_1904 = Dates::new(&[], Some(ExcelSerials::From1904)).unwrap();
        assert_eq!(from_1900.day("45838"), on(2025, 6, 30));
        assert_eq!(from_1904.day("44376"), on(2025, 6, 30));
        assert_eq!(from_1900.day("61"), on(1900, 3, 1));
        assert_eq!(from_1900.instant("45838.5").unwrap().to_rfc3339(), "2025-06-30T11:00:00+00:00");
        for text in ["60", "-1", "1e5", "9999999", "45838.", "4.5.8", "x"] {
            assert_eq!(from_1900.day(text), None, "{text}");
        }
        assert_eq!(Dates::new(&[], None).unwrap().day("45838"), None);
    }

    #[test]
    fn a_time_span_is_a_number_of_seconds() {
        // As the published response times have them: 5 minutes and 46 seconds.
        assert_eq!(seconds("1899-12-31T00:05:46Z", None), Some(346));
        assert_eq!(seconds("00:05:46", None), Some(346));
        assert_eq!(seconds("27:00:01", None), Some(97_201));
        assert_eq!(seconds("0.25", Some(ExcelSerials::From1900)), Some(21_600));
        for text in
            ["05:46", "0:5:46", "00:60:00", "00:00:60", "-1:00:00", "1899-12-31T24:00:00Z", "0.25", ""]
        {
            assert_eq!(seconds(text, None), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_date_under_any_format_or_none(
            text in "[0-9]{1,4}[-/. ][0-9A-Za-z]{1,9}[-/. ][0-9]{1,4}([T ][0-9:.]{0,12}(Z|[+-][0-9:]{0,6})?)?|\\PC{0,40}",
            format in "%[-_0]?[a-zA-Z:]([-/. ]%[-_0]?[a-zA-Z:]){0,3}|\\PC{0,12}",
        ) {
            let _ = (day(&text), instant(&text), seconds(&text, None));
            for serials in [None, Some(ExcelSerials::From1900), Some(ExcelSerials::From1904)] {
                let _ = seconds(&text, serials);
                if let Ok(dates) = Dates::new(std::slice::from_ref(&format), serials) {
                    let _ = (dates.day(&text), dates.instant(&text), dates.told());
                }
            }
        }
    }
}
