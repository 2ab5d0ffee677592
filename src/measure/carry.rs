//! Counts carried over changes of areas: what stands under codes that are no more, for those that came after them.

use std::collections::{BTreeMap, BTreeSet};

use super::Withheld;
use crate::assess::{self, Absence, Carried, Counted, MonthlyCounts, Parts, Told};
use crate::config::settings::{MeasureConfig, MeasureKind};
use crate::geography::Areas;
use crate::period::{Month, Period};

/// Counts for the areas of a measure what its SELECT yields under codes that came before theirs, and drops these codes.
///
/// # Errors
/// The measure is withheld: rows stand under a code after it was split.
pub(super) fn over_changes(
    config: &MeasureConfig,
    areas: &[String],
    known: &Areas,
    monthly: &mut MonthlyCounts,
) -> Result<(), Withheld> {
    if monthly.told.is_some() {
        periods(config, areas, known, monthly)
    } else {
        months(areas, known, monthly)
    }
}

/// Counts what a supplier still sends under a code that is no more for the one area that came after it.
fn rename(known: &Areas, monthly: &mut MonthlyCounts) -> Result<(), Withheld> {
    let mut moved: Vec<(String, String, Month, Counted)> = Vec::new();
    for ((code, breakdown), months) in &mut monthly.counts {
        let ended: Vec<Month> =
            months.keys().copied().filter(|month| known.ended(code, *month).is_some()).collect();
        for month in ended {
            let Some(area) = known.successor(code, month) else {
                let why = known.ended(code, month).unwrap_or_default();
                return Err(Withheld(format!("{code} {month}: {why}")));
            };
            if let Some(counted) = months.remove(&month) {
                moved.push((area.to_owned(), breakdown.clone(), month, counted));
            }
        }
    }
    for (area, breakdown, month, counted) in moved {
        let months = monthly.counts.entry((area, breakdown)).or_default();
        months.entry(month).or_insert_with(|| Counted::new(0.0, None)).add(&counted, 1.0);
    }
    monthly.counts.retain(|_, months| !months.is_empty());
    Ok(())
}

/// Counts what stands under codes that are no more for the areas that came after them, shared out by weights where one was
/// split. A month in which an area has rows of its own is left as it is.
fn months(areas: &[String], known: &Areas, monthly: &mut MonthlyCounts) -> Result<(), Withheld> {
    let Some((first, last)) = monthly.span else { return Ok(()) };
    rename(known, monthly)?;
    for area in areas {
        let old: BTreeSet<&str> = known.predecessors(area).into_iter().collect();
        if old.is_empty() {
            continue;
        }
        let mut own: BTreeSet<Month> = BTreeSet::new();
        for ((code, _), months) in &monthly.counts {
            if code == area {
                own.extend(months.keys());
            }
        }
        let mut added: BTreeMap<(String, Month), Counted> = BTreeMap::new();
        for month in first.through(last).filter(|month| !own.contains(month)) {
            let parts = known.makeup(area, month);
            if parts.iter().all(|part| part.code == *area) {
                continue;
            }
            for part in &parts {
                for ((code, breakdown), months) in &monthly.counts {
                    if let Some(counted) = months.get(&month).filter(|_| *code == part.code) {
                        let sum = added.entry((breakdown.clone(), month));
                        sum.or_insert_with(|| Counted::new(0.0, None)).add(counted, part.weight);
                    }
                }
            }
            let origin = Carried {
                codes: parts.iter().map(|part| part.code.clone()).collect(),
                estimated: parts.iter().any(|part| part.weight < 1.0),
            };
            monthly.carried.entry(area.clone()).or_default().insert(month, origin);
        }
        for ((breakdown, month), counted) in added {
            monthly.counts.entry((area.clone(), breakdown)).or_default().insert(month, counted);
        }
    }
    let listed: BTreeSet<&str> = areas.iter().map(String::as_str).collect();
    monthly.counts.retain(|(code, _), _| listed.contains(code.as_str()));
    let is_part = |area: &str, code: &str, month: Month| {
        known.makeup(area, month).iter().any(|part| part.code == code)
            || (known.ended(code, month).is_some() && known.successor(code, month) == Some(area))
    };
    monthly.not_given = not_given(areas, known, &monthly.not_given, is_part);
    Ok(())
}

