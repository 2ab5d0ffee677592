//! What can be known to be wrong with how a feed is fetched, before anybody is asked.

use super::settings::{AuthKind, PagingKind, SslMode};
use super::{Place, SCHEMES, Scheme, place, postgres, scheme, sftp, template};
use crate::config::settings::{DeliveryMode, FeedConfig};
use crate::config::{Loaded, Project, span_of};
use crate::diagnose::Problem;
use crate::secret;

/// How a secret is written.
const NAMED: &str = "write ${env:NAME} or ${file:PATH}, and keep the secret there";

/// A setting that may name a secret: the keys that lead to it, and its text.
struct Setting<'a> {
    keys: Vec<&'a str>,
    text: &'a str,
    /// It is a secret as a whole, so it may not be written out.
    secret: bool,
}

/// Everything that is wrong with one feed's transport.
pub(crate) fn problems(project: &Project, feed: &Loaded<FeedConfig>) -> Vec<Problem> {
    let mut check = Check { project, feed, problems: Vec::new() };
    check.periods();
    check.secrets();
    check.http();
    match scheme(&feed.config.source) {
        Scheme::Sftp => check.sftp(),
        Scheme::Store => check.store(),
        Scheme::Postgres => check.postgres(),
        Scheme::Http => {}
        Scheme::Unknown => check.scheme(),
    }
    check.problems
}

/// Secrets that a feed names and that are not to be had here and now. A feed that a mirror stands in for needs none.
#[must_use]
pub fn missing_secrets(project: &Project) -> Vec<Problem> {
    let mut problems = Vec::new();
    for feed in project.feeds.values() {
        if !matches!(place(project, &feed.config), (Place::Address { .. }, _)) {
            continue;
        }
        for setting in settings(&feed.config) {
            if let Err(error) = secret::resolve(setting.text, &project.root) {
                let span = span_of(&feed.source, &setting.keys);
                let message = format!("feed `{}`: {}", feed.config.id, crate::diagnose::chain(&error));
                problems.push(Problem::new(&feed.source, span, message));
            }
        }
    }
    problems
}

fn settings(feed: &FeedConfig) -> Vec<Setting<'_>> {
    let mut all = vec![Setting { keys: vec!["source"], text: &feed.source, secret: false }];
    for (table, values) in [("query", &feed.query), ("headers", &feed.headers)] {
        for (name, text) in values {
            all.push(Setting { keys: vec![table, name], text, secret: is_secret_name(name) });
        }
    }
    let auth = feed.auth.as_ref();
    let named = [
        ("auth", "token", auth.and_then(|auth| auth.token.as_ref())),
        ("auth", "password", auth.and_then(|auth| auth.password.as_ref())),
        ("sftp", "password", feed.sftp.password.as_ref()),
        ("sftp", "key", feed.sftp.key.as_ref()),
        ("sftp", "passphrase", feed.sftp.passphrase.as_ref()),
        ("store", "access-key", feed.store.access_key.as_ref()),
        ("store", "session-token", feed.store.session_token.as_ref()),
        ("store", "service-account", feed.store.service_account.as_ref()),
        ("postgres", "password", feed.postgres.password.as_ref()),
    ];
    for (table, key, text) in named {
        all.extend(text.map(|text| Setting { keys: vec![table, key], text, secret: true }));
    }
    all
}

/// Whether a header or query parameter is one that carries secrets, judged by its name.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let endings = ["key", "token", "secret", "password", "signature", "authorization", "cookie"];
    endings.iter().any(|ending| name.ends_with(ending)) || ["sig", "pwd", "auth", "code"].contains(&&*name)
}

