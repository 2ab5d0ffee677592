//! `outturn serve` and `outturn health`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::output::say;
use super::{code, say_error};
use crate::check::check;
use crate::lock::{Lock, LockError};
use crate::progress::Progress;
use crate::publication;
use crate::release::Published;
use crate::run::{self, RunError};
use crate::schedule::{Calendar, Clock, LastRun, Signals, TICK, keep_time};
use crate::serve::{DaemonState, HEARTBEAT_LIMIT, Outcome, RunSummary, bind, serve_pages};

/// How often the daemon looks at what is overdue while no run is made. Due days change at midnight.
const CALENDAR_EVERY: Duration = Duration::from_mins(10);

/// How soon the daemon looks again when a planned release is due while a run is at work.
const BUSY: Duration = Duration::from_secs(2);

/// Runs on the schedule until it is stopped; never ends for a feed's fault.
pub(super) async fn serve(root: &Path, clock: Clock) -> u8 {
    let checked = match check(root).await {
        Ok(checked) => checked,
        Err(problems) => return say_error(&RunError::Invalid(problems)),
    };
    let settings = checked.project.settings.clone();
    let place = checked.project.warehouse();
    let calendar = match Calendar::new(&settings.schedule.run, &settings.schedule.time_zone) {
        Ok(calendar) => calendar,
        Err(fault) => {
            say(&format!("error: {fault}"));
            return code::INVALID;
        }
    };
    drop(checked);
    let (state, mut signals) = match (DaemonState::new(HEARTBEAT_LIMIT), Signals::listen()) {
        (Ok(state), Ok(signals)) => (Arc::new(state), signals),
        (Err(fault), _) => return cannot_start(&fault),
        (_, Err(fault)) => return cannot_start(&fault),
    };
    if let Ok(Some(manifest)) = Published::in_warehouse(&place).manifest() {
        state.release_is(&manifest.release);
    }
    let last = LastRun::read(&place);
    if let Some(last) = &last {
        state.last_run_ended(last.finished, last.outcome);
    }
    let listener = match bind(&settings.serve.listen).await {
        Ok(listener) => listener,
        Err(fault) => return cannot_start(&fault),
    };
    let stop = CancellationToken::new();
    let pages = tokio::spawn(serve_pages(listener, Arc::clone(&state), stop.clone()));
    let run_ended = Arc::new(Notify::new());
    let calendar_watch = tokio::spawn(watch_calendar(
        root.to_path_buf(),
        Arc::clone(&clock),
        Arc::clone(&state),
        Arc::clone(&run_ended),
        stop.clone(),
    ));
    let publication = tokio::spawn(keep_calendar(root.to_path_buf(), Arc::clone(&clock), stop.clone()));
    let (folder, warehouse) = (root.to_path_buf(), place.clone());
    let (run_clock, run_ended) = (Arc::clone(&clock), Arc::clone(&run_ended));
    let night = move |due: chrono::DateTime<chrono::Utc>, stop: CancellationToken| {
        let (root, warehouse, clock) = (folder.clone(), warehouse.clone(), Arc::clone(&run_clock));
        let run_ended = Arc::clone(&run_ended);
        async move {
            let now = clock();
            let runtime = tokio::runtime::Handle::current();
            // A run holds threads for long; it must not keep the pages waiting.
            let work = tokio::task::spawn_blocking(move || runtime.block_on(one_night(&root, now, &stop)));
            let summary = work.await.unwrap_or_else(|_| RunSummary::of(Outcome::Defect));
            if !summary.outcome.leaves_time_due() {
                let record =
                    LastRun { last_due: due, finished: clock(), outcome: summary.outcome.exit_code() };
                if let Err(fault) = record.write(&warehouse) {
                    warn!("the record of the last run cannot be written: {fault}");
                }
            }
            run_ended.notify_one();
            summary
        }
    };
    info!("serving; runs are due at `{}` in {}", settings.schedule.run, settings.schedule.time_zone);
    let last_done = last.map(|last| last.last_due);
    let keeping = keep_time(calendar, clock, TICK, last_done, night, stop.clone(), state);
    tokio::pin!(keeping);
    let exit = tokio::select! {
        ended = &mut keeping => match ended {
            Ok(()) => code::DONE,
            Err(fault) => cannot_start(&fault),
        },
        signal = signals.cancel(&stop) => {
            info!("stopping at the next safe point");
            if let Err(fault) = keeping.await {
                error!("the schedule ended with an error: {fault}");
            }
            signal.exit_code()
        }
    };
    stop.cancel();
    let _ = pages.await;
    let _ = calendar_watch.await;
    let _ = publication.await;
    exit
}

