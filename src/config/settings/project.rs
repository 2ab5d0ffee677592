//! What a project and its partnerships are: `outturn.toml` and `partnership.toml`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::disclosure::settings::PublicConfig;
use crate::period::Month;

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
    /// How many months are read and written at once; where fewer are, others help with them. Absent: one for each
    /// processor.
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
