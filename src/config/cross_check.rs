//! What no file can tell alone: that names lead somewhere, and that settings agree.

mod assessment;
mod columns;
mod disclosure;

use std::collections::{BTreeMap, BTreeSet};

use super::settings::{
    ColumnConfig, ColumnType, ContractConfig, DeliveryMode, FeedConfig, HeaderEntry, MeasureConfig,
    MeasureKind, MonthFormat,
};
use super::{Loaded, Project, SqlFile, front_matter_span, span_of};
use crate::agreement::{AgreementKind, person_columns};
use crate::diagnose::Problem;
use crate::normalise::contract::is_hidden;
use crate::normalise::special::has_status;
use crate::schedule::Calendar;
use crate::waiver::Effect;

/// Columns that the product itself adds to every dataset.
pub(crate) const OWN_COLUMNS: [&str; 6] = ["month", "feed", "source_file", "delivery", "line", "synthetic"];

/// Names of the tables that the product itself publishes.
pub(super) const OWN_TABLES: [&str; 22] = [
    "outturn",
    "assessment",
    "signal",
    "signal_summary",
    "scorecard",
    "target",
    "series_break",
    "commentary",
    "milestone",
    "measure",
    "area",
    "period",
    "feed_delivery",
    "feed_status",
    "quarantine_summary",
    "agreement",
    "revision",
    "disclosure",
    "waiver",
    "sign_off",
    "release_calendar",
    "release",
];

pub(super) fn check(project: &Project, problems: &mut Vec<Problem>) {
    settings(project, problems);
    feeds(project, problems);
    agreements(project, problems);
    for contract in project.contracts.values() {
        contract_columns(project, contract, problems);
    }
    waivers(project, problems);
    datasets(project, problems);
    measures(project, problems);
    disclosure::check(project, &settings_source(project), problems);
    assessment::check(project, problems);
    crate::publication::check(project, problems);
    table_names(project, problems);
}

fn settings_source(project: &Project) -> crate::diagnose::Source {
    let path = project.root.join("outturn.toml");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    crate::diagnose::Source::new("outturn.toml", text)
}

