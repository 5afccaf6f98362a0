//! What must hold of every log, from the words of the promises. Nothing here asks the gate or the ledger: a consent counts until
//! it ends or is taken back, an exception lives two steps of time, an approval one.

use egide_domain::decision::MaskEntry;
use egide_domain::event::{ConsentGiven, ConsentWithdrawn, DisclosureDecided, Expiry};
use egide_domain::ids::{ConsentId, ExceptionId, Revision};
use egide_domain::vocabulary::{ApprovalOutcome, DataCategory, Outcome};
use egide_domain::{Basis, CaseEvent, Mask};

use crate::case::{APPROVAL_STEPS, instant};
use crate::gate::{decision_in, is_second};
use crate::ledger::{Committed, Name, What};

/// How many steps of time an exception lives: 24 hours (`ops/policy/policy.json`).
const EXCEPTION_STEPS: u8 = 2;

/// A rule that a log breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Broken {
    /// A report was released without a permitting decision before it that covers it (promise 1).
    ReleasedWithoutPermit,
    /// A report was delivered that was not released before (promise 1).
    DeliveredWithoutRelease,
    /// What needs an approval was permitted, released or delivered without one that counted, by another person than asked
    /// (promise 1).
    WithoutApproval,
    /// A decision or delivery stands elsewhere than right after the revision it was made on (promise 2).
    StandsElsewhere,
    /// Something was permitted, released or delivered of which some field rests on nothing that counts there (promise 2).
    RestsOnNothing,
    /// Two referrals rest on a consent for one disclosure (promise 2).
    UsedTwice,
    /// A command stands in the log twice (promise 11).
    CommandTwice,
    /// One call, however often it was repeated, led to two referrals (promise 11).
    ReleasedTwice,
}

/// What one more commit breaks, after the others.
#[must_use]
pub fn check(before: &[Committed], commit: &Committed, approvals: bool) -> Vec<Broken> {
    let name = commit.command.name;
    let mut broken = Vec::new();
    if before.iter().any(|other| other.command.name == name) {
        broken.push(Broken::CommandTwice);
    }
    let history = History { before, tick: commit.tick };
    for event in &commit.command.events {
        match event {
            CaseEvent::DisclosureDecided(decided) => broken.extend(history.decided(commit, decided, approvals)),
            CaseEvent::ReferralReleased(_) => broken.extend(history.released(commit, approvals)),
            CaseEvent::ReferralDelivered(delivered) => {
                let (on, report_digest) = (delivered.case_revision, delivered.report_digest);
                broken.extend(history.delivered(commit, on, report_digest, approvals));
            }
            _ => {}
        }
    }
    broken
}

/// Whether what is handed over now, for this delivery, rests on what counts now and stood in the log before the delivery: the
/// order of the log decides about withdrawals, the time of handing over about ends. What is handed over without a delivery is
/// judged by another rule.
#[must_use]
pub fn counts_when_handed_over(commits: &[Committed], delivery: Name, tick: u8) -> bool {
    let Some(place) = commits.iter().position(|commit| commit.command.name == delivery) else { return true };
    let Some((before, _)) = commits.split_at_checked(place) else { return true };
    let history = History { before, tick };
    history.release_of(delivery).is_some_and(|release| history.report_counts(release))
}

struct History<'a> {
    before: &'a [Committed],
    tick: u8,
}

