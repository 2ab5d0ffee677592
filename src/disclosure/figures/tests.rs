//! What is withheld of figures, and what is proven of it.

use super::shape::ALL;
use super::*;
use crate::period::PeriodKind;

fn area(code: &str, level: &str, parent: &str) -> Area {
    Area { code: code.into(), level: level.into(), title: code.into(), parent: parent.into() }
}

pub(super) fn areas() -> Vec<Area> {
    vec![area("C", "csp", ""), area("N", "ward", "C"), area("S", "ward", "C"), area("W", "ward", "C")]
}

pub(super) fn period(kind: PeriodKind, last: &str) -> Period {
    Period::ending(kind, last.parse().unwrap()).unwrap()
}

pub(super) fn figure(area: &str, breakdown: &str, period: Period, counts: (f64, Option<f64>)) -> Figure {
    Figure {
        area: area.into(),
        period,
        breakdown: breakdown.into(),
        numerator: Some(counts.0),
        denominator: counts.1,
        value: Some(counts.1.map_or(counts.0, |denominator| 100.0 * counts.0 / denominator)),
        status: assess::Status::Available,
        absence: None,
        synthetic: false,
        note: String::new(),
        interval: None,
        after_break: false,
        basis: None,
        vintage: crate::assess::Vintage::default(),
    }
}

pub(super) fn month() -> Period {
    period(PeriodKind::Month, "2025-04")
}

fn counts(areas: &[(&str, f64)]) -> Vec<Figure> {
    areas.iter().map(|(area, count)| figure(area, ALL, month(), (*count, None))).collect()
}

fn measure<'a>(id: &'a str, figures: &'a [Figure], rule: &'a Rule) -> Measure<'a> {
    Measure { id, figures, rule, earlier: &[] }
}

