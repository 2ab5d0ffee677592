//! The settings of each file, as the officer who fills them in reads them. Their doc comments are the reference:
//! `outturn schema` prints them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::disclosure::settings::{
    DominanceConfig, MeasureDisclosureConfig, PublicConfig, SourceDisclosureConfig,
};
use crate::feed::settings::{AuthConfig, PagingConfig, PostgresConfig, SftpConfig, StoreConfig};
use crate::freshness::ExpectedConfig;
pub use crate::normalise::format::settings::FormatConfig;
use crate::period::{Every, Month, PeriodKind};

/// `outturn.toml`, at the root of a project.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ProjectConfig {
    /// Mailbox or web page of whoever runs this project; each request to a publisher carries it, so that they can ask.
    pub contact: Option<String>,
    /// Where what grows is kept: landing, datasets, releases.
    pub warehouse: WarehouseConfig,
    /// When `outturn serve` runs by itself.
    pub schedule: ScheduleConfig,
    /// Addresses that are read from a folder or from another host.
    pub mirror: Vec<MirrorConfig>,
    /// Folders of `pipelines/` whose feeds are not asked, though their files are checked. Remove a name to use its feeds.
    pub inactive: Vec<String>,
    /// Makes synthetic deliveries before each run. Remove this section, and the mirror that it fills, to read real ones.
    pub simulate: Option<SimulateConfig>,
    /// The key under which columns with `person = true` become pseudonyms. Needed as soon as a contract has one.
    pub pseudonyms: Option<PseudonymConfig>,
    /// Tables for everybody, beside those for the partnership. Absent: none.
    pub public: Option<PublicConfig>,
    /// Health and metrics pages of `outturn serve`.
    pub serve: ServeConfig,
}

/// `[warehouse]`: where what grows is kept.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct WarehouseConfig {
    /// Folder for landing, releases and the lock, relative to the project.
    pub location: String,
    /// Folder or object-store address (`s3://bucket/prefix`) of the datasets. Absent: `datasets` in `location`.
    pub datasets: Option<String>,
    /// Days for which a dataset file stays readable after its month was replaced.
    pub keep_replaced_days: u32,
    /// How many months are read and written at once. Absent: one for each processor.
    pub workers: Option<usize>,
}

impl Default for WarehouseConfig {
    fn default() -> Self {
        Self { location: "warehouse".to_owned(), datasets: None, keep_replaced_days: 30, workers: None }
    }
}

/// `[pseudonyms]`: how what identifies a person becomes a pseudonym.
///
/// A pseudonym is HMAC-SHA-256(HMAC-SHA-256(key, purpose), value in its agreed form). Whoever has the key can find out
/// whose pseudonym one is, so it is kept where the data are not.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PseudonymConfig {
    /// Where the key is read from: `${env:NAME}` or `${file:PATH}`; at least 32 characters. With another key every
    /// pseudonym is another one, and the months that hold pseudonyms are made anew.
    pub key: String,
}

/// `[schedule]`: when `outturn serve` runs by itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ScheduleConfig {
    /// Cron expression (minute, hour, day of month, month, day of week), in the time zone below.
    pub run: String,
    /// IANA name of the time zone in which `run` is meant.
    pub time_zone: String,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self { run: "30 5 * * *".to_owned(), time_zone: "Europe/London".to_owned() }
    }
}

/// `[[mirror]]`: reads every address that begins with `prefix` from somewhere else.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MirrorConfig {
    /// Beginning of the addresses, such as `https://data.police.uk/data/archive/`.
    pub prefix: String,
    /// Folder that holds what stands behind the prefix; an archive may lie there unpacked, and files gzipped.
    pub folder: Option<String>,
    /// Address that takes the place of the prefix.
    pub address: Option<String>,
    /// What comes from here is synthetic and marked so wherever it surfaces.
    #[serde(default)]
    pub synthetic: bool,
}

/// `[simulate]`: synthetic deliveries in the publishers' formats.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SimulateConfig {
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// Folder to write to; a `[[mirror]]` with `synthetic = true` reads it.
    pub folder: String,
    /// Volume, 1.0 being that of the real force.
    #[serde(default = "one")]
    pub scale: f64,
    /// Look-up that lists the LSOAs of the forces (columns `lsoa_code`, `lsoa_name`, `vintage`, `force_code`).
    #[serde(default = "lsoa")]
    pub lookup: String,
    /// Which forces, and from which to which month. Absent `to`: the last month that the publisher would have out.
    pub force: Vec<SimulatedForce>,
}

