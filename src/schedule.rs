//! Keeps time for the daemon: when a run is due, that no two overlap, that none is lost, and how it stops.

mod calendar;
mod last_run;
mod stop;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use calendar::{Calendar, InvalidSchedule};
pub use last_run::LastRun;
pub use stop::{Signals, StopSignal};

use crate::serve::{DaemonState, Outcome, RunSummary};

/// How often the daemon looks at the clock.
pub const TICK: Duration = Duration::from_secs(30);

/// A due time this far ahead was written under a wrong clock, and is not believed.
const FARTHEST_AHEAD: TimeDelta = TimeDelta::days(1);

/// Reads the time. The program passes the system's clock, tests their own.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Why the daemon cannot keep time.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// The scheduler did not start.
    #[error("the scheduler cannot be started")]
    Scheduler(#[from] JobSchedulerError),
}

/// Begins a run at each time that is due, until `stop` is cancelled; then waits for the current run and returns.
///
/// `run` is given the due time and a token that is cancelled with `stop`, upon which it comes to its next safe
/// point. It runs in a task of its own, one at a time: what fell due meanwhile, or while the program was down (after
/// `last_done`), is caught up with one run. A run that panics counts as [`Outcome::Defect`] and the daemon goes on. A
/// run that was [`Outcome::Stopped`] or [`Outcome::Busy`] leaves its time due; after any other outcome it is done.
///
/// # Errors
/// When the scheduler does not start.
pub async fn keep_time<R, F>(
    calendar: Calendar,
    clock: Clock,
    tick: Duration,
    last_done: Option<DateTime<Utc>>,
    mut run: R,
    stop: CancellationToken,
    state: Arc<DaemonState>,
) -> Result<(), ScheduleError>
where
    R: FnMut(DateTime<Utc>, CancellationToken) -> F,
    F: Future<Output = RunSummary> + Send + 'static,
{
    let mut ticks = Ticks::start(tick, tick.saturating_mul(2)).await?;
    let mut done = Done { last: last_done, held: None };
    let mut refused = None; // the due time that another run on the warehouse kept us from
    while !stop.is_cancelled() {
        let now = clock();
        let floor = done.by(now);
        state.beat();
        state.set_next_due(calendar.due_after(floor.map_or(now, |floor| floor.max(now))));
        let Some(due) = calendar.missed(floor, now) else {
            ticks.next_or(&stop).await;
            continue;
        };
        if refused != Some(due) {
            announce(due, now, tick);
        }
        state.run_started(now);
        let summary = finish(tokio::spawn(run(due, stop.child_token())), &mut ticks, &state).await;
        let finished = clock();
        state.run_finished(finished, &summary);
        if summary.outcome.leaves_time_due() {
            if refused.replace(due) != Some(due) {
                info!(run.due = %due, run.outcome = summary.outcome.name(), "the run due at {due} is still to be done");
            }
            ticks.next_or(&stop).await;
            continue;
        }
        (done, refused) = (Done { last: Some(due), held: None }, None);
        if let Some(next) = calendar.missed(done.by(finished), finished) {
            warn!(
                run.due = %due, run.next_due = %next,
                "the run due at {due} outlasted its interval; what fell due meanwhile, last at {next}, is caught up \
                 once"
            );
        }
    }
    ticks.stop().await;
    Ok(())
}

/// Waits for a run while the heart goes on beating. A run is never dropped half-way: stopping is its own matter.
async fn finish(
    mut task: tokio::task::JoinHandle<RunSummary>,
    ticks: &mut Ticks,
    state: &DaemonState,
) -> RunSummary {
    loop {
        tokio::select! {
            ended = &mut task => return ended.unwrap_or_else(|error| defect(&error)),
            () = ticks.next() => state.beat(),
        }
    }
}

fn defect(error: &JoinError) -> RunSummary {
    // The message of a panic may quote a row, and the panic hook has written it to standard error already.
    let kind = if error.is_panic() { "panicked" } else { "was aborted" };
    error!("the run {kind}: a defect of ours; the last release stands, and the next run is made as planned");
    RunSummary::of(Outcome::Defect)
}

fn announce(due: DateTime<Utc>, now: DateTime<Utc>, tick: Duration) {
    let late_seconds = (now - due).num_seconds();
    if u64::try_from(late_seconds).is_ok_and(|late| late > tick.saturating_mul(3).as_secs()) {
        info!(run.due = %due, run.late_seconds = late_seconds, "the run due at {due} was missed and is caught up now");
    } else {
        info!(run.due = %due, "the run due at {due} begins");
    }
}

