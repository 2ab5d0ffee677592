//! A contract made ready for reading: which field goes to which column, and what it must be.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::StringArray;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use sha2::{Digest, Sha256};

use crate::config::settings::{
    ColumnConfig, ColumnType, ContractConfig, DatasetConfig, Repeats, SummaryConfig,
};
use crate::config::{Project, span_of};
use crate::diagnose::Problem;
use crate::lookup::Lookup;

/// Where the value of a dataset column comes from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// A field, by its position in [`Contract::fields`].
    Field(usize),
    /// A name in the path.
    Path(String),
    /// A column of the row that another column's look-up found.
    Lookup { by: usize, codes: Arc<[u32]>, values: Arc<StringArray> },
}

/// One column of the dataset and its rule.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) kind: ColumnType,
    pub(super) required: bool,
    pub(super) codes: Option<HashSet<String>>,
    pub(super) range: Option<[f64; 2]>,
    pub(super) empty_with: Option<usize>,
    pub(super) lookup: Option<(Arc<Lookup>, Arc<StringArray>)>,
    pub(super) rule: String,
    /// Header of the delivery, for messages.
    pub(super) header: String,
}

/// A contract made ready for reading.
#[derive(Debug, Clone)]
pub struct Contract {
    /// Its settings.
    pub config: ContractConfig,
    pub(super) columns: Vec<Column>,
    /// Headers whose fields are read, each once; `Origin::Field` counts in here.
    pub(super) fields: Vec<String>,
    /// Position of the month's header in `fields`; beyond them where the file tells no month.
    pub(super) month_field: usize,
    /// Columns of the key.
    pub(super) key: Vec<usize>,
    pub(super) repeats: Repeats,
    /// SHA-256 over everything that decides what becomes of a row.
    pub digest: String,
}

impl Contract {
    /// The same contract without the lists of codes and the ranges of columns that stand under these rules: a waiver lets
    /// their values in as they are.
    pub(super) fn without(&self, rules: &BTreeSet<&str>) -> Self {
        let mut lenient = self.clone();
        for column in lenient.columns.iter_mut().filter(|column| rules.contains(column.rule.as_str())) {
            (column.codes, column.range) = (None, None);
        }
        lenient
    }
}

/// A dataset: the contracts that fill it, its columns and its summaries.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Its id, the name of the table in SQL.
    pub id: String,
    /// What it holds, in words.
    pub title: String,
    /// By id.
    pub contracts: BTreeMap<String, Arc<Contract>>,
    /// Columns of its files; the month is the partition and not among them.
    pub schema: SchemaRef,
    /// Names of the columns that hold bytes and are shown as hexadecimal digits.
    pub hex_columns: Vec<String>,
    /// Counts kept by month.
    pub summaries: Vec<SummaryConfig>,
}

/// Columns behind the contract's own, the same for every dataset.
fn own_columns() -> [Field; 5] {
    [
        Field::new("feed", DataType::Utf8, false),
        Field::new("source_file", DataType::Utf8, false),
        Field::new("delivery", DataType::Utf8, false),
        Field::new("line", DataType::Int64, false),
        Field::new("synthetic", DataType::Boolean, false),
    ]
}

/// Arrow type in which a column is stored.
fn stored(column: &ColumnConfig) -> DataType {
    match column.kind {
        ColumnType::Text | ColumnType::Category => DataType::Utf8,
        ColumnType::Hex => DataType::Binary,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Number => DataType::Float64,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Flag => DataType::Boolean,
    }
}

/// Columns of the quarantine of any dataset; the month is the partition and not among them.
#[must_use]
pub fn quarantine_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("feed", DataType::Utf8, false),
        Field::new("source_file", DataType::Utf8, false),
        Field::new("delivery", DataType::Utf8, false),
        Field::new("line", DataType::Int64, false),
        Field::new("byte_offset", DataType::Int64, false),
        Field::new("byte_length", DataType::Int64, false),
        Field::new("reason", DataType::Utf8, false),
        Field::new("column", DataType::Utf8, true),
        Field::new("detail", DataType::Utf8, false),
        Field::new("synthetic", DataType::Boolean, false),
    ]))
}

/// Columns of a summary; the month is the partition and not among them.
#[must_use]
pub fn summary_schema(summary: &SummaryConfig) -> SchemaRef {
    let mut fields: Vec<Field> =
        summary.by.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    fields.push(Field::new("n", DataType::Int64, false));
    fields.push(Field::new("synthetic", DataType::Boolean, false));
    Arc::new(Schema::new(fields))
}