/// What suppliers did not give for the codes that make up each area, as not given for the area.
fn not_given<T: Copy + Ord>(
    areas: &[String],
    known: &Areas,
    given: &BTreeMap<(String, String), BTreeMap<T, Absence>>,
    is_part: impl Fn(&str, &str, T) -> bool,
) -> BTreeMap<(String, String), BTreeMap<T, Absence>> {
    let mut carried: BTreeMap<(String, String), BTreeMap<T, Absence>> = BTreeMap::new();
    if given.is_empty() {
        return carried;
    }
    for area in areas {
        let mut codes = known.predecessors(area);
        codes.push(area);
        for ((code, breakdown), times) in given.iter().filter(|((code, _), _)| codes.contains(&code.as_str()))
        {
            for (time, absence) in times.iter().filter(|(time, _)| is_part(area, code, **time)) {
                let own = carried.entry((area.clone(), breakdown.clone())).or_default();
                own.entry(*time).or_insert(*absence);
            }
        }
    }
    carried
}

/// What may make up an area in a period: the row of a code, with the share of it that belongs to the area.
struct Source {
    code: String,
    weight: f64,
    /// It stood, at least in a part of the period, before the area did.
    before: bool,
}

/// The same for a SELECT that yields whole periods.
///
/// A period that lies wholly before a change, and has rows of the area itself, is left as it is. In one that a change lies
/// within, the codes from before tell of the months before it and the area of those after it: both are added up. What does
/// not add up, such as medians, is carried only where one code alone came before; else nobody knows it.
fn periods(
    config: &MeasureConfig,
    areas: &[String],
    known: &Areas,
    monthly: &mut MonthlyCounts,
) -> Result<(), Withheld> {
    let Some((span, told)) = monthly.span.zip(monthly.told.as_mut()) else { return Ok(()) };
    if known.changes().is_empty() {
        return Ok(());
    }
    let renamed = renamed(known, told)?;
    let expected = assess::periods(config, span, &monthly.ends, &[]);
    let breakdowns: BTreeSet<String> = told.parts.keys().map(|(_, breakdown)| breakdown.clone()).collect();
    let mut carried = Told::default();
    for area in areas {
        let mut codes = known.predecessors(area);
        codes.push(area);
        let of_codes = told.parts.iter().filter(|((code, _), _)| codes.contains(&code.as_str()));
        let periods: BTreeSet<Period> =
            of_codes.flat_map(|(_, periods)| periods.keys()).chain(&expected).copied().collect();
        for period in periods {
            let rows = |source: &Source, breakdown: &str| {
                told.parts.get(&(source.code.clone(), breakdown.to_owned()))?.get(&period).copied()
            };
            let has_rows =
                |source: &&Source| breakdowns.iter().any(|breakdown| rows(source, breakdown).is_some());
            let mut sources = sources(area, known, period, &renamed);
            let wholly_before = known.makeup(area, period.last).iter().all(|part| part.code != *area);
            if wholly_before && sources.iter().any(|source| source.code == *area && has_rows(&source)) {
                sources.retain(|source| !source.before);
            }
            let before: Vec<&Source> = sources.iter().filter(|source| source.before).collect();
            let telling: Vec<&Source> = sources.iter().filter(has_rows).collect();
            let telling_before = telling.iter().any(|source| source.before);
            if !before.is_empty() && (wholly_before || telling_before) {
                let origin = Carried {
                    codes: before.iter().map(|source| source.code.clone()).collect(),
                    estimated: before.iter().any(|source| source.weight < 1.0),
                };
                carried.carried.entry(area.clone()).or_default().insert(period, origin);
            }
            let alone = telling.len() == 1 && telling.iter().all(|source| source.weight >= 1.0);
            let known_from_one = alone && (before.len() == 1 || !telling_before);
            if !telling.is_empty() && !is_sum(config.kind) && !known_from_one {
                let codes: Vec<&str> = sources
                    .iter()
                    .filter(|source| source.before || telling.iter().any(|one| one.code == source.code))
                    .map(|source| source.code.as_str())
                    .collect();
                let why = format!(
                    "{} cannot be made of what is known of {}, which made up the area",
                    config.kind.a(),
                    codes.join(", ")
                );
                carried.untold.entry(area.clone()).or_default().insert(period, why);
                continue;
            }
            for breakdown in &breakdowns {
                let found: Vec<(Parts, f64)> = telling
                    .iter()
                    .filter_map(|source| Some((rows(source, breakdown)?, source.weight)))
                    .collect();
                let sum = match found.as_slice() {
                    [] => continue,
                    [(parts, weight)] if *weight >= 1.0 => *parts,
                    several => {
                        let mut sum = Parts::default();
                        for (parts, weight) in several {
                            sum.add(parts, *weight);
                        }
                        sum
                    }
                };
                let own = carried.parts.entry((area.clone(), breakdown.clone())).or_default();
                own.insert(period, sum);
            }
        }
        for breakdown in &breakdowns {
            // That a breakdown occurs is known, whether or not any figure of it is.
            carried.parts.entry((area.clone(), breakdown.clone())).or_default();
        }
    }
    let is_part = |area: &str, code: &str, period: Period| {
        sources(area, known, period, &renamed).iter().any(|source| source.code == code)
    };
    carried.not_given = not_given(areas, known, &told.not_given, is_part);
    *told = carried;
    Ok(())
}

