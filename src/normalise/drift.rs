//! How a delivery differs from what was agreed or from what is usual, in words for its supplier, and what follows from it.
//!
//! No finding holds a value of a row: what a column is called and how many rows are concerned is all that it tells.

use std::collections::BTreeMap;

use super::{DeliveryReport, DeliveryStatus, Finding};
use crate::config::settings::{
    ColumnType, ContractConfig, DeliveryMode, DriftConfig, FeedConfig, HeaderEntry, Policy,
};
use crate::period::Month;

/// A column that the contract does not list.
pub const NEW_COLUMN: &str = "new_column";
/// A column of the contract that is not there.
pub const MISSING_COLUMN: &str = "missing_column";
/// The same, where another column looks like it under a new name.
pub const RENAMED_COLUMN: &str = "renamed_column";
/// Columns in another order.
pub const REORDERED_COLUMNS: &str = "reordered_columns";
/// A column most values of which are not of its type.
pub const TYPE_FLIP: &str = "type_flip";
/// A value that is not among a column's codes.
pub const NEW_CODE: &str = "new_code";
/// A number of rows far from the usual.
pub const ROW_COUNT: &str = "unusual_row_count";
/// More rows break the contract than the feed allows.
pub const QUARANTINED_SHARE: &str = "quarantined_share";
/// A month that is only partly there.
pub const PARTIAL_PERIOD: &str = "partial_period";
/// Every row stands an even number of times.
pub const DOUBLED: &str = "published_twice";
/// Rows whose month cannot be told.
pub const UNTOLD_MONTH: &str = "untold_month";
/// Rows of months that the feed does not deliver.
pub const OUTSIDE_MONTHS: &str = "months_outside";
/// Rows of one key that are equally late and differ.
pub const TIE: &str = "latest_tie";
/// Rows of a key that stands already, with other contents.
pub const KEY_STANDS: &str = "key_stands_already";

/// Fewest months before from which it is judged what is usual.
const FEWEST: usize = 3;
/// Most months before that count for it.
const MOST: usize = 12;
/// Rows that chance would bring in the empty days at the end of a month, from which none is no chance.
const NO_CHANCE: f64 = 10.0;

/// What the header tells.
#[must_use]
pub fn of_header(contract: &ContractConfig, header: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let agreed = contract.header_entries();
    let find = |rule: &str, column: &str, detail: String| Finding {
        rule: rule.to_owned(),
        column: super::field::clip(column),
        rows: 0,
        detail,
    };
    // Where each agreed column came, under its name or a synonym of it.
    let came = |entry: &HeaderEntry| {
        header.iter().position(|name| {
            *name == entry.name || entry.synonyms.iter().any(|synonym| synonym.name == *name)
        })
    };
    let places: Vec<Option<usize>> = agreed.iter().map(came).collect();
    let known: Vec<usize> = places.iter().flatten().copied().collect();
    // Where hardly a name is right, the line may be none of names but the first row, which is nobody's business.
    let few = known.len() < agreed.len().div_ceil(2);
    let mut unknown: Vec<&str> = if few {
        Vec::new()
    } else {
        header
            .iter()
            .enumerate()
            .filter(|(at, _)| !known.contains(at))
            .map(|(_, name)| name.as_str())
            .collect()
    };
    let missing = agreed.iter().zip(&places).filter(|(entry, at)| at.is_none() && !entry.optional);
    for (HeaderEntry { name, .. }, _) in missing {
        if let Some(other) = nearest(name, &unknown) {
            unknown.retain(|known| *known != other);
            let other = super::field::clip(other);
            let detail =
                format!("column `{name}` was agreed and is missing; `{other}` may be it under a new name");
            findings.push(find(RENAMED_COLUMN, name, detail));
        } else {
            let detail = format!("column `{name}` was agreed and is missing");
            findings.push(find(MISSING_COLUMN, name, detail));
        }
    }
    for name in unknown {
        let detail = format!("column `{}` was not agreed; it is left out", super::field::clip(name));
        findings.push(find(NEW_COLUMN, name, detail));
    }
    // Without a list of the header no order was agreed.
    if !contract.header.is_empty() && !known.is_sorted() {
        let detail =
            "the columns come in another order than was agreed; they are read by their names".to_owned();
        findings.push(find(REORDERED_COLUMNS, "", detail));
    }
    findings
}

