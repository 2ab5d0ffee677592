//! Street-level crimes and what became of them: the street file and the outcomes file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::draw::Stream;
use super::places::Place;
use super::{Force, Month, Simulation};

/// The LSOA code of the deliberate flaw: well-formed, in no register.
pub const UNKNOWN_LSOA: &str = "E01099999";

/// The crime type of the deliberate flaw.
pub const MISSPELT_TYPE: &str = "Shop lifting";

/// Months between a crime and its last decision, at most. In Cleveland about one decision in ninety takes longer.
pub(super) const LONGEST_LAG: i32 = 12;

/// One row of a street file.
#[derive(Debug, Clone)]
pub(super) struct Crime {
    id: [u8; 32],
    /// Absent: the publisher could not place it, `No Location`.
    place: Option<Place>,
    /// Position in [`KINDS`].
    kind: usize,
    last_outcome: &'static str,
    decisions: [Option<Taken>; 2],
}

/// A decision and how many months after the crime it was taken.
#[derive(Debug, Clone, Copy)]
struct Taken {
    months_later: i32,
    decision: &'static Decision,
}

impl Simulation {
    /// The crimes of a month in the order of the street file: by LSOA name, those without a location last; then by
    /// type, `Other crime` last. None happen while the vintage in use has no LSOA.
    pub(super) fn crimes(&self, month: Month) -> Vec<Crime> {
        let mut stream = self.stream("crimes", month);
        let mut crimes = Vec::new();
        for (kind, habits) in KINDS.iter().enumerate() {
            let in_an_average_month = self.scaled(habits.rows * self.monthly_rows_milli() / ALL_ROWS);
            let expected_milli = in_an_average_month * habits.season[month.index()] / 1000;
            for _ in 0..stream.count(expected_milli) {
                crimes.extend(self.crime(&mut stream, month, kind));
            }
        }
        crimes.sort_by_key(|crime| (crime.place.map_or(usize::MAX, Place::rank), crime.kind));
        crimes
    }

    fn crime(&self, stream: &mut Stream, month: Month, kind: usize) -> Option<Crime> {
        let habits = &KINDS[kind];
        let placed = self.places.draw(stream, month, habits.outcomes.is_none())?;
        let place = if stream.chance(self.no_location_per_1000()) { None } else { Some(placed) };
        let Some(outcomes) = habits.outcomes else {
            return Some(Crime { id: [0; 32], place, kind, last_outcome: "", decisions: [None; 2] });
        };
        let (last_outcome, decision) = OUTCOMES[stream.weighted(&outcomes)];
        let decisions = decision.map_or([None; 2], |decision| taken(stream, decision));
        Some(Crime { id: stream.bytes(), place, kind, last_outcome, decisions })
    }

    /// Rows of a street file in an average month, in thousandths.
    ///
    /// Cleveland: the mean of its 35 files. Greater Manchester: recorded crimes 2018-01..2019-01, about
    /// 32,600 a month; whether they include anti-social behaviour is not told.
    fn monthly_rows_milli(&self) -> i64 {
        match self.force {
            Force::Cleveland => 7_750_000,
            Force::GreaterManchester => 33_000_000,
        }
    }

    /// Rows in a thousand without a location: none in any Cleveland file; the other share is assumed.
    fn no_location_per_1000(&self) -> u64 {
        match self.force {
            Force::Cleveland => 0,
            Force::GreaterManchester => 10,
        }
    }

    /// The street file of a month, from its crimes in order.
    pub(super) fn street_csv(&self, month: Month, crimes: &[Crime]) -> String {
        let flaws = self.flaws(month, crimes);
        let force = self.force.name();
        let mut csv = String::with_capacity((crimes.len() + 1) * 256);
        csv.push_str(
            "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,\
             Last outcome category,Context\n",
        );
        for (position, crime) in crimes.iter().enumerate() {
            let flaw = flaws.filter(|flaw| flaw.position == position).map(|flaw| flaw.kind);
            let mut place = self.place_cells(crime);
            let mut kind = KINDS[crime.kind].name;
            let mut times = 1;
            match flaw {
                Some(FlawKind::UnknownLsoa) => place = with_code(&place, UNKNOWN_LSOA),
                Some(FlawKind::MisspeltType) => kind = MISSPELT_TYPE,
                Some(FlawKind::RepeatedRow) => times = 2,
                None => {}
            }
            let (id, outcome) = (crime.id_cell(), crime.last_outcome);
            for _ in 0..times {
                // Writing into a string cannot fail.
                _ = writeln!(csv, "{id},{month},{force},{force},{place},{kind},{outcome},");
            }
        }
        csv
    }