/// Brings out what the release calendar plans, at its moment. The calendar is read anew at each look, so that a date that
/// was put off is kept.
async fn keep_calendar(root: std::path::PathBuf, clock: Clock, stop: CancellationToken) {
    let mut held = false;
    let mut told: Vec<String> = Vec::new();
    loop {
        let (folder, now) = (root.clone(), clock());
        let looked = tokio::task::spawn_blocking(move || look_at_calendar(&folder, now)).await;
        let mut wait = TICK;
        match looked {
            Ok(Ok((waiting, next))) => {
                held = false;
                for line in waiting.iter().filter(|line| !told.contains(line)) {
                    warn!("{line}");
                }
                told = waiting;
                let until = next.and_then(|next| (next - clock()).to_std().ok());
                wait = until.filter(|until| !until.is_zero()).map_or(TICK, |until| until.min(TICK));
            }
            Ok(Err(RunError::Lock(LockError::Held { .. }))) => {
                if !held {
                    info!("a planned release is due; it goes out as soon as the present run is over");
                }
                (held, wait) = (true, BUSY);
            }
            Ok(Err(RunError::Invalid(problems))) => {
                error!("the release calendar cannot be kept: the project has {} problem(s)", problems.len());
            }
            Ok(Err(fault)) => error!("what is due by the release calendar cannot go out: {fault}"),
            Err(_) => error!("keeping the release calendar broke off: a defect of ours"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Brings out what is due; gives what is due and cannot go out, and when the next planned release is.
fn look_at_calendar(
    root: &Path,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(Vec<String>, Option<chrono::DateTime<chrono::Utc>>), RunError> {
    let (project, problems) = crate::config::load(root);
    if !problems.is_empty() {
        return Err(RunError::Invalid(problems));
    }
    let planned = publication::planned(&project);
    let place = project.warehouse();
    let out = publication::went_out(&Published::in_warehouse(&place)).map_err(RunError::Publication)?;
    let mut waiting = Vec::new();
    if !publication::due(&planned, &out, now).is_empty() {
        let _lock = Lock::take(&place)?;
        let gate = publication::bring_out(&project, now).map_err(RunError::Publication)?;
        for line in &gate.out {
            info!(release.name = %line.name, "{} is out: release {}", line.name, line.release);
        }
        waiting = gate.waiting;
    }
    let next = planned.iter().map(|planned| planned.publish_at).find(|time| *time > now);
    Ok((waiting, next))
}

/// Keeps the page's figures of what is overdue by the calendar, so that they rise though no run is made.
async fn watch_calendar(
    root: std::path::PathBuf,
    clock: Clock,
    state: Arc<DaemonState>,
    run_ended: Arc<Notify>,
    stop: CancellationToken,
) {
    loop {
        let (root, now) = (root.clone(), clock());
        let judged = tokio::task::spawn_blocking(move || crate::inspect::overdue_days(&root, now)).await;
        match judged {
            Ok(Ok(overdue)) => state.set_overdue(&overdue),
            Ok(Err(fault)) => warn!("what is overdue cannot be told: {fault}"),
            Err(_) => error!("telling what is overdue broke off: a defect of ours"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = run_ended.notified() => {}
            () = tokio::time::sleep(CALENDAR_EVERY) => {}
        }
    }
}

async fn one_night(root: &Path, now: chrono::DateTime<chrono::Utc>, stop: &CancellationToken) -> RunSummary {
    let progress = Progress::new(true);
    match run::run(root, now, stop, &progress).await {
        Ok(report) => {
            for gap in &report.gaps {
                warn!("gap: {gap}");
            }
            let outcome = match (report.gaps.is_empty(), report.new) {
                (false, _) => Outcome::Gaps,
                (true, true) => Outcome::Released,
                (true, false) => Outcome::Current,
            };
            RunSummary {
                outcome,
                rows_read: report.rows_read,
                rows_quarantined: report.rows_quarantined,
                release: report.release,
                feed_age_days: report.feed_age_days,
            }
        }
        Err(fault) => {
            let exit = say_error(&fault);
            RunSummary::of(match &fault {
                RunError::Invalid(_) => Outcome::Invalid,
                RunError::Lock(LockError::Held { .. }) => Outcome::Busy,
                RunError::Stopped => Outcome::Stopped,
                _ if exit == code::DEFECT => Outcome::Defect,
                _ => Outcome::Failed,
            })
        }
    }
}

fn cannot_start(fault: &dyn std::error::Error) -> u8 {
    say(&format!("error: the daemon cannot start: {fault}"));
    code::NOT_RELEASED
}

/// Asks the pages of a running daemon, for a container's health check.
pub(super) async fn health(root: &Path) -> u8 {
    let (project, _) = crate::config::load(root);
    let listen = project.settings.serve.listen.clone();
    let asked = tokio::task::spawn_blocking(move || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(&listen)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.set_write_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: {listen}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    });
    match asked.await {
        Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 200") => {
            say("healthy");
            code::DONE
        }
        Ok(Ok(answer)) => {
            say(&format!("not healthy: {}", answer.lines().last().unwrap_or("no answer")));
            code::NOT_RELEASED
        }
        Ok(Err(fault)) => {
            say(&format!("not healthy: {fault}"));
            code::NOT_RELEASED
        }
        Err(_) => code::DEFECT,
    }
}
