-- Facts of a partnership by crime type in a month, where there were any. Known: other than anti-social behaviour and
-- with an outcome; positive: with one of the six outcomes of the benchmark's list.
-- Grain: one row per month, partnership and crime type with a fact.
SELECT
    month,
    csp_code,
    crime_type,
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
GROUP BY month, csp_code, crime_type
