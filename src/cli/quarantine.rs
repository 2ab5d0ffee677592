//! `outturn quarantine replay` and `outturn quarantine waive`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};
use clap::Args;

use super::output::{self, Format, print_json, say};
use super::{code, run_once, say_error};
use crate::check::{Checked, check};
use crate::diagnose::suggestion;
use crate::durable;
use crate::normalise::DeliveryStatus;
use crate::period::Month;
use crate::rejudge::{RejectedRow, each_row_of};
use crate::replay::{self, Fate, Replay};
use crate::run::{RunError, look, open_warehouse};
use crate::waiver::{self, Effect, HELD, WaiverConfig};

/// Rows that are shown one by one.
const SHOWN: usize = 20;
/// Digits by which a waiver tells a delivery.
const DIGITS: usize = 16;

/// What a waiver says.
#[derive(Debug, Args)]
pub(super) struct Waive {
    /// The feed.
    feed: String,
    /// The month of the delivery.
    #[arg(long)]
    period: Month,
    /// The rule that the rows break; `delivery_held` lets a delivery in that is held.
    #[arg(long)]
    reason: String,
    /// Why.
    #[arg(long)]
    why: String,
    /// Role of the person who decides it.
    #[arg(long)]
    by: String,
    /// The last day on which it applies.
    #[arg(long)]
    until: NaiveDate,
    /// Only these lines, separated by commas; every row that breaks the rule when absent.
    #[arg(long, value_delimiter = ',')]
    lines: Vec<u64>,
    /// Leave the rows out, also where they could be taken as they stand.
    #[arg(long)]
    acknowledge: bool,
}

/// Says what would become of the rows that are set aside, and makes it so if that is asked for.
pub(super) async fn replay(
    root: &Path,
    feed: Option<&str>,
    now: DateTime<Utc>,
    apply: bool,
    output: Format,
) -> u8 {
    let found = match replay::replay(root, feed, now).await {
        Ok(found) => found,
        Err(error) => return say_error(&error),
    };
    if output == Format::Json {
        print_json(&found);
    } else {
        output::print(in_words(&found).as_bytes());
    }
    if found.rows.is_empty() && found.newly_set_aside == 0 {
        say("nothing is set aside");
        return code::NOTHING;
    }
    if !apply {
        return code::DONE;
    }
    if !found.changes() {
        say("no row would fare otherwise; nothing was done");
        return code::DONE;
    }
    run_once(root, now, false, None).await
}

fn in_words(found: &Replay) -> String {
    let mut text = String::new();
    let mut counts: BTreeMap<(&str, Month, &str, Fate, &str), u64> = BTreeMap::new();
    for row in &found.rows {
        let key = (row.feed.as_str(), row.period, row.was.as_str(), row.becomes, row.rule.as_str());
        *counts.entry(key).or_default() += 1;
    }
    for ((feed, period, was, becomes, rule), n) in counts {
        let rule = if rule.is_empty() { String::new() } else { format!(" ({rule})") };
        let _ = writeln!(text, "{feed} {period}: {n} of {was}: {}{rule}", becomes.name());
    }
    let changed = found.rows.iter().filter(|row| row.becomes == Fate::Accepted);
    for row in changed.take(SHOWN) {
        let _ =
            writeln!(text, "    {}:{}: {} no longer stands against it", row.source_file, row.line, row.was);
    }
    if found.newly_set_aside > 0 {
        let _ = writeln!(text, "{} rows that are not set aside now would be", found.newly_set_aside);
    }
    text
}

/// Writes a waiver beside the feed.
pub(super) async fn waive(root: &Path, wanted: &Waive, now: DateTime<Utc>) -> u8 {
    match write_waiver(root, wanted, now).await {
        Ok(said) => {
            say(&said);
            code::DONE
        }
        Err(Refusal::Run(error)) => say_error(&error),
        Err(Refusal::Wrong(message)) => {
            say(&format!("error: {message}"));
            code::INVALID
        }
        Err(Refusal::Nothing(message)) => {
            say(&message);
            code::NOTHING
        }
    }
}

/// Why no waiver was written.
enum Refusal {
    Run(RunError),
    Wrong(String),
    Nothing(String),
}

