//! A delivery of many months, split into parts: one a month, and one for the rows that tell no month.
//!
//! The parts are a cache: `landing/parts/<key>/` follows from the bytes of the delivery and from the contract alone, may be
//! removed at any time, and is made again when it is needed. A part holds the text fields of its rows with their places in
//! the delivery, so that reading it is as good as reading the delivery. Its digest is that of its rows, whatever their
//! order, their places and the order of the columns: a month that a later delivery repeats has the same digest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::contract::Contract;
use super::csv::{Fields, Flaw, Place};
use super::format::{self, RecordReader};
use super::header::header_positions;
use super::month_of::{Told, month_of};
use crate::config::settings::FeedConfig;
use crate::durable;
use crate::landing::{Delivery, Landing};
use crate::period::Month;

/// Bytes of a month's rows that are kept before they go to its file.
const BLOCK: usize = 1 << 18;
/// Bytes of the rows of all months together.
const MOST_HELD: usize = 32 << 20;
/// Name of the file that says what a delivery was split into.
const INDEX: &str = "index.json";
/// Changes when parts are laid out otherwise.
const LAYOUT: &str = "2";

/// One part of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its month; `None` for the rows that tell none.
    pub month: Option<Month>,
    /// Digest of its rows, as 64 hexadecimal digits.
    pub digest: String,
    /// Number of its rows.
    pub rows: u64,
    /// One bit for each day of the month that a row tells, the first day being the lowest; 0 where days are not told.
    pub days: u32,
}

/// What a delivery was split into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its header.
    pub header: Vec<String>,
    /// Position of the month in it, as it was read.
    month_position: Option<usize>,
    /// Number of all its rows.
    pub rows: u64,
    /// In order of their months, the rows without one first.
    pub parts: Vec<Part>,
}

/// Why a delivery cannot be split: the partner's fault, in words, and how many of its rows were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// In words.
    pub note: String,
    /// Rows read before.
    pub rows: u64,
}

/// A part that can be read.
#[derive(Debug, Clone)]
pub struct PartFile {
    /// The part.
    pub part: Part,
    header: Arc<[String]>,
    path: PathBuf,
}

/// The cache of parts of a warehouse.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where parts lie.
    folder: PathBuf,
    /// Where they are made where `folder` must stay as it is.
    apart: Option<Arc<tempfile::TempDir>>,
}

impl Parts {
    /// The parts in a warehouse folder.
    #[must_use]
    pub fn open(warehouse: &Path) -> Self {
        Self { folder: warehouse.join("landing/parts"), apart: None }
    }

