//! Bytes on their way into the landing, whatever brings them.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::http::public;
use super::{Asking, Haul, Visit, fill};
use crate::diagnose::printable;
use crate::landing::{self, Delivery};
use crate::period::Month;
use crate::secret;

/// Bytes that are being received: written, counted and hashed as they come.
pub(super) struct Arrival {
    file: NamedTempFile,
    digest: Sha256,
    bytes: u64,
    limit: u64,
}

/// What was received and is kept under its digest.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) sha256: String,
    pub(super) bytes: u64,
}

impl Arrival {
    /// Begins a file that may not grow beyond the largest delivery that the feed accepts.
    pub(super) async fn begin(visit: &Visit<'_>) -> io::Result<Self> {
        let folder = visit.landing.lock().await.incoming()?;
        let file = crate::durable::temporary(&folder)?;
        Ok(Self { file, digest: Sha256::new(), bytes: 0, limit: visit.feed.http.max_bytes })
    }

    /// Takes the next bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.limit {
            let message = format!("larger than {} bytes; raise `max-bytes` if that is meant", self.limit);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        self.digest.update(bytes);
        self.file.write_all(bytes)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Keeps what came, durably.
    pub(super) async fn keep(self, visit: &Visit<'_>) -> io::Result<Kept> {
        let sha256 = hex::encode(self.digest.finalize());
        visit.landing.lock().await.keep(self.file.into_temp_path(), &sha256)?;
        Ok(Kept { sha256, bytes: self.bytes })
    }
}

impl Visit<'_> {
    /// A delivery of bytes that are kept. `source` is an address or path without secrets, `file` the name of its slot.
    pub(super) fn delivery(
        &self,
        month: Month,
        file: &str,
        source: &str,
        kept: Kept,
        synthetic: bool,
    ) -> Delivery {
        Delivery {
            feed: self.feed.id.clone(),
            period: month,
            file: file.to_owned(),
            source: secret::scrub(source).into_owned(),
            content_sha256: kept.sha256.clone(),
            sha256: kept.sha256,
            bytes: kept.bytes,
            member: self.feed.member.as_ref().map(|member| fill(member, month)),
            captures: BTreeMap::new(),
            received: self.now,
            etag: None,
            last_modified: None,
            modified_ns: None,
            reference: None,
            synthetic,
        }
    }

    /// Adds a delivery, with the digest of its member, unless it stands already or cannot be unpacked.
    pub(super) async fn deliver(&self, asking: &Asking, mut delivery: Delivery, haul: &mut Haul) {
        let landing = self.landing.lock().await;
        if delivery.member.is_some() {
            let digest = landing
                .read(&delivery, self.feed.max_unpacked_bytes)
                .and_then(|mut member| landing::digest(&mut member));
            match digest {
                Ok((digest, _)) => delivery.content_sha256 = digest,
                Err(error) => {
                    haul.fault(delivery.period, &error.to_string());
                    return;
                }
            }
        }
        if let Some(known) = self.known(&landing, asking, delivery.period, &delivery.file)
            && known.content_sha256 == delivery.content_sha256
            && known.synthetic == delivery.synthetic
        {
            // The same bytes received in another month are still the same delivery.
            delivery.period = known.period;
            if known.etag == delivery.etag
                && known.last_modified == delivery.last_modified
                && known.modified_ns == delivery.modified_ns
                && known.source == delivery.source
            {
                return;
            }
        }
        haul.deliveries.push(delivery);
    }
}

/// The last part of a path: the name of a file in its folder.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// An address as it is recorded.
pub(super) fn recorded(url: &url::Url) -> String {
    secret::scrub(&public(url)).into_owned()
}

/// Size and time of a file, which stay as they are once nobody writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) bytes: u64,
    /// In nanoseconds since 1970.
    pub(super) modified_ns: Option<u64>,
}

impl Settled {
    /// Whether it was last changed at least so many seconds before `now`.
    pub(super) fn since(self, now: DateTime<Utc>, seconds: u64) -> bool {
        let now = now.timestamp_nanos_opt().and_then(|now| u64::try_from(now).ok()).unwrap_or(u64::MAX);
        let latest = now.saturating_sub(seconds.saturating_mul(1_000_000_000));
        seconds == 0 || self.modified_ns.is_none_or(|modified| modified <= latest)
    }
}

/// Seconds without a write after which a file on a disk of this computer is taken to be whole.
const STILL_SECONDS: i64 = 2;

/// Whether nobody can have written a file for a while: it lies on a disk of this computer, whose clock is that of `now`,
/// and neither its contents nor its name changed since. Of a file on another computer that cannot be told by one look.
#[cfg(target_os = "linux")]
pub(super) fn lies_still(path: &std::path::Path, found: &std::fs::Metadata, now: DateTime<Utc>) -> bool {
    use std::os::unix::fs::MetadataExt;

    /// Kinds of file system, as `statfs` tells them: ext2 to ext4, XFS, Btrfs, F2FS, ZFS, tmpfs, overlayfs.
    const OF_THIS_COMPUTER: [u32; 7] =
        [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x2fc1_2fc1, 0x0102_1994, 0x794c_7630];

    // The time of the last change is set by the system alone, while a copy often keeps the time of its original.
    found.ctime().max(found.mtime()).saturating_add(STILL_SECONDS) < now.timestamp()
        && rustix::fs::statfs(path)
            .is_ok_and(|told| u32::try_from(told.f_type).is_ok_and(|kind| OF_THIS_COMPUTER.contains(&kind)))
}

/// As on Linux; elsewhere nothing is known of the disk.
#[cfg(not(target_os = "linux"))]
pub(super) fn lies_still(_: &std::path::Path, _: &std::fs::Metadata, _: DateTime<Utc>) -> bool {
    false
}

/// The name under which a file will lie once it is written, where its present name says that it is not.
pub(super) fn unfinished(name: &str) -> Option<&str> {
    [".part", ".filepart", ".tmp"].iter().find_map(|ending| {
        let at = name.len().checked_sub(ending.len())?;
        let (name, found) = name.split_at_checked(at)?;
        found.eq_ignore_ascii_case(ending).then_some(name)
    })
}

/// Whether a name can stand in messages and tables as it is.
pub(super) fn is_fit_name(name: &str) -> bool {
    printable(name) == name && !name.contains('\u{fffd}')
}
