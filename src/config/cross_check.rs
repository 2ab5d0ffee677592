//! What no file can tell alone: that names lead somewhere, and that settings agree.

use std::collections::{BTreeMap, BTreeSet};

use super::settings::{ColumnConfig, ColumnType, ContractConfig, DeliveryMode, MeasureKind};
use super::{Loaded, Project, front_matter_span, span_of};
use crate::agreement::{AgreementKind, person_columns};
use crate::diagnose::Problem;
use crate::schedule::Calendar;

/// Columns that the product itself adds to every dataset.
pub(crate) const OWN_COLUMNS: [&str; 6] = ["month", "feed", "source_file", "delivery", "line", "synthetic"];

/// Names of the tables that the product itself publishes.
pub(super) const OWN_TABLES: [&str; 8] =
    ["outturn", "measure", "area", "period", "feed_delivery", "quarantine_summary", "agreement", "release"];

pub(super) fn check(project: &Project, problems: &mut Vec<Problem>) {
    settings(project, problems);
    feeds(project, problems);
    agreements(project, problems);
    for contract in project.contracts.values() {
        contract_columns(project, contract, problems);
    }
    datasets(project, problems);
    measures(project, problems);
    table_names(project, problems);
}

fn settings(project: &Project, problems: &mut Vec<Problem>) {
    let path = project.root.join("outturn.toml");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let source = crate::diagnose::Source::new("outturn.toml", text);
    if let Err(error) = Calendar::new(&project.settings.schedule.run, &project.settings.schedule.time_zone) {
        let key = if error.is_time_zone() { "time-zone" } else { "run" };
        problems.push(Problem::new(&source, span_of(&source, &["schedule", key]), error.to_string()));
    }
    for (number, mirror) in project.settings.mirror.iter().enumerate() {
        if mirror.folder.is_some() == mirror.address.is_some() {
            let span = span_of(&source, &["mirror", &number.to_string(), "prefix"]);
            problems.push(Problem::new(&source, span, "a mirror has either `folder` or `address`"));
        }
    }
    if let Some(simulate) = &project.settings.simulate {
        if !project.lookups.contains_key(&simulate.lookup) && !project.lookups.is_empty() {
            let span = span_of(&source, &["simulate", "lookup"]);
            let message = format!("look-up `{}` is not defined", simulate.lookup);
            problems.push(
                Problem::new(&source, span, message)
                    .nearest(&simulate.lookup, project.lookups.keys().map(String::as_str)),
            );
        }
        for (number, force) in simulate.force.iter().enumerate() {
            if force.name.parse::<crate::simulate::Force>().is_err() {
                let span = span_of(&source, &["simulate", "force", &number.to_string(), "name"]);
                problems.push(
                    Problem::new(
                        &source,
                        span,
                        format!("the simulator does not know the force `{}`", force.name),
                    )
                    .nearest(&force.name, ["cleveland", "greater-manchester"]),
                );
            }
        }
    }
}

fn feeds(project: &Project, problems: &mut Vec<Problem>) {
    for feed in project.feeds.values() {
        let config = &feed.config;
        if !project.contracts.contains_key(&config.contract)
            && !is_unread(problems, &format!("contracts/{}.toml", config.contract))
        {
            let message =
                format!("feed `{}` names contract `{}`, which is not defined", config.id, config.contract);
            problems.push(
                Problem::new(&feed.source, span_of(&feed.source, &["contract"]), message)
                    .nearest(&config.contract, project.contracts.keys().map(String::as_str)),
            );
        }
        // A feed that brings many months at once may have one name for all that it ever sends.
        if config.mode == DeliveryMode::Month
            && !config.source.contains("{period}")
            && config.member.as_ref().is_none_or(|m| !m.contains("{period}"))
        {
            problems.push(
                Problem::new(
                    &feed.source,
                    span_of(&feed.source, &["source"]),
                    "`source` does not say where the month stands",
                )
                .help("write {period} in place of the month, as in crime-{period}.csv"),
            );
        }
        if let Some(scheme) = config.source.split_once("://").map(|(scheme, _)| scheme)
            && !["http", "https"].contains(&scheme)
        {
            let message = format!("scheme `{scheme}` is not known");
            problems.push(
                Problem::new(&feed.source, span_of(&feed.source, &["source"]), message)
                    .help("write an http:// or https:// address, or a path"),
            );
        }
        if !(0.0..=1.0).contains(&config.hold_above_quarantined_share) {
            let span = span_of(&feed.source, &["hold-above-quarantined-share"]);
            let message =
                format!("expected a share from 0 to 1, found {}", config.hold_above_quarantined_share);
            problems.push(Problem::new(&feed.source, span, message));
        }
        if let Some(to) = config.to.filter(|to| *to < config.from) {
            let message = format!("`to` ({to}) lies before `from` ({})", config.from);
            problems.push(Problem::new(&feed.source, span_of(&feed.source, &["to"]), message));
        }
        if let Some(contract) = project.contracts.get(&config.contract) {
            for column in &contract.config.column {
                if let Some(name) = &column.from_path
                    && !config.source.contains(&format!("{{{name}}}"))
                {
                    let message = format!(
                        "contract `{}` takes column `{}` from {{{name}}}, which `source` does not hold",
                        config.contract, column.name
                    );
                    problems.push(Problem::new(&feed.source, span_of(&feed.source, &["source"]), message));
                }
            }
        }
    }
}

