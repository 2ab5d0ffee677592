//! `XmR` control charts: which movements of a series are more than its usual variation.
//!
//! Sources: W. A. Shewhart (1931), Economic Control of Quality of Manufactured Product; L. S. Nelson (1982), Control
//! charts for individual measurements, J Quality Technology 14(3), 172-173, for the screening of moving ranges; D. J.
//! Wheeler (1993), Understanding Variation; NHS England, Making Data Count, for the icons. Vectors: `spc_xmr`.

use super::Polarity;
use std::cmp::Ordering;

use super::sum::mean;

/// Limits lie so many mean moving ranges from the mean: three times the standard deviation that the ranges stand for.
const LIMIT: f64 = 2.66;
/// A moving range of so many mean ones is left out of the limits.
const SCREEN: f64 = 3.267;
/// A group of fewer points has trial limits.
const TRIAL_BELOW: usize = 13;
/// Limits are not fixed on fewer points.
pub const FEWEST_TO_FIX: usize = 12;

/// How a chart is drawn and read.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Places, counted from 0, at which new limits begin: declared breaks.
    pub rebase_at: Vec<usize>,
    /// Limits stand on the first so many points of each group, at least [`FEWEST_TO_FIX`]; on all where absent.
    pub fix_after: Option<usize>,
    /// Which way is better.
    pub polarity: Polarity,
    /// What was aimed at, in the series' unit.
    pub target: Option<f64>,
    /// Whether extreme moving ranges are left out of the limits, once.
    pub screen: bool,
    /// So many points that all rise, or all fall, are a trend.
    pub trend: usize,
    /// So many points on one side of the mean are a shift.
    pub shift: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rebase_at: Vec::new(),
            fix_after: None,
            polarity: Polarity::None,
            target: None,
            screen: true,
            trend: 7,
            shift: 7,
        }
    }
}

/// Settings with which no chart can be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    /// Limits on too few points.
    #[error("limits are fixed on at least {FEWEST_TO_FIX} points, not on {0}")]
    TooFewToFix(usize),
    /// A run that would flag every pair of points.
    #[error("a run has at least 3 points, not {0}")]
    RunTooShort(usize),
}

/// A special cause, in the order in which one stands for a point that several fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Above the upper limit.
    AboveUpper,
    /// Below the lower limit.
    BelowLower,
    /// Part of a run of rising points.
    Increasing,
    /// Part of a run of falling points.
    Decreasing,
    /// One of two of three neighbours close to the upper limit, all three above the mean.
    TwoInThreeAbove,
    /// One of two of three neighbours close to the lower limit, all three below the mean.
    TwoInThreeBelow,
    /// Part of a run above the mean.
    ShiftAbove,
    /// Part of a run below the mean.
    ShiftBelow,
}

impl Rule {
    /// Whether the rule speaks of high or rising values.
    #[must_use]
    pub fn is_high(self) -> bool {
        matches!(self, Self::AboveUpper | Self::Increasing | Self::TwoInThreeAbove | Self::ShiftAbove)
    }

    /// The words for a chart, such as `7 Points Above CL`.
    #[must_use]
    pub fn label(self, settings: &Settings) -> String {
        match self {
            Self::AboveUpper => "Above UCL".to_owned(),
            Self::BelowLower => "Below LCL".to_owned(),
            Self::Increasing => format!("{} Point Trend (Increasing)", settings.trend),
            Self::Decreasing => format!("{} Point Trend (Decreasing)", settings.trend),
            Self::TwoInThreeAbove => "2 in 3 Above CL".to_owned(),
            Self::TwoInThreeBelow => "2 in 3 Below CL".to_owned(),
            Self::ShiftAbove => format!("{} Points Above CL", settings.shift),
            Self::ShiftBelow => format!("{} Points Below CL", settings.shift),
        }
    }
}

/// What a point, or the last point of a chart, says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variation {
    /// Usual variation.
    CommonCause,
    /// A special cause for the better.
    Improvement,
    /// A special cause for the worse.
    Concern,
    /// A special cause upwards where neither way is better.
    NeutralHigh,
    /// A special cause downwards where neither way is better.
    NeutralLow,
}

