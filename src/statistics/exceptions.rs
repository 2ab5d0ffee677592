//! Which of many signals deserve a board's attention, when some are bound to be chance.
//!
//! Three hundred measures looked at every month give false alarms every month: each rule fires now and then on a series in
//! which nothing happens. What is reported is therefore chosen over all series at once, so that the expected share of
//! false alarms among the reported ones stays below a stated level, and the expected number of false alarms is published
//! beside them.
//!
//! Source: Y. Benjamini, Y. Hochberg (1995), Controlling the false discovery rate, J R Stat Soc B 57, 289-300; Y. Benjamini,
//! D. Yekutieli (2001), The control of the false discovery rate in multiple testing under dependency, Ann Stat 29,
//! 1165-1188.

use super::distribution::normal_two_sided;
use super::spc::{Point, Rule, Settings};

/// What the series may have to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dependence {
    /// Independent, or moving together: Benjamini and Hochberg. Right for most frameworks, whose measures rise and fall
    /// with the same recording and the same season.
    Positive,
    /// Anything: Benjamini and Yekutieli, which reports less.
    Any,
}

/// What is reported out of many tests.
#[derive(Debug, Clone, PartialEq)]
pub struct Exceptions {
    /// For each series, in the order given, whether it is reported.
    pub reported: Vec<bool>,
    /// The largest chance that is reported; `None` where nothing is.
    pub threshold: Option<f64>,
    /// How many series were tested: those with a chance.
    pub tested: usize,
    /// How many of the reported are expected to be false alarms, at most: the level times the number reported.
    pub expected_false_alarms: f64,
    /// How many of the tested would be expected to signal by chance if every one with a chance up to `signal` were
    /// reported, as without this control: their number times `signal`.
    pub expected_without_control: f64,
}

/// Chooses what to report. `chances` holds for each series the chance of a signal at least as strong where nothing
/// happens (1 for no signal), or `None` where it was not tested; `level` is the share of false alarms that is borne among
/// the reported, such as 0.1; `signal` the chance up to which a single series would be called a signal.
#[must_use]
pub fn report(chances: &[Option<f64>], level: f64, signal: f64, dependence: Dependence) -> Exceptions {
    let mut ordered: Vec<f64> = chances.iter().copied().flatten().filter(|chance| !chance.is_nan()).collect();
    ordered.sort_by(f64::total_cmp);
    let tested = ordered.len();
    let series = tested as f64;
    let penalty = match dependence {
        Dependence::Positive => 1.0,
        Dependence::Any => (1..=tested).map(|i| 1.0 / i as f64).sum(),
    };
    let threshold = ordered
        .iter()
        .zip(1_u32..)
        .filter(|(chance, place)| **chance <= f64::from(*place) / series * level / penalty)
        .map(|(chance, _)| *chance)
        .last();
    let reported: Vec<bool> = chances
        .iter()
        .map(|chance| chance.zip(threshold).is_some_and(|(chance, threshold)| chance <= threshold))
        .collect();
    let number = reported.iter().filter(|reported| **reported).count() as f64;
    Exceptions {
        reported,
        threshold,
        tested,
        expected_false_alarms: number * level,
        expected_without_control: series * signal,
    }
}

/// The chance that a rule of a control chart fires for one given window of points of a series in which nothing happens:
/// independent, normal, with limits three standard deviations from the mean.
#[must_use]
pub fn chance(rule: Rule, settings: &Settings) -> f64 {
    match rule {
        Rule::AboveUpper | Rule::BelowLower => normal_two_sided(3.0),
        Rule::Increasing | Rule::Decreasing => trend_chance(settings.trend),
        Rule::TwoInThreeAbove | Rule::TwoInThreeBelow => {
            let beyond = normal_two_sided(3.0) / 2.0;
            let close = normal_two_sided(2.0) / 2.0 - beyond;
            // Two or three of three between two and three deviations on one side, the third on the same side.
            2.0 * (3.0 * close.powi(2) * (0.5 - close) + close.powi(3))
        }
        Rule::ShiftAbove | Rule::ShiftBelow => run_chance(settings.shift),
    }
}

/// How many ways of being unusual [`latest_chance`] looks for.
const WAYS: f64 = 4.0;

