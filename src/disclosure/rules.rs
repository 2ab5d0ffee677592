//! Which cells are sensitive for their own sake, and rounding as another way.

use super::Need;

/// When a count identifies somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// Counts below it are withheld; 5 withholds 1 to 4. At 0 nothing is withheld.
    pub below: i64,
    /// That nobody was counted is withheld too.
    pub zeros: bool,
}

impl Default for Threshold {
    fn default() -> Self {
        Self { below: 5, zeros: false }
    }
}

impl Threshold {
    /// Whether a count is to be withheld for its own sake.
    #[must_use]
    pub fn is_sensitive(self, count: i64) -> bool {
        count < self.below && (count > 0 || self.zeros)
    }

    /// What must remain possible for a cell that is withheld under this rule.
    #[must_use]
    pub fn need(self) -> Need {
        Need::threshold(self.below)
    }
}

/// When an amount says too much about those who make it up: the largest `contributors` together are more than
/// `share_pct` per cent of it.
///
/// Source: Hundepool A et al (2012), section 4.2.2, the (n,k) rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dominance {
    /// How many of the largest are taken together.
    pub contributors: usize,
    /// The share above which the cell is withheld, in per cent.
    pub share_pct: f64,
    /// How near nobody may come to a withheld amount, in per cent of it, rounded up to a whole unit.
    pub margin_pct: f64,
}

impl Dominance {
    /// Whether the largest of these contributions, none negative, dominate their sum. Nothing dominates nothing.
    #[must_use]
    pub fn is_sensitive(&self, contributions: &[i64]) -> bool {
        let mut largest = contributions.to_vec();
        largest.sort_unstable_by(|a, b| b.cmp(a));
        let all: i128 = largest.iter().copied().map(i128::from).sum();
        let few: i128 = largest.iter().take(self.contributors).copied().map(i128::from).sum();
        self.is_dominated(few as f64, all as f64)
    }

    /// Whether the largest, who come to `few` together, dominate an amount. Nothing dominates nothing.
    #[must_use]
    pub fn is_dominated(&self, few: f64, amount: f64) -> bool {
        amount > 0.0 && few * 100.0 > amount * self.share_pct
    }

    /// What must remain possible for a withheld amount.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a share of a count that is in range is in range")]
    pub fn need(&self, amount: i64) -> Need {
        Need::margin(amount, ((amount as f64 * self.margin_pct / 100.0).ceil() as i64).max(1))
    }
}

/// A count as it is shown when counts are rounded instead of withheld: the nearest multiple of `base`, halves up.
///
/// A total is rounded from the unrounded total. A positive count that comes to 0 is shown as `[low]`. A base below 1
/// leaves the count as it is. Vectors: `round_to_base.json`.
#[must_use]
pub fn round_to_base(count: i64, base: i64) -> i64 {
    if base < 1 { count } else { (count + base / 2) / base * base }
}

/// What is said beside a figure whose counts are rounded to a base.
#[must_use]
pub fn rounding_note(base: i64) -> String {
    format!("{ROUNDED}{base}")
}

const ROUNDED: &str = "counts are rounded to the nearest ";

/// The base to which the counts of a figure with this note were rounded; `None` where they were not.
#[must_use]
pub fn rounded_to(note: &str) -> Option<i64> {
    note.rsplit_once(ROUNDED)?.1.parse().ok()
}

/// The counts that are shown as `rounded`, from the least to the largest.
#[must_use]
pub fn behind_rounded(rounded: i64, base: i64) -> (i64, i64) {
    if base < 1 {
        return (rounded, rounded);
    }
    // Halves go up: with base 5, 3 to 7 are shown as 5; with base 10, 5 to 14 as 10.
    let least = rounded - base / 2;
    (least.max(0), least + base - 1)
}
