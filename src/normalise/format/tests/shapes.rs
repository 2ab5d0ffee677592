//! Text, JSON, Parquet and archives of every shape.

use std::sync::Arc;

use super::*;

fn rows(bytes: &[u8], toml: &str) -> Vec<Vec<String>> {
    let got = read(bytes, toml).unwrap();
    assert_eq!(got.flaws, []);
    got.rows
}

fn error(bytes: &[u8], toml: &str) -> String {
    read(bytes, toml).unwrap_err().to_string()
}

#[test]
fn a_contract_without_a_format_section_reads_plain_lines() {
    assert!(FormatConfig::default().is_plain());
    assert!(format("delimiter = ';'").is_plain());
    assert!(!format("multi-line = true").is_plain());
    // A delimiter of two bytes in UTF-8.
    assert!(!format("delimiter = '¦'").is_plain());
    assert_eq!(rows("a¦b\nx¦¥\n".as_bytes(), "delimiter = '¦'"), [["x", "¥"]]);
}

#[test]
fn records_of_several_lines_keep_their_line_ends_and_their_place() {
    let text = b"\xef\xbb\xbfa,\"b\r\nc\"\r\n\"x\ny\",1\n\r\nz,\"say \"\"hi\"\"\"";
    let got = read(text, "multi-line = true").unwrap();
    assert_eq!(got.header, ["a", "b c"]);
    assert_eq!(got.rows, [["x\ny", "1"], ["z", "say \"hi\""]]);
    let lines: Vec<u64> = got.places.iter().map(|place| place.line).collect();
    assert_eq!(lines, [3, 6]);
    let bytes = |place: &Place| {
        let start = usize::try_from(place.offset).unwrap();
        std::str::from_utf8(&text[start..start + usize::try_from(place.length).unwrap()]).unwrap()
    };
    assert_eq!(bytes(&got.places[0]), "\"x\ny\",1");
    assert_eq!(bytes(&got.places[1]), "z,\"say \"\"hi\"\"\"");
}

#[test]
fn a_quote_that_is_never_closed_costs_one_line_though_records_may_span_several() {
    let mut text = b"a,b\n1,\"open\n".to_vec();
    for _ in 0..100_000 {
        text.extend_from_slice(b"plain,line,of,a,wrong,width\n3,4\n");
    }
    let got = read(&text, "multi-line = true").unwrap();
    assert_eq!(got.flaws[0], (2, Flaw::Quoting));
    assert_eq!(got.rows.len(), 100_000);
    assert_eq!(got.places[0].line, 4);
}

#[test]
fn text_behind_a_closing_quote_and_bytes_that_are_not_text_cost_their_record() {
    let got = read(b"a,b\n\"x\"y,1\n\"p\nq\",\xff\n5,6\n", "multi-line = true").unwrap();
    assert_eq!(got.flaws, [(2, Flaw::Quoting), (3, Flaw::Encoding)]);
    assert_eq!(got.rows, [["5", "6"]]);
}

#[test]
fn windows_1252_is_told_or_recognised_and_then_noted() {
    let text = b"name,price\nCaf\xe9 \x96 \x80,1\n";
    for toml in ["encoding = 'windows-1252'", "encoding = 'auto'"] {
        let got = read(text, toml).unwrap();
        assert_eq!(got.rows, [["Café – €", "1"]]);
        assert_eq!(got.note, if toml.contains("auto") { "read as Windows-1252" } else { "" });
    }
    // A byte to which Windows-1252 gives no meaning is not made up.
    let got = read(b"a\nx\x81\ny\n", "encoding = 'windows-1252'").unwrap();
    assert_eq!((got.rows, got.flaws), (vec![vec!["y".to_owned()]], vec![(2, Flaw::Encoding)]));
    let got = read("name\nCafé\n".as_bytes(), "encoding = 'auto'").unwrap();
    assert_eq!((got.rows, got.note), (vec![vec!["Café".to_owned()]], String::new()));
}

