//! From the datasets to a release: figures, tables, and the step that makes them current.

mod withdrawn;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use chrono::NaiveDate;
use futures::StreamExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::amounts::Undominated;
use super::earlier::{Earlier, Fingerprints, Kept, Past};
use super::gaps::{accepted, all_reports, delivery_gaps, expired_waivers, fault_lines, table_gaps};
use super::{Run, RunError, RunReport, Stored, feed_ages, kept, public, stopped};
use crate::agreement;
use crate::assess::compare::{self, Subject};
use crate::assess::interval::confidence;
use crate::assess::settings::FrameworkItem;
use crate::assess::{self, Figure};
use crate::check::Checked;
use crate::config::SqlFile;
use crate::config::settings::{FeedConfig, MeasureConfig, TableConfig};
use crate::definition;
use crate::engine::{Engine, Selected};
use crate::erasure::Erasures;
use crate::feed::FeedState;
use crate::freshness::{self, Came, Freshness, Standing, Verdicts};
use crate::measure::{self, Planned, Supply};
use crate::normalise::DeliveryStatus;
use crate::period::{Period, PeriodKind};
use crate::publication;
use crate::release::assessed::{self, Judged};
use crate::release::tables::{self, MeasureRow, ReleaseRow, Reports};
use crate::release::{self, DatasetVersion, Draft, Manifest, Recorded, ReleaseError, TableFiles, revision};
use crate::retained::Retained;
use crate::signoff::{Pending, SignOffs};
use crate::warehouse::Snapshot;

/// How many measures, or tables of the project, are computed at once.
const AT_ONCE: usize = 2;

/// What became of one of the project's own tables.
enum Made<'a> {
    /// Its file, its rows, and whether some of what they were made from is synthetic.
    Rows(&'a SqlFile<TableConfig>, Vec<RecordBatch>, bool),
    /// It cannot be in the release, for this reason.
    Withheld(String),
}

/// What a measure's figures are made from.
enum Counts {
    /// Those of the release before.
    Kept(Kept),
    /// What its SELECT yields, or why it yields nothing.
    New(Selected),
    /// Nothing: an agreement does not allow it, for this reason.
    Refused(String),
}

/// What goes into a release, as far as it is computed.
pub(super) struct Publication<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) checked: &'a Checked,
    stored: &'a Stored,
    pub(super) supply: &'a Supply<'a>,
    fingerprints: Fingerprints,
    before: Earlier,
    /// What the last whole release published.
    past: Past,
    /// Final figures under which something else is counted now; those of measures that are taken over as rows of
    /// `revision`.
    pending: (Vec<Pending>, Vec<RecordBatch>),
    /// By measure: version and digest of its definition.
    definitions: BTreeMap<String, (u32, String)>,
    /// Name of the release.
    pub(super) name: String,
    gaps: Vec<String>,
    /// How each feed stands, by its id.
    standings: BTreeMap<&'a str, Vec<Standing>>,
    outturn: Vec<RecordBatch>,
    /// Which amounts no few contributors dominate, in this release and in the one before.
    pub(super) undominated: Undominated,
    undominated_before: Undominated,
    pub(super) judged: Judged,
    pub(super) measures: Vec<MeasureRow<'a>>,
    pub(super) periods: BTreeSet<Period>,
    computed: usize,
    pub(super) synthetic: bool,
}

