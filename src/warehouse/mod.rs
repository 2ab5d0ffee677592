//! Datasets by month: Delta Lake tables of zstd Parquet. A month is one file, named by a digest of what it was made from,
//! so that the table's own log says what has been loaded. A month is replaced whole, in one commit.

mod beside;
mod file;
mod provider;
mod store;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::kernel::{Action, Add, MetadataExt, StructType};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::table::state::DeltaTableState;
use deltalake_core::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use object_store::{ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};
use url::Url;

use crate::normalise::DeliveryReport;
use crate::period::Month;

pub use beside::Beside;
pub use file::{MonthFile, MonthWriter, read_reports};
pub use provider::{MonthTable, readable_schema};

/// The partition column of every dataset.
pub const MONTH: &str = "month";

/// What keeps a dataset from being read or written.
#[derive(Debug, thiserror::Error)]
pub enum WarehouseError {
    /// The address of the datasets cannot be used.
    #[error("`{location}` cannot hold datasets: {reason}")]
    Location {
        /// As it stands in `outturn.toml`.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The table's log cannot be read or written.
    #[error("dataset `{table}`: {action}")]
    Delta {
        /// The table.
        table: String,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: Box<DeltaTableError>,
    },
    /// A file of the table cannot be read or written.
    #[error("dataset `{table}`: {path}")]
    File {
        /// The table.
        table: String,
        /// The file.
        path: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// One month of a table as its log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFile {
    /// Relative to the table.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Rows, from the log's statistics.
    pub rows: u64,
}

impl LiveFile {
    /// The digest of what the month was made from, which is in the file's name.
    #[must_use]
    pub fn inputs(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.strip_prefix("part-").and_then(|rest| rest.strip_suffix(".parquet")).unwrap_or_default()
    }
}

/// A table at one version: the months that it holds.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Name of the table.
    pub table: String,
    /// Version of its log; `None` before the first commit.
    pub version: Option<u64>,
    /// One file a month.
    pub months: BTreeMap<Month, LiveFile>,
    /// Columns in the log, to see when they change; empty before the first commit.
    schema: Option<StructType>,
    state: Option<DeltaTableState>,
}

impl Snapshot {
    fn empty(table: &str) -> Self {
        Self { table: table.to_owned(), version: None, months: BTreeMap::new(), schema: None, state: None }
    }

    fn of(table: &str, state: DeltaTableState) -> Self {
        let mut months = BTreeMap::new();
        for view in state.log_data().iter() {
            let path = view.path().into_owned();
            let month = view.partition_values_map().get(MONTH).cloned().flatten();
            let Some(month) = month.and_then(|month| month.parse().ok()) else { continue };
            let size = u64::try_from(view.size()).unwrap_or_default();
            months
                .insert(month, LiveFile { path, size, rows: view.num_records().unwrap_or_default() as u64 });
        }
        Self {
            table: table.to_owned(),
            version: Some(state.version()),
            months,
            schema: Some(state.schema().as_ref().clone()),
            state: Some(state),
        }
    }

