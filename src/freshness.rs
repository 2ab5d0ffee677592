//! Whether what a feed should have brought came, and when: judged from the calendar, so also while no run is made.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::Int64Type;
use chrono::{DateTime, Days, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::settings::{DeliveryMode, FeedConfig, GapConfig};
use crate::landing::Delivery;
use crate::normalise::DeliveryStatus;
use crate::period::holidays::working_days_after;
use crate::period::{Every, Month, Period};
use crate::release::tables::Reports;
use crate::release::{self, ReleaseError};

/// `[expected]` of a feed: by when a delivery should be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedConfig {
    /// How long after the end of its month, or of the period that `every` tells, a delivery is due: `10 working days`, `45 days` or `2 months`. Working days leave
    /// out weekends and the bank holidays of England and Wales.
    #[schemars(with = "String")]
    pub within: Within,
}

/// A time after the end of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Within {
    /// Days on which offices work.
    WorkingDays(u32),
    /// Days of the calendar.
    Days(u32),
    /// Whole months: two months after June is the end of August.
    Months(u32),
}

/// A text that should tell a time and does not.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected a time such as `10 working days`, `45 days` or `2 months`, found `{0}`")]
pub struct InvalidWithin(String);

impl FromStr for Within {
    type Err = InvalidWithin;

    fn from_str(text: &str) -> Result<Self, InvalidWithin> {
        let invalid = || InvalidWithin(text.to_owned());
        let (number, unit) = text.trim().split_once(' ').ok_or_else(invalid)?;
        // More than some years is a slip of the pen, and would make nothing ever due.
        let number: u32 = number.parse().ok().filter(|number| *number <= 2000).ok_or_else(invalid)?;
        match unit.trim() {
            "working day" | "working days" => Ok(Self::WorkingDays(number)),
            "day" | "days" => Ok(Self::Days(number)),
            "month" | "months" if number <= 60 => Ok(Self::Months(number)),
            _ => Err(invalid()),
        }
    }
}

impl TryFrom<String> for Within {
    type Error = InvalidWithin;

    fn try_from(text: String) -> Result<Self, InvalidWithin> {
        text.parse()
    }
}

impl From<Within> for String {
    fn from(within: Within) -> Self {
        within.to_string()
    }
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = match self {
            Self::WorkingDays(number) => (number, "working day"),
            Self::Days(number) => (number, "day"),
            Self::Months(number) => (number, "month"),
        };
        write!(f, "{number} {unit}{}", if *number == 1 { "" } else { "s" })
    }
}

/// The known gap in which a month lies.
#[must_use]
pub fn gap_at(feed: &FeedConfig, month: Month) -> Option<&GapConfig> {
    feed.gap.iter().find(|gap| gap.from <= month && gap.to.is_none_or(|to| month <= to))
}

/// The last day on which the delivery about a period is on time.
#[must_use]
pub fn due_on(feed: &FeedConfig, period: Period) -> NaiveDate {
    let end = period.last.last_day();
    match feed.expected.map(|expected| expected.within) {
        Some(Within::WorkingDays(number)) => working_days_after(end, number),
        Some(Within::Days(number)) => {
            end.checked_add_days(Days::new(u64::from(number))).unwrap_or(NaiveDate::MAX)
        }
        Some(Within::Months(number)) => months_after(period.last, i64::from(number)).last_day(),
        // `2` means that June is expected in August: it is missed from the first of August on.
        None => months_after(period.last, i64::from(feed.published_after_months) - 1).last_day(),
    }
}

fn months_after(month: Month, number: i64) -> Month {
    month.plus(i32::try_from(number).unwrap_or(i32::MAX).clamp(-1, 1200))
}

/// The rule in words.
#[must_use]
pub fn rule(feed: &FeedConfig) -> String {
    match feed.expected {
        Some(expected) => format!("{} after the end of the {}", expected.within, noun(feed.every)),
        None if feed.published_after_months == 0 => "from the first day of the month on".to_owned(),
        None => {
            let n = feed.published_after_months;
            format!("by the beginning of the {} month after", ordinal(n))
        }
    }
}

