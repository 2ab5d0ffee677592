//! Every way of fetching, against a real server or a real folder each: HTTP, SFTP (OpenSSH), `PostgreSQL`, S3 (moto),
//! Azure (Azurite).
//!
//! `.ci/run` installs the servers. Without one of them its tests say that they did not run; with
//! `OUTTURN_REQUIRE_SERVERS=1` they fail.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/partner.rs"]
#[expect(dead_code, reason = "what a test of broken connections needs is not needed here")]
mod partner;
#[path = "support/servers.rs"]
mod servers;
#[path = "support/town.rs"]
mod town;

use std::fs;
use std::io::Write as _;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use outturn::config;
use outturn::feed::{self, FeedState};
use outturn::landing::{Delivery, Landing};
use partner::{Answer, FakePartner};
use rand::{Rng as _, SeedableRng as _};
use russh::server::{Auth, ChannelOpenHandle, Msg, Session};
use russh::{Channel, ChannelId};
use servers::{AZURE_KEY, Azurite, Postgres, READER, Sshd, Store};
use town::Town;

const NOW: &str = "2025-08-12T05:30:00Z";
const JANUARY: &str = "Ref,Month,Ward\na,2025-01,W1\n";
const FEBRUARY: &str = "Ref,Month,Ward\nb,2025-02,W2\n";

/// A project whose one feed has this source and these further settings; tables come last.
fn town(source: &str, rest: &str) -> Town {
    let town = Town::new("");
    set_feed(&town, source, rest);
    town
}

fn set_feed(town: &Town, source: &str, rest: &str) {
    write(
        town,
        "pipelines/town/feeds/incidents.toml",
        &format!(
            "id = \"incidents\"\ntitle = \"Incidents\"\nsupplier = \"The partner\"\ncontract = \"incident\"\n\
             source = \"{source}\"\ncovers = [\"T1\"]\nfrom = \"2025-01\"\nto = \"2025-02\"\n{rest}\n"
        ),
    );
}

/// As `[http]` with a private network allowed and short waits.
const INTERNAL: &str =
    "[http]\ninternal = true\nattempts = 2\nbackoff-seconds = 0.01\nidle-timeout-seconds = 5\n";

fn write(town: &Town, name: &str, text: &str) {
    let path = town.path(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().expect("a moment")
}

/// Asks the project's feeds once, as a run does.
async fn land_at(town: &Town, now: &str) -> Vec<FeedState> {
    let (project, problems) = config::load(&town.path(""));
    assert!(problems.is_empty(), "{}", problems.iter().map(|p| p.render(false)).collect::<String>());
    let landing = Landing::open(&project.warehouse()).expect("a landing");
    feed::land_all(&project, landing, moment(now)).await.expect("a landing").1
}

async fn land(town: &Town) -> FeedState {
    land_at(town, NOW).await.remove(0)
}

fn landing(town: &Town) -> Landing {
    Landing::open(&town.path("warehouse")).expect("a landing")
}

/// Month, file and bytes of everything that was landed, in the order of arrival.
fn landed(town: &Town) -> Vec<(String, String, String)> {
    let landing = landing(town);
    let text = |delivery: &Delivery| fs::read(landing.path(delivery)).expect("the bytes");
    let all = landing.all().iter();
    all.map(|d| (d.period.to_string(), d.file.clone(), String::from_utf8_lossy(&text(d)).into_owned()))
        .collect()
}

/// The reason for which a month is missing.
fn missing(state: &FeedState, month: &str) -> String {
    state.missing.get(&month.parse().expect("a month")).cloned().unwrap_or_default()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a program says and writes of a secret: nothing.
fn assert_kept(secret: &str, town: &Town, output: &Output) {
    let said = format!("{}{}", stderr(output), String::from_utf8_lossy(&output.stdout));
    assert!(!said.contains(secret), "{said}");
    let mut folders = vec![town.path("warehouse")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let bytes = fs::read(entry.path()).expect("a file");
                let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                assert!(!found, "{} holds the secret", entry.path().display());
            }
        }
    }
}

fn json(body: &str) -> Answer {
    Answer::with(200, &["Content-Type: application/json"], body)
}

fn queries(partner: &FakePartner) -> Vec<String> {
    let of = |path: &str| path.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
    partner.requests().iter().map(|request| of(request.path())).collect()
}

/// A feed without a month whose pages come from `/api`.
fn paged(partner: &FakePartner, paging: &str) -> Town {
    town(partner.url("/api").as_str(), &format!("mode = \"whole\"\n{INTERNAL}\n[paging]\n{paging}\n"))
}

#[tokio::test]
async fn numbered_pages_become_one_delivery_and_end_with_the_page_that_holds_nothing() {
    let pages = ["{\"results\":[1,2]}\n", "{\"results\":[3]}", "{\"results\":[]}"];
    let partner = FakePartner::start().and("/api", pages.map(json));
    let town = paged(
        &partner,
        "kind = \"page-number\"\nparameter = \"page\"\nsize-parameter = \"per_page\"\npage-size = 2\nrecords = \"/results\"",
    );
    let state = land(&town).await;
    assert_eq!(state.faults, [""; 0]);
    let (_, file, text) = landed(&town).remove(0);
    assert_eq!((file.as_str(), text.as_str()), ("api", "{\"results\":[1,2]}\n{\"results\":[3]}\n"));
    assert_eq!(queries(&partner), ["per_page=2&page=1", "per_page=2&page=2", "per_page=2&page=3"]);
}

#[tokio::test]
async fn an_offset_grows_by_the_records_that_really_came() {
    let partner = FakePartner::start().and("/api", ["[1,2,3]", "[4]", "[]"].map(json));
    let town = paged(&partner, "kind = \"offset\"\nparameter = \"skip\"");
    land(&town).await;
    assert_eq!(landed(&town)[0].2, "[1,2,3]\n[4]\n");
    assert_eq!(queries(&partner), ["skip=0", "skip=3", "skip=4"]);
}

#[tokio::test]
async fn a_cursor_is_sent_back_and_one_that_comes_again_is_an_error() {
    let cursor = "kind = \"cursor\"\nparameter = \"after\"\nrecords = \"/rows\"\nnext = \"/next\"";
    let pages =
        ["{\"rows\":[1],\"next\":\"b c\"}", "{\"rows\":[2],\"next\":7}", "{\"rows\":[],\"next\":null}"];
    let partner = FakePartner::start().and("/api", pages.map(json));
    let town = paged(&partner, cursor);
    land(&town).await;
    assert_eq!(landed(&town)[0].2, format!("{}\n", pages.join("\n")));
    assert_eq!(queries(&partner), ["", "after=b+c", "after=7"]);

    let pages = ["{\"rows\":[1],\"next\":1}", "{\"rows\":[2],\"next\":2}", "{\"rows\":[3],\"next\":1}"];
    let partner = FakePartner::start().and("/api", pages.map(json));
    let town = paged(&partner, cursor);
    let state = land(&town).await;
    assert!(state.faults[0].ends_with("/api: page 4 is one that was asked for before"), "{:?}", state.faults);
    assert_eq!(landed(&town), []);
}

