//! The feeds of `pipelines/open-data` on the publishers' real files, byte for byte, through a mirror that holds them
//! under the addresses that the feeds ask.
//!
//! The files are not in the repository. `OUTTURN_OPEN_DATA` names the folder that holds them; without it every test that
//! needs them says on standard error that it did not run. Expected numbers were counted from the same files with Python's
//! csv, gzip and json modules, with openpyxl (the workbook) and odfpy (the ODS), or are what the publisher prints.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "support/plain_csv.rs"]
#[expect(dead_code, reason = "what a recount needs is not needed here")]
mod plain_csv;
#[path = "support/shared.rs"]
mod shared;
#[path = "support/world.rs"]
#[expect(dead_code, reason = "what tests of releases need is not needed here")]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plain_csv::Table;
use world::{Said, World};

/// A moment at which all of the data had been published.
const NOW: &str = "2025-12-12T05:30:00Z";

/// Every address is read from the mirror; what lies under `https://host/path` stands in `mirror/host/path`.
const SETTINGS: &str =
    "[warehouse]\nlocation = \"warehouse\"\n\n[[mirror]]\nprefix = \"https://\"\nfolder = \"mirror\"\n";

// -- The shipped files ------------------------------------------------------------------------------------------------

/// The feeds as they are shipped, by id.
fn shipped() -> BTreeMap<String, toml::Table> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/open-data/feeds");
    let mut feeds = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the feeds are there") {
        let text = fs::read_to_string(entry.expect("the feeds are there").path()).expect("a feed is text");
        let feed: toml::Table = text.parse().expect("a feed is TOML");
        feeds.insert(text_of(&feed, "id").to_owned(), feed);
    }
    feeds
}

fn text_of<'a>(feed: &'a toml::Table, key: &str) -> &'a str {
    feed.get(key).and_then(toml::Value::as_str).unwrap_or_default()
}

/// The address of a feed with its query, as a mirror has it.
fn address(feed: &toml::Table) -> String {
    let query = feed.get("query").and_then(toml::Value::as_table);
    let query: Vec<String> = query
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{mark}{}", text_of(feed, "source"), query.join("&"))
}

#[test]
fn the_project_as_it_comes_has_no_problem_and_asks_none_of_the_public_addresses() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let said = World::at(root).outturn(&["check"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let settings = fs::read_to_string(root.join("outturn.toml")).expect("the settings");
    let settings: toml::Table = settings.parse().expect("settings are TOML");
    let inactive = settings.get("inactive").and_then(toml::Value::as_array).expect("a list");
    assert!(inactive.contains(&toml::Value::String("open-data".to_owned())));
}

#[test]
fn every_feed_has_a_public_address_of_its_own_says_what_was_tried_and_stands_in_the_guide() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/feeds.md");
    let guide = fs::read_to_string(guide).expect("the guide");
    let mut seen = BTreeSet::new();
    let feeds = shipped();
    assert!(feeds.len() > 50);
    for (id, feed) in &feeds {
        let address = address(feed);
        assert!(address.starts_with("https://"), "{id}: {address}");
        let one = (address, text_of(feed, "member").to_owned(), text_of(feed, "contract").to_owned());
        assert!(seen.insert(one), "{id}: another feed asks the same");
        assert_eq!(text_of(feed, "agreement"), "open-government-licence", "{id}");
        let notes = text_of(feed, "notes");
        assert!(notes.contains("not asked from here"), "{id}: its notes do not say what was tried");
        assert!(guide.contains(&format!("| `{id}` |")), "{id}: docs/feeds.md lacks it");
    }
}

// -- The shared run ---------------------------------------------------------------------------------------------------

/// One run on all files.
struct Open {
    world: World,
    said: Said,
    /// Held while the tests of this process read the shared folder.
    _lock: File,
}

/// The folder of the open data, or a line that says that the test did not run.
fn open_data() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("OUTTURN_OPEN_DATA") else {
        let thread = std::thread::current();
        let line =
            format!("{} did not run: OUTTURN_OPEN_DATA is not set\n", thread.name().unwrap_or("a test"));
        // Straight to standard error: what a passing test prints is not shown.
        let _ = std::io::stderr().write_all(line.as_bytes());
        return None;
    };
    let folder = PathBuf::from(folder);
    assert!(folder.join("MANIFEST.csv").is_file(), "OUTTURN_OPEN_DATA: {}: no such data", folder.display());
    Some(folder)
}

fn open() -> Option<&'static Open> {
    static OPEN: OnceLock<Open> = OnceLock::new();
    let data = open_data()?;
    Some(OPEN.get_or_init(|| {
        let (lock, folder) = shared::folder("open-data", |folder| {
            let project = folder.join("project");
            make_project(&project, &data);
            let said = run(&World::at(&project));
            let text = serde_json::json!([said.code, said.out, said.err]).to_string();
            fs::write(folder.join("said.json"), text).expect("the folder can be written");
        });
        let said = fs::read(folder.join("said.json")).expect("the run was recorded");
        let (code, out, err) = serde_json::from_slice(&said).expect("the run was recorded");
        Open { world: World::at(&folder.join("project")), said: Said { code, out, err }, _lock: lock }
    }))
}

fn run(world: &World) -> Said {
    world.outturn(&["--now", NOW, "run"])
}

