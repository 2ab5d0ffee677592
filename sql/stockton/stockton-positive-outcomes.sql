/*
id = "stockton-positive-outcomes"
title = "Crimes settled out of court or awaiting court"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
kind = "percentage"
unit = "% of crimes with a known outcome"
polarity = "higher-is-better"
areas = ["E22000030"]
notes = """
Cautions, warnings, penalty notices, local resolutions, cases that await court and suspects charged as part of \
another case. Out of the crimes recorded in the month whose outcome is known at the time of publication, crimes \
still under investigation among them; the latest months are therefore low and rise later. A case leaves this figure \
when its court result becomes known, so a month falls again as it grows older: compare months of the same age only, \
or use the measure that counts court results too. Not named in the plan."""
*/
-- Grain: one row per month. Unit: crimes with a positive outcome out of crimes with a known outcome, which may be that
-- they are under investigation.
SELECT
    crime.area,
    crime.month,
    coalesce(sum(crime.n) FILTER (WHERE positive.outcome IS NOT NULL), 0) AS numerator,
    sum(crime.n) AS denominator
FROM crime_by_area AS crime
LEFT JOIN positive_outcome AS positive
    ON positive.outcome = crime.outcome AND positive.settled_by = 'police'
WHERE crime.area = 'E22000030'
    AND crime.crime_type <> 'Anti-social behaviour'
    AND crime.outcome IS NOT NULL
GROUP BY crime.area, crime.month
