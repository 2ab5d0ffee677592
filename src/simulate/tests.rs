use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::*;

/// Code, name, in the 2011 set, in the 2021 set: real LSOAs, among them one that was split in 2021 and its parts.
const LSOAS: [(&str, &str, bool, bool); 9] = [
    ("E01011949", "Hartlepool 009A", true, true),
    ("E01011954", "Hartlepool 001A", true, true),
    ("E01033468", "Middlesbrough 001G", true, false),
    ("E01035189", "Middlesbrough 001H", false, true),
    ("E01035190", "Middlesbrough 001I", false, true),
    ("E01012021", "Middlesbrough 011D", true, true),
    ("E01012117", "Redcar and Cleveland 018A", true, true),
    ("E01012234", "Stockton-on-Tees 028E", true, true),
    ("E01012289", "Stockton-on-Tees 017D", true, true),
];

fn lsoas() -> Vec<Lsoa> {
    LSOAS
        .iter()
        .map(|&(code, name, in_2011, in_2021)| Lsoa {
            code: code.into(),
            name: name.into(),
            in_2011,
            in_2021,
        })
        .collect()
}

/// As many LSOAs as Cleveland has, under made-up codes and names.
fn many_lsoas() -> Vec<Lsoa> {
    (0..360)
        .map(|number| Lsoa {
            code: format!("E019{number:05}"),
            name: format!("Middlesbrough {:03}{}", number / 5, ["A", "B", "C", "D", "E"][number % 5]),
            in_2011: true,
            in_2021: true,
        })
        .collect()
}

/// Simulated files by name, such as `2024-05-cleveland-street`, as rows of cells, header first. No cell is quoted.
struct Files(BTreeMap<String, Vec<Vec<String>>>);

impl Files {
    fn of(request: &Request, lsoas: &[Lsoa]) -> Self {
        let folder = TempDir::new().unwrap();
        let report = simulate(folder.path(), request, lsoas).unwrap();
        let read = |path: &PathBuf| {
            let text = fs::read_to_string(path).unwrap();
            assert!(text.ends_with('\n') && !text.contains(['"', '\r', '\u{feff}']), "{}", path.display());
            let rows = text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), rows)
        };
        Self(report.written.iter().map(read).collect())
    }

    fn rows(&self, name: &str) -> &[Vec<String>] {
        &self.0[name][1..]
    }
}

fn cleveland(months: &[(i32, u32)], scale: f64) -> Request {
    Request { seed: 7, force: Force::Cleveland, months: months.to_vec(), scale }
}

fn greater_manchester(months: &[(i32, u32)], scale: f64) -> Request {
    Request { force: Force::GreaterManchester, ..cleveland(months, scale) }
}

