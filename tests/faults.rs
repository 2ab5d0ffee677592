//! Deliveries that break, measures that lie and a warehouse that fails: what the next release then says.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, in its helpers too")]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what tables of faults need is not needed here")]
mod small;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use small::{NOW, Told, World};

const CRIME_FEED: &str = "pipelines/northport/feeds/northport-crime.toml";
const CHARGED: &str = "sql/northport/northport-charged.sql";

/// July's crime is sent with these bytes, everything else is as it should be; then a run.
fn july(bytes: impl AsRef<[u8]>) -> (World, Told) {
    let world = World::complete();
    world.send("crime", "2025-07", bytes);
    let told = world.run();
    (world, told)
}

fn good_july() -> String {
    World::good("crime", "2025-07")
}

/// July's crime with every line, the header first, made into another.
fn edited_july(edit: impl Fn(usize, &str) -> String) -> String {
    let text = good_july();
    let lines: Vec<String> = text.lines().enumerate().map(|(number, line)| edit(number, line)).collect();
    lines.join("\n") + "\n"
}

/// The release stands without July's crime and says why; everything else is there.
#[track_caller]
fn is_without_july(world: &World, told: Told, reported: &str) {
    let note = reported.split_once("; ").map_or("", |(_, note)| note).to_owned();
    told.exits(3)
        .says(&format!("gap: feed `northport-crime`: 2025-07.csv {}", reported.split(':').next().unwrap()))
        .says(&note);
    assert_eq!(world.told_of("crime", "2025-07"), [reported]);
    for measure in ["northport-charged", "northport-crime-rate"] {
        assert_eq!(world.figure(measure, "P01", "2025-07"), "not_available");
    }
    let row = &world.rows("outturn", &[("measure", "northport-charged"), ("period", "2025-07")])[0];
    assert_eq!(row["note"], note);
    assert_eq!(world.rows("release", &[])[0]["gaps"], "1");
    assert_eq!(world.figure("northport-charged", "P01", "2025-06"), "available 25.0");
    assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "available 4.0");
}

/// The release has July's crime as the small project delivers it.
#[track_caller]
fn is_with_july(world: &World) {
    assert_eq!(world.figure("northport-charged", "P01", "2025-07"), "available 20.0");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
}

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zip(member: &str, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(bytes.as_ref()).unwrap();
    writer.finish().unwrap().into_inner()
}

/// Rows of April to June's crime with new references, all of July: 30 good rows.
fn thirty_good_rows() -> String {
    let months =
        ["2025-04", "2025-05", "2025-06"].map(|month| World::good("crime", month).replace(month, "2025-07"));
    let rows: Vec<&str> = months.iter().flat_map(|text| text.lines().skip(1)).collect();
    rows.join("\n") + "\n"
}

#[test]
fn a_delivery_without_a_column_of_the_contract_is_refused() {
    let text = edited_july(|_, line| {
        let mut fields: Vec<&str> = line.split(',').collect();
        fields.remove(4);
        fields.join(",")
    });
    let (world, told) = july(text);
    is_without_july(&world, told, "refused: 5 = 0 + 0 + 5; column `Outcome` is missing");
    assert_eq!(world.rows("quarantine_summary", &[])[0]["reason"], "delivery_refused");
}

#[test]
fn a_delivery_with_a_renamed_column_is_refused_and_both_names_are_told() {
    let (world, told) = july(good_july().replacen("Outcome", "Result", 1));
    is_without_july(&world, told, "refused: 5 = 0 + 0 + 5; column `Outcome` is missing; not known: `Result`");
}

#[test]
fn a_delivery_with_a_column_that_stands_twice_is_refused() {
    let text = edited_july(|_, line| format!("{line},{}", line.split(',').nth(2).unwrap()));
    let (world, told) = july(text);
    is_without_july(&world, told, "refused: 5 = 0 + 0 + 5; column `Beat` stands twice");
}

#[test]
fn a_column_that_is_not_in_the_contract_is_left_out_and_told() {
    let text = edited_july(|number, line| {
        let officer = if number == 0 { "Officer".to_owned() } else { format!("PC {number}") };
        format!("{officer},{line}")
    });
    let (world, told) = july(text);
    told.exits(0);
    let told = world.told_of("crime", "2025-07");
    assert_eq!(told, ["accepted: 5 = 5 + 0 + 0; left out, not in the contract: `Officer`"]);
    is_with_july(&world);
}

