//! Which rows of which delivery stand in which month, for feeds that bring many months at once.
//!
//! Each delivery is split by month and judged as a whole, over all its months together, before a month is made: what is
//! refused or held gives way to what came before. What stands then follows from the feed's mode and the order of arrival
//! alone, so that a rebuild finds the same.
//!
//! Files that differ in a name in braces of the feed's `source` (such as one a force) replace each other only among
//! themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::contract::Contract;
use super::header::header_positions;
use super::keys::{KeyWriter, Stands, settle};
use super::month::{NormaliseError, Standing};
use super::reading::judge_part;
use super::split::{Index, Part, Parts, sealed, unsealed};
use super::verdict::{Judged, finding, judge_whole, turned_down};
use super::{DeliveryReport, DeliveryStatus, drift};
use crate::config::settings::{AbsentMonth, DeliveryMode, FeedConfig};
use crate::durable;
use crate::landing::{Delivery, Landing};
use crate::period::Month;
use crate::waiver::{HELD, WaiverConfig};

/// What stands of a feed.
#[derive(Debug, Clone, Default)]
pub struct FeedStanding {
    /// By month: the deliveries whose rows stand in it, in order of arrival. A standing part without a month holds what is
    /// to be told of the delivery as a whole.
    pub months: BTreeMap<Month, Vec<(Delivery, Standing)>>,
    /// Deliveries that were turned down, by the month in which they are told.
    pub turned_down: BTreeMap<Month, Vec<DeliveryReport>>,
    /// Why months that no standing delivery holds are not there, where something is known.
    pub reasons: BTreeMap<Month, String>,
    /// Files of the cache that are needed again.
    pub cached: BTreeSet<PathBuf>,
    /// Every delivery with the months that its bytes hold.
    pub editions: Vec<Edition>,
}

/// One delivery of many months, as its bytes are.
#[derive(Debug, Clone)]
pub struct Edition {
    /// The delivery.
    pub delivery: Delivery,
    /// Rows by month; those that tell none under the month of the delivery.
    pub rows: BTreeMap<Month, u64>,
    /// Months for which its bytes are needed: no later delivery stands in its place.
    pub needed: BTreeSet<Month>,
}

impl FeedStanding {
    /// The months that hold rows.
    pub fn held(&self) -> impl Iterator<Item = Month> {
        let with_rows =
            |all: &&Vec<(Delivery, Standing)>| all.iter().any(|(_, standing)| standing.part.month.is_some());
        self.months.iter().filter(move |(_, all)| with_rows(all)).map(|(month, _)| *month)
    }

    /// Expected months that are not delivered, each with the reason.
    #[must_use]
    pub fn missing(
        &self,
        feed: &FeedConfig,
        contract: &Contract,
        expected: &[Month],
        known: &BTreeMap<Month, String>,
    ) -> BTreeMap<Month, String> {
        let held: BTreeSet<Month> = self.held().collect();
        let zero = contract.config.absent_month == AbsentMonth::Zero;
        let absent = expected.iter().filter(|month| !held.contains(month));
        let absent = absent.filter(|month| !(zero && held.last().is_some_and(|last| *month < last)));
        let reason = |month: &Month| {
            crate::feed::gap_at(feed, *month)
                .map(|gap| gap.reason.clone())
                .or_else(|| self.reasons.get(month).cloned())
                .or_else(|| known.get(month).cloned())
                .unwrap_or_else(|| "not supplied".to_owned())
        };
        absent.map(|month| (*month, reason(month))).collect()
    }
}

/// A delivery that was split and judged.
struct Known {
    delivery: Delivery,
    index: Option<Index>,
    report: DeliveryReport,
}

impl Known {
    fn accepted(&self) -> bool {
        self.report.status == DeliveryStatus::Accepted
    }