impl History<'_> {
    fn decided(&self, commit: &Committed, decided: &DisclosureDecided, approvals: bool) -> Vec<Broken> {
        let mut broken = Vec::new();
        if decided.case_revision.next() != Some(commit.first) {
            broken.push(Broken::StandsElsewhere);
        }
        if decided.outcome == Outcome::Permit {
            if !self.all_count(decided, &decided.mask) {
                broken.push(Broken::RestsOnNothing);
            }
            if approvals && is_second(commit.command.name.client) && !self.approved(true) {
                broken.push(Broken::WithoutApproval);
            }
        }
        broken
    }

    fn released(&self, commit: &Committed, approvals: bool) -> Vec<Broken> {
        let mut broken = Vec::new();
        if approvals && is_second(commit.command.name.client) && !self.approved(true) {
            broken.push(Broken::WithoutApproval);
        }
        let Some(decided) = self.decision_of(commit) else { return vec![Broken::ReleasedWithoutPermit] };
        let report = commit.command.report.clone().unwrap_or_default();
        if decided.outcome != Outcome::Permit || report.is_empty() || !decided.mask.contains(&report) {
            broken.push(Broken::ReleasedWithoutPermit);
        }
        if !self.all_count(decided, &report) {
            broken.push(Broken::RestsOnNothing);
        }
        let of_the_same_call =
            |other: &&Committed| is_release(other) && other.command.name.client == commit.command.name.client;
        if self.before.iter().any(|other| of_the_same_call(&other)) {
            broken.push(Broken::ReleasedTwice);
        }
        let used = |decided: &DisclosureDecided| decided.bases.iter().any(|basis| self.is_for_one(*basis));
        let earlier = self.before.iter().filter(|other| is_release(other)).filter_map(|other| self.decision_of(other));
        if used(decided) && earlier.into_iter().any(used) {
            broken.push(Broken::UsedTwice);
        }
        broken
    }

    fn delivered(&self, commit: &Committed, on: Revision, report_digest: [u8; 32], approvals: bool) -> Vec<Broken> {
        let mut broken = Vec::new();
        if on.next() != Some(commit.first) {
            broken.push(Broken::StandsElsewhere);
        }
        let release = self.release_of(commit.command.name);
        let Some(release) = release.filter(|release| digest_of(release) == Some(report_digest)) else {
            broken.push(Broken::DeliveredWithoutRelease);
            return broken;
        };
        if approvals && is_second(release.command.name.client) && !self.approved(false) {
            broken.push(Broken::WithoutApproval);
        }
        if !self.report_counts(release) {
            broken.push(Broken::RestsOnNothing);
        }
        broken
    }

    /// The release of what a delivery delivers.
    fn release_of(&self, delivery: Name) -> Option<&Committed> {
        self.before.iter().find(|other| {
            let name = other.command.name;
            is_release(other) && Some((name.client, name.draw, name.generation)) == delivery.about
        })
    }

    fn report_counts(&self, release: &Committed) -> bool {
        let report = release.command.report.clone().unwrap_or_default();
        self.decision_of(release).is_some_and(|decided| self.all_count(decided, &report))
    }

    /// The decision of a release.
    fn decision_of(&self, release: &Committed) -> Option<&DisclosureDecided> {
        let name = release.command.name.but(What::Decision);
        let stands = self.before.iter().find(|other| other.command.name == name)?;
        decision_in(&stands.command)
    }

    /// Whether each field of the report rests on something that counts now, of what lets it through.
    fn all_count(&self, decided: &DisclosureDecided, report: &Mask) -> bool {
        report.entries().iter().all(|wanted| {
            let same = |entry: &&MaskEntry| (entry.subject_id, entry.category) == (wanted.subject_id, wanted.category);
            decided.mask.entries().iter().find(same).is_some_and(|entry| {
                let mut bases = entry.bases.iter().filter_map(|index| decided.bases.get(usize::try_from(index).ok()?));
                bases.any(|basis| self.counts(*basis, wanted.category))
            })
        })
    }

    fn counts(&self, basis: Basis, category: DataCategory) -> bool {
        match basis {
            Basis::Consent(id) => self.consent_counts(id, category),
            Basis::Exception(id, _) => self.exception_counts(id),
            Basis::ReportConsent(_) => false,
        }
    }

    fn consent_counts(&self, id: ConsentId, category: DataCategory) -> bool {
        let given = self.given(id).is_some_and(|given| {
            let lives = match given.expiry {
                Expiry::At(end) => instant(self.tick) < end,
                Expiry::Unlimited => true,
                Expiry::Absent => false,
            };
            lives && given.permitted.contains(category)
        });
        let taken_back = self.events().any(|(event, _)| match event {
            CaseEvent::ConsentWithdrawn(ConsentWithdrawn { consent_id, categories, .. }) => {
                *consent_id == Some(id) && (categories.is_empty() || categories.contains(category))
            }
            _ => false,
        });
        given && !taken_back
    }

    fn exception_counts(&self, id: ExceptionId) -> bool {
        let lives = |tick: u8| self.tick < tick.saturating_add(EXCEPTION_STEPS);
        let asserted = self.events().any(|(event, tick)| match event {
            CaseEvent::ExceptionAsserted(asserted) => asserted.exception_id == id && lives(tick),
            _ => false,
        });
        let confirmed = self.events().any(|(event, _)| match event {
            CaseEvent::ExceptionConfirmed(confirmed) => confirmed.exception_id == id,
            _ => false,
        });
        asserted && confirmed
    }

    fn is_for_one(&self, basis: Basis) -> bool {
        basis.consent_id().and_then(|id| self.given(id)).is_some_and(|given| !given.standing)
    }

    fn given(&self, id: ConsentId) -> Option<&ConsentGiven> {
        self.events().find_map(|(event, _)| match event {
            CaseEvent::ConsentGiven(given) => Some(given).filter(|given| given.consent_id == id),
            _ => None,
        })
    }

    /// Whether it was approved by another person than asked, and not rejected since; where `in_time`, not longer ago than an
    /// approval lives.
    fn approved(&self, in_time: bool) -> bool {
        let mut asked_by = None;
        let mut counts = false;
        for commit in self.before {
            let by = &commit.command.actor;
            for event in &commit.command.events {
                match event {
                    CaseEvent::ApprovalRequested(_) => asked_by = Some(by),
                    CaseEvent::ApprovalDecided(decided) => {
                        let alive = self.tick < commit.tick.saturating_add(APPROVAL_STEPS);
                        let another = asked_by.is_some_and(|asked| asked.person != by.person);
                        let granted = decided.outcome == ApprovalOutcome::Granted;
                        counts = granted && another && (alive || !in_time);
                    }
                    _ => {}
                }
            }
        }
        counts
    }

    fn events(&self) -> impl Iterator<Item = (&CaseEvent, u8)> {
        self.before.iter().flat_map(|commit| commit.command.events.iter().map(|event| (event, commit.tick)))
    }
}

fn is_release(commit: &Committed) -> bool {
    commit.command.name.what == What::Release
}

fn digest_of(release: &Committed) -> Option<[u8; 32]> {
    release.command.events.iter().find_map(|event| match event {
        CaseEvent::ReferralReleased(released) => Some(released.report_digest),
        _ => None,
    })
}
