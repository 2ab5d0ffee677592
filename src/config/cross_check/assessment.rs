//! That targets, breaks, milestones and commentary lead to something, and that a measure's ways of being judged agree.

use super::{Loaded, Problem, Project, front_matter_span, is_unread, span_of};
use crate::assess::settings::{MilestoneState, TargetConfig, TargetsConfig};
use crate::config::SqlFile;
use crate::config::settings::{IntervalChoice, MeasureConfig, MeasureKind, Polarity};
use crate::period::{Period, PeriodKind};

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
    let unlike = matches!(config.kind, MeasureKind::Count | MeasureKind::RankOfRate | MeasureKind::Share);
    if config.benchmark.is_some() && unlike {
        let message = format!("{} of one area says nothing beside that of another", config.kind.a());
        problems.push(at("benchmark", message).help("compare rates or percentages with a benchmark"));
    }
    if config.interval == IntervalChoice::Counts && config.kind != MeasureKind::Ratio {
        let message = format!("interval = \"counts\" is for a ratio, and this is {}", config.kind.a());
        problems.push(at("interval", message));
    }
    of_kind(measure, problems);
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

/// What a measure of its kind needs, and what has no place in it.
fn of_kind(measure: &SqlFile<MeasureConfig>, problems: &mut Vec<Problem>) {
    let config = &measure.config;
    let kind = config.kind;
    let mut problem = |key: &str, message: String, help: &str| {
        let span = front_matter_span(&measure.source, &[key]);
        problems.push(Problem::new(&measure.source, span, message).help(help));
    };
    let settings = [
        ("whole", config.whole.is_some(), kind == MeasureKind::Share, "whole = \"E23000013\""),
        ("base", config.base.is_some(), kind == MeasureKind::Index, "base = \"2019/20\""),
    ];
    for (key, found, wanted, example) in settings {
        if wanted && !found {
            problem("kind", format!("{} needs `{key}`", kind.a()), &format!("add {example}"));
        } else if found && !wanted {
            problem(key, format!("{} has no `{key}`", kind.a()), "leave it out");
        }
    }
    match config.base.as_deref().map(str::parse::<Period>) {
        Some(Err(error)) => problem("base", error.to_string(), "name a year such as 2019/20"),
        Some(Ok(base)) if base.months().count() != 12 => {
            problem("base", format!("`{base}` is no year"), "name a year such as 2019/20");
        }
        _ => {}
    }
    if let Some([lowest, highest]) = config.range {
        if kind != MeasureKind::Score {
            problem("range", format!("{} has no `range`", kind.a()), "leave it out");
        } else if !(lowest < highest && lowest.is_finite() && highest.is_finite()) {
            let message = format!("expected the lowest score and the highest, found {lowest} and {highest}");
            problem("range", message, "for example range = [0, 10]");
        }
    }
    let no_base =
        matches!(kind, MeasureKind::Count | MeasureKind::Rate | MeasureKind::RankOfRate | MeasureKind::Index);
    if config.minimum_base.is_some() && no_base {
        problem("minimum-base", format!("{} has no base", kind.a()), "leave it out");
    }
    let waves = config.periods.contains(&PeriodKind::SurveyWave);
    if waves && kind.is_told_by_month() {
        problem("periods", format!("{} has no waves", kind.a()), "leave `survey-wave` out");
    }
    if !config.waves.is_empty() && !waves {
        problem("waves", "`survey-wave` is not among `periods`".to_owned(), "name it in `periods` too");
    }
    for text in &config.waves {
        match text.parse::<Period>() {
            Ok(wave) if wave.kind == PeriodKind::SurveyWave => {}
            _ => {
                let message = format!("expected a wave such as `wave 2024-10 to 2024-12`, found `{text}`");
                problem("waves", message, "name the first and the last month of its fieldwork");
            }
        }
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