#[test]
fn columns_are_found_by_their_names_whatever_their_order() {
    let text = edited_july(|_, line| line.split(',').rev().collect::<Vec<_>>().join(","));
    let (world, told) = july(text);
    told.exits(0);
    is_with_july(&world);
}

#[test]
fn an_empty_file_and_a_header_without_rows_are_refused_and_never_zero() {
    let (world, told) = july("");
    is_without_july(&world, told, "refused: 0 = 0 + 0 + 0; the file is empty");
    let (world, told) = july("Ref,Month,Beat,Type,Outcome,Value\n");
    is_without_july(&world, told, "refused: 0 = 0 + 0 + 0; the file has a header and no row");
}

#[test]
fn a_web_page_in_the_place_of_a_delivery_is_refused() {
    let (world, told) = july("<!DOCTYPE html>\n<html><body>Please sign in</body></html>\n");
    told.exits(3);
    let told = world.told_of("crime", "2025-07");
    assert_eq!(told, ["refused: 1 = 0 + 0 + 1; a web page stands in the place of the file"]);
}

#[test]
fn a_gzipped_delivery_is_read_as_a_plain_one_and_a_truncated_one_is_refused() {
    let (world, told) = july(gzip(good_july()));
    told.exits(0);
    is_with_july(&world);
    let whole = gzip("Ref,Month,Beat,Type,Outcome,Value\n".to_owned() + &thirty_good_rows());
    for length in [whole.len() - 4, whole.len() / 2, 12] {
        let (world, told) = july(&whole[..length]);
        told.exits(3).says("gap: feed `northport-crime`: 2025-07.csv refused: cannot be read");
        assert_eq!(world.figure("northport-charged", "P01", "2025-07"), "not_available");
        let row = &world.rows("feed_delivery", &[("feed", "northport-crime"), ("period", "2025-07")])[0];
        assert_eq!((row["accepted"].as_str(), &row["received"]), ("0", &row["quarantined"]));
    }
}

#[test]
fn a_zipped_delivery_is_read_as_a_plain_one_and_one_without_its_member_is_a_fault_of_that_feed() {
    let world = World::complete();
    world.edit(
        CRIME_FEED,
        "source = \"deliveries/crime/{period}.csv\"",
        "source = \"deliveries/zipped/{period}.zip\"\nmember = \"{period}/crime.csv\"",
    );
    for month in small::MONTHS {
        let archive = zip(&format!("{month}/crime.csv"), World::good("crime", month));
        world.send_as(&format!("deliveries/zipped/{month}.zip"), archive);
    }
    world.run().exits(0);
    is_with_july(&world);
    assert_eq!(world.rows("feed_delivery", &[("feed", "northport-crime")])[0]["source_file"], "crime.csv");
    // What was landed stays when the archive comes back without its member.
    world.send_as("deliveries/zipped/2025-07.zip", zip("2025-07/asb.csv", "x\n"));
    world.run().exits(3).says("the archive has no member `2025-07/crime.csv`");
    is_with_july(&world);
    // Where nothing was landed, the month is missing.
    let bare = World::complete();
    bare.write(CRIME_FEED, world.read(CRIME_FEED));
    bare.send_as("deliveries/zipped/2025-07.zip", zip("2025-07/asb.csv", "x\n"));
    bare.run().exits(3).says("the archive has no member `2025-07/crime.csv`");
    assert_eq!(bare.figure("northport-charged", "P01", "2025-07"), "not_available");
    assert_eq!(bare.figure("northport-asb", "P01", "2025-07"), "available 4.0");
}

#[test]
fn a_delivery_with_too_many_broken_rows_is_held_as_a_whole() {
    // Two of five; the feed allows one.
    let (world, told) = july(good_july().replace(",H1,", ",X1,").replace(",H2,", ",X2,"));
    let note = "2 of 5 rows break the contract, most of them `unknown_beat`; the feed allows 20 %";
    is_without_july(&world, told, &format!("held: 5 = 0 + 0 + 5; {note}"));
    let told = world.run().exits(3).says(note);
    assert_eq!(told.closing(), "already current 2025-08-12.1: 3 of 3 measures, 0 rows read, 0 quarantined");
}