impl Variation {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CommonCause => "common_cause",
            Self::Improvement => "special_cause_improvement",
            Self::Concern => "special_cause_concern",
            Self::NeutralHigh => "special_cause_neutral_high",
            Self::NeutralLow => "special_cause_neutral_low",
        }
    }

    fn of(rule: Option<Rule>, polarity: Polarity) -> Self {
        let Some(rule) = rule else { return Self::CommonCause };
        match (polarity.improves(rule.is_high()), rule.is_high()) {
            (Some(true), _) => Self::Improvement,
            (Some(false), _) => Self::Concern,
            (None, true) => Self::NeutralHigh,
            (None, false) => Self::NeutralLow,
        }
    }
}

/// Whether a series, varying as it does, will meet its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Assurance {
    /// The limits lie on the good side of the target.
    ConsistentPass,
    /// The limits lie on the bad side of the target.
    ConsistentFail,
    /// The target lies between the limits.
    Inconsistent,
}

impl Assurance {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ConsistentPass => "consistent_pass",
            Self::ConsistentFail => "consistent_fail",
            Self::Inconsistent => "inconsistent",
        }
    }
}

/// One point of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The value; `None` where it is missing.
    pub value: Option<f64>,
    /// Which group of limits it belongs to, counted from 0.
    pub group: usize,
    /// Mean of the group's baseline; `None` without values in it.
    pub mean: Option<f64>,
    /// Lower process limit; `None` without two neighbouring values in the baseline.
    pub lower: Option<f64>,
    /// Upper process limit; `None` with `lower`.
    pub upper: Option<f64>,
    /// Difference from the point before in the group, without sign; `None` where either is missing.
    pub moving_range: Option<f64>,
    /// Whether the group has so few points that its limits are trial ones.
    pub trial: bool,
    /// Whether the limits fell onto the mean although the values differ, so that every other point lies outside: rare
    /// events, for which this chart is the wrong one.
    pub degenerate: bool,
    /// Every rule that the point fits, the one that stands for it first.
    pub rules: Vec<Rule>,
    /// What the point says.
    pub variation: Variation,
}

impl Point {
    /// The rule that stands for the point; `None` for common cause.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        self.rules.first().copied()
    }
}

/// A chart, one point for each value, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// The points.
    pub points: Vec<Point>,
    /// What the last point says; `None` without points.
    pub variation: Option<Variation>,
    /// How the last point's limits stand to the target; `None` without target, polarity or limits.
    pub assurance: Option<Assurance>,
    /// Where new limits might begin, for a person to decide: the first point of the latest run on one side of the mean
    /// that lasts to the end of the series, one point longer than a shift and long enough.
    pub suggested_rebase: Option<usize>,
}

/// Draws a chart of values in time order. A missing value has no moving range on either side and ends every run.
///
/// # Errors
/// Limits fixed on fewer than 12 points, and runs of fewer than 3.
pub fn xmr(values: &[Option<f64>], settings: &Settings) -> Result<Chart, InvalidSettings> {
    if let Some(points) = settings.fix_after.filter(|points| *points < FEWEST_TO_FIX) {
        return Err(InvalidSettings::TooFewToFix(points));
    }
    if let Some(run) = [settings.trend, settings.shift].into_iter().find(|run| *run < 3) {
        return Err(InvalidSettings::RunTooShort(run));
    }
    let mut starts: Vec<usize> =
        settings.rebase_at.iter().copied().filter(|start| (1..values.len()).contains(start)).collect();
    starts.push(0);
    starts.sort_unstable();
    starts.dedup();
    let mut points = Vec::with_capacity(values.len());
    let ends = starts.iter().skip(1).copied().chain([values.len()]);
    for (group, (start, end)) in starts.iter().zip(ends).enumerate() {
        let values = values.get(*start..end).unwrap_or_default();
        points.extend(draw_group(values, group, settings));
    }
    let last = points.last();
    let assurance = last.and_then(|last| assurance(last, settings));
    Ok(Chart {
        variation: last.map(|last| last.variation),
        assurance,
        suggested_rebase: suggested_rebase(&points, settings),
        points,
    })
}

