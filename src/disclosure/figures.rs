//! From the figures of a release to cells and sums, and back: which figures are withheld.
//!
//! Only what is published together constrains: a sum counts when its total and all its parts are figures of the release,
//! or when the rest that its published parts leave is a count of its own, which nobody publishes and which is protected
//! like any other.

mod counting;
mod layout;
mod links;
mod shape;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::rules::{Dominance, Threshold, behind_rounded, round_to_base};
use super::{
    Audit, Counts, DisclosureError, Effort, Finding, LARGEST, Need, Protection, Seen, audit, protect,
};
use crate::assess::{self, Figure};
use crate::geography::Area;
use crate::period::Period;
use counting::{Component, components, put_together};
pub use counting::{Counting, numbers};
use layout::{Layout, Named};
use links::{Link, links};

/// What protects the figures of a measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Which counts its figures are made of.
    pub counting: Counting,
    /// Which counts are withheld; `None` where the measure is published whatever its size, for a recorded reason.
    pub threshold: Option<Threshold>,
    /// The numerator is part of the denominator, and both are counts of the same people: a percentage.
    pub part_of_denominator: bool,
    /// The denominator is a count that is protected as the numerator is; so it is for every percentage.
    pub counts_denominator: bool,
    /// Withhold what is not in the numerator as well when it is small: 97 of 100 tells of 3.
    pub complements: bool,
    /// Denominators below this are withheld with their figure; 0 for none.
    pub least_denominator: i64,
    /// The numerator is an amount, which few contributors must not dominate; a figure of which they do is marked so.
    pub dominance: Option<Dominance>,
    /// Counts are rounded to the nearest multiple of this instead of being withheld, where nothing ties the measure to
    /// others and no count can be worked out all the same.
    pub rounding: Option<i64>,
}

impl Rule {
    fn lays_denominator(&self) -> bool {
        self.part_of_denominator || self.counts_denominator
    }

    /// Whether the counts of this component stand for sums.
    fn stands_for_sums(&self) -> bool {
        self.counting == Counting::SumOfCases
    }

    /// Whether a count is to be withheld for its own size.
    #[must_use]
    pub fn is_sensitive(&self, count: f64) -> bool {
        self.threshold.zip(whole(count)).is_some_and(|(threshold, count)| threshold.is_sensitive(count))
    }

    /// Whether a figure has a count that is to be withheld for its own size, or an amount for its largest contributors.
    #[must_use]
    pub fn has_sensitive(&self, figure: &Figure) -> bool {
        if figure.is_dominated() && numbers(figure).iter().any(Option::is_some) {
            return true;
        }
        let denominator = figure.denominator.filter(|_| self.counting.is_events() && self.lays_denominator());
        self.counting
            .counts(figure)
            .into_iter()
            .flatten()
            .chain(denominator)
            .any(|own| self.is_sensitive(own))
    }
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            counting: Counting::default(),
            threshold: Some(Threshold::default()),
            part_of_denominator: false,
            counts_denominator: false,
            complements: false,
            least_denominator: 0,
            dominance: None,
            rounding: None,
        }
    }
}

/// The figures of one measure in this release.
#[derive(Debug, Clone, Copy)]
pub struct Measure<'a> {
    /// Its name.
    pub id: &'a str,
    /// Its figures; no two of one area, breakdown and period.
    pub figures: &'a [Figure],
    /// What protects them.
    pub rule: &'a Rule,
    /// What each earlier release showed of the measure.
    pub earlier: &'a [Edition<'a>],
}

/// The figures of a measure in an earlier release.
#[derive(Debug, Clone, Copy)]
pub struct Edition<'a> {
    /// As it showed them, with `None` for a count that it withheld.
    pub shown: &'a [Figure],
    /// As they were counted. Without it, what was withheld then is taken to have been what it is now.
    pub counted: Option<&'a [Figure]>,
}

/// A sum over measures: in every area, breakdown and period the numerators of the parts make up that of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasureSum {
    /// The whole.
    pub whole: String,
    /// Its parts.
    pub parts: Vec<Part>,
}

/// A part of a sum. A measure that has no figure of an area and breakdown adds all its breakdowns where the whole is not
/// broken down, or all its areas within.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The measure.
    pub measure: String,
    /// Only this breakdown of it.
    pub breakdown: Option<String>,
}

impl From<&str> for Part {
    /// Reads `measure` or `measure/breakdown`.
    fn from(text: &str) -> Self {
        let (measure, breakdown) = match text.split_once('/') {
            Some((measure, breakdown)) => (measure, Some(breakdown.to_owned())),
            None => (text, None),
        };
        Self { measure: measure.to_owned(), breakdown }
    }
}

/// What became of the figures of a measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Protected {
    /// The figures, in their order, with what is withheld taken out of them.
    pub figures: Vec<Figure>,
    /// How many numerators were shown and withheld.
    pub counts: Counts,
    /// Figures, by place, that are withheld now although earlier releases showed their count or gave it away.
    pub known_from_earlier: Vec<usize>,
    /// Its counts are rounded.
    pub rounded: bool,
    /// Why all of its figures are withheld; `None` where they are protected one by one.
    pub failed: Option<String>,
    /// The proof that it is part of, by place.
    pub audit: Option<usize>,
}

/// What became of all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// By measure, in their order.
    pub measures: Vec<Protected>,
    /// The proofs, one for each set of measures that sums tie together.
    pub audits: Vec<Audit>,
}