    /// The same to look at: what is missing is made in a temporary folder.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn look(warehouse: &Path) -> io::Result<Self> {
        Ok(Self { apart: Some(Arc::new(tempfile::tempdir()?)), ..Self::open(warehouse) })
    }

    /// Removes what a killed run left in the making. Only the holder of the warehouse may.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn remove_leftovers(&self) -> io::Result<()> {
        durable::remove_leftovers(&self.folder)
    }

    /// What a delivery is split into, from the cache or anew.
    ///
    /// # Errors
    /// What the file system reports of the cache; a delivery that cannot be read is [`Unusable`].
    pub fn index(
        &self,
        landing: &Landing,
        delivery: &Delivery,
        feed: &FeedConfig,
        contract: &Contract,
    ) -> io::Result<Result<Index, Unusable>> {
        match self.known(delivery, feed, contract) {
            Some(index) => Ok(Ok(index)),
            None => self.split(landing, delivery, feed, contract),
        }
    }

    /// A part of a delivery, made anew where the cache lacks its file.
    ///
    /// # Errors
    /// What the file system reports; a delivery that cannot be read any more.
    pub fn part(
        &self,
        landing: &Landing,
        delivery: &Delivery,
        feed: &FeedConfig,
        contract: &Contract,
        part: &Part,
    ) -> io::Result<PartFile> {
        let key = key(delivery, feed, contract);
        let place = |header: &[String]| -> Option<PartFile> {
            let path = self.places(&key).map(|folder| folder.join(file_name(part.month)));
            let path = path.into_iter().find(|path| path.is_file())?;
            Some(PartFile { part: part.clone(), header: header.into(), path })
        };
        if let Some(found) = self.known(delivery, feed, contract).and_then(|index| place(&index.header)) {
            return Ok(found);
        }
        let index = self.split(landing, delivery, feed, contract)?;
        let index = index.map_err(|unusable| io::Error::other(unusable.note))?;
        place(&index.header).ok_or_else(|| io::Error::other("the delivery does not hold this month any more"))
    }

    /// A file beside the parts of a delivery, for what was learnt from them.
    pub(super) fn beside(
        &self,
        delivery: &Delivery,
        feed: &FeedConfig,
        contract: &Contract,
        name: &str,
    ) -> PathBuf {
        let key = key(delivery, feed, contract);
        let first = self.folder.join(&key).join(name);
        match &self.apart {
            Some(apart) if !first.is_file() => apart.path().join(&key).join(name),
            _ => first,
        }
    }

    /// Removes every file but these and what is known of these deliveries.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn keep_only(&self, wanted: &BTreeSet<PathBuf>) -> io::Result<()> {
        let Ok(folders) = fs::read_dir(&self.folder) else { return Ok(()) };
        for folder in folders {
            let folder = folder?.path();
            if !wanted.contains(&folder.join(INDEX)) {
                fs::remove_dir_all(&folder)?;
                continue;
            }
            for file in fs::read_dir(&folder)? {
                let path = file?.path();
                if !wanted.contains(&path) {
                    fs::remove_file(&path)?;
                }
            }
        }
        Ok(())
    }

    /// Where the index of a delivery and the file of one of its parts lie, for [`Parts::keep_only`].
    #[must_use]
    pub fn place(
        &self,
        delivery: &Delivery,
        feed: &FeedConfig,
        contract: &Contract,
        month: Option<Month>,
    ) -> [PathBuf; 2] {
        let folder = self.folder.join(key(delivery, feed, contract));
        [folder.join(INDEX), folder.join(file_name(month))]
    }

    fn places(&self, key: &str) -> impl Iterator<Item = PathBuf> {
        let apart = self.apart.as_ref().map(|apart| apart.path().join(key));
        std::iter::once(self.folder.join(key)).chain(apart)
    }

    fn known(&self, delivery: &Delivery, feed: &FeedConfig, contract: &Contract) -> Option<Index> {
        let key = key(delivery, feed, contract);
        let read = |folder: PathBuf| -> Option<Index> {
            let bytes = fs::read(folder.join(INDEX)).ok()?;
            serde_json::from_slice(unsealed(&bytes)?).ok()
        };
        let index: Index = self.places(&key).find_map(read)?;
        // Another wording of the header may have been agreed since.
        (month_position(contract, &index.header) == index.month_position).then_some(index)
    }

    fn split(
        &self,
        landing: &Landing,
        delivery: &Delivery,
        feed: &FeedConfig,
        contract: &Contract,
    ) -> io::Result<Result<Index, Unusable>> {
        let unusable = |note: String, rows: u64| Ok(Err(Unusable { note, rows }));
        if !landing.is_intact(delivery).unwrap_or(false) {
            return unusable("the landed bytes are not there or differ from their digest".to_owned(), 0);
        }
        let mut fields = Fields::default();
        let opened = format::open(landing, delivery, &contract.config.format, feed.max_unpacked_bytes);
        let opened = opened.and_then(|mut records| records.next(&mut fields).map(|header| (records, header)));
        let (mut records, header) = match opened {
            Ok((records, Some((_, Ok(()))))) => {
                (records, fields.iter().map(str::to_owned).collect::<Vec<_>>())
            }
            Ok((_, Some((_, Err(flaw))))) => {
                return unusable(
                    format!("the header cannot be read: {}", super::reading::flaw_text(flaw)),
                    0,
                );
            }
            Ok((_, None)) => return unusable("the file is empty".to_owned(), 0),
            Err(error) => return unusable(format!("cannot be read: {error}"), 0),
        };
        let root = self.apart.as_ref().map_or(self.folder.as_path(), |apart| apart.path());
        durable::create_folder(root)?;
        let folder = tempfile::Builder::new().prefix(".outturn-").suffix(".tmp").tempdir_in(root)?;
        let position = month_position(contract, &header);
        let mut splitting = Splitting::new(folder.path(), &header);
        let latest = latest_month(delivery, feed);
        let telling = position.is_some() || contract.config.month.from.is_empty();
        // Neighbouring rows mostly tell the same.
        let mut last: Option<(String, Option<Told>)> = None;
        loop {
            let (place, result) = match records.next(&mut fields) {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(error) => {
                    let rows = splitting.rows;
                    return unusable(format!("cannot be read beyond row {rows}: {error}"), rows);
                }
            };
            let told = if result.is_err() || fields.len() != header.len() || !telling {
                None
            } else {
                let text = position.map_or("", |position| fields.get(position));
                match &last {
                    Some((known, told)) if known == text => *told,
                    _ => {
                        let told = month_of(&contract.config.month, text, delivery.period);
                        let told = told.filter(|(month, _)| *month <= latest);
                        last = Some((text.to_owned(), told));
                        told
                    }
                }
            };
            splitting.add(told, place, result, &fields)?;
        }
        let index = splitting.finish(header, position)?;
        let place = root.join(key(delivery, feed, contract));
        durable::write(&folder.path().join(INDEX), &sealed(serde_json::to_vec(&index)?))?;
        durable::share(folder.path())?;
        durable::sync_folder(folder.path())?;
        if place.is_dir() {
            // What else was learnt from the delivery stays.
            for file in fs::read_dir(folder.path())? {
                let file = file?;
                fs::rename(file.path(), place.join(file.file_name()))?;
            }
            durable::sync_folder(&place)?;
        } else {
            fs::rename(folder.keep(), &place)?;
        }
        durable::sync_folder(root)?;
        Ok(Ok(index))
    }
}

