/*
id = "northport-crime-rate"
title = "Recorded crime per 1,000 residents"
framework = "northport-2025-28"
theme = "Crime"
owner = "Chief Superintendent"
kind = "rate"
per = 1000
unit = "crimes per 1,000 residents"
polarity = "lower-is-better"
areas = ["P01"]
*/
-- Grain: one row per month.
SELECT 'P01' AS area, month, sum(n) AS numerator
FROM crime_count
GROUP BY month