#[test]
fn while_a_restated_month_is_held_the_last_good_one_stays_in_this_and_later_runs() {
    let world = World::complete();
    world.run().exits(0);
    world.send("crime", "2025-07", good_july().replace(",H1,", ",X1,").replace(",H2,", ",X2,"));
    let held = "held: 5 = 0 + 0 + 5; 2 of 5 rows break the contract, most of them `unknown_beat`; the feed allows 20 %";
    let told = world.run().exits(3).says("gap: feed `northport-crime`: 2025-07.csv held: 2 of 5 rows");
    assert!(told.closing().starts_with("released 2025-08-12.2: 3 of 3 measures"), "{told}");
    assert_eq!(world.told_of("crime", "2025-07"), ["accepted: 5 = 5 + 0 + 0", held]);
    is_with_july(&world);
    assert_eq!(world.rows("release", &[])[0]["gaps"], "1");
    assert!(world.outturn(&["status"]).exits(0).out.contains("2025-07.csv held"));
    // Nothing new: the gap is told again.
    world.run().exits(3).says("2025-07.csv held").says("already current 2025-08-12.2");
    // The months are made anew, for a look-up changed.
    world.write(
        "pipelines/northport/reference/beat.csv",
        "beat,ward\nH1,W01\nH2,W01\nK1,W02\nM1,W03\nZ9,W03\n",
    );
    world.run().exits(3).says("released 2025-08-12.3");
    is_with_july(&world);
    assert_eq!(world.told_of("crime", "2025-07"), ["accepted: 5 = 5 + 0 + 0", held]);
    // The partner corrects it; one crime more was recorded.
    world.send("crime", "2025-07", good_july() + "C07-06,2025-07,M1,Robbery,Charged,\n");
    world.run().exits(0).says("released 2025-08-12.4");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.6");
    assert_eq!(world.told_of("crime", "2025-07"), ["accepted: 6 = 6 + 0 + 0"]);
}

#[test]
fn a_refused_restatement_leaves_the_last_good_month_too() {
    let world = World::complete();
    world.run().exits(0);
    for bytes in ["", "Ref,Month\nC1,2025-07\n"] {
        world.send("crime", "2025-07", bytes);
        world.run().exits(3).says("2025-07.csv refused");
        is_with_july(&world);
    }
    // All three are told: the one that counts and the two that were turned down.
    let told = world.told_of("crime", "2025-07");
    assert_eq!(told.len(), 3, "{told:?}");
}

