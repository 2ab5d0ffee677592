//! Sharing agreements: under which a feed may be used, for what, shown to whom, and for how long its rows are kept.

use std::fmt;

use chrono::{DateTime, Months, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Project;
use crate::config::settings::{ContractConfig, FeedConfig};
use crate::disclosure::settings::SourceDisclosureConfig;
use crate::geography::Areas;
use crate::period::Month;

/// `pipelines/*/agreements/<agreement>.toml`: under what a partner's data may be used.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AgreementConfig {
    /// Short name, the same as the file's.
    pub id: String,
    /// An agreement between partners, or the licence of open data.
    #[serde(default)]
    pub kind: AgreementKind,
    /// Reference by which the partners file it; for open data the name of the licence, such as `OGL v3.0`.
    pub reference: String,
    /// What it is called.
    pub title: String,
    /// Who decides over the data: the controller in the sense of the UK GDPR; for open data the publisher.
    pub controller: String,
    /// Lawful basis of the sharing, such as `Crime and Disorder Act 1998, section 115`.
    #[serde(default)]
    pub lawful_basis: String,
    /// Purposes for which the data may be used; a measure names one of them. Absent, for open data only: any.
    #[serde(default)]
    pub purposes: Vec<String>,
    /// Who may see what is counted from the data. Absent, for open data only: everybody.
    #[serde(default)]
    pub outputs: Vec<Audience>,
    /// First day on which it holds, such as `2025-04-01`. Absent: it holds already.
    pub begins: Option<NaiveDate>,
    /// Last day on which it holds, such as `2028-03-31`. Absent, for open data only: it does not end.
    pub expires: Option<NaiveDate>,
    /// How long rows are kept. Absent: no limit was agreed.
    pub retention: Option<RetentionConfig>,
    /// What is counted from the data is withheld from the public at least so. Absent: nothing was agreed.
    pub disclosure: Option<SourceDisclosureConfig>,
    /// Partnerships, by their short names, whose measures may use the data. Absent: every one of the project.
    #[serde(default)]
    pub recipients: Vec<String>,
    /// Role to ask about it; no person's name.
    #[serde(default)]
    pub contact: String,
    /// What a reader should know about it.
    #[serde(default)]
    pub notes: String,
}

/// What kind of agreement it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AgreementKind {
    /// Partners agreed on it; it has purposes and a last day.
    #[default]
    Sharing,
    /// The publisher lets everybody use the data.
    OpenLicence,
}

impl AgreementKind {
    /// The word in tables and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sharing => "sharing",
            Self::OpenLicence => "open-licence",
        }
    }
}

/// Who sees a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// The partners of the partnership.
    Partnership,
    /// Everybody.
    Public,
}

impl Audience {
    /// Both, the narrower first.
    pub const ALL: [Self; 2] = [Self::Partnership, Self::Public];

    /// The word in tables and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Partnership => "partnership",
            Self::Public => "public",
        }
    }
}

/// `[retention]` of an agreement: how long rows, and the files that they came in, are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RetentionConfig {
    /// For how many months.
    pub months: u32,
    /// From when they are counted.
    #[serde(default)]
    pub from: RetentionFrom,
}

/// From when retention is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RetentionFrom {
    /// From the last day of the month that the rows are about.
    #[default]
    MonthEnd,
    /// From the day on which the latest delivery of the month was received.
    Receipt,
}

impl RetentionConfig {
    /// The rule as a reader says it: `24 months from the end of the month`.
    #[must_use]
    pub fn words(&self) -> String {
        let plural = if self.months == 1 { "month" } else { "months" };
        let from = match self.from {
            RetentionFrom::MonthEnd => "the end of the month",
            RetentionFrom::Receipt => "receipt",
        };
        format!("{} {plural} from {from}", self.months)
    }

    /// Last day on which the rows of a month may be kept; `received` is when the latest delivery of it came. `None`
    /// where the rule counts from receipt and nothing was received, and where the day lies beyond the calendar.
    #[must_use]
    pub fn last_day(&self, month: Month, received: Option<DateTime<Utc>>) -> Option<NaiveDate> {
        let from = match self.from {
            RetentionFrom::MonthEnd => month.last_day(),
            RetentionFrom::Receipt => received?.with_timezone(&chrono_tz::Europe::London).date_naive(),
        };
        let day = from.checked_add_months(Months::new(self.months))?;
        // From the end of a month to the end of a month: 30 June and two months are 31 August.
        let ends = self.from == RetentionFrom::MonthEnd;
        Some(if ends { Month::containing(day).last_day() } else { day })
    }
}

