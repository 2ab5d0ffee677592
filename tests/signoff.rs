//! Figures are signed off, definitions have versions, and a release can be made once more from what it was made from.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, in its helpers too")]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what a test of messages needs is not needed here")]
mod small;

use std::fs;

use sha2::{Digest, Sha256};
use small::{NOW, Row, Told, World};

const SECOND: &str = "2025-08-13T05:30:00Z";
const THIRD: &str = "2025-08-14T05:30:00Z";
const FOURTH: &str = "2025-08-15T05:30:00Z";

fn lines(feed: &str, month: &str) -> usize {
    World::good(feed, month).lines().count() - 1
}

/// A month's reports of anti-social behaviour with more of them in ward W1, which the council sends afterwards.
fn restate(world: &World, month: &str, more: usize) {
    let text = format!("{month}-28,H1,Noise\n").repeat(more);
    world.send("asb", month, World::good("asb", month) + &text);
}

fn asb(world: &World, period: &str) -> Row {
    let wanted = [("measure", "northport-asb"), ("area", "P01"), ("period", period)];
    let rows = world.rows("outturn", &wanted);
    assert_eq!(rows.len(), 1, "{period}: {rows:?}");
    rows[0].clone()
}

/// `value sign_off` of the borough's reports, with `revised` where an earlier release published another value.
fn stands(world: &World, period: &str) -> String {
    let row = asb(world, period);
    let revised = if row["revised"] == "true" { " revised" } else { "" };
    format!("{} {}{revised}", row.get("value").map_or("-", String::as_str), row["sign_off"])
}

/// `period: before -> after, reason` of the borough's revisions in a state.
fn revisions(world: &World, state: &str) -> Vec<String> {
    world
        .rows("revision", &[("measure", "northport-asb"), ("area", "P01"), ("state", state)])
        .iter()
        .map(|row| {
            let (before, after) = (&row["value_before"], &row["value_after"]);
            format!("{}: {before} -> {after}, {}", row["period"], row["reason"])
        })
        .collect()
}

fn sign(world: &World, now: &str, more: &[&str]) -> Told {
    let mut arguments = vec!["release", "--by", "Head of Performance"];
    arguments.extend(more);
    world.outturn_at(now, &arguments)
}

#[test]
fn a_final_quarter_stands_though_a_month_beneath_it_is_restated_and_the_difference_is_listed() {
    let world = World::complete();
    world.run().exits(0);
    let signed = world.release().unwrap();
    let june = lines("asb", "2025-06");
    let quarter: usize = ["2025-04", "2025-05", "2025-06"].iter().map(|month| lines("asb", month)).sum();
    assert_eq!(stands(&world, "2025/26 Q1"), format!("{quarter}.0 provisional"));

    sign(&world, NOW, &["--final", "2025-Q2", "--note", "agreed at the board of 12 August"])
        .exits(0)
        .says("signed as final")
        .says("2025 Q2 (April to June 2025)");
    world.outturn_at(SECOND, &["run"]).exits(0);
    assert_eq!(stands(&world, "2025/26 Q1"), format!("{quarter}.0 final"));
    assert_eq!(stands(&world, "2025-07"), format!("{}.0 provisional", lines("asb", "2025-07")));
    let decision = world.table("sign_off");
    assert_eq!(decision.len(), 1);
    assert_eq!(decision[0]["by"], "Head of Performance");
    assert_eq!((&*decision[0]["action"], &decision[0]["signed_release"]), ("final", &signed));

    // Two more in June, one more in July: the quarter stands, and July changes.
    restate(&world, "2025-06", 2);
    restate(&world, "2025-07", 1);
    world.outturn_at(THIRD, &["run"]).exits(0);
    assert_eq!(stands(&world, "2025-06"), format!("{june}.0 final"));
    assert_eq!(stands(&world, "2025/26 Q1"), format!("{quarter}.0 final"));
    let july = lines("asb", "2025-07");
    assert_eq!(stands(&world, "2025-07"), format!("{}.0 provisional revised", july + 1));
    let pending = [
        format!("2025-06: {june}.0 -> {}.0, restated_month", june + 2),
        format!("2025/26 Q1: {quarter}.0 -> {}.0, restated_month", quarter + 2),
    ];
    assert_eq!(revisions(&world, "pending"), pending);
    assert_eq!(
        revisions(&world, "published"),
        [format!("2025-07: {july}.0 -> {}.0, restated_month", july + 1)]
    );
    let told = world.rows("revision", &[("state", "pending"), ("period", "2025-06"), ("area", "P01")]);
    assert_eq!(told[0]["previous"], signed);
    let shown = world.rows("scorecard", &[("measure", "northport-asb"), ("area", "P01")]);
    assert_eq!(shown[0]["shown"], format!("{} [p][r]", july + 1));

    // Another measure changes, and what is pending is told on.
    world.edit("sql/northport/northport-charged.sql", "Crimes with somebody charged", "Crimes with a charge");
    world.outturn_at(FOURTH, &["run"]).exits(0);
    assert_eq!(revisions(&world, "pending"), pending);
    assert!(revisions(&world, "published").is_empty());
    assert_eq!(stands(&world, "2025-07"), format!("{}.0 provisional revised", july + 1));
    world.outturn_at(FOURTH, &["verify"]).exits(0).says("made once more");
    world.outturn_at(FOURTH, &["verify", &signed]).exits(0);
}

