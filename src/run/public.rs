//! The public's own set of a release: figures protected, and everything that follows from figures made anew from what is
//! left of them.
//!
//! A table is in the set as it stands only where nothing in it was counted. Comparisons, signals and the board's page are
//! functions of the protected figures alone, so that they tell nothing that these do not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use super::publish::Publication;
use super::{Run, RunError};
use crate::agreement::{self, Audience};
use crate::assess::commentary::Commentary;
use crate::assess::compare::Subject;
use crate::assess::settings::{FrameworkItem, TargetConfig, TargetsConfig};
use crate::assess::small_numbers::{self, Found};
use crate::assess::{self, Absence, Figure, Status};
use crate::config::SqlFile;
use crate::config::settings::{MeasureConfig, MeasureKind};
use crate::disclosure::figures::{self, Edition, Measure, MeasureSum, Protected};
use crate::disclosure::settings::{Applied, PublicConfig, applied, unprotected};
use crate::disclosure::{Effort, Proof};
use crate::measure::{self, Planned};
use crate::period::Month;
use crate::publication;
use crate::release::assessed::{self, Judged};
use crate::release::public::{self as tables_for_public, EarlierSet, MeasureFigures, PublicRow};
use crate::release::tables::{self, DisclosureRow, MeasureRow, ReleaseRow, Table};
use crate::release::{self, Draft, Manifest, ReleaseError, TableFiles, revision};

/// What became of the public's set.
pub(super) struct Made {
    /// Rows of table `disclosure`.
    pub(super) rows: Vec<DisclosureRow>,
    /// What the public lacks of it that it should have, each in a line.
    pub(super) gaps: Vec<String>,
    /// Its manifest, where there is a set.
    pub(super) manifest: Option<Manifest>,
}

/// Adds the table of what is withheld to the partnership's; gives what the public lacks, each in a line.
pub(super) fn add_losses(draft: &mut Draft, made: Option<Made>) -> Result<Vec<String>, RunError> {
    let rows = made.as_ref().map(|made| made.rows.as_slice()).unwrap_or_default();
    let batch = tables::disclosure(rows, false, draft.name())?;
    let table = &tables::DISCLOSURE;
    let files = release::write_table(draft.folder(), table.name, table.title, &batch.schema(), &[batch])?;
    draft.add(table.name, files);
    Ok(made.map(|made| made.gaps).unwrap_or_default())
}

/// Tables that the public does not get, with the reason.
const NOT_PUBLIC: [(&str, &str); 2] = [
    ("quarantine_summary", "counts rows that are set aside, which may be few"),
    ("waiver", "tells of single rows of deliveries"),
];

/// What the public is told of a measure that is withheld as a whole, though it may see it.
const NOT_PROTECTED: &str = "its small counts could not be protected";

/// What protects a measure, with at least what the feeds that it reads demand.
pub(crate) fn rule_of(
    project: &crate::config::Project,
    public: &PublicConfig,
    measure: &MeasureConfig,
    reads: &agreement::Reads<'_>,
) -> Applied {
    let sources: Vec<_> = reads
        .0
        .iter()
        .flat_map(|(feed, agreement)| {
            let contract = project.contracts.get(&feed.contract);
            let of_contract = contract.and_then(|contract| contract.config.disclosure.as_ref());
            let of_agreement = agreement.and_then(|agreement| agreement.disclosure.as_ref());
            [feed.disclosure.as_ref(), of_contract, of_agreement]
        })
        .flatten()
        .collect();
    applied(public, measure, &sources)
}

/// The sums that measures declare, with those of their parts that are there.
pub(crate) fn sums<'a>(
    measures: impl Iterator<Item = &'a MeasureConfig>,
    published: &BTreeSet<&str>,
) -> Vec<MeasureSum> {
    let mut sums = Vec::new();
    for measure in measures.filter(|measure| published.contains(measure.id.as_str())) {
        for parts in &measure.sum_of {
            // What is not published of it is what the others leave.
            let parts = parts.iter().map(|part| part.as_str().into());
            let parts: Vec<figures::Part> =
                parts.filter(|part: &figures::Part| published.contains(part.measure.as_str())).collect();
            if !parts.is_empty() {
                sums.push(MeasureSum { whole: measure.id.clone(), parts });
            }
        }
    }
    sums
}

/// How much work is spent on protection: every processor.
pub(crate) fn effort() -> Effort {
    Effort { threads: crate::processors::available(), ..Effort::default() }
}

/// A measure on its way to the public.
struct Candidate<'a> {
    file: &'a SqlFile<MeasureConfig>,
    planned: &'a Planned,
    applied: Applied,
    /// Its figures as they were counted.
    counted: MeasureFigures,
    /// Why it is kept from the public: by an agreement, or because it cannot be protected.
    refused: Option<String>,
}

impl Candidate<'_> {
    fn id(&self) -> &str {
        &self.file.config.id
    }

    fn is_protected(&self) -> bool {
        self.refused.is_none()
    }
}

