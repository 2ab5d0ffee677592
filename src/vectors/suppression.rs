//! Disclosure control: one group, two-way tables, what an outsider works out, months beside rolling totals.

use serde_json::{Value, json};

use super::{Comparison, Difference};
use crate::disclosure::rules::Threshold;
use crate::disclosure::{
    Bounds, Cell, Effort, Need, Problem, Relation, Standing, Status, bounds, protect, recoverable,
};

/// What a total costs beside a part: lost only when nothing else serves.
const TOTAL: u32 = 1000;

/// A group of counts and its total: what is withheld, and what is left to publish.
///
/// # Errors
/// A field that is missing or not what it should be.
pub(super) fn suppression_1d(input: &Value) -> Result<Value, String> {
    let counts = counts(field(input, "counts")?)?;
    let zeros =
        field(input, "zeros_disclosive")?.as_bool().ok_or("zeros_disclosive: expected true or false")?;
    let rule = Threshold { below: whole(field(input, "threshold")?)?, zeros };
    let total_published =
        field(input, "total_published")?.as_bool().ok_or("total_published: expected true or false")?;
    let mut problem = Problem::default();
    for count in &counts {
        add(&mut problem, *count, rule, 1);
    }
    let parts: Vec<u32> = (0..index(counts.len())).collect();
    let sum = counts.iter().flatten().sum();
    let total = total_published.then(|| {
        let total = add(&mut problem, Some(sum), rule, TOTAL);
        problem.relations.push(Relation::sum(total, parts.clone()));
        total
    });
    let found = protect(&problem, &Effort::default()).map_err(|error| error.to_string())?;
    let with = |status| {
        let mut cells: Vec<u32> =
            parts.iter().copied().filter(|at| found.status[*at as usize] == status).collect();
        if status == Status::Secondary {
            // In the order in which the rule takes them.
            cells.sort_by_key(|at| counts[*at as usize].map(|count| (count == 0, count)));
        }
        cells
    };
    let shown = |at: u32, count: Option<i64>| match found.status[at as usize] {
        Status::Shown => count,
        _ => None,
    };
    let published: Vec<_> = parts.iter().map(|at| shown(*at, counts[*at as usize])).collect();
    Ok(json!({
        "primary": with(Status::Primary),
        "secondary": with(Status::Secondary),
        "suppress_total": total.is_some_and(|at| found.status[at as usize].is_hidden()),
        "published": published,
        "published_total": total.and_then(|at| shown(at, Some(sum))),
    }))
}

/// A two-way table with all its totals: the cells that are withheld for their own sake, and all that are.
///
/// # Errors
/// A field that is missing or not what it should be, or a table that cannot be protected.
pub(super) fn suppression_2d(input: &Value) -> Result<Value, String> {
    let rule = Threshold { below: whole(field(input, "threshold")?)?, zeros: false };
    let table = Table::read(input, rule)?;
    // The totals are published whatever happens, as the definition has it.
    let mut problem = table.problem;
    for total in problem.cells.iter_mut().skip(table.rows * table.columns) {
        total.standing = Standing::Known;
        total.sensitive = false;
    }
    let effort = Effort { sets: 200_000, ..Effort::default() };
    let found = protect(&problem, &effort).map_err(|error| error.to_string())?;
    let place = |at: usize| [at / table.columns, at % table.columns];
    let inner = || (0..table.rows * table.columns).map(|at| (at, found.status[at]));
    let primary: Vec<_> = inner().filter(|(_, s)| *s == Status::Primary).map(|(at, _)| place(at)).collect();
    let suppressed: Vec<_> = inner().filter(|(_, s)| s.is_hidden()).map(|(at, _)| place(at)).collect();
    Ok(json!({ "primary": primary, "suppressed": suppressed, "safe": found.audit.passes() }))
}

/// A two-way table with all its totals and some cells withheld: what an outsider can work out.
///
/// # Errors
/// A field that is missing or not what it should be.
pub(super) fn suppression_audit(input: &Value) -> Result<Value, String> {
    let table = Table::read(input, Threshold { below: 0, zeros: false })?;
    let mut hidden = vec![false; table.problem.cells.len()];
    let mut cells = Vec::new();
    for place in
        field(input, "suppressed")?.as_array().ok_or("suppressed: expected a list of [row, column]")?
    {
        let at =
            |part: usize| place.get(part).and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
        let (Some(row), Some(column)) = (at(0), at(1)) else {
            return Err(format!("suppressed: expected [row, column], found {place}"));
        };
        if row >= table.rows || column >= table.columns {
            return Err(format!("suppressed: [{row},{column}] lies outside the table"));
        }
        hidden[row * table.columns + column] = true;
        cells.push((row * table.columns + column, [row, column]));
    }
    let found = bounds(&table.problem, &hidden).map_err(|error| error.to_string())?;
    let listed: Vec<Value> = cells
        .iter()
        .filter_map(|(at, place)| Some((found.iter().find(|found| found.cell as usize == *at)?, place)))
        .map(|(found, place)| {
            json!({ "cell": place, "low": found.low, "high": found.high, "exact": found.is_exact() })
        })
        .collect();
    Ok(json!({ "bounds": listed, "safe": !found.iter().any(Bounds::is_exact) }))
}

