//! Cells of spreadsheets as text, the same whatever the program or the country that saved them.

use calamine::ExcelDateTime;

use super::settings::DurationText;

/// Day number behind 31 December 9999, where Excel's calendar ends.
const CALENDAR_END: f64 = 2_958_466.0;

/// A number without needless decimals: `15974`, `0.5`.
pub(super) fn number(value: f64) -> String {
    // A negative zero is a zero.
    if value == 0.0 { "0".to_owned() } else { value.to_string() }
}

/// `True` or `False`.
pub(super) fn flag(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// A day (`2025-06-30`), a day with a time (`2025-06-30T13:45:00`), or a length of time.
///
/// A value below one day is a length of time or a time of day: a date of 1899 means nothing. What lies outside the
/// calendar stays a number.
pub(super) fn date_or_duration(value: ExcelDateTime, durations: DurationText) -> String {
    let days = value.as_f64();
    if !days.is_finite() || days >= CALENDAR_END {
        return number(days);
    }
    if value.is_duration() || (0.0..1.0).contains(&days) {
        return milliseconds(to_milliseconds(days * 86_400_000.0), durations);
    }
    if days < 0.0 {
        return number(days);
    }
    let (year, month, day, hour, minute, second, milli) = value.to_ymd_hms_milli();
    let day = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second, milli) == (0, 0, 0, 0) {
        return day;
    }
    let fraction = if milli == 0 { String::new() } else { format!(".{milli:03}") };
    format!("{day}T{hour:02}:{minute:02}:{second:02}{fraction}")
}

/// An ISO date or timestamp as a document has it; midnight is left away.
pub(super) fn iso_date(text: &str) -> String {
    let text = text.trim();
    let day = text
        .split_once('T')
        .filter(|(_, time)| !time.is_empty() && time.bytes().all(|byte| matches!(byte, b'0' | b':' | b'.')));
    day.map_or(text, |(day, _)| day).to_owned()
}

/// An ISO 8601 length of time such as `PT00H05M46S`; anything else stays as it is.
pub(super) fn iso_duration(text: &str, durations: DurationText) -> String {
    seconds_of_iso(text.trim())
        .map_or_else(|| text.to_owned(), |seconds| milliseconds(to_milliseconds(seconds * 1000.0), durations))
}

fn seconds_of_iso(text: &str) -> Option<f64> {
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let text = text.strip_prefix('P')?;
    let (days, times) = text.split_once('T').unwrap_or((text, ""));
    let mut seconds = 0.0;
    for (part, units) in
        [(days, &[('D', 86_400.0)][..]), (times, &[('H', 3600.0), ('M', 60.0), ('S', 1.0)][..])]
    {
        let mut rest = part;
        while !rest.is_empty() {
            let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
            let (figure, after) = rest.split_at(end);
            let unit = after.chars().next()?;
            let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
            seconds += figure.parse::<f64>().ok().filter(|figure| figure.is_finite())? * factor;
            rest = after.get(1..)?;
        }
    }
    Some(sign * seconds)
}

/// A length of time that a spreadsheet wrote as a time of its day zero, such as `1899-12-31T00:05:46Z`; `None` for any
/// other text.
pub(super) fn duration_written_as_date(text: &str, durations: DurationText) -> Option<String> {
    let text = text.trim();
    let time = text.strip_prefix("1899-12-31").or_else(|| text.strip_prefix("1899-12-30"))?;
    let time = time.strip_prefix(['T', ' '])?;
    let time = time.strip_suffix('Z').or_else(|| time.strip_suffix("+00:00")).unwrap_or(time);
    let mut parts = time.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    if parts.next().is_some() {
        return None;
    }
    let hours: u32 = hours.parse().ok().filter(|hours| *hours < 24)?;
    let minutes: u32 = minutes.parse().ok().filter(|minutes| *minutes < 60)?;
    let seconds: f64 = seconds.parse().ok().filter(|seconds| (0.0..60.0).contains(seconds))?;
    let all = f64::from(hours * 3600 + minutes * 60) + seconds;
    Some(milliseconds(to_milliseconds(all * 1000.0), durations))
}

#[expect(clippy::cast_possible_truncation, reason = "beyond the range of the type lies its end")]
fn to_milliseconds(value: f64) -> i64 {
    value.round() as i64
}

fn milliseconds(value: i64, durations: DurationText) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let all = value.unsigned_abs();
    let (seconds, milli) = (all / 1000, all % 1000);
    let fraction = if milli == 0 { String::new() } else { format!(".{milli:03}") };
    match durations {
        DurationText::Seconds => format!("{sign}{seconds}{fraction}"),
        DurationText::Clock => {
            format!("{sign}{:02}:{:02}:{:02}{fraction}", seconds / 3600, seconds / 60 % 60, seconds % 60)
        }
    }
}
