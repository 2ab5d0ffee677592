use serde_json::Value;

use super::*;

fn vectors(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/vectors/{name}.json", std::env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file: Value = serde_json::from_str(&text).unwrap();
    let cases = file["cases"].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "{path} has no cases");
    cases
}

#[test]
fn one_group_with_its_total_follows_the_house_rule_in_every_vector() {
    for case in vectors("suppression_1d") {
        assert_eq!(vectors::suppression_1d(&case["input"]).unwrap(), case["expected"], "{}", case["id"]);
    }
}

#[test]
fn months_beside_rolling_totals_give_back_what_the_vectors_say() {
    for case in vectors("suppression_differencing") {
        let found = vectors::suppression_differencing(&case["input"]).unwrap();
        assert_eq!(found, case["expected"], "{}", case["id"]);
    }
}

#[test]
fn an_outsider_works_out_the_bounds_that_the_vectors_say() {
    for case in vectors("suppression_audit") {
        let found = vectors::suppression_audit(&case["input"]).unwrap();
        let wanted = case["expected"]["bounds"].as_array().unwrap();
        assert_eq!(found["safe"], case["expected"]["safe"], "{}", case["id"]);
        assert_eq!(found["bounds"].as_array().unwrap().len(), wanted.len(), "{}", case["id"]);
        for (found, wanted) in found["bounds"].as_array().unwrap().iter().zip(wanted) {
            assert_eq!((&found["cell"], &found["exact"]), (&wanted["cell"], &wanted["exact"]));
            for end in ["low", "high"] {
                let (found, wanted) = (found[end].as_f64().unwrap(), wanted[end].as_f64().unwrap());
                assert!((found - wanted).abs() <= 1e-6, "{}: {end} {found} for {wanted}", case["id"]);
            }
        }
    }
}

#[test]
fn a_two_way_table_loses_no_more_cells_than_it_must_in_every_vector() {
    for case in vectors("suppression_2d") {
        let found = vectors::suppression_2d(&case["input"]).unwrap();
        assert_eq!(found["primary"], case["expected"]["primary"], "{}", case["id"]);
        assert_eq!(found["safe"], true, "{}", case["id"]);
        let suppressed = found["suppressed"].as_array().unwrap();
        assert_eq!(suppressed.len() as u64, case["expected"]["min_suppressed_cells"].as_u64().unwrap());
        let table = &case["input"]["table"];
        for place in suppressed {
            let at = |part: usize| usize::try_from(place[part].as_u64().unwrap()).unwrap();
            assert_ne!(table[at(0)][at(1)], 0, "{}: a zero serves as cover", case["id"]);
        }
        // The audit of the audit vectors, by linear programming, agrees with the proof.
        let input = serde_json::json!({ "table": table, "suppressed": suppressed });
        let audit = vectors::suppression_audit(&input).unwrap();
        assert_eq!(audit["safe"], true, "{}", case["id"]);
        for bounds in audit["bounds"].as_array().unwrap() {
            assert!(bounds["high"].as_f64().unwrap() >= case["input"]["threshold"].as_f64().unwrap() - 1e-6);
        }
    }
}
