//! What stands of feeds that bring many months at once, and what is known of a feed's other months.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::RunError;
use crate::agreement::RetentionConfig;
use crate::check::Checked;
use crate::config::settings::{DeliveryMode, Policy};
use crate::erasure::Erasures;
use crate::feed::{FeedState, expected_months};
use crate::landing::{Delivery, Landing};
use crate::normalise::contract::Dataset;
use crate::normalise::month::{MonthJob, NormaliseError, Slot, Unusual};
use crate::normalise::split::Parts;
use crate::normalise::standing::{Edition, FeedStanding, Judge};
use crate::normalise::{DeliveryReport, DeliveryStatus, drift};
use crate::period::Month;
use crate::waiver::{LetIn, WaiverConfig};

/// Deliveries whose number of rows is unusual, by feed and digest of their contents.
pub(crate) type UnusualDeliveries = BTreeMap<(String, String), Unusual>;

/// What stands of every feed that brings many months at once.
pub(crate) struct Standings {
    parts: Parts,
    by_feed: BTreeMap<String, FeedStanding>,
    /// Those that apply.
    waivers: Vec<Arc<WaiverConfig>>,
}

/// What is landed, as a run would look at it, without asking anybody or keeping anything.
///
/// # Errors
/// What the landing reports.
pub(crate) async fn look(
    checked: &Checked,
    now: DateTime<Utc>,
) -> Result<(Arc<Landing>, Vec<FeedState>, Standings), RunError> {
    let place = checked.project.warehouse();
    let as_of = now.with_timezone(&chrono_tz::Europe::London).date_naive();
    let landing = Arc::new(Landing::open(&place).map_err(RunError::Landing)?);
    let (mut states, _) =
        crate::feed::foresee(&checked.project, &landing, as_of).map_err(RunError::Landing)?;
    let parts = Parts::look(&place).map_err(RunError::Landing)?;
    let standings = Standings::settle(checked, &landing, &mut states, as_of, parts).await?;
    Ok((landing, states, standings))
}

impl Standings {
    /// Splits and judges what such feeds have landed, and puts into their states which months are there and which are
    /// not. Feeds of mode `month` are left as they are.
    ///
    /// # Errors
    /// What the landing or the cache of parts reports.
    pub(crate) async fn settle(
        checked: &Checked,
        landing: &Arc<Landing>,
        states: &mut [FeedState],
        as_of: NaiveDate,
        parts: Parts,
    ) -> Result<Self, RunError> {
        let waivers = checked.project.waivers.values().map(|waiver| &waiver.config);
        let waivers: Vec<Arc<WaiverConfig>> =
            waivers.filter(|waiver| waiver.is_active(as_of)).cloned().map(Arc::new).collect();
        let erasures = Erasures::open(&checked.project.warehouse()).map_err(RunError::Landing)?;
        let mut by_feed = BTreeMap::new();
        let of_many =
            |state: &&mut FeedState| state.feed.mode != DeliveryMode::Month && state.stopped.is_none();
        for state in states.iter_mut().filter(of_many) {
            let contract = checked
                .datasets
                .values()
                .find_map(|dataset| Some((dataset, dataset.contracts.get(&state.feed.contract)?)));
            let Some((dataset, contract)) = contract else { continue };
            let (landing, parts, feed, compiled) =
                (Arc::clone(landing), parts.clone(), Arc::clone(&state.feed), Arc::clone(contract));
            let mut deliveries = arrivals(&landing, state);
            deliveries.retain(|delivery| !erasures.has_bytes_of(delivery));
            let own: Vec<Arc<WaiverConfig>> =
                waivers.iter().filter(|waiver| waiver.feed == state.feed.id).cloned().collect();
            let work = tokio::task::spawn_blocking(move || {
                let judge = Judge {
                    parts: &parts,
                    landing: &landing,
                    feed: &feed,
                    contract: &compiled,
                    waivers: &own,
                };
                judge.stand(deliveries)
            });
            let standing = work.await.map_err(RunError::Broken)?;
            let mut standing = standing.map_err(|source| RunError::Normalise {
                dataset: dataset.id.clone(),
                month: Month::containing(as_of),
                source: Box::new(source),
            })?;
            let expected = expected_months(&state.feed, as_of);
            let erased: BTreeSet<Month> = state.erased.keys().map(|(month, _)| *month).collect();
            // Rows that were erased do not come back with a later delivery that still holds them, and those that could
            // not be kept when they came never enter the dataset. What may not be kept any longer stays until it is
            // purged, so that what measures counted of it is put aside first.
            standing.months.retain(|month, _| !erased.contains(month));
            let agreement = checked.project.agreement_of(&state.feed);
            if let Some((agreement, rule)) =
                agreement.and_then(|agreement| Some((agreement, agreement.retention?)))
            {
                for (month, last_day) in past(&standing.editions, rule, as_of) {
                    let in_time = |edition: &Edition| came_on(&edition.delivery) <= last_day;
                    let mut holding =
                        standing.editions.iter().filter(|edition| edition.rows.contains_key(&month));
                    if erased.contains(&month) || holding.any(in_time) {
                        continue;
                    }
                    standing.months.remove(&month);
                    standing.reasons.insert(
                        month,
                        format!("agreement `{}` lets it be kept until {last_day} only", agreement.id),
                    );
                    if expected.contains(&month) {
                        state.beyond_retention.insert(month);
                    }
                }
            }
            state.missing = standing.missing(&state.feed, contract, &expected, &state.missing);
            state.missing.retain(|month, _| !erased.contains(month));
            state.slots = standing
                .months
                .iter()
                .flat_map(|(month, all)| all.iter().map(move |one| (*month, one)))
                .filter(|(_, (_, one))| one.part.month.is_some())
                .map(|(month, (delivery, _))| ((month, delivery.file.clone()), vec![delivery.clone()]))
                .collect();
            for (slot, erasure) in &state.erased {
                let deliveries = erasure.reports.iter().map(|report| report.delivery.clone());
                state.slots.entry(slot.clone()).or_insert_with(|| deliveries.collect());
            }
            by_feed.insert(state.feed.id.clone(), standing);
        }
        Ok(Self { parts, by_feed, waivers })
    }

