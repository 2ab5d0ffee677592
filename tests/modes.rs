//! Feeds that bring many months at once: what stands of their deliveries, what is told of it, and that a rebuild finds the
//! same; and deliveries that differ from what was agreed or from what is usual.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, in its helpers too")]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what a test of messages needs is not needed here")]
mod small;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use small::{MONTHS, NOW, World};

const FEED: &str = "pipelines/northport/feeds/northport-crime.toml";
const CONTRACT: &str = "pipelines/northport/contracts/constabulary-crime.toml";
const HEADER: &str = "Ref,Month,Beat,Type,Outcome,Value\n";

/// The small project, the constabulary sending many months at once, and nothing of it sent yet.
fn many(settings: &str) -> World {
    let world = World::empty();
    for month in MONTHS {
        world.deliver("asb", month);
    }
    world.edit(FEED, "source = ", &format!("{settings}\nsource = "));
    world.edit(
        "outturn.toml",
        "location = \"warehouse\"",
        "location = \"warehouse\"\nkeep-replaced-days = 0",
    );
    world
}

/// The crimes of these months in one file.
fn extract(months: &[&str]) -> String {
    let mut text = HEADER.to_owned();
    for month in months {
        text.push_str(World::good("crime", month).strip_prefix(HEADER).unwrap());
    }
    text
}

/// The crimes of the dataset and their counts, without where they came from.
fn rows(world: &World) -> String {
    let crime =
        "SELECT month, ref, crime_type, beat, ward, outcome, value_gbp FROM crime ORDER BY month, ref";
    let counts = "SELECT month, ward, crime_type, outcome, n FROM crime_count ORDER BY month, ward, crime_type, outcome";
    [crime, counts].map(|sql| world.outturn(&["query", sql, "--output", "csv"]).exits(0).out).concat()
}

/// `month ref type` of every crime of the dataset.
fn crimes(world: &World) -> Vec<String> {
    let sql = "SELECT month, ref, crime_type FROM crime ORDER BY month, ref, crime_type";
    let told = world.outturn(&["query", sql, "--output", "csv"]).exits(0).out;
    told.lines().skip(1).map(|line| line.replace(',', " ")).collect()
}

fn figures(world: &World) -> Vec<small::Row> {
    let mut rows = world.table("outturn");
    for row in &mut rows {
        row.remove("release");
        // Which figures earlier releases published otherwise depends on which there were.
        row.remove("revised");
    }
    rows
}

/// A run; its report.
fn run(world: &World) -> serde_json::Value {
    let told = world.outturn(&["run", "--quiet", "--output", "json"]);
    assert!([0, 3].contains(&told.code), "{told}");
    told.json()
}

/// Files of the datasets and of the cache of parts, with their bytes.
fn stored(world: &World) -> BTreeMap<String, Vec<u8>> {
    let bytes = |path: &std::path::Path| fs::read(path).unwrap();
    let mut all = world.files("warehouse/datasets", bytes);
    all.retain(|path, _| path.ends_with(".parquet"));
    all.extend(
        world.files("warehouse/landing/parts", bytes).into_iter().map(|(k, v)| (format!("parts/{k}"), v)),
    );
    all
}

/// The files of the months of the crimes.
fn files(world: &World) -> Vec<String> {
    let mut files: Vec<String> = world.files("warehouse/datasets/crime", |_| ()).into_keys().collect();
    files.retain(|path| path.ends_with(".parquet"));
    files
}

/// A world in which everything that follows from the landing was made anew.
fn rebuilt(world: &World) -> World {
    let other = world.copied();
    for folder in ["warehouse/datasets", "warehouse/landing/parts", "warehouse/published"] {
        let _ = fs::remove_dir_all(other.path(folder));
    }
    run(&other);
    other
}

#[test]
fn one_extract_of_all_months_gives_what_a_file_a_month_gives() {
    let monthly = World::complete();
    run(&monthly);
    let world = many("mode = \"whole\"");
    world.send("crime", "2025-08", extract(&MONTHS));
    let report = run(&world);
    assert_eq!(report["gaps"], serde_json::json!([]));
    assert_eq!(rows(&world), rows(&monthly));
    assert_eq!(figures(&world), figures(&monthly));
    // June's part of the extract: 12 crimes, each accepted.
    assert_eq!(world.told_of("crime", "2025-06"), ["accepted: 12 = 12 + 0 + 0"]);
    world.outturn(&["plan", "--detailed-exit-code"]).exits(0);
    world.outturn(&["status", "--check"]).exits(0);
}

