//! Deliveries that a partner's `PostgreSQL` database answers: a SELECT, kept as CSV.
//!
//! The server writes every value as text, under settings that are the same on every server, so that the same rows are the
//! same bytes. The conversation can only read: one transaction, declared so, in which the SELECT is a cursor.

use std::fs;
use std::io;
use std::sync::Arc;

use chrono::NaiveDate;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_postgres::tls::{MakeTlsConnect, NoTls, TlsConnect};
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut};
use tokio_postgres::{Client, Config, SimpleQueryMessage, SimpleQueryRow};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::info;

use super::address::{patience, settings};
use super::arrival::{Arrival, Kept};
use super::http::{HttpSettings, causes, is_tls};
use super::net::{Authority, Trouble, step};
use super::settings::SslMode;
use super::{Asking, Haul, Probed, Visit};
use crate::config::Project;
use crate::config::settings::FeedConfig;
use crate::diagnose::{chain, printable};
use crate::period::Month;
use crate::secret::{self, Secret};

const PORT: u16 = 5432;
/// Rows that are asked for at once.
const BATCH: usize = 500;
/// Where Linux distributions and others keep the certificates that the machine trusts.
const TRUSTED: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A database on a server.
#[derive(Debug, Clone)]
pub(super) struct Server {
    authority: Authority,
    database: String,
}

impl Server {
    /// Reads `postgres://user@host:port/database`.
    ///
    /// # Errors
    /// In words, what is missing or does not belong there.
    pub(super) fn of(address: &str) -> Result<Self, String> {
        let (authority, path) = Authority::of(address, PORT)?;
        let database = path.trim_start_matches('/');
        if database.contains('?') {
            return Err("settings of the connection do not stand in the address but in [postgres]".to_owned());
        }
        if database.is_empty() || database.contains('/') {
            return Err("the address names no database".to_owned());
        }
        Ok(Self { authority, database: database.to_owned() })
    }

    fn shown(&self) -> String {
        printable(&format!("postgres://{}/{}", self.authority.shown(PORT), self.database))
    }
}

/// The SELECT of a feed.
///
/// # Errors
/// What reading its file reports.
pub(super) fn query(project: &Project, feed: &FeedConfig) -> io::Result<String> {
    let text = match (&feed.postgres.query, &feed.postgres.query_file) {
        (Some(query), _) => query.clone(),
        (None, Some(file)) => {
            let folder = project.feeds.get(&feed.id).map(|loaded| loaded.folder.as_path());
            fs::read_to_string(folder.unwrap_or(&project.root).join(file))?
        }
        (None, None) => String::new(),
    };
    Ok(text.trim().trim_end_matches(';').to_owned())
}

/// Whether the SELECT asks for one month.
pub(super) fn is_monthly(project: &Project, feed: &FeedConfig) -> bool {
    query(project, feed).is_ok_and(|query| query.contains("$1") || query.contains("$2"))
}

pub(super) async fn fetch(visit: &Visit<'_>, template: &str, asking: &Asking, synthetic: bool) -> Haul {
    let settings = settings(visit);
    let errand = match Errand::of(visit, template, &settings) {
        Ok(errand) => errand,
        Err(fault) => return Haul::failed(fault),
    };
    let mut haul = Haul::default();
    let mut patience = patience(visit, &settings);
    let wanted = super::wanted(&*visit.landing.lock().await, &visit.feed, asking, synthetic);
    'months: for month in wanted {
        let mut attempts = 0;
        let trouble = loop {
            attempts += 1;
            let trouble = match step(patience.left(), errand.ask(Some(month))).await {
                Ok(None) => continue 'months,
                Ok(Some(kept)) => {
                    let file = format!("{}.csv", visit.feed.id);
                    let delivery = visit.delivery(month, &file, &errand.server.shown(), kept, synthetic);
                    visit.deliver(asking, delivery, &mut haul).await;
                    continue 'months;
                }
                Err(trouble) => trouble,
            };
            if !trouble.may_pass || !patience.again(&settings, attempts).await {
                break trouble;
            }
            info!(feed.id = %visit.feed.id, "feed `{}`: {}; asking again", visit.feed.id, trouble.text);
        };
        let times = if attempts > 1 { format!(" (asked {attempts} times)") } else { String::new() };
        haul.fault(month, &format!("{}{times}: {}", errand.server.shown(), trouble.text));
        // Who does not answer now, or refuses us, is not asked for each further month.
        break;
    }
    haul
}