/// Name of the folder of a delivery's parts: what they follow from.
fn key(delivery: &Delivery, feed: &FeedConfig, contract: &Contract) -> String {
    let mut digest = Sha256::new();
    let month = &contract.config.month;
    let rule = serde_json::to_string(&(&contract.config.format, month)).unwrap_or_default();
    let latest = latest_month(delivery, feed).to_string();
    let own = if month.from.is_empty() { delivery.period.to_string() } else { String::new() };
    for part in [LAYOUT, super::VERSION, &delivery.content_sha256, &rule, &latest, &own] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    hex::encode(digest.finalize()).chars().take(40).collect()
}

/// The last month of which a delivery can tell: nobody counts what has not yet begun.
fn latest_month(delivery: &Delivery, feed: &FeedConfig) -> Month {
    Month::in_london(delivery.received).max(delivery.period).plus(feed.every.months() - 1)
}

fn month_position(contract: &Contract, header: &[String]) -> Option<usize> {
    let (positions, _) = header_positions(contract, header).ok()?;
    positions.get(contract.month_field).copied()
}

fn file_name(month: Option<Month>) -> String {
    month.map_or_else(|| "untold.rows".to_owned(), |month| format!("{month}.rows"))
}

/// The rows of one part on their way.
#[derive(Default)]
struct Pending {
    text: Vec<u8>,
    rows: u64,
    days: u32,
    sum: [u64; 4],
}

struct Splitting<'a> {
    folder: &'a Path,
    /// Positions of the columns in order of their names.
    order: Vec<usize>,
    parts: BTreeMap<Option<Month>, Pending>,
    held: usize,
    rows: u64,
}

impl<'a> Splitting<'a> {
    fn new(folder: &'a Path, header: &[String]) -> Self {
        let mut order: Vec<usize> = (0..header.len()).collect();
        order.sort_by_key(|position| header.get(*position));
        Self { folder, order, parts: BTreeMap::new(), held: 0, rows: 0 }
    }

