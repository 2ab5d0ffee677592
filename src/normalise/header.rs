//! The heading of a delivery, held against the columns that were agreed.

use std::collections::HashSet;

use super::contract::Contract;
use super::field::clip;
use super::verdict::add_note;

/// How the reason ends for which a delivery is refused whose first line seems to be a row.
pub(crate) const NO_HEADING: &str = "; the first line seems to be no heading, and is not repeated here";

/// Position of each field of the contract in the header, and what a reader should know; or why the header will not do.
///
/// An optional column that is missing has the position `usize::MAX`, where every record is empty.
pub(super) fn header_positions(
    contract: &Contract,
    header: &[String],
) -> Result<(Vec<usize>, String), String> {
    // For each agreed column, where it stands and the synonym under which it came.
    let mut places: Vec<(usize, Option<&crate::config::settings::SynonymConfig>)> = Vec::new();
    let mut missing: Vec<&str> = Vec::new();
    let mut taken: HashSet<usize> = HashSet::new();
    let mut note = String::new();
    for entry in &contract.header {
        let synonym = |name: &str| entry.synonyms.iter().find(|synonym| synonym.name == name);
        let found = header
            .iter()
            .enumerate()
            .filter(|(_, name)| **name == entry.name || synonym(name).is_some())
            .map(|(at, name)| (at, synonym(name).filter(|_| *name != entry.name)))
            .collect::<Vec<_>>();
        taken.extend(found.iter().map(|(at, _)| *at));
        match found.as_slice() {
            [] if entry.optional => {
                add_note(&mut note, &format!("column `{}` did not come and is taken as empty", entry.name));
                places.push((usize::MAX, None));
            }
            [] => {
                missing.push(&entry.name);
                places.push((usize::MAX, None));
            }
            [(at, synonym)] => {
                if let Some(synonym) = synonym {
                    let name = &synonym.name;
                    let text =
                        format!("column `{}` came as `{name}`, agreed on {}", entry.name, synonym.agreed);
                    add_note(&mut note, &text);
                }
                places.push((*at, *synonym));
            }
            [(_, None), (_, None), ..] => return Err(format!("column `{}` stands twice", entry.name)),
            several => {
                let names: Vec<&str> =
                    several.iter().filter_map(|(at, _)| header.get(*at)).map(String::as_str).collect();
                return Err(format!("columns {} are all `{}`: one is expected", quoted(&names), entry.name));
            }
        }
    }
    let unknown: Vec<String> =
        header.iter().enumerate().filter(|(at, _)| !taken.contains(at)).map(|(_, name)| clip(name)).collect();
    // Where hardly a name is right, the line may be none of names but the first row, whose values are nobody's business.
    let few = taken.len() < contract.header.len().div_ceil(2);
    if !missing.is_empty() {
        if few && header.first().is_some_and(|first| is_web_page(first)) {
            return Err("a web page stands in the place of the file".to_owned());
        }
        let found = if unknown.is_empty() {
            String::new()
        } else if few {
            NO_HEADING.to_owned()
        } else {
            format!("; not known: {}", quoted(&unknown))
        };
        return Err(format!("column {} is missing{found}", quoted(&missing)));
    }
    let positions = contract
        .fields
        .iter()
        .map(|name| {
            let entry = contract.header.iter().position(|entry| entry.name == *name);
            entry.and_then(|entry| places.get(entry)).map_or(usize::MAX, |(at, _)| *at)
        })
        .collect();
    if !unknown.is_empty() {
        let named = if few { format!("{} columns", unknown.len()) } else { quoted(&unknown) };
        add_note(&mut note, &format!("left out, not in the contract: {named}"));
    }
    Ok((positions, note))
}

fn is_web_page(first: &str) -> bool {
    let start: String = first.trim_start().chars().take(14).collect::<String>().to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// Names in a message: the first few, and how many more.
fn quoted<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 20;
    let shown = names.iter().take(SHOWN).map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>();
    let more = names.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
