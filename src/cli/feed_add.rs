//! `outturn feed add`: the first draft of a feed and its contract.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::output::say;
use super::{code, say_problems};
use crate::check::check;
use crate::config;
use crate::feed::draft::{self, DraftError, Request};

/// Drafts a feed from a sample; then checks the project with it.
pub(super) async fn add(
    root: &Path,
    now: DateTime<Utc>,
    from: String,
    id: Option<String>,
    folder: Option<String>,
) -> u8 {
    let (project, problems) = config::load(root);
    if project.settings_unread {
        say_problems(&problems);
        return code::INVALID;
    }
    let drafted = match draft::draft(&project, &Request { from, id, folder }, now).await {
        Ok(drafted) => drafted,
        Err(error) => {
            say(&format!("error: {error}"));
            return match error {
                DraftError::Folder(_) => code::INVALID,
                _ => code::NOT_RELEASED,
            };
        }
    };
    say(&format!("drafted from {} rows:", drafted.rows));
    say(&format!("  {}", drafted.feed.display()));
    say(&format!("  {}", drafted.contract.display()));
    for column in &drafted.personal {
        say(&format!("column `{column}` looks personal and is left out of the dataset"));
    }
    for todo in &drafted.todo {
        say(&format!("to do: {todo}"));
    }
    match check(root).await {
        Ok(_) => code::DONE,
        Err(problems) => {
            say_problems(&problems);
            code::INVALID
        }
    }
}
