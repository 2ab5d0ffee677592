//! The query engine with a project's tables: datasets, summaries, look-ups, `feed_delivery` and the shared views.

mod functions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{SchemaError, TableReference};
use datafusion::datasource::{MemTable, TableProvider, ViewTable};
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::functions::expr_fn::encode;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, col, lit};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};

use crate::config::Project;
use crate::diagnose::{Problem, Source, suggestion};
use crate::lineage::{self, SourceColumn};
use crate::lookup::Lookup;
use crate::normalise::contract::{Dataset, quarantine_schema, summary_schema};
use crate::processors;
use crate::warehouse::{Snapshot, Warehouse, readable_schema};

/// Where a table of the engine comes from, so that a measure can be traced to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A dataset, one of its summaries, or its quarantine.
    Dataset {
        /// The dataset.
        dataset: String,
    },
    /// A look-up.
    Lookup,
    /// `sql/shared/*.sql`.
    View,
    /// The deliveries of every feed.
    FeedDelivery,
    /// A table of a release.
    Released,
}

/// The columns and rows that a SELECT yields.
pub type Selected = Result<(SchemaRef, Vec<RecordBatch>), DataFusionError>;

/// A session in which SQL can be planned, and run once the warehouse is opened.
pub struct Engine {
    context: SessionContext,
    /// Every table by name.
    tables: BTreeMap<String, Origin>,
    /// The tables that each view reads, other views' included.
    view_reads: BTreeMap<String, BTreeSet<String>>,
    /// Columns that hold something about a person, by table.
    person_columns: BTreeMap<String, BTreeSet<String>>,
    /// Whether some file could not be read, so that a table may be missing through no fault of the SQL.
    incomplete: bool,
    /// How many processors one of several statements may take; all, where nothing is said.
    share: Option<usize>,
}

/// Name of a dataset's quarantine.
#[must_use]
pub fn quarantine_table(dataset: &str) -> String {
    format!("{dataset}_quarantine")
}

impl Engine {
    /// A session without any table, for those of a release.
    #[must_use]
    pub fn of_files() -> Self {
        let mut config = SessionConfig::new().with_information_schema(false);
        config.options_mut().sql_parser.collect_spans = true;
        config.options_mut().execution.parquet.schema_force_view_types = true;
        let context = SessionContext::new_with_config(config);
        functions::register(&context);
        Self {
            context,
            tables: BTreeMap::new(),
            view_reads: BTreeMap::new(),
            person_columns: BTreeMap::new(),
            incomplete: false,
            share: None,
        }
    }

    /// A session with the tables of a project. Without a warehouse they are empty, which is enough to plan.
    ///
    /// # Errors
    /// Every shared view that cannot be planned, with its place; the session then lacks it.
    pub async fn new(
        project: &Project,
        datasets: &BTreeMap<String, Arc<Dataset>>,
        lookups: &BTreeMap<String, Arc<Lookup>>,
        stored: Option<(&Warehouse, &BTreeMap<String, Snapshot>)>,
        deliveries: Option<RecordBatch>,
        incomplete: bool,
    ) -> Result<(Self, Vec<Problem>), DataFusionError> {
        let mut engine = Self { incomplete, ..Self::of_files() };
        if let Some((warehouse, _)) = stored {
            engine.context.register_object_store(&warehouse.store_address(), warehouse.object_store());
        }
        for dataset in datasets.values() {
            let origin = Origin::Dataset { dataset: dataset.id.clone() };
            engine.add_stored(&dataset.id, &dataset.schema, &dataset.hex_columns, &origin, stored)?;
            let contracts = project.contracts.values().map(|contract| &contract.config);
            let personal: BTreeSet<String> = contracts
                .filter(|contract| contract.dataset == dataset.id)
                .flat_map(crate::agreement::person_columns)
                .map(str::to_owned)
                .collect();
            let quarantine = quarantine_table(&dataset.id);
            engine.add_stored(&quarantine, &quarantine_schema(), &[], &origin, stored)?;
            for summary in &dataset.summaries {
                engine.add_stored(&summary.id, &summary_schema(summary), &[], &origin, stored)?;
                let own: BTreeSet<String> =
                    summary.by.iter().filter(|name| personal.contains(*name)).cloned().collect();
                engine.person_columns.insert(summary.id.clone(), own);
            }
            engine.person_columns.insert(dataset.id.clone(), personal);
        }
        for (name, lookup) in lookups {
            engine.add_batch(name, &lookup.batch, Origin::Lookup)?;
        }
        let deliveries = deliveries
            .unwrap_or_else(|| RecordBatch::new_empty(crate::release::tables::feed_delivery_schema()));
        engine.add_batch("feed_delivery", &deliveries, Origin::FeedDelivery)?;
        let problems = engine.add_views(project).await;
        Ok((engine, problems))
    }

