//! What the public sees, on the small project with fourteen months of reports, some of few people. Every published count
//! is held against a recount, and what follows from all of them is worked out here by elimination, with nothing of the
//! product in it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, in its helpers too")]

#[path = "support/elimination.rs"]
mod elimination;
#[path = "support/small.rs"]
#[expect(dead_code, reason = "shared by several test programs")]
mod small;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use elimination::Span;
use small::{Row, World, rows_of};

const ASB_FEED: &str = "pipelines/northport/feeds/northport-asb.toml";
const CRIME_FEED: &str = "pipelines/northport/feeds/northport-crime.toml";
const LICENCE: &str = "id = \"open\"\nkind = \"open-licence\"\nreference = \"OGL v3.0\"\ntitle = \"Open reports\"\n\
                       controller = \"Northport Council\"\n";
const PUBLIC: &str = "warehouse/published/public/current";

const WARDS: [(&str, &str); 3] = [("W01", "H1"), ("W02", "K1"), ("W03", "M1")];
const KINDS: [&str; 2] = ["Litter", "Noise"];
/// Months from June 2024 to July 2025.
const MONTHS: usize = 14;

const BY_KIND: &str = r#"/*
id = "northport-asb-by-kind"
title = "Reports by kind"
framework = "northport-2025-28"
theme = "Streets"
owner = "Head of Neighbourhoods"
kind = "count"
unit = "reports"
polarity = "lower-is-better"
areas = ["P01", "P01/ward"]
breakdowns = ["kind"]
*/
SELECT ward AS area, month, kind, count(*) AS numerator FROM asb GROUP BY ward, month, kind
UNION ALL
SELECT 'P01' AS area, month, kind, count(*) AS numerator FROM asb GROUP BY month, kind
"#;

const NOISE: &str = r#"/*
id = "northport-noise"
title = "Reports of noise out of all"
framework = "northport-2025-28"
theme = "Streets"
owner = "Head of Neighbourhoods"
kind = "percentage"
unit = "% of reports"
polarity = "lower-is-better"
areas = ["P01", "P01/ward"]
*/
SELECT ward AS area, month, count(*) FILTER (WHERE kind = 'Noise') AS numerator, count(*) AS denominator
FROM asb GROUP BY ward, month
UNION ALL
SELECT 'P01' AS area, month, count(*) FILTER (WHERE kind = 'Noise') AS numerator, count(*) AS denominator
FROM asb GROUP BY month
"#;

/// Reports by their ward, kind and month.
type Parts = BTreeSet<(usize, usize, usize)>;

/// Name of the month that lies so many after June 2024.
fn month(at: usize) -> String {
    let number = 5 + at;
    format!("{}-{:02}", 2024 + number / 12, number % 12 + 1)
}

/// Reports by month, ward and kind.
type Reports = Vec<[[usize; 2]; 3]>;

/// Twenty or more a month in Harbour and Moor; Market has few, now and then between one and four of a kind or in all.
fn reports() -> Reports {
    (0..MONTHS)
        .map(|at| {
            let market = match at {
                3 => [2, 1],
                7 => [0, 4],
                9 => [1, 9],
                13 => [3, 6],
                _ => [6 + at % 4, 8 + at % 3],
            };
            [[12 + at * 5 % 7, 14 + at * 3 % 5], market, [21 + at * 2 % 9, 17 + at * 4 % 11]]
        })
        .collect()
}

/// The file of a month.
fn file(of: &[[usize; 2]; 3], month: &str) -> String {
    let mut text = "Day,Beat,Kind\n".to_owned();
    let mut number = 0;
    for ((_, beat), counts) in WARDS.iter().zip(of) {
        for (kind, count) in KINDS.iter().zip(counts) {
            for _ in 0..*count {
                writeln!(text, "{month}-{:02},{beat},{kind}", number % 28 + 1).unwrap();
                number += 1;
            }
        }
    }
    text
}

/// The small project with reports for fourteen months, open to everybody, and tables for the public.
fn open(reports: &Reports) -> World {
    let world = World::empty();
    for crime in small::MONTHS {
        world.deliver("crime", crime);
    }
    world.edit(ASB_FEED, "from = \"2025-04\"", "from = \"2024-06\"");
    world.edit(ASB_FEED, "contract = ", "agreement = \"open\"\ncontract = ");
    world.write("pipelines/northport/agreements/open.toml", LICENCE);
    world.write("sql/northport/northport-asb-by-kind.sql", BY_KIND);
    world.write("sql/northport/northport-noise.sql", NOISE);
    world.edit(
        "sql/northport/northport-asb.sql",
        "areas = [\"P01\", \"P01/ward\"]",
        "areas = [\"P01\", \"P01/ward\"]\nsum-of = [[\"northport-asb-by-kind\"]]",
    );
    let settings = world.read("outturn.toml");
    world.write("outturn.toml", format!("{settings}\n[public]\n"));
    for (at, of) in reports.iter().enumerate() {
        world.send("asb", &month(at), file(of, &month(at)));
    }
    world
}

