//! From the figures of a release to cells and sums, and back: which figures are withheld.
//!
//! Only what is published together constrains: a sum counts when its total and all its parts are figures of the release,
//! or when the rest that its published parts leave is a count of its own, which nobody publishes and which is protected
//! like any other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::net::index;
use super::rules::Threshold;
use super::{
    Audit, Axis, Cell, Counts, DisclosureError, Effort, LARGEST, Lattice, NOWHERE, Need, Problem, Protection,
    Relation, Standing, Status, protect_all,
};
use crate::assess::{self, Figure};
use crate::geography::Area;
use crate::period::Period;

/// What protects the figures of a measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Which counts are withheld; `None` where the measure is published whatever its size, for a recorded reason.
    pub threshold: Option<Threshold>,
    /// The numerator is part of the denominator, and both are counts of the same people: a percentage.
    pub part_of_denominator: bool,
    /// Withhold what is not in the numerator as well when it is small: 97 of 100 tells of 3.
    pub complements: bool,
    /// Denominators below this are withheld with their figure; 0 for none.
    pub least_denominator: i64,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            threshold: Some(Threshold::default()),
            part_of_denominator: false,
            complements: false,
            least_denominator: 0,
        }
    }
}

/// The figures of one measure in this release.
#[derive(Debug, Clone, Copy)]
pub struct Measure<'a> {
    /// Its name.
    pub id: &'a str,
    /// Its figures; no two of one area, breakdown and period.
    pub figures: &'a [Figure],
    /// What protects them.
    pub rule: &'a Rule,
    /// What each earlier release showed of the measure, with `None` for a numerator that it withheld.
    pub earlier: &'a [&'a [Figure]],
}

/// A sum over measures: in every area, breakdown and period the parts make up the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasureSum {
    /// The whole.
    pub whole: String,
    /// Its parts.
    pub parts: Vec<String>,
}

/// What became of the figures of a measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Protected {
    /// The figures, in their order, with what is withheld taken out of them.
    pub figures: Vec<Figure>,
    /// How many numerators were shown and withheld.
    pub counts: Counts,
    /// Figures, by place, that are withheld now although an earlier release showed their small count.
    pub known_from_earlier: Vec<usize>,
}

/// What became of all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// By measure, in their order.
    pub measures: Vec<Protected>,
    /// The proofs, one for each set of measures that sums tie together.
    pub audits: Vec<Audit>,
}

/// The note of a figure that is withheld, the same for its own sake and for others'.
pub const NOTE: &str = "withheld so that nobody can be identified";

/// Why figures could not be protected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FiguresError {
    /// A sum names a measure that is not there.
    #[error("a sum over measures names `{measure}`, which this release does not publish")]
    NoMeasure {
        /// Its name.
        measure: String,
    },
    /// A count is negative, not a number, or too large.
    #[error("measure `{measure}`, area {area}, {period}: expected a count from 0")]
    BadCount {
        /// The measure.
        measure: String,
        /// The area.
        area: String,
        /// The period.
        period: String,
    },
    /// The figures of these measures cannot be protected.
    #[error("measures {}: {source}", measures.join(", "))]
    Measures {
        /// Their names.
        measures: Vec<String>,
        /// Why.
        source: DisclosureError,
    },
}