/// A count that stands in a release, or follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellName {
    /// The measure.
    pub measure: String,
    /// Code of the area.
    pub area: String,
    /// The breakdown.
    pub breakdown: String,
    /// The period.
    pub period: String,
    /// Which count of the figure, in words.
    pub count: &'static str,
}

impl fmt::Display for CellName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { measure, area, breakdown, period, count } = self;
        write!(f, "measure `{measure}`, area {area}, period {period}, breakdown {breakdown}: {count}")
    }
}

/// What an audit found for one count that is withheld.
#[derive(Debug, Clone, PartialEq)]
pub struct Audited {
    /// Which count.
    pub name: CellName,
    /// What was found.
    pub finding: Finding,
}

/// The note of a figure that is withheld, the same for its own sake and for others'.
pub const NOTE: &str = "withheld so that nobody can be identified";

/// Why figures could not be protected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FiguresError {
    /// A sum names a measure that is not there.
    #[error("a sum over measures names `{measure}`, which this release does not publish")]
    NoMeasure {
        /// Its name.
        measure: String,
    },
    /// A count is negative, not a number, or too large.
    #[error("measure `{measure}`, area {area}, {period}: expected a count from 0")]
    BadCount {
        /// The measure.
        measure: String,
        /// The area.
        area: String,
        /// The period.
        period: String,
    },
    /// The figures of these measures cannot be protected.
    #[error("measures {}: {source}", measures.join(", "))]
    Measures {
        /// Their names.
        measures: Vec<String>,
        /// Why.
        source: DisclosureError,
    },
}

/// Withholds what must be withheld among the figures of a release, and proves it.
///
/// `areas` tells which area lies in which; an area is held to be part of the nearest published area around it, together
/// with the others of its level. Figures of breakdown `all` are the wholes of the other breakdowns. Counts that are the
/// same throughout in two measures are held to be the same count, whether or not a sum says so.
///
/// Measures that cannot be protected, and those that sums tie to them, are withheld as a whole, with the reason.
///
/// # Errors
/// A sum over unknown measures.
pub fn protect_figures(
    measures: &[Measure<'_>],
    sums: &[MeasureSum],
    areas: &[Area],
    effort: &Effort,
) -> Result<Outcome, FiguresError> {
    let components = components(measures);
    let earlier: Vec<Vec<Edition<'_>>> = components.iter().map(Component::editions).collect();
    let laid = as_measures(&components, &earlier, measures);
    let links = links(&laid);
    let families = families(&laid, sums, &links)?;
    let tied = Tied { measures: &laid, components: &components, sums, links: &links, areas };
    let found = in_parallel(families.len(), effort.threads, |at| {
        families.get(at).map(|family| tied.protect(family, effort)).unwrap_or_default()
    });
    let mut protected: BTreeMap<usize, Protected> = BTreeMap::new();
    let mut audits = Vec::new();
    for (family, (own, audit)) in families.iter().zip(found) {
        for (at, mut own) in family.iter().zip(own) {
            own.audit = audit.as_ref().map(|_| audits.len());
            protected.insert(*at, own);
        }
        audits.extend(audit);
    }
    let mut parts: Vec<Vec<(&Component<'_>, Protected)>> = measures.iter().map(|_| Vec::new()).collect();
    for (component, own) in components.iter().zip(protected.into_values()) {
        if let Some(parts) = parts.get_mut(component.measure) {
            parts.push((component, own));
        }
    }
    let whole = measures.iter().zip(parts).map(|(measure, parts)| put_together(measure, parts));
    Ok(Outcome { measures: whole.collect(), audits })
}

/// Components as measures that are counts.
fn as_measures<'m>(
    components: &'m [Component<'m>],
    earlier: &'m [Vec<Edition<'m>>],
    measures: &[Measure<'m>],
) -> Vec<Measure<'m>> {
    components.iter().zip(earlier).map(|(own, earlier)| own.measure(measures, earlier)).collect()
}

/// What `work` gives for each number below `count`, in their order, worked out on several threads.
fn in_parallel<T: Send>(count: usize, threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let waiting = Mutex::new(0..count);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let done = Mutex::new(Vec::with_capacity(count));
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, count.max(1)) {
            scope.spawn(|| {
                while let Some(at) = next() {
                    let made = work(at);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, made));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, made)| made).collect()
}

/// A measure of which nothing is shown.
fn withheld_whole(measure: &Measure<'_>, why: &str) -> Protected {
    let counted = |figure: &&Figure| measure.rule.counting.has_counts(figure);
    let whole = |figure: &Figure| {
        let tells = figure.value.is_some() || numbers(figure).iter().any(Option::is_some);
        withheld(figure, if tells { Hidden::ALL } else { Hidden::default() })
    };
    Protected {
        figures: measure.figures.iter().map(whole).collect(),
        counts: Counts { secondary: measure.figures.iter().filter(counted).count(), ..Counts::default() },
        known_from_earlier: Vec::new(),
        rounded: false,
        failed: Some(why.to_owned()),
        audit: None,
    }
}

