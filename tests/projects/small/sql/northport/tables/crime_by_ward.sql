/*
id = "crime_by_ward"
title = "Recorded crime by ward and type, all months"

[columns]
ward = "Code of the ward."
n = "Crimes."
*/
SELECT ward, crime_type, sum(n) AS n
FROM crime_count
GROUP BY ward, crime_type
ORDER BY ward, crime_type
