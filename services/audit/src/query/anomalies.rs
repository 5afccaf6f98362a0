//! What stands out, by rules that are data (`ops/anomalies/rules.json`), worked out from figures of whole days. Time is an input:
//! of days that are over the answer never changes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use egide_crypto::digest::{Digest, sha256};
use egide_projection::View;
use egide_wire::proto::egide::audit::v1::{AccessScope, Anomaly, DisclosureFilter, LookFilter};
use egide_wire::proto::egide::case::v1::{BasisKind, Outcome};
use prost_types::Timestamp;
use serde::Deserialize;

use super::{Error, decode, milliseconds};
use crate::model::keys;
use crate::model::looked::day_and_hour;
use crate::model::row::{DayRow, SoonRow};

/// Most rows of figures looked at for one answer.
pub const ROWS_MAX: u32 = 50_000;
/// Most that stands out by one rule and is told.
const TOLD_MAX: usize = 50;
/// Longest period of a rule, in days.
const DAYS_MAX: u32 = 92;

const SECONDS_PER_DAY: i64 = 86_400;
const MS_PER_DAY: i64 = SECONDS_PER_DAY * 1_000;

const RULES: &str = include_str!("../../../../ops/anomalies/rules.json");

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: String,
    #[serde(rename = "version")]
    _version: String,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: String,
    title_en: String,
    title_fr: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Kind {
    ExceptionsAboveOthers { days: u32, at_least: u32, percent_of_median: u64 },
    BulkAtNight { days: u32, at_least: u32, from_hour: u8, until_hour: u8, utc_offset_hours: i8 },
    RefusalsOnOneCase { days: u32, at_least: u32 },
    ManyOpenings { days: u32, at_least: u32 },
    DeliveryAfterChange { days: u32, within_minutes: u32 },
}

impl Kind {
    const fn days(self) -> u32 {
        match self {
            Self::ExceptionsAboveOthers { days, .. }
            | Self::BulkAtNight { days, .. }
            | Self::RefusalsOnOneCase { days, .. }
            | Self::ManyOpenings { days, .. }
            | Self::DeliveryAfterChange { days, .. } => {
                if days > DAYS_MAX {
                    DAYS_MAX
                } else {
                    days
                }
            }
        }
    }
}

/// The rules that are built in; a test reads them, so that there is no program without.
static BUILT_IN: LazyLock<Vec<Rule>> =
    LazyLock::new(|| serde_json::from_str::<File>(RULES).map(|file| file.rules).unwrap_or_default());

/// SHA-256 of the rules.
#[must_use]
pub fn rules_digest() -> Digest {
    sha256(RULES.as_bytes())
}

/// What stands out.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// In the order of the rules, the largest figure first.
    pub anomalies: Vec<Anomaly>,
    /// Where the periods end.
    pub until: Timestamp,
    /// Rows of figures that were looked at.
    pub rows: u32,
    /// Whether all of them were.
    pub complete: bool,
}

/// What stands out in the periods that end with the last midnight at or before `until`; or with the day of the newest event.
///
/// # Errors
/// See [`Error`].
pub fn find(view: &View<'_>, until_ms: Option<i64>) -> Result<Found, Error> {
    find_by(view, until_ms, &BUILT_IN)
}

fn find_by(view: &View<'_>, until_ms: Option<i64>, rules: &[Rule]) -> Result<Found, Error> {
    let end = match until_ms {
        Some(ms) => day_and_hour(ms).0,
        None => newest_ms(view)?.map_or(0, |ms| day_and_hour(ms).0.saturating_add(1)),
    };
    let mut figures = Figures { view, end, rows: 0, complete: true };
    let mut anomalies = Vec::new();
    for rule in rules {
        let mut of_rule = figures.of(rule)?;
        of_rule.sort_by_key(|one| std::cmp::Reverse(one.figure));
        of_rule.truncate(TOLD_MAX);
        anomalies.extend(of_rule);
    }
    Ok(Found { anomalies, until: midnight(end), rows: figures.rows, complete: figures.complete })
}

/// When the newest disclosure or look was recorded.
fn newest_ms(view: &View<'_>) -> Result<Option<i64>, Error> {
    let mut newest = None;
    if let Some((_, row)) = view.prefix(&keys::disclosures()).next_back().transpose()? {
        let row: crate::model::row::DisclosureRow = decode(&row)?;
        newest = row.disclosure.map(|disclosure| milliseconds(disclosure.recorded_at));
    }
    if let Some((_, row)) = view.prefix(&keys::looks()).next_back().transpose()? {
        let look: egide_wire::proto::egide::audit::v1::Look = decode(&row)?;
        newest = newest.max(Some(milliseconds(look.recorded_at)));
    }
    Ok(newest)
}

