//! Finds changes that keep every sum: a cell goes up, and others go up and down until nothing is out of balance.
//!
//! A search that finds nothing proves nothing; one that finds something is believed by nobody but [`Board::apply`].

use super::Need;
use super::board::Board;
use super::lattice::Hints;
use super::net::{Term, index};

/// Which sum is mended first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// The one with the fewest ways to mend it.
    Tightest,
    /// The one that was upset last.
    Latest,
    /// As `Latest`, and only by raising totals: this ends wherever the totals may go.
    Upward,
}

/// What a cell that is not to be withheld costs.
pub(super) const NEVER: u32 = u32::MAX;

/// Price of one more plain cell.
pub(super) const CELL: u32 = 1000;

/// What is still to be mended where a sum can be mended among withheld cells, and where it cannot.
const MENDABLE: i64 = 50;
const STUCK: i64 = 1000;

/// How often one cell may change on the way.
const CHANGES: u8 = 2;

/// Room to work in, kept from search to search.
#[derive(Debug, Default)]
pub(super) struct Search {
    change: Vec<i64>,
    times: Vec<u8>,
    touched: Vec<u32>,
    balance: Vec<i64>,
    place: Vec<u32>,
    upset: Vec<u32>,
    mended: Vec<u32>,
    steps: Vec<(u32, i64)>,
    cover: Vec<u32>,
    cost: u64,
}

/// A change that keeps every sum.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// What it costs to withhold its cover.
    pub(super) cost: u64,
    /// Cells that have to be withheld for it, in order.
    pub(super) cover: Vec<u32>,
    /// Cells, and by how much each changes.
    pub(super) steps: Vec<(u32, i64)>,
}

/// What a search is to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task<'a> {
    /// The change to begin with: cells, and by how much each.
    pub(super) start: &'a [(u32, i64)],
    /// What other cells cost to withhold; `None` when no more may be.
    pub(super) prices: Option<&'a [u32]>,
    /// Which way to go.
    pub(super) style: Style,
    /// A search that costs this much or more is given up.
    pub(super) below: u64,
    /// How many changes are tried.
    pub(super) steps: usize,
}

impl Search {
    /// Looks for a change; what it found stands in `steps`, `cover` and `cost`.
    pub(super) fn find(&mut self, board: &Board<'_>, task: &Task<'_>) -> bool {
        self.clear(board);
        let found = self.mend_all(board, task);
        if found {
            let mut touched = std::mem::take(&mut self.touched);
            touched.sort_unstable();
            for cell in &touched {
                let by = self.change[*cell as usize];
                if by != 0 {
                    self.steps.push((*cell, by));
                    if !board.is_open(*cell) {
                        self.cover.push(*cell);
                    }
                }
            }
            self.touched = touched;
        }
        found
    }

    /// What the last search found.
    pub(super) fn found(&self) -> Found {
        Found { cost: self.cost, cover: self.cover.clone(), steps: self.steps.clone() }
    }

    fn clear(&mut self, board: &Board<'_>) {
        for cell in self.touched.drain(..) {
            self.change[cell as usize] = 0;
            self.times[cell as usize] = 0;
        }
        for relation in self.mended.drain(..) {
            self.balance[relation as usize] = 0;
            self.place[relation as usize] = u32::MAX;
        }
        // Only now: what was marked above belongs to the group before, which may have been larger.
        self.change.resize(board.net.cells(), 0);
        self.times.resize(board.net.cells(), 0);
        self.balance.resize(board.net.len(), 0);
        self.place.resize(board.net.len(), u32::MAX);
        self.upset.clear();
        self.steps.clear();
        self.cover.clear();
        self.cost = 0;
    }

