//! Facts about comparisons. Limits and tests come from the published vectors or are worked out by hand beside them.

use proptest::prelude::*;

use super::*;
use crate::assess::Parts;
use crate::assess::interval::{self, CountLimits};
use crate::assess::settings::TargetConfig;
use crate::assess::tests::config as plain_config;
use crate::config::settings::Polarity as Set;
use crate::geography::Area;
use crate::period::PeriodKind;
use crate::statistics::benchmark::{Funnel, FunnelKind, funnel};

fn period(text: &str) -> Period {
    text.parse().unwrap()
}

fn config(kind: MeasureKind, polarity: Set) -> MeasureConfig {
    MeasureConfig { polarity, periods: vec![PeriodKind::FinancialYear], ..plain_config(kind) }
}

/// Wards W1 to W4 in partnership C; partnership D.
fn areas() -> Areas {
    let area = |code: &str, level: &str, parent: &str| Area {
        code: code.into(),
        level: level.into(),
        title: code.into(),
        parent: parent.into(),
    };
    let wards = ["W1", "W2", "W3", "W4"].map(|code| area(code, "ward", "C"));
    wards.into_iter().chain([area("C", "csp", ""), area("D", "csp", "")]).collect()
}

/// Events and their denominator, or nothing where the period is not complete.
type Cell = Option<(f64, f64)>;

fn figure(config: &MeasureConfig, area: &str, of: &str, cell: Cell) -> Figure {
    let limits = CountLimits::new(confidence(config));
    let unit = match config.kind {
        MeasureKind::Percentage => 100.0,
        MeasureKind::Rate => 1000.0,
        _ => 1.0,
    };
    let counted = config.kind == MeasureKind::Count;
    let denominator = cell.map(|(_, d)| d).filter(|_| !counted);
    let value = cell.map(|(n, d)| if counted { n } else { n / d * unit });
    let parts = Parts { numerator: cell.map(|(n, _)| n), denominator, ..Parts::default() };
    Figure {
        area: area.into(),
        period: period(of),
        breakdown: "all".into(),
        numerator: cell.map(|(n, _)| n),
        denominator,
        value,
        status: if cell.is_some() { Status::Available } else { Status::Incomplete },
        absence: None,
        synthetic: false,
        note: String::new(),
        interval: value.and_then(|value| interval::of(config, &limits, &parts, value)),
        after_break: false,
        basis: None,
        vintage: crate::assess::Vintage::default(),
    }
}

/// The figures of areas in the same periods.
fn grid(config: &MeasureConfig, rows: &[(&str, &[(&str, Cell)])]) -> Vec<Figure> {
    rows.iter()
        .flat_map(|(area, cells)| cells.iter().map(|(of, cell)| figure(config, area, of, *cell)))
        .collect()
}

fn compared(config: &MeasureConfig, figures: &[Figure]) -> Vec<Comparison> {
    Comparer::new(Subject { config, targets: None, breaks: &[], areas: &areas() }, figures).all()
}

fn only<'a>(
    rows: &'a [Comparison],
    figures: &[Figure],
    area: &str,
    of: &str,
    kind: ComparisonKind,
) -> &'a Comparison {
    let found: Vec<&Comparison> = rows
        .iter()
        .filter(|row| row.kind == kind)
        .filter(|row| figures[row.figure].area == area && figures[row.figure].period == period(of))
        .collect();
    assert_eq!(found.len(), 1, "{area} {of} {kind:?}");
    found[0]
}

fn close(found: Option<f64>, wanted: f64) {
    assert!(
        found.is_some_and(|found| (found - wanted).abs() < 1e-9 * wanted.abs().max(1.0)),
        "{found:?} is not {wanted}"
    );
}

