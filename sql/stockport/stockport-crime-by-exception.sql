/*
id = "stockport-crime-by-exception"
title = "Other crime types to be reported by exception"
framework = "stockport-2022-25"
theme = "Public Safety and Protection"
priority = "Crime recorded by GMP"
owner = "Director of Place, SMBC; Superintendent, GMP (theme leads)"
quote = "other crime types to be reported by exception."
kind = "count"
unit = "crimes"
polarity = "context"
areas = ["E22000105"]
breakdowns = ["crime_type"]
notes = """
The crime types that no other line of the plan names, from which exceptions are read. Greater Manchester Police has \
published no street-level data since July 2019, so that later months are not available and no year of the plan is \
covered; the measure is ready for the force's own extract."""
*/
-- Grain: one row per month and crime type. Unit: crimes. A month without any has no row.
SELECT area, month, crime_type, sum(n) AS numerator
FROM recorded_crime
WHERE area = 'E22000105'
    AND crime_type IN (
        'Other crime',
        'Possession of weapons',
        'Vehicle crime'
    )
GROUP BY area, month, crime_type