/// The public's rows of a table.
fn public(world: &World, table: &str) -> Vec<Row> {
    rows_of(&world.path(&format!("{PUBLIC}/{table}.parquet")))
}

fn number(row: &Row, column: &str) -> Option<f64> {
    row.get(column).map(|text| text.parse().unwrap())
}

/// First and last month of a period as tables name it, counted from June 2024.
fn span(period: &str) -> (i32, i32) {
    let at = |text: &str| {
        let (year, number) = text.split_once('-').unwrap();
        (year.parse::<i32>().unwrap() - 2024) * 12 + number.parse::<i32>().unwrap() - 6
    };
    if let Some(last) = period.strip_prefix("12 months to ") {
        return (at(last) - 11, at(last));
    }
    if let Some((year, quarter)) = period.split_once(" Q") {
        let first = at(&format!("{}-04", &year[..4])) + 3 * (quarter.parse::<i32>().unwrap() - 1);
        return (first, first + 2);
    }
    if period.contains('/') {
        let first = at(&format!("{}-04", &period[..4]));
        return (first, first + 11);
    }
    (at(period), at(period))
}

/// One count of a figure as a sum of the reports of ward, kind and month that make it up; `all` kinds unless named.
fn parts(area: &str, kind: Option<&str>, period: &str) -> Parts {
    let (first, last) = span(period);
    let mut parts = BTreeSet::new();
    for (ward, (code, _)) in WARDS.iter().enumerate() {
        for (of, name) in KINDS.iter().enumerate() {
            if (area == "P01" || area == *code) && kind.is_none_or(|kind| kind == *name) {
                parts.extend((first..=last).map(|month| (ward, of, usize::try_from(month).unwrap())));
            }
        }
    }
    parts
}

fn count(reports: &Reports, parts: &Parts) -> usize {
    parts.iter().map(|(ward, kind, month)| reports[*month][*ward][*kind]).sum()
}

/// The counts that a row of `outturn` is about: its parts, and what the row says of it.
fn counts(row: &Row) -> Vec<(Parts, Option<f64>)> {
    let (area, period) = (&row["area"], &row["period"]);
    let numerator = number(row, "numerator");
    match row["measure"].as_str() {
        "northport-asb" => vec![(parts(area, None, period), numerator)],
        "northport-asb-by-kind" => {
            let kind = row["breakdown"].strip_prefix("kind: ").unwrap();
            vec![(parts(area, Some(kind), period), numerator)]
        }
        "northport-noise" => vec![
            (parts(area, Some("Noise"), period), numerator),
            (parts(area, None, period), number(row, "denominator")),
        ],
        _ => Vec::new(),
    }
}

/// A column for each ward, kind and month; those of a second version of a month behind the others.
fn vector(parts: &Parts, changed: Option<usize>) -> Vec<u64> {
    let mut vector = vec![0; (MONTHS + 2) * 6];
    for (ward, kind, month) in parts {
        let month = if changed == Some(*month) { MONTHS + 1 } else { *month };
        vector[month * 6 + ward * 2 + kind] = 1;
    }
    vector
}

/// That the rows tell the truth or nothing, no small count, and nothing from which one follows by addition and
/// subtraction; `know` has what was known before and takes up what these rows tell. Gives shown and withheld counts.
fn recount(rows: &[Row], reports: &Reports, know: &mut Span, changed: Option<usize>) -> (usize, usize) {
    let (mut shown, mut withheld) = (0, Vec::new());
    for row in rows {
        for (parts, said) in counts(row) {
            let truth = count(reports, &parts);
            match said {
                Some(said) => {
                    assert!((said - truth as f64).abs() < 1e-9, "{row:?} is {truth}");
                    assert!(!(1..5).contains(&truth), "{row:?} is small");
                    know.add(&vector(&parts, changed));
                    shown += 1;
                }
                None => withheld.push((row, parts, truth)),
            }
        }
        let is_withheld = counts(row).iter().any(|(_, said)| said.is_none());
        assert_eq!(is_withheld, row["status"] == "suppressed", "{row:?}");
        if is_withheld {
            for column in ["value", "lower", "upper", "confidence", "interval_method"] {
                assert!(!row.contains_key(column), "{row:?}");
            }
        }
    }
    for (row, parts, truth) in &withheld {
        let told = know.tells(&vector(parts, changed));
        assert!(!told || !(1..5).contains(truth), "{truth} follows from what is published: {row:?}");
    }
    (shown, withheld.len())
}

