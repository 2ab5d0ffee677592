//! Whom we write to, and what becomes of rows that were set aside: judged again after a file was mended, or waived.

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/small.rs"]
mod small;

use std::fmt::Write as _;

use small::{World, with_field};

const TEN_DAYS: &str = "\n[expected]\nwithin = \"10 working days\"\n";
const CRIME_FEED: &str = "pipelines/northport/feeds/northport-crime.toml";

#[test]
fn a_letter_says_what_was_expected_what_came_which_rows_and_what_to_send() {
    let world = World::with(&["2025-04", "2025-05", "2025-06"]);
    world.write(CRIME_FEED, world.read(CRIME_FEED) + TEN_DAYS);
    let letter = |month: &str, now: &str| {
        let period = format!("2025-{month}");
        world.outturn_at(now, &["feed", "letter", "northport-crime", "--period", &period]).exits(0).out
    };
    world.outturn_at("2025-07-10T05:30:00Z", &["run"]);
    let thanks = letter("06", "2025-07-10T05:30:00Z");
    assert!(
        thanks.contains(
            "We received 2025-06.csv on 10 July 2025 at 06:30: 12 rows; all of them could be used."
        ),
        "{thanks}"
    );
    assert!(thanks.ends_with("\nThank you. There is nothing to do.\n"), "{thanks}");
    let late = letter("07", "2025-08-20T05:30:00Z");
    let expected = "To: Northport Constabulary\n\
        About: Northport Constabulary: recorded crime, July 2025\n\n\
        We expected it by 14 August 2025 (10 working days after the end of the month).\n\
        Nothing has come.\nThat is 6 days ago.\n\nWhat we ask\n\
        - Please send the delivery for July 2025.\n\
        - If there is nothing to report, or it cannot be sent, please tell us so, that we can publish the reason.\n\
        - We need it by 28 August 2025.\n";
    assert_eq!(late, expected);
    // Twenty-five rows name a beat that nobody knows, one an outcome; five are good.
    let mut july = World::good("crime", "2025-07").replacen("Charged", "Hanged", 1);
    for number in 0..25 {
        let _ = writeln!(july, "C07-S{number},2025-07,Smith-{number},Robbery,Charged,");
    }
    world.send("crime", "2025-07", &july);
    world.outturn_at("2025-08-12T05:30:00Z", &["run"]).exits(3);
    let held = letter("07", "2025-08-12T05:30:00Z");
    let lines: Vec<String> = (7..27).map(|line| line.to_string()).collect();
    assert!(held.contains("30 rows; 26 of them break what was agreed, so none is used yet."), "{held}");
    let beats = format!(
        "1. 2025-07.csv: 25 rows: `Beat` must be in the list “Beats of the constabulary, with their wards”, and must \
         not be empty\n   Lines {} and 5 more\n",
        lines.join(", ")
    );
    assert!(held.contains(&beats), "{held}");
    let outcome = "2. 2025-07.csv: 1 row: `Outcome` must be one of: Charged, No suspect, Under investigation, or \
                   empty\n   Line 2\n";
    assert!(held.contains(outcome), "{held}");
    assert!(held.contains(
        "- Please correct these rows and send the whole file for July 2025, under the same name.\n"
    ));
    assert!(held.ends_with("- We need it by 19 August 2025.\n"), "{held}");
    for value in ["Smith", "Hanged", "C07-"] {
        assert!(!held.contains(value), "a row's value is in the letter:\n{held}");
    }
    let json = world.outturn(&["feed", "letter", "northport-crime", "--output", "json"]).exits(0).json();
    assert_eq!((&json["state"], &json["problems"][0]["rows"]), (&"held".into(), &25.into()));
    assert_eq!((&json["answer_by"], &json["text"]), (&"2025-08-19".into(), &held.into()));
    // A file without a heading has a row in its place, which is nobody's business.
    world.send("crime", "2025-07", World::good("crime", "2025-07").split_once('\n').unwrap().1);
    let told = world.outturn_at("2025-08-13T05:30:00Z", &["run"]).exits(3);
    let noted = world.told_of("crime", "2025-07").join("\n") + &told.err;
    assert!(noted.contains("the first line seems to be no heading"), "{noted}");
    assert!(!noted.contains("C07-01") && !noted.contains("Shoplifting"), "{noted}");
    let refused = letter("07", "2025-08-13T05:30:00Z");
    assert!(
        refused.contains("1. 2025-07.csv: the first line is not the heading that was agreed: column `Ref`"),
        "{refused}"
    );
    assert!(!refused.contains("C07-01") && !refused.contains("Shoplifting"), "{refused}");
    // A heading with one other name is told with both.
    world.send("crime", "2025-07", World::good("crime", "2025-07").replacen("Outcome", "Result", 1));
    world.outturn_at("2025-08-14T05:30:00Z", &["run"]).exits(3);
    let renamed = letter("07", "2025-08-14T05:30:00Z");
    assert!(renamed.contains("column `Outcome` is missing; not known: `Result`"), "{renamed}");
    world.outturn(&["feed", "letter", "northport-crme"]).exits(2).says("did you mean `northport-crime`?");
    world.outturn(&["feed", "letter", "northport-crime", "--period", "2031-01"]).exits(4);
}

