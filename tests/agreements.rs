//! Sharing agreements: what stops a feed, what withholds a measure, and what is erased when it may not be kept. And the
//! operator's commands: `doctor`, and the first draft of a feed.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "shared by several test programs")]
mod small;

#[path = "support/partner.rs"]
#[expect(dead_code, reason = "shared by several test programs")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use small::{Row, World, rows_of};
use support::{Answer, FakePartner};

const CRIME_FEED: &str = "pipelines/northport/feeds/northport-crime.toml";
const AGREEMENT: &str = "pipelines/northport/agreements/isa-7.toml";

/// A sharing agreement of the constabulary with these further lines.
fn agreement(more: &str) -> String {
    format!(
        "id = \"isa-7\"\nreference = \"ISA 2025/7\"\ntitle = \"Recorded crime for the partnership\"\n\
         controller = \"Northport Constabulary\"\nlawful-basis = \"Crime and Disorder Act 1998, section 115\"\n\
         purposes = [\"strategic assessment\"]\noutputs = [\"partnership\"]\nbegins = \"2025-04-01\"\n\
         contact = \"Data Protection Officer\"\n{more}\n"
    )
}

/// The small project with its crime feed under the agreement.
fn agreed(more: &str) -> World {
    let world = World::complete();
    world.write(AGREEMENT, agreement(more));
    world.edit(CRIME_FEED, "contract = ", "agreement = \"isa-7\"\ncontract = ");
    for measure in ["asb", "charged", "crime-rate"] {
        let file = format!("sql/northport/northport-{measure}.sql");
        world.edit(&file, "kind = ", "purpose = \"strategic assessment\"\nkind = ");
    }
    world
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

/// Rows of a table of the product, by the values of a column.
fn by(world: &World, table: &str, column: &str) -> BTreeMap<String, Row> {
    let key = |row: &Row| row.get(column).cloned().unwrap_or_default();
    world.table(table).into_iter().map(|row| (key(&row), row)).collect()
}

#[test]
fn an_expired_agreement_stops_its_feed_and_what_was_released_stays() {
    let world = agreed("expires = \"2025-08-12\"");
    world.run().exits(0);
    let (first, before) = (world.release().expect("a release"), figures(&world));
    let described = by(&world, "agreement", "agreement");
    assert_eq!(described["isa-7"]["state"], "in_force");
    assert_eq!(described["isa-7"]["feeds"], "northport-crime");
    assert_eq!(described["isa-7"]["outputs"], "partnership");
    assert_eq!(described[""]["state"], "none_recorded");
    assert_eq!(described[""]["feeds"], "northport-asb");

    world.deliver("crime", "2025-07");
    let next = "2025-08-13T05:30:00Z";
    let told = world.outturn_at(next, &["run"]).exits(3);
    let told = told.says("feed `northport-crime`: agreement `isa-7` expired on 2025-08-12; it is not asked");
    assert!(told.err.contains("1 of 3 measures") || told.err.contains("3 of 3 measures"), "{told}");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-06"), "not_available");
    let why =
        &world.rows("outturn", &[("measure", "northport-crime-rate"), ("period", "2025-06")])[0]["note"];
    assert_eq!(why, "agreement `isa-7` expired on 2025-08-12");
    assert_eq!(by(&world, "agreement", "agreement")["isa-7"]["state"], "expired");
    let states = world.rows("feed_delivery", &[("feed", "northport-crime")]);
    assert!(states.iter().all(|row| row["status"] == "stopped"), "{states:?}");
    assert_eq!(states.len(), 4);
    // The other feed goes on, and so does what was said.
    assert_eq!(world.figure("northport-asb", "P01", "2025-04"), "available 6.0");
    let said = rows_of(&world.path(&format!("warehouse/published/releases/{first}/outturn.parquet")));
    assert_eq!(said.len(), before.len());
    world.outturn(&["verify", &first]).exits(0);
    world.outturn_at(next, &["run"]).exits(3).says("already current");

    // Renewed, it is as before, from what is landed.
    world.edit(AGREEMENT, "2025-08-12", "2028-03-31");
    world.outturn_at(next, &["run"]).exits(0);
    assert_eq!(figures(&world), before);
}

#[test]
fn a_feed_whose_agreement_has_not_begun_is_not_asked() {
    let world = agreed("expires = \"2028-03-31\"");
    world.edit(AGREEMENT, "2025-04-01", "2025-09-01");
    world.run().exits(3).says("agreement `isa-7` begins on 2025-09-01");
    assert_eq!(world.rows("feed_delivery", &[("feed", "northport-crime"), ("status", "stopped")]).len(), 4);
    let landed = world.read("warehouse/landing/deliveries.jsonl");
    assert!(!landed.contains("northport-crime"), "{landed}");
}

#[test]
fn a_measure_whose_purpose_is_not_agreed_on_is_withheld_by_name() {
    let world = agreed("expires = \"2028-03-31\"");
    let measure = "sql/northport/northport-charged.sql";
    world.edit(measure, "purpose = \"strategic assessment\"\n", "");
    let told = world.outturn(&["check"]).exits(2);
    let told =
        told.says("northport-charged.sql:2:6").says("names no purpose, and reads feed `northport-crime`");
    told.says("with one of `strategic assessment`");
    world.edit(measure, "kind = ", "purpose = \"strategic assessment\"\nkind = ");
    world.run().exits(0);
    let before = by(&world, "measure", "measure");
    assert_eq!(before["northport-charged"]["purpose"], "strategic assessment");
    assert_eq!(before["northport-charged"]["audiences"], "partnership");
    assert_eq!(before["northport-asb"]["audiences"], "partnership");

    world.edit(measure, "strategic assessment", "staff rostering");
    let told = world.run().exits(3).says("measure `northport-charged`: withheld: purpose `staff rostering`");
    assert!(told.err.contains("2 of 3 measures"), "{told}");
    let withheld = &by(&world, "measure", "measure")["northport-charged"];
    assert_eq!(withheld["status"], "withheld");
    assert!(
        withheld["reason"].contains("agreement `isa-7`") && withheld["reason"].contains("`northport-crime`")
    );
    assert_eq!(world.figure("northport-charged", "P01", "2025-06"), "not_calculated");
    assert!(world.figure("northport-crime-rate", "P01", "2025-06").starts_with("available"));
    assert_eq!(world.figure("northport-asb", "P01", "2025-04"), "available 6.0");

    // The agreement is widened: nothing else changed, and the measure comes back.
    world.edit(AGREEMENT, "[\"strategic assessment\"]", "[\"strategic assessment\", \"staff rostering\"]");
    world.run().exits(0);
    // And narrowed again: figures that stood in the release before do not slip through.
    world.edit(AGREEMENT, ", \"staff rostering\"", "");
    world.run().exits(3).says("withheld: purpose `staff rostering`");
}

#[test]
fn an_open_licence_has_no_end_and_lets_everybody_see() {
    let world = World::complete();
    world.write(
        AGREEMENT,
        "id = \"isa-7\"\nkind = \"open-licence\"\nreference = \"OGL v3.0\"\ntitle = \"Open Government Licence\"\n\
         controller = \"Northport Constabulary\"\n",
    );
    world.edit(CRIME_FEED, "contract = ", "agreement = \"isa-7\"\ncontract = ");
    world.run().exits(0);
    let measures = by(&world, "measure", "measure");
    assert_eq!(measures["northport-crime-rate"]["audiences"], "partnership, public");
    assert_eq!(measures["northport-asb"]["audiences"], "partnership");
}

#[test]
fn what_an_agreement_lacks_or_names_wrongly_is_said_before_anything_is_read() {
    let world = World::complete();
    world.write(
        AGREEMENT,
        "id = \"isa-7\"\nreference = \"ISA 2025/7\"\ntitle = \"t\"\ncontroller = \"c\"\nbegins = \"2025-04-01\"\n\
         expires = \"2024-04-01\"\nrecipients = [\"northprt\"]\n[retention]\nmonths = 0\n",
    );
    world.edit(CRIME_FEED, "contract = ", "agreement = \"isa-8\"\ncontract = ");
    let told = world.outturn(&["check"]).exits(2);
    for text in [
        "a sharing agreement needs `lawful-basis`",
        "a sharing agreement needs `purposes`",
        "a sharing agreement needs `outputs`",
        "`expires` (2024-04-01) lies before `begins` (2025-04-01)",
        "recipient `northprt` is no partnership of the project",
        "rows that may be kept for 0 months",
        "names agreement `isa-8`, which is not defined",
        "did you mean `isa-7`?",
    ] {
        assert!(told.err.contains(text), "{text}\n{told}");
    }
}

/// One month from the end of the month: on 12 August 2025 April, May and June are past it, July is not.
const ONE_MONTH: &str = "expires = \"2028-03-31\"\n[retention]\nmonths = 1";
const DUE: [&str; 3] = ["2025-04", "2025-05", "2025-06"];

/// The small project with a release, whose crime feed has a retention rule since, under which three months are due.
fn overdue() -> World {
    let world = agreed("expires = \"2028-03-31\"");
    world.run().exits(0);
    world.write(AGREEMENT, agreement(ONE_MONTH));
    world
}

/// The digests of what was landed for the crime feed in the months that are due.
fn due_objects(world: &World) -> Vec<String> {
    let lines = world.read("warehouse/landing/deliveries.jsonl");
    let lines =
        lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a delivery"));
    let due = lines
        .filter(|line| line["feed"] == "northport-crime" && DUE.iter().any(|month| line["period"] == *month));
    due.map(|line| line["sha256"].as_str().expect("a digest").to_owned()).collect()
}

fn object(world: &World, sha256: &str) -> std::path::PathBuf {
    world.path(&format!("warehouse/landing/objects/{}/{sha256}", &sha256[..2]))
}

/// Files of a dataset's month that hold rows, with how many.
fn rows_on_disk(world: &World, table: &str, month: &str) -> usize {
    let folder = world.path(&format!("warehouse/datasets/{table}/month={month}"));
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let files = entries.map(|entry| entry.expect("an entry").path());
    files
        .filter(|path| path.extension().is_some_and(|e| e == "parquet"))
        .map(|path| rows_of(&path).len())
        .sum()
}

#[test]
fn a_purge_erases_the_rows_and_leaves_every_figure_as_it_was() {
    let world = agreed("expires = \"2028-03-31\"");
    world.run().exits(0);
    let (first, before) = (world.release().expect("a release"), figures(&world));
    let delivered = world.rows("feed_delivery", &[("feed", "northport-crime")]);
    assert!(rows_on_disk(&world, "crime", "2025-04") > 0);
    world.write(AGREEMENT, agreement(ONE_MONTH));
    // Replaced files stay for a while as a rule; here one lies about that a contract's change left.
    world.edit(
        "pipelines/northport/contracts/constabulary-crime.toml",
        "rule = \"bad_value\"",
        "rule = \"odd_value\"",
    );
    world.run().exits(0);
    let objects = due_objects(&world);
    assert_eq!(objects.len(), 3);

    // The link `current` leads to a folder and has no bytes of its own.
    let bytes = |path: &std::path::Path| fs::read(path).unwrap_or_default();
    let untouched = world.files("warehouse", bytes);
    world
        .outturn(&["purge", "--dry-run"])
        .exits(0)
        .says("would erase")
        .prints("northport-crime 2025-04 2025-04.csv");
    assert_eq!(world.files("warehouse", bytes), untouched);
    world.outturn(&["purge"]).exits(2).says("--by");

    let told =
        world.outturn(&["purge", "--by", "Information Governance Officer", "--output", "json"]).exits(0);
    let told = told.json();
    let accepted = |month: &str| -> u64 {
        let row = delivered.iter().find(|row| row["period"] == month).expect("a delivery");
        row["accepted"].parse().expect("a number")
    };
    assert_eq!(told["rows"], DUE.iter().map(|month| accepted(month)).sum::<u64>());
    assert_eq!((told["months"].as_u64(), told["objects"].as_u64()), (Some(3), Some(3)));
    for sha256 in &objects {
        assert!(!object(&world, sha256).exists());
    }
    for table in ["crime", "crime_quarantine", "crime_count"] {
        for month in DUE {
            assert_eq!(rows_on_disk(&world, table, month), 0, "{table} {month}");
        }
    }
    assert!(rows_on_disk(&world, "crime", "2025-07") > 0);
    assert!(rows_on_disk(&world, "asb", "2025-04") > 0);
    let record = world.read("warehouse/landing/erasures.jsonl");
    assert_eq!(record.lines().count(), 3);
    assert!(record.contains("Information Governance Officer") && record.contains("ISA 2025/7"));

    // The release before is whole, and the next one says the same.
    world
        .outturn(&["verify", &first])
        .exits(3)
        .says("rows of 3 deliveries were erased")
        .says("all as released");
    world.run().exits(0);
    assert_eq!(figures(&world), before);
    world.outturn(&["verify"]).exits(0);
    for row in world.rows("feed_delivery", &[("feed", "northport-crime"), ("status", "erased")]) {
        let same =
            delivered.iter().find(|known| known["period"] == row["period"]).expect("it was there before");
        for count in ["received", "accepted", "duplicate", "quarantined", "delivery"] {
            assert_eq!(row[count], same[count]);
        }
        assert!(row["note"].contains("under agreement `isa-7`"), "{row:?}");
    }
    assert_eq!(world.rows("feed_delivery", &[("status", "erased")]).len(), 3);
    assert_eq!(
        world.rows("quarantine_summary", &[("feed", "northport-crime"), ("period", "2025-04")]).len(),
        0
    );

    // Nothing comes back, though the partner still has it, and nothing is left to do.
    world.deliver("crime", "2025-05");
    world.run().exits(0).says("already current");
    assert!(objects.iter().all(|sha256| !object(&world, sha256).exists()));
    world.outturn(&["plan", "--detailed-exit-code"]).exits(0);
    world.outturn(&["purge", "--by", "Officer"]).exits(0).says("nothing is past its retention");
    assert_eq!(world.read("warehouse/landing/erasures.jsonl"), record);

    // Without the datasets the next run makes the same again.
    fs::remove_dir_all(world.path("warehouse/datasets")).expect("the datasets");
    world.run().exits(0);
    assert_eq!(figures(&world), before);
}

#[test]
fn a_purge_that_was_broken_off_behind_its_record_is_finished_by_the_next() {
    let world = overdue();
    let before = figures(&world);
    let done = world.copied();
    done.outturn(&["purge", "--by", "Officer"]).exits(0);
    for file in ["landing/erasures.jsonl", "retained/measures.parquet"] {
        let (from, to) = (format!("warehouse/{file}"), world.path(&format!("warehouse/{file}")));
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(done.path(&from), to).expect("a copy");
    }
    let objects = due_objects(&world);
    assert!(objects.iter().all(|sha256| object(&world, sha256).exists()));
    world.outturn(&["purge", "--by", "Officer"]).exits(0).says("3 landed files");
    assert!(objects.iter().all(|sha256| !object(&world, sha256).exists()));
    for month in DUE {
        assert_eq!(rows_on_disk(&world, "crime", month), 0);
    }
    world.run().exits(0);
    assert_eq!(figures(&world), before);
    assert_eq!(world.read("warehouse/landing/erasures.jsonl"), done.read("warehouse/landing/erasures.jsonl"));
}

#[test]
fn a_measure_that_is_defined_anew_has_no_figures_for_erased_months() {
    let world = overdue();
    let kept = world.figure("northport-charged", "P01", "2025-04");
    world.outturn(&["purge", "--by", "Officer"]).exits(0);
    // A comment and a title define nothing.
    let measure = "sql/northport/northport-charged.sql";
    world.edit(measure, "-- Grain: one row per month.", "-- One row a month.");
    world.edit(measure, "Crimes with somebody charged", "Crimes with a charge");
    world.run().exits(0);
    assert_eq!(world.figure("northport-charged", "P01", "2025-04"), kept);
    world.edit(measure, "outcome = 'Charged'", "outcome <> 'No suspect'");
    world.run();
    let row = &world.rows("outturn", &[("measure", "northport-charged"), ("period", "2025-04")])[0];
    assert_eq!(row["status"], "not_available");
    assert!(row["note"].contains("defined anew"), "{row:?}");
    assert!(world.figure("northport-charged", "P01", "2025-07").starts_with("available"));
}

#[test]
fn rows_of_another_feed_in_the_same_month_stay_and_the_figure_is_not_counted_from_them_alone() {
    let world = agreed("expires = \"2028-03-31\"");
    let feed = world.read(CRIME_FEED);
    let feed = feed.replace("agreement = \"isa-7\"\n", "").replace("northport-crime", "northport-rail");
    world.write(
        "pipelines/northport/feeds/northport-rail.toml",
        feed.replace("deliveries/crime", "deliveries/rail"),
    );
    for month in small::MONTHS {
        let header = World::good("crime", month).lines().next().expect("a header").to_owned();
        world.send_as(
            &format!("deliveries/rail/{month}.csv"),
            format!("{header}\nR-{month},{month},H1,Robbery,No suspect,10\n"),
        );
    }
    world.run().exits(0);
    let before = figures(&world);
    assert_eq!(rows_on_disk(&world, "crime", "2025-04"), 1 + 10);
    world.write(AGREEMENT, agreement(ONE_MONTH));
    world.outturn(&["purge", "--by", "Officer"]).exits(0);
    for month in DUE {
        assert_eq!(rows_on_disk(&world, "crime", month), 1);
    }
    world.run().exits(0);
    assert_eq!(figures(&world), before);
}

#[test]
fn months_that_could_not_be_kept_are_not_asked_for() {
    let world = agreed(ONE_MONTH);
    // They are not owed either, so that the run has no gap.
    world.run().exits(0);
    let told = world.told_of("crime", "2025-04");
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("beyond_retention") && told[0].contains("until 2025-05-31 only"), "{told:?}");
    assert!(world.told_of("crime", "2025-07")[0].starts_with("accepted"));
    let landed = world.read("warehouse/landing/deliveries.jsonl");
    assert_eq!(landed.lines().filter(|line| line.contains("northport-crime")).count(), 1, "{landed}");
}

