//! Everything that can be known to be wrong before a feed is touched: settings, look-ups and SQL, all in one pass.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::config::{self, Project};
use crate::diagnose::{Problem, Source};
use crate::engine::Engine;
use crate::geography::{Areas, Residents};
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
    if problems.is_empty() {
        return Ok(Checked { project, lookups, datasets, areas, residents, measures, tables });
    }
    problems.sort_by(|a, b| (&a.source.path, a.span.start).cmp(&(&b.source.path, b.span.start)));
    Err(problems)
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
    let per_resident = project.measures.values().any(|measure| measure.config.kind.per_resident());
    match lookups.get("population").map(|lookup| Residents::from_lookup(lookup)) {
        Some(Ok(found)) => residents = found,
        Some(Err(column)) if per_resident => missing("population", Some(column)),
        None if per_resident && !project.lookups.contains_key("population") => missing("population", None),
        _ => {}
    }
    (areas, residents)
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