#[test]
fn what_is_reopened_is_published_as_counted_and_told_as_a_correction() {
    let world = World::complete();
    world.run().exits(0);
    sign(&world, NOW, &["--final", "2025-06", "--measure", "northport-asb"]).exits(0);
    restate(&world, "2025-06", 2);
    world.outturn_at(SECOND, &["run"]).exits(0);
    let june = lines("asb", "2025-06");
    assert_eq!(stands(&world, "2025-06"), format!("{june}.0 final"));
    // The quarter was not signed; it follows what was delivered.
    let quarter: usize = ["2025-04", "2025-05", "2025-06"].iter().map(|month| lines("asb", month)).sum();
    assert_eq!(stands(&world, "2025/26 Q1"), format!("{}.0 provisional revised", quarter + 2));
    assert!(
        world.rows("outturn", &[("sign_off", "final")]).iter().all(|row| row["measure"] == "northport-asb")
    );

    sign(&world, SECOND, &["--reopen", "2025-06"]).exits(2).says("--reason");
    sign(&world, SECOND, &["--reopen", "2025-05", "--reason", "x"]).exits(4).says("is signed");
    sign(&world, SECOND, &["--reopen", "2025-06", "--reason", "two reports were missed"]).exits(0);
    world.outturn_at(THIRD, &["run"]).exits(0);
    assert_eq!(stands(&world, "2025-06"), format!("{}.0 provisional revised", june + 2));
    assert_eq!(revisions(&world, "published"), [format!("2025-06: {june}.0 -> {}.0, correction", june + 2)]);
    let told = world.rows("revision", &[("period", "2025-06"), ("area", "P01")]);
    assert!(told[0]["explanation"].contains("two reports were missed"), "{told:?}");
    assert!(revisions(&world, "pending").is_empty());
    // Signed once more, it stands as it is now.
    sign(&world, THIRD, &["--final", "2025-06"]).exits(0);
    restate(&world, "2025-06", 5);
    world.outturn_at(FOURTH, &["run"]).exits(0);
    assert_eq!(stands(&world, "2025-06"), format!("{}.0 final revised", june + 2));
}

#[test]
fn a_checked_figure_is_provisional_again_once_it_is_another() {
    let world = World::complete();
    world.run().exits(0);
    sign(&world, NOW, &["--checked", "2025-07"]).exits(0).says("signed as checked");
    world.outturn_at(SECOND, &["run"]).exits(0);
    let july = lines("asb", "2025-07");
    assert_eq!(stands(&world, "2025-07"), format!("{july}.0 checked"));
    let shown = world.rows("scorecard", &[("measure", "northport-asb"), ("area", "P01")]);
    assert_eq!(shown[0]["shown"], july.to_string(), "no mark: it was checked, and did not change");
    restate(&world, "2025-07", 1);
    world.outturn_at(THIRD, &["run"]).exits(0);
    assert_eq!(stands(&world, "2025-07"), format!("{}.0 provisional revised", july + 1));
}

#[test]
fn nothing_is_signed_that_is_not_there_or_not_over() {
    let world = World::complete();
    sign(&world, NOW, &["--final", "2025-Q2"]).exits(4).says("there is no release yet");
    world.run().exits(0);
    sign(&world, NOW, &["--final", "2025-08"]).exits(2).says("ends on 2025-08-31");
    sign(&world, NOW, &["--final", "2024-06"]).exits(4).says("no figure within 2024-06");
    sign(&world, NOW, &["--final", "summer"]).exits(2).says("expected a period");
    sign(&world, NOW, &["--final", "2025-06", "--measure", "northport-abs"]).exits(2).says("northport-asb");
    world.outturn(&["release", "--final", "2025-06", "--by", " "]).exits(2).says("must not be empty");
    sign(&world, NOW, &[]).exits(2);
    sign(&world, NOW, &["--final", "2025-06", "--checked", "2025-06"]).exits(2);
    assert!(!world.path("warehouse/signoff").exists(), "nothing is recorded");
    world.run().exits(0).says("already current");
}