fn agreements(project: &Project, problems: &mut Vec<Problem>) {
    for agreement in project.agreements.values() {
        let config = &agreement.config;
        let at = |key: &str, message: String| {
            Problem::new(&agreement.source, span_of(&agreement.source, &[key]), message)
        };
        if config.kind == AgreementKind::Sharing {
            let help = "a licence of open data needs none: kind = \"open-licence\"";
            for (key, lacks) in [
                ("lawful-basis", config.lawful_basis.is_empty()),
                ("purposes", config.purposes.is_empty()),
                ("outputs", config.outputs.is_empty()),
                ("begins", config.begins.is_none()),
                ("expires", config.expires.is_none()),
            ] {
                if lacks {
                    problems.push(at(key, format!("a sharing agreement needs `{key}`")).help(help));
                }
            }
        }
        if let (Some(begins), Some(expires)) = (config.begins, config.expires)
            && expires < begins
        {
            problems.push(at("expires", format!("`expires` ({expires}) lies before `begins` ({begins})")));
        }
        if config.retention.is_some_and(|retention| retention.months == 0) {
            let span = span_of(&agreement.source, &["retention", "months"]);
            let message = "rows that may be kept for 0 months cannot be counted";
            problems.push(Problem::new(&agreement.source, span, message).help("write 1 or more"));
        }
        for (number, recipient) in config.recipients.iter().enumerate() {
            if !project.partnerships.contains_key(recipient)
                && !is_unread(problems, &format!("{recipient}/partnership.toml"))
            {
                let span = span_of(&agreement.source, &["recipients", &number.to_string()]);
                let message = format!("recipient `{recipient}` is no partnership of the project");
                problems.push(
                    Problem::new(&agreement.source, span, message)
                        .nearest(recipient, project.partnerships.keys().map(String::as_str)),
                );
            }
        }
    }
    for feed in project.feeds.values() {
        let known = project.agreements.keys().map(String::as_str);
        match &feed.config.agreement {
            Some(id) if project.agreements.contains_key(id) => {}
            Some(id) if is_unread(problems, &format!("agreements/{id}.toml")) => {}
            Some(id) => {
                let message =
                    format!("feed `{}` names agreement `{id}`, which is not defined", feed.config.id);
                problems.push(
                    Problem::new(&feed.source, span_of(&feed.source, &["agreement"]), message)
                        .nearest(id, known),
                );
            }
            None => {
                let contract = project.contracts.get(&feed.config.contract);
                let columns = contract.map(|contract| person_columns(&contract.config)).unwrap_or_default();
                if let Some(column) = columns.first() {
                    let message = format!(
                        "feed `{}` needs an `agreement`: column `{column}` of contract `{}` is about persons",
                        feed.config.id, feed.config.contract
                    );
                    let help = "describe the sharing agreement in pipelines/<partnership>/agreements/ and \
                                name it here";
                    problems.push(Problem::new(&feed.source, 0..0, message).help(help));
                }
            }
        }
    }
}

