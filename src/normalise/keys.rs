//! Which row of a key stands, where a feed adds rows to earlier ones or replaces them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::split::damaged;
use crate::durable;

/// Bytes of a row's key in a file.
const SIZE: usize = 40;
/// Bytes of the digest at the end of a file.
const SEAL: usize = 8;
/// Keys that are compared at once; more are compared in several turns, each with its share of them.
const AT_ONCE: u64 = 2_000_000;

/// The key of one accepted row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowKey {
    /// Position of the row in its part, from 0.
    pub(super) position: u64,
    /// Digest of the key.
    pub(super) key: u128,
    /// How late the row is; 0 where nothing tells.
    pub(super) late: u64,
    /// Digest of all its fields.
    pub(super) contents: u64,
}

/// Writes the keys of a part into a file that is there whole or not at all, with a seal at its end.
pub(super) struct KeyWriter {
    file: BufWriter<tempfile::NamedTempFile>,
    digest: Sha256,
}

impl KeyWriter {
    pub(super) fn new(place: &Path) -> io::Result<Self> {
        let folder = place.parent().unwrap_or(Path::new("."));
        durable::create_folder(folder)?;
        Ok(Self { file: BufWriter::new(durable::temporary(folder)?), digest: Sha256::new() })
    }

    pub(super) fn add(&mut self, row: &RowKey) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(SIZE);
        bytes.extend(row.position.to_le_bytes());
        bytes.extend(row.key.to_le_bytes());
        bytes.extend(row.late.to_le_bytes());
        bytes.extend(row.contents.to_le_bytes());
        self.digest.update(&bytes);
        self.file.write_all(&bytes)
    }

    pub(super) fn finish(mut self, place: &Path) -> io::Result<()> {
        self.file.write_all(&seal(self.digest))?;
        durable::finish(self.file.into_inner().map_err(io::IntoInnerError::into_error)?, place)
    }
}

/// The end of a file of keys, by which damage is known.
fn seal(digest: Sha256) -> [u8; SEAL] {
    digest.finalize().first_chunk::<SEAL>().copied().unwrap_or_default()
}

/// Keys in a file, by its length.
fn keys_in(file: &Path) -> io::Result<u64> {
    let bytes = std::fs::metadata(file)?.len().checked_sub(SEAL as u64).ok_or_else(damaged)?;
    if bytes.is_multiple_of(SIZE as u64) { Ok(bytes / SIZE as u64) } else { Err(damaged()) }
}

fn key_of(bytes: &[u8; SIZE]) -> RowKey {
    let word = |at: usize| {
        let bytes = bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u64::from_le_bytes)
    };
    let key = u128::from(word(16)) << 64 | u128::from(word(8));
    RowKey { position: word(0), key, late: word(24), contents: word(32) }
}

/// What becomes of the rows of one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settled {
    /// Positions of the rows that gave way, in order.
    pub(super) lost: Vec<u64>,
    /// Rows that are as late as another one of their key and differ from it.
    pub(super) ties: u64,
    /// Rows that gave way though they differ from the one that stands.
    pub(super) differing: u64,
}

/// The rule by which one row of a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// The one that was received first.
    First,
    /// The latest one, and of equally late ones the one received last.
    Latest,
}

