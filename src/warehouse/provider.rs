//! A table of the query engine over the Parquet files of one snapshot.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use url::Url;

use super::MONTH;
use crate::period::Month;

/// The files of one snapshot as a table; the month is its last column.
#[derive(Debug, Clone)]
pub struct MonthTable {
    address: Url,
    file_schema: SchemaRef,
    schema: SchemaRef,
    files: Vec<(Month, object_store::path::Path, u64, u64)>,
}

/// Columns as SQL sees them: those of the files, text as views, and the month last.
#[must_use]
pub fn readable_schema(schema: &Schema) -> SchemaRef {
    let mut fields = readable(schema);
    fields.push(Field::new(MONTH, DataType::Utf8View, false));
    Arc::new(Schema::new(fields))
}

fn readable(schema: &Schema) -> Vec<Field> {
    schema
        .fields()
        .iter()
        .map(|field| {
            let kind = match field.data_type() {
                DataType::Utf8 => DataType::Utf8View,
                DataType::Binary => DataType::BinaryView,
                other => other.clone(),
            };
            Field::new(field.name(), kind, true)
        })
        .collect()
}

impl MonthTable {
    pub(super) fn new(
        address: Url,
        schema: &Schema,
        files: Vec<(Month, object_store::path::Path, u64, u64)>,
    ) -> Self {
        let file_schema = Arc::new(Schema::new(readable(schema)));
        Self { address, file_schema, schema: readable_schema(schema), files }
    }
}

#[async_trait]
impl TableProvider for MonthTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let month: FieldRef = Arc::new(Field::new(MONTH, DataType::Utf8View, false));
        let table_schema = TableSchema::builder(Arc::clone(&self.file_schema))
            .with_table_partition_cols(vec![month])
            .build();
        let mut source = ParquetSource::new(table_schema);
        if let Some(predicate) = datafusion::logical_expr::utils::conjunction(filters.to_vec()) {
            let schema = datafusion::common::DFSchema::try_from(Arc::clone(&self.schema))?;
            source = source.with_predicate(state.create_physical_expr(predicate, &schema)?);
        }
        let partitions = state.config().target_partitions().max(1);
        let mut groups: Vec<Vec<PartitionedFile>> = vec![Vec::new(); partitions.min(self.files.len()).max(1)];
        let count = groups.len();
        let mut total = 0;
        for (number, (month, path, size, rows)) in self.files.iter().enumerate() {
            let file = PartitionedFile::new(path.to_string(), *size)
                .with_partition_values(vec![ScalarValue::Utf8View(Some(month.to_string()))]);
            if let Some(group) = groups.get_mut(number % count) {
                group.push(file);
            }
            total += usize::try_from(*rows).unwrap_or_default();
        }
        let statistics = Statistics {
            num_rows: Precision::Inexact(total),
            total_byte_size: Precision::Absent,
            column_statistics: vec![ColumnStatistics::new_unknown(); self.schema.fields().len()],
        };
        let config =
            FileScanConfigBuilder::new(ObjectStoreUrl::parse(self.address.as_str())?, Arc::new(source))
                .with_file_groups(groups.into_iter().map(FileGroup::new).collect())
                .with_statistics(statistics)
                .with_projection_indices(projection.cloned())?
                .with_limit(limit)
                .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