impl Run<'_> {
    /// Computes what changed, takes over what did not, and makes the release current.
    pub(super) async fn publish(
        &self,
        checked: &Checked,
        states: &[FeedState],
        asked: &str,
        stored: Stored,
        current: Option<&Manifest>,
        stop: &CancellationToken,
    ) -> Result<RunReport, RunError> {
        let dataset_of = |state: &FeedState| {
            self.project.contracts.get(&state.feed.contract).map(|contract| contract.config.dataset.as_str())
        };
        let deliveries = tables::feed_delivery(states, &stored.reports, &dataset_of)?;
        let retained = Retained::open(&self.place).map_err(RunError::Landing)?;
        let sign_offs = SignOffs::open(&self.place, self.remade.as_ref().map(|made| made.recorded.sign_offs));
        let sign_offs = sign_offs.map_err(RunError::SignOff)?;
        // What a killed run left is removed before anything looks at earlier releases.
        let mut draft = self.published.begin(self.as_of)?;
        let last_whole = self.last_whole();
        let past = last_whole.as_ref().map(|(folder, _)| Past::of(folder)).transpose()?.unwrap_or_default();
        let supply = Supply {
            retained: &retained,
            sign_offs: &sign_offs,
            project: &self.project,
            feeds: states.iter().map(|state| (state.feed.id.as_str(), state)).collect(),
            reports: &stored.reports,
            areas: &checked.areas,
            as_of: self.as_of,
        };
        let gaps = delivery_gaps(states, &stored.reports);
        let delivery_gap_count = gaps.len() as u64;
        let fingerprints = Fingerprints::new(checked, &stored, states, &supply);
        let mut publication = Publication {
            run: self,
            checked,
            stored: &stored,
            supply: &supply,
            before: Earlier::of(&self.published, current, &fingerprints),
            fingerprints,
            past,
            undominated: Undominated::default(),
            undominated_before: Undominated::before(&self.place, current),
            pending: (Vec::new(), Vec::new()),
            definitions: definitions(checked),
            name: draft.name().to_owned(),
            gaps: gaps
                .into_iter()
                .chain(fault_lines(states))
                .chain(expired_waivers(&self.project, self.as_of))
                .collect(),
            standings: standings(states, &stored.reports, self.as_of),
            outturn: Vec::new(),
            judged: Judged { assessment: Vec::new(), signal: Vec::new(), scorecard: Vec::new() },
            measures: Vec::new(),
            periods: BTreeSet::new(),
            computed: 0,
            synthetic: all_reports(&stored.reports).any(|report| report.delivery.synthetic),
        };
        let engine = publication.engine(&deliveries).await?;
        self.progress.stage_of("computing measures", checked.measures.len() + checked.tables.len());
        publication.measures(&engine, stop).await?;
        let mut writing = JoinSet::new();
        let withheld_tables = publication.tables(&engine, &mut writing, &draft, stop).await?;
        let released = publication.measures.iter().filter(|row| row.reason.is_empty()).count();
        let row = publication.release_row(current, released, delivery_gap_count);
        let outturn = publication.own_tables(&mut writing, &draft, &deliveries, &row)?;
        while let Some(done) = writing.join_next().await {
            let (table, files) = done.map_err(RunError::Broken)??;
            draft.add(&table, files);
        }
        stopped(stop)?;
        let mut gaps = std::mem::take(&mut publication.gaps);
        gaps.extend(table_gaps(&withheld_tables));
        let whole = last_whole.as_ref().map(|(_, manifest)| manifest.release.clone());
        let mut manifest = publication.manifest(asked, whole, withheld_tables).await?;
        let pending = std::mem::take(&mut publication.pending);
        let revised =
            self.publish_revisions(&mut draft, &manifest, (last_whole.as_ref(), &sign_offs), pending)?;
        let known = current.map(|current| &current.definitions);
        let definitions = std::mem::take(&mut publication.definitions);
        manifest.definitions = definition::recorded(known, definitions, &revised);
        gaps.extend(definition::gaps(&manifest.definitions));
        let public = publication.public_set(&mut draft, &outturn, &deliveries, &row, &manifest)?;
        manifest.public_gaps = public::add_losses(&mut draft, public)?;
        gaps.extend(manifest.public_gaps.iter().cloned());
        let Publication { name, computed, undominated, .. } = publication;
        if self.remade.is_none() {
            kept::keep(&self.project, &self.place).map_err(RunError::Landing)?;
            undominated.write(&self.place, &name, &self.published.names()).map_err(RunError::Landing)?;
        }
        draft.finish(manifest)?;
        info!(release = %name, "release {name} is current");
        self.show_to_public(&name)?;
        Ok(RunReport {
            release: Some(name),
            new: true,
            measures: checked.measures.len(),
            measures_released: released,
            measures_computed: computed,
            months_made: stored.months_made,
            rows_read: stored.rows_read,
            rows_quarantined: stored.rows_quarantined,
            restated: stored.restated,
            gaps,
            went_out: Vec::new(),
            feed_age_days: feed_ages(states, self.now),
        })
    }
}

