//! What the public sees of averages, medians, scores, surveys, gaps, indices, shares and ratios, on sixteen months of
//! invented visits of which some are few. Every published number is recounted from the visits, and what follows from all of
//! them is worked out here by elimination, with nothing of the product in it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

#[path = "support/elimination.rs"]
mod elimination;
#[path = "support/small.rs"]
#[expect(dead_code, reason = "shared by several test programs")]
mod small;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use elimination::Span;
use small::{Row, World, rows_of};

const PUBLIC: &str = "warehouse/published/public/current";
const WARDS: [&str; 3] = ["W01", "W02", "W03"];
const WAYS: [&str; 2] = ["Call", "Visit"];
/// Months from April 2024 to July 2025.
const MONTHS: usize = 16;

/// One visit.
#[derive(Debug, Clone, Copy)]
struct Visit {
    month: usize,
    ward: usize,
    way: usize,
    good: bool,
    minutes: usize,
    /// In pence.
    cost: usize,
}

/// How many visits ended well and how many did not, by month, ward and way. Market has few now and then.
fn counts(month: usize, ward: usize, way: usize) -> [usize; 2] {
    match (month, ward, way) {
        (3, 1, 0) => [1, 2],
        (7, 1, 1) => [0, 4],
        (9, 1, 0) => [2, 9],
        (13, 1, 0) => [1, 1],
        (13, 1, 1) => [1, 0],
        _ => [6 + (month * 5 + ward * 3 + way) % 7, 7 + (month * 3 + ward + way * 2) % 5],
    }
}

fn visits() -> Vec<Visit> {
    let mut all: Vec<Visit> = Vec::new();
    for month in 0..MONTHS {
        for ward in 0..WARDS.len() {
            for way in 0..WAYS.len() {
                for (good, n) in [true, false].into_iter().zip(counts(month, ward, way)) {
                    for _ in 0..n {
                        let minutes = 5 + all.len() * 17 % 61;
                        // One visit to Moor in September 2024 cost more than all others there together.
                        let cost = 1025 + all.len() * 137 % 1200;
                        let is_dear =
                            (month, ward) == (5, 2) && all.last().is_none_or(|last| last.ward != ward);
                        let cost = if is_dear { 300_050 } else { cost };
                        all.push(Visit { month, ward, way, good, minutes, cost });
                    }
                }
            }
        }
    }
    all
}

/// Name of the month that lies so many after April 2024.
fn month(at: usize) -> String {
    let number = 3 + at;
    format!("{}-{:02}", 2024 + number / 12, number % 12 + 1)
}

/// First and last month of a period as tables name it, counted from April 2024.
fn span(period: &str) -> (usize, usize) {
    let at = |text: &str| {
        let (year, number) = text.split_once('-').unwrap();
        (year.parse::<usize>().unwrap() - 2024) * 12 + number.parse::<usize>().unwrap() - 4
    };
    if let Some((year, quarter)) = period.split_once(" Q") {
        let first = at(&format!("{}-04", &year[..4])) + 3 * (quarter.parse::<usize>().unwrap() - 1);
        return (first, first + 2);
    }
    if period.contains('/') {
        let first = at(&format!("{}-04", &period[..4]));
        return (first, first + 11);
    }
    (at(period), at(period))
}

/// Which visits a count is about.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Of {
    ward: Option<usize>,
    way: Option<usize>,
    good: bool,
    months: (usize, usize),
}

impl Of {
    fn new(area: &str, period: &str) -> Self {
        let ward = WARDS.iter().position(|ward| *ward == area);
        Self { ward, way: None, good: false, months: span(period) }
    }

    fn way(self, way: usize) -> Self {
        Self { way: Some(way), ..self }
    }

    fn has(&self, visit: &Visit) -> bool {
        self.ward.is_none_or(|ward| ward == visit.ward)
            && self.way.is_none_or(|way| way == visit.way)
            && (visit.good || !self.good)
            && (self.months.0..=self.months.1).contains(&visit.month)
    }

    /// A column for each month, ward, way and end of a visit; a month that was told anew has columns of its own.
    fn vector(&self, anew: Option<usize>) -> Vec<u64> {
        let mut vector = vec![0; (MONTHS + 1) * 12];
        for at in 0..MONTHS * 12 {
            let visit = Visit {
                month: at / 12,
                ward: at / 4 % 3,
                way: at / 2 % 2,
                good: at % 2 == 0,
                minutes: 0,
                cost: 0,
            };
            let month = if anew == Some(visit.month) { MONTHS } else { visit.month };
            vector[month * 12 + at % 12] = u64::from(self.has(&visit));
        }
        vector
    }
}

struct Visits(Vec<Visit>);

impl Visits {
    fn of(&self, of: Of) -> impl Iterator<Item = &Visit> {
        self.0.iter().filter(move |visit| of.has(visit))
    }

