//! Fetching one address over HTTP into a file.
//!
//! A publisher may be slow, broken, misconfigured or hostile, and nobody watches at night. So every wait has
//! an end, every size a limit, only what can pass is asked again, and an error names the address without its
//! secrets.

mod fault;
mod pace;
mod patience;
mod private;
mod probe;

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDateTime;
use reqwest::Response;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;
use tracing::{debug, info};
use url::{Host, Url};

pub use fault::{Asked, HttpError, Limit, NoData, RedirectFault};
pub use pace::Pace;
pub use patience::Patience;
use private::PrivateAddress;
pub(in crate::feed) use private::{PublicOnly, is_public};
pub use probe::Answered;

/// Redirects that are followed for one request; the next one is an error.
const MOST_HOPS: u32 = 5;
/// Bytes of a body that are looked at to tell a web page from data.
const HEAD: usize = 1024;
/// Longest validator (`ETag`, `Last-Modified`) that is kept, in bytes: it is sent back on every later
/// request.
const LONGEST_TEXT: usize = 1024;

/// How patiently to ask, and whom.
///
/// `connect_timeout`, `proxy` and `internal` belong to the connections and are fixed when the [`Client`] is
/// built; all others are read on each fetch.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Longest wait for a connection, TLS handshake included. Default: 10 s.
    pub connect_timeout: Duration,
    /// Longest wait for the whole head of the answer, and then for each next piece of the body. Default: 30
    /// s.
    pub idle_timeout: Duration,
    /// Longest time for one attempt, from the connection to the last byte. Default: 10 minutes.
    pub total_timeout: Duration,
    /// Longest time for all that is fetched for one feed, pauses included; see [`Patience`]. Default: 30
    /// minutes.
    pub deadline: Duration,
    /// Least number of bytes per second that a body must bring, averaged over `minimum_rate_window`; 0
    /// switches the rule off. Default: 1024.
    pub minimum_rate: u64,
    /// Time over which `minimum_rate` is averaged. Default: 60 s.
    pub minimum_rate_window: Duration,
    /// How often to ask in all, the first time included. Default: 5.
    pub max_attempts: u32,
    /// Upper end of the first pause between two attempts; each further pause may be twice as long. Default: 2
    /// s.
    pub backoff_base: Duration,
    /// Upper end of any such pause. Default: 5 minutes.
    pub backoff_cap: Duration,
    /// Longest pause that a publisher may ask for with `Retry-After`. Default: 15 minutes.
    pub retry_after_cap: Duration,
    /// Largest body that is accepted, in bytes. Default: 2 GiB.
    pub max_bytes: u64,
    /// How the program presents itself to publishers. Default: `outturn/` and its version.
    pub user_agent: String,
    /// Other hosts to which the publisher may redirect, as `files.example.org` or `files.example.org:8443`.
    /// Default: none.
    pub redirect_hosts: Vec<String>,
    /// Whether the address may lie in a private network or on this machine. Default: no.
    pub internal: bool,
    /// Proxy through which to ask, without user name or password; it looks up the names, so `internal` does
    /// not check them. Absent: straight out; the environment is not consulted.
    pub proxy: Option<Url>,
    /// What to send as `Authorization`. Absent: the user name and password of the address, if it has them.
    pub authorization: Option<Authorization>,
    /// Further headers, for the feed's own publisher only. Default: none.
    pub headers: HeaderMap,
    /// How often the publisher may be asked, retries included. Absent: at once.
    pub pace: Option<Arc<Pace>>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_mins(10),
            deadline: Duration::from_mins(30),
            minimum_rate: 1024,
            minimum_rate_window: Duration::from_mins(1),
            max_attempts: 5,
            backoff_base: Duration::from_secs(2),
            backoff_cap: Duration::from_mins(5),
            retry_after_cap: Duration::from_mins(15),
            max_bytes: 2 * 1024 * 1024 * 1024,
            user_agent: concat!("outturn/", env!("CARGO_PKG_VERSION")).to_owned(),
            redirect_hosts: Vec::new(),
            internal: false,
            proxy: None,
            authorization: None,
            headers: HeaderMap::new(),
            pace: None,
        }
    }
}