const BEATS: &str = "pipelines/northport/reference/beat.csv";

#[test]
fn rows_that_are_set_aside_are_judged_again_after_a_look_up_was_mended_and_published_when_asked() {
    let world = World::complete();
    world.send("crime", "2025-07", World::good("crime", "2025-07").replace(",H1,", ",X1,"));
    world.run().exits(0);
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.4");
    let told = world.outturn(&["quarantine", "replay"]).exits(0);
    assert_eq!(told.out, "northport-crime 2025-07: 1 of unknown_beat: set aside (unknown_beat)\n");
    world.outturn(&["quarantine", "replay", "--apply"]).exits(0).says("no row would fare otherwise");
    // A look-up that lost a beat would have more rows set aside, and the delivery held.
    let beats = world.read(BEATS);
    world.write(BEATS, beats.replace("K1,W02\n", ""));
    let told = world.outturn(&["quarantine", "replay", "--output", "json"]).exits(0).json();
    let row = &told["rows"][0];
    assert_eq!((&row["becomes"], &row["rule"]), (&"turned_down".into(), &"delivery_held".into()));
    assert_eq!(told["newly_set_aside"], 1);
    world.write(BEATS, beats + "X1,W01\n");
    let told = world.outturn(&["quarantine", "replay", "northport-crime"]).exits(0);
    assert_eq!(
        told.out,
        "northport-crime 2025-07: 1 of unknown_beat: accepted\n    \
         2025-07.csv:2: unknown_beat no longer stands against it\n"
    );
    assert_eq!(world.release().as_deref(), Some("2025-08-12.1"), "nothing was published");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.4");
    assert_eq!(world.outturn(&["quarantine", "replay", "northport-asb"]).code, 4);
    world.outturn(&["quarantine", "replay", "--apply"]).exits(0).says("released 2025-08-12.2");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
    world.outturn(&["quarantine", "replay"]).exits(4).says("nothing is set aside");
}

