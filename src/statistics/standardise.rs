//! Rates that allow for age: what a rate would be in a standard population, and what a standard rate would lead to here.

use super::rate::{CountMethod, byar_lower, byar_upper, count_interval, scaled};
use super::sum::sum;
use super::{Confidence, Estimate, Interval, NoValue};

/// The European Standard Population of 2013, by five-year band from 0-4 to 90 and over; 100,000 in all.
///
/// Source: Eurostat (2013), Revision of the European Standard Population.
pub const EUROPEAN_STANDARD_POPULATION_2013: [f64; 19] = [
    5000.0, 5500.0, 5500.0, 5500.0, 6000.0, 6000.0, 6500.0, 7000.0, 7000.0, 7000.0, 7000.0, 6500.0, 6000.0,
    5500.0, 5000.0, 4000.0, 2500.0, 1500.0, 1000.0,
];

/// The fewest events for which a directly standardised rate is given.
pub const FEWEST_EVENTS: f64 = 10.0;

/// One band of a population, such as an age group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// Events in it; a missing count is none.
    pub events: Option<f64>,
    /// Residents in it; without them there is no rate.
    pub population: Option<f64>,
    /// Residents of the band in the standard population.
    pub standard: f64,
}

/// A directly standardised rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standardised {
    /// Events of all bands.
    pub total: f64,
    /// The rate, or why there is none.
    pub rate: Result<Estimate, NoValue>,
}

/// The rate per `per` residents that the bands would have in the standard population, with Dobson's interval.
///
/// A missing count is none; a band without residents, and fewer than 10 events in all, leave no rate. Source: A. Dobson,
/// K. Kuulasmaa, E. Eberle, J. Scherer (1991), Confidence intervals for weighted sums of Poisson parameters, Stat Med 10,
/// 457-462. Vectors: `dsr`.
#[must_use]
pub fn direct(bands: &[Band], per: f64, confidence: Confidence) -> Standardised {
    let once: Vec<RepeatBand<'_>> = bands
        .iter()
        .map(|band| RepeatBand {
            persons: std::slice::from_ref(&band.events),
            population: band.population,
            standard: band.standard,
        })
        .collect();
    direct_of_repeats(&once, per, confidence)
}

/// One band of a population in which a person can have several events.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RepeatBand<'a> {
    /// How many persons had exactly one event, exactly two, and so on; a missing number is nobody.
    pub persons: &'a [Option<f64>],
    /// Residents in it; without them there is no rate.
    pub population: Option<f64>,
    /// Residents of the band in the standard population.
    pub standard: f64,
}

/// As [`direct`], where one person can have several events, so that events are not independent: repeat victims and
/// callers. The value is that of all events; persons with `f` events add `f²` times their own variance.
///
/// Source: `PHEindicatormethods` 2.1.0, `calculate_dsr(independent_events = FALSE)`. Vectors: `dsr_repeat_events`.
#[must_use]
pub fn direct_of_repeats(bands: &[RepeatBand<'_>], per: f64, confidence: Confidence) -> Standardised {
    let events = |band: &RepeatBand<'_>| {
        sum(band
            .persons
            .iter()
            .zip(1_u32..)
            .map(|(persons, times)| persons.unwrap_or(0.0) * f64::from(times)))
    };
    let total = sum(bands.iter().map(events));
    Standardised { total, rate: rate_of_repeats(bands, events, total, per, confidence) }
}

