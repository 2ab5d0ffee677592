//! How the figures of a measure lie beside each other, areas by breakdowns by periods, and what is whole of what.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::net::index;
use super::super::{Axis, Lattice, NOWHERE, Relation};
use super::{Figure, Key, key};
use crate::geography::Area;
use crate::period::{Month, Period, PeriodKind};

/// What the totals of an axis cost beside a part.
const WHOLE: u32 = 4;

/// The breakdown that is the whole of the others.
pub(super) const ALL: &str = "all";

/// Areas, breakdowns and periods of figures, each in order; at each place a figure and its cell, where there are.
pub(super) struct Grid<'a> {
    areas: Vec<&'a str>,
    breakdowns: Vec<&'a str>,
    periods: Vec<Period>,
    /// By area, the nearest published area around it, and its level.
    around: Vec<(Option<usize>, String)>,
    /// By area, whether another one lies in it.
    is_whole: Vec<bool>,
    figures: Vec<u32>,
    cells: Vec<u32>,
}

impl<'a> Grid<'a> {
    /// Without cells yet. Of two figures at one place the last one counts.
    pub(super) fn new(figures: &'a [Figure], places: &[Area]) -> Self {
        let (mut areas, mut breakdowns) = (BTreeSet::new(), BTreeSet::new());
        let mut periods = BTreeSet::new();
        let mut last = ("", "");
        for figure in figures {
            let (area, breakdown) = (figure.area.as_str(), figure.breakdown.as_str());
            if last != (area, breakdown) {
                areas.insert(area);
                breakdowns.insert(breakdown);
                last = (area, breakdown);
            }
            periods.insert(figure.period);
        }
        let areas: Vec<&str> = areas.into_iter().collect();
        let around = around(&areas, places);
        let mut is_whole = vec![false; areas.len()];
        for whole in around.iter().filter_map(|(whole, _)| *whole) {
            if let Some(mark) = is_whole.get_mut(whole) {
                *mark = true;
            }
        }
        let mut grid = Self {
            areas,
            breakdowns: breakdowns.into_iter().collect(),
            periods: periods.into_iter().collect(),
            around,
            is_whole,
            figures: Vec::new(),
            cells: Vec::new(),
        };
        let mut at = vec![NOWHERE; grid.places()];
        let mut finder = grid.finder();
        for (number, figure) in figures.iter().enumerate() {
            if let Some(place) = finder.place(&key(figure)).and_then(|place| at.get_mut(place)) {
                *place = index(number);
            }
        }
        grid.cells = vec![NOWHERE; at.len()];
        grid.figures = at;
        grid
    }

