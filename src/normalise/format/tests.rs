//! Facts about formats. Figures of real files were recounted with Python's csv and json modules, openpyxl and odfpy.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

mod ahead;
mod bytes;
mod real;
mod shapes;
mod workbooks;

/// The settings of `[format]` as an officer writes them.
fn format(toml: &str) -> FormatConfig {
    let format: FormatConfig = toml::from_str(toml).unwrap();
    assert_eq!(format.flaws(), Vec::new());
    format
}

/// A landing that holds nothing, and the folder that goes with it.
fn landing() -> (tempfile::TempDir, Landing) {
    let folder = tempfile::tempdir().unwrap();
    let landing = Landing::open(folder.path()).unwrap();
    (folder, landing)
}

fn delivery(path: &Path, member: Option<&str>) -> Delivery {
    Delivery {
        feed: "f".to_owned(),
        period: "2025-06".parse().unwrap(),
        file: "f".to_owned(),
        source: path.display().to_string(),
        sha256: "00".to_owned(),
        content_sha256: "00".to_owned(),
        bytes: 1,
        member: member.map(str::to_owned),
        captures: BTreeMap::new(),
        received: "2025-08-01T05:30:00Z".parse().unwrap(),
        etag: None,
        last_modified: None,
        modified_ns: None,
        reference: Some(path.to_owned()),
        synthetic: false,
    }
}

/// What a delivery reads as.
#[derive(Debug, Default)]
struct Got {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    places: Vec<Place>,
    flaws: Vec<(u64, Flaw)>,
    note: String,
}

impl Got {
    fn column(&self, name: &str) -> Vec<&str> {
        let at = self.header.iter().position(|known| known == name);
        let at = at.unwrap_or_else(|| panic!("no `{name}` in {:?}", self.header));
        self.rows.iter().map(|row| row[at].as_str()).collect()
    }

    /// Sum of a column whose numbers may have thousands separators; empty fields count nothing.
    fn sum(&self, name: &str) -> f64 {
        let texts = self.column(name).into_iter().map(|text| text.replace(',', "").trim().to_owned());
        texts.filter(|text| !text.is_empty()).map(|text| text.parse::<f64>().unwrap()).sum()
    }
}

fn read_path(path: &Path, member: Option<&str>, format: &FormatConfig) -> io::Result<Got> {
    let (_folder, landing) = landing();
    let mut reader = open(&landing, &delivery(path, member), format, 1 << 32)?;
    let mut got = Got::default();
    let mut fields = Fields::default();
    let mut first = true;
    while let Some((place, result)) = reader.next(&mut fields)? {
        if let Err(flaw) = result {
            got.flaws.push((place.line, flaw));
            continue;
        }
        let row: Vec<String> = fields.iter().map(str::to_owned).collect();
        if std::mem::take(&mut first) {
            got.header = row;
        } else {
            got.rows.push(row);
            got.places.push(place);
        }
    }
    got.note = reader.note();
    Ok(got)
}

fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn read(bytes: &[u8], toml: &str) -> io::Result<Got> {
    read_path(file_of(bytes).path(), None, &format(toml))
}

fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
