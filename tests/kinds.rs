//! One measure of each kind, from the partners' files to the published tables, by the built program. Every expected value is
//! worked out by hand beside it, from the rows below.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, in its helpers too")]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what a test of messages needs is not needed here")]
mod small;

use std::fmt::Write as _;

use small::{Row, World};

/// A measure of Northport with these settings.
fn measure(id: &str, settings: &str, select: &str) -> String {
    format!(
        "/*\nid = \"{id}\"\ntitle = \"{id}\"\nframework = \"northport-2025-28\"\ntheme = \"Streets\"\n\
         owner = \"Head of Neighbourhoods\"\nunit = \"units\"\n{settings}\n*/\n{select}\n"
    )
}

fn write(world: &World, id: &str, settings: &str, select: &str) {
    world.write(&format!("sql/northport/{id}.sql"), measure(id, settings, select));
}

/// Months from April 2023 to July 2025, with the number of the financial year's first calendar year.
fn months() -> impl Iterator<Item = (String, i32)> {
    (0..28).map(|place| {
        let month = place + 3;
        (format!("{}-{:02}", 2023 + month / 12, month % 12 + 1), 2023 + place / 12)
    })
}

/// Reports of each month. 2023/24: Harbour 4 (1 of litter), Market 2 (1 of litter), Moor 2; so 48, 24 and 24 in the year.
/// From April 2024: Harbour 5 (1 of litter), Market 2 (1 of litter), Moor 1; so 60, 24 and 12 in 2024/25.
fn reports(month: &str, year: i32) -> String {
    let beats: &[&str] = if year == 2023 {
        &["H1,Litter", "H1,Noise", "H2,Noise", "H2,Noise", "K1,Litter", "K1,Noise", "M1,Noise", "M1,Noise"]
    } else {
        &["H1,Litter", "H1,Noise", "H2,Noise", "H2,Noise", "H1,Noise", "K1,Litter", "K1,Noise", "M1,Noise"]
    };
    let mut text = "Day,Beat,Kind\n".to_owned();
    for (place, report) in beats.iter().enumerate() {
        writeln!(text, "{month}-{:02},{report}", place + 1).unwrap();
    }
    text
}

/// A dataset of its own with these columns, filled by months from `from` on.
fn feed(world: &World, dataset: &str, from: &str, columns: &str, header: &str) {
    world.write(
        &format!("pipelines/northport/contracts/{dataset}.toml"),
        format!(
            "id = \"{dataset}\"\ndataset = \"{dataset}\"\ngrain = \"one row\"\nheader = [{header}]\n\n[month]\nfrom = \"Day\"\n\
             format = \"date\"\n\n[[column]]\nname = \"day\"\nfrom = \"Day\"\ntype = \"date\"\nrequired = true\n{columns}"
        ),
    );
    world.write(
        &format!("pipelines/northport/feeds/northport-{dataset}.toml"),
        format!(
            "id = \"northport-{dataset}\"\ntitle = \"{dataset}\"\nsupplier = \"Northport Council\"\ncontract = \"{dataset}\"\n\
             source = \"deliveries/{dataset}/{{period}}.csv\"\ncovers = [\"P01\"]\nfrom = \"{from}\"\n\
             published-after-months = 1\nallow-empty = true\n"
        ),
    );
}

