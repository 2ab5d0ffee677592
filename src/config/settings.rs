//! The settings of each file, as the officer who fills them in reads them. Their doc comments are the reference:
//! `outturn schema` prints them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::period::{Month, PeriodKind};

/// `outturn.toml`, at the root of a project.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ProjectConfig {
    /// Where what grows is kept: landing, datasets, releases.
    pub warehouse: WarehouseConfig,
    /// When `outturn serve` runs by itself.
    pub schedule: ScheduleConfig,
    /// Addresses that are read from a folder or from another host.
    pub mirror: Vec<MirrorConfig>,
    /// Makes synthetic deliveries before each run. Remove this section, and the mirror that it fills, to read real ones.
    pub simulate: Option<SimulateConfig>,
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
    /// What one delivery holds of all that the feed brings.
    #[serde(default)]
    pub mode: DeliveryMode,
    /// Address or path with `{period}` for the month; a path may hold `*` and names in braces.
    pub source: String,
    /// Member of the ZIP archive at `source`, with `{period}` for the month.
    pub member: Option<String>,
    /// Areas whose rows it brings: a month that it delivered is complete for these areas and all within them.
    pub covers: Vec<String>,
    /// First month that it delivers.
    pub from: Month,
    /// Last month that it delivers. Absent: it goes on.
    pub to: Option<Month>,
    /// Months until the publisher has a month out: 2 means that June is expected in August.
    #[serde(default = "two")]
    pub published_after_months: u32,
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

/// `[http]` of a feed.
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
    /// Every column of the header, in any order. A missing one refuses the delivery; one that is not listed here is left
    /// out and named in `feed_delivery`.
    pub header: Vec<String>,
    /// Where the month of a row stands; it must be the month of the delivery.
    pub month: MonthConfig,
    /// Columns of the dataset that identify a row. A row in which one of them is empty is never taken for a repeat.
    #[serde(default)]
    pub key: Vec<String>,
    /// What counts as a repeat of a row with the same key in the same month.
    #[serde(default)]
    pub repeats: Repeats,
    /// Refuse a delivery in which every row stands an even number of times: it was published twice over.
    #[serde(default)]
    pub refuse_doubled: bool,
    /// Columns of the dataset, in the order in which their rules are applied.
    pub column: Vec<ColumnConfig>,
}

/// `[format]` of a contract: how the files of its feeds are laid out.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FormatConfig {
    /// What stands between the fields of a line of text.
    pub delimiter: char,
}

impl Default for FormatConfig {
    fn default() -> Self {
        Self { delimiter: ',' }
    }
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

/// `[month]` of a contract.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MonthConfig {
    /// Column of the header.
    pub from: String,
    /// How the month is written there.
    pub format: MonthFormat,
    /// Name of the rule for a row of another month, in the quarantine.
    #[serde(default = "bad_month")]
    pub rule: String,
}

fn bad_month() -> String {
    "bad_month".to_owned()
}

/// How a row tells its month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MonthFormat {
    /// `2025-06`.
    Month,
    /// `2025-06-30`.
    Date,
    /// `2025-06-30T23:00:00+00:00`, taken in UK local time.
    Timestamp,
}

/// `[[column]]` of a contract: one column of the dataset.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
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
    /// `True` or `False`, in any case.
    Flag,
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
    /// What it is used for: one of the purposes of the agreements of the feeds that it reads, or it is withheld. Absent:
    /// no purpose is stated, and none is checked.
    pub purpose: Option<String>,
    /// The plan's own words.
    #[serde(default)]
    pub quote: String,
    /// How the value follows from numerator and denominator.
    pub kind: MeasureKind,
    /// What one of the value is, such as `crimes` or `crimes per 1,000 residents`.
    pub unit: String,
    /// Multiplier of a rate, such as 1000.
    pub per: Option<u32>,
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
}

fn all_periods() -> Vec<PeriodKind> {
    PeriodKind::ALL.to_vec()
}

/// How a value follows from numerator and denominator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MeasureKind {
    /// The numerator.
    Count,
    /// Numerator x `per` / residents; residents come from the look-up `population`, of the year of the period.
    Rate,
    /// 100 x numerator / denominator.
    Percentage,
    /// Numerator / denominator.
    Ratio,
    /// Place of the area's rate among the measure's areas: 1 is the lowest rate, ties share a place.
    RankOfRate,
}

impl MeasureKind {
    /// The word in tables and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Rate => "rate",
            Self::Percentage => "percentage",
            Self::Ratio => "ratio",
            Self::RankOfRate => "rank-of-rate",
        }
    }

    /// Whether the denominator is the number of residents, which the product supplies.
    #[must_use]
    pub fn per_resident(self) -> bool {
        matches!(self, Self::Rate | Self::RankOfRate)
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
}
