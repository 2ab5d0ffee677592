//! The release calendar: the public sees a release at its time and not before, and nothing that waits for a later one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what a test of messages needs is not needed here")]
mod small;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use small::{NOW, Row, Told, World, rows_of};

const CALENDAR: &str = "pipelines/northport/calendar.toml";
const PUBLIC: &str = "warehouse/published/public";

/// Reports of the borough, month by month; all in ward W01, so that no count but nought is small.
const REPORTS: [(&str, usize); 4] = [("2025-04", 30), ("2025-05", 40), ("2025-06", 50), ("2025-07", 60)];

const HEAD: &str = "[contact]\nrole = \"Community safety analyst\"\naddress = \"safety@northport.example\"\n";

fn planned(name: &str, publish_at: &str, periods: &str, more: &str) -> String {
    format!(
        "\n[[release]]\nname = \"{name}\"\npublish-at = \"{publish_at}\"\nperiods = [\"{periods}\"]\n{more}"
    )
}

fn two() -> String {
    let first = planned(
        "2025-Q2-board",
        "2025-08-14 09:30",
        "2025/26 Q1",
        "pre-release = [\"Chair of the board\"]\nannounced = 2025-07-10\n",
    );
    format!("{HEAD}{first}{}", planned("2025-Q3-board", "2025-11-13 09:30", "2025/26 Q2", ""))
}

fn month(month: &str, count: usize) -> String {
    let rows: Vec<String> = (0..count).map(|n| format!("{month}-{:02},H1,Noise", n % 28 + 1)).collect();
    format!("Day,Beat,Kind\n{}\n", rows.join("\n"))
}

/// The small project with reports that everybody may see, and tables for the public.
fn open(calendar: Option<&str>) -> World {
    let world = World::complete();
    for (name, count) in REPORTS {
        world.send("asb", name, month(name, count));
    }
    let feed = "pipelines/northport/feeds/northport-asb.toml";
    world.edit(feed, "contract = ", "agreement = \"open\"\ncontract = ");
    world.write(
        "pipelines/northport/agreements/open.toml",
        "id = \"open\"\nkind = \"open-licence\"\nreference = \"OGL v3.0\"\ntitle = \"Open reports\"\n\
         controller = \"Northport Council\"\n",
    );
    world.write("outturn.toml", world.read("outturn.toml") + "\n[public]\n");
    if let Some(text) = calendar {
        world.write(CALENDAR, text);
    }
    world
}

/// What the public reads; nothing where it has been shown nothing.
fn public(world: &World, table: &str) -> Vec<Row> {
    let file = world.path(&format!("{PUBLIC}/current/{table}.parquet"));
    if file.is_file() { rows_of(&file) } else { Vec::new() }
}

fn shown(world: &World, period: &str) -> String {
    let wanted =
        |row: &&Row| row["measure"] == "northport-asb" && row["area"] == "P01" && row["period"] == period;
    let rows = public(world, "outturn");
    let found: Vec<&Row> = rows.iter().filter(wanted).collect();
    match found.as_slice() {
        [] => "nothing".to_owned(),
        [row] => row.get("value").cloned().unwrap_or_else(|| row["status"].clone()),
        _ => panic!("{period}: {found:?}"),
    }
}

fn run_at(world: &World, now: &str) -> Told {
    let told = world.outturn_at(now, &["run"]);
    assert!([0, 3].contains(&told.code), "{told}");
    told
}

fn current(world: &World) -> String {
    let target = fs::read_link(world.path(&format!("{PUBLIC}/current"))).unwrap();
    target.file_name().unwrap().to_string_lossy().into_owned()
}

fn is_closed(path: &Path) -> bool {
    fs::metadata(path).unwrap().permissions().mode().trailing_zeros() >= 3
}

