//! How an area stands to another value: a benchmark, the average of many, or a group of similar areas.
//!
//! The methods can disagree: each result is published with the method's name beside it.

use std::collections::BTreeMap;

use super::proportion::wilson_z;
use super::rank::{Order, ranks};
use super::rate::{count_interval, scaled};
use super::sum::{mean, sum};
use super::{Confidence, Interval, Polarity};

/// Where a value lies, before anybody says whether that is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Position {
    /// Significantly above.
    Above,
    /// Significantly below.
    Below,
    /// Not significantly apart.
    Similar,
}

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Better, by the measure's polarity.
    Better,
    /// Worse, by the measure's polarity.
    Worse,
    /// Not significantly apart.
    Similar,
    /// Above, where neither way is better.
    Higher,
    /// Below, where neither way is better.
    Lower,
    /// Something that the comparison needs is missing.
    NotCompared,
}

impl Outcome {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Similar => "similar",
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::NotCompared => "not_compared",
        }
    }

    /// A position read by a polarity; without a position nothing is compared.
    #[must_use]
    pub fn read(position: Option<Position>, polarity: Polarity) -> Self {
        let above = match position {
            None => return Self::NotCompared,
            Some(Position::Similar) => return Self::Similar,
            Some(position) => position == Position::Above,
        };
        match (polarity.improves(above), above) {
            (Some(true), _) => Self::Better,
            (Some(false), _) => Self::Worse,
            (None, true) => Self::Higher,
            (None, false) => Self::Lower,
        }
    }
}

/// Where an interval lies to a value: similar where it holds it, limits included. The default comparison of public
/// health. Source: Public Health Technical Guidance, Fingertips. Vectors: `benchmark_ci`.
#[must_use]
pub fn interval_to_value(area: Interval, benchmark: f64) -> Position {
    if area.upper < benchmark {
        Position::Below
    } else if area.lower > benchmark {
        Position::Above
    } else {
        Position::Similar
    }
}

/// Where an interval lies to another: similar where the two touch. Stricter than [`interval_to_value`]: intervals that
/// touch can still belong to values that differ significantly.
#[must_use]
pub fn interval_to_interval(area: Interval, benchmark: Interval) -> Position {
    if area.touches(benchmark) {
        Position::Similar
    } else if area.lower > benchmark.upper {
        Position::Above
    } else {
        Position::Below
    }
}

/// Limits around a benchmark within which an area with this denominator would lie by chance: Wilson's interval of the
/// benchmark itself. `benchmark` is in units of `unit`, 100 for percentages; so are the limits.
///
/// `None` without a denominator and for a benchmark outside 0..=unit. Source: Public Health Technical Guidance,
/// Fingertips: funnel plots. Vectors: `benchmark_spc_proportion`.
#[must_use]
pub fn control_limits(benchmark: f64, denominator: f64, z: f64, unit: f64) -> Option<Interval> {
    let share = benchmark / unit;
    if !(0.0..=1.0).contains(&share) {
        return None;
    }
    Some(wilson_z(denominator * share, denominator, z)?.times(unit))
}

/// Where a value lies to limits: significant only outside them.
#[must_use]
pub fn value_to_limits(value: f64, limits: Interval) -> Position {
    if value > limits.upper {
        Position::Above
    } else if value < limits.lower {
        Position::Below
    } else {
        Position::Similar
    }
}

/// What the areas of a funnel have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FunnelKind {
    /// Events out of trials.
    Proportion,
    /// Events of a population.
    Rate,
    /// Events beside expected events.
    Ratio,
}

/// Where an area lies in a funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Funnel {
    /// Above at 99.8%: one in a thousand would lie there by chance.
    High998,
    /// Above at 95%.
    High95,
    /// Below at 99.8%.
    Low998,
    /// Below at 95%.
    Low95,
    /// Within both.
    NotSignificant,
}

impl Funnel {
    /// The words of public health, such as `High (0.001)`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::High998 => "High (0.001)",
            Self::High95 => "High (0.025)",
            Self::Low998 => "Low (0.001)",
            Self::Low95 => "Low (0.025)",
            Self::NotSignificant => "Not significant",
        }
    }
}

