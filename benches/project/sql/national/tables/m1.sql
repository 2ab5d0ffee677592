/*
id = "m1"
title = "Facts by month, partnership and crime type"
*/
-- Grain: one row per month, partnership and crime type.
SELECT month, csp_code, crime_type, n
FROM csp_type_month
ORDER BY month, csp_code, crime_type
