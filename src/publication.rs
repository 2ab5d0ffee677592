//! The release calendar: which release goes out to whom, and when. Nothing embargoed is readable by its audience before.
//!
//! `pipelines/*/calendar.toml` plans; `published/calendar.jsonl` records what went out, only ever appended. With a
//! calendar the public set of a release is made with every release, lies in the release's own folder, which is the
//! partnership's, and comes to `published/public/`, which is the public's, when the calendar says so.
//!
//! Source: Code of Practice for Statistics, T3 (orderly release): dates announced beforehand, 09:30 on a weekday, access
//! before release limited and listed, a named contact.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use chrono::{
    DateTime, Datelike, MappedLocalTime, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone,
    Utc,
};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agreement::Audience;
use crate::config::settings::{day, day_or_time};
use crate::config::{Loaded, Project, span_of};
use crate::diagnose::Problem;
use crate::durable;
use crate::period::{Month, Period, holidays};
use crate::release::{self, Published};

/// `pipelines/*/calendar.toml`: the releases that are planned, and whom to ask about them. A project has one public set of
/// tables, so that one folder has the calendar.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CalendarConfig {
    /// Whom readers ask; a role, and where it is reached.
    pub contact: ContactConfig,
    /// The planned releases. One that is out stays here: its line is history.
    #[serde(default)]
    pub release: Vec<PlannedConfig>,
}

/// `[contact]` of a calendar: the analyst who is responsible.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContactConfig {
    /// Role.
    pub role: String,
    /// Mailbox, telephone number or web page.
    pub address: String,
}

/// `[[release]]` of a calendar: one planned release.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PlannedConfig {
    /// Name by which it is quoted, such as `2025-Q2-board`: letters, digits and `-`, with a letter.
    pub name: String,
    /// What it is, in words.
    #[serde(default)]
    pub title: String,
    /// When it goes out, in local time: `2025-08-14 09:30`. Where the clocks go back and the time comes twice, the second
    /// one is meant.
    #[serde(deserialize_with = "local_time")]
    #[schemars(with = "String")]
    pub publish_at: NaiveDateTime,
    /// Who waits for it. `public`: its tables come to `published/public/` then. `partnership`: nothing is held back, for
    /// `published/current` is the partnership's; the release gets its name then.
    #[serde(default = "public")]
    pub audience: Audience,
    /// Roles that may see it beforehand.
    #[serde(default)]
    pub pre_release: Vec<String>,
    /// Periods that it is about, such as `2025/26 Q1`. What ends later than the last of them waits for the next release.
    pub periods: Vec<String>,
    /// Day on which the date was announced; four weeks ahead is expected.
    #[serde(default, deserialize_with = "some_day")]
    pub announced: Option<NaiveDate>,
    /// The release that goes out. Absent: the latest that was made by then.
    pub release: Option<String>,
    /// What a reader should know, such as why its date was changed.
    #[serde(default)]
    pub note: String,
}

fn public() -> Audience {
    Audience::Public
}

fn some_day<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDate>, D::Error> {
    day(deserializer).map(Some)
}

/// A local time, written with or without quotes, with a blank or a `T`, with or without seconds.
fn local_time<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<NaiveDateTime, D::Error> {
    let text = day_or_time(deserializer)?;
    let known = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]
        .into_iter()
        .find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok());
    let wrong = || format!("expected a local time such as \"2025-08-14 09:30\", found `{text}`");
    known.ok_or_else(|| serde::de::Error::custom(wrong()))
}

/// A planned release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its name.
    pub name: String,
    /// When it goes out.
    pub publish_at: DateTime<Utc>,
    /// Who waits for it.
    pub audience: Audience,
    /// Last month that it tells of.
    pub until: Month,
    /// The release that goes out, where that is laid down.
    pub release: Option<String>,
}