#[test]
fn a_character_that_utf_8_splits_between_two_reads_is_still_utf_8() {
    struct Slow<'a>(&'a [u8]);
    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let taken = into.len().min(self.0.len()).min(7);
            into[..taken].copy_from_slice(&self.0[..taken]);
            self.0 = &self.0[taken..];
            Ok(taken)
        }
    }
    let long = "é€".repeat(100_000);
    assert_eq!(encoding::recognise(Slow(long.as_bytes())).unwrap(), TextEncoding::Utf8);
    let cut = &long.as_bytes()[..long.len() - 1];
    assert_eq!(encoding::recognise(Slow(cut)).unwrap(), TextEncoding::Windows1252);
    let mut decoded = String::new();
    let utf16: Vec<u8> = "a😀é".repeat(50_000).encode_utf16().flat_map(u16::to_be_bytes).collect();
    encoding::Decoded::new(Slow(&utf16), TextEncoding::Utf16Be)
        .unwrap()
        .read_to_string(&mut decoded)
        .unwrap();
    assert_eq!(decoded, "a😀é".repeat(50_000));
}

#[test]
fn half_a_pair_of_utf_16_costs_its_line() {
    let mut text: Vec<u8> = "a\nx".encode_utf16().flat_map(u16::to_le_bytes).collect();
    text.extend_from_slice(&[0x00, 0xd8]);
    text.extend("y\nz\n".encode_utf16().flat_map(u16::to_le_bytes));
    let got = read(&text, "encoding = 'utf-16le'").unwrap();
    assert_eq!((got.rows, got.flaws), (vec![vec!["z".to_owned()]], vec![(2, Flaw::Encoding)]));
}

const TITLED: &str = "Incidents\n\nWard , Crimes\n\nA,1\nB,\nTotal,1\nC,2,,\n\nNotes\nmany words\n";

#[test]
fn titles_totals_and_notes_are_not_rows() {
    let toml = "header-contains = ['Crimes']\nskip-rows = ['(?i)^total']\nstop-at = ['^Notes']\ntrim = true";
    let got = read(TITLED.as_bytes(), toml).unwrap();
    assert_eq!(got.header, ["Ward", "Crimes"]);
    assert_eq!(got.rows, [["A", "1"], ["B", ""], ["C", "2"]]);
    assert_eq!(
        got.note,
        "1 records were left out by `skip-rows` or `skip-below-fields`; 2 records below the table were left out, from 10"
    );
    assert_eq!(
        rows(TITLED.as_bytes(), "header-row = 3\nskip-below-fields = 2\nstop-at = ['Notes']").len(),
        3
    );
    // The blank record right below the heading ends the table: nothing is in it, and the note says how much is below.
    let got = read(TITLED.as_bytes(), "header-row = 3\nstop-at-blank = true").unwrap();
    assert_eq!((got.rows.len(), got.note.as_str()), (0, "6 records below the table were left out"));
}

#[test]
fn a_heading_that_is_not_there_is_an_error_that_names_it() {
    assert_eq!(
        error(TITLED.as_bytes(), "header-contains = ['Offences']"),
        "no heading: none of the first 1000 records holds `Offences`"
    );
    assert_eq!(
        error(TITLED.as_bytes(), "header-row = 40"),
        "no heading: record 40 is not there, or is blank"
    );
    assert!(read(b"", "multi-line = true").unwrap().header.is_empty());
}

#[test]
fn headings_of_two_records_are_filled_to_the_right_and_joined() {
    let text = "Table 4\nArea,2023/24,,2024/25,\n,Count,Rate,Count,Rate\nX,1,0.1,2,0.2\n";
    let got = read(text.as_bytes(), "header-row = 2\nheader-rows = 2\nheader-separator = ' | '").unwrap();
    assert_eq!(
        got.header,
        ["Area", "2023/24 | Count", "2023/24 | Rate", "2024/25 | Count", "2024/25 | Rate"]
    );
    let toml = "header-contains = ['2024/25 Rate']\nheader-rows = 2\n[unpivot]\nkeep = ['Area']\nvalue-to = 'value'\n\
        split = '^(?<year>\\d{4}/\\d{2}) (?<figure>Count|Rate)$'";
    let got = read(text.as_bytes(), toml).unwrap();
    assert_eq!(got.header, ["Area", "year", "figure", "value"]);
    assert_eq!(got.rows.len(), 4);
    assert_eq!(got.rows[3], ["X", "2024/25", "Rate", "0.2"]);
    assert!(got.places.iter().all(|place| place.line == 4));
}

