//! Disclosure control: which figures are withheld so that nobody can be identified, and the proof that it is enough.
//!
//! A [`Problem`] is a set of counts that stand to be published together and the sums that tie them to one another.
//! [`protect()`] withholds what a rule calls sensitive (*primary*), then as few others as it finds (*secondary*), so that
//! no sum gives a withheld count back; [`audit()`] proves the result from what the audience sees. Everything here is
//! numbers in, numbers out. `docs/disclosure.md` tells an information-governance officer what is proven and what is not.
//!
//! Source: Hundepool A et al (2012) Statistical Disclosure Control, chapter 4; Fischetti M, Salazar JJ (2001) Solving
//! the cell suppression problem, Management Science 47:1008-1027. Vectors: `suppression_*.json`.

mod audit;
mod board;
mod bounds;
pub mod figures;
mod lattice;
mod net;
mod protect;
pub mod rules;
mod search;
pub mod settings;

pub use audit::{Audit, Finding, Proof, Seen, audit};
pub use bounds::{Bounds, bounds, recoverable};
pub use lattice::{Axis, Lattice, NOWHERE};
pub use protect::{Counts, Protection, protect, protect_all};

/// The largest count that is taken: beyond it sums could leave the numbers that a float holds exactly.
pub const LARGEST: i64 = 1 << 50;

/// How a cell stands before anything is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// To be published unless it has to be withheld.
    Publishable,
    /// The audience has its value whatever is decided now: an earlier release showed it, or it must be published.
    Known,
    /// Not part of this release, yet tied to what is: the remainder that a total leaves over its published parts.
    Unpublished,
    /// Already withheld, and to stay so.
    Held,
}

/// What must remain possible for somebody who knows everything published.
///
/// Completions are the sets of whole, non-negative values for the withheld cells that agree with everything published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Some completion gives the cell at least this value.
    pub at_least: i64,
    /// Some completion gives the cell at most this value.
    pub at_most: i64,
    /// Completions differ by at least this much in the cell; 1 when it must not be known exactly.
    pub width: i64,
}

impl Need {
    /// The rule for counts: not known exactly, and as far as anybody can tell as large as the threshold.
    #[must_use]
    pub fn threshold(threshold: i64) -> Self {
        Self { at_least: threshold, at_most: i64::MAX, width: 1 }
    }

    /// The rule for an amount: nobody comes closer to it than `margin` on either side.
    #[must_use]
    pub fn margin(amount: i64, margin: i64) -> Self {
        Self { at_least: amount.saturating_add(margin), at_most: (amount - margin).max(0), width: 1 }
    }
}

/// One count, or amount in whole units, of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Its place in the order by which ties are broken; no two cells of a problem share one. The result depends on it
    /// and not on the place in the list.
    pub order: u64,
    /// Its true value, not negative; `None` where nothing was collected. Such a cell never serves as cover.
    pub count: Option<i64>,
    /// How it stands.
    pub standing: Standing,
    /// It must be withheld for its own sake.
    pub sensitive: bool,
    /// What must remain possible once it is withheld, for its own sake or as cover.
    pub need: Need,
    /// What its loss costs beside others: 1 for a part, more for the totals that readers look for first.
    pub weight: u32,
}

/// A sum that everybody knows to hold: the cells of one side add up to those of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Cells of one side, by index into [`Problem::cells`]: the total.
    pub whole: Vec<u32>,
    /// Cells of the other side: the parts.
    pub parts: Vec<u32>,
}

impl Relation {
    /// A total and its parts.
    #[must_use]
    pub fn sum(total: u32, parts: Vec<u32>) -> Self {
        Self { whole: vec![total], parts }
    }
}

/// Cells that are published together, with what ties them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// The cells, in any order.
    pub cells: Vec<Cell>,
    /// The sums, in any order. Cells without a count are left out of them.
    pub relations: Vec<Relation>,
    /// How cells lie beside each other, where that is known. It makes large problems fast; what holds follows from the
    /// relations alone.
    pub lattices: Vec<Lattice>,
}

/// How a cell stands after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Published.
    Shown,
    /// Withheld for its own sake. Carries the same marker as [`Status::Secondary`].
    Primary,
    /// Withheld because it would give another cell back.
    Secondary,
    /// Was not to be published.
    Unpublished,
    /// There is nothing to publish.
    Absent,
}

impl Status {
    /// Whether the audience does not see a value that there is.
    #[must_use]
    pub fn is_hidden(self) -> bool {
        matches!(self, Self::Primary | Self::Secondary | Self::Unpublished)
    }
}

/// How much work is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Unknown cells up to which a group of tied cells is given to the linear-programming solver.
    pub solver_cells: usize,
    /// Sets of cover that are tried in all to find smaller ones; 0 takes the first that serve.
    pub sets: usize,
    /// Threads that work on groups of tied cells at once. The result does not depend on it.
    pub threads: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Self { solver_cells: 400, sets: 20_000, threads: 1 }
    }
}

/// Why a problem cannot be protected, or is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DisclosureError {
    /// A count is negative or too large.
    #[error("cell {cell}: expected a count from 0 to {LARGEST}")]
    BadCount {
        /// Index of the cell.
        cell: u32,
    },
    /// Two cells claim one place in the order.
    #[error("cells {first} and {second} have the same place {order} in the order of ties; give each its own")]
    SameOrder {
        /// Index of one.
        first: u32,
        /// Index of the other.
        second: u32,
        /// The place.
        order: u64,
    },
    /// A relation names a cell that is not there, or one twice.
    #[error("relation {relation}: cell {cell} {what}")]
    BadRelation {
        /// Index of the relation.
        relation: usize,
        /// The cell it names.
        cell: u32,
        /// What is wrong with that.
        what: &'static str,
    },
    /// The counts do not add up to their total, so that a reader would be told a sum that does not hold.
    #[error(
        "relation {relation}: the parts add up to {by} more than the total; leave the relation out or add the rest"
    )]
    DoesNotAddUp {
        /// Index of the relation.
        relation: usize,
        /// Parts less total.
        by: i64,
    },
    /// The solver gives no answer for a cell.
    #[error("cell {cell}: the linear-programming solver gives no answer")]
    NotSolved {
        /// Index of the cell.
        cell: u32,
    },
    /// Something already known gives withheld counts away, whatever else is withheld.
    #[error("{} withheld cells can be worked out from what is already known, the first is cell {}", cells.len(), cells.first().copied().unwrap_or_default())]
    Exposed {
        /// Indexes of the cells, in order.
        cells: Vec<u32>,
    },
}

#[cfg(test)]
mod tests;