/// What `doctor` found, by what it looked at: level and words.
fn found(told: &small::Told) -> BTreeMap<String, (String, String)> {
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    let all = told.json();
    let all = all.as_array().expect("a list").iter();
    all.map(|one| (text(one, "what"), (text(one, "level"), text(one, "found")))).collect()
}

const DOCTOR: [&str; 3] = ["doctor", "--output", "json"];

#[test]
fn doctor_looks_at_everything_and_changes_nothing() {
    let world = agreed("expires = \"2028-03-31\"");
    world.edit(AGREEMENT, "\"partnership\"", "\"partnership\", \"public\"");
    let asb = "pipelines/northport/feeds/northport-asb.toml";
    world.edit(asb, "contract = ", "agreement = \"isa-7\"\ncontract = ");
    world.run().exits(0);
    let bytes = |path: &std::path::Path| {
        let written = fs::metadata(path).and_then(|file| file.modified()).ok();
        (fs::read(path).unwrap_or_default(), written)
    };
    let untouched = world.files("", bytes);
    let told = world.outturn(&DOCTOR).exits(0);
    let well = found(&told);
    for what in
        ["project", "warehouse", "disk", "lock", "agreement `isa-7`", "feed `northport-crime`", "clock"]
    {
        assert_eq!(well[what].0, "ok", "{what}\n{told}");
    }
    assert_eq!(well["feed `northport-crime`"].1, "4 files");
    assert!(well["schedule"].1.contains("2025-08-13 04:30 UTC"), "{told}");
    assert_eq!(world.files("", bytes), untouched);
}