/// Makes the datasets of a project ready, in order of their names.
///
/// The second value holds every column that a look-up does not have, each with its place.
#[must_use]
pub fn datasets(
    project: &Project,
    lookups: &BTreeMap<String, Arc<Lookup>>,
) -> (BTreeMap<String, Arc<Dataset>>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut datasets: BTreeMap<String, Dataset> = BTreeMap::new();
    for loaded in project.contracts.values() {
        let config = &loaded.config;
        let told: Option<&DatasetConfig> =
            project.datasets.get(&config.dataset).map(|dataset| &dataset.config);
        let summaries = told.map(|dataset| dataset.summary.clone()).unwrap_or_default();
        let contract = match compile(config, &summaries, lookups) {
            Ok(contract) => contract,
            Err(found) => {
                problems.extend(found.into_iter().map(|(number, key, message, nearest)| {
                    let span = span_of(&loaded.source, &["column", &number.to_string(), key]);
                    let mut problem = Problem::new(&loaded.source, span, message);
                    problem.help = nearest;
                    problem
                }));
                continue;
            }
        };
        let dataset = datasets.entry(config.dataset.clone()).or_insert_with(|| {
            let mut fields: Vec<Field> =
                config.column.iter().map(|column| Field::new(&column.name, stored(column), true)).collect();
            fields.extend(own_columns());
            let hex =
                config.column.iter().filter(|c| c.kind == ColumnType::Hex).map(|c| c.name.clone()).collect();
            Dataset {
                id: config.dataset.clone(),
                title: told.map(|dataset| dataset.title.clone()).unwrap_or_default(),
                contracts: BTreeMap::new(),
                schema: Arc::new(Schema::new(fields)),
                hex_columns: hex,
                summaries,
            }
        });
        dataset.contracts.insert(config.id.clone(), Arc::new(contract));
    }
    (datasets.into_iter().map(|(id, dataset)| (id, Arc::new(dataset))).collect(), problems)
}

type Flaw = (usize, &'static str, String, Option<String>);

fn compile(
    config: &ContractConfig,
    summaries: &[SummaryConfig],
    lookups: &BTreeMap<String, Arc<Lookup>>,
) -> Result<Contract, Vec<Flaw>> {
    let mut fields: Vec<String> = Vec::new();
    let mut field = |name: &str| {
        fields.iter().position(|known| known == name).unwrap_or_else(|| {
            fields.push(name.to_owned());
            fields.len() - 1
        })
    };
    let month_field = if config.month.from.is_empty() { usize::MAX } else { field(&config.month.from) };
    let mut columns: Vec<Column> = Vec::new();
    let mut flaws = Vec::new();
    let mut digest = Sha256::new();
    digest.update(super::VERSION);
    digest.update(serde_json::to_vec(&(config, summaries)).unwrap_or_default());
    for (number, column) in config.column.iter().enumerate() {
        let position = |name: &Option<String>| {
            let name = name.as_deref()?;
            columns.iter().position(|known| known.name == name)
        };
        let lookup = column.lookup.as_ref().and_then(|id| lookups.get(id)).map(|lookup| {
            digest.update(&lookup.digest);
            (Arc::clone(lookup), Arc::new(lookup.keys()))
        });
        let origin = if let Some(from) = &column.from {
            Origin::Field(field(from))
        } else if let Some(name) = &column.from_path {
            Origin::Path(name.clone())
        } else {
            let by = position(&column.by).unwrap_or_default();
            let wanted = column.from_lookup.as_deref().unwrap_or_default();
            let Some((found, _)) = columns.get(by).and_then(|c| c.lookup.as_ref()) else { continue };
            let Some(text) = found.text(wanted) else {
                let schema = found.batch.schema();
                let known = schema.fields().iter().map(|f| f.name().as_str());
                let help = crate::diagnose::suggestion(wanted, known);
                flaws.push((
                    number,
                    "from-lookup",
                    format!("look-up `{}` has no column `{wanted}`", found.id),
                    help,
                ));
                continue;
            };
            let (codes, values) = coded(&text);
            Origin::Lookup { by, codes, values }
        };
        columns.push(Column {
            name: column.name.clone(),
            kind: column.kind,
            required: column.required,
            codes: (!column.codes.is_empty()).then(|| column.codes.iter().cloned().collect()),
            range: column.range,
            empty_with: position(&column.empty_with),
            rule: column.rule.clone().unwrap_or_else(|| {
                let word = if lookup.is_some() { "unknown" } else { "bad" };
                format!("{word}_{}", column.name)
            }),
            header: column.from.clone().unwrap_or_default(),
            lookup,
            origin,
        });
    }
    if !flaws.is_empty() {
        return Err(flaws);
    }
    let key = config.key.iter().filter_map(|name| columns.iter().position(|c| c.name == *name)).collect();
    Ok(Contract {
        config: config.clone(),
        columns,
        fields,
        month_field,
        key,
        repeats: config.repeats,
        digest: hex::encode(digest.finalize()),
    })
}

/// A text column as numbers of its distinct values; absent values are `u32::MAX`.
fn coded(text: &StringArray) -> (Arc<[u32]>, Arc<StringArray>) {
    let mut values: Vec<&str> = Vec::new();
    let mut known: HashMap<&str, u32> = HashMap::new();
    let codes: Vec<u32> = text
        .iter()
        .map(|value| {
            value.map_or(u32::MAX, |value| {
                *known.entry(value).or_insert_with(|| {
                    values.push(value);
                    u32::try_from(values.len() - 1).unwrap_or(u32::MAX)
                })
            })
        })
        .collect();
    (codes.into(), Arc::new(StringArray::from(values)))
}