#[tokio::test]
async fn links_to_the_next_page_are_followed_in_the_body_and_in_the_header_but_not_to_another_host() {
    let first = json("{\"next\":\"/api/2?x=1\"}");
    let partner = FakePartner::start().and("/api", [first]).and("/api/2", [json("{\"next\":\"\"}")]);
    let town = paged(&partner, "kind = \"next-link\"\nnext = \"/next\"");
    land(&town).await;
    assert_eq!(landed(&town)[0].2, "{\"next\":\"/api/2?x=1\"}\n{\"next\":\"\"}\n");

    let first = Answer::with(200, &["Link: </api/2>; rel=\"next\", </api>; rel=\"first\""], "[1]");
    let partner = FakePartner::start().and("/api", [first]).and("/api/2", [json("[2]")]);
    let town = paged(&partner, "kind = \"link-header\"");
    land(&town).await;
    assert_eq!(landed(&town)[0].2, "[1]\n[2]\n");

    let other = FakePartner::answering("/api/2", 200, "application/json", "{}");
    let partner =
        FakePartner::start().and("/api", [json(&format!("{{\"next\":\"{}\"}}", other.url("/api/2")))]);
    let town = paged(&partner, "kind = \"next-link\"\nnext = \"/next\"");
    let state = land(&town).await;
    assert!(state.faults[0].contains("the next page is at another host"), "{:?}", state.faults);
    assert_eq!((landed(&town), other.connections()), (Vec::new(), 0));
}

#[tokio::test]
async fn pages_that_cannot_be_right_are_told_and_nothing_is_landed() {
    let numbered = "kind = \"page-number\"\nparameter = \"page\"\nmax-pages = 3";
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for (pages, told) in [
        (vec!["[1]", "[1]"], "page 2 is the same as one before"),
        (vec!["[1]", "[2]", "[3]", "[4]"], "more than 3 pages; raise `max-pages` if that is meant"),
        (vec!["[1]", "{\"message\":\"no\"}"], "page 2: there is no list of records at ``"),
        (vec!["[1]", "[2"], "page 2 is not JSON: it breaks off at line 1 column 2"),
        (vec!["[1]", &deep], "page 2 is not JSON: it cannot be read at line 1 column 128"),
    ] {
        let partner = FakePartner::start().and("/api", pages.iter().map(|page| json(page)));
        let town = paged(&partner, numbered);
        let state = land(&town).await;
        assert!(state.faults[0].ends_with(told), "{:?}", state.faults);
        assert_eq!(landed(&town), []);
        assert_eq!(missing(&state, "2025-01"), state.faults[0], "a month that is missing says why");
    }
    let gone = FakePartner::start().and("/api", [json("[1]"), Answer::with(404, &[], "no")]);
    let state = land(&paged(&gone, numbered)).await;
    assert!(state.faults[0].ends_with("page 2 is not there"), "{:?}", state.faults);
}

#[test]
fn query_headers_and_keys_are_sent_and_no_secret_is_told_or_kept() {
    let secret = "wren-&-kestrel";
    let partner = FakePartner::start().and("/api/x.csv", [Answer::with(200, &[], JANUARY)]);
    let source = partner.url("/api/x.csv").to_string();
    for (auth, header, sent) in [
        ("kind = \"bearer\"\ntoken = \"${env:TEST_TOKEN}\"", "Authorization", "Bearer wren-&-kestrel"),
        (
            "kind = \"basic\"\nuser = \"csp\"\npassword = \"${file:token}\"",
            "Authorization",
            // Of `csp:wren-&-kestrel`, as base64(1) writes it.
            "Basic Y3NwOndyZW4tJi1rZXN0cmVs",
        ),
        ("kind = \"api-key\"\nheader = \"X-Api-Key\"\ntoken = \"${env:TEST_TOKEN}\"", "X-Api-Key", secret),
    ] {
        let town = town(
            &source,
            &format!(
                "{INTERNAL}\n[query]\nfrom = \"{{period.first-day}}\"\nuntil = \"{{period.last-day:%d/%m/%Y}}\"\n\
                 y = \"{{financial-year}}\"\n[headers]\nAccept = \"text/csv\"\nX-Tenant = \"t-${{env:TEST_TOKEN}}\"\n\
                 [auth]\n{auth}\n"
            ),
        );
        write(&town, "token", &format!("{secret}\n"));
        let before = partner.requests().len();
        let ran = town.outturn(&["--log", "debug", "run"]).env("TEST_TOKEN", secret).output().expect("a run");
        let requests = partner.requests().split_off(before);
        assert_eq!(requests.len(), 2, "{}", stderr(&ran));
        let asked = "/api/x.csv?from=2025-01-01&until=31%2F01%2F2025&y=2024-25";
        assert_eq!(requests[0].path(), asked);
        assert_eq!(requests[0].header(header), Some(sent));
        assert_eq!(requests[0].header("Accept"), Some("text/csv"));
        assert_eq!(requests[0].header("X-Tenant"), Some("t-wren-&-kestrel"));
        assert_kept(secret, &town, &ran);
        assert_kept("Y3NwOndyZW4tJi1rZXN0cmVs", &town, &ran);
        assert!(landing(&town).all().iter().all(|delivery| delivery.source == source));
    }
}

#[test]
fn a_key_in_the_query_and_one_in_the_path_are_neither_told_nor_kept() {
    let secret = "nightjar/77";
    let partner = FakePartner::start();
    let source = format!("http://{}/${{env:TEST_TOKEN}}/{{period}}.csv", partner.place());
    let rest = format!(
        "{INTERNAL}\n[auth]\nkind = \"api-key\"\nparameter = \"key\"\ntoken = \"${{env:TEST_TOKEN}}\"\n"
    );
    let town = town(&source, &rest);
    let ran = town.outturn(&["--log", "debug", "run"]).env("TEST_TOKEN", secret).output().expect("a run");
    assert_eq!(partner.requests()[0].path(), "/nightjar/77/2025-01.csv?key=nightjar%2F77");
    assert_kept(secret, &town, &ran);
    assert_kept("nightjar%2F77", &town, &ran);
}

#[test]
fn a_secret_that_is_missing_is_named_by_check_and_costs_a_run_only_its_feed() {
    let partner = FakePartner::start();
    let rest =
        format!("{INTERNAL}\n[auth]\nkind = \"bearer\"\ntoken = \"${{env:TEST_TOKEN_THAT_IS_NOT_SET}}\"\n");
    let town = town(&partner.url("/{period}.csv").to_string().replace("%7B", "{").replace("%7D", "}"), &rest);
    let told = "the environment variable TEST_TOKEN_THAT_IS_NOT_SET is not set";
    let checked = town.outturn(&["check"]).output().expect("a check");
    assert_eq!(checked.status.code(), Some(2), "{}", stderr(&checked));
    assert!(stderr(&checked).contains(told), "{}", stderr(&checked));
    assert!(stderr(&checked).contains("incidents.toml"), "{}", stderr(&checked));
    let ran = town.outturn(&["run"]).output().expect("a run");
    assert!(stderr(&ran).contains(told), "{}", stderr(&ran));
    assert_ne!(ran.status.code(), Some(2), "{}", stderr(&ran));
    assert_eq!(partner.connections(), 0);
}

