//! The built program: what it says, what it prints and the code that it ends with.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, in its helpers too")]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what a test of broken deliveries needs is not needed here")]
mod small;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use small::{NOW, Told, World};

const CHARGED: &str = "sql/northport/northport-charged.sql";
const ASB: &str = "sql/northport/northport-asb.sql";
const CRIME_FEED: &str = "pipelines/northport/feeds/northport-crime.toml";
const CRIME_CONTRACT: &str = "pipelines/northport/contracts/constabulary-crime.toml";

/// What `check` says of a project in which one text of one file was replaced.
#[track_caller]
fn checked(file: &str, from: &str, to: &str) -> String {
    let world = World::empty();
    world.edit(file, from, to);
    world.outturn(&["check"]).exits(2).err
}

/// What `check` says of a project in which a measure's statement is this one.
fn checked_statement(statement: &str) -> String {
    let world = World::empty();
    let text = world.read(CHARGED);
    let front = text.split_once("SELECT").unwrap().0;
    world.write(CHARGED, format!("{front}{statement}\n"));
    world.outturn(&["check"]).exits(2).err
}

/// The steps of a plan as `action what months`.
fn steps(told: &Told) -> Vec<String> {
    let steps = told.json();
    let field = |step: &serde_json::Value, name: &str| step[name].as_str().unwrap().to_owned();
    let step = |step| {
        [field(step, "action"), field(step, "what"), field(step, "months")].join(" ").trim().to_owned()
    };
    steps.as_array().unwrap().iter().map(step).collect()
}

#[test]
fn check_counts_what_it_found_in_order() {
    let world = World::empty();
    let told = world.outturn(&["check"]).exits(0);
    assert_snapshot!(told.err, @"no problems: 3 measures, 1 tables, 2 feeds, 3 look-ups");
    assert_eq!(told.out, "");
    assert!(!world.path("warehouse").exists(), "check wrote something");
}