impl Run<'_> {
    /// Holds the tables of the release in the making against those of the last whole one, and adds what changed and what
    /// would, were it not final. Gives the measures that show a figure otherwise.
    fn publish_revisions(
        &self,
        draft: &mut Draft,
        manifest: &Manifest,
        (before, sign_offs): (Option<&(PathBuf, Manifest)>, &SignOffs),
        (pending, pending_before): (Vec<Pending>, Vec<RecordBatch>),
    ) -> Result<BTreeSet<String>, RunError> {
        let own = (draft.folder(), manifest);
        let mut rows = match before {
            Some((folder, before)) => revision::revisions((folder, before), own, sign_offs)?,
            None => Vec::new(),
        };
        let revised = rows.iter().map(|row| row.key.0.clone()).collect();
        rows.extend(revision::pending(pending, &|name| self.whole(name), own)?);
        let previous = before.map(|(_, manifest)| manifest.release.as_str()).unwrap_or_default();
        let mut batches = vec![revision::table(&rows, previous, draft.name())?];
        for batch in pending_before.iter().filter(|batch| batch.num_rows() > 0) {
            batches.push(release::stamped(batch, draft.name(), self.as_of, None)?);
        }
        let table = &tables::REVISION;
        let schema = table.schema();
        let files = release::write_table(draft.folder(), table.name, table.title, &schema, &batches)?;
        draft.add(table.name, files);
        Ok(revised)
    }

    /// A release that is still as it was released; a damaged one is no measure of what changed.
    fn whole(&self, name: &str) -> Option<(PathBuf, Manifest)> {
        let folder = self.history.release(name)?;
        let manifest = release::read_manifest(&folder).ok()?;
        release::damaged_tables(&folder, &manifest).is_empty().then_some((folder, manifest))
    }

    /// The latest such release; for one that is made once more the one that it was compared with.
    fn last_whole(&self) -> Option<(PathBuf, Manifest)> {
        match &self.remade {
            Some(made) => self.whole(made.compared_with.as_ref()?),
            None => self.history.names().iter().rev().find_map(|name| self.whole(name)),
        }
    }
}

/// Version and digest of the definition of each measure.
fn definitions(checked: &Checked) -> BTreeMap<String, (u32, String)> {
    let measures = checked.measures.iter().filter_map(|(id, (planned, _))| {
        let file = checked.project.measures.get(id)?;
        Some((id.clone(), (file.config.version, definition::digest(&checked.project, file, planned))))
    });
    measures.collect()
}

impl<'a> Publication<'a> {
    /// What table `release` says, after the release of `before`.
    fn release_row(&self, before: Option<&Manifest>, released: usize, gaps: u64) -> ReleaseRow {
        let kept = || all_reports(&self.stored.reports).filter(|report| report.erased.is_none());
        let counted = || accepted(&self.stored.reports);
        ReleaseRow {
            release: self.name.clone(),
            as_of: self.run.as_of,
            previous: before.map(|manifest| manifest.release.clone()).unwrap_or_default(),
            measures: self.checked.measures.len() as u64,
            measures_released: released as u64,
            deliveries: counted().count() as u64,
            rows_accepted: counted()
                .filter(|report| report.erased.is_none())
                .map(|report| report.accepted)
                .sum(),
            rows_quarantined: kept().map(|report| report.quarantined).sum(),
            gaps,
            synthetic: self.synthetic,
        }
    }

    /// The manifest, as far as it is known before the release is compared with another one.
    async fn manifest(
        &self,
        asked: &str,
        compared_with: Option<String>,
        withheld_tables: BTreeMap<String, String>,
    ) -> Result<Manifest, RunError> {
        let run = self.run;
        let snapshots = self.stored.snapshots.iter();
        Ok(Manifest {
            as_of: run.as_of,
            made_at: Some(run.now),
            compared_with,
            recorded: Some(Recorded {
                deliveries: run.landed,
                sign_offs: self.supply.sign_offs.decisions().len() as u64,
                went_out: run.went_out()?.len() as u64,
                erasures: Erasures::open(&run.place).map_err(RunError::Landing)?.lines().len() as u64,
            }),
            public_until: run.public_until()?,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            project: run.project.digest.clone(),
            inputs: run.inputs(asked).await?,
            measures: self.fingerprints.measures.clone(),
            own_tables: self.fingerprints.tables.clone(),
            withheld_tables,
            datasets: snapshots.map(|(table, snapshot)| (table.clone(), version_of(snapshot))).collect(),
            ..Manifest::default()
        })
    }