#[test]
fn figures_that_were_signed_and_are_damaged_stop_a_run() {
    let world = World::complete();
    world.run().exits(0);
    sign(&world, NOW, &["--final", "2025-06"]).exits(0);
    let file = "warehouse/signoff/1.parquet";
    let bytes = fs::read(world.path(file)).unwrap();
    let mut other = bytes.clone();
    let middle = other.len() / 2;
    other[middle] ^= 1;
    world.write(file, &other);
    world.outturn_at(SECOND, &["run"]).exits(7).says("signoff/1.parquet is not as it was signed");
    world.write(file, &bytes);
    world.outturn_at(SECOND, &["run"]).exits(0);
}

const CHARGED: &str = "sql/northport/northport-charged.sql";
const COUNTED: &str = "outcome = 'Charged'";

fn version_of(world: &World) -> String {
    let rows = world.rows("outturn", &[("measure", "northport-charged"), ("period", "2025-06")]);
    rows[0]["definition_version"].clone()
}

#[test]
fn a_definition_that_changes_figures_needs_another_version_until_then_it_is_a_gap() {
    let world = World::complete();
    world.run().exits(0);
    assert_eq!(version_of(&world), "1");
    world.edit(CHARGED, COUNTED, "outcome = 'No suspect'");
    world.outturn(&["check"]).exits(0).says("its definition is not the one that is released as version 1");
    world.outturn_at(SECOND, &["run"]).exits(3).says("no longer that of version 1");
    world.outturn_at(SECOND, &["run"]).exits(3).says("already current").says("no longer that of version 1");
    world.outturn_at(SECOND, &["status"]).exits(0).prints("no longer that of version 1");
    let told = world.rows("revision", &[("measure", "northport-charged"), ("period", "2025-06")]);
    assert_eq!((&*told[0]["reason"], &*told[0]["explanation"]), ("new_definition", "still called version 1"));

    world.edit(CHARGED, "id = \"northport-charged\"", "id = \"northport-charged\"\nversion = 2");
    world.outturn_at(THIRD, &["run"]).exits(2).says("nothing is said of what changed with version 2");
    world.edit(
        CHARGED,
        "areas = [\"P01\"]",
        "areas = [\"P01\"]\n[[change]]\nversion = 2\ndate = 2025-08-13\nwhat = \"counts crimes without a suspect\"\n\
         why = \"the board asked for it\"",
    );
    world.outturn_at(THIRD, &["run"]).exits(0);
    assert_eq!(version_of(&world), "2");
    let measure = world.rows("measure", &[("measure", "northport-charged")]);
    assert_eq!(
        measure[0]["definition_changes"],
        "2, 2025-08-13: counts crimes without a suspect; the board asked for it"
    );
    world.outturn(&["check"]).exits(0);
}

#[test]
fn a_revision_by_a_new_version_says_what_changed_and_why() {
    let world = World::complete();
    world.run().exits(0);
    world.edit(CHARGED, COUNTED, "outcome = 'No suspect'");
    world.edit(
        CHARGED,
        "areas = [\"P01\"]",
        "areas = [\"P01\"]\nversion = 2\n[[change]]\nversion = 2\ndate = 2025-08-13\nwhat = \"no suspect\"\nwhy = \"asked for\"",
    );
    world.outturn_at(SECOND, &["run"]).exits(0);
    let told = world.rows("revision", &[("measure", "northport-charged"), ("period", "2025-06")]);
    assert_eq!(told[0]["reason"], "new_definition");
    assert_eq!(told[0]["explanation"], "version 2, 2025-08-13: no suspect; asked for");
    world.edit(CHARGED, "version = 2\n[[change]]\nversion = 2", "version = 3\n[[change]]\nversion = 4");
    world.outturn(&["check"]).exits(2).says("version 4 does not stand where it should");
}

