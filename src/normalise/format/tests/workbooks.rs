//! Workbooks: what their cells read as, and what none of them may do.

use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};

use super::*;

fn error(bytes: &[u8], toml: &str) -> String {
    read(bytes, toml).unwrap_err().to_string()
}

/// A workbook with a title, a hidden sheet, and a value of each kind.
fn sample() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let hidden = workbook.add_worksheet().set_name("Working").unwrap();
    hidden.set_hidden(true).write(0, 0, "not for reading").unwrap();
    let sheet = workbook.add_worksheet().set_name("Table 1").unwrap().set_active(true);
    let day = Format::new().set_num_format("dd/mm/yyyy");
    let moment = Format::new().set_num_format("dd/mm/yyyy hh:mm");
    let taken = Format::new().set_num_format("[h]:mm:ss");
    sheet.merge_range(0, 0, 0, 3, "Incidents by ward", &Format::new()).unwrap();
    for (column, name) in
        (0..).zip(["Ward", "Day", "Logged", "Time taken", "Count", "Rate", "Repeat", "Check", "Sum"])
    {
        sheet.write(2, column, name).unwrap();
    }
    sheet.write(3, 0, "Bredbury\nGreen").unwrap();
    sheet.write_with_format(3, 1, ExcelDateTime::from_ymd(2025, 6, 30).unwrap(), &day).unwrap();
    let logged = ExcelDateTime::from_ymd(2025, 6, 30).unwrap().and_hms(13, 45, 0).unwrap();
    sheet.write_with_format(3, 2, logged, &moment).unwrap();
    sheet.write_with_format(3, 3, 346.0 / 86_400.0, &taken).unwrap();
    sheet.write(3, 4, 12).unwrap();
    sheet.write(3, 5, 0.1 + 0.2).unwrap();
    sheet.write(3, 6, true).unwrap();
    sheet.write(3, 7, Formula::new("=NA()").set_result("#N/A")).unwrap();
    sheet.write(3, 8, Formula::new("=E4*2").set_result("24")).unwrap();
    // Rows 5 to 9 are blank; a blank cell with a format stands far out, as they do in real workbooks.
    sheet.write_blank(4, 16_383, &day).unwrap();
    sheet.write(9, 0, "Ynys Môn").unwrap();
    sheet.write_with_format(9, 3, 1.5, &taken).unwrap();
    sheet.write(11, 0, "Source: made for tests").unwrap();
    workbook.add_worksheet().set_name("Table 2").unwrap().write(0, 0, "Area").unwrap();
    workbook.save_to_buffer().unwrap()
}

const SAMPLE: &str = "kind = 'workbook'\nheader-row = 3\nstop-at = ['^Source']\n";

#[test]
fn cells_read_as_what_they_are_whatever_their_looks() {
    let got = read(&sample(), &format!("{SAMPLE}sheet = 'Table 1'")).unwrap();
    assert_eq!(
        got.rows,
        [
            [
                "Bredbury\nGreen",
                "2025-06-30",
                "2025-06-30T13:45:00",
                "00:05:46",
                "12",
                "0.30000000000000004",
                "True",
                "#N/A",
                "24"
            ],
            ["Ynys Môn", "", "", "36:00:00", "", "", "", "", ""]
        ]
    );
    assert_eq!(got.places.iter().map(|place| place.line).collect::<Vec<_>>(), [4, 10]);
    assert_eq!(got.note, "1 records below the table were left out, from 12");
    let got = read(&sample(), &format!("{SAMPLE}durations = 'seconds'")).unwrap();
    assert_eq!(got.column("Time taken"), ["346", "129600"]);
}

#[test]
fn a_sheet_is_the_first_visible_one_or_told_by_name_pattern_or_number() {
    let header =
        |toml: &str| read(&sample(), &format!("kind = 'workbook'\n{toml}")).map(|got| got.header[0].clone());
    assert_eq!(header("").unwrap(), "Incidents by ward");
    assert_eq!(header("sheet = 'Working'").unwrap(), "not for reading");
    assert_eq!(header("sheet-like = '2$'").unwrap(), "Area");
    assert_eq!(header("sheet-number = 2").unwrap(), "Area");
    let error = |toml: &str| header(toml).unwrap_err().to_string();
    assert_eq!(
        error("sheet-like = '^Table'"),
        "2 sheets match `^Table`, expected one; the sheets are `Table 1`, `Table 2`"
    );
    assert_eq!(
        error("sheet-like = 'Working'"),
        "no sheet matches `Working`; the sheets are `Table 1`, `Table 2`"
    );
    assert_eq!(error("sheet-number = 3"), "the workbook has 2 visible sheets, so there is no sheet 3");
}