/// Works out anew, from what an audience was shown, what it cannot rule out of each count that it was not shown.
///
/// `shown` has, by measure, what was published of its figures, in their order.
///
/// # Errors
/// A sum over unknown measures, and figures that are none.
pub fn audit_figures(
    measures: &[Measure<'_>],
    shown: &[&[Figure]],
    sums: &[MeasureSum],
    areas: &[Area],
    effort: &Effort,
) -> Result<Vec<Audited>, FiguresError> {
    let components = components(measures);
    let earlier: Vec<Vec<Edition<'_>>> = components.iter().map(Component::editions).collect();
    let laid = as_measures(&components, &earlier, measures);
    let shown: Vec<Cow<'_, [Figure]>> = components
        .iter()
        .filter_map(|own| Some(own.shown(measures.get(own.measure)?, shown.get(own.measure)?)))
        .collect();
    let shown: Vec<&[Figure]> = shown.iter().map(|own| &**own).collect();
    let links = links(&laid);
    let families = families(&laid, sums, &links)?;
    let tied = Tied { measures: &laid, components: &components, sums, links: &links, areas };
    let work = |at: usize| -> Result<Vec<Audited>, FiguresError> {
        let Some(family) = families.get(at) else { return Ok(Vec::new()) };
        let mut layout = Layout::new(&tied, family)?;
        layout.give_away()?;
        let seen = layout.seen(family, &shown);
        let found = audit(&layout.problem, &seen, effort).map_err(|source| FiguresError::Measures {
            measures: family.iter().filter_map(|at| Some(measures.get(*at)?.id.to_owned())).collect(),
            source,
        })?;
        let named = found.findings.into_iter();
        Ok(named.map(|finding| Audited { name: layout.name(&tied, finding.cell), finding }).collect())
    };
    let found: Result<Vec<_>, _> = in_parallel(families.len(), effort.threads, work).into_iter().collect();
    Ok(found?.concat())
}

/// How often more is withheld where no cover was found, before a measure is withheld as a whole.
const WIDER: usize = 3;

/// Measures with all that ties them.
struct Tied<'a> {
    /// Components as measures.
    measures: &'a [Measure<'a>],
    components: &'a [Component<'a>],
    sums: &'a [MeasureSum],
    links: &'a [Link<'a>],
    areas: &'a [Area],
}

impl Tied<'_> {
    /// Place of the counts of a measure, or of those that stand for its sums.
    fn place(&self, id: &str, of_sums: bool) -> Option<usize> {
        self.measures.iter().position(|own| own.id == id && own.rule.stands_for_sums() == of_sums)
    }

    /// Protects a family: its measures in order, and the proof, where they are not withheld as a whole.
    fn protect(&self, family: &[usize], effort: &Effort) -> (Vec<Protected>, Option<Audit>) {
        let own: Vec<&Measure<'_>> = family.iter().filter_map(|at| self.measures.get(*at)).collect();
        match self.solve(family, effort) {
            Err(why) => (own.into_iter().map(|measure| withheld_whole(measure, &why)).collect(), None),
            Ok((layout, found)) => {
                let rounded = self.rounded(family, effort);
                let mut protected: Vec<Protected> = layout
                    .measures
                    .iter()
                    .zip(own)
                    .map(|(laid, measure)| laid.read(measure, &found))
                    .collect();
                let Some(figures) = rounded else { return (protected, Some(found.audit)) };
                for own in &mut protected {
                    own.figures.clone_from(&figures);
                    own.rounded = true;
                    let Counts { shown, primary, secondary } = own.counts;
                    own.counts = Counts { shown: shown + primary + secondary, ..Counts::default() };
                }
                (protected, Some(Audit::default()))
            }
        }
    }

    /// What of a family is withheld; the reason where it cannot be protected.
    fn solve(&self, family: &[usize], effort: &Effort) -> Result<(Layout, Protection), String> {
        let mut layout = Layout::new(self, family).map_err(|error| error.to_string())?;
        let mut found = self.cover(&mut layout, effort)?;
        // Sums go with their bases, and want cover of their own; each turn withholds more.
        while let Ok(protection) = &found
            && layout.go_together(self, family, protection)
        {
            found = self.cover(&mut layout, effort)?;
        }
        let found = found.map_err(|error| match &error {
            DisclosureError::Exposed { cells } => match cells.first() {
                Some(cell) => format!(
                    "no cover was found for {} counts, the first is {}",
                    cells.len(),
                    layout.name(self, *cell)
                ),
                None => error.to_string(),
            },
            _ => error.to_string(),
        })?;
        if let Some(failed) = found.audit.failures().next() {
            let n = found.audit.failures().count();
            let first = layout.name(self, failed.cell);
            return Err(format!("{n} withheld counts are not protected, the first is {first}"));
        }
        Ok((layout, found))
    }

    /// What of a layout is withheld, when more is withheld as long as no cover is found.
    fn cover(
        &self,
        layout: &mut Layout,
        effort: &Effort,
    ) -> Result<Result<Protection, DisclosureError>, String> {
        let mut found = protect(&layout.problem, effort);
        if matches!(found, Err(DisclosureError::Exposed { .. })) {
            // What earlier releases give away is known; the rest is protected.
            layout.give_away().map_err(|error| error.to_string())?;
            found = protect(&layout.problem, effort);
        }
        for _ in 0..WIDER {
            let Err(DisclosureError::Exposed { cells }) = &found else { break };
            layout.widen(self, cells);
            found = protect(&layout.problem, effort);
        }
        Ok(found)
    }

    /// The figures of a measure that stands alone with its counts rounded; `None` where it is not to be rounded, and
    /// where a count could be worked out from rounded ones.
    fn rounded(&self, family: &[usize], effort: &Effort) -> Option<Vec<Figure>> {
        let [at] = family else { return None };
        let measure = self.measures.get(*at)?;
        let base = measure.rule.rounding?;
        let alone = [Measure { earlier: &[], ..*measure }];
        let tied = Tied { measures: &alone, components: &[], sums: &[], links: &[], areas: self.areas };
        let mut layout = Layout::new(&tied, &[0]).ok()?;
        let mut seen = Vec::with_capacity(layout.problem.cells.len());
        for (cell, named) in layout.problem.cells.iter_mut().zip(&layout.names) {
            seen.push(match (named, cell.count) {
                (Named::Of { .. }, Some(count)) => {
                    // No count is to be told exactly, whatever its size.
                    cell.sensitive = true;
                    cell.need = Need { at_least: 0, at_most: i64::MAX, width: 1 };
                    let (low, high) = behind_rounded(round_to_base(count, base), base);
                    Seen::Between(low, high)
                }
                _ => Seen::Unasked,
            });
        }
        let passes = audit(&layout.problem, &seen, effort).ok()?.passes();
        passes.then(|| measure.figures.iter().map(|figure| rounded(figure, measure.rule, base)).collect())
    }
}