/// Months beside rolling twelve-month totals: the withheld months that follow by subtraction.
///
/// # Errors
/// A field that is missing or not what it should be.
pub(super) fn suppression_differencing(input: &Value) -> Result<Value, String> {
    const WINDOW: usize = 12;
    let monthly = counts(field(input, "monthly")?)?;
    let rule = Threshold { below: whole(field(input, "threshold")?)?, zeros: false };
    let rolling: Vec<Option<i64>> = (0..monthly.len())
        .map(|last| {
            let first = (last + 1).checked_sub(WINDOW)?;
            monthly.get(first..=last)?.iter().copied().sum()
        })
        .collect();
    let mut problem = Problem::default();
    for count in &monthly {
        add(&mut problem, *count, rule, 1);
    }
    let months = index(monthly.len());
    for (last, total) in rolling.iter().enumerate() {
        let total = add(&mut problem, *total, rule, 1);
        if let Some(first) = (last + 1).checked_sub(WINDOW) {
            problem.relations.push(Relation::sum(total, (index(first)..=index(last)).collect()));
        }
        // A total less the month that left it is the total before it less the month that came.
        if let Some(left) = last.checked_sub(WINDOW)
            && rolling.get(last.wrapping_sub(1)).is_some_and(Option::is_some)
            && rolling.get(last).is_some_and(Option::is_some)
        {
            problem
                .relations
                .push(Relation { whole: vec![total, index(left)], parts: vec![total - 1, index(last)] });
        }
    }
    let hidden: Vec<bool> = (0..problem.cells.len())
        .map(|at| at < monthly.len() && problem.cells.get(at).is_some_and(|cell| cell.sensitive))
        .collect();
    let found = recoverable(&problem, &hidden).map_err(|error| error.to_string())?;
    let found: Vec<Value> = found
        .iter()
        .filter(|(at, _)| *at < months)
        .map(|(at, value)| json!({ "index": at, "value": value }))
        .collect();
    let published: Vec<Option<i64>> =
        monthly.iter().zip(&hidden).map(|(count, hidden)| count.filter(|_| !hidden)).collect();
    Ok(json!({ "rolling": rolling, "monthly_published": published, "recoverable": found }))
}

/// A two-way table: its cells row by row, then the totals of rows, of columns, and of all.
struct Table {
    problem: Problem,
    rows: usize,
    columns: usize,
}