/// The column that looks most like another one.
fn nearest<'a>(name: &str, others: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| -> String {
        text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(name);
    let best = others.iter().map(|other| {
        let found = plain(other);
        let apart = strsim::damerau_levenshtein(&wanted, &found);
        // One name within the other, as `Beat` in `Beat code`.
        let within =
            wanted.len() >= 3 && (found.contains(&wanted) || wanted.contains(&found) && found.len() >= 3);
        (if within { apart.min(1) } else { apart }, *other)
    });
    best.min().filter(|(apart, other)| *apart <= 1 + name.len().max(other.len()) / 3).map(|(_, other)| other)
}

/// What the rows tell: `broken` has the rows that break a rule of a column, by the column's header.
#[must_use]
pub fn of_rows(
    drift: &DriftConfig,
    contract: &ContractConfig,
    received: u64,
    broken: &BTreeMap<String, u64>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for column in &contract.column {
        let Some(from) = &column.from else { continue };
        let Some(rows) = broken.get(from).copied() else { continue };
        let typed = matches!(
            column.kind,
            ColumnType::Integer
                | ColumnType::Number
                | ColumnType::Date
                | ColumnType::Timestamp
                | ColumnType::Flag
                | ColumnType::Hex
        );
        let share = rows as f64 / received.max(1) as f64;
        let (rule, detail) = if typed && column.lookup.is_none() && share >= drift.type_flip_share {
            let what = format!("{:?}", column.kind).to_lowercase();
            (
                TYPE_FLIP,
                format!("{rows} of {received} values of column `{from}` are not of type {what} as agreed"),
            )
        } else if !column.codes.is_empty() {
            (
                NEW_CODE,
                format!("{rows} rows have a value in column `{from}` that is not among the codes agreed"),
            )
        } else if let Some(lookup) = &column.lookup {
            (
                NEW_CODE,
                format!("{rows} rows have a value in column `{from}` that is not in look-up `{lookup}`"),
            )
        } else {
            continue;
        };
        findings.push(Finding { rule: rule.to_owned(), column: from.clone(), rows, detail });
    }
    findings
}

/// What the number of rows tells, held against those of earlier deliveries, the latest last.
#[must_use]
pub fn of_count(drift: &DriftConfig, received: u64, earlier: &[u64]) -> Option<Finding> {
    let usual = median(earlier)?;
    if usual < drift.rows_at_least as f64 {
        return None;
    }
    let rows = received as f64;
    if rows <= usual * drift.rows_above && rows >= usual * drift.rows_below {
        return None;
    }
    let detail = format!("{received} rows came, where {usual:.0} are usual");
    Some(Finding { rule: ROW_COUNT.to_owned(), column: String::new(), rows: received, detail })
}

/// The median of the latest few; `None` where there are too few.
fn median(earlier: &[u64]) -> Option<f64> {
    let mut latest: Vec<u64> = earlier.iter().rev().take(MOST).copied().collect();
    if latest.len() < FEWEST {
        return None;
    }
    latest.sort_unstable();
    let middle = latest.len() / 2;
    let upper = *latest.get(middle)? as f64;
    if latest.len().is_multiple_of(2) {
        Some(f64::midpoint(upper, *latest.get(middle.checked_sub(1)?)? as f64))
    } else {
        Some(upper)
    }
}

/// Whether findings keep a delivery as a whole from being used, and why.
#[must_use]
pub fn verdict(drift: &DriftConfig, findings: &[Finding]) -> Option<(DeliveryStatus, String)> {
    let policy = |rule: &str| match rule {
        NEW_COLUMN => drift.new_column,
        REORDERED_COLUMNS => drift.reordered_columns,
        TYPE_FLIP => drift.type_flip,
        // Its rows are set aside in any case; the delivery as a whole goes on.
        NEW_CODE if drift.new_code != Policy::Refuse => Policy::Warn,
        NEW_CODE => Policy::Refuse,
        ROW_COUNT => drift.row_count,
        _ => Policy::Warn,
    };
    let with = |wanted: Policy| findings.iter().find(|finding| policy(&finding.rule) == wanted);
    if let Some(finding) = with(Policy::Refuse) {
        return Some((DeliveryStatus::Refused, finding.detail.clone()));
    }
    with(Policy::Quarantine).map(|finding| (DeliveryStatus::Held, finding.detail.clone()))
}

/// A note with what it does not yet say of the findings, for a delivery that is used.
#[must_use]
pub fn noted(note: &str, findings: &[Finding]) -> String {
    let told = findings.iter().filter(|finding| {
        ![NEW_COLUMN, NEW_CODE].contains(&finding.rule.as_str()) && !note.contains(&finding.detail)
    });
    let parts = [note].into_iter().filter(|note| !note.is_empty());
    parts.chain(told.map(|finding| finding.detail.as_str())).collect::<Vec<_>>().join("; ")
}

