//! Surveys and cohorts.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

use super::counts::confidence;
use super::input;
use crate::statistics::cohort::{self, Event, Offence};
use crate::statistics::survey::{self, Answer};

#[derive(Deserialize)]
struct Survey {
    y: Vec<Option<f64>>,
    w: Vec<Option<f64>>,
    stratum: Option<Vec<Option<Value>>>,
    psu: Option<Vec<Option<Value>>>,
    group: Option<Vec<Option<Value>>>,
    confidence: Option<f64>,
}

/// A label as text, whether a case writes it as a text or as a number.
fn label(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A list of labels, one for each of `rows` rows; `None` where the case has none.
fn labels(list: Option<Vec<Option<Value>>>, rows: usize) -> Result<Vec<Option<String>>, String> {
    let list = list.unwrap_or_else(|| vec![None; rows]);
    if list.len() != rows {
        return Err(format!("lists of different lengths: {rows} and {}", list.len()));
    }
    Ok(list.into_iter().map(|value| value.as_ref().map(label)).collect())
}

pub(super) fn survey_proportion(case: &Value) -> Result<Value, String> {
    let Survey { y, w, stratum, psu, group, confidence: share } = input(case)?;
    let rows = y.len();
    if w.len() != rows {
        return Err(format!("lists of different lengths: {rows} and {}", w.len()));
    }
    let (strata, units, groups) = (labels(stratum, rows)?, labels(psu, rows)?, labels(group, rows)?);
    let mut answers = Vec::with_capacity(rows);
    for ((y, weight), (stratum, (unit, group))) in
        y.iter().zip(w).zip(strata.iter().zip(units.iter().zip(&groups)))
    {
        let yes = match y {
            None => None,
            Some(0.0) => Some(false),
            Some(1.0) => Some(true),
            Some(other) => return Err(format!("y: expected 1, 0 or null, found {other}")),
        };
        answers.push(Answer {
            yes,
            weight,
            stratum: stratum.as_deref().unwrap_or_default(),
            unit: unit.as_deref(),
            group: group.as_deref(),
        });
    }
    let found = survey::proportion(&answers, confidence(share)?);
    let shares: Vec<Value> = found
        .groups
        .iter()
        .map(|group| json!({"group": group.group, "base": group.base, "p": group.share, "se": group.error}))
        .collect();
    let difference = found.difference.map(|difference| {
        json!({
            "estimate": difference.estimate,
            "se": difference.error,
            "t": difference.t,
            "df": difference.freedom,
            "p_value": difference.p_value,
            "significant_95": difference.significant(),
        })
    });
    Ok(json!({
        "base": found.base,
        "weighted_base": found.weighted_base,
        "p": found.share,
        "se": found.error,
        "deff": found.design_effect,
        "deff_kish": found.kish_effect,
        "n_effective": found.effective_base,
        "lower_wilson_neff": found.wilson.map(|interval| interval.lower),
        "upper_wilson_neff": found.wilson.map(|interval| interval.upper),
        "lower_logit": found.logit.map(|interval| interval.lower),
        "upper_logit": found.logit.map(|interval| interval.upper),
        "df": found.freedom,
        "groups": shares,
        "difference": difference,
    }))
}

#[derive(Deserialize)]
struct Waves {
    p1: Option<f64>,
    se1: Option<f64>,
    p2: Option<f64>,
    se2: Option<f64>,
    confidence: Option<f64>,
}

pub(super) fn survey_two_waves(case: &Value) -> Result<Value, String> {
    let Waves { p1, se1, p2, se2, confidence: share } = input(case)?;
    let confidence = confidence(share)?;
    let waves = p1.zip(se1).zip(p2.zip(se2));
    let found = waves.and_then(|(earlier, later)| survey::change(earlier, later, confidence));
    Ok(json!({
        "difference": found.map(|found| found.difference),
        "se": found.map(|found| found.error),
        "z": found.and_then(|found| found.z),
        "p_value": found.and_then(|found| found.p_value),
        "significant_95": found.and_then(|found| found.significant()),
        "lower": found.map(|found| found.interval.lower),
        "upper": found.map(|found| found.interval.upper),
    }))
}

#[derive(Deserialize)]
struct Followed {
    cohort: Vec<Entry>,
    offences: Vec<Committed>,
    as_of: NaiveDate,
}

#[derive(Deserialize)]
struct Entry {
    person: Value,
    entry: NaiveDate,
}

#[derive(Deserialize)]
struct Committed {
    person: Value,
    offence: NaiveDate,
    proven: Option<NaiveDate>,
}

pub(super) fn proven_reoffending(case: &Value) -> Result<Value, String> {
    let Followed { cohort, offences, as_of } = input(case)?;
    let people: Vec<String> = cohort.iter().map(|entry| label(&entry.person)).collect();
    let offenders: Vec<String> = offences.iter().map(|offence| label(&offence.person)).collect();
    let entries: Vec<(&str, NaiveDate)> =
        people.iter().zip(&cohort).map(|(person, entry)| (person.as_str(), entry.entry)).collect();
    let offences: Vec<Offence<'_>> = offenders
        .iter()
        .zip(&offences)
        .map(|(person, offence)| Offence { person, committed: offence.offence, proven: offence.proven })
        .collect();
    let found = cohort::proven_reoffending(&entries, &offences, as_of);
    let figures = found.figures;
    Ok(json!({
        "cohort": found.cohort,
        "mature": figures.is_some(),
        "reoffenders": figures.map(|figures| figures.reoffenders),
        "reoffences": figures.map(|figures| figures.reoffences),
        "binary_rate": figures.map(|figures| figures.binary_rate),
        "frequency_rate": figures.and_then(|figures| figures.frequency_rate),
        "frequency_per_offender": figures.map(|figures| figures.per_offender),
        "latest_entry_plus_18_months": found.mature_from,
    }))
}

#[derive(Deserialize)]
struct Marac {
    referrals: Vec<Referral>,
    period_start: NaiveDate,
    period_end: NaiveDate,
}

#[derive(Deserialize)]
struct Referral {
    id: Value,
    date: NaiveDate,
    victim: Value,
    perpetrator: Value,
}

pub(super) fn marac_repeats(case: &Value) -> Result<Value, String> {
    let Marac { mut referrals, period_start, period_end } = input(case)?;
    referrals.sort_by(|a, b| match (a.id.as_f64(), b.id.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => label(&a.id).cmp(&label(&b.id)),
    });
    let keys: Vec<String> = referrals
        .iter()
        .map(|referral| json!([label(&referral.victim), label(&referral.perpetrator)]).to_string())
        .collect();
    let events: Vec<Event<'_>> =
        keys.iter().zip(&referrals).map(|(key, referral)| Event { key, day: referral.date }).collect();
    let found = cohort::repeats(&events, (period_start, period_end), 12);
    let ids: BTreeMap<usize, &Value> = referrals.iter().map(|referral| &referral.id).enumerate().collect();
    let flags: Vec<Value> =
        found.events.iter().map(|(place, repeat)| json!({"id": ids.get(place), "repeat": repeat})).collect();
    Ok(json!({
        "cases": found.events.len(),
        "repeats": found.repeats,
        "repeat_rate": found.repeat_rate,
        "flags": flags,
    }))
}
