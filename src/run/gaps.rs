//! What a release lacks, each in a line that a person reads.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDate;

use super::RunError;
use crate::config::Project;
use crate::feed::FeedState;
use crate::normalise::{DeliveryReport, DeliveryStatus};
use crate::period::Month;
use crate::release;
use crate::release::tables::Reports;

/// What became of every delivery that a dataset was made from.
pub(super) fn all_reports(reports: &Reports) -> impl Iterator<Item = &DeliveryReport> {
    reports.values().flat_map(BTreeMap::values).flatten()
}

/// Those whose rows are in a dataset.
pub(super) fn accepted(reports: &Reports) -> impl Iterator<Item = &DeliveryReport> {
    all_reports(reports).filter(|report| report.status == DeliveryStatus::Accepted)
}

/// Deliveries that are missing, refused or held, each in a line; known gaps are not among them.
pub(crate) fn delivery_gaps(states: &[FeedState], reports: &Reports) -> Vec<String> {
    let mut gaps = Vec::new();
    for state in states {
        if let Some(why) = &state.stopped {
            gaps.push(stopped_line(&state.feed.id, why));
            continue;
        }
        let months = state.owed();
        if !months.is_empty() {
            gaps.push(format!("feed `{}`: nothing for {}", state.feed.id, spans(&months)));
        }
    }
    for report in all_reports(reports).filter(|report| report.status != DeliveryStatus::Accepted) {
        let (file, what, note) = (&report.delivery.file, report.status.name(), &report.note);
        gaps.push(format!("feed `{}`: {file} {what}: {note}", report.delivery.feed));
    }
    gaps
}

fn stopped_line(feed: &str, why: &str) -> String {
    format!("feed `{feed}`: {why}; it is not asked, and nothing of it is used")
}

/// The same, of a release that was made before.
pub(crate) fn delivery_gaps_of(folder: &Path) -> Result<Vec<String>, RunError> {
    use arrow::array::{Array as _, AsArray as _};
    let (_, batches) = release::read_table(folder, "feed_delivery")?;
    let mut missing: BTreeMap<String, Vec<Month>> = BTreeMap::new();
    let mut gaps = Vec::new();
    for batch in &batches {
        let column = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        let (Some(feed), Some(period), Some(status), Some(file), Some(note)) =
            (column("feed"), column("period"), column("status"), column("source_file"), column("note"))
        else {
            continue;
        };
        for row in 0..batch.num_rows() {
            match status.value(row) {
                "stopped" => {
                    let why = if note.is_null(row) { "" } else { note.value(row) };
                    let line = stopped_line(feed.value(row), why);
                    if !gaps.contains(&line) {
                        gaps.push(line);
                    }
                }
                "not_supplied" => {
                    if let Ok(month) = period.value(row).parse() {
                        missing.entry(feed.value(row).to_owned()).or_default().push(month);
                    }
                }
                word @ ("refused" | "held") => {
                    let note = if note.is_null(row) { "" } else { note.value(row) };
                    gaps.push(format!("feed `{}`: {} {word}: {note}", feed.value(row), file.value(row)));
                }
                _ => {}
            }
        }
    }
    let mut lines: Vec<String> = missing
        .iter()
        .map(|(feed, months)| format!("feed `{feed}`: nothing for {}", spans(months)))
        .collect();
    lines.extend(gaps);
    Ok(lines)
}

/// The last month of which each feed has rows in a release.
pub(super) fn latest_months_of(folder: &Path) -> Result<BTreeMap<String, Month>, RunError> {
    use arrow::array::{Array as _, AsArray as _};
    use arrow::datatypes::Int64Type;
    let (_, batches) = release::read_table(folder, "feed_delivery")?;
    let mut latest: BTreeMap<String, Month> = BTreeMap::new();
    for batch in &batches {
        let column = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        let accepted = batch.column_by_name("accepted").and_then(|c| c.as_primitive_opt::<Int64Type>());
        let (Some(feed), Some(period), Some(accepted)) = (column("feed"), column("period"), accepted) else {
            continue;
        };
        for row in (0..batch.num_rows()).filter(|row| accepted.is_valid(*row) && accepted.value(*row) > 0) {
            if let Ok(month) = period.value(row).parse::<Month>() {
                let known = latest.entry(feed.value(row).to_owned()).or_insert(month);
                *known = month.max(*known);
            }
        }
    }
    Ok(latest)
}

/// What went wrong in asking the feeds.
pub(super) fn fault_lines(states: &[FeedState]) -> Vec<String> {
    let lines = states.iter().flat_map(|state| state.faults.iter().map(move |fault| (state, fault)));
    lines.map(|(state, fault)| format!("feed `{}`: {fault}", state.feed.id)).collect()
}

/// Waivers that no longer apply, each in a line: what they let in or let be is judged by the contract again.
pub(super) fn expired_waivers(project: &Project, as_of: NaiveDate) -> impl Iterator<Item = String> {
    let expired = project.waivers.values().map(|waiver| &waiver.config);
    expired.filter(move |waiver| !waiver.is_active(as_of)).map(|waiver| {
        format!("waiver `{}` expired on {}; renew it or remove its file", waiver.id, waiver.until)
    })
}

/// Measures that a release withholds, each with the reason.
pub(crate) fn withheld_measures(folder: &Path) -> Result<Vec<(String, String)>, RunError> {
    let told = told_measures(folder)?.into_iter().map(|(measure, (reason, _))| (measure, reason));
    Ok(told.filter(|(_, reason)| !reason.is_empty()).collect())
}

/// The project's own tables that a release lacks, each in a line.
pub(crate) fn table_gaps(withheld: &BTreeMap<String, String>) -> impl Iterator<Item = String> {
    withheld.iter().map(|(table, reason)| format!("table `{table}`: withheld: {reason}"))
}

/// What a release says of each measure: why it is withheld (empty when it is not), and its latest period.
pub(super) fn told_measures(folder: &Path) -> Result<BTreeMap<String, (String, String)>, RunError> {
    use arrow::array::{Array as _, AsArray as _};
    let (_, batches) = release::read_table(folder, "measure")?;
    let mut told = BTreeMap::new();
    for batch in &batches {
        let column = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        let (Some(name), Some(reason), Some(latest)) =
            (column("measure"), column("reason"), column("latest_period"))
        else {
            continue;
        };
        let text = |column: &arrow::array::StringArray, row: usize| {
            if column.is_null(row) { String::new() } else { column.value(row).to_owned() }
        };
        let status = column("status");
        for row in 0..batch.num_rows() {
            // An item of the plan without a measure is nothing that could be withheld.
            if status.is_some_and(|status| status.is_valid(row) && status.value(row) == "to_be_developed") {
                continue;
            }
            told.insert(name.value(row).to_owned(), (text(reason, row), text(latest, row)));
        }
    }
    Ok(told)
}

/// Months as a reader says them: `2024-01 to 2024-03, 2024-06`.
#[must_use]
pub fn spans(months: &[Month]) -> String {
    let mut months = months.to_vec();
    months.sort_unstable();
    let mut parts: Vec<(Month, Month)> = Vec::new();
    for month in months {
        match parts.last_mut() {
            Some((_, last)) if last.plus(1) == month => *last = month,
            _ => parts.push((month, month)),
        }
    }
    let text = |(first, last): &(Month, Month)| {
        if first == last { first.to_string() } else { format!("{first} to {last}") }
    };
    parts.iter().map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_months_are_told_as_a_span() {
        let months: Vec<Month> =
            ["2024-12", "2025-01", "2025-02", "2025-06"].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(spans(&months), "2024-12 to 2025-02, 2025-06");
    }
}
