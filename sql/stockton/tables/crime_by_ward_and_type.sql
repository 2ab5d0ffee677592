/*
id = "crime_by_ward_and_type"
title = "Recorded crime and anti-social behaviour by ward of Stockton-on-Tees and type, last twelve delivered months"

[columns]
ward = "Code of the ward, of 2024."
ward_title = "Name of the ward."
crime_type = "Crime type, or anti-social behaviour, which is not a crime: do not add the two."
first_month = "First of the months counted."
last_month = "Last of the months counted."
months = "How many months were counted: twelve, or fewer where fewer were delivered."
n = "Crimes or incidents in these months. Those in LSOAs that were split over two wards are in no ward."
*/
-- Grain: one row per ward and crime type, for every ward of the borough and every type. Unit: crimes or incidents.
WITH delivered AS (
    SELECT month
    FROM (SELECT DISTINCT month FROM crime_count WHERE force_code = 'E23000013')
    ORDER BY month DESC
    LIMIT 12
),
span AS (
    SELECT min(month) AS first_month, max(month) AS last_month, count(*) AS months FROM delivered
),
types AS (
    SELECT DISTINCT crime_type FROM crime_count
),
counted AS (
    SELECT area, crime_type, sum(n) AS n
    FROM crime_by_area
    WHERE level = 'ward' AND parent = 'E22000030' AND month IN (SELECT month FROM delivered)
    GROUP BY area, crime_type
)
SELECT
    ward.area AS ward,
    ward.title AS ward_title,
    types.crime_type,
    span.first_month,
    span.last_month,
    span.months,
    coalesce(counted.n, 0) AS n
FROM area AS ward
CROSS JOIN types
CROSS JOIN span
LEFT JOIN counted ON counted.area = ward.area AND counted.crime_type = types.crime_type
WHERE ward.level = 'ward' AND ward.parent = 'E22000030'
ORDER BY ward.area, types.crime_type
