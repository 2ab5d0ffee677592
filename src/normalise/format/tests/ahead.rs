//! Reading ahead changes nothing but who waits: the same records, flaws, places, notes and failures, in the same order.

use std::fmt::Write as _;

use super::*;

/// Where a record stands, and its fields or what is wrong with it.
type Record = (Place, Result<Vec<String>, Flaw>);

/// Every record until the end or the failure, then the note or the failure's words.
fn all(mut reader: Box<dyn RecordReader>) -> (Vec<Record>, Result<String, String>) {
    let mut records = Vec::new();
    let mut fields = Fields::default();
    loop {
        match reader.next(&mut fields) {
            Ok(Some((place, result))) => {
                records.push((place, result.map(|()| fields.iter().map(str::to_owned).collect())));
            }
            Ok(None) => return (records, Ok(reader.note())),
            Err(error) => return (records, Err(error.to_string())),
        }
    }
}

/// What both ways of reading give, which is the same.
fn both(bytes: &[u8], toml: &str) -> (Vec<Record>, Result<String, String>) {
    let file = file_of(bytes);
    let (_folder, landing) = landing();
    let opened = || open(&landing, &delivery(file.path(), None), &format(toml), 1 << 32).unwrap();
    let plain = all(opened());
    let ahead = all(super::super::ahead(opened()).unwrap());
    assert_eq!(ahead, plain);
    ahead
}

#[test]
fn records_of_every_shape_and_flaw_come_as_they_are_read() {
    let mut text = b"Ref,Note\n".to_vec();
    for number in 0..10_000 {
        match number % 5 {
            0 => text.extend(format!("{number},plain\n").bytes()),
            1 => text.extend(format!("{number},\"with \"\"quotes\"\", and a comma\"\n").bytes()),
            2 => text.extend(format!("{number},\"never closed\n").bytes()),
            3 => text.extend([b'x', b',', 0xff, b'\n']),
            _ => text.extend(format!("{number}\n\n").bytes()),
        }
    }
    let (records, note) = both(&text, "");
    assert_eq!(records.len(), 10_001);
    assert_eq!(note, Ok(String::new()));
    let flaws = |flaw| records.iter().filter(|(_, result)| *result == Err(flaw)).count();
    assert_eq!((flaws(Flaw::Quoting), flaws(Flaw::Encoding)), (2000, 2000));
    assert_eq!(records[2].1, Ok(vec!["1".to_owned(), "with \"quotes\", and a comma".to_owned()]));
}

#[test]
fn a_line_about_as_long_as_one_may_be_is_judged_alike() {
    for over in [-1, 0, 1, 70_000, 2_000_000] {
        let length = usize::try_from((1 << 20) + over).unwrap();
        let text = ["a,b\n1,", &"x".repeat(length), "\n2,y\n"].concat();
        let (records, _) = both(text.as_bytes(), "");
        assert_eq!(records.len(), 3);
        assert_eq!(records[2].1, Ok(vec!["2".to_owned(), "y".to_owned()]));
    }
}

#[test]
fn what_was_read_before_a_failure_comes_before_it() {
    let mut text = String::new();
    for number in 0..50_000 {
        writeln!(text, "{number},{}", number * 7919 % 10_007).unwrap();
    }
    let whole = gzip(text.as_bytes());
    let (records, failure) = both(&whole[..whole.len() / 2], "");
    assert!(records.len() > 10_000, "{}", records.len());
    assert!(failure.is_err());
}

#[test]
fn a_note_of_the_reader_is_passed_on() {
    let text = "Title\n\na;b\n1;2\n\nSource: somebody\n";
    let (records, note) =
        both(text.as_bytes(), "delimiter = ';'\nheader-contains = ['a', 'b']\nstop-at-blank = true");
    assert_eq!(records.len(), 2);
    assert!(!note.unwrap().is_empty());
}

#[test]
fn a_reader_that_nobody_asks_any_more_ends() {
    let text = "a,b\n".repeat(2_000_000);
    let file = file_of(text.as_bytes());
    let (_folder, landing) = landing();
    let opened = open(&landing, &delivery(file.path(), None), &format(""), 1 << 32).unwrap();
    let mut reader = super::super::ahead(opened).unwrap();
    assert!(reader.next(&mut Fields::default()).unwrap().is_some());
    drop(reader);
}
