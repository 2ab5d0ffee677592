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
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::rules::{Dominance, Threshold, round_to_base, rounded_to, rounding_note};
use super::{
    Audit, Counts, DisclosureError, Effort, Finding, LARGEST, Need, Proof, Protection, audit, protect,
};
use crate::assess::{self, Figure};
use crate::geography::Area;
use crate::period::Period;
use counting::{Component, components, put_together};
pub use counting::{Counting, numbers};
use layout::Layout;
use links::{Equal, Link, equals, links};

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
    /// Counts are rounded to the nearest multiple of this instead of being withheld, where all measures that sums tie
    /// together are, and no count can be worked out all the same.
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
    /// Why its counts, or those of a measure that it is tied to, are not rounded though they were to be.
    pub not_rounded: Option<String>,
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
    /// The audience has the count rounded.
    pub rounded: bool,
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
    let equal = equals(&laid, areas);
    let families = families(&laid, sums, &links, &equal)?;
    let all: Vec<WithEarlier<'_>> = laid.iter().map(WithEarlier::of).collect();
    let tied = Tied {
        measures: &laid,
        all: &all,
        components: &components,
        sums,
        links: &links,
        equal: &equal,
        areas,
    };
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
        not_rounded: None,
        failed: Some(why.to_owned()),
        audit: None,
    }
}

/// Works out anew, from what an audience was shown, what it cannot rule out of each count that it was not shown, or was
/// shown rounded.
///
/// `shown` has, by measure, what was published of its figures, in their order. A measure whose rule has a base of rounding
/// was shown rounded to it.
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
    let equal = equals(&laid, areas);
    let families = families(&laid, sums, &links, &equal)?;
    let all: Vec<WithEarlier<'_>> = laid.iter().map(WithEarlier::of).collect();
    let tied = Tied {
        measures: &laid,
        all: &all,
        components: &components,
        sums,
        links: &links,
        equal: &equal,
        areas,
    };
    let work = |at: usize| -> Result<Vec<Audited>, FiguresError> {
        let Some(family) = families.get(at) else { return Ok(Vec::new()) };
        let mut layout = Layout::new(&tied, family)?;
        let rounded = tied.is_rounded(family);
        let seen = if rounded {
            layout.seen_rounded(&tied, family)
        } else {
            layout.give_away()?;
            layout.seen(family, &shown)
        };
        let found = audit(&layout.problem, &seen, effort).map_err(|source| FiguresError::Measures {
            measures: family.iter().filter_map(|at| Some(measures.get(*at)?.id.to_owned())).collect(),
            source,
        })?;
        let named = found.findings.into_iter();
        let audited = |finding: Finding| Audited { name: layout.name(&tied, finding.cell), finding, rounded };
        Ok(named.map(audited).collect())
    };
    let found: Result<Vec<_>, _> = in_parallel(families.len(), effort.threads, work).into_iter().collect();
    Ok(found?.concat())
}

/// How often more is withheld where no cover was found, before a measure is withheld as a whole.
const WIDER: usize = 3;

/// The figures of a measure, and behind them those that earlier releases showed at places where it has none any more, of
/// each the latest: with what stands now they still make sums.
struct WithEarlier<'a> {
    figures: Cow<'a, [Figure]>,
    /// Of those behind, the edition and the figure in it.
    from: Vec<(usize, usize)>,
}

impl<'a> WithEarlier<'a> {
    fn of(measure: &Measure<'a>) -> Self {
        let mut own = Self { figures: Cow::Borrowed(measure.figures), from: Vec::new() };
        if measure.earlier.is_empty() {
            return own;
        }
        let mut known: HashSet<Key<'_>> = measure.figures.iter().map(key).collect();
        let mut further = Vec::new();
        for (edition, told) in measure.earlier.iter().enumerate().rev() {
            for (at, figure) in told.shown.iter().enumerate() {
                let is_told = figure.numerator.is_some() && rounded_to(&figure.note).is_none();
                if is_told && known.insert(key(figure)) {
                    further.push(figure.clone());
                    own.from.push((edition, at));
                }
            }
        }
        if !further.is_empty() {
            own.figures.to_mut().extend(further);
        }
        own
    }
}

