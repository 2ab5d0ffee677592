//! Asking whether an address answers, without taking what it has.

use std::path::Path;
use tokio::time::Instant;

use chrono::{DateTime, NaiveDateTime, Utc};
use reqwest::header;
use url::Url;

use super::{Asked, Client, Errand, Held, HttpError, HttpSettings, Limit, NoData, Watch, public};

/// What a publisher answered to a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The status of the last answer, redirects followed.
    pub status: u16,
    /// What the publisher's clock said.
    pub date: Option<DateTime<Utc>>,
}

impl Client {
    /// Asks for `url` once, under the same rules as a fetch, and hangs up before the body: nothing is kept. With
    /// validators in `held` the request is conditional, so that an unchanged file is not even begun. A `HEAD` would tell
    /// less: many publishers' servers refuse it, or answer it otherwise than a `GET`.
    ///
    /// # Errors
    /// Why no answer came.
    pub async fn probe(
        &self,
        url: &Url,
        held: Option<&Held>,
        settings: &HttpSettings,
    ) -> Result<Answered, HttpError> {
        let asked = Asked { url: public(url), attempts: 1 };
        let errand = Errand { url, held, into: Path::new(""), settings, asked, afresh: false };
        let watch = Watch { started: Instant::now(), total: settings.total_timeout, left: settings.deadline };
        let (response, _) = self.ask(&errand, &watch).await?;
        let date = response.headers().get(header::DATE).and_then(|value| value.to_str().ok());
        let date = date
            .and_then(|text| NaiveDateTime::parse_from_str(text.trim(), "%a, %d %b %Y %H:%M:%S GMT").ok())
            .map(|date| date.and_utc());
        Ok(Answered { status: response.status().as_u16(), date })
    }

    /// Asks for `url` once and takes at most `most` bytes of what it answers; the rest is left.
    ///
    /// # Errors
    /// Why no answer came, or one that is not what the address should have.
    pub async fn sample(
        &self,
        url: &Url,
        most: usize,
        settings: &HttpSettings,
    ) -> Result<Vec<u8>, HttpError> {
        let asked = Asked { url: public(url), attempts: 1 };
        let errand =
            Errand { url, held: None, into: Path::new(""), settings, asked: asked.clone(), afresh: false };
        let watch = Watch { started: Instant::now(), total: settings.total_timeout, left: settings.deadline };
        let (mut response, _) = self.ask(&errand, &watch).await?;
        let status = response.status().as_u16();
        if !matches!(status, 200 | 203) {
            return Err(HttpError::Refused { asked, status });
        }
        let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.map(str::to_owned);
        let mut bytes = Vec::new();
        while bytes.len() < most {
            let limit = Limit::Idle(settings.idle_timeout);
            let next = watch.within(settings.idle_timeout, limit, response.chunk()).await;
            let next = next.map_err(|limit| HttpError::TimedOut { asked: asked.clone(), limit })?;
            let got = bytes.len() as u64;
            match next {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => {
                    let source = error.without_url();
                    return Err(HttpError::Cut { asked, bytes: got, expected: None, source });
                }
            }
        }
        bytes.truncate(most);
        if super::looks_like_web_page(content_type.as_deref(), bytes.get(..512).unwrap_or(&bytes)) {
            return Err(HttpError::NotData { asked, found: NoData::WebPage });
        }
        Ok(bytes)
    }
}