/// One line of the record: a planned release that went out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WentOut {
    /// Its name in the calendar.
    pub name: String,
    /// The release.
    pub release: String,
    /// Who waited for it.
    pub audience: Audience,
    /// When it was to go out, as the calendar had it then.
    pub publish_at: DateTime<Utc>,
    /// When it did.
    pub at: DateTime<Utc>,
}

/// A release that could go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub release: String,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// Last month that its public set tells of; `None` where it has none.
    pub public_until: Option<Month>,
}

/// The instant of a local time: the later of two where the clocks go back, so that nothing is out too early; `None` where
/// they go forward over it.
fn instant(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(time) => Some(time.to_utc()),
        MappedLocalTime::Ambiguous(_, later) => Some(later.to_utc()),
        MappedLocalTime::None => None,
    }
}

/// The time zone in which a project's times are meant.
fn zone(project: &Project) -> Tz {
    project.settings.schedule.time_zone.parse().unwrap_or(chrono_tz::Europe::London)
}

/// The calendar of a project; `None`: it has none, and a public set goes out with each release.
#[must_use]
pub fn calendar(project: &Project) -> Option<&Loaded<CalendarConfig>> {
    project.calendars.values().next()
}

/// What is planned, in the order in which it is to go out.
#[must_use]
pub fn planned(project: &Project) -> Vec<Planned> {
    let zone = zone(project);
    let releases = calendar(project).into_iter().flat_map(|calendar| &calendar.config.release);
    let mut planned: Vec<Planned> = releases
        .filter_map(|release| {
            let periods = release.periods.iter().filter_map(|text| text.parse::<Period>().ok());
            Some(Planned {
                name: release.name.clone(),
                publish_at: instant(release.publish_at, zone)?,
                audience: release.audience,
                until: periods.map(|period| period.last).max()?,
                release: release.release.clone(),
            })
        })
        .collect();
    planned.sort_by(|a, b| (a.publish_at, &a.name).cmp(&(b.publish_at, &b.name)));
    planned
}

/// The planned releases that should be out at a moment and are not, in the order in which they were to go out.
#[must_use]
pub fn due<'a>(planned: &'a [Planned], out: &[WentOut], now: DateTime<Utc>) -> Vec<&'a Planned> {
    open(planned, out).filter(|planned| planned.publish_at <= now).collect()
}

/// The planned releases that are not out, in their order.
fn open<'a>(planned: &'a [Planned], out: &[WentOut]) -> impl Iterator<Item = &'a Planned> {
    let done: BTreeSet<String> = out.iter().map(|line| line.name.clone()).collect();
    planned.iter().filter(move |planned| !done.contains(&planned.name))
}

/// When the next planned release is to go out; `None` when nothing more is planned.
#[must_use]
pub fn next(planned: &[Planned], out: &[WentOut]) -> Option<DateTime<Utc>> {
    open(planned, out).map(|planned| planned.publish_at).next()
}

/// The last month that the public set of a release may tell of which is made now: that of the next release that the public
/// waits for. `None`: nothing is planned any more.
#[must_use]
pub fn public_until(planned: &[Planned], out: &[WentOut]) -> Option<Month> {
    open(planned, out).find(|planned| planned.audience == Audience::Public).map(|planned| planned.until)
}

/// The release that goes out as a planned one, of those that were made, the oldest first: the one that is laid down, else
/// the latest that was made by the time; else, as that time has passed, the first made since. For the public only one whose
/// set tells of the planned months and of none later.
#[must_use]
pub fn chosen<'a>(planned: &Planned, made: &'a [Candidate]) -> Option<&'a Candidate> {
    let fits = |candidate: &&Candidate| {
        planned.release.as_ref().is_none_or(|wanted| *wanted == candidate.release)
            && (planned.audience != Audience::Public || candidate.public_until == Some(planned.until))
    };
    let by_then = |candidate: &&Candidate| candidate.made_at <= planned.publish_at;
    made.iter().rev().filter(by_then).find(fits).or_else(|| made.iter().find(fits))
}

