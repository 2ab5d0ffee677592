//! A project small enough to count by hand (`tests/projects/small/`), copied into a temporary folder, and the built
//! program run on it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The present of every test that names no other: July 2025 is the last month that the feeds should have delivered.
pub(crate) const NOW: &str = "2025-08-12T05:30:00Z";
/// Both feeds.
pub(crate) const FEEDS: [&str; 2] = ["crime", "asb"];
/// The months of which the small project has deliveries.
pub(crate) const MONTHS: [&str; 4] = ["2025-04", "2025-05", "2025-06", "2025-07"];

/// One row of a table: texts by column, those without a value left out.
pub(crate) type Row = BTreeMap<String, String>;

/// What the program said, and the code that it ended with.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) err: String,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exit code {}\n--- standard output\n{}--- standard error\n{}",
            self.code, self.out, self.err
        )
    }
}

impl Told {
    /// The same, when the program ended with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// The same, when standard error has this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "`{text}` is not said\n{self}");
        self
    }

    /// The same, when standard output has this text.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Self {
        assert!(self.out.contains(text), "`{text}` is not printed\n{self}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }

    /// The line of standard error that closes a run, without the time that the run took.
    pub(crate) fn closing(&self) -> String {
        let last = self.err.lines().last().unwrap_or_default();
        last.rsplit_once(", ").map_or(last, |(words, _)| words).to_owned()
    }
}

/// A copy of the small project.
#[derive(Debug)]
pub(crate) struct World {
    folder: tempfile::TempDir,
    /// Deliveries are dated one second after each other, so that two worlds with the same ones are the same.
    sent: AtomicU64,
}

fn template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/projects/small")
}

fn copy(from: &Path, to: &Path, passed_over: &[&str]) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if passed_over.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if kind.is_symlink() {
            symlink(fs::read_link(&from).unwrap(), &to).unwrap();
        } else if kind.is_dir() {
            copy(&from, &to, &[]);
        } else {
            fs::copy(&from, &to).unwrap();
            let modified = fs::metadata(&from).unwrap().modified().unwrap();
            File::options().write(true).open(&to).unwrap().set_modified(modified).unwrap();
        }
    }
}

/// July's crime with every line, the header first, made into another.
pub(crate) fn edited(edit: impl Fn(usize, &str) -> String) -> String {
    let text = World::good("crime", "2025-07");
    text.lines().enumerate().map(|(number, line)| edit(number, line) + "\n").collect()
}

/// July's crime with one field of one row in the place of what is there.
pub(crate) fn with_field(row: usize, column: usize, value: &str) -> String {
    edited(|number, line| {
        let mut fields: Vec<&str> = line.split(',').collect();
        if number == row {
            fields[column] = value;
        }
        fields.join(",")
    })
}