/// Columns in which numbers count no persons.
const HARMLESS: [(&str, &str); 24] = [
    // What two shown counts differ by: anybody can work it out.
    ("assessment", "difference"),
    ("scorecard", "change"),
    ("revision", "difference"),
    ("assessment", "rank"),
    ("assessment", "of"),
    ("assessment", "quantile_group"),
    ("signal", "points"),
    ("signal", "chance"),
    ("signal_summary", "series"),
    ("signal_summary", "tested"),
    ("signal_summary", "exceptions"),
    ("period", "months"),
    ("release", "measures"),
    ("release", "measures_released"),
    ("release", "gaps"),
    ("feed_status", "days_late"),
    // How many figures are withheld, not whom they count.
    ("disclosure", "shown"),
    ("disclosure", "withheld"),
    ("disclosure", "withheld_percent"),
    ("disclosure", "figures"),
    // Versions of definitions, and how many figures somebody signed.
    ("outturn", "definition_version"),
    ("measure", "definition_version"),
    ("sign_off", "number"),
    ("sign_off", "figures"),
];

/// Every number from 1 to 4 in the Parquet and CSV files of the public, but where numbers count no persons.
fn small_numbers(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let is_small = |text: &str| {
        text.parse::<f64>().is_ok_and(|number| (0.5..4.5).contains(&number) && number.fract() == 0.0)
    };
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let table = path.file_stem().unwrap().to_string_lossy().into_owned();
        let harmless = |column: &str| HARMLESS.contains(&(table.as_str(), column));
        match path.extension().unwrap_or_default().to_string_lossy().as_ref() {
            "parquet" => {
                for row in rows_of(&path) {
                    let small = row.iter().filter(|(column, text)| is_small(text) && !harmless(column));
                    found.extend(small.map(|(column, text)| format!("{}: {column} {text}", path.display())));
                }
            }
            "csv" => {
                let mut reader = csv_rows(&fs::read_to_string(&path).unwrap()).into_iter();
                let header = reader.next().unwrap();
                for row in reader {
                    assert_eq!(row.len(), header.len(), "{}", path.display());
                    let small =
                        header.iter().zip(&row).filter(|(column, text)| is_small(text) && !harmless(column));
                    found.extend(small.map(|(column, text)| format!("{}: {column} {text}", path.display())));
                }
            }
            _ => {}
        }
    }
    found
}

/// Fields of a CSV text, quotes taken off.
fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            _ => field.push(letter),
        }
    }
    rows
}

#[test]
fn nothing_published_gives_a_small_count_back() {
    let reports = reports();
    let world = open(&reports);
    world.run().exits(0);
    let rows = public(&world, "outturn");
    let mut know = Span::default();
    let (shown, withheld) = recount(&rows, &reports, &mut know, None);
    // The partnership sees all of it.
    let all = world.table("outturn");
    assert!(all.iter().all(|row| row["status"] != "suppressed"));
    // Months, quarters, the year and rolling years of three wards and the partnership are told of all three measures.
    assert!(shown > 200 && withheld > 20 && withheld * 2 < shown, "{shown} shown, {withheld} withheld");

    // The attack is one: when nothing but the small counts themselves is left out, it finds them.
    let mut careless = Span::default();
    let mut given = 0;
    let asb = |row: &&Row| row["measure"] == "northport-asb";
    for row in all.iter().filter(asb) {
        for (parts, _) in counts(row) {
            if !(1..5).contains(&count(&reports, &parts)) {
                careless.add(&vector(&parts, None));
            }
        }
    }
    for row in all.iter().filter(asb) {
        for (parts, _) in counts(row) {
            given += usize::from(
                (1..5).contains(&count(&reports, &parts)) && careless.tells(&vector(&parts, None)),
            );
        }
    }
    assert!(given > 0);

    // Market had 2 reports of litter and 1 of noise in September 2024.
    let wanted = |row: &&Row| row["area"] == "W02" && row["period"] == "2024-09";
    let told: Vec<&Row> = rows.iter().filter(wanted).filter(|row| row["measure"].contains("asb")).collect();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|row| row["status"] == "suppressed"), "{told:?}");
}