    fn count(&self, of: Of) -> usize {
        self.of(of).count()
    }

    fn minutes(&self, of: Of) -> usize {
        self.of(of).map(|visit| visit.minutes).sum()
    }

    fn median(&self, of: Of) -> f64 {
        let mut all: Vec<usize> = self.of(of).map(|visit| visit.minutes).collect();
        all.sort_unstable();
        (all[(all.len() - 1) / 2] + all[all.len() / 2]) as f64 / 2.0
    }
}

fn of_row(row: &Row) -> Of {
    let of = Of::new(&row["area"], &row["period"]);
    match row["breakdown"].strip_prefix("way: ") {
        Some(name) => of.way(WAYS.iter().position(|way| *way == name).unwrap()),
        None => of,
    }
}

fn number(row: &Row, column: &str) -> Option<f64> {
    row.get(column).map(|text| text.parse().unwrap())
}

/// The counts of visits that a row of `outturn` is made of, with what it says of each.
fn said(row: &Row) -> Vec<(Of, Option<f64>)> {
    let of = of_row(row);
    let good = |of: Of| Of { good: true, ..of };
    let (first, second) = (number(row, "numerator"), number(row, "denominator"));
    match row["measure"].as_str() {
        "average" | "average-by-way" | "median" | "score" => vec![(of, second)],
        "survey" => vec![(of, number(row, "base"))],
        "gap" => vec![
            (good(of.way(0)), first),
            (of.way(0), second),
            (good(of.way(1)), number(row, "other_numerator")),
            (of.way(1), number(row, "other_denominator")),
        ],
        "index" => {
            // The denominator is as many twelfths of the base year as the period has months.
            let year = Of { months: (0, 11), ..of };
            let months = (of.months.1 - of.months.0 + 1) as f64;
            let told = second.map(|part| part * 12.0 / months);
            vec![(of, first), (year, number(row, "other_numerator")), (year, told)]
        }
        "share" => vec![(of, first), (Of { ward: None, ..of }, second)],
        "ratio" => vec![(of.way(0), first), (of.way(1), second)],
        other => panic!("{other}"),
    }
}

/// The value of a figure, from the visits.
fn value(visits: &Visits, row: &Row) -> f64 {
    let of = of_row(row);
    let count = |of: Of| visits.count(of) as f64;
    let good = |of: Of| 100.0 * count(Of { good: true, ..of }) / count(of);
    let mean = visits.minutes(of) as f64 / count(of);
    match row["measure"].as_str() {
        "average" | "average-by-way" => mean,
        "median" => visits.median(of),
        "score" => mean / 10.0,
        "survey" => 100.0 * visits.of(of).filter(|visit| visit.minutes < 20).count() as f64 / count(of),
        "gap" => good(of.way(0)) - good(of.way(1)),
        "index" => {
            let months = (of.months.1 - of.months.0 + 1) as f64;
            100.0 * count(of) / (count(Of { months: (0, 11), ..of }) * months / 12.0)
        }
        "share" => 100.0 * count(of) / count(Of { ward: None, ..of }),
        "ratio" => count(of.way(0)) / count(of.way(1)),
        other => panic!("{other}"),
    }
}

/// Every measure: its settings, its numbers, and whether it yields whole periods.
const MEASURES: [(&str, &str, &str, bool); 9] = [
    (
        "average",
        "kind = \"average\"\nsum-of = [[\"average-by-way\"]]",
        "sum(minutes) AS numerator, count(minutes) AS denominator, sum(minutes * minutes) AS sum_of_squares",
        false,
    ),
    (
        "average-by-way",
        "kind = \"average\"\nbreakdowns = [\"way\"]",
        "sum(minutes) AS numerator, count(minutes) AS denominator, stddev(minutes) AS standard_deviation",
        false,
    ),
    (
        "median",
        "kind = \"median\"",
        "median(minutes) AS value, count(minutes) AS denominator, median_lower(array_agg(minutes)) AS lower, \
         median_upper(array_agg(minutes)) AS upper",
        true,
    ),
    (
        "score",
        "kind = \"score\"\nrange = [0, 10]",
        "avg(minutes) / 10.0 AS value, count(*) AS denominator",
        true,
    ),
    (
        "survey",
        "kind = \"survey\"\nminimum-base = 1",
        "1.5 * count(*) FILTER (WHERE minutes < 20) AS numerator, 1.5 * count(*) AS denominator, count(*) AS base, \
         1.2 AS design_effect",
        true,
    ),
    (
        "gap",
        "kind = \"gap\"",
        "count(*) FILTER (WHERE way = 'Call' AND good) AS numerator, count(*) FILTER (WHERE way = 'Call') AS denominator, \
         count(*) FILTER (WHERE way = 'Visit' AND good) AS other_numerator, \
         count(*) FILTER (WHERE way = 'Visit') AS other_denominator",
        false,
    ),
    ("index", "kind = \"index\"\nbase = \"2024/25\"", "count(*) AS numerator", false),
    ("share", "kind = \"share\"\nwhole = \"P01\"", "count(*) AS numerator", false),
    (
        "ratio",
        "kind = \"ratio\"",
        "count(*) FILTER (WHERE way = 'Call') AS numerator, count(*) FILTER (WHERE way = 'Visit') AS denominator",
        false,
    ),
];

