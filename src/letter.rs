//! A message to a supplier in plain English: what was expected, what came, which rows, and what to send. It holds line
//! numbers and rules, and no value of a row.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::check::check;
use crate::config::Project;
use crate::config::settings::ContractConfig;
use crate::feed;
use crate::freshness::{self, Standing, State, in_days};
use crate::inspect;
use crate::normalise::header::NO_HEADING;
use crate::normalise::{DeliveryReport, DeliveryStatus};
use crate::period::Month;
use crate::period::holidays::working_days_after;
use crate::rejudge::{self, RejectedRow};
use crate::run::{RunError, look};

mod words;

/// Line numbers that are named for each rule; the others are counted.
const LINES: usize = 20;
/// Working days that a supplier has for a correction, where the due day leaves no more.
const DAYS_TO_ANSWER: u32 = 5;

/// A message to a supplier.
#[derive(Debug, Clone, Serialize)]
pub struct Letter {
    /// The feed.
    pub feed: String,
    /// To whom.
    pub supplier: String,
    /// What it is about, in a line.
    pub subject: String,
    /// The period.
    pub period: String,
    /// How it stands.
    pub state: State,
    /// The last day on which it was, or is, on time.
    pub due_on: NaiveDate,
    /// Days past that day; absent where it is not late.
    pub days_late: Option<i64>,
    /// What came.
    pub deliveries: Vec<Came>,
    /// What is wrong with it; empty where nothing is.
    pub problems: Vec<Fault>,
    /// What the supplier is asked to do; empty where it is nothing.
    pub asks: Vec<String>,
    /// By when; absent where nothing is asked.
    pub answer_by: Option<NaiveDate>,
    /// The message as it can be sent.
    pub text: String,
}

/// One delivery that came.
#[derive(Debug, Clone, Serialize)]
pub struct Came {
    /// Name of the file.
    pub file: String,
    /// When it was received.
    pub received: DateTime<Utc>,
    /// Whether it could be used.
    pub status: DeliveryStatus,
    /// Rows that it brought.
    pub rows: u64,
    /// Rows that are set aside.
    pub set_aside: u64,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Fault {
    /// Name of the rule.
    pub rule: String,
    /// Name of the file.
    pub file: String,
    /// Column of the file; empty where it is about the row or the file as a whole.
    pub column: String,
    /// What is wrong, in words.
    pub words: String,
    /// Rows concerned; 0 where it is about the file as a whole.
    pub rows: u64,
    /// The first of their line numbers, the heading being line 1.
    pub lines: Vec<i64>,
}

/// What keeps a letter from being written.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// The project or its warehouse.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There is no such feed.
    #[error("there is no feed `{feed}`{help}")]
    UnknownFeed {
        /// As it was asked for.
        feed: String,
        /// The nearest name.
        help: String,
    },
    /// The feed has no such period yet.
    #[error("feed `{feed}` has nothing to be written about {period}")]
    NoPeriod {
        /// The feed.
        feed: String,
        /// The period as it was asked for, or the latest.
        period: String,
    },
}

/// Writes to the supplier of a feed about a period: the one that ends with `month`, or the latest that is due or came.
///
/// # Errors
/// A feed or period that is not there; a project with problems; a landing or release that cannot be read.
pub async fn compose(
    root: &Path,
    feed: &str,
    month: Option<Month>,
    now: DateTime<Utc>,
) -> Result<Letter, LetterError> {
    let checked = check(root).await.map_err(RunError::Invalid)?;
    let project = &checked.project;
    let (landing, states, stored) = look(&checked, now).await?;
    let standings = inspect::settled_standings(project, &states, now)?;
    let found = states.iter().zip(&standings).find(|(state, _)| state.feed.id == feed);
    let Some((state, standings)) = found else {
        let known = project.feeds.keys().map(String::as_str);
        let help = crate::diagnose::suggestion(feed, known).map(|help| format!("; {help}"));
        return Err(LetterError::UnknownFeed { feed: feed.to_owned(), help: help.unwrap_or_default() });
    };
    let standing = standings.iter().rev().find(|standing| match month {
        Some(month) => (standing.period.first..=standing.period.last).contains(&month),
        None => !matches!(standing.state, State::NotYetDue | State::KnownGap),
    });
    let Some(standing) = standing else {
        let period = month.map_or_else(|| "any period".to_owned(), |month| month.to_string());
        return Err(LetterError::NoPeriod { feed: feed.to_owned(), period });
    };
    let as_of = now.with_timezone(&chrono_tz::Europe::London).date_naive();
    let within = |month: Month| (standing.period.first..=standing.period.last).contains(&month);
    let only: Vec<feed::FeedState> = vec![state.clone()];
    let mut reports = Vec::new();
    let mut rows = Vec::new();
    for dataset in checked.datasets.values() {
        let failed = |source| RunError::Normalise {
            dataset: dataset.id.clone(),
            month: standing.period.last,
            source: Box::new(source),
        };
        for job in stored.jobs_to_look_at(dataset, &only, &landing, within).map_err(failed)? {
            let judged = rejudge::each_row_of(&job, feed, &landing).map_err(failed)?;
            reports.extend(judged.reports);
            rows.extend(judged.rows);
        }
    }
    let contract = project.contracts.get(&state.feed.contract).map(|contract| &contract.config);
    let found = Found { project, contract, state, standing, reports: &reports, rows: &rows, as_of };
    Ok(found.letter())
}

