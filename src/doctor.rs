//! Looks at everything that a run needs, before it is needed: feeds, secrets, folders, agreements, clock. Nothing is
//! loaded and nothing is changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures::StreamExt;
use serde::Serialize;

use crate::agreement::{self, State};
use crate::check::{Checked, check_loaded};
use crate::config::settings::{DeliveryMode, FeedConfig};
use crate::config::{self, Project};
use crate::erasure::Erasures;
use crate::feed::{self, Probed};
use crate::landing::Landing;
use crate::lock::Lock;
use crate::publication;
use crate::release::Published;
use crate::retention;
use crate::run::{due_of_many, look, open_warehouse};
use crate::schedule::{Calendar, LastRun};

/// How many feeds are probed at once.
const AT_ONCE: usize = 8;
/// Longest that one feed is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
/// An agreement that ends within so many days wants to be renewed now.
const RENEW_DAYS: i64 = 60;
/// Free bytes below which a run may not end, and below which it will soon not.
const FULL: u64 = 64 << 20;
const NEARLY_FULL: u64 = 1 << 30;
/// How far a publisher's clock may differ before it is said, and before one of the two must be wrong.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);
const CLOCK_WRONG: TimeDelta = TimeDelta::days(1);

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Somebody should look at it.
    Warning,
    /// A run cannot do what it is for.
    Failure,
}

impl Level {
    /// The word for a person.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How serious it is.
    pub level: Level,
    /// What was looked at, such as ``feed `northport-crime` ``.
    pub what: String,
    /// What was found.
    pub found: String,
    /// The way out; empty where nothing is to be done.
    pub help: String,
}

fn finding(level: Level, what: &str, found: impl Into<String>, help: &str) -> Finding {
    Finding { level, what: what.to_owned(), found: found.into(), help: help.to_owned() }
}

fn ok(what: &str, found: impl Into<String>) -> Finding {
    finding(Level::Ok, what, found, "")
}

/// What was found, and whether the project's files have problems.
#[derive(Debug, Clone)]
pub struct Examination {
    /// In the order in which a run needs them.
    pub findings: Vec<Finding>,
    /// The project's files are wrong: `outturn check` names every problem.
    pub invalid: bool,
}

/// Examines the project in `root` at the moment `now`. `is_set` says whether an environment variable has a value; the
/// value itself is never asked for.
pub async fn examine(root: &Path, now: DateTime<Utc>, is_set: impl Fn(&str) -> bool) -> Examination {
    let as_of = now.with_timezone(&chrono_tz::Europe::London).date_naive();
    let (project, problems) = config::load(root);
    let unread = project.settings_unread;
    let checked = check_loaded(project.clone(), problems).await;
    let mut findings = Vec::new();
    match &checked {
        Ok(checked) => findings.push(ok(
            "project",
            format!(
                "{} feeds, {} measures, {} tables",
                project.feeds.len(),
                checked.measures.len(),
                checked.tables.len()
            ),
        )),
        Err(problems) => {
            let first = problems.first().map(crate::diagnose::Problem::line).unwrap_or_default();
            let found = format!("{} problem(s) in its files; the first: {first}", problems.len());
            findings.push(finding(Level::Failure, "project", found, "`outturn check` names every one"));
        }
    }
    let invalid = checked.is_err();
    if unread {
        return Examination { findings, invalid };
    }
    findings.extend(secrets(&project, is_set));
    findings.extend(folders(&project).await);
    findings.push(lock(&project));
    findings.extend(agreements(&project, as_of));
    findings.extend(measures(&project, checked.as_ref().ok()));
    findings.extend(overdue_erasures(&project, checked.as_ref().ok(), now).await);
    let (feeds, clocks) = feeds(&project, now).await;
    findings.extend(feeds);
    findings.extend(clock(&project, now, as_of, &clocks));
    findings.extend(schedule(&project, now));
    findings.extend(release_calendar(&project, now));
    Examination { findings, invalid }
}

/// Secrets that the settings name as `${env:NAME}` or `${file:PATH}`: whether each is there, by its name.
fn secrets(project: &Project, is_set: impl Fn(&str) -> bool) -> Vec<Finding> {
    let outturn = std::fs::read_to_string(project.root.join("outturn.toml")).unwrap_or_default();
    let feeds = project.feeds.values().map(|feed| feed.source.text.to_string());
    let mut named: BTreeSet<(String, String)> = BTreeSet::new();
    for text in std::iter::once(outturn).chain(feeds) {
        if let Ok(value) = text.parse::<toml::Table>() {
            collect_secrets(&toml::Value::Table(value), &mut named);
        }
    }
    named
        .into_iter()
        .map(|(kind, name)| {
            let what = format!("secret ${{{kind}:{name}}}");
            let (there, help) = if kind == "env" {
                (is_set(&name), "set the environment variable for the user that runs outturn")
            } else {
                let path = project.root.join(&name);
                let there = std::fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() > 0)
                    && std::fs::File::open(&path).is_ok();
                (there, "write the file, readable by the user that runs outturn alone")
            };
            if there {
                ok(&what, "it is there")
            } else {
                finding(Level::Failure, &what, "it is missing, empty or cannot be read", help)
            }
        })
        .collect()
}