    /// The cells of several grids on one, as hints: where two have a cell at one place, that of the first.
    pub(super) fn merged(grids: &[&Grid<'a>], places: &[Area]) -> Self {
        let areas: BTreeSet<&'a str> = grids.iter().flat_map(|grid| &grid.areas).copied().collect();
        let areas: Vec<&'a str> = areas.into_iter().collect();
        let breakdowns: BTreeSet<&'a str> = grids.iter().flat_map(|grid| &grid.breakdowns).copied().collect();
        let periods: BTreeSet<Period> = grids.iter().flat_map(|grid| &grid.periods).copied().collect();
        let mut merged = Self {
            around: around(&areas, places),
            is_whole: Vec::new(),
            areas,
            breakdowns: breakdowns.into_iter().collect(),
            periods: periods.into_iter().collect(),
            figures: Vec::new(),
            cells: Vec::new(),
        };
        let mut cells = vec![NOWHERE; merged.places()];
        let mut finder = merged.finder();
        for (key, cell) in grids.iter().flat_map(|grid| grid.iter()) {
            let place = finder.place(&key).and_then(|place| cells.get_mut(place));
            if let Some(place) = place.filter(|place| **place == NOWHERE) {
                *place = cell;
            }
        }
        merged.cells = cells;
        merged
    }

    /// How many places there are.
    pub(super) fn places(&self) -> usize {
        self.areas.len() * self.breakdowns.len() * self.periods.len()
    }

    fn place_of(&self, area: usize, breakdown: usize, period: usize) -> usize {
        (area * self.breakdowns.len() + breakdown) * self.periods.len() + period
    }

    /// The figure at a place.
    pub(super) fn figure(&self, place: usize) -> Option<usize> {
        self.figures.get(place).filter(|figure| **figure != NOWHERE).map(|figure| *figure as usize)
    }

    /// The cell at a place.
    pub(super) fn cell(&self, place: usize) -> Option<u32> {
        self.cells.get(place).copied().filter(|cell| *cell != NOWHERE)
    }

    /// Puts a cell at a place.
    pub(super) fn set(&mut self, place: usize, cell: u32) {
        if let Some(at) = self.cells.get_mut(place) {
            *at = cell;
        }
    }

    /// The cell at a key.
    pub(super) fn get(&self, (area, breakdown, period): &Key<'_>) -> Option<u32> {
        let area = self.areas.binary_search(area).ok()?;
        let breakdown = self.breakdowns.binary_search(breakdown).ok()?;
        let period = self.periods.binary_search(period).ok()?;
        self.cell(self.place_of(area, breakdown, period))
    }

    /// Every cell with its key, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key<'a>, u32)> + '_ {
        let (breakdowns, periods) = (self.breakdowns.len(), self.periods.len());
        let key = move |place: usize| -> Option<Key<'a>> {
            let area = self.areas.get(place / periods.max(1) / breakdowns.max(1))?;
            let breakdown = self.breakdowns.get(place / periods.max(1) % breakdowns.max(1))?;
            Some((*area, *breakdown, *self.periods.get(place % periods.max(1))?))
        };
        (0..self.places()).filter_map(move |place| Some((key(place)?, self.cell(place)?)))
    }

    /// Finds many places one after the other.
    pub(super) fn finder(&self) -> Finder<'a> {
        let number = |(at, text): (usize, &&'a str)| (*text, at);
        Finder {
            areas: self.areas.iter().enumerate().map(number).collect(),
            breakdowns: self.breakdowns.iter().enumerate().map(number).collect(),
            periods: self.periods.iter().enumerate().map(|(at, period)| (*period, at)).collect(),
            last: None,
        }
    }

    /// What the loss of the cell at a place costs beside others.
    pub(super) fn weight(&self, place: usize) -> u32 {
        let (breakdowns, periods) = (self.breakdowns.len().max(1), self.periods.len().max(1));
        let is_whole = self.is_whole.get(place / periods / breakdowns).copied().unwrap_or_default();
        let is_all = self.breakdowns.get(place / periods % breakdowns).is_some_and(|own| *own == ALL);
        let of_calendar = self
            .periods
            .get(place % periods)
            .is_some_and(|period| !matches!(period.kind, PeriodKind::Rolling12Months | PeriodKind::Month));
        (if is_whole { WHOLE } else { 1 })
            * (if is_all && breakdowns > 1 { WHOLE } else { 1 })
            * (if of_calendar { 2 } else { 1 })
    }

    /// Totals with their parts, areas in areas and breakdowns in `all`, in series along time.
    pub(super) fn sums(&self) -> Vec<Series<'a>> {
        let mut sums = Vec::new();
        let mut levels: BTreeMap<(usize, &str), Vec<usize>> = BTreeMap::new();
        for (area, (around, level)) in self.around.iter().enumerate() {
            if let Some(around) = around {
                levels.entry((*around, level)).or_default().push(area);
            }
        }
        for ((around, level), parts) in levels {
            for (breakdown, name) in self.breakdowns.iter().enumerate() {
                let cell = |area: usize, period: usize| self.cell(self.place_of(area, breakdown, period));
                let sum = |(period, of): (usize, &Period)| {
                    let parts = parts.iter().filter_map(|area| cell(*area, period)).collect();
                    Some((*of, cell(around, period)?, parts))
                };
                sums.push(Series {
                    area: self.areas.get(around).copied().unwrap_or_default(),
                    breakdown: name,
                    along: Along::Areas(level.to_owned()),
                    sums: self.periods.iter().enumerate().filter_map(sum).collect(),
                });
            }
        }
        if let Ok(all) = self.breakdowns.binary_search(&ALL) {
            for (area, name) in self.areas.iter().enumerate() {
                let cell =
                    |breakdown: usize, period: usize| self.cell(self.place_of(area, breakdown, period));
                let sum = |(period, of): (usize, &Period)| {
                    let parts = (0..self.breakdowns.len()).filter(|breakdown| *breakdown != all);
                    Some((*of, cell(all, period)?, parts.filter_map(|own| cell(own, period)).collect()))
                };
                sums.push(Series {
                    area: name,
                    breakdown: ALL,
                    along: Along::Breakdowns,
                    sums: self.periods.iter().enumerate().filter_map(sum).collect(),
                });
            }
        }
        sums
    }

    /// Sums along time: every stretch that shorter ones make up, stretches that are the same, and running totals that
    /// follow one another where their months do not all stand.
    pub(super) fn steps(&self) -> Vec<Relation> {
        let mut relations = Vec::new();
        // Most series have the same periods, so that what makes up what is worked out once.
        let mut known: HashMap<Vec<bool>, Vec<Step>> = HashMap::new();
        for area in 0..self.areas.len() {
            for breakdown in 0..self.breakdowns.len() {
                let from = self.place_of(area, breakdown, 0);
                let cells = self.cells.get(from..from + self.periods.len()).unwrap_or_default();
                let there: Vec<bool> = cells.iter().map(|cell| *cell != NOWHERE).collect();
                let steps = known.entry(there).or_insert_with_key(|there| steps(&self.periods, there));
                let of = |places: &[usize]| places.iter().filter_map(|at| cells.get(*at).copied()).collect();
                relations.extend(
                    steps.iter().map(|step| Relation { whole: of(&step.whole), parts: of(&step.parts) }),
                );
            }
        }
        relations
    }

    /// The cells as a lattice, in which what totals leave over their parts are further parts.
    pub(super) fn lattice(&self, rests: &[Rest<'_>]) -> Lattice {
        let all = self.breakdowns.binary_search(&ALL).ok();
        let origin = self.periods.iter().map(|period| period.first).min();
        let since = |month: Month| {
            origin.and_then(|origin| u32::try_from(month.since(origin)).ok()).unwrap_or_default()
        };
        let mut further: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        let mut within: Vec<Option<u32>> = self.around.iter().map(|(around, _)| around.map(index)).collect();
        let mut parts: Vec<Option<u32>> =
            (0..self.breakdowns.len()).map(|own| all.filter(|all| *all != own).map(index)).collect();
        if rests.iter().any(|rest| rest.along == Along::Breakdowns) {
            parts.push(all.map(index));
        }
        let mut placed: Vec<(usize, usize, usize, u32)> = Vec::with_capacity(rests.len());
        for rest in rests {
            let (Ok(area), Ok(breakdown), Ok(period)) = (
                self.areas.binary_search(&rest.area),
                self.breakdowns.binary_search(&rest.breakdown),
                self.periods.binary_search(&rest.period),
            ) else {
                continue;
            };
            match &rest.along {
                Along::Areas(level) => {
                    let at = *further.entry((area, level)).or_insert_with(|| {
                        within.push(Some(index(area)));
                        within.len() - 1
                    });
                    placed.push((at, breakdown, period, rest.cell));
                }
                Along::Breakdowns => placed.push((area, self.breakdowns.len(), period, rest.cell)),
            }
        }
        let (breakdowns, periods) = (parts.len(), self.periods.len());
        let mut cells = vec![NOWHERE; within.len() * breakdowns * periods];
        for area in 0..self.areas.len() {
            for breakdown in 0..self.breakdowns.len() {
                let from = self.place_of(area, breakdown, 0);
                let to = (area * breakdowns + breakdown) * periods;
                if let (Some(into), Some(own)) =
                    (cells.get_mut(to..to + periods), self.cells.get(from..from + periods))
                {
                    into.copy_from_slice(own);
                }
            }
        }
        for (area, breakdown, period, cell) in placed {
            if let Some(into) = cells.get_mut((area * breakdowns + breakdown) * periods + period) {
                *into = cell;
            }
        }
        Lattice {
            axes: vec![
                Axis::Tree(within),
                Axis::Tree(parts),
                Axis::Line(self.periods.iter().map(|p| (since(p.first), since(p.last) + 1)).collect()),
            ],
            cells,
        }
    }
}

