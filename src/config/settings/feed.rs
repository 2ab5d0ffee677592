//! What a partner supplies and how it is fetched.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::disclosure::settings::SourceDisclosureConfig;
use crate::feed::settings::{AuthConfig, PagingConfig, PostgresConfig, SftpConfig, StoreConfig};
use crate::freshness::ExpectedConfig;
use crate::period::{Every, Month};

/// `pipelines/*/feeds/<feed>.toml`: what a partner supplies and how it is fetched.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FeedConfig {
    /// Short name, the same as the file's.
    pub id: String,
    /// What it is, in words.
    pub title: String,
    /// Who supplies it.
    pub supplier: String,
    /// The contract that its rows must meet.
    pub contract: String,
    /// The sharing agreement, or the licence, under which it is used. Absent: none is recorded, and what is counted from
    /// it stays in the partnership. Needed where the contract has a column about persons.
    pub agreement: Option<String>,
    /// What is counted from it is withheld from the public at least so. Absent: nothing is demanded.
    pub disclosure: Option<SourceDisclosureConfig>,
    /// What one delivery holds of all that the feed brings.
    #[serde(default)]
    pub mode: DeliveryMode,
    /// For mode `upsert`: column of the dataset (a date, timestamp or number) whose greatest value is the latest row of a
    /// key. Rows with the same value are told, and the one received last stands. Absent: the row received last stands.
    pub latest_by: Option<String>,
    /// How often a period ends for which it brings figures. The first ends with `from`: `from = "2015-03"` with
    /// `every = "year"` expects March 2015, March 2016 and so on, and no other month.
    #[serde(default)]
    pub every: Every,
    /// Address (http, https, sftp, s3, az, gs, postgres) or path, with `{period}` for the month, or another of its
    /// shapes: `{period:%Y_%m}`, `{period.first-day}`, `{period.last-day}`, `{year}`, `{financial-year}`. A path, also one
    /// on an SFTP server or in a bucket, may hold `*` and names in braces. A feed of another mode than `month` may do
    /// without: it is then asked once a run.
    pub source: String,
    /// Query parameters of an `http(s)` address; they may hold the month, as `source` may.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Further headers of each request to an `http(s)` address.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How the program proves to an `http(s)` address who it is.
    pub auth: Option<AuthConfig>,
    /// How an `http(s)` address gives its records a page at a time.
    pub paging: Option<PagingConfig>,
    /// How an SFTP server is known, and how the program proves who it is.
    #[serde(default)]
    pub sftp: SftpConfig,
    /// How an object store is reached.
    #[serde(default)]
    pub store: StoreConfig,
    /// What a database is asked.
    #[serde(default)]
    pub postgres: PostgresConfig,
    /// Seconds for which a file in a folder must have lain unchanged before it is taken. A file that is seen to change,
    /// and one named `.part` or `.tmp`, is left for the next run in any case.
    #[serde(default)]
    pub settle_seconds: u64,
    /// Member of the ZIP archive at `source`, with `{period}` for the month. It may hold `*` and `?`; it must then match
    /// exactly one member.
    pub member: Option<String>,
    /// Areas whose rows it brings: a month that it delivered is complete for these areas and all within them.
    pub covers: Vec<String>,
    /// First month that it delivers.
    pub from: Month,
    /// Last month that it delivers. Absent: it goes on.
    pub to: Option<Month>,
    /// Months until the publisher has a month out: 2 means that June is expected in August. Not used with `[expected]`.
    #[serde(default = "two")]
    pub published_after_months: u32,
    /// By when a delivery should be there, to the day. Absent: `published-after-months` decides.
    pub expected: Option<ExpectedConfig>,
    /// Months that are known not to come; they stand as not available, and nobody is asked for them.
    #[serde(default)]
    pub gap: Vec<GapConfig>,
    /// Keep a copy of each delivery, or read the partner's folder, which keeps them itself.
    #[serde(default)]
    pub landing: LandingMode,
    /// How many of the latest delivered months are asked for again, in case they were restated.
    #[serde(default = "three")]
    pub recheck_months: u32,
    /// Share of quarantined rows above which a delivery is held as a whole, from 0 to 1.
    #[serde(default = "five_percent")]
    pub hold_above_quarantined_share: f64,
    /// Largest delivery that is accepted once it is unpacked.
    #[serde(default = "four_gibibytes")]
    pub max_unpacked_bytes: u64,
    /// A file with a header and no row says that there was nothing; otherwise such a delivery is refused.
    #[serde(default)]
    pub allow_empty: bool,
    /// What becomes of a delivery that differs from what was agreed or from what is usual.
    #[serde(default)]
    pub drift: DriftConfig,
    /// How patiently the address is asked.
    #[serde(default)]
    pub http: HttpConfig,
    /// What a reader should know about it.
    #[serde(default)]
    pub notes: String,
}

fn two() -> u32 {
    2
}

fn three() -> u32 {
    3
}

fn four_gibibytes() -> u64 {
    4 << 30
}

