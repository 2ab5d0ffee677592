//! Waivers: somebody decided that rows which break a rule are taken as they stand, or are known and stay out.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::settings::{ColumnConfig, ColumnType, ContractConfig, Severity};
use crate::landing::Delivery;
use crate::period::Month;

/// Rule under which a delivery stands in the quarantine as a whole because it is held.
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
    /// The rule that the rows break, as the quarantine names it. `delivery_held` lets a delivery in that is held, for
    /// rows that break the contract or for what is unusual about it; such rows themselves stay out.
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

/// That somebody lets a delivery in though it would be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetIn {
    /// The waiver.
    pub waiver: String,
    /// Who and until when, for the note of the delivery.
    pub words: String,
}

/// What a waiver does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The rows are taken as they stand. Only where the value itself can be kept: a code that is not listed, a number out
    /// of its range, a text of another form or length, a row that fails a check; or for a delivery that is held.
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

    /// What it says of a delivery that would be held; `None` where it lets it not in.
    #[must_use]
    pub fn lets_in(&self, delivery: &Delivery) -> Option<LetIn> {
        let lets = self.rule == HELD
            && self.effect == Effect::Accept
            && self.feed == delivery.feed
            && self.period == delivery.period
            && self.is_about(&delivery.content_sha256);
        lets.then(|| LetIn {
            waiver: self.id.clone(),
            words: format!("let in by {} until {} (waiver `{}`)", self.by, self.until, self.id),
        })
    }

    /// Whether it is about a row that breaks `rule` on a line.
    #[must_use]
    pub fn covers(&self, rule: &str, line: u64) -> bool {
        self.rule == rule && (self.lines.is_empty() || self.lines.contains(&line))
    }
}

/// Rules about a line that cannot be read, whatever the contract says.
const UNREADABLE: [&str; 6] =
    ["column_count", "bad_quoting", "bad_encoding", "line_too_long", "bad_json", "bad_structure"];

/// Every rule that rows under a contract can break, with the strongest waiver that it allows.
///
/// A value is taken only where it can be kept as it is and nothing else hangs on it: not where the month, the place or
/// the type cannot be told, a computed value is not what it must be, or the line itself cannot be read. A row that fails
/// a check holds nothing that could not be kept.
#[must_use]
pub fn rules_of(contract: &ContractConfig) -> BTreeMap<String, Effect> {
    let mut rules: BTreeMap<String, Effect> = BTreeMap::new();
    let mut allow = |rule: String, effect: Effect| {
        // Columns and checks that share a rule share its weakest waiver.
        let known = rules.entry(rule).or_insert(effect);
        *known = (*known).max(effect);
    };
    for rule in UNREADABLE {
        allow(rule.to_owned(), Effect::Acknowledge);
    }
    allow(contract.month.rule.clone(), Effect::Acknowledge);
    allow(HELD.to_owned(), Effect::Accept);
    for column in contract.column.iter().filter(|column| column.from.is_some() || column.derive.is_some()) {
        allow(rule_name(column), if can_be_kept(column) { Effect::Accept } else { Effect::Acknowledge });
    }
    for check in contract.check.iter().filter(|check| check.severity == Severity::Quarantine) {
        allow(check.rule.clone(), Effect::Accept);
    }
    rules
}

/// Whether a value that breaks the column's rule may still be one that the column can hold.
fn can_be_kept(column: &ColumnConfig) -> bool {
    let coded = !column.codes.is_empty() || column.codes_from.is_some();
    let ruled = match column.kind {
        ColumnType::Category => coded,
        ColumnType::Integer | ColumnType::Number => column.range.is_some(),
        ColumnType::Text => {
            column.pattern.is_some() || column.min_length.is_some() || column.max_length.is_some()
        }
        _ => false,
    };
    column.from.is_some() && column.lookup.is_none() && !column.person && ruled
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
            [[column]]
            name = "postcode"
            from = "Postcode"
            pattern = "[A-Z]+"
            [[column]]
            name = "team"
            from = "Team"
            type = "category"
            codes-from = "team"
            [[column]]
            name = "victim"
            from = "Victim"
            person = true
            [[column]]
            name = "half"
            type = "number"
            derive = "value / 2"
            range = [0.0, 4.0]
            [[check]]
            rule = "too_late"
            expect = "day IS NULL OR value > 0"
            message = "it is too late"
            [[check]]
            rule = "only_told"
            expect = "value > 1"
            message = "it is small"
            severity = "warn"
            [[check]]
            rule = "bad_day"
            expect = "value > 2"
            message = "it shares its rule with a column"
            "#,
        )
        .unwrap();
        let rules = rules_of(&contract);
        let of = |effect| -> Vec<&str> {
            rules.iter().filter(|(_, found)| **found == effect).map(|(rule, _)| rule.as_str()).collect()
        };
        assert_eq!(
            of(Effect::Accept),
            ["bad_kind", "bad_postcode", "bad_team", "bad_value", "delivery_held", "too_late"]
        );
        assert_eq!(
            of(Effect::Acknowledge),
            [
                "bad_day",
                "bad_encoding",
                "bad_half",
                "bad_json",
                "bad_month",
                "bad_name",
                "bad_quoting",
                "bad_structure",
                "bad_victim",
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
