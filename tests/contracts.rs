//! What a contract says of its columns, through the built program: markers, synonyms, codes, dates, derived columns,
//! checks, and the people who must be in nothing that is kept.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, in its helpers too")]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what a test of messages needs is not needed here")]
mod small;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use hmac::{Hmac, Mac};
use proptest::prelude::*;
use sha2::Sha256;
use small::{NOW, Row, Told, World, rows_of};

const CONTRACT: &str = "pipelines/northport/contracts/cases.toml";
const KEY: &str = "not a key that anybody else should use";

const CASES: &str = r#"id = "cases"
dataset = "cases"
grain = "one case"
trim = true
null-markers = ["-", "N/A"]
key = ["ref"]
repeats = "same-key"

[month]
from = "Month"
format = "month"

[[column]]
name = "ref"
from = "Ref"
synonyms = [{ name = "Case Ref", agreed = 2025-04-01 }]
required = true
pattern = "[A-Z]{2}-[0-9]{3}"

[[column]]
name = "opened"
from = "Opened"
type = "date"
required = true
formats = ["%d/%m/%Y", "%d-%m-%Y"]

[[column]]
name = "kind"
from = "Kind"
type = "category"
required = true
codes = ["nuisance", "noise"]
map = { "ASB - Nuisance" = "nuisance" }
ignore-case-and-blanks = true

[[column]]
name = "calls"
from = "Calls"
type = "integer"
range = [0.0, 100000.0]
thousands-separator = ","
suppressed-markers = ["[c]", "*"]
note-markers = { "[p]" = "provisional", "[low]" = "low" }

[[column]]
name = "cost"
from = "Cost"
type = "number"
thousands-separator = ","
signs = ["£"]

[[column]]
name = "waited"
from = "Waited"
type = "duration"

[[column]]
name = "urgent"
from = "Urgent"
type = "flag"
true-words = ["Y", "Yes"]
false-words = ["N", "No"]

[[column]]
name = "team"
from = "Team"
optional = true
max-length = 8

[[column]]
name = "victim"
from = "NHS number"
person = true
person-form = "nhs-number"

[[column]]
name = "born"
from = "Date of birth"
type = "date"
formats = ["%d/%m/%Y"]
drop = true

[[column]]
name = "postcode"
from = "Postcode"
drop = true

[[column]]
name = "notes"
from = "Notes"
free-text = true

[[column]]
name = "age_band"
type = "category"
derive = "CASE WHEN born IS NULL THEN NULL WHEN born > opened - INTERVAL '18 years' THEN 'child' ELSE 'adult' END"
codes = ["child", "adult"]

[[column]]
name = "cost_per_call"
type = "number"
derive = "cost / calls"

[[check]]
rule = "opened_before_born"
expect = "opened >= born"
message = "the case was opened before the person was born"

[[check]]
rule = "many_calls"
expect = "calls < 1000"
message = "a case has a thousand calls or more"
severity = "warn"

[[check]]
rule = "not_of_the_team"
expect = "team <> 'FORBID'"
message = "cases of this team are not to be sent"
severity = "refuse"
"#;

const HEADER: &str =
    "Ref,Month,Opened,Kind,Calls,Cost,Waited,Urgent,Team,NHS number,Date of birth,Postcode,Notes";

/// The small project with a further feed, of cases, which a sharing agreement covers.
fn project() -> World {
    let world = World::complete();
    world.write(
        "pipelines/northport/agreements/isa-9.toml",
        "id = \"isa-9\"\nreference = \"ISA 2025/9\"\ntitle = \"Cases for the partnership\"\n\
         controller = \"Northport Council\"\nlawful-basis = \"Crime and Disorder Act 1998, section 115\"\n\
         purposes = [\"strategic assessment\"]\noutputs = [\"partnership\"]\nbegins = \"2025-04-01\"\nexpires = \"2099-03-31\"\n\
         contact = \"Data Protection Officer\"\n",
    );
    world.write(CONTRACT, CASES);
    world.write(
        "pipelines/northport/feeds/northport-cases.toml",
        "id = \"northport-cases\"\ntitle = \"Cases\"\nsupplier = \"Northport Council\"\ncontract = \"cases\"\n\
         agreement = \"isa-9\"\nsource = \"deliveries/cases/{period}.csv\"\ncovers = [\"P01\"]\nfrom = \"2025-07\"\n\
         published-after-months = 1\nhold-above-quarantined-share = 1.0\n",
    );
    world.write(
        "pipelines/northport/datasets/cases.toml",
        "id = \"cases\"\ntitle = \"Cases\"\n\n[[summary]]\nid = \"case_count\"\n\
         by = [\"kind\", \"calls_status\", \"age_band\", \"feed\"]\n",
    );
    let settings = world.read("outturn.toml");
    world.write("outturn.toml", format!("{settings}\n[pseudonyms]\nkey = \"${{env:CASES_KEY}}\"\n"));
    world
}

