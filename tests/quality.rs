//! Faults of partners, many at once: each costs its own feed its month and nobody else anything. What is late, whom we
//! write to, and what becomes of rows that were set aside.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/partner.rs"]
mod partner;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/small.rs"]
mod small;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use partner::{Answer, FakePartner};
use small::{NOW, Told, World};

const CONTRACT: &str = "pipelines/northport/contracts/constabulary-crime.toml";
const CRIME_FEED: &str = "pipelines/northport/feeds/northport-crime.toml";
/// A day on which June is the last month that is expected.
const JULY: &str = "2025-07-12T05:30:00Z";
/// Crimes of April to June, as counted by hand.
const BEFORE: [(&str, &str); 3] =
    [("2025-04", "available 10.0"), ("2025-05", "available 8.0"), ("2025-06", "available 12.0")];

/// One way in which July's crime comes wrong.
struct Fault {
    id: &'static str,
    july: Vec<u8>,
    /// Changes in the contract: from, to.
    contract: &'static [(&'static str, &'static str)],
    /// Changes in the feed: from, to.
    feed: Vec<(String, String)>,
    /// Beginning of what `feed_delivery` says of July; empty: July is not there at all.
    told: &'static str,
    /// July's figure.
    figure: &'static str,
}

fn fault(id: &'static str, july: impl AsRef<[u8]>, told: &'static str, figure: &'static str) -> Fault {
    Fault { id, july: july.as_ref().to_vec(), contract: &[], feed: Vec::new(), told, figure }
}

fn good() -> String {
    World::good("crime", "2025-07")
}

/// July's crime with every line, the header first, made into another.
fn edited(edit: impl Fn(usize, &str) -> String) -> String {
    let text = good();
    text.lines().enumerate().map(|(number, line)| edit(number, line) + "\n").collect()
}

/// July's crime with one field of one row in the place of what is there.
fn with_field(row: usize, column: usize, value: &str) -> String {
    edited(|number, line| {
        let mut fields: Vec<&str> = line.split(',').collect();
        if number == row {
            fields[column] = value;
        }
        fields.join(",")
    })
}

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const NONE: &str = "not_available";