/// Withholds what must be withheld among the figures of a release, and proves it.
///
/// `areas` tells which area lies in which; an area is held to be part of the nearest published area around it, together
/// with the others of its level. Figures of breakdown `all` are the wholes of the other breakdowns.
///
/// # Errors
/// A sum over unknown measures, a count that is none, or figures that cannot be protected.
pub fn protect_figures(
    measures: &[Measure<'_>],
    sums: &[MeasureSum],
    areas: &[Area],
    effort: &Effort,
) -> Result<Outcome, FiguresError> {
    let families = families(measures, sums)?;
    let mut laid_out = Vec::new();
    for family in &families {
        laid_out.push(Layout::new(measures, family, sums, areas)?);
    }
    let problems: Vec<Problem> =
        laid_out.iter_mut().map(|layout| std::mem::take(&mut layout.problem)).collect();
    let results = protect_all(problems.into_iter(), effort);
    let mut protected: Vec<Option<Protected>> = vec![None; measures.len()];
    let mut audits = Vec::new();
    for ((family, layout), result) in families.iter().zip(&laid_out).zip(results) {
        let found = result.map_err(|source| FiguresError::Measures {
            measures: family.iter().map(|at| measures[*at].id.to_owned()).collect(),
            source,
        })?;
        for (own, at) in layout.measures.iter().zip(family) {
            protected[*at] = Some(own.read(&measures[*at], &found));
        }
        audits.push(found.audit);
    }
    Ok(Outcome { measures: protected.into_iter().flatten().collect(), audits })
}

/// Measures that sums tie together, by place, each family in order.
fn families(measures: &[Measure<'_>], sums: &[MeasureSum]) -> Result<Vec<Vec<usize>>, FiguresError> {
    let place = |id: &String| {
        measures
            .iter()
            .position(|measure| measure.id == id)
            .ok_or_else(|| FiguresError::NoMeasure { measure: id.clone() })
    };
    let mut family: Vec<usize> = (0..measures.len()).collect();
    for sum in sums {
        let whole = place(&sum.whole)?;
        for part in &sum.parts {
            let (from, to) = (family[place(part)?], family[whole]);
            for of in &mut family {
                if *of == from {
                    *of = to;
                }
            }
        }
    }
    let mut found: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, of) in family.into_iter().enumerate() {
        found.entry(of).or_default().push(at);
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort();
    Ok(found)
}

/// Where a figure stands: area, breakdown, period.
type Key<'a> = (&'a str, &'a str, Period);

/// The cells of one measure in the problem of its family.
struct Laid {
    /// By figure, the cell of its numerator and of its denominator.
    cells: Vec<(Option<u32>, Option<u32>)>,
    known_from_earlier: Vec<usize>,
}

struct Layout {
    problem: Problem,
    measures: Vec<Laid>,
}

/// One of the two counts of the figures.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Numerator,
    Denominator,
}

impl Side {
    fn of(self, figure: &Figure) -> Option<f64> {
        match self {
            Self::Numerator => figure.numerator,
            Self::Denominator => figure.denominator,
        }
    }
}

/// What the totals of an axis cost beside a part.
const WHOLE: u32 = 4;

impl Layout {
    fn new(
        measures: &[Measure<'_>],
        family: &[usize],
        sums: &[MeasureSum],
        areas: &[Area],
    ) -> Result<Self, FiguresError> {
        let mut layout = Self { problem: Problem::default(), measures: Vec::new() };
        let mut numerators: BTreeMap<&str, BTreeMap<Key<'_>, u32>> = BTreeMap::new();
        for at in family {
            let Some(measure) = measures.get(*at) else { continue };
            let mut laid =
                Laid { cells: vec![(None, None); measure.figures.len()], known_from_earlier: Vec::new() };
            let cells = layout.side(measure, Side::Numerator, &mut laid, areas)?;
            if measure.rule.part_of_denominator {
                let below = layout.side(measure, Side::Denominator, &mut laid, areas)?;
                for (key, numerator) in &cells {
                    if let Some(denominator) = below.get(key) {
                        layout.sum(*denominator, &[*numerator], measure.rule, measure.rule.complements);
                    }
                }
            }
            numerators.insert(measure.id, cells);
            layout.measures.push(laid);
        }
        for sum in sums {
            let Some(whole) = numerators.get(sum.whole.as_str()) else { continue };
            let Some(rule) = measures.iter().find(|measure| measure.id == sum.whole).map(|found| found.rule)
            else {
                continue;
            };
            for (key, total) in whole {
                let parts: Vec<u32> = sum
                    .parts
                    .iter()
                    .filter_map(|part| numerators.get(part.as_str())?.get(key).copied())
                    .collect();
                layout.sum(*total, &parts, rule, true);
            }
        }
        Ok(layout)
    }

    /// Cells and sums of one side of a measure's figures.
    fn side<'a>(
        &mut self,
        measure: &Measure<'a>,
        side: Side,
        laid: &mut Laid,
        areas: &[Area],
    ) -> Result<BTreeMap<Key<'a>, u32>, FiguresError> {
        let mut keys: Vec<(Key<'a>, usize)> =
            measure.figures.iter().enumerate().map(|(at, figure)| (key(figure), at)).collect();
        keys.sort();
        // What was shown before and is the same now is known.
        let mut shown_before: BTreeSet<Key<'a>> = BTreeSet::new();
        let current: BTreeMap<Key<'a>, i64> = keys
            .iter()
            .filter_map(|(key, at)| Some((*key, side.of(measure.figures.get(*at)?).and_then(whole)?)))
            .collect();
        for figure in measure.earlier.iter().copied().flatten() {
            if let Some(count) = side.of(figure).and_then(whole)
                && current.get(&key(figure)) == Some(&count)
            {
                shown_before.insert(key(figure));
            }
        }
        let mut cells = BTreeMap::new();
        let shape = Shape::new(measure.figures, areas);
        for (key, at) in keys {
            let Some(figure) = measure.figures.get(at) else { continue };
            let Some(number) = side.of(figure) else { continue };
            let count = whole(number).ok_or_else(|| FiguresError::BadCount {
                measure: measure.id.to_owned(),
                area: figure.area.clone(),
                period: figure.period.to_string(),
            })?;
            let mut sensitive = measure.rule.threshold.is_some_and(|rule| rule.is_sensitive(count));
            if measure.rule.part_of_denominator {
                let denominator = figure.denominator.and_then(whole).unwrap_or(i64::MAX);
                sensitive |= denominator > 0 && denominator < measure.rule.least_denominator;
            }
            let known = shown_before.contains(&key);
            if known && sensitive && side == Side::Numerator {
                laid.known_from_earlier.push(at);
            }
            let cell = self.cell(Cell {
                order: 0,
                count: Some(count),
                standing: if known || measure.rule.threshold.is_none() {
                    Standing::Known
                } else {
                    Standing::Publishable
                },
                sensitive: sensitive && !known && measure.rule.threshold.is_some(),
                need: need(measure.rule),
                weight: shape.weight(&key),
            });
            cells.insert(key, cell);
            if let Some(place) = laid.cells.get_mut(at) {
                match side {
                    Side::Numerator => place.0 = Some(cell),
                    Side::Denominator => place.1 = Some(cell),
                }
            }
        }
        laid.known_from_earlier.sort_unstable();
        for (total, parts) in shape.sums(&cells) {
            self.sum(total, &parts, measure.rule, true);
        }
        for relation in shape.steps(&cells) {
            self.relate(relation);
        }
        self.problem.lattices.push(shape.lattice(&cells));
        for earlier in measure.earlier {
            self.earlier(earlier, side, &cells, measure.rule, areas);
        }
        Ok(cells)
    }

    /// What an earlier release showed and was changed since: its numbers, and the sums among them.
    fn earlier(
        &mut self,
        figures: &[Figure],
        side: Side,
        now: &BTreeMap<Key<'_>, u32>,
        rule: &Rule,
        areas: &[Area],
    ) {
        let mut cells: BTreeMap<Key<'_>, u32> = BTreeMap::new();
        let mut changed = false;
        for figure in figures {
            let key = key(figure);
            let current = now.get(&key).copied();
            let count =
                current.and_then(|cell| self.problem.cells.get(cell as usize)).and_then(|cell| cell.count);
            match side.of(figure).and_then(whole) {
                // What was withheld then is held to be what it is now.
                None => cells.extend(current.map(|cell| (key, cell))),
                Some(before) if count == Some(before) => cells.extend(current.map(|cell| (key, cell))),
                Some(before) => {
                    changed = true;
                    let cell = self.cell(Cell {
                        order: 0,
                        count: Some(before),
                        standing: Standing::Known,
                        sensitive: false,
                        need: need(rule),
                        weight: 1,
                    });
                    cells.insert(key, cell);
                }
            }
        }
        if changed {
            let shape = Shape::new(figures, areas);
            for (total, parts) in shape.sums(&cells) {
                self.relate(Relation::sum(total, parts));
            }
            for relation in shape.steps(&cells) {
                self.relate(relation);
            }
        }
    }

    fn cell(&mut self, cell: Cell) -> u32 {
        let at = index(self.problem.cells.len());
        self.problem.cells.push(Cell { order: u64::from(at), ..cell });
        at
    }

    fn count(&self, cell: u32) -> i64 {
        self.problem.cells.get(cell as usize).and_then(|cell| cell.count).unwrap_or_default()
    }

    /// A total with its published parts, and the rest that they leave; parts that come to more overlap, and tell nothing.
    fn sum(&mut self, total: u32, parts: &[u32], rule: &Rule, protect_rest: bool) {
        let rest = self.count(total) - parts.iter().map(|part| self.count(*part)).sum::<i64>();
        if parts.is_empty() || rest < 0 {
            return;
        }
        let mut parts = parts.to_vec();
        if rest > 0 {
            let sensitive = protect_rest && rule.threshold.is_some_and(|rule| rule.is_sensitive(rest));
            parts.push(self.cell(Cell {
                order: 0,
                count: Some(rest),
                standing: Standing::Unpublished,
                sensitive,
                need: need(rule),
                weight: 1,
            }));
        }
        self.problem.relations.push(Relation::sum(total, parts));
    }

    /// A relation, where it holds.
    fn relate(&mut self, relation: Relation) {
        let sum = |cells: &[u32]| cells.iter().map(|cell| self.count(*cell)).sum::<i64>();
        if sum(&relation.whole) == sum(&relation.parts) {
            self.problem.relations.push(relation);
        }
    }
}

impl Laid {
    fn read(&self, measure: &Measure<'_>, found: &Protection) -> Protected {
        let status = |cell: &Option<u32>| {
            cell.and_then(|cell| found.status.get(cell as usize)).copied().unwrap_or(Status::Absent)
        };
        let mut counts = Counts::default();
        let figures = measure
            .figures
            .iter()
            .zip(&self.cells)
            .enumerate()
            .map(|(at, (figure, (numerator, denominator)))| {
                let mut status = (status(numerator), status(denominator));
                if self.known_from_earlier.binary_search(&at).is_ok() {
                    status.0 = Status::Primary;
                }
                match status.0 {
                    Status::Shown => counts.shown += 1,
                    Status::Primary => counts.primary += 1,
                    Status::Secondary => counts.secondary += 1,
                    Status::Unpublished | Status::Absent => {}
                }
                withheld(figure, status.0.is_hidden(), status.1.is_hidden())
            })
            .collect();
        Protected { figures, counts, known_from_earlier: self.known_from_earlier.clone() }
    }
}

/// A figure without what is withheld. Its value goes with either count: from a value and one count follows the other.
fn withheld(figure: &Figure, numerator: bool, denominator: bool) -> Figure {
    let mut figure = figure.clone();
    if numerator || denominator {
        figure.numerator = figure.numerator.filter(|_| !numerator);
        figure.denominator = figure.denominator.filter(|_| !denominator);
        figure.value = None;
        // From an interval the count follows.
        figure.interval = None;
        figure.status = assess::Status::Suppressed;
        NOTE.clone_into(&mut figure.note);
    }
    figure
}

fn need(rule: &Rule) -> Need {
    rule.threshold.map_or(Need { at_least: 0, at_most: i64::MAX, width: 1 }, Threshold::need)
}

fn key(figure: &Figure) -> Key<'_> {
    (&figure.area, &figure.breakdown, figure.period)
}

