//! Everything that can be known to be wrong before a feed is touched: settings, look-ups and SQL, all in one pass.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::agreement::{self, AgreementConfig};
use crate::assess::small_numbers::{self, Found};
use crate::config::settings::FeedConfig;
use crate::config::{self, Project};
use crate::diagnose::{Problem, Source};
use crate::engine::Engine;
use crate::geography::{Areas, Change, Residents};
use crate::lookup::{self, Lookup};
use crate::measure::{self, Planned};
use crate::normalise::contract::{self, Dataset};
use crate::normalise::person::{self, PersonKey};

/// A project in which nothing is known to be wrong.
pub struct Checked {
    /// Its files.
    pub project: Project,
    /// By id.
    pub lookups: BTreeMap<String, Arc<Lookup>>,
    /// By id.
    pub datasets: BTreeMap<String, Arc<Dataset>>,
    /// The look-up `area`.
    pub areas: Areas,
    /// The look-up `population`.
    pub residents: Residents,
    /// By id: what a measure reads, and the codes of its areas.
    pub measures: BTreeMap<String, (Planned, Vec<String>)>,
    /// By id.
    pub tables: BTreeMap<String, Planned>,
    /// What is not wrong, but deserves a look.
    pub warnings: Vec<Problem>,
}

/// Reads and checks the project in a folder. Needs no network and no warehouse.
///
/// # Errors
/// Every problem of every file, in order of the files.
pub async fn check(root: &Path) -> Result<Checked, Vec<Problem>> {
    let (project, problems) = config::load(root);
    check_loaded(project, problems).await
}

/// As [`check`], for who only reads what is stored: the key of the pseudonyms need not be there.
///
/// # Errors
/// Every problem of every file, in order of the files.
pub async fn check_to_read(root: &Path) -> Result<Checked, Vec<Problem>> {
    let (project, problems) = config::load(root);
    judge(project, problems, None).await
}

/// As [`check`], for a project whose files were read already, with what was found wrong with them.
///
/// # Errors
/// Every problem of every file, in order of the files.
pub async fn check_loaded(project: Project, mut problems: Vec<Problem>) -> Result<Checked, Vec<Problem>> {
    let key = if project.settings_unread {
        None
    } else {
        person::key_of(&project).unwrap_or_else(|problem| {
            problems.push(*problem);
            None
        })
    };
    judge(project, problems, key.as_ref()).await
}

async fn judge(
    project: Project,
    mut problems: Vec<Problem>,
    key: Option<&PersonKey>,
) -> Result<Checked, Vec<Problem>> {
    let files_wrong = !problems.is_empty();
    let (lookups, found) = lookup::load_all(&project).await;
    problems.extend(found);
    let (datasets, found) = contract::datasets(&project, &lookups, key);
    let lacks_dataset = !found.is_empty();
    problems.extend(found);
    let (areas, residents) = reference(&project, &lookups, &mut problems);
    // A table may then be missing through no fault of the SQL that reads it.
    let incomplete = project.tables_unread || lookups.len() < project.lookups.len() || lacks_dataset;
    let mut measures = BTreeMap::new();
    let mut tables = BTreeMap::new();
    match Engine::new(&project, &datasets, &lookups, None, None, incomplete).await {
        Err(error) => {
            let message = format!("the tables cannot be set up: {}", crate::engine::plain_message(&error));
            problems.push(Problem::new(&Source::new("outturn.toml", ""), 0..0, message));
        }
        Ok((engine, found)) => {
            problems.extend(found);
            for (id, file) in &project.measures {
                let planned = measure::check(&engine, file).await.map_err(|found| problems.extend(found));
                let chosen = if areas.iter().next().is_some() {
                    measure::areas(file, &areas).map_err(|found| problems.extend(found))
                } else {
                    Err(())
                };
                if let (Ok(planned), Ok(chosen)) = (planned, chosen) {
                    // With a feed's file in disorder, this would only repeat what is said there.
                    if !files_wrong {
                        fed(&project, file, &planned, &chosen, &areas, &mut problems);
                        problems.extend(purposed(&project, file, &planned, &chosen, &areas));
                        problems.extend(switched_off(&project, file, &planned, (&areas, &chosen)));
                    }
                    measures.insert(id.clone(), (planned, chosen));
                }
            }
            for (id, file) in &project.tables {
                match measure::check_table(&engine, file).await {
                    Ok(planned) => {
                        tables.insert(id.clone(), planned);
                    }
                    Err(found) => problems.extend(found),
                }
            }
        }
    }
    if areas.iter().next().is_some() {
        judged_areas(&project, &measures, &areas, &mut problems);
    }
    if problems.is_empty() {
        let mut warnings = of_few(&project);
        warnings.extend(crate::publication::warnings(&project));
        return Ok(Checked { project, lookups, datasets, areas, residents, measures, tables, warnings });
    }
    problems.sort_by(|a, b| (&a.source.path, a.span.start).cmp(&(&b.source.path, b.span.start)));
    Err(problems)
}

