//! Keeps every delivery unchanged under its digest, and knows the latest one of each feed, month and file.
//!
//! `landing/objects/ab/abcd…` holds the bytes; `landing/deliveries.jsonl` has one line a delivery, appended and synced. A
//! line that a killed run left half written is not a delivery and is cut off.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::durable;
use crate::period::Month;

/// One set of bytes that a partner sent for a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Feed that it was sent for.
    pub feed: String,
    /// Month that it is about.
    pub period: Month,
    /// Base name of the file, or of the member of the archive.
    pub file: String,
    /// Address or path that it came from, without secrets.
    pub source: String,
    /// SHA-256 of the bytes as received, in hexadecimal digits.
    pub sha256: String,
    /// SHA-256 of the archive's member; equal to `sha256` where there is no archive.
    pub content_sha256: String,
    /// Number of bytes as received.
    pub bytes: u64,
    /// Member of the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Names in braces of the feed's `source`, with what stood in their place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub captures: BTreeMap<String, String>,
    /// When it was received.
    pub received: DateTime<Utc>,
    /// Entity tag of the address, for the next conditional request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified` of the address, for the next conditional request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// Modification time of a local file, in nanoseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_ns: Option<u64>,
    /// The file is read where it is, not from a copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<PathBuf>,
    /// Made by the simulator.
    #[serde(default)]
    pub synthetic: bool,
}

impl Delivery {
    /// What tells deliveries of one feed apart that may replace each other: month and file.
    #[must_use]
    pub fn slot(&self) -> (Month, &str) {
        (self.period, &self.file)
    }
}

/// The landing of a warehouse.
#[derive(Debug)]
pub struct Landing {
    folder: PathBuf,
    /// In the order of their arrival.
    deliveries: Vec<Delivery>,
    /// Position of the latest delivery of each feed, month and file.
    latest: HashMap<(String, Month, String), usize>,
}

impl Landing {
    /// Opens the landing in a warehouse folder; an absent one is empty.
    ///
    /// # Errors
    /// What the file system reports, and a line that is damaged though others follow it.
    pub fn open(warehouse: &Path) -> io::Result<Self> {
        let folder = warehouse.join("landing");
        let text = match fs::read_to_string(folder.join("deliveries.jsonl")) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut deliveries = Vec::new();
        for (number, line) in text.split_inclusive('\n').enumerate() {
            match serde_json::from_str(line) {
                Ok(delivery) if line.ends_with('\n') => deliveries.push(delivery),
                // The last line of a run that was killed while it wrote.
                _ if !line.ends_with('\n') => break,
                Ok(_) => {}
                Err(error) => {
                    let message = format!("landing/deliveries.jsonl:{}: damaged: {error}", number + 1);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
            }
        }
        let mut landing = Self { folder, deliveries: Vec::new(), latest: HashMap::new() };
        landing.extend(deliveries);
        Ok(landing)
    }

    /// The folder in which deliveries in the making are written.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn incoming(&self) -> io::Result<PathBuf> {
        let folder = self.folder.join("incoming");
        durable::create_folder(&folder)?;
        Ok(folder)
    }

    /// Every delivery of a feed, the latest of a slot last.
    #[must_use]
    pub fn of_feed<'a>(&'a self, feed: &'a str) -> impl DoubleEndedIterator<Item = &'a Delivery> {
        self.deliveries.iter().filter(move |delivery| delivery.feed == feed)
    }

