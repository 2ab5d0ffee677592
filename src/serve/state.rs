//! What the daemon knows about itself, shared between its loop and its pages.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
};

use super::{Outcome, RunSummary};

/// Age of the last heartbeat from which the daemon counts as stuck: three ticks stayed out, and so did the timer that
/// stands in for them.
pub const HEARTBEAT_LIMIT: Duration = Duration::from_mins(3);

/// Upper bounds of the histogram of run durations: from a run without news to the first load of a whole history.
const DURATION_SECONDS: [f64; 12] =
    [1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0];

/// What the daemon knows about itself. Each call takes a lock for a moment; none waits for a run.
#[derive(Debug)]
pub struct DaemonState {
    heartbeat_limit: Duration,
    now: Mutex<Now>,
    metrics: Metrics,
}

#[derive(Debug)]
struct Now {
    heartbeat: Instant,
    /// When the current run began. `None` between runs.
    running_since: Option<Instant>,
    /// The current release. `None`: none was ever made.
    release: Option<String>,
    /// Whether the last run that had a say about it failed.
    failed: bool,
}

#[derive(Debug)]
struct Metrics {
    registry: Registry,
    runs: IntCounterVec,
    run_duration: Histogram,
    last_run: Gauge,
    last_success: Gauge,
    next_due: Gauge,
    rows_read: IntCounter,
    rows_quarantined: IntCounter,
    feed_age: GaugeVec,
    feed_overdue: GaugeVec,
    release: GaugeVec,
}

impl DaemonState {
    /// The state of a daemon that has just begun: alive, and not ready.
    ///
    /// # Errors
    /// When two metrics have one name, which is a defect.
    pub fn new(heartbeat_limit: Duration) -> Result<Self, prometheus::Error> {
        let now = Now { heartbeat: Instant::now(), running_since: None, release: None, failed: false };
        Ok(Self { heartbeat_limit, now: Mutex::new(now), metrics: Metrics::new()? })
    }

    /// Takes up which release was current before the daemon began.
    pub fn release_is(&self, release: &str) {
        self.metrics.set_release(release);
        self.now().release = Some(release.to_owned());
    }

    /// Takes up how the last run before the daemon began ended.
    pub fn last_run_ended(&self, finished: DateTime<Utc>, exit_code: u8) {
        let succeeded = [Outcome::Released, Outcome::Gaps].iter().any(|good| good.exit_code() == exit_code);
        self.now().failed = !succeeded;
        self.metrics.last_run.set(unix_seconds(finished));
        if succeeded {
            self.metrics.last_success.set(unix_seconds(finished));
        }
    }

    /// The loop lives.
    pub fn beat(&self) {
        self.now().heartbeat = Instant::now();
    }

    /// By how many days each feed is past the earliest due day that it missed; judged by the calendar, with or without
    /// a run.
    pub fn set_overdue(&self, overdue_days: &[(String, i64)]) {
        let _whole = self.now();
        self.metrics.feed_overdue.reset();
        for (feed, days) in overdue_days {
            self.metrics.feed_overdue.with_label_values(&[feed]).set(*days as f64);
        }
    }

    /// When the next run is due. `None`: never.
    pub fn set_next_due(&self, due: Option<DateTime<Utc>>) {
        self.metrics.next_due.set(due.map_or(0.0, unix_seconds));
    }

    /// A run begins.
    pub fn run_started(&self, now: DateTime<Utc>) {
        self.now().running_since = Some(Instant::now());
        self.metrics.last_run.set(unix_seconds(now));
    }

    /// A run has ended.
    pub fn run_finished(&self, now: DateTime<Utc>, summary: &RunSummary) {
        let mut known = self.now();
        let metrics = &self.metrics;
        metrics.runs.with_label_values(&[summary.outcome.name()]).inc();
        metrics.last_run.set(unix_seconds(now));
        metrics.rows_read.inc_by(summary.rows_read);
        metrics.rows_quarantined.inc_by(summary.rows_quarantined);
        let since = known.running_since.take();
        if let Some(since) = since.filter(|_| summary.outcome != Outcome::Busy) {
            metrics.run_duration.observe(since.elapsed().as_secs_f64());
        }
        if summary.outcome.is_success() {
            metrics.last_success.set(unix_seconds(now));
        }
        if !summary.outcome.leaves_time_due() {
            known.failed = !summary.outcome.is_success();
        }
        if !summary.feed_age_days.is_empty() {
            metrics.feed_age.reset();
            for (feed, age_days) in &summary.feed_age_days {
                metrics.feed_age.with_label_values(&[feed]).set(*age_days);
            }
        }
        if let Some(release) = &summary.release {
            metrics.set_release(release);
            known.release = Some(release.clone());
        }
    }

