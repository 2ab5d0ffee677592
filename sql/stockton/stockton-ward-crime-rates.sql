/*
id = "stockton-ward-crime-rates"
title = "Crime rates per 1000 population by ward"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
quote = "crime rates per 1000 population varying considerably."
kind = "rate"
unit = "crimes per 1,000 residents"
per = 1000
polarity = "lower-is-better"
areas = ["E22000030/ward"]
notes = """
Wards of 2024. Residents of a ward are those of the LSOAs that fit it best, Census 2021. Town-centre wards have \
visitors who are not residents. Crimes in the few LSOAs of 2011 that were split over two wards count for the \
borough, not for a ward."""
*/
-- Grain: one row per month and ward. Unit: crimes. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM recorded_crime
WHERE level = 'ward' AND parent = 'E22000030'
GROUP BY area, month
