//! What cells of tables for people say.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input;
use crate::statistics::display::{self, Flag, Shown};

#[derive(Deserialize)]
struct Cell {
    value: Option<f64>,
    decimals: Option<usize>,
    #[serde(default)]
    flags: Vec<String>,
    status: Option<String>,
}

pub(super) fn display_shorthand(case: &Value) -> Result<Value, String> {
    let Cell { value, decimals, flags, status } = input(case)?;
    let shown = match status.as_deref() {
        None | Some("ok") => value.map_or(Shown::NotAvailable, Shown::Value),
        Some("not_available") => Shown::NotAvailable,
        Some("confidential") => Shown::Confidential,
        Some("not_applicable") => Shown::NotApplicable,
        Some("none_recorded_in_survey") => Shown::NoneRecorded,
        Some(other) => return Err(format!("status: {other} is not one that is shown")),
    };
    let flag = |name: &String| {
        let found = Flag::ALL.into_iter().find(|flag| flag.name() == name);
        found.ok_or_else(|| format!("flags: {name} is not one that is shown"))
    };
    let flags = flags.iter().map(flag).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "text": display::text(shown, decimals.unwrap_or(0), &flags) }))
}

#[derive(Deserialize)]
struct Counts {
    values: Vec<Option<f64>>,
    base: f64,
}

pub(super) fn round_to_base(case: &Value) -> Result<Value, String> {
    let Counts { values, base } = input(case)?;
    let rounded: Vec<Option<f64>> =
        values.into_iter().map(|value| value.and_then(|value| display::round_to_base(value, base))).collect();
    Ok(json!({ "rounded": rounded }))
}
