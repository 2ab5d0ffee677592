-- Facts of a partnership by crime type in a month, with zero where nothing happened.
-- Grain: one row per loaded month, partnership and crime type.
SELECT months.month, months.k, csps.csp_code, crime_types.crime_type, coalesce(counted.n, 0) AS n
FROM months
CROSS JOIN csps
CROSS JOIN crime_types
LEFT JOIN (
    SELECT month, csp_code, crime_type, sum(n) AS n
    FROM facts_by_csp
    WHERE csp_code IS NOT NULL
    GROUP BY month, csp_code, crime_type
) AS counted
    ON counted.month = months.month
    AND counted.csp_code = csps.csp_code
    AND counted.crime_type = crime_types.crime_type
