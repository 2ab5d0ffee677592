-- Outcomes decided in the month, by partnership and police force area.
-- Grain: one row per month, area and outcome. Unit: outcomes; a crime can have several, and one for each suspect.
SELECT month, csp_code AS area, 'csp' AS level, outcome, sum(n) AS n
FROM outcome_count
WHERE csp_code IS NOT NULL
GROUP BY month, csp_code, outcome
UNION ALL
SELECT month, force_code, 'force', outcome, sum(n)
FROM outcome_count
WHERE force_code IS NOT NULL
GROUP BY month, force_code, outcome
