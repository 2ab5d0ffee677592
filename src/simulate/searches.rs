//! The stop-and-search file.

use std::fmt::Write as _;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _};
use chrono_tz::Europe::London;

use super::draw::Stream;
use super::{Force, Month, Simulation};

impl Simulation {
    /// The stop-and-search file of a month, by date. The month is one of local time: in summer the first rows carry
    /// the last evening of the month before, as the dates are written in UTC.
    pub(super) fn searches_csv(&self, month: Month) -> String {
        let habits = match self.force {
            Force::Cleveland => &CLEVELAND,
            Force::GreaterManchester => &GREATER_MANCHESTER,
        };
        let mut stream = self.stream("stop-and-search", month);
        let mut rows: Vec<(NaiveDateTime, String)> = Vec::new();
        let mut stop = habits.stop(&mut stream, self, month);
        for _ in 0..stream.count(self.scaled(habits.monthly_searches_milli)) {
            let kept = stream.below(1000);
            // Searches come in groups: passengers of a car, friends on a corner. Some rows are fully identical.
            match rows.last() {
                Some(last) if kept < habits.identical_per_1000 => rows.push(last.clone()),
                Some(_) if kept < habits.identical_per_1000 + habits.same_stop_per_1000 => {
                    rows.push((stop.at, habits.row(&mut stream, &stop)));
                }
                _ => {
                    stop = habits.stop(&mut stream, self, month);
                    rows.push((stop.at, habits.row(&mut stream, &stop)));
                }
            }
        }
        rows.sort_by_key(|(at, _)| *at);
        let mut csv = String::with_capacity((rows.len() + 1) * 256);
        csv.push_str(
            "Type,Date,Part of a policing operation,Policing operation,Latitude,Longitude,Gender,Age range,\
             Self-defined ethnicity,Officer-defined ethnicity,Legislation,Object of search,Outcome,\
             Outcome linked to object of search,Removal of more than just outer clothing\n",
        );
        for (_, row) in rows {
            csv.push_str(&row);
        }
        csv
    }
}

/// When and where one or several people were stopped.
struct Stop {
    /// UTC.
    at: NaiveDateTime,
    /// Latitude and longitude as two cells, blank when unknown.
    place: String,
}

/// Values with their weights.
type Table<T = &'static str> = &'static [(T, u64)];

/// How a force fills in its stop-and-search file. Weights are rows of its real files; `_per_1000` are shares of rows.
struct Habits {
    monthly_searches_milli: i64,
    /// The force gives times; else it gives days, and the publisher writes local midnight.
    times: bool,
    identical_per_1000: u64,
    same_stop_per_1000: u64,
    blank_place_per_1000: u64,
    kinds: Table,
    operation: Table,
    /// Searches of vehicles, and of persons and vehicles, that tell nothing about a person.
    impersonal_vehicle_per_1000: u64,
    impersonal_both_per_1000: u64,
    blank_gender_per_1000: u64,
    female_per_1000: u64,
    ages: Table,
    self_defined: Table,
    blank_officer_defined_per_1000: u64,
    /// Legislation and object of search.
    grounds: Table<(&'static str, &'static str)>,
    /// Outcome, and whether it is linked to the object of search.
    outcomes: Table<(&'static str, &'static str)>,
    clothing: Table,
}

impl Habits {
    fn stop(&self, stream: &mut Stream, simulation: &Simulation, month: Month) -> Stop {
        let drawn = simulation.places.draw(stream, month, false);
        let known = drawn.filter(|_| !stream.chance(self.blank_place_per_1000));
        let place = known.map_or(",", |place| simulation.places.latitude_longitude(place)).to_owned();
        Stop { at: self.moment(stream, month), place }
    }

