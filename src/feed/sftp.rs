//! Deliveries that lie on a partner's SFTP server.
//!
//! The server is known by the fingerprint of its key, and nothing is sent to another one. Files are read where they are;
//! with `done-folder` they are moved there once they are kept here.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use russh::client::{self, AuthResult};
use russh::keys::{
    Algorithm, EcdsaCurve, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate,
};
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::client::fs::Metadata;
use russh_sftp::protocol::StatusCode;
use tokio::io::AsyncReadExt as _;
use tracing::info;

use super::address::{patience, settings};
use super::arrival::{Arrival, Settled, base_name, is_fit_name, unfinished};
use super::folder::matches;
use super::http::HttpSettings;
use super::net::{Authority, Trouble, step};
use super::{Asking, Haul, Probed, Visit};
use crate::diagnose::{chain, printable};
use crate::landing::Delivery;
use crate::period::Month;
use crate::secret;

const PORT: u16 = 22;
/// Files and folders that are looked at in one visit.
const MOST_ENTRIES: usize = 100_000;
/// How long lies between the two looks at a file that must not have changed.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// The kinds of server key that can be checked.
const KINDS: [Algorithm; 4] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
];

/// A folder or file on a server.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    authority: Authority,
    /// With `{period}`, names in braces and `*`. Relative to the folder of the user where it does not begin with `/`.
    pattern: String,
}

impl Remote {
    /// Reads `sftp://user@host:port/path`; a path that begins with `/~/` is relative to the folder of the user.
    ///
    /// # Errors
    /// In words, what is missing or does not belong there.
    pub(super) fn of(address: &str) -> Result<Self, String> {
        let (authority, path) = Authority::of(address, PORT)?;
        let pattern = path.strip_prefix("/~/").unwrap_or(path).to_owned();
        if pattern.ends_with('/') || pattern.is_empty() {
            return Err("the address names no file".to_owned());
        }
        Ok(Self { authority, pattern })
    }

    /// A path on the server, as it is recorded and shown.
    fn shown(&self, path: &str) -> String {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/~/{path}") };
        format!("sftp://{}{path}", self.authority.shown(PORT))
    }
}

/// Whether a text is a fingerprint as `ssh-keygen -l` prints it: 256 bits in base64 without padding.
pub(super) fn is_fingerprint(text: &str) -> bool {
    text.strip_prefix("SHA256:").is_some_and(|digits| {
        digits.len() == 43 && digits.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
    })
}

/// A file that the pattern finds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    path: String,
    period: Month,
    captures: BTreeMap<String, String>,
    settled: Settled,
}

/// What the pattern finds.
#[derive(Debug, Default)]
struct Listing {
    files: Vec<Entry>,
    /// What is not taken, with the reason.
    passed_over: Vec<(Month, String)>,
    /// Names that cannot be shown.
    unfit: Vec<String>,
    looked_at: usize,
}

pub(super) async fn fetch(visit: &Visit<'_>, template: &str, asking: &Asking, synthetic: bool) -> Haul {
    let remote = match Remote::of(template) {
        Ok(remote) => remote,
        Err(fault) => return Haul::failed(format!("`source`: {fault}")),
    };
    let login = match Login::of(visit) {
        Ok(login) => login,
        Err(fault) => return Haul::failed(fault),
    };
    let settings = settings(visit);
    let mut patience = patience(visit, &settings);
    let mut errand = Errand {
        visit,
        remote,
        login,
        settings,
        asking,
        synthetic,
        haul: Haul::default(),
        read: BTreeSet::new(),
    };
    let mut attempts = 0;
    loop {
        attempts += 1;
        let left = patience.left();
        let trouble = match Box::pin(step(left, errand.attempt())).await {
            Ok(()) => return errand.haul,
            Err(trouble) => trouble,
        };
        if !trouble.may_pass || !patience.again(&errand.settings, attempts).await {
            let times = if attempts > 1 { format!(" (asked {attempts} times)") } else { String::new() };
            let at = errand.remote.shown(&errand.remote.pattern);
            errand.haul.general.push(format!("{at}{times}: {}", trouble.text));
            return errand.haul;
        }
        info!(feed.id = %visit.feed.id, "feed `{}`: {}; asking again", visit.feed.id, trouble.text);
    }
}

