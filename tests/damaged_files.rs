//! Files of a project and of its warehouse, damaged at random: each is read, or refused in words at a place within it.
//! Nothing panics, and what is said stays short. Fewer cases run here than one would wish for; `PROPTEST_CASES` asks for
//! more.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, in its helpers too")]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what other tests need is not needed here")]
mod small;

use std::fs;
use std::path::Path;

use outturn::diagnose::Problem;
use outturn::erasure::{Erased, Erasure, Erasures};
use outturn::inspect;
use outturn::landing::Landing;
use outturn::release;
use outturn::retained::Retained;
use outturn::schedule::LastRun;
use outturn::{check, config};
use proptest::prelude::*;
use proptest::sample::Index;
use small::World;

/// Cases a test, unless the environment asks for another number than proptest's own.
fn cases(few: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    let cases = if usual.cases == 256 { few } else { usual.cases };
    ProptestConfig { cases, failure_persistence: None, ..usual }
}

/// Values that somebody may have meant, and that should not be believed.
const ODD: [&str; 30] = [
    "\"\"",
    "''",
    "0",
    "-1",
    "1.5",
    "nan",
    "-inf",
    "9223372036854775807",
    "99999999999999999999",
    "true",
    "[]",
    "[[]]",
    "[0.0, -1.0]",
    "[9, 1]",
    "{}",
    "{ name = \"x\", agreed = 2025-13-01 }",
    "2025-02-30",
    "\"2025-13\"",
    "\"9999-12\"",
    "\"{period\"",
    "\"{}/{x}/../**\"",
    "\"((a{1000}){1000}){1000}\"",
    "\"(?<x>\"",
    "\"%Q %\"",
    "\"é\\u0000\\u202e\"",
    "\"postgres://u:p@h/d\"",
    "\"s3://\"",
    "\"1e999\"",
    "\"\"\"\nline\n\"\"\"",
    "\"SELECT\"",
];

/// One thing done to a text.
#[derive(Debug, Clone)]
enum Change {
    /// A value becomes another one.
    Value(Index, Index),
    /// A line goes.
    Drop(Index),
    /// A line stands twice.
    Double(Index),
    /// Two lines change places.
    Swap(Index, Index),
    /// A byte becomes another one.
    Byte(Index, u8),
    /// The rest is gone.
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        6 => (at(), at()).prop_map(|(line, value)| Change::Value(line, value)),
        2 => at().prop_map(Change::Drop),
        1 => at().prop_map(Change::Double),
        1 => (at(), at()).prop_map(|(one, other)| Change::Swap(one, other)),
        2 => (at(), any::<u8>()).prop_map(|(place, byte)| Change::Byte(place, byte)),
        1 => at().prop_map(Change::Cut),
    ]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(change(), 1..5)
}

fn damaged(text: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = text.to_vec();
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        if let Change::Byte(at, byte) = change {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
            continue;
        }
        if let Change::Cut(at) = change {
            bytes.truncate(at.index(bytes.len()));
            continue;
        }
        let mut lines: Vec<Vec<u8>> =
            bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let of = |index: &Index| index.index(lines.len());
        match change {
            Change::Value(at, value) => {
                // The next line that has a value.
                let from = of(at);
                let places = (0..lines.len()).map(|step| (from + step) % lines.len());
                let valued = places.into_iter().find_map(|line| {
                    let equals = lines[line].windows(3).position(|part| part == b" = ")?;
                    Some((line, equals + 3))
                });
                if let Some((line, begins)) = valued {
                    lines[line].truncate(begins);
                    lines[line].extend_from_slice(ODD[value.index(ODD.len())].as_bytes());
                    lines[line].push(b'\n');
                }
            }
            Change::Drop(at) => {
                let at = of(at);
                lines.remove(at);
            }
            Change::Double(at) => {
                let at = of(at);
                lines.insert(at, lines[at].clone());
            }
            Change::Swap(one, other) => {
                let (one, other) = (of(one), of(other));
                lines.swap(one, other);
            }
            Change::Byte(..) | Change::Cut(_) => {}
        }
        bytes = lines.concat();
    }
    bytes
}

/// Every problem can be shown at its place, in few words.
fn can_be_shown(problems: &[Problem]) {
    for problem in problems {
        let shown = problem.render(false);
        assert!(!problem.message.is_empty() && shown.len() < 64 << 10, "{shown}");
    }
    assert!(problems.len() < 10_000, "{} problems", problems.len());
}