#[test]
fn a_column_that_the_format_names_and_the_heading_lacks_is_an_error() {
    let text = b"a,b\n1,2\n";
    for (toml, expected) in [
        ("fill-down = ['c']", "column `c`, which `fill-down` names, is missing from the heading"),
        (
            "[unpivot]\nkeep = ['c']\nname-to = 'n'\nvalue-to = 'v'",
            "column `c`, which `unpivot` names, is missing from the heading",
        ),
        (
            "[unpivot]\nkeep = ['a']\nvalue-to = 'v'\nsplit = '(?<x>\\d)'",
            "heading `b` does not match `split` of `unpivot`",
        ),
        ("[constants]\nb = 'x'", "column `b`, which `constants` adds, is in the heading already"),
    ] {
        assert_eq!(error(text, toml), expected);
    }
}

#[test]
fn blanks_under_merged_cells_are_filled_and_records_of_another_width_are_flaws() {
    let text = b"Region,Area,n\nNorth,A,1\n,B,2\nSouth,C,3\n,D\n,E,5,6\n";
    let got = read(text, "fill-down = ['Region']").unwrap();
    assert_eq!(got.rows, [["North", "A", "1"], ["North", "B", "2"], ["South", "C", "3"]]);
    assert_eq!(got.flaws, [(5, Flaw::Width), (6, Flaw::Width)]);
}

#[test]
fn json_records_lie_at_a_path_and_their_fields_at_theirs() {
    let text = br#"{"meta":{"n":3,"deep":[[[{}]]]},"data":{"items":[
        {"id":1,"ok":true,"at":{"lat":"51.5","tags":["a","b"]},"big":12345678901,"x":null,"dot.ted":"d"},
        {"id":2.50,"ok":null,"at":null,"extra":{"id":9}},
        {"id":-3,"at":{"lat":{"no":1}}},
        7]}}
        {"data":{"items":[]}} {"data":{"items":[{"id":4}]}}"#;
    let toml = "kind = 'json'\nrecords = '/data/items'\nfields = ['id', 'ok', 'at.lat', 'at.tags', 'big', '/dot.ted', 'at.tags.1']";
    let got = read(text, &toml.replace(", 'at.tags.1'", "")).unwrap();
    assert_eq!(got.header, ["id", "ok", "at.lat", "at.tags", "big", "/dot.ted"]);
    assert_eq!(
        got.rows,
        [
            ["1", "True", "51.5", "a; b", "12345678901", "d"],
            ["2.5", "", "", "", "", ""],
            ["4", "", "", "", "", ""]
        ]
    );
    assert_eq!(got.flaws, [(3, Flaw::Structure), (4, Flaw::Structure)]);
    assert_eq!(got.places.last().unwrap().line, 5);
}

#[test]
fn a_field_that_no_json_record_has_is_missing_from_the_header_unless_it_may_be() {
    let text = br#"[{"a":1,"c":null},{"a":2}]"#;
    let got = read(text, "kind = 'json'\nfields = ['a', 'b', 'c']\noptional-fields = ['d']").unwrap();
    assert_eq!(got.header, ["a", "c", "d"]);
    assert_eq!(got.rows, [["1", "", ""], ["2", "", ""]]);
    assert_eq!(read(b"[]", "kind = 'json'\nfields = ['a', 'b']").unwrap().header, ["a", "b"]);
}

