//! Files that are there whole or not at all, also after the power fails: written beside their place, synced, renamed,
//! and their folder synced.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Makes the entries of a folder durable.
///
/// # Errors
/// What the file system reports.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Creates a folder with all its parents, durably.
///
/// # Errors
/// What the file system reports.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_folder(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        return sync_folder(parent);
    }
    fs::create_dir_all(folder)
}

/// Moves a finished file to its place.
///
/// # Errors
/// What the file system reports.
pub fn finish(file: tempfile::NamedTempFile, place: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    let folder = place.parent().unwrap_or(Path::new("."));
    file.persist(place).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Replaces a file by these bytes in one step.
///
/// # Errors
/// What the file system reports.
pub fn write(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    create_folder(folder)?;
    let mut file = temporary(folder)?;
    file.write_all(bytes)?;
    finish(file, place)
}

/// Lets others read a file or folder that was made for one user alone, as temporary ones are.
///
/// # Errors
/// What the file system reports.
pub fn share(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// A file in the making, in the folder where it will stand; it goes away when it is dropped unfinished.
///
/// # Errors
/// What the file system reports.
pub fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(".outturn-").suffix(".tmp").tempfile_in(folder)
}

/// Removes what a killed run left in the making in a folder. Only the holder of the warehouse may.
///
/// # Errors
/// What the file system reports.
pub fn remove_leftovers(folder: &Path) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with(".outturn-") || !name.ends_with(".tmp") {
            continue;
        }
        let path = entry.path();
        if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    Ok(())
}
