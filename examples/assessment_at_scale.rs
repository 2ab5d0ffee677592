//! Assesses invented measures and says how long that takes:
//!
//!     cargo run --release --locked --example assessment_at_scale -- [MEASURES]
//!
//! Each of the measures (300 where no number is given) has 120 months, 20 wards and 5 categories: 12,000 monthly counts,
//! of which figures of months, quarters, years and rolling years are made, compared for the usual 37 months, charted, and
//! laid out as the rows of the release. Nothing is written.

#![expect(clippy::print_stdout, reason = "it is a program")]
#![expect(clippy::expect_used, reason = "what cannot go on ends with its reason")]

use std::time::Instant;

use outturn::assess::compare::Subject;
use outturn::assess::{self, Counted, Coverage, MonthlyCounts};
use outturn::config::SqlFile;
use outturn::config::settings::MeasureConfig;
use outturn::diagnose::Source;
use outturn::geography::{Area, Areas, Residents};
use outturn::period::Month;
use outturn::release::assessed::{judged, mark_exceptions};

const MONTHS: i32 = 120;
const WARDS: usize = 20;
const CATEGORIES: usize = 5;

fn main() {
    let measures: usize =
        std::env::args().nth(1).map_or(300, |text| text.parse().expect("a number of measures"));
    let codes: Vec<String> = (0..WARDS).map(|ward| format!("E05{ward:06}")).collect();
    let areas: Areas = codes
        .iter()
        .map(|code| Area {
            code: code.clone(),
            level: "ward".to_owned(),
            title: code.clone(),
            parent: "E22000001".to_owned(),
        })
        .collect();
    let names: Vec<&str> = codes.iter().map(String::as_str).collect();
    let kinds = [("count", "crimes"), ("percentage", "% of crimes")];
    let (mut figures_made, mut rows, mut seconds) = (0, 0, [0.0; 3]);
    let (mut signals, mut scorecards) = (Vec::new(), Vec::new());
    for number in 0..measures {
        let (kind, unit) = kinds[number % kinds.len()];
        let file = measure(number, kind, unit);
        let monthly = counts(number, &codes);
        let begun = Instant::now();
        let figures = assess::figures(&file.config, &names, &monthly, &Residents::default());
        seconds[0] += begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let subject = Subject { config: &file.config, targets: None, breaks: &[], areas: &areas };
        let assessed = assess::assess(subject, &figures, &[]);
        seconds[1] += begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let laid_out = judged(&file, &figures, &assessed, "2026-01-01.1").expect("columns that fit");
        seconds[2] += begun.elapsed().as_secs_f64();
        figures_made += figures.len();
        rows += assessed.comparisons.len();
        signals.extend(laid_out.signal);
        scorecards.extend(laid_out.scorecard);
    }
    let found = mark_exceptions(&mut signals, &mut scorecards).expect("columns that fit");
    println!(
        "{measures} measures: {figures_made} figures, {rows} comparisons, {} series",
        found.reported.len()
    );
    println!("figures {:.2} s, assessment {:.2} s, rows {:.2} s", seconds[0], seconds[1], seconds[2]);
    println!("all {:.2} s", seconds.iter().sum::<f64>());
}

/// A measure by category, compared with last year, the period before and its peers.
fn measure(number: usize, kind: &str, unit: &str) -> SqlFile<MeasureConfig> {
    let text = format!(
        "id = \"m{number}\"\ntitle = \"Measure {number}\"\nframework = \"plan\"\ntheme = \"Theme\"\nowner = \"Role\"\n\
         kind = \"{kind}\"\nunit = \"{unit}\"\npolarity = \"lower-is-better\"\nareas = [\"E22000001/ward\"]\n\
         breakdowns = [\"category\"]\n"
    );
    SqlFile {
        partnership: "northport".to_owned(),
        config: toml::from_str(&text).expect("the settings of a measure"),
        source: Source::new("m.sql", ""),
        digest: String::new(),
    }
}

/// Counts that rise and fall without a rule that matters.
fn counts(seed: usize, codes: &[String]) -> MonthlyCounts {
    let first = Month::new(2016, 1).expect("a month");
    let last = first.plus(MONTHS - 1);
    let mut state = seed as u64 + 1;
    let mut next = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut monthly = MonthlyCounts { span: Some((first, last)), ..MonthlyCounts::default() };
    monthly.breakdowns = (0..CATEGORIES).map(|category| format!("category: {category}")).collect();
    for code in codes {
        let delivered =
            first.through(last).map(|month| (month, Coverage::Delivered { synthetic: false, nil: false }));
        monthly.coverage.insert(code.clone(), delivered.collect());
        for breakdown in &monthly.breakdowns {
            let months = first.through(last).map(|month| {
                let numerator = next(40) as f64;
                (month, Counted::new(numerator, Some(numerator + next(60) as f64)))
            });
            monthly.counts.insert((code.clone(), breakdown.clone()), months.collect());
        }
    }
    monthly
}