#[test]
fn json_that_is_cut_or_broken_or_elsewhere_is_an_error_without_its_values() {
    let toml = "kind = 'json'\nrecords = '/items'\nfields = ['a']";
    assert_eq!(error(br#"{"items":[{"a":"secret"},{"a""#, toml), "the JSON ends in the middle");
    assert_eq!(error(br#"{"items":[{"a":"secret"},{"a";1}]}"#, toml), "not JSON in line 1, column 30");
    assert_eq!(
        error(br#"{"rows":[]}"#, toml),
        "the JSON is not as `records` says: `items`, on the way to the records, is not in it"
    );
    assert_eq!(
        error(br#"{"items":"secret"}"#, toml),
        "the JSON is not as `records` says: a single value stands where the records should"
    );
    let deep = format!("{{\"items\":{}{}}}", "[".repeat(70), "]".repeat(70));
    assert_eq!(
        error(deep.as_bytes(), toml),
        "the JSON nests deeper than the 64 levels that `limits.depth` allows"
    );
    let long = format!("{{\"x\":\"{}\",\"items\":[]}}", "y".repeat(2 << 20));
    assert!(error(long.as_bytes(), toml).starts_with("the JSON holds a text of more bytes than the 1048576"));
}

#[test]
fn a_line_that_is_not_json_costs_itself() {
    let text =
        b"\xef\xbb\xbf{\"a\":1}\n\n{\"a\":\n[3]\n{\"a\":{\"b\":1}}\n\"x\"\n{\"a\":\"\xff\"}\n{\"a\":6} \r\n";
    let got = read(text, "kind = 'ndjson'\nfields = ['a']").unwrap();
    assert_eq!(got.rows, [["1"], [""], ["6"]]);
    assert_eq!(
        got.flaws,
        [(3, Flaw::Syntax), (5, Flaw::Structure), (6, Flaw::Structure), (7, Flaw::Encoding)]
    );
    let place = got.places[2];
    assert_eq!((place.line, &text[usize::try_from(place.offset).unwrap()..][..7]), (8, &b"{\"a\":6}"[..]));
    assert_eq!(place.length, 7);
}

#[test]
fn parquet_columns_read_as_text() {
    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, StructArray,
        TimestampMicrosecondArray,
    };
    let street: ArrayRef = Arc::new(StringArray::from(vec![Some("High Street"), None]));
    let place = StructArray::from(vec![(
        Arc::new(arrow::datatypes::Field::new("street", arrow::datatypes::DataType::Utf8, true)),
        street,
    )]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("n", Arc::new(Int64Array::from(vec![Some(7), None]))),
        ("x", Arc::new(Float64Array::from(vec![15974.0, 0.25]))),
        ("ok", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        // 30 June 2025 is day 20,269 since 1970.
        ("day", Arc::new(Date32Array::from(vec![20_269, 0]))),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![20_269 * 86_400_000_000, 1_000_000]))),
        ("seen", Arc::new(TimestampMicrosecondArray::from(vec![0, 1]).with_timezone("Europe/London"))),
        ("place", Arc::new(place)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    for bytes in [bytes.clone(), gzip(&bytes)] {
        let got = read(&bytes, "kind = 'parquet'").unwrap();
        assert_eq!(got.header, ["n", "x", "ok", "day", "at", "seen", "place.street"]);
        assert_eq!(
            got.rows,
            [
                ["7", "15974", "True", "2025-06-30", "2025-06-30", "1970-01-01T00:00:00Z", "High Street"],
                ["", "0.25", "", "1970-01-01", "1970-01-01T00:00:01", "1970-01-01T00:00:00.000001Z", ""]
            ]
        );
    }
    assert!(error(b"PAR1PAR1", "kind = 'parquet'").contains("damaged"));
    assert!(error(&bytes[..bytes.len() - 1], "kind = 'parquet'").contains("damaged"));
}

#[test]
fn a_delivery_of_another_kind_is_told_what_it_is() {
    let zip = zip_of(&[("a.csv", b"a\n1\n")]);
    for toml in ["", "multi-line = true", "kind = 'json'\nfields = ['a']"] {
        let error = error(&zip, toml);
        assert!(error.starts_with("expected text, found a ZIP archive or a workbook"), "{error}");
    }
    assert!(error(b"a,b\n", "kind = 'workbook'").starts_with("expected a workbook (XLSX, XLS or ODS)"));
    assert!(error(b"PAR1xxxxPAR1", "").contains("Parquet"));
}

#[test]
fn a_member_is_named_or_the_only_one_of_its_pattern() {
    let inner = gzip(b"a\n2\n");
    let zip = zip_of(&[
        ("notes.txt", b"n"),
        ("data/2025-06 street.csv", b"a\n1\n"),
        ("data/x.csv.gz", &inner),
        ("__MACOSX/data/._2025-06 street.csv", b"junk"),
        ("inner.zip", &zip_of(&[("a.csv", b"a\n")])),
    ]);
    let file = file_of(&zip);
    let read = |member: &str| {
        read_path(file.path(), Some(member), &FormatConfig::default())
            .map(|got| got.rows)
            .map_err(|error| error.to_string())
    };
    assert_eq!(read("*.csv").unwrap(), [["1"]]);
    assert_eq!(read("data/2025-06*").unwrap(), [["1"]]);
    assert_eq!(read("?.csv.gz").unwrap(), [["2"]]);
    assert_eq!(read("*.xlsx").unwrap_err(), "no member of the archive matches `*.xlsx`");
    assert_eq!(
        read("data/*").unwrap_err(),
        "2 members of the archive match `data/*`, expected one: `data/2025-06 street.csv`, `data/x.csv.gz`"
    );
    assert!(read("inner.zip").unwrap_err().starts_with("expected text, found a ZIP archive"));
}

#[test]
fn packing_twice_and_packing_too_much_are_refused() {
    assert_eq!(error(&gzip(&gzip(b"a\n1\n")), ""), "packed more than once");
    let zeros = gzip(&vec![b'0'; 32 << 20]);
    assert!(error(&zeros, "multi-line = true").starts_with("unpacks to more than 200 times its"));
    let zip = zip_of(&[("a.csv", &vec![b'0'; 32 << 20])]);
    let error = read_path(file_of(&zip).path(), Some("a.csv"), &format("multi-line = true")).unwrap_err();
    assert!(error.to_string().starts_with("unpacks to more than 200 times its"), "{error}");
}

#[test]
fn a_record_without_bytes_of_its_own_is_found_again_by_its_number() {
    let (_folder, landing) = landing();
    let text: Vec<u8> = "a,b\nx,\"1,5\"\ny,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let file = file_of(&text);
    let format = format("encoding = 'utf-16le'");
    let at = |line| {
        let place = Place { line, offset: 0, length: 0 };
        record_at(&landing, &delivery(file.path(), None), &format, 1 << 20, place)
    };
    assert_eq!(at(2).unwrap(), "x,\"1,5\"");
    assert_eq!(at(3).unwrap(), "y,2");
    assert_eq!(at(9).unwrap_err().kind(), io::ErrorKind::NotFound);
}

/// Rows without end, as a file far larger than memory.
struct Endless {
    row: &'static [u8],
    at: usize,
    left: u64,
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() && self.left > 0 {
            let rest = &self.row[self.at..];
            let taken = rest.len().min(into.len() - filled).min(usize::try_from(self.left).unwrap());
            into[filled..filled + taken].copy_from_slice(&rest[..taken]);
            (filled, self.at) = (filled + taken, (self.at + taken) % self.row.len());
            self.left -= taken as u64;
        }
        Ok(filled)
    }
}

#[test]
fn memory_stays_flat_however_long_the_text_is() {
    // `OUTTURN_TEXT_MIB` may ask for more, such as 5120.
    let mebibytes =
        std::env::var_os("OUTTURN_TEXT_MIB").and_then(|text| text.to_str()?.parse().ok()).unwrap_or(200);
    let row = b"E05000026,\"Abbey,\nBarking\",E09000002,\"16,149\",313,294\r\n";
    let bytes = mebibytes << 20;
    let mut text = text::Text::new(Endless { row, at: 0, left: bytes }, ',', true, true);
    let mut fields = Fields::default();
    let mut records = 0;
    while let Some(raw) = text.next(&mut fields).unwrap() {
        assert!(raw.result.is_ok() || records == bytes / row.len() as u64, "{records}");
        records += 1;
    }
    assert_eq!(records, bytes.div_ceil(row.len() as u64));
    assert!(text.held() <= 1 << 20, "{} bytes are held", text.held());
}