fn ordinal(number: u32) -> String {
    match number {
        1 => "first".to_owned(),
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        number => format!("{number}th"),
    }
}

fn noun(every: Every) -> &'static str {
    match every {
        Every::Month => "month",
        Every::Quarter => "quarter",
        Every::Year => "year",
    }
}

/// The periods of a feed that have begun to be of interest by a day: those that have ended, the oldest first.
#[must_use]
pub fn periods(feed: &FeedConfig, as_of: NaiveDate) -> Vec<Period> {
    // A feed that is expected within its month is so from that month's first day on.
    let early = feed.expected.is_none() && feed.published_after_months == 0;
    let newest = Month::containing(as_of).plus(if early { 0 } else { -1 });
    let last = feed.to.map_or(newest, |to| to.min(newest));
    let ends = |month: &Month| month.since(feed.from) % feed.every.months() == 0;
    feed.from.through(last).filter(ends).map(|month| feed.every.ending(month)).collect()
}

/// The months under which deliveries are missed by a day: the last month of each period that is past its due day.
#[must_use]
pub fn missed_months(feed: &FeedConfig, as_of: NaiveDate) -> Vec<Month> {
    let due = periods(feed, as_of).into_iter().filter(|period| due_on(feed, *period) < as_of);
    due.map(|period| period.last).collect()
}

/// The months for which an address is asked by a day: from the end of a period on, for nobody knows the hour.
#[must_use]
pub fn asked_months(feed: &FeedConfig, as_of: NaiveDate) -> Vec<Month> {
    if feed.expected.is_none() {
        return missed_months(feed, as_of);
    }
    periods(feed, as_of).into_iter().map(|period| period.last).collect()
}

/// How a feed stands for a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It came by its due day.
    OnTime,
    /// It came before the period was over, so it may not be whole.
    Early,
    /// It came after its due day.
    Late,
    /// It came with the first fetch of the feed: when the supplier had it out, nobody was asking.
    History,
    /// It came and holds no row, as the feed allows.
    Empty,
    /// Some of its files came, or can be used, and others not.
    Partial,
    /// It came and breaks its contract as a whole; nothing stands in for it.
    Refused,
    /// It came and too many of its rows break the contract; nothing stands in for it.
    Held,
    /// It did not come and should have.
    Overdue,
    /// It did not come and need not have yet.
    NotYetDue,
    /// It is known not to come.
    KnownGap,
}

impl State {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OnTime => "on_time",
            Self::Early => "early",
            Self::Late => "late",
            Self::History => "history",
            Self::Empty => "empty",
            Self::Partial => "partial",
            Self::Refused => "refused",
            Self::Held => "held",
            Self::Overdue => "overdue",
            Self::NotYetDue => "not_yet_due",
            Self::KnownGap => "known_gap",
        }
    }

    /// Whether rows of the period can be counted.
    #[must_use]
    pub fn is_there(self) -> bool {
        matches!(self, Self::OnTime | Self::Early | Self::Late | Self::History | Self::Empty | Self::Partial)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().replace('_', " "))
    }
}

/// A feed and a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The period.
    pub period: Period,
    /// The last day on which it is on time.
    pub due_on: NaiveDate,
    /// How it stands.
    pub state: State,
    /// Days past its due day: until it came, or until the day of judging while nothing usable came. Absent where it is
    /// not late, or nobody can tell.
    pub days_late: Option<i64>,
    /// When the delivery that stands was received, or the one that was turned down.
    pub received: Option<DateTime<Utc>>,
    /// What a reader should know; empty otherwise.
    pub note: String,
}

