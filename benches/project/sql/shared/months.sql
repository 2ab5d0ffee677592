-- Every loaded month: one for which at least one line was received.
-- Grain: one row per month; `k` counts months without gaps, so that the month before has k - 1.
SELECT
    month,
    CAST(substr(month, 1, 4) AS BIGINT) * 12 + CAST(substr(month, 6, 2) AS BIGINT) - 1 AS k,
    CAST(substr(month, 1, 4) AS BIGINT) AS year,
    substr(month, 1, 4) || 'Q' || CAST((CAST(substr(month, 6, 2) AS BIGINT) + 2) / 3 AS VARCHAR) AS quarter
FROM (SELECT DISTINCT period AS month FROM feed_delivery WHERE received > 0)
