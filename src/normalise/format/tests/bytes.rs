//! No bytes, however damaged, make a reader fail otherwise than by an error, or hold more than its limits.

use super::*;

/// Reads all there is; an error is as good as an end. No record may be longer than a mebibyte and what surrounds it.
fn exhaust(bytes: &[u8], toml: &str) -> u64 {
    let file = file_of(bytes);
    let (_folder, landing) = landing();
    let Ok(mut reader) = open(&landing, &delivery(file.path(), None), &format(toml), 1 << 26) else {
        return 0;
    };
    let mut fields = Fields::default();
    let mut records = 0;
    while let Ok(Some(_)) = reader.next(&mut fields) {
        records += 1;
        assert!(fields.bytes() <= 2 << 20, "a record of {} bytes", fields.bytes());
        assert!(records < 3_000_000);
    }
    records
}

const TEXTS: [&str; 8] = [
    "multi-line = true",
    "multi-line = true\nencoding = 'auto'\nheader-rows = 2\nstop-at-blank = true\ntrim = true",
    "encoding = 'utf-16'\nmulti-line = true",
    "encoding = 'windows-1252'\ndelimiter = ';'\nheader-contains = ['a']",
    "kind = 'json'\nfields = ['a', 'b.c', 'd.0']",
    "kind = 'json'\nrecords = '/a'\nfields = ['a']",
    "kind = 'ndjson'\nfields = ['a', 'b.c']",
    "delimiter = '¦'\npad-short-rows = true\n[unpivot]\nname-to = 'n'\nvalue-to = 'v'",
];

const BINARIES: [&str; 2] = ["kind = 'workbook'", "kind = 'parquet'"];

/// A valid file of a kind, to be damaged.
fn valid(number: usize) -> Vec<u8> {
    match number % 4 {
        0 => {
            let mut workbook = rust_xlsxwriter::Workbook::new();
            let sheet = workbook.add_worksheet();
            for row in 0..20 {
                sheet.write(row, 0, format!("r{row}")).unwrap();
                sheet.write(row, 3, row).unwrap();
            }
            workbook.save_to_buffer().unwrap()
        }
        1 => include_bytes!("../../../../tests/vectors/formats/wards.xls").to_vec(),
        2 => zip_of(&[(
            "content.xml",
            b"<a><table:table table:name='T'><table:table-row><table:table-cell office:value-type='float' office:value='1' table:number-columns-repeated='3'><text:p>1</text:p></table:table-cell></table:table-row></table:table></a>",
        )]),
        _ => {
            let column: arrow::array::ArrayRef = std::sync::Arc::new(arrow::array::StringArray::from(vec!["a", "b"]));
            let batch = arrow::array::RecordBatch::try_from_iter([("c", column)]).unwrap();
            let mut bytes = Vec::new();
            let mut writer = ::parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            bytes
        }
    }
}

fn damage(bytes: &mut Vec<u8>, changes: &[(prop::sample::Index, u8)], cut: Option<prop::sample::Index>) {
    for (at, value) in changes {
        let at = at.index(bytes.len());
        bytes[at] = *value;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_are_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for toml in TEXTS.iter().chain(&BINARIES) {
            exhaust(&bytes, toml);
        }
    }

    #[test]
    fn text_of_quotes_delimiters_and_brackets_is_read_to_an_end(text in "[a\",;\r\n¦{}\\[\\]:0.5é\\\\\u{feff}]{0,300}") {
        for toml in TEXTS {
            exhaust(text.as_bytes(), toml);
        }
    }

    #[test]
    fn records_of_several_lines_read_as_they_were_written(
        rows in prop::collection::vec(prop::collection::vec("[a\", \n\r;é]{0,6}", 3), 1..8),
        ends in prop::collection::vec(prop::bool::ANY, 8),
    ) {
        let mut text = "x,y,z\n".to_owned();
        for (row, crlf) in rows.iter().zip(ends) {
            let quoted: Vec<String> = row.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
            text.push_str(&quoted.join(","));
            text.push_str(if crlf { "\r\n" } else { "\n" });
        }
        let got = read(text.as_bytes(), "multi-line = true").unwrap();
        // A record of blanks alone is no record.
        let expected: Vec<_> =
            rows.into_iter().filter(|row| row.iter().any(|field| !field.trim().is_empty())).collect();
        prop_assert_eq!(got.rows, expected);
        for place in &got.places {
            let start = usize::try_from(place.offset).unwrap();
            prop_assert!(text[start..].starts_with('"') && text[..start].ends_with('\n'));
        }
    }

    #[test]
    fn damaged_workbooks_and_parquet_files_are_read_to_an_end(
        number in 0_usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = valid(number);
        damage(&mut bytes, &changes, cut);
        exhaust(&bytes, BINARIES[usize::from(number == 3)]);
    }

    #[test]
    fn damaged_xml_inside_a_sound_archive_is_read_to_an_end(
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[<>/=\"'&;! a9-]"), 1..8),
    ) {
        let mut content = b"<a><table:table table:name='T' x=\"&lt;\"><table:table-row table:number-rows-repeated='2'><table:table-cell office:value-type='float' office:value='1' table:number-columns-repeated='3'><text:p>1</text:p></table:table-cell></table:table-row></table:table><!-- b --></a>".to_vec();
        for (at, with) in &changes {
            let at = at.index(content.len());
            content[at] = with.as_bytes()[0];
        }
        exhaust(&zip_of(&[("content.xml", &content)]), "kind = 'workbook'");
    }
}
