//! Reference tables: LSOA to ward and partnership, areas, residents. Read from CSV, joined by SQL where that is needed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use sha2::{Digest, Sha256};

use crate::config::settings::LookupConfig;
use crate::config::{Loaded, Project, span_of};
use crate::diagnose::Problem;

/// A reference table in memory.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// Its id, the name of the table in SQL.
    pub id: String,
    /// Its rows. Numbers are `Float64` or `Int64`, everything else `Utf8`; an empty field is null.
    pub batch: RecordBatch,
    /// Values of the first key column and the rows in which they stand.
    index: HashMap<String, u32, foldhash::fast::FixedState>,
    /// The first key column.
    key: String,
    /// SHA-256 over settings and contents.
    pub digest: String,
}

impl Lookup {
    /// The row in which the (first) key column holds `key`.
    #[must_use]
    pub fn row(&self, key: &str) -> Option<u32> {
        self.index.get(key).copied()
    }

    /// The (first) key column.
    #[must_use]
    pub fn keys(&self) -> StringArray {
        self.text(&self.key).unwrap_or_else(|| StringArray::from(Vec::<&str>::new()))
    }

    /// A column as text, or `None` where the table has none of that name.
    #[must_use]
    pub fn text(&self, column: &str) -> Option<StringArray> {
        let array = cast(self.batch.column_by_name(column)?, &DataType::Utf8).ok()?;
        Some(array.as_string::<i32>().clone())
    }
}

/// Reads every look-up of a project.
///
/// The second value holds every problem of every look-up, with its place in its settings.
pub async fn load_all(project: &Project) -> (BTreeMap<String, Arc<Lookup>>, Vec<Problem>) {
    let mut lookups = BTreeMap::new();
    let mut problems = Vec::new();
    for (id, loaded) in &project.lookups {
        match load(loaded).await {
            Ok(lookup) => {
                lookups.insert(id.clone(), Arc::new(lookup));
            }
            Err(problem) => problems.push(*problem),
        }
    }
    (lookups, problems)
}

async fn load(loaded: &Loaded<LookupConfig>) -> Result<Lookup, Box<Problem>> {
    let config = &loaded.config;
    let problem = |keys: &[&str], message: String| {
        Box::new(Problem::new(&loaded.source, span_of(&loaded.source, keys), message))
    };
    let mut tables = Vec::new();
    let mut digest = Sha256::new();
    digest.update(serde_json::to_vec(config).unwrap_or_default());
    for (table, file) in &config.file {
        let path = loaded.folder.join(file);
        let bytes = std::fs::read(&path).map_err(|e| problem(&["file", table], format!("{file}: {e}")))?;
        digest.update(Sha256::digest(&bytes));
        let batch = read_text(&bytes).map_err(|e| problem(&["file", table], format!("{file}: {e}")))?;
        tables.push((table, batch));
    }
    let batch = match (&config.sql, tables.as_slice()) {
        (None, [(_, only)]) => only.clone(),
        (None, _) => {
            return Err(problem(
                &["file"],
                "a look-up of several files needs `sql` that joins them".to_owned(),
            ));
        }
        (Some(sql), _) => {
            select(sql, &tables).await.map_err(|e| problem(&["sql"], crate::engine::plain_message(&e)))?
        }
    };
    let batch = typed(&batch, &config.numbers).map_err(|e| problem(&["numbers"], e))?;
    let known: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut keys = Vec::new();
    for (number, key) in config.key.iter().enumerate() {
        let Some(column) = batch.column_by_name(key) else {
            let at = problem(&["key", &number.to_string()], format!("the look-up has no column `{key}`"));
            return Err(Box::new((*at).nearest(key, known.iter().map(String::as_str))));
        };
        let text = cast(column, &DataType::Utf8).map_err(|e| problem(&["key"], e.to_string()))?;
        keys.push(text.as_string::<i32>().clone());
    }
    // Where one column is the key, the index itself tells what stands twice.
    let mut seen = HashSet::new();
    let mut index =
        HashMap::with_capacity_and_hasher(batch.num_rows(), foldhash::fast::FixedState::default());
    for row in 0..batch.num_rows() {
        let number = u32::try_from(row).unwrap_or(u32::MAX);
        let mut known = keys.is_empty() && row > 0;
        if let Some(first) = keys.first() {
            known = index.insert(first.value(row).to_owned(), number).is_some();
        }
        let key = || keys.iter().map(|column| column.value(row)).collect::<Vec<_>>();
        if keys.len() > 1 {
            known = !seen.insert(key().join("\u{1f}"));
        }
        if known {
            return Err(problem(&["key"], format!("the key `{}` stands twice", key().join(", "))));
        }
    }
    let key = config.key.first().cloned().unwrap_or_default();
    Ok(Lookup { id: config.id.clone(), batch, index, key, digest: hex::encode(digest.finalize()) })
}

