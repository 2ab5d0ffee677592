//! Facts about figures.

use super::*;
use crate::config::settings::{IntervalChoice, Polarity};
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
        .map(|m| (m, Counted { numerator: 10.0, denominator: Some(20.0) }))
        .collect();
    monthly.counts.insert(("A".into(), "all".into()), counts);
    let delivered =
        first.through(last).map(|m| (m, Coverage::Delivered { synthetic: m.number() == 1 })).collect();
    monthly.coverage.insert("A".into(), delivered);
    monthly
}

fn of<'a>(figures: &'a [Figure], period: &str) -> &'a Figure {
    figures.iter().find(|figure| figure.period.to_string() == period).unwrap()
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
    monthly.reasons.insert("A".into(), [(month("2024-05"), "held".to_owned())].into());
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
    monthly.reasons.insert("A".into(), [(month("2024-05"), "the force publishes nothing".to_owned())].into());
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
    counts.insert(month("2024-04"), Counted { numerator: 0.0, denominator: Some(160.0) });
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
            synthetic: false,
            note: String::new(),
            interval: None,
            after_break: false,
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
        let counted = months.map(|(m, n)| (m, Counted { numerator: f64::from(*n), denominator: None })).collect();
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
    fn an_interval_holds_its_value(n in 0_u32..5000, more in 0_u32..5000) {
        let (events, trials) = (f64::from(n), f64::from(n + more));
        for kind in [MeasureKind::Count, MeasureKind::Percentage] {
            let config = config(kind);
            let limits = CountLimits::new(interval::confidence(&config));
            let found = interval::of(&config, &limits, events, Some(trials));
            let value = if kind == MeasureKind::Count { events } else { 100.0 * events / trials };
            if let Some(found) = found {
                let slack = 1e-9 * value;
                proptest::prop_assert!(found.limits.lower <= value + slack && value - slack <= found.limits.upper);
            }
            proptest::prop_assert!(found.is_some() || trials == 0.0);
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
        interval::of(&config, &limits, 1.0, Some(100.0))
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
