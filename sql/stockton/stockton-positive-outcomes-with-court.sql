/*
id = "stockton-positive-outcomes-with-court"
title = "Crimes with a positive outcome"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
kind = "percentage"
unit = "% of crimes with a known outcome"
polarity = "higher-is-better"
areas = ["E22000030"]
notes = """
Crimes for which somebody was charged, cautioned, warned or fined, or who settled the matter: whatever was settled \
out of court, awaits court or was decided there, acquittals included. Out of the crimes recorded in the month whose \
outcome is known at the time of publication, crimes still under investigation among them; the latest months are \
therefore low and rise later. Not named in the plan."""
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
    ON positive.outcome = crime.outcome
WHERE crime.area = 'E22000030'
    AND crime.crime_type <> 'Anti-social behaviour'
    AND crime.outcome IS NOT NULL
GROUP BY crime.area, crime.month
