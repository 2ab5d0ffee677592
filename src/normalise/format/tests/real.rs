//! The publishers' real files, as they are. `OUTTURN_OPEN_DATA` names the folder that holds them.

use super::*;

/// A real file; `None` where there is none, which is said.
fn real(path: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("OUTTURN_OPEN_DATA") else {
        let _ = writeln!(io::stderr(), "{path} was not read: OUTTURN_OPEN_DATA is not set");
        return None;
    };
    let path = PathBuf::from(folder).join(path);
    assert!(path.is_file(), "{}: no such file", path.display());
    Some(path)
}

fn read_real(path: &str, toml: &str) -> Option<Got> {
    Some(read_path(&real(path)?, None, &format(toml)).unwrap())
}

#[test]
fn table_c2_is_read_from_its_eighth_record_whose_names_hold_line_feeds() {
    let path = "home-office-recorded-crime/policeforceareatablesyejune25final.csv";
    for rule in ["header-row = 8", "header-contains = ['Police Force Area code', 'Local Authority name']"] {
        let Some(got) = read_real(path, &format!("multi-line = true\ntrim = true\n{rule}")) else { return };
        assert_eq!(got.header.len(), 29);
        assert_eq!(
            got.header[..3],
            ["Police Force Area code", "Police Force Area name", "Community Safety Partnership code"]
        );
        assert_eq!(got.header[6], "Total recorded crime (excluding fraud)");
        assert_eq!((got.rows.len(), got.flaws.len()), (399, 0));
        assert!((got.sum("Total recorded crime (excluding fraud)") - 10_399_497.0).abs() < 0.5);
        assert!((got.sum("Homicide") - 1022.0).abs() < 0.5);
        let swindon = got.rows.last().unwrap();
        assert_eq!(swindon[..2], ["E23000038", "Wiltshire"]);
        // The heading spans several lines: 412 line feeds stand in 407 records.
        assert_eq!(got.places.last().unwrap().line, 412);
    }
}

#[test]
fn seizures_have_a_byte_order_mark_and_a_line_feed_in_a_name() {
    for (file, cleveland) in [("Seizures17-18", "1900"), ("Seizures18-19", "1812")] {
        let path = format!("home-office-drug-seizures/{file}.csv");
        let Some(got) = read_real(&path, "multi-line = true") else { return };
        assert_eq!(got.header[0], "Police force");
        assert_eq!(got.header[15], "Mephedrone (non-injection)");
        assert_eq!((got.rows.len(), got.header.len()), (41, 25));
        assert_eq!(got.rows[0][..2], ["Cleveland", cleveland]);
    }
}

#[test]
fn fingertips_rows_have_a_line_feed_in_quotes_and_may_lack_the_last_of_26_fields() {
    let toml = "multi-line = true\ntrim = true\npad-short-rows = true";
    let Some(got) = read_real("fingertips/indicators-CountyUA.data.csv", toml) else { return };
    assert_eq!((got.rows.len(), got.header.len()), (852, 26));
    assert_eq!(got.rows[0][..2], ["93356", "Campylobacter incidence rate/100,000"]);
    assert_eq!(got.column("Value").iter().filter(|value| value.is_empty()).count(), 10);
    assert!((got.sum("Value") - 117_741.322_645_602_79).abs() < 1e-6);
    assert!(got.column("Compared to goal").iter().all(|value| value.is_empty()));
    let path = "fingertips/social-isolation-indicators-CountyUA.data.csv";
    let Some(got) = read_real(path, toml) else { return };
    assert_eq!(got.rows.len(), 4536);
    assert_eq!(got.column("Value").iter().filter(|value| value.is_empty()).count(), 71);
    assert!((got.sum("Value") - 180_529.214_245_921_58).abs() < 1e-6);
}

#[test]
fn fingertips_rows_that_are_too_short_are_flaws_unless_the_format_says_otherwise() {
    let Some(got) = read_real("fingertips/indicators-CountyUA.data.csv", "multi-line = true") else { return };
    assert_eq!((got.rows.len(), got.flaws.len()), (0, 852));
    assert!(got.flaws.iter().all(|(_, flaw)| *flaw == Flaw::Width));
}