/// A figure with its counts rounded, and a value that follows from them.
fn rounded(figure: &Figure, rule: &Rule, base: i64) -> Figure {
    let mut figure = figure.clone();
    let near = |count: f64| whole(count).map(|count| round_to_base(count, base) as f64);
    let Some(before) = figure.numerator else { return figure };
    figure.numerator = near(before);
    // First the product, so that a count that is its own value is a whole number again.
    let scaled = |(value, to): (f64, f64)| if before > 0.0 { value * to / before } else { value };
    figure.value = figure.value.zip(figure.numerator).map(scaled);
    if rule.lays_denominator()
        && let Some(before) = figure.denominator
    {
        figure.denominator = near(before);
        figure.value = match figure.denominator {
            Some(after) if after > 0.0 => figure.value.map(|value| value * before / after),
            _ => None,
        };
    }
    figure.interval = None;
    if rule.part_of_denominator {
        figure.value = figure.value.map(|value| value.min(100.0));
    }
    if figure.status == assess::Status::Available {
        figure.note = format!("counts are rounded to the nearest {base}");
        if figure.value.is_none() {
            figure.status = assess::Status::NotApplicable;
        }
    }
    figure
}

/// Measures that sums and links tie together, by place, each family in order.
fn families(
    measures: &[Measure<'_>],
    sums: &[MeasureSum],
    links: &[Link<'_>],
) -> Result<Vec<Vec<usize>>, FiguresError> {
    let place = |id: &String| {
        measures
            .iter()
            .position(|measure| measure.id == id)
            .ok_or_else(|| FiguresError::NoMeasure { measure: id.clone() })
    };
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for sum in sums {
        let whole = place(&sum.whole)?;
        for part in &sum.parts {
            pairs.push((place(&part.measure)?, whole));
        }
    }
    pairs.extend(links.iter().map(|link| (link.part.measure, link.whole.measure)));
    // Sums stand behind the bases that they go with.
    let sums = measures.iter().enumerate().skip(1).filter(|(_, measure)| measure.rule.stands_for_sums());
    pairs.extend(sums.map(|(at, _)| (at, at - 1)));
    let mut family: Vec<usize> = (0..measures.len()).collect();
    for (part, whole) in pairs {
        let (Some(from), Some(to)) = (family.get(part).copied(), family.get(whole).copied()) else {
            continue;
        };
        for of in &mut family {
            if *of == from {
                *of = to;
            }
        }
    }
    let mut found: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, of) in family.into_iter().enumerate() {
        found.entry(of).or_default().push(at);
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort();
    Ok(found)
}

/// Where a figure stands: area, breakdown, period.
type Key<'a> = (&'a str, &'a str, Period);

/// One of the two counts of the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Numerator,
    Denominator,
}

impl Side {
    fn of(self, figure: &Figure) -> Option<f64> {
        match self {
            Self::Numerator => figure.numerator,
            Self::Denominator => figure.denominator,
        }
    }
}

/// Which numbers of a figure are withheld.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each number of a figure")]
struct Hidden {
    numerator: bool,
    denominator: bool,
    base: bool,
    other_numerator: bool,
    other_denominator: bool,
}

impl Hidden {
    const ALL: Self = Self {
        numerator: true,
        denominator: true,
        base: true,
        other_numerator: true,
        other_denominator: true,
    };

    fn any(self) -> bool {
        self != Self::default()
    }
}

/// A figure without what is withheld. Its value goes with any of its counts: from a value and the others follows the one.
fn withheld(figure: &Figure, hidden: Hidden) -> Figure {
    let mut figure = figure.clone();
    if hidden.any() {
        figure.numerator = figure.numerator.filter(|_| !hidden.numerator);
        figure.denominator = figure.denominator.filter(|_| !hidden.denominator);
        figure.value = None;
        // From an interval, and from a standard error, the count follows.
        figure.interval = None;
        figure.basis = figure.basis.and_then(|basis| counting::without(*basis, hidden));
        figure.status = assess::Status::Suppressed;
        NOTE.clone_into(&mut figure.note);
    }
    figure
}

/// What must remain possible for a count once it is withheld, and for an amount that few contributors dominate.
fn need(rule: &Rule, dominated: Option<i64>) -> Need {
    match rule.dominance.zip(dominated) {
        Some((dominance, amount)) => dominance.need(amount),
        None => rule.threshold.map_or(Need { at_least: 0, at_most: i64::MAX, width: 1 }, Threshold::need),
    }
}

fn key(figure: &Figure) -> Key<'_> {
    (&figure.area, &figure.breakdown, figure.period)
}