/// The bytes of a CSV file with every column as text, empty fields as null.
fn read_text(bytes: &[u8]) -> Result<RecordBatch, String> {
    let mut records = crate::normalise::csv::Records::new(bytes, b',');
    let mut fields = crate::normalise::csv::Fields::default();
    let mut header: Vec<String> = Vec::new();
    let mut columns: Vec<StringBuilder> = Vec::new();
    while let Some((place, result)) = records.next(&mut fields).map_err(|e| e.to_string())? {
        result.map_err(|flaw| format!("line {}: {flaw:?}", place.line))?;
        if header.is_empty() {
            header = fields.iter().map(str::to_owned).collect();
            columns.resize_with(header.len(), StringBuilder::new);
            continue;
        }
        if fields.len() != header.len() {
            return Err(format!(
                "line {}: {} fields under {} headings",
                place.line,
                fields.len(),
                header.len()
            ));
        }
        for (column, value) in columns.iter_mut().zip(fields.iter()) {
            column.append_option((!value.is_empty()).then_some(value));
        }
    }
    let schema: Vec<Field> = header.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    let arrays: Vec<ArrayRef> =
        columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
    RecordBatch::try_new(Arc::new(Schema::new(schema)), arrays).map_err(|e| e.to_string())
}

async fn select(
    sql: &str,
    tables: &[(&String, RecordBatch)],
) -> Result<RecordBatch, datafusion::error::DataFusionError> {
    let context = SessionContext::new();
    for (name, batch) in tables {
        let table = MemTable::try_new(batch.schema(), vec![vec![batch.clone()]])?;
        context.register_table(name.as_str(), Arc::new(table))?;
    }
    let (schema, batches) = crate::engine::collected(context.sql(sql).await?).await?;
    Ok(arrow::compute::concat_batches(&schema, &batches)?)
}

/// The batch with its number columns as numbers and all others as text.
fn typed(batch: &RecordBatch, numbers: &[String]) -> Result<RecordBatch, String> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let schema = batch.schema();
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        let array = if numbers.contains(field.name()) {
            let text = cast(array, &DataType::Utf8).map_err(|e| e.to_string())?;
            let whole = strict(&text, &DataType::Int64);
            whole
                .or_else(|_| strict(&text, &DataType::Float64))
                .map_err(|e| format!("column `{}`: {e}", field.name()))?
        } else {
            cast(array, &DataType::Utf8).map_err(|e| e.to_string())?
        };
        fields.push(Field::new(field.name(), array.data_type().clone(), true));
        arrays.push(array);
    }
    if let Some(missing) = numbers.iter().find(|name| schema.column_with_name(name).is_none()) {
        return Err(format!("the look-up has no column `{missing}`"));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|e| e.to_string())
}

fn strict(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, arrow::error::ArrowError> {
    let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
    arrow::compute::cast_with_options(array, to, &options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_column_may_be_text_in_one_part_of_a_union_and_cast_to_text_in_the_other() {
        let field = Field::new("code", DataType::Utf8, true);
        let codes: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![codes]).unwrap();
        let sql = "SELECT code, code AS ward FROM t UNION ALL SELECT code, CAST(NULL AS VARCHAR) FROM t";
        let joined = select(sql, &[(&"t".to_owned(), batch)]).await.unwrap();
        let wards = cast(joined.column_by_name("ward").unwrap(), &DataType::Utf8).unwrap();
        assert_eq!((wards.len(), wards.null_count()), (4, 2));
    }
}