#[test]
fn each_broken_row_waits_with_its_rule_its_line_and_a_pointer_to_its_bytes() {
    let mut text = b"\xef\xbb\xbfRef,Month,Beat,Type,Outcome,Value\r\n".to_vec();
    let broken: [(&[u8], &str, Option<&str>); 9] = [
        (b"B1,2025-07,X9,Burglary,Charged,", "unknown_beat", Some("Beat")),
        (b"B2,2025-07,H1,Arson,Charged,", "bad_crime_type", Some("Type")),
        (b"B3,2025-07,H1,Burglary,Hanged,", "bad_outcome", Some("Outcome")),
        (b"B4,2025-06,H1,Burglary,Charged,", "bad_month", Some("Month")),
        (b"B5,2025-07,H1,Burglary,Charged,-1", "bad_value", Some("Value")),
        (b"B6,2025-07,H1,\"Burglary,Charged,", "bad_quoting", None),
        (b"B7,2025-07,H1,Burglary,Charged,\xa35", "bad_encoding", None),
        (b"B8,2025-07,H1,Burglary", "column_count", None),
        (b",2025-07,H1,Burglary,Charged,", "bad_ref", Some("Ref")),
    ];
    let good = thirty_good_rows() + &thirty_good_rows().replace("C0", "D0");
    let mut good = good.lines();
    let mut lines = Vec::new();
    let mut line = 1;
    for (row, _, _) in &broken {
        for good in good.by_ref().take(4) {
            text.extend_from_slice(format!("{good}\r\n").as_bytes());
        }
        line += 5;
        lines.push(line.to_string());
        text.extend_from_slice(row);
        text.extend_from_slice(b"\r\n");
    }
    // 9 of 45 rows: 20 %, which the feed allows.
    let (world, told) = july(&text);
    told.exits(0);
    assert_eq!(world.told_of("crime", "2025-07"), ["accepted: 45 = 36 + 0 + 9"]);
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 3.6");
    let sql = "SELECT * FROM crime_quarantine ORDER BY line";
    world.write("quarantine.parquet", world.outturn(&["query", sql, "--output", "parquet"]).exits(0).bytes);
    let rows = small::rows_of(&world.path("quarantine.parquet"));
    assert_eq!(rows.len(), broken.len());
    for ((row, (bytes, rule, column)), line) in rows.iter().zip(&broken).zip(&lines) {
        assert_eq!((row["reason"].as_str(), row.get("column").map(String::as_str)), (*rule, *column));
        assert_eq!(&row["line"], line, "{row:?}");
        let number = |name: &str| row[name].parse::<usize>().unwrap();
        let (offset, length) = (number("byte_offset"), number("byte_length"));
        assert_eq!(&text[offset..offset + length], *bytes, "{row:?}");
        assert_eq!((row["month"].as_str(), row["source_file"].as_str()), ("2025-07", "2025-07.csv"));
    }
    let summary: Vec<(String, String)> = world
        .table("quarantine_summary")
        .iter()
        .map(|row| (row["reason"].clone(), row["rows"].clone()))
        .collect();
    let mut rules: Vec<(String, String)> =
        broken.iter().map(|(_, rule, _)| ((*rule).to_owned(), "1".to_owned())).collect();
    rules.sort();
    assert_eq!(summary, rules);
    world
        .outturn(&["quarantine", "show", "--reason", "bad_outcome"])
        .exits(0)
        .prints("B3,2025-07,H1,Burglary,Hanged,");
}

#[test]
fn a_month_whose_broken_rows_were_corrected_leaves_the_quarantine() {
    let (world, told) = july(good_july().replace(",H1,", ",X1,"));
    told.exits(0);
    assert_eq!(world.told_of("crime", "2025-07"), ["accepted: 5 = 4 + 0 + 1"]);
    world.outturn(&["quarantine", "show"]).exits(0);
    world.deliver("crime", "2025-07");
    world.run().exits(0);
    is_with_july(&world);
    world.outturn(&["quarantine", "show"]).exits(4);
    assert!(world.table("quarantine_summary").is_empty());
}

#[test]
fn a_crime_that_is_sent_twice_is_one_crime() {
    // C07-01 comes again with another outcome: the contract counts the first.
    let (world, told) = july(good_july() + "C07-01,2025-07,H1,Shoplifting,No suspect,\n");
    told.exits(0);
    assert_eq!(world.told_of("crime", "2025-07"), ["accepted: 6 = 5 + 1 + 0"]);
    is_with_july(&world);
}

#[test]
fn equal_rows_of_a_feed_without_a_key_are_different_reports() {
    let world = World::complete();
    world.run().exits(0);
    // Three of July's four reports are equal, and two of April's six.
    assert_eq!(world.told_of("asb", "2025-07"), ["accepted: 4 = 4 + 0 + 0"]);
    assert_eq!(world.figure("northport-asb", "W01", "2025-07"), "available 3.0");
    assert_eq!(world.told_of("asb", "2025-04"), ["accepted: 6 = 6 + 0 + 0"]);
}

#[test]
fn a_file_that_was_published_twice_over_is_refused() {
    let rows: Vec<String> = (1..=12).map(|day| format!("2025-07-{day:02},H1,Noise\n")).collect();
    let rows = rows.concat();
    let world = World::complete();
    world.send("asb", "2025-07", format!("Day,Beat,Kind\n{rows}{rows}"));
    world.run().exits(3).says("2025-07.csv refused: every one of its 24 rows stands an even number of times");
    assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "not_available");
    is_with_july(&world);
    // One report more, and it is a month with many equal reports.
    world.send("asb", "2025-07", format!("Day,Beat,Kind\n{rows}{rows}2025-07-31,M1,Litter\n"));
    world.run().exits(0);
    assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "available 25.0");
}

