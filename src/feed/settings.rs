//! The settings of each way of fetching, as the officer who fills them in reads them.

use schemars::JsonSchema;
use serde::Deserialize;

/// `[paging]` of a feed: an `http(s)` address that gives its records in JSON, a page at a time. The pages of one month
/// are kept as one delivery, in order, each on lines of its own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PagingConfig {
    /// How the next page is found.
    pub kind: PagingKind,
    /// Query parameter for the number of the page, the number of records to pass over, or the cursor.
    pub parameter: Option<String>,
    /// Query parameter for the number of records in a page. Absent: it is not sent.
    pub size_parameter: Option<String>,
    /// Number of records to ask for in a page; needs `size-parameter`.
    pub page_size: Option<u32>,
    /// What `parameter` is on the first page. Absent: 1 for a page number, 0 for an offset.
    pub first: Option<u64>,
    /// JSON pointer to the records of a page, such as `/results`. Absent: the page itself is the list.
    #[serde(default)]
    pub records: String,
    /// JSON pointer to the address of the next page, or to the cursor, such as `/links/next`.
    pub next: Option<String>,
    /// Most pages of one month; more are an error.
    #[serde(default = "thousand")]
    pub max_pages: u32,
}

fn thousand() -> u32 {
    1000
}

/// How the next page is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PagingKind {
    /// `parameter` counts pages, until one holds no record.
    PageNumber,
    /// `parameter` is the number of records received so far, until a page holds none.
    Offset,
    /// Each page holds, at `next`, what to send as `parameter` for the next one.
    Cursor,
    /// Each page holds, at `next`, the address of the next one.
    NextLink,
    /// The answer's `Link` header names the address of the next page (`rel="next"`).
    LinkHeader,
}

/// `[auth]` of a feed: how the program proves to an `http(s)` address who it is. Secrets are named, `${env:NAME}` or
/// `${file:PATH}`, not written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AuthConfig {
    /// Which way.
    pub kind: AuthKind,
    /// For `bearer` and `api-key`: the secret.
    pub token: Option<String>,
    /// For `basic`: the user name.
    pub user: Option<String>,
    /// For `basic`: the secret.
    pub password: Option<String>,
    /// For `api-key`: the header that carries it, such as `X-Api-Key`.
    pub header: Option<String>,
    /// For `api-key`: the query parameter that carries it.
    pub parameter: Option<String>,
}

/// How the program proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuthKind {
    /// `Authorization: Bearer …`.
    Bearer,
    /// `Authorization: Basic …`, from user name and password.
    Basic,
    /// A header or a query parameter of the publisher's own.
    ApiKey,
}

/// `[sftp]` of a feed whose `source` is `sftp://user@host:port/path/{period}-*.csv`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SftpConfig {
    /// Fingerprint of the server's key, `SHA256:…`, as `ssh-keygen -lf` prints it; ask the partner for it. Nothing is
    /// sent to a server with another key.
    pub host_key: String,
    /// The password, named as `${env:NAME}` or `${file:PATH}`.
    pub password: Option<String>,
    /// The private key, named as `${file:PATH}` or `${env:NAME}`. Tried before the password.
    pub key: Option<String>,
    /// What the private key is encrypted with, named as `${env:NAME}` or `${file:PATH}`.
    pub passphrase: Option<String>,
    /// Folder on the server, absolute or beside the file, into which a file is moved once it is kept here. Absent:
    /// files stay where they are.
    pub done_folder: Option<String>,
}

/// `[store]` of a feed whose `source` is `s3://`, `az://` or `gs://` with bucket and key. What is absent comes from the
/// environment that the vendor documents.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct StoreConfig {
    /// Address of the store, where it is not the vendor's own; http only with `internal` of `[http]`.
    pub endpoint: Option<String>,
    /// Region of the bucket (S3).
    pub region: Option<String>,
    /// Name of the storage account (Azure).
    pub account: Option<String>,
    /// Id of the access key (S3).
    pub access_key_id: Option<String>,
    /// The access key (S3, Azure), named as `${env:NAME}` or `${file:PATH}`.
    pub access_key: Option<String>,
    /// Token of a session (S3), named as `${env:NAME}` or `${file:PATH}`.
    pub session_token: Option<String>,
    /// The service account's key in JSON (Google), named as `${file:PATH}` or `${env:NAME}`.
    pub service_account: Option<String>,
    /// The bucket is open to everybody: send no credentials.
    pub anonymous: bool,
}

/// `[postgres]` of a feed whose `source` is `postgres://user@host:port/database`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PostgresConfig {
    /// The SELECT. `$1` stands for the first day of the month, `$2` for the first day of the next one; without them it
    /// is asked once a run. With ORDER BY over a key the same rows are the same delivery; without it the server may
    /// give them in another order, which lands as another one.
    pub query: Option<String>,
    /// File that holds the SELECT instead, relative to the feed's file.
    pub query_file: Option<String>,
    /// The password, named as `${env:NAME}` or `${file:PATH}`.
    pub password: Option<String>,
    /// Whether the connection is encrypted.
    pub sslmode: SslMode,
    /// File with the certificates (PEM) to trust, relative to the project. Absent: those that this machine trusts.
    pub ca: Option<String>,
}

/// Whether a database connection is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Encrypted, with a certificate that is trusted and names the host.
    #[default]
    VerifyFull,
    /// Not encrypted; only with `internal` of `[http]`.
    Disable,
}
