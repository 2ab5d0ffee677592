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

#[cfg(test)]
mod tests {
    use super::*;

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