#[test]
fn a_definition_that_is_only_written_otherwise_is_the_same() {
    let world = World::complete();
    world.run().exits(0);
    world.edit(CHARGED, "-- Grain: one row per month.", "-- One row for each month.\n");
    world.outturn(&["check"]).exits(0);
    // What is counted is written in other words, and every figure stands.
    world.edit(CHARGED, COUNTED, "outcome IN ('Charged')");
    world.outturn_at(SECOND, &["run"]).exits(0);
    assert!(world.table("revision").is_empty());
    world.outturn(&["check"]).exits(0);
}

/// A mark that is the sum of 0.1, 0.2 and a third number, added up in the order of `sum`.
fn with_mark(world: &World, sum: &str, third: &str) {
    let head = "id = \"northport-mark\"\ntitle = \"Mark\"\nframework = \"northport-2025-28\"\ntheme = \"Streets\"\n\
                owner = \"Analyst\"\nkind = \"score\"\nunit = \"points\"\npolarity = \"context\"\nareas = [\"P01\"]\n\
                periods = [\"month\"]\n";
    let parts = [("a", "0.1"), ("b", "0.2"), ("c", third)];
    let parts = parts.map(|(name, number)| format!("CAST({number} AS DOUBLE) AS {name}")).join(", ");
    let select = format!(
        "SELECT 'P01' AS area, period, {sum} AS value\nFROM (SELECT DISTINCT month AS period, {parts} FROM asb)"
    );
    world.write("sql/northport/northport-mark.sql", format!("/*\n{head}*/\n{select}\n"));
}

#[test]
fn a_last_bit_that_another_order_of_adding_up_leaves_is_no_revision_and_a_millionth_is() {
    let world = World::complete();
    with_mark(&world, "(a + b) + c", "0.3");
    world.run().exits(0);
    let shown = |world: &World| {
        let wanted = [("measure", "northport-mark"), ("period", "2025-06")];
        world.rows("outturn", &wanted)[0].clone()
    };
    assert_eq!(shown(&world)["value"], "0.6000000000000001");
    sign(&world, NOW, &["--checked", "2025-06"]).exits(0);
    with_mark(&world, "a + (b + c)", "0.3");
    world.outturn_at(SECOND, &["run"]).exits(0);
    let clean = shown(&world);
    assert_eq!((&*clean["value"], &*clean["revised"], &*clean["sign_off"]), ("0.6", "false", "checked"));
    assert!(world.table("revision").is_empty());
    with_mark(&world, "a + (b + c)", "0.300001");
    world.outturn_at(THIRD, &["run"]).exits(3);
    let told = world.rows("revision", &[("measure", "northport-mark"), ("period", "2025-06")]);
    assert_eq!((&*told[0]["value_before"], &*told[0]["reason"]), ("0.6", "new_definition"));
    let other = shown(&world);
    assert_eq!((&*other["revised"], &*other["sign_off"]), ("true", "provisional"));
}

#[test]
fn an_earlier_release_is_made_once_more_though_files_and_deliveries_changed_since() {
    let world = World::complete();
    world.run().exits(0);
    let first = world.release().unwrap();
    world.outturn(&["verify"]).exits(0).says("every file is as it was released").says("all as released");
    restate(&world, "2025-06", 2);
    world.edit(CHARGED, COUNTED, "outcome = 'No suspect'");
    world.outturn_at(SECOND, &["run"]).exits(3);
    let read = |path: &std::path::Path| if path.is_dir() { Vec::new() } else { fs::read(path).unwrap() };
    let before = world.files("warehouse", read);
    for release in [&first, &world.release().unwrap()] {
        world.outturn_at(THIRD, &["verify", release]).exits(0).says("all as released");
    }
    assert!(world.files("warehouse", read) == before, "nothing is written");
    world.outturn_at(THIRD, &["verify", "--files", &first]).exits(0);
}

#[test]
fn what_keeps_a_release_from_being_made_once_more_is_said() {
    let world = World::complete();
    world.run().exits(0);
    let manifest = "warehouse/published/current/manifest.json";
    let text = world.read(manifest);
    world.write(
        manifest,
        text.replace(&format!("\"program\": \"{}\"", env!("CARGO_PKG_VERSION")), "\"program\": \"0.0.1\""),
    );
    world.outturn(&["verify"]).exits(3).says("it was made by version 0.0.1 of the program");
    world.write(manifest, &text);
    fs::rename(world.path("warehouse/project"), world.path("elsewhere")).unwrap();
    world.outturn(&["verify"]).exits(3).says("were not kept").says("every file is as it was released");
    world.outturn(&["verify", "--files"]).exits(0);
}

