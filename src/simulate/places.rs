//! Where simulated events happen: the anonymous points of each LSOA, the same for every seed.

use super::draw::Stream;
use super::{Force, Lsoa, Month};

/// The LSOAs of a force, ordered by name as the publisher orders its rows.
pub(super) struct Places {
    areas: Vec<Area>,
    set_2011: Vintage,
    set_2021: Vintage,
}

/// The LSOAs of one census, as positions among all, with running totals of how much happens in them.
struct Vintage {
    areas: Vec<usize>,
    running_totals: Vec<u64>,
}

/// An LSOA with its points.
struct Area {
    lsoa: Lsoa,
    /// LSOA code and name as two cells.
    cells: String,
    /// Share of the force's events, in no particular unit.
    weight: u64,
    points: Vec<Point>,
    /// Running totals of how much happens at the points, the busiest first.
    running_totals: Vec<u64>,
    /// LSOAs of the 2021 set that stand in when this one is of the 2011 set alone; empty when it lives on.
    successors: Vec<usize>,
}

/// An anonymous point to which the publisher moves events.
struct Point {
    /// Longitude, latitude and location as three cells.
    cells: String,
    /// Latitude and longitude as two cells, the order of a stop-and-search file.
    latitude_longitude: String,
}

/// One point of one LSOA; orders by LSOA name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    area: usize,
    point: usize,
}

impl Place {
    /// Where rows of this place stand in a street file.
    pub(super) fn rank(self) -> usize {
        self.area
    }
}

impl Places {
    /// The places of a force; repeated codes count once, order does not matter.
    pub(super) fn new(force: Force, lsoas: &[Lsoa]) -> Self {
        let mut lsoas: Vec<&Lsoa> = lsoas.iter().filter(|lsoa| lsoa.in_2011 || lsoa.in_2021).collect();
        lsoas.sort_by(|left, right| (&left.name, &left.code).cmp(&(&right.name, &right.code)));
        lsoas.dedup_by(|left, right| left.code == right.code);
        let successors: Vec<_> = lsoas.iter().map(|lsoa| successors(lsoa, &lsoas)).collect();
        let areas: Vec<Area> = lsoas
            .into_iter()
            .zip(successors)
            .map(|(lsoa, successors)| Area::new(force, lsoa.clone(), successors))
            .collect();
        let set_2011 = Vintage::of(&areas, |lsoa| lsoa.in_2011);
        let set_2021 = Vintage::of(&areas, |lsoa| lsoa.in_2021);
        Self { areas, set_2011, set_2021 }
    }

    /// Whether there is an LSOA of each vintage in use in `month`.
    pub(super) fn cover(&self, month: Month) -> bool {
        let coded_2021 = coded_2021_per_1000(month);
        (coded_2021 == 1000 || !self.set_2011.areas.is_empty())
            && (coded_2021 == 0 || !self.set_2021.areas.is_empty())
    }

    /// Where an event of `month` happened. With `hot_spots` events crowd at the busiest points, as anti-social
    /// behaviour does. `None` if the vintage in use has no LSOA.
    pub(super) fn draw(&self, stream: &mut Stream, month: Month, hot_spots: bool) -> Option<Place> {
        let vintage = if stream.chance(coded_2021_per_1000(month)) { &self.set_2021 } else { &self.set_2011 };
        let area = *vintage.areas.get(stream.step(&vintage.running_totals))?;
        let running_totals = &self.areas[area].running_totals;
        let mut point = stream.step(running_totals);
        if hot_spots {
            point = point.min(stream.step(running_totals));
        }
        Some(Place { area, point })
    }

    /// Longitude, latitude, location, LSOA code and LSOA name as five cells of a street or outcomes file.
    pub(super) fn cells(&self, place: Place) -> String {
        let area = &self.areas[place.area];
        format!("{},{}", area.points[place.point].cells, area.cells)
    }

    /// The cells of a crime of an earlier month that is decided in `month`: the same point, in an LSOA of the vintage
    /// by then in use. `None` when the LSOA has no successor.
    pub(super) fn cells_in(&self, place: Place, month: Month) -> Option<String> {
        let area = &self.areas[place.area];
        if area.lsoa.in_2021 || coded_2021_per_1000(month) < 1000 {
            return Some(self.cells(place));
        }
        let successor = area.successors.get(place.point % area.successors.len().max(1))?;
        Some(format!("{},{}", area.points[place.point].cells, self.areas[*successor].cells))
    }

    /// Latitude and longitude as two cells of a stop-and-search file.
    pub(super) fn latitude_longitude(&self, place: Place) -> &str {
        &self.areas[place.area].points[place.point].latitude_longitude
    }
}