/// Reads the project and, where nothing is found to be wrong so far, compiles its contracts and plans its SQL.
fn is_read_or_refused(root: &Path) {
    let (project, problems) = config::load(root);
    can_be_shown(&problems);
    if !problems.is_empty() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let Err(problems) = runtime.block_on(check::check_loaded(project, Vec::new())) {
        assert!(!problems.is_empty());
        can_be_shown(&problems);
    }
}

/// The small project with a file of every kind that a person writes.
fn project() -> World {
    let world = World::complete();
    world.write(
        "pipelines/northport/agreements/isa-7.toml",
        "id = \"isa-7\"\nreference = \"ISA 2025/7\"\ntitle = \"Recorded crime\"\ncontroller = \"Northport\"\n\
         lawful-basis = \"section 115\"\npurposes = [\"assessment\"]\noutputs = [\"partnership\"]\n\
         begins = \"2025-04-01\"\nexpires = \"2028-03-31\"\n[retention]\nmonths = 24\nfrom = \"receipt\"\n",
    );
    world.write(
        "pipelines/northport/waivers/one.toml",
        "id = \"one\"\nfeed = \"northport-crime\"\nperiod = \"2025-06\"\nrule = \"delivery_held\"\n\
         effect = \"accept\"\ndeliveries = [\"00ff00ff00ff00ff\"]\nwhy = \"because\"\nby = \"Data lead\"\n\
         until = \"2025-12-31\"\n",
    );
    world.write(CONTRACT, RICH);
    world
}

const CONTRACT: &str = "pipelines/northport/contracts/rich.toml";
const FEED: &str = "pipelines/northport/feeds/northport-crime.toml";

/// A contract with a setting of nearly every kind.
const RICH: &str = r#"id = "rich"
dataset = "rich"
grain = "one"
trim = true
null-markers = ["-", "N/A"]
header = ["Ref", "Month", { name = "Kind", optional = true }, "Calls", "Day", "Note"]
key = ["ref"]
repeats = "same-key"

[format]
kind = "csv"
delimiter = ";"
encoding = "auto"
multi-line = true
header-contains = ["Ref"]
header-rows = 2
header-ignore = [1]
stop-at = ["^Total"]
skip-rows = ["^x"]
fill-down = ["Kind"]
durations = "seconds"

[format.unpivot]
keep = ["Ref", "Month"]
columns-like = "^[A-Z]"
name-to = "Kind"
value-to = "Calls"
split = "(?<kind>.+)"

[format.constants]
Source = "x"

[format.limits]
rows = 100000
depth = 8

[month]
from = "Month"
format = "explicit"
formats = ["%d/%m/%Y", "%b %Y"]
rule = "bad_month"

[[column]]
name = "ref"
from = "Ref"
required = true
pattern = "[A-Z]{2}-[0-9]{3}"
max-length = 9

[[column]]
name = "kind"
from = "Kind"
type = "category"
codes = ["a", "b"]
map = { "A" = "a" }
ignore-case-and-blanks = true
unknown-code = "keep"

[[column]]
name = "calls"
from = "Calls"
type = "integer"
range = [0.0, 100.0]
thousands-separator = ","
signs = ["£"]
suppressed-markers = ["[c]"]
note-markers = { "[p]" = "provisional" }

[[column]]
name = "day"
from = "Day"
type = "date"
formats = ["%d/%m/%Y"]
excel-serials = "1900"

[[column]]
name = "many"
type = "flag"
derive = "calls > 10"

