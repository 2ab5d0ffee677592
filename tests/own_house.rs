//! Faults in our own house: full and read-only disks, limits, lost and damaged files, clocks that jump, names made to do
//! harm. None costs more than the run that met it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, in its helpers too")]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/small.rs"]
mod small;

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};

use small::{NOW, World};

const CONTRACT: &str = "pipelines/northport/contracts/constabulary-crime.toml";
const CRIME_FEED: &str = "pipelines/northport/feeds/northport-crime.toml";
/// A day on which June is the last month that is expected.
const JULY: &str = "2025-07-12T05:30:00Z";

/// A file system of its own over a folder, of a few kibibytes; gone with the test. `None` where that is not allowed.
struct Disk(std::path::PathBuf);

impl Disk {
    fn over(folder: &std::path::Path, options: &str) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(folder)
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder.to_owned()));
        }
        eprintln!("no file system can be mounted here: a full and a read-only disk were not tried");
        None
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_and_a_read_only_one_leave_the_last_release_and_the_next_run_finishes() {
    let world = World::with(&["2025-04", "2025-05", "2025-06"]);
    let Some(disk) = Disk::over(&world.path("warehouse"), "size=64m") else { return };
    world.outturn_at(JULY, &["run"]).exits(0);
    let release = world.release();
    for feed in small::FEEDS {
        world.deliver(feed, "2025-07");
    }
    disk.remount("ro");
    let told = world.run().exits(1).says("error: ");
    assert!(told.err.contains("Read-only file system") && !told.err.contains("panicked"), "{told}");
    assert_eq!(world.release(), release);
    world.outturn(&["verify"]).exits(0);
    world.outturn(&["status"]).exits(0);
    disk.remount("rw");
    let used: u64 = world
        .files("warehouse", |path| path.metadata().map_or(0, |m| m.len().div_ceil(4096) * 4))
        .values()
        .sum();
    let mut failed = 0;
    for spare in [0, 8, 24, 48, 96, 160] {
        // Folders take no room on this file system.
        disk.remount(&format!("size={}k", used + spare));
        let told = world.run();
        if told.code == 0 {
            break;
        }
        failed += 1;
        assert_eq!(told.code, 1, "{told}");
        assert!(told.err.contains("No space left on device") && !told.err.contains("panicked"), "{told}");
        assert_eq!(world.release(), release, "{spare} KiB were left");
        world.outturn(&["verify"]).exits(0);
    }
    assert!(failed > 0, "the disk was never full");
    disk.remount("size=64m");
    world.run().exits(0);
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
    world.outturn(&["verify"]).exits(0);
}

#[test]
fn a_limit_of_files_or_of_memory_ends_a_run_without_a_wrong_figure_and_the_next_one_finishes() {
    let begun = World::with(&["2025-04", "2025-05", "2025-06"]);
    begun.outturn_at(JULY, &["run"]).exits(0);
    for feed in small::FEEDS {
        begun.deliver(feed, "2025-07");
    }
    let mut failed = 0;
    for limit in ["-n 12", "-n 20", "-n 28", "-v 200000", "-v 600000"] {
        let world = begun.copied();
        let script = format!("ulimit {limit}; exec timeout 120 \"$0\" \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_outturn"), "--now", NOW, "run"]);
        let output = command.current_dir(world.path("")).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_ne!(output.status.code(), Some(124), "{limit}: the run hangs");
        if output.status.success() {
            continue;
        }
        failed += 1;
        if world.release().as_deref() == Some("2025-07-12.1") {
            world.outturn(&["verify"]).exits(0);
        } else {
            assert_eq!(output.status.code(), Some(3), "{limit}: {said}");
        }
        world.run();
        world.run().exits(0);
        assert_eq!(
            world.figure("northport-crime-rate", "P01", "2025-07"),
            "available 0.5",
            "{limit}: {said}"
        );
        assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "available 4.0", "{limit}: {said}");
    }
    assert!(failed >= 2, "the limits were too wide to fail: {failed}");
}

