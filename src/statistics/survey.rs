//! Weighted survey answers: what a share is worth, given how the sample was drawn.

use std::collections::BTreeMap;

use super::distribution::{normal_two_sided, t_quantile, t_two_sided};
use super::proportion::wilson;
use super::sum::sum;
use super::{Confidence, Interval};

/// One respondent's answer to a question with two answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer<'a> {
    /// Whether the answer counts; `None` for no valid answer, which leaves the base but stays in the design.
    pub yes: Option<bool>,
    /// Weight of the respondent; a respondent without one has no valid answer.
    pub weight: Option<f64>,
    /// Stratum from which the respondent was drawn; empty where the sample was not stratified.
    pub stratum: &'a str,
    /// Primary sampling unit within the stratum; `None`: the respondent is a unit of their own.
    pub unit: Option<&'a str>,
    /// Group to which the respondent belongs, for a comparison of groups.
    pub group: Option<&'a str>,
}

impl Answer<'_> {
    /// 1 or 0 with the weight, where the answer counts in the base.
    fn counted(&self) -> Option<(f64, f64)> {
        let weight = self.weight.filter(|weight| weight.is_finite() && *weight >= 0.0)?;
        Some((f64::from(u8::from(self.yes?)), weight))
    }
}

/// A weighted share and how far it can be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct SurveyProportion {
    /// How many valid answers.
    pub base: usize,
    /// The sum of their weights.
    pub weighted_base: f64,
    /// The share, as a proportion; `None` without a base.
    pub share: Option<f64>,
    /// Its linearised standard error; `None` where a stratum has a single unit, so that it shows no spread.
    pub error: Option<f64>,
    /// Variance over that of a simple random sample of the same base; `None` where all answer alike.
    pub design_effect: Option<f64>,
    /// What unequal weights alone cost: Kish's approximation to the design effect.
    pub kish_effect: Option<f64>,
    /// The base of a simple random sample that would say as much, by Kish's approximation.
    pub effective_base: Option<f64>,
    /// Wilson's interval at the effective base.
    pub wilson: Option<Interval>,
    /// The interval of the logit with the design's degrees of freedom; `None` where all answer alike.
    pub logit: Option<Interval>,
    /// Sampling units less strata.
    pub freedom: f64,
    /// The share of each group, in order of their names.
    pub groups: Vec<GroupShare>,
    /// The second group against the first; `None` unless there are exactly two with a base.
    pub difference: Option<GroupDifference>,
}

/// The share within a group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupShare {
    /// The group.
    pub group: String,
    /// How many valid answers.
    pub base: usize,
    /// The share, as a proportion.
    pub share: f64,
    /// Its standard error over the whole design.
    pub error: Option<f64>,
}

/// How far two groups of one survey lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupDifference {
    /// Share of the second group less that of the first.
    pub estimate: f64,
    /// Its standard error, with what the two groups share in the design.
    pub error: Option<f64>,
    /// Student's statistic; `None` without a spread.
    pub t: Option<f64>,
    /// Its degrees of freedom.
    pub freedom: f64,
    /// How likely a `t` at least as far from 0 is where the groups do not differ.
    pub p_value: Option<f64>,
}

impl GroupDifference {
    /// Whether the groups differ at 5%; `None` where that cannot be tested.
    #[must_use]
    pub fn significant(&self) -> Option<bool> {
        self.p_value.map(|p| p < 0.05)
    }
}

/// The units of each stratum, and which of them each answer belongs to.
struct Design {
    /// Stratum of each unit.
    strata: Vec<usize>,
    /// Unit of each answer.
    units: Vec<usize>,
    /// How many units each stratum has.
    sizes: Vec<usize>,
}