#[test]
fn a_percentage_is_held_against_last_year_with_newcombes_interval() {
    // Vector `two_proportions`, case survey-wave: 412 of 1000 after 455 of 1020.
    let config = config(MeasureKind::Percentage, Set::HigherIsBetter);
    let cells: [(&str, Cell); 2] = [("2023/24", Some((455.0, 1020.0))), ("2024/25", Some((412.0, 1000.0)))];
    let figures = grid(&config, &[("C", &cells)]);
    let rows = compared(&config, &figures);
    let row = only(&rows, &figures, "C", "2024/25", ComparisonKind::LastYear);
    close(row.difference, -3.407_843_137_254_907);
    close(row.difference_percent, -3.407_843_137_254_907);
    close(row.limits.map(|limits| limits.lower), -7.704_665_965_739_552);
    close(row.limits.map(|limits| limits.upper), 0.907_992_463_032_302_6);
    assert_eq!((row.result(), row.colour(), row.method), ("similar", "amber", "difference_interval"));
    assert_eq!(
        row.wording,
        "not statistically significantly different from 2023/24 (-3.4 percentage points)"
    );
    let first = only(&rows, &figures, "C", "2023/24", ComparisonKind::LastYear);
    assert_eq!(
        (first.result(), first.reason, first.colour()),
        ("not_judged", "reference_not_published", "none")
    );
}

#[test]
fn a_count_that_fell_by_a_sixth_is_significantly_lower_and_better_where_low_is_good() {
    // 14,740 after 17,563: 16.07% less; the ratio's interval is 0.8393 × exp(±1.96 × 0.01117), 0.821 to 0.858.
    let cells: [(&str, Cell); 2] = [("2016/17", Some((17_563.0, 1.0))), ("2017/18", Some((14_740.0, 1.0)))];
    for (polarity, result, colour) in [
        (Set::LowerIsBetter, "better", "green"),
        (Set::HigherIsBetter, "worse", "red"),
        (Set::Context, "lower", "none"),
    ] {
        let config = config(MeasureKind::Count, polarity);
        let figures = grid(&config, &[("C", &cells)]);
        let rows = compared(&config, &figures);
        let row = only(&rows, &figures, "C", "2017/18", ComparisonKind::LastYear);
        assert_eq!((row.result(), row.colour(), row.method), (result, colour, "rate_ratio_interval"));
        assert_eq!(row.wording, "statistically significantly lower than 2016/17 (-16.1%)");
    }
}

#[test]
fn without_events_on_one_side_the_exact_test_decides() {
    // None of ten in one of two equal years has a chance of 2 × ½¹⁰ = 0.002, none of three one of 2 × ½³ = 0.25.
    for (before, result) in [(10.0, "better"), (3.0, "similar")] {
        let config = config(MeasureKind::Count, Set::LowerIsBetter);
        let cells: [(&str, Cell); 2] = [("2023/24", Some((before, 1.0))), ("2024/25", Some((0.0, 1.0)))];
        let figures = grid(&config, &[("C", &cells)]);
        let rows = compared(&config, &figures);
        let row = only(&rows, &figures, "C", "2024/25", ComparisonKind::LastYear);
        assert_eq!((row.result(), row.method), (result, "rate_exact_test"), "{before}");
    }
    // From 0 there is no percent.
    let config = config(MeasureKind::Count, Set::LowerIsBetter);
    let cells: [(&str, Cell); 2] = [("2023/24", Some((0.0, 1.0))), ("2024/25", Some((3.0, 1.0)))];
    let figures = grid(&config, &[("C", &cells)]);
    let rows = compared(&config, &figures);
    let row = only(&rows, &figures, "C", "2024/25", ComparisonKind::LastYear);
    assert_eq!((row.difference, row.difference_percent), (Some(3.0), None));
}