fn midnight(day: u32) -> Timestamp {
    Timestamp { seconds: i64::from(day) * SECONDS_PER_DAY, nanos: 0 }
}

struct Figures<'v, 'p> {
    view: &'v View<'p>,
    /// The day after the last.
    end: u32,
    rows: u32,
    complete: bool,
}

impl Figures<'_, '_> {
    fn of(&mut self, rule: &Rule) -> Result<Vec<Anomaly>, Error> {
        let days = self.end.saturating_sub(rule.kind.days())..self.end;
        match rule.kind {
            Kind::ExceptionsAboveOthers { at_least, percent_of_median, .. } => {
                self.exceptions(rule, days, at_least, percent_of_median)
            }
            Kind::BulkAtNight { at_least, from_hour, until_hour, utc_offset_hours, .. } => {
                let at_night = |row: &DayRow| {
                    let by_hour = (0_i8..).zip(&row.by_hour);
                    let local = by_hour.map(|(hour, count)| ((hour + utc_offset_hours).rem_euclid(24), *count));
                    let (from, until) = (i64::from(from_hour), i64::from(until_hour));
                    let is_night = |hour: i8| {
                        let hour = i64::from(hour);
                        if from > until { hour >= from || hour < until } else { (from..until).contains(&hour) }
                    };
                    local.filter(|(hour, _)| is_night(*hour)).map(|(_, count)| count).fold(0, u32::saturating_add)
                };
                self.by_day(rule, days, at_least, at_night)
            }
            Kind::ManyOpenings { at_least, .. } => self.by_day(rule, days, at_least, |row| row.opened),
            Kind::RefusalsOnOneCase { at_least, .. } => self.refusals(rule, days, at_least),
            Kind::DeliveryAfterChange { within_minutes, .. } => self.soon(rule, &days, within_minutes),
        }
    }

    /// Whether one row more may be looked at.
    fn may_look(&mut self) -> bool {
        self.complete &= self.rows < ROWS_MAX;
        self.rows += u32::from(self.complete);
        self.complete
    }

    fn day(&mut self, day: u32) -> Result<Vec<DayRow>, Error> {
        let mut rows = Vec::new();
        for row in self.view.prefix(&keys::days(day)) {
            if !self.may_look() {
                break;
            }
            rows.push(decode(&row?.1)?);
        }
        Ok(rows)
    }