    fn add(
        &mut self,
        told: Option<Told>,
        place: Place,
        result: Result<(), Flaw>,
        fields: &Fields,
    ) -> io::Result<()> {
        self.rows += 1;
        let part = self.parts.entry(told.map(|(month, _)| month)).or_default();
        part.rows += 1;
        if let Some((_, Some(day))) = told {
            part.days |= 1 << (day.saturating_sub(1) & 31);
        }
        let before = part.text.len();
        for number in [place.line, place.offset, place.length] {
            put_number(&mut part.text, number);
        }
        let mut digest = Sha256::new();
        match result {
            Ok(()) => {
                put_number(&mut part.text, fields.len() as u64 + 1);
                for field in fields.iter() {
                    put_number(&mut part.text, field.len() as u64);
                    part.text.extend_from_slice(field.as_bytes());
                }
                let mut add = |field: &str| {
                    digest.update((field.len() as u64).to_le_bytes());
                    digest.update(field.as_bytes());
                };
                if fields.len() == self.order.len() {
                    self.order.iter().for_each(|position| add(fields.get(*position)));
                } else {
                    fields.iter().for_each(&mut add);
                }
            }
            Err(flaw) => {
                put_number(&mut part.text, 0);
                put_number(&mut part.text, flaw.number());
                digest.update(flaw.number().to_le_bytes());
                digest.update(place.length.to_le_bytes());
            }
        }
        for (sum, bytes) in part.sum.iter_mut().zip(digest.finalize().chunks_exact(8)) {
            let word = bytes.try_into().map_or(0, u64::from_le_bytes);
            *sum = sum.wrapping_add(word);
        }
        let (size, month) = (part.text.len(), told.map(|(month, _)| month));
        self.held += size - before;
        if size >= BLOCK {
            self.spill(month)?;
        }
        if self.held >= MOST_HELD {
            let months: Vec<_> = self.parts.keys().copied().collect();
            months.into_iter().try_for_each(|month| self.spill(month))?;
        }
        Ok(())
    }

    fn spill(&mut self, month: Option<Month>) -> io::Result<()> {
        let Some(part) = self.parts.get_mut(&month).filter(|part| !part.text.is_empty()) else {
            return Ok(());
        };
        self.held -= part.text.len();
        let packed = zstd::bulk::compress(&part.text, 1)?;
        let path = self.folder.join(file_name(month));
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        let mut head = Vec::with_capacity(24);
        for number in [part.text.len() as u64, packed.len() as u64, check(&packed)] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        file.write_all(&head)?;
        file.write_all(&packed)?;
        part.text.clear();
        Ok(())
    }

    fn finish(mut self, header: Vec<String>, month_position: Option<usize>) -> io::Result<Index> {
        let months: Vec<_> = self.parts.keys().copied().collect();
        for month in &months {
            self.spill(*month)?;
            File::open(self.folder.join(file_name(*month)))?.sync_all()?;
        }
        let parts = self.parts.iter().map(|(month, part)| {
            let digest = part.sum.iter().map(|word| hex::encode(word.to_le_bytes())).collect();
            Part { month: *month, digest, rows: part.rows, days: part.days }
        });
        Ok(Index { header, month_position, rows: self.rows, parts: parts.collect() })
    }
}

/// A line of JSON with a line behind it by which damage is known.
pub(super) fn sealed(mut line: Vec<u8>) -> Vec<u8> {
    let seal = format!("\n{:016x}\n", check(&line));
    line.extend_from_slice(seal.as_bytes());
    line
}

/// The line of JSON; `None` where it is damaged.
pub(super) fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let (line, seal) = bytes.split_at_checked(bytes.len().checked_sub(18)?)?;
    (seal == format!("\n{:016x}\n", check(line)).as_bytes()).then_some(line)
}

/// A number by which a damaged block is known.
fn check(bytes: &[u8]) -> u64 {
    Sha256::digest(bytes).first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn put_number(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(low_byte(number) | 0x80);
        number >>= 7;
    }
    into.push(low_byte(number));
}

fn low_byte(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low
}

/// Reads a part as if it were a delivery: the header first, then the rows with their places in the delivery.
pub(super) struct PartReader {
    header: Option<Arc<[String]>>,
    file: BufReader<File>,
    block: Vec<u8>,
    at: usize,
    /// Rows that are still to come.
    left: u64,
}

impl PartFile {
    pub(super) fn read(&self) -> io::Result<PartReader> {
        let file = BufReader::new(File::open(&self.path)?);
        let header = Some(Arc::clone(&self.header));
        Ok(PartReader { header, file, block: Vec::new(), at: 0, left: self.part.rows })
    }
}

pub(super) fn damaged() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "a part of a delivery is damaged; remove the folder landing/parts of the warehouse, it is made again",
    )
}

impl PartReader {
    fn fill(&mut self) -> io::Result<bool> {
        let mut head = [0; 24];
        match self.file.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
        let number = |at: usize| {
            let bytes = head.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
            bytes.map(u64::from_le_bytes).ok_or_else(damaged)
        };
        let (length, packed, told) = (number(0)?, number(8)?, number(16)?);
        let most = 64 << 20;
        let (length, packed) = match (usize::try_from(length), usize::try_from(packed)) {
            (Ok(length), Ok(packed)) if length <= most && packed <= most => (length, packed),
            _ => return Err(damaged()),
        };
        let mut bytes = vec![0; packed];
        self.file.read_exact(&mut bytes).map_err(|_| damaged())?;
        if check(&bytes) != told {
            return Err(damaged());
        }
        self.block = zstd::bulk::decompress(&bytes, length).map_err(|_| damaged())?;
        if self.block.len() != length {
            return Err(damaged());
        }
        self.at = 0;
        Ok(true)
    }