    /// A moment of a local month, in UTC.
    fn moment(&self, stream: &mut Stream, month: Month) -> NaiveDateTime {
        let first = NaiveDate::from_ymd_opt(month.year(), month.number(), 1).unwrap_or_default();
        let next = month.back(-1);
        let end = NaiveDate::from_ymd_opt(next.year(), next.number(), 1).unwrap_or_default();
        let days = u64::try_from((end - first).num_days()).unwrap_or(0);
        let day = first + Days::new(stream.below(days));
        let minutes = if self.times {
            let minute = if stream.chance(600) { stream.below(12) * 5 } else { stream.below(60) };
            stream.weighted(&SEARCHES_BY_HOUR) as u64 * 60 + minute
        } else {
            0
        };
        let local = day.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::try_from(minutes).unwrap_or(0));
        // The hour that the clocks skip does not exist; as UTC it is the hour after.
        London.from_local_datetime(&local).earliest().map_or(local, |at| at.naive_utc())
    }

    fn row(&self, stream: &mut Stream, stop: &Stop) -> String {
        let kind = stream.choose(self.kinds);
        let operation = stream.choose(self.operation);
        let person = self.person(stream, kind);
        let (legislation, object) = stream.choose(self.grounds);
        let (outcome, linked) = stream.choose(self.outcomes);
        let clothing = stream.choose(self.clothing);
        let (at, place) = (stop.at.format("%Y-%m-%dT%H:%M:%S+00:00"), &stop.place);
        let mut row = String::with_capacity(256);
        // Writing into a string cannot fail.
        _ = writeln!(
            row,
            "{kind},{at},{operation},,{place},{person},{legislation},{object},{outcome},{linked},{clothing}"
        );
        row
    }

    /// Gender, age range, self-defined and officer-defined ethnicity as four cells.
    fn person(&self, stream: &mut Stream, kind: &str) -> String {
        let impersonal_per_1000 = match kind {
            "Vehicle search" => self.impersonal_vehicle_per_1000,
            "Person and Vehicle search" => self.impersonal_both_per_1000,
            _ => 0,
        };
        if stream.chance(impersonal_per_1000) {
            return ",,,".to_owned();
        }
        let gender = if stream.chance(self.blank_gender_per_1000) {
            ""
        } else if stream.chance(self.female_per_1000) {
            "Female"
        } else {
            "Male"
        };
        let age = stream.choose(self.ages);
        let self_defined = stream.choose(self.self_defined);
        let officer_defined = if stream.chance(self.blank_officer_defined_per_1000) {
            ""
        } else {
            officer_defined(stream, self_defined)
        };
        format!("{gender},{age},{self_defined},{officer_defined}")
    }
}

/// The ethnicity an officer notes for a person: mostly that of the person's own group.
fn officer_defined(stream: &mut Stream, self_defined: &str) -> &'static str {
    const OTHERWISE: Table = &[("White", 60), ("Asian", 20), ("Black", 12), ("Other", 8)];
    let group = self_defined.split([' ', '/']).next().unwrap_or_default();
    match group {
        _ if stream.chance(40) => stream.choose(OTHERWISE),
        "White" => "White",
        "Asian" => "Asian",
        "Black" => "Black",
        "" => stream.choose(&[("White", 82), ("Asian", 10), ("Black", 4), ("Other", 4)]),
        _ => stream.choose(OTHERWISE),
    }
}

/// Searches by hour of local time. Source: Greater Manchester 2019-06, moved from UTC.
const SEARCHES_BY_HOUR: [u64; 24] =
    [64, 43, 37, 31, 12, 7, 2, 2, 9, 10, 14, 41, 40, 41, 43, 42, 43, 35, 65, 71, 94, 75, 46, 40];

const PACE: &str = "Police and Criminal Evidence Act 1984 (section 1)";
const DRUGS_ACT: &str = "Misuse of Drugs Act 1971 (section 23)";
const FIREARMS_ACT: &str = "Firearms Act 1968 (section 47)";

