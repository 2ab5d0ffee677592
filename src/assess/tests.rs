//! Facts about figures.

use super::*;
use crate::config::settings::{IntervalChoice, Polarity};
use crate::disclosure::settings::{DominanceConfig, MeasureDisclosureConfig};
use crate::geography::Areas;
use crate::period::PeriodKind;

pub(crate) fn month(text: &str) -> Month {
    text.parse().unwrap()
}

pub(crate) fn config(kind: MeasureKind) -> MeasureConfig {
    MeasureConfig {
        id: "m".into(),
        version: 1,
        change: Vec::new(),
        title: String::new(),
        framework: String::new(),
        theme: String::new(),
        priority: String::new(),
        reference: String::new(),
        owner: String::new(),
        purpose: None,
        quote: String::new(),
        kind,
        unit: String::new(),
        per: kind.per_resident().then_some(1000),
        whole: None,
        base: None,
        range: None,
        minimum_base: None,
        mature_after_months: 0,
        look_back_months: 0,
        waves: Vec::new(),
        polarity: Polarity::LowerIsBetter,
        areas: Vec::new(),
        periods: PeriodKind::USUAL.to_vec(),
        breakdowns: Vec::new(),
        notes: String::new(),
        confidence: 95.0,
        interval: IntervalChoice::Usual,
        interval_reason: String::new(),
        benchmark: None,
        peers: Vec::new(),
        baseline: None,
        headline: None,
        compare_months: 0,
        disclosure: None,
        sum_of: Vec::new(),
    }
}

/// Twelve months from April 2024, with 10 events in each but none in August, for area A.
fn year() -> MonthlyCounts {
    let (first, last) = (month("2024-04"), month("2025-03"));
    let mut monthly = MonthlyCounts { span: Some((first, last)), ..MonthlyCounts::default() };
    let counts = first
        .through(last)
        .filter(|m| m.number() != 8)
        .map(|m| (m, Counted::new(10.0, Some(20.0))))
        .collect();
    monthly.counts.insert(("A".into(), "all".into()), counts);
    let delivered = first
        .through(last)
        .map(|m| (m, Coverage::Delivered { synthetic: m.number() == 1, nil: false }))
        .collect();
    monthly.coverage.insert("A".into(), delivered);
    monthly
}

fn of<'a>(figures: &'a [Figure], period: &str) -> &'a Figure {
    figures.iter().find(|figure| figure.period.to_string() == period).unwrap()
}

#[test]
fn an_amount_is_dominated_where_its_largest_contributors_are_and_at_least_so_when_their_rows_are_erased() {
    let mut config = config(MeasureKind::Count);
    let dominance = Some(DominanceConfig { largest: 1, share: 75 });
    config.disclosure = Some(MeasureDisclosureConfig { dominance, ..MeasureDisclosureConfig::default() });
    let mut monthly = year();
    let months = monthly.counts.get_mut(&("A".into(), "all".into())).unwrap();
    for (at, counted) in months {
        // 9 of the 10 of May came from one, and 3 of those of other months.
        counted.further[1] = if at.number() == 5 { 9.0 } else { 3.0 };
    }
    let dominated = |monthly: &MonthlyCounts| -> Vec<String> {
        let figures = figures(&config, &["A"], monthly, &Residents::default());
        assert!(figures.iter().all(|figure| figure.parts().further.iter().sum::<f64>().abs() < 1e-9));
        figures
            .iter()
            .filter(|figure| figure.is_dominated())
            .map(|figure| figure.period.to_string())
            .collect()
    };
    assert_eq!(dominated(&monthly), ["2024-05"]);
    for counted in monthly.counts.get_mut(&("A".into(), "all".into())).unwrap().values_mut() {
        let given = counted.further[1];
        *counted = without_contributors(&config, *counted);
        assert!(counted.further[1] > given, "what one gave is not kept");
    }
    // 7.5 of April, 10 of May and 7.5 of June are more than three quarters of 30.
    let kept = dominated(&monthly);
    assert_eq!(&kept[..2], ["2024-05", "2024/25 Q1"]);
    assert!(!kept.contains(&"2024-04".to_owned()));
}