fn contract_columns(project: &Project, contract: &Loaded<ContractConfig>, problems: &mut Vec<Problem>) {
    let config = &contract.config;
    let at = |keys: &[&str], message: String| {
        Problem::new(&contract.source, span_of(&contract.source, keys), message)
    };
    let header: Vec<&str> = config.header.iter().map(String::as_str).collect();
    if !header.contains(&config.month.from.as_str()) {
        let message = format!("`{}` is not in `header`", config.month.from);
        problems.push(at(&["month", "from"], message).nearest(&config.month.from, header.iter().copied()));
    }
    let mut seen: BTreeMap<&str, &ColumnConfig> = BTreeMap::new();
    for (number, column) in config.column.iter().enumerate() {
        let number = number.to_string();
        let place = |key| ["column", &number, key];
        if !is_sql_name(&column.name) {
            let message = format!("`{}` is not a name that SQL reads without quotes", column.name);
            problems
                .push(at(&place("name"), message).help("use small letters, digits and _, a letter first"));
        }
        if OWN_COLUMNS.contains(&column.name.as_str()) {
            let message = format!("column `{}` is added by the product itself", column.name);
            problems.push(at(&place("name"), message).help("choose another name, or leave it out"));
        }
        if seen.contains_key(column.name.as_str()) {
            problems.push(at(&place("name"), format!("column `{}` is defined twice", column.name)));
        }
        let origins = [&column.from, &column.from_path, &column.from_lookup];
        if origins.iter().filter(|origin| origin.is_some()).count() != 1 {
            let message = format!("column `{}` needs one of `from`, `from-path`, `from-lookup`", column.name);
            problems.push(at(&place("name"), message));
        }
        if let Some(from) = &column.from
            && !header.contains(&from.as_str())
        {
            let message = format!("`{from}` is not in `header`");
            problems.push(at(&place("from"), message).nearest(from, header.iter().copied()));
        }
        if let Some(other) = &column.empty_with
            && !seen.contains_key(other.as_str())
        {
            let message = format!("`{other}` is not a column that comes before `{}`", column.name);
            problems.push(at(&place("empty-with"), message).nearest(other, seen.keys().copied()));
        }
        if let Some(lookup) = &column.lookup
            && !project.lookups.contains_key(lookup)
        {
            let message = format!("look-up `{lookup}` is not defined");
            problems.push(
                at(&place("lookup"), message).nearest(lookup, project.lookups.keys().map(String::as_str)),
            );
        }
        if column.from_lookup.is_some() {
            let by = column.by.as_deref().unwrap_or_default();
            if seen.get(by).is_none_or(|found| found.lookup.is_none()) {
                let message =
                    format!("column `{}` needs `by`: a column before it that has a `lookup`", column.name);
                let known = seen.values().filter(|c| c.lookup.is_some()).map(|c| c.name.as_str());
                problems.push(at(&place("by"), message).nearest(by, known));
            }
        }
        if !column.codes.is_empty() && column.kind != ColumnType::Category {
            problems.push(at(
                &place("codes"),
                format!("column `{}` has codes, so its type is `category`", column.name),
            ));
        }
        seen.insert(&column.name, column);
    }
    for (number, key) in config.key.iter().enumerate() {
        if !seen.contains_key(key.as_str()) {
            let message = format!("key column `{key}` is not defined");
            problems.push(at(&["key", &number.to_string()], message).nearest(key, seen.keys().copied()));
        }
    }
}

fn datasets(project: &Project, problems: &mut Vec<Problem>) {
    let contracts = project.contracts_by_dataset();
    for contract in project.contracts.values() {
        let Some(first) = contracts.get(contract.config.dataset.as_str()).and_then(|all| all.first()) else {
            continue;
        };
        let shape = |c: &ContractConfig| -> BTreeSet<(String, String)> {
            c.column.iter().map(|column| (column.name.clone(), format!("{:?}", column.kind))).collect()
        };
        if shape(first) != shape(&contract.config) {
            let message = format!(
                "contracts `{}` and `{}` both fill dataset `{}` but differ in its columns",
                first.id, contract.config.id, first.dataset
            );
            problems.push(Problem::new(&contract.source, span_of(&contract.source, &["dataset"]), message));
        }
    }
    for dataset in project.datasets.values() {
        let Some(all) = contracts.get(dataset.config.id.as_str()) else {
            if problems
                .iter()
                .any(|problem| problem.source.path.parent().is_some_and(|f| f.ends_with("contracts")))
            {
                continue;
            }
            let message = format!("no contract fills dataset `{}`", dataset.config.id);
            problems.push(
                Problem::new(&dataset.source, span_of(&dataset.source, &["id"]), message)
                    .nearest(&dataset.config.id, contracts.keys().copied()),
            );
            continue;
        };
        let Some(contract) = all.first() else { continue };
        for (number, summary) in dataset.config.summary.iter().enumerate() {
            for (position, by) in summary.by.iter().enumerate() {
                let column = contract.column.iter().find(|column| column.name == *by);
                let counted = column.is_some_and(|c| {
                    c.from.is_none() || c.kind == ColumnType::Category || c.lookup.is_some()
                });
                if counted || ["feed", "source_file"].contains(&by.as_str()) {
                    continue;
                }
                let keys = ["summary", &number.to_string(), "by", &position.to_string()];
                let message = match column {
                    Some(_) => format!("column `{by}` is not of type category, so it cannot be counted by"),
                    None => format!("dataset `{}` has no column `{by}`", dataset.config.id),
                };
                let known = contract.column.iter().map(|column| column.name.as_str());
                problems.push(
                    Problem::new(&dataset.source, span_of(&dataset.source, &keys), message)
                        .nearest(by, known),
                );
            }
        }
    }
}

