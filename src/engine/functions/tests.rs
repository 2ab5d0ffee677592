//! The functions as an analyst writes them, against published values.

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;

use super::*;

async fn run(sql: &str) -> Result<Vec<RecordBatch>> {
    let context = SessionContext::new();
    register(&context);
    context.sql(sql).await?.collect().await
}

/// The one number that a SELECT gives; `None` for NULL.
async fn number(sql: &str) -> Option<f64> {
    let batches = run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let column = batches[0].column(0).as_primitive::<Float64Type>();
    assert_eq!(column.len(), 1, "{sql}");
    column.iter().next().flatten()
}

/// The rows of a SELECT as text, a line a row.
async fn table(sql: &str) -> String {
    let batches = run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    pretty_format_batches(&batches).unwrap().to_string()
}

#[tokio::test]
async fn intervals_are_those_of_the_vector_files() {
    for (sql, wanted) in [
        // wilson_ci: edge-0-of-50 and edge-50-of-50, there as percentages; phe-prop-1 at both confidences.
        ("SELECT wilson_lower(0, 50)", 0.0),
        ("SELECT wilson_upper(0, 50)", 0.071_347_599_133_358_71),
        ("SELECT wilson_lower(50, 50)", 0.928_652_400_866_641_3),
        ("SELECT wilson_upper(1, 100)", 0.054_486_196_178_705_3),
        ("SELECT wilson_upper(1, 100, 0.998)", 0.104_554_452_837_058),
        // byars_count_ci: phe-bw-1 and phe-bw-4.
        ("SELECT byar_lower(65)", 50.163_187_710_459_5),
        ("SELECT byar_upper(65)", 82.849_138_545_939_8),
        ("SELECT byar_upper(65, 0.998)", 94.000_290_844_318),
        // rate_ci: edge-zero-events.
        ("SELECT rate_lower(0, 4321, 1000)", 0.0),
        ("SELECT rate_upper(0, 4321, 1000)", 0.853_709_663_067_330_6),
        ("SELECT poisson_upper(0) / 4321 * 1000", 0.853_709_663_067_330_6),
        // two_proportions: small; two_rates: few.
        ("SELECT proportion_difference_lower(3, 12, 7, 15)", -0.499_225_850_327_563_56),
        ("SELECT proportion_difference_upper(3, 12, 7, 15)", 0.140_362_353_165_837_95),
        ("SELECT proportion_difference_p(3, 12, 7, 15)", 0.246_671_216_660_660_05),
        ("SELECT rate_ratio(3, 12000, 9, 11800)", 0.327_777_777_777_777_8),
        ("SELECT rate_ratio_lower(3, 12000, 9, 11800)", 0.088_738_444_373_646_14),
        ("SELECT rate_ratio_upper(3, 12000, 9, 11800)", 1.210_729_716_565_165_4),
        ("SELECT rate_ratio_p(3, 12000, 9, 11800)", 0.089_702_144_249_555_96),
        // mean_ci: phe-area1.
        (
            "SELECT mean_lower([33.09375, 48.38596, 64.83495, 67.98475, 22.93556, 71.23587, 38.78465, 82.37927])",
            36.168_325_241_336_5,
        ),
        (
            "SELECT mean_upper([33.09375, 48.38596, 64.83495, 67.98475, 22.93556, 71.23587, 38.78465, 82.37927], 0.998)",
            89.191_984_705_211_2,
        ),
    ] {
        let got = number(sql).await.unwrap_or_else(|| panic!("{sql}: NULL"));
        assert!((got - wanted).abs() <= 1e-9 * wanted.abs().max(1e-3), "{sql}: wanted {wanted}, got {got}");
    }
}

#[tokio::test]
async fn null_in_gives_null_out_and_so_do_a_zero_denominator_and_what_is_no_proportion() {
    for sql in [
        "SELECT wilson_lower(NULL, 50)",
        "SELECT wilson_upper(1, NULL)",
        "SELECT wilson_lower(1, 2, NULL)",
        "SELECT wilson_lower(0, 0)",
        "SELECT wilson_lower(3, 2)",
        "SELECT wilson_lower(-1, 2)",
        "SELECT rate_upper(4, 0, 1000)",
        "SELECT byar_lower(NULL)",
        "SELECT byar_lower(1, 0.998)",
        "SELECT poisson_lower(CAST(NULL AS INT))",
        "SELECT rate_ratio(1, 10, 0, 10)",
        "SELECT mean_lower([1])",
        "SELECT mean_lower(NULL)",
        "SELECT xmr(NULL)['mean']",
        "SELECT dsr(NULL, [1], [1], 1000)['value']",
    ] {
        assert_eq!(number(sql).await, None, "{sql}");
    }
}

