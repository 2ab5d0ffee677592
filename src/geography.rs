//! Areas and residents: which area lies in which, and how many people lived there in a year.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};

use crate::lookup::Lookup;
use crate::period::Month;

/// One area of the look-up `area`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Its code.
    pub code: String,
    /// `ward`, `csp`, `force` and so on.
    pub level: String,
    /// Its name.
    pub title: String,
    /// Code of the area that it lies in; empty at the top.
    pub parent: String,
}

/// The areas of a project, by code.
#[derive(Debug, Clone, Default)]
pub struct Areas {
    areas: BTreeMap<String, Area>,
    changes: Vec<Change>,
}

/// A code that is no more, and what came after it: one row of the look-up `area_change`.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The code that ended.
    pub old: String,
    /// The code that came after it; one of several where the area was split.
    pub new: String,
    /// First month of the new code.
    pub from: Month,
    /// Share of the old area that went to the new one: 1 for mergers and new codes.
    pub weight: f64,
}

/// A part of what an area was in a month.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The code that stood then.
    pub code: String,
    /// How much of it belongs to the area, above 0 and up to 1.
    pub weight: f64,
}

impl Areas {
    /// Out of the look-up `area` with columns `area`, `level`, `title`, `parent`.
    ///
    /// # Errors
    /// The name of a column that is missing.
    pub fn from_lookup(lookup: &Lookup) -> Result<Self, &'static str> {
        let text = |name: &'static str| lookup.text(name).ok_or(name);
        let (codes, levels, titles, parents) =
            (text("area")?, text("level")?, text("title")?, text("parent")?);
        let value = |column: &StringArray, row: usize| {
            if column.is_null(row) { String::new() } else { column.value(row).to_owned() }
        };
        let areas = (0..codes.len())
            .map(|row| {
                let code = value(&codes, row);
                let area = Area {
                    code: code.clone(),
                    level: value(&levels, row),
                    title: value(&titles, row),
                    parent: value(&parents, row),
                };
                (code, area)
            })
            .collect();
        Ok(Self { areas, changes: Vec::new() })
    }

    /// The same areas with their changes.
    ///
    /// # Errors
    /// What is wrong with the changes: a code that is succeeded by itself, a weight that is no share, or a split whose
    /// weights do not come to 1.
    pub fn with_changes(mut self, mut changes: Vec<Change>) -> Result<Self, String> {
        changes.sort_by(|a, b| (&a.old, a.from, &a.new).cmp(&(&b.old, b.from, &b.new)));
        for change in &changes {
            if !(change.weight > 0.0 && change.weight <= 1.0) {
                return Err(format!(
                    "{} to {}: {} is no share from 0 to 1",
                    change.old, change.new, change.weight
                ));
            }
            if change.old == change.new {
                return Err(format!("{} cannot come after itself", change.old));
            }
        }
        for split in changes.chunk_by(|a, b| a.old == b.old) {
            let Some(first) = split.first() else { continue };
            if split.iter().any(|change| change.from != first.from) {
                return Err(format!("{} ends more than once", first.old));
            }
            let all: f64 = split.iter().map(|change| change.weight).sum();
            if (all - 1.0).abs() > 1e-6 {
                return Err(format!("the weights of what came after {} come to {all}, not to 1", first.old));
            }
        }
        self.changes = changes;
        Ok(self)
    }

    /// The changes, in order of the old codes.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What made up an area in a month: itself, or the codes that stood before it did, each with the share of it that went to
    /// the area.
    #[must_use]
    pub fn makeup(&self, code: &str, month: Month) -> Vec<Part> {
        let mut found = Vec::new();
        self.add_makeup(code, month, 1.0, 0, &mut found);
        found
    }

    fn add_makeup(&self, code: &str, month: Month, weight: f64, depth: usize, found: &mut Vec<Part>) {
        // Changes that lead in a circle would never end.
        let before = || self.changes.iter().filter(|change| change.new == code && month < change.from);
        if depth > 16 || before().next().is_none() {
            match found.iter_mut().find(|part| part.code == code) {
                Some(part) => part.weight += weight,
                None => found.push(Part { code: code.to_owned(), weight }),
            }
            return;
        }
        for change in before() {
            self.add_makeup(&change.old, month, weight * change.weight, depth + 1, found);
        }
    }

    /// Every code that came before an area, however long ago.
    #[must_use]
    pub fn predecessors(&self, code: &str) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        let mut waiting = vec![code];
        while let Some(code) = waiting.pop() {
            for change in self.changes.iter().filter(|change| change.new == code) {
                if !found.contains(&change.old.as_str()) {
                    found.push(&change.old);
                    waiting.push(&change.old);
                }
            }
        }
        found
    }

    /// The area that alone came after a code by a month, itself where it stands; `None` where one on the way was split.
    #[must_use]
    pub fn successor<'a>(&'a self, code: &'a str, month: Month) -> Option<&'a str> {
        let mut at = code;
        for _ in 0..16 {
            let mut after = self.changes.iter().filter(|change| change.old == at && month >= change.from);
            match (after.next(), after.next()) {
                (None, _) => return Some(at),
                (Some(only), None) => at = &only.new,
                (Some(_), Some(_)) => return None,
            }
        }
        None
    }

    /// Why an area has no figures in a month, where its code is no more.
    #[must_use]
    pub fn ended(&self, code: &str, month: Month) -> Option<String> {
        let after = || self.changes.iter().filter(|change| change.old == code && month >= change.from);
        let from = after().next()?.from;
        let codes: Vec<&str> = after().map(|change| change.new.as_str()).collect();
        Some(format!("the code ended with {}; see {}", from.plus(-1), codes.join(", ")))
    }

    /// An area by its code.
    #[must_use]
    pub fn get(&self, code: &str) -> Option<&Area> {
        self.areas.get(code)
    }

    /// All areas, in order of their codes.
    pub fn iter(&self) -> impl Iterator<Item = &Area> {
        self.areas.values()
    }

    /// Whether `code` is `whole` or lies in it.
    #[must_use]
    pub fn lies_in(&self, code: &str, whole: &str) -> bool {
        let mut at = code;
        // A look-up that says that an area lies in itself would never end.
        for _ in 0..16 {
            if at == whole {
                return true;
            }
            match self.areas.get(at) {
                Some(area) if !area.parent.is_empty() => at = &area.parent,
                _ => return false,
            }
        }
        false
    }

    /// The areas that a measure's setting names: a code, or `E22000030/ward` for every ward within.
    ///
    /// # Errors
    /// What is wrong with the setting.
    pub fn select(&self, setting: &str) -> Result<Vec<&Area>, String> {
        let Some((whole, level)) = setting.split_once('/') else {
            return self
                .get(setting)
                .map(|area| vec![area])
                .ok_or_else(|| format!("area `{setting}` is not known"));
        };
        if self.get(whole).is_none() {
            return Err(format!("area `{whole}` is not known"));
        }
        let found: Vec<&Area> = self
            .areas
            .values()
            .filter(|area| area.level == level && self.lies_in(&area.code, whole))
            .collect();
        if found.is_empty() {
            Err(format!("no area of level `{level}` lies in `{whole}`"))
        } else {
            Ok(found)
        }
    }

    /// Codes of all areas, for suggestions.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.areas.keys().map(String::as_str)
    }
}

