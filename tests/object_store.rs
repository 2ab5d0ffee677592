//! Datasets on an object store of the S3 kind, and read there by another program.
//!
//! The store is moto, a server for tests; `.ci/run` sets up the Python that has it and names it in
//! `OUTTURN_TEST_PYTHON`. Without that variable these tests say that they did not run.

#![expect(clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "support/town.rs"]
mod town;

use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use town::Town;

const SETTINGS: &str = "[warehouse]\ndatasets = \"s3://bucket/prefix\"\n";

/// Counts a dataset without our help: fetches what the Delta log lists with boto3, and counts it with `DuckDB`.
const COUNT: &str = r#"
import json, os, sys, tempfile
import boto3, duckdb

store = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
table = "prefix/" + sys.argv[1] + "/"
keys = [entry["Key"] for entry in store.list_objects_v2(Bucket="bucket", Prefix=table)["Contents"]]
live = {}
for key in sorted(key for key in keys if "/_delta_log/" in key and key.endswith(".json")):
    for line in store.get_object(Bucket="bucket", Key=key)["Body"].read().splitlines():
        action = json.loads(line)
        if "add" in action:
            live[action["add"]["path"]] = action["add"]["partitionValues"]["month"]
        if "remove" in action:
            del live[action["remove"]["path"]]
for path, month in sorted(live.items(), key=lambda entry: entry[1]):
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(store.get_object(Bucket="bucket", Key=table + path)["Body"].read())
        file.flush()
        rows, wards = duckdb.sql(f"SELECT count(*), count(DISTINCT ward) FROM '{file.name}'").fetchall()[0]
        print(month, rows, wards)
"#;

#[test]
fn a_project_keeps_its_datasets_on_an_object_store() {
    let Some(store) = Store::start("") else { return };
    assert_eq!(store.put("/bucket"), 200);
    let project = Town::new(SETTINGS);
    project.deliver("2025-01", [3, 4]);
    project.deliver("2025-02", [2, 0]);

    let first = store.obeys(&project, &["run"]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first));
    assert!(text(&first).contains("1 of 1 measures, 9 rows read"), "{}", text(&first));
    assert_eq!(store.counted("incident"), "2025-01 7 2\n2025-02 2 1\n");
    assert!(!project.path("warehouse/datasets").exists(), "the datasets are not on the local disk");
    let staged = fs::read_dir(project.path("warehouse/staging")).expect("the staging folder");
    assert_eq!(staged.count(), 0, "nothing is left in the making");

    let again = store.obeys(&project, &["run"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    assert!(text(&again).contains("already current"), "{}", text(&again));

    project.deliver("2025-01", [5, 4]);
    let restated = store.obeys(&project, &["run"]);
    assert_eq!(restated.status.code(), Some(0), "{}", text(&restated));
    assert!(text(&restated).contains("9 rows read"), "only the restated month is read: {}", text(&restated));
    assert_eq!(store.counted("incident"), "2025-01 9 2\n2025-02 2 1\n");

    let asked = store.obeys(
        &project,
        &[
            "query",
            "--output",
            "csv",
            "SELECT incident.month, count(*) AS n, max(outturn.value) AS value FROM incident \
             JOIN outturn ON outturn.period = incident.month AND outturn.area = 'W1' AND ward = 'W1' \
             GROUP BY incident.month ORDER BY incident.month",
        ],
    );
    assert_eq!(String::from_utf8_lossy(&asked.stdout), "month,n,value\n2025-01,5,5.0\n2025-02,2,2.0\n");

    let explained = store.obeys(&project, &["explain", "incidents", "--area", "W1", "--period", "2025-01"]);
    assert!(String::from_utf8_lossy(&explained.stdout).contains("value 5"), "{}", text(&explained));
}

#[test]
fn a_bucket_that_is_not_there_is_named() {
    let Some(store) = Store::start("") else { return };
    let project = Town::new(SETTINGS);
    project.deliver("2025-01", [1, 1]);
    let run = store.obeys(&project, &["run"]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run));
    assert!(text(&run).contains("NoSuchBucket") && text(&run).contains("/bucket?"), "{}", text(&run));
    assert!(!project.path("warehouse/published/current").exists());
}

#[test]
fn keys_that_the_store_does_not_know_end_the_run() {
    // One request is free: the one that makes the bucket.
    let Some(store) = Store::start("1") else { return };
    assert_eq!(store.put("/bucket"), 200);
    let project = Town::new(SETTINGS);
    project.deliver("2025-01", [1, 1]);
    let run = store.obeys(&project, &["run"]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run));
    assert!(
        text(&run).contains("403 Forbidden") && text(&run).contains("InvalidAccessKeyId"),
        "{}",
        text(&run)
    );
    assert!(!text(&run).contains("not-a-secret"), "{}", text(&run));
}

/// A moto server, ended with the test.
struct Store {
    python: OsString,
    server: Child,
    port: u16,
}

impl Store {
    /// `None`, said aloud, where no Python with moto is named. `free` requests are answered before keys are checked;
    /// all of them when it is empty.
    fn start(free: &str) -> Option<Self> {
        let Some(python) = std::env::var_os("OUTTURN_TEST_PYTHON") else {
            let _ = writeln!(std::io::stderr(), "did not run: OUTTURN_TEST_PYTHON names no Python with moto");
            return None;
        };
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut command = Command::new(&python);
        command.args(["-m", "moto.server", "-p", &port.to_string()]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if !free.is_empty() {
            command.env("INITIAL_NO_AUTH_ACTION_COUNT", free);
        }
        let server = command.spawn().expect("the server");
        let store = Self { python, server, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_mins(1), "the server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(store)
    }

    /// Makes a bucket, and returns the status of the answer.
    fn put(&self, path: &str) -> u16 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server");
        let head = format!(
            "PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.port
        );
        stream.write_all(head.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    /// Runs the program with this store in its environment.
    fn obeys(&self, project: &Town, arguments: &[&str]) -> Output {
        let mut command = project.outturn(arguments);
        self.environment(&mut command).output().expect("the program")
    }

    fn counted(&self, table: &str) -> String {
        let mut command = Command::new(&self.python);
        let counted = self.environment(command.args(["-c", COUNT, table])).output().expect("Python");
        assert!(counted.status.success(), "{}", text(&counted));
        String::from_utf8_lossy(&counted.stdout).into_owned()
    }

    fn environment<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", "nobody")
            .env("AWS_SECRET_ACCESS_KEY", "not-a-secret")
            .env("AWS_REGION", "us-east-1")
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