    fn exceptions(
        &mut self,
        rule: &Rule,
        days: std::ops::Range<u32>,
        at_least: u32,
        percent_of_median: u64,
    ) -> Result<Vec<Anomaly>, Error> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for day in days.clone() {
            for row in self.day(day)?.into_iter().filter(|row| row.asked > 0) {
                *counts.entry(row.account).or_default() += u64::from(row.on_exceptions);
            }
        }
        let mut all: Vec<(String, u64)> = counts.into_iter().collect();
        all.sort_by_key(|(_, count)| *count);
        let mut found = Vec::new();
        for (index, (account, count)) in all.iter().enumerate() {
            let median = median_of_others(&all, index);
            if *count >= u64::from(at_least)
                && count.saturating_mul(100) >= percent_of_median.saturating_mul(median.max(1))
            {
                let filter =
                    DisclosureFilter { basis: BasisKind::Exception.into(), actor: account.clone(), ..in_days(&days) };
                let person = account.clone();
                found.push(Anomaly {
                    person,
                    compared_with: median,
                    disclosures: Some(filter),
                    ..anomaly(rule, *count, &days)
                });
            }
        }
        Ok(found)
    }

    fn by_day(
        &mut self,
        rule: &Rule,
        days: std::ops::Range<u32>,
        at_least: u32,
        figure: impl Fn(&DayRow) -> u32,
    ) -> Result<Vec<Anomaly>, Error> {
        let mut found = Vec::new();
        for day in days {
            let one = day..day.saturating_add(1);
            for row in self.day(day)?.into_iter().filter(|row| figure(row) >= at_least) {
                let looks = LookFilter {
                    person: row.account.clone(),
                    from: Some(midnight(one.start)),
                    until: Some(midnight(one.end)),
                    ..LookFilter::default()
                };
                let looks = match rule.kind {
                    Kind::ManyOpenings { .. } => LookFilter { scope: AccessScope::CaseOpened.into(), ..looks },
                    Kind::ExceptionsAboveOthers { .. }
                    | Kind::BulkAtNight { .. }
                    | Kind::RefusalsOnOneCase { .. }
                    | Kind::DeliveryAfterChange { .. } => looks,
                };
                found.push(Anomaly {
                    compared_with: u64::from(at_least),
                    looks: Some(looks),
                    person: row.account.clone(),
                    ..anomaly(rule, u64::from(figure(&row)), &one)
                });
            }
        }
        Ok(found)
    }

    fn refusals(&mut self, rule: &Rule, days: std::ops::Range<u32>, at_least: u32) -> Result<Vec<Anomaly>, Error> {
        let mut counts: BTreeMap<_, u64> = BTreeMap::new();
        for day in days.clone() {
            for row in self.view.prefix(&keys::refusals(day)) {
                if !self.may_look() {
                    break;
                }
                let (key, count) = row?;
                let count = <[u8; 4]>::try_from(&*count).map_err(|_| Error::Row)?;
                *counts.entry(keys::case_refused(&key).ok_or(Error::Row)?).or_default() +=
                    u64::from(u32::from_be_bytes(count));
            }
        }
        let many = counts.into_iter().filter(|(_, count)| *count >= u64::from(at_least));
        let found = many.map(|(case_id, count)| {
            let case_id = case_id.to_string();
            let filter = DisclosureFilter { case_id: case_id.clone(), outcome: Outcome::Deny.into(), ..in_days(&days) };
            let disclosures = Some(filter);
            Anomaly { case_id, compared_with: u64::from(at_least), disclosures, ..anomaly(rule, count, &days) }
        });
        Ok(found.collect())
    }

    /// Deliveries, newest first, as far back as the period goes.
    fn soon(&mut self, rule: &Rule, days: &std::ops::Range<u32>, within: u32) -> Result<Vec<Anomaly>, Error> {
        let mut found = Vec::new();
        let (from_ms, until_ms) = (i64::from(days.start) * MS_PER_DAY, i64::from(days.end) * MS_PER_DAY);
        for row in self.view.prefix(&keys::soon()).rev() {
            let soon: SoonRow = decode(&row?.1)?;
            if soon.recorded_at_ms < from_ms || !self.may_look() {
                break;
            }
            let minutes = u64::try_from(soon.after_ms.div_euclid(60_000)).unwrap_or_default();
            if soon.recorded_at_ms >= until_ms || minutes >= u64::from(within) {
                continue;
            }
            let day = day_and_hour(soon.recorded_at_ms).0;
            let filter = DisclosureFilter {
                case_id: soon.case_id.clone(),
                unit_id: soon.unit_id.clone(),
                ..DisclosureFilter::default()
            };
            found.push(Anomaly {
                case_id: soon.case_id,
                unit_id: soon.unit_id,
                compared_with: u64::from(within),
                disclosures: Some(filter),
                ..anomaly(rule, minutes, &(day..day.saturating_add(1)))
            });
        }
        Ok(found)
    }
}

fn anomaly(rule: &Rule, figure: u64, days: &std::ops::Range<u32>) -> Anomaly {
    Anomaly {
        rule: rule.id.clone(),
        title_en: rule.title_en.clone(),
        title_fr: rule.title_fr.clone(),
        figure,
        from: Some(midnight(days.start)),
        until: Some(midnight(days.end)),
        ..Anomaly::default()
    }
}

fn in_days(days: &std::ops::Range<u32>) -> DisclosureFilter {
    DisclosureFilter {
        from: Some(midnight(days.start)),
        until: Some(midnight(days.end)),
        ..DisclosureFilter::default()
    }
}

/// The middle of everybody else's counts, of two the lower; `sorted` by them.
fn median_of_others(sorted: &[(String, u64)], without: usize) -> u64 {
    let middle = sorted.len().saturating_sub(2) / 2;
    let middle = if middle < without { middle } else { middle + 1 };
    sorted.get(middle).map_or(0, |(_, count)| *count)
}

#[cfg(test)]
mod tests {
    use egide_wire::proto::egide::audit::v1::{AccessReason, AccessRecorded};
    use egide_wire::proto::egide::case::v1::case_event::Payload;

    use super::*;
    use crate::query::filter::Filter;
    use crate::query::{history, looks};
    use crate::story::{NOW_MS, Story, Told, case, delivery, on_exception, permit, person, refusal, release, unit};

    fn found(story: &Story) -> Vec<(String, u64, String)> {
        let found = find(&story.history.view(), None).unwrap();
        assert!(found.complete);
        found.anomalies.into_iter().map(|one| (one.rule, one.figure, one.person)).collect()
    }

    fn opened(by: &str) -> Told {
        let (scope, reason) = (AccessScope::CaseOpened.into(), AccessReason::WorkingTheCase.into());
        Told::looked(AccessRecorded { scope, reason, case_id: case(1).to_string(), ..AccessRecorded::default() }).by(by)
    }

    #[test]
    fn the_rules_that_are_built_in_are_read_and_bounded() {
        let file: File = serde_json::from_str(RULES).unwrap();
        assert_eq!(BUILT_IN.len(), file.rules.len());
        assert_eq!(file.rules.len(), 5);
        for rule in &file.rules {
            assert!((1..=DAYS_MAX).contains(&rule.kind.days()), "{}", rule.id);
            assert!(!rule.title_en.is_empty() && !rule.title_fr.is_empty());
        }
    }

