//! Deliveries that lie in a folder: a partner's share, an archive on this disk, or a mirror of an address.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::arrival::{Settled, is_fit_name, lies_still, unfinished};
use super::template::Shape;
use super::{Asking, Haul, Probed, Visit, fill};
use crate::config::Project;
use crate::config::settings::{FeedConfig, LandingMode};
use crate::diagnose::{printable, shown_path};
use crate::landing::{self, Delivery, Landing};
use crate::period::Month;

/// A file that a pattern found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    path: PathBuf,
    period: Month,
    captures: BTreeMap<String, String>,
}

/// Steps after which a name does not fit a pattern; names of the usual length need a few hundred.
const MOST_STEPS: u32 = 100_000;
/// How long lies between the two looks at a file that must not have changed.
const BETWEEN_LOOKS: Duration = Duration::from_millis(300);

/// Every file that a pattern with `{period}`, `{names}` and `*` finds, in order of month and path.
pub(super) async fn look(visit: &Visit<'_>, pattern: &str, asking: &Asking, synthetic: bool) -> Haul {
    let found = match find(pattern, asking.undated()) {
        Ok(found) => found,
        // A folder that cannot be read is not an empty one: what was landed stays.
        Err((path, error)) => {
            return Haul::failed(format!("{}: {error}", printable(&path.display().to_string())));
        }
    };
    let mut haul = Haul::default();
    for path in found.unfit {
        let path = printable(&path.to_string_lossy());
        haul.general
            .push(format!("{path}: not taken: its name holds characters that cannot be shown; rename it"));
    }
    for file in found.unfinished {
        let path = printable(&shown(visit.project, &file.path));
        haul.waiting.push((file.period, format!("{path}: still being written; left for the next run")));
    }
    let wanted: Vec<Wanted> = found
        .files
        .into_iter()
        // What could not be kept is not taken, though the partner still has it.
        .filter(|file| visit.terms.closed(file.period).is_none())
        .map(|file| {
            let member = visit.feed.member.as_ref().map(|member| fill(member, file.period));
            let name = slot_name(&file.path, member.as_deref());
            Wanted { file, name, member }
        })
        .collect();
    let mut present = Vec::new();
    let wanted = settled(visit, wanted, asking, synthetic, &mut haul, &mut present).await;
    let landing = visit.landing.lock().await;
    for (wanted, taken) in take_all(visit, &landing, wanted, asking, synthetic) {
        let period = wanted.file.period;
        match taken {
            Ok(Taken::Known(digest)) => present.push((period, wanted.name, digest)),
            Ok(Taken::New(delivery)) => {
                present.push((period, wanted.name, delivery.sha256.clone()));
                haul.deliveries.push(*delivery);
            }
            Err(error) => {
                let path = printable(&shown(visit.project, &wanted.file.path));
                haul.fault(period, &format!("{path}: {error}"));
            }
        }
    }
    drop(landing);
    if visit.feed.landing == LandingMode::Reference {
        haul.present = Some(present);
    }
    haul
}

