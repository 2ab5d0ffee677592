/*
id = "manchester-neighbourhood-crime"
title = "Neighbourhood crime: burglary, theft from person, theft of and from vehicles, robbery"
framework = "manchester-2022-25"
theme = "1. Tackling neighbourhood crime and antisocial behaviour"
priority = "1. Tackling neighbourhood crime and antisocial behaviour"
owner = "two strategic leads for the priority"
quote = "burglary, theft from person, theft of and from vehicles, robbery, and environmental crimes."
kind = "count"
unit = "crimes"
polarity = "lower-is-better"
areas = ["E22000101"]
sum-of = [["manchester-neighbourhood-crime-by-type"]]
notes = """
Burglary of homes and of other buildings cannot be told apart, so both are included. Environmental crime is another \
measure and is recorded by the council. Greater Manchester Police has published no street-level data since July \
2019, so that later months are not available and no year of the strategy is covered; the measure is ready for the \
force's own extract."""
*/
-- Grain: one row per month. Unit: crimes. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM recorded_crime
WHERE area = 'E22000101'
    AND crime_type IN (
        'Burglary',
        'Robbery',
        'Theft from the person',
        'Vehicle crime'
    )
GROUP BY area, month
