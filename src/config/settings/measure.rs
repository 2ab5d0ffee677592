//! What a measure is: the front matter of its SQL file, and that of a published table.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::day;
use crate::disclosure::settings::{DominanceConfig, MeasureDisclosureConfig};
use crate::period::PeriodKind;

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
