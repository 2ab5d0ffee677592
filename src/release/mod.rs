//! One consistent, immutable set of published tables; `current` moves to it in one step, so that a reader sees the whole
//! old release or the whole new one.

pub mod assessed;
pub mod public;
pub mod revision;
pub mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::{DateTime, NaiveDate, Utc};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::definition::Definition;
use crate::durable;
use crate::period::Month;

/// What keeps a release from being written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A file of a release cannot be written or read.
    #[error("{path}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A table does not fit its columns, or cannot be encoded.
    #[error("table `{table}`")]
    Table {
        /// The table.
        table: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A manifest is not what the program wrote.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: String,
        /// What was found.
        reason: String,
    },
}

/// `manifest.json` of a release.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// Name of the release.
    pub release: String,
    /// Its day.
    pub as_of: NaiveDate,
    /// When it was made, as far as its figures know; absent in releases of earlier versions of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_at: Option<DateTime<Utc>>,
    /// Version of the program that made it.
    pub program: String,
    /// Digest of the project's files.
    pub project: String,
    /// Digest of everything that it follows from, cheap to compute: while it is the same, nothing is to be done.
    pub inputs: String,
    /// Files by table.
    pub tables: BTreeMap<String, TableFiles>,
    /// Digest of everything that a measure's figures follow from, by measure.
    pub measures: BTreeMap<String, String>,
    /// The same for the project's own tables.
    pub own_tables: BTreeMap<String, String>,
    /// Those of the project's own tables that are not in it, each with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub withheld_tables: BTreeMap<String, String>,
    /// Definitions of the measures.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub definitions: BTreeMap<String, Definition>,
    /// How much was recorded when it was made; what came later did not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
    /// Last month that its public set tells of, where a calendar says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_until: Option<Month>,
    /// Release that its revisions are told against; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared_with: Option<String>,
    /// What the public lacks of it that it should have, each in a line; absent where that is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub public_gaps: Vec<String>,
    /// Datasets that it was computed from: table and version of its log, with the files of that version.
    pub datasets: BTreeMap<String, DatasetVersion>,
}

/// Lines of the records that only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Deliveries.
    pub deliveries: u64,
    /// Sign-offs.
    pub sign_offs: u64,
    /// Planned releases that went out.
    pub went_out: u64,
    /// Erasures.
    pub erasures: u64,
}

/// A dataset's version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetVersion {
    /// Version of the table's log.
    pub version: Option<u64>,
    /// Rows.
    pub rows: u64,
    /// Files of the version, relative to the table.
    pub files: Vec<String>,
}

/// The two files of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFiles {
    /// What it holds, in words.
    pub title: String,
    /// Rows.
    pub rows: u64,
    /// `<table>.parquet`.
    pub parquet: FileDigest,
    /// `<table>.csv`.
    pub csv: FileDigest,
}

/// A file with its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// Name in the release's folder.
    pub file: String,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// The releases of a warehouse.
#[derive(Debug, Clone)]
pub struct Published {
    folder: PathBuf,
}

impl Published {
    /// Those in a warehouse folder.
    #[must_use]
    pub fn in_warehouse(warehouse: &Path) -> Self {
        Self { folder: warehouse.join("published") }
    }

    /// The folder that they lie in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Folder of the current release; `None` before the first.
    #[must_use]
    pub fn current(&self) -> Option<PathBuf> {
        let target = fs::read_link(self.folder.join("current")).ok()?;
        let folder = self.folder.join(target);
        folder.is_dir().then_some(folder)
    }

