/*
id = "stockton-crime-share-to-population-share"
title = "Share of crime compared with share of population, Cleveland Police area"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
kind = "ratio"
unit = "crimes for each crime expected by population"
polarity = "lower-is-better"
areas = ["E22000030"]
notes = """
1 means that the borough has the share of the force area's crime that it has of its residents; below 1, that it has \
less. The denominator is the number of crimes it would have had if crime had followed residents. Not named in the \
plan."""
*/
-- Grain: one row per month. Unit: crimes in the borough, and the crimes it would have had if the force area's crime
-- had followed residents.
SELECT
    'E22000030' AS area,
    counted.month,
    counted.here AS numerator,
    CAST(counted.everywhere AS DOUBLE) * here.persons / everywhere.persons AS denominator
FROM (
    SELECT
        month,
        coalesce(sum(n) FILTER (WHERE area = 'E22000030'), 0) AS here,
        coalesce(sum(n) FILTER (WHERE area = 'E23000013'), 0) AS everywhere
    FROM recorded_crime
    WHERE area IN ('E22000030', 'E23000013')
    GROUP BY month
) AS counted
INNER JOIN residents AS here ON here.month = counted.month AND here.area = 'E22000030'
INNER JOIN residents AS everywhere ON everywhere.month = counted.month AND everywhere.area = 'E23000013'