    /// The query engine on the stored datasets, with views that several will read computed once.
    async fn engine(&self, deliveries: &RecordBatch) -> Result<Engine, RunError> {
        let (project, checked) = (&self.run.project, self.checked);
        let stored = Some((&self.run.warehouse, &self.stored.snapshots));
        let deliveries = Some(deliveries.clone());
        let (mut engine, _) =
            Engine::new(project, &checked.datasets, &checked.lookups, stored, deliveries, false).await?;
        let measures =
            checked.measures.iter().filter(|(id, _)| !self.before.has_measure(id, &self.fingerprints));
        let tables = checked.tables.iter().filter(|(id, _)| !self.before.has_table(id, &self.fingerprints));
        let mut readers: BTreeMap<String, usize> = BTreeMap::new();
        for planned in measures.map(|(_, (planned, _))| planned).chain(tables.map(|(_, planned)| planned)) {
            for table in &planned.reads {
                *readers.entry(table.clone()).or_default() += 1;
            }
        }
        engine.keep_views(&readers).await?;
        engine.share_among(AT_ONCE);
        Ok(engine)
    }

    /// The figures of all measures, in the order of their names.
    async fn measures(&mut self, engine: &Engine, stop: &CancellationToken) -> Result<(), RunError> {
        let (run, checked) = (self.run, self.checked);
        let mut wanted = Vec::new();
        for (id, (planned, areas)) in &checked.measures {
            let Some(file) = run.project.measures.get(id) else { continue };
            let feeds = agreement::reads(&run.project, &planned.datasets, Some((&checked.areas, areas)));
            let at_hand = match agreement::allows(&feeds, file.config.purpose.as_deref(), &file.partnership) {
                // Who contributed to amounts stands in no table that could be lent, but in a record.
                Ok(()) if file.config.dominance().is_some() && !self.undominated_before.has(id) => None,
                Ok(()) => self.before.measure(id, &self.fingerprints)?.map(Counts::Kept),
                Err(why) => Some(Counts::Refused(why.to_string())),
            };
            wanted.push((file, planned, areas, at_hand));
        }
        let pending = wanted.into_iter().map(async |(file, planned, areas, at_hand)| {
            let made = match at_hand {
                Some(made) => made,
                None => Counts::New(engine.run_in_order(file.sql()).await),
            };
            (file, planned, areas, made)
        });
        let mut arriving = std::pin::pin!(futures::stream::iter(pending).buffered(AT_ONCE));
        while let Some((file, planned, areas, made)) = arriving.next().await {
            stopped(stop)?;
            self.measure(file, planned, areas, made)?;
            run.progress.step();
        }
        Ok(())
    }