#[test]
fn a_legal_workbook_with_one_cell_in_the_farthest_corner_is_refused_and_harmless() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write(0, 0, "a").unwrap();
    sheet.write(1_048_575, 16_383, "far").unwrap();
    let bytes = workbook.save_to_buffer().unwrap();
    assert_eq!(
        error(&bytes, "kind = 'workbook'"),
        "a cell with text stands in row 1048576, beyond the 1000000 that `limits.rows` allows"
    );
    assert_eq!(
        error(&bytes, "kind = 'workbook'\n[limits]\nrows = 2000000"),
        "a cell with text stands in column 16384, beyond the 500 that `limits.columns` allows"
    );
    // Where the limits allow it, it costs no more than its cells.
    let got = read(&bytes, "kind = 'workbook'\n[limits]\nrows = 2000000\ncolumns = 20000").unwrap();
    assert_eq!((got.header.len(), got.rows.len(), got.flaws.len()), (1, 0, 1));
}

#[test]
fn limits_on_cells_on_bytes_and_on_fields_are_kept() {
    let bytes = sample();
    assert_eq!(
        error(&bytes, "kind = 'workbook'\n[limits]\ncells = 15"),
        "the sheet has more than the 15 filled cells that `limits.cells` allows"
    );
    assert!(error(&bytes, "kind = 'workbook'\n[limits]\nxml-bytes = 1000").contains("`limits.xml-bytes`"));
    let mut workbook = Workbook::new();
    workbook.add_worksheet().write(0, 0, "x".repeat(30_000)).unwrap();
    let long = workbook.save_to_buffer().unwrap();
    assert!(error(&long, "kind = 'workbook'\n[limits]\nfield-bytes = 1000").contains("`limits.field-bytes`"));
    assert_eq!(read(&long, "kind = 'workbook'").unwrap().header[0].len(), 30_000);
}