/// The average of many areas: all their events over all their denominators; 1 for ratios. Areas with a missing part are
/// left out. `None` without a denominator.
#[must_use]
pub fn pooled_average(kind: FunnelKind, areas: &[(Option<f64>, Option<f64>)]) -> Option<f64> {
    if kind == FunnelKind::Ratio {
        return Some(1.0);
    }
    let known = || areas.iter().filter_map(|(events, denominator)| events.zip(*denominator));
    let denominators = sum(known().map(|(_, denominator)| denominator));
    (denominators > 0.0).then(|| sum(known().map(|(events, _)| events)) / denominators)
}

/// Where each area lies to the average of all, by its own interval: Wilson's for proportions, that of counts for rates
/// and ratios. In the order of the areas; `None` for one that has no interval.
///
/// Sources: D. J. Spiegelhalter (2005), Funnel plots for comparing institutional performance, Stat Med 24, 1185-1202;
/// Public Health Technical Guidance, Fingertips: funnel plots. Vectors: `funnel_significance`.
#[must_use]
pub fn funnel(kind: FunnelKind, areas: &[(Option<f64>, Option<f64>)]) -> Vec<Option<Funnel>> {
    let average = pooled_average(kind, areas);
    let position = |events: f64, denominator: f64, confidence: Confidence| -> Option<Position> {
        let average = average?;
        match kind {
            FunnelKind::Proportion => {
                let interval = wilson_z(events, denominator, confidence.z())?;
                Some(interval_to_value(interval, average))
            }
            FunnelKind::Rate | FunnelKind::Ratio => {
                let expected = denominator * average;
                let (limits, _) = count_interval(events, confidence).filter(|_| expected > 0.0)?;
                Some(interval_to_value(scaled(limits, expected, 1.0), 1.0))
            }
        }
    };
    areas
        .iter()
        .map(|(events, denominator)| {
            let (events, denominator) = events.zip(*denominator)?;
            let wide = position(events, denominator, Confidence::P998)?;
            let narrow = position(events, denominator, Confidence::P95)?;
            Some(match (wide, narrow) {
                (Position::Above, _) => Funnel::High998,
                (Position::Below, _) => Funnel::Low998,
                (_, Position::Above) => Funnel::High95,
                (_, Position::Below) => Funnel::Low95,
                _ => Funnel::NotSignificant,
            })
        })
        .collect()
}

/// An area beside its group of similar areas, in rates per `per`.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerGroup {
    /// The areas that have a rate: the area itself first, then its group in order, each once.
    pub members: Vec<String>,
    /// The plain mean of their rates, the area's own included: the published average of most similar groups.
    pub mean: Option<f64>,
    /// All their events over all their residents.
    pub pooled: Option<f64>,
    /// The area's own rate.
    pub own: Option<f64>,
    /// The area's place among the members, the lowest rate first; those with equal rates share a place.
    pub rank: Option<u32>,
}

/// The average of an area and its group. `counts` gives events and residents by area; areas without both are left out.
///
/// Membership is directed: that B is in A's group does not put A in B's. Source: HMIC Crime and Policing Comparator,
/// about the data. Vectors: `peer_group_average`.
#[must_use]
pub fn peer_group(
    area: &str,
    group: &[&str],
    counts: &BTreeMap<&str, (Option<f64>, Option<f64>)>,
    per: f64,
) -> PeerGroup {
    let mut members: Vec<(&str, f64, f64)> = Vec::new();
    for code in std::iter::once(area).chain(group.iter().copied()) {
        if let Some((Some(events), Some(residents))) = counts.get(code)
            && *residents > 0.0
            && members.iter().all(|(known, ..)| *known != code)
        {
            members.push((code, *events, *residents));
        }
    }
    let rates: Vec<f64> = members.iter().map(|(_, events, residents)| events / residents * per).collect();
    let residents = sum(members.iter().map(|(.., residents)| *residents));
    let own_place = members.iter().position(|(code, ..)| *code == area);
    let places = ranks(&rates.iter().copied().map(Some).collect::<Vec<_>>(), Order::LowestFirst);
    PeerGroup {
        mean: mean(&rates),
        pooled: (residents > 0.0)
            .then(|| sum(members.iter().map(|(_, events, _)| *events)) / residents * per),
        own: own_place.and_then(|place| rates.get(place).copied()),
        rank: own_place.and_then(|place| places.get(place).copied().flatten()).map(|rank| rank.rank),
        members: members.into_iter().map(|(code, ..)| code.to_owned()).collect(),
    }
}