    /// What the table holds, whatever number its version bears: equal for equal rows made from equal inputs.
    #[must_use]
    pub fn contents(&self) -> String {
        self.months.values().map(|file| file.path.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// Rows of all months.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.months.values().map(|file| file.rows).sum()
    }
}

/// What changes in a table.
#[derive(Debug, Default)]
pub struct Change {
    /// New or replaced months.
    pub months: Vec<(Month, LiveFile)>,
    /// Months that are to disappear.
    pub dropped: Vec<Month>,
}

/// The datasets of a project.
#[derive(Debug, Clone)]
pub struct Warehouse {
    store: Arc<dyn ObjectStore>,
    /// Address of the folder in which each table has its own.
    root: Url,
    /// The folder itself, where the datasets lie on a local disk.
    local: Option<PathBuf>,
    /// Folder for files in the making where they do not.
    staging: PathBuf,
}

impl Warehouse {
    /// Opens the datasets at a folder or an object-store address.
    ///
    /// # Errors
    /// An address that cannot be used.
    pub fn open(location: &str, project: &Path, warehouse: &Path) -> Result<Self, WarehouseError> {
        let staging = warehouse.join("staging");
        let bad = |reason: String| WarehouseError::Location { location: location.to_owned(), reason };
        if location.contains("://") {
            let address = format!("{}/", location.trim_end_matches('/'));
            let root = Url::parse(&address).map_err(|error| bad(error.to_string()))?;
            let store = store::remote(&root).map_err(bad)?;
            return Ok(Self { store, root, local: None, staging });
        }
        let folder = project.join(location);
        // The folder is made by the first month that is written: opening a warehouse to look leaves no trace.
        let folder = match folder.canonicalize() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => std::path::absolute(&folder),
            found => found,
        };
        let folder = folder.map_err(|error| bad(error.to_string()))?;
        let root = Url::from_directory_path(&folder).map_err(|()| bad("not a folder's path".to_owned()))?;
        Ok(Self { store: store::durable_local(), root, local: Some(folder), staging })
    }

    /// Removes files in the making that a killed run left beside an object store. Only the holder of the warehouse may.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn remove_leftovers(&self) -> std::io::Result<()> {
        crate::durable::remove_leftovers(&self.staging)
    }

    /// The store in which the datasets lie, for the query engine.
    #[must_use]
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// Address under which the query engine finds that store.
    #[must_use]
    pub fn store_address(&self) -> Url {
        let mut address = self.root.clone();
        address.set_path("");
        address
    }

    fn address(&self, table: &str) -> Url {
        // The names of tables are plain words; a failure to join would be a defect, and reading the root is harmless.
        self.root.join(&format!("{table}/")).unwrap_or_else(|_| self.root.clone())
    }

    /// Place of a table's file in the store.
    fn place(&self, table: &str, path: &str) -> object_store::path::Path {
        let root = object_store::path::Path::from_url_path(self.address(table).path()).unwrap_or_default();
        path.split('/').filter(|part| !part.is_empty()).fold(root, object_store::path::Path::join)
    }

