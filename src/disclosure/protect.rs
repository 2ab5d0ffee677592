//! Chooses what is withheld: the sensitive cells, and as few others as it finds that leave no way back.
//!
//! One group of tied cells at a time. A single sum follows the house rule, cell by cell. In anything larger, a cell that
//! could be worked out is given room: a change of it is sought that keeps every sum, at the least cost of other cells,
//! and those are withheld too. What turns out not to be needed is shown again; small groups are tried set by set.

use std::sync::Mutex;

use super::audit::{Audit, Change, Seen, audit_with, take};
use super::board::{Board, UNBOUNDED};
use super::bounds::{Extremes, Outer, cap, cheapest_change};
use super::lattice::Hints;
use super::net::{self, Group, groups, index};
use super::search::{CELL, Found, Guide, NEVER, ROUNDS, STEPS, Search, Style, Task};
use super::{Cell, DisclosureError, Effort, Need, Problem, Standing, Status};

/// How many cells there are of each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Published.
    pub shown: usize,
    /// Withheld for their own sake.
    pub primary: usize,
    /// Withheld because of others.
    pub secondary: usize,
}

impl Counts {
    /// How much of what could have been published is withheld, in per cent; nothing of nothing.
    #[must_use]
    pub fn withheld_pct(self) -> f64 {
        let withheld = self.primary + self.secondary;
        100.0 * withheld as f64 / (withheld + self.shown).max(1) as f64
    }
}

/// What is published, what is withheld, and the proof.
#[derive(Debug, Clone, PartialEq)]
pub struct Protection {
    /// By cell, in the order of the problem's list.
    pub status: Vec<Status>,
    /// How many of each.
    pub counts: Counts,
    /// The proof.
    pub audit: Audit,
}

/// Withholds what is sensitive and what would give it back, and proves that it is enough.
///
/// Cells that are tied to no other are withheld when they are sensitive, and that is all.
///
/// # Errors
/// The problem is none, or what is already known gives withheld cells away ([`DisclosureError::Exposed`]).
pub fn protect(problem: &Problem, effort: &Effort) -> Result<Protection, DisclosureError> {
    net::check(problem)?;
    let open: Vec<bool> =
        problem.cells.iter().map(|cell| cell.count.is_some() && cell.standing != Standing::Known).collect();
    let mut status: Vec<Status> = problem.cells.iter().map(first_status).collect();
    let mut exposed: Vec<u32> = problem
        .cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| cell.count.is_some() && cell.sensitive && cell.standing == Standing::Known)
        .map(|(at, _)| index(at))
        .collect();
    let mut proof = Vec::new();
    let counted = problem.cells.iter().map(|cell| cell.count.is_some()).collect();
    let mut guide = Guide { hints: Hints::new(&problem.lattices, counted), search: Search::default() };
    let mut sets = effort.sets;
    for group in groups(problem, &open) {
        let cells: Vec<Cell> = group.cells.iter().map(|cell| problem.cells[*cell as usize]).collect();
        let mut work = Work::new(&group, &cells);
        guide.hints.enter(&group.cells);
        let lost = work.protect(&mut guide, effort, &mut sets);
        guide.hints.leave(&group.cells);
        proof.extend(work.board.log().iter().map(|change| {
            change.iter().map(|(at, by)| (group.cells[*at as usize], *by)).collect::<Change>()
        }));
        exposed.extend(lost.iter().map(|at| group.cells[*at as usize]));
        for (cell, now) in group.cells.iter().zip(&work.status) {
            status[*cell as usize] = *now;
        }
    }
    if !exposed.is_empty() {
        exposed.sort_unstable();
        return Err(DisclosureError::Exposed { cells: exposed });
    }
    let mut counts = Counts::default();
    for status in &status {
        match status {
            Status::Shown => counts.shown += 1,
            Status::Primary => counts.primary += 1,
            Status::Secondary => counts.secondary += 1,
            Status::Unpublished | Status::Absent => {}
        }
    }
    let audit = audit_with(problem, &seen(problem, &status), &proof, effort);
    Ok(Protection { status, counts, audit })
}