#[test]
fn a_damaged_log_of_a_dataset_stops_the_run_names_it_and_loses_nothing() {
    let begun = World::with(&["2025-04", "2025-05", "2025-06"]);
    begun.outturn_at(JULY, &["run"]).exits(0);
    for feed in small::FEEDS {
        begun.deliver(feed, "2025-07");
    }
    let log = "warehouse/datasets/crime/_delta_log/00000000000000000001.json";
    let first = "warehouse/datasets/crime/_delta_log/00000000000000000000.json";
    let whole = begun.read(log);
    let newer = whole.replacen('{', "{\"protocol\":{\"minReaderVersion\":99,\"minWriterVersion\":99}}\n{", 1);
    for (what, file, text) in [
        ("half", log, Some(whole[..whole.len() / 2].to_owned())),
        ("not JSON", log, Some("{\"add\": \0".to_owned())),
        ("of a newer writer", log, Some(newer)),
        ("without its beginning", first, None),
    ] {
        let world = begun.copied();
        match &text {
            Some(text) => world.write(file, text),
            None => fs::remove_file(world.path(file)).unwrap(),
        }
        let told = world.run();
        assert!(!told.err.contains("panicked"), "{what}: {told}");
        assert_eq!(told.code, 1, "{what}: {told}");
        assert!(told.err.contains("crime"), "{what}: {told}");
        assert_eq!(world.release().as_deref(), Some("2025-07-12.1"), "{what}");
        world.outturn(&["verify"]).exits(0);
        // The way out: the dataset is made anew from what was landed.
        for table in ["crime", "crime_quarantine", "crime_count"] {
            let _ = fs::remove_dir_all(world.path(&format!("warehouse/datasets/{table}")));
        }
        world.run().exits(0);
        assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5", "{what}");
        assert_eq!(world.figure("northport-charged", "P01", "2025-06"), "available 25.0", "{what}");
    }
}

#[test]
fn a_landing_that_was_lost_is_not_taken_for_a_new_beginning() {
    let world = World::complete();
    world.run().exits(0);
    let record = "warehouse/landing/deliveries.jsonl";
    let text = world.read(record);
    for damage in [None, Some("")] {
        match damage {
            Some(text) => world.write(record, text),
            None => fs::remove_file(world.path(record)).unwrap(),
        }
        fs::remove_file(world.path("deliveries/crime/2025-05.csv")).unwrap();
        world.run().exits(7).says("landing/deliveries.jsonl is missing or empty");
        assert_eq!(world.figure("northport-crime-rate", "P01", "2025-05"), "available 0.8");
        world.write(record, &text);
        world.run().exits(0).says("already current");
        world.deliver("crime", "2025-05");
    }
}

#[test]
fn a_clock_that_went_back_makes_no_release_and_one_that_went_ahead_makes_one() {
    let world = World::complete();
    world.run().exits(0);
    for now in ["1970-01-01T00:00:00Z", "2025-08-11T22:00:00Z", "2025-03-01T05:30:00Z"] {
        world.outturn_at(now, &["run"]).exits(1).says("but release 2025-08-12.1 was made on 2025-08-12");
        assert_eq!(world.release().as_deref(), Some("2025-08-12.1"));
    }
    // Three hours back are the same day.
    world.outturn_at("2025-08-12T02:30:00Z", &["run"]).exits(0).says("already current 2025-08-12.1");
    world.outturn_at("2025-08-14T05:30:00Z", &["run"]).exits(0).says("already current 2025-08-12.1");
}

#[test]
fn a_damaged_table_of_the_release_before_is_not_carried_into_the_next() {
    for table in ["outturn", "measure", "crime_by_ward", "feed_delivery"] {
        for damage in ["flipped", "cut", "gone"] {
            let world = World::with(&["2025-04", "2025-05", "2025-06"]);
            world.deliver("crime", "2025-07");
            world.outturn_at(NOW, &["run"]).exits(3);
            let path = world.path(&format!("warehouse/published/current/{table}.parquet"));
            let mut bytes = fs::read(&path).unwrap();
            match damage {
                "flipped" => bytes.iter_mut().skip(60).take(40).for_each(|byte| *byte ^= 0x10),
                "cut" => bytes.truncate(bytes.len() / 2),
                _ => {}
            }
            fs::write(&path, &bytes).unwrap();
            if damage == "gone" {
                fs::remove_file(&path).unwrap();
            }
            world.outturn(&["verify"]).exits(7).says(&format!("{table}.parquet"));
            world.deliver("asb", "2025-07");
            let told = world.run().exits(0);
            assert!(!told.err.contains("panicked"), "{table} {damage}: {told}");
            world.outturn(&["verify"]).exits(0);
            assert_eq!(
                world.figure("northport-crime-rate", "P01", "2025-07"),
                "available 0.5",
                "{table} {damage}"
            );
            assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "available 4.0", "{table} {damage}");
        }
    }
}

