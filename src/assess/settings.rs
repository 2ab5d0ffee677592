//! Settings of what figures are held against and told with: targets, breaks in series, milestones, commentary, and
//! items of a plan that no measure stands for yet.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::settings::day;
use crate::period::{Month, PeriodKind};

/// `pipelines/<partnership>/targets/<measure>.toml`: what a partnership set out to reach, with its history.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TargetsConfig {
    /// Short name of the measure, the same as the file's.
    pub measure: String,
    /// Every target that was ever approved. A changed target is a further one; the earlier one stays.
    pub target: Vec<TargetConfig>,
}

/// `[[target]]`: one approved target. Exactly one of `value`, `trajectory` and `change-percent` says what was aimed at.
///
/// Of several targets for the same area, breakdown and kind of period, a period is held against the one that was
/// approved last on or before its last day; a period before the first approval against the first.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TargetConfig {
    /// Code of the area, one of the measure's.
    pub area: String,
    /// The breakdown, as table `outturn` names it.
    #[serde(default = "all")]
    pub breakdown: String,
    /// Kind of period that it is about; figures of other kinds are not held against it.
    pub period: PeriodKind,
    /// First month: periods that end in it or later are held against the target.
    pub from: Month,
    /// Last month.
    pub to: Month,
    /// The outturn to reach, in the measure's unit.
    pub value: Option<f64>,
    /// A straight line from a value at `from` to a value at `to`.
    pub trajectory: Option<TrajectoryConfig>,
    /// Change on the outturn of `base`, in percent: -10 for a tenth less.
    pub change_percent: Option<f64>,
    /// The period from which the target starts, such as `2019/20`; `change-percent` needs it.
    pub base: Option<String>,
    /// By how much the target may be missed and still be amber, in the measure's unit.
    pub tolerance: Option<f64>,
    /// The same in percent of the target.
    pub tolerance_percent: Option<f64>,
    /// Where it is laid down: the plan and page, or the minute.
    pub source: String,
    /// Role that approved it.
    pub approved_by: String,
    /// Day on which it was approved.
    #[serde(deserialize_with = "day")]
    pub approved_on: NaiveDate,
    /// What a reader should know about it.
    #[serde(default)]
    pub note: String,
}

fn all() -> String {
    "all".to_owned()
}

/// `trajectory` of a target: both ends of a straight line, in the measure's unit.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrajectoryConfig {
    /// Value for the period that ends with `from`.
    pub from_value: f64,
    /// Value for the period that ends with `to`.
    pub to_value: f64,
}

/// `pipelines/*/breaks/<id>.toml`: a month from which figures are not comparable with those before.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BreakConfig {
    /// Short name, the same as the file's.
    pub id: String,
    /// What happened, for the reader of a chart.
    pub title: String,
    /// First month of the new series.
    pub month: Month,
    /// What kind of event it is.
    pub kind: BreakKind,
    /// Measures whose series it breaks.
    #[serde(default)]
    pub measures: Vec<String>,
    /// Datasets: every measure that reads one of them is broken.
    #[serde(default)]
    pub datasets: Vec<String>,
    /// Areas that it concerns, with all within them. Absent: all.
    #[serde(default)]
    pub areas: Vec<String>,
    /// Where it is laid down, and what a reader should know.
    #[serde(default)]
    pub note: String,
}

/// What broke a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BreakKind {
    /// Other counting rules, or another practice of recording.
    RecordingChange,
    /// Another system of the supplier.
    NewSystem,
    /// An event from outside, such as a lockdown.
    Event,
    /// Other boundaries.
    Boundary,
    /// Another definition of the measure.
    Definition,
}

impl BreakKind {
    /// The word in tables and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RecordingChange => "recording-change",
            Self::NewSystem => "new-system",
            Self::Event => "event",
            Self::Boundary => "boundary",
            Self::Definition => "definition",
        }
    }
}

/// `pipelines/<partnership>/milestones/<id>.toml`: a piece of work that the plan promises and no number measures.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MilestoneConfig {
    /// Short name, the same as the file's.
    pub id: String,
    /// Wording of the plan.
    pub title: String,
    /// The plan that names it.
    pub framework: String,
    /// Theme of the plan.
    pub theme: String,
    /// Number in the plan.
    #[serde(default, rename = "ref")]
    pub reference: String,
    /// Role that answers for it.
    pub owner: String,
    /// Day on which it was planned to begin.
    #[serde(default, deserialize_with = "some_day")]
    pub planned: Option<NaiveDate>,
    /// Day by which it is due.
    #[serde(deserialize_with = "day")]
    pub due: NaiveDate,
    /// How it stands, in the words of its owner.
    pub state: MilestoneState,
    /// Day on which it was done.
    #[serde(default, deserialize_with = "some_day")]
    pub done_on: Option<NaiveDate>,
    /// What the board should know.
    #[serde(default)]
    pub note: String,
}

fn some_day<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDate>, D::Error> {
    day(deserializer).map(Some)
}

/// How a milestone stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MilestoneState {
    /// Not begun.
    Planned,
    /// Under way, and expected by its day.
    OnTrack,
    /// Not expected by its day.
    Late,
    /// Done.
    Done,
}

impl MilestoneState {
    /// The word in tables and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::OnTrack => "on-track",
            Self::Late => "late",
            Self::Done => "done",
        }
    }
}

impl MilestoneConfig {
    /// How it stands on a day: what its owner says, but late once its day is over and it is not done.
    #[must_use]
    pub fn state_on(&self, day: NaiveDate) -> MilestoneState {
        match self.state {
            MilestoneState::Planned | MilestoneState::OnTrack if day > self.due => MilestoneState::Late,
            state => state,
        }
    }
}

/// The head of `pipelines/<partnership>/commentary/<measure>/<period>.md`, as TOML between two lines `+++`. The file is
/// named by the period, with `_` for `/`: `2025_26 Q1.md`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommentaryConfig {
    /// Role of its author.
    pub author: String,
    /// Day on which it was written.
    #[serde(deserialize_with = "day")]
    pub date: NaiveDate,
    /// Code of the area that it is about. Absent: all of the measure's.
    pub area: Option<String>,
}

/// `pipelines/<partnership>/framework.toml`: items of a plan for which there is no measure yet. They stand in table
/// `measure`, so that nobody takes the plan for measured in full.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FrameworkConfig {
    /// The items.
    #[serde(default)]
    pub item: Vec<FrameworkItem>,
}

/// `[[item]]`: one item without a measure.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FrameworkItem {
    /// Short name, which no measure has.
    pub id: String,
    /// Wording of the plan.
    pub title: String,
    /// The plan that names it.
    pub framework: String,
    /// Theme of the plan.
    pub theme: String,
    /// Priority of the plan.
    #[serde(default)]
    pub priority: String,
    /// Number in the plan.
    #[serde(default, rename = "ref")]
    pub reference: String,
    /// Role that answers for it.
    #[serde(default)]
    pub owner: String,
    /// The plan's own words.
    #[serde(default)]
    pub quote: String,
    /// What is missing, and when it is expected.
    pub reason: String,
}