/// The chance, as [`report`] takes it, that the end of a chart looks at least as unusual where nothing happens: by the
/// latest value's distance from the mean, by the run of points on its side of the mean, by the run of points in one
/// direction, or as one of two in three close to a limit; the smallest of the four chances times four, and no more than 1.
///
/// Unlike the rules, it grows smaller the longer a run lasts and the further a value lies out, so that the strongest
/// signals of many series stand first. It takes points as independent: a seasonal series must be compared with its own
/// season first. `None` where the latest point has no value or no limits, or degenerate ones.
#[must_use]
pub fn latest_chance(points: &[Point], settings: &Settings) -> Option<f64> {
    let last = points.last()?;
    let (value, mean, upper) = (last.value?, last.mean?, last.upper?);
    if last.degenerate {
        return None;
    }
    let group: Vec<&Point> = points.iter().rev().take_while(|point| point.group == last.group).collect();
    let half = upper - mean;
    let distance = if half > 0.0 { normal_two_sided(3.0 * (value - mean) / half) } else { 1.0 };
    let side = |point: &&Point| Some(point.value? > point.mean?).filter(|_| point.value != point.mean);
    let beside = group.iter().take_while(|point| side(point).is_some() && side(point) == side(&last)).count();
    let step = |pair: &[&Point]| match pair {
        [later, earlier] => later.value?.partial_cmp(&earlier.value?).filter(|step| step.is_ne()),
        _ => None,
    };
    let steps: Vec<_> = group.windows(2).map(step).collect();
    let latest = steps.first().copied().flatten();
    let in_one_direction = steps.iter().take_while(|step| latest.is_some() && **step == latest).count();
    let pair = last.rules.iter().find(|rule| matches!(rule, Rule::TwoInThreeAbove | Rule::TwoInThreeBelow));
    let smallest = [
        distance,
        run_chance(beside),
        trend_chance(in_one_direction + 1),
        pair.map_or(1.0, |rule| chance(*rule, settings)),
    ]
    .into_iter()
    .fold(1.0, f64::min);
    Some((WAYS * smallest).min(1.0))
}

/// So many points on one side of the mean, whichever.
fn run_chance(points: usize) -> f64 {
    (2.0 * 0.5_f64.powi(i32::try_from(points).unwrap_or(i32::MAX))).min(1.0)
}

/// So many points in rising or in falling order: two of all the orders that they can have.
fn trend_chance(points: usize) -> f64 {
    (2.0 / (1..=points).map(|factor| factor as f64).product::<f64>()).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_of_the_paper_rejects_its_four_hypotheses() {
        // Benjamini and Hochberg (1995), table 2: fifteen p-values, of which their procedure at 5% rejects four.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        let found = report(&p.map(Some), 0.05, 0.05, Dependence::Positive);
        assert_eq!(found.reported.iter().filter(|reported| **reported).count(), 4);
        assert_eq!(found.threshold, Some(0.0095));
        assert!((found.expected_false_alarms - 0.2).abs() < 1e-12);
        assert!((found.expected_without_control - 0.75).abs() < 1e-12);
        let strict = report(&p.map(Some), 0.05, 0.05, Dependence::Any);
        assert!(strict.reported.iter().filter(|reported| **reported).count() <= 4);
    }

    #[test]
    fn a_series_that_was_not_tested_is_neither_counted_nor_reported() {
        let found = report(&[None, Some(0.001), None], 0.05, 0.01, Dependence::Positive);
        assert_eq!((found.tested, found.reported), (1, vec![false, true, false]));
        assert_eq!(report(&[], 0.05, 0.01, Dependence::Any).threshold, None);
    }

    #[test]
    fn the_chances_of_the_rules_are_those_of_the_textbook() {
        let settings = Settings::default();
        let percent = |rule| (chance(rule, &settings) * 1e6).round() / 1e4;
        assert!((percent(Rule::AboveUpper) - 0.27).abs() < 1e-9);
        assert!((percent(Rule::ShiftAbove) - 1.5625).abs() < 1e-9);
        assert!((percent(Rule::Increasing) - 0.0397).abs() < 1e-9);
    }

    /// Twelve points about 10, and behind them `more` that stay on 11: with the last of the twelve a run of one more.
    fn staying(more: usize) -> Vec<Point> {
        let mut values: Vec<Option<f64>> = [9.0, 11.0].repeat(6).into_iter().map(Some).collect();
        values.extend(vec![Some(11.0); more]);
        let settings = Settings { fix_after: Some(12), ..Settings::default() };
        super::super::spc::xmr(&values, &settings).unwrap().points
    }

    #[test]
    fn the_longer_a_run_lasts_the_less_likely_it_is_chance() {
        let chance = |more| latest_chance(&staying(more), &Settings::default()).unwrap();
        // Eleven points on one side: 2 × ½¹¹, four times.
        assert!((chance(10) - 4.0 * 2.0 / 2048.0).abs() < 1e-15);
        assert!((chance(11) - 4.0 * 2.0 / 4096.0).abs() < 1e-15);
        assert!((chance(0) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn a_value_far_out_and_seven_in_order_are_as_unlikely_as_the_textbook_says() {
        let mut points = staying(0);
        // 14 lies 4 from a mean of 10 whose limit lies 5.32 away: 2.2556 standard deviations, 2.409% on both sides.
        let last = points.last_mut().unwrap();
        last.value = Some(14.0);
        let far = latest_chance(&points, &Settings::default()).unwrap();
        assert!((far / 4.0 - 0.024_093_242_547_953).abs() < 1e-12, "{far}");
        assert!((trend_chance(7) - 2.0 / 5040.0).abs() < 1e-18);
    }
}
