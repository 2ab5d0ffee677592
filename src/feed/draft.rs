//! The first draft of a feed and its contract, from a sample of what a partner sends. What is guessed is said beside it,
//! and from how many rows; no value of a column that looks personal is written down.

mod seen;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use regex::Regex;
use url::Url;

use self::seen::{MOST, Personal, Seen, Shape, personal, shape_of};
use super::http::{Client, HttpSettings, public};
use crate::config::Project;
use crate::config::settings::FormatConfig;
use crate::diagnose::shown_path;
use crate::landing::{Delivery, Landing};
use crate::normalise::csv::Fields;
use crate::normalise::format;
use crate::period::Month;

/// Rows that are looked at.
const ROWS: usize = 20_000;
/// Bytes that are taken from an address.
const SAMPLE: usize = 1 << 20;
/// Largest file that is read, once it is unpacked.
const LARGEST: u64 = 1 << 30;

/// Why no draft can be made.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The sample cannot be read.
    #[error("{from} cannot be read: {reason}")]
    Unread {
        /// File or address, without secrets.
        from: String,
        /// Why.
        reason: String,
    },
    /// It can be read, and is no table with a header.
    #[error("{from}: {reason}")]
    NoTable {
        /// File or address, without secrets.
        from: String,
        /// What was found.
        reason: String,
    },
    /// The folder under `pipelines/` is not clear.
    #[error("{0}")]
    Folder(String),
    /// A file that would be written is there already, or cannot be written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// What was written.
#[derive(Debug, Clone)]
pub struct Drafted {
    /// The feed's file, relative to the project.
    pub feed: PathBuf,
    /// The contract's file, relative to the project.
    pub contract: PathBuf,
    /// Rows that were looked at.
    pub rows: u64,
    /// Names of the columns that look personal and were left out.
    pub personal: Vec<String>,
    /// What is left to be done, each in a line.
    pub todo: Vec<String>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Path or address of a sample.
    pub from: String,
    /// Short name of the feed; made from the file's name when absent.
    pub id: Option<String>,
    /// Folder under `pipelines/`; the only partnership's when absent.
    pub folder: Option<String>,
}

/// Drafts a feed and its contract from a sample and writes both; nothing is overwritten.
///
/// # Errors
/// A sample that cannot be read or is no table; files that are there already.
pub async fn draft(project: &Project, request: &Request, now: DateTime<Utc>) -> Result<Drafted, DraftError> {
    let folder = pipeline(project, request.folder.as_deref())?;
    let sample = Sample::take(project, &request.from, now).await?;
    let table = read(&sample)?;
    let id = request.id.clone().unwrap_or_else(|| slug(&sample.name));
    if id.is_empty()
        || id != slug(&id)
        || project.feeds.contains_key(&id)
        || project.contracts.contains_key(&id)
    {
        return Err(DraftError::Folder(format!(
            "`{id}` cannot be the name of a new feed: choose one of small letters, digits and hyphens that no feed and \
             no contract bears, with --id"
        )));
    }
    let text = Text::of(project, &folder, &id, &sample, &table, now);
    let feed = Path::new("pipelines").join(&folder).join("feeds").join(format!("{id}.toml"));
    let contract = Path::new("pipelines").join(&folder).join("contracts").join(format!("{id}.toml"));
    for path in [&feed, &contract] {
        if project.root.join(path).exists() {
            let source =
                io::Error::new(io::ErrorKind::AlreadyExists, "it is there already, and stays as it is");
            return Err(DraftError::File { path: path.display().to_string(), source });
        }
    }
    write_new(&project.root, &contract, &text.contract)?;
    write_new(&project.root, &feed, &text.feed)?;
    Ok(Drafted { feed, contract, rows: table.rows, personal: text.personal, todo: text.todo })
}

fn pipeline(project: &Project, wanted: Option<&str>) -> Result<String, DraftError> {
    let folders: Vec<&str> = project.partnerships.keys().map(String::as_str).collect();
    match (wanted, folders.as_slice()) {
        (Some(name), _) => {
            let plain = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
            if plain && project.root.join("pipelines").join(name).is_dir() {
                return Ok(name.to_owned());
            }
            let help = crate::diagnose::suggestion(name, folders.iter().copied()).unwrap_or_default();
            Err(DraftError::Folder(format!("there is no folder pipelines/{name}; {help}")))
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, _) => Err(DraftError::Folder(format!(
            "name the folder under pipelines/ with --partnership: {}",
            folders.join(", ")
        ))),
    }
}

