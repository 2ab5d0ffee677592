//! Earlier releases stay readable, and every figure that changes is told with its old value, its new one and the reason.

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what a test of messages needs is not needed here")]
mod small;

use small::{MONTHS, World};

const LATER: &str = "2025-08-13T05:30:00Z";

/// `period: before -> after, reason` of each revision of a measure in an area.
fn revisions(world: &World, measure: &str, area: &str) -> Vec<String> {
    world
        .rows("revision", &[("measure", measure), ("area", area)])
        .iter()
        .map(|row| {
            let field = |name: &str| row.get(name).map_or("-", String::as_str);
            format!(
                "{}: {} -> {}, {}",
                field("period"),
                field("value_before"),
                field("value_after"),
                field("reason")
            )
        })
        .collect()
}

/// June's reports with two more in ward W1, which the council sends afterwards.
fn restate_june(world: &World) {
    let text = World::good("asb", "2025-06") + "2025-06-29,H1,Noise\n2025-06-30,H1,Noise\n";
    world.send("asb", "2025-06", text);
}

fn lines(feed: &str, month: &str) -> usize {
    World::good(feed, month).lines().count() - 1
}

#[test]
fn the_first_release_revises_nothing_and_neither_does_one_that_only_adds_a_month() {
    let world = World::with(&MONTHS[..3]);
    world.outturn(&["run"]);
    assert!(world.table("revision").is_empty());
    world.deliver("asb", "2025-07");
    world.deliver("crime", "2025-07");
    world.outturn_at(LATER, &["run"]).exits(0);
    // July was expected before, and stood as not available: now it has a value, since a late delivery came.
    let reasons: Vec<String> = world.table("revision").iter().map(|row| row["reason"].clone()).collect();
    assert!(!reasons.is_empty() && reasons.iter().all(|reason| reason == "late_delivery"), "{reasons:?}");
}

#[test]
fn a_restated_month_is_told_with_both_values_in_the_month_and_in_every_sum_that_holds_it() {
    let world = World::complete();
    world.run().exits(0);
    let first = world.release().unwrap();
    restate_june(&world);
    world.outturn_at(LATER, &["run"]).exits(0);
    let june = lines("asb", "2025-06");
    let quarter: usize = ["2025-04", "2025-05", "2025-06"].iter().map(|month| lines("asb", month)).sum();
    assert_eq!(
        revisions(&world, "northport-asb", "P01"),
        [
            format!("2025-06: {june}.0 -> {}.0, restated_month", june + 2),
            format!("2025/26 Q1: {quarter}.0 -> {}.0, restated_month", quarter + 2),
        ]
    );
    let told =
        world.rows("revision", &[("measure", "northport-asb"), ("area", "P01"), ("period", "2025-06")]);
    assert_eq!(told[0]["explanation"], "restated_month: feed `northport-asb`: 2025-06");
    assert_eq!((told[0]["difference"].as_str(), &told[0]["previous"]), ("2.0", &first));
    // The crimes did not change.
    assert!(world.rows("revision", &[("measure", "northport-charged")]).is_empty());
}

#[test]
fn a_new_definition_is_told_as_such_and_a_mended_contract_too() {
    let world = World::complete();
    world.run().exits(0);
    world.edit("sql/northport/northport-charged.sql", "outcome = 'Charged'", "outcome = 'No suspect'");
    world.outturn_at(LATER, &["run"]).exits(3).says("no longer that of version 1");
    let reasons: Vec<String> =
        world.table("revision").iter().map(|row| format!("{} {}", row["measure"], row["reason"])).collect();
    assert!(!reasons.is_empty());
    assert!(reasons.iter().all(|told| told == "northport-charged new_definition"), "{reasons:?}");

    // A robbery is no longer a known type: its rows are set aside, though the deliveries are the same.
    world.edit(
        "pipelines/northport/contracts/constabulary-crime.toml",
        r#"codes = ["Burglary", "Robbery", "Shoplifting"]"#,
        r#"codes = ["Burglary", "Shoplifting"]"#,
    );
    world.edit(
        "pipelines/northport/feeds/northport-crime.toml",
        "hold-above-quarantined-share = 0.2",
        "hold-above-quarantined-share = 1.0",
    );
    world.outturn_at("2025-08-14T05:30:00Z", &["run"]).exits(3);
    let revised = world.table("revision");
    assert!(revised.iter().any(|row| row["measure"] == "northport-charged"), "{revised:?}");
    assert!(revised.iter().all(|row| row["reason"] == "mended_contract"), "{revised:?}");
}

#[test]
fn an_earlier_release_can_be_queried_and_compared_with_a_later_one() {
    let world = World::complete();
    world.run().exits(0);
    let first = world.release().unwrap();
    restate_june(&world);
    world.outturn_at(LATER, &["run"]).exits(0);
    let second = world.release().unwrap();
    let sql =
        "SELECT value FROM outturn WHERE measure = 'northport-asb' AND area = 'P01' AND period = '2025-06'";
    let june = lines("asb", "2025-06");
    for (release, value) in [(&first, june), (&second, june + 2)] {
        let told = world.outturn(&["query", "--release", release, "--output", "csv", sql]).exits(0);
        assert_eq!(told.out, format!("value\n{value}.0\n"));
    }
    world
        .outturn(&["diff", &first, &second, "--measure", "northport-asb"])
        .exits(0)
        .prints(&format!("northport-asb P01 2025-06: {june} -> {}", june + 2));
    world.outturn(&["diff", &first, &first]).exits(0).says("stands in");
    world.outturn(&["diff", &first, "2024-01-01.1"]).exits(4).says("there is no release 2024-01-01.1");
    world.outturn(&["query", "--release", "2024-01-01.1", sql]).exits(4);
}

#[cfg(unix)]
#[test]
fn a_release_that_was_named_and_never_was_current_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let published = folder.path().join("published");
    for name in ["2025-08-12.1", "2025-08-12.2"] {
        std::fs::create_dir_all(published.join("releases").join(name)).unwrap();
    }
    let names = || outturn::release::Published::in_warehouse(folder.path()).names();
    assert_eq!(names(), ["2025-08-12.1", "2025-08-12.2"]);
    // As a run leaves it that is killed just before the link becomes `current`.
    let next = published.join(".outturn-current.tmp");
    std::os::unix::fs::symlink("releases/2025-08-12.2", next).unwrap();
    assert_eq!(names(), ["2025-08-12.1"]);
}