[[check]]
rule = "too_many"
expect = "calls < 1000"
message = "a thousand calls or more"
severity = "warn"
"#;

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn a_contract_in_any_disorder_is_read_or_refused(changes in changes()) {
        let world = project();
        world.write(CONTRACT, damaged(RICH.as_bytes(), &changes));
        is_read_or_refused(&world.path(""));
    }

    #[test]
    fn a_feed_in_any_disorder_is_read_or_refused(changes in changes()) {
        let world = project();
        let feed = world.read(FEED)
            + "agreement = \"isa-7\"\nmode = \"month\"\nmember = \"{period}/*.csv\"\nrecheck-months = 3\n\
               query = { month = \"{period}\" }\n\n[[gap]]\nfrom = \"2025-01\"\nto = \"2025-02\"\nreason = \"none\"\n\n\
               [drift]\nnew-column = \"refuse\"\nrows-above = 4.0\n\n[http]\nattempts = 2\nrequests-per-second = 2.0\n\n\
               [expected]\nwithin = \"10 working days\"\n";
        world.write(FEED, damaged(feed.as_bytes(), &changes));
        is_read_or_refused(&world.path(""));
    }

    #[test]
    fn other_settings_in_any_disorder_are_read_or_refused(which in 0_usize..7, changes in changes()) {
        let world = project();
        let file = [
            "outturn.toml",
            "pipelines/northport/partnership.toml",
            "pipelines/northport/agreements/isa-7.toml",
            "pipelines/northport/waivers/one.toml",
            "pipelines/northport/datasets/crime.toml",
            "pipelines/northport/lookups/beat.toml",
            "pipelines/northport/reference/beat.csv",
        ][which];
        world.write(file, damaged(world.read(file).as_bytes(), &changes));
        is_read_or_refused(&world.path(""));
    }

    #[test]
    fn the_head_of_a_measure_in_any_disorder_is_read_or_refused(table: bool, changes in changes()) {
        let world = project();
        let file = if table { "sql/northport/tables/crime_by_ward.sql" } else { "sql/northport/northport-charged.sql" };
        world.write(file, damaged(world.read(file).as_bytes(), &changes));
        is_read_or_refused(&world.path(""));
    }
}

/// Words of which statements are made, good ones and bad ones.
const WORDS: [&str; 48] = [
    "SELECT",
    "FROM",
    "crime",
    "asb",
    "crime_count",
    "WHERE",
    "(",
    ")",
    ",",
    "*",
    "+",
    "/",
    "0",
    "1",
    "'x'",
    "ref",
    "month",
    "count(*)",
    "AS",
    "x",
    "WITH",
    "UNION ALL",
    "ORDER BY",
    "GROUP BY",
    "LIMIT",
    "HAVING",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    "NULL",
    "JOIN",
    "ON",
    "USING",
    "OVER",
    "PARTITION BY",
    ";",
    "--",
    "/*",
    "*/",
    "\"",
    "'",
    "é",
    "EXPLAIN",
    "SHOW",
    "VALUES",
    "LATERAL",
    "::",
];

/// Statements that would write, each with a folder that is watched in the place of `{}`.
const WRITING: [&str; 14] = [
    "COPY (SELECT 1) TO '{}/a.csv'",
    "COPY crime TO '{}/a.parquet' STORED AS PARQUET",
    "EXPLAIN ANALYZE COPY crime TO '{}/a.csv'",
    "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{}/in.csv'",
    "CREATE TABLE t AS SELECT 1",
    "CREATE VIEW crime AS SELECT 1",
    "INSERT INTO crime SELECT * FROM crime",
    "DELETE FROM crime",
    "UPDATE crime SET ref = 'x'",
    "DROP TABLE crime",
    "SET datafusion.execution.batch_size = 1",
    "PREPARE p AS SELECT 1",
    "SELECT 1; DROP TABLE crime",
    "TRUNCATE TABLE crime",
];

fn statement() -> impl Strategy<Value = String> {
    let words = || prop::collection::vec(prop::sample::select(WORDS.as_slice()), 0..24);
    let written = prop::sample::select(WRITING.as_slice());
    prop_oneof![
        3 => words().prop_map(|words| words.join(" ")),
        2 => (words(), written.clone()).prop_map(|(words, written)| format!("{written} {}", words.join(" "))),
        1 => (words(), written.clone()).prop_map(|(words, written)| format!("{} {written}", words.join(" "))),
        2 => written.prop_map(str::to_owned),
        1 => "\\PC{0,80}",
        // Brackets and chains, as deep and long as anybody would write them.
        1 => (1_usize..60).prop_map(|n| format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n))),
        1 => (1_usize..200).prop_map(|n| format!("SELECT 1{}", " + 1".repeat(n))),
    ]
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn no_statement_writes_whatever_it_is(sql in statement()) {
        let world = World::complete();
        let watched = world.path("watched");
        fs::create_dir_all(&watched).unwrap();
        fs::write(watched.join("in.csv"), "a,b\n1,2\n").unwrap();
        let sql = sql.replace("{}", &watched.display().to_string());
        let before = world.files("", |path| fs::read(path).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(inspect::query(&world.path(""), &sql));
        if let Err(inspect::QueryError::Sql(problem)) = &answer {
            can_be_shown(std::slice::from_ref(problem));
        }
        prop_assert_eq!(world.files("", |path| fs::read(path).unwrap()), before);
        let first = sql.split_whitespace().next().unwrap_or_default().to_uppercase();
        let writes = ["COPY", "CREATE", "INSERT", "DELETE", "UPDATE", "DROP", "SET", "PREPARE", "TRUNCATE"];
        prop_assert!(answer.is_err() || !writes.contains(&first.as_str()), "{}", sql);
    }
}