fn measures(project: &Project, problems: &mut Vec<Problem>) {
    let partnerships: Vec<&str> = project.partnerships.keys().map(String::as_str).collect();
    for measure in project.measures.values() {
        let config = &measure.config;
        let at = |key: &str, message: String| {
            Problem::new(&measure.source, front_matter_span(&measure.source, &[key]), message)
        };
        if !partnerships.contains(&measure.partnership.as_str())
            && !is_unread(problems, &format!("{}/partnership.toml", measure.partnership))
        {
            let message = format!(
                "folder sql/{0} has no partnership: pipelines/{0}/partnership.toml is missing",
                measure.partnership
            );
            problems.push(at("id", message).nearest(&measure.partnership, partnerships.iter().copied()));
        }
        if config.kind.per_resident() && config.per.is_none() {
            problems.push(at("kind", "a rate needs `per`".to_owned()).help("add per = 1000"));
        }
        if !config.kind.per_resident() && config.per.is_some() {
            problems.push(at("per", format!("a {} has no `per`", config.kind.name())));
        }
        if config.per == Some(0) {
            problems.push(at("per", "`per` must be above 0".to_owned()));
        }
        if config.areas.is_empty() {
            problems.push(at("areas", "at least one area is needed".to_owned()));
        }
        if config.kind == MeasureKind::RankOfRate && !config.breakdowns.is_empty() {
            problems.push(at("breakdowns", "a rank has no breakdowns".to_owned()));
        }
    }
}

fn table_names(project: &Project, problems: &mut Vec<Problem>) {
    for table in project.tables.values() {
        let name = &table.config.id;
        let at =
            |message: String| Problem::new(&table.source, front_matter_span(&table.source, &["id"]), message);
        if OWN_TABLES.contains(&name.as_str()) {
            problems.push(
                at(format!("table `{name}` is published by the product itself")).help("choose another name"),
            );
        }
        if !is_sql_name(name) {
            problems.push(
                at(format!("`{name}` is not a name that SQL reads without quotes"))
                    .help("use small letters, digits and _, a letter first"),
            );
        }
    }
    let mut taken: BTreeMap<String, &crate::diagnose::Source> = BTreeMap::new();
    let summaries = project.datasets.values().flat_map(|dataset| {
        dataset.config.summary.iter().map(move |summary| (summary.id.clone(), &dataset.source))
    });
    let contracts = project.contracts_by_dataset();
    let datasets = contracts.keys().filter_map(|name| {
        let contract = project.contracts.values().find(|contract| contract.config.dataset == *name)?;
        Some(((*name).to_owned(), &contract.source))
    });
    let lookups = project.lookups.iter().map(|(name, lookup)| (name.clone(), &lookup.source));
    let views = project.views.iter().map(|(name, view)| (name.clone(), &view.source));
    for (name, source) in datasets.chain(summaries).chain(lookups).chain(views) {
        if !is_sql_name(&name) {
            let message = format!("`{name}` is not a name that SQL reads without quotes");
            problems.push(
                Problem::new(source, 0..0, message).help("use small letters, digits and _, a letter first"),
            );
        }
        if let Some(other) = taken.insert(name.clone(), source) {
            let message = format!("table name `{name}` is taken by {}", other.path.display());
            problems.push(Problem::new(source, 0..0, message));
        }
    }
}

/// Whether a file whose path ends so has problems of its own, so that what leans on it is not to blame.
fn is_unread(problems: &[Problem], path: &str) -> bool {
    problems.iter().any(|problem| problem.source.path.ends_with(path))
}

/// Whether SQL reads a name without quotes: small letters, digits and `_`, a letter first.
fn is_sql_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
