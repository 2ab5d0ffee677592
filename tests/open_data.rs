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
const SETTINGS: &str = "[warehouse]\nlocation = \"warehouse\"\n\n[[mirror]]\nprefix = \"https://\"\nfolder = \"mirror\"\n";

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
        let line = format!("{} did not run: OUTTURN_OPEN_DATA is not set\n", thread.name().unwrap_or("a test"));
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
        if file.ends_with(".gz") && !place.ends_with(".gz") {
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
            link(&format!("https://data.police.uk/data/archive/{month}/{}", name.trim_end_matches(".gz")), file);
        }
    }
    let feeds = shipped();
    let of = |id: &str| feeds.get(id).map(address).unwrap_or_else(|| panic!("no feed `{id}`"));
    for month in ["2025-01", "2025-02", "2025-03", "2025-04"] {
        let file = format!("police-api-json/cheltenham-AA3/{month}-crimes-street-all-crime.json");
        link(&of("api-cheltenham-st-marks").replace("{period}", month), &file);
    }
    for (id, file) in [
        ("fingertips-social-isolation", "fingertips/social-isolation-indicators-CountyUA.data.csv"),
        ("fingertips-campylobacter", "fingertips/indicators-CountyUA.data.csv"),
        ("neighbourhoods-gloucestershire", "police-api-json/gloucestershire/neighbourhoods.json"),
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