/// Adds to the reports of accepted deliveries which of them tell their month only in part.
///
/// It follows from all reports of a feed together, so that it is not kept with any of them.
pub fn mark_partial<'a>(
    reports: &mut BTreeMap<Month, Vec<DeliveryReport>>,
    feed_of: &dyn Fn(&str) -> Option<(&'a FeedConfig, &'a ContractConfig)>,
) {
    // By feed and file name in braces: rows and days of the months before.
    let mut before: BTreeMap<String, Vec<(u64, u32)>> = BTreeMap::new();
    for (month, reports) in reports.iter_mut() {
        let mut days: BTreeMap<String, (u64, u32)> = BTreeMap::new();
        for report in reports.iter().filter(|report| report.status == DeliveryStatus::Accepted) {
            // Several deliveries may tell of one month together.
            let all = days.entry(series(report)).or_default();
            all.0 += report.accepted;
            all.1 |= report.days;
        }
        for report in reports.iter_mut().filter(|report| report.status == DeliveryStatus::Accepted) {
            report.findings.retain(|finding| finding.rule != PARTIAL_PERIOD);
            let Some((feed, contract)) = feed_of(&report.delivery.feed) else { continue };
            if report.accepted == 0 || report.delivery.period != *month {
                continue;
            }
            let own = days.get(&series(report)).copied().unwrap_or_default();
            let earlier = before.get(&series(report)).map(Vec::as_slice).unwrap_or_default();
            // A file that bears a month in its name is that month by agreement, whenever it came.
            let early =
                if feed.mode == DeliveryMode::Month { None } else { came_early(report, *month, contract) };
            if let Some(detail) = early.or_else(|| cut_off(&feed.drift, *month, own, earlier)) {
                report.findings.push(Finding {
                    rule: PARTIAL_PERIOD.to_owned(),
                    column: contract.month.from.clone(),
                    rows: report.received,
                    detail,
                });
            }
        }
        for (series, own) in days {
            before.entry(series).or_default().push(own);
        }
    }
}

fn series(report: &DeliveryReport) -> String {
    format!("{} {:?}", report.delivery.feed, report.delivery.captures)
}

/// Rows of a month that had not ended when they came.
fn came_early(report: &DeliveryReport, month: Month, contract: &ContractConfig) -> Option<String> {
    if contract.month.from.is_empty() {
        return None;
    }
    let came = report.delivery.received.with_timezone(&chrono_tz::Europe::London).date_naive();
    (came <= month.last_day())
        .then(|| format!("{month} is partial: it came on {came}, before the month had ended"))
}

/// Days at the end of a month without a row, where that is neither usual nor chance.
fn cut_off(
    drift: &DriftConfig,
    month: Month,
    (rows, days): (u64, u32),
    earlier: &[(u64, u32)],
) -> Option<String> {
    if days == 0 || drift.partial_days == 0 {
        return None;
    }
    let length = chrono::Datelike::day(&month.last_day());
    let last = 32 - days.leading_zeros();
    let empty = length.saturating_sub(last);
    let told: Vec<&(u64, u32)> = earlier.iter().rev().filter(|(_, days)| *days > 0).take(MOST).collect();
    if empty < drift.partial_days || told.len() < FEWEST {
        return None;
    }
    // Of the months before it is enough to know how many days from the thirtieth on stood empty.
    let usual = told
        .iter()
        .map(|(_, days)| 30u32.saturating_sub(32 - days.leading_zeros()))
        .max()
        .unwrap_or_default();
    let counts: Vec<u64> = told.iter().rev().map(|(rows, _)| *rows).collect();
    let a_day = median(&counts)? / 30.0;
    if empty <= usual + 1 || a_day * f64::from(empty) < NO_CHANCE || rows == 0 {
        return None;
    }
    Some(format!("{month} is partial: no row of its last {empty} days"))
}

