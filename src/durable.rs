//! Files that are there whole or not at all, also after the power fails: written beside their place, synced, renamed,
//! and their folder synced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

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

/// Adds a line of JSON to a record that only grows, durably. A line that a killed program left half written is cut off
/// first. Only the holder of the warehouse may.
///
/// # Errors
/// What the file system reports.
pub fn append_line<T: Serialize>(path: &Path, entry: &T) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_folder(folder)?;
    let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let end = memchr::memrchr(b'\n', &text).map_or(0, |at| at as u64 + 1);
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_all()?;
    sync_folder(folder)
}

/// The entries of a record that [`append_line`] wrote; an absent one is empty. A last line without a line end was broken
/// off and is none.
///
/// # Errors
/// What the file system reports, and a line that is damaged though others follow it.
pub fn read_lines<T: DeserializeOwned>(path: &Path) -> io::Result<Vec<T>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let entries = whole.enumerate().map(|(number, line)| {
        serde_json::from_str(line).map_err(|error| {
            let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let message = format!("{folder}/{name}:{}: damaged: {error}", number + 1);
            io::Error::new(io::ErrorKind::InvalidData, message)
        })
    });
    entries.collect()
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

/// Keeps others than owner and group out of a folder; nothing is written where they are kept out already.
///
/// # Errors
/// What the file system reports.
pub fn close(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder)?.permissions().mode();
        if mode & 0o007 != 0 {
            fs::set_permissions(folder, fs::Permissions::from_mode(mode & !0o007))?;
        }
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
