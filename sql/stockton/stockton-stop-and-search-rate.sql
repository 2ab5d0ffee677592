/*
id = "stockton-stop-and-search-rate"
title = "Stop and search per 1,000 residents, Cleveland Police area"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
kind = "rate"
unit = "searches per 1,000 residents"
per = 1000
polarity = "context"
areas = ["E23000013"]
notes = """
For the Cleveland Police area as a whole: searches are published without an LSOA. A month that was published twice \
over is refused and stands as not available. Not named in the plan."""
*/
-- Grain: one row per month. Unit: persons and vehicles searched. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM stop_by_area
WHERE area = 'E23000013'
GROUP BY area, month
