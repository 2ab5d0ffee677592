//! `outturn.toml`, `pipelines/` and `sql/` become a checked [`Project`]; every problem of every file comes out together.

mod cross_check;
pub mod settings;
mod toml_check;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::agreement::AgreementConfig;
use crate::assess::commentary::{self, Commentary};
use crate::assess::compare::Break;
use crate::assess::settings::{
    BreakConfig, CommentaryConfig, FrameworkConfig, MilestoneConfig, TargetsConfig,
};
use crate::diagnose::{Problem, Source, shown_path};
use crate::publication::CalendarConfig;
use crate::waiver::WaiverConfig;
pub(crate) use cross_check::OWN_COLUMNS;
use settings::{
    ContractConfig, DatasetConfig, FeedConfig, LookupConfig, MeasureConfig, PartnershipConfig, ProjectConfig,
    TableConfig,
};

/// Settings together with the file that they were read from.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The settings.
    pub config: T,
    /// Their file.
    pub source: Source,
    /// Folder of the file, against which its paths are meant.
    pub folder: PathBuf,
}

/// A SQL file: front matter and statement.
#[derive(Debug, Clone)]
pub struct SqlFile<T> {
    /// Folder under `sql/` in which it lies.
    pub partnership: String,
    /// The front matter.
    pub config: T,
    /// The whole file.
    pub source: Source,
    /// SHA-256 of the file.
    pub digest: String,
}

impl<T> SqlFile<T> {
    /// The statement. The front matter is a comment, so the whole text is, and places in it are places in the file.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.source.text
    }
}

/// A project whose files agree with each other.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// Its folder.
    pub root: PathBuf,
    /// `outturn.toml`.
    pub settings: ProjectConfig,
    /// By id.
    pub partnerships: BTreeMap<String, Loaded<PartnershipConfig>>,
    /// By id; those that are asked.
    pub feeds: BTreeMap<String, Loaded<FeedConfig>>,
    /// By id; those in folders that `outturn.toml` calls inactive.
    pub inactive_feeds: BTreeMap<String, Loaded<FeedConfig>>,
    /// By id.
    pub agreements: BTreeMap<String, Loaded<AgreementConfig>>,
    /// By id.
    pub contracts: BTreeMap<String, Loaded<ContractConfig>>,
    /// By id; only those that have a file.
    pub datasets: BTreeMap<String, Loaded<DatasetConfig>>,
    /// By id.
    pub waivers: BTreeMap<String, Loaded<WaiverConfig>>,
    /// By id.
    pub lookups: BTreeMap<String, Loaded<LookupConfig>>,
    /// `sql/shared/*.sql`, by the name under which other SQL reads them.
    pub views: BTreeMap<String, SqlFile<()>>,
    /// `sql/<partnership>/*.sql`, by id.
    pub measures: BTreeMap<String, SqlFile<MeasureConfig>>,
    /// `sql/<partnership>/tables/*.sql`, by id.
    pub tables: BTreeMap<String, SqlFile<TableConfig>>,
    /// By measure.
    pub targets: BTreeMap<String, Loaded<TargetsConfig>>,
    /// By id.
    pub breaks: BTreeMap<String, Loaded<BreakConfig>>,
    /// By id.
    pub milestones: BTreeMap<String, Loaded<MilestoneConfig>>,
    /// By measure, in order of the periods.
    pub commentary: Vec<Commentary>,
    /// Items of plans without a measure, by partnership.
    pub frameworks: BTreeMap<String, Loaded<FrameworkConfig>>,
    /// Release calendars, by the folder of `pipelines/` that has one; there is one at most.
    pub calendars: BTreeMap<String, Loaded<CalendarConfig>>,
    /// SHA-256 over every file that was read, look-ups included.
    pub digest: String,
    /// Every file that was read, by its path in the project, with the SHA-256 of its contents.
    pub files: BTreeMap<PathBuf, String>,
    /// `outturn.toml` itself could not be read, so that not even the warehouse is known.
    pub settings_unread: bool,
    /// A file that defines a table of SQL could not be read, so that a table may be missing through no fault of the SQL.
    pub tables_unread: bool,
}

impl Project {
    /// The warehouse folder.
    #[must_use]
    pub fn warehouse(&self) -> PathBuf {
        self.root.join(&self.settings.warehouse.location)
    }