#[test]
fn a_delivered_month_without_events_is_zero_and_sums_go_over_it() {
    let figures = figures(&config(MeasureKind::Count), &["A"], &year(), &Residents::default());
    assert_eq!(of(&figures, "2024-08").value, Some(0.0));
    assert_eq!(of(&figures, "2024/25 Q2").value, Some(20.0));
    assert_eq!(of(&figures, "2024/25").value, Some(110.0));
    assert_eq!(of(&figures, "12 months to 2025-03").value, Some(110.0));
    // 12 months, 4 quarters, 1 financial year, 1 rolling year.
    assert_eq!(figures.len(), 18);
}

#[test]
fn a_missing_month_is_not_available_and_makes_its_quarter_and_year_incomplete() {
    let mut monthly = year();
    monthly.coverage.get_mut("A").unwrap().remove(&month("2024-05"));
    monthly.reasons.insert("A".into(), [(month("2024-05"), Reason::new(Absence::Held, "held"))].into());
    let figures = figures(&config(MeasureKind::Count), &["A"], &monthly, &Residents::default());
    let may = of(&figures, "2024-05");
    assert_eq!(
        (may.value, may.numerator, may.status, may.note.as_str()),
        (None, None, Status::NotAvailable, "held")
    );
    assert_eq!(of(&figures, "2024/25 Q1").status, Status::Incomplete);
    assert_eq!(of(&figures, "2024/25 Q1").value, None);
    assert_eq!(of(&figures, "2024/25").note, "11 of 12 months were delivered");
    assert_eq!(of(&figures, "2024/25 Q3").value, Some(30.0));
}

#[test]
fn a_measure_by_parts_without_any_count_still_tells_why_its_cells_are_empty() {
    let mut monthly = year();
    monthly.counts.clear();
    monthly.coverage.clear();
    monthly.reasons.insert(
        "A".into(),
        [(month("2024-05"), Reason::new(Absence::KnownGap, "the force publishes nothing"))].into(),
    );
    let mut config = config(MeasureKind::Count);
    config.breakdowns = vec!["crime_type".to_owned()];
    let figures = figures(&config, &["A"], &monthly, &Residents::default());
    let may = of(&figures, "2024-05");
    assert_eq!((may.breakdown.as_str(), may.value, may.status), ("all", None, Status::NotAvailable));
    assert_eq!(may.note, "the force publishes nothing");
}

#[test]
fn a_percentage_is_a_ratio_of_sums_and_has_no_answer_without_a_denominator() {
    let mut monthly = year();
    let counts = monthly.counts.get_mut(&("A".into(), "all".into())).unwrap();
    counts.insert(month("2024-04"), Counted::new(0.0, Some(160.0)));
    let figures = figures(&config(MeasureKind::Percentage), &["A"], &monthly, &Residents::default());
    // 0 + 10 + 10 of 160 + 20 + 20; the mean of the three months would be 33.3.
    assert_eq!(of(&figures, "2024/25 Q1").value, Some(10.0));
    let august = of(&figures, "2024-08");
    assert_eq!((august.value, august.status), (None, Status::NotApplicable));
    assert_eq!(august.note, "the denominator is zero");
}

#[test]
fn what_is_synthetic_in_one_month_is_synthetic_in_every_period_that_holds_it() {
    let figures = figures(&config(MeasureKind::Count), &["A"], &year(), &Residents::default());
    assert!(!of(&figures, "2024-12").synthetic);
    assert!(of(&figures, "2025-01").synthetic);
    assert!(of(&figures, "2024/25 Q4").synthetic);
    assert!(of(&figures, "2024/25").synthetic);
}

#[test]
fn places_are_counted_from_the_lowest_rate_and_ties_share_one() {
    let mut figures: Vec<Figure> = [3.0, 1.0, 3.0, 7.0]
        .iter()
        .map(|value| Figure {
            area: String::new(),
            period: Period::month(month("2024-04")),
            breakdown: "all".into(),
            numerator: None,
            denominator: None,
            value: Some(*value),
            status: Status::Available,
            absence: None,
            synthetic: false,
            note: String::new(),
            interval: None,
            after_break: false,
            basis: None,
            vintage: Vintage::default(),
        })
        .collect();
    figures[3].value = None;
    rank(&mut figures);
    let places: Vec<Option<f64>> = figures.iter().map(|f| f.value).collect();
    assert_eq!(places, [Some(2.0), Some(1.0), Some(2.0), None]);
    assert_eq!(figures[0].note, "of 3 areas with data");
}