    fn parts<'a>(&'a self, feed: &FeedConfig) -> impl Iterator<Item = (Month, &'a Part)> {
        let (from, to) = (feed.from, feed.to);
        let parts = self.index.iter().flat_map(|index| &index.parts);
        let within = move |month: &Month| *month >= from && to.is_none_or(|to| *month <= to);
        parts.filter_map(move |part| part.month.filter(within).map(|month| (month, part)))
    }

    fn part(&self, month: Month) -> Option<&Part> {
        self.index.as_ref()?.parts.iter().find(|part| part.month == Some(month))
    }

    fn untold(&self) -> Option<&Part> {
        self.index.as_ref()?.parts.iter().find(|part| part.month.is_none())
    }
}

/// What is needed to judge the deliveries of one feed.
pub struct Judge<'a> {
    /// The cache of parts.
    pub parts: &'a Parts,
    /// Where the deliveries are.
    pub landing: &'a Landing,
    /// The feed.
    pub feed: &'a Arc<FeedConfig>,
    /// Its contract.
    pub contract: &'a Arc<Contract>,
    /// The waivers of the feed that apply.
    pub waivers: &'a [Arc<WaiverConfig>],
}

impl Judge<'_> {
    /// What stands of these deliveries, which are in the order of their arrival.
    ///
    /// # Errors
    /// What the cache of parts reports; a delivery that cannot be used is in the reports.
    pub fn stand(&self, deliveries: Vec<Delivery>) -> Result<FeedStanding, NormaliseError> {
        let mut series: BTreeMap<BTreeMap<String, String>, Vec<Delivery>> = BTreeMap::new();
        for delivery in deliveries {
            let all = series.entry(delivery.captures.clone()).or_default();
            // The same bytes again say nothing new, whatever they are called.
            let again = match self.feed.mode {
                DeliveryMode::Append => {
                    all.iter().any(|known| known.content_sha256 == delivery.content_sha256)
                }
                _ => all.last().is_some_and(|known| known.content_sha256 == delivery.content_sha256),
            };
            if !again {
                all.push(delivery);
            }
        }
        let mut standing = FeedStanding::default();
        for deliveries in series.into_values() {
            self.series(deliveries, &mut standing)?;
        }
        Ok(standing)
    }

    fn series(&self, deliveries: Vec<Delivery>, standing: &mut FeedStanding) -> Result<(), NormaliseError> {
        let mut known: Vec<Known> = Vec::new();
        let mut parts: BTreeMap<String, Judged> = BTreeMap::new();
        for delivery in deliveries {
            let earlier: Vec<u64> =
                known.iter().filter(|known| known.accepted()).map(|known| known.report.received).collect();
            let judged = self.judge(delivery, &earlier, &mut parts)?;
            known.push(judged);
        }
        match self.feed.mode {
            DeliveryMode::Month | DeliveryMode::Whole => self.whole(&known, standing),
            DeliveryMode::Periods => self.periods(&known, standing),
            DeliveryMode::Append => self.by_key(&mut known, Stands::First, standing)?,
            DeliveryMode::Upsert => self.by_key(&mut known, Stands::Latest, standing)?,
        }
        standing.editions.extend(self.editions(&known));
        for one in &known {
            let [index, _] = self.parts.place(&one.delivery, self.feed, self.contract, None);
            standing.cached.insert(index);
            standing.cached.insert(self.judged_place(&one.delivery));
        }
        for (delivery, one) in standing.months.values().flatten().filter(|(_, one)| one.part.rows > 0) {
            let [_, place] = self.parts.place(delivery, self.feed, self.contract, one.part.month);
            standing.cached.insert(place);
        }
        Ok(())
    }

    /// What the bytes of each delivery hold, and which of it no later one has in its place.
    fn editions(&self, known: &[Known]) -> Vec<Edition> {
        let edition = |(number, one): (usize, &Known)| {
            let mut rows: BTreeMap<Month, u64> = BTreeMap::new();
            let own = one.delivery.period;
            match &one.index {
                Some(index) => {
                    for part in &index.parts {
                        *rows.entry(part.month.unwrap_or(own)).or_default() += part.rows;
                    }
                }
                None => {
                    rows.insert(own, one.report.received);
                }
            }
            let later = known.get(number + 1..).unwrap_or_default();
            let mut later = later.iter().filter(|later| later.accepted()).peekable();
            let needed = match self.feed.mode {
                DeliveryMode::Month | DeliveryMode::Whole if later.peek().is_some() => BTreeSet::new(),
                DeliveryMode::Periods if later.peek().is_some() => {
                    let later: Vec<&Known> = later.collect();
                    let lacks = |month: &Month| later.iter().all(|one| one.part(*month).is_none());
                    one.parts(self.feed).map(|(month, _)| month).filter(lacks).collect()
                }
                // Of rows that join or replace others by their key, each may be the one that stands.
                _ => rows.keys().copied().collect(),
            };
            Edition { delivery: one.delivery.clone(), rows, needed }
        };
        known.iter().enumerate().map(edition).collect()
    }

    fn with_keys(&self) -> bool {
        matches!(self.feed.mode, DeliveryMode::Append | DeliveryMode::Upsert)
    }

    fn judged_place(&self, delivery: &Delivery) -> PathBuf {
        let kind = if self.with_keys() { "keyed" } else { "judged" };
        let name = format!("{kind}-{}.json", self.contract_digest());
        self.parts.beside(delivery, self.feed, self.contract, &name)
    }

    fn keys_place(&self, delivery: &Delivery, month: Month) -> PathBuf {
        let name = format!("{month}-{}.keys", self.contract_digest());
        self.parts.beside(delivery, self.feed, self.contract, &name)
    }

    /// What decides how a row is judged and what its key is, in few letters.
    fn contract_digest(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut digest = Sha256::new();
        digest.update(&self.contract.digest);
        digest.update(self.feed.latest_by.as_deref().unwrap_or_default());
        for waiver in self.waivers.iter().filter(|waiver| waiver.rule != HELD) {
            digest.update(serde_json::to_vec(waiver.as_ref()).unwrap_or_default());
        }
        hex::encode(digest.finalize()).chars().take(16).collect()
    }

    fn failed(delivery: &Delivery) -> impl Fn(std::io::Error) -> NormaliseError + '_ {
        |source| NormaliseError::Part { file: delivery.file.clone(), source }
    }

    /// Splits a delivery and judges it as a whole; `earlier` has the rows of those accepted before it.
    fn judge(
        &self,
        delivery: Delivery,
        earlier: &[u64],
        known: &mut BTreeMap<String, Judged>,
    ) -> Result<Known, NormaliseError> {
        let (feed, contract) = (self.feed, self.contract);
        let mut report = DeliveryReport::new(delivery.clone(), DeliveryStatus::Accepted, String::new());
        let index = self.parts.index(self.landing, &delivery, feed, contract);
        let index = match index.map_err(Self::failed(&delivery))? {
            Ok(index) => index,
            Err(unusable) => {
                report.received = unusable.rows;
                let report = turned_down(report, DeliveryStatus::Refused, unusable.note);
                return Ok(Known { delivery, index: None, report });
            }
        };
        report.findings = drift::of_header(&contract.config, &index.header);
        match header_positions(contract, &index.header) {
            Ok((_, note)) => report.note = note,
            Err(note) => {
                report.received = index.rows;
                let report = turned_down(report, DeliveryStatus::Refused, note);
                return Ok(Known { delivery, index: Some(index), report });
            }
        }
        let mut one = Known { delivery, index: Some(index), report };
        let judged = self.judged_parts(&one, known)?;
        let mut sum = Judged { doubled: !judged.is_empty(), ..Judged::default() };
        for part in judged.values() {
            sum.received += part.received;
            sum.accepted += part.accepted;
            sum.duplicate += part.duplicate;
            sum.quarantined += part.quarantined;
            sum.acknowledged += part.acknowledged;
            for (rule, rows) in &part.rules {
                *sum.rules.entry(rule.clone()).or_default() += rows;
            }
            for (column, rows) in &part.broken {
                *sum.broken.entry(column.clone()).or_default() += rows;
            }
            sum.doubled &= part.doubled;
        }
        let mut report = one.report;
        (report.received, report.accepted) = (sum.received, sum.accepted);
        (report.duplicate, report.quarantined) = (sum.duplicate, sum.quarantined);
        report.rules.clone_from(&sum.rules);
        let all = one.index.as_ref().map_or(0, |index| index.rows);
        if all > sum.received {
            let rows = all - sum.received;
            let detail =
                format!("{rows} rows are of months that the feed does not deliver; they are left out");
            report.findings.push(finding(drift::OUTSIDE_MONTHS, rows, &detail));
        }
        let untold =
            one.index.as_ref().and_then(|index| index.parts.iter().find(|part| part.month.is_none()));
        if let Some(untold) = untold {
            let detail = format!(
                "{} rows do not tell their month, or have another number of fields than the header",
                untold.rows
            );
            report.findings.push(finding(drift::UNTOLD_MONTH, untold.rows, &detail));
        }
        report.findings.extend(drift::of_count(&feed.drift, sum.received, earlier));
        let let_in = self.waivers.iter().find_map(|waiver| waiver.lets_in(&one.delivery));
        one.report = judge_whole(feed, contract, let_in.as_ref(), report, &sum);
        Ok(one)
    }

    /// Every part of a delivery that counts, held against the contract; by month.
    fn judged_parts(
        &self,
        one: &Known,
        known: &mut BTreeMap<String, Judged>,
    ) -> Result<BTreeMap<String, Judged>, NormaliseError> {
        let (feed, contract, delivery) = (self.feed, self.contract, &one.delivery);
        let failed = Self::failed(delivery);
        let place = self.judged_place(delivery);
        let mut judged: BTreeMap<String, Judged> = std::fs::read(&place)
            .ok()
            .and_then(|bytes| serde_json::from_slice(unsealed(&bytes)?).ok())
            .unwrap_or_default();
        let before = judged.len();
        let wanted: Vec<(Option<Month>, &Part)> = one
            .untold()
            .map(|part| (None, part))
            .into_iter()
            .chain(one.parts(feed).map(|(month, part)| (Some(month), part)))
            .collect();
        let mut counted = BTreeMap::new();
        for (month, part) in wanted {
            let name = month.map_or_else(|| "untold".to_owned(), |month| month.to_string());
            let keys = month.filter(|_| self.with_keys()).map(|month| self.keys_place(delivery, month));
            let there = keys.as_ref().is_none_or(|place| place.is_file());
            if let Some(found) = judged.get(&name).filter(|_| there) {
                counted.insert(name, found.clone());
                continue;
            }
            let told_in = month.unwrap_or(delivery.period);
            let waivers: Vec<Arc<WaiverConfig>> =
                self.waivers.iter().filter(|waiver| waiver.period == told_in).cloned().collect();
            // What an earlier delivery said in the same words was judged with it; a waiver may be about one of them only.
            let alike = keys.is_none() && waivers.iter().all(|waiver| waiver.rule == HELD);
            if let Some(found) = known.get(&part.digest).filter(|_| alike) {
                counted.insert(name.clone(), found.clone());
                judged.insert(name, found.clone());
                continue;
            }
            let file = self.parts.part(self.landing, delivery, feed, contract, part).map_err(&failed)?;
            let as_of_month = Delivery { period: month.unwrap_or(delivery.period), ..delivery.clone() };
            let mut writer = keys.as_deref().map(KeyWriter::new).transpose().map_err(&failed)?;
            let found = judge_part(feed, (contract, waivers), &as_of_month, &file, writer.as_mut())?;
            if let (Some(writer), Some(place)) = (writer, &keys) {
                writer.finish(place).map_err(&failed)?;
            }
            counted.insert(name.clone(), found.clone());
            judged.insert(name, found);
        }
        let of_rows =
            |month: Month| self.waivers.iter().any(|waiver| waiver.period == month && waiver.rule != HELD);
        for (_, part) in one.parts(feed).filter(|(month, _)| !of_rows(*month)) {
            let name = part.month.map(|month| month.to_string()).unwrap_or_default();
            if let Some(found) = counted.get(&name) {
                known.entry(part.digest.clone()).or_insert_with(|| found.clone());
            }
        }
        if judged.len() != before {
            let bytes = serde_json::to_vec(&judged).map_err(|error| failed(error.into()))?;
            durable::write(&place, &sealed(bytes)).map_err(&failed)?;
        }
        Ok(counted)
    }

    /// The latest accepted delivery stands.
    fn whole(&self, known: &[Known], standing: &mut FeedStanding) {
        let accepted: Vec<&Known> = known.iter().filter(|one| one.accepted()).collect();
        let last = known.iter().rposition(Known::accepted);
        let later = last.map_or(known, |last| known.get(last + 1..).unwrap_or_default());
        self.tell_turned_down(later.iter().filter(|one| !one.accepted()), standing);
        let Some(latest) = accepted.last() else { return };
        for (month, part) in latest.parts(self.feed) {
            Self::unchanged_since(month, part, &accepted, true, standing);
        }
        for earlier in accepted.iter().rev().skip(1) {
            for (month, _) in earlier.parts(self.feed).filter(|(month, _)| latest.part(*month).is_none()) {
                let why = "the latest delivery does not hold it any more".to_owned();
                standing.reasons.entry(month).or_insert(why);
            }
        }
        Self::tell(latest, Vec::new(), standing);
    }

    /// Each month stands as the latest accepted delivery that holds it has it.
    fn periods(&self, known: &[Known], standing: &mut FeedStanding) {
        let accepted: Vec<&Known> = known.iter().filter(|one| one.accepted()).collect();
        let mut months: BTreeSet<Month> = BTreeSet::new();
        for one in &accepted {
            months.extend(one.parts(self.feed).map(|(month, _)| month));
        }
        let mut used: BTreeSet<&str> = BTreeSet::new();
        for month in months {
            let holding: Vec<&Known> =
                accepted.iter().copied().filter(|one| one.part(month).is_some()).collect();
            let Some(latest) = holding.last() else { continue };
            used.insert(&latest.delivery.content_sha256);
            if let Some(part) = latest.part(month) {
                Self::unchanged_since(month, part, &holding, false, standing);
            }
        }
        for (number, one) in accepted.iter().enumerate() {
            if number + 1 == accepted.len() || used.contains(one.delivery.content_sha256.as_str()) {
                Self::tell(one, Vec::new(), standing);
            }
        }
        let open = known.iter().enumerate().filter(|(number, one)| {
            let later = known.get(number + 1..).unwrap_or_default();
            let mut later = later.iter().filter(|later| later.accepted());
            let told = one.parts(self.feed).next().is_some();
            !one.accepted()
                && if told {
                    let later: Vec<&Known> = later.collect();
                    one.parts(self.feed).any(|(month, _)| later.iter().all(|l| l.part(month).is_none()))
                } else {
                    later.next().is_none()
                }
        });
        self.tell_turned_down(open.map(|(_, one)| one), standing);
    }

    /// A month as the last of these deliveries has it; where those before it have the same rows, the first of them that
    /// did stands, so that its rows keep their place and nothing is made anew. `holding` has deliveries that hold the
    /// month, or with `gaps` also others.
    fn unchanged_since(
        month: Month,
        part: &Part,
        holding: &[&Known],
        gaps: bool,
        standing: &mut FeedStanding,
    ) {
        let same = |one: &&&Known| one.part(month).is_some_and(|known| known.digest == part.digest);
        let run = holding.iter().rev().take_while(same).count();
        let Some(first) = holding.get(holding.len() - run) else { return };
        let earlier = holding.get(..holding.len() - run).unwrap_or_default();
        let before = if gaps {
            earlier.iter().rev().find_map(|one| one.part(month)).filter(|known| known.digest != part.digest)
        } else {
            earlier.last().and_then(|one| one.part(month))
        };
        let Some(part) = first.part(month) else { return };
        let one = Standing {
            part: part.clone(),
            period: first.delivery.period,
            file: None,
            lost: Arc::from([]),
            restated: before.map(|before| before.rows),
            note: String::new(),
            findings: Vec::new(),
            waived: BTreeMap::new(),
        };
        standing.months.entry(month).or_default().push((first.delivery.clone(), one));
    }

    /// Rows of all accepted deliveries together, of each key the one that stands.
    fn by_key(
        &self,
        known: &mut [Known],
        stands: Stands,
        standing: &mut FeedStanding,
    ) -> Result<(), NormaliseError> {
        let mut files: Vec<PathBuf> = Vec::new();
        let mut places: Vec<(usize, Month)> = Vec::new();
        for (number, one) in known.iter().enumerate() {
            for (month, _) in one.parts(self.feed).filter(|_| self.index_is_keyed(one)) {
                let place = self.keys_place(&one.delivery, month);
                standing.cached.insert(place.clone());
                if one.accepted() {
                    files.push(place);
                    places.push((number, month));
                }
            }
        }
        let settled = settle(&files, stands)
            .map_err(|source| NormaliseError::Part { file: self.feed.id.clone(), source })?;
        let mut told: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
        for ((number, month), settled) in places.iter().zip(settled) {
            let Some(one) = known.get(*number) else { continue };
            let sums = told.entry(*number).or_default();
            sums.0 += settled.ties;
            sums.1 += if stands == Stands::First { settled.differing } else { 0 };
            let Some(part) = one.part(*month) else { continue };
            // A part that brings nothing new leaves the month as it was.
            if settled.lost.len() as u64 == part.rows {
                continue;
            }
            let part = Standing {
                part: part.clone(),
                period: one.delivery.period,
                file: None,
                lost: settled.lost.into(),
                restated: None,
                note: String::new(),
                findings: Vec::new(),
                waived: BTreeMap::new(),
            };
            standing.months.entry(*month).or_default().push((one.delivery.clone(), part));
        }
        for (number, one) in known.iter().enumerate().filter(|(_, one)| one.accepted()) {
            let (ties, stand) = told.get(&number).copied().unwrap_or_default();
            let mut more = Vec::new();
            if ties > 0 {
                let column = self.feed.latest_by.as_deref().unwrap_or_default();
                let detail = format!(
                    "{ties} rows are as late by `{column}` as another row of their key and differ from it; the one received last stands"
                );
                more.push(finding(drift::TIE, ties, &detail));
            }
            if stand > 0 {
                let detail = format!(
                    "{stand} rows have a key that stands already, with other contents; the one received first stands"
                );
                more.push(finding(drift::KEY_STANDS, stand, &detail));
            }
            Self::tell(one, more, standing);
        }
        let open = known.iter().enumerate().filter(|(number, one)| {
            let later = known.get(number + 1..).unwrap_or_default();
            let again = |other: &Known| other.accepted() && other.delivery.slot() == one.delivery.slot();
            !one.accepted() && !later.iter().any(again)
        });
        self.tell_turned_down(open.map(|(_, one)| one), standing);
        Ok(())
    }

    /// Whether the keys of a delivery were written: not where its header already would not do.
    fn index_is_keyed(&self, one: &Known) -> bool {
        one.index.as_ref().is_some_and(|index| header_positions(self.contract, &index.header).is_ok())
    }

    /// What is to be told of an accepted delivery as a whole, and its rows that tell no month, stand in its own month.
    fn tell(one: &Known, more: Vec<super::Finding>, standing: &mut FeedStanding) {
        let mut findings = one.report.findings.clone();
        findings.extend(more);
        let untold = one.untold();
        if findings.is_empty() && one.report.note.is_empty() && untold.is_none() {
            return;
        }
        let nothing = Part { month: None, digest: String::new(), rows: 0, days: 0 };
        let whole = Standing {
            part: untold.cloned().unwrap_or(nothing),
            period: one.delivery.period,
            file: None,
            lost: Arc::from([]),
            restated: None,
            note: drift::noted(&one.report.note, &findings),
            findings,
            waived: one.report.waived.clone(),
        };
        standing.months.entry(one.delivery.period).or_default().push((one.delivery.clone(), whole));
    }

    fn tell_turned_down<'a>(
        &self,
        turned_down: impl Iterator<Item = &'a Known>,
        standing: &mut FeedStanding,
    ) {
        for one in turned_down {
            let report = one.report.clone();
            for (month, _) in one.parts(self.feed) {
                let why = format!("{}: {}", report.status.name(), report.note);
                standing.reasons.insert(month, why);
            }
            standing.turned_down.entry(one.delivery.period).or_default().push(report);
        }
    }
}