/// Settles which rows stand; `files` has the keys of each part, in the order in which they were received.
///
/// A row that repeats the standing one in every field gives way to it, so that nothing changes where nothing new came.
pub(super) fn settle(files: &[PathBuf], stands: Stands) -> io::Result<Vec<Settled>> {
    let mut settled = vec![Settled::default(); files.len()];
    let counts = files.iter().map(|file| keys_in(file)).collect::<io::Result<Vec<u64>>>()?;
    let turns = u128::from(counts.iter().sum::<u64>() / AT_ONCE + 1);
    for turn in 0..turns {
        let mut standing: HashMap<u128, (usize, RowKey), foldhash::fast::FixedState> = HashMap::default();
        for (number, (file, keys)) in files.iter().zip(&counts).enumerate() {
            let mut reader = BufReader::new(File::open(file)?);
            let (mut digest, mut bytes) = (Sha256::new(), [0; SIZE]);
            for _ in 0..*keys {
                reader.read_exact(&mut bytes)?;
                if turn == 0 {
                    digest.update(bytes);
                }
                let row = key_of(&bytes);
                if row.key % turns != turn {
                    continue;
                }
                let mut known = match standing.entry(row.key) {
                    Entry::Vacant(free) => {
                        free.insert((number, row));
                        continue;
                    }
                    Entry::Occupied(known) => known,
                };
                let (other, before) = *known.get();
                let differs = before.contents != row.contents;
                let tie = stands == Stands::Latest && differs && row.late == before.late && row.late > 0;
                let replaces = stands == Stands::Latest && differs && row.late >= before.late;
                let loser = if replaces {
                    known.insert((number, row));
                    (other, before.position)
                } else {
                    (number, row.position)
                };
                if let Some(own) = settled.get_mut(number) {
                    own.ties += u64::from(tie);
                    own.differing += u64::from(differs && !replaces);
                }
                if let Some(part) = settled.get_mut(loser.0) {
                    part.lost.push(loser.1);
                }
            }
            let mut end = [0; SEAL];
            reader.read_exact(&mut end)?;
            if turn == 0 && end != seal(digest) {
                return Err(damaged());
            }
        }
    }
    for part in &mut settled {
        part.lost.sort_unstable();
    }
    Ok(settled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(parts: &[&[(u128, u64, u64)]], stands: Stands) -> Vec<Settled> {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for (number, rows) in parts.iter().enumerate() {
            let place = folder.path().join(number.to_string());
            let mut writer = KeyWriter::new(&place).unwrap();
            for (position, (key, late, contents)) in rows.iter().enumerate() {
                let row = RowKey { position: position as u64, key: *key, late: *late, contents: *contents };
                writer.add(&row).unwrap();
            }
            writer.finish(&place).unwrap();
            files.push(place);
        }
        settle(&files, stands).unwrap()
    }

    fn lost(parts: &[&[(u128, u64, u64)]], stands: Stands) -> Vec<Vec<u64>> {
        settled(parts, stands).into_iter().map(|part| part.lost).collect()
    }

    #[test]
    fn of_rows_that_join_earlier_ones_the_first_of_a_key_stands() {
        let found = settled(&[&[(7, 0, 1), (8, 0, 1)], &[(7, 0, 2), (9, 0, 1), (9, 0, 1)]], Stands::First);
        assert_eq!(found[0], Settled::default());
        assert_eq!(found[1], Settled { lost: vec![0, 2], ties: 0, differing: 1 });
    }

    #[test]
    fn of_rows_that_replace_earlier_ones_the_latest_stands_whatever_the_order_in_which_they_came() {
        let (old, new): (&[_], &[_]) = (&[(7, 5, 1), (8, 5, 1)], &[(7, 6, 2)]);
        assert_eq!(lost(&[old, new], Stands::Latest), [vec![0], vec![]]);
        assert_eq!(lost(&[new, old], Stands::Latest), [vec![], vec![0]]);
    }

    #[test]
    fn equally_late_rows_that_differ_are_told_and_the_one_received_last_stands() {
        let found = settled(&[&[(7, 5, 1)], &[(7, 5, 2)]], Stands::Latest);
        assert_eq!((found[0].lost.as_slice(), found[1].ties), ([0].as_slice(), 1));
    }

    proptest::proptest! {
        #[test]
        fn damaged_keys_are_known(
            rows in proptest::collection::vec((0_u128..4, 0_u64..3, 0_u64..3), 0..20),
            at: proptest::sample::Index,
            flip in 1_u8..,
            cut: proptest::sample::Index,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("keys");
            let mut writer = KeyWriter::new(&place).unwrap();
            for (position, (key, late, contents)) in rows.iter().enumerate() {
                let row = RowKey { position: position as u64, key: *key, late: *late, contents: *contents };
                writer.add(&row).unwrap();
            }
            writer.finish(&place).unwrap();
            let sound = std::fs::read(&place).unwrap();
            proptest::prop_assert!(settle(std::slice::from_ref(&place), Stands::Latest).is_ok());
            let mut bytes = sound.clone();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            for damaged in [bytes.as_slice(), &sound[..cut.index(sound.len())], b"anything else"] {
                std::fs::write(&place, damaged).unwrap();
                proptest::prop_assert!(settle(std::slice::from_ref(&place), Stands::First).is_err());
            }
        }
    }

    #[test]
    fn a_row_that_comes_again_unchanged_changes_nothing() {
        assert_eq!(lost(&[&[(7, 0, 1)], &[(7, 0, 1)]], Stands::Latest), [vec![], vec![0]]);
        // Changed and changed back: the last word counts.
        assert_eq!(
            lost(&[&[(7, 0, 1)], &[(7, 0, 2)], &[(7, 0, 1)]], Stands::Latest),
            [vec![0], vec![0], vec![]]
        );
    }
}
