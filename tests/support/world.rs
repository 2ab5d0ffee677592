//! A project in a folder of its own, and the built program run in it.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::plain_csv::Table;

/// The moment at which every run takes place, unless a test says otherwise: June 2025 has been published.
pub(crate) const NOW: &str = "2025-08-12T05:30:00Z";

/// What the program said.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A project.
#[derive(Debug, Clone)]
pub(crate) struct World {
    folder: PathBuf,
}

impl World {
    /// A project with the repository's pipelines and SQL, and these settings, in an empty folder.
    pub(crate) fn new(folder: &Path, settings: &str) -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        for part in ["pipelines", "sql"] {
            copy(&repository.join(part), &folder.join(part));
        }
        fs::write(folder.join("outturn.toml"), settings).expect("the folder can be written");
        Self { folder: folder.to_owned() }
    }

    /// A project that stands already.
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Puts a file of the project in place of what is there.
    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.join(file), text).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    /// Changes a file of the project; what is to be changed must be there.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(from), "{file} has no {from:?}");
        self.write(file, &text.replace(from, to));
    }

    /// Runs the program with these arguments, at [`NOW`] unless they say when.
    pub(crate) fn outturn(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outturn"));
        command.env_remove("OUTTURN_LOG").arg("--project").arg(&self.folder);
        if !arguments.contains(&"--now") {
            command.args(["--now", NOW]);
        }
        command.args(arguments);
        let output = command.output().expect("the program starts");
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// `outturn run`.
    pub(crate) fn run(&self) -> Said {
        self.outturn(&["run"])
    }

    /// `outturn query`: the rows of a SELECT.
    pub(crate) fn query(&self, sql: &str) -> Table {
        let said = self.outturn(&["query", "--output", "csv", sql]);
        assert_eq!(said.code, 0, "{}", said.err);
        Table::read(said.out.as_bytes(), &[])
    }

    /// A table of the current release.
    pub(crate) fn table(&self, name: &str) -> Table {
        let path = self.folder.join("warehouse/published/current").join(format!("{name}.csv"));
        Table::read(&fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())), &[])
    }

    /// Names of the tables of the current release.
    pub(crate) fn tables(&self) -> Vec<String> {
        let manifest = self.manifest();
        manifest["tables"].as_object().expect("tables of a manifest").keys().cloned().collect()
    }

    /// `manifest.json` of the current release.
    pub(crate) fn manifest(&self) -> serde_json::Value {
        let path = self.folder.join("warehouse/published/current/manifest.json");
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_slice(&text).expect("a manifest")
    }

    /// Every file of the warehouse, with its length and the time it was written.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, (u64, SystemTime)> {
        let mut found = BTreeMap::new();
        walk(&self.folder.join("warehouse"), &mut found);
        found
    }
}

fn walk(folder: &Path, found: &mut BTreeMap<PathBuf, (u64, SystemTime)>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let metadata = fs::symlink_metadata(&path).expect("the file is there");
        if metadata.is_dir() {
            walk(&path, found);
        } else {
            found.insert(path, (metadata.len(), metadata.modified().expect("files have a time")));
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be made");
    for entry in fs::read_dir(from).expect("the folder can be read") {
        let entry = entry.expect("the folder can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the file can be copied");
        }
    }
}