fn write_new(root: &Path, path: &Path, text: &str) -> Result<(), DraftError> {
    let failed = |source| DraftError::File { path: path.display().to_string(), source };
    let place = root.join(path);
    crate::durable::create_folder(place.parent().unwrap_or(root)).map_err(failed)?;
    // The file is created here or not at all, whatever appeared since it was looked for.
    let mut file = OpenOptions::new().write(true).create_new(true).open(&place).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// A sample on this disk.
struct Sample {
    /// As it goes into `source`: an address, or a path relative to the project where it lies inside.
    source: String,
    /// Name of the file.
    name: String,
    /// Where it lies.
    path: PathBuf,
    /// The first bytes of an address; the rest was not taken.
    partly: bool,
    /// Who supplies it, as far as an address tells.
    supplier: String,
    now: DateTime<Utc>,
    /// Holds what was taken from an address.
    _folder: Option<tempfile::TempDir>,
}

impl Sample {
    async fn take(project: &Project, from: &str, now: DateTime<Utc>) -> Result<Self, DraftError> {
        let unread = |from: &str, reason: String| DraftError::Unread { from: from.to_owned(), reason };
        if !from.contains("://") {
            let path = std::path::absolute(from).map_err(|error| unread(from, error.to_string()))?;
            let path = path.canonicalize().map_err(|error| unread(from, error.to_string()))?;
            let root = project.root.canonicalize().unwrap_or_else(|_| project.root.clone());
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let source = shown_path(&root, &path).to_string_lossy().into_owned();
            let supplier = String::new();
            return Ok(Self { source, name, path, partly: false, supplier, now, _folder: None });
        }
        let url = Url::parse(from).map_err(|error| unread("the address", error.to_string()))?;
        let shown = public(&url);
        if !url.username().is_empty() || url.password().is_some() {
            let reason = "a user name or password in an address would be written into the draft".to_owned();
            return Err(unread(&shown, reason));
        }
        let secret = |name: &str| {
            let name = name.to_lowercase();
            ["key", "token", "secret", "password", "sig"].iter().any(|word| name.contains(word))
        };
        if let Some((name, _)) = url.query_pairs().find(|(name, _)| secret(name)) {
            let reason = format!(
                "its `{name}` may be a secret, which would be written into the draft; take a sample file"
            );
            return Err(unread(&shown, reason));
        }
        let settings =
            HttpSettings { max_attempts: 1, deadline: Duration::from_mins(2), ..HttpSettings::default() };
        let fetched = async {
            let client = Client::new(&settings).map_err(|error| crate::diagnose::chain(&error))?;
            client.sample(&url, SAMPLE, &settings).await.map_err(|error| crate::diagnose::chain(&error))
        };
        let bytes = fetched.await.map_err(|reason| unread(&shown, reason))?;
        let folder = tempfile::tempdir().map_err(|error| unread(&shown, error.to_string()))?;
        let name = url.path().rsplit('/').find(|part| !part.is_empty()).unwrap_or("sample").to_owned();
        let path = folder.path().join("sample");
        let partly = bytes.len() >= SAMPLE;
        // The last line of a part is a part of a line.
        let end = if partly {
            memchr::memrchr(b'\n', &bytes).map_or(bytes.len(), |at| at + 1)
        } else {
            bytes.len()
        };
        std::fs::write(&path, bytes.get(..end).unwrap_or_default())
            .map_err(|error| unread(&shown, error.to_string()))?;
        let supplier = url.host_str().unwrap_or_default().to_owned();
        Ok(Self { source: url.to_string(), name, path, partly, supplier, now, _folder: Some(folder) })
    }

    /// The month in its name, if there is one, and where `{period}` belongs.
    fn period(&self) -> Option<(Month, String)> {
        let pattern = Regex::new(r"(?:^|[^0-9])((?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2]))(?:[^0-9]|$)").ok()?;
        let found = pattern.captures_iter(&self.source).last()?.get(1)?;
        let month = found.as_str().parse().ok()?;
        Some((month, self.source.replace(found.as_str(), "{period}")))
    }

    fn unread(&self, reason: String) -> DraftError {
        DraftError::Unread { from: self.name.clone(), reason }
    }
}

/// A table as it was read.
struct Sampled {
    /// `[format]` of the contract, as it is written; empty for plain text with commas.
    layout: String,
    header: Vec<String>,
    columns: Vec<Seen>,
    rows: u64,
    /// Rows with another number of fields than the header.
    uneven: u64,
}

/// Layouts to be tried, the likeliest first. What this version cannot read is passed over.
fn layouts(name: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&[".xlsx", ".xlsm", ".xls", ".ods"]) {
        return vec!["kind = \"workbook\"\n".to_owned()];
    }
    if ends(&[".parquet"]) {
        return vec!["kind = \"parquet\"\n".to_owned()];
    }
    let mut all = Vec::new();
    for encoding in ["", "encoding = \"windows-1252\"\n", "encoding = \"utf-16\"\n"] {
        for delimiter in ["", "delimiter = \";\"\n", "delimiter = \"\\t\"\n", "delimiter = \"|\"\n"] {
            all.push(format!("{encoding}{delimiter}"));
        }
    }
    all
}