fn draw_group(values: &[Option<f64>], group: usize, settings: &Settings) -> Vec<Point> {
    let baseline = values.get(..settings.fix_after.unwrap_or(usize::MAX)).unwrap_or(values);
    let present: Vec<f64> = baseline.iter().copied().flatten().collect();
    let centre = mean(&present);
    let half = mean_range(baseline, settings.screen).map(|range| LIMIT * range);
    let limits = centre.zip(half).map(|(centre, half)| Limits { centre, half });
    #[expect(clippy::float_cmp, reason = "a flat series is one of equal values")]
    let flat = present.first().is_some_and(|first| present.iter().all(|value| value == first));
    let degenerate = half == Some(0.0) && !flat;
    let rules = rules_of(values, centre, limits, settings);
    let before = std::iter::once(None).chain(values.iter().copied());
    values
        .iter()
        .zip(before)
        .zip(rules)
        .map(|((value, before), rules)| Point {
            value: *value,
            group,
            mean: centre,
            lower: limits.map(Limits::lower),
            upper: limits.map(Limits::upper),
            moving_range: value.zip(before).map(|(value, before)| (value - before).abs()),
            trial: values.len() < TRIAL_BELOW,
            degenerate,
            variation: Variation::of(rules.first().copied(), settings.polarity),
            rules,
        })
        .collect()
}

/// The mean moving range of neighbours, extreme ones left out once if so asked; `None` without two neighbours.
fn mean_range(baseline: &[Option<f64>], screen: bool) -> Option<f64> {
    let ranges: Vec<f64> = baseline
        .iter()
        .zip(baseline.iter().skip(1))
        .filter_map(|(before, value)| Some((value.as_ref()? - before.as_ref()?).abs()))
        .collect();
    let all = mean(&ranges)?;
    if !screen {
        return Some(all);
    }
    let kept: Vec<f64> = ranges.into_iter().filter(|range| *range < SCREEN * all).collect();
    // Nothing is kept only where every range is 0.
    Some(mean(&kept).unwrap_or(0.0))
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    centre: f64,
    half: f64,
}

impl Limits {
    fn lower(self) -> f64 {
        self.centre - self.half
    }

    fn upper(self) -> f64 {
        self.centre + self.half
    }

    /// Whether a value lies outside: above (1), below (-1) or not (0).
    fn outside(self, value: f64) -> i8 {
        i8::from(value > self.upper()) - i8::from(value < self.lower())
    }

    /// Whether a value lies inside, but close to the upper (1) or the lower (-1) limit.
    fn close(self, value: f64) -> i8 {
        if self.outside(value) != 0 {
            return 0;
        }
        let near = 2.0 / 3.0 * self.half;
        i8::from(value > self.centre + near) - i8::from(value < self.centre - near)
    }
}

/// Whether a value lies on the mean. Both are decimal fractions that binary numbers only come near to: a mean that is 1.6
/// may be worked out as the number next to it.
fn is_on(value: f64, mean: f64) -> bool {
    (value - mean).abs() <= 1e-13 * value.abs().max(mean.abs())
}

/// Every rule that each value fits, in order of priority.
fn rules_of(
    values: &[Option<f64>],
    centre: Option<f64>,
    limits: Option<Limits>,
    settings: &Settings,
) -> Vec<Vec<Rule>> {
    let sign = |value: f64| i8::from(value > 0.0) - i8::from(value < 0.0);
    let of_value = |judge: &dyn Fn(f64) -> i8| -> Vec<i8> {
        values.iter().map(|value| value.map_or(0, judge)).collect()
    };
    let outside = of_value(&|value| limits.map_or(0, |limits| limits.outside(value)));
    let close = of_value(&|value| limits.map_or(0, |limits| limits.close(value)));
    let side = of_value(&|value| {
        centre.map_or(0, |centre| if is_on(value, centre) { 0 } else { sign(value - centre) })
    });
    // The step from each point to the next.
    let steps: Vec<i8> = values
        .iter()
        .zip(values.iter().skip(1))
        .map(|(value, next)| value.zip(*next).map_or(0, |(value, next)| sign(next - value)))
        .collect();
    let trend = trend_points(&steps, values.len(), settings.trend);
    let shift = in_runs(&side, settings.shift);
    let mut pairs = vec![false; values.len()];
    for (start, (near, sides)) in close.windows(3).zip(side.windows(3)).enumerate() {
        let one_side = sides.iter().all(|side| *side == 1) || sides.iter().all(|side| *side == -1);
        if one_side && near.iter().filter(|near| **near != 0).count() >= 2 {
            pairs.iter_mut().skip(start).take(3).for_each(|pair| *pair = true);
        }
    }
    let mut rules = Vec::with_capacity(values.len());
    for ((((outside, trend), close), pair), (shift, side)) in
        outside.into_iter().zip(trend).zip(close).zip(pairs).zip(shift.into_iter().zip(side))
    {
        let mut fired = Vec::new();
        match outside {
            1 => fired.push(Rule::AboveUpper),
            -1 => fired.push(Rule::BelowLower),
            _ => {}
        }
        match trend {
            1 => fired.push(Rule::Increasing),
            -1 => fired.push(Rule::Decreasing),
            _ => {}
        }
        if pair && close != 0 {
            fired.push(if side > 0 { Rule::TwoInThreeAbove } else { Rule::TwoInThreeBelow });
        }
        if shift {
            fired.push(if side > 0 { Rule::ShiftAbove } else { Rule::ShiftBelow });
        }
        rules.push(fired);
    }
    rules
}

