//! Deliveries in other formats than text give the same figures, and the quarantine shows their rows.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, in its helpers too")]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what a test of messages needs is not needed here")]
mod small;

use std::io::Write as _;

use rust_xlsxwriter::{Format, Workbook};
use small::{MONTHS, World};

const CONTRACT: &str = "pipelines/northport/contracts/constabulary-crime.toml";
const FEED: &str = "pipelines/northport/feeds/northport-crime.toml";

/// A month's text as the workbook that a partner makes of it: a cover sheet, a title, a blank row, a footnote; numbers
/// are numbers.
fn workbook(text: &str) -> Vec<u8> {
    let mut workbook = Workbook::new();
    workbook.add_worksheet().set_name("Cover").unwrap().write(0, 0, "Northport Constabulary").unwrap();
    let sheet = workbook.add_worksheet().set_name("Crimes").unwrap();
    sheet.merge_range(0, 0, 0, 5, "Recorded crime", &Format::new()).unwrap();
    let mut row = 2;
    for line in text.lines() {
        for (column, field) in (0..).zip(line.split(',')) {
            match field.parse::<f64>() {
                Ok(number) => sheet.write(row, column, number).unwrap(),
                Err(_) if field.is_empty() => continue,
                Err(_) => sheet.write(row, column, field).unwrap(),
            };
        }
        row += 1;
    }
    sheet.write(row + 1, 0, "Source: crime recording system").unwrap();
    workbook.save_to_buffer().unwrap()
}

/// The small project, whose crimes come as workbooks; the one of May is packed.
fn world_of_workbooks() -> World {
    let world = World::complete();
    let format = "[format]\nkind = \"workbook\"\nsheet = \"Crimes\"\nheader-contains = [\"Ref\", \"Beat\"]\nstop-at = [\"^Source\"]\n\n[month]";
    world.edit(CONTRACT, "[month]", format);
    world.edit(FEED, "crime/{period}.csv", "crime/{period}.xlsx");
    for month in MONTHS {
        let mut bytes = workbook(&World::good("crime", month));
        if month == "2025-05" {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(&bytes).unwrap();
            bytes = encoder.finish().unwrap();
        }
        world.send_as(&format!("deliveries/crime/{month}.xlsx"), bytes);
    }
    world
}

#[test]
fn crimes_from_workbooks_give_the_figures_of_crimes_from_text() {
    let text = World::complete();
    text.run().exits(0);
    let world = world_of_workbooks();
    world.run().exits(0);
    assert_eq!(world.rows("outturn", &[]), text.rows("outturn", &[]));
    let told = world.told_of("crime", "2025-07");
    assert!(
        told.iter().any(|line| line.ends_with("1 records below the table were left out, from 10")),
        "{told:?}"
    );
}

#[test]
fn the_quarantine_shows_the_row_of_a_workbook_by_its_number() {
    let world = world_of_workbooks();
    let july = World::good("crime", "2025-07").replace("C07-03,2025-07,K1", "C07-03,2025-07,K9");
    world.send_as("deliveries/crime/2025-07.xlsx", workbook(&july));
    world.run().exits(0);
    world
        .outturn(&["quarantine", "show"])
        .exits(0)
        .prints("2025-07.xlsx:6: unknown_beat, column `Beat`: `K9` is not in look-up `beat`")
        .prints("C07-03,2025-07,K9,Burglary,Under investigation,30");
}

#[test]
fn a_format_that_cannot_be_is_told_with_its_place() {
    let world = World::complete();
    world.edit(CONTRACT, "[month]", "[format]\nstop-at = [\"(\"]\n\n[month]");
    world
        .outturn(&["check"])
        .exits(2)
        .says("constabulary-crime.toml:10:11")
        .says("`(` is not a regular expression");
}
