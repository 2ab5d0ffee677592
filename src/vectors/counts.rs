//! Proportions, rates, standardised rates and means.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input;
use crate::statistics::standardise::{
    Band, EUROPEAN_STANDARD_POPULATION_2013, ReferenceBand, RepeatBand, Standardised, direct,
    direct_of_repeats, indirect,
};
use crate::statistics::{Confidence, Estimate, NoValue, mean, proportion, rate};

/// A confidence as a case writes it; 95% where it says nothing.
pub(super) fn confidence(share: Option<f64>) -> Result<Confidence, String> {
    match share {
        None => Ok(Confidence::P95),
        Some(share) => Confidence::new(share)
            .ok_or_else(|| format!("confidence: expected a share between 0 and 1, found {share}")),
    }
}

#[derive(Deserialize)]
struct Fraction {
    x: Option<f64>,
    n: Option<f64>,
    confidence: Option<f64>,
    multiplier: Option<f64>,
}

pub(super) fn wilson_ci(case: &Value) -> Result<Value, String> {
    let Fraction { x, n, confidence: share, multiplier } = input(case)?;
    let found = proportion::proportion(x, n, confidence(share)?, multiplier.unwrap_or(1.0));
    Ok(estimate(found, &json!({})))
}

pub(super) fn rate_ci(case: &Value) -> Result<Value, String> {
    let Fraction { x, n, confidence: share, multiplier } = input(case)?;
    let found = rate::rate(x, n, multiplier.unwrap_or(1.0), confidence(share)?);
    let method = found.ok().map(|(_, method)| method.name());
    Ok(estimate(found.map(|(estimate, _)| estimate), &json!({ "method": method })))
}

/// An estimate and whatever else a case may expect beside it.
fn estimate(found: Result<Estimate, NoValue>, beside: &Value) -> Value {
    let value = found.ok();
    let mut fields = json!({
        "value": value.map(|estimate| estimate.value),
        "lower": value.map(|estimate| estimate.interval.lower),
        "upper": value.map(|estimate| estimate.interval.upper),
        "reason": found.err().map(NoValue::name),
    });
    if let (Some(fields), Some(beside)) = (fields.as_object_mut(), beside.as_object()) {
        fields.extend(beside.clone());
    }
    fields
}

pub(super) fn byars_count_ci(case: &Value) -> Result<Value, String> {
    let Fraction { x, confidence: share, .. } = input(case)?;
    let confidence = confidence(share)?;
    Ok(json!({
        "lower": x.and_then(|x| rate::byar_lower(x, confidence)),
        "upper": x.and_then(|x| rate::byar_upper(x, confidence)),
    }))
}

#[derive(Deserialize)]
struct Direct {
    x: Vec<Option<f64>>,
    n: Vec<Option<f64>>,
    stdpop: Option<Vec<f64>>,
    confidence: Option<f64>,
    multiplier: f64,
}

fn standard(stdpop: Option<Vec<f64>>) -> Vec<f64> {
    stdpop.unwrap_or_else(|| EUROPEAN_STANDARD_POPULATION_2013.to_vec())
}

fn same_length(lengths: &[usize]) -> Result<(), String> {
    match lengths.split_first() {
        Some((first, rest)) if rest.iter().any(|length| length != first) => {
            Err(format!("lists of different lengths: {lengths:?}"))
        }
        _ => Ok(()),
    }
}

pub(super) fn dsr(case: &Value) -> Result<Value, String> {
    let Direct { x, n, stdpop, confidence: share, multiplier } = input(case)?;
    let stdpop = standard(stdpop);
    same_length(&[x.len(), n.len(), stdpop.len()])?;
    let bands: Vec<Band> = x
        .into_iter()
        .zip(n)
        .zip(stdpop)
        .map(|((events, population), standard)| Band { events, population, standard })
        .collect();
    Ok(standardised(direct(&bands, multiplier, confidence(share)?)))
}

fn standardised(found: Standardised) -> Value {
    estimate(found.rate, &json!({ "total_count": found.total }))
}

#[derive(Deserialize)]
struct Repeats {
    persons_by_frequency: Vec<Vec<Option<f64>>>,
    n: Vec<Option<f64>>,
    stdpop: Option<Vec<f64>>,
    confidence: Option<f64>,
    multiplier: f64,
}