/// Which points belong to a run of at least `length` equal signs, zeros apart.
fn in_runs(signs: &[i8], length: usize) -> Vec<bool> {
    let mut member = Vec::with_capacity(signs.len());
    for run in signs.chunk_by(|a, b| a == b) {
        let long = run.len() >= length && run.first().is_some_and(|sign| *sign != 0);
        member.extend(std::iter::repeat_n(long, run.len()));
    }
    member
}

/// The direction of the trend that each of `points` points belongs to, 0 for none: that of the step to the next point
/// where that one is in a trend too, else that of the step from the one before. A step without direction between two
/// trends counts as falling, as it does with the peers.
fn trend_points(steps: &[i8], points: usize, length: usize) -> Vec<i8> {
    let in_trend = in_runs(steps, length - 1);
    let member: Vec<bool> = (0..points)
        .map(|point| {
            let step =
                |index: Option<usize>| index.and_then(|index| in_trend.get(index)).copied().unwrap_or(false);
            step(Some(point)) || step(point.checked_sub(1))
        })
        .collect();
    (0..points)
        .map(|point| {
            if !member.get(point).copied().unwrap_or(false) {
                return 0;
            }
            let next = member.get(point + 1).copied().unwrap_or(false);
            let step = if next { Some(point) } else { point.checked_sub(1) };
            let step = step.and_then(|index| steps.get(index)).copied().unwrap_or(0);
            if step == 1 { 1 } else { -1 }
        })
        .collect()
}

fn assurance(last: &Point, settings: &Settings) -> Option<Assurance> {
    let (target, lower, upper) = (settings.target?, last.lower?, last.upper?);
    let up = settings.polarity.improves(true)?;
    Some(if target > upper {
        if up { Assurance::ConsistentFail } else { Assurance::ConsistentPass }
    } else if target < lower {
        if up { Assurance::ConsistentPass } else { Assurance::ConsistentFail }
    } else {
        Assurance::Inconsistent
    })
}

