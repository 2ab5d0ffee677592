//! `outturn statistics`: the methods against published reference values.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Subcommand;

use super::code;
use super::output::{self, say};
use crate::vectors::{self, CheckError, FileResult};

#[derive(Debug, Subcommand)]
pub(super) enum Statistics {
    /// Runs every vector file of a folder; exits with 1 when a case is missed.
    Check {
        /// The folder with the vector files (*.json).
        folder: PathBuf,
    },
}

pub(super) fn obey(which: &Statistics) -> u8 {
    let Statistics::Check { folder } = which;
    let results = match vectors::check_folder(folder) {
        Ok(results) => results,
        Err(CheckError::Unreadable { path, source }) => {
            say(&format!("error: cannot read {}: {source}", path.display()));
            return code::INVALID;
        }
        Err(error @ CheckError::Empty { .. }) => {
            say(&format!("error: {error}"));
            return code::NOTHING;
        }
    };
    let printed = output::print(report(&results).as_bytes());
    if printed != code::DONE {
        return printed;
    }
    if results.iter().all(FileResult::passed) { code::DONE } else { code::NOT_RELEASED }
}

/// `wilson_ci: 47 of 47`, a line a file, each followed by what it misses.
fn report(results: &[FileResult]) -> String {
    let mut text = String::new();
    for result in results {
        let _ = writeln!(text, "{}: {} of {}", result.name, result.met, result.cases);
        if let Some(fault) = &result.fault {
            let _ = writeln!(text, "  {fault}");
        }
        for miss in &result.misses {
            let difference = &miss.difference;
            let _ = writeln!(
                text,
                "  {}: {}: wanted {}, got {}",
                miss.case, difference.key, difference.wanted, difference.got
            );
        }
    }
    text
}