/// Puts the tables of another release in the place of those of `release`, as if they had been released.
fn forge(world: &World, release: &str, other: &str) {
    let folder = |name: &str| format!("warehouse/published/releases/{name}");
    let place = format!("{}/manifest.json", folder(release));
    let mut manifest: serde_json::Value = serde_json::from_str(&world.read(&place)).unwrap();
    for kind in ["parquet", "csv"] {
        let name = format!("outturn.{kind}");
        let bytes = fs::read(world.path(&format!("{}/{name}", folder(other)))).unwrap();
        world.write(&format!("{}/{name}", folder(release)), &bytes);
        manifest["tables"]["outturn"][kind]["sha256"] = hex::encode(Sha256::digest(&bytes)).into();
    }
    world.write(&place, serde_json::to_string(&manifest).unwrap());
}

#[test]
fn a_figure_that_was_tampered_with_is_named_though_its_digests_were_too() {
    let world = World::complete();
    world.run().exits(0);
    let first = world.release().unwrap();
    restate(&world, "2025-06", 2);
    world.outturn_at(SECOND, &["run"]).exits(0);
    forge(&world, &first, &world.release().unwrap());
    world.outturn_at(THIRD, &["verify", "--files", &first]).exits(0);
    let june = lines("asb", "2025-06");
    world
        .outturn_at(THIRD, &["verify", &first])
        .exits(7)
        .says("table `outturn`: northport-asb P01 2025-06 all")
        .says(&format!("value is {}, would be {june}", june + 2));
}

#[test]
fn datasets_and_landed_bytes_that_were_tampered_with_are_named() {
    let world = World::complete();
    world.run().exits(0);
    let of = |month: &str| {
        let folder = format!("warehouse/datasets/asb/month={month}");
        let files = world.files(&folder, |_| ());
        let file = files.into_keys().find(|name| name.ends_with(".parquet")).unwrap();
        format!("{folder}/{file}")
    };
    let (may, june) = (of("2025-05"), of("2025-06"));
    let good = fs::read(world.path(&june)).unwrap();
    world.write(&june, fs::read(world.path(&may)).unwrap());
    world
        .outturn(&["verify"])
        .exits(7)
        .says("dataset `asb`: month=2025-06/")
        .says("is not what its deliveries make");
    world.write(&june, good);
    world.outturn(&["verify"]).exits(0);

    let sent = World::good("asb", "2025-06");
    let digest = hex::encode(Sha256::digest(&sent));
    let object = format!("warehouse/landing/objects/{}/{digest}", &digest[..2]);
    assert_eq!(world.read(&object), sent);
    world.write(&object, sent + "2025-06-30,H1,Noise\n");
    world.outturn(&["verify"]).exits(7).says(
        "feed `northport-asb`, 2025-06.csv of 2025-06: the landed bytes are not those that were received",
    );
}

/// What is final of a measure in table `outturn`: area, period and breakdown with numerator, denominator and value.
fn finals(world: &World, measure: &str) -> Vec<Vec<String>> {
    figures(&world.rows("outturn", &[("measure", measure), ("sign_off", "final")]))
}

fn withdrawn(world: &World, measure: &str) -> Vec<Vec<String>> {
    figures(&world.rows("withdrawn", &[("measure", measure)]))
}

fn figures(rows: &[Row]) -> Vec<Vec<String>> {
    let columns =
        ["area", "period", "breakdown", "numerator", "denominator", "value", "status", "lower", "upper"];
    let figure = |row: &Row| columns.map(|column| row.get(column).cloned().unwrap_or_default()).to_vec();
    let mut figures: Vec<Vec<String>> = rows.iter().map(figure).collect();
    figures.sort();
    figures
}