#[test]
fn doctor_warns_of_what_will_fail_and_fails_on_what_does() {
    let world = agreed("expires = \"2025-10-11\"");
    world.run().exits(0);
    // Sixty days from 12 August are 11 October.
    let told = world.outturn(&DOCTOR).exits(3);
    assert_eq!(found(&told)["agreement `isa-7`"].0, "warning");
    assert!(found(&told)["agreements"].1.contains("northport-asb"), "{told}");
    world.edit(AGREEMENT, "2025-10-11", "2025-10-12");
    assert_eq!(found(&world.outturn(&DOCTOR).exits(3))["agreement `isa-7`"].0, "ok");
    let late = found(&world.outturn_at("2025-10-13T05:30:00Z", &DOCTOR).exits(1));
    assert_eq!(late["agreement `isa-7`"], ("failure".to_owned(), "expired on 2025-10-12".to_owned()));

    // A clock that goes back, a folder that is gone, a secret that is missing, rows beyond their time.
    let early = found(&world.outturn_at("2025-08-01T05:30:00Z", &DOCTOR).exits(1));
    assert_eq!(early["clock"].0, "failure");
    world.write(AGREEMENT, agreement(ONE_MONTH));
    let crime = world.read(CRIME_FEED).replace("title = \"", "title = \"${env:OUTTURN_TEST_SECRET} ");
    world.write(CRIME_FEED, crime);
    fs::remove_dir_all(world.path("deliveries/asb")).expect("the folder");
    let told = world.outturn(&DOCTOR).exits(1);
    let ill = found(&told);
    assert_eq!(ill["retention"].0, "warning", "{told}");
    assert_eq!(ill["secret ${env:OUTTURN_TEST_SECRET}"].0, "failure", "{told}");
    assert_eq!(ill["feed `northport-asb`"].0, "failure", "{told}");
    let value = "never-to-be-shown";
    let mut command = world.command(small::NOW, &["doctor"]);
    let output = command.env("OUTTURN_TEST_SECRET", value).output().expect("the program");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("secret ${env:OUTTURN_TEST_SECRET}") && !said.contains(value), "{said}");

    world.edit(CRIME_FEED, "contract = ", "contrac = ");
    let told = world.outturn(&["doctor"]).exits(2);
    assert!(told.out.contains("`outturn check` names every one"), "{told}");
}