/// Measures with all that ties them.
struct Tied<'a> {
    /// Components as measures.
    measures: &'a [Measure<'a>],
    /// Of each of these the figures, with those that stand no more.
    all: &'a [WithEarlier<'a>],
    components: &'a [Component<'a>],
    sums: &'a [MeasureSum],
    links: &'a [Link<'a>],
    equal: &'a [Equal],
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
        let mut not_rounded = None;
        if self.is_rounded(family) {
            not_rounded = self.not_rounded(family, effort);
            if not_rounded.is_none() {
                return (own.into_iter().map(rounded_whole).collect(), Some(Audit::default()));
            }
        } else if own.iter().any(|measure| measure.rule.rounding.is_some()) {
            not_rounded = Some("sums tie it to measures that are not rounded".to_owned());
        }
        let (mut protected, audit) = self.withhold(family, own, effort);
        for own in &mut protected {
            own.not_rounded.clone_from(&not_rounded);
        }
        (protected, audit)
    }

    /// Withholds what must be withheld of a family: its measures in order, and the proof, where they are not withheld as a
    /// whole.
    fn withhold(
        &self,
        family: &[usize],
        own: Vec<&Measure<'_>>,
        effort: &Effort,
    ) -> (Vec<Protected>, Option<Audit>) {
        match self.solve(family, effort) {
            Err(why) => (own.into_iter().map(|measure| withheld_whole(measure, &why)).collect(), None),
            Ok((layout, found)) => {
                let laid = layout.measures.iter().zip(own);
                (laid.map(|(laid, measure)| laid.read(measure, &found)).collect(), Some(found.audit))
            }
        }
    }

    /// What of a family is withheld; the reason where it cannot be protected.
    fn solve(&self, family: &[usize], effort: &Effort) -> Result<(Layout, Protection), String> {
        let mut layout = Layout::new(self, family).map_err(|error| error.to_string())?;
        if let Some(sum) = layout.untied.first().and_then(|at| self.sums.get(*at)) {
            let parts: Vec<&str> = sum.parts.iter().map(|part| part.measure.as_str()).collect();
            return Err(format!(
                "`sum-of` of measure `{}` ties none of its figures to those of {}: they have no area, breakdown and period in \
                 common, so that the sum cannot be defended; give them some, or take it away",
                sum.whole,
                parts.join(", ")
            ));
        }
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

    /// Whether all measures of a family are to be rounded.
    fn is_rounded(&self, family: &[usize]) -> bool {
        family.iter().all(|at| self.measures.get(*at).is_some_and(|own| own.rule.rounding.is_some()))
    }

    /// Why the counts of a family that are to be rounded cannot be: one of them could be worked out from the rounded ones and
    /// what earlier releases showed. `None` where none could.
    fn not_rounded(&self, family: &[usize], effort: &Effort) -> Option<String> {
        let mut layout = match Layout::new(self, family) {
            Ok(layout) => layout,
            Err(error) => return Some(error.to_string()),
        };
        let seen = layout.seen_rounded(self, family);
        let found = match audit(&layout.problem, &seen, effort) {
            Ok(found) => found,
            Err(error) => return Some(error.to_string()),
        };
        let first = found.failures().next()?;
        let how = if first.proof == Proof::Undecided { "it is not known whether" } else { "" };
        let (n, name) = (found.failures().count(), layout.name(self, first.cell));
        Some(format!("{how} {n} counts could be told exactly, the first is {name}").trim().to_owned())
    }
}

/// A measure with its counts rounded.
fn rounded_whole(measure: &Measure<'_>) -> Protected {
    let base = measure.rule.rounding.unwrap_or(1);
    let counted = |figure: &&Figure| measure.rule.counting.has_counts(figure);
    Protected {
        figures: measure.figures.iter().map(|figure| rounded(figure, measure.rule, base)).collect(),
        counts: Counts { shown: measure.figures.iter().filter(counted).count(), ..Counts::default() },
        known_from_earlier: Vec::new(),
        rounded: true,
        not_rounded: None,
        failed: None,
        audit: None,
    }
}

/// A figure with its counts rounded, and a value that follows from them.
fn rounded(figure: &Figure, rule: &Rule, base: i64) -> Figure {
    let mut figure = figure.clone();
    let near = |count: f64| whole(count).map(|count| round_to_base(count, base) as f64);
    let Some(before) = figure.numerator else { return figure };
    // What a plain fraction is multiplied with, such as 100 or 1,000: a whole number.
    let unit = match (figure.value, figure.denominator) {
        (Some(value), Some(of)) if before > 0.0 => (value * of / before).round(),
        (_, None) => 1.0,
        _ => 0.0,
    };
    figure.numerator = near(before);
    if rule.lays_denominator() {
        figure.denominator = figure.denominator.and_then(near);
    }
    // From the rounded counts alone: the last digits of anything else would tell what they were.
    figure.value = match (figure.value, figure.numerator, figure.denominator) {
        (Some(_), Some(rounded), None) => Some(rounded),
        (Some(_), Some(rounded), Some(of)) if of > 0.0 => Some(rounded * unit / of),
        _ => None,
    };
    figure.interval = None;
    // That a supplier said that there was nothing tells a 0 that is not rounded.
    figure.absence = figure.absence.filter(|absence| *absence != assess::Absence::NilReturn);
    if rule.part_of_denominator {
        figure.value = figure.value.map(|value| value.min(100.0));
    }
    let note = rounding_note(base);
    figure.note = if figure.note.is_empty() { note } else { format!("{}; {note}", figure.note) };
    if figure.status == assess::Status::Available && figure.value.is_none() {
        figure.status = assess::Status::NotApplicable;
        figure.absence = Some(assess::Absence::DenominatorZero);
    }
    figure
}

/// Measures that sums and links tie together, by place, each family in order.
fn families(
    measures: &[Measure<'_>],
    sums: &[MeasureSum],
    links: &[Link<'_>],
    equal: &[Equal],
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
    let apart: BTreeSet<(usize, usize)> = equal.iter().map(|pair| (pair.one.0, pair.other.0)).collect();
    pairs.extend(apart);
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
        (figure.status, figure.absence) = (assess::Status::Suppressed, Some(assess::Absence::Suppressed));
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
mod tests;
