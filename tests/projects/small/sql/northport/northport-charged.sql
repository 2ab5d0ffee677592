/*
id = "northport-charged"
title = "Crimes with somebody charged"
framework = "northport-2025-28"
theme = "Crime"
owner = "Chief Superintendent"
kind = "percentage"
unit = "% of recorded crimes"
polarity = "higher-is-better"
areas = ["P01"]
*/
-- Grain: one row per month.
SELECT
    'P01' AS area,
    month,
    count(*) FILTER (WHERE outcome = 'Charged') AS numerator,
    count(*) AS denominator
FROM crime
GROUP BY month