/// Whether an agreement holds on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It does.
    InForce,
    /// Not before this day.
    NotBegun(NaiveDate),
    /// Not after this day.
    Expired(NaiveDate),
}

impl State {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::NotBegun(_) => "not_begun",
            Self::Expired(_) => "expired",
        }
    }
}

impl AgreementConfig {
    /// Whether it holds on a day; its first and its last day belong to it.
    #[must_use]
    pub fn state(&self, day: NaiveDate) -> State {
        match (self.begins, self.expires) {
            (Some(begins), _) if day < begins => State::NotBegun(begins),
            (_, Some(expires)) if day > expires => State::Expired(expires),
            _ => State::InForce,
        }
    }

    /// Why a feed under it may not be used on a day; `None` when it may.
    #[must_use]
    pub fn stops(&self, day: NaiveDate) -> Option<String> {
        match self.state(day) {
            State::InForce => None,
            State::NotBegun(begins) => Some(format!("agreement `{}` begins on {begins}", self.id)),
            State::Expired(expires) => Some(format!("agreement `{}` expired on {expires}", self.id)),
        }
    }

    /// Those who may see what is counted from the data.
    #[must_use]
    pub fn audiences(&self) -> Vec<Audience> {
        match (self.kind, self.outputs.as_slice()) {
            (AgreementKind::OpenLicence, []) => Audience::ALL.to_vec(),
            (_, outputs) => Audience::ALL.into_iter().filter(|audience| outputs.contains(audience)).collect(),
        }
    }
}

/// Columns of a contract that hold something about a person, by name: those that it marks `person`, `drop` or
/// `free-text`. A feed whose contract has one needs an agreement.
#[must_use]
pub fn person_columns(contract: &ContractConfig) -> Vec<&str> {
    // Read from the settings as written, so that the rule holds for every way of marking that a contract offers.
    let marked = |column: &crate::config::settings::ColumnConfig| {
        let keys = serde_json::to_value(column).unwrap_or_default();
        ["person", "drop", "free-text"]
            .iter()
            .any(|key| keys.get(key) == Some(&serde_json::Value::Bool(true)))
    };
    contract.column.iter().filter(|column| marked(column)).map(|column| column.name.as_str()).collect()
}

/// Why somebody may not use or see something: a fragment that names feed and agreement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Reason(pub String);

/// The feeds that a measure or table reads, each with its agreement where one is recorded.
#[derive(Debug, Clone, Default)]
pub struct Reads<'a>(pub Vec<(&'a FeedConfig, Option<&'a AgreementConfig>)>);

/// The feeds of the datasets that cover one of the areas; every feed of the datasets where `wanted` is `None`.
///
/// A feed that covers none of a measure's areas brings no row to it, so its agreement does not bind it.
#[must_use]
pub fn reads<'a>(
    project: &'a Project,
    datasets: impl IntoIterator<Item = &'a String>,
    wanted: Option<(&Areas, &[String])>,
) -> Reads<'a> {
    let concerned = |feed: &FeedConfig| {
        wanted.is_none_or(|(areas, codes)| {
            codes.iter().any(|code| {
                feed.covers.iter().any(|whole| areas.lies_in(code, whole) || areas.lies_in(whole, code))
            })
        })
    };
    let feeds = datasets.into_iter().flat_map(|dataset| project.feeds_of(dataset));
    Reads(feeds.filter(|feed| concerned(feed)).map(|feed| (feed, project.agreement_of(feed))).collect())
}

/// Whether a measure of this purpose may be computed at all for a partnership: both are among those agreed on.
///
/// An agreement without purposes allows any. That a measure names one where it must is seen by `check`.
///
/// # Errors
/// The first feed whose agreement does not allow it.
pub fn allows(reads: &Reads<'_>, purpose: Option<&str>, partnership: &str) -> Result<(), Reason> {
    for (feed, agreement) in reads.0.iter().filter_map(|(feed, agreement)| Some((feed, (*agreement)?))) {
        if let Some(purpose) = purpose
            && !agreement.purposes.is_empty()
            && !agreement.purposes.iter().any(|known| known == purpose)
        {
            return Err(Reason(format!(
                "purpose `{purpose}` is not among those of agreement `{}`, under which feed `{}` is supplied",
                agreement.id, feed.id
            )));
        }
        if !agreement.recipients.is_empty() && !agreement.recipients.iter().any(|known| known == partnership)
        {
            return Err(Reason(format!(
                "partnership `{partnership}` is not a recipient of agreement `{}`, under which feed `{}` is \
                 supplied",
                agreement.id, feed.id
            )));
        }
    }
    Ok(())
}

