//! The program on the real files of Cleveland Police, held against a recount that shares nothing with it.
//!
//! The files are not in the repository. `OUTTURN_OPEN_DATA` names the folder that holds them; without it every test
//! says on standard error that it did not run. Expected values come from the recount (`tests/support/recount.rs`) or
//! from what the publishers print, never from the program.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "support/archive.rs"]
mod archive;
#[path = "support/partner.rs"]
#[expect(dead_code, reason = "what a test of broken connections needs is not needed here")]
mod partner;
#[path = "support/plain_csv.rs"]
mod plain_csv;
#[path = "support/recount.rs"]
mod recount;
#[path = "support/shared.rs"]
mod shared;
#[path = "support/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use archive::{Archive, Asked, Page, zipped};
use plain_csv::{Row, Table};
use recount::{Recount, file_of, residents};
use world::{Said, World};

const HARTLEPOOL: &str = "E22000027";
const REDCAR: &str = "E22000028";
const MIDDLESBROUGH: &str = "E22000029";
const STOCKTON: &str = "E22000030";
const CLEVELAND: &str = "E23000013";
/// The partnerships of the force area, each with its local authority.
const TEES: [(&str, &str); 4] =
    [(HARTLEPOOL, "E06000001"), (REDCAR, "E06000003"), (MIDDLESBROUGH, "E06000002"), (STOCKTON, "E06000004")];

/// Periods that are complete in the street-level data, with their first and last month and whether the residents of the
/// period's last year are those of Census 2021. Before 2021 they are those of the mid-year estimates of 2020, the
/// earliest that the project has.
const COMPLETE: [(&str, &str, &str, bool); 9] = [
    ("2018-10", "2018-10", "2018-10", false),
    ("2019-02", "2019-02", "2019-02", false),
    ("2018/19 Q3", "2018-10", "2018-12", false),
    ("2023-01", "2023-01", "2023-01", true),
    ("2022/23 Q4", "2023-01", "2023-03", true),
    ("2024/25", "2024-04", "2025-03", true),
    ("2025/26 Q1", "2025-04", "2025-06", true),
    ("2025-06", "2025-06", "2025-06", true),
    ("12 months to 2025-06", "2024-07", "2025-06", true),
];

/// Periods of which the publisher's files here have some months but not all.
const INCOMPLETE: [(&str, &str); 4] = [
    ("2018/19 Q4", "2 of 3 months were delivered"),
    ("2022/23", "3 of 12 months were delivered"),
    ("12 months to 2019-09", "5 of 12 months were delivered"),
    ("12 months to 2023-11", "11 of 12 months were delivered"),
];

/// Periods of which there is no month at all.
const MISSING: [&str; 5] = ["2019-03", "2022-12", "2019/20 Q1", "2020/21", "12 months to 2020-03"];

// -- The shared run ---------------------------------------------------------------------------------------------------

/// A run on all real months, and the recount of the same bytes.
struct Real {
    data: PathBuf,
    world: World,
    said: Said,
    recount: Recount,
    /// Held while the tests of this process read the shared folder.
    _lock: File,
}

/// The folder of the open data, or a line that says that the test did not run.
fn open_data() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("OUTTURN_OPEN_DATA") else {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("a test");
        tell(&format!("{name} did not run: OUTTURN_OPEN_DATA is not set"));
        return None;
    };
    let folder = PathBuf::from(folder);
    assert!(
        folder.join("police-data-uk/cleveland").is_dir(),
        "OUTTURN_OPEN_DATA: {}: no such data",
        folder.display()
    );
    Some(folder)
}

/// Writes a line straight to standard error: what a passing test prints is not shown.
fn tell(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

fn real() -> Option<&'static Real> {
    static REAL: OnceLock<Real> = OnceLock::new();
    let data = open_data()?;
    Some(REAL.get_or_init(|| {
        let counting = {
            let data = data.clone();
            std::thread::spawn(move || Recount::of(&data))
        };
        let (lock, folder) = shared::folder("real", |folder| {
            let world = project(&folder.join("project"), &data);
            let said = world.run();
            let text = serde_json::json!([said.code, said.out, said.err]).to_string();
            fs::write(folder.join("said.json"), text).expect("the folder can be written");
        });
        let said = fs::read(folder.join("said.json")).expect("the run was recorded");
        let (code, out, err) = serde_json::from_slice(&said).expect("the run was recorded");
        let recount = counting.join().expect("the recount ends");
        let world = World::at(&folder.join("project"));
        Real { data, world, said: Said { code, out, err }, recount, _lock: lock }
    }))
}

fn with_data(text: &str, data: &Path) -> String {
    text.replace("{open-data}", data.to_str().expect("the folder's name is UTF-8"))
}

/// The repository's project with the real files of Cleveland Police and the look-ups of the whole country.
fn project(folder: &Path, data: &Path) -> World {
    let world = World::new(folder, &with_data(include_str!("projects/open-data/outturn.toml"), data));
    let lsoa = with_data(include_str!("projects/open-data/lsoa.toml"), data);
    world.write("pipelines/geography/lookups/lsoa.toml", &lsoa);
    for feed in ["street", "outcomes", "stop-and-search"] {
        let file = format!("pipelines/police/feeds/cleveland-{feed}.toml");
        world.edit(&file, "\nfrom = \"2023-04\"\n", "\nfrom = \"2018-10\"\n");
    }
    world
}

// -- Figures ----------------------------------------------------------------------------------------------------------

/// The figures of one measure in a release.
struct Figures {
    measure: &'static str,
    table: Table,
}