/// A count as a whole number; weighted counts are taken to the nearest.
#[expect(clippy::cast_possible_truncation, reason = "the range has been checked")]
fn whole(number: f64) -> Option<i64> {
    (0.0..=LARGEST as f64).contains(&number).then(|| number.round() as i64)
}

/// The areas, breakdowns and periods of figures, each in order, and what is whole of what.
struct Shape<'a> {
    areas: Vec<&'a str>,
    breakdowns: Vec<&'a str>,
    periods: Vec<Period>,
    /// By area, the nearest published area around it, and its level.
    around: Vec<(Option<usize>, String)>,
}

impl<'a> Shape<'a> {
    fn new(figures: &'a [Figure], places: &[Area]) -> Self {
        let sorted = |values: BTreeSet<&'a str>| values.into_iter().collect::<Vec<_>>();
        let areas = sorted(figures.iter().map(|figure| figure.area.as_str()).collect());
        let breakdowns = sorted(figures.iter().map(|figure| figure.breakdown.as_str()).collect());
        let periods: BTreeSet<Period> = figures.iter().map(|figure| figure.period).collect();
        let by_code: HashMap<&str, &Area> = places.iter().map(|area| (area.code.as_str(), area)).collect();
        let around = areas
            .iter()
            .map(|code| {
                let level = by_code.get(code).map(|area| area.level.clone()).unwrap_or_default();
                let mut at = by_code.get(code).map(|area| area.parent.as_str());
                // A look-up that says that an area lies in itself would never end.
                for _ in 0..16 {
                    let Some(code_around) = at.filter(|around| !around.is_empty() && around != code) else {
                        break;
                    };
                    if let Ok(found) = areas.binary_search(&code_around) {
                        return (Some(found), level);
                    }
                    at = by_code.get(code_around).map(|area| area.parent.as_str());
                }
                (None, level)
            })
            .collect();
        Self { areas, breakdowns, periods: periods.into_iter().collect(), around }
    }