#[test]
fn a_secret_that_is_written_out_is_refused_and_not_repeated() {
    for (source, rest) in [
        ("https://a.example/{period}.csv", "[auth]\nkind = \"bearer\"\ntoken = \"sand-martin\"\n"),
        ("https://a.example/{period}.csv", "[headers]\nX-Api-Key = \"sand-martin\"\n"),
        ("https://a.example/{period}.csv", "[query]\napi_key = \"sand-martin\"\n"),
        ("https://csp:sand-martin@a.example/{period}.csv", ""),
        ("sftp://csp:sand-martin@a.example/{period}.csv", "[sftp]\nkey = \"${file:key}\"\n"),
        ("postgres://csp@a.example/db", "[postgres]\nquery = \"SELECT $1\"\npassword = \"sand-martin\"\n"),
    ] {
        let town = town(source, rest);
        let checked = town.outturn(&["check"]).output().expect("a check");
        let said = stderr(&checked);
        assert_eq!(checked.status.code(), Some(2), "{said}");
        assert!(said.contains("as it is") && said.contains("${env:NAME}"), "{said}");
        assert!(!said.contains("sand-martin"), "{said}");
        let checked = town.outturn(&["check", "--output", "json"]).output().expect("a check");
        assert!(!String::from_utf8_lossy(&checked.stdout).contains("sand-martin"));
    }
}

#[test]
fn settings_that_do_not_go_together_are_told_before_anybody_is_asked() {
    for (source, rest, told) in [
        ("https://a.example/x.csv", "", "`source` does not say where the month stands"),
        ("https://a.example/{period:%Q}.csv", "", "`{period:%Q}` is not a way to write a month"),
        ("ftp://a.example/{period}.csv", "", "scheme `ftp` is not known"),
        ("sftp://a.example/{period}.csv", "", "the address names no user"),
        ("sftp://csp@a.example/{period}.csv", "", "[sftp] needs `host-key`"),
        ("sftp://csp@a.example/{period}.csv", "", "[sftp] needs `password` or `key`"),
        (
            "sftp://csp@a.example/{period}.csv",
            "[paging]\nkind = \"offset\"\nparameter = \"x\"",
            "[paging] is for http",
        ),
        ("postgres://csp@a.example/db", "", "[postgres] needs either `query` or `query-file`"),
        ("postgres://csp@a.example/db", "[postgres]\nquery = \"SELECT 1\"", "where the month stands"),
        (
            "postgres://csp@a.example/db",
            "[postgres]\nquery = \"SELECT $1\"\nsslmode = \"disable\"",
            "without encryption",
        ),
        ("s3://bucket/", "", "the address names no key"),
        (
            "s3://bucket/{period}.csv",
            "[store]\nendpoint = \"http://a.example\"",
            "`endpoint` is not encrypted",
        ),
        ("https://a.example/{period}.csv", "[auth]\nkind = \"basic\"\nuser = \"u\"", "needs `password`"),
        ("https://a.example/{period}.csv", "[paging]\nkind = \"cursor\"\nparameter = \"c\"", "needs `next`"),
        (
            "https://a.example/{period}.csv",
            "[headers]\nHost = \"b\"",
            "the program itself sets the header `Host`",
        ),
        ("https://a.example/{period}.csv", "[http]\nrequests-per-second = 0", "expected a number above 0"),
        (
            "https://a.example/{period}.csv",
            "[headers]\nX = \"${TOKEN}\"",
            "what follows `${` names no secret",
        ),
    ] {
        let town = town(source, rest);
        let (_, problems) = config::load(&town.path(""));
        let said: String = problems.iter().map(|problem| problem.render(false)).collect();
        assert!(said.contains(told), "{source} {rest}\n{said}");
    }
}

