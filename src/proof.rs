//! The proof of a public set, worked out anew from the files as they lie there: what the public has, and what it cannot
//! rule out of each count that it has not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Float64Type;

use crate::agreement::{self, Audience};
use crate::assess::{Absence, Figure, Status};
use crate::check::{Checked, check_to_read};
use crate::config::SqlFile;
use crate::config::settings::MeasureConfig;
use crate::disclosure::figures::{Audited, Edition, Measure, Rule, audit_figures, numbers};
use crate::disclosure::rules::round_to_base;
use crate::disclosure::settings::{Applied, PublicConfig, unprotected};
use crate::period::Period;
use crate::release::public::{EarlierSet, FOLDER, MeasureFigures};
use crate::release::{self, Published, ReleaseError};
use crate::run::RunError;
use crate::run::amounts::Undominated;
use crate::run::public::{Known, effort, of_table, rule_of, sums};

/// What an audit of a release found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The release.
    pub release: String,
    /// Figures with a count, of all measures that the public may see.
    pub figures: usize,
    /// Of these, figures whose count it sees.
    pub shown: usize,
    /// Of the withheld, those that are small themselves.
    pub small: usize,
    /// Of the withheld, those that would give others back.
    pub cover: usize,
    /// Measures that are withheld as a whole, each with the reason; nothing of them is audited.
    pub whole: Vec<(String, String)>,
    /// Measures whose counts are rounded.
    pub rounded: Vec<String>,
    /// What was found, one for each count that is withheld or rounded.
    pub findings: Vec<Audited>,
    /// What is wrong, each in a line.
    pub failures: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.failures.is_empty()
    }

    /// Takes up a figure as it was counted and as it is shown.
    fn tell(&mut self, id: &str, rule: &Rule, (figure, shown): (&Figure, &Figure), rounded: bool) {
        let counts = rule.counting.counts(figure);
        if counts.iter().all(Option::is_none) {
            return;
        }
        let told = rule.counting.counts(shown);
        // A sum may be withheld beside the base that it stands on.
        let sum = figure.numerator.filter(|_| rule.counting.is_base());
        let all = counts.iter().zip(told).chain([(&sum, shown.numerator)]);
        let lacks = all.into_iter().any(|(counted, told)| counted.is_some() && told.is_none());
        self.figures += 1;
        if !rounded && rule.has_sensitive(shown) {
            self.failures.push(format!("{}: is small, and shown", named(id, figure)));
        }
        if !lacks {
            self.shown += 1;
        } else if counts.into_iter().flatten().any(|count| rule.is_sensitive(count)) {
            self.small += 1;
        } else {
            self.cover += 1;
        }
    }
}

/// Why there is no audit.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The project or the release cannot be read.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There is nothing to audit.
    #[error("{0}")]
    Nothing(String),
}

impl From<ReleaseError> for ProofError {
    fn from(error: ReleaseError) -> Self {
        Self::Run(RunError::Release(error))
    }
}

/// Where a figure stands: area, breakdown, period.
type Key<'a> = (&'a str, &'a str, Period);

fn key(figure: &Figure) -> Key<'_> {
    (&figure.area, &figure.breakdown, figure.period)
}

