//! A contract made ready for reading: which field goes to which column, and what it must be.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::StringArray;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use sha2::{Digest, Sha256};

use super::person::PersonKey;
use super::rules::{Misfit, Rules};
use super::special::{Special, has_status};
use crate::config::settings::{
    ColumnConfig, ColumnType, ContractConfig, DatasetConfig, HeaderEntry, Repeats, SummaryConfig,
};
use crate::config::{Project, span_of};
use crate::diagnose::{Problem, Source};
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
    /// What the field of the column before says beside its value.
    Status,
    /// An expression over the row, see [`Rules`].
    Derived,
    /// Nowhere: a dropped column that no expression reads.
    Unread,
}

/// One column of the dataset and its rule.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property of its own")]
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
    /// Type in which it is stored.
    pub(super) stored: DataType,
    /// Rules beyond the plain ones; `None` for most columns, which then cost nothing more.
    pub(super) special: Option<Box<Special>>,
    /// Its value is shown to nobody.
    pub(super) masked: bool,
    /// It is not in the dataset.
    pub(super) hidden: bool,
    /// Another contract of the dataset takes other codes, so that one that was met before need not be a code here.
    pub(super) recheck: bool,
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
    /// The header as it was agreed.
    pub(super) header: Vec<HeaderEntry>,
    /// Derived columns and checks.
    pub(super) rules: Option<Rules>,
    /// SHA-256 over everything that decides what becomes of a row.
    pub digest: String,
}

impl Contract {
    /// The same contract without the codes, ranges, patterns and lengths of columns that stand under these rules: a waiver
    /// lets their values in as they are.
    pub(super) fn without(&self, rules: &BTreeSet<&str>) -> Self {
        let mut lenient = self.clone();
        for column in lenient.columns.iter_mut().filter(|column| rules.contains(column.rule.as_str())) {
            (column.codes, column.range) = (None, None);
            column.special = column.special.as_deref().map(|special| Box::new(special.lenient()));
        }
        lenient
    }

    /// Names of the columns that stand under these rules.
    pub(super) fn under<'a>(&'a self, rules: &BTreeSet<&str>) -> impl Iterator<Item = &'a str> {
        let under = |column: &&Column| rules.contains(column.rule.as_str());
        self.columns.iter().filter(under).map(|column| column.name.as_str()).collect::<Vec<_>>().into_iter()
    }

    /// The same contract, in which a code of these columns that was met before need not be one.
    pub(super) fn rechecking(&self, names: &BTreeSet<String>) -> Self {
        let mut watchful = self.clone();
        for column in watchful.columns.iter_mut().filter(|column| names.contains(&column.name)) {
            column.recheck = true;
        }
        watchful
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
    if column.person {
        return DataType::Binary;
    }
    match column.kind {
        ColumnType::Text | ColumnType::Category => DataType::Utf8,
        ColumnType::Hex => DataType::Binary,
        ColumnType::Integer | ColumnType::Duration => DataType::Int64,
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
/// Without `key`, pseudonyms cannot be made, which is enough for those who only read. The second value holds every column
/// that a look-up does not have and every expression that cannot be planned, each with its place.
#[must_use]
pub fn datasets(
    project: &Project,
    lookups: &BTreeMap<String, Arc<Lookup>>,
    key: Option<&PersonKey>,
) -> (BTreeMap<String, Arc<Dataset>>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut datasets: BTreeMap<String, Dataset> = BTreeMap::new();
    for loaded in project.contracts.values() {
        let config = &loaded.config;
        let told: Option<&DatasetConfig> =
            project.datasets.get(&config.dataset).map(|dataset| &dataset.config);
        let summaries = told.map(|dataset| dataset.summary.clone()).unwrap_or_default();
        let contract = match compile(config, &summaries, lookups, key) {
            Ok(contract) => contract,
            Err(found) => {
                problems.extend(found.into_iter().map(|flaw| flaw.in_file(&loaded.source)));
                continue;
            }
        };
        let dataset = datasets.entry(config.dataset.clone()).or_insert_with(|| Dataset {
            id: config.dataset.clone(),
            title: told.map(|dataset| dataset.title.clone()).unwrap_or_default(),
            contracts: BTreeMap::new(),
            schema: Arc::new(Schema::empty()),
            hex_columns: Vec::new(),
            summaries,
        });
        dataset.contracts.insert(config.id.clone(), Arc::new(contract));
    }
    for dataset in datasets.values_mut() {
        let columns = all_columns(dataset.contracts.values());
        let fields = columns.iter().map(|column| Field::new(&column.name, column.stored.clone(), true));
        dataset.schema = Arc::new(Schema::new(fields.chain(own_columns()).collect::<Vec<Field>>()));
        let hex = columns.iter().filter(|column| column.stored == DataType::Binary);
        dataset.hex_columns = hex.map(|column| column.name.clone()).collect();
        recheck_codes(dataset);
    }
    (datasets.into_iter().map(|(id, dataset)| (id, Arc::new(dataset))).collect(), problems)
}

/// Columns of the dataset that these contracts fill: those of the first contract in its order, then those that each
/// further one adds. A row of a contract that lacks a column has nothing there.
pub(super) fn all_columns<'a>(contracts: impl Iterator<Item = &'a Arc<Contract>>) -> Vec<&'a Column> {
    let mut known: HashSet<&str> = HashSet::new();
    let kept = contracts.flat_map(|contract| contract.columns.iter().filter(|column| !column.hidden));
    kept.filter(|column| known.insert(&column.name)).collect()
}