    /// One job a month for which a feed of the dataset has a delivery, in order of the months.
    pub(crate) fn month_jobs(
        &self,
        dataset: &Arc<Dataset>,
        states: &[FeedState],
        unusual: &UnusualDeliveries,
    ) -> Vec<MonthJob> {
        let mut months: BTreeMap<Month, MonthJob> = BTreeMap::new();
        let job = |month: Month| MonthJob {
            dataset: Arc::clone(dataset),
            month,
            slots: Vec::new(),
            turned_down: Vec::new(),
        };
        for state in states {
            let Some(contract) = dataset.contracts.get(&state.feed.contract) else { continue };
            let Some(standing) = self.by_feed.get(&state.feed.id) else {
                for ((month, file), deliveries) in &state.slots {
                    let mut slot = self.slot(state, contract, deliveries.clone(), unusual);
                    slot.erased = state.erased.get(&(*month, file.clone())).map(|one| one.reports.clone());
                    slot.waivers = self.waivers_of(&state.feed.id, *month);
                    months.entry(*month).or_insert_with(|| job(*month)).slots.push(slot);
                }
                continue;
            };
            for (month, all) in &standing.months {
                let job = months.entry(*month).or_insert_with(|| job(*month));
                for (delivery, one) in all {
                    let period = one.part.month.unwrap_or(delivery.period);
                    let delivery = Delivery { period, ..delivery.clone() };
                    let mut slot = Slot::new(Arc::clone(&state.feed), Arc::clone(contract), vec![delivery]);
                    slot.standing = Some(one.clone());
                    slot.waivers = self.waivers_of(&state.feed.id, *month);
                    job.slots.push(slot);
                }
            }
            for ((month, _), erasure) in &state.erased {
                let job = months.entry(*month).or_insert_with(|| job(*month));
                let mut slot = Slot::new(Arc::clone(&state.feed), Arc::clone(contract), Vec::new());
                slot.erased = Some(erasure.reports.clone());
                job.slots.push(slot);
            }
            for (month, reports) in &standing.turned_down {
                let job = months.entry(*month).or_insert_with(|| job(*month));
                job.turned_down.extend(reports.iter().cloned());
            }
        }
        months.into_values().collect()
    }

    /// One job a month, as if no number of rows were unusual, each ready to be read.
    pub(crate) fn jobs_to_look_at(
        &self,
        dataset: &Arc<Dataset>,
        states: &[FeedState],
        landing: &Landing,
        months: impl Fn(Month) -> bool,
    ) -> Result<Vec<MonthJob>, NormaliseError> {
        let mut jobs = self.month_jobs(dataset, states, &UnusualDeliveries::new());
        jobs.retain(|job| months(job.month));
        for job in &mut jobs {
            self.find_parts(job, landing)?;
        }
        Ok(jobs)
    }