impl Figures {
    fn of(world: &World, measure: &'static str) -> Self {
        Self { measure, table: world.table("outturn") }
    }

    fn get(&self, area: &str, period: &str, breakdown: &str) -> Row<'_> {
        let what = format!("{} {area} {period} {breakdown}", self.measure);
        self.table.only(&what, |row| {
            row.get("measure") == self.measure
                && row.get("period") == period
                && row.get("area") == area
                && row.get("breakdown") == breakdown
        })
    }

    /// The figure has this numerator, denominator and value.
    fn holds(&self, area: &str, period: &str, numerator: f64, denominator: Option<f64>, value: f64) {
        let row = self.get(area, period, "all");
        let what = format!("{} {area} {period}", self.measure);
        assert_eq!(row.get("status"), "available", "{what}");
        same(row.number("numerator"), Some(numerator), &what);
        same(row.number("denominator"), denominator, &what);
        same(row.number("value"), Some(value), &what);
    }

    /// The cell is empty for this reason: nothing stands in it, least of all a zero.
    fn is_empty(&self, area: &str, period: &str, status: &str, note: &str) {
        let row = self.get(area, period, "all");
        let cell = ["numerator", "denominator", "value", "status", "note"].map(|name| row.get(name));
        assert_eq!(cell, ["", "", "", status, note], "{} {area} {period}", self.measure);
    }

    /// The periods of which street-level months are missing stand empty, each with its reason.
    fn is_empty_where_months_are_missing(&self, area: &str) {
        for (period, note) in INCOMPLETE {
            self.is_empty(area, period, "incomplete", note);
        }
        for period in MISSING {
            self.is_empty(area, period, "not_available", "not supplied");
        }
    }
}

/// Equal to the twelfth digit, which is more than anybody reads.
fn same(found: Option<f64>, expected: Option<f64>, what: &str) {
    let equal = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 1e-12 * expected.abs(),
        (None, None) => true,
        _ => false,
    };
    assert!(equal, "{what}: expected {expected:?}, found {found:?}");
}

fn as_number(count: u64) -> f64 {
    f64::from(u32::try_from(count).expect("a count of this data"))
}

fn months(first: &str, last: &str) -> Vec<String> {
    let number = |text: &str| -> u32 {
        let (year, month) = text.split_once('-').expect("a month");
        year.parse::<u32>().expect("a year") * 12 + month.parse::<u32>().expect("a month") - 1
    };
    (number(first)..=number(last)).map(|n| format!("{}-{:02}", n / 12, n % 12 + 1)).collect()
}

// -- What was received ------------------------------------------------------------------------------------------------

#[test]
fn a_run_with_months_that_are_missing_and_a_month_published_twice_over_says_so_and_exits_with_3() {
    let Some(real) = real() else { return };
    let said = &real.said;
    assert_eq!(said.code, 3, "{}", said.err);
    for line in [
        "gap: feed `cleveland-street`: nothing for 2019-03 to 2022-12\n",
        "gap: feed `cleveland-outcomes`: nothing for 2018-10 to 2023-12\n",
        "gap: feed `cleveland-stop-and-search`: nothing for 2018-10 to 2022-12\n",
        "gap: feed `cleveland-stop-and-search`: 2025-05-cleveland-stop-and-search.csv refused: every one of its 980 rows \
         stands an even number of times: published twice over\n",
    ] {
        assert!(said.err.contains(line), "expected {line:?} in\n{}", said.err);
    }
    assert!(!said.err.contains("withheld"), "{}", said.err);
    // 271,257 rows of crimes and incidents, 111,175 outcomes and 19,852 searches.
    let last = said.err.lines().last().unwrap_or_default();
    assert!(last.contains("402,284 rows read, 980 quarantined"), "{last}");
    assert_eq!(said.out, "", "a run prints no data");
    let release = real.world.table("release");
    let release = release.rows().next().expect("one row");
    assert_eq!(release.count("rows_accepted"), Some(402_284 - 980));
    assert_eq!(release.count("rows_quarantined"), Some(980));
    // 35 months of crimes, 18 of outcomes, 30 of searches without the refused one.
    assert_eq!(release.count("deliveries"), Some(35 + 18 + 30 - 1));
}

#[test]
fn crimes_and_incidents_are_as_many_as_the_files_hold_by_month_type_partnership_vintage_and_outcome() {
    let Some(real) = real() else { return };
    let counted = &real.recount.crimes;
    // What the data's own description says of the same files.
    assert_eq!(real.recount.street.len(), 35);
    assert_eq!(real.recount.count(|_| true), 271_257);
    assert_eq!(real.recount.count(recount::Crime::is_asb), 54_887);
    assert_eq!(real.recount.count(|crime| crime.csp.is_empty() || crime.force.is_empty()), 0);
    let mixed: Vec<u64> = ["2023-01", "2023-02", "2023-03", "2023-04", "2023-05"]
        .map(|month| real.recount.count(|crime| crime.month == month && crime.vintage == "2021"))
        .to_vec();
    assert_eq!(mixed, [61, 66, 86, 130, 250]);
    let table = real.world.query(
        "SELECT month, crime_type, csp_code, force_code, lsoa_vintage, outcome, count(*) AS n FROM crime \
         GROUP BY month, crime_type, csp_code, force_code, lsoa_vintage, outcome",
    );
    let found: HashMap<recount::Crime, u64> = table
        .rows()
        .map(|row| {
            let of = |column: &str| row.get(column).to_owned();
            let crime = recount::Crime {
                month: of("month"),
                kind: of("crime_type"),
                csp: of("csp_code"),
                force: of("force_code"),
                vintage: of("lsoa_vintage"),
                outcome: of("outcome"),
            };
            (crime, row.count("n").expect("a count"))
        })
        .collect();
    let keys: BTreeSet<&recount::Crime> = counted.keys().chain(found.keys()).collect();
    let differing: Vec<_> =
        keys.into_iter().filter(|key| counted.get(key) != found.get(key)).take(5).collect();
    assert!(differing.is_empty(), "recounted and stored differ in {differing:#?}");
}

