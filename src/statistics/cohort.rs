//! People followed through time: proven reoffending of a cohort, and what comes back within a year.

use std::collections::BTreeMap;

use chrono::{Months, NaiveDate};

/// How long a cohort is followed.
const FOLLOW_UP: Months = Months::new(12);
/// How long after entry an offence may be proven: the follow-up and six months for the courts.
const PROVEN_BY: Months = Months::new(18);

/// An offence and when it was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offence<'a> {
    /// Who committed it.
    pub person: &'a str,
    /// When.
    pub committed: NaiveDate,
    /// When a conviction, caution, reprimand or warning proved it; `None`: it has not been.
    pub proven: Option<NaiveDate>,
}

/// How a cohort went on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reoffending {
    /// Persons in the cohort, each once.
    pub cohort: usize,
    /// The day from which the figures can be published: the last entry and 18 months. `None` of an empty cohort.
    pub mature_from: Option<NaiveDate>,
    /// The figures; `None` before that day.
    pub figures: Option<ReoffendingFigures>,
}

/// The figures of a mature cohort.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReoffendingFigures {
    /// Persons with at least one proven reoffence.
    pub reoffenders: usize,
    /// Their proven reoffences.
    pub reoffences: usize,
    /// Reoffenders as a percentage of the cohort.
    pub binary_rate: f64,
    /// Reoffences per reoffender; `None` without one.
    pub frequency_rate: Option<f64>,
    /// Reoffences per person of the cohort.
    pub per_offender: f64,
}

/// Proven reoffending of those who entered, person and day, in any order; a person counts once, from the first entry.
///
/// A reoffence is committed from the day of entry on, less than 12 months after it, and proven less than 18 months after
/// it; months end on their last day where the day does not exist. The ends of these intervals are a decision of this
/// product. National figures come from the Police National Computer: those of a local feed are another measure and say so.
/// Source: Ministry of Justice, Guide to proven reoffending statistics. Vectors: `proven_reoffending`.
#[must_use]
pub fn proven_reoffending(
    entries: &[(&str, NaiveDate)],
    offences: &[Offence<'_>],
    as_of: NaiveDate,
) -> Reoffending {
    let mut first: BTreeMap<&str, NaiveDate> = BTreeMap::new();
    for (person, day) in entries {
        first.entry(person).and_modify(|known| *known = (*known).min(*day)).or_insert(*day);
    }
    let cohort = first.len();
    let mature_from = first.values().max().map(|last| later(*last, PROVEN_BY));
    if mature_from.is_none_or(|day| as_of < day) {
        return Reoffending { cohort, mature_from, figures: None };
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for offence in offences {
        if let Some(entry) = first.get(offence.person)
            && is_reoffence(*entry, offence.committed, offence.proven)
        {
            *counts.entry(offence.person).or_default() += 1;
        }
    }
    let (reoffenders, reoffences) = (counts.len(), counts.values().sum::<usize>());
    let figures = ReoffendingFigures {
        reoffenders,
        reoffences,
        binary_rate: reoffenders as f64 / cohort as f64 * 100.0,
        frequency_rate: (reoffenders > 0).then(|| reoffences as f64 / reoffenders as f64),
        per_offender: reoffences as f64 / cohort as f64,
    };
    Reoffending { cohort, mature_from, figures: Some(figures) }
}

/// Whether an offence is a proven reoffence of somebody who entered the cohort on `entry`: committed from that day on, less
/// than 12 months after it, and proven less than 18 months after it. See [`proven_reoffending`].
#[must_use]
pub fn is_reoffence(entry: NaiveDate, committed: NaiveDate, proven: Option<NaiveDate>) -> bool {
    (entry..later(entry, FOLLOW_UP)).contains(&committed)
        && proven.is_some_and(|proven| proven < later(entry, PROVEN_BY))
}

/// Whether an event comes back: no later than so many months after the one before it, the anniversary included. See
/// [`repeats`].
#[must_use]
pub fn is_repeat(before: NaiveDate, day: NaiveDate, months: u32) -> bool {
    day <= later(before, Months::new(months))
}

/// The same day so many months later, or the last of the month that lacks it.
fn later(day: NaiveDate, months: Months) -> NaiveDate {
    day.checked_add_months(months).unwrap_or(NaiveDate::MAX)
}

/// One event of a kind that can come back: a case at a conference, a crime against a victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// What makes two events the same again: victim and perpetrator, or a caller.
    pub key: &'a str,
    /// When.
    pub day: NaiveDate,
}

/// Events of a period that came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeats {
    /// The events of the period as their places in the list given, by day and then by place; and whether each is a repeat.
    pub events: Vec<(usize, bool)>,
    /// How many of them are.
    pub repeats: usize,
    /// Those as a percentage of the events; `None` without events.
    pub repeat_rate: Option<f64>,
}

/// Which events of a period, both ends included, are repeats: those within so many months of the one before with the same
/// key, the anniversary included, in whichever period that one was. Each event starts the clock anew. Events of one day
/// follow each other as they stand.
///
/// `events` must reach `months` back from the start of the period; what is not in them is not found. For domestic abuse
/// the key is victim and perpetrator and the look-back 12 months. Source: `SafeLives`, definition of a repeat at Marac.
/// Vectors: `marac_repeats`.
#[must_use]
pub fn repeats(events: &[Event<'_>], period: (NaiveDate, NaiveDate), months: u32) -> Repeats {
    let mut order: Vec<(usize, &Event<'_>)> = events.iter().enumerate().collect();
    order.sort_by_key(|(place, event)| (event.day, *place));
    let mut latest: BTreeMap<&str, NaiveDate> = BTreeMap::new();
    let mut found = Vec::new();
    for (place, event) in order {
        let before = latest.insert(event.key, event.day);
        if (period.0..=period.1).contains(&event.day) {
            let repeat = before.is_some_and(|before| is_repeat(before, event.day, months));
            found.push((place, repeat));
        }
    }
    let repeats = found.iter().filter(|(_, repeat)| *repeat).count();
    let repeat_rate = (!found.is_empty()).then(|| repeats as f64 / found.len() as f64 * 100.0);
    Repeats { events: found, repeats, repeat_rate }
}
