//! Deliveries that lie in an object store: S3 and what speaks like it, Azure Blob Storage, Google Cloud Storage.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use object_store::client::{ClientConfigKey, HttpClient, HttpConnector};
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig,
};
use url::Url;

use super::address::{patience, settings};
use super::arrival::{Arrival, base_name, is_fit_name};
use super::folder::matches;
use super::http::{HttpSettings, PublicOnly, is_public};
use super::net::{Trouble, step};
use super::{Asking, Haul, Probed, Visit, fill};
use crate::diagnose::{chain, printable};
use crate::landing::Delivery;
use crate::period::Month;
use crate::secret::{self, Secret};

/// Objects that are looked at in one visit.
const MOST_OBJECTS: usize = 100_000;
/// Longest time that the store's library tries again by itself.
const LONGEST_RETRY: Duration = Duration::from_mins(3);

/// The vendors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vendor {
    S3,
    Azure,
    Google,
}

/// A bucket, and the keys that are meant in it.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    vendor: Vendor,
    /// Scheme and name.
    root: String,
    name: String,
    /// With `{period}`, names in braces and `*`.
    pattern: String,
}

impl Bucket {
    /// Reads `s3://bucket/key`, `az://container/key` or `gs://bucket/key`.
    ///
    /// # Errors
    /// In words, what is missing or does not belong there.
    pub(super) fn of(address: &str) -> Result<Self, String> {
        let (scheme, rest) = address.split_once("://").ok_or("expected an address")?;
        let vendor = match scheme {
            "s3" => Vendor::S3,
            "az" => Vendor::Azure,
            "gs" => Vendor::Google,
            _ => return Err(format!("scheme `{scheme}` is not known")),
        };
        let (name, pattern) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.$".contains(&b)) {
            return Err("the address names no bucket".to_owned());
        }
        if pattern.is_empty() || pattern.ends_with('/') {
            return Err("the address names no key".to_owned());
        }
        Ok(Self {
            vendor,
            root: format!("{scheme}://{name}"),
            name: name.to_owned(),
            pattern: pattern.to_owned(),
        })
    }

    fn shown(&self, key: &str) -> String {
        format!("{}/{key}", self.root)
    }
}

pub(super) async fn fetch(visit: &Visit<'_>, template: &str, asking: &Asking, synthetic: bool) -> Haul {
    let bucket = match Bucket::of(template) {
        Ok(bucket) => bucket,
        Err(fault) => return Haul::failed(format!("`source`: {fault}")),
    };
    let settings = settings(visit);
    let left = patience(visit, &settings).left();
    let store = match open(visit, &bucket, &settings) {
        Ok(store) => store,
        Err(fault) => return Haul::failed(fault),
    };
    let mut errand = Errand { visit, bucket, store, settings, asking, synthetic, haul: Haul::default() };
    let by_name = !fill(&errand.bucket.pattern, visit.feed.from).contains(['{', '*']);
    let asked = async { if by_name { errand.ask_by_name().await } else { errand.ask_by_pattern().await } };
    if let Err(trouble) = step(left, asked).await {
        let at = errand.bucket.shown(&errand.bucket.pattern);
        errand.haul.general.push(format!("{at}: {}", trouble.text));
    }
    errand.haul
}

