//! Fetching over HTTP, against a partner on a real socket who answers as scripted.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "support/partner.rs"]
#[expect(dead_code, reason = "what a test of archives needs is not needed here")]
mod partner;

use std::error::Error as _;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use outturn::feed::http::{
    Authorization, Client, Fetched, Held, HttpError, HttpSettings, Limit, NoData, Patience, RedirectFault,
};
use partner::{Answer, FakePartner};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tempfile::TempDir;
use url::Url;

const CSV: &str = "month,incidents\n2025-04,12\n";
/// Of `CSV`, as `sha256sum` computes it.
const CSV_SHA256: &str = "5c281222571e516099dd36655ce00a1f2901e773ccad9fbed50574fab39c927c";

/// What the tests ask with: short waits, the loopback interface permitted.
fn settings() -> HttpSettings {
    HttpSettings {
        idle_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(20),
        backoff_base: Duration::from_millis(1),
        backoff_cap: Duration::from_millis(4),
        max_attempts: 3,
        internal: true,
        ..HttpSettings::default()
    }
}

/// One fetch into a folder of its own.
struct Visit {
    outcome: Result<Fetched, HttpError>,
    pauses: Vec<Duration>,
    folder: TempDir,
}

impl Visit {
    async fn to(url: &Url, held: Option<&Held>, settings: &HttpSettings) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let client = Client::new(settings).expect("a client");
        let mut patience = Patience::without_sleeping(settings.deadline, 7);
        let outcome = client.fetch(url, held, folder.path(), settings, &mut patience).await;
        Self { outcome, pauses: patience.pauses().to_vec(), folder }
    }

    fn error(self) -> HttpError {
        let left = fs::read_dir(self.folder.path()).expect("the folder is there").count();
        assert_eq!(left, 0, "a failed fetch leaves no file behind");
        self.outcome.expect_err("the fetch was to fail")
    }

    /// The bytes that were landed, after checking length and digest against the file.
    fn delivered(self) -> (Vec<u8>, Fetched) {
        let fetched = self.outcome.expect("the fetch was to succeed");
        let Fetched::Delivered { path, bytes, .. } = &fetched else { panic!("not delivered: {fetched:?}") };
        let content = fs::read(path).expect("the delivery can be read");
        assert_eq!(content.len() as u64, *bytes);
        assert_eq!(path.parent(), Some(self.folder.path()));
        (content, fetched)
    }
}

async fn visit(partner: &FakePartner) -> Visit {
    Visit::to(&partner.url("/asb.csv"), None, &settings()).await
}

fn partner(answers: impl IntoIterator<Item = Answer>) -> FakePartner {
    FakePartner::start().and("/asb.csv", answers)
}

fn csv() -> Answer {
    Answer::with(
        200,
        &["Content-Type: text/csv", "ETag: \"2\"", "Last-Modified: Mon, 12 May 2025 04:00:00 GMT"],
        CSV,
    )
}

fn held() -> Held {
    Held { etag: Some("\"1\"".to_owned()), last_modified: Some("Sat, 12 Apr 2025 04:00:00 GMT".to_owned()) }
}

#[tokio::test]
async fn a_file_is_landed_as_sent_with_its_digest_and_validators() {
    let partner = partner([csv()]);
    let (content, fetched) = visit(&partner).await.delivered();
    assert_eq!(content, CSV.as_bytes());
    let Fetched::Delivered { sha256, etag, last_modified, content_type, length_stated, .. } = fetched else {
        unreachable!()
    };
    assert_eq!(sha256, CSV_SHA256);
    assert_eq!(etag.as_deref(), Some("\"2\""));
    assert_eq!(last_modified.as_deref(), Some("Mon, 12 May 2025 04:00:00 GMT"));
    assert_eq!(content_type.as_deref(), Some("text/csv"));
    assert!(length_stated);
}