impl FromIterator<Area> for Areas {
    fn from_iter<I: IntoIterator<Item = Area>>(areas: I) -> Self {
        let areas = areas.into_iter().map(|area| (area.code.clone(), area)).collect();
        Self { areas, changes: Vec::new() }
    }
}

/// Residents by area and mid-year.
#[derive(Debug, Clone, Default)]
pub struct Residents {
    by_area: HashMap<String, BTreeMap<i32, f64>>,
}

impl Residents {
    /// Out of the look-up `population` with columns `area`, `mid_year`, `persons` (both numbers).
    ///
    /// # Errors
    /// The name of a column that is missing or not of numbers.
    pub fn from_lookup(lookup: &Lookup) -> Result<Self, &'static str> {
        let areas = lookup.text("area").ok_or("area")?;
        let years = lookup.batch.column_by_name("mid_year").ok_or("mid_year")?;
        let years = years.as_primitive_opt::<Int64Type>().ok_or("mid_year")?;
        let persons = lookup.batch.column_by_name("persons").ok_or("persons")?;
        let persons = numbers(persons).ok_or("persons")?;
        let mut by_area: HashMap<String, BTreeMap<i32, f64>> = HashMap::new();
        for (row, persons) in persons.into_iter().enumerate() {
            if let (false, false, Some(persons)) = (areas.is_null(row), years.is_null(row), persons)
                && let Ok(year) = i32::try_from(years.value(row))
            {
                by_area.entry(areas.value(row).to_owned()).or_default().insert(year, persons);
            }
        }
        Ok(Self { by_area })
    }

    /// Adds, for areas that came after others, the residents of years before: those of their parts, each year that all parts
    /// have. An estimate of the area's own stands.
    #[must_use]
    pub fn carried(mut self, areas: &Areas) -> Self {
        let new: BTreeSet<&str> = areas.changes.iter().map(|change| change.new.as_str()).collect();
        for code in new {
            let years: BTreeSet<i32> = areas
                .predecessors(code)
                .iter()
                .filter_map(|old| self.by_area.get(*old))
                .flat_map(BTreeMap::keys)
                .copied()
                .collect();
            for year in years {
                // Estimates are for the middle of the year.
                let Some(middle) = Month::new(year, 6) else { continue };
                let parts = areas.makeup(code, middle);
                let known = |part: &Part| Some(self.by_area.get(&part.code)?.get(&year)? * part.weight);
                let all: Option<f64> = parts.iter().map(known).sum();
                let own = self.by_area.get(code).and_then(|years| years.get(&year));
                if let (Some(all), None) = (all, own) {
                    self.by_area.entry(code.to_owned()).or_default().insert(year, all);
                }
            }
        }
        self
    }

    /// Residents in a year: the estimate of that year, else of the latest earlier one, else of the earliest there is.
    #[must_use]
    pub fn of(&self, area: &str, year: i32) -> Option<f64> {
        let years = self.by_area.get(area)?;
        years.range(..=year).next_back().or_else(|| years.iter().next()).map(|(_, persons)| *persons)
    }
}