#[test]
fn a_delivery_that_was_held_is_let_in_by_a_mended_look_up_or_by_a_waiver() {
    let world = World::complete();
    world.send(
        "crime",
        "2025-07",
        World::good("crime", "2025-07").replace(",H1,", ",X1,").replace(",H2,", ",X2,"),
    );
    world.run().exits(3).says("held: 2 of 5 rows break the contract");
    let mended = world.copied();
    mended.write(BEATS, mended.read(BEATS) + "X1,W01\nX2,W01\n");
    let told = mended.outturn(&["quarantine", "replay", "--output", "json"]).exits(0).json();
    assert_eq!(
        (&told["rows"][0]["was"], &told["rows"][0]["becomes"]),
        (&"delivery_held".into(), &"accepted".into())
    );
    mended.outturn(&["quarantine", "replay", "--apply"]).exits(0);
    assert_eq!(mended.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
    let waive = |rule: &str, more: &[&str]| {
        let mut arguments =
            vec!["quarantine", "waive", "northport-crime", "--period", "2025-07", "--reason", rule];
        arguments.extend(["--why", "two beats were closed", "--by", "Data lead", "--until", "2025-12-31"]);
        arguments.extend(more);
        arguments.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let obey = |world: &World, arguments: Vec<String>| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        world.outturn(&arguments)
    };
    // The two rows stay out, and three are counted.
    let let_in = world.copied();
    obey(&let_in, waive("delivery_held", &[]))
        .exits(0)
        .says("pipelines/northport/waivers/northport-crime-2025-07-delivery-held.toml is written")
        .says("the delivery is let in");
    let_in.run().exits(0);
    let told = let_in.told_of("crime", "2025-07");
    assert!(told[0].starts_with("accepted: 5 = 3 + 0 + 2"), "{told:?}");
    assert!(told[0].contains("let in by Data lead until 2025-12-31"), "{told:?}");
    assert_eq!(let_in.figure("northport-crime-rate", "P01", "2025-07"), "available 0.3");
    let waiver = &let_in.table("waiver")[0];
    assert_eq!((&*waiver["rows"], &*waiver["effect"], &*waiver["by"]), ("2", "accept", "Data lead"));
    // What is known no longer counts towards the share above which a delivery is held.
    obey(&world, waive("unknown_beat", &[])).exits(0).says("2 row(s) stay out and no longer count as open");
    world.run().exits(0);
    assert_eq!(world.told_of("crime", "2025-07"), ["accepted: 5 = 3 + 0 + 2"]);
    let summary = &world.table("quarantine_summary")[0];
    assert_eq!((&*summary["rows"], &*summary["acknowledged"]), ("2", "2"));
    world.outturn(&["quarantine", "show"]).exits(4);
    assert_eq!(
        world.outturn(&["quarantine", "show", "--all"]).exits(0).out.matches("unknown_beat").count(),
        2
    );
    // After its last day the delivery is held again, and the waiver is named.
    let told = world.outturn_at("2026-01-01T05:30:00Z", &["run"]).exits(3);
    let told = told.says("waiver `northport-crime-2025-07-unknown-beat` expired on 2025-12-31");
    told.says("2025-07.csv held: 2 of 5 rows");
    assert_eq!(world.rows("waiver", &[])[0]["active"], "false");
    // A new delivery is judged by itself: the waiver was about the one before.
    let anew = world.copied();
    anew.send(
        "crime",
        "2025-07",
        World::good("crime", "2025-07").replace(",H1,", ",X1,").replace(",M1,", ",X2,"),
    );
    anew.outturn_at("2026-01-02T05:30:00Z", &["run"]).exits(3);
    assert!(anew.figure("northport-crime-rate", "P01", "2025-07").starts_with("not_available"));
}

#[test]
fn a_value_that_can_be_kept_is_taken_as_it_stands_under_a_waiver_and_one_that_cannot_is_not() {
    let world = World::complete();
    let july = with_field(2, 3, "Fly-tipping").replace(
        "C07-03,2025-07,K1,Burglary,Under investigation,30",
        "C07-03,2025-07,K1,Burglary,Under investigation,-30",
    );
    world.edit(CRIME_FEED, "hold-above-quarantined-share = 0.2", "hold-above-quarantined-share = 0.5");
    world.send("crime", "2025-07", july);
    world.run().exits(0);
    assert_eq!(world.told_of("crime", "2025-07"), ["accepted: 5 = 3 + 0 + 2"]);
    let waive = |rule: &str, until: &str, more: &[&str]| {
        let mut arguments = vec!["quarantine", "waive", "northport-crime", "--period", "2025-07"];
        arguments.extend([
            "--reason",
            rule,
            "--why",
            "agreed by letter",
            "--by",
            "Data lead",
            "--until",
            until,
        ]);
        arguments.extend(more);
        world.outturn(&arguments)
    };
    waive("bad_crime_tipe", "2025-12-31", &[]).exits(2).says("did you mean `bad_crime_type`?");
    waive("bad_crime_type", "2025-08-11", &[]).exits(2).says("2025-08-11 has passed");
    waive("bad_outcome", "2025-12-31", &[]).exits(4).says("nothing was written");
    waive("bad_crime_type", "2025-12-31", &["--lines", "4,5"]).exits(4);
    assert!(!world.path("pipelines/northport/waivers").exists());
    waive("bad_crime_type", "2025-12-31", &["--lines", "3"])
        .exits(0)
        .says("1 row(s) are taken as they stand");
    world.run().exits(0);
    assert_eq!(world.told_of("crime", "2025-07"), ["accepted: 5 = 4 + 0 + 1"]);
    let sql = "SELECT ref FROM crime WHERE crime_type = 'Fly-tipping'";
    assert_eq!(world.outturn(&["query", sql, "--output", "csv"]).exits(0).out, "ref\nC07-02\n");
    world.outturn(&["quarantine", "show"]).exits(0).prints("bad_value");
    // The same again changes nothing.
    world.run().exits(0).says("already current");
    // A waiver that would take what cannot be kept is refused with its place.
    let file = "pipelines/northport/waivers/northport-crime-2025-07-bad-crime-type.toml";
    let text = world.read(file);
    world.write(file, text.replace("bad_crime_type", "unknown_beat"));
    world.outturn(&["check"]).exits(2).says("rows that break `unknown_beat` cannot be taken as they stand");
    world.write(file, text.replace("bad_crime_type", "bad_kind"));
    world.outturn(&["check"]).exits(2).says("contract `constabulary-crime` has no rule `bad_kind`");
    world.write(file, text.replace("northport-crime\"\n", "northport-crimes\"\n"));
    world.outturn(&["check"]).exits(2).says("feed `northport-crimes` is not defined");
}

#[test]
fn a_code_that_a_waiver_lets_in_on_one_line_is_unknown_on_the_others() {
    let world = World::complete();
    let july = with_field(2, 3, "Fly-tipping").replace(",K1,Burglary,", ",K1,Fly-tipping,");
    assert_eq!(july.matches("Fly-tipping").count(), 2);
    world.edit(CRIME_FEED, "hold-above-quarantined-share = 0.2", "hold-above-quarantined-share = 0.5");
    world.send("crime", "2025-07", july);
    world.run().exits(0);
    let about =
        ["quarantine", "waive", "northport-crime", "--period", "2025-07", "--reason", "bad_crime_type"];
    let words = ["--why", "agreed", "--by", "Data lead", "--until", "2025-12-31", "--lines", "3"];
    world.outturn(&[&about[..], &words].concat()).exits(0).says("1 row(s) are taken as they stand");
    world.run().exits(0);
    assert_eq!(world.told_of("crime", "2025-07"), ["accepted: 5 = 4 + 0 + 1"]);
    world.outturn(&["quarantine", "show"]).exits(0).prints("bad_crime_type");
}
