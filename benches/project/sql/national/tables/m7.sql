/*
id = "m7"
title = "Share of positive outcomes by quarter, with its Wilson 95 per cent interval"
*/
-- Grain: one row per quarter of any loaded month and partnership; no rate without known outcomes.
WITH counted AS (
    SELECT quarter, csp_code, count(*) AS months, sum(n_known) AS n_known, sum(n_positive) AS n_positive
    FROM csp_month
    GROUP BY quarter, csp_code
),
rates AS (
    SELECT
        quarter,
        csp_code,
        months,
        n_known,
        n_positive,
        CAST(n_positive AS DOUBLE) / CAST(nullif(n_known, 0) AS DOUBLE) AS rate,
        CAST(nullif(n_known, 0) AS DOUBLE) AS trials,
        CAST(1.959963984540054 AS DOUBLE) AS z
    FROM counted
)
SELECT
    quarter,
    csp_code,
    months,
    n_known,
    n_positive,
    rate,
    (rate + z * z / (2 * trials) - z * sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials)))
    / (1 + z * z / trials) AS lo,
    (rate + z * z / (2 * trials) + z * sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials)))
    / (1 + z * z / trials) AS hi
FROM rates
ORDER BY quarter, csp_code