    #[test]
    fn one_persons_exceptions_far_above_the_rest_stand_out_and_can_be_looked_at() {
        let mut story = Story::of_one_case();
        for (who, on) in [("amelie.roy", 6), ("sam.lavoie", 1), ("noor.haddad", 2), ("jo.chen", 0)] {
            for number in 0..3_u16.max(on) {
                let decided = permit(number, 1, &[person(1)]);
                let decided = if number < on { on_exception(decided, 1) } else { decided };
                story.tell(Told::in_case(1, Payload::DisclosureDecided(decided)).by(who));
            }
        }
        assert_eq!(found(&story), [("exceptions-above-others".to_owned(), 6, "amelie.roy".to_owned())]);
        let one = find(&story.history.view(), None).unwrap().anomalies.remove(0);
        assert_eq!(one.compared_with, 1);
        let filter = Filter::read(&one.disclosures.unwrap()).unwrap();
        let listed = history::list(&story.history.view(), &filter, None, 50).unwrap();
        assert_eq!(listed.disclosures.len(), 6, "the figure can be counted again");
    }

    #[test]
    fn the_middle_is_that_of_the_others() {
        let counts = |counts: &[u64]| counts.iter().map(|count| (String::new(), *count)).collect::<Vec<_>>();
        assert_eq!(median_of_others(&counts(&[9]), 0), 0);
        assert_eq!(median_of_others(&counts(&[1, 9]), 1), 1);
        assert_eq!(median_of_others(&counts(&[1, 9]), 0), 9);
        assert_eq!(median_of_others(&counts(&[0, 1, 2, 9]), 3), 1);
        assert_eq!(median_of_others(&counts(&[0, 1, 2, 9]), 0), 2);
        assert_eq!(median_of_others(&counts(&[0, 1, 2, 3, 9]), 4), 1);
    }

    #[test]
    fn repeated_refusals_on_one_case_stand_out() {
        let mut story = Story::of_one_case();
        story.open_case(2, &[]);
        for number in 0..5 {
            story.decides(1, refusal(number, 1, &[person(1)]));
            story.passes(MS_PER_DAY);
        }
        story.decides(2, refusal(9, 1, &[]));
        let anomalies = find(&story.history.view(), None).unwrap().anomalies;
        assert_eq!(anomalies.len(), 1);
        assert_eq!((anomalies[0].case_id.as_str(), anomalies[0].figure), (case(1).to_string().as_str(), 5));
        // Time is an input: of days before there were only two.
        let earlier = find(&story.history.view(), Some(NOW_MS + 2 * MS_PER_DAY + 5)).unwrap();
        assert_eq!((earlier.anomalies, earlier.until.seconds), (vec![], (NOW_MS + 2 * MS_PER_DAY) / 1_000));
    }

    #[test]
    fn many_openings_and_bulk_at_night_stand_out_by_day() {
        let mut story = Story::of_one_case();
        // NOW is midnight UTC; with five hours' offset it is evening still, and three hours later night.
        story.tell_all((0..70).map(|_| opened("amelie.roy")).collect());
        assert_eq!(found(&story), [("many-openings".to_owned(), 70, "amelie.roy".to_owned())]);
        let one = find(&story.history.view(), None).unwrap().anomalies.remove(0);
        let filter = looks::read(&one.looks.unwrap()).unwrap();
        assert_eq!(looks::list(&story.history.view(), &filter, None, 200).unwrap().looks.len(), 70);
        story.passes(4 * 3_600_000);
        story.tell_all((0..25).map(|_| opened("sam.lavoie")).collect());
        assert_eq!(found(&story)[0], ("bulk-at-night".to_owned(), 25, "sam.lavoie".to_owned()));
    }

    #[test]
    fn a_delivery_soon_after_the_directory_changed_stands_out_and_a_later_one_does_not() {
        let mut story = Story::of_one_case();
        story.decides(1, permit(1, 1, &[person(1)]));
        story.releases(1, release(1, 1, &[person(1)]));
        story.tell(Told::unit_registered(1));
        story.passes(30 * 60_000);
        story.happens(1, delivery(1));
        let anomalies = find(&story.history.view(), None).unwrap().anomalies;
        assert_eq!(anomalies.len(), 1);
        assert_eq!((anomalies[0].figure, anomalies[0].unit_id.as_str()), (30, unit(1).to_string().as_str()));
        story.passes(30 * 60_000);
        story.happens(1, delivery(1));
        assert_eq!(find(&story.history.view(), None).unwrap().anomalies, anomalies);
        assert_eq!(story.rows(), story.rows_rebuilt());
    }
}