/// The repository's pipelines without the measures, and the mirror. Of the forces' own feeds only the stop and search of
/// Greater Manchester is kept: `tests/real.rs` holds the others against a recount.
fn make_project(folder: &Path, data: &Path) {
    let world = World::new(folder, SETTINGS);
    fs::remove_dir_all(folder.join("sql")).expect("it was copied");
    for partnership in ["manchester", "stockport", "stockton"] {
        fs::remove_dir_all(folder.join("pipelines").join(partnership)).expect("it was copied");
    }
    let feeds = folder.join("pipelines/police/feeds");
    for entry in fs::read_dir(&feeds).expect("it was copied") {
        let path = entry.expect("it was copied").path();
        if !path.ends_with("greater-manchester-stop-and-search.toml") {
            fs::remove_file(path).expect("it was copied");
        }
    }
    let search = "pipelines/police/feeds/greater-manchester-stop-and-search.toml";
    world.edit(search, "\nfrom = \"2018-07\"\n", "\nfrom = \"2019-06\"\n");
    make_mirror(&folder.join("mirror"), data);
}

/// Links every file to where its address leads.
fn make_mirror(mirror: &Path, data: &Path) {
    let manifest = fs::read(data.join("MANIFEST.csv")).expect("the list of the data");
    let manifest = Table::read(&manifest, &["file"]);
    let link = |address: &str, file: &str| {
        let mut place = address.strip_prefix("https://").expect("a public address").to_owned();
        if Path::new(file).extension().is_some_and(|packing| packing == "gz") {
            place.push_str(".gz");
        }
        let place = mirror.join(place);
        fs::create_dir_all(place.parent().expect("a folder")).expect("the mirror can be written");
        if !place.exists() {
            std::os::unix::fs::symlink(data.join(file), &place).expect("the mirror can be written");
        }
    };
    for row in manifest.rows() {
        let file = row.get("file");
        let [repository, commit] = ["repository", "commit"].map(|name| row.get(name));
        let path = encoded(row.get("repo_path"));
        link(&format!("https://raw.githubusercontent.com/{repository}/{commit}/{path}"), file);
        // Files of the publisher's monthly archive lie in it unpacked.
        if let Some((folder, name)) = file.rsplit_once('/')
            && (folder.contains("other-forces/") || folder.contains("greater-manchester/20"))
            && let Some((_, month)) = folder.rsplit_once('/')
        {
            link(
                &format!("https://data.police.uk/data/archive/{month}/{}", name.trim_end_matches(".gz")),
                file,
            );
        }
    }
    let feeds = shipped();
    let of = |id: &str| feeds.get(id).map_or_else(|| panic!("no feed `{id}`"), address);
    for month in ["2025-01", "2025-02", "2025-03", "2025-04"] {
        let file = format!("police-api-json/cheltenham-AA3/{month}-crimes-street-all-crime.json");
        link(&of("api-cheltenham-st-marks").replace("{period}", month), &file);
    }
    for (id, file) in [
        ("fingertips-social-isolation", "fingertips/social-isolation-indicators-CountyUA.data.csv"),
        ("fingertips-campylobacter", "fingertips/indicators-CountyUA.data.csv"),
        ("neighbourhoods-gloucestershire", "police-api-json/gloucestershire/neighbourhoods.json"),
        ("neighbourhood-cheltenham-st-marks", "police-api-json/gloucestershire/AA3.json"),
        (
            "use-of-force-by-tactic",
            "home-office-use-of-force/police-use-of-force-apr2018-mar2019-hosb3319-tables.ods",
        ),
    ] {
        link(&of(id), file);
    }
}