#[test]
fn ward_populations_end_where_the_blank_records_and_notes_begin() {
    let toml = "multi-line = true\nheader-contains = ['Ward Code 1']\nstop-at-blank = true";
    let path = "populations/SAPE23DT8a_mid2020_wards_persons.csv";
    let Some(got) = read_real(path, toml) else { return };
    // 8,072 records: 5 up to the heading, 3 blank ones and 11 of notes, one of them blank, below the table.
    assert_eq!(got.rows.len(), 8072 - 5 - 3 - 11);
    assert_eq!(got.rows[0][..5], ["E05000026", "Abbey", "E09000002", "Barking and Dagenham", "16,149"]);
    let of = |code: &str| -> u64 {
        let rows = got.rows.iter().filter(|row| row[2] == code);
        rows.map(|row| row[4].replace(',', "").parse::<u64>().unwrap()).sum()
    };
    // Published totals, mid-2020: Stockport, Manchester, Stockton-on-Tees.
    assert_eq!([of("E08000007"), of("E08000003"), of("E06000004")], [294_197, 555_741, 197_419]);
    assert_eq!(got.note, "10 records below the table were left out");
}

#[test]
fn a_nomis_download_is_read_between_its_preamble_and_its_footnotes() {
    let toml = "multi-line = true\nheader-contains = ['2011 output area']\nstop-at = ['^$']";
    let Some(got) = read_real("nomis/nomis_QS103EW_age_oa_manchester.csv", toml) else { return };
    assert_eq!((got.rows.len(), got.header.len()), (1530, 103));
    // Residents of Manchester in the Census of 2011.
    assert!((got.sum("All categories: Age") - 503_127.0).abs() < 0.5);
    assert!(got.note.ends_with("records below the table were left out, from 1544"), "{}", got.note);
}

#[test]
fn response_times_written_as_dates_of_1899_become_lengths_of_time() {
    let column = "Fire and Rescue response time (three-year average)";
    let toml = format!("duration-columns = ['{column}']");
    let path = "fire/fire_and_rescue_response_times_lad19.csv";
    let Some(got) = read_real(path, &toml) else { return };
    assert_eq!(got.rows.len(), 317);
    assert_eq!(got.column(column)[0], "00:08:04");
    let Some(got) = read_real(path, &format!("{toml}\ndurations = 'seconds'")) else { return };
    assert_eq!(got.column(column)[0], "484");
}

#[test]
fn wide_tables_become_long() {
    let toml = "kind = 'csv'\n[unpivot]\nkeep = ['year']\nname-to = 'area'\nvalue-to = 'admissions'\n[constants]\nsource = 'NHS'";
    let Some(got) = read_real("public-health/nhs_drug_misuse_admissions_by_la_wide.csv", toml) else {
        return;
    };
    assert_eq!(got.header, ["year", "source", "area", "admissions"]);
    assert_eq!(got.rows.len(), 12 * 137);
    assert_eq!(got.rows[0], ["2009", "NHS", "Barking and Dagenham", "31"]);
    assert_eq!(got.column("admissions").iter().filter(|value| !value.is_empty()).count(), 1637);
    assert!((got.sum("admissions") - 165_139.0).abs() < 0.5);
    assert_eq!(got.places[136].line, 2);
    let toml = "[unpivot]\nkeep = ['year']\nname-to = 'area'\nvalue-to = 'deaths'\nskip-empty = true";
    let Some(got) = read_real("public-health/ons_drug_misuse_deaths_by_la_wide.csv", toml) else { return };
    assert_eq!(got.rows.len(), 1370);
    assert!((got.sum("deaths") - 58_438.0).abs() < 0.5);
    let toml = "trim = true\n[unpivot]\nkeep = ['year']\nname-to = 'force'\nvalue-to = 'offences'";
    let Some(got) = read_real("home-office-knife-crime/knifecrime_polices.csv", toml) else { return };
    assert_eq!((got.header.len(), got.rows.len()), (3, 12 * 40));
    assert_eq!(got.rows[0], ["2009", "Cleveland", "207"]);
}

