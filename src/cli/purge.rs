//! `outturn purge`: the retention rules of the agreements, enforced.

use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::output::{Format, print, print_json, say};
use super::{code, say_error, thousands};
use crate::progress::Progress;
use crate::retention::Purged;

/// Removes, or with `dry_run` names, what may not be kept any longer.
pub(super) async fn purge(
    root: &Path,
    now: DateTime<Utc>,
    by: Option<&str>,
    dry_run: bool,
    output: Format,
) -> u8 {
    let by = by.map(str::trim).filter(|by| !by.is_empty());
    if by.is_none() && !dry_run {
        say("error: the record of an erasure says who had it done; name the role with --by");
        return code::INVALID;
    }
    let progress = Progress::new(true);
    let purged = match crate::run::purge(root, now, by.unwrap_or_default(), dry_run, &progress).await {
        Ok(purged) => purged,
        Err(error) => return say_error(&error),
    };
    if output == Format::Json {
        return print_json(&purged);
    }
    let printed = print(lines(&purged).as_bytes());
    for note in &purged.notes {
        say(&format!("note: {note}"));
    }
    say(&closing(&purged));
    printed
}

fn lines(purged: &Purged) -> String {
    let mut text = String::new();
    for one in &purged.erased {
        let _ = writeln!(
            text,
            "{} {} {}: {} rows, {} quarantined; agreement {}, {}, until {}",
            one.feed, one.month, one.file, one.rows, one.quarantined, one.agreement, one.rule, one.last_day
        );
    }
    text
}

fn closing(purged: &Purged) -> String {
    if purged.erased.is_empty() && purged.objects + purged.dataset_files == 0 {
        return "nothing is past its retention".to_owned();
    }
    let verb = if purged.dry_run { "would erase" } else { "erased" };
    let mut text = format!(
        "{verb} {} rows and {} quarantined rows of {} dataset months; {} landed files of {} bytes",
        thousands(purged.rows),
        thousands(purged.quarantined),
        purged.months,
        thousands(purged.objects),
        thousands(purged.object_bytes),
    );
    if !purged.dry_run {
        let _ = write!(
            text,
            "; {} dataset files of {} bytes",
            thousands(purged.dataset_files),
            thousands(purged.dataset_bytes)
        );
    }
    text
}
