/*
id = "stockport-recorded-crime"
title = "Recorded crime: all crimes"
framework = "stockport-2022-25"
theme = "Public Safety and Protection"
priority = "Crime recorded by GMP"
owner = "Director of Place, SMBC; Superintendent, GMP (theme leads)"
quote = "Recorded crime (all crimes; burglary; violent crime (by category); robbery/theft; drug related crime; stalking & harassment; criminal damage & arson; public order offences;"
kind = "count"
unit = "crimes"
polarity = "lower-is-better"
areas = ["E22000105"]
sum-of = [
    [
        "stockport-crime-burglary",
        "stockport-crime-damage-arson",
        "stockport-crime-drug",
        "stockport-crime-public-order",
        "stockport-crime-robbery-theft",
        "stockport-crime-violent",
        "stockport-crime-by-exception",
    ],
    ["stockport-crime-by-locality"],
]
notes = """
All crime types of street-level data; anti-social behaviour is not a crime and is not included. Greater Manchester \
Police has published no street-level data since July 2019, so that later months are not available and no year of the \
plan is covered; the measure is ready for the force's own extract."""
*/
-- Grain: one row per month. Unit: crimes. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM recorded_crime
WHERE area = 'E22000105'
GROUP BY area, month