#[tokio::test]
async fn the_program_says_whom_to_ask_about_it() {
    let partner = FakePartner::answering("/x.csv", 200, "text/csv", JANUARY);
    let town = Town::new("contact = \"https://town.example/data\"\n");
    set_feed(&town, partner.url("/x.csv").as_str(), &format!("mode = \"whole\"\n{INTERNAL}"));
    land(&town).await;
    let agent = partner.requests()[0].header("User-Agent").expect("a user agent").to_owned();
    assert_eq!(agent, format!("outturn/{} (+https://town.example/data)", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn feeds_of_one_host_keep_to_the_slowest_of_their_paces_together() {
    let partner = FakePartner::start();
    let source = format!("http://{}/{{period}}.csv", partner.place());
    let town = town(&source, &format!("{INTERNAL}requests-per-second = 10\n"));
    let first = fs::read_to_string(town.path("pipelines/town/feeds/incidents.toml")).expect("a feed");
    let second = first.replace("id = \"incidents\"", "id = \"second\"").replace("{period}", "b-{period}");
    write(&town, "pipelines/town/feeds/second.toml", &second.replace("second = 10", "second = 100"));
    let begun = Instant::now();
    land_at(&town, NOW).await;
    assert_eq!(partner.requests().len(), 4);
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_feed_without_a_month_is_asked_once_a_run_and_the_same_bytes_stay_one_delivery() {
    let partner = FakePartner::start()
        .and("/x.csv", [JANUARY, JANUARY, FEBRUARY, JANUARY].map(|text| Answer::with(200, &[], text)));
    let town = town(partner.url("/x.csv").as_str(), &format!("mode = \"whole\"\n{INTERNAL}"));
    // Half an hour before midnight in UTC it is June in London.
    for (now, count) in [
        ("2025-05-31T23:30:00Z", 1),
        ("2025-07-10T05:30:00Z", 1),
        ("2025-08-10T05:30:00Z", 2),
        ("2025-09-10T05:30:00Z", 3),
    ] {
        let state = land_at(&town, now).await.remove(0);
        assert_eq!(state.faults, [""; 0]);
        assert_eq!(state.missing.len(), 0);
        assert_eq!(landed(&town).len(), count, "{now}");
    }
    let months: Vec<String> = landed(&town).into_iter().map(|(month, _, _)| month).collect();
    assert_eq!(months, ["2025-06", "2025-08", "2025-09"]);
    assert_eq!(partner.requests().len(), 4);
}

#[tokio::test]
async fn an_edition_of_a_year_is_asked_for_once_and_stands_at_its_first_month() {
    let partner = FakePartner::start()
        .and("/2024-25.csv", [Answer::with(200, &[], JANUARY)])
        .and("/2025-26.csv", [Answer::with(200, &[], FEBRUARY)]);
    let source = format!("http://{}/{{financial-year}}.csv", partner.place());
    let town = town(&source, &format!("mode = \"periods\"\n{INTERNAL}"));
    let path = town.path("pipelines/town/feeds/incidents.toml");
    let text = fs::read_to_string(&path).expect("a feed").replace("to = \"2025-02\"", "to = \"2025-05\"");
    fs::write(path, text).expect("a feed");
    let state = land(&town).await;
    assert_eq!(state.missing.len(), 0, "{:?}", state.missing);
    let months: Vec<String> = landed(&town).into_iter().map(|(month, _, _)| month).collect();
    assert_eq!(months, ["2025-01", "2025-04"]);
    assert_eq!(partner.requests().len(), 2);
}

#[test]
fn plan_says_what_would_be_asked_and_asks_nobody() {
    let partner = FakePartner::start();
    let source = format!("http://{}/x.csv", partner.place());
    let town = town(&source, &format!("mode = \"whole\"\n{INTERNAL}"));
    for (source, rest, told) in [
        (source.as_str(), "mode = \"whole\"\n[http]\ninternal = true\n", "asked once in each run"),
        (
            &format!("sftp://csp@{}/in/{{period}}-*.csv", partner.place()),
            "[sftp]\nhost-key = \"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\"\nkey = \"${file:key}\"\n",
            "not delivered yet",
        ),
        ("s3://bucket/{period}.csv", "", "not delivered yet"),
        (
            &format!("postgres://csp@{}/db", partner.place()),
            "[postgres]\nquery = \"SELECT $1, $2\"\n",
            "not delivered yet",
        ),
    ] {
        set_feed(&town, source, rest);
        let planned = town.outturn(&["plan"]).output().expect("a plan");
        let said = format!("{}{}", String::from_utf8_lossy(&planned.stdout), stderr(&planned));
        assert!(said.contains("fetch") && said.contains(told), "{said}");
    }
    assert_eq!(partner.connections(), 0);
}

#[tokio::test]
async fn a_mirror_stands_in_for_every_kind_of_address() {
    for (source, rest, prefix, files) in [
        (
            "sftp://csp@a.example/out/{period}-*.csv",
            SFTP,
            "sftp://csp@a.example/out/",
            ["2025-01-x.csv", "2025-02-x.csv"],
        ),
        ("s3://bucket/asb/{period}.csv", "", "s3://bucket/", ["asb/2025-01.csv", "asb/2025-02.csv"]),
        (
            "postgres://csp@a.example/cases",
            "[postgres]\nquery = \"SELECT $1\"\npassword = \"${env:NOT_NEEDED}\"\n",
            "postgres://csp@a.example/",
            ["cases/incidents-2025-01.csv", "cases/incidents-2025-02.csv"],
        ),
        (
            "https://a.example/api",
            "[query]\ndate = \"{period}\"\nkey = \"${env:NOT_NEEDED}\"\n",
            "https://a.example/",
            ["api?date=2025-01", "api?date=2025-02"],
        ),
    ] {
        let town = Town::new(&format!("[[mirror]]\nprefix = \"{prefix}\"\nfolder = \"mirror\"\n"));
        set_feed(&town, source, rest);
        for (file, text) in files.iter().zip([JANUARY, FEBRUARY]) {
            write(&town, &format!("mirror/{file}"), text);
        }
        let state = land(&town).await;
        assert_eq!(state.faults, [""; 0], "{source}");
        let found: Vec<(String, String)> = landed(&town).into_iter().map(|(m, _, text)| (m, text)).collect();
        let both = [("2025-01", JANUARY), ("2025-02", FEBRUARY)].map(|(m, t)| (m.to_owned(), t.to_owned()));
        assert_eq!(found, both, "{source}");
        assert_eq!(feed::missing_secrets(&config::load(&town.path("")).0).len(), 0, "{source}");
    }
}

const SFTP: &str = "[sftp]\nhost-key = \"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\"\nkey = \"${env:NOT_NEEDED}\"\n";

// A drop folder.

#[tokio::test]
async fn a_file_that_is_still_being_written_is_left_for_the_next_run() {
    let town = town("drop/{period}*.csv", "");
    town.deliver("2025-01", [1, 0]);
    write(&town, "drop/2025-02.csv.part", FEBRUARY);
    let path = town.path("drop/2025-01.csv");
    let writer = std::thread::spawn(move || {
        let mut file = fs::OpenOptions::new().append(true).open(path).expect("a file");
        for number in 0..15 {
            writeln!(file, "late-{number},2025-01,W1").expect("a line");
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let state = land(&town).await;
    writer.join().expect("the writer ends");
    assert_eq!(landed(&town), []);
    for (month, file) in [("2025-01", "drop/2025-01.csv"), ("2025-02", "drop/2025-02.csv.part")] {
        let told = format!("{file}: still being written; left for the next run");
        assert_eq!(missing(&state, month), told);
    }
    fs::rename(town.path("drop/2025-02.csv.part"), town.path("drop/2025-02.csv")).expect("a file");
    let state = land(&town).await;
    assert_eq!((state.landed, state.missing.len()), (2, 0));
    assert_eq!(landed(&town)[0].2.lines().count(), 17);
    assert_eq!(land(&town).await.landed, 0);
}

#[tokio::test]
async fn a_file_must_have_lain_for_as_long_as_the_feed_says() {
    let town = town("drop/{period}.csv", "settle-seconds = 600");
    town.deliver("2025-01", [1, 0]);
    let written =
        fs::metadata(town.path("drop/2025-01.csv")).and_then(|found| found.modified()).expect("a time");
    let after = |seconds| (DateTime::<Utc>::from(written) + chrono::Duration::seconds(seconds)).to_rfc3339();
    assert_eq!(land_at(&town, &after(590)).await[0].landed, 0);
    assert_eq!(land_at(&town, &after(601)).await[0].landed, 1);
}

#[tokio::test]
async fn a_name_that_cannot_be_shown_is_not_taken_and_is_written_out() {
    let town = town("drop/{period}*.csv", "");
    write(&town, "drop/2025-01\u{1b}[2J\u{202e}.csv", JANUARY);
    town.deliver("2025-02", [1, 0]);
    let state = land(&town).await;
    assert_eq!(landed(&town).len(), 1);
    assert!(state.faults[0].contains("2025-01\\u{1b}[2J\\u{202e}.csv: not taken"), "{:?}", state.faults);
}

// SFTP.

fn sftp(sshd: &Sshd, rest: &str) -> String {
    format!(
        "{INTERNAL}\n[sftp]\nhost-key = \"{}\"\nkey = \"${{file:{}}}\"\n{rest}\n",
        sshd.fingerprint("host"),
        sshd.path("user").display()
    )
}

#[tokio::test]
async fn files_on_a_server_are_read_where_they_are_and_again_only_when_they_change() {
    let Some(sshd) = Sshd::start() else { return };
    let town = town(&sshd.address("in/{period}-*.csv"), &sftp(&sshd, ""));
    sshd.put("in/2025-01-a.csv", JANUARY);
    sshd.put("in/2025-02-b.csv", FEBRUARY);
    sshd.put("in/2025-03-b.csv", "beyond the last month");
    sshd.put("in/other.txt", "of somebody else");
    let state = land(&town).await;
    assert_eq!(state.faults, [""; 0], "{}", sshd.log());
    let all = landed(&town);
    assert_eq!(all[0], ("2025-01".to_owned(), "2025-01-a.csv".to_owned(), JANUARY.to_owned()));
    assert_eq!(all[1], ("2025-02".to_owned(), "2025-02-b.csv".to_owned(), FEBRUARY.to_owned()));
    assert_eq!(all.len(), 2);
    let source = format!("sftp://127.0.0.1:{}{}", sshd.port, sshd.path("in/2025-01-a.csv").display());
    assert_eq!(landing(&town).all()[0].source, source);
    assert_eq!(land(&town).await.landed, 0, "nothing changed");
    sshd.put("in/2025-01-a.csv", &format!("{JANUARY}c,2025-01,W2\n"));
    assert_eq!(land(&town).await.landed, 1);
    assert!(sshd.path("in/2025-01-a.csv").is_file(), "files stay");
    let ran = town.outturn(&["run"]).output().expect("a run");
    assert_eq!(ran.status.code(), Some(0), "{}", stderr(&ran));
    assert!(stderr(&ran).contains("3 rows read"), "{}", stderr(&ran));
}

#[tokio::test]
async fn a_server_with_another_key_is_sent_nothing_and_both_fingerprints_are_told() {
    let Some(mut sshd) = Sshd::start() else { return };
    sshd.put("in/2025-01-a.csv", JANUARY);
    sshd.with_host_keys(&["other"]);
    let town = town(&sshd.address("in/{period}-*.csv"), &sftp(&sshd, ""));
    let state = land(&town).await;
    let fault = &state.faults[0];
    for key in ["host", "other"] {
        assert!(fault.contains(&sshd.fingerprint(key)), "{fault}");
    }
    assert!(fault.contains("nothing was sent to it"), "{fault}");
    assert!(!fault.contains("asked 2 times"), "asking again does not help: {fault}");
    assert_eq!(landed(&town), []);
}

#[tokio::test]
async fn the_pinned_key_may_be_any_of_those_that_the_server_has() {
    let Some(mut sshd) = Sshd::start() else { return };
    sshd.put("in/2025-01-a.csv", JANUARY);
    sshd.with_host_keys(&["host", "ecdsa"]);
    for key in ["host", "ecdsa"] {
        let settings = sftp(&sshd, "").replace(&sshd.fingerprint("host"), &sshd.fingerprint(key));
        let state = land(&town(&sshd.address("in/{period}-*.csv"), &settings)).await;
        assert_eq!((state.faults, state.landed), (Vec::new(), 1), "{key}");
    }
}

#[tokio::test]
async fn who_is_refused_is_told_so_at_the_first_attempt_without_the_password() {
    let Some(sshd) = Sshd::start() else { return };
    let key = sshd.path("user").display().to_string();
    let stranger = sftp(&sshd, "").replace(&key, &sshd.path("stranger").display().to_string());
    let town = town(&sshd.address("in/{period}-*.csv"), &stranger);
    let state = land(&town).await;
    let told = format!("the server refused the key of user `{}`", sshd.user);
    assert!(state.faults[0].ends_with(&told), "{:?}", state.faults);
    assert!(!state.faults[0].contains("asked"), "{:?}", state.faults);

    let password = sftp(&sshd, "").replace("key = ", "password = ").replace(&key, "password");
    set_feed(&town, &sshd.address("in/{period}-*.csv"), &password.replace("host-password", "host-key"));
    write(&town, "password", "chiffchaff-41\n");
    let ran = town.outturn(&["--log", "debug", "run"]).output().expect("a run");
    let told = format!("the server refused the password of user `{}`", sshd.user);
    assert!(stderr(&ran).contains(&told), "{}", stderr(&ran));
    assert_kept("chiffchaff-41", &town, &ran);
}

/// A server that takes one password, and writes down what it is asked.
#[derive(Clone, Default)]
struct Listener {
    heard: Arc<Mutex<Vec<String>>>,
}

impl russh::server::Handler for Listener {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        self.heard.lock().expect("no panic").push(format!("{user} {password}"));
        Ok(if password == "reed-bunting" { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.heard.lock().expect("no panic").push(name.to_owned());
        session.channel_failure(channel)
    }
}

#[tokio::test]
async fn the_right_password_opens_the_door_and_is_not_sent_to_a_server_with_another_key() {
    let mut random = rand_chacha::ChaCha20Rng::seed_from_u64(7);
    let seed: [u8; 32] = random.random();
    let key = russh::keys::PrivateKey::from(russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&seed));
    let fingerprint = key.public_key().fingerprint(russh::keys::HashAlg::Sha256).to_string();
    let config = Arc::new(russh::server::Config { keys: vec![key], ..russh::server::Config::default() });
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = server.local_addr().expect("its address");
    let listener = Listener::default();
    let heard = Arc::clone(&listener.heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = server.accept().await {
            let running = russh::server::run_stream(Arc::clone(&config), stream, listener.clone());
            tokio::spawn(async move {
                // Whoever does not like the key hangs up.
                if let Ok(session) = running.await {
                    let _ = session.await;
                }
            });
        }
    });
    let source = format!("sftp://csp@{address}/in/{{period}}.csv");
    let settings = |pinned: &str| {
        format!("{INTERNAL}\n[sftp]\nhost-key = \"{pinned}\"\npassword = \"${{file:password}}\"\n")
    };
    let town = town(&source, &settings("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"));
    write(&town, "password", "reed-bunting\n");
    let state = land(&town).await;
    assert!(state.faults[0].contains(&fingerprint), "{:?}", state.faults);
    assert_eq!(*heard.lock().expect("no panic"), [""; 0], "nothing was sent");

    set_feed(&town, &source, &settings(&fingerprint));
    land(&town).await;
    assert_eq!(heard.lock().expect("no panic")[..2], ["csp reed-bunting", "sftp"]);
}

#[tokio::test]
async fn a_half_uploaded_file_and_a_link_are_left_and_said_so() {
    let Some(sshd) = Sshd::start() else { return };
    let town = town(&sshd.address("in/{period}*"), &sftp(&sshd, ""));
    sshd.put("in/2025-01.csv", JANUARY);
    sshd.put("secret", "not for us");
    std::os::unix::fs::symlink(sshd.path("secret"), sshd.path("in/2025-02.csv")).expect("a link");
    let path = sshd.path("in/2025-01.csv");
    let writer = std::thread::spawn(move || {
        let mut file = fs::OpenOptions::new().append(true).open(path).expect("a file");
        for number in 0..40 {
            writeln!(file, "late-{number},2025-01,W1").expect("a line");
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let state = land(&town).await;
    writer.join().expect("the writer ends");
    assert_eq!(landed(&town), []);
    assert!(
        missing(&state, "2025-01").ends_with("in/2025-01.csv: still being written; left for the next run")
    );
    assert!(missing(&state, "2025-02").contains("a link, which is not followed"), "{:?}", state.missing);
    sshd.put("in/2025-01.csv.filepart", JANUARY);
    let state = land(&town).await;
    assert_eq!((state.landed, landed(&town)[0].2.lines().count()), (1, 42));
}

#[tokio::test]
async fn a_thousand_files_are_landed() {
    let Some(sshd) = Sshd::start() else { return };
    for number in 0..1000 {
        sshd.put(&format!("in/2025-01-{number:04}.csv"), &format!("Ref,Month,Ward\nr{number},2025-01,W1\n"));
    }
    let town = town(&sshd.address("in/{period}-*.csv"), &sftp(&sshd, ""));
    let state = land(&town).await;
    assert_eq!((state.faults, state.landed), (Vec::new(), 1000));
    assert!(landed(&town).iter().all(|(_, file, text)| {
        text.contains(&format!("r{},", file[8..12].parse::<u32>().expect("a number")))
    }));
    assert_eq!(land(&town).await.landed, 0);
}

#[tokio::test]
async fn files_are_moved_to_the_done_folder_once_they_are_kept_and_none_is_overwritten_there() {
    let Some(sshd) = Sshd::start() else { return };
    let town = town(&sshd.address("in/{period}-*.csv"), &sftp(&sshd, "done-folder = \"done\""));
    sshd.put("in/2025-01-a.csv", JANUARY);
    assert_eq!(land(&town).await.faults, [""; 0]);
    assert!(!sshd.path("in/2025-01-a.csv").exists());
    assert_eq!(fs::read_to_string(sshd.path("in/done/2025-01-a.csv")).expect("the file"), JANUARY);
    let restated = format!("{JANUARY}c,2025-01,W2\n");
    sshd.put("in/2025-01-a.csv", &restated);
    let state = land(&town).await;
    assert_eq!((state.faults, state.landed), (Vec::new(), 1));
    assert!(!sshd.path("in/2025-01-a.csv").exists());
    let kept: Vec<String> = fs::read_dir(sshd.path("in/done"))
        .expect("the folder")
        .map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("a file"))
        .collect();
    assert!(kept.contains(&JANUARY.to_owned()) && kept.contains(&restated) && kept.len() == 2, "{kept:?}");
    let state = land(&town).await;
    assert_eq!((state.faults, state.landed, state.slots.len()), (Vec::new(), 0, 1), "what was landed stands");
}

#[tokio::test]
async fn a_server_that_is_down_is_asked_again_and_a_folder_that_is_not_there_is_not() {
    let Some(mut sshd) = Sshd::start() else { return };
    let town = town(&sshd.address("nowhere/{period}-*.csv"), &sftp(&sshd, ""));
    let state = land(&town).await;
    assert!(state.faults[0].ends_with("nowhere: no such file"), "{:?}", state.faults);
    sshd.stop();
    let state = land(&town).await;
    assert!(state.faults[0].contains("(asked 2 times): cannot be reached"), "{:?}", state.faults);
}

#[tokio::test]
async fn a_private_address_is_refused_by_every_transport_before_anything_is_sent() {
    let partner = FakePartner::start();
    for (source, rest) in [
        (
            format!("sftp://csp@{}/{{period}}.csv", partner.place()),
            SFTP.replace("${env:NOT_NEEDED}", "${file:key}"),
        ),
        (format!("postgres://csp@{}/db", partner.place()), "[postgres]\nquery = \"SELECT $1\"\n".to_owned()),
        (
            "s3://bucket/{period}.csv".to_owned(),
            format!("[store]\nendpoint = \"https://{}\"\n", partner.place()),
        ),
        (format!("https://{}/{{period}}.csv", partner.place()), String::new()),
    ] {
        let town = town(&source, &rest);
        let keygen = std::process::Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-t", "ed25519", "-f"])
            .arg(town.path("key"))
            .output();
        if source.starts_with("sftp") && keygen.is_err() {
            continue;
        }
        let state = land(&town).await;
        assert!(
            state.faults.iter().any(|fault| fault.contains("in a private network")),
            "{:?}",
            state.faults
        );
    }
    assert_eq!(partner.connections(), 0);
}

// PostgreSQL.

fn database(server: &Postgres, query: &str, rest: &str) -> Town {
    let town = town(
        &server.address(),
        &format!(
            "{INTERNAL}total-timeout-seconds = 2\n[postgres]\nquery = '''{query}'''\npassword = \"${{file:password}}\"\n\
             ca = \"{}\"\n{rest}\n",
            server.path("ca.pem").display()
        ),
    );
    write(&town, "password", &format!("{READER}\n"));
    town
}

#[tokio::test]
async fn a_select_is_asked_for_each_month_over_tls_and_kept_as_csv() {
    let Some(server) = Postgres::start() else { return };
    server.sql(
        "INSERT INTO incident VALUES \
         ('a', '2025-01', 'W1', '2025-01-31', 1.500, 0.1, true, 'said \"no\", twice'), \
         ('b', '2025-02', 'W2', '2025-02-01', 1e6, 'NaN', false, ''), \
         ('c', '2025-02', 'W1', '2025-02-28', NULL, 1e-300, NULL, E'two\\nlines')",
    );
    let query = "SELECT ref AS \"Ref\", month AS \"Month\", ward AS \"Ward\", reported, weight, share, closed, note, \
                 timestamptz '2025-06-01 00:30+01' AS at, ARRAY[1,2] AS list \
                 FROM incident WHERE reported >= $1 AND reported < $2 ORDER BY ref;";
    let town = database(&server, query, "");
    let state = land(&town).await;
    assert_eq!(state.faults, [""; 0]);
    let header = "Ref,Month,Ward,reported,weight,share,closed,note,at,list\n";
    let all = landed(&town);
    assert_eq!(
        all[0].2,
        format!(
            "{header}a,2025-01,W1,2025-01-31,1.500,0.1,t,\"said \"\"no\"\", twice\",2025-05-31 23:30:00+00,\"{{1,2}}\"\n"
        )
    );
    assert_eq!(
        all[1].2,
        format!(
            "{header}b,2025-02,W2,2025-02-01,1000000.000,NaN,f,\"\",2025-05-31 23:30:00+00,\"{{1,2}}\"\n\
             c,2025-02,W1,2025-02-28,,1e-300,,\"two\nlines\",2025-05-31 23:30:00+00,\"{{1,2}}\"\n"
        )
    );
    assert_eq!(all[0].1, "incidents.csv");
    assert_eq!(landing(&town).all()[0].source, format!("postgres://127.0.0.1:{}/postgres", server.port));
    assert_eq!(land(&town).await.landed, 0, "the same rows are the same delivery");
    let query = "SELECT ref AS \"Ref\", month AS \"Month\", ward AS \"Ward\" FROM incident \
                 WHERE reported >= $1 AND reported < $2 ORDER BY ref";
    let town = database(&server, query, "");
    let ran = town.outturn(&["--log", "debug", "run"]).output().expect("a run");
    assert_eq!(ran.status.code(), Some(0), "{}", stderr(&ran));
    assert!(stderr(&ran).contains("3 rows read"), "{}", stderr(&ran));
    assert_kept(READER, &town, &ran);
}

#[tokio::test]
async fn a_select_without_a_month_is_asked_once_a_run_and_read_in_batches() {
    let Some(server) = Postgres::start() else { return };
    server.sql("INSERT INTO incident (ref) SELECT 'r' || n FROM generate_series(1, 2345) AS n");
    let town =
        database(&server, "SELECT count(*) OVER () AS n, ref FROM incident ORDER BY length(ref), ref", "");
    set_mode(&town, "whole");
    let state = land(&town).await;
    assert_eq!((state.faults, state.landed), (Vec::new(), 1));
    let (month, _, text) = landed(&town).remove(0);
    assert_eq!(month, "2025-08");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1], lines[2345]), (2346, "n,ref", "2345,r1", "2345,r2345"));
    // Nothing to tell is a header too.
    let nothing = database(&server, "SELECT ref, ward FROM incident WHERE false", "");
    set_mode(&nothing, "whole");
    land(&nothing).await;
    assert_eq!(landed(&nothing)[0].2, "ref,ward\n");
}

fn set_mode(town: &Town, mode: &str) {
    let path = town.path("pipelines/town/feeds/incidents.toml");
    let text = fs::read_to_string(&path).expect("a feed");
    fs::write(path, format!("mode = \"{mode}\"\n{text}")).expect("a feed");
}

#[tokio::test]
async fn a_statement_that_writes_is_refused_whatever_its_shape() {
    let Some(server) = Postgres::start() else { return };
    server.sql(
        "GRANT ALL ON incident TO reader; CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS \
         'DELETE FROM incident RETURNING 1'; INSERT INTO incident (ref) VALUES ('stays')",
    );
    for (query, told) in [
        ("DELETE FROM incident WHERE reported >= $1", "(42601)"),
        ("WITH gone AS (DELETE FROM incident RETURNING ref) SELECT ref, $1 FROM gone", "(0A000)"),
        ("SELECT wipe(), $1", "cannot execute DELETE in a read-only transaction (25006)"),
        (
            "SELECT $1; DELETE FROM incident",
            "cannot insert multiple commands into a prepared statement (42601)",
        ),
        ("SELECT set_config('transaction_read_only', 'off', true), wipe(), $1", "(25001)"),
        ("SELECT $1, pg_read_file('/etc/passwd')", "permission denied for function pg_read_file (42501)"),
    ] {
        let town = database(&server, query, "");
        let state = land(&town).await;
        let told = if told == "(0A000)" { "code 0A000" } else { told };
        assert!(state.faults[0].contains(told), "{query}: {:?}", state.faults);
        assert!(!state.faults[0].contains("asked"), "{:?}", state.faults);
        assert_eq!(landed(&town), []);
    }
    assert_eq!(server.sql("SELECT ref FROM incident"), "stays\n");
}

#[tokio::test]
async fn a_query_that_takes_too_long_ends_and_a_fault_in_the_data_does_not_tell_the_data() {
    let Some(server) = Postgres::start() else { return };
    let begun = Instant::now();
    let state = land(&database(&server, "SELECT pg_sleep(60), $1", "")).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let fault = &state.faults[0];
    assert!(fault.contains("statement timeout (57014)") || fault.contains("timed out"), "{fault}");

    server.sql("INSERT INTO incident (ref) VALUES ('Mary Example')");
    let state = land(&database(&server, "SELECT ref::int, $1 FROM incident", "")).await;
    assert!(state.faults[0].contains("code 22P02"), "{:?}", state.faults);
    assert!(!state.faults[0].contains("Mary"), "{:?}", state.faults);
}

#[tokio::test]
async fn a_wrong_password_and_an_authority_that_is_not_trusted_are_told_at_the_first_attempt() {
    let Some(server) = Postgres::start() else { return };
    let town = database(&server, "SELECT $1", "");
    write(&town, "password", "brown-owl-0000\n");
    let ran = town.outturn(&["--log", "debug", "run"]).output().expect("a run");
    assert!(
        stderr(&ran).contains("password authentication failed for user \"reader\" (28P01)"),
        "{}",
        stderr(&ran)
    );
    assert_kept("brown-owl-0000", &town, &ran);

    let town = database(&server, "SELECT $1", "");
    let path = town.path("pipelines/town/feeds/incidents.toml");
    let text = fs::read_to_string(&path).expect("a feed");
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("ca = ")).collect();
    fs::write(&path, without.join("\n")).expect("a feed");
    let state = land(&town).await;
    let fault = &state.faults[0];
    assert!(fault.contains("no trustworthy secure connection") || fault.contains("`postgres.ca`"), "{fault}");
    assert!(!fault.contains("asked"), "{fault}");

    let open = database(&server, "SELECT $1 AS first, $2 AS next", "sslmode = \"disable\"");
    land(&open).await;
    assert_eq!(landed(&open)[0].2, "first,next\n2025-01-01,2025-02-01\n");
}

// Object stores.

fn bucket(store: &Store, source: &str, rest: &str) -> Town {
    let town = town(
        source,
        &format!(
            "{INTERNAL}\n[store]\nendpoint = \"{}\"\nregion = \"us-east-1\"\naccess-key-id = \"nobody\"\n\
             access-key = \"${{file:access-key}}\"\n{rest}\n",
            store.endpoint()
        ),
    );
    write(&town, "access-key", "corncrake-903\n");
    town
}

#[tokio::test]
async fn an_object_is_asked_for_by_its_name_and_fetched_again_only_when_it_changed() {
    let Some(store) = Store::start() else { return };
    store.put("/bucket", "");
    store.put("/bucket/asb/2025_01.csv", JANUARY);
    let town = bucket(&store, "s3://bucket/asb/{period:%Y_%m}.csv", "");
    let state = land(&town).await;
    assert_eq!((state.faults.clone(), state.landed), (Vec::new(), 1));
    assert_eq!(missing(&state, "2025-02"), "the publisher has nothing for it");
    let delivery = landing(&town).all()[0].clone();
    assert_eq!(delivery.source, "s3://bucket/asb/2025_01.csv");
    // The entity tag of S3 is the MD5 of the bytes, here as md5sum(1) prints it.
    assert_eq!(delivery.etag.as_deref(), Some("\"6b02622b0b381d84b22c22c905f350e0\""));
    store.put("/bucket/asb/2025_02.csv", FEBRUARY);
    assert_eq!(land(&town).await.landed, 1);
    store.put("/bucket/asb/2025_01.csv", &format!("{JANUARY}c,2025-01,W2\n"));
    assert_eq!(land(&town).await.landed, 1);
    assert_eq!(land(&town).await.landed, 0);
    let ran = town.outturn(&["--log", "debug", "run"]).output().expect("a run");
    assert_eq!(ran.status.code(), Some(0), "{}", stderr(&ran));
    assert_kept("corncrake-903", &town, &ran);
}

#[tokio::test]
async fn objects_are_found_by_a_pattern_below_its_folder() {
    let Some(store) = Store::start() else { return };
    store.put("/bucket", "");
    for (key, text) in [
        ("asb/2025-01-north.csv", JANUARY),
        ("asb/2025-01-south.csv", "Ref,Month,Ward\nz,2025-01,W2\n"),
        ("asb/2025-02-north.csv", FEBRUARY),
        ("asb/2025-09-north.csv", "beyond the last month"),
        ("asb/old/2025-01-north.csv", "in another folder"),
        ("asbestos/2025-01-north.csv", "in another folder"),
    ] {
        store.put(&format!("/bucket/{key}"), text);
    }
    let town = bucket(&store, "s3://bucket/asb/{period}-{division}.csv", "");
    // Before either month is due: what is early is taken all the same.
    let state = land_at(&town, "2025-02-10T05:30:00Z").await.remove(0);
    assert_eq!((state.faults.clone(), state.landed), (Vec::new(), 3));
    let files: Vec<String> = landed(&town).into_iter().map(|(_, file, _)| file).collect();
    assert_eq!(files, ["2025-01-north.csv", "2025-01-south.csv", "2025-02-north.csv"]);
    assert_eq!(landing(&town).all()[1].captures["division"], "south");
    assert_eq!(land(&town).await.landed, 0);
}

#[tokio::test]
async fn a_bucket_that_is_not_there_and_an_object_that_is_too_large_are_told() {
    let Some(store) = Store::start() else { return };
    let town = bucket(&store, "s3://nowhere/asb/{period}-*.csv", "");
    let state = land(&town).await;
    assert!(state.faults[0].contains("NoSuchBucket"), "{:?}", state.faults);
    store.put("/bucket", "");
    store.put("/bucket/2025-01.csv", JANUARY);
    let town = bucket(&store, "s3://bucket/{period}.csv", "");
    let path = town.path("pipelines/town/feeds/incidents.toml");
    let text =
        fs::read_to_string(&path).expect("a feed").replace("attempts = 2", "attempts = 2\nmax-bytes = 10");
    fs::write(path, text).expect("a feed");
    let state = land(&town).await;
    assert!(state.faults[0].contains("larger than 10 bytes"), "{:?}", state.faults);
    assert_eq!(landed(&town), []);
}

/// A stand-in for a store of another vendor: it answers what their documents say of listing and reading, and checks no
/// signature.
fn stand_in(list: &str, listed: String, objects: &[(&str, &str)]) -> FakePartner {
    let modified = "Last-Modified: Sat, 01 Feb 2025 06:00:00 GMT";
    let partner =
        FakePartner::start().and(list, [Answer::with(200, &["Content-Type: application/xml"], listed)]);
    objects.iter().fold(partner, |partner, (path, text)| {
        partner.and(path, [Answer::with(200, &["ETag: \"0x8D\"", modified, "Content-Type: text/csv"], text)])
    })
}

/// A project whose feed fetches from the server with this key.
fn container(store: &Azurite, source: &str, key: &str) -> Town {
    let store = store.endpoint();
    let town = town(
        source,
        &format!(
            "{INTERNAL}\n[store]\nendpoint = \"{store}\"\naccount = \"town\"\naccess-key = \"${{file:access-key}}\"\n"
        ),
    );
    write(&town, "access-key", &format!("{key}\n"));
    town
}

#[tokio::test]
async fn blobs_of_azure_are_found_by_a_pattern_and_fetched_again_only_when_they_changed() {
    let Some(store) = Azurite::start() else { return };
    store.put(
        "deliveries",
        &[
            ("asb/2025-01-north.csv", JANUARY),
            ("asb/2025-02-north.csv", FEBRUARY),
            ("asb/old/2025-01-north.csv", "in another folder"),
            ("asbestos/2025-01-north.csv", "in another folder"),
            ("asb/readme.txt", "something else"),
        ],
    );
    let town = container(&store, "az://deliveries/asb/{period}-{division}.csv", AZURE_KEY);
    let state = land(&town).await;
    assert_eq!((state.faults.clone(), state.landed), (Vec::new(), 2));
    let all = landing(&town).all().to_vec();
    assert_eq!(all[0].source, "az://deliveries/asb/2025-01-north.csv");
    assert_eq!(all[0].captures["division"], "north");
    assert_eq!(landed(&town)[1].2, FEBRUARY);
    assert_eq!(land(&town).await.landed, 0);
    let ran = town.outturn(&["--log", "debug", "run"]).output().expect("a run");
    assert_eq!(ran.status.code(), Some(0), "{}", stderr(&ran));
    assert_kept(AZURE_KEY, &town, &ran);

    store.put("deliveries", &[("asb/2025-01-north.csv", &format!("{JANUARY}c,2025-01,W2\n"))]);
    assert_eq!(land(&town).await.landed, 1);
    let named = container(&store, "az://deliveries/asb/{period}-north.csv", AZURE_KEY);
    assert_eq!(land(&named).await.landed, 2);
}

#[tokio::test]
async fn a_key_that_azure_does_not_take_and_a_container_that_is_not_there_are_told() {
    let Some(store) = Azurite::start() else { return };
    store.put("deliveries", &[("2025-01.csv", JANUARY)]);
    // `brown-owl-0000` in Base64.
    let wrong = "YnJvd24tb3dsLTAwMDA=";
    let town = container(&store, "az://deliveries/{period}*.csv", wrong);
    let state = land(&town).await;
    assert!(
        state.faults[0].contains("refused: the account or key of `[store]`")
            && state.faults[0].contains("AuthorizationFailure"),
        "{:?}",
        state.faults
    );
    assert_eq!(landed(&town), []);
    let ran = town.outturn(&["--log", "debug", "run"]).output().expect("a run");
    assert_kept(wrong, &town, &ran);
    let town = container(&store, "az://nowhere/{period}*.csv", AZURE_KEY);
    let state = land(&town).await;
    assert!(state.faults[0].contains("ContainerNotFound"), "{:?}", state.faults);
}

#[tokio::test]
async fn objects_of_google_are_listed_and_read_as_its_documents_say() {
    let object = |name: &str, length: usize| {
        format!(
            "<Contents><Key>{name}</Key><LastModified>2025-02-01T06:00:00.000Z</LastModified><ETag>\"0x8D\"</ETag>\
             <Size>{length}</Size></Contents>"
        )
    };
    let listed = format!(
        "<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'>\
         <Name>deliveries</Name><Prefix>asb/</Prefix><IsTruncated>false</IsTruncated>{}{}</ListBucketResult>",
        object("asb/2025-01-north.csv", JANUARY.len()),
        object("asb/2025-02-north.csv", FEBRUARY.len())
    );
    // The key of an object is one part of the path, its slashes written as %2F.
    let objects = [
        ("/deliveries/asb%2F2025%2D01%2Dnorth%2Ecsv", JANUARY),
        ("/deliveries/asb%2F2025%2D02%2Dnorth%2Ecsv", FEBRUARY),
    ];
    let store = stand_in("/deliveries", listed, &objects);
    let endpoint = store.url("/").as_str().trim_end_matches('/').to_owned();
    let town = town(
        "gs://deliveries/asb/{period}-{division}.csv",
        &format!("{INTERNAL}\n[store]\nendpoint = \"{endpoint}\"\nanonymous = true\n"),
    );
    let state = land(&town).await;
    assert_eq!((state.faults.clone(), state.landed), (Vec::new(), 2));
    assert_eq!(landing(&town).all()[1].source, "gs://deliveries/asb/2025-02-north.csv");
    assert!(store.requests().iter().all(|request| request.header("authorization").is_none()));
    assert_eq!(land(&town).await.landed, 0);
}

#[tokio::test]
async fn an_rsa_key_is_told_from_one_that_cannot_be_read() {
    // Kinds of keys and ways of writing them, encrypted or not.
    for (more, words) in [
        (&["-t", "rsa", "-b", "2048"][..], "an RSA key, which cannot be used"),
        (&["-t", "rsa", "-b", "2048", "-m", "PEM"], "an RSA key, which cannot be used"),
        (&["-t", "ed25519"], "is `passphrase` right?"),
    ] {
        let town = town(
            "sftp://csp@127.0.0.1:9/{period}.csv",
            &format!(
                "{INTERNAL}\n{}\npassphrase = \"${{file:passphrase}}\"\n",
                SFTP.replace("env:NOT_NEEDED", "file:key").trim()
            ),
        );
        write(&town, "passphrase", "not the one\n");
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-N", "a passphrase", "-f"])
            .arg(town.path("key"))
            .args(more)
            .status();
        if made.is_err() {
            servers::missing::<()>("ssh-keygen");
            return;
        }
        let state = land(&town).await;
        assert!(state.faults[0].contains(words), "{:?}", state.faults);
    }
}