fn collect_secrets(value: &toml::Value, named: &mut BTreeSet<(String, String)>) {
    match value {
        toml::Value::String(text) => {
            for rest in text.split("${").skip(1) {
                let Some((inner, _)) = rest.split_once('}') else { continue };
                if let Some((kind @ ("env" | "file"), name)) = inner.split_once(':') {
                    named.insert((kind.to_owned(), name.to_owned()));
                }
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| collect_secrets(item, named)),
        toml::Value::Table(table) => table.values().for_each(|item| collect_secrets(item, named)),
        _ => {}
    }
}

/// The folder itself, or the nearest one above it that is there.
fn standing(folder: &Path) -> PathBuf {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_path_buf()
}

async fn folders(project: &Project) -> Vec<Finding> {
    let place = project.warehouse();
    let mut found = Vec::new();
    let folder = standing(&place);
    let shown = project.settings.warehouse.location.clone();
    // A file that is gone again at once: permissions alone do not tell of a read-only mount.
    match tempfile::Builder::new().prefix(".outturn-").suffix(".tmp").tempfile_in(&folder) {
        Ok(_) => found.push(ok("warehouse", format!("`{shown}` can be written"))),
        Err(error) => found.push(finding(
            Level::Failure,
            "warehouse",
            format!("`{shown}` cannot be written: {error}"),
            "give the user that runs outturn the folder, or name another in `[warehouse] location`",
        )),
    }
    found.push(match free_bytes(&folder) {
        None => finding(Level::Warning, "disk", "how much is free cannot be told", "look at it with `df`"),
        Some(free) => {
            let text = format!("{} MiB free", free >> 20);
            let help = "make room, or put the warehouse on another disk";
            match free {
                _ if free < FULL => finding(Level::Failure, "disk", text, help),
                _ if free < NEARLY_FULL => finding(Level::Warning, "disk", text, help),
                _ => ok("disk", text),
            }
        }
    });
    if let Some(location) = &project.settings.warehouse.datasets {
        let dataset = project.contracts_by_dataset().keys().next().map_or("none", |name| *name).to_owned();
        let reached = async { open_warehouse(project)?.log_version(&dataset).await };
        found.push(match tokio::time::timeout(PATIENCE, reached).await {
            Ok(Ok(_)) => ok("datasets", format!("`{location}` can be listed")),
            Ok(Err(error)) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                let text = format!("{error}{}", cause.unwrap_or_default());
                finding(Level::Failure, "datasets", text, "see `[warehouse] datasets` and its credentials")
            }
            Err(_) => finding(
                Level::Failure,
                "datasets",
                format!("`{location}` does not answer within {} s", PATIENCE.as_secs()),
                "see `[warehouse] datasets` and the network",
            ),
        });
    }
    found
}

