//! The reference pages say what the program says: they are made from its own tables and settings, and their examples
//! are tried.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use outturn::config::schemas;
use outturn::definition::Definition;
use outturn::landing::Delivery;
use outturn::release::tables::{Column, Kind, TABLES};
use outturn::release::{Manifest, Recorded};
use serde_json::Value;

const BEGIN: &str = "<!-- begin generated -->\n";
const END: &str = "<!-- end generated -->\n";

#[test]
fn every_released_table_is_described() {
    is_current("docs/tables.md", &tables());
}

#[test]
fn every_setting_is_described() {
    is_current("docs/settings.md", &settings());
}

#[test]
fn every_field_on_disk_is_described() {
    let format = read("docs/format.md");
    let delivery: Delivery = serde_json::from_str(
        r#"{"feed": "f", "period": "2025-06", "file": "a.csv", "source": "a", "sha256": "00",
            "content_sha256": "00", "bytes": 1, "member": "m", "captures": {"a": "b"},
            "received": "2025-08-01T05:30:00Z", "etag": "e", "last_modified": "l", "modified_ns": 1,
            "reference": "r", "synthetic": true}"#,
    )
    .expect("a delivery");
    let withheld_tables = [("a".to_owned(), "b".to_owned())].into();
    let definition = Definition { version: 1, digest: "00".to_owned(), agreed: "00".to_owned() };
    let manifest = Manifest {
        withheld_tables,
        made_at: Some("2025-08-01T05:30:00Z".parse().expect("a moment")),
        definitions: [("a".to_owned(), definition)].into(),
        recorded: Some(Recorded::default()),
        compared_with: Some("2025-07-01.1".to_owned()),
        public_until: "2025-06".parse().ok(),
        ..Manifest::default()
    };
    let documents = [serde_json::to_value(delivery), serde_json::to_value(manifest)];
    for document in documents {
        let document = document.expect("a JSON value");
        for key in document.as_object().expect("an object").keys() {
            assert!(format.contains(&format!("| `{key}` |")), "docs/format.md does not describe `{key}`");
        }
    }
}

#[test]
fn the_readme_names_every_command() {
    let help = Command::new(env!("CARGO_BIN_EXE_outturn")).arg("--help").output().expect("the program");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let readme = read("README.md");
    let mut known = 0;
    for command in commands.filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next()) {
        if command != "help" {
            let named =
                [format!("| `{command}"), format!("| `{command} ")].iter().any(|row| readme.contains(row));
            assert!(named, "README.md does not name `outturn {command}`");
            known += 1;
        }
    }
    assert!(known > 10, "the commands were not found in\n{help}");
}

#[tokio::test]
async fn the_measure_in_the_readme_can_be_added_as_it_stands() {
    let readme = read("README.md");
    let begin = readme.find("/*\nid = \"").expect("a measure in README.md");
    let measure =
        readme.get(begin..).and_then(|rest| rest.split("```").next()).expect("the end of the measure");
    let id = measure.split('"').nth(1).expect("its id");

    let project = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for part in ["outturn.toml", "pipelines", "sql"] {
        copy(&root.join(part), &project.path().join(part));
    }
    fs::write(project.path().join(format!("sql/stockton/{id}.sql")), measure).expect("the measure");

    match outturn::check::check(project.path()).await {
        Ok(checked) => assert!(checked.measures.contains_key(id)),
        Err(problems) => {
            let text: Vec<String> = problems.iter().map(|problem| problem.render(false)).collect();
            assert!(text.is_empty(), "{}", text.join("\n"));
        }
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir(to).expect("a folder");
        for entry in fs::read_dir(from).expect("entries") {
            let entry = entry.expect("an entry");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).expect("a copy");
    }
}

fn place(page: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(page)
}

fn read(page: &str) -> String {
    fs::read_to_string(place(page)).expect("a page")
}

/// Holds the generated part of a page against what it should be, or replaces it.
fn is_current(page: &str, generated: &str) {
    let text = read(page);
    let (before, rest) = text.split_once(BEGIN).expect("the mark of the generated part");
    let (found, after) = rest.split_once(END).expect("the mark behind the generated part");
    if std::env::var_os("OUTTURN_UPDATE_DOCS").is_some() {
        fs::write(place(page), format!("{before}{BEGIN}{generated}{END}{after}")).expect("a page");
        return;
    }
    let differs = generated.lines().zip(found.lines()).find(|(new, old)| new != old);
    assert!(
        found == generated,
        "{page} differs from the program{}\nto update it: OUTTURN_UPDATE_DOCS=1 cargo test --locked --test docs",
        differs.map_or_else(String::new, |(new, old)| format!(":\n  page:    {old}\n  program: {new}"))
    );
}

fn tables() -> String {
    let mut text = String::new();
    for table in TABLES {
        let _ = writeln!(text, "\n## `{}`\n\n{}.\n", table.name, table.title);
        text.push_str("| column | type | meaning |\n| --- | --- | --- |\n");
        for Column(name, kind, about) in table.columns {
            let kind = match kind {
                Kind::Text => "text",
                Kind::Whole => "whole number",
                Kind::Number => "number",
                Kind::Flag => "true or false",
                Kind::Day => "day",
                Kind::Moment => "moment, UTC",
            };
            let _ = writeln!(text, "| `{name}` | {kind} | {} |", cell(about));
        }
    }
    text.push('\n');
    text
}

