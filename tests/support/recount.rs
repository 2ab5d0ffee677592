//! A recount of the open data with nothing of the product in it: the publisher's bytes, plain CSV, sums. What the
//! program says is held against it.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::plain_csv::{Table, for_each_record};

/// What distinguishes crimes and incidents in the counts. Empty: not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Crime {
    pub(crate) month: String,
    pub(crate) kind: String,
    pub(crate) csp: String,
    pub(crate) force: String,
    /// Set in which the LSOA stands: `both`, `2011` or `2021`.
    pub(crate) vintage: String,
    pub(crate) outcome: String,
}

impl Crime {
    pub(crate) fn is_asb(&self) -> bool {
        self.kind == "Anti-social behaviour"
    }
}

/// Where an LSOA lies.
struct Place {
    vintage: &'static str,
    csp: String,
    force: String,
}

/// One file of the publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// Rows below the header.
    pub(crate) rows: u64,
    /// Rows with an id that equal an earlier one in every field.
    pub(crate) repeats: u64,
}

/// The counts.
pub(crate) struct Recount {
    pub(crate) street: BTreeMap<String, Delivered>,
    pub(crate) outcome: BTreeMap<String, Delivered>,
    pub(crate) search: BTreeMap<String, Delivered>,
    /// Months of `search` in which every row stands an even number of times.
    pub(crate) doubled: Vec<String>,
    pub(crate) crimes: HashMap<Crime, u64>,
    /// By month, outcome and partnership.
    pub(crate) outcomes: BTreeMap<[String; 3], u64>,
    /// By month and type of search.
    pub(crate) searches: BTreeMap<[String; 2], u64>,
}

impl Recount {
    /// Counts everything of Cleveland Police in the folder of the open data.
    pub(crate) fn of(data: &Path) -> Self {
        let places = places(data);
        let mut recount = Self {
            street: BTreeMap::new(),
            outcome: BTreeMap::new(),
            search: BTreeMap::new(),
            doubled: Vec::new(),
            crimes: HashMap::new(),
            outcomes: BTreeMap::new(),
            searches: BTreeMap::new(),
        };
        for month in months(data) {
            if let Some(text) = file_of(data, &month, "street") {
                recount.street(&month, &text, &places);
            }
            if let Some(text) = file_of(data, &month, "outcomes") {
                recount.outcomes(&month, &text, &places);
            }
            if let Some(text) = file_of(data, &month, "stop-and-search") {
                recount.searches(&month, &text);
            }
        }
        recount
    }

    fn street(&mut self, month: &str, text: &[u8], places: &HashMap<String, Place>) {
        let mut delivered = Delivered { rows: 0, repeats: 0 };
        let mut seen = HashSet::new();
        let mut counts: HashMap<[&str; 5], u64> = HashMap::new();
        let mut keep = Vec::new();
        let mut header = true;
        for_each_record(text, |fields| {
            let [id, of, _, _, _, _, _, lsoa, _, crime_type, outcome, _] = fields else {
                panic!("{month}: expected twelve fields, found {fields:?}");
            };
            if std::mem::take(&mut header) {
                assert_eq!([id, of, lsoa, crime_type], [&"Crime ID", &"Month", &"LSOA code", &"Crime type"]);
                assert_eq!(*outcome, "Last outcome category");
                return;
            }
            assert_eq!(*of, month, "every row is of the month of its file");
            delivered.rows += 1;
            if !id.is_empty() && !seen.insert(fields.join(",")) {
                delivered.repeats += 1;
                return;
            }
            keep.push([(*lsoa).to_owned(), (*crime_type).to_owned(), (*outcome).to_owned()]);
        });
        for [lsoa, crime_type, outcome] in &keep {
            let place = places.get(lsoa).unwrap_or_else(|| panic!("{month}: LSOA {lsoa:?} is in no set"));
            *counts.entry([crime_type, &place.csp, &place.force, place.vintage, outcome]).or_default() += 1;
        }
        for ([crime_type, csp, force, vintage, outcome], n) in counts {
            let [month, crime_type, csp] = [month, crime_type, csp].map(str::to_owned);
            let [force, vintage, outcome] = [force, vintage, outcome].map(str::to_owned);
            *self
                .crimes
                .entry(Crime { month, kind: crime_type, csp, force, vintage, outcome })
                .or_default() += n;
        }
        self.street.insert(month.to_owned(), delivered);
    }

