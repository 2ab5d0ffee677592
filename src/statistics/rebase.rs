//! Series carried over changes of boundaries and codes.

use std::collections::{BTreeMap, BTreeSet};

/// A code and what followed it. A list holds one tier only: a county and its districts can have the same successor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Succession<'a> {
    /// The code.
    pub code: &'a str,
    /// Codes that follow it: none while it is current, one where it was merged or recoded, several where it was split.
    pub successors: Vec<&'a str>,
}

/// What an area has in a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record<'a> {
    /// The period, such as `2023/24`; periods are ordered by their text.
    pub period: &'a str,
    /// The area's code.
    pub code: &'a str,
    /// Its events.
    pub count: Option<f64>,
    /// Its residents.
    pub population: Option<f64>,
}

/// What the area, as it is bounded today, has in a period.
#[derive(Debug, Clone, PartialEq)]
pub struct Rebased {
    /// The period.
    pub period: String,
    /// The events of its parts; `None` where one is missing.
    pub count: Option<f64>,
    /// The residents of its parts; `None` where one is missing.
    pub population: Option<f64>,
    /// The codes that it was built from, in order; empty where a part has no record.
    pub built_from: Vec<String>,
}

impl Rebased {
    /// Events per `per` residents: the sum over the sum, never a mean of rates.
    #[must_use]
    pub fn rate(&self, per: f64) -> Option<f64> {
        let (count, population) = self.count.zip(self.population)?;
        (population > 0.0).then(|| count / population * per)
    }
}

/// The series of `target`, one row for each period of the records, in their order.
///
/// A record of the target's own is taken where there is one. Else those of its predecessors that it alone succeeded are
/// added, each replaced in turn by its own predecessors where it has no record; one that is missing altogether leaves the
/// period empty, for a part is no whole. A predecessor that was split is never used. Sources: ONS Code History Database and
/// Register of Geographic Codes. Vectors: `geography_rebase`.
#[must_use]
pub fn rebase(target: &str, successions: &[Succession<'_>], records: &[Record<'_>]) -> Vec<Rebased> {
    let mut predecessors: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for succession in successions {
        if let [only] = succession.successors.as_slice() {
            predecessors.entry(only).or_default().insert(succession.code);
        }
    }
    let mut by_period: BTreeMap<&str, BTreeMap<&str, &Record<'_>>> = BTreeMap::new();
    for record in records {
        by_period.entry(record.period).or_default().entry(record.code).or_insert(record);
    }
    by_period
        .into_iter()
        .map(|(period, known)| {
            let parts = parts(target, &predecessors, &known).unwrap_or_default();
            let total = |of: fn(&Record<'_>) -> Option<f64>| {
                parts
                    .iter()
                    .try_fold(0.0, |sum, part| of(part).map(|value| sum + value))
                    .filter(|_| !parts.is_empty())
            };
            Rebased {
                period: period.to_owned(),
                count: total(|part| part.count),
                population: total(|part| part.population),
                built_from: parts
                    .iter()
                    .map(|part| part.code.to_owned())
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect(),
            }
        })
        .collect()
}

/// The records that make up an area in a period; `None` where one is missing.
fn parts<'a>(
    target: &'a str,
    predecessors: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    known: &BTreeMap<&'a str, &'a Record<'a>>,
) -> Option<Vec<&'a Record<'a>>> {
    let mut found = Vec::new();
    let mut waiting = vec![target];
    let mut seen = BTreeSet::new();
    while let Some(code) = waiting.pop() {
        // A look-up that leads in a circle holds no history.
        if !seen.insert(code) {
            return None;
        }
        match known.get(code) {
            Some(record) => found.push(*record),
            None => waiting.extend(predecessors.get(code)?),
        }
    }
    Some(found)
}