/// The SELECT of numbers for wards and the partnership, by month or for each whole period.
fn select(numbers: &str, by_way: bool, whole_periods: bool) -> String {
    let times: &[&str] = if whole_periods {
        &["month", "period_of(month, 'financial-quarter')", "period_of(month, 'financial-year')"]
    } else {
        &["month"]
    };
    let name = if whole_periods { "period" } else { "month" };
    let (column, group) = if by_way { (", way", ", way") } else { ("", "") };
    let mut parts = Vec::new();
    for time in times {
        for area in ["ward", "'P01'"] {
            parts.push(format!(
                "SELECT area, {name}{column}, {numbers} FROM (SELECT {area} AS area, {time} AS {name}, way, good, minutes, cost \
                 FROM visit) AS told GROUP BY area, {name}{group}"
            ));
        }
    }
    parts.join("\nUNION ALL\n")
}

/// The file of a month.
fn file(visits: &Visits, at: usize) -> String {
    let mut text = "Day,Ward,Way,Good,Minutes,Cost\n".to_owned();
    for (number, visit) in visits.0.iter().filter(|visit| visit.month == at).enumerate() {
        let Visit { ward, way, good, minutes, cost, .. } = *visit;
        let good = if good { "True" } else { "False" };
        let day = number % 28 + 1;
        let cost = format!("{}.{:02}", cost / 100, cost % 100);
        writeln!(text, "{}-{day:02},{},{},{good},{minutes},{cost}", month(at), WARDS[ward], WAYS[way])
            .unwrap();
    }
    text
}

/// The small project with visits, open to everybody, and tables for the public.
fn world(visits: &Visits) -> World {
    let world = World::complete();
    let column = |name: &str, from: &str, kind: &str| {
        format!("\n[[column]]\nname = \"{name}\"\nfrom = \"{from}\"\ntype = \"{kind}\"\nrequired = true\n")
    };
    let columns: String = [
        ("day", "Day", "date"),
        ("ward", "Ward", "category"),
        ("way", "Way", "category"),
        ("good", "Good", "flag"),
        ("minutes", "Minutes", "number"),
        ("cost", "Cost", "number"),
    ]
    .map(|(name, from, kind)| column(name, from, kind))
    .concat();
    world.write(
        "pipelines/northport/contracts/visit.toml",
        format!(
            "id = \"visit\"\ndataset = \"visit\"\ngrain = \"one visit\"\n\
             header = [\"Day\", \"Ward\", \"Way\", \"Good\", \"Minutes\", \"Cost\"]\n\n[month]\nfrom = \"Day\"\nformat = \"date\"\n{columns}"
        ),
    );
    world.write(
        "pipelines/northport/feeds/northport-visit.toml",
        "id = \"northport-visit\"\ntitle = \"Visits\"\nsupplier = \"Northport Council\"\ncontract = \"visit\"\n\
         agreement = \"open\"\nsource = \"deliveries/visit/{period}.csv\"\ncovers = [\"P01\"]\nfrom = \"2024-04\"\n\
         published-after-months = 1\n",
    );
    world.write(
        "pipelines/northport/agreements/open.toml",
        "id = \"open\"\nkind = \"open-licence\"\nreference = \"OGL v3.0\"\ntitle = \"Open\"\ncontroller = \"Northport Council\"\n",
    );
    for (id, settings, numbers, whole_periods) in MEASURES {
        world.write(
            &format!("sql/northport/{id}.sql"),
            format!(
                "/*\nid = \"{id}\"\ntitle = \"{id}\"\nframework = \"northport-2025-28\"\ntheme = \"Streets\"\n\
                 owner = \"Head of Neighbourhoods\"\nunit = \"units\"\npolarity = \"lower-is-better\"\n\
                 areas = [\"P01\", \"P01/ward\"]\nperiods = [\"month\", \"financial-quarter\", \"financial-year\"]\n{settings}\n*/\n{}\n",
                select(numbers, id == "average-by-way", whole_periods)
            ),
        );
    }
    let settings = world.read("outturn.toml");
    world.write("outturn.toml", format!("{settings}\n[public]\n"));
    for at in 0..MONTHS {
        world.send("visit", &month(at), file(visits, at));
    }
    world
}