/// Faults of what is in the file.
#[expect(clippy::too_many_lines, reason = "a table of faults, a line each")]
fn faults_of_contents() -> Vec<Fault> {
    let header = "Ref,Month,Beat,Type,Outcome,Value";
    let rows = good().split_once('\n').unwrap().1.to_owned();
    let utf16: Vec<u8> =
        [0xFEFF].into_iter().chain(good().encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let latin = |text: &str| -> Vec<u8> {
        good().replacen("Charged", text, 1).chars().map(|c| u8::try_from(c).unwrap()).collect()
    };
    let wide = (0..100_000).map(|n| format!(",extra{n}")).collect::<Vec<_>>().concat();
    let held = "held: 5 = 0 + 0 + 5; 5 of 5 rows break the contract";
    let mut faults = vec![
        fault(
            "renamed",
            good().replacen("Outcome", "Result", 1),
            "refused: 5 = 0 + 0 + 5; column `Outcome` is missing; not known: `Result`",
            NONE,
        ),
        fault(
            "reordered",
            edited(|_, line| line.split(',').rev().collect::<Vec<_>>().join(",")),
            "accepted: 5 = 5 + 0 + 0",
            "available 5.0",
        ),
        fault("swapped", good().replacen(header, "Ref,Month,Beat,Outcome,Type,Value", 1), held, NONE),
        fault(
            "column-gone",
            edited(|_, line| line.rsplit_once(',').unwrap().0.to_owned()),
            "refused: 5 = 0 + 0 + 5; column `Value` is missing",
            NONE,
        ),
        fault(
            "column-doubled",
            edited(|_, line| format!("{line},{}", line.split(',').nth(3).unwrap())),
            "refused: 5 = 0 + 0 + 5; column `Type` stands twice",
            NONE,
        ),
        fault(
            "column-new",
            edited(|number, line| format!("{line},{number}")),
            "accepted: 5 = 5 + 0 + 0; left out, not in the contract: `0`",
            "available 5.0",
        ),
        fault(
            "columns-by-the-thousand",
            good().replacen(header, &format!("{header}{wide}"), 1),
            "held: 5 = 0 + 0 + 5; 5 of 5 rows break the contract, most of them `column_count`",
            NONE,
        ),
        fault("no-header", &rows, "refused: 4 = 0 + 0 + 4; column `Ref`", NONE),
        fault(
            "two-headers",
            good().replacen('\n', &format!("\n{header}\n"), 1),
            "accepted: 6 = 5 + 0 + 1",
            "available 5.0",
        ),
        fault("title-rows", format!("Crimes of July 2025\n\n{}", good()), "refused: ", NONE),
        fault("total-row", good() + "Total,,,,,5\n", "accepted: 6 = 5 + 0 + 1", "available 5.0"),
        fault("new-code", with_field(2, 3, "Fly-tipping"), "accepted: 5 = 4 + 0 + 1", "available 4.0"),
        fault("blank-code", with_field(2, 3, ""), "accepted: 5 = 4 + 0 + 1", "available 4.0"),
        fault(
            "unknown-places",
            good().replace(",H1,", ",X1,").replace(",M1,", ",X9,"),
            "held: 5 = 0 + 0 + 5; 3 of 5 rows break the contract, most of them `unknown_beat`",
            NONE,
        ),
        fault("utf-16", utf16, "refused: ", NONE),
        fault("byte-order-mark", format!("\u{feff}{}", good()), "accepted: 5 = 5 + 0 + 0", "available 5.0"),
        fault("windows-1252", latin("Charg\u{e9}d"), "accepted: 5 = 4 + 0 + 1", "available 4.0"),
        fault(
            "nul-byte",
            good().replacen("Charged", "Char\0ged", 1),
            "accepted: 5 = 4 + 0 + 1",
            "available 4.0",
        ),
        fault(
            "open-quote",
            good().replacen("Robbery", "\"Robbery", 1),
            "accepted: 5 = 4 + 0 + 1",
            "available 4.0",
        ),
        fault("other-delimiter", good().replace(',', ";"), "refused: 5 = 0 + 0 + 5; column `Ref`", NONE),
        fault(
            "mixed-line-ends",
            edited(|number, line| if number % 2 == 0 { format!("{line}\r") } else { line.to_owned() }),
            "accepted: 5 = 5 + 0 + 0",
            "available 5.0",
        ),
        fault("no-last-line-end", good().trim_end(), "accepted: 5 = 5 + 0 + 0", "available 5.0"),
        fault("impossible-month", with_field(3, 1, "2025-13"), "accepted: 5 = 4 + 0 + 1", "available 4.0"),
        fault("serial-dates", good().replace("2025-07", "45839"), held, NONE),
        fault("negative", with_field(1, 5, "-30"), "accepted: 5 = 4 + 0 + 1", "available 4.0"),
        fault("not-a-number", with_field(1, 5, "NaN"), "accepted: 5 = 4 + 0 + 1", "available 4.0"),
        fault("infinite", with_field(1, 5, "1E400"), "accepted: 5 = 4 + 0 + 1", "available 4.0"),
        fault("repeated-rows", format!("{}{rows}", good()), "accepted: 10 = 5 + 5 + 0", "available 5.0"),
        fault(
            "conflicting-keys",
            good() + "C07-01,2025-07,H1,Robbery,No suspect,9\n",
            "accepted: 6 = 5 + 1 + 0",
            "available 5.0",
        ),
        fault(
            "late-rows",
            good() + "C06-99,2025-06,H1,Robbery,Charged,9\n",
            "accepted: 6 = 5 + 0 + 1",
            "available 5.0",
        ),
        fault(
            "future-rows",
            good() + "C09-01,2025-09,H1,Robbery,Charged,9\n",
            "accepted: 6 = 5 + 0 + 1",
            "available 5.0",
        ),
        fault(
            "other-month",
            World::good("crime", "2025-06"),
            "held: 12 = 0 + 0 + 12; 12 of 12 rows break the contract, most of them `bad_month`",
            NONE,
        ),
        fault(
            "long-line",
            good() + &format!("C07-06,2025-07,H1,Robbery,{},\n", "x".repeat(10 << 20)),
            "accepted: 6 = 5 + 0 + 1",
            "available 5.0",
        ),
        fault("empty-file", "", "refused: 0 = 0 + 0 + 0; the file is empty", NONE),
        fault(
            "header-only",
            format!("{header}\n"),
            "refused: 0 = 0 + 0 + 0; the file has a header and no row",
            NONE,
        ),
        fault("web-page", "<!DOCTYPE html>\n<html><body>Please sign in</body></html>\n", "refused: ", NONE),
        fault("json-error", "{\"error\": \"no such file\"}", "refused: ", NONE),
        fault(
            "truncated-gzip",
            {
                let whole = gzip(good());
                whole[..whole.len() - 6].to_vec()
            },
            "refused: ",
            NONE,
        ),
        fault(
            "wrong-checksum-gzip",
            {
                let mut whole = gzip(good());
                let at = whole.len() - 8;
                whole[at] ^= 1;
                whole
            },
            "refused: ",
            NONE,
        ),
        fault("gzip-bomb", gzip(vec![b'x'; 40 << 20]), "refused: ", NONE),
        fault(
            "random-bytes",
            (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<u8>>(),
            "refused: ",
            NONE,
        ),
    ];
    for fault in &mut faults {
        if fault.id == "gzip-bomb" {
            fault.feed.push(("from = ".to_owned(), "max-unpacked-bytes = 1000000\nfrom = ".to_owned()));
        }
    }
    let archives: [(&str, Vec<u8>); 7] = [
        ("zip-without-member", zip(&[("2025-07/asb.csv", b"x\n")])),
        ("zip-bomb", zip(&[("2025-07/crime.csv", &vec![b'0'; 40 << 20])])),
        ("zip-in-zip", zip(&[("2025-07/crime.csv", &zip(&[("2025-07/crime.csv", good().as_bytes())]))])),
        ("zip-that-climbs", zip(&[("../../2025-07/crime.csv", good().as_bytes())])),
        ("zip-truncated", {
            let whole = zip(&[("2025-07/crime.csv", good().as_bytes())]);
            whole[..whole.len() / 2].to_vec()
        }),
        ("zip-damaged", {
            let mut whole = zip(&[("2025-07/crime.csv", good().as_bytes())]);
            for byte in &mut whole[60..90] {
                *byte ^= 0x55;
            }
            whole
        }),
        ("zip-lies-about-size", {
            let mut whole = zip(&[("2025-07/crime.csv", good().as_bytes())]);
            // The unpacked size in the central directory, twelve bytes before the name's length.
            let directory = whole.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
            whole[directory + 24] ^= 0x3F;
            whole
        }),
    ];
    for (id, july) in archives {
        faults.push(fault(id, july, "", NONE));
    }
    faults
}

/// Adds a feed of its own for a fault, with a contract, a dataset and a measure of its own.
fn add(world: &World, fault: &Fault, source: &str, more: &str) {
    let id = fault.id;
    let dataset = format!("of_{}", id.replace('-', "_"));
    let mut contract = world.read(CONTRACT);
    contract = contract.replace("id = \"constabulary-crime\"", &format!("id = \"{id}\""));
    contract = contract.replace("dataset = \"crime\"", &format!("dataset = \"{dataset}\""));
    for (from, to) in fault.contract {
        assert!(contract.contains(from), "{from}");
        contract = contract.replace(from, to);
    }
    world.write(&format!("pipelines/northport/contracts/{id}.toml"), contract);
    let mut feed = world.read(CRIME_FEED);
    feed = feed.replace("id = \"northport-crime\"", &format!("id = \"northport-{id}\""));
    feed = feed.replace("contract = \"constabulary-crime\"", &format!("contract = \"{id}\""));
    feed = feed.replace("source = \"deliveries/crime/{period}.csv\"", source);
    for (from, to) in &fault.feed {
        feed = feed.replace(from, to);
    }
    world.write(&format!("pipelines/northport/feeds/northport-{id}.toml"), feed + more);
    let measure = format!(
        "/*\nid = \"count-{id}\"\ntitle = \"Crimes\"\nframework = \"northport-2025-28\"\ntheme = \"Crime\"\n\
         owner = \"Chief Superintendent\"\nkind = \"count\"\nunit = \"crimes\"\npolarity = \"lower-is-better\"\n\
         areas = [\"P01\"]\nperiods = [\"month\"]\n*/\n\
         SELECT 'P01' AS area, month, count(*) AS numerator FROM {dataset} GROUP BY month\n"
    );
    world.write(&format!("sql/northport/count-{id}.sql"), measure);
}

/// What holds for every fault: the months before stand, July is right or not there, and says why; the feeds without a
/// fault are released whole.
fn each_fault_costs_its_own_feed_alone(world: &World, faults: &[Fault]) {
    let figures = world.table("outturn");
    let figure = |measure: &str, period: &str| -> String {
        let row = figures
            .iter()
            .find(|row| row["measure"] == measure && row["period"] == period && row["area"] == "P01")
            .unwrap_or_else(|| panic!("{measure} {period} has no row"));
        match row.get("value") {
            Some(value) => format!("{} {value}", row["status"]),
            None => row["status"].clone(),
        }
    };
    let deliveries = world.table("feed_delivery");
    let mut wrong = String::new();
    for fault in faults {
        let measure = format!("count-{}", fault.id);
        for (month, expected) in BEFORE {
            let found = figure(&measure, month);
            if found != expected {
                let _ = writeln!(wrong, "{}: {month}: {found}, expected {expected}", fault.id);
            }
        }
        let found = figure(&measure, "2025-07");
        if found != fault.figure {
            let _ = writeln!(wrong, "{}: July: {found}, expected {}", fault.id, fault.figure);
        }
        let feed = format!("northport-{}", fault.id);
        let told: Vec<String> = deliveries
            .iter()
            .filter(|row| row["feed"] == feed && row["period"] == "2025-07")
            .map(|row| {
                let field = |name: &str| row.get(name).map_or("-", String::as_str);
                let note = row.get("note").map(|note| format!("; {note}")).unwrap_or_default();
                let sums = ["received", "accepted", "duplicate", "quarantined"].map(field);
                let [received, accepted, duplicate, quarantined] = sums;
                if let [Ok(received), Ok(a), Ok(d), Ok(q)] = sums.map(str::parse::<u64>)
                    && received != a + d + q
                {
                    let _ = writeln!(wrong, "{}: {received} rows do not add up", fault.id);
                }
                format!("{}: {received} = {accepted} + {duplicate} + {quarantined}{note}", field("status"))
            })
            .collect();
        if told.len() != 1 || !told[0].starts_with(fault.told) {
            let _ = writeln!(wrong, "{}: told {told:?}, expected {}", fault.id, fault.told);
        }
        if told.iter().any(|told| told.len() > 2000) {
            let _ = writeln!(wrong, "{}: a note of {} bytes", fault.id, told[0].len());
        }
        let held = ["refused", "held", "not_supplied"].iter().any(|word| told[0].starts_with(word));
        if held != (fault.figure == NONE) {
            let _ = writeln!(wrong, "{}: July is {} though {}", fault.id, fault.figure, told[0]);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(figure("northport-asb", "2025-07"), "available 4.0");
    assert_eq!(figure("northport-crime-rate", "2025-07"), "available 0.5");
    assert_eq!(figure("northport-charged", "2025-06"), "available 25.0");
}

#[test]
fn whatever_is_wrong_with_a_file_costs_its_own_feed_that_month_and_no_other_feed_anything() {
    let faults = faults_of_contents();
    let world = World::with(&["2025-04", "2025-05", "2025-06"]);
    for fault in &faults {
        let zipped = fault.id.starts_with("zip-");
        let source = if zipped {
            format!(
                "source = \"deliveries/{}/{{period}}.zip\"\nmember = \"{{period}}/crime.csv\"\nmax-unpacked-bytes = 1000000",
                fault.id
            )
        } else {
            format!("source = \"deliveries/{}/{{period}}.csv\"", fault.id)
        };
        add(&world, fault, &source, "");
        for (month, _) in BEFORE {
            let bytes = World::good("crime", month);
            if zipped {
                let member = format!("{month}/crime.csv");
                let archive = zip(&[(&member, bytes.as_bytes())]);
                world.send_as(&format!("deliveries/{}/{month}.zip", fault.id), archive);
            } else {
                world.send_as(&format!("deliveries/{}/{month}.csv", fault.id), bytes);
            }
        }
    }
    world.outturn_at(JULY, &["run"]).exits(0);
    for feed in small::FEEDS {
        world.deliver(feed, "2025-07");
    }
    for fault in &faults {
        let ending = if fault.id.starts_with("zip-") { "zip" } else { "csv" };
        world.send_as(&format!("deliveries/{}/2025-07.{ending}", fault.id), &fault.july);
    }
    let told = world.run().exits(3);
    assert!(!told.err.contains("panicked"), "{told}");
    each_fault_costs_its_own_feed_alone(&world, &faults);
    // Nothing new: nothing is read again, and every gap is told again.
    let again = world.run().exits(3);
    assert!(again.closing().starts_with("already current 2025-08-12.1"), "{again}");
    let gaps = |told: &Told| told.err.lines().filter(|line| line.starts_with("gap: ")).count();
    assert_eq!(gaps(&again), gaps(&told), "{told}\n{again}");
}

/// Answers for July of a partner who otherwise delivers what the small project has.
fn partner_with(faults: &[(&'static str, Vec<Answer>)]) -> FakePartner {
    let csv = |text: String| Answer::with(200, &["Content-Type: text/csv"], text);
    let mut partner = FakePartner::start();
    for (id, july) in faults {
        for (month, _) in BEFORE {
            partner = partner.and(&format!("/{id}/{month}.csv"), [csv(World::good("crime", month))]);
        }
        partner = partner.and(&format!("/{id}/2025-07.csv"), july.clone());
    }
    partner
}

fn faults_on_the_way() -> Vec<(&'static str, Vec<Answer>, &'static str)> {
    let text = good();
    let half = &text[..text.len() / 2];
    let status = |code: u16| vec![Answer::with(code, &["Content-Type: text/plain"], "no")];
    let to = |place: &str| vec![Answer::with(302, &[&format!("Location: {place}")], "")];
    let pause = Duration::from_secs(30);
    vec![
        ("missing", status(404), "the publisher has nothing for it"),
        ("gone", status(410), "the publisher has nothing for it"),
        ("sign-in-needed", status(401), "401"),
        ("forbidden", status(403), "403"),
        ("broken-server", status(500), "500"),
        ("bad-gateway", status(502), "502"),
        ("overloaded", vec![Answer::with(503, &["Retry-After: 99999999"], "")], "503"),
        ("too-many", vec![Answer::with(429, &["Retry-After: soon"], "")], "429"),
        (
            "headers-never-end",
            vec![Answer::raw("HTTP/1.1 200 OK\r\nX: ").then_forever("a", Duration::from_millis(50))],
            "time",
        ),
        (
            "body-stops",
            vec![
                Answer::raw(format!("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{half}"))
                    .then_pause(pause),
            ],
            "time",
        ),
        (
            "body-trickles",
            vec![
                Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
                    .then_forever("a", Duration::from_millis(100)),
            ],
            "time",
        ),
        (
            "body-short",
            vec![Answer::raw(format!("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{half}"))],
            "",
        ),
        ("connection-reset", vec![Answer::raw("HTTP/1.1 200 OK\r\nContent-").then_reset()], ""),
        (
            "chunk-cut",
            vec![Answer::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nRef,Month")],
            "",
        ),
        (
            "chunk-nonsense",
            vec![Answer::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nRef\r\n0\r\n\r\n")],
            "",
        ),
        (
            "body-endless",
            vec![Answer::raw("HTTP/1.1 200 OK\r\n\r\n").then_forever(vec![b'x'; 1 << 16], Duration::ZERO)],
            "100000",
        ),
        ("headers-huge", vec![Answer::raw("HTTP/1.1 200 OK\r\n").then(vec![b'h'; 20 << 20])], ""),
        (
            "sign-in-page",
            vec![Answer::with(200, &["Content-Type: text/html"], "<html>Sign in</html>")],
            "web page",
        ),
        (
            "json-error",
            vec![Answer::with(200, &["Content-Type: application/json"], "{\"error\": \"none\"}")],
            "the header cannot be read",
        ),
        ("no-content", status(204), ""),
        ("empty-body", vec![Answer::with(200, &["Content-Type: text/csv"], "")], ""),
        ("not-modified", vec![Answer::with(304, &[], "")], ""),
        ("part-unasked", vec![Answer::with(206, &["Content-Range: bytes 0-9/100"], &text[..10])], "206"),
        ("redirect-loop", to("/redirect-loop/2025-07.csv"), "5"),
        ("redirect-to-file", to("file:///etc/passwd"), "file"),
        ("redirect-to-metadata", to("http://169.254.169.254/latest/meta-data/"), "169.254.169.254"),
        ("redirect-to-stranger", to("https://example.invalid/2025-07.csv"), "example.invalid"),
        ("not-http", vec![Answer::raw("SSH-2.0-OpenSSH_9.6\r\n")], ""),
        (
            "truncated-gzip",
            {
                let whole = gzip(&text);
                vec![Answer::with(200, &["Content-Type: application/gzip"], &whole[..whole.len() - 5])]
            },
            "cannot be read",
        ),
    ]
}

#[test]
fn whatever_goes_wrong_on_the_way_costs_its_own_feed_that_month_and_no_other_feed_anything() {
    let scripted = faults_on_the_way();
    let answers: Vec<(&'static str, Vec<Answer>)> =
        scripted.iter().map(|(id, answers, _)| (*id, answers.clone())).collect();
    let partner = partner_with(&answers);
    let faults: Vec<Fault> = scripted
        .iter()
        .map(|(id, _, _)| {
            let refused = ["json-error", "truncated-gzip"].contains(id);
            fault(id, "", if refused { "refused: " } else { "not_supplied: - = - + - + -; " }, NONE)
        })
        .collect();
    let world = World::with(&["2025-04", "2025-05", "2025-06"]);
    for fault in &faults {
        // Only what is new is asked for, so that nothing healthy stands in the queue of a slow partner.
        let source = format!(
            "source = \"http://{}/{}/{{period}}.csv\"\nrecheck-months = 0",
            partner.place(),
            fault.id
        );
        let http = "\n[http]\ninternal = true\nidle-timeout-seconds = 3\ntotal-timeout-seconds = 10\n\
                    deadline-seconds = 40\nattempts = 2\nbackoff-seconds = 0.01\nmax-bytes = 100000\n";
        add(&world, fault, &source, http);
    }
    world.outturn_at(JULY, &["run"]).exits(0);
    for feed in small::FEEDS {
        world.deliver(feed, "2025-07");
    }
    let begun = Instant::now();
    let told = world.run().exits(3);
    assert!(begun.elapsed() < Duration::from_mins(3), "nobody waits for the slowest for ever");
    assert!(!told.err.contains("panicked"), "{told}");
    each_fault_costs_its_own_feed_alone(&world, &faults);
    let deliveries = world.table("feed_delivery");
    for (id, _, word) in &scripted {
        let feed = format!("northport-{id}");
        let row = deliveries.iter().find(|row| row["feed"] == feed && row["period"] == "2025-07").unwrap();
        assert!(row["note"].contains(word), "{id}: `{word}` is not in: {}", row["note"]);
    }
    // The partner goes away altogether: what was landed stands, and the others are released.
    drop(partner);
    let told = world.outturn_at("2025-08-13T05:30:00Z", &["run"]).exits(3);
    assert!(!told.err.contains("panicked"), "{told}");
    for fault in &faults {
        assert_eq!(world.figure(&format!("count-{}", fault.id), "P01", "2025-06"), "available 12.0");
    }
    assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "available 4.0");
}

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

#[test]
fn a_letter_says_what_was_expected_what_came_which_rows_and_what_to_send() {
    let world = World::with(&["2025-04", "2025-05", "2025-06"]);
    world.write(CRIME_FEED, world.read(CRIME_FEED) + TEN_DAYS);
    let letter = |month: &str, now: &str| {
        let period = format!("2025-{month}");
        world.outturn_at(now, &["feed", "letter", "northport-crime", "--period", &period]).exits(0).out
    };
    world.outturn_at("2025-07-10T05:30:00Z", &["run"]);
    let thanks = letter("06", "2025-07-10T05:30:00Z");
    assert!(
        thanks.contains(
            "We received 2025-06.csv on 10 July 2025 at 06:30: 12 rows; all of them could be used."
        ),
        "{thanks}"
    );
    assert!(thanks.ends_with("\nThank you. There is nothing to do.\n"), "{thanks}");
    let late = letter("07", "2025-08-20T05:30:00Z");
    let expected = "To: Northport Constabulary\n\
        About: Northport Constabulary: recorded crime, July 2025\n\n\
        We expected it by 14 August 2025 (10 working days after the end of the month).\n\
        Nothing has come.\nThat is 6 days ago.\n\nWhat we ask\n\
        - Please send the delivery for July 2025.\n\
        - If there is nothing to report, or it cannot be sent, please tell us so, that we can publish the reason.\n\
        - We need it by 28 August 2025.\n";
    assert_eq!(late, expected);
    // Twenty-five rows name a beat that nobody knows, one an outcome; five are good.
    let mut july = good().replacen("Charged", "Hanged", 1);
    for number in 0..25 {
        let _ = writeln!(july, "C07-S{number},2025-07,Smith-{number},Robbery,Charged,");
    }
    world.send("crime", "2025-07", &july);
    world.outturn_at("2025-08-12T05:30:00Z", &["run"]).exits(3);
    let held = letter("07", "2025-08-12T05:30:00Z");
    let lines: Vec<String> = (7..27).map(|line| line.to_string()).collect();
    assert!(held.contains("30 rows; 26 of them break what was agreed, so none is used yet."), "{held}");
    let beats = format!(
        "1. 2025-07.csv: 25 rows: `Beat` must be in the list “Beats of the constabulary, with their wards”, and must \
         not be empty\n   Lines {} and 5 more\n",
        lines.join(", ")
    );
    assert!(held.contains(&beats), "{held}");
    let outcome = "2. 2025-07.csv: 1 row: `Outcome` must be one of: Charged, No suspect, Under investigation, or \
                   empty\n   Line 2\n";
    assert!(held.contains(outcome), "{held}");
    assert!(held.contains(
        "- Please correct these rows and send the whole file for July 2025, under the same name.\n"
    ));
    assert!(held.ends_with("- We need it by 19 August 2025.\n"), "{held}");
    for value in ["Smith", "Hanged", "C07-"] {
        assert!(!held.contains(value), "a row's value is in the letter:\n{held}");
    }
    let json = world.outturn(&["feed", "letter", "northport-crime", "--output", "json"]).exits(0).json();
    assert_eq!((&json["state"], &json["problems"][0]["rows"]), (&"held".into(), &25.into()));
    assert_eq!((&json["answer_by"], &json["text"]), (&"2025-08-19".into(), &held.into()));
    // A file without a heading has a row in its place, which is nobody's business.
    world.send("crime", "2025-07", good().split_once('\n').unwrap().1);
    world.outturn_at("2025-08-13T05:30:00Z", &["run"]).exits(3);
    let refused = letter("07", "2025-08-13T05:30:00Z");
    assert!(
        refused.contains("1. 2025-07.csv: the first line is not the heading that was agreed: column `Ref`"),
        "{refused}"
    );
    assert!(!refused.contains("C07-01") && !refused.contains("Shoplifting"), "{refused}");
    // A heading with one other name is told with both.
    world.send("crime", "2025-07", good().replacen("Outcome", "Result", 1));
    world.outturn_at("2025-08-14T05:30:00Z", &["run"]).exits(3);
    let renamed = letter("07", "2025-08-14T05:30:00Z");
    assert!(renamed.contains("column `Outcome` is missing; not known: `Result`"), "{renamed}");
    world.outturn(&["feed", "letter", "northport-crme"]).exits(2).says("did you mean `northport-crime`?");
    world.outturn(&["feed", "letter", "northport-crime", "--period", "2031-01"]).exits(4);
}

const BEATS: &str = "pipelines/northport/reference/beat.csv";

#[test]
fn rows_that_are_set_aside_are_judged_again_after_a_look_up_was_mended_and_published_when_asked() {
    let world = World::complete();
    world.send("crime", "2025-07", good().replace(",H1,", ",X1,"));
    world.run().exits(0);
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.4");
    let told = world.outturn(&["quarantine", "replay"]).exits(0);
    assert_eq!(told.out, "northport-crime 2025-07: 1 of unknown_beat: set aside (unknown_beat)\n");
    world.outturn(&["quarantine", "replay", "--apply"]).exits(0).says("no row would fare otherwise");
    // A look-up that lost a beat would have more rows set aside, and the delivery held.
    let beats = world.read(BEATS);
    world.write(BEATS, beats.replace("K1,W02\n", ""));
    let told = world.outturn(&["quarantine", "replay", "--output", "json"]).exits(0).json();
    let row = &told["rows"][0];
    assert_eq!((&row["becomes"], &row["rule"]), (&"turned_down".into(), &"delivery_held".into()));
    assert_eq!(told["newly_set_aside"], 1);
    world.write(BEATS, beats + "X1,W01\n");
    let told = world.outturn(&["quarantine", "replay", "northport-crime"]).exits(0);
    assert_eq!(
        told.out,
        "northport-crime 2025-07: 1 of unknown_beat: accepted\n    \
         2025-07.csv:2: unknown_beat no longer stands against it\n"
    );
    assert_eq!(world.release().as_deref(), Some("2025-08-12.1"), "nothing was published");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.4");
    assert_eq!(world.outturn(&["quarantine", "replay", "northport-asb"]).code, 4);
    world.outturn(&["quarantine", "replay", "--apply"]).exits(0).says("released 2025-08-12.2");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
    world.outturn(&["quarantine", "replay"]).exits(4).says("nothing is set aside");
}

#[test]
fn a_delivery_that_was_held_is_let_in_by_a_mended_look_up_or_by_a_waiver() {
    let world = World::complete();
    world.send("crime", "2025-07", good().replace(",H1,", ",X1,").replace(",H2,", ",X2,"));
    world.run().exits(3).says("held: 2 of 5 rows break the contract");
    let mended = world.copied();
    mended.write(BEATS, mended.read(BEATS) + "X1,W01\nX2,W01\n");
    let told = mended.outturn(&["quarantine", "replay", "--output", "json"]).exits(0).json();
    assert_eq!(
        (&told["rows"][0]["was"], &told["rows"][0]["becomes"]),
        (&"delivery_held".into(), &"accepted".into())
    );
    mended.outturn(&["quarantine", "replay", "--apply"]).exits(0);
    assert_eq!(mended.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
    let waive = |rule: &str, more: &[&str]| {
        let mut arguments =
            vec!["quarantine", "waive", "northport-crime", "--period", "2025-07", "--reason", rule];
        arguments.extend(["--why", "two beats were closed", "--by", "Data lead", "--until", "2025-12-31"]);
        arguments.extend(more);
        arguments.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let obey = |world: &World, arguments: Vec<String>| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        world.outturn(&arguments)
    };
    // The two rows stay out, and three are counted.
    let let_in = world.copied();
    obey(&let_in, waive("delivery_held", &[]))
        .exits(0)
        .says("pipelines/northport/waivers/northport-crime-2025-07-delivery-held.toml is written")
        .says("the delivery is let in");
    let_in.run().exits(0);
    let told = let_in.told_of("crime", "2025-07");
    assert!(told[0].starts_with("accepted: 5 = 3 + 0 + 2"), "{told:?}");
    assert!(told[0].contains("let in by Data lead until 2025-12-31"), "{told:?}");
    assert_eq!(let_in.figure("northport-crime-rate", "P01", "2025-07"), "available 0.3");
    let waiver = &let_in.table("waiver")[0];
    assert_eq!((&*waiver["rows"], &*waiver["effect"], &*waiver["by"]), ("2", "accept", "Data lead"));
    // What is known no longer counts towards the share above which a delivery is held.
    obey(&world, waive("unknown_beat", &[])).exits(0).says("2 row(s) stay out and no longer count as open");
    world.run().exits(0);
    assert_eq!(world.told_of("crime", "2025-07"), ["accepted: 5 = 3 + 0 + 2"]);
    let summary = &world.table("quarantine_summary")[0];
    assert_eq!((&*summary["rows"], &*summary["acknowledged"]), ("2", "2"));
    world.outturn(&["quarantine", "show"]).exits(4);
    assert_eq!(
        world.outturn(&["quarantine", "show", "--all"]).exits(0).out.matches("unknown_beat").count(),
        2
    );
    // After its last day the delivery is held again, and the waiver is named.
    let told = world.outturn_at("2026-01-01T05:30:00Z", &["run"]).exits(3);
    let told = told.says("waiver `northport-crime-2025-07-unknown-beat` expired on 2025-12-31");
    told.says("2025-07.csv held: 2 of 5 rows");
    assert_eq!(world.rows("waiver", &[])[0]["active"], "false");
    // A new delivery is judged by itself: the waiver was about the one before.
    let anew = world.copied();
    anew.send("crime", "2025-07", good().replace(",H1,", ",X1,").replace(",M1,", ",X2,"));
    anew.outturn_at("2026-01-02T05:30:00Z", &["run"]).exits(3);
    assert!(anew.figure("northport-crime-rate", "P01", "2025-07").starts_with("not_available"));
}

#[test]
fn a_value_that_can_be_kept_is_taken_as_it_stands_under_a_waiver_and_one_that_cannot_is_not() {
    let world = World::complete();
    let july = with_field(2, 3, "Fly-tipping").replace(
        "C07-03,2025-07,K1,Burglary,Under investigation,30",
        "C07-03,2025-07,K1,Burglary,Under investigation,-30",
    );
    world.edit(CRIME_FEED, "hold-above-quarantined-share = 0.2", "hold-above-quarantined-share = 0.5");
    world.send("crime", "2025-07", july);
    world.run().exits(0);
    assert_eq!(world.told_of("crime", "2025-07"), ["accepted: 5 = 3 + 0 + 2"]);
    let waive = |rule: &str, until: &str, more: &[&str]| {
        let mut arguments = vec!["quarantine", "waive", "northport-crime", "--period", "2025-07"];
        arguments.extend([
            "--reason",
            rule,
            "--why",
            "agreed by letter",
            "--by",
            "Data lead",
            "--until",
            until,
        ]);
        arguments.extend(more);
        world.outturn(&arguments)
    };
    waive("bad_crime_tipe", "2025-12-31", &[]).exits(2).says("did you mean `bad_crime_type`?");
    waive("bad_crime_type", "2025-08-11", &[]).exits(2).says("2025-08-11 has passed");
    waive("bad_outcome", "2025-12-31", &[]).exits(4).says("nothing was written");
    waive("bad_crime_type", "2025-12-31", &["--lines", "4,5"]).exits(4);
    assert!(!world.path("pipelines/northport/waivers").exists());
    waive("bad_crime_type", "2025-12-31", &["--lines", "3"])
        .exits(0)
        .says("1 row(s) are taken as they stand");
    world.run().exits(0);
    assert_eq!(world.told_of("crime", "2025-07"), ["accepted: 5 = 4 + 0 + 1"]);
    let sql = "SELECT ref FROM crime WHERE crime_type = 'Fly-tipping'";
    assert_eq!(world.outturn(&["query", sql, "--output", "csv"]).exits(0).out, "ref\nC07-02\n");
    world.outturn(&["quarantine", "show"]).exits(0).prints("bad_value");
    // The same again changes nothing.
    world.run().exits(0).says("already current");
    // A waiver that would take what cannot be kept is refused with its place.
    let file = "pipelines/northport/waivers/northport-crime-2025-07-bad-crime-type.toml";
    let text = world.read(file);
    world.write(file, text.replace("bad_crime_type", "unknown_beat"));
    world.outturn(&["check"]).exits(2).says("rows that break `unknown_beat` cannot be taken as they stand");
    world.write(file, text.replace("bad_crime_type", "bad_kind"));
    world.outturn(&["check"]).exits(2).says("contract `constabulary-crime` has no rule `bad_kind`");
    world.write(file, text.replace("northport-crime\"\n", "northport-crimes\"\n"));
    world.outturn(&["check"]).exits(2).says("feed `northport-crimes` is not defined");
}

/// A file system of its own over a folder, of a few kibibytes; gone with the test. `None` where that is not allowed.
struct Disk(std::path::PathBuf);

impl Disk {
    fn over(folder: &std::path::Path, options: &str) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(folder)
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder.to_owned()));
        }
        eprintln!("no file system can be mounted here: a full and a read-only disk were not tried");
        None
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_and_a_read_only_one_leave_the_last_release_and_the_next_run_finishes() {
    let world = World::with(&["2025-04", "2025-05", "2025-06"]);
    let Some(disk) = Disk::over(&world.path("warehouse"), "size=64m") else { return };
    world.outturn_at(JULY, &["run"]).exits(0);
    let release = world.release();
    for feed in small::FEEDS {
        world.deliver(feed, "2025-07");
    }
    disk.remount("ro");
    let told = world.run().exits(1).says("error: ");
    assert!(told.err.contains("Read-only file system") && !told.err.contains("panicked"), "{told}");
    assert_eq!(world.release(), release);
    world.outturn(&["verify"]).exits(0);
    world.outturn(&["status"]).exits(0);
    disk.remount("rw");
    let used: u64 = world
        .files("warehouse", |path| path.metadata().map_or(0, |m| m.len().div_ceil(4096) * 4))
        .values()
        .sum();
    let mut failed = 0;
    for spare in [0, 8, 24, 48, 96, 160] {
        // Folders take no room on this file system.
        disk.remount(&format!("size={}k", used + spare));
        let told = world.run();
        if told.code == 0 {
            break;
        }
        failed += 1;
        assert_eq!(told.code, 1, "{told}");
        assert!(told.err.contains("No space left on device") && !told.err.contains("panicked"), "{told}");
        assert_eq!(world.release(), release, "{spare} KiB were left");
        world.outturn(&["verify"]).exits(0);
    }
    assert!(failed > 0, "the disk was never full");
    disk.remount("size=64m");
    world.run().exits(0);
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
    world.outturn(&["verify"]).exits(0);
}

#[test]
fn a_limit_of_files_or_of_memory_ends_a_run_without_a_wrong_figure_and_the_next_one_finishes() {
    let begun = World::with(&["2025-04", "2025-05", "2025-06"]);
    begun.outturn_at(JULY, &["run"]).exits(0);
    for feed in small::FEEDS {
        begun.deliver(feed, "2025-07");
    }
    let mut failed = 0;
    for limit in ["-n 12", "-n 20", "-n 28", "-v 200000", "-v 600000"] {
        let world = begun.copied();
        let script = format!("ulimit {limit}; exec timeout 120 \"$0\" \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_outturn"), "--now", NOW, "run"]);
        let output = command.current_dir(world.path("")).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_ne!(output.status.code(), Some(124), "{limit}: the run hangs");
        if output.status.success() {
            continue;
        }
        failed += 1;
        if world.release().as_deref() == Some("2025-07-12.1") {
            world.outturn(&["verify"]).exits(0);
        } else {
            assert_eq!(output.status.code(), Some(3), "{limit}: {said}");
        }
        world.run();
        world.run().exits(0);
        assert_eq!(
            world.figure("northport-crime-rate", "P01", "2025-07"),
            "available 0.5",
            "{limit}: {said}"
        );
        assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "available 4.0", "{limit}: {said}");
    }
    assert!(failed >= 2, "the limits were too wide to fail: {failed}");
}

#[test]
fn a_damaged_log_of_a_dataset_stops_the_run_names_it_and_loses_nothing() {
    let begun = World::with(&["2025-04", "2025-05", "2025-06"]);
    begun.outturn_at(JULY, &["run"]).exits(0);
    for feed in small::FEEDS {
        begun.deliver(feed, "2025-07");
    }
    let log = "warehouse/datasets/crime/_delta_log/00000000000000000001.json";
    let first = "warehouse/datasets/crime/_delta_log/00000000000000000000.json";
    let whole = begun.read(log);
    let newer = whole.replacen('{', "{\"protocol\":{\"minReaderVersion\":99,\"minWriterVersion\":99}}\n{", 1);
    for (what, file, text) in [
        ("half", log, Some(whole[..whole.len() / 2].to_owned())),
        ("not JSON", log, Some("{\"add\": \0".to_owned())),
        ("of a newer writer", log, Some(newer)),
        ("without its beginning", first, None),
    ] {
        let world = begun.copied();
        match &text {
            Some(text) => world.write(file, text),
            None => fs::remove_file(world.path(file)).unwrap(),
        }
        let told = world.run();
        assert!(!told.err.contains("panicked"), "{what}: {told}");
        assert_eq!(told.code, 1, "{what}: {told}");
        assert!(told.err.contains("crime"), "{what}: {told}");
        assert_eq!(world.release().as_deref(), Some("2025-07-12.1"), "{what}");
        world.outturn(&["verify"]).exits(0);
        // The way out: the dataset is made anew from what was landed.
        for table in ["crime", "crime_quarantine", "crime_count"] {
            let _ = fs::remove_dir_all(world.path(&format!("warehouse/datasets/{table}")));
        }
        world.run().exits(0);
        assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5", "{what}");
        assert_eq!(world.figure("northport-charged", "P01", "2025-06"), "available 25.0", "{what}");
    }
}

#[test]
fn a_landing_that_was_lost_is_not_taken_for_a_new_beginning() {
    let world = World::complete();
    world.run().exits(0);
    let record = "warehouse/landing/deliveries.jsonl";
    let text = world.read(record);
    for damage in [None, Some("")] {
        match damage {
            Some(text) => world.write(record, text),
            None => fs::remove_file(world.path(record)).unwrap(),
        }
        fs::remove_file(world.path("deliveries/crime/2025-05.csv")).unwrap();
        world.run().exits(7).says("landing/deliveries.jsonl is missing or empty");
        assert_eq!(world.figure("northport-crime-rate", "P01", "2025-05"), "available 0.8");
        world.write(record, &text);
        world.run().exits(0).says("already current");
        world.deliver("crime", "2025-05");
    }
}

#[test]
fn a_clock_that_went_back_makes_no_release_and_one_that_went_ahead_makes_one() {
    let world = World::complete();
    world.run().exits(0);
    for now in ["1970-01-01T00:00:00Z", "2025-08-11T22:00:00Z", "2025-03-01T05:30:00Z"] {
        world.outturn_at(now, &["run"]).exits(1).says("but release 2025-08-12.1 was made on 2025-08-12");
        assert_eq!(world.release().as_deref(), Some("2025-08-12.1"));
    }
    // Three hours back are the same day.
    world.outturn_at("2025-08-12T02:30:00Z", &["run"]).exits(0).says("already current 2025-08-12.1");
    world.outturn_at("2025-08-14T05:30:00Z", &["run"]).exits(0).says("already current 2025-08-12.1");
}

#[test]
fn a_damaged_table_of_the_release_before_is_not_carried_into_the_next() {
    for table in ["outturn", "measure", "crime_by_ward", "feed_delivery"] {
        for damage in ["flipped", "cut", "gone"] {
            let world = World::with(&["2025-04", "2025-05", "2025-06"]);
            world.deliver("crime", "2025-07");
            world.outturn_at(NOW, &["run"]).exits(3);
            let path = world.path(&format!("warehouse/published/current/{table}.parquet"));
            let mut bytes = fs::read(&path).unwrap();
            match damage {
                "flipped" => bytes.iter_mut().skip(60).take(40).for_each(|byte| *byte ^= 0x10),
                "cut" => bytes.truncate(bytes.len() / 2),
                _ => {}
            }
            fs::write(&path, &bytes).unwrap();
            if damage == "gone" {
                fs::remove_file(&path).unwrap();
            }
            world.outturn(&["verify"]).exits(7).says(&format!("{table}.parquet"));
            world.deliver("asb", "2025-07");
            let told = world.run().exits(0);
            assert!(!told.err.contains("panicked"), "{table} {damage}: {told}");
            world.outturn(&["verify"]).exits(0);
            assert_eq!(
                world.figure("northport-crime-rate", "P01", "2025-07"),
                "available 0.5",
                "{table} {damage}"
            );
            assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "available 4.0", "{table} {damage}");
        }
    }
}

#[test]
fn names_that_somebody_made_to_do_harm_are_passed_over_or_read_as_names() {
    let world = World::complete();
    let text = good();
    for name in [
        "2025-07.csv.part",
        "2025-07.csv~",
        ".2025-07.csv",
        "2025-13.csv",
        "2025-07.CSV",
        "-rf.csv",
        "$(touch harm).csv",
        "`touch harm`.csv",
        "2025-07.csv; touch harm",
        "\u{202e}vsc.70-5202",
        "2025-07\n.csv",
        "';DROP TABLE crime;--.csv",
    ] {
        world.write(&format!("deliveries/crime/{name}"), &text);
    }
    let broken = world.path("deliveries/crime").join(std::ffi::OsStr::from_bytes(b"2025-0\xff.csv"));
    fs::write(broken, &text).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all.csv", world.path("deliveries/crime/2025-03.csv")).unwrap();
    fs::create_dir(world.path("deliveries/crime/2025-02.csv")).unwrap();
    world.run().exits(0);
    assert_eq!(world.rows("feed_delivery", &[("feed", "northport-crime")]).len(), 4);
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
    assert!(!world.path("harm").exists() && !world.path("deliveries/crime/harm").exists());
    // Names that a pattern lets through are data: into SQL, tables and files they go as they are.
    let world = World::empty();
    world.edit(CRIME_FEED, "{period}.csv", "{period}{rest}.csv");
    for month in small::MONTHS {
        world.deliver("asb", month);
        world.send_as(
            &format!("deliveries/crime/{month}';DROP TABLE crime;--.csv"),
            World::good("crime", month),
        );
    }
    world.run().exits(0);
    let rows = world.rows("feed_delivery", &[("feed", "northport-crime"), ("period", "2025-07")]);
    assert_eq!(rows[0]["source_file"], "2025-07';DROP TABLE crime;--.csv");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
}

#[test]
fn a_contract_whose_column_becomes_another_type_is_never_mixed_with_what_is_stored() {
    let world = World::complete();
    world.run().exits(0);
    let contract = world.read(CONTRACT);
    let begin = contract.find("[[column]]\nname = \"value_gbp\"").unwrap();
    let as_text = "[[column]]\nname = \"value_gbp\"\nfrom = \"Value\"\n";
    world.write(CONTRACT, format!("{}{as_text}", &contract[..begin]));
    world.run().exits(0);
    let sql = "SELECT value_gbp FROM crime WHERE ref = 'C07-03'";
    assert_eq!(world.outturn(&["query", sql, "--output", "csv"]).exits(0).out, "value_gbp\n30\n");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
    // A column more, and one gone.
    let more = "[[column]]\nname = \"raw_month\"\nfrom = \"Month\"\n";
    world.write(CONTRACT, format!("{}{more}", &contract[..begin]));
    world.run().exits(0);
    let sql = "SELECT raw_month FROM crime WHERE ref = 'C07-03'";
    assert_eq!(world.outturn(&["query", sql, "--output", "csv"]).exits(0).out, "raw_month\n2025-07\n");
    assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "available 0.5");
}

#[test]
fn a_rate_whose_residents_are_not_known_is_not_applicable_and_stops_nothing() {
    let world = World::complete();
    let population = "pipelines/northport/reference/population.csv";
    for residents in ["", "P01,2024,0\n"] {
        let text = "area,mid_year,persons\nW01,2024,2000\n".to_owned() + residents;
        world.write(population, text);
        world.run().exits(0);
        assert_eq!(world.figure("northport-crime-rate", "P01", "2025-07"), "not_applicable");
        assert_eq!(world.figure("northport-asb", "P01", "2025-07"), "available 4.0");
    }
}

#[test]
fn a_reader_that_went_away_is_no_fault() {
    let world = World::complete();
    let run = |script: &str| {
        let mut command = Command::new("bash");
        command.args(["-c", script, env!("CARGO_BIN_EXE_outturn")]).current_dir(world.path(""));
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{script}");
        output.status.code()
    };
    assert_eq!(run(&format!("\"$0\" --now {NOW} run 2>&-")), Some(0));
    assert_eq!(world.release().as_deref(), Some("2025-08-12.1"));
    assert_eq!(
        run(&format!(
            "\"$0\" --now {NOW} query 'SELECT * FROM outturn' | head -c 1; exit ${{PIPESTATUS[0]}}"
        )),
        Some(0)
    );
    // A disk that is full under the answer is told.
    if std::path::Path::new("/dev/full").exists() {
        assert_eq!(run(&format!("\"$0\" --now {NOW} query 'SELECT 1' > /dev/full")), Some(1));
    }
}

#[test]
fn every_fault_of_the_reliability_page_names_a_test_that_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    let mut folders = vec![root.join("tests"), root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                code.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let text = fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let mut cited = std::collections::BTreeSet::new();
    let mut rows = 0;
    for line in text.lines().filter(|line| line.starts_with("| ") && !line.contains("---")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if cells[0].parse::<u32>().is_err() {
            continue;
        }
        rows += 1;
        let names: Vec<&str> = cells.last().unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test shows: {line}");
        for name in names {
            let there = if name.contains('_') {
                code.contains(&format!("fn {name}("))
            } else {
                code.contains(&format!("\"{name}\""))
            };
            assert!(there, "there is no test `{name}`: {line}");
            cited.insert(name.to_owned());
        }
    }
    assert!(rows >= 60, "{rows} faults");
    for fault in
        faults_of_contents().iter().map(|fault| fault.id).chain(faults_on_the_way().iter().map(|f| f.0))
    {
        assert!(cited.contains(fault), "docs/reliability.md does not name `{fault}`");
    }
}