fn record(published: &Published) -> PathBuf {
    published.folder().join("calendar.jsonl")
}

/// What went out, the oldest first.
///
/// # Errors
/// A record that cannot be read.
pub fn went_out(published: &Published) -> io::Result<Vec<WentOut>> {
    durable::read_lines(&record(published))
}

/// What the gate did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gate {
    /// What went out, in order.
    pub out: Vec<WentOut>,
    /// What is due and cannot go out, each in a line.
    pub waiting: Vec<String>,
}

/// Brings out what is due, and records it. Only the holder of the warehouse may.
///
/// # Errors
/// What the file system reports.
pub fn bring_out(project: &Project, now: DateTime<Utc>) -> io::Result<Gate> {
    let mut gate = Gate::default();
    let planned = planned(project);
    let published = Published::in_warehouse(&project.warehouse());
    let out = went_out(&published)?;
    let due = due(&planned, &out, now);
    if due.is_empty() {
        return Ok(gate);
    }
    let made = candidates(&published);
    for planned in due {
        let Some(found) = chosen(planned, &made) else {
            let what = match &planned.release {
                Some(release) => {
                    format!("release {release} has no public set that ends with {}", planned.until)
                }
                None => format!("no release has been made for it yet, with figures up to {}", planned.until),
            };
            gate.waiting.push(format!("calendar: {} is due and not out: {what}", planned.name));
            continue;
        };
        if planned.audience == Audience::Public {
            published.show_to_public(&found.release).map_err(io::Error::other)?;
        }
        let line = WentOut {
            name: planned.name.clone(),
            release: found.release.clone(),
            audience: planned.audience,
            publish_at: planned.publish_at,
            at: now,
        };
        durable::append_line(&record(&published), &line)?;
        gate.out.push(line);
    }
    Ok(gate)
}

/// The releases that are there, the oldest first.
fn candidates(published: &Published) -> Vec<Candidate> {
    let of = |name: String| {
        let folder = published.release(&name)?;
        let manifest = release::read_manifest(&folder).ok()?;
        // Earlier versions of the program tell the day alone; by its end it was made.
        let end = || manifest.as_of.and_time(NaiveTime::MIN).and_utc() + TimeDelta::days(1);
        let public = manifest.public_until.filter(|_| folder.join(release::public::FOLDER).is_dir());
        Some(Candidate {
            made_at: manifest.made_at.unwrap_or_else(end),
            public_until: public,
            release: manifest.release,
        })
    };
    published.names().into_iter().filter_map(of).collect()
}

/// The release that a name of the calendar stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// It is out.
    Out(String),
    /// It is planned for this local time, and not out.
    Planned(String),
    /// The calendar has no such name.
    Unknown,
}

/// Finds a release by its name in the calendar.
///
/// # Errors
/// A record that cannot be read.
pub fn named(project: &Project, published: &Published, name: &str) -> io::Result<Named> {
    if let Some(line) = went_out(published)?.into_iter().rev().find(|line| line.name == name) {
        return Ok(Named::Out(line.release));
    }
    let zone = zone(project);
    let found = planned(project).into_iter().find(|planned| planned.name == name);
    Ok(found.map_or(Named::Unknown, |planned| Named::Planned(by_wall_clock(planned.publish_at, zone))))
}

/// `14 August 2025, 09:30`.
fn by_wall_clock(time: DateTime<Utc>, zone: Tz) -> String {
    time.with_timezone(&zone).format("%-d %B %Y, %H:%M").to_string()
}

/// What the calendar holds in store, seen from a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// Releases whose time has passed and that are not out, in the order in which they were to go out.
    pub due: Vec<String>,
    /// The next one whose time has not passed; `None` when nothing more is planned.
    pub next: Option<NextRelease>,
    /// Last day on which something is planned for the public, or for the partnership where nothing ever is for the public.
    pub until: Option<NaiveDate>,
    /// No release of these is missing in the coming twelve months: the first after `until`, at the longest distance that
    /// lies between two of the calendar, would go out later.
    pub covers_twelve_months: bool,
}