/// Whether the database lets us in; its query is not run.
pub(super) async fn probe(visit: &Visit<'_>, template: &str) -> Probed {
    let settings = super::address::probing(visit);
    let errand = match Errand::of(visit, template, &settings) {
        Ok(errand) => errand,
        Err(fault) => return Probed::Failed(fault),
    };
    match step(settings.total_timeout, errand.ask(None)).await {
        Ok(_) => Probed::Reached { found: "the database answers".to_owned(), clock: None },
        Err(trouble) => Probed::Failed(trouble.text),
    }
}

/// One feed's question.
struct Errand<'a> {
    visit: &'a Visit<'a>,
    server: Server,
    query: String,
    monthly: bool,
    password: Option<Secret>,
    /// Absent: not encrypted.
    tls: Option<Arc<ClientConfig>>,
    settings: &'a HttpSettings,
}

impl<'a> Errand<'a> {
    fn of(visit: &'a Visit<'a>, template: &str, settings: &'a HttpSettings) -> Result<Self, String> {
        let config = &visit.feed.postgres;
        let server = Server::of(template).map_err(|fault| format!("`source`: {fault}"))?;
        let query = query(visit.project, &visit.feed).map_err(|error| format!("`query-file`: {error}"))?;
        let password =
            config.password.as_deref().map(|setting| secret::resolve(setting, &visit.project.root));
        let password =
            password.transpose().map_err(|error| format!("`postgres.password`: {}", chain(&error)))?;
        let tls = match config.sslmode {
            SslMode::VerifyFull => Some(trust(visit.project, config.ca.as_deref())?),
            SslMode::Disable if settings.internal => None,
            SslMode::Disable => {
                return Err("only a database in the own network may be asked without encryption".to_owned());
            }
        };
        let monthly = is_monthly(visit.project, &visit.feed);
        Ok(Self { visit, server, query, monthly, password, tls, settings })
    }

