//! Counts that are the same under two names.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

use super::{Figure, Measure, Side, whole};
use crate::geography::Area;
use crate::period::{Period, PeriodKind};

/// One side of the figures of an area and breakdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run<'a> {
    pub(super) measure: usize,
    pub(super) side: Side,
    pub(super) area: &'a str,
    pub(super) breakdown: &'a str,
    /// Places of its figures, one behind the other.
    from: usize,
    to: usize,
}

/// A side of a breakdown of a measure, in all areas.
type Series<'a> = (usize, usize, &'a str);

impl<'a> Run<'a> {
    fn series(&self) -> Series<'a> {
        (self.measure, self.side as usize, self.breakdown)
    }
}

/// Two runs that are the same count.
#[derive(Debug)]
pub(super) struct Link<'a> {
    pub(super) whole: Run<'a>,
    pub(super) part: Run<'a>,
    /// Places of the figures that have the same count, of the one and of the other, in the order of the latter.
    pub(super) figures: Vec<(usize, usize)>,
}

/// How many of the latest, and of the earliest, periods of a kind are compared first: a count that is known later than
/// another has the same beginning.
const TAIL: usize = 8;

/// Of so few periods every beginning is compared.
const FEW: usize = 12;

/// Counts that are the same in two measures, or on two sides of one, wherever both stand: one count under two names, so
/// that what is withheld of the one must not be shown by the other.
///
/// Where something is counted twice, it is so in every area: what is the same in one and differs in another is the same by
/// chance. What is the same by chance in all of them ties figures without need, and does no other harm.
pub(super) fn links<'a>(measures: &[Measure<'a>]) -> Vec<Link<'a>> {
    let mut alike: HashMap<u64, Vec<Run<'a>>> = HashMap::new();
    let mut series: HashMap<Series<'a>, Vec<Run<'a>>> = HashMap::new();
    for (number, measure) in measures.iter().enumerate() {
        for run in runs(number, measure) {
            series.entry(run.series()).or_default().push(run);
            for hash in tails(measure.figures, &run) {
                alike.entry(hash).or_default().push(run);
            }
        }
    }
    // What stands for a sum is no count of anything else.
    let stands_for_sums =
        |run: &Run<'_>| measures.get(run.measure).is_some_and(|measure| measure.rule.stands_for_sums());
    let mut found: Vec<Link<'a>> = Vec::new();
    let mut known: BTreeSet<(usize, usize, usize, usize)> = BTreeSet::new();
    let mut everywhere: HashMap<(Series<'a>, Series<'a>), bool> = HashMap::new();
    for runs in alike.into_values().filter(|runs| runs.len() > 1) {
        let mut firsts: Vec<Run<'a>> = Vec::new();
        for run in runs {
            let mut is_new = true;
            for whole in &firsts {
                if whole.measure == run.measure && whole.side == run.side
                    || whole.area != run.area
                    || stands_for_sums(whole) != stands_for_sums(&run)
                {
                    continue;
                }
                if let Some(figures) = same_count(measures, whole, &run)
                    && *everywhere
                        .entry((whole.series(), run.series()))
                        .or_insert_with(|| same_everywhere(measures, &series, whole, &run))
                {
                    let key = (
                        whole.measure * 2 + whole.side as usize,
                        whole.from,
                        run.measure * 2 + run.side as usize,
                        run.from,
                    );
                    if known.insert(key) {
                        found.push(Link { whole: *whole, part: run, figures });
                    }
                    is_new = false;
                    break;
                }
            }
            if is_new {
                firsts.push(run);
            }
        }
    }
    found.sort_by_key(|link| {
        (
            link.whole.measure,
            link.whole.side as usize,
            link.whole.from,
            link.part.measure,
            link.part.side as usize,
            link.part.from,
        )
    });
    found
}

/// A count that stands at two places: measure, side and figure of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Equal {
    pub(super) one: (usize, Side, usize),
    pub(super) other: (usize, Side, usize),
}

