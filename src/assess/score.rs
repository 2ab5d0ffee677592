//! The board's page: for each measure, area and breakdown the latest figure of the kind of period that the board reads.

use super::commentary::Commentary;
use super::compare::{Comparer, Comparison, ComparisonKind, Subject, decimals};
use super::signal::Signal;
use super::{Absence, Figure, Status};
use crate::config::settings::{MeasureConfig, MeasureKind};
use crate::period::{Period, PeriodKind};
use crate::signoff::SignOff;
use crate::statistics::benchmark::Outcome;
use crate::statistics::display::{Flag, Shown, text};

/// A rate, a percentage or an average of fewer events or cases is marked as of low reliability.
const RELIABLE: f64 = 20.0;
/// So is a survey with fewer answers.
const RELIABLE_SURVEY: f64 = 100.0;

/// One line of the board's page.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Place of the figure that it shows.
    pub figure: usize,
    /// Place of the series' signal among the measure's; `None` where it has none.
    pub signal: Option<usize>,
    /// How the figure stands to its target, or to the line that leads to it.
    pub target: Option<Comparison>,
    /// How it stands to the benchmark.
    pub benchmark: Option<Comparison>,
    /// How it stands to the same period last year; else to the period before.
    pub change: Option<Comparison>,
    /// The other period of `change`.
    pub change_on: Option<Period>,
    /// Its place among its peers, in words.
    pub place: String,
    /// What is missing since; empty where nothing is.
    pub freshness: String,
    /// The figure as people read it, with the government's shorthand.
    pub shown: String,
    /// What its owner says of it; empty where nothing was said.
    pub commentary: String,
}

impl Score {
    /// `improving`, `worsening`, `no_change`; `higher` or `lower` where neither way is better; else `not_judged`.
    #[must_use]
    pub fn direction(&self) -> &'static str {
        match self.change.as_ref().map_or(Outcome::NotCompared, |change| change.outcome) {
            Outcome::Better => "improving",
            Outcome::Worse => "worsening",
            Outcome::Similar => "no_change",
            Outcome::Higher => "higher",
            Outcome::Lower => "lower",
            Outcome::NotCompared => "not_judged",
        }
    }

    /// The comparison that colours the line: that with the target, else that with the benchmark.
    #[must_use]
    pub fn coloured_by(&self) -> Option<&Comparison> {
        let judged = |row: &&Comparison| row.outcome != Outcome::NotCompared;
        self.target.as_ref().filter(judged).or(self.benchmark.as_ref().filter(judged))
    }
}

/// The kind of period that the board reads: as set, else that of the targets, else the measure's first.
fn headline(subject: &Subject<'_>) -> Option<PeriodKind> {
    let config = subject.config;
    let of_target = || subject.targets.and_then(|targets| targets.target.first()).map(|target| target.period);
    config.headline.or_else(of_target).or_else(|| config.periods.first().copied())
}