#[test]
fn doctor_asks_an_address_without_taking_what_it_has() {
    let date = "Date: Tue, 12 Aug 2025 05:40:00 GMT";
    let body = World::good("crime", "2025-07");
    let partner = FakePartner::start()
        .and("/2025-07.csv", [Answer::with(200, &[date, "Content-Type: text/csv"], body)])
        .and("/gone/2025-07.csv", [Answer::with(404, &[date], "no")])
        .and("/broken/2025-07.csv", [Answer::with(500, &[], "no")]);
    let world = World::complete();
    world.run().exits(0);
    for (path, level, words) in [
        ("/{period}.csv", "ok", "answers for 2025-07"),
        ("/gone/{period}.csv", "warning", "the publisher has nothing for 2025-07"),
        ("/broken/{period}.csv", "failure", "status 500"),
    ] {
        let feed = World::complete().read(CRIME_FEED);
        let address = format!("http://{}{path}", partner.place());
        let feed = feed.replace("deliveries/crime/{period}.csv", &address);
        world.write(CRIME_FEED, format!("{feed}\n[http]\ninternal = true\n"));
        let told = world.outturn(&DOCTOR);
        let (found_level, found_words) = &found(&told)["feed `northport-crime`"];
        assert!(found_level == level && found_words.contains(words), "{told}");
        if level == "ok" {
            // Ten minutes apart.
            assert_eq!(found(&told)["clock"].0, "warning", "{told}");
        }
    }
    // Nothing was landed from there, and nothing was asked twice.
    assert_eq!(partner.requests().len(), 3);
    assert!(!world.read("warehouse/landing/deliveries.jsonl").contains("http://"));
}