/// The value of an `Authorization` header, such as `Bearer …`; it never shows itself in logs or errors.
#[derive(Debug, Clone)]
pub struct Authorization(HeaderValue);

impl Authorization {
    /// Takes the whole value of the header.
    ///
    /// # Errors
    /// [`HttpError::Setting`] if a header cannot carry it; a line break at its end is the usual reason.
    pub fn new(text: &str) -> Result<Self, HttpError> {
        let mut value = HeaderValue::from_str(text).map_err(|_| HttpError::Setting {
            what: "the authorization holds a line break or another character that a header cannot carry",
        })?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// `Basic`, of user name and password. Source: RFC 7617.
    ///
    /// # Errors
    /// [`HttpError::Setting`] if the user name holds a colon, which would end it.
    pub fn basic(user: &str, password: &str) -> Result<Self, HttpError> {
        if user.contains(':') {
            return Err(HttpError::Setting { what: "a user name cannot hold a colon" });
        }
        Self::new(&format!("Basic {}", base64(format!("{user}:{password}").as_bytes())))
    }
}

/// Base64 with padding. Source: RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4_usize {
            let digit = DIGITS.get((bits >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(char::from(if place > group.len() { b'=' } else { digit }));
        }
    }
    text
}

/// What we hold already of this address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The `ETag` it came with, quotes included.
    pub etag: Option<String>,
    /// The `Last-Modified` it came with, as sent.
    pub last_modified: Option<String>,
}

/// What the publisher answered.
#[derive(Debug)]
pub enum Fetched {
    /// A body was written to a file. It may equal what we hold: the digest tells, the `ETag` does not.
    Delivered {
        /// The bytes as received, flushed to disk; the file goes away with this value unless it is persisted.
        path: TempPath,
        /// Length of the file.
        bytes: u64,
        /// SHA-256 of the file, in lower-case hex.
        sha256: String,
        /// The `ETag` as sent, for the next request.
        etag: Option<String>,
        /// The `Last-Modified` as sent, for the next request.
        last_modified: Option<String>,
        /// The `Content-Type` as sent.
        content_type: Option<String>,
        /// The `Link` as sent; several of them joined by commas.
        link: Option<String>,
        /// Whether the answer said where it ends. If not, a body cut short cannot be told from a whole one.
        length_stated: bool,
    },
    /// The publisher says that what we hold is still current (304).
    NotModified,
    /// The publisher has nothing at this address (404 or 410): for a month not yet published an ordinary
    /// answer.
    Absent {
        /// 404 or 410.
        status: u16,
    },
}

/// Asks publishers for files. Built once; it keeps connections open between fetches.
#[derive(Debug, Clone)]
pub struct Client {
    inner: reqwest::Client,
    /// Whether private addresses may be asked; see [`HttpSettings::internal`].
    internal: bool,
}

/// One fetch on its way: what to ask, and how often it was asked.
struct Errand<'a> {
    url: &'a Url,
    held: Option<&'a Held>,
    into: &'a Path,
    settings: &'a HttpSettings,
    asked: Asked,
    /// Ask for the whole file, whatever we hold: the publisher claimed that nothing had changed, unasked.
    afresh: bool,
}

/// One attempt that came to nothing.
struct Failure {
    error: HttpError,
    /// The pause that the publisher asked for.
    retry_after: Option<Duration>,
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self { error, retry_after: None }
    }
}