/// That the areas by which figures are judged are among the areas of their measures, and that breaks name known ones.
fn judged_areas(
    project: &Project,
    measures: &BTreeMap<String, (Planned, Vec<String>)>,
    areas: &Areas,
    problems: &mut Vec<Problem>,
) {
    let help = "name it in `areas` of the measure, and let its SELECT count it";
    let mut stranger = |source: &Source, span, code: &str, measure: &str, chosen: &[String]| {
        if !chosen.iter().any(|known| known == code) {
            let message = format!("area `{code}` is none of the areas of measure `{measure}`");
            problems.push(Problem::new(source, span, message).help(help));
        }
    };
    let mut outside = Vec::new();
    for (id, (_, chosen)) in measures {
        if let Some(file) = project.measures.get(id) {
            if let Some(code) = &file.config.benchmark {
                let span = config::front_matter_span(&file.source, &["benchmark"]);
                stranger(&file.source, span, code, id, chosen);
            }
            if let Some(code) = &file.config.whole {
                let span = config::front_matter_span(&file.source, &["whole"]);
                stranger(&file.source, span.clone(), code, id, chosen);
                if let Some(out) = chosen.iter().find(|area| !areas.lies_in(area, code)) {
                    outside.push((
                        file.source.clone(),
                        span,
                        format!("area `{out}` does not lie in `{code}`"),
                    ));
                }
            }
            for (number, code) in file.config.peers.iter().enumerate() {
                let span = config::front_matter_span(&file.source, &["peers", &number.to_string()]);
                stranger(&file.source, span, code, id, chosen);
            }
        }
        if let Some(targets) = project.targets.get(id) {
            for (number, target) in targets.config.target.iter().enumerate() {
                let span = config::span_of(&targets.source, &["target", &number.to_string(), "area"]);
                stranger(&targets.source, span, &target.area, id, chosen);
            }
        }
        for said in project.commentary_of(id) {
            if let Some(code) = &said.area {
                stranger(&said.source, 0..0, code, id, chosen);
            }
        }
    }
    problems.extend(outside.into_iter().map(|(source, span, message)| Problem::new(&source, span, message)));
    for found in project.breaks.values() {
        for (number, code) in found.config.areas.iter().enumerate() {
            if areas.get(code).is_none() {
                let span = config::span_of(&found.source, &["areas", &number.to_string()]);
                let message = format!("area `{code}` is not known");
                problems.push(Problem::new(&found.source, span, message).nearest(code, areas.codes()));
            }
        }
    }
}

/// Commentary in which a number of few people may stand.
fn of_few(project: &Project) -> Vec<Problem> {
    let found = project.commentary.iter().flat_map(|said| {
        let body = said.source.text.get(said.begins..).unwrap_or_default();
        small_numbers::find(body).into_iter().filter(Found::is_small).map(move |found| (said, found))
    });
    found
        .map(|(said, found)| {
            let span = said.begins + found.at.start..said.begins + found.at.end;
            Problem::new(&said.source, span, "a number from 1 to 4 may tell of somebody")
                .help("write `fewer than five`, or leave it out, where it counts people")
        })
        .collect()
}

