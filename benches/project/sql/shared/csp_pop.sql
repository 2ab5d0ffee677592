-- Residents of a partnership in a month: the estimate of that year, else of the latest earlier, else of the earliest.
-- Grain: one row per loaded month and partnership.
SELECT month, csp_code, population
FROM (
    SELECT
        months.month,
        pop.csp_code,
        CAST(pop.population AS BIGINT) AS population,
        row_number() OVER (
            PARTITION BY months.month, pop.csp_code
            ORDER BY CASE WHEN pop.mid_year <= months.year THEN 0 ELSE 1 END, abs(months.year - pop.mid_year)
        ) AS choice
    FROM months
    CROSS JOIN pop
)
WHERE choice = 1