#[test]
fn the_public_folder_holds_no_small_number_and_nothing_of_the_partnerships_tables() {
    let world = open(&reports());
    world.write(
        "pipelines/northport/commentary/northport-asb/2025-05.md",
        "+++\nauthor = \"Head of Neighbourhoods\"\ndate = 2025-06-20\n+++\nOnly 3 residents of Market reported litter.\n",
    );
    world.write(
        "pipelines/northport/commentary/northport-asb/2025-06.md",
        "+++\nauthor = \"Head of Neighbourhoods\"\ndate = 2025-07-20\n+++\nReports were fewer than a year before.\n",
    );
    world.write(
        "pipelines/northport/commentary/northport-asb/2025-04.md",
        "+++\nauthor = \"Head of Neighbourhoods\"\ndate = 2025-05-20\n+++\nThree older residents of Market reported litter.\n",
    );
    world.write(
        "pipelines/northport/commentary/northport-asb/2025-07.md",
        "+++\nauthor = \"Head of Neighbourhoods\"\ndate = 2025-08-10\n+++\nOne of the two partners has left; no one was hurt.\n",
    );
    let told = world.outturn(&["check"]).exits(0);
    let warned = told.err.matches("a number from 1 to 4 may tell of somebody").count();
    assert_eq!(warned, 2, "the one of May and that of April\n{told}");
    world.run().exits(0);
    let shared = world.path("warehouse/published/public");
    let release = world.release().unwrap();
    let files = world.files("warehouse/published/public", Path::is_file);
    // A table is not there unless its file says that everybody may see it.
    for file in files.keys().filter(|file| file.starts_with("releases/")) {
        for kept_back in ["crime_by_ward", "quarantine_summary", "waiver"] {
            assert!(!file.contains(kept_back), "{file}");
        }
        assert!(file.starts_with(&format!("releases/{release}/")), "{file}");
    }
    assert_eq!(fs::read_link(shared.join("current")).unwrap(), Path::new("releases").join(&release));
    let found = small_numbers(&shared.join("current"));
    assert!(found.is_empty(), "{found:#?}");
    // The scan finds them where they are.
    assert!(!small_numbers(&world.path("warehouse/published/current")).is_empty());

    let said = public(&world, "commentary");
    let text = |period: &str| said.iter().find(|row| row["period"] == period).unwrap()["text"].clone();
    assert_eq!((&*text("2025-05"), &*text("2025-04")), ("[c]", "[c]"));
    assert!(text("2025-07").starts_with("One of the two partners"), "{}", text("2025-07"));
    assert!(text("2025-06").starts_with("Reports were fewer"), "{}", text("2025-06"));
    for file in files.keys().filter(|file| file.starts_with("releases/")) {
        let bytes = fs::read(shared.join(file)).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("3 residents"), "{file}");
    }
    // The files are what the manifest says.
    world.outturn(&["verify"]).exits(0);
}

#[test]
fn a_table_of_the_project_is_public_when_its_file_says_why() {
    let world = open(&reports());
    world.edit(CRIME_FEED, "contract = ", "agreement = \"open\"\ncontract = ");
    let table = "sql/northport/tables/crime_by_ward.sql";
    world.edit(table, "[columns]", "public = \"a sum over all months, agreed by the board\"\n\n[columns]");
    world.run().exits(0);
    let here = public(&world, "crime_by_ward");
    assert_eq!(here.len(), world.table("crime_by_ward").len());
    world.edit(table, "public = \"a sum over all months, agreed by the board\"", "public = \"\"");
    world.outturn(&["check"]).exits(2).says("say why everybody may see it");
}

#[test]
fn what_two_releases_tell_together_gives_no_small_count_back() {
    let mut reports = reports();
    let last = reports.len() - 1;
    let world = open(&reports);
    fs::remove_file(world.path(&format!("deliveries/asb/{}.csv", month(last)))).unwrap();
    world.outturn_at("2025-07-12T05:30:00Z", &["run"]).exits(0);
    let first = public(&world, "outturn");
    let mut know = Span::default();
    let told = |rows: &[Row]| -> Vec<Row> {
        rows.iter()
            .filter(|row| row.contains_key("numerator") || row["status"] == "suppressed")
            .cloned()
            .collect()
    };
    recount(&told(&first), &reports, &mut know, None);

    // A month comes, and a small one.
    world.send("asb", &month(last), file(&reports[last], &month(last)));
    world.run().exits(0);
    let second = public(&world, "outturn");
    assert!(second.len() > told(&first).len());
    recount(&second, &reports, &mut know, None);

    // Then April 2025 is told anew: Market has one report of litter more, and Harbour two fewer.
    let restated = 10;
    reports[restated][1][0] += 1;
    reports[restated][0][0] -= 2;
    world.send("asb", &month(restated), file(&reports[restated], &month(restated)));
    // Figures that do not hold the month are as they were, those that do have columns of their own.
    world.outturn_at("2025-08-13T05:30:00Z", &["run"]).exits(0);
    let third = public(&world, "outturn");
    recount(&third, &reports, &mut know, Some(restated));
    assert_ne!(second, third);

    // What the public is told of changes tells no withheld figure either.
    let withheld: BTreeSet<[String; 4]> = third
        .iter()
        .chain(&second)
        .filter(|row| row["status"] == "suppressed")
        .map(|row| ["measure", "area", "period", "breakdown"].map(|name| row[name].clone()))
        .collect();
    let revised = public(&world, "revision");
    assert!(!revised.is_empty());
    for row in &revised {
        let key = ["measure", "area", "period", "breakdown"].map(|name| row[name].clone());
        if withheld.contains(&key) {
            assert_eq!(row["reason"], "disclosure", "{row:?}");
            assert!(!row.contains_key("difference"), "{row:?}");
        } else {
            assert_eq!(row["reason"], "restated_month", "{row:?}");
        }
    }
    for release in world.files("warehouse/published/releases", |_| ()).keys() {
        if let Some(name) = release.strip_suffix("/public/manifest.json") {
            world.outturn(&["disclosure", "audit", name]).exits(0);
        }
    }
}

