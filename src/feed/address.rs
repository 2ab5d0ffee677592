//! Deliveries that come from an `http(s)` address, a month at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Mutex;
use url::Url;

use super::arrival::{Kept, base_name, recorded};
use super::http::{Authorization, Client, Fetched, Held, HttpSettings, Pace, Patience};
use super::settings::{AuthConfig, AuthKind};
use super::{Asking, Haul, Place, Probed, Visit, fill, paging, place};
use crate::config::Project;
use crate::diagnose::chain;
use crate::period::Month;
use crate::secret;

/// What one run already fetched, so that an archive that several feeds read is fetched once, and how often each host
/// may be asked.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    fetched: Mutex<HashMap<String, Arc<Mutex<Option<Answer>>>>>,
    /// By host and port.
    paces: HashMap<String, Arc<Pace>>,
}

/// What an address answered in this run.
#[derive(Debug, Clone)]
enum Answer {
    /// These bytes are in the landing.
    Bytes { kept: Kept, etag: Option<String>, last_modified: Option<String> },
    /// The publisher has nothing there.
    Absent,
    /// It could not be fetched.
    Failed(String),
}

impl Addresses {
    /// With the pace that the feeds of each host ask for; the slowest of a host holds for all of them.
    pub(super) fn of(project: &Project) -> Self {
        let mut rates: HashMap<String, f64> = HashMap::new();
        for feed in project.feeds.values() {
            let (Some(rate), (Place::Address { template }, _)) =
                (feed.config.http.requests_per_second, place(project, &feed.config))
            else {
                continue;
            };
            let slowest = rates.entry(host(&template)).or_insert(rate);
            *slowest = slowest.min(rate);
        }
        let paces = rates.into_iter().map(|(host, rate)| (host, Arc::new(Pace::new(rate)))).collect();
        Self { fetched: Mutex::default(), paces }
    }
}

/// Host and port of an address; of one that is none, the whole of it.
fn host(address: &str) -> String {
    let host = Url::parse(address).ok().and_then(|url| {
        Some(format!("{}:{}", url.host_str()?, url.port_or_known_default().unwrap_or_default()))
    });
    host.unwrap_or_else(|| address.to_owned())
}

pub(super) async fn fetch(visit: &Visit<'_>, template: &str, asking: &Asking, synthetic: bool) -> Haul {
    let mut haul = Haul::default();
    let key = match key(visit) {
        Ok(key) => key,
        Err(fault) => return Haul::failed(fault),
    };
    let mut settings = settings(visit);
    settings.headers = key.headers;
    settings.authorization = key.authorization;
    settings.pace = visit.addresses.paces.get(&host(template)).cloned();
    let client = match Client::new(&settings) {
        Ok(client) => client,
        Err(error) => return Haul::failed(chain(&error)),
    };
    let mut patience = patience(visit, &settings);
    let wanted = super::wanted(&*visit.landing.lock().await, &visit.feed, asking, synthetic);
    for month in wanted {
        let url = match address(visit, template, month, key.parameter.as_ref()) {
            Ok(url) => url,
            Err(fault) => {
                haul.general.push(fault);
                return haul;
            }
        };
        let file = visit.feed.member.as_ref().map_or_else(|| url.path().to_owned(), |m| fill(m, month));
        let file = base_name(&file);
        match ask(visit, &client, &settings, &mut patience, &url, (asking, month, file)).await {
            Answer::Bytes { kept, etag, last_modified } => {
                let mut delivery = visit.delivery(month, file, &recorded(&url), kept, synthetic);
                delivery.etag = etag;
                delivery.last_modified = last_modified;
                visit.deliver(asking, delivery, &mut haul).await;
            }
            Answer::Absent => haul.absent.push(month),
            Answer::Failed(fault) => haul.fault(month, &fault),
        }
    }
    haul
}

/// What a feed proves who we are with.
#[derive(Default)]
struct Key {
    headers: HeaderMap,
    authorization: Option<Authorization>,
    /// Name and value of a query parameter.
    parameter: Option<(String, secret::Secret)>,
}

