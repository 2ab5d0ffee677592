/*
id = "m6"
title = "The twenty LSOAs of each partnership with most facts in the last twelve months"
*/
-- Grain: one row per partnership and rank from 1 to 20; ties go to the lower code.
WITH counted AS (
    SELECT facts_by_lsoa.csp_code, facts_by_lsoa.lsoa_code, sum(facts_by_lsoa.n) AS n
    FROM facts_by_lsoa
    INNER JOIN months ON months.month = facts_by_lsoa.month
    WHERE facts_by_lsoa.csp_code IS NOT NULL AND months.k > (SELECT max(k) - 12 FROM months)
    GROUP BY facts_by_lsoa.csp_code, facts_by_lsoa.lsoa_code
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