    fn add_stored(
        &mut self,
        name: &str,
        schema: &SchemaRef,
        hex: &[String],
        origin: &Origin,
        stored: Option<(&Warehouse, &BTreeMap<String, Snapshot>)>,
    ) -> Result<(), DataFusionError> {
        let provider: Arc<dyn TableProvider> = match stored {
            Some((warehouse, snapshots)) => match snapshots.get(name) {
                Some(snapshot) => Arc::new(warehouse.table(snapshot, schema)),
                None => empty(&readable_schema(schema))?,
            },
            None => empty(&readable_schema(schema))?,
        };
        let provider = if hex.is_empty() { provider } else { hex_as_text(name, provider, hex)? };
        self.context.register_table(TableReference::bare(name), provider)?;
        self.tables.insert(name.to_owned(), origin.clone());
        Ok(())
    }

    /// Adds a table in memory. Its text becomes views, as that of datasets is: short ones are compared as numbers, and
    /// nothing is cast where tables are joined.
    ///
    /// # Errors
    /// A name that is taken.
    pub fn add_batch(
        &mut self,
        name: &str,
        batch: &RecordBatch,
        origin: Origin,
    ) -> Result<(), DataFusionError> {
        let batch = with_views(batch)?;
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        self.context.register_table(TableReference::bare(name), Arc::new(table))?;
        self.tables.insert(name.to_owned(), origin);
        Ok(())
    }

    /// Adds a table in memory in the place of one of the same name.
    ///
    /// # Errors
    /// Rows that do not fit their columns.
    pub fn replace(
        &mut self,
        name: &str,
        batch: &RecordBatch,
        origin: Origin,
    ) -> Result<(), DataFusionError> {
        self.context.deregister_table(TableReference::bare(name))?;
        self.add_batch(name, batch, origin)
    }

    /// Plans the shared views in whatever order they need each other.
    async fn add_views(&mut self, project: &Project) -> Vec<Problem> {
        let mut waiting: Vec<_> = project.views.iter().collect();
        loop {
            let mut problems = Vec::new();
            let mut left = Vec::new();
            let before = waiting.len();
            for (name, view) in waiting {
                match self.plan(&view.source, view.sql()).await {
                    Ok(plan) => {
                        let reads = self.reads(&plan);
                        let table = ViewTable::new(plan, Some(view.sql().to_owned()));
                        if self
                            .context
                            .register_table(TableReference::bare(name.as_str()), Arc::new(table))
                            .is_ok()
                        {
                            self.tables.insert(name.clone(), Origin::View);
                            self.view_reads.insert(name.clone(), reads);
                        }
                    }
                    Err(problem) => {
                        problems.extend(problem.map(|boxed| *boxed));
                        left.push((name, view));
                    }
                }
            }
            if left.is_empty() || left.len() == before {
                self.incomplete |= !left.is_empty();
                return problems;
            }
            waiting = left;
        }
    }

    /// Plans one SELECT; the problem, when there is one, points into its file. `None`: the SQL may be right, but a file
    /// that defines one of its tables could not be read.
    ///
    /// # Errors
    /// Syntax, unknown tables and columns, and statements that are not a SELECT.
    pub async fn plan(&self, source: &Source, sql: &str) -> Result<LogicalPlan, Option<Box<Problem>>> {
        let planned = match self.context.state().create_logical_plan(sql).await {
            Ok(plan) => read_only(&plan).map(|()| plan),
            Err(error) => Err(error),
        };
        planned.map_err(|error| {
            let problem = self.problem(source, &error);
            let unknown_table = problem.message.contains("table") && problem.message.contains("not found");
            (!(self.incomplete && unknown_table)).then(|| Box::new(problem))
        })
    }

