//! Commands about earlier releases: what changed between two, and whether one is still what it was.

use std::path::{Path, PathBuf};

use super::output::{self, Format, print_batches, say};
use super::{code, say_error};
use crate::config::Project;
use crate::progress::Progress;
use crate::publication::{self, Named};
use crate::release::{self, Published, revision};
use crate::run::{self, RunError};
use crate::signoff::SignOffs;

/// Prints every figure that release `before` and release `after` show otherwise.
pub(super) fn diff(root: &Path, before: &str, after: &str, measure: Option<&str>, output: Format) -> u8 {
    let (project, _) = crate::config::load(root);
    let published = Published::in_warehouse(&project.warehouse());
    let folders = (named(&project, &published, before), named(&project, &published, after));
    let (old, new) = match folders {
        (Ok(old), Ok(new)) => (old, new),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    let compared = (|| -> Result<_, RunError> {
        let (a, b) = (release::read_manifest(&old)?, release::read_manifest(&new)?);
        let sign_offs = SignOffs::open(&project.warehouse(), None).map_err(RunError::SignOff)?;
        Ok(revision::revisions((&old, &a), (&new, &b), &sign_offs)?)
    })();
    let mut rows = match compared {
        Ok(rows) => rows,
        Err(error) => return say_error(&error),
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

/// Holds a release (the current one when `None`) against its digests, and unless `files_only` makes it once more from what
/// it was made from and compares.
pub(super) async fn verify(root: &Path, name: Option<&str>, files_only: bool) -> u8 {
    let (project, _) = crate::config::load(root);
    let published = Published::in_warehouse(&project.warehouse());
    let folder = match name {
        Some(name) => match named(&project, &published, name) {
            Ok(folder) => Some(folder),
            Err(code) => return code,
        },
        None => published.current(),
    };
    let Some(folder) = folder else { return no_release() };
    let progress = Progress::new(true);
    let verified = match run::verify(root, &folder, files_only, &progress).await {
        Err(error) => return say_error(&error).max(code::DAMAGED),
        Ok(verified) => verified,
    };
    for line in &verified.wrong {
        say(&format!("error: {line}"));
    }
    if verified.wrong.is_empty() {
        say("every file is as it was released");
    }
    for line in &verified.limits {
        say(&format!("not compared: {line}"));
    }
    if verified.tables > 0 {
        let (tables, files) = (verified.tables, verified.files);
        let rows = run::thousands(verified.rows);
        let outcome =
            if verified.wrong.is_empty() { "all as released" } else { "with the differences above" };
        say(&format!(
            "made once more: {tables} tables with {rows} rows, {files} files of datasets, {outcome}"
        ));
    }
    match (verified.wrong.is_empty(), verified.limits.is_empty()) {
        (false, _) => code::DAMAGED,
        (true, false) => code::GAPS,
        (true, true) => code::DONE,
    }
}

/// The folder of a release by its own name or by one of the calendar's, or the exit code after it was said that there is
/// none.
pub(super) fn named(project: &Project, published: &Published, name: &str) -> Result<PathBuf, u8> {
    if let Some(folder) = published.release(name) {
        return Ok(folder);
    }
    match publication::named(project, published, name) {
        Ok(Named::Out(release)) => published.release(&release).ok_or_else(|| no_such(published, &release)),
        Ok(Named::Planned(when)) => {
            say(&format!("{name} is planned for {when}; it is not out yet"));
            Err(code::NOTHING)
        }
        Ok(Named::Unknown) => Err(no_such(published, name)),
        Err(error) => Err(say_error(&RunError::Publication(error))),
    }
}

/// The folder of a release of a project, by either of its names; else what was said of it.
pub(super) fn folder(root: &Path, name: &str) -> Result<PathBuf, u8> {
    let (project, _) = crate::config::load(root);
    named(&project, &Published::in_warehouse(&project.warehouse()), name)
}

/// Says that nothing was released yet.
pub(super) fn no_release() -> u8 {
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