#[test]
fn the_public_sees_a_release_at_its_time_and_not_before_and_nothing_that_waits_for_the_next() {
    let world = open(Some(&two()));
    run_at(&world, NOW);
    let first = world.release().unwrap();
    assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "available 60.0");
    let query = ["query", "--output", "csv", "--release", "2025-Q2-board"];
    let sql =
        "SELECT value FROM outturn WHERE measure = 'northport-asb' AND area = 'P01' AND period = '2025-06'";
    let asked: Vec<&str> = query.into_iter().chain([sql]).collect();
    world
        .outturn(&asked)
        .exits(4)
        .says("2025-Q2-board is planned for 14 August 2025, 09:30; it is not out yet");

    // 09:30 in London in August is 08:30 by the universal clock.
    run_at(&world, "2025-08-14T08:29:59Z");
    assert!(!world.path(PUBLIC).exists(), "a second too early");
    for place in ["landing", "datasets", "project", "published/releases"] {
        assert!(is_closed(&world.path(&format!("warehouse/{place}"))), "{place}");
    }

    run_at(&world, "2025-08-14T08:30:00Z").says(&format!("2025-Q2-board is out: release {first}"));
    assert_eq!(current(&world), first);
    assert!(!is_closed(&world.path(PUBLIC)) && !is_closed(&world.path(&format!("{PUBLIC}/current"))));
    let quarter = REPORTS[..3].iter().map(|(_, count)| count).sum::<usize>();
    assert_eq!(
        (shown(&world, "2025-06"), shown(&world, "2025/26 Q1")),
        ("50.0".into(), format!("{quarter}.0"))
    );
    for table in ["outturn", "assessment", "signal", "scorecard", "period"] {
        let rows = public(&world, table);
        assert!(!rows.is_empty(), "{table}");
        assert!(rows.iter().all(|row| !row["period"].contains("2025-07")), "{table} tells of July");
    }
    world.outturn(&asked).exits(0).prints("value\n50.0\n");

    // The next one may tell of July. It is made, and waits; so does what was restated.
    world.send("asb", "2025-06", month("2025-06", 55));
    run_at(&world, "2025-08-15T05:30:00Z");
    let second = world.release().unwrap();
    assert_ne!(second, first);
    assert_eq!((current(&world), shown(&world, "2025-06")), (first.clone(), "50.0".to_owned()));
    let line = |name: &str| world.rows("release_calendar", &[("name", name)]).remove(0);
    let (out, next) = (line("2025-Q2-board"), line("2025-Q3-board"));
    assert_eq!((out["state"].as_str(), &out["went_out_release"]), ("out", &first));
    assert_eq!(out["went_out_at"], "2025-08-14T08:30:00Z");
    assert_eq!(
        (out["publish_at_local"].as_str(), out["pre_release"].as_str()),
        ("2025-08-14 09:30", "Chair of the board")
    );
    assert_eq!((next["state"].as_str(), next.get("went_out_release")), ("planned", None));

    // In November 09:30 is 09:30.
    run_at(&world, "2025-11-13T09:29:59Z");
    assert_eq!(current(&world), first);
    let last = world.release().unwrap();
    run_at(&world, "2025-11-13T09:30:00Z").says(&format!("2025-Q3-board is out: release {last}"));
    assert_eq!(current(&world), last);
    assert_eq!((shown(&world, "2025-06"), shown(&world, "2025-07")), ("55.0".into(), "60.0".into()));
    // For the public June is revised since its last release, which was not the nightly one before.
    let revised: Vec<String> = public(&world, "revision")
        .iter()
        .filter(|row| row["area"] == "P01" && row["measure"] == "northport-asb" && row["period"] == "2025-06")
        .map(|row| format!("{} -> {} since {}", row["value_before"], row["value_after"], row["previous"]))
        .collect();
    assert_eq!(revised, [format!("50.0 -> 55.0 since {first}")]);
    // What was quoted stands.
    world.outturn(&asked).exits(0).prints("value\n50.0\n");
    for release in [&first, &second, &last] {
        world.outturn_at("2025-11-14T05:30:00Z", &["verify", release]).exits(0);
        world.outturn_at("2025-11-14T05:30:00Z", &["disclosure", "audit", release]).exits(0);
    }
    // The calendar's names serve as well.
    for (name, release) in [("2025-Q2-board", &first), ("2025-Q3-board", &last)] {
        world.outturn(&["disclosure", "audit", name]).exits(0).prints(release);
        world.outturn(&["verify", "--files", name]).exits(0);
    }
    world
        .outturn(&["disclosure", "audit", "2025-Q5-board"])
        .exits(4)
        .says("there is no release 2025-Q5-board");
}

