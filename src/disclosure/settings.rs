//! What protects the figures of a measure before the public sees them, as the officer who fills it in reads it.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figures::Rule;
use super::rules::Threshold;
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
    /// Percentages and ratios with a denominator below it are withheld, with both counts. 0: none for this reason.
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
    /// Percentages and ratios with a denominator below it are withheld, with both counts.
    pub least_denominator: Option<u32>,
    /// Counts are shown rounded to the nearest multiple of it instead of being withheld; at least 3. Where rounded figures
    /// would tell a count all the same, and where the measure is tied to others by sums, counts are withheld nevertheless.
    pub rounding: Option<u32>,
    /// Why the measure is published whatever its size, such as `Anti-social Behaviour, Crime and Policing Act 2014,
    /// section 104`. The reason is published.
    pub off: Option<String>,
    /// Why the measure has rules of its own; it is published.
    pub reason: String,
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
    let part = matches!(measure.kind, MeasureKind::Percentage | MeasureKind::Proportion);
    // Residents are known to everybody.
    let counts_denominator =
        !matches!(measure.kind, MeasureKind::Count | MeasureKind::Rate | MeasureKind::RankOfRate);
    let rule = Rule {
        threshold: off.is_none().then_some(Threshold { below: i64::from(below), zeros }),
        part_of_denominator: part,
        counts_denominator,
        complements: part && own.complements.unwrap_or(public.complements),
        least_denominator: if counts_denominator {
            i64::from(own.least_denominator.unwrap_or(public.least_denominator))
        } else {
            0
        },
        rounding: own.rounding.filter(|_| off.is_none()).map(i64::from),
    };
    let reason = off.cloned().unwrap_or(own.reason);
    Applied { words: words(&rule), rule, reason }
}

/// Why a measure cannot be protected, and so is not for the public unless it says for what reason nothing of it is
/// withheld: its value tells of counts that are no cells of its own, such as those of a base year or of another group.
#[must_use]
pub fn unprotected(measure: &MeasureConfig) -> Option<String> {
    use MeasureKind::{Average, Gap, Index, Median, Score, Share, Survey};
    let off = measure.disclosure.as_ref().is_some_and(|own| own.off.is_some());
    (!off && matches!(measure.kind, Average | Gap | Index | Median | Score | Share | Survey)).then(|| {
        format!(
            "small numbers in {} cannot be protected; `off` in [disclosure] of the measure, with a reason, publishes it \
             as it is",
            measure.kind.a()
        )
    })
}

/// A rule in words, such as `counts from 1 to 4 are withheld`.
fn words(rule: &Rule) -> String {
    let Some(threshold) = rule.threshold else { return "published whatever its size".to_owned() };
    if let Some(base) = rule.rounding {
        return format!("counts are rounded to the nearest {base}");
    }
    let mut words = match (threshold.below, threshold.zeros) {
        (..=0, _) | (1, false) => "no count is withheld for its size".to_owned(),
        (below, zeros) => {
            format!("counts from {} to {} are withheld", i32::from(!zeros), below - 1)
        }
    };
    if rule.complements {
        words.push_str(", and so is what is not in the numerator");
    }
    if rule.least_denominator > 0 {
        let _ = write!(words, ", and so are figures with a denominator below {}", rule.least_denominator);
    }
    words
}