#[test]
fn only_the_months_that_a_later_extract_tells_otherwise_are_made_anew_and_they_are_called_restated() {
    let world = many("mode = \"whole\"");
    world.send("crime", "2025-08", extract(&MONTHS));
    run(&world);
    let before = files(&world);
    // The later extract is in another order, has its columns in another order, and one crime more in June.
    let mut lines: Vec<String> = extract(&MONTHS).lines().map(str::to_owned).collect();
    lines.push("C06-13,2025-06,H1,Burglary,No suspect,".to_owned());
    lines[1..].reverse();
    let turned: Vec<String> =
        lines.iter().map(|line| line.split(',').rev().collect::<Vec<_>>().join(",")).collect();
    world.send("crime", "2025-08", turned.join("\n") + "\n");
    // Landed by a run that went no further, it is seen by a plan.
    let other = world.copied();
    run(&other);
    fs::remove_dir_all(world.path("warehouse/landing")).unwrap();
    fs::rename(other.path("warehouse/landing"), world.path("warehouse/landing")).unwrap();
    let plan = world.outturn(&["plan"]).exits(0);
    plan.prints("rebuild  crime 2025-06: restated: a later delivery tells the month anew");
    let report = run(&world);
    let line = "feed `northport-crime`: restated 2025-06: 13 rows, was 12";
    assert_eq!(report["restated"], serde_json::json!([line]));
    let after = files(&world);
    let same = before.iter().filter(|file| after.contains(file)).count();
    // April, May and July are the same files.
    assert_eq!((before.len(), same), (4, 3));
    let restated = |month: &str| {
        let wanted = [("feed", "northport-crime"), ("period", month), ("status", "accepted")];
        let rows = world.rows("feed_delivery", &wanted);
        rows.iter().filter_map(|row| row.get("restated").cloned()).collect::<Vec<_>>()
    };
    assert_eq!((restated("2025-06"), restated("2025-05")), (vec!["12".to_owned()], Vec::new()));
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-06"), "available 1.3");
    let order = world.rows("feed_delivery", &[("feed", "northport-crime"), ("period", "2025-08")]);
    assert!(order[0]["note"].contains("the columns come in another order"), "{order:?}");
}

#[test]
fn the_same_extract_again_changes_nothing_whatever_it_is_called() {
    let world = many("mode = \"whole\"");
    world.send("crime", "2025-07", extract(&MONTHS));
    run(&world);
    let before = stored(&world);
    world.send("crime", "2025-08", extract(&MONTHS).replace('\n', "\r\n"));
    world.send_as("deliveries/crime/2025-09.csv", extract(&MONTHS));
    let report = run(&world);
    assert_eq!(report["months_made"], 0);
    let datasets = |all: BTreeMap<String, Vec<u8>>| -> BTreeMap<String, Vec<u8>> {
        all.into_iter().filter(|(path, _)| !path.starts_with("parts/")).collect()
    };
    assert_eq!(datasets(stored(&world)), datasets(before));
}

#[test]
fn a_month_that_an_extract_no_longer_holds_is_gone_and_named_and_another_edition_of_periods_leaves_it() {
    for (mode, left, figure) in [("whole", 3, "not_available"), ("periods", 4, "available 1.0")] {
        let world = many(&format!("mode = \"{mode}\""));
        world.send("crime", "2025-07", extract(&MONTHS));
        run(&world);
        world.send("crime", "2025-08", extract(&["2025-05", "2025-06", "2025-07"]));
        let report = run(&world);
        assert_eq!(files(&world).len(), left, "{mode}");
        assert_eq!(world.figure("northport-crime-rate", "P01", "2025-04"), figure, "{mode}");
        let gone = "not_supplied: - = - + - + -; the latest delivery does not hold it any more";
        assert_eq!(world.told_of("crime", "2025-04").contains(&gone.to_owned()), mode == "whole");
        assert_eq!(report["gaps"].as_array().unwrap().len(), usize::from(mode == "whole"));
    }
}

