/*
id = "stockton-asb-levels-wards"
title = "Levels of ASB per 1,000 residents by ward"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
ref = "4.2"
owner = "Information to be gathered via Analyst and JAG documents"
quote = "4.2 Levels of ASB, and monitor the number of repeat victims"
kind = "rate"
unit = "incidents per 1,000 residents"
per = 1000
polarity = "lower-is-better"
areas = ["E22000030/ward"]
notes = """
Residents of a ward are those of the LSOAs that fit it best, Census 2021. Town-centre wards have visitors who are \
not residents. Incidents in the few LSOAs of 2011 that were split over two wards count for the borough, not for a \
ward."""
*/
-- Grain: one row per month and ward. Unit: incidents. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM asb_by_area
WHERE level = 'ward' AND parent = 'E22000030'
GROUP BY area, month