/// A count as a whole number; weighted counts are taken to the nearest.
#[expect(clippy::cast_possible_truncation, reason = "the range has been checked")]
fn whole(number: f64) -> Option<i64> {
    (0.0..=LARGEST as f64).contains(&number).then(|| number.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::shape::ALL;
    use super::*;
    use crate::period::PeriodKind;

    fn area(code: &str, level: &str, parent: &str) -> Area {
        Area { code: code.into(), level: level.into(), title: code.into(), parent: parent.into() }
    }

    pub(super) fn areas() -> Vec<Area> {
        vec![area("C", "csp", ""), area("N", "ward", "C"), area("S", "ward", "C"), area("W", "ward", "C")]
    }

    pub(super) fn period(kind: PeriodKind, last: &str) -> Period {
        Period::ending(kind, last.parse().unwrap()).unwrap()
    }

    pub(super) fn figure(area: &str, breakdown: &str, period: Period, counts: (f64, Option<f64>)) -> Figure {
        Figure {
            area: area.into(),
            period,
            breakdown: breakdown.into(),
            numerator: Some(counts.0),
            denominator: counts.1,
            value: Some(counts.1.map_or(counts.0, |denominator| 100.0 * counts.0 / denominator)),
            status: assess::Status::Available,
            synthetic: false,
            note: String::new(),
            interval: None,
            after_break: false,
            basis: None,
            vintage: crate::assess::Vintage::default(),
        }
    }

    pub(super) fn month() -> Period {
        period(PeriodKind::Month, "2025-04")
    }

    fn counts(areas: &[(&str, f64)]) -> Vec<Figure> {
        areas.iter().map(|(area, count)| figure(area, ALL, month(), (*count, None))).collect()
    }

    fn measure<'a>(id: &'a str, figures: &'a [Figure], rule: &'a Rule) -> Measure<'a> {
        Measure { id, figures, rule, earlier: &[] }
    }

    fn run(measures: &[Measure<'_>], sums: &[MeasureSum]) -> Outcome {
        let outcome = protect_figures(measures, sums, &areas(), &Effort::default()).unwrap();
        assert!(outcome.audits.iter().all(Audit::passes));
        outcome
    }

    fn shown(figures: &[Figure]) -> Vec<Option<f64>> {
        figures.iter().map(|figure| figure.numerator).collect()
    }

    #[test]
    fn a_small_ward_takes_the_next_ward_with_it_and_both_say_the_same() {
        let figures = counts(&[("C", 52.0), ("N", 3.0), ("S", 40.0), ("W", 9.0)]);
        let outcome = run(&[measure("m", &figures, &Rule::default())], &[]);
        let found = &outcome.measures[0];
        assert_eq!(shown(&found.figures), [Some(52.0), None, Some(40.0), None]);
        for withheld in [&found.figures[1], &found.figures[3]] {
            assert_eq!((withheld.value, withheld.status), (None, assess::Status::Suppressed));
            assert_eq!(withheld.note, NOTE);
        }
        assert_eq!(found.counts, Counts { shown: 2, primary: 1, secondary: 1 });
    }

    #[test]
    fn without_the_total_nothing_else_is_withheld() {
        let figures = counts(&[("N", 3.0), ("S", 40.0), ("W", 9.0)]);
        let outcome = run(&[measure("m", &figures, &Rule::default())], &[]);
        assert_eq!(shown(&outcome.measures[0].figures), [None, Some(40.0), Some(9.0)]);
    }

    #[test]
    fn wards_that_leave_a_small_rest_of_the_whole_give_it_away_and_are_withheld_for_it() {
        let figures = counts(&[("C", 52.0), ("N", 9.0), ("S", 40.0)]);
        let outcome = run(&[measure("m", &figures, &Rule::default())], &[]);
        assert_eq!(shown(&outcome.measures[0].figures), [Some(52.0), None, Some(40.0)]);
    }

    #[test]
    fn a_measure_that_must_be_published_is_shown_whatever_its_size() {
        let figures = counts(&[("C", 5.0), ("N", 1.0), ("S", 4.0), ("W", 0.0)]);
        let rule = Rule { threshold: None, ..Rule::default() };
        let outcome = run(&[measure("asb-case-reviews", &figures, &rule)], &[]);
        assert_eq!(outcome.measures[0].figures, figures);
    }

    #[test]
    fn a_month_is_not_given_back_by_its_quarter_or_by_rolling_years() {
        let month =
            |offset: i32| Period::month("2024-04".parse::<crate::period::Month>().unwrap().plus(offset));
        // The months of the published vector, the sixth being small.
        let monthly = [12.0, 9.0, 14.0, 8.0, 11.0, 3.0, 10.0, 9.0, 13.0, 12.0, 10.0, 11.0, 9.0, 12.0];
        let mut figures: Vec<Figure> =
            (0..).zip(monthly).map(|(at, count)| figure("C", ALL, month(at), (count, None))).collect();
        for (kind, length) in [(PeriodKind::FinancialQuarter, 3), (PeriodKind::Rolling12Months, 12)] {
            for last in length..=14 {
                if let Some(period) = Period::ending(kind, month(last - 1).last) {
                    let at = usize::try_from(last).unwrap();
                    let sum = monthly[at - usize::try_from(length).unwrap()..at].iter().sum();
                    figures.push(figure("C", ALL, period, (sum, None)));
                }
            }
        }
        let rule = Rule::default();
        let outcome = run(&[measure("m", &figures, &rule)], &[]);
        let found = &outcome.measures[0];
        assert_eq!(found.figures[5].numerator, None);
        assert!(found.counts.secondary >= 1 && found.counts.secondary <= 3, "{:?}", found.counts);
        // By the two steps of the vectors nothing can be recovered: every shown total lacks two months or none.
        for total in found.figures.iter().skip(14).filter(|figure| figure.numerator.is_some()) {
            let hidden = found.figures.iter().take(14).filter(|figure| {
                figure.numerator.is_none()
                    && total.period.months().any(|month| Period::month(month) == figure.period)
            });
            assert_ne!(hidden.count(), 1, "{}", total.period);
        }
    }

    #[test]
    fn a_breakdown_and_its_whole_in_wards_and_their_whole_are_protected_together() {
        let table = [("N", [3.0, 14.0, 25.0]), ("S", [20.0, 12.0, 18.0]), ("W", [9.0, 31.0, 44.0])];
        let mut figures = Vec::new();
        for (area, counts) in table {
            for (breakdown, count) in ["a", "b", "c"].into_iter().zip(counts) {
                figures.push(figure(area, breakdown, month(), (count, None)));
            }
            figures.push(figure(area, ALL, month(), (counts.iter().sum(), None)));
        }
        for (breakdown, count) in ["a", "b", "c", ALL].into_iter().zip([32.0, 57.0, 87.0, 176.0]) {
            figures.push(figure("C", breakdown, month(), (count, None)));
        }
        let outcome = run(&[measure("m", &figures, &Rule::default())], &[]);
        assert_eq!(outcome.measures[0].counts, Counts { shown: 12, primary: 1, secondary: 3 });
        let totals = outcome.measures[0].figures.iter().filter(|f| f.area == "C" || f.breakdown == ALL);
        assert!(totals.into_iter().all(|figure| figure.numerator.is_some()));
    }

    #[test]
    fn measures_that_add_up_to_another_protect_one_another() {
        let (all, some, rest) = (counts(&[("C", 60.0)]), counts(&[("C", 58.0)]), counts(&[("C", 2.0)]));
        let rule = Rule::default();
        let measures =
            [measure("all", &all, &rule), measure("some", &some, &rule), measure("rest", &rest, &rule)];
        let sum = MeasureSum { whole: "all".into(), parts: vec!["some".into(), "rest".into()] };
        let outcome = run(&measures, std::slice::from_ref(&sum));
        assert_eq!(shown(&outcome.measures[2].figures), [None]);
        assert_eq!(shown(&outcome.measures[1].figures), [None]);
        let apart = run(&measures, &[]);
        assert_eq!(shown(&apart.measures[1].figures), [Some(58.0)]);
        let unknown = MeasureSum { whole: "all".into(), parts: vec!["sums".into()] };
        let error = protect_figures(&measures, &[unknown], &areas(), &Effort::default()).unwrap_err();
        assert_eq!(error, FiguresError::NoMeasure { measure: "sums".into() });
    }

    #[test]
    fn a_dominated_amount_is_covered_by_what_leaves_room_for_its_margin_and_amounts_are_no_whole_numbers() {
        let rule = Rule {
            dominance: Some(Dominance { contributors: 1, share_pct: 75.0, margin_pct: 100.0 / 3.0 }),
            ..Rule::default()
        };
        // Three amounts, of which the first is dominated, and their whole, which an earlier release showed.
        let hidden = |amounts: [f64; 3]| -> Vec<usize> {
            let whole = amounts.iter().sum();
            let mut figures =
                counts(&[("C", whole), ("N", amounts[0]), ("S", amounts[1]), ("W", amounts[2])]);
            let dominated = assess::Basis { dominated: true, ..assess::Basis::default() };
            figures[1].basis = Some(Box::new(dominated));
            let earlier = counts(&[("C", whole)]);
            let release = [Edition { shown: &earlier, counted: None }];
            let outcome = run(&[Measure { earlier: &release, ..measure("m", &figures, &rule) }], &[]);
            assert_eq!(outcome.measures[0].failed, None);
            let withheld = shown(&outcome.measures[0].figures).into_iter().enumerate();
            withheld.filter(|(_, count)| count.is_none()).map(|(at, _)| at).collect()
        };
        // A third of 3,000.4 is 1,000: 1,400 leave room for it, 900 do not, and 600 and 700 do together.
        assert_eq!(hidden([3000.4, 1400.4, 900.4]), [1, 2]);
        assert_eq!(hidden([3000.4, 900.4, 1400.4]), [1, 3]);
        assert_eq!(hidden([3000.4, 600.4, 700.4]), [1, 2, 3]);
        assert_eq!(need(&rule, Some(3000)), Need { at_least: 4000, at_most: 2000, width: 1 });
        assert_eq!(need(&rule, None), Need::threshold(5));
    }

    #[test]
    fn a_percentage_loses_its_denominator_only_where_that_would_tell_its_numerator() {
        let rule = Rule { part_of_denominator: true, ..Rule::default() };
        let large = vec![figure("C", ALL, month(), (3.0, Some(80.0)))];
        let outcome = run(&[measure("m", &large, &rule)], &[]);
        let found = &outcome.measures[0].figures[0];
        assert_eq!((found.numerator, found.denominator, found.value), (None, Some(80.0), None));
        let small = vec![figure("C", ALL, month(), (3.0, Some(4.0)))];
        let outcome = run(&[measure("m", &small, &rule)], &[]);
        let found = &outcome.measures[0].figures[0];
        assert_eq!((found.numerator, found.denominator, found.value), (None, None, None));
    }

    #[test]
    fn all_but_a_few_of_a_denominator_are_withheld_where_the_rule_asks_for_it() {
        let figures = vec![figure("C", ALL, month(), (97.0, Some(100.0)))];
        let rule = Rule { part_of_denominator: true, ..Rule::default() };
        assert_eq!(shown(&run(&[measure("m", &figures, &rule)], &[]).measures[0].figures), [Some(97.0)]);
        let rule = Rule { complements: true, ..rule };
        let outcome = run(&[measure("m", &figures, &rule)], &[]);
        assert_eq!(outcome.measures[0].figures[0].value, None);
    }

    #[test]
    fn what_an_earlier_release_showed_is_no_cover_now_and_a_small_count_it_showed_is_named() {
        let figures = counts(&[("C", 52.0), ("N", 3.0), ("S", 40.0), ("W", 9.0)]);
        let earlier = counts(&[("C", 52.0), ("W", 9.0)]);
        let rule = Rule::default();
        let release = [Edition { shown: &earlier, counted: None }];
        let outcome = run(&[Measure { earlier: &release, ..measure("m", &figures, &rule) }], &[]);
        assert_eq!(shown(&outcome.measures[0].figures), [Some(52.0), None, None, Some(9.0)]);
        let earlier = counts(&[("N", 3.0)]);
        let release = [Edition { shown: &earlier, counted: None }];
        let outcome = run(&[Measure { earlier: &release, ..measure("m", &figures, &rule) }], &[]);
        assert_eq!(outcome.measures[0].known_from_earlier, [1]);
        assert_eq!(outcome.measures[0].figures[1].numerator, None);
    }

    #[test]
    fn totals_of_two_releases_that_differ_give_a_month_back_only_where_nothing_else_is_withheld() {
        // The earlier release had W at 8 and 51 in all; with S shown in both, N follows from either.
        let figures = counts(&[("C", 52.0), ("N", 3.0), ("S", 40.0), ("W", 9.0)]);
        let mut earlier = counts(&[("C", 51.0), ("S", 40.0), ("W", 8.0)]);
        let mut withheld = figure("N", ALL, month(), (0.0, None));
        (withheld.numerator, withheld.value) = (None, None);
        earlier.push(withheld);
        let rule = Rule::default();
        let release = [Edition { shown: &earlier, counted: None }];
        let measure = Measure { earlier: &release, ..measure("m", &figures, &rule) };
        let outcome = run(&[measure], &[]);
        assert_eq!(outcome.measures[0].known_from_earlier, [1]);
        assert_eq!(outcome.measures[0].figures[1].numerator, None);
    }

    #[test]
    fn what_is_the_same_in_one_area_and_not_in_another_is_the_same_by_chance() {
        let rule = Rule::default();
        let burglary = counts(&[("N", 3.0), ("S", 40.0)]);
        let arson = counts(&[("N", 3.0), ("S", 41.0)]);
        let burglary_again = counts(&[("N", 3.0), ("S", 40.0)]);
        let found = links(&[measure("b", &burglary, &rule), measure("a", &arson, &rule)]);
        assert!(found.is_empty(), "{found:?}");
        // The third is the first, though it is the same as the second in one area too.
        let all = [
            measure("a", &arson, &rule),
            measure("b", &burglary, &rule),
            measure("c", &burglary_again, &rule),
        ];
        let found: Vec<_> =
            links(&all).iter().map(|link| (link.whole.measure, link.part.measure, link.whole.area)).collect();
        assert_eq!(found, [(1, 2, "N"), (1, 2, "S")]);
    }

    #[test]
    fn a_count_under_two_names_is_withheld_under_both_and_covered_once() {
        // A rate has the numerators of a count; in the count, but not in the rate, other wards make up the whole.
        let wards = [("C", 52.0), ("N", 3.0), ("S", 40.0), ("W", 9.0)];
        let months = [period(PeriodKind::Month, "2025-05"), month()];
        let of = |areas: &[(&str, f64)]| -> Vec<Figure> {
            let figures = areas.iter().flat_map(|(area, count)| {
                months.iter().map(move |month| figure(area, ALL, *month, (*count, None)))
            });
            figures.collect()
        };
        let (count, rate) = (of(&wards), of(&[("W", 9.0), ("S", 40.0)]));
        let rule = Rule::default();
        let outcome = run(&[measure("count", &count, &rule), measure("rate", &rate, &rule)], &[]);
        let of_ward = |own: usize, ward: &str| -> Vec<Option<f64>> {
            let figures = outcome.measures[own].figures.iter().filter(|figure| figure.area == ward);
            figures.map(|figure| figure.numerator).collect()
        };
        assert_eq!(of_ward(0, "N"), [None, None]);
        for ward in ["W", "S"] {
            assert_eq!(of_ward(0, ward), of_ward(1, ward), "{ward}");
        }
        assert_eq!(outcome.audits.len(), 1);
    }

    #[test]
    fn a_sum_over_wards_and_one_over_kinds_hold_at_once_and_what_is_in_no_ward_is_protected_too() {
        let total = counts(&[("C", 60.0)]);
        let wards = counts(&[("N", 20.0), ("S", 25.0), ("W", 12.0)]);
        let kinds: Vec<Figure> = [("kind: a", 31.0), ("kind: b", 29.0)]
            .into_iter()
            .map(|(kind, count)| figure("C", kind, month(), (count, None)))
            .collect();
        let rule = Rule::default();
        let measures = [
            measure("total", &total, &rule),
            measure("wards", &wards, &rule),
            measure("kinds", &kinds, &rule),
        ];
        let sum = |part: &str| MeasureSum { whole: "total".into(), parts: vec![part.into()] };
        let outcome = run(&measures, &[sum("wards"), sum("kinds")]);
        // Three are in no ward, which the total and all wards would tell: a ward is withheld, or the total with its kinds.
        let hidden = outcome.measures.iter().flat_map(|own| &own.figures).filter(|f| f.numerator.is_none());
        assert!(hidden.count() >= 1);
        let apart = run(&measures, &[sum("kinds")]);
        assert!(apart.measures.iter().flat_map(|own| &own.figures).all(|figure| figure.numerator.is_some()));
        let one = MeasureSum { whole: "wards".into(), parts: vec!["kinds/kind: a".into()] };
        assert_eq!(one.parts, [Part { measure: "kinds".into(), breakdown: Some("kind: a".into()) }]);
    }

    mod properties {
        use proptest::collection::vec;
        use proptest::prelude::*;

        use super::*;

        /// Figures of wards and the whole, of kinds and all, for six months and two quarters.
        fn town(cells: &[f64]) -> (Vec<Figure>, Vec<Figure>) {
            let at = |ward: usize, kind: usize, month: usize| cells[(ward * 2 + kind) * 6 + month];
            let stretches: Vec<(Period, std::ops::Range<usize>)> = (0..6)
                .map(|month| {
                    let last = "2025-04"
                        .parse::<crate::period::Month>()
                        .unwrap()
                        .plus(i32::try_from(month).unwrap());
                    (Period::month(last), month..month + 1)
                })
                .chain(
                    [("2025-06", 0..3), ("2025-09", 3..6)]
                        .map(|(last, months)| (period(PeriodKind::FinancialQuarter, last), months)),
                )
                .collect();
            let (mut all, mut by_kind) = (Vec::new(), Vec::new());
            for (area, wards) in [("C", 0..3), ("N", 0..1), ("S", 1..2), ("W", 2..3)] {
                for (breakdown, kinds) in [(ALL, 0..2), ("kind: a", 0..1), ("kind: b", 1..2)] {
                    for (period, months) in &stretches {
                        let mut count = 0.0;
                        for ward in wards.clone() {
                            for kind in kinds.clone() {
                                count += months.clone().map(|month| at(ward, kind, month)).sum::<f64>();
                            }
                        }
                        let into = if breakdown == ALL { &mut all } else { &mut by_kind };
                        into.push(figure(area, breakdown, *period, (count, None)));
                    }
                }
            }
            (all, by_kind)
        }

        proptest! {
            #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

            #[test]
            fn what_is_shown_is_true_and_not_small_and_the_audit_from_what_is_shown_agrees(
                cells in vec(prop_oneof![3 => 5u8..40, 1 => 0u8..5], 36),
            ) {
                let cells: Vec<f64> = cells.into_iter().map(f64::from).collect();
                let (all, by_kind) = town(&cells);
                let rule = Rule::default();
                let measures = [measure("all", &all, &rule), measure("kinds", &by_kind, &rule)];
                let sum = MeasureSum { whole: "all".into(), parts: vec!["kinds".into()] };
                let sums = std::slice::from_ref(&sum);
                let outcome = protect_figures(&measures, sums, &areas(), &Effort::default()).unwrap();
                for (own, counted) in outcome.measures.iter().zip([&all, &by_kind]) {
                    prop_assert!(own.failed.is_none(), "{:?}", own.failed);
                    for (shown, counted) in own.figures.iter().zip(counted) {
                        prop_assert!(shown.numerator.is_none() || shown.numerator == counted.numerator);
                        prop_assert!(!shown.numerator.is_some_and(|count| (1.0..5.0).contains(&count)));
                        prop_assert_eq!(shown.numerator.is_none(), shown.value.is_none());
                    }
                }
                let shown: Vec<&[Figure]> = outcome.measures.iter().map(|own| own.figures.as_slice()).collect();
                let found = audit_figures(&measures, &shown, sums, &areas(), &Effort::default()).unwrap();
                prop_assert!(found.iter().all(|own| own.finding.passes));
                // The next release, of the same counts, knows what this one showed, and shows the same.
                let before: Vec<[Edition<'_>; 1]> =
                    shown.iter().map(|shown| [Edition { shown, counted: None }]).collect();
                let again = [
                    Measure { earlier: &before[0], ..measures[0] },
                    Measure { earlier: &before[1], ..measures[1] },
                ];
                let second = protect_figures(&again, sums, &areas(), &Effort::default()).unwrap();
                for (first, second) in outcome.measures.iter().zip(&second.measures) {
                    prop_assert_eq!(&first.figures, &second.figures);
                }
            }
        }
    }
}