#[test]
fn a_month_without_rows_is_missing_unless_the_contract_says_that_it_is_zero() {
    let without_may = extract(&["2025-04", "2025-06", "2025-07"]);
    let world = many("mode = \"whole\"");
    world.send("crime", "2025-08", &without_may);
    run(&world);
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-05"), "not_available");
    let world = many("mode = \"whole\"");
    world.edit(CONTRACT, "key = [", "absent-month = \"zero\"\nkey = [");
    // Nothing came since June: July is not zero, it is not known.
    world.send("crime", "2025-08", extract(&["2025-04", "2025-06"]));
    run(&world);
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-05"), "available 0.0");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "not_available");
}

#[test]
fn rows_that_tell_no_month_wait_in_quarantine_in_the_month_of_the_edition() {
    let world = many("mode = \"whole\"");
    let text =
        extract(&MONTHS) + "C99-01,June,H1,Burglary,,\nC99-02,2026-01,H1,Burglary,,\nC99-03,2025-06,H1\n";
    world.send("crime", "2025-08", text);
    run(&world);
    let told = world.told_of("crime", "2025-08");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("accepted: 3 = 0 + 0 + 3; 3 rows do not tell their month"), "{told:?}");
    let shown = world.outturn(&["quarantine", "show", "northport-crime", "--month", "2025-08"]).exits(0);
    // The rows themselves, out of the landed file.
    shown.clone().prints("C99-01,June,H1").prints("C99-03,2025-06,H1");
    assert_eq!(crimes(&world).len(), 35);
}

#[test]
fn an_extract_that_is_held_gives_way_to_the_one_before_until_a_waiver_lets_it_in() {
    let world = many("mode = \"whole\"");
    world.edit(FEED, "share = 0.2", "share = 0.2\n\n[drift]\nrows-at-least = 5");
    let all = extract(&MONTHS);
    for (edition, more) in [("2025-05", ""), ("2025-06", "N1"), ("2025-07", "N2")] {
        let more = if more.is_empty() { String::new() } else { format!("{more},2025-04,H1,Burglary,,\n") };
        world.send("crime", edition, all.clone() + &more);
        run(&world);
    }
    let before = crimes(&world);
    // 35 or 36 rows are usual; of ten, more than half is lost.
    world.send("crime", "2025-08", extract(&["2025-04"]));
    let report = run(&world);
    assert_eq!(crimes(&world), before);
    let told = world.told_of("crime", "2025-08");
    assert_eq!(told, ["held: 10 = 0 + 0 + 10; 10 rows came, where 36 are usual"]);
    let gaps = report["gaps"].to_string();
    assert!(gaps.contains("2025-08.csv held: 10 rows came, where 36 are usual"), "{gaps}");
    assert_eq!(stored(&world), stored(&rebuilt(&world)));
    let waive = |period: &str| {
        let words =
            ["--why", "the rest was handed to another force", "--by", "data lead", "--until", "2025-12-31"];
        let about =
            ["quarantine", "waive", "northport-crime", "--period", period, "--reason", "delivery_held"];
        world.outturn(&[&about[..], &words].concat())
    };
    waive("2025-07").exits(4).says("no delivery of feed `northport-crime` for 2025-07 is held");
    waive("2025-08").exits(0).says("the delivery is let in");
    run(&world);
    assert_eq!(crimes(&world).len(), 10);
    let told = world.told_of("crime", "2025-08");
    let words = "10 rows came, where 36 are usual; let in by data lead until 2025-12-31 \
                 (waiver `northport-crime-2025-08-delivery-held`)";
    assert!(told[0].contains(words), "{told:?}");
    assert_eq!(stored(&world), stored(&rebuilt(&world)));
    // After its last day the delivery is held again, and the one before it stands.
    world.outturn_at("2026-01-01T05:30:00Z", &["run", "--quiet"]).exits(3);
    assert_eq!(crimes(&world), before);
}