    /// What is wrong with a statement, at its place in its file.
    #[must_use]
    pub fn problem(&self, source: &Source, error: &DataFusionError) -> Problem {
        let diagnostic = error.diagnostic();
        let message = plain_message(error);
        let span = diagnostic
            .and_then(|found| found.span)
            .map(|span| {
                let at = |line: u64, column: u64| {
                    source.offset(usize::try_from(line).unwrap_or(1), usize::try_from(column).unwrap_or(1))
                };
                at(span.start.line, span.start.column)..at(span.end.line, span.end.column)
            })
            .or_else(|| place_in_message(source, &message))
            .unwrap_or_else(|| statement_span(&source.text));
        let mut problem = Problem::new(source, span, message);
        if let DataFusionError::SchemaError(found, _) = error.find_root()
            && let SchemaError::FieldNotFound { field, valid_fields } = found.as_ref()
        {
            let known: BTreeSet<&str> = valid_fields.iter().map(|column| column.name.as_str()).collect();
            problem.message = format!("there is no column `{}` here", field.name);
            problem.help = suggestion(&field.name, known);
        } else if let Some(name) = missing_table(&problem.message) {
            problem.help = suggestion(&name, self.tables.keys().map(String::as_str));
            problem.message = format!("table `{name}` not found");
        }
        problem
    }

    /// The tables that a plan reads, views and what they read included.
    #[must_use]
    pub fn reads(&self, plan: &LogicalPlan) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        // The visitor cannot fail, and a table's name is all that is taken from it.
        let _ = plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                names.insert(scan.table_name.table().to_owned());
            }
            if let LogicalPlan::SubqueryAlias(alias) = node {
                names.insert(alias.alias.table().to_owned());
            }
            Ok(TreeNodeRecursion::Continue)
        });
        names.retain(|name| self.tables.contains_key(name));
        let through: Vec<String> =
            names.iter().filter_map(|name| self.view_reads.get(name)).flatten().cloned().collect();
        names.extend(through);
        names
    }

    /// The first column about a person whose values a column of a plan can show, by column of the plan; only those of
    /// which there is one.
    #[must_use]
    pub fn personal(&self, plan: &LogicalPlan) -> Vec<(usize, SourceColumn)> {
        let is_personal = |source: &&SourceColumn| match self.person_columns.get(&source.table) {
            Some(columns) => columns.contains(&source.column),
            // A column of which only the name is known.
            None if !self.tables.contains_key(&source.table) => {
                self.person_columns.values().any(|columns| columns.contains(&source.column))
            }
            None => false,
        };
        let columns = lineage::columns(plan).into_iter().enumerate();
        columns.filter_map(|(at, sources)| Some((at, sources.iter().find(is_personal)?.clone()))).collect()
    }

    /// Where a table comes from.
    #[must_use]
    pub fn origin(&self, table: &str) -> Option<&Origin> {
        self.tables.get(table)
    }

    /// Names of every table.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// Computes shared views once that several measures or tables read, so that each need not do it again. Views that do
    /// not wait for each other are computed at the same time.
    ///
    /// # Errors
    /// What the views themselves report.
    pub async fn keep_views(&mut self, wanted: &BTreeMap<String, usize>) -> Result<(), DataFusionError> {
        let mut waiting: BTreeSet<String> = self
            .view_reads
            .keys()
            .filter(|name| wanted.get(*name).is_some_and(|n| *n > 1))
            .cloned()
            .collect();
        while !waiting.is_empty() {
            let reads_waiting = |name: &String| {
                self.view_reads.get(name).is_some_and(|reads| reads.iter().any(|read| waiting.contains(read)))
            };
            let ready: Vec<String> = waiting.iter().filter(|name| !reads_waiting(name)).cloned().collect();
            if ready.is_empty() {
                // Views that read each other in a circle cannot be planned, so there is none.
                return Ok(());
            }
            let mut computing = Vec::new();
            for name in &ready {
                let frame = self.context.table(name.as_str()).await?;
                computing.push((name, spawned(collected(frame))));
            }
            for (name, rows) in computing {
                let (schema, batches) = rows.await?;
                self.context.deregister_table(name.as_str())?;
                self.context
                    .register_table(name.as_str(), Arc::new(MemTable::try_new(schema, vec![batches])?))?;
            }
            waiting.retain(|name| !ready.contains(name));
        }
        Ok(())
    }

    /// Has [`Engine::run_in_order`] reckon with so many statements at once: each gets its share of the processors, as rows
    /// that are dealt out to more of them than are there cost more than they gain.
    pub fn share_among(&mut self, statements: usize) {
        self.share = Some((processors::available() / statements.max(1)).max(1));
    }

    /// Runs one SELECT.
    ///
    /// # Errors
    /// What planning or running reports.
    pub async fn run(&self, sql: &str) -> Result<(SchemaRef, Vec<RecordBatch>), DataFusionError> {
        let plan = self.context.state().create_logical_plan(sql).await?;
        read_only(&plan)?;
        let frame = DataFrame::new(self.context.state(), plan);
        collected(frame).await
    }

    /// As [`Engine::run`], with rows that compare equal in an order that is always the same: by their other columns.
    ///
    /// The statement is planned and run as a task of its own, so that several at a time use several processors; what
    /// is returned only waits for it, and ends it when dropped.
    ///
    /// # Errors
    /// What planning or running reports.
    pub fn run_in_order(&self, sql: &str) -> impl Future<Output = Selected> + Send + 'static {
        let (mut state, sql) = (self.context.state(), sql.to_owned());
        if let Some(share) = self.share {
            state.config_mut().options_mut().execution.target_partitions = share;
        }
        spawned(async move {
            let plan = state.create_logical_plan(&sql).await?;
            read_only(&plan)?;
            let every = plan.schema().columns().into_iter().map(|column| col(column).sort(true, true));
            let ordered = match &plan {
                LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
                    let by = sort.expr.iter().cloned().chain(every);
                    LogicalPlanBuilder::from(sort.input.as_ref().clone()).sort(by)?.build()?
                }
                // The order of what a LIMIT kept is the statement's own.
                LogicalPlan::Limit(_) => plan,
                _ => LogicalPlanBuilder::from(plan.clone()).sort(every)?.build()?,
            };
            collected(DataFrame::new(state, ordered)).await
        })
    }
}

