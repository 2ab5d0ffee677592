/*
id = "stockport-asb-by-locality"
title = "Share of ASB by locality"
framework = "stockport-2022-25"
theme = "Public Safety and Protection"
priority = "Antisocial Behaviour (ASB)"
owner = "Director of Place, SMBC; Superintendent, GMP (theme leads)"
quote = "The Central/Brinnington locality accounted for approximately a quarter of all ASB recorded by police in Stockport"
kind = "percentage"
unit = "% of borough incidents"
polarity = "lower-is-better"
areas = ["E22000105/ward"]
notes = """
By ward of 2024: the plan's localities are not published as lists of wards or LSOAs. Incidents in LSOAs of 2011 that \
were split over two wards count for the borough only, so that the shares need not add up to 100. Greater Manchester \
Police has published no street-level data since July 2019, so that later months are not available and no year of the \
plan is covered; the measure is ready for the force's own extract."""
*/
-- Grain: one row per month and ward, for every ward and month with incidents in the borough. Unit: incidents in the
-- ward out of incidents in the borough.
SELECT
    ward.area,
    borough.month,
    coalesce(counted.n, 0) AS numerator,
    borough.n AS denominator
FROM asb_by_area AS borough
INNER JOIN area AS ward ON ward.parent = borough.area AND ward.level = 'ward'
LEFT JOIN asb_by_area AS counted ON counted.area = ward.area AND counted.month = borough.month
WHERE borough.area = 'E22000105'
