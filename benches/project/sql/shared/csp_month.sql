-- Facts of a partnership in a month, with zero where nothing happened. Known: other than anti-social behaviour and with
-- an outcome; positive: with one of the six outcomes of the benchmark's list.
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
    SELECT
        month,
        csp_code,
        sum(n) AS n,
        sum(n) FILTER (WHERE crime_type <> 'Anti-social behaviour' AND outcome IS NOT NULL) AS n_known,
        sum(n) FILTER (
            WHERE crime_type <> 'Anti-social behaviour'
                AND outcome IN (
                    'Awaiting court outcome',
                    'Local resolution',
                    'Offender given a caution',
                    'Offender given penalty notice',
                    'Offender given a drugs possession warning',
                    'Suspect charged as part of another case'
                )
        ) AS n_positive
    FROM facts_by_csp
    WHERE csp_code IS NOT NULL
    GROUP BY month, csp_code
) AS counted ON counted.month = months.month AND counted.csp_code = csps.csp_code