fn told(world: &World, key: Option<&str>, arguments: &[&str]) -> Told {
    let mut command = world.command(NOW, arguments);
    command.env_remove("CASES_KEY").envs(key.map(|key| ("CASES_KEY", key)));
    let output = command.output().unwrap();
    Told {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        bytes: output.stdout,
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// July's cases are sent with this header and these rows; then a run.
fn july(header: &str, rows: &[&str]) -> (World, Told) {
    let world = project();
    world.send("cases", "2025-07", format!("{header}\n{}\n", rows.join("\n")));
    let told = told(&world, Some(KEY), &["run"]);
    (world, told)
}

/// Rows of a SELECT.
fn query(world: &World, sql: &str) -> Vec<BTreeMap<String, String>> {
    let told = told(world, None, &["query", "--output", "json", sql]).exits(0);
    let rows = told.json();
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let row = |row: &serde_json::Value| {
        let fields = row.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
        fields.map(|(name, value)| (name.clone(), text(value))).collect()
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

/// `column=value` of a row, those that are asked for and have a value.
fn shown(row: &BTreeMap<String, String>, columns: &[&str]) -> String {
    let fields = columns.iter().filter_map(|name| Some(format!("{name}={}", row.get(*name)?)));
    fields.collect::<Vec<_>>().join(" ")
}

/// The pseudonym as its definition has it, made without the product.
fn pseudonym(key: &str, digits: &str) -> String {
    let hmac = |key: &[u8], text: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text);
        mac.finalize().into_bytes()
    };
    hex::encode(hmac(&hmac(key.as_bytes(), b"partnership"), digits.as_bytes()))
}

/// Every row keeps the contract, in as many ways of writing as it allows.
const GOOD: [&str; 7] = [
    "AB-001,2025-07,03/07/2025,ASB - Nuisance,\"1,234 \",\"£2,468.00\",00:05:46,Y,North,943 476 5919,04/07/2007,TS1 1AA,seen by Ann",
    "AB-002,2025-07,04-07-2025,  NOISE ,[c],£5,1899-12-31T00:05:46Z,no,-,9434765919,04/07/2007,,",
    "AB-003,2025-07,05/07/2025,noise,12 [p],-£6,27:00:00,,N/A,,,,",
    "AB-004,2025-07,06/07/2025,noise,[low],,,,,,,,",
    "AB-005,2025-07,07/07/2025,noise,-,,,,,,,,",
    " AB-006 ,2025-07,08/07/2025,noise,,,,,,,,,",
    "AB-007,2025-07,09/07/2025,noise,0,0,,,,,,,",
];

#[test]
fn what_a_partner_writes_becomes_what_was_agreed() {
    let (world, told) = july(HEADER, &GOOD);
    told.exits(0);
    // 0 / 0 is no number, so the last row is set aside; nothing else is.
    assert_eq!(
        world.told_of("cases", "2025-07"),
        ["accepted: 7 = 6 + 0 + 1; a case has a thousand calls or more: 1 rows, the first in line 2"]
    );
    let rows = query(&world, "SELECT * FROM cases ORDER BY ref");
    let about =
        ["ref", "opened", "kind", "calls", "calls_status", "cost", "waited", "urgent", "team", "age_band"];
    let texts: Vec<String> = rows.iter().map(|row| shown(row, &about)).collect();
    assert_eq!(
        texts,
        [
            "ref=AB-001 opened=2025-07-03 kind=nuisance calls=1234 calls_status=value cost=2468.0 waited=346 \
             urgent=true team=North age_band=child",
            "ref=AB-002 opened=2025-07-04 kind=noise calls_status=suppressed cost=5.0 waited=346 urgent=false \
             age_band=adult",
            "ref=AB-003 opened=2025-07-05 kind=noise calls=12 calls_status=provisional cost=-6.0 waited=97200",
            "ref=AB-004 opened=2025-07-06 kind=noise calls_status=low",
            "ref=AB-005 opened=2025-07-07 kind=noise calls_status=missing",
            "ref=AB-006 opened=2025-07-08 kind=noise calls_status=missing",
        ]
    );
    assert_eq!(shown(&rows[0], &["cost_per_call"]), "cost_per_call=2.0");
    for name in ["born", "postcode", "notes"] {
        assert!(!rows[0].contains_key(name), "{name}");
    }
    let person = pseudonym(KEY, "9434765919");
    assert_eq!((&rows[0]["victim"], &rows[1]["victim"]), (&person, &person));
    assert!(!rows[2].contains_key("victim"));
    // What was counted while the rows were read is what is in them.
    let counted = query(
        &world,
        "SELECT kind, calls_status, age_band, sum(n) AS n FROM case_count GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    );
    let recounted = query(
        &world,
        "SELECT kind, calls_status, age_band, count(*) AS n FROM cases GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    );
    assert_eq!((counted.len(), &counted), (5, &recounted));
}

#[test]
fn a_row_that_breaks_a_rule_is_set_aside_under_its_name() {
    let rows = [
        ("AB-1,2025-07,03/07/2025,noise,,,,,,,,,", "bad_ref"),
        ("xAB-001,2025-07,03/07/2025,noise,,,,,,,,,", "bad_ref"),
        ("AB-003,2025-07,3/7/2025,noise,,,,,,,,,", "bad_opened"),
        ("AB-004,2025-07,2025-07-03,noise,,,,,,,,,", "bad_opened"),
        ("AB-005,2025-07,31/06/2025,noise,,,,,,,,,", "bad_opened"),
        ("AB-006,2025-07,03/07/2025,litter,,,,,,,,,", "bad_kind"),
        ("AB-007,2025-07,03/07/2025,-,,,,,,,,,", "bad_kind"),
        ("AB-008,2025-07,03/07/2025,noise,+1,,,,,,,,", "bad_calls"),
        ("AB-009,2025-07,03/07/2025,noise,007,,,,,,,,", "bad_calls"),
        ("AB-010,2025-07,03/07/2025,noise,\"1,23\",,,,,,,,", "bad_calls"),
        ("AB-011,2025-07,03/07/2025,noise,1E2,,,,,,,,", "bad_calls"),
        ("AB-012,2025-07,03/07/2025,noise,-5,,,,,,,,", "bad_calls"),
        ("AB-013,2025-07,03/07/2025,noise,,NaN,,,,,,,", "bad_cost"),
        ("AB-014,2025-07,03/07/2025,noise,,inf,,,,,,,", "bad_cost"),
        ("AB-015,2025-07,03/07/2025,noise,,1E400,,,,,,,", "bad_cost"),
        ("AB-016,2025-07,03/07/2025,noise,,,23:59:60,,,,,,", "bad_waited"),
        ("AB-017,2025-07,03/07/2025,noise,,,,maybe,,,,,", "bad_urgent"),
        ("AB-018,2025-07,03/07/2025,noise,,,,,a long name,,,,", "bad_team"),
        ("AB-019,2025-07,03/07/2025,noise,,,,,,9434765918,,,", "bad_victim"),
        ("AB-020,2025-07,03/07/2025,noise,,,,,,,31/02/2000,,", "bad_born"),
        ("AB-021,2025-07,03/07/2025,noise,,,,,,,04/07/2025,,", "opened_before_born"),
        ("AB-022,2025-07,03/07/2025,noise,0,5,,,,,,,", "bad_cost_per_call"),
        ("AB-023,2025-06,03/06/2025,noise,,,,,,,,,", "bad_month"),
    ];
    let lines: Vec<&str> = rows.iter().map(|(line, _)| *line).chain([GOOD[5]]).collect();
    let (world, told) = july(HEADER, &lines);
    told.exits(0);
    assert_eq!(world.told_of("cases", "2025-07"), ["accepted: 24 = 1 + 0 + 23"]);
    let found = query(&world, "SELECT line, reason FROM cases_quarantine ORDER BY line");
    let found: Vec<(&str, &str)> =
        found.iter().map(|row| (row["line"].as_str(), row["reason"].as_str())).collect();
    for (number, (line, rule)) in rows.iter().enumerate() {
        assert_eq!(found[number], ((number + 2).to_string().as_str(), *rule), "{line}");
    }
}

#[test]
fn a_row_that_a_check_sets_aside_does_not_make_the_next_of_its_key_a_repeat() {
    let (world, told) = july(
        HEADER,
        &[
            "AB-001,2025-07,03/07/2025,noise,,,,,,,04/07/2025,,",
            "AB-001,2025-07,04/07/2025,noise,,,,,,,04/07/2025,,",
            "AB-001,2025-07,05/07/2025,noise,,,,,,,04/07/2025,,",
        ],
    );
    told.exits(0);
    assert_eq!(world.told_of("cases", "2025-07"), ["accepted: 3 = 1 + 1 + 1"]);
    assert_eq!(query(&world, "SELECT opened FROM cases")[0]["opened"], "2025-07-04");
}

#[test]
fn a_header_may_be_called_and_ordered_as_was_agreed_and_not_otherwise() {
    let (world, told) = july(
        "Month,Case Ref,Kind,Opened,Calls,Cost,Waited,Urgent,NHS number,Date of birth,Postcode,Notes,Extra",
        &["2025-07,AB-001,noise,03/07/2025,5,,,,,,,,x"],
    );
    told.exits(0);
    assert_eq!(
        world.told_of("cases", "2025-07"),
        [
            "accepted: 1 = 1 + 0 + 0; column `Ref` came as `Case Ref`, agreed on 2025-04-01; column `Team` did not come \
          and is taken as empty; left out, not in the contract: `Extra`"
        ]
    );
    let rows = query(&world, "SELECT ref, calls, team FROM cases");
    assert_eq!(shown(&rows[0], &["ref", "calls", "team"]), "ref=AB-001 calls=5");

    for (header, note) in [
        (format!("Case Ref,{HEADER}"), "columns `Case Ref`, `Ref` are all `Ref`: one is expected"),
        (format!("Ref,{HEADER}"), "column `Ref` stands twice"),
        (HEADER.replace("Kind", "Sort"), "column `Kind` is missing; not known: `Sort`"),
    ] {
        let (world, told) = july(&header, &[]);
        told.exits(3).says(note);
        assert_eq!(world.told_of("cases", "2025-07"), [format!("refused: 0 = 0 + 0 + 0; {note}")]);
    }
    // Without a header, the first row stands in its place: it is a person's.
    let (world, told) = july(GOOD[0], &[]);
    told.exits(3).says("is missing");
    is_nowhere(&world, &["943 476 5919", "Ann"]);
}

#[test]
fn a_check_or_a_code_may_refuse_the_delivery() {
    let (world, told) = july(HEADER, &[GOOD[0], "AB-009,2025-07,03/07/2025,noise,,,,,FORBID,,,,"]);
    told.exits(3);
    assert_eq!(
        world.told_of("cases", "2025-07"),
        ["refused: 2 = 0 + 0 + 2; line 3: cases of this team are not to be sent"]
    );

    let with = |policy: &str| {
        let world = project();
        world.edit(CONTRACT, "ignore-case", &format!("unknown-code = \"{policy}\"\nignore-case"));
        let rows = [GOOD[1], "AB-009,2025-07,03/07/2025,Litter,,,,,,,,,", GOOD[2]];
        world.send("cases", "2025-07", format!("{HEADER}\n{}\n", rows.join("\n")));
        told_run(&world);
        world
    };
    assert_eq!(
        with("refuse").told_of("cases", "2025-07"),
        [
            "refused: 3 = 0 + 0 + 3; line 3: column `Kind` has a code that is not known, for which the contract refuses all"
        ]
    );
    let kept = with("keep");
    assert_eq!(
        kept.told_of("cases", "2025-07"),
        ["accepted: 3 = 3 + 0 + 0; rows with a code in `Kind` that is not known, kept: 1"]
    );
    assert_eq!(query(&kept, "SELECT kind FROM cases WHERE ref = 'AB-009'")[0]["kind"], "Litter");
}

fn told_run(world: &World) {
    let told = told(world, Some(KEY), &["run"]);
    assert!([0, 3].contains(&told.code), "{told}");
}

/// None of these texts is in anything that was written beside the partner's own bytes.
#[track_caller]
fn is_nowhere(world: &World, texts: &[&str]) {
    let mut looked = 0;
    for (file, bytes) in
        world.files("warehouse", |path| (path.to_owned(), fs::read(path).unwrap_or_default()))
    {
        if file.starts_with("landing/objects") {
            continue;
        }
        let (path, bytes) = bytes;
        let mut haystack = String::from_utf8_lossy(&bytes).into_owned();
        if file.ends_with(".parquet") {
            // What is compressed is looked at as text.
            for row in rows_of(&path) {
                haystack.push_str(&row.values().cloned().collect::<Vec<_>>().join("\n"));
            }
            looked += 1;
        }
        for text in texts {
            assert!(!haystack.contains(text), "`{text}` is in {file}");
        }
    }
    assert!(looked > 0, "there is no Parquet file");
}

#[test]
fn nothing_that_is_kept_or_said_names_a_person() {
    // Each of these is a person's; the rows break rules in the personal columns and beside them.
    let secret = [
        "943 476 5919",
        "9434765919",
        "9434765918",
        "04/07/2007",
        "2007-07-04",
        "31/02/2001",
        "TS1 1AA",
        "Ann",
    ];
    let (world, told) = july(
        HEADER,
        &[
            GOOD[0],
            GOOD[1],
            "AB-003,2025-07,03/07/2025,noise,,,,,,9434765918,04/07/2007,TS1 1AA,for Ann",
            "AB-004,2025-07,03/07/2025,noise,,,,,,9434765919,31/02/2001,TS1 1AA,for Ann",
            "AB-005,2025-07,03/07/2025,litter,,,,,,9434765919,04/07/2007,TS1 1AA,for Ann",
            "AB-006,2025-07,03/07/2007,noise,,,,,,9434765919,04/07/2007,TS1 1AA,\"Ann, again\"",
            "AB-007,2025-07,03/07/2025,noise,,,,,,9434765919,04/07/2007,TS1 1AA,Ann,Ann",
        ],
    );
    assert_eq!(world.told_of("cases", "2025-07").len(), 1);
    for text in secret {
        assert!(!told.err.contains(text) && !told.out.contains(text), "{text}");
    }
    is_nowhere(&world, &secret);
    let list = ["quarantine", "show", "northport-cases"];
    for arguments in [&list[..], &[&list[..], &["--output", "json"]].concat()] {
        let told = told_without_key(&world, arguments);
        for text in secret {
            assert!(!told.out.contains(text) && !told.err.contains(text), "{text}\n{told}");
        }
        // What is not personal is there to be mended.
        assert!(told.out.contains("AB-005") && told.out.contains("litter"), "{told}");
    }
}

#[test]
fn a_row_that_is_no_line_of_text_is_shown_without_what_is_personal() {
    let world = project();
    let names: Vec<&str> = HEADER.split(',').collect();
    let fields = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    world.write(CONTRACT, format!("{CASES}\n[format]\nkind = \"json\"\nfields = [{fields}]\n"));
    world.edit("pipelines/northport/feeds/northport-cases.toml", "{period}.csv", "{period}.json");
    let record = |kind: &str, number: &str| {
        let values = [
            "AB-001",
            "2025-07",
            "03/07/2025",
            kind,
            "5",
            "",
            "",
            "",
            "",
            number,
            "04/07/2007",
            "TS1 1AA",
            "for Ann",
        ];
        let pairs = names.iter().zip(values).map(|(name, value)| format!("\"{name}\": \"{value}\""));
        format!("{{{}, \"Postcode of birth\": \"TS2 2BB\"}}", pairs.collect::<Vec<_>>().join(", "))
    };
    // A kind that nobody knows, and a number whose check digit is wrong.
    let records = [record("litter", "9434765919"), record("noise", "9434765918"), "{".to_owned()];
    world.send_as("deliveries/cases/2025-07.json", format!("[{},\n{}]", records[0], records[1]));
    told_run(&world);
    let shown = told_without_key(&world, &["quarantine", "show", "northport-cases"]).out;
    for text in ["9434765919", "9434765918", "04/07/2007", "TS1 1AA", "TS2 2BB", "Ann"] {
        assert!(!shown.contains(text), "{text}\n{shown}");
    }
    assert_eq!(shown.matches("Ref: AB-001").count(), 2, "{shown}");
    assert!(shown.contains("Kind: litter") && shown.contains("NHS number: (not shown)"), "{shown}");
}

#[test]
fn a_row_that_fails_a_check_is_taken_under_a_waiver_and_a_value_that_cannot_be_computed_is_only_known() {
    let rows = [
        GOOD[1],
        // Opened before the person was born; and 0 / 0, which is no number.
        "AB-010,2025-07,03/07/2025,noise,5,,,,,,04/07/2026,,",
        "AB-011,2025-07,03/07/2025,noise,0,0,,,,,,,",
    ];
    let (world, first) = july(HEADER, &rows);
    first.exits(0);
    assert_eq!(world.told_of("cases", "2025-07"), ["accepted: 3 = 1 + 0 + 2"]);
    let waive = |rule: &str| {
        let about = ["quarantine", "waive", "northport-cases", "--period", "2025-07", "--reason", rule];
        let words = ["--why", "agreed by letter", "--by", "Data lead", "--until", "2025-12-31"];
        told(&world, Some(KEY), &[&about[..], &words].concat()).exits(0)
    };
    waive("opened_before_born").says("1 row(s) are taken as they stand");
    waive("bad_cost_per_call").says("1 row(s) stay out");
    told(&world, Some(KEY), &["run"]).exits(0);
    assert_eq!(world.told_of("cases", "2025-07"), ["accepted: 3 = 2 + 0 + 1"]);
    let waived: Vec<(String, String)> =
        world.table("waiver").iter().map(|row| (row["rule"].clone(), row["rows"].clone())).collect();
    let one = |rule: &str| (rule.to_owned(), "1".to_owned());
    assert_eq!(waived, [one("bad_cost_per_call"), one("opened_before_born")]);
    assert_eq!(query(&world, "SELECT ref FROM cases WHERE ref = 'AB-010'").len(), 1);
    let summary = &world.table("quarantine_summary")[0];
    assert_eq!((&*summary["reason"], &*summary["acknowledged"]), ("bad_cost_per_call", "1"));
}

/// What the program says to somebody who has not got the key.
fn told_without_key(world: &World, arguments: &[&str]) -> Told {
    told(world, None, arguments).exits(0)
}

#[test]
fn another_key_makes_other_pseudonyms_and_none_makes_no_release() {
    let (world, first) = july(HEADER, &[GOOD[0]]);
    first.exits(0);
    let release = world.release();
    told(&world, Some(KEY), &["run"]).exits(0);
    assert_eq!(world.release(), release);

    let other = "another key, as long as a key has to be";
    told(&world, Some(other), &["run"]).exits(0);
    assert_ne!(world.release(), release);
    assert_eq!(query(&world, "SELECT victim FROM cases")[0]["victim"], pseudonym(other, "9434765919"));

    let release = world.release();
    for key in [None, Some(""), Some("short")] {
        for command in ["run", "check", "plan"] {
            told(&world, key, &[command]).exits(2).says("outturn.toml");
        }
    }
    assert_eq!(world.release(), release);
    told(&world, None, &["status"]);
    // The key itself is in nothing that is kept.
    is_nowhere(&world, &[KEY, other]);
}

#[test]
fn what_is_wrong_with_a_contract_is_told_at_its_place() {
    for (from, to, told_is) in [
        ("derive = \"cost / calls\"", "derive = \"cost / cals\"", "there is no column `cals` here"),
        ("derive = \"cost / calls\"", "derive = \"cost /\"", "cases.toml:"),
        ("derive = \"cost / calls\"", "derive = \"kind\"", "is of type number, but its expression gives"),
        ("derive = \"cost / calls\"", "derive = \"random()\"", "`random` does not give the same every time"),
        ("derive = \"cost / calls\"", "derive = \"(SELECT 1.0)\"", "it cannot have a SELECT"),
        ("derive = \"cost / calls\"", "derive = \"sum(cost)\"", "cannot count or add up rows"),
        ("expect = \"calls < 1000\"", "expect = \"calls + 1\"", "a check is true or false"),
        (
            "expect = \"calls < 1000\"",
            "expect = \"opened < now()\"",
            "`now` does not give the same every time",
        ),
        (
            "type = \"number\"\nderive = \"cost / calls\"",
            "derive = \"postcode\"",
            "could keep what is in the dropped `postcode`",
        ),
        ("rule = \"many_calls\"", "rule = \"Many calls\"", "is not a name for a rule"),
        ("pattern = \"[A-Z]{2}-[0-9]{3}\"", "pattern = \"[A-Z\"", "not a regular expression"),
        (
            "formats = [\"%d/%m/%Y\", \"%d-%m-%Y\"]",
            "formats = [\"%d/%Y\"]",
            "does not tell a day, month and year",
        ),
        ("max-length = 8", "max-length = 8\nleading-zeros = true", "so its type is `integer`"),
        ("person = true\n", "", "is not a pseudonym"),
        (
            "person = true\nperson-form = \"nhs-number\"\n",
            "",
            "seems to hold what identifies a person (nhs number)",
        ),
        (
            "from = \"Postcode\"\ndrop = true",
            "from = \"Postcode\"",
            "seems to hold what identifies a person (postcode)",
        ),
        (
            "from = \"Postcode\"\ndrop = true",
            "from = \"Postcode\"\nnot-personal = \" \"",
            "the reason is empty",
        ),
        ("key = [\"ref\"]", "key = [\"postcode\"]", "is dropped or derived"),
        ("{ name = \"Case Ref\"", "{ name = \"Kind\"", "`Kind` is the name of two columns"),
        ("agreed = 2025-04-01", "agreed = 2025-04-31", "cases.toml:"),
    ] {
        let world = project();
        world.edit(CONTRACT, from, to);
        told(&world, Some(KEY), &["check"]).exits(2).says(told_is);
    }
    // The place within the expression.
    let world = project();
    world.edit(CONTRACT, "cost / calls", "cost / cals");
    let line = world.read(CONTRACT).lines().position(|line| line.contains("cals")).unwrap() + 1;
    told(&world, Some(KEY), &["check"]).exits(2).says(&format!("cases.toml:{line}:18"));
    // A reason is enough.
    let world = project();
    world.edit(
        CONTRACT,
        "from = \"Postcode\"\ndrop = true",
        "from = \"Postcode\"\nnot-personal = \"of the office, not of a home\"",
    );
    told(&world, Some(KEY), &["check"]).exits(0);
    // A key is named and not written.
    let world = project();
    world.edit("outturn.toml", "${env:CASES_KEY}", KEY);
    let said = told(&world, None, &["check"]).exits(2).says("a key is not written here");
    assert!(!said.err.contains(KEY) && !said.out.contains(KEY), "{said}");
    // Without a key in the settings, the column that needs it is named.
    let world = project();
    world.edit("outturn.toml", "\n[pseudonyms]\nkey = \"${env:CASES_KEY}\"\n", "");
    told(&world, Some(KEY), &["check"]).exits(2).says("outturn.toml has no [pseudonyms]");
}

#[test]
fn a_row_for_which_an_expression_cannot_be_computed_costs_that_row() {
    let world = project();
    world.edit(CONTRACT, "derive = \"cost / calls\"", "derive = \"CAST(team AS DOUBLE) / 2\"");
    // More rows than are judged at once, so that places are right in the second lot too.
    let wrong = [3, 40_000, 65_540, 66_001];
    let row = |line: usize| {
        let team = if wrong.contains(&line) { "Ann".to_owned() } else { (line % 1000).to_string() };
        format!("AB-{:03},2025-07,03/07/2025,noise,,,,,{team},,,,\n", line % 1000)
    };
    let rows: String = (2..66_002).map(row).collect();
    world.edit(CONTRACT, "key = [\"ref\"]\nrepeats = \"same-key\"\n", "");
    world.send("cases", "2025-07", format!("{HEADER}\n{rows}"));
    told(&world, Some(KEY), &["run"]).exits(0);
    assert_eq!(world.told_of("cases", "2025-07"), ["accepted: 66000 = 65996 + 0 + 4"]);
    let found = query(&world, "SELECT line, reason, detail FROM cases_quarantine ORDER BY line");
    let lines: Vec<String> = found.iter().map(|row| row["line"].clone()).collect();
    assert_eq!(lines, wrong.map(|line| line.to_string()));
    assert_eq!(
        found[0]["detail"],
        "it cannot be computed for this row: a value cannot be cast to the type that the SQL names"
    );
    // Every good row has its own value: half of the line's last three digits.
    let wrong = "SELECT count(*) AS n FROM cases WHERE cost_per_call <> CAST(line % 1000 AS DOUBLE) / 2";
    assert_eq!(query(&world, wrong)[0]["n"], "0");
    assert_eq!(query(&world, "SELECT sum(n) AS n FROM case_count")[0]["n"], "65996");
}

#[test]
fn what_looks_like_people_is_not_kept_in_the_clear() {
    // Twenty numbers with right check digits, made without the product.
    let numbers = (0..20).filter_map(|n: u32| {
        let digits: Vec<u32> = format!("4{n:08}").chars().filter_map(|c| c.to_digit(10)).collect();
        let sum: u32 = digits.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
        let check = (11 - sum % 11) % 11;
        (check < 10).then(|| format!("4{n:08}{check}"))
    });
    let numbers: Vec<String> = numbers.cycle().take(30).collect();
    let rows: Vec<String> = numbers
        .iter()
        .enumerate()
        .map(|(at, number)| format!("AB-{at:03},2025-07,03/07/2025,noise,,,,,{number},,,,"))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let deliver = |reason: &str| {
        let world = project();
        world.edit(CONTRACT, "max-length = 8", reason);
        world.send("cases", "2025-07", format!("{HEADER}\n{}\n", rows.join("\n")));
        told_run(&world);
        world
    };
    let world = deliver("");
    assert_eq!(
        world.told_of("cases", "2025-07"),
        [
            "refused: 30 = 0 + 0 + 30; column `Team` looks like NHS numbers: its contract has to say person, drop or \
          not-personal"
        ]
    );
    is_nowhere(&world, &[&numbers[0], &numbers[7]]);
    let world = deliver("not-personal = \"numbers of teams, as it happens\"");
    assert_eq!(world.told_of("cases", "2025-07"), ["accepted: 30 = 30 + 0 + 0"]);
}

#[test]
fn contracts_of_one_dataset_keep_to_their_own_codes_and_expressions() {
    let world = project();
    // Another partner sends the age band itself, in other words, and knows of no birthday.
    let columns = CASES
        .replace("id = \"cases\"\n", "id = \"other-cases\"\n")
        .replace("codes = [\"nuisance\", \"noise\"]", "codes = [\"noise\", \"litter\"]");
    let born = columns.find("[[column]]\nname = \"born\"").unwrap();
    let rest = "[[column]]\nname = \"age_band\"\nfrom = \"Age\"\ntype = \"category\"\ncodes = [\"child\"]\n\n\
                [[column]]\nname = \"cost_per_call\"\nfrom = \"Per call\"\ntype = \"number\"\n";
    world.write("pipelines/northport/contracts/other-cases.toml", format!("{}{rest}", &columns[..born]));
    let feed = world.read("pipelines/northport/feeds/northport-cases.toml");
    world.write(
        "pipelines/northport/feeds/northport-other-cases.toml",
        feed.replace("northport-cases", "northport-other-cases")
            .replace("contract = \"cases\"", "contract = \"other-cases\"")
            .replace("deliveries/cases", "deliveries/other-cases"),
    );
    world.send(
        "cases",
        "2025-07",
        format!("{HEADER}\n{}\n{}\n", GOOD[0], GOOD[1].replace("NOISE", "litter")),
    );
    world.send(
        "other-cases",
        "2025-07",
        "Ref,Month,Opened,Kind,Calls,Cost,Waited,Urgent,NHS number,Age,Per call\n\
         CD-001,2025-07,03/07/2025,noise,*,,,,9434765919,child,2.5\n\
         CD-002,2025-07,03/07/2025,nuisance,,,,,,child,\n\
         CD-003,2025-07,03/07/2025,litter,,,,,,adult,\n\
         AB-001,2025-07,03/07/2025,litter,,,,,,,\n",
    );
    told(&world, Some(KEY), &["run"]).exits(0);
    assert_eq!(
        world.told_of("cases", "2025-07"),
        ["accepted: 2 = 1 + 0 + 1; a case has a thousand calls or more: 1 rows, the first in line 2"]
    );
    assert_eq!(
        world.told_of("other-cases", "2025-07"),
        ["accepted: 4 = 1 + 1 + 2; column `Team` did not come and is taken as empty"]
    );
    let rows = query(&world, "SELECT * FROM cases ORDER BY ref");
    let about = ["ref", "kind", "calls_status", "age_band", "cost_per_call", "feed"];
    assert_eq!(
        rows.iter().map(|row| shown(row, &about)).collect::<Vec<_>>(),
        [
            "ref=AB-001 kind=nuisance calls_status=value age_band=child cost_per_call=2.0 feed=northport-cases",
            "ref=CD-001 kind=noise calls_status=suppressed age_band=child cost_per_call=2.5 feed=northport-other-cases",
        ]
    );
    // The same person at two agencies.
    assert_eq!(rows[0]["victim"], rows[1]["victim"]);
    let counted = query(&world, "SELECT feed, kind, age_band, n FROM case_count ORDER BY feed");
    let texts: Vec<String> = counted.iter().map(|row| shown(row, &["kind", "age_band", "n"])).collect();
    assert_eq!(texts, ["kind=nuisance age_band=child n=1", "kind=noise age_band=child n=1"]);
}

/// A row out of parts that keep and break rules, and whether it keeps them.
fn any_row() -> impl Strategy<Value = (String, Option<u16>)> {
    let parts = (0_u16..12, prop::bool::weighted(0.9), prop::bool::weighted(0.9), prop::bool::weighted(0.9));
    let shape = prop_oneof![8 => Just(0_u8), 1 => Just(1), 1 => Just(2)];
    (parts, shape).prop_map(|((number, kind, calls, born), shape)| {
        let row = format!(
            "AB-{number:03},2025-07,03/07/2025,{},{},,,,,,{},,",
            if kind { "noise" } else { "litter" },
            if calls { "7" } else { "seven" },
            if born { "04/07/2000" } else { "04/07/2025" },
        );
        let good = (kind && calls && born && shape == 0).then_some(number);
        let row = match shape {
            1 => format!("{row},one too many"),
            2 => format!("\"{row}"),
            _ => row,
        };
        (row, good)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn every_row_is_accepted_a_repeat_or_set_aside(rows in prop::collection::vec(any_row(), 1..60)) {
        // As many good rows beside them, so that the delivery is not held as one whose column changed its type.
        let sound = (0_u16..60).map(|number| (format!("AC-{number:03},2025-07,03/07/2025,noise,7,,,,,,,,"), Some(100 + number)));
        let rows: Vec<(String, Option<u16>)> = sound.chain(rows).collect();
        let lines: Vec<&str> = rows.iter().map(|(line, _)| line.as_str()).collect();
        let (world, _) = july(HEADER, &lines);
        let good: Vec<u16> = rows.iter().filter_map(|(_, good)| *good).collect();
        let distinct: BTreeSet<u16> = good.iter().copied().collect();
        let expected = format!(
            "accepted: {} = {} + {} + {}",
            rows.len(),
            distinct.len(),
            good.len() - distinct.len(),
            rows.len() - good.len()
        );
        prop_assert_eq!(world.told_of("cases", "2025-07"), [expected]);
        let kept: Vec<Row> = query(&world, "SELECT ref FROM cases ORDER BY line");
        prop_assert_eq!(kept.len(), distinct.len());
    }
}

/// What makes a contract for rows of a reference and a kind.
const SHORT: &str = r#"id = "cases"
dataset = "cases"
grain = "one case"
key = ["ref"]
repeats = "same-key"

[month]
from = "Month"
format = "month"

[[column]]
name = "ref"
from = "Ref"

[[column]]
name = "kind"
from = "Kind"
type = "category"
required = true
codes = ["nuisance", "noise"]
"#;

const NONE_OF_R4: &str =
    "\n[[check]]\nrule = \"not_late\"\nexpect = \"ref IS NULL OR ref <> 'R4'\"\nmessage = \"late\"\n";

/// Repeats come close together and far apart, in more rows than are judged or written at once; the test knows which
/// they are from the numbers that it made them of.
#[test]
fn of_many_rows_those_that_repeat_a_key_are_left_out_of_the_rows_and_of_their_summary() {
    for checked in [false, true] {
        let world = project();
        let contract = if checked { [SHORT, NONE_OF_R4].concat() } else { SHORT.to_owned() };
        world.write(CONTRACT, contract);
        world.write(
            "pipelines/northport/datasets/cases.toml",
            "id = \"cases\"\ntitle = \"Cases\"\n\n[[summary]]\nid = \"case_count\"\nby = [\"kind\", \"feed\"]\n",
        );
        let mut text = "Ref,Month,Kind\n".to_owned();
        let (mut seen, mut expected) = (BTreeSet::new(), BTreeMap::new());
        let (mut repeats, mut aside) = (0, 0);
        for number in 0_u64..20_000 {
            // Every seventh row has no reference, and so repeats nothing.
            let key = if number % 7 == 3 { None } else { Some(number * number % 9_001) };
            let kind = if number % 3 == 0 { "nuisance" } else { "noise" };
            let shown = key.map(|key| format!("R{key}")).unwrap_or_default();
            writeln!(text, "{shown},2025-07,{kind}").unwrap();
            if checked && key == Some(4) {
                aside += 1;
            } else if key.is_some_and(|key| !seen.insert(key)) {
                repeats += 1;
            } else {
                *expected.entry(kind.to_owned()).or_insert(0) += 1;
            }
        }
        world.send("cases", "2025-07", text);
        told(&world, Some(KEY), &["run"]);
        let counted = |sql: &str| -> BTreeMap<String, u64> {
            query(&world, sql).iter().map(|row| (row["kind"].clone(), row["n"].parse().unwrap())).collect()
        };
        assert!(repeats > 5_000 && (aside > 0) == checked, "{repeats} {expected:?}");
        assert_eq!(counted("SELECT kind, count(*) AS n FROM cases GROUP BY kind"), expected);
        assert_eq!(counted("SELECT kind, n FROM case_count"), expected);
        let delivery = &world.rows("feed_delivery", &[("feed", "northport-cases")])[0];
        let accepted = expected.values().sum::<u64>();
        let counts = ["received", "accepted", "duplicate", "quarantined"].map(|name| delivery[name].clone());
        assert_eq!(counts, [20_000, accepted, repeats, aside].map(|n: u64| n.to_string()));
        let lines = "SELECT count(DISTINCT line) AS n, 'all' AS kind FROM cases";
        assert_eq!(counted(lines)["all"], accepted);
    }
}
