//! Derived columns and checks: SQL expressions over the columns of one row, planned once and applied to many rows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::{CastOptions, cast, cast_with_options, concat};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, Volatility};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::contract::Column;
use crate::config::settings::{CheckConfig, ColumnConfig, ColumnType, ContractConfig, Severity};
use crate::diagnose::Source;
use crate::engine::{fault_without_values, plain_message};
use crate::lineage::is_question;

/// Longest expression, in bytes: planning takes the square of its length.
const LONGEST: usize = 4096;

/// A derived column.
#[derive(Debug, Clone)]
struct Derived {
    /// Its place among the contract's columns.
    column: usize,
    expression: Arc<dyn PhysicalExpr>,
    kind: DataType,
}

/// A check of a row.
#[derive(Debug, Clone)]
struct Check {
    rule: String,
    message: String,
    severity: Severity,
    expression: Arc<dyn PhysicalExpr>,
}

/// The expressions of a contract, ready to be applied.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// The columns that are read, then the derived ones.
    schema: SchemaRef,
    /// Places of the columns that are read, among the contract's columns.
    pub(super) reads: Vec<usize>,
    derived: Vec<Derived>,
    checks: Vec<Check>,
}

/// Something wrong with an expression.
pub(super) struct Misfit {
    /// Keys of the setting in the contract's file.
    pub(super) keys: [String; 3],
    /// The part of the expression that is wrong, where that is known.
    pub(super) within: Option<Range<usize>>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// What the rules say of some rows.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Values of the derived columns, each with its place among the contract's columns.
    pub(super) derived: Vec<(usize, ArrayRef)>,
    /// The rule that a row breaks, and why, by the row's number.
    pub(super) broken: BTreeMap<usize, (String, String)>,
    /// Rows that fail a check that only warns, by its message: how many, and the first.
    pub(super) warned: BTreeMap<String, (u64, usize)>,
    /// Rows that fail a check and are taken all the same, each with its rule.
    pub(super) passed: Vec<(usize, String)>,
    /// The first row that fails a check that refuses the delivery, and its message.
    pub(super) refused: Option<(usize, String)>,
}

/// Type in which SQL sees a column of the row.
fn seen(column: &Column) -> DataType {
    match &column.stored {
        DataType::Binary => DataType::Utf8,
        other => other.clone(),
    }
}

/// What a derived column of this kind may be computed as.
fn suits(kind: ColumnType, found: &DataType) -> bool {
    match kind {
        ColumnType::Text | ColumnType::Category => found.is_string() || *found == DataType::Null,
        ColumnType::Integer | ColumnType::Duration => found.is_integer() && *found != DataType::UInt64,
        ColumnType::Number => found.is_numeric(),
        ColumnType::Date => matches!(found, DataType::Date32 | DataType::Date64),
        ColumnType::Timestamp => matches!(found, DataType::Timestamp(_, _)),
        ColumnType::Flag => *found == DataType::Boolean,
        ColumnType::Hex => false,
    }
}

/// The expressions of a contract under construction.
struct Planner<'a> {
    context: SessionContext,
    columns: &'a [Column],
    misfits: Vec<Misfit>,
}

impl Planner<'_> {
    fn fault(&mut self, keys: [String; 3], message: String) {
        self.misfits.push(Misfit { keys, within: None, message, help: None });
    }

    /// An expression over columns of these names, with the type that it has.
    fn parse(&mut self, sql: &str, keys: [String; 3], schema: &DFSchema) -> Option<(Expr, DataType)> {
        if sql.len() > LONGEST {
            let message = format!("the expression has {} bytes, more than {LONGEST}", sql.len());
            self.fault(keys, message);
            return None;
        }
        let parsed = self.context.parse_sql_expr(sql, schema);
        if let Some(fault) = parsed.as_ref().ok().and_then(forbidden) {
            self.fault(keys, fault);
            return None;
        }
        let planned = parsed.and_then(|expression| {
            // The physical plan brings the types of both sides of an operator together; so its type is the true one.
            let physical = self.executable(expression.clone(), schema)?;
            let kind = physical.data_type(schema.as_arrow())?;
            Ok((expression, kind))
        });
        match planned {
            Ok(planned) => Some(planned),
            Err(error) => {
                let misfit = misfit(keys, sql, &error, schema);
                self.misfits.push(misfit);
                None
            }
        }
    }

    /// The expression ready to run. Functions such as COALESCE are only a way to write a CASE, which simplifying puts in
    /// their place; they cannot run as they stand.
    fn executable(
        &self,
        expression: Expr,
        schema: &DFSchema,
    ) -> Result<Arc<dyn PhysicalExpr>, DataFusionError> {
        let context = SimplifyContext::builder().with_schema(Arc::new(schema.clone())).build();
        let simplifier = ExprSimplifier::new(context);
        let expression = simplifier.simplify(simplifier.coerce(expression, schema)?)?;
        self.context.create_physical_expr(expression, schema)
    }

    fn schema(&self, places: impl Iterator<Item = usize>) -> Option<DFSchema> {
        let fields: Vec<Field> = places
            .filter_map(|place| self.columns.get(place))
            .map(|column| Field::new(&column.name, seen(column), true))
            .collect();
        DFSchema::try_from(Schema::new(fields)).ok()
    }
}

