//! Deliveries that lie in a folder: a partner's share, an archive on this disk, or a mirror of an address.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::{Haul, Probed, Visit, with_period};
use crate::config::Project;
use crate::config::settings::{FeedConfig, LandingMode};
use crate::diagnose::shown_path;
use crate::landing::{self, Delivery, Landing};
use crate::period::Month;

/// A file that a pattern found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    path: PathBuf,
    period: Month,
    captures: BTreeMap<String, String>,
}

/// Every file that a pattern with `{period}`, `{names}` and `*` finds, in order of month and path.
pub(super) async fn look(visit: &Visit<'_>, pattern: &str, synthetic: bool) -> Haul {
    let found = match find(pattern) {
        Ok(found) => found,
        Err((path, error)) => {
            let general = vec![format!("{}: {error}", path.display())];
            // A folder that cannot be read is not an empty one: what was landed stays.
            return Haul { general, ..Haul::default() };
        }
    };
    let mut haul = Haul::default();
    let mut present = Vec::new();
    let landing = visit.landing.lock().await;
    let wanted: Vec<Wanted> = found
        .into_iter()
        // What could not be kept is not taken, though the partner still has it.
        .filter(|file| visit.terms.closed(file.period).is_none())
        .map(|file| {
            let member = visit.feed.member.as_ref().map(|member| with_period(member, file.period));
            let name = slot_name(&file.path, member.as_deref());
            Wanted { file, name, member }
        })
        .collect();
    for (wanted, taken) in take_all(visit, &landing, wanted, synthetic) {
        let period = wanted.file.period;
        match taken {
            Ok(Taken::Known(digest)) => present.push((period, wanted.name, digest)),
            Ok(Taken::New(delivery)) => {
                present.push((period, wanted.name, delivery.sha256.clone()));
                haul.deliveries.push(*delivery);
            }
            Err(error) => {
                haul.faults.insert(period, format!("{}: {error}", shown(visit.project, &wanted.file.path)));
            }
        }
    }
    drop(landing);
    if visit.feed.landing == LandingMode::Reference {
        haul.present = Some(present);
    }
    haul
}

/// One file a month from a folder that mirrors an address: the file itself, or the archive's member beside it, unpacked,
/// either of them gzipped or not.
pub(super) async fn look_in_mirror(
    visit: &Visit<'_>,
    folder: &Path,
    rest: &str,
    expected: &[Month],
    synthetic: bool,
) -> Haul {
    let mut haul = Haul::default();
    let landing = visit.landing.lock().await;
    let wanted: Vec<Wanted> = expected
        .iter()
        .filter_map(|month| {
            let (path, member, name) = in_mirror(&visit.feed, folder, rest, *month)?;
            Some(Wanted { file: Found { path, period: *month, captures: BTreeMap::new() }, name, member })
        })
        .collect();
    for (wanted, taken) in take_all(visit, &landing, wanted, synthetic) {
        match taken {
            Ok(Taken::Known(_)) => {}
            Ok(Taken::New(delivery)) => haul.deliveries.push(*delivery),
            Err(error) => {
                let path = shown(visit.project, &wanted.file.path);
                haul.faults.insert(wanted.file.period, format!("{path}: {error}"));
            }
        }
    }
    haul
}

/// A file to be taken.
struct Wanted {
    file: Found,
    /// Name of its slot.
    name: String,
    /// Member to take out of it.
    member: Option<String>,
}

