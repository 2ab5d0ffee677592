//! `outturn serve` as it is started at night: the built program, its pages, its signals, and what it leaves behind.

#![expect(clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "support/town.rs"]
mod town;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use town::Town;

/// Longest time for a clean stop.
const STOP: Duration = Duration::from_secs(10);

#[test]
fn the_daemon_releases_at_once_is_asked_about_it_and_stops_when_told() {
    let (project, port) = with_a_port();
    project.deliver("2025-01", [3, 4]);
    project.deliver("2025-02", [2, 0]);
    assert_eq!(project.outturn(&["health"]).output().expect("the program").status.code(), Some(1));

    let mut daemon = Daemon::start(&project, port);
    daemon.answers("/healthz", 200);
    // Nothing is known to have been done, so the latest due time is caught up.
    daemon.answers("/readyz", 200);
    let release = current(&project);
    let metrics = daemon.page("/metrics").1;
    assert!(metrics.contains(&format!("outturn_release_info{{release=\"{release}\"}} 1")), "{metrics}");
    assert!(metrics.contains("outturn_runs_total{outcome=\"released\"} 1"), "{metrics}");
    assert!(metrics.contains("outturn_rows_read_total 9"), "{metrics}");
    assert_eq!(project.outturn(&["health"]).output().expect("the program").status.code(), Some(0));

    let by_hand = project.outturn(&["run"]).output().expect("the program");
    assert_eq!(by_hand.status.code(), Some(0), "{}", text(&by_hand));
    assert!(text(&by_hand).contains("already current"), "{}", text(&by_hand));

    assert_eq!(daemon.stops(), Some(143));
    assert_eq!(project.outturn(&["health"]).output().expect("the program").status.code(), Some(1));
    assert_eq!(current(&project), release);
    is_whole(&project);
}

#[test]
fn a_daemon_that_is_started_again_does_not_do_the_same_time_twice() {
    let (project, port) = with_a_port();
    project.deliver("2025-01", [3, 4]);
    project.deliver("2025-02", [2, 0]);
    let mut daemon = Daemon::start(&project, port);
    daemon.answers("/readyz", 200);
    let record = project.path("warehouse/schedule.json");
    daemon.waits_for("the record of the run", || record.is_file());
    assert_eq!(daemon.stops(), Some(143));
    let done = fs::read_to_string(&record).expect("the record");

    // What is delivered now waits for the next due time.
    project.deliver("2025-01", [5, 5]);
    let release = current(&project);
    let mut daemon = Daemon::start(&project, port);
    daemon.answers("/readyz", 200);
    std::thread::sleep(Duration::from_secs(2));
    let metrics = daemon.page("/metrics").1;
    assert!(metrics.contains("outturn_runs_total{outcome=\"released\"} 0"), "{metrics}");
    assert_eq!(daemon.stops(), Some(143));
    assert_eq!(current(&project), release);
    assert_eq!(fs::read_to_string(&record).expect("the record"), done);
}

#[test]
fn a_daemon_that_waits_for_a_slow_partner_holds_the_warehouse_and_still_stops() {
    let (project, port) = with_a_port();
    project.deliver("2025-01", [3, 4]);
    project.deliver("2025-02", [2, 0]);
    assert_eq!(project.outturn(&["run"]).output().expect("the program").status.code(), Some(0));
    let release = current(&project);
    // A partner who takes the question and never answers.
    let partner = TcpListener::bind("127.0.0.1:0").expect("a partner");
    let address = partner.local_addr().expect("its address");
    project.supplied_from(&format!("http://{address}/{{period}}.csv"));

    let mut daemon = Daemon::start(&project, port);
    let (asked, _) = partner.accept().expect("a question");
    daemon.answers("/healthz", 200);
    daemon.answers("/readyz", 200);
    let second = project.outturn(&["run"]).output().expect("the program");
    assert_eq!(second.status.code(), Some(75), "{}", text(&second));
    let told = text(&second);
    assert!(told.contains("another run holds the warehouse: it has not found anything to do yet"), "{told}");

    assert_eq!(daemon.stops(), Some(143));
    drop(asked);
    assert_eq!(current(&project), release);
    is_whole(&project);
    // The time was not done and is still due.
    assert!(!project.path("warehouse/schedule.json").exists());
}

#[test]
fn a_daemon_that_is_stopped_at_any_moment_of_a_run_leaves_what_the_next_run_finishes() {
    let (project, port) = with_a_port();
    project.deliver("2025-01", [3000, 4000]);
    for (round, wait) in [0, 5, 20, 40, 80, 160].into_iter().enumerate() {
        project.deliver("2025-02", [round * 1000, 1]);
        let _ = fs::remove_file(project.path("warehouse/schedule.json"));
        let mut daemon = Daemon::start(&project, port);
        daemon.answers("/healthz", 200);
        std::thread::sleep(Duration::from_millis(wait));
        assert_eq!(daemon.stops(), Some(143), "stopped {wait} ms after it was up");
        if project.path("warehouse/published/current").exists() {
            is_whole(&project);
        }
    }
    let run = project.outturn(&["run"]).output().expect("the program");
    assert_eq!(run.status.code(), Some(0), "{}", text(&run));
    is_whole(&project);
    let sql = "SELECT numerator FROM outturn WHERE area = 'W1' AND period = '2025-02'";
    let asked = project.outturn(&["query", "--output", "csv", sql]).output().expect("the program");
    assert_eq!(String::from_utf8_lossy(&asked.stdout), "numerator\n5000.0\n");
}

/// A project whose daemon serves its pages at a port that was free a moment ago.
fn with_a_port() -> (Town, u16) {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let settings = format!("[schedule]\nrun = \"30 5 * * *\"\n\n[serve]\nlisten = \"127.0.0.1:{port}\"\n");
    (Town::new(&settings), port)
}

/// Name of the current release.
fn current(project: &Town) -> String {
    let link = fs::read_link(project.path("warehouse/published/current")).expect("a current release");
    link.file_name().expect("its name").to_string_lossy().into_owned()
}

/// The current release is as its manifest says, and nothing is left beside it.
fn is_whole(project: &Town) {
    let verified = project.outturn(&["verify"]).output().expect("the program");
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
    let releases = fs::read_dir(project.path("warehouse/published/releases")).expect("releases");
    for entry in releases {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(!name.starts_with('.'), "{name} is left of a stopped run");
    }
}

/// `outturn serve`, ended with the test.
struct Daemon {
    child: Child,
    port: u16,
}

impl Daemon {
    fn start(project: &Town, port: u16) -> Self {
        let child = project.outturn(&["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self { child: child.expect("the program"), port }
    }

    /// Waits until a page answers with this status.
    fn answers(&mut self, page: &str, status: u16) {
        let port = self.port;
        self.waits_for(page, || ask(port, page).is_some_and(|(found, _)| found == status));
    }

    fn waits_for(&mut self, what: &str, mut there: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !there() {
            let ended = self.child.try_wait().expect("the daemon");
            assert_eq!(ended, None, "the daemon ended while the test waited for {what}");
            assert!(begun.elapsed() < Duration::from_mins(1), "waited too long for {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn page(&self, page: &str) -> (u16, String) {
        ask(self.port, page).expect("a page")
    }

    /// Sends SIGTERM and returns the exit code.
    fn stops(&mut self) -> Option<i32> {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(told.expect("kill").success());
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the daemon") {
                return status.code();
            }
            assert!(begun.elapsed() < STOP, "the daemon did not stop within {STOP:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status and text of a page; `None` where nobody answers.
fn ask(port: u16, page: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {page} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