/// Audits the public set of a release, the current one when `name` is `None`, by the present rules of the project in
/// `root`.
///
/// # Errors
/// A project that cannot be read, and a release without a public set.
pub async fn audit(root: &Path, name: Option<&str>) -> Result<Report, ProofError> {
    let checked = check_to_read(root).await.map_err(RunError::Invalid)?;
    let Some(rules) = &checked.project.settings.public else {
        return Err(ProofError::Nothing("outturn.toml has no section [public]".to_owned()));
    };
    let published = Published::in_warehouse(&checked.project.warehouse());
    let folder = name.map_or_else(|| published.current(), |name| published.release(name));
    let Some(folder) = folder else {
        return Err(ProofError::Nothing(match name {
            Some(name) => format!("there is no release {name}"),
            None => "there is no release yet".to_owned(),
        }));
    };
    let release = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let public = folder.join(FOLDER);
    if !public.is_dir() {
        return Err(ProofError::Nothing(format!("release {release} has no tables for the public")));
    }
    let mut report = Report { release: release.clone(), ..Report::default() };
    report.failures.extend(release::verify(&public)?);
    if let Some(shown) = published.public().release(&release) {
        let wrong = release::verify(&shown)?.into_iter();
        report.failures.extend(wrong.map(|line| format!("published/public/releases/{release}: {line}")));
    }
    let sets = published.public_sets()?;
    let before: Vec<EarlierSet> = sets.into_iter().take_while(|set| set.release != release).collect();
    let mut counted = of_table(&folder)?;
    crate::release::public::cut(&mut counted, release::read_manifest(&public)?.public_until);
    let undominated = Undominated::of_release(&checked.project.warehouse(), &release);
    for own in &mut counted {
        let is_amount = |file: &SqlFile<MeasureConfig>| file.config.dominance().is_some();
        if undominated.has(&own.measure) && checked.project.measures.get(&own.measure).is_some_and(is_amount)
        {
            undominated.mark(&own.measure, &mut own.figures);
        }
    }
    let shown = of_table(&public)?;
    Auditor { checked: &checked, rules, results: results(&public)? }.go(
        &counted,
        &shown,
        &before,
        &mut report,
    )?;
    report.failures.extend(telling(&public, &shown)?);
    Ok(report)
}

/// Result and detail of each measure, out of table `disclosure`.
type Results = BTreeMap<String, (String, String)>;

fn results(public: &Path) -> Result<Results, ReleaseError> {
    let mut results = Results::new();
    for batch in release::read_table(public, "disclosure")?.1 {
        let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let (Some(measure), Some(result), Some(detail)) = (text("measure"), text("result"), text("detail"))
        else {
            continue;
        };
        for row in 0..batch.num_rows() {
            let told = if detail.is_valid(row) { detail.value(row) } else { "" };
            results.insert(measure.value(row).to_owned(), (result.value(row).to_owned(), told.to_owned()));
        }
    }
    Ok(results)
}

struct Auditor<'a> {
    checked: &'a Checked,
    rules: &'a PublicConfig,
    results: Results,
}

/// A measure to be audited.
struct Subject<'a> {
    id: &'a str,
    applied: Applied,
    counted: &'a [Figure],
    shown: Vec<Figure>,
}

