//! From the figures of measures that are tied together to cells and sums, and back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::net::index;
use super::super::{Cell, Counts, Problem, Protection, Relation, Seen, Standing, Status, recoverable};
use super::shape::{Addend, Grid};
use super::{
    CellName, Edition, Figure, FiguresError, Key, Measure, MeasureSum, Protected, Rule, Side, Tied, key,
    need, whole, withheld,
};
use crate::geography::Area;

/// The cells of one measure in the problem of its family.
pub(super) struct Laid {
    /// By figure, the cell of its numerator and of its denominator.
    cells: Vec<(Option<u32>, Option<u32>)>,
    known_from_earlier: Vec<usize>,
}

/// Measures that are tied together as one problem.
pub(super) struct Layout {
    pub(super) problem: Problem,
    /// What each cell is, in their order.
    pub(super) names: Vec<Named>,
    pub(super) measures: Vec<Laid>,
}

/// What a cell is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named {
    /// A count of a figure: place of the measure among all, and of the figure among its own.
    Of { measure: u32, figure: u32, side: Side },
    /// What the published parts of a cell leave.
    Rest(u32),
    /// A count of an earlier release: places of the measure, the release and the figure.
    Before { measure: u32, edition: u32, figure: u32 },
}

impl Layout {
    pub(super) fn new(tied: &Tied<'_>, family: &[usize]) -> Result<Self, FiguresError> {
        let mut layout = Self { problem: Problem::default(), names: Vec::new(), measures: Vec::new() };
        let mut sides: BTreeMap<(usize, Side), Grid<'_>> = BTreeMap::new();
        for at in family {
            let Some(measure) = tied.measures.get(*at) else { continue };
            let mut laid =
                Laid { cells: vec![(None, None); measure.figures.len()], known_from_earlier: Vec::new() };
            let numerators = layout.side(*at, measure, Side::Numerator, &mut laid, tied.areas)?;
            if measure.rule.lays_denominator() {
                let below = layout.side(*at, measure, Side::Denominator, &mut laid, tied.areas)?;
                // Both lie on the same places.
                for place in (0..below.places()).filter(|_| measure.rule.part_of_denominator) {
                    if let (Some(numerator), Some(denominator)) = (numerators.cell(place), below.cell(place))
                    {
                        layout.sum(denominator, &[numerator], measure.rule, measure.rule.complements);
                    }
                }
                sides.insert((*at, Side::Denominator), below);
            }
            sides.insert((*at, Side::Numerator), numerators);
            layout.measures.push(laid);
        }
        for sum in tied.sums {
            layout.measure_sum(sum, tied, &sides);
        }
        for link in tied.links {
            let (whole, part) = (&link.whole, &link.part);
            let (Some(wholes), Some(parts)) =
                (sides.get(&(whole.measure, whole.side)), sides.get(&(part.measure, part.side)))
            else {
                continue;
            };
            for period in &link.periods {
                if let (Some(whole), Some(part)) = (
                    wholes.get(&(whole.area, whole.breakdown, *period)),
                    parts.get(&(part.area, part.breakdown, *period)),
                ) {
                    layout.relate(Relation::sum(whole, vec![part]));
                }
            }
        }
        Ok(layout)
    }

    /// A sum over measures, in every area, breakdown and period of the whole.
    fn measure_sum(&mut self, sum: &MeasureSum, tied: &Tied<'_>, sides: &BTreeMap<(usize, Side), Grid<'_>>) {
        let place = |id: &str| tied.measures.iter().position(|measure| measure.id == id);
        let of = |id: &str| place(id).and_then(|place| sides.get(&(place, Side::Numerator)));
        let (Some(wholes), Some(whole)) =
            (of(&sum.whole), place(&sum.whole).and_then(|place| tied.measures.get(place)))
        else {
            return;
        };
        let parts: Vec<Addend<'_, '_>> = sum
            .parts
            .iter()
            .filter_map(|part| Some(Addend::new(part.breakdown.as_deref(), of(&part.measure)?, tied.areas)))
            .collect();
        for (key, total) in wholes.iter() {
            // With one part there can be a sum for each level of areas within; with more, the first of each is taken.
            let found: Vec<Vec<Vec<u32>>> = parts.iter().map(|part| part.of(&key)).collect();
            let ways = if found.len() == 1 { found.first().map_or(0, Vec::len) } else { 1 };
            for way in 0..ways {
                let cells: Vec<u32> =
                    found.iter().filter_map(|part| part.get(way)).flatten().copied().collect();
                self.sum(total, &cells, whole.rule, true);
            }
        }
    }