proptest::proptest! {
    #[test]
    fn a_year_to_date_ends_at_the_year(counts in proptest::collection::vec(0_u32..100, 12)) {
        let mut monthly = year();
        let months = month("2024-04").through(month("2025-03")).zip(&counts);
        let counted = months.map(|(m, n)| (m, Counted::new(f64::from(*n), None))).collect();
        monthly.counts.insert(("A".into(), "all".into()), counted);
        let mut config = config(MeasureKind::Count);
        config.periods = PeriodKind::ALL.to_vec();
        let figures = figures(&config, &["A"], &monthly, &Residents::default());
        let value = |period: &str| of(&figures, period).value;
        proptest::prop_assert_eq!(value("2024/25 to 2025-03"), value("2024/25"));
        proptest::prop_assert_eq!(value("2024/25 to 2024-06"), value("2024/25 Q1"));
        proptest::prop_assert_eq!(value("2024/25 Q1"), value("2024 Q2"));
        let total: u32 = counts.iter().sum();
        proptest::prop_assert_eq!(value("2024/25 to 2025-03"), Some(f64::from(total)));
    }

    #[test]
    fn an_interval_holds_its_value_whatever_the_kind(
        n in 0_u32..5000, more in 0_u32..5000, other in 0_u32..500, spread in 0.0..50.0_f64, per: bool,
    ) {
        let (events, trials, other) = (f64::from(n), f64::from(n + more), f64::from(other));
        for kind in MeasureKind::ALL {
            let config = MeasureConfig { per: per.then_some(1000), ..config(kind) };
            let mut parts = Parts { numerator: Some(events), denominator: Some(trials), ..Parts::default() };
            match kind {
                MeasureKind::Average => {
                    parts.further[0] = spread * spread * (trials - 1.0) + events * events / trials.max(1.0);
                }
                MeasureKind::Gap => parts.further = [other.min(trials), trials],
                MeasureKind::Index => parts.further = [trials * 2.0, 12.0],
                MeasureKind::Survey => (parts.base, parts.design_effect) = (Some(trials), Some(1.0 + spread)),
                MeasureKind::Median | MeasureKind::Score => continue,
                _ => {}
            }
            let found = value::of(&config, &CountLimits::new(interval::confidence(&config)), &parts);
            if let (Some(value), Some(found)) = (found.value, found.interval) {
                let slack = 1e-9 * value.abs().max(1e-3);
                let holds = found.limits.lower <= value + slack && value - slack <= found.limits.upper;
                proptest::prop_assert!(holds, "{}: {value} {found:?}", kind.name());
            }
            let parts_of_whole = kind.is_part() && kind != MeasureKind::Survey;
            proptest::prop_assert!(found.interval.is_some() || !parts_of_whole || trials == 0.0);
        }
    }

    #[test]
    fn figures_do_not_depend_on_the_order_of_areas(counts in proptest::collection::vec(0_u32..40, 36), first in 0..3_usize) {
        let mut monthly = year();
        let names = ["A", "B", "C"];
        let delivered = monthly.coverage["A"].clone();
        for (name, counts) in names.iter().zip(counts.chunks(12)) {
            let months = month("2024-04").through(month("2025-03")).zip(counts);
            let counted = months.map(|(m, n)| (m, Counted::new(f64::from(*n), Some(f64::from(*n) + 5.0))));
            monthly.counts.insert(((*name).into(), "all".into()), counted.collect());
            monthly.coverage.insert((*name).into(), delivered.clone());
        }
        let config = MeasureConfig { peers: names.map(str::to_owned).to_vec(), ..config(MeasureKind::Percentage) };
        let areas = Areas::default();
        let subject = compare::Subject { config: &config, targets: None, breaks: &[], areas: &areas };
        let mut turned = names;
        turned.rotate_left(first);
        // What is said of each area and period, in an order of its own.
        let told = |names: &[&str]| {
            let figures = figures(&config, names, &monthly, &Residents::default());
            let found = assess(subject, &figures, &[]);
            let mut said: Vec<String> = found
                .comparisons
                .iter()
                .map(|row| {
                    let figure = &figures[row.figure];
                    format!("{} {} {} {:?} {:?}", figure.area, figure.period, row.kind.name(), row.rank, row.wording)
                })
                .chain(figures.iter().map(|figure| format!("{figure:?}")))
                .collect();
            said.sort();
            said
        };
        proptest::prop_assert_eq!(told(&names), told(&turned));
        // Without ties the places are each taken once; with ties none is beyond the number of areas.
        let figures = figures(&config, &names, &monthly, &Residents::default());
        let found = assess(subject, &figures, &[]);
        let of_year = |row: &&Comparison| {
            figures[row.figure].period.to_string() == "2024/25" && row.kind == compare::ComparisonKind::Peers
        };
        let mut ranks: Vec<u32> = found.comparisons.iter().filter(of_year).filter_map(|row| row.rank).collect();
        ranks.sort_unstable();
        let mut values: Vec<f64> = figures
            .iter()
            .filter(|figure| figure.period.to_string() == "2024/25")
            .filter_map(|figure| figure.value)
            .collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        if values.len() == 3 {
            proptest::prop_assert_eq!(ranks, vec![1, 2, 3]);
        } else {
            proptest::prop_assert!(ranks.len() == 3 && ranks.iter().all(|rank| (1..=3).contains(rank)));
        }
    }
}