    async fn ask(&self, month: Option<Month>) -> Result<Option<Kept>, Trouble> {
        let stream = self.server.authority.connect(self.settings).await?;
        let mut config = Config::new();
        config
            .user(&self.server.authority.user)
            .dbname(&self.server.database)
            .application_name(concat!("outturn/", env!("CARGO_PKG_VERSION")));
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        match &self.tls {
            None => {
                config.ssl_mode(tokio_postgres::config::SslMode::Disable);
                self.talk(&config, stream, NoTls, month).await
            }
            Some(tls) => {
                config.ssl_mode(tokio_postgres::config::SslMode::Require);
                let mut maker = MakeRustlsConnect::new(ClientConfig::clone(tls));
                let host = &self.server.authority.host;
                let connector = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut maker, host)
                    .map_err(|error| Trouble::lasting(error.to_string()))?;
                self.talk(&config, stream, connector, month).await
            }
        }
    }

    async fn talk<T>(
        &self,
        config: &Config,
        stream: TcpStream,
        tls: T,
        month: Option<Month>,
    ) -> Result<Option<Kept>, Trouble>
    where
        T: TlsConnect<TcpStream>,
        T::Stream: Send + 'static,
    {
        let begun = async { config.connect_raw(stream, tls).await.map_err(|error| told(&error)) };
        let (client, connection) = step(self.settings.idle_timeout, begun).await?;
        // It carries what the client asks, until the client is gone.
        let carried = tokio::spawn(connection);
        let allowed = self.settings.total_timeout;
        let answered = async {
            let Some(month) = month else {
                // Whether it answers is all that is asked.
                client.simple_query("SELECT 1").await.map_err(|error| told(&error))?;
                return Ok(None);
            };
            self.read(&client, month).await.map(Some)
        };
        let read = step(allowed, answered).await;
        drop(client);
        carried.abort();
        read
    }

    async fn read(&self, client: &Client, month: Month) -> Result<Kept, Trouble> {
        let told = |error: tokio_postgres::Error| told(&error);
        let allowed = self.settings.total_timeout.as_millis().clamp(1, 86_400_000);
        let begin = format!(
            "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
             SET LOCAL statement_timeout = {allowed};
             SET LOCAL lock_timeout = {allowed};
             SET LOCAL DateStyle = 'ISO, YMD';
             SET LOCAL IntervalStyle = 'iso_8601';
             SET LOCAL TimeZone = 'UTC';
             SET LOCAL extra_float_digits = 1;
             SET LOCAL bytea_output = 'hex';"
        );
        client.batch_execute(&begin).await.map_err(told)?;
        let declare = format!("DECLARE delivery NO SCROLL CURSOR FOR {}", self.query);
        let (first, next) = (Day(month.first_day()), Day(month.plus(1).first_day()));
        let both: [(&(dyn ToSql + Sync), Type); 2] = [(&first, Type::DATE), (&next, Type::DATE)];
        let bound = if self.monthly { both.as_slice() } else { &[] };
        client.execute_typed(&declare, bound).await.map_err(told)?;
        let disk = |error: io::Error| match error.kind() {
            io::ErrorKind::FileTooLarge => Trouble::lasting(error.to_string()),
            _ => Trouble::lasting(format!("the landing cannot be written: {error}")),
        };
        let mut arrival = Arrival::begin(self.visit).await.map_err(disk)?;
        let mut line = Vec::new();
        let mut headed = false;
        let fetch = format!("FETCH FORWARD {BATCH} FROM delivery");
        loop {
            let mut rows = 0;
            for message in client.simple_query(&fetch).await.map_err(told)? {
                line.clear();
                match message {
                    SimpleQueryMessage::RowDescription(columns) if !headed => {
                        headed = true;
                        write_line(&mut line, columns.iter().map(|column| Some(column.name())));
                    }
                    SimpleQueryMessage::Row(row) => {
                        rows += 1;
                        write_line(&mut line, fields(&row));
                    }
                    _ => continue,
                }
                arrival.take(&line).map_err(disk)?;
            }
            if rows == 0 {
                break;
            }
        }
        client.batch_execute("ROLLBACK").await.map_err(told)?;
        arrival.keep(self.visit).await.map_err(disk)
    }
}

fn fields(row: &SimpleQueryRow) -> impl Iterator<Item = Option<&str>> {
    (0..row.len()).map(|number| row.try_get(number).ok().flatten())
}

/// One line of CSV. A missing value is nothing at all, an empty text is a pair of quotes.
fn write_line<'a>(line: &mut Vec<u8>, fields: impl Iterator<Item = Option<&'a str>>) {
    let mut count = 0;
    for field in fields {
        if count > 0 {
            line.push(b',');
        }
        count += 1;
        let Some(text) = field else { continue };
        if text.is_empty() || text.contains(['"', ',', '\n', '\r']) {
            line.push(b'"');
            line.extend_from_slice(text.replace('"', "\"\"").as_bytes());
            line.push(b'"');
        } else {
            line.extend_from_slice(text.as_bytes());
        }
    }
    // A line without a byte would be no line.
    if count == 1 && line.is_empty() {
        line.extend_from_slice(b"\"\"");
    }
    line.push(b'\n');
}