#[test]
fn a_corrected_delivery_replaces_its_month_and_the_earlier_release_stands() {
    let world = World::complete();
    world.run().exits(0);
    let june = World::good("crime", "2025-06");
    world.send("crime", "2025-06", june.replace("C06-12,2025-06,M1,Shoplifting,No suspect,120\n", ""));
    let report = world.outturn(&["run", "--quiet", "--output", "json"]).exits(0).json();
    assert_eq!((&report["months_made"], &report["rows_read"]), (&1.into(), &11.into()));
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-06"), "available 1.1");
    // 10 + 8 + 11.
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025/26 Q1"), "available 2.9");
    assert_eq!(world.told_of("crime", "2025-06"), ["accepted: 11 = 11 + 0 + 0"]);
    let before = small::rows_of(&world.path("warehouse/published/releases/2025-08-12.1/outturn.parquet"));
    let june =
        before.iter().find(|row| row["measure"] == "northport-crime-rate" && row["period"] == "2025-06");
    assert_eq!(june.unwrap()["value"], "1.2");
    world.outturn(&["verify", "2025-08-12.1"]).exits(0);
}

#[test]
fn the_same_bytes_under_another_time_are_not_a_new_delivery() {
    let world = World::complete();
    world.run().exits(0);
    world.deliver("crime", "2025-06");
    let told = world.run().exits(0);
    assert_eq!(told.closing(), "already current 2025-08-12.1: 3 of 3 measures, 0 rows read, 0 quarantined");
}

#[test]
fn what_was_landed_stays_when_the_partner_takes_the_file_away() {
    let world = World::complete();
    world.run().exits(0);
    fs::remove_file(world.path("deliveries/crime/2025-05.csv")).unwrap();
    world.run().exits(0).says("already current");
    fs::remove_dir_all(world.path("deliveries/crime")).unwrap();
    world.run().exits(3).says("gap: feed `northport-crime`: ");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-05"), "available 0.8");
    // It can even be made anew.
    world.write(
        "pipelines/northport/reference/beat.csv",
        "beat,ward\nH1,W01\nH2,W01\nK1,W02\nM1,W03\nZ9,W03\n",
    );
    world.run();
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-05"), "available 0.8");
}

#[test]
fn a_file_that_leaves_a_folder_that_is_itself_the_archive_leaves_the_figures() {
    let world = World::complete();
    world.edit(CRIME_FEED, "from = ", "landing = \"reference\"\nfrom = ");
    world.run().exits(0);
    is_with_july(&world);
    // Only the four deliveries of the other feed are copied.
    assert_eq!(world.files("warehouse/landing/objects", |_| ()).len(), 4);
    fs::remove_file(world.path("deliveries/crime/2025-05.csv")).unwrap();
    let plan = world.outturn(&["plan"]).exits(0);
    assert!(plan.out.contains("drop     crime 2025-05: no feed supplies it any more"), "{plan}");
    world.run().exits(3).says("gap: feed `northport-crime`: nothing for 2025-05");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-05"), "not_available");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025/26 Q1"), "incomplete");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-06"), "available 1.2");
    // It comes back, with one crime fewer.
    let may = World::good("crime", "2025-05");
    world.send("crime", "2025-05", may.replace("C05-08,2025-05,M1,Shoplifting,No suspect,\n", ""));
    world.run().exits(0);
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-05"), "available 0.7");
}

#[test]
fn a_feed_whose_folder_is_gone_does_not_keep_another_from_its_new_month() {
    let world = World::with(&["2025-04", "2025-05", "2025-06"]);
    world.run().exits(3);
    fs::remove_dir_all(world.path("deliveries/crime")).unwrap();
    world.deliver("asb", "2025-07");
    world
        .run()
        .exits(3)
        .says("gap: feed `northport-crime`: nothing for 2025-07")
        .says("No such file or directory");
    assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "available 4.0");
    assert_eq!(world.figure("northport-charged", "P01", "2025-06"), "available 25.0");
}

