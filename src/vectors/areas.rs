//! Areas beside benchmarks, each other, their targets and their own history.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::input;
use crate::statistics::benchmark::{self, Funnel, FunnelKind, Outcome};
use crate::statistics::rank::{self, Order};
use crate::statistics::rebase::{self, Record, Succession};
use crate::statistics::target::{self, Target};
use crate::statistics::{Interval, Polarity};

/// A polarity as a case writes it.
pub(super) fn polarity(word: Option<&str>) -> Result<Polarity, String> {
    match word {
        Some("low") => Ok(Polarity::Low),
        Some("high") => Ok(Polarity::High),
        None | Some("none") => Ok(Polarity::None),
        Some(other) => Err(format!("polarity: expected low, high or none, found {other}")),
    }
}

fn interval(lower: Option<f64>, upper: Option<f64>) -> Option<Interval> {
    lower.zip(upper).map(|(lower, upper)| Interval { lower, upper })
}

#[derive(Deserialize)]
struct Compared {
    method: Option<String>,
    value: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    benchmark: Option<f64>,
    benchmark_lower: Option<f64>,
    benchmark_upper: Option<f64>,
    polarity: Option<String>,
}

pub(super) fn benchmark_ci(case: &Value) -> Result<Value, String> {
    let given: Compared = input(case)?;
    let area = interval(given.lower, given.upper).filter(|_| given.value.is_some());
    let position = match given.method.as_deref().unwrap_or("ci_vs_value") {
        "ci_vs_value" => {
            area.zip(given.benchmark).map(|(area, benchmark)| benchmark::interval_to_value(area, benchmark))
        }
        "ci_vs_ci" => area
            .zip(interval(given.benchmark_lower, given.benchmark_upper))
            .filter(|_| given.benchmark.is_some())
            .map(|(area, benchmark)| benchmark::interval_to_interval(area, benchmark)),
        other => return Err(format!("method: expected ci_vs_value or ci_vs_ci, found {other}")),
    };
    let outcome = Outcome::read(position, polarity(given.polarity.as_deref())?);
    Ok(json!({ "outcome": outcome.name() }))
}

#[derive(Deserialize)]
struct SpcProportion {
    value: Option<f64>,
    denominator: Option<f64>,
    benchmark: Option<f64>,
    z: f64,
    unit: f64,
    polarity: Option<String>,
}

pub(super) fn benchmark_spc_proportion(case: &Value) -> Result<Value, String> {
    let given: SpcProportion = input(case)?;
    let limits =
        given.benchmark.zip(given.denominator).filter(|_| given.value.is_some()).and_then(
            |(value, denominator)| benchmark::control_limits(value, denominator, given.z, given.unit),
        );
    let position = given.value.zip(limits).map(|(value, limits)| benchmark::value_to_limits(value, limits));
    Ok(json!({
        "outcome": Outcome::read(position, polarity(given.polarity.as_deref())?).name(),
        "control_lower": limits.map(|limits| limits.lower),
        "control_upper": limits.map(|limits| limits.upper),
    }))
}

#[derive(Deserialize)]
struct FunnelAreas {
    statistic: String,
    x: Vec<Option<f64>>,
    n: Vec<Option<f64>>,
}

pub(super) fn funnel_significance(case: &Value) -> Result<Value, String> {
    let FunnelAreas { statistic, x, n } = input(case)?;
    let kind = match statistic.as_str() {
        "proportion" => FunnelKind::Proportion,
        "rate" => FunnelKind::Rate,
        "ratio" => FunnelKind::Ratio,
        other => return Err(format!("statistic: expected proportion, rate or ratio, found {other}")),
    };
    if x.len() != n.len() {
        return Err(format!("lists of different lengths: {} and {}", x.len(), n.len()));
    }
    let areas: Vec<_> = x.into_iter().zip(n).collect();
    let labels: Vec<Option<&str>> =
        benchmark::funnel(kind, &areas).into_iter().map(|funnel| funnel.map(Funnel::label)).collect();
    Ok(json!({ "significance": labels }))
}

#[derive(Deserialize)]
struct Peers {
    area: String,
    group: Vec<String>,
    data: BTreeMap<String, Counts>,
}

#[derive(Deserialize)]
struct Counts {
    count: Option<f64>,
    population: Option<f64>,
}