#[test]
fn the_mental_health_act_workbook_reads_as_its_first_sheet() {
    let path = "mental-health-act/mha_annual_suppressed_2023_24.xlsx";
    let Some(got) = read_real(path, "kind = 'workbook'\nsheet = 'mha_annual_suppressed_2023_24'") else {
        return;
    };
    assert_eq!((got.rows.len(), got.header.len()), (6947, 15));
    let totals = got.column("Total_Count");
    assert_eq!(totals.iter().filter(|value| value.is_empty()).count(), 2253);
    assert!((got.sum("Total_Count") - 3_190_458.0).abs() < 0.5);
    assert_eq!(got.column("OrganisationBreakdown").iter().filter(|value| **value == "h").count(), 1);
    let section_136 =
        got.column("measureSubcategory").iter().filter(|value| **value == "Section 136").count();
    assert_eq!(section_136, 160);
    assert_eq!(
        got.rows[0],
        [
            "2023/24",
            "All detentions",
            "All",
            "Age",
            "15 and under",
            "h",
            "MHSDS",
            "All prov",
            "All providers",
            "274",
            "0",
            "274",
            "2.6",
            "",
            ""
        ]
    );
    assert_eq!(got.places[0].line, 2);
    let error =
        read_path(&real(path).unwrap(), None, &format("kind = 'workbook'\nsheet = 'Table 1'")).unwrap_err();
    assert!(
        error.to_string().starts_with(
            "no sheet is named `Table 1`; the sheets are `mha_annual_suppressed_2023_24`, `Dashboard`"
        ),
        "{error}"
    );
}

const USE_OF_FORCE: &str = "home-office-use-of-force/police-use-of-force-apr2018-mar2019-hosb3319-tables.ods";

#[test]
fn use_of_force_tables_are_read_from_below_their_titles_to_above_their_notes() {
    let toml = "kind = 'workbook'\nsheet = 'Table_1'\nheader-row = 4\nheader-rows = 3\nstop-at = ['^Notes$']";
    let Some(got) = read_real(USE_OF_FORCE, toml) else { return };
    assert_eq!(
        got.header,
        [
            "Type of force",
            "Tactic",
            "Number of times tactic reported",
            "Number of incidents involving tactic"
        ]
    );
    // 42 tactics; tactical communication stands below a blank row.
    assert_eq!(got.rows.len(), 43);
    assert!((got.sum("Number of times tactic reported") - 2_305_345.0).abs() < 0.5);
    assert!((got.sum("Number of incidents involving tactic") - 2_015_573.0).abs() < 0.5);
    assert_eq!(got.rows.last().unwrap()[1..3], ["Tactical communication (with other tactic)", "203141"]);
    let toml = "kind = 'workbook'\nsheet-like = '^Table_14$'\nheader-contains = ['Police force', 'Under 11 years']\nstop-below-fields = 2";
    let Some(got) = read_real(USE_OF_FORCE, toml) else { return };
    assert_eq!(got.rows.len(), 1540);
    assert_eq!(got.rows[0][3], "853");
    assert_eq!(got.rows.last().unwrap()[0], "Wiltshire");
    assert!(got.note.starts_with("read from sheet `Table_14`"), "{}", got.note);
}

#[test]
fn a_heading_with_totals_in_its_middle_is_joined_without_them_and_made_long() {
    let toml = "kind = 'workbook'\nsheet = 'Table_3'\nheader-row = 5\nheader-rows = 4\nheader-ignore = [2, 3]\nstop-at = ['^Notes$']\n\
        [unpivot]\nkeep = ['Type of force', 'Tactic']\ncolumns = ['Male', 'Female', 'Other', 'Not reported']\nname-to = 'gender'\nvalue-to = 'times'";
    let Some(got) = read_real(USE_OF_FORCE, toml) else { return };
    assert_eq!(got.header, ["Type of force", "Tactic", "gender", "times"]);
    assert_eq!(got.rows.len(), 35 * 4);
    let of = |gender: &str| -> u64 {
        got.rows.iter().filter(|row| row[2] == gender).map(|row| row[3].parse::<u64>().unwrap()).sum()
    };
    assert_eq!(["Male", "Female", "Other", "Not reported"].map(of), [1_899_663, 356_018, 3348, 18_689]);
    assert_eq!(
        got.rows[0],
        ["Total (excluding not reported and tactical communication)", "Total Tactics", "Male", "523120"]
    );
}

