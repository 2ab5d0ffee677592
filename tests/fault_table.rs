//! Faults of partners, many at once: each costs its own feed its month and nobody else anything; and the page that lists
//! every fault with the test that shows it.
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
use std::time::{Duration, Instant};

use partner::{Answer, FakePartner};
use small::{Told, World, edited, with_field};

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
    let rows = World::good("crime", "2025-07").split_once('\n').unwrap().1.to_owned();
    let utf16: Vec<u8> = [0xFEFF]
        .into_iter()
        .chain(World::good("crime", "2025-07").encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let latin = |text: &str| -> Vec<u8> {
        World::good("crime", "2025-07")
            .replacen("Charged", text, 1)
            .chars()
            .map(|c| u8::try_from(c).unwrap())
            .collect()
    };
    let wide = (0..100_000).map(|n| format!(",extra{n}")).collect::<Vec<_>>().concat();
    let held = "held: 5 = 0 + 0 + 5; 5 of 5 rows break the contract";
    let mut faults = vec![
        fault(
            "renamed",
            World::good("crime", "2025-07").replacen("Outcome", "Result", 1),
            "refused: 5 = 0 + 0 + 5; column `Outcome` is missing; not known: `Result`",
            NONE,
        ),
        fault(
            "reordered",
            edited(|_, line| line.split(',').rev().collect::<Vec<_>>().join(",")),
            "accepted: 5 = 5 + 0 + 0",
            "available 5.0",
        ),
        fault(
            "swapped",
            World::good("crime", "2025-07").replacen(header, "Ref,Month,Beat,Outcome,Type,Value", 1),
            held,
            NONE,
        ),
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
            World::good("crime", "2025-07").replacen(header, &format!("{header}{wide}"), 1),
            "held: 5 = 0 + 0 + 5; 5 of 5 rows break the contract, most of them `column_count`",
            NONE,
        ),
        fault("no-header", &rows, "refused: 4 = 0 + 0 + 4; column `Ref`", NONE),
        fault(
            "two-headers",
            World::good("crime", "2025-07").replacen('\n', &format!("\n{header}\n"), 1),
            "accepted: 6 = 5 + 0 + 1",
            "available 5.0",
        ),
        fault(
            "title-rows",
            format!("Crimes of July 2025\n\n{}", World::good("crime", "2025-07")),
            "refused: ",
            NONE,
        ),
        fault(
            "total-row",
            World::good("crime", "2025-07") + "Total,,,,,5\n",
            "accepted: 6 = 5 + 0 + 1",
            "available 5.0",
        ),
        fault("new-code", with_field(2, 3, "Fly-tipping"), "accepted: 5 = 4 + 0 + 1", "available 4.0"),
        fault("blank-code", with_field(2, 3, ""), "accepted: 5 = 4 + 0 + 1", "available 4.0"),
        fault(
            "unknown-places",
            World::good("crime", "2025-07").replace(",H1,", ",X1,").replace(",M1,", ",X9,"),
            "held: 5 = 0 + 0 + 5; 3 of 5 rows break the contract, most of them `unknown_beat`",
            NONE,
        ),
        fault("utf-16", utf16, "refused: ", NONE),
        fault(
            "byte-order-mark",
            format!("\u{feff}{}", World::good("crime", "2025-07")),
            "accepted: 5 = 5 + 0 + 0",
            "available 5.0",
        ),
        fault("windows-1252", latin("Charg\u{e9}d"), "accepted: 5 = 4 + 0 + 1", "available 4.0"),
        fault(
            "nul-byte",
            World::good("crime", "2025-07").replacen("Charged", "Char\0ged", 1),
            "accepted: 5 = 4 + 0 + 1",
            "available 4.0",
        ),
        fault(
            "open-quote",
            World::good("crime", "2025-07").replacen("Robbery", "\"Robbery", 1),
            "accepted: 5 = 4 + 0 + 1",
            "available 4.0",
        ),
        fault(
            "other-delimiter",
            World::good("crime", "2025-07").replace(',', ";"),
            "refused: 5 = 0 + 0 + 5; column `Ref`",
            NONE,
        ),
        fault(
            "mixed-line-ends",
            edited(|number, line| if number % 2 == 0 { format!("{line}\r") } else { line.to_owned() }),
            "accepted: 5 = 5 + 0 + 0",
            "available 5.0",
        ),
        fault(
            "no-last-line-end",
            World::good("crime", "2025-07").trim_end(),
            "accepted: 5 = 5 + 0 + 0",
            "available 5.0",
        ),
        fault("impossible-month", with_field(3, 1, "2025-13"), "accepted: 5 = 4 + 0 + 1", "available 4.0"),
        fault("serial-dates", World::good("crime", "2025-07").replace("2025-07", "45839"), held, NONE),
        fault("negative", with_field(1, 5, "-30"), "accepted: 5 = 4 + 0 + 1", "available 4.0"),
        fault("not-a-number", with_field(1, 5, "NaN"), "accepted: 5 = 4 + 0 + 1", "available 4.0"),
        fault("infinite", with_field(1, 5, "1E400"), "accepted: 5 = 4 + 0 + 1", "available 4.0"),
        fault(
            "repeated-rows",
            format!("{}{rows}", World::good("crime", "2025-07")),
            "accepted: 10 = 5 + 5 + 0",
            "available 5.0",
        ),
        fault(
            "conflicting-keys",
            World::good("crime", "2025-07") + "C07-01,2025-07,H1,Robbery,No suspect,9\n",
            "accepted: 6 = 5 + 1 + 0",
            "available 5.0",
        ),
        fault(
            "late-rows",
            World::good("crime", "2025-07") + "C06-99,2025-06,H1,Robbery,Charged,9\n",
            "accepted: 6 = 5 + 0 + 1",
            "available 5.0",
        ),
        fault(
            "future-rows",
            World::good("crime", "2025-07") + "C09-01,2025-09,H1,Robbery,Charged,9\n",
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
            World::good("crime", "2025-07")
                + &format!("C07-06,2025-07,H1,Robbery,{},\n", "x".repeat(10 << 20)),
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
                let whole = gzip(World::good("crime", "2025-07"));
                whole[..whole.len() - 6].to_vec()
            },
            "refused: ",
            NONE,
        ),
        fault(
            "wrong-checksum-gzip",
            {
                let mut whole = gzip(World::good("crime", "2025-07"));
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
        (
            "zip-in-zip",
            zip(&[(
                "2025-07/crime.csv",
                &zip(&[("2025-07/crime.csv", World::good("crime", "2025-07").as_bytes())]),
            )]),
        ),
        ("zip-that-climbs", zip(&[("../../2025-07/crime.csv", World::good("crime", "2025-07").as_bytes())])),
        ("zip-truncated", {
            let whole = zip(&[("2025-07/crime.csv", World::good("crime", "2025-07").as_bytes())]);
            whole[..whole.len() / 2].to_vec()
        }),
        ("zip-damaged", {
            let mut whole = zip(&[("2025-07/crime.csv", World::good("crime", "2025-07").as_bytes())]);
            for byte in &mut whole[60..90] {
                *byte ^= 0x55;
            }
            whole
        }),
        ("zip-lies-about-size", {
            let mut whole = zip(&[("2025-07/crime.csv", World::good("crime", "2025-07").as_bytes())]);
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
    let text = World::good("crime", "2025-07");
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

/// All that the program and its tests are written in.
fn code(root: &std::path::Path) -> String {
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
    code
}

#[test]
fn the_guide_to_feeds_names_tests_that_are_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let (code, mut named) = (code(root), 0);
    let text = fs::read_to_string(root.join("docs/feeds.md")).unwrap();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        for name in line.split('`').skip(1).step_by(2) {
            let plain =
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if plain && name.matches('_').count() >= 3 {
                assert!(code.contains(&format!("fn {name}(")), "there is no test `{name}`");
                named += 1;
            } else if name.contains('/')
                && std::path::Path::new(name).extension().is_some_and(|ending| ending == "rs")
            {
                assert!(root.join(name).is_file(), "there is no `{name}`");
            }
        }
    }
    assert!(named >= 40, "{named} tests");
}

#[test]
fn every_fault_of_the_reliability_page_names_a_test_that_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let code = code(root);
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
