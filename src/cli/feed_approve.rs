//! `outturn feed approve`: a delivery that is held is used after all, on somebody's word.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, Utc};
use clap::Args;

use super::output::say;
use super::{code, say_error, say_problems};
use crate::approval::{Approval, record};
use crate::config;
use crate::diagnose::suggestion;
use crate::landing::Landing;
use crate::lock::Lock;
use crate::run::RunError;

/// Fewest digits by which a delivery is named.
const FEWEST_DIGITS: usize = 8;

#[derive(Debug, Args)]
pub(super) struct Approve {
    /// The feed.
    feed: String,
    /// First digits of the delivery's SHA-256, as table `feed_delivery` has it; eight or more.
    #[arg(long)]
    delivery: String,
    /// Why it may be used; it is published in the note of the delivery.
    #[arg(long)]
    reason: String,
    /// Role of who approves it; it is published too, so that it should not be a person's name.
    #[arg(long)]
    by: String,
}

/// Records an approval; the next run uses the delivery.
pub(super) fn approve(root: &Path, now: DateTime<Utc>, asked: &Approve) -> u8 {
    let (project, problems) = config::load(root);
    if project.settings_unread {
        say_problems(&problems);
        return code::INVALID;
    }
    if !project.feeds.contains_key(&asked.feed) {
        let help = suggestion(&asked.feed, project.feeds.keys().map(String::as_str)).unwrap_or_default();
        say(&format!("error: feed `{}` is not defined; {help}", asked.feed));
        return code::INVALID;
    }
    let digits = asked.delivery.to_ascii_lowercase();
    if digits.len() < FEWEST_DIGITS || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        say("error: `--delivery` needs eight or more hexadecimal digits; table feed_delivery has them");
        return code::INVALID;
    }
    if asked.reason.trim().is_empty() || asked.by.trim().is_empty() {
        say("error: `--reason` and `--by` must not be empty");
        return code::INVALID;
    }
    let place = project.warehouse();
    let _lock = match Lock::take(&place) {
        Ok(lock) => lock,
        Err(error) => return say_error(&RunError::Lock(error)),
    };
    let landing = match Landing::open(&place) {
        Ok(landing) => landing,
        Err(error) => return say_error(&RunError::Landing(error)),
    };
    let named = landing.of_feed(&asked.feed).filter(|delivery| {
        delivery.content_sha256.starts_with(&digits) || delivery.sha256.starts_with(&digits)
    });
    let named: BTreeSet<(&str, &str)> =
        named.map(|delivery| (delivery.content_sha256.as_str(), delivery.file.as_str())).collect();
    let contents: BTreeSet<&str> = named.iter().map(|(digest, _)| *digest).collect();
    let (Some(digest), 1) = (contents.first(), contents.len()) else {
        let found = if contents.is_empty() {
            "no delivery".to_owned()
        } else {
            format!("{} deliveries", contents.len())
        };
        say(&format!("error: {found} of feed `{}` begin with `{digits}`", asked.feed));
        return if contents.is_empty() { code::NOTHING } else { code::INVALID };
    };
    let approval = Approval {
        feed: asked.feed.clone(),
        delivery: (*digest).to_owned(),
        reason: asked.reason.trim().to_owned(),
        by: asked.by.trim().to_owned(),
        at: now,
    };
    if let Err(error) = record(&place, &approval) {
        return say_error(&RunError::Landing(error));
    }
    let files: Vec<&str> = named.iter().map(|(_, file)| *file).collect();
    say(&format!("approved {} of feed `{}`; the next run uses it", files.join(", "), asked.feed));
    code::DONE
}
