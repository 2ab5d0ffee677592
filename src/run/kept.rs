//! The project's files as they were for each release, so that the release can be made once more: `project/<digest>.json`
//! in the warehouse lists them, `project/objects/` holds each contents once.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::warn;

use crate::config::Project;
use crate::durable;

/// The files of a project: their paths in it, each with the SHA-256 of its contents.
#[derive(Debug, Serialize, Deserialize)]
struct List {
    files: BTreeMap<PathBuf, String>,
}

fn folder(warehouse: &Path) -> PathBuf {
    warehouse.join("project")
}

fn object(warehouse: &Path, sha256: &str) -> PathBuf {
    folder(warehouse).join("objects").join(sha256.get(..2).unwrap_or("xx")).join(sha256)
}

fn list(warehouse: &Path, digest: &str) -> PathBuf {
    folder(warehouse).join(format!("{digest}.json"))
}

/// The plain path of a file within the project; `None` for one that lies outside.
fn within(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            Component::ParentDir if plain.pop() => {}
            _ => return None,
        }
    }
    Some(plain)
}

/// Keeps the files of a project, once for each state of them. Files that are changed while the run goes on, or lie outside
/// the project, cannot be kept; that is told, and nothing is.
///
/// # Errors
/// What the file system reports.
pub(super) fn keep(project: &Project, warehouse: &Path) -> io::Result<()> {
    let place = list(warehouse, &project.digest);
    if place.is_file() {
        return Ok(());
    }
    remove_leftovers(warehouse)?;
    let mut files = BTreeMap::new();
    for (path, sha256) in &project.files {
        let bytes = fs::read(project.root.join(path)).unwrap_or_default();
        let plain = within(path).filter(|_| hex::encode(Sha256::digest(&bytes)) == *sha256);
        let Some(plain) = plain else {
            let path = path.display();
            warn!(
                "{path} was changed during the run, or lies outside the project: this release cannot be made once more"
            );
            return Ok(());
        };
        files.insert(plain, sha256.clone());
        let object = object(warehouse, sha256);
        if !object.is_file() {
            durable::write(&object, &bytes)?;
        }
    }
    let text = serde_json::to_vec_pretty(&List { files })?;
    durable::write(&place, &text)
}

/// Removes what a killed run left in the making. The list comes last, so that where it stands nothing is left.
fn remove_leftovers(warehouse: &Path) -> io::Result<()> {
    durable::remove_leftovers(&folder(warehouse))?;
    let entries = match fs::read_dir(folder(warehouse).join("objects")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        durable::remove_leftovers(&entry?.path())?;
    }
    Ok(())
}

/// Lays out the files of a project, as they were when its digest was this one, in a folder.
///
/// # Errors
/// Why they cannot be had, in words.
pub(super) fn restore(warehouse: &Path, digest: &str, into: &Path) -> Result<(), String> {
    let text = fs::read(list(warehouse, digest))
        .map_err(|_| "the project's files, as they were then, were not kept".to_owned())?;
    let list: List = serde_json::from_slice(&text)
        .map_err(|error| format!("project/{digest}.json is damaged: {error}"))?;
    for (path, sha256) in list.files {
        let shown = path.display();
        let bytes = fs::read(object(warehouse, &sha256)).unwrap_or_default();
        let plain = within(&path).filter(|_| hex::encode(Sha256::digest(&bytes)) == sha256);
        let Some(plain) = plain else {
            return Err(format!("the kept copy of {shown} is damaged or gone"));
        };
        let place = into.join(plain);
        let written =
            fs::create_dir_all(place.parent().unwrap_or(into)).and_then(|()| fs::write(&place, &bytes));
        written.map_err(|error| format!("{shown} cannot be laid out: {error}"))?;
    }
    Ok(())
}
