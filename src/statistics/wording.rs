//! Sentences that a report may use about a figure. They say no more than what was tested: "significantly" stands only
//! where a test stands behind it.

use super::benchmark::Position;
use super::display::number;
use super::rank::{Order, wording};
use super::target::Rag;

/// A change in words, such as `16.1% lower`, `2.4 percentage points higher` or `3 higher`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// Percent of the other value.
    Percent(f64),
    /// Percentage points.
    Points(f64),
    /// The measure's units, with so many decimals.
    Units(f64, usize),
}

/// How a value stands to another one: `statistically significantly higher than Cleveland (2.4 percentage points)`.
///
/// `tested` tells whether `position` comes from a test, so that similar means not significant; otherwise it is plain.
/// Source: Government Statistical Service, writing about statistics: "significant" is for what was tested.
#[must_use]
pub fn comparison(position: Position, tested: bool, than: &str, amount: Option<Amount>) -> String {
    let amount = amount.map(size).filter(|text| !text.is_empty());
    let words = match (position, tested) {
        (Position::Above, true) => format!("statistically significantly higher than {than}"),
        (Position::Below, true) => format!("statistically significantly lower than {than}"),
        (Position::Similar, true) => format!("not statistically significantly different from {than}"),
        (Position::Above, false) => format!("higher than {than}"),
        (Position::Below, false) => format!("lower than {than}"),
        (Position::Similar, false) => return format!("the same as {than}"),
    };
    match amount {
        Some(amount) => format!("{words} ({amount})"),
        None => words,
    }
}

/// An amount with its sign, such as `+2.4%`, `-1.0 percentage points`; empty where it is no number.
fn size(amount: Amount) -> String {
    let (value, decimals, unit) = match amount {
        Amount::Percent(value) => (value, 1, "%"),
        Amount::Points(value) => (value, 1, " percentage points"),
        Amount::Units(value, decimals) => (value, decimals, ""),
    };
    if !value.is_finite() {
        return String::new();
    }
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{}{unit}", number(value, decimals))
}

/// How a value stands to its target: `target of 75.0 met`, `target of 75.0 missed by 5.2`, with `within the tolerance`
/// for amber. Empty where nothing was judged.
#[must_use]
pub fn target(rag: Rag, target: f64, missed_by: f64, decimals: usize) -> String {
    let aim = number(target, decimals);
    let missed = number(missed_by.abs(), decimals);
    match rag {
        Rag::Green => format!("target of {aim} met"),
        Rag::Amber => format!("target of {aim} missed by {missed}, within the tolerance"),
        Rag::Red => format!("target of {aim} missed by {missed}"),
        Rag::Grey => String::new(),
    }
}

/// A place in words, counted from the nearer end: `3rd highest of 10`, `lowest of 4`, `equal 2nd lowest of 7`.
///
/// `rank` is counted by `order`, `sharing` says how many areas share it, and `of` how many have a value.
#[must_use]
pub fn place(rank: u32, sharing: u32, of: u32, order: Order) -> String {
    let many = usize::try_from(of).unwrap_or(usize::MAX);
    // From the other end, the first of those that share the place comes after all that lie beyond them.
    let other = (of + 2).saturating_sub(rank + sharing.max(1));
    let (rank, order) = if other < rank {
        let turned = match order {
            Order::LowestFirst => Order::HighestFirst,
            Order::HighestFirst => Order::LowestFirst,
        };
        (other, turned)
    } else {
        (rank, order)
    };
    wording(rank, many, order, sharing > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_tested_is_called_significant() {
        let say = |position, tested| comparison(position, tested, "Cleveland", Some(Amount::Points(2.44)));
        assert_eq!(
            say(Position::Above, true),
            "statistically significantly higher than Cleveland (+2.4 percentage points)"
        );
        assert_eq!(say(Position::Below, false), "lower than Cleveland (+2.4 percentage points)");
        assert_eq!(
            comparison(Position::Similar, true, "2023/24", Some(Amount::Percent(-1.25))),
            "not statistically significantly different from 2023/24 (-1.3%)"
        );
        assert_eq!(comparison(Position::Similar, false, "2023/24", None), "the same as 2023/24");
        assert_eq!(
            comparison(Position::Above, false, "2023/24", Some(Amount::Percent(f64::NAN))),
            "higher than 2023/24"
        );
    }

    #[test]
    fn a_target_that_is_missed_says_by_how_much() {
        assert_eq!(target(Rag::Green, 75.0, -3.0, 1), "target of 75.0 met");
        assert_eq!(target(Rag::Amber, 1500.0, 20.0, 0), "target of 1,500 missed by 20, within the tolerance");
        assert_eq!(target(Rag::Red, 75.0, 5.23, 1), "target of 75.0 missed by 5.2");
        assert_eq!(target(Rag::Grey, 75.0, 5.23, 1), "");
    }

    #[test]
    fn a_place_is_counted_from_the_nearer_end() {
        assert_eq!(place(3, 1, 10, Order::HighestFirst), "3rd highest of 10");
        assert_eq!(place(8, 1, 10, Order::LowestFirst), "3rd highest of 10");
        assert_eq!(place(10, 1, 10, Order::LowestFirst), "highest of 10");
        // Two share places 8 and 9 of 10 from below: one lies above them, so that they are 2nd from above.
        assert_eq!(place(8, 2, 10, Order::LowestFirst), "equal 2nd highest of 10");
        assert_eq!(place(1, 4, 4, Order::LowestFirst), "equal lowest of 4");
        assert_eq!(place(1, 1, 1, Order::LowestFirst), "lowest of 1");
    }
}
