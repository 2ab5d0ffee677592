//! What somebody who knows everything published can work out: by subtraction, by narrowing, by linear programming.
//!
//! Nothing here looks at a withheld value. Source of the method: Hundepool A et al (2012), section 4.4.

use std::collections::BTreeSet;

use microlp::{ComparisonOp, Error, LinearExpr, OptimizationDirection, Problem as Program};

use super::board::UNBOUNDED;
use super::net::{Group, Net, groups, index};
use super::{DisclosureError, LARGEST, Need, Problem, net};

/// The smallest and largest value that a withheld cell can have, as far as anybody can tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Index of the cell.
    pub cell: u32,
    /// Smallest value.
    pub low: f64,
    /// Largest value; `None` when there is no limit.
    pub high: Option<f64>,
}

impl Bounds {
    /// Whether the value is disclosed: the bounds lie less than half a unit apart.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.high.is_some_and(|high| high - self.low < 0.5)
    }
}

/// The bounds of every hidden cell by linear programming, in the order of the cells: real numbers, known only not to be
/// negative, correct to about a millionth.
///
/// Two programs a cell: for tables of some hundreds of hidden cells.
///
/// # Errors
/// The problem is none, or the solver gives up on a cell.
pub fn bounds(problem: &Problem, hidden: &[bool]) -> Result<Vec<Bounds>, DisclosureError> {
    net::check(problem)?;
    let open = open_cells(problem, hidden);
    let mut found = Vec::new();
    for group in groups(problem, &open) {
        let outer = Outer::new(&group.net, vec![0; group.cells.len()], vec![UNBOUNDED; group.cells.len()]);
        for (at, cell) in group.cells.iter().enumerate() {
            let solved = Extremes::of(&group.net, &outer, index(at), 0)
                .ok_or(DisclosureError::NotSolved { cell: *cell })?;
            found.push(Bounds { cell: *cell, low: solved.low, high: solved.high });
        }
    }
    found.sort_by_key(|bounds| bounds.cell);
    Ok(found)
}

