/*
id = "stockton-total-crime"
title = "Total recorded crime"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
quote = "total recorded crime (17,563) reduced by 16% when compared to the figures in 2016/17 (14,740)."
kind = "count"
unit = "crimes"
polarity = "lower-is-better"
areas = ["E22000030"]
sum-of = [["stockton-total-crime-by-type"], ["stockton-ward-crime-rates"]]
notes = """
All crime types of street-level data; anti-social behaviour is not a crime and is not included. Crimes that the \
British Transport Police recorded in the borough are not in this feed. For the year to June 2025 they are 0.8 per \
cent above the recorded crime that the Office for National Statistics publishes for the partnership; most likely the \
two were drawn at different dates, which was not verified."""
*/
-- Grain: one row per month. Unit: crimes. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM recorded_crime
WHERE area = 'E22000030'
GROUP BY area, month