/// Marks the columns for which the contracts of a dataset take different codes.
fn recheck_codes(dataset: &mut Dataset) {
    let codes = |contract: &Contract, name: &str| {
        contract.columns.iter().find(|column| column.name == name).and_then(|column| {
            let mut codes: Vec<String> = column.codes.as_ref()?.iter().cloned().collect();
            codes.sort_unstable();
            // Rules of its own may let in what is not among them.
            Some((codes, column.special.is_some()))
        })
    };
    let mut differing: HashSet<String> = HashSet::new();
    for contract in dataset.contracts.values() {
        for column in &contract.columns {
            let own = codes(contract, &column.name);
            if dataset.contracts.values().any(|other| codes(other, &column.name) != own) {
                differing.insert(column.name.clone());
            }
        }
    }
    if differing.is_empty() {
        return;
    }
    for contract in dataset.contracts.values_mut() {
        for column in &mut Arc::make_mut(contract).columns {
            column.recheck = differing.contains(&column.name);
        }
    }
}

/// Something wrong with a contract that its file alone does not tell.
struct Flaw {
    keys: Vec<String>,
    /// The part of an expression that is wrong.
    within: Option<std::ops::Range<usize>>,
    message: String,
    help: Option<String>,
}

impl From<Misfit> for Flaw {
    fn from(misfit: Misfit) -> Self {
        Self { keys: misfit.keys.to_vec(), within: misfit.within, message: misfit.message, help: misfit.help }
    }
}

impl Flaw {
    /// The problem at its place in the contract's file.
    fn in_file(self, source: &Source) -> Problem {
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        let mut span = span_of(source, &keys);
        // The text between the quotes is the expression itself, unless something in it is written with a backslash.
        let text = source.text.get(span.clone()).unwrap_or_default();
        let quote = match text {
            _ if text.starts_with("\"\"\"\n") || text.starts_with("'''\n") => 4,
            _ if text.starts_with("\"\"\"") || text.starts_with("'''") => 3,
            _ => 1,
        };
        if let Some(within) = self.within
            && (text.starts_with('\'') || !text.contains('\\'))
            && span.start + quote + within.end <= span.end
        {
            span = span.start + quote + within.start..span.start + quote + within.end;
        }
        let mut problem = Problem::new(source, span, self.message);
        problem.help = self.help;
        problem
    }
}

/// Whether a column is not kept: it is dropped, or free text for which nothing says why it should be.
pub(crate) fn is_hidden(column: &ColumnConfig) -> bool {
    column.drop || (column.free_text && column.keep_free_text.is_none())
}

/// Whether the values of a column are shown to nobody.
pub(crate) fn is_masked(column: &ColumnConfig) -> bool {
    column.person || column.drop || column.free_text
}