    /// Folder of a release by its name.
    #[must_use]
    pub fn release(&self, name: &str) -> Option<PathBuf> {
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b'.');
        let folder = self.folder.join("releases").join(name);
        (plain && folder.is_dir()).then_some(folder)
    }

    /// Names of all releases, the oldest first; one that a killed run had named but not made current is none.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.folder.join("releases")) else { return Vec::new() };
        let next = fs::read_link(self.folder.join(NEXT)).ok();
        let unpublished = next.as_deref().and_then(Path::file_name);
        let mut names: Vec<(String, u32)> = entries
            .flatten()
            .filter(|entry| Some(entry.file_name().as_os_str()) != unpublished)
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter_map(|name| {
                let (day, number) = name.split_once('.')?;
                Some((day.to_owned(), number.parse().ok()?))
            })
            .collect();
        names.sort();
        names.into_iter().map(|(day, number)| format!("{day}.{number}")).collect()
    }

    /// The manifest of the current release; `None` before the first.
    ///
    /// # Errors
    /// A manifest that cannot be read.
    pub fn manifest(&self) -> Result<Option<Manifest>, ReleaseError> {
        self.current().map(|folder| read_manifest(&folder)).transpose()
    }

    /// Begins a release; nothing of it is visible before it is finished. What a killed run left is removed.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn begin(&self, as_of: NaiveDate) -> Result<Draft, ReleaseError> {
        let releases = self.folder.join("releases");
        let failed = |source| ReleaseError::File { path: releases.display().to_string(), source };
        durable::create_folder(&releases).map_err(failed)?;
        remove_unpublished(&self.folder).map_err(failed)?;
        durable::remove_leftovers(&releases).map_err(failed)?;
        durable::remove_leftovers(&self.folder).map_err(failed)?;
        let day = as_of.to_string();
        let names = self.names();
        let number = names.iter().filter_map(|name| {
            let (found, number) = name.split_once('.')?;
            if found == day { number.parse::<u32>().ok() } else { None }
        });
        let name = format!("{day}.{}", number.max().unwrap_or(0) + 1);
        let staging = tempfile::Builder::new()
            .prefix(".outturn-")
            .suffix(".tmp")
            .tempdir_in(&releases)
            .map_err(failed)?;
        Ok(Draft { published: self.clone(), name, staging, tables: BTreeMap::new() })
    }
}

/// Reads the manifest in a release's folder.
///
/// # Errors
/// A manifest that is not there or damaged.
pub fn read_manifest(folder: &Path) -> Result<Manifest, ReleaseError> {
    let path = folder.join("manifest.json");
    let shown = || path.display().to_string();
    let text = fs::read_to_string(&path).map_err(|source| ReleaseError::File { path: shown(), source })?;
    serde_json::from_str(&text)
        .map_err(|error| ReleaseError::Damaged { path: shown(), reason: error.to_string() })
}

/// A release in the making.
#[derive(Debug)]
pub struct Draft {
    published: Published,
    name: String,
    staging: tempfile::TempDir,
    tables: BTreeMap<String, TableFiles>,
}

impl Draft {
    /// The name that it will bear.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Folder in which it is made.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.staging.path()
    }

    /// Takes a table that was written into [`Draft::folder`].
    pub fn add(&mut self, name: &str, files: TableFiles) {
        self.tables.insert(name.to_owned(), files);
    }

    /// Finishes the public's tables, which were written into [`Draft::public_folder`].
    ///
    /// # Errors
    /// What the disk reports.
    pub fn seal_public(&self, mut manifest: Manifest) -> Result<(), ReleaseError> {
        let folder = self.public_folder();
        let failed = |source| ReleaseError::File { path: folder.display().to_string(), source };
        manifest.release.clone_from(&self.name);
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| failed(io::Error::other(error)))?;
        let place = folder.join("manifest.json");
        durable::write(&place, &text).map_err(failed)?;
        durable::share(&place).map_err(failed)?;
        durable::share(&folder).map_err(failed)?;
        durable::sync_folder(&folder).map_err(failed)
    }

    /// Folder in which the public's tables are made.
    #[must_use]
    pub fn public_folder(&self) -> PathBuf {
        self.staging.path().join(public::FOLDER)
    }

    /// Makes the release current. Finishing consumes the draft: nothing is visible before, nothing can be added after.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn finish(self, mut manifest: Manifest) -> Result<PathBuf, ReleaseError> {
        manifest.release.clone_from(&self.name);
        manifest.tables = self.tables;
        let released = self.published.folder.join("releases").join(&self.name);
        let failed = |source| ReleaseError::File { path: released.display().to_string(), source };
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| failed(io::Error::other(error)))?;
        durable::write(&self.staging.path().join("manifest.json"), &text).map_err(failed)?;
        durable::sync_folder(self.staging.path()).map_err(failed)?;
        let staging = self.staging.keep();
        let made = (|| {
            durable::share(&staging)?;
            durable::share(&staging.join("manifest.json"))?;
            prepare(&self.published.folder, &self.name)?;
            fs::rename(&staging, &released)?;
            durable::sync_folder(&self.published.folder.join("releases"))?;
            point(&self.published.folder)
        })();
        made.map_err(failed)?;
        Ok(released)
    }
}

