//! Which counts the figures of a measure are made of, laid out as measures that are counts.
//!
//! All that ties and protects counts knows numerators and denominators only. A measure of another kind becomes one or two
//! such measures, its components, and each of its figures is shown as far as the counts are that it is made of.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::Counts;
use super::{Edition, Figure, Hidden, Key, Measure, Protected, Rule, Side, key, withheld, withheld_whole};
use crate::assess::{self, Basis};
use crate::period::Period;

/// Which counts a figure is made of, and so what it is protected through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Counting {
    /// Its numerator, and its denominator where the rule says so.
    #[default]
    Events,
    /// How many cases it stands on: the denominator of a median or a score.
    Cases,
    /// The same of an average. The sum behind it is one of the same cases and goes with it.
    SumOfCases,
    /// How many answered a survey. What is weighted is of the same people and goes with them.
    Answers,
    /// Numerators and denominators of two groups, between which it is the gap.
    TwoGroups,
    /// Its numerator, and that of a base year, on which it is an index.
    BaseYear(Period),
    /// Its numerator, and that of the area with this code, of which it is a share.
    ShareOf(String),
}

impl Counting {
    /// The counts of a figure that are held against the threshold, as far as it has them.
    #[must_use]
    pub fn counts(&self, figure: &Figure) -> [Option<f64>; 4] {
        let basis = figure.basis.as_deref().copied().unwrap_or_default();
        match self {
            Self::Events => [figure.numerator, None, None, None],
            Self::Cases | Self::SumOfCases => [figure.denominator, None, None, None],
            Self::Answers => [basis.base, None, None, None],
            Self::TwoGroups => {
                [figure.numerator, figure.denominator, basis.other_numerator, basis.other_denominator]
            }
            Self::BaseYear(_) => [figure.numerator, events_of_base_year(figure), None, None],
            Self::ShareOf(_) => [figure.numerator, figure.denominator, None, None],
        }
    }

    /// Whether a figure is made of any count.
    #[must_use]
    pub fn has_counts(&self, figure: &Figure) -> bool {
        self.counts(figure).iter().any(Option::is_some)
    }

    /// Whether a figure, as it was counted, tells more as it is shown than the counts that it lacks allow.
    #[must_use]
    pub fn overtells(&self, counted: &Figure, shown: &Figure) -> bool {
        let lacks = numbers(counted)
            .into_iter()
            .zip(numbers(shown))
            .any(|(counted, shown)| counted.is_some() && shown.is_none());
        let basis = shown.basis.as_deref().copied().unwrap_or_default();
        let follows = shown.value.is_some()
            || shown.interval.is_some()
            || [basis.error, basis.squares, basis.design_effect].iter().any(Option::is_some);
        let is_lost = |own: &[Option<f64>; 4]| own.iter().all(Option::is_none);
        let base_is_lost = !is_lost(&self.counts(counted)) && is_lost(&self.counts(shown));
        lacks && (follows || (self.is_base() && base_is_lost && numbers(shown).iter().any(Option::is_some)))
    }

    /// Whether figures are made of events, and of those who could have had them.
    #[must_use]
    pub fn is_events(&self) -> bool {
        *self == Self::Events
    }

    /// Whether the one count is how many cases or answers there are, and all other numbers go with it.
    #[must_use]
    pub fn is_base(&self) -> bool {
        matches!(self, Self::Cases | Self::SumOfCases | Self::Answers)
    }
}

/// Every count and sum of a figure.
#[must_use]
pub fn numbers(figure: &Figure) -> [Option<f64>; 5] {
    let basis = figure.basis.as_deref().copied().unwrap_or_default();
    [figure.numerator, figure.denominator, basis.base, basis.other_numerator, basis.other_denominator]
}

/// What the base year of an index had, which its denominator tells as well: that is as many twelfths of it as the period
/// has months. `None` where it is not known.
fn events_of_base_year(figure: &Figure) -> Option<f64> {
    let told = figure.basis.as_ref().and_then(|basis| basis.other_numerator);
    // A base year that was not complete stood as nothing in tables of earlier versions of the program.
    let told = told.filter(|events| figure.denominator.is_some() || *events > 0.0);
    told.or_else(|| Some(figure.denominator? * 12.0 / figure.period.months().count() as f64))
}