    /// Every delivery of every feed, in the order of arrival.
    #[must_use]
    pub fn all(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// The deliveries of each slot of a feed, the latest first.
    #[must_use]
    pub fn slots<'a>(&'a self, feed: &'a str) -> BTreeMap<(Month, String), Vec<&'a Delivery>> {
        let mut slots: BTreeMap<(Month, String), Vec<&Delivery>> = BTreeMap::new();
        for delivery in self.of_feed(feed).rev() {
            let slot = slots.entry((delivery.period, delivery.file.clone())).or_default();
            // Seen again under another time or tag: the same delivery.
            if !slot.iter().any(|known| known.content_sha256 == delivery.content_sha256) {
                slot.push(delivery);
            }
        }
        slots
    }

    /// The latest delivery that came from an address or path, for a conditional request.
    #[must_use]
    pub fn latest_from(&self, source: &str) -> Option<&Delivery> {
        self.deliveries.iter().rev().find(|delivery| delivery.source == source)
    }

    /// The latest delivery of a slot of a feed.
    #[must_use]
    pub fn latest_of(&self, feed: &str, period: Month, file: &str) -> Option<&Delivery> {
        let number = self.latest.get(&(feed.to_owned(), period, file.to_owned()))?;
        self.deliveries.get(*number)
    }

    /// The latest delivery of a feed under a file name, whichever month it was received in.
    #[must_use]
    pub fn latest_named(&self, feed: &str, file: &str) -> Option<&Delivery> {
        self.deliveries.iter().rev().find(|delivery| delivery.feed == feed && delivery.file == file)
    }

    /// Takes a finished file under its digest. The same bytes are kept once.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn keep(&self, file: tempfile::TempPath, sha256: &str) -> io::Result<()> {
        let place = self.object(sha256);
        if place.is_file() {
            return Ok(());
        }
        let folder = place.parent().unwrap_or(&self.folder);
        durable::create_folder(folder)?;
        File::open(&file)?.sync_all()?;
        file.persist(&place).map_err(|error| error.error)?;
        durable::sync_folder(folder)
    }

    fn object(&self, sha256: &str) -> PathBuf {
        self.folder.join("objects").join(sha256.get(..2).unwrap_or("xx")).join(sha256)
    }

    /// Where the bytes of a delivery are.
    #[must_use]
    pub fn path(&self, delivery: &Delivery) -> PathBuf {
        delivery.reference.clone().unwrap_or_else(|| self.object(&delivery.sha256))
    }

    /// Records deliveries, durably and in one step.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn record(&mut self, deliveries: Vec<Delivery>) -> io::Result<()> {
        if deliveries.is_empty() {
            return Ok(());
        }
        durable::create_folder(&self.folder)?;
        let path = self.folder.join("deliveries.jsonl");
        let new = !path.exists();
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
        let end = whole_lines(&mut file)?;
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        let mut text = Vec::new();
        for delivery in &deliveries {
            serde_json::to_writer(&mut text, delivery)?;
            text.push(b'\n');
        }
        file.write_all(&text)?;
        file.sync_all()?;
        if new {
            durable::sync_folder(&self.folder)?;
        }
        self.extend(deliveries);
        Ok(())
    }

    fn extend(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            let slot = (delivery.feed.clone(), delivery.period, delivery.file.clone());
            self.latest.insert(slot, self.deliveries.len());
            self.deliveries.push(delivery);
        }
    }

    /// The unpacked text of a delivery, from its first byte.
    ///
    /// # Errors
    /// What the file system or the archive reports; a member that is not there; more bytes than `limit` once unpacked.
    pub fn read(&self, delivery: &Delivery, limit: u64) -> io::Result<Box<dyn Read + Send>> {
        let path = self.path(delivery);
        let file = File::open(&path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        unpack(file, delivery.member.as_deref(), limit)
    }

    /// The bytes of a delivery as the file that they lie in; `None` where they are packed or a member of an archive.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn unpacked_file(&self, delivery: &Delivery) -> io::Result<Option<File>> {
        let path = self.path(delivery);
        let mut file = File::open(&path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        let mut head = [0; 4];
        let known = read_up_to(&mut file, &mut head)?;
        file.seek(SeekFrom::Start(0))?;
        let plain = delivery.member.is_none() && Packing::of(head.get(..known).unwrap_or_default()).is_none();
        Ok(plain.then_some(file))
    }

    /// Whether the kept bytes of a delivery are still those that were received. One that is read where it lies is not
    /// ours to keep.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn is_intact(&self, delivery: &Delivery) -> io::Result<bool> {
        if delivery.reference.is_some() {
            return Ok(true);
        }
        Ok(digest(&mut File::open(self.path(delivery))?)?.0 == delivery.sha256)
    }

    /// Bytes of a kept object; `None` when it is gone.
    #[must_use]
    pub fn object_bytes(&self, sha256: &str) -> Option<u64> {
        fs::metadata(self.object(sha256)).ok().map(|metadata| metadata.len())
    }

    /// Removes a kept object for good; one that is gone already is no fault.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn remove_object(&self, sha256: &str) -> io::Result<()> {
        let place = self.object(sha256);
        match fs::remove_file(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        let folder = place.parent().unwrap_or(&self.folder);
        durable::sync_folder(folder)?;
        // The last of a folder leaves it empty; one that is not stays.
        let _ = fs::remove_dir(folder);
        Ok(())
    }

    /// Removes deliveries that were split into months: they are made anew from what is kept.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn remove_parts(&self) -> io::Result<()> {
        match fs::remove_dir_all(self.folder.join("parts")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Removes what a killed run left in the making.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn remove_leftovers(&self) -> io::Result<()> {
        let folder = self.folder.join("incoming");
        let Ok(entries) = fs::read_dir(&folder) else { return Ok(()) };
        for entry in entries.flatten() {
            fs::remove_file(entry.path())?;
        }
        Ok(())
    }
}

