//! What owners say of their figures: Markdown files beside the settings, published with the figure.

use std::ops::Range;

use chrono::NaiveDate;

use crate::diagnose::Source;
use crate::period::Period;

/// What somebody said of a measure in a period.
#[derive(Debug, Clone)]
pub struct Commentary {
    /// Folder under `pipelines/`.
    pub partnership: String,
    /// The measure.
    pub measure: String,
    /// The period.
    pub period: Period,
    /// The area that it is about; all of the measure's where absent.
    pub area: Option<String>,
    /// Role of its author.
    pub author: String,
    /// Day on which it was written.
    pub date: NaiveDate,
    /// The text, in Markdown.
    pub text: String,
    /// Its file.
    pub source: Source,
    /// Where the text begins in the file.
    pub begins: usize,
}

/// The line above and below the head of a file.
const FENCE: &str = "+++";

/// The bytes of the head and of the text below it; `None` where the file does not begin with a head.
#[must_use]
pub fn parts(text: &str) -> Option<(Range<usize>, Range<usize>)> {
    let head = text.find('\n').filter(|end| text.get(..*end).map(str::trim_end) == Some(FENCE))? + 1;
    let mut at = head;
    for line in text.get(head..)?.split_inclusive('\n') {
        if line.trim_end() == FENCE {
            return Some((head..at, at + line.len()..text.len()));
        }
        at += line.len();
    }
    None
}

/// Where the digits 1 to 4 stand alone in a text, as a count of few people would: not in a percentage, a date, a decimal,
/// a reference such as `Q1`, or the number of a list item.
#[must_use]
pub fn small_numbers(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let at = |index: Option<usize>| index.and_then(|index| bytes.get(index)).copied().unwrap_or(b' ');
    let joins = |byte: u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"/-_%+".contains(&byte);
    (0..bytes.len())
        .filter(|index| (b'1'..=b'4').contains(&at(Some(*index))))
        .filter(|index| {
            let (before, after) = (at(index.checked_sub(1)), at(Some(index + 1)));
            let point = |byte: u8| byte == b'.' || byte == b',';
            let decimal = (point(before) && at(index.checked_sub(2)).is_ascii_digit())
                || (point(after) && at(Some(index + 2)).is_ascii_digit());
            !joins(before) && !joins(after) && !decimal
        })
        .filter(|index| {
            let line = text.get(..*index).unwrap_or_default().rsplit('\n').next().unwrap_or_default();
            let item = line.trim().is_empty() && matches!(at(Some(index + 1)), b'.' | b')');
            let rest = text.get(index + 1..).unwrap_or_default().trim_start();
            !item && !is_unit(rest)
        })
        .map(|index| index..index + 1)
        .collect()
}

/// Whether what follows makes the number a share, a sum or a date.
fn is_unit(rest: &str) -> bool {
    const UNITS: [&str; 21] = [
        "%",
        "per cent",
        "percent",
        "percentage",
        "January",
        "February",
        "March",
        "April",
        "May ",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
        "months",
        "years",
        "weeks",
        "days",
        "hours",
    ];
    UNITS.iter().any(|unit| rest.starts_with(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_count_that_stands_alone_is_found_and_other_small_digits_are_not() {
        let found =
            |text: &str| small_numbers(text).into_iter().map(|at| text[at].to_owned()).collect::<Vec<_>>();
        assert_eq!(found("In all, 3 young people were cautioned, and (2) moved away: 4."), ["3", "2", "4"]);
        for text in [
            "Down 4% on the year, or 3 per cent.",
            "In Q1 and 2025/26 there were 14 of 4,210; 3.5 and 0.4 on average.",
            "On 1 April 2025 the 2nd ward was added to tier-1 work.",
            "1. First point\n2) Second point",
            "Over 3 months, 5 residents and 10 others",
        ] {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
    }

    #[test]
    fn the_head_ends_at_the_second_fence() {
        let text = "+++\nauthor = \"Chief Superintendent\"\n+++\nBurglary fell.\n";
        let (head, body) = parts(text).unwrap();
        assert_eq!(&text[head], "author = \"Chief Superintendent\"\n");
        assert_eq!(&text[body], "Burglary fell.\n");
        assert!(parts("Burglary fell.").is_none());
        assert!(parts("+++\nauthor = \"x\"\n").is_none());
    }
}
