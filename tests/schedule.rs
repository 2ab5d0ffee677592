//! The daemon's loop and its pages as a whole, with a clock that the test sets.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use outturn::schedule::{Calendar, Clock, ScheduleError, keep_time};
use outturn::serve::{DaemonState, HEARTBEAT_LIMIT, Outcome, RunSummary, bind, serve_pages};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const TICK: Duration = Duration::from_millis(50);

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A daemon with a daily run at 05:30 in London, whose runs last until the test lets them go.
struct World {
    now: Arc<Mutex<DateTime<Utc>>>,
    begun: Arc<Mutex<Vec<DateTime<Utc>>>>,
    running: Arc<AtomicUsize>,
    most_running: Arc<AtomicUsize>,
    outcomes: Arc<Mutex<Vec<Outcome>>>,
    let_go: Arc<Semaphore>,
    stopped_at_safe_point: Arc<Notify>,
    stop: CancellationToken,
    state: Arc<DaemonState>,
    daemon: JoinHandle<Result<(), ScheduleError>>,
}

impl World {
    /// `outcomes` are those of the first runs; every later one is `Released`.
    fn start(now: &str, last_done: Option<&str>, outcomes: &[Outcome]) -> Self {
        let now = Arc::new(Mutex::new(at(now)));
        let begun = Arc::new(Mutex::new(Vec::new()));
        let (running, most_running) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let outcomes = Arc::new(Mutex::new(outcomes.iter().rev().copied().collect::<Vec<_>>()));
        let let_go = Arc::new(Semaphore::new(0));
        let stopped_at_safe_point = Arc::new(Notify::new());
        let stop = CancellationToken::new();
        let state = Arc::new(DaemonState::new(HEARTBEAT_LIMIT).unwrap());
        let run = {
            let (begun, running, most_running) = (begun.clone(), running.clone(), most_running.clone());
            let (outcomes, let_go, safe_point) =
                (outcomes.clone(), let_go.clone(), stopped_at_safe_point.clone());
            move |due: DateTime<Utc>, cancelled: CancellationToken| {
                let (begun, running, most_running) = (begun.clone(), running.clone(), most_running.clone());
                let (outcomes, let_go, safe_point) = (outcomes.clone(), let_go.clone(), safe_point.clone());
                async move {
                    begun.lock().unwrap().push(due);
                    most_running.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let outcome = tokio::select! {
                        permit = let_go.acquire() => {
                            permit.unwrap().forget();
                            outcomes.lock().unwrap().pop().unwrap_or(Outcome::Released)
                        }
                        () = cancelled.cancelled() => {
                            safe_point.notified().await;
                            Outcome::Stopped
                        }
                    };
                    running.fetch_sub(1, Ordering::SeqCst);
                    assert_ne!(outcome, Outcome::Defect, "the run that panics");
                    RunSummary {
                        release: outcome.is_success().then(|| "r1".to_owned()),
                        ..RunSummary::of(outcome)
                    }
                }
            }
        };
        let clock: Clock = {
            let now = now.clone();
            Arc::new(move || *now.lock().unwrap())
        };
        let calendar = Calendar::new("30 5 * * *", "Europe/London").unwrap();
        let daemon = tokio::spawn(keep_time(
            calendar,
            clock,
            TICK,
            last_done.map(at),
            run,
            stop.clone(),
            state.clone(),
        ));
        Self {
            now,
            begun,
            running,
            most_running,
            outcomes,
            let_go,
            stopped_at_safe_point,
            stop,
            state,
            daemon,
        }
    }

    fn set(&self, now: &str) {
        *self.now.lock().unwrap() = at(now);
    }

    fn begun(&self) -> Vec<String> {
        self.begun.lock().unwrap().iter().map(|due| due.format("%d %b %H:%M").to_string()).collect()
    }

    /// Waits until as many runs have begun.
    async fn begun_are(&self, runs: usize) {
        until(|| self.begun().len() >= runs).await;
    }

    /// Lets the current run end, and waits until the daemon knows.
    async fn let_one_end(&self) {
        let ended = self.ended();
        self.let_go.add_permits(1);
        until(|| self.ended() > ended).await;
    }

    /// How many runs the daemon knows to have ended, by its metrics.
    fn ended(&self) -> u64 {
        let metrics = self.state.metrics().unwrap();
        let of_runs =
            metrics.lines().filter_map(|line| line.strip_prefix("outturn_runs_total{")?.split_once(' '));
        of_runs.map(|(_, runs)| runs.parse::<u64>().unwrap()).sum()
    }

    /// Lets the daemon look at the clock several times.
    async fn some_ticks(&self) {
        tokio::time::sleep(TICK * 10).await;
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.daemon).await.unwrap().unwrap().unwrap();
    }
}