fn settings(project: &Project, problems: &mut Vec<Problem>) {
    let source = settings_source(project);
    if let Err(error) = Calendar::new(&project.settings.schedule.run, &project.settings.schedule.time_zone) {
        let key = if error.is_time_zone() { "time-zone" } else { "run" };
        problems.push(Problem::new(&source, span_of(&source, &["schedule", key]), error.to_string()));
    }
    for (number, name) in project.settings.inactive.iter().enumerate() {
        if !project.root.join("pipelines").join(name).is_dir() {
            let span = span_of(&source, &["inactive", &number.to_string()]);
            let folders = std::fs::read_dir(project.root.join("pipelines")).into_iter().flatten().flatten();
            let known: Vec<String> =
                folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
            let problem = Problem::new(&source, span, format!("there is no folder pipelines/{name}"));
            problems.push(problem.nearest(name, known.iter().map(String::as_str)));
        }
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
        problems.extend(crate::feed::problems(project, feed));
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
            mode(feed, &contract.config, problems);
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

fn waivers(project: &Project, problems: &mut Vec<Problem>) {
    for waiver in project.waivers.values() {
        let config = &waiver.config;
        let at = |key: &str, message: String| {
            Problem::new(&waiver.source, span_of(&waiver.source, &[key]), message)
        };
        for (key, text) in [("why", &config.why), ("by", &config.by)] {
            if text.trim().is_empty() {
                problems.push(at(key, format!("a waiver says {key}")));
            }
        }
        if !config.lines.is_empty() && config.deliveries.is_empty() {
            let message = "lines are those of a delivery, and none is named".to_owned();
            problems.push(at("lines", message).help("name it in `deliveries`, or leave `lines` out"));
        }
        let Some(feed) = project.feeds.get(&config.feed) else {
            if !is_unread(problems, &format!("feeds/{}.toml", config.feed)) {
                let message = format!("feed `{}` is not defined", config.feed);
                problems.push(
                    at("feed", message).nearest(&config.feed, project.feeds.keys().map(String::as_str)),
                );
            }
            continue;
        };
        let Some(contract) = project.contracts.get(&feed.config.contract) else { continue };
        let rules = crate::waiver::rules_of(&contract.config);
        match rules.get(&config.rule) {
            None => {
                let message = format!("contract `{}` has no rule `{}`", contract.config.id, config.rule);
                problems.push(at("rule", message).nearest(&config.rule, rules.keys().map(String::as_str)));
            }
            Some(strongest) if config.effect < *strongest => {
                let message = format!("rows that break `{}` cannot be taken as they stand", config.rule);
                problems.push(at("effect", message).help("write effect = \"acknowledge\""));
            }
            Some(_) if config.rule == crate::waiver::HELD && config.effect == Effect::Acknowledge => {
                let message = "a delivery that is held is let in or not".to_owned();
                problems.push(at("effect", message).help("write effect = \"accept\""));
            }
            Some(_) => {}
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

/// That a feed's mode has what it needs of its contract.
fn mode(feed: &Loaded<FeedConfig>, contract: &ContractConfig, problems: &mut Vec<Problem>) {
    let config = &feed.config;
    let at = |key: &str, message: String| Problem::new(&feed.source, span_of(&feed.source, &[key]), message);
    if config.mode == DeliveryMode::Upsert && contract.key.is_empty() {
        let message = format!("mode `upsert` needs a key, and contract `{}` has none", contract.id);
        problems
            .push(at("mode", message).help("name the columns that identify a row in `key` of the contract"));
    }
    let Some(name) = &config.latest_by else { return };
    if config.mode != DeliveryMode::Upsert {
        let message = "`latest-by` is for mode `upsert` only".to_owned();
        problems.push(at("latest-by", message).help("leave it out, or set mode = \"upsert\""));
    }
    let ordered =
        [ColumnType::Integer, ColumnType::Number, ColumnType::Date, ColumnType::Timestamp].as_slice();
    let known = contract.column.iter().filter(|column| ordered.contains(&column.kind));
    let mut known = known.map(|column| column.name.as_str());
    if !known.clone().any(|column| column == name) {
        let message = format!(
            "`{name}` is no column of contract `{}` that is a date, a timestamp or a number",
            contract.id
        );
        problems.push(at("latest-by", message).nearest(name, known.by_ref()));
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one rule behind the other, in the order in which a contract is written"
)]
fn contract_columns(project: &Project, contract: &Loaded<ContractConfig>, problems: &mut Vec<Problem>) {
    let config = &contract.config;
    let at = |keys: &[&str], message: String| {
        Problem::new(&contract.source, span_of(&contract.source, keys), message)
    };
    for (keys, message) in config.format.flaws() {
        let keys: Vec<&str> = ["format"].iter().chain(keys).copied().collect();
        problems.push(at(&keys, message));
    }
    let entries = config.header_entries();
    let header: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    header_names(contract, &entries, problems);
    if !config.month.from.is_empty() && !header.contains(&config.month.from.as_str()) {
        let message = format!("`{}` is not in `header`", config.month.from);
        problems.push(at(&["month", "from"], message).nearest(&config.month.from, header.iter().copied()));
    }
    if (config.month.format == MonthFormat::Explicit) == config.month.formats.is_empty() {
        let message = "format `explicit` and `formats` go together".to_owned();
        problems.push(at(&["month", "format"], message).help("write formats = [\"%d/%m/%Y\"]"));
    }
    for (number, format) in config.month.formats.iter().enumerate() {
        if chrono::format::StrftimeItems::new(format).any(|item| item == chrono::format::Item::Error) {
            let message = format!("`{format}` is not written in the letters of strftime");
            problems
                .push(at(&["month", "formats", &number.to_string()], message).help("write %d/%m/%Y, say"));
        }
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
        let origins = [&column.from, &column.from_path, &column.from_lookup, &column.derive];
        if origins.iter().filter(|origin| origin.is_some()).count() != 1 {
            let message =
                format!("column `{}` needs one of `from`, `from-path`, `from-lookup`, `derive`", column.name);
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
        for (key, lookup) in [("lookup", &column.lookup), ("codes-from", &column.codes_from)] {
            if let Some(lookup) = lookup
                && !project.lookups.contains_key(lookup)
            {
                let message = format!("look-up `{lookup}` is not defined");
                problems.push(
                    at(&place(key), message).nearest(lookup, project.lookups.keys().map(String::as_str)),
                );
            }
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
        for (key, message) in columns::misfits(config, column) {
            problems.push(at(&place(key), message));
        }
        if let Some((key, problem, help)) = columns::personal(column) {
            problems.push(at(&place(key), problem).help(help));
        }
        seen.insert(&column.name, column);
    }
    for (number, check) in config.check.iter().enumerate() {
        let number = number.to_string();
        if !is_sql_name(&check.rule) {
            let message = format!("`{}` is not a name for a rule", check.rule);
            let help = "use small letters, digits and _, a letter first";
            problems.push(at(&["check", &number, "rule"], message).help(help));
        }
        if check.message.trim().is_empty() {
            problems.push(at(&["check", &number, "message"], "the supplier needs a message".to_owned()));
        }
    }
    for (number, key) in config.key.iter().enumerate() {
        let column = seen.get(key.as_str());
        if column.is_some_and(|column| is_hidden(column) || column.derive.is_some()) {
            let message = format!("column `{key}` is dropped or derived, so it cannot be in the key");
            problems.push(at(&["key", &number.to_string()], message));
        }
        if !seen.contains_key(key.as_str()) {
            let message = format!("key column `{key}` is not defined");
            problems.push(at(&["key", &number.to_string()], message).nearest(key, seen.keys().copied()));
        }
    }
}

/// A name of the header leads to one column, whatever it is called in a delivery.
fn header_names(contract: &Loaded<ContractConfig>, entries: &[HeaderEntry], problems: &mut Vec<Problem>) {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let all = entries.iter().flat_map(|entry| {
        std::iter::once(&entry.name).chain(entry.synonyms.iter().map(|synonym| &synonym.name))
    });
    for name in all {
        if !names.insert(name) {
            let keys: &[&str] = if contract.config.header.is_empty() { &["column"] } else { &["header"] };
            let message = format!("`{name}` is the name of two columns of the header, or twice of one");
            problems.push(Problem::new(&contract.source, span_of(&contract.source, keys), message));
        }
    }
}

fn datasets(project: &Project, problems: &mut Vec<Problem>) {
    let contracts = project.contracts_by_dataset();
    // Of each column of a dataset: what it is, and the contract that said so first.
    let mut known: BTreeMap<(&str, String), (String, &str)> = BTreeMap::new();
    for contract in project.contracts.values() {
        let (id, dataset) = (contract.config.id.as_str(), contract.config.dataset.as_str());
        for (number, name, what) in stored_columns(&contract.config) {
            let (first, other) =
                known.entry((dataset, name.clone())).or_insert_with(|| (what.clone(), id)).clone();
            if first != what {
                let message = format!(
                    "column `{name}` of dataset `{dataset}` is {what} here, but {first} in contract `{other}`"
                );
                let span = span_of(&contract.source, &["column", &number.to_string(), "name"]);
                let help = "give it the same type in both, or another name in one of them";
                problems.push(Problem::new(&contract.source, span, message).help(help));
            }
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
        for (number, summary) in dataset.config.summary.iter().enumerate() {
            for (position, by) in summary.by.iter().enumerate() {
                let named = |contract: &&ContractConfig| {
                    contract.column.iter().any(|column| column.name == *by)
                        || contract.column.iter().any(|column| {
                            has_status(contract, column) && *by == format!("{}_status", column.name)
                        })
                };
                // Contracts may lack a column; those that have it agree in what it is.
                let Some(contract) = all.iter().copied().find(named).or_else(|| all.first().copied()) else {
                    continue;
                };
                let column = contract.column.iter().find(|column| column.name == *by);
                let counted = column.is_some_and(|c| {
                    let coded = (c.from.is_none() && c.derive.is_none())
                        || c.kind == ColumnType::Category
                        || c.lookup.is_some();
                    coded && !is_hidden(c)
                });
                let counted = counted
                    || contract.column.iter().any(|column| {
                        has_status(contract, column) && *by == format!("{}_status", column.name)
                    });
                if counted || ["feed", "source_file"].contains(&by.as_str()) {
                    continue;
                }
                let keys = ["summary", &number.to_string(), "by", &position.to_string()];
                let message = match column {
                    Some(_) => format!("column `{by}` is not of type category, so it cannot be counted by"),
                    None => format!("dataset `{}` has no column `{by}`", dataset.config.id),
                };
                let known =
                    all.iter().flat_map(|contract| &contract.column).map(|column| column.name.as_str());
                problems.push(
                    Problem::new(&dataset.source, span_of(&dataset.source, &keys), message)
                        .nearest(by, known),
                );
            }
        }
    }
}

/// The columns that a contract gives its dataset: number in the contract, name, and what it is, in words. Two contracts
/// can share a column only if its values are kept alike: a look-up's rows are kept as their numbers in that look-up.
fn stored_columns(contract: &ContractConfig) -> Vec<(usize, String, String)> {
    let mut columns = Vec::new();
    let kept = contract.column.iter().enumerate().filter(|(_, column)| !is_hidden(column));
    for (number, column) in kept {
        let kind = format!("{:?}", column.kind).to_lowercase();
        let what = match (&column.lookup, &column.from_lookup) {
            _ if column.person => "a pseudonym".to_owned(),
            (Some(lookup), _) => format!("a key of look-up `{lookup}`"),
            (None, Some(from)) => {
                let by = contract.column.iter().find(|other| Some(&other.name) == column.by.as_ref());
                let lookup = by.and_then(|by| by.lookup.as_deref()).unwrap_or_default();
                format!("column `{from}` of look-up `{lookup}`")
            }
            (None, None) if column.from_path.is_some() => "of type category".to_owned(),
            (None, None) => format!("of type {kind}"),
        };
        columns.push((number, column.name.clone(), what));
        if has_status(contract, column) {
            columns.push((number, format!("{}_status", column.name), "of type category".to_owned()));
        }
    }
    columns
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
        if !config.kind.per_resident() && config.kind != MeasureKind::Gap && config.per.is_some() {
            problems.push(at("per", format!("{} has no `per`", config.kind.a())));
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
        versions(measure, problems);
    }
}

/// That the versions of a measure's definition are told one after the other, up to the one that stands.
fn versions(measure: &SqlFile<MeasureConfig>, problems: &mut Vec<Problem>) {
    let config = &measure.config;
    let mut at = |keys: &[&str], message: String, help: &str| {
        let problem = Problem::new(&measure.source, front_matter_span(&measure.source, keys), message);
        problems.push(problem.help(help.to_owned()));
    };
    if config.version == 0 {
        at(&["version"], "the first version is 1".to_owned(), "write version = 1, or leave it out");
    }
    let mut before = (1, chrono::NaiveDate::MIN);
    for (number, change) in config.change.iter().enumerate() {
        let place = number.to_string();
        if change.version <= before.0 || change.version > config.version {
            let message =
                format!("version {} does not stand where it should among the changes", change.version);
            let help = "changes are in order, from version 2 up to `version`, each once";
            at(&["change", &place, "version"], message, help);
        }
        if change.date < before.1 {
            let message = format!("version {} is dated before the one it follows", change.version);
            at(&["change", &place, "date"], message, "changes are in the order of their days");
        }
        before = (change.version.max(before.0), change.date.max(before.1));
    }
    if config.version > 1 && before.0 != config.version {
        let message = format!("nothing is said of what changed with version {}", config.version);
        at(&["version"], message, "add a [[change]] with this version, its date, what and why");
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
