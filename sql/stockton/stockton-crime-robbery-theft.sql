/*
id = "stockton-crime-robbery-theft"
title = "Recorded crime: robbery and theft"
framework = "stockton-2017-20"
theme = "Community Safety & Protection"
priority = "Community Safety & Protection"
owner = "SBC Community Safety Analyst"
kind = "count"
unit = "crimes"
polarity = "lower-is-better"
areas = ["E22000030"]
sum-of = [[
    "stockton-total-crime-by-type/crime_type: Robbery",
    "stockton-total-crime-by-type/crime_type: Bicycle theft",
    "stockton-total-crime-by-type/crime_type: Other theft",
    "stockton-total-crime-by-type/crime_type: Shoplifting",
    "stockton-total-crime-by-type/crime_type: Theft from the person",
]]
notes = """
Robbery, theft from the person, bicycle theft, shoplifting and other theft. Burglary and vehicle crime stand for \
themselves. Not named in the plan: a part of total recorded crime, published so that its course can be seen."""
*/
-- Grain: one row per month. Unit: crimes. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM recorded_crime
WHERE area = 'E22000030'
    AND crime_type IN (
        'Robbery',
        'Bicycle theft',
        'Other theft',
        'Shoplifting',
        'Theft from the person'
    )
GROUP BY area, month
