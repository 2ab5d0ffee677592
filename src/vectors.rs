//! Published reference values: holds the product's own methods against the vector files of a folder.
//!
//! A vector file fixes one method: its definition in words, where it was published, and cases of input and expected
//! output; `docs/statistics.md` tells the format. A method is known here by the name of its file. To add one, write a
//! function from a case's input to its output and add a line to [`METHODS`].

mod areas;
mod compare;
mod counts;
mod people;
mod series;
mod shown;
mod suppression;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::diagnose::suggestion;
pub use compare::{Difference, Tolerance};

/// Computes what the product makes of the input of a case: an object with a key for everything that a case may expect.
///
/// The error says what is wrong with the input; the case then counts as missed.
pub type Compute = fn(&Value) -> Result<Value, String>;

/// Holds what was computed against what a case expects.
pub type Accept = fn(&Comparison<'_>) -> Vec<Difference>;

/// What an [`Accept`] is given.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// Input of the case.
    pub input: &'a Value,
    /// What the case expects.
    pub expected: &'a Value,
    /// What the product computed.
    pub computed: &'a Value,
    /// How far numbers may lie apart.
    pub tolerance: &'a Tolerance,
    /// Keys of `expected` that are not compared.
    pub information_only: &'a BTreeSet<String>,
}

/// A method that vector files can name.
pub struct Method {
    /// Name of the method, and of its vector file.
    pub name: &'static str,
    /// What the product makes of an input.
    pub compute: Compute,
    /// When that is right.
    pub accept: Accept,
}

impl Method {
    /// A method whose every expected key must be met.
    #[must_use]
    pub const fn new(name: &'static str, compute: Compute) -> Self {
        Self { name, compute, accept: compare::every_key }
    }

    /// A method for which more than one answer is right.
    #[must_use]
    pub const fn accepted_by(name: &'static str, compute: Compute, accept: Accept) -> Self {
        Self { name, compute, accept }
    }
}

/// Every method that can be checked.
pub const METHODS: &[Method] = &[
    Method::new("wilson_ci", counts::wilson_ci),
    Method::new("rate_ci", counts::rate_ci),
    Method::new("byars_count_ci", counts::byars_count_ci),
    Method::new("dsr", counts::dsr),
    Method::new("dsr_repeat_events", counts::dsr_repeat_events),
    Method::new("isr", counts::isr),
    Method::new("two_proportions", counts::two_proportions),
    Method::new("two_rates", counts::two_rates),
    Method::new("mean_ci", counts::mean_ci),
    Method::new("survey_proportion", people::survey_proportion),
    Method::new("survey_two_waves", people::survey_two_waves),
    Method::new("proven_reoffending", people::proven_reoffending),
    Method::new("marac_repeats", people::marac_repeats),
    Method::new("benchmark_ci", areas::benchmark_ci),
    Method::new("benchmark_spc_proportion", areas::benchmark_spc_proportion),
    Method::new("funnel_significance", areas::funnel_significance),
    Method::new("peer_group_average", areas::peer_group_average),
    Method::new("rank", areas::rank),
    Method::new("quantiles", areas::quantiles),
    Method::new("category_bounds", areas::category_bounds),
    Method::new("target_rag", areas::target_rag),
    Method::new("geography_rebase", areas::geography_rebase),
    Method::new("spc_xmr", series::spc_xmr),
    Method::new("trend_marker", series::trend_marker),
    Method::new("year_on_year", series::year_on_year),
    Method::new("rolling_12_month", series::rolling_12_month),
    Method::new("seasonal", series::seasonal),
    Method::new("periods", series::periods),
    Method::new("display_shorthand", shown::display_shorthand),
    Method::new("round_to_base", shown::round_to_base),
    Method::new("suppression_1d", suppression::suppression_1d),
    Method::accepted_by("suppression_2d", suppression::suppression_2d, suppression::accept_2d),
    Method::new("suppression_audit", suppression::suppression_audit),
    Method::new("suppression_differencing", suppression::suppression_differencing),
];

/// One vector file, held against the product.
#[derive(Debug, Clone, PartialEq)]
pub struct FileResult {
    /// Name of the method; that of the file where it could not be read.
    pub name: String,
    /// How many cases it holds.
    pub cases: usize,
    /// How many of them the product meets in every key.
    pub met: usize,
    /// What the product does not meet, in the order of the cases.
    pub misses: Vec<Miss>,
    /// Why the file could not be checked at all.
    pub fault: Option<String>,
}