impl Vintage {
    fn of(areas: &[Area], belongs: impl Fn(&Lsoa) -> bool) -> Self {
        let areas_of_set: Vec<usize> = (0..areas.len()).filter(|area| belongs(&areas[*area].lsoa)).collect();
        let running_totals = running_totals(areas_of_set.iter().map(|area| areas[*area].weight));
        Self { areas: areas_of_set, running_totals }
    }
}

impl Area {
    fn new(force: Force, lsoa: Lsoa, successors: Vec<usize>) -> Self {
        let (middle_longitude, middle_latitude) = middle(force, authority(&lsoa.name));
        let mut around = Stream::named(&format!("neighbourhood {}", neighbourhood(&lsoa.name)));
        let mut stream = Stream::named(&format!("lsoa {}", lsoa.code));
        let longitude = middle_longitude + around.around_zero(45_000) + stream.around_zero(7_000);
        let latitude = middle_latitude + around.around_zero(22_000) + stream.around_zero(4_000);
        let weight = busyness(stream.below(1000));
        let count = 9 + stream.below(9) + stream.below(9) + weight / 12;
        let points = (0..count)
            .map(|_| {
                let longitude = degrees(longitude + stream.around_zero(4_500));
                let latitude = degrees(latitude + stream.around_zero(2_600));
                Point {
                    cells: format!("{longitude},{latitude},On or near {}", point_name(&mut stream)),
                    latitude_longitude: format!("{latitude},{longitude}"),
                }
            })
            .collect();
        // The second busiest point has four fifths of the events of the busiest, the third four sixths, and so on.
        let running_totals = running_totals((0..count).map(|position| 10_000 / (position + 4)));
        let cells = format!("{},{}", cell(&lsoa.code), cell(&lsoa.name));
        Self { lsoa, cells, weight, points, running_totals, successors }
    }
}

/// How many rows out of a thousand carry a code of the 2021 set.
///
/// Source: rows of LSOAs that changed in 2021, Cleveland 2023-01..2023-05 (61 of 839, 66 of 740, 86 of 786, 130 of
/// 877, 250 of 893); every row from 2023-06.
fn coded_2021_per_1000(month: Month) -> u64 {
    match (month.year(), month.number()) {
        (..2023, _) => 0,
        (2023, 1) => 73,
        (2023, 2) => 89,
        (2023, 3) => 109,
        (2023, 4) => 148,
        (2023, 5) => 280,
        _ => 1000,
    }
}

/// Weight of an LSOA that is busier than `rank` of a thousand: a few town centres hold a large part of all events.
///
/// Source: rows per LSOA of Cleveland 2025-05, at the deciles.
fn busyness(rank: u64) -> u64 {
    const ROWS: [(u64, u64); 13] = [
        (0, 3),
        (100, 4),
        (200, 7),
        (300, 9),
        (400, 12),
        (500, 15),
        (600, 19),
        (700, 24),
        (800, 32),
        (900, 46),
        (960, 75),
        (990, 130),
        (1000, 223),
    ];
    let above = ROWS.partition_point(|(start, _)| *start <= rank).clamp(1, ROWS.len() - 1);
    let ((start, least), (end, most)) = (ROWS[above - 1], ROWS[above]);
    least + (most - least) * (rank - start) / (end - start)
}

/// The local authority at the head of an LSOA's name.
fn authority(lsoa_name: &str) -> &str {
    lsoa_name.rsplit_once(' ').map_or(lsoa_name, |(authority, _)| authority)
}

/// The MSOA at the head of an LSOA's name: all but the last letter.
fn neighbourhood(lsoa_name: &str) -> &str {
    lsoa_name.trim_end_matches(|letter: char| letter.is_ascii_uppercase())
}

/// LSOAs that replaced `lsoa` in 2021, as far as names tell: new ones of its MSOA, else new ones of its authority,
/// else any of its MSOA.
fn successors(lsoa: &Lsoa, all: &[&Lsoa]) -> Vec<usize> {
    if lsoa.in_2021 {
        return Vec::new();
    }
    let matching = |belongs: &dyn Fn(&Lsoa) -> bool| -> Vec<usize> {
        (0..all.len()).filter(|other| all[*other].in_2021 && belongs(all[*other])).collect()
    };
    let near = |other: &Lsoa| neighbourhood(&other.name) == neighbourhood(&lsoa.name);
    [
        matching(&|other| !other.in_2011 && near(other)),
        matching(&|other| !other.in_2011 && authority(&other.name) == authority(&lsoa.name)),
        matching(&near),
    ]
    .into_iter()
    .find(|found| !found.is_empty())
    .unwrap_or_default()
}