#[test]
fn the_counts_that_are_kept_beside_the_rows_are_the_counts_of_the_rows() {
    let Some(real) = real() else { return };
    let table = real.world.query(
        "SELECT month, crime_type, csp_code, outcome, sum(n) AS n FROM crime_count \
         GROUP BY month, crime_type, csp_code, outcome",
    );
    let mut found = 0;
    let mut expected: HashMap<[&str; 4], u64> = HashMap::new();
    for (crime, n) in &real.recount.crimes {
        *expected.entry([&crime.month, &crime.kind, &crime.csp, &crime.outcome]).or_default() += n;
    }
    for row in table.rows() {
        let key = ["month", "crime_type", "csp_code", "outcome"].map(|name| row.get(name));
        assert_eq!(row.count("n"), expected.get(&key).copied(), "{key:?}");
        found += 1;
    }
    assert_eq!(found, expected.len());
}

#[test]
fn outcomes_are_as_many_as_the_files_hold_by_month_type_and_partnership() {
    let Some(real) = real() else { return };
    assert_eq!(real.recount.outcome.len(), 18);
    assert_eq!(real.recount.outcome.values().map(|file| file.rows).sum::<u64>(), 111_175);
    let table = real.world.query(
        "SELECT month, outcome, csp_code, count(*) AS n FROM crime_outcome GROUP BY month, outcome, csp_code",
    );
    let found: BTreeMap<[String; 3], u64> = table
        .rows()
        .map(|row| {
            let key = ["month", "outcome", "csp_code"].map(|name| row.get(name).to_owned());
            (key, row.count("n").expect("a count"))
        })
        .collect();
    assert_eq!(found, real.recount.outcomes);
}

#[test]
fn searches_are_as_many_as_the_files_hold_and_the_month_published_twice_over_is_not_among_them() {
    let Some(real) = real() else { return };
    assert_eq!(real.recount.search.len(), 30);
    assert_eq!(real.recount.search.values().map(|file| file.rows).sum::<u64>(), 19_852);
    assert_eq!(real.recount.doubled, ["2025-05"]);
    let table = real
        .world
        .query("SELECT month, search_type, count(*) AS n FROM stop_search GROUP BY month, search_type");
    let found: BTreeMap<[String; 2], u64> = table
        .rows()
        .map(|row| {
            (["month", "search_type"].map(|name| row.get(name).to_owned()), row.count("n").expect("a count"))
        })
        .collect();
    assert_eq!(found, real.recount.searches);
    assert!(!found.keys().any(|[month, _]| month == "2025-05"));
}

#[test]
fn every_row_received_is_accepted_a_duplicate_or_set_aside() {
    let Some(real) = real() else { return };
    let table = real.world.table("feed_delivery");
    for (feed, files) in [
        ("cleveland-street", &real.recount.street),
        ("cleveland-outcomes", &real.recount.outcome),
        ("cleveland-stop-and-search", &real.recount.search),
    ] {
        for month in months("2018-10", "2025-06") {
            let what = format!("{feed} {month}");
            let row = table.only(&what, |row| row.get("feed") == feed && row.get("period") == month);
            let counts = ["received", "accepted", "duplicate", "quarantined"].map(|name| row.count(name));
            assert_eq!(row.get("synthetic"), "false", "{what}");
            let Some(file) = files.get(&month) else {
                assert_eq!(counts, [None; 4], "{what}");
                assert_eq!([row.get("status"), row.get("note")], ["not_supplied", "not supplied"], "{what}");
                continue;
            };
            if feed == "cleveland-stop-and-search" && real.recount.doubled.contains(&month) {
                assert_eq!(counts, [Some(file.rows), Some(0), Some(0), Some(file.rows)], "{what}");
                assert_eq!(row.get("status"), "refused", "{what}");
                continue;
            }
            assert_eq!(
                counts,
                [Some(file.rows), Some(file.rows - file.repeats), Some(file.repeats), Some(0)],
                "{what}"
            );
            assert_eq!(row.get("status"), "accepted", "{what}");
        }
    }
    // The same files told in another way: what is set aside is the refused delivery and nothing else.
    let quarantine = real.world.table("quarantine_summary");
    let rows: Vec<_> =
        quarantine.rows().map(|row| ["feed", "period", "reason", "rows"].map(|name| row.get(name))).collect();
    assert_eq!(rows, [["cleveland-stop-and-search", "2025-05", "delivery_refused", "980"]]);
}

// -- What is published ------------------------------------------------------------------------------------------------

