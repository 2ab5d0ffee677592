//! What must hold for every input.

use outturn::statistics::benchmark::{FunnelKind, Outcome, funnel, interval_to_value};
use outturn::statistics::change::{ChangeKind, RollingKind, change, rolling_year};
use outturn::statistics::exceptions::{Dependence, latest_chance, report};
use outturn::statistics::rank::{Order, category, category_bounds, quantile_groups, ranks};
use outturn::statistics::rate::{byar_lower, byar_upper, count_interval, poisson, rate, ratio};
use outturn::statistics::seasonal::{Season, indices};
use outturn::statistics::spc::{Settings, Variation, xmr};
use outturn::statistics::standardise::{Band, direct};
use outturn::statistics::survey::{self, Answer};
use outturn::statistics::target::{self, Rag, Target, Tolerance, within_tolerance};
use outturn::statistics::{
    Confidence, Estimate, Interval, Polarity, difference_of, display, mean, proportion,
};
use proptest::prelude::*;
use proptest::sample::select;

fn confidence() -> impl Strategy<Value = Confidence> {
    (0.5..0.9999_f64).prop_map(|share| Confidence::new(share).expect("a confidence"))
}

fn polarity() -> impl Strategy<Value = Polarity> {
    select(vec![Polarity::Low, Polarity::High, Polarity::None])
}