fn suggested_rebase(points: &[Point], settings: &Settings) -> Option<usize> {
    let side = |point: &Point| -> Option<Ordering> {
        let (value, mean) = point.value.zip(point.mean).filter(|(value, mean)| !is_on(*value, *mean))?;
        value.partial_cmp(&mean).filter(|side| side.is_ne())
    };
    let last = points.last()?;
    let last_side = side(last)?;
    let run = points
        .iter()
        .rev()
        .take_while(|point| point.group == last.group && side(point) == Some(last_side))
        .count();
    let group = points.iter().filter(|point| point.group == last.group).count();
    // New limits need points of their own, and points before them.
    (run > settings.shift && run < group).then(|| points.len() - run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[f64], settings: &Settings) -> Chart {
        xmr(&values.iter().copied().map(Some).collect::<Vec<_>>(), settings).unwrap()
    }

    /// Twelve points about 51 and eight about 40.
    const SHIFTED: [f64; 20] =
        [52., 47., 55., 49., 51., 58., 46., 53., 50., 48., 54., 51., 39., 41., 38., 42., 40., 37., 41., 39.];

    #[test]
    fn a_shift_that_lasts_suggests_new_limits_from_its_first_point_and_one_of_seven_does_not() {
        assert_eq!(chart(&SHIFTED, &Settings::default()).suggested_rebase, Some(12));
        assert_eq!(chart(&SHIFTED[..19], &Settings::default()).suggested_rebase, None);
        // Where the limits begin anew already there is nothing to suggest.
        let settings = Settings { rebase_at: vec![12], ..Settings::default() };
        assert_eq!(chart(&SHIFTED, &settings).suggested_rebase, None);
    }

    #[test]
    fn the_lengths_of_runs_are_settings() {
        let rising =
            [20., 24., 21., 25., 22., 26., 19., 20., 21., 22., 23., 24., 20., 23., 21., 25., 22., 24.];
        let six = Settings { trend: 6, shift: 6, ..Settings::default() };
        assert!(chart(&rising, &Settings::default()).points.iter().all(|point| point.rules.is_empty()));
        let found = chart(&rising, &six);
        let flagged: Vec<usize> = (0..)
            .zip(&found.points)
            .filter(|(_, point)| !point.rules.is_empty())
            .map(|(place, _)| place)
            .collect();
        assert_eq!(flagged, [6, 7, 8, 9, 10, 11]);
        assert_eq!(
            found.points[6].rule().map(|rule| rule.label(&six)),
            Some("6 Point Trend (Increasing)".to_owned())
        );
    }

    #[test]
    fn limits_on_fewer_than_twelve_points_and_runs_of_two_are_refused() {
        let fixed = Settings { fix_after: Some(11), ..Settings::default() };
        assert_eq!(xmr(&[Some(1.0)], &fixed), Err(InvalidSettings::TooFewToFix(11)));
        let short = Settings { shift: 2, ..Settings::default() };
        assert_eq!(xmr(&[Some(1.0)], &short), Err(InvalidSettings::RunTooShort(2)));
    }

    #[test]
    fn a_missing_month_ends_a_run_and_has_no_moving_range_on_either_side() {
        let mut values: Vec<Option<f64>> = SHIFTED.iter().copied().map(Some).collect();
        values[15] = None;
        let found = xmr(&values, &Settings::default()).unwrap();
        assert!(found.points.iter().all(|point| !point.rules.contains(&Rule::ShiftBelow)));
        assert_eq!((found.points[15].moving_range, found.points[16].moving_range), (None, None));
        assert_eq!(found.points[17].moving_range, Some(3.0));
    }

    #[test]
    fn rare_events_are_marked_as_a_chart_that_does_not_suit_them() {
        let mut values = [0.0; 14];
        values[6] = 5.0;
        let found = chart(&values, &Settings::default());
        assert!(found.points.iter().all(|point| point.degenerate));
    }

    #[test]
    fn a_point_keeps_every_rule_that_it_fits_the_strongest_first() {
        let mut values = SHIFTED.to_vec();
        values.push(20.0);
        let found = chart(&values, &Settings::default());
        assert_eq!(found.points[20].rules, [Rule::BelowLower, Rule::ShiftBelow]);
    }

    #[test]
    fn a_value_that_is_the_mean_in_decimals_breaks_a_run() {
        // The mean is 38.4 / 24 = 1.6, and the thirteenth value lies on it.
        let values = [
            1.2, 0.8, 1.5, 1.6, 0.1, 0.4, 1.4, 0.4, 0.0, 1.7, 2.5, 1.9, 1.6, 2.3, 3.4, 2.6, 0.4, 2.3, 4.0,
            1.9, 3.6, 1.5, 0.7, 0.6,
        ];
        let values = values.map(Some);
        let tenths: i64 =
            [12, 8, 15, 16, 1, 4, 14, 4, 0, 17, 25, 19, 16, 23, 34, 26, 4, 23, 40, 19, 36, 15, 7, 6]
                .iter()
                .sum();
        assert_eq!(tenths, 16 * 24);
        let limits = None;
        let centre = mean(&values.iter().flatten().copied().collect::<Vec<_>>());
        let fired = rules_of(&values, centre, limits, &Settings::default());
        assert!(fired.iter().all(Vec::is_empty), "{fired:?}");
    }

    #[test]
    fn no_values_make_an_empty_chart() {
        let found = xmr(&[], &Settings::default()).unwrap();
        assert_eq!((found.points.len(), found.variation, found.assurance), (0, None, None));
    }
}