#[test]
fn received_is_accepted_and_duplicate_and_quarantined_for_every_delivery() {
    let world = World::complete();
    world.send(
        "crime",
        "2025-04",
        World::good("crime", "2025-04") + "C04-01,2025-04,H1,Burglary,Charged,\nX,2025-04,Q,,,\n",
    );
    world.send("crime", "2025-05", World::good("crime", "2025-05").replace("2025-05", "2025-06"));
    world.send("crime", "2025-06", "");
    world.send("asb", "2025-04", World::good("asb", "2025-04").replace("Kind", "Sort"));
    world.run().exits(3);
    let rows = world.table("feed_delivery");
    assert_eq!(rows.len(), 8);
    let sums: Vec<[u64; 4]> = rows
        .iter()
        .map(|row| {
            ["received", "accepted", "duplicate", "quarantined"].map(|name| row[name].parse().unwrap())
        })
        .collect();
    assert!(sums.iter().all(|[received, rest @ ..]| *received == rest.iter().sum::<u64>()), "{rows:?}");
    // 12 + 8 + 0 + 5 crimes and 6 + 5 + 7 + 4 reports were sent.
    assert_eq!(sums.iter().map(|sum| sum[0]).sum::<u64>(), 47);
    // 10 + 0 + 0 + 5 crimes and 0 + 5 + 7 + 4 reports were taken.
    assert_eq!(sums.iter().map(|sum| sum[1]).sum::<u64>(), 31);
    let stored = "SELECT (SELECT count(*) FROM crime) + (SELECT count(*) FROM asb) AS n";
    assert_eq!(world.outturn(&["query", stored, "--output", "csv"]).exits(0).out, "n\n31\n");
    assert_eq!(world.rows("release", &[])[0]["rows_accepted"], "31");
}

#[test]
fn a_measure_that_yields_what_cannot_be_is_withheld_by_name_and_the_others_are_released() {
    let numerator = "count(*) FILTER (WHERE outcome = 'Charged') AS numerator";
    let may = |lie: &str| format!("CASE WHEN month = '2025-05' THEN {lie} ELSE 1 END AS numerator");
    for (from, to, why) in [
        (numerator, may("-1"), "P01 2025-05: -1 is not a count"),
        (numerator, may("CAST('NaN' AS DOUBLE)"), "P01 2025-05: NaN is not a count"),
        (numerator, may("1e308 * 10"), "P01 2025-05: inf is not a count"),
        (numerator, may("CAST(NULL AS BIGINT)"), "P01 2025-05: the numerator is NULL"),
        (numerator, may("count(*) + 1"), "P01 2025-05: more than 100 %"),
        (
            "GROUP BY month",
            "GROUP BY month UNION ALL SELECT 'P01', '2025-05', 1, 1".to_owned(),
            "P01 2025-05: the key stands twice",
        ),
        (
            "GROUP BY month",
            "GROUP BY month UNION ALL SELECT 'W01', '2025-05', 1, 1".to_owned(),
            "W01 2025-05: the area is not one of the measure's",
        ),
        ("GROUP BY month", "GROUP BY month UNION ALL SELECT 'P01', 'May', 1, 1".to_owned(), "P01: "),
        (numerator, may("1 / (count(*) - count(*))"), "ivide by zero"),
    ] {
        let world = World::complete();
        world.edit(CHARGED, from, &to);
        let told = world.run().exits(3).says("gap: measure `northport-charged`: withheld: ").says(why);
        assert!(told.closing().starts_with("released 2025-08-12.1: 2 of 3 measures"), "{told}");
        let row = &world.rows("measure", &[("measure", "northport-charged")])[0];
        assert!(row["status"] == "withheld" && row["reason"].contains(why), "{row:?}");
        let figures = world.rows("outturn", &[("measure", "northport-charged")]);
        assert_eq!(figures.len(), 5, "four months and a quarter stand without a value");
        for figure in &figures {
            assert!(figure["status"] == "not_calculated" && figure["note"].contains(why), "{figure:?}");
            assert!(["value", "numerator", "denominator"].iter().all(|name| !figure.contains_key(*name)));
        }
        assert_eq!(world.figure("northport-crime-rate", "P01", "2025-05"), "available 0.8");
        assert_eq!(world.rows("release", &[])[0]["measures_released"], "2");
    }
}

