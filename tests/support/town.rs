//! A town's project in a folder of its own: one partner who leaves a file a month in a folder, one measure.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The project; its folder goes with it.
pub(crate) struct Town {
    folder: TempDir,
}

impl Town {
    /// With these settings in `outturn.toml`; nothing was delivered yet.
    pub(crate) fn new(settings: &str) -> Self {
        let town = Self { folder: TempDir::new().expect("a folder") };
        town.write("outturn.toml", settings);
        town.write("pipelines/town/partnership.toml", "id = \"town\"\ntitle = \"Safer Town\"\n");
        town.supplied_from("drop/{period}.csv");
        town.write("pipelines/town/contracts/incident.toml", CONTRACT);
        town.write("pipelines/town/lookups/area.toml", AREA);
        town.write(
            "pipelines/town/area.csv",
            "area,level,title,parent\nT1,csp,Town,\nW1,ward,Hill,T1\nW2,ward,Dale,T1\n",
        );
        town.write("sql/town/incidents.sql", MEASURE);
        town
    }

    /// Where the partner's files of January and February 2025 come from.
    pub(crate) fn supplied_from(&self, source: &str) {
        let text = format!(
            "id = \"incidents\"\ntitle = \"Incidents\"\nsupplier = \"The partner\"\ncontract = \"incident\"\n\
             source = \"{source}\"\ncovers = [\"T1\"]\nfrom = \"2025-01\"\nto = \"2025-02\"\n\n\
             [http]\ninternal = true\n"
        );
        self.write("pipelines/town/feeds/incidents.toml", &text);
    }

    /// The partner leaves the file of a month, with so many incidents in each of the two wards.
    pub(crate) fn deliver(&self, month: &str, incidents: [usize; 2]) {
        let mut text = "Ref,Month,Ward\n".to_owned();
        for (ward, count) in ["W1", "W2"].iter().zip(incidents) {
            for number in 0..count {
                let _ = writeln!(text, "{ward}-{month}-{number},{month},{ward}");
            }
        }
        self.write(&format!("drop/{month}.csv"), &text);
    }

    /// The program on this project.
    pub(crate) fn outturn(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outturn"));
        command.arg("--project").arg(self.folder.path()).args(arguments);
        command
    }

    /// A file or folder of the project.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a folder");
        fs::write(path, text).expect("a file");
    }
}

const CONTRACT: &str = r#"
id = "incident"
dataset = "incident"
grain = "one incident"
header = ["Ref", "Month", "Ward"]
key = ["ref"]

[month]
from = "Month"
format = "month"

[[column]]
name = "ref"
from = "Ref"
required = true

[[column]]
name = "ward"
from = "Ward"
lookup = "area"
required = true
"#;

const AREA: &str = r#"
id = "area"
title = "The town and its wards"
publisher = "nobody; invented"
key = ["area"]

[file]
area = "../area.csv"
"#;

const MEASURE: &str = r#"/*
id = "incidents"
title = "Incidents"
framework = "plan"
theme = "Incidents"
owner = "Analyst"
kind = "count"
unit = "incidents"
polarity = "lower-is-better"
areas = ["W1", "W2"]
periods = ["month"]
*/
SELECT ward AS area, month, count(*) AS numerator FROM incident GROUP BY ward, month
"#;