    /// The figures of one measure: taken over, computed, or standing empty with the reason why.
    fn measure(
        &mut self,
        file: &'a SqlFile<MeasureConfig>,
        planned: &Planned,
        areas: &[String],
        counts: Counts,
    ) -> Result<(), RunError> {
        let id = &file.config.id;
        let freshness = self.freshness(planned, areas);
        let feeds =
            agreement::reads(&self.run.project, &planned.datasets, Some((&self.checked.areas, areas)));
        let definition = self.definitions.get(id).map(|(_, digest)| digest.clone()).unwrap_or_default();
        let row = |reason: String, latest: String, fingerprints: &Fingerprints| MeasureRow {
            file,
            reason,
            latest,
            freshness,
            reads: planned.reads.iter().cloned().collect::<Vec<_>>().join(", "),
            audiences: agreement::audiences(&feeds),
            definition: definition.clone(),
            disclosure: self
                .run
                .project
                .settings
                .public
                .as_ref()
                .map(|rules| public::rule_of(&self.run.project, rules, &file.config, &feeds)),
            fingerprint: fingerprints.measures.get(id).cloned().unwrap_or_default(),
        };
        let refused = matches!(counts, Counts::Refused(_));
        let counted = match counts {
            Counts::New(counted) => Ok(counted),
            Counts::Refused(why) => Err(measure::Withheld(why)),
            Counts::Kept(kept) => {
                for batch in &kept.rows {
                    self.outturn.push(release::stamped(batch, &self.name, self.run.as_of, None)?);
                }
                self.add(&kept.judged)?;
                self.pending.1.extend(kept.pending);
                self.periods.extend(self.supply.periods(file, planned, areas));
                self.periods.extend(waves(&file.config, &kept.rows));
                self.synthetic |= kept.synthetic;
                self.undominated.take(id, &mut self.undominated_before);
                self.measures.push(row(String::new(), kept.latest, &self.fingerprints));
                return Ok(());
            }
        };
        self.computed += 1;
        let evaluated = counted.and_then(|counted| {
            measure::evaluate(counted, file, planned, areas, self.supply, &self.checked.residents)
        });
        let (mut figures, reason) = match evaluated {
            Ok(figures) => (figures, String::new()),
            Err(why) => {
                warn!(measure.id = %id, "measure `{id}` is withheld: {why}");
                self.gaps.push(format!("measure `{id}`: withheld: {why}"));
                (measure::withheld(&file.config, planned, areas, self.supply, &why), why.to_string())
            }
        };
        if file.config.dominance().is_some() {
            self.undominated.add(id, &figures);
        }
        // What is final stands, unless the agreement of a feed no longer lets the measure be published.
        if !refused {
            let sure = confidence(&file.config).share() * 100.0;
            let sign_offs = self.supply.sign_offs;
            self.pending.0.extend(sign_offs.apply(id, &mut figures, sure, reason.is_empty()));
        }
        self.past.mark_revised(id, &mut figures);
        self.synthetic |= figures.iter().any(|figure| figure.synthetic);
        self.periods.extend(figures.iter().map(|figure| figure.period));
        let latest = measure::latest(&figures).map(|period| period.to_string()).unwrap_or_default();
        self.measures.push(row(reason, latest, &self.fingerprints));
        let judged = self.judge(file, planned, &mut figures)?;
        self.add(&judged)?;
        self.outturn.push(tables::outturn(file, &figures, self.run.as_of, &self.name)?);
        Ok(())
    }

    /// How fresh the feeds are that a measure counts from.
    fn freshness(&self, planned: &Planned, areas: &[String]) -> Freshness {
        let feeds = self.supply.feeds_of(&planned.datasets, areas);
        freshness::of_feeds(
            feeds.filter_map(|feed| {
                Some((feed.id.as_str(), self.standings.get(feed.id.as_str())?.as_slice()))
            }),
        )
    }

    /// What the figures of a measure mean; marks the breaks in them.
    fn judge(
        &self,
        file: &SqlFile<MeasureConfig>,
        planned: &Planned,
        figures: &mut [Figure],
    ) -> Result<Judged, RunError> {
        let (project, id) = (&self.run.project, &file.config.id);
        let breaks = project.breaks_of(id, &planned.datasets);
        compare::mark_breaks(figures, &breaks, &self.checked.areas);
        let subject = Subject {
            config: &file.config,
            targets: project.targets.get(id).map(|targets| &targets.config),
            breaks: &breaks,
            areas: &self.checked.areas,
        };
        let assessed = assess::assess(subject, figures, &project.commentary_of(id));
        Ok(assessed::judged(file, figures, &assessed, &self.name)?)
    }

    /// Takes what is said of a measure into the release.
    fn add(&mut self, judged: &Judged) -> Result<(), RunError> {
        let (name, as_of) = (&self.name, self.run.as_of);
        for (into, from) in [
            (&mut self.judged.assessment, &judged.assessment),
            (&mut self.judged.signal, &judged.signal),
            (&mut self.judged.scorecard, &judged.scorecard),
        ] {
            for batch in from {
                into.push(release::stamped(batch, name, as_of, None)?);
            }
        }
        Ok(())
    }

