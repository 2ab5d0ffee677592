/*
id = "stockton-asb-levels"
title = "Levels of ASB"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
ref = "4.2"
owner = "Information to be gathered via Analyst and JAG documents"
quote = "4.2 Levels of ASB, and monitor the number of repeat victims"
kind = "count"
unit = "incidents"
polarity = "lower-is-better"
areas = ["E22000030"]
sum-of = [["stockton-asb-levels-wards"]]
notes = """
Incidents reported to Cleveland Police. Those reported to the council or to landlords are in no open data, and \
neither are repeat victims, the other half of this line of the plan."""
*/
-- Grain: one row per month. Unit: incidents. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM asb_by_area
WHERE area = 'E22000030'
GROUP BY area, month
