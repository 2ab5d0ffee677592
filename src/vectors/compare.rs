//! Whether two values are equal within the tolerance that a vector file states.

use serde::Deserialize;
use serde_json::Value;

use super::Comparison;

/// How far a number may lie from the expected one: by `max(abs, rel × |expected|)`. A bound that is absent is 0.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct Tolerance {
    /// Share of the expected number.
    #[serde(default)]
    pub rel: f64,
    /// Unit of the number.
    #[serde(default)]
    pub abs: f64,
    /// In the place of `rel` for `lower_logit` and `upper_logit`, whose computation loses more digits.
    #[serde(default)]
    pub logit_rel: Option<f64>,
}

/// A key in which the product differs from what is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The key, with its place in lists: `groups[1].se`.
    pub key: String,
    /// What is expected.
    pub wanted: String,
    /// What the product computed.
    pub got: String,
}

impl Tolerance {
    /// Whether a number is as good as the expected one.
    #[must_use]
    pub fn allows(self, wanted: f64, got: f64) -> bool {
        (got - wanted).abs() <= self.abs.max(self.rel * wanted.abs())
    }

    fn for_key(self, key: &str) -> Self {
        match self.logit_rel {
            Some(rel) if key.ends_with("_logit") => Self { rel, ..self },
            _ => self,
        }
    }
}

/// Every expected key must be there with its value; those that are information only are left out.
pub(super) fn every_key(comparison: &Comparison<'_>) -> Vec<Difference> {
    let mut differences = Vec::new();
    let Some(expected) = comparison.expected.as_object() else {
        compare("", comparison.expected, comparison.computed, *comparison.tolerance, &mut differences);
        return differences;
    };
    for (key, wanted) in expected {
        if comparison.information_only.contains(key) {
            continue;
        }
        let tolerance = comparison.tolerance.for_key(key);
        match comparison.computed.get(key) {
            Some(got) => compare(key, wanted, got, tolerance, &mut differences),
            None => differences.push(difference(key, wanted, "no such key")),
        }
    }
    differences
}

fn difference(key: &str, wanted: &Value, got: impl Into<String>) -> Difference {
    Difference { key: key.to_owned(), wanted: wanted.to_string(), got: got.into() }
}

fn compare(key: &str, wanted: &Value, got: &Value, tolerance: Tolerance, differences: &mut Vec<Difference>) {
    match (wanted, got) {
        (Value::Array(wanted_items), Value::Array(got_items)) => {
            if wanted_items.len() != got_items.len() {
                let lengths = (wanted_items.len(), got_items.len());
                differences.push(Difference {
                    key: key.to_owned(),
                    wanted: format!("{} items", lengths.0),
                    got: format!("{} items", lengths.1),
                });
                return;
            }
            for (index, (wanted, got)) in wanted_items.iter().zip(got_items).enumerate() {
                compare(&format!("{key}[{index}]"), wanted, got, tolerance, differences);
            }
        }
        (Value::Object(wanted_fields), Value::Object(got_fields)) => {
            for (name, wanted) in wanted_fields {
                let key = format!("{key}.{name}");
                match got_fields.get(name) {
                    Some(got) => compare(&key, wanted, got, tolerance, differences),
                    None => differences.push(difference(&key, wanted, "no such key")),
                }
            }
        }
        (Value::Number(wanted_number), Value::Number(got_number)) => {
            // Whole numbers on both sides are counts, indexes and ranks: a tolerance has no place there.
            let whole = |number: &serde_json::Number| number.is_i64() || number.is_u64();
            let equal = if whole(wanted_number) && whole(got_number) {
                wanted_number == got_number
            } else {
                wanted_number
                    .as_f64()
                    .zip(got_number.as_f64())
                    .is_some_and(|(wanted, got)| tolerance.allows(wanted, got))
            };
            if !equal {
                differences.push(difference(key, wanted, got.to_string()));
            }
        }
        _ if wanted == got => {}
        _ => differences.push(difference(key, wanted, got.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn differences(expected: &Value, computed: &Value, tolerance: Tolerance) -> Vec<String> {
        let information_only = BTreeSet::from(["note".to_owned()]);
        let comparison = Comparison {
            input: &Value::Null,
            expected,
            computed,
            tolerance: &tolerance,
            information_only: &information_only,
        };
        every_key(&comparison).into_iter().map(|difference| difference.key).collect()
    }

    #[test]
    fn a_number_may_differ_by_the_larger_of_the_two_tolerances_and_no_more() {
        let tolerance = Tolerance { rel: 0.1, abs: 0.5, logit_rel: None };
        assert!(differences(&json!({"a": 100.0}), &json!({"a": 109.9}), tolerance).is_empty());
        assert!(differences(&json!({"a": 1.0}), &json!({"a": 1.4}), tolerance).is_empty());
        assert_eq!(differences(&json!({"a": 1.0}), &json!({"a": 1.6}), tolerance), ["a"]);
        assert_eq!(differences(&json!({"a": 1.0}), &json!({"a": null}), tolerance), ["a"]);
    }

    #[test]
    fn whole_numbers_texts_lengths_and_absence_must_be_equal() {
        let tolerance = Tolerance { rel: 0.5, abs: 0.5, logit_rel: None };
        let expected = json!({"rank": 3, "word": "up", "list": [1, null], "gone": null, "note": 1});
        let computed = json!({"rank": 4, "word": "down", "list": [1, 0]});
        assert_eq!(differences(&expected, &computed, tolerance), ["gone", "list[1]", "rank", "word"]);
        assert_eq!(differences(&json!({"list": [1]}), &json!({"list": [1, 2]}), tolerance), ["list"]);
    }

    #[test]
    fn the_logit_limits_have_a_tolerance_of_their_own() {
        let tolerance = Tolerance { rel: 0.0, abs: 0.0, logit_rel: Some(0.1) };
        let (expected, computed) =
            (json!({"lower_logit": 1.0, "se": 1.0}), json!({"lower_logit": 1.05, "se": 1.05}));
        assert_eq!(differences(&expected, &computed, tolerance), ["se"]);
    }
}