/// Reads a sample in the layout that fits best: the one with the fewest flaws, then the most columns.
fn read(sample: &Sample) -> Result<Sampled, DraftError> {
    let mut best: Option<((u64, std::cmp::Reverse<usize>), Sampled)> = None;
    let mut reason = "this version reads no such file".to_owned();
    for layout in layouts(&sample.name) {
        let Ok(format) = toml::from_str::<FormatConfig>(&layout) else { continue };
        match read_as(sample, &format, layout) {
            Ok((flaws, table)) => {
                let rank = (flaws * 10 / (table.rows + 1), std::cmp::Reverse(table.header.len()));
                if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                    best = Some((rank, table));
                }
            }
            Err(error) => reason = error.to_string(),
        }
    }
    let Some((_, table)) = best else { return Err(sample.unread(reason)) };
    let no_table =
        |reason: &str| Err(DraftError::NoTable { from: sample.name.clone(), reason: reason.to_owned() });
    if table.header.len() < 2 {
        return no_table("its first line is not a header of several columns");
    }
    if !table.header.iter().all(|name| looks_like_a_header(name)) || looks_like_its_rows(&table) {
        // Nothing of it is repeated: it may be the first row of the data.
        return no_table(
            "its first line does not look like a header: a name is empty, holds a number, a date or an address; take \
             away what stands above the header, or ask for files with one",
        );
    }
    if table.header.iter().collect::<BTreeSet<_>>().len() < table.header.len() {
        return no_table("two columns of its header have the same name");
    }
    if table.rows == 0 {
        return no_table("it has a header and no row");
    }
    Ok(table)
}

/// Whether a text can be the name of a column and not a value.
fn looks_like_a_header(name: &str) -> bool {
    let text = name.trim();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    !text.is_empty()
        && text.chars().count() <= 120
        && !text.contains('@')
        && digits * 2 < text.len()
        && matches!(shape_of(text), Shape::Text | Shape::Capitals | Shape::Prose)
        && text.chars().any(char::is_alphabetic)
}

/// Whether the first line may be a row like those below: a name stands among its column's values, or, where no column
/// holds anything but words, it looks like a person's name as they do.
fn looks_like_its_rows(table: &Sampled) -> bool {
    let words = [Shape::Text, Shape::Capitals, Shape::Prose];
    let pairs = || table.header.iter().zip(&table.columns);
    let only_words = pairs().all(|(_, seen)| seen.share(&words) > 100 - MOST);
    pairs().any(|(name, seen)| {
        seen.values.contains_key(name)
            || only_words && shape_of(name) == Shape::Capitals && seen.share(&[Shape::Capitals]) >= MOST
    })
}