impl Change {
    /// Out of the look-up `area_change` with columns `old`, `new`, `from` (a month) and, where areas were split, `weight` (a
    /// number, 1 where it is empty).
    ///
    /// # Errors
    /// The name of a column that is missing or is not what it should be.
    pub fn from_lookup(lookup: &Lookup) -> Result<Vec<Self>, &'static str> {
        let text = |name: &'static str| lookup.text(name).ok_or(name);
        let (old, new, from) = (text("old")?, text("new")?, text("from")?);
        let weights = match lookup.batch.column_by_name("weight") {
            None => None,
            Some(column) => Some(numbers(column).ok_or("weight")?),
        };
        let mut changes = Vec::new();
        for row in 0..old.len() {
            if old.is_null(row) || new.is_null(row) || from.is_null(row) {
                return Err("from");
            }
            changes.push(Self {
                old: old.value(row).to_owned(),
                new: new.value(row).to_owned(),
                from: from.value(row).parse().map_err(|_| "from")?,
                weight: weights
                    .as_ref()
                    .and_then(|weights| weights.get(row).copied().flatten())
                    .unwrap_or(1.0),
            });
        }
        Ok(changes)
    }
}

/// A column of numbers, whole or not.
fn numbers(column: &ArrayRef) -> Option<Vec<Option<f64>>> {
    match column.as_primitive_opt::<Int64Type>() {
        Some(whole) => Some(whole.iter().map(|n| n.map(|n| n as f64)).collect()),
        None => Some(column.as_primitive_opt::<Float64Type>()?.iter().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn areas() -> Areas {
        let area = |code: &str, level: &str, parent: &str| {
            let area =
                Area { code: code.into(), level: level.into(), title: code.into(), parent: parent.into() };
            (code.to_owned(), area)
        };
        Areas {
            areas: [
                area("K04000001", "country", ""),
                area("E23000013", "force", "K04000001"),
                area("E22000030", "csp", "E23000013"),
                area("E05000001", "ward", "E22000030"),
                area("E05000002", "ward", "E22000030"),
                area("X", "loop", "X"),
            ]
            .into(),
            changes: Vec::new(),
        }
    }

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    fn change(old: &str, new: &str, from: &str, weight: f64) -> Change {
        Change { old: old.into(), new: new.into(), from: month(from), weight }
    }

    /// A and B became C in April 2019, C became D in April 2023; S was split between D and E in the same month.
    fn changed() -> Areas {
        let changes = vec![
            change("A", "C", "2019-04", 1.0),
            change("B", "C", "2019-04", 1.0),
            change("C", "D", "2023-04", 1.0),
            change("S", "D", "2023-04", 0.25),
            change("S", "E", "2023-04", 0.75),
        ];
        Areas::default().with_changes(changes).unwrap()
    }

    #[test]
    fn an_area_is_made_of_what_stood_before_it() {
        let areas = changed();
        let of = |code: &str, at: &str| {
            let parts = areas.makeup(code, month(at));
            parts.iter().map(|part| format!("{} {}", part.code, part.weight)).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(of("D", "2023-04"), "D 1");
        assert_eq!(of("D", "2023-03"), "C 1, S 0.25");
        assert_eq!(of("D", "2019-03"), "A 1, B 1, S 0.25");
        assert_eq!(of("E", "2022-01"), "S 0.75");
        assert_eq!(of("A", "2025-01"), "A 1");
        assert_eq!(areas.ended("C", month("2023-03")), None);
        assert_eq!(areas.ended("C", month("2023-04")).unwrap(), "the code ended with 2023-03; see D");
        assert_eq!(areas.ended("S", month("2024-04")).unwrap(), "the code ended with 2023-03; see D, E");
        let after = |code: &str, at: &str| areas.successor(code, month(at)).map(str::to_owned);
        assert_eq!(after("A", "2019-03").as_deref(), Some("A"));
        assert_eq!(after("A", "2020-01").as_deref(), Some("C"));
        assert_eq!(after("A", "2024-01").as_deref(), Some("D"));
        assert_eq!(after("S", "2024-01"), None);
        let mut before = areas.predecessors("D");
        before.sort_unstable();
        assert_eq!(before, ["A", "B", "C", "S"]);
    }

    #[test]
    fn changes_that_lose_or_double_an_area_are_refused() {
        let refused = |changes: Vec<Change>| Areas::default().with_changes(changes).unwrap_err();
        assert_eq!(
            refused(vec![change("S", "D", "2023-04", 0.25), change("S", "E", "2023-04", 0.5)]),
            "the weights of what came after S come to 0.75, not to 1"
        );
        assert_eq!(refused(vec![change("S", "D", "2023-04", 1.5)]), "S to D: 1.5 is no share from 0 to 1");
        assert_eq!(refused(vec![change("S", "S", "2023-04", 1.0)]), "S cannot come after itself");
        let twice = vec![change("S", "D", "2023-04", 0.5), change("S", "E", "2024-04", 0.5)];
        assert_eq!(refused(twice), "S ends more than once");
        // A circle ends too.
        let circle = vec![change("P", "Q", "2023-04", 1.0), change("Q", "P", "2023-04", 1.0)];
        assert_eq!(Areas::default().with_changes(circle).unwrap().makeup("P", month("2020-01")).len(), 1);
    }

    #[test]
    fn residents_of_years_before_are_those_of_the_parts() {
        let years = |of: &[(i32, f64)]| of.iter().copied().collect::<BTreeMap<i32, f64>>();
        let residents = Residents {
            by_area: HashMap::from([
                ("C".to_owned(), years(&[(2021, 100.0), (2022, 110.0)])),
                ("S".to_owned(), years(&[(2021, 40.0)])),
                ("D".to_owned(), years(&[(2023, 130.0)])),
            ]),
        }
        .carried(&changed());
        // A quarter of S's 40 went to D; in 2022 S has no estimate, so that 2021 stands.
        let of = [2021, 2022, 2023].map(|year| residents.of("D", year));
        assert_eq!(of, [Some(110.0), Some(110.0), Some(130.0)]);
        assert_eq!(residents.of("E", 2021), Some(30.0));
    }

    #[test]
    fn a_ward_lies_in_its_partnership_and_in_its_force_but_not_the_other_way_round() {
        let areas = areas();
        assert!(areas.lies_in("E05000001", "E22000030"));
        assert!(areas.lies_in("E05000001", "E23000013"));
        assert!(!areas.lies_in("E23000013", "E22000030"));
        assert!(!areas.lies_in("X", "E22000030"));
    }

    #[test]
    fn every_ward_within_a_partnership_is_selected() {
        let areas = areas();
        let codes = |setting: &str| {
            areas.select(setting).map(|found| found.iter().map(|a| a.code.clone()).collect::<Vec<_>>())
        };
        assert_eq!(codes("E22000030/ward").unwrap(), ["E05000001", "E05000002"]);
        assert_eq!(codes("E22000030").unwrap(), ["E22000030"]);
        assert_eq!(codes("E22000031").unwrap_err(), "area `E22000031` is not known");
        assert_eq!(codes("E22000030/village").unwrap_err(), "no area of level `village` lies in `E22000030`");
    }

    #[test]
    fn residents_are_those_of_the_year_else_of_the_latest_earlier_else_of_the_earliest() {
        let residents = Residents {
            by_area: HashMap::from([("A".to_owned(), BTreeMap::from([(2020, 10.0), (2022, 12.0)]))]),
        };
        let years = [2019, 2020, 2021, 2022, 2025].map(|year| residents.of("A", year));
        assert_eq!(years, [Some(10.0), Some(10.0), Some(10.0), Some(12.0), Some(12.0)]);
        assert_eq!(residents.of("B", 2020), None);
    }
}