#[test]
fn a_month_with_far_more_rows_than_usual_is_held_until_a_waiver_lets_it_in() {
    let world = World::complete();
    world.edit(FEED, "share = 0.2", "share = 0.2\n\n[drift]\nrows-at-least = 5");
    let mut text = HEADER.to_owned();
    for number in 0..45 {
        writeln!(text, "X{number},2025-07,H1,Burglary,,").unwrap();
    }
    world.send("crime", "2025-07", text);
    run(&world);
    // 10, 8 and 12 rows came in the months before.
    assert_eq!(
        world.told_of("crime", "2025-07"),
        ["held: 45 = 0 + 0 + 45; 45 rows came, where 10 are usual"]
    );
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "not_available");
    world.outturn(&["plan", "--detailed-exit-code"]).exits(0);
    let about =
        ["quarantine", "waive", "northport-crime", "--period", "2025-07", "--reason", "delivery_held"];
    let words = ["--why", "a backlog was entered", "--by", "data lead", "--until", "2025-12-31"];
    world.outturn(&[&about[..], &words].concat()).exits(0).says("the delivery is let in");
    run(&world);
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 4.5");
}

#[test]
fn a_row_of_many_months_that_a_waiver_lets_in_gives_way_to_a_later_one_of_its_key() {
    let world = many("mode = \"upsert\"");
    world.edit(FEED, "share = 0.2", "share = 0.5");
    world.send(
        "crime",
        "2025-05",
        format!("{HEADER}A1,2025-04,H1,Burglary,,1\nA2,2025-04,H1,Fly-tipping,,1\n"),
    );
    run(&world);
    assert_eq!(crimes(&world), ["2025-04 A1 Burglary"]);
    let about =
        ["quarantine", "waive", "northport-crime", "--period", "2025-04", "--reason", "bad_crime_type"];
    let words = ["--why", "agreed", "--by", "Data lead", "--until", "2025-12-31"];
    world.outturn(&[&about[..], &words].concat()).exits(0).says("1 row(s) are taken as they stand");
    run(&world);
    assert_eq!(crimes(&world), ["2025-04 A1 Burglary", "2025-04 A2 Fly-tipping"]);
    world.send("crime", "2025-06", format!("{HEADER}A2,2025-04,H1,Robbery,,1\nA3,2025-05,H1,Robbery,,1\n"));
    run(&world);
    assert_eq!(crimes(&world), ["2025-04 A1 Burglary", "2025-04 A2 Robbery", "2025-05 A3 Robbery"]);
    assert_eq!(stored(&world), stored(&rebuilt(&world)));
}

#[test]
fn a_month_that_a_file_tells_anew_says_how_many_rows_it_had() {
    let world = World::complete();
    run(&world);
    let text = World::good("crime", "2025-06");
    world.send("crime", "2025-06", &text[..=text.trim_end().rfind('\n').unwrap()]);
    let report = run(&world);
    let line = "feed `northport-crime`: restated 2025-06: 11 rows, was 12";
    assert_eq!(report["restated"], serde_json::json!([line]));
    let row = world.rows("feed_delivery", &[("feed", "northport-crime"), ("period", "2025-06")]);
    assert_eq!(row[0]["restated"], "12");
}

#[test]
fn of_rows_that_replace_earlier_ones_the_latest_stands_in_whatever_order_they_come() {
    let first =
        format!("{HEADER}A1,2025-04,H1,Burglary,,1\nA2,2025-04,H1,Burglary,,1\nA3,2025-05,H1,Robbery,,1\n");
    // A1 moves to May; A2 is told anew; A4 is new.
    let second = format!(
        "{HEADER}A1,2025-05,H1,Burglary,,2\nA2,2025-04,H1,Shoplifting,,2\nA4,2025-06,H1,Robbery,,2\n"
    );
    let expected =
        ["2025-04 A2 Shoplifting", "2025-05 A1 Burglary", "2025-05 A3 Robbery", "2025-06 A4 Robbery"];
    for order in [[&first, &second], [&second, &first]] {
        let world = many("mode = \"upsert\"\nlatest-by = \"value_gbp\"");
        for (text, edition) in order.into_iter().zip(["2025-07", "2025-08"]) {
            world.send("crime", edition, text);
            run(&world);
        }
        assert_eq!(crimes(&world), expected);
        // Each row of each delivery is accounted for: of three rows in April and one in May two gave way.
        let sums = world.rows("feed_delivery", &[("feed", "northport-crime")]);
        let sum = |name: &str| -> u64 {
            sums.iter().filter_map(|row| row.get(name)).map(|n| n.parse::<u64>().unwrap()).sum()
        };
        assert_eq!(sum("received"), sum("accepted") + sum("duplicate") + sum("quarantined"));
        assert_eq!(sum("accepted"), 4);
        assert_eq!(stored(&world), stored(&rebuilt(&world)));
    }
}