/// The next planned release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextRelease {
    /// Its name.
    pub name: String,
    /// When it goes out.
    pub publish_at: DateTime<Utc>,
    /// The same by the wall clock, in words.
    pub local: String,
    /// Who waits for it.
    pub audience: Audience,
}

impl Outlook {
    /// What is next, in words.
    #[must_use]
    pub fn next_in_words(&self) -> String {
        self.next.as_ref().map_or_else(
            || "nothing more is planned".to_owned(),
            |next| format!("next {} on {}, for the {}", next.name, next.local, next.audience.name()),
        )
    }

    /// How far the calendar falls short of the coming twelve months, in words; `None` where it covers them.
    #[must_use]
    pub fn shortfall(&self) -> Option<String> {
        let reaches = match self.until {
            Some(until) => format!("it reaches to {}", until.format("%-d %B %Y")),
            None => "it plans nothing".to_owned(),
        };
        (!self.covers_twelve_months).then(|| {
            format!("{reaches} and does not cover the coming twelve months, as the Code of Practice asks")
        })
    }
}

/// The calendar as it lies ahead at a moment; `None` without one.
#[must_use]
pub fn outlook(project: &Project, out: &[WentOut], now: DateTime<Utc>) -> Option<Outlook> {
    calendar(project)?;
    let (planned, zone) = (planned(project), zone(project));
    let for_public = planned.iter().any(|planned| planned.audience == Audience::Public);
    let days: Vec<NaiveDate> = planned
        .iter()
        .filter(|planned| !for_public || planned.audience == Audience::Public)
        .map(|planned| planned.publish_at.with_timezone(&zone).date_naive())
        .collect();
    let next = open(&planned, out).find(|planned| planned.publish_at > now).map(|planned| NextRelease {
        name: planned.name.clone(),
        publish_at: planned.publish_at,
        local: by_wall_clock(planned.publish_at, zone),
        audience: planned.audience,
    });
    Some(Outlook {
        due: due(&planned, out, now).into_iter().map(|planned| planned.name.clone()).collect(),
        next,
        until: days.last().copied(),
        covers_twelve_months: covers_twelve_months(&days, now.with_timezone(&zone).date_naive()),
    })
}

/// Whether no release is missing in the twelve months from `today`, by the days on which there are some, in their order.
fn covers_twelve_months(days: &[NaiveDate], today: NaiveDate) -> bool {
    let longest = days.windows(2).map(|two| two[1] - two[0]).max().unwrap_or_default();
    let following = days.last().and_then(|last| last.checked_add_signed(longest));
    let ends = today.checked_add_months(Months::new(12));
    following.zip(ends).is_some_and(|(following, ends)| following >= ends)
}

/// A planned release, as table `release_calendar` tells it.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    /// As it is planned.
    pub planned: &'a PlannedConfig,
    /// Whom to ask.
    pub contact: &'a ContactConfig,
    /// When it goes out.
    pub publish_at: Option<DateTime<Utc>>,
    /// How it went out; `None` where it has not.
    pub out: Option<WentOut>,
    /// Whether its time has passed.
    pub due: bool,
}

impl Line<'_> {
    /// The word in tables.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (&self.out, self.due) {
            (Some(_), _) => "out",
            (None, true) => "due",
            (None, false) => "planned",
        }
    }
}