/// A path as it stands in an address.
fn encoded(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// What a SELECT answers, a line a row.
fn told(open: &Open, sql: &str) -> Vec<String> {
    let said = open.world.outturn(&["query", "--output", "csv", sql]);
    assert_eq!(said.code, 0, "{sql}\n{}", said.err);
    said.out.lines().skip(1).map(str::to_owned).collect()
}

/// A SELECT answers these lines.
fn holds(open: &Open, sql: &str, expected: &[&str]) {
    assert_eq!(told(open, sql), expected, "{sql}");
}

// -- What every feed brings -------------------------------------------------------------------------------------------

#[test]
fn a_run_takes_every_row_of_every_feed_and_lacks_nothing() {
    let Some(open) = open() else { return };
    assert_eq!(open.said.code, 0, "{}", open.said.err);
    assert!(!open.said.err.contains("gap:"), "{}", open.said.err);
    let last = open.said.err.lines().last().unwrap_or_default();
    assert!(last.contains("1,620,930 rows read, 0 quarantined"), "{last}");
    let table = open.world.table("feed_delivery");
    let feeds: BTreeSet<&str> =
        table.rows().filter(|row| row.get("status") == "accepted").map(|row| row.get("feed")).collect();
    let mut missing: Vec<String> = shipped().into_keys().filter(|id| !feeds.contains(id.as_str())).collect();
    missing.sort();
    assert_eq!(missing, Vec::<String>::new());
    for row in table.rows().filter(|row| row.get("status") != "known_gap") {
        let numbers = ["received", "accepted", "duplicate", "quarantined"].map(|name| row.count(name));
        let [received, accepted, duplicate, quarantined] = numbers.map(Option::unwrap_or_default);
        assert_eq!(received, accepted + duplicate + quarantined, "{}", row.get("feed"));
        // Files come with the columns that were agreed, so that a change is told when it comes.
        assert_eq!(row.get("note"), "", "{}", row.get("feed"));
    }
}

/// Rows, figures that are not empty, and their sum, of each feed of published figures: counted with Python, but for the
/// use of force in Table 1 and Table 3, which `src/normalise/format/tests/real.rs` reads on its own.
#[test]
fn published_figures_are_as_many_as_the_files_hold_and_add_up_to_the_same() {
    let Some(open) = open() else { return };
    holds(
        open,
        "SELECT feed, count(*), count(value), CAST(round(sum(value)) AS BIGINT) FROM indicator \
         WHERE feed <> 'deprivation-2025-by-authority' GROUP BY feed ORDER BY feed",
        &[
            "alcohol-admissions-by-district,3280,3253,2014695",
            "children-cautioned-or-sentenced,242,242,253690",
            "crime-rate-trafford,273,245,5081",
            "drug-admissions-by-authority,1644,1637,165139",
            "drug-deaths-by-authority,1370,1370,58438",
            "drug-seizures-2017-18,984,984,400822",
            "drug-seizures-2018-19,984,978,448192",
            "dwelling-fires-by-msoa,13572,13571,46088",
            "fingertips-campylobacter,852,842,117741",
            "fingertips-social-isolation,4536,4465,180529",
            "fire-response-times,317,317,151836",
            "gmp-crimes-by-month,36,36,1171226",
            "knife-crime-by-force,480,479,397546",
            "manchester-burglaries-by-ward,384,384,8098",
            "mental-health-act,6947,4694,3190458",
            "ons-recorded-crime-by-csp,9177,9154,28523948",
            "recorded-crime-by-force,46469,46469,244720928",
            "use-of-force-by-age,245,245,2277718",
            "use-of-force-by-disability,175,175,2277718",
            "use-of-force-by-ethnicity,280,280,2277718",
            "use-of-force-by-force-and-age,10780,10780,4555436",
            "use-of-force-by-force-and-disability,7700,7700,4555436",
            "use-of-force-by-force-and-ethnicity,12320,12320,4555436",
            "use-of-force-by-force-and-gender,6160,6160,4555436",
            "use-of-force-by-gender,140,140,2277718",
            "use-of-force-by-impact-factor,315,315,4425419",
            "use-of-force-by-location,630,630,4374377",
            "use-of-force-by-outcome,210,210,2296952",
            "use-of-force-by-reason,455,455,9759312",
            "use-of-force-by-tactic,86,86,4320918",
            "use-of-force-ced-by-force,1188,1188,358566",
            "use-of-force-incidents-by-force,54,54,1283175",
            "use-of-force-officer-injuries,40,40,1710900",
            "use-of-force-subject-injuries,25,25,1710900",
        ],
    );
}

// -- Police -----------------------------------------------------------------------------------------------------------

#[test]
fn street_files_of_any_force_keep_rows_without_id_or_lsoa_and_lose_only_what_is_a_repeat_in_every_field() {
    let Some(open) = open() else { return };
    // Rows, those with a Crime ID, those with an LSOA, those without a place. Cheshire's file has 8,354 rows: of its 24
    // repeated Crime IDs one row equals another in every field. Nothing of the British Transport Police has an id.
    holds(
        open,
        "SELECT feed, month, count(*), count(crime_id), count(lsoa_code), \
         count(CASE WHEN location = 'No Location' THEN 1 END) FROM street_crime GROUP BY feed, month ORDER BY feed, month",
        &[
            "street-btp,2018-10,5080,0,4989,0",
            "street-btp,2018-11,5074,0,4977,0",
            "street-btp,2018-12,5525,0,5386,0",
            "street-cheshire,2018-12,8353,6863,8353,0",
            "street-city-of-london,2018-12,760,652,690,70",
            "street-derbyshire,2018-12,7603,5218,7603,0",
            "street-dorset,2018-12,5807,4283,5582,225",
            "street-lancashire,2018-12,15379,11855,14198,1181",
            "street-merseyside,2018-10,15008,11877,15008,0",
            "street-merseyside,2018-11,14034,11434,14034,0",
            "street-merseyside,2018-12,12636,10616,12636,0",
            "street-northern-ireland,2018-12,11987,7762,0,62",
        ],
    );
    holds(
        open,
        "SELECT count(*) FROM (SELECT crime_id FROM street_crime WHERE feed = 'street-cheshire' AND crime_id IS NOT NULL \
         GROUP BY crime_id HAVING count(*) > 1)",
        &["23"],
    );
}

#[test]
fn answers_of_the_police_interface_read_alike_compact_and_indented_with_null_for_no_outcome() {
    let Some(open) = open() else { return };
    // Rows, those with an outcome, those of the British Transport Police, those without the archive's id.
    holds(
        open,
        "SELECT feed, month, count(*), count(outcome), count(CASE WHEN location_type = 'BTP' THEN 1 END), \
         count(*) - count(persistent_id), count(DISTINCT api_id) - count(*) FROM crime_point WHERE feed LIKE 'api%' \
         GROUP BY feed, month ORDER BY feed, month",
        &[
            "api-cheltenham-st-marks,2025-01,375,309,0,66,0",
            "api-cheltenham-st-marks,2025-02,335,269,0,66,0",
            "api-cheltenham-st-marks,2025-03,466,375,0,91,0",
            "api-cheltenham-st-marks,2025-04,483,397,0,86,0",
            "api-london-e05000027,2018-05,96,78,3,21,0",
            "api-london-e05000027,2018-06,93,83,0,10,0",
            "api-london-e05000649,2018-05,1785,1573,49,261,0",
            "api-london-e05000649,2018-06,1820,1627,69,262,0",
        ],
    );
    // Coordinates are text in the answers.
    holds(
        open,
        "SELECT longitude, latitude, street_name FROM crime_point WHERE api_id = 66145360",
        &["0.145765,51.549556,On or near Osborne Square"],
    );
}

#[test]
fn a_search_at_one_past_eleven_of_the_last_of_may_by_utc_belongs_to_june() {
    let Some(open) = open() else { return };
    // 907 rows; the first is of 2019-05-31T23:01:00+00:00, which is one minute past midnight in Manchester.
    holds(
        open,
        "SELECT month, count(*), min(stopped_on) FROM stop_search GROUP BY month",
        &["2019-06,907,2019-06-01"],
    );
}

#[test]
fn what_third_parties_made_of_the_archive_is_read_as_they_wrote_it() {
    let Some(open) = open() else { return };
    // Times in UTC without saying so: 38 of 435 rows are of the day after in Manchester, so that the first of June has
    // 37 rows where 39 begin with it. `NA` is missing, and the column without a name is passed over.
    holds(
        open,
        "SELECT month, count(*), min(stopped_on), max(stopped_on), count(CASE WHEN stopped_on = '2019-06-01' THEN 1 END), \
         count(CASE WHEN operation THEN 1 END), count(*) - count(gender), count(CASE WHEN outcome_linked THEN 1 END), \
         count(DISTINCT lsoa_code) FROM stop_search_place GROUP BY month",
        &["2019-06,435,2019-06-01,2019-06-30,37,214,118,67,92"],
    );
    holds(
        open,
        "SELECT count(*) FROM stop_search_place \
         WHERE CAST(stopped_on AS VARCHAR) <> substr(stopped_at_utc, 1, 10)",
        &["38"],
    );
    // Rows carry no identifier: 92,666 of them, at 81,483 months and points.
    holds(
        open,
        "SELECT count(*), count(DISTINCT month), sum(CASE WHEN month = '2016-02' THEN 1 END), \
         sum(CASE WHEN month = '2017-06' THEN 1 END), sum(CASE WHEN month = '2019-01' THEN 1 END), \
         count(DISTINCT concat(month, ' ', longitude, ' ', latitude)), min(category), max(category) FROM crime_point \
         WHERE feed = 'gmp-burglaries'",
        &["92666,36,2263,2794,2670,81483,burglary,burglary"],
    );
    holds(
        open,
        "SELECT area_code, area_name, persons, month FROM population_estimate WHERE area_type = 'police neighbourhood'",
        &["AA3,St Marks,12266,2025-11"],
    );
}

// -- Recorded crime ---------------------------------------------------------------------------------------------------

#[test]
fn force_totals_partnerships_and_what_is_unassigned_are_told_apart_in_table_c2() {
    let Some(open) = open() else { return };
    // Counted by which of the code and the name of the partnership are empty.
    holds(
        open,
        "SELECT area_type, count(*), CAST(sum(value) AS BIGINT) FROM indicator WHERE feed = 'ons-recorded-crime-by-csp' \
         AND category = 'Total recorded crime (excluding fraud)' GROUP BY area_type ORDER BY area_type",
        &["csp,314,5102703", "force,42,5195348", "unassigned,43,101446"],
    );
    // The four partnerships of Cleveland as the ONS prints them, and the force: 20 are unassigned.
    holds(
        open,
        "SELECT area_type, area_code, area_name, CAST(value AS BIGINT) FROM indicator \
         WHERE feed = 'ons-recorded-crime-by-csp' AND category = 'Total recorded crime (excluding fraud)' \
         AND within_code = 'E23000013' AND area_type <> 'unassigned' ORDER BY area_type, area_code",
        &[
            "csp,E22000027,Hartlepool,13044",
            "csp,E22000028,Redcar and Cleveland,14535",
            "csp,E22000029,Middlesbrough,23005",
            "csp,E22000030,Stockton-on-Tees,19961",
            "force,E23000013,Cleveland,70565",
        ],
    );
    // Blanks behind names and the mark of a note are gone, so each of 43 forces has one name; London's City has no total.
    holds(
        open,
        "SELECT count(DISTINCT within_code), count(DISTINCT within_name) FROM indicator \
         WHERE feed = 'ons-recorded-crime-by-csp'",
        &["43,43"],
    );
    // An airport without a code, and a row in which the publisher gives no figure at all: missing, not nought.
    holds(
        open,
        "SELECT area_name, area_type, area_code, CAST(value AS BIGINT), value_status FROM indicator \
         WHERE feed = 'ons-recorded-crime-by-csp' AND category = 'Total recorded crime (excluding fraud)' \
         AND area_name IN ('Manchester Airport', 'unassigned Surrey') ORDER BY area_name",
        &["Manchester Airport,unassigned,,1516,value", "unassigned Surrey,unassigned,,,missing"],
    );
    // Two remainders bear the code of another force, which only their names tell.
    holds(
        open,
        "SELECT DISTINCT within_code, within_name, area_name FROM indicator WHERE feed = 'ons-recorded-crime-by-csp' \
         AND area_type = 'unassigned' AND area_name IN ('Unassigned Gwent', 'unassigned Surrey') ORDER BY 1",
        &["E23000032,Surrey,unassigned Surrey", "W15000003,Gwent,Unassigned Gwent"],
    );
    // Eleven partnerships of several authorities, and five authorities divided between partnerships.
    holds(
        open,
        "SELECT count(DISTINCT area_code) FROM indicator WHERE feed = 'ons-recorded-crime-by-csp' AND area_type = 'csp' \
         AND authority_code IS NULL",
        &["11"],
    );
    holds(
        open,
        "SELECT authority_code, count(DISTINCT area_code) FROM indicator WHERE feed = 'ons-recorded-crime-by-csp' \
         AND authority_code IS NOT NULL GROUP BY authority_code HAVING count(DISTINCT area_code) > 1 ORDER BY 1",
        &["E06000058,2", "E06000060,4", "E06000061,4", "E06000062,2", "E07000244,2"],
    );
}

#[test]
fn rolling_years_say_so_keep_what_is_below_nought_and_stand_in_the_month_in_which_they_end() {
    let Some(open) = open() else { return };
    holds(
        open,
        "SELECT area_type, period_kind, count(*), count(CASE WHEN value < 0 THEN 1 END) FROM indicator \
         WHERE feed = 'recorded-crime-by-force' GROUP BY area_type, period_kind ORDER BY area_type",
        &["force,rolling year,45322,25", "national body,rolling year,1147,0"],
    );
    // 52 ends of years; one is written with the thirtieth of December.
    holds(
        open,
        "SELECT count(DISTINCT month), count(CASE WHEN period = '30-12-2017' AND month = '2017-12' THEN 1 END) \
         FROM indicator WHERE feed = 'recorded-crime-by-force'",
        &["52,927"],
    );
    holds(
        open,
        "SELECT area_name, parent, count(*) FROM (SELECT area_name, within_name AS parent FROM indicator \
         WHERE feed = 'recorded-crime-by-force' AND area_type = 'national body') GROUP BY 1, 2 ORDER BY 1",
        &[
            "Action Fraud,Fraud: Action Fraud,31",
            "British Transport Police,British Transport Police,1054",
            "CIFAS,Fraud: CIFAS,31",
            "UK Finance,Fraud: UK Finance,31",
        ],
    );
    // Financial and calendar years in one column; the rates of Greater Manchester that are `:` are missing.
    holds(
        open,
        "SELECT month, period_kind, count(*), count(value) FROM indicator WHERE feed = 'crime-rate-trafford' \
         AND month >= '2017-06' GROUP BY month, period_kind ORDER BY month",
        &[
            "2018-03,financial year,21,14",
            "2018-12,calendar year,21,14",
            "2019-03,financial year,21,14",
            "2019-12,calendar year,21,14",
        ],
    );
}

#[test]
fn wide_tables_of_forces_have_a_row_a_figure_and_blanks_are_missing() {
    let Some(open) = open() else { return };
    // The sum of `All drugs`, and that the heading with a line feed has a blank there.
    holds(
        open,
        "SELECT month, period, CAST(sum(value) AS BIGINT) FROM indicator WHERE feed LIKE 'drug-seizures%' \
         AND category = 'All drugs' GROUP BY month, period ORDER BY month",
        &["2018-03,2017/18,128335", "2019-03,2018/19,143831"],
    );
    holds(
        open,
        "SELECT DISTINCT category, category_type FROM indicator WHERE feed LIKE 'drug-seizures%' \
         AND (category LIKE 'Meph%' OR category LIKE 'Total%A') ORDER BY category",
        &["Mephedrone (non-injection),Drug", "Total Class A,Total"],
    );
    holds(
        open,
        "SELECT feed, area_name, area_type, count(*) FROM indicator WHERE value_status = 'missing' \
         AND feed IN ('drug-seizures-2018-19', 'knife-crime-by-force') GROUP BY 1, 2, 3 ORDER BY 1",
        &[
            "drug-seizures-2018-19,Border Force,national body,6",
            "knife-crime-by-force,Greater Manchester,force,1",
        ],
    );
}

#[test]
fn tables_of_the_use_of_force_are_read_between_their_headings_and_their_notes() {
    let Some(open) = open() else { return };
    holds(
        open,
        "SELECT feed, category, CAST(sum(value) AS BIGINT), count(*) FROM indicator \
         WHERE feed IN ('use-of-force-by-gender', 'use-of-force-by-tactic') GROUP BY 1, 2 ORDER BY 1, 2",
        &[
            "use-of-force-by-gender,Female,356018,35",
            "use-of-force-by-gender,Male,1899663,35",
            "use-of-force-by-gender,Not reported,18689,35",
            "use-of-force-by-gender,Other,3348,35",
            "use-of-force-by-tactic,Number of incidents involving tactic,2015573,43",
            "use-of-force-by-tactic,Number of times tactic reported,2305345,43",
        ],
    );
    // 44 areas with 35 tactics and 8 ethnicities: the country is the sum of the 43 forces.
    holds(
        open,
        "SELECT area_type, count(DISTINCT area_name), count(*), CAST(sum(value) AS BIGINT) FROM indicator \
         WHERE feed = 'use-of-force-by-force-and-ethnicity' GROUP BY area_type ORDER BY area_type",
        &["country,1,280,2277718", "force,43,12040,2277718"],
    );
    holds(
        open,
        "SELECT category, CAST(value AS BIGINT) AS times FROM indicator WHERE feed = 'use-of-force-by-force-and-ethnicity' \
         AND area_name = 'Cleveland' AND tactic = '*Total Tactics' ORDER BY times DESC LIMIT 2",
        &["White,12566", "Asian (or Asian British),348"],
    );
    // The forces add up to the country, and so do the regions: by ages, genders and disabilities as by ethnicities.
    holds(
        open,
        "SELECT area_type, count(DISTINCT area_name), CAST(sum(value) AS BIGINT) FROM indicator \
         WHERE feed = 'use-of-force-incidents-by-force' GROUP BY area_type ORDER BY area_type",
        &["country,1,427725", "force,43,427725", "region,10,427725"],
    );
    holds(
        open,
        "SELECT feed, area_type, count(DISTINCT area_name), count(DISTINCT category), CAST(sum(value) AS BIGINT) \
         FROM indicator WHERE feed LIKE 'use-of-force-by-force-and-%' GROUP BY feed, area_type ORDER BY feed, area_type",
        &[
            "use-of-force-by-force-and-age,country,1,7,2277718",
            "use-of-force-by-force-and-age,force,43,7,2277718",
            "use-of-force-by-force-and-disability,country,1,5,2277718",
            "use-of-force-by-force-and-disability,force,43,5,2277718",
            "use-of-force-by-force-and-ethnicity,country,1,8,2277718",
            "use-of-force-by-force-and-ethnicity,force,43,8,2277718",
            "use-of-force-by-force-and-gender,country,1,4,2277718",
            "use-of-force-by-force-and-gender,force,43,4,2277718",
        ],
    );
    // Headings with line feeds, as `Under 11\nyears` and `Size/gender/\nbuild`.
    holds(
        open,
        "SELECT feed, category, CAST(value AS BIGINT) FROM indicator WHERE tactic IN ('Total Tactics', '*Total Tactics') \
         AND category IN ('Under 11 years', 'Size/gender/ build', 'Fatality', 'Custody block', 'Prevent escape') \
         AND (area_name = 'England and Wales' OR area_name = 'Total England and Wales') ORDER BY feed",
        &[
            "use-of-force-by-age,Under 11 years,853",
            "use-of-force-by-force-and-age,Under 11 years,853",
            "use-of-force-by-impact-factor,Size/gender/ build,198123",
            "use-of-force-by-location,Custody block,90092",
            "use-of-force-by-outcome,Fatality,8",
            "use-of-force-by-reason,Prevent escape,274529",
        ],
    );
    // The merged first column is filled down, and the totals stand apart below a blank row.
    holds(
        open,
        "SELECT category, count(*), CAST(sum(value) AS BIGINT) FROM indicator \
         WHERE feed = 'use-of-force-officer-injuries' AND measure = 'Total incidents' GROUP BY category ORDER BY category",
        &["No,3,397668", "Not reported,3,8189", "Total incidents,1,427725", "Yes,3,21868"],
    );
    // Two years; the revised figures of Hampshire say so, under its own name.
    holds(
        open,
        "SELECT month, area_type, count(*), CAST(sum(value) AS BIGINT) FROM indicator \
         WHERE feed = 'use-of-force-ced-by-force' AND category = 'Total' GROUP BY 1, 2 ORDER BY 1, 2",
        &[
            "2018-03,country,1,16913",
            "2018-03,force,43,16913",
            "2018-03,region,10,16913",
            "2019-03,country,1,23451",
            "2019-03,force,43,23451",
            "2019-03,region,10,23451",
        ],
    );
    holds(
        open,
        "SELECT month, area_name, CAST(value AS BIGINT), note FROM indicator \
         WHERE feed = 'use-of-force-ced-by-force' AND category = 'Total' AND area_name LIKE 'Hampshire%' ORDER BY month",
        &["2018-03,Hampshire,158,revised", "2019-03,Hampshire,209,"],
    );
}

// -- Health and youth -------------------------------------------------------------------------------------------------

#[test]
fn figures_of_fingertips_keep_their_intervals_breakdowns_and_the_reason_why_a_value_is_missing() {
    let Some(open) = open() else { return };
    holds(
        open,
        "SELECT feed, value_status, note, count(*) FROM indicator WHERE feed LIKE 'fingertips%' AND value IS NULL \
         GROUP BY 1, 2, 3 ORDER BY 1, 3 NULLS LAST",
        &[
            "fingertips-campylobacter,missing,Value for Cornwall & Isles of Scilly combined,5",
            "fingertips-campylobacter,missing,Value for Hackney and City of London combined,5",
            "fingertips-social-isolation,missing,Value missing,2",
            "fingertips-social-isolation,missing,Value missing in source data,30",
            "fingertips-social-isolation,missing,,39",
        ],
    );
    // 973 and 97 rows have no 95 % limits, 70 have 99.8 % limits; the key for sorting is no date.
    holds(
        open,
        "SELECT feed, count(*) - count(lower_95), count(lower_998), min(sortable_period), max(sortable_period), \
         count(DISTINCT indicator) FROM indicator WHERE feed LIKE 'fingertips%' GROUP BY feed ORDER BY feed",
        &[
            "fingertips-campylobacter,97,0,20150000,20170000,1",
            "fingertips-social-isolation,973,70,20100000,20180000,2",
        ],
    );
    // England is called so in one file and `Country` in the other.
    holds(
        open,
        "SELECT feed, area_type, area_name, count(*) FROM indicator WHERE feed LIKE 'fingertips%' \
         AND area_code = 'E92000001' GROUP BY 1, 2, 3 ORDER BY 1",
        &["fingertips-campylobacter,country,England,65", "fingertips-social-isolation,country,England,572"],
    );
    // The headline figures of Stockport, by indicator and age, among the rows without a category; the line feed within
    // the quotes is gone.
    holds(
        open,
        "SELECT indicator_id, age, value, lower_95, upper_95, month FROM indicator WHERE feed LIKE 'fingertips%' \
         AND area_name = 'Stockport' AND category_type IS NULL AND period IN ('2018/19', '2017') ORDER BY 1, 2",
        &[
            "90280,18+ yrs,43.0,39.5,46.5,2019-03",
            "90280,65+ yrs,39.7,34.9,44.5,2019-03",
            "90638,18+ yrs,30.5,25.7,35.3,2019-03",
            "90638,65+ yrs,33.1,26.4,39.8,2019-03",
            "93356,All ages,132.848287943502,119.924332206713,146.785411114271,2017-12",
        ],
    );
    holds(
        open,
        "SELECT DISTINCT indicator FROM indicator WHERE indicator_id = '93356'",
        &["\"Campylobacter incidence rate/100,000\""],
    );
}

#[test]
fn what_the_supplier_withheld_is_suppressed_and_what_it_rounded_says_so() {
    let Some(open) = open() else { return };
    // 2,253 of 6,947 totals are blank in the workbook, which is how it withholds them.
    holds(
        open,
        "SELECT value_status, count(*) FROM indicator WHERE feed = 'mental-health-act' GROUP BY 1 ORDER BY 1",
        &["suppressed,2253", "value,4694"],
    );
    // Section 136, by kind of organisation: 160 rows, 69 of them withheld.
    holds(
        open,
        "SELECT area_type, count(*), count(value), CAST(sum(value) AS BIGINT) FROM indicator \
         WHERE feed = 'mental-health-act' AND measure = 'Section 136' GROUP BY area_type ORDER BY area_type",
        &["Independent Health Provider,23,2,375", "NHS Trust,94,46,14830", "national,43,43,135908"],
    );
    holds(
        open,
        "SELECT CAST(value AS BIGINT) FROM indicator WHERE feed = 'mental-health-act' AND measure = 'Section 136' \
         AND organisation_type = 'All submissions' AND category_type IS NULL",
        &["16837"],
    );
    // Figures of organisations are multiples of five, national ones are exact.
    holds(
        open,
        "SELECT rounded_to, count(*), count(CASE WHEN CAST(value AS BIGINT) % 5 <> 0 THEN 1 END) FROM indicator \
         WHERE feed = 'mental-health-act' AND value IS NOT NULL GROUP BY 1 ORDER BY 1 NULLS LAST",
        &["5.0,3997,0", ",697,473"],
    );
    // The cell with a stray `h`.
    holds(
        open,
        "SELECT organisation_type, area_type, CAST(value AS BIGINT) FROM indicator WHERE feed = 'mental-health-act' \
         AND indicator = 'All detentions' AND category = '15 and under' AND area_code = 'All prov'",
        &["All submissions,national,274"],
    );
    // Admissions for drug misuse: blanks are missing, and from 2018 on every figure is a multiple of five.
    holds(
        open,
        "SELECT rounded_to, min(period), max(period), count(*) - count(value), \
         count(CASE WHEN CAST(value AS BIGINT) % 5 <> 0 THEN 1 END) > 0 FROM indicator \
         WHERE feed = 'drug-admissions-by-authority' GROUP BY 1 ORDER BY 1 NULLS LAST",
        &["5.0,2018,2020,3,false", ",2009,2017,4,true"],
    );
    holds(
        open,
        "SELECT area_name, value FROM indicator WHERE feed = 'drug-admissions-by-authority' AND period = '2009' \
         AND area_name IN ('Darlington', 'Derby') ORDER BY 1",
        &["Darlington,28.0", "Derby,102.0"],
    );
}

#[test]
fn rates_and_counts_in_one_column_are_told_apart() {
    let Some(open) = open() else { return };
    holds(
        open,
        "SELECT measure, CAST(sum(value) AS BIGINT) FROM indicator WHERE feed = 'children-cautioned-or-sentenced' \
         AND area_type = 'local authority' GROUP BY measure ORDER BY measure",
        &["Count,18737", "\"Per 10,000 aged 10-17\",3321"],
    );
    holds(
        open,
        "SELECT month, measure, value FROM indicator WHERE feed = 'children-cautioned-or-sentenced' \
         AND area_code = 'E08000007' AND period = '2024/25' ORDER BY measure",
        &["2025-03,Count,79.0", "2025-03,\"Per 10,000 aged 10-17\",26.0"],
    );
    holds(
        open,
        "SELECT area_type, count(*), count(value) FROM indicator WHERE feed = 'alcohol-admissions-by-district' \
         GROUP BY 1 ORDER BY 1",
        &["combined authority,10,10", "country,10,10", "local authority,3260,3233"],
    );
    holds(
        open,
        "SELECT measure, value FROM indicator WHERE feed = 'deprivation-2025-by-authority' AND area_name = 'Hartlepool' \
         AND indicator = 'Index of Multiple Deprivation' ORDER BY 1",
        &[
            "average_rank,23075.98",
            "average_score,37.58",
            "proportion_bottom_decile,0.4211",
            "rank_average_rank,30.0",
            "rank_average_score,6.0",
            "rank_proportion_bottom_decile,3.0",
        ],
    );
}

// -- Roads and fires --------------------------------------------------------------------------------------------------

#[test]
fn every_casualty_is_a_row_and_minus_one_is_not_a_speed_limit() {
    let Some(open) = open() else { return };
    holds(
        open,
        "SELECT count(*), count(CASE WHEN casualty_severity = 'Fatal' THEN 1 END), \
         count(CASE WHEN authority_name = 'Stockport' THEN 1 END), count(DISTINCT collision_ref), min(happened_on), \
         max(happened_on), min(speed_limit), count(*) - count(speed_limit), \
         count(CASE WHEN sex = 'Not known' THEN 1 END) FROM casualty",
        &["20435,342,1600,15645,2019-01-01,2024-06-30,20,8,168"],
    );
}

#[test]
fn lengths_of_time_that_were_written_as_dates_are_seconds_and_fires_are_means() {
    let Some(open) = open() else { return };
    // 1899-12-31T00:08:04Z and 00:06:42.
    holds(
        open,
        "SELECT area_code, within_code, value, unit FROM indicator WHERE feed = 'fire-response-times' \
         AND area_code IN ('E06000022', 'E08000007') ORDER BY 1",
        &["E06000022,E31000001,484.0,seconds", "E08000007,E31000040,402.0,seconds"],
    );
    holds(
        open,
        "SELECT unit, count(*), count(value), count(DISTINCT area_code), round(sum(value), 3) FROM indicator \
         WHERE feed = 'dwelling-fires-by-msoa' AND measure LIKE 'Number%' GROUP BY unit",
        &["fires a year,6786,6786,6785,46081.833"],
    );
}

// -- Populations ------------------------------------------------------------------------------------------------------

#[test]
fn residents_are_as_many_as_published_however_the_table_was_laid_out() {
    let Some(open) = open() else { return };
    // Rows, areas, and the residents of all ages where the file tells them.
    holds(
        open,
        "SELECT feed, count(*), count(DISTINCT area_code), sum(CASE WHEN age = 'All ages' AND COALESCE(sex, \
         'All persons') = 'All persons' THEN persons END) FROM population_estimate GROUP BY feed ORDER BY feed",
        &[
            "census-1981-2021-greater-manchester,2850,10,13107604",
            "census-2021-ethnic-group-by-authority,6620,331,",
            "census-2021-ethnic-group-by-lsoa,10305,2061,",
            "census-2021-greater-manchester,2730,10,",
            "neighbourhood-cheltenham-st-marks,1,1,12266",
            "nomis-2011-age-manchester,156060,1530,503127",
            "population-2020-by-authority,30452,331,59719724",
            "population-2020-by-lsoa,186300,2025,3418054",
            "population-2020-by-ward,740876,8053,59719724",
        ],
    );
    // Mid-2020 as published: Stockton-on-Tees, Manchester, Stockport; from their wards, from the authority, and from the
    // single years of either.
    let expected = ["E06000004,197419,197419", "E08000003,555741,555741", "E08000007,294197,294197"];
    for (feed, code) in
        [("population-2020-by-ward", "within_code"), ("population-2020-by-authority", "area_code")]
    {
        let sql = format!(
            "SELECT {code}, sum(CASE WHEN age = 'All ages' THEN persons END), \
             sum(CASE WHEN age <> 'All ages' THEN persons END) FROM population_estimate WHERE feed = '{feed}' \
             AND {code} IN ('E08000007', 'E08000003', 'E06000004') GROUP BY {code} ORDER BY {code}"
        );
        holds(open, &sql, &expected);
    }
    holds(
        open,
        "SELECT month, sum(persons) FROM population_estimate WHERE feed = 'census-1981-2021-greater-manchester' \
         AND age = 'All ages' AND sex = 'All persons' GROUP BY month ORDER BY month",
        &["1981-04,2575407", "1991-04,2499441", "2001-04,2482328", "2011-03,2682528", "2021-03,2867900"],
    );
    holds(
        open,
        "SELECT sex, sum(persons) FROM population_estimate WHERE feed = 'census-2021-greater-manchester' \
         AND sex = 'All persons' GROUP BY sex",
        &["All persons,2867752"],
    );
}

#[test]
fn a_code_that_does_not_apply_is_no_ethnic_group() {
    let Some(open) = open() else { return };
    holds(
        open,
        "SELECT ethnic_group IS NULL, note, count(*), sum(persons) FROM population_estimate \
         WHERE feed = 'census-2021-ethnic-group-by-authority' GROUP BY 1, 2 ORDER BY 1",
        &["false,,6289,59597578", "true,Does not apply,331,0"],
    );
    holds(
        open,
        "SELECT count(DISTINCT ethnic_group), sum(persons), round(min(share), 3) >= 0 FROM population_estimate \
         WHERE feed = 'census-2021-ethnic-group-by-lsoa'",
        &["5,3437266,true"],
    );
}

// -- Look-ups ---------------------------------------------------------------------------------------------------------

#[test]
fn look_ups_of_every_vintage_stand_in_one_table() {
    let Some(open) = open() else { return };
    holds(
        open,
        "SELECT feed, count(*) FROM area_lookup GROUP BY feed ORDER BY feed",
        &[
            "lookup-authority-successors,415",
            "lookup-imd19-lsoa11-lad19,32844",
            "lookup-lad18-csp18-pfa18,348",
            "lookup-lad19-csp19-pfa19,342",
            "lookup-lad19-fra19,339",
            "lookup-lsoa11-lsoa21,2065",
            "lookup-lsoa11-wd19-lad19,34753",
            "lookup-lsoa21-ward24-ltla24,35672",
            "lookup-ltla24-csp24-pfa24,332",
            "lookup-ltla24-fra24,318",
            "neighbourhoods-gloucestershire,55",
        ],
    );
    // Stockport in every vintage, Manchester's partnership, and Stockton's fire authority.
    holds(
        open,
        "SELECT vintage, from_code, to_kind, to_code, within_code FROM area_lookup WHERE from_code IN ('E08000007', \
         'E06000004') AND (to_kind LIKE 'csp%' OR to_kind LIKE 'fire%') AND (from_code = 'E08000007' OR to_kind LIKE 'fire%') \
         ORDER BY from_code, vintage, to_kind",
        &[
            "2019-12,E06000004,fire and rescue authority 2019,E31000007,",
            "2024,E06000004,fire and rescue authority 2024,E31000007,",
            "2018-12,E08000007,csp 2018,E22000105,E23000005",
            "2019-12,E08000007,csp 2019,E22000105,E23000005",
            "2019-12,E08000007,fire and rescue authority 2019,E31000040,",
            "2024,E08000007,csp 2024,E22000105,E23000005",
            "2024,E08000007,fire and rescue authority 2024,E31000040,",
        ],
    );
    // 332 rows for 318 authorities, seven of which have several partnerships.
    holds(
        open,
        "SELECT count(*), sum(n), count(CASE WHEN n > 1 THEN 1 END) FROM (SELECT from_code, count(*) AS n \
         FROM area_lookup WHERE feed = 'lookup-ltla24-csp24-pfa24' GROUP BY from_code)",
        &["318,332,7"],
    );
    holds(
        open,
        "SELECT change, count(*) FROM area_lookup WHERE feed = 'lookup-lsoa11-lsoa21' GROUP BY change ORDER BY change",
        &["M,8", "S,79", "U,1978"],
    );
    // Aylesbury Vale became part of Buckinghamshire in 2020; 54 codes were no longer in use then.
    holds(
        open,
        "SELECT from_name, to_code, current FROM area_lookup WHERE feed = 'lookup-authority-successors' \
         AND from_code = 'E07000004'",
        &["Aylesbury Vale,E06000060,false"],
    );
    holds(
        open,
        "SELECT current, count(*) FROM area_lookup WHERE feed = 'lookup-authority-successors' GROUP BY 1 ORDER BY 1",
        &["false,54", "true,361"],
    );
    holds(
        open,
        "SELECT min(imd_rank), max(imd_rank) FROM area_lookup WHERE feed = 'lookup-imd19-lsoa11-lad19'",
        &["1,32844"],
    );
}

#[test]
fn a_second_run_on_the_same_files_changes_nothing() {
    let Some(open) = open() else { return };
    let before = open.world.files();
    let said = open.world.outturn(&["--now", NOW, "plan", "--detailed-exit-code"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(open.world.files(), before);
}