impl Rules {
    /// Plans the expressions of a contract; `None` when it has none.
    ///
    /// # Errors
    /// Every expression that cannot be planned, that is not of the right type, or that reads more than its row.
    pub(super) fn plan(config: &ContractConfig, columns: &[Column]) -> Result<Option<Self>, Vec<Misfit>> {
        if config.check.is_empty() && config.column.iter().all(|column| column.derive.is_none()) {
            return Ok(None);
        }
        let mut session = SessionConfig::new().with_information_schema(false);
        session.options_mut().sql_parser.collect_spans = true;
        let context = SessionContext::new_with_config(session);
        let mut planner = Planner { context, columns, misfits: Vec::new() };
        let derived_at: Vec<(usize, usize, &ColumnConfig, &str)> = config
            .column
            .iter()
            .enumerate()
            .filter_map(|(number, column)| {
                let at = columns.iter().position(|known| known.name == column.name)?;
                Some((number, at, column, column.derive.as_deref()?))
            })
            .collect();
        let is_derived = |place: usize| derived_at.iter().any(|(_, at, _, _)| *at == place);
        let plain = || (0..columns.len()).filter(|place| !is_derived(*place));
        let mut parsed = Vec::new();
        for (order, (number, at, column, sql)) in derived_at.iter().enumerate() {
            let above = derived_at.iter().take(order).map(|(_, at, _, _)| *at);
            let Some(schema) = planner.schema(plain().chain(above)) else { continue };
            let keys = ["column".to_owned(), number.to_string(), "derive".to_owned()];
            let Some((expression, kind)) = planner.parse(sql, keys.clone(), &schema) else { continue };
            if !suits(column.kind, &kind) {
                let wanted = format!("{:?}", column.kind).to_lowercase();
                planner.fault(
                    keys,
                    format!("column `{}` is of type {wanted}, but its expression gives {kind}", column.name),
                );
                continue;
            }
            let dropped = expression
                .column_refs()
                .into_iter()
                .find_map(|read| columns.iter().find(|known| known.hidden && known.name == read.name));
            if let Some(dropped) = dropped
                && keeps_texts(column)
            {
                let message = format!(
                    "column `{}` could keep what is in the dropped `{}`: give it `codes`, or make it a number or flag",
                    column.name, dropped.name
                );
                planner.fault(keys, message);
                continue;
            }
            parsed.push((*at, expression));
        }
        let mut checks = Vec::new();
        for (number, check) in config.check.iter().enumerate() {
            let Some(schema) = planner.schema(plain().chain(derived_at.iter().map(|(_, at, _, _)| *at)))
            else {
                continue;
            };
            let keys = ["check".to_owned(), number.to_string(), "expect".to_owned()];
            let Some((expression, kind)) = planner.parse(&check.expect, keys.clone(), &schema) else {
                continue;
            };
            if kind != DataType::Boolean {
                planner.fault(keys, format!("a check is true or false, but this expression gives {kind}"));
                continue;
            }
            checks.push((check, expression));
        }
        if !planner.misfits.is_empty() {
            return Err(planner.misfits);
        }
        let all = parsed.iter().map(|(_, expression)| expression);
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for expression in all.chain(checks.iter().map(|(_, expression)| expression)) {
            names.extend(expression.column_refs().into_iter().map(|column| column.name.as_str()));
        }
        let reads: Vec<usize> = plain()
            .filter(|place| columns.get(*place).is_some_and(|column| names.contains(column.name.as_str())))
            .collect();
        planner.physical(&reads, parsed, checks).map(Some)
    }