/// Every file below a folder with its bytes.
fn bytes(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for month in fs::read_dir(folder).unwrap() {
        for file in fs::read_dir(month.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
    found
}

fn simulated_bytes(request: &Request, lsoas: &[Lsoa]) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = TempDir::new().unwrap();
    simulate(folder.path(), request, lsoas).unwrap();
    bytes(folder.path())
}

#[test]
fn the_same_request_gives_the_same_bytes_and_another_seed_gives_others() {
    let request = cleveland(&[(2024, 5)], 0.02);
    let first = simulated_bytes(&request, &lsoas());
    assert_eq!(first, simulated_bytes(&request, &lsoas()));
    let other = simulated_bytes(&Request { seed: 8, ..request }, &lsoas());
    assert!(first.iter().all(|(path, content)| other[path] != *content));
}

/// The digest was taken from this code. It proves nothing about the files but that they stay as they are: when it
/// changes, every figure ever simulated changes too.
#[test]
fn a_small_month_keeps_its_digest() {
    let mut digest = Sha256::new();
    for (path, content) in simulated_bytes(&cleveland(&[(2024, 5)], 0.02), &lsoas()) {
        digest.update(path.to_str().unwrap());
        digest.update(content);
    }
    assert_eq!(
        hex::encode(digest.finalize()),
        "ca4d1bbc474a8ab2a5903c036f5d817603f055791e58c0e892d3bc0bb654e7fa"
    );
}

#[test]
fn a_month_does_not_depend_on_the_other_months_nor_on_the_order_of_lsoas() {
    let alone = simulated_bytes(&cleveland(&[(2024, 5)], 0.05), &lsoas());
    let mut reversed = lsoas();
    reversed.reverse();
    let among = simulated_bytes(&cleveland(&[(2024, 6), (2024, 5), (2023, 11), (2024, 5)], 0.05), &reversed);
    assert_eq!(among.len(), 9);
    assert!(alone.iter().all(|(path, content)| among[path] == *content));
}

#[test]
fn files_that_hold_the_bytes_already_are_left_untouched() {
    let folder = TempDir::new().unwrap();
    let request = cleveland(&[(2024, 5)], 0.02);
    let first = simulate(folder.path(), &request, &lsoas()).unwrap();
    assert_eq!((first.written.len(), first.unchanged.len()), (3, 0));
    let (kept, damaged) = (&first.written[0], &first.written[1]);
    let long_ago = SystemTime::UNIX_EPOCH;
    fs::File::options().write(true).open(kept).unwrap().set_modified(long_ago).unwrap();
    fs::write(damaged, "half a fi").unwrap();

    let second = simulate(folder.path(), &request, &lsoas()).unwrap();

    assert_eq!(second.written, std::slice::from_ref(damaged));
    assert_eq!(second.unchanged.len(), 2);
    assert_eq!(fs::metadata(kept).unwrap().modified().unwrap(), long_ago);
    assert_eq!(bytes(folder.path()), simulated_bytes(&request, &lsoas()));
}

#[test]
fn headers_and_column_counts_are_the_publishers() {
    for request in [cleveland(&[(2024, 6)], 0.1), greater_manchester(&[(2024, 6)], 0.02)] {
        let files = Files::of(&request, &lsoas());
        for (kind, header) in [
            (
                "street",
                "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,\
                 Crime type,Last outcome category,Context",
            ),
            (
                "outcomes",
                "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,\
                 Outcome type",
            ),
            (
                "stop-and-search",
                "Type,Date,Part of a policing operation,Policing operation,Latitude,Longitude,Gender,Age range,\
                 Self-defined ethnicity,Officer-defined ethnicity,Legislation,Object of search,Outcome,\
                 Outcome linked to object of search,Removal of more than just outer clothing",
            ),
        ] {
            let rows = &files.0[&format!("2024-06-{}-{kind}", request.force)];
            assert_eq!(rows[0].join(","), header);
            assert!(rows.len() > 10, "{kind}");
            assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{kind}");
        }
    }
}

#[test]
fn anti_social_behaviour_and_nothing_else_has_neither_id_nor_outcome() {
    let files = Files::of(&cleveland(&[(2024, 7)], 0.5), &lsoas());
    let mut ids = BTreeSet::new();
    for row in files.rows("2024-07-cleveland-street") {
        let (id, kind, outcome, context) = (&row[0], &row[9], &row[10], &row[11]);
        assert_eq!(kind == "Anti-social behaviour", id.is_empty());
        assert_eq!(kind == "Anti-social behaviour", outcome.is_empty());
        assert!(context.is_empty());
        if !id.is_empty() {
            assert!(
                id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
                "{id}"
            );
            assert!(ids.insert(id.clone()), "{id} twice");
        }
    }
}

#[test]
fn a_years_crime_types_have_clevelands_shares() {
    let months: Vec<_> = (1..=12).map(|month| (2024, month)).collect();
    let files = Files::of(&cleveland(&months, 0.5), &many_lsoas());
    let mut counted: BTreeMap<&str, f64> = BTreeMap::new();
    for month in 1..=12 {
        for row in files.rows(&format!("2024-{month:02}-cleveland-street")) {
            *counted.entry(&row[9]).or_default() += 1.0;
        }
    }
    let all: f64 = counted.values().sum();
    assert!((44_000.0..49_000.0).contains(&all), "{all} rows in a year");
    // Rows in the 35 real files, counted apart from the simulator.
    for (kind, real) in [
        ("Anti-social behaviour", 54_887.0),
        ("Bicycle theft", 1_766.0),
        ("Burglary", 12_944.0),
        ("Criminal damage and arson", 27_396.0),
        ("Drugs", 7_377.0),
        ("Other crime", 6_542.0),
        ("Other theft", 14_826.0),
        ("Possession of weapons", 2_018.0),
        ("Public order", 18_475.0),
        ("Robbery", 2_493.0),
        ("Shoplifting", 23_672.0),
        ("Theft from the person", 1_039.0),
        ("Vehicle crime", 11_850.0),
        ("Violence and sexual offences", 85_972.0),
    ] {
        let expected = all * real / 271_257.0;
        let allowed = 4.0 * expected.sqrt() + 0.04 * expected;
        assert!((counted[kind] - expected).abs() < allowed, "{kind}: {} against {expected}", counted[kind]);
    }
    assert_eq!(counted.keys().filter(|kind| **kind != MISSPELT_TYPE).count(), 14);
}

#[test]
fn a_month_has_the_volume_of_the_real_force() {
    let size = |files: &Files, name: &str| files.rows(name).len();
    let files = Files::of(&cleveland(&[(2025, 3)], 1.0), &many_lsoas());
    assert!((7_000..8_800).contains(&size(&files, "2025-03-cleveland-street")));
    assert!((5_500..7_000).contains(&size(&files, "2025-03-cleveland-outcomes")));
    assert!((500..800).contains(&size(&files, "2025-03-cleveland-stop-and-search")));
    let files = Files::of(&greater_manchester(&[(2025, 3)], 1.0), &many_lsoas());
    assert!((30_000..37_000).contains(&size(&files, "2025-03-greater-manchester-street")));
    assert!((750..1_050).contains(&size(&files, "2025-03-greater-manchester-stop-and-search")));
}

#[test]
fn identical_anti_social_behaviour_rows_are_as_common_as_in_cleveland() {
    let files = Files::of(&cleveland(&[(2024, 1), (2024, 7)], 1.0), &many_lsoas());
    for month in ["2024-01", "2024-07"] {
        let rows = files.rows(&format!("{month}-cleveland-street"));
        let asb: Vec<_> = rows.iter().filter(|row| row[9] == "Anti-social behaviour").collect();
        let distinct: BTreeSet<_> = asb.iter().collect();
        let repeated = 100 * (asb.len() - distinct.len()) / asb.len();
        assert!((22..=48).contains(&repeated), "{month}: {repeated}% of {} rows", asb.len());
    }
}

#[test]
fn street_rows_are_ordered_by_lsoa_name_and_type_with_other_crime_and_no_location_last() {
    let files = Files::of(&greater_manchester(&[(2024, 6)], 0.2), &lsoas());
    let rows = files.rows("2024-06-greater-manchester-street");
    let order = |row: &Vec<String>| {
        (row[8].is_empty(), row[8].clone(), row[9] == "Other crime", row[9].clone(), row[6] == "No Location")
    };
    assert!(rows.is_sorted_by_key(order));
    let unplaced: Vec<_> = rows.iter().filter(|row| row[6] == "No Location").collect();
    assert!((20..=130).contains(&unplaced.len()), "{} of {}", unplaced.len(), rows.len());
    assert!(unplaced.iter().all(|row| [4, 5, 7, 8].iter().all(|column| row[*column].is_empty())));
}

#[test]
fn cleveland_places_every_crime_on_a_street() {
    let files = Files::of(&cleveland(&[(2024, 6)], 0.2), &lsoas());
    let rows = files.rows("2024-06-cleveland-street");
    assert!(rows.iter().all(|row| row[6].starts_with("On or near ") && row[7].starts_with("E01")));
    let degrees = |cell: &str| cell.split_once('.').is_some_and(|(_, decimals)| decimals.len() == 6);
    assert!(rows.iter().all(|row| degrees(&row[4]) && degrees(&row[5])));
    assert!(rows.iter().all(|row| row[4].starts_with("-1.") || row[4].starts_with("-0.9")));
}

#[test]
fn codes_of_the_2021_set_come_in_during_the_first_half_of_2023() {
    let months = [(2022, 12), (2023, 1), (2023, 5), (2023, 6)];
    let files = Files::of(&cleveland(&months, 1.0), &lsoas());
    let has = |month: &str, code: &str| {
        files.rows(&format!("{month}-cleveland-street")).iter().filter(|row| row[7] == code).count()
    };
    for (month, old, new) in
        [("2022-12", true, false), ("2023-01", true, true), ("2023-05", true, true), ("2023-06", false, true)]
    {
        assert_eq!((has(month, "E01033468") > 0, has(month, "E01035189") > 0), (old, new), "{month}");
    }
    let decided = files.rows("2023-06-cleveland-outcomes");
    assert!(decided.iter().all(|row| row[7] != "E01033468"));
}

#[test]
fn every_decision_is_about_a_crime_of_the_street_files_at_the_same_point() {
    let months: Vec<_> =
        (5..=12).map(|month| (2023, month)).chain((1..=5).map(|month| (2024, month))).collect();
    let files = Files::of(&cleveland(&months, 0.1), &lsoas());
    let mut crimes = BTreeMap::new();
    for (year, month) in &months {
        for row in files.rows(&format!("{year}-{month:02}-cleveland-street")) {
            crimes.insert(row[0].clone(), (row[1].clone(), row[4..7].to_vec()));
        }
    }
    let mut crime_months = BTreeSet::new();
    let decided = files.rows("2024-05-cleveland-outcomes");
    for row in decided {
        assert_eq!(row[1], "2024-05");
        let (month, place) = &crimes[&row[0]];
        assert_eq!(place[..], row[4..7]);
        crime_months.insert(month.clone());
    }
    assert!(crime_months.len() > 4, "{crime_months:?}");
    let distinct: BTreeSet<_> = decided.iter().collect();
    assert!(distinct.len() < decided.len(), "some rows are repeated");
}

#[test]
fn cleveland_dates_are_local_midnight_in_utc() {
    let files = Files::of(&cleveland(&[(2024, 1), (2024, 3), (2024, 7), (2024, 10)], 1.0), &lsoas());
    let dates = |month: &str| -> Vec<String> {
        let rows = files.rows(&format!("{month}-cleveland-stop-and-search"));
        assert!(rows.is_sorted_by_key(|row| row[1].clone()));
        rows.iter().map(|row| row[1].clone()).collect()
    };
    let winter = dates("2024-01");
    assert!(winter.iter().all(|date| date.starts_with("2024-01-") && date.ends_with("T00:00:00+00:00")));
    let summer = dates("2024-07");
    assert!(summer.iter().all(|date| date.ends_with("T23:00:00+00:00")));
    assert_eq!((&summer[0][..10], &summer[summer.len() - 1][..10]), ("2024-06-30", "2024-07-30"));
    // Summer time began on 31 March 2024 at one o'clock, so that day still starts in winter time.
    assert!(dates("2024-03").iter().all(|date| date.ends_with("T00:00:00+00:00")));
    // It ended on 27 October, a day that starts in summer time.
    let autumn = dates("2024-10");
    assert!(autumn.contains(&"2024-10-26T23:00:00+00:00".to_owned()));
    assert!(autumn.contains(&"2024-10-28T00:00:00+00:00".to_owned()));
    assert!(!autumn.contains(&"2024-10-27T23:00:00+00:00".to_owned()));
}

#[test]
fn greater_manchester_searches_have_times_of_a_local_month() {
    let files = Files::of(&greater_manchester(&[(2024, 6), (2024, 12)], 1.0), &lsoas());
    let summer = files.rows("2024-06-greater-manchester-stop-and-search");
    assert!(summer.iter().all(|row| *row[1] >= *"2024-05-31T23:00:00" && *row[1] < *"2024-06-30T23:00:00"));
    assert!(summer.iter().any(|row| row[1].starts_with("2024-05-31")));
    let times: BTreeSet<_> = summer.iter().map(|row| &row[1][11..16]).collect();
    assert!(times.len() > 200);
    let winter = files.rows("2024-12-greater-manchester-stop-and-search");
    assert!(winter.iter().all(|row| row[1].starts_with("2024-12-") && row[1].ends_with(":00+00:00")));
}

#[test]
fn searches_of_cleveland_leave_blank_what_cleveland_leaves_blank() {
    let files = Files::of(&cleveland(&[(2024, 2)], 2.0), &lsoas());
    let rows = files.rows("2024-02-cleveland-stop-and-search");
    assert!(rows.iter().all(|row| row[2].is_empty() && row[3].is_empty() && row[14].is_empty()));
    assert!(rows.iter().all(|row| row[4].is_empty() == row[5].is_empty()));
    let blank = |column: usize| 1000 * rows.iter().filter(|row| row[column].is_empty()).count() / rows.len();
    // Shares of the 19,852 real rows, in thousandths.
    for (column, real) in [(4, 53), (6, 129), (7, 144), (8, 201), (9, 218), (10, 10), (11, 20), (12, 86)] {
        assert!(
            blank(column).abs_diff(real) <= 15 + real / 6,
            "column {column}: {} against {real}",
            blank(column)
        );
    }
}

#[test]
fn each_flaw_stands_once_in_its_calendar_months() {
    let months: Vec<_> = (1..=12).map(|month| (2024, month)).collect();
    let files = Files::of(&cleveland(&months, 0.2), &lsoas());
    for month in 1..=12 {
        let rows = files.rows(&format!("2024-{month:02}-cleveland-street"));
        let unknown = rows.iter().filter(|row| row[7] == UNKNOWN_LSOA).count();
        let misspelt = rows.iter().filter(|row| row[9] == MISSPELT_TYPE).count();
        let crimes: Vec<_> = rows.iter().filter(|row| !row[0].is_empty()).collect();
        let repeated = crimes.len() - crimes.iter().collect::<BTreeSet<_>>().len();
        let expected = match month {
            1 | 5 | 9 => (1, 0, 0),
            4 | 10 => (0, 1, 0),
            2 | 8 => (0, 0, 1),
            _ => (0, 0, 0),
        };
        assert_eq!((unknown, misspelt, repeated), expected, "month {month}");
    }
}

#[test]
fn a_request_that_makes_no_sense_is_refused_before_anything_is_written() {
    let folder = TempDir::new().unwrap();
    let only_2021: Vec<_> = lsoas().into_iter().filter(|lsoa| !lsoa.in_2011).collect();
    for (request, lsoas, message) in [
        (cleveland(&[(2024, 13)], 1.0), lsoas(), "cannot simulate 2024-13: expected a month such as 2025-04"),
        (
            cleveland(&[(2024, 1)], -0.5),
            lsoas(),
            "cannot simulate at scale -0.5: expected a number within 0..=1000",
        ),
        (
            cleveland(&[(2024, 1)], f64::NAN),
            lsoas(),
            "cannot simulate at scale NaN: expected a number within 0..=1000",
        ),
        (
            cleveland(&[(2024, 1), (2022, 1)], 1.0),
            only_2021,
            "cannot simulate 2022-01 of cleveland: no LSOA of the vintage in use then was given",
        ),
    ] {
        let error = simulate(folder.path(), &request, &lsoas).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::InvalidInput, message));
    }
    assert!(bytes(folder.path()).is_empty());
}

#[test]
fn a_month_at_scale_nought_is_three_headers() {
    let files = Files::of(&cleveland(&[(2024, 1)], 0.0), &lsoas());
    assert_eq!(files.0.values().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn a_force_is_written_as_its_slug() {
    for force in [Force::Cleveland, Force::GreaterManchester] {
        assert_eq!(force.to_string().parse(), Ok(force));
    }
    let error = "gmp".parse::<Force>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected a force to simulate, `cleveland` or `greater-manchester`, found `gmp`"
    );
}