fn one() -> f64 {
    1.0
}

fn lsoa() -> String {
    "lsoa".to_owned()
}

/// One force of the simulation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SimulatedForce {
    /// `cleveland` or `greater-manchester`.
    pub name: String,
    /// First month.
    pub from: Month,
    /// Last month. Absent: two months before the run.
    pub to: Option<Month>,
}

/// `[serve]`: the daemon's own pages.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ServeConfig {
    /// Address and port of `/healthz`, `/readyz` and `/metrics`.
    pub listen: String,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8464".to_owned() }
    }
}

/// `pipelines/<partnership>/partnership.toml`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PartnershipConfig {
    /// Short name, the same as the folder's, used in `sql/<partnership>/`.
    pub id: String,
    /// Name as published.
    pub title: String,
    /// The plan whose measures are published.
    #[serde(default)]
    pub plan: String,
}

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

/// `pipelines/*/contracts/<contract>.toml`: what the rows of a delivery must be.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContractConfig {
    /// Short name, the same as the file's.
    pub id: String,
    /// Dataset that accepted rows go to.
    pub dataset: String,
    /// What a row is, in words.
    pub grain: String,
    /// How its files are laid out. Absent: text in UTF-8 with commas.
    #[serde(default)]
    pub format: FormatConfig,
    /// Every column of the header, in any order: its name, or a table with `name`, `synonyms` and `optional`. A missing
    /// one refuses the delivery; one that is not listed here is left out and named in `feed_delivery`. Absent: the
    /// columns that `from` names.
    #[serde(default)]
    pub header: Vec<HeaderColumn>,
    /// Where the month of a row stands. For a feed of mode `month` it must be the month of the delivery; for one of
    /// another mode it is the month under which the row is kept: that in which its period ends.
    pub month: MonthConfig,
    /// What it means that a delivery of several months has no row of a month between `from` of its feed and the last
    /// month that it holds.
    #[serde(default, skip_serializing_if = "AbsentMonth::is_default")]
    pub absent_month: AbsentMonth,
    /// Columns of the dataset that identify a row. A row in which one of them is empty is never taken for a repeat.
    #[serde(default)]
    pub key: Vec<String>,
    /// What counts as a repeat of a row with the same key in the same month.
    #[serde(default)]
    pub repeats: Repeats,
    /// Refuse a delivery in which every row stands an even number of times: it was published twice over.
    #[serde(default)]
    pub refuse_doubled: bool,
    /// Take the blanks off both ends of every field.
    #[serde(default)]
    pub trim: bool,
    /// What stands in any field in place of a value that is missing, such as `-` or `N/A`; small or capital letters are
    /// the same. A column's own list takes the place of this one.
    #[serde(default)]
    pub null_markers: Vec<String>,
    /// What stands in place of a number that the supplier withheld, such as `[c]` or `*`. It is neither zero nor missing:
    /// the dataset says `suppressed` in a column `<name>_status` beside it. Holds for integers, numbers and durations;
    /// another column names its own.
    #[serde(default)]
    pub suppressed_markers: Vec<String>,
    /// What stands in place of a number where there can be none, such as `[z]`: `not_applicable` in `<name>_status`.
    /// Holds where `suppressed-markers` does.
    #[serde(default)]
    pub not_applicable_markers: Vec<String>,
    /// Markers behind or in place of a number, each with the word for it in `<name>_status`, such as
    /// `{ "[p]" = "provisional", "[r]" = "revised", "[low]" = "low" }`. Holds where `suppressed-markers` does.
    #[serde(default)]
    pub note_markers: BTreeMap<String, String>,
    /// Columns of the dataset, in the order in which their rules are applied.
    pub column: Vec<ColumnConfig>,
    /// Checks of a row as a whole, applied to rows that keep the rules of their columns.
    #[serde(default)]
    pub check: Vec<CheckConfig>,
    /// What is counted from its rows is withheld from the public at least so. Absent: nothing is demanded.
    // It changes no row, so that no month is made anew for it.
    #[serde(default, skip_serializing)]
    pub disclosure: Option<SourceDisclosureConfig>,
}

