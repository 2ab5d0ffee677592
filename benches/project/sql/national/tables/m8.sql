/*
id = "m8"
title = "Control chart of single months by partnership and crime type"
*/
-- Grain: one row per partnership, crime type and month of the last 24; no limits with one month.
WITH counted AS (
    SELECT csp_code, crime_type, month, k, n
    FROM csp_type_month
    WHERE k > (SELECT max(k) - 24 FROM months)
),
moved AS (
    SELECT
        csp_code,
        crime_type,
        month,
        n,
        abs(n - lag(n) OVER (PARTITION BY csp_code, crime_type ORDER BY k)) AS moving_range
    FROM counted
),
chart AS (
    SELECT
        csp_code,
        crime_type,
        CAST(sum(n) AS DOUBLE) / count(*) AS mean,
        CAST(sum(moving_range) AS DOUBLE) / nullif(count(moving_range), 0) AS mr_bar
    FROM moved
    GROUP BY csp_code, crime_type
),
limits AS (
    SELECT
        counted.csp_code,
        counted.crime_type,
        counted.month,
        counted.n,
        chart.mean,
        chart.mr_bar,
        chart.mean + 2.66 * chart.mr_bar AS ucl,
        CASE WHEN chart.mr_bar IS NOT NULL THEN greatest(0.0, chart.mean - 2.66 * chart.mr_bar) END AS lcl
    FROM counted
    INNER JOIN chart ON chart.csp_code = counted.csp_code AND chart.crime_type = counted.crime_type
)
SELECT csp_code, crime_type, month, n, mean, mr_bar, ucl, lcl, coalesce(n > ucl OR n < lcl, false) AS out_of_limits
FROM limits
ORDER BY csp_code, crime_type, month