#[test]
fn a_withheld_measure_is_told_again_by_every_run_until_it_is_mended() {
    let world = World::complete();
    world.run().exits(0);
    let good = world.read(CHARGED);
    world.edit(CHARGED, "count(*) AS denominator", "count(*) / 10 AS denominator");
    world.run().exits(3).says("released 2025-08-12.2: 2 of 3 measures");
    assert_eq!(world.figure("northport-charged", "P01", "2025-04"), "not_calculated");
    world
        .run()
        .exits(3)
        .says("already current 2025-08-12.2: 2 of 3 measures")
        .says("measure `northport-charged`: withheld");
    assert!(world.outturn(&["status"]).exits(0).out.contains("gap: measure `northport-charged`: withheld"));
    world.write(CHARGED, good);
    world.run().exits(0).says("released 2025-08-12.3: 3 of 3 measures");
    is_with_july(&world);
}

#[test]
fn a_table_whose_sql_fails_is_left_out_by_name_and_told_again_by_the_next_run() {
    let world = World::complete();
    world.edit("sql/northport/tables/crime_by_ward.sql", "sum(n) AS n", "sum(n) / (sum(n) - sum(n)) AS n");
    world.run().exits(3).says("gap: table `crime_by_ward`: withheld: ");
    assert!(!world.path("warehouse/published/current/crime_by_ward.csv").exists());
    assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "available 4.0");
    world.run().exits(3).says("already current 2025-08-12.1").says("gap: table `crime_by_ward`: withheld: ");
    assert!(world.outturn(&["status"]).exits(0).out.contains("gap: table `crime_by_ward`: withheld: "));
}

#[test]
fn a_percentage_of_nothing_is_not_applicable_and_stops_nothing() {
    let world = World::complete();
    world.edit(CHARGED, "FROM crime", "FROM crime WHERE month <> '2025-05'");
    world.run().exits(0);
    assert_eq!(world.figure("northport-charged", "P01", "2025-05"), "not_applicable");
    // 2 + 0 + 3 of 10 + 0 + 12.
    assert!(world.figure("northport-charged", "P01", "2025/26 Q1").starts_with("available 22.7272727"));
}

#[test]
fn a_warehouse_that_cannot_be_written_is_said_and_nothing_is_read() {
    let world = World::complete();
    world.write("warehouse", "a file where a folder should be");
    let told = world.run().exits(1).says("error: ").says("warehouse");
    assert!(!told.err.contains("panicked"), "{told}");
    // Not even the superuser can write there.
    let world = World::complete();
    world.edit("outturn.toml", "location = \"warehouse\"", "location = \"/sys/outturn\"");
    let told = world.run().exits(1).says("error: /sys/outturn").says("because: ");
    assert!(!told.err.contains("asking feeds"), "{told}");
}

#[test]
fn a_disk_that_fills_up_at_any_write_leaves_the_last_release_and_the_next_run_finishes() {
    let whole = World::complete();
    whole.run().exits(0);
    let half = World::with(&["2025-04", "2025-05"]);
    half.run().exits(3);
    for month in ["2025-06", "2025-07"] {
        half.deliver("crime", month);
        half.deliver("asb", month);
    }
    let mut failed = 0;
    // Kibibytes that a file may have; a write beyond fails as on a full disk.
    for limit in [0, 1, 2, 3, 4, 6, 8, 12] {
        let world = half.copied();
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_outturn"), "--now", NOW, "run"]);
        // Its messages go to a pipe, which is no file.
        let output = command.current_dir(world.path("")).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            continue;
        }
        failed += 1;
        assert_eq!(output.status.code(), Some(1), "limit {limit}: {said}");
        assert!(said.contains("error: ") && said.contains("File too large"), "limit {limit}: {said}");
        assert_eq!(world.release().as_deref(), Some("2025-08-12.1"), "limit {limit}");
        world.outturn(&["verify"]).exits(0);
        world.run().exits(0);
        for name in ["outturn", "crime_by_ward"] {
            let values = |world: &World| -> Vec<small::Row> {
                let mut rows = world.table(name);
                for row in &mut rows {
                    row.remove("release");
                }
                rows
            };
            assert_eq!(values(&world), values(&whole), "limit {limit}");
        }
        let left: Vec<String> =
            world.files("warehouse", |_| ()).into_keys().filter(|path| path.contains(".tmp")).collect();
        assert!(left.is_empty(), "limit {limit}: {left:?}");
    }
    assert!(failed >= 4, "the limits were too wide to fail: {failed}");
}

