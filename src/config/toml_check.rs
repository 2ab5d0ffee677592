//! Holds a TOML text against the JSON Schema of the Rust type that it should become, and reports every problem of the
//! file in one pass, each with its place. Serde alone would stop at the first.

use std::ops::Range;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnose::{Problem, Source};

/// Reads `source` (or the part of it at `range`) as a `T`; on failure every problem found, in file order.
///
/// # Errors
/// Syntax errors, unknown keys, missing keys, wrong types and values outside an enumeration.
pub(super) fn read<T: DeserializeOwned + JsonSchema>(
    source: &Source,
    range: Range<usize>,
) -> Result<T, Vec<Problem>> {
    let text = source.text.get(range.clone()).unwrap_or_default();
    let base = range.start;
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors.iter().map(|error| syntax_problem(source, base, error)).collect());
    }
    let schema = schemars::schema_for!(T).to_value();
    let mut walk = Walk { source, base, root: &schema, problems: Vec::new() };
    walk.table(document.get_ref(), document.span(), &schema, "");
    if walk.problems.is_empty() {
        // What the schema cannot say (a date that does not exist, say) serde still finds.
        return toml::from_str(text).map_err(|error| vec![syntax_problem(source, base, &error)]);
    }
    walk.problems.sort_by(|a, b| (a.span.start, &a.message).cmp(&(b.span.start, &b.message)));
    Err(walk.problems)
}

fn syntax_problem(source: &Source, base: usize, error: &toml::de::Error) -> Problem {
    let span = error.span().map_or(base..base, |span| base + span.start..base + span.end);
    Problem::new(source, span, error.message().trim_end_matches('.').replace('\n', ", "))
}

struct Walk<'a> {
    source: &'a Source,
    /// Offset of the TOML text in its file.
    base: usize,
    /// The whole schema, where `$ref`s point into.
    root: &'a Value,
    problems: Vec<Problem>,
}

impl<'a> Walk<'a> {
    fn report(&mut self, span: Range<usize>, message: String) -> &mut Problem {
        let span = self.base + span.start..self.base + span.end;
        self.problems.push(Problem::new(self.source, span, message));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    /// The schema that a `$ref` names, or the schema itself.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..16 {
            let Some(pointer) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#'))
            else {
                break;
            };
            match self.root.pointer(pointer) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    fn table(&mut self, table: &DeTable<'_>, span: Range<usize>, schema: &'a Value, path: &str) {
        let schema = self.resolve(schema);
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        let open = schema.get("additionalProperties").filter(|value| value.is_object());
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let place = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            if let Some(property) = properties.and_then(|known| known.get(name)) {
                self.value(value, property, &place);
            } else if let Some(any) = open {
                self.value(value, any, &place);
            } else if closed {
                let known = properties.unwrap_or(&empty).keys().map(String::as_str);
                let help = crate::diagnose::suggestion(name, known);
                self.report(key.span(), format!("unknown key `{place}`")).help = help;
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !table.iter().any(|(key, _)| key.get_ref().as_ref() == name) {
                let place = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
                let about = properties
                    .and_then(|known| known.get(name))
                    .and_then(|property| property.get("description"))
                    .and_then(Value::as_str)
                    .map(|text| text.lines().next().unwrap_or_default().to_owned());
                let start = span.start;
                self.report(start..start, format!("missing key `{name}`{place}")).help = about;
            }
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, schema: &'a Value, path: &str) {
        let schema = self.resolve(schema);
        if let Some(options) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
            self.any_of(value, options, schema, path);
            return;
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array) {
            let texts: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
            self.one_of(value, &texts, path);
            return;
        }
        if let Some(only) = schema.get("const").and_then(Value::as_str) {
            self.one_of(value, &[only], path);
            return;
        }
        let types: Vec<&str> = match schema.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => return,
        };
        let found = type_name(value.get_ref());
        let is_day = schema.get("format").and_then(Value::as_str) == Some("date");
        let fits = types.iter().any(|t| {
            *t == found || (*t == "number" && found == "integer") || (is_day && found == "datetime")
        });
        if !fits {
            let wanted: Vec<&str> = types.iter().copied().filter(|t| *t != "null").map(toml_word).collect();
            let message = format!("`{path}`: expected {}, found {}", wanted.join(" or "), toml_word(found));
            self.report(value.span(), message);
            return;
        }
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, value.span(), schema, path),
            DeValue::Array(items) => {
                if let Some(item_schema) = schema.get("items") {
                    for item in items {
                        self.value(item, item_schema, path);
                    }
                }
            }
            _ => {}
        }
    }

    /// The best-fitting branch decides what is reported, so that `Option`s and tagged enums read well.
    fn any_of(&mut self, value: &Spanned<DeValue<'_>>, options: &'a [Value], parent: &'a Value, path: &str) {
        let texts: Vec<&str> = options
            .iter()
            .filter_map(|option| self.resolve(option).get("const").and_then(Value::as_str))
            .collect();
        if texts.len() == options.len() {
            self.one_of(value, &texts, path);
            return;
        }
        let before = self.problems.len();
        let mut best: Option<Vec<Problem>> = None;
        for option in options {
            if self.resolve(option).get("type").and_then(Value::as_str) == Some("null") {
                continue;
            }
            self.value(value, option, path);
            let found = self.problems.split_off(before);
            if found.is_empty() {
                return;
            }
            if best.as_ref().is_none_or(|least| found.len() < least.len()) {
                best = Some(found);
            }
        }
        let about = parent.get("description").and_then(Value::as_str).and_then(|text| text.lines().next());
        for mut problem in best.into_iter().flatten() {
            problem.help = problem.help.or_else(|| about.map(str::to_owned));
            self.problems.push(problem);
        }
    }

    fn one_of(&mut self, value: &Spanned<DeValue<'_>>, allowed: &[&str], path: &str) {
        match value.get_ref().as_str() {
            Some(text) if allowed.contains(&text) => {}
            Some(text) => {
                let help = crate::diagnose::suggestion(text, allowed.iter().copied());
                // The message lists them all; only the nearest is worth saying twice.
                let help = help.filter(|help| help.starts_with("did you mean"));
                let list: Vec<String> = allowed.iter().map(|a| format!("`{a}`")).collect();
                self.report(
                    value.span(),
                    format!("`{path}`: expected {}, found `{text}`", list.join(", ")),
                )
                .help = help;
            }
            None => {
                let message =
                    format!("`{path}`: expected text, found {}", toml_word(type_name(value.get_ref())));
                self.report(value.span(), message);
            }
        }
    }
}