/// Whether an audience may see what is counted from these feeds. What comes from a feed without an agreement stays in
/// the partnership.
///
/// # Errors
/// The first feed that may not be shown to it.
pub fn permits(reads: &Reads<'_>, audience: Audience) -> Result<(), Reason> {
    for (feed, agreement) in &reads.0 {
        match agreement {
            Some(agreement) if agreement.audiences().contains(&audience) => {}
            Some(agreement) => {
                return Err(Reason(format!(
                    "agreement `{}`, under which feed `{}` is supplied, does not permit audience `{}`",
                    agreement.id,
                    feed.id,
                    audience.name()
                )));
            }
            None if audience == Audience::Partnership => {}
            None => {
                return Err(Reason(format!(
                    "feed `{}` has no agreement recorded, so it is not shown to audience `{}`",
                    feed.id,
                    audience.name()
                )));
            }
        }
    }
    Ok(())
}

/// The audiences that may see what is counted from these feeds, as the tables list them; empty when none may.
#[must_use]
pub fn audiences(reads: &Reads<'_>) -> String {
    let permitted = Audience::ALL.into_iter().filter(|audience| permits(reads, *audience).is_ok());
    permitted.map(Audience::name).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement(text: &str) -> AgreementConfig {
        let needed = "id = \"a\"\nreference = \"ISA 7\"\ntitle = \"t\"\ncontroller = \"c\"\n";
        toml::from_str(&format!("{needed}{text}")).unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn feed(id: &str) -> FeedConfig {
        toml::from_str(&format!(
            "id = \"{id}\"\ntitle = \"t\"\nsupplier = \"s\"\ncontract = \"c\"\nsource = \"{{period}}.csv\"\n\
             covers = []\nfrom = \"2025-04\"\n"
        ))
        .unwrap()
    }

    #[test]
    fn an_agreement_holds_from_its_first_to_its_last_day() {
        let one = agreement("begins = \"2025-04-01\"\nexpires = \"2026-03-31\"\n");
        assert_eq!(one.state(day("2025-03-31")), State::NotBegun(day("2025-04-01")));
        assert_eq!(one.state(day("2025-04-01")), State::InForce);
        assert_eq!(one.state(day("2026-03-31")), State::InForce);
        assert_eq!(one.state(day("2026-04-01")), State::Expired(day("2026-03-31")));
        assert_eq!(one.stops(day("2026-04-01")).as_deref(), Some("agreement `a` expired on 2026-03-31"));
    }

    #[test]
    fn retention_is_counted_from_the_end_of_the_month_or_from_receipt() {
        let month: Month = "2025-06".parse().unwrap();
        let received = "2025-08-01T23:30:00Z".parse().ok();
        let rule = |from| RetentionConfig { months: 2, from };
        assert_eq!(rule(RetentionFrom::MonthEnd).last_day(month, None), Some(day("2025-08-31")));
        // Half past midnight of 2 August in London.
        assert_eq!(rule(RetentionFrom::Receipt).last_day(month, received), Some(day("2025-10-02")));
        assert_eq!(rule(RetentionFrom::Receipt).last_day(month, None), None);
    }

    #[test]
    fn the_strictest_agreement_decides_who_sees_a_measure() {
        let (open, closed) =
            (agreement("kind = \"open-licence\"\n"), agreement("outputs = [\"partnership\"]\n"));
        let (a, b) = (feed("a"), feed("b"));
        assert_eq!(audiences(&Reads(vec![(&a, Some(&open))])), "partnership, public");
        let both = Reads(vec![(&a, Some(&open)), (&b, Some(&closed))]);
        assert_eq!(audiences(&both), "partnership");
        assert!(permits(&both, Audience::Public).unwrap_err().to_string().contains("feed `b`"));
        assert_eq!(audiences(&Reads(vec![(&a, None)])), "partnership");
    }
}
