//! A table that agrees with everything published, changed only in ways that keep it so.
//!
//! This is the part of the proof that has to be right: whatever suggests a change, [`Board::apply`] takes it only when
//! every sum still holds and every value stays within what the audience sees. A value that a cell takes here is
//! therefore a value that nobody can rule out.

use super::Need;
use super::net::{Net, Term};

/// More than any value.
pub(super) const UNBOUNDED: i64 = i64::MAX / 4;

/// The cells of one group: what is seen of them, one completion, and the range that completions have shown so far.
#[derive(Debug)]
pub(super) struct Board<'a> {
    pub(super) net: &'a Net,
    low: Vec<i64>,
    high: Vec<i64>,
    value: Vec<i64>,
    least: Vec<i64>,
    most: Vec<i64>,
    /// By relation, how many of its cells are not known exactly.
    open: Vec<u32>,
    moved: Vec<u32>,
    balance: Vec<i64>,
    /// Changes that were taken, in order; the way back to the true values is one of them.
    log: Vec<Vec<(u32, i64)>>,
    /// Cells that may have another value than the true one.
    drifted: Vec<u32>,
}

impl<'a> Board<'a> {
    /// From true values; the audience sees every cell between `low` and `high`.
    ///
    /// `None` when the values are not within what is seen or do not add up as the relations say.
    pub(super) fn new(net: &'a Net, value: Vec<i64>, low: Vec<i64>, high: Vec<i64>) -> Option<Self> {
        let within =
            value.iter().zip(&low).zip(&high).all(|((value, low), high)| low <= value && value <= high);
        let adds_up = (0..net.len()).all(|relation| {
            let members = net.members(super::net::index(relation));
            let sum: i64 = members.iter().map(|t| i64::from(t.sign) * value[t.at as usize]).sum();
            sum == net.sums[relation]
        });
        (within && adds_up).then(|| Self::of_truth(net, value, low, high))
    }

    /// As [`Board::new`], for values that are known to agree with the relations and with what is seen.
    pub(super) fn of_truth(net: &'a Net, value: Vec<i64>, low: Vec<i64>, high: Vec<i64>) -> Self {
        let open = (0..super::net::index(net.len()))
            .map(|relation| {
                let is_open = |term: &&Term| low[term.at as usize] < high[term.at as usize];
                super::net::index(net.members(relation).iter().filter(is_open).count())
            })
            .collect();
        Self {
            balance: vec![0; net.len()],
            open,
            least: value.clone(),
            most: value.clone(),
            value,
            low,
            high,
            net,
            moved: Vec::new(),
            log: Vec::new(),
            drifted: Vec::new(),
        }
    }

    /// What the audience sees, as bounds.
    pub(super) fn limits(&self) -> (Vec<i64>, Vec<i64>) {
        (self.low.clone(), self.high.clone())
    }

    /// Takes a change of some cells, or leaves everything as it was and says `false`.
    pub(super) fn apply(&mut self, steps: &[(u32, i64)]) -> bool {
        let mut fits = true;
        for (cell, by) in steps {
            let at = *cell as usize;
            self.value[at] += by;
            fits &= self.low[at] <= self.value[at] && self.value[at] <= self.high[at];
            for term in self.net.relations(*cell) {
                self.balance[term.at as usize] += i64::from(term.sign) * by;
                self.moved.push(term.at);
            }
        }
        for relation in self.moved.drain(..) {
            fits &= self.balance[relation as usize] == 0;
            self.balance[relation as usize] = 0;
        }
        if fits {
            self.log.push(steps.to_vec());
            self.drifted.extend(steps.iter().map(|(cell, _)| *cell));
        }
        for (cell, by) in steps {
            let at = *cell as usize;
            if fits {
                self.least[at] = self.least[at].min(self.value[at]);
                self.most[at] = self.most[at].max(self.value[at]);
            } else {
                self.value[at] -= by;
            }
        }
        fits
    }

    /// Goes back to a completion that is known to be one: the true values.
    pub(super) fn reset(&mut self, truth: &[i64]) {
        let mut back = Vec::new();
        for cell in self.drifted.drain(..) {
            let at = cell as usize;
            if self.value[at] != truth[at] {
                back.push((cell, truth[at] - self.value[at]));
                self.value[at] = truth[at];
            }
        }
        if !back.is_empty() {
            self.log.push(back);
        }
    }

    /// The changes that were taken, from the true values on.
    pub(super) fn log(&self) -> &[Vec<(u32, i64)>] {
        &self.log
    }

    /// Whether the present completion is another than the true values.
    pub(super) fn has_moved(&self, truth: &[i64]) -> bool {
        self.drifted.iter().any(|cell| self.value[*cell as usize] != truth[*cell as usize])
    }

    /// Forgets what has been shown.
    pub(super) fn forget(&mut self, truth: &[i64]) {
        self.value.copy_from_slice(truth);
        self.drifted.clear();
        self.log.clear();
        self.least.copy_from_slice(truth);
        self.most.copy_from_slice(truth);
    }

    /// Withholds a cell.
    pub(super) fn hide(&mut self, cell: u32) {
        if !self.is_open(cell) {
            for term in self.net.relations(cell) {
                self.open[term.at as usize] += 1;
            }
        }
        self.low[cell as usize] = 0;
        self.high[cell as usize] = UNBOUNDED;
    }

    /// Shows a cell with its value, which must be the true one.
    pub(super) fn show(&mut self, cell: u32) {
        if self.is_open(cell) {
            for term in self.net.relations(cell) {
                self.open[term.at as usize] -= 1;
            }
        }
        self.low[cell as usize] = self.value[cell as usize];
        self.high[cell as usize] = self.value[cell as usize];
    }

    /// Whether a cell is not known exactly from itself.
    pub(super) fn is_open(&self, cell: u32) -> bool {
        self.low[cell as usize] < self.high[cell as usize]
    }

    /// How many cells of a relation are not known exactly from themselves.
    pub(super) fn open_in(&self, relation: u32) -> u32 {
        self.open[relation as usize]
    }

    /// Whether a cell may take a value.
    pub(super) fn admits(&self, cell: u32, value: i64) -> bool {
        self.low[cell as usize] <= value && value <= self.high[cell as usize]
    }

    /// The value in the present completion.
    pub(super) fn value(&self, cell: u32) -> i64 {
        self.value[cell as usize]
    }

    /// The smallest and the largest value that completions have shown.
    pub(super) fn shown_range(&self, cell: u32) -> (i64, i64) {
        (self.least[cell as usize], self.most[cell as usize])
    }

    /// Whether what has been shown is all that a cell needs.
    pub(super) fn meets(&self, cell: u32, need: Need) -> bool {
        self.wanted(cell, need).is_none()
    }

    /// The value that would bring a cell nearer to what it needs; `None` when it has it.
    pub(super) fn wanted(&self, cell: u32, need: Need) -> Option<i64> {
        let (least, most) = self.shown_range(cell);
        if most < need.at_least {
            Some(need.at_least)
        } else if least > need.at_most {
            Some(need.at_most)
        } else if most - least < need.width {
            Some(least.saturating_add(need.width))
        } else {
            None
        }
    }
}
