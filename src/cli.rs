//! The command line: one subcommand, one function. Data go to standard output, everything else to standard error.

mod daemon;
mod disclosure;
mod doctor;
mod feed_add;
mod letter;
mod output;
mod purge;
mod quarantine;
mod releases;
mod signoff;
mod statistics;

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use tokio_util::sync::CancellationToken;

use crate::check::check;
use crate::diagnose::Problem;
use crate::inspect::{self, QueryError, Selection};
use crate::lock::LockError;
use crate::period::Month;
use crate::plan;
use crate::progress::Progress;
use crate::run::{self, RunError, RunReport, thousands};
use crate::schedule::Clock;
use output::{Format, print_batches, print_json, say};

/// Exit codes; `docs/tables.md` and the README list them.
mod code {
    pub(super) const DONE: u8 = 0;
    pub(super) const NOT_RELEASED: u8 = 1;
    pub(super) const INVALID: u8 = 2;
    pub(super) const GAPS: u8 = 3;
    pub(super) const NOTHING: u8 = 4;
    pub(super) const OVERDUE: u8 = 5;
    pub(super) const PENDING: u8 = 6;
    pub(super) const DAMAGED: u8 = 7;
    pub(super) const DEFECT: u8 = 70;
    pub(super) const BUSY: u8 = 75;
    pub(super) const TERMINATED: u8 = 143;
}