/// Whether the bucket lets us in, and has what is asked for; nothing is taken.
pub(super) async fn probe(visit: &Visit<'_>, template: &str, asking: &Asking, month: Month) -> Probed {
    let bucket = match Bucket::of(template) {
        Ok(bucket) => bucket,
        Err(fault) => return Probed::Failed(format!("`source`: {fault}")),
    };
    let settings = super::address::probing(visit);
    let store = match open(visit, &bucket, &settings) {
        Ok(store) => store,
        Err(fault) => return Probed::Failed(fault),
    };
    let allowed = settings.total_timeout;
    let key = fill(&bucket.pattern, month);
    let haul = Haul::default();
    let errand = Errand { visit, bucket, store, settings, asking, synthetic: false, haul };
    if key.contains(['{', '*']) {
        return match step(allowed, errand.list()).await {
            Ok(found) if found.is_empty() => {
                Probed::Nothing("no object bears the name that `source` says".to_owned())
            }
            Ok(found) => Probed::Reached { found: format!("{} objects", found.len()), clock: None },
            Err(trouble) => Probed::Failed(trouble.text),
        };
    }
    let Ok(place) = Path::parse(&key) else { return Probed::Failed("`source` is not a key".to_owned()) };
    let head = async {
        match errand.store.head(&place).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(told(&error)),
        }
    };
    match step(allowed, head).await {
        Ok(true) => Probed::Reached { found: format!("has {month}"), clock: None },
        Ok(false) => Probed::Nothing(format!("there is no object for {month}")),
        Err(trouble) => Probed::Failed(trouble.text),
    }
}

/// One feed's visit to its bucket. The library asks again where that can help.
struct Errand<'a> {
    visit: &'a Visit<'a>,
    bucket: Bucket,
    store: Arc<dyn ObjectStore>,
    settings: HttpSettings,
    asking: &'a Asking,
    synthetic: bool,
    haul: Haul,
}

/// An object that was not fetched.
enum Missed {
    /// It is the one that we hold.
    Same,
    /// It is not there.
    Absent,
    /// Another one took its place in the meantime.
    Changed,
    Failed(Trouble),
}