/// The calendar as it stands at a moment, in the order in which releases go out, and what of it is out.
#[must_use]
pub fn lines<'a>(project: &'a Project, out: &[WentOut], now: DateTime<Utc>) -> Vec<Line<'a>> {
    let Some(calendar) = calendar(project) else { return Vec::new() };
    let zone = zone(project);
    let mut lines: Vec<Line<'a>> = calendar
        .config
        .release
        .iter()
        .map(|planned| {
            let publish_at = instant(planned.publish_at, zone);
            let own = out.iter().find(|line| line.name == planned.name);
            Line {
                planned,
                contact: &calendar.config.contact,
                publish_at,
                out: own.cloned(),
                due: publish_at.is_some_and(|time| time <= now),
            }
        })
        .collect();
    lines.sort_by(|a, b| (a.publish_at, &a.planned.name).cmp(&(b.publish_at, &b.planned.name)));
    lines
}

/// Keeps from everybody but the owner and the group what is not for the public: all of the warehouse but
/// `published/public/`. Only where there is a calendar; without one nothing is held back.
///
/// # Errors
/// What the file system reports.
pub fn close(project: &Project) -> io::Result<()> {
    if calendar(project).is_none() {
        return Ok(());
    }
    let warehouse = project.warehouse();
    let mut folders = vec![warehouse.join("published/releases")];
    folders.extend(std::fs::read_dir(&warehouse)?.flatten().map(|entry| entry.path()));
    folders.retain(|path| path.is_dir() && !path.ends_with("published"));
    folders.iter().try_for_each(|folder| durable::close(folder))
}

/// What is wrong with the calendars of a project.
pub(crate) fn check(project: &Project, problems: &mut Vec<Problem>) {
    let zone = zone(project);
    if let Some(first) = calendar(project) {
        for other in project.calendars.values().skip(1) {
            let message = format!("the project has a calendar already, {}", first.source.path.display());
            let help = "a project has one public set of tables, so plan all its releases in one calendar";
            problems.push(Problem::new(&other.source, 0..0, message).help(help));
        }
    }
    for calendar in project.calendars.values() {
        let waits = calendar.config.release.iter().position(|planned| planned.audience == Audience::Public);
        if let Some(number) = waits.filter(|_| project.settings.public.is_none()) {
            let span = span_of(&calendar.source, &["release", &number.to_string(), "name"]);
            let message = "the public waits for this release, but no tables are made for the public";
            let help = "add a section [public] to outturn.toml, or write audience = \"partnership\"";
            problems.push(Problem::new(&calendar.source, span, message).help(help));
        }
        let mut names = BTreeSet::new();
        for (number, planned) in calendar.config.release.iter().enumerate() {
            let mut at = |key: &str, message: String, help: &str| {
                let span = span_of(&calendar.source, &["release", &number.to_string(), key]);
                problems.push(Problem::new(&calendar.source, span, message).help(help.to_owned()));
            };
            let plain = planned.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if !plain || !planned.name.bytes().any(|b| b.is_ascii_alphabetic()) {
                let message = format!("`{}` cannot be the name of a planned release", planned.name);
                at("name", message, "use letters, digits and -, with a letter, such as 2025-Q2-board");
            }
            if !names.insert(&planned.name) {
                at("name", format!("`{}` is planned twice", planned.name), "choose another name");
            }
            if instant(planned.publish_at, zone).is_none() {
                let message =
                    format!("there is no {} in {zone}: the clocks go forward over it", planned.publish_at);
                at("publish-at", message, "choose a time that the clocks show");
            }
            if planned.periods.is_empty() {
                at("periods", "at least one period is needed".to_owned(), "such as \"2025/26 Q1\"");
            }
            for period in &planned.periods {
                if let Err(error) = period.parse::<Period>() {
                    at("periods", error.to_string(), "write it as table `outturn` does");
                }
            }
        }
    }
}