#[test]
fn a_measure_that_must_be_published_is_and_says_why() {
    let world = open(&reports());
    // A measure that stands alone: nothing else counts reports.
    fs::remove_file(world.path("sql/northport/northport-noise.sql")).unwrap();
    fs::remove_file(world.path("sql/northport/northport-asb-by-kind.sql")).unwrap();
    world.edit("sql/northport/northport-asb.sql", "\nsum-of = [[\"northport-asb-by-kind\"]]", "");
    let measure = "sql/northport/northport-asb.sql";
    world.edit(measure, "*/", "[disclosure]\noff = \"the Act asks for every case review\"\n*/");
    world.run().exits(0);
    let row = public(&world, "outturn")
        .into_iter()
        .find(|row| row["measure"] == "northport-asb" && row["area"] == "W02" && row["period"] == "2024-09")
        .unwrap();
    assert_eq!((row["numerator"].as_str(), row["status"].as_str()), ("3.0", "available"));
    let described =
        public(&world, "measure").into_iter().find(|row| row["measure"] == "northport-asb").unwrap();
    assert_eq!(described["disclosure"], "published whatever its size");
    assert_eq!(described["disclosure_reason"], "the Act asks for every case review");
    world.outturn(&["disclosure", "audit"]).exits(0);

    // What the agreement demands cannot be switched off.
    world.write(
        "pipelines/northport/agreements/open.toml",
        format!("{LICENCE}\n[disclosure]\nthreshold = 10\n"),
    );
    world.run().exits(2).says("agreement `open`").says("switched off");
    world.edit(
        measure,
        "off = \"the Act asks for every case review\"",
        "threshold = 3\nreason = \"few live there\"",
    );
    world.run().exits(0);
    let rows = public(&world, "outturn");
    let small =
        rows.iter().filter_map(|row| number(row, "numerator")).filter(|count| (1.0..10.0).contains(count));
    assert_eq!(small.count(), 0);
    assert_eq!(public(&world, "measure")[0]["disclosure"], "counts from 1 to 9 are withheld");
}

#[test]
fn a_measure_whose_agreement_does_not_permit_the_public_stands_with_the_reason_and_no_number() {
    let world = open(&reports());
    world.run().exits(0);
    let why = "feed `northport-crime` has no agreement recorded, so it is not shown to audience `public`";
    let described = public(&world, "measure");
    let of = |measure: &str| described.iter().find(|row| row["measure"] == measure).unwrap().clone();
    for measure in ["northport-crime-rate", "northport-charged"] {
        assert_eq!((of(measure)["status"].as_str(), of(measure)["reason"].as_str()), ("withheld", why));
        let rows: Vec<Row> =
            public(&world, "outturn").into_iter().filter(|row| row["measure"] == measure).collect();
        assert!(!rows.is_empty());
        for row in rows {
            assert_eq!((row["status"].as_str(), row["note"].as_str()), ("not_available", why));
            assert!(
                !["numerator", "denominator", "value", "lower"].iter().any(|name| row.contains_key(*name))
            );
        }
        assert!(public(&world, "scorecard").iter().all(|row| row["measure"] != measure));
    }
    assert_eq!(of("northport-asb")["status"], "released");
    let lost = public(&world, "disclosure");
    assert_eq!(
        lost.iter().find(|row| row["measure"] == "northport-charged").unwrap()["result"],
        "not_permitted"
    );
    // The partnership is told of both, and how many are withheld for which reason; the public is not.
    assert_eq!(world.figure("northport-charged", "P01", "2025-06"), "available 25.0");
    let own = world.rows("disclosure", &[("measure", "northport-asb")]);
    assert!(own[0]["small"].parse::<u32>().unwrap() >= 2 && own[0].contains_key("cover"), "{own:?}");
    assert!(lost.iter().all(|row| !row.contains_key("small") && !row.contains_key("cover")));
}

#[test]
fn the_audit_proves_what_is_published_and_finds_what_was_changed() {
    let world = open(&reports());
    world.run().exits(0);
    let told =
        world.outturn(&["disclosure", "audit"]).exits(0).prints("nothing that is withheld can be worked out");
    assert!(told.out.contains(" 0 not protected"), "{told}");
    let bounds = world.outturn(&["disclosure", "audit", "--bounds", "--output", "json"]).exits(0).json();
    let rows = bounds.as_array().unwrap();
    assert!(rows.len() > 20);
    for row in rows {
        let (low, high) = (row["low"].as_f64().unwrap(), row.get("high").and_then(serde_json::Value::as_f64));
        assert!(high.is_none_or(|high| high >= 5.0 && high > low), "{row}");
    }
    world.outturn(&["disclosure", "audit", "2025-01-01.1"]).exits(4);

    // Somebody shows a figure that covers another: the audit names what follows, not only the digest.
    let release = world.release().unwrap();
    let folder = world.path(&format!("warehouse/published/releases/{release}/public"));
    reveal(&folder, &world, |row| row["measure"] == "northport-asb" && row["period"] == "2024-09");
    let told = world.outturn(&["disclosure", "audit"]).exits(1);
    let told = told.says("outturn.parquet: differs from its digest in the manifest");
    assert!(told.err.contains("measure `northport-asb`, area W02, period 2024-09"), "{told}");
    world.outturn(&["verify"]).exits(7);
}

