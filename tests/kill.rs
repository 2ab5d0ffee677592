//! Runs that are killed at many moments: a reader always sees a whole release, and the next run finishes the work to the
//! same bytes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, in its helpers too")]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what a test of messages needs is not needed here")]
mod small;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use small::{NOW, World};

/// Moments at which a run is killed, spread evenly over the time that an undisturbed one takes.
const SPREAD: u32 = 30;

/// When a run is killed.
#[derive(Debug, Clone)]
enum Moment {
    /// So long after its start.
    After(Duration),
    /// As soon as this file or folder is there.
    When(String),
}

/// Everything that readers and later runs have, with the names by which a second attempt may differ made equal.
#[derive(Debug, PartialEq)]
struct Contents {
    /// Released tables by file: the text of CSV, the bytes of Parquet.
    released: BTreeMap<String, Vec<u8>>,
    /// Live files of the datasets with their bytes.
    datasets: BTreeMap<String, Vec<u8>>,
    /// The landing's list, and what is kept.
    landed: BTreeMap<String, Vec<u8>>,
}

/// Paths of the files that a Delta table's log says are live.
fn live(table: &Path) -> Vec<String> {
    let mut commits: Vec<_> =
        fs::read_dir(table.join("_delta_log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    commits.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    commits.sort();
    let mut live = Vec::new();
    for commit in commits {
        for line in fs::read_to_string(commit).unwrap().lines() {
            let action: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(path) = action["remove"]["path"].as_str() {
                live.retain(|known| known != path);
            }
            if let Some(path) = action["add"]["path"].as_str() {
                live.push(path.to_owned());
            }
        }
    }
    live.sort();
    // A path in the log is written as in an address.
    live.iter().map(|path| path.replace("%3D", "=")).collect()
}

fn contents(world: &World) -> Contents {
    let bytes = |path: &Path| fs::read(path).unwrap();
    let mut released = world.files("warehouse/published/current/", bytes);
    // The versions of the datasets' logs count attempts; everything else of the manifest is compared by its tables.
    let manifest: serde_json::Value =
        serde_json::from_slice(&released.remove("manifest.json").unwrap()).unwrap();
    let told = ["measures", "own_tables", "project", "tables"].map(|name| manifest[name].to_string());
    released.insert("manifest.json".to_owned(), told.join("\n").into_bytes());
    let mut datasets = BTreeMap::new();
    for table in ["asb", "crime", "crime_count"] {
        let folder = world.path(&format!("warehouse/datasets/{table}"));
        for path in live(&folder) {
            datasets.insert(format!("{table}/{path}"), fs::read(folder.join(&path)).unwrap());
        }
    }
    Contents { released, datasets, landed: world.files("warehouse/landing", bytes) }
}

/// Whether a reader finds a release, and one that is whole.
fn reader_sees_a_whole_release(world: &World) -> bool {
    let Some(name) = world.release() else {
        // Before the first release there is nothing to resolve, not even half of it.
        assert!(fs::symlink_metadata(world.path("warehouse/published/current")).is_err());
        return false;
    };
    assert!(
        world.path("warehouse/published/current").is_dir(),
        "current leads to {name}, which is not there"
    );
    world.outturn(&["verify", "--files"]).exits(0);
    let tables = world.files("warehouse/published/current/", |_| ());
    // The product's tables and the project's own in two files each, and the manifest.
    assert_eq!(tables.len(), 2 * (outturn::release::tables::TABLES.len() + 1) + 1, "{tables:?}");
    for row in world.table("outturn") {
        assert_eq!(row["release"], name);
    }
    true
}

fn start(world: &World) -> Child {
    world.command(NOW, &["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills a run at a moment; whether the run had not ended before.
fn kill(world: &World, moment: &Moment) -> bool {
    let mut child = start(world);
    let begun = Instant::now();
    match moment {
        Moment::After(delay) => thread::sleep(*delay),
        Moment::When(path) => {
            let path = world.path(path);
            while fs::symlink_metadata(&path).is_err() && child.try_wait().unwrap().is_none() {
                assert!(begun.elapsed() < Duration::from_mins(1), "{moment:?} never comes");
                std::hint::spin_loop();
            }
        }
    }
    // SIGKILL; a process that has ended and was not waited for is killed too, without effect.
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

/// What came of the kills of one scenario.
#[derive(Debug, Default)]
struct Tally {
    /// Hit a run that was still going on.
    before_the_end: AtomicUsize,
    /// Came when it had ended.
    after_the_end: AtomicUsize,
    /// Of these, hit between the naming of a release and the moment at which it became current.
    named: AtomicUsize,
}

/// Kills a run of copies of `begun` at each moment; afterwards another run must give what `undisturbed` has.
fn scenario(name: &str, begun: &World, undisturbed: &World, moments: &[Moment]) {
    let expected = contents(undisturbed);
    let expected_name = undisturbed.release().unwrap();
    let before = begun.release();
    let tally = Tally::default();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(moment) = moments.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let world = begun.copied();
                    let hit = kill(&world, moment);
                    let counter = if hit { &tally.before_the_end } else { &tally.after_the_end };
                    counter.fetch_add(1, Ordering::Relaxed);
                    let new = world.path(&format!("warehouse/published/releases/{expected_name}"));
                    if new.is_dir() && world.release().as_deref() != Some(&*expected_name) {
                        tally.named.fetch_add(1, Ordering::Relaxed);
                    }
                    let seen = reader_sees_a_whole_release(&world);
                    assert!(seen || before.is_none(), "{moment:?}: the release before is gone");
                    world.run().exits(0);
                    assert!(reader_sees_a_whole_release(&world));
                    compare(&format!("{name}, {moment:?}"), &world, &expected, &expected_name);
                    let again = world.run().exits(0);
                    assert!(again.closing().starts_with("already current"), "{moment:?}: {again}");
                }
            });
        }
    });
    eprintln!(
        "{name}: {} kills hit a run, {} of them before a named release was current; {} kills came after the end",
        tally.before_the_end.into_inner(),
        tally.named.into_inner(),
        tally.after_the_end.into_inner()
    );
}

