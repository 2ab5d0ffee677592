//! How long disclosure control takes on many measures of small counts, and what is lost.
//!
//! `cargo run --release --example disclosure_at_scale -- MEASURES [THREADS]`: each measure has 120 months, 20 areas and 5
//! categories, with quarters, years, rolling twelve months, the area of areas and all categories, all published
//! together: 35,154 cells. The counts are drawn, from very sparse measures to plentiful ones.

use std::io::Write;
use std::time::Instant;

use outturn::disclosure::rules::Threshold;
use outturn::disclosure::{Axis, Cell, Effort, Lattice, Problem, Proof, Relation, Standing, protect_all};

const MONTHS: usize = 120;
const AREAS: usize = 20;
const CATEGORIES: usize = 5;

/// Months, quarters, years and rolling years as lists of their parts; the parts of a year are its quarters.
fn periods() -> Vec<Vec<usize>> {
    let mut periods: Vec<Vec<usize>> = vec![Vec::new(); MONTHS];
    periods.extend((0..MONTHS / 3).map(|quarter| (3 * quarter..3 * quarter + 3).collect()));
    periods.extend((0..MONTHS / 12).map(|year| (MONTHS + 4 * year..MONTHS + 4 * year + 4).collect()));
    periods.extend((12..=MONTHS).map(|end| (end - 12..end).collect()));
    periods
}

/// A drawn number in 0..1, the same for the same place.
fn draw(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// A Poisson count, by multiplying draws.
fn poisson(mean: f64, state: &mut u64) -> i64 {
    let (limit, mut product, mut count) = ((-mean).exp(), draw(state), 0);
    while product > limit {
        product *= draw(state);
        count += 1;
    }
    count
}

fn measure(number: usize) -> Problem {
    let mut state = 7 + number as u64 * 1_000_003;
    // From one event in three years to ten a month in each area and category.
    let mean = (draw(&mut state) * (10f64 / 0.03).ln() + 0.03f64.ln()).exp();
    let area_share: Vec<f64> = (0..AREAS).map(|_| 0.3 + 1.4 * draw(&mut state)).collect();
    let category_share: Vec<f64> = (0..CATEGORIES).map(|_| 0.2 + 1.6 * draw(&mut state)).collect();
    let periods = periods();
    let width = periods.len();
    let at =
        |area: usize, category: usize, period: usize| (area * (CATEGORIES + 1) + category) * width + period;
    let mut counts = vec![0i64; (AREAS + 1) * (CATEGORIES + 1) * width];
    for (area, of_area) in area_share.iter().enumerate() {
        for (category, of_category) in category_share.iter().enumerate() {
            for month in 0..MONTHS {
                let count = poisson(mean * of_area * of_category, &mut state);
                for area in [area, AREAS] {
                    for category in [category, CATEGORIES] {
                        counts[at(area, category, month)] += count;
                    }
                }
            }
        }
    }
    let mut problem = Problem::default();
    let index = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    for area in 0..=AREAS {
        for category in 0..=CATEGORIES {
            for (period, parts) in periods.iter().enumerate() {
                if !parts.is_empty() {
                    counts[at(area, category, period)] =
                        parts.iter().map(|part| counts[at(area, category, *part)]).sum();
                    problem.relations.push(Relation::sum(
                        index(at(area, category, period)),
                        parts.iter().map(|part| index(at(area, category, *part))).collect(),
                    ));
                }
            }
        }
    }
    for period in 0..width {
        for category in 0..=CATEGORIES {
            problem.relations.push(Relation::sum(
                index(at(AREAS, category, period)),
                (0..AREAS).map(|area| index(at(area, category, period))).collect(),
            ));
        }
        for area in 0..=AREAS {
            problem.relations.push(Relation::sum(
                index(at(area, CATEGORIES, period)),
                (0..CATEGORIES).map(|category| index(at(area, category, period))).collect(),
            ));
        }
    }
    let rule = Threshold::default();
    for (place, count) in counts.iter().enumerate() {
        let (area, category, period) =
            (place / width / (CATEGORIES + 1), place / width % (CATEGORIES + 1), place % width);
        let weight = if area == AREAS { 4 } else { 1 }
            * if category == CATEGORIES { 4 } else { 1 }
            * if (MONTHS..MONTHS + MONTHS / 3 + MONTHS / 12).contains(&period) { 2 } else { 1 };
        problem.cells.push(Cell {
            order: place as u64,
            count: Some(*count),
            standing: Standing::Publishable,
            sensitive: rule.is_sensitive(*count),
            need: rule.need(),
            weight,
        });
    }
    let whole = |parts: usize| {
        let mut wholes = vec![Some(index(parts)); parts];
        wholes.push(None);
        Axis::Tree(wholes)
    };
    // Months since the first, where each period begins and ends.
    let mut stretches: Vec<(u32, u32)> = (0..MONTHS).map(|month| (index(month), index(month + 1))).collect();
    for parts in &periods[MONTHS..] {
        let begin = parts.first().map_or(0, |part| stretches[*part].0);
        let end = parts.last().map_or(0, |part| stretches[*part].1);
        stretches.push((begin, end));
    }
    problem.lattices.push(Lattice {
        axes: vec![whole(AREAS), whole(CATEGORIES), Axis::Line(stretches)],
        cells: (0..index(counts.len())).collect(),
    });
    problem
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|word| word.parse::<usize>().ok());
    let measures = arguments.next().unwrap_or(4);
    let threads = arguments.next().unwrap_or(2);
    let started = Instant::now();
    let results = protect_all((0..measures).map(measure), &Effort { threads, ..Effort::default() });
    let took = started.elapsed();
    let mut out = std::io::stdout().lock();
    let (mut shown, mut primary, mut secondary, mut undecided, mut failed) = (0, 0, 0, 0, 0);
    for (number, result) in results.iter().enumerate() {
        let line = match result {
            Ok(found) => {
                shown += found.counts.shown;
                primary += found.counts.primary;
                secondary += found.counts.secondary;
                undecided += found.audit.by(Proof::Undecided);
                failed += found.audit.failures().count();
                format!("{:?} failed {}", found.counts, found.audit.failures().count())
            }
            Err(error) => error.to_string(),
        };
        if measures <= 40 {
            let _ = writeln!(out, "{number}: {line}");
        }
    }
    let _ = writeln!(
        out,
        "{measures} measures, {} cells: {primary} primary, {secondary} secondary, {shown} shown, {failed} not proven \
         ({undecided} undecided), {:.1} s on {threads} threads",
        shown + primary + secondary,
        took.as_secs_f64()
    );
}