#[test]
fn a_figure_has_the_interval_of_its_kind() {
    // Vector `wilson_ci`: 1 of 100; vector `rate_ci`: 1 of 100 per 100, exact; both at 95%.
    let of = |kind| {
        let mut config = config(kind);
        config.per = Some(100);
        let limits = CountLimits::new(interval::confidence(&config));
        let parts = Parts { numerator: Some(1.0), denominator: Some(100.0), ..Parts::default() };
        value::of(&config, &limits, &parts).interval
    };
    let percentage = of(MeasureKind::Percentage).unwrap();
    assert_eq!(percentage.method, "wilson");
    assert!((percentage.limits.lower - 0.176_743_206_414_065).abs() < 1e-9);
    assert!((percentage.limits.upper - 5.448_619_617_870_53).abs() < 1e-9);
    let rate = of(MeasureKind::Rate).unwrap();
    assert_eq!(rate.method, "exact");
    assert!((rate.limits.lower - 0.025_317_807_984_289_9).abs() < 1e-9);
    assert!((rate.limits.upper - 5.571_643_390_938_9).abs() < 1e-9);
    assert_eq!(of(MeasureKind::Count).map(|own| own.limits), Some(rate.limits));
    assert!(of(MeasureKind::Ratio).is_none() && of(MeasureKind::RankOfRate).is_none());
}

#[test]
fn noise_of_another_order_of_adding_up_is_no_other_number_and_one_event_more_is() {
    let same = |one: f64, other: f64| is_same(Some(one), Some(other)) && is_same(Some(other), Some(one));
    // 0.1 + 0.2 + 0.3 from the left and from the right: the last bit differs.
    let (left, right) = ((0.1 + 0.2) + 0.3, 0.1 + (0.2 + 0.3));
    assert!(left > right && same(left, right));
    // What is left of two equal rates, one of which was added up otherwise, in percentage points.
    assert!(same(0.0, 100.0 * (left - right)));
    assert!(same(1.0e12 + 0.5, 1.0e12 + 0.75) && !same(1.0e6 + 0.5, 1.0e6 + 0.75));
    // Whole numbers are exact, however large; a rate per 1,000 of 900 million residents moves by one event.
    assert!(!same(4_000_000_000.0, 4_000_000_001.0) && !same(7.0, 8.0) && same(7.0, 7.0));
    assert!(!same(1000.0 * 12.0 / 9.0e8, 1000.0 * 13.0 / 9.0e8));
    // A proportion of five decimals that is rounded otherwise in the sixth.
    assert!(!same(0.123_456, 0.123_457));
    assert!(is_same(None, None) && !is_same(None, Some(0.0)) && !is_same(Some(0.0), None));
}