/// Work on the runtime's other threads; it ends when nobody waits for it any more.
fn spawned(
    work: impl Future<Output = Selected> + Send + 'static,
) -> impl Future<Output = Selected> + Send + 'static {
    let task = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(work));
    async { task.await.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))? }
}

/// The rows of a SELECT with the columns that they really have: planning may widen a column's type, as in a `UNION` of
/// text with a `CAST` to text, and then the statement's own columns are no longer those of its rows.
pub(crate) async fn collected(frame: DataFrame) -> Result<(SchemaRef, Vec<RecordBatch>), DataFusionError> {
    let planned: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await?;
    Ok((batches.first().map_or(planned, RecordBatch::schema), batches))
}

/// Only a statement that reads is run: nothing in a project's SQL may write a file or change a table.
fn read_only(plan: &LogicalPlan) -> Result<(), DataFusionError> {
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(plan)
}

fn empty(schema: &SchemaRef) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    Ok(Arc::new(MemTable::try_new(Arc::clone(schema), vec![vec![]])?))
}

/// The same rows, with views in the place of texts.
fn with_views(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let viewed = batch.schema_ref().fields().iter().zip(batch.columns()).map(|(field, column)| {
        Ok(match field.data_type() {
            DataType::Utf8 => {
                let field = field.as_ref().clone().with_data_type(DataType::Utf8View);
                (Arc::new(field), cast(column, &DataType::Utf8View)?)
            }
            _ => (Arc::clone(field), Arc::clone(column)),
        })
    });
    let (fields, columns): (Vec<_>, Vec<_>) =
        viewed.collect::<Result<Vec<_>, ArrowError>>()?.into_iter().unzip();
    let schema = Schema::new_with_metadata(fields, batch.schema_ref().metadata().clone());
    RecordBatch::try_new(Arc::new(schema), columns)
}

/// Shows columns of bytes as hexadecimal digits.
fn hex_as_text(
    name: &str,
    table: Arc<dyn TableProvider>,
    columns: &[String],
) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let schema: Arc<Schema> = table.schema();
    let source = datafusion::datasource::provider_as_source(table);
    let expressions = schema.fields().iter().map(|field| {
        let name = field.name();
        let column = datafusion::common::Column::from_name(name);
        if columns.contains(name) { encode(col(column), lit("hex")).alias(name) } else { col(column) }
    });
    let plan =
        LogicalPlanBuilder::scan(TableReference::bare(name), source, None)?.project(expressions)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// An engine's message without its wrapping.
