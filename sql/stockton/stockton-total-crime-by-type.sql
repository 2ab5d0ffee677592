/*
id = "stockton-total-crime-by-type"
title = "Total recorded crime by type"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
quote = "total recorded crime (17,563) reduced by 16% when compared to the figures in 2016/17 (14,740)."
kind = "count"
unit = "crimes"
polarity = "context"
areas = ["E22000030"]
breakdowns = ["crime_type"]
notes = "The parts of total recorded crime, one line per crime type as data.police.uk names them."
*/
-- Grain: one row per month and crime type. Unit: crimes. A month without any has no row.
SELECT area, month, crime_type, sum(n) AS numerator
FROM recorded_crime
WHERE area = 'E22000030'
GROUP BY area, month, crime_type
