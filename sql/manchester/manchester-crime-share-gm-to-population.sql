/*
id = "manchester-crime-share-gm-to-population"
title = "Share of all victim-based crime in Greater Manchester compared with share of residents"
framework = "manchester-2022-25"
theme = "Snapshot of community safety"
priority = "1. Tackling neighbourhood crime and antisocial behaviour"
owner = "two strategic leads for the priority"
quote = "Manchester accounted for 27% of all victim-based crime"
kind = "ratio"
unit = "crimes for each crime expected by population"
polarity = "lower-is-better"
areas = ["E22000101"]
notes = """
Sets the city's share of victim-based crime against its share of residents, as the strategy does: 1 means that the \
two are equal. The denominator is the number of crimes the city would have had if crime had followed residents. \
Victim-based crime is taken as violence and sexual offences, robbery, burglary, all kinds of theft, vehicle crime, \
and criminal damage and arson; drugs, weapons, public order and other crime have no single victim and are left out. \
The strategy's own definition may differ. Greater Manchester Police has published no street-level data since July \
2019, so that later months are not available and no year of the strategy is covered; the measure is ready for the \
force's own extract."""
*/
-- Grain: one row per month. Unit: victim-based crimes in Manchester, and those it would have had if Greater
-- Manchester's crime had followed residents.
SELECT
    'E22000101' AS area,
    counted.month,
    counted.here AS numerator,
    CAST(counted.everywhere AS DOUBLE) * here.persons / everywhere.persons AS denominator
FROM (
    SELECT
        month,
        coalesce(sum(n) FILTER (WHERE area = 'E22000101'), 0) AS here,
        coalesce(sum(n) FILTER (WHERE area = 'E23000005'), 0) AS everywhere
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
) AS counted
INNER JOIN residents AS here ON here.month = counted.month AND here.area = 'E22000101'
INNER JOIN residents AS everywhere ON everywhere.month = counted.month AND everywhere.area = 'E23000005'
