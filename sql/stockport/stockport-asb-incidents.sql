/*
id = "stockport-asb-incidents"
title = "ASB incidents (total and by type)"
framework = "stockport-2022-25"
theme = "Public Safety and Protection"
priority = "Antisocial Behaviour (ASB)"
owner = "Director of Place, SMBC; Superintendent, GMP (theme leads)"
quote = "ASB incidents (total and by type)."
kind = "count"
unit = "incidents"
polarity = "lower-is-better"
areas = ["E22000105"]
sum-of = [["stockport-asb-by-locality"]]
notes = """
The total only: street-level data does not tell types of anti-social behaviour. Incidents recorded by Stockport \
Homes are not included. Greater Manchester Police has published no street-level data since July 2019, so that later \
months are not available and no year of the plan is covered; the measure is ready for the force's own extract."""
*/
-- Grain: one row per month. Unit: incidents. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM asb_by_area
WHERE area = 'E22000105'
GROUP BY area, month