fn read_as(sample: &Sample, format: &FormatConfig, layout: String) -> io::Result<(u64, Sampled)> {
    let nowhere = tempfile::tempdir()?;
    let landing = Landing::open(nowhere.path())?;
    let delivery = Delivery {
        feed: String::new(),
        period: Month::in_london(sample.now),
        file: sample.name.clone(),
        source: String::new(),
        sha256: String::new(),
        content_sha256: String::new(),
        bytes: 0,
        member: None,
        captures: BTreeMap::new(),
        received: sample.now,
        etag: None,
        last_modified: None,
        modified_ns: None,
        reference: Some(sample.path.clone()),
        synthetic: false,
    };
    let mut records = format::open(&landing, &delivery, format, LARGEST)?;
    let mut fields = Fields::default();
    let mut flaws = 0;
    let header: Vec<String> = match records.next(&mut fields)? {
        Some((_, Ok(()))) => fields.iter().map(str::to_owned).collect(),
        Some((_, Err(_))) => return Err(io::Error::other("its first line cannot be read")),
        None => return Err(io::Error::other("it is empty")),
    };
    let mut columns = vec![Seen::default(); header.len()];
    let (mut rows, mut uneven) = (0, 0);
    while rows < ROWS as u64 {
        let record = match records.next(&mut fields) {
            Ok(Some((_, record))) => record,
            Ok(None) => break,
            // The sample of a packed file breaks off somewhere.
            Err(_) if sample.partly => break,
            Err(error) => return Err(error),
        };
        rows += 1;
        if record.is_err() {
            flaws += 1;
        } else if fields.len() == header.len() {
            for (column, value) in columns.iter_mut().zip(fields.iter()) {
                column.take(value);
            }
        } else {
            uneven += 1;
        }
    }
    Ok((flaws + uneven, Sampled { layout, header, columns, rows, uneven }))
}

/// The two files in the making.
struct Text {
    feed: String,
    contract: String,
    personal: Vec<String>,
    todo: Vec<String>,
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}

/// A column's place in the draft.
struct Column<'a> {
    header: &'a str,
    name: String,
    seen: &'a Seen,
    personal: Option<Personal>,
}

impl Text {
    fn of(
        project: &Project,
        folder: &str,
        id: &str,
        sample: &Sample,
        table: &Sampled,
        now: DateTime<Utc>,
    ) -> Self {
        let columns = columns(table);
        let mut text =
            Self { feed: String::new(), contract: String::new(), personal: Vec::new(), todo: Vec::new() };
        let month = month_column(&columns);
        text.contract(project, id, table, &columns, month);
        let earliest = month.and_then(|column| column.seen.earliest);
        text.feed(project, folder, id, sample, earliest.unwrap_or_else(|| Month::in_london(now)));
        text
    }

    fn todo(&mut self, what: &str) -> String {
        self.todo.push(what.to_owned());
        format!("# TODO: {what}\n")
    }

    fn feed(&mut self, project: &Project, folder: &str, id: &str, sample: &Sample, earliest: Month) {
        let mut out = format!(
            "# Drafted from a sample, {}. What is marked TODO is for you to finish.\n",
            sample.shown()
        );
        let _ = writeln!(out, "id = {}", quoted(id));
        out += &self.todo("say in words what it is, and who supplies it");
        let _ = writeln!(out, "title = {}", quoted(&id.replace('-', " ")));
        let supplier = if sample.supplier.is_empty() { "not said yet" } else { &sample.supplier };
        let _ = writeln!(out, "supplier = {}", quoted(supplier));
        let _ = writeln!(out, "contract = {}", quoted(id));
        out += &self
            .todo("name the sharing agreement, or the licence of open data, from the folder agreements/");
        out += "# agreement = \"\"\n";
        let period = sample.period();
        if let Some((_, source)) = &period {
            out += "# The month in the sample's name has become {period}.\n";
            let _ = writeln!(out, "source = {}", quoted(source));
        } else {
            out += &self.todo(
                "the sample's name holds no month: where the partner sends a file a month, put {period} in place of the \
                 month and take `mode` away",
            );
            let _ = writeln!(out, "source = {}\nmode = \"whole\"", quoted(&sample.source));
        }
        let areas = areas(project, folder);
        out += &self.todo("the areas whose rows it brings, all of them and all within");
        let _ = writeln!(out, "covers = {}", list(&areas));
        let from = period.map_or(earliest, |(month, _)| month.min(earliest));
        out += &self.todo("the first month that it delivers; this is the first in the sample");
        let _ = writeln!(out, "from = {}", quoted(&from.to_string()));
        self.feed = out;
    }

