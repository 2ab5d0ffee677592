-- Crimes and incidents of anti-social behaviour by area, at every level from ward to police force area.
-- Grain: one row per month, area, crime type and latest known outcome. `parent` is the area that the area lies in, as
-- in the look-up `area`; the outcome is NULL where none is known. Rows whose LSOA is empty count for no area.
SELECT month, ward_code AS area, 'ward' AS level, csp_code AS parent, crime_type, outcome, sum(n) AS n
FROM crime_count
WHERE ward_code IS NOT NULL
GROUP BY month, ward_code, csp_code, crime_type, outcome
UNION ALL
SELECT month, authority_code, 'authority', csp_code, crime_type, outcome, sum(n)
FROM crime_count
WHERE authority_code IS NOT NULL
GROUP BY month, authority_code, csp_code, crime_type, outcome
UNION ALL
SELECT month, csp_code, 'csp', force_code, crime_type, outcome, sum(n)
FROM crime_count
WHERE csp_code IS NOT NULL
GROUP BY month, csp_code, force_code, crime_type, outcome
UNION ALL
SELECT month, force_code, 'force', 'K04000001', crime_type, outcome, sum(n)
FROM crime_count
WHERE force_code IS NOT NULL
GROUP BY month, force_code, crime_type, outcome