    /// Sends the project's own tables on their way to the disk; gives those that cannot be, each with the reason.
    async fn tables(
        &self,
        engine: &Engine,
        writing: &mut JoinSet<Written>,
        draft: &Draft,
        stop: &CancellationToken,
    ) -> Result<BTreeMap<String, String>, RunError> {
        // A few at once: while one is planned, which takes one processor, another is computed. What was largest before
        // comes first, so that nothing large is left for the end.
        let mut planned: Vec<_> = self.checked.tables.iter().collect();
        planned.sort_by_key(|(id, _)| std::cmp::Reverse(self.before.size(id)));
        let pending = planned.into_iter().map(async |(id, planned)| {
            let made = self.table(engine, id, planned).await?;
            Ok::<_, RunError>((id, made))
        });
        let mut arriving = std::pin::pin!(futures::stream::iter(pending).buffer_unordered(AT_ONCE));
        let mut withheld = BTreeMap::new();
        while let Some(arrived) = arriving.next().await {
            stopped(stop)?;
            self.run.progress.step();
            match arrived? {
                (id, Made::Rows(file, batches, synthetic)) => {
                    let (release, as_of) = (self.name.clone(), self.run.as_of);
                    let columns = file.config.columns.clone();
                    write(writing, draft, id, &file.config.title, move || {
                        let described = batches.iter().map(|batch| {
                            let stamped = release::stamped(batch, &release, as_of, Some(synthetic))?;
                            release::described(&stamped, &columns)
                        });
                        described.collect()
                    });
                }
                (id, Made::Withheld(why)) => {
                    withheld.insert(id.clone(), why);
                }
            }
        }
        Ok(withheld)
    }

    /// One of the project's own tables: taken over, computed, or withheld by name when its SQL fails.
    async fn table(&self, engine: &Engine, id: &str, planned: &Planned) -> Result<Made<'a>, RunError> {
        let Some(file) = self.run.project.tables.get(id) else {
            return Ok(Made::Withheld("its file is gone".to_owned()));
        };
        let made_of_synthetic =
            planned.datasets.iter().filter_map(|dataset| self.stored.reports.get(dataset)).any(|months| {
                let mut reports = months.values().flatten();
                reports.any(|report| report.delivery.synthetic && report.status == DeliveryStatus::Accepted)
            });
        let batches = match self.before.table(id, &self.fingerprints)? {
            Some(batches) => batches,
            None => match engine.run_in_order(file.sql()).await {
                Ok((schema, batches)) if batches.is_empty() => vec![RecordBatch::new_empty(schema)],
                Ok((_, batches)) => batches,
                Err(error) => {
                    let why = crate::engine::fault_without_values(&error);
                    warn!(table.id = %id, "table `{id}` is withheld: {why}");
                    return Ok(Made::Withheld(why));
                }
            },
        };
        Ok(Made::Rows(file, batches, made_of_synthetic))
    }

    /// Sends the tables that the product publishes itself on their way to the disk; gives the rows of `outturn`.
    fn own_tables(
        &mut self,
        writing: &mut JoinSet<Written>,
        draft: &Draft,
        deliveries: &RecordBatch,
        row: &ReleaseRow,
    ) -> Result<Vec<RecordBatch>, RunError> {
        let name = &self.name;
        let mut outturn = std::mem::take(&mut self.outturn);
        if outturn.is_empty() {
            outturn.push(RecordBatch::new_empty(tables::OUTTURN.schema()));
        }
        let quarantine = tables::quarantine_summary(&self.stored.reports, name)?;
        let waivers = tables::waiver(&self.run.project.waivers, &self.stored.reports, self.run.as_of, name)?;
        let standings = self.feed_standings();
        let withdrawn = self.withdrawn(&outturn);
        let counted = outturn.clone();
        let Judged { assessment, mut signal, mut scorecard } = self.judged.clone();
        let exceptions = assessed::mark_exceptions(&mut signal, &mut scorecard)?;
        let summary = assessed::signal_summary(&exceptions, self.synthetic, name)?;
        let project = &self.run.project;
        let items = project.frameworks.iter().flat_map(|(partnership, framework)| {
            framework.config.item.iter().map(|item| (partnership.as_str(), item))
        });
        let items: Vec<(&str, &FrameworkItem)> = items.collect();
        for (table, batch) in assessed::declared(project, self.run.as_of, name)? {
            write(writing, draft, table.name, table.title, || Ok(vec![batch]));
        }
        let calendar = publication::lines(project, &self.run.went_out()?, self.run.now);
        let or_empty = |table: &tables::Table, mut batches: Vec<RecordBatch>| {
            if batches.is_empty() {
                batches.push(RecordBatch::new_empty(table.schema()));
            }
            batches
        };
        for (table, batches) in [
            (&tables::OUTTURN, outturn),
            (&assessed::ASSESSMENT, or_empty(&assessed::ASSESSMENT, assessment)),
            (&assessed::SIGNAL, or_empty(&assessed::SIGNAL, signal)),
            (&assessed::SCORECARD, or_empty(&assessed::SCORECARD, scorecard)),
            (&assessed::SIGNAL_SUMMARY, vec![summary]),
            (&tables::MEASURE, vec![tables::measure(&self.measures, &items, name)?]),
            (&tables::AREA, vec![tables::area(&self.checked.areas, name)?]),
            (&tables::PERIOD, vec![tables::period(&self.periods, name)?]),
            (&tables::FEED_DELIVERY, vec![release::stamped(deliveries, name, self.run.as_of, None)?]),
            (&tables::FEED_STATUS, vec![tables::feed_status(&standings, name)?]),
            (&tables::QUARANTINE_SUMMARY, vec![quarantine]),
            (&tables::WAIVER, vec![waivers]),
            (&tables::SIGN_OFF, vec![tables::sign_off(self.supply.sign_offs.decisions(), name)?]),
            (&tables::AGREEMENT, vec![tables::agreement(&self.run.project, self.run.as_of, name)?]),
            (&tables::RELEASE_CALENDAR, vec![tables::release_calendar(&calendar, name)?]),
            (&tables::WITHDRAWN, vec![tables::withdrawn(&withdrawn, name)?]),
            (&tables::RELEASE, vec![tables::release(row)?]),
        ] {
            write(writing, draft, table.name, table.title, || Ok(batches));
        }
        Ok(counted)
    }

    /// Every feed with how it stands.
    pub(super) fn feed_standings(&self) -> Vec<(&FeedConfig, &[Standing])> {
        let of = |id: &str| self.supply.feeds.get(id).map(|state| state.feed.as_ref());
        let standings = self.standings.iter();
        standings.filter_map(|(id, standings)| Some((of(id)?, standings.as_slice()))).collect()
    }
}