fn compile(
    config: &ContractConfig,
    summaries: &[SummaryConfig],
    lookups: &BTreeMap<String, Arc<Lookup>>,
    key: Option<&PersonKey>,
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
    if let Some(key) = key
        && config.column.iter().any(|column| column.person)
    {
        // Not the key itself: a new key makes other pseudonyms, so the months are made anew.
        digest.update(key.id());
    }
    for (number, column) in config.column.iter().enumerate() {
        let position = |name: &Option<String>| {
            let name = name.as_deref()?;
            columns.iter().position(|known| known.name == name)
        };
        let lookup = column.lookup.as_ref().and_then(|id| lookups.get(id)).map(|lookup| {
            digest.update(&lookup.digest);
            (Arc::clone(lookup), Arc::new(lookup.keys()))
        });
        let codes_from = column.codes_from.as_ref().and_then(|id| lookups.get(id));
        if let Some(lookup) = codes_from {
            digest.update(&lookup.digest);
        }
        let origin = if let Some(from) = &column.from {
            Origin::Field(field(from))
        } else if let Some(name) = &column.from_path {
            Origin::Path(name.clone())
        } else if column.derive.is_some() {
            Origin::Derived
        } else {
            let by = position(&column.by).unwrap_or_default();
            let wanted = column.from_lookup.as_deref().unwrap_or_default();
            let Some((found, _)) = columns.get(by).and_then(|c| c.lookup.as_ref()) else { continue };
            let Some(text) = found.text(wanted) else {
                let schema = found.batch.schema();
                let known = schema.fields().iter().map(|f| f.name().as_str());
                flaws.push(Flaw {
                    keys: ["column", &number.to_string(), "from-lookup"].map(str::to_owned).to_vec(),
                    within: None,
                    message: format!("look-up `{}` has no column `{wanted}`", found.id),
                    help: crate::diagnose::suggestion(wanted, known),
                });
                continue;
            };
            let (codes, values) = coded(&text);
            Origin::Lookup { by, codes, values }
        };
        columns.push(Column {
            lookup,
            empty_with: position(&column.empty_with),
            special: Special::new(config, column, codes_from, key),
            ..plain(column, origin, codes_from)
        });
        if has_status(config, column) {
            columns.push(status_of(column));
        }
    }
    if !flaws.is_empty() {
        return Err(flaws);
    }
    let rules = match Rules::plan(config, &columns) {
        Ok(rules) => rules,
        Err(misfits) => return Err(misfits.into_iter().map(Flaw::from).collect()),
    };
    leave_unread(&mut columns, rules.as_ref());
    let key = config.key.iter().filter_map(|name| columns.iter().position(|c| c.name == *name)).collect();
    Ok(Contract {
        header: config.header_entries(),
        config: config.clone(),
        columns,
        fields,
        month_field,
        key,
        repeats: config.repeats,
        rules,
        digest: hex::encode(digest.finalize()),
    })
}

/// A column as its settings alone have it.
fn plain(column: &ColumnConfig, origin: Origin, codes_from: Option<&Arc<Lookup>>) -> Column {
    let looked = codes_from.map(|lookup| lookup.keys());
    let looked = looked.iter().flat_map(|keys| keys.iter().flatten().map(str::to_owned));
    let codes: HashSet<String> = column.codes.iter().cloned().chain(looked).collect();
    Column {
        name: column.name.clone(),
        kind: if column.person { ColumnType::Hex } else { column.kind },
        required: column.required,
        codes: (!column.codes.is_empty() || column.codes_from.is_some()).then_some(codes),
        range: column.range,
        empty_with: None,
        rule: crate::waiver::rule_name(column),
        header: column.from.clone().unwrap_or_default(),
        lookup: None,
        origin,
        stored: stored(column),
        special: None,
        masked: is_masked(column),
        hidden: is_hidden(column),
        recheck: false,
    }
}

/// Dropped columns are not even judged, unless an expression, a look-up or another column needs them.
fn leave_unread(columns: &mut [Column], rules: Option<&Rules>) {
    let mut needed: HashSet<usize> = rules.iter().flat_map(|rules| rules.reads.iter().copied()).collect();
    for column in &*columns {
        needed.extend(column.empty_with);
        if let Origin::Lookup { by, .. } = &column.origin {
            needed.insert(*by);
        }
    }
    for (place, column) in columns.iter_mut().enumerate() {
        if column.hidden && !needed.contains(&place) {
            column.origin = Origin::Unread;
        }
    }
}

/// The column beside another one that says whether that has a value, and why not.
fn status_of(column: &ColumnConfig) -> Column {
    let kind = ColumnType::Category;
    let about = ColumnConfig { name: format!("{}_status", column.name), kind, ..ColumnConfig::default() };
    Column { hidden: is_hidden(column), ..plain(&about, Origin::Status, None) }
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