    fn contract(
        &mut self,
        project: &Project,
        id: &str,
        table: &Sampled,
        columns: &[Column<'_>],
        month: Option<&Column<'_>>,
    ) {
        let rows = table.rows;
        let mut out = format!(
            "# Drafted from the first {rows} rows of a sample. A guess that holds for all of them may still fail for the \
             next.\nid = {}\n",
            quoted(id)
        );
        out += &self.todo("choose the dataset that the rows go to");
        let _ = writeln!(out, "dataset = {}", quoted(&dataset(project, id)));
        out += &self.todo("say what a row is");
        let _ = writeln!(out, "grain = \"one row of the partner's table\"");
        let _ = writeln!(out, "header = {}", list(columns.iter().map(|column| column.header)));
        if table.uneven > 0 {
            let _ = writeln!(
                out,
                "# {} of {rows} rows have another number of fields and would be quarantined.",
                table.uneven
            );
        }
        if let Some(column) = key_column(columns) {
            let _ =
                writeln!(out, "# Different in every one of the {rows} rows.\nkey = {}", list([&column.name]));
        } else {
            out += "# No column is different in every row: two equal rows are two rows.\n# key = []\n";
        }
        if !table.layout.is_empty() {
            let _ = write!(out, "\n# As the sample is laid out.\n[format]\n{}", table.layout);
        }
        out += "\n";
        out += &self.month(month, columns);
        for column in columns {
            out += &self.column(column, rows);
        }
        self.contract = out;
    }

    fn month(&mut self, month: Option<&Column<'_>>, columns: &[Column<'_>]) -> String {
        let Some(column) = month else {
            let marked = self.todo("no column tells the month of a row: name the one that does");
            let first = columns.first().map_or("", |column| column.header);
            return format!("{marked}[month]\nfrom = {}\nformat = \"month\"\n", quoted(first));
        };
        let format = match () {
            () if column.seen.all(&[Shape::Month]) => "month",
            () if column.seen.all(&[Shape::Timestamp]) => "timestamp",
            () if column.seen.all(&[Shape::Date]) => "date",
            () => {
                // Days as the United Kingdom writes them; whether this version can be told of that is tried.
                let explicit = "format = \"explicit\"\nformats = [\"%d/%m/%Y\"]\n";
                let from = quoted(column.header);
                let known = toml::from_str::<crate::config::settings::MonthConfig>(&format!(
                    "from = {from}\n{explicit}"
                ));
                if known.is_ok() {
                    return format!("# Days such as 30/06/2025.\n[month]\nfrom = {from}\n{explicit}");
                }
                let marked = self.todo("days are written as 30/06/2025, which this version does not read");
                return format!("{marked}[month]\nfrom = {from}\nformat = \"date\"\n");
            }
        };
        format!("[month]\nfrom = {}\nformat = \"{format}\"\n", quoted(column.header))
    }

    fn column(&mut self, column: &Column<'_>, rows: u64) -> String {
        let (name, from) = (quoted(&column.name), quoted(column.header));
        if let Some(personal) = column.personal {
            self.personal.push(column.header.to_owned());
            let (what, mark) = match personal {
                Personal::Identifies(what) => (what, "person = true   # a pseudonym takes its place"),
                Personal::Tells(what) => (what, "drop = true   # rules may read it; it is not kept"),
            };
            return format!(
                "\n# Looks like {what}, so it is left out of the dataset. To use it, under an agreement that covers it:\n\
                 # [[column]]\n# name = {name}\n# from = {from}\n# {mark}\n"
            );
        }
        let mut out = format!("\n[[column]]\nname = {name}\nfrom = {from}\n");
        let seen = column.seen;
        let kind = seen.kind();
        if seen.filled == 0 {
            let _ = writeln!(out, "# Empty in all of the {rows} rows.");
        } else if kind != "text" {
            let _ = writeln!(out, "type = \"{kind}\"");
        } else if seen.all(&[Shape::UkDate]) {
            out += "# Days written as 30/06/2025, kept as text.\n";
        } else if seen.all(&[Shape::Month]) {
            out += "# Months written as 2025-06, kept as text.\n";
        }
        if seen.empty == 0 {
            let _ = writeln!(out, "# Filled in all of the {rows} rows.\nrequired = true");
        } else if seen.filled > 0 {
            let _ = writeln!(out, "# Empty in {} of the {rows} rows.", seen.empty);
        }
        if let Some(codes) = seen.codes() {
            let _ = writeln!(
                out,
                "# All that occurs in the {rows} rows; a row with another code is quarantined.\ncodes = {}",
                list(codes)
            );
        } else if kind == "category" {
            let _ = writeln!(
                out,
                "# {} different values; some are too rare to be listed as codes.",
                seen.values.len()
            );
        }
        out
    }
}

impl Sample {
    /// What the sample was, without the query of an address.
    fn shown(&self) -> String {
        let what = Url::parse(&self.source).ok().filter(|_| self.source.contains("://"));
        let what = what.map_or_else(|| self.source.clone(), |url| public(&url));
        if self.partly { format!("the first mebibyte of {what}") } else { what }
    }
}