/// The small project with reports since April 2023.
fn world() -> World {
    let world = World::complete();
    world.edit("pipelines/northport/feeds/northport-asb.toml", r#"from = "2025-04""#, r#"from = "2023-04""#);
    for (month, year) in months() {
        world.send("asb", &month, reports(&month, year));
    }
    world
}

#[track_caller]
fn row(world: &World, table: &str, wanted: &[(&str, &str)]) -> Row {
    let rows = world.rows(table, wanted);
    assert_eq!(rows.len(), 1, "{table} {wanted:?}: {rows:?}");
    rows[0].clone()
}

#[track_caller]
fn figure(world: &World, measure: &str, area: &str, period: &str) -> Row {
    row(world, "outturn", &[("measure", measure), ("area", area), ("period", period)])
}

#[track_caller]
fn compared(world: &World, measure: &str, area: &str, period: &str, comparison: &str) -> Row {
    let wanted = [("measure", measure), ("area", area), ("period", period), ("comparison", comparison)];
    row(world, "assessment", &wanted)
}

/// The values of columns, separated by a bar; `-` for an empty cell.
fn cells(row: &Row, columns: &[&str]) -> String {
    columns.iter().map(|name| row.get(*name).map_or("-", String::as_str)).collect::<Vec<_>>().join(" | ")
}

#[track_caller]
fn close(row: &Row, wanted: &[(&str, f64)]) {
    for (column, wanted) in wanted {
        let found: f64 = row[*column].parse().unwrap();
        assert!((found - wanted).abs() < 1e-3, "{column}: {found} is not {wanted}");
    }
}

/// By ward and month: reports, and those of litter.
const BY_WARD: &str = "FROM asb GROUP BY ward, month";
const YEARS: &str = "polarity = \"lower-is-better\"\nperiods = [\"financial-year\", \"financial-quarter\"]";

#[test]
fn shares_indices_and_gaps_are_made_of_sums() {
    let world = world();
    let both = |numbers: &str| {
        format!(
            "SELECT ward AS area, month, {numbers} {BY_WARD} UNION ALL SELECT 'P01' AS area, month, {numbers} FROM asb GROUP BY month"
        )
    };
    write(
        &world,
        "index",
        &format!("kind = \"index\"\nbase = \"2023/24\"\nareas = [\"P01/ward\"]\n{YEARS}"),
        &format!("SELECT ward AS area, month, count(*) AS numerator {BY_WARD}"),
    );
    write(
        &world,
        "share",
        &format!("kind = \"share\"\nwhole = \"P01\"\nareas = [\"P01\", \"P01/ward\"]\n{YEARS}"),
        &both("count(*) AS numerator"),
    );
    write(
        &world,
        "proportion",
        &format!("kind = \"proportion\"\nbenchmark = \"P01\"\nareas = [\"P01\", \"P01/ward\"]\n{YEARS}"),
        &both("count(*) FILTER (WHERE kind = 'Litter') AS numerator, count(*) AS denominator"),
    );
    // Litter in Harbour beside litter in Market, as shares of their reports.
    let of = |ward: &str, kind: &str| format!("count(*) FILTER (WHERE ward = '{ward}'{kind})");
    let litter = " AND kind = 'Litter'";
    let groups = format!(
        "{} AS numerator, {} AS denominator, {} AS other_numerator, {} AS other_denominator",
        of("W01", litter),
        of("W01", ""),
        of("W02", litter),
        of("W02", "")
    );
    write(
        &world,
        "gap",
        &format!("kind = \"gap\"\nareas = [\"P01\"]\n{YEARS}"),
        &format!("SELECT 'P01' AS area, month, {groups} FROM asb GROUP BY month"),
    );
    write(
        &world,
        "ratio",
        &format!("kind = \"ratio\"\ninterval = \"counts\"\nareas = [\"P01\"]\n{YEARS}"),
        "SELECT 'P01' AS area, month, count(*) FILTER (WHERE kind = 'Noise') AS numerator, \
         count(*) FILTER (WHERE kind = 'Litter') AS denominator FROM asb GROUP BY month",
    );
    world.run().exits(0);

    // 60 after the base year's 48: 125. The limits of the ratio are 1.25 x or / exp(1.959964 x √(1/60 + 1/48)) = 1.461618.
    let year = figure(&world, "index", "W01", "2024/25");
    assert_eq!(
        cells(&year, &["numerator", "denominator", "value", "interval_method"]),
        "60.0 | 48.0 | 125.0 | rate_ratio"
    );
    close(&year, &[("lower", 85.522), ("upper", 182.702)]);
    assert_eq!(cells(&year, &["other_numerator", "other_denominator"]), "48.0 | 12.0");
    // A quarter is held against a quarter of the base year: 15 beside 12.
    assert_eq!(
        cells(&figure(&world, "index", "W01", "2024/25 Q1"), &["numerator", "denominator", "value"]),
        "15.0 | 12.0 | 125.0"
    );
    let change = compared(&world, "index", "W01", "2024/25", "same_period_last_year");
    assert_eq!(
        cells(&change, &["difference", "difference_percent", "result", "method"]),
        "25.0 | 25.0 | similar | rate_ratio_interval"
    );

    // Harbour has 48 of 96, then 60 of 96 reports. Wilson of a half of 96: 50 ± 9.8076.
    let share = figure(&world, "share", "W01", "2023/24");
    assert_eq!(
        cells(&share, &["numerator", "denominator", "value", "interval_method"]),
        "48.0 | 96.0 | 50.0 | wilson"
    );
    close(&share, &[("lower", 40.1924), ("upper", 59.8076)]);
    let change = compared(&world, "share", "W01", "2024/25", "same_period_last_year");
    assert_eq!(cells(&change, &["difference", "difference_percent", "result"]), "12.5 | 12.5 | similar");
    assert_eq!(compared(&world, "share", "W01", "2024/25", "peers")["reason"], "counts_of_unlike_areas");

    // 12 of 48 in Harbour, and 12 of the other 48: Market's 12 of 24 and Moor's none of 24.
    let litter = figure(&world, "proportion", "W01", "2023/24");
    assert_eq!(cells(&litter, &["numerator", "denominator", "value"]), "12.0 | 48.0 | 0.25");
    let rest = compared(&world, "proportion", "W01", "2023/24", "benchmark");
    assert_eq!(
        cells(&rest, &["reference_value", "reference_area", "result", "method"]),
        "0.25 | P01 without W01 | similar | difference_interval"
    );
    let peers = compared(&world, "proportion", "W01", "2023/24", "peers");
    assert_eq!(cells(&peers, &["reference_value", "rank", "of", "method"]), "0.25 | 2 | 3 | funnel");
    // 12 of 60 in 2024/25: 5 percentage points less, of a share of 1.
    let change = compared(&world, "proportion", "W01", "2024/25", "same_period_last_year");
    close(&change, &[("difference", -0.05), ("difference_percent", -5.0)]);
    assert!(change["wording"].ends_with("2023/24 (-5.0 percentage points)"), "{change:?}");

    // 25% in Harbour less 50% in Market. Wilson's limits are 14.9206 and 38.7844, and 31.4274 and 68.5726:
    // -25 - √(10.0794² + 18.5726²) and -25 + √(13.7844² + 18.5726²).
    let gap = figure(&world, "gap", "P01", "2023/24");
    assert_eq!(
        cells(
            &gap,
            &["numerator", "denominator", "other_numerator", "other_denominator", "value", "interval_method"]
        ),
        "12.0 | 48.0 | 12.0 | 24.0 | -25.0 | newcombe"
    );
    close(&gap, &[("lower", -46.1314), ("upper", -1.8710)]);
    // 20% less 50% a year later: five points more of a gap, within what chance does.
    let change = compared(&world, "gap", "P01", "2024/25", "same_period_last_year");
    close(&change, &[("difference", -5.0), ("difference_percent", -5.0)]);
    assert_eq!(cells(&change, &["result", "method"]), "similar | difference_interval");

    // 72 to 24: 3, times or by exp(1.959964 x √(1/72 + 1/24)) = 1.587194.
    let ratio = figure(&world, "ratio", "P01", "2023/24");
    close(&ratio, &[("value", 3.0), ("lower", 1.8901), ("upper", 4.7616)]);
}

#[test]
fn an_average_of_a_quarter_is_that_of_its_values_and_a_median_is_counted_anew() {
    let world = World::complete();
    let kind =
        "polarity = \"lower-is-better\"\nareas = [\"P01\"]\nperiods = [\"month\", \"financial-quarter\"]";
    write(
        &world,
        "average",
        &format!("kind = \"average\"\n{kind}"),
        "SELECT 'P01' AS area, month, coalesce(sum(value_gbp), 0) AS numerator, count(value_gbp) AS denominator, \
         coalesce(sum(value_gbp * value_gbp), 0) AS sum_of_squares FROM crime GROUP BY month",
    );
    write(
        &world,
        "average-by-deviation",
        &format!("kind = \"average\"\nminimum-base = 4\n{kind}"),
        "SELECT 'P01' AS area, month, coalesce(sum(value_gbp), 0) AS numerator, count(value_gbp) AS denominator, \
         stddev(value_gbp) AS standard_deviation FROM crime GROUP BY month",
    );
    write(
        &world,
        "median",
        &format!("kind = \"median\"\n{kind}"),
        "SELECT 'P01' AS area, period, median(value_gbp) AS value, count(value_gbp) AS denominator, \
         median_lower(array_agg(value_gbp)) AS lower, median_upper(array_agg(value_gbp)) AS upper \
         FROM (SELECT month AS period, value_gbp FROM crime \
         UNION ALL SELECT period_of(month, 'financial-quarter') AS period, value_gbp FROM crime) AS counted \
         GROUP BY period",
    );
    write(
        &world,
        "score",
        "kind = \"score\"\nrange = [0, 10]\npolarity = \"higher-is-better\"\nareas = [\"P01\"]\nperiods = [\"month\"]",
        "SELECT 'P01' AS area, month AS period, 10.0 - count(*) / 4.0 AS value FROM crime GROUP BY month",
    );
    world.run().exits(0);

    // June: 30, 60, 90, 120. Sum 300, squares 27,000: deviation √((27,000 - 22,500) / 3), t of 3 degrees 3.182446.
    let june = figure(&world, "average", "P01", "2025-06");
    assert_eq!(
        cells(&june, &["numerator", "denominator", "value", "interval_method"]),
        "300.0 | 4.0 | 75.0 | student_t"
    );
    close(&june, &[("lower", 13.3725), ("upper", 136.6275), ("standard_error", 19.3649)]);
    // April 30, 60, 90 and May 30, 60 come to it: 570 of 9, not the mean 60 of the means 60, 45 and 75. Squares 44,100:
    // deviation √((44,100 - 36,100) / 8) = √1,000, t of 8 degrees 2.306004.
    let quarter = figure(&world, "average", "P01", "2025/26 Q1");
    close(&quarter, &[("value", 63.3333), ("lower", 39.0259), ("upper", 87.6408)]);
    // 75 after 45. Squared errors 1,500 / 4 and 450 / 2: 375 + 225 = 24.4949²; 600² / (375² / 3 + 225² / 1) = 3.69 degrees.
    let change = compared(&world, "average", "P01", "2025-06", "previous_period");
    assert_eq!(cells(&change, &["difference", "result", "method"]), "30.0 | similar | welch_t_interval");
    // July has one value: a mean, and nothing that shows how it spreads.
    assert_eq!(
        cells(&figure(&world, "average", "P01", "2025-07"), &["value", "lower", "status"]),
        "30.0 | - | available"
    );

    let same = figure(&world, "average-by-deviation", "P01", "2025/26 Q1");
    close(&same, &[("value", 63.3333), ("lower", 39.0259), ("upper", 87.6408)]);
    let few = figure(&world, "average-by-deviation", "P01", "2025-04");
    assert_eq!(
        cells(&few, &["status", "value", "denominator", "note"]),
        "base_too_small | - | 3.0 | a base of 3, where a value needs 4"
    );

    // Of nine values the second and the eighth in order: one or none of nine below has the chance 10/512.
    let median = figure(&world, "median", "P01", "2025/26 Q1");
    assert_eq!(
        cells(&median, &["numerator", "denominator", "value", "lower", "upper", "interval_method"]),
        "- | 9.0 | 60.0 | 30.0 | 90.0 | order_statistics"
    );
    assert_eq!(
        cells(&figure(&world, "median", "P01", "2025-06"), &["value", "denominator", "lower"]),
        "75.0 | 4.0 | -"
    );
    // The SELECT tells of the second quarter too, of which only July is there: part of a period is not the period.
    assert!(world.rows("outturn", &[("measure", "median"), ("period", "2025/26 Q2")]).is_empty());

    // 10, 8, 12 and 5 crimes.
    assert_eq!(
        cells(&figure(&world, "score", "P01", "2025-06"), &["value", "lower", "numerator"]),
        "7.0 | - | -"
    );
    let change = compared(&world, "score", "P01", "2025-07", "previous_period");
    assert_eq!(cells(&change, &["difference", "result", "method"]), "1.75 | better | difference");

    // What is final stands with all that it stands on, though the constabulary corrects a value.
    world
        .outturn(&["release", "--by", "Head of Performance", "--final", "2025-Q2"])
        .exits(0)
        .says("signed as final");
    world.send("crime", "2025-06", World::good("crime", "2025-06").replace(",120", ",200"));
    world.outturn_at("2025-08-13T05:30:00Z", &["run"]).exits(0);
    let june = figure(&world, "average", "P01", "2025-06");
    assert_eq!(
        cells(&june, &["sign_off", "numerator", "value", "interval_method"]),
        "final | 300.0 | 75.0 | student_t"
    );
    close(&june, &[("lower", 13.3725), ("upper", 136.6275), ("standard_error", 19.3649)]);
    let change = compared(&world, "average", "P01", "2025-06", "previous_period");
    assert_eq!(cells(&change, &["difference", "result", "method"]), "30.0 | similar | welch_t_interval");
}

/// Answers of two strata: so many of `n` say yes in the north, and so many of 20 in the south, whose weight is 2.
fn answers(month: &str, north: (usize, usize), south: usize) -> String {
    let mut text = "Day,Yes,Weight,Stratum\n".to_owned();
    let mut add = |yes: usize, of: usize, rest: &str| {
        for place in 0..of {
            writeln!(text, "{month}-10,{},{rest}", if place < yes { "True" } else { "False" }).unwrap();
        }
    };
    add(north.0, north.1, "1,north");
    add(south, 20, "2,south");
    text
}

#[test]
fn a_survey_is_weighted_and_its_waves_are_compared_by_their_design() {
    let world = World::complete();
    feed(
        &world,
        "survey",
        "2025-04",
        "\n[[column]]\nname = \"yes\"\nfrom = \"Yes\"\ntype = \"flag\"\n\n[[column]]\nname = \"weight\"\nfrom = \"Weight\"\n\
         type = \"number\"\n\n[[column]]\nname = \"stratum\"\nfrom = \"Stratum\"\ntype = \"category\"\n",
        "\"Day\", \"Yes\", \"Weight\", \"Stratum\"",
    );
    world.send("survey", "2025-04", answers("2025-04", (20, 40), 15));
    world.send("survey", "2025-05", "Day,Yes,Weight,Stratum\n");
    world.send("survey", "2025-06", "Day,Yes,Weight,Stratum\n");
    world.send("survey", "2025-07", answers("2025-07", (28, 40), 18));
    let waves =
        "CASE WHEN month < '2025-06' THEN wave('2025-04', '2025-05') ELSE wave('2025-06', '2025-07') END";
    let select = |group: &str, by: &str| {
        format!(
            "SELECT area, period{group}, s['numerator'] AS numerator, s['denominator'] AS denominator, s['base'] AS base, \
             s['design_effect'] AS design_effect FROM (SELECT 'P01' AS area, {waves} AS period{group}, \
             survey_share(array_agg(yes), array_agg(weight), array_agg(stratum)) AS s FROM survey GROUP BY {waves}{by}) AS asked"
        )
    };
    let kind =
        "kind = \"survey\"\npolarity = \"higher-is-better\"\nareas = [\"P01\"]\nperiods = [\"survey-wave\"]";
    write(&world, "safe", &format!("{kind}\nwaves = [\"wave 2025-10\"]"), &select("", ""));
    write(
        &world,
        "safe-by-stratum",
        &format!("{kind}\nbreakdowns = [\"stratum\"]"),
        &select(", stratum", ", stratum"),
    );
    // As a report prints it: 80% of a base of 60 with a design effect of 1.5.
    write(
        &world,
        "printed",
        kind,
        "SELECT DISTINCT 'P01' AS area, wave('2025-06', '2025-07') AS period, 80.0 AS numerator, 100.0 AS denominator, \
         60 AS base, 1.5 AS design_effect FROM survey",
    );
    world.run().exits(0);

    // 20 of 40 with weight 1 and 15 of 20 with weight 2: 50 of 80. Half of the weight lies in each stratum:
    // variance ¼ (½ ½ / 39 + ¾ ¼ / 19) = 0.00406967, over 0.625 0.375 / 59 a design effect of 1.024471.
    let first = figure(&world, "safe", "P01", "wave 2025-04 to 2025-05");
    assert_eq!(
        cells(&first, &["numerator", "denominator", "value", "base", "interval_method"]),
        "50.0 | 80.0 | 62.5 | 60.0 | wilson_effective_base"
    );
    // Wilson at 60 / 1.024471 = 58.56679: (0.625 + 0.0327956 ± 1.959964 √(0.625 0.375 / 58.56679 + 0.00027999)) / 1.0655911.
    close(
        &first,
        &[("standard_error", 6.37940), ("design_effect", 1.024_471), ("lower", 49.6949), ("upper", 73.7663)],
    );
    // 28 of 40 and 18 of 20: 64 of 80, variance ¼ (0.7 0.3 / 39 + 0.9 0.1 / 19) = 0.00253037.
    let second = figure(&world, "safe", "P01", "wave 2025-06 to 2025-07");
    close(&second, &[("value", 80.0), ("standard_error", 5.03028)]);
    // 17.5 points, ± 1.959964 √(0.00406967 + 0.00253037) x 100 = 15.9229.
    let change = compared(&world, "safe", "P01", "wave 2025-06 to 2025-07", "previous_period");
    close(&change, &[("difference", 17.5), ("difference_lower", 1.5771), ("difference_upper", 33.4229)]);
    assert_eq!(
        cells(&change, &["result", "method", "wording"]),
        "better | survey_difference_interval | statistically significantly higher than wave 2025-04 to 2025-05 \
         (+17.5 percentage points)"
    );
    let page = row(&world, "scorecard", &[("measure", "safe")]);
    assert_eq!(
        cells(&page, &["period", "shown", "direction"]),
        "wave 2025-06 to 2025-07 | 80.0 [p][u] | improving"
    );
    // A wave that is expected stands, and says that it is not there.
    let due = figure(&world, "safe", "P01", "wave 2025-10");
    assert_eq!(cells(&due, &["status", "value", "note"]), "not_available | - | not supplied");
    assert_eq!(row(&world, "period", &[("period", "wave 2025-10")])["title"], "Survey of October 2025");

    // 20 answers are too few for a value of their own, and 40 too.
    let small = world.rows("outturn", &[("measure", "safe-by-stratum"), ("breakdown", "stratum: south")]);
    assert_eq!(
        cells(&small[0], &["status", "value", "base", "note"]),
        "base_too_small | - | 20.0 | a base of 20, where a value needs 50"
    );
    let pages = world.rows("scorecard", &[("measure", "safe-by-stratum")]);
    assert!(pages.iter().all(|page| page["shown"] == "[u]"), "{pages:?}");

    // Wilson of 80% at 60 / 1.5 = 40: (0.8 + 0.0480182 ± 1.959964 √(0.004 + 0.00060023)) / 1.0960365.
    let printed = figure(&world, "printed", "P01", "wave 2025-06 to 2025-07");
    close(&printed, &[("value", 80.0), ("lower", 65.2427), ("upper", 89.5001), ("standard_error", 6.37793)]);

    // What did not change is taken over, its waves too.
    world.send("crime", "2025-07", World::good("crime", "2025-07").replace("C07-05", "C07-06"));
    world.run().exits(0);
    assert_eq!(row(&world, "period", &[("period", "wave 2025-06 to 2025-07")])["months"], "2");
}

#[test]
fn a_cohort_is_told_when_it_is_mature_and_a_repeat_when_its_look_back_is_there() {
    let world = World::complete();
    feed(
        &world,
        "cohort",
        "2023-04",
        "\n[[column]]\nname = \"person\"\nfrom = \"Ref\"\nrequired = true\n\n[[column]]\nname = \"event\"\nfrom = \"Event\"\n\
         type = \"category\"\nrequired = true\n\n[[column]]\nname = \"proven\"\nfrom = \"Proven\"\ntype = \"date\"\n",
        "\"Day\", \"Ref\", \"Event\", \"Proven\"",
    );
    // The case `basic` of the vectors, a year later: B reoffends after 12 months, C is convicted after 18. A enters twice and
    // counts once. Then referrals: X comes back on the day a year later and once more, Y is new.
    let events = [
        "2023-04-10,A,entered,",
        "2023-05-02,B,entered,",
        "2023-06-30,C,entered,",
        "2023-06-20,A,entered,",
        "2023-09-01,A,offence,2024-01-15",
        "2024-02-01,A,offence,2024-06-01",
        "2024-06-01,B,offence,2024-07-01",
        "2024-03-03,C,offence,2025-02-01",
        "2024-02-02,D,entered,",
        "2024-05-01,X,referral,",
        "2025-05-01,X,referral,",
        "2025-05-03,Y,referral,",
        "2025-06-01,X,referral,",
    ];
    for (month, _) in months() {
        let mut text = "Day,Ref,Event,Proven\n".to_owned();
        for event in events.iter().filter(|event| event.starts_with(&month)) {
            writeln!(text, "{event}").unwrap();
        }
        world.send("cohort", &month, text);
    }
    let entries = "(SELECT person, min(day) AS entered FROM cohort WHERE event = 'entered' GROUP BY person) AS entry \
                   LEFT JOIN (SELECT person, day, proven FROM cohort WHERE event = 'offence') AS offence \
                   ON offence.person = entry.person AND proven_reoffence(entry.entered, offence.day, offence.proven)";
    let kind = "polarity = \"lower-is-better\"\nareas = [\"P01\"]\nperiods = [\"financial-quarter\"]\nmature-after-months = 18";
    let quarter = "period_of(entry.entered, 'financial-quarter')";
    write(
        &world,
        "reoffending",
        &format!("kind = \"percentage\"\n{kind}"),
        &format!(
            "SELECT 'P01' AS area, {quarter} AS period, count(DISTINCT offence.person) AS numerator, \
             count(DISTINCT entry.person) AS denominator FROM {entries} GROUP BY {quarter}"
        ),
    );
    write(
        &world,
        "reoffences",
        &format!("kind = \"ratio\"\n{kind}"),
        &format!(
            "SELECT 'P01' AS area, {quarter} AS period, count(offence.person) AS numerator, \
             count(DISTINCT offence.person) AS denominator FROM {entries} GROUP BY {quarter}"
        ),
    );
    write(
        &world,
        "marac-repeats",
        "kind = \"percentage\"\npolarity = \"context\"\nareas = [\"P01\"]\nperiods = [\"financial-quarter\"]\n\
         look-back-months = 12",
        "SELECT 'P01' AS area, month, count(*) FILTER (WHERE again) AS numerator, count(*) AS denominator FROM \
         (SELECT month, is_repeat(day, lag(day) OVER (PARTITION BY person ORDER BY day), 12) AS again \
         FROM cohort WHERE event = 'referral') AS referral GROUP BY month",
    );
    world.run().exits(0);

    let of = ["numerator", "denominator", "value"];
    let binary = figure(&world, "reoffending", "P01", "2023/24 Q1");
    assert_eq!(cells(&binary, &of[..2]), "1.0 | 3.0");
    close(&binary, &[("value", 33.3333)]);
    assert_eq!(cells(&figure(&world, "reoffences", "P01", "2023/24 Q1"), &of), "2.0 | 1.0 | 2.0");
    // Whoever entered on 31 March 2024 is followed to 30 September 2025; it is 12 August.
    let young = figure(&world, "reoffending", "P01", "2023/24 Q4");
    assert_eq!(
        cells(&young, &["status", "absence", "value", "numerator", "note"]),
        "not_available | not_mature | - | - | can be known from 30 September 2025"
    );
    let nobody = figure(&world, "reoffending", "P01", "2023/24 Q3");
    assert_eq!(cells(&nobody, &["status", "absence"]), "not_applicable | denominator_zero");

    assert_eq!(cells(&figure(&world, "marac-repeats", "P01", "2025/26 Q1"), &of[..2]), "2.0 | 3.0");
    assert_eq!(cells(&figure(&world, "marac-repeats", "P01", "2024/25 Q1"), &of), "0.0 | 1.0 | 0.0");
    // Nobody knows what came before the first month.
    let early = figure(&world, "marac-repeats", "P01", "2023/24 Q4");
    assert_eq!(cells(&early, &["status", "note"]), "not_available | it takes 2023-01 to tell: not supplied");
}

#[test]
fn every_absence_has_a_word_and_none_of_them_is_a_zero() {
    let world = World::complete();
    feed(
        &world,
        "placed",
        "2025-02",
        "\n[[column]]\nname = \"ward\"\nfrom = \"Ward\"\ntype = \"text\"\nrequired = true\n\n\
         [[column]]\nname = \"n\"\nfrom = \"Placed\"\ntype = \"integer\"\nsuppressed-markers = [\"[c]\"]\n\
         not-applicable-markers = [\"[z]\"]\n",
        "\"Day\", \"Ward\", \"Placed\"",
    );
    let path = "pipelines/northport/feeds/northport-placed.toml";
    let text = world.read(path);
    let gap = "\n[[gap]]\nfrom = \"2025-02\"\nto = \"2025-02\"\nreason = \"the register began in March\"\n";
    world.write(path, format!("{text}{gap}"));
    // March breaks the contract, in June nobody was placed, July did not come.
    world.send("placed", "2025-03", "Day,Ward\n2025-03-01,W01\n");
    world.send(
        "placed",
        "2025-04",
        "Day,Ward,Placed\n2025-04-01,W01,5\n2025-04-01,W02,[c]\n2025-04-01,W03,[z]\n",
    );
    world.send(
        "placed",
        "2025-05",
        "Day,Ward,Placed\n2025-05-01,W01,6\n2025-05-01,W02,4\n2025-05-01,W03,0\n",
    );
    world.send("placed", "2025-06", "Day,Ward,Placed\n");
    let areas = "areas = [\"P01/ward\"]\npolarity = \"context\"";
    write(
        &world,
        "placed",
        &format!("kind = \"count\"\n{areas}\nperiods = [\"month\", \"financial-quarter\"]"),
        "SELECT ward AS area, month, n AS numerator, n_status AS absence FROM placed",
    );
    // By whole periods, as where nothing adds up.
    write(
        &world,
        "placed-median",
        &format!("kind = \"median\"\n{areas}\nperiods = [\"month\"]"),
        "SELECT ward AS area, month AS period, n AS value, 9 AS denominator, n_status AS absence FROM placed",
    );
    // Who is not known is not taken for nobody, nor for what a supplier withheld: nothing says why it is NULL.
    write(
        &world,
        "placed-untold",
        &format!("kind = \"count\"\n{areas}\nperiods = [\"month\"]"),
        "SELECT ward AS area, month, n AS numerator FROM placed",
    );
    world.run().exits(3);
    let of = ["status", "absence", "value", "note"];
    let told = |area: &str, period: &str| cells(&figure(&world, "placed", area, period), &of);
    assert_eq!(told("W01", "2025-02"), "not_available | known_gap | - | the register began in March");
    assert!(
        told("W01", "2025-03").starts_with("not_available | refused | - | "),
        "{}",
        told("W01", "2025-03")
    );
    assert_eq!(told("W01", "2025-04"), "available | - | 5.0 | -");
    assert_eq!(
        told("W02", "2025-04"),
        "not_available | suppressed_by_supplier | - | withheld by the supplier"
    );
    assert_eq!(
        told("W03", "2025-04"),
        "not_applicable | not_applicable | - | not applicable, as the supplier says"
    );
    // A 0 that was counted, and one that the supplier told by sending nothing.
    assert_eq!(told("W03", "2025-05"), "available | - | 0.0 | -");
    assert_eq!(told("W03", "2025-06"), "available | nil_return | 0.0 | -");
    assert_eq!(told("W01", "2025-07"), "not_available | late | - | not supplied");
    assert_eq!(told("W01", "2025/26 Q1"), "available | - | 11.0 | -");
    assert_eq!(
        told("W02", "2025/26 Q1"),
        "incomplete | suppressed_by_supplier | - | 1 of 3 months are withheld by the supplier"
    );
    let median = |area: &str| cells(&figure(&world, "placed-median", area, "2025-04"), &of);
    assert_eq!(median("W01"), "available | - | 5.0 | -");
    assert_eq!(median("W02"), "not_available | suppressed_by_supplier | - | withheld by the supplier");
    let untold = row(&world, "measure", &[("measure", "placed-untold")]);
    assert!(untold["reason"].contains("the numerator is NULL"), "{untold:?}");
    assert_eq!(figure(&world, "placed-untold", "W01", "2025-04")["absence"], "not_calculated");
    let words = world.rows("outturn", &[]);
    assert!(
        words.iter().all(|row| row.contains_key("value") || row.contains_key("absence")),
        "each says why"
    );
}

#[test]
fn areas_that_were_merged_and_split_keep_their_series() {
    let world = world();
    // Harbour and Market became Waterside in June 2025; Moor was split into High Moor, a quarter, and Low Moor in April 2024.
    let areas = world.read("pipelines/northport/reference/area.csv");
    world.write(
        "pipelines/northport/reference/area.csv",
        format!("{areas}W04,ward,Waterside,P01\nW06,ward,High Moor,P01\nW07,ward,Low Moor,P01\n"),
    );
    world.write(
        "pipelines/northport/reference/population.csv",
        "area,mid_year,persons\nW01,2024,2000\nW02,2024,3000\nW03,2023,4000\nW06,2024,1200\nW07,2024,3800\nP01,2024,10000\n\
         W04,2025,5500\n",
    );
    world.write(
        "pipelines/northport/reference/area_change.csv",
        "old,new,from,weight\nW01,W04,2025-06,1\nW02,W04,2025-06,1\nW03,W06,2024-04,0.25\nW03,W07,2024-04,0.75\n",
    );
    world.write(
        "pipelines/northport/lookups/area_change.toml",
        "id = \"area_change\"\ntitle = \"Wards that changed\"\npublisher = \"invented\"\nkey = [\"old\", \"new\"]\n\
         numbers = [\"weight\"]\n\n[file]\narea_change = \"../reference/area_change.csv\"\n",
    );
    let kind = "kind = \"rate\"\nper = 1000\npolarity = \"lower-is-better\"\nperiods = [\"month\", \"financial-quarter\"]";
    // The council goes on sending the beats of Harbour and Market, and places the reports of Moor itself.
    let ward = "CASE WHEN ward = 'W03' AND month >= '2024-04' THEN 'W06' ELSE ward END";
    write(
        &world,
        "carried",
        &format!("{kind}\nareas = [\"W04\", \"W06\", \"W07\"]"),
        &format!("SELECT {ward} AS area, month, count(*) AS numerator FROM asb GROUP BY {ward}, month"),
    );
    // The same by quarter, as for persons who count once however often they come.
    let quarter = "period_of(month, 'financial-quarter')";
    let by_quarter = "periods = [\"financial-quarter\"]\npolarity = \"lower-is-better\"\nareas = [\"W04\", \"W06\", \"W07\"]";
    write(
        &world,
        "carried-quarters",
        &format!("kind = \"rate\"\nper = 1000\n{by_quarter}"),
        &format!("SELECT {ward} AS area, {quarter} AS period, count(*) AS numerator FROM asb GROUP BY 1, 2"),
    );
    write(
        &world,
        "carried-medians",
        &format!("kind = \"median\"\n{by_quarter}"),
        &format!(
            "SELECT {ward} AS area, {quarter} AS period, 5 AS value, count(*) AS denominator FROM asb GROUP BY 1, 2"
        ),
    );
    write(
        &world,
        "old-codes",
        &format!("{kind}\nareas = [\"W01\"]"),
        "SELECT ward AS area, month, count(*) AS numerator FROM asb WHERE ward = 'W01' AND month < '2025-06' GROUP BY ward, month",
    );
    // The small project's own measures still name wards that are no more.
    world.edit("sql/northport/northport-asb.sql", r#"areas = ["P01", "P01/ward"]"#, r#"areas = ["P01"]"#);
    world.edit(
        "sql/northport/northport-asb.sql",
        "SELECT ward AS area, month, count(*) AS numerator\nFROM asb\nGROUP BY ward, month\nUNION ALL\n",
        "",
    );
    world.run().exits(0);

    // 4 + 2 reports a month in 2023/24; residents of 2024, 2,000 and 3,000, for those of 2023 are not known.
    let of = ["numerator", "denominator", "value", "note"];
    let before = figure(&world, "carried", "W04", "2024/25 Q1");
    assert_eq!(cells(&before, &of), "21.0 | 5000.0 | 4.2 | counted for W01, W02");
    // April and May are of the old wards; June is Waterside's, which the council still sends as Harbour and Market.
    let mixed = figure(&world, "carried", "W04", "2025/26 Q1");
    assert_eq!(cells(&mixed, &["numerator", "denominator", "note"]), "21.0 | 5500.0 | counted for W01, W02");
    assert_eq!(cells(&figure(&world, "carried", "W04", "2025-07"), &["numerator", "note"]), "7.0 | -");
    // A quarter of Moor's 6 reports, and of its 4,000 residents of 2023.
    let part = figure(&world, "carried", "W06", "2023/24 Q1");
    assert_eq!(cells(&part, &of), "1.5 | 1000.0 | 1.5 | counted for W03, shared out by weights");
    assert_eq!(cells(&figure(&world, "carried", "W07", "2023/24 Q1"), &of[..3]), "4.5 | 3000.0 | 1.5");
    assert_eq!(cells(&figure(&world, "carried", "W06", "2024/25 Q1"), &of), "3.0 | 1200.0 | 2.5 | -");
    for area in ["W04", "W06", "W07"] {
        for period in ["2023/24 Q1", "2024/25 Q1", "2025/26 Q1"] {
            let of = ["numerator", "denominator", "value", "lower", "status", "note"];
            let by_month = figure(&world, "carried", area, period);
            assert_eq!(
                cells(&figure(&world, "carried-quarters", area, period), &of),
                cells(&by_month, &of),
                "{area} {period}"
            );
        }
    }
    assert_eq!(
        cells(&figure(&world, "carried-medians", "W04", "2024/25 Q1"), &["absence", "value", "note"]),
        "area_changed | - | a median cannot be made of what is known of W01, W02, which made up the area"
    );
    let alone = figure(&world, "carried-medians", "W06", "2024/25 Q2");
    assert_eq!(cells(&alone, &["status", "value"]), "available | 5.0");
    let change = compared(&world, "carried", "W04", "2025/26 Q1", "same_period_last_year");
    assert_eq!(change["reference_period"], "2024/25 Q1");
    // A ward that is no more has no zero.
    let ended = figure(&world, "old-codes", "W01", "2025-06");
    assert_eq!(
        cells(&ended, &["status", "absence", "value", "note"]),
        "not_available | area_changed | - | the code ended with 2025-05; see W04"
    );
}

#[test]
fn what_is_wrong_with_a_measure_of_each_kind_is_said_before_anything_is_read() {
    let world = World::complete();
    let count = "SELECT 'P01' AS area, month, count(*) AS numerator FROM asb GROUP BY month";
    let kind = "polarity = \"context\"\nareas = [\"P01\"]";
    for (id, settings, select) in [
        (
            "average",
            "kind = \"average\"",
            "SELECT 'P01' AS area, month, 1 AS numerator, 1 AS denominator FROM asb",
        ),
        ("median", "kind = \"median\"", count),
        ("gap", "kind = \"gap\"", count),
        ("index", "kind = \"index\"", count),
        ("index-of-a-month", "kind = \"index\"\nbase = \"2024-04\"", count),
        ("share", "kind = \"share\"\nwhole = \"W01\"", count),
        (
            "score",
            "kind = \"score\"\nrange = [10, 0]",
            "SELECT 'P01' AS area, month AS period, 1 AS value, 1 AS lower FROM asb",
        ),
        (
            "survey",
            "kind = \"survey\"\nwaves = [\"spring\"]",
            "SELECT 'P01' AS area, month AS period, 1 AS numerator, 1 AS denominator, 1 AS base FROM asb",
        ),
        ("count", "kind = \"count\"\nwhole = \"P01\"\nminimum-base = 5\ninterval = \"counts\"", count),
    ] {
        write(&world, id, &format!("{settings}\n{kind}"), select);
    }
    let told = world.outturn(&["check"]).exits(2);
    for words in [
        "the SELECT must have one of the columns sum_of_squares, standard_deviation",
        "a median selects area, period, value, denominator and, if it likes, lower, upper",
        "the SELECT has no column `other_denominator`",
        "an index needs `base`",
        "`2024-04` is no year",
        "area `W01` is none of the areas of measure `share`",
        "area `P01` does not lie in `W01`",
        "expected the lowest score and the highest, found 10 and 0",
        "columns `lower` and `upper` go together",
        "`survey-wave` is not among `periods`",
        "expected a wave such as `wave 2024-10 to 2024-12`, found `spring`",
        "the SELECT must have one of the columns design_effect, standard_error",
        "a count has no `whole`",
        "a count has no base",
        "interval = \"counts\" is for a ratio, and this is a count",
    ] {
        told.clone().says(words);
    }
}

#[test]
fn what_a_kind_cannot_be_withholds_the_measure_with_the_reason() {
    let world = World::complete();
    let kind = "polarity = \"context\"\nareas = [\"P01\"]\nperiods = [\"month\"]";
    for (id, settings, columns) in [
        ("proportion", "kind = \"proportion\"", "month, count(*) + 1 AS numerator, count(*) AS denominator"),
        ("score", "kind = \"score\"\nrange = [0, 10]", "month AS period, 10.5 AS value"),
        (
            "median",
            "kind = \"median\"",
            "month AS period, 5 AS value, 3 AS denominator, 6 AS lower, 7 AS upper",
        ),
        (
            "quarter",
            "kind = \"count\"",
            "period_of(month, 'financial-quarter') AS period, count(*) AS numerator",
        ),
    ] {
        let group = if id == "quarter" { "period_of(month, 'financial-quarter')" } else { "month" };
        write(
            &world,
            id,
            &format!("{settings}\n{kind}"),
            &format!("SELECT 'P01' AS area, {columns} FROM asb GROUP BY {group}"),
        );
    }
    world.run().exits(3);
    for (id, why) in [
        ("proportion", "P01 2025-04: more than 100 %"),
        ("score", "10.5 is no score from 0 to 10"),
        ("median", "5 does not lie between its limits 6 and 7"),
        ("quarter", "`financial-quarter` is not among `periods`"),
    ] {
        let said = row(&world, "measure", &[("measure", id)]);
        assert!(said["status"] == "withheld" && said["reason"].contains(why), "{id}: {said:?}");
    }
}