    /// What may not be kept any longer of a feed that brings many months at once; `None` for another feed.
    pub(crate) fn past_of(&self, feed: &str, rule: RetentionConfig, as_of: NaiveDate) -> Option<Past> {
        let standing = self.by_feed.get(feed)?;
        let all = past(&standing.editions, rule, as_of);
        let mut found = Past::default();
        for (month, last_day) in &all {
            let Some(parts) = standing.months.get(month) else { continue };
            found
                .months
                .insert(*month, (*last_day, parts.iter().map(|(delivery, _)| delivery.clone()).collect()));
        }
        for edition in &standing.editions {
            let rows: u64 =
                edition.rows.iter().filter(|(month, _)| all.contains_key(month)).map(|(_, n)| n).sum();
            if !edition.rows.keys().any(|month| all.contains_key(month)) {
                continue;
            }
            if edition.needed.iter().all(|month| all.contains_key(month)) {
                found.editions.push(edition.delivery.clone());
            } else {
                found.staying.push((edition.delivery.clone(), rows));
            }
        }
        Some(found)
    }

    /// The waivers that apply to what a feed delivered for a month.
    fn waivers_of(&self, feed: &str, month: Month) -> Vec<Arc<WaiverConfig>> {
        self.waivers.iter().filter(|waiver| waiver.feed == feed && waiver.period == month).cloned().collect()
    }

    fn slot(
        &self,
        state: &FeedState,
        contract: &Arc<crate::normalise::contract::Contract>,
        deliveries: Vec<Delivery>,
        unusual: &UnusualDeliveries,
    ) -> Slot {
        let mut slot = Slot::new(Arc::clone(&state.feed), Arc::clone(contract), deliveries);
        slot.let_in = let_in(&self.waivers, &slot.deliveries);
        for delivery in &slot.deliveries {
            let digest = &delivery.content_sha256;
            if let Some(found) = unusual.get(&(state.feed.id.clone(), digest.clone())) {
                slot.unusual.insert(digest.clone(), found.clone());
            }
        }
        slot
    }

    /// Finds the files of the parts that a job reads; one that is not there any more is made again.
    pub(crate) fn find_parts(&self, job: &mut MonthJob, landing: &Landing) -> Result<(), NormaliseError> {
        for slot in &mut job.slots {
            let (Some(standing), Some(delivery)) = (&mut slot.standing, slot.deliveries.first()) else {
                continue;
            };
            if standing.part.rows == 0 {
                continue;
            }
            let whole = Delivery { period: standing.period, ..delivery.clone() };
            let found = self.parts.part(landing, &whole, &slot.feed, &slot.contract, &standing.part);
            standing.file =
                Some(found.map_err(|source| NormaliseError::Part { file: delivery.file.clone(), source })?);
        }
        Ok(())
    }

    /// Removes from the cache what no standing month needs.
    ///
    /// # Errors
    /// What the file system reports.
    pub(crate) fn tidy(&self) -> Result<(), RunError> {
        let wanted: BTreeSet<PathBuf> =
            self.by_feed.values().flat_map(|standing| standing.cached.iter().cloned()).collect();
        self.parts.keep_only(&wanted).map_err(RunError::Landing)
    }

    /// Deliveries of feeds of mode `month` that bring far more or fewer rows than those of the months before, judged by
    /// what is known of them; one of which nothing is known yet is not judged.
    pub(crate) fn unusual(
        jobs: &[MonthJob],
        reports: &BTreeMap<Month, Vec<DeliveryReport>>,
    ) -> UnusualDeliveries {
        let mut earlier: BTreeMap<(String, String), Vec<u64>> = BTreeMap::new();
        let mut unusual = UnusualDeliveries::new();
        for job in jobs {
            let known = reports.get(&job.month).map(Vec::as_slice).unwrap_or_default();
            for slot in job.slots.iter().filter(|slot| slot.standing.is_none()) {
                let Some(first) = slot.deliveries.first() else { continue };
                let earlier =
                    earlier.entry((slot.feed.id.clone(), format!("{:?}", first.captures))).or_default();
                for delivery in &slot.deliveries {
                    let digest = &delivery.content_sha256;
                    let same = |report: &&DeliveryReport| {
                        report.delivery.feed == slot.feed.id
                            && report.delivery.file == delivery.file
                            && report.delivery.content_sha256 == *digest
                    };
                    let Some(report) = known.iter().find(same) else { break };
                    let counted = report.findings.iter().any(|finding| finding.rule == drift::ROW_COUNT);
                    if report.status != DeliveryStatus::Accepted && !counted {
                        continue;
                    }
                    let finding = drift::of_count(&slot.feed.drift, report.received, earlier);
                    let status = match slot.feed.drift.row_count {
                        Policy::Refuse => DeliveryStatus::Refused,
                        Policy::Quarantine if slot.let_in.contains_key(digest) => DeliveryStatus::Accepted,
                        Policy::Quarantine => DeliveryStatus::Held,
                        Policy::Warn => DeliveryStatus::Accepted,
                    };
                    if let Some(finding) = finding {
                        let key = (slot.feed.id.clone(), digest.clone());
                        unusual.insert(key, Unusual { status, received: report.received, finding });
                        if status != DeliveryStatus::Accepted {
                            continue;
                        }
                    }
                    earlier.push(report.received);
                    break;
                }
            }
        }
        unusual
    }
}

