//! Functions that name the periods of the plan, for a SELECT that counts whole periods.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Date32Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::prelude::SessionContext;

use super::columns;
use crate::period::{Month, Period, PeriodKind};

pub(super) fn register(context: &SessionContext) {
    context.register_udf(ScalarUDF::new_from_impl(PeriodOf::new("period_of")));
    context.register_udf(ScalarUDF::new_from_impl(PeriodOf::new("wave")));
}

known_by_name!(PeriodOf);

/// `period_of(month or day, kind)`, the period in which it lies, such as `2025/26 Q1`; `wave(first, last)`, a wave of a survey
/// by the months of its fieldwork.
struct PeriodOf {
    name: &'static str,
    signature: Signature,
}

impl PeriodOf {
    fn new(name: &'static str) -> Self {
        let (text, day) = (DataType::Utf8, DataType::Date32);
        let given = if name == "wave" {
            vec![vec![text.clone(), text], vec![day.clone(), day]]
        } else {
            vec![vec![text.clone(), text.clone()], vec![day, text]]
        };
        let given = given.into_iter().map(TypeSignature::Exact).collect();
        Self { name, signature: Signature::one_of(given, Volatility::Immutable) }
    }
}

/// The month of a column of months, such as `2025-06`, or of days; `None` where it is NULL.
fn month(column: &ArrayRef, row: usize) -> Result<Option<Month>> {
    if column.is_null(row) {
        return Ok(None);
    }
    if let Some(days) = column.as_primitive_opt::<Date32Type>() {
        return Ok(days.value_as_date(row).map(Month::containing));
    }
    match column.as_string::<i32>().value(row).parse() {
        Ok(month) => Ok(Some(month)),
        Err(error) => exec_err!("{error}"),
    }
}

/// The kind of period that a word names.
fn kind(word: &str) -> Result<PeriodKind> {
    let known = PeriodKind::ALL.into_iter().filter(|kind| *kind != PeriodKind::SurveyWave);
    if let Some(kind) = known.clone().find(|kind| kind.name() == word) {
        return Ok(kind);
    }
    let words: Vec<&str> = known.map(PeriodKind::name).collect();
    exec_err!("`{word}` is no kind of period; they are {}", words.join(", "))
}

impl ScalarUDFImpl for PeriodOf {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (columns, shape) = columns(&args)?;
        let [first, second] = columns.as_slice() else {
            return exec_err!("{} expects two arguments", self.name);
        };
        let mut found: Vec<Option<String>> = Vec::with_capacity(first.len());
        for row in 0..first.len() {
            let period = if self.name == "wave" {
                match month(first, row)?.zip(month(second, row)?) {
                    None => None,
                    Some((first, last)) => match Period::wave(first, last) {
                        Some(wave) => Some(wave),
                        None => return exec_err!("a wave that ends in {last} cannot begin in {first}"),
                    },
                }
            } else if second.is_null(row) {
                None
            } else {
                let kind = kind(second.as_string::<i32>().value(row))?;
                month(first, row)?.and_then(|month| Period::containing(kind, month))
            };
            found.push(period.map(|period| period.to_string()));
        }
        shape.give(Arc::new(StringArray::from(found)))
    }
}
