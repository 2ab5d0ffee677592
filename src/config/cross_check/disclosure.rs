//! That what protects figures does so, and that sums name measures.

use super::super::{Project, front_matter_span, span_of};
use crate::config::settings::MeasureKind;
use crate::diagnose::{Problem, Source};

/// A count of fewer people than this always tells of somebody.
const LEAST: u32 = 3;

pub(super) fn check(project: &Project, source: &Source, problems: &mut Vec<Problem>) {
    if let Some(public) = &project.settings.public
        && public.threshold < LEAST
    {
        let span = span_of(source, &["public", "threshold"]);
        problems.push(Problem::new(source, span, format!("`threshold` must be at least {LEAST}")));
    }
    demands(project, problems);
    measures(project, problems);
    for table in project.tables.values() {
        if table.config.public.as_ref().is_some_and(|why| why.trim().is_empty()) {
            let span = front_matter_span(&table.source, &["public"]);
            let message = "`public` is empty: say why everybody may see it";
            problems.push(
                Problem::new(&table.source, span, message).help("leave it out to keep it in the partnership"),
            );
        }
    }
}

/// What feeds, contracts and agreements ask for.
fn demands(project: &Project, problems: &mut Vec<Problem>) {
    let feeds = project.feeds.values().map(|own| (&own.source, own.config.disclosure.as_ref()));
    let contracts = project.contracts.values().map(|own| (&own.source, own.config.disclosure.as_ref()));
    let agreements = project.agreements.values().map(|own| (&own.source, own.config.disclosure.as_ref()));
    for (source, demand) in feeds.chain(contracts).chain(agreements) {
        if demand.is_some_and(|demand| demand.threshold < LEAST) {
            let span = span_of(source, &["disclosure", "threshold"]);
            problems.push(Problem::new(source, span, format!("`threshold` must be at least {LEAST}")));
        }
    }
}

fn measures(project: &Project, problems: &mut Vec<Problem>) {
    let below = project.settings.public.as_ref().map_or(LEAST, |public| public.threshold);
    for measure in project.measures.values() {
        let source = &measure.source;
        let at =
            |keys: &[&str], message: String| Problem::new(source, front_matter_span(source, keys), message);
        if let Some(own) = &measure.config.disclosure {
            if own.off.as_ref().is_some_and(|why| why.trim().is_empty()) {
                let message = "`off` is empty: say why the measure is published whatever its size";
                problems.push(at(&["disclosure", "off"], message.to_owned()));
            }
            let others = own.threshold.is_some()
                || own.zeros.is_some()
                || own.rounding.is_some()
                || own.complements.is_some()
                || own.dominance.is_some()
                || own.least_denominator.is_some();
            if own.off.is_some() && others {
                let message = "disclosure control is switched off, so no other key has an effect";
                problems.push(
                    at(&["disclosure", "off"], message.to_owned()).help("leave `off` or the others out"),
                );
            }
            if own.threshold.is_some_and(|threshold| threshold < LEAST) {
                problems
                    .push(at(&["disclosure", "threshold"], format!("`threshold` must be at least {LEAST}")));
            }
            if own.threshold.is_some_and(|threshold| threshold < below) && own.reason.trim().is_empty() {
                let message =
                    format!("a threshold below the project's, {below}, needs a `reason`; it is published");
                problems.push(at(&["disclosure", "threshold"], message));
            }
            if own.rounding.is_some_and(|base| base < 3) {
                problems.push(at(&["disclosure", "rounding"], "`rounding` must be at least 3".to_owned()));
            }
            let kind = measure.config.kind;
            if own.complements.is_some() && kind != MeasureKind::Percentage {
                let message = format!("a {} has no `complements`; a percentage has", kind.name());
                problems.push(at(&["disclosure", "complements"], message));
            }
            let counts_events = matches!(
                kind,
                MeasureKind::Count
                    | MeasureKind::Rate
                    | MeasureKind::RankOfRate
                    | MeasureKind::Percentage
                    | MeasureKind::Proportion
                    | MeasureKind::Ratio
            );
            if let Some(dominance) = own.dominance {
                let mut wrong = |message: String| {
                    problems.push(at(&["disclosure", "dominance"], message));
                };
                if kind != MeasureKind::Count {
                    wrong(format!(
                        "{} has no amount of its own; a count of pounds or minutes is one",
                        kind.a()
                    ));
                }
                if dominance.largest == 0 || !(1..100).contains(&dominance.share) {
                    wrong("`largest` must be at least 1, and `share` a per cent from 1 to 99".to_owned());
                }
                if own.rounding.is_some() {
                    wrong("amounts are withheld and not rounded: leave `rounding` out".to_owned());
                }
            }
            if own.rounding.is_some() && !counts_events {
                let message = format!("figures of {} cannot be shown rounded", kind.a());
                problems
                    .push(at(&["disclosure", "rounding"], message).help("leave it out: they are withheld"));
            }
            if own.least_denominator.is_some()
                && matches!(
                    kind,
                    MeasureKind::Count | MeasureKind::Rate | MeasureKind::RankOfRate | MeasureKind::Index
                )
            {
                let message = format!("a {} has no denominator that is counted", kind.name());
                problems.push(at(&["disclosure", "least-denominator"], message));
            }
        }
        for (number, parts) in measure.config.sum_of.iter().enumerate() {
            let number = number.to_string();
            if parts.is_empty() {
                problems.push(at(&["sum-of", &number], "a sum needs at least one measure".to_owned()));
            }
            for (place, part) in parts.iter().enumerate() {
                let name = part.split('/').next().unwrap_or_default();
                let keys = ["sum-of", number.as_str(), &place.to_string()];
                let known = project.measures.keys().map(String::as_str);
                if name == measure.config.id {
                    let problem = at(&keys, format!("measure `{name}` cannot be a sum of itself"));
                    problems.push(problem.nearest(name, known.filter(|other| *other != name)));
                } else if !project.measures.contains_key(name) {
                    problems.push(at(&keys, format!("there is no measure `{name}`")).nearest(name, known));
                }
            }
        }
    }
}