/// What may not be kept any longer of a feed that brings many months at once.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// Months whose rows stand: the last day on which they could be kept, and the deliveries that they stand in.
    pub(crate) months: BTreeMap<Month, (NaiveDate, Vec<Delivery>)>,
    /// Deliveries whose bytes nothing needs that may still be kept.
    pub(crate) editions: Vec<Delivery>,
    /// Deliveries whose bytes are still needed, each with its rows that may not be kept.
    pub(crate) staying: Vec<(Delivery, u64)>,
}

/// Months of these editions whose rows may not be kept any longer, each with the last day on which they could.
fn past(editions: &[Edition], rule: RetentionConfig, as_of: NaiveDate) -> BTreeMap<Month, NaiveDate> {
    let mut latest: BTreeMap<Month, DateTime<Utc>> = BTreeMap::new();
    for edition in editions {
        for month in edition.rows.keys() {
            let received = latest.entry(*month).or_insert(edition.delivery.received);
            *received = (*received).max(edition.delivery.received);
        }
    }
    let last_day =
        |(month, received): (Month, DateTime<Utc>)| Some((month, rule.last_day(month, Some(received))?));
    latest.into_iter().filter_map(last_day).filter(|(_, last_day)| as_of > *last_day).collect()
}

fn came_on(delivery: &Delivery) -> NaiveDate {
    delivery.received.with_timezone(&chrono_tz::Europe::London).date_naive()
}

/// Which of these deliveries waivers let in though they would be held, by digest of their contents.
fn let_in(waivers: &[Arc<WaiverConfig>], deliveries: &[Delivery]) -> BTreeMap<String, LetIn> {
    let of = |delivery: &Delivery| waivers.iter().find_map(|waiver| waiver.lets_in(delivery));
    let found =
        deliveries.iter().filter_map(|delivery| Some((delivery.content_sha256.clone(), of(delivery)?)));
    found.collect()
}

/// The deliveries of a feed that stand, in the order in which they arrived; those that came twice stand twice.
fn arrivals(landing: &Landing, state: &FeedState) -> Vec<Delivery> {
    let stands = |delivery: &Delivery| {
        state.slots.get(&(delivery.period, delivery.file.clone())).is_some_and(|slot| {
            slot.iter().any(|known| {
                known.content_sha256 == delivery.content_sha256 && known.synthetic == delivery.synthetic
            })
        })
    };
    landing.of_feed(&state.feed.id).filter(|delivery| stands(delivery)).cloned().collect()
}

/// Months that were told anew and otherwise since the datasets were last made, each in a line. As many rows as before that
/// stand in another delivery, because the bytes of the one before were erased, are told by nobody anew.
pub(crate) fn restatements(
    landing: &Landing,
    before: &BTreeMap<Month, Vec<DeliveryReport>>,
    month: Month,
    now: &[DeliveryReport],
) -> Vec<String> {
    let by_feed = |reports: &[DeliveryReport]| {
        let mut all: BTreeMap<String, (BTreeSet<String>, u64, bool)> = BTreeMap::new();
        let used = |report: &&DeliveryReport| {
            report.status == DeliveryStatus::Accepted
                && report.delivery.period == month
                && report.received > 0
        };
        for report in reports.iter().filter(used) {
            let one = all.entry(report.delivery.feed.clone()).or_default();
            one.0.insert(report.delivery.content_sha256.clone());
            one.1 += report.accepted;
            one.2 |= !landing.path(&report.delivery).is_file();
        }
        all
    };
    let before = by_feed(before.get(&month).map(Vec::as_slice).unwrap_or_default());
    by_feed(now)
        .into_iter()
        .filter_map(|(feed, (digests, rows, _))| {
            let (old, was, gone) = before.get(&feed)?;
            (*old != digests && !(*gone && rows == *was)).then(|| {
                let (rows, was) = (thousands(rows), thousands(*was));
                format!("feed `{feed}`: restated {month}: {rows} rows, was {was}")
            })
        })
        .collect()
}

/// A number as people read it: `271,257`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