pub(super) fn peer_group_average(case: &Value) -> Result<Value, String> {
    let Peers { area, group, data } = input(case)?;
    let group: Vec<&str> = group.iter().map(String::as_str).collect();
    let counts =
        data.iter().map(|(code, counts)| (code.as_str(), (counts.count, counts.population))).collect();
    let found = benchmark::peer_group(&area, &group, &counts, 1000.0);
    Ok(json!({
        "members_used": found.members,
        "unweighted_mean": found.mean,
        "pooled_rate": found.pooled,
        "own_rate": found.own,
        "rank_low_first": found.rank,
    }))
}

#[derive(Deserialize)]
struct Ranked {
    values: Vec<Option<f64>>,
    polarity: Option<String>,
}

pub(super) fn rank(case: &Value) -> Result<Value, String> {
    let Ranked { values, polarity: word } = input(case)?;
    let ranks = rank::ranks(&values, Order::best_first(polarity(word.as_deref())?));
    Ok(json!({
        "rank": ranks.iter().map(|rank| rank.map(|rank| rank.rank)).collect::<Vec<_>>(),
        "dense_rank": ranks.iter().map(|rank| rank.map(|rank| rank.dense)).collect::<Vec<_>>(),
        "of": rank::ranked(&values),
    }))
}

#[derive(Deserialize)]
struct Grouped {
    values: Vec<Option<f64>>,
    quantiles: u32,
    #[serde(default)]
    invert: bool,
}

pub(super) fn quantiles(case: &Value) -> Result<Value, String> {
    let Grouped { values, quantiles, invert } = input(case)?;
    let order = if invert { Order::HighestFirst } else { Order::LowestFirst };
    Ok(json!({ "quantile": rank::quantile_groups(&values, quantiles, order) }))
}

#[derive(Deserialize)]
struct Classed {
    values: Vec<Option<f64>>,
    categories: u32,
}

pub(super) fn category_bounds(case: &Value) -> Result<Value, String> {
    let Classed { values, categories } = input(case)?;
    let values: Vec<f64> = values.into_iter().flatten().collect();
    Ok(json!({ "bounds": rank::category_bounds(&values, categories) }))
}

#[derive(Deserialize)]
struct Geography {
    lookup: Vec<Code>,
    records: Vec<Counted>,
    target: String,
}

#[derive(Deserialize)]
struct Code {
    code: String,
    #[serde(default)]
    successors: Vec<String>,
}

#[derive(Deserialize)]
struct Counted {
    period: String,
    code: String,
    count: Option<f64>,
    population: Option<f64>,
}

pub(super) fn geography_rebase(case: &Value) -> Result<Value, String> {
    let Geography { lookup, records, target } = input(case)?;
    let successions: Vec<Succession<'_>> = lookup
        .iter()
        .map(|code| Succession {
            code: &code.code,
            successors: code.successors.iter().map(String::as_str).collect(),
        })
        .collect();
    let records: Vec<Record<'_>> = records
        .iter()
        .map(|record| Record {
            period: &record.period,
            code: &record.code,
            count: record.count,
            population: record.population,
        })
        .collect();
    let series: Vec<Value> = rebase::rebase(&target, &successions, &records)
        .iter()
        .map(|row| {
            json!({
                "period": row.period,
                "count": row.count,
                "population": row.population,
                "rate_per_1000": row.rate(1000.0),
                "built_from": row.built_from,
            })
        })
        .collect();
    Ok(json!({"target": target, "series": series}))
}

#[derive(Deserialize)]
struct Aim {
    mode: String,
    value: Option<f64>,
    polarity: Option<String>,
    target: Option<f64>,
    target_upper: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
}

pub(super) fn target_rag(case: &Value) -> Result<Value, String> {
    let aim: Aim = input(case)?;
    let target = match aim.mode.as_str() {
        "single" => aim.target.map(Target::Value),
        "single_ci" => aim.target.map(Target::Interval),
        "range" => aim.target.zip(aim.target_upper).map(|(lower, upper)| Target::Range(lower, upper)),
        other => return Err(format!("mode: expected single, single_ci or range, found {other}")),
    };
    let polarity = polarity(aim.polarity.as_deref())?;
    let outcome = target.map_or(Outcome::NotCompared, |target| {
        target::compare(aim.value, interval(aim.lower, aim.upper), target, polarity)
    });
    Ok(json!({"outcome": outcome.name(), "rag": target::Rag::from(outcome).name()}))
}