    /// The agreement under which a feed is used; `None` when none is recorded.
    #[must_use]
    pub fn agreement_of(&self, feed: &FeedConfig) -> Option<&AgreementConfig> {
        feed.agreement.as_ref().and_then(|id| self.agreements.get(id)).map(|loaded| &loaded.config)
    }

    /// The datasets that contracts name, each with its contracts, in order of their names.
    #[must_use]
    pub fn contracts_by_dataset(&self) -> BTreeMap<&str, Vec<&ContractConfig>> {
        let mut datasets: BTreeMap<&str, Vec<&ContractConfig>> = BTreeMap::new();
        for contract in self.contracts.values() {
            datasets.entry(&contract.config.dataset).or_default().push(&contract.config);
        }
        datasets
    }

    /// The breaks that concern a measure, by name or by a dataset that it reads, in order of their months.
    #[must_use]
    pub fn breaks_of(&self, measure: &str, datasets: &BTreeSet<String>) -> Vec<Break> {
        let concerned = self.breaks.values().map(|found| &found.config).filter(|found| {
            found.measures.iter().any(|id| id == measure)
                || found.datasets.iter().any(|id| datasets.contains(id))
        });
        let mut breaks: Vec<Break> = concerned
            .map(|found| Break { month: found.month, areas: found.areas.clone(), title: found.title.clone() })
            .collect();
        breaks.sort_by(|a, b| (a.month, &a.title).cmp(&(b.month, &b.title)));
        breaks
    }

    /// What is said of a measure, in order of the periods.
    #[must_use]
    pub fn commentary_of(&self, measure: &str) -> Vec<&Commentary> {
        self.commentary.iter().filter(|said| said.measure == measure).collect()
    }

    /// Everything beside its own file by which a measure's figures are judged, as text to be digested.
    #[must_use]
    pub fn judged_by(&self, measure: &str, datasets: &BTreeSet<String>) -> String {
        let targets = self.targets.get(measure).map_or("", |targets| &targets.source.text);
        let said: Vec<&str> = self.commentary_of(measure).iter().map(|said| &*said.source.text).collect();
        format!("{targets:?} {:?} {said:?}", self.breaks_of(measure, datasets))
    }

    /// The feeds that fill a dataset, in order of their names.
    pub fn feeds_of(&self, dataset: &str) -> impl Iterator<Item = &FeedConfig> {
        self.feeds.values().map(|feed| &feed.config).filter(move |feed| {
            self.contracts.get(&feed.contract).is_some_and(|contract| contract.config.dataset == dataset)
        })
    }
}

/// Reads the project in `root`.
///
/// The second value holds every problem found; the project then lacks what could not be read.
#[must_use]
pub fn load(root: &Path) -> (Project, Vec<Problem>) {
    let mut reader = Reader {
        root: root.to_path_buf(),
        unread: Vec::new(),
        problems: Vec::new(),
        digest: Sha256::new(),
        files: BTreeMap::new(),
    };
    let mut project = Project { root: root.to_path_buf(), ..Project::default() };
    let settings = root.join("outturn.toml");
    match reader.toml::<ProjectConfig>(&settings) {
        Some(loaded) => project.settings = loaded.config,
        None if !settings.is_file() => {
            project.settings_unread = true;
            return (project, reader.no_project());
        }
        None => project.settings_unread = true,
    }
    for folder in Reader::entries(&root.join("pipelines"), "") {
        reader.pipeline(&folder, &mut project);
    }
    for folder in Reader::entries(&root.join("sql"), "") {
        reader.sql_folder(&folder, &mut project);
    }
    reader.lookup_files(&project);
    let no_table = |path: &PathBuf| {
        path.parent().is_some_and(|folder| {
            ["feeds", "waivers", "agreements", "targets", "breaks", "milestones"]
                .iter()
                .any(|name| folder.ends_with(name))
        })
    };
    project.tables_unread = reader.unread.iter().any(|path| !no_table(path));
    cross_check::check(&project, &mut reader.problems);
    let inactive = &project.settings.inactive;
    let is_inactive = |feed: &Loaded<FeedConfig>| {
        let folder = feed.folder.parent().and_then(Path::file_name);
        folder.is_some_and(|name| inactive.iter().any(|known| name == known.as_str()))
    };
    (project.inactive_feeds, project.feeds) =
        std::mem::take(&mut project.feeds).into_iter().partition(|(_, feed)| is_inactive(feed));
    project.digest = hex::encode(reader.digest.finalize());
    project.files = reader.files;
    let mut problems = reader.problems;
    problems.sort_by(|a, b| (&a.source.path, a.span.start).cmp(&(&b.source.path, b.span.start)));
    (project, problems)
}