/// Up to when everything due is done.
struct Done {
    /// Last due time that was done. `None`: nothing is known to be done.
    last: Option<DateTime<Utc>>,
    /// Time of the clock when `last` was found too far ahead of it; counts in its place while that lasts.
    held: Option<DateTime<Utc>>,
}

impl Done {
    fn by(&mut self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let believed = |time: &DateTime<Utc>| *time - now <= FARTHEST_AHEAD;
        let last = self.last?;
        if believed(&last) {
            self.held = None;
            return Some(last);
        }
        if self.held.as_ref().is_none_or(|held| !believed(held)) {
            warn!(
                run.last_due = %last,
                "the last run was due at {last}, more than a day ahead of the clock ({now}); going on from now"
            );
            self.held = Some(now);
        }
        self.held
    }
}

/// Moments at which to look at the clock. When they come does not matter, only that they keep coming.
///
/// The scheduler is given one job in UTC that does nothing but send, because it freezes the offset of a time zone when
/// the job is made, starts a job beside its predecessor, forgets what fell due while it was down, and starts jobs after
/// its shutdown. It also goes by the wall clock, and is silent for three hours when that is set back by three. So a
/// timer, which knows no wall clock, stands in for a tick that stays out.
struct Ticks {
    scheduler: JobScheduler,
    sent: mpsc::Receiver<()>,
    longest_silence: Duration,
}

impl Ticks {
    async fn start(every: Duration, longest_silence: Duration) -> Result<Self, JobSchedulerError> {
        let (sender, sent) = mpsc::channel(1);
        let cron = match every.as_secs() {
            seconds @ 0..60 => format!("*/{} * * * * *", seconds.max(1)),
            _ => "0 * * * * *".to_owned(),
        };
        let scheduler = JobScheduler::new().await?;
        let job = Job::new(cron, move |_, _| {
            let _ = sender.try_send(()); // a tick that waits already is enough
        })?;
        scheduler.add(job).await?;
        scheduler.start().await?;
        Ok(Self { scheduler, sent, longest_silence })
    }

    async fn next(&mut self) {
        if let Ok(None) = tokio::time::timeout(self.longest_silence, self.sent.recv()).await {
            tokio::time::sleep(self.longest_silence).await; // the scheduler is gone; the timer carries on alone
        }
    }

    async fn next_or(&mut self, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.next() => {}
        }
    }

    async fn stop(mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            warn!("the scheduler did not shut down: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn the_scheduler_sends_the_ticks() {
        let mut ticks = Ticks::start(Duration::from_secs(1), Duration::from_mins(10)).await.unwrap();
        tokio::time::timeout(Duration::from_secs(30), ticks.next()).await.unwrap();
        tokio::time::timeout(Duration::from_secs(30), ticks.next()).await.unwrap();
        ticks.stop().await;
    }

    #[tokio::test]
    async fn a_timer_stands_in_for_a_scheduler_that_fell_silent() {
        let mut ticks = Ticks::start(Duration::from_secs(1), Duration::from_millis(10)).await.unwrap();
        ticks.scheduler.shutdown().await.unwrap();
        for _ in 0..3 {
            tokio::time::timeout(Duration::from_secs(30), ticks.next()).await.unwrap();
        }
        ticks.sent.close();
        tokio::time::timeout(Duration::from_secs(30), ticks.next()).await.unwrap();
    }

    #[test]
    fn a_last_run_far_ahead_of_the_clock_is_not_believed() {
        let last = at("2030-01-01T05:30:00Z");
        let mut done = Done { last: Some(last), held: None };
        assert_eq!(done.by(at("2026-06-10T12:00:00Z")), Some(at("2026-06-10T12:00:00Z")));
        assert_eq!(
            done.by(at("2026-06-11T12:00:00Z")),
            Some(at("2026-06-10T12:00:00Z")),
            "held, not moved on"
        );
        assert_eq!(done.by(at("1970-01-01T00:00:00Z")), Some(at("1970-01-01T00:00:00Z")));
        assert_eq!(done.by(at("2029-12-31T06:00:00Z")), Some(last), "believed again once the clock is right");
    }

    #[test]
    fn a_clock_that_is_a_few_hours_behind_keeps_the_last_run() {
        let last = at("2026-06-10T04:30:00Z");
        let mut done = Done { last: Some(last), held: None };
        assert_eq!(done.by(at("2026-06-10T01:30:00Z")), Some(last));
    }
}