impl Standing {
    /// Whether something usable is past its due day.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        self.state == State::Overdue
            || matches!(self.state, State::Refused | State::Held) && self.days_late.is_some()
    }

    /// In words, such as `2025-07 overdue, due on 2025-08-14, 12 days ago`.
    #[must_use]
    pub fn words(&self) -> String {
        let (period, state, due) = (self.period, self.state, self.due_on);
        match (state, self.days_late) {
            (State::Late, Some(days)) => format!("{period} late by {}", in_days(days)),
            (_, Some(days)) if !state.is_there() => {
                format!("{period} {state}, due on {due}, {} ago", in_days(days))
            }
            (State::NotYetDue, _) => format!("{period} due on {due}"),
            _ => format!("{period} {state}"),
        }
    }
}

/// `1 day`, `12 days`.
#[must_use]
pub fn in_days(days: i64) -> String {
    format!("{days} day{}", if days == 1 { "" } else { "s" })
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether its rows are in the dataset.
    pub status: DeliveryStatus,
    /// Rows that it brought.
    pub rows: u64,
    /// Why it was turned down, or what a reader should know.
    pub note: String,
    /// In which way it holds only part of its period; empty where it is not known to.
    pub partial: String,
}

/// What became of deliveries, by feed, month, file and digest.
#[derive(Debug, Clone, Default)]
pub struct Verdicts {
    found: BTreeMap<(String, Month, String), BTreeMap<String, Verdict>>,
}

impl Verdicts {
    /// Those of the datasets as they are.
    #[must_use]
    pub fn of_reports(reports: &Reports) -> Self {
        let mut verdicts = Self::default();
        for report in reports.values().flat_map(BTreeMap::values).flatten() {
            let (delivery, note) = (&report.delivery, report.note.clone());
            let partial = report.findings.iter().find(|finding| finding.rule == "partial_period");
            let partial = partial.map(|finding| finding.detail.clone()).unwrap_or_default();
            let verdict = Verdict { status: report.status, rows: report.received, note, partial };
            for digest in [&delivery.sha256, &delivery.content_sha256] {
                let (feed, file) = (&delivery.feed, &delivery.file);
                verdicts.add(feed, delivery.period, file, digest, verdict.clone());
            }
        }
        verdicts
    }

    /// Those that a release tells.
    ///
    /// # Errors
    /// A release that cannot be read.
    pub fn of_release(folder: &Path) -> Result<Self, ReleaseError> {
        let (_, batches) = release::read_table(folder, "feed_delivery")?;
        let mut verdicts = Self::default();
        for batch in &batches {
            let column = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
            let rows = batch.column_by_name("received").and_then(|c| c.as_primitive_opt::<Int64Type>());
            let (Some(feed), Some(period), Some(status), Some(rows)) =
                (column("feed"), column("period"), column("status"), rows)
            else {
                continue;
            };
            let (Some(file), Some(delivery), Some(note)) =
                (column("source_file"), column("delivery"), column("note"))
            else {
                continue;
            };
            for row in 0..batch.num_rows() {
                let whole = status.value(row) != "partial";
                let status = match status.value(row) {
                    "accepted" | "partial" => DeliveryStatus::Accepted,
                    "refused" => DeliveryStatus::Refused,
                    "held" => DeliveryStatus::Held,
                    _ => continue,
                };
                let Ok(month) = period.value(row).parse() else { continue };
                let note = if note.is_null(row) { "" } else { note.value(row) }.to_owned();
                let rows = u64::try_from(rows.value(row)).unwrap_or_default();
                let partial = if whole { String::new() } else { note.clone() };
                let verdict = Verdict { status, rows, note, partial };
                verdicts.add(feed.value(row), month, file.value(row), delivery.value(row), verdict);
            }
        }
        Ok(verdicts)
    }

    fn add(&mut self, feed: &str, month: Month, file: &str, sha256: &str, verdict: Verdict) {
        let slot = self.found.entry((feed.to_owned(), month, file.to_owned())).or_default();
        slot.insert(sha256.to_owned(), verdict);
    }

