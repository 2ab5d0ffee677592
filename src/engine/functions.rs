//! The statistics as functions of SQL; `docs/statistics.md` describes them for an analyst.
//!
//! NULL in gives NULL out. Numbers are doubles; the last argument of an interval may be a confidence, 0.95 where it is
//! left out.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Float64Builder, ListBuilder, StringArray,
    StringBuilder, StructArray,
};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    ColumnarValue, PartitionEvaluator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility, WindowUDF, WindowUDFImpl,
};
use datafusion::prelude::SessionContext;

use crate::statistics::spc::{Chart, Settings, xmr};
use crate::statistics::standardise::{Band, direct};
use crate::statistics::{Confidence, Interval, mean, proportion, rate};

/// Makes every function known to a session.
pub(super) fn register(context: &SessionContext) {
    for function in NUMBERS {
        context.register_udf(ScalarUDF::new_from_impl(OfNumbers::new(function)));
    }
    context.register_udf(ScalarUDF::new_from_impl(XmrOfList::new()));
    context.register_udf(ScalarUDF::new_from_impl(Dsr::new()));
    let of_mean: LimitsOf = |values, confidence| mean::of(values, confidence).interval;
    for (name, of, limit) in [
        ("mean_lower", of_mean, (|limits| limits.lower) as fn(Interval) -> f64),
        ("mean_upper", of_mean, |limits| limits.upper),
        ("median_lower", mean::median_interval, |limits| limits.lower),
        ("median_upper", mean::median_interval, |limits| limits.upper),
    ] {
        context.register_udf(ScalarUDF::new_from_impl(LimitOfList::new(name, of, limit)));
    }
    people::register(context);
    periods::register(context);
    context.register_udwf(WindowUDF::new_from_impl(XmrPoint::new()));
}

/// A function of so many numbers and a confidence.
struct Numbers {
    name: &'static str,
    arguments: usize,
    compute: fn(&[f64], Confidence) -> Option<f64>,
}

const NUMBERS: &[Numbers] = &[
    Numbers { name: "wilson_lower", arguments: 2, compute: |given, c| Some(wilson(given, c)?.lower) },
    Numbers { name: "wilson_upper", arguments: 2, compute: |given, c| Some(wilson(given, c)?.upper) },
    Numbers { name: "byar_lower", arguments: 1, compute: |given, c| rate::byar_lower(*given.first()?, c) },
    Numbers { name: "byar_upper", arguments: 1, compute: |given, c| rate::byar_upper(*given.first()?, c) },
    Numbers {
        name: "poisson_lower",
        arguments: 1,
        compute: |given, c| Some(rate::poisson(*given.first()?, c)?.lower),
    },
    Numbers {
        name: "poisson_upper",
        arguments: 1,
        compute: |given, c| Some(rate::poisson(*given.first()?, c)?.upper),
    },
    Numbers { name: "rate_lower", arguments: 3, compute: |given, c| Some(rate_interval(given, c)?.lower) },
    Numbers { name: "rate_upper", arguments: 3, compute: |given, c| Some(rate_interval(given, c)?.upper) },
    Numbers {
        name: "proportion_difference_lower",
        arguments: 4,
        compute: |given, c| Some(difference(given, c)?.interval.lower),
    },
    Numbers {
        name: "proportion_difference_upper",
        arguments: 4,
        compute: |given, c| Some(difference(given, c)?.interval.upper),
    },
    Numbers {
        name: "proportion_difference_p",
        arguments: 4,
        compute: |given, c| difference(given, c)?.p_value,
    },
    Numbers { name: "rate_ratio", arguments: 4, compute: |given, c| ratio(given, c)?.ratio },
    Numbers {
        name: "rate_ratio_lower",
        arguments: 4,
        compute: |given, c| Some(ratio(given, c)?.interval?.lower),
    },
    Numbers {
        name: "rate_ratio_upper",
        arguments: 4,
        compute: |given, c| Some(ratio(given, c)?.interval?.upper),
    },
    Numbers { name: "rate_ratio_p", arguments: 4, compute: |given, c| ratio(given, c)?.p_exact },
];

fn wilson(given: &[f64], confidence: Confidence) -> Option<Interval> {
    let [events, trials] = given else { return None };
    proportion::wilson(*events, *trials, confidence)
}

fn rate_interval(given: &[f64], confidence: Confidence) -> Option<Interval> {
    let [events, population, per] = given else { return None };
    rate::rate_interval(*events, *population, *per, confidence)
}

fn difference(given: &[f64], confidence: Confidence) -> Option<proportion::ProportionDifference> {
    let [x1, n1, x2, n2] = given else { return None };
    proportion::difference((*x1, *n1), (*x2, *n2), confidence)
}