    /// Whether the daemon's loop lives.
    ///
    /// # Errors
    /// One line that says why not.
    pub fn health(&self) -> Result<(), String> {
        let age = self.now().heartbeat.elapsed();
        if age <= self.heartbeat_limit {
            return Ok(());
        }
        let (age, limit) = (age.as_secs(), self.heartbeat_limit.as_secs());
        Err(format!("the daemon's loop last gave a sign of life {age} s ago, expected within {limit} s"))
    }

    /// Whether the published tables can be relied upon: a release is current, and the last run did not fail.
    ///
    /// # Errors
    /// One line that says why not.
    pub fn readiness(&self) -> Result<(), String> {
        let now = self.now();
        let running = if now.running_since.is_some() { "; a run is under way" } else { "" };
        match (&now.release, now.failed) {
            (Some(_), false) => Ok(()),
            (Some(release), true) => Err(format!("the last run failed; release {release} stands{running}")),
            (None, true) => Err(format!("the last run failed, and no release is current yet{running}")),
            (None, false) => Err(format!("no release is current yet{running}")),
        }
    }

    /// All metrics in the text format of Prometheus.
    ///
    /// # Errors
    /// When a metric breaks the rules of the format, which is a defect.
    pub fn metrics(&self) -> Result<String, prometheus::Error> {
        let _whole = self.now(); // no run's figures are shown in part
        TextEncoder::new().encode_to_string(&self.metrics.registry.gather())
    }

    /// A panic while the lock was held leaves nothing half done that matters here.
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metrics {
    fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let timestamp = |name, help| keep(&registry, Gauge::new(name, help)?);
        let metrics = Self {
            runs: keep(
                &registry,
                IntCounterVec::new(
                    Opts::new(
                        "outturn_runs_total",
                        "Runs since the daemon began, by how they ended: released, current (nothing had changed), gaps \
                         (released with gaps), failed, invalid (settings or SQL), defect, busy (another run held the \
                         warehouse), stopped.",
                    ),
                    &["outcome"],
                )?,
            )?,
            run_duration: keep(
                &registry,
                Histogram::with_opts(
                    HistogramOpts::new("outturn_run_duration_seconds", "How long runs took, in seconds.")
                        .buckets(DURATION_SECONDS.to_vec()),
                )?,
            )?,
            last_run: timestamp(
                "outturn_last_run_timestamp_seconds",
                "When the last run ended or the current one began, as Unix time; 0 when there was none.",
            )?,
            last_success: timestamp(
                "outturn_last_success_timestamp_seconds",
                "When a run last ended with a current release, with or without gaps, as Unix time; 0 when none did.",
            )?,
            next_due: timestamp(
                "outturn_next_due_timestamp_seconds",
                "When the next run is due, as Unix time; 0 when none is.",
            )?,
            rows_read: keep(
                &registry,
                IntCounter::new(
                    "outturn_rows_read_total",
                    "Rows of deliveries that runs read since the daemon began.",
                )?,
            )?,
            rows_quarantined: keep(
                &registry,
                IntCounter::new(
                    "outturn_rows_quarantined_total",
                    "Rows of deliveries that broke their contract and were set aside since the daemon began.",
                )?,
            )?,
            feed_age: keep(
                &registry,
                GaugeVec::new(
                    Opts::new(
                        "outturn_feed_age_days",
                        "Days from the end of the last month that a feed delivered to the last run.",
                    ),
                    &["feed"],
                )?,
            )?,
            feed_overdue: keep(
                &registry,
                GaugeVec::new(
                    Opts::new(
                        "outturn_feed_overdue_days",
                        "Days past the earliest due day that a feed missed and of which nothing can be used; 0 when it \
                         missed none.",
                    ),
                    &["feed"],
                )?,
            )?,
            release: keep(
                &registry,
                GaugeVec::new(
                    Opts::new("outturn_release_info", "The current release, in the label; always 1."),
                    &["release"],
                )?,
            )?,
            registry: registry.clone(),
        };
        for outcome in Outcome::ALL {
            metrics.runs.with_label_values(&[outcome.name()]).reset(); // shown from the beginning, with 0
        }
        Ok(metrics)
    }