impl ContractConfig {
    /// The columns of the header as they were agreed, synonyms of columns of the dataset included.
    #[must_use]
    pub fn header_entries(&self) -> Vec<HeaderEntry> {
        let mut entries: Vec<HeaderEntry> = self
            .header
            .iter()
            .map(|column| match column {
                HeaderColumn::Name(name) => HeaderEntry::plain(name),
                HeaderColumn::Agreed(entry) => entry.clone(),
            })
            .collect();
        if self.header.is_empty() && !self.month.from.is_empty() {
            entries.push(HeaderEntry::plain(&self.month.from));
        }
        for column in &self.column {
            let Some(from) = &column.from else { continue };
            let at = match entries.iter().position(|entry| entry.name == *from) {
                Some(at) => at,
                None if self.header.is_empty() => {
                    entries.push(HeaderEntry::plain(from));
                    entries.len() - 1
                }
                None => continue,
            };
            if let Some(entry) = entries.get_mut(at) {
                let new = column.synonyms.iter().filter(|synonym| !entry.synonyms.contains(synonym));
                let new: Vec<SynonymConfig> = new.cloned().collect();
                entry.synonyms.extend(new);
                entry.optional |= column.optional;
            }
        }
        entries
    }
}

/// One column of a delivery's header.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderColumn {
    /// Its name and what else is agreed of it.
    Agreed(HeaderEntry),
    /// Its name.
    Name(String),
}

impl HeaderColumn {
    /// Its agreed name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Agreed(entry) => &entry.name,
        }
    }
}

/// One column of a delivery's header, with what is agreed of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HeaderEntry {
    /// Its agreed name.
    pub name: String,
    /// Other names under which it may come.
    #[serde(default)]
    pub synonyms: Vec<SynonymConfig>,
    /// It may be missing; its fields are empty then.
    #[serde(default)]
    pub optional: bool,
}

impl HeaderEntry {
    fn plain(name: &str) -> Self {
        Self { name: name.to_owned(), synonyms: Vec::new(), optional: false }
    }
}

/// Another name of a column of the header.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SynonymConfig {
    /// The name as it stands in the delivery.
    pub name: String,
    /// Day on which the supplier and the partnership agreed to it, such as `2025-04-01`.
    #[serde(deserialize_with = "day")]
    pub agreed: chrono::NaiveDate,
}

/// A day, written with or without quotes.
pub(crate) fn day<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<chrono::NaiveDate, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Plain(toml::value::Datetime),
        Quoted(String),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Plain(day) => day.to_string(),
        Written::Quoted(day) => day,
    };
    let known = chrono::NaiveDate::parse_from_str(&text, "%Y-%m-%d");
    known.map_err(|_| serde::de::Error::custom(format!("expected a day such as 2025-04-01, found `{text}`")))
}

/// `[[check]]` of a contract: what must hold between the columns of a row.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CheckConfig {
    /// Name of the rule in the quarantine, in small letters, digits and `_`.
    pub rule: String,
    /// SQL expression over the columns of the row that is true for a good one. It may read columns with `drop`. A row
    /// for which it is null, as where a column is empty, is good.
    pub expect: String,
    /// What is wrong with a row for which it is false, in plain English, for the supplier.
    pub message: String,
    /// What becomes of such a row.
    #[serde(default)]
    pub severity: Severity,
}

/// What becomes of a row that fails a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It is set aside.
    #[default]
    Quarantine,
    /// It is accepted; the delivery's note counts such rows.
    Warn,
    /// The whole delivery is refused.
    Refuse,
}

/// What counts as a repeat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Repeats {
    /// A row that equals an accepted one in every field; a row with the same key and other contents is kept too.
    #[default]
    Identical,
    /// Any row with the key of an accepted one.
    SameKey,
}

/// What a month without a row means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AbsentMonth {
    /// It was not supplied: nothing is known of it.
    #[default]
    Missing,
    /// There was nothing to report: its figures are zero.
    Zero,
}

impl AbsentMonth {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_default(&self) -> bool {
        *self == Self::Missing
    }
}