fn five_percent() -> f64 {
    0.05
}

/// What one delivery holds of all that a feed brings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryMode {
    /// One whole month, the one that `{period}` names. A later delivery of the month replaces it.
    #[default]
    Month,
    /// Everything: the latest delivery stands, and what it no longer holds is gone.
    Whole,
    /// Whole months, several of them: each month that occurs in it replaces that month of earlier deliveries.
    Periods,
    /// Further rows: they join those of earlier deliveries; a key that stands already is a repeat.
    Append,
    /// New and changed rows: for each key the row of the latest delivery stands.
    Upsert,
}

/// What becomes of a delivery in which something differs from what was agreed or from what is usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The delivery is not used; the one before it stays.
    Refuse,
    /// What differs is set aside: the rows concerned, or the delivery until a waiver lets it in.
    Quarantine,
    /// The delivery is used, and its supplier is told.
    Warn,
}

/// `[drift]` of a feed: what becomes of a delivery that differs from what was agreed or from what is usual. Whatever
/// the policy, it is named in `feed_delivery` and in the letter to the supplier. A missing column always refuses the
/// delivery: without it a row cannot be judged.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DriftConfig {
    /// A column that the contract does not list: `warn` leaves it out, `refuse` refuses the delivery, `quarantine` holds
    /// it until a waiver lets it in.
    pub new_column: Policy,
    /// Columns in another order than the contract has them. They are read by name, so that `warn` is safe.
    pub reordered_columns: Policy,
    /// A column most values of which are no longer of its type. The rows are always set aside; `quarantine` holds the
    /// delivery until a waiver lets it in, `refuse` refuses it.
    pub type_flip: Policy,
    /// Share of a column's values from which a type has flipped, from 0 to 1.
    pub type_flip_share: f64,
    /// A value that is not among the codes of its column. Its row is always set aside, since nobody knows what it means;
    /// `refuse` refuses the delivery.
    pub new_code: Policy,
    /// A number of rows far from the usual: `quarantine` holds the delivery until a waiver lets it in, and what stood
    /// before stays; `refuse` refuses it; `warn` uses it.
    pub row_count: Policy,
    /// The usual is the median of up to twelve deliveries before. More than this many times as many rows are unusual.
    pub rows_above: f64,
    /// Less than this share of the usual is unusual.
    pub rows_below: f64,
    /// Fewest usual rows of which a judgement is made; small numbers vary by chance.
    pub rows_at_least: u64,
    /// Days without a row at the end of a month from which the month is taken to be only partly there, when the months
    /// before it have rows on such days and so many days without a row are no chance. What is there is kept and shown;
    /// the month does not count as delivered. 0 switches the rule off.
    pub partial_days: u32,
}

impl Default for DriftConfig {
    fn default() -> Self {
        Self {
            new_column: Policy::Warn,
            reordered_columns: Policy::Warn,
            type_flip: Policy::Quarantine,
            type_flip_share: 0.5,
            new_code: Policy::Quarantine,
            row_count: Policy::Quarantine,
            rows_above: 4.0,
            rows_below: 0.4,
            rows_at_least: 30,
            partial_days: 5,
        }
    }
}

/// `[[gap]]` of a feed: months that are known not to come.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GapConfig {
    /// First missing month.
    pub from: Month,
    /// Last missing month. Absent: no end is known.
    pub to: Option<Month>,
    /// Why, for the reader of the tables.
    pub reason: String,
}

/// Where the bytes of a delivery stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LandingMode {
    /// A copy is kept under its digest, for ever.
    #[default]
    Keep,
    /// The folder that `source` names is itself the archive; a file that leaves it leaves the datasets.
    Reference,
}

/// `[http]` of a feed: how patiently an address is asked, whichever kind it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct HttpConfig {
    /// Longest silence before an attempt is given up.
    pub idle_timeout_seconds: u64,
    /// Longest time for one attempt.
    pub total_timeout_seconds: u64,
    /// Longest time for all attempts at one address together.
    pub deadline_seconds: u64,
    /// How often an address is asked before the feed is left for the next run.
    pub attempts: u32,
    /// First pause between attempts; it doubles each time.
    pub backoff_seconds: f64,
    /// Largest delivery that is accepted.
    pub max_bytes: u64,
    /// The address lies in the partnership's own network. Otherwise private addresses are refused.
    pub internal: bool,
    /// Hosts, besides the address's own, to which the publisher may send the request on.
    pub redirect_hosts: Vec<String>,
    /// Most requests in a second, such as 2 or 0.5. Feeds of one host keep to the lowest of their paces together.
    /// Absent: no limit.
    pub requests_per_second: Option<f64>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            idle_timeout_seconds: 30,
            total_timeout_seconds: 600,
            deadline_seconds: 1800,
            attempts: 5,
            backoff_seconds: 2.0,
            max_bytes: 2 << 30,
            internal: false,
            redirect_hosts: Vec::new(),
            requests_per_second: None,
        }
    }
}