#[tokio::test]
async fn columns_of_any_number_and_rows_without_one_are_taken() {
    let rows = "(VALUES (1, CAST(100 AS BIGINT)), (5, 100), (NULL, 100), (10, 0)) AS t (x, n)";
    let text = table(&format!("SELECT round(wilson_lower(x, n), 6) AS lower FROM {rows}")).await;
    let lines: Vec<&str> = text.lines().skip(3).map(|line| line.trim_matches(['|', ' '])).collect();
    assert_eq!(lines[..4], ["0.001767", "0.021544", "", ""], "{text}");
}

#[tokio::test]
async fn a_confidence_that_is_none_is_refused() {
    for sql in ["SELECT wilson_lower(1, 2, 95)", "SELECT mean_upper([1, 2], 1)"] {
        let error = run(sql).await.unwrap_err().to_string();
        assert!(error.contains("a confidence lies between 0 and 1"), "{error}");
    }
}

#[test]
fn every_function_is_described_for_an_analyst() {
    let page = include_str!("../../../docs/statistics.md");
    let context = SessionContext::new();
    let builtin: Vec<String> = context.state().scalar_functions().keys().cloned().collect();
    register(&context);
    let state = context.state();
    let ours: Vec<&String> = state.scalar_functions().keys().filter(|name| !builtin.contains(name)).collect();
    assert_eq!(ours.len(), NUMBERS.len() + 11);
    for name in ours.into_iter().map(String::as_str).chain(["xmr_point"]) {
        let described =
            [format!("`{name}("), format!("`{name}`")].iter().any(|text| page.contains(text.as_str()));
        assert!(described, "docs/statistics.md does not describe {name}");
    }
}

/// Months out of order, so that the ORDER BY has something to do: a shift of eight below the mean at the end.
const MONTHS: &str = "(SELECT column1 AS month, column2 AS area, column3 AS n FROM (VALUES
    (13, 'a', 39), (14, 'a', 41), (15, 'a', 38), (16, 'a', 42), (17, 'a', 40), (18, 'a', 37), (19, 'a', 41),
    (20, 'a', 39), (1, 'a', 52), (2, 'a', 47), (3, 'a', 55), (4, 'a', 49), (5, 'a', 51), (6, 'a', 58),
    (7, 'a', 46), (8, 'a', 53), (9, 'a', 50), (10, 'a', 48), (11, 'a', 54), (12, 'a', 51),
    (1, 'b', 7), (2, 'b', 7), (3, 'b', 7)))";

#[tokio::test]
async fn a_list_in_the_order_of_its_months_becomes_a_chart() {
    // spc_xmr: shift-of-eight-below.
    let sql = format!(
        "SELECT area, chart['mean'] AS mean, round(chart['upper'] - chart['lower'], 6) AS width, chart['trial'] AS trial,
                chart['signals'][12] AS before, chart['signals'][20] AS last, chart['moving_range'][2] AS range
         FROM (SELECT area, xmr(array_agg(n ORDER BY month)) AS chart FROM {MONTHS} GROUP BY area) ORDER BY area"
    );
    let text = table(&sql).await;
    let rows: Vec<&str> = text.lines().skip(3).take(2).collect();
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let ranges = [5, 8, 6, 2, 7, 12, 7, 3, 2, 6, 3, 12, 2, 3, 4, 2, 3, 4, 2];
    // None of them is screened: the largest is below 3.267 times their mean.
    let width = 2.0 * 2.66 * f64::from(ranges.iter().sum::<i32>()) / 19.0;
    let width = ((width * 1e6).round() / 1e6).to_string();
    assert_eq!(
        cells(rows[0])[1..8],
        ["a", "46.55", &width, "false", "", "7 Points Below CL", "5.0"],
        "{text}"
    );
    assert_eq!(cells(rows[1])[1..8], ["b", "7.0", "0.0", "true", "", "", "0.0"], "{text}");
}