/// A table as a partner might send it: with what tells of persons in it, none of them real.
fn partners_table() -> (String, Vec<String>) {
    let mut text =
        "Case Ref;Surname;Contact e-mail;NHS Number;Postcode;Reported on;Kind of case;Risk score;Notes\n"
            .to_owned();
    let mut values = Vec::new();
    for number in 0..60_u64 {
        let nhs = nhs_number(100_000_000 + number * 7);
        let kind = ["Noise", "Litter", "Nuisance; other"][usize::try_from(number % 3).expect("small")];
        let personal = [
            format!("Zzyx{}", char::from(b'a' + u8::try_from(number % 26).expect("small"))),
            format!("q{number}@example.org"),
            nhs,
            format!("ZZ{} 9ZZ", number % 10 + 1),
            format!("the quick brown fox number {number} jumps over lazy dogs today"),
        ];
        let line = format!(
            "CR{number:04};{};{};{};{};2025-0{}-1{};\"{kind}\";{};{}\n",
            personal[0],
            personal[1],
            personal[2],
            personal[3],
            number % 2 + 5,
            number % 9,
            number * 3 % 11,
            personal[4]
        );
        text.push_str(&line);
        values.extend(personal);
    }
    (text, values)
}

/// A number with the check digit of the NHS's rule, which is stated in the NHS Data Dictionary.
fn nhs_number(mut first: u64) -> String {
    loop {
        let digits = format!("{first:09}");
        let sum: u64 =
            digits.bytes().zip((2..=10).rev()).map(|(byte, weight)| u64::from(byte - b'0') * weight).sum();
        match (11 - sum % 11) % 11 {
            10 => first += 1,
            check => return format!("{digits}{check}"),
        }
    }
}