impl Errand<'_> {
    /// Asks for the object of each month, without looking around.
    async fn ask_by_name(&mut self) -> Result<(), Trouble> {
        let wanted =
            super::wanted(&*self.visit.landing.lock().await, &self.visit.feed, self.asking, self.synthetic);
        for month in wanted {
            let key = fill(&self.bucket.pattern, month);
            let path = Path::parse(&key).map_err(|_| Trouble::lasting("`source` is not a key"))?;
            let held = self.held(month, &key).await.and_then(|known| known.etag);
            let options = GetOptions { if_none_match: held, ..GetOptions::default() };
            match self.take(month, path, options, BTreeMap::new()).await {
                Ok(()) | Err(Missed::Same) => {}
                Err(Missed::Absent) => self.haul.absent.push(month),
                Err(Missed::Changed) => self.haul.waiting.push((month, self.changed(&key))),
                Err(Missed::Failed(trouble)) => {
                    self.haul.fault(month, &format!("{}: {}", self.bucket.shown(&key), trouble.text));
                    // What concerns the bucket concerns every month.
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Looks through the folder of the pattern and takes what fits and is new.
    async fn ask_by_pattern(&mut self) -> Result<(), Trouble> {
        let mut found = Vec::new();
        for (meta, period, captures) in self.list().await? {
            let key = meta.location.to_string();
            if !is_fit_name(&key) {
                let path = printable(&self.bucket.shown(&key));
                let fault =
                    format!("{path}: not taken: its name holds characters that cannot be shown; rename it");
                self.haul.general.push(fault);
                continue;
            }
            let held = self.held(period, &key).await;
            if !held.is_some_and(|known| known.etag == meta.e_tag && known.bytes == meta.size) {
                found.push((meta, period, captures));
            }
        }
        found.sort_by(|a, b| (a.1, &a.0.location).cmp(&(b.1, &b.0.location)));
        for (meta, period, captures) in found {
            let key = meta.location.to_string();
            let options = GetOptions { if_match: meta.e_tag.clone(), ..GetOptions::default() };
            match self.take(period, meta.location, options, captures).await {
                Ok(()) | Err(Missed::Same) => {}
                Err(Missed::Absent | Missed::Changed) => self.haul.waiting.push((period, self.changed(&key))),
                Err(Missed::Failed(trouble)) => {
                    self.haul.fault(period, &format!("{}: {}", self.bucket.shown(&key), trouble.text));
                    if trouble.may_pass {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn changed(&self, key: &str) -> String {
        format!("{}: changed while it was read; left for the next run", printable(&self.bucket.shown(key)))
    }

    async fn list(&self) -> Result<Vec<(ObjectMeta, Month, BTreeMap<String, String>)>, Trouble> {
        let parts: Vec<&str> = self.bucket.pattern.split('/').collect();
        let fixed: Vec<&str> = parts.iter().copied().take_while(|part| !part.contains(['{', '*'])).collect();
        let prefix = Path::parse(fixed.join("/")).map_err(|_| Trouble::lasting("`source` is not a key"))?;
        let mut listed = self.store.list(Some(&prefix).filter(|_| !fixed.is_empty()));
        let (mut found, mut looked_at) = (Vec::new(), 0);
        while let Some(meta) = step(self.settings.total_timeout, async { Ok(listed.next().await) }).await? {
            let meta = meta.map_err(|error| told(&error))?;
            looked_at += 1;
            if looked_at > MOST_OBJECTS {
                return Err(Trouble::lasting(format!("more than {MOST_OBJECTS} objects below {prefix}")));
            }
            let key = meta.location.to_string();
            let names: Vec<&str> = key.split('/').collect();
            let mut captures = BTreeMap::new();
            let fits = names.len() == parts.len()
                && parts.iter().zip(&names).all(|(part, name)| matches(part, name, &mut captures));
            if let Some(period) = self.period(&mut captures).filter(|_| fits) {
                found.push((meta, period, captures));
            }
        }
        Ok(found)
    }

    /// The month of an object, if it is one that the feed delivers; an early one is taken too.
    fn period(&self, captures: &mut BTreeMap<String, String>) -> Option<Month> {
        match captures.remove("period") {
            None => self.asking.undated(),
            Some(text) => text.parse().ok().filter(|month| self.visit.is_within(*month)),
        }
    }

    fn file_name(&self, month: Month, key: &str) -> String {
        let member = self.visit.feed.member.as_ref().map(|member| fill(member, month));
        base_name(member.as_deref().unwrap_or(key)).to_owned()
    }

    /// What we hold of an object, if its bytes are still there.
    async fn held(&self, month: Month, key: &str) -> Option<Delivery> {
        let landing = self.visit.landing.lock().await;
        let known = self.visit.known(&landing, self.asking, month, &self.file_name(month, key))?;
        let same = known.source == secret::scrub(&self.bucket.shown(key))
            && known.synthetic == self.synthetic
            && landing.path(known).is_file();
        same.then(|| known.clone())
    }

    async fn take(
        &mut self,
        month: Month,
        path: Path,
        options: GetOptions,
        captures: BTreeMap<String, String>,
    ) -> Result<(), Missed> {
        let total = self.settings.total_timeout;
        let got = step(total, async { Ok(self.store.get_opts(&path, options).await) }).await;
        let got = match got.map_err(Missed::Failed)? {
            Ok(got) => got,
            Err(Error::NotModified { .. }) => return Err(Missed::Same),
            Err(Error::NotFound { .. }) => return Err(Missed::Absent),
            Err(Error::Precondition { .. }) => return Err(Missed::Changed),
            Err(error) => return Err(Missed::Failed(told(&error))),
        };
        let meta = got.meta.clone();
        let limit = self.settings.max_bytes;
        if meta.size > limit {
            let text = format!("larger than {limit} bytes; raise `max-bytes` if that is meant");
            return Err(Missed::Failed(Trouble::lasting(text)));
        }
        let idle = self.settings.idle_timeout;
        let visit = self.visit;
        let received = async {
            let disk =
                |error: std::io::Error| Trouble::lasting(format!("the landing cannot be written: {error}"));
            let mut arrival = Arrival::begin(visit).await.map_err(disk)?;
            let mut pieces = got.into_stream();
            while let Some(piece) = step(idle, async { Ok(pieces.next().await) }).await? {
                arrival.take(&piece.map_err(|error| told(&error))?).map_err(disk)?;
            }
            if arrival.bytes() != meta.size {
                let text = format!("broke off after {} bytes of {}", arrival.bytes(), meta.size);
                return Err(Trouble::passing(text));
            }
            arrival.keep(visit).await.map_err(disk)
        };
        let kept = step(total, received).await.map_err(Missed::Failed)?;
        let key = path.to_string();
        let file = self.file_name(month, &key);
        let mut delivery = visit.delivery(month, &file, &self.bucket.shown(&key), kept, self.synthetic);
        delivery.captures = captures;
        delivery.etag.clone_from(&meta.e_tag);
        delivery.last_modified = Some(meta.last_modified.to_rfc3339());
        visit.deliver(self.asking, delivery, &mut self.haul).await;
        Ok(())
    }
}

/// What the store says. Whoever is refused, or asks for a bucket that is not there, is not helped by asking again.
fn told(error: &Error) -> Trouble {
    let text: String =
        chain(error).split_whitespace().collect::<Vec<_>>().join(" ").chars().take(600).collect();
    // For a listing the client of the store has no kinds of errors: its status stands in the text alone.
    let status = |code: &str| text.contains(&format!("status code: {code} "));
    let refused = matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. })
        || status("401")
        || status("403");
    let passing = matches!(error, Error::Generic { .. } | Error::JoinError { .. }) && !status("404");
    if refused {
        let way_out = "refused: the account or key of `[store]`, or what they may read, is not right";
        return Trouble::lasting(format!("{way_out}: {text}"));
    }
    if passing { Trouble::passing(text) } else { Trouble::lasting(text) }
}

/// The store of a bucket, with the credentials of the settings or else of the environment.
fn open(visit: &Visit<'_>, bucket: &Bucket, settings: &HttpSettings) -> Result<Arc<dyn ObjectStore>, String> {
    let config = &visit.feed.store;
    let resolve = |what: &str, setting: &Option<String>| -> Result<Option<Secret>, String> {
        let resolved = setting.as_deref().map(|setting| secret::resolve(setting, &visit.project.root));
        resolved.transpose().map_err(|error| format!("`store.{what}`: {}", chain(&error)))
    };
    if let Some(endpoint) = &config.endpoint {
        permitted(endpoint, settings)?;
    }
    let connector = Connector { settings: settings.clone() };
    let access_key = resolve("access-key", &config.access_key)?;
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: settings.backoff_base,
            max_backoff: settings.backoff_cap,
            ..BackoffConfig::default()
        },
        max_retries: settings.max_attempts.saturating_sub(1) as usize,
        retry_timeout: settings.deadline.min(LONGEST_RETRY),
    };
    let failed = |error: Error| format!("[store]: {}", chain(&error));
    match bucket.vendor {
        Vendor::S3 => {
            let mut builder = object_store::aws::AmazonS3Builder::from_env()
                .with_bucket_name(&bucket.name)
                .with_allow_http(settings.internal)
                .with_retry(retry)
                .with_http_connector(connector);
            if let Some(endpoint) = &config.endpoint {
                builder = builder.with_endpoint(endpoint);
            }
            if let Some(region) = &config.region {
                builder = builder.with_region(region);
            }
            if let Some(id) = &config.access_key_id {
                builder = builder.with_access_key_id(id);
            }
            if let Some(key) = access_key {
                builder = builder.with_secret_access_key(key.expose());
            }
            if let Some(token) = resolve("session-token", &config.session_token)? {
                builder = builder.with_token(token.expose());
            }
            if config.anonymous {
                builder = builder.with_skip_signature(true);
            }
            Ok(Arc::new(builder.build().map_err(failed)?))
        }
        Vendor::Azure => {
            let mut builder = object_store::azure::MicrosoftAzureBuilder::from_env()
                .with_container_name(&bucket.name)
                .with_allow_http(settings.internal)
                .with_retry(retry)
                .with_http_connector(connector);
            if let Some(endpoint) = &config.endpoint {
                builder = builder.with_endpoint(endpoint.clone());
            }
            if let Some(account) = &config.account {
                builder = builder.with_account(account);
            }
            if let Some(key) = access_key {
                builder = builder.with_access_key(key.expose());
            }
            if config.anonymous {
                builder = builder.with_skip_signature(true);
            }
            Ok(Arc::new(builder.build().map_err(failed)?))
        }
        Vendor::Google => {
            let options = ClientOptions::new().with_allow_http(settings.internal);
            let mut builder = object_store::gcp::GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(&bucket.name)
                .with_client_options(options)
                .with_retry(retry)
                .with_http_connector(connector);
            if let Some(endpoint) = &config.endpoint {
                builder = builder.with_base_url(endpoint);
            }
            if let Some(account) = resolve("service-account", &config.service_account)? {
                builder = builder.with_service_account_key(account.expose());
            }
            if config.anonymous {
                builder = builder.with_skip_signature(true);
            }
            Ok(Arc::new(builder.build().map_err(failed)?))
        }
    }
}

/// Refuses an endpoint that names a private address outright; names are looked at when they are resolved.
fn permitted(endpoint: &str, settings: &HttpSettings) -> Result<(), String> {
    let url = Url::parse(endpoint).map_err(|error| format!("`store.endpoint` is not an address: {error}"))?;
    let address: Option<IpAddr> = match url.host() {
        Some(url::Host::Ipv4(address)) => Some(address.into()),
        Some(url::Host::Ipv6(address)) => Some(address.into()),
        _ => None,
    };
    if settings.internal || (url.scheme() == "https" && address.is_none_or(is_public)) {
        return Ok(());
    }
    Err(format!(
        "`store.endpoint` {endpoint}: lies in a private network or is not encrypted; set `internal = true` if that is meant"
    ))
}

/// Makes the connections of the store's library: no redirects, and no private addresses unless the feed allows them.
#[derive(Debug)]
struct Connector {
    settings: HttpSettings,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let allow_http =
            options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        let mut builder = reqwest::Client::builder()
            .use_rustls_tls()
            .user_agent(&self.settings.user_agent)
            .connect_timeout(self.settings.connect_timeout)
            .read_timeout(self.settings.idle_timeout)
            .https_only(!allow_http)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd();
        if !self.settings.internal {
            builder = builder.dns_resolver(Arc::new(PublicOnly));
        }
        let client = builder
            .build()
            .map_err(|error| Error::Generic { store: "feed", source: Box::new(error.without_url()) })?;
        Ok(HttpClient::new(client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_vendor_bucket_and_key() {
        let bucket = Bucket::of("az://deliveries/asb/{period}-*.csv").unwrap();
        assert_eq!((bucket.vendor, bucket.name.as_str()), (Vendor::Azure, "deliveries"));
        assert_eq!(bucket.shown("asb/2025-06-a.csv"), "az://deliveries/asb/2025-06-a.csv");
        for wrong in
            ["s3://bucket", "s3://bucket/", "s3:///key", "s3://a@b/key", "s3://bucket/folder/", "ftp://a/b"]
        {
            assert!(Bucket::of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_private_or_unencrypted_endpoint_needs_leave() {
        let of = |internal| HttpSettings { internal, ..HttpSettings::default() };
        for endpoint in
            ["http://store.uk", "https://10.0.0.1", "https://[fd00::1]:9000", "http://127.0.0.1:1", "store"]
        {
            assert!(permitted(endpoint, &of(false)).is_err(), "{endpoint}");
        }
        assert!(permitted("https://store.uk", &of(false)).is_ok());
        assert!(permitted("http://127.0.0.1:9000", &of(true)).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_bucket_or_an_error(text in "(s3://)?[a-z{}*/é.-]{0,16}|.*") {
            let _ = Bucket::of(&text);
        }
    }
}
