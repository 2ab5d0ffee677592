/*
id = "stockport-crime-drug"
title = "Recorded crime: drug related crime"
framework = "stockport-2022-25"
theme = "Public Safety and Protection"
priority = "Crime recorded by GMP"
owner = "Director of Place, SMBC; Superintendent, GMP (theme leads)"
quote = "Recorded crime (all crimes; burglary; violent crime (by category); robbery/theft; drug related crime; stalking & harassment; criminal damage & arson; public order offences;"
kind = "count"
unit = "crimes"
polarity = "context"
areas = ["E22000105"]
notes = """
Possession and supply. Follows what the police look for: a rise can be the result of more police work. Greater \
Manchester Police has published no street-level data since July 2019, so that later months are not available and no \
year of the plan is covered; the measure is ready for the force's own extract."""
*/
-- Grain: one row per month. Unit: crimes. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM recorded_crime
WHERE area = 'E22000105' AND crime_type = 'Drugs'
GROUP BY area, month