#[test]
fn status_and_doctor_tell_what_is_next_and_warn_of_a_calendar_that_ends_within_twelve_months() {
    let world = open(Some(&two()));
    run_at(&world, NOW);
    let status = |now: &str| world.outturn_at(now, &["status"]).exits(0);
    let doctor = |now: &str| {
        let told = world.outturn_at(now, &["doctor", "--output", "json"]).json();
        let found = |one: &serde_json::Value| one["what"] == "release calendar";
        let found = told.as_array().unwrap().iter().find(|one| found(one)).cloned().unwrap();
        (found["level"].as_str().unwrap().to_owned(), found["found"].as_str().unwrap().to_owned())
    };
    let next = "next 2025-Q2-board on 14 August 2025, 09:30, for the public";
    let short = "it reaches to 13 November 2025 and does not cover the coming twelve months";
    status(NOW).prints(&format!("calendar: {next}\n")).prints(&format!("calendar: {short}"));
    let (level, found) = doctor(NOW);
    assert!(level == "warning" && found.starts_with(&format!("{next}; {short}")), "{level}: {found}");
    world
        .outturn(&["disclosure", "audit", "2025-Q2-board"])
        .exits(4)
        .says("is planned for 14 August 2025, 09:30");

    // Three more, a quarter apart: the release after the last would go out in November 2026.
    let more = [("a", "2026-02-12"), ("b", "2026-05-14"), ("c", "2026-08-13")];
    let more: String =
        more.iter().map(|(name, day)| planned(name, &format!("{day} 09:30"), "2025/26 Q3", "")).collect();
    world.write(CALENDAR, two() + &more);
    assert!(!status(NOW).prints(next).out.contains("twelve months"));
    assert_eq!(doctor(NOW), ("ok".to_owned(), next.to_owned()));

    // Nobody brought the first one out.
    let late = "2025-08-14T08:30:01Z";
    let after = "next 2025-Q3-board on 13 November 2025, 09:30, for the public";
    status(late)
        .prints("calendar: 2025-Q2-board is due and not out\n")
        .prints(&format!("calendar: {after}\n"));
    assert_eq!(doctor(late), ("warning".to_owned(), format!("due and not out: 2025-Q2-board; {after}")));
    run_at(&world, late);
    assert_eq!(doctor(late), ("ok".to_owned(), after.to_owned()));
    let told = world.outturn_at(late, &["status", "--output", "json"]).json();
    assert_eq!(told["calendar"]["next"]["publish_at"], "2025-11-13T09:30:00Z");
    assert_eq!(told["calendar"]["covers_twelve_months"], true);
    let end = status("2026-09-01T05:30:00Z");
    assert!(end.out.contains("calendar: nothing more is planned\n"), "{end}");
}

#[test]
fn a_release_that_is_put_off_waits_and_one_that_was_made_late_goes_out_late() {
    let world = open(Some(&two()));
    run_at(&world, NOW);
    world.edit(CALENDAR, "2025-08-14 09:30", "2025-08-21 09:30");
    run_at(&world, "2025-08-14T08:30:00Z");
    assert!(!world.path(PUBLIC).exists());
    run_at(&world, "2025-08-21T08:30:00Z").says("2025-Q2-board is out");
    assert_eq!(shown(&world, "2025-06"), "50.0");

    // Nothing was made by then; the first release that is goes out at once.
    let late = open(Some(&two()));
    run_at(&late, "2025-08-20T05:30:00Z").says("2025-Q2-board is out: release 2025-08-20.1");
    assert_eq!((shown(&late, "2025-06"), shown(&late, "2025-07")), ("50.0".into(), "nothing".into()));
}

#[test]
fn without_a_calendar_the_public_sees_each_release_and_a_board_paper_can_have_a_name() {
    let world = open(None);
    run_at(&world, NOW);
    assert_eq!(shown(&world, "2025-07"), "60.0");
    let board = planned("2025-Q2-board", "2025-08-14 09:30", "2025/26 Q1", "audience = \"partnership\"\n");
    world.write(CALENDAR, format!("{HEAD}{board}"));
    run_at(&world, "2025-08-13T05:30:00Z");
    let release = world.release().unwrap();
    run_at(&world, "2025-08-14T08:30:00Z").says(&format!("2025-Q2-board is out: release {release}"));
    world.outturn(&["diff", "2025-Q2-board", "2025-Q2-board"]).exits(0).says("every figure");
}

