//! Waivers: somebody decided that rows which break a rule are taken as they stand, or are known and stay out.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::settings::{ColumnConfig, ColumnType, ContractConfig};
use crate::period::Month;

/// Rule under which a delivery stands in the quarantine as a whole because too many of its rows break the contract.
pub const HELD: &str = "delivery_held";

/// `pipelines/*/waivers/<waiver>.toml`: rows of one delivery that break a rule, and what was decided about them.
/// `outturn quarantine waive` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WaiverConfig {
    /// Short name, the same as the file's.
    pub id: String,
    /// The feed.
    pub feed: String,
    /// The month of the delivery.
    pub period: Month,
    /// The rule that the rows break, as the quarantine names it. `delivery_held` lets a delivery in that is held because
    /// too many of its rows break the contract; the rows themselves stay out.
    pub rule: String,
    /// What becomes of the rows.
    pub effect: Effect,
    /// First sixteen digits of the digest of each delivery that is meant, as the quarantine has them. None: whatever the
    /// feed delivers for the month, also later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<String>,
    /// Lines that are meant. None: every row that breaks the rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u64>,
    /// Why, for the reader of the tables.
    pub why: String,
    /// Role of the person who decided it.
    pub by: String,
    /// The last day on which it applies.
    pub until: NaiveDate,
}

/// What a waiver does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The rows are taken as they stand. Only where the value itself can be kept: a code that is not listed, a number out
    /// of its range; or for a delivery that is held.
    Accept,
    /// The rows stay out, and no longer count as open: neither against the share above which the delivery is held nor
    /// among the rows that wait.
    Acknowledge,
}

impl Effect {
    /// The word in tables and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Acknowledge => "acknowledge",
        }
    }
}

impl WaiverConfig {
    /// Whether it applies on a day.
    #[must_use]
    pub fn is_active(&self, day: NaiveDate) -> bool {
        day <= self.until
    }

    /// Whether it is about a delivery, told by its digest.
    #[must_use]
    pub fn is_about(&self, content_sha256: &str) -> bool {
        self.deliveries.is_empty()
            || self.deliveries.iter().any(|digest| content_sha256.starts_with(digest.as_str()))
    }

    /// Whether it is about a row that breaks `rule` on a line.
    #[must_use]
    pub fn covers(&self, rule: &str, line: u64) -> bool {
        self.rule == rule && (self.lines.is_empty() || self.lines.contains(&line))
    }
}

/// Every rule that rows under a contract can break, with the strongest waiver that it allows.
///
/// A value is taken only where it can be kept as it is and nothing else hangs on it: not where the month, the place or
/// the type cannot be told, nor where the line itself cannot be read.
#[must_use]
pub fn rules_of(contract: &ContractConfig) -> BTreeMap<String, Effect> {
    let mut rules: BTreeMap<String, Effect> = BTreeMap::new();
    for rule in ["column_count", "bad_quoting", "bad_encoding", "line_too_long"] {
        rules.insert(rule.to_owned(), Effect::Acknowledge);
    }
    rules.insert(contract.month.rule.clone(), Effect::Acknowledge);
    rules.insert(HELD.to_owned(), Effect::Accept);
    for column in contract.column.iter().filter(|column| column.from.is_some()) {
        let effect = if can_be_kept(column) { Effect::Accept } else { Effect::Acknowledge };
        // Columns that share a rule share its weakest waiver.
        let known = rules.entry(rule_name(column)).or_insert(effect);
        *known = (*known).max(effect);
    }
    rules
}

/// Whether a value that breaks the column's rule may still be one that the column can hold.
fn can_be_kept(column: &ColumnConfig) -> bool {
    let coded = column.kind == ColumnType::Category && !column.codes.is_empty();
    let ranged = matches!(column.kind, ColumnType::Integer | ColumnType::Number) && column.range.is_some();
    column.lookup.is_none() && (coded || ranged)
}

/// Name of a column's rule in the quarantine.
#[must_use]
pub fn rule_name(column: &ColumnConfig) -> String {
    column.rule.clone().unwrap_or_else(|| {
        let word = if column.lookup.is_some() { "unknown" } else { "bad" };
        format!("{word}_{}", column.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_that_can_be_kept_as_they_are_can_be_accepted() {
        let contract: ContractConfig = toml::from_str(
            r#"
            id = "c"
            dataset = "d"
            grain = "one"
            header = ["Month", "Type", "Beat", "Value", "Day", "Name"]
            [month]
            from = "Month"
            format = "month"
            [[column]]
            name = "kind"
            from = "Type"
            type = "category"
            codes = ["A"]
            [[column]]
            name = "beat"
            from = "Beat"
            lookup = "beat"
            [[column]]
            name = "value"
            from = "Value"
            type = "number"
            range = [0.0, 9.0]
            [[column]]
            name = "day"
            from = "Day"
            type = "date"
            [[column]]
            name = "name"
            from = "Name"
            required = true
            "#,
        )
        .unwrap();
        let rules = rules_of(&contract);
        let of = |effect| -> Vec<&str> {
            rules.iter().filter(|(_, found)| **found == effect).map(|(rule, _)| rule.as_str()).collect()
        };
        assert_eq!(of(Effect::Accept), ["bad_kind", "bad_value", "delivery_held"]);
        assert_eq!(
            of(Effect::Acknowledge),
            [
                "bad_day",
                "bad_encoding",
                "bad_month",
                "bad_name",
                "bad_quoting",
                "column_count",
                "line_too_long",
                "unknown_beat"
            ]
        );
    }

    #[test]
    fn a_waiver_is_about_its_delivery_its_lines_and_its_days() {
        let waiver: WaiverConfig = toml::from_str(
            "id = \"w\"\nfeed = \"f\"\nperiod = \"2025-07\"\nrule = \"bad_kind\"\neffect = \"accept\"\n\
             deliveries = [\"ab12\"]\nlines = [3, 5]\nwhy = \"x\"\nby = \"Analyst\"\nuntil = \"2025-12-31\"\n",
        )
        .unwrap();
        assert!(waiver.is_about("ab12ff") && !waiver.is_about("ab13ff"));
        assert!(
            waiver.covers("bad_kind", 3) && !waiver.covers("bad_kind", 4) && !waiver.covers("bad_value", 3)
        );
        assert!(
            waiver.is_active("2025-12-31".parse().unwrap())
                && !waiver.is_active("2026-01-01".parse().unwrap())
        );
    }
}