    fn outcomes(&mut self, month: &str, text: &[u8], places: &HashMap<String, Place>) {
        let mut rows = 0;
        let mut header = true;
        for_each_record(text, |fields| {
            let [_, of, _, _, _, _, _, lsoa, _, outcome] = fields else {
                panic!("{month}: expected ten fields, found {fields:?}");
            };
            if std::mem::take(&mut header) {
                assert_eq!([of, lsoa, outcome], [&"Month", &"LSOA code", &"Outcome type"]);
                return;
            }
            assert_eq!(*of, month, "every row is of the month of its file");
            rows += 1;
            // An outcome may have no map point, and then no LSOA.
            let csp = if lsoa.is_empty() {
                ""
            } else {
                places.get(*lsoa).map(|p| p.csp.as_str()).expect("known LSOA")
            };
            *self.outcomes.entry([month, outcome, csp].map(str::to_owned)).or_default() += 1;
        });
        self.outcome.insert(month.to_owned(), Delivered { rows, repeats: 0 });
    }

    fn searches(&mut self, month: &str, text: &[u8]) {
        let mut rows = 0;
        let mut times: HashMap<String, u64> = HashMap::new();
        let mut by_type: BTreeMap<[String; 2], u64> = BTreeMap::new();
        let mut header = true;
        for_each_record(text, |fields| {
            assert_eq!(fields.len(), 15, "{month}: {fields:?}");
            let (search_type, date) = (fields[0], fields[1]);
            if std::mem::take(&mut header) {
                assert_eq!([search_type, date], ["Type", "Date"]);
                return;
            }
            assert_eq!(month_in_london(date), month, "every row is of the month of its file");
            rows += 1;
            *times.entry(fields.join(",")).or_default() += 1;
            *by_type.entry([month, search_type].map(str::to_owned)).or_default() += 1;
        });
        if times.values().all(|n| n % 2 == 0) {
            self.doubled.push(month.to_owned());
        } else {
            self.searches.append(&mut by_type);
        }
        self.search.insert(month.to_owned(), Delivered { rows, repeats: 0 });
    }

    /// How many crimes and incidents `fit`.
    pub(crate) fn count(&self, fits: impl Fn(&Crime) -> bool) -> u64 {
        self.crimes.iter().filter(|(crime, _)| fits(crime)).map(|(_, n)| n).sum()
    }

    /// Recorded crimes of a partnership from one month to another: everything but anti-social behaviour.
    pub(crate) fn recorded(&self, csp: &str, first: &str, last: &str) -> u64 {
        self.count(|crime| {
            !crime.is_asb() && crime.csp == csp && (first..=last).contains(&crime.month.as_str())
        })
    }

    /// Incidents of anti-social behaviour of a partnership from one month to another.
    pub(crate) fn asb(&self, csp: &str, first: &str, last: &str) -> u64 {
        self.count(|crime| {
            crime.is_asb() && crime.csp == csp && (first..=last).contains(&crime.month.as_str())
        })
    }

    /// Searches from one month to another.
    pub(crate) fn searched(&self, first: &str, last: &str) -> u64 {
        self.searches
            .iter()
            .filter(|([month, _], _)| (first..=last).contains(&month.as_str()))
            .map(|(_, n)| n)
            .sum()
    }
}

/// The months for which there is a folder.
fn months(data: &Path) -> Vec<String> {
    let folder = data.join("police-data-uk/cleveland");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = entries.map(|entry| entry.expect("the folder can be read").file_name().into_string());
    let mut names: Vec<String> = names.map(|name| name.expect("names are UTF-8")).collect();
    names.sort();
    names
}

/// The publisher's bytes of one file of Cleveland Police, which may lie there gzipped.
pub(crate) fn file_of(data: &Path, month: &str, kind: &str) -> Option<Vec<u8>> {
    let path = data.join(format!("police-data-uk/cleveland/{month}/{month}-cleveland-{kind}.csv"));
    if path.is_file() {
        return Some(read(&path));
    }
    let mut path = path.into_os_string();
    path.push(".gz");
    let path = PathBuf::from(path);
    path.is_file().then(|| {
        let mut text = Vec::new();
        let packed = read(&path);
        flate2::read::MultiGzDecoder::new(packed.as_slice())
            .read_to_end(&mut text)
            .expect("a whole gzip file");
        text
    })
}