#[test]
fn the_year_to_june_2025_agrees_with_the_table_of_the_office_for_national_statistics_and_not_exactly() {
    let Some(real) = real() else { return };
    let path = real.data.join("home-office-recorded-crime/policeforceareatablesyejune25final.csv");
    let (code, total) = ("Community Safety\nPartnership code", "Total recorded crime\n (excluding fraud)");
    let official = Table::read(&recount::read(&path), &[code, total]);
    // Crimes and incidents as they were published for these twelve months.
    let published = [
        (STOCKTON, 20_120, 4_891),
        (MIDDLESBROUGH, 23_084, 5_279),
        (REDCAR, 14_733, 3_979),
        (HARTLEPOOL, 13_122, 2_848),
    ];
    let rates = Figures::of(&real.world, "stockton-crime-rate-tees");
    let asb = real.world.query(
        "SELECT csp_code, count(*) AS n FROM crime WHERE crime_type = 'Anti-social behaviour' \
         AND month BETWEEN '2024-07' AND '2025-06' GROUP BY csp_code",
    );
    for (csp, crimes, incidents) in published {
        let row = rates.get(csp, "12 months to 2025-06", "all");
        same(row.number("numerator"), Some(f64::from(crimes)), csp);
        assert_eq!(asb.only(csp, |row| row.get("csp_code") == csp).count("n"), Some(incidents), "{csp}");
        let cell = official.only(csp, |row| row.get(code) == csp).get(total);
        let there: i32 = cell.trim().replace(',', "").parse().expect("a number with separators");
        let difference = f64::from(crimes - there) / f64::from(there);
        assert!(difference > 0.0 && difference < 0.015, "{csp}: {crimes} against {there}");
    }
    let stockton = Figures::of(&real.world, "stockton-total-crime");
    stockton.holds(STOCKTON, "12 months to 2025-06", 20_120.0, None, 20_120.0);
    let asb = Figures::of(&real.world, "stockton-asb-levels");
    asb.holds(STOCKTON, "12 months to 2025-06", 4_891.0, None, 4_891.0);
}

#[test]
fn crime_types_of_the_year_to_june_2025_are_those_that_were_published() {
    let Some(real) = real() else { return };
    let figures = Figures::of(&real.world, "stockton-total-crime-by-type");
    let mut sum = 0;
    for (crime_type, published) in [
        ("Violence and sexual offences", 8_464),
        ("Burglary", 969),
        ("Robbery", 241),
        ("Vehicle crime", 1_077),
        ("Bicycle theft", 133),
        ("Shoplifting", 1_954),
        ("Theft from the person", 75),
        ("Other theft", 1_372),
        ("Criminal damage and arson", 2_355),
        ("Drugs", 885),
        ("Possession of weapons", 219),
        ("Public order", 1_629),
        ("Other crime", 747),
    ] {
        let row = figures.get(STOCKTON, "12 months to 2025-06", &format!("crime_type: {crime_type}"));
        same(row.number("value"), Some(f64::from(published)), crime_type);
        sum += published;
    }
    assert_eq!(sum, 20_120);
}

#[test]
fn a_month_quarter_or_year_is_counted_where_it_is_complete_and_empty_where_it_is_not() {
    let Some(real) = real() else { return };
    let recount = &real.recount;
    let total = Figures::of(&real.world, "stockton-total-crime");
    let burglary = Figures::of(&real.world, "stockton-crime-burglary");
    let asb = Figures::of(&real.world, "stockton-asb-levels");
    let of = |first: &str, last: &str| {
        let burglaries = recount.count(|crime| {
            crime.kind == "Burglary"
                && crime.csp == STOCKTON
                && (first..=last).contains(&crime.month.as_str())
        });
        [recount.recorded(STOCKTON, first, last), burglaries, recount.asb(STOCKTON, first, last)]
            .map(as_number)
    };
    let every_month = recount.street.keys().map(|month| (month.as_str(), month.as_str(), month.as_str()));
    let periods = COMPLETE.iter().map(|(period, first, last, _)| (*period, *first, *last));
    for (period, first, last) in every_month.chain(periods) {
        for (figures, expected) in [&total, &burglary, &asb].into_iter().zip(of(first, last)) {
            figures.holds(STOCKTON, period, expected, None, expected);
        }
    }
    for figures in [&total, &burglary, &asb] {
        figures.is_empty_where_months_are_missing(STOCKTON);
        for month in months("2019-03", "2022-12") {
            figures.is_empty(STOCKTON, &month, "not_available", "not supplied");
        }
    }
}

#[test]
fn a_rate_divides_by_the_residents_of_the_periods_last_year_and_its_rank_follows_the_rates() {
    let Some(real) = real() else { return };
    // Mid-2020, as the data's own description has it for Stockton, and Census 2021.
    assert_eq!(residents(&real.data, "E06000004").0, 197_419);
    let rates = Figures::of(&real.world, "stockton-crime-rate-tees");
    let ranks = Figures::of(&real.world, "stockton-crime-rate-tees-rank");
    for (period, first, last, census) in COMPLETE {
        let mut expected = Vec::new();
        for (csp, authority) in TEES {
            let (estimate, counted) = residents(&real.data, authority);
            let residents = as_number(if census { counted } else { estimate });
            let crimes = as_number(real.recount.recorded(csp, first, last));
            rates.holds(csp, period, crimes, Some(residents), crimes * 1000.0 / residents);
            expected.push((csp, crimes, residents));
        }
        for (csp, crimes, residents) in &expected {
            // a/b < c/d, without dividing.
            let lower = expected.iter().filter(|(_, c, r)| c * residents < crimes * r).count();
            let row = ranks.get(csp, period, "all");
            let place = f64::from(u8::try_from(lower + 1).expect("one of four"));
            same(row.number("value"), Some(place), &format!("place of {csp} in {period}"));
            assert_eq!(row.get("note"), "of 4 areas with data");
        }
    }
    for (csp, _) in TEES {
        for figures in [&rates, &ranks] {
            figures.is_empty_where_months_are_missing(csp);
        }
    }
}

