//! Synthetic partners: seeded deliveries in the publisher's own format, for a fresh clone without network or data.
//!
//! The files are shaped like those of data.police.uk down to the byte (columns, order of rows, blanks, line ends), so
//! they pass through the same reader as real ones. **Nothing in them happened.** The format leaves no room for a mark;
//! whoever offers simulated figures has to mark them. A person can tell by the streets, which are named after
//! ordinary things (`On or near Teapot Lane`); their coordinates are invented as well. Only the LSOA codes and names
//! are real. Greater Manchester Police stopped publishing street files in 2019; the simulated one did not.
//!
//! Shares and lags were counted on the files of Cleveland Police for 2018-10..2019-02 and 2023-01..2025-06, and for
//! Greater Manchester's stop and search on 2019-06, all from data.police.uk (Open Government Licence v3.0). Greater
//! Manchester's crimes borrow Cleveland's shares.
//!
//! A street file reads as in an edition of the archive about a year later, when most outcomes are known.
//!
//! Deliberate flaws, so that quarantine has work, one row of the street file each at any scale:
//!
//! | calendar month | flaw |
//! | --- | --- |
//! | January, May, September | an LSOA code that never existed, [`UNKNOWN_LSOA`] |
//! | April, October | a crime type misspelt, [`MISSPELT_TYPE`] |
//! | February, August | a crime's row twice, identical |
//!
//! Other oddities are the publisher's everyday ones: identical anti-social-behaviour rows, repeated outcome rows, two
//! LSOA vintages in one file (2023-01..2023-05), rows without a location (Greater Manchester; the Cleveland files have
//! none), searches dated the evening before.

mod crimes;
mod draw;
mod places;
mod searches;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crimes::Crime;
pub use crimes::{MISSPELT_TYPE, UNKNOWN_LSOA};
use draw::Stream;
use places::Places;

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Another seed gives other events at the same places.
    pub seed: u64,
    /// The force that sends the files.
    pub force: Force,
    /// Year and month, 1..=12, in any order; one delivery each.
    pub months: Vec<(i32, u32)>,
    /// Volume as a multiple of the real force's: 1.0 is about 7,700 street rows a month for Cleveland and 33,000
    /// for Greater Manchester.
    pub scale: f64,
}

/// A police force that can be simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// Hartlepool, Middlesbrough, Redcar and Cleveland, Stockton-on-Tees.
    Cleveland,
    /// The ten authorities of Greater Manchester.
    GreaterManchester,
}

impl Force {
    /// The force in the publisher's file names, such as `greater-manchester`.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Cleveland => "cleveland",
            Self::GreaterManchester => "greater-manchester",
        }
    }

    /// The force in the publisher's rows, such as `Greater Manchester Police`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cleveland => "Cleveland Police",
            Self::GreaterManchester => "Greater Manchester Police",
        }
    }
}

impl fmt::Display for Force {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.slug())
    }
}

impl FromStr for Force {
    type Err = UnknownForce;

    fn from_str(text: &str) -> Result<Self, UnknownForce> {
        [Self::Cleveland, Self::GreaterManchester]
            .into_iter()
            .find(|force| force.slug() == text)
            .ok_or_else(|| UnknownForce { found: text.to_owned() })
    }
}

/// The text names no force that can be simulated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a force to simulate, `cleveland` or `greater-manchester`, found `{found}`")]
pub struct UnknownForce {
    /// The text as given.
    pub found: String,
}

/// One LSOA where crimes happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lsoa {
    /// ONS code, such as `E01012070`.
    pub code: String,
    /// ONS name, such as `Middlesbrough 001A`; the part before the number is the local authority.
    pub name: String,
    /// The code belongs to the 2011 set, in use until 2023-05.
    pub in_2011: bool,
    /// The code belongs to the 2021 set, in use from 2023-01.
    pub in_2021: bool,
}

/// Which files a simulation put in place; every file of the request is in one of the two lists, oldest month first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Files that are new or whose bytes changed.
    pub written: Vec<PathBuf>,
    /// Files that held exactly these bytes and were left untouched.
    pub unchanged: Vec<PathBuf>,
}