/// `[month]` of a contract.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MonthConfig {
    /// Column of the header. Absent: the file tells no month; its rows are of the month `fixed`, or of that of the
    /// delivery.
    #[serde(default)]
    pub from: String,
    /// How the month is written there.
    #[serde(default)]
    pub format: MonthFormat,
    /// For format `explicit`: how it may be written, in the letters of `strftime`, such as `%d/%m/%Y` or `%b %Y`. The
    /// first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<String>,
    /// Month of every row, for files that tell none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<Month>,
    /// Name of the rule for a row of another month, in the quarantine.
    #[serde(default = "bad_month")]
    pub rule: String,
}

fn bad_month() -> String {
    "bad_month".to_owned()
}

/// How a row tells its month. A period of several months stands under the month in which it ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MonthFormat {
    /// `2025-06`.
    #[default]
    Month,
    /// `2025-06-30`.
    Date,
    /// `2025-06-30T23:00:00+00:00`, taken in UK local time.
    Timestamp,
    /// `Apr 2018`, `April 2018` or `Apr-18`.
    MonthName,
    /// `2018/19 Q1` for April to June 2018, `2018 Q1` for January to March, or `Apr to Jun 2018`.
    Quarter,
    /// `2018`; `2016 - 18` for three years that end with 2018.
    CalendarYear,
    /// `2018/19`, `2018-19` or `2018/2019`: April to March.
    FinancialYear,
    /// `2018/19`, `2018-19` or `201819`: September to August.
    AcademicYear,
    /// `Year ending June 2025`, `12 months to 30 June 2025` or `Jul 2024 to Jun 2025`.
    TwelveMonthsEnding,
    /// Any of the texts above, in a file that mixes them; `2018/19` is a financial year.
    AnyPeriod,
    /// As `formats` says.
    Explicit,
}