/// An XLSX whose only sheet has this XML.
fn xlsx_of(sheet: &str, strings: &str) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const REL: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let workbook = format!(
        "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{REL}\"><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
    );
    let relations = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
         <Relationship Id=\"rId1\" Type=\"{REL}/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
         <Relationship Id=\"rId2\" Type=\"{REL}/sharedStrings\" Target=\"sharedStrings.xml\"/></Relationships>"
    );
    let root = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
         <Relationship Id=\"rId1\" Type=\"{REL}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
    );
    let sheet = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{sheet}</sheetData></worksheet>");
    let strings = format!("<sst xmlns=\"{MAIN}\">{strings}</sst>");
    zip_of(&[
        ("_rels/.rels", root.as_bytes()),
        ("xl/workbook.xml", workbook.as_bytes()),
        ("xl/_rels/workbook.xml.rels", relations.as_bytes()),
        ("xl/sharedStrings.xml", strings.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

#[test]
fn a_workbook_that_unpacks_to_far_more_than_it_is_or_shuffles_its_rows_is_refused() {
    let cell = "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>";
    assert_eq!(read(&xlsx_of(cell, ""), "kind = 'workbook'").unwrap().header, ["1"]);
    let blanks = format!("{cell}{}", " ".repeat(40 << 20));
    assert!(
        error(&xlsx_of(&blanks, ""), "kind = 'workbook'")
            .starts_with("the workbook holds a text of more bytes")
    );
    let rows = format!("{cell}{}", "<row r=\"2\"/>".repeat(2 << 20));
    assert!(
        error(&xlsx_of(&rows, ""), "kind = 'workbook'").starts_with("unpacks to more than 200 times its")
    );
    let strings = "<si/>".repeat(1_900_000);
    assert_eq!(
        error(&xlsx_of(cell, &strings), "kind = 'workbook'\n[limits]\ncells = 1000"),
        "a part of the workbook has more than 4000 elements"
    );
    let backwards = "<row r=\"5\"><c r=\"A5\"><v>1</v></c></row><row r=\"2\"><c r=\"A2\"><v>1</v></c></row>";
    assert_eq!(
        error(&xlsx_of(backwards, ""), "kind = 'workbook'"),
        "the workbook is damaged: its rows are not in order"
    );
    // Entities of a document's own are not made up, be they told inside or outside.
    let entity = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>&bomb;</t></is></c></row>";
    assert!(read(&xlsx_of(entity, ""), "kind = 'workbook'").is_err());
}

#[test]
fn a_hundred_thousand_rows_are_read_back_row_by_row() {
    const ROWS: u32 = 100_000;
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let day = Format::new().set_num_format("yyyy-mm-dd");
    for (column, name) in (0..).zip(["id", "day", "n"]) {
        sheet.write(0, column, name).unwrap();
    }
    for row in 1..=ROWS {
        sheet.write(row, 0, format!("R{row:06}")).unwrap();
        sheet.write_with_format(row, 1, f64::from(45_000 + row % 1000), &day).unwrap();
        sheet.write(row, 2, f64::from(row) / 8.0).unwrap();
    }
    let file = file_of(&workbook.save_to_buffer().unwrap());
    let begun = std::time::Instant::now();
    let got = read_path(file.path(), None, &format("kind = 'workbook'")).unwrap();
    let _ = writeln!(io::stderr(), "100,000 rows of XLSX were read in {:?}", begun.elapsed());
    assert_eq!(got.rows.len(), 100_000);
    // 1 + 2 + ... + 100,000 is 5,000,050,000.
    assert!((got.sum("n") - 5_000_050_000.0 / 8.0).abs() < 0.5);
    // 45,000 is 15 March 2023 in Excel.
    assert_eq!(got.rows[0], ["R000001", "2023-03-16", "0.125"]);
    assert_eq!(got.rows[999], ["R001000", "2023-03-15", "125"]);
    assert_eq!(got.places.last().unwrap().line, 100_001);
}

/// Written with xlwt 1.3: a hidden sheet, a merged title, a heading in row 3, dates, a length of time, an error.
const WARDS_XLS: &[u8] = include_bytes!("../../../../tests/vectors/formats/wards.xls");

#[test]
fn an_xls_reads_as_an_xlsx_does() {
    let got = read(WARDS_XLS, SAMPLE).unwrap();
    assert_eq!(got.header, ["Ward", "Day", "Logged", "Time taken", "Count", "Rate", "Repeat", "Check"]);
    assert_eq!(
        got.rows,
        [
            [
                "Bredbury Green & Romiley",
                "2025-06-30",
                "2025-06-30T13:45:00",
                "00:05:46",
                "12",
                "0.5",
                "True",
                "#DIV/0!"
            ],
            [
                "Ynys Môn – “east”",
                "2024-02-29",
                "2024-12-31T23:59:59",
                "36:00:00",
                "1000000",
                "-3.25",
                "False",
                "ok"
            ]
        ]
    );
    assert_eq!(got.places[1].line, 5);
    assert_eq!(
        error(WARDS_XLS, "kind = 'workbook'\n[limits]\ncells = 10"),
        "the sheets span more than the 10 cells that `limits.cells` allows"
    );
}

#[test]
fn an_xls_that_declares_a_giant_sheet_is_refused_before_room_is_made_for_it() {
    // The record DIMENSIONS: 0x0200, 14 bytes, first and last row, first and last column.
    let at = WARDS_XLS.windows(4).rposition(|bytes| bytes == [0x00, 0x02, 0x0e, 0x00]).unwrap();
    let mut giant = WARDS_XLS.to_vec();
    giant[at + 8..at + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(error(&giant, SAMPLE).starts_with("the sheets span more than the 5000000 cells"));
}

#[test]
fn a_workbook_that_is_protected_by_a_password_says_so() {
    let mut bytes = WARDS_XLS.to_vec();
    bytes.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(error(&bytes, SAMPLE), "the workbook is protected by a password");
}

fn ods_of(tables: &str) -> Vec<u8> {
    let content = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><office:document-content><office:automatic-styles>\
         <style:style style:name=\"ta1\" style:family=\"table\"><style:table-properties table:display=\"true\"/></style:style>\
         <style:style style:name=\"ta2\" style:family=\"table\"><style:table-properties table:display=\"false\"/></style:style>\
         </office:automatic-styles><office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    );
    zip_of(&[
        ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", content.as_bytes()),
    ])
}

#[test]
fn an_ods_cell_is_its_value_without_its_notes_and_repetitions_cost_only_what_they_hold() {
    let bytes = ods_of(
        "<table:table table:name=\"Hidden\" table:style-name=\"ta2\"><table:table-row><table:table-cell><text:p>no</text:p></table:table-cell></table:table-row></table:table>\
         <!-- a > b --><table:table table:name='T &amp; 1' table:style-name=\"ta1\"><table:table-header-rows><table:table-row>\
         <table:table-cell office:value-type=\"string\"><text:p>Area</text:p><office:annotation><text:p>a note</text:p></office:annotation></table:table-cell>\
         <table:table-cell office:value-type=\"string\" table:number-columns-repeated=\"2\"><text:p>n<text:s text:c=\"2\"/>x</text:p></table:table-cell>\
         <table:table-cell table:number-columns-repeated=\"16381\"/></table:table-row></table:table-header-rows>\
         <table:table-row table:number-rows-repeated=\"2\"><table:table-cell office:value-type=\"string\"><text:p>A &lt;<text:span>b</text:span></text:p><text:p>c</text:p></table:table-cell>\
         <table:table-cell office:value-type=\"float\" office:value=\"15974\"><text:p>15,974</text:p></table:table-cell>\
         <table:covered-table-cell office:value-type=\"percentage\" office:value=\"0.5\"><text:p>50%</text:p></table:covered-table-cell></table:table-row>\
         <table:table-row table:number-rows-repeated=\"1000000\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>\
         <table:table-row table:number-rows-repeated=\"3\"><table:table-cell office:value-type=\"date\" office:date-value=\"2025-06-30T00:00:00\"/>\
         <table:table-cell office:value-type=\"time\" office:time-value=\"PT00H05M46S\"/><table:table-cell office:value-type=\"boolean\" office:boolean-value=\"true\"/></table:table-row>\
         <table:table-row table:number-rows-repeated=\"48000\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row></table:table>",
    );
    let got = read(&bytes, "kind = 'workbook'\n[limits]\nrows = 2000000").unwrap();
    assert_eq!(got.header, ["Area", "n x", "n x"]);
    assert_eq!(got.rows[0], ["A <b\nc", "15974", "0.5"]);
    assert_eq!(got.rows[0], got.rows[1]);
    assert_eq!(got.rows[4], ["2025-06-30", "00:05:46", "True"]);
    assert_eq!(
        got.places.iter().map(|place| place.line).collect::<Vec<_>>(),
        [2, 3, 1_000_004, 1_000_005, 1_000_006]
    );
    assert!(error(&bytes, "kind = 'workbook'").contains("`limits.rows`"));
}

#[test]
fn a_row_or_a_cell_of_an_ods_that_repeats_without_end_is_refused() {
    let row = "<table:table name=\"T\"><table:table-row table:number-rows-repeated=\"4000000000\"><table:table-cell office:value-type=\"float\" office:value=\"1\" /></table:table-row></table:table>";
    assert!(error(&ods_of(row), "kind = 'workbook'").contains("`limits.rows`"));
    let wide = "<table:table name=\"T\"><table:table-row><table:table-cell office:value-type=\"float\" office:value=\"1\" table:number-columns-repeated=\"4000000000\"/></table:table-row></table:table>";
    assert!(error(&ods_of(wide), "kind = 'workbook'").contains("`limits.columns`"));
    let rows = "<table:table name=\"T\"><table:table-row table:number-rows-repeated=\"900000\"><table:table-cell office:value-type=\"float\" office:value=\"1\" table:number-columns-repeated=\"400\"/></table:table-row></table:table>";
    assert!(error(&ods_of(rows), "kind = 'workbook'").contains("`limits.cells`"));
    let entity = "<!DOCTYPE x [<!ENTITY a \"b\">]><table:table name=\"T\"/>";
    assert!(error(&ods_of(entity), "kind = 'workbook'").contains("declares a type"));
}
