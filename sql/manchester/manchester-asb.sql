/*
id = "manchester-asb"
title = "Antisocial behaviour: neighbour disputes, intimidation and harassment, ASB in public places"
framework = "manchester-2022-25"
theme = "1. Tackling neighbourhood crime and antisocial behaviour"
priority = "1. Tackling neighbourhood crime and antisocial behaviour"
owner = "two strategic leads for the priority"
quote = "particularly neighbour disputes, intimidation and harassment, and antisocial behaviour in public places."
kind = "count"
unit = "incidents"
polarity = "lower-is-better"
areas = ["E22000101"]
notes = """
The total only: street-level data tells neither neighbour disputes nor public places. Requests to the council's ASB \
Team are not included. Greater Manchester Police has published no street-level data since July 2019, so that later \
months are not available and no year of the strategy is covered; the measure is ready for the force's own extract."""
*/
-- Grain: one row per month. Unit: incidents. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM asb_by_area
WHERE area = 'E22000101'
GROUP BY area, month