/// The files that nobody is writing any more: those that were landed as they are, those that cannot have been written for
/// a while, and those that stay as they are from one look to the next; all of them have lain long enough.
async fn settled(
    visit: &Visit<'_>,
    wanted: Vec<Wanted>,
    asking: &Asking,
    synthetic: bool,
    haul: &mut Haul,
    present: &mut Vec<(Month, String, String)>,
) -> Vec<Wanted> {
    let first: Vec<First> = {
        let landing = visit.landing.lock().await;
        let look = |wanted: &Wanted| {
            if known_digest(visit, &landing, wanted, asking, synthetic).is_some() {
                return First::Known;
            }
            match fs::metadata(&wanted.file.path) {
                Ok(found) if lies_still(&wanted.file.path, &found, visit.now) => {
                    First::Still(settling(&found))
                }
                Ok(found) => First::Seen(settling(&found)),
                Err(_) => First::Known,
            }
        };
        wanted.iter().map(look).collect()
    };
    if first.iter().any(|first| matches!(first, First::Seen(_))) {
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    let lain = |found: Settled| found.since(visit.now, visit.feed.settle_seconds);
    let mut stay = Vec::new();
    for (wanted, first) in wanted.into_iter().zip(first) {
        let moving = match first {
            First::Known => false,
            First::Still(first) => !lain(first),
            First::Seen(first) => {
                let again = fs::metadata(&wanted.file.path).map(|found| settling(&found));
                again.map_or(true, |again| again != first || !lain(again))
            }
        };
        if moving {
            let path = printable(&shown(visit.project, &wanted.file.path));
            let fault = format!("{path}: still being written; left for the next run");
            haul.waiting.push((wanted.file.period, fault));
            // Where the folder is the archive, what the file was before stands until then.
            let landing = visit.landing.lock().await;
            let known = visit.known(&landing, asking, wanted.file.period, &wanted.name);
            present.extend(known.map(|known| (known.period, wanted.name, known.sha256.clone())));
            continue;
        }
        stay.push(wanted);
    }
    stay
}

/// What the first look at a file tells.
enum First {
    /// It was landed as it is, or is gone.
    Known,
    /// Nobody can have written it for a while.
    Still(Settled),
    /// It may be in the making: a second look tells.
    Seen(Settled),
}

fn settling(metadata: &fs::Metadata) -> Settled {
    Settled { bytes: metadata.len(), modified_ns: modified_ns(metadata) }
}

/// One file a month from a folder that mirrors an address: the file itself, or the archive's member beside it, unpacked,
/// either of them gzipped or not.
pub(super) async fn look_in_mirror(
    visit: &Visit<'_>,
    folder: &Path,
    rest: &str,
    asking: &Asking,
    synthetic: bool,
) -> Haul {
    let mut haul = Haul::default();
    let landing = visit.landing.lock().await;
    let wanted: Vec<Wanted> = asking
        .months
        .iter()
        .filter_map(|month| {
            let (path, member, name) = in_mirror(&visit.feed, folder, rest, *month)?;
            Some(Wanted { file: Found { path, period: *month, captures: BTreeMap::new() }, name, member })
        })
        .collect();
    for (wanted, taken) in take_all(visit, &landing, wanted, asking, synthetic) {
        match taken {
            Ok(Taken::Known(_)) => {}
            Ok(Taken::New(delivery)) => haul.deliveries.push(*delivery),
            Err(error) => {
                let path = printable(&shown(visit.project, &wanted.file.path));
                haul.fault(wanted.file.period, &format!("{path}: {error}"));
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
    asking: &Asking,
    synthetic: bool,
) -> Vec<(Wanted, io::Result<Taken>)> {
    let (known, new): (Vec<usize>, Vec<usize>) = (0..wanted.len()).partition(|number| {
        wanted
            .get(*number)
            .is_some_and(|wanted| known_digest(visit, landing, wanted, asking, synthetic).is_some())
    });
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut taken: BTreeMap<usize, io::Result<Taken>> = BTreeMap::new();
    for number in known {
        let digest =
            wanted.get(number).and_then(|wanted| known_digest(visit, landing, wanted, asking, synthetic));
        taken.insert(number, Ok(Taken::Known(digest.unwrap_or_default())));
    }
    let workers = crate::processors::available().min(new.len());
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let Some(number) = new.get(at).copied() else { return mine };
                        if let Some(wanted) = wanted.get(number) {
                            mine.push((number, take(visit, landing, wanted, asking, synthetic)));
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
fn known_digest(
    visit: &Visit<'_>,
    landing: &Landing,
    wanted: &Wanted,
    asking: &Asking,
    synthetic: bool,
) -> Option<String> {
    let metadata = fs::metadata(&wanted.file.path).ok()?;
    let source = shown(visit.project, &wanted.file.path);
    let known = visit.known(landing, asking, wanted.file.period, &wanted.name)?;
    is_same(known, &source, &metadata, synthetic).then(|| known.sha256.clone())
}

/// Months of which a pattern finds a file that was not landed, and of which it finds one that changed since.
pub(super) fn foresee(
    project: &Project,
    landing: &Landing,
    feed: &FeedConfig,
    pattern: &str,
    asking: &Asking,
    synthetic: bool,
) -> (Vec<Month>, Vec<Month>) {
    let mut look = Look { project, landing, feed, asking, synthetic, new: Vec::new(), changed: Vec::new() };
    for file in find(pattern, asking.undated()).unwrap_or_default().files {
        let member = feed.member.as_ref().map(|member| fill(member, file.period));
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
    asking: &Asking,
    synthetic: bool,
) -> (Vec<Month>, Vec<Month>) {
    let mut look = Look { project, landing, feed, asking, synthetic, new: Vec::new(), changed: Vec::new() };
    for month in &asking.months {
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
    asking: &'a Asking,
    synthetic: bool,
    new: Vec<Month>,
    changed: Vec<Month>,
}

impl Look<'_> {
    fn note(&mut self, path: &Path, month: Month, name: &str) {
        let Some(known) = self.asking.known(self.landing, self.feed, month, name) else {
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
    let path = folder.join(fill(rest, month));
    let wanted = feed.member.as_ref().map(|member| fill(member, month));
    let (path, member) = mirrored(&path, wanted.clone())?;
    // The slot bears the publisher's name for the file, however the mirror keeps it.
    let name = wanted.unwrap_or_else(|| fill(rest, month));
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

fn take(
    visit: &Visit<'_>,
    landing: &Landing,
    wanted: &Wanted,
    asking: &Asking,
    synthetic: bool,
) -> io::Result<Taken> {
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
    // The same bytes received in another month are still the same delivery.
    if let Some(known) = visit.known(landing, asking, delivery.period, &delivery.file)
        && known.content_sha256 == delivery.content_sha256
    {
        delivery.period = known.period;
    }
    Ok(Taken::New(Box::new(delivery)))
}

type Unreadable = (PathBuf, io::Error);

/// What a pattern finds.
#[derive(Debug, Default)]
struct Search {
    /// Month of the files whose names tell none, where such files are meant.
    undated: Option<Month>,
    /// In order of month and path.
    files: Vec<Found>,
    /// Files whose names say that they are still being written.
    unfinished: Vec<Found>,
    /// Files that the pattern may mean and whose names cannot be shown.
    unfit: Vec<PathBuf>,
}

/// Files that a pattern finds; folders and links to nowhere are passed over.
fn find(pattern: &str, undated: Option<Month>) -> Result<Search, Unreadable> {
    let root = if pattern.starts_with('/') { PathBuf::from("/") } else { PathBuf::new() };
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let mut search = Search { undated, ..Search::default() };
    search.descend(root, &parts, &BTreeMap::new())?;
    search.files.sort_by(|a, b| (a.period, &a.path).cmp(&(b.period, &b.path)));
    Ok(search)
}

impl Search {
    fn descend(
        &mut self,
        folder: PathBuf,
        parts: &[&str],
        captures: &BTreeMap<String, String>,
    ) -> Result<(), Unreadable> {
        let Some((part, rest)) = parts.split_first() else { return Ok(()) };
        if !part.contains(['{', '*']) {
            return self.arrive(folder.join(part), rest, captures);
        }
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => return Err((folder, error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| (folder.clone(), error))?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") || rest.is_empty() == entry.path().is_dir() {
                continue;
            }
            let name = name.to_string_lossy();
            let mut taken = captures.clone();
            if matches(part, &name, &mut taken) {
                if is_fit_name(&name) {
                    self.arrive(entry.path(), rest, &taken)?;
                } else {
                    self.unfit.push(entry.path());
                }
                continue;
            }
            if let Some(name) = unfinished(&name).filter(|_| rest.is_empty())
                && is_fit_name(name)
                && matches(part, name, &mut taken)
            {
                self.unfinished.extend(self.found(entry.path(), &taken));
            }
        }
        Ok(())
    }

    fn arrive(
        &mut self,
        path: PathBuf,
        rest: &[&str],
        captures: &BTreeMap<String, String>,
    ) -> Result<(), Unreadable> {
        if !rest.is_empty() {
            return self.descend(path, rest, captures);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(found) = self.found(path, captures).filter(|found| found.path.is_file()) {
            if unfinished(&name).is_some() { &mut self.unfinished } else { &mut self.files }.push(found);
        }
        Ok(())
    }

    fn found(&self, path: PathBuf, captures: &BTreeMap<String, String>) -> Option<Found> {
        let mut captures = captures.clone();
        let told = captures.remove("period");
        let period = told.map_or(self.undated, |text| text.parse().ok())?;
        Some(Found { path, period, captures })
    }
}

/// Whether a name fits a part of a pattern; a name in braces that stands twice must stand for the same text.
///
/// A name for which that takes long to tell, as one that was made to, does not fit.
pub(super) fn matches(pattern: &str, name: &str, captures: &mut BTreeMap<String, String>) -> bool {
    fits(pattern, name, captures, &mut { MOST_STEPS })
}

fn fits(pattern: &str, name: &str, captures: &mut BTreeMap<String, String>, left: &mut u32) -> bool {
    *left = left.saturating_sub(1);
    if *left == 0 {
        return false;
    }
    let Some(first) = pattern.chars().next() else { return name.is_empty() };
    if let Some(rest) = pattern.strip_prefix('*') {
        return ends(name).any(|at| fits(rest, name.get(at..).unwrap_or_default(), captures, left));
    }
    if let Some((key, rest)) = pattern.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
        for at in ends(name).filter(|at| *at > 0) {
            let text = name.get(..at).unwrap_or_default();
            let (key, text) = match Shape::named(key).filter(|_| key.starts_with("period")) {
                None => (key, text.to_owned()),
                Some(shape) => match shape.read(text) {
                    None => continue,
                    Some(month) => ("period", month.to_string()),
                },
            };
            if captures.get(key).is_some_and(|known| *known != text) {
                continue;
            }
            let mut taken = captures.clone();
            taken.insert(key.to_owned(), text);
            if fits(rest, name.get(at..).unwrap_or_default(), &mut taken, left) {
                *captures = taken;
                return true;
            }
        }
        return false;
    }
    name.starts_with(first)
        && fits(
            pattern.get(first.len_utf8()..).unwrap_or_default(),
            name.get(first.len_utf8()..).unwrap_or_default(),
            captures,
            left,
        )
}

fn ends(text: &str) -> impl Iterator<Item = usize> {
    (0..=text.len()).filter(|at| text.is_char_boundary(*at))
}

/// Whether the folders of a pattern can be read, and how many files it finds.
pub(super) fn probe(pattern: &str, asking: &Asking) -> Probed {
    match find(pattern, asking.undated()).map(|found| found.files) {
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
    fn a_month_may_be_written_in_other_ways_and_must_be_the_same_in_each() {
        assert!(captured("{period:%Y_%m}-x.csv", "2025_06-x.csv").is_some());
        assert!(captured("{period}-{period:%b%y}.csv", "2025-06-Jun25.csv").is_some());
        assert_eq!(captured("{period}-{period:%b%y}.csv", "2025-06-Jul25.csv"), None);
    }

    #[test]
    fn a_file_that_is_being_written_or_has_a_name_that_cannot_be_shown_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "2025-05-a.csv",
            "2025-06-a.csv.part",
            "2025-06-a\u{1b}[2J.csv",
            "2025-06-\u{202e}a.csv",
            "x.tmp",
        ] {
            fs::write(folder.path().join(file), "a\n").unwrap();
        }
        let search = find(&format!("{}/{{period}}-*.csv", folder.path().display()), None).unwrap();
        assert_eq!((search.files.len(), search.unfinished.len(), search.unfit.len()), (1, 1, 2));
        let all = find(&format!("{}/{{period}}*", folder.path().display()), None).unwrap();
        assert_eq!((all.files.len(), all.unfinished.len(), all.unfit.len()), (1, 1, 2));
        let undated = find(&format!("{}/*.csv", folder.path().display()), "2025-09".parse().ok()).unwrap();
        assert_eq!(undated.files.len(), 1);
        assert_eq!(undated.files[0].period, "2025-09".parse().unwrap());
    }

    #[test]
    fn a_name_that_was_made_to_take_long_does_not_fit_and_takes_no_time() {
        let begun = std::time::Instant::now();
        assert_eq!(captured("{a}-{b}-{c}-{d}-{e}-{f}.csv", &"-".repeat(255)), None);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    proptest::proptest! {
        #[test]
        fn any_pattern_fits_any_name_or_does_not(
            pattern in "[{}*a-c:%Ymb-]{0,12}|.{0,8}", name in "[a-c0-9{}-]{0,10}|.{0,8}"
        ) {
            let mut captures = BTreeMap::new();
            let _ = matches(&pattern, &name, &mut captures);
        }
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
            find(&pattern, None).unwrap().files.iter().map(|found| found.period.to_string()).collect();
        assert_eq!(months, ["2025-05", "2025-06"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_and_not_an_empty_one() {
        assert!(find("/nowhere-at-all/{period}.csv", None).is_err());
    }
}