impl Table {
    fn read(input: &Value, rule: Threshold) -> Result<Self, String> {
        let rows = field(input, "table")?.as_array().ok_or("table: expected a list of rows")?;
        let table = rows.iter().map(counts).collect::<Result<Vec<_>, _>>()?;
        let columns = table.first().map_or(0, Vec::len);
        if table.iter().any(|row| row.len() != columns) {
            return Err("table: expected rows of one length".to_owned());
        }
        let mut problem = Problem::default();
        for count in table.iter().flatten() {
            add(&mut problem, *count, rule, 1);
        }
        let sum = |cells: &[Option<i64>]| cells.iter().flatten().sum::<i64>();
        let across: Vec<i64> = table.iter().map(|row| sum(row)).collect();
        let down: Vec<i64> = (0..columns)
            .map(|column| table.iter().filter_map(|row| row.get(column).copied().flatten()).sum())
            .collect();
        let width = index(columns);
        let mut totals = (Vec::new(), Vec::new());
        for (row, total) in (0..).zip(&across) {
            let total = add(&mut problem, Some(*total), rule, TOTAL);
            problem.relations.push(Relation::sum(total, (row * width..(row + 1) * width).collect()));
            totals.0.push(total);
        }
        for (column, total) in (0..).zip(&down) {
            let total = add(&mut problem, Some(*total), rule, TOTAL);
            let cells = (0..index(table.len())).map(|row| row * width + column).collect();
            problem.relations.push(Relation::sum(total, cells));
            totals.1.push(total);
        }
        let all = add(&mut problem, Some(across.iter().sum()), rule, TOTAL);
        problem.relations.push(Relation::sum(all, totals.0));
        problem.relations.push(Relation::sum(all, totals.1));
        Ok(Self { problem, rows: table.len(), columns })
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn add(problem: &mut Problem, count: Option<i64>, rule: Threshold, weight: u32) -> u32 {
    let at = index(problem.cells.len());
    problem.cells.push(Cell {
        order: u64::from(at),
        count,
        standing: Standing::Publishable,
        sensitive: count.is_some_and(|count| rule.is_sensitive(count)),
        need: Need::threshold(rule.below),
        weight,
    });
    at
}

/// Any pattern of cells is right that withholds every small count, gives none back, and loses no more cells than the
/// vector allows; a zero may serve only where no other cell is left.
pub(super) fn accept_2d(case: &Comparison<'_>) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut miss = |key: &str, wanted: String, got: String| {
        differences.push(Difference { key: key.to_owned(), wanted, got });
    };
    let places = |from: &Value, key: &str| -> Vec<Value> {
        from.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let suppressed = places(case.computed, "suppressed");
    let mut primary = places(case.expected, "primary");
    let mut found = places(case.computed, "primary");
    primary.sort_by_key(Value::to_string);
    found.sort_by_key(Value::to_string);
    if primary != found {
        miss("primary", Value::from(primary).to_string(), Value::from(found).to_string());
    } else if let Some(shown) = primary.iter().find(|place| !suppressed.contains(place)) {
        miss("suppressed", format!("{shown} withheld"), format!("{shown} shown"));
    }
    let allowed = case.expected.get("max_allowed_cells").and_then(Value::as_u64);
    if allowed.is_some_and(|allowed| suppressed.len() as u64 > allowed) {
        miss("max_allowed_cells", format!("{allowed:?} cells at most"), suppressed.len().to_string());
    }
    let count = |place: &Value| {
        let at = |part: usize| place.get(part)?.as_u64().and_then(|at| usize::try_from(at).ok());
        case.input.get("table")?.get(at(0)?)?.get(at(1)?)?.as_i64()
    };
    let positive = || case.input.get("table").into_iter().filter_map(Value::as_array).flatten();
    let positive = positive().filter_map(Value::as_array).flatten().filter(|n| n.as_i64() > Some(0)).count();
    let covered = suppressed.iter().filter(|place| count(place) > Some(0)).count();
    if let Some(zero) = suppressed.iter().find(|place| count(place) == Some(0)).filter(|_| covered < positive)
    {
        miss("suppressed", "no zero as cover".to_owned(), zero.to_string());
    }
    let table = case.input.get("table").cloned().unwrap_or_default();
    let threshold = case.input.get("threshold").and_then(Value::as_f64).unwrap_or_default();
    match suppression_audit(&json!({ "table": table, "suppressed": suppressed })) {
        Ok(audit) => {
            for bounds in places(&audit, "bounds") {
                // No limit is null, and passes.
                let high = bounds.get("high").and_then(Value::as_f64).unwrap_or(f64::INFINITY);
                if bounds.get("exact") == Some(&Value::Bool(true)) || high < threshold - 1e-6 {
                    miss("suppressed", "every cell open up to the threshold".to_owned(), bounds.to_string());
                }
            }
        }
        Err(error) => miss("suppressed", "a pattern that can be audited".to_owned(), error),
    }
    differences
}

fn field<'a>(input: &'a Value, name: &str) -> Result<&'a Value, String> {
    input.get(name).ok_or_else(|| format!("{name}: missing"))
}

fn whole(value: &Value) -> Result<i64, String> {
    value.as_i64().ok_or_else(|| format!("expected a whole number, found {value}"))
}

fn counts(value: &Value) -> Result<Vec<Option<i64>>, String> {
    let list = value.as_array().ok_or_else(|| format!("expected a list of counts, found {value}"))?;
    list.iter().map(|count| if count.is_null() { Ok(None) } else { whole(count).map(Some) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_two_way_table_loses_no_more_cells_than_it_must() {
        let text = include_str!("../../tests/vectors/suppression_2d.json");
        let file: Value = serde_json::from_str(text).unwrap();
        for case in file["cases"].as_array().unwrap() {
            let found = suppression_2d(&case["input"]).unwrap();
            let least = &case["expected"]["min_suppressed_cells"];
            assert_eq!(found["suppressed"].as_array().unwrap().len() as u64, least.as_u64().unwrap());
        }
    }

    #[test]
    fn a_pattern_that_gives_a_cell_away_or_shows_a_small_count_is_not_accepted() {
        let input = json!({ "table": [[3, 20, 9], [14, 12, 31], [25, 18, 44]], "threshold": 5 });
        let expected = json!({ "primary": [[0, 0]], "max_allowed_cells": 7 });
        let judge = |suppressed: Value| {
            let computed = json!({ "primary": [[0, 0]], "suppressed": suppressed });
            accept_2d(&Comparison {
                input: &input,
                expected: &expected,
                computed: &computed,
                tolerance: &serde_json::from_value(json!({})).unwrap(),
                information_only: &std::collections::BTreeSet::new(),
            })
        };
        assert_eq!(judge(json!([[0, 0], [0, 2], [1, 0], [1, 2]])), []);
        assert_eq!(judge(json!([[0, 0], [0, 2], [1, 0]])).len(), 3);
        assert_eq!(judge(json!([[0, 1], [0, 2], [1, 1], [1, 2]])).len(), 1);
        let all: Vec<_> = (0..3).flat_map(|row| (0..3).map(move |column| [row, column])).collect();
        assert_eq!(judge(json!(all))[0].key, "max_allowed_cells");
    }
}