impl Client {
    /// Builds a client that follows no redirect by itself, decodes nothing and reads no environment.
    ///
    /// # Errors
    /// [`HttpError::Setup`] without root certificates; [`HttpError::Setting`] for a proxy with a user name.
    pub fn new(settings: &HttpSettings) -> Result<Self, HttpError> {
        // Two providers are compiled in, between which rustls does not choose. It fails where `main` chose
        // already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let setup = |source: reqwest::Error| HttpError::Setup { source: source.without_url() };
        let mut builder = reqwest::Client::builder()
            .use_rustls_tls()
            .connect_timeout(settings.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .http1_only()
            .no_proxy()
            // Other crates may switch these on for all; the digest is one of the bytes as published.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd();
        if let Some(proxy) = &settings.proxy {
            if has_userinfo(proxy) {
                return Err(HttpError::Setting {
                    what: "a proxy with user name or password is not supported",
                });
            }
            builder = builder.proxy(reqwest::Proxy::all(proxy.clone()).map_err(setup)?);
        } else if !settings.internal {
            builder = builder.dns_resolver(Arc::new(PublicOnly));
        }
        Ok(Self { inner: builder.build().map_err(setup)?, internal: settings.internal })
    }

    /// Fetches `url` into a new file in the folder `into`, asking again where that can help.
    ///
    /// With validators in `held` the request is conditional. `patience` limits the time and draws the pauses.
    ///
    /// # Errors
    /// The last failure, with the number of attempts made. No file is left behind.
    pub async fn fetch(
        &self,
        url: &Url,
        held: Option<&Held>,
        into: &Path,
        settings: &HttpSettings,
        patience: &mut Patience,
    ) -> Result<Fetched, HttpError> {
        let asked = Asked { url: public(url), attempts: 0 };
        let mut errand = Errand { url, held, into, settings, asked, afresh: false };
        loop {
            errand.asked.attempts += 1;
            if let Some(pace) = &settings.pace
                && !pace.turn(patience.left()).await
            {
                return Err(HttpError::TimedOut { asked: errand.asked, limit: Limit::Deadline });
            }
            let watch =
                Watch { started: Instant::now(), total: settings.total_timeout, left: patience.left() };
            let failure = match self.attempt(&errand, &watch).await {
                Ok(fetched) => return Ok(fetched),
                Err(failure) => failure,
            };
            if matches!(failure.error, HttpError::Unexpected { status: 304, .. }) && !errand.afresh {
                debug!("{}: said `not modified` unasked; asking for the whole file", errand.asked);
                errand.afresh = true;
                continue;
            }
            let failed = errand.asked.attempts;
            if failed >= settings.max_attempts || !failure.error.may_pass() {
                return Err(failure.error);
            }
            let pause = patience.next(settings, failed, failure.retry_after);
            if pause >= patience.left() {
                return Err(failure.error);
            }
            info!(
                http.url = %errand.asked.url, http.attempt = failed, http.pause_ms = pause.as_millis(),
                "{}; asking again in {:.1} s", failure.error, pause.as_secs_f64()
            );
            patience.pause(pause).await;
        }
    }

    /// Asks once, redirects included, and reads the answer to its end.
    async fn attempt(&self, errand: &Errand<'_>, watch: &Watch) -> Result<Fetched, Failure> {
        let (response, conditional) = self.ask(errand, watch).await?;
        let asked = errand.asked.clone();
        match response.status().as_u16() {
            200 | 203 => Ok(receive(response, errand, watch).await?),
            204 | 205 => Err(HttpError::NotData { asked, found: NoData::Empty }.into()),
            304 if conditional => Ok(Fetched::NotModified),
            status @ (404 | 410) => Ok(Fetched::Absent { status }),
            status if may_recover(status) => Err(Failure {
                retry_after: retry_after(response.headers()),
                error: HttpError::Unavailable { asked, status },
            }),
            status @ 400.. => Err(HttpError::Refused { asked, status }.into()),
            status => Err(HttpError::Unexpected { asked, status }.into()),
        }
    }

    /// Sends the request and follows redirects as far as they are permitted. Also tells whether the request
    /// that was answered was conditional.
    async fn ask(&self, errand: &Errand<'_>, watch: &Watch) -> Result<(Response, bool), HttpError> {
        let settings = errand.settings;
        let allowed = settings.connect_timeout.saturating_add(settings.idle_timeout);
        let mut at = errand.url.clone();
        let mut hops = 0;
        loop {
            self.check(&at, errand)?;
            let (headers, conditional) = headers(&at, errand)?;
            let sent = self.inner.get(for_sending(&at, errand)).headers(headers).send();
            let response = watch
                .within(allowed, Limit::Answer(allowed), sent)
                .await
                .map_err(|limit| HttpError::TimedOut { asked: errand.asked.clone(), limit })?
                .map_err(|error| sending_failed(error, errand.asked.clone()))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((response, conditional));
            }
            let target = target(&at, response.headers());
            let refused = |why| HttpError::Redirected {
                asked: errand.asked.clone(),
                to: target.as_ref().map_or_else(|| "an unreadable address".to_owned(), origin),
                why,
            };
            hops += 1;
            if hops > MOST_HOPS {
                return Err(refused(RedirectFault::TooMany));
            }
            let next = target.as_ref().ok_or_else(|| refused(RedirectFault::Unreadable))?;
            permit(&at, next, errand).map_err(refused)?;
            at = next.clone();
        }
    }