    fn set_release(&self, release: &str) {
        self.release.reset();
        self.release.with_label_values(&[release]).set(1.0);
    }
}

/// Registers a metric, and gives it back.
fn keep<M: Collector + Clone + 'static>(registry: &Registry, metric: M) -> Result<M, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn unix_seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn released() -> RunSummary {
        RunSummary {
            outcome: Outcome::Released,
            rows_read: 412,
            rows_quarantined: 3,
            release: Some("2026-06-10-a".to_owned()),
            feed_age_days: vec![("cleveland-crime".to_owned(), 40.0), ("stockport-asb".to_owned(), 10.0)],
        }
    }

    #[test]
    fn a_loop_that_stops_beating_is_not_healthy() {
        let state = DaemonState::new(Duration::from_millis(20)).unwrap();
        assert_eq!(state.health(), Ok(()));
        std::thread::sleep(Duration::from_millis(40));
        assert!(state.health().is_err());
        state.beat();
        assert_eq!(state.health(), Ok(()));
    }

    #[test]
    fn readiness_follows_the_last_run_that_had_a_say() {
        let state = DaemonState::new(HEARTBEAT_LIMIT).unwrap();
        let after = |outcome| {
            state.run_finished(at("2026-06-11T04:31:00Z"), &RunSummary::of(outcome));
            state.readiness().err().unwrap_or_default()
        };
        assert_eq!(state.readiness(), Err("no release is current yet".to_owned()));
        assert_eq!(after(Outcome::Failed), "the last run failed, and no release is current yet");
        state.run_finished(at("2026-06-10T04:31:00Z"), &released());
        assert_eq!(state.readiness(), Ok(()));
        assert_eq!(after(Outcome::Gaps), "");
        assert_eq!(after(Outcome::Stopped), "");
        assert_eq!(after(Outcome::Defect), "the last run failed; release 2026-06-10-a stands");
        assert_eq!(after(Outcome::Busy), "the last run failed; release 2026-06-10-a stands");
        state.run_started(at("2026-06-11T05:00:00Z"));
        let meanwhile = state.readiness().unwrap_err();
        assert_eq!(meanwhile, "the last run failed; release 2026-06-10-a stands; a run is under way");
        assert_eq!(after(Outcome::Current), "");
    }

    #[test]
    fn a_restarted_daemon_takes_up_what_was_known() {
        for (exit_code, ready) in [(0, true), (3, true), (1, false), (70, false), (99, false)] {
            let state = DaemonState::new(HEARTBEAT_LIMIT).unwrap();
            state.last_run_ended(at("2026-06-10T04:41:07Z"), exit_code);
            assert!(state.readiness().is_err(), "no release");
            state.release_is("2026-06-10-a");
            assert_eq!(state.readiness().is_ok(), ready, "{exit_code}");
            assert!(state.metrics().unwrap().contains("outturn_last_run_timestamp_seconds 1781066467\n"));
        }
    }

    #[test]
    fn the_metrics_tell_the_story_of_the_runs() {
        let state = DaemonState::new(HEARTBEAT_LIMIT).unwrap();
        state.set_next_due(Some(at("2026-06-11T04:30:00Z")));
        state.run_started(at("2026-06-09T04:30:00Z"));
        state.run_finished(at("2026-06-09T04:31:00Z"), &released());
        state.run_started(at("2026-06-10T04:30:00Z"));
        let second = RunSummary {
            release: Some("2026-06-10-b".to_owned()),
            feed_age_days: vec![("stockport-asb".to_owned(), 11.5)],
            ..released()
        };
        state.run_finished(at("2026-06-10T04:31:00.5Z"), &second);
        state.run_finished(at("2026-06-10T05:31:00Z"), &RunSummary::of(Outcome::Failed));
        state.set_overdue(&[("cleveland-crime".to_owned(), 12)]);
        state.set_overdue(&[("cleveland-crime".to_owned(), 0), ("stockport-asb".to_owned(), 3)]);
        let text = state.metrics().unwrap();
        // How long these runs took is not for a snapshot.
        let text: Vec<&str> = text.lines().filter(|line| !line.contains("_seconds_sum")).collect();
        insta::assert_snapshot!(text.join("\n"), @r#"
        # HELP outturn_feed_age_days Days from the end of the last month that a feed delivered to the last run.
        # TYPE outturn_feed_age_days gauge
        outturn_feed_age_days{feed="stockport-asb"} 11.5
        # HELP outturn_feed_overdue_days Days past the earliest due day that a feed missed and of which nothing can be used; 0 when it missed none.
        # TYPE outturn_feed_overdue_days gauge
        outturn_feed_overdue_days{feed="cleveland-crime"} 0
        outturn_feed_overdue_days{feed="stockport-asb"} 3
        # HELP outturn_last_run_timestamp_seconds When the last run ended or the current one began, as Unix time; 0 when there was none.
        # TYPE outturn_last_run_timestamp_seconds gauge
        outturn_last_run_timestamp_seconds 1781069460
        # HELP outturn_last_success_timestamp_seconds When a run last ended with a current release, with or without gaps, as Unix time; 0 when none did.
        # TYPE outturn_last_success_timestamp_seconds gauge
        outturn_last_success_timestamp_seconds 1781065860.5
        # HELP outturn_next_due_timestamp_seconds When the next run is due, as Unix time; 0 when none is.
        # TYPE outturn_next_due_timestamp_seconds gauge
        outturn_next_due_timestamp_seconds 1781152200
        # HELP outturn_release_info The current release, in the label; always 1.
        # TYPE outturn_release_info gauge
        outturn_release_info{release="2026-06-10-b"} 1
        # HELP outturn_rows_quarantined_total Rows of deliveries that broke their contract and were set aside since the daemon began.
        # TYPE outturn_rows_quarantined_total counter
        outturn_rows_quarantined_total 6
        # HELP outturn_rows_read_total Rows of deliveries that runs read since the daemon began.
        # TYPE outturn_rows_read_total counter
        outturn_rows_read_total 824
        # HELP outturn_run_duration_seconds How long runs took, in seconds.
        # TYPE outturn_run_duration_seconds histogram
        outturn_run_duration_seconds_bucket{le="1"} 2
        outturn_run_duration_seconds_bucket{le="5"} 2
        outturn_run_duration_seconds_bucket{le="15"} 2
        outturn_run_duration_seconds_bucket{le="30"} 2
        outturn_run_duration_seconds_bucket{le="60"} 2
        outturn_run_duration_seconds_bucket{le="120"} 2
        outturn_run_duration_seconds_bucket{le="300"} 2
        outturn_run_duration_seconds_bucket{le="600"} 2
        outturn_run_duration_seconds_bucket{le="1200"} 2
        outturn_run_duration_seconds_bucket{le="1800"} 2
        outturn_run_duration_seconds_bucket{le="3600"} 2
        outturn_run_duration_seconds_bucket{le="7200"} 2
        outturn_run_duration_seconds_bucket{le="+Inf"} 2
        outturn_run_duration_seconds_count 2
        # HELP outturn_runs_total Runs since the daemon began, by how they ended: released, current (nothing had changed), gaps (released with gaps), failed, invalid (settings or SQL), defect, busy (another run held the warehouse), stopped.
        # TYPE outturn_runs_total counter
        outturn_runs_total{outcome="busy"} 0
        outturn_runs_total{outcome="current"} 0
        outturn_runs_total{outcome="defect"} 0
        outturn_runs_total{outcome="failed"} 1
        outturn_runs_total{outcome="gaps"} 0
        outturn_runs_total{outcome="invalid"} 0
        outturn_runs_total{outcome="released"} 2
        outturn_runs_total{outcome="stopped"} 0
        "#);
    }
}