#[test]
fn a_percentage_is_a_ratio_of_sums_over_the_period() {
    let Some(real) = real() else { return };
    let positive = [
        "Awaiting court outcome",
        "Local resolution",
        "Offender given a caution",
        "Offender given a drugs possession warning",
        "Offender given penalty notice",
        "Suspect charged as part of another case",
    ];
    let outcomes = Figures::of(&real.world, "stockton-positive-outcomes");
    let share = Figures::of(&real.world, "stockton-crime-share-force");
    for (period, first, last, _) in COMPLETE {
        let within =
            |crime: &recount::Crime| !crime.is_asb() && (first..=last).contains(&crime.month.as_str());
        let known =
            |crime: &recount::Crime| within(crime) && crime.csp == STOCKTON && !crime.outcome.is_empty();
        let settled = real.recount.count(|crime| known(crime) && positive.contains(&crime.outcome.as_str()));
        let (settled, known) = (as_number(settled), as_number(real.recount.count(known)));
        outcomes.holds(STOCKTON, period, settled, Some(known), 100.0 * settled / known);
        let here = as_number(real.recount.recorded(STOCKTON, first, last));
        let everywhere = as_number(real.recount.count(|crime| within(crime) && crime.force == CLEVELAND));
        share.holds(STOCKTON, period, here, Some(everywhere), 100.0 * here / everywhere);
    }
    for figures in [&outcomes, &share] {
        figures.is_empty_where_months_are_missing(STOCKTON);
    }
}

#[test]
fn a_month_that_was_refused_is_not_available_and_its_quarter_and_years_are_incomplete() {
    let Some(real) = real() else { return };
    let residents = as_number(TEES.iter().map(|(_, authority)| residents(&real.data, authority).1).sum());
    let figures = Figures::of(&real.world, "stockton-stop-and-search-rate");
    for (period, first, last) in [
        ("2023-01", "2023-01", "2023-01"),
        ("2025-04", "2025-04", "2025-04"),
        ("2025-06", "2025-06", "2025-06"),
        ("2024/25 Q1", "2024-04", "2024-06"),
        ("2024/25", "2024-04", "2025-03"),
        ("12 months to 2025-04", "2024-05", "2025-04"),
    ] {
        let searches = as_number(real.recount.searched(first, last));
        figures.holds(CLEVELAND, period, searches, Some(residents), searches * 1000.0 / residents);
    }
    let note = "every one of its 980 rows stands an even number of times: published twice over";
    figures.is_empty(CLEVELAND, "2025-05", "not_available", note);
    figures.is_empty(CLEVELAND, "2025/26 Q1", "incomplete", "2 of 3 months were delivered");
    figures.is_empty(CLEVELAND, "12 months to 2025-06", "incomplete", "11 of 12 months were delivered");
}

#[test]
fn a_force_that_publishes_nothing_has_no_figure_and_no_zero_and_every_empty_cell_tells_why() {
    let Some(real) = real() else { return };
    let table = real.world.table("outturn");
    let gap = "Greater Manchester Police has published no street-level data since it changed its IT systems in July \
               2019";
    let mut cells: BTreeMap<&str, u64> = BTreeMap::new();
    for row in table.rows().filter(|row| row.get("partnership") != "stockton") {
        let what = format!("{} {} {}", row.get("measure"), row.get("area"), row.get("period"));
        assert_eq!(["numerator", "denominator", "value"].map(|name| row.get(name)), [""; 3], "{what}");
        assert_eq!([row.get("status"), row.get("breakdown")], ["not_available", "all"], "{what}");
        if row.get("period_kind") == "month" {
            let expected = if row.get("period") >= "2019-07" { gap } else { "not supplied" };
            assert_eq!(row.get("note"), expected, "{what}");
        }
        assert!([gap, "not supplied"].contains(&row.get("note")), "{what}: {:?}", row.get("note"));
        *cells.entry(row.get("measure")).or_default() += 1;
    }
    let measures = real.world.table("measure");
    for row in measures.rows().filter(|row| row.get("partnership") != "stockton") {
        let measure = row.get("measure");
        assert!(
            cells.get(measure).is_some_and(|n| *n > 0),
            "measure `{measure}` has no cell that tells why it is empty"
        );
        assert_eq!([row.get("status"), row.get("latest_period")], ["released", ""], "{measure}");
    }
}

/// What a user has who takes the simulator out of the project as it comes: the look-up of two police force areas, and
/// the months from April 2023.
#[test]
fn with_the_projects_own_look_up_rows_of_neighbouring_counties_are_set_aside_and_no_figure_changes() {
    let Some(real) = real() else { return };
    let folder = tempfile::tempdir().expect("a folder for a test");
    let world =
        World::new(folder.path(), &with_data(include_str!("projects/open-data/outturn.toml"), &real.data));
    let said = world.run();
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(!said.err.contains("withheld"), "{}", said.err);
    let deliveries = world.table("feed_delivery");
    let here = |csp: &str| TEES.iter().any(|(code, _)| *code == csp);
    let (mut received, mut outside) = (0, 0);
    for month in months("2023-04", "2025-06") {
        let row = deliveries
            .only(&month, |row| row.get("feed") == "cleveland-street" && row.get("period") == month);
        let rows = real.recount.count(|crime| crime.month == month);
        let away = real.recount.count(|crime| crime.month == month && !here(&crime.csp));
        let counts = ["received", "accepted", "duplicate", "quarantined"].map(|name| row.count(name));
        assert_eq!(counts, [Some(rows), Some(rows - away), Some(0), Some(away)], "{month}");
        (received, outside) = (received + rows, outside + away);
    }
    // As the notes of the feed tell its reader.
    assert_eq!((received, outside), (205_901, 43));
    let quarantine = world.table("quarantine_summary");
    let unknown = quarantine.rows().filter(|row| row.get("feed") == "cleveland-street");
    let unknown: u64 =
        unknown.filter(|row| row.get("reason") == "unknown_lsoa").filter_map(|row| row.count("rows")).sum();
    assert_eq!(unknown, 43);
    let national = cells(&real.world.table("outturn"));
    for (key, cell) in cells(&world.table("outturn")) {
        // In wards the two differ: codes of 2011 have no ward of 2024 in the look-ups as published.
        if cell[3] == "available" && !key[1].starts_with("E05") {
            assert_eq!(Some(&cell), national.get(&key), "{key:?}");
        }
    }
    let crimes = as_number(real.recount.recorded(STOCKTON, "2024-04", "2025-03"));
    Figures::of(&world, "stockton-total-crime").holds(STOCKTON, "2024/25", crimes, None, crimes);
}

