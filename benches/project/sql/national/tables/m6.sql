/*
id = "m6"
title = "The twenty LSOAs of each partnership with most facts in the last twelve months"
*/
-- Grain: one row per partnership and rank from 1 to 20; ties go to the lower code.
WITH counted AS (
    SELECT csp_code, lsoa_code, sum(n) AS n
    FROM facts_by_lsoa
    WHERE csp_code IS NOT NULL AND month IN (SELECT month FROM months WHERE k > (SELECT max(k) - 12 FROM months))
    GROUP BY csp_code, lsoa_code
),
ranked AS (
    SELECT
        csp_code,
        CAST(row_number() OVER (PARTITION BY csp_code ORDER BY n DESC, lsoa_code) AS BIGINT) AS rank,
        lsoa_code,
        n
    FROM counted
)
SELECT csp_code, rank, lsoa_code, n
FROM ranked
WHERE rank <= 20
ORDER BY csp_code, rank
