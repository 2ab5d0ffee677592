/*
id = "stockton-crime-public-order"
title = "Recorded crime: public order"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
kind = "count"
unit = "crimes"
polarity = "context"
areas = ["E22000030"]
notes = """
Changes in recording practice move this figure: a rise need not mean more disorder. Not named in the plan: a part of \
total recorded crime, published so that its course can be seen."""
*/
-- Grain: one row per month. Unit: crimes. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM recorded_crime
WHERE area = 'E22000030' AND crime_type = 'Public order'
GROUP BY area, month
