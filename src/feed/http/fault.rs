//! Why an address gave no delivery, in words that are fit for a log.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// An address that was asked, and how often. Shown without user name, password and query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The address, fit for logs.
    pub url: String,
    /// Attempts made, at least 1.
    pub attempts: u32,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)?;
        if self.attempts > 1 { write!(f, " (asked {} times)", self.attempts) } else { Ok(()) }
    }
}

/// Which wait came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// No connection within `connect_timeout`.
    Connect,
    /// No complete head of an answer.
    Answer(Duration),
    /// No further byte of the body within `idle_timeout`.
    Idle(Duration),
    /// Fewer bytes per second than `minimum_rate`.
    Rate(u64),
    /// The attempt took longer than `total_timeout`.
    Total(Duration),
    /// The time of the whole feed is used up.
    Deadline,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("no connection in time"),
            Self::Answer(allowed) => write!(f, "no answer within {allowed:?}"),
            Self::Idle(allowed) => write!(f, "the body paused for {allowed:?}"),
            Self::Rate(least) => write!(f, "the body came at less than {least} bytes per second"),
            Self::Total(allowed) => write!(f, "not complete within {allowed:?}"),
            Self::Deadline => f.write_str("the time allowed for the whole feed is used up"),
        }
    }
}

/// Why a redirect was not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectFault {
    /// To another host or port that `redirect_hosts` does not list.
    OtherHost,
    /// From https to http.
    Downgrade,
    /// To something else than http or https, such as `file:`.
    Scheme,
    /// More than five in a row.
    TooMany,
    /// Without an address that can be read.
    Unreadable,
}

impl fmt::Display for RedirectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherHost => "another host; list it in `redirect-hosts` if that is meant",
            Self::Downgrade => "from https to http",
            Self::Scheme => "neither http nor https",
            Self::TooMany => "more than 5 redirects in a row",
            Self::Unreadable => "its address cannot be read",
        })
    }
}

/// Why a 200 is no delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoData {
    /// A page for people instead of data.
    WebPage,
    /// A body without a byte, or a status that has none (204, 205).
    Empty,
}

impl fmt::Display for NoData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WebPage => "looks like a web page: a sign-in or error page",
            Self::Empty => "the answer is empty",
        })
    }
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The client could not be built; without any root certificate on the machine, for instance.
    #[error("cannot set up the HTTP client; does this machine have root certificates (`ca-certificates`)?")]
    Setup {
        /// What the TLS or HTTP library says.
        source: reqwest::Error,
    },
    /// A setting cannot be used.
    #[error("{what}")]
    Setting {
        /// Which, and why.
        what: &'static str,
    },
    /// The address is neither http nor https.
    #[error("{asked}: expected an address that begins with http:// or https://")]
    NotHttp {
        /// The address.
        asked: Asked,
    },
    /// The address, or what its name stands for, lies in a private network or on this machine.
    #[error("{asked}: lies in a private network; set `internal = true` if that is meant")]
    Internal {
        /// The address.
        asked: Asked,
    },
    /// The publisher will not give it to us: 401, 403, another 4xx, or a 5xx that repeating does not cure.
    #[error("{asked}: refused with status {status}")]
    Refused {
        /// The address.
        asked: Asked,
        /// The status.
        status: u16,
    },
    /// The publisher cannot give it now: 408, 425, 429, 500, 502 to 504, 520 to 524.
    #[error("{asked}: not available, status {status}")]
    Unavailable {
        /// The address.
        asked: Asked,
        /// The last status.
        status: u16,
    },
    /// A status that makes no sense here: a 304 though nothing was held, a part of a body nobody asked for.
    #[error("{asked}: expected a file, was answered with status {status}")]
    Unexpected {
        /// The address.
        asked: Asked,
        /// The status.
        status: u16,
    },
    /// The name is not known, or nobody accepts the connection.
    #[error("{asked}: cannot be reached")]
    Unreachable {
        /// The address.
        asked: Asked,
        /// What the network says.
        source: reqwest::Error,
    },
    /// No trustworthy TLS connection: certificate expired, for another name or of an unknown issuer, or TLS
    /// too old.
    #[error("{asked}: no trustworthy secure connection; check the certificate")]
    Certificate {
        /// The address.
        asked: Asked,
        /// What the TLS library found wrong.
        source: reqwest::Error,
    },
    /// A wait came to its end.
    #[error("{asked}: timed out: {limit}")]
    TimedOut {
        /// The address.
        asked: Asked,
        /// Which wait.
        limit: Limit,
    },
    /// The connection broke off, the body was shorter than announced, or its chunks were nonsense.
    #[error("{asked}: broke off after {bytes} bytes{}", of(*expected))]
    Cut {
        /// The address.
        asked: Asked,
        /// Bytes of the body that had come.
        bytes: u64,
        /// Bytes that were announced, if a length was.
        expected: Option<u64>,
        /// What the connection says.
        source: reqwest::Error,
    },
    /// The head of the answer is not HTTP, or too large.
    #[error("{asked}: expected an HTTP answer, found a malformed or oversized one")]
    Malformed {
        /// The address.
        asked: Asked,
        /// What could not be read.
        source: reqwest::Error,
    },
    /// The body is larger than `max_bytes`.
    #[error("{asked}: larger than {limit} bytes; raise `max-bytes` if that is meant")]
    TooLarge {
        /// The address.
        asked: Asked,
        /// The limit.
        limit: u64,
    },
    /// The answer holds no data.
    #[error("{asked}: expected data, but {found}")]
    NotData {
        /// The address.
        asked: Asked,
        /// What came instead.
        found: NoData,
    },
    /// A redirect was not followed. Nothing was sent to its target.
    #[error("{asked}: redirect to {to} not followed: {why}")]
    Redirected {
        /// The address.
        asked: Asked,
        /// Scheme, host and port of the target.
        to: String,
        /// Why not.
        why: RedirectFault,
    },
    /// The bytes could not be written on our side.
    #[error("cannot write to {}", folder.display())]
    Disk {
        /// The folder that was to hold the file.
        folder: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
}

/// ` of 120`, or nothing where no length was announced.
fn of(expected: Option<u64>) -> String {
    expected.map(|bytes| format!(" of {bytes}")).unwrap_or_default()
}

impl HttpError {
    /// Whether the same request may succeed a little later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Cut { .. } | Self::Unavailable { .. }
        )
    }

    /// Attempts made before giving up; 0 where none could be made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Setup { .. } | Self::Setting { .. } | Self::Disk { .. } => 0,
            Self::NotHttp { asked }
            | Self::Internal { asked }
            | Self::Refused { asked, .. }
            | Self::Unavailable { asked, .. }
            | Self::Unexpected { asked, .. }
            | Self::Unreachable { asked, .. }
            | Self::Certificate { asked, .. }
            | Self::TimedOut { asked, .. }
            | Self::Cut { asked, .. }
            | Self::Malformed { asked, .. }
            | Self::TooLarge { asked, .. }
            | Self::NotData { asked, .. }
            | Self::Redirected { asked, .. } => asked.attempts,
        }
    }
}
