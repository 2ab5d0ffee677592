//! `outturn disclosure`: what is withheld from the public, and the proof that it cannot be worked out.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use clap::Subcommand;

use super::output::{self, Format, print_batches, say};
use super::{code, releases, say_error};
use crate::disclosure::Proof;
use crate::disclosure::figures::Audited;
use crate::proof::{self, ProofError, Report};
use crate::release::Published;

#[derive(Debug, Subcommand)]
pub(super) enum Disclosure {
    /// Proves from a release's files that nothing withheld from the public can be worked out; exits with 1 when it can.
    Audit {
        /// The release, or its name in the calendar; the current one when absent.
        release: Option<String>,
        /// Print what cannot be ruled out of each withheld count.
        #[arg(long)]
        bounds: bool,
        /// How to print the bounds.
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
}

pub(super) async fn obey(root: &Path, which: &Disclosure) -> u8 {
    let Disclosure::Audit { release, bounds, output } = which;
    let release = match release.as_deref().map(|name| by_name(root, name)).transpose() {
        Ok(release) => release,
        Err(code) => return code,
    };
    let report = match proof::audit(root, release.as_deref()).await {
        Ok(report) => report,
        Err(ProofError::Run(error)) => return say_error(&error),
        Err(ProofError::Nothing(why)) => {
            say(&why);
            return code::NOTHING;
        }
    };
    for line in &report.failures {
        say(&format!("error: {line}"));
    }
    let printed = if *bounds {
        match of_findings(&report.findings) {
            Ok(batch) => print_batches(&batch.schema(), &[batch], *output),
            Err(error) => return say_error(&error.into()),
        }
    } else {
        output::print(in_words(&report).as_bytes())
    };
    if report.passes() { printed } else { code::NOT_RELEASED }
}

/// The release that a name stands for, or the exit code after it was said that there is none.
fn by_name(root: &Path, name: &str) -> Result<String, u8> {
    let (project, _) = crate::config::load(root);
    let folder = releases::named(&project, &Published::in_warehouse(&project.warehouse()), name)?;
    Ok(folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default())
}

/// The proof in a few lines.
fn in_words(report: &Report) -> String {
    let withheld = report.small + report.cover;
    let (rounded, hidden): (Vec<&Audited>, Vec<&Audited>) =
        report.findings.iter().partition(|own| own.rounded);
    let by =
        |proof: Proof| hidden.iter().filter(|own| own.finding.proof == proof && own.finding.passes).count();
    let failed = hidden.iter().filter(|own| !own.finding.passes).count();
    let mut lines = vec![
        format!("release {}, as the public has it", report.release),
        format!(
            "{} figures with a count: {} shown, {withheld} withheld ({} for their own size, {} because of others)",
            report.figures, report.shown, report.small, report.cover
        ),
        format!(
            "{} withheld counts, with what totals leave over: {} shown open by other tables that agree with everything \
             published, {} by linear programming, {failed} not protected",
            hidden.len(),
            by(Proof::Exhibited),
            by(Proof::Solved)
        ),
    ];
    for (measure, why) in &report.whole {
        lines.push(format!("measure `{measure}` is withheld as a whole and not audited: {why}"));
    }
    if !report.rounded.is_empty() {
        lines.push(format!(
            "{} counts are rounded, of measures {}: {} of them cannot be told exactly",
            rounded.len(),
            report.rounded.join(", "),
            rounded.iter().filter(|own| own.finding.passes).count()
        ));
    }
    lines.push(match report.failures.len() {
        0 => "nothing that is withheld can be worked out".to_owned(),
        n => format!("{n} failures"),
    });
    lines.join("\n") + "\n"
}

/// One row for each withheld count. No count stands in it, only what is possible.
fn of_findings(findings: &[Audited]) -> Result<RecordBatch, arrow::error::ArrowError> {
    let text = |of: &dyn Fn(&Audited) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(findings.iter().map(of)))
    };
    let proof = |own: &Audited| {
        match own.finding.proof {
            Proof::Exhibited => "exhibited",
            Proof::Solved => "solved",
            Proof::Narrowed => "narrowed",
            Proof::Undecided => "undecided",
        }
        .to_owned()
    };
    let fields = [
        Field::new("measure", DataType::Utf8, false),
        Field::new("area", DataType::Utf8, false),
        Field::new("period", DataType::Utf8, false),
        Field::new("breakdown", DataType::Utf8, false),
        Field::new("count", DataType::Utf8, false),
        Field::new("low", DataType::Float64, false),
        Field::new("high", DataType::Float64, true),
        Field::new("proof", DataType::Utf8, false),
        Field::new("protected", DataType::Boolean, false),
    ];
    RecordBatch::try_new(
        Arc::new(Schema::new(fields.to_vec())),
        vec![
            text(&|own| own.name.measure.clone()),
            text(&|own| own.name.area.clone()),
            text(&|own| own.name.period.clone()),
            text(&|own| own.name.breakdown.clone()),
            text(&|own| own.name.count.to_owned()),
            Arc::new(findings.iter().map(|own| Some(own.finding.low)).collect::<Float64Array>()),
            Arc::new(findings.iter().map(|own| own.finding.high).collect::<Float64Array>()),
            text(&proof),
            Arc::new(findings.iter().map(|own| Some(own.finding.passes)).collect::<BooleanArray>()),
        ],
    )
}
