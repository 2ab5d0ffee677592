/*
id = "load_summary"
title = "Lines received, set aside and loaded"
*/
-- Grain: one row per month and force whose file holds lines. The name of the file tells the force.
WITH delivered AS (
    SELECT
        period AS month,
        substr(source_file, 9, length(source_file) - 19) AS force,
        sum(received) AS rows_in,
        sum(quarantined) AS quarantined,
        sum(duplicate) AS duplicates,
        sum(accepted) AS loaded
    FROM feed_delivery
    WHERE received > 0
    GROUP BY period, substr(source_file, 9, length(source_file) - 19)
),
blank AS (
    -- Every LSOA of the look-up has a partnership, so a fact without a partnership is one without an LSOA.
    SELECT month, force, sum(n) AS blank_lsoa FROM facts_by_force WHERE csp_code IS NULL GROUP BY month, force
)
SELECT
    delivered.month,
    delivered.force,
    delivered.rows_in,
    delivered.quarantined,
    delivered.duplicates,
    delivered.loaded,
    coalesce(blank.blank_lsoa, 0) AS blank_lsoa
FROM delivered
LEFT JOIN blank ON blank.month = delivered.month AND blank.force = delivered.force
ORDER BY delivered.month, delivered.force