    /// What became of a delivery; `None` where it was not read yet.
    #[must_use]
    pub fn of(&self, delivery: &Delivery) -> Option<&Verdict> {
        let slot = self.found.get(&(delivery.feed.clone(), delivery.period, delivery.file.clone()))?;
        // The same member may have come again in another archive.
        slot.get(&delivery.sha256).or_else(|| slot.get(&delivery.content_sha256))
    }
}

/// Deliveries of a feed by month and file, the latest first.
pub type Slots = BTreeMap<(Month, String), Vec<Delivery>>;

/// What came of a feed.
#[derive(Debug, Clone, Copy)]
pub struct Came<'a> {
    /// Its deliveries by month and file.
    pub slots: &'a Slots,
    /// For a feed of many months at once: when its deliveries were received, the earliest first.
    pub arrived: &'a [DateTime<Utc>],
    /// Its deliveries were looked into, so that `slots` has the months that their rows tell.
    pub settled: bool,
}

/// How a feed stands on a day, for each period that has ended, the oldest first.
#[must_use]
pub fn judge(feed: &FeedConfig, came: Came<'_>, verdicts: &Verdicts, as_of: NaiveDate) -> Vec<Standing> {
    let Came { slots, arrived, settled } = came;
    let first = slots.values().flatten().map(|delivery| delivery.received).chain(arrived.iter().copied());
    let began = first.min().map(london);
    let mut names_before: Option<BTreeSet<String>> = None;
    let mut standings = Vec::new();
    for period in periods(feed, as_of) {
        let due_on = due_on(feed, period);
        let mut standing = Standing {
            period,
            due_on,
            state: State::Overdue,
            days_late: None,
            received: None,
            note: String::new(),
        };
        let came: Vec<(&str, &[Delivery])> = match feed.mode {
            DeliveryMode::Month => slots
                .iter()
                .filter(|((month, _), _)| (period.first..=period.last).contains(month))
                .map(|((_, file), deliveries)| (file.as_str(), deliveries.as_slice()))
                .collect(),
            // The first that came after the period's end is its own; see below.
            _ => Vec::new(),
        };
        if feed.mode != DeliveryMode::Month {
            standing.received = arrived.iter().copied().find(|time| london(*time) > period.last.last_day());
            let told =
                !settled || slots.keys().any(|(month, _)| (period.first..=period.last).contains(month));
            if told && let Some(received) = standing.received.or(arrived.last().copied().filter(|_| settled))
            {
                standing.received = Some(received);
                standing.settle_time(london(received), began);
                standings.push(standing);
                continue;
            }
            standing.received = None;
        }
        if came.is_empty() {
            if let Some(gap) = gap_at(feed, period.last) {
                (standing.state, standing.note) = (State::KnownGap, gap.reason.clone());
            } else if as_of <= due_on {
                standing.state = State::NotYetDue;
            } else {
                standing.days_late = Some((as_of - due_on).num_days());
            }
            standings.push(standing);
            continue;
        }
        let month = period.last.to_string();
        let names: BTreeSet<String> = came.iter().map(|(file, _)| file.replace(&month, "{period}")).collect();
        let absent: Vec<String> = match (&names_before, feed.mode) {
            (Some(before), DeliveryMode::Month) => before.difference(&names).cloned().collect(),
            _ => Vec::new(),
        };
        standing.settle(&came, &absent, verdicts, began, as_of);
        names_before = Some(names);
        standings.push(standing);
    }
    standings
}

fn london(time: DateTime<Utc>) -> NaiveDate {
    time.with_timezone(&chrono_tz::Europe::London).date_naive()
}