    /// SHA-256 of a table's file; `None` where it is gone.
    ///
    /// # Errors
    /// What the storage reports.
    pub async fn digest(&self, table: &str, path: &str) -> Result<Option<String>, WarehouseError> {
        let failed = |source: object_store::Error| WarehouseError::File {
            table: table.to_owned(),
            path: path.to_owned(),
            source: source.into(),
        };
        match self.store.get(&self.place(table, path)).await {
            Ok(found) => {
                let bytes = found.bytes().await.map_err(failed)?;
                Ok(Some(hex::encode(Sha256::digest(&bytes))))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// A file for a month in the making.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn writer(
        &self,
        table: &str,
        month: Month,
        schema: &SchemaRef,
        hex_columns: &[String],
    ) -> Result<MonthWriter, WarehouseError> {
        let folder = match &self.local {
            Some(folder) => folder.join(table).join(format!("{MONTH}={month}")),
            None => self.staging.clone(),
        };
        MonthWriter::new(table, folder, Arc::clone(schema), hex_columns.to_vec())
    }

    /// Brings a finished file to its place and returns what the log is to say of it.
    ///
    /// # Errors
    /// What the storage reports.
    pub async fn place_file(
        &self,
        month: Month,
        file: MonthFile,
        inputs: &str,
    ) -> Result<LiveFile, WarehouseError> {
        let path = format!("{MONTH}={month}/part-{inputs}.parquet");
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| WarehouseError::File {
            table: file.table.clone(),
            path: path.clone(),
            source,
        };
        let live = LiveFile { path: path.clone(), size: file.size, rows: file.rows };
        if let Some(folder) = &self.local {
            let place = folder.join(&file.table).join(&path);
            crate::durable::finish(file.file, &place).map_err(|error| failed(error.into()))?;
        } else {
            let place = self.place(&file.table, &path);
            let mut reader = tokio::fs::File::open(file.file.path()).await.map_err(|e| failed(e.into()))?;
            let mut upload = object_store::buffered::BufWriter::new(Arc::clone(&self.store), place);
            tokio::io::copy(&mut reader, &mut upload).await.map_err(|e| failed(e.into()))?;
            tokio::io::AsyncWriteExt::shutdown(&mut upload).await.map_err(|e| failed(e.into()))?;
        }
        Ok(live)
    }

    async fn load(&self, table: &str) -> Result<Option<DeltaTable>, WarehouseError> {
        let log = self.place(table, "_delta_log");
        let failed = |source: DeltaTableError| WarehouseError::Delta {
            table: table.to_owned(),
            action: "its log cannot be read",
            source: Box::new(source),
        };
        let listed = self.store.list_with_delimiter(Some(&log)).await.map_err(|e| failed(e.into()))?;
        if !listed.objects.iter().any(|object| object.location.extension() == Some("json")) {
            return Ok(None);
        }
        let mut opened = self.builder(table).map_err(failed)?.build().map_err(failed)?;
        opened.load().await.map_err(failed)?;
        Ok(Some(opened))
    }

    fn builder(&self, table: &str) -> Result<DeltaTableBuilder, DeltaTableError> {
        let mut store_root = self.root.clone();
        store_root.set_path("/");
        Ok(DeltaTableBuilder::from_url(self.address(table))?
            .with_storage_backend(Arc::clone(&self.store) as _, store_root))
    }

    /// Latest version in a table's log, without reading the log; `None` before the first commit.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub async fn log_version(&self, table: &str) -> Result<Option<u64>, WarehouseError> {
        let log = self.place(table, "_delta_log");
        let listed = self.store.list_with_delimiter(Some(&log)).await.map_err(|source| {
            WarehouseError::File { table: table.to_owned(), path: log.to_string(), source: source.into() }
        })?;
        let version = |name: &str| name.strip_suffix(".json")?.parse::<u64>().ok();
        Ok(listed.objects.iter().filter_map(|object| version(object.location.filename()?)).max())
    }

    /// The table as it is now.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub async fn snapshot(&self, table: &str) -> Result<Snapshot, WarehouseError> {
        let Some(opened) = self.load(table).await? else { return Ok(Snapshot::empty(table)) };
        let failed = |source: DeltaTableError| WarehouseError::Delta {
            table: table.to_owned(),
            action: "its log cannot be read",
            source: Box::new(source),
        };
        let state = opened.snapshot().map_err(failed)?.clone();
        Ok(Snapshot::of(table, state))
    }