    fn is_whole_area(&self, area: &str) -> bool {
        let at = self.areas.binary_search(&area).ok();
        self.around.iter().any(|(around, _)| around.is_some() && *around == at)
    }

    fn weight(&self, (area, breakdown, period): &Key<'_>) -> u32 {
        let area = if self.is_whole_area(area) { WHOLE } else { 1 };
        let breakdown = if *breakdown == ALL && self.breakdowns.len() > 1 { WHOLE } else { 1 };
        let of_calendar = !matches!(
            period.kind,
            crate::period::PeriodKind::Rolling12Months | crate::period::PeriodKind::Month
        );
        area * breakdown * if of_calendar { 2 } else { 1 }
    }

    /// Totals with their parts: areas in areas, breakdowns in `all`, stretches of time in longer ones.
    fn sums(&self, cells: &BTreeMap<Key<'_>, u32>) -> Vec<(u32, Vec<u32>)> {
        let mut sums = Vec::new();
        let levels: BTreeSet<(usize, &str)> =
            self.around.iter().filter_map(|(around, level)| Some(((*around)?, level.as_str()))).collect();
        for (around, level) in levels {
            let parts: Vec<&str> = self
                .areas
                .iter()
                .zip(&self.around)
                .filter(|(_, (of, own))| *of == Some(around) && own == level)
                .map(|(area, _)| *area)
                .collect();
            for breakdown in &self.breakdowns {
                for period in &self.periods {
                    let part = |area: &&str| cells.get(&(*area, *breakdown, *period)).copied();
                    if let Some(total) = self.areas.get(around).and_then(part) {
                        sums.push((total, parts.iter().filter_map(part).collect()));
                    }
                }
            }
        }
        for area in &self.areas {
            for period in &self.periods {
                let part = |breakdown: &&str| cells.get(&(*area, *breakdown, *period)).copied();
                if let Some(total) = part(&ALL) {
                    let parts = self.breakdowns.iter().filter(|breakdown| **breakdown != ALL);
                    sums.push((total, parts.filter_map(part).collect()));
                }
            }
        }
        sums
    }

