//! What a measure's counts mean: sums over the periods of the plan, values, and why a cell is empty.

use std::collections::BTreeMap;

use crate::config::settings::{MeasureConfig, MeasureKind};
use crate::geography::Residents;
use crate::period::{Month, Period};

/// Why a cell holds a value, or why it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It holds a value.
    Available,
    /// Nothing was delivered for the period.
    NotAvailable,
    /// Only some months of the period were delivered.
    Incomplete,
    /// The question has no answer, such as a percentage of nothing.
    NotApplicable,
    /// The measure could not be computed or did not pass its checks.
    NotCalculated,
    /// Withheld by us so that nobody can be identified; published as `[c]`.
    Suppressed,
}

impl Status {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::NotAvailable => "not_available",
            Self::Incomplete => "incomplete",
            Self::NotApplicable => "not_applicable",
            Self::NotCalculated => "not_calculated",
            Self::Suppressed => "suppressed",
        }
    }
}

/// What was delivered for an area and month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Everything; `synthetic` when some of it was made by the simulator.
    Delivered {
        /// Made by the simulator.
        synthetic: bool,
    },
    /// Not everything.
    Missing,
}

/// Counts of one area and breakdown in one month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// Events.
    pub numerator: f64,
    /// Those who could have had them, where the measure counts them.
    pub denominator: Option<f64>,
}

/// The monthly counts of a measure and what is known of its months.
#[derive(Debug, Default)]
pub struct MonthlyCounts {
    /// First and last month that it is published for.
    pub span: Option<(Month, Month)>,
    /// Where figures come for longer periods than a month: a month in which one ends, and how many months they have.
    pub ends: Vec<(Month, i32)>,
    /// By area, breakdown and month. A month without an entry had no event.
    pub counts: BTreeMap<(String, String), BTreeMap<Month, Counted>>,
    /// Breakdowns that occur; every area has a row for each.
    pub breakdowns: Vec<String>,
    /// By area and month; a month without an entry is missing.
    pub coverage: BTreeMap<String, BTreeMap<Month, Coverage>>,
    /// Why months are missing, by area.
    pub reasons: BTreeMap<String, BTreeMap<Month, String>>,
}

/// One published figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Code of the area.
    pub area: String,
    /// Its period.
    pub period: Period,
    /// `all`, or the values by which the measure is broken down.
    pub breakdown: String,
    /// Events; `None` where none can be told.
    pub numerator: Option<f64>,
    /// Those who could have had them.
    pub denominator: Option<f64>,
    /// The outturn.
    pub value: Option<f64>,
    /// Why it is, or is not, there.
    pub status: Status,
    /// Some of what it was counted from was made by the simulator.
    pub synthetic: bool,
    /// What a reader should know.
    pub note: String,
}

/// Every figure of a measure: one row per area, breakdown and period of the span, in this order.
///
/// Sums come first and ratios are taken of them. A period in which a month is missing has no value: missing is never
/// zero. The denominator of a rate is the residents of the period's last year; that of other kinds is summed.
#[must_use]
pub fn figures(
    config: &MeasureConfig,
    areas: &[&str],
    monthly: &MonthlyCounts,
    residents: &Residents,
) -> Vec<Figure> {
    let Some((first, last)) = monthly.span else { return Vec::new() };
    let periods = periods(config, (first, last), &monthly.ends);
    let all = ["all".to_owned()];
    // Without a count nobody knows the parts; the whole stands, so that its cells tell why they are empty.
    let whole = config.breakdowns.is_empty() || monthly.breakdowns.is_empty();
    let breakdowns: &[String] = if whole { &all } else { &monthly.breakdowns };
    let mut figures = Vec::with_capacity(areas.len() * breakdowns.len() * periods.len());
    for area in areas {
        let series = Series::new(monthly, area, first, last);
        for breakdown in breakdowns {
            let sums = series.sums(monthly, area, breakdown);
            for period in &periods {
                figures.push(series.figure(config, area, breakdown, *period, &sums, residents));
            }
        }
    }
    if config.kind == MeasureKind::RankOfRate {
        rank(&mut figures);
    }
    figures
}

