//! Fills the folder of the simulator as `[simulate]` says, before the feeds are asked.

use std::io;
use std::path::Path;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::config::Project;
use crate::config::settings::{SimulateConfig, SimulatedForce};
use crate::normalise::csv::{Fields, Records};
use crate::period::Month;
use crate::simulate::{Force, Lsoa, Request, simulate};

/// Months until the real publisher has a month out; the simulated one is no faster.
const PUBLISHED_AFTER_MONTHS: i32 = 2;

/// Makes the deliveries that are not there yet. Does nothing in a project without `[simulate]`.
///
/// # Errors
/// What the disk reports; a look-up without the LSOAs of the force.
pub fn make(project: &Project, as_of: NaiveDate) -> io::Result<()> {
    let Some(config) = &project.settings.simulate else { return Ok(()) };
    let folder = project.root.join(&config.folder);
    let lookup =
        project.lookups.get(&config.lookup).ok_or_else(|| io::Error::other("its look-up is missing"))?;
    let file =
        lookup.config.file.values().next().ok_or_else(|| io::Error::other("its look-up has no file"))?;
    let places = std::fs::read(lookup.folder.join(file))?;
    let digest = hex::encode(Sha256::digest(&places));
    for force in &config.force {
        let name: Force = force.name.parse().map_err(io::Error::other)?;
        let months = wanted(config, force, name, &folder, as_of, &digest);
        if months.is_empty() {
            continue;
        }
        let request = Request { seed: config.seed, force: name, months, scale: config.scale };
        simulate(&folder, &request, &lsoas(&places, force_code(name))?)?;
        mark(config, name, &folder, &digest)?;
    }
    Ok(())
}

/// Months of the force whose files are not all there, or all months when the settings changed.
fn wanted(
    config: &SimulateConfig,
    force: &SimulatedForce,
    name: Force,
    folder: &Path,
    as_of: NaiveDate,
    digest: &str,
) -> Vec<(i32, u32)> {
    let newest = Month::containing(as_of).plus(-PUBLISHED_AFTER_MONTHS);
    let last = force.to.map_or(newest, |to| to.min(newest));
    let same =
        std::fs::read_to_string(mark_path(folder, name)).is_ok_and(|text| text == mark_text(config, digest));
    let there = |month: Month| {
        ["street", "outcomes", "stop-and-search"].iter().all(|kind| {
            folder.join(month.to_string()).join(format!("{month}-{}-{kind}.csv", name.slug())).is_file()
        })
    };
    force
        .from
        .through(last)
        .filter(|month| !(same && there(*month)))
        .map(|m| (m.year(), m.number()))
        .collect()
}

fn mark_path(folder: &Path, name: Force) -> std::path::PathBuf {
    folder.join(format!("{}.settings", name.slug()))
}

fn mark_text(config: &SimulateConfig, digest: &str) -> String {
    format!(
        "seed {}\nscale {}\nplaces {digest}\nprogram {}\n",
        config.seed,
        config.scale,
        env!("CARGO_PKG_VERSION")
    )
}

fn mark(config: &SimulateConfig, name: Force, folder: &Path, digest: &str) -> io::Result<()> {
    crate::durable::write(&mark_path(folder, name), mark_text(config, digest).as_bytes())
}

/// Code of the police force area.
fn force_code(force: Force) -> &'static str {
    match force {
        Force::Cleveland => "E23000013",
        Force::GreaterManchester => "E23000005",
    }
}

/// The LSOAs of a force area out of a look-up's file.
fn lsoas(places: &[u8], force_code: &str) -> io::Result<Vec<Lsoa>> {
    let mut records = Records::new(places, b',');
    let mut fields = Fields::default();
    let mut positions: Option<[usize; 4]> = None;
    let mut found = Vec::new();
    while let Some((_, result)) = records.next(&mut fields)? {
        result.map_err(|flaw| io::Error::other(format!("the look-up cannot be read: {flaw:?}")))?;
        let Some([code, name, vintage, force]) = positions else {
            let position = |wanted: &str| {
                let at = fields.iter().position(|name| name == wanted);
                at.ok_or_else(|| io::Error::other(format!("the look-up has no column `{wanted}`")))
            };
            let [code, name] = [position("lsoa_code")?, position("lsoa_name")?];
            positions = Some([code, name, position("vintage")?, position("force_code")?]);
            continue;
        };
        if fields.get(force) == force_code {
            let vintage = fields.get(vintage);
            found.push(Lsoa {
                code: fields.get(code).to_owned(),
                name: fields.get(name).to_owned(),
                in_2011: vintage != "2021",
                in_2021: vintage != "2011",
            });
        }
    }
    if found.is_empty() {
        return Err(io::Error::other(format!("the look-up has no LSOA of {force_code}")));
    }
    Ok(found)
}
