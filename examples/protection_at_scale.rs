//! Protects the figures of invented measures as a release does, audit included, and says how long that takes:
//!
//!     cargo run --release --locked --example protection_at_scale -- [MEASURES] [THREADS]
//!
//! Each of the measures (300 where no number is given) has 120 months, 20 wards with the area around them, and 5 categories
//! with all of them together: figures of months, quarters, years and rolling years. The counts are drawn, from one event in
//! three years to ten a month in each ward and category. `disclosure_at_scale` measures the engine alone.

#![expect(clippy::print_stdout, reason = "it is a program")]
#![expect(clippy::expect_used, reason = "what cannot go on ends with its reason")]

use std::collections::BTreeMap;
use std::time::Instant;

use outturn::assess::{self, Counted, Coverage, Figure, MonthlyCounts};
use outturn::config::settings::MeasureConfig;
use outturn::disclosure::Effort;
use outturn::disclosure::figures::{Measure, Rule, protect_figures};
use outturn::geography::{Area, Residents};
use outturn::period::Month;
use rand::{Rng, SeedableRng};

const MONTHS: i32 = 120;
const WARDS: usize = 20;
const CATEGORIES: usize = 5;
const WHOLE: &str = "E22000001";

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().expect("a number"));
    let (measures, threads) = (arguments.next().unwrap_or(300), arguments.next().unwrap_or(2));
    let area = |code: &str, level: &str, parent: &str| Area {
        code: code.to_owned(),
        level: level.to_owned(),
        title: code.to_owned(),
        parent: parent.to_owned(),
    };
    let wards: Vec<String> = (0..WARDS).map(|ward| format!("E05{ward:06}")).collect();
    let mut areas = vec![area(WHOLE, "partnership", "")];
    areas.extend(wards.iter().map(|code| area(code, "ward", WHOLE)));
    let figures: Vec<(String, Vec<Figure>)> =
        (0..measures).map(|number| (format!("m{number}"), figures(number, &wards))).collect();
    let cells: usize = figures.iter().map(|(_, figures)| figures.len()).sum();
    let rule = Rule::default();
    let measures: Vec<Measure<'_>> =
        figures.iter().map(|(id, figures)| Measure { id, figures, rule: &rule, earlier: &[] }).collect();
    let begun = Instant::now();
    let found = protect_figures(&measures, &[], &areas, &Effort { threads, ..Effort::default() })
        .expect("measures without sums");
    let took = begun.elapsed().as_secs_f64();
    let (mut primary, mut secondary) = (0, 0);
    let mut whole: BTreeMap<&str, usize> = BTreeMap::new();
    for own in &found.measures {
        primary += own.counts.primary;
        secondary += own.counts.secondary;
        if let Some(why) = &own.failed {
            *whole.entry(why).or_default() += 1;
        }
    }
    let failures: usize = found.audits.iter().map(|audit| audit.failures().count()).sum();
    println!(
        "{} measures, {cells} figures: {primary} withheld for their size, {secondary} because of others, {failures} not \
         proven, {} measures withheld as a whole; {took:.1} s on {threads} threads",
        measures.len(),
        whole.values().sum::<usize>()
    );
    for (why, measures) in whole.iter().take(10) {
        println!("{measures} measures: {why}");
    }
}

/// The figures of a measure whose counts are drawn.
fn figures(number: usize, wards: &[String]) -> Vec<Figure> {
    let text = format!(
        "id = \"m{number}\"\ntitle = \"Measure {number}\"\nframework = \"plan\"\ntheme = \"Theme\"\nowner = \"Role\"\n\
         kind = \"count\"\nunit = \"crimes\"\npolarity = \"lower-is-better\"\nareas = [\"{WHOLE}\", \"{WHOLE}/ward\"]\n\
         breakdowns = [\"category\"]\n"
    );
    let config: MeasureConfig = toml::from_str(&text).expect("the settings of a measure");
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(number as u64);
    let mean = 0.03 * (10.0_f64 / 0.03).powf(random.random());
    let shares: Vec<f64> = (0..CATEGORIES).map(|_| 0.2 + 1.6 * random.random::<f64>()).collect();
    let first = Month::new(2016, 1).expect("a month");
    let last = first.plus(MONTHS - 1);
    let mut monthly = MonthlyCounts { span: Some((first, last)), ..MonthlyCounts::default() };
    monthly.breakdowns = (0..CATEGORIES).map(|category| format!("category: {category}")).collect();
    let mut sums: BTreeMap<(String, Month), f64> = BTreeMap::new();
    for ward in wards {
        let share = 0.3 + 1.4 * random.random::<f64>();
        for (breakdown, of_category) in monthly.breakdowns.iter().zip(&shares) {
            let months = first.through(last).map(|month| {
                let count = poisson(mean * share * of_category, &mut random);
                *sums.entry((breakdown.clone(), month)).or_default() += count;
                (month, Counted::new(count, None))
            });
            let months = months.collect();
            monthly.counts.insert((ward.clone(), breakdown.clone()), months);
        }
    }
    for ((breakdown, month), count) in sums {
        monthly
            .counts
            .entry((WHOLE.to_owned(), breakdown))
            .or_default()
            .insert(month, Counted::new(count, None));
    }
    let names: Vec<&str> = std::iter::once(WHOLE).chain(wards.iter().map(String::as_str)).collect();
    for name in &names {
        let delivered =
            first.through(last).map(|month| (month, Coverage::Delivered { synthetic: false, nil: false }));
        monthly.coverage.insert((*name).to_owned(), delivered.collect());
    }
    assess::figures(&config, &names, &monthly, &Residents::default())
}

/// A Poisson count, by multiplying draws.
fn poisson(mean: f64, random: &mut impl Rng) -> f64 {
    let (limit, mut product, mut count) = ((-mean).exp(), random.random::<f64>(), 0.0);
    while product > limit {
        product *= random.random::<f64>();
        count += 1.0;
    }
    count
}