struct Reader {
    root: PathBuf,
    /// Files that could not be read.
    unread: Vec<PathBuf>,
    problems: Vec<Problem>,
    digest: Sha256,
    files: BTreeMap<PathBuf, String>,
}

impl Reader {
    fn no_project(&self) -> Vec<Problem> {
        let source = Source::new("outturn.toml", "");
        let message = format!("there is no project in {}: outturn.toml is missing", self.root.display());
        vec![Problem::new(&source, 0..0, message).help("name the project's folder with --project")]
    }

    /// Entries of a folder in order of their names: folders when `extension` is empty, else files with it.
    fn entries(folder: &Path, extension: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| {
                if extension.is_empty() {
                    path.is_dir()
                } else {
                    path.is_file() && path.extension().is_some_and(|e| e == extension)
                }
            })
            .collect();
        paths.sort();
        paths
    }

    fn text(&mut self, path: &Path) -> Option<Source> {
        let shown = shown_path(&self.root, path);
        match fs::read_to_string(path) {
            Ok(text) => {
                self.digest.update(shown.to_string_lossy().as_bytes());
                self.digest.update((text.len() as u64).to_le_bytes());
                self.digest.update(text.as_bytes());
                self.files.insert(shown.clone(), hex::encode(Sha256::digest(&text)));
                Some(Source::new(shown, text))
            }
            Err(error) => {
                self.problems.push(Problem::new(
                    &Source::new(shown, ""),
                    0..0,
                    format!("cannot be read: {error}"),
                ));
                None
            }
        }
    }

    fn toml<T: DeserializeOwned + JsonSchema>(&mut self, path: &Path) -> Option<Loaded<T>> {
        if !path.is_file() {
            return None;
        }
        let source = self.text(path)?;
        let all = 0..source.text.len();
        match toml_check::read(&source, all) {
            Ok(config) => {
                let folder = path.parent().unwrap_or(&self.root).to_path_buf();
                Some(Loaded { config, source, folder })
            }
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }

    /// Every TOML file of a folder, by its `id`, which must be the file's name and unique.
    fn toml_folder<T: DeserializeOwned + JsonSchema>(
        &mut self,
        folder: &Path,
        into: &mut BTreeMap<String, Loaded<T>>,
        id: fn(&T) -> &str,
    ) {
        for path in Self::entries(folder, "toml") {
            let Some(loaded) = self.toml::<T>(&path) else {
                self.unread.push(path);
                continue;
            };
            let found = id(&loaded.config).to_owned();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            if found != stem {
                let message = format!("id `{found}` differs from the file's name `{stem}`");
                self.problems.push(Problem::new(&loaded.source, span_of(&loaded.source, &["id"]), message));
            }
            if let Some(other) = into.get(&found) {
                let message = format!("id `{found}` is taken by {}", other.source.path.display());
                self.problems.push(Problem::new(&loaded.source, span_of(&loaded.source, &["id"]), message));
                continue;
            }
            into.insert(found, loaded);
        }
    }

    fn pipeline(&mut self, folder: &Path, project: &mut Project) {
        if let Some(loaded) = self.toml::<PartnershipConfig>(&folder.join("partnership.toml")) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if loaded.config.id != name {
                let message = format!("id `{}` differs from the folder's name `{name}`", loaded.config.id);
                self.problems.push(Problem::new(&loaded.source, span_of(&loaded.source, &["id"]), message));
            }
            project.partnerships.insert(name, loaded);
        }
        self.toml_folder(&folder.join("feeds"), &mut project.feeds, |feed| &feed.id);
        self.toml_folder(&folder.join("agreements"), &mut project.agreements, |agreement| &agreement.id);
        self.toml_folder(&folder.join("contracts"), &mut project.contracts, |contract| &contract.id);
        self.toml_folder(&folder.join("datasets"), &mut project.datasets, |dataset| &dataset.id);
        self.toml_folder(&folder.join("waivers"), &mut project.waivers, |waiver| &waiver.id);
        self.toml_folder(&folder.join("lookups"), &mut project.lookups, |lookup| &lookup.id);
        self.toml_folder(&folder.join("targets"), &mut project.targets, |targets| &targets.measure);
        self.toml_folder(&folder.join("breaks"), &mut project.breaks, |found| &found.id);
        self.toml_folder(&folder.join("milestones"), &mut project.milestones, |milestone| &milestone.id);
        let partnership = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(loaded) = self.toml::<FrameworkConfig>(&folder.join("framework.toml")) {
            project.frameworks.insert(partnership.clone(), loaded);
        }
        if let Some(loaded) = self.toml::<CalendarConfig>(&folder.join("calendar.toml")) {
            project.calendars.insert(partnership.clone(), loaded);
        }
        for measure in Self::entries(&folder.join("commentary"), "") {
            for path in Self::entries(&measure, "md") {
                project.commentary.extend(self.commentary(&path, &partnership));
            }
        }
        project.commentary.sort_by(|a, b| {
            (&a.measure, a.period.last, &a.source.path).cmp(&(&b.measure, b.period.last, &b.source.path))
        });
    }

    /// What a Markdown file says of the measure that its folder names, in the period that it is named by itself.
    fn commentary(&mut self, path: &Path, partnership: &str) -> Option<Commentary> {
        let source = self.text(path)?;
        let Some((head, body)) = commentary::parts(&source.text) else {
            let problem = Problem::new(&source, 0..0, "the file does not begin with its head")
                .help("begin with a line +++, then author = \"…\" and date = 2025-07-01, then a line +++");
            self.problems.push(problem);
            return None;
        };
        let config: CommentaryConfig = match toml_check::read(&source, head) {
            Ok(config) => config,
            Err(problems) => {
                self.problems.extend(problems);
                return None;
            }
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().replace('_', "/");
        let period = match stem.parse() {
            Ok(period) => period,
            Err(error) => {
                let message = format!("the file's name: {error}");
                let help = "name it by its period, with _ for /: 2025_26 Q1.md";
                self.problems.push(Problem::new(&source, 0..0, message).help(help));
                return None;
            }
        };
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
        Some(Commentary {
            partnership: partnership.to_owned(),
            measure: folder.to_string_lossy().into_owned(),
            period,
            area: config.area,
            author: config.author,
            date: config.date,
            begins: body.start,
            text: source.text.get(body).unwrap_or_default().trim().to_owned(),
            source,
        })
    }

    fn sql_folder(&mut self, folder: &Path, project: &mut Project) {
        let partnership = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if partnership == "shared" {
            for path in Self::entries(folder, "sql") {
                let Some(source) = self.text(&path) else { continue };
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let digest = hex::encode(Sha256::digest(source.text.as_bytes()));
                let file = SqlFile { partnership: partnership.clone(), config: (), source, digest };
                project.views.insert(name, file);
            }
            return;
        }
        for path in Self::entries(folder, "sql") {
            if let Some(file) = self.sql_file::<MeasureConfig>(&path, &partnership) {
                let id = file.config.id.clone();
                self.insert_sql(&mut project.measures, id, file);
            }
        }
        for path in Self::entries(&folder.join("tables"), "sql") {
            if let Some(file) = self.sql_file::<TableConfig>(&path, &partnership) {
                let id = file.config.id.clone();
                self.insert_sql(&mut project.tables, id, file);
            }
        }
    }

    fn insert_sql<T>(&mut self, into: &mut BTreeMap<String, SqlFile<T>>, id: String, file: SqlFile<T>) {
        if let Some(other) = into.get(&id) {
            let message = format!("id `{id}` is taken by {}", other.source.path.display());
            let span = front_matter(&file.source.text).unwrap_or(0..0);
            self.problems.push(Problem::new(&file.source, span.start..span.start, message));
            return;
        }
        into.insert(id, file);
    }

    fn sql_file<T: DeserializeOwned + JsonSchema>(
        &mut self,
        path: &Path,
        partnership: &str,
    ) -> Option<SqlFile<T>> {
        let source = self.text(path)?;
        let Some(range) = front_matter(&source.text) else {
            let problem = Problem::new(&source, 0..0, "the file does not begin with its front matter")
                .help("begin with a comment /* … */ that holds the settings of the measure as TOML");
            self.problems.push(problem);
            return None;
        };
        let config = match toml_check::read(&source, range) {
            Ok(config) => config,
            Err(problems) => {
                self.problems.extend(problems);
                return None;
            }
        };
        let digest = hex::encode(Sha256::digest(source.text.as_bytes()));
        Some(SqlFile { partnership: partnership.to_owned(), config, source, digest })
    }

    /// Takes the look-ups' files into the digest of the project, and misses those that are not there.
    fn lookup_files(&mut self, project: &Project) {
        for lookup in project.lookups.values() {
            for (table, file) in &lookup.config.file {
                let path = lookup.folder.join(file);
                match fs::read(&path) {
                    Ok(bytes) => {
                        let digest = Sha256::digest(&bytes);
                        self.digest.update(digest);
                        self.files.insert(shown_path(&self.root, &path), hex::encode(digest));
                    }
                    Err(error) => {
                        let span = span_of(&lookup.source, &["file", table]);
                        let message = format!("{file} cannot be read: {error}");
                        self.problems.push(Problem::new(&lookup.source, span, message));
                    }
                }
            }
        }
    }
}