/// Length of the part of a file that consists of whole lines.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut text)?;
    Ok(memchr::memrchr(b'\n', &text).map_or(0, |at| at as u64 + 1))
}

/// Times by which a packed file may grow, once it has grown beyond [`RATIO_FROM`]: no honest one grows more.
const RATIO: u64 = 200;
const RATIO_FROM: u64 = 10 << 20;

/// Largest number of members of an archive.
const MEMBERS: usize = 100_000;

/// Stops what grows beyond any honest measure while it is unpacked.
///
/// # Errors
/// It has grown so.
pub(crate) fn check_ratio(packed: u64, unpacked: u64) -> io::Result<()> {
    if unpacked <= RATIO_FROM || unpacked / packed.max(1) <= RATIO {
        return Ok(());
    }
    let message = format!("unpacks to more than {RATIO} times its {packed} bytes");
    Err(io::Error::new(io::ErrorKind::FileTooLarge, message))
}

/// The plain bytes of a file that may be packed with gzip or zstd, or of one member of a ZIP archive, which may itself
/// be packed so. `member` may hold `*` and `?`; it must then match exactly one member.
///
/// # Errors
/// What the file or the archive reports; bytes that are packed once more; more than `limit` of them, or more than an
/// honest file would unpack to.
pub fn unpack(mut file: File, member: Option<&str>, limit: u64) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = [0; 4];
    let known = read_up_to(&mut file, &mut magic)?;
    file.seek(SeekFrom::Start(0))?;
    let head = magic.get(..known).unwrap_or_default();
    let mut packed = file.metadata()?.len();
    let mut grows = false;
    let plain: Box<dyn Read + Send> = match member {
        Some(member) if head == b"PK\x03\x04" => {
            let (member, size) = ZipMember::open(file, member)?;
            packed = packed.min(size);
            grows = true;
            Box::new(member)
        }
        Some(member) if head == b"PK\x05\x06" => {
            let message = format!("the archive is empty; `{member}` is not in it");
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        _ => Box::new(file),
    };
    let mut plain = BufReader::with_capacity(1 << 16, plain);
    let packing = Packing::of(io::BufRead::fill_buf(&mut plain)?);
    let reader: Box<dyn Read + Send> = match packing {
        None => Box::new(plain),
        Some(packing) => {
            grows = true;
            let inner: Box<dyn Read + Send> = match packing {
                Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(plain)),
                Packing::Zstd => Box::new(zstd::Decoder::with_buffer(plain)?),
            };
            let mut inner = BufReader::with_capacity(1 << 16, inner);
            if Packing::of(io::BufRead::fill_buf(&mut inner)?).is_some() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "packed more than once"));
            }
            Box::new(inner)
        }
    };
    Ok(Box::new(Limited { reader, read: 0, limit, packed: grows.then_some(packed) }))
}

/// How bytes are packed.
#[derive(Clone, Copy)]
enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// As the first bytes tell; `None`: not packed.
    fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(b"\x1f\x8b") {
            Some(Self::Gzip)
        } else {
            head.starts_with(b"\x28\xb5\x2f\xfd").then_some(Self::Zstd)
        }
    }
}