#[tokio::test]
async fn a_request_names_the_program_and_asks_for_no_encoding_and_nothing_conditional() {
    let partner = partner([csv()]);
    visit(&partner).await.delivered();
    let request = partner.requests().remove(0);
    assert!(request.header("User-Agent").is_some_and(|agent| agent.starts_with("outturn/")));
    for absent in ["Accept-Encoding", "If-None-Match", "If-Modified-Since", "Authorization", "Referer"] {
        assert_eq!(request.header(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn a_missing_file_is_an_answer_and_is_asked_for_once() {
    for status in [404, 410] {
        let partner = partner([Answer::with(status, &["Content-Type: text/html"], "<html>not here")]);
        let outcome = visit(&partner).await.outcome;
        assert!(matches!(outcome, Ok(Fetched::Absent { status: found }) if found == status), "{outcome:?}");
        assert_eq!(partner.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_refusal_is_not_asked_again() {
    for status in [400, 401, 403, 405, 451, 501, 505] {
        let partner = partner([Answer::with(status, &["Retry-After: 1"], "no")]);
        let error = visit(&partner).await.error();
        assert!(matches!(error, HttpError::Refused { status: found, .. } if found == status), "{error:?}");
        assert_eq!(error.attempts(), 1);
        assert_eq!(partner.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_passing_trouble_is_asked_again_until_it_has_passed() {
    for status in [408, 425, 429, 500, 502, 503, 504, 522] {
        let partner = partner([Answer::with(status, &[], "busy"), csv()]);
        let (content, _) = visit(&partner).await.delivered();
        assert_eq!(content, CSV.as_bytes());
        assert_eq!(partner.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_lasting_trouble_is_given_up_after_the_last_attempt() {
    let partner = partner([Answer::with(503, &[], "busy")]);
    let error = visit(&partner).await.error();
    assert!(matches!(error, HttpError::Unavailable { status: 503, .. }), "{error:?}");
    assert_eq!(error.attempts(), 3);
    assert_eq!(
        error.to_string(),
        format!("{} (asked 3 times): not available, status 503", partner.url("/asb.csv"))
    );
    assert_eq!(partner.requests().len(), 3);
}

#[tokio::test]
async fn the_pause_that_a_publisher_asks_for_is_kept() {
    let busy = Answer::with(429, &["Retry-After: 120"], "");
    let dated = Answer::with(
        503,
        &["Date: Mon, 12 May 2025 04:00:00 GMT", "Retry-After: Mon, 12 May 2025 04:03:00 GMT"],
        "",
    );
    let partner = partner([busy, dated, csv()]);
    let visit = visit(&partner).await;
    assert_eq!(visit.pauses, [Duration::from_mins(2), Duration::from_mins(3)]);
    visit.delivered();
}

#[tokio::test]
async fn a_pause_is_really_slept() {
    let partner = partner([Answer::with(429, &["Retry-After: 1"], ""), csv()]);
    let (folder, settings) = (TempDir::new().expect("a temporary folder"), settings());
    let mut patience = Patience::new(settings.deadline, 7);
    let started = std::time::Instant::now();
    let client = Client::new(&settings).expect("a client");
    let fetched = client.fetch(&partner.url("/asb.csv"), None, folder.path(), &settings, &mut patience).await;
    assert!(matches!(fetched, Ok(Fetched::Delivered { .. })), "{fetched:?}");
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_pause_asked_for_is_capped() {
    let partner = partner([Answer::with(503, &["Retry-After: 99999999999999999999999"], ""), csv()]);
    let visit = visit(&partner).await;
    assert_eq!(visit.pauses, [Duration::from_mins(15)]);
    visit.delivered();
}

#[tokio::test]
async fn a_pause_that_makes_no_sense_is_ignored() {
    let junk = [
        "soon",
        "-5",
        "1.5",
        "Mon, 99 May 2025 04:00:00 GMT",
        "Mon, 12 May 2025 03:00:00 GMT",
        "",
        "\u{1}\u{ff}",
    ];
    for junk in junk {
        let header = format!("Retry-After: {junk}");
        let partner =
            partner([Answer::with(503, &["Date: Mon, 12 May 2025 04:00:00 GMT", &header], ""), csv()]);
        let visit = visit(&partner).await;
        if junk.starts_with('\u{1}') {
            // A control character makes the whole head no HTTP.
            assert!(matches!(visit.error(), HttpError::Malformed { .. }));
            continue;
        }
        assert!(
            visit.pauses.iter().all(|pause| *pause <= Duration::from_millis(4)),
            "{junk}: {:?}",
            visit.pauses
        );
        visit.delivered();
    }
}

#[tokio::test]
async fn nobody_sleeps_past_the_deadline_of_the_feed() {
    let partner = partner([Answer::with(503, &["Retry-After: 600"], "")]);
    let settings = HttpSettings { deadline: Duration::from_mins(15), ..settings() };
    let visit = Visit::to(&partner.url("/asb.csv"), None, &settings).await;
    assert_eq!(visit.pauses, [Duration::from_mins(10)]);
    assert!(matches!(visit.error(), HttpError::Unavailable { asked, .. } if asked.attempts == 2));
}

#[tokio::test]
async fn pauses_grow_within_their_cap_and_differ_between_feeds() {
    let partner = partner([Answer::with(503, &[], "")]);
    let settings =
        HttpSettings { max_attempts: 12, ..HttpSettings { internal: true, ..HttpSettings::default() } };
    let client = Client::new(&settings).expect("a client");
    let mut drawn = Vec::new();
    for seed in [1, 2] {
        let folder = TempDir::new().expect("a temporary folder");
        let mut patience = Patience::without_sleeping(Duration::from_hours(9), seed);
        let outcome =
            client.fetch(&partner.url("/asb.csv"), None, folder.path(), &settings, &mut patience).await;
        assert!(outcome.is_err());
        let pauses = patience.pauses().to_vec();
        assert_eq!(pauses.len(), 11);
        for (index, pause) in (0_u32..).zip(&pauses) {
            let limit = Duration::from_secs(2) * 2_u32.pow(index);
            assert!(*pause <= limit.min(Duration::from_mins(5)), "pause {index}: {pause:?}");
        }
        drawn.push(pauses);
    }
    assert_ne!(drawn[0], drawn[1]);
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_then_reported() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let url = Url::parse(&format!("http://{free}/asb.csv")).expect("a URL");
    let error = Visit::to(&url, None, &settings()).await.error();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.attempts(), 3);
}

#[tokio::test]
async fn an_unknown_name_is_unreachable() {
    let url = Url::parse("http://partner.invalid/asb.csv").expect("a URL");
    for internal in [true, false] {
        let settings = HttpSettings { max_attempts: 2, internal, ..settings() };
        let error = Visit::to(&url, None, &settings).await.error();
        assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
        assert_eq!(error.attempts(), 2);
    }
}

#[tokio::test]
async fn a_connection_broken_within_the_headers_is_asked_again() {
    let broken =
        Answer::raw("HTTP/1.1 200 OK\r\nContent-Ty").then_pause(Duration::from_millis(30)).then_reset();
    let closed = Answer::raw("HTTP/1.1 200 OK\r\n");
    let partner = partner([broken, closed, csv()]);
    visit(&partner).await.delivered();
    assert_eq!(partner.requests().len(), 3);
}

#[tokio::test]
async fn a_connection_broken_within_the_body_is_asked_again() {
    let broken = Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\nmonth,")
        .then_pause(Duration::from_millis(30))
        .then_reset();
    let partner = partner([broken, csv()]);
    let (content, _) = visit(&partner).await.delivered();
    assert_eq!(content, CSV.as_bytes(), "the second attempt starts a new file");
}

#[tokio::test]
async fn headers_that_never_end_time_out() {
    let dribble = Answer::raw("HTTP/1.1 200 OK\r\nX-Slow: ").then_forever("a", Duration::from_millis(10));
    let partner = partner([dribble]);
    let settings = HttpSettings {
        connect_timeout: Duration::from_millis(100),
        idle_timeout: Duration::from_millis(100),
        max_attempts: 2,
        ..settings()
    };
    let error = Visit::to(&partner.url("/asb.csv"), None, &settings).await.error();
    let expected = Limit::Answer(Duration::from_millis(200));
    assert!(matches!(error, HttpError::TimedOut { limit, .. } if limit == expected), "{error:?}");
    assert_eq!(partner.requests().len(), 2);
}

#[tokio::test]
async fn a_body_that_stops_times_out_and_is_asked_for_again() {
    let stalled = Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\nmonth,")
        .then_pause(Duration::from_secs(20));
    let settings = HttpSettings { idle_timeout: Duration::from_millis(100), ..settings() };
    let patient = partner([stalled.clone(), csv()]);
    Visit::to(&patient.url("/asb.csv"), None, &settings).await.delivered();

    let lost = partner([stalled]);
    let error = Visit::to(&lost.url("/asb.csv"), None, &settings).await.error();
    let expected = Limit::Idle(Duration::from_millis(100));
    assert!(matches!(error, HttpError::TimedOut { limit, .. } if limit == expected), "{error:?}");
}

#[tokio::test]
async fn a_body_that_only_trickles_times_out() {
    let trickle = Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 2700\r\n\r\n")
        .then_forever("1", Duration::from_millis(20));
    let partner = partner([trickle]);
    let settings =
        HttpSettings { minimum_rate_window: Duration::from_millis(150), max_attempts: 1, ..settings() };
    let error = Visit::to(&partner.url("/asb.csv"), None, &settings).await.error();
    assert!(matches!(error, HttpError::TimedOut { limit: Limit::Rate(1024), .. }), "{error:?}");
}

#[tokio::test]
async fn a_slow_but_healthy_publisher_is_waited_for() {
    let mut answer =
        Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n").then_pause(Duration::from_millis(100));
    for piece in CSV.as_bytes().chunks(9) {
        answer = answer.then(piece).then_pause(Duration::from_millis(100));
    }
    let partner = partner([answer]);
    let settings = HttpSettings { idle_timeout: Duration::from_millis(1500), ..settings() };
    let (content, _) = Visit::to(&partner.url("/asb.csv"), None, &settings).await.delivered();
    assert_eq!(content, CSV.as_bytes());
    assert_eq!(partner.requests().len(), 1);
}

#[tokio::test]
async fn a_whole_attempt_has_an_end_even_if_bytes_keep_coming() {
    let endless = Answer::raw("HTTP/1.1 200 OK\r\n\r\n").then_forever([b'1'; 4096], Duration::from_millis(1));
    let partner = partner([endless]);
    let total_timeout = Duration::from_millis(200);
    let settings = HttpSettings { total_timeout, max_attempts: 2, ..settings() };
    let error = Visit::to(&partner.url("/asb.csv"), None, &settings).await.error();
    assert!(
        matches!(error, HttpError::TimedOut { limit: Limit::Total(found), .. } if found == total_timeout)
    );
    assert_eq!(error.attempts(), 2);
}

#[tokio::test]
async fn the_deadline_of_the_feed_ends_an_attempt() {
    let endless = Answer::raw("HTTP/1.1 200 OK\r\n\r\n").then_forever([b'1'; 4096], Duration::from_millis(1));
    let partner = partner([endless]);
    let settings = HttpSettings { deadline: Duration::from_millis(200), ..settings() };
    let error = Visit::to(&partner.url("/asb.csv"), None, &settings).await.error();
    assert!(matches!(error, HttpError::TimedOut { limit: Limit::Deadline, .. }), "{error:?}");
    assert_eq!(error.attempts(), 1);
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_asked_for_again_and_never_landed() {
    let short = Answer::raw(format!("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{CSV}"));
    let patient = partner([short.clone(), csv()]);
    visit(&patient).await.delivered();

    let lost = partner([short]);
    let error = visit(&lost).await.error();
    assert!(matches!(error, HttpError::Cut { bytes: 27, expected: Some(100), .. }), "{error:?}");
    assert_eq!(error.attempts(), 3);
    assert!(error.to_string().ends_with("(asked 3 times): broke off after 27 bytes of 100"), "{error}");
}

#[tokio::test]
async fn chunks_cut_short_or_nonsensical_are_asked_for_again_and_never_landed() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in [
        "1b\r\nmonth,inc",
        "6\r\nmonth,\r\n",
        "zz\r\nmonth,\r\n0\r\n\r\n",
        "6\r\nmonth,incidents\r\n0\r\n\r\n",
    ] {
        let partner = partner([Answer::raw(format!("{head}{body}"))]);
        let error = visit(&partner).await.error();
        assert!(matches!(error, HttpError::Cut { expected: None, .. }), "{body}: {error:?}");
        assert_eq!(error.attempts(), 3);
    }
    let whole = partner([Answer::raw(format!("{head}1b\r\n{CSV}\r\n0\r\n\r\n"))]);
    let (content, fetched) = visit(&whole).await.delivered();
    assert_eq!(content, CSV.as_bytes());
    assert!(matches!(fetched, Fetched::Delivered { length_stated: true, .. }));
}

#[tokio::test]
async fn a_body_without_stated_length_says_so() {
    let partner = partner([Answer::raw(format!("HTTP/1.0 200 OK\r\n\r\n{CSV}"))]);
    let (content, fetched) = visit(&partner).await.delivered();
    assert_eq!(content, CSV.as_bytes());
    assert!(matches!(fetched, Fetched::Delivered { length_stated: false, .. }));
}

#[tokio::test]
async fn a_body_larger_than_the_limit_is_stopped_and_not_asked_for_again() {
    let endless = Answer::raw("HTTP/1.1 200 OK\r\n\r\n").then_forever([b'1'; 4096], Duration::ZERO);
    let announced =
        Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n").then_pause(Duration::from_secs(20));
    let settings = HttpSettings { max_bytes: 100_000, ..settings() };
    for answer in [endless, announced] {
        let partner = partner([answer]);
        let error = Visit::to(&partner.url("/asb.csv"), None, &settings).await.error();
        assert!(matches!(error, HttpError::TooLarge { limit: 100_000, .. }), "{error:?}");
        assert_eq!(partner.requests().len(), 1);
    }
    let just = partner([Answer::with(200, &[], vec![b'1'; 100_000])]);
    Visit::to(&just.url("/asb.csv"), None, &settings).await.delivered();
}

#[tokio::test]
async fn a_web_page_instead_of_data_is_refused() {
    let page = "\u{feff}\r\n <!DOCTYPE html><title>Sign in</title>";
    for (content_type, body) in [("text/html; charset=utf-8", "Sorry"), ("text/csv", page)] {
        let partner = FakePartner::answering("/asb.csv", 200, content_type, body);
        let error = visit(&partner).await.error();
        assert!(matches!(error, HttpError::NotData { found: NoData::WebPage, .. }), "{error:?}");
        assert!(error.to_string().contains("looks like a web page"), "{error}");
        assert_eq!(partner.requests().len(), 1);
    }
    let split =
        Answer::raw("HTTP/1.1 200 OK\r\n\r\n<!doc").then_pause(Duration::from_millis(30)).then("type html>");
    let error = visit(&partner([split])).await.error();
    assert!(matches!(error, HttpError::NotData { found: NoData::WebPage, .. }), "{error:?}");
}

#[tokio::test]
async fn an_empty_answer_is_refused() {
    for answer in [Answer::with(200, &["Content-Type: text/csv"], ""), Answer::with(204, &[], "")] {
        let partner = partner([answer]);
        let error = visit(&partner).await.error();
        assert!(matches!(error, HttpError::NotData { found: NoData::Empty, .. }), "{error:?}");
        assert_eq!(partner.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_is_still_current_is_not_fetched_again() {
    let partner = partner([Answer::with(304, &["ETag: \"1\""], "")]);
    let outcome = Visit::to(&partner.url("/asb.csv"), Some(&held()), &settings()).await.outcome;
    assert!(matches!(outcome, Ok(Fetched::NotModified)), "{outcome:?}");
    let request = partner.requests().remove(0);
    assert_eq!(request.header("If-None-Match"), Some("\"1\""));
    assert_eq!(request.header("If-Modified-Since"), Some("Sat, 12 Apr 2025 04:00:00 GMT"));
}

#[tokio::test]
async fn not_modified_without_anything_held_leads_to_one_full_fetch() {
    for held in [None, Some(Held::default())] {
        let patient = partner([Answer::with(304, &[], ""), csv()]);
        Visit::to(&patient.url("/asb.csv"), held.as_ref(), &settings()).await.delivered();
        assert_eq!(patient.requests()[1].header("Cache-Control"), Some("no-cache"));

        let stubborn = partner([Answer::with(304, &[], "")]);
        let error = Visit::to(&stubborn.url("/asb.csv"), held.as_ref(), &settings()).await.error();
        assert!(matches!(error, HttpError::Unexpected { status: 304, .. }), "{error:?}");
        assert_eq!(stubborn.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_new_body_under_an_old_etag_is_a_delivery() {
    let partner = partner([Answer::with(200, &["ETag: \"1\""], CSV)]);
    let (content, fetched) =
        Visit::to(&partner.url("/asb.csv"), Some(&held()), &settings()).await.delivered();
    assert_eq!(content, CSV.as_bytes());
    assert!(matches!(fetched, Fetched::Delivered { etag: Some(etag), .. } if etag == "\"1\""));
}

#[tokio::test]
async fn a_part_that_nobody_asked_for_is_refused() {
    let partner = partner([Answer::with(206, &["Content-Range: bytes 0-5/27"], "month,")]);
    let error = visit(&partner).await.error();
    assert!(matches!(error, HttpError::Unexpected { status: 206, .. }), "{error:?}");
}

#[tokio::test]
async fn redirects_at_the_same_publisher_are_followed_five_times() {
    let mut partner = FakePartner::start().and("/5", [csv()]);
    for hop in 0..5 {
        let location = format!("Location: {}", hop + 1);
        partner = partner.and(&format!("/{hop}"), [Answer::with(302 + hop % 2, &[&location], "")]);
    }
    let (content, _) = Visit::to(&partner.url("/0"), Some(&held()), &settings()).await.delivered();
    assert_eq!(content, CSV.as_bytes());
    assert_eq!(partner.requests().len(), 6);
    assert_eq!(partner.requests()[5].header("If-None-Match"), Some("\"1\""));
}

#[tokio::test]
async fn a_redirect_loop_ends_after_five_hops() {
    let partner = partner([Answer::with(301, &["Location: /asb.csv"], "")]);
    let error = visit(&partner).await.error();
    assert!(matches!(error, HttpError::Redirected { why: RedirectFault::TooMany, .. }), "{error:?}");
    assert_eq!(partner.requests().len(), 6);
}

#[tokio::test]
async fn a_redirect_to_another_host_is_refused_and_nothing_is_sent_there() {
    let other = FakePartner::answering("/asb.csv", 200, "text/csv", CSV);
    let location = format!("Location: {}", other.url("/asb.csv?token=SECRET"));
    let partner = partner([Answer::with(302, &[&location], "")]);
    let error = visit(&partner).await.error();
    assert!(matches!(error, HttpError::Redirected { why: RedirectFault::OtherHost, .. }), "{error:?}");
    assert!(
        error.to_string().contains(&format!("redirect to http://{} not followed", other.place())),
        "{error}"
    );
    assert_eq!(partner.requests().len(), 1);
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_listed_host_is_followed_without_telling_it_who_we_are_or_what_we_hold() {
    let other = FakePartner::answering("/asb.csv", 200, "text/csv", CSV);
    let location = format!("Location: http://mallory:x@{}/asb.csv", other.place());
    let partner = partner([Answer::with(302, &[&location], "")]);
    let token = Authorization::new("Bearer SECRET").expect("a header can carry it");
    for authorization in [None, Some(token)] {
        let settings = HttpSettings { redirect_hosts: vec![other.place()], authorization, ..settings() };
        let mut url = partner.url("/asb.csv");
        url.set_username("csp").expect("a URL with a host");
        Visit::to(&url, Some(&held()), &settings).await.delivered();
    }
    for request in partner.requests() {
        assert!(request.header("Authorization").is_some() && request.header("If-None-Match").is_some());
    }
    assert_eq!(partner.requests()[1].header("Authorization"), Some("Bearer SECRET"));
    assert_eq!(other.requests().len(), 2);
    for request in other.requests() {
        for absent in ["Authorization", "If-None-Match", "If-Modified-Since", "Referer"] {
            assert_eq!(request.header(absent), None, "{absent}");
        }
    }
}

#[tokio::test]
async fn a_redirect_to_another_scheme_is_refused() {
    for target in
        ["file:///etc/passwd", "ftp://127.0.0.1/asb.csv", "data:text/csv,month", "gopher://127.0.0.1/"]
    {
        let partner = partner([Answer::with(302, &[&format!("Location: {target}")], "")]);
        let error = visit(&partner).await.error();
        assert!(
            matches!(error, HttpError::Redirected { why: RedirectFault::Scheme, .. }),
            "{target}: {error:?}"
        );
        assert_eq!(partner.requests().len(), 1);
    }
    let partner = partner([Answer::with(302, &[], "")]);
    let error = visit(&partner).await.error();
    assert!(matches!(error, HttpError::Redirected { why: RedirectFault::Unreadable, .. }), "{error:?}");
}

#[tokio::test]
async fn twenty_megabytes_of_headers_are_refused() {
    let line = format!("X-Padding: {}\r\n", "a".repeat(8000));
    let partner = partner([Answer::raw("HTTP/1.1 200 OK\r\n").then(line.repeat(2500)).then("\r\n")]);
    let error = visit(&partner).await.error();
    assert!(matches!(error, HttpError::Malformed { .. }), "{error:?}");
    assert_eq!(partner.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_refused() {
    for answer in ["SSH-2.0-OpenSSH_9.6\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n", "HTTP/1.1 9999 OK\r\n\r\n"] {
        let partner = partner([Answer::raw(answer)]);
        let error = visit(&partner).await.error();
        assert!(matches!(error, HttpError::Malformed { .. }), "{answer}: {error:?}");
        assert_eq!(partner.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_compressed_body_is_landed_as_received() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(CSV.as_bytes()).expect("memory takes it");
    let gzip = gzip.finish().expect("memory takes it");
    let partner = partner([Answer::with(200, &["Content-Type: text/csv", "Content-Encoding: gzip"], &gzip)]);
    let (content, _) = visit(&partner).await.delivered();
    assert_eq!(content, gzip);
}

#[tokio::test]
async fn secrets_in_an_address_appear_in_no_error() {
    let partner = partner([Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nBODY")]);
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    for place in [partner.place(), free.to_string()] {
        let url = format!("http://csp:SECRET@{place}/asb.csv?token=SECRET#SECRET");
        let error = Visit::to(&Url::parse(&url).expect("a URL"), None, &settings()).await.error();
        let mut told = format!("{error:?} {error}");
        let mut cause = error.source();
        while let Some(inner) = cause {
            told = format!("{told} {inner:?} {inner}");
            cause = inner.source();
        }
        assert!(!told.contains("SECRET") && !told.contains("BODY"), "{told}");
        assert!(told.contains("/asb.csv"), "{told}");
    }
    let token = Authorization::new("Bearer SECRET").expect("a header can carry it");
    assert!(!format!("{:?}", HttpSettings { authorization: Some(token), ..settings() }).contains("SECRET"));
    assert!(Authorization::new("Bearer SECRET\n").is_err_and(|error| !error.to_string().contains("SECRET")));
}

#[tokio::test]
async fn a_private_address_is_not_asked_unless_the_feed_says_that_it_is_internal() {
    let partner = partner([csv()]);
    let settings = HttpSettings { internal: false, ..settings() };
    let port = partner.url("/").port().expect("a port");
    for host in
        ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "localhost", "[fd00::1]", "10.0.0.1"]
    {
        let url = Url::parse(&format!("http://{host}:{port}/asb.csv")).expect("a URL");
        let error = Visit::to(&url, None, &settings).await.error();
        assert!(matches!(error, HttpError::Internal { .. }), "{host}: {error:?}");
        assert_eq!(error.attempts(), 1);
    }
    assert_eq!(partner.connections(), 0);
}

#[tokio::test]
async fn an_address_of_another_scheme_is_refused() {
    for url in ["file:///etc/passwd", "ftp://127.0.0.1/asb.csv"] {
        let error = Visit::to(&Url::parse(url).expect("a URL"), None, &settings()).await.error();
        assert!(matches!(error, HttpError::NotHttp { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_our_own_trouble() {
    let partner = partner([csv()]);
    let (settings, folder) = (settings(), TempDir::new().expect("a temporary folder"));
    let client = Client::new(&settings).expect("a client");
    let mut patience = Patience::without_sleeping(settings.deadline, 7);
    let missing = folder.path().join("missing");
    let outcome = client.fetch(&partner.url("/asb.csv"), None, &missing, &settings, &mut patience).await;
    assert!(matches!(outcome, Err(HttpError::Disk { .. })), "{outcome:?}");
    assert_eq!(partner.requests().len(), 1);
}

#[test]
fn a_proxy_with_a_password_is_refused_when_the_client_is_built() {
    let proxy = Some(Url::parse("http://csp:SECRET@proxy.example:3128").expect("a URL"));
    let error = Client::new(&HttpSettings { proxy, ..settings() }).expect_err("not supported");
    assert!(matches!(error, HttpError::Setting { .. }) && !error.to_string().contains("SECRET"));
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_whole_address() {
    let proxy = FakePartner::start().and("http://partner.invalid/asb.csv", [csv()]);
    let settings = HttpSettings { proxy: Some(proxy.url("/")), internal: false, ..settings() };
    let url = Url::parse("http://partner.invalid/asb.csv").expect("a URL");
    let (content, _) = Visit::to(&url, None, &settings).await.delivered();
    assert_eq!(content, CSV.as_bytes());
}

/// Made for this test, valid until 2126, of use nowhere else.
const SELF_SIGNED: &[u8] = b"-----BEGIN CERTIFICATE-----
MIIBnDCCAUKgAwIBAgIUBQEtTUxbXxFnaN3ziytWsZYOpwUwCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPcGFydG5lci5pbnZhbGlkMCAXDTI2MTEyMjExMDI0M1oYDzIx
MjYxMDI5MTEwMjQzWjAaMRgwFgYDVQQDDA9wYXJ0bmVyLmludmFsaWQwWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAAQ8EZtitJbao4Z5JlJcqqGz9pSYCiajyhlro9QT
glvxNPf4jblhl22i4oA1r+F02+CWLGadM6Ky4SskuR1HORLbo2QwYjAdBgNVHQ4E
FgQUmXC0fbzWD3aSYc7+LtagysZHsGgwHwYDVR0jBBgwFoAUmXC0fbzWD3aSYc7+
LtagysZHsGgwDwYDVR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqG
SM49BAMCA0gAMEUCIQCpUVl+a2463vhISbBsG5DAenzfUitjp+1finS1VPUEIQIg
R/FZET9fc/6fmCNHoYnSYtDUEJcXouxbBJSYYYWQjhM=
-----END CERTIFICATE-----
";
/// Of `SELF_SIGNED`.
const TEST_KEY: &[u8] = b"-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgh0fIkW1E6GHmKaYB
VLOenbwvCOrB9pZ0QpUygR7IbGGhRANCAAQ8EZtitJbao4Z5JlJcqqGz9pSYCiaj
yhlro9QTglvxNPf4jblhl22i4oA1r+F02+CWLGadM6Ky4SskuR1HORLb
-----END PRIVATE KEY-----
";

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_at_the_first_attempt() {
    let settings = settings();
    Client::new(&settings).expect("a client, and with it a provider of cryptography");
    let chain = vec![CertificateDer::from_pem_slice(SELF_SIGNED).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(TEST_KEY).expect("a key");
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    let config = Arc::new(config.expect("key and certificate belong together"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("one connection");
        let mut connection = rustls::ServerConnection::new(config).expect("a server");
        while connection.is_handshaking() {
            if connection.complete_io(&mut stream).is_err() {
                break;
            }
        }
        listener.set_nonblocking(true).expect("a listener");
        thread::sleep(Duration::from_millis(50));
        listener.accept().is_err()
    });
    let url = Url::parse(&format!("https://{address}/asb.csv")).expect("a URL");
    let error = Visit::to(&url, None, &settings).await.error();
    assert!(matches!(error, HttpError::Certificate { .. }), "{error:?}");
    assert_eq!(error.attempts(), 1);
    assert!(server.join().expect("the server ends"), "no second connection was made");
}

#[tokio::test]
async fn a_server_without_tls_at_an_https_address_is_refused_at_the_first_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("one connection");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("the client reads");
        thread::sleep(Duration::from_millis(200));
    });
    let url = Url::parse(&format!("https://{address}/asb.csv")).expect("a URL");
    let error = Visit::to(&url, None, &settings()).await.error();
    assert!(matches!(error, HttpError::Certificate { .. }), "{error:?}");
    assert_eq!(error.attempts(), 1);
}