/// Which of the counts of a figure a component holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Numerator and denominator as they stand.
    Own,
    /// The base alone.
    Base,
    /// The base of figures whose sums are shown: it stands for the sum behind an average, and for the weighted numbers of a
    /// survey, which add up where bases do, may add up where these overlap, and are protected when a base is known.
    Sums,
    /// Those of the other group.
    Other,
    /// The numerator, and that of another area or period, which stands as a figure of its own there.
    Elsewhere,
}

/// Counts of a measure as figures of a measure that is counts.
pub(super) struct Component<'a> {
    /// Place of the measure.
    pub(super) measure: usize,
    which: Which,
    rule: Cow<'a, Rule>,
    laid: Laid<'a>,
    earlier: Vec<(Laid<'a>, Option<Laid<'a>>)>,
}

/// Figures that are counts.
struct Laid<'a> {
    figures: Cow<'a, [Figure]>,
    /// By figure of the measure, the places of its own count and of the one elsewhere; empty where all keep their places.
    places: Vec<(usize, usize)>,
}

impl Laid<'_> {
    fn places(&self, figure: usize) -> (usize, usize) {
        self.places.get(figure).copied().unwrap_or((figure, figure))
    }
}

/// The components of measures, in their order.
pub(super) fn components<'a>(measures: &[Measure<'a>]) -> Vec<Component<'a>> {
    let mut found = Vec::new();
    for (number, measure) in measures.iter().enumerate() {
        let rule = measure.rule;
        let kinds: &[Which] = match &rule.counting {
            Counting::Events => &[Which::Own],
            Counting::Cases => &[Which::Base],
            Counting::SumOfCases | Counting::Answers => &[Which::Base, Which::Sums],
            Counting::TwoGroups => &[Which::Own, Which::Other],
            Counting::BaseYear(_) | Counting::ShareOf(_) => &[Which::Elsewhere],
        };
        for which in kinds {
            let laid = |figures: &'a [Figure]| lay(*which, &rule.counting, figures);
            found.push(Component {
                measure: number,
                which: *which,
                rule: of_component(rule, *which),
                laid: laid(measure.figures),
                earlier: measure
                    .earlier
                    .iter()
                    .map(|edition| (laid(edition.shown), edition.counted.map(laid)))
                    .collect(),
            });
        }
    }
    found
}

/// The rule of a component, which is made of numerators and denominators.
fn of_component(rule: &Rule, which: Which) -> Cow<'_, Rule> {
    if rule.counting.is_events() {
        return Cow::Borrowed(rule);
    }
    let is_pair = matches!(which, Which::Own | Which::Other);
    let is_sums = which == Which::Sums;
    Cow::Owned(Rule {
        counting: if is_sums { Counting::SumOfCases } else { Counting::Events },
        part_of_denominator: rule.part_of_denominator && is_pair,
        counts_denominator: is_pair,
        complements: rule.complements && is_pair,
        dominance: None,
        rounding: None,
        ..rule.clone()
    })
}

/// The counts of figures, as figures.
fn lay<'a>(which: Which, counting: &Counting, figures: &'a [Figure]) -> Laid<'a> {
    let bare = |numerator: Option<f64>, denominator: Option<f64>, figure: &Figure| Figure {
        numerator,
        denominator,
        basis: marked(figure),
        ..figure.clone()
    };
    let each = |of: &dyn Fn(&Figure) -> Figure| Laid {
        figures: Cow::Owned(figures.iter().map(of).collect()),
        places: Vec::new(),
    };
    match which {
        Which::Own if counting.is_events() => Laid { figures: Cow::Borrowed(figures), places: Vec::new() },
        Which::Own => each(&|figure| bare(figure.numerator, figure.denominator, figure)),
        Which::Base => each(&|figure| bare(counting.counts(figure)[0], None, figure)),
        Which::Sums => each(&|figure| bare(figure.numerator.and(counting.counts(figure)[0]), None, figure)),
        Which::Other => each(&|figure| {
            let [_, _, numerator, denominator] = counting.counts(figure);
            bare(numerator, denominator, figure)
        }),
        Which::Elsewhere => elsewhere(counting, figures),
    }
}