/// A day as the server takes it: days since 1 January 2000.
#[derive(Debug)]
struct Day(NaiveDate);

impl ToSql for Day {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let epoch = NaiveDate::from_ymd_opt(2000, 1, 1).ok_or("no such day")?;
        let days = i32::try_from((self.0 - epoch).num_days())?;
        out.extend_from_slice(&days.to_be_bytes());
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::DATE
    }

    tokio_postgres::types::to_sql_checked!();
}

/// Which certificates are trusted: those of one file, or those that this machine trusts.
fn trust(project: &Project, ca: Option<&str>) -> Result<Arc<ClientConfig>, String> {
    let (shown, pem) = if let Some(file) = ca {
        (file, fs::read(project.root.join(file)))
    } else {
        let found = TRUSTED.iter().find_map(|file| fs::read(file).ok());
        ("the certificates of this machine", found.ok_or_else(|| io::ErrorKind::NotFound.into()))
    };
    let unread = |why: String| format!("`postgres.ca`: {shown}: {why}");
    let pem = pem.map_err(|error| unread(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| unread("not in PEM".to_owned()))?;
        let added = roots.add(certificate);
        // A machine may keep one that is no longer understood.
        if ca.is_some() {
            added.map_err(|error| unread(error.to_string()))?;
        }
    }
    if roots.is_empty() {
        return Err(unread("no certificate is in it".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// What the server or the connection says. The words of a fault in the data might hold a row's value, so of those only
/// the code is told.
fn told(error: &tokio_postgres::Error) -> Trouble {
    if let Some(said) = error.as_db_error() {
        let code = said.code().code();
        let class = code.get(..2).unwrap_or_default();
        let text = if ["08", "25", "28", "3D", "42", "53", "57"].contains(&class) {
            format!("{} ({code})", said.message())
        } else {
            format!(
                "the database gave up with code {code}; its words are not shown, as they may hold a row's value"
            )
        };
        let passing = ["08", "40", "53", "55"].contains(&class) || (class == "57" && code != "57014");
        return if passing { Trouble::passing(text) } else { Trouble::lasting(text) };
    }
    let text = chain(error);
    if causes(error).any(is_tls) {
        return Trouble::lasting(format!("no trustworthy secure connection; check the certificate: {text}"));
    }
    if error.is_closed() || causes(error).any(<dyn std::error::Error>::is::<io::Error>) {
        return Trouble::passing(text);
    }
    Trouble::lasting(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_user_host_and_database() {
        let server = Server::of("postgres://reader@db.uk:6432/cases").unwrap();
        assert_eq!(server.shown(), "postgres://db.uk:6432/cases");
        for wrong in [
            "postgres://db.uk/cases",
            "postgres://reader@db.uk/",
            "postgres://reader@db.uk/a/b",
            "postgres://reader@db.uk/a?sslmode=disable",
            "postgres://reader:secret@db.uk/a",
        ] {
            assert!(Server::of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_missing_value_is_nothing_and_an_empty_text_a_pair_of_quotes() {
        let written = |fields: &[Option<&str>]| {
            let mut line = Vec::new();
            write_line(&mut line, fields.iter().copied());
            String::from_utf8(line).unwrap()
        };
        assert_eq!(written(&[Some("a"), None, Some(""), Some("b,\"c\"\nd")]), "a,,\"\",\"b,\"\"c\"\"\nd\"\n");
        assert_eq!(written(&[None]), "\"\"\n");
        assert_eq!(written(&[None, None]), ",\n");
    }

    #[test]
    fn days_are_counted_from_the_year_2000() {
        for (day, days) in [("2000-01-01", 0_i32), ("1999-12-31", -1), ("2025-06-01", 9283)] {
            let mut out = BytesMut::new();
            Day(day.parse().unwrap()).to_sql(&Type::DATE, &mut out).unwrap();
            assert_eq!(&out[..], days.to_be_bytes(), "{day}");
        }
    }
}