struct Check<'a> {
    project: &'a Project,
    feed: &'a Loaded<FeedConfig>,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn say(&mut self, keys: &[&str], message: impl Into<String>, help: &str) {
        let problem = Problem::new(&self.feed.source, span_of(&self.feed.source, keys), message);
        self.problems.push(if help.is_empty() { problem } else { problem.help(help) });
    }

    fn periods(&mut self) {
        let feed = &self.feed.config;
        let mut texts = vec![(vec!["source"], feed.source.as_str())];
        texts.extend(feed.member.iter().map(|member| (vec!["member"], member.as_str())));
        texts.extend(feed.query.iter().map(|(name, text)| (vec!["query", name.as_str()], text.as_str())));
        for (keys, text) in &texts {
            if let Some(name) = template::misspelt(text) {
                let message = format!("`{{{name}}}` is not a way to write a month");
                self.say(
                    keys,
                    message,
                    "write {period}, {period:%Y_%m}, {period.first-day} or {period.last-day}",
                );
            }
        }
        let told = texts.iter().any(|(_, text)| template::names_month(text));
        if feed.mode == DeliveryMode::Month
            && !told
            && !(scheme(&feed.source) == Scheme::Postgres && postgres::is_monthly(self.project, feed))
        {
            self.say(
                &["source"],
                "`source` does not say where the month stands",
                "write {period} in place of the month, as in crime-{period}.csv",
            );
        }
    }

    fn secrets(&mut self) {
        let feed = &self.feed.config;
        for setting in settings(feed) {
            let named = secret::is_named_in(setting.text);
            if setting.secret && !named {
                // The problem is shown with its line.
                secret::remember(setting.text);
                let key = setting.keys.join(".");
                self.say(&setting.keys, format!("`{key}` holds a secret as it is"), NAMED);
            } else if !secret::is_well_formed(setting.text) {
                self.say(&setting.keys, "what follows `${` names no secret", NAMED);
            }
        }
        if secret::is_named_in(&feed.source) && scheme(&feed.source) != Scheme::Http {
            self.say(&["source"], "only the `source` of an http(s) feed may name a secret", "");
        }
        if let Some(password) = password_in(&feed.source).filter(|password| !secret::is_named_in(password)) {
            secret::remember(password);
            let help = match scheme(&feed.source) {
                Scheme::Sftp => "leave it out and write [sftp] password = \"${env:NAME}\"",
                Scheme::Postgres => "leave it out and write [postgres] password = \"${env:NAME}\"",
                _ => "leave it out and write [auth] kind = \"basic\", user = …, password = \"${env:NAME}\"",
            };
            self.say(&["source"], "`source` holds a password as it is", help);
        }
    }

    fn http(&mut self) {
        let feed = &self.feed.config;
        if feed.http.requests_per_second.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            self.say(&["http", "requests-per-second"], "expected a number above 0", "");
        }
        if scheme(&feed.source) != Scheme::Http {
            for (table, used) in [
                ("query", !feed.query.is_empty()),
                ("headers", !feed.headers.is_empty()),
                ("auth", feed.auth.is_some()),
                ("paging", feed.paging.is_some()),
            ] {
                if used {
                    let message = format!("[{table}] is for http:// and https:// addresses only");
                    self.say(&[table], message, "");
                }
            }
        }
        for name in feed.headers.keys() {
            let lower = name.to_ascii_lowercase();
            let ours = [
                "host",
                "connection",
                "content-length",
                "transfer-encoding",
                "user-agent",
                "accept-encoding",
            ];
            if ours.contains(&lower.as_str()) {
                self.say(&["headers", name], format!("the program itself sets the header `{name}`"), "");
            }
        }
        self.auth();
        self.paging();
    }

    fn auth(&mut self) {
        let Some(auth) = &self.feed.config.auth else { return };
        let needed: &[(&str, bool)] = match auth.kind {
            AuthKind::Bearer => &[("token", auth.token.is_some())],
            AuthKind::Basic => &[("user", auth.user.is_some()), ("password", auth.password.is_some())],
            AuthKind::ApiKey => &[
                ("token", auth.token.is_some()),
                ("header` or `parameter", auth.header.is_some() != auth.parameter.is_some()),
            ],
        };
        for (key, there) in needed {
            if !there {
                self.say(&["auth", "kind"], format!("this kind of [auth] needs `{key}`"), "");
            }
        }
    }

    fn paging(&mut self) {
        let Some(paging) = &self.feed.config.paging else { return };
        let counted = matches!(paging.kind, PagingKind::PageNumber | PagingKind::Offset);
        if (counted || paging.kind == PagingKind::Cursor) && paging.parameter.is_none() {
            self.say(&["paging", "kind"], "this kind of [paging] needs `parameter`", "");
        }
        if matches!(paging.kind, PagingKind::Cursor | PagingKind::NextLink) && paging.next.is_none() {
            self.say(
                &["paging", "kind"],
                "this kind of [paging] needs `next`",
                "such as next = \"/links/next\"",
            );
        }
        if paging.page_size.is_some() != paging.size_parameter.is_some() {
            self.say(&["paging", "kind"], "`page-size` and `size-parameter` go together", "");
        }
        for (key, pointer) in [("records", Some(&paging.records)), ("next", paging.next.as_ref())] {
            if pointer.is_some_and(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
                self.say(&["paging", key], "a JSON pointer begins with /", "");
            }
        }
        if paging.max_pages == 0 || paging.page_size == Some(0) {
            self.say(&["paging", "kind"], "`max-pages` and `page-size` must be above 0", "");
        }
    }

    fn sftp(&mut self) {
        let sftp = &self.feed.config.sftp;
        if let Err(fault) = sftp::Remote::of(&self.feed.config.source) {
            self.say(&["source"], fault, "write sftp://user@host/folder/{period}-*.csv");
        }
        if !sftp::is_fingerprint(&sftp.host_key) {
            let keys: &[&str] = if sftp.host_key.is_empty() { &["source"] } else { &["sftp", "host-key"] };
            self.say(
                keys,
                "[sftp] needs `host-key`, the fingerprint of the server's key, as in SHA256:…",
                "the partner reads it with: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
            );
        }
        if sftp.password.is_none() && sftp.key.is_none() {
            self.say(&["source"], "[sftp] needs `password` or `key`", NAMED);
        }
    }

    fn store(&mut self) {
        let config = &self.feed.config;
        if let Err(fault) = super::store::Bucket::of(&config.source) {
            self.say(&["source"], fault, "write s3://bucket/folder/{period}.csv");
        }
        if config.store.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"))
            && !config.http.internal
        {
            let message = "`endpoint` is not encrypted, which only a store in the own network may be";
            self.say(&["store", "endpoint"], message, "write https://, or [http] internal = true");
        }
    }

    fn postgres(&mut self) {
        let config = &self.feed.config;
        if let Err(fault) = postgres::Server::of(&config.source) {
            self.say(&["source"], fault, "write postgres://user@host/database");
        }
        let asked = &config.postgres;
        if asked.query.is_some() == asked.query_file.is_some() {
            self.say(&["source"], "[postgres] needs either `query` or `query-file`", "");
        } else if let Err(error) = postgres::query(self.project, config) {
            self.say(&["postgres", "query-file"], format!("the query cannot be read: {error}"), "");
        }
        if asked.sslmode == SslMode::Disable && !config.http.internal {
            let message = "only a database in the own network may be asked without encryption";
            self.say(
                &["postgres", "sslmode"],
                message,
                "leave `sslmode` out, or write [http] internal = true",
            );
        }
    }

    fn scheme(&mut self) {
        let Some((scheme, _)) = self.feed.config.source.split_once("://") else { return };
        let message = format!("scheme `{scheme}` is not known");
        let problem = Problem::new(&self.feed.source, span_of(&self.feed.source, &["source"]), message).help(
            "write an http://, https://, sftp://, s3://, az://, gs:// or postgres:// address, or a path",
        );
        self.problems.push(problem.nearest(scheme, SCHEMES));
    }
}

/// What stands between colon and `@` of an address.
fn password_in(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let (place, _) = rest.split_once(['/', '?', '#']).unwrap_or((rest, ""));
    let (user, _) = place.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password).filter(|password| !password.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_seen() {
        assert_eq!(password_in("sftp://csp:pass@host:22/a"), Some("pass"));
        assert_eq!(password_in("https://host:8443/a:b@c"), None);
        assert_eq!(password_in("sftp://csp@host/a"), None);
        assert_eq!(password_in("drop/{period}.csv"), None);
    }

    #[test]
    fn names_that_carry_secrets_are_known() {
        for name in
            ["X-Api-Key", "Ocp-Apim-Subscription-Key", "access_token", "Authorization", "Cookie", "sig"]
        {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["Accept", "date", "keyword", "page", "format", "X-Requested-With"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