/// Along which axis parts make up a total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Along {
    /// Areas of this level within an area.
    Areas(String),
    /// Breakdowns in `all`.
    Breakdowns,
}

/// A total with its parts, period by period.
pub(super) struct Series<'a> {
    /// Area of the total.
    pub(super) area: &'a str,
    /// Breakdown of the total.
    pub(super) breakdown: &'a str,
    pub(super) along: Along,
    /// Period, cell of the total, cells of the parts.
    pub(super) sums: Vec<(Period, u32, Vec<u32>)>,
}

/// What a total leaves over its published parts in a period.
#[derive(Debug, Clone)]
pub(super) struct Rest<'a> {
    pub(super) area: &'a str,
    pub(super) breakdown: &'a str,
    pub(super) period: Period,
    pub(super) along: Along,
    pub(super) cell: u32,
}

/// Finds the places of keys; quick where neighbours share area and breakdown.
pub(super) struct Finder<'a> {
    areas: HashMap<&'a str, usize>,
    breakdowns: HashMap<&'a str, usize>,
    periods: HashMap<Period, usize>,
    /// The last area and breakdown, and the place of its first period.
    last: Option<((String, String), Option<usize>)>,
}

impl Finder<'_> {
    pub(super) fn place(&mut self, (area, breakdown, period): &Key<'_>) -> Option<usize> {
        let of_row = match &self.last {
            Some(((last_area, last_breakdown), row)) if last_area == area && last_breakdown == breakdown => {
                *row
            }
            _ => {
                let row =
                    self.areas.get(area).zip(self.breakdowns.get(breakdown)).map(|(area, breakdown)| {
                        (area * self.breakdowns.len() + breakdown) * self.periods.len()
                    });
                self.last = Some((((*area).to_owned(), (*breakdown).to_owned()), row));
                row
            }
        };
        Some(of_row? + self.periods.get(period)?)
    }
}