/// The link that becomes `current`. While it stands, the release that it names never was current.
const NEXT: &str = ".outturn-current.tmp";

/// Makes the link to a release that does not bear its name yet.
#[cfg(unix)]
fn prepare(folder: &Path, name: &str) -> io::Result<()> {
    let link = folder.join(NEXT);
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(Path::new("releases").join(name), &link)?;
    durable::sync_folder(folder)
}

/// Points `current` at the prepared release in one step.
fn point(folder: &Path) -> io::Result<()> {
    fs::rename(folder.join(NEXT), folder.join("current"))?;
    durable::sync_folder(folder)
}

/// Removes a release that a killed run had named but not made current: nobody was told of it, and its name is free.
fn remove_unpublished(folder: &Path) -> io::Result<()> {
    let Ok(target) = fs::read_link(folder.join(NEXT)) else { return Ok(()) };
    let named = folder.join(&target);
    if target.starts_with("releases") && named.is_dir() { fs::remove_dir_all(named) } else { Ok(()) }
}

/// The column with the release's name, for a table that does not carry it yet, and `synthetic` where that is missing.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn stamped(
    batch: &RecordBatch,
    release: &str,
    as_of: NaiveDate,
    synthetic: Option<bool>,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let rows = batch.num_rows();
    let mut fields: Vec<Field> = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    let schema = batch.schema();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let column = match (field.name().as_str(), field.data_type()) {
            ("release", _) => continue,
            ("as_of", DataType::Date32) => {
                let day = as_of.signed_duration_since(NaiveDate::default()).num_days();
                let day = i32::try_from(day).unwrap_or_default();
                Arc::new(arrow::array::Date32Array::from_value(day, rows)) as ArrayRef
            }
            (_, DataType::Utf8View | DataType::LargeUtf8 | DataType::Dictionary(_, _)) => {
                cast(column, &DataType::Utf8)?
            }
            (_, DataType::BinaryView) => cast(column, &DataType::Binary)?,
            _ => Arc::clone(column),
        };
        fields.push(
            Field::new(field.name(), column.data_type().clone(), true)
                .with_metadata(field.metadata().clone()),
        );
        columns.push(column);
    }
    let about = |text: &str| [("description".to_owned(), text.to_owned())].into();
    if let Some(synthetic) = synthetic.filter(|_| schema.column_with_name("synthetic").is_none()) {
        let text = "True where some of what the table was made from was made by the simulator";
        fields.push(Field::new("synthetic", DataType::Boolean, true).with_metadata(about(text)));
        columns.push(Arc::new(arrow::array::BooleanArray::from(vec![synthetic; rows])));
    }
    fields.push(Field::new("release", DataType::Utf8, true).with_metadata(about("The release")));
    columns.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(release, rows))));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// The same rows with what each column means in its metadata.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn described(
    batch: &RecordBatch,
    about: &BTreeMap<String, String>,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let schema = batch.schema();
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| match about.get(field.name()) {
            Some(text) => {
                field.as_ref().clone().with_metadata([("description".to_owned(), text.clone())].into())
            }
            None => field.as_ref().clone(),
        })
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), batch.columns().to_vec())
}