/// Takes files on all processors: reading and hashing them is most of what landing costs. The order stays.
fn take_all(
    visit: &Visit<'_>,
    landing: &Landing,
    wanted: Vec<Wanted>,
    synthetic: bool,
) -> Vec<(Wanted, io::Result<Taken>)> {
    let (known, new): (Vec<usize>, Vec<usize>) = (0..wanted.len()).partition(|number| {
        wanted.get(*number).is_some_and(|wanted| known_digest(visit, landing, wanted, synthetic).is_some())
    });
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut taken: BTreeMap<usize, io::Result<Taken>> = BTreeMap::new();
    for number in known {
        let digest = wanted.get(number).and_then(|wanted| known_digest(visit, landing, wanted, synthetic));
        taken.insert(number, Ok(Taken::Known(digest.unwrap_or_default())));
    }
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get).min(new.len());
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let Some(number) = new.get(at).copied() else { return mine };
                        if let Some(wanted) = wanted.get(number) {
                            mine.push((number, take(visit, landing, wanted, synthetic)));
                        }
                    }
                })
            })
            .collect();
        for handle in handles {
            match handle.join() {
                Ok(mine) => taken.extend(mine),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    wanted
        .into_iter()
        .enumerate()
        .filter_map(|(number, wanted)| Some((wanted, taken.remove(&number)?)))
        .collect()
}

/// The digest of a file that was landed before and has not changed since.
fn known_digest(visit: &Visit<'_>, landing: &Landing, wanted: &Wanted, synthetic: bool) -> Option<String> {
    let metadata = fs::metadata(&wanted.file.path).ok()?;
    let source = shown(visit.project, &wanted.file.path);
    let known = landing.latest_of(&visit.feed.id, wanted.file.period, &wanted.name)?;
    is_same(known, &source, &metadata, synthetic).then(|| known.sha256.clone())
}

/// Months of which a pattern finds a file that was not landed, and of which it finds one that changed since.
pub(super) fn foresee(
    project: &Project,
    landing: &Landing,
    feed: &FeedConfig,
    pattern: &str,
    synthetic: bool,
) -> (Vec<Month>, Vec<Month>) {
    let mut look = Look { project, landing, feed, synthetic, new: Vec::new(), changed: Vec::new() };
    for file in find(pattern).unwrap_or_default() {
        let member = feed.member.as_ref().map(|member| with_period(member, file.period));
        let name = slot_name(&file.path, member.as_deref());
        look.note(&file.path, file.period, &name);
    }
    (look.new, look.changed)
}

/// The same for a folder that mirrors an address.
pub(super) fn foresee_mirror(
    project: &Project,
    landing: &Landing,
    feed: &FeedConfig,
    folder: &Path,
    rest: &str,
    expected: &[Month],
    synthetic: bool,
) -> (Vec<Month>, Vec<Month>) {
    let mut look = Look { project, landing, feed, synthetic, new: Vec::new(), changed: Vec::new() };
    for month in expected {
        if let Some((path, _, name)) = in_mirror(feed, folder, rest, *month) {
            look.note(&path, *month, &name);
        }
    }
    (look.new, look.changed)
}

/// A folder being looked at, without taking anything.
struct Look<'a> {
    project: &'a Project,
    landing: &'a Landing,
    feed: &'a FeedConfig,
    synthetic: bool,
    new: Vec<Month>,
    changed: Vec<Month>,
}

impl Look<'_> {
    fn note(&mut self, path: &Path, month: Month, name: &str) {
        let Some(known) = self.landing.latest_of(&self.feed.id, month, name) else {
            self.new.push(month);
            return;
        };
        let source = shown(self.project, path);
        let same =
            fs::metadata(path).is_ok_and(|metadata| is_same(known, &source, &metadata, self.synthetic));
        if !same {
            self.changed.push(month);
        }
    }
}

/// Whether a file is the one that was landed, judged by path, size and time without reading it.
fn is_same(known: &Delivery, source: &str, metadata: &fs::Metadata, synthetic: bool) -> bool {
    known.source == source
        && known.modified_ns == modified_ns(metadata)
        && known.bytes == metadata.len()
        && known.synthetic == synthetic
}

/// A path as it is recorded and shown: relative to the project where it lies inside, so that the project is the same
/// wherever it is mounted and however it is named.
fn shown(project: &Project, path: &Path) -> String {
    shown_path(&project.root, path).to_string_lossy().into_owned()
}

fn modified_ns(metadata: &fs::Metadata) -> Option<u64> {
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(modified.as_nanos()).ok()
}

/// The file of a month in a mirror, the member to take out of it, and the name of its slot.
fn in_mirror(
    feed: &FeedConfig,
    folder: &Path,
    rest: &str,
    month: Month,
) -> Option<(PathBuf, Option<String>, String)> {
    let path = folder.join(with_period(rest, month));
    let wanted = feed.member.as_ref().map(|member| with_period(member, month));
    let (path, member) = mirrored(&path, wanted.clone())?;
    // The slot bears the publisher's name for the file, however the mirror keeps it.
    let name = wanted.unwrap_or_else(|| with_period(rest, month));
    let name = name.rsplit('/').next().unwrap_or_default().to_owned();
    Some((path, member, name))
}