    /// Refuses an address before anything is sent to it. Names are checked when they are resolved.
    fn check(&self, at: &Url, errand: &Errand<'_>) -> Result<(), HttpError> {
        let asked = || errand.asked.clone();
        if !is_http(at) {
            return Err(HttpError::NotHttp { asked: asked() });
        }
        let address = match at.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(HttpError::NotHttp { asked: asked() }),
        };
        if self.internal || is_public(address) { Ok(()) } else { Err(HttpError::Internal { asked: asked() }) }
    }
}

/// The limits on the time of one attempt.
struct Watch {
    started: Instant,
    total: Duration,
    /// What was left of the feed's time when the attempt began.
    left: Duration,
}

impl Watch {
    /// Waits for `work`, but not longer than `allowed`, nor beyond the end of the attempt or of the feed's
    /// time.
    async fn within<T>(
        &self,
        allowed: Duration,
        limit: Limit,
        work: impl Future<Output = T>,
    ) -> Result<T, Limit> {
        let spent = self.started.elapsed();
        let (mut allowed, mut limit) = (allowed, limit);
        for (end, reason) in [(self.total, Limit::Total(self.total)), (self.left, Limit::Deadline)] {
            let rest = end.saturating_sub(spent);
            if rest < allowed {
                (allowed, limit) = (rest, reason);
            }
        }
        // A body that never pauses is always ready, and a time-out looks at the body before it looks at the
        // clock.
        if allowed.is_zero() {
            return Err(limit);
        }
        tokio::time::timeout(allowed, work).await.map_err(|_| limit)
    }
}

/// The slowest that a body may come, measured window after window.
struct Pulse {
    window_started: Instant,
    window_bytes: u64,
}

impl Pulse {
    /// Counts bytes that came; false when a full window brought fewer than the settings ask for.
    fn beats(&mut self, bytes: u64, settings: &HttpSettings) -> bool {
        self.window_bytes += bytes;
        let elapsed = self.window_started.elapsed();
        if elapsed < settings.minimum_rate_window {
            return true;
        }
        let enough = self.window_bytes as f64 >= settings.minimum_rate as f64 * elapsed.as_secs_f64();
        *self = Self { window_started: Instant::now(), window_bytes: 0 };
        enough
    }
}