/// The mark of a figure that few contributors dominate, and nothing else that it stands on.
fn marked(figure: &Figure) -> Option<Box<Basis>> {
    figure.is_dominated().then(|| Box::new(Basis { dominated: true, ..Basis::default() }))
}

/// Numerators, with those of the base year or of the wider area as figures of their own where they are none of the measure:
/// they are counts of the same kind, and the same sums hold for them.
fn elsewhere<'a>(counting: &Counting, figures: &'a [Figure]) -> Laid<'a> {
    let place_of = |figure: &'a Figure| -> (String, &'a str, Period) {
        let (area, breakdown, period) = key(figure);
        match counting {
            Counting::BaseYear(base) => (area.to_owned(), breakdown, *base),
            Counting::ShareOf(whole) => (whole.clone(), breakdown, period),
            _ => (area.to_owned(), breakdown, period),
        }
    };
    let known: BTreeSet<Key<'_>> = figures.iter().map(key).collect();
    let mut missing: BTreeMap<(String, &str), BTreeSet<Period>> = BTreeMap::new();
    for figure in figures {
        let (area, breakdown, period) = place_of(figure);
        if !known.contains(&(area.as_str(), breakdown, period)) {
            missing.entry((area, breakdown)).or_default().insert(period);
        }
    }
    let mut laid: Vec<Figure> = Vec::with_capacity(figures.len());
    let mut own = Vec::with_capacity(figures.len());
    let blank = |model: &Figure, area: String, breakdown: &str, period: Period| Figure {
        area,
        breakdown: breakdown.to_owned(),
        period,
        numerator: None,
        denominator: None,
        basis: None,
        status: assess::Status::NotAvailable,
        ..model.clone()
    };
    // A series stays in one piece.
    for (at, figure) in figures.iter().enumerate() {
        own.push(laid.len());
        laid.push(Figure { basis: marked(figure), ..figure.clone() });
        let next = figures.get(at + 1);
        if next.is_none_or(|next| next.area != figure.area || next.breakdown != figure.breakdown)
            && let Some(periods) = missing.remove(&(figure.area.clone(), figure.breakdown.as_str()))
        {
            laid.extend(
                periods
                    .into_iter()
                    .map(|period| blank(figure, figure.area.clone(), &figure.breakdown, period)),
            );
        }
    }
    if let Some(model) = figures.first() {
        for ((area, breakdown), periods) in missing {
            laid.extend(periods.into_iter().map(|period| blank(model, area.clone(), breakdown, period)));
        }
    }
    let at: HashMap<(String, String, Period), usize> = laid
        .iter()
        .enumerate()
        .map(|(at, figure)| ((figure.area.clone(), figure.breakdown.clone(), figure.period), at))
        .collect();
    let mut places = Vec::with_capacity(figures.len());
    for (figure, own) in figures.iter().zip(own) {
        let (area, breakdown, period) = place_of(figure);
        let other = at.get(&(area, breakdown.to_owned(), period)).copied().unwrap_or(own);
        places.push((own, other));
        let [_, count, ..] = counting.counts(figure);
        let Some(there) = laid.get_mut(other) else { continue };
        match count {
            Some(_) => {
                if there.numerator.is_none() {
                    (there.numerator, there.status) = (count, assess::Status::Available);
                }
                // A share of fewer than the least denominator is withheld with both its counts.
                if matches!(counting, Counting::ShareOf(_)) {
                    there.denominator = there.denominator.or(count);
                }
            }
            None if there.numerator.is_none() && figure.status == assess::Status::Suppressed => {
                there.status = assess::Status::Suppressed;
            }
            None => {}
        }
    }
    Laid { figures: Cow::Owned(laid), places }
}