fn mirrored(path: &Path, member: Option<String>) -> Option<(PathBuf, Option<String>)> {
    if path.is_file() {
        return Some((path.to_path_buf(), member));
    }
    let zipped = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".gz");
        let path = PathBuf::from(name);
        path.is_file().then_some(path)
    };
    if let Some(path) = zipped(path) {
        return Some((path, None));
    }
    let unpacked = path.parent()?.join(member?);
    if unpacked.is_file() {
        return Some((unpacked, None));
    }
    zipped(&unpacked).map(|path| (path, None))
}

/// What tells the file of a month apart from the others of that month: base name of the member or of the file.
fn slot_name(path: &Path, member: Option<&str>) -> String {
    let name = member.map_or_else(|| path.to_string_lossy().into_owned(), str::to_owned);
    name.rsplit('/').next().unwrap_or_default().to_owned()
}

enum Taken {
    /// Seen before, with this digest.
    Known(String),
    New(Box<Delivery>),
}

fn take(visit: &Visit<'_>, landing: &Landing, wanted: &Wanted, synthetic: bool) -> io::Result<Taken> {
    let found = &wanted.file;
    let metadata = fs::metadata(&found.path)?;
    let source = shown(visit.project, &found.path);
    let mut file = File::open(&found.path)?;
    let reference = visit.feed.landing == LandingMode::Reference;
    let (sha256, bytes) = if reference {
        landing::digest(&mut file)?
    } else {
        let mut copy = crate::durable::temporary(&landing.incoming()?)?;
        let taken = landing::copy_digest(&mut file, &mut copy)?;
        landing.keep(copy.into_temp_path(), &taken.0)?;
        taken
    };
    let mut delivery = Delivery {
        feed: visit.feed.id.clone(),
        period: found.period,
        file: wanted.name.clone(),
        source,
        content_sha256: sha256.clone(),
        sha256,
        bytes,
        member: wanted.member.clone(),
        captures: found.captures.clone(),
        received: visit.now,
        etag: None,
        last_modified: None,
        modified_ns: modified_ns(&metadata),
        reference: reference.then(|| std::path::absolute(&found.path)).transpose()?,
        synthetic,
    };
    if delivery.member.is_some() {
        delivery.content_sha256 =
            landing::digest(&mut landing.read(&delivery, visit.feed.max_unpacked_bytes)?)?.0;
    }
    Ok(Taken::New(Box::new(delivery)))
}

type Unreadable = (PathBuf, io::Error);

/// Files that a pattern finds; folders and links to nowhere are passed over.
fn find(pattern: &str) -> Result<Vec<Found>, Unreadable> {
    let root = if pattern.starts_with('/') { PathBuf::from("/") } else { PathBuf::new() };
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let mut found = Vec::new();
    descend(root, &parts, &BTreeMap::new(), &mut found)?;
    found.sort_by(|a, b| (a.period, &a.path).cmp(&(b.period, &b.path)));
    Ok(found)
}

fn descend(
    folder: PathBuf,
    parts: &[&str],
    captures: &BTreeMap<String, String>,
    found: &mut Vec<Found>,
) -> Result<(), Unreadable> {
    let Some((part, rest)) = parts.split_first() else { return Ok(()) };
    if !part.contains(['{', '*']) {
        return arrive(folder.join(part), rest, captures, found);
    }
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) => return Err((folder, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| (folder.clone(), error))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        if rest.is_empty() == entry.path().is_dir() {
            continue;
        }
        let mut taken = captures.clone();
        if matches(part, name, &mut taken) {
            arrive(entry.path(), rest, &taken, found)?;
        }
    }
    Ok(())
}

fn arrive(
    path: PathBuf,
    rest: &[&str],
    captures: &BTreeMap<String, String>,
    found: &mut Vec<Found>,
) -> Result<(), Unreadable> {
    if !rest.is_empty() {
        return descend(path, rest, captures, found);
    }
    let period = captures.get("period").and_then(|text| text.parse().ok());
    if let Some(period) = period.filter(|_| path.is_file()) {
        let mut captures = captures.clone();
        captures.remove("period");
        found.push(Found { path, period, captures });
    }
    Ok(())
}