#[test]
fn a_feed_is_drafted_from_a_file_without_a_personal_value_and_passes_check() {
    let world = World::complete();
    let (table, personal) = partners_table();
    world.write("inbox/2025-05-housing cases.csv", &table);
    let sample = world.path("inbox/2025-05-housing cases.csv");
    let sample = sample.to_str().expect("UTF-8");
    let told = world.outturn(&["feed", "add", sample]).exits(0).says("drafted from 60 rows");
    let feed = world.read("pipelines/northport/feeds/housing-cases.toml");
    let contract = world.read("pipelines/northport/contracts/housing-cases.toml");
    for text in [&feed, &contract, &told.out, &told.err] {
        for value in &personal {
            assert!(!text.contains(value.as_str()), "`{value}` in\n{text}");
        }
    }
    assert!(feed.contains("source = \"inbox/{period}-housing cases.csv\""), "{feed}");
    assert!(feed.contains("from = \"2025-05\"") && feed.contains("covers = [\"P01\"]"), "{feed}");
    for part in [
        "delimiter = \";\"",
        "key = [\"case_ref\"]",
        "from = \"Reported on\"\nformat = \"date\"",
        "type = \"integer\"",
        "codes = [\"Litter\", \"Noise\", \"Nuisance; other\"]",
        "# Looks like an NHS number",
        "# person = true",
        "# drop = true",
    ] {
        assert!(contract.contains(part), "{part}\n{contract}");
    }
    for column in ["Surname", "Contact e-mail", "NHS Number", "Postcode", "Notes"] {
        assert!(told.err.contains(&format!("column `{column}` looks personal")), "{told}");
    }

    // The drafts stay as they are when somebody tries again.
    world.outturn(&["feed", "add", sample]).exits(2).says("no feed and no contract bears");
    fs::remove_file(world.path("pipelines/northport/feeds/housing-cases.toml")).expect("the feed");
    world.edit(
        "pipelines/northport/contracts/housing-cases.toml",
        "id = \"housing-cases\"",
        "id = \"housing\"",
    );
    world
        .outturn(&["feed", "add", sample])
        .exits(1)
        .says("contracts/housing-cases.toml: it is there already");
    assert!(!world.path("pipelines/northport/feeds/housing-cases.toml").exists());
}