pub(crate) fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The month of an instant in UTC by the clock of London. Only an evening from 23:00 on the last day of a month can
/// fall into the next one, and on such an evening it is summer time from March to September: the clock goes forward
/// before the last evening of March and back before that of October.
fn month_in_london(utc: &str) -> String {
    let part = |range: std::ops::Range<usize>| -> u32 {
        utc.get(range)
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("not a timestamp: {utc:?}"))
    };
    assert!(utc.ends_with("+00:00"), "expected UTC, found {utc:?}");
    let (year, month, day, hour) = (part(0..4), part(5..7), part(8..10), part(11..13));
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(year % 4 == 0),
        _ => 31,
    };
    let next = day == last && hour == 23 && (3..=9).contains(&month);
    format!("{year}-{:02}", month + u32::from(next))
}

/// Every LSOA of England and Wales, from the look-ups as published. An authority that is divided between several
/// partnerships, or forces, tells neither.
fn places(data: &Path) -> HashMap<String, Place> {
    let read = |name: &str, wanted: &[&str]| Table::read(&read(&data.join("ons-lookups").join(name)), wanted);
    let only = |table: &Table, authority: &str, wanted: &str| -> HashMap<String, String> {
        let mut found: HashMap<String, HashSet<String>> = HashMap::new();
        for row in table.rows() {
            found.entry(row.get(authority).to_owned()).or_default().insert(row.get(wanted).to_owned());
        }
        let single = |codes: HashSet<String>| if codes.len() == 1 { codes.into_iter().next() } else { None };
        found.into_iter().map(|(code, codes)| (code, single(codes).unwrap_or_default())).collect()
    };
    let now = read("derived/ltla24_csp24_pfa24.csv", &["ltla24_code", "csp24_code"]);
    let then = read("LAD19_CSP19_PFA19_EW_LU.csv", &["LAD19CD", "CSP19CD"]);
    let csp24 = only(&now, "ltla24_code", "csp24_code");
    let force24 = only(&now, "ltla24_code", "pfa24_code");
    let csp19 = only(&then, "LAD19CD", "CSP19CD");
    let force19 = only(&then, "LAD19CD", "PFA19CD");
    let of =
        |codes: &HashMap<String, String>, authority: &str| codes.get(authority).cloned().unwrap_or_default();
    let mut places: HashMap<String, Place> = HashMap::new();
    for row in read("LSOA11_WD19_LAD19_EW_LU.csv", &["LSOA11CD"]).rows() {
        let authority = row.get("LAD19CD");
        let place = Place { vintage: "2011", csp: of(&csp19, authority), force: of(&force19, authority) };
        places.insert(row.get("LSOA11CD").to_owned(), place);
    }
    for row in read("derived/lsoa21_ward24_ltla24.csv", &["lsoa21_code"]).rows() {
        let (code, authority) = (row.get("lsoa21_code"), row.get("ltla24_code"));
        let vintage = if places.contains_key(code) { "both" } else { "2021" };
        places.insert(
            code.to_owned(),
            Place { vintage, csp: of(&csp24, authority), force: of(&force24, authority) },
        );
    }
    places
}

/// Residents of a local authority: those of the mid-year estimates of 2020, and those of Census 2021.
pub(crate) fn residents(data: &Path, authority: &str) -> (u64, u64) {
    let folder = data.join("populations");
    let estimates = Table::read(&read(&folder.join("mye2020_ltla21_by_age.csv")), &["ltla21_code"]);
    let estimate = estimates.only(authority, |row| row.get("ltla21_code") == authority);
    let census = "Lower Tier Local Authorities Code";
    let groups = Table::read(&read(&folder.join("TS021-2021-2_ethnic_group_ltla.csv")), &[census]);
    let counted = groups
        .rows()
        .filter(|row| row.get(census) == authority && row.get("Ethnic group (20 categories) Code") != "-8")
        .map(|row| row.count("Observation").expect("a count of residents"));
    (estimate.count("total_population").expect("a count of residents"), counted.sum())
}