#[test]
fn final_figures_of_a_measure_or_an_area_that_is_dropped_stay_readable_and_are_told_as_withdrawn() {
    const ASB: &str = "sql/northport/northport-asb.sql";
    let world = World::complete();
    world.run().exits(0);
    let signed = world.release().unwrap();
    sign(&world, NOW, &["--final", "2025-Q2"]).exits(0);
    world.outturn_at(SECOND, &["run"]).exits(0);
    let charged = finals(&world, "northport-charged");
    let wards: Vec<_> = finals(&world, "northport-asb").into_iter().filter(|row| row[0] != "P01").collect();
    assert!(charged.len() >= 4 && wards.len() >= 4, "{charged:?} {wards:?}");
    assert!(world.table("withdrawn").is_empty());

    // The measure goes, and so do the wards of another.
    let text = world.read(CHARGED);
    fs::remove_file(world.path(CHARGED)).unwrap();
    world.edit(ASB, "areas = [\"P01\", \"P01/ward\"]",
        "areas = [\"P01\"]\nversion = 2\n[[change]]\nversion = 2\ndate = 2025-08-13\nwhat = \"no wards\"\nwhy = \"asked for\"");
    let of_wards =
        "SELECT ward AS area, month, count(*) AS numerator\nFROM asb\nGROUP BY ward, month\nUNION ALL\n";
    world.edit(ASB, of_wards, "");
    world.outturn_at(THIRD, &["run"]).exits(0);
    assert!(world.rows("outturn", &[("measure", "northport-charged")]).is_empty());
    assert_eq!(withdrawn(&world, "northport-charged"), charged);
    assert_eq!(withdrawn(&world, "northport-asb"), wards);
    let rows = world.rows("withdrawn", &[("measure", "northport-charged")]);
    assert!(rows.iter().all(|row| row["signed_release"] == signed));
    assert_eq!(rows[0]["title"], "Crimes with somebody charged");
    assert_eq!(rows[0]["why"], "the project has no such measure any more");
    let rows = world.rows("withdrawn", &[("measure", "northport-asb")]);
    assert_eq!(rows[0]["why"], "the measure is not published for this area any more");
    let told = world.rows("revision", &[("measure", "northport-charged"), ("period", "2025-06")]);
    assert_eq!(told[0]["reason"], "withdrawn");
    assert!(told[0]["explanation"].contains("it is final, and stands in table `withdrawn`"), "{told:?}");
    // The release that was signed says what they were counted from.
    let explained = ["explain", "northport-charged", "--period", "2025/26 Q1", "--area", "P01"];
    world
        .outturn(&explained)
        .exits(0)
        .prints(&format!("Crimes with somebody charged (northport-charged), percentage, release {signed}"))
        .prints("numerator 7.0, denominator 30.0 (available)")
        .prints(&format!(
            "withdrawn, as it was signed in release {signed}: the project has no such measure any more"
        ))
        .prints("count(*) FILTER (WHERE outcome = 'Charged') AS numerator")
        .prints("northport-crime 2025-04 2025-04.csv accepted: received 10 = accepted 10");
    world
        .outturn(&[&explained[..], &["--release", &signed]].concat())
        .exits(0)
        .prints("denominator 30.0 (available)");
    world.outturn(&["explain", "northport-charged"]).exits(0).prints("P01 2025-06 all");
    world
        .outturn(&["explain", "northport-asb", "--area", "W01", "--period", "2025-06"])
        .exits(0)
        .prints("W01 2025-06 all");
    // One that was not signed is nowhere.
    world.outturn(&["explain", "northport-charged", "--period", "2025-07"]).exits(4);
    world
        .outturn(&["explain", "northport-charged", "--release", "1999-01-01.1"])
        .exits(4)
        .says("there is no release");
    // What was never signed is told as withdrawn, and stands nowhere.
    let told = world.rows("revision", &[("measure", "northport-charged"), ("period", "2025-07")]);
    assert_eq!(
        (&*told[0]["reason"], &*told[0]["explanation"]),
        ("withdrawn", "the project has no such measure any more")
    );
    world.outturn_at(THIRD, &["verify"]).exits(0).says("made once more");

    // They stay from release to release, until the measure is back.
    restate(&world, "2025-07", 1);
    world.outturn_at(FOURTH, &["run"]).exits(0);
    assert_eq!(withdrawn(&world, "northport-charged"), charged);
    world.write(CHARGED, text);
    world.outturn_at("2025-08-16T05:30:00Z", &["run"]).exits(0);
    assert!(withdrawn(&world, "northport-charged").is_empty());
    assert_eq!(finals(&world, "northport-charged"), charged);
    assert_eq!(withdrawn(&world, "northport-asb"), wards);

    // One that is gone can be reopened by its name, and then is final nowhere.
    fs::remove_file(world.path(CHARGED)).unwrap();
    world.outturn_at("2025-08-17T05:30:00Z", &["run"]).exits(0);
    assert_eq!(withdrawn(&world, "northport-charged"), charged);
    let reopen = ["--reopen", "2025-Q2", "--measure", "northport-charged", "--reason", "it is not kept up"];
    sign(&world, "2025-08-17T05:30:00Z", &reopen).exits(0);
    world.outturn_at("2025-08-18T05:30:00Z", &["run"]).exits(0);
    assert!(withdrawn(&world, "northport-charged").is_empty());
    assert_eq!(withdrawn(&world, "northport-asb"), wards);
}
