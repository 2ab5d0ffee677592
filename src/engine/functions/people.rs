//! Functions about persons who are asked, or followed through time: survey shares, proven reoffences, repeats.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, StructArray};
use arrow::datatypes::{DataType, Date32Type, Field, Fields, Float64Type, Int64Type};
use chrono::NaiveDate;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::SessionContext;

use super::{as_list, columns};
use crate::statistics::survey::{self, Answer, SurveyProportion};
use crate::statistics::{Confidence, cohort};

pub(super) fn register(context: &SessionContext) {
    context.register_udf(ScalarUDF::new_from_impl(SurveyShare::new()));
    for name in ["proven_reoffence", "is_repeat"] {
        context.register_udf(ScalarUDF::new_from_impl(OfDays::new(name)));
    }
}

known_by_name!(SurveyShare);
known_by_name!(OfDays);

/// `survey_share(yes, weight [, stratum [, unit]])`, lists of the same answers in one order, such as `array_agg(yes)`.
///
/// An answer that is NULL leaves the base and stays in the design, as do the answers of others in the share of a group.
struct SurveyShare {
    signature: Signature,
}

impl SurveyShare {
    fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn fields() -> Fields {
        let number = |name: &str| Field::new(name, DataType::Float64, true);
        Fields::from(vec![
            number("numerator"),
            number("denominator"),
            number("base"),
            number("share"),
            number("standard_error"),
            number("design_effect"),
            number("effective_base"),
            number("lower"),
            number("upper"),
        ])
    }

    /// The share of the lists in a row; `None` where the first two are not both there.
    fn of(lists: &[ArrayRef], row: usize) -> Result<Option<SurveyProportion>> {
        let list = |at: usize| {
            let lists = lists.get(at)?.as_list::<i32>();
            lists.is_valid(row).then(|| lists.value(row))
        };
        let (Some(yes), Some(weights)) = (list(0), list(1)) else { return Ok(None) };
        let (strata, units) = (list(2), list(3));
        let (yes, weights) = (yes.as_boolean(), weights.as_primitive::<Float64Type>());
        let texts = [strata.as_ref(), units.as_ref()].map(|column| column.map(AsArray::as_string::<i32>));
        let lengths = texts.iter().flatten().map(|column| Array::len(*column)).chain([weights.len()]);
        if let Some(other) = lengths.into_iter().find(|length| *length != yes.len()) {
            return exec_err!(
                "survey_share expects lists of the same answers, found {} and {other}",
                yes.len()
            );
        }
        let text = |at: usize, answer: usize| {
            texts
                .get(at)
                .copied()
                .flatten()
                .filter(|column| column.is_valid(answer))
                .map(|column| column.value(answer))
        };
        let answers: Vec<Answer<'_>> = (0..yes.len())
            .map(|answer| Answer {
                yes: yes.is_valid(answer).then(|| yes.value(answer)),
                weight: weights.is_valid(answer).then(|| weights.value(answer)),
                stratum: text(0, answer).unwrap_or_default(),
                unit: text(1, answer),
                group: None,
            })
            .collect();
        Ok(Some(survey::proportion(&answers, Confidence::P95)))
    }
}

impl ScalarUDFImpl for SurveyShare {
    fn name(&self) -> &'static str {
        "survey_share"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let kinds = [DataType::Boolean, DataType::Float64, DataType::Utf8, DataType::Utf8];
        if !(2..=4).contains(&given.len()) {
            return plan_err!(
                "survey_share expects lists of answers (true or false), weights, strata and units"
            );
        }
        given.iter().zip(kinds).map(|(given, kind)| as_list(self.name(), given, kind)).collect()
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(Self::fields()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (columns, shape) = columns(&args)?;
        let rows = columns.first().map_or(0, Array::len);
        let shares = (0..rows).map(|row| Self::of(&columns, row)).collect::<Result<Vec<_>>>()?;
        let column = |of: fn(&SurveyProportion) -> Option<f64>| -> ArrayRef {
            Arc::new(shares.iter().map(|share| share.as_ref().and_then(of)).collect::<Float64Array>())
        };
        // Without a spread that shows the design, Kish's effect of the weights stands for it.
        let effect = |share: &SurveyProportion| share.design_effect.or(share.kish_effect);
        let limits = |share: &SurveyProportion| {
            let effect = share.design_effect.or(share.kish_effect)?;
            survey::interval(share.share?, share.base as f64, effect, Confidence::P95)
        };
        let found: Vec<ArrayRef> = vec![
            column(|share| Some(share.share? * share.weighted_base)),
            column(|share| Some(share.weighted_base)),
            column(|share| Some(share.base as f64)),
            column(|share| share.share),
            column(|share| share.error),
            Arc::new(shares.iter().map(|share| share.as_ref().and_then(effect)).collect::<Float64Array>()),
            Arc::new(
                shares
                    .iter()
                    .map(|share| share.as_ref().and_then(|share| Some(share.base as f64 / effect(share)?)))
                    .collect::<Float64Array>(),
            ),
            Arc::new(
                shares
                    .iter()
                    .map(|share| Some(share.as_ref().and_then(limits)?.lower))
                    .collect::<Float64Array>(),
            ),
            Arc::new(
                shares
                    .iter()
                    .map(|share| Some(share.as_ref().and_then(limits)?.upper))
                    .collect::<Float64Array>(),
            ),
        ];
        let known: Vec<bool> = shares.iter().map(Option::is_some).collect();
        shape.give(Arc::new(StructArray::try_new(Self::fields(), found, Some(known.into()))?))
    }
}

/// `proven_reoffence(entered, committed, proven)` and `is_repeat(day, day_before, months)`: true or false, NULL where a day
/// that they need is. An offence that is not proven yet is no reoffence, and an event without one before it no repeat.
struct OfDays {
    name: &'static str,
    signature: Signature,
}

impl OfDays {
    fn new(name: &'static str) -> Self {
        let last = if name == "is_repeat" { DataType::Int64 } else { DataType::Date32 };
        let given = vec![DataType::Date32, DataType::Date32, last];
        Self { name, signature: Signature::exact(given, Volatility::Immutable) }
    }
}

/// A day of a column; `None` where it is NULL.
fn day(column: &ArrayRef, row: usize) -> Option<NaiveDate> {
    let column = column.as_primitive::<Date32Type>();
    column.is_valid(row).then(|| column.value_as_date(row)).flatten()
}

impl ScalarUDFImpl for OfDays {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (columns, shape) = columns(&args)?;
        let [first, second, third] = columns.as_slice() else {
            return exec_err!("{} expects three arguments", self.name);
        };
        let mut found = Vec::with_capacity(first.len());
        for row in 0..first.len() {
            let (one, other) = (day(first, row), day(second, row));
            found.push(if self.name == "proven_reoffence" {
                one.zip(other)
                    .map(|(entry, committed)| cohort::is_reoffence(entry, committed, day(third, row)))
            } else {
                let months = third.as_primitive::<Int64Type>();
                match (one, months.is_valid(row).then(|| u32::try_from(months.value(row)))) {
                    (Some(now), Some(Ok(months))) => {
                        Some(other.is_some_and(|before| cohort::is_repeat(before, now, months)))
                    }
                    (_, Some(Err(_))) => return exec_err!("is_repeat expects a number of months from 0"),
                    _ => None,
                }
            });
        }
        shape.give(Arc::new(BooleanArray::from(found)))
    }
}