fn key(visit: &Visit<'_>) -> Result<Key, String> {
    let mut key = Key::default();
    let resolve = |what: &str, setting: &Option<String>| {
        let setting = setting.as_deref().unwrap_or_default();
        secret::resolve(setting, &visit.project.root).map_err(|error| format!("`{what}`: {}", chain(&error)))
    };
    for (name, value) in &visit.feed.headers {
        let value = resolve(&format!("headers.{name}"), &Some(value.clone()))?;
        put(&mut key.headers, name, &value)?;
    }
    let Some(AuthConfig { kind, token, user, password, header, parameter }) = &visit.feed.auth else {
        return Ok(key);
    };
    match kind {
        AuthKind::Bearer => {
            let token = resolve("auth.token", token)?;
            let value = format!("Bearer {}", token.expose());
            key.authorization = Some(Authorization::new(&value).map_err(|error| chain(&error))?);
        }
        AuthKind::Basic => {
            let user = user.as_deref().unwrap_or_default();
            let password = resolve("auth.password", password)?;
            key.authorization =
                Some(Authorization::basic(user, password.expose()).map_err(|error| chain(&error))?);
        }
        AuthKind::ApiKey => {
            let token = resolve("auth.token", token)?;
            if let Some(header) = header {
                put(&mut key.headers, header, &token)?;
            }
            key.parameter = parameter.clone().map(|parameter| (parameter, token));
        }
    }
    Ok(key)
}

fn put(headers: &mut HeaderMap, name: &str, value: &secret::Secret) -> Result<(), String> {
    let unfit = || format!("header `{name}`: name or value holds a character that a header cannot carry");
    let key: HeaderName = name.parse().map_err(|_| unfit())?;
    let mut value = HeaderValue::from_str(value.expose()).map_err(|_| unfit())?;
    value.set_sensitive(true);
    headers.insert(key, value);
    Ok(())
}

/// The address of a month, with its query.
fn address(
    visit: &Visit<'_>,
    template: &str,
    month: Month,
    key: Option<&(String, secret::Secret)>,
) -> Result<Url, String> {
    let resolve = |what: &str, text: &str| {
        secret::resolve(&fill(text, month), &visit.project.root)
            .map_err(|error| format!("`{what}`: {}", chain(&error)))
    };
    let mut url = Url::parse(resolve("source", template)?.expose())
        .map_err(|error| format!("`source` is not an address: {error}"))?;
    for (name, value) in &visit.feed.query {
        let value = resolve(&format!("query.{name}"), value)?;
        url.query_pairs_mut().append_pair(name, value.expose());
    }
    if let Some((name, value)) = key {
        paging::set(&mut url, name, value.expose());
    }
    Ok(url)
}

async fn ask(
    visit: &Visit<'_>,
    client: &Client,
    settings: &HttpSettings,
    patience: &mut Patience,
    url: &Url,
    (asking, month, file): (&Asking, Month, &str),
) -> Answer {
    let slot = {
        // What is answered may depend on more than the address.
        let feed = &visit.feed;
        let alone = feed.auth.is_some() || feed.paging.is_some() || !feed.headers.is_empty();
        let whose = if alone { feed.id.as_str() } else { "" };
        let mut fetched = visit.addresses.fetched.lock().await;
        Arc::clone(fetched.entry(format!("{whose} {url}")).or_default())
    };
    let mut slot = slot.lock().await;
    if let Some(answer) = slot.as_ref() {
        return answer.clone();
    }
    let (held, incoming) = {
        let landing = visit.landing.lock().await;
        // An address is recorded without its query, so one with a query is known by its slot.
        let held = if url.query().is_none() {
            landing.latest_from(&recorded(url))
        } else {
            visit.known(&landing, asking, month, file).filter(|known| known.source == recorded(url))
        };
        // Only bytes that are still there may be answered by «not modified».
        let held = held.filter(|known| landing.path(known).is_file()).cloned();
        (held, landing.incoming())
    };
    let incoming = match incoming {
        Ok(incoming) => incoming,
        Err(error) => return Answer::Failed(format!("the landing cannot be written: {error}")),
    };
    let tags = held
        .as_ref()
        .map(|known| Held { etag: known.etag.clone(), last_modified: known.last_modified.clone() });
    let fetched = if let Some(paging) = &visit.feed.paging {
        paging::fetch(client, url, paging, &incoming, settings, patience).await
    } else {
        let fetched = client.fetch(url, tags.as_ref(), &incoming, settings, patience).await;
        fetched.map_err(|error| chain(&error))
    };
    let answer = match fetched {
        Ok(Fetched::Delivered { path, bytes, sha256, etag, last_modified, .. }) => {
            match visit.landing.lock().await.keep(path, &sha256) {
                Ok(()) => Answer::Bytes { kept: Kept { sha256, bytes }, etag, last_modified },
                Err(error) => Answer::Failed(format!("the landing cannot be written: {error}")),
            }
        }
        Ok(Fetched::NotModified) => match held {
            Some(known) => Answer::Bytes {
                kept: Kept { sha256: known.sha256, bytes: known.bytes },
                etag: known.etag,
                last_modified: known.last_modified,
            },
            None => Answer::Failed("answered «not modified» though nothing is held".to_owned()),
        },
        Ok(Fetched::Absent { .. }) => Answer::Absent,
        Err(fault) => Answer::Failed(fault),
    };
    *slot = Some(answer.clone());
    answer
}