impl Design {
    fn of(answers: &[Answer<'_>]) -> Self {
        let mut stratum_numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut unit_numbers: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        let mut design = Self { strata: Vec::new(), units: Vec::new(), sizes: Vec::new() };
        for answer in answers {
            let next = stratum_numbers.len();
            let stratum = *stratum_numbers.entry(answer.stratum).or_insert(next);
            if stratum == design.sizes.len() {
                design.sizes.push(0);
            }
            let next = design.strata.len();
            let unit = match answer.unit {
                Some(unit) => *unit_numbers.entry((stratum, unit)).or_insert(next),
                None => next,
            };
            if unit == next {
                design.strata.push(stratum);
                if let Some(size) = design.sizes.get_mut(stratum) {
                    *size += 1;
                }
            }
            design.units.push(unit);
        }
        design
    }

    /// Variance of the total of linearised values, one for each answer; `None` where a stratum has a single unit.
    fn variance(&self, linearised: &[f64]) -> Option<f64> {
        if self.sizes.iter().any(|size| *size < 2) || self.sizes.is_empty() {
            return None;
        }
        let mut totals = vec![0.0; self.strata.len()];
        for (unit, value) in self.units.iter().zip(linearised) {
            *totals.get_mut(*unit)? += value;
        }
        let mut of_stratum = vec![Vec::new(); self.sizes.len()];
        for (stratum, total) in self.strata.iter().zip(totals) {
            of_stratum.get_mut(*stratum)?.push(total);
        }
        Some(sum(of_stratum.iter().map(|totals| {
            let n = totals.len() as f64;
            let mean = sum(totals.iter().copied()) / n;
            n / (n - 1.0) * sum(totals.iter().map(|total| (total - mean).powi(2)))
        })))
    }
}

/// The base, the weighted base, the share and each answer's linearised value among the answers that `belongs` keeps.
fn linearise(
    answers: &[Answer<'_>],
    belongs: impl Fn(&Answer<'_>) -> bool,
) -> Option<(usize, f64, f64, Vec<f64>)> {
    let counted = |answer: &Answer<'_>| answer.counted().filter(|_| belongs(answer));
    let base = answers.iter().filter_map(counted).count();
    let weighted = sum(answers.iter().filter_map(counted).map(|(_, weight)| weight));
    if base == 0 || weighted == 0.0 {
        return None;
    }
    let share = sum(answers.iter().filter_map(counted).map(|(yes, weight)| yes * weight)) / weighted;
    let linearised = answers
        .iter()
        .map(|answer| counted(answer).map_or(0.0, |(yes, weight)| weight * (yes - share) / weighted))
        .collect();
    Some((base, weighted, share, linearised))
}

/// The weighted share of those who say yes, with the uncertainty of the sample's design.
///
/// Answers in any order. Sources: T. Lumley (2010), Complex Surveys; L. Kish (1965), Survey Sampling; E. L. Korn, B. I.
/// Graubard (1998), Confidence intervals for proportions with small expected number of positive counts, Survey
/// Methodology 24, 193-201. Vectors: `survey_proportion`.
#[must_use]
pub fn proportion(answers: &[Answer<'_>], confidence: Confidence) -> SurveyProportion {
    let design = Design::of(answers);
    let freedom = design.strata.len() as f64 - design.sizes.len() as f64;
    let Some((base, weighted_base, share, linearised)) = linearise(answers, |_| true) else {
        return SurveyProportion {
            base: 0,
            weighted_base: 0.0,
            share: None,
            error: None,
            design_effect: None,
            kish_effect: None,
            effective_base: None,
            wilson: None,
            logit: None,
            freedom,
            groups: Vec::new(),
            difference: None,
        };
    };
    let variance = design.variance(&linearised);
    let error = variance.map(f64::sqrt);
    let spread = share * (1.0 - share);
    let mixed = spread > 0.0;
    let design_effect =
        variance.filter(|_| mixed && base > 1).map(|variance| variance / (spread / (base as f64 - 1.0)));
    let squares = sum(answers.iter().filter_map(Answer::counted).map(|(_, weight)| weight * weight));
    let kish = base as f64 * squares / (weighted_base * weighted_base);
    let effective_base = base as f64 / kish;
    let logit = error.filter(|_| mixed).and_then(|error| {
        let half = t_quantile(confidence.upper_tail(), freedom)? * error / spread;
        let middle = (share / (1.0 - share)).ln();
        let back = |logit: f64| 1.0 / (1.0 + (-logit).exp());
        Some(Interval { lower: back(middle - half), upper: back(middle + half) })
    });
    let (groups, difference) = compare_groups(answers, &design);
    SurveyProportion {
        base,
        weighted_base,
        share: Some(share),
        error,
        design_effect,
        kish_effect: Some(kish),
        effective_base: Some(effective_base),
        wilson: wilson(share * effective_base, effective_base, confidence),
        logit,
        freedom,
        groups,
        difference,
    }
}

fn compare_groups(answers: &[Answer<'_>], design: &Design) -> (Vec<GroupShare>, Option<GroupDifference>) {
    let mut names: Vec<&str> = answers.iter().filter_map(|answer| answer.group).collect();
    names.sort_unstable();
    names.dedup();
    let mut shares = Vec::new();
    let mut linearised = Vec::new();
    for name in names {
        if let Some((base, _, share, values)) = linearise(answers, |answer| answer.group == Some(name)) {
            let error = design.variance(&values).map(f64::sqrt);
            shares.push(GroupShare { group: name.to_owned(), base, share, error });
            linearised.push(values);
        }
    }
    let ([first, second], [first_values, second_values]) = (shares.as_slice(), linearised.as_slice()) else {
        return (shares, None);
    };
    let estimate = second.share - first.share;
    let between: Vec<f64> = second_values.iter().zip(first_values).map(|(b, a)| b - a).collect();
    let error = design.variance(&between).map(f64::sqrt);
    let mut answered: Vec<usize> = answers
        .iter()
        .zip(&design.units)
        .filter(|(answer, _)| answer.counted().is_some())
        .map(|(_, unit)| *unit)
        .collect();
    answered.sort_unstable();
    answered.dedup();
    let freedom = answered.len() as f64 - design.sizes.len() as f64 - 1.0;
    let t = error.filter(|error| *error > 0.0).map(|error| estimate / error);
    let p_value = t.and_then(|t| t_two_sided(t, freedom));
    (shares, Some(GroupDifference { estimate, error, t, freedom, p_value }))
}

/// The standard error of a weighted share, as a proportion, from the base of valid answers and the design effect: that of a
/// simple random sample of the base, times the root of the effect. The other way round, [`proportion`] found the effect.
///
/// `None` for a base below two, an effect that is not above 0 and a share outside 0..=1.
#[must_use]
pub fn error(share: f64, base: f64, design_effect: f64) -> Option<f64> {
    let sound = base > 1.0 && design_effect > 0.0 && (0.0..=1.0).contains(&share);
    Some((share * (1.0 - share) / (base - 1.0) * design_effect).sqrt()).filter(|e| sound && e.is_finite())
}

/// The design effect behind a standard error; `None` where all answer alike, so that nothing shows it.
#[must_use]
pub fn design_effect(share: f64, base: f64, error: f64) -> Option<f64> {
    let spread = share * (1.0 - share);
    (base > 1.0 && spread > 0.0 && error > 0.0).then(|| error * error / (spread / (base - 1.0)))
}

/// Wilson's interval of a weighted share at its effective base, the base over the design effect; as proportions.
///
/// `None` as for [`error`], and without a base. Source: L. Kish (1965), Survey Sampling.
#[must_use]
pub fn interval(share: f64, base: f64, design_effect: f64, confidence: Confidence) -> Option<Interval> {
    if !(design_effect > 0.0 && (0.0..=1.0).contains(&share)) {
        return None;
    }
    let effective = base / design_effect;
    wilson(share * effective, effective, confidence)
}

/// How far two independent waves of a survey lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WaveChange {
    /// Share of the later wave less that of the earlier.
    pub difference: f64,
    /// Its standard error.
    pub error: f64,
    /// Standard normal statistic; `None` without an error, so that there is nothing to test.
    pub z: Option<f64>,
    /// How likely a `z` at least as far from 0 is without a change; `None` with `z`.
    pub p_value: Option<f64>,
    /// The difference's interval.
    pub interval: Interval,
}

impl WaveChange {
    /// Whether the waves differ at 5%; `None` where that cannot be tested.
    #[must_use]
    pub fn significant(&self) -> Option<bool> {
        self.p_value.map(|p| p < 0.05)
    }
}

/// The change from one independent wave to the next, each a share with its standard error, both as proportions.
///
/// `None` for an error below 0 and for what is not a number. Source: the standard result for independent samples.
/// Vectors: `survey_two_waves`.
#[must_use]
pub fn change(earlier: (f64, f64), later: (f64, f64), confidence: Confidence) -> Option<WaveChange> {
    let difference = later.0 - earlier.0;
    let error = earlier.1.hypot(later.1);
    if earlier.1 < 0.0 || later.1 < 0.0 || !difference.is_finite() || !error.is_finite() {
        return None;
    }
    let z = (error > 0.0).then(|| difference / error);
    let half = confidence.z() * error;
    Some(WaveChange {
        difference,
        error,
        z,
        p_value: z.map(normal_two_sided),
        interval: Interval { lower: difference - half, upper: difference + half },
    })
}