fn ids() -> impl Iterator<Item = &'static str> {
    MEASURES.iter().map(|(id, ..)| *id)
}

/// The rows of the measures of visits in a folder of tables that tell of something, or withhold it.
fn rows(world: &World, folder: &str) -> Vec<Row> {
    let rows = rows_of(&world.path(&format!("{folder}/outturn.parquet"))).into_iter();
    rows.filter(|row| ids().any(|id| id == row["measure"])).collect()
}

fn is_small(count: usize) -> bool {
    (1..5).contains(&count)
}

/// Whether a number as it was published is that of the visits.
#[track_caller]
fn same(said: f64, truth: f64, row: &Row) {
    assert!((said - truth).abs() < 1e-6, "{said} is not {truth}: {row:?}");
}

/// What the public knows: the sums that it was told of visits, and of their minutes.
#[derive(Default)]
struct Knowledge {
    counts: Span,
    minutes: Span,
}

/// That the rows tell the truth of the visits or nothing, no small count, and nothing from which one follows, nor the
/// minutes of few, by addition and subtraction from them and what is known. Gives what is withheld.
fn recount<'r>(
    rows: &'r [Row],
    visits: &Visits,
    know: &mut Knowledge,
    anew: Option<usize>,
) -> Vec<(&'r Row, Of)> {
    let mut withheld = Vec::new();
    for row in rows {
        let mut lacks = false;
        for (of, told) in said(row) {
            let Some(told) = told else {
                lacks = true;
                withheld.push((row, of));
                continue;
            };
            let truth = visits.count(of);
            same(told, truth as f64, row);
            assert!(!is_small(truth), "{truth}: {row:?}");
            know.counts.add(&of.vector(anew));
        }
        assert_eq!(lacks, row["status"] == "suppressed", "{row:?}");
        let of = of_row(row);
        if lacks {
            let follow = [
                "value",
                "lower",
                "upper",
                "confidence",
                "interval_method",
                "standard_error",
                "design_effect",
            ];
            for column in follow {
                assert!(!row.contains_key(column), "{column}: {row:?}");
            }
            // Where one base carries a figure, nothing of it is left; the note says the same whatever the reason.
            if ["average", "average-by-way", "median", "score", "survey"].contains(&row["measure"].as_str()) {
                for column in ["numerator", "denominator", "base"] {
                    assert!(!row.contains_key(column), "{column}: {row:?}");
                }
            }
            assert_eq!(row["note"], "withheld so that nobody can be identified");
        } else {
            same(number(row, "value").unwrap(), value(visits, row), row);
            if row["measure"].starts_with("average") {
                same(number(row, "numerator").unwrap(), visits.minutes(of) as f64, row);
                know.minutes.add(&of.vector(anew));
            }
        }
    }
    let few = || withheld.iter().filter(|(_, of)| is_small(visits.count(*of)));
    for (row, of) in few() {
        assert!(!know.counts.tells(&of.vector(anew)), "{} follows: {row:?}", visits.count(*of));
    }
    // The minutes of few visits do not follow from the sums of others either.
    let mut averages = 0;
    for (row, of) in few().filter(|(row, _)| row["measure"].starts_with("average")) {
        assert!(!know.minutes.tells(&of.vector(anew)), "{row:?}");
        averages += 1;
    }
    assert!(averages >= 3, "{averages}");
    withheld
}

#[test]
fn no_kind_of_measure_gives_a_small_count_or_what_few_cases_come_to_back() {
    let visits = Visits(visits());
    let world = world(&visits);
    world.run().exits(0);
    let (all, public) = (rows(&world, "warehouse/published/current"), rows(&world, PUBLIC));
    assert_eq!(all.len(), public.len());
    assert!(all.iter().all(|row| row["status"] == "available"), "the partnership sees all of it");
    let withheld = recount(&public, &visits, &mut Knowledge::default(), None);
    for id in ids() {
        // Each is published, and of each something is withheld.
        let of = |(row, _): &&(&Row, Of)| row["measure"] == id;
        let n = public.iter().filter(|row| row["measure"] == id).count();
        let shown = public.iter().filter(|row| row["measure"] == id && row.contains_key("value")).count();
        assert!(shown * 2 > n, "{id}: {shown} of {n} are shown");
        assert!(withheld.iter().filter(of).count() > 0, "{id}");
        // The attack is one for each kind: where nothing but figures of small counts are left out, it finds some.
        let own = || all.iter().filter(|row| row["measure"] == id);
        let is_open = |row: &&Row| !said(row).iter().any(|(of, _)| is_small(visits.count(*of)));
        let mut careless = Span::default();
        for (of, _) in own().filter(is_open).flat_map(said) {
            careless.add(&of.vector(None));
        }
        let found = own()
            .flat_map(said)
            .any(|(of, _)| is_small(visits.count(of)) && careless.tells(&of.vector(None)));
        assert!(found, "{id}");
    }
    world.outturn(&["disclosure", "audit"]).exits(0).prints(" 0 not protected");
    let told = rows_of(&world.path(&format!("{PUBLIC}/measure.parquet")));
    let words = |id: &str| told.iter().find(|row| row["measure"] == id).unwrap()["disclosure"].clone();
    assert_eq!(words("average"), "figures that stand on 1 to 4 cases are withheld");
    assert_eq!(words("survey"), "figures that stand on 1 to 4 answers are withheld");
    assert_eq!(words("gap"), "counts from 1 to 4 are withheld");
}