    /// The flaw of a month, at a crime with a location; shoplifting where the type is to be misspelt.
    fn flaws(&self, month: Month, crimes: &[Crime]) -> Option<Flaw> {
        let kind = match month.number() {
            1 | 5 | 9 => FlawKind::UnknownLsoa,
            4 | 10 => FlawKind::MisspeltType,
            2 | 8 => FlawKind::RepeatedRow,
            _ => return None,
        };
        let candidates: Vec<usize> = (0..crimes.len())
            .filter(|position| {
                let habits = &KINDS[crimes[*position].kind];
                let fits = habits.name == "Shoplifting" || kind != FlawKind::MisspeltType;
                crimes[*position].place.is_some() && habits.outcomes.is_some() && fits
            })
            .collect();
        let chosen = self.stream("flaw", month).position(candidates.len());
        candidates.get(chosen).map(|position| Flaw { position: *position, kind })
    }

    /// The outcomes file of a month: decisions taken in it on the crimes of that month and earlier ones, in no order.
    /// Some rows occur several times, probably once per suspect.
    pub(super) fn outcomes_csv(&self, month: Month, recent: &BTreeMap<Month, Vec<Crime>>) -> String {
        let mut stream = self.stream("outcomes", month);
        let mut rows: Vec<(&Crime, &Decision)> = Vec::new();
        for months_ago in (0..=LONGEST_LAG).rev() {
            for crime in recent.get(&month.back(months_ago)).map_or(&[][..], Vec::as_slice) {
                for taken in crime.decisions.iter().flatten().filter(|taken| taken.months_later == months_ago)
                {
                    for _ in 0..copies(&mut stream, taken.decision) {
                        rows.push((crime, taken.decision));
                    }
                }
            }
        }
        stream.shuffle(&mut rows);
        let force = self.force.name();
        let mut csv = String::with_capacity((rows.len() + 1) * 256);
        csv.push_str(
            "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Outcome type\n",
        );
        for (crime, decision) in rows {
            let place = match crime.place {
                Some(place) => self.places.cells_in(place, month),
                None => Some(NO_LOCATION.to_owned()),
            };
            if let Some(place) = place {
                let (id, outcome) = (crime.id_cell(), decision.name);
                // Writing into a string cannot fail.
                _ = writeln!(csv, "{id},{month},{force},{force},{place},{outcome}");
            }
        }
        csv
    }

    fn place_cells(&self, crime: &Crime) -> String {
        crime.place.map_or_else(|| NO_LOCATION.to_owned(), |place| self.places.cells(place))
    }
}

impl Crime {
    /// The `Crime ID`; blank for anti-social behaviour.
    fn id_cell(&self) -> String {
        if KINDS[self.kind].outcomes.is_some() { hex::encode(self.id) } else { String::new() }
    }
}

/// Longitude, latitude, location, LSOA code and name of a crime that has no place.
const NO_LOCATION: &str = ",,No Location,,";