/// `[[column]]` of a contract: one column of the dataset.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct ColumnConfig {
    /// Name in the dataset.
    pub name: String,
    /// Column of the header that it is read from.
    pub from: Option<String>,
    /// Name in braces of the feed's `source` that it is read from.
    pub from_path: Option<String>,
    /// Column of a look-up that it is taken from.
    pub from_lookup: Option<String>,
    /// What its values are. A column from a path or a look-up is `text`.
    #[serde(default, rename = "type")]
    pub kind: ColumnType,
    /// An empty field breaks the contract.
    #[serde(default)]
    pub required: bool,
    /// The only values that are accepted; for columns of few values.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Smallest and largest number that is accepted.
    pub range: Option<[f64; 2]>,
    /// Another column of the dataset, read before, that is empty exactly where this one is.
    pub empty_with: Option<String>,
    /// Look-up in which a value must stand.
    pub lookup: Option<String>,
    /// For `from-lookup`: the column of the dataset whose `lookup` is meant.
    pub by: Option<String>,
    /// Name of the rule in the quarantine. Absent: `bad_<name>`, or `unknown_<name>` with a look-up.
    pub rule: Option<String>,
    /// Other names under which the column of the header may come, each with the day on which that was agreed. A name
    /// that was used is told in `feed_delivery`; a delivery that has two of the names is refused.
    #[serde(default)]
    pub synonyms: Vec<SynonymConfig>,
    /// The column of the header may be missing; its fields are empty then.
    #[serde(default)]
    pub optional: bool,
    /// Take the blanks off both ends. Absent: as the contract says; always where other settings of a number, date or
    /// code are made here.
    pub trim: Option<bool>,
    /// In place of the contract's `null-markers`.
    pub null_markers: Option<Vec<String>>,
    /// In place of the contract's `suppressed-markers`.
    pub suppressed_markers: Option<Vec<String>>,
    /// In place of the contract's `not-applicable-markers`.
    pub not_applicable_markers: Option<Vec<String>>,
    /// In place of the contract's `note-markers`.
    pub note_markers: Option<BTreeMap<String, String>>,
    /// Have a column `<name>_status` beside it: `value`, `missing`, `suppressed`, `not_applicable` or the words of
    /// `note-markers`. It is there by itself where one of the last three markers may come.
    #[serde(default)]
    pub status: bool,
    /// What stands between the thousands of a number, such as `,`. It must stand right: `1,23` is not a number.
    pub thousands_separator: Option<char>,
    /// Signs before or behind a number that are left out, such as `£` and `%`. The number stays: `45 %` is 45.
    #[serde(default)]
    pub signs: Vec<String>,
    /// A whole number may begin with zeros.
    #[serde(default)]
    pub leading_zeros: bool,
    /// A whole number may be written `195.0`.
    #[serde(default)]
    pub point_zero: bool,
    /// The ways in which a date or timestamp may be written, such as `%d/%m/%Y`, and no other; `%-d` is a day without a
    /// leading zero. A timestamp without an offset is UK local time.
    #[serde(default)]
    pub formats: Vec<String>,
    /// A date, timestamp or duration may come as a spreadsheet's number of days.
    pub excel_serials: Option<ExcelSerials>,
    /// Words that mean true, in any case, in place of `true`.
    #[serde(default)]
    pub true_words: Vec<String>,
    /// Words that mean false, in any case, in place of `false`.
    #[serde(default)]
    pub false_words: Vec<String>,
    /// Regular expression that the whole text must match, such as `[A-Z]{2}[0-9]{6}`.
    pub pattern: Option<String>,
    /// Fewest characters of a text.
    pub min_length: Option<u32>,
    /// Most characters of a text.
    pub max_length: Option<u32>,
    /// Look-up whose (first) key column holds the only values that are accepted, beside those of `codes`.
    pub codes_from: Option<String>,
    /// The partner's wording and ours, such as `{ "ASB - Nuisance" = "nuisance" }`; what is not named stays. It is
    /// applied before `codes` and `lookup`.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    /// In `map` and `codes`, small or capital letters are the same, and so are one blank or several.
    #[serde(default)]
    pub ignore_case_and_blanks: bool,
    /// What becomes of a row whose value is not among the codes or in the look-up.
    #[serde(default)]
    pub unknown_code: UnknownCode,
    /// SQL expression over the other columns of the row from which it is computed, such as
    /// `CASE WHEN age < 18 THEN 'child' ELSE 'adult' END`. It may read columns with `drop` and derived columns above it.
    pub derive: Option<String>,
    /// It identifies a person: what is kept is a pseudonym of 64 hexadecimal digits, the same for the same person
    /// wherever key, purpose and form are the same. The value is in no dataset, quarantine or message.
    #[serde(default)]
    pub person: bool,
    /// The form in which a person's value is taken, so that different ways of writing it are the same.
    #[serde(default)]
    pub person_form: PersonForm,
    /// What the pseudonym is for. Pseudonyms for different purposes cannot be brought together. Absent: `partnership`.
    pub purpose: Option<String>,
    /// It is personal and not needed: it never reaches the dataset or the quarantine. `derive` and checks may read it.
    #[serde(default)]
    pub drop: bool,
    /// It is text that somebody typed, which may name anybody: as with `drop`, unless `keep-free-text` says why not.
    #[serde(default)]
    pub free_text: bool,
    /// Why its free text is kept.
    pub keep_free_text: Option<String>,
    /// Why it is not personal although its name sounds so.
    pub not_personal: Option<String>,
    /// What it means, for the reader of the tables.
    #[serde(default)]
    pub about: String,
}

/// Type of a dataset column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnType {
    /// Any text.
    #[default]
    Text,
    /// Text of few different values.
    Category,
    /// An even number of hexadecimal digits, stored as bytes.
    Hex,
    /// A whole number.
    Integer,
    /// A finite number.
    Number,
    /// `2025-06-30`, or a timestamp, taken as the day in UK local time.
    Date,
    /// A timestamp with an offset.
    Timestamp,
    /// `True` or `False`; or other words, see `true-words`.
    Flag,
    /// A time span as hours, minutes and seconds (`27:05:46`), or as the spreadsheet's date and time that stands for one
    /// (`1899-12-31T00:05:46Z`); kept in seconds.
    Duration,
}

/// How a spreadsheet counts days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ExcelSerials {
    /// From 1900, as nearly all do: 45838 is 30 June 2025.
    #[serde(rename = "1900")]
    From1900,
    /// From 1904, as old ones of the Macintosh do.
    #[serde(rename = "1904")]
    From1904,
}

