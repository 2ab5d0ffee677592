-- The fourteen published crime types.
-- Grain: one row per crime type.
SELECT column1 AS crime_type
FROM (
    VALUES
    ('Anti-social behaviour'),
    ('Bicycle theft'),
    ('Burglary'),
    ('Criminal damage and arson'),
    ('Drugs'),
    ('Other crime'),
    ('Other theft'),
    ('Possession of weapons'),
    ('Public order'),
    ('Robbery'),
    ('Shoplifting'),
    ('Theft from the person'),
    ('Vehicle crime'),
    ('Violence and sexual offences')
)
