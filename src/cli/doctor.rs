//! `outturn doctor`: what a run needs, looked at beforehand.

use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::code;
use super::output::{Format, print, print_json, say};
use crate::doctor::{self, Finding, Level};

/// Prints every finding. 0: all is well; 1: there is a failure; 2: the project's files are wrong; 3: there are warnings.
pub(super) async fn doctor(root: &Path, now: DateTime<Utc>, output: Format) -> u8 {
    // Whether it is there is all that is asked of the environment; values stay where they are.
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let examination = doctor::examine(root, now, is_set).await;
    let findings = &examination.findings;
    let printed =
        if output == Format::Json { print_json(findings) } else { print(table(findings).as_bytes()) };
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    say(&format!("{} failures, {} warnings", count(Level::Failure), count(Level::Warning)));
    match worst {
        _ if printed != code::DONE => printed,
        _ if examination.invalid => code::INVALID,
        Level::Failure => code::NOT_RELEASED,
        Level::Warning => code::GAPS,
        Level::Ok => code::DONE,
    }
}

fn table(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.what.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for finding in findings {
        let _ = writeln!(text, "{:7}  {:width$}  {}", finding.level.name(), finding.what, finding.found);
        if !finding.help.is_empty() {
            let _ = writeln!(text, "{:7}  {:width$}  {}", "", "", finding.help);
        }
    }
    text
}
