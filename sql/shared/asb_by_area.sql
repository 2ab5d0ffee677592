-- Anti-social behaviour by area, as reported to the police.
-- Grain: one row per month and area. Unit: incidents.
SELECT month, area, level, parent, sum(n) AS n
FROM crime_by_area
WHERE crime_type = 'Anti-social behaviour'
GROUP BY month, area, level, parent