/// Waits for what is bound to happen.
async fn until(mut happened: impl FnMut() -> bool) {
    let waited = async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waited).await.expect("it does not happen");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_night_has_one_run() {
    let world = World::start("2026-06-10T12:00:00Z", Some("2026-06-10T04:30:00Z"), &[]);
    world.some_ticks().await;
    assert_eq!(world.begun().len(), 0);
    for (night, time) in
        ["2026-06-11T04:30:00Z", "2026-06-12T04:30:29Z", "2026-06-13T04:31:00Z"].into_iter().enumerate()
    {
        world.set(time);
        world.begun_are(night + 1).await;
        world.let_one_end().await;
        world.some_ticks().await;
    }
    assert_eq!(world.begun(), ["11 Jun 04:30", "12 Jun 04:30", "13 Jun 04:30"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn downtime_is_caught_up_with_one_run() {
    let world = World::start("2026-06-14T12:00:00Z", Some("2026-06-10T04:30:00Z"), &[]);
    world.begun_are(1).await;
    world.let_one_end().await;
    world.some_ticks().await;
    assert_eq!(world.begun(), ["14 Jun 04:30"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_run_is_never_overlapped_and_what_fell_due_meanwhile_is_caught_up_once() {
    let world = World::start("2026-06-10T04:30:00Z", Some("2026-06-09T04:30:00Z"), &[]);
    world.begun_are(1).await;
    for day in 11..=13 {
        world.set(&format!("2026-06-{day}T04:30:10Z"));
        world.some_ticks().await;
    }
    assert_eq!(world.begun(), ["10 Jun 04:30"]);
    world.let_one_end().await;
    world.begun_are(2).await;
    world.let_one_end().await;
    world.some_ticks().await;
    assert_eq!(world.begun(), ["10 Jun 04:30", "13 Jun 04:30"]);
    assert_eq!(world.most_running.load(Ordering::SeqCst), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_neither_repeats_nor_loses_a_run() {
    let world = World::start("2026-06-10T04:30:00Z", Some("2026-06-09T04:30:00Z"), &[]);
    world.begun_are(1).await;
    world.let_one_end().await;
    for time in ["2026-06-10T01:30:00Z", "2026-06-10T04:30:00Z", "2026-06-10T05:00:00Z"] {
        world.set(time);
        world.some_ticks().await;
    }
    assert_eq!(world.begun(), ["10 Jun 04:30"], "three hours back");
    world.set("1970-01-01T00:00:00Z");
    world.some_ticks().await;
    world.set("2026-06-10T06:00:00Z");
    world.some_ticks().await;
    assert_eq!(world.begun(), ["10 Jun 04:30"], "to 1970 and back");
    world.set("2026-06-12T06:00:00Z");
    world.begun_are(2).await;
    world.let_one_end().await;
    world.some_ticks().await;
    assert_eq!(world.begun(), ["10 Jun 04:30", "12 Jun 04:30"], "two days forward");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_from_the_future_does_not_silence_the_daemon() {
    let world = World::start("2026-06-10T12:00:00Z", Some("2031-01-01T05:30:00Z"), &[]);
    world.some_ticks().await;
    assert_eq!(world.begun().len(), 0, "nothing before now is known to be missing");
    world.set("2026-06-11T04:30:00Z");
    world.begun_are(1).await;
    world.let_one_end().await;
    world.set("2026-06-12T04:30:00Z");
    world.begun_are(2).await;
    assert_eq!(world.begun(), ["11 Jun 04:30", "12 Jun 04:30"]);
    world.stopped_at_safe_point.notify_one();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_the_run_to_reach_its_safe_point() {
    let world = World::start("2026-06-10T04:30:00Z", None, &[]);
    world.begun_are(1).await;
    world.stop.cancel();
    world.some_ticks().await;
    assert!(!world.daemon.is_finished());
    world.stopped_at_safe_point.notify_one();
    let (begun, running) = (world.begun.clone(), world.running.clone());
    world.stop().await;
    assert_eq!(running.load(Ordering::SeqCst), 0);
    assert_eq!(begun.lock().unwrap().len(), 1, "a stopped run leaves its time due, but for the next start");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_between_runs_is_immediate() {
    let world = World::start("2026-06-10T12:00:00Z", Some("2026-06-10T04:30:00Z"), &[]);
    world.some_ticks().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_warehouse_is_asked_again_and_a_failure_waits_for_the_next_night() {
    let outcomes = [Outcome::Busy, Outcome::Busy, Outcome::Failed];
    let world = World::start("2026-06-10T04:30:00Z", Some("2026-06-09T04:30:00Z"), &outcomes);
    for run in 1..=3 {
        world.begun_are(run).await;
        world.let_one_end().await;
    }
    world.some_ticks().await;
    assert_eq!(world.begun(), ["10 Jun 04:30", "10 Jun 04:30", "10 Jun 04:30"]);
    assert!(world.outcomes.lock().unwrap().is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_panics_does_not_end_the_daemon() {
    let world = World::start("2026-06-10T04:30:00Z", Some("2026-06-09T04:30:00Z"), &[Outcome::Defect]);
    world.begun_are(1).await;
    world.let_one_end().await;
    assert!(world.state.readiness().unwrap_err().starts_with("the last run failed"));
    world.set("2026-06-11T04:30:00Z");
    world.begun_are(2).await;
    world.let_one_end().await;
    assert_eq!(world.state.readiness(), Ok(()));
    world.stop().await;
}

async fn page(address: std::net::SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_follow_the_runs() {
    let world = World::start("2026-06-10T04:30:00Z", Some("2026-06-09T04:30:00Z"), &[]);
    let listener = bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let pages = tokio::spawn(serve_pages(listener, world.state.clone(), world.stop.clone()));
    world.begun_are(1).await;
    world.some_ticks().await;
    assert_eq!(page(address, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(
        page(address, "/readyz").await,
        (503, "no release is current yet; a run is under way\n".to_owned())
    );

    world.let_one_end().await;
    assert_eq!(page(address, "/readyz").await, (200, "ready\n".to_owned()));
    let (status, metrics) = page(address, "/metrics").await;
    assert_eq!(status, 200);
    let next_due = (at("2026-06-10T04:30:00Z") + TimeDelta::days(1)).timestamp();
    for line in [
        "outturn_runs_total{outcome=\"released\"} 1".to_owned(),
        "outturn_run_duration_seconds_count 1".to_owned(),
        "outturn_release_info{release=\"r1\"} 1".to_owned(),
        format!("outturn_next_due_timestamp_seconds {next_due}"),
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }

    world.stop().await;
    tokio::time::timeout(Duration::from_secs(10), pages).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