fn rate_of_repeats(
    bands: &[RepeatBand<'_>],
    events: impl Fn(&RepeatBand<'_>) -> f64,
    total: f64,
    per: f64,
    confidence: Confidence,
) -> Result<Estimate, NoValue> {
    if bands.iter().flat_map(|band| band.persons).any(|persons| persons.is_some_and(|n| n < 0.0)) {
        return Err(NoValue::NumeratorNegative);
    }
    if total < FEWEST_EVENTS {
        return Err(NoValue::TotalCountBelow10);
    }
    let standard = sum(bands.iter().map(|band| band.standard));
    if bands.iter().any(|band| band.population.is_some_and(|population| population < 0.0)) {
        return Err(NoValue::DenominatorNegative);
    }
    if standard <= 0.0 || bands.iter().any(|band| band.population.is_none_or(|population| population == 0.0))
    {
        return Err(NoValue::DenominatorZero);
    }
    let weight = |band: &RepeatBand<'_>| band.standard / (band.population.unwrap_or(f64::NAN) * standard);
    let value = sum(bands.iter().map(|band| weight(band) * events(band)));
    let variance = sum(bands.iter().map(|band| {
        let squares = band
            .persons
            .iter()
            .zip(1_u32..)
            .map(|(persons, times)| persons.unwrap_or(0.0) * f64::from(times) * f64::from(times));
        weight(band).powi(2) * sum(squares)
    }));
    let (lower, upper) = (byar_lower(total, confidence), byar_upper(total, confidence));
    let (lower, upper) = lower.zip(upper).ok_or(NoValue::NumeratorNegative)?;
    let scale = (variance / total).sqrt();
    let limit = |limit: f64| (value + scale * (limit - total)) * per;
    Ok(Estimate { value: value * per, interval: Interval { lower: limit(lower), upper: limit(upper) } })
}

/// One band of an area and of the population that it is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReferenceBand {
    /// Events in the area; a missing count is none.
    pub events: Option<f64>,
    /// Residents of the area; a missing number is nobody.
    pub population: Option<f64>,
    /// Events in the reference population; a missing count is none.
    pub reference_events: Option<f64>,
    /// The reference population; without it nothing can be expected.
    pub reference_population: Option<f64>,
}

/// What happened beside what the reference population's rates would have led to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Indirect {
    /// Events of all bands.
    pub observed: f64,
    /// Events that the reference's rates would have led to among the area's residents.
    pub expected: f64,
    /// The reference population's own rate, as a proportion.
    pub reference_rate: f64,
    /// Limits of `observed`.
    pub limits: Interval,
    /// How the limits were found.
    pub method: CountMethod,
}

impl Indirect {
    /// Observed over expected times `multiplier`: 100 gives a standardised ratio on which the reference is 100.
    #[must_use]
    pub fn ratio(&self, multiplier: f64) -> Estimate {
        let value = self.observed / self.expected * multiplier;
        Estimate { value, interval: scaled(self.limits, self.expected, multiplier) }
    }

    /// The reference's rate per `per`, moved up or down by observed over expected.
    #[must_use]
    pub fn rate(&self, per: f64) -> Estimate {
        self.ratio(self.reference_rate * per)
    }
}

/// Indirect standardisation: limits of the observed count are exact below 10 events, Byar's from 10 up.
///
/// Source: N. E. Breslow, N. E. Day (1987), Statistical Methods in Cancer Research, volume II, IARC. Vectors: `isr`.
///
/// # Errors
/// A negative number; a band without reference population; nothing expected.
pub fn indirect(bands: &[ReferenceBand], confidence: Confidence) -> Result<Indirect, NoValue> {
    let negative = |value: Option<f64>| value.is_some_and(|value| value < 0.0);
    if bands.iter().any(|band| negative(band.population) || negative(band.reference_population)) {
        return Err(NoValue::DenominatorNegative);
    }
    if bands.iter().any(|band| negative(band.events) || negative(band.reference_events)) {
        return Err(NoValue::NumeratorNegative);
    }
    if bands.iter().any(|band| band.reference_population.is_none()) {
        return Err(NoValue::DenominatorNull);
    }
    if bands.iter().any(|band| band.reference_population == Some(0.0)) {
        return Err(NoValue::DenominatorZero);
    }
    let total = |of: fn(&ReferenceBand) -> Option<f64>| sum(bands.iter().map(|band| of(band).unwrap_or(0.0)));
    let observed = total(|band| band.events);
    let expected = total(|band| Some(band.population? * band.reference_events? / band.reference_population?));
    let reference_rate = total(|band| band.reference_events) / total(|band| band.reference_population);
    if !(expected > 0.0 && expected.is_finite() && reference_rate.is_finite()) {
        return Err(NoValue::DenominatorZero);
    }
    let (limits, method) = count_interval(observed, confidence).ok_or(NoValue::NumeratorNegative)?;
    Ok(Indirect { observed, expected, reference_rate, limits, method })
}
