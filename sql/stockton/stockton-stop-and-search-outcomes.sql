/*
id = "stockton-stop-and-search-outcomes"
title = "Stop and search followed by more than no further action, Cleveland Police area"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
kind = "percentage"
unit = "% of searches with a recorded outcome"
polarity = "context"
areas = ["E23000013"]
notes = """
Searches followed by an arrest, a summons, a caution, a warning, a penalty notice or a resolution, out of those \
whose outcome was recorded, whether or not it had to do with what was looked for. For the force area as a whole. Not \
named in the plan."""
*/
-- Grain: one row per month. Unit: searches followed by an outcome out of searches with a recorded outcome.
SELECT
    area,
    month,
    coalesce(sum(n) FILTER (
        WHERE outcome NOT IN ('A no further action disposal', 'Nothing found - no further action')
    ), 0) AS numerator,
    sum(n) AS denominator
FROM stop_by_area
WHERE area = 'E23000013' AND outcome IS NOT NULL
GROUP BY area, month