#[test]
fn releases_of_every_kind_tell_no_more_together() {
    let mut visits = Visits(visits());
    let world = world(&visits);
    add_cost(&world, DOMINANCE);
    let told = |rows: Vec<Row>| -> Vec<Row> {
        rows.into_iter().filter(|row| ["available", "suppressed"].contains(&row["status"].as_str())).collect()
    };
    let mut know = Knowledge::default();
    // First without the last month, then with it.
    let last = month(MONTHS - 1);
    fs::remove_file(world.path(&format!("deliveries/visit/{last}.csv"))).unwrap();
    world.outturn_at("2025-07-12T05:30:00Z", &["run"]).exits(0);
    let first = told(rows(&world, PUBLIC));
    recount(&first, &visits, &mut know, None);
    world.send("visit", &last, file(&visits, MONTHS - 1));
    world.run().exits(0);
    let second = told(rows(&world, PUBLIC));
    assert!(second.len() > first.len());
    recount(&second, &visits, &mut know, None);

    // Then January 2025 is told anew: Harbour had two calls more, and one of Market's good ones was not good.
    let anew = 9;
    let more = Visit { month: anew, ward: 0, way: 0, good: true, minutes: 33, cost: 1500 };
    visits.0.extend([more, Visit { good: false, minutes: 34, ..more }]);
    let mut market = visits.0.iter_mut().filter(|visit| (visit.month, visit.ward) == (anew, 1));
    market.find(|visit| visit.good).unwrap().good = false;
    world.send("visit", &month(anew), file(&visits, anew));
    world.outturn_at("2025-08-13T05:30:00Z", &["run"]).exits(0);
    let third = told(rows(&world, PUBLIC));
    recount(&third, &visits, &mut know, Some(anew));
    assert_ne!(second, third);
    // Nothing had to be withheld as a whole, and each release is proven with what went before it.
    let told_of = rows_of(&world.path(&format!("{PUBLIC}/disclosure.parquet")));
    let results = told_of.iter().filter(|row| ids().chain(["cost"]).any(|id| id == row["measure"]));
    let results: Vec<&str> = results.map(|row| row["result"].as_str()).collect();
    assert_eq!(results, vec!["protected"; MEASURES.len() + 1]);
    let mut audited = 0;
    for release in world.files("warehouse/published/releases", |_| ()).keys() {
        if let Some(name) = release.strip_suffix("/public/manifest.json") {
            world.outturn(&["disclosure", "audit", name]).exits(0);
            audited += 1;
        }
    }
    assert_eq!(audited, 3);
    // The same rows are made once more from what was delivered.
    world.outturn(&["verify"]).exits(0);
}

/// Where a figure stands, and which of its columns somebody fills in as the partnership has it.
type Place<'a> = (&'a str, &'a str, &'a str, &'a [&'a str]);

/// Writes numbers of the partnership in the place of what the public sees.
fn reveal(world: &World, (measure, area, period, columns): Place<'_>) {
    use arrow::array::{Array, AsArray, Float64Array, RecordBatch};
    use arrow::compute::concat_batches;
    use arrow::datatypes::Float64Type;
    use outturn::release::{read_table, write_table};
    let folder = world.path(&format!("warehouse/published/releases/{}/public", world.release().unwrap()));
    let (schema, batches) = read_table(&folder, "outturn").unwrap();
    let batch = concat_batches(&schema, &batches).unwrap();
    let wanted = [("measure", measure), ("area", area), ("period", period)];
    let truth = world.rows("outturn", &wanted);
    assert_eq!(truth.len(), 1);
    let rows = rows_of(&folder.join("outturn.parquet"));
    let is_it = |row: &Row| wanted.iter().all(|(name, text)| row[*name] == *text);
    let mut changed = batch.columns().to_vec();
    for column in columns {
        let at = schema.index_of(column).unwrap();
        let own = batch.column(at).as_primitive::<Float64Type>();
        let numbers: Float64Array = rows
            .iter()
            .enumerate()
            .map(|(place, row)| {
                if is_it(row) {
                    assert!(own.is_null(place), "{column} is shown already");
                    return Some(number(&truth[0], column).unwrap());
                }
                own.is_valid(place).then(|| own.value(place))
            })
            .collect();
        changed[at] = std::sync::Arc::new(numbers);
    }
    let changed = RecordBatch::try_new(schema.clone(), changed).unwrap();
    write_table(&folder, "outturn", "t", &schema, &[changed]).unwrap();
}