/// Bytes between `/*` and `*/` of the comment with which a SQL file begins.
fn front_matter(text: &str) -> Option<Range<usize>> {
    let start = text.len() - text.trim_start().len();
    let body = start + text.get(start..)?.starts_with("/*").then_some(2)?;
    let end = body + text.get(body..)?.find("*/")?;
    Some(body..end)
}

/// Where the value of a key stands in a TOML file (array items are named by their number); the file's start when absent.
#[must_use]
pub fn span_of(source: &Source, keys: &[&str]) -> Range<usize> {
    span_within(&source.text, keys).unwrap_or(0..0)
}

/// As [`span_of`], in the front matter of a SQL file.
#[must_use]
pub fn front_matter_span(source: &Source, keys: &[&str]) -> Range<usize> {
    let Some(range) = front_matter(&source.text) else { return 0..0 };
    let base = range.start;
    let text = source.text.get(range).unwrap_or_default();
    span_within(text, keys).map_or(0..0, |span| base + span.start..base + span.end)
}

fn span_within(text: &str, keys: &[&str]) -> Option<Range<usize>> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let (first, rest) = keys.split_first()?;
    let mut value = document.get_ref().get(*first)?;
    for key in rest {
        value = match key.parse::<usize>() {
            Ok(number) => value.get_ref().as_array()?.get(number)?,
            Err(_) => value.get_ref().as_table()?.get(*key)?,
        };
    }
    Some(value.span())
}