fn settings() -> String {
    let mut text = String::new();
    let known = schemas();
    // In the order in which a newcomer meets them.
    let order = [
        "outturn",
        "partnership",
        "feed",
        "agreement",
        "contract",
        "dataset",
        "lookup",
        "waiver",
        "measure",
        "table",
        "targets",
        "break",
        "milestone",
        "commentary",
        "framework",
        "calendar",
    ];
    assert_eq!(order.len(), known.len(), "a kind of file is missing in the order of the page");
    for kind in order {
        let schema = known.get(kind).expect("the schema of a kind");
        let page = Page { root: schema, kind };
        let _ = writeln!(text, "\n## {kind}: {}\n", sentence(schema));
        page.keys(schema, "", &mut text);
    }
    text.push('\n');
    text
}

/// One kind of file.
struct Page<'a> {
    root: &'a Value,
    kind: &'a str,
}

impl<'a> Page<'a> {
    /// A table of the keys of an object, then the values of those that are chosen from a list, then the sections below.
    fn keys(&self, object: &'a Value, path: &str, text: &mut String) {
        let properties = object.get("properties").and_then(Value::as_object).expect("keys");
        let required: Vec<&str> = object
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        text.push_str("| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
        let mut choices = String::new();
        let mut sections = Vec::new();
        for (key, schema) in properties {
            let target = self.target(schema);
            let meaning = schema.get("description").or_else(|| target.get("description"));
            let default = match default(schema) {
                _ if required.contains(&key.as_str()) => "required".to_owned(),
                none if none == "none" && target.get("properties").is_some() => "optional".to_owned(),
                known => known,
            };
            let meaning = cell(meaning.and_then(Value::as_str).unwrap_or_default());
            let _ = writeln!(text, "| `{key}` | {} | {default} | {meaning} |", self.kind_of(schema));
            for choice in target.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
                if let Some(value) = choice.get("const").and_then(Value::as_str) {
                    let about = choice.get("description").and_then(Value::as_str).unwrap_or_default();
                    let _ = writeln!(choices, "| `{key}` | `{value}` | {} |", cell(about));
                }
            }
            if target.get("properties").is_some() {
                let name = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let heading = if is_list(schema) { format!("[[{name}]]") } else { format!("[{name}]") };
                sections.push((name, heading, target));
            }
        }
        if !choices.is_empty() {
            let _ = write!(text, "\n| key | value | meaning |\n| --- | --- | --- |\n{choices}");
        }
        for (name, heading, target) in sections {
            let _ = writeln!(text, "\n### `{heading}` of {}\n\n{}\n", self.kind, sentence(target));
            self.keys(target, &name, text);
        }
    }

    /// The schema behind references, options and lists.
    fn target(&self, schema: &'a Value) -> &'a Value {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let name = name.rsplit('/').next().unwrap_or_default();
            return self.target(self.root.get("$defs").and_then(|all| all.get(name)).expect("a definition"));
        }
        let option = schema.get("anyOf").and_then(Value::as_array).and_then(|all| all.first());
        match option.or_else(|| schema.get("items")) {
            Some(inner) => self.target(inner),
            None => schema,
        }
    }

    /// The type in words.
    fn kind_of(&self, schema: &Value) -> String {
        if let Some(inner) = schema.get("anyOf").and_then(Value::as_array).and_then(|all| all.first()) {
            return self.kind_of(inner);
        }
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let name = name.rsplit('/').next().unwrap_or_default();
            if name == "Month" {
                return "month, such as `2025-06`".to_owned();
            }
            return self.kind_of(self.root.get("$defs").and_then(|all| all.get(name)).expect("a definition"));
        }
        let choices = schema.get("oneOf").or_else(|| schema.get("enum")).and_then(Value::as_array);
        if let Some(choices) = choices {
            let value = |choice: &Value| {
                choice.get("const").unwrap_or(choice).as_str().map(|word| format!("`{word}`"))
            };
            return choices.iter().filter_map(value).collect::<Vec<_>>().join(", ");
        }
        let kind = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
            other => other.and_then(Value::as_str),
        };
        match kind {
            Some("string") => "text".to_owned(),
            Some("integer") => "whole number".to_owned(),
            Some("number") => "number".to_owned(),
            Some("boolean") => "true or false".to_owned(),
            Some("array") => {
                let items = schema.get("items").expect("what a list holds");
                if self.kind_of(items) == "section" {
                    "sections".to_owned()
                } else if let Some(exactly) = schema.get("maxItems") {
                    format!("list of {exactly} of: {}", self.kind_of(items))
                } else {
                    format!("list of: {}", self.kind_of(items))
                }
            }
            Some("object") if schema.get("properties").is_some() => "section".to_owned(),
            Some("object") => "section of: name = text".to_owned(),
            _ => "anything".to_owned(),
        }
    }
}

fn is_list(schema: &Value) -> bool {
    schema.get("items").is_some()
}

fn default(schema: &Value) -> String {
    match schema.get("default") {
        None | Some(Value::Null | Value::Object(_)) => "none".to_owned(),
        Some(Value::Array(values)) if values.is_empty() => "none".to_owned(),
        Some(Value::String(word)) if word.is_empty() => "none".to_owned(),
        Some(value) => format!("`{value}`"),
    }
}

fn sentence(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned() + "."
}

/// A text that stays in its cell.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