/// Writes the body to a new file while hashing it; memory stays flat.
async fn receive(mut response: Response, errand: &Errand<'_>, watch: &Watch) -> Result<Fetched, HttpError> {
    let Errand { into, settings, .. } = *errand;
    let asked = || errand.asked.clone();
    let disk = |source| HttpError::Disk { folder: into.to_owned(), source };
    let not_data = |found| HttpError::NotData { asked: asked(), found };
    let too_large = || HttpError::TooLarge { asked: asked(), limit: settings.max_bytes };

    let content_type = text(response.headers(), &header::CONTENT_TYPE);
    let etag = text(response.headers(), &header::ETAG);
    let last_modified = text(response.headers(), &header::LAST_MODIFIED);
    let link = links(response.headers());
    let expected = response.content_length();
    let length_stated = expected.is_some() || response.headers().contains_key(header::TRANSFER_ENCODING);
    if expected.is_some_and(|expected| expected > settings.max_bytes) {
        return Err(too_large());
    }

    let temporary =
        tempfile::Builder::new().prefix("fetch-").suffix(".part").tempfile_in(into).map_err(disk)?;
    let (file, path) = temporary.into_parts();
    let mut file = tokio::fs::File::from_std(file);
    let mut digest = Sha256::new();
    let mut head = Vec::with_capacity(HEAD);
    let mut bytes = 0_u64;
    let mut pulse = Pulse { window_started: Instant::now(), window_bytes: 0 };
    loop {
        let idle = settings.idle_timeout;
        let piece = watch
            .within(idle, Limit::Idle(idle), response.chunk())
            .await
            .map_err(|limit| HttpError::TimedOut { asked: asked(), limit })?
            .map_err(|error| HttpError::Cut {
                asked: asked(),
                bytes,
                expected,
                source: error.without_url(),
            })?;
        let Some(piece) = piece else { break };
        bytes += piece.len() as u64;
        if bytes > settings.max_bytes {
            return Err(too_large());
        }
        if !pulse.beats(piece.len() as u64, settings) {
            return Err(HttpError::TimedOut { asked: asked(), limit: Limit::Rate(settings.minimum_rate) });
        }
        if head.len() < HEAD {
            head.extend(piece.iter().take(HEAD - head.len()));
            if looks_like_web_page(content_type.as_deref(), &head) {
                return Err(not_data(NoData::WebPage));
            }
        }
        digest.update(&piece);
        file.write_all(&piece).await.map_err(disk)?;
    }
    if bytes == 0 {
        return Err(not_data(NoData::Empty));
    }
    file.flush().await.map_err(disk)?;
    file.sync_all().await.map_err(disk)?;
    let sha256 = hex::encode(digest.finalize());
    Ok(Fetched::Delivered { path, bytes, sha256, etag, last_modified, content_type, link, length_stated })
}

/// Whether a body is a page for people, such as a sign-in or error page, and not data.
///
/// `head` is the beginning of the body. What is labelled as HTML counts as a page whatever it holds, because
/// a compressed page cannot be looked into; what is labelled otherwise counts when it begins as HTML does.
#[must_use]
pub fn looks_like_web_page(content_type: Option<&str>, head: &[u8]) -> bool {
    let label = content_type.and_then(|label| label.split(';').next()).unwrap_or_default().trim();
    if label.eq_ignore_ascii_case("text/html") || label.eq_ignore_ascii_case("application/xhtml+xml") {
        return true;
    }
    // Without its zero bytes, UTF-16 reads as ASCII here.
    let mut rest: Vec<u8> =
        head.iter().take(HEAD).filter(|byte| **byte != 0).map(u8::to_ascii_lowercase).collect();
    for mark in [b"\xef\xbb\xbf".as_slice(), b"\xff\xfe", b"\xfe\xff"] {
        if rest.starts_with(mark) {
            rest.drain(..mark.len());
        }
    }
    let mut rest = rest.trim_ascii_start();
    for (opening, closing) in [("<?xml", "?>"), ("<!--", "-->")] {
        if rest.starts_with(opening.as_bytes())
            && let Some(end) = memchr::memmem::find(rest, closing.as_bytes())
        {
            rest = rest[end + closing.len()..].trim_ascii_start();
        }
    }
    ["<!doctype html", "<html", "<head>", "<body"].iter().any(|opening| rest.starts_with(opening.as_bytes()))
}

