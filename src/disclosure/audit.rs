//! The proof: for every withheld cell, what somebody who knows everything published can still not rule out.
//!
//! The audit knows nothing of how cells were chosen. It takes what the audience sees and, cell by cell, either shows
//! other tables that agree with all of it ([`Proof::Exhibited`]), or has the bounds worked out by linear programming
//! ([`Proof::Solved`]), or finds the cell pinned ([`Proof::Narrowed`]). What it cannot decide counts as a failure.

use std::fmt;

use super::board::{Board, UNBOUNDED};
use super::bounds::{Extremes, Outer, cap};
use super::lattice::Hints;
use super::net::{self, Group, groups, index};
use super::search::{Guide, Search};
use super::{DisclosureError, Effort, Need, Problem, Status};

/// What the audience sees of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Its value.
    Exactly,
    /// That it lies between two numbers, both included: a rounded count.
    Between(i64, i64),
    /// Nothing, and its need is to be met.
    Hidden,
    /// Nothing, and nothing is asked of it.
    Unasked,
}

impl From<Status> for Seen {
    fn from(status: Status) -> Self {
        match status {
            Status::Shown => Self::Exactly,
            Status::Primary | Status::Secondary => Self::Hidden,
            Status::Unpublished | Status::Absent => Self::Unasked,
        }
    }
}

/// How a finding is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// Whole-number tables that agree with everything published take both ends of the bounds, and meet the need. What
    /// is possible may reach further.
    Exhibited,
    /// The bounds are the ends that linear programming gives, in real numbers, to about a millionth.
    Solved,
    /// The bounds follow from the sums one by one; what is possible may be narrower.
    Narrowed,
    /// Neither shown nor refuted within the effort allowed.
    Undecided,
}

/// What was found for one withheld cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// Index of the cell.
    pub cell: u32,
    /// Smallest value that cannot be ruled out; see [`Proof`].
    pub low: f64,
    /// Largest value; `None` without limit.
    pub high: Option<f64>,
    /// How it is known.
    pub proof: Proof,
    /// Whether the need is met.
    pub passes: bool,
}

/// The findings for all withheld cells, in the order of the cells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Audit {
    /// One for each hidden cell.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// Whether every withheld cell is protected.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.findings.iter().all(|finding| finding.passes)
    }

    /// The cells that are not shown to be protected.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !finding.passes)
    }

    /// How many findings rest on a kind of proof.
    #[must_use]
    pub fn by(&self, proof: Proof) -> usize {
        self.findings.iter().filter(|finding| finding.proof == proof).count()
    }
}

impl fmt::Display for Audit {
    /// The proof in a few lines, with the first failures by index of cell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failures().count();
        writeln!(
            f,
            "{} withheld cells: {} shown open by other tables that agree with everything published, {} by linear \
             programming, {failed} not protected",
            self.findings.len(),
            self.by(Proof::Exhibited),
            self.findings.iter().filter(|found| found.passes && found.proof == Proof::Solved).count(),
        )?;
        for found in self.failures().take(20) {
            let how = match found.proof {
                Proof::Undecided => "not decided within the effort allowed",
                Proof::Narrowed => "by its sums",
                Proof::Solved | Proof::Exhibited => "by linear programming",
            };
            match found.high {
                Some(high) => {
                    writeln!(f, "cell {}: lies between {} and {high}, {how}", found.cell, found.low)?;
                }
                None => writeln!(f, "cell {}: lies at or above {}, {how}", found.cell, found.low)?,
            }
        }
        if failed > 20 {
            writeln!(f, "and {} more", failed - 20)?;
        }
        Ok(())
    }
}

/// Works out, for every hidden cell, what the audience cannot rule out, and whether that meets the cell's need.
///
/// `seen` says what of each cell is published, one entry a cell.
///
/// # Errors
/// The problem is none.
pub fn audit(problem: &Problem, seen: &[Seen], effort: &Effort) -> Result<Audit, DisclosureError> {
    net::check(problem)?;
    Ok(audit_with(problem, seen, &[], effort))
}

/// A change from one table that agrees with everything published to another: cells, and by how much each.
pub(super) type Change = Vec<(u32, i64)>;

/// As [`audit`], of a problem that is one, with changes that are tried first: each is taken only when it holds.
pub(super) fn audit_with(problem: &Problem, seen: &[Seen], offered: &[Change], effort: &Effort) -> Audit {
    let open: Vec<bool> = problem
        .cells
        .iter()
        .enumerate()
        .map(|(at, cell)| cell.count.is_some() && !matches!(seen.get(at), None | Some(Seen::Exactly)))
        .collect();
    let mut audit = Audit::default();
    let counted = problem.cells.iter().map(|cell| cell.count.is_some()).collect();
    let mut guide = Guide { hints: Hints::new(&problem.lattices, counted), search: Search::default() };
    let groups = groups(problem, &open);
    let offered = by_group(&groups, problem.cells.len(), offered);
    for (group, offered) in groups.iter().zip(&offered) {
        guide.hints.enter(&group.cells);
        audit_group(problem, group, (seen, offered), effort, &mut guide, &mut audit.findings);
        guide.hints.leave(&group.cells);
    }
    audit.findings.sort_by_key(|finding| finding.cell);
    audit
}