impl FileResult {
    /// Whether every case was run and met.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.fault.is_none() && self.met == self.cases
    }
}

/// One key of one case in which the product differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Miss {
    /// The case.
    pub case: String,
    /// The key, the values that differ, and by how much.
    pub difference: Difference,
}

/// Why a folder could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The folder or a file in it could not be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder holds no vector file.
    #[error("{folder} holds no vector file (*.json with `\"schema\": \"{SCHEMA}\"`)")]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
}

/// The format that is understood.
pub const SCHEMA: &str = "outturn-vectors/1";

#[derive(Debug, Deserialize)]
struct File {
    name: String,
    #[serde(default)]
    expected_fields: BTreeMap<String, Value>,
    #[serde(default)]
    tolerance: Tolerance,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    expected: Value,
}

/// Runs every vector file of a folder, in the order of their names; its own folders are not entered, and JSON files of
/// another kind are passed over.
///
/// # Errors
/// A folder or file that cannot be read, and a folder without vector files.
pub fn check_folder(folder: &Path) -> Result<Vec<FileResult>, CheckError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| CheckError::Unreadable { path, source }
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        if path.extension().is_some_and(|ending| ending == "json") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let mut results = Vec::new();
    for path in paths {
        let bytes = fs::read(&path).map_err(unreadable(&path))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        results.extend(check_file(&name, &bytes));
    }
    if results.is_empty() {
        return Err(CheckError::Empty { folder: folder.to_owned() });
    }
    Ok(results)
}

/// Runs one file; `None` when it is sound JSON of another kind. `name` is the file's, without its ending.
#[must_use]
pub fn check_file(name: &str, bytes: &[u8]) -> Option<FileResult> {
    let faulty = |name: &str, fault: String| {
        Some(FileResult { name: name.to_owned(), cases: 0, met: 0, misses: Vec::new(), fault: Some(fault) })
    };
    let document: Value = match serde_json::from_slice(bytes) {
        Ok(document) => document,
        Err(error) => return faulty(name, format!("not JSON: {error}")),
    };
    let schema = document.get("schema").and_then(Value::as_str)?;
    if schema != SCHEMA {
        if !schema.starts_with("outturn-vectors/") {
            return None;
        }
        return faulty(name, format!("expected `\"schema\": \"{SCHEMA}\"`, found `{schema}`"));
    }
    let file: File = match serde_json::from_value(document) {
        Ok(file) => file,
        Err(error) => return faulty(name, format!("not a vector file: {error}")),
    };
    let Some(method) = METHODS.iter().find(|method| method.name == file.name) else {
        let known = METHODS.iter().map(|method| method.name);
        let mut fault = format!("no such method `{}`", file.name);
        if let Some(help) = suggestion(&file.name, known).filter(|help| help.starts_with("did you mean")) {
            fault = format!("{fault}; {help}");
        }
        return Some(FileResult {
            cases: file.cases.len(),
            name: file.name,
            met: 0,
            misses: Vec::new(),
            fault: Some(fault),
        });
    };
    Some(run(method, &file))
}

fn run(method: &Method, file: &File) -> FileResult {
    let information_only: BTreeSet<String> = file
        .expected_fields
        .iter()
        .filter(|(_, note)| note.as_str().is_some_and(|note| note.contains("information only")))
        .map(|(key, _)| key.clone())
        .collect();
    let mut result = FileResult {
        name: file.name.clone(),
        cases: file.cases.len(),
        met: 0,
        misses: Vec::new(),
        fault: None,
    };
    for case in &file.cases {
        let input = plain(&case.input);
        let differences = match (method.compute)(&input) {
            Ok(computed) => (method.accept)(&Comparison {
                input: &input,
                expected: &case.expected,
                computed: &computed,
                tolerance: &file.tolerance,
                information_only: &information_only,
            }),
            Err(fault) => vec![Difference {
                key: "input".to_owned(),
                wanted: "an input that the method takes".to_owned(),
                got: fault,
            }],
        };
        if differences.is_empty() {
            result.met += 1;
        }
        let misses = differences.into_iter().map(|difference| Miss { case: case.id.clone(), difference });
        result.misses.extend(misses);
    }
    result
}