    /// Applies the rules to `rows` rows. `column` gives the values of a column of the contract; `passes` says of a row
    /// whether it may fail the check with this rule.
    ///
    /// # Errors
    /// Columns that do not fit the plan: a defect of ours.
    pub(super) fn apply(
        &self,
        columns: &[Column],
        configs: &[ColumnConfig],
        rows: usize,
        column: impl Fn(usize) -> Option<ArrayRef>,
        passes: impl Fn(usize, &str) -> bool,
    ) -> Result<Verdict, ArrowError> {
        let lost = || ArrowError::SchemaError("a column of the contract is not laid out".to_owned());
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for place in &self.reads {
            arrays.push(readable(&column(*place).ok_or_else(lost)?)?);
        }
        let mut verdict = Verdict::default();
        for derived in &self.derived {
            let known = columns.get(derived.column).ok_or_else(lost)?;
            let config = configs.iter().find(|config| config.name == known.name).ok_or_else(lost)?;
            let batch = self.batch(&arrays, rows)?;
            let mut failed = Vec::new();
            let values = evaluate(&derived.expression, &batch, 0, &mut failed)?;
            let options = CastOptions { safe: true, ..CastOptions::default() };
            let values = cast_with_options(&values, &derived.kind, &options)?;
            for (row, fault) in failed {
                let detail = format!("it cannot be computed for this row: {fault}");
                verdict.broken.entry(row).or_insert_with(|| (known.rule.clone(), detail));
            }
            judge(&values, known, config, &mut verdict.broken);
            arrays.push(Arc::clone(&values));
            verdict.derived.push((derived.column, values));
        }
        let batch = self.batch(&arrays, rows)?;
        for check in &self.checks {
            let mut failed = Vec::new();
            let values = evaluate(&check.expression, &batch, 0, &mut failed)?;
            let holds = values.as_boolean_opt().ok_or_else(lost)?;
            let wrong = (0..rows).filter(|row| holds.is_valid(*row) && !holds.value(*row));
            let mut wrong: BTreeSet<usize> = wrong.collect();
            wrong.extend(failed.into_iter().map(|(row, _)| row));
            for row in wrong {
                if verdict.broken.contains_key(&row) {
                    continue;
                }
                match check.severity {
                    Severity::Quarantine if passes(row, &check.rule) => {
                        verdict.passed.push((row, check.rule.clone()));
                    }
                    Severity::Quarantine => {
                        verdict.broken.insert(row, (check.rule.clone(), check.message.clone()));
                    }
                    Severity::Warn => {
                        verdict.warned.entry(check.message.clone()).or_insert((0, row)).0 += 1;
                    }
                    Severity::Refuse => {
                        if verdict.refused.as_ref().is_none_or(|(first, _)| row < *first) {
                            verdict.refused = Some((row, check.message.clone()));
                        }
                    }
                }
            }
        }
        Ok(verdict)
    }

    /// The columns that are laid out so far as a batch.
    fn batch(&self, arrays: &[ArrayRef], rows: usize) -> Result<RecordBatch, ArrowError> {
        let places: Vec<usize> = (0..arrays.len()).collect();
        let schema = Arc::new(self.schema.project(&places)?);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(schema, arrays.to_vec(), &options)
    }
}

impl Planner<'_> {
    /// The parsed expressions over the columns that any of them reads, and no more.
    fn physical(
        mut self,
        reads: &[usize],
        parsed: Vec<(usize, Expr)>,
        checks: Vec<(&CheckConfig, Expr)>,
    ) -> Result<Rules, Vec<Misfit>> {
        let mut places = reads.to_vec();
        let mut rules = Rules {
            schema: Arc::new(Schema::empty()),
            reads: reads.to_vec(),
            derived: vec![],
            checks: vec![],
        };
        let defect = |planner: &mut Self, what: &str| {
            let message = format!("{what} cannot be planned over the columns that it reads");
            planner.fault(["column".to_owned(), String::new(), String::new()], message);
        };
        for (column, expression) in parsed {
            let planned = self
                .schema(places.iter().copied())
                .and_then(|schema| self.executable(expression, &schema).ok());
            places.push(column);
            match (planned, self.columns.get(column)) {
                (Some(expression), Some(known)) => {
                    rules.derived.push(Derived { column, expression, kind: seen(known) });
                }
                _ => defect(&mut self, "a derived column"),
            }
        }
        let Some(schema) = self.schema(places.iter().copied()) else { return Err(self.misfits) };
        for (check, expression) in checks {
            match self.executable(expression, &schema) {
                Ok(expression) => rules.checks.push(Check {
                    rule: check.rule.clone(),
                    message: check.message.clone(),
                    severity: check.severity,
                    expression,
                }),
                Err(_) => defect(&mut self, "a check"),
            }
        }
        rules.schema = Arc::clone(schema.inner());
        if self.misfits.is_empty() { Ok(rules) } else { Err(self.misfits) }
    }
}