impl Standing {
    /// Judges what came for the period: each file with its deliveries, the latest first; `absent` are the names of files
    /// that the period before had.
    fn settle(
        &mut self,
        came: &[(&str, &[Delivery])],
        absent: &[String],
        verdicts: &Verdicts,
        began: Option<NaiveDate>,
        as_of: NaiveDate,
    ) {
        let turned_down = |delivery: &&Delivery| {
            verdicts.of(delivery).is_some_and(|verdict| verdict.status != DeliveryStatus::Accepted)
        };
        let mut unusable: Vec<(&str, &Verdict, DateTime<Utc>)> = Vec::new();
        let (mut usable, mut rows, mut unread, mut partial) = (0, 0, false, String::new());
        for (file, deliveries) in came {
            let newest = deliveries.first();
            let verdict = newest.and_then(|newest| verdicts.of(newest));
            let standing = deliveries.iter().find(|delivery| !turned_down(delivery));
            if let Some(standing) = standing {
                usable += 1;
                let first = deliveries.iter().rev().find(|delivery| !turned_down(delivery));
                self.received = self.received.max(first.map(|delivery| delivery.received));
                match verdicts.of(standing) {
                    Some(verdict) => {
                        rows += verdict.rows;
                        partial.clone_from(&verdict.partial);
                    }
                    None => unread = true,
                }
                if let Some(verdict) = verdict.filter(|v| v.status != DeliveryStatus::Accepted) {
                    self.note = format!("a later delivery is {}: {}", verdict.status.name(), verdict.note);
                }
            } else if let (Some(newest), Some(verdict)) = (newest, verdict) {
                unusable.push((file, verdict, newest.received));
            }
        }
        if usable == 0 {
            if let Some((_, verdict, received)) = unusable.iter().max_by_key(|(_, _, received)| *received) {
                let held = verdict.status == DeliveryStatus::Held;
                self.state = if held { State::Held } else { State::Refused };
                self.note.clone_from(&verdict.note);
                self.received = Some(*received);
            }
            self.days_late = Some((as_of - self.due_on).num_days()).filter(|days| *days > 0);
            return;
        }
        self.settle_time(self.received.map_or(as_of, london), began);
        if let Some((file, verdict, _)) = unusable.first() {
            self.note = format!("{file} {}: {}", verdict.status.name(), verdict.note);
            self.state = State::Partial;
        } else if !absent.is_empty() {
            self.note = format!("the period before also had {}", absent.join(", "));
            self.state = State::Partial;
        } else if !partial.is_empty() {
            self.note = partial;
            self.state = State::Partial;
        } else if rows == 0 && !unread {
            self.state = State::Empty;
        }
    }

    /// Judges the day on which it came; `began` is the day of the feed's first delivery.
    fn settle_time(&mut self, day: NaiveDate, began: Option<NaiveDate>) {
        let late = (day - self.due_on).num_days();
        let backfilled = began.is_some_and(|began| began > self.due_on);
        self.days_late = Some(late).filter(|days| *days > 0 && !backfilled);
        self.state = if day <= self.period.last.last_day() {
            "it came before the period was over, so it may not be whole".clone_into(&mut self.note);
            State::Early
        } else if late <= 0 {
            State::OnTime
        } else if backfilled {
            State::History
        } else {
            State::Late
        };
    }
}

/// How fresh everything is that something depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Freshness {
    /// Last day of the latest period of the feed that lags most; absent where one has nothing, or there is no feed.
    pub oldest_source: Option<NaiveDate>,
    /// Why it is stale, each feed that is behind its due day; empty where none is.
    pub stale: String,
}