#[test]
fn the_audit_names_a_number_of_any_kind_that_was_shown_and_what_follows_from_it() {
    let visits = Visits(visits());
    let world = world(&visits);
    world.run().exits(0);
    let release = format!("warehouse/published/releases/{}/public/outturn", world.release().unwrap());
    let files = ["parquet", "csv"].map(|kind| format!("{release}.{kind}"));
    let kept: Vec<Vec<u8>> = files.iter().map(|file| fs::read(world.path(file)).unwrap()).collect();
    // Market had two calls and one visit in May 2025.
    let few = "2025-05";
    for (place, failure) in [
        (
            ("average", "W02", few, ["value"].as_slice()),
            "a number that follows stands beside a withheld count",
        ),
        (
            ("average", "W02", few, &["standard_error"]),
            "a number that follows stands beside a withheld count",
        ),
        (("average", "W02", few, &["numerator"]), "a number that follows stands beside a withheld count"),
        (("average", "W02", few, &["numerator", "denominator", "value"]), "is small, and shown"),
        (("median", "W02", few, &["value"]), "a number that follows stands beside a withheld count"),
        (("median", "W02", few, &["denominator"]), "is small, and shown"),
        (("score", "W02", few, &["value"]), "a number that follows stands beside a withheld count"),
        (
            ("survey", "W02", few, &["numerator", "denominator"]),
            "a number that follows stands beside a withheld count",
        ),
        (("survey", "W02", few, &["base"]), "is small, and shown"),
        (("gap", "W02", few, &["value"]), "a number that follows stands beside a withheld count"),
        (("gap", "W02", few, &["other_numerator"]), "is small, and shown"),
        (("index", "W02", few, &["value"]), "a number that follows stands beside a withheld count"),
        (("index", "W02", few, &["numerator"]), "is small, and shown"),
        (("share", "W02", few, &["value"]), "a number that follows stands beside a withheld count"),
        (("ratio", "W02", few, &["denominator"]), "is small, and shown"),
    ] {
        reveal(&world, place);
        let (measure, area, period, _) = place;
        let wanted = format!("measure `{measure}`, area {area}, period {period}, breakdown all: {failure}");
        world.outturn(&["disclosure", "audit"]).exits(1).says(&wanted);
        for (file, bytes) in files.iter().zip(&kept) {
            world.write(file, bytes);
        }
    }

    // Where what covers Market is shown under every name that it has, Market follows by subtraction.
    let covers: BTreeSet<(String, String, Vec<String>)> = rows(&world, PUBLIC)
        .iter()
        .filter(|row| row["status"] == "suppressed" && row["area"] != "W02" && row["breakdown"] == "all")
        .filter(|row| {
            ["average", "median", "score", "survey", "index", "share"].contains(&row["measure"].as_str())
        })
        .map(|row| {
            let columns: &[&str] = match row["measure"].as_str() {
                "average" => &["numerator", "denominator", "value"],
                "median" | "score" => &["denominator", "value"],
                "survey" => &["numerator", "denominator", "base", "value"],
                _ => &["numerator", "value"],
            };
            let lacks = columns.iter().filter(|column| !row.contains_key(**column));
            let key = format!("{} {}", row["measure"], row["area"]);
            (key, row["period"].clone(), lacks.map(|column| (*column).to_owned()).collect())
        })
        .collect();
    assert!(covers.iter().any(|(key, ..)| key.starts_with("average")), "{covers:?}");
    for (key, period, columns) in &covers {
        let (measure, area) = key.split_once(' ').unwrap();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        reveal(&world, (measure, area, period, &columns));
    }
    let told = world.outturn(&["disclosure", "audit"]).exits(1);
    assert!(
        told.err.contains(&format!("area W02, period {few}, breakdown all: base: can be worked out"))
            || told
                .err
                .contains(&format!("area W02, period {few}, breakdown all: numerator: can be worked out")),
        "{told}"
    );
}

