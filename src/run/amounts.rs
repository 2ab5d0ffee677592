//! Which amounts of a release no few contributors dominate: `amounts/<release>.json` in the warehouse, for the program
//! alone. No table of any audience says it, for it tells of who contributed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use tracing::warn;

use crate::assess::Figure;
use crate::durable;
use crate::period::Period;
use crate::release::Manifest;

/// Figures of one measure: area, breakdown and period.
type Keys = BTreeSet<(String, String, Period)>;

/// By measure of amounts, the figures of which it is known that no few contributors dominate them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Undominated(BTreeMap<String, Keys>);

impl Undominated {
    /// What is recorded of a release; nothing where there is no record, or none that can be read.
    pub(crate) fn of_release(warehouse: &Path, release: &str) -> Self {
        let path = path(warehouse, release);
        let Ok(text) = std::fs::read(&path) else { return Self::default() };
        let Ok(read) = serde_json::from_slice::<BTreeMap<String, Vec<(String, String, String)>>>(&text)
        else {
            warn!("{} cannot be read; every amount of that release counts as dominated", path.display());
            return Self::default();
        };
        let keys = |own: Vec<(String, String, String)>| -> Keys {
            let keys = own.into_iter();
            keys.filter_map(|(area, breakdown, period)| Some((area, breakdown, period.parse().ok()?)))
                .collect()
        };
        Self(read.into_iter().map(|(measure, own)| (measure, keys(own))).collect())
    }

    /// What is recorded of the release before this one.
    pub(super) fn before(warehouse: &Path, current: Option<&Manifest>) -> Self {
        current.map(|current| Self::of_release(warehouse, &current.release)).unwrap_or_default()
    }

    /// Records it for a release, and drops the records of releases that are none.
    ///
    /// # Errors
    /// What the file system reports.
    pub(super) fn write(&self, warehouse: &Path, release: &str, known: &[String]) -> io::Result<()> {
        let folder = folder(warehouse);
        if folder.is_dir() {
            durable::remove_leftovers(&folder)?;
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?.path();
                let of = entry.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                if !known.contains(&of) {
                    std::fs::remove_file(entry)?;
                }
            }
        }
        if self.0.is_empty() {
            return Ok(());
        }
        let texts = |own: &Keys| -> Vec<(String, String, String)> {
            let keys = own.iter();
            keys.map(|(area, breakdown, period)| (area.clone(), breakdown.clone(), period.to_string()))
                .collect()
        };
        let all: BTreeMap<&str, _> = self.0.iter().map(|(id, own)| (id.as_str(), texts(own))).collect();
        durable::write(&path(warehouse, release), &serde_json::to_vec(&all)?)
    }

    /// Whether anything is recorded of a measure.
    pub(crate) fn has(&self, measure: &str) -> bool {
        self.0.contains_key(measure)
    }

    /// Takes up the figures of a measure.
    pub(super) fn add(&mut self, measure: &str, figures: &[Figure]) {
        let open = figures.iter().filter(|figure| figure.numerator.is_some() && !figure.is_dominated());
        self.0.insert(measure.to_owned(), open.map(key).collect());
    }

    /// Takes up what is recorded of a measure in another release.
    pub(super) fn take(&mut self, measure: &str, other: &mut Self) {
        self.0.extend(other.0.remove_entry(measure));
    }

    /// Marks the figures of a measure that few contributors dominate, or of which it is not known that they do not.
    pub(crate) fn mark(&self, measure: &str, figures: &mut [Figure]) {
        let open = self.0.get(measure);
        for figure in figures.iter_mut().filter(|figure| figure.numerator.is_some()) {
            if open.is_none_or(|open| !open.contains(&key(figure))) {
                figure.basis.get_or_insert_default().dominated = true;
            }
        }
    }
}

fn key(figure: &Figure) -> (String, String, Period) {
    (figure.area.clone(), figure.breakdown.clone(), figure.period)
}

fn folder(warehouse: &Path) -> PathBuf {
    warehouse.join("amounts")
}

fn path(warehouse: &Path, release: &str) -> PathBuf {
    folder(warehouse).join(format!("{release}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_goes_with_its_release() {
        let place = tempfile::tempdir().unwrap();
        let period: Period = "2025/26 Q1".parse().unwrap();
        let mut figures = ["N", "S", "W"].map(|area| Figure::empty(area, "all", period));
        figures[0].numerator = Some(10.0);
        figures[1].numerator = Some(20.0);
        figures[1].basis.get_or_insert_default().dominated = true;
        let mut record = Undominated::default();
        record.add("cost", &figures);
        record.write(place.path(), "one", &[]).unwrap();
        assert_eq!(Undominated::of_release(place.path(), "one"), record);

        figures[1].basis = None;
        record.mark("cost", &mut figures);
        assert_eq!(figures.each_ref().map(Figure::is_dominated), [false, true, false]);
        // Of what is not recorded the worst is taken.
        Undominated::of_release(place.path(), "another").mark("cost", &mut figures);
        assert_eq!(figures.each_ref().map(Figure::is_dominated), [true, true, false]);

        record.write(place.path(), "two", &["one".to_owned()]).unwrap();
        assert!(Undominated::of_release(place.path(), "one").has("cost"));
        record.write(place.path(), "three", &["two".to_owned()]).unwrap();
        assert!(!Undominated::of_release(place.path(), "one").has("cost"));
        std::fs::write(path(place.path(), "two"), "{").unwrap();
        assert!(!Undominated::of_release(place.path(), "two").has("cost"));
    }
}