    /// Replaces months of a table in one commit; nothing is written when nothing changes.
    ///
    /// # Errors
    /// A log that cannot be written, as when somebody else replaced one of these months meanwhile.
    pub async fn commit(
        &self,
        before: &Snapshot,
        schema: &SchemaRef,
        change: Change,
        milliseconds: i64,
    ) -> Result<Snapshot, WarehouseError> {
        let table = before.table.as_str();
        let failed = |action: &'static str| {
            move |source: DeltaTableError| WarehouseError::Delta {
                table: table.to_owned(),
                action,
                source: Box::new(source),
            }
        };
        let columns = delta_schema(schema).map_err(|e| failed("its columns are not Delta's")(e.into()))?;
        // What a killed run had committed here already stands; said twice it would be removed by its own replacement.
        let mut change = change;
        change.months.retain(|(month, file)| before.months.get(month) != Some(file));
        if change.months.is_empty() && change.dropped.is_empty() {
            return Ok(before.clone());
        }
        let replaced: Vec<Month> =
            change.months.iter().map(|(month, _)| *month).chain(change.dropped).collect();
        let mut actions: Vec<Action> = Vec::new();
        let state = match &before.state {
            Some(state) => state.clone(),
            None => self.create(table, &columns).await.map_err(failed("it cannot be created"))?,
        };
        if before.schema.as_ref().is_some_and(|known| *known != columns) {
            let metadata = state.metadata().clone().with_schema(&columns);
            let metadata = metadata.map_err(|e| failed("its columns cannot change")(e.into()))?;
            actions.push(Action::Metadata(metadata));
        }
        for view in state.log_data().iter() {
            let month: Option<Month> = view
                .partition_values_map()
                .get(MONTH)
                .cloned()
                .flatten()
                .and_then(|month| month.parse().ok());
            // A file of the same name is replaced by being added again; a removal of that name would remove it.
            let again = change.months.iter().any(|(_, file)| file.path == view.path());
            if month.is_some_and(|month| replaced.contains(&month)) && !again {
                actions.push(Action::Remove(view.remove_action(true)));
            }
        }
        for (month, file) in &change.months {
            actions.push(Action::Add(Add {
                path: file.path.clone(),
                partition_values: HashMap::from([(MONTH.to_owned(), Some(month.to_string()))]),
                size: i64::try_from(file.size).unwrap_or(i64::MAX),
                modification_time: milliseconds,
                data_change: true,
                stats: Some(format!("{{\"numRecords\":{}}}", file.rows)),
                ..Add::default()
            }));
        }
        let operation = DeltaOperation::Write {
            mode: SaveMode::Overwrite,
            partition_by: Some(vec![MONTH.to_owned()]),
            predicate: None,
        };
        // The log is the record of what was loaded: it is never cleaned up behind our back.
        let properties = CommitProperties::default().with_cleanup_expired_logs(Some(false));
        let log_store =
            self.builder(table).and_then(|b| b.build_storage()).map_err(failed("it cannot be opened"))?;
        let committed = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(&state), log_store, operation)
            .await
            .map_err(failed("the commit was not accepted"))?;
        Ok(Snapshot::of(table, committed.snapshot))
    }

    async fn create(&self, table: &str, columns: &StructType) -> Result<DeltaTableState, DeltaTableError> {
        let log_store = self.builder(table)?.build_storage()?;
        let created = deltalake_core::operations::create::CreateBuilder::new()
            .with_log_store(log_store)
            .with_table_name(table)
            .with_columns(columns.fields().cloned())
            .with_partition_columns([MONTH])
            .await?;
        Ok(created.snapshot()?.clone())
    }

    /// Deletes files that no longer belong to a table: replaced ones after `keep_days`, and what a killed run left.
    ///
    /// Readers of the table's current version are not touched. Does nothing on an object store, whose own life-cycle
    /// rules do this.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn sweep(
        &self,
        snapshot: &Snapshot,
        keep_days: u32,
        now: std::time::SystemTime,
    ) -> Result<(), WarehouseError> {
        let Some(folder) = &self.local else { return Ok(()) };
        let table = folder.join(&snapshot.table);
        let failed = |path: &Path, error: std::io::Error| WarehouseError::File {
            table: snapshot.table.clone(),
            path: path.display().to_string(),
            source: error.into(),
        };
        let live: std::collections::HashSet<PathBuf> =
            snapshot.months.values().map(|file| table.join(&file.path)).collect();
        let keep = std::time::Duration::from_secs(u64::from(keep_days) * 86_400);
        let Ok(entries) = std::fs::read_dir(&table) else { return Ok(()) };
        let log = table.join("_delta_log");
        crate::durable::remove_leftovers(&log).map_err(|error| failed(&log, error))?;
        for month in entries.flatten().map(|entry| entry.path()) {
            if !month.file_name().is_some_and(|name| name.to_string_lossy().starts_with("month=")) {
                continue;
            }
            crate::durable::remove_leftovers(&month).map_err(|error| failed(&month, error))?;
            for file in std::fs::read_dir(&month).map_err(|e| failed(&month, e))?.flatten() {
                let path = file.path();
                if live.contains(&path) || path.extension().is_none_or(|extension| extension != "parquet") {
                    continue;
                }
                let age = file
                    .metadata()
                    .and_then(|m| m.modified())
                    .ok()
                    .and_then(|at| now.duration_since(at).ok());
                if keep_days == 0 || age.is_some_and(|age| age > keep) {
                    std::fs::remove_file(&path).map_err(|error| failed(&path, error))?;
                }
            }
            // A month that was dropped leaves an empty folder.
            let _ = std::fs::remove_dir(&month);
        }
        Ok(())
    }

    /// Removes for good every file of a month that the table's current version does not list: how many, and their bytes.
    /// Earlier versions can then not be read any more.
    ///
    /// # Errors
    /// What the storage reports.
    pub async fn erase_replaced(
        &self,
        snapshot: &Snapshot,
        month: Month,
    ) -> Result<(u64, u64), WarehouseError> {
        let folder = self.place(&snapshot.table, &format!("{MONTH}={month}"));
        let failed = |source: object_store::Error| WarehouseError::File {
            table: snapshot.table.clone(),
            path: folder.to_string(),
            source: source.into(),
        };
        let live = snapshot.months.get(&month).map(|file| self.place(&snapshot.table, &file.path));
        let listed = self.store.list_with_delimiter(Some(&folder)).await.map_err(failed)?;
        let (mut files, mut bytes) = (0, 0);
        for object in listed.objects.iter().filter(|object| Some(&object.location) != live.as_ref()) {
            self.store.delete(&object.location).await.map_err(failed)?;
            files += 1;
            bytes += object.size;
        }
        if let (Some(root), None) = (&self.local, &live) {
            let _ = std::fs::remove_dir(root.join(&snapshot.table).join(format!("{MONTH}={month}")));
        }
        Ok((files, bytes))
    }

    /// What became of the deliveries of each month, from the files' own metadata.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub async fn reports(
        &self,
        snapshot: &Snapshot,
    ) -> Result<BTreeMap<Month, Vec<DeliveryReport>>, WarehouseError> {
        let mut all = BTreeMap::new();
        for (month, file) in &snapshot.months {
            let failed = |source: Box<dyn std::error::Error + Send + Sync>| WarehouseError::File {
                table: snapshot.table.clone(),
                path: file.path.clone(),
                source,
            };
            let reports = if let Some(folder) = &self.local {
                let path = folder.join(&snapshot.table).join(&file.path);
                let opened = std::fs::File::open(path).map_err(|error| failed(error.into()))?;
                read_reports(opened).map_err(failed)?
            } else {
                let place = self.place(&snapshot.table, &file.path);
                let bytes = self.store.get(&place).await.map_err(|e| failed(e.into()))?;
                let bytes = bytes.bytes().await.map_err(|e| failed(e.into()))?;
                read_reports(bytes).map_err(failed)?
            };
            all.insert(*month, reports);
        }
        Ok(all)
    }

    /// A table of the query engine on one snapshot; it does not move when months are replaced.
    #[must_use]
    pub fn table(&self, snapshot: &Snapshot, schema: &SchemaRef) -> MonthTable {
        let files = snapshot
            .months
            .iter()
            .map(|(month, file)| (*month, self.place(&snapshot.table, &file.path), file.size, file.rows))
            .collect();
        MonthTable::new(self.store_address(), schema, files)
    }
}

/// The columns as Delta has them, the month last.
fn delta_schema(schema: &Schema) -> Result<StructType, arrow::error::ArrowError> {
    let mut fields: Vec<Field> =
        schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    fields.push(Field::new(MONTH, DataType::Utf8, false));
    (&Schema::new(fields)).try_into_kernel()
}