/// The two look-ups that the product itself reads.
fn reference(
    project: &Project,
    lookups: &BTreeMap<String, Arc<Lookup>>,
    problems: &mut Vec<Problem>,
) -> (Areas, Residents) {
    let mut missing = |name: &str, column: Option<&str>| {
        let source =
            project.lookups.get(name).map_or_else(|| Source::new("pipelines", ""), |l| l.source.clone());
        let message = match column {
            Some(column) => format!("look-up `{name}` has no column `{column}`, or not of the right type"),
            None => format!("look-up `{name}` is missing; measures need it"),
        };
        let help = match name {
            "area" => "its columns are area, level, title and parent",
            _ => "its columns are area, mid_year and persons, the last two numbers",
        };
        problems.push(Problem::new(&source, 0..0, message).help(help));
    };
    let mut areas = Areas::default();
    let mut residents = Residents::default();
    match lookups.get("area").map(|lookup| Areas::from_lookup(lookup)) {
        Some(Ok(found)) => areas = found,
        Some(Err(column)) => missing("area", Some(column)),
        None if !project.measures.is_empty() && !project.lookups.contains_key("area") => {
            missing("area", None);
        }
        None => {}
    }
    let mut wrong = Vec::new();
    let per_resident = project.measures.values().any(|measure| measure.config.kind.per_resident());
    let changes = lookups.get("area_change").map(|lookup| {
        let changes = Change::from_lookup(lookup).map_err(|column| {
            format!("look-up `area_change` has no column `{column}`, or not of the right type")
        })?;
        areas.clone().with_changes(changes)
    });
    match changes {
        Some(Ok(with_changes)) => areas = with_changes,
        Some(Err(message)) => {
            let source = project.lookups.get("area_change").map(|lookup| lookup.source.clone());
            let source = source.unwrap_or_else(|| Source::new("pipelines", ""));
            let help = "its columns are old, new, from (a month) and, for a split, weight (a number)";
            wrong.push(Problem::new(&source, 0..0, message).help(help));
        }
        None => {}
    }
    match lookups.get("population").map(|lookup| Residents::from_lookup(lookup)) {
        Some(Ok(found)) => residents = found.carried(&areas),
        Some(Err(column)) if per_resident => missing("population", Some(column)),
        None if per_resident && !project.lookups.contains_key("population") => missing("population", None),
        _ => {}
    }
    problems.extend(wrong);
    (areas, residents)
}

/// A measure that reads a feed under an agreement with purposes names one of them.
fn purposed(
    project: &Project,
    file: &config::SqlFile<config::settings::MeasureConfig>,
    planned: &Planned,
    chosen: &[String],
    areas: &Areas,
) -> Option<Problem> {
    if file.config.purpose.is_some() {
        return None;
    }
    let feeds = agreement::reads(project, &planned.datasets, Some((areas, chosen)));
    let bound = |(feed, found): &(&FeedConfig, Option<&AgreementConfig>)| {
        found.filter(|found| !found.purposes.is_empty()).map(|found| (feed.id.clone(), found.clone()))
    };
    let (feed, found) = feeds.0.iter().find_map(bound)?;
    let span = config::front_matter_span(&file.source, &["id"]);
    let message = format!(
        "measure `{}` names no purpose, and reads feed `{feed}`, which agreement `{}` gives for some purposes only",
        file.config.id, found.id
    );
    let purposes: Vec<String> = found.purposes.iter().map(|purpose| format!("`{purpose}`")).collect();
    let help = format!("add purpose = \"...\" with one of {}", purposes.join(", "));
    Some(Problem::new(&file.source, span, message).help(help))
}

/// A measure cannot do without the protection that those demand whose rows it counts.
fn switched_off(
    project: &Project,
    file: &config::SqlFile<config::settings::MeasureConfig>,
    planned: &Planned,
    wanted: (&Areas, &[String]),
) -> Option<Problem> {
    file.config.disclosure.as_ref()?.off.as_ref()?;
    let reads = agreement::reads(project, &planned.datasets, Some(wanted));
    let demands = reads.0.iter().find_map(|(feed, agreement)| {
        let contract = project.contracts.get(&feed.contract).map(|contract| &contract.config);
        if feed.disclosure.is_some() {
            return Some(format!("feed `{}`", feed.id));
        }
        if let Some(contract) = contract.filter(|contract| contract.disclosure.is_some()) {
            return Some(format!("contract `{}`", contract.id));
        }
        let agreement = agreement.filter(|agreement| agreement.disclosure.is_some())?;
        Some(format!("agreement `{}`", agreement.id))
    })?;
    let span = config::front_matter_span(&file.source, &["disclosure", "off"]);
    let message =
        format!("disclosure control cannot be switched off: {demands} demands it of what is counted here");
    Some(Problem::new(&file.source, span, message))
}

/// A measure whose areas no feed covers would stand as not available for ever; that is a mistake in a file.
fn fed(
    project: &Project,
    file: &config::SqlFile<config::settings::MeasureConfig>,
    planned: &Planned,
    chosen: &[String],
    areas: &Areas,
    problems: &mut Vec<Problem>,
) {
    for dataset in &planned.datasets {
        let covers: Vec<&String> = project.feeds_of(dataset).flat_map(|feed| &feed.covers).collect();
        if let Some(area) = chosen.iter().find(|area| !covers.iter().any(|whole| areas.lies_in(area, whole)))
        {
            let span = config::front_matter_span(&file.source, &["areas"]);
            let message = format!("no feed of dataset `{dataset}` covers area `{area}`");
            let help = "name the area, or one that it lies in, in `covers` of a feed";
            problems.push(Problem::new(&file.source, span, message).help(help));
        }
    }
}