/// Everything that a letter is written from.
struct Found<'a> {
    project: &'a Project,
    contract: Option<&'a ContractConfig>,
    state: &'a feed::FeedState,
    standing: &'a Standing,
    reports: &'a [DeliveryReport],
    rows: &'a [RejectedRow],
    as_of: NaiveDate,
}

impl Found<'_> {
    fn letter(&self) -> Letter {
        let (feed, standing) = (&self.state.feed, self.standing);
        let problems = self.problems();
        let asks = self.asks(&problems);
        let answer_by = (!asks.is_empty()).then(|| {
            let soon = working_days_after(self.as_of, DAYS_TO_ANSWER);
            if standing.state == State::NotYetDue { standing.due_on } else { soon.max(standing.due_on) }
        });
        let deliveries = self
            .reports
            .iter()
            .map(|report| Came {
                file: report.delivery.file.clone(),
                received: report.delivery.received,
                status: if standing.state == State::Held { DeliveryStatus::Held } else { report.status },
                rows: report.received,
                set_aside: report.quarantined,
            })
            .collect();
        let mut letter = Letter {
            feed: feed.id.clone(),
            supplier: feed.supplier.clone(),
            subject: format!("{}, {}", feed.title, standing.period.title()),
            period: standing.period.to_string(),
            state: standing.state,
            due_on: standing.due_on,
            days_late: standing.days_late,
            deliveries,
            problems,
            asks,
            answer_by,
            text: String::new(),
        };
        letter.text = self.text(&letter);
        letter
    }

    /// What is wrong, the most rows first.
    fn problems(&self) -> Vec<Fault> {
        let mut problems = Vec::new();
        for report in self.reports {
            let file = &report.delivery.file;
            if report.status == DeliveryStatus::Refused {
                problems.push(Fault {
                    rule: "delivery_refused".to_owned(),
                    file: file.clone(),
                    column: String::new(),
                    words: Self::refusal(&report.note),
                    rows: 0,
                    lines: Vec::new(),
                });
            }
            for finding in &report.findings {
                problems.push(Fault {
                    rule: finding.rule.clone(),
                    file: file.clone(),
                    column: finding.column.clone(),
                    words: finding.detail.clone(),
                    rows: finding.rows,
                    lines: Vec::new(),
                });
            }
        }
        let mut by_rule: BTreeMap<(&str, &str, &str), Vec<i64>> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.line > 0) {
            by_rule.entry((&row.file, &row.rule, &row.column)).or_default().push(row.line);
        }
        let mut rules: Vec<Fault> = by_rule
            .into_iter()
            .map(|((file, rule, column), mut lines)| {
                let rows = lines.len() as u64;
                lines.sort_unstable();
                lines.truncate(LINES);
                let words = self.rule_in_words(rule, column);
                let (rule, file, column) = (rule.to_owned(), file.to_owned(), column.to_owned());
                Fault { rule, file, column, words, rows, lines }
            })
            .collect();
        rules.sort_by_key(|fault| std::cmp::Reverse(fault.rows));
        // What is told line by line is not told a second time.
        problems.retain(|fault| {
            let same = |rule: &Fault| rule.file == fault.file && rule.column == fault.column;
            fault.column.is_empty() || fault.rows == 0 || !rules.iter().any(same)
        });
        problems.extend(rules);
        problems
    }

    /// Why a delivery was refused.
    fn refusal(note: &str) -> String {
        match note.strip_suffix(NO_HEADING) {
            Some(missing) => format!("the first line is not the heading that was agreed: {missing}"),
            None => note.to_owned(),
        }
    }

    /// What a rule wants, without what it found.
    fn rule_in_words(&self, rule: &str, header: &str) -> String {
        match rule {
            "column_count" => return "the line has more or fewer fields than the heading".to_owned(),
            "bad_quoting" => {
                return "a quote is not closed, or text stands behind a closing quote".to_owned();
            }
            "bad_encoding" => return "the line holds bytes that are not UTF-8 text".to_owned(),
            "line_too_long" => return "the line is longer than a mebibyte".to_owned(),
            "bad_json" => return "the record is not JSON".to_owned(),
            "bad_structure" => return "a list or an object stands where a value is expected".to_owned(),
            _ => {}
        }
        let Some(contract) = self.contract else { return format!("the row breaks the rule `{rule}`") };
        if contract.month.rule == rule {
            return format!(
                "`{header}` is not in {}, the time that the file is about",
                self.period_in_words()
            );
        }
        let title = |id: &str| {
            self.project.lookups.get(id).map_or_else(|| id.to_owned(), |lookup| lookup.config.title.clone())
        };
        words::rule(contract, rule, header, &title)
    }

    fn period_in_words(&self) -> String {
        self.standing.period.title()
    }

    fn asks(&self, problems: &[Fault]) -> Vec<String> {
        let period = self.period_in_words();
        let whole = |verb: &str| format!("Please {verb} the whole file for {period}, under the same name.");
        match self.standing.state {
            State::Overdue => vec![
                format!("Please send the delivery for {period}."),
                "If there is nothing to report, or it cannot be sent, please tell us so, that we can publish the \
                 reason."
                    .to_owned(),
            ],
            State::Partial if problems.is_empty() => {
                vec![format!("Please send what is missing for {period}: {}.", self.standing.note)]
            }
            State::NotYetDue | State::KnownGap => Vec::new(),
            _ if problems.iter().any(|fault| fault.rule == "delivery_refused") => vec![whole("correct and send")],
            _ if problems.iter().any(|fault| !fault.lines.is_empty()) => vec![
                whole("correct these rows and send"),
                "If a value is right and we do not know it yet, please tell us what it means, and we will take it \
                 into the agreement."
                    .to_owned(),
            ],
            _ if !problems.is_empty() || self.standing.state == State::Held => {
                vec![format!("Please tell us whether it is right as it is, or send the whole file for {period} anew.")]
            }
            _ => Vec::new(),
        }
    }

    fn text(&self, letter: &Letter) -> String {
        let mut text = String::new();
        let standing = self.standing;
        let _ = writeln!(text, "To: {}\nAbout: {}\n", letter.supplier, letter.subject);
        let _ = writeln!(
            text,
            "We expected it by {} ({}).",
            day(letter.due_on),
            freshness::rule(&self.state.feed)
        );
        if letter.deliveries.is_empty() {
            text.push_str(match standing.state {
                State::NotYetDue => "Nothing has come yet, and nothing need have.\n",
                State::KnownGap => "We know that it does not come.\n",
                _ => "Nothing has come.\n",
            });
        }
        for came in &letter.deliveries {
            let received = came.received.with_timezone(&chrono_tz::Europe::London);
            let used = match came.status {
                DeliveryStatus::Accepted if came.set_aside == 0 => "all of them could be used".to_owned(),
                DeliveryStatus::Accepted => format!("{} of them could not be used", came.set_aside),
                DeliveryStatus::Refused => "none of them could be used".to_owned(),
                DeliveryStatus::Held => {
                    format!("{} of them break what was agreed, so none is used yet", came.set_aside)
                }
            };
            let rows =
                if came.rows == 0 { "no row".to_owned() } else { format!("{} rows; {used}", came.rows) };
            let _ = writeln!(
                text,
                "We received {} on {} at {}: {rows}.",
                came.file,
                day(received.date_naive()),
                received.format("%H:%M"),
            );
        }
        if let Some(days) = letter.days_late {
            let since = if standing.state.is_there() { "It came" } else { "That is" };
            let ago = if standing.state.is_there() { "after its due day" } else { "ago" };
            let _ = writeln!(text, "{since} {} {ago}.", in_days(days));
        }
        if !letter.problems.is_empty() {
            text.push_str("\nWhat is wrong\n");
        }
        for (number, fault) in letter.problems.iter().enumerate() {
            let rows = match fault.rows {
                0 => String::new(),
                1 => "1 row: ".to_owned(),
                rows => format!("{rows} rows: "),
            };
            let _ = writeln!(text, "{}. {}: {rows}{}", number + 1, fault.file, fault.words);
            if !fault.lines.is_empty() {
                let lines: Vec<String> = fault.lines.iter().map(ToString::to_string).collect();
                let more = fault.rows.saturating_sub(lines.len() as u64);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let word = if fault.rows == 1 { "Line" } else { "Lines" };
                let _ = writeln!(text, "   {word} {}{more}", lines.join(", "));
            }
        }
        if letter.problems.iter().any(|fault| !fault.lines.is_empty()) {
            text.push_str("Line numbers count the heading as a line.\n");
        }
        if letter.asks.is_empty() {
            text.push_str(match standing.state {
                State::NotYetDue | State::KnownGap => "\nThere is nothing to do.\n",
                _ => "\nThank you. There is nothing to do.\n",
            });
        } else {
            text.push_str("\nWhat we ask\n");
            for ask in &letter.asks {
                let _ = writeln!(text, "- {ask}");
            }
            if let Some(by) = letter.answer_by {
                let _ = writeln!(text, "- We need it by {}.", day(by));
            }
        }
        text
    }
}

fn day(day: NaiveDate) -> String {
    day.format("%-d %B %Y").to_string()
}