/// Whether figures of this kind are made of sums, so that those of two areas are made by adding up.
fn is_sum(kind: MeasureKind) -> bool {
    !matches!(kind, MeasureKind::Median | MeasureKind::Score | MeasureKind::Survey)
}

/// Codes under which a supplier still sends rows of periods in which they were no more, with the area that they belong to.
fn renamed(known: &Areas, told: &Told) -> Result<BTreeMap<(String, Period), String>, Withheld> {
    let mut renamed = BTreeMap::new();
    for ((code, _), periods) in &told.parts {
        for period in periods.keys() {
            let Some(why) = known.ended(code, period.first) else { continue };
            let Some(area) = known.successor(code, period.first) else {
                return Err(Withheld(format!("{code} {period}: {why}")));
            };
            renamed.insert((code.clone(), *period), area.to_owned());
        }
    }
    Ok(renamed)
}

/// The codes whose rows of a period belong to an area, in order.
fn sources(
    area: &str,
    known: &Areas,
    period: Period,
    renamed: &BTreeMap<(String, Period), String>,
) -> Vec<Source> {
    let mut weights: BTreeMap<String, f64> = BTreeMap::new();
    for month in period.months() {
        for part in known.makeup(area, month) {
            let weight = weights.entry(part.code).or_default();
            *weight = weight.max(part.weight);
        }
    }
    let mut sources: Vec<Source> =
        weights.into_iter().map(|(code, weight)| Source { before: code != area, code, weight }).collect();
    let own = || Source { code: area.to_owned(), weight: 1.0, before: false };
    if sources.iter().all(|source| source.before) {
        sources.push(own());
    }
    let sent_late = renamed.iter().filter(|((_, of), to)| *of == period && *to == area);
    for ((code, _), _) in sent_late.filter(|((code, _), _)| code != area) {
        if sources.iter().all(|source| source.code != *code) {
            sources.push(Source { code: code.clone(), weight: 1.0, before: false });
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geography::Change;

    /// A and B became C in June 2025, D was split into E and F in April 2024, G became H in June 2025.
    fn areas() -> Areas {
        let change = |old: &str, new: &str, from: &str, weight| Change {
            old: old.to_owned(),
            new: new.to_owned(),
            from: from.parse().unwrap(),
            weight,
        };
        let changes = vec![
            change("A", "C", "2025-06", 1.0),
            change("B", "C", "2025-06", 1.0),
            change("D", "E", "2024-04", 0.25),
            change("D", "F", "2024-04", 0.75),
            change("G", "H", "2025-06", 1.0),
        ];
        Areas::default().with_changes(changes).unwrap()
    }

    /// What is made of rows of area, period and number, for these areas.
    fn carried(kind: MeasureKind, rows: &[(&str, &str, f64)], of: &[&str]) -> Result<Told, Withheld> {
        let mut told = Told::default();
        for (code, period, number) in rows {
            let parts = match kind {
                MeasureKind::Median => {
                    Parts { value: Some(*number), denominator: Some(9.0), ..Parts::default() }
                }
                _ => Parts { numerator: Some(*number), denominator: Some(10.0 * number), ..Parts::default() },
            };
            let key = ((*code).to_owned(), "all".to_owned());
            told.parts.entry(key).or_default().insert(period.parse().unwrap(), parts);
        }
        let span = Some(("2023-04".parse().unwrap(), "2026-03".parse().unwrap()));
        let mut monthly = MonthlyCounts { span, told: Some(told), ..MonthlyCounts::default() };
        let of: Vec<String> = of.iter().map(|code| (*code).to_owned()).collect();
        over_changes(&crate::assess::tests::config(kind), &of, &areas(), &mut monthly)?;
        Ok(monthly.told.unwrap())
    }

    /// Numerator and denominator, or value, of an area and period.
    fn of(told: &Told, area: &str, period: &str) -> Option<[f64; 2]> {
        let parts = told.parts.get(&(area.to_owned(), "all".to_owned()))?.get(&period.parse().unwrap())?;
        Some([parts.numerator.or(parts.value)?, parts.denominator?])
    }

    fn number(told: &Told, area: &str, period: &str) -> Option<f64> {
        of(told, area, period).map(|[numerator, _]| numerator)
    }

    fn codes(told: &Told, area: &str, period: &str) -> (Vec<String>, bool) {
        let origin = told.carried.get(area).and_then(|own| own.get(&period.parse().unwrap()));
        origin.map(|origin| (origin.codes.clone(), origin.estimated)).unwrap_or_default()
    }

    #[test]
    fn periods_before_a_merger_are_those_of_its_parts_added_up() {
        let rows = [("A", "2024/25 Q1", 3.0), ("B", "2024/25 Q1", 4.0), ("A", "2024/25 Q2", 5.0)];
        let told = carried(MeasureKind::Percentage, &rows, &["C"]).unwrap();
        assert_eq!(of(&told, "C", "2024/25 Q1"), Some([7.0, 70.0]));
        assert_eq!(of(&told, "C", "2024/25 Q2"), Some([5.0, 50.0]));
        assert_eq!(codes(&told, "C", "2024/25 Q2"), (vec!["A".to_owned(), "B".to_owned()], false));
        assert!(told.parts.keys().all(|(code, _)| code == "C"), "old codes are not published");
    }

    #[test]
    fn a_period_that_a_change_lies_within_is_the_old_and_the_new_together() {
        // April and May of the old ones, June of the new one.
        let rows = [("A", "2025/26 Q1", 3.0), ("B", "2025/26 Q1", 4.0), ("C", "2025/26 Q1", 2.0)];
        assert_eq!(
            number(&carried(MeasureKind::Count, &rows, &["C"]).unwrap(), "C", "2025/26 Q1"),
            Some(9.0)
        );
        // The supplier counted the whole quarter for the new one.
        let told = carried(MeasureKind::Count, &rows[2..], &["C"]).unwrap();
        assert_eq!(number(&told, "C", "2025/26 Q1"), Some(2.0));
        assert_eq!(codes(&told, "C", "2025/26 Q1"), (Vec::new(), false));
    }

    #[test]
    fn rows_of_the_area_itself_stand_and_late_codes_count_for_what_came_after_them() {
        let rows = [("A", "2024/25 Q1", 3.0), ("C", "2024/25 Q1", 8.0), ("A", "2025/26 Q2", 1.0)];
        let told = carried(MeasureKind::Count, &rows, &["C"]).unwrap();
        assert_eq!(number(&told, "C", "2024/25 Q1"), Some(8.0));
        assert_eq!(codes(&told, "C", "2024/25 Q1"), (Vec::new(), false));
        assert_eq!(number(&told, "C", "2025/26 Q2"), Some(1.0));
        // Nobody knows where what is sent under a code that was split belongs.
        let late = carried(MeasureKind::Count, &[("D", "2024/25 Q1", 1.0)], &["E", "F"]);
        assert!(late.unwrap_err().to_string().contains("the code ended with 2024-03; see E, F"));
    }

    #[test]
    fn an_area_that_was_split_is_shared_out_by_weights() {
        let told = carried(MeasureKind::Count, &[("D", "2023/24 Q1", 8.0)], &["E", "F"]).unwrap();
        assert_eq!(number(&told, "E", "2023/24 Q1"), Some(2.0));
        assert_eq!(number(&told, "F", "2023/24 Q1"), Some(6.0));
        assert_eq!(codes(&told, "E", "2023/24 Q1"), (vec!["D".to_owned()], true));
    }

    #[test]
    fn a_median_is_carried_from_one_code_alone_and_else_not_told() {
        let told = carried(MeasureKind::Median, &[("G", "2024/25 Q1", 31.0)], &["H"]).unwrap();
        assert_eq!(of(&told, "H", "2024/25 Q1"), Some([31.0, 9.0]));
        assert_eq!(codes(&told, "H", "2024/25 Q1").0, ["G"]);
        for (rows, area, period, parts) in [
            (&[("A", "2024/25 Q1", 3.0), ("B", "2024/25 Q1", 4.0)][..], "C", "2024/25 Q1", "A, B"),
            // B may have had cases that nobody sent.
            (&[("A", "2024/25 Q1", 3.0)][..], "C", "2024/25 Q1", "A, B"),
            (&[("D", "2023/24 Q1", 3.0)][..], "E", "2023/24 Q1", "D"),
            (&[("G", "2025/26 Q1", 3.0), ("H", "2025/26 Q1", 4.0)][..], "H", "2025/26 Q1", "G, H"),
        ] {
            let told = carried(MeasureKind::Median, rows, &[area]).unwrap();
            assert_eq!(of(&told, area, period), None, "{rows:?}");
            assert_eq!(
                told.untold[area][&period.parse().unwrap()],
                format!("a median cannot be made of what is known of {parts}, which made up the area")
            );
        }
        let own = carried(MeasureKind::Median, &[("C", "2025/26 Q1", 4.0)], &["C"]).unwrap();
        assert_eq!(of(&own, "C", "2025/26 Q1"), Some([4.0, 9.0]));
    }
}