fn ratio(given: &[f64], confidence: Confidence) -> Option<rate::RateRatio> {
    let [x1, n1, x2, n2] = given else { return None };
    rate::ratio((*x1, *n1), (*x2, *n2), confidence)
}

/// A confidence out of SQL.
fn confidence(share: f64) -> Result<Confidence> {
    let Some(confidence) = Confidence::new(share) else {
        return exec_err!("a confidence lies between 0 and 1, such as 0.95, not {share}");
    };
    Ok(confidence)
}

/// A function is the same as another when it has its name: no two are registered under one.
macro_rules! known_by_name {
    ($type:ty) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.name() == other.name()
            }
        }

        impl Eq for $type {}

        impl Hash for $type {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.name().hash(state);
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

mod people;
mod periods;

known_by_name!(OfNumbers);
known_by_name!(XmrOfList);
known_by_name!(XmrPoint);
known_by_name!(Dsr);
known_by_name!(LimitOfList);

struct OfNumbers {
    function: &'static Numbers,
    signature: Signature,
}

impl OfNumbers {
    fn new(function: &'static Numbers) -> Self {
        let exact = |count: usize| TypeSignature::Exact(vec![DataType::Float64; count]);
        let with_confidence = vec![exact(function.arguments), exact(function.arguments + 1)];
        Self { function, signature: Signature::one_of(with_confidence, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for OfNumbers {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (columns, shape) = columns(&args)?;
        let columns: Vec<&Float64Array> = columns.iter().map(AsArray::as_primitive::<Float64Type>).collect();
        let rows = columns.first().map_or(0, |column| Array::len(*column));
        let mut found = Float64Builder::with_capacity(rows);
        let mut given = Vec::with_capacity(columns.len());
        for row in 0..rows {
            given.clear();
            given
                .extend(columns.iter().filter(|column| column.is_valid(row)).map(|column| column.value(row)));
            let value = if given.len() < columns.len() {
                None
            } else if let (Some(share), true) =
                (given.get(self.function.arguments), columns.len() > self.function.arguments)
            {
                let confidence = confidence(*share)?;
                given.truncate(self.function.arguments);
                (self.function.compute)(&given, confidence)
            } else {
                (self.function.compute)(&given, Confidence::P95)
            };
            found.append_option(value.filter(|value| value.is_finite()));
        }
        shape.give(Arc::new(found.finish()))
    }
}

/// Whether a call has columns or only literals.
#[derive(Clone, Copy)]
enum Shape {
    Column,
    Literal,
}

impl Shape {
    fn give(self, found: ArrayRef) -> Result<ColumnarValue> {
        match self {
            Self::Column => Ok(ColumnarValue::Array(found)),
            Self::Literal => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0)?)),
        }
    }
}

/// The arguments as columns of one length.
fn columns(args: &ScalarFunctionArgs) -> Result<(Vec<ArrayRef>, Shape)> {
    let literal = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
    let shape = if literal { Shape::Literal } else { Shape::Column };
    Ok((ColumnarValue::values_to_arrays(&args.args)?, shape))
}

/// A list of a type.
fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}

/// Takes any list, or NULL, for a list of `item`.
fn as_list(name: &str, given: &DataType, item: DataType) -> Result<DataType> {
    match given {
        DataType::Null
        | DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(_, _)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => Ok(list_of(item)),
        other => plan_err!("{name} expects a list such as array_agg(value ORDER BY month), found {other}"),
    }
}

/// The numbers of a list in a row; `None` where the list is NULL.
fn numbers(column: &ArrayRef, row: usize) -> Option<Vec<Option<f64>>> {
    let lists = column.as_list::<i32>();
    lists.is_valid(row).then(|| lists.value(row).as_primitive::<Float64Type>().iter().collect())
}

/// `xmr(values [, places at which new limits begin])`, the values in the order of time.
struct XmrOfList {
    signature: Signature,
}

impl XmrOfList {
    fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn fields() -> Fields {
        let number = |name: &str| Field::new(name, DataType::Float64, true);
        Fields::from(vec![
            number("mean"),
            number("lower"),
            number("upper"),
            Field::new("moving_range", list_of(DataType::Float64), true),
            Field::new("signals", list_of(DataType::Utf8), true),
            Field::new("trial", DataType::Boolean, true),
        ])
    }
}

