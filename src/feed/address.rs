//! Deliveries that come from an `http(s)` address, a month at a time.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::sync::Mutex;
use url::Url;

use super::http::{Client, Fetched, Held, HttpSettings, Patience, public};
use super::{Haul, Probed, Visit, with_period};
use crate::landing::{self, Delivery};
use crate::period::Month;

/// What one run already fetched, so that an archive that several feeds read is fetched once.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    fetched: Mutex<HashMap<String, std::sync::Arc<Mutex<Option<Answer>>>>>,
}

/// What an address answered in this run.
#[derive(Debug, Clone)]
enum Answer {
    /// These bytes are in the landing.
    Bytes { sha256: String, bytes: u64, etag: Option<String>, last_modified: Option<String> },
    /// The publisher has nothing there.
    Absent,
    /// It could not be fetched.
    Failed(String),
}

pub(super) async fn fetch(visit: &Visit<'_>, template: &str, expected: &[Month], synthetic: bool) -> Haul {
    let mut haul = Haul::default();
    let settings = settings(visit);
    let client = match Client::new(&settings) {
        Ok(client) => client,
        Err(error) => {
            haul.general.push(chain(&error));
            return haul;
        }
    };
    // Feeds that wait at the same moment must not ask again at the same moment.
    let seed = crate::normalise::hash(0, visit.feed.id.as_bytes());
    let mut patience = Patience::new(settings.deadline, seed);
    let wanted = super::wanted(&*visit.landing.lock().await, &visit.feed, expected, synthetic);
    for month in wanted {
        let text = with_period(template, month);
        let url = match Url::parse(&text) {
            Ok(url) => url,
            Err(error) => {
                haul.general.push(format!("`source` is not an address: {error}"));
                return haul;
            }
        };
        match ask(visit, &client, &settings, &mut patience, &url).await {
            Answer::Bytes { sha256, bytes, etag, last_modified } => {
                let delivery = Delivery {
                    feed: visit.feed.id.clone(),
                    period: month,
                    file: file_name(visit, &url, month),
                    source: public(&url),
                    content_sha256: sha256.clone(),
                    sha256,
                    bytes,
                    member: visit.feed.member.as_ref().map(|member| with_period(member, month)),
                    captures: BTreeMap::new(),
                    received: visit.now,
                    etag,
                    last_modified,
                    modified_ns: None,
                    reference: None,
                    synthetic,
                };
                if let Some(delivery) = new_delivery(visit, delivery, &mut haul).await {
                    haul.deliveries.push(delivery);
                }
            }
            Answer::Absent => {
                haul.absent.push(month);
            }
            Answer::Failed(fault) => {
                haul.faults.insert(month, fault);
            }
        }
    }
    haul
}

/// The delivery with the digest of its member, unless it is one that stands already or cannot be unpacked.
async fn new_delivery(visit: &Visit<'_>, mut delivery: Delivery, haul: &mut Haul) -> Option<Delivery> {
    let landing = visit.landing.lock().await;
    if delivery.member.is_some() {
        let digest = landing
            .read(&delivery, visit.feed.max_unpacked_bytes)
            .and_then(|mut member| landing::digest(&mut member));
        match digest {
            Ok((digest, _)) => delivery.content_sha256 = digest,
            Err(error) => {
                haul.faults.insert(delivery.period, error.to_string());
                return None;
            }
        }
    }
    let known = landing.latest_of(&delivery.feed, delivery.period, &delivery.file);
    let same = known.is_some_and(|known| {
        known.content_sha256 == delivery.content_sha256
            && known.etag == delivery.etag
            && known.last_modified == delivery.last_modified
            && known.synthetic == delivery.synthetic
    });
    (!same).then_some(delivery)
}

async fn ask(
    visit: &Visit<'_>,
    client: &Client,
    settings: &HttpSettings,
    patience: &mut Patience,
    url: &Url,
) -> Answer {
    let slot = {
        let mut fetched = visit.addresses.fetched.lock().await;
        std::sync::Arc::clone(fetched.entry(url.to_string()).or_default())
    };
    let mut slot = slot.lock().await;
    if let Some(answer) = slot.as_ref() {
        return answer.clone();
    }
    let (held, incoming) = {
        let landing = visit.landing.lock().await;
        // Only bytes that are still there may be answered by «not modified».
        let held = landing.latest_from(&public(url)).filter(|known| landing.path(known).is_file()).cloned();
        (held, landing.incoming())
    };
    let incoming = match incoming {
        Ok(incoming) => incoming,
        Err(error) => return Answer::Failed(format!("the landing cannot be written: {error}")),
    };
    let tags = held
        .as_ref()
        .map(|known| Held { etag: known.etag.clone(), last_modified: known.last_modified.clone() });
    let answer = match client.fetch(url, tags.as_ref(), &incoming, settings, patience).await {
        Ok(Fetched::Delivered { path, bytes, sha256, etag, last_modified, .. }) => {
            match visit.landing.lock().await.keep(path, &sha256) {
                Ok(()) => Answer::Bytes { sha256, bytes, etag, last_modified },
                Err(error) => Answer::Failed(format!("the landing cannot be written: {error}")),
            }
        }
        Ok(Fetched::NotModified) => match held {
            Some(known) => Answer::Bytes {
                sha256: known.sha256,
                bytes: known.bytes,
                etag: known.etag,
                last_modified: known.last_modified,
            },
            None => Answer::Failed("answered «not modified» though nothing is held".to_owned()),
        },
        Ok(Fetched::Absent { .. }) => Answer::Absent,
        Err(error) => Answer::Failed(chain(&error)),
    };
    *slot = Some(answer.clone());
    answer
}

/// Longest that a probe waits for one answer.
const PROBE: Duration = Duration::from_secs(15);

/// Whether the address of a month answers; what it has is not taken.
pub(super) async fn probe(visit: &Visit<'_>, template: &str, month: Month) -> Probed {
    let mut settings = settings(visit);
    settings.connect_timeout = settings.connect_timeout.min(PROBE);
    settings.idle_timeout = settings.idle_timeout.min(PROBE);
    settings.total_timeout = settings.total_timeout.min(PROBE);
    let url = match Url::parse(&with_period(template, month)) {
        Ok(url) => url,
        Err(error) => return Probed::Failed(format!("`source` is not an address: {error}")),
    };
    let held = visit.landing.lock().await.latest_from(&public(&url)).cloned();
    let tags = held.map(|known| Held { etag: known.etag, last_modified: known.last_modified });
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
            status => Probed::Failed(format!("{} answers with status {status}", public(&url))),
        },
    }
}

fn file_name(visit: &Visit<'_>, url: &Url, month: Month) -> String {
    let path = visit.feed.member.as_ref().map_or_else(|| url.path().to_owned(), |m| with_period(m, month));
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

fn settings(visit: &Visit<'_>) -> HttpSettings {
    let http = &visit.feed.http;
    HttpSettings {
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

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