    fn number(&mut self) -> io::Result<u64> {
        let (mut number, mut shift) = (0u64, 0);
        loop {
            let byte = *self.block.get(self.at).ok_or_else(damaged)?;
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
            shift += 7;
            if shift > 63 {
                return Err(damaged());
            }
        }
    }
}

impl RecordReader for PartReader {
    fn next(&mut self, fields: &mut Fields) -> io::Result<Option<(Place, Result<(), Flaw>)>> {
        if let Some(header) = self.header.take() {
            fields.set(header.iter());
            return Ok(Some((Place { line: 1, offset: 0, length: 0 }, Ok(()))));
        }
        if self.at == self.block.len() && !self.fill()? {
            return if self.left == 0 { Ok(None) } else { Err(damaged()) };
        }
        self.left = self.left.checked_sub(1).ok_or_else(damaged)?;
        let place = Place { line: self.number()?, offset: self.number()?, length: self.number()? };
        let count = self.number()?;
        fields.clear();
        if count == 0 {
            let flaw = Flaw::of_number(self.number()?).ok_or_else(damaged)?;
            return Ok(Some((place, Err(flaw))));
        }
        for _ in 1..count {
            let length = usize::try_from(self.number()?).map_err(|_| damaged())?;
            let text = self.block.get(self.at..self.at.saturating_add(length)).ok_or_else(damaged)?;
            fields.push(std::str::from_utf8(text).map_err(|_| damaged())?);
            self.at += length;
        }
        Ok(Some((place, Ok(()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Two blocks of rows as they are written.
    fn written() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let header = ["Ref".to_owned(), "Month".to_owned()];
        let mut splitting = Splitting::new(folder.path(), &header);
        let mut fields = Fields::default();
        for row in 0..6_u64 {
            fields.set([format!("r{row}"), "2025-06".to_owned()]);
            let place = Place { line: row + 2, offset: row * 9, length: 8 };
            splitting.add(None, place, if row == 4 { Err(Flaw::Quoting) } else { Ok(()) }, &fields).unwrap();
            if row == 2 {
                splitting.spill(None).unwrap();
            }
        }
        splitting.finish(header.to_vec(), Some(1)).unwrap();
        fs::read(folder.path().join(file_name(None))).unwrap()
    }

    /// Rows that can be read before the end or the first error.
    fn rows(bytes: &[u8]) -> (u64, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        fs::write(&path, bytes).unwrap();
        let part = Part { month: None, digest: String::new(), rows: 6, days: 0 };
        let file = PartFile { part, header: Arc::from(["Ref".to_owned(), "Month".to_owned()]), path };
        let (mut reader, mut fields, mut rows) = (file.read().unwrap(), Fields::default(), 0);
        loop {
            match reader.next(&mut fields) {
                Ok(Some(_)) => rows += 1,
                Ok(None) => return (rows, true),
                Err(_) => return (rows, false),
            }
        }
    }

    proptest! {
        #[test]
        fn a_damaged_part_is_known(at: prop::sample::Index, flip in 1_u8.., cut: prop::sample::Index) {
            let sound = written();
            // The header and six rows, one of which is none.
            prop_assert_eq!(rows(&sound), (7, true));
            let mut bytes = sound.clone();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert!(!rows(&bytes).1, "a flip at {}", at);
            let cut = cut.index(sound.len());
            prop_assert!(!rows(&sound[..cut]).1, "cut at {}", cut);
        }

        #[test]
        fn any_bytes_are_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = rows(&bytes);
            prop_assert!(unsealed(&bytes).is_none());
        }

        #[test]
        fn a_seal_is_broken_by_any_change(line in "\\PC{0,60}", at: prop::sample::Index, flip in 1_u8..) {
            let mut bytes = sealed(line.clone().into_bytes());
            prop_assert_eq!(unsealed(&bytes), Some(line.as_bytes()));
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert_eq!(unsealed(&bytes), None);
        }
    }
}