/// A warehouse as a run left it, with what was erased and retained.
fn warehouse() -> World {
    let world = World::complete();
    world.run().exits(0);
    let place = world.path("warehouse");
    let mut erasures = Erasures::open(&place).unwrap();
    let landing = Landing::open(&place).unwrap();
    let one = Erasure {
        number: 0,
        at: "2025-08-12T05:30:00Z".parse().unwrap(),
        by: "Officer".to_owned(),
        why: "1 month from the end of the month".to_owned(),
        agreement: "isa-7".to_owned(),
        reference: "ISA 7".to_owned(),
        what: Erased::Rows,
        feed: "northport-crime".to_owned(),
        dataset: "crime".to_owned(),
        period: "2025-04".parse().unwrap(),
        file: "2025-04.csv".to_owned(),
        deliveries: landing.all().iter().map(|delivery| delivery.sha256.clone()).collect(),
        reports: Vec::new(),
        previous: String::new(),
    };
    erasures.append(vec![one.clone(), one]).unwrap();
    let mut retained = Retained::default();
    retained.keep("m", "d", "P01", "2025-04".parse().unwrap(), std::collections::BTreeMap::new());
    retained.write(&place).unwrap();
    let last = LastRun {
        last_due: "2025-08-12T04:30:00Z".parse().unwrap(),
        finished: "2025-08-12T04:31:00Z".parse().unwrap(),
        outcome: 0,
    };
    last.write(&place).unwrap();
    world
}

#[test]
fn the_records_of_a_warehouse_in_any_disorder_are_read_or_refused() {
    let world = warehouse();
    let place = world.path("warehouse");
    let deliveries = Landing::open(&place).unwrap().all().len();
    let records: [(&str, &dyn Fn() -> bool); 5] = [
        ("landing/deliveries.jsonl", &|| match Landing::open(&place) {
            // A delivery is never made up.
            Ok(landing) => landing.all().len() <= 2 * deliveries,
            Err(error) => error.to_string().len() < 1000,
        }),
        ("landing/erasures.jsonl", &|| match Erasures::open(&place) {
            // What was altered breaks the chain, so that what is read is what was written.
            Ok(erasures) => {
                erasures.lines().iter().all(|line| line.by == "Officer" && line.why.starts_with("1 month"))
            }
            Err(error) => error.to_string().len() < 1000,
        }),
        ("retained/measures.parquet", &|| {
            Retained::open(&place).map_or_else(|error| error.to_string().len() < 4000, |_| true)
        }),
        ("published/current/manifest.json", &|| {
            let current = place.join("published/current");
            // Whether the tables still fit the manifest is told too.
            release::read_manifest(&current).is_err()
                || release::verify(&current).map_or(true, |found| found.len() < 1000)
        }),
        ("schedule.json", &|| LastRun::read(&place).is_none_or(|last| last.finished.timestamp() < i64::MAX)),
    ];
    for (file, read) in records {
        let path = place.join(file);
        let sound = fs::read(&path).unwrap();
        let mut runner = proptest::test_runner::TestRunner::new(cases(128));
        let outcome =
            runner.run(&(changes(), prop::collection::vec(any::<u8>(), 0..40)), |(changes, noise)| {
                let mut bytes = damaged(&sound, &changes);
                bytes.extend_from_slice(&noise);
                fs::write(&path, bytes).unwrap();
                prop_assert!(read(), "{}", file);
                Ok(())
            });
        outcome.unwrap();
        fs::write(&path, &sound).unwrap();
        assert!(read());
    }
}
