/*
id = "northport-asb"
title = "Reports of anti-social behaviour"
framework = "northport-2025-28"
theme = "Streets"
owner = "Head of Neighbourhoods"
kind = "count"
unit = "reports"
polarity = "lower-is-better"
areas = ["P01", "P01/ward"]
*/
-- Grain: one row per month and area. A month without reports has no row.
SELECT ward AS area, month, count(*) AS numerator
FROM asb
GROUP BY ward, month
UNION ALL
SELECT 'P01' AS area, month, count(*) AS numerator
FROM asb
GROUP BY month