/// The number of the member of that name, or of the only one that a pattern matches.
fn find_member(archive: &zip::ZipArchive<BufReader<File>>, member: &str) -> io::Result<usize> {
    let missing = |message: String| io::Error::new(io::ErrorKind::NotFound, message);
    if let Some(number) = archive.index_for_name(member) {
        return Ok(number);
    }
    if !member.contains(['*', '?']) {
        return Err(missing(format!("the archive has no member `{member}`")));
    }
    let mut found: Vec<(usize, String)> = Vec::new();
    for (number, name) in archive.file_names().enumerate() {
        let name = name.map_err(io::Error::other)?.into_owned();
        let base = name.rsplit('/').next().unwrap_or_default();
        // Folders, and what a Mac adds beside each file.
        let own = base.is_empty() || base.starts_with('.') || name.starts_with("__MACOSX/");
        let shown = if member.contains('/') { name.as_str() } else { base };
        if !own && matches(member, shown) {
            found.push((number, name));
        }
    }
    match found.as_slice() {
        [] => Err(missing(format!("no member of the archive matches `{member}`"))),
        [(_, name)] => {
            archive.index_for_name(name).ok_or_else(|| missing(format!("the archive has no member `{name}`")))
        }
        several => {
            let names: Vec<String> = several.iter().take(5).map(|(_, name)| format!("`{name}`")).collect();
            Err(missing(format!(
                "{} members of the archive match `{member}`, expected one: {}",
                several.len(),
                names.join(", ")
            )))
        }
    }
}

