//! Every method meets its published reference values, and the program says so.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/statistics_properties.rs"]
mod properties;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use outturn::vectors::{METHODS, check_folder};

/// Methods whose vectors belong to disclosure control.
const OF_DISCLOSURE: &str = "suppression_";

fn vectors() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors"))
}

#[test]
fn every_case_of_every_vector_file_is_met() {
    let results = check_folder(vectors()).expect("the vectors");
    let mut checked = 0;
    for result in results {
        assert!(result.passed(), "{}: {:?} {:#?}", result.name, result.fault, result.misses);
        checked += result.cases;
    }
    assert!(checked >= 369, "only {checked} cases were run");
}

#[test]
fn every_method_has_a_vector_file() {
    for method in METHODS {
        let file = vectors().join(format!("{}.json", method.name));
        assert!(file.is_file(), "{} is missing", file.display());
    }
}

#[test]
fn every_method_is_described_for_an_analyst() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/statistics.md");
    let page = fs::read_to_string(page).expect("the page");
    // Those of disclosure control stand on a page of their own.
    for method in METHODS.iter().filter(|method| !method.name.starts_with(OF_DISCLOSURE)) {
        assert!(page.contains(&format!("| `{}` |", method.name)), "{} is not described", method.name);
    }
}

fn check(folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_outturn"))
        .args(["statistics", "check"])
        .arg(folder)
        .output()
        .expect("the program")
}

#[test]
fn the_program_prints_a_line_a_file_and_every_miss() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(vectors().join("rank.json"), folder.path().join("rank.json")).expect("a copy");
    let met = check(folder.path());
    assert_eq!(
        (met.status.code(), String::from_utf8_lossy(&met.stdout).as_ref()),
        (Some(0), "rank: 4 of 4\n")
    );

    let text = fs::read_to_string(vectors().join("round_to_base.json")).expect("the file");
    fs::write(folder.path().join("round.json"), text.replace("15, 25, null", "15, 21, null"))
        .expect("a file");
    let unknown = r#"{"schema": "outturn-vectors/1", "name": "palmistry", "cases": [{"id": "a"}]}"#;
    fs::write(folder.path().join("unknown.json"), unknown).expect("a file");
    let missed = check(folder.path());
    let printed = String::from_utf8_lossy(&missed.stdout);
    assert_eq!(missed.status.code(), Some(1), "{printed}");
    assert!(printed.contains("palmistry: 0 of 1\n  no such method `palmistry`"), "{printed}");
}

#[test]
fn a_wrong_expectation_is_named_with_case_key_and_both_values() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = r#"{"schema": "outturn-vectors/1", "name": "round_to_base", "tolerance": {"flags": "exact"},
        "cases": [{"id": "twelve", "input": {"values": [12], "base": 5}, "expected": {"rounded": [15]}}]}"#;
    fs::write(folder.path().join("round.json"), text).expect("a file");
    let missed = check(folder.path());
    assert_eq!(missed.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&missed.stdout),
        "round_to_base: 0 of 1\n  twelve: rounded[0]: wanted 15, got 10.0\n"
    );
}

#[test]
fn a_folder_that_is_not_there_is_invalid_and_one_without_vectors_holds_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(check(&folder.path().join("nowhere")).status.code(), Some(2));
    fs::write(folder.path().join("package.json"), "{}").expect("a file");
    let empty = check(folder.path());
    assert_eq!(empty.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&empty.stderr).contains("holds no vector file"));
}
