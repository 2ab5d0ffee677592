//! From the figures of measures that are tied together to cells and sums, and back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::net::index;
use super::super::rules::{behind_rounded, round_to_base, rounded_to};
use super::super::{Cell, Counts, Need, Problem, Protection, Relation, Seen, Standing, Status, recoverable};
use super::shape::{Addend, Along, Grid, Rest, Series};
use super::{
    CellName, Component, Edition, Figure, FiguresError, Hidden, Key, Measure, MeasureSum, Protected, Rule,
    Side, Tied, key, need, whole, withheld,
};
use crate::assess;
use crate::geography::Area;

/// The cells of one measure in the problem of its family.
pub(super) struct Laid {
    /// By figure, the cell of its numerator and of its denominator; several measures may share one.
    cells: Vec<(Option<u32>, Option<u32>)>,
    /// Counts that are to be withheld for their own sake, by figure and side.
    sensitive: Vec<(usize, Side)>,
    /// Those of them that the audience has already.
    told: Vec<(usize, Side)>,
}

impl Laid {
    fn cell(&self, figure: usize, side: Side) -> Option<u32> {
        let (numerator, denominator) = *self.cells.get(figure)?;
        if side == Side::Numerator { numerator } else { denominator }
    }
}

/// Measures that are tied together as one problem.
pub(super) struct Layout {
    pub(super) problem: Problem,
    /// What each cell is, in their order.
    pub(super) names: Vec<Named>,
    pub(super) measures: Vec<Laid>,
    /// Cells that earlier releases showed rounded: as what, and to which base.
    rounded: Vec<(u32, i64, i64)>,
    /// Counts that are no whole numbers, because areas were shared out by weights, by cell.
    fractions: HashMap<u32, f64>,
    /// Sums that measures declare and of which no figure is told by the others, by place.
    pub(super) untied: Vec<usize>,
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
        let mut layout = Self {
            problem: Problem::default(),
            names: Vec::new(),
            measures: Vec::new(),
            rounded: Vec::new(),
            fractions: HashMap::new(),
            untied: Vec::new(),
        };
        let mut sides: BTreeMap<(usize, Side), Grid<'_>> = BTreeMap::new();
        let mut rests: Vec<((usize, Side), Vec<Rest<'_>>)> = Vec::new();
        for at in family {
            let Some(measure) = tied.measures.get(*at) else { continue };
            let cells = vec![(None, None); measure.figures.len()];
            layout.measures.push(Laid { cells, sensitive: Vec::new(), told: Vec::new() });
            let (numerators, left) = layout.side(tied, family, *at, Side::Numerator)?;
            rests.push(((*at, Side::Numerator), left));
            if measure.rule.lays_denominator() {
                let (below, left) = layout.side(tied, family, *at, Side::Denominator)?;
                rests.push(((*at, Side::Denominator), left));
                // Both lie on the same places.
                for place in (0..below.places()).filter(|_| measure.rule.part_of_denominator) {
                    if let (Some(numerator), Some(denominator)) = (numerators.cell(place), below.cell(place))
                    {
                        layout.sum(
                            denominator,
                            &[numerator],
                            measure.rule,
                            (measure.rule.complements, false),
                        );
                    }
                }
                sides.insert((*at, Side::Denominator), below);
            }
            sides.insert((*at, Side::Numerator), numerators);
        }
        for (number, sum) in tied.sums.iter().enumerate() {
            let known = layout.problem.relations.len();
            for (of_sums, side) in
                [(false, Side::Numerator), (true, Side::Numerator), (false, Side::Denominator)]
            {
                let own = layout.measure_sum(sum, (of_sums, side), tied, &sides);
                let whole = tied.place(&sum.whole, of_sums);
                rests.extend(whole.map(|whole| ((whole, side), own)));
            }
            let has_counts = |id: &str| {
                let own = tied.place(id, false).filter(|place| family.contains(place));
                own.and_then(|place| sides.get(&(place, Side::Numerator)))
                    .is_some_and(|grid| grid.iter().next().is_some())
            };
            let stands = has_counts(&sum.whole) && sum.parts.iter().all(|part| has_counts(&part.measure));
            if stands && layout.problem.relations.len() == known {
                layout.untied.push(number);
            }
        }
        for pair in tied.equal {
            let cell = |(measure, side, figure): (usize, Side, usize)| {
                let at = family.iter().position(|own| *own == measure)?;
                layout.measures.get(at)?.cell(figure, side)
            };
            if let (Some(one), Some(other)) = (cell(pair.one), cell(pair.other))
                && one != other
            {
                layout.relate(Relation::sum(one, vec![other]));
            }
        }
        layout.tell();
        layout.lattices(tied, family, &sides, &rests);
        Ok(layout)
    }