/// An address as it may stand in logs and errors: without user name, password, query and fragment.
#[must_use]
pub fn public(url: &Url) -> String {
    if url.has_host() { format!("{}{}", origin(url), url.path()) } else { origin(url) }
}

/// Scheme, host and port of an address; of one without host, such as `data:…`, only the scheme.
fn origin(url: &Url) -> String {
    let scheme = url.scheme();
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{scheme}://{host}:{port}"),
        (Some(host), None) => format!("{scheme}://{host}"),
        (None, _) => format!("{scheme}:"),
    }
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn has_userinfo(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Every `Link` header, joined as one would be.
fn links(headers: &HeaderMap) -> Option<String> {
    let found: Vec<&str> =
        headers.get_all(header::LINK).iter().filter_map(|link| link.to_str().ok()).collect();
    let joined = found.join(", ");
    (!joined.is_empty() && joined.len() <= 8 * LONGEST_TEXT).then_some(joined)
}

/// Whether two addresses belong to one publisher: same host, same port; moving up from http to https, both on
/// their usual ports, is no change.
pub(in crate::feed) fn same_publisher(from: &Url, to: &Url) -> bool {
    let raised =
        from.scheme() == "http" && to.scheme() == "https" && from.port().is_none() && to.port().is_none();
    from.host() == to.host()
        && (raised
            || (from.scheme() == to.scheme() && from.port_or_known_default() == to.port_or_known_default()))
}

/// Judges a redirect before anything is sent to its target.
fn permit(from: &Url, to: &Url, errand: &Errand<'_>) -> Result<(), RedirectFault> {
    if !is_http(to) {
        return Err(RedirectFault::Scheme);
    }
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err(RedirectFault::Downgrade);
    }
    let host = to.host_str().unwrap_or_default();
    let place = to.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let listed = errand.settings.redirect_hosts.iter().any(|listed| listed.eq_ignore_ascii_case(&place));
    if listed || same_publisher(from, to) || same_publisher(errand.url, to) {
        Ok(())
    } else {
        Err(RedirectFault::OtherHost)
    }
}

/// Where a redirect leads, as seen from the address that was asked.
fn target(at: &Url, headers: &HeaderMap) -> Option<Url> {
    headers.get(header::LOCATION)?.to_str().ok().and_then(|location| at.join(location).ok())
}

/// The address as it is handed to the library, which turns a user name in it into an `Authorization` header:
/// so it has the ones of the feed's own address, for its own publisher only, and none that a redirect brought
/// along.
fn for_sending(at: &Url, errand: &Errand<'_>) -> Url {
    let own = same_publisher(errand.url, at) && errand.settings.authorization.is_none();
    let (user, password) = if own { (errand.url.username(), errand.url.password()) } else { ("", None) };
    let mut sent = at.clone();
    // Both fail for addresses without a host only, and those were refused before.
    let _ = sent.set_username(user);
    let _ = sent.set_password(password);
    sent
}

/// The headers for one hop, and whether they make the request a conditional one. What we hold and who we are
/// is told to the feed's own publisher only.
fn headers(at: &Url, errand: &Errand<'_>) -> Result<(HeaderMap, bool), HttpError> {
    let mut headers = HeaderMap::new();
    let agent = HeaderValue::from_str(&errand.settings.user_agent).map_err(|_| HttpError::Setting {
        what: "the user agent holds a character that a header cannot carry",
    })?;
    headers.insert(header::USER_AGENT, agent);
    if errand.afresh {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    let mut conditional = false;
    if same_publisher(errand.url, at) {
        headers.extend(errand.settings.headers.clone());
        if let Some(Authorization(value)) = &errand.settings.authorization {
            headers.insert(header::AUTHORIZATION, value.clone());
        }
        if let Some(held) = errand.held.filter(|_| !errand.afresh) {
            for (name, value) in
                [(header::IF_NONE_MATCH, &held.etag), (header::IF_MODIFIED_SINCE, &held.last_modified)]
            {
                if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
                    headers.insert(name, value);
                    conditional = true;
                }
            }
        }
    }
    Ok((headers, conditional))
}