impl World {
    /// The project before anything was delivered.
    pub(crate) fn empty() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), sent: AtomicU64::new(0) };
        copy(&template(), world.folder.path(), &["deliveries"]);
        for feed in FEEDS {
            fs::create_dir_all(world.path("deliveries").join(feed)).unwrap();
        }
        world
    }

    /// The project with these months of both feeds.
    pub(crate) fn with(months: &[&str]) -> Self {
        let world = Self::empty();
        for month in months {
            world.deliver("crime", month);
            world.deliver("asb", month);
        }
        world
    }

    /// The project with everything that is expected at [`NOW`].
    pub(crate) fn complete() -> Self {
        Self::with(&MONTHS)
    }

    /// The project with its deliveries, its warehouse and its times.
    pub(crate) fn copied(&self) -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            sent: AtomicU64::new(self.sent.load(Ordering::Relaxed)),
        };
        copy(self.folder.path(), world.folder.path(), &[]);
        world
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub(crate) fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, relative: &str, text: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces a text that stands once in a file of the project.
    #[track_caller]
    pub(crate) fn edit(&self, relative: &str, from: &str, to: &str) {
        let text = self.read(relative);
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {relative}");
        self.write(relative, text.replace(from, to));
    }

    /// The text that the small project has for a month of a feed.
    pub(crate) fn good(feed: &str, month: &str) -> String {
        fs::read_to_string(template().join(format!("deliveries/{feed}/{month}.csv"))).unwrap()
    }

    /// A partner delivers what the small project has for the month.
    pub(crate) fn deliver(&self, feed: &str, month: &str) {
        self.send(feed, month, Self::good(feed, month));
    }

    /// A partner delivers these bytes for the month.
    pub(crate) fn send(&self, feed: &str, month: &str, bytes: impl AsRef<[u8]>) {
        self.send_as(&format!("deliveries/{feed}/{month}.csv"), bytes);
    }

    /// A partner delivers these bytes under a name of its own.
    pub(crate) fn send_as(&self, relative: &str, bytes: impl AsRef<[u8]>) {
        self.write(relative, bytes);
        // Partners upload in August 2025.
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let modified = UNIX_EPOCH + Duration::from_secs(1_754_000_000 + number);
        File::options().write(true).open(self.path(relative)).unwrap().set_modified(modified).unwrap();
    }

    /// The program on this project, not yet started.
    pub(crate) fn command(&self, now: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outturn"));
        command.current_dir(self.folder.path()).args(["--now", now]).args(arguments);
        command.env_remove("OUTTURN_LOG").stdin(Stdio::null());
        command
    }

    pub(crate) fn outturn_at(&self, now: &str, arguments: &[&str]) -> Told {
        let output = self.command(now, arguments).output().unwrap();
        Told {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            bytes: output.stdout,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn outturn(&self, arguments: &[&str]) -> Told {
        self.outturn_at(NOW, arguments)
    }

    pub(crate) fn run(&self) -> Told {
        self.outturn(&["run"])
    }

    /// Name of the current release.
    pub(crate) fn release(&self) -> Option<String> {
        let target = fs::read_link(self.path("warehouse/published/current")).ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    }

    /// The rows of a table of the current release, out of its Parquet file.
    #[track_caller]
    pub(crate) fn table(&self, name: &str) -> Vec<Row> {
        rows_of(&self.path(&format!("warehouse/published/current/{name}.parquet")))
    }

    /// The rows of a table of the current release in which these columns have these values.
    #[track_caller]
    pub(crate) fn rows(&self, name: &str, wanted: &[(&str, &str)]) -> Vec<Row> {
        let fits =
            |row: &Row| wanted.iter().all(|(column, value)| row.get(*column).is_some_and(|v| v == value));
        self.table(name).into_iter().filter(fits).collect()
    }

    /// `status value`, `status` alone where there is no value, of the figure of a measure.
    #[track_caller]
    pub(crate) fn figure(&self, measure: &str, area: &str, period: &str) -> String {
        let rows = self.rows("outturn", &[("measure", measure), ("area", area), ("period", period)]);
        assert_eq!(rows.len(), 1, "{measure} {area} {period}: {rows:?}");
        let field = |name: &str| rows[0].get(name).map(String::as_str);
        match field("value") {
            Some(value) => format!("{} {value}", field("status").unwrap_or_default()),
            None => field("status").unwrap_or_default().to_owned(),
        }
    }

    /// `status: received = accepted + duplicate + quarantined` of every delivery of a feed and month, with its note.
    #[track_caller]
    pub(crate) fn told_of(&self, feed: &str, month: &str) -> Vec<String> {
        self.rows("feed_delivery", &[("feed", &format!("northport-{feed}")), ("period", month)])
            .iter()
            .map(|row| {
                let field = |name: &str| row.get(name).map_or("-", String::as_str);
                let note = row.get("note").map(|note| format!("; {note}")).unwrap_or_default();
                format!(
                    "{}: {} = {} + {} + {}{note}",
                    field("status"),
                    field("received"),
                    field("accepted"),
                    field("duplicate"),
                    field("quarantined")
                )
            })
            .collect()
    }

    /// Every file below a folder of the project by its path, with a value of it.
    pub(crate) fn files<T>(&self, relative: &str, of: impl Fn(&Path) -> T + Copy) -> BTreeMap<String, T> {
        let mut found = BTreeMap::new();
        collect(&self.path(relative), &self.path(relative), of, &mut found);
        found
    }
}

fn collect<T>(root: &Path, folder: &Path, of: impl Fn(&Path) -> T + Copy, found: &mut BTreeMap<String, T>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            collect(root, &path, of, found);
        } else {
            found.insert(path.strip_prefix(root).unwrap().to_string_lossy().into_owned(), of(&path));
        }
    }
}

/// The rows of a Parquet file.
#[track_caller]
pub(crate) fn rows_of(path: &Path) -> Vec<Row> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut rows = Vec::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let schema = batch.schema();
        let options = FormatOptions::default();
        let columns: Vec<ArrayFormatter<'_>> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let texts = schema.fields().iter().zip(&columns).zip(batch.columns());
            let texts = texts.filter(|(_, array)| !array.is_null(row));
            rows.push(
                texts.map(|((field, text), _)| (field.name().clone(), text.value(row).to_string())).collect(),
            );
        }
    }
    rows
}
