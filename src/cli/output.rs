//! How answers are printed: for a person, or for a program.

use std::fmt::Write as _;
use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde::Serialize;

use crate::inspect::{Explanation, SetAside};

/// How to print an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// For a person.
    #[default]
    Table,
    /// Comma-separated, with a header.
    Csv,
    /// One JSON value.
    Json,
    /// A Parquet file.
    Parquet,
}

/// A line on standard error.
pub(super) fn say(text: &str) {
    // Nobody listens to standard error: there is no one left to tell.
    let _ = writeln!(io::stderr(), "{}", crate::secret::scrub(text));
}

/// Bytes on standard output; a reader that went away (`| head`) is no fault.
pub(super) fn print(bytes: &[u8]) -> u8 {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            say(&format!("error: standard output: {error}"));
            super::code::NOT_RELEASED
        }
        _ => super::code::DONE,
    }
}

/// One JSON value on standard output.
pub(super) fn print_json(value: &impl Serialize) -> u8 {
    match serde_json::to_vec_pretty(value) {
        Ok(mut text) => {
            text.push(b'\n');
            print(&text)
        }
        Err(error) => {
            say(&format!("error: {error}"));
            super::code::DEFECT
        }
    }
}

/// Rows on standard output.
pub(super) fn print_batches(schema: &SchemaRef, batches: &[RecordBatch], format: Format) -> u8 {
    match encode(schema, batches, format) {
        Ok(bytes) => print(&bytes),
        Err(error) => {
            say(&format!("error: the answer cannot be printed: {error}"));
            super::code::NOT_RELEASED
        }
    }
}

fn encode(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    format: Format,
) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut bytes = Vec::new();
    match format {
        Format::Table => {
            let text = arrow::util::pretty::pretty_format_batches_with_schema(schema.clone(), batches)?;
            writeln!(bytes, "{text}")?;
        }
        Format::Csv => {
            let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(&mut bytes);
            if batches.is_empty() {
                writer.write(&RecordBatch::new_empty(schema.clone()))?;
            }
            for batch in batches {
                writer.write(batch)?;
            }
        }
        Format::Json => {
            let mut writer = arrow::json::ArrayWriter::new(&mut bytes);
            for batch in batches {
                writer.write(batch)?;
            }
            writer.finish()?;
            drop(writer);
            bytes.push(b'\n');
        }
        Format::Parquet => {
            let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, schema.clone(), None)?;
            for batch in batches {
                writer.write(batch)?;
            }
            writer.close()?;
        }
    }
    Ok(bytes)
}

/// The way from a value back to its rows, for a person.
pub(super) fn explanation(found: &Explanation) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{} ({}), {}, release {}", found.title, found.measure, found.kind, found.release);
    for figure in &found.figures {
        let field = |name: &str| figure.get(name).map_or("-", String::as_str);
        let _ = writeln!(
            text,
            "\n{} {} {}: value {} = numerator {}, denominator {} ({}){}",
            field("area"),
            field("period"),
            field("breakdown"),
            field("value"),
            field("numerator"),
            field("denominator"),
            field("status"),
            if field("synthetic") == "true" { ", synthetic" } else { "" },
        );
        if let Some(note) = figure.get("note") {
            let _ = writeln!(text, "  {note}");
        }
        if let Some(why) = figure.get("why") {
            let _ =
                writeln!(text, "  withdrawn, as it was signed in release {}: {why}", field("signed_release"));
        }
    }
    if found.sql.is_empty() {
        text.push_str(
            "\nthe release that was signed is gone, and with it what the figures were counted from\n",
        );
        return text;
    }
    let _ = writeln!(text, "\n{} reads {}", found.sql_file, found.reads);
    for line in found.sql.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text.push_str("\ndatasets\n");
    for dataset in &found.datasets {
        let version = dataset.version.map_or_else(|| "-".to_owned(), |version| version.to_string());
        let _ = writeln!(text, "  {} version {version}, {} rows", dataset.table, dataset.rows);
        for file in &dataset.files {
            let _ = writeln!(text, "    {file}");
        }
    }
    text.push_str("\ndeliveries\n");
    for delivery in &found.deliveries {
        let field = |name: &str| delivery.get(name).map_or("-", String::as_str);
        let _ = writeln!(
            text,
            "  {} {} {} {}: received {} = accepted {} + duplicate {} + quarantined {}; sha256 {}; {}",
            field("feed"),
            field("period"),
            field("source_file"),
            field("status"),
            field("received"),
            field("accepted"),
            field("duplicate"),
            field("quarantined"),
            field("delivery"),
            field("source"),
        );
        if let Some(note) = delivery.get("note") {
            let _ = writeln!(text, "    {note}");
        }
    }
    text
}

/// Rows that are set aside, for a person.
pub(super) fn set_aside(rows: &[SetAside]) -> String {
    let mut text = String::new();
    for row in rows {
        let column = if row.column.is_empty() { String::new() } else { format!(", column `{}`", row.column) };
        let _ = writeln!(text, "{}:{}: {}{column}: {}", row.source_file, row.line, row.reason, row.detail);
        if !row.text.is_empty() {
            let _ = writeln!(text, "    {}", row.text);
        }
    }
    text
}
