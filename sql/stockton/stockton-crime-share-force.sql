/*
id = "stockton-crime-share-force"
title = "Share of recorded crime in the Cleveland Police area"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
kind = "percentage"
unit = "% of crimes in the force area"
polarity = "lower-is-better"
areas = ["E22000030"]
notes = """
Recorded crime of the borough out of that of the four boroughs of the Cleveland Police area. Not named in the plan."""
*/
-- Grain: one row per month. Unit: crimes in the borough out of crimes in the force area.
SELECT
    'E22000030' AS area,
    month,
    coalesce(sum(n) FILTER (WHERE area = 'E22000030'), 0) AS numerator,
    coalesce(sum(n) FILTER (WHERE area = 'E23000013'), 0) AS denominator
FROM recorded_crime
WHERE area IN ('E22000030', 'E23000013')
GROUP BY month
