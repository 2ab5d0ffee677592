/*
id = "stockton-crime-drugs"
title = "Recorded crime: drugs"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
kind = "count"
unit = "crimes"
polarity = "context"
areas = ["E22000030"]
notes = """
Follows what the police look for: a rise can be the result of more police work. Not named in the plan: a part of \
total recorded crime, published so that its course can be seen."""
*/
-- Grain: one row per month. Unit: crimes. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM recorded_crime
WHERE area = 'E22000030' AND crime_type = 'Drugs'
GROUP BY area, month