impl Auditor<'_> {
    fn go(
        &self,
        counted: &[MeasureFigures],
        shown: &[MeasureFigures],
        before: &[EarlierSet],
        report: &mut Report,
    ) -> Result<(), ProofError> {
        let project = &self.checked.project;
        let published: BTreeMap<&str, &[Figure]> =
            shown.iter().map(|own| (own.measure.as_str(), own.figures.as_slice())).collect();
        let known: BTreeSet<&str> = counted.iter().map(|own| own.measure.as_str()).collect();
        for own in shown.iter().filter(|own| !known.contains(own.measure.as_str())) {
            report.failures.push(format!("measure `{}`: no such measure was counted", own.measure));
        }
        let mut subjects = Vec::new();
        for own in counted {
            let id = own.measure.as_str();
            let shown = published.get(id).copied().unwrap_or_default();
            let Some(((planned, areas), file)) = self.checked.measures.get(id).zip(project.measures.get(id))
            else {
                report.failures.push(format!("measure `{id}`: the project does not have it any more"));
                continue;
            };
            let reads = agreement::reads(project, &planned.datasets, Some((&self.checked.areas, areas)));
            let applied = rule_of(project, self.rules, &file.config, &reads);
            let (result, detail) = self.results.get(id).cloned().unwrap_or_default();
            let refused = agreement::permits(&reads, Audience::Public).err().map(|why| why.to_string());
            if let Some(why) = refused.or_else(|| unprotected(&file.config, &planned.columns)) {
                if shown.iter().any(tells) {
                    report.failures.push(format!("measure `{id}` has figures, but {why}"));
                }
                continue;
            }
            let by_key: BTreeMap<Key<'_>, &Figure> =
                shown.iter().map(|figure| (key(figure), figure)).collect();
            let own_keys: BTreeSet<Key<'_>> = own.figures.iter().map(key).collect();
            for figure in shown.iter().filter(|figure| !own_keys.contains(&key(figure))) {
                report.failures.push(format!("{}: was not counted", named(id, figure)));
            }
            let aligned: Vec<Figure> = own
                .figures
                .iter()
                .map(|figure| {
                    by_key.get(&key(figure)).map_or_else(|| nothing_of(figure), |found| (*found).clone())
                })
                .collect();
            let rounding = applied.rule.rounding.filter(|_| result == "rounded");
            for (figure, shown) in own.figures.iter().zip(&aligned) {
                report.failures.extend(contradiction(id, &applied.rule, figure, shown, rounding));
            }
            for (figure, shown) in own.figures.iter().zip(&aligned) {
                report.tell(id, &applied.rule, (figure, shown), rounding.is_some());
            }
            if result == "withheld" && !aligned.iter().any(tells) {
                report.whole.push((id.to_owned(), detail));
                continue;
            }
            report.rounded.extend(rounding.map(|_| id.to_owned()));
            let mut applied = applied;
            applied.rule.rounding = rounding;
            subjects.push(Subject { id, applied, counted: &own.figures, shown: aligned });
        }
        self.solve(&subjects, before, report)
    }

    /// What cannot be ruled out of each withheld count.
    fn solve(
        &self,
        subjects: &[Subject<'_>],
        before: &[EarlierSet],
        report: &mut Report,
    ) -> Result<(), ProofError> {
        let ids: BTreeSet<&str> = subjects.iter().map(|own| own.id).collect();
        let known = Known::read(before, &ids)?;
        let earlier: Vec<Vec<Edition<'_>>> = subjects.iter().map(|own| known.of(own.id)).collect();
        let measures: Vec<Measure<'_>> = subjects
            .iter()
            .zip(&earlier)
            .map(|(own, earlier)| Measure {
                id: own.id,
                figures: own.counted,
                rule: &own.applied.rule,
                earlier,
            })
            .collect();
        let shown: Vec<&[Figure]> = subjects.iter().map(|own| own.shown.as_slice()).collect();
        let sums = sums(self.checked.project.measures.values().map(|file| &file.config), &ids);
        let areas: Vec<_> = self.checked.areas.iter().cloned().collect();
        let found = audit_figures(&measures, &shown, &sums, &areas, &effort());
        match found {
            Ok(found) => report.findings = found,
            Err(error) => report.failures.push(error.to_string()),
        }
        let failed = report.findings.iter().filter(|own| !own.finding.passes);
        let lines = failed.map(|own| match own.finding.high {
            Some(high) if high - own.finding.low < 0.5 => {
                format!("{}: can be worked out", own.name)
            }
            Some(_) => format!("{}: can be told closer than the rule allows", own.name),
            None => format!("{}: not shown to be protected", own.name),
        });
        report.failures.extend(lines.collect::<Vec<_>>());
        Ok(())
    }
}

fn named(measure: &str, figure: &Figure) -> String {
    let Figure { area, period, breakdown, .. } = figure;
    format!("measure `{measure}`, area {area}, period {period}, breakdown {breakdown}")
}

/// Whether a figure says how many.
fn tells(figure: &Figure) -> bool {
    numbers(figure).iter().any(Option::is_some) || figure.value.is_some() || figure.interval.is_some()
}

/// A figure of which nothing is shown.
fn nothing_of(figure: &Figure) -> Figure {
    Figure {
        numerator: None,
        denominator: None,
        value: None,
        interval: None,
        basis: None,
        status: Status::Suppressed,
        absence: Some(Absence::Suppressed),
        ..figure.clone()
    }
}