#[test]
fn names_that_somebody_made_to_do_harm_are_passed_over_or_read_as_names() {
    let world = World::complete();
    let text = World::good("crime", "2025-07");
    for name in [
        "2025-07.csv.part",
        "2025-07.csv~",
        ".2025-07.csv",
        "2025-13.csv",
        "2025-07.CSV",
        "-rf.csv",
        "$(touch harm).csv",
        "`touch harm`.csv",
        "2025-07.csv; touch harm",
        "\u{202e}vsc.70-5202",
        "2025-07\n.csv",
        "';DROP TABLE crime;--.csv",
    ] {
        world.write(&format!("deliveries/crime/{name}"), &text);
    }
    let broken = world.path("deliveries/crime").join(std::ffi::OsStr::from_bytes(b"2025-0\xff.csv"));
    fs::write(broken, &text).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all.csv", world.path("deliveries/crime/2025-03.csv")).unwrap();
    fs::create_dir(world.path("deliveries/crime/2025-02.csv")).unwrap();
    world.run().exits(0);
    assert_eq!(world.rows("feed_delivery", &[("feed", "northport-crime")]).len(), 4);
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
    assert!(!world.path("harm").exists() && !world.path("deliveries/crime/harm").exists());
    // Names that a pattern lets through are data: into SQL, tables and files they go as they are.
    let world = World::empty();
    world.edit(CRIME_FEED, "{period}.csv", "{period}{rest}.csv");
    for month in small::MONTHS {
        world.deliver("asb", month);
        world.send_as(
            &format!("deliveries/crime/{month}';DROP TABLE crime;--.csv"),
            World::good("crime", month),
        );
    }
    world.run().exits(0);
    let rows = world.rows("feed_delivery", &[("feed", "northport-crime"), ("period", "2025-07")]);
    assert_eq!(rows[0]["source_file"], "2025-07';DROP TABLE crime;--.csv");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
}

#[test]
fn a_contract_whose_column_becomes_another_type_is_never_mixed_with_what_is_stored() {
    let world = World::complete();
    world.run().exits(0);
    let contract = world.read(CONTRACT);
    let begin = contract.find("[[column]]\nname = \"value_gbp\"").unwrap();
    let as_text = "[[column]]\nname = \"value_gbp\"\nfrom = \"Value\"\n";
    world.write(CONTRACT, format!("{}{as_text}", &contract[..begin]));
    world.run().exits(0);
    let sql = "SELECT value_gbp FROM crime WHERE ref = 'C07-03'";
    assert_eq!(world.outturn(&["query", sql, "--output", "csv"]).exits(0).out, "value_gbp\n30\n");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
    // A column more, and one gone.
    let more = "[[column]]\nname = \"raw_month\"\nfrom = \"Month\"\n";
    world.write(CONTRACT, format!("{}{more}", &contract[..begin]));
    world.run().exits(0);
    let sql = "SELECT raw_month FROM crime WHERE ref = 'C07-03'";
    assert_eq!(world.outturn(&["query", sql, "--output", "csv"]).exits(0).out, "raw_month\n2025-07\n");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
}

#[test]
fn a_rate_whose_residents_are_not_known_is_not_applicable_and_stops_nothing() {
    let world = World::complete();
    let population = "pipelines/northport/reference/population.csv";
    for residents in ["", "P01,2024,0\n"] {
        let text = "area,mid_year,persons\nW01,2024,2000\n".to_owned() + residents;
        world.write(population, text);
        world.run().exits(0);
        assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "not_applicable");
        assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "available 4.0");
    }
}

#[test]
fn a_reader_that_went_away_is_no_fault() {
    let world = World::complete();
    let run = |script: &str| {
        let mut command = Command::new("bash");
        command.args(["-c", script, env!("CARGO_BIN_EXE_outturn")]).current_dir(world.path(""));
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{script}");
        output.status.code()
    };
    assert_eq!(run(&format!("\"$0\" --now {NOW} run 2>&-")), Some(0));
    assert_eq!(world.release().as_deref(), Some("2025-08-12.1"));
    assert_eq!(
        run(&format!(
            "\"$0\" --now {NOW} query 'SELECT * FROM outturn' | head -c 1; exit ${{PIPESTATUS[0]}}"
        )),
        Some(0)
    );
    // A disk that is full under the answer is told.
    if std::path::Path::new("/dev/full").exists() {
        assert_eq!(run(&format!("\"$0\" --now {NOW} query 'SELECT 1' > /dev/full")), Some(1));
    }
}
