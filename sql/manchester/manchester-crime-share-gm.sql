/*
id = "manchester-crime-share-gm"
title = "Share of all victim-based crime in Greater Manchester"
framework = "manchester-2022-25"
theme = "Snapshot of community safety"
priority = "1. Tackling neighbourhood crime and antisocial behaviour"
owner = "two strategic leads for the priority"
quote = "Manchester accounted for 27% of all victim-based crime"
kind = "percentage"
unit = "% of GM victim-based crime"
polarity = "lower-is-better"
areas = ["E22000101"]
notes = """
Victim-based crime is taken as violence and sexual offences, robbery, burglary, all kinds of theft, vehicle crime, \
and criminal damage and arson; drugs, weapons, public order and other crime have no single victim and are left out. \
The strategy's own definition may differ. Visitors of the city centre are among the victims but not among the \
residents. Greater Manchester Police has published no street-level data since July 2019, so that later months are \
not available and no year of the strategy is covered; the measure is ready for the force's own extract."""
*/
-- Grain: one row per month. Unit: victim-based crimes in Manchester out of those in Greater Manchester.
SELECT
    'E22000101' AS area,
    month,
    coalesce(sum(n) FILTER (WHERE area = 'E22000101'), 0) AS numerator,
    coalesce(sum(n) FILTER (WHERE area = 'E23000005'), 0) AS denominator
FROM recorded_crime
WHERE area IN ('E22000101', 'E23000005')
    AND crime_type IN (
        'Bicycle theft',
        'Burglary',
        'Criminal damage and arson',
        'Other theft',
        'Robbery',
        'Shoplifting',
        'Theft from the person',
        'Vehicle crime',
        'Violence and sexual offences'
    )
GROUP BY month