    fn mend_all(&mut self, board: &Board<'_>, task: &Task<'_>) -> bool {
        for (cell, by) in task.start {
            let value = board.value(*cell).saturating_add(*by);
            if board.is_open(*cell) {
                if !board.admits(*cell, value) {
                    return false;
                }
            } else {
                match task.prices.map(|prices| prices[*cell as usize]) {
                    None | Some(NEVER) => return false,
                    Some(_) if value < 0 => return false,
                    Some(price) => self.cost += u64::from(price),
                }
            }
            self.change_cell(board, *cell, *by);
            // Its change is given.
            self.times[*cell as usize] = CHANGES;
        }
        for _ in 0..task.steps {
            let Some(relation) = self.next_upset(board, task.style) else { return true };
            let Some((cell, by, price)) = self.best(board, task, relation) else { return false };
            self.cost += u64::from(price);
            if self.cost >= task.below {
                return false;
            }
            self.change_cell(board, cell, by);
        }
        self.upset.is_empty()
    }

    fn next_upset(&self, board: &Board<'_>, style: Style) -> Option<u32> {
        match style {
            Style::Tightest => {
                self.upset.iter().rev().copied().min_by_key(|relation| board.open_in(*relation))
            }
            Style::Latest | Style::Upward => self.upset.last().copied(),
        }
    }

    /// The best change of one cell that mends a relation, and what it costs to withhold that cell.
    fn best(&self, board: &Board<'_>, task: &Task<'_>, relation: u32) -> Option<(u32, i64, u32)> {
        let missing = -self.balance[relation as usize];
        let mut best: Option<(i64, u32, i64, u32)> = None;
        for term in board.net.members(relation) {
            let cell = term.at;
            if self.times[cell as usize] >= CHANGES {
                continue;
            }
            let by = missing * i64::from(term.sign);
            // To undo a change would mend what it upset, and lead nowhere.
            if self.change[cell as usize].signum() * by < 0 {
                continue;
            }
            if task.style == Style::Upward && (by < 0 || term.sign > 0) {
                continue;
            }
            let value = board.value(cell) + self.change[cell as usize] + by;
            let price = if board.is_open(cell) {
                if !board.admits(cell, value) {
                    continue;
                }
                0
            } else {
                match task.prices.map(|prices| prices[cell as usize]) {
                    None | Some(NEVER) => continue,
                    Some(_) if value < 0 => continue,
                    Some(_) if self.change[cell as usize] != 0 => 0,
                    Some(price) => price,
                }
            };
            let Some(work) = self.work(board, cell, by, task.prices.is_some()) else { continue };
            let score = i64::from(price) + work;
            if best.is_none_or(|(least, ..)| score < least) {
                best = Some((score, cell, by, price));
            }
        }
        best.map(|(_, cell, by, price)| (cell, by, price))
    }

    /// What a change leaves to be mended, less what it mends; `None` when it leaves what nothing can mend.
    fn work(&self, board: &Board<'_>, cell: u32, by: i64, may_hide: bool) -> Option<i64> {
        let mut work = 0;
        let own = u32::from(board.is_open(cell));
        for Term { at, sign } in board.net.relations(cell) {
            let before = self.balance[*at as usize];
            let after = before + i64::from(*sign) * by;
            if (before == 0) == (after == 0) {
                continue;
            }
            let stuck = board.open_in(*at) <= own;
            if stuck && !may_hide && after != 0 {
                return None;
            }
            let weight = if stuck { STUCK } else { MENDABLE };
            work += if after == 0 { -weight } else { weight };
        }
        Some(work)
    }

    fn change_cell(&mut self, board: &Board<'_>, cell: u32, by: i64) {
        if self.times[cell as usize] == 0 {
            self.touched.push(cell);
        }
        self.times[cell as usize] += 1;
        self.change[cell as usize] += by;
        for Term { at, sign } in board.net.relations(cell) {
            let relation = *at as usize;
            let before = self.balance[relation];
            let after = before + i64::from(*sign) * by;
            self.balance[relation] = after;
            if before == 0 && after != 0 {
                self.place[relation] = index(self.upset.len());
                self.upset.push(*at);
                self.mended.push(*at);
            } else if before != 0 && after == 0 {
                let place = self.place[relation] as usize;
                self.upset.swap_remove(place);
                if let Some(moved) = self.upset.get(place) {
                    self.place[*moved as usize] = index(place);
                }
            }
        }
    }
}