#[test]
fn a_misspelt_key_of_the_project_file_is_named_with_its_place_and_the_nearest_key() {
    assert_snapshot!(checked("outturn.toml", "time-zone", "timezone"), @r#"
    error: unknown key `schedule.timezone`
     --> outturn.toml:7:1
      |
    7 | timezone = "Europe/London"
      | ^^^^^^^^
      |
      = help: did you mean `time-zone`?

    error: 1 problem(s)
    "#);
}

#[test]
fn a_misspelt_key_of_a_feed_is_named_with_its_place_and_the_nearest_key() {
    assert_snapshot!(checked(CRIME_FEED, "published-after", "publishd-after"), @r"
    error: unknown key `publishd-after-months`
     --> pipelines/northport/feeds/northport-crime.toml:8:1
      |
    8 | publishd-after-months = 1
      | ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `published-after-months`?

    error: 1 problem(s)
    ");
}

#[test]
fn a_misspelt_key_of_a_contract_column_is_named_with_its_place_and_the_nearest_key() {
    assert_snapshot!(checked(CRIME_CONTRACT, "range =", "rang ="), @r#"
    error: unknown key `column.rang`
      --> pipelines/northport/contracts/constabulary-crime.toml:46:1
       |
    46 | rang = [0.0, 1000000.0]
       | ^^^^
       |
       = help: did you mean `range`?

    error: 1 problem(s)
    "#);
}

#[test]
fn a_misspelt_key_of_a_measure_is_named_with_its_place_in_the_sql_file_and_what_is_missing() {
    assert_snapshot!(checked(ASB, "polarity", "polarty"), @r#"
    error: missing key `polarity`
     --> sql/northport/northport-asb.sql:1:3
      |
    1 | /*
      |   ^
      |
      = help: Which way is better.

    error: unknown key `polarty`
     --> sql/northport/northport-asb.sql:9:1
      |
    9 | polarty = "lower-is-better"
      | ^^^^^^^
      |
      = help: did you mean `polarity`?

    error: 2 problem(s)
    "#);
}

#[test]
fn problems_of_many_files_come_out_in_one_pass_though_the_project_file_itself_is_broken() {
    let world = World::empty();
    world.edit("outturn.toml", "[schedule]", "[schedule");
    world.edit(
        "pipelines/northport/contracts/council-asb.toml",
        "refuse-doubled = true",
        "refuse-double = true",
    );
    world.edit(ASB, "FROM asb\nGROUP BY ward", "FROM asbo\nGROUP BY ward");
    world.edit(CHARGED, "outcome = 'Charged'", "outcom = 'Charged'");
    world.edit("sql/northport/northport-crime-rate.sql", "per = 1000\n", "");
    for command in ["check", "run", "plan", "status"] {
        let told = world.outturn(&[command]).exits(2);
        for place in [
            "outturn.toml:5:10",
            "pipelines/northport/contracts/council-asb.toml:6:1",
            "sql/northport/northport-charged.sql:16:28",
            "sql/northport/northport-crime-rate.sql:7:8",
        ] {
            assert!(
                told.err.contains(&format!("--> {place}\n")),
                "{place} is not named by {command}\n{told}"
            );
        }
        assert_eq!(told.out, "");
    }
    assert!(!world.path("warehouse").exists(), "something was written");
}

#[test]
fn a_broken_file_is_not_blamed_a_second_time_on_the_files_that_lean_on_it() {
    let told = checked(CRIME_FEED, "supplier", "suplier");
    assert!(told.ends_with("error: 2 problem(s)\n"), "{told}");
    let told = checked(CRIME_CONTRACT, "grain", "grian");
    assert!(told.ends_with("error: 2 problem(s)\n"), "{told}");
}

#[test]
fn sql_that_cannot_be_parsed_is_shown_where_the_parser_stumbled() {
    assert_snapshot!(checked(CHARGED, "GROUP BY month", "GROUPBY month"), @r"
    error: Expected: end of statement, found: month at Line: 19, Column: 9
      --> sql/northport/northport-charged.sql:19:9
       |
    19 | GROUPBY month
       |         ^^^^^

    error: 1 problem(s)
    ");
}

#[test]
fn an_unknown_table_is_shown_in_the_sql_with_the_nearest_table() {
    assert_snapshot!(checked(CHARGED, "FROM crime", "FROM crimes"), @r"
    error: table `crimes` not found
      --> sql/northport/northport-charged.sql:18:6
       |
    18 | FROM crimes
       |      ^^^^^^
       |
       = help: did you mean `crime`?

    error: 1 problem(s)
    ");
}

#[test]
fn an_unknown_column_is_shown_in_the_sql_with_the_nearest_column() {
    assert_snapshot!(checked(CHARGED, "outcome = 'Charged'", "outcom = 'Charged'"), @r"
    error: there is no column `outcom` here
      --> sql/northport/northport-charged.sql:16:28
       |
    16 |     count(*) FILTER (WHERE outcom = 'Charged') AS numerator,
       |                            ^^^^^^
       |
       = help: did you mean `outcome`?

    error: 1 problem(s)
    ");
}

#[test]
fn a_missing_and_an_extra_column_of_a_measure_are_told_at_its_select() {
    assert_snapshot!(checked(CHARGED, "AS denominator", "AS denom"), @r"
    error: the SELECT has no column `denominator`
      --> sql/northport/northport-charged.sql:13:1
       |
    13 | SELECT
       | ^^^^^^
       |
       = help: a percentage selects area, month, numerator, denominator; known here: `denom`

    error: column `denom` has no place in the measure
      --> sql/northport/northport-charged.sql:13:1
       |
    13 | SELECT
       | ^^^^^^
       |
       = help: a percentage selects area, month, numerator, denominator; name it in `breakdowns` or leave it out

    error: 2 problem(s)
    ");
}

#[test]
fn a_numerator_that_is_no_number_is_refused_before_anything_is_read() {
    let told = checked(CHARGED, "count(*) FILTER (WHERE outcome = 'Charged')", "max(outcome)");
    assert!(told.contains("error: column `numerator` must be a number"), "{told}");
    assert!(told.contains("--> sql/northport/northport-charged.sql:13:1"), "{told}");
}

#[test]
fn a_statement_that_writes_is_refused_at_its_first_word() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("stolen.csv");
    for (statement, message) in [
        ("CREATE TABLE x AS SELECT 1", "DDL not supported"),
        ("DROP TABLE crime", "DDL not supported"),
        ("INSERT INTO crime SELECT * FROM crime", "DML not supported"),
        (&format!("COPY (SELECT * FROM crime) TO '{}'", target.display()), "DML not supported"),
        ("SET datafusion.execution.batch_size = 1", "Statement not supported"),
        ("SELECT 1; SELECT 2", "only supports a single SQL statement"),
    ] {
        let told = checked_statement(statement);
        assert!(told.contains(&format!("error: {message}")) || told.contains(message), "{statement}\n{told}");
        assert!(told.contains("--> sql/northport/northport-charged.sql:13:1\n"), "{statement}\n{told}");
    }
    assert!(!target.exists());
}

#[test]
fn an_area_that_is_not_in_the_look_up_is_shown_with_the_nearest_one() {
    assert_snapshot!(checked(CHARGED, "[\"P01\"]", "[\"P1\"]"), @r#"
    error: area `P1` is not known
      --> sql/northport/northport-charged.sql:10:10
       |
    10 | areas = ["P1"]
       |          ^^^^
       |
       = help: did you mean `P01`?

    error: 1 problem(s)
    "#);
}

#[test]
fn a_measure_whose_area_no_feed_covers_is_a_mistake() {
    let told =
        checked("pipelines/northport/feeds/northport-asb.toml", "covers = [\"P01\"]", "covers = [\"W01\"]");
    assert_snapshot!(told, @r#"
    error: no feed of dataset `asb` covers area `P01`
      --> sql/northport/northport-asb.sql:10:9
       |
    10 | areas = ["P01", "P01/ward"]
       |         ^^^^^^^^^^^^^^^^^^^
       |
       = help: name the area, or one that it lies in, in `covers` of a feed

    error: 1 problem(s)
    "#);
}

#[test]
fn a_schedule_that_cannot_be_is_refused_with_an_example() {
    assert_snapshot!(checked("outturn.toml", "30 5 * * *", "99 5 * * *"), @r#"
    error: expected a cron expression (minute, hour, day of month, month, day of week) such as `30 5 * * *`, found `99 5 * * *`: number out of bounds
     --> outturn.toml:6:7
      |
    6 | run = "99 5 * * *"
      |       ^^^^^^^^^^^^

    error: 1 problem(s)
    "#);
    let told = checked("outturn.toml", "Europe/London", "Europe/Londn");
    assert!(told.contains("--> outturn.toml:7:13\n"), "{told}");
}

#[test]
fn a_contract_that_wants_a_column_its_look_up_lacks_is_shown_for_people_and_for_programs() {
    let world = World::empty();
    world.edit(CRIME_CONTRACT, "from-lookup = \"ward\"", "from-lookup = \"wrd\"");
    assert_snapshot!(world.outturn(&["check"]).exits(2).err, @r#"
    error: look-up `beat` has no column `wrd`
      --> pipelines/northport/contracts/constabulary-crime.toml:33:15
       |
    33 | from-lookup = "wrd"
       |               ^^^^^
       |
       = help: did you mean `ward`?

    error: 1 problem(s)
    "#);
    let told = world.outturn(&["check", "--output", "json"]).exits(2);
    let expected = serde_json::json!([{
        "file": CRIME_CONTRACT, "line": 33, "column": 15,
        "message": "look-up `beat` has no column `wrd`", "help": "did you mean `ward`?",
    }]);
    assert_eq!(told.json(), expected);
    assert_eq!(World::empty().outturn(&["check", "--output", "json"]).exits(0).json(), serde_json::json!([]));
}

#[test]
fn a_folder_without_a_project_file_is_told_from_a_project() {
    let world = World::empty();
    fs::remove_file(world.path("outturn.toml")).unwrap();
    for command in ["check", "run"] {
        world.outturn(&[command]).exits(2).says("outturn.toml is missing").says("--project");
    }
}

#[test]
fn a_command_that_does_not_exist_is_a_usage_error() {
    let world = World::empty();
    world.outturn(&["rnu"]).exits(2).says("unrecognized subcommand 'rnu'");
    world.outturn(&["run", "--fast"]).exits(2).says("--fast");
    world.outturn(&["--version"]).exits(0).prints("outturn ");
}

#[test]
fn every_kind_of_file_has_a_json_schema() {
    let world = World::empty();
    let all = world.outturn(&["schema"]).exits(0).json();
    let kinds: Vec<&String> = all.as_object().unwrap().keys().collect();
    let expected = [
        "agreement",
        "break",
        "calendar",
        "commentary",
        "contract",
        "dataset",
        "feed",
        "framework",
        "lookup",
        "measure",
        "milestone",
        "outturn",
        "partnership",
        "table",
        "targets",
        "waiver",
    ];
    assert_eq!(kinds, expected);
    for kind in expected {
        let schema = world.outturn(&["schema", kind]).exits(0).json();
        assert_eq!(schema, all[kind]);
        assert!(schema["$schema"].as_str().unwrap().starts_with("https://json-schema.org/"), "{schema}");
        assert_eq!(
            (&schema["type"], &schema["additionalProperties"]),
            (&"object".into(), &false.into()),
            "{kind}"
        );
        for (name, property) in schema["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "`{name}` of {kind} is not described");
        }
    }
    world.outturn(&["schema", "measur"]).exits(2).says("did you mean `measure`?");
}

#[test]
fn plan_before_the_first_run_names_every_step_and_writes_nothing() {
    let world = World::complete();
    let told = world.outturn(&["plan"]).exits(0);
    assert_snapshot!(told.out, @r"
    fetch    northport-asb 2025-04 to 2025-07: not delivered yet
    fetch    northport-crime 2025-04 to 2025-07: not delivered yet
    compute  northport-asb: it is in no release yet
    compute  northport-charged: it is in no release yet
    compute  northport-crime-rate: it is in no release yet
    compute  crime_by_ward: it is in no release yet
    release  the first: there is none yet
    ");
    world.outturn(&["plan", "--detailed-exit-code"]).exits(6);
    assert!(!world.path("warehouse").exists(), "plan wrote something");
}

#[test]
fn plan_after_a_run_has_nothing_to_do() {
    let world = World::complete();
    world.run().exits(0);
    let told = world.outturn(&["plan", "--detailed-exit-code"]).exits(0);
    assert_snapshot!(told.err, @"nothing to do: the current release follows from everything that is here");
    assert_eq!(world.outturn(&["plan", "--output", "json"]).exits(0).json(), serde_json::json!([]));
}

#[test]
fn plan_with_a_new_month_of_one_feed_names_that_feed_and_the_measures_that_read_it() {
    let world = World::with(&["2025-04", "2025-05", "2025-06"]);
    world.deliver("asb", "2025-07");
    world.run().exits(3);
    world.deliver("crime", "2025-07");
    let told = world.outturn(&["plan", "--detailed-exit-code", "--output", "json"]).exits(6);
    let expected = [
        "fetch northport-crime 2025-07",
        "compute northport-charged",
        "compute northport-crime-rate",
        "compute crime_by_ward",
        "release after 2025-08-12.1",
    ];
    assert_eq!(steps(&told), expected);
    let report = world.outturn(&["run", "--quiet", "--output", "json"]).exits(0).json();
    assert_eq!((&report["months_made"], &report["rows_read"]), (&1.into(), &5.into()));
    assert_eq!((&report["measures_computed"], &report["measures_released"]), (&2.into(), &3.into()));
}

#[test]
fn plan_and_run_after_a_change_of_sql_recompute_that_measure_alone() {
    let world = World::complete();
    world.run().exits(0);
    // The council decides to count noise only.
    world.edit(ASB, "FROM asb\nGROUP BY month", "FROM asb\nWHERE kind = 'Noise'\nGROUP BY month");
    let told = world.outturn(&["plan", "--detailed-exit-code", "--output", "json"]).exits(6);
    assert_eq!(steps(&told), ["compute northport-asb", "release after 2025-08-12.1"]);
    // It says nothing of a new version of what is counted, which is a gap.
    let report = world.outturn(&["run", "--quiet", "--output", "json"]).exits(3).json();
    assert_eq!((&report["months_made"], &report["measures_computed"]), (&0.into(), &1.into()));
    assert_eq!(world.figure("northport-asb", "P01", "2025-04"), "available 4.0");
    assert_eq!(world.figure("northport-charged", "P01", "2025-04"), "available 20.0");
}

#[test]
fn plan_after_a_change_of_a_look_up_rebuilds_what_was_read_through_it() {
    let world = World::complete();
    world.run().exits(0);
    world.edit("pipelines/northport/reference/beat.csv", "K1,W02", "K1,W03");
    let told = world.outturn(&["plan", "--output", "json"]).exits(0);
    let planned = steps(&told);
    for step in
        ["rebuild asb 2025-04 to 2025-07", "rebuild crime 2025-04 to 2025-07", "compute northport-asb"]
    {
        assert!(planned.iter().any(|planned| planned == step), "{step} is not in {planned:?}");
    }
    world.run().exits(0);
    // Of April's six reports one was on K1 and two on M1.
    assert_eq!(world.figure("northport-asb", "W02", "2025-04"), "available 0.0");
    assert_eq!(world.figure("northport-asb", "W03", "2025-04"), "available 3.0");
}

#[test]
fn a_run_ends_with_one_line_that_counts_what_it_did() {
    let world = World::complete();
    let told = world.run().exits(0);
    assert_eq!(told.closing(), "released 2025-08-12.1: 3 of 3 measures, 57 rows read, 0 quarantined");
    assert_eq!(told.out, "");
    let figures = [
        ("northport-asb", "P01", "2025-06", "available 7.0"),
        ("northport-asb", "W01", "2025-07", "available 3.0"),
        ("northport-asb", "W02", "2025-07", "available 0.0"),
        ("northport-asb", "P01", "2025/26 Q1", "available 18.0"),
        ("northport-crime-rate", "P01", "2025-04", "available 1.0"),
        ("northport-crime-rate", "P01", "2025/26 Q1", "available 3.0"),
        ("northport-charged", "P01", "2025-05", "available 25.0"),
        ("northport-charged", "P01", "2025-07", "available 20.0"),
    ];
    for (measure, area, period, expected) in figures {
        assert_eq!(world.figure(measure, area, period), expected, "{measure} {area} {period}");
    }
    // 7 of the 30 crimes of the quarter.
    assert!(world.figure("northport-charged", "P01", "2025/26 Q1").starts_with("available 23.3333333"));
    let wards: Vec<String> = world
        .table("crime_by_ward")
        .iter()
        .map(|row| row.values().cloned().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(wards[0], "Burglary 6 2025-08-12.1 false W01");
}

#[test]
fn a_second_run_writes_nothing_and_says_that_the_release_is_current() {
    let world = World::complete();
    world.run().exits(0);
    let look = |path: &std::path::Path| {
        let metadata = fs::symlink_metadata(path).unwrap();
        (metadata.len(), metadata.modified().unwrap(), metadata.permissions().mode())
    };
    let before = world.files("", look);
    let folders = fs::metadata(world.path("warehouse/published/releases")).unwrap().modified().unwrap();
    for now in [NOW, "2025-08-13T05:30:00Z"] {
        let told = world.outturn_at(now, &["run"]).exits(0);
        assert_eq!(
            told.closing(),
            "already current 2025-08-12.1: 3 of 3 measures, 0 rows read, 0 quarantined"
        );
    }
    assert_eq!(world.files("", look), before);
    assert_eq!(
        fs::metadata(world.path("warehouse/published/releases")).unwrap().modified().unwrap(),
        folders
    );
}

#[test]
fn a_project_named_by_another_path_is_the_same_project() {
    let world = World::complete();
    world.run().exits(0);
    let folder = world.path("").to_string_lossy().into_owned();
    world.outturn(&["--project", &folder, "plan", "--detailed-exit-code"]).exits(0);
    let told = world.outturn(&["--project", &folder, "run"]).exits(0);
    assert_eq!(told.closing(), "already current 2025-08-12.1: 3 of 3 measures, 0 rows read, 0 quarantined");
    assert_eq!(world.read("warehouse/landing/deliveries.jsonl").lines().count(), 8);
}

#[test]
fn a_quiet_run_says_nothing() {
    let told = World::complete().outturn(&["run", "--quiet"]).exits(0);
    assert_eq!((told.out.as_str(), told.err.as_str()), ("", ""));
}

#[test]
fn a_month_that_is_late_is_a_gap_of_the_release_and_overdue_in_status() {
    let world = World::with(&["2025-04", "2025-05", "2025-06"]);
    assert_snapshot!(world.outturn(&["status"]).exits(0).out, @r"
    no release yet
    feed northport-asb: nothing yet, overdue: 2025-04 to 2025-07 (up to 104 days)
    feed northport-crime: nothing yet, overdue: 2025-04 to 2025-07 (up to 104 days)
    ");
    world.run().exits(3).says("gap: feed `northport-crime`: nothing for 2025-07");
    assert_snapshot!(world.outturn(&["status"]).exits(0).out, @r"
    release 2025-08-12.1, as of 2025-08-12
    feed northport-asb: up to 2025-06, overdue: 2025-07 (up to 12 days)
    feed northport-crime: up to 2025-06, overdue: 2025-07 (up to 12 days)
    gap: feed `northport-asb`: nothing for 2025-07
    gap: feed `northport-crime`: nothing for 2025-07
    ");
    world.outturn(&["status", "--check"]).exits(5);
    assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "not_available");
    // In July nobody expects July's figures.
    world.outturn_at("2025-07-12T05:30:00Z", &["status", "--check"]).exits(0);
    let status = world.outturn(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["feeds"][1]["overdue"], "2025-07");
}

#[test]
fn a_query_is_answered_as_a_table_csv_json_and_parquet() {
    let world = World::complete();
    world.run().exits(0);
    let sql = "SELECT ward, count(*) AS n FROM crime WHERE month = '2025-06' GROUP BY ward ORDER BY ward";
    assert_snapshot!(world.outturn(&["query", sql]).exits(0).out, @r"
    +------+---+
    | ward | n |
    +------+---+
    | W01  | 6 |
    | W02  | 3 |
    | W03  | 3 |
    +------+---+
    ");
    let csv = world.outturn(&["query", sql, "--output", "csv"]).exits(0);
    assert_eq!(csv.out, "ward,n\nW01,6\nW02,3\nW03,3\n");
    let json = world.outturn(&["query", sql, "--output", "json"]).exits(0);
    let expected =
        serde_json::json!([{"ward": "W01", "n": 6}, {"ward": "W02", "n": 3}, {"ward": "W03", "n": 3}]);
    assert_eq!(json.json(), expected);
    let parquet = world.outturn(&["query", sql, "--output", "parquet"]).exits(0);
    world.write("answer.parquet", parquet.bytes);
    let rows = small::rows_of(&world.path("answer.parquet"));
    assert_eq!(rows.iter().map(|row| row["n"].as_str()).collect::<Vec<_>>(), ["6", "3", "3"]);
    let released =
        "SELECT value FROM outturn WHERE measure = 'northport-asb' AND area = 'W03' AND period = '2025-04'";
    assert_eq!(world.outturn(&["query", released, "--output", "csv"]).exits(0).out, "value\n2.0\n");
}

#[test]
fn a_query_that_is_wrong_or_would_write_is_refused_and_shown() {
    let world = World::complete();
    world.run().exits(0);
    assert_snapshot!(world.outturn(&["query", "SELECT crime_typ FROM crime"]).exits(2).err, @r"
    error: there is no column `crime_typ` here
     --> query:1:8
      |
    1 | SELECT crime_typ FROM crime
      |        ^^^^^^^^^
      |
      = help: did you mean `crime_type`?
    ");
    for sql in [
        "SELEC 1",
        "SELECT * FROM crimes",
        "COPY (SELECT 1) TO 'x.csv'",
        "DROP TABLE crime",
        "SELECT 1; SELECT 2",
    ] {
        let told = world.outturn(&["query", sql]).exits(2);
        assert_eq!(told.out, "", "{sql}");
        assert!(told.err.contains("--> query:1:"), "{told}");
    }
    assert!(!world.path("x.csv").exists());
}

#[test]
fn explain_leads_from_a_figure_to_its_sql_and_its_deliveries() {
    let world = World::complete();
    world.run().exits(0);
    let told =
        world.outturn(&["explain", "northport-charged", "--area", "P01", "--period", "2025/26 Q1"]).exits(0);
    let shown = [
        "Crimes with somebody charged (northport-charged), percentage, release 2025-08-12.1",
        "numerator 7.0, denominator 30.0 (available)",
        "sql/northport/northport-charged.sql reads crime",
        "count(*) FILTER (WHERE outcome = 'Charged') AS numerator",
        "crime version 1, 35 rows",
        "northport-crime 2025-04 2025-04.csv accepted: received 10 = accepted 10 + duplicate 0 + quarantined 0",
        "northport-crime 2025-06 2025-06.csv accepted: received 12 = accepted 12 + duplicate 0 + quarantined 0",
    ];
    let told = shown.iter().fold(told, |told, text| told.prints(text));
    assert!(!told.out.contains("2025-07"), "a delivery of another period is named\n{told}");
    assert!(!told.out.contains("northport-asb"), "a feed that the measure does not read is named\n{told}");
}

#[test]
fn explain_answers_programs_and_takes_the_latest_period_unless_told() {
    let world = World::complete();
    world.run().exits(0);
    let told =
        world.outturn(&["explain", "northport-asb", "--area", "W01", "--output", "json"]).exits(0).json();
    assert_eq!(told["figures"].as_array().unwrap().len(), 1);
    let figure = &told["figures"][0];
    assert_eq!((&figure["period"], &figure["value"]), (&"2025-07".into(), &"3.0".into()));
    assert_eq!(told["deliveries"][0]["source_file"], "2025-07.csv");
    let sha256 = told["deliveries"][0]["delivery"].as_str().unwrap();
    let landed =
        fs::read(world.path(&format!("warehouse/landing/objects/{}/{sha256}", &sha256[..2]))).unwrap();
    assert_eq!(landed, World::good("asb", "2025-07").into_bytes());
}

#[test]
fn explain_of_what_is_not_published_matches_nothing() {
    let world = World::complete();
    world.outturn(&["explain", "northport-asb"]).exits(4);
    world.run().exits(0);
    world.outturn(&["explain", "no-such-measure"]).exits(4).says("nothing matches");
    world.outturn(&["explain", "northport-asb", "--area", "W09"]).exits(4);
    world.outturn(&["explain", "northport-asb", "--period", "1999-01"]).exits(4);
}

#[test]
fn the_quarantine_shows_the_partners_own_line() {
    let world = World::complete();
    world.send(
        "crime",
        "2025-07",
        World::good("crime", "2025-07").replace("C07-03,2025-07,K1", "C07-03,2025-07,K9"),
    );
    world.run().exits(0);
    let list = world.outturn(&["quarantine", "list", "--output", "csv"]).exits(0);
    assert_eq!(
        list.out,
        "feed,period,source_file,reason,rows,acknowledged,synthetic,release\n\
         northport-crime,2025-07,2025-07.csv,unknown_beat,1,0,false,2025-08-12.1\n"
    );
    let show = world.outturn(&["quarantine", "show"]).exits(0);
    assert_snapshot!(show.out, @r"
    2025-07.csv:4: unknown_beat, column `Beat`: `K9` is not in look-up `beat`
        C07-03,2025-07,K9,Burglary,Under investigation,30
    ");
    let show =
        world.outturn(&["quarantine", "show", "northport-crime", "--month", "2025-07", "--output", "json"]);
    let rows = show.exits(0).json();
    assert_eq!((&rows[0]["line"], &rows[0]["reason"]), (&4.into(), &"unknown_beat".into()));
    assert_eq!(rows[0]["text"], "C07-03,2025-07,K9,Burglary,Under investigation,30");
    world.outturn(&["quarantine", "show", "northport-asb"]).exits(4);
    world.outturn(&["quarantine", "show", "--reason", "bad_value"]).exits(4);
    world.outturn(&["quarantine", "show", "--month", "2025-13"]).exits(2);
}

#[test]
fn verify_finds_one_changed_byte_in_a_released_file() {
    let world = World::complete();
    world.outturn(&["verify"]).exits(4).says("there is no release yet");
    world.run().exits(0);
    world.outturn(&["verify"]).exits(0).says("every file is as it was released");
    world.outturn(&["verify", "2025-08-12.1"]).exits(0);
    world.outturn(&["verify", "2025-08-11.1"]).exits(4);
    for file in ["outturn.csv", "measure.parquet", "crime_by_ward.csv"] {
        let path = format!("warehouse/published/current/{file}");
        let good = fs::read(world.path(&path)).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        world.write(&path, &bad);
        world.outturn(&["verify"]).exits(7).says(&format!("{file}: differs from its digest"));
        fs::remove_file(world.path(&path)).unwrap();
        world.outturn(&["verify"]).exits(7).says(file);
        world.write(&path, good);
    }
    world.outturn(&["verify"]).exits(0);
    world.write("warehouse/published/current/manifest.json", "{");
    world.outturn(&["verify"]).exits(7).says("manifest.json is damaged");
}

#[test]
fn a_second_run_while_one_holds_the_warehouse_ends_at_once_and_names_the_holder() {
    let world = World::complete();
    world.write("warehouse/lock", "process 4711 on northport-server, since 2025-08-12 05:00:00 UTC\n");
    let lock = fs::File::options().read(true).write(true).open(world.path("warehouse/lock")).unwrap();
    lock.lock().unwrap();
    let told = world.run().exits(75);
    assert_snapshot!(told.err, @"error: another run holds the warehouse: process 4711 on northport-server, since 2025-08-12 05:00:00 UTC");
    assert!(!world.path("warehouse/landing").exists());
    lock.unlock().unwrap();
    world.run().exits(0);
}

#[test]
fn a_run_that_is_asked_to_stop_ends_with_the_code_of_the_signal_and_publishes_nothing() {
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        // A run that is nearly done ends as if it had not been asked.
        let stopped = (0..20).any(|_| {
            let world = World::complete();
            let mut child = world.command(NOW, &["run"]).stderr(Stdio::null()).spawn().unwrap();
            while !world.path("warehouse/landing/deliveries.jsonl").exists() {
                assert_eq!(child.try_wait().unwrap(), None);
                std::hint::spin_loop();
            }
            Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
            let ended = child.wait().unwrap().code();
            assert!(ended == Some(code) || ended == Some(0), "{signal}: {ended:?}");
            assert_eq!(world.release().is_some(), ended == Some(0));
            world.run().exits(0).says("2025-08-12.1: 3 of 3 measures");
            ended == Some(code)
        });
        assert!(stopped, "no run was stopped by {signal}");
    }
}

#[test]
fn what_only_reads_is_answered_while_a_run_holds_the_warehouse() {
    let world = World::complete();
    world.run().exits(0);
    let lock = fs::File::options().read(true).write(true).open(world.path("warehouse/lock")).unwrap();
    lock.lock().unwrap();
    for arguments in [&["status"][..], &["plan"], &["query", "SELECT 1"], &["verify"], &["check"]] {
        world.outturn(arguments).exits(0);
    }
}

#[test]
fn what_is_not_a_terminal_gets_no_colours() {
    let world = World::complete();
    world.send("crime", "2025-07", "");
    let told = world.run().exits(3).says("WARN");
    assert!(!told.err.contains('\u{1b}'), "{told}");
}

#[test]
fn a_shell_gets_its_completions() {
    let world = World::empty();
    let told = world.outturn(&["completions", "bash"]).exits(0).prints("_outturn()");
    let mut bash = Command::new("bash");
    world.write("outturn.bash", &told.out);
    let status = bash.arg("-n").arg(world.path("outturn.bash")).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_measure_added_by_one_file_is_in_the_next_release() {
    let world = World::complete();
    world.run().exits(0);
    world.write(
        "sql/northport/northport-burglary.sql",
        r#"/*
id = "northport-burglary"
title = "Burglary"
framework = "northport-2025-28"
theme = "Crime"
owner = "Chief Superintendent"
kind = "count"
unit = "crimes"
polarity = "lower-is-better"
areas = ["P01"]
*/
SELECT 'P01' AS area, month, sum(n) AS numerator FROM crime_count WHERE crime_type = 'Burglary' GROUP BY month
"#,
    );
    let told = world.run().exits(0);
    assert_eq!(told.closing(), "released 2025-08-12.2: 4 of 4 measures, 0 rows read, 0 quarantined");
    assert_eq!(world.figure("northport-burglary", "P01", "2025-04"), "available 4.0");
    assert_eq!(world.figure("northport-burglary", "P01", "2025/26 Q1"), "available 12.0");
    assert_eq!(world.rows("measure", &[("measure", "northport-burglary")])[0]["reads"], "crime_count");
    // The release before says what it said.
    let before = small::rows_of(&world.path("warehouse/published/releases/2025-08-12.1/outturn.parquet"));
    assert!(before.iter().all(|row| row["measure"] != "northport-burglary"));
}

#[test]
fn a_measure_taken_out_is_not_in_the_next_release() {
    let world = World::complete();
    world.run().exits(0);
    fs::remove_file(world.path(ASB)).unwrap();
    let told = world.run().exits(0);
    assert_eq!(told.closing(), "released 2025-08-12.2: 2 of 2 measures, 0 rows read, 0 quarantined");
    assert!(world.rows("outturn", &[("measure", "northport-asb")]).is_empty());
}