#[test]
fn an_area_within_its_benchmark_is_compared_with_the_rest_of_it() {
    // Vector `two_rates`, case asb-year: 2,001 of 294,773 beside 2,120 of 294,000; the ratio's upper limit is 1.0007.
    let mut config = config(MeasureKind::Rate, Set::LowerIsBetter);
    config.benchmark = Some("C".into());
    let own: [(&str, Cell); 1] = [("2024/25", Some((2001.0, 294_773.0)))];
    let whole: [(&str, Cell); 1] = [("2024/25", Some((2001.0 + 2120.0, 294_773.0 + 294_000.0)))];
    let figures = grid(&config, &[("W1", &own), ("C", &whole)]);
    let rows = compared(&config, &figures);
    let row = only(&rows, &figures, "W1", "2024/25", ComparisonKind::Benchmark);
    close(row.reference, 2120.0 / 294.0);
    assert_eq!(
        (row.against, row.result(), row.method),
        (Against::RestOf(1), "similar", "rate_ratio_interval")
    );
    assert!(
        row.wording.contains("not statistically significantly different from the rest of C"),
        "{}",
        row.wording
    );
    assert!(rows.iter().all(|row| row.figure != 1 || row.kind != ComparisonKind::Benchmark));
}

#[test]
fn an_area_beside_its_benchmark_is_judged_by_its_own_interval() {
    // Byar's limits of 100 events in 10,000 are 8.136 and 12.163 per 1,000.
    for (benchmark, result) in [(80.0, "worse"), (85.0, "similar"), (121.0, "similar"), (122.0, "better")] {
        let mut config = config(MeasureKind::Rate, Set::LowerIsBetter);
        config.benchmark = Some("D".into());
        let own: [(&str, Cell); 1] = [("2024/25", Some((100.0, 10_000.0)))];
        let other: [(&str, Cell); 1] = [("2024/25", Some((benchmark, 10_000.0)))];
        let figures = grid(&config, &[("C", &own), ("D", &other)]);
        let rows = compared(&config, &figures);
        let row = only(&rows, &figures, "C", "2024/25", ComparisonKind::Benchmark);
        assert_eq!((row.against, row.result(), row.method), (Against::Area(1), result, "benchmark_interval"));
    }
}

#[test]
fn a_part_of_a_period_is_never_compared_as_a_whole_one() {
    let config = config(MeasureKind::Count, Set::LowerIsBetter);
    let cells: [(&str, Cell); 3] =
        [("2022/23", Some((10.0, 1.0))), ("2023/24", None), ("2024/25", Some((5.0, 1.0)))];
    let figures = grid(&config, &[("C", &cells)]);
    let rows = compared(&config, &figures);
    let of = |year: &str| only(&rows, &figures, "C", year, ComparisonKind::LastYear);
    assert_eq!((of("2023/24").result(), of("2023/24").reason), ("not_judged", "partial_period"));
    assert_eq!((of("2024/25").result(), of("2024/25").reason), ("not_judged", "reference_partial"));
    assert_eq!(of("2024/25").difference, None);
}

#[test]
fn nothing_is_compared_across_a_break_and_years_on_one_side_of_it_are() {
    let config = config(MeasureKind::Count, Set::LowerIsBetter);
    let years = ["2021/22", "2022/23", "2023/24", "2024/25"];
    let cells: Vec<(&str, Cell)> = years.iter().map(|year| (*year, Some((100.0, 1.0)))).collect();
    let figures = grid(&config, &[("W1", &cells), ("W2", &cells)]);
    let areas = areas();
    let reasons = |month: &str, area: &str| -> Vec<&'static str> {
        let found = Break { month: month.parse().unwrap(), areas: vec!["W1".into()], title: String::new() };
        let subject = Subject { config: &config, targets: None, breaks: &[found], areas: &areas };
        let rows = Comparer::new(subject, &figures).all();
        years[1..]
            .iter()
            .map(|year| only(&rows, &figures, area, year, ComparisonKind::LastYear).reason)
            .collect()
    };
    // At the turn of a year only the pair that it parts; within a year that year with neither neighbour.
    assert_eq!(reasons("2023-04", "W1"), ["", "break_in_series", ""]);
    assert_eq!(reasons("2023-06", "W1"), ["", "break_in_series", "break_in_series"]);
    assert_eq!(reasons("2023-06", "W2"), ["", "", ""]);
}

