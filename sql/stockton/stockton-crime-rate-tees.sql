/*
id = "stockton-crime-rate-tees"
title = "Rate of crime per thousand population compared with Tees Valley neighbours"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
quote = "we continue to have the lowest rate of crime per thousand population when compared to our Tees Valley neighbours."
kind = "rate"
unit = "crimes per 1,000 residents"
per = 1000
polarity = "lower-is-better"
areas = ["E22000030", "E22000027", "E22000029", "E22000028"]
notes = """
Neighbours are Hartlepool, Middlesbrough, and Redcar and Cleveland. Darlington is in Tees Valley too but in Durham \
Constabulary's area, which this feed does not bring, so the comparison is among four."""
*/
-- Grain: one row per month and partnership. Unit: crimes. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM recorded_crime
WHERE area IN ('E22000030', 'E22000027', 'E22000029', 'E22000028')
GROUP BY area, month