/// Patience with one feed. Feeds that wait at the same moment must not ask again at the same moment.
pub(super) fn patience(visit: &Visit<'_>, settings: &HttpSettings) -> Patience {
    Patience::new(settings.deadline, crate::normalise::hash(0, visit.feed.id.as_bytes()))
}

/// Longest that a probe waits for one answer.
const PROBE: Duration = Duration::from_secs(15);

/// The feed's settings with the patience of a probe.
pub(super) fn probing(visit: &Visit<'_>) -> HttpSettings {
    let mut settings = settings(visit);
    settings.connect_timeout = settings.connect_timeout.min(PROBE);
    settings.idle_timeout = settings.idle_timeout.min(PROBE);
    settings.total_timeout = settings.total_timeout.min(PROBE);
    settings
}

/// Whether the address of a month answers; what it has is not taken.
pub(super) async fn probe(visit: &Visit<'_>, template: &str, month: Month) -> Probed {
    let key = match key(visit) {
        Ok(key) => key,
        Err(fault) => return Probed::Failed(fault),
    };
    let mut settings = probing(visit);
    settings.headers = key.headers;
    settings.authorization = key.authorization;
    let url = match address(visit, template, month, key.parameter.as_ref()) {
        Ok(url) => url,
        Err(fault) => return Probed::Failed(fault),
    };
    let held = visit.landing.lock().await.latest_from(&recorded(&url)).cloned();
    let tags = held
        .filter(|_| url.query().is_none())
        .map(|known| Held { etag: known.etag, last_modified: known.last_modified });
    let client = match Client::new(&settings) {
        Ok(client) => client,
        Err(error) => return Probed::Failed(chain(&error)),
    };
    match client.probe(&url, tags.as_ref(), &settings).await {
        Err(error) => Probed::Failed(chain(&error)),
        Ok(answered) => match answered.status {
            200 | 203 => Probed::Reached { found: format!("answers for {month}"), clock: answered.date },
            304 => Probed::Reached { found: format!("{month} is as it was landed"), clock: answered.date },
            404 | 410 => Probed::Nothing(format!("the publisher has nothing for {month}")),
            status => Probed::Failed(format!("{} answers with status {status}", recorded(&url))),
        },
    }
}

/// How patiently the feed's settings ask, whatever is asked.
pub(super) fn settings(visit: &Visit<'_>) -> HttpSettings {
    let http = &visit.feed.http;
    let mut user_agent = HttpSettings::default().user_agent;
    if let Some(contact) = &visit.project.settings.contact {
        user_agent = format!("{user_agent} (+{contact})");
    }
    HttpSettings {
        user_agent,
        idle_timeout: Duration::from_secs(http.idle_timeout_seconds),
        total_timeout: Duration::from_secs(http.total_timeout_seconds),
        deadline: Duration::from_secs(http.deadline_seconds),
        max_attempts: http.attempts.max(1),
        backoff_base: Duration::from_secs_f64(http.backoff_seconds.clamp(0.0, 3600.0)),
        max_bytes: http.max_bytes,
        internal: http.internal,
        redirect_hosts: http.redirect_hosts.clone(),
        ..HttpSettings::default()
    }
}