/// Middle of an authority in millionths of a degree, longitude first, read off a map and rounded.
fn middle(force: Force, authority: &str) -> (i32, i32) {
    match authority {
        "Hartlepool" => (-1_255_000, 54_685_000),
        "Middlesbrough" => (-1_228_000, 54_555_000),
        "Redcar and Cleveland" => (-1_060_000, 54_580_000),
        "Stockton-on-Tees" => (-1_325_000, 54_565_000),
        "Bolton" => (-2_430_000, 53_578_000),
        "Bury" => (-2_298_000, 53_593_000),
        "Manchester" => (-2_235_000, 53_470_000),
        "Oldham" => (-2_115_000, 53_542_000),
        "Rochdale" => (-2_157_000, 53_615_000),
        "Salford" => (-2_340_000, 53_495_000),
        "Stockport" => (-2_130_000, 53_395_000),
        "Tameside" => (-2_080_000, 53_480_000),
        "Trafford" => (-2_340_000, 53_420_000),
        "Wigan" => (-2_590_000, 53_530_000),
        _ => match force {
            Force::Cleveland => (-1_200_000, 54_600_000),
            Force::GreaterManchester => (-2_250_000, 53_500_000),
        },
    }
}

/// An invented street, or, for one point in seven, one of the publisher's own words for a kind of place.
fn point_name(stream: &mut Stream) -> String {
    if stream.chance(140) {
        // Weights: rows per month, Cleveland 2024-07..2025-06; rounded.
        return stream
            .choose(&[
                ("Parking Area", 280),
                ("Supermarket", 240),
                ("Police Station", 60),
                ("Petrol Station", 120),
                ("Hospital", 50),
                ("Shopping Area", 80),
                ("Sports/Recreation Area", 60),
                ("Park/Open Space", 60),
            ])
            .to_owned();
    }
    let thing = THINGS[stream.position(THINGS.len())];
    let way = stream.choose(&WAYS);
    format!("{thing} {way}")
}

/// Ordinary things, so that a reader sees at once that no such street exists.
const THINGS: [&str; 64] = [
    "Teapot",
    "Saucer",
    "Button",
    "Thimble",
    "Pencil",
    "Inkwell",
    "Umbrella",
    "Mitten",
    "Slipper",
    "Pillow",
    "Kettle",
    "Biscuit",
    "Crumpet",
    "Marmalade",
    "Custard",
    "Pickle",
    "Turnip",
    "Parsnip",
    "Rhubarb",
    "Gherkin",
    "Walnut",
    "Pepper",
    "Nutmeg",
    "Treacle",
    "Lantern",
    "Candle",
    "Bucket",
    "Ladder",
    "Hammer",
    "Spanner",
    "Cardigan",
    "Waistcoat",
    "Shoelace",
    "Bobbin",
    "Trombone",
    "Fiddle",
    "Banjo",
    "Whistle",
    "Marble",
    "Skittle",
    "Domino",
    "Kite",
    "Puddle",
    "Drizzle",
    "Snowflake",
    "Pebble",
    "Acorn",
    "Thistle",
    "Beetle",
    "Bumblebee",
    "Hedgehog",
    "Otter",
    "Walrus",
    "Penguin",
    "Postcard",
    "Envelope",
    "Blotter",
    "Almanac",
    "Compass",
    "Sextant",
    "Anvil",
    "Bellows",
    "Tinder",
    "Wheelbarrow",
];

/// Kinds of street, with weights.
const WAYS: [(&str, u64); 12] = [
    ("Road", 25),
    ("Street", 20),
    ("Avenue", 16),
    ("Close", 12),
    ("Drive", 10),
    ("Grove", 6),
    ("Lane", 6),
    ("Terrace", 5),
    ("Court", 4),
    ("Walk", 3),
    ("Place", 3),
    ("Way", 2),
];

fn running_totals(weights: impl Iterator<Item = u64>) -> Vec<u64> {
    weights
        .scan(0, |total, weight| {
            *total += weight;
            Some(*total)
        })
        .collect()
}

/// Millionths of a degree as the publisher writes them, with six decimals.
fn degrees(micro: i32) -> String {
    let sign = if micro < 0 { "-" } else { "" };
    let whole = micro.unsigned_abs();
    format!("{sign}{}.{:06}", whole / 1_000_000, whole % 1_000_000)
}

/// A text as one cell; the names given by the caller are the only text that might need quotes.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
