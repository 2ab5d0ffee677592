/*
id = "m4"
title = "Share of the force in facts and in residents"
*/
-- Grain: one row per month and partnership.
WITH here AS (
    SELECT csp_month.month, csp_month.csp_code, csp_month.force, csp_month.n, csp_pop.population
    FROM csp_month
    INNER JOIN csp_pop ON csp_pop.month = csp_month.month AND csp_pop.csp_code = csp_month.csp_code
),
everywhere AS (
    SELECT month, force, sum(n) AS n, sum(population) AS population FROM here GROUP BY month, force
),
shares AS (
    SELECT
        here.month,
        here.csp_code,
        here.force,
        here.n,
        CAST(here.n AS DOUBLE) / CAST(nullif(everywhere.n, 0) AS DOUBLE) AS crime_share,
        CAST(here.population AS DOUBLE) / CAST(everywhere.population AS DOUBLE) AS pop_share
    FROM here
    INNER JOIN everywhere ON everywhere.month = here.month AND everywhere.force = here.force
)
SELECT month, csp_code, force, n, crime_share, pop_share, crime_share / pop_share AS ratio
FROM shares
ORDER BY month, csp_code