/// The periods of a measure: all of its kinds that lie wholly in the span and are made of whole periods of its feeds.
///
/// `ends` has those of feeds that bring longer periods than months: one that ends there, and how many months they have.
#[must_use]
pub fn periods(config: &MeasureConfig, (first, last): (Month, Month), ends: &[(Month, i32)]) -> Vec<Period> {
    let whole = |period: &Period| {
        ends.iter().all(|(end, months)| {
            period.last.since(*end) % months == 0 && (period.last.since(period.first) + 1) % months == 0
        })
    };
    let of = |kind| {
        first.through(last).filter_map(move |m| Period::ending(kind, m)).filter(move |p| p.first >= first)
    };
    config.periods.iter().flat_map(|kind| of(*kind)).filter(whole).collect()
}

/// An area's months in a row, as running totals, so that every period is one subtraction.
struct Series<'a> {
    first: Month,
    delivered: Vec<usize>,
    synthetic: Vec<usize>,
    reasons: Option<&'a BTreeMap<Month, String>>,
}

/// Running totals of one breakdown; the first entry is 0.
struct Sums {
    numerator: Vec<f64>,
    denominator: Vec<f64>,
}

impl<'a> Series<'a> {
    fn new(monthly: &'a MonthlyCounts, area: &str, first: Month, last: Month) -> Self {
        let coverage = monthly.coverage.get(area);
        let (mut delivered, mut synthetic) = (vec![0], vec![0]);
        for month in first.through(last) {
            let (d, s) = match coverage.and_then(|months| months.get(&month)) {
                Some(Coverage::Delivered { synthetic }) => (1, usize::from(*synthetic)),
                _ => (0, 0),
            };
            delivered.push(delivered.last().copied().unwrap_or_default() + d);
            synthetic.push(synthetic.last().copied().unwrap_or_default() + s);
        }
        Self { first, delivered, synthetic, reasons: monthly.reasons.get(area) }
    }

    fn sums(&self, monthly: &MonthlyCounts, area: &str, breakdown: &str) -> Sums {
        let counts = monthly.counts.get(&(area.to_owned(), breakdown.to_owned()));
        let mut sums = Sums { numerator: vec![0.0], denominator: vec![0.0] };
        for offset in 1..self.delivered.len() {
            let month = self.first.plus(i32::try_from(offset).unwrap_or(i32::MAX) - 1);
            // Counts of a month that is not complete are not used: part of a month is not the month.
            let complete = between(&self.delivered, offset - 1, offset) == 1;
            let counted = counts.and_then(|months| months.get(&month)).filter(|_| complete);
            let add = |sums: &mut Vec<f64>, n: f64| sums.push(sums.last().copied().unwrap_or_default() + n);
            add(&mut sums.numerator, counted.map_or(0.0, |c| c.numerator));
            add(&mut sums.denominator, counted.and_then(|c| c.denominator).unwrap_or_default());
        }
        sums
    }

    fn figure(
        &self,
        config: &MeasureConfig,
        area: &str,
        breakdown: &str,
        period: Period,
        sums: &Sums,
        residents: &Residents,
    ) -> Figure {
        let from = usize::try_from(period.first.since(self.first)).unwrap_or_default();
        let to = usize::try_from(period.last.since(self.first)).unwrap_or_default() + 1;
        let wanted = to - from;
        let delivered = between(&self.delivered, from, to);
        let mut figure = Figure {
            area: area.to_owned(),
            period,
            breakdown: breakdown.to_owned(),
            numerator: None,
            denominator: None,
            value: None,
            status: Status::NotAvailable,
            synthetic: between(&self.synthetic, from, to) > 0,
            note: String::new(),
        };
        if delivered < wanted {
            if delivered > 0 {
                figure.status = Status::Incomplete;
                figure.note = format!("{delivered} of {wanted} months were delivered");
            } else {
                let reason =
                    self.reasons.and_then(|months| period.months().find_map(|month| months.get(&month)));
                figure.note = reason.cloned().unwrap_or_else(|| "not supplied".to_owned());
            }
            return figure;
        }
        let numerator = whole(difference(&sums.numerator, from, to));
        figure.numerator = Some(numerator);
        figure.status = Status::Available;
        let (denominator, value) = match config.kind {
            MeasureKind::Count => (None, Some(numerator)),
            MeasureKind::Rate | MeasureKind::RankOfRate => {
                let residents = residents.of(area, period.last.year());
                let per = f64::from(config.per.unwrap_or(1));
                (residents, residents.filter(|n| *n > 0.0).map(|n| numerator * per / n))
            }
            MeasureKind::Percentage | MeasureKind::Ratio => {
                let factor = if config.kind == MeasureKind::Percentage { 100.0 } else { 1.0 };
                let denominator = whole(difference(&sums.denominator, from, to));
                (Some(denominator), (denominator > 0.0).then(|| factor * numerator / denominator))
            }
        };
        figure.denominator = denominator;
        figure.value = value;
        if value.is_none() {
            figure.status = Status::NotApplicable;
            figure.note = match denominator {
                None => "residents are not known".to_owned(),
                Some(_) => "the denominator is zero".to_owned(),
            };
        }
        figure
    }
}