/// Whether the server lets us in, and how many files it has; none is taken.
pub(super) async fn probe(visit: &Visit<'_>, template: &str, asking: &Asking) -> Probed {
    let login = match Login::of(visit) {
        Ok(login) => login,
        Err(fault) => return Probed::Failed(fault),
    };
    let remote = match Remote::of(template) {
        Ok(remote) => remote,
        Err(fault) => return Probed::Failed(format!("`source`: {fault}")),
    };
    let (haul, read) = (Haul::default(), BTreeSet::new());
    let settings = super::address::probing(visit);
    let errand = Errand { visit, remote, login, settings, asking, synthetic: false, haul, read };
    let looked = async {
        let session = Box::pin(errand.connect()).await?;
        session.list(&errand).await
    };
    match Box::pin(step(errand.settings.total_timeout, looked)).await {
        Ok(listing) if listing.files.is_empty() => {
            Probed::Nothing("no file bears the name that `source` says".to_owned())
        }
        Ok(listing) => Probed::Reached { found: format!("{} files", listing.files.len()), clock: None },
        Err(trouble) => Probed::Failed(trouble.text),
    }
}

/// How the program proves who it is.
struct Login {
    host_key: String,
    key: Option<Arc<PrivateKey>>,
    password: Option<secret::Secret>,
}

impl Login {
    fn of(visit: &Visit<'_>) -> Result<Self, String> {
        let sftp = &visit.feed.sftp;
        let resolve = |what: &str, setting: &Option<String>| {
            let resolved = setting.as_deref().map(|setting| secret::resolve(setting, &visit.project.root));
            resolved.transpose().map_err(|error| format!("`sftp.{what}`: {}", chain(&error)))
        };
        let passphrase = resolve("passphrase", &sftp.passphrase)?;
        let key = match resolve("key", &sftp.key)? {
            None => None,
            Some(text) => {
                let passphrase = passphrase.as_ref().map(secret::Secret::expose);
                // The library's own words might hold a piece of it.
                let key = russh::keys::decode_secret_key(text.expose(), passphrase).map_err(|_| {
                    if is_rsa(text.expose()) {
                        "`sftp.key`: an RSA key, which cannot be used; make another one with `ssh-keygen -t ed25519`"
                    } else {
                        "`sftp.key`: not a private key (Ed25519 or ECDSA) that can be read; is `passphrase` right?"
                    }
                })?;
                Some(Arc::new(key))
            }
        };
        let password = resolve("password", &sftp.password)?;
        Ok(Self { host_key: sftp.host_key.clone(), key, password })
    }
}

/// Whether the text of a private key says that it is one of RSA. OpenSSH writes the kind before what is encrypted.
fn is_rsa(text: &str) -> bool {
    // `\0\0\0\u{7}ssh-rsa` in Base64, at each of the three places that it can have within a group of letters.
    const WRITTEN: [&str; 3] = ["AAAAB3NzaC1yc2", "AAAAdzc2gtcnNh", "AAAHc3NoLXJzY"];
    let joined: String = text.split_whitespace().collect();
    joined.contains("BEGINRSAPRIVATEKEY") || WRITTEN.iter().any(|written| joined.contains(written))
}

/// One feed's visit to its server.
struct Errand<'a> {
    visit: &'a Visit<'a>,
    remote: Remote,
    login: Login,
    settings: HttpSettings,
    asking: &'a Asking,
    synthetic: bool,
    haul: Haul,
    /// Files that an earlier attempt read.
    read: BTreeSet<String>,
}

