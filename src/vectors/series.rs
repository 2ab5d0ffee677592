//! Control charts, trends, changes, rolling years, seasons and the calendar.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use serde::Deserialize;
use serde_json::{Value, json};

use super::areas::polarity;
use super::input;
use crate::period::Month;
use crate::statistics::change::{self, ChangeKind, RollingKind};
use crate::statistics::periods::{self, Periods};
use crate::statistics::seasonal::{self, Season};
use crate::statistics::spc::{Settings, xmr};
use crate::statistics::trend::{self, TrendMethod, TrendPoint};
use crate::statistics::{Interval, Polarity};

#[derive(Deserialize)]
struct Chart {
    values: Vec<Option<f64>>,
    #[serde(default)]
    rebase_at: Vec<usize>,
    fix_after_n_points: Option<usize>,
    improvement_direction: Option<String>,
    target: Option<f64>,
    screen_outliers: Option<bool>,
    trend_points: Option<usize>,
    shift_points: Option<usize>,
}

pub(super) fn spc_xmr(case: &Value) -> Result<Value, String> {
    let chart: Chart = input(case)?;
    let standard = Settings::default();
    let settings = Settings {
        rebase_at: chart.rebase_at,
        fix_after: chart.fix_after_n_points,
        polarity: match chart.improvement_direction.as_deref() {
            Some("increase") => Polarity::High,
            Some("decrease") => Polarity::Low,
            None | Some("neutral") => Polarity::None,
            Some(other) => {
                return Err(format!(
                    "improvement_direction: expected increase, decrease or neutral, found {other}"
                ));
            }
        },
        target: chart.target,
        screen: chart.screen_outliers.unwrap_or(standard.screen),
        trend: chart.trend_points.unwrap_or(standard.trend),
        shift: chart.shift_points.unwrap_or(standard.shift),
    };
    let found = xmr(&chart.values, &settings).map_err(|error| error.to_string())?;
    let points = &found.points;
    let label = |rule: Option<crate::statistics::spc::Rule>| {
        rule.map_or_else(|| "Common Cause".to_owned(), |rule| rule.label(&settings))
    };
    Ok(json!({
        "mean": points.iter().map(|point| point.mean).collect::<Vec<_>>(),
        "lpl": points.iter().map(|point| point.lower).collect::<Vec<_>>(),
        "upl": points.iter().map(|point| point.upper).collect::<Vec<_>>(),
        "special_cause_type": points.iter().map(|point| label(point.rule())).collect::<Vec<_>>(),
        "point_type": points.iter().map(|point| point.variation.name()).collect::<Vec<_>>(),
        "short_group": points.iter().map(|point| point.trial).collect::<Vec<_>>(),
        "variation_icon": found.variation.map(crate::statistics::spc::Variation::name),
        "assurance_icon": found.assurance.map(crate::statistics::spc::Assurance::name),
    }))
}

#[derive(Deserialize)]
struct Trend {
    method: String,
    polarity: Option<String>,
    points: Vec<InYear>,
}

#[derive(Deserialize)]
struct InYear {
    year: i64,
    count: Option<f64>,
    denominator: Option<f64>,
    value: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
}

pub(super) fn trend_marker(case: &Value) -> Result<Value, String> {
    let Trend { method, polarity: word, points } = input(case)?;
    let method = match method.as_str() {
        "rate_with_ci" => TrendMethod::Weighted,
        "proportion" => TrendMethod::Proportion,
        other => return Err(format!("method: expected rate_with_ci or proportion, found {other}")),
    };
    let points: Vec<TrendPoint> = points
        .iter()
        .map(|year| TrendPoint {
            year: year.year,
            value: year.value,
            count: year.count,
            denominator: year.denominator,
            interval: year.lower.zip(year.upper).map(|(lower, upper)| Interval { lower, upper }),
        })
        .collect();
    let found = trend::marker(&points, method, polarity(word.as_deref())?);
    Ok(json!({"trend": found.trend.name(), "chi2": found.chi_squared}))
}

#[derive(Deserialize)]
struct Change {
    current: Option<f64>,
    previous: Option<f64>,
    kind: String,
    polarity: Option<String>,
}