/// Whether a report says that its month is only partly there, and how.
#[must_use]
pub fn partial(report: &DeliveryReport) -> Option<&str> {
    report
        .findings
        .iter()
        .find(|finding| finding.rule == PARTIAL_PERIOD)
        .map(|finding| finding.detail.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::HeaderColumn;

    fn contract() -> ContractConfig {
        toml::from_str(
            r#"
            id = "c"
            dataset = "d"
            grain = "one crime"
            header = ["Ref", "Month", "Beat", "Value"]
            month = { from = "Month", format = "month" }
            [[column]]
            name = "beat"
            from = "Beat"
            lookup = "beat"
            [[column]]
            name = "value"
            from = "Value"
            type = "number"
            "#,
        )
        .unwrap()
    }

    fn rules(header: &[&str]) -> Vec<(String, String)> {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        of_header(&contract(), &header).into_iter().map(|found| (found.rule, found.column)).collect()
    }

    fn pair(rule: &str, column: &str) -> (String, String) {
        (rule.to_owned(), column.to_owned())
    }

    #[test]
    fn a_column_under_a_new_name_is_told_from_one_that_is_missing_and_one_that_is_new() {
        assert_eq!(rules(&["Ref", "Month", "Beat", "Value"]), []);
        assert_eq!(rules(&["Ref", "Month", "Beat code", "Value"]), [pair(RENAMED_COLUMN, "Beat")]);
        assert_eq!(rules(&["Ref", "month", "Beat", "Value"]), [pair(RENAMED_COLUMN, "Month")]);
        assert_eq!(
            rules(&["Ref", "Month", "Value", "Postcode"]),
            [pair(MISSING_COLUMN, "Beat"), pair(NEW_COLUMN, "Postcode")]
        );
        assert_eq!(rules(&["Month", "Ref", "Beat", "Value"]), [pair(REORDERED_COLUMNS, "")]);
    }

    #[test]
    fn where_no_header_was_agreed_no_order_was() {
        let bare = ContractConfig { header: Vec::new(), ..contract() };
        let header: Vec<String> = ["Value", "Beat", "Month"].map(str::to_owned).to_vec();
        assert_eq!(of_header(&bare, &header), []);
        let agreed = ["Month", "Beat", "Value"].map(|name| HeaderColumn::Name(name.to_owned())).to_vec();
        let told = of_header(&ContractConfig { header: agreed, ..contract() }, &header);
        assert_eq!(told.into_iter().map(|found| found.rule).collect::<Vec<_>>(), [REORDERED_COLUMNS]);
    }

    #[test]
    fn a_type_flips_where_most_values_break_it_and_fewer_are_rows_like_any_other() {
        let drift = DriftConfig::default();
        let found = |rows: u64| of_rows(&drift, &contract(), 100, &[("Value".to_owned(), rows)].into());
        assert_eq!(found(49), []);
        assert_eq!((found(50)[0].rule.as_str(), found(50)[0].rows), (TYPE_FLIP, 50));
        let unknown = of_rows(&drift, &contract(), 100, &[("Beat".to_owned(), 2)].into());
        assert_eq!(unknown[0].detail, "2 rows have a value in column `Beat` that is not in look-up `beat`");
    }

    #[test]
    fn a_count_is_unusual_beyond_four_times_and_below_two_fifths_of_the_median_of_three_or_more() {
        let drift = DriftConfig::default();
        let unusual = |rows: u64, earlier: &[u64]| of_count(&drift, rows, earlier).is_some();
        let earlier = [90, 100, 400];
        assert_eq!([39, 40, 400, 401].map(|rows| unusual(rows, &earlier)), [true, false, false, true]);
        // Of an even number the middle of the two: 150.
        assert_eq!([59, 60].map(|rows| unusual(rows, &[100, 100, 200, 200])), [true, false]);
        assert!(!unusual(1, &[100, 100]), "two deliveries are no habit");
        assert!(!unusual(1, &[20, 20, 20]), "small numbers vary by chance");
    }

    #[test]
    fn the_empty_end_of_a_month_is_partial_only_where_it_is_neither_usual_nor_chance() {
        let drift = DriftConfig::default();
        let month: Month = "2025-07".parse().unwrap();
        let until = |day: u32| (1u32 << day) - 1;
        let full = [(600, until(30)); 4];
        let cut = |rows: u64, days: u32, earlier: &[(u64, u32)]| {
            cut_off(&drift, month, (rows, days), earlier).is_some()
        };
        assert!(cut(400, until(20), &full));
        assert!(!cut(550, until(28), &full), "three days may be a long weekend");
        assert!(!cut(400, until(20), &full[..2]), "two months are no habit");
        assert!(!cut(400, until(20), &[(600, until(20)); 4]), "it is always so");
        assert!(!cut(4, until(20), &[(6, until(30)); 4]), "it may be chance");
        assert!(!cut(400, 0, &full), "days are not told");
    }
}