/// What becomes of a row whose code is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownCode {
    /// It is set aside.
    #[default]
    Quarantine,
    /// It is accepted with the code as it came; the delivery's note counts such rows. Not with a look-up.
    Keep,
    /// The whole delivery is refused.
    Refuse,
}

/// The form in which what identifies a person is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PersonForm {
    /// Blanks taken off both ends, several blanks as one, small letters.
    #[default]
    Text,
    /// Only letters and digits, small: `O'Neill` is `oneill`.
    Letters,
    /// Only the digits.
    Digits,
    /// Ten digits with a right check digit; anything else breaks the contract.
    NhsNumber,
    /// A day, by `formats`, as `2025-06-30`; anything else breaks the contract.
    Date,
}

/// `pipelines/*/datasets/<dataset>.toml`: what is said of a dataset beyond its contracts. Optional.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DatasetConfig {
    /// Short name, the same as the file's, and the name of the table in SQL.
    pub id: String,
    /// What it holds, in words.
    pub title: String,
    /// Counts kept by month while rows are read, as tables of their own, so that measures need not read every row.
    #[serde(default)]
    pub summary: Vec<SummaryConfig>,
}

/// `[[summary]]` of a dataset.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SummaryConfig {
    /// Name of the table in SQL: one row per month and combination of `by`, with the number of rows in `n`.
    pub id: String,
    /// Columns of the dataset, of type category or from a path or look-up; also `feed` and `source_file`.
    pub by: Vec<String>,
}

/// `pipelines/*/lookups/<lookup>.toml`: a reference table.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LookupConfig {
    /// Short name, the same as the file's, and the name of the table in SQL.
    pub id: String,
    /// What it holds, in words.
    pub title: String,
    /// Who published it, and when.
    pub publisher: String,
    /// Column, or columns, of which each row has another value.
    pub key: Vec<String>,
    /// CSV files (path relative to this file), each under the name of a table.
    pub file: BTreeMap<String, String>,
    /// SELECT over these tables (every column text). Absent: the only file, as it is.
    pub sql: Option<String>,
    /// Columns that are numbers; all others are text.
    #[serde(default)]
    pub numbers: Vec<String>,
}