/// The JSON Schema of each kind of file, by name, made from the types that read them.
#[must_use]
pub fn schemas() -> BTreeMap<&'static str, serde_json::Value> {
    BTreeMap::from([
        ("outturn", schemars::schema_for!(ProjectConfig).to_value()),
        ("partnership", schemars::schema_for!(PartnershipConfig).to_value()),
        ("feed", schemars::schema_for!(FeedConfig).to_value()),
        ("agreement", schemars::schema_for!(AgreementConfig).to_value()),
        ("contract", schemars::schema_for!(ContractConfig).to_value()),
        ("dataset", schemars::schema_for!(DatasetConfig).to_value()),
        ("lookup", schemars::schema_for!(LookupConfig).to_value()),
        ("measure", schemars::schema_for!(MeasureConfig).to_value()),
        ("table", schemars::schema_for!(TableConfig).to_value()),
        ("waiver", schemars::schema_for!(WaiverConfig).to_value()),
        ("targets", schemars::schema_for!(TargetsConfig).to_value()),
        ("break", schemars::schema_for!(BreakConfig).to_value()),
        ("milestone", schemars::schema_for!(MilestoneConfig).to_value()),
        ("commentary", schemars::schema_for!(CommentaryConfig).to_value()),
        ("framework", schemars::schema_for!(FrameworkConfig).to_value()),
        ("calendar", schemars::schema_for!(CalendarConfig).to_value()),
    ])
}
