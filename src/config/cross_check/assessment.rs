//! That targets, breaks, milestones and commentary lead to something, and that a measure's ways of being judged agree.

use super::{Loaded, Problem, Project, front_matter_span, is_unread, span_of};
use crate::assess::settings::{MilestoneState, TargetConfig, TargetsConfig};
use crate::config::SqlFile;
use crate::config::settings::{IntervalChoice, MeasureConfig, MeasureKind, Polarity};
use crate::period::Period;

pub(super) fn check(project: &Project, problems: &mut Vec<Problem>) {
    for measure in project.measures.values() {
        judged(measure, problems);
    }
    for targets in project.targets.values() {
        if let Some(measure) = known_measure(project, targets, problems) {
            for (number, target) in targets.config.target.iter().enumerate() {
                self::target(targets, number, target, &measure.config, problems);
            }
        }
    }
    breaks(project, problems);
    for milestone in project.milestones.values() {
        let config = &milestone.config;
        if (config.state == MilestoneState::Done) != config.done_on.is_some() {
            let span = span_of(&milestone.source, &["state"]);
            let message = "state `done` and `done-on` go together";
            problems.push(Problem::new(&milestone.source, span, message));
        }
    }
    for said in project.commentary.iter().filter(|said| !project.measures.contains_key(&said.measure)) {
        if is_unread(problems, &format!("{}.sql", said.measure)) {
            continue;
        }
        let message = format!("the folder names measure `{}`, which is not defined", said.measure);
        let known = project.measures.keys().map(String::as_str);
        problems.push(Problem::new(&said.source, 0..0, message).nearest(&said.measure, known));
    }
    for framework in project.frameworks.values() {
        for (number, item) in framework.config.item.iter().enumerate() {
            if project.measures.contains_key(&item.id) {
                let span = span_of(&framework.source, &["item", &number.to_string(), "id"]);
                let message = format!("`{}` is a measure already", item.id);
                problems.push(Problem::new(&framework.source, span, message).help("take the item out"));
            }
        }
    }
}

/// How a measure is judged, as far as its own file tells.
fn judged(measure: &SqlFile<MeasureConfig>, problems: &mut Vec<Problem>) {
    let config = &measure.config;
    let at = |key: &str, message: String| {
        Problem::new(&measure.source, front_matter_span(&measure.source, &[key]), message)
    };
    if !(config.confidence > 0.0 && config.confidence < 100.0) {
        let message = format!("expected a confidence in percent, such as 95, found {}", config.confidence);
        problems.push(at("confidence", message));
    }
    let reason = !config.interval_reason.trim().is_empty();
    if (config.interval == IntervalChoice::None) != reason {
        let key = if reason { "interval-reason" } else { "interval" };
        let message = "interval = \"none\" and `interval-reason` go together".to_owned();
        problems.push(at(key, message).help("say why the figures have no interval"));
    }
    if config.benchmark.is_some() && matches!(config.kind, MeasureKind::Count | MeasureKind::RankOfRate) {
        let message = format!("a {} of one area says nothing beside that of another", config.kind.name());
        problems.push(at("benchmark", message).help("compare rates or percentages with a benchmark"));
    }
    if let Some(text) = &config.baseline
        && let Err(error) = text.parse::<Period>()
    {
        problems.push(at("baseline", error.to_string()));
    }
    if let Some(headline) = config.headline.filter(|kind| !config.periods.contains(kind)) {
        let message = format!("`{}` is not among `periods`", headline.name());
        problems.push(at("headline", message).help("name it in `periods` too"));
    }
}

fn known_measure<'a>(
    project: &'a Project,
    targets: &Loaded<TargetsConfig>,
    problems: &mut Vec<Problem>,
) -> Option<&'a SqlFile<MeasureConfig>> {
    let id = &targets.config.measure;
    let found = project.measures.get(id);
    if found.is_none() && !is_unread(problems, &format!("{id}.sql")) {
        let message = format!("measure `{id}` is not defined");
        let known = project.measures.keys().map(String::as_str);
        problems.push(
            Problem::new(&targets.source, span_of(&targets.source, &["measure"]), message).nearest(id, known),
        );
    }
    found
}

fn target(
    targets: &Loaded<TargetsConfig>,
    number: usize,
    target: &TargetConfig,
    measure: &MeasureConfig,
    problems: &mut Vec<Problem>,
) {
    let number = number.to_string();
    let at = |key: &str, message: String| {
        let span = span_of(&targets.source, &["target", &number, key]);
        Problem::new(&targets.source, span, message)
    };
    if measure.polarity == Polarity::Context {
        let message = format!("measure `{}` is context, so that no value meets a target", measure.id);
        problems.push(at("area", message).help("set its `polarity`"));
    }
    let aims = [target.value.is_some(), target.trajectory.is_some(), target.change_percent.is_some()];
    if aims.iter().filter(|aim| **aim).count() != 1 {
        let message = "a target has one of `value`, `trajectory` and `change-percent`".to_owned();
        problems.push(at("area", message));
    }
    if target.to < target.from {
        problems.push(at("to", format!("`to` ({}) lies before `from` ({})", target.to, target.from)));
    }
    if !measure.periods.contains(&target.period) {
        let message = format!("measure `{}` has no figures for {}", measure.id, target.period.name());
        problems.push(at("period", message).help("name the kind in `periods` of the measure"));
    }
    match target.base.as_deref().map(str::parse::<Period>) {
        Some(Err(error)) => problems.push(at("base", error.to_string())),
        Some(Ok(base)) if target.change_percent.is_some() && base.kind != target.period => {
            let message = format!("`{base}` is no {}, so that a change on it is none", target.period.name());
            problems.push(at("base", message));
        }
        None if target.change_percent.is_some() => {
            problems.push(at("change-percent", "a change needs `base`, the period that it is on".to_owned()));
        }
        _ => {}
    }
    if target.tolerance.is_some() && target.tolerance_percent.is_some() {
        let message = "a target has `tolerance` or `tolerance-percent`, not both".to_owned();
        problems.push(at("tolerance", message));
    }
    for (key, tolerance) in [("tolerance", target.tolerance), ("tolerance-percent", target.tolerance_percent)]
    {
        if tolerance.is_some_and(|tolerance| !(tolerance >= 0.0 && tolerance.is_finite())) {
            problems.push(at(key, "a tolerance is 0 or more".to_owned()));
        }
    }
}

fn breaks(project: &Project, problems: &mut Vec<Problem>) {
    let datasets = project.contracts_by_dataset();
    for found in project.breaks.values() {
        let config = &found.config;
        let at = |keys: &[&str], message: String| {
            Problem::new(&found.source, span_of(&found.source, keys), message)
        };
        if config.measures.is_empty() && config.datasets.is_empty() {
            problems.push(
                at(&["id"], "a break concerns nothing".to_owned()).help("name `measures` or `datasets`"),
            );
        }
        for (number, id) in config.measures.iter().enumerate() {
            if !project.measures.contains_key(id) && !is_unread(problems, &format!("{id}.sql")) {
                let message = format!("measure `{id}` is not defined");
                let known = project.measures.keys().map(String::as_str);
                problems.push(at(&["measures", &number.to_string()], message).nearest(id, known));
            }
        }
        for (number, id) in config.datasets.iter().enumerate() {
            if !datasets.contains_key(id.as_str()) && !project.tables_unread {
                let message = format!("no contract fills dataset `{id}`");
                let known = datasets.keys().copied();
                problems.push(at(&["datasets", &number.to_string()], message).nearest(id, known));
            }
        }
    }
}