/// Hidden cells that follow by subtraction alone: a sum in which one cell is unknown gives that cell, again and again.
///
/// By index and value, in the order of the cells.
///
/// # Errors
/// The problem is none.
pub fn recoverable(problem: &Problem, hidden: &[bool]) -> Result<Vec<(u32, i64)>, DisclosureError> {
    net::check(problem)?;
    let open = open_cells(problem, hidden);
    let mut found = Vec::new();
    for group in groups(problem, &open) {
        for (cell, value) in group.cells.iter().zip(by_subtraction(&group)) {
            found.extend(value.map(|value| (*cell, value)));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn open_cells(problem: &Problem, hidden: &[bool]) -> Vec<bool> {
    let is_hidden = |at: usize| hidden.get(at).copied().unwrap_or_default();
    problem.cells.iter().enumerate().map(|(at, cell)| is_hidden(at) && cell.count.is_some()).collect()
}

fn by_subtraction(group: &Group) -> Vec<Option<i64>> {
    let net = &group.net;
    let mut value = vec![None; group.cells.len()];
    let mut unknown: Vec<usize> = (0..index(net.len())).map(|r| net.members(r).len()).collect();
    let mut rest = net.sums.clone();
    let mut ready: BTreeSet<u32> = (0..index(net.len())).filter(|r| unknown[*r as usize] == 1).collect();
    while let Some(relation) = ready.pop_first() {
        let Some(term) = net.members(relation).iter().find(|term| value[term.at as usize].is_none()) else {
            continue;
        };
        let known = rest[relation as usize] * i64::from(term.sign);
        value[term.at as usize] = Some(known);
        for of in net.relations(term.at) {
            rest[of.at as usize] -= known * i64::from(of.sign);
            unknown[of.at as usize] -= 1;
            if unknown[of.at as usize] == 1 {
                ready.insert(of.at);
            }
        }
    }
    value
}

/// Whole-number bounds by narrowing each cell by the others of its sums: never narrower than what is true.
#[derive(Debug)]
pub(super) struct Outer {
    pub(super) low: Vec<i64>,
    pub(super) high: Vec<i64>,
}

impl Outer {
    /// Narrows until nothing changes, or until it has gone round often enough: it may stop early, it never errs.
    pub(super) fn new(net: &Net, low: Vec<i64>, high: Vec<i64>) -> Self {
        let mut outer = Self { low, high };
        let mut waiting: Vec<u32> = (0..index(net.len())).rev().collect();
        let mut is_waiting = vec![true; net.len()];
        let mut left = net.len().saturating_mul(8);
        while let Some(relation) = waiting.pop() {
            is_waiting[relation as usize] = false;
            left = left.saturating_sub(1);
            if left == 0 {
                break;
            }
            for changed in outer.narrow(net, relation) {
                for of in net.relations(changed) {
                    if !std::mem::replace(&mut is_waiting[of.at as usize], true) {
                        waiting.push(of.at);
                    }
                }
            }
        }
        outer
    }

    /// Narrows the cells of one relation; says which changed.
    fn narrow(&mut self, net: &Net, relation: u32) -> Vec<u32> {
        let sum = net.sums[relation as usize];
        let side = |sign: i32, low: i64, high: i64| if sign > 0 { (low, high) } else { (-high, -low) };
        // Sums of the finite ends, and how many ends are not finite.
        let (mut least, mut most, mut no_least, mut no_most) = (0i64, 0i64, 0, 0);
        for term in net.members(relation) {
            let at = term.at as usize;
            let (low, high) = side(term.sign, self.low[at], self.high[at]);
            if low <= -UNBOUNDED {
                no_least += 1;
            } else {
                least += low;
            }
            if high >= UNBOUNDED {
                no_most += 1;
            } else {
                most += high;
            }
        }
        let mut changed = Vec::new();
        for term in net.members(relation) {
            let at = term.at as usize;
            let (low, high) = side(term.sign, self.low[at], self.high[at]);
            let (own_no_least, own_no_most) = (i32::from(low <= -UNBOUNDED), i32::from(high >= UNBOUNDED));
            let (mut new_low, mut new_high) = (low, high);
            if no_least == own_no_least {
                new_high = new_high.min(sum - (least - if own_no_least == 1 { 0 } else { low }));
            }
            if no_most == own_no_most {
                new_low = new_low.max(sum - (most - if own_no_most == 1 { 0 } else { high }));
            }
            let (new_low, new_high) = side(term.sign, new_low, new_high);
            if new_low > self.low[at] || new_high < self.high[at] {
                self.low[at] = self.low[at].max(new_low);
                self.high[at] = self.high[at].min(new_high);
                changed.push(term.at);
                // The sums of the ends are stale now; the relation comes round again through its changed cell.
                break;
            }
        }
        changed
    }
}

/// The ends of what a cell can be, with tables that show each.
#[derive(Debug)]
pub(super) struct Extremes {
    pub(super) low: f64,
    pub(super) high: Option<f64>,
    /// A table, by cell of the group, in which it has its smallest value.
    pub(super) at_low: Vec<f64>,
    /// A table in which it has its largest value, or a large one where there is no limit; may be empty then.
    pub(super) at_high: Vec<f64>,
}

impl Extremes {
    /// `None` when the solver does not answer. Where there is no limit, the table of a large value has none above `cap`.
    pub(super) fn of(net: &Net, outer: &Outer, cell: u32, cap: i64) -> Option<Self> {
        if outer.low[cell as usize] == outer.high[cell as usize] {
            let value = outer.low[cell as usize] as f64;
            return Some(Self { low: value, high: Some(value), at_low: Vec::new(), at_high: Vec::new() });
        }
        let at_low = solve(net, outer, cell, OptimizationDirection::Minimize)??;
        let low = at_low.get(cell as usize).copied()?;
        if let Some(at_high) = solve(net, outer, cell, OptimizationDirection::Maximize)? {
            return Some(Self { low, high: Some(at_high.get(cell as usize).copied()?), at_low, at_high });
        }
        let capped = Outer {
            low: outer.low.clone(),
            high: outer.high.iter().map(|high| if *high < UNBOUNDED { *high } else { cap }).collect(),
        };
        let at_high = solve(net, &capped, cell, OptimizationDirection::Maximize).flatten();
        Some(Self { low, high: None, at_low, at_high: at_high.unwrap_or_default() })
    }
}

/// The change of a cell by `by` that keeps every sum and costs least, by linear programming: cells, and by how much each.
///
/// `value` is the present table, `price` what a unit of change of each cell costs; no cell falls below `low` or rises above
/// `high`. `None` when there is none, when the solver gives no answer, and when its answer is not of whole numbers.
pub(super) fn cheapest_change(
    net: &Net,
    value: &[i64],
    (low, high): (&[i64], &[i64]),
    price: &[f64],
    (cell, by): (u32, i64),
) -> Option<Vec<(u32, i64)>> {
    let mut program = Program::new(OptimizationDirection::Minimize);
    let mut variables = Vec::with_capacity(net.cells());
    for at in 0..net.cells() {
        let (value, low, high) = (*value.get(at)?, *low.get(at)?, *high.get(at)?);
        let (mut up, mut down) = (high.saturating_sub(value) as f64, value.saturating_sub(low) as f64);
        if high >= UNBOUNDED {
            up = f64::INFINITY;
        }
        if at == cell as usize {
            (up, down) = (by.max(0) as f64, (-by).max(0) as f64);
        }
        let price = *price.get(at)?;
        variables.push((program.add_var(price, (0.0, up)), program.add_var(price, (0.0, down))));
    }
    for relation in 0..index(net.len()) {
        let mut row = LinearExpr::empty();
        for term in net.members(relation) {
            let (up, down) = *variables.get(term.at as usize)?;
            row.add(up, f64::from(term.sign));
            row.add(down, -f64::from(term.sign));
        }
        program.add_constraint(row, ComparisonOp::Eq, 0.0);
    }
    let (up, down) = *variables.get(cell as usize)?;
    let mut own = LinearExpr::empty();
    own.add(up, 1.0);
    own.add(down, -1.0);
    program.add_constraint(own, ComparisonOp::Eq, by as f64);
    let solution = program.solve().ok()?.into_solution().ok()?;
    let mut steps = Vec::new();
    for (at, (up, down)) in variables.iter().enumerate() {
        let change = solution.var_value(*up) - solution.var_value(*down);
        let near = change.round();
        if (change - near).abs() > 1e-6 || near.abs() > LARGEST as f64 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the range has been checked")]
        let by = near as i64;
        if by != 0 {
            steps.push((index(at), by));
        }
    }
    Some(steps)
}

/// More than enough for any value that is looked for: a few times what there is and what is needed.
pub(super) fn cap(truth: &[i64], need: Need) -> i64 {
    let most = truth.iter().copied().max().unwrap_or_default();
    most.saturating_add(need.at_least).min(LARGEST).saturating_mul(4) + 4
}

/// One program: `None` when the solver does not answer, `Some(None)` when there is no limit.
#[expect(clippy::option_option, reason = "no answer and no limit are two things, and both are usual")]
fn solve(net: &Net, outer: &Outer, cell: u32, direction: OptimizationDirection) -> Option<Option<Vec<f64>>> {
    let mut program = Program::new(direction);
    let variables: Vec<_> = (0..net.cells())
        .map(|at| {
            let high = if outer.high[at] >= UNBOUNDED { f64::INFINITY } else { outer.high[at] as f64 };
            program.add_var(if at == cell as usize { 1.0 } else { 0.0 }, (outer.low[at] as f64, high))
        })
        .collect();
    for relation in 0..index(net.len()) {
        let mut row = LinearExpr::empty();
        for term in net.members(relation) {
            row.add(*variables.get(term.at as usize)?, f64::from(term.sign));
        }
        program.add_constraint(row, ComparisonOp::Eq, net.sums[relation as usize] as f64);
    }
    match program.solve() {
        Ok(outcome) => {
            let solution = outcome.into_solution().ok()?;
            Some(Some(variables.iter().map(|variable| solution.var_value(*variable)).collect()))
        }
        Err(Error::Unbounded) => Some(None),
        Err(_) => None,
    }
}