#[test]
fn a_break_marks_the_figures_in_whose_period_it_lies() {
    let config = config(MeasureKind::Count, Set::LowerIsBetter);
    let cells: [(&str, Cell); 2] = [("2023/24", Some((1.0, 1.0))), ("2024/25", Some((1.0, 1.0)))];
    let mut figures = grid(&config, &[("W1", &cells), ("D", &cells)]);
    let found = Break { month: period("2024/25").first, areas: vec!["C".into()], title: String::new() };
    mark_breaks(&mut figures, &[found], &areas());
    assert_eq!(figures.iter().map(|f| f.after_break).collect::<Vec<_>>(), [false, true, false, false]);
}

fn target(value: f64) -> TargetConfig {
    TargetConfig {
        area: "C".into(),
        breakdown: "all".into(),
        period: PeriodKind::FinancialYear,
        from: "2023-04".parse().unwrap(),
        to: "2026-03".parse().unwrap(),
        value: Some(value),
        trajectory: None,
        change_percent: None,
        base: None,
        tolerance: None,
        tolerance_percent: None,
        source: "the plan".into(),
        approved_by: "Board".into(),
        approved_on: "2023-03-01".parse().unwrap(),
        note: String::new(),
    }
}

#[test]
fn figures_before_the_months_that_are_compared_are_held_against_their_targets_only() {
    let mut config = config(MeasureKind::Count, Set::LowerIsBetter);
    config.compare_months = 12;
    let cells: [(&str, Cell); 2] = [("2023/24", Some((79.0, 1.0))), ("2024/25", Some((81.0, 1.0)))];
    let figures = grid(&config, &[("C", &cells)]);
    let targets = TargetsConfig { measure: "m".into(), target: vec![target(80.0)] };
    let areas = areas();
    let subject = Subject { config: &config, targets: Some(&targets), breaks: &[], areas: &areas };
    let told: Vec<_> = Comparer::new(subject, &figures)
        .all()
        .iter()
        .map(|row| (row.figure, row.kind, row.colour()))
        .collect();
    assert_eq!(
        told,
        [
            (0, ComparisonKind::Target, "green"),
            (1, ComparisonKind::Target, "red"),
            (1, ComparisonKind::LastYear, "amber")
        ]
    );
}

/// Result, colour, method and words of the comparison of 2024/25 with a target.
fn held(config: &MeasureConfig, value: f64, target: TargetConfig, kind: ComparisonKind) -> [String; 4] {
    let cells: [(&str, Cell); 2] = [("2023/24", Some((200.0, 1.0))), ("2024/25", Some((value, 1.0)))];
    let figures = grid(config, &[("C", &cells)]);
    let targets = TargetsConfig { measure: "m".into(), target: vec![target] };
    let areas = areas();
    let subject = Subject { config, targets: Some(&targets), breaks: &[], areas: &areas };
    let rows = Comparer::new(subject, &figures).all();
    let row = only(&rows, &figures, "C", "2024/25", kind);
    [row.result(), row.colour(), if row.method.is_empty() { row.reason } else { row.method }, &row.wording]
        .map(str::to_owned)
}

#[test]
fn a_target_is_met_missed_within_its_tolerance_or_missed() {
    let config = config(MeasureKind::Count, Set::LowerIsBetter);
    let of = |value| {
        held(
            &config,
            value,
            TargetConfig { tolerance_percent: Some(5.0), ..target(80.0) },
            ComparisonKind::Target,
        )
    };
    assert_eq!(of(80.0), ["better", "green", "tolerance", "target of 80 met"]);
    assert_eq!(of(84.0), ["similar", "amber", "tolerance", "target of 80 missed by 4, within the tolerance"]);
    assert_eq!(of(85.0), ["worse", "red", "tolerance", "target of 80 missed by 5"]);
    assert_eq!(held(&config, 81.0, target(80.0), ComparisonKind::Target)[1..3], ["red", "target"]);
}