#[test]
fn a_score_that_does_not_say_how_many_it_stands_on_is_kept_from_the_public_with_the_reason() {
    let visits = Visits(visits());
    let world = world(&visits);
    let text = world.read("sql/northport/score.sql");
    world.write("sql/northport/score.sql", text.replace(", count(*) AS denominator", ""));
    world.run().exits(0);
    let why = "nobody can tell how few its scores stand on";
    let of_score: Vec<Row> =
        rows(&world, PUBLIC).into_iter().filter(|row| row["measure"] == "score").collect();
    assert!(!of_score.is_empty());
    for row in of_score {
        assert!(row["note"].starts_with(why) && !row.contains_key("value"), "{row:?}");
    }
    world.outturn(&["disclosure", "audit"]).exits(0);
    // Rounding is for counts.
    world.edit("sql/northport/average.sql", "*/", "[disclosure]\nrounding = 5\n*/");
    world.outturn(&["check"]).exits(2).says("figures of an average cannot be shown rounded");
    world.edit("sql/northport/average.sql", "rounding = 5", "least-denominator = 12");
    world.run().exits(0);
    let bases = rows(&world, PUBLIC);
    let bases =
        bases.iter().filter(|row| row["measure"] == "average").filter_map(|row| number(row, "denominator"));
    assert!(bases.fold(f64::INFINITY, f64::min) >= 12.0);
}

/// What visits cost, as a measure of amounts, with what the dearest of them cost.
fn add_cost(world: &World, disclosure: &str) {
    let numbers = "sum(cost) AS numerator, max(cost) AS largest";
    world.write(
        "sql/northport/cost.sql",
        format!(
            "/*\nid = \"cost\"\ntitle = \"cost\"\nframework = \"northport-2025-28\"\ntheme = \"Streets\"\n\
             owner = \"Head of Neighbourhoods\"\nunit = \"pounds\"\npolarity = \"lower-is-better\"\nkind = \"count\"\n\
             areas = [\"P01\", \"P01/ward\"]\nperiods = [\"month\", \"financial-quarter\", \"financial-year\"]\n{disclosure}\n*/\n{}\n",
            select(numbers, false, false)
        ),
    );
}

const DOMINANCE: &str = "[disclosure]\ndominance = { largest = 1, share = 75 }";

/// Places of the rows of a measure of amounts, with what the public is told of each.
fn amounts(world: &World) -> BTreeMap<(String, String), Option<f64>> {
    let rows = rows_of(&world.path(&format!("{PUBLIC}/outturn.parquet"))).into_iter();
    let own = rows.filter(|row| row["measure"] == "cost");
    own.map(|row| ((row["area"].clone(), row["period"].clone()), number(&row, "numerator"))).collect()
}