/// A measure as the public sees it.
struct ForPublic<'a> {
    candidate: Candidate<'a>,
    rows: Vec<PublicRow>,
    row: DisclosureRow,
}

impl ForPublic<'_> {
    fn figures(&self) -> Vec<Figure> {
        self.rows.iter().map(|row| row.figure.clone()).collect()
    }

    /// Whether anything is withheld or otherwise than the partnership sees it.
    fn differs(&self) -> bool {
        self.rows.iter().any(|row| !row.as_it_was)
    }

    /// The figures that are withheld, as they were counted.
    fn withheld(&self) -> impl Iterator<Item = &Figure> {
        self.rows.iter().filter(|row| !row.as_it_was).filter_map(|row| {
            self.candidate.counted.figures.get(row.row.checked_sub(self.candidate.counted.from)?)
        })
    }
}

impl Run<'_> {
    /// Shows the public set of the current release to the public, where there is one and it is not shown yet.
    ///
    /// # Errors
    /// What the disk reports; what the public sees stays as it was.
    pub(super) fn show_to_public(&self, release: &str) -> Result<(), RunError> {
        // With a calendar the gate decides when; a release that is made once more is for nobody.
        if publication::calendar(&self.project).is_some() || self.remade.is_some() {
            return Ok(());
        }
        if self.project.settings.public.is_some() && self.published.show_to_public(release)? {
            info!(release = %release, "release {release} is current for the public");
        }
        Ok(())
    }
}

impl Run<'_> {
    /// Every set that was made for the public before this release, the oldest first.
    fn earlier_public_sets(&self) -> Result<Vec<EarlierSet>, RunError> {
        let mut sets = self.history.public_sets()?;
        if let Some(made) = &self.remade {
            let own = sets.iter().position(|set| set.release == made.release);
            sets.truncate(own.unwrap_or(sets.len()));
        }
        Ok(sets)
    }

    /// The set that the public sees while this release is made: with a calendar the last that went out.
    fn shown_before<'s>(&self, sets: &'s [EarlierSet]) -> Result<Option<&'s EarlierSet>, RunError> {
        if publication::calendar(&self.project).is_none() {
            return Ok(sets.last());
        }
        let out = self.went_out()?;
        let last = out.iter().rev().find(|line| line.audience == Audience::Public);
        Ok(last.and_then(|last| sets.iter().rev().find(|set| set.release == last.release)))
    }
}

