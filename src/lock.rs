//! Who holds the warehouse. The lock is the kernel's: it is gone when its holder is, however that ended.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What keeps a run from holding the warehouse.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds it.
    #[error("another run holds the warehouse: {holder}")]
    Held {
        /// Process and host as the other run wrote them, or that it did not yet.
        holder: String,
    },
    /// The lock's file cannot be used.
    #[error("{path}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The warehouse is held until this is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
    signed: bool,
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.signed {
            // The next run writes its own name once it has something to do; until then nobody's should stand there.
            let _ = self.file.set_len(0);
        }
    }
}

impl Lock {
    /// Takes the warehouse without waiting. Nothing is written when the lock's file is there already.
    ///
    /// # Errors
    /// Another holder, or a folder that cannot be written.
    pub fn take(warehouse: &Path) -> Result<Self, LockError> {
        let path = warehouse.join("lock");
        let failed = |source| LockError::File { path: path.display().to_string(), source };
        crate::durable::create_folder(warehouse).map_err(failed)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path, signed: false }),
            Err(TryLockError::WouldBlock) => {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let holder = text.trim();
                let holder = if holder.is_empty() { "it has not found anything to do yet" } else { holder };
                Err(LockError::Held { holder: holder.to_owned() })
            }
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Who holds the warehouse, in words; `None` when nobody does. Nothing is written.
    ///
    /// # Errors
    /// A lock's file that cannot be read.
    pub fn holder(warehouse: &Path) -> io::Result<Option<String>> {
        let path = warehouse.join("lock");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // It is given back before this returns.
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(fs::read_to_string(&path)?.trim().to_owned())),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Writes who holds it, for those who find it held.
    ///
    /// # Errors
    /// A disk that cannot be written.
    pub fn sign(&mut self, since: &str) -> Result<(), LockError> {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let text = format!("process {} on {}, since {since}\n", std::process::id(), host.trim());
        self.signed = true;
        let written = (|| {
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(text.as_bytes())
        })();
        written.map_err(|source| LockError::File { path: self.path.display().to_string(), source })
    }
}