/// Turns the data feeds of a Community Safety Partnership into published outcome-framework tables.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    /// Folder of the project: the one with outturn.toml.
    #[arg(long, global = true, default_value = ".")]
    project: PathBuf,
    /// How much is logged to standard error: error, warn, info, debug, or filters such as outturn=debug.
    #[arg(long, global = true, default_value = "warn", env = "OUTTURN_LOG")]
    log: String,
    /// Take this moment for now, such as 2025-08-01T05:30:00Z.
    #[arg(long, global = true, hide = true)]
    now: Option<DateTime<Utc>>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reads every file of the project and names every problem; touches no feed.
    Check {
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
    /// Says what a run would fetch, rebuild and publish, and why; does nothing.
    Plan {
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        output: Format,
        /// Exit with 6 when something would change.
        #[arg(long)]
        detailed_exit_code: bool,
    },
    /// Fetches, normalises, measures and publishes, once.
    Run {
        /// Print nothing but errors and data.
        #[arg(long)]
        quiet: bool,
        /// How to print the report.
        #[arg(long, value_enum)]
        output: Option<Format>,
    },
    /// Runs on the schedule of outturn.toml until it is stopped.
    Serve,
    /// Asks a running `serve` whether it is healthy; exits with 0 or 1.
    Health,
    /// Tells the current release, its gaps, how old each feed is, and what is planned.
    Status {
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        output: Format,
        /// Exit with 5 when something is past its expected date.
        #[arg(long)]
        check: bool,
    },
    /// Runs a SELECT over the current release and the datasets.
    Query {
        /// The SELECT.
        sql: String,
        /// Over the tables of this release instead, as they were published; also by its name in the calendar.
        #[arg(long)]
        release: Option<String>,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
    /// Leads from a published value back to its SQL, datasets and deliveries.
    Explain {
        /// The measure; one that the project publishes no more is known by its final figures.
        measure: String,
        /// Code of the area; all of the measure's when absent.
        #[arg(long)]
        area: Option<String>,
        /// The period; the latest with a value when absent.
        #[arg(long)]
        period: Option<String>,
        /// The release, or its name in the calendar; the current one when absent.
        #[arg(long)]
        release: Option<String>,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
    /// Deals with one feed.
    #[command(subcommand)]
    Feed(Feed),
    /// Shows rows that are set aside.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Lists every figure that one release shows otherwise than an earlier one, and why.
    Diff {
        /// The earlier release, or its name in the calendar.
        before: String,
        /// The later one.
        after: String,
        /// Only this measure.
        #[arg(long)]
        measure: Option<String>,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
    /// Makes a release once more and compares; exits with 7 when anything differs.
    ///
    /// Files are held against their digests; then the release is made anew, elsewhere, from the deliveries as received and
    /// the project's files as they were, and compared row by row. 3: it could not be made once more, or not in full.
    Verify {
        /// The release, or its name in the calendar; the current one when absent.
        release: Option<String>,
        /// Only hold its files against their digests.
        #[arg(long)]
        files: bool,
    },
    /// Signs figures of the current release as checked or final, or reopens them.
    Release(signoff::SignOff),
    /// Holds the statistics against published reference values.
    #[command(subcommand)]
    Statistics(statistics::Statistics),
    /// Proves that what is withheld from the public cannot be worked out.
    #[command(subcommand)]
    Disclosure(disclosure::Disclosure),
    /// Erases what the agreements do not let be kept any longer; releases stay.
    Purge {
        /// Say what would be erased, and touch nothing.
        #[arg(long)]
        dry_run: bool,
        /// Role of whoever has it done, for the record; no person's name.
        #[arg(long)]
        by: Option<String>,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
    /// Looks at all that a run needs, and changes nothing; exits with 0, 1 or 3.
    ///
    /// Every feed, secret, folder and agreement, the clock, the schedule and the release calendar: 0 when all is well, 1 on a failure, 3 on
    /// warnings.
    Doctor {
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
    /// Makes the synthetic deliveries of `[simulate]`.
    Simulate,
    /// Prints the JSON Schema of a kind of file.
    Schema {
        /// outturn, partnership, feed, agreement, contract, dataset, lookup, waiver, measure or table; all when absent.
        kind: Option<String>,
    },
    /// Prints a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum Feed {
    /// Looks at a sample and drafts a feed and its contract for you to finish; overwrites nothing.
    Add {
        /// Path or http(s) address of a sample.
        from: String,
        /// Short name of the feed; made from the sample's name when absent.
        #[arg(long)]
        id: Option<String>,
        /// Folder under pipelines/ that the drafts go to; may be left out where there is one partnership.
        #[arg(long)]
        partnership: Option<String>,
    },
    /// Writes to its supplier: what was expected, what came, which rows break which rule, and what to send.
    Letter {
        /// The feed.
        feed: String,
        /// The month, or the last month of the quarter or year; the latest that is due or came when absent.
        #[arg(long)]
        period: Option<Month>,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
}

#[derive(Debug, Subcommand)]
enum Quarantine {
    /// Counts by feed, month, file and rule.
    List {
        /// Only of this feed.
        feed: Option<String>,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
    /// The rows themselves, as the partner sent them.
    Show {
        /// Only of this feed.
        feed: Option<String>,
        /// Only of this month.
        #[arg(long)]
        month: Option<Month>,
        /// Only those that break this rule.
        #[arg(long)]
        reason: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Also those that a waiver acknowledges.
        #[arg(long)]
        all: bool,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
    /// Judges the rows once more, from the bytes as they were received, under the present contracts and look-ups.
    Replay {
        /// Only of this feed.
        feed: Option<String>,
        /// Make the months anew and publish, if any row would fare otherwise.
        #[arg(long)]
        apply: bool,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
    /// Writes a waiver: rows of a delivery that break a rule are taken as they stand, or are known and stay out.
    Waive(quarantine::Waive),
}

/// Reads the arguments, does what they ask and returns the exit code. `clock` is the only source of the present.
#[must_use]
pub fn main(clock: &Clock) -> ExitCode {
    let arguments = Arguments::parse();
    let filter =
        tracing_subscriber::EnvFilter::try_new(format!("{},tokio_cron_scheduler=warn", arguments.log));
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| crate::secret::Scrubbed(io::stderr()))
        .with_ansi(colour())
        .with_target(false)
        .init();
    // Two providers are compiled in by different dependencies; one must be chosen. Chosen already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Work waits for a thread that is there already where the system gives no other; so one is kept.
        .thread_keep_alive(std::time::Duration::from_hours(1))
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("error: the program cannot start: {error}"));
            return ExitCode::from(code::NOT_RELEASED);
        }
    };
    let fixed = arguments.now;
    let clock: Clock = match fixed {
        Some(moment) => std::sync::Arc::new(move || moment),
        None => std::sync::Arc::clone(clock),
    };
    let done = runtime.block_on(obey(arguments, clock));
    // What still reads or writes in the background must not keep a stopped program alive.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    ExitCode::from(done)
}

async fn obey(arguments: Arguments, clock: Clock) -> u8 {
    let first = tokio::time::timeout(std::time::Duration::from_secs(10), tokio::task::spawn_blocking(|| ()));
    if first.await.is_err() {
        say(
            "error: the program cannot start: the system gives it no thread; raise its limits of memory or processes",
        );
        return code::NOT_RELEASED;
    }
    let root = arguments.project;
    let now = clock();
    match arguments.command {
        Command::Check { output } => check_project(&root, output).await,
        Command::Plan { output, detailed_exit_code } => {
            show_plan(&root, now, output, detailed_exit_code).await
        }
        Command::Run { quiet, output } => run_once(&root, now, quiet, output).await,
        Command::Serve => daemon::serve(&root, clock).await,
        Command::Health => daemon::health(&root).await,
        Command::Status { output, check } => show_status(&root, now, output, check).await,
        Command::Query { sql, release, output } => query(&root, &sql, release.as_deref(), output).await,
        Command::Explain { measure, area, period, release, output } => {
            let which = (&*measure, area.as_deref(), period.as_deref());
            explain(&root, which, release.as_deref(), output).await
        }
        Command::Feed(Feed::Letter { feed, period, output }) => {
            letter::write(&root, &feed, period, now, output).await
        }
        Command::Quarantine(which) => set_aside(&root, which, now).await,
        Command::Diff { before, after, measure, output } => {
            releases::diff(&root, &before, &after, measure.as_deref(), output)
        }
        Command::Verify { release, files } => releases::verify(&root, release.as_deref(), files).await,
        Command::Release(asked) => signoff::sign(&root, now, &asked),
        Command::Statistics(which) => statistics::obey(&which),
        Command::Disclosure(which) => disclosure::obey(&root, &which).await,
        Command::Purge { dry_run, by, output } => {
            purge::purge(&root, now, by.as_deref(), dry_run, output).await
        }
        Command::Doctor { output } => doctor::doctor(&root, now, output).await,
        Command::Feed(Feed::Add { from, id, partnership }) => {
            feed_add::add(&root, now, from, id, partnership).await
        }
        Command::Simulate => simulate(&root, now),
        Command::Schema { kind } => schema(kind.as_deref()),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "outturn", &mut text);
            output::print(&text)
        }
    }
}

fn colour() -> bool {
    use std::io::IsTerminal;
    io::stderr().is_terminal()
}

fn say_problems(problems: &[Problem]) {
    for problem in problems {
        say(&problem.render(colour()));
        say("");
    }
}

/// Prints an error with its causes and returns the exit code that it stands for.
fn say_error(error: &RunError) -> u8 {
    match error {
        RunError::Invalid(problems) => {
            say_problems(problems);
            say(&format!("error: {} problem(s); nothing was read", problems.len()));
            return code::INVALID;
        }
        RunError::Stopped => {
            say("stopped; what was finished stays, and the last release stands");
            return code::TERMINATED;
        }
        _ => {}
    }
    let mut text = format!("error: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        // Libraries repeat their causes in their own words.
        let words = cause.to_string();
        if !text.contains(&words) {
            let _ = write!(text, "\n  because: {words}");
        }
        source = cause.source();
    }
    say(&text);
    match error {
        RunError::Lock(LockError::Held { .. }) => code::BUSY,
        RunError::Release(crate::release::ReleaseError::Damaged { .. })
        | RunError::LandingLost
        | RunError::SignOff(_) => code::DAMAGED,
        RunError::Arrow(_) | RunError::Broken(_) => code::DEFECT,
        _ => code::NOT_RELEASED,
    }
}

async fn check_project(root: &std::path::Path, output: Format) -> u8 {
    // Only here: a run goes on without a feed whose secret is missing, and says so.
    let result = check(root).await.and_then(|checked| {
        let missing = crate::feed::missing_secrets(&checked.project);
        if missing.is_empty() { Ok(checked) } else { Err(missing) }
    });
    if output == Format::Json {
        let problems: Vec<serde_json::Value> = result
            .as_ref()
            .err()
            .into_iter()
            .flatten()
            .map(|problem| {
                let (line, column) = problem.source.position(problem.span.start);
                serde_json::json!({
                    "file": problem.source.path, "line": line, "column": column,
                    "message": problem.message, "help": problem.help,
                })
            })
            .collect();
        print_json(&problems);
        return if result.is_ok() { code::DONE } else { code::INVALID };
    }
    match result {
        Ok(checked) => {
            for warning in checked.warnings.iter().chain(&unversioned(&checked)) {
                say(&format!("warning: {}", warning.line()));
            }
            say(&format!(
                "no problems: {} measures, {} tables, {} feeds, {} look-ups",
                checked.measures.len(),
                checked.tables.len(),
                checked.project.feeds.len(),
                checked.lookups.len()
            ));
            code::DONE
        }
        Err(problems) => {
            say_problems(&problems);
            say(&format!("error: {} problem(s)", problems.len()));
            code::INVALID
        }
    }
}

/// What the current release, where there is one, has under another definition.
fn unversioned(checked: &crate::check::Checked) -> Vec<Problem> {
    let published = crate::release::Published::in_warehouse(&checked.project.warehouse());
    match published.manifest() {
        Ok(Some(manifest)) => {
            crate::definition::unversioned(&checked.project, &checked.measures, &manifest.definitions)
        }
        _ => Vec::new(),
    }
}

async fn show_plan(root: &std::path::Path, now: DateTime<Utc>, output: Format, detailed: bool) -> u8 {
    let steps = match plan::plan(root, now).await {
        Ok(steps) => steps,
        Err(error) => return say_error(&error),
    };
    if output == Format::Json {
        print_json(&steps);
    } else if steps.is_empty() {
        say("nothing to do: the current release follows from everything that is here");
    } else {
        let lines: Vec<String> = steps
            .iter()
            .map(|step| {
                let months = if step.months.is_empty() { String::new() } else { format!(" {}", step.months) };
                format!("{:8} {}{months}: {}\n", step.action, step.what, step.why)
            })
            .collect();
        output::print(lines.concat().as_bytes());
    }
    if detailed && !steps.is_empty() { code::PENDING } else { code::DONE }
}

async fn run_once(root: &std::path::Path, now: DateTime<Utc>, quiet: bool, output: Option<Format>) -> u8 {
    let started = Instant::now();
    let stop = CancellationToken::new();
    let progress = Progress::new(quiet);
    let listening = stop.clone();
    let signal = tokio::spawn(async move {
        let mut signals = crate::schedule::Signals::listen().ok()?;
        Some(signals.cancel(&listening).await)
    });
    let result = run::run(root, now, &stop, &progress).await;
    progress.done();
    match result {
        Ok(report) => {
            if output == Some(Format::Json) {
                print_json(&report_json(&report));
            }
            if !quiet {
                for restated in &report.restated {
                    say(restated);
                }
                for line in &report.went_out {
                    say(line);
                }
                for gap in &report.gaps {
                    say(&format!("gap: {gap}"));
                }
                say(&closing_line(&report, started.elapsed().as_secs_f64()));
            }
            if report.gaps.is_empty() { code::DONE } else { code::GAPS }
        }
        Err(error) => {
            let exit = say_error(&error);
            if matches!(error, RunError::Stopped)
                && let Ok(Some(signal)) = signal.await
            {
                return signal.exit_code();
            }
            exit
        }
    }
}

fn report_json(report: &RunReport) -> serde_json::Value {
    serde_json::json!({
        "release": report.release, "new": report.new, "measures": report.measures,
        "measures_released": report.measures_released, "measures_computed": report.measures_computed,
        "months_made": report.months_made, "rows_read": report.rows_read,
        "rows_quarantined": report.rows_quarantined, "restated": report.restated, "gaps": report.gaps,
        "went_out": report.went_out,
    })
}

/// `released 2026-11-22.1: 20 of 20 measures, 271,257 rows read, 17 quarantined, 3.2 s`.
fn closing_line(report: &RunReport, seconds: f64) -> String {
    let name = report.release.as_deref().unwrap_or("nothing");
    let verb = if report.new { "released" } else { "already current" };
    format!(
        "{verb} {name}: {} of {} measures, {} rows read, {} quarantined, {seconds:.1} s",
        report.measures_released,
        report.measures,
        thousands(report.rows_read),
        thousands(report.rows_quarantined)
    )
}

async fn show_status(root: &std::path::Path, now: DateTime<Utc>, output: Format, check: bool) -> u8 {
    let status = match inspect::status(root, now).await {
        Ok(status) => status,
        Err(error) => return say_error(&error),
    };
    let overdue = status.feeds.iter().any(|feed| !feed.overdue.is_empty());
    if output == Format::Json {
        print_json(&status);
    } else {
        let mut text = match (&status.release, status.as_of) {
            (Some(release), Some(day)) => format!("release {release}, as of {day}\n"),
            _ => "no release yet\n".to_owned(),
        };
        for feed in &status.feeds {
            let latest =
                feed.latest.map_or_else(|| "nothing yet".to_owned(), |month| format!("up to {month}"));
            let synthetic = if feed.synthetic { ", synthetic" } else { "" };
            let overdue = if feed.overdue.is_empty() {
                String::new()
            } else {
                let days = crate::freshness::in_days(feed.overdue_days);
                format!(", overdue: {} (up to {days})", feed.overdue)
            };
            let news: Vec<&str> = std::iter::once("").chain(feed.news.iter().map(String::as_str)).collect();
            let news = news.join(", ");
            let _ = writeln!(text, "feed {}: {latest}{synthetic}{overdue}{news}", feed.feed);
        }
        if let Some(calendar) = &status.calendar {
            for name in &calendar.due {
                let _ = writeln!(text, "calendar: {name} is due and not out");
            }
            let _ = writeln!(text, "calendar: {}", calendar.next_in_words());
            if let Some(shortfall) = calendar.shortfall() {
                let _ = writeln!(text, "calendar: {shortfall}");
            }
        }
        for gap in &status.gaps {
            let _ = writeln!(text, "gap: {gap}");
        }
        output::print(text.as_bytes());
    }
    if check && overdue { code::OVERDUE } else { code::DONE }
}

async fn query(root: &std::path::Path, sql: &str, release: Option<&str>, output: Format) -> u8 {
    let answer = match release.map(|name| releases::folder(root, name)) {
        None => inspect::query(root, sql).await,
        Some(Ok(folder)) => inspect::query_release(&folder, sql).await,
        Some(Err(code)) => return code,
    };
    match answer {
        Ok((schema, batches)) => print_batches(&schema, &batches, output),
        Err(QueryError::Run(error)) => say_error(&error),
        Err(QueryError::Sql(problem)) => {
            say_problems(&[*problem]);
            code::INVALID
        }
    }
}

async fn explain(
    root: &std::path::Path,
    (measure, area, period): (&str, Option<&str>, Option<&str>),
    release: Option<&str>,
    output: Format,
) -> u8 {
    let folder = match release.map(|name| releases::folder(root, name)).transpose() {
        Ok(folder) => folder,
        Err(code) => return code,
    };
    match inspect::explain(root, measure, area, period, folder.as_deref()).await {
        Err(error) => say_error(&error),
        Ok(None) => {
            let release =
                release.map_or_else(|| "the current release".to_owned(), |name| format!("release {name}"));
            say(&format!("nothing matches: measure `{measure}`, area and period as given, in {release}"));
            code::NOTHING
        }
        Ok(Some(found)) if output == Format::Json => print_json(&found),
        Ok(Some(found)) => output::print(output::explanation(&found).as_bytes()),
    }
}

async fn set_aside(root: &std::path::Path, which: Quarantine, now: DateTime<Utc>) -> u8 {
    match which {
        Quarantine::List { feed, output } => match inspect::quarantine_summary(root, feed.as_deref()) {
            Ok((schema, batches)) => print_batches(&schema, &batches, output),
            Err(error) => say_error(&error),
        },
        Quarantine::Replay { feed, apply, output } => {
            quarantine::replay(root, feed.as_deref(), now, apply, output).await
        }
        Quarantine::Waive(waive) => quarantine::waive(root, &waive, now).await,
        Quarantine::Show { feed, month, reason, limit, all, output } => {
            let today = now.with_timezone(&chrono_tz::Europe::London).date_naive();
            let open_on = (!all).then_some(today);
            let selection = Selection { feed, month, reason, limit, open_on };
            match inspect::quarantined(root, &selection).await {
                Err(error) => say_error(&error),
                Ok(rows) if rows.is_empty() => {
                    say("nothing is set aside that matches");
                    code::NOTHING
                }
                Ok(rows) if output == Format::Json => print_json(&rows),
                Ok(rows) => output::print(output::set_aside(&rows).as_bytes()),
            }
        }
    }
}

fn simulate(root: &std::path::Path, now: DateTime<Utc>) -> u8 {
    let (project, problems) = crate::config::load(root);
    if !problems.is_empty() {
        return say_error(&RunError::Invalid(problems));
    }
    let Some(config) = &project.settings.simulate else {
        say("outturn.toml has no [simulate]");
        return code::NOTHING;
    };
    let as_of: NaiveDate = now.with_timezone(&chrono_tz::Europe::London).date_naive();
    match crate::simulated::make(&project, as_of) {
        Ok(()) => {
            say(&format!("synthetic deliveries are in {}", config.folder));
            code::DONE
        }
        Err(error) => say_error(&RunError::Simulate(error)),
    }
}

fn schema(kind: Option<&str>) -> u8 {
    let schemas = crate::config::schemas();
    let Some(kind) = kind else { return print_json(&schemas) };
    if let Some(schema) = schemas.get(kind) {
        return print_json(schema);
    }
    let help = crate::diagnose::suggestion(kind, schemas.keys().copied()).unwrap_or_default();
    say(&format!("error: there is no kind of file `{kind}`; {help}"));
    code::INVALID
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Table, Self::Csv, Self::Json, Self::Parquet]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Parquet => "parquet",
        }))
    }
}