#[must_use]
pub fn plain_message(error: &DataFusionError) -> String {
    let text = match error.find_root() {
        DataFusionError::Diagnostic(_, inner) => inner.strip_backtrace(),
        other => other.strip_backtrace(),
    };
    let mut text = text.lines().next().unwrap_or_default().trim();
    for prefix in [
        "Error during planning: ",
        "Schema error: ",
        "SQL error: ",
        "This feature is not implemented: ",
        "Arrow error: ",
    ] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    if let Some(inner) = text.strip_prefix("ParserError(\"").and_then(|rest| rest.strip_suffix("\")")) {
        return inner.replace("\\\"", "\"");
    }
    text.trim_end_matches('.').to_owned()
}

/// The word with which the statement begins, such as SELECT or WITH, behind front matter and comments.
pub(crate) fn statement_span(text: &str) -> std::ops::Range<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start().len();
        at += blank;
        let rest = rest.trim_start();
        if rest.starts_with("--") {
            at += rest.find('\n').map_or(rest.len(), |end| end + 1);
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else {
            let word = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            return at..at + word;
        }
    }
}

/// What went wrong while a statement ran, without the values of rows that an engine quotes: it is logged and published.
#[must_use]
pub fn fault_without_values(error: &DataFusionError) -> String {
    if let DataFusionError::ArrowError(inner, _) = error.find_root() {
        let fault = match inner.as_ref() {
            ArrowError::CastError(_) => Some("a value cannot be cast to the type that the SQL names"),
            ArrowError::ParseError(_) => Some("a text cannot be read as what the SQL takes it for"),
            ArrowError::ArithmeticOverflow(_) => Some("a number is too large for its type"),
            ArrowError::ComputeError(_) | ArrowError::InvalidArgumentError(_) => {
                Some("a value does not suit a function of the SQL")
            }
            _ => None,
        };
        if let Some(fault) = fault {
            return fault.to_owned();
        }
    }
    let text = plain_message(error);
    // What stands in quotes may come out of a row.
    match text.find(['\'', '"']) {
        Some(quote) => format!("{}…", text.get(..quote).unwrap_or_default()),
        None => text,
    }
}

/// `Line: 3, Column: 5` at the end of a parser's message.
fn place_in_message(source: &Source, message: &str) -> Option<std::ops::Range<usize>> {
    let line: String = message.split("Line: ").nth(1)?.chars().take_while(char::is_ascii_digit).collect();
    let column: String = message.split("Column: ").nth(1)?.chars().take_while(char::is_ascii_digit).collect();
    let at = source.offset(line.parse().ok()?, column.parse().ok()?);
    Some(at..at)
}

/// The name in `table 'datafusion.public.x' not found`.
fn missing_table(message: &str) -> Option<String> {
    let lower = message.to_lowercase();
    if !lower.contains("table") || !lower.contains("not found") {
        return None;
    }
    let quoted = message.split('\'').nth(1)?;
    Some(quoted.rsplit('.').next().unwrap_or(quoted).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fault_is_told_without_the_value_that_caused_it() {
        let context = SessionContext::new();
        for (sql, told) in [
            (
                "SELECT CAST(name AS BIGINT) FROM (VALUES ('Teapot Lane 7')) AS t (name)",
                "a value cannot be cast to the type that the SQL names",
            ),
            (
                "SELECT CAST(name AS DATE) FROM (VALUES ('Teapot Lane 7')) AS t (name)",
                "a value cannot be cast to the type that the SQL names",
            ),
            ("SELECT 1 / n FROM (VALUES (0)) AS t (n)", "Divide by zero error"),
        ] {
            let error = match context.sql(sql).await {
                Ok(frame) => frame.collect().await.unwrap_err(),
                Err(error) => error,
            };
            assert_eq!(fault_without_values(&error), told, "{error}");
        }
        let quoting = DataFusionError::Execution("Error parsing date from 'Teapot Lane 7'".to_owned());
        assert_eq!(fault_without_values(&quoting), "Execution error: Error parsing date from …");
    }
}
