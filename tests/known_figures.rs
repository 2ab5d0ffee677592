//! Figures that partnerships have printed, held against the product's own functions: those that follow from the printed
//! numbers are reproduced, and those that cannot are shown as inconsistent.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

use outturn::statistics::benchmark::Position;
use outturn::statistics::change::{ChangeKind, change};
use outturn::statistics::wording::{Amount, comparison};
use outturn::statistics::{Confidence, Polarity, proportion, rate};
use serde::Deserialize;

#[derive(Deserialize)]
struct Known {
    figure: Vec<Figure>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    id: String,
    check: String,
    inputs: Vec<f64>,
    printed: Option<f64>,
    #[serde(default)]
    decimals: i32,
    band: Option<(f64, f64)>,
    significant: Option<bool>,
    consistent: bool,
    #[serde(default)]
    reason: String,
}

impl Figure {
    /// What the product makes of the printed numbers; the lower limit of the difference for a test.
    fn computed(&self) -> f64 {
        let of = |kind| change(Some(self.inputs[1]), Some(self.inputs[0]), kind, Polarity::None);
        let [a, b, c, d] = [0, 1, 2, 3].map(|place| self.inputs.get(place).copied().unwrap_or(f64::NAN));
        match self.check.as_str() {
            "percent-change" => of(ChangeKind::Count).percent.unwrap(),
            "points" => of(ChangeKind::Proportion).points.unwrap(),
            "multiple" => rate::ratio((a, b), (c, d), Confidence::P95).unwrap().ratio.unwrap(),
            "share" => proportion::proportion(Some(a), Some(b), Confidence::P95, 100.0).unwrap().value,
            "rate" => rate::rate(Some(a), Some(b), c, Confidence::P95).unwrap().0.value,
            "significance" => proportion::difference((a, b), (c, d), Confidence::P95).unwrap().interval.lower,
            other => panic!("{}: there is no check `{other}`", self.id),
        }
    }

    /// Whether what is printed follows.
    fn follows(&self) -> bool {
        let computed = self.computed();
        if let Some(claimed) = self.significant {
            return (computed > 0.0) == claimed;
        }
        if let Some((least, most)) = self.band {
            return (least..most).contains(&computed);
        }
        let unit = 10_f64.powi(self.decimals);
        ((computed * unit).round() - self.printed.unwrap() * unit).abs() < 1e-6
    }
}

fn known() -> Vec<Figure> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/known_figures/figures.toml");
    toml::from_str::<Known>(&std::fs::read_to_string(path).unwrap()).unwrap().figure
}

#[test]
fn what_follows_from_the_printed_numbers_is_reproduced_and_what_does_not_is_inconsistent() {
    let figures = known();
    for figure in &figures {
        assert_eq!(
            figure.follows(),
            figure.consistent,
            "{}: {} ({})",
            figure.id,
            figure.computed(),
            figure.reason
        );
        assert!(figure.consistent || !figure.reason.is_empty(), "{}: why does it not follow?", figure.id);
    }
    assert!(figures.iter().filter(|figure| figure.consistent).count() >= 15);
    assert!(figures.iter().filter(|figure| !figure.consistent).count() >= 5);
}

#[test]
fn the_products_words_claim_no_significance_that_the_numbers_do_not_bear() {
    let words = |figure: &Figure| {
        let inputs = &figure.inputs;
        let found =
            proportion::difference((inputs[0], inputs[1]), (inputs[2], inputs[3]), Confidence::P95).unwrap();
        let position = if found.interval.lower > 0.0 { Position::Above } else { Position::Similar };
        comparison(position, true, "Greater Manchester", Some(Amount::Points(found.difference * 100.0)))
    };
    let said: Vec<String> = known().iter().filter(|figure| figure.significant.is_some()).map(words).collect();
    assert_eq!(
        said,
        [
            "statistically significantly higher than Greater Manchester (+3.9 percentage points)",
            "not statistically significantly different from Greater Manchester (+1.9 percentage points)",
        ]
    );
}
