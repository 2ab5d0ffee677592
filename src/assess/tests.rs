//! Facts about figures.

use super::*;
use crate::config::settings::{IntervalChoice, Polarity};
use crate::period::PeriodKind;

pub(super) fn month(text: &str) -> Month {
    text.parse().unwrap()
}

pub(super) fn config(kind: MeasureKind) -> MeasureConfig {
    MeasureConfig {
        id: "m".into(),
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
        })
        .collect();
    figures[3].value = None;
    rank(&mut figures);
    let places: Vec<Option<f64>> = figures.iter().map(|f| f.value).collect();
    assert_eq!(places, [Some(2.0), Some(1.0), Some(2.0), None]);
    assert_eq!(figures[0].note, "of 3 areas with data");
}