/// A deliberate flaw at one row of a street file.
#[derive(Debug, Clone, Copy)]
struct Flaw {
    position: usize,
    kind: FlawKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlawKind {
    UnknownLsoa,
    MisspeltType,
    RepeatedRow,
}

/// Place cells with another LSOA code; the three cells before it hold no quotes.
fn with_code(place: &str, code: &str) -> String {
    let mut cells: Vec<&str> = place.splitn(5, ',').collect();
    if let Some(cell) = cells.get_mut(3) {
        *cell = code;
    }
    cells.join(",")
}

/// When a decision was taken; for some crimes it is published again later, or follows a first one.
///
/// Source: Cleveland's outcomes 2024-01..2025-06: 15 crimes in a thousand are in several months, 5 with several kinds.
fn taken(stream: &mut Stream, decision: &'static Decision) -> [Option<Taken>; 2] {
    let months_later = |position: usize| i32::try_from(position).unwrap_or(0).min(LONGEST_LAG);
    let once = Taken { months_later: months_later(stream.weighted(decision.lags)), decision };
    let second = once.months_later + 1 + months_later(stream.position(6));
    let again = if second <= LONGEST_LAG { Some(Taken { months_later: second, decision }) } else { None };
    match stream.below(1000) {
        0..10 => [Some(once), again],
        10..15 if again.is_some() => [Some(Taken { decision: &NO_SUSPECT, ..once }), again],
        _ => [Some(once), None],
    }
}

/// How often a decision's row stands in the file: once, or for a few two to five times.
fn copies(stream: &mut Stream, decision: &Decision) -> u64 {
    if stream.chance(decision.repeated_per_1000) {
        stream.choose(&[(2, 80), (3, 14), (4, 4), (5, 2)])
    } else {
        1
    }
}

/// What is published in an outcomes file.
#[derive(Debug)]
struct Decision {
    name: &'static str,
    /// Weights of 0, 1, 2 ... months after the month of the crime.
    lags: &'static [u64],
    /// Crimes in a thousand whose row is repeated.
    repeated_per_1000: u64,
}

// Lags and repeats: Cleveland's outcomes 2024-06..2025-06 and 2024-01..2025-06, rounded, joined to its street files.
const AT_ONCE: &[u64] = &[860, 90, 25, 12, 7, 3, 3];
const SOON: &[u64] = &[600, 205, 70, 40, 22, 15, 12, 10, 8, 6, 5, 4, 3];
const LATER: &[u64] = &[440, 205, 85, 60, 50, 35, 35, 25, 20, 15, 12, 10, 8];
const LATE: &[u64] = &[140, 125, 160, 150, 120, 80, 65, 50, 35, 30, 20, 15, 10];

static UNABLE: Decision = Decision { name: "Unable to prosecute suspect", lags: SOON, repeated_per_1000: 20 };
static NO_SUSPECT: Decision =
    Decision { name: "Investigation complete; no suspect identified", lags: AT_ONCE, repeated_per_1000: 1 };
static CHARGED: Decision = Decision { name: "Suspect charged", lags: LATER, repeated_per_1000: 77 };
static CHARGED_ELSEWHERE: Decision =
    Decision { name: "Suspect charged as part of another case", lags: LATER, repeated_per_1000: 0 };
static NO_FURTHER_ACTION: Decision =
    Decision { name: "Further action is not in the public interest", lags: LATE, repeated_per_1000: 25 };
static NO_INVESTIGATION: Decision = Decision {
    name: "Further investigation is not in the public interest",
    lags: SOON,
    repeated_per_1000: 0,
};
static NO_FORMAL_ACTION: Decision =
    Decision { name: "Formal action is not in the public interest", lags: LATER, repeated_per_1000: 21 };
static ELSEWHERE: Decision =
    Decision { name: "Action to be taken by another organisation", lags: SOON, repeated_per_1000: 0 };
static LOCAL: Decision = Decision { name: "Local resolution", lags: LATER, repeated_per_1000: 17 };
static CAUTION: Decision = Decision { name: "Offender given a caution", lags: LATE, repeated_per_1000: 67 };
static WARNING: Decision =
    Decision { name: "Offender given a drugs possession warning", lags: AT_ONCE, repeated_per_1000: 21 };
static PENALTY: Decision =
    Decision { name: "Offender given penalty notice", lags: AT_ONCE, repeated_per_1000: 0 };

/// The last outcome categories, each with the decision the outcomes file has for such crimes: a result of a court
/// was a charge there, and a crime without a known outcome is not in it. The real force names results of courts in
/// files before 2019 only; here they occur in every month.
static OUTCOMES: [(&str, Option<&'static Decision>); 26] = [
    ("Unable to prosecute suspect", Some(&UNABLE)),
    ("Investigation complete; no suspect identified", Some(&NO_SUSPECT)),
    ("Court result unavailable", Some(&CHARGED)),
    ("Status update unavailable", None),
    ("Awaiting court outcome", Some(&CHARGED)),
    ("Further action is not in the public interest", Some(&NO_FURTHER_ACTION)),
    ("Further investigation is not in the public interest", Some(&NO_INVESTIGATION)),
    ("Formal action is not in the public interest", Some(&NO_FORMAL_ACTION)),
    ("Action to be taken by another organisation", Some(&ELSEWHERE)),
    ("Local resolution", Some(&LOCAL)),
    ("Offender given a caution", Some(&CAUTION)),
    ("Offender given a drugs possession warning", Some(&WARNING)),
    ("Offender given community sentence", Some(&CHARGED)),
    ("Offender sent to prison", Some(&CHARGED)),
    ("Defendant found not guilty", Some(&CHARGED)),
    ("Offender fined", Some(&CHARGED)),
    ("Offender given conditional discharge", Some(&CHARGED)),
    ("Offender given penalty notice", Some(&PENALTY)),
    ("Court case unable to proceed", Some(&CHARGED)),
    ("Offender otherwise dealt with", Some(&CHARGED)),
    ("Offender given suspended prison sentence", Some(&CHARGED)),
    ("Suspect charged as part of another case", Some(&CHARGED_ELSEWHERE)),
    ("Offender ordered to pay compensation", Some(&CHARGED)),
    ("Defendant sent to Crown Court", Some(&CHARGED)),
    ("Offender deprived of property", Some(&CHARGED)),
    ("Offender given absolute discharge", Some(&CHARGED)),
];

/// One of the publisher's crime types.
struct Kind {
    name: &'static str,
    /// Rows in Cleveland's 35 street files, [`ALL_ROWS`] in all.
    rows: i64,
    /// A month's rows in thousandths of an average month's, from January; the mean is 1000.
    season: &'static [i64; 12],
    /// Rows by last outcome category, in the order of [`OUTCOMES`], in the same files. Absent: the publisher gives
    /// neither outcome nor crime ID.
    outcomes: Option<[u64; 26]>,
}

/// Rows in Cleveland's 35 street files.
const ALL_ROWS: i64 = 271_257;

// Seasons: means of Cleveland 2023-01..2025-06 per calendar month, smoothed by eye.
const OUTDOORS: &[i64; 12] = &[720, 850, 1060, 1150, 1220, 1190, 1150, 1180, 1010, 1000, 780, 690];
const SUMMER: &[i64; 12] = &[730, 850, 1000, 1000, 1150, 1150, 1250, 1200, 1120, 1080, 830, 640];
const AUTUMN: &[i64; 12] = &[970, 900, 1020, 1050, 1000, 960, 1000, 1080, 1100, 1080, 920, 920];
const MILD: &[i64; 12] = &[920, 920, 1020, 1000, 1050, 1050, 1080, 1090, 1000, 1010, 960, 900];

/// The crime types in the order the publisher writes them within an LSOA.
#[rustfmt::skip]
static KINDS: [Kind; 14] = [
    Kind { name: "Anti-social behaviour", rows: 54_887, season: OUTDOORS, outcomes: None },
    Kind { name: "Bicycle theft", rows: 1_766, season: SUMMER, outcomes: Some(
        [249, 1472, 35, 3, 3, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0]) },
    Kind { name: "Burglary", rows: 12_944, season: AUTUMN, outcomes: Some(
        [2394, 9267, 910, 129, 127, 13, 5, 13, 4, 7, 8, 0, 12, 28, 11, 0, 0, 0, 2, 3, 2, 8, 0, 1, 0, 0]) },
    Kind { name: "Criminal damage and arson", rows: 27_396, season: MILD, outcomes: Some(
        [7128, 18456, 1057, 111, 101, 133, 11, 53, 33, 138, 115, 0, 16, 6, 7, 6, 12, 1, 3, 1, 1, 1, 5, 0, 0, 1]) },
    Kind { name: "Drugs", rows: 7_377, season: MILD, outcomes: Some(
        [1240, 1094, 2301, 301, 338, 581, 23, 517, 4, 403, 207, 303, 3, 7, 1, 20, 9, 15, 3, 1, 1, 0, 0, 0, 4, 1]) },
    Kind { name: "Other theft", rows: 14_826, season: MILD, outcomes: Some(
        [4333, 9837, 304, 146, 31, 29, 20, 34, 7, 31, 26, 0, 7, 4, 5, 4, 5, 0, 0, 0, 2, 0, 0, 1, 0, 0]) },
    Kind { name: "Possession of weapons", rows: 2_018, season: MILD, outcomes: Some(
        [709, 90, 791, 82, 82, 144, 3, 39, 5, 13, 42, 0, 4, 6, 2, 2, 0, 0, 2, 0, 2, 0, 0, 0, 0, 0]) },
    Kind { name: "Public order", rows: 18_475, season: MILD, outcomes: Some(
        [10050, 6353, 1333, 129, 198, 75, 38, 80, 23, 42, 59, 0, 14, 14, 12, 13, 2, 28, 6, 3, 2, 0, 0, 1, 0, 0]) },
    Kind { name: "Robbery", rows: 2_493, season: MILD, outcomes: Some(
        [1152, 886, 326, 41, 51, 6, 0, 3, 1, 2, 4, 0, 3, 14, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]) },
    Kind { name: "Shoplifting", rows: 23_672, season: AUTUMN, outcomes: Some(
        [4593, 11767, 5487, 42, 495, 51, 349, 354, 4, 63, 48, 0, 143, 107, 8, 31, 50, 8, 4, 33, 17, 2, 11, 5, 0, 0]) },
    Kind { name: "Theft from the person", rows: 1_039, season: MILD, outcomes: Some(
        [323, 681, 16, 5, 1, 1, 0, 3, 4, 2, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) },
    Kind { name: "Vehicle crime", rows: 11_850, season: AUTUMN, outcomes: Some(
        [1611, 9512, 538, 51, 58, 8, 3, 12, 2, 5, 5, 0, 5, 8, 3, 3, 1, 0, 6, 0, 1, 18, 0, 0, 0, 0]) },
    Kind { name: "Violence and sexual offences", rows: 85_972, season: MILD, outcomes: Some(
        [60802, 13629, 5648, 1879, 892, 670, 273, 273, 1261, 211, 246, 0, 46, 41, 51, 15, 4, 2, 16, 0, 10, 0, 1, 2, 0,
         0]) },
    Kind { name: "Other crime", rows: 6_542, season: MILD, outcomes: Some(
        [3421, 989, 620, 292, 112, 87, 847, 68, 43, 12, 35, 0, 2, 8, 3, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0]) },
];