/// Source: Cleveland 2023-01..2025-06, 19,852 rows; combinations with fewer than 5 rows left out.
static CLEVELAND: Habits = Habits {
    monthly_searches_milli: 650_000,
    times: false,
    identical_per_1000: 40,
    same_stop_per_1000: 150,
    blank_place_per_1000: 53,
    kinds: &[("Person search", 17_328), ("Person and Vehicle search", 1_578), ("Vehicle search", 946)],
    operation: &[("", 1)],
    impersonal_vehicle_per_1000: 943,
    impersonal_both_per_1000: 812,
    blank_gender_per_1000: 19,
    female_per_1000: 149,
    ages: &[
        ("over 34", 6_754),
        ("25-34", 3_803),
        ("18-24", 3_496),
        ("10-17", 2_919),
        ("", 630),
        ("under 10", 18),
    ],
    self_defined: &[
        ("White - English/Welsh/Scottish/Northern Irish/British", 14_124),
        ("", 1_755),
        ("Asian/Asian British - Pakistani", 306),
        ("White - Any other White background", 252),
        ("Asian/Asian British - Any other Asian background", 218),
        ("Other ethnic group - Not stated", 202),
        ("Mixed/Multiple ethnic groups - Any other Mixed/Multiple ethnic background", 151),
        ("Black/African/Caribbean/Black British - African", 118),
        ("Asian/Asian British - Indian", 96),
        ("Black/African/Caribbean/Black British - Any other Black/African/Caribbean background", 95),
        ("Mixed/Multiple ethnic groups - White and Asian", 70),
        ("Mixed/Multiple ethnic groups - White and Black Caribbean", 66),
        ("Black/African/Caribbean/Black British - Caribbean", 65),
        ("White - Irish", 58),
        ("Mixed/Multiple ethnic groups - White and Black African", 20),
        ("Asian/Asian British - Bangladeshi", 13),
        ("Asian/Asian British - Chinese", 11),
    ],
    blank_officer_defined_per_1000: 119,
    grounds: &[
        ((DRUGS_ACT, "Controlled drugs"), 12_285),
        ((PACE, "Article for use in theft"), 2_316),
        ((PACE, "Offensive weapons"), 2_057),
        ((PACE, "Stolen goods"), 694),
        ((PACE, "Articles for use in criminal damage"), 670),
        ((PACE, "Anything to threaten or harm anyone"), 639),
        ((PACE, ""), 333),
        ((PACE, "Evidence of offences under the Act"), 149),
        ((PACE, "Controlled drugs"), 111),
        ((PACE, "Firearms"), 99),
        (("", "Offensive weapons"), 76),
        ((DRUGS_ACT, "Psychoactive substances"), 60),
        ((FIREARMS_ACT, "Firearms"), 60),
        ((DRUGS_ACT, ""), 58),
        (("", "Anything to threaten or harm anyone"), 56),
        ((DRUGS_ACT, "Evidence of offences under the Act"), 39),
        ((DRUGS_ACT, "Offensive weapons"), 29),
        (("", "Controlled drugs"), 25),
        ((DRUGS_ACT, "Anything to threaten or harm anyone"), 15),
        (("", "Game or poaching equipment"), 12),
        (("", "Evidence of offences under the Act"), 12),
        ((DRUGS_ACT, "Article for use in theft"), 9),
        (("", ""), 7),
        ((PACE, "Game or poaching equipment"), 6),
        (("", "Articles for use in criminal damage"), 6),
        (("", "Article for use in theft"), 5),
    ],
    outcomes: &[
        (("A no further action disposal", ""), 13_430),
        (("A no further action disposal", "True"), 1_291),
        (("Arrest", "True"), 1_075),
        (("", "True"), 929),
        (("Arrest", ""), 649),
        (("A no further action disposal", "False"), 584),
        (("", ""), 566),
        (("Arrest", "False"), 311),
        (("Community resolution", "True"), 225),
        (("", "False"), 217),
        (("Summons / charged by post", "True"), 145),
        (("Khat or Cannabis warning", "True"), 140),
        (("Community resolution", ""), 54),
        (("Community resolution", "False"), 46),
        (("Summons / charged by post", ""), 44),
        (("Summons / charged by post", "False"), 37),
        (("Khat or Cannabis warning", ""), 37),
        (("Caution (simple or conditional)", "True"), 29),
        (("Khat or Cannabis warning", "False"), 28),
        (("Caution (simple or conditional)", ""), 8),
        (("Caution (simple or conditional)", "False"), 7),
    ],
    clothing: &[("", 1)],
};