/// Writes the figures of the partnership in the place of those that the public sees.
fn reveal(folder: &Path, world: &World, which: impl Fn(&Row) -> bool) {
    use arrow::array::{Array, AsArray, Float64Array, RecordBatch};
    use arrow::compute::concat_batches;
    use arrow::datatypes::Float64Type;
    use outturn::release::{read_table, write_table};
    let (schema, batches) = read_table(folder, "outturn").unwrap();
    let batch = concat_batches(&schema, &batches).unwrap();
    let rows = rows_of(&folder.join("outturn.parquet"));
    let truth: BTreeMap<[String; 4], f64> = world
        .table("outturn")
        .iter()
        .filter_map(|row| {
            let key = ["measure", "area", "period", "breakdown"].map(|name| row[name].clone());
            Some((key, number(row, "numerator")?))
        })
        .collect();
    let at = schema.index_of("numerator").unwrap();
    let own = batch.column(at).as_primitive::<Float64Type>();
    let numerators: Float64Array = rows
        .iter()
        .enumerate()
        .map(|(place, row)| {
            let key = ["measure", "area", "period", "breakdown"].map(|name| row[name].clone());
            // The small ward itself stays withheld; its neighbours are shown.
            let shown = which(row) && row["area"] != "W02";
            if shown { truth.get(&key).copied() } else { own.is_valid(place).then(|| own.value(place)) }
        })
        .collect();
    let mut columns = batch.columns().to_vec();
    columns[at] = std::sync::Arc::new(numerators);
    let changed = RecordBatch::try_new(schema.clone(), columns).unwrap();
    write_table(folder, "outturn", "t", &schema, &[changed]).unwrap();
}

#[test]
fn a_run_that_was_killed_behind_its_release_leaves_the_last_step_to_the_next() {
    let world = open(&reports());
    world.run().exits(0);
    let shown = world.files(PUBLIC, |path| fs::read(path).unwrap());
    fs::remove_dir_all(world.path("warehouse/published/public")).unwrap();
    world.run().exits(0).says("already current");
    assert_eq!(world.files(PUBLIC, |path| fs::read(path).unwrap()), shown);
    // And then there is nothing to do.
    let before = world.files("warehouse", |path| fs::metadata(path).unwrap().modified().unwrap());
    world.run().exits(0).says("already current");
    assert_eq!(world.files("warehouse", |path| fs::metadata(path).unwrap().modified().unwrap()), before);
}

#[test]
fn a_damaged_earlier_set_keeps_the_public_on_the_last_one_and_the_partnership_is_served() {
    let mut reports = reports();
    let world = open(&reports);
    world.run().exits(0);
    let first = world.release().unwrap();
    world.write(&format!("warehouse/published/releases/{first}/public/manifest.json"), "{");
    reports[12][0][0] += 3;
    world.send("asb", &month(12), file(&reports[12], &month(12)));
    let told = world.outturn_at("2025-08-13T05:30:00Z", &["run"]).exits(3);
    told.says("public tables: not made").says("the public keeps the last ones");
    assert_ne!(world.release().unwrap(), first);
    assert!(fs::read_link(world.path(PUBLIC)).unwrap().ends_with(&first));
    assert!(
        !world.path(&format!("warehouse/published/releases/{}/public", world.release().unwrap())).exists()
    );
    world.outturn_at("2025-08-13T05:30:00Z", &["run"]).exits(3).says("public tables: not made");
}

const PERSON: &str = "[[column]]\nname = \"kind\"";

#[test]
fn a_column_that_would_publish_a_person_is_refused_where_it_stands() {
    let world = open(&reports());
    let contract = "pipelines/northport/contracts/council-asb.toml";
    world.edit(
        contract,
        "header = [\"Day\", \"Beat\", \"Kind\"]",
        "header = [\"Day\", \"Beat\", \"Kind\", \"Caller\"]",
    );
    world.edit(
        contract,
        PERSON,
        &format!("[[column]]\nname = \"caller\"\nfrom = \"Caller\"\nperson = true\n\n{PERSON}"),
    );
    let settings = world.read("outturn.toml");
    world.write("outturn.toml", format!("{settings}\n[pseudonyms]\nkey = \"${{file:key.txt}}\"\n"));
    world.write("key.txt", "an invented key of more than thirty-two characters");
    world.write("sql/shared/caller.sql", "SELECT ward, month, caller AS who FROM asb");
    world.outturn(&["check"]).exits(0);

    let by_kind = "sql/northport/northport-asb-by-kind.sql";
    let repeat = |column: &str| {
        BY_KIND
            .replace("breakdowns = [\"kind\"]", "breakdowns = [\"who\"]")
            .split("*/")
            .next()
            .unwrap()
            .to_owned()
            + &format!(
                "*/\nSELECT\n    ward AS area,\n    month,\n    {column} AS who,\n    count(*) AS numerator\nFROM caller\nGROUP BY ward, month, who\n"
            )
    };
    world.edit("sql/northport/northport-asb.sql", "\nsum-of = [[\"northport-asb-by-kind\"]]", "");
    world.write(by_kind, repeat("who"));
    let told = world.outturn(&["check"]).exits(2);
    let told = told.says("column `who` would publish column `caller` of `asb`");
    assert!(told.err.contains("sql/northport/northport-asb-by-kind.sql:19:23"), "{told}");
    world.run().exits(2);

    // As a table, through an aggregate, and a question that tells of nobody.
    fs::remove_file(world.path(by_kind)).unwrap();
    let table = |column: &str| {
        format!(
            "/*\nid = \"callers\"\ntitle = \"Callers\"\n*/\nSELECT ward, {column} AS x FROM caller GROUP BY ward\n"
        )
    };
    world.write("sql/northport/tables/callers.sql", table("min(who)"));
    world.outturn(&["check"]).exits(2).says("column `x` would publish column `caller` of `asb`");
    world.write("sql/northport/tables/callers.sql", table("count(DISTINCT who)"));
    world.outturn(&["check"]).exits(0);
}