fn columns(table: &Sampled) -> Vec<Column<'_>> {
    let mut taken: BTreeSet<String> =
        crate::config::OWN_COLUMNS.iter().map(|name| (*name).to_owned()).collect();
    let mut all = Vec::new();
    for (header, seen) in table.header.iter().zip(&table.columns) {
        let mut name = slug(header).replace('-', "_");
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            name.insert_str(0, if name.is_empty() { "column" } else { "c_" });
        }
        if taken.contains(&name) {
            name = format!("{name}_sent");
        }
        let stem = name.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{stem}_{number}");
            number += 1;
        }
        all.push(Column { header, name, seen, personal: personal(header, seen) });
    }
    all
}

/// The column that tells the month: filled in every row, written as a month or a day, and named most like it.
fn month_column<'a, 'b>(columns: &'a [Column<'b>]) -> Option<&'a Column<'b>> {
    let written = |column: &&Column<'_>| {
        let seen = column.seen;
        let shapes = [Shape::Month, Shape::Date, Shape::Timestamp, Shape::UkDate];
        seen.empty == 0 && column.personal.is_none() && shapes.iter().any(|shape| seen.all(&[*shape]))
    };
    let likeness = |column: &&Column<'_>| {
        let name = column.name.as_str();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        (
            has(&["month", "period"]),
            has(&["occur", "incident", "offence", "event", "report", "start", "crime"]),
            has(&["date", "day"]),
            !has(&["end", "close", "update", "modif", "export", "extract"]),
        )
    };
    columns.iter().filter(written).max_by_key(likeness)
}

/// The column that identifies a row: different in each, and named like a reference.
fn key_column<'a, 'b>(columns: &'a [Column<'b>]) -> Option<&'a Column<'b>> {
    let fits = |column: &&Column<'_>| {
        let named = ["id", "ref", "reference", "urn", "number", "no", "key", "code"];
        let words: Vec<&str> = column.name.split('_').collect();
        column.personal.is_none()
            && column.seen.is_unique()
            && (named.iter().any(|word| words.contains(word)) || column.seen.all(&[Shape::Hex]))
    };
    columns.iter().find(fits)
}

/// A name for the dataset that no table of the project bears.
fn dataset(project: &Project, id: &str) -> String {
    let name = id.replace('-', "_");
    let name = if name.starts_with(|c: char| c.is_ascii_lowercase()) { name } else { format!("d_{name}") };
    let taken = |name: &str| {
        project.contracts.values().any(|contract| contract.config.dataset == name)
            || project.lookups.contains_key(name)
            || project.views.contains_key(name)
            || project.datasets.values().any(|d| d.config.summary.iter().any(|summary| summary.id == name))
    };
    if taken(&name) { format!("{name}_rows") } else { name }
}

/// The areas of the measures of a partnership, as a first guess at what a feed covers.
fn areas(project: &Project, folder: &str) -> Vec<String> {
    let measures = project.measures.values().filter(|measure| measure.partnership == folder);
    let areas = measures.flat_map(|measure| measure.config.areas.iter());
    let codes: BTreeSet<String> =
        areas.filter_map(|area| area.split('/').next()).map(str::to_owned).collect();
    codes.into_iter().collect()
}

/// A short name out of any text: small letters, digits and hyphens, without endings and months.
fn slug(text: &str) -> String {
    let stem = text.split('.').next().unwrap_or_default();
    let stem = if stem.is_empty() { text } else { stem };
    let month = Regex::new(r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])");
    let stem = month.map_or_else(|_| stem.to_owned(), |month| month.replace_all(stem, "").into_owned());
    let mut name = String::new();
    for c in stem.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    name.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_data_is_no_header() {
        for name in ["Crime ID", "Outcome type", "2024 total", "Æthelred's column"] {
            assert!(looks_like_a_header(name), "{name}");
        }
        for value in ["", "12", "2025-06-30", "TS18 1AB", "a.b@example.org", "9434765919"] {
            assert!(!looks_like_a_header(value), "{value}");
        }
    }

    #[test]
    fn names_are_short_and_without_months() {
        assert_eq!(slug("2025-06-cleveland-street.csv"), "cleveland-street");
        assert_eq!(slug("Recorded Crime (2024).csv.gz"), "recorded-crime-2024");
    }
}