impl Errand<'_> {
    async fn attempt(&mut self) -> Result<(), Trouble> {
        let session = Box::pin(self.connect()).await?;
        let first = session.list(self).await?;
        self.haul.waiting.clear();
        let mut wanted = Vec::new();
        let mut moves = Vec::new();
        {
            let landing = self.visit.landing.lock().await;
            for entry in first.files {
                match self.visit.known(&landing, self.asking, entry.period, &self.file_name(&entry)) {
                    Some(known) if self.is_same(known, &entry) => {
                        moves.push((entry.path, known.sha256.clone()));
                    }
                    _ if self.read.contains(&entry.path) => {}
                    _ => wanted.push(entry),
                }
            }
        }
        let mut again = Listing::default();
        if !wanted.is_empty() {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            again = session.list(self).await?;
        }
        self.haul.waiting.extend(first.passed_over);
        for name in first.unfit {
            let fault =
                format!("{name}: not taken: its name holds characters that cannot be shown; rename it");
            if !self.haul.general.contains(&fault) {
                self.haul.general.push(fault);
            }
        }
        for entry in wanted {
            let quiet = again.files.contains(&entry)
                && entry.settled.since(self.visit.now, self.visit.feed.settle_seconds);
            if !quiet || !self.take(&session, &entry).await? {
                let path = printable(&self.remote.shown(&entry.path));
                let fault = format!("{path}: still being written; left for the next run");
                self.haul.waiting.push((entry.period, fault));
            }
        }
        if let Some(folder) = self.visit.feed.sftp.done_folder.clone() {
            let landed =
                self.haul.deliveries.iter().map(|delivery| (delivery.source.clone(), &delivery.sha256));
            let landed: BTreeMap<String, String> =
                landed.map(|(source, sha)| (source, sha.clone())).collect();
            moves.extend(self.read.iter().filter_map(|path| {
                let sha256 = landed.get(&self.remote.shown(path))?;
                Some((path.clone(), sha256.clone()))
            }));
            let idle = self.settings.idle_timeout;
            self.haul.done = Some(Done { session, folder, moves, remote: self.remote.clone(), idle });
        }
        Ok(())
    }

    /// Reads one file; false when it turns out to be still changing.
    async fn take(&mut self, session: &Session, entry: &Entry) -> Result<bool, Trouble> {
        let shown = printable(&self.remote.shown(&entry.path));
        let (idle, total) = (self.settings.idle_timeout, self.settings.total_timeout);
        let read = step(total, session.read(self.visit, entry, idle)).await;
        let arrival = match read {
            Ok(Some(arrival)) => arrival,
            Ok(None) => return Ok(false),
            Err(trouble) if trouble.may_pass => return Err(trouble.about(&shown)),
            Err(trouble) => {
                self.haul.fault(entry.period, &format!("{shown}: {}", trouble.text));
                self.read.insert(entry.path.clone());
                return Ok(true);
            }
        };
        let kept = arrival.keep(self.visit).await;
        let kept =
            kept.map_err(|error| Trouble::lasting(format!("the landing cannot be written: {error}")))?;
        let file = self.file_name(entry);
        let source = self.remote.shown(&entry.path);
        let mut delivery = self.visit.delivery(entry.period, &file, &source, kept, self.synthetic);
        delivery.captures.clone_from(&entry.captures);
        delivery.modified_ns = entry.settled.modified_ns;
        self.visit.deliver(self.asking, delivery, &mut self.haul).await;
        self.read.insert(entry.path.clone());
        Ok(true)
    }

    fn file_name(&self, entry: &Entry) -> String {
        let member = self.visit.feed.member.as_ref().map(|member| super::fill(member, entry.period));
        base_name(member.as_deref().unwrap_or(&entry.path)).to_owned()
    }

    fn is_same(&self, known: &Delivery, entry: &Entry) -> bool {
        known.source == secret::scrub(&self.remote.shown(&entry.path))
            && known.modified_ns == entry.settled.modified_ns
            && known.bytes == entry.settled.bytes
            && known.synthetic == self.synthetic
    }

    /// The month of a file, if it is one that the feed delivers; an early one is taken too.
    fn period(&self, captures: &mut BTreeMap<String, String>) -> Option<Month> {
        match captures.remove("period") {
            None => self.asking.undated(),
            Some(text) => text.parse().ok().filter(|month| self.visit.is_within(*month)),
        }
    }

    /// Connects, checks the server's key and proves who we are.
    async fn connect(&self) -> Result<Session, Trouble> {
        let mut kinds = KINDS.to_vec();
        let mut seen = Vec::new();
        // A server may have keys of several kinds, of which the pinned one need not be the first.
        while !kinds.is_empty() {
            let stream = self.remote.authority.connect(&self.settings).await?;
            let met: Arc<Mutex<Option<Met>>> = Arc::default();
            let pin = Pin { pinned: self.login.host_key.clone(), met: Arc::clone(&met) };
            let config = client::Config {
                preferred: russh::Preferred { key: Cow::Owned(kinds.clone()), ..russh::Preferred::DEFAULT },
                ..client::Config::default()
            };
            let begun = client::connect_stream(Arc::new(config), stream, pin);
            let begun = Box::pin(step(self.settings.idle_timeout, async { Ok(begun.await) })).await?;
            let met = met.lock().unwrap_or_else(PoisonError::into_inner).take();
            match (begun, met) {
                (Ok(mut handle), Some(met)) if met.fingerprint == self.login.host_key => {
                    step(self.settings.idle_timeout, self.log_in(&mut handle)).await?;
                    return step(self.settings.idle_timeout, Session::begin(handle, &self.settings)).await;
                }
                (_, Some(met)) => {
                    kinds.retain(|kind| *kind != met.kind);
                    seen.push(met.fingerprint);
                }
                (Err(russh::Error::NoCommonAlgo { .. }), None) if !seen.is_empty() => break,
                (Err(error @ russh::Error::NoCommonAlgo { .. }), None) => {
                    return Err(Trouble::lasting(format!("no common way to speak securely: {error}")));
                }
                (Err(error), None) => return Err(told(&error)),
                (Ok(_), None) => return Err(Trouble::lasting("the server showed no key")),
            }
        }
        Err(Trouble::lasting(format!(
            "the server's key is {}, and not {} as `host-key` says; nothing was sent to it. Ask the partner whether \
             the key was changed",
            seen.join(" or "),
            self.login.host_key
        )))
    }

    async fn log_in(&self, handle: &mut client::Handle<Pin>) -> Result<(), Trouble> {
        let user = self.remote.authority.user.as_str();
        let mut tried = Vec::new();
        if let Some(key) = &self.login.key {
            let key = PrivateKeyWithHashAlg::new(Arc::clone(key), Some(HashAlg::Sha256));
            let answer = handle.authenticate_publickey(user, key).await.map_err(|error| told(&error))?;
            if matches!(answer, AuthResult::Success) {
                return Ok(());
            }
            tried.push("the key");
        }
        if let Some(password) = &self.login.password {
            let answer =
                handle.authenticate_password(user, password.expose()).await.map_err(|error| told(&error))?;
            if matches!(answer, AuthResult::Success) {
                return Ok(());
            }
            tried.push("the password");
        }
        Err(Trouble::lasting(format!("the server refused {} of user `{user}`", tried.join(" and "))))
    }
}

