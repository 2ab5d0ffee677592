//! Places among areas, groups of equal size, and the bounds of a map's classes.

use super::Polarity;

/// Which value is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// The lowest value has place 1.
    LowestFirst,
    /// The highest value has place 1.
    HighestFirst,
}

impl Order {
    /// The best first; the highest where neither way is better.
    #[must_use]
    pub fn best_first(polarity: Polarity) -> Self {
        match polarity {
            Polarity::Low => Self::LowestFirst,
            Polarity::High | Polarity::None => Self::HighestFirst,
        }
    }
}

/// The place of a value among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rank {
    /// Its place; equal values share the first of theirs and the next ones are skipped, as in SQL's `RANK`.
    pub rank: u32,
    /// Its place where none is skipped, as in SQL's `DENSE_RANK`.
    pub dense: u32,
}

/// The place of each value, in the order given; `None` for one that is missing, which takes no place.
///
/// Source: ISO/IEC 9075, `RANK` and `DENSE_RANK`. Vectors: `rank`.
#[must_use]
pub fn ranks(values: &[Option<f64>], order: Order) -> Vec<Option<Rank>> {
    let mut places: Vec<(usize, f64)> = values
        .iter()
        .enumerate()
        // -0 is 0 here; NaN has no place.
        .filter_map(|(index, value)| Some((index, value.filter(|value| !value.is_nan())? + 0.0)))
        .collect();
    places.sort_by(|(_, a), (_, b)| match order {
        Order::LowestFirst => a.total_cmp(b),
        Order::HighestFirst => b.total_cmp(a),
    });
    let mut ranks = vec![None; values.len()];
    let (mut next, mut dense) = (1, 0);
    #[expect(clippy::float_cmp, reason = "equal values share a place")]
    for equal in places.chunk_by(|(_, a), (_, b)| a == b) {
        dense += 1;
        for (index, _) in equal {
            if let Some(rank) = ranks.get_mut(*index) {
                *rank = Some(Rank { rank: next, dense });
            }
        }
        next += u32::try_from(equal.len()).unwrap_or(u32::MAX);
    }
    ranks
}

/// How many values have a place.
#[must_use]
pub fn ranked(values: &[Option<f64>]) -> usize {
    values.iter().flatten().filter(|value| !value.is_nan()).count()
}

/// The group, 1 to `groups`, of each value, in the order given: groups of as equal a size as can be, equal values in the
/// same one, group 1 with the values that `order` puts first. All `None` where there are fewer values than groups; `None`
/// for a value that is missing.
///
/// Source: `PHEindicatormethods`, `phe_quantile`. Vectors: `quantiles`.
#[must_use]
pub fn quantile_groups(values: &[Option<f64>], groups: u32, order: Order) -> Vec<Option<u32>> {
    let n = u64::try_from(ranked(values)).unwrap_or(u64::MAX);
    let q = u64::from(groups);
    if q == 0 || n < q {
        return vec![None; values.len()];
    }
    ranks(values, order)
        .into_iter()
        .map(|rank| {
            // floor((q + 1) - ceil((n + 1 - r) / (n / q))), in whole numbers so that no rounding moves a value.
            let from_top = n + 1 - u64::from(rank?.rank);
            let group = (q + 1).saturating_sub((from_top * q).div_ceil(n));
            u32::try_from(group.max(1)).ok()
        })
        .collect()
}

/// The bounds of `categories` classes of a map: the smallest value, the percentiles between classes by linear
/// interpolation, the largest value; to 10 decimals. Empty for three values or fewer.
///
/// Source: R. J. Hyndman, Y. Fan (1996), Sample quantiles in statistical packages, Am Stat 50, 361-365, type 7. Vectors:
/// `category_bounds`.
#[must_use]
pub fn category_bounds(values: &[f64], categories: u32) -> Vec<f64> {
    let mut ordered: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    if ordered.len() <= 3 || categories == 0 {
        return Vec::new();
    }
    ordered.sort_by(f64::total_cmp);
    let steps = ordered.len() - 1;
    let classes = usize::try_from(categories).unwrap_or(usize::MAX);
    (0..=classes)
        .map(|class| {
            // Position class × steps ÷ classes, as a whole number and a remainder.
            let whole = class * steps / classes;
            let share = (class * steps % classes) as f64 / classes as f64;
            let at = |index: usize| ordered.get(index.min(steps)).copied().unwrap_or(f64::NAN);
            let bound = at(whole) + share * (at(whole + 1) - at(whole));
            let rounded = (bound * 1e10).round() / 1e10;
            if rounded.is_finite() { rounded } else { bound }
        })
        .collect()
}

/// The class of a value, counted from 0: the first whose upper bound it does not exceed. `None` above the last bound and
/// without bounds.
#[must_use]
pub fn category(value: f64, bounds: &[f64]) -> Option<usize> {
    bounds.iter().skip(1).position(|upper| value <= *upper)
}

/// The place in words: `3rd highest of 10`, `equal 2nd lowest of 7`, `highest of 4`. `ties` tells whether another value
/// shares the place.
#[must_use]
pub fn wording(rank: u32, of: usize, order: Order, ties: bool) -> String {
    let end = match order {
        Order::LowestFirst => "lowest",
        Order::HighestFirst => "highest",
    };
    let equal = if ties { "equal " } else { "" };
    if rank == 1 {
        return format!("{equal}{end} of {of}");
    }
    let ending = match (rank % 10, rank % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{equal}{rank}{ending} {end} of {of}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_as_a_report_says_it() {
        assert_eq!(wording(3, 10, Order::HighestFirst, false), "3rd highest of 10");
        assert_eq!(wording(1, 4, Order::LowestFirst, false), "lowest of 4");
        assert_eq!(wording(12, 43, Order::LowestFirst, true), "equal 12th lowest of 43");
        assert_eq!(wording(22, 43, Order::HighestFirst, false), "22nd highest of 43");
    }

    #[test]
    fn a_value_on_a_bound_belongs_to_the_class_below_it() {
        let bounds = [1.0, 2.0, 3.0];
        assert_eq!(
            [0.5, 1.0, 2.0, 2.1, 3.0, 3.1].map(|value| category(value, &bounds)),
            [Some(0), Some(0), Some(0), Some(1), Some(1), None]
        );
    }
}
