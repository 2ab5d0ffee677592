-- Stop and search by police force area. Searches carry no LSOA, so the feed tells the force and no smaller area is
-- known.
-- Grain: one row per month, force, object of search and outcome. Unit: searches.
SELECT
    month,
    CASE feed
        WHEN 'cleveland-stop-and-search' THEN 'E23000013'
        WHEN 'greater-manchester-stop-and-search' THEN 'E23000005'
    END AS area,
    object_of_search,
    outcome,
    sum(n) AS n
FROM stop_count
GROUP BY month, area, object_of_search, outcome