/// Whether the status speaks of a passing trouble. 520 to 524 are those of Cloudflare, behind which many
/// councils publish: the publisher's own server did not answer it.
fn may_recover(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 520..=524)
}

/// The pause that the publisher asks for: seconds, or a date, which is read against the answer's own `Date`
/// since the two clocks may differ. Absent: none, or nothing that makes sense.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked_for = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !asked_for.is_empty() && asked_for.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a very long time.
        return Some(Duration::from_secs(asked_for.parse().unwrap_or(u64::MAX)));
    }
    let date = |text: &str| NaiveDateTime::parse_from_str(text.trim(), "%a, %d %b %Y %H:%M:%S GMT").ok();
    let sent = date(headers.get(header::DATE)?.to_str().ok()?)?;
    (date(asked_for)? - sent).to_std().ok()
}

/// A header of reasonable length as text.
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (!value.is_empty() && value.len() <= LONGEST_TEXT).then(|| value.to_owned())
}

/// Sorts out why no answer came.
fn sending_failed(error: reqwest::Error, asked: Asked) -> HttpError {
    let source = error.without_url();
    if causes(&source).any(is_private) {
        return HttpError::Internal { asked };
    }
    if causes(&source).any(is_tls) {
        return HttpError::Certificate { asked, source };
    }
    if source.is_timeout() {
        return HttpError::TimedOut { asked, limit: Limit::Connect };
    }
    if source.is_connect() {
        return HttpError::Unreachable { asked, source };
    }
    // hyper tells a head that is no HTTP from a broken connection only by these words. An unknown wording
    // falls through to `Cut`, which is asked again: the safe side.
    let malformed = causes(&source)
        .map(ToString::to_string)
        .any(|words| words.starts_with("invalid HTTP") || words.starts_with("message head is too large"));
    if malformed || source.is_builder() {
        return HttpError::Malformed { asked, source };
    }
    HttpError::Cut { asked, bytes: 0, expected: None, source }
}

/// The error and all that caused it, outermost first.
pub(in crate::feed) fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| match error.downcast_ref::<io::Error>() {
        // The `source` of an I/O error skips the error that it wraps.
        Some(wrapper) => wrapper.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
        None => error.source(),
    })
}

fn is_private(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<PrivateAddress>()
}