impl Component<'_> {
    /// What earlier releases showed of it.
    pub(super) fn editions(&self) -> Vec<Edition<'_>> {
        let laid = self.earlier.iter();
        laid.map(|(shown, counted)| Edition {
            shown: &shown.figures,
            counted: counted.as_ref().map(|laid| &*laid.figures),
        })
        .collect()
    }

    /// As a measure.
    pub(super) fn measure<'m>(&'m self, measures: &[Measure<'m>], earlier: &'m [Edition<'m>]) -> Measure<'m> {
        let id = measures.get(self.measure).map_or("", |measure| measure.id);
        Measure { id, figures: &self.laid.figures, rule: &self.rule, earlier }
    }

    /// The same counts of these figures of the measure, which an audience was shown.
    pub(super) fn shown<'f>(&self, measure: &Measure<'_>, shown: &'f [Figure]) -> Cow<'f, [Figure]> {
        lay(self.which, &measure.rule.counting, shown).figures
    }

    /// Whether it stands for the sums of the component before it.
    pub(super) fn is_sums(&self) -> bool {
        self.which == Which::Sums
    }

    /// What its counts are called.
    pub(super) fn word(&self, side: Side) -> &'static str {
        match (self.which, side) {
            (Which::Own | Which::Elsewhere, Side::Numerator) => "numerator",
            (Which::Own | Which::Elsewhere, Side::Denominator) => "denominator",
            (Which::Base, _) => "base",
            (Which::Sums, _) => "sum",
            (Which::Other, Side::Numerator) => "numerator of the other group",
            (Which::Other, Side::Denominator) => "denominator of the other group",
        }
    }
}

/// The figures of a measure as they are shown when these are its components, each as it was protected.
pub(super) fn put_together(measure: &Measure<'_>, parts: Vec<(&Component<'_>, Protected)>) -> Protected {
    if let Some(why) = parts.iter().find_map(|(_, own)| own.failed.clone()) {
        return withheld_whole(measure, &why);
    }
    if measure.rule.counting.is_events()
        && let [_] = parts.as_slice()
    {
        return parts.into_iter().next().map_or_else(|| withheld_whole(measure, ""), |(_, own)| own);
    }
    let mut counts = Counts::default();
    let mut figures = Vec::with_capacity(measure.figures.len());
    for (at, figure) in measure.figures.iter().enumerate() {
        let mut hidden = Hidden::default();
        for (component, own) in &parts {
            component.hide(at, figure, &measure.rule.counting, &own.figures, &mut hidden);
        }
        let own = measure.rule.counting.counts(figure);
        match (hidden.any(), measure.rule.has_sensitive(figure)) {
            _ if own.iter().all(Option::is_none) => {}
            (false, _) => counts.shown += 1,
            (true, true) => counts.primary += 1,
            (true, false) => counts.secondary += 1,
        }
        figures.push(withheld(figure, hidden));
    }
    let told: BTreeSet<usize> = parts.iter().flat_map(|(component, own)| component.told(own)).collect();
    Protected {
        figures,
        counts,
        known_from_earlier: told.into_iter().collect(),
        rounded: false,
        not_rounded: None,
        failed: None,
        audit: parts.first().and_then(|(_, own)| own.audit),
    }
}

impl Component<'_> {
    /// Marks what a figure of the measure lacks when its counts are shown so.
    fn hide(&self, at: usize, figure: &Figure, counting: &Counting, shown: &[Figure], hidden: &mut Hidden) {
        let (own, other) = self.laid.places(at);
        let gone = |place: usize, side: Side| {
            let (counted, shown) = (self.laid.figures.get(place), shown.get(place));
            counted.is_some_and(|figure| side.of(figure).is_some())
                && shown.is_none_or(|figure| side.of(figure).is_none())
        };
        match self.which {
            Which::Own => {
                hidden.numerator |= gone(own, Side::Numerator);
                hidden.denominator |= gone(own, Side::Denominator);
            }
            Which::Other => {
                hidden.other_numerator |= gone(own, Side::Numerator);
                hidden.other_denominator |= gone(own, Side::Denominator);
            }
            // Numbers of nobody knows how many cases are not shown either.
            Which::Base => {
                let unknown = !counting.has_counts(figure)
                    && (figure.value.is_some() || numbers(figure).iter().any(Option::is_some));
                if unknown || gone(own, Side::Numerator) {
                    *hidden = Hidden::ALL;
                }
            }
            // How many there are may be shown beside a sum that is not.
            Which::Sums => {
                hidden.numerator |= gone(own, Side::Numerator);
                hidden.denominator |= *counting == Counting::Answers && gone(own, Side::Numerator);
            }
            Which::Elsewhere => {
                hidden.numerator |= gone(own, Side::Numerator);
                if gone(other, Side::Numerator) {
                    (hidden.denominator, hidden.other_numerator, hidden.other_denominator) =
                        (true, true, true);
                }
            }
        }
    }

    /// Figures of the measure of which the audience has a count already.
    fn told(&self, own: &Protected) -> Vec<usize> {
        let is_told = |place: usize| own.known_from_earlier.contains(&place);
        if own.known_from_earlier.is_empty() {
            return Vec::new();
        }
        if self.laid.places.is_empty() {
            return own.known_from_earlier.clone();
        }
        let places = self.laid.places.iter().enumerate();
        places.filter(|(_, (own, other))| is_told(*own) || is_told(*other)).map(|(at, _)| at).collect()
    }
}