/// A derived value is held to what its column says: required, codes, range; and a number is finite.
fn judge(
    values: &ArrayRef,
    column: &Column,
    config: &ColumnConfig,
    broken: &mut BTreeMap<usize, (String, String)>,
) {
    let mut fault = |row: usize, detail: String| {
        broken.entry(row).or_insert_with(|| (column.rule.clone(), detail));
    };
    if config.required {
        for row in (0..values.len()).filter(|row| values.is_null(*row)) {
            fault(row, "it is computed to nothing".to_owned());
        }
    }
    if let (Some(codes), Some(texts)) = (&column.codes, values.as_string_opt::<i32>()) {
        for row in (0..values.len()).filter(|row| texts.is_valid(*row) && !codes.contains(texts.value(*row)))
        {
            fault(row, "it is computed to a code that is not known".to_owned());
        }
    }
    if !matches!(values.data_type(), DataType::Int64 | DataType::Float64) {
        return;
    }
    let Ok(numbers) = cast(values, &DataType::Float64) else { return };
    let numbers = numbers.as_primitive::<Float64Type>();
    for row in (0..values.len()).filter(|row| numbers.is_valid(*row)) {
        let number = numbers.value(row);
        if !number.is_finite() {
            fault(row, "it is computed to no finite number".to_owned());
        } else if let Some([low, high]) = config.range
            && !(low..=high).contains(&number)
        {
            fault(row, format!("it is computed to a number outside {low} to {high}"));
        }
    }
}

/// A column as SQL sees it: dictionaries as text, bytes as hexadecimal digits.
fn readable(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        DataType::Dictionary(_, _) => cast(array, &DataType::Utf8),
        DataType::Binary => {
            let bytes = array.as_binary::<i32>();
            Ok(Arc::new(bytes.iter().map(|b| b.map(hex::encode)).collect::<arrow::array::StringArray>()))
        }
        _ => Ok(Arc::clone(array)),
    }
}

/// The values of an expression. Rows for which it cannot be computed are null and named in `failed` with the fault.
fn evaluate(
    expression: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
    first: usize,
    failed: &mut Vec<(usize, String)>,
) -> Result<ArrayRef, ArrowError> {
    let rows = batch.num_rows();
    match expression.evaluate(batch).and_then(|value| value.into_array(rows)) {
        Ok(values) => Ok(values),
        Err(error) if rows <= 1 => {
            failed.push((first, fault_without_values(&error)));
            let kind = expression.data_type(&batch.schema()).unwrap_or(DataType::Null);
            Ok(new_null_array(&kind, rows))
        }
        Err(_) => {
            let half = rows / 2;
            let before = evaluate(expression, &batch.slice(0, half), first, failed)?;
            let after = evaluate(expression, &batch.slice(half, rows - half), first + half, failed)?;
            concat(&[before.as_ref(), after.as_ref()])
        }
    }
}

/// Whether any text or day may be in a derived column.
fn keeps_texts(column: &ColumnConfig) -> bool {
    let coded = !column.codes.is_empty() || column.codes_from.is_some();
    match column.kind {
        ColumnType::Category => !coded,
        ColumnType::Text | ColumnType::Hex | ColumnType::Date | ColumnType::Timestamp => true,
        ColumnType::Integer | ColumnType::Number | ColumnType::Flag | ColumnType::Duration => false,
    }
}

/// Why an expression may not stand in a contract: it reads more than its row, or is not the same every time.
fn forbidden(expression: &Expr) -> Option<String> {
    let mut found = None;
    // The visitor cannot fail.
    let _ = expression.apply(|part| {
        found = match part {
            Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
                Some(format!("`{}` does not give the same every time", call.func.name()))
            }
            Expr::AggregateFunction(_) | Expr::WindowFunction(_) => {
                Some("an expression reads one row, so it cannot count or add up rows".to_owned())
            }
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_) => {
                Some("an expression reads one row, so it cannot have a SELECT".to_owned())
            }
            Expr::Alias(_)
            | Expr::Column(_)
            | Expr::Literal(_, _)
            | Expr::BinaryExpr(_)
            | Expr::Negative(_)
            | Expr::Case(_)
            | Expr::Cast(_)
            | Expr::TryCast(_)
            | Expr::ScalarFunction(_) => None,
            question if is_question(question) => None,
            _ => Some("this cannot stand in an expression over one row".to_owned()),
        };
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}

fn misfit(keys: [String; 3], sql: &str, error: &DataFusionError, schema: &DFSchema) -> Misfit {
    let source = Source::new("", sql);
    let within = error.diagnostic().and_then(|found| found.span).map(|span| {
        let at = |line: u64, column: u64| {
            source.offset(usize::try_from(line).unwrap_or(1), usize::try_from(column).unwrap_or(1))
        };
        at(span.start.line, span.start.column)..at(span.end.line, span.end.column)
    });
    let mut message = plain_message(error);
    let mut help = None;
    if let DataFusionError::SchemaError(found, _) = error.find_root()
        && let datafusion::common::SchemaError::FieldNotFound { field, .. } = found.as_ref()
    {
        message = format!("there is no column `{}` here", field.name);
        let known = schema.fields().iter().map(|known| known.name().as_str());
        help = crate::diagnose::suggestion(&field.name, known);
    }
    Misfit { keys, within, message, help }
}