/// The JSON Schema word for a TOML value.
fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "datetime",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    }
}

/// The word for a type that an officer knows.
fn toml_word(json: &str) -> &'static str {
    match json {
        "string" => "text in quotes",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list in [ ]",
        "object" => "a table",
        _ => "a date without quotes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    #[expect(dead_code, reason = "only its shape is read")]
    struct Sample {
        /// What it is called.
        title: String,
        per: Option<u32>,
        #[serde(default)]
        areas: Vec<String>,
        polarity: Option<Polarity>,
        nested: Option<Nested>,
    }

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    enum Polarity {
        HigherIsBetter,
        LowerIsBetter,
    }

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    #[expect(dead_code, reason = "only its shape is read")]
    struct Nested {
        low: f64,
    }

    fn problems(text: &str) -> Vec<String> {
        let source = Source::new("a.toml", text);
        let found: Result<Sample, _> = read(&source, 0..text.len());
        found.unwrap_err().iter().map(Problem::line).collect()
    }

    #[test]
    fn every_problem_of_a_file_comes_out_together() {
        let text = "titel = \"x\"\nper = \"many\"\nareas = [1, \"E\"]\npolarity = \"lower-is-beter\"\n[nested]\nlow = 1\nhigh = 2\n";
        assert_eq!(
            problems(text),
            [
                "a.toml:1:1: missing key `title` (What it is called.)",
                "a.toml:1:1: unknown key `titel` (did you mean `title`?)",
                "a.toml:2:7: `per`: expected a whole number, found text in quotes",
                "a.toml:3:10: `areas`: expected text in quotes, found a whole number",
                "a.toml:4:12: `polarity`: expected `higher-is-better`, `lower-is-better`, found `lower-is-beter` (did you mean `lower-is-better`?)",
                "a.toml:7:1: unknown key `nested.high` (known here: `low`)",
            ]
        );
    }

    #[test]
    fn broken_syntax_is_placed() {
        let found = problems("title = \"x\nper = 3\n");
        assert!(found[0].starts_with("a.toml:1:"), "{found:?}");
    }

    #[test]
    fn a_good_file_is_read() {
        let text = "title = \"x\"\nper = 1000\n[nested]\nlow = 1\n";
        let sample: Sample = read(&Source::new("a.toml", text), 0..text.len()).unwrap();
        assert_eq!(sample.per, Some(1000));
    }
}