/// A count as a whole number.
#[expect(clippy::cast_possible_truncation, reason = "a count that is out of range is no small one")]
fn whole(count: f64) -> i64 {
    count.round() as i64
}

/// What a published figure says that it must not say.
fn contradiction(
    measure: &str,
    rule: &Rule,
    counted: &Figure,
    shown: &Figure,
    rounding: Option<i64>,
) -> Option<String> {
    let near = |count: f64| rounding.map_or(count, |base| round_to_base(whole(count), base) as f64);
    let differs = |counted: Option<f64>, shown: Option<f64>| match (counted, shown) {
        (Some(counted), Some(shown)) => {
            (counted - shown).abs() > 1e-9 && (near(counted) - shown).abs() > 1e-9
        }
        (None, Some(_)) => true,
        (_, None) => false,
    };
    if numbers(counted).into_iter().zip(numbers(shown)).any(|(counted, shown)| differs(counted, shown)) {
        return Some(format!("{}: another count was published than was counted", named(measure, counted)));
    }
    rule.counting
        .overtells(counted, shown)
        .then(|| format!("{}: a number that follows stands beside a withheld count", named(measure, counted)))
}

/// Tables beside `outturn` with numbers of a figure, by the columns that hold them.
const FOLLOWING: [(&str, &[&str]); 3] = [
    ("assessment", &["value", "difference", "difference_percent", "difference_lower", "difference_upper"]),
    ("scorecard", &["value", "lower", "upper", "change", "change_percent"]),
    ("revision", &["value_after", "numerator_after", "denominator_after"]),
];

/// Withheld figures, by measure, area, period and breakdown, and whether numerator and denominator are shown all the same.
type Withheld = BTreeMap<(String, String, String, String), (bool, bool)>;

/// Rows of other tables that say a number of a figure that table `outturn` withholds.
fn telling(public: &Path, shown: &[MeasureFigures]) -> Result<Vec<String>, ReleaseError> {
    let mut withheld = Withheld::new();
    for own in shown {
        for figure in own.figures.iter().filter(|figure| figure.status == Status::Suppressed) {
            let key = (
                own.measure.clone(),
                figure.area.clone(),
                figure.period.to_string(),
                figure.breakdown.clone(),
            );
            withheld.insert(key, (figure.numerator.is_some(), figure.denominator.is_some()));
        }
    }
    let mut found = Vec::new();
    for (table, columns) in FOLLOWING {
        for batch in release::read_table(public, table)?.1 {
            found.extend(telling_rows(table, columns, &batch, &withheld));
        }
    }
    Ok(found)
}

fn telling_rows(table: &str, columns: &[&str], batch: &RecordBatch, withheld: &Withheld) -> Vec<String> {
    let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    let (Some(measure), Some(area), Some(period), Some(breakdown)) =
        (text("measure"), text("area"), text("period"), text("breakdown"))
    else {
        return vec![format!("table `{table}` lacks a column")];
    };
    let mut found = Vec::new();
    for row in 0..batch.num_rows() {
        let key = [measure, area, period, breakdown].map(|column| column.value(row).to_owned());
        let Some((numerator, denominator)) = withheld.get(&key.clone().into()) else { continue };
        let is_shown = |name: &str| match name {
            "numerator_after" => *numerator,
            "denominator_after" => *denominator,
            _ => false,
        };
        for name in columns.iter().filter(|name| !is_shown(name)) {
            let number =
                batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float64Type>());
            if number.is_some_and(|number| number.is_valid(row)) {
                let [measure, area, period, breakdown] = &key;
                found.push(format!(
                    "table `{table}`, measure `{measure}`, area {area}, period {period}, breakdown {breakdown}: \
                     `{name}` of a withheld figure"
                ));
            }
        }
    }
    found
}