pub(in crate::feed) fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<rustls::Error>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("addresses in tests are well-formed")
    }

    #[test]
    fn what_begins_as_html_or_is_labelled_so_looks_like_a_web_page() {
        let utf16: Vec<u8> = "\u{feff}<HTML>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let pages: [(Option<&str>, &[u8]); 9] = [
            (None, b"<!DOCTYPE html><title>Sign in</title>"),
            (None, b"\xef\xbb\xbf \r\n\t<!doctype HTML public"),
            (Some("text/csv"), b"<HTML lang=en>"),
            (Some("application/octet-stream"), b"<!-- moved --> <html>"),
            (None, b"<?xml version=\"1.0\"?>\n<!DOCTYPE html PUBLIC"),
            (None, &utf16),
            (Some("Text/HTML; charset=utf-8"), b"\x1f\x8b\x08"),
            (Some("text/html"), b"month,incidents"),
            (Some("application/xhtml+xml"), b"<?xml"),
        ];
        for (label, head) in pages {
            assert!(looks_like_web_page(label, head), "{label:?} {}", head.escape_ascii());
        }
    }

    #[test]
    fn data_does_not_look_like_a_web_page() {
        let data: [(Option<&str>, &[u8]); 9] = [
            (None, b""),
            (Some("text/csv"), b"month,incidents\n2025-04,<html>\n"),
            (Some("application/zip"), b"PK\x03\x04"),
            (None, b"\x1f\x8b\x08"),
            (Some("application/json"), b"{\"html\": \"<html>\"}"),
            (Some("application/xml"), b"<?xml version=\"1.0\"?><incidents/>"),
            (None, b"<!-- an unfinished remark <html>"),
            (Some("text/htmlish"), b"header,body"),
            (None, b"<?xml"),
        ];
        for (label, head) in data {
            assert!(!looks_like_web_page(label, head), "{label:?} {}", head.escape_ascii());
        }
    }

    #[test]
    fn an_address_is_shown_without_user_password_query_and_fragment() {
        let shown = public(&url("https://csp:secret@data.police.uk:8443/a/b.csv?key=secret#secret"));
        assert_eq!(shown, "https://data.police.uk:8443/a/b.csv");
        assert_eq!(public(&url("https://data.police.uk")), "https://data.police.uk/");
        assert_eq!(public(&url("data:text/plain,secret")), "data:");
        assert_eq!(public(&url("mailto:secret@example.org")), "mailto:");
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn a_publisher_is_known_by_host_and_port_and_may_move_up_to_https() {
        let same = |from, to| same_publisher(&url(from), &url(to));
        assert!(same("https://a.uk/x", "https://A.uk:443/y?z"));
        assert!(same("http://a.uk/", "https://a.uk/"));
        assert!(!same("https://a.uk/", "http://a.uk/"));
        assert!(!same("https://a.uk/", "https://www.a.uk/"));
        assert!(!same("https://a.uk/", "https://a.uk:8443/"));
        assert!(!same("http://a.uk:8080/", "https://a.uk/"));
        assert!(!same("http://a.uk/", "https://a.uk.evil.org/"));
    }

    #[test]
    fn a_redirect_never_leads_from_https_to_http_even_at_a_listed_host() {
        let settings =
            HttpSettings { redirect_hosts: vec!["files.uk".to_owned()], ..HttpSettings::default() };
        let feed = url("https://a.uk/");
        let errand = Errand {
            url: &feed,
            held: None,
            into: Path::new("."),
            settings: &settings,
            asked: Asked { url: public(&feed), attempts: 1 },
            afresh: false,
        };
        let judge = |from, to| permit(&url(from), &url(to), &errand);
        assert_eq!(judge("https://a.uk/", "http://a.uk/"), Err(RedirectFault::Downgrade));
        assert_eq!(judge("https://a.uk/", "http://files.uk/"), Err(RedirectFault::Downgrade));
        assert_eq!(judge("https://a.uk/", "https://files.uk:8443/"), Err(RedirectFault::OtherHost));
        assert_eq!(judge("https://a.uk/", "https://FILES.uk/"), Ok(()));
        assert_eq!(judge("https://files.uk/", "https://a.uk/"), Ok(()), "and back again");
    }

    #[tokio::test]
    async fn what_is_always_ready_is_not_taken_after_the_end_of_the_attempt() {
        let watch = |total, left| Watch { started: Instant::now(), total, left };
        let (none, hour) = (Duration::ZERO, Duration::from_hours(1));
        let ready = || std::future::ready(());
        assert_eq!(watch(none, hour).within(hour, Limit::Connect, ready()).await, Err(Limit::Total(none)));
        assert_eq!(watch(hour, none).within(hour, Limit::Connect, ready()).await, Err(Limit::Deadline));
        assert_eq!(watch(hour, hour).within(hour, Limit::Connect, ready()).await, Ok(()));
    }

    #[test]
    fn addresses_for_special_purposes_are_not_public() {
        let special = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "3fff::1",
            "fc00::1",
            "fd00::1",
            "fe80::1",
            "ff02::1",
        ];
        for address in special {
            assert!(!is_public(address.parse().expect("an address")), "{address}");
        }
        let public = [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "151.101.0.144",
            "172.15.0.1",
            "172.32.0.1",
            "192.169.0.1",
            "::ffff:1.1.1.1",
            "2001:4860:4860::8888",
            "2a00:1450::1",
            "2002:101:101::1",
        ];
        for address in public {
            assert!(is_public(address.parse().expect("an address")), "{address}");
        }
    }
}
