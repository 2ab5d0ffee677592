//! Areas and residents: which area lies in which, and how many people lived there in a year.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, AsArray, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};

use crate::lookup::Lookup;

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
        Ok(Self { areas })
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
        Self { areas: areas.into_iter().map(|area| (area.code.clone(), area)).collect() }
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
        let persons: Vec<Option<f64>> = match persons.as_primitive_opt::<Int64Type>() {
            Some(whole) => whole.iter().map(|n| n.map(|n| n as f64)).collect(),
            None => persons.as_primitive_opt::<Float64Type>().ok_or("persons")?.iter().collect(),
        };
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

    /// Residents in a year: the estimate of that year, else of the latest earlier one, else of the earliest there is.
    #[must_use]
    pub fn of(&self, area: &str, year: i32) -> Option<f64> {
        let years = self.by_area.get(area)?;
        years.range(..=year).next_back().or_else(|| years.iter().next()).map(|(_, persons)| *persons)
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
        }
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