fn run(measures: &[Measure<'_>], sums: &[MeasureSum]) -> Outcome {
    let outcome = protect_figures(measures, sums, &areas(), &Effort::default()).unwrap();
    assert!(outcome.audits.iter().all(Audit::passes));
    outcome
}

fn shown(figures: &[Figure]) -> Vec<Option<f64>> {
    figures.iter().map(|figure| figure.numerator).collect()
}

#[test]
fn a_small_ward_takes_the_next_ward_with_it_and_both_say_the_same() {
    let figures = counts(&[("C", 52.0), ("N", 3.0), ("S", 40.0), ("W", 9.0)]);
    let outcome = run(&[measure("m", &figures, &Rule::default())], &[]);
    let found = &outcome.measures[0];
    assert_eq!(shown(&found.figures), [Some(52.0), None, Some(40.0), None]);
    for withheld in [&found.figures[1], &found.figures[3]] {
        assert_eq!((withheld.value, withheld.status), (None, assess::Status::Suppressed));
        assert_eq!(withheld.note, NOTE);
    }
    assert_eq!(found.counts, Counts { shown: 2, primary: 1, secondary: 1 });
}

#[test]
fn without_the_total_nothing_else_is_withheld() {
    let figures = counts(&[("N", 3.0), ("S", 40.0), ("W", 9.0)]);
    let outcome = run(&[measure("m", &figures, &Rule::default())], &[]);
    assert_eq!(shown(&outcome.measures[0].figures), [None, Some(40.0), Some(9.0)]);
}

#[test]
fn wards_that_leave_a_small_rest_of_the_whole_give_it_away_and_are_withheld_for_it() {
    let figures = counts(&[("C", 52.0), ("N", 9.0), ("S", 40.0)]);
    let outcome = run(&[measure("m", &figures, &Rule::default())], &[]);
    assert_eq!(shown(&outcome.measures[0].figures), [Some(52.0), None, Some(40.0)]);
}

#[test]
fn a_measure_that_must_be_published_is_shown_whatever_its_size() {
    let figures = counts(&[("C", 5.0), ("N", 1.0), ("S", 4.0), ("W", 0.0)]);
    let rule = Rule { threshold: None, ..Rule::default() };
    let outcome = run(&[measure("asb-case-reviews", &figures, &rule)], &[]);
    assert_eq!(outcome.measures[0].figures, figures);
}

#[test]
fn a_month_is_not_given_back_by_its_quarter_or_by_rolling_years() {
    let month = |offset: i32| Period::month("2024-04".parse::<crate::period::Month>().unwrap().plus(offset));
    // The months of the published vector, the sixth being small.
    let monthly = [12.0, 9.0, 14.0, 8.0, 11.0, 3.0, 10.0, 9.0, 13.0, 12.0, 10.0, 11.0, 9.0, 12.0];
    let mut figures: Vec<Figure> =
        (0..).zip(monthly).map(|(at, count)| figure("C", ALL, month(at), (count, None))).collect();
    for (kind, length) in [(PeriodKind::FinancialQuarter, 3), (PeriodKind::Rolling12Months, 12)] {
        for last in length..=14 {
            if let Some(period) = Period::ending(kind, month(last - 1).last) {
                let at = usize::try_from(last).unwrap();
                let sum = monthly[at - usize::try_from(length).unwrap()..at].iter().sum();
                figures.push(figure("C", ALL, period, (sum, None)));
            }
        }
    }
    let rule = Rule::default();
    let outcome = run(&[measure("m", &figures, &rule)], &[]);
    let found = &outcome.measures[0];
    assert_eq!(found.figures[5].numerator, None);
    assert!(found.counts.secondary >= 1 && found.counts.secondary <= 3, "{:?}", found.counts);
    // By the two steps of the vectors nothing can be recovered: every shown total lacks two months or none.
    for total in found.figures.iter().skip(14).filter(|figure| figure.numerator.is_some()) {
        let hidden = found.figures.iter().take(14).filter(|figure| {
            figure.numerator.is_none()
                && total.period.months().any(|month| Period::month(month) == figure.period)
        });
        assert_ne!(hidden.count(), 1, "{}", total.period);
    }
}

#[test]
fn a_breakdown_and_its_whole_in_wards_and_their_whole_are_protected_together() {
    let table = [("N", [3.0, 14.0, 25.0]), ("S", [20.0, 12.0, 18.0]), ("W", [9.0, 31.0, 44.0])];
    let mut figures = Vec::new();
    for (area, counts) in table {
        for (breakdown, count) in ["a", "b", "c"].into_iter().zip(counts) {
            figures.push(figure(area, breakdown, month(), (count, None)));
        }
        figures.push(figure(area, ALL, month(), (counts.iter().sum(), None)));
    }
    for (breakdown, count) in ["a", "b", "c", ALL].into_iter().zip([32.0, 57.0, 87.0, 176.0]) {
        figures.push(figure("C", breakdown, month(), (count, None)));
    }
    let outcome = run(&[measure("m", &figures, &Rule::default())], &[]);
    assert_eq!(outcome.measures[0].counts, Counts { shown: 12, primary: 1, secondary: 3 });
    let totals = outcome.measures[0].figures.iter().filter(|f| f.area == "C" || f.breakdown == ALL);
    assert!(totals.into_iter().all(|figure| figure.numerator.is_some()));
}

#[test]
fn measures_that_add_up_to_another_protect_one_another() {
    let (all, some, rest) = (counts(&[("C", 60.0)]), counts(&[("C", 58.0)]), counts(&[("C", 2.0)]));
    let rule = Rule::default();
    let measures =
        [measure("all", &all, &rule), measure("some", &some, &rule), measure("rest", &rest, &rule)];
    let sum = MeasureSum { whole: "all".into(), parts: vec!["some".into(), "rest".into()] };
    let outcome = run(&measures, std::slice::from_ref(&sum));
    assert_eq!(shown(&outcome.measures[2].figures), [None]);
    assert_eq!(shown(&outcome.measures[1].figures), [None]);
    let apart = run(&measures, &[]);
    assert_eq!(shown(&apart.measures[1].figures), [Some(58.0)]);
    let unknown = MeasureSum { whole: "all".into(), parts: vec!["sums".into()] };
    let error = protect_figures(&measures, &[unknown], &areas(), &Effort::default()).unwrap_err();
    assert_eq!(error, FiguresError::NoMeasure { measure: "sums".into() });
}

#[test]
fn a_dominated_amount_is_covered_by_what_leaves_room_for_its_margin_and_amounts_are_no_whole_numbers() {
    let rule = Rule {
        dominance: Some(Dominance { contributors: 1, share_pct: 75.0, margin_pct: 100.0 / 3.0 }),
        ..Rule::default()
    };
    // Three amounts, of which the first is dominated, and their whole, which an earlier release showed.
    let hidden = |amounts: [f64; 3]| -> Vec<usize> {
        let whole = amounts.iter().sum();
        let mut figures = counts(&[("C", whole), ("N", amounts[0]), ("S", amounts[1]), ("W", amounts[2])]);
        let dominated = assess::Basis { dominated: true, ..assess::Basis::default() };
        figures[1].basis = Some(Box::new(dominated));
        let earlier = counts(&[("C", whole)]);
        let release = [Edition { shown: &earlier, counted: None }];
        let outcome = run(&[Measure { earlier: &release, ..measure("m", &figures, &rule) }], &[]);
        assert_eq!(outcome.measures[0].failed, None);
        let withheld = shown(&outcome.measures[0].figures).into_iter().enumerate();
        withheld.filter(|(_, count)| count.is_none()).map(|(at, _)| at).collect()
    };
    // A third of 3,000.4 is 1,000: 1,400 leave room for it, 900 do not, and 600 and 700 do together.
    assert_eq!(hidden([3000.4, 1400.4, 900.4]), [1, 2]);
    assert_eq!(hidden([3000.4, 900.4, 1400.4]), [1, 3]);
    assert_eq!(hidden([3000.4, 600.4, 700.4]), [1, 2, 3]);
    assert_eq!(need(&rule, Some(3000)), Need { at_least: 4000, at_most: 2000, width: 1 });
    assert_eq!(need(&rule, None), Need::threshold(5));
}

#[test]
fn a_percentage_loses_its_denominator_only_where_that_would_tell_its_numerator() {
    let rule = Rule { part_of_denominator: true, ..Rule::default() };
    let large = vec![figure("C", ALL, month(), (3.0, Some(80.0)))];
    let outcome = run(&[measure("m", &large, &rule)], &[]);
    let found = &outcome.measures[0].figures[0];
    assert_eq!((found.numerator, found.denominator, found.value), (None, Some(80.0), None));
    let small = vec![figure("C", ALL, month(), (3.0, Some(4.0)))];
    let outcome = run(&[measure("m", &small, &rule)], &[]);
    let found = &outcome.measures[0].figures[0];
    assert_eq!((found.numerator, found.denominator, found.value), (None, None, None));
}

#[test]
fn all_but_a_few_of_a_denominator_are_withheld_where_the_rule_asks_for_it() {
    let figures = vec![figure("C", ALL, month(), (97.0, Some(100.0)))];
    let rule = Rule { part_of_denominator: true, ..Rule::default() };
    assert_eq!(shown(&run(&[measure("m", &figures, &rule)], &[]).measures[0].figures), [Some(97.0)]);
    let rule = Rule { complements: true, ..rule };
    let outcome = run(&[measure("m", &figures, &rule)], &[]);
    assert_eq!(outcome.measures[0].figures[0].value, None);
}

#[test]
fn what_an_earlier_release_showed_is_no_cover_now_and_a_small_count_it_showed_is_named() {
    let figures = counts(&[("C", 52.0), ("N", 3.0), ("S", 40.0), ("W", 9.0)]);
    let earlier = counts(&[("C", 52.0), ("W", 9.0)]);
    let rule = Rule::default();
    let release = [Edition { shown: &earlier, counted: None }];
    let outcome = run(&[Measure { earlier: &release, ..measure("m", &figures, &rule) }], &[]);
    assert_eq!(shown(&outcome.measures[0].figures), [Some(52.0), None, None, Some(9.0)]);
    let earlier = counts(&[("N", 3.0)]);
    let release = [Edition { shown: &earlier, counted: None }];
    let outcome = run(&[Measure { earlier: &release, ..measure("m", &figures, &rule) }], &[]);
    assert_eq!(outcome.measures[0].known_from_earlier, [1]);
    assert_eq!(outcome.measures[0].figures[1].numerator, None);
}

#[test]
fn totals_of_two_releases_that_differ_give_a_month_back_only_where_nothing_else_is_withheld() {
    // The earlier release had W at 8 and 51 in all; with S shown in both, N follows from either.
    let figures = counts(&[("C", 52.0), ("N", 3.0), ("S", 40.0), ("W", 9.0)]);
    let mut earlier = counts(&[("C", 51.0), ("S", 40.0), ("W", 8.0)]);
    let mut withheld = figure("N", ALL, month(), (0.0, None));
    (withheld.numerator, withheld.value) = (None, None);
    earlier.push(withheld);
    let rule = Rule::default();
    let release = [Edition { shown: &earlier, counted: None }];
    let measure = Measure { earlier: &release, ..measure("m", &figures, &rule) };
    let outcome = run(&[measure], &[]);
    assert_eq!(outcome.measures[0].known_from_earlier, [1]);
    assert_eq!(outcome.measures[0].figures[1].numerator, None);
}

#[test]
fn what_is_the_same_in_one_area_and_not_in_another_is_the_same_by_chance() {
    let rule = Rule::default();
    let burglary = counts(&[("N", 3.0), ("S", 40.0)]);
    let arson = counts(&[("N", 3.0), ("S", 41.0)]);
    let burglary_again = counts(&[("N", 3.0), ("S", 40.0)]);
    let found = links(&[measure("b", &burglary, &rule), measure("a", &arson, &rule)]);
    assert!(found.is_empty(), "{found:?}");
    // The third is the first, though it is the same as the second in one area too.
    let all =
        [measure("a", &arson, &rule), measure("b", &burglary, &rule), measure("c", &burglary_again, &rule)];
    let found: Vec<_> =
        links(&all).iter().map(|link| (link.whole.measure, link.part.measure, link.whole.area)).collect();
    assert_eq!(found, [(1, 2, "N"), (1, 2, "S")]);
}

#[test]
fn a_count_under_two_names_is_withheld_under_both_and_covered_once() {
    // A rate has the numerators of a count; in the count, but not in the rate, other wards make up the whole.
    let wards = [("C", 52.0), ("N", 3.0), ("S", 40.0), ("W", 9.0)];
    let months = [period(PeriodKind::Month, "2025-05"), month()];
    let of = |areas: &[(&str, f64)]| -> Vec<Figure> {
        let figures = areas.iter().flat_map(|(area, count)| {
            months.iter().map(move |month| figure(area, ALL, *month, (*count, None)))
        });
        figures.collect()
    };
    let (count, rate) = (of(&wards), of(&[("W", 9.0), ("S", 40.0)]));
    let rule = Rule::default();
    let outcome = run(&[measure("count", &count, &rule), measure("rate", &rate, &rule)], &[]);
    let of_ward = |own: usize, ward: &str| -> Vec<Option<f64>> {
        let figures = outcome.measures[own].figures.iter().filter(|figure| figure.area == ward);
        figures.map(|figure| figure.numerator).collect()
    };
    assert_eq!(of_ward(0, "N"), [None, None]);
    for ward in ["W", "S"] {
        assert_eq!(of_ward(0, ward), of_ward(1, ward), "{ward}");
    }
    assert_eq!(outcome.audits.len(), 1);
}

#[test]
fn a_sum_over_wards_and_one_over_kinds_hold_at_once_and_what_is_in_no_ward_is_protected_too() {
    let total = counts(&[("C", 60.0)]);
    let wards = counts(&[("N", 20.0), ("S", 25.0), ("W", 12.0)]);
    let kinds: Vec<Figure> = [("kind: a", 31.0), ("kind: b", 29.0)]
        .into_iter()
        .map(|(kind, count)| figure("C", kind, month(), (count, None)))
        .collect();
    let rule = Rule::default();
    let measures =
        [measure("total", &total, &rule), measure("wards", &wards, &rule), measure("kinds", &kinds, &rule)];
    let sum = |part: &str| MeasureSum { whole: "total".into(), parts: vec![part.into()] };
    let outcome = run(&measures, &[sum("wards"), sum("kinds")]);
    // Three are in no ward, which the total and all wards would tell: a ward is withheld, or the total with its kinds.
    let hidden = outcome.measures.iter().flat_map(|own| &own.figures).filter(|f| f.numerator.is_none());
    assert!(hidden.count() >= 1);
    let apart = run(&measures, &[sum("kinds")]);
    assert!(apart.measures.iter().flat_map(|own| &own.figures).all(|figure| figure.numerator.is_some()));
    let one = MeasureSum { whole: "wards".into(), parts: vec!["kinds/kind: a".into()] };
    assert_eq!(one.parts, [Part { measure: "kinds".into(), breakdown: Some("kind: a".into()) }]);
}

#[test]
fn measures_that_are_tied_are_rounded_together_or_not_at_all() {
    let base_5 = Rule { rounding: Some(5), ..Rule::default() };
    let (all, some) =
        (counts(&[("C", 60.0), ("N", 31.0), ("S", 29.0)]), counts(&[("C", 58.0), ("N", 31.0), ("S", 27.0)]));
    let rest = counts(&[("C", 2.0), ("N", 0.0), ("S", 2.0)]);
    let sum = MeasureSum { whole: "all".into(), parts: vec!["some".into(), "rest".into()] };
    let of = |rule: &Rule| {
        let measures =
            [measure("all", &all, &base_5), measure("some", &some, &base_5), measure("rest", &rest, rule)];
        run(&measures, std::slice::from_ref(&sum)).measures
    };
    let together = of(&base_5);
    assert!(together.iter().all(|own| own.rounded && own.counts == Counts { shown: 3, ..Counts::default() }));
    assert_eq!(shown(&together[0].figures), [Some(60.0), Some(30.0), Some(30.0)]);
    assert_eq!(shown(&together[2].figures), [Some(0.0), Some(0.0), Some(0.0)]);
    let apart = of(&Rule::default());
    assert!(apart.iter().all(|own| !own.rounded));
    assert_eq!(apart[2].figures[0].numerator, None);
    // 28 to 32, made of four that are 7 at the most: all are told.
    let kinds = ["kind: a", "kind: b", "kind: c", "kind: d"];
    let mut tight: Vec<Figure> = kinds.map(|kind| figure("N", kind, month(), (7.0, None))).into();
    tight.push(figure("N", ALL, month(), (28.0, None)));
    assert!(!run(&[measure("m", &tight, &base_5)], &[]).measures[0].rounded);
    assert!(run(&[measure("m", &tight[..4], &base_5)], &[]).measures[0].rounded);
}

#[test]
fn a_count_that_two_releases_tell_by_rounding_it_otherwise_is_not_rounded_again() {
    // To the nearest 10, 5 is 10 and so are 5 to 14; to the nearest 4 it is 4, and so are 2 to 5.
    let figures = counts(&[("N", 5.0)]);
    let rule = |base: i64| Rule { rounding: Some(base), ..Rule::default() };
    let (base_10, base_4) = (rule(10), rule(4));
    let first = run(&[measure("m", &figures, &base_10)], &[]).measures.remove(0);
    assert_eq!((first.rounded, shown(&first.figures)), (true, vec![Some(10.0)]));
    let again = |counted: Option<&[Figure]>, rule: &Rule| {
        let release = [Edition { shown: &first.figures, counted }];
        run(&[Measure { earlier: &release, ..measure("m", &figures, rule) }], &[]).measures.remove(0)
    };
    assert!(again(Some(&figures), &base_10).rounded);
    assert!(!again(Some(&figures), &base_4).rounded);
    assert!(!again(None, &base_4).rounded, "whoever kept the first release can tell");
    // A count of 10 at that time would not be one of 5 now, so that nothing is told.
    let ten = counts(&[("N", 10.0)]);
    assert!(again(Some(&ten), &base_4).rounded);
    // What was told rounded is not known exactly: it is no count that was told before, and is withheld where it is small.
    let small = counts(&[("N", 3.0), ("C", 9.0), ("S", 6.0)]);
    let told = run(&[measure("m", &small, &rule(3))], &[]).measures.remove(0);
    assert_eq!(shown(&told.figures), [Some(3.0), Some(9.0), Some(6.0)]);
    let release = [Edition { shown: &told.figures, counted: Some(&small) }];
    let plain = Rule::default();
    let now = run(&[Measure { earlier: &release, ..measure("m", &small, &plain) }], &[]).measures.remove(0);
    assert_eq!((now.known_from_earlier.len(), now.figures[0].numerator), (0, None));
    assert_eq!(now.counts, Counts { shown: 1, primary: 1, secondary: 1 });
}

/// Figures of one area: periods by kind and last month, each with its count.
fn along(area: &str, counts: &[(PeriodKind, &str, f64)]) -> Vec<Figure> {
    counts.iter().map(|(kind, last, count)| figure(area, ALL, period(*kind, last), (*count, None))).collect()
}

#[test]
fn running_totals_without_months_do_not_give_a_quarter_back() {
    use PeriodKind::{FinancialQuarter, FinancialYear, FinancialYearToDate};
    // The longest stretch within the year is that to February, and no March stands behind it.
    let figures = along(
        "W",
        &[
            (FinancialQuarter, "2024-06", 21.0),
            (FinancialQuarter, "2024-09", 3.0),
            (FinancialQuarter, "2024-12", 24.0),
            (FinancialQuarter, "2025-03", 26.0),
            (FinancialYearToDate, "2024-06", 21.0),
            (FinancialYearToDate, "2025-02", 65.0),
            (FinancialYear, "2025-03", 74.0),
        ],
    );
    let outcome = run(&[measure("m", &figures, &Rule::default())], &[]);
    let told = shown(&outcome.measures[0].figures);
    assert_eq!(told[1], None);
    let others = [told[0].or(told[4]), told[2], told[3], told[6]];
    assert!(others.contains(&None), "74 - 21 - 24 - 26 is 3: {told:?}");
    // Rolling years tell by turns: from one to the other, forwards and backwards.
    let turns = along(
        "W",
        &[
            (FinancialYearToDate, "2025-05", 13.0),
            (FinancialYearToDate, "2025-06", 16.0),
            (PeriodKind::CalendarQuarter, "2025-06", 16.0),
            (PeriodKind::Month, "2025-06", 3.0),
        ],
    );
    let outcome = run(&[measure("m", &turns, &Rule::default())], &[]);
    let told = shown(&outcome.measures[0].figures);
    assert!(told[3].is_none() && (told[0].is_none() || (told[1].is_none() && told[2].is_none())), "{told:?}");
}

#[test]
fn what_earlier_releases_showed_at_places_that_stand_no_more_is_tied_to_what_stands_now() {
    use PeriodKind::{FinancialQuarter, Month};
    let rule = Rule::default();
    let check = |earlier: &[Figure], now: &[Figure], small: usize| {
        let release = [Edition { shown: earlier, counted: None }];
        let own = Measure { earlier: &release, ..measure("m", now, &rule) };
        let outcome = run(&[own], &[]);
        let told = shown(&outcome.measures[0].figures);
        let hidden = told.iter().filter(|count| count.is_none()).count();
        assert!(told[small].is_none() && hidden > 1, "{told:?}");
        let figures = outcome.measures[0].figures.clone();
        let found = audit_figures(&[own], &[&figures], &[], &areas(), &Effort::default()).unwrap();
        assert!(found.iter().all(|own| own.finding.passes));
        // Without cover the proof finds it.
        let mut bare = now.to_vec();
        bare[small].numerator = None;
        let found = audit_figures(&[own], &[&bare], &[], &areas(), &Effort::default()).unwrap();
        assert!(found.iter().any(|own| !own.finding.passes), "{found:?}");
    };
    check(&counts(&[("C", 38.0)]), &counts(&[("N", 20.0), ("S", 15.0), ("W", 3.0)]), 2);
    check(
        &along("W", &[(FinancialQuarter, "2025-06", 23.0)]),
        &along("W", &[(Month, "2025-04", 3.0), (Month, "2025-05", 10.0), (Month, "2025-06", 10.0)]),
        0,
    );
    let kinds = [("kind: x", 3.0), ("kind: y", 12.0)];
    let kinds = kinds.map(|(kind, count)| figure("N", kind, month(), (count, None)));
    check(&counts(&[("N", 15.0)]), &kinds, 0);
}

#[test]
fn a_count_that_ends_earlier_under_another_name_is_the_same_count() {
    use PeriodKind::{FinancialQuarter, Month};
    let entered = along(
        "W",
        &[
            (Month, "2025-04", 3.0),
            (Month, "2025-05", 10.0),
            (Month, "2025-06", 10.0),
            (FinancialQuarter, "2025-06", 23.0),
        ],
    );
    let mut mature = along("W", &[(Month, "2025-04", 3.0), (Month, "2025-05", 10.0)]);
    for figure in &mut mature {
        figure.denominator = figure.numerator.replace(0.0);
    }
    let (rule, share) = (Rule::default(), Rule { part_of_denominator: true, ..Rule::default() });
    let outcome = run(&[measure("entered", &entered, &rule), measure("mature", &mature, &share)], &[]);
    let told = shown(&outcome.measures[0].figures);
    let denominators: Vec<_> = outcome.measures[1].figures.iter().map(|figure| figure.denominator).collect();
    assert!(told[0].is_none() && denominators[0].is_none());
    assert_eq!(told[1].is_none(), denominators[1].is_none(), "{told:?} {denominators:?}");
    assert!(told[1..].contains(&None), "{told:?}");
}

#[test]
fn a_declared_sum_that_ties_nothing_keeps_its_measures_back() {
    use PeriodKind::{FinancialQuarter, Month};
    let monthly = along("W", &[(Month, "2025-04", 3.0), (Month, "2025-05", 10.0), (Month, "2025-06", 12.0)]);
    let yearly = along("W", &[(FinancialQuarter, "2025-06", 25.0)]);
    let rule = Rule::default();
    let sum = MeasureSum { whole: "yearly".into(), parts: vec!["monthly".into()] };
    let measures = [measure("monthly", &monthly, &rule), measure("yearly", &yearly, &rule)];
    let outcome = run(&measures, &[sum]);
    for own in &outcome.measures {
        let why = own.failed.clone().expect("withheld as a whole");
        assert!(
            why.contains("`sum-of` of measure `yearly` ties none of its figures to those of monthly"),
            "{why}"
        );
        assert!(own.figures.iter().all(|figure| figure.numerator.is_none() && figure.value.is_none()));
    }
}

#[test]
fn denominators_of_a_declared_sum_are_tied_too() {
    let all = vec![figure("C", ALL, month(), (9.0, Some(23.0)))];
    let by_type: Vec<Figure> = [("type: a", 1.0, 3.0), ("type: b", 8.0, 20.0)]
        .map(|(kind, n, of)| figure("C", kind, month(), (n, Some(of))))
        .into();
    let rule = Rule { part_of_denominator: true, ..Rule::default() };
    let sum = MeasureSum { whole: "all".into(), parts: vec!["by-type".into()] };
    let outcome = run(&[measure("all", &all, &rule), measure("by-type", &by_type, &rule)], &[sum]);
    let of = |own: usize| {
        outcome.measures[own].figures.iter().map(|figure| figure.denominator).collect::<Vec<_>>()
    };
    assert_eq!(of(1)[0], None);
    assert!(of(0)[0].is_none() || of(1)[1].is_none(), "23 - 20 is 3: {:?} {:?}", of(0), of(1));
}

#[test]
fn counts_that_were_shared_out_by_weights_still_add_up() {
    use PeriodKind::{FinancialQuarter, Month};
    let figures = along(
        "W",
        &[
            (Month, "2025-04", 3.5),
            (Month, "2025-05", 4.5),
            (Month, "2025-06", 4.5),
            (FinancialQuarter, "2025-06", 12.5),
        ],
    );
    let rule = Rule { threshold: Some(Threshold { below: 5, zeros: false }), ..Rule::default() };
    let outcome = run(&[measure("m", &figures, &rule)], &[]);
    let told = shown(&outcome.measures[0].figures);
    assert!(told[0].is_none() && told[1..].contains(&None), "12.5 - 4.5 - 4.5 is 3.5: {told:?}");
}

#[test]
fn a_total_beside_each_of_its_parts_is_one_count_in_every_row_and_that_of_the_area_around() {
    use PeriodKind::{FinancialQuarter, Month};
    // Three months and their quarter: reports of the whole, told as denominator beside those of each ward.
    let times = [(Month, "2025-04"), (Month, "2025-05"), (Month, "2025-06"), (FinancialQuarter, "2025-06")];
    let all = [8.0, 7.0, 4.0, 19.0];
    let total: Vec<Figure> = times
        .iter()
        .zip(all)
        .map(|((kind, last), n)| figure("C", ALL, period(*kind, last), (n, None)))
        .collect();
    let wards = [("N", [8.0, 0.0, 4.0, 12.0]), ("S", [0.0, 7.0, 0.0, 7.0])];
    let shares: Vec<Figure> = wards
        .iter()
        .flat_map(|(ward, counts)| {
            times
                .iter()
                .zip(counts)
                .zip(all)
                .map(|(((kind, last), n), of)| figure(ward, ALL, period(*kind, last), (*n, Some(of))))
        })
        .collect();
    let (rule, share) = (Rule::default(), Rule { part_of_denominator: true, ..Rule::default() });
    let measures = [measure("shares", &shares, &share), measure("total", &total, &rule)];
    let outcome = run(&measures, &[]);
    let denominators: Vec<_> = outcome.measures[0].figures.iter().map(|figure| figure.denominator).collect();
    let told = shown(&outcome.measures[1].figures);
    for (at, count) in told.iter().enumerate() {
        assert_eq!((denominators[at], denominators[at + 4]), (*count, *count), "{denominators:?} {told:?}");
    }
    assert!(
        told[2].is_none() && told.iter().filter(|count| count.is_none()).count() > 1,
        "19 - 8 - 7 is 4: {told:?}"
    );
    // The proof ties them as well.
    let mut open = shares.clone();
    open[2].denominator = None;
    open[2].numerator = None;
    let found = audit_figures(&measures, &[&open, &total], &[], &areas(), &Effort::default()).unwrap();
    assert!(found.iter().any(|own| !own.finding.passes), "{found:?}");
}

#[test]
fn a_rounded_figure_is_made_of_rounded_counts_to_the_last_digit() {
    let rule = Rule { part_of_denominator: true, rounding: Some(5), ..Rule::default() };
    let rate = Rule { rounding: Some(5), ..Rule::default() };
    for count in [3.0, 4.0, 5.0, 6.0, 7.0] {
        let mut of_residents = figure("N", ALL, month(), (count, Some(11213.0)));
        of_residents.value = Some(count * 1000.0 / 11213.0);
        let told = rounded(&of_residents, &rate, 5);
        assert_eq!(told.value.map(f64::to_bits), Some((5.0 * 1000.0 / 11213.0_f64).to_bits()));
        let share = figure("N", ALL, month(), (count, Some(23.0)));
        let told = rounded(&share, &rule, 5);
        assert_eq!((told.numerator, told.denominator), (Some(5.0), Some(25.0)));
        assert_eq!(told.value.map(f64::to_bits), Some((5.0 * 100.0 / 25.0_f64).to_bits()));
        assert_eq!(rounded(&figure("N", ALL, month(), (count, None)), &rate, 5).value, Some(5.0));
    }
    let nothing = rounded(&figure("N", ALL, month(), (0.0, Some(23.0))), &rule, 5);
    assert_eq!((nothing.numerator, nothing.value), (Some(0.0), Some(0.0)));
}

mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Figures of wards and the whole, of kinds and all, for six months and two quarters.
    fn town(cells: &[f64]) -> (Vec<Figure>, Vec<Figure>) {
        let at = |ward: usize, kind: usize, month: usize| cells[(ward * 2 + kind) * 6 + month];
        let stretches: Vec<(Period, std::ops::Range<usize>)> = (0..6)
            .map(|month| {
                let last =
                    "2025-04".parse::<crate::period::Month>().unwrap().plus(i32::try_from(month).unwrap());
                (Period::month(last), month..month + 1)
            })
            .chain(
                [("2025-06", 0..3), ("2025-09", 3..6)]
                    .map(|(last, months)| (period(PeriodKind::FinancialQuarter, last), months)),
            )
            .collect();
        let (mut all, mut by_kind) = (Vec::new(), Vec::new());
        for (area, wards) in [("C", 0..3), ("N", 0..1), ("S", 1..2), ("W", 2..3)] {
            for (breakdown, kinds) in [(ALL, 0..2), ("kind: a", 0..1), ("kind: b", 1..2)] {
                for (period, months) in &stretches {
                    let mut count = 0.0;
                    for ward in wards.clone() {
                        for kind in kinds.clone() {
                            count += months.clone().map(|month| at(ward, kind, month)).sum::<f64>();
                        }
                    }
                    let into = if breakdown == ALL { &mut all } else { &mut by_kind };
                    into.push(figure(area, breakdown, *period, (count, None)));
                }
            }
        }
        (all, by_kind)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_shown_is_true_and_not_small_and_the_audit_from_what_is_shown_agrees(
            cells in vec(prop_oneof![3 => 5u8..40, 1 => 0u8..5], 36),
        ) {
            let cells: Vec<f64> = cells.into_iter().map(f64::from).collect();
            let (all, by_kind) = town(&cells);
            let rule = Rule::default();
            let measures = [measure("all", &all, &rule), measure("kinds", &by_kind, &rule)];
            let sum = MeasureSum { whole: "all".into(), parts: vec!["kinds".into()] };
            let sums = std::slice::from_ref(&sum);
            let outcome = protect_figures(&measures, sums, &areas(), &Effort::default()).unwrap();
            for (own, counted) in outcome.measures.iter().zip([&all, &by_kind]) {
                prop_assert!(own.failed.is_none(), "{:?}", own.failed);
                for (shown, counted) in own.figures.iter().zip(counted) {
                    prop_assert!(shown.numerator.is_none() || shown.numerator == counted.numerator);
                    prop_assert!(!shown.numerator.is_some_and(|count| (1.0..5.0).contains(&count)));
                    prop_assert_eq!(shown.numerator.is_none(), shown.value.is_none());
                }
            }
            let shown: Vec<&[Figure]> = outcome.measures.iter().map(|own| own.figures.as_slice()).collect();
            let found = audit_figures(&measures, &shown, sums, &areas(), &Effort::default()).unwrap();
            prop_assert!(found.iter().all(|own| own.finding.passes));
            // The next release, of the same counts, knows what this one showed, and shows the same.
            let before: Vec<[Edition<'_>; 1]> =
                shown.iter().map(|shown| [Edition { shown, counted: None }]).collect();
            let again = [
                Measure { earlier: &before[0], ..measures[0] },
                Measure { earlier: &before[1], ..measures[1] },
            ];
            let second = protect_figures(&again, sums, &areas(), &Effort::default()).unwrap();
            for (first, second) in outcome.measures.iter().zip(&second.measures) {
                prop_assert_eq!(&first.figures, &second.figures);
            }
        }
    }
}