/// The front matter of `sql/<partnership>/<measure>.sql`, as TOML in the comment with which the file begins.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MeasureConfig {
    /// Short name of the measure, unique in the project.
    pub id: String,
    /// Version of its definition, raised when other things are counted: another SELECT or shared query, another `kind`,
    /// `per`, `whole`, `base`, `mature-after-months`, `look-back-months` or breakdown. Each figure carries the version that
    /// made it.
    #[serde(default = "first")]
    pub version: u32,
    /// What changed with each version after the first. The version that stands has an entry.
    #[serde(default)]
    pub change: Vec<ChangeConfig>,
    /// Wording of the plan, shown to the board unchanged.
    pub title: String,
    /// The plan that names it.
    pub framework: String,
    /// Theme of the plan.
    pub theme: String,
    /// Priority of the plan.
    #[serde(default)]
    pub priority: String,
    /// Number of the measure in the plan.
    #[serde(default, rename = "ref")]
    pub reference: String,
    /// Role that answers for it.
    pub owner: String,
    /// What it is used for: one of the purposes of the agreements of the feeds that it reads, or it is withheld. Needed
    /// where one of these agreements has purposes.
    pub purpose: Option<String>,
    /// The plan's own words.
    #[serde(default)]
    pub quote: String,
    /// How the value follows from numerator and denominator.
    pub kind: MeasureKind,
    /// What one of the value is, such as `crimes` or `crimes per 1,000 residents`.
    pub unit: String,
    /// Multiplier of a rate, such as 1000. A gap with it is one of rates, without it one of percentages.
    pub per: Option<u32>,
    /// The wider area of a `share`, one of the measure's areas.
    pub whole: Option<String>,
    /// The year on which an `index` stands at 100, such as `2019/20`: a period of twelve months.
    pub base: Option<String>,
    /// Lowest and highest score that there can be; a `score` outside withholds the measure.
    pub range: Option<[f64; 2]>,
    /// Answers or cases below which there is no value, but status `base_too_small`. Absent: 50 for a survey, none for other
    /// kinds.
    pub minimum_base: Option<u32>,
    /// How many months after the end of a period its figures can be known: 18 for proven reoffending. Earlier than that, and
    /// where one of these months was not delivered, a period is not available.
    #[serde(default)]
    pub mature_after_months: u32,
    /// How many months before a period its SELECT looks back, such as 12 for repeats; a period before which one of them was not
    /// delivered is not available.
    #[serde(default)]
    pub look_back_months: u32,
    /// Waves of a survey that are expected, such as `wave 2024-10 to 2024-12`; one without rows stands as not available.
    #[serde(default)]
    pub waves: Vec<String>,
    /// Which way is better.
    pub polarity: Polarity,
    /// Areas it is published for: a code, or `E22000030/ward` for every ward within.
    pub areas: Vec<String>,
    /// Kinds of period it is published for.
    #[serde(default = "all_periods")]
    pub periods: Vec<PeriodKind>,
    /// Columns of the SELECT by which it is broken down.
    #[serde(default)]
    pub breakdowns: Vec<String>,
    /// What a reader should know about it.
    #[serde(default)]
    pub notes: String,
    /// How sure its intervals are, in percent.
    #[serde(default = "ninety_five")]
    pub confidence: f64,
    /// Which interval its figures have.
    #[serde(default)]
    pub interval: IntervalChoice,
    /// Why its figures have none, such as `answers of a self-selected survey`; needed with `interval = "none"`.
    #[serde(default)]
    pub interval_reason: String,
    /// Code of the area that the others are compared with, one of the measure's. An area within it is compared with the
    /// rest of it.
    pub benchmark: Option<String>,
    /// Areas among which each is ranked, some of the measure's. Absent: those of the same level.
    #[serde(default)]
    pub peers: Vec<String>,
    /// The period from which the plan starts, such as `2019/20`; figures of as many months are compared with it.
    pub baseline: Option<String>,
    /// Kind of period that the scorecard shows. Absent: that of the measure's target, else the first of `periods`.
    pub headline: Option<PeriodKind>,
    /// How many of the latest months are compared; figures of periods that end earlier are held against their targets
    /// only. 0: all.
    #[serde(default = "thirty_seven")]
    pub compare_months: u32,
    /// What protects its figures before the public sees them. Absent: what `[public]` of the project says.
    pub disclosure: Option<MeasureDisclosureConfig>,
    /// Sums that its numerator is, or its base where the public sees it through one, as an average: each a list of measures
    /// that make it up in every area and period, such as
    /// `[["crime-by-type"], ["crime-by-ward"]]`. A measure without the area or breakdown adds all its areas within, or all
    /// its breakdowns; `crime-by-type/crime_type: Drugs` adds that one. Nothing withheld can then be worked out from them.
    #[serde(default)]
    pub sum_of: Vec<Vec<String>>,
}

impl MeasureConfig {
    /// The rule of dominance of its amounts, where it has one.
    #[must_use]
    pub fn dominance(&self) -> Option<DominanceConfig> {
        self.disclosure.as_ref()?.dominance
    }
}

fn first() -> u32 {
    1
}

fn all_periods() -> Vec<PeriodKind> {
    PeriodKind::USUAL.to_vec()
}

fn ninety_five() -> f64 {
    95.0
}

fn thirty_seven() -> u32 {
    37
}

/// `[[change]]` of a measure: what became different with a version of its definition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ChangeConfig {
    /// The version that began with it, 2 or more.
    pub version: u32,
    /// Day on which it was decided.
    #[serde(deserialize_with = "day")]
    pub date: chrono::NaiveDate,
    /// What is counted otherwise now.
    pub what: String,
    /// Why, and where that is laid down.
    pub why: String,
}

/// Which interval a measure's figures have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IntervalChoice {
    /// That of its kind: Wilson's for percentages, proportions and shares, at the effective base for a survey; exact (below
    /// 10 events) or Byar's limits for a count and a rate; Student's for an average; Newcombe's for a gap of percentages
    /// and its like for a gap of rates; that of a ratio of two counts for an index; those that the SELECT yields for a median and a
    /// score; none for a ratio and a rank.
    #[default]
    Usual,
    /// For a ratio of two independent counts, such as offences to arrests: that of the ratio of two counts.
    Counts,
    /// None, for the reason given in `interval-reason`; comparisons then say which value is higher, not whether by chance.
    None,
}