#[tokio::test]
async fn every_row_of_a_window_gets_its_place_in_its_own_chart() {
    let sql = format!(
        "SELECT area, month, p['signal'] AS signal FROM (
            SELECT area, month, xmr_point(n) OVER (PARTITION BY area ORDER BY month) AS p FROM {MONTHS})
         WHERE p['signal'] IS NOT NULL ORDER BY area, month"
    );
    let text = table(&sql).await;
    assert_eq!(text.matches("| a    |").count(), 8, "{text}");
    assert_eq!(text.matches("7 Points Below CL").count(), 8, "{text}");
    let broken = format!(
        "SELECT count(p['signal']) AS signals, count(DISTINCT p['mean']) AS means FROM (
            SELECT xmr_point(n, month = 13) OVER (ORDER BY month) AS p FROM {MONTHS} WHERE area = 'a')"
    );
    // With new limits from the thirteenth month on nothing is special any more.
    assert!(table(&broken).await.contains("| 0       | 2     |"), "{}", table(&broken).await);
}

#[tokio::test]
async fn new_limits_begin_where_the_second_list_says() {
    let sql = "SELECT xmr([90, 94, 88, 92, 95, 89, 91, 93, 90, 94, 88, 92, 60, 63, 58, 61], [12])['mean']";
    assert_eq!(number(sql).await, Some(60.5));
}

#[tokio::test]
async fn a_standardised_rate_is_that_of_its_bands() {
    // Two bands of a standard population of 100: 0.6 × 10/1000 + 0.4 × 20/500 = 22 per 1,000.
    let sql = "SELECT dsr([10, 20], [1000, 500], [60, 40], 1000)['value']";
    assert!((number(sql).await.unwrap() - 22.0).abs() < 1e-9);
    assert_eq!(number("SELECT dsr([10, NULL], [1000, 500], [60, 40], 1000)['events']").await, Some(10.0));
    assert_eq!(number("SELECT dsr([4, 5], [1000, 500], [60, 40], 1000)['value']").await, None);
    assert!(run("SELECT dsr([1], [1, 2], [1, 2], 1000)").await.is_err());
}

#[tokio::test]
async fn the_limits_of_a_median_are_values_of_its_list() {
    let list = "[9, 1, 8, 2, 7, 3, 6, 4, 5, 10, NULL]";
    // One or none of ten below: 11 of 1024.
    assert_eq!(number(&format!("SELECT median_lower({list})")).await, Some(2.0));
    assert_eq!(number(&format!("SELECT median_upper({list}, 0.95)")).await, Some(9.0));
    assert_eq!(number("SELECT median_lower([1, 2, 3])").await, None);
}

#[tokio::test]
async fn a_survey_share_is_that_of_the_vector_file() {
    // survey_proportion: the answers of each case, as lists; its share, standard error and design effect.
    let text = include_str!("../../../tests/vectors/survey_proportion.json");
    let file: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut held = 0;
    for case in file["cases"].as_array().unwrap() {
        let (input, expected) = (&case["input"], &case["expected"]);
        let answers = input["y"].as_array().unwrap().len();
        let list = |key: &str, of: fn(&serde_json::Value) -> String| {
            let values = input[key].as_array().cloned().unwrap_or(vec![serde_json::Value::Null; answers]);
            values.iter().map(of).collect::<Vec<_>>().join(", ")
        };
        let number_of =
            |value: &serde_json::Value| value.as_f64().map_or("NULL".to_owned(), |n| format!("{n:?}"));
        let flag =
            |value: &serde_json::Value| value.as_f64().map_or("NULL".to_owned(), |n| (n > 0.5).to_string());
        let text_of = |value: &serde_json::Value| match value {
            serde_json::Value::Null => "CAST(NULL AS VARCHAR)".to_owned(),
            serde_json::Value::String(text) => format!("'{text}'"),
            other => format!("'{other}'"),
        };
        let sql = format!(
            "survey_share([{}], [{}], [{}], [{}])",
            list("y", flag),
            list("w", number_of),
            list("stratum", text_of),
            list("psu", text_of)
        );
        for (field, key) in [("share", "p"), ("standard_error", "se"), ("design_effect", "deff")] {
            if let Some(wanted) = expected[key].as_f64() {
                let got = number(&format!("SELECT {sql}['{field}']")).await.unwrap();
                assert!((got - wanted).abs() < 1e-8 * wanted.max(1e-3), "{} {key}: {got}", case["id"]);
                held += 1;
            }
        }
    }
    assert!(held >= 12, "{held}");
}