#[test]
fn a_change_is_aimed_at_from_its_base_and_a_line_at_its_point() {
    let config = config(MeasureKind::Count, Set::LowerIsBetter);
    // A tenth less than the 200 of 2023/24 is 180.
    let tenth = TargetConfig {
        value: None,
        change_percent: Some(-10.0),
        base: Some("2023/24".into()),
        ..target(0.0)
    };
    assert_eq!(held(&config, 180.0, tenth.clone(), ComparisonKind::Target)[3], "target of 180 met");
    let missing = TargetConfig { base: Some("2019/20".into()), ..tenth };
    assert_eq!(
        held(&config, 180.0, missing, ComparisonKind::Target)[..3],
        ["not_judged", "none", "base_not_available"]
    );
    // From 100 in March 2024 to 60 in March 2026: 80 in March 2025.
    let line = TargetConfig {
        value: None,
        trajectory: Some(crate::assess::settings::TrajectoryConfig { from_value: 100.0, to_value: 60.0 }),
        from: "2024-03".parse().unwrap(),
        ..target(0.0)
    };
    assert_eq!(held(&config, 81.0, line, ComparisonKind::Trajectory)[3], "target of 80 missed by 1");
}

#[test]
fn context_is_never_coloured() {
    let config = config(MeasureKind::Count, Set::Context);
    assert_eq!(
        held(&config, 80.0, target(80.0), ComparisonKind::Target)[..3],
        ["not_judged", "none", "context"]
    );
}

#[test]
fn a_measure_without_intervals_says_higher_or_lower_and_claims_no_significance() {
    let mut config = config(MeasureKind::Percentage, Set::HigherIsBetter);
    config.interval = IntervalChoice::None;
    let cells: [(&str, Cell); 2] = [("2023/24", Some((88.0, 100.0))), ("2024/25", Some((93.0, 100.0)))];
    let figures = grid(&config, &[("C", &cells)]);
    assert!(figures.iter().all(|figure| figure.interval.is_none()));
    let rows = compared(&config, &figures);
    let row = only(&rows, &figures, "C", "2024/25", ComparisonKind::LastYear);
    assert_eq!((row.result(), row.method, row.limits), ("better", "difference", None));
    assert_eq!(row.wording, "higher than 2023/24 (+5.0 percentage points)");
}

#[test]
fn peers_are_ranked_with_ties_and_without_those_that_have_no_value() {
    let config = config(MeasureKind::Rate, Set::LowerIsBetter);
    let cell = |events: Option<f64>| [("2024/25", events.map(|events| (events, 1000.0)))];
    let (one, two, three, four) = (cell(Some(30.0)), cell(Some(10.0)), cell(Some(30.0)), cell(None));
    let figures = grid(&config, &[("W1", &one), ("W2", &two), ("W3", &three), ("W4", &four), ("D", &one)]);
    let rows = compared(&config, &figures);
    let of = |area: &str| only(&rows, &figures, area, "2024/25", ComparisonKind::Peers);
    assert_eq!(
        [of("W1").rank, of("W2").rank, of("W3").rank, of("W4").rank],
        [Some(2), Some(1), Some(2), None]
    );
    assert_eq!((of("W1").of, of("W4").reason), (Some(3), "partial_period"));
    // 70 events of 3,000.
    close(of("W1").reference, 70.0 / 3.0);
    assert!(
        of("W2").wording.starts_with("lowest of 3, statistically significantly lower"),
        "{}",
        of("W2").wording
    );
    assert!(of("W1").wording.starts_with("equal highest of 3, not statistically"), "{}", of("W1").wording);
    // D is alone on its level.
    assert!(rows.iter().all(|row| figures[row.figure].area != "D" || row.kind != ComparisonKind::Peers));
}

#[test]
fn counts_of_unlike_areas_are_ranked_and_not_judged() {
    let config = config(MeasureKind::Count, Set::LowerIsBetter);
    let cells: [(&str, Cell); 1] = [("2024/25", Some((30.0, 1.0)))];
    let more: [(&str, Cell); 1] = [("2024/25", Some((31.0, 1.0)))];
    let figures = grid(&config, &[("W1", &cells), ("W2", &more)]);
    let rows = compared(&config, &figures);
    let row = only(&rows, &figures, "W2", "2024/25", ComparisonKind::Peers);
    assert_eq!(
        (row.result(), row.reason, row.wording.as_str()),
        ("not_judged", "counts_of_unlike_areas", "highest of 2")
    );
}

