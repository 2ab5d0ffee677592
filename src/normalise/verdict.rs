//! A delivery as a whole: used, held, or refused, and in which words.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::contract::Contract;
use super::{DeliveryReport, DeliveryStatus, Finding, drift};
use crate::config::settings::FeedConfig;
use crate::waiver::LetIn;

/// What the rows of a part, or of a delivery, are when they are held against the contract.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Judged {
    /// Rows that it brings.
    pub(super) received: u64,
    /// Rows that keep the contract.
    pub(super) accepted: u64,
    /// Rows that repeat an accepted one.
    pub(super) duplicate: u64,
    /// Rows that break the contract.
    pub(super) quarantined: u64,
    /// These by rule.
    pub(super) rules: BTreeMap<String, u64>,
    /// How many of them somebody knows of, so that they no longer count as open.
    #[serde(default)]
    pub(super) acknowledged: u64,
    /// These by the header of the column.
    pub(super) broken: BTreeMap<String, u64>,
    /// Every row stands an even number of times.
    pub(super) doubled: bool,
    /// Why the delivery cannot be used, where one of its rows says so.
    #[serde(default)]
    pub(super) refused: Option<String>,
}

/// A delivery none of whose rows is used.
pub(super) fn turned_down(
    mut report: DeliveryReport,
    status: DeliveryStatus,
    note: String,
) -> DeliveryReport {
    let received = report.received;
    if status == DeliveryStatus::Refused {
        report.rules.clear();
        report.quarantined = 0;
    }
    if received > 0 {
        report.rules.insert(format!("delivery_{}", status.name()), received - report.quarantined);
    }
    (report.status, report.note) = (status, note);
    (report.accepted, report.duplicate, report.quarantined) = (0, 0, received);
    report
}

/// A delivery as a whole, once all its rows are known: it may still be refused, or held until a waiver lets it in.
pub(super) fn judge_whole(
    feed: &FeedConfig,
    contract: &Contract,
    let_in: Option<&LetIn>,
    mut report: DeliveryReport,
    judged: &Judged,
) -> DeliveryReport {
    use DeliveryStatus::{Held, Refused};
    let received = report.received;
    if let Some(note) = &judged.refused {
        return turned_down(report, Refused, note.clone());
    }
    if received == 0 && !feed.allow_empty {
        return turned_down(report, Refused, "the file has a header and no row".to_owned());
    }
    // A file of a few rows may be so by chance.
    if judged.doubled && received >= 20 {
        let note =
            format!("every one of its {received} rows stands an even number of times: published twice over");
        report.findings.push(finding(drift::DOUBLED, received, &note));
        return turned_down(report, Refused, note);
    }
    report.findings.extend(drift::of_rows(&feed.drift, &contract.config, received, &judged.broken));
    let allowed = feed.hold_above_quarantined_share;
    let mut held = None;
    let open = report.quarantined.saturating_sub(judged.acknowledged);
    if open as f64 / received.max(1) as f64 > allowed {
        let worst = report.rules.iter().max_by_key(|(_, n)| **n);
        let worst = worst.map(|(rule, _)| rule.clone()).unwrap_or_default();
        let note = format!(
            "{open} of {received} rows break the contract, most of them `{worst}`; the feed allows {} %",
            allowed * 100.0
        );
        report.findings.push(finding(drift::QUARANTINED_SHARE, report.quarantined, &note));
        held = Some(note);
    }
    match drift::verdict(&feed.drift, &report.findings) {
        Some((Refused, note)) => return turned_down(report, Refused, note),
        Some((_, note)) => held = held.or(Some(note)),
        None => {}
    }
    match (held, let_in) {
        (None, _) => report,
        (Some(note), None) => turned_down(report, Held, note),
        (Some(note), Some(let_in)) => {
            let_pass(&mut report, &note, let_in);
            report
        }
    }
}

/// Notes that a delivery would be held and is used all the same.
pub(super) fn let_pass(report: &mut DeliveryReport, why: &str, let_in: &LetIn) {
    // It may be held for two reasons.
    let words = if report.note.contains(&let_in.words) { "" } else { let_in.words.as_str() };
    report.note = joined(&[&report.note, why, words]);
    report.waived.insert(let_in.waiver.clone(), report.quarantined);
}

pub(super) fn finding(rule: &str, rows: u64, detail: &str) -> Finding {
    Finding { rule: rule.to_owned(), column: String::new(), rows, detail: detail.to_owned() }
}

/// Sentences of a note, one behind the other.
pub(super) fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("; ")
}

/// Adds a sentence to a note.
pub(super) fn add_note(note: &mut String, text: &str) {
    if !note.is_empty() && !text.is_empty() {
        note.push_str("; ");
    }
    note.push_str(text);
}

/// Whether every row stands an even number of times.
pub(super) fn is_doubled(multiplicity: &HashMap<u64, u32, foldhash::fast::FixedState>) -> bool {
    !multiplicity.is_empty() && multiplicity.values().all(|times| times.is_multiple_of(2))
}