/// Whether a name fits a part of a pattern; a name in braces that stands twice must stand for the same text.
fn matches(pattern: &str, name: &str, captures: &mut BTreeMap<String, String>) -> bool {
    let Some(first) = pattern.chars().next() else { return name.is_empty() };
    if let Some(rest) = pattern.strip_prefix('*') {
        return ends(name).any(|at| matches(rest, name.get(at..).unwrap_or_default(), captures));
    }
    if let Some((key, rest)) = pattern.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
        for at in ends(name).filter(|at| *at > 0) {
            let text = name.get(..at).unwrap_or_default();
            if key == "period" && text.parse::<Month>().is_err() {
                continue;
            }
            if captures.get(key).is_some_and(|known| known != text) {
                continue;
            }
            let mut taken = captures.clone();
            taken.insert(key.to_owned(), text.to_owned());
            if matches(rest, name.get(at..).unwrap_or_default(), &mut taken) {
                *captures = taken;
                return true;
            }
        }
        return false;
    }
    name.starts_with(first)
        && matches(
            pattern.get(first.len_utf8()..).unwrap_or_default(),
            name.get(first.len_utf8()..).unwrap_or_default(),
            captures,
        )
}

fn ends(text: &str) -> impl Iterator<Item = usize> {
    (0..=text.len()).filter(|at| text.is_char_boundary(*at))
}

/// Whether the folders of a pattern can be read, and how many files it finds.
pub(super) fn probe(pattern: &str) -> Probed {
    match find(pattern) {
        Err((path, error)) => Probed::Failed(format!("{}: {error}", path.display())),
        Ok(found) if found.is_empty() => {
            Probed::Nothing("no file bears the name that `source` says".to_owned())
        }
        Ok(found) => match found.last().map(|last| (File::open(&last.path), &last.path)) {
            Some((Err(error), path)) => Probed::Failed(format!("{}: {error}", path.display())),
            _ => Probed::Reached { found: format!("{} files", found.len()), clock: None },
        },
    }
}

/// Whether the folder that stands in for an address can be read. The simulator's is there from the first run on.
pub(super) fn probe_mirror(project: &Project, folder: &Path) -> Probed {
    let simulated = project.settings.simulate.as_ref().map(|simulate| project.root.join(&simulate.folder));
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && simulated.as_deref() == Some(folder) => {
            Probed::Reached { found: "the simulator will fill its folder".to_owned(), clock: None }
        }
        Err(error) => Probed::Failed(format!("{}: {error}", shown(project, folder))),
        Ok(_) => Probed::Reached { found: "a folder stands in for it".to_owned(), clock: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &str, name: &str) -> Option<Vec<(String, String)>> {
        let mut captures = BTreeMap::new();
        matches(pattern, name, &mut captures).then(|| captures.into_iter().collect())
    }

    #[test]
    fn names_in_braces_are_read_from_the_file_name() {
        let found = captured("{period}-{force}-street.csv", "2025-06-avon-and-somerset-street.csv").unwrap();
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(found, [("force", "avon-and-somerset"), ("period", "2025-06")]);
    }

    #[test]
    fn a_name_that_does_not_fit_is_passed_over() {
        assert_eq!(captured("{period}-street.csv", "2025-13-street.csv"), None);
        assert_eq!(captured("{period}-street.csv", "2025-06-street.csv.part"), None);
        assert_eq!(captured("{a}-{a}.csv", "x-y.csv"), None);
        assert!(captured("*-street.csv", "2025-06-street.csv").is_some());
    }

    #[test]
    fn a_month_that_stands_twice_in_a_path_must_be_the_same() {
        let folder = tempfile::tempdir().unwrap();
        for (month, file) in
            [("2025-05", "2025-05-x.csv"), ("2025-06", "2025-05-x.csv"), ("2025-06", "2025-06-x.csv")]
        {
            fs::create_dir_all(folder.path().join(month)).unwrap();
            fs::write(folder.path().join(month).join(file), "a\n").unwrap();
        }
        let pattern = format!("{}/{{period}}/{{period}}-x.csv", folder.path().display());
        let months: Vec<String> =
            find(&pattern).unwrap().iter().map(|found| found.period.to_string()).collect();
        assert_eq!(months, ["2025-05", "2025-06"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_and_not_an_empty_one() {
        assert!(find("/nowhere-at-all/{period}.csv").is_err());
    }
}
