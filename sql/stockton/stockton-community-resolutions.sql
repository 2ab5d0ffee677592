/*
id = "stockton-community-resolutions"
title = "Community resolutions"
framework = "stockton-2017-20"
theme = "Reducing re-offending"
priority = "Reducing re-offending"
owner = "YOT Management Board"
quote = "reducing the number of repeat victims of domestic abuse, rate of first time entrants into the youth justice system and finding community resolutions."
kind = "count"
unit = "outcomes"
polarity = "context"
areas = ["E22000030"]
notes = """
Outcomes of the kind `Local resolution`, the publisher's name for community resolutions, counted in the month in \
which they were decided. Two suspects of one crime are two outcomes."""
*/
-- Grain: one row per month of decision. Unit: outcomes. A month without any has no row.
SELECT area, month, sum(n) AS numerator
FROM outcome_by_area
WHERE area = 'E22000030' AND outcome = 'Local resolution'
GROUP BY area, month