    /// Sums along time: every stretch that shorter ones make up, stretches that are the same, and running totals that
    /// follow one another where their months do not all stand.
    fn steps(&self, cells: &BTreeMap<Key<'_>, u32>) -> Vec<Relation> {
        let mut relations = Vec::new();
        for area in &self.areas {
            for breakdown in &self.breakdowns {
                let cell = |period: &Period| cells.get(&(*area, *breakdown, *period)).copied();
                let series: Vec<(Period, u32)> =
                    self.periods.iter().filter_map(|period| Some((*period, cell(period)?))).collect();
                // By first month, the stretches from there, the longest first.
                let mut from: BTreeMap<_, Vec<(Period, u32)>> = BTreeMap::new();
                for (period, cell) in &series {
                    from.entry(period.first).or_default().push((*period, *cell));
                }
                for stretches in from.values_mut() {
                    stretches.sort_by_key(|(period, _)| std::cmp::Reverse(period.last));
                }
                let months = |period: &Period| period.last.since(period.first);
                for (total, whole) in &series {
                    if let Some(parts) = tiles(*total, &from) {
                        relations.push(Relation::sum(*whole, parts));
                    } else {
                        let same = series.iter().find(|(other, _)| {
                            other < total && other.first == total.first && other.last == total.last
                        });
                        relations.extend(same.map(|(_, other)| Relation::sum(*whole, vec![*other])));
                        let before = series.iter().find(|(other, _)| {
                            other.kind == total.kind
                                && other.last.plus(1) == total.last
                                && months(other) == months(total)
                                && months(total) > 0
                        });
                        let month = |month| series.iter().find(|(period, _)| *period == Period::month(month));
                        if let Some((before, before_cell)) = before
                            && let (Some((_, left)), Some((_, came))) =
                                (month(before.first), month(total.last))
                        {
                            relations.push(Relation {
                                whole: vec![*whole, *left],
                                parts: vec![*before_cell, *came],
                            });
                        }
                    }
                }
            }
        }
        relations
    }