/// An input as methods take it: a field that is `null` is one that is not there, and whole numbers are so however they are
/// written, since many programs write 12.0 for 12.
fn plain(input: &Value) -> Value {
    match input {
        Value::Object(fields) => {
            let given = fields.iter().filter(|(_, value)| !value.is_null());
            given.map(|(name, value)| (name.clone(), whole_where_whole(value))).collect()
        }
        other => whole_where_whole(other),
    }
}

fn whole_where_whole(value: &Value) -> Value {
    /// Beyond it not every whole number is one of floating point.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Array(all) => all.iter().map(whole_where_whole).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), whole_where_whole(value))).collect()
        }
        Value::Number(number) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number within the bounds is exact")]
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT => {
                Value::from(float as i64)
            }
            _ => value.clone(),
        },
        other => other.clone(),
    }
}

/// The input of a case as the fields that a method takes.
///
/// # Errors
/// A field that is missing or of another kind.
pub fn input<T: DeserializeOwned>(input: &Value) -> Result<T, String> {
    T::deserialize(input).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_method_that_nobody_knows_is_a_miss_with_the_nearest_name() {
        let text = r#"{"schema": "outturn-vectors/1", "name": "wilson_cl", "cases": [{"id": "a"}]}"#;
        let result = check_file("wilson_cl", text.as_bytes()).unwrap();
        assert!(!result.passed());
        assert!(result.fault.unwrap().starts_with("no such method `wilson_cl`; did you mean `wilson_ci`"));
    }

    #[test]
    fn a_wrong_value_is_missed_with_what_was_wanted_and_what_was_got() {
        let text = r#"{"schema": "outturn-vectors/1", "name": "wilson_ci", "tolerance": {"rel": 1e-9},
            "cases": [{"id": "half", "input": {"x": 1, "n": 2, "confidence": 0.95, "multiplier": 100},
                       "expected": {"value": 50.1}}]}"#;
        let result = check_file("wilson_ci", text.as_bytes()).unwrap();
        assert_eq!((result.cases, result.met, result.misses.len()), (1, 0, 1));
        let miss = &result.misses[0];
        assert_eq!((miss.case.as_str(), miss.difference.key.as_str()), ("half", "value"));
        assert_eq!((miss.difference.wanted.as_str(), miss.difference.got.as_str()), ("50.1", "50.0"));
    }

    #[test]
    fn an_input_that_a_method_does_not_take_is_a_miss() {
        let text = r#"{"schema": "outturn-vectors/1", "name": "wilson_ci",
            "cases": [{"id": "words", "input": {"x": "one"}, "expected": {"value": null}}]}"#;
        let result = check_file("wilson_ci", text.as_bytes()).unwrap();
        assert_eq!((result.met, result.misses[0].difference.key.as_str()), (0, "input"));
    }

    #[test]
    fn json_of_another_kind_is_passed_over_and_what_is_not_json_is_a_fault() {
        assert_eq!(check_file("package", br#"{"name": "x"}"#), None);
        assert!(check_file("torn", b"{").unwrap().fault.unwrap().starts_with("not JSON"));
        let later = check_file("later", br#"{"schema": "outturn-vectors/2"}"#).unwrap();
        assert!(!later.passed());
    }

    #[test]
    fn whole_numbers_may_be_written_as_fractions_and_what_is_null_may_be_left_out() {
        let file = |method: &str, input: &str, expected: &str| {
            let text = format!(
                "{{\"schema\": \"outturn-vectors/1\", \"name\": \"{method}\", \"cases\": [{{\"id\": \"a\", \"input\": {input}, \
                 \"expected\": {expected}}}]}}"
            );
            check_file(method, text.as_bytes()).unwrap()
        };
        for (method, input, expected) in [
            ("round_to_base", r#"{"values": [12.0, 3], "base": 5.0}"#, r#"{"rounded": [10, 5]}"#),
            (
                "benchmark_ci",
                r#"{"value": 10.0, "lower": 9, "upper": 11.5, "benchmark": 12, "polarity": null, "method": null}"#,
                r#"{"outcome": "lower"}"#,
            ),
        ] {
            let result = file(method, input, expected);
            assert!(result.passed(), "{result:?}");
        }
    }

    #[test]
    fn every_method_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = METHODS.iter().map(|method| method.name).collect();
        assert_eq!(names.len(), METHODS.len());
    }
}