/// Source: Greater Manchester 2019-06, 907 rows.
static GREATER_MANCHESTER: Habits = Habits {
    monthly_searches_milli: 900_000,
    times: true,
    identical_per_1000: 60,
    same_stop_per_1000: 200,
    blank_place_per_1000: 11,
    kinds: &[("Person search", 742), ("Person and Vehicle search", 125), ("Vehicle search", 40)],
    operation: &[("False", 666), ("True", 241)],
    impersonal_vehicle_per_1000: 900,
    impersonal_both_per_1000: 0,
    blank_gender_per_1000: 207,
    female_per_1000: 75,
    ages: &[("", 237), ("18-24", 194), ("over 34", 160), ("10-17", 141), ("25-34", 136), ("under 10", 3)],
    self_defined: &[
        ("White - English/Welsh/Scottish/Northern Irish/British", 458),
        ("Asian/Asian British - Pakistani", 96),
        ("Other ethnic group - Not stated", 64),
        ("Black/African/Caribbean/Black British - Caribbean", 48),
        ("Black/African/Caribbean/Black British - African", 38),
        ("White - Any other White background", 31),
        ("Asian/Asian British - Any other Asian background", 31),
        ("Black/African/Caribbean/Black British - Any other Black/African/Caribbean background", 27),
        ("Mixed/Multiple ethnic groups - White and Black Caribbean", 16),
        ("Other ethnic group - Arab", 11),
        ("White - Irish", 9),
        ("Asian/Asian British - Bangladeshi", 8),
        ("Mixed/Multiple ethnic groups - Any other Mixed/Multiple ethnic background", 8),
        ("Mixed/Multiple ethnic groups - White and Asian", 7),
        ("Asian/Asian British - Indian", 7),
        ("Other ethnic group - Any other ethnic group", 5),
        ("White - Gypsy or Irish Traveller", 4),
        ("Mixed/Multiple ethnic groups - White and Black African", 3),
    ],
    blank_officer_defined_per_1000: 17,
    grounds: &[
        ((DRUGS_ACT, "Controlled drugs"), 480),
        ((PACE, "Offensive weapons"), 155),
        ((PACE, "Stolen goods"), 97),
        ((PACE, "Article for use in theft"), 92),
        ((PACE, "Controlled drugs"), 16),
        ((PACE, "Articles for use in criminal damage"), 14),
        ((PACE, "Anything to threaten or harm anyone"), 12),
        ((PACE, "Goods on which duty has not been paid etc."), 10),
        ((FIREARMS_ACT, "Controlled drugs"), 9),
        ((PACE, "Firearms"), 5),
        ((FIREARMS_ACT, "Firearms"), 5),
        ((PACE, "Fireworks"), 4),
        ((PACE, ""), 2),
        ((DRUGS_ACT, "Offensive weapons"), 2),
        (
            (
                "Criminal Justice and Public Order Act 1994 (section 60)",
                "Anything to threaten or harm anyone",
            ),
            1,
        ),
        (("Customs and Excise Management Act 1979 (section 163)", ""), 1),
        ((DRUGS_ACT, "Stolen goods"), 1),
        ((FIREARMS_ACT, "Anything to threaten or harm anyone"), 1),
    ],
    outcomes: &[
        (("A no further action disposal", ""), 705),
        (("Arrest", "True"), 51),
        (("Khat or Cannabis warning", "True"), 50),
        (("Arrest", "False"), 47),
        (("Summons / charged by post", "True"), 14),
        (("Community resolution", "True"), 13),
        (("Caution (simple or conditional)", "True"), 12),
        (("Community resolution", "False"), 5),
        (("Khat or Cannabis warning", "False"), 4),
        (("Summons / charged by post", "False"), 3),
        (("Penalty Notice for Disorder", "True"), 2),
        (("Penalty Notice for Disorder", "False"), 1),
    ],
    clothing: &[("False", 896), ("True", 11)],
};
