//! The rows that were set aside, judged once more from the landed bytes under the present files: what would become of
//! each, without publishing anything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::config::Project;
use crate::engine::quarantine_table;
use crate::inspect::open_engine;
use crate::normalise::DeliveryStatus;
use crate::period::Month;
use crate::rejudge::{RejectedRow, rejected_rows, rejudge};
use crate::run::{RunError, look};

/// What would become of one row that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Replayed {
    /// Its feed.
    pub feed: String,
    /// Its month.
    pub period: Month,
    /// Its file.
    pub source_file: String,
    /// Line in the file, from 1; 0 for a delivery as a whole.
    pub line: i64,
    /// The rule for which it was set aside.
    pub was: String,
    /// What would become of it.
    pub becomes: Fate,
    /// The rule that it would break; empty where it would break none.
    pub rule: String,
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is taken, or repeats one that is.
    Accepted,
    /// It stays where it is, for the same rule or another.
    SetAside,
    /// Its delivery is turned down as a whole.
    TurnedDown,
    /// A later delivery stands in the place of its own.
    Replaced,
}

impl Fate {
    /// The word for a person.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::SetAside => "set aside",
            Self::TurnedDown => "turned down with its delivery",
            Self::Replaced => "replaced by a later delivery",
        }
    }
}

/// What a replay found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Replay {
    /// Every row that is set aside now.
    pub rows: Vec<Replayed>,
    /// Rows that are in a dataset, or were in a delivery that was turned down, and would be set aside.
    pub newly_set_aside: u64,
}

impl Replay {
    /// Whether a run would have another outcome than what is stored.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.newly_set_aside > 0
            || self.rows.iter().any(|row| match row.becomes {
                Fate::SetAside | Fate::TurnedDown => row.rule != row.was,
                Fate::Accepted | Fate::Replaced => true,
            })
    }
}

/// Judges what is set aside, of one feed or of all.
///
/// # Errors
/// A project with problems; a landing or warehouse that cannot be read.
pub async fn replay(root: &Path, feed: Option<&str>, now: DateTime<Utc>) -> Result<Replay, RunError> {
    let (checked, engine, _) = open_engine(root).await?;
    let (landing, states, standings) = look(&checked, now).await?;
    let mut found = Replay::default();
    for dataset in checked.datasets.values() {
        let table = quarantine_table(&dataset.id);
        let wanted =
            feed.map_or_else(String::new, |feed| format!("WHERE feed = '{}'", feed.replace('\'', "''")));
        let sql = format!("SELECT DISTINCT month FROM {table} {wanted} ORDER BY month");
        for month in months(&engine.run(&sql).await?.1)? {
            let only = if wanted.is_empty() { "WHERE".to_owned() } else { format!("{wanted} AND") };
            let sql = format!("SELECT * FROM {table} {only} month = '{month}'");
            let (_, batches) = engine.run(&sql).await?;
            let mut stored: Vec<RejectedRow> = batches.iter().flat_map(rejected_rows).collect();
            stored.sort();
            let failed =
                |source| RunError::Normalise { dataset: dataset.id.clone(), month, source: Box::new(source) };
            let jobs = standings.jobs_to_look_at(dataset, &states, &landing, |one| one == month);
            let jobs = jobs.map_err(failed)?;
            let Some(job) = jobs.first() else {
                let gone = |row: &RejectedRow| told(row, month, Fate::Replaced, "");
                found.rows.extend(stored.iter().map(gone));
                continue;
            };
            let judged = rejudge(job, &landing).map_err(failed)?;
            found.compare(month, &stored, &judged, feed);
        }
    }
    Ok(found)
}

fn months(batches: &[arrow::array::RecordBatch]) -> Result<Vec<Month>, RunError> {
    use arrow::array::AsArray as _;
    let mut months = Vec::new();
    for batch in batches {
        let column = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8)?;
        months
            .extend(column.as_string::<i32>().iter().flatten().filter_map(|text| text.parse::<Month>().ok()));
    }
    Ok(months)
}

fn told(row: &RejectedRow, period: Month, becomes: Fate, rule: &str) -> Replayed {
    Replayed {
        feed: row.feed.clone(),
        period,
        source_file: row.file.clone(),
        line: row.line,
        was: row.rule.clone(),
        becomes,
        rule: rule.to_owned(),
    }
}

/// What tells a row apart.
type Place<'a> = (&'a str, &'a str, &'a str, i64);

fn place(row: &RejectedRow) -> Place<'_> {
    (&row.feed, &row.file, &row.delivery, row.line)
}

impl Replay {
    fn compare(
        &mut self,
        month: Month,
        stored: &[RejectedRow],
        judged: &crate::rejudge::Rejudged,
        feed: Option<&str>,
    ) {
        let now: BTreeMap<Place<'_>, &str> =
            judged.rows.iter().map(|row| (place(row), row.rule.as_str())).collect();
        for row in stored {
            let (of, file, delivery, _) = place(row);
            let reported = judged.reports.iter().find(|report| {
                report.delivery.feed == of
                    && report.delivery.file == file
                    && report.delivery.content_sha256.starts_with(delivery)
            });
            let (becomes, rule) = match (now.get(&place(row)), reported.map(|report| report.status)) {
                (Some(rule), _) => (if row.line == 0 { Fate::TurnedDown } else { Fate::SetAside }, *rule),
                (None, Some(DeliveryStatus::Accepted)) => (Fate::Accepted, ""),
                (None, Some(_)) => {
                    (Fate::TurnedDown, now.get(&(of, file, delivery, 0)).copied().unwrap_or_default())
                }
                (None, None) => (Fate::Replaced, ""),
            };
            self.rows.push(told(row, month, becomes, rule));
        }
        let before: BTreeSet<Place<'_>> = stored.iter().map(place).collect();
        let new = judged.rows.iter().filter(|row| feed.is_none_or(|feed| row.feed == feed));
        self.newly_set_aside += new.filter(|row| !before.contains(&place(row))).count() as u64;
    }
}

/// The folder in which the waivers of a feed lie.
#[must_use]
pub fn waiver_folder(project: &Project, feed: &str) -> Option<std::path::PathBuf> {
    Some(project.feeds.get(feed)?.folder.parent()?.join("waivers"))
}