#[test]
fn a_line_of_the_landing_that_was_torn_off_is_forgotten_and_its_delivery_landed_again() {
    let world = World::complete();
    world.run().exits(0);
    let text = world.read("warehouse/landing/deliveries.jsonl");
    world.write("warehouse/landing/deliveries.jsonl", &text[..text.len() - 20]);
    world.run().exits(0);
    is_with_july(&world);
    assert_eq!(world.read("warehouse/landing/deliveries.jsonl"), text);
}

#[test]
fn a_damaged_line_within_the_landing_stops_the_run_and_is_named() {
    let world = World::complete();
    world.run().exits(0);
    let path = "warehouse/landing/deliveries.jsonl";
    let text = world.read(path);
    let damaged: String = text
        .lines()
        .enumerate()
        .map(|(number, line)| if number == 2 { format!("{}\n", &line[..40]) } else { format!("{line}\n") })
        .collect();
    world.write(path, &damaged);
    for command in ["run", "status", "plan"] {
        world.outturn(&[command]).exits(1).says("landing/deliveries.jsonl:3: damaged");
    }
    assert_eq!(world.read(path), damaged, "the evidence was touched");
    assert_eq!(world.release().as_deref(), Some("2025-08-12.1"));
    world.outturn(&["verify", "--files"]).exits(0);
    world.outturn(&["verify"]).exits(3).says("landing/deliveries.jsonl:3: damaged");
}

#[test]
fn a_file_of_a_dataset_that_is_gone_stops_the_run_and_is_named() {
    let world = World::with(&["2025-04", "2025-05", "2025-06"]);
    world.run().exits(3);
    let files = world.files("warehouse/datasets/crime/month=2025-05", |_| ());
    let file = format!("warehouse/datasets/crime/month=2025-05/{}", files.keys().next().unwrap());
    fs::remove_file(world.path(&file)).unwrap();
    world.deliver("crime", "2025-07");
    let told = world.run().exits(1).says("dataset `crime`").says("month=2025-05/part-");
    assert!(!told.err.contains("panicked"), "{told}");
    assert_eq!(world.release().as_deref(), Some("2025-08-12.1"));
}

#[test]
fn a_damaged_manifest_of_the_current_release_is_named_and_no_release_is_made_over_it() {
    let world = World::complete();
    world.run().exits(0);
    world.write("warehouse/published/current/manifest.json", "{\"release\": ");
    world.run().exits(7).says("manifest.json is damaged");
    assert_eq!(world.release().as_deref(), Some("2025-08-12.1"));
}

#[test]
fn landed_bytes_that_were_changed_are_refused_when_their_month_is_made_anew() {
    let world = World::complete();
    world.run().exits(0);
    let landed = world.read("warehouse/landing/deliveries.jsonl");
    let july: serde_json::Value = landed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|delivery: &serde_json::Value| {
            delivery["feed"] == "northport-crime" && delivery["period"] == "2025-07"
        })
        .unwrap();
    let digest = july["sha256"].as_str().unwrap();
    let object = format!("warehouse/landing/objects/{}/{digest}", &digest[..2]);
    let text = world.read(&object);
    world.write(&object, text.replacen("Burglary", "Robbery", 1));
    // A contract that says something else has every month made anew.
    world.edit("pipelines/northport/contracts/constabulary-crime.toml", "grain = \"", "grain = \"here: ");
    let told = world.run().exits(3).says("the landed bytes are not there or differ from their digest");
    assert!(told.closing().starts_with("released 2025-08-12.2"), "{told}");
    assert!(world.figure("northport-crime-rate", "P01", "2025-07").starts_with("not_available"));
}
