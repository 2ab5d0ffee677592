//! What is said of datasets beyond their contracts, and the reference tables.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `pipelines/*/datasets/<dataset>.toml`: what is said of a dataset beyond its contracts. Optional.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DatasetConfig {
    /// Short name, the same as the file's, and the name of the table in SQL.
    pub id: String,
    /// What it holds, in words.
    pub title: String,
    /// Counts kept by month while rows are read, as tables of their own, so that measures need not read every row.
    #[serde(default)]
    pub summary: Vec<SummaryConfig>,
}

/// `[[summary]]` of a dataset.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SummaryConfig {
    /// Name of the table in SQL: one row per month and combination of `by`, with the number of rows in `n`.
    pub id: String,
    /// Columns of the dataset, of type category or from a path or look-up; also `feed` and `source_file`.
    pub by: Vec<String>,
}

/// `pipelines/*/lookups/<lookup>.toml`: a reference table.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LookupConfig {
    /// Short name, the same as the file's, and the name of the table in SQL.
    pub id: String,
    /// What it holds, in words.
    pub title: String,
    /// Who published it, and when.
    pub publisher: String,
    /// Column, or columns, of which each row has another value.
    pub key: Vec<String>,
    /// CSV files (path relative to this file), each under the name of a table.
    pub file: BTreeMap<String, String>,
    /// SELECT over these tables (every column text). Absent: the only file, as it is.
    pub sql: Option<String>,
    /// Columns that are numbers; all others are text.
    #[serde(default)]
    pub numbers: Vec<String>,
}