/// Writes a table as Parquet and CSV into a folder, both synced.
///
/// # Errors
/// What the disk reports, and what cannot be encoded.
pub fn write_table(
    folder: &Path,
    name: &str,
    title: &str,
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<TableFiles, ReleaseError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| ReleaseError::Table {
        table: name.to_owned(),
        source,
    };
    let parquet_file = format!("{name}.parquet");
    let csv_file = format!("{name}.csv");
    // A large table is the last that a run waits for, so its two files are written at the same time.
    let (parquet, csv) = std::thread::scope(|scope| {
        let csv = scope.spawn(|| write_csv(&folder.join(&csv_file), schema, batches));
        let parquet = write_parquet(&folder.join(&parquet_file), title, schema, batches);
        (parquet, csv.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let (parquet, csv) = (parquet.map_err(failed)?, csv.map_err(failed)?);
    Ok(TableFiles {
        title: title.to_owned(),
        rows: batches.iter().map(|batch| batch.num_rows() as u64).sum(),
        parquet: FileDigest { file: parquet_file, ..parquet },
        csv: FileDigest { file: csv_file, ..csv },
    })
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn write_parquet(
    path: &Path,
    title: &str,
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<FileDigest, Failure> {
    let mut metadata = vec![KeyValue::new("outturn.title".to_owned(), title.to_owned())];
    for field in schema.fields() {
        if let Some(about) = field.metadata().get("description") {
            metadata.push(KeyValue::new(format!("column.{}", field.name()), about.clone()));
        }
    }
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_created_by(format!("outturn {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(metadata))
        .build();
    let writer = Hashing::create(path)?;
    let mut writer = ArrowWriter::try_new(writer, Arc::clone(schema), Some(properties))?;
    for batch in batches {
        writer.write(batch)?;
    }
    Ok(writer.into_inner()?.finish()?)
}

fn write_csv(path: &Path, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<FileDigest, Failure> {
    let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(Hashing::create(path)?);
    if batches.iter().all(|batch| batch.num_rows() == 0) {
        writer.write(&RecordBatch::new_empty(Arc::clone(schema)))?;
    }
    for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
        writer.write(batch)?;
    }
    Ok(writer.into_inner().finish()?)
}

/// A file that is hashed while it is written.
struct Hashing {
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl Hashing {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::with_capacity(1 << 18, File::create(path)?),
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    fn finish(self) -> io::Result<FileDigest> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(FileDigest { file: String::new(), bytes: self.bytes, sha256: hex::encode(self.hash.finalize()) })
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A table of a release.
///
/// # Errors
/// A file that cannot be read.
pub fn read_table(folder: &Path, name: &str) -> Result<(SchemaRef, Vec<RecordBatch>), ReleaseError> {
    let path = folder.join(format!("{name}.parquet"));
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| ReleaseError::Table {
        table: name.to_owned(),
        source,
    };
    let file = File::open(&path)
        .map_err(|source| ReleaseError::File { path: path.display().to_string(), source })?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| failed(e.into()))?;
    let schema = Arc::clone(reader.schema());
    let batches = reader.build().map_err(|e| failed(e.into()))?.collect::<Result<Vec<_>, _>>();
    Ok((schema, batches.map_err(|e| failed(e.into()))?))
}

/// Rows of a table in which a text column has a value.
///
/// # Errors
/// A column that is not there.
pub fn rows_where(
    batches: &[RecordBatch],
    column: &str,
    value: &str,
) -> Result<Vec<RecordBatch>, arrow::error::ArrowError> {
    batches
        .iter()
        .map(|batch| {
            let found = batch.column_by_name(column).ok_or_else(|| {
                arrow::error::ArrowError::SchemaError(format!("there is no column `{column}`"))
            })?;
            let text = cast(found, &DataType::Utf8)?;
            let mask: arrow::array::BooleanArray =
                text.as_string::<i32>().iter().map(|found| Some(found == Some(value))).collect();
            arrow::compute::filter_record_batch(batch, &mask)
        })
        .collect()
}

/// Tables of a release whose Parquet file is not as it was released.
#[must_use]
pub fn damaged_tables(folder: &Path, manifest: &Manifest) -> BTreeSet<String> {
    let differs = |files: &&TableFiles| {
        let digest = File::open(folder.join(&files.parquet.file)).and_then(|mut file| file_digest(&mut file));
        !digest.is_ok_and(|digest| digest == files.parquet.sha256)
    };
    manifest.tables.iter().filter(|(_, files)| differs(files)).map(|(table, _)| table.clone()).collect()
}

fn file_digest(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
}

/// Files of a release that differ from its manifest, each with what is wrong; those of its public set too.
///
/// # Errors
/// A manifest that cannot be read.
pub fn verify(folder: &Path) -> Result<Vec<String>, ReleaseError> {
    let manifest = read_manifest(folder)?;
    let mut wrong = Vec::new();
    let public = folder.join(public::FOLDER);
    if public.is_dir() {
        wrong.extend(verify(&public)?.into_iter().map(|line| format!("{}/{line}", public::FOLDER)));
    }
    for files in manifest.tables.values() {
        for expected in [&files.parquet, &files.csv] {
            match File::open(folder.join(&expected.file)).and_then(|mut file| file_digest(&mut file)) {
                Err(error) => wrong.push(format!("{}: {error}", expected.file)),
                Ok(digest) if digest != expected.sha256 => {
                    wrong.push(format!("{}: differs from its digest in the manifest", expected.file));
                }
                Ok(_) => {}
            }
        }
    }
    Ok(wrong)
}