#[test]
fn an_area_that_is_no_named_peer_is_ranked_among_them_and_moves_nobody() {
    let mut config = config(MeasureKind::Rate, Set::LowerIsBetter);
    config.peers = vec!["W1".into(), "W2".into()];
    let cell = |events: f64| [("2024/25", Some((events, 1000.0)))];
    let figures =
        grid(&config, &[("W1", &cell(20.0)), ("W2", &cell(30.0)), ("C", &cell(25.0)), ("D", &cell(10.0))]);
    let rows = compared(&config, &figures);
    let place = |area: &str| {
        let row = only(&rows, &figures, area, "2024/25", ComparisonKind::Peers);
        (row.rank, row.of)
    };
    assert_eq!([place("W1"), place("W2")], [(Some(1), Some(2)), (Some(2), Some(2))]);
    assert_eq!([place("C"), place("D")], [(Some(2), Some(3)), (Some(1), Some(3))]);
}

#[test]
fn a_baseline_is_compared_with_periods_of_as_many_months_after_it() {
    let mut config = config(MeasureKind::Count, Set::LowerIsBetter);
    config.baseline = Some("2021/22".into());
    let cells: [(&str, Cell); 3] =
        [("2021/22", Some((400.0, 1.0))), ("2023/24", Some((390.0, 1.0))), ("2024/25", Some((200.0, 1.0)))];
    let figures = grid(&config, &[("C", &cells)]);
    let rows: Vec<_> =
        compared(&config, &figures).into_iter().filter(|row| row.kind == ComparisonKind::Baseline).collect();
    let told: Vec<_> = rows.iter().map(|row| (row.figure, row.reference, row.result())).collect();
    assert_eq!(told, [(1, Some(400.0), "similar"), (2, Some(400.0), "better")]);
}

/// Events and residents of four wards.
fn wards() -> impl Strategy<Value = Vec<(u32, u32)>> {
    prop::collection::vec((0_u32..200, 1000_u32..5000), 4)
}

proptest! {
    #[test]
    fn peers_lie_where_the_funnel_puts_them_at_its_narrow_limits(wards in wards()) {
        let config = config(MeasureKind::Rate, Set::Context);
        let pairs: Vec<(Option<f64>, Option<f64>)> =
            wards.iter().map(|(n, d)| (Some(f64::from(*n)), Some(f64::from(*d)))).collect();
        let expected = funnel(FunnelKind::Rate, &pairs);
        let figures: Vec<Figure> = wards.iter().enumerate().map(|(place, (n, d))| {
            figure(&config, &format!("W{}", place + 1), "2024/25", Some((f64::from(*n), f64::from(*d))))
        }).collect();
        for row in compared(&config, &figures).iter().filter(|row| row.kind == ComparisonKind::Peers) {
            let wanted = match expected[row.figure] {
                Some(Funnel::High998 | Funnel::High95) => "higher",
                Some(Funnel::Low998 | Funnel::Low95) => "lower",
                Some(Funnel::NotSignificant) => "similar",
                None => "not_judged",
            };
            prop_assert_eq!(row.result(), wanted);
        }
    }

    #[test]
    fn the_order_of_areas_changes_nothing_and_places_are_shared_out(
        wards in wards(),
        order in Just(vec![0_usize, 1, 2, 3]).prop_shuffle(),
    ) {
        let mut config = config(MeasureKind::Rate, Set::LowerIsBetter);
        config.benchmark = Some("W1".into());
        let told = |order: &[usize]| {
            let figures: Vec<Figure> = order.iter().map(|place| {
                let (n, d) = wards[*place];
                figure(&config, &format!("W{}", place + 1), "2024/25", Some((f64::from(n), f64::from(d))))
            }).collect();
            let mut told: Vec<String> = compared(&config, &figures).iter().map(|row| {
                format!("{} {:?} {:?} {:?} {} {}", figures[row.figure].area, row.kind, row.reference, row.rank,
                    row.result(), row.wording)
            }).collect();
            told.sort();
            told
        };
        // The average of peers is a sum, whose last digit may depend on the order of its parts.
        let plain = |lines: Vec<String>| lines.into_iter().filter(|line| !line.contains("Peers")).collect::<Vec<_>>();
        prop_assert_eq!(plain(told(&[0, 1, 2, 3])), plain(told(&order)));
        let ranks = |lines: Vec<String>| -> Vec<String> {
            lines.into_iter().filter(|line| line.contains("Peers")).map(|line| {
                line.split_whitespace().enumerate().filter(|(n, _)| *n == 0 || *n == 3).map(|(_, w)| w.to_owned())
                    .collect::<Vec<_>>().join(" ")
            }).collect()
        };
        prop_assert_eq!(ranks(told(&[0, 1, 2, 3])), ranks(told(&order)));
    }
}