// -- From an archive over HTTP ----------------------------------------------------------------------------------------

/// The months that the archive has. It has nothing for 2025-03, which the feeds ask for too.
const SERVED: [&str; 3] = ["2025-04", "2025-05", "2025-06"];

/// A project whose feeds ask an archive, after its first run, which asked for each month once.
struct Served {
    world: World,
    archive: Archive,
    bodies: BTreeMap<&'static str, Arc<Vec<u8>>>,
    _folder: tempfile::TempDir,
}

/// The three files of a month as the publisher packs them.
fn members(data: &Path, month: &str) -> Vec<(String, Vec<u8>)> {
    ["street", "outcomes", "stop-and-search"]
        .map(|kind| {
            let text = file_of(data, month, kind).unwrap_or_else(|| panic!("{month}: no {kind}"));
            (format!("{month}/{month}-cleveland-{kind}.csv"), text)
        })
        .into()
}

fn path_of(month: &str) -> String {
    format!("/archive/{month}.zip")
}

fn asked(month: &str, tag: Option<&str>, status: u16) -> Asked {
    Asked { path: path_of(month), if_none_match: tag.map(str::to_owned), status }
}

fn served(real: &Real) -> Served {
    let archive = Archive::start();
    let mut bodies = BTreeMap::new();
    for month in SERVED {
        let body = Arc::new(zipped(&members(&real.data, month)));
        archive.set(&path_of(month), Page::File { etag: format!("\"{month}\""), body: Arc::clone(&body) });
        bodies.insert(month, body);
    }
    let folder = tempfile::tempdir().expect("a folder for a test");
    let world = project(folder.path(), &real.data);
    let mirror = format!("folder = \"{}/police-data-uk/cleveland\"", real.data.display());
    world.edit("outturn.toml", &mirror, &format!("address = \"{}\"", archive.url("/archive/")));
    for feed in ["street", "outcomes", "stop-and-search"] {
        let file = format!("pipelines/police/feeds/cleveland-{feed}.toml");
        world.edit(&file, "\nfrom = \"2018-10\"\n", "\nfrom = \"2025-03\"\n");
        world.edit(&file, "[http]\n", "[http]\ninternal = true\nattempts = 2\nbackoff-seconds = 0.01\n");
        // Nobody is asked for months of a known gap: this archive is Cleveland's alone.
        let file = format!("pipelines/police/feeds/greater-manchester-{feed}.toml");
        world.edit(&file, "[[gap]]\nfrom = \"2019-07\"\n", "[[gap]]\nfrom = \"2018-07\"\n");
    }
    let said = world.run();
    assert_eq!(said.code, 3, "{}", said.err);
    let once: Vec<Asked> = std::iter::once(asked("2025-03", None, 404))
        .chain(SERVED.map(|month| asked(month, None, 200)))
        .collect();
    assert_eq!(archive.asked(), once, "each month is fetched once though three feeds read it");
    Served { world, archive, bodies, _folder: folder }
}

/// The published cells: everything but the release's name, by measure, area, period and breakdown.
fn cells(table: &Table) -> BTreeMap<[String; 4], [String; 6]> {
    table
        .rows()
        .map(|row| {
            let key = ["measure", "area", "period", "breakdown"].map(|name| row.get(name).to_owned());
            let cell = ["numerator", "denominator", "value", "status", "note", "synthetic"];
            (key, cell.map(|name| row.get(name).to_owned()))
        })
        .collect()
}

/// Months of which every file lies within the months served.
fn is_served(key: &[String; 4]) -> bool {
    SERVED.contains(&key[2].as_str()) || key[2] == "2025/26 Q1"
}

#[test]
fn an_archive_is_fetched_once_and_a_second_run_that_finds_nothing_new_writes_nothing() {
    let Some(real) = real() else { return };
    let served = served(real);
    let (world, archive) = (&served.world, &served.archive);
    let before = world.files();
    let said = world.run();
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.contains("already current 2025-08-12.1"), "{}", said.err);
    let again: Vec<Asked> = std::iter::once(asked("2025-03", None, 404))
        .chain(SERVED.map(|month| asked(month, Some(&format!("\"{month}\"")), 304)))
        .collect();
    assert_eq!(archive.asked(), again);
    assert_eq!(world.files(), before);

    // A month that is not there yet is told apart from one that could not be fetched.
    let deliveries = world.table("feed_delivery");
    let row = deliveries
        .only("2025-03", |row| row.get("feed") == "cleveland-street" && row.get("period") == "2025-03");
    assert_eq!([row.get("status"), row.get("note")], ["not_supplied", "the publisher has nothing for it"]);
    let total = Figures::of(world, "stockton-total-crime");
    total.is_empty(STOCKTON, "2025-03", "not_available", "the publisher has nothing for it");

    // The way by which a file came does not change a figure.
    let here = cells(&world.table("outturn"));
    let there = cells(&real.world.table("outturn"));
    let mut compared = 0;
    for (key, cell) in here.iter().filter(|(key, _)| is_served(key)) {
        if cell[3] == "available" {
            assert_eq!(Some(cell), there.get(key), "{key:?}");
            compared += 1;
        }
    }
    // What the longer run has beyond these are breakdowns of which these months have none.
    for (key, cell) in there.iter().filter(|(key, cell)| is_served(key) && cell[3] == "available") {
        assert!(here.contains_key(key) || cell[2] == "0.0", "{key:?} {cell:?}");
    }
    assert!(compared > 200, "{compared} figures were compared");
    let crimes = as_number(real.recount.recorded(STOCKTON, "2025-04", "2025-06"));
    total.holds(STOCKTON, "2025/26 Q1", crimes, None, crimes);
}

