//! One month of one table as a Parquet file in the making.

use std::io::BufWriter;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::schema::types::ColumnPath;
use tempfile::NamedTempFile;

use super::WarehouseError;
use crate::normalise::DeliveryReport;
use crate::normalise::month::{NormaliseError, RowSink};

/// Key of a file's metadata under which the reports of its deliveries stand.
const REPORTS: &str = "outturn.deliveries";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Writes the rows of a month; nothing is visible before the file is finished and placed.
pub struct MonthWriter {
    table: String,
    folder: PathBuf,
    schema: SchemaRef,
    hex_columns: Vec<String>,
    writer: Option<ArrowWriter<BufWriter<NamedTempFile>>>,
    rows: u64,
}

/// A finished file that is not yet in its place.
#[derive(Debug)]
pub struct MonthFile {
    pub(super) table: String,
    pub(super) file: NamedTempFile,
    pub(super) size: u64,
    pub(super) rows: u64,
}

impl MonthFile {
    /// The table that it belongs to.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }
}

impl MonthWriter {
    pub(super) fn new(
        table: &str,
        folder: PathBuf,
        schema: SchemaRef,
        hex_columns: Vec<String>,
    ) -> Result<Self, WarehouseError> {
        let mut writer = Self { table: table.to_owned(), folder, schema, hex_columns, writer: None, rows: 0 };
        writer.open().map_err(|source| writer.failed(source))?;
        Ok(writer)
    }

    fn failed(&self, source: Failure) -> WarehouseError {
        WarehouseError::File { table: self.table.clone(), path: self.folder.display().to_string(), source }
    }

    fn open(&mut self) -> Result<(), Failure> {
        crate::durable::create_folder(&self.folder)?;
        let file = crate::durable::temporary(&self.folder)?;
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_created_by(format!("outturn {}", env!("CARGO_PKG_VERSION")))
            .set_statistics_enabled(EnabledStatistics::Chunk);
        for name in &self.hex_columns {
            // Random bytes: neither a dictionary nor compression makes them smaller.
            let column = ColumnPath::from(name.as_str());
            properties = properties
                .set_column_compression(column.clone(), Compression::UNCOMPRESSED)
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_encoding(column.clone(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
                .set_column_statistics_enabled(column, EnabledStatistics::None);
        }
        let line = ColumnPath::from("line");
        properties = properties
            .set_column_dictionary_enabled(line.clone(), false)
            .set_column_encoding(line, Encoding::DELTA_BINARY_PACKED);
        // Readers see the plain columns, not how they were laid out in memory.
        let options =
            ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
        let buffer = BufWriter::with_capacity(1 << 20, file);
        self.writer = Some(ArrowWriter::try_new_with_options(buffer, self.schema.clone(), options)?);
        self.rows = 0;
        Ok(())
    }

    /// Adds rows, in the order of the schema's columns.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), WarehouseError> {
        self.try_add(batch).map_err(|source| self.failed(source))
    }

    fn try_add(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.rows += batch.num_rows() as u64;
        let writer = self.writer.as_mut().ok_or("the file is finished")?;
        Ok(writer.write(batch)?)
    }

    /// Closes the file, with the reports of its deliveries in its metadata.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn finish(mut self, reports: &[DeliveryReport]) -> Result<MonthFile, WarehouseError> {
        let (table, rows) = (self.table.clone(), self.rows);
        let close = |writer: &mut Self| -> Result<(NamedTempFile, u64), Failure> {
            let mut file = writer.writer.take().ok_or("the file is finished")?;
            file.append_key_value_metadata(KeyValue::new(
                REPORTS.to_owned(),
                serde_json::to_string(reports)?,
            ));
            let file = file.into_inner()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            let size = file.as_file().metadata()?.len();
            Ok((file, size))
        };
        let (file, size) = close(&mut self).map_err(|source| self.failed(source))?;
        Ok(MonthFile { table, file, size, rows })
    }
}

impl RowSink for MonthWriter {
    fn restart(&mut self) -> Result<(), NormaliseError> {
        if self.rows > 0 {
            self.open().map_err(NormaliseError::Write)?;
        }
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), NormaliseError> {
        self.try_add(batch).map_err(NormaliseError::Write)
    }
}

/// The reports of the deliveries that a month was made from, out of its file.
///
/// # Errors
/// A file that is not one of ours, or damaged.
pub fn read_reports<R: ChunkReader + 'static>(file: R) -> Result<Vec<DeliveryReport>, Failure> {
    let reader = SerializedFileReader::new(file)?;
    let metadata = reader.metadata().file_metadata().key_value_metadata();
    let text = metadata
        .and_then(|all| all.iter().find(|entry| entry.key == REPORTS))
        .and_then(|entry| entry.value.as_deref())
        .ok_or("the file does not say what it was made from")?;
    Ok(serde_json::from_str(text)?)
}