/// Writes `<folder>/YYYY-MM/YYYY-MM-<slug>-{street,outcomes,stop-and-search}.csv`, the layout of the publisher's
/// unpacked archive, for every month of the request.
///
/// A month's bytes depend on the seed, the force, the month, the scale and the set of LSOAs, never on which other
/// months are asked for, nor on the platform. Each file appears whole: it is written under a temporary name beside
/// its place and renamed.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] for a month that is none, a scale that is negative or not a number, or a month
/// whose LSOA vintage has no LSOA; otherwise what the file system says.
pub fn simulate(folder: &Path, request: &Request, lsoas: &[Lsoa]) -> io::Result<Report> {
    let scale_ppm = scale_ppm(request.scale)?;
    let months =
        request.months.iter().map(|&(year, month)| Month::new(year, month)).collect::<io::Result<_>>()?;
    let months: BTreeSet<Month> = months;
    let places = Places::new(request.force, lsoas);
    let simulation = Simulation { seed: request.seed, force: request.force, scale_ppm, places };
    if let Some(month) = months.iter().find(|month| !simulation.places.cover(**month)) {
        let force = request.force;
        return Err(invalid(&format!(
            "cannot simulate {month} of {force}: no LSOA of the vintage in use then was given"
        )));
    }
    let mut recent = BTreeMap::new();
    let mut report = Report::default();
    for month in months {
        simulation.fill(&mut recent, month);
        let month_folder = folder.join(month.to_string());
        fs::create_dir_all(&month_folder)?;
        for (kind, content) in [
            ("outcomes", simulation.outcomes_csv(month, &recent)),
            ("stop-and-search", simulation.searches_csv(month)),
            ("street", simulation.street_csv(month, recent.get(&month).map_or(&[], Vec::as_slice))),
        ] {
            let path = month_folder.join(format!("{month}-{}-{kind}.csv", request.force));
            if put(&month_folder, &path, content.as_bytes())? {
                report.written.push(path);
            } else {
                report.unchanged.push(path);
            }
        }
    }
    Ok(report)
}

/// One seeded world: everything a month's bytes depend on, except the month.
struct Simulation {
    seed: u64,
    force: Force,
    /// The scale in millionths, so that all draws are integer arithmetic.
    scale_ppm: i64,
    places: Places,
}

impl Simulation {
    /// The random stream of one month and purpose.
    fn stream(&self, purpose: &str, month: Month) -> Stream {
        let Self { seed, force, scale_ppm, .. } = self;
        Stream::named(&format!("{purpose} {force} {month} seed {seed} scale {scale_ppm}"))
    }

    /// How many a month has of something that the real force has `milli` thousandths of on average.
    fn scaled(&self, milli: i64) -> i64 {
        i64::try_from(i128::from(milli) * i128::from(self.scale_ppm) / 1_000_000).unwrap_or(i64::MAX)
    }

    /// Makes `recent` hold the crimes of `month` and of the months whose crimes can be decided in it, and no others.
    fn fill(&self, recent: &mut BTreeMap<Month, Vec<Crime>>, month: Month) {
        let oldest = month.back(crimes::LONGEST_LAG);
        recent.retain(|earlier, _| *earlier >= oldest);
        for months_ago in (0..=crimes::LONGEST_LAG).rev() {
            let earlier = month.back(months_ago);
            recent.entry(earlier).or_insert_with(|| self.crimes(earlier));
        }
    }
}

/// A calendar month, counted from January of the year 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Month(i32);

impl Month {
    fn new(year: i32, month: u32) -> io::Result<Self> {
        match i32::try_from(month) {
            Ok(number @ 1..=12) if (1900..=2199).contains(&year) => Ok(Self(year * 12 + number - 1)),
            _ => Err(invalid(&format!("cannot simulate {year}-{month}: expected a month such as 2025-04"))),
        }
    }

    fn back(self, months: i32) -> Self {
        Self(self.0 - months)
    }

    fn year(self) -> i32 {
        self.0.div_euclid(12)
    }

    /// 1..=12.
    fn number(self) -> u32 {
        self.0.rem_euclid(12).unsigned_abs() + 1
    }

    /// 0..=11, for tables that begin with January.
    fn index(self) -> usize {
        self.number() as usize - 1
    }
}

impl fmt::Display for Month {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}", self.year(), self.number())
    }
}

/// The scale in millionths; rounding is the one use of floating point, and exact.
fn scale_ppm(scale: f64) -> io::Result<i64> {
    if !(0.0..=1000.0).contains(&scale) {
        return Err(invalid(&format!("cannot simulate at scale {scale}: expected a number within 0..=1000")));
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most a thousand million, checked above")]
    let ppm = (scale * 1_000_000.0).round() as i64;
    Ok(ppm)
}

/// Puts `content` at `path` in `folder`; false if it was there already.
fn put(folder: &Path, path: &Path, content: &[u8]) -> io::Result<bool> {
    match fs::read(path) {
        Ok(present) if present == content => return Ok(false),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut builder = tempfile::Builder::new();
    // A temporary file is private by default; a delivery is read by whoever runs the pipeline.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut staging = builder.prefix(".").suffix(".part").tempfile_in(folder)?;
    staging.write_all(content)?;
    staging.as_file().sync_all()?;
    staging.persist(path)?;
    Ok(true)
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