#[test]
fn a_restated_month_is_replaced_alone_and_a_new_release_is_made() {
    let Some(real) = real() else { return };
    let served = served(real);
    let (world, archive) = (&served.world, &served.archive);
    let before = world.manifest();
    // One burglary of Stockton less in May, which is found by reading the lines as the publisher wrote them.
    let mut restated = members(&real.data, "2025-05");
    let street = &mut restated.first_mut().expect("street comes first").1;
    let text = String::from_utf8(std::mem::take(street)).expect("the file is UTF-8");
    let gone = text.lines().find(|line| line.contains(",Stockton-on-Tees ") && line.contains(",Burglary,"));
    let gone = gone.expect("a burglary in Stockton").to_owned();
    *street = text.replacen(&format!("{gone}\n"), "", 1).into_bytes();
    archive.set(
        &path_of("2025-05"),
        Page::File { etag: "\"restated\"".to_owned(), body: Arc::new(zipped(&restated)) },
    );
    let cells_before = cells(&world.table("outturn"));

    let said = world.run();
    assert_eq!(said.code, 3, "{}", said.err);
    let statuses: Vec<u16> = archive.asked().iter().map(|asked| asked.status).collect();
    assert_eq!(statuses, [404, 304, 200, 304]);
    let after = world.manifest();
    assert_eq!([&before["release"], &after["release"]], ["2025-08-12.1", "2025-08-12.2"]);
    for table in ["crime", "crime_count", "crime_outcome", "outcome_count", "stop_search", "stop_count"] {
        let of = |manifest: &serde_json::Value| -> BTreeSet<String> {
            let files = manifest["datasets"][table]["files"].as_array().expect("files of a dataset").clone();
            files.iter().map(|file| file.as_str().expect("a path").to_owned()).collect()
        };
        let (was, is) = (of(&before), of(&after));
        let gone: Vec<&String> = was.difference(&is).collect();
        let new: Vec<&String> = is.difference(&was).collect();
        if table.starts_with("crime") && !table.ends_with("outcome") {
            assert!(
                matches!((&*gone, &*new), ([gone], [new]) if [gone, new].iter().all(|file| file.contains("2025-05"))),
                "{table}: {gone:?} {new:?}"
            );
        } else {
            assert!(gone.is_empty() && new.is_empty(), "{table}: {gone:?} {new:?}");
        }
    }
    for (measure, period, less) in [
        ("stockton-total-crime", "2025-04", 0.0),
        ("stockton-total-crime", "2025-05", 1.0),
        ("stockton-total-crime", "2025-06", 0.0),
        ("stockton-total-crime", "2025/26 Q1", 1.0),
        ("stockton-crime-burglary", "2025-05", 1.0),
        ("stockton-asb-levels", "2025-05", 0.0),
        ("stockton-crime-drugs", "2025-05", 0.0),
    ] {
        let key = [measure, STOCKTON, period, "all"].map(str::to_owned);
        let was: f64 = cells_before[&key][2].parse().expect("a figure");
        Figures::of(world, measure).holds(STOCKTON, period, was - less, None, was - less);
    }
    // What was published yesterday can still be read and is as it was.
    assert_eq!(world.outturn(&["verify", "--files", "2025-08-12.1"]).code, 0);
    assert_eq!(world.outturn(&["verify", "--files"]).code, 0);
    // Its look-ups lie outside the project, so that they could not be kept as they were: only its files are proven.
    let made_again = world.outturn(&["verify", "2025-08-12.1"]);
    assert_eq!(made_again.code, 3, "{}", made_again.err);
    let said = format!("{}{}", made_again.out, made_again.err);
    assert!(said.contains("were not kept"), "{said}");
}