/// What in the calendar is not as the Code of Practice for Statistics has it.
pub(crate) fn warnings(project: &Project) -> Vec<Problem> {
    let zone = zone(project);
    let mut warnings = Vec::new();
    for calendar in project.calendars.values() {
        for (number, planned) in calendar.config.release.iter().enumerate() {
            let mut at = |key: &str, message: String| {
                let span = span_of(&calendar.source, &["release", &number.to_string(), key]);
                warnings.push(Problem::new(&calendar.source, span, message));
            };
            let (name, day, time) = (&planned.name, planned.publish_at.date(), planned.publish_at.time());
            if day.weekday().number_from_monday() > 5 {
                at("publish-at", format!("{name} goes out on a {}; a weekday is usual", day.format("%A")));
            } else if holidays::is_bank_holiday(day) {
                at("publish-at", format!("{name} goes out on a bank holiday, {day}"));
            }
            if Some(time) != NaiveTime::from_hms_opt(9, 30, 0) {
                at("publish-at", format!("{name} goes out at {}; 09:30 is usual", time.format("%H:%M")));
            }
            if matches!(zone.from_local_datetime(&planned.publish_at), MappedLocalTime::Ambiguous(_, _)) {
                let message =
                    format!("{} comes twice, as the clocks go back; the second is meant", planned.publish_at);
                at("publish-at", message);
            }
            if let Some(announced) = planned.announced
                && day - announced < TimeDelta::weeks(4)
            {
                let days = (day - announced).num_days();
                at("announced", format!("{name} was announced {days} days ahead; four weeks are usual"));
            }
            if let Some(period) =
                planned.periods.iter().filter_map(|text| text.parse::<Period>().ok()).max_by_key(|p| p.last)
                && period.last.last_day() >= day
            {
                at("periods", format!("{name} goes out before {period} is over"));
            }
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn local(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    fn planned(name: &str, publish_at: &str, until: &str) -> Planned {
        Planned {
            name: name.to_owned(),
            publish_at: at(publish_at),
            audience: Audience::Public,
            until: until.parse().unwrap(),
            release: None,
        }
    }

    fn went(name: &str) -> WentOut {
        WentOut {
            name: name.to_owned(),
            release: "2025-08-14.1".to_owned(),
            audience: Audience::Public,
            publish_at: at("2025-08-14T08:30:00Z"),
            at: at("2025-08-14T08:30:00Z"),
        }
    }

    fn made(release: &str, made_at: &str, public_until: &str) -> Candidate {
        Candidate {
            release: release.to_owned(),
            made_at: at(made_at),
            public_until: public_until.parse().ok(),
        }
    }

    #[test]
    fn half_past_nine_is_that_of_the_wall_clock_in_summer_and_in_winter_and_on_the_days_of_change() {
        let london = chrono_tz::Europe::London;
        let utc = |text: &str| instant(local(text), london).map(|time| time.to_rfc3339());
        assert_eq!(utc("2025-08-14 09:30").unwrap(), "2025-08-14T08:30:00+00:00");
        assert_eq!(utc("2025-11-13 09:30").unwrap(), "2025-11-13T09:30:00+00:00");
        // 30 March 2025 has no half past one, and 26 October 2025 has two, of which the later is meant.
        assert_eq!(utc("2025-03-30 09:30").unwrap(), "2025-03-30T08:30:00+00:00");
        assert_eq!(utc("2025-03-30 01:30"), None);
        assert_eq!(utc("2025-10-26 09:30").unwrap(), "2025-10-26T09:30:00+00:00");
        assert_eq!(utc("2025-10-26 01:30").unwrap(), "2025-10-26T01:30:00+00:00");
    }

    #[test]
    fn nothing_is_due_a_second_before_its_time_and_nothing_twice() {
        let plan = [
            planned("a", "2025-08-14T08:30:00Z", "2025-06"),
            planned("b", "2025-11-13T09:30:00Z", "2025-09"),
        ];
        let names = |now: &str, out: &[WentOut]| -> Vec<String> {
            due(&plan, out, at(now)).into_iter().map(|planned| planned.name.clone()).collect()
        };
        assert!(names("2025-08-14T08:29:59Z", &[]).is_empty());
        assert_eq!(names("2025-08-14T08:30:00Z", &[]), ["a"]);
        assert!(names("2025-11-13T09:29:59Z", &[went("a")]).is_empty());
        assert_eq!(names("2025-11-13T09:30:00Z", &[]), ["a", "b"], "both after a long standstill");
        assert!(names("2025-12-01T00:00:00Z", &[went("a"), went("b")]).is_empty());
        assert_eq!(next(&plan, &[went("a")]), Some(at("2025-11-13T09:30:00Z")));
        assert_eq!(next(&plan, &[went("a"), went("b")]), None);
    }

    #[test]
    fn the_public_set_tells_of_nothing_later_than_the_next_planned_release() {
        let mut plan = vec![
            planned("a", "2025-08-14T08:30:00Z", "2025-06"),
            planned("b", "2025-11-13T09:30:00Z", "2025-09"),
        ];
        assert_eq!(public_until(&plan, &[]), "2025-06".parse().ok());
        assert_eq!(public_until(&plan, &[went("a")]), "2025-09".parse().ok());
        assert_eq!(public_until(&plan, &[went("a"), went("b")]), None);
        plan[0].audience = Audience::Partnership;
        assert_eq!(
            public_until(&plan, &[]),
            "2025-09".parse().ok(),
            "the public does not wait for the first"
        );
    }

    #[test]
    fn a_calendar_covers_a_year_when_the_next_release_after_its_last_would_go_out_later() {
        let covers = |days: &[&str], today: &str| {
            let days: Vec<NaiveDate> = days.iter().map(|day| day.parse().unwrap()).collect();
            covers_twelve_months(&days, today.parse().unwrap())
        };
        let quarters = ["2025-08-14", "2025-11-13", "2026-02-12", "2026-05-14", "2026-08-13"];
        // The longest distance is 91 days: the next would go out on 12 November 2026.
        assert!(covers(&quarters, "2025-08-14") && covers(&quarters, "2025-11-12"));
        assert!(!covers(&quarters, "2025-11-13") && !covers(&quarters, "2026-08-14"));
        assert!(!covers(&quarters[..4], "2025-08-14"), "the release of August 2026 is missing");
        // One a year; and one alone, of which no distance is known.
        assert!(covers(&["2025-07-10", "2026-07-09"], "2026-07-08"));
        assert!(covers(&["2026-07-09"], "2025-07-09") && !covers(&["2026-07-09"], "2025-07-10"));
        assert!(!covers(&[], "2025-07-10"));
    }

    #[test]
    fn the_latest_release_that_was_made_by_the_time_goes_out_and_none_that_tells_more() {
        let plan = planned("a", "2025-08-14T08:30:00Z", "2025-06");
        let all = [
            made("2025-08-12.1", "2025-08-12T04:30:00Z", "2025-06"),
            made("2025-08-14.1", "2025-08-14T04:30:00Z", "2025-06"),
            made("2025-08-14.2", "2025-08-14T08:30:00Z", "2025-09"),
            made("2025-08-15.1", "2025-08-15T04:30:00Z", "2025-06"),
        ];
        let name = |plan: &Planned, from: &[Candidate]| chosen(plan, from).map(|found| found.release.clone());
        assert_eq!(name(&plan, &all).unwrap(), "2025-08-14.1");
        assert_eq!(name(&plan, &all[2..]).unwrap(), "2025-08-15.1", "it was late: the first since");
        assert_eq!(name(&plan, &all[2..3]), None, "it tells of months that wait for another release");
        assert_eq!(
            name(&plan, &[made("2025-08-12.1", "2025-08-12T04:30:00Z", "")]),
            None,
            "it has no public set"
        );
        let laid_down = Planned { release: Some("2025-08-12.1".to_owned()), ..plan.clone() };
        assert_eq!(name(&laid_down, &all).unwrap(), "2025-08-12.1");
        let board = Planned { audience: Audience::Partnership, ..plan };
        assert_eq!(name(&board, &all).unwrap(), "2025-08-14.2", "for the partnership nothing is held back");
    }
}