/// Protects problems that have nothing to do with one another, on several threads; results come in their order.
///
/// Problems are taken one at a time, so that they need not all be in memory.
pub fn protect_all<P>(problems: P, effort: &Effort) -> Vec<Result<Protection, DisclosureError>>
where
    P: Iterator<Item = Problem> + Send,
{
    let waiting = Mutex::new(problems.enumerate());
    let next = || waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..effort.threads.max(1) {
            scope.spawn(|| {
                while let Some((at, problem)) = next() {
                    let protected = protect(&problem, effort);
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((at, protected));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, protected)| protected).collect()
}

/// What the audience sees under a status; an unpublished cell that is sensitive has to be protected as well.
pub(super) fn seen(problem: &Problem, status: &[Status]) -> Vec<Seen> {
    problem
        .cells
        .iter()
        .zip(status)
        .map(|(cell, status)| match status {
            Status::Unpublished if cell.sensitive => Seen::Hidden,
            status => Seen::from(*status),
        })
        .collect()
}

fn first_status(cell: &Cell) -> Status {
    match (cell.count, cell.standing) {
        (None, _) => Status::Absent,
        (_, Standing::Unpublished) => Status::Unpublished,
        (_, Standing::Publishable | Standing::Held) if cell.sensitive => Status::Primary,
        (_, Standing::Held) => Status::Secondary,
        (_, Standing::Known | Standing::Publishable) => Status::Shown,
    }
}

/// What it costs to withhold a cell: a zero as good as never, a small count less than a large one.
fn price(cell: &Cell) -> u32 {
    let count = cell.count.unwrap_or_default();
    let kind = if count == 0 { 20 * CELL } else { CELL + u32::try_from(count.min(500)).unwrap_or_default() };
    kind.saturating_mul(cell.weight.max(1)).min(NEVER - 1)
}

/// One group at work.
struct Work<'a> {
    /// As the problem has them.
    group: &'a [u32],
    cells: &'a [Cell],
    truth: Vec<i64>,
    prices: Vec<u32>,
    board: Board<'a>,
    status: Vec<Status>,
}

impl<'a> Work<'a> {
    fn new(group: &'a Group, cells: &'a [Cell]) -> Self {
        let truth: Vec<i64> = cells.iter().map(|cell| cell.count.unwrap_or_default()).collect();
        let status: Vec<Status> = cells.iter().map(first_status).collect();
        let high = |(status, truth): (&Status, &i64)| if status.is_hidden() { UNBOUNDED } else { *truth };
        let high: Vec<i64> = status.iter().zip(&truth).map(high).collect();
        let low = status.iter().zip(&truth).map(|(s, t)| if s.is_hidden() { 0 } else { *t }).collect();
        Self {
            group: &group.cells,
            prices: cells.iter().map(price).collect(),
            board: Board::of_truth(&group.net, truth.clone(), low, high),
            truth,
            status,
            cells,
        }
    }

    /// Withholds what is needed; the cells that cannot be protected.
    fn protect(&mut self, guide: &mut Guide<'_>, effort: &Effort, sets: &mut usize) -> Vec<u32> {
        if self.asked().is_empty() || self.board.net.len() == 0 {
            return Vec::new();
        }
        if self.board.net.len() == 1 {
            self.single_sum();
        }
        let mut lost = Vec::new();
        // Cover that is chosen on the way has needs of its own; rounds end because each withholds another cell.
        loop {
            let withheld = self.withheld();
            for at in self.asked() {
                if !lost.contains(&at) && !self.give_room(guide, effort, at) {
                    lost.push(at);
                }
            }
            if self.withheld() == withheld {
                break;
            }
        }
        self.board.reset(&self.truth);
        if lost.is_empty() && self.board.net.len() > 1 {
            self.fewer(guide, effort, sets);
        }
        lost
    }

    fn withheld(&self) -> usize {
        self.status.iter().filter(|status| status.is_hidden()).count()
    }

    /// Cells whose need is to be met, in order.
    fn asked(&self) -> Vec<u32> {
        (0..index(self.cells.len()))
            .filter(|at| match self.status[*at as usize] {
                Status::Primary | Status::Secondary => true,
                Status::Unpublished => self.cells[*at as usize].sensitive,
                Status::Shown | Status::Absent => false,
            })
            .collect()
    }

    fn hide(&mut self, at: u32) {
        self.board.hide(at);
        self.status[at as usize] = Status::Secondary;
    }

    /// The house rule for one sum: withhold until two are withheld and they come to the threshold; the smallest count
    /// first, then a zero, then the total. Vectors: `suppression_1d.json`.
    fn single_sum(&mut self) {
        let members = self.board.net.members(0).to_vec();
        let is_plain = |need: &Need| need.at_most == i64::MAX && need.width == 1;
        if !self.cells.iter().all(|cell| is_plain(&cell.need)) {
            return;
        }
        loop {
            let hidden = || members.iter().filter(|term| self.status[term.at as usize].is_hidden());
            if hidden().any(|term| term.sign < 0) {
                return;
            }
            let sum: i64 = hidden().map(|term| self.truth[term.at as usize]).sum();
            let threshold = hidden().map(|term| self.cells[term.at as usize].need.at_least).max();
            if hidden().count() >= 2 && sum >= threshold.unwrap_or_default() {
                return;
            }
            let shown = || members.iter().filter(|term| !self.status[term.at as usize].is_hidden());
            let count = |at: u32| self.truth[at as usize];
            let part = shown().filter(|term| term.sign > 0);
            let next = part
                .min_by_key(|term| (count(term.at) == 0, count(term.at), term.at))
                .or_else(|| shown().find(|term| term.sign < 0))
                .map(|term| term.at);
            let Some(next) = next else { return };
            self.hide(next);
        }
    }

    /// Makes a cell's need true, withholding others where it must; `false` when nothing serves.
    fn give_room(&mut self, guide: &mut Guide<'_>, effort: &Effort, at: u32) -> bool {
        let need = self.cells[at as usize].need;
        while !self.is_open_enough(guide, effort, at, need) {
            self.board.reset(&self.truth);
            // Part of the way may need no cover; the rest is sought from there. Every step goes further than before.
            let mut covered = false;
            for _ in 0..ROUNDS {
                let Some(wanted) = self.board.wanted(at, need) else { return true };
                let by = wanted - self.board.value(at);
                let Some(cover) = self.cheapest(guide, effort, at, by) else { return false };
                if !cover.is_empty() {
                    covered = true;
                    break;
                }
            }
            if !covered {
                return false;
            }
        }
        true
    }

    /// Whether a cell's need is met by what is withheld already.
    fn is_open_enough(&mut self, guide: &mut Guide<'_>, effort: &Effort, at: u32, need: Need) -> bool {
        guide.exhibit(&mut self.board, self.group, &self.truth, at, need) || self.solve(effort, at, need)
    }

    /// Asks the solver for whole-number tables, in a small group.
    fn solve(&mut self, effort: &Effort, at: u32, need: Need) -> bool {
        // The solver is given the whole group; the audit, which knows only what is open, can do with less.
        if self.cells.len() > 4 * effort.solver_cells {
            return false;
        }
        let open = (0..index(self.cells.len())).filter(|cell| self.board.is_open(*cell)).count();
        if open > effort.solver_cells {
            return false;
        }
        let (low, high) = self.board.limits();
        let outer = Outer::new(self.board.net, low, high);
        if outer.high[at as usize] < need.at_least
            || outer.low[at as usize] > need.at_most
            || outer.high[at as usize].saturating_sub(outer.low[at as usize]) < need.width
        {
            return false;
        }
        Extremes::of(self.board.net, &outer, at, cap(&self.truth, need))
            .is_some_and(|ends| take(&mut self.board, &self.truth, at, need, &ends))
    }

    /// The cheapest cover that lets a cell change by `by`, or as much of it as can be had.
    fn cheapest(&mut self, guide: &mut Guide<'_>, effort: &Effort, at: u32, by: i64) -> Option<Vec<u32>> {
        let wanted = by;
        let mut by = by;
        let mut best: Option<Found> = None;
        while by != 0 && best.is_none() {
            best = guide.change(&self.board, self.group, (at, by), Some(&self.prices));
            by /= 2;
        }
        if best.is_none() {
            let task = Task {
                start: &[(at, self.cells[at as usize].need.at_least.max(1))],
                prices: Some(&self.prices),
                style: Style::Upward,
                below: u64::MAX,
                steps: 20 * STEPS,
            };
            if guide.search.find(&self.board, &task) {
                best = Some(guide.search.found());
            }
        }
        let best = best.or_else(|| self.by_program(effort, at, wanted));
        let Found { cover, steps, .. } = best?;
        for cell in &cover {
            self.hide(*cell);
        }
        // The change is a completion now that its cover is withheld.
        self.board.apply(&steps).then_some(cover)
    }

    /// The cheapest cover by linear programming, where the search has none, in a group of moderate size.
    fn by_program(&self, effort: &Effort, at: u32, by: i64) -> Option<Found> {
        if self.cells.len() > 4 * effort.solver_cells {
            return None;
        }
        let all = || 0..index(self.cells.len());
        let is_free = |cell: u32| self.board.is_open(cell);
        let value: Vec<i64> = all().map(|cell| self.board.value(cell)).collect();
        let low = vec![0; self.cells.len()];
        let high: Vec<i64> = all()
            .map(|cell| match self.cells[cell as usize].standing {
                Standing::Known => value[cell as usize],
                _ => UNBOUNDED,
            })
            .collect();
        // Change among what is withheld already is as good as free; the least of it is taken.
        let price: Vec<f64> = all()
            .map(|cell| if is_free(cell) { 0.01 } else { f64::from(self.prices[cell as usize]) })
            .collect();
        let steps = cheapest_change(self.board.net, &value, (&low, &high), &price, (at, by))?;
        let cover: Vec<u32> = steps.iter().map(|(cell, _)| *cell).filter(|cell| !is_free(*cell)).collect();
        let cost = cover.iter().map(|cell| u64::from(self.prices[*cell as usize])).sum();
        Some(Found { cost, cover, steps })
    }

    /// Shows again what need not be withheld: first cell by cell, then by trying smaller sets.
    fn fewer(&mut self, guide: &mut Guide<'_>, effort: &Effort, sets: &mut usize) {
        let mut cover: Vec<u32> = self.chosen();
        if cover.is_empty() || cover.len() > *sets || self.withheld() > effort.solver_cells {
            return;
        }
        cover.sort_by_key(|at| (std::cmp::Reverse(self.prices[*at as usize]), *at));
        *sets -= cover.len();
        for at in cover {
            self.board.forget(&self.truth);
            self.show(at);
            if !self.is_protected(guide, effort) {
                self.board.forget(&self.truth);
                self.hide(at);
            }
        }
        self.smallest(guide, sets);
        self.board.forget(&self.truth);
    }

    /// Cover that was chosen here, in order.
    fn chosen(&self) -> Vec<u32> {
        (0..index(self.cells.len()))
            .filter(|at| {
                self.status[*at as usize] == Status::Secondary
                    && self.cells[*at as usize].standing == Standing::Publishable
            })
            .collect()
    }

    fn show(&mut self, at: u32) {
        self.board.show(at);
        self.status[at as usize] = Status::Shown;
    }

    /// Whether every need is met, from the true values on.
    fn is_protected(&mut self, guide: &mut Guide<'_>, effort: &Effort) -> bool {
        let asked = self.asked();
        // A sum with one open cell gives it away.
        let given_away =
            |at: &u32| self.board.net.relations(*at).iter().any(|term| self.board.open_in(term.at) == 1);
        if asked.iter().any(given_away) {
            return false;
        }
        asked.iter().all(|at| self.is_open_enough(guide, effort, *at, self.cells[*at as usize].need))
    }

    /// Tries every set of cover that is smaller than the one there is, or as large and cheaper, as far as the effort
    /// allows, and takes the best.
    fn smallest(&mut self, guide: &mut Guide<'_>, sets: &mut usize) {
        let mut best = self.chosen();
        let candidates: Vec<u32> = (0..index(self.cells.len()))
            .filter(|at| {
                let cell = &self.cells[*at as usize];
                cell.standing == Standing::Publishable && !cell.sensitive && cell.count != Some(0)
            })
            .collect();
        let cost = |set: &[u32]| set.iter().map(|at| u64::from(self.prices[*at as usize])).sum::<u64>();
        let mut least = cost(&best);
        for at in best.clone() {
            self.board.forget(&self.truth);
            self.show(at);
        }
        for size in 1..=best.len() {
            let tries = ways(candidates.len(), size);
            if tries > *sets {
                break;
            }
            *sets -= tries;
            let mut found = false;
            for_each_set(&candidates, size, &mut |set| {
                let price = set.iter().map(|at| u64::from(self.prices[*at as usize])).sum::<u64>();
                if price >= least && (found || set.len() >= best.len()) {
                    return;
                }
                self.board.forget(&self.truth);
                for at in set {
                    self.hide(*at);
                }
                if self.is_protected(guide, &Effort { solver_cells: 0, ..Effort::default() }) {
                    best = set.to_vec();
                    least = price;
                    found = true;
                }
                self.board.forget(&self.truth);
                for at in set {
                    self.show(*at);
                }
            });
            if found {
                break;
            }
        }
        for at in best {
            self.hide(at);
        }
    }
}

/// In how many ways `size` of `all` can be taken, or more than any effort.
fn ways(all: usize, size: usize) -> usize {
    let mut ways: usize = 1;
    for taken in 0..size.min(all) {
        ways = ways.saturating_mul(all - taken) / (taken + 1);
    }
    if size > all { 0 } else { ways }
}

/// Calls `with` for each set of `size` of them, in order.
fn for_each_set(of: &[u32], size: usize, with: &mut impl FnMut(&[u32])) {
    fn extend(of: &[u32], size: usize, set: &mut Vec<u32>, with: &mut impl FnMut(&[u32])) {
        if size == 0 {
            with(set);
            return;
        }
        for (at, cell) in of.iter().enumerate() {
            if of.len() - at < size {
                break;
            }
            set.push(*cell);
            extend(of.get(at + 1..).unwrap_or_default(), size - 1, set, with);
            set.pop();
        }
    }
    extend(of, size, &mut Vec::with_capacity(size), with);
}
