//! Deliveries that come in any order and grouping give what one rebuild from all of them gives.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, in its helpers too")]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what a test of messages needs is not needed here")]
mod small;

use std::sync::OnceLock;

use proptest::prelude::*;
use small::{FEEDS, MONTHS, Row, World};

/// What a partner sends: a feed, a month and which version of it.
type Sent = (&'static str, &'static str, bool);

/// Everything that comes, restatements last: June's crime without its last row, and April's reports with one more.
fn all() -> Vec<Sent> {
    let first = FEEDS.iter().flat_map(|feed| MONTHS.iter().map(move |month| (*feed, *month, false)));
    first.chain([("crime", "2025-06", true), ("asb", "2025-04", true)]).collect()
}

fn text((feed, month, restated): Sent) -> String {
    let text = World::good(feed, month);
    match (feed, restated) {
        (_, false) => text,
        ("crime", true) => {
            let last = text.trim_end().rfind('\n').unwrap();
            text[..=last].to_owned()
        }
        (_, true) => text + "2025-04-30,K1,Noise\n",
    }
}

/// A restatement follows what it restates; everything else may come in any order.
fn in_order(mut order: Vec<Sent>) -> Vec<Sent> {
    for (feed, month, _) in all().into_iter().filter(|(_, _, restated)| *restated) {
        let at = |order: &[Sent], restated| {
            order.iter().position(|sent| *sent == (feed, month, restated)).unwrap()
        };
        let (first, again) = (at(&order, false), at(&order, true));
        if again < first {
            order.swap(first, again);
        }
    }
    order
}

fn send(world: &World, sent: Sent) {
    world.send(sent.0, sent.1, text(sent));
}

/// A run, at the moment at which July is not yet expected or at which it is.
fn run(world: &World, now: &str) {
    let told = world.outturn_at(now, &["run", "--quiet"]);
    assert!([0, 3].contains(&told.code), "{told}");
}

/// The rows of the datasets, without where they came from.
fn rows(world: &World) -> String {
    let crime = "SELECT month, ref, crime_type, beat, ward, outcome, value_gbp, source_file, line FROM crime ORDER BY month, line";
    let asb = "SELECT month, day, beat, ward, kind, source_file, line FROM asb ORDER BY month, line";
    let counts = "SELECT month, ward, crime_type, outcome, n FROM crime_count ORDER BY month, ward, crime_type, outcome";
    [crime, asb, counts].map(|sql| world.outturn(&["query", sql, "--output", "csv"]).exits(0).out).concat()
}

/// The released figures, and the project's own table, without the name of the release.
fn figures(world: &World) -> Vec<Row> {
    let mut rows = world.table("outturn");
    rows.extend(world.table("crime_by_ward"));
    for row in &mut rows {
        row.remove("release");
        row.remove("as_of");
        // Which figures earlier releases published otherwise depends on which there were.
        row.remove("revised");
    }
    rows
}

/// One run over all that came in the end.
fn rebuilt() -> (World, String, Vec<Row>) {
    let world = World::complete();
    for sent in all().into_iter().filter(|(_, _, restated)| *restated) {
        send(&world, sent);
    }
    run(&world, small::NOW);
    let found = (rows(&world), figures(&world));
    (world, found.0, found.1)
}

#[test]
fn the_rebuild_that_all_is_compared_with_is_as_counted_by_hand() {
    let (world, rows, _) = rebuilt();
    // 10 + 8 + 11 + 5 crimes, 7 + 5 + 7 + 4 reports, and three headers; the counts have 10 + 8 + 11 + 5 in fewer lines.
    assert_eq!(rows.lines().filter(|line| line.contains(",C0")).count(), 34);
    assert_eq!(rows.lines().filter(|line| line.contains("Noise") || line.contains("Litter")).count(), 23);
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-06"), "available 1.1");
    assert_eq!(world.figure("northport-asb", "W02", "2025-04"), "available 2.0");
    assert_eq!(world.figure("northport-asb", "P01", "2025/26 Q1"), "available 19.0");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn deliveries_in_any_order_and_grouping_give_what_one_rebuild_gives(
        order in Just(all()).prop_shuffle(),
        ends in proptest::collection::vec(proptest::bool::weighted(0.3), 10),
    ) {
        static REBUILT: OnceLock<(String, Vec<Row>)> = OnceLock::new();
        let (expected_rows, expected_figures) = REBUILT.get_or_init(|| {
            let (_, rows, figures) = rebuilt();
            (rows, figures)
        });
        let world = World::empty();
        for (sent, end) in in_order(order).into_iter().zip(ends) {
            send(&world, sent);
            if end {
                run(&world, "2025-07-12T05:30:00Z");
            }
        }
        run(&world, small::NOW);
        prop_assert_eq!(&rows(&world), expected_rows);
        prop_assert_eq!(&figures(&world), expected_figures);
        let told = world.outturn(&["plan", "--detailed-exit-code"]);
        prop_assert_eq!(told.code, 0, "{}", told);
    }
}