#[test]
fn an_archive_that_misbehaves_leaves_the_last_good_data_and_is_named() {
    let Some(real) = real() else { return };
    let served = served(real);
    let (world, archive, bodies) = (&served.world, &served.archive, &served.bodies);
    let before = cells(&world.table("outturn"));
    let manifest = world.manifest();
    archive.set(&path_of("2025-04"), Page::Apology);
    archive.set(&path_of("2025-05"), Page::Broken);
    let body = Arc::clone(&bodies["2025-06"]);
    let half = body.len() / 2;
    archive.set(&path_of("2025-06"), Page::Truncated { etag: "\"cut\"".to_owned(), body });
    let said = world.run();
    assert_eq!(said.code, 3, "{}", said.err);
    for feed in ["street", "outcomes", "stop-and-search"] {
        for (month, why) in [
            ("2025-04", "looks like a web page".to_owned()),
            ("2025-05", "not available, status 500".to_owned()),
            ("2025-06", format!("broke off after {half} bytes")),
        ] {
            let begins = format!("gap: feed `cleveland-{feed}`: {month}: ");
            let line = said.err.lines().find(|line| line.starts_with(&begins));
            let line = line.unwrap_or_else(|| panic!("no line {begins:?} in\n{}", said.err));
            assert!(line.contains(&why) && line.contains(&archive.url(&path_of(month))), "{line}");
        }
    }
    // What can pass is asked for again, and no more often than the feed allows; a web page is not.
    let mut times: BTreeMap<(String, u16), usize> = BTreeMap::new();
    archive.asked().into_iter().for_each(|asked| *times.entry((asked.path, asked.status)).or_default() += 1);
    let expected = [("2025-03", 404, 1), ("2025-04", 200, 1), ("2025-05", 500, 2), ("2025-06", 200, 2)];
    let expected = expected.map(|(month, status, n)| ((path_of(month), status), n)).into();
    assert_eq!(times, expected);
    assert_eq!(world.manifest(), manifest, "the release stands");
    assert_eq!(cells(&world.table("outturn")), before);

    // A fault where nothing was ever delivered is in the release that follows, and every figure stays.
    archive.set(&path_of("2025-03"), Page::Apology);
    let said = world.run();
    assert_eq!(said.code, 3, "{}", said.err);
    assert_eq!(world.manifest()["release"], "2025-08-12.2", "{}", said.err);
    let deliveries = world.table("feed_delivery");
    let row = deliveries
        .only("2025-03", |row| row.get("feed") == "cleveland-street" && row.get("period") == "2025-03");
    assert_eq!(row.get("status"), "not_supplied");
    assert!(row.get("note").contains("looks like a web page"), "{}", row.get("note"));
    for (key, cell) in cells(&world.table("outturn")).iter().filter(|(_, cell)| cell[3] == "available") {
        assert_eq!(before.get(key), Some(cell), "{key:?}");
    }
    let crimes = as_number(real.recount.recorded(STOCKTON, "2025-04", "2025-06"));
    Figures::of(world, "stockton-total-crime").holds(STOCKTON, "2025/26 Q1", crimes, None, crimes);
}

// -- What is made up --------------------------------------------------------------------------------------------------

/// Rows of a table that follow from deliveries; the others tell that there were none.
fn is_fed(name: &str, row: Row<'_>) -> bool {
    match name {
        "feed_delivery" => ["accepted", "refused", "held"].contains(&row.get("status")),
        "outturn" => row.get("status") == "available",
        // Where nothing was delivered there is nothing to compare.
        "assessment" => !row.get("value").is_empty(),
        _ => true,
    }
}

/// How many fed rows of each table that says so are marked as synthetic, and how many are not.
fn marks(world: &World) -> BTreeMap<String, (u64, u64)> {
    let mut marks = BTreeMap::new();
    for name in world.tables() {
        let table = world.table(&name);
        if !table.has_column("synthetic") {
            continue;
        }
        let (mut marked, mut unmarked) = (0, 0);
        for row in table.rows().filter(|row| is_fed(&name, *row)) {
            match row.get("synthetic") {
                "true" => marked += 1,
                "false" => unmarked += 1,
                other => panic!("{name}: {other:?}"),
            }
        }
        marks.insert(name, (marked, unmarked));
    }
    let datasets = ["crime", "crime_outcome", "stop_search"];
    let counts = datasets.map(|name| {
        format!("SELECT '{name}' AS name, synthetic, count(*) AS n FROM {name} GROUP BY synthetic")
    });
    let table = world.query(&counts.join(" UNION ALL "));
    for name in datasets {
        let of = |mark: &str| {
            let rows = table.rows().filter(|row| row.get("name") == name && row.get("synthetic") == mark);
            rows.filter_map(|row| row.count("n")).sum()
        };
        marks.insert(name.to_owned(), (of("true"), of("false")));
    }
    marks
}

#[test]
fn no_row_of_a_release_of_real_data_is_marked_as_synthetic() {
    let Some(real) = real() else { return };
    let marks = marks(&real.world);
    for table in
        ["outturn", "feed_delivery", "quarantine_summary", "release", "crime_by_ward_and_type", "crime"]
    {
        let (marked, unmarked) = marks[table];
        assert!(marked == 0 && unmarked > 0, "{table}: {marked} marked, {unmarked} not");
    }
    assert!(marks.values().all(|(marked, _)| *marked == 0), "{marks:?}");
}

/// Needs no open data: the program makes up its own.
#[test]
fn every_row_that_follows_from_the_simulator_is_marked_as_synthetic() {
    let folder = tempfile::tempdir().expect("a folder for a test");
    let settings = include_str!("../outturn.toml");
    assert!(settings.contains("\nscale = 1.0\n"));
    let world = World::new(folder.path(), &settings.replace("\nscale = 1.0\n", "\nscale = 0.02\n"));
    let said = world.run();
    assert!([0, 3].contains(&said.code), "{}", said.err);
    let marks = marks(&world);
    for table in [
        "outturn",
        "feed_delivery",
        "release",
        "crime_by_ward_and_type",
        "crime",
        "crime_outcome",
        "stop_search",
    ] {
        let (marked, unmarked) = marks[table];
        assert!(marked > 0 && unmarked == 0, "{table}: {marked} marked, {unmarked} not");
    }
    assert!(marks.values().all(|(_, unmarked)| *unmarked == 0), "{marks:?}");
}

/// Without the open data the report ends with this name, and a reader knows what the others are worth.
#[test]
fn zz_a_test_that_said_it_did_not_run_has_shown_nothing() {
    if open_data().is_some() {
        tell("the tests on real data ran");
    }
}
