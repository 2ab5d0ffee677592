/*
id = "m5"
title = "Rate per 1,000 residents and its rank within the force"
*/
-- Grain: one row per month and partnership; rank 1 is the highest rate, ties share a rank.
WITH rates AS (
    SELECT
        csp_month.month,
        csp_month.force,
        csp_month.csp_code,
        csp_month.n * 1000.0 / csp_pop.population AS rate
    FROM csp_month
    INNER JOIN csp_pop ON csp_pop.month = csp_month.month AND csp_pop.csp_code = csp_month.csp_code
)
SELECT
    month,
    force,
    csp_code,
    rate,
    CAST(rank() OVER (PARTITION BY month, force ORDER BY rate DESC) AS BIGINT) AS rank
FROM rates
ORDER BY month, force, csp_code