#[test]
fn a_calendar_that_cannot_be_kept_is_refused_and_one_that_is_unusual_is_warned_of() {
    let world = open(Some(&two()));
    world.outturn(&["check"]).exits(0);
    let unusual = [
        planned("a", "2025-08-16 09:30", "2025/26 Q1", ""),
        planned("b", "2025-08-25 09:30", "2025/26 Q1", ""),
        planned("c", "2025-08-14 00:30", "2025/26 Q1", "announced = 2025-08-01\n"),
        planned("d", "2025-10-26 01:30", "2025/26 Q1", ""),
        planned("e", "2025-06-30 09:30", "2025/26 Q1", ""),
    ];
    world.write(CALENDAR, format!("{HEAD}{}", unusual.concat()));
    let told = world.outturn(&["check"]).exits(0);
    for warning in [
        "a goes out on a Saturday",
        "b goes out on a bank holiday, 2025-08-25",
        "c goes out at 00:30; 09:30 is usual",
        "c was announced 13 days ahead",
        "2025-10-26 01:30:00 comes twice",
        "e goes out before 2025/26 Q1 is over",
    ] {
        assert!(told.err.contains(warning), "{warning}\n{told}");
    }
    let wrong = [
        (planned("a", "2025-03-30 01:30", "2025/26 Q1", ""), "the clocks go forward over it"),
        (planned("2025.1", "2025-08-14 09:30", "2025/26 Q1", ""), "cannot be the name of a planned release"),
        (planned("a", "2025-08-14", "2025/26 Q1", ""), "expected a local time such as"),
        (planned("a", "2025-08-14 09:30", "spring", ""), "expected a period such as"),
        (planned("a", "2025-08-14 09:30", "2025/26 Q1", "when = 1\n"), "when"),
    ];
    for (text, message) in wrong {
        world.write(CALENDAR, format!("{HEAD}{text}"));
        world.outturn(&["check"]).exits(2).says(message);
    }
    world.write(CALENDAR, two());
    world.write("pipelines/other/calendar.toml", two());
    world.outturn(&["check"]).exits(2).says("the project has a calendar already");
    fs::remove_dir_all(world.path("pipelines/other")).unwrap();
    world.edit("outturn.toml", "[public]", "");
    world.outturn(&["check"]).exits(2).says("no tables are made for the public");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the daemon goes by the system's clock, and is held against it"
)]
fn clock() -> DateTime<Utc> {
    Utc::now()
}

/// The program is ended when the test is.
struct Daemon(std::process::Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_daemon_brings_a_release_out_at_its_moment() {
    let world = open(Some(&format!("{HEAD}{}", planned("now", "2099-01-05 09:30", "2025/26 Q1", ""))));
    let command = |argument: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outturn"));
        command.current_dir(world.path("")).args(["--log", "info", argument]).stdin(Stdio::null());
        command
    };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    world.write(
        "outturn.toml",
        world.read("outturn.toml") + &format!("\n[serve]\nlisten = \"127.0.0.1:{port}\"\n"),
    );
    let output = command("run").output().unwrap();
    assert!([Some(0), Some(3)].contains(&output.status.code()), "{output:?}");

    let moment = clock() + TimeDelta::seconds(20);
    let local = moment.with_timezone(&chrono_tz::Europe::London).format("%Y-%m-%d %H:%M:%S").to_string();
    world.edit(CALENDAR, "2099-01-05 09:30", &local);
    let log = fs::File::create(world.path("serve.log")).unwrap();
    let _daemon = Daemon(command("serve").stderr(log).spawn().unwrap());
    let begun = Instant::now();
    let record = world.path("warehouse/published/calendar.jsonl");
    while !record.is_file() {
        let waited = begun.elapsed();
        assert!(waited < Duration::from_mins(2), "{}", world.read("serve.log"));
        if clock() < moment - TimeDelta::seconds(1) {
            assert!(!world.path(&format!("{PUBLIC}/current")).exists(), "too early");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let line: serde_json::Value =
        serde_json::from_str(world.read("warehouse/published/calendar.jsonl").trim()).unwrap();
    let at: DateTime<Utc> = line["at"].as_str().unwrap().parse().unwrap();
    let planned: DateTime<Utc> = line["publish_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(planned.timestamp(), moment.timestamp());
    assert!(at >= planned, "{line}");
    assert_eq!(shown(&world, "2025-06"), "50.0");
    assert_eq!(current(&world), line["release"].as_str().unwrap());
}
