//! `outturn feed letter`.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::output::{self, Format, print_json, say};
use super::{code, say_error};
use crate::letter::{LetterError, compose};
use crate::period::Month;

/// Prints the message to the supplier of a feed.
pub(super) async fn write(
    root: &Path,
    feed: &str,
    period: Option<Month>,
    now: DateTime<Utc>,
    output: Format,
) -> u8 {
    match compose(root, feed, period, now).await {
        Ok(letter) if output == Format::Json => print_json(&letter),
        Ok(letter) => output::print(letter.text.as_bytes()),
        Err(LetterError::Run(error)) => say_error(&error),
        Err(error) => {
            say(&format!("error: {error}"));
            match error {
                LetterError::UnknownFeed { .. } => code::INVALID,
                _ => code::NOTHING,
            }
        }
    }
}