impl ScalarUDFImpl for XmrOfList {
    fn name(&self) -> &'static str {
        "xmr"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [values] => Ok(vec![as_list(self.name(), values, DataType::Float64)?]),
            [values, places] => Ok(vec![
                as_list(self.name(), values, DataType::Float64)?,
                as_list(self.name(), places, DataType::Int64)?,
            ]),
            _ => plan_err!("xmr expects a list of values and, where limits begin anew, a list of places"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(Self::fields()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (columns, shape) = columns(&args)?;
        let settings = Settings::default();
        let mut charts = Vec::new();
        if let Some(values) = columns.first() {
            for row in 0..values.len() {
                let places = columns.get(1).map(AsArray::as_list::<i32>);
                let chart = match (numbers(values, row), places) {
                    (None, _) => None,
                    (_, Some(places)) if places.is_null(row) => None,
                    (Some(values), places) => {
                        let places = places.map(|places| places.value(row));
                        let rebase_at = places
                            .iter()
                            .flat_map(|places| places.as_primitive::<Int64Type>().iter().flatten())
                            .filter_map(|place| usize::try_from(place).ok())
                            .collect();
                        draw(&values, rebase_at)
                    }
                };
                charts.push(chart);
            }
        }
        shape.give(Arc::new(Self::encode(&charts, &settings)?))
    }
}

/// A chart with the usual settings, which are sound.
fn draw(values: &[Option<f64>], rebase_at: Vec<usize>) -> Option<Chart> {
    xmr(values, &Settings { rebase_at, ..Settings::default() }).ok()
}

impl XmrOfList {
    fn encode(charts: &[Option<Chart>], settings: &Settings) -> Result<StructArray> {
        let (mut mean, mut lower, mut upper) =
            (Float64Builder::new(), Float64Builder::new(), Float64Builder::new());
        let mut ranges = ListBuilder::new(Float64Builder::new());
        let mut signals = ListBuilder::new(StringBuilder::new());
        let mut trial = Vec::new();
        for chart in charts {
            let points = chart.as_ref().map_or(&[][..], |chart| &chart.points);
            let last = points.last();
            mean.append_option(last.and_then(|last| last.mean));
            lower.append_option(last.and_then(|last| last.lower));
            upper.append_option(last.and_then(|last| last.upper));
            for point in points {
                ranges.values().append_option(point.moving_range);
                signals.values().append_option(point.rule().map(|rule| rule.label(settings)));
            }
            ranges.append(chart.is_some());
            signals.append(chart.is_some());
            trial.push(last.map(|last| last.trial));
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(mean.finish()),
            Arc::new(lower.finish()),
            Arc::new(upper.finish()),
            Arc::new(ranges.finish()),
            Arc::new(signals.finish()),
            Arc::new(BooleanArray::from(trial)),
        ];
        let known = charts.iter().map(Option::is_some).collect::<Vec<_>>().into();
        Ok(StructArray::try_new(Self::fields(), columns, Some(known))?)
    }
}

/// `xmr_point(value [, whether new limits begin here]) OVER (PARTITION BY … ORDER BY …)`: each row's place in its chart.
struct XmrPoint {
    signature: Signature,
}

impl XmrPoint {
    fn new() -> Self {
        let value = vec![DataType::Float64];
        let value_and_break = vec![DataType::Float64, DataType::Boolean];
        let either = vec![TypeSignature::Exact(value), TypeSignature::Exact(value_and_break)];
        Self { signature: Signature::one_of(either, Volatility::Immutable) }
    }

    fn fields() -> Fields {
        let number = |name: &str| Field::new(name, DataType::Float64, true);
        Fields::from(vec![
            number("mean"),
            number("lower"),
            number("upper"),
            number("moving_range"),
            Field::new("signal", DataType::Utf8, true),
            Field::new("trial", DataType::Boolean, true),
        ])
    }
}

impl WindowUDFImpl for XmrPoint {
    fn name(&self) -> &'static str {
        "xmr_point"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(&self, _: PartitionEvaluatorArgs) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(XmrPartition))
    }

    fn field(&self, given: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(given.name(), DataType::Struct(Self::fields()), true)))
    }
}

#[derive(Debug)]
struct XmrPartition;

impl PartitionEvaluator for XmrPartition {
    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let Some(column) = values.first() else {
            return exec_err!("xmr_point expects a value");
        };
        let series: Vec<Option<f64>> = column.as_primitive::<Float64Type>().iter().collect();
        let breaks = values.get(1).map(AsArray::as_boolean);
        let begins = |row: &usize| breaks.is_some_and(|breaks| breaks.is_valid(*row) && breaks.value(*row));
        let rebase_at: Vec<usize> = (0..rows).filter(begins).collect();
        let settings = Settings::default();
        let points = draw(&series, rebase_at).map(|chart| chart.points).unwrap_or_default();
        let column = |of: fn(&crate::statistics::spc::Point) -> Option<f64>| -> ArrayRef {
            Arc::new(points.iter().map(of).collect::<Float64Array>())
        };
        let signals: StringArray =
            points.iter().map(|point| point.rule().map(|rule| rule.label(&settings))).collect();
        let columns: Vec<ArrayRef> = vec![
            column(|point| point.mean),
            column(|point| point.lower),
            column(|point| point.upper),
            column(|point| point.moving_range),
            Arc::new(signals),
            Arc::new(points.iter().map(|point| Some(point.trial)).collect::<BooleanArray>()),
        ];
        let known: Vec<bool> = points.iter().map(|point| point.value.is_some()).collect();
        Ok(Arc::new(StructArray::try_new(XmrPoint::fields(), columns, Some(known.into()))?))
    }
}