impl From<RunError> for Refusal {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

/// First digits of the digests of the feed's deliveries that the last run held, for whatever reason.
async fn held_deliveries(checked: &Checked, wanted: &Waive) -> Result<Vec<String>, Refusal> {
    let warehouse = open_warehouse(&checked.project).map_err(RunError::from)?;
    let mut held = Vec::new();
    for dataset in checked.datasets.keys() {
        let snapshot = warehouse.snapshot(dataset).await.map_err(RunError::from)?;
        let mut reports = warehouse.reports(&snapshot).await.map_err(RunError::from)?;
        let told = reports.remove(&wanted.period).unwrap_or_default().into_iter();
        held.extend(
            told.filter(|report| {
                report.status == DeliveryStatus::Held
                    && report.delivery.feed == wanted.feed
                    && report.delivery.period == wanted.period
            })
            .map(|report| report.delivery.content_sha256.chars().take(DIGITS).collect()),
        );
    }
    Ok(held)
}

/// The rows of the feed that break the rule, judged one by one under the present files.
async fn rows_that_break(
    checked: &Checked,
    wanted: &Waive,
    now: DateTime<Utc>,
) -> Result<Vec<RejectedRow>, Refusal> {
    let (landing, states, standings) = look(checked, now).await?;
    let mut rows: Vec<RejectedRow> = Vec::new();
    for dataset in checked.datasets.values() {
        let failed = |source| RunError::Normalise {
            dataset: dataset.id.clone(),
            month: wanted.period,
            source: Box::new(source),
        };
        let jobs = standings.jobs_to_look_at(dataset, &states, &landing, |month| month == wanted.period);
        for job in jobs.map_err(failed)? {
            rows.extend(each_row_of(&job, &wanted.feed, &landing).map_err(failed)?.rows);
        }
    }
    let listed = |row: &RejectedRow| {
        wanted.lines.is_empty() || u64::try_from(row.line).is_ok_and(|line| wanted.lines.contains(&line))
    };
    rows.retain(|row| row.feed == wanted.feed && row.rule == wanted.reason && listed(row));
    Ok(rows)
}

async fn write_waiver(root: &Path, wanted: &Waive, now: DateTime<Utc>) -> Result<String, Refusal> {
    let checked = check(root).await.map_err(RunError::Invalid)?;
    let project = &checked.project;
    let wrong = |message: String| Refusal::Wrong(message);
    let nearest = |name: &str, known: Vec<&str>| {
        suggestion(name, known).map(|help| format!("; {help}")).unwrap_or_default()
    };
    let Some(feed) = project.feeds.get(&wanted.feed) else {
        let help = nearest(&wanted.feed, project.feeds.keys().map(String::as_str).collect());
        return Err(wrong(format!("there is no feed `{}`{help}", wanted.feed)));
    };
    let Some(contract) = project.contracts.get(&feed.config.contract) else {
        return Err(wrong(format!("feed `{}` has no contract", wanted.feed)));
    };
    let rules = waiver::rules_of(&contract.config);
    let Some(strongest) = rules.get(&wanted.reason) else {
        let help = nearest(&wanted.reason, rules.keys().map(String::as_str).collect());
        return Err(wrong(format!(
            "contract `{}` has no rule `{}`{help}",
            contract.config.id, wanted.reason
        )));
    };
    for (name, text) in [("why", &wanted.why), ("by", &wanted.by)] {
        if text.trim().is_empty() {
            return Err(wrong(format!("a waiver says {name}")));
        }
    }
    let as_of = now.with_timezone(&chrono_tz::Europe::London).date_naive();
    if wanted.until < as_of {
        return Err(wrong(format!("{} has passed", wanted.until)));
    }
    let held = wanted.reason == HELD;
    if held && wanted.acknowledge {
        return Err(wrong("a delivery that is held is let in or not; leave out --acknowledge".to_owned()));
    }
    let effect = if wanted.acknowledge { Effect::Acknowledge } else { *strongest };
    let mut deliveries: Vec<String> =
        if held { held_deliveries(&checked, wanted).await? } else { Vec::new() };
    let mut rows: Vec<RejectedRow> = Vec::new();
    if !held {
        rows = rows_that_break(&checked, wanted, now).await?;
        deliveries.extend(rows.iter().map(|row| row.delivery.clone()));
    }
    deliveries.sort();
    deliveries.dedup();
    if deliveries.is_empty() {
        let what = if held { "is held" } else { "has such a row" };
        return Err(Refusal::Nothing(format!(
            "no delivery of feed `{}` for {} {what}; nothing was written",
            wanted.feed, wanted.period
        )));
    }
    let Some(folder) = replay::waiver_folder(project, &wanted.feed) else {
        return Err(wrong(format!("feed `{}` has no folder", wanted.feed)));
    };
    let stem = format!("{}-{}-{}", wanted.feed, wanted.period, wanted.reason.replace('_', "-"));
    let id = (1..1000)
        .map(|number| if number == 1 { stem.clone() } else { format!("{stem}-{number}") })
        .find(|id| !project.waivers.contains_key(id) && !folder.join(format!("{id}.toml")).exists())
        .unwrap_or(stem);
    let config = WaiverConfig {
        id: id.clone(),
        feed: wanted.feed.clone(),
        period: wanted.period,
        rule: wanted.reason.clone(),
        effect,
        deliveries,
        lines: if held { Vec::new() } else { wanted.lines.clone() },
        why: wanted.why.trim().to_owned(),
        by: wanted.by.trim().to_owned(),
        until: wanted.until,
    };
    let failed = |error: std::io::Error| wrong(format!("{}: {error}", folder.display()));
    let text = toml::to_string(&config).map_err(|error| failed(std::io::Error::other(error)))?;
    durable::create_folder(&folder).map_err(failed)?;
    let path = folder.join(format!("{id}.toml"));
    durable::write(&path, text.as_bytes()).map_err(failed)?;
    durable::share(&path).map_err(failed)?;
    let what = match (held, effect) {
        (true, _) => "the delivery is let in".to_owned(),
        (false, Effect::Accept) => format!("{} row(s) are taken as they stand", rows.len()),
        (false, Effect::Acknowledge) => format!("{} row(s) stay out and no longer count as open", rows.len()),
    };
    let shown = crate::diagnose::shown_path(root, &path);
    Ok(format!("{} is written; from the next run until {} {what}", shown.display(), config.until))
}