/// The key that a server showed.
struct Met {
    fingerprint: String,
    kind: Algorithm,
}

/// Judges the server's key; only its fingerprint counts.
struct Pin {
    pinned: String,
    met: Arc<Mutex<Option<Met>>>,
}

impl client::Handler for Pin {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        let fits = fingerprint == self.pinned;
        let met = Met { fingerprint, kind: key.algorithm() };
        *self.met.lock().unwrap_or_else(PoisonError::into_inner) = Some(met);
        Ok(fits)
    }
}

fn told(error: &russh::Error) -> Trouble {
    Trouble::passing(format!("the connection failed: {}", chain(error)))
}

fn refused(error: SftpError) -> Trouble {
    let lasting = match &error {
        SftpError::Status(status) => matches!(
            status.status_code,
            StatusCode::NoSuchFile | StatusCode::PermissionDenied | StatusCode::OpUnsupported
        ),
        SftpError::Limited(_) => true,
        _ => false,
    };
    let text = match error {
        SftpError::Status(status) => status.status_code.to_string().to_lowercase(),
        other => other.to_string(),
    };
    if lasting { Trouble::lasting(text) } else { Trouble::passing(text) }
}

fn is_absent(error: &SftpError) -> bool {
    matches!(error, SftpError::Status(status) if status.status_code == StatusCode::NoSuchFile)
}

/// A conversation with a server whose key was checked.
struct Session {
    sftp: SftpSession,
    /// The connection lasts as long as this.
    _handle: client::Handle<Pin>,
}

impl Session {
    async fn begin(handle: client::Handle<Pin>, settings: &HttpSettings) -> Result<Self, Trouble> {
        let channel = handle.channel_open_session().await.map_err(|error| told(&error))?;
        channel.request_subsystem(true, "sftp").await.map_err(|error| told(&error))?;
        let config = russh_sftp::client::Config {
            request_timeout_secs: settings.idle_timeout.as_secs().max(1),
            ..russh_sftp::client::Config::default()
        };
        let sftp = SftpSession::new_with_config(channel.into_stream(), config).await.map_err(refused)?;
        Ok(Self { sftp, _handle: handle })
    }