/// Free bytes of the disk on which a folder lies, as `df` tells; `None` where there is no such program.
fn free_bytes(folder: &Path) -> Option<u64> {
    let said = Command::new("df").arg("-Pk").arg(folder).output().ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    let kibibytes: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

fn lock(project: &Project) -> Finding {
    match Lock::holder(&project.warehouse()) {
        Ok(None) => ok("lock", "no run holds the warehouse"),
        Ok(Some(holder)) => {
            let holder = if holder.is_empty() { "a run".to_owned() } else { holder };
            finding(Level::Warning, "lock", format!("held: {holder}"), "wait until that run has ended")
        }
        Err(error) => {
            let text = format!("cannot be read: {error}");
            finding(Level::Failure, "lock", text, "give the user that runs outturn the warehouse")
        }
    }
}

fn agreements(project: &Project, as_of: NaiveDate) -> Vec<Finding> {
    let mut found = Vec::new();
    for agreement in project.agreements.values().map(|loaded| &loaded.config) {
        let used = project.feeds.values().any(|feed| feed.config.agreement.as_ref() == Some(&agreement.id));
        let what = format!("agreement `{}`", agreement.id);
        let stopped = "renew it and change `expires`; until then its feeds stand still";
        found.push(match (agreement.state(as_of), agreement.expires) {
            _ if !used => ok(&what, "no feed is used under it"),
            (State::NotBegun(begins), _) => finding(
                Level::Warning,
                &what,
                format!("begins on {begins}"),
                "until then its feeds stand still",
            ),
            (State::Expired(expires), _) => {
                finding(Level::Failure, &what, format!("expired on {expires}"), stopped)
            }
            (State::InForce, Some(expires)) => {
                let days = (expires - as_of).num_days();
                let text = format!("in force until {expires}");
                if days <= RENEW_DAYS {
                    let text = format!("{text}, {days} days from now");
                    finding(Level::Warning, &what, text, "renew it in time; without it its feeds stand still")
                } else {
                    ok(&what, text)
                }
            }
            (State::InForce, None) => ok(&what, "in force"),
        });
    }
    let without: Vec<&str> = project
        .feeds
        .values()
        .filter(|feed| feed.config.agreement.is_none())
        .map(|feed| feed.config.id.as_str())
        .collect();
    if !without.is_empty() {
        found.push(finding(
            Level::Warning,
            "agreements",
            format!("none is recorded for {}", without.join(", ")),
            "name one in each feed; what is counted from them is for the partnership alone until then",
        ));
    }
    found
}

/// Measures that would be withheld for a purpose or a recipient that was not agreed on.
fn measures(project: &Project, checked: Option<&Checked>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (id, (planned, areas)) in checked.iter().flat_map(|checked| &checked.measures) {
        let (Some(file), Some(checked)) = (project.measures.get(id), checked) else { continue };
        let reads = agreement::reads(project, &planned.datasets, Some((&checked.areas, areas)));
        if let Err(reason) = agreement::allows(&reads, file.config.purpose.as_deref(), &file.partnership) {
            let help =
                "agree on it with the partner, or change the measure's purpose; it is withheld until then";
            found.push(finding(Level::Warning, &format!("measure `{id}`"), reason.to_string(), help));
        }
    }
    found
}

/// Whether the record of erasures is whole, and whether rows are kept beyond their time.
async fn overdue_erasures(
    project: &Project,
    checked: Option<&Checked>,
    now: DateTime<Utc>,
) -> Option<Finding> {
    let as_of = now.with_timezone(&chrono_tz::Europe::London).date_naive();
    let place = project.warehouse();
    let erasures = match Erasures::open(&place) {
        Ok(erasures) => erasures,
        Err(error) => {
            let help = "restore the file from a backup; nothing is erased before";
            return Some(finding(Level::Failure, "record of erasures", error.to_string(), help));
        }
    };
    let landing = match Landing::open(&place) {
        Ok(landing) => landing,
        Err(error) => {
            let help = "restore landing/deliveries.jsonl from a backup";
            return Some(finding(Level::Failure, "landing", error.to_string(), help));
        }
    };
    let mut due = retention::due(project, &landing, &erasures, as_of).len();
    let limited = |feed: &FeedConfig| {
        feed.mode != DeliveryMode::Month
            && project.agreement_of(feed).is_some_and(|agreement| agreement.retention.is_some())
    };
    // Which months such a delivery holds is known once it was split.
    if let Some(checked) = checked.filter(|_| project.feeds.values().any(|feed| limited(&feed.config))) {
        match look(checked, now).await {
            Ok((_, _, standings)) => due += due_of_many(project, &standings, as_of).0.len(),
            Err(error) => {
                let help = "`outturn run` says more";
                return Some(finding(Level::Failure, "retention", error.to_string(), help));
            }
        }
    }
    if due > 0 {
        let text = format!("{due} files are kept longer than their agreements allow");
        return Some(finding(Level::Warning, "retention", text, "`outturn purge --by ROLE` erases them"));
    }
    let limited = project.agreements.values().any(|agreement| agreement.config.retention.is_some());
    limited.then(|| ok("retention", "nothing is kept beyond its time"))
}

async fn feeds(project: &Project, now: DateTime<Utc>) -> (Vec<Finding>, Vec<(String, DateTime<Utc>)>) {
    let probes = project.feeds.values().map(|feed| async {
        let probed = tokio::time::timeout(PATIENCE, feed::probe(project, &feed.config, now)).await;
        let late = || Probed::Failed(format!("no answer within {} s", PATIENCE.as_secs()));
        (feed.config.id.clone(), probed.unwrap_or_else(|_| late()))
    });
    let answers: Vec<(String, Probed)> = futures::stream::iter(probes).buffered(AT_ONCE).collect().await;
    let mut clocks = Vec::new();
    let mut found = Vec::new();
    for (id, probed) in answers {
        let what = format!("feed `{id}`");
        found.push(match probed {
            Probed::Reached { found, clock } => {
                clocks.extend(clock.map(|clock| (id, clock)));
                ok(&what, found)
            }
            Probed::Nothing(why) => {
                finding(Level::Warning, &what, why, "see whether `source` is right, or ask the partner")
            }
            Probed::Failed(why) => finding(
                Level::Failure,
                &what,
                why,
                "see `source` and the network; the run would keep what was landed before",
            ),
            // How serious that is stands with the agreement.
            Probed::Stopped(why) => finding(Level::Warning, &what, format!("not asked: {why}"), ""),
        });
    }
    (found, clocks)
}

fn clock(
    project: &Project,
    now: DateTime<Utc>,
    as_of: NaiveDate,
    publishers: &[(String, DateTime<Utc>)],
) -> Vec<Finding> {
    let place = project.warehouse();
    let help = "set this computer's clock, and keep it right with NTP";
    let mut found = Vec::new();
    if let Ok(Some(manifest)) = Published::in_warehouse(&place).manifest()
        && manifest.as_of > as_of
    {
        let text = format!("it is {as_of}, and release {} was made on {}", manifest.release, manifest.as_of);
        found.push(finding(Level::Failure, "clock", text, help));
    }
    let received = Landing::open(&place).ok().and_then(|l| l.all().iter().map(|d| d.received).max());
    if let Some(received) = received.filter(|received| *received > now + CLOCKS_DIFFER) {
        let text = format!("it is {now}, and a delivery was received at {received}");
        found.push(finding(Level::Failure, "clock", text, help));
    }
    let apart = |theirs: &DateTime<Utc>| (*theirs - now).abs();
    if let Some((feed, theirs)) = publishers.iter().min_by_key(|(_, theirs)| apart(theirs)) {
        let text = format!("this computer says {now}, the publisher of feed `{feed}` says {theirs}");
        match apart(theirs) {
            apart if apart > CLOCK_WRONG => found.push(finding(Level::Failure, "clock", text, help)),
            apart if apart > CLOCKS_DIFFER => found.push(finding(Level::Warning, "clock", text, help)),
            _ => {}
        }
    }
    if found.is_empty() {
        let against = if publishers.is_empty() {
            "what is stored"
        } else {
            "what is stored and the publishers' clocks"
        };
        found.push(ok("clock", format!("{} agrees with {against}", now.format("%Y-%m-%d %H:%M UTC"))));
    }
    found
}

fn schedule(project: &Project, now: DateTime<Utc>) -> Option<Finding> {
    let settings = &project.settings.schedule;
    // What is wrong with it is a problem of the project's files.
    let calendar = Calendar::new(&settings.run, &settings.time_zone).ok()?;
    let next = calendar.due_after(now).map(|due| due.format("%Y-%m-%d %H:%M UTC").to_string());
    let next = next.unwrap_or_else(|| "never".to_owned());
    let last = LastRun::read(&project.warehouse());
    if let Some(missed) = last.and_then(|last| calendar.missed(Some(last.last_due), now)) {
        let text = format!(
            "the run due at {} was not done; the next is due at {next}",
            missed.format("%Y-%m-%d %H:%M UTC")
        );
        return Some(finding(Level::Warning, "schedule", text, "see whether `outturn serve` is running"));
    }
    Some(ok("schedule", format!("`outturn serve` would run next at {next}")))
}

/// What the release calendar holds in store; `None` without one.
fn release_calendar(project: &Project, now: DateTime<Utc>) -> Option<Finding> {
    let out = match publication::went_out(&Published::in_warehouse(&project.warehouse())) {
        Ok(out) => out,
        Err(error) => {
            let help = "restore published/calendar.jsonl from a backup; nothing goes out before";
            return Some(finding(Level::Failure, "release calendar", error.to_string(), help));
        }
    };
    let outlook = publication::outlook(project, &out, now)?;
    let next = outlook.next_in_words();
    Some(if outlook.due.is_empty() {
        match outlook.shortfall() {
            Some(shortfall) => finding(
                Level::Warning,
                "release calendar",
                format!("{next}; {shortfall}"),
                "add a `[[release]]` to calendar.toml for each that is to come, and announce their dates",
            ),
            None => ok("release calendar", next),
        }
    } else {
        finding(
            Level::Warning,
            "release calendar",
            format!("due and not out: {}; {next}", outlook.due.join(", ")),
            "`outturn run` brings out what is due, or says what it waits for",
        )
    })
}