    /// Which counts that are to be withheld the audience has already.
    fn tell(&mut self) {
        let cells = &self.problem.cells;
        for laid in &mut self.measures {
            let is_known = |(figure, side): &&(usize, Side)| {
                let cell = laid.cell(*figure, *side).and_then(|cell| cells.get(cell as usize));
                cell.is_some_and(|cell| cell.standing == Standing::Known)
            };
            let told: Vec<(usize, Side)> = laid.sensitive.iter().filter(is_known).copied().collect();
            laid.told = told;
            laid.told.sort_unstable();
        }
    }

    /// How cells lie beside each other: each side of a measure for itself, and measures with those that make them up.
    fn lattices(
        &mut self,
        tied: &Tied<'_>,
        family: &[usize],
        sides: &BTreeMap<(usize, Side), Grid<'_>>,
        rests: &[((usize, Side), Vec<Rest<'_>>)],
    ) {
        let place = |id: &str| tied.measures.iter().position(|measure| measure.id == id);
        let mut belongs: BTreeMap<usize, usize> = family.iter().map(|at| (*at, *at)).collect();
        for sum in tied.sums {
            if let ([part], Some(whole)) = (sum.parts.as_slice(), place(&sum.whole))
                && part.breakdown.is_none()
                && let Some(part) = place(&part.measure)
                && let (Some(from), Some(to)) = (belongs.get(&part).copied(), belongs.get(&whole).copied())
            {
                for of in belongs.values_mut().filter(|of| **of == from) {
                    *of = to;
                }
            }
        }
        let left = |wanted: &dyn Fn(&(usize, Side)) -> bool| -> Vec<Rest<'_>> {
            rests.iter().filter(|(of, _)| wanted(of)).flat_map(|(_, own)| own).cloned().collect()
        };
        let mut lattices = Vec::new();
        for (of, grid) in sides.iter().filter(|((_, side), _)| *side == Side::Denominator) {
            lattices.push(grid.lattice(&left(&|own| own == of)));
        }
        let mut together: BTreeMap<usize, Vec<&Grid<'_>>> = BTreeMap::new();
        for (at, of) in &belongs {
            let Some(grid) = sides.get(&(*at, Side::Numerator)) else { continue };
            let members = together.entry(*of).or_default();
            // Where a whole and its part have a cell at one place, that of the whole is taken.
            if at == of { members.insert(0, grid) } else { members.push(grid) }
        }
        // A cell in several lattices is sought in the last, so that the largest come last.
        let (alone, merged): (Vec<_>, Vec<_>) = together.into_iter().partition(|(_, grids)| grids.len() == 1);
        for (of, grids) in alone.into_iter().chain(merged) {
            let own = left(&|(at, side)| *side == Side::Numerator && belongs.get(at) == Some(&of));
            lattices.push(match grids.as_slice() {
                [grid] => grid.lattice(&own),
                several => Grid::merged(several, tied.areas).lattice(&own),
            });
        }
        self.problem.lattices = lattices;
    }

    /// A sum over measures, in every area, breakdown and period of the whole; gives what the parts leave.
    fn measure_sum<'a>(
        &mut self,
        sum: &MeasureSum,
        (of_sums, side): (bool, Side),
        tied: &Tied<'_>,
        sides: &BTreeMap<(usize, Side), Grid<'a>>,
    ) -> Vec<Rest<'a>> {
        let place = |id: &str| tied.place(id, of_sums);
        if of_sums && sum.parts.iter().any(|part| place(&part.measure).is_none()) {
            return Vec::new();
        }
        let of = |id: &str| place(id).and_then(|place| sides.get(&(place, side)));
        if sum.parts.iter().any(|part| of(&part.measure).is_none()) {
            return Vec::new();
        }
        let (Some(wholes), Some(whole)) =
            (of(&sum.whole), place(&sum.whole).and_then(|place| tied.measures.get(place)))
        else {
            return Vec::new();
        };
        let parts: Vec<Addend<'_, '_>> = sum
            .parts
            .iter()
            .filter_map(|part| Some(Addend::new(part.breakdown.as_deref(), of(&part.measure)?, tied.areas)))
            .collect();
        let mut series: Vec<Series<'a>> = Vec::new();
        for ((area, breakdown, period), total) in wholes.iter() {
            // With one part there can be a sum for each level of areas within; with more, the first of each is taken.
            let found: Vec<Vec<(Along, Vec<u32>)>> =
                parts.iter().map(|part| part.of(&(area, breakdown, period))).collect();
            let ways = if found.len() == 1 { found.first().map_or(0, Vec::len) } else { 1 };
            for way in 0..ways {
                let taken: Vec<&(Along, Vec<u32>)> = found.iter().filter_map(|part| part.get(way)).collect();
                let Some((along, _)) = taken.first().copied() else { continue };
                let cells: Vec<u32> = taken.iter().flat_map(|(_, cells)| cells).copied().collect();
                let known = series
                    .iter_mut()
                    .rev()
                    .find(|own| own.area == area && own.breakdown == breakdown && own.along == *along);
                match known {
                    Some(own) => own.sums.push((period, total, cells)),
                    None => series.push(Series {
                        area,
                        breakdown,
                        along: along.clone(),
                        sums: vec![(period, total, cells)],
                    }),
                }
            }
        }
        self.series(series, whole.rule)
    }

    /// Totals with their parts along time; gives what the parts leave. Where they leave something in one period, nobody
    /// knows that they leave nothing in another.
    fn series<'a>(&mut self, series: Vec<Series<'a>>, rule: &Rule) -> Vec<Rest<'a>> {
        let mut rests = Vec::new();
        for Series { area, breakdown, along, sums } in series {
            let leaves =
                sums.iter().any(|(_, total, parts)| !parts.is_empty() && self.rest(*total, parts) > 0);
            for (period, total, parts) in sums {
                if let Some(cell) = self.sum(total, &parts, rule, (true, leaves)) {
                    rests.push(Rest { area, breakdown, period, along: along.clone(), cell });
                }
            }
        }
        rests
    }

    /// Cells and sums of one side of the figures of the measure that was laid out last.
    fn side<'a>(
        &mut self,
        tied: &Tied<'a>,
        family: &[usize],
        number: usize,
        side: Side,
    ) -> Result<(Grid<'a>, Vec<Rest<'a>>), FiguresError> {
        let Some(measure) = tied.measures.get(number) else {
            return Ok((Grid::new(&[], tied.areas), Vec::new()));
        };
        let rule = measure.rule;
        let Some(all) = tied.all.get(number) else {
            return Ok((Grid::new(&[], tied.areas), Vec::new()));
        };
        let mut grid = Grid::new(&all.figures, tied.areas);
        let mut counts: Vec<Option<i64>> = vec![None; grid.places()];
        for (place, count) in counts.iter_mut().enumerate() {
            let Some(figure) = grid.figure(place).and_then(|at| all.figures.get(at)) else { continue };
            let Some(told) = side.of(figure) else { continue };
            *count = Some(whole(told).ok_or_else(|| FiguresError::BadCount {
                measure: measure.id.to_owned(),
                area: figure.area.clone(),
                period: figure.period.to_string(),
            })?);
        }
        let (shown_before, withheld_before) = before(measure, side, &grid, &counts);
        let shared = self.shared(tied, family, number, side);
        for (place, count) in counts.iter().enumerate() {
            let (Some(count), Some(at)) = (*count, grid.figure(place)) else { continue };
            let Some(figure) = measure.figures.get(at) else {
                let from = at.checked_sub(measure.figures.len()).and_then(|at| all.from.get(at));
                if let Some((edition, figure)) = from {
                    let (edition, figure) = (index(*edition), index(*figure));
                    let cell = self.known_before(
                        Named::Before { measure: index(number), edition, figure },
                        count,
                        rule,
                    );
                    grid.set(place, cell);
                }
                continue;
            };
            let mut sensitive = rule.threshold.is_some_and(|rule| rule.is_sensitive(count));
            let denominator = figure.denominator.and_then(whole).unwrap_or(i64::MAX);
            sensitive |= denominator > 0 && denominator < rule.least_denominator;
            let dominated = side == Side::Numerator && figure.is_dominated();
            sensitive |= dominated;
            let is_known = shown_before.get(place).copied().unwrap_or_default() || rule.threshold.is_none();
            let is_held = withheld_before.get(place).copied().unwrap_or_default();
            let own = Cell {
                order: 0,
                count: Some(count),
                standing: match (is_known, is_held) {
                    (true, _) => Standing::Known,
                    (false, true) => Standing::Held,
                    (false, false) => Standing::Publishable,
                },
                sensitive: sensitive && !is_known,
                need: need(rule, dominated.then_some(count)),
                weight: grid.weight(place),
            };
            let cell = match shared.get(&at) {
                Some(cell) => {
                    self.share(*cell, &own);
                    *cell
                }
                None => self.cell(Named::Of { measure: index(number), figure: index(at), side }, own),
            };
            grid.set(place, cell);
            if let Some(told) = side.of(figure).filter(|told| told.fract() != 0.0) {
                self.fractions.insert(cell, told);
            }
            let Some(laid) = self.measures.last_mut() else { continue };
            if sensitive && rule.threshold.is_some() {
                laid.sensitive.push((at, side));
            }
            if let Some(own) = laid.cells.get_mut(at) {
                match side {
                    Side::Numerator => own.0 = Some(cell),
                    Side::Denominator => own.1 = Some(cell),
                }
            }
        }
        let rests = self.series(grid.sums(), rule);
        for relation in grid.steps() {
            self.tie(relation, rule);
        }
        for edition in 0..measure.earlier.len() {
            self.earlier(number, measure, edition, side, &grid, tied.areas);
        }
        Ok((grid, rests))
    }

    /// What an earlier release showed at a place where nothing stands any more.
    fn known_before(&mut self, named: Named, count: i64, rule: &Rule) -> u32 {
        let cell = Cell {
            order: 0,
            count: Some(count),
            standing: Standing::Known,
            sensitive: false,
            need: need(rule, None),
            weight: 1,
        };
        self.cell(named, cell)
    }

    /// By figure, the cell that it has already under another name.
    fn shared(
        &mut self,
        tied: &Tied<'_>,
        family: &[usize],
        number: usize,
        side: Side,
    ) -> HashMap<usize, u32> {
        let mut shared: HashMap<usize, u32> = HashMap::new();
        let mut equal = Vec::new();
        for link in tied.links.iter().filter(|link| link.part.measure == number && link.part.side == side) {
            let laid = family.iter().position(|at| *at == link.whole.measure);
            let Some(laid) = laid.and_then(|at| self.measures.get(at)) else { continue };
            for (whole, part) in &link.figures {
                let Some(cell) = laid.cell(*whole, link.whole.side) else { continue };
                let first = *shared.entry(*part).or_insert(cell);
                if first != cell {
                    equal.push((first, cell));
                }
            }
        }
        for (one, other) in equal {
            self.relate(Relation::sum(one, vec![other]));
        }
        shared
    }

    /// One count under a further name: it is withheld when one of them is to be, and known when one of them is.
    fn share(&mut self, cell: u32, own: &Cell) {
        let Some(cell) = self.problem.cells.get_mut(cell as usize) else { return };
        cell.standing = match (cell.standing, own.standing) {
            (Standing::Known, _) | (_, Standing::Known) => Standing::Known,
            (Standing::Held, _) | (_, Standing::Held) => Standing::Held,
            (standing, _) => standing,
        };
        cell.sensitive = (cell.sensitive || own.sensitive) && cell.standing != Standing::Known;
        cell.need.at_least = cell.need.at_least.max(own.need.at_least);
        cell.need.at_most = cell.need.at_most.min(own.need.at_most);
        cell.weight = cell.weight.max(own.weight);
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
        let is_open = |figure: &Figure| side.of(figure).is_some() && rounded_to(&figure.note).is_none();
        let hidden: BTreeSet<Key<'_>> = shown.iter().filter(|figure| !is_open(figure)).map(key).collect();
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
            let told = side.of(figure).and_then(whole);
            let rounded = told.zip(rounded_to(&figure.note));
            let seen = told.filter(|_| rounded.is_none());
            let fits = |count: i64| rounded.is_none_or(|(told, base)| round_to_base(count, base) == told);
            let before = seen.or_else(|| counted.get(&key(figure)).copied().filter(|count| fits(*count)));
            // Of a rounded count of which nothing else is known, and which is none that stands now, what was told is taken.
            let before = before.or_else(|| told.filter(|_| !count.is_some_and(fits)));
            // What was withheld then is held to be what it is now, where nothing else is known.
            let Some(before) = before.filter(|before| count != Some(*before)) else {
                if let (Some(cell), Some((told, base))) = (current, rounded) {
                    self.rounded.push((cell, told, base));
                }
                cells.push(current);
                continue;
            };
            changed = true;
            let named = Named::Before { measure: index(number), edition: index(edition), figure: index(at) };
            // Of an amount that was withheld nobody knows any more for whom.
            let is_small = measure.rule.threshold.is_some_and(|rule| rule.is_sensitive(before))
                || (measure.rule.dominance.is_some() && before > 0);
            let cell = Cell {
                order: 0,
                count: Some(before),
                standing: if seen.is_some() { Standing::Known } else { Standing::Unpublished },
                sensitive: told.is_none() && is_small,
                need: need(measure.rule, None),
                weight: 1,
            };
            let cell = self.cell(named, cell);
            self.rounded.extend(rounded.map(|(told, base)| (cell, told, base)));
            cells.push(Some(cell));
        }
        if changed {
            let mut grid = Grid::new(shown, areas);
            for place in 0..grid.places() {
                let cell = grid.figure(place).and_then(|at| cells.get(at).copied().flatten());
                if let Some(cell) = cell {
                    grid.set(place, cell);
                }
            }
            for (_, total, parts) in grid.sums().into_iter().flat_map(|series| series.sums) {
                self.tie(Relation::sum(total, parts), measure.rule);
            }
            for relation in grid.steps() {
                self.tie(relation, measure.rule);
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
            if let Some(cell) = self.problem.cells.get_mut(cell as usize).filter(|cell| cell.sensitive) {
                (cell.standing, cell.sensitive) = (Standing::Known, false);
            }
        }
        // A figure whose count is given away is withheld all the same.
        self.tell();
        Ok(())
    }

    /// Withholds the whole series of each of these cells, so that there is more to cover them with.
    pub(super) fn widen(&mut self, tied: &Tied<'_>, cells: &[u32]) {
        let mut wanted: BTreeSet<(u32, String, String)> = BTreeSet::new();
        for cell in cells {
            let mut at = *cell;
            // What is left of a total is covered by its parts.
            while let Some(Named::Rest(total)) = self.names.get(at as usize) {
                at = *total;
            }
            if let Some((measure, figure)) = self.figure(tied, at) {
                wanted.insert((measure, figure.area.clone(), figure.breakdown.clone()));
            }
        }
        for at in 0..self.problem.cells.len() {
            let series = self
                .figure(tied, index(at))
                .map(|(measure, figure)| (measure, figure.area.clone(), figure.breakdown.clone()));
            let Some(cell) = self.problem.cells.get_mut(at) else { continue };
            if cell.standing == Standing::Publishable
                && cell.count.is_some_and(|count| count > 0)
                && series.is_some_and(|series| wanted.contains(&series))
            {
                cell.standing = Standing::Held;
            }
        }
    }

    /// Withholds the sums of figures whose base is withheld; whether there were any that were not.
    pub(super) fn go_together(&mut self, tied: &Tied<'_>, family: &[usize], found: &Protection) -> bool {
        let mut more = false;
        for (place, at) in family.iter().enumerate() {
            let base = at.checked_sub(1).and_then(|base| family.iter().position(|own| *own == base));
            let Some(base) = base.filter(|_| tied.components.get(*at).is_some_and(Component::is_sums)) else {
                continue;
            };
            let (Some(bases), Some(sums)) = (self.measures.get(base), self.measures.get(place)) else {
                continue;
            };
            for (figure, (sum, _)) in sums.cells.iter().enumerate() {
                let base = bases.cell(figure, Side::Numerator);
                let is_hidden = base.and_then(|base| found.status.get(base as usize));
                let goes = is_hidden.is_some_and(|status| status.is_hidden())
                    || bases.told.binary_search(&(figure, Side::Numerator)).is_ok();
                if let Some(sum) =
                    sum.filter(|_| goes).and_then(|sum| self.problem.cells.get_mut(sum as usize))
                    && sum.standing == Standing::Publishable
                {
                    sum.standing = Standing::Held;
                    more = true;
                }
            }
        }
        more
    }

    /// The figure that a cell is a count of, with the place of its measure.
    fn figure<'a>(&self, tied: &Tied<'a>, cell: u32) -> Option<(u32, &'a Figure)> {
        let Some(Named::Of { measure, figure, .. }) = self.names.get(cell as usize) else { return None };
        Some((*measure, tied.measures.get(*measure as usize)?.figures.get(*figure as usize)?))
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

    /// What an audience sees of each cell when all counts of a family are rounded; none of them is to be told exactly,
    /// whatever its size, but those that it knows already.
    pub(super) fn seen_rounded(&mut self, tied: &Tied<'_>, family: &[usize]) -> Vec<Seen> {
        let mut told = self.rounded.clone();
        for (laid, at) in self.measures.iter().zip(family) {
            let Some(base) = tied.measures.get(*at).and_then(|own| own.rule.rounding) else { continue };
            for cell in laid.cells.iter().flat_map(|(numerator, denominator)| [*numerator, *denominator]) {
                let count = cell.and_then(|cell| self.problem.cells.get(cell as usize)?.count);
                told.extend(cell.zip(count).map(|(cell, count)| (cell, round_to_base(count, base), base)));
            }
        }
        let is_known = |cell: &Cell| cell.standing == Standing::Known;
        let cells = &mut self.problem.cells;
        let mut seen: Vec<Seen> =
            cells.iter().map(|cell| if is_known(cell) { Seen::Exactly } else { Seen::Unasked }).collect();
        for (cell, rounded, base) in told {
            let (Some(seen), Some(cell)) = (seen.get_mut(cell as usize), cells.get_mut(cell as usize)) else {
                continue;
            };
            let (low, high) = behind_rounded(rounded, base);
            *seen = match *seen {
                Seen::Exactly => continue,
                Seen::Between(least, most) => Seen::Between(low.max(least), high.min(most)),
                Seen::Hidden | Seen::Unasked => Seen::Between(low, high),
            };
            cell.sensitive = true;
            cell.need = Need { at_least: 0, at_most: i64::MAX, width: 1 };
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
                let count = tied.components.get(*at as usize).map_or("a count", |own| own.word(*side));
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

    /// A count as it is, where it is no whole number.
    fn exact(&self, cell: u32) -> f64 {
        self.fractions.get(&cell).copied().unwrap_or_else(|| self.count(cell) as f64)
    }

    /// What published parts leave of their total; negative where they overlap.
    fn rest(&self, total: u32, parts: &[u32]) -> i64 {
        self.count(total) - parts.iter().map(|part| self.count(*part)).sum::<i64>()
    }

    /// A total with its published parts, and the rest that they leave, which is given; parts that come to more overlap, and
    /// tell nothing. A rest is protected where it is wanted, and stands also where it is nothing when that is not known.
    fn sum(
        &mut self,
        total: u32,
        parts: &[u32],
        rule: &Rule,
        (protect_rest, may_leave): (bool, bool),
    ) -> Option<u32> {
        let rest = self.rest(total, parts);
        let left_over = self.exact(total) - parts.iter().map(|part| self.exact(*part)).sum::<f64>();
        let is_exact = !self.fractions.is_empty() && left_over.abs() < 1e-6;
        if parts.is_empty() || rest < 0 || (rest > 0 && (is_exact || rest <= slack(rule, parts.len()))) {
            if !parts.is_empty() {
                self.tie(Relation::sum(total, parts.to_vec()), rule);
            }
            return None;
        }
        let mut parts = parts.to_vec();
        // One cell twice in a sum: the second time it is another cell that equals it.
        let mut seen = BTreeSet::new();
        for part in &mut parts {
            if !seen.insert(*part) {
                *part = self.copy(*part);
            }
        }
        let mut whole = vec![total];
        if seen.contains(&total) {
            // The total is one of its parts under another name: the others are nothing.
            parts.retain(|part| *part != total);
            whole.clear();
        }
        let mut left = None;
        if rest > 0 || (may_leave && !whole.is_empty()) {
            // Nobody says who makes up what is left of an amount.
            let is_small = rule.threshold.is_some_and(|rule| rule.is_sensitive(rest))
                || (rule.dominance.is_some() && rest > 0);
            let sensitive = protect_rest && is_small;
            let cell = Cell {
                order: 0,
                count: Some(rest),
                standing: Standing::Unpublished,
                sensitive,
                need: need(rule, Some(rest).filter(|rest| *rest > 0)),
                weight: 1,
            };
            let cell = self.cell(Named::Rest(total), cell);
            parts.push(cell);
            left = Some(cell);
        }
        if !parts.is_empty() {
            self.problem.relations.push(Relation { whole, parts });
        }
        left
    }

    /// A further cell that equals one.
    fn copy(&mut self, of: u32) -> u32 {
        let Some(own) = self.problem.cells.get(of as usize).copied() else { return of };
        let named = self.names.get(of as usize).copied().unwrap_or(Named::Rest(of));
        let cell = Cell { standing: Standing::Unpublished, sensitive: false, ..own };
        let copy = self.cell(named, cell);
        self.problem.relations.push(Relation::sum(copy, vec![of]));
        copy
    }

    /// A relation, where it holds. Cases that overlap, such as persons with two crimes, do not add up, and sums for which they
    /// stand may all the same: how many are told twice is then taken to be known. So is what amounts lack of their sum
    /// because they are no whole numbers.
    fn tie(&mut self, mut relation: Relation, rule: &Rule) {
        let sum = |cells: &[u32]| cells.iter().map(|cell| self.count(*cell)).sum::<i64>();
        let over = sum(&relation.parts) - sum(&relation.whole);
        let exact = |cells: &[u32]| cells.iter().map(|cell| self.exact(*cell)).sum::<f64>();
        let is_exact =
            !self.fractions.is_empty() && (exact(&relation.parts) - exact(&relation.whole)).abs() < 1e-6;
        let cells: BTreeSet<u32> = relation.whole.iter().chain(&relation.parts).copied().collect();
        let is_plain = cells.len() == relation.whole.len() + relation.parts.len();
        let overlap = rule.stands_for_sums() && over > 0;
        let may_differ = overlap || is_exact || over.abs() <= slack(rule, cells.len());
        let is_sum = !relation.whole.is_empty() && !relation.parts.is_empty();
        if over == 0 || !may_differ || !is_plain || !is_sum {
            self.relate(relation);
            return;
        }
        let Some(of) = relation.whole.first().copied() else { return };
        let known = Cell {
            order: 0,
            count: Some(over.abs()),
            standing: Standing::Known,
            sensitive: false,
            need: need(rule, None),
            weight: 1,
        };
        let cell = self.cell(Named::Rest(of), known);
        let lacking = if over > 0 { &mut relation.whole } else { &mut relation.parts };
        lacking.push(cell);
        self.problem.relations.push(relation);
    }

    /// A relation, where it holds.
    fn relate(&mut self, relation: Relation) {
        let sum = |cells: &[u32]| cells.iter().map(|cell| self.count(*cell)).sum::<i64>();
        if sum(&relation.whole) == sum(&relation.parts) {
            self.problem.relations.push(relation);
        }
    }
}

/// By place, whether an earlier release showed the count that stands now, and whether one withheld it.
fn before(
    measure: &Measure<'_>,
    side: Side,
    grid: &Grid<'_>,
    counts: &[Option<i64>],
) -> (Vec<bool>, Vec<bool>) {
    // What was shown before and is the same now is known.
    let mut shown_before = vec![false; grid.places()];
    // What was withheld stays so: what covered a count then covers it still, and other cover may be known by now.
    let mut withheld_before = vec![false; grid.places()];
    for edition in measure.earlier {
        let mut finder = grid.finder();
        // A measure that was withheld as a whole was so for want of cover, not as cover.
        let any_shown = edition.shown.iter().any(|figure| figure.numerator.is_some());
        for figure in edition.shown {
            let Some(place) = finder.place(&key(figure)) else { continue };
            if rounded_to(&figure.note).is_some() {
                continue;
            }
            let count = side.of(figure).and_then(whole);
            let marks = match count {
                Some(_) if counts.get(place) == Some(&count) => &mut shown_before,
                None if any_shown && figure.status == assess::Status::Suppressed => &mut withheld_before,
                _ => continue,
            };
            if let Some(mark) = marks.get_mut(place) {
                *mark = true;
            }
        }
    }
    (shown_before, withheld_before)
}

/// By how much amounts of which each was taken to the nearest whole number may miss their sum; nothing for counts.
fn slack(rule: &Rule, cells: usize) -> i64 {
    rule.dominance.map_or(0, |_| i64::try_from(cells / 2 + 1).unwrap_or(i64::MAX))
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
                let is_told = |side: Side| self.told.binary_search(&(at, side)).is_ok();
                if is_told(Side::Numerator) {
                    status.0 = Status::Primary;
                }
                if is_told(Side::Denominator) {
                    status.1 = Status::Primary;
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
                let hidden = Hidden {
                    numerator: status.0.is_hidden() || no_cell,
                    denominator: status.1.is_hidden() || no_denominator,
                    ..Hidden::default()
                };
                withheld(figure, hidden)
            })
            .collect();
        let mut known_from_earlier: Vec<usize> = self.told.iter().map(|(figure, _)| *figure).collect();
        known_from_earlier.dedup();
        Protected {
            figures,
            counts,
            known_from_earlier,
            rounded: false,
            not_rounded: None,
            failed: None,
            audit: None,
        }
    }
}