/// Whether a name matches a pattern in which `*` stands for any characters and `?` for one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut of) = (0, 0);
    // Where the last `*` stands, and the character up to which it reaches.
    let mut star: Option<(usize, usize)> = None;
    while of < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(c) if *c == '?' || Some(c) == name.get(of) => {
                at += 1;
                of += 1;
            }
            _ => match star {
                Some((stood, reached)) => {
                    star = Some((stood, reached + 1));
                    (at, of) = (stood + 1, reached + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|c| *c == '*')
}

fn read_up_to(reader: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match reader.read(into.get_mut(filled..).unwrap_or_default())? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// One member of a ZIP archive, unpacked as it is read. The archive is never unpacked by name onto the disk.
struct ZipMember {
    receiver: std::sync::mpsc::Receiver<io::Result<Vec<u8>>>,
    pending: Vec<u8>,
    at: usize,
    ended: bool,
}

impl ZipMember {
    /// A member and its packed size.
    fn open(file: File, member: &str) -> io::Result<(Self, u64)> {
        let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(io::Error::other)?;
        if archive.len() > MEMBERS {
            let message = format!("the archive has {} members, more than {MEMBERS}", archive.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let number = find_member(&archive, member)?;
        let packed = archive.by_index_raw(number).map_err(io::Error::other)?.compressed_size();
        // The library lends a member from its archive; a thread owns both and hands over what it reads.
        let (sender, receiver) = std::sync::mpsc::sync_channel(4);
        std::thread::Builder::new().name("unzip".to_owned()).spawn(move || {
            let mut entry = match archive.by_index(number) {
                Ok(entry) => entry,
                Err(error) => {
                    let _ = sender.send(Err(io::Error::other(error)));
                    return;
                }
            };
            loop {
                let mut chunk = vec![0; 1 << 18];
                match read_up_to(&mut entry, &mut chunk) {
                    Ok(read) => {
                        chunk.truncate(read);
                        // The end is an empty chunk: a thread that breaks off does not look like it.
                        if sender.send(Ok(chunk)).is_err() || read == 0 {
                            return;
                        }
                    }
                    Err(error) => {
                        let _ = sender.send(Err(error));
                        return;
                    }
                }
            }
        })?;
        Ok((Self { receiver, pending: Vec::new(), at: 0, ended: false }, packed))
    }
}

impl Read for ZipMember {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.pending.len() && !self.ended {
            match self.receiver.recv() {
                Ok(chunk) => (self.pending, self.at) = (chunk?, 0),
                Err(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "the archive is damaged")),
            }
            self.ended = self.pending.is_empty();
        }
        let rest = self.pending.get(self.at..).unwrap_or_default();
        let read = rest.len().min(into.len());
        if let (Some(target), Some(source)) = (into.get_mut(..read), rest.get(..read)) {
            target.copy_from_slice(source);
        }
        self.at += read;
        Ok(read)
    }
}

/// Stops a text that grows beyond any honest size while it is unpacked.
struct Limited {
    reader: Box<dyn Read + Send>,
    read: u64,
    limit: u64,
    /// Packed size; `None`: the bytes are as they came.
    packed: Option<u64>,
}

impl Read for Limited {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.read += read as u64;
        if self.read > self.limit {
            let message = format!("more than {} bytes once unpacked", self.limit);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        if let Some(packed) = self.packed {
            check_ratio(packed, self.read)?;
        }
        Ok(read)
    }
}

/// SHA-256 (hexadecimal digits) and length of what a reader yields.
///
/// # Errors
/// What the reader reports.
pub fn digest(reader: &mut impl Read) -> io::Result<(String, u64)> {
    copy_digest(reader, &mut io::sink())
}

/// Copies all that a reader yields; gives its SHA-256 (hexadecimal digits) and length.
///
/// # Errors
/// What either side reports.
pub fn copy_digest(reader: &mut impl Read, writer: &mut impl Write) -> io::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok((hex::encode(hash.finalize()), bytes));
        }
        let chunk = buffer.get(..read).unwrap_or_default();
        hash.update(chunk);
        writer.write_all(chunk)?;
        bytes += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(file: &str, digest: &str) -> Delivery {
        Delivery {
            feed: "f".to_owned(),
            period: "2025-06".parse().unwrap(),
            file: file.to_owned(),
            source: format!("https://example.org/{file}"),
            sha256: digest.to_owned(),
            content_sha256: digest.to_owned(),
            bytes: 1,
            member: None,
            captures: BTreeMap::new(),
            received: "2025-08-01T05:30:00Z".parse().unwrap(),
            etag: None,
            last_modified: None,
            modified_ns: None,
            reference: None,
            synthetic: false,
        }
    }

    #[test]
    fn the_latest_delivery_of_a_slot_comes_first_and_the_same_bytes_are_one_delivery() {
        let folder = tempfile::tempdir().unwrap();
        let mut landing = Landing::open(folder.path()).unwrap();
        landing
            .record(vec![delivery("a.csv", "11"), delivery("a.csv", "22"), delivery("a.csv", "22")])
            .unwrap();
        let again = Landing::open(folder.path()).unwrap();
        let slots = again.slots("f");
        let digests: Vec<&str> = slots.values().flatten().map(|d| d.sha256.as_str()).collect();
        assert_eq!(digests, ["22", "11"]);
    }

    #[test]
    fn a_line_that_was_half_written_is_not_a_delivery_and_the_next_one_stands_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut landing = Landing::open(folder.path()).unwrap();
        landing.record(vec![delivery("a.csv", "11")]).unwrap();
        let path = folder.path().join("landing/deliveries.jsonl");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"feed\":\"f\",\"per").unwrap();
        let mut landing = Landing::open(folder.path()).unwrap();
        assert_eq!(landing.all().len(), 1);
        landing.record(vec![delivery("b.csv", "33")]).unwrap();
        assert_eq!(Landing::open(folder.path()).unwrap().all().len(), 2);
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("landing")).unwrap();
        fs::write(folder.path().join("landing/deliveries.jsonl"), "{}\n{}\n").unwrap();
        let error = Landing::open(folder.path()).unwrap_err();
        assert!(error.to_string().starts_with("landing/deliveries.jsonl:1: damaged"), "{error}");
    }

    fn unpacked(bytes: &[u8], member: Option<&str>, limit: u64) -> io::Result<Vec<u8>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut text = Vec::new();
        unpack(file, member, limit)?.read_to_end(&mut text)?;
        Ok(text)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zipped(member: &str, text: &[u8]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        writer.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text).unwrap();
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn plain_gzipped_and_zipped_bytes_give_the_same_text() {
        let text = b"a,b\n1,2\n".repeat(100_000);
        assert_eq!(unpacked(&text, None, 1 << 30).unwrap(), text);
        assert_eq!(unpacked(&gzip(&text), None, 1 << 30).unwrap(), text);
        assert_eq!(unpacked(&zipped("m/a.csv", &text), Some("m/a.csv"), 1 << 30).unwrap(), text);
        assert_eq!(unpacked(&zipped("a.csv.gz", &gzip(&text)), Some("a.csv.gz"), 1 << 30).unwrap(), text);
    }

    #[test]
    fn a_truncated_gzip_a_missing_member_and_a_bomb_are_errors() {
        let packed = gzip(&b"a,b\n1,2\n".repeat(100_000));
        assert!(unpacked(&packed[..packed.len() - 20], None, 1 << 30).is_err());
        let error = unpacked(&zipped("a.csv", b"x"), Some("b.csv"), 1 << 30).unwrap_err();
        assert_eq!(error.to_string(), "the archive has no member `b.csv`");
        let error = unpacked(&gzip(&vec![b'0'; 1 << 22]), None, 1 << 20).unwrap_err();
        assert_eq!(error.to_string(), "more than 1048576 bytes once unpacked");
    }
}
