-- Every partnership of the look-up, with its force.
-- Grain: one row per partnership.
SELECT csp_code, min(force) AS force FROM lookup GROUP BY csp_code