#[test]
fn settings_that_would_not_protect_are_refused() {
    let world = open(&reports());
    let measure = "sql/northport/northport-noise.sql";
    let with = |lines: &str| NOISE.replace("*/", &format!("{lines}\n*/"));
    for (lines, said) in [
        ("[disclosure]\noff = \"\"", "say why"),
        ("[disclosure]\nthreshold = 3", "needs a `reason`"),
        ("[disclosure]\nrounding = 2", "at least 3"),
        ("[disclosure]\noff = \"law\"\nthreshold = 7", "switched off"),
        ("sum-of = [[\"northport-noise\"]]", "a sum of itself"),
        ("sum-of = [[\"northport-nose\"]]", "did you mean `northport-noise`"),
        ("sum-of = [[]]", "at least one measure"),
    ] {
        world.write(measure, with(lines));
        world.outturn(&["check"]).exits(2).says(said);
    }
    world.write(measure, NOISE);
    world.edit("outturn.toml", "[public]", "[public]\nthreshold = 2");
    world.outturn(&["check"]).exits(2).says("at least 3");
}

#[test]
fn rounded_counts_are_multiples_and_their_values_follow_from_them() {
    let reports = reports();
    let world = open(&reports);
    fs::remove_file(world.path("sql/northport/northport-noise.sql")).unwrap();
    fs::remove_file(world.path("sql/northport/northport-asb-by-kind.sql")).unwrap();
    let measure = "sql/northport/northport-asb.sql";
    world.edit(measure, "\nsum-of = [[\"northport-asb-by-kind\"]]", "");
    world.edit(measure, "*/", "[disclosure]\nrounding = 10\n*/");
    world.run().exits(0);
    let rows = public(&world, "outturn").into_iter().filter(|row| row["measure"] == "northport-asb");
    let mut n = 0;
    for row in rows {
        let truth = count(&reports, &parts(&row["area"], None, &row["period"]));
        let expected = (truth + 5) / 10 * 10;
        assert_eq!(number(&row, "numerator"), Some(expected as f64), "{truth}: {row:?}");
        assert_eq!(number(&row, "value"), Some(expected as f64), "{row:?}");
        assert!(!row.contains_key("lower") && !row.contains_key("upper"), "{row:?}");
        n += 1;
    }
    assert!(n > 60);
    assert_eq!(public(&world, "disclosure").iter().filter(|row| row["result"] == "rounded").count(), 1);
    let counts =
        format!("{n} counts are rounded, of measures northport-asb: {n} of them cannot be told exactly");
    world.outturn(&["disclosure", "audit"]).exits(0).prints(&counts);
}

#[test]
fn measures_that_are_tied_by_sums_are_rounded_when_all_of_them_are_to_be() {
    let reports = reports();
    let (all, by_kind) = ("northport-asb", "northport-asb-by-kind");
    let rounding = |measures: &[&str], base: usize, said: &str| {
        let world = open(&reports);
        fs::remove_file(world.path("sql/northport/northport-noise.sql")).unwrap();
        for id in measures {
            let setting = format!("[disclosure]\nrounding = {base}\n*/");
            world.edit(&format!("sql/northport/{id}.sql"), "*/", &setting);
        }
        world.run().exits(0).says(said);
        let rows = public(&world, "disclosure").into_iter();
        let own = rows.filter(|row| row["measure"] == all || row["measure"] == by_kind);
        let results: Vec<String> = own.map(|row| format!("{}: {}", row["result"], row["rule"])).collect();
        (world, results)
    };
    // One of them alone cannot be rounded: the other would give it back.
    let said = "counts are withheld and not rounded: sums tie it to measures that are not rounded";
    let (_, results) = rounding(&[all], 10, said);
    let rule = "protected: counts from 1 to 4 are withheld";
    assert_eq!(results, [&format!("{rule}; not rounded, since that would tell counts"), rule]);
    // To the nearest 5, months, quarters and rolling years narrow each other down too far.
    let (_, results) = rounding(&[all, by_kind], 5, "counts could be told exactly, the first is measure");
    assert!(
        results.iter().all(|result| result.starts_with(rule) && result.contains("not rounded")),
        "{results:?}"
    );
    let (world, results) = rounding(&[all, by_kind], 10, "");
    assert_eq!(results, ["rounded: counts are rounded to the nearest 10"; 2]);
    let rows: Vec<_> =
        public(&world, "outturn").into_iter().filter(|row| row["measure"] == by_kind).collect();
    assert!(rows.len() > 100);
    for row in &rows {
        let kind = row["breakdown"].strip_prefix("kind: ");
        let truth = count(&reports, &parts(&row["area"], kind, &row["period"]));
        assert_eq!(number(row, "numerator"), Some(((truth + 5) / 10 * 10) as f64), "{truth}: {row:?}");
    }
    world
        .outturn(&["disclosure", "audit"])
        .exits(0)
        .prints("counts are rounded, of measures northport-asb, northport-asb-by-kind");
    let told = world.outturn(&["disclosure", "audit", "--bounds", "--output", "csv"]).exits(0);
    assert!(told.out.lines().filter(|line| line.starts_with(by_kind)).count() >= rows.len(), "{told}");
}

