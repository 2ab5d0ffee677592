-- Recorded crime by area: everything but anti-social behaviour, which is not a crime and is never added to crimes.
-- Grain: one row per month, area and crime type. Unit: crimes.
SELECT month, area, level, parent, crime_type, sum(n) AS n
FROM crime_by_area
WHERE crime_type <> 'Anti-social behaviour'
GROUP BY month, area, level, parent, crime_type