fn between(totals: &[usize], from: usize, to: usize) -> usize {
    totals.get(to).copied().unwrap_or_default() - totals.get(from).copied().unwrap_or_default()
}

fn difference(totals: &[f64], from: usize, to: usize) -> f64 {
    totals.get(to).copied().unwrap_or_default() - totals.get(from).copied().unwrap_or_default()
}

/// A sum of counts without what running totals of fractions leave behind at the fifteenth digit.
fn whole(number: f64) -> f64 {
    let near = number.round();
    if (number - near).abs() < 1e-6 { near } else { (number * 1e6).round() / 1e6 }
}

/// Turns rates into places: 1 is the lowest rate of the measure's areas in the period, ties share a place.
fn rank(figures: &mut [Figure]) {
    let mut periods: BTreeMap<Period, Vec<usize>> = BTreeMap::new();
    for (number, figure) in figures.iter().enumerate() {
        periods.entry(figure.period).or_default().push(number);
    }
    for members in periods.values() {
        let rates: Vec<(usize, f64)> =
            members.iter().filter_map(|n| figures.get(*n)?.value.map(|rate| (*n, rate))).collect();
        for (number, rate) in &rates {
            let place = 1 + rates.iter().filter(|(_, other)| other < rate).count();
            if let Some(figure) = figures.get_mut(*number) {
                figure.value = Some(place as f64);
                figure.note = format!("of {} areas with data", rates.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Polarity;
    use crate::period::PeriodKind;

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    fn config(kind: MeasureKind) -> MeasureConfig {
        MeasureConfig {
            id: "m".into(),
            title: String::new(),
            framework: String::new(),
            theme: String::new(),
            priority: String::new(),
            reference: String::new(),
            owner: String::new(),
            purpose: None,
            quote: String::new(),
            kind,
            unit: String::new(),
            per: kind.per_resident().then_some(1000),
            polarity: Polarity::LowerIsBetter,
            areas: Vec::new(),
            periods: PeriodKind::ALL.to_vec(),
            breakdowns: Vec::new(),
            notes: String::new(),
        }
    }

    /// Twelve months from April 2024, with 10 events in each but none in August, for area A.
    fn year() -> MonthlyCounts {
        let (first, last) = (month("2024-04"), month("2025-03"));
        let mut monthly = MonthlyCounts { span: Some((first, last)), ..MonthlyCounts::default() };
        let counts = first
            .through(last)
            .filter(|m| m.number() != 8)
            .map(|m| (m, Counted { numerator: 10.0, denominator: Some(20.0) }))
            .collect();
        monthly.counts.insert(("A".into(), "all".into()), counts);
        let delivered =
            first.through(last).map(|m| (m, Coverage::Delivered { synthetic: m.number() == 1 })).collect();
        monthly.coverage.insert("A".into(), delivered);
        monthly
    }

    fn of<'a>(figures: &'a [Figure], period: &str) -> &'a Figure {
        figures.iter().find(|figure| figure.period.to_string() == period).unwrap()
    }

    #[test]
    fn a_delivered_month_without_events_is_zero_and_sums_go_over_it() {
        let figures = figures(&config(MeasureKind::Count), &["A"], &year(), &Residents::default());
        assert_eq!(of(&figures, "2024-08").value, Some(0.0));
        assert_eq!(of(&figures, "2024/25 Q2").value, Some(20.0));
        assert_eq!(of(&figures, "2024/25").value, Some(110.0));
        assert_eq!(of(&figures, "12 months to 2025-03").value, Some(110.0));
        // 12 months, 4 quarters, 1 financial year, 1 rolling year.
        assert_eq!(figures.len(), 18);
    }

    #[test]
    fn a_missing_month_is_not_available_and_makes_its_quarter_and_year_incomplete() {
        let mut monthly = year();
        monthly.coverage.get_mut("A").unwrap().remove(&month("2024-05"));
        monthly.reasons.insert("A".into(), [(month("2024-05"), "held".to_owned())].into());
        let figures = figures(&config(MeasureKind::Count), &["A"], &monthly, &Residents::default());
        let may = of(&figures, "2024-05");
        assert_eq!(
            (may.value, may.numerator, may.status, may.note.as_str()),
            (None, None, Status::NotAvailable, "held")
        );
        assert_eq!(of(&figures, "2024/25 Q1").status, Status::Incomplete);
        assert_eq!(of(&figures, "2024/25 Q1").value, None);
        assert_eq!(of(&figures, "2024/25").note, "11 of 12 months were delivered");
        assert_eq!(of(&figures, "2024/25 Q3").value, Some(30.0));
    }

    #[test]
    fn a_measure_by_parts_without_any_count_still_tells_why_its_cells_are_empty() {
        let mut monthly = year();
        monthly.counts.clear();
        monthly.coverage.clear();
        monthly
            .reasons
            .insert("A".into(), [(month("2024-05"), "the force publishes nothing".to_owned())].into());
        let mut config = config(MeasureKind::Count);
        config.breakdowns = vec!["crime_type".to_owned()];
        let figures = figures(&config, &["A"], &monthly, &Residents::default());
        let may = of(&figures, "2024-05");
        assert_eq!((may.breakdown.as_str(), may.value, may.status), ("all", None, Status::NotAvailable));
        assert_eq!(may.note, "the force publishes nothing");
    }

    #[test]
    fn a_percentage_is_a_ratio_of_sums_and_has_no_answer_without_a_denominator() {
        let mut monthly = year();
        let counts = monthly.counts.get_mut(&("A".into(), "all".into())).unwrap();
        counts.insert(month("2024-04"), Counted { numerator: 0.0, denominator: Some(160.0) });
        let figures = figures(&config(MeasureKind::Percentage), &["A"], &monthly, &Residents::default());
        // 0 + 10 + 10 of 160 + 20 + 20; the mean of the three months would be 33.3.
        assert_eq!(of(&figures, "2024/25 Q1").value, Some(10.0));
        let august = of(&figures, "2024-08");
        assert_eq!((august.value, august.status), (None, Status::NotApplicable));
        assert_eq!(august.note, "the denominator is zero");
    }

    #[test]
    fn what_is_synthetic_in_one_month_is_synthetic_in_every_period_that_holds_it() {
        let figures = figures(&config(MeasureKind::Count), &["A"], &year(), &Residents::default());
        assert!(!of(&figures, "2024-12").synthetic);
        assert!(of(&figures, "2025-01").synthetic);
        assert!(of(&figures, "2024/25 Q4").synthetic);
        assert!(of(&figures, "2024/25").synthetic);
    }

    #[test]
    fn places_are_counted_from_the_lowest_rate_and_ties_share_one() {
        let mut figures: Vec<Figure> = [3.0, 1.0, 3.0, 7.0]
            .iter()
            .map(|value| Figure {
                area: String::new(),
                period: Period::month(month("2024-04")),
                breakdown: "all".into(),
                numerator: None,
                denominator: None,
                value: Some(*value),
                status: Status::Available,
                synthetic: false,
                note: String::new(),
            })
            .collect();
        figures[3].value = None;
        rank(&mut figures);
        let places: Vec<Option<f64>> = figures.iter().map(|f| f.value).collect();
        assert_eq!(places, [Some(2.0), Some(1.0), Some(2.0), None]);
        assert_eq!(figures[0].note, "of 3 areas with data");
    }
}