#[test]
fn an_amount_that_one_contributor_dominates_is_withheld_and_nobody_comes_near_to_it() {
    let visits = Visits(visits());
    let world = world(&visits);
    add_cost(&world, DOMINANCE);
    world.run().exits(0);
    let told = amounts(&world);
    let cost = |of: Of| visits.of(of).map(|visit| visit.cost).sum::<usize>() as f64 / 100.0;
    let dearest = |of: Of| visits.of(of).map(|visit| visit.cost).max().unwrap() as f64 / 100.0;
    let mut know = Span::default();
    let mut dominated = Vec::new();
    for ((area, period), said) in &told {
        let of = Of::new(area, period);
        match said {
            Some(said) => {
                assert!((said - cost(of)).abs() < 1e-6, "{area} {period}: {said} is not {}", cost(of));
                assert!(dearest(of) <= 0.75 * cost(of), "{area} {period} is shown");
                know.add(&of.vector(None));
            }
            None if dearest(of) > 0.75 * cost(of) => dominated.push((area, period, of)),
            None => {}
        }
    }
    // Moor in September 2024, where one visit cost 3,000.50; its quarter and its year are not dominated.
    assert_eq!(dominated.len(), 1);
    let (area, period, of) = dominated[0];
    assert_eq!((area.as_str(), period.as_str()), ("W03", "2024-09"));
    assert!(!know.tells(&of.vector(None)));
    // Every figure of which it is a part is withheld, so that it may be any amount.
    let dear = visits.of(of).next().unwrap();
    let holding = told.iter().filter(|((area, period), _)| Of::new(area, period).has(dear));
    assert!(holding.clone().count() == 6 && holding.clone().all(|(_, said)| said.is_none()), "{told:?}");
    let shown = told.values().flatten().count();
    assert!(shown * 10 > told.len() * 8, "{shown} of {} are shown", told.len());
    world.outturn(&["disclosure", "audit"]).exits(0).prints(" 0 not protected");

    // The proof knows from the program's own record which amount it is: nobody comes nearer to it than a third.
    let margins = |world: &World| -> Vec<[f64; 2]> {
        let csv = world.outturn(&["disclosure", "audit", "--bounds", "--output", "csv"]).exits(0).out;
        let own = csv.lines().filter(|line| line.starts_with("cost,W03,2024-09,all,"));
        own.map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            [fields[5], fields[6]].map(|bound| bound.parse().unwrap_or(f64::INFINITY))
        })
        .collect()
    };
    let amount = cost(of).round();
    let near = |bounds: &[[f64; 2]]| {
        bounds.len() == 1
            && bounds[0][0] <= (amount * 2.0 / 3.0).ceil()
            && bounds[0][1] >= (amount * 4.0 / 3.0).floor()
    };
    let bounds = margins(&world);
    assert!(near(&bounds), "{amount}: {bounds:?}");

    // Who contributed stands nowhere: neither the column nor what it held, in files for anybody.
    for folder in ["warehouse/published/releases", "warehouse/published/public/releases"] {
        let files = world.files(folder, |path| fs::read(path).unwrap());
        assert!(files.keys().any(|file| file.ends_with("outturn.csv")));
        for (file, bytes) in &files {
            let text = String::from_utf8_lossy(bytes);
            let is_text = !file.ends_with(".parquet");
            assert!(!is_text || !(text.contains("3000.5") || text.contains("largest,")), "{file}");
            let rows = if is_text { Vec::new() } else { rows_of(&world.path(&format!("{folder}/{file}"))) };
            for row in rows {
                let tells = row.contains_key("largest") || row.values().any(|text| text == "3000.5");
                assert!(!tells, "{file}: {row:?}");
            }
        }
    }

    // Another release, in which nothing changed of amounts, withholds the same without counting them anew.
    let ratio = |from: &str, to: &str| world.edit("sql/northport/ratio.sql", from, to);
    ratio("title = \"ratio\"", "title = \"Calls for each visit\"");
    let steps = world.outturn(&["plan", "--output", "json"]).exits(0).json();
    let computed = steps.as_array().unwrap().iter().filter(|step| step["action"] == "compute");
    assert_eq!(computed.map(|step| step["what"].as_str().unwrap()).collect::<Vec<_>>(), ["ratio"], "{steps}");
    let report = world.outturn(&["run", "--output", "json"]).exits(0).json();
    assert_eq!(report["measures_computed"], 1, "{report}");
    assert_eq!(amounts(&world), told);
    assert!(near(&margins(&world)));
    // Without the record they are counted anew, and the same is withheld.
    fs::remove_dir_all(world.path("warehouse/amounts")).unwrap();
    world.outturn(&["disclosure", "audit"]).exits(0);
    ratio("title = \"Calls for each visit\"", "title = \"Calls a visit\"");
    let report = world.outturn(&["run", "--output", "json"]).exits(0).json();
    assert_eq!(report["measures_computed"], 2, "{report}");
    assert_eq!(amounts(&world), told);
    assert!(near(&margins(&world)));

    // What covers it is shown: it can be told closer than a third.
    let covers: Vec<_> = told
        .iter()
        .filter(|(place, said)| said.is_none() && place.0 != "W03")
        .map(|(place, _)| place.clone())
        .collect();
    let own: Vec<_> = told
        .iter()
        .filter(|(place, said)| said.is_none() && place.0 == "W03" && place.1 != "2024-09")
        .map(|(place, _)| place.clone())
        .collect();
    for (area, period) in covers.iter().chain(&own) {
        reveal(&world, ("cost", area, period, &["numerator", "value"]));
    }
    world
        .outturn(&["disclosure", "audit"])
        .exits(1)
        .says("measure `cost`, area W03, period 2024-09, breakdown all: numerator: can be worked out");
}

#[test]
fn a_rule_of_dominance_needs_an_amount_and_says_what_it_does() {
    let visits = Visits(visits());
    let world = world(&visits);
    add_cost(&world, DOMINANCE);
    let cost = world.read("sql/northport/cost.sql");
    let with = |from: &str, to: &str| world.write("sql/northport/cost.sql", cost.replace(from, to));
    for (from, to, said) in [
        (", max(cost) AS largest", "", "the SELECT has no column `largest`"),
        (DOMINANCE, "", "column `largest` has no place"),
        ("share = 75", "share = 100", "`share` a per cent from 1 to 99"),
        ("largest = 1,", "largest = 0,", "`largest` must be at least 1"),
        ("share = 75 }", "share = 75 }\nrounding = 5", "amounts are withheld and not rounded"),
        ("share = 75 }", "share = 75 }\noff = \"the law\"", "switched off"),
    ] {
        with(from, to);
        world.outturn(&["check"]).exits(2).says(said);
    }
    with("", "");
    world.edit("sql/northport/median.sql", "*/", &format!("{DOMINANCE}\n*/"));
    world.outturn(&["check"]).exits(2).says("a median has no amount of its own");
    world.edit("sql/northport/median.sql", &format!("{DOMINANCE}\n"), "");
    world.run().exits(0);
    let told = rows_of(&world.path(&format!("{PUBLIC}/measure.parquet")));
    let words = told.iter().find(|row| row["measure"] == "cost").unwrap()["disclosure"].clone();
    assert_eq!(
        words,
        "counts from 1 to 4 are withheld, and so are amounts of which the largest contributor makes up more than 75 per cent"
    );
    with("max(cost)", "2 * sum(cost)");
    world.run().exits(3).says("`largest` is more than the numerator");
}
