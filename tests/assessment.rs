//! What the built program says of figures, on the small project with two years more of reports, a target, a benchmark, a
//! break, commentary and a milestone. Every expected value is counted by hand from the months below.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, in its helpers too")]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what a test of messages needs is not needed here")]
mod small;

use std::fmt::Write as _;

use small::{Row, World};

/// Reports of each month: 19 and 21 by turns in 2023/24 (240 in all), 14 and 16 in 2024/25 (180), then 14, 16, 14 and 40.
fn months() -> Vec<(String, usize)> {
    let mut months = Vec::new();
    for place in 0..28 {
        let (year, number) = (2023 + (place + 3) / 12, (place + 3) % 12 + 1);
        let reports = match place {
            27 => 40,
            0..12 => 19 + 2 * (place % 2),
            _ => 14 + 2 * (place % 2),
        };
        months.push((format!("{year}-{number:02}"), reports));
    }
    months
}

/// Reports from the 1st to the 28th. Half of a month's reports come from Harbour (W01), a quarter from Market (W02), the rest from Moor (W03); halves are
/// rounded down. 2023/24 has 114, 54 and 72.
fn reports(month: &str, number: usize) -> String {
    let mut text = "Day,Beat,Kind\n".to_owned();
    for report in 0..number {
        let beat = match report {
            _ if report < number / 2 => "H1",
            _ if report < number / 2 + number / 4 => "K1",
            _ => "M1",
        };
        let kind = if report % 3 == 0 { "Litter" } else { "Noise" };
        writeln!(text, "{month}-{:02},{beat},{kind}", report * 27 / (number - 1) + 1).unwrap();
    }
    text
}

const RATE: &str = r#"/*
id = "northport-asb-rate"
title = "Reports of anti-social behaviour per 1,000 residents"
framework = "northport-2025-28"
theme = "Streets"
owner = "Head of Neighbourhoods"
kind = "rate"
per = 1000
unit = "reports per 1,000 residents"
polarity = "lower-is-better"
areas = ["P01", "P01/ward"]
benchmark = "P01"
baseline = "2023/24"
periods = ["financial-year", "financial-year-to-date", "calendar-quarter"]
*/
SELECT ward AS area, month, count(*) AS numerator FROM asb GROUP BY ward, month
UNION ALL
SELECT 'P01' AS area, month, count(*) AS numerator FROM asb GROUP BY month
"#;

const TARGETS: &str = r#"
measure = "northport-asb"

[[target]]
area = "P01"
period = "financial-year"
from = "2023-04"
to = "2028-03"
value = 200
tolerance-percent = 5
source = "Plan, page 12"
approved-by = "Partnership Board"
approved-on = 2023-03-01

[[target]]
area = "P01"
period = "financial-year"
from = "2024-04"
to = "2028-03"
value = 175
tolerance-percent = 5
source = "Board of March 2025, minute 7"
approved-by = "Partnership Board"
approved-on = 2025-03-11
"#;

const COMMENTARY: &str = "+++\nauthor = \"Head of Neighbourhoods\"\ndate = 2025-05-20\n+++\nReports fell by a quarter; \
                          3 residents gave up their homes.\n";

