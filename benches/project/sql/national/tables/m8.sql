/*
id = "m8"
title = "Control chart of single months by partnership and crime type"
*/
-- Grain: one row per partnership, crime type and month of the last 24; no limits with one month.
WITH moved AS (
    SELECT
        csp_code,
        crime_type,
        month,
        n,
        abs(n - lag(n) OVER (PARTITION BY csp_code, crime_type ORDER BY month)) AS moving_range
    FROM csp_type_month
    WHERE k > (SELECT max(k) - 24 FROM months)
),
chart AS (
    SELECT
        csp_code,
        crime_type,
        month,
        n,
        CAST(sum(n) OVER (PARTITION BY csp_code, crime_type) AS DOUBLE)
        / count(*) OVER (PARTITION BY csp_code, crime_type) AS mean,
        CAST(sum(moving_range) OVER (PARTITION BY csp_code, crime_type) AS DOUBLE)
        / nullif(count(moving_range) OVER (PARTITION BY csp_code, crime_type), 0) AS mr_bar
    FROM moved
),
limits AS (
    SELECT
        csp_code,
        crime_type,
        month,
        n,
        mean,
        mr_bar,
        mean + 2.66 * mr_bar AS ucl,
        CASE WHEN mr_bar IS NOT NULL THEN greatest(0.0, mean - 2.66 * mr_bar) END AS lcl
    FROM chart
)
SELECT csp_code, crime_type, month, n, mean, mr_bar, ucl, lcl, coalesce(n > ucl OR n < lcl, false) AS out_of_limits
FROM limits
ORDER BY csp_code, crime_type, month