/// Changes split by the groups whose cells they change, by place in the group.
fn by_group(groups: &[Group], cells: usize, offered: &[Change]) -> Vec<Vec<Change>> {
    let mut split = vec![Vec::new(); groups.len()];
    if offered.is_empty() {
        return split;
    }
    let mut place = vec![(usize::MAX, 0); cells];
    for (number, group) in groups.iter().enumerate() {
        for (at, cell) in (0..).zip(&group.cells) {
            place[*cell as usize] = (number, at);
        }
    }
    for change in offered {
        let mut touched = Vec::new();
        for (cell, by) in change {
            // A cell that is shown is in no group; a change of it is dropped, and what is left will not hold.
            let Some((number, at)) = place.get(*cell as usize).filter(|(number, _)| *number < split.len())
            else {
                continue;
            };
            let own: &mut Vec<Change> = &mut split[*number];
            if !touched.contains(number) {
                touched.push(*number);
                own.push(Vec::new());
            }
            if let Some(change) = own.last_mut() {
                change.push((*at, *by));
            }
        }
    }
    split
}

/// What the audience sees of the cells of a group, as bounds.
fn limits(group: &Group, seen: &[Seen]) -> (Vec<i64>, Vec<i64>) {
    group
        .cells
        .iter()
        .map(|cell| match seen.get(*cell as usize) {
            Some(Seen::Between(low, high)) => (*low, *high),
            _ => (0, UNBOUNDED),
        })
        .unzip()
}

fn audit_group(
    problem: &Problem,
    group: &Group,
    (seen, offered): (&[Seen], &[Change]),
    effort: &Effort,
    guide: &mut Guide<'_>,
    findings: &mut Vec<Finding>,
) {
    let truth: Vec<i64> =
        group.cells.iter().map(|cell| problem.cells[*cell as usize].count.unwrap_or_default()).collect();
    let (low, high) = limits(group, seen);
    // Needed only where tables that were offered do not show enough.
    let outer = std::cell::LazyCell::new(|| Outer::new(&group.net, low.clone(), high.clone()));
    let mut board = Board::new(&group.net, truth.clone(), low.clone(), high.clone());
    if let Some(board) = &mut board {
        for change in offered {
            board.apply(change);
        }
        board.reset(&truth);
    }
    for (at, cell) in group.cells.iter().enumerate() {
        let asked = match seen.get(*cell as usize) {
            Some(Seen::Hidden) => true,
            Some(Seen::Between(..)) => problem.cells[*cell as usize].sensitive,
            _ => false,
        };
        if !asked {
            continue;
        }
        let need = problem.cells[*cell as usize].need;
        if let Some(board) = board.as_ref().filter(|board| board.meets(index(at), need)) {
            findings.push(exhibited(board, index(at), *cell));
            continue;
        }
        let (low, high) = (outer.low[at], outer.high[at]);
        let mut finding = Finding {
            cell: *cell,
            low: low as f64,
            high: (high < UNBOUNDED).then_some(high as f64),
            proof: Proof::Narrowed,
            passes: false,
        };
        if high >= need.at_least && low <= need.at_most && high.saturating_sub(low) >= need.width {
            match &mut board {
                Some(board) => {
                    prove(board, guide, group, &truth, index(at), need, &outer, effort, &mut finding);
                }
                None => finding.proof = Proof::Undecided,
            }
        }
        findings.push(finding);
    }
}

#[expect(clippy::too_many_arguments, reason = "one place calls it, with what it has at hand")]
fn prove(
    board: &mut Board<'_>,
    guide: &mut Guide<'_>,
    group: &Group,
    truth: &[i64],
    at: u32,
    need: Need,
    outer: &Outer,
    effort: &Effort,
    finding: &mut Finding,
) {
    let mut shown = guide.exhibit(board, &group.cells, truth, at, need);
    if !shown && board.net.cells() <= effort.solver_cells {
        if let Some(ends) = Extremes::of(board.net, outer, at, cap(truth, need)) {
            shown = take(board, truth, at, need, &ends);
            finding.low = ends.low;
            finding.high = ends.high;
            finding.proof = Proof::Solved;
            finding.passes = suffices(&ends, need);
        } else {
            finding.proof = Proof::Undecided;
        }
    } else if !shown {
        finding.proof = Proof::Undecided;
    }
    if shown {
        *finding = exhibited(board, at, finding.cell);
    }
}

/// A cell whose need is met by the tables that were written down.
fn exhibited(board: &Board<'_>, at: u32, cell: u32) -> Finding {
    let (least, most) = board.shown_range(at);
    Finding { cell, low: least as f64, high: Some(most as f64), proof: Proof::Exhibited, passes: true }
}

/// Takes the tables that the solver found, where they are of whole numbers.
pub(super) fn take(board: &mut Board<'_>, truth: &[i64], at: u32, need: Need, ends: &Extremes) -> bool {
    for table in [&ends.at_high, &ends.at_low] {
        if table.len() != truth.len() {
            continue;
        }
        board.reset(truth);
        let steps: Vec<(u32, i64)> = table
            .iter()
            .zip(truth)
            .enumerate()
            .filter_map(|(cell, (value, truth))| {
                let by = rounded(*value) - truth;
                (by != 0).then(|| (index(cell), by))
            })
            .collect();
        board.apply(&steps);
    }
    board.reset(truth);
    board.meets(at, need)
}

/// The whole number next to a value of the solver.
#[expect(
    clippy::cast_possible_truncation,
    reason = "values beyond the counts saturate, and are then refused"
)]
fn rounded(value: f64) -> i64 {
    value.round() as i64
}

/// Whether bounds in real numbers meet a need; half a unit apart is the least that is not exact.
fn suffices(ends: &Extremes, need: Need) -> bool {
    const ABOUT: f64 = 1e-6;
    let high = ends.high.unwrap_or(f64::INFINITY);
    high + ABOUT >= need.at_least as f64
        && ends.low - ABOUT <= need.at_most as f64
        && high - ends.low >= need.width as f64 - 0.5
}