/// The project with everything that figures are held against.
fn judged() -> World {
    let world = World::complete();
    world.edit("pipelines/northport/feeds/northport-asb.toml", r#"from = "2025-04""#, r#"from = "2023-04""#);
    for (month, number) in months() {
        world.send("asb", &month, reports(&month, number));
    }
    world.write("sql/northport/northport-asb-rate.sql", RATE);
    world.write("pipelines/northport/targets/northport-asb.toml", TARGETS);
    world.write(
        "pipelines/northport/breaks/harbour-app.toml",
        "id = \"harbour-app\"\ntitle = \"Reports by app in Harbour\"\nmonth = \"2024-04\"\nkind = \"new-system\"\n\
         datasets = [\"asb\"]\nareas = [\"W01\"]\n",
    );
    world.write("pipelines/northport/commentary/northport-asb/2024_25.md", COMMENTARY);
    world.write(
        "pipelines/northport/milestones/wardens.toml",
        "id = \"wardens\"\ntitle = \"Wardens in every ward\"\nframework = \"northport-2025-28\"\ntheme = \"Streets\"\n\
         owner = \"Head of Neighbourhoods\"\ndue = 2025-07-31\nstate = \"on-track\"\n",
    );
    world.write(
        "pipelines/northport/framework.toml",
        "[[item]]\nid = \"northport-confidence\"\ntitle = \"Confidence in local services\"\n\
         framework = \"northport-2025-28\"\ntheme = \"Streets\"\nreason = \"the survey begins in 2026\"\n",
    );
    world
}

#[track_caller]
fn row(world: &World, table: &str, wanted: &[(&str, &str)]) -> Row {
    let rows = world.rows(table, wanted);
    assert_eq!(rows.len(), 1, "{table} {wanted:?}: {rows:?}");
    rows[0].clone()
}

/// The values of columns, separated by a bar; `-` for an empty cell.
fn cells(row: &Row, columns: &[&str]) -> String {
    columns.iter().map(|name| row.get(*name).map_or("-", String::as_str)).collect::<Vec<_>>().join(" | ")
}

#[track_caller]
fn close(row: &Row, column: &str, wanted: f64) {
    let found: f64 = row[column].parse().unwrap();
    assert!((found - wanted).abs() < 5e-4, "{column}: {found} is not {wanted}");
}

#[test]
fn every_comparison_of_a_figure_stands_with_its_method_and_words() {
    let world = judged();
    world.run().exits(0);
    let of = |measure: &str, area: &str, period: &str, comparison: &str| {
        let wanted = [("measure", measure), ("area", area), ("period", period), ("comparison", comparison)];
        row(&world, "assessment", &wanted)
    };
    let said = ["result", "reason", "method", "rag", "wording"];

    // 180 after 240: 25% less, and the ratio's upper limit is 0.75 × exp(1.96 × √(1/180 + 1/240)) = 0.91.
    let year = of("northport-asb", "P01", "2024/25", "same_period_last_year");
    assert_eq!(
        cells(&year, &said),
        "better | - | rate_ratio_interval | green | statistically significantly lower than 2023/24 (-25.0%)"
    );
    assert_eq!(
        cells(&year, &["value", "reference_value", "difference", "reference_period"]),
        "180.0 | 240.0 | -60.0 | 2023/24"
    );

    // 240 is over the 200 of the first target; 180 is within 5% of the 175 that stood before the year was over.
    assert_eq!(
        cells(&of("northport-asb", "P01", "2023/24", "target"), &said),
        "worse | - | tolerance | red | target of 200 missed by 40"
    );
    assert_eq!(
        cells(&of("northport-asb", "P01", "2024/25", "target"), &said),
        "similar | - | tolerance | amber | target of 175 missed by 5, within the tolerance"
    );

    // Harbour's reports come by app from April 2024: not comparable, and marked.
    assert_eq!(
        cells(&of("northport-asb", "W01", "2024/25", "same_period_last_year"), &said),
        "not_judged | break_in_series | - | none | -"
    );
    let figure = [("measure", "northport-asb"), ("area", "W01"), ("period_kind", "financial-year")];
    let marked = world.rows("outturn", &figure);
    assert_eq!(marked.iter().map(|row| row["break"].as_str()).collect::<Vec<_>>(), ["false", "true"]);

    // Harbour lies in Northport: 114 of its 2,000 residents beside the other 126 of 8,000.
    let harbour = of("northport-asb-rate", "W01", "2023/24", "benchmark");
    close(&harbour, "value", 57.0);
    close(&harbour, "reference_value", 15.75);
    assert_eq!(
        cells(&harbour, &["result", "method", "reference_area"]),
        "worse | rate_ratio_interval | P01 without W01"
    );

    // Among the three wards: 57 per 1,000 in Harbour, 18 in Market, 14.4 in Moor; 24 in all.
    let peers = ["W01", "W02", "W03"].map(|ward| of("northport-asb-rate", ward, "2023/24", "peers"));
    assert_eq!(peers.each_ref().map(|row| cells(row, &["rank", "of"])), ["3 | 3", "2 | 3", "1 | 3"]);
    close(&peers[0], "reference_value", 24.0);
    assert_eq!(
        peers[0]["wording"],
        "highest of 3, statistically significantly higher than the average of its peers (+137.5%)"
    );
    assert_eq!(
        cells(&of("northport-asb-rate", "P01", "2024/25", "baseline"), &["result", "reference_period"]),
        "better | 2023/24"
    );
}

#[test]
fn every_figure_has_its_interval_and_a_year_to_date_ends_at_the_year() {
    let world = judged();
    world.run().exits(0);
    let of = |measure: &str, period: &str| {
        row(&world, "outturn", &[("measure", measure), ("area", "P01"), ("period", period)])
    };
    // Byar's limits of 240: 240 (1 - 1/2160 - 1.96/(3 √240))³ = 210.59, 241 (1 - 1/2169 + 1.96/(3 √241))³ = 272.36.
    let year = of("northport-asb", "2023/24");
    assert_eq!(cells(&year, &["value", "confidence", "interval_method"]), "240.0 | 95.0 | byars");
    close(&year, "lower", 210.5932);
    close(&year, "upper", 272.3635);
    let rate = of("northport-asb-rate", "2023/24");
    close(&rate, "upper", 27.236_35);
    let to_date = of("northport-asb-rate", "2024/25 to 2025-03");
    let whole = of("northport-asb-rate", "2024/25");
    let counted = ["numerator", "denominator", "value", "lower", "upper"];
    assert_eq!(cells(&to_date, &counted), cells(&whole, &counted));
    // April to July: 84 after 60.
    let wanted = [
        ("measure", "northport-asb-rate"),
        ("area", "P01"),
        ("period", "2025/26 to 2025-07"),
        ("comparison", "same_period_last_year"),
    ];
    let change = row(&world, "assessment", &wanted);
    assert_eq!(cells(&change, &["reference_period", "result"]), "2024/25 to 2024-07 | worse");
    close(&change, "difference_percent", 40.0);
    assert!(world.rows("outturn", &[("period", "2023 Q2")]).iter().all(|row| row["status"] == "available"));
    let charged = world.rows("outturn", &[("measure", "northport-charged"), ("interval_method", "wilson")]);
    assert!(!charged.is_empty());
}

#[test]
fn the_boards_page_and_the_signals_say_what_stands_out() {
    let world = judged();
    world.run().exits(0);
    let page = row(&world, "scorecard", &[("measure", "northport-asb"), ("area", "P01")]);
    assert_eq!(
        cells(
            &page,
            &["period", "shown", "target", "target_kind", "rag", "rag_method", "direction", "direction_on"]
        ),
        "2024/25 | 180 [p] | 175.0 | target | amber | tolerance | improving | 2023/24"
    );
    assert_eq!(
        cells(&page, &["variation", "exception", "freshness", "commentary"]),
        "special_cause_concern | true | - | Reports fell by a quarter; 3 residents gave up their homes."
    );
    let ward = row(&world, "scorecard", &[("measure", "northport-asb"), ("area", "W01")]);
    assert_eq!(cells(&ward, &["shown", "direction", "target"]), "90 [b][p] | not_judged | -");

    let signal = row(&world, "signal", &[("measure", "northport-asb"), ("area", "P01")]);
    assert_eq!(
        cells(&signal, &["period", "points", "value", "rules", "exception", "trial"]),
        "2025-07 | 28 | 40.0 | Above UCL | true | false"
    );
    // Harbour's chart begins anew in April 2024.
    let harbour = row(&world, "signal", &[("measure", "northport-asb"), ("area", "W01")]);
    let since: Vec<f64> = months()[12..].iter().map(|(_, number)| (number / 2) as f64).collect();
    close(&harbour, "mean", since.iter().sum::<f64>() / since.len() as f64);

    let summary = world.table("signal_summary");
    let exceptions = world.rows("signal", &[("exception", "true")]).len();
    assert_eq!(summary.len(), 1);
    assert_eq!(summary[0]["exceptions"], exceptions.to_string());
    close(&summary[0], "expected_false_alarms", exceptions as f64 * 0.1);
}

#[test]
fn targets_breaks_commentary_milestones_and_what_is_to_be_developed_are_published() {
    let world = judged();
    world.run().exits(0);
    let targets = world.table("target");
    let told: Vec<String> =
        targets.iter().map(|row| cells(row, &["value", "approved_on", "superseded_on"])).collect();
    assert_eq!(told, ["200.0 | 2023-03-01 | 2025-03-11", "175.0 | 2025-03-11 | -"]);
    assert_eq!(
        cells(&world.table("series_break")[0], &["break", "month", "areas"]),
        "harbour-app | 2024-04 | W01"
    );
    assert_eq!(
        cells(&world.table("commentary")[0], &["measure", "period", "author"]),
        "northport-asb | 2024/25 | Head of Neighbourhoods"
    );
    // Its day is over, whatever its owner says.
    assert_eq!(cells(&world.table("milestone")[0], &["milestone", "state"]), "wardens | late");
    let item = row(&world, "measure", &[("measure", "northport-confidence")]);
    assert_eq!(
        cells(&item, &["status", "reason", "kind"]),
        "to_be_developed | the survey begins in 2026 | -"
    );
    world.outturn(&["check"]).exits(0).says("2024_25.md:5:28: a number from 1 to 4 may tell of somebody");
    // Nothing changed: what is to be developed is no gap.
    world.run().exits(0).says("already current");
}

#[test]
fn what_is_said_of_a_measure_is_taken_over_with_it_and_made_anew_when_its_target_changes() {
    let world = judged();
    world.run().exits(0);
    let told = |world: &World| {
        let mut rows = Vec::new();
        for table in ["assessment", "signal", "scorecard"] {
            for mut row in world.table(table) {
                row.remove("release");
                // Which figures earlier releases published otherwise depends on which there were.
                row.entry("shown".to_owned()).and_modify(|text| *text = text.replace("[r]", ""));
                rows.push(row);
            }
        }
        rows
    };
    let before = told(&world);
    // Crime is told anew, with nothing changed for reports.
    let text = World::good("crime", "2025-07") + "C07-99,2025-07,H1,Burglary,Charged,\n";
    world.send("crime", "2025-07", text);
    world.outturn_at("2025-08-13T05:30:00Z", &["run"]).exits(0);
    let asb = |rows: &[Row]| {
        rows.iter().filter(|row| row["measure"].starts_with("northport-asb")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(asb(&before), asb(&told(&world)));
    assert_ne!(before, told(&world));

    world.edit("pipelines/northport/targets/northport-asb.toml", "value = 175", "value = 180");
    world.outturn_at("2025-08-14T05:30:00Z", &["run"]).exits(0);
    let page = row(&world, "scorecard", &[("measure", "northport-asb"), ("area", "P01")]);
    assert_eq!(cells(&page, &["rag", "rag_wording"]), "green | target of 180 met");
    assert!(world.table("revision").is_empty(), "a target is no figure");

    // From nothing, the same is said.
    let rebuilt = world.copied();
    std::fs::remove_dir_all(rebuilt.path("warehouse")).unwrap();
    rebuilt.outturn_at("2025-08-14T05:30:00Z", &["run"]).exits(0);
    assert_eq!(told(&world), told(&rebuilt));
}

#[test]
fn what_figures_are_held_against_must_lead_somewhere() {
    let world = judged();
    world.edit("sql/northport/northport-asb-rate.sql", "benchmark = \"P01\"", "benchmark = \"P02\"");
    let targets = "pipelines/northport/targets/northport-asb.toml";
    world.edit(targets, "value = 175", "value = 175\nchange-percent = -5");
    world.edit(targets, "from = \"2023-04\"", "from = \"2029-04\"");
    world.edit("pipelines/northport/breaks/harbour-app.toml", "\"asb\"", "\"abs\"");
    world.write("pipelines/northport/commentary/northport-asb/summer.md", COMMENTARY);
    world.write("pipelines/northport/commentary/northport-abs/2025-06.md", COMMENTARY);
    world
        .outturn(&["check"])
        .exits(2)
        .says("a target has one of `value`, `trajectory` and `change-percent`")
        .says("a change needs `base`")
        .says("`to` (2028-03) lies before `from` (2029-04)")
        .says("no contract fills dataset `abs`")
        .says("expected a period such as 2025-06")
        .says("measure `northport-abs`, which is not defined")
        .says("area `P02` is none of the areas of measure `northport-asb-rate`");
}

#[test]
fn a_measure_without_intervals_says_why() {
    let world = World::complete();
    let sql = "sql/northport/northport-charged.sql";
    world.edit(sql, "areas = [\"P01\"]", "areas = [\"P01\"]\ninterval = \"none\"");
    world.outturn(&["check"]).exits(2).says("interval = \"none\" and `interval-reason` go together");
    world.edit(
        sql,
        "interval = \"none\"",
        "interval = \"none\"\ninterval-reason = \"every crime is counted\"",
    );
    world.run().exits(0);
    let rows = world.rows("outturn", &[("measure", "northport-charged"), ("status", "available")]);
    assert!(!rows.is_empty() && rows.iter().all(|row| !row.contains_key("lower")), "{rows:?}");
    assert_eq!(
        row(&world, "measure", &[("measure", "northport-charged")])["interval_reason"],
        "every crime is counted"
    );
    let judged = world.rows("assessment", &[("measure", "northport-charged"), ("method", "difference")]);
    assert!(!judged.is_empty());
}
