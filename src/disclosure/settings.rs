//! What protects the figures of a measure before the public sees them, as the officer who fills it in reads it.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figures::{Counting, Rule};
use super::rules::{Dominance, Threshold, rounding_note};
use crate::config::settings::{MeasureConfig, MeasureKind};

/// `[public]` of `outturn.toml`: a second set of tables for everybody, in which small counts are withheld. Absent: tables
/// for the partnership only.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PublicConfig {
    /// Counts below it are withheld: 5 withholds 1 to 4.
    pub threshold: u32,
    /// That nobody was counted is withheld too.
    pub zeros: bool,
    /// For percentages: what is not in the numerator is withheld when it is small, as 97 of 100 tells of 3.
    pub complements: bool,
    /// Percentages, ratios, gaps and shares with a denominator below it are withheld, with both counts, and so are averages,
    /// medians, scores and surveys that stand on fewer. 0: none for this reason.
    pub least_denominator: u32,
}

impl Default for PublicConfig {
    fn default() -> Self {
        Self { threshold: 5, zeros: false, complements: false, least_denominator: 0 }
    }
}

/// `[disclosure]` of a measure: what differs from `[public]` of the project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct MeasureDisclosureConfig {
    /// Counts below it are withheld. One below the project's needs a `reason`.
    pub threshold: Option<u32>,
    /// That nobody was counted is withheld too.
    pub zeros: Option<bool>,
    /// What is not in the numerator of a percentage is withheld when it is small.
    pub complements: Option<bool>,
    /// Percentages, ratios, gaps and shares with a denominator below it are withheld, with both counts, and so are averages,
    /// medians, scores and surveys that stand on fewer.
    pub least_denominator: Option<u32>,
    /// Counts, and rates and percentages of them, are shown rounded to the nearest multiple of it instead of being withheld;
    /// at least 3. Where rounded figures would tell a count all the same, and where the measure is tied by sums to one that
    /// is not rounded, counts are withheld nevertheless.
    pub rounding: Option<u32>,
    /// For a count of amounts, such as pounds or minutes: they are withheld where few contributors make up most of them.
    /// The SELECT then yields a further column, `largest`, that is never published.
    pub dominance: Option<DominanceConfig>,
    /// Why the measure is published whatever its size, such as `Anti-social Behaviour, Crime and Policing Act 2014,
    /// section 104`. The reason is published.
    pub off: Option<String>,
    /// Why the measure has rules of its own; it is published.
    pub reason: String,
}

/// `dominance` in `[disclosure]` of a measure, such as `{ largest = 1, share = 75 }`: an amount is withheld when its
/// largest contributors make up more than so much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DominanceConfig {
    /// How many of the largest contributors column `largest` of the SELECT adds up.
    pub largest: u32,
    /// Their share of the amount, in whole per cent, above which it is withheld.
    pub share: u32,
}

impl DominanceConfig {
    /// The rule. Nobody may come nearer to a withheld amount than what would have to be added for its largest contributors
    /// to be no more than their share, if they were all of it.
    #[must_use]
    pub fn rule(self) -> Dominance {
        let share_pct = f64::from(self.share);
        Dominance {
            contributors: self.largest as usize,
            share_pct,
            margin_pct: 100.0 * (100.0 / share_pct - 1.0),
        }
    }
}

/// `[disclosure]` of a feed, a contract or an agreement: what is counted from it is protected at least so. The strictest
/// of all that a measure reads holds, whatever the measure says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SourceDisclosureConfig {
    /// Counts below it are withheld: 10 withholds 1 to 9.
    pub threshold: u32,
    /// That nobody was counted is withheld too.
    #[serde(default)]
    pub zeros: bool,
}

/// What protects a measure, all taken together.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The rule.
    pub rule: Rule,
    /// The rule in words, as the table `measure` has it.
    pub words: String,
    /// Why the measure has rules of its own; empty where it has none.
    pub reason: String,
}

impl Applied {
    /// What protects it where rounding would tell a count.
    #[must_use]
    pub fn without_rounding(&self) -> Self {
        let rule = Rule { rounding: None, ..self.rule.clone() };
        let words = format!("{}; not rounded, since that would tell counts", words(&rule));
        Self { rule, words, reason: self.reason.clone() }
    }
}

