-- Facts of a partnership in a month, with zero where nothing happened.
-- Grain: one row per loaded month and partnership.
SELECT
    months.month,
    months.k,
    months.year,
    months.quarter,
    csps.csp_code,
    csps.force,
    coalesce(counted.n, 0) AS n,
    coalesce(counted.n_known, 0) AS n_known,
    coalesce(counted.n_positive, 0) AS n_positive
FROM months
CROSS JOIN csps
LEFT JOIN (
    SELECT month, csp_code, sum(n) AS n, sum(n_known) AS n_known, sum(n_positive) AS n_positive
    FROM csp_type_counted
    GROUP BY month, csp_code
) AS counted ON counted.month = months.month AND counted.csp_code = csps.csp_code