#[test]
fn without_a_column_that_tells_the_row_received_last_stands() {
    let world = many("mode = \"upsert\"");
    for (edition, kind) in [("2025-06", "Burglary"), ("2025-07", "Robbery"), ("2025-08", "Burglary")] {
        world.send("crime", edition, format!("{HEADER}A1,2025-04,H1,{kind},,\n"));
        run(&world);
        assert_eq!(crimes(&world), [format!("2025-04 A1 {kind}")]);
    }
}

#[test]
fn rows_that_join_earlier_ones_leave_those_whose_key_stands() {
    let world = many("mode = \"append\"");
    world.send("crime", "2025-07", format!("{HEADER}A1,2025-04,H1,Burglary,,\nA2,2025-05,H1,Robbery,,\n"));
    run(&world);
    let before = files(&world);
    // A1 comes again for another month and otherwise, A2 comes again as it was, A3 is new.
    let text = "A1,2025-05,H1,Robbery,,\nA2,2025-05,H1,Robbery,,\nA3,2025-06,H1,Robbery,,\n";
    world.send("crime", "2025-08", format!("{HEADER}{text}"));
    run(&world);
    assert_eq!(crimes(&world), ["2025-04 A1 Burglary", "2025-05 A2 Robbery", "2025-06 A3 Robbery"]);
    let after = files(&world);
    assert!(before.iter().all(|file| after.contains(file)), "{before:?} {after:?}");
    let told = world.told_of("crime", "2025-08");
    assert!(told[0].contains("1 rows have a key that stands already, with other contents"), "{told:?}");
}

#[test]
fn figures_of_financial_years_stand_for_whole_years_and_for_nothing_else() {
    let world = many("mode = \"whole\"\nevery = \"year\"");
    world.edit(FEED, "from = \"2025-04\"", "from = \"2024-03\"");
    world.edit(CONTRACT, "format = \"month\"", "format = \"financial-year\"");
    let text = "A1,2023/24,H1,Burglary,,\nA2,2024/25,H1,Burglary,,\nA3,2024-25,H1,Robbery,,\n";
    world.send("crime", "2025-08", format!("{HEADER}{text}"));
    let report = run(&world);
    assert_eq!(report["gaps"], serde_json::json!([]));
    let rows = world.rows("outturn", &[("measure", "northport-crime-rate")]);
    let told: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row["period"].as_str(), row.get("numerator").map_or("", String::as_str)))
        .collect();
    assert_eq!(
        told,
        [
            ("2023/24", "1.0"),
            ("2024/25", "2.0"),
            ("12 months to 2024-03", "1.0"),
            ("12 months to 2025-03", "2.0")
        ]
    );
}

#[test]
fn a_column_most_values_of_which_are_no_numbers_any_more_holds_the_delivery() {
    let world = World::complete();
    world.edit(FEED, "share = 0.2", "share = 1.0");
    let text = World::good("crime", "2025-06");
    let pounds: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(number, line)| {
            let start = line.rfind(',').unwrap();
            if number == 0 { line.to_owned() } else { format!("{},GBP {number}", &line[..start]) }
        })
        .collect();
    world.send("crime", "2025-06", pounds.join("\n") + "\n");
    run(&world);
    assert_eq!(
        world.told_of("crime", "2025-06"),
        ["held: 12 = 0 + 0 + 12; 12 of 12 values of column `Value` are not of type number as agreed"]
    );
}

#[test]
fn a_month_that_ends_too_early_is_partial_and_does_not_count() {
    let world = World::complete();
    for (month, last) in [("2025-04", 30), ("2025-05", 31), ("2025-06", 30), ("2025-07", 20)] {
        let mut text = "Day,Beat,Kind\n".to_owned();
        for day in 1..=last {
            writeln!(text, "{month}-{day:02},H1,Noise\n{month}-{day:02},K1,Litter").unwrap();
        }
        world.send("asb", month, text);
    }
    run(&world);
    assert_eq!(
        world.told_of("asb", "2025-07"),
        ["partial: 40 = 40 + 0 + 0; 2025-07 is partial: no row of its last 11 days"]
    );
    assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "not_available");
    assert_eq!(world.figure("northport-asb", "P01", "2025-06"), "available 60.0");
}