/// How many completions are tried for one cell.
pub(super) const ROUNDS: usize = 48;

/// How many changes one completion may take from another.
pub(super) const STEPS: usize = 400;

/// Where a cell is, and what helps to move it.
#[derive(Debug)]
pub(super) struct Guide<'a> {
    /// What is known of how cells lie.
    pub(super) hints: Hints<'a>,
    /// Room to work in.
    pub(super) search: Search,
}

impl Guide<'_> {
    /// The cheapest change of a cell by exactly `by` that was found.
    ///
    /// `cells` are the cells of the group, as the problem has them.
    pub(super) fn change(
        &mut self,
        board: &Board<'_>,
        cells: &[u32],
        (at, by): (u32, i64),
        prices: Option<&[u32]>,
    ) -> Option<Found> {
        let mut best: Option<Found> = None;
        if let Some((_, start)) = self.hints.find(board, cells[at as usize], by, prices) {
            let task = Task { start: &start, prices, style: Style::Tightest, below: u64::MAX, steps: STEPS };
            if self.search.find(board, &task) {
                best = Some(self.search.found());
            }
        }
        // Where a lattice has no answer, going from neighbour to neighbour rarely has one, and takes long in a large group.
        let worth_while = prices.is_some() || board.net.cells() <= SMALL;
        let last_resort = self.hints.is_empty() || (by.abs() == 1 && worth_while);
        if (best.is_none() && last_resort) || (self.hints.is_empty() && prices.is_some()) {
            let styles: &[Style] =
                if self.hints.is_empty() { &[Style::Tightest, Style::Latest] } else { &[Style::Tightest] };
            for style in styles.iter().copied() {
                let below = best.as_ref().map_or(u64::MAX, |found| found.cost);
                let steps = if self.hints.is_empty() { STEPS } else { FEW };
                let task = Task { start: &[(at, by)], prices, style, below, steps };
                if self.search.find(board, &task) {
                    best = Some(self.search.found());
                    if prices.is_none() {
                        break;
                    }
                }
            }
        }
        best
    }

    /// Shows, by completions, all that a cell needs, without withholding more; `false` when it finds none.
    pub(super) fn exhibit(
        &mut self,
        board: &mut Board<'_>,
        cells: &[u32],
        truth: &[i64],
        at: u32,
        need: Need,
    ) -> bool {
        let mut fresh = false;
        // Every round shows something new, or is the last.
        for _ in 0..ROUNDS {
            let Some(wanted) = board.wanted(at, need) else { return true };
            // A sum with one open cell gives it away.
            if board.net.relations(at).iter().any(|term| board.open_in(term.at) < 2) {
                return false;
            }
            let by = wanted - board.value(at);
            if self.step(board, cells, at, by) {
                continue;
            }
            let (_, most) = board.shown_range(at);
            let down = (most - need.width).max(0) - board.value(at);
            if most >= need.at_least && down < 0 && self.step(board, cells, at, down) {
                continue;
            }
            if fresh || !board.has_moved(truth) {
                return false;
            }
            // Other cells may have used up the room on the way here.
            board.reset(truth);
            fresh = true;
        }
        board.meets(at, need)
    }

    /// Takes a cell as much of the way as it can in one go.
    fn step(&mut self, board: &mut Board<'_>, cells: &[u32], at: u32, mut by: i64) -> bool {
        while by != 0 {
            if let Some(found) = self.change(board, cells, (at, by), None)
                && board.apply(&found.steps)
            {
                return true;
            }
            by /= 2;
        }
        false
    }
}

/// Up to how many cells a group is small.
const SMALL: usize = 2000;

/// How many changes are tried where a lattice has no answer.
const FEW: usize = 40;
