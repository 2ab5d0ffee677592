//! What is late, early, empty or only partly there, told with and without a run.

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/small.rs"]
mod small;

use std::io::Write as _;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use small::{NOW, World};

const CRIME_FEED: &str = "pipelines/northport/feeds/northport-crime.toml";

/// The state, the days and the note of a feed and month in the current release.
fn standing(world: &World, feed: &str, period: &str) -> String {
    let rows = world.rows("feed_status", &[("feed", feed), ("period", period)]);
    assert_eq!(rows.len(), 1, "{feed} {period}: {rows:?}");
    let row = &rows[0];
    let days = row.get("days_late").map(|days| format!(" {days}")).unwrap_or_default();
    let note = row.get("note").map(|note| format!("; {note}")).unwrap_or_default();
    format!("{}{days}, due {}{note}", row["state"], row["due_on"])
}

const TEN_DAYS: &str = "\n[expected]\nwithin = \"10 working days\"\n";

#[test]
fn a_feed_is_not_late_before_its_due_day_and_its_lateness_is_told_with_and_without_a_run() {
    let world = World::with(&["2025-04", "2025-05", "2025-06"]);
    world.deliver("asb", "2025-07");
    world.write(CRIME_FEED, world.read(CRIME_FEED) + TEN_DAYS);
    // July is due on 14 August.
    world.outturn_at("2025-08-14T05:30:00Z", &["run"]).exits(0);
    assert_eq!(standing(&world, "northport-crime", "2025-07"), "not_yet_due, due 2025-08-14");
    assert_eq!(standing(&world, "northport-crime", "2025-06"), "history, due 2025-07-14");
    let measure = &world.rows("measure", &[("measure", "northport-charged")])[0];
    assert_eq!((measure["oldest_source"].as_str(), &*measure["stale"]), ("2025-06-30", "false"));
    world
        .outturn_at("2025-08-14T05:30:00Z", &["status", "--check"])
        .exits(0)
        .prints("feed northport-crime: up to 2025-06, 2025-07 due on 2025-08-14");
    // No run is made, and the calendar goes on.
    world
        .outturn_at("2025-08-16T05:30:00Z", &["status", "--check"])
        .exits(5)
        .prints("feed northport-crime: up to 2025-06, overdue: 2025-07 (up to 2 days)");
    world
        .outturn_at("2025-08-16T05:30:00Z", &["run"])
        .exits(3)
        .says("gap: feed `northport-crime`: nothing for 2025-07");
    assert_eq!(standing(&world, "northport-crime", "2025-07"), "overdue 2, due 2025-08-14");
    let measure = &world.rows("measure", &[("measure", "northport-charged")])[0];
    assert_eq!(measure["stale"], "true");
    assert_eq!(measure["stale_reason"], "feed `northport-crime`: 2025-07 overdue, due on 2025-08-14");
    let other = &world.rows("measure", &[("measure", "northport-asb")])[0];
    assert_eq!((other["oldest_source"].as_str(), &*other["stale"]), ("2025-07-31", "false"));
    // It comes six days late.
    world.deliver("crime", "2025-07");
    world.outturn_at("2025-08-20T05:30:00Z", &["run"]).exits(0);
    assert_eq!(standing(&world, "northport-crime", "2025-07"), "late 6, due 2025-08-14");
    let measure = &world.rows("measure", &[("measure", "northport-charged")])[0];
    assert_eq!((measure["oldest_source"].as_str(), &*measure["stale"]), ("2025-07-31", "false"));
    world
        .outturn_at("2025-08-20T05:30:00Z", &["status", "--check"])
        .exits(0)
        .prints("feed northport-crime: up to 2025-07, 2025-07 late by 6 days");
    // August comes before it is over, and what it holds is not August.
    world.send("crime", "2025-08", World::good("crime", "2025-07").replace("2025-07", "2025-08"));
    world.outturn_at("2025-08-25T05:30:00Z", &["run"]).exits(0);
    let august = &world.rows("outturn", &[("measure", "northport-charged"), ("period", "2025-08")])[0];
    assert_eq!((august["status"].as_str(), &*august["note"]), ("not_available", "the month is not over"));
    world.outturn_at("2025-09-02T05:30:00Z", &["run"]);
    assert_eq!(
        standing(&world, "northport-crime", "2025-08"),
        "early, due 2025-09-12; it came before the period was over, so it may not be whole"
    );
}

#[test]
fn a_time_that_is_none_is_refused_at_its_place() {
    let world = World::complete();
    world.write(CRIME_FEED, world.read(CRIME_FEED) + "\n[expected]\nwithin = \"a fortnight\"\n");
    world
        .outturn(&["check"])
        .exits(2)
        .says("expected a time such as `10 working days`, `45 days` or `2 months`, found `a fortnight`")
        .says("northport-crime.toml:13");
}

#[test]
fn a_delivery_about_a_month_that_has_not_begun_waits_and_is_told() {
    let world = World::complete();
    world.send("crime", "2026-07", World::good("crime", "2025-07").replace("2025-07", "2026-07"));
    world
        .run()
        .exits(3)
        .says("gap: feed `northport-crime`: 2026-07.csv is about 2026-07, which has not begun");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
    assert!(world.rows("outturn", &[("period", "2026-07")]).is_empty());
    assert!(world.rows("outturn", &[("period", "2025-09")]).is_empty());
    world.run().exits(3).says("already current").says("which has not begun");
}

#[test]
fn the_page_of_the_daemon_tells_what_is_overdue() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).unwrap().port();
    let world = World::with(&["2025-04", "2025-05", "2025-06"]);
    world.deliver("asb", "2025-07");
    let settings = world.read("outturn.toml") + &format!("\n[serve]\nlisten = \"127.0.0.1:{port}\"\n");
    world.write("outturn.toml", settings);
    let mut daemon =
        world.command(NOW, &["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let wanted = ["northport-crime\"} 12\n", "northport-asb\"} 0\n"];
    let found = loop {
        let page = page(port, "/metrics").unwrap_or_default();
        if wanted.iter().all(|line| page.contains(&format!("outturn_feed_overdue_days{{feed=\"{line}"))) {
            break true;
        }
        if begun.elapsed() > Duration::from_mins(1) {
            break false;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert!(found, "the page does not tell that July's crime is 12 days late");
}

fn page(port: u16, page: &str) -> Option<String> {
    use std::io::Read as _;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {page} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