/// How a value follows from what the SELECT counts. `docs/measures.md` has an example of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MeasureKind {
    /// The numerator.
    Count,
    /// Numerator x `per` / residents; residents come from the look-up `population`, of the year of the period.
    Rate,
    /// 100 x numerator / denominator.
    Percentage,
    /// Numerator / denominator, of which the numerator is a part: from 0 to 1.
    Proportion,
    /// Numerator / denominator.
    Ratio,
    /// Place of the area's rate among the measure's areas: 1 is the lowest rate, ties share a place.
    RankOfRate,
    /// Numerator (the sum of the values) / denominator (how many there are), with `sum_of_squares` or
    /// `standard_deviation`.
    Average,
    /// `value`, the middle of so many values as `denominator` says. A median of months is none of a quarter: the SELECT
    /// yields every period.
    Median,
    /// How far two groups lie apart: numerator / denominator less `other_numerator` / `other_denominator`, in
    /// percentage points, or per `per`.
    Gap,
    /// 100 x numerator / what the base year had in as many months.
    Index,
    /// `value`, a mark that somebody gave. Scores are not added up: the SELECT yields every period.
    Score,
    /// 100 x numerator / numerator of the wider area `whole`.
    Share,
    /// 100 x weighted numerator / weighted denominator of a survey's answers, with `base`, how many answered, and
    /// `design_effect` or `standard_error`. The SELECT yields every period, such as a wave.
    Survey,
}

impl MeasureKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Count,
        Self::Rate,
        Self::Percentage,
        Self::Proportion,
        Self::Ratio,
        Self::RankOfRate,
        Self::Average,
        Self::Median,
        Self::Gap,
        Self::Index,
        Self::Score,
        Self::Share,
        Self::Survey,
    ];

    /// The word in tables and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Rate => "rate",
            Self::Percentage => "percentage",
            Self::Proportion => "proportion",
            Self::Ratio => "ratio",
            Self::RankOfRate => "rank-of-rate",
            Self::Average => "average",
            Self::Median => "median",
            Self::Gap => "gap",
            Self::Index => "index",
            Self::Score => "score",
            Self::Share => "share",
            Self::Survey => "survey",
        }
    }

    /// The word with its article, for a message.
    #[must_use]
    pub fn a(self) -> String {
        let article = if matches!(self, Self::Average | Self::Index) { "an" } else { "a" };
        format!("{article} {}", self.name())
    }

    /// Whether the denominator is the number of residents, which the product supplies.
    #[must_use]
    pub fn per_resident(self) -> bool {
        matches!(self, Self::Rate | Self::RankOfRate)
    }

    /// Whether the numerator is a part of the denominator, so that no value lies above the whole.
    #[must_use]
    pub fn is_part(self) -> bool {
        matches!(self, Self::Percentage | Self::Proportion | Self::Share | Self::Survey)
    }

    /// Whether periods cannot be made of their months, so that the SELECT yields `period`.
    #[must_use]
    pub fn is_told_by_period(self) -> bool {
        matches!(self, Self::Median | Self::Score | Self::Survey)
    }

    /// Whether the product makes the denominator or needs all months of an area, so that the SELECT yields `month`.
    #[must_use]
    pub fn is_told_by_month(self) -> bool {
        matches!(self, Self::Index | Self::Share | Self::RankOfRate)
    }
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Polarity {
    /// A higher value is better.
    HigherIsBetter,
    /// A lower value is better.
    LowerIsBetter,
    /// Neither: the value is context.
    Context,
}

impl Polarity {
    /// The word in tables and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HigherIsBetter => "higher-is-better",
            Self::LowerIsBetter => "lower-is-better",
            Self::Context => "context",
        }
    }
}

/// The front matter of `sql/<partnership>/tables/<table>.sql`, as TOML in the comment with which the file begins.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TableConfig {
    /// Name of the published table, the same as the file's.
    pub id: String,
    /// What it holds, in words.
    pub title: String,
    /// What each column means.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// Why everybody may see it as it stands: nothing is known of its cells, so that nothing in it is withheld. Absent: it
    /// stays in the partnership.
    pub public: Option<String>,
}