    fn lattice(&self, cells: &BTreeMap<Key<'_>, u32>) -> Lattice {
        let all = self.breakdowns.binary_search(&ALL).ok().map(index);
        let origin = self.periods.iter().map(|period| period.first).min();
        let since = |month: crate::period::Month| {
            origin.and_then(|origin| u32::try_from(month.since(origin)).ok()).unwrap_or_default()
        };
        let mut at = Vec::with_capacity(self.areas.len() * self.breakdowns.len() * self.periods.len());
        for area in &self.areas {
            for breakdown in &self.breakdowns {
                for period in &self.periods {
                    at.push(cells.get(&(*area, *breakdown, *period)).copied().unwrap_or(NOWHERE));
                }
            }
        }
        let parts = (0..index(self.breakdowns.len())).map(|own| all.filter(|all| *all != own));
        Lattice {
            axes: vec![
                Axis::Tree(self.around.iter().map(|(around, _)| around.map(index)).collect()),
                Axis::Tree(parts.collect()),
                Axis::Line(self.periods.iter().map(|p| (since(p.first), since(p.last) + 1)).collect()),
            ],
            cells: at,
        }
    }
}

/// The breakdown that is the whole of the others.
const ALL: &str = "all";

/// Shorter stretches that make up one, end to end; the longest that fit.
fn tiles(total: Period, from: &BTreeMap<crate::period::Month, Vec<(Period, u32)>>) -> Option<Vec<u32>> {
    let mut parts = Vec::new();
    let mut at = total.first;
    while at <= total.last {
        let fits = |(period, _): &&(Period, u32)| {
            period.last <= total.last && period.last.since(period.first) < total.last.since(total.first)
        };
        let (period, cell) = from.get(&at)?.iter().find(fits)?;
        parts.push(*cell);
        at = period.last.plus(1);
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::PeriodKind;

    fn area(code: &str, level: &str, parent: &str) -> Area {
        Area { code: code.into(), level: level.into(), title: code.into(), parent: parent.into() }
    }

    fn areas() -> Vec<Area> {
        vec![area("C", "csp", ""), area("N", "ward", "C"), area("S", "ward", "C"), area("W", "ward", "C")]
    }

    fn period(kind: PeriodKind, last: &str) -> Period {
        Period::ending(kind, last.parse().unwrap()).unwrap()
    }

    fn figure(area: &str, breakdown: &str, period: Period, counts: (f64, Option<f64>)) -> Figure {
        Figure {
            area: area.into(),
            period,
            breakdown: breakdown.into(),
            numerator: Some(counts.0),
            denominator: counts.1,
            value: Some(counts.1.map_or(counts.0, |denominator| 100.0 * counts.0 / denominator)),
            status: assess::Status::Available,
            synthetic: false,
            note: String::new(),
            interval: None,
            after_break: false,
            vintage: crate::assess::Vintage::default(),
        }
    }

    fn month() -> Period {
        period(PeriodKind::Month, "2025-04")
    }

    fn counts(areas: &[(&str, f64)]) -> Vec<Figure> {
        areas.iter().map(|(area, count)| figure(area, ALL, month(), (*count, None))).collect()
    }

    fn measure<'a>(id: &'a str, figures: &'a [Figure], rule: &'a Rule) -> Measure<'a> {
        Measure { id, figures, rule, earlier: &[] }
    }

    fn run(measures: &[Measure<'_>], sums: &[MeasureSum]) -> Outcome {
        let outcome = protect_figures(measures, sums, &areas(), &Effort::default()).unwrap();
        assert!(outcome.audits.iter().all(Audit::passes));
        outcome
    }

    fn shown(figures: &[Figure]) -> Vec<Option<f64>> {
        figures.iter().map(|figure| figure.numerator).collect()
    }

    #[test]
    fn a_small_ward_takes_the_next_ward_with_it_and_both_say_the_same() {
        let figures = counts(&[("C", 52.0), ("N", 3.0), ("S", 40.0), ("W", 9.0)]);
        let outcome = run(&[measure("m", &figures, &Rule::default())], &[]);
        let found = &outcome.measures[0];
        assert_eq!(shown(&found.figures), [Some(52.0), None, Some(40.0), None]);
        for withheld in [&found.figures[1], &found.figures[3]] {
            assert_eq!((withheld.value, withheld.status), (None, assess::Status::Suppressed));
            assert_eq!(withheld.note, NOTE);
        }
        assert_eq!(found.counts, Counts { shown: 2, primary: 1, secondary: 1 });
    }

    #[test]
    fn without_the_total_nothing_else_is_withheld() {
        let figures = counts(&[("N", 3.0), ("S", 40.0), ("W", 9.0)]);
        let outcome = run(&[measure("m", &figures, &Rule::default())], &[]);
        assert_eq!(shown(&outcome.measures[0].figures), [None, Some(40.0), Some(9.0)]);
    }

    #[test]
    fn wards_that_leave_a_small_rest_of_the_whole_give_it_away_and_are_withheld_for_it() {
        let figures = counts(&[("C", 52.0), ("N", 9.0), ("S", 40.0)]);
        let outcome = run(&[measure("m", &figures, &Rule::default())], &[]);
        assert_eq!(shown(&outcome.measures[0].figures), [Some(52.0), None, Some(40.0)]);
    }

    #[test]
    fn a_measure_that_must_be_published_is_shown_whatever_its_size() {
        let figures = counts(&[("C", 5.0), ("N", 1.0), ("S", 4.0), ("W", 0.0)]);
        let rule = Rule { threshold: None, ..Rule::default() };
        let outcome = run(&[measure("asb-case-reviews", &figures, &rule)], &[]);
        assert_eq!(outcome.measures[0].figures, figures);
    }

    #[test]
    fn a_month_is_not_given_back_by_its_quarter_or_by_rolling_years() {
        let month =
            |offset: i32| Period::month("2024-04".parse::<crate::period::Month>().unwrap().plus(offset));
        // The months of the published vector, the sixth being small.
        let monthly = [12.0, 9.0, 14.0, 8.0, 11.0, 3.0, 10.0, 9.0, 13.0, 12.0, 10.0, 11.0, 9.0, 12.0];
        let mut figures: Vec<Figure> =
            (0..).zip(monthly).map(|(at, count)| figure("C", ALL, month(at), (count, None))).collect();
        for (kind, length) in [(PeriodKind::FinancialQuarter, 3), (PeriodKind::Rolling12Months, 12)] {
            for last in length..=14 {
                if let Some(period) = Period::ending(kind, month(last - 1).last) {
                    let at = usize::try_from(last).unwrap();
                    let sum = monthly[at - usize::try_from(length).unwrap()..at].iter().sum();
                    figures.push(figure("C", ALL, period, (sum, None)));
                }
            }
        }
        let rule = Rule::default();
        let outcome = run(&[measure("m", &figures, &rule)], &[]);
        let found = &outcome.measures[0];
        assert_eq!(found.figures[5].numerator, None);
        assert!(found.counts.secondary >= 1 && found.counts.secondary <= 3, "{:?}", found.counts);
        // By the two steps of the vectors nothing can be recovered: every shown total lacks two months or none.
        for total in found.figures.iter().skip(14).filter(|figure| figure.numerator.is_some()) {
            let hidden = found.figures.iter().take(14).filter(|figure| {
                figure.numerator.is_none()
                    && total.period.months().any(|month| Period::month(month) == figure.period)
            });
            assert_ne!(hidden.count(), 1, "{}", total.period);
        }
    }

    #[test]
    fn a_breakdown_and_its_whole_in_wards_and_their_whole_are_protected_together() {
        let table = [("N", [3.0, 14.0, 25.0]), ("S", [20.0, 12.0, 18.0]), ("W", [9.0, 31.0, 44.0])];
        let mut figures = Vec::new();
        for (area, counts) in table {
            for (breakdown, count) in ["a", "b", "c"].into_iter().zip(counts) {
                figures.push(figure(area, breakdown, month(), (count, None)));
            }
            figures.push(figure(area, ALL, month(), (counts.iter().sum(), None)));
        }
        for (breakdown, count) in ["a", "b", "c", ALL].into_iter().zip([32.0, 57.0, 87.0, 176.0]) {
            figures.push(figure("C", breakdown, month(), (count, None)));
        }
        let outcome = run(&[measure("m", &figures, &Rule::default())], &[]);
        assert_eq!(outcome.measures[0].counts, Counts { shown: 12, primary: 1, secondary: 3 });
        let totals = outcome.measures[0].figures.iter().filter(|f| f.area == "C" || f.breakdown == ALL);
        assert!(totals.into_iter().all(|figure| figure.numerator.is_some()));
    }

    #[test]
    fn measures_that_add_up_to_another_protect_one_another() {
        let (all, some, rest) = (counts(&[("C", 60.0)]), counts(&[("C", 58.0)]), counts(&[("C", 2.0)]));
        let rule = Rule::default();
        let measures =
            [measure("all", &all, &rule), measure("some", &some, &rule), measure("rest", &rest, &rule)];
        let sum = MeasureSum { whole: "all".into(), parts: vec!["some".into(), "rest".into()] };
        let outcome = run(&measures, std::slice::from_ref(&sum));
        assert_eq!(shown(&outcome.measures[2].figures), [None]);
        assert_eq!(shown(&outcome.measures[1].figures), [None]);
        let apart = run(&measures, &[]);
        assert_eq!(shown(&apart.measures[1].figures), [Some(58.0)]);
        let unknown = MeasureSum { whole: "all".into(), parts: vec!["sums".into()] };
        let error = protect_figures(&measures, &[unknown], &areas(), &Effort::default()).unwrap_err();
        assert_eq!(error, FiguresError::NoMeasure { measure: "sums".into() });
    }

    #[test]
    fn a_percentage_loses_its_denominator_only_where_that_would_tell_its_numerator() {
        let rule = Rule { part_of_denominator: true, ..Rule::default() };
        let large = vec![figure("C", ALL, month(), (3.0, Some(80.0)))];
        let outcome = run(&[measure("m", &large, &rule)], &[]);
        let found = &outcome.measures[0].figures[0];
        assert_eq!((found.numerator, found.denominator, found.value), (None, Some(80.0), None));
        let small = vec![figure("C", ALL, month(), (3.0, Some(4.0)))];
        let outcome = run(&[measure("m", &small, &rule)], &[]);
        let found = &outcome.measures[0].figures[0];
        assert_eq!((found.numerator, found.denominator, found.value), (None, None, None));
    }

    #[test]
    fn all_but_a_few_of_a_denominator_are_withheld_where_the_rule_asks_for_it() {
        let figures = vec![figure("C", ALL, month(), (97.0, Some(100.0)))];
        let rule = Rule { part_of_denominator: true, ..Rule::default() };
        assert_eq!(shown(&run(&[measure("m", &figures, &rule)], &[]).measures[0].figures), [Some(97.0)]);
        let rule = Rule { complements: true, ..rule };
        let outcome = run(&[measure("m", &figures, &rule)], &[]);
        assert_eq!(outcome.measures[0].figures[0].value, None);
    }

    #[test]
    fn what_an_earlier_release_showed_is_no_cover_now_and_a_small_count_it_showed_is_named() {
        let figures = counts(&[("C", 52.0), ("N", 3.0), ("S", 40.0), ("W", 9.0)]);
        let earlier = counts(&[("C", 52.0), ("W", 9.0)]);
        let rule = Rule::default();
        let release = [earlier.as_slice()];
        let outcome = run(&[Measure { earlier: &release, ..measure("m", &figures, &rule) }], &[]);
        assert_eq!(shown(&outcome.measures[0].figures), [Some(52.0), None, None, Some(9.0)]);
        let earlier = counts(&[("N", 3.0)]);
        let release = [earlier.as_slice()];
        let outcome = run(&[Measure { earlier: &release, ..measure("m", &figures, &rule) }], &[]);
        assert_eq!(outcome.measures[0].known_from_earlier, [1]);
        assert_eq!(outcome.measures[0].figures[1].numerator, None);
    }

    #[test]
    fn totals_of_two_releases_that_differ_give_a_month_back_only_where_nothing_else_is_withheld() {
        // The earlier release had W at 8 and 51 in all; with S shown in both, N follows from either.
        let figures = counts(&[("C", 52.0), ("N", 3.0), ("S", 40.0), ("W", 9.0)]);
        let mut earlier = counts(&[("C", 51.0), ("S", 40.0), ("W", 8.0)]);
        let mut withheld = figure("N", ALL, month(), (0.0, None));
        (withheld.numerator, withheld.value) = (None, None);
        earlier.push(withheld);
        let rule = Rule::default();
        let release = [earlier.as_slice()];
        let error = protect_figures(
            &[Measure { earlier: &release, ..measure("m", &figures, &rule) }],
            &[],
            &areas(),
            &Effort::default(),
        )
        .unwrap_err();
        let FiguresError::Measures { measures, source: DisclosureError::Exposed { .. } } = error else {
            panic!("{error}")
        };
        assert_eq!(measures, ["m"]);
    }
}
