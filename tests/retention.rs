//! How long rows are kept of feeds that send everything each time: they go month by month, an edition's bytes when nothing
//! needs them that may still be kept, and no figure changes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, in its helpers too")]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what other tests need is not needed here")]
mod small;

use std::collections::BTreeSet;
use std::fs;

use small::{Row, World};

const FEED: &str = "pipelines/northport/feeds/northport-crime.toml";
const HEADER: &str = "Ref,Month,Beat,Type,Outcome,Value\n";
/// Rows may be kept for a month from the end of the month that they are about.
const AGREEMENT: &str = "id = \"isa-7\"\nreference = \"ISA 2025/7\"\ntitle = \"Recorded crime for the partnership\"\n\
    controller = \"Northport Constabulary\"\nlawful-basis = \"Crime and Disorder Act 1998, section 115\"\n\
    purposes = [\"strategic assessment\"]\noutputs = [\"partnership\"]\nbegins = \"2025-04-01\"\n\
    expires = \"2028-03-31\"\ncontact = \"Data Protection Officer\"\n[retention]\nmonths = 1\n";

/// The small project, its constabulary sending many months at once under the agreement, and nothing sent yet.
fn project(mode: &str) -> World {
    let world = World::empty();
    world.write("pipelines/northport/agreements/isa-7.toml", AGREEMENT);
    world.edit(FEED, "source = ", &format!("agreement = \"isa-7\"\nmode = \"{mode}\"\nsource = "));
    // The measures name what the agreement lets them be used for.
    for measure in ["northport-charged", "northport-crime-rate"] {
        let file = format!("sql/northport/{measure}.sql");
        world.edit(&file, "kind = ", "purpose = \"strategic assessment\"\nkind = ");
    }
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

/// An edition with the crimes of these months comes, with the incidents of its last month, and is run on this day.
fn edition(world: &World, day: &str, months: &[&str]) {
    let last = months.last().unwrap();
    world.send("crime", last, extract(months));
    for month in months {
        world.deliver("asb", month);
    }
    world.outturn_at(&format!("{day}T05:30:00Z"), &["run"]).exits(0);
}

fn purge(world: &World, day: &str) -> serde_json::Value {
    let now = format!("{day}T06:30:00Z");
    world.outturn_at(&now, &["purge", "--by", "Officer", "--output", "json"]).exits(0).json()
}

/// `month rows` of the dataset.
fn held(world: &World) -> Vec<String> {
    let sql = "SELECT month, count(*) FROM crime GROUP BY month ORDER BY month";
    let told = world.outturn(&["query", sql, "--output", "csv"]).exits(0).out;
    told.lines().skip(1).map(|line| line.replace(',', " ")).collect()
}

/// Figures without what differs from release to release.
fn figures(world: &World) -> BTreeSet<Row> {
    let rows = world.table("outturn").into_iter().map(|mut row| {
        row.remove("release");
        row.remove("as_of");
        row
    });
    rows.collect()
}

/// Whether the landed bytes of the edition with this name are there.
fn landed(world: &World, name: &str) -> bool {
    let lines = world.read("warehouse/landing/deliveries.jsonl");
    let line = lines.lines().find(|line| line.contains("northport-crime") && line.contains(name)).unwrap();
    let delivery: serde_json::Value = serde_json::from_str(line).unwrap();
    let digest = delivery["sha256"].as_str().unwrap();
    world.path(&format!("warehouse/landing/objects/{}/{digest}", &digest[..2])).is_file()
}

#[test]
fn rows_of_whole_editions_go_by_month_and_an_edition_when_a_later_one_stands() {
    let world = project("whole");
    edition(&world, "2025-05-20", &["2025-04"]);
    edition(&world, "2025-06-20", &["2025-04", "2025-05"]);
    edition(&world, "2025-07-20", &["2025-04", "2025-05", "2025-06"]);
    // April could be kept until 31 May, May until 30 June. Nobody has purged, so that both are still counted.
    assert_eq!(held(&world), ["2025-04 10", "2025-05 8", "2025-06 12"]);
    let before = figures(&world);
    let doctor = world.outturn_at("2025-07-20T06:00:00Z", &["doctor"]);
    assert!(doctor.out.contains("4 files are kept longer than their agreements allow"), "{doctor}");
    let told = purge(&world, "2025-07-20");
    assert_eq!((told["rows"].as_u64(), told["months"].as_u64()), (Some(18), Some(2)));
    assert_eq!(told["objects"].as_u64(), Some(2));
    let notes = told["notes"].to_string();
    assert!(notes.contains("2025-06.csv of 2025-07-20 stays as received and holds 18 rows"), "{notes}");
    assert_eq!(
        ["2025-04.csv", "2025-05.csv", "2025-06.csv"].map(|name| landed(&world, name)),
        [false, false, true]
    );
    assert_eq!(held(&world), ["2025-06 12"]);
    world.outturn_at("2025-07-20T07:30:00Z", &["run"]).exits(0);
    assert_eq!(figures(&world), before);
    for (month, rows) in [("2025-04", "10"), ("2025-05", "8")] {
        let row = &world.rows("feed_delivery", &[("feed", "northport-crime"), ("period", month)])[0];
        assert_eq!((&*row["status"], &*row["accepted"]), ("erased", rows), "{row:?}");
    }
    // A second purge on the same day has nothing left to do, but for what cannot go.
    let again = purge(&world, "2025-07-20");
    assert_eq!((again["rows"].as_u64(), again["objects"].as_u64()), (Some(0), Some(0)));

    // The supplier's next extract still has May: it does not come back. June's month is over.
    edition(&world, "2025-08-12", &["2025-05", "2025-06", "2025-07"]);
    assert_eq!(held(&world), ["2025-06 12", "2025-07 5"]);
    let before = figures(&world);
    let told = purge(&world, "2025-08-12");
    assert_eq!((told["rows"].as_u64(), told["objects"].as_u64()), (Some(12), Some(1)));
    assert!(!landed(&world, "2025-06.csv") && landed(&world, "2025-07.csv"));
    world.outturn_at("2025-08-12T07:30:00Z", &["run"]).exits(0);
    assert_eq!((held(&world), figures(&world)), (vec!["2025-07 5".to_owned()], before.clone()));
    // Without the datasets the next run makes the same again.
    fs::remove_dir_all(world.path("warehouse/datasets")).unwrap();
    world.outturn_at("2025-08-12T08:30:00Z", &["run"]).exits(0);
    assert_eq!((held(&world), figures(&world)), (vec!["2025-07 5".to_owned()], before));

    // Once July has passed too, nothing of the constabulary's rows is left.
    purge(&world, "2025-09-01");
    assert!(!landed(&world, "2025-07.csv"));
    assert_eq!(held(&world), Vec::<String>::new());
}

#[test]
fn an_edition_stays_while_a_month_that_may_be_kept_stands_in_it_alone() {
    let world = project("periods");
    edition(&world, "2025-05-20", &["2025-04"]);
    edition(&world, "2025-07-20", &["2025-04", "2025-05", "2025-06"]);
    // The third brings July alone, so that June stands in the second.
    edition(&world, "2025-07-31", &["2025-07"]);
    purge(&world, "2025-07-31");
    assert_eq!(
        ["2025-04.csv", "2025-06.csv", "2025-07.csv"].map(|name| landed(&world, name)),
        [false, true, true]
    );
    assert_eq!(held(&world), ["2025-06 12", "2025-07 5"]);
    // In August June has passed, and with it the edition.
    purge(&world, "2025-08-01");
    assert_eq!(["2025-06.csv", "2025-07.csv"].map(|name| landed(&world, name)), [false, true]);
    assert_eq!(held(&world), ["2025-07 5"]);
}

#[test]
fn rows_that_could_not_be_kept_when_they_came_never_enter_the_dataset() {
    let world = project("whole");
    for month in small::MONTHS {
        world.deliver("asb", month);
    }
    world.send("crime", "2025-07", extract(&small::MONTHS));
    world.run().exits(0);
    assert_eq!(held(&world), ["2025-07 5"]);
    let told = world.told_of("crime", "2025-05");
    assert!(told[0].starts_with("beyond_retention") && told[0].contains("until 2025-06-30 only"), "{told:?}");
}

#[test]
fn what_came_under_an_agreement_that_has_ended_goes_when_its_time_is_over() {
    let world = project("whole");
    edition(&world, "2025-08-12", &small::MONTHS);
    let file = "pipelines/northport/agreements/isa-7.toml";
    world.edit(file, "2028-03-31", "2025-08-20");
    world
        .outturn_at("2025-08-31T05:30:00Z", &["run"])
        .exits(3)
        .says("agreement `isa-7` expired on 2025-08-20");
    assert_eq!(purge(&world, "2025-08-31")["objects"].as_u64(), Some(0));
    assert!(landed(&world, "2025-07.csv"));
    assert_eq!(purge(&world, "2025-09-01")["objects"].as_u64(), Some(1));
    assert!(!landed(&world, "2025-07.csv"));
}