#[tokio::test]
async fn reoffences_and_repeats_keep_to_their_windows() {
    let flag = async |sql: &str| {
        let batches = run(&format!("SELECT {sql}")).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let column = batches[0].column(0).as_boolean();
        column.is_valid(0).then(|| column.value(0))
    };
    // Entry on 10 April 2022: committed before 10 April 2023, proven before 10 October 2023.
    let reoffence = |committed: &str, proven: &str| {
        format!("proven_reoffence(DATE '2022-04-10', DATE '{committed}', {proven})")
    };
    assert_eq!(flag(&reoffence("2023-04-09", "DATE '2023-10-09'")).await, Some(true));
    assert_eq!(flag(&reoffence("2023-04-10", "DATE '2023-05-01'")).await, Some(false));
    assert_eq!(flag(&reoffence("2022-09-01", "DATE '2023-10-10'")).await, Some(false));
    assert_eq!(flag(&reoffence("2022-04-09", "DATE '2022-05-01'")).await, Some(false));
    assert_eq!(flag(&reoffence("2022-09-01", "CAST(NULL AS DATE)")).await, Some(false));
    assert_eq!(
        flag("proven_reoffence(CAST(NULL AS DATE), DATE '2022-09-01', DATE '2022-09-02')").await,
        None
    );
    // The anniversary counts; 29 February has its anniversary on the 28th.
    assert_eq!(flag("is_repeat(DATE '2025-05-01', DATE '2024-05-01', 12)").await, Some(true));
    assert_eq!(flag("is_repeat(DATE '2025-05-02', DATE '2024-05-01', 12)").await, Some(false));
    assert_eq!(flag("is_repeat(DATE '2025-02-28', DATE '2024-02-29', 12)").await, Some(true));
    assert_eq!(flag("is_repeat(DATE '2025-03-01', DATE '2024-02-29', 12)").await, Some(false));
    assert_eq!(flag("is_repeat(DATE '2025-03-01', CAST(NULL AS DATE), 12)").await, Some(false));
    assert_eq!(flag("is_repeat(CAST(NULL AS DATE), DATE '2024-02-29', 12)").await, None);
    assert!(run("SELECT is_repeat(DATE '2025-03-01', DATE '2024-02-29', -1)").await.is_err());
}

#[tokio::test]
async fn a_period_has_the_name_that_the_plan_gives_it() {
    let word = async |sql: &str| {
        let batches = run(&format!("SELECT {sql}")).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let column = batches[0].column(0).as_string::<i32>().clone();
        column.is_valid(0).then(|| column.value(0).to_owned())
    };
    for (sql, wanted) in [
        ("period_of('2025-05', 'financial-quarter')", "2025/26 Q1"),
        ("period_of(DATE '2025-03-31', 'financial-year')", "2024/25"),
        ("period_of('2025-09', 'academic-year')", "academic year 2025/26"),
        ("period_of('2025-09', 'rolling-12-months')", "12 months to 2025-09"),
        ("wave('2024-10', '2024-12')", "wave 2024-10 to 2024-12"),
        ("wave(DATE '2025-06-02', DATE '2025-06-30')", "wave 2025-06"),
    ] {
        assert_eq!(word(sql).await.as_deref(), Some(wanted), "{sql}");
    }
    assert_eq!(word("period_of(CAST(NULL AS VARCHAR), 'month')").await, None);
    let refused = async |sql: &str| run(&format!("SELECT {sql}")).await.unwrap_err().to_string();
    assert!(refused("period_of('2025-05', 'fortnight')").await.contains("`fortnight` is no kind of period"));
    assert!(refused("period_of('May 2025', 'month')").await.contains("expected a month such as 2025-06"));
    assert!(refused("wave('2025-05', '2025-04')").await.contains("cannot begin in"));
}