/// Denominators that are the same in all areas of a measure, such as the whole of a borough beside each of its wards: one
/// count, told in every row, and the count of the area around them wherever that stands.
pub(super) fn equals(measures: &[Measure<'_>], areas: &[Area]) -> Vec<Equal> {
    let mut found = Vec::new();
    for (number, measure) in measures.iter().enumerate().filter(|(_, own)| own.rule.lays_denominator()) {
        let mut denominators: BTreeMap<&str, Vec<Run<'_>>> = BTreeMap::new();
        for run in runs(number, measure).filter(|run| run.side == Side::Denominator) {
            denominators.entry(run.breakdown).or_default().push(run);
        }
        for own in denominators.values().filter(|own| own.len() > 1) {
            let Some(first) = same_in_all(measure.figures, own) else { continue };
            let of = |at: usize| (number, Side::Denominator, at);
            for run in own {
                for (period, (at, _)) in counted(measure.figures, run) {
                    let known = first.get(&period).filter(|(known, _)| *known != at);
                    found.extend(known.map(|(known, _)| Equal { one: of(*known), other: of(at) }));
                }
            }
            let around = around_all(own.iter().map(|run| run.area), areas);
            for (other, measure) in measures.iter().enumerate() {
                let there = runs(other, measure).filter(|run| around.contains(run.area));
                for run in there.filter(|run| (other, run.side) != (number, Side::Denominator)) {
                    let their: Vec<_> = counted(measure.figures, &run).collect();
                    let common = || their.iter().filter_map(|(period, own)| Some((first.get(period)?, own)));
                    let is_same = common().all(|((_, known), (_, count))| known == count)
                        && common().any(|((_, known), _)| *known > 0);
                    let pairs = common().filter(|_| is_same);
                    found.extend(pairs.map(|((known, _), (at, _))| Equal {
                        one: of(*known),
                        other: (other, run.side, *at),
                    }));
                }
            }
        }
    }
    found
}

/// The counts by period, each with the place of a figure that has it, where all of these runs have the same.
fn same_in_all(figures: &[Figure], runs: &[Run<'_>]) -> Option<BTreeMap<Period, (usize, i64)>> {
    let mut first: BTreeMap<Period, (usize, i64)> = BTreeMap::new();
    for run in runs {
        for (period, (at, count)) in counted(figures, run) {
            if first.entry(period).or_insert((at, count)).1 != count {
                return None;
            }
        }
    }
    first.values().any(|(_, count)| *count > 0).then_some(first)
}

/// The areas in which all of these lie.
fn around_all<'a>(codes: impl Iterator<Item = &'a str>, areas: &'a [Area]) -> BTreeSet<&'a str> {
    let by_code: HashMap<&str, &'a Area> = areas.iter().map(|area| (area.code.as_str(), area)).collect();
    let around = |code: &str| -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut at = by_code.get(code).map_or("", |area| area.parent.as_str());
        while !at.is_empty() && found.insert(at) {
            at = by_code.get(at).map_or("", |area| area.parent.as_str());
        }
        found
    };
    codes.map(around).reduce(|all, own| all.intersection(&own).copied().collect()).unwrap_or_default()
}

/// The runs of a measure.
fn runs<'a>(number: usize, measure: &Measure<'a>) -> impl Iterator<Item = Run<'a>> {
    let (figures, lays_denominator) = (measure.figures, measure.rule.lays_denominator());
    let mut from = 0;
    let places = (1..=figures.len()).filter_map(move |to| {
        let (first, next) = (figures.get(from)?, figures.get(to));
        if next.is_some_and(|next| next.area == first.area && next.breakdown == first.breakdown) {
            return None;
        }
        let found = (first, from, to);
        from = to;
        Some(found)
    });
    places.flat_map(move |(first, from, to)| {
        let sides = [Side::Numerator, Side::Denominator].into_iter();
        let sides = sides.filter(move |side| *side == Side::Numerator || lays_denominator);
        sides.map(move |side| Run {
            measure: number,
            side,
            area: first.area.as_str(),
            breakdown: first.breakdown.as_str(),
            from,
            to,
        })
    })
}

/// Whether two runs are the same in every other area too in which both of their series stand.
fn same_everywhere<'a>(
    measures: &[Measure<'a>],
    series: &HashMap<Series<'a>, Vec<Run<'a>>>,
    a: &Run<'a>,
    b: &Run<'a>,
) -> bool {
    let of = |run: &Run<'a>| series.get(&run.series()).map(Vec::as_slice).unwrap_or_default();
    let others: BTreeMap<&str, &Run<'_>> = of(b).iter().map(|run| (run.area, run)).collect();
    of(a).iter().all(|run| {
        let Some(other) = others.get(run.area) else { return true };
        let (Some(own), Some(their)) = (measures.get(run.measure), measures.get(other.measure)) else {
            return true;
        };
        let counts: BTreeMap<Period, (usize, i64)> = counted(own.figures, run).collect();
        counted(their.figures, other)
            .all(|(period, (_, count))| counts.get(&period).is_none_or(|(_, known)| *known == count))
    })
}

/// The counts of a run by period, each with the place of its figure.
fn counted<'a>(figures: &'a [Figure], run: &Run<'_>) -> impl Iterator<Item = (Period, (usize, i64))> + 'a {
    let side = run.side;
    let own = figures.get(run.from..run.to).unwrap_or_default();
    let places = run.from..run.to;
    places
        .zip(own)
        .filter_map(move |(at, figure)| Some((figure.period, (at, side.of(figure).and_then(whole)?))))
}

/// Digests of the latest and the earliest counts of a run, for each kind of period.
fn tails(figures: &[Figure], run: &Run<'_>) -> Vec<u64> {
    let mut by_kind: BTreeMap<PeriodKind, Vec<(Period, i64)>> = BTreeMap::new();
    for (period, (_, count)) in counted(figures, run) {
        by_kind.entry(period.kind).or_default().push((period, count));
    }
    let digest = |counts: &[(Period, i64)]| {
        let mut hasher = DefaultHasher::new();
        (run.area, counts).hash(&mut hasher);
        hasher.finish()
    };
    let mut digests = BTreeSet::new();
    for counts in by_kind.values() {
        let shortest = if counts.len() <= FEW { 2 } else { TAIL };
        let longest = if counts.len() <= FEW { counts.len() } else { TAIL };
        let heads = (shortest..=longest).filter_map(|length| counts.get(..length));
        let tail = counts.get(counts.len().saturating_sub(TAIL)..);
        let telling = heads.chain(tail).filter(|part| part.iter().any(|(_, count)| *count > 0));
        digests.extend(telling.map(digest));
    }
    digests.into_iter().collect()
}

/// The figures of two runs that have the same count; `None` where the runs differ in one, or are nothing throughout.
fn same_count(measures: &[Measure<'_>], a: &Run<'_>, b: &Run<'_>) -> Option<Vec<(usize, usize)>> {
    let of: BTreeMap<Period, (usize, i64)> = counted(measures.get(a.measure)?.figures, a).collect();
    let mut figures = Vec::new();
    let mut is_telling = false;
    for (period, (at, count)) in counted(measures.get(b.measure)?.figures, b) {
        match of.get(&period) {
            Some((_, other)) if *other != count => return None,
            Some((other, _)) => {
                figures.push((*other, at));
                is_telling |= count > 0;
            }
            None => {}
        }
    }
    is_telling.then_some(figures)
}