/// By area, the nearest of them around it, and its level.
fn around(areas: &[&str], places: &[Area]) -> Vec<(Option<usize>, String)> {
    let by_code: HashMap<&str, &Area> = places.iter().map(|area| (area.code.as_str(), area)).collect();
    let nearest = |code: &&str| {
        let level = by_code.get(code).map(|area| area.level.clone()).unwrap_or_default();
        let mut at = by_code.get(code).map(|area| area.parent.as_str());
        // A look-up that says that an area lies in itself would never end.
        for _ in 0..16 {
            let Some(code_around) = at.filter(|around| !around.is_empty() && around != code) else { break };
            if let Ok(found) = areas.binary_search(&code_around) {
                return (Some(found), level);
            }
            at = by_code.get(code_around).map(|area| area.parent.as_str());
        }
        (None, level)
    };
    areas.iter().map(nearest).collect()
}

/// A sum along time, by places of periods.
struct Step {
    whole: Vec<usize>,
    parts: Vec<usize>,
}

/// The sums of those periods that are there.
fn steps(periods: &[Period], there: &[bool]) -> Vec<Step> {
    let mut steps = Vec::new();
    let series: Vec<(Period, usize)> = periods
        .iter()
        .enumerate()
        .filter(|(at, _)| there.get(*at).copied().unwrap_or_default())
        .map(|(at, period)| (*period, at))
        .collect();
    // By first month, the stretches from there, the longest first.
    let mut from: BTreeMap<Month, Vec<(Period, usize)>> = BTreeMap::new();
    for (period, at) in &series {
        from.entry(period.first).or_default().push((*period, *at));
    }
    for stretches in from.values_mut() {
        stretches.sort_by_key(|(period, _)| std::cmp::Reverse(period.last));
    }
    let months = |period: &Period| period.last.since(period.first);
    let mut unmade: Vec<(Period, usize)> = Vec::new();
    for (total, whole) in &series {
        let known = steps.len();
        if let Some(parts) = tiles(*total, &from) {
            steps.push(Step { whole: vec![*whole], parts });
            continue;
        }
        // Each of these tells its total by others that are shorter, or as long and before it.
        let same = series
            .iter()
            .find(|(other, _)| other < total && other.first == total.first && other.last == total.last);
        if let Some((_, other)) = same {
            steps.push(Step { whole: vec![*whole], parts: vec![*other] });
            continue;
        }
        let before = series.iter().find(|(other, _)| {
            other.kind == total.kind
                && other.last.plus(1) == total.last
                && months(other) == months(total)
                && months(total) > 0
        });
        let month = |month| series.iter().find(|(period, _)| *period == Period::month(month));
        if let Some((before, place)) = before
            && let (Some((_, left)), Some((_, came))) = (month(before.first), month(total.last))
        {
            steps.push(Step { whole: vec![*whole, *left], parts: vec![*place, *came] });
        }
        if steps.len() == known {
            unmade.push((*total, *whole));
        }
    }
    steps.extend(detours(unmade));
    steps
}