    /// Cells and sums of one side of a measure's figures.
    fn side<'a>(
        &mut self,
        number: usize,
        measure: &Measure<'a>,
        side: Side,
        laid: &mut Laid,
        areas: &[Area],
    ) -> Result<Grid<'a>, FiguresError> {
        let rule = measure.rule;
        let mut grid = Grid::new(measure.figures, areas);
        let mut counts: Vec<Option<i64>> = vec![None; grid.places()];
        for (place, count) in counts.iter_mut().enumerate() {
            let Some(figure) = grid.figure(place).and_then(|at| measure.figures.get(at)) else { continue };
            let Some(told) = side.of(figure) else { continue };
            *count = Some(whole(told).ok_or_else(|| FiguresError::BadCount {
                measure: measure.id.to_owned(),
                area: figure.area.clone(),
                period: figure.period.to_string(),
            })?);
        }
        // What was shown before and is the same now is known.
        let mut shown_before = vec![false; grid.places()];
        for edition in measure.earlier {
            let mut finder = grid.finder();
            for figure in edition.shown {
                if let Some(count) = side.of(figure).and_then(whole)
                    && let Some(place) = finder.place(&key(figure))
                    && counts.get(place) == Some(&Some(count))
                    && let Some(mark) = shown_before.get_mut(place)
                {
                    *mark = true;
                }
            }
        }
        for (place, count) in counts.iter().enumerate() {
            let (Some(count), Some(at)) = (*count, grid.figure(place)) else { continue };
            let Some(figure) = measure.figures.get(at) else { continue };
            let mut sensitive = rule.threshold.is_some_and(|rule| rule.is_sensitive(count));
            if rule.lays_denominator() {
                let denominator = figure.denominator.and_then(whole).unwrap_or(i64::MAX);
                sensitive |= denominator > 0 && denominator < rule.least_denominator;
            }
            let known = shown_before.get(place).copied().unwrap_or_default();
            if known && sensitive && side == Side::Numerator {
                laid.known_from_earlier.push(at);
            }
            let is_open = !known && rule.threshold.is_some();
            let named = Named::Of { measure: index(number), figure: index(at), side };
            let cell = Cell {
                order: 0,
                count: Some(count),
                standing: if is_open { Standing::Publishable } else { Standing::Known },
                sensitive: sensitive && is_open,
                need: need(rule),
                weight: grid.weight(place),
            };
            let cell = self.cell(named, cell);
            grid.set(place, cell);
            if let Some(own) = laid.cells.get_mut(at) {
                match side {
                    Side::Numerator => own.0 = Some(cell),
                    Side::Denominator => own.1 = Some(cell),
                }
            }
        }
        laid.known_from_earlier.sort_unstable();
        for (total, parts) in grid.sums() {
            self.sum(total, &parts, rule, true);
        }
        for relation in grid.steps() {
            self.relate(relation);
        }
        self.problem.lattices.push(grid.lattice());
        for edition in 0..measure.earlier.len() {
            self.earlier(number, measure, edition, side, &grid, areas);
        }
        Ok(grid)
    }

    /// What an earlier release showed and was changed since: its numbers, and the sums among them.
    fn earlier(
        &mut self,
        number: usize,
        measure: &Measure<'_>,
        edition: usize,
        side: Side,
        now: &Grid<'_>,
        areas: &[Area],
    ) {
        let Some(Edition { shown, counted }) = measure.earlier.get(edition).copied() else { return };
        let hidden: BTreeSet<Key<'_>> =
            shown.iter().filter(|figure| side.of(figure).is_none()).map(key).collect();
        let counted: HashMap<Key<'_>, i64> = counted
            .unwrap_or_default()
            .iter()
            .filter(|figure| hidden.contains(&key(figure)))
            .filter_map(|figure| Some((key(figure), side.of(figure).and_then(whole)?)))
            .collect();
        let mut finder = now.finder();
        let mut cells: Vec<Option<u32>> = Vec::with_capacity(shown.len());
        let mut changed = false;
        for (at, figure) in shown.iter().enumerate() {
            let current = finder.place(&key(figure)).and_then(|place| now.cell(place));
            let count =
                current.and_then(|cell| self.problem.cells.get(cell as usize)).and_then(|cell| cell.count);
            let seen = side.of(figure).and_then(whole);
            let before = seen.or_else(|| counted.get(&key(figure)).copied());
            // What was withheld then is held to be what it is now, where nothing else is known.
            let Some(before) = before.filter(|before| count != Some(*before)) else {
                cells.push(current);
                continue;
            };
            changed = true;
            let named = Named::Before { measure: index(number), edition: index(edition), figure: index(at) };
            let is_small = measure.rule.threshold.is_some_and(|rule| rule.is_sensitive(before));
            let cell = Cell {
                order: 0,
                count: Some(before),
                standing: if seen.is_some() { Standing::Known } else { Standing::Unpublished },
                sensitive: seen.is_none() && is_small,
                need: need(measure.rule),
                weight: 1,
            };
            cells.push(Some(self.cell(named, cell)));
        }
        if changed {
            let mut grid = Grid::new(shown, areas);
            for place in 0..grid.places() {
                let cell = grid.figure(place).and_then(|at| cells.get(at).copied().flatten());
                if let Some(cell) = cell {
                    grid.set(place, cell);
                }
            }
            for (total, parts) in grid.sums() {
                self.relate(Relation::sum(total, parts));
            }
            for relation in grid.steps() {
                self.relate(relation);
            }
        }
    }

    /// Takes as known what follows by subtraction from what the audience has already: nothing can be done about it.
    pub(super) fn give_away(&mut self) -> Result<(), FiguresError> {
        let hidden: Vec<bool> =
            self.problem.cells.iter().map(|cell| cell.standing != Standing::Known).collect();
        if !hidden.contains(&false) {
            return Ok(());
        }
        let given = recoverable(&self.problem, &hidden)
            .map_err(|source| FiguresError::Measures { measures: Vec::new(), source })?;
        for (cell, _) in given {
            let Some(cell) = self.problem.cells.get_mut(cell as usize) else { continue };
            if !cell.sensitive {
                continue;
            }
            (cell.standing, cell.sensitive) = (Standing::Known, false);
        }
        // A figure whose count is given away is withheld all the same.
        for laid in &mut self.measures {
            for (at, (numerator, _)) in laid.cells.iter().enumerate() {
                let given =
                    numerator.and_then(|cell| self.problem.cells.get(cell as usize)).is_some_and(|cell| {
                        cell.standing == Standing::Known
                            && cell.count.is_some_and(|count| count < cell.need.at_least && count > 0)
                    });
                if given && laid.known_from_earlier.binary_search(&at).is_err() {
                    laid.known_from_earlier.push(at);
                    laid.known_from_earlier.sort_unstable();
                }
            }
        }
        Ok(())
    }

    /// What an audience sees of each cell, when of the figures of a family these were published.
    pub(super) fn seen(&self, family: &[usize], shown: &[&[Figure]]) -> Vec<Seen> {
        let mut seen: Vec<Seen> = self
            .problem
            .cells
            .iter()
            .map(|cell| match cell.standing {
                Standing::Known => Seen::Exactly,
                Standing::Unpublished if cell.sensitive => Seen::Hidden,
                Standing::Unpublished => Seen::Unasked,
                Standing::Publishable | Standing::Held => Seen::Hidden,
            })
            .collect();
        for (laid, at) in self.measures.iter().zip(family) {
            let Some(published) = shown.get(*at) else { continue };
            for (cells, figure) in laid.cells.iter().zip(*published) {
                for (cell, side) in [(cells.0, Side::Numerator), (cells.1, Side::Denominator)] {
                    if let Some(seen) = cell.and_then(|cell| seen.get_mut(cell as usize))
                        && side.of(figure).is_some()
                    {
                        *seen = Seen::Exactly;
                    }
                }
            }
        }
        seen
    }

    /// What a cell is, in words.
    pub(super) fn name(&self, tied: &Tied<'_>, cell: u32) -> CellName {
        let nothing = || CellName {
            measure: String::new(),
            area: String::new(),
            breakdown: String::new(),
            period: String::new(),
            count: "a count",
        };
        let of = |measure: u32, figure: Option<&Figure>, count: &'static str| -> Option<CellName> {
            let (measure, figure) = (tied.measures.get(measure as usize)?, figure?);
            Some(CellName {
                measure: measure.id.to_owned(),
                area: figure.area.clone(),
                breakdown: figure.breakdown.clone(),
                period: figure.period.to_string(),
                count,
            })
        };
        let measure = |place: u32| tied.measures.get(place as usize);
        let found = match self.names.get(cell as usize) {
            Some(Named::Of { measure: at, figure, side }) => {
                let count = if *side == Side::Numerator { "numerator" } else { "denominator" };
                of(*at, measure(*at).and_then(|own| own.figures.get(*figure as usize)), count)
            }
            Some(Named::Before { measure: at, edition, figure }) => {
                let edition = measure(*at).and_then(|own| own.earlier.get(*edition as usize));
                let figure = edition.and_then(|edition| edition.shown.get(*figure as usize));
                of(*at, figure, "the count of an earlier release")
            }
            Some(Named::Rest(total)) => {
                let count = "what its published parts leave of it";
                Some(CellName { count, ..self.name(tied, *total) })
            }
            None => None,
        };
        found.unwrap_or_else(nothing)
    }

    fn cell(&mut self, named: Named, cell: Cell) -> u32 {
        let at = index(self.problem.cells.len());
        self.names.push(named);
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
            parts.push(self.cell(
                Named::Rest(total),
                Cell {
                    order: 0,
                    count: Some(rest),
                    standing: Standing::Unpublished,
                    sensitive,
                    need: need(rule),
                    weight: 1,
                },
            ));
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
    pub(super) fn read(&self, measure: &Measure<'_>, found: &Protection) -> Protected {
        let status = |cell: &Option<u32>| {
            cell.and_then(|cell| found.status.get(cell as usize)).copied().unwrap_or(Status::Absent)
        };
        let mut counts = Counts::default();
        let lays_denominator = measure.rule.lays_denominator();
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
                // A count that has no cell was not looked at, and is not shown.
                let no_cell = figure.numerator.is_some() && numerator.is_none();
                let no_denominator =
                    lays_denominator && figure.denominator.is_some() && denominator.is_none();
                withheld(figure, status.0.is_hidden() || no_cell, status.1.is_hidden() || no_denominator)
            })
            .collect();
        let known_from_earlier = self.known_from_earlier.clone();
        Protected { figures, counts, known_from_earlier, rounded: false, failed: None, audit: None }
    }
}