#[test]
fn a_drafted_feed_loads_the_rows_of_its_sample() {
    let world = World::complete();
    let (table, _) = partners_table();
    let header = table.lines().next().expect("a header");
    let may: Vec<&str> = table.lines().filter(|line| line.contains(";2025-05-")).collect();
    world.write("inbox/2025-05.csv", format!("{header}\n{}\n", may.join("\n")));
    let sample = world.path("inbox/2025-05.csv");
    world
        .outturn(&[
            "feed",
            "add",
            sample.to_str().expect("UTF-8"),
            "--id",
            "housing",
            "--partnership",
            "northport",
        ])
        .exits(0);
    world.run();
    let rows = world.rows("feed_delivery", &[("feed", "housing"), ("status", "accepted")]);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0]["received"].as_str(), rows[0]["accepted"].as_str()), ("30", "30"));
}

#[test]
fn a_feed_is_drafted_from_an_address_and_what_is_no_table_is_refused() {
    let world = World::complete();
    let partner = FakePartner::answering("/x/2025-07.csv", 200, "text/csv", World::good("crime", "2025-07"));
    // The loopback address is private: without leave the program does not ask there.
    let told = world.outturn(&["feed", "add", partner.url("/x/2025-07.csv").as_str()]).exits(1);
    assert!(told.err.contains("cannot be read") && partner.requests().is_empty(), "{told}");
    let told = world.outturn(&["feed", "add", "https://data.example.org/a.csv?api_key=abc123"]).exits(1);
    assert!(told.err.contains("may be a secret") && !told.err.contains("abc123"), "{told}");
    for (name, text) in [
        ("empty.csv", ""),
        ("header.csv", "A,B\n"),
        ("rows.csv", "2025-06-01,Zzyxa,q1@example.org\n2025-06-02,Zzyxb,q2@example.org\n"),
        ("prose.txt", "Dear colleague\nplease find attached\n"),
    ] {
        world.write(&format!("inbox/{name}"), text);
        let path = world.path(&format!("inbox/{name}"));
        let told = world.outturn(&["feed", "add", path.to_str().expect("UTF-8")]).exits(1);
        assert!(!told.err.contains("Zzyxa") && told.err.contains(name), "{told}");
    }
    assert_eq!(world.files("pipelines/northport/feeds", |_| ()).len(), 2);
}