/// A figure made of these parts, as the product makes it.
fn made(config: &MeasureConfig, area: &str, of: &str, parts: Parts) -> Figure {
    let valued = value::of(config, &CountLimits::new(confidence(config)), &parts);
    Figure {
        numerator: parts.numerator,
        denominator: parts.denominator,
        value: valued.value,
        interval: valued.interval,
        basis: valued.basis,
        status: Status::Available,
        absence: None,
        ..figure(config, area, of, None)
    }
}

fn near(limits: Option<Interval>, lower: f64, upper: f64, by: f64) {
    let limits = limits.unwrap();
    assert!((limits.lower - lower).abs() < by && (limits.upper - upper).abs() < by, "{limits:?}");
}

/// The comparison of ward W1 with partnership C, in which it lies.
fn with_the_rest(config: &MeasureConfig, ward: Parts, whole: Parts) -> Comparison {
    let config = MeasureConfig { benchmark: Some("C".into()), ..config.clone() };
    let figures = [made(&config, "C", "2024/25", whole), made(&config, "W1", "2024/25", ward)];
    only(&compared(&config, &figures), &figures, "W1", "2024/25", ComparisonKind::Benchmark).clone()
}

#[test]
fn a_part_is_held_against_the_rest_of_its_whole_whatever_the_kind() {
    let sums = |n: f64, d: f64, squares: f64| Parts {
        numerator: Some(n),
        denominator: Some(d),
        further: [squares, 0.0],
        ..Parts::default()
    };
    // 4 values of mean 10 and variance 40 / 3; the other 6 have the sum 90 and squares of 1,460: mean 15, variance 22.
    let average = config(MeasureKind::Average, Set::LowerIsBetter);
    let row = with_the_rest(&average, sums(40.0, 4.0, 440.0), sums(130.0, 10.0, 1900.0));
    assert_eq!((row.reference, row.difference, row.method), (Some(15.0), Some(-5.0), "welch_t_interval"));
    // Squared error 10 / 3 + 11 / 3 = 7, 49 / ((10 / 3)² / 3 + (11 / 3)² / 5) = 7.67 degrees: t between 2.3060 and 2.3646.
    near(row.limits, -5.0 - 2.326 * 7.0_f64.sqrt(), -5.0 + 2.326 * 7.0_f64.sqrt(), 0.02);
    assert_eq!(row.result(), "similar");

    // 60 of 80 by 100 answers; the rest 240 of 420 by 500, with the design effect of the whole:
    // 75 - 57.142857 points, ± 1.959964 √(0.75 0.25 / 99 1.2 + 0.24489796 / 499 1.5) x 100.
    let survey = config(MeasureKind::Survey, Set::HigherIsBetter);
    let answers = |n: f64, d: f64, base: f64, effect: f64| Parts {
        base: Some(base),
        design_effect: Some(effect),
        ..sums(n, d, 0.0)
    };
    let row = with_the_rest(&survey, answers(60.0, 80.0, 100.0, 1.2), answers(300.0, 500.0, 600.0, 1.5));
    near(row.limits, 7.1060, 28.6083, 1e-3);
    assert_eq!((row.result(), row.method), ("better", "survey_difference_interval"));
    assert_eq!(
        row.wording,
        "statistically significantly higher than the rest of C (+17.9 percentage points)"
    );

    // A median has no rest.
    let median = config(MeasureKind::Median, Set::LowerIsBetter);
    let middle = |value: f64| Parts { value: Some(value), denominator: Some(9.0), ..Parts::default() };
    assert_eq!(with_the_rest(&median, middle(4.0), middle(5.0)).reason, "rest_of_benchmark_unknown");
}