/// What a figure stands on beside numerator and denominator, without what is withheld and all that follows from it.
pub(super) fn without(basis: Basis, hidden: Hidden) -> Option<Box<Basis>> {
    let left = Basis {
        base: basis.base.filter(|_| !hidden.base),
        other_numerator: basis.other_numerator.filter(|_| !hidden.other_numerator),
        other_denominator: basis.other_denominator.filter(|_| !hidden.other_denominator),
        ..Basis::default()
    };
    (left != Basis::default()).then(|| Box::new(left))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{areas, figure, month, period};
    use super::super::{Audited, Outcome, audit_figures, protect_figures};
    use super::*;
    use crate::disclosure::{Audit, Effort};
    use crate::period::PeriodKind;

    const ALL: &str = "all";

    fn rule(counting: Counting) -> Rule {
        Rule { counting, ..Rule::default() }
    }

    fn run(figures: &[Figure], rule: &Rule) -> Protected {
        let outcome = outcome(figures, rule);
        outcome.measures.into_iter().next().unwrap()
    }

    /// Protects figures of one measure; the audit from what is shown agrees.
    fn outcome(figures: &[Figure], rule: &Rule) -> Outcome {
        let measures = [Measure { id: "m", figures, rule, earlier: &[] }];
        let outcome = protect_figures(&measures, &[], &areas(), &Effort::default()).unwrap();
        assert!(outcome.audits.iter().all(Audit::passes));
        let shown: Vec<&[Figure]> = outcome.measures.iter().map(|own| own.figures.as_slice()).collect();
        let found = audit_figures(&measures, &shown, &[], &areas(), &Effort::default()).unwrap();
        assert!(found.iter().all(|own| own.finding.passes), "{found:?}");
        for (counted, shown) in figures.iter().zip(&outcome.measures[0].figures) {
            assert!(!rule.counting.overtells(counted, shown), "{shown:?}");
        }
        outcome
    }

    /// An average of so many cases with this sum.
    fn average(area: &str, n: f64, sum: f64) -> Figure {
        let squares = Basis { squares: Some(sum * sum), error: Some(1.0), ..Basis::default() };
        Figure {
            value: Some(sum / n),
            basis: Some(Box::new(squares)),
            ..figure(area, ALL, month(), (sum, Some(n)))
        }
    }

    /// How many cases stand behind averages, as a measure of its own counts them.
    fn cases(averages: &[Figure]) -> Vec<Figure> {
        averages.iter().map(|own| figure(&own.area, ALL, month(), (own.denominator.unwrap(), None))).collect()
    }

    /// The counts that an audit found unprotected.
    fn failures(found: &[Audited]) -> Vec<String> {
        found.iter().filter(|own| !own.finding.passes).map(|own| own.name.to_string()).collect()
    }

    fn gone(figures: &[Figure]) -> Vec<&str> {
        let hidden = figures.iter().filter(|figure| figure.status == assess::Status::Suppressed);
        hidden
            .inspect(|figure| assert!(figure.value.is_none() && figure.interval.is_none(), "{figure:?}"))
            .map(|figure| figure.area.as_str())
            .collect()
    }

    #[test]
    fn an_average_of_few_cases_goes_with_its_sum_and_takes_another_with_it() {
        let figures = [
            average("C", 52.0, 900.0),
            average("N", 3.0, -20.0),
            average("S", 40.0, 800.0),
            average("W", 9.0, 120.0),
        ];
        let found = run(&figures, &rule(Counting::SumOfCases));
        // With Moor shown, 900 - 800 - 120 would be the sum of three cases.
        assert_eq!(gone(&found.figures), ["N", "W"]);
        for figure in found.figures.iter().filter(|figure| figure.value.is_none()) {
            assert_eq!((numbers(figure), &figure.basis), ([None; 5], &None));
        }
        assert_eq!(found.figures[2], figures[2]);
        assert_eq!(found.counts, Counts { shown: 2, primary: 1, secondary: 1 });
    }

    #[test]
    fn cases_that_overlap_do_not_add_up_and_their_sums_are_covered_all_the_same() {
        // 58 persons in wards are 52 in all: some were met in two wards. What was spent on them adds up: 900.
        let figures = [
            average("C", 52.0, 900.0),
            average("N", 3.0, 40.0),
            average("S", 45.0, 740.0),
            average("W", 10.0, 120.0),
        ];
        let found = run(&figures, &rule(Counting::SumOfCases));
        assert_eq!(gone(&found.figures), ["N", "W"]);
        // How many there are does not follow from others, so that ten are no secret.
        let [_, few, _, cover] =
            [0, 1, 2, 3].map(|at| (found.figures[at].numerator, found.figures[at].denominator));
        assert_eq!((few, cover), ((None, None), (None, Some(10.0))));
        // Of a median nothing adds up.
        assert_eq!(gone(&run(&figures, &rule(Counting::Cases)).figures), ["N"]);
    }

    #[test]
    fn a_sum_is_covered_though_everybody_knows_how_many_it_stands_on() {
        let figures = [
            average("C", 52.0, 900.0),
            average("N", 3.0, 40.0),
            average("S", 40.0, 740.0),
            average("W", 9.0, 120.0),
        ];
        // The law has it published how many there are.
        let counted = cases(&figures);
        let (open, rule) = (Rule { threshold: None, ..Rule::default() }, rule(Counting::SumOfCases));
        let measures = [
            Measure { id: "counts", figures: &counted, rule: &open, earlier: &[] },
            Measure { id: "averages", figures: &figures, rule: &rule, earlier: &[] },
        ];
        let outcome = protect_figures(&measures, &[], &areas(), &Effort::default()).unwrap();
        assert_eq!(outcome.measures[0].figures, counted);
        assert_eq!(gone(&outcome.measures[1].figures), ["N", "W"]);
        let shown: Vec<&[Figure]> = outcome.measures.iter().map(|own| own.figures.as_slice()).collect();
        let found = audit_figures(&measures, &shown, &[], &areas(), &Effort::default()).unwrap();
        assert!(found.iter().all(|own| own.finding.passes), "{found:?}");
        // With Moor shown as well the sum of the three follows.
        let mut careless = outcome.measures[1].figures.clone();
        careless[3].clone_from(&figures[3]);
        let found =
            audit_figures(&measures, &[&counted, &careless], &[], &areas(), &Effort::default()).unwrap();
        assert_eq!(failures(&found), ["measure `averages`, area N, period 2025-04, breakdown all: sum"]);
    }

    #[test]
    fn a_sum_goes_with_its_base_and_is_the_cover_then() {
        let figures = [
            average("C", 60.0, 900.0),
            average("N", 3.0, 40.0),
            average("S", 8.0, 160.0),
            average("W", 49.0, 700.0),
        ];
        let counted = cases(&figures);
        // An earlier release withheld the large ward under another name, so that it stays withheld and covers the small one.
        let mut earlier = counted.clone();
        for at in [1, 3] {
            earlier[at] = withheld(&earlier[at], Hidden { numerator: true, ..Hidden::default() });
        }
        let editions = [Edition { shown: &earlier, counted: Some(&counted) }];
        let (events, rule) = (Rule::default(), rule(Counting::SumOfCases));
        let measures = [
            Measure { id: "counts", figures: &counted, rule: &events, earlier: &editions },
            Measure { id: "averages", figures: &figures, rule: &rule, earlier: &[] },
        ];
        let outcome = protect_figures(&measures, &[], &areas(), &Effort::default()).unwrap();
        assert_eq!(gone(&outcome.measures[0].figures), ["N", "W"]);
        assert_eq!(gone(&outcome.measures[1].figures), ["N", "W"]);
    }

    #[test]
    fn a_survey_is_protected_through_its_answers_and_not_through_their_weights() {
        let survey = |area: &str, base: Option<f64>, weighted: (f64, f64)| Figure {
            basis: Some(Box::new(Basis { base, design_effect: Some(1.2), ..Basis::default() })),
            ..figure(area, ALL, month(), (weighted.0, Some(weighted.1)))
        };
        let figures = [
            survey("C", Some(62.0), (70.0, 120.0)),
            survey("N", Some(12.0), (2.0, 4.0)),
            survey("S", Some(46.0), (30.0, 70.0)),
            survey("W", Some(4.0), (38.0, 46.0)),
        ];
        let found = run(&figures, &rule(Counting::Answers));
        assert_eq!(gone(&found.figures), ["N", "W"]);
        assert_eq!(numbers(&found.figures[3]), [None; 5]);
        // Where nobody says how many answered, it may have been one.
        let found = run(&[survey("C", None, (70.0, 120.0))], &rule(Counting::Answers));
        assert_eq!(gone(&found.figures), ["C"]);
    }

    #[test]
    fn a_gap_is_shown_only_when_all_four_counts_are() {
        let gap = |own: (f64, f64), other: (f64, f64)| Figure {
            basis: Some(Box::new(Basis {
                other_numerator: Some(other.0),
                other_denominator: Some(other.1),
                ..Basis::default()
            })),
            ..figure("C", ALL, month(), (own.0, Some(own.1)))
        };
        let rule = Rule { part_of_denominator: true, counts_denominator: true, ..rule(Counting::TwoGroups) };
        let shown = |own, other| numbers(&run(&[gap(own, other)], &rule).figures[0]);
        let of = |figures: [f64; 4]| {
            let [own, of_own, other, of_other] = figures.map(Some);
            [own, of_own, None, other, of_other]
        };
        assert_eq!(shown((12.0, 48.0), (12.0, 24.0)), of([12.0, 48.0, 12.0, 24.0]));
        // The three of the other group go, and the value, from which they would follow.
        let few = run(&[gap((12.0, 48.0), (3.0, 24.0))], &rule);
        assert_eq!(numbers(&few.figures[0]), [Some(12.0), Some(48.0), None, None, Some(24.0)]);
        assert_eq!(gone(&few.figures), ["C"]);
        assert_eq!(few.counts, Counts { primary: 1, ..Counts::default() });
        let few = run(&[gap((3.0, 4.0), (12.0, 24.0))], &rule);
        assert_eq!(numbers(&few.figures[0]), [None, None, None, Some(12.0), Some(24.0)]);
    }

    /// The months of 2024/25 and April 2025, with their quarters, of wards and the whole, on the base year 2024/25.
    fn indices(by_ward: &[(&str, [f64; 13])], with_year: bool) -> Vec<Figure> {
        let first: crate::period::Month = "2024-04".parse().unwrap();
        let mut figures = Vec::new();
        for (area, counts) in by_ward {
            let year: f64 = counts[..12].iter().sum();
            let mut add = |period: Period, count: f64| {
                let months = period.months().count() as f64;
                figures.push(Figure {
                    basis: Some(Box::new(Basis {
                        other_numerator: Some(year),
                        other_denominator: Some(12.0),
                        ..Basis::default()
                    })),
                    ..figure(area, ALL, period, (count, Some(year * months / 12.0)))
                });
            };
            for (at, count) in (0..).zip(counts) {
                add(Period::month(first.plus(at)), *count);
            }
            if with_year {
                add(period(PeriodKind::FinancialYear, "2025-03"), year);
            }
        }
        figures
    }

    #[test]
    fn an_index_tells_its_base_year_in_every_period_and_a_small_month_of_it_is_covered_by_another() {
        let mut counts = [9.0; 13];
        counts[4] = 2.0;
        let base = period(PeriodKind::FinancialYear, "2025-03");
        let rule = rule(Counting::BaseYear(base));
        for with_year in [false, true] {
            let figures = indices(&[("C", counts)], with_year);
            let found = run(&figures, &rule);
            let hidden = found.figures[..12].iter().filter(|figure| figure.numerator.is_none()).count();
            let year_is_shown = found.figures.iter().any(|figure| figure.denominator.is_some());
            // 101 in the base year less eleven months would be the twelfth.
            assert!(!year_is_shown || hidden >= 2, "{hidden}");
            assert!(found.figures[4].numerator.is_none());
            // Without the year as a figure of its own it is told as well.
            let careless: Vec<Figure> = figures
                .iter()
                .enumerate()
                .map(|(at, figure)| {
                    let few = Hidden { numerator: at == 4, ..Hidden::default() };
                    withheld(figure, few)
                })
                .collect();
            let measures = [Measure { id: "m", figures: &figures, rule: &rule, earlier: &[] }];
            let found = audit_figures(&measures, &[&careless], &[], &areas(), &Effort::default()).unwrap();
            assert_eq!(failures(&found), ["measure `m`, area C, period 2024-08, breakdown all: numerator"]);
        }
    }

    #[test]
    fn a_base_year_of_few_events_takes_every_index_on_it_along() {
        let mut counts = [0.0; 13];
        (counts[2], counts[12]) = (3.0, 7.0);
        let found = run(
            &indices(&[("C", counts)], false),
            &rule(Counting::BaseYear(period(PeriodKind::FinancialYear, "2025-03"))),
        );
        assert!(found.figures.iter().all(|figure| figure.value.is_none() && figure.denominator.is_none()));
        // Seven in April 2025 are nobody's secret.
        assert_eq!(found.figures[12].numerator, Some(7.0));
    }

    #[test]
    fn what_a_wider_area_had_is_a_count_as_well_and_so_is_the_rest_of_it() {
        let share = |area: &str, count: f64, of: f64| figure(area, ALL, month(), (count, Some(of)));
        // The whole is no area of the measure: 60 less 20 and 38 leaves two in no ward.
        let figures = [share("N", 20.0, 60.0), share("S", 38.0, 60.0)];
        let found = run(&figures, &rule(Counting::ShareOf("C".to_owned())));
        assert!(!gone(&found.figures).is_empty());
        let even = [share("N", 20.0, 58.0), share("S", 38.0, 58.0)];
        assert_eq!(run(&even, &rule(Counting::ShareOf("C".to_owned()))).figures, even);
        // A small ward goes, and another with it; the whole is shown beside both.
        let figures =
            [share("C", 52.0, 52.0), share("N", 3.0, 52.0), share("S", 40.0, 52.0), share("W", 9.0, 52.0)];
        let found = run(&figures, &rule(Counting::ShareOf("C".to_owned())));
        assert_eq!(gone(&found.figures), ["N", "W"]);
        assert!(found.figures.iter().all(|figure| figure.denominator == Some(52.0)));
        // A whole of few is shown nowhere.
        let few = [share("N", 0.0, 4.0), share("S", 4.0, 4.0)];
        let found = run(&few, &rule(Counting::ShareOf("C".to_owned())));
        assert!(found.figures.iter().all(|figure| figure.denominator.is_none() && figure.value.is_none()));
    }

    #[test]
    fn what_earlier_releases_told_of_a_base_is_no_cover_now() {
        let figures = [
            average("C", 52.0, 900.0),
            average("N", 3.0, 50.0),
            average("S", 40.0, 800.0),
            average("W", 9.0, 50.0),
        ];
        let earlier = [average("C", 52.0, 900.0), average("W", 9.0, 50.0)];
        let rule = rule(Counting::SumOfCases);
        let editions = [Edition { shown: &earlier, counted: None }];
        let measures = [Measure { id: "m", figures: &figures, rule: &rule, earlier: &editions }];
        let outcome = protect_figures(&measures, &[], &areas(), &Effort::default()).unwrap();
        assert_eq!(gone(&outcome.measures[0].figures), ["N", "S"]);
    }
}