#[test]
fn sheets_of_the_ods_read_as_another_reader_reads_them() {
    use calamine::{Data, Reader};
    let Some(path) = real(USE_OF_FORCE) else { return };
    let mut other: calamine::Ods<_> = calamine::open_workbook(&path).unwrap();
    assert_eq!(other.sheet_names().len(), 19);
    let mut compared = 0;
    // One of each shape: all of them take a minute.
    for name in ["Cover_sheet", "Contents", "Table_1", "Table_6", "Table_17"] {
        let range = other.worksheet_range(name).unwrap();
        let format = FormatConfig {
            kind: FormatKind::Workbook,
            sheet: Some(name.to_owned()),
            ..FormatConfig::default()
        };
        let mut source = source(&landing().1, &delivery(&path, None), &format, 1 << 30).unwrap();
        let mut fields = Fields::default();
        let mut ours: Vec<(u32, u32, String)> = Vec::new();
        while let Some(raw) = source.next(&mut fields).unwrap() {
            raw.result.unwrap();
            for (column, text) in fields.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
                ours.push((
                    u32::try_from(raw.number).unwrap() - 1,
                    u32::try_from(column).unwrap(),
                    text.to_owned(),
                ));
            }
        }
        let (top, left) = range.start().unwrap();
        let theirs = range.used_cells().filter_map(|(row, column, value)| {
            let text = match value {
                Data::Float(value) => value.to_string(),
                Data::Int(value) => value.to_string(),
                Data::String(text) => text.clone(),
                Data::DateTimeIso(text) => text.trim_end_matches("T00:00:00").to_owned(),
                other => panic!("{name}: {other:?}"),
            };
            let at = |start: u32, number: usize| start + u32::try_from(number).unwrap();
            (!text.is_empty()).then(|| (at(top, row), at(left, column), text))
        });
        let theirs: Vec<_> = theirs.collect();
        compared += ours.len();
        assert_eq!(ours, theirs, "{name}");
    }
    assert!(compared > 14_000, "{compared}");
}

#[test]
fn police_api_pages_read_alike_compact_indented_and_one_behind_the_other() {
    let toml = "kind = 'json'\nfields = ['id', 'category', 'month', 'location_type', 'outcome_status.category', \
        'location.latitude', 'location.street.name', 'persistent_id']";
    let ward = "police-api-json/london-wards/crime_month_2018_06_area_E05000649_0.json";
    let Some(got) = read_real(ward, toml) else { return };
    assert_eq!((got.rows.len(), got.header.len(), got.flaws.len()), (1820, 8, 0));
    assert_eq!(got.column("outcome_status.category").iter().filter(|value| !value.is_empty()).count(), 1627);
    assert!(got.column("month").iter().all(|month| *month == "2018-06"));
    let mut ids = got.column("id");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1820);
    // Two months of another place, as paging lands them.
    let Some(january) = real("police-api-json/cheltenham-AA3/2025-01-crimes-street-all-crime.json") else {
        return;
    };
    let Some(february) = real("police-api-json/cheltenham-AA3/2025-02-crimes-street-all-crime.json") else {
        return;
    };
    let mut pages = std::fs::read(january).unwrap();
    pages.extend(std::fs::read(february).unwrap());
    let got = read(&pages, toml).unwrap();
    assert_eq!(got.rows.len(), 375 + 335);
    assert_eq!(
        got.column("outcome_status.category").iter().filter(|value| !value.is_empty()).count(),
        309 + 269
    );
    assert_eq!(got.places.last().unwrap().line, 710);
}

#[test]
fn street_crime_reads_alike_plain_packed_and_in_other_encodings() {
    let Some(path) = real("police-data-uk/other-forces/2018-12/2018-12-city-of-london-street.csv") else {
        return;
    };
    let plain = read_path(&path, None, &FormatConfig::default()).unwrap();
    assert_eq!(plain.header.len(), 12);
    assert!(plain.rows.len() > 300);
    let text = std::fs::read_to_string(&path).unwrap();
    let utf16: Vec<u8> =
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for (bytes, toml) in [
        (text.as_bytes().to_vec(), "multi-line = true"),
        (text.as_bytes().to_vec(), "encoding = 'auto'"),
        (utf16.clone(), "encoding = 'auto'"),
        (utf16[2..].to_vec(), "encoding = 'utf-16le'"),
        (zstd::encode_all(text.as_bytes(), 3).unwrap(), "delimiter = ','"),
        (gzip(&utf16), "encoding = 'utf-16'"),
        (text.replace(',', "\t").into_bytes(), "delimiter = \"\\t\""),
    ] {
        let got = read(&bytes, toml).unwrap();
        assert_eq!(got.header, plain.header, "{toml}");
        assert_eq!(got.rows, plain.rows, "{toml}");
    }
}
