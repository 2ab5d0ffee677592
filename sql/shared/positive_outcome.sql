-- Outcomes by which somebody was brought to account. `settled_by` tells by whom: `police` for disposals out of court
-- and for cases that await court, `court` for what became of a case there. The publisher replaces the first court
-- entry by the result once it is known, so an older month has few cases that await court and many results.
-- Grain: one row per outcome.
SELECT column1 AS outcome, column2 AS settled_by
FROM (
    VALUES
    ('Awaiting court outcome', 'police'),
    ('Local resolution', 'police'),
    ('Offender given a caution', 'police'),
    ('Offender given a drugs possession warning', 'police'),
    ('Offender given penalty notice', 'police'),
    ('Suspect charged as part of another case', 'police'),
    ('Court case unable to proceed', 'court'),
    ('Court result unavailable', 'court'),
    ('Defendant found not guilty', 'court'),
    ('Defendant sent to Crown Court', 'court'),
    ('Offender deprived of property', 'court'),
    ('Offender fined', 'court'),
    ('Offender given absolute discharge', 'court'),
    ('Offender given community sentence', 'court'),
    ('Offender given conditional discharge', 'court'),
    ('Offender given suspended prison sentence', 'court'),
    ('Offender ordered to pay compensation', 'court'),
    ('Offender otherwise dealt with', 'court'),
    ('Offender sent to prison', 'court'),
    ('Suspect charged', 'court')
)