#[track_caller]
fn compare(what: &str, world: &World, expected: &Contents, expected_name: &str) {
    let found = contents(world);
    assert_eq!(world.release().as_deref(), Some(expected_name), "{what}");
    for (of, found, expected) in [
        ("released", &found.released, &expected.released),
        ("datasets", &found.datasets, &expected.datasets),
        ("landed", &found.landed, &expected.landed),
    ] {
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(found), names(expected), "{what}: {of}");
        for (file, bytes) in found {
            let wanted = &expected[file];
            let (found, wanted) = (String::from_utf8_lossy(bytes), String::from_utf8_lossy(wanted));
            let is_text = [".csv", ".json", ".jsonl"].iter().any(|ending| file.ends_with(ending));
            assert!(found == wanted || !is_text, "{what}: {of}: {file}: found\n{found}\nexpected\n{wanted}");
            assert!(bytes == &expected[file], "{what}: {of}: {file} differs");
        }
    }
    let left: Vec<String> = world
        .files("warehouse", |_| ())
        .into_keys()
        .filter(|path| path.contains(".tmp") || path.contains("incoming/"))
        .collect();
    assert!(left.is_empty(), "{what}: {left:?} was left behind");
}

/// Evenly spread moments, and each at which something new stands in the warehouse of the undisturbed run.
fn moments(begun: &World, undisturbed: &World) -> Vec<Moment> {
    let trial = begun.copied();
    let started = Instant::now();
    assert!(start(&trial).wait().unwrap().success());
    let whole = started.elapsed();
    let spread = (0..SPREAD).map(|number| Moment::After(whole * number / (SPREAD - 2)));
    let known = begun.files("warehouse", |_| ());
    let release = undisturbed.release().unwrap();
    let marks = [
        "lock".to_owned(),
        "landing/deliveries.jsonl".to_owned(),
        "datasets/asb/_delta_log".to_owned(),
        "datasets/asb/_delta_log/00000000000000000001.json".to_owned(),
        "datasets/asb/_delta_log/00000000000000000002.json".to_owned(),
        "datasets/crime/month=2025-07".to_owned(),
        "datasets/crime_count/_delta_log/00000000000000000000.json".to_owned(),
        "datasets/crime_count/_delta_log/00000000000000000001.json".to_owned(),
        "datasets/crime_count/_delta_log/00000000000000000002.json".to_owned(),
        "datasets/crime/_delta_log/00000000000000000000.json".to_owned(),
        "datasets/crime/_delta_log/00000000000000000001.json".to_owned(),
        "datasets/crime/_delta_log/00000000000000000002.json".to_owned(),
        format!("published/releases/{release}"),
        format!("published/releases/{release}/manifest.json"),
    ];
    let there = |mark: &String| undisturbed.path(&format!("warehouse/{mark}")).exists();
    let new = marks
        .into_iter()
        .filter(|mark| there(mark) && !known.keys().any(|file| file.starts_with(mark.as_str())));
    spread.chain(new.map(|mark| Moment::When(format!("warehouse/{mark}")))).collect()
}

#[test]
fn a_first_run_killed_at_any_moment_is_finished_by_the_next_to_the_same_bytes() {
    let begun = World::complete();
    let undisturbed = begun.copied();
    undisturbed.run().exits(0);
    assert_eq!(undisturbed.figure("northport-charged", "P01", "2025-07"), "available 20.0");
    scenario("first run", &begun, &undisturbed, &moments(&begun, &undisturbed));
}

#[test]
fn a_run_over_a_new_and_a_restated_month_killed_at_any_moment_leaves_the_old_release_and_is_finished_by_the_next()
 {
    let begun = World::with(&["2025-04", "2025-05", "2025-06"]);
    begun.run().exits(3);
    begun.deliver("crime", "2025-07");
    begun.deliver("asb", "2025-07");
    begun.send("crime", "2025-05", World::good("crime", "2025-05") + "C05-09,2025-05,M1,Robbery,Charged,\n");
    let undisturbed = begun.copied();
    undisturbed.run().exits(0);
    assert_eq!(undisturbed.figure("northport-crime-rate", "P01", "2025-05"), "available 0.9");
    scenario("new and restated month", &begun, &undisturbed, &moments(&begun, &undisturbed));
}
