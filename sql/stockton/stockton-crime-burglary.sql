/*
id = "stockton-crime-burglary"
title = "Recorded crime: burglary"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
kind = "count"
unit = "crimes"
polarity = "lower-is-better"
areas = ["E22000030"]
notes = """
Homes and other buildings together: street-level data does not tell them apart. Not named in the plan: a part of \
total recorded crime, published so that its course can be seen."""
*/
-- Grain: one row per month. Unit: crimes. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM recorded_crime
WHERE area = 'E22000030' AND crime_type = 'Burglary'
GROUP BY area, month
