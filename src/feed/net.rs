//! Connections that are not HTTP: whom to ask, and whether that is permitted.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::http::{HttpSettings, is_public};
use crate::diagnose::printable;

/// Why an attempt came to nothing, in words.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) text: String,
    /// The same may succeed a little later.
    pub(super) may_pass: bool,
}

impl Trouble {
    /// What asking again does not cure.
    pub(super) fn lasting(text: impl Into<String>) -> Self {
        Self { text: printable(&text.into()), may_pass: false }
    }

    /// What may have gone by a little later.
    pub(super) fn passing(text: impl Into<String>) -> Self {
        Self { text: printable(&text.into()), may_pass: true }
    }

    pub(super) fn about(mut self, what: &str) -> Self {
        self.text = format!("{what}: {}", self.text);
        self
    }
}

/// What stands before the path of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) user: String,
    pub(super) host: String,
    pub(super) port: u16,
}

impl Authority {
    /// Takes an address apart into authority and path, which begins with `/` or is empty.
    ///
    /// # Errors
    /// In words, what is missing or does not belong there.
    pub(super) fn of(address: &str, usual_port: u16) -> Result<(Self, &str), String> {
        let (scheme, rest) = address.split_once("://").ok_or("expected an address")?;
        let (place, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (user, host) = place.rsplit_once('@').unwrap_or(("", place));
        if user.contains(':') {
            return Err(format!(
                "a password does not belong into the address; it has a key of its own in [{scheme}]"
            ));
        }
        if user.is_empty() {
            return Err("the address names no user".to_owned());
        }
        // An address of IPv6 stands in brackets, colons and all.
        let (host, port) = match host.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((host, port)) => (host, port),
            None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => usual_port,
            Some(digits) => digits.parse().map_err(|_| format!("`{digits}` is not a port"))?,
            None => return Err("the host cannot be read".to_owned()),
        };
        if host.is_empty() || !host.chars().all(|c| c.is_alphanumeric() || ".-_:%".contains(c)) {
            return Err("the address names no host".to_owned());
        }
        Ok((Self { user: user.to_owned(), host: host.to_owned(), port }, path))
    }

    /// Connects. A name that stands for private addresses only is refused unless the feed allows them; the connection is
    /// made to just the addresses that were looked at.
    ///
    /// # Errors
    /// Nobody there, or not permitted.
    pub(super) async fn connect(&self, settings: &HttpSettings) -> Result<TcpStream, Trouble> {
        let looked_up = tokio::net::lookup_host((self.host.as_str(), self.port));
        let found: Vec<SocketAddr> = match timeout(settings.connect_timeout, looked_up).await {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(error)) => return Err(Trouble::passing(format!("cannot be found: {error}"))),
            Err(_) => return Err(Trouble::passing("cannot be found in time")),
        };
        let allowed: Vec<SocketAddr> =
            found.iter().copied().filter(|at| settings.internal || is_public(at.ip())).collect();
        if allowed.is_empty() && !found.is_empty() {
            return Err(Trouble::lasting(
                "lies in a private network; set `internal = true` if that is meant",
            ));
        }
        match timeout(settings.connect_timeout, TcpStream::connect(allowed.as_slice())).await {
            Ok(Ok(stream)) => {
                // Small questions are not to wait for each other.
                let _ = stream.set_nodelay(true);
                Ok(stream)
            }
            Ok(Err(error)) => Err(Trouble::passing(format!("cannot be reached: {error}"))),
            Err(_) => Err(Trouble::passing("timed out: no connection in time")),
        }
    }

    /// Host and port, as they stand in messages.
    pub(super) fn shown(&self, usual_port: u16) -> String {
        if self.port == usual_port { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

/// Waits for one step of a conversation.
///
/// # Errors
/// The step's own trouble, or that it took longer than `allowed`.
pub(super) async fn step<T>(
    allowed: Duration,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    match timeout(allowed, work).await {
        Ok(done) => done,
        Err(_) => Err(Trouble::passing(format!("timed out: no answer within {allowed:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let parts = |address| {
            Authority::of(address, 22).map(|(to, path)| format!("{} {} {} {path}", to.user, to.host, to.port))
        };
        assert_eq!(
            parts("sftp://csp@files.uk/in/{period}-*.csv").unwrap(),
            "csp files.uk 22 /in/{period}-*.csv"
        );
        assert_eq!(parts("sftp://a@b@files.uk:2222").unwrap(), "a@b files.uk 2222 ");
        assert_eq!(parts("sftp://csp@[fd00::1]:2222/x").unwrap(), "csp fd00::1 2222 /x");
        for wrong in [
            "sftp://files.uk/x",
            "sftp://csp@/x",
            "sftp://csp@files.uk:x/",
            "sftp://csp@files.uk:99999/",
            "sftp://csp:pass@files.uk/",
            "sftp://csp@[fd00::1]2222/x",
            "sftp://csp@files .uk/x",
            "files.uk",
        ] {
            assert!(parts(wrong).is_err(), "{wrong}");
        }
        assert!(!parts("sftp://csp:pass@files.uk/").unwrap_err().contains("pass@"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_an_address_or_an_error(text in "(sftp://)?[a-z@:\\[\\]/0-9é%]{0,20}|.*") {
            let _ = Authority::of(&text, 22);
        }
    }
}