/// What protects a measure: the project's rule, what the measure says otherwise, and at least what those demand whose
/// rows it counts.
#[must_use]
pub fn applied(
    public: &PublicConfig,
    measure: &MeasureConfig,
    sources: &[&SourceDisclosureConfig],
) -> Applied {
    let own = measure.disclosure.clone().unwrap_or_default();
    let mut below = own.threshold.unwrap_or(public.threshold);
    let mut zeros = own.zeros.unwrap_or(public.zeros);
    for source in sources {
        below = below.max(source.threshold);
        zeros |= source.zeros;
    }
    let off = own.off.as_ref().filter(|_| sources.is_empty());
    let counting = counting(measure);
    let part = matches!(measure.kind, MeasureKind::Percentage | MeasureKind::Proportion)
        || (measure.kind == MeasureKind::Gap && measure.per.is_none());
    // Residents are known to everybody.
    let counts_denominator =
        !matches!(measure.kind, MeasureKind::Count | MeasureKind::Rate | MeasureKind::RankOfRate);
    let mut least_denominator =
        if counts_denominator { own.least_denominator.unwrap_or(public.least_denominator) } else { 0 };
    if counting.is_base() {
        // The base is the only count, so that what is asked of it is a threshold.
        below = below.max(std::mem::take(&mut least_denominator));
    }
    let rule = Rule {
        threshold: off.is_none().then_some(Threshold { below: i64::from(below), zeros }),
        part_of_denominator: part,
        counts_denominator,
        complements: part && own.complements.unwrap_or(public.complements),
        least_denominator: i64::from(least_denominator),
        // A rank is no count, and is made of unrounded ones.
        rounding: own
            .rounding
            .filter(|_| off.is_none() && measure.kind != MeasureKind::RankOfRate)
            .map(i64::from),
        dominance: own.dominance.filter(|_| off.is_none()).map(DominanceConfig::rule),
        counting,
    };
    let reason = off.cloned().unwrap_or(own.reason);
    Applied { words: words(&rule), rule, reason }
}

/// Which counts the figures of a measure are made of.
fn counting(measure: &MeasureConfig) -> Counting {
    let base_year = || measure.base.as_ref()?.parse().ok().map(Counting::BaseYear);
    match measure.kind {
        MeasureKind::Average => Counting::SumOfCases,
        MeasureKind::Median | MeasureKind::Score => Counting::Cases,
        MeasureKind::Survey => Counting::Answers,
        MeasureKind::Gap => Counting::TwoGroups,
        // Without a base year, and without a wider area, there is no value that could tell of one.
        MeasureKind::Index => base_year().unwrap_or_default(),
        MeasureKind::Share => measure.whole.clone().map(Counting::ShareOf).unwrap_or_default(),
        MeasureKind::Count
        | MeasureKind::Rate
        | MeasureKind::RankOfRate
        | MeasureKind::Percentage
        | MeasureKind::Proportion
        | MeasureKind::Ratio => Counting::Events,
    }
}

/// Why a measure whose SELECT yields these columns cannot be protected, and so is not for the public unless it says for
/// what reason nothing of it is withheld; `None` where it can be.
#[must_use]
pub fn unprotected(measure: &MeasureConfig, columns: &[String]) -> Option<String> {
    let off = measure.disclosure.as_ref().is_some_and(|own| own.off.is_some());
    let has_base = columns.iter().any(|column| column == "denominator");
    (!off && measure.kind == MeasureKind::Score && !has_base).then(|| {
        "nobody can tell how few its scores stand on: yield how many as `denominator`, or publish it as it is by `off` in \
         [disclosure] of the measure, with a reason"
            .to_owned()
    })
}

/// A rule in words, such as `counts from 1 to 4 are withheld`.
fn words(rule: &Rule) -> String {
    let Some(threshold) = rule.threshold else { return "published whatever its size".to_owned() };
    if let Some(base) = rule.rounding {
        return rounding_note(base);
    }
    let mut words = match (threshold.below, threshold.zeros) {
        (..=0, _) | (1, false) => "no count is withheld for its size".to_owned(),
        (below, zeros) => {
            let (first, last) = (i32::from(!zeros), below - 1);
            match rule.counting {
                Counting::Answers => format!("figures that stand on {first} to {last} answers are withheld"),
                _ if rule.counting.is_base() => {
                    format!("figures that stand on {first} to {last} cases are withheld")
                }
                _ => format!("counts from {first} to {last} are withheld"),
            }
        }
    };
    if rule.complements {
        words.push_str(", and so is what is not in the numerator");
    }
    if rule.least_denominator > 0 {
        let _ = write!(words, ", and so are figures with a denominator below {}", rule.least_denominator);
    }
    if let Some(Dominance { contributors, share_pct, .. }) = rule.dominance {
        let whom = if contributors == 1 {
            "the largest contributor makes".to_owned()
        } else {
            format!("the {contributors} largest contributors make")
        };
        let _ = write!(words, ", and so are amounts of which {whom} up more than {share_pct} per cent");
    }
    words
}