#[test]
fn a_part_of_a_declared_sum_that_the_public_may_not_see_is_not_what_the_others_leave() {
    let mut reports = reports();
    reports[5][1] = [12, 3];
    let world = open(&reports);
    for id in ["northport-noise", "northport-asb-by-kind"] {
        fs::remove_file(world.path(&format!("sql/northport/{id}.sql"))).unwrap();
    }
    // Crimes are under no agreement, so that nobody but the partnership may see what is counted with them.
    let kinds = [("litter", "Litter", ""), ("noise-count", "Noise", " AND EXISTS (SELECT 1 FROM crime)")];
    for (id, kind, more) in kinds {
        let of = |area: &str, by: &str| {
            format!(
                "SELECT {area} AS area, month, count(*) AS numerator FROM asb WHERE kind = '{kind}'{more} GROUP BY {by}month"
            )
        };
        let head = BY_KIND
            .split("breakdowns")
            .next()
            .unwrap()
            .replace("northport-asb-by-kind", &format!("northport-{id}"));
        let select = format!("{}\nUNION ALL\n{}", of("ward", "ward, "), of("'P01'", ""));
        world.write(&format!("sql/northport/northport-{id}.sql"), format!("{head}*/\n{select}\n"));
    }
    world.edit(
        "sql/northport/northport-asb.sql",
        "[[\"northport-asb-by-kind\"]]",
        "[[\"northport-litter\", \"northport-noise-count\"]]",
    );
    world.run().exits(0);
    let rows = public(&world, "outturn");
    let told = |measure: &str| {
        let at = |row: &&Row| row["measure"] == measure && row["area"] == "W02" && row["period"] == month(5);
        rows.iter().find(at).and_then(|row| number(row, "numerator"))
    };
    assert!(
        rows.iter().all(|row| row["measure"] != "northport-noise-count" || !row.contains_key("numerator"))
    );
    let both = (told("northport-asb"), told("northport-litter"));
    assert!(both.0.is_none() || both.1.is_none(), "15 - 12 is 3: {both:?}");
    world.outturn(&["disclosure", "audit"]).exits(0);
}

#[test]
fn a_declared_sum_that_ties_nothing_is_told_to_the_partnership_and_to_the_public_without_the_reason() {
    let world = open(&reports());
    fs::remove_file(world.path("sql/northport/northport-noise.sql")).unwrap();
    // Months of the one, quarters of the other: what is left of a quarter without two of its months is told by hand.
    let by_kind = "sql/northport/northport-asb-by-kind.sql";
    world.edit(
        by_kind,
        "breakdowns = [\"kind\"]",
        "breakdowns = [\"kind\"]\nperiods = [\"financial-quarter\"]",
    );
    world.edit("sql/northport/northport-asb.sql", "areas = [", "periods = [\"month\"]\nareas = [");
    world.run().exits(3).says(
        "`sum-of` of measure `northport-asb` ties none of its figures to those of northport-asb-by-kind",
    );
    let told = "its small counts could not be protected";
    for (table, column) in [("disclosure", "detail"), ("measure", "reason")] {
        let rows =
            public(&world, table).into_iter().filter(|row| row.contains_key("kind") || table == "disclosure");
        let said: Vec<Option<String>> =
            rows.filter(|row| row["measure"].contains("asb")).map(|row| row.get(column).cloned()).collect();
        assert_eq!(said, [Some(told.to_owned()), Some(told.to_owned())], "{table}");
    }
    let own = world.rows("disclosure", &[("measure", "northport-asb")]);
    assert!(own[0]["detail"].contains("`sum-of`"), "{own:?}");
    let rows = public(&world, "outturn");
    let of_asb = |row: &&Row| row["measure"].contains("asb");
    assert!(rows.iter().filter(of_asb).all(|row| !row.contains_key("numerator")), "both are kept back");
}