impl Publication<'_> {
    /// Makes the public's set in the draft; `None` where the project has none. What cannot be made leaves no set behind,
    /// so that the public keeps the last one.
    pub(super) fn public_set(
        &self,
        draft: &mut Draft,
        outturn: &[RecordBatch],
        deliveries: &RecordBatch,
        row: &ReleaseRow,
        partnership: &Manifest,
    ) -> Result<Option<Made>, RunError> {
        let Some(public) = &self.run.project.settings.public else { return Ok(None) };
        let made = self.try_public_set(public, draft, outturn, deliveries, row, partnership);
        let made = match made {
            Ok(made) => made,
            Err(RunError::Release(error)) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                self.failed(public, &format!("{error}{}", cause.unwrap_or_default()))
            }
            Err(error) => return Err(error),
        };
        if made.manifest.is_none() && draft.public_folder().is_dir() {
            std::fs::remove_dir_all(draft.public_folder()).map_err(|source| ReleaseError::File {
                path: draft.public_folder().display().to_string(),
                source,
            })?;
        }
        Ok(Some(made))
    }

    /// No set for the public, for this reason.
    fn failed(&self, public: &PublicConfig, why: &str) -> Made {
        warn!("no tables are made for the public: {why}");
        let mut rows = Vec::new();
        for candidate in self.candidates(public, Vec::new()) {
            rows.push(DisclosureRow {
                measure: candidate.id().to_owned(),
                partnership: candidate.file.partnership.clone(),
                shown: 0,
                small: 0,
                cover: 0,
                told_before: 0,
                result: "failed",
                detail: why.to_owned(),
                synthetic: self.synthetic,
                applied: candidate.applied,
            });
        }
        let gaps = vec![format!("public tables: not made: {why}; the public keeps the last ones")];
        Made { rows, gaps, manifest: None }
    }

    /// Every measure of the release, in its order, with what protects it.
    fn candidates(&self, public: &PublicConfig, counted: Vec<MeasureFigures>) -> Vec<Candidate<'_>> {
        let project = &self.run.project;
        let mut by_measure: BTreeMap<String, MeasureFigures> =
            counted.into_iter().map(|own| (own.measure.clone(), own)).collect();
        let mut candidates = Vec::new();
        for row in &self.measures {
            let id = &row.file.config.id;
            let Some((planned, areas)) = self.checked.measures.get(id) else { continue };
            let reads = agreement::reads(project, &planned.datasets, Some((&self.checked.areas, areas)));
            let refused = agreement::permits(&reads, Audience::Public).err().map(|why| why.to_string());
            let refused = refused.or_else(|| unprotected(&row.file.config, &planned.columns));
            let none = || MeasureFigures { measure: id.clone(), from: 0, figures: Vec::new() };
            let mut counted = by_measure.remove(id).unwrap_or_else(none);
            let applied = rule_of(project, public, &row.file.config, &reads);
            if applied.rule.dominance.is_some() {
                self.undominated.mark(id, &mut counted.figures);
            }
            candidates.push(Candidate { file: row.file, planned, applied, counted, refused });
        }
        candidates
    }

    fn try_public_set(
        &self,
        public: &PublicConfig,
        draft: &mut Draft,
        outturn: &[RecordBatch],
        deliveries: &RecordBatch,
        row: &ReleaseRow,
        partnership: &Manifest,
    ) -> Result<Made, RunError> {
        let schema = tables::OUTTURN.schema();
        let mut all = concat_batches(&schema, outturn)?;
        // What waits for a later planned release is not there for this one.
        let until = self.run.public_until()?;
        if let Some(last) = until {
            all = tables_for_public::until(&all, last)?.unwrap_or(all);
        }
        let sets = self.run.earlier_public_sets()?;
        let shown_before = self.run.shown_before(&sets)?;
        let known = shown_before.map(|set| of_table(&set.public)).transpose()?.unwrap_or_default();
        let (all, mut marked) = tables_for_public::revised_since(&all, &known)?;
        if until.is_some() {
            marked.extend(self.measures.iter().map(|row| row.file.config.id.clone()));
        }
        let candidates = self.candidates(public, tables_for_public::figures(&all)?);
        let wanted = candidates.iter().filter(|own| own.is_protected()).map(Candidate::id).collect();
        let earlier = Known::read(&sets, &wanted)?;
        let (measures, mut gaps) = self.protect(candidates, &earlier)?;
        let rows: Vec<PublicRow> = measures.iter().flat_map(|own| own.rows.iter().cloned()).collect();
        let shown = tables_for_public::outturn(&all, &rows)?;
        let mut wrong = contradictions(&shown, &measures)?;
        if let Some(first) = wrong.pop() {
            return Ok(self.failed(public, &first));
        }

        let mut set = Set { folder: draft.public_folder(), tables: BTreeMap::new() };
        crate::durable::create_folder(&set.folder)
            .map_err(|source| ReleaseError::File { path: set.folder.display().to_string(), source })?;
        set.write(&tables::OUTTURN, vec![shown])?;
        self.judged_for_public(&measures, (until, &marked), &mut set)?;
        self.declared_for_public(&measures, until, &mut set)?;
        self.described_for_public(&measures, deliveries, row, (shown_before, until), &mut set)?;
        let disclosure: Vec<DisclosureRow> = measures.iter().map(|own| own.row.clone()).collect();
        let mut told = disclosure.clone();
        for row in told.iter_mut().filter(|row| row.result == "withheld") {
            NOT_PROTECTED.clone_into(&mut row.detail);
        }
        set.write(&tables::DISCLOSURE, vec![tables::disclosure(&told, true, &self.name)?])?;
        let withheld_tables = self.tables_for_public(draft, partnership, until, &mut set)?;
        let manifest = Manifest {
            as_of: self.run.as_of,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            measures: measures
                .iter()
                .map(|own| (own.candidate.id().to_owned(), digest(&own.figures())))
                .collect(),
            tables: std::mem::take(&mut set.tables),
            withheld_tables,
            public_until: until,
            ..Manifest::default()
        };
        let manifest = self.public_revisions(draft, manifest, partnership, shown_before, &mut set)?;
        draft.seal_public(manifest.clone())?;
        let withheld: u64 = disclosure.iter().map(|row| row.small + row.cover).sum();
        let shown: u64 = disclosure.iter().map(|row| row.shown).sum();
        let small: u64 = disclosure.iter().map(|row| row.small).sum();
        info!(
            release = %self.name,
            "for the public {withheld} of {} figures are withheld, {small} for their own size and {} because of others",
            withheld + shown,
            withheld - small
        );
        gaps.sort();
        Ok(Made { rows: disclosure, gaps, manifest: Some(manifest) })
    }

    /// Withholds what must be withheld; also gives what is withheld as a whole, each in a line.
    fn protect<'c>(
        &self,
        candidates: Vec<Candidate<'c>>,
        earlier: &Known,
    ) -> Result<(Vec<ForPublic<'c>>, Vec<String>), RunError> {
        let project = &self.run.project;
        let areas: Vec<_> = self.checked.areas.iter().cloned().collect();
        let outcome = {
            let editions: Vec<Vec<Edition<'_>>> =
                candidates.iter().map(|candidate| earlier.of(candidate.id())).collect();
            let mut measures = Vec::new();
            for (candidate, editions) in
                candidates.iter().zip(&editions).filter(|(own, _)| own.is_protected())
            {
                measures.push(Measure {
                    id: candidate.id(),
                    figures: &candidate.counted.figures,
                    rule: &candidate.applied.rule,
                    earlier: editions,
                });
            }
            let published: BTreeSet<&str> = measures.iter().map(|measure| measure.id).collect();
            let sums = sums(project.measures.values().map(|file| &file.config), &published);
            figures::protect_figures(&measures, &sums, &areas, &effort()).map_err(|error| {
                ReleaseError::Damaged { path: "sums of measures".to_owned(), reason: error.to_string() }
            })?
        };
        for audit in &outcome.audits {
            tracing::debug!(
                "{} withheld counts: {} exhibited, {} solved",
                audit.findings.len(),
                audit.by(Proof::Exhibited),
                audit.by(Proof::Solved)
            );
        }
        let mut protected = outcome.measures.into_iter();
        let mut gaps = Vec::new();
        let mut measures = Vec::new();
        for candidate in candidates {
            let own = if candidate.is_protected() { protected.next() } else { None };
            let made = match own {
                Some(own) => for_public(candidate, own),
                None => not_permitted(candidate),
            };
            if made.row.result == "withheld" {
                let id = made.candidate.id();
                gaps.push(format!("measure `{id}`: withheld from the public: {}", made.row.detail));
            }
            measures.push(made);
        }
        Ok((measures, gaps))
    }

    /// Comparisons, signals and the board's page, from the protected figures.
    ///
    /// They are made anew for the measures that are marked, and where something is withheld.
    fn judged_for_public(
        &self,
        measures: &[ForPublic<'_>],
        (until, marked): (Option<Month>, &BTreeSet<String>),
        set: &mut Set,
    ) -> Result<(), RunError> {
        let project = &self.run.project;
        let mut all = Judged { assessment: Vec::new(), signal: Vec::new(), scorecard: Vec::new() };
        let as_judged = ByMeasure::of(&self.judged);
        for own in measures {
            let id = own.candidate.id();
            if own.candidate.refused.is_some() {
                continue;
            }
            let said = project.commentary_of(id);
            let in_time = |text: &&Commentary| until.is_none_or(|last| text.period.last <= last);
            let open = said.iter().copied().filter(in_time).filter(|text| is_open(text, own));
            let open: Vec<&Commentary> = open.collect();
            let targets = project.targets.get(id).map(|targets| open_targets(&targets.config, own));
            let same_targets = targets.as_ref().is_none_or(|open| {
                project.targets.get(id).is_some_and(|all| all.config.target.len() == open.target.len())
            });
            if !own.differs() && !marked.contains(id) && open.len() == said.len() && same_targets {
                as_judged.add(id, &mut all);
                continue;
            }
            let breaks = project.breaks_of(id, &own.candidate.planned.datasets);
            let subject = Subject {
                config: &own.candidate.file.config,
                targets: targets.as_ref(),
                breaks: &breaks,
                areas: &self.checked.areas,
            };
            let figures = own.figures();
            let assessed = assess::assess(subject, &figures, &open);
            let judged = assessed::judged(own.candidate.file, &figures, &assessed, &self.name)?;
            all.assessment.extend(judged.assessment);
            all.signal.extend(judged.signal);
            all.scorecard.extend(judged.scorecard);
        }
        let exceptions = assessed::mark_exceptions(&mut all.signal, &mut all.scorecard)?;
        let summary = assessed::signal_summary(&exceptions, self.synthetic, &self.name)?;
        set.write(&assessed::ASSESSMENT, all.assessment)?;
        set.write(&assessed::SIGNAL, all.signal)?;
        set.write(&assessed::SCORECARD, all.scorecard)?;
        set.write(&assessed::SIGNAL_SUMMARY, vec![summary])
    }

    /// What people set and say, without what would tell a withheld figure.
    fn declared_for_public(
        &self,
        measures: &[ForPublic<'_>],
        until: Option<Month>,
        set: &mut Set,
    ) -> Result<(), RunError> {
        let by_id: BTreeMap<&str, &ForPublic<'_>> =
            measures.iter().map(|own| (own.candidate.id(), own)).collect();
        let mut project = self.run.project.clone();
        project.commentary.retain(|said| until.is_none_or(|last| said.period.last <= last));
        for said in &mut project.commentary {
            let open = by_id.get(said.measure.as_str()).is_some_and(|own| is_open(said, own));
            if !open {
                "[c]".clone_into(&mut said.text);
            }
        }
        for (id, targets) in &mut project.targets {
            targets.config = match by_id.get(id.as_str()) {
                Some(own) => open_targets(&targets.config, own),
                None => TargetsConfig { measure: id.clone(), target: Vec::new() },
            };
        }
        for milestone in project.milestones.values_mut() {
            if small_numbers::find(&milestone.config.note).iter().any(Found::is_small) {
                "[c]".clone_into(&mut milestone.config.note);
            }
        }
        for (table, batch) in assessed::declared(&project, self.run.as_of, &self.name)? {
            set.write(table, vec![batch])?;
        }
        Ok(())
    }

    /// The tables that tell of measures, areas, periods, feeds and the release.
    fn described_for_public(
        &self,
        measures: &[ForPublic<'_>],
        deliveries: &RecordBatch,
        row: &ReleaseRow,
        (before, until): (Option<&EarlierSet>, Option<Month>),
        set: &mut Set,
    ) -> Result<(), RunError> {
        let project = &self.run.project;
        let mut told = Vec::new();
        for (row, own) in self.measures.iter().zip(measures) {
            let latest = measure::latest(&own.figures()).map(|period| period.to_string());
            let reason = match &own.candidate.refused {
                Some(why) => why.clone(),
                // The reason may name a small count.
                None if !own.row.detail.is_empty() => NOT_PROTECTED.to_owned(),
                // The reason may quote a count.
                None if !row.reason.is_empty() => {
                    "it could not be computed or did not pass its checks".to_owned()
                }
                None => String::new(),
            };
            told.push(MeasureRow {
                file: row.file,
                reason,
                latest: latest.unwrap_or_default(),
                freshness: row.freshness.clone(),
                reads: row.reads.clone(),
                audiences: row.audiences.clone(),
                disclosure: row.disclosure.clone(),
                definition: row.definition.clone(),
                // Of few rows the digest would tell which they are.
                fingerprint: String::new(),
            });
        }
        let items = project.frameworks.iter().flat_map(|(partnership, framework)| {
            framework.config.item.iter().map(|item| (partnership.as_str(), item))
        });
        let items: Vec<(&str, &FrameworkItem)> = items.collect();
        set.write(&tables::MEASURE, vec![tables::measure(&told, &items, &self.name)?])?;
        set.write(&tables::AREA, vec![tables::area(&self.checked.areas, &self.name)?])?;
        let mut periods = self.periods.clone();
        periods.retain(|period| until.is_none_or(|last| period.last <= last));
        set.write(&tables::PERIOD, vec![tables::period(&periods, &self.name)?])?;
        let signed = tables::sign_off(self.supply.sign_offs.decisions(), &self.name)?;
        set.write(&tables::SIGN_OFF, vec![signed])?;
        let calendar = publication::lines(project, &self.run.went_out()?, self.run.now);
        set.write(&tables::RELEASE_CALENDAR, vec![tables::release_calendar(&calendar, &self.name)?])?;
        let deliveries = release::stamped(deliveries, &self.name, self.run.as_of, None)?;
        let kept = [
            "feed",
            "title",
            "supplier",
            "dataset",
            "period",
            "received_at",
            "status",
            "synthetic",
            "release",
        ];
        set.write(&tables::FEED_DELIVERY, vec![tables_for_public::only(&deliveries, &kept)?])?;
        let kept = [
            "feed",
            "supplier",
            "period",
            "period_end",
            "rule",
            "due_on",
            "state",
            "days_late",
            "last_delivery",
            "release",
        ];
        let status = tables::feed_status(&self.feed_standings(), &self.name)?;
        set.write(&tables::FEED_STATUS, vec![tables_for_public::only(&status, &kept)?])?;
        set.write(&tables::AGREEMENT, vec![tables::agreement(project, self.run.as_of, &self.name)?])?;
        let row = ReleaseRow {
            previous: before.map(|set| set.release.clone()).unwrap_or_default(),
            measures_released: told.iter().filter(|row| row.reason.is_empty()).count() as u64,
            ..row.clone()
        };
        let kept =
            ["release", "as_of", "previous", "program", "measures", "measures_released", "gaps", "synthetic"];
        set.write(&tables::RELEASE, vec![tables_for_public::only(&tables::release(&row)?, &kept)?])
    }

    /// The project's own tables of which somebody said that everybody may see them; gives the others with the reason.
    fn tables_for_public(
        &self,
        draft: &Draft,
        partnership: &Manifest,
        until: Option<Month>,
        set: &mut Set,
    ) -> Result<BTreeMap<String, String>, RunError> {
        let project = &self.run.project;
        let mut withheld: BTreeMap<String, String> =
            NOT_PUBLIC.iter().map(|(table, why)| ((*table).to_owned(), (*why).to_owned())).collect();
        for (id, file) in &project.tables {
            let reads =
                self.checked.tables.get(id).map(|planned| agreement::reads(project, &planned.datasets, None));
            let permitted = reads.map(|reads| agreement::permits(&reads, Audience::Public));
            let why = match (&file.config.public, permitted) {
                (None, _) => Some("its file does not say that everybody may see it".to_owned()),
                (_, Some(Err(why))) => Some(why.to_string()),
                (_, None) => Some("it is not known what it reads".to_owned()),
                _ if partnership.withheld_tables.contains_key(id) => {
                    Some("it could not be computed".to_owned())
                }
                _ => None,
            };
            if let Some(why) = why {
                withheld.insert(id.clone(), why);
                continue;
            }
            let (schema, mut batches) = release::read_table(draft.folder(), id)?;
            if batches.is_empty() {
                batches.push(RecordBatch::new_empty(schema));
            }
            if let Some(last) = until {
                let cut = batches.iter().map(|batch| tables_for_public::until(batch, last));
                let Some(cut) = cut.collect::<Result<Option<Vec<_>>, _>>()? else {
                    let why = "without a column `period` or `month` it cannot be told what waits for a later release";
                    withheld.insert(id.clone(), why.to_owned());
                    continue;
                };
                batches = cut;
            }
            set.write_named(id, &file.config.title, &batches)?;
        }
        Ok(withheld)
    }

    /// What the last public set showed otherwise, in its own figures.
    fn public_revisions(
        &self,
        draft: &Draft,
        mut manifest: Manifest,
        partnership: &Manifest,
        before: Option<&EarlierSet>,
        set: &mut Set,
    ) -> Result<Manifest, RunError> {
        let rows = match before {
            Some(before) => {
                let causes = before
                    .partnership
                    .as_ref()
                    .map(|folder| Ok::<_, ReleaseError>((folder.as_path(), release::read_manifest(folder)?)));
                let causes = causes.transpose()?;
                revision::shown_revisions(
                    (&before.public, &before.manifest),
                    (&set.folder, &manifest),
                    causes.as_ref().map(|(folder, told)| ((*folder, told), (draft.folder(), partnership))),
                )?
            }
            None => Vec::new(),
        };
        let previous = before.map(|before| before.release.as_str()).unwrap_or_default();
        set.write(&tables::REVISION, vec![revision::table(&rows, previous, &self.name)?])?;
        manifest.tables.append(&mut set.tables);
        Ok(manifest)
    }
}

/// The rows of a measure that is protected figure by figure.
fn for_public(mut candidate: Candidate<'_>, mut own: Protected) -> ForPublic<'_> {
    if let Some(why) = own.not_rounded.as_ref().filter(|_| candidate.applied.rule.rounding.is_some()) {
        warn!("measure `{}`: counts are withheld and not rounded: {why}", candidate.id());
        candidate.applied = candidate.applied.without_rounding();
    }
    if candidate.file.config.kind == MeasureKind::RankOfRate {
        rank_anew(&mut own.figures);
    }
    let figures = std::mem::take(&mut own.figures).into_iter().zip(&candidate.counted.figures).enumerate();
    let rows: Vec<PublicRow> = figures
        .map(|(at, (figure, counted))| PublicRow {
            row: candidate.counted.from + at,
            as_it_was: figure == *counted,
            figure,
        })
        .collect();
    let computed = candidate.counted.figures.iter().any(|figure| figure.status != Status::NotCalculated);
    let result = match &own.failed {
        Some(_) => "withheld",
        None if own.rounded => "rounded",
        None if !computed => "not_calculated",
        None => "protected",
    };
    let row = DisclosureRow {
        measure: candidate.id().to_owned(),
        partnership: candidate.file.partnership.clone(),
        applied: candidate.applied.clone(),
        shown: own.counts.shown as u64,
        small: own.counts.primary as u64,
        cover: own.counts.secondary as u64,
        told_before: own.known_from_earlier.len() as u64,
        result,
        detail: own.failed.unwrap_or_default(),
        synthetic: rows.iter().any(|row| row.figure.synthetic),
    };
    ForPublic { candidate, rows, row }
}

/// A measure that is kept from the public: its areas and periods stand, with the reason in place of figures.
fn not_permitted(candidate: Candidate<'_>) -> ForPublic<'_> {
    let why = candidate.refused.clone().unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for (at, figure) in candidate.counted.figures.iter().enumerate() {
        // That a breakdown occurs tells of somebody too.
        if !seen.insert((figure.area.as_str(), figure.period)) {
            continue;
        }
        rows.push(PublicRow {
            row: candidate.counted.from + at,
            as_it_was: false,
            figure: Figure {
                synthetic: figure.synthetic,
                note: why.clone(),
                absence: Some(Absence::NotPermitted),
                after_break: figure.after_break,
                vintage: figure.vintage,
                ..Figure::empty(&figure.area, "all", figure.period)
            },
        });
    }
    let counting = &candidate.applied.rule.counting;
    let row = DisclosureRow {
        measure: candidate.id().to_owned(),
        partnership: candidate.file.partnership.clone(),
        applied: candidate.applied.clone(),
        shown: 0,
        small: 0,
        cover: candidate.counted.figures.iter().filter(|figure| counting.has_counts(figure)).count() as u64,
        told_before: 0,
        result: "not_permitted",
        detail: why,
        synthetic: candidate.counted.figures.iter().any(|figure| figure.synthetic),
    };
    ForPublic { candidate, rows, row }
}

/// Ranks among the rates that are shown, in the periods in which some are not.
fn rank_anew(figures: &mut [Figure]) {
    let mut periods: BTreeMap<crate::period::Period, Vec<usize>> = BTreeMap::new();
    for (at, figure) in figures.iter().enumerate() {
        periods.entry(figure.period).or_default().push(at);
    }
    for members in periods.into_values() {
        let withheld =
            |at: &usize| figures.get(*at).is_some_and(|figure| figure.status == Status::Suppressed);
        if !members.iter().any(withheld) {
            continue;
        }
        let rates: Vec<(usize, f64)> = members
            .iter()
            .filter_map(|at| {
                let figure = figures.get(*at).filter(|figure| figure.status == Status::Available)?;
                Some((*at, figure.numerator? / figure.denominator?))
            })
            .collect();
        for (at, rate) in &rates {
            let place = 1 + rates.iter().filter(|(_, other)| other < rate).count();
            if let Some(figure) = figures.get_mut(*at) {
                figure.value = Some(place as f64);
                figure.note = format!("of {} areas that are shown", rates.len());
            }
        }
    }
}

/// Whether the public may read what is said of a figure: not where the figure is withheld, nor where the text has a small
/// number or one that is withheld.
fn is_open(said: &Commentary, own: &ForPublic<'_>) -> bool {
    let of_figure = |row: &&PublicRow| {
        row.figure.period == said.period && said.area.as_ref().is_none_or(|area| *area == row.figure.area)
    };
    let withheld = own.rows.iter().filter(of_figure).any(|row| !row.as_it_was);
    let found = small_numbers::find(&said.text);
    if own.candidate.refused.is_some() || withheld || found.iter().any(Found::is_small) {
        return false;
    }
    let below = own.candidate.applied.rule.threshold.map_or(0, |threshold| threshold.below);
    let mut numbers = numbers(&said.text);
    numbers.extend(found.iter().map(|found| f64::from(found.number)));
    let tells = |number: &f64| {
        (*number >= 5.0 && *number < below as f64)
            || own.withheld().any(|figure| {
                let hidden = figures::numbers(figure).into_iter().chain([figure.value]);
                hidden.flatten().any(|hidden| (hidden - number).abs() < 0.05)
            })
    };
    !numbers.iter().any(tells)
}

/// The numbers that stand in a text.
fn numbers(text: &str) -> Vec<f64> {
    let words = text.split(|letter: char| !(letter.is_ascii_digit() || letter == ',' || letter == '.'));
    words.filter_map(|word| word.trim_matches([',', '.']).replace(',', "").parse().ok()).collect()
}

/// The targets that tell no withheld figure: a line does that begins at one.
fn open_targets(targets: &TargetsConfig, own: &ForPublic<'_>) -> TargetsConfig {
    let tells = |target: &TargetConfig| {
        let Some(line) = target.trajectory else { return false };
        own.withheld().any(|figure| {
            figure.area == target.area
                && figure.breakdown == target.breakdown
                && figure.value.is_some_and(|value| (value - line.from_value).abs() <= 0.5)
        })
    };
    let target = targets.target.iter().filter(|target| own.candidate.refused.is_none() && !tells(target));
    TargetsConfig { measure: targets.measure.clone(), target: target.cloned().collect() }
}

/// Figures of the table as it is to be written that are withheld and yet tell something, each in a line. There are none
/// unless the program has a defect; nothing is shown then.
fn contradictions(shown: &RecordBatch, measures: &[ForPublic<'_>]) -> Result<Vec<String>, RunError> {
    let mut wrong = Vec::new();
    let written = tables_for_public::figures(shown)?;
    for (own, written) in measures.iter().filter(|own| !own.rows.is_empty()).zip(&written) {
        for (row, figure) in own.rows.iter().zip(&written.figures) {
            let rule = &own.candidate.applied.rule;
            let counted = own.candidate.counted.figures.get(row.row - own.candidate.counted.from);
            let overtells = counted.is_some_and(|counted| rule.counting.overtells(counted, figure));
            let small = own.row.result != "rounded" && rule.has_sensitive(figure);
            let dominated = counted.is_some_and(Figure::is_dominated) && figure.numerator.is_some();
            if overtells || small || dominated {
                let (area, period, breakdown) = (&figure.area, figure.period, &figure.breakdown);
                let id = own.candidate.id();
                wrong.push(format!(
                    "measure `{id}`, area {area}, period {period}, breakdown {breakdown} is not withheld"
                ));
            }
        }
    }
    Ok(wrong)
}

/// What earlier public sets showed, by measure, each only once.
pub(crate) struct Known {
    editions: BTreeMap<String, Vec<Before>>,
}

/// The figures of a measure as a set showed them, and as they were counted.
type Before = (Vec<Figure>, Option<Vec<Figure>>);

impl Known {
    /// What these sets, the oldest first, showed of these measures.
    pub(crate) fn read(sets: &[EarlierSet], wanted: &BTreeSet<&str>) -> Result<Self, ReleaseError> {
        let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
        let mut editions: BTreeMap<String, Vec<Before>> = BTreeMap::new();
        for set in sets {
            let new: BTreeSet<&str> = set
                .manifest
                .measures
                .iter()
                .filter(|(id, digest)| wanted.contains(id.as_str()) && seen.insert((id, digest)))
                .map(|(id, _)| id.as_str())
                .collect();
            if new.is_empty() {
                continue;
            }
            let shown = of_table(&set.public)?;
            let mut counted: BTreeMap<String, Vec<Figure>> = match &set.partnership {
                // Without it, what was withheld then is taken to have been what it is now.
                Some(folder) => {
                    let mut own = of_table(folder).unwrap_or_default();
                    tables_for_public::cut(&mut own, set.manifest.public_until);
                    own.into_iter().map(|own| (own.measure, own.figures)).collect()
                }
                None => BTreeMap::new(),
            };
            for own in shown.into_iter().filter(|own| new.contains(own.measure.as_str())) {
                let counted = counted.remove(&own.measure);
                editions.entry(own.measure).or_default().push((own.figures, counted));
            }
        }
        Ok(Self { editions })
    }

    pub(crate) fn of(&self, measure: &str) -> Vec<Edition<'_>> {
        let own = self.editions.get(measure).into_iter().flatten();
        own.map(|(shown, counted)| Edition { shown, counted: counted.as_deref() }).collect()
    }
}

/// The figures of a table `outturn`.
pub(crate) fn of_table(folder: &std::path::Path) -> Result<Vec<MeasureFigures>, ReleaseError> {
    let (schema, batches) = release::read_table(folder, tables::OUTTURN.name)?;
    let all = concat_batches(&schema, &batches).map_err(|error| ReleaseError::Table {
        table: tables::OUTTURN.name.to_owned(),
        source: error.into(),
    })?;
    tables_for_public::figures(&all)
}

/// Digest of what is shown of a measure.
fn digest(own: &[Figure]) -> String {
    let mut digest = Sha256::new();
    for figure in own {
        let Figure { area, breakdown, period, numerator, denominator, value, status, .. } = figure;
        digest.update(format!(
            "{area}|{breakdown}|{period}|{numerator:?}|{denominator:?}|{value:?}|{};",
            status.name()
        ));
        let [_, _, base, other_numerator, other_denominator] = figures::numbers(figure);
        if base.is_some() || other_numerator.is_some() || other_denominator.is_some() {
            digest.update(format!("{base:?}|{other_numerator:?}|{other_denominator:?};"));
        }
    }
    hex::encode(digest.finalize())
}

/// The rows of the tables of assessment, by measure.
struct ByMeasure(BTreeMap<String, Judged>);

impl ByMeasure {
    fn of(judged: &Judged) -> Self {
        let mut all: BTreeMap<String, Judged> = BTreeMap::new();
        let name = |batch: &RecordBatch| {
            let column = batch.column_by_name("measure")?.as_string_opt::<i32>()?;
            (batch.num_rows() > 0).then(|| column.value(0).to_owned())
        };
        let empty = || Judged { assessment: Vec::new(), signal: Vec::new(), scorecard: Vec::new() };
        for batch in &judged.assessment {
            if let Some(id) = name(batch) {
                all.entry(id).or_insert_with(empty).assessment.push(batch.clone());
            }
        }
        for batch in &judged.signal {
            if let Some(id) = name(batch) {
                all.entry(id).or_insert_with(empty).signal.push(batch.clone());
            }
        }
        for batch in &judged.scorecard {
            if let Some(id) = name(batch) {
                all.entry(id).or_insert_with(empty).scorecard.push(batch.clone());
            }
        }
        Self(all)
    }

    fn add(&self, id: &str, to: &mut Judged) {
        if let Some(own) = self.0.get(id) {
            to.assessment.extend(own.assessment.iter().cloned());
            to.signal.extend(own.signal.iter().cloned());
            to.scorecard.extend(own.scorecard.iter().cloned());
        }
    }
}

/// The public's tables in the making.
struct Set {
    folder: std::path::PathBuf,
    tables: BTreeMap<String, TableFiles>,
}

impl Set {
    fn write(&mut self, table: &Table, mut batches: Vec<RecordBatch>) -> Result<(), RunError> {
        if batches.is_empty() {
            batches.push(RecordBatch::new_empty(table.schema()));
        }
        self.write_named(table.name, table.title, &batches)
    }

    fn write_named(&mut self, name: &str, title: &str, batches: &[RecordBatch]) -> Result<(), RunError> {
        let schema =
            batches.first().map_or_else(|| Arc::new(arrow::datatypes::Schema::empty()), RecordBatch::schema);
        let files = release::write_table(&self.folder, name, title, &schema, batches)?;
        self.tables.insert(name.to_owned(), files);
        Ok(())
    }
}
