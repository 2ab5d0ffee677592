/*
id = "stockton-acquisitive-share"
title = "Acquisitive crime as a share of publicly reported crime"
framework = "stockton-2017-20"
theme = "Reducing re-offending"
priority = "Reducing re-offending"
owner = "SBC Community Safety Analyst"
quote = "acquisitive crime, which accounts for nearly half of all publicly reported crime in the borough."
kind = "percentage"
unit = "% of recorded crime"
polarity = "lower-is-better"
areas = ["E22000030"]
sum-of = [[
    "stockton-total-crime-by-type/crime_type: Bicycle theft",
    "stockton-total-crime-by-type/crime_type: Burglary",
    "stockton-total-crime-by-type/crime_type: Other theft",
    "stockton-total-crime-by-type/crime_type: Robbery",
    "stockton-total-crime-by-type/crime_type: Shoplifting",
    "stockton-total-crime-by-type/crime_type: Theft from the person",
    "stockton-total-crime-by-type/crime_type: Vehicle crime",
]]
notes = """
Acquisitive crime is taken as burglary, robbery, vehicle crime, shoplifting, bicycle theft, theft from the person \
and other theft. The plan does not say which types it counts; it may count a selection of crime reported by the \
public, which street-level data cannot tell, so its 'nearly half' is not directly comparable."""
*/
-- Grain: one row per month. Unit: acquisitive crimes out of recorded crimes.
SELECT
    area,
    month,
    coalesce(sum(n) FILTER (WHERE crime_type IN (
        'Bicycle theft',
        'Burglary',
        'Other theft',
        'Robbery',
        'Shoplifting',
        'Theft from the person',
        'Vehicle crime'
    )), 0) AS numerator,
    sum(n) AS denominator
FROM recorded_crime
WHERE area = 'E22000030'
GROUP BY area, month