#[test]
fn a_changed_contract_makes_every_month_anew_as_a_rebuild_does() {
    const CONTRACT: &str = "pipelines/northport/contracts/constabulary-crime.toml";
    // Values above 100 pounds are now wrong: in June that of the twelfth crime, and none elsewhere.
    let change = |world: &World| world.edit(CONTRACT, "range = [0.0, 1000000.0]", "range = [0.0, 100.0]");
    let fresh = World::complete();
    change(&fresh);
    run(&fresh, small::NOW);
    let world = World::complete();
    run(&world, small::NOW);
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-06"), "available 1.2");
    change(&world);
    let plan = world.outturn(&["plan"]).exits(0);
    plan.prints("rebuild  crime 2025-04 to 2025-07: the delivery, its contract or a look-up changed");
    let report = world.outturn(&["run", "--quiet", "--output", "json"]).exits(0).json();
    assert_eq!((&report["months_made"], &report["rows_quarantined"]), (&4.into(), &1.into()));
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-06"), "available 1.1");
    assert_eq!(world.told_of("crime", "2025-06"), ["accepted: 12 = 11 + 0 + 1"]);
    assert_eq!((rows(&world), figures(&world)), (rows(&fresh), figures(&fresh)));
}

#[test]
fn counts_of_a_run_that_was_cut_off_do_not_stay_when_its_cause_is_taken_back() {
    let world = World::complete();
    run(&world, small::NOW);
    let before = (rows(&world), figures(&world));
    // Another run had counted June anew and was killed before the rows themselves were committed.
    let other = world.copied();
    send(&other, ("crime", "2025-06", true));
    run(&other, small::NOW);
    let counts = |world: &World| world.path("warehouse/datasets/crime_count");
    std::fs::remove_dir_all(counts(&world)).unwrap();
    std::fs::rename(counts(&other), counts(&world)).unwrap();
    let plan = world.outturn(&["plan"]).exits(0);
    plan.prints("rebuild  crime 2025-06: ");
    run(&world, small::NOW);
    assert_eq!((rows(&world), figures(&world)), before);
}

#[test]
fn a_month_that_is_restated_and_then_restated_back_is_as_it_was() {
    let world = World::complete();
    run(&world, small::NOW);
    let before = (rows(&world), figures(&world));
    send(&world, ("crime", "2025-06", true));
    run(&world, small::NOW);
    assert_ne!(rows(&world), before.0);
    send(&world, ("crime", "2025-06", false));
    run(&world, small::NOW);
    assert_eq!((rows(&world), figures(&world)), before);
}

#[test]
fn the_passing_of_days_alone_changes_no_figure_and_makes_no_release() {
    let world = World::complete();
    run(&world, small::NOW);
    let before = figures(&world);
    run(&world, "2025-08-30T05:30:00Z");
    assert_eq!(world.release().as_deref(), Some("2025-08-12.1"));
    // In September August is expected, and said to be missing; nothing else changes.
    run(&world, "2025-09-02T05:30:00Z");
    assert_eq!(world.release().as_deref(), Some("2025-09-02.1"));
    assert_eq!(world.figure("northport-asb", "P01", "2025-08"), "not_available");
    let mut after = figures(&world);
    after.retain(|row| row.get("period").is_none_or(|period| period != "2025-08"));
    assert_eq!(after, before);
    // A feed that asks for what it has again, and a plan of an earlier day, see the same datasets.
    let report = world.outturn_at("2025-09-03T05:30:00Z", &["run", "--quiet", "--output", "json"]).json();
    assert_eq!((&report["months_made"], &report["new"]), (&0.into(), &false.into()));
}
