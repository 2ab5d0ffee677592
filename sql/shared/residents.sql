-- Residents of an area in a month: the figure of that year, else of the latest earlier year, else of the earliest.
-- Grain: one row per month with crimes and area. Unit: residents.
SELECT month, area, persons
FROM (
    SELECT
        months.month,
        population.area,
        CAST(population.persons AS BIGINT) AS persons,
        row_number() OVER (
            PARTITION BY months.month, population.area
            ORDER BY
                CASE WHEN population.mid_year <= months.year THEN 0 ELSE 1 END,
                abs(months.year - population.mid_year)
        ) AS choice
    FROM (SELECT DISTINCT month, CAST(substr(month, 1, 4) AS BIGINT) AS year FROM crime_count) AS months
    CROSS JOIN population
)
WHERE choice = 1