    /// Every file that the pattern finds, in order of month and path.
    async fn list(&self, errand: &Errand<'_>) -> Result<Listing, Trouble> {
        let pattern = errand.remote.pattern.as_str();
        let root = if pattern.starts_with('/') { "/" } else { "" };
        let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
        let mut listing = Listing::default();
        self.descend(errand, root.to_owned(), &parts, BTreeMap::new(), &mut listing).await?;
        listing.files.sort_by(|a, b| (a.period, &a.path).cmp(&(b.period, &b.path)));
        Ok(listing)
    }

    fn descend<'s>(
        &'s self,
        errand: &'s Errand<'_>,
        folder: String,
        parts: &'s [&'s str],
        captures: BTreeMap<String, String>,
        listing: &'s mut Listing,
    ) -> BoxFuture<'s, Result<(), Trouble>> {
        async move {
            let Some((part, rest)) = parts.split_first() else { return Ok(()) };
            if !part.contains(['{', '*']) {
                let path = join(&folder, part);
                if !rest.is_empty() {
                    return self.descend(errand, path, rest, captures, listing).await;
                }
                match self.sftp.symlink_metadata(path.clone()).await {
                    Ok(found) => note(errand, path, &found, captures, listing),
                    Err(error) if is_absent(&error) => {}
                    Err(error) => return Err(refused(error).about(&printable(&path))),
                }
                return Ok(());
            }
            let at = if folder.is_empty() { "." } else { folder.as_str() };
            let read = self.sftp.read_dir(at).await;
            let entries = read.map_err(|error| refused(error).about(&format!("folder {}", printable(at))))?;
            for entry in entries {
                listing.looked_at += 1;
                if listing.looked_at > MOST_ENTRIES {
                    return Err(Trouble::lasting(format!("more than {MOST_ENTRIES} files and folders")));
                }
                let (name, found) = (entry.file_name(), entry.metadata());
                // A name with a slash would lead out of the folder.
                if name.starts_with('.') || name.contains('/') {
                    continue;
                }
                let mut taken = captures.clone();
                if matches(part, &name, &mut taken) {
                    let path = join(&folder, &name);
                    if !is_fit_name(&name) {
                        listing.unfit.push(printable(&errand.remote.shown(&path)));
                    } else if rest.is_empty() {
                        note(errand, path, &found, taken, listing);
                    } else if found.is_dir() {
                        self.descend(errand, path, rest, taken, listing).await?;
                    }
                } else if let Some(whole) = unfinished(&name).filter(|_| rest.is_empty())
                    && matches(part, whole, &mut taken)
                    && let Some(period) = errand.period(&mut taken)
                {
                    let path = printable(&errand.remote.shown(&join(&folder, &name)));
                    let why = format!("{path}: still being written; left for the next run");
                    listing.passed_over.push((period, why));
                }
            }
            Ok(())
        }
        .boxed()
    }

    /// The bytes of a file; `None` when they are not the file that was listed.
    async fn read(
        &self,
        visit: &Visit<'_>,
        entry: &Entry,
        idle: Duration,
    ) -> Result<Option<Arrival>, Trouble> {
        let disk = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::FileTooLarge => Trouble::lasting(error.to_string()),
            _ => Trouble::lasting(format!("the landing cannot be written: {error}")),
        };
        let mut file = match self.sftp.open(entry.path.clone()).await {
            Ok(file) => file,
            // Taken away since it was listed.
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(refused(error)),
        };
        let mut arrival = Arrival::begin(visit).await.map_err(disk)?;
        let mut buffer = vec![0; 1 << 18];
        loop {
            let read = step(idle, async {
                file.read(&mut buffer).await.map_err(|error| Trouble::passing(format!("broke off: {error}")))
            });
            let read = read.await?;
            if read == 0 {
                break;
            }
            arrival.take(buffer.get(..read).unwrap_or_default()).map_err(disk)?;
        }
        let after = file.metadata().await.map_err(refused)?;
        let same = settled(&after) == entry.settled && arrival.bytes() == entry.settled.bytes;
        // That it cannot be closed changes nothing about what was read.
        let _ = file.close().await;
        Ok(same.then_some(arrival))
    }
}

