/*
id = "m2"
title = "Facts of twelve months and their rate per 1,000 residents"
*/
-- Grain: one row per month and partnership; without twelve loaded months there is no count.
WITH summed AS (
    SELECT month, csp_code, sum(n) OVER year_to_month AS n12, count(*) OVER year_to_month AS months
    FROM csp_month
    WINDOW year_to_month AS (PARTITION BY csp_code ORDER BY k RANGE BETWEEN 11 PRECEDING AND CURRENT ROW)
),
complete AS (
    SELECT month, csp_code, CASE WHEN months = 12 THEN n12 END AS n12 FROM summed
)
SELECT
    complete.month,
    complete.csp_code,
    complete.n12,
    csp_pop.population,
    complete.n12 * 1000.0 / csp_pop.population AS rate
FROM complete
INNER JOIN csp_pop ON csp_pop.month = complete.month AND csp_pop.csp_code = complete.csp_code
ORDER BY complete.month, complete.csp_code
