/*
id = "stockton-crime-violence"
title = "Recorded crime: violence and sexual offences"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
kind = "count"
unit = "crimes"
polarity = "lower-is-better"
areas = ["E22000030"]
notes = """
Violence with and without injury, stalking and harassment, homicide and sexual offences together: street-level data \
does not tell them apart. More reports of sexual offences can mean more trust in the police. Not named in the plan: \
a part of total recorded crime, published so that its course can be seen."""
*/
-- Grain: one row per month. Unit: crimes. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM recorded_crime
WHERE area = 'E22000030' AND crime_type = 'Violence and sexual offences'
GROUP BY area, month