/// `dsr(events, residents, standard population, per [, confidence])`, the first three lists of the same bands in one order.
struct Dsr {
    signature: Signature,
}

impl Dsr {
    fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn fields() -> Fields {
        let number = |name: &str| Field::new(name, DataType::Float64, true);
        Fields::from(vec![number("events"), number("value"), number("lower"), number("upper")])
    }
}

impl ScalarUDFImpl for Dsr {
    fn name(&self) -> &'static str {
        "dsr"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if !(4..=5).contains(&given.len()) {
            return plan_err!(
                "dsr expects lists of events, residents and standard population, and per how many"
            );
        }
        let list = |given: &DataType| as_list(self.name(), given, DataType::Float64);
        let lists = given.iter().take(3).map(list);
        lists.chain(given.iter().skip(3).map(|_| Ok(DataType::Float64))).collect()
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(Self::fields()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (columns, shape) = columns(&args)?;
        let [events, residents, standard, per, rest @ ..] = columns.as_slice() else {
            return exec_err!("dsr expects at least four arguments");
        };
        let per = per.as_primitive::<Float64Type>();
        let levels = rest.first().map(AsArray::as_primitive::<Float64Type>);
        let mut rates = Vec::with_capacity(per.len());
        for row in 0..per.len() {
            let lists = numbers(events, row).zip(numbers(residents, row)).zip(numbers(standard, row));
            let known = per.is_valid(row) && levels.is_none_or(|levels| levels.is_valid(row));
            let Some(((events, residents), standard)) = lists.filter(|_| known) else {
                rates.push(None);
                continue;
            };
            if events.len() != residents.len() || events.len() != standard.len() {
                return exec_err!(
                    "dsr expects lists of the same bands, found {}, {} and {} of them",
                    events.len(),
                    residents.len(),
                    standard.len()
                );
            }
            let level = levels.map_or(Ok(Confidence::P95), |levels| confidence(levels.value(row)))?;
            let bands: Option<Vec<Band>> = events
                .into_iter()
                .zip(residents)
                .zip(standard)
                .map(|((events, population), standard)| {
                    Some(Band { events, population, standard: standard? })
                })
                .collect();
            rates.push(bands.map(|bands| direct(&bands, per.value(row), level)));
        }
        let column = |of: &dyn Fn(&crate::statistics::standardise::Standardised) -> Option<f64>| -> ArrayRef {
            Arc::new(rates.iter().map(|rate| rate.as_ref().and_then(of)).collect::<Float64Array>())
        };
        let columns = vec![
            column(&|rate| Some(rate.total)),
            column(&|rate| Some(rate.rate.ok()?.value)),
            column(&|rate| Some(rate.rate.ok()?.interval.lower)),
            column(&|rate| Some(rate.rate.ok()?.interval.upper)),
        ];
        let known: Vec<bool> = rates.iter().map(Option::is_some).collect();
        shape.give(Arc::new(StructArray::try_new(Self::fields(), columns, Some(known.into()))?))
    }
}

/// The limits of what a list of values is summed up as.
type LimitsOf = fn(&[f64], Confidence) -> Option<Interval>;

/// `mean_lower(values [, confidence])`, `mean_upper`, and those of the median; NULL values are left out.
struct LimitOfList {
    name: &'static str,
    of: LimitsOf,
    limit: fn(Interval) -> f64,
    signature: Signature,
}

impl LimitOfList {
    fn new(name: &'static str, of: LimitsOf, limit: fn(Interval) -> f64) -> Self {
        Self { name, of, limit, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for LimitOfList {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [values] => Ok(vec![as_list(self.name, values, DataType::Float64)?]),
            [values, _] => Ok(vec![as_list(self.name, values, DataType::Float64)?, DataType::Float64]),
            _ => plan_err!("{} expects a list of values and, if not 0.95, a confidence", self.name),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (columns, shape) = columns(&args)?;
        let levels = columns.get(1).map(AsArray::as_primitive::<Float64Type>);
        let mut found = Float64Builder::new();
        if let Some(lists) = columns.first() {
            for row in 0..lists.len() {
                let level = match levels {
                    None => Some(Confidence::P95),
                    Some(levels) if levels.is_valid(row) => Some(confidence(levels.value(row))?),
                    Some(_) => None,
                };
                let limits = numbers(lists, row).zip(level).and_then(|(values, level)| {
                    (self.of)(&values.into_iter().flatten().collect::<Vec<_>>(), level)
                });
                found.append_option(limits.map(self.limit));
            }
        }
        shape.give(Arc::new(found.finish()))
    }
}

#[cfg(test)]
mod tests;