/// The waves of a survey that rows taken over are about: no calendar tells them.
fn waves(config: &MeasureConfig, rows: &[RecordBatch]) -> BTreeSet<Period> {
    use arrow::array::AsArray;
    if !config.periods.contains(&PeriodKind::SurveyWave) {
        return BTreeSet::new();
    }
    let columns = rows.iter().filter_map(|batch| batch.column_by_name("period")?.as_string_opt::<i32>());
    let periods = columns.flat_map(|column| column.iter().flatten()).filter_map(|text| text.parse().ok());
    periods.filter(|period: &Period| period.kind == PeriodKind::SurveyWave).collect()
}

/// How each feed stands on a day, by its id.
fn standings<'a>(
    states: &'a [FeedState],
    reports: &Reports,
    as_of: NaiveDate,
) -> BTreeMap<&'a str, Vec<Standing>> {
    let verdicts = Verdicts::of_reports(reports);
    let of = |state: &FeedState| {
        let came = Came { slots: &state.slots, arrived: &state.arrived, settled: true };
        freshness::judge(&state.feed, came, &verdicts, as_of)
    };
    states.iter().map(|state| (state.feed.id.as_str(), of(state))).collect()
}

type Written = Result<(String, TableFiles), ReleaseError>;

/// Sends a table on its way to the disk; its rows are asked for there.
fn write(
    writing: &mut tokio::task::JoinSet<Written>,
    draft: &Draft,
    name: &str,
    title: &str,
    batches: impl FnOnce() -> Result<Vec<RecordBatch>, ArrowError> + Send + 'static,
) {
    let (folder, name, title) = (draft.folder().to_path_buf(), name.to_owned(), title.to_owned());
    writing.spawn_blocking(move || {
        let batches =
            batches().map_err(|error| ReleaseError::Table { table: name.clone(), source: error.into() })?;
        let schema = batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
        let files = release::write_table(&folder, &name, &title, &schema, &batches)?;
        Ok((name, files))
    });
}

fn version_of(snapshot: &Snapshot) -> DatasetVersion {
    DatasetVersion {
        version: snapshot.version,
        rows: snapshot.rows(),
        files: snapshot.months.values().map(|file| file.path.clone()).collect(),
    }
}