/// The sums among stretches that no other sum makes up. Each stretch leads from the beginning of its first month to the end of
/// its last one; one whose ends others connect already, forwards and backwards, is told by these. With the sums that are known
/// these are all that there are: whatever adds up and takes away stretches to nothing goes round and round between such ends.
fn detours(mut stretches: Vec<(Period, usize)>) -> Vec<Step> {
    stretches.sort_by_key(|(period, place)| (period.last.since(period.first), *place));
    let mut steps = Vec::new();
    // By end, the stretches that lead away from it: to which end, the place, and whether forwards.
    let mut ways: BTreeMap<Month, Vec<(Month, usize, bool)>> = BTreeMap::new();
    for (period, place) in stretches {
        let (begin, end) = (period.first, period.last.plus(1));
        let mut came: BTreeMap<Month, (Month, usize, bool)> = BTreeMap::new();
        let mut waiting = vec![begin];
        while let Some(at) = waiting.pop() {
            for (to, by, forwards) in ways.get(&at).into_iter().flatten() {
                if *to != begin && !came.contains_key(to) {
                    came.insert(*to, (at, *by, *forwards));
                    waiting.push(*to);
                }
            }
        }
        if came.contains_key(&end) {
            let (mut whole, mut parts) = (vec![place], Vec::new());
            let mut at = end;
            while at != begin {
                let Some((from, by, forwards)) = came.get(&at).copied() else { break };
                if forwards {
                    parts.push(by);
                } else {
                    whole.push(by);
                }
                at = from;
            }
            steps.push(Step { whole, parts });
        } else {
            ways.entry(begin).or_default().push((end, place, true));
            ways.entry(end).or_default().push((begin, place, false));
        }
    }
    steps
}

/// Shorter stretches that make up one, end to end; the longest that fit.
fn tiles(total: Period, from: &BTreeMap<Month, Vec<(Period, usize)>>) -> Option<Vec<usize>> {
    let mut parts = Vec::new();
    let mut at = total.first;
    while at <= total.last {
        let fits = |(period, _): &&(Period, usize)| {
            period.last <= total.last && period.last.since(period.first) < total.last.since(total.first)
        };
        let (period, place) = from.get(&at)?.iter().find(fits)?;
        parts.push(*place);
        at = period.last.plus(1);
    }
    Some(parts)
}

/// One part of a sum over measures.
pub(super) struct Addend<'g, 'a> {
    breakdown: Option<&'g str>,
    grid: &'g Grid<'a>,
    /// By area, the areas within that have figures, level by level.
    within: BTreeMap<&'g str, BTreeMap<&'g str, Vec<&'a str>>>,
}

impl<'g, 'a> Addend<'g, 'a> {
    pub(super) fn new(breakdown: Option<&'g str>, grid: &'g Grid<'a>, places: &'g [Area]) -> Self {
        let by_code: HashMap<&str, &'g Area> = places.iter().map(|area| (area.code.as_str(), area)).collect();
        let mut within: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
        for code in &grid.areas {
            let Some(area) = by_code.get(code) else { continue };
            let mut around = area.parent.as_str();
            for _ in 0..16 {
                if around.is_empty() || around == *code {
                    break;
                }
                within.entry(around).or_default().entry(&area.level).or_default().push(*code);
                around = by_code.get(around).map_or("", |area| area.parent.as_str());
            }
        }
        Self { breakdown, grid, within }
    }

    /// Its cells that make up a cell of the whole, in each way that there is, and along which axis.
    pub(super) fn of(&self, (area, breakdown, period): &Key<'_>) -> Vec<(Along, Vec<u32>)> {
        let wanted = self.breakdown.unwrap_or(breakdown);
        let at = |area: &str, breakdown: &str| self.grid.get(&(area, breakdown, *period));
        if let Some(cell) = at(area, wanted) {
            return vec![(Along::Breakdowns, vec![cell])];
        }
        let is_whole = *breakdown == ALL && self.breakdown.is_none();
        let of_area = |area: &str| -> Vec<u32> {
            match at(area, wanted) {
                Some(cell) => vec![cell],
                None if is_whole => self.grid.breakdowns.iter().filter_map(|own| at(area, own)).collect(),
                None => Vec::new(),
            }
        };
        let here = of_area(area);
        if !here.is_empty() {
            return vec![(Along::Breakdowns, here)];
        }
        let ways = self.within.get(area).into_iter().flatten().map(|(level, areas)| {
            (
                Along::Areas((*level).to_owned()),
                areas.iter().flat_map(|area| of_area(area)).collect::<Vec<u32>>(),
            )
        });
        ways.filter(|(_, way)| !way.is_empty()).collect()
    }
}