/// One line for each area and breakdown, in the order of the figures.
#[must_use]
pub fn scores(
    subject: &Subject<'_>,
    comparer: &Comparer<'_>,
    figures: &[Figure],
    signals: &[Signal],
    commentary: &[&Commentary],
) -> Vec<Score> {
    let length = comparer.periods().len();
    let Some(kind) = headline(subject).filter(|_| length > 0) else { return Vec::new() };
    let places: Vec<usize> =
        (0..).zip(comparer.periods()).filter(|(_, period)| period.kind == kind).map(|(n, _)| n).collect();
    let mut scores = Vec::with_capacity(figures.len() / length);
    let mut found = Vec::new();
    for number in 0..figures.len() / length {
        let place = |offset: &usize| number * length + offset;
        let valued = |offset: &&usize| figures.get(place(offset)).is_some_and(|f| f.value.is_some());
        let Some(offset) = places.iter().rev().find(valued).or(places.last()) else { continue };
        let at = place(offset);
        let Some(figure) = figures.get(at) else { continue };
        found.clear();
        comparer.of(at, &mut found);
        let mut take = |kind: ComparisonKind| {
            let place = found.iter().position(|row| row.kind == kind)?;
            Some(found.swap_remove(place))
        };
        let target = take(ComparisonKind::Trajectory).or_else(|| take(ComparisonKind::Target));
        let benchmark = take(ComparisonKind::Benchmark);
        let change = take(ComparisonKind::LastYear).filter(|row| row.outcome != Outcome::NotCompared);
        let change = change.or_else(|| take(ComparisonKind::PreviousPeriod));
        let change_on = change.as_ref().and_then(|row| match row.against {
            super::compare::Against::Period(period) => Some(period),
            _ => None,
        });
        let place_words = take(ComparisonKind::Peers).map(|row| row.wording).unwrap_or_default();
        let behind = places.iter().filter(|later| *later > offset).count();
        let latest = places.last().and_then(|last| figures.get(place(last)));
        let freshness = match latest {
            Some(latest) if behind > 0 => {
                format!("no value in the {behind} periods since: {}", latest.note)
            }
            _ => String::new(),
        };
        scores.push(Score {
            figure: at,
            // Signals stand in the order of their series.
            signal: signals.binary_search_by_key(&number, |signal| signal.figure / length).ok(),
            target,
            benchmark,
            change,
            change_on,
            place: place_words,
            freshness,
            shown: shown(subject.config, figure),
            commentary: said_of(figure, commentary),
        });
    }
    scores
}

/// A figure as people read it.
#[must_use]
pub fn shown(config: &MeasureConfig, figure: &Figure) -> String {
    let cell = match (figure.status, figure.value) {
        (Status::Available, Some(value)) => Shown::Value(value),
        (Status::Suppressed, _) => Shown::Confidential,
        _ if figure.absence == Some(Absence::SuppressedBySupplier) => Shown::Confidential,
        (Status::NotApplicable, _) => Shown::NotApplicable,
        (Status::BaseTooSmall, _) => Shown::LowReliability,
        _ => Shown::NotAvailable,
    };
    let mut flags = Vec::new();
    if figure.after_break {
        flags.push(Flag::Break);
    }
    if figure.value.is_some() {
        if figure.vintage.sign_off == SignOff::Provisional {
            flags.push(Flag::Provisional);
        }
        if figure.is_estimated() {
            flags.push(Flag::Estimated);
        }
        if few(config.kind, figure) {
            flags.push(Flag::LowReliability);
        }
    }
    if figure.vintage.revised {
        flags.push(Flag::Revised);
    }
    text(cell, decimals(config.kind), &flags)
}

/// Whether a value stands on so few events, cases or answers that it is of low reliability.
fn few(kind: MeasureKind, figure: &Figure) -> bool {
    let (stands_on, needed) = match kind {
        MeasureKind::Rate
        | MeasureKind::Percentage
        | MeasureKind::Proportion
        | MeasureKind::Share
        | MeasureKind::Index => (figure.numerator, RELIABLE),
        MeasureKind::Average | MeasureKind::Median => (figure.denominator, RELIABLE),
        MeasureKind::Survey => (figure.basis.as_ref().and_then(|basis| basis.base), RELIABLE_SURVEY),
        MeasureKind::Gap => {
            let other = figure.basis.as_ref().and_then(|basis| basis.other_numerator);
            (figure.numerator.zip(other).map(|(own, other)| own.min(other)), RELIABLE)
        }
        MeasureKind::Count | MeasureKind::Ratio | MeasureKind::RankOfRate | MeasureKind::Score => {
            return false;
        }
    };
    stands_on.is_some_and(|number| number < needed)
}

/// The latest commentary on the figure's area up to its period, one on the area alone before one on all.
fn said_of(figure: &Figure, commentary: &[&Commentary]) -> String {
    let about = |said: &&&Commentary| {
        said.period.last <= figure.period.last && said.area.as_ref().is_none_or(|area| *area == figure.area)
    };
    let latest = commentary.iter().filter(about).max_by_key(|said| (said.period.last, said.area.is_some()));
    match latest {
        Some(said) if said.period == figure.period => said.text.clone(),
        Some(said) => format!("{}: {}", said.period, said.text),
        None => String::new(),
    }
}
