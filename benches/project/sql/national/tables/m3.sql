/*
id = "m3"
title = "Facts by quarter and the change on the same quarter a year before"
*/
-- Grain: one row per quarter of three loaded months and partnership.
WITH by_quarter AS (
    SELECT quarter, csp_code, min(k) / 3 AS number, sum(n) AS n
    FROM csp_month
    GROUP BY quarter, csp_code
    HAVING count(*) = 3
)
SELECT
    now.quarter,
    now.csp_code,
    now.n,
    before.n AS n_prev,
    now.n - before.n AS change,
    CASE WHEN before.n > 0 THEN (now.n - before.n) * 100.0 / before.n END AS pct
FROM by_quarter AS now
LEFT JOIN by_quarter AS before ON before.csp_code = now.csp_code AND before.number = now.number - 4
ORDER BY now.quarter, now.csp_code
