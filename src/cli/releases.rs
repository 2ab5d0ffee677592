//! Commands about earlier releases: what changed between two, and whether one is still what it was.

use std::path::Path;

use super::output::{self, Format, print_batches, say};
use super::{code, say_error};
use crate::release::{self, Published, ReleaseError, revision};
use crate::run::RunError;

/// Prints every figure that release `before` and release `after` show otherwise.
pub(super) fn diff(root: &Path, before: &str, after: &str, measure: Option<&str>, output: Format) -> u8 {
    let (project, _) = crate::config::load(root);
    let published = Published::in_warehouse(&project.warehouse());
    let (Some(old), Some(new)) = (published.release(before), published.release(after)) else {
        return no_such(&published, if published.release(before).is_none() { before } else { after });
    };
    let compared = (|| -> Result<_, ReleaseError> {
        let (a, b) = (release::read_manifest(&old)?, release::read_manifest(&new)?);
        revision::revisions((&old, &a), (&new, &b))
    })();
    let mut rows = match compared {
        Ok(rows) => rows,
        Err(error) => return say_error(&RunError::Release(error)),
    };
    rows.retain(|row| measure.is_none_or(|measure| row.key.0 == measure));
    let batch = match revision::table(&rows, before, after) {
        Ok(batch) => batch,
        Err(error) => return say_error(&RunError::Arrow(error)),
    };
    if rows.is_empty() && output == Format::Table {
        say(&format!("every figure of {before} stands in {after} as it was"));
        return code::DONE;
    }
    if output == Format::Table {
        return output::print(in_words(&rows).as_bytes());
    }
    print_batches(&batch.schema(), &[batch], output)
}

/// One line a figure: `stockton-asb E22000030 2025-06: 412 -> 415 (restated_month: feed `a`: 2025-06)`.
fn in_words(rows: &[revision::Revision]) -> String {
    let shown = |shown: Option<&revision::Shown>| match shown {
        None => "no longer published".to_owned(),
        Some(shown) => shown.value.map_or_else(|| shown.status.clone(), |value| value.to_string()),
    };
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let (measure, area, period, breakdown) = &row.key;
            let breakdown = if breakdown == "all" { String::new() } else { format!(" {breakdown}") };
            let why = if row.explanation.is_empty() { row.reason.name() } else { &row.explanation };
            let (old, new) = (shown(row.before.as_ref()), shown(row.after.as_ref()));
            format!("{measure} {area} {period}{breakdown}: {old} -> {new} ({why})\n")
        })
        .collect();
    lines.concat()
}

/// Holds the files of a release (the current one when `None`) against their digests.
pub(super) fn verify(root: &Path, name: Option<&str>) -> u8 {
    let (project, _) = crate::config::load(root);
    let published = Published::in_warehouse(&project.warehouse());
    let folder = name.map_or_else(|| published.current(), |name| published.release(name));
    let Some(folder) = folder else {
        return match name {
            Some(name) => no_such(&published, name),
            None => no_release(),
        };
    };
    match release::verify(&folder) {
        Err(error) => say_error(&RunError::Release(error)).max(code::DAMAGED),
        Ok(wrong) if wrong.is_empty() => {
            say("every file is as it was released");
            code::DONE
        }
        Ok(wrong) => {
            for line in wrong {
                say(&format!("error: {line}"));
            }
            code::DAMAGED
        }
    }
}

fn no_release() -> u8 {
    say("there is no release yet");
    code::NOTHING
}

/// Says that there is no release of that name, and which there are.
pub(super) fn no_such(published: &Published, name: &str) -> u8 {
    let names = published.names();
    let known = names.iter().rev().take(5).cloned().collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        return no_release();
    }
    say(&format!("there is no release {name}; the latest are {known}"));
    code::NOTHING
}