pub(super) fn dsr_repeat_events(case: &Value) -> Result<Value, String> {
    let Repeats { persons_by_frequency, n, stdpop, confidence: share, multiplier } = input(case)?;
    let stdpop = standard(stdpop);
    same_length(&[persons_by_frequency.len(), n.len(), stdpop.len()])?;
    let bands: Vec<RepeatBand<'_>> = persons_by_frequency
        .iter()
        .zip(n)
        .zip(stdpop)
        .map(|((persons, population), standard)| RepeatBand { persons, population, standard })
        .collect();
    Ok(standardised(direct_of_repeats(&bands, multiplier, confidence(share)?)))
}

#[derive(Deserialize)]
struct Indirect {
    x: Vec<Option<f64>>,
    n: Vec<Option<f64>>,
    x_ref: Vec<Option<f64>>,
    n_ref: Vec<Option<f64>>,
    confidence: Option<f64>,
    multiplier: f64,
    output: String,
}

pub(super) fn isr(case: &Value) -> Result<Value, String> {
    let Indirect { x, n, x_ref, n_ref, confidence: share, multiplier, output } = input(case)?;
    same_length(&[x.len(), n.len(), x_ref.len(), n_ref.len()])?;
    let bands: Vec<ReferenceBand> = x
        .into_iter()
        .zip(n)
        .zip(x_ref.into_iter().zip(n_ref))
        .map(|((events, population), (reference_events, reference_population))| ReferenceBand {
            events,
            population,
            reference_events,
            reference_population,
        })
        .collect();
    let found = indirect(&bands, confidence(share)?);
    let ratio = match output.as_str() {
        "ratio" => true,
        "rate" => false,
        other => return Err(format!("output: expected rate or ratio, found {other}")),
    };
    let of = |indirect: crate::statistics::standardise::Indirect| {
        if ratio { indirect.ratio(multiplier) } else { indirect.rate(multiplier) }
    };
    let beside = json!({
        "observed": found.ok().map(|found| found.observed),
        "expected": found.ok().map(|found| found.expected),
        "method": found.ok().map(|found| found.method.name()),
        "ref_rate": found.ok().map(|found| found.reference_rate * multiplier),
    });
    Ok(estimate(found.map(of), &beside))
}

#[derive(Deserialize)]
struct Two {
    x1: Option<f64>,
    n1: Option<f64>,
    x2: Option<f64>,
    n2: Option<f64>,
    confidence: Option<f64>,
}

impl Two {
    fn pair(&self) -> Option<((f64, f64), (f64, f64))> {
        Some(((self.x1?, self.n1?), (self.x2?, self.n2?)))
    }
}

pub(super) fn two_proportions(case: &Value) -> Result<Value, String> {
    let two: Two = input(case)?;
    let confidence = confidence(two.confidence)?;
    let found = two.pair().and_then(|(first, second)| proportion::difference(first, second, confidence));
    Ok(json!({
        "diff": found.map(|found| found.difference),
        "z": found.and_then(|found| found.z),
        "p_value": found.and_then(|found| found.p_value),
        "diff_lower": found.map(|found| found.interval.lower),
        "diff_upper": found.map(|found| found.interval.upper),
    }))
}

pub(super) fn two_rates(case: &Value) -> Result<Value, String> {
    let two: Two = input(case)?;
    let confidence = confidence(two.confidence)?;
    let found = two.pair().and_then(|(first, second)| rate::ratio(first, second, confidence));
    let interval = found.and_then(|found| found.interval);
    Ok(json!({
        "ratio": found.and_then(|found| found.ratio),
        "ratio_lower": interval.map(|interval| interval.lower),
        "ratio_upper": interval.map(|interval| interval.upper),
        "p_exact": found.and_then(|found| found.p_exact),
    }))
}

#[derive(Deserialize)]
struct Values {
    values: Vec<Option<f64>>,
    confidence: Option<f64>,
}

pub(super) fn mean_ci(case: &Value) -> Result<Value, String> {
    let Values { values, confidence: share } = input(case)?;
    let values: Vec<f64> = values.into_iter().flatten().collect();
    let found = mean::of(&values, confidence(share)?);
    Ok(json!({
        "n": found.n,
        "value": found.value,
        "stdev": found.deviation,
        "lower": found.interval.map(|interval| interval.lower),
        "upper": found.interval.map(|interval| interval.upper),
    }))
}
