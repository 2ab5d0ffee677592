/*
id = "stockport-crime-by-locality"
title = "Crime rates by locality"
framework = "stockport-2022-25"
theme = "Public Safety and Protection"
priority = "Crime recorded by GMP"
owner = "Director of Place, SMBC; Superintendent, GMP (theme leads)"
quote = "crime rates almost double those in the locality with the second-highest rates (Edgeley)"
kind = "rate"
unit = "crimes per 1,000 residents"
per = 1000
polarity = "lower-is-better"
areas = ["E22000105/ward"]
notes = """
By ward of 2024: the plan's localities are not published as lists of wards or LSOAs. Visitors of the town centre are \
in the numerator but not among its residents. Greater Manchester Police has published no street-level data since \
July 2019, so that later months are not available and no year of the plan is covered; the measure is ready for the \
force's own extract."""
*/
-- Grain: one row per month and ward. Unit: crimes. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM recorded_crime
WHERE level = 'ward' AND parent = 'E22000105'
GROUP BY area, month