fn settled(found: &Metadata) -> Settled {
    let modified_ns = found.mtime.map(|seconds| u64::from(seconds) * 1_000_000_000);
    Settled { bytes: found.size.unwrap_or_default(), modified_ns }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() || folder.ends_with('/') {
        format!("{folder}{name}")
    } else {
        format!("{folder}/{name}")
    }
}

/// Sorts a file whose name fits.
fn note(
    errand: &Errand<'_>,
    path: String,
    found: &Metadata,
    mut captures: BTreeMap<String, String>,
    listing: &mut Listing,
) {
    let Some(period) = errand.period(&mut captures) else { return };
    let shown = || printable(&errand.remote.shown(&path));
    if found.is_symlink() {
        let why = format!("{}: a link, which is not followed; ask for the file itself", shown());
        listing.passed_over.push((period, why));
    } else if unfinished(&path).is_some() {
        listing
            .passed_over
            .push((period, format!("{}: still being written; left for the next run", shown())));
    } else if found.is_regular() {
        listing.files.push(Entry { period, captures, settled: settled(found), path });
    }
}

/// Files to be moved on the server once their deliveries are recorded.
pub(super) struct Done {
    session: Session,
    folder: String,
    /// Path and digest.
    moves: Vec<(String, String)>,
    remote: Remote,
    idle: Duration,
}

impl std::fmt::Debug for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Done({} files)", self.moves.len())
    }
}

impl Done {
    /// Moves the files; what cannot be moved is told, and tried again in the next run.
    pub(super) async fn finish(self, visit: &Visit<'_>) -> Vec<String> {
        let mut faults = Vec::new();
        let landed: BTreeSet<String> = visit
            .landing
            .lock()
            .await
            .of_feed(&visit.feed.id)
            .map(|delivery| delivery.sha256.clone())
            .collect();
        for (path, sha256) in &self.moves {
            if !landed.contains(sha256) {
                continue;
            }
            if let Err(trouble) = step(self.idle, self.put_away(path, sha256)).await {
                let shown = printable(&self.remote.shown(path));
                let why = trouble.text;
                faults
                    .push(format!("{shown}: kept here, but not moved to {}: {why}", printable(&self.folder)));
            }
        }
        faults
    }

    async fn put_away(&self, path: &str, sha256: &str) -> Result<(), Trouble> {
        let (beside, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
        let folder = if self.folder.starts_with('/') {
            self.folder.clone()
        } else if path.starts_with('/') && beside.is_empty() {
            join("/", &self.folder)
        } else {
            join(beside, &self.folder)
        };
        if !self.sftp().try_exists(folder.clone()).await.map_err(refused)? {
            self.sftp().create_dir(folder.clone()).await.map_err(refused)?;
        }
        // A file of this name that was moved before stays: a rename must not replace it.
        let short = sha256.get(..12).unwrap_or(sha256);
        for name in [name.to_owned(), format!("{name}.{short}")] {
            let target = join(&folder, &name);
            if !self.sftp().try_exists(target.clone()).await.map_err(refused)? {
                return self.sftp().rename(path, target).await.map_err(refused);
            }
        }
        Err(Trouble::lasting("a file of the same name and content lies there"))
    }

    fn sftp(&self) -> &SftpSession {
        &self.session.sftp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_one_of_256_bits() {
        assert!(is_fingerprint("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"));
        for wrong in ["", "SHA256:", "MD5:00:11", "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="] {
            assert!(!is_fingerprint(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_path_is_absolute_or_that_of_the_user() {
        let remote = |address| Remote::of(address).unwrap();
        assert_eq!(remote("sftp://csp@files.uk/in/{period}.csv").pattern, "/in/{period}.csv");
        let home = remote("sftp://csp@files.uk:2222/~/in/{period}.csv");
        assert_eq!(home.pattern, "in/{period}.csv");
        assert_eq!(home.shown("in/2025-06.csv"), "sftp://files.uk:2222/~/in/2025-06.csv");
        assert!(Remote::of("sftp://csp@files.uk/in/").is_err());
    }
}