/// Values with ties and gaps.
fn values(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Option<f64>>> {
    proptest::collection::vec(proptest::option::weighted(0.9, (0..30_i32).prop_map(f64::from)), count)
}

/// Values with ties, none missing.
fn complete(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Option<f64>>> {
    proptest::collection::vec((0..30_i32).prop_map(|value| Some(f64::from(value))), count)
}

fn within(outer: Interval, inner: Interval) -> bool {
    let rounding = 1e-9 * outer.upper.abs().max(1e-9);
    outer.lower <= inner.lower + rounding && inner.upper <= outer.upper + rounding
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_proportion_lies_in_its_interval_and_that_within_nothing_and_all(
        trials in 1..100_000_u32, share in 0.0..=1.0_f64, confidence in confidence(),
    ) {
        let events = (f64::from(trials) * share).floor();
        let interval = proportion::wilson(events, f64::from(trials), confidence).expect("an interval");
        prop_assert!(interval.holds(events / f64::from(trials)));
        prop_assert!(interval.lower >= 0.0 && interval.upper <= 1.0);
        // Those who did not are the mirror image of those who did.
        let others = proportion::wilson(f64::from(trials) - events, f64::from(trials), confidence).expect("an interval");
        prop_assert!(close(others.lower, 1.0 - interval.upper));
    }

    #[test]
    fn a_count_lies_in_every_interval_of_it(events in 0..100_000_u32, confidence in confidence()) {
        let events = f64::from(events);
        prop_assert!(poisson(events, confidence).expect("an interval").holds(events));
        prop_assert!(count_interval(events, confidence).expect("an interval").0.holds(events));
        prop_assert!(byar_upper(events, confidence).is_some_and(|upper| upper >= events));
        prop_assert!(byar_lower(events, confidence).is_none_or(|lower| lower <= events));
    }

    #[test]
    fn more_confidence_widens_and_never_narrows(
        events in 0..5000_u32, more in 0..5000_u32, pair in (confidence(), confidence()),
    ) {
        let (narrow, wide) = if pair.0 <= pair.1 { pair } else { (pair.1, pair.0) };
        let (x, n) = (f64::from(events), f64::from(events + more + 1));
        let wilson = |confidence| proportion::wilson(x, n, confidence).expect("an interval");
        prop_assert!(within(wilson(wide), wilson(narrow)));
        let count = |confidence| count_interval(x, confidence).expect("an interval").0;
        prop_assert!(within(count(wide), count(narrow)));
        let difference =
            |confidence| proportion::difference((x, n), (n / 3.0, n), confidence).expect("a difference").interval;
        prop_assert!(within(difference(wide), difference(narrow)));
        let mean = |confidence| mean::of(&[x, n, 3.0, 8.0], confidence).interval.expect("an interval");
        prop_assert!(within(mean(wide), mean(narrow)));
    }

    #[test]
    fn a_rate_scales_with_its_multiplier(events in 0..1000_u32, population in 1..1_000_000_u32) {
        let of = |per| {
            rate(Some(f64::from(events)), Some(f64::from(population)), per, Confidence::P95).expect("a rate").0
        };
        let (one, thousand) = (of(1.0), of(1000.0));
        prop_assert!(close(one.value * 1000.0, thousand.value));
        prop_assert!(close(one.interval.upper * 1000.0, thousand.interval.upper));
        prop_assert!(thousand.interval.holds(thousand.value));
    }

    #[test]
    fn two_rates_the_other_way_round_are_the_inverse_with_the_same_chance(
        x in (0..400_u32, 0..400_u32), n in (1..100_000_u32, 1..100_000_u32),
    ) {
        let first = (f64::from(x.0), f64::from(n.0));
        let second = (f64::from(x.1), f64::from(n.1));
        let there = ratio(first, second, Confidence::P95).expect("a ratio");
        let back = ratio(second, first, Confidence::P95).expect("a ratio");
        if let (Some(p), Some(q)) = (there.p_exact, back.p_exact) {
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert!((p - q).abs() < 1e-6, "{p} {q}");
        }
        if let (Some(there), Some(back)) = (there.interval, back.interval) {
            prop_assert!(close(there.lower, 1.0 / back.upper));
        }
    }

    #[test]
    fn a_standardised_rate_does_not_depend_on_the_order_of_its_bands(
        bands in proptest::collection::vec((0..200_u32, 100..9000_u32, 100..7000_u32), 2..12), turn in 0..12_usize,
    ) {
        let mut bands: Vec<Band> = bands
            .into_iter()
            .map(|(x, n, s)| Band {
                events: Some(f64::from(x)), population: Some(f64::from(n)), standard: f64::from(s),
            })
            .collect();
        let before = direct(&bands, 1000.0, Confidence::P95);
        let turn = turn % bands.len();
        bands.rotate_left(turn);
        let after = direct(&bands, 1000.0, Confidence::P95);
        prop_assert_eq!(before.rate.is_ok(), after.rate.is_ok());
        if let (Ok(before), Ok(after)) = (before.rate, after.rate) {
            prop_assert!(close(before.value, after.value) && close(before.interval.lower, after.interval.lower));
            prop_assert!(before.interval.holds(before.value));
            // It lies between the lowest and the highest rate of a band.
            let rates = || bands.iter().map(|band| band.events.unwrap_or(0.0) / band.population.unwrap_or(1.0) * 1000.0);
            let (lowest, highest) = (rates().fold(f64::MAX, f64::min), rates().fold(0.0, f64::max));
            prop_assert!(before.value >= lowest - 1e-9 && before.value <= highest + 1e-9);
        }
    }

    #[test]
    fn places_are_consistent_and_move_with_their_values(values in values(0..40), turn in 0..40_usize) {
        for order in [Order::LowestFirst, Order::HighestFirst] {
            let places = ranks(&values, order);
            for (value, place) in values.iter().zip(&places) {
                let before = |other: &&f64| match order {
                    Order::LowestFirst => **other < value.unwrap_or(f64::NAN),
                    Order::HighestFirst => **other > value.unwrap_or(f64::NAN),
                };
                let ahead = values.iter().flatten().filter(before).count();
                prop_assert_eq!(place.map(|place| place.rank as usize), value.map(|_| ahead + 1));
                prop_assert!(place.is_none_or(|place| place.dense <= place.rank));
            }
            let turn = if values.is_empty() { 0 } else { turn % values.len() };
            let (mut turned, mut moved) = (values.clone(), places);
            turned.rotate_left(turn);
            moved.rotate_left(turn);
            prop_assert_eq!(ranks(&turned, order), moved);
        }
    }

    #[test]
    fn values_without_ties_take_every_place_once(count in 1..60_u32, step in 1..17_u32) {
        let step = if count % step == 0 { 1 } else { step };
        let values: Vec<Option<f64>> = (0..count).map(|i| Some(f64::from(i * step % count) + f64::from(i) / 1e3)).collect();
        let mut places: Vec<u32> =
            ranks(&values, Order::LowestFirst).into_iter().flatten().map(|place| place.rank).collect();
        places.sort_unstable();
        prop_assert_eq!(places, (1..=count).collect::<Vec<_>>());
    }

    #[test]
    fn quantile_groups_rise_with_their_values_and_lie_within_their_number(
        values in values(0..60), groups in 1..11_u32,
    ) {
        let found = quantile_groups(&values, groups, Order::LowestFirst);
        let mut pairs: Vec<(f64, u32)> =
            values.iter().zip(&found).filter_map(|(value, group)| Some(((*value)?, (*group)?))).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        prop_assert!(pairs.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        prop_assert!(pairs.iter().all(|(_, group)| (1..=groups).contains(group)));
        let known = values.iter().flatten().count();
        prop_assert_eq!(pairs.len(), if known < groups as usize { 0 } else { known });
    }

    #[test]
    fn class_bounds_rise_and_every_value_has_a_class(values in complete(4..60), classes in 1..8_u32) {
        let values: Vec<f64> = values.into_iter().flatten().collect();
        let bounds = category_bounds(&values, classes);
        prop_assert_eq!(bounds.len(), classes as usize + 1);
        prop_assert!(bounds.windows(2).all(|pair| pair[0] <= pair[1]));
        prop_assert!(values.iter().all(|value| category(*value, &bounds).is_some()));
    }

    #[test]
    fn a_chart_holds_its_mean_and_mirrors_with_its_values(values in values(0..50), screen: bool) {
        let settings = Settings { screen, polarity: Polarity::High, ..Settings::default() };
        let chart = xmr(&values, &settings).expect("a chart");
        prop_assert_eq!(chart.points.len(), values.len());
        for point in &chart.points {
            if let (Some(lower), Some(mean), Some(upper)) = (point.lower, point.mean, point.upper) {
                prop_assert!(lower <= mean && mean <= upper);
            }
            if point.value.is_none() {
                prop_assert!(point.rules.is_empty());
            }
        }
        // Upside down, with the other way better, every point says the same.
        let mirrored: Vec<Option<f64>> = values.iter().map(|value| value.map(|value| 100.0 - value)).collect();
        let other = xmr(&mirrored, &Settings { polarity: Polarity::Low, ..settings }).expect("a chart");
        // Between two trends a step without direction counts as falling, in either chart.
        let says = |variation: Variation| variation != Variation::CommonCause;
        for (point, mirror) in chart.points.iter().zip(&other.points) {
            prop_assert_eq!(says(point.variation), says(mirror.variation));
        }
    }

    #[test]
    fn limits_of_one_group_do_not_depend_on_another(values in complete(13..40), later in complete(13..40)) {
        let alone = xmr(&values, &Settings::default()).expect("a chart");
        let both: Vec<Option<f64>> = values.iter().chain(&later).copied().collect();
        let settings = Settings { rebase_at: vec![values.len()], ..Settings::default() };
        let together = xmr(&both, &settings).expect("a chart");
        prop_assert_eq!(&together.points[..values.len()], alone.points.as_slice());
    }

    #[test]
    fn a_flat_series_is_common_cause_whatever_its_value(value in -1e6..1e6_f64, count in 1..40_usize) {
        let chart = xmr(&vec![Some(value); count], &Settings::default()).expect("a chart");
        prop_assert!(chart.points.iter().all(|point| point.variation == Variation::CommonCause && !point.degenerate));
        prop_assert!(chart.points.iter().all(|point| point.mean == Some(value)));
    }

    #[test]
    fn more_false_alarms_borne_report_no_less(
        chances in proptest::collection::vec(proptest::option::of(0.0..=1.0_f64), 0..60), levels in (0.01..0.5_f64, 0.01..0.5_f64),
    ) {
        let (strict, lenient) = if levels.0 <= levels.1 { levels } else { (levels.1, levels.0) };
        let reported = |level, dependence| report(&chances, level, 0.01, dependence).reported;
        let few = reported(strict, Dependence::Positive);
        let many = reported(lenient, Dependence::Positive);
        prop_assert!(few.iter().zip(&many).all(|(few, many)| *many || !*few));
        let careful = reported(strict, Dependence::Any);
        prop_assert!(careful.iter().zip(&few).all(|(careful, few)| *few || !*careful));
        // What is reported is at least as unlikely as what is not.
        let least = chances.iter().zip(&few).filter(|(_, few)| **few).filter_map(|(chance, _)| *chance).fold(0.0, f64::max);
        prop_assert!(chances.iter().zip(&few).filter(|(_, few)| !**few).filter_map(|(chance, _)| *chance).all(|chance| chance > least || least == 0.0));
    }

    #[test]
    fn the_chance_of_a_chart_is_a_chance(values in values(1..40)) {
        let settings = Settings::default();
        let chart = xmr(&values, &settings).expect("a chart");
        if let Some(chance) = latest_chance(&chart.points, &settings) {
            prop_assert!((0.0..=1.0).contains(&chance));
        }
    }

    #[test]
    fn a_change_there_and_back_is_judged_opposite(current in 0..500_i32, previous in 0..500_i32, polarity in polarity()) {
        let of = |a: i32, b: i32| change(Some(f64::from(a)), Some(f64::from(b)), ChangeKind::Count, polarity);
        let (there, back) = (of(current, previous), of(previous, current));
        prop_assert_eq!(there.absolute.map(|change| -change), back.absolute);
        prop_assert_eq!(there.direction == back.direction, current == previous);
        prop_assert_eq!(there.judgement == back.judgement, current == previous || polarity == Polarity::None);
    }

    #[test]
    fn a_rolling_year_is_the_sum_of_its_months_and_breaks_with_one_missing(months in values(0..40)) {
        for (end, year) in rolling_year(&months, &[], RollingKind::Count, 1.0).iter().enumerate() {
            let window = (end + 1).checked_sub(12).map(|start| &months[start..=end]);
            let wanted = window.filter(|window| window.iter().all(Option::is_some))
                .map(|window| window.iter().flatten().sum::<f64>());
            prop_assert_eq!((year.count, year.complete), (wanted, wanted.is_some()));
        }
    }

    #[test]
    fn seasonal_indices_cancel_out_over_the_year(values in complete(24..60)) {
        let raised: Vec<Option<f64>> = values.iter().map(|value| value.map(|value| value + 5.0)).collect();
        let added = indices(&raised, Season::Additive).expect("indices");
        prop_assert!(added.iter().sum::<f64>().abs() < 1e-9);
        let multiplied = indices(&raised, Season::Multiplicative).expect("indices");
        prop_assert!((multiplied.iter().sum::<f64>() - 12.0).abs() < 1e-9);
        // A level above all leaves the differences as they are.
        let higher: Vec<Option<f64>> = raised.iter().map(|value| value.map(|value| value + 100.0)).collect();
        let same = indices(&higher, Season::Additive).expect("indices");
        prop_assert!(added.iter().zip(same).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn a_survey_does_not_depend_on_the_order_of_its_answers_or_the_scale_of_its_weights(
        answers in proptest::collection::vec((proptest::option::weighted(0.9, any::<bool>()), 1..30_u32, 0..3_usize), 12..60),
        turn in 0..60_usize,
    ) {
        let strata = ["north", "south", "east"];
        let of = |scale: f64, turn: usize| {
            let mut list: Vec<Answer<'_>> = answers
                .iter()
                .map(|(yes, weight, stratum)| Answer {
                    yes: *yes, weight: Some(f64::from(*weight) * scale), stratum: strata[*stratum], unit: None, group: None,
                })
                .collect();
            let turn = turn % list.len();
            list.rotate_left(turn);
            survey::proportion(&list, Confidence::P95)
        };
        let (before, after) = (of(1.0, 0), of(3.0, turn));
        prop_assert_eq!(before.base, after.base);
        if let (Some(a), Some(b)) = (before.share, after.share) {
            prop_assert!(close(a, b) && before.wilson.is_some_and(|interval| interval.holds(a)));
            prop_assert!(before.logit.is_none_or(|interval| interval.holds(a)));
        }
        if let (Some(a), Some(b)) = (before.error, after.error) {
            prop_assert!((a - b).abs() < 1e-9);
        }
    }

    #[test]
    fn a_mean_lies_in_its_interval_and_its_sums_say_the_same_in_any_order(
        values in proptest::collection::vec(-500..500_i32, 2..40), turn in 0..40_usize, confidence in confidence(),
    ) {
        let mut values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let direct = mean::of(&values, confidence);
        let (value, interval) = (direct.value.expect("a mean"), direct.interval.expect("an interval"));
        prop_assert!(interval.holds(value));
        let total: f64 = values.iter().sum();
        let squares: f64 = values.iter().map(|value| value * value).sum();
        let sums = mean::of_sums(values.len() as f64, total, squares, confidence).expect("a mean");
        let of_sums = sums.interval.expect("an interval");
        prop_assert!((of_sums.lower - interval.lower).abs() < 1e-6 && (of_sums.upper - interval.upper).abs() < 1e-6);
        let middle = mean::median(&values).expect("a median");
        let around = mean::median_interval(&values, confidence);
        prop_assert!(around.is_none_or(|limits| limits.holds(middle)));
        let turn = turn % values.len();
        values.rotate_left(turn);
        prop_assert_eq!(mean::median_interval(&values, confidence), around);
    }

    #[test]
    fn a_difference_lies_in_its_interval_and_turns_with_its_sides(
        first in (-50.0..50.0_f64, 0.0..20.0_f64, 0.0..20.0_f64), second in (-50.0..50.0_f64, 0.0..20.0_f64, 0.0..20.0_f64),
        n in 2..60_u32, confidence in confidence(),
    ) {
        let of = |(value, below, above): (f64, f64, f64)| Estimate {
            value, interval: Interval { lower: value - below, upper: value + above },
        };
        let (there, back) = (difference_of(of(first), of(second)), difference_of(of(second), of(first)));
        let difference = first.0 - second.0;
        prop_assert!(there.lower <= difference && difference <= there.upper);
        prop_assert!((there.lower + back.upper).abs() < 1e-9 && (there.upper + back.lower).abs() < 1e-9);
        let n = f64::from(n);
        let means = mean::difference((n, first.0, first.1), (n + 3.0, second.0, second.1), confidence).expect("an interval");
        prop_assert!(means.lower <= difference && difference <= means.upper);
    }

    #[test]
    fn a_survey_share_lies_in_its_interval_which_widens_with_the_design_effect(
        base in 2..5000_u32, share in 0.0..=1.0_f64, effect in 0.3..4.0_f64, more in 1.0..3.0_f64,
    ) {
        let of = |effect| survey::interval(share, f64::from(base), effect, Confidence::P95).expect("an interval");
        prop_assert!(of(effect).holds(share) && within(of(effect * more), of(effect)));
        let error = survey::error(share, f64::from(base), effect).expect("an error");
        if let Some(found) = survey::design_effect(share, f64::from(base), error) {
            prop_assert!((found - effect).abs() < 1e-6 * effect);
        }
    }

    #[test]
    fn what_is_better_for_one_polarity_is_worse_for_the_other(value in -50.0..50.0_f64, width in 0.1..20.0_f64, aim in -50.0..50.0_f64) {
        let interval = Interval { lower: value - width, upper: value + width };
        let position = Some(interval_to_value(interval, aim));
        let (low, high) = (Outcome::read(position, Polarity::Low), Outcome::read(position, Polarity::High));
        prop_assert_eq!(low == Outcome::Better, high == Outcome::Worse);
        let of = |polarity| target::compare(Some(value), Some(interval), Target::Interval(aim), polarity);
        prop_assert_eq!(of(Polarity::Low) == Outcome::Better, of(Polarity::High) == Outcome::Worse);
        prop_assert_eq!(of(Polarity::None), Outcome::NotCompared);
        let within = |tolerance| within_tolerance(Some(value), aim, Tolerance::Units(tolerance), Polarity::High);
        prop_assert!(within(5.0) != Rag::Red || within(1.0) == Rag::Red);
    }

    #[test]
    fn every_area_of_a_funnel_on_the_average_is_within_it(areas in proptest::collection::vec(1..60_u32, 2..20)) {
        let areas: Vec<(Option<f64>, Option<f64>)> =
            areas.into_iter().map(|n| (Some(f64::from(n)), Some(f64::from(n) * 10.0))).collect();
        for kind in [FunnelKind::Proportion, FunnelKind::Rate] {
            for place in funnel(kind, &areas) {
                prop_assert_eq!(place.map(outturn::statistics::benchmark::Funnel::label), Some("Not significant"));
            }
        }
    }

    #[test]
    fn a_shown_number_reads_back_to_within_half_of_its_last_digit(value in -1e9..1e9_f64, decimals in 0..4_usize) {
        let text = display::number(value, decimals);
        let unit = 0.1_f64.powi(i32::try_from(decimals).unwrap_or(0));
        if text == "[low]" {
            prop_assert!(value.abs() < unit && value != 0.0);
        } else {
            let read: f64 = text.replace(',', "").parse().expect("a number");
            prop_assert!((read - value).abs() <= unit * 0.500_001, "{text} {value}");
        }
    }

    #[test]
    fn a_rounded_count_is_a_multiple_no_further_than_half_a_base(count in 0..100_000_u32, base in 1..50_u32) {
        let rounded = display::round_to_base(f64::from(count), f64::from(base)).expect("a count");
        prop_assert!((rounded - f64::from(count)).abs() * 2.0 <= f64::from(base));
        prop_assert!(close(rounded % f64::from(base), 0.0));
        prop_assert_eq!(display::round_to_base(rounded, f64::from(base)), Some(rounded));
    }
}