/// The freshness of what depends on these feeds.
#[must_use]
pub fn of_feeds<'a>(feeds: impl IntoIterator<Item = (&'a str, &'a [Standing])>) -> Freshness {
    let mut oldest: Option<Option<NaiveDate>> = None;
    let mut behind = Vec::new();
    for (feed, standings) in feeds {
        let latest = standings.iter().rev().find(|standing| standing.state.is_there());
        let latest = latest.map(|standing| standing.period.last.last_day());
        oldest = Some(oldest.map_or(latest, |known| known.min(latest)));
        let decisive = standings
            .iter()
            .rev()
            .find(|standing| !matches!(standing.state, State::NotYetDue | State::KnownGap));
        if let Some(standing) = decisive.filter(|standing| standing.is_missed()) {
            behind.push(format!(
                "feed `{feed}`: {} {}, due on {}",
                standing.period, standing.state, standing.due_on
            ));
        }
    }
    Freshness { oldest_source: oldest.flatten(), stale: behind.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(expected: &str) -> FeedConfig {
        let text = format!(
            "id = \"f\"\ntitle = \"t\"\nsupplier = \"s\"\ncontract = \"c\"\nsource = \"{{period}}.csv\"\n\
             covers = []\npublished-after-months = 2\n{}{expected}",
            if expected.contains("quarter") || expected.contains("year") {
                "from = \"2025-03\"\n"
            } else {
                "from = \"2025-01\"\n"
            }
        );
        toml::from_str(&text).unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn sent(slots: &mut Slots, month: &str, file: &str, received: &str, digest: &str) {
        let delivery: Delivery = serde_json::from_value(serde_json::json!({
            "feed": "f", "period": month, "file": file, "source": file, "sha256": digest,
            "content_sha256": digest, "bytes": 1, "received": format!("{received}T05:30:00Z"),
        }))
        .unwrap();
        slots.entry((month.parse().unwrap(), file.to_owned())).or_default().insert(0, delivery);
    }

    fn judged(
        verdicts: &mut Verdicts,
        month: &str,
        file: &str,
        digest: &str,
        status: DeliveryStatus,
        rows: u64,
    ) {
        let verdict = Verdict { status, rows, note: "why".to_owned(), partial: String::new() };
        verdicts.add("f", month.parse().unwrap(), file, digest, verdict);
    }

    fn words(feed: &FeedConfig, slots: &Slots, verdicts: &Verdicts, as_of: &str) -> Vec<String> {
        judged_on(feed, slots, verdicts, as_of).iter().map(Standing::words).collect()
    }

    fn judged_on(feed: &FeedConfig, slots: &Slots, verdicts: &Verdicts, as_of: &str) -> Vec<Standing> {
        let mut arrived: Vec<DateTime<Utc>> = Vec::new();
        if feed.mode != DeliveryMode::Month {
            arrived = slots.values().flatten().map(|delivery| delivery.received).collect();
        }
        judge(feed, Came { slots, arrived: &arrived, settled: false }, verdicts, day(as_of))
    }

    const TEN_DAYS: &str = "[expected]\nwithin = \"10 working days\"\n";

    #[test]
    fn a_time_reads_back_as_it_was_written_and_others_are_refused_with_an_example() {
        for text in ["10 working days", "1 working day", "45 days", "2 months", "1 month"] {
            assert_eq!(text.parse::<Within>().unwrap().to_string(), text);
        }
        for text in ["", "10", "ten days", "10 weeks", "-1 days", "4000 days", "100 months"] {
            let error = text.parse::<Within>().unwrap_err().to_string();
            assert!(error.starts_with("expected a time such as `10 working days`"), "{error}");
        }
    }

    #[test]
    fn each_rule_has_its_due_day() {
        let due = |expected: &str, last: &str| {
            let feed = feed(expected);
            let period = feed.every.ending(last.parse().unwrap());
            due_on(&feed, period).to_string()
        };
        // August's bank holiday was the 25th, which is after the day.
        assert_eq!(due(TEN_DAYS, "2025-07"), "2025-08-14");
        // Easter: 18 and 21 April 2025 do not count.
        assert_eq!(due("[expected]\nwithin = \"15 working days\"\n", "2025-03"), "2025-04-23");
        assert_eq!(due("every = \"quarter\"\n[expected]\nwithin = \"45 days\"\n", "2025-06"), "2025-08-14");
        assert_eq!(due("every = \"year\"\n[expected]\nwithin = \"2 months\"\n", "2025-03"), "2025-05-31");
        // Without a rule `published-after-months` holds, here 2: June is expected in August.
        assert_eq!(due("", "2025-06"), "2025-07-31");
    }

    #[test]
    fn without_a_rule_the_months_are_missed_from_the_first_day_on_which_they_are_expected() {
        let feed = feed("");
        let last = |as_of| missed_months(&feed, day(as_of)).last().unwrap().to_string();
        assert_eq!(last("2025-07-31"), "2025-05");
        assert_eq!(last("2025-08-01"), "2025-06");
        assert_eq!(asked_months(&feed, day("2025-08-01")), missed_months(&feed, day("2025-08-01")));
    }

    #[test]
    fn a_month_is_asked_for_from_its_end_on_and_missed_after_its_due_day() {
        let feed = feed(TEN_DAYS);
        let last = |months: Vec<Month>| months.last().unwrap().to_string();
        assert_eq!(last(asked_months(&feed, day("2025-08-01"))), "2025-07");
        assert_eq!(last(missed_months(&feed, day("2025-08-14"))), "2025-06");
        assert_eq!(last(missed_months(&feed, day("2025-08-15"))), "2025-07");
    }

    #[test]
    fn a_quarterly_feed_is_missed_four_times_a_year() {
        let feed = feed("every = \"quarter\"\n[expected]\nwithin = \"1 month\"\n");
        let months: Vec<String> =
            missed_months(&feed, day("2025-12-31")).iter().map(ToString::to_string).collect();
        assert_eq!(months, ["2025-03", "2025-06", "2025-09"]);
    }

    #[test]
    fn on_time_late_early_history_overdue_and_not_yet_due_are_told_apart() {
        let feed = feed(TEN_DAYS);
        let mut slots = Slots::new();
        // The feed was set up on 20 March: January and February come with the first fetch.
        sent(&mut slots, "2025-01", "2025-01.csv", "2025-03-20", "a");
        sent(&mut slots, "2025-02", "2025-02.csv", "2025-03-20", "b");
        sent(&mut slots, "2025-03", "2025-03.csv", "2025-04-14", "c");
        sent(&mut slots, "2025-04", "2025-04.csv", "2025-05-20", "d");
        sent(&mut slots, "2025-05", "2025-05.csv", "2025-05-30", "e");
        let verdicts = Verdicts::default();
        assert_eq!(
            words(&feed, &slots, &verdicts, "2025-08-10"),
            [
                "2025-01 history",
                "2025-02 history",
                "2025-03 on time",
                // Due on 15 May: 5 May was a bank holiday.
                "2025-04 late by 5 days",
                "2025-05 early",
                "2025-06 overdue, due on 2025-07-14, 27 days ago",
                "2025-07 due on 2025-08-14",
            ]
        );
    }

    #[test]
    fn a_delivery_that_comes_again_is_as_late_as_the_first_of_it_that_could_be_used() {
        let feed = feed(TEN_DAYS);
        let mut slots = Slots::new();
        sent(&mut slots, "2025-01", "2025-01.csv", "2025-02-10", "a");
        sent(&mut slots, "2025-02", "2025-02.csv", "2025-03-10", "b");
        sent(&mut slots, "2025-02", "2025-02.csv", "2025-03-24", "c");
        sent(&mut slots, "2025-02", "2025-02.csv", "2025-06-01", "d");
        let mut verdicts = Verdicts::default();
        assert_eq!(words(&feed, &slots, &verdicts, "2025-03-31")[1], "2025-02 on time");
        judged(&mut verdicts, "2025-02", "2025-02.csv", "b", DeliveryStatus::Refused, 0);
        // Due on 14 March.
        assert_eq!(words(&feed, &slots, &verdicts, "2025-03-31")[1], "2025-02 late by 10 days");
        judged(&mut verdicts, "2025-02", "2025-02.csv", "d", DeliveryStatus::Held, 9);
        let standing = judged_on(&feed, &slots, &verdicts, "2025-06-02").remove(1);
        assert_eq!((standing.state, standing.note.as_str()), (State::Late, "a later delivery is held: why"));
        judged(&mut verdicts, "2025-02", "2025-02.csv", "c", DeliveryStatus::Refused, 0);
        let standing = judged_on(&feed, &slots, &verdicts, "2025-06-02").remove(1);
        assert_eq!(standing.words(), "2025-02 held, due on 2025-03-14, 80 days ago");
        assert!(standing.is_missed());
    }

    #[test]
    fn empty_and_partial_deliveries_are_told_apart_from_whole_ones() {
        let feed = feed(TEN_DAYS);
        let mut slots = Slots::new();
        let mut verdicts = Verdicts::default();
        for (month, received, rows) in [("2025-01", "2025-02-05", 0), ("2025-02", "2025-03-05", 7)] {
            for force in ["north", "south"] {
                let file = format!("{month}-{force}.csv");
                sent(&mut slots, month, &file, received, &file);
                judged(&mut verdicts, month, &file, &file, DeliveryStatus::Accepted, rows);
            }
        }
        sent(&mut slots, "2025-03", "2025-03-north.csv", "2025-04-05", "c");
        judged(&mut verdicts, "2025-03", "2025-03-north.csv", "c", DeliveryStatus::Accepted, 7);
        let standings = judged_on(&feed, &slots, &verdicts, "2025-04-06");
        let states: Vec<State> = standings.iter().map(|standing| standing.state).collect();
        assert_eq!(states, [State::Empty, State::OnTime, State::Partial]);
        assert_eq!(standings[2].note, "the period before also had {period}-south.csv");
        sent(&mut slots, "2025-03", "2025-03-south.csv", "2025-04-05", "d");
        judged(&mut verdicts, "2025-03", "2025-03-south.csv", "d", DeliveryStatus::Refused, 7);
        let standing = judged_on(&feed, &slots, &verdicts, "2025-04-06").remove(2);
        assert_eq!(
            (standing.state, standing.note.as_str()),
            (State::Partial, "2025-03-south.csv refused: why")
        );
    }

    #[test]
    fn a_file_of_many_months_counts_for_the_periods_that_had_ended_when_it_came() {
        let mut feed = feed("every = \"quarter\"\n[expected]\nwithin = \"45 days\"\n");
        feed.mode = DeliveryMode::Whole;
        let mut slots = Slots::new();
        sent(&mut slots, "2025-02", "all.ods", "2025-02-10", "a");
        sent(&mut slots, "2025-05", "all.ods", "2025-05-10", "b");
        sent(&mut slots, "2025-09", "all.ods", "2025-09-20", "c");
        assert_eq!(
            words(&feed, &slots, &Verdicts::default(), "2025-10-10"),
            ["2024/25 Q4 on time", "2025/26 Q1 late by 37 days", "2025/26 Q2 due on 2025-11-14"]
        );
    }

    #[test]
    fn what_depends_on_feeds_is_as_old_as_the_one_that_lags_most_and_stale_when_one_is_behind() {
        let config = feed(TEN_DAYS);
        let (mut one, mut two) = (Slots::new(), Slots::new());
        for (month, received) in
            [("2025-01", "2025-02-05"), ("2025-02", "2025-03-05"), ("2025-03", "2025-04-05")]
        {
            sent(&mut one, month, "a.csv", received, month);
            if month != "2025-03" {
                sent(&mut two, month, "a.csv", received, month);
            }
        }
        let verdicts = Verdicts::default();
        let fresh = |as_of: &str| {
            let one = judged_on(&config, &one, &verdicts, as_of);
            let two = judged_on(&config, &two, &verdicts, as_of);
            of_feeds([("one", one.as_slice()), ("two", two.as_slice())])
        };
        let found = fresh("2025-04-10");
        assert_eq!(found, Freshness { oldest_source: Some(day("2025-02-28")), stale: String::new() });
        let found = fresh("2025-04-15");
        assert_eq!(found.stale, "feed `two`: 2025-03 overdue, due on 2025-04-14");
        assert_eq!(of_feeds([]), Freshness::default());
    }
}