#[test]
fn the_running_month_of_an_extract_is_partial() {
    let world = many("mode = \"whole\"");
    let text = extract(&MONTHS) + "C08-01,2025-08,H1,Burglary,,\n";
    world.send("crime", "2025-08", text);
    run(&world);
    let told = world.told_of("crime", "2025-08");
    let words =
        "partial: 1 = 1 + 0 + 0; 2025-08 is partial: it came on 2025-08-12, before the month had ended";
    assert_eq!(told, [words]);
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-08"), "not_available");
}

#[test]
fn settings_that_do_not_fit_the_mode_are_named() {
    let world = many("mode = \"upsert\"\nlatest-by = \"crime_type\"");
    let told = world.outturn(&["check"]).exits(2);
    told.says(
        "`crime_type` is no column of contract `constabulary-crime` that is a date, a timestamp or a number",
    );
    let world = many("mode = \"upsert\"");
    world.edit(CONTRACT, "key = [\"ref\"]", "key = []");
    world.outturn(&["check"]).exits(2).says("mode `upsert` needs a key");
    let world = many("mode = \"whole\"\nlatest-by = \"value_gbp\"");
    world.outturn(&["check"]).exits(2).says("`latest-by` is for mode `upsert` only");
}

#[test]
fn a_run_that_is_killed_while_it_splits_and_makes_months_is_finished_by_the_next_to_the_same_bytes() {
    let begun = many("mode = \"periods\"");
    begun.send("crime", "2025-07", extract(&MONTHS));
    run(&begun);
    begun.send("crime", "2025-08", extract(&["2025-05", "2025-06"]) + "N1,2025-05,H1,Burglary,,\n");
    let undisturbed = begun.copied();
    let started = Instant::now();
    run(&undisturbed);
    let whole = started.elapsed();
    let expected = stored(&undisturbed);
    for part in 1..=8 {
        let world = begun.copied();
        let mut child =
            world.command(NOW, &["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(u64::try_from(whole.as_millis()).unwrap() * part / 9));
        child.kill().unwrap();
        child.wait().unwrap();
        run(&world);
        assert_eq!(stored(&world), expected, "killed after {part} of 9 parts of the time");
    }
}

/// A delivery of few keys, so that they meet: each row has a key, a month, a type and how late it is.
fn delivery() -> impl Strategy<Value = Vec<(u8, u8, u8, u8)>> {
    proptest::collection::vec((0..4u8, 4..7u8, 0..3u8, 0..3u8), 0..7)
}

fn text_of(delivery: &[(u8, u8, u8, u8)]) -> String {
    let mut text = HEADER.to_owned();
    for (key, month, kind, late) in delivery {
        let kind = ["Burglary", "Robbery", "Fraud"][usize::from(*kind)];
        // Fraud is not among the codes: such a row breaks the contract.
        writeln!(text, "R{key},2025-{month:02},H1,{kind},,{late}").unwrap();
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_comes_and_whenever_runs_are_made_a_rebuild_finds_the_same(
        mode in 0..4usize,
        deliveries in proptest::collection::vec((delivery(), 5..9u8, proptest::bool::weighted(0.6)), 1..5),
    ) {
        let modes = ["whole", "periods", "append", "upsert\"\nlatest-by = \"value_gbp"];
        let world = many(&format!("mode = \"{}\"", modes[mode]));
        world.edit(FEED, "share = 0.2", "share = 0.5");
        for (delivery, edition, then_run) in &deliveries {
            world.send("crime", &format!("2025-0{edition}"), text_of(delivery));
            if *then_run {
                run(&world);
            }
        }
        run(&world);
        let other = rebuilt(&world);
        prop_assert_eq!(stored(&world), stored(&other));
        prop_assert_eq!(figures(&world), figures(&other));
        prop_assert_eq!(world.outturn(&["plan", "--detailed-exit-code"]).code, 0);
        for row in world.table("feed_delivery").iter().filter(|row| row.contains_key("received")) {
            let n = |name: &str| row[name].parse::<u64>().unwrap();
            prop_assert_eq!(n("received"), n("accepted") + n("duplicate") + n("quarantined"));
        }
    }
}