#[test]
fn a_gap_of_rates_has_limits_from_those_of_both_and_two_gaps_differ_by_theirs() {
    let config = MeasureConfig { per: Some(1000), ..config(MeasureKind::Gap, Set::LowerIsBetter) };
    let gap = |own: f64, other: f64| Parts {
        numerator: Some(own),
        denominator: Some(1000.0),
        further: [other, 1000.0],
        ..Parts::default()
    };
    // Byar's limits are 20.2371 and 42.8284 of 30, 4.7875 and 18.3914 of 10:
    // 20 - √(9.7629² + 8.3914²) and 20 + √(12.8284² + 5.2125²).
    let figures =
        [made(&config, "C", "2023/24", gap(30.0, 10.0)), made(&config, "C", "2024/25", gap(90.0, 10.0))];
    assert_eq!((figures[0].value, figures[0].interval.unwrap().method), (Some(20.0), "rate_difference"));
    near(figures[0].interval.map(|own| own.limits), 7.1263, 33.8470, 1e-3);
    let row = only(&compared(&config, &figures), &figures, "C", "2024/25", ComparisonKind::LastYear).clone();
    assert_eq!((row.difference, row.result(), row.method), (Some(60.0), "worse", "difference_interval"));
    assert_eq!(row.wording, "statistically significantly higher than 2023/24 (+60.0)");
}

#[test]
fn medians_differ_where_their_intervals_lie_apart() {
    let config = config(MeasureKind::Median, Set::LowerIsBetter);
    let median = |value: f64, lower: f64, upper: f64| Parts {
        value: Some(value),
        denominator: Some(40.0),
        limits: Some(Interval { lower, upper }),
        ..Parts::default()
    };
    let of = |now: Parts| {
        let figures =
            [made(&config, "C", "2023/24", median(20.0, 17.0, 23.0)), made(&config, "C", "2024/25", now)];
        let rows = compared(&config, &figures);
        let row = only(&rows, &figures, "C", "2024/25", ComparisonKind::LastYear);
        (row.result(), row.method)
    };
    assert_eq!(of(median(15.0, 12.0, 16.5)), ("better", "intervals_apart"));
    assert_eq!(of(median(15.0, 12.0, 17.0)), ("similar", "intervals_apart"));
}

#[test]
fn an_index_ends_at_a_break_after_its_base_year() {
    let config =
        MeasureConfig { base: Some("2022/23".into()), ..config(MeasureKind::Index, Set::LowerIsBetter) };
    let index =
        Parts { numerator: Some(50.0), denominator: Some(40.0), further: [40.0, 12.0], ..Parts::default() };
    let mut figures = ["2022/23", "2023/24", "2024/25"].map(|year| made(&config, "W1", year, index));
    let found = Break { month: period("2024/25").first, areas: vec!["C".into()], title: String::new() };
    cut_indices(&config, &mut figures, std::slice::from_ref(&found), &areas());
    assert_eq!(figures.each_ref().map(|figure| figure.value), [Some(125.0), Some(125.0), None]);
    assert_eq!(
        (figures[2].status, figures[2].note.as_str()),
        (Status::NotApplicable, "a break in the series lies between the base year 2022/23 and this period")
    );
    let mut elsewhere = [made(&config, "D", "2024/25", index)];
    cut_indices(&config, &mut elsewhere, &[found], &areas());
    assert_eq!(elsewhere[0].value, Some(125.0));
}
