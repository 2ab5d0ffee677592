//! `outturn release`: figures are signed as checked or final, or reopened, on the word of a role.

use std::path::Path;

use chrono::{DateTime, Utc};
use clap::Args;

use super::output::say;
use super::{code, say_error, say_problems};
use crate::config;
use crate::diagnose::suggestion;
use crate::lock::Lock;
use crate::release::Published;
use crate::run::{RunError, thousands};
use crate::signoff::{self, Action, Asked, SignOffError, SignOffs};

#[derive(Debug, Args)]
pub(super) struct SignOff {
    #[command(flatten)]
    period: Decided,
    /// Role of who decides it; it is published, so that it should not be a person's name.
    #[arg(long)]
    by: String,
    /// Only this measure; may be given several times.
    #[arg(long)]
    measure: Vec<String>,
    /// What a reader should know.
    #[arg(long, default_value = "", conflicts_with = "reason")]
    note: String,
    /// Why final figures are reopened; it is published.
    #[arg(long, default_value = "", requires = "reopen")]
    reason: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Decided {
    /// Makes the figures of a period final: they stand as they are now, whatever is delivered afterwards.
    ///
    /// The period is named as in table `outturn`, such as 2025-06, "2025/26 Q2" or 2024/25; 2025-Q3 is the third quarter of
    /// the calendar year. Figures of every period within it are meant.
    #[arg(long = "final", value_name = "PERIOD")]
    last: Option<String>,
    /// Marks them as checked: they may still change, and are provisional then.
    #[arg(long, value_name = "PERIOD")]
    checked: Option<String>,
    /// Makes them provisional again: the next run publishes what is counted now.
    #[arg(long, value_name = "PERIOD")]
    reopen: Option<String>,
}

/// Records the decision; the next run publishes it.
pub(super) fn sign(root: &Path, now: DateTime<Utc>, asked: &SignOff) -> u8 {
    let (project, problems) = config::load(root);
    if project.settings_unread {
        say_problems(&problems);
        return code::INVALID;
    }
    let invalid = |message: &str| {
        say(&format!("error: {message}"));
        code::INVALID
    };
    let (action, named) = match (&asked.period.last, &asked.period.checked, &asked.period.reopen) {
        (Some(named), _, _) => (Action::Final, named),
        (_, Some(named), _) => (Action::Checked, named),
        (_, _, Some(named)) => (Action::Reopened, named),
        (None, None, None) => return invalid("one of --final, --checked and --reopen is needed"),
    };
    let period = match signoff::period_named(named) {
        Ok(period) => period,
        Err(error) => return invalid(&error.to_string()),
    };
    let place = project.warehouse();
    // A measure that the project has no more may have been signed.
    let signed = match (action == Action::Reopened).then(|| SignOffs::open(&place, None)).transpose() {
        Ok(signed) => signed,
        Err(error) => return say_error(&RunError::SignOff(error)),
    };
    let is_signed = |id: &str| signed.as_ref().is_some_and(|signed| signed.measures().contains(id));
    for id in &asked.measure {
        if !project.measures.contains_key(id) && !is_signed(id) {
            let help = suggestion(id, project.measures.keys().map(String::as_str)).unwrap_or_default();
            return invalid(&format!("measure `{id}` is not defined; {help}"));
        }
    }
    let (by, note) = (asked.by.trim(), if action == Action::Reopened { &asked.reason } else { &asked.note });
    if by.is_empty() || (action == Action::Reopened && note.trim().is_empty()) {
        return invalid("`--by`, and `--reason` of `--reopen`, must not be empty");
    }
    let published = Published::in_warehouse(&place);
    let _lock = match Lock::take(&place) {
        Ok(lock) => lock,
        Err(error) => return say_error(&RunError::Lock(error)),
    };
    let Some(folder) = published.current() else { return super::releases::no_release() };
    let asked = Asked { action, period, measures: &asked.measure, by, note: note.trim() };
    let recorded = match signoff::record(&place, &folder, &asked, now) {
        Ok(recorded) => recorded,
        Err(error) => return say_fault(error),
    };
    let decision = &recorded.decision;
    let verb = match action {
        Action::Final => "signed as final",
        Action::Checked => "signed as checked",
        Action::Reopened => "reopened",
    };
    say(&format!(
        "{verb}: {} figures of {} measures within {} ({}), release {}",
        thousands(decision.figures),
        recorded.measures.len(),
        decision.period,
        period.title(),
        decision.release
    ));
    if recorded.without_value > 0 {
        say(&format!("{} figures have no value and stay provisional", thousands(recorded.without_value)));
    }
    if recorded.final_before > 0 {
        say(&format!("{} figures were final already and stay so", thousands(recorded.final_before)));
    }
    say("the next run publishes it");
    code::DONE
}

fn say_fault(error: SignOffError) -> u8 {
    match error {
        SignOffError::Release(error) => say_error(&RunError::Release(error)),
        SignOffError::Record(error) => say_error(&RunError::SignOff(error)),
        SignOffError::Arrow(error) => say_error(&RunError::Arrow(error)),
        SignOffError::NotOver { .. } => {
            say(&format!("error: {error}"));
            code::INVALID
        }
        SignOffError::Nothing { .. } => {
            say(&error.to_string());
            code::NOTHING
        }
        SignOffError::Damaged(_) => {
            say(&format!("error: {error}"));
            code::DAMAGED
        }
    }
}
