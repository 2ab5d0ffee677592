//! Final figures that the project publishes no more. They stay readable in each release, as they were signed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};

use super::Publication;
use crate::agreement;
use crate::assess::{Absence, Figure, Status};
use crate::engine::quarantine_table;
use crate::release::revision::Gone;
use crate::release::tables::{self, WithdrawnRow};
use crate::release::{self, ReleaseError};
use crate::signoff::Final;

/// What a release says of a measure that it shows.
#[derive(Default)]
struct Words {
    partnership: String,
    title: String,
    unit: String,
    purpose: Option<String>,
    /// Tables that it reads.
    reads: Vec<String>,
}

/// What a release that was signed says of its measures and areas.
struct Signed {
    measures: BTreeMap<String, Words>,
    /// By code.
    area_titles: BTreeMap<String, String>,
}

impl Signed {
    fn of(folder: &Path) -> Result<Self, ReleaseError> {
        let measures = rows(
            folder,
            tables::MEASURE.name,
            &["measure", "partnership", "title", "unit", "purpose", "reads"],
        )?;
        let measures = measures.into_iter().map(|[measure, partnership, title, unit, purpose, reads]| {
            let purpose = Some(purpose).filter(|purpose| !purpose.is_empty());
            let reads = reads.split(", ").map(str::to_owned).collect();
            (measure, Words { partnership, title, unit, purpose, reads })
        });
        let areas = rows(folder, tables::AREA.name, &["area", "title"])?;
        Ok(Self {
            measures: measures.collect(),
            area_titles: areas.into_iter().map(|[area, title]| (area, title)).collect(),
        })
    }
}

/// Columns of a released table as texts, row by row; empty where a column is not there or has no value.
fn rows<const N: usize>(
    folder: &Path,
    table: &str,
    columns: &[&str; N],
) -> Result<Vec<[String; N]>, ReleaseError> {
    let mut rows = Vec::new();
    for batch in release::read_table(folder, table)?.1 {
        let columns = columns.map(|name| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>()));
        rows.extend((0..batch.num_rows()).map(|row| {
            columns.map(|column| {
                let column = column.filter(|column| column.is_valid(row));
                column.map(|column| column.value(row).to_owned()).unwrap_or_default()
            })
        }));
    }
    Ok(rows)
}

impl Publication<'_> {
    /// The final figures that no row of `outturn` shows, in the order of measure, area, period and breakdown.
    pub(super) fn withdrawn(&self, outturn: &[RecordBatch]) -> Vec<WithdrawnRow> {
        let mut left: BTreeMap<&str, BTreeMap<(&str, &str, &str), Final<'_>>> = BTreeMap::new();
        for signed in self.supply.sign_offs.finals() {
            let (measure, area, period, breakdown) = signed.key;
            left.entry(measure).or_default().insert((area, period, breakdown), signed);
        }
        for batch in outturn {
            let text =
                |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
            let (Some(measure), Some(area), Some(period), Some(breakdown)) =
                (text("measure"), text("area"), text("period"), text("breakdown"))
            else {
                continue;
            };
            for row in 0..batch.num_rows() {
                if let Some(own) = left.get_mut(measure.value(row)) {
                    own.remove(&(area.value(row), period.value(row), breakdown.value(row)));
                }
            }
        }
        let mut releases: BTreeMap<&str, Option<Signed>> = BTreeMap::new();
        left.into_values()
            .flat_map(BTreeMap::into_values)
            .map(|signed| {
                let release = releases.entry(signed.release).or_insert_with(|| {
                    let (folder, _) = self.run.whole(signed.release)?;
                    Signed::of(&folder).ok()
                });
                self.row(signed, release.as_ref())
            })
            .collect()
    }

    /// The row of a figure, with the words of the release that was signed; `None` where that is gone or damaged.
    fn row(&self, signed: Final<'_>, release: Option<&Signed>) -> WithdrawnRow {
        let Final { key, mut figure, confidence, release: name } = signed;
        let words = release.and_then(|release| release.measures.get(&key.0));
        if let Err(why) = self.may_be_shown(&key.0, words, name) {
            figure = Figure {
                status: Status::NotCalculated,
                absence: Some(Absence::NotPermitted),
                synthetic: figure.synthetic,
                note: why,
                vintage: figure.vintage,
                ..Figure::empty(&figure.area, &figure.breakdown, figure.period)
            };
        }
        let titles = release.map(|release| &release.area_titles);
        let text = |of: fn(&Words) -> &String| words.map(of).cloned().unwrap_or_default();
        WithdrawnRow {
            measure: key.0.clone(),
            partnership: text(|words| &words.partnership),
            title: text(|words| &words.title),
            unit: text(|words| &words.unit),
            area_title: titles.and_then(|titles| titles.get(&key.1)).cloned().unwrap_or_default(),
            why: self.gone(&figure, &key.0).map_or("the figure is not published any more", Gone::words),
            figure,
            confidence,
            release: name.to_owned(),
        }
    }

    fn gone(&self, figure: &Figure, measure: &str) -> Option<Gone> {
        let (Some((_, areas)), Some(file)) =
            (self.checked.measures.get(measure), self.run.project.measures.get(measure))
        else {
            return Some(Gone::Measure);
        };
        match () {
            () if !areas.contains(&figure.area) => Some(Gone::Area),
            () if !file.config.periods.contains(&figure.period.kind) => Some(Gone::Periods),
            () => None,
        }
    }

    /// Whether the agreements let a measure be published, by what the project says of it or else the release that was
    /// signed; else why not.
    fn may_be_shown(&self, measure: &str, words: Option<&Words>, release: &str) -> Result<(), String> {
        let project = &self.run.project;
        let own = self.checked.measures.get(measure).zip(project.measures.get(measure));
        let (datasets, purpose, partnership) = match (own, words) {
            (Some(((planned, _), file)), _) => {
                (planned.datasets.clone(), file.config.purpose.as_deref(), file.partnership.as_str())
            }
            (None, Some(words)) => {
                (self.datasets_of(&words.reads), words.purpose.as_deref(), words.partnership.as_str())
            }
            (None, None) => {
                return Err(format!("release {release} cannot be read, which says what it was counted from"));
            }
        };
        let reads = agreement::reads(project, &datasets, None);
        agreement::allows(&reads, purpose, partnership).map_err(|why| why.to_string())
    }

    /// The datasets that tables belong to. One that the project has no more is bound by no agreement of it.
    fn datasets_of(&self, reads: &[String]) -> BTreeSet<String> {
        let belongs = |table: &String, id: &str| {
            let dataset = self.checked.datasets.get(id);
            table == id
                || *table == quarantine_table(id)
                || dataset.is_some_and(|dataset| dataset.summaries.iter().any(|summary| summary.id == *table))
        };
        let all = self.checked.datasets.keys();
        all.filter(|id| reads.iter().any(|table| belongs(table, id))).cloned().collect()
    }
}