pub(super) fn year_on_year(case: &Value) -> Result<Value, String> {
    let Change { current, previous, kind, polarity: word } = input(case)?;
    let kind = match kind.as_str() {
        "count" => ChangeKind::Count,
        "rate" => ChangeKind::Rate,
        "proportion" => ChangeKind::Proportion,
        other => return Err(format!("kind: expected count, rate or proportion, found {other}")),
    };
    let found = change::change(current, previous, kind, polarity(word.as_deref())?);
    Ok(json!({
        "absolute": found.absolute,
        "percent": found.percent,
        "points": found.points,
        "direction": found.direction.name(),
        "judgement": found.judgement.name(),
    }))
}

#[derive(Deserialize)]
struct Rolling {
    first_month: Month,
    numerator: Vec<Option<f64>>,
    denominator: Option<Vec<Option<f64>>>,
    kind: String,
    multiplier: Option<f64>,
}

pub(super) fn rolling_12_month(case: &Value) -> Result<Value, String> {
    let Rolling { first_month, numerator, denominator, kind, multiplier } = input(case)?;
    let kind = match kind.as_str() {
        "count" => RollingKind::Count,
        "rate" => RollingKind::Rate,
        "proportion" => RollingKind::Proportion,
        other => return Err(format!("kind: expected count, rate or proportion, found {other}")),
    };
    let years =
        change::rolling_year(&numerator, &denominator.unwrap_or_default(), kind, multiplier.unwrap_or(1.0));
    Ok(json!({
        "month": (0..).zip(&years).map(|(step, _)| first_month.plus(step)).collect::<Vec<_>>(),
        "count": years.iter().map(|year| year.count).collect::<Vec<_>>(),
        "value": years.iter().map(|year| year.value).collect::<Vec<_>>(),
        "complete": years.iter().map(|year| year.complete).collect::<Vec<_>>(),
    }))
}

#[derive(Deserialize)]
struct Seasonal {
    first_month: Month,
    values: Vec<Option<f64>>,
}

pub(super) fn seasonal(case: &Value) -> Result<Value, String> {
    let Seasonal { first_month, values } = input(case)?;
    let months = seasonal::same_months(&values);
    let per_day: Vec<Option<f64>> = values
        .iter()
        .zip(0..)
        .map(|(value, step)| {
            let month = first_month.plus(step);
            value.map(|value| value / f64::from(periods::days_in_month(month.year(), month.number())))
        })
        .collect();
    Ok(json!({
        "same_month_last_year": months.iter().map(|month| month.last_year).collect::<Vec<_>>(),
        "pct_vs_same_month_last_year": months.iter().map(|month| month.percent).collect::<Vec<_>>(),
        "same_month_mean_3y": months.iter().map(|month| month.mean_3_years).collect::<Vec<_>>(),
        "diff_vs_mean_3y": months.iter().map(|month| month.difference).collect::<Vec<_>>(),
        "per_day": per_day,
        "seasonal_additive": seasonal::indices(&values, Season::Additive),
        "seasonal_multiplicative": seasonal::indices(&values, Season::Multiplicative),
    }))
}

#[derive(Deserialize)]
struct Timestamp {
    timestamp: Option<String>,
}

/// The day in London of a date, which is local already, or of a date-time with its offset.
fn day(text: &str) -> Result<NaiveDate, String> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day);
    }
    let with_offset = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"];
    let instant =
        with_offset.iter().find_map(|format| DateTime::<FixedOffset>::parse_from_str(text, format).ok());
    if let Some(instant) = instant.or_else(|| DateTime::parse_from_rfc3339(text).ok()) {
        return Ok(periods::london_day(instant));
    }
    // Without an offset the time is London's own.
    text.parse::<NaiveDateTime>()
        .map(|local| local.date())
        .map_err(|_| format!("timestamp: expected an ISO 8601 date or date-time, found {text}"))
}

pub(super) fn periods(case: &Value) -> Result<Value, String> {
    let Timestamp { timestamp } = input(case)?;
    let day = timestamp.as_deref().map(day).transpose()?;
    let found = day.map(Periods::of);
    Ok(json!({
        "local_date": day,
        "month": day.map(Month::containing),
        "financial_year": found.map(Periods::financial_year),
        "financial_quarter": found.map(Periods::financial_quarter),
        "calendar_quarter": found.map(Periods::calendar_quarter),
        "quarter_start": found.map(|found| found.quarter().0),
        "quarter_end": found.map(|found| found.quarter().1),
        "financial_year_start": found.map(|found| found.financial_year_days().0),
        "financial_year_end": found.map(|found| found.financial_year_days().1),
        "days_in_financial_year": found.map(Periods::days_in_financial_year),
        "days_in_month": found.map(Periods::days_in_month),
    }))
}
