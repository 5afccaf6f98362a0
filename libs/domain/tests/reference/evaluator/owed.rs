//! What is still owed of what was decided (ARCHITECTURE.md, "What is owed afterwards", 18), from the events alone, one
//! obligation after the other.

use super::case::{another, supervises};
use super::tables::Tables;
use egide_domain::decision::Basis;
use egide_domain::event::{CaseEvent, DisclosureDecided, Recorded, ReferralReleased};
use egide_domain::ids::{DecisionId, ExceptionId, ReferralId, SubjectId};
use egide_domain::vocabulary::{DeliveryChannel, ObligationKind, ObligationState, Outcome, RecipientKind};
use std::collections::{BTreeMap, BTreeSet};

type History = [Recorded<CaseEvent>];

/// Of which decision, what, concerning whom.
pub(crate) type Which = (DecisionId, ObligationKind, Option<SubjectId>);

/// Where an obligation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stands {
    pub(crate) due_at: Option<i64>,
    pub(crate) state: ObligationState,
    pub(crate) since: i64,
    pub(crate) review_at: Option<i64>,
}

/// Everything owed of a case at an instant.
pub(crate) fn owed(history: &History, tables: &Tables, now: i64) -> BTreeMap<Which, Stands> {
    let mut all = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for recorded in history {
        let CaseEvent::DisclosureDecided(decided) = &recorded.event else { continue };
        // A refusal binds nobody, and an id is taken once.
        if !seen.insert(decided.decision_id) || decided.outcome == Outcome::Deny {
            continue;
        }
        for (kind, subject_id) in decided.obligations.iter().map(|it| (it.kind, it.subject_id)) {
            let Some(began) = began(history, decided, kind) else { continue };
            let which = (decided.decision_id, kind, subject_id);
            let due_at = due(decided, tables, kind, subject_id);
            all.insert(which, stands(history, decided, which, began, due_at, now));
        }
    }
    all
}

/// Since when it binds: since the release, as what was never released binds nobody; broken glass is reviewed in any case.
fn began(history: &History, decided: &DisclosureDecided, kind: ObligationKind) -> Option<i64> {
    if kind == ObligationKind::ReviewBreakGlass {
        return Some(decided.decided_at.0);
    }
    // A second release under an id that is taken is nobody's referral, but something was let go by it.
    let released = |recorded: &&Recorded<CaseEvent>| match &recorded.event {
        CaseEvent::ReferralReleased(released) => released.decision_id == decided.decision_id,
        _ => false,
    };
    history.iter().find(released).map(|recorded| recorded.recorded_at.0)
}

/// Of the same thing owed for several reasons, the earliest date. Not telling somebody is looked at again in time, also where
/// nobody wrote down when.
fn due(decided: &DisclosureDecided, tables: &Tables, kind: ObligationKind, whom: Option<SubjectId>) -> Option<i64> {
    let same = decided.obligations.iter().filter(|it| it.kind == kind && it.subject_id == whom);
    let earliest = same.filter_map(|it| it.due_at.map(|at| at.0)).min();
    match kind {
        ObligationKind::NoTipOff => earliest.or(Some(decided.decided_at.0 + tables.period("no_tip_off_review"))),
        _ => earliest,
    }
}

fn stands(
    history: &History,
    decided: &DisclosureDecided,
    which: Which,
    began: i64,
    due_at: Option<i64>,
    now: i64,
) -> Stands {
    let stands = |state, since, review_at| Stands { due_at, state, since, review_at };
    // The rules of safe contact stand for ever, and have no clock.
    if which.1 == ObligationKind::SafeContact {
        return stands(ObligationState::Due, began, None);
    }
    let noted = notes(history, which, &[ObligationState::Met]).first().map(|(at, _, _)| *at);
    if let Some(at) = [met(history, decided, which), noted].into_iter().flatten().min() {
        return stands(ObligationState::Met, at.max(began), None);
    }
    // Nothing stands so since before it bound, nor since before the day it was put off to.
    let by_the_clock = |since: i64| match due_at {
        Some(due) if due <= now => stands(ObligationState::Overdue, due.max(since), None),
        Some(_) | None => stands(ObligationState::Due, since, None),
    };
    match notes(history, which, &[ObligationState::Deferred, ObligationState::Impossible]).last() {
        Some((at, ObligationState::Impossible, _)) => stands(ObligationState::Impossible, *at, None),
        Some((at, _, Some(review))) if now < *review => stands(ObligationState::Deferred, *at, Some(*review)),
        Some((at, _, review)) => by_the_clock(review.unwrap_or(*at)),
        None => by_the_clock(began),
    }
}

type Note = (i64, ObligationState, Option<i64>);

/// What was noted about it of these states, in the order of the log.
fn notes(history: &History, which: Which, states: &[ObligationState]) -> Vec<Note> {
    let noted = history.iter().filter_map(|recorded| match &recorded.event {
        CaseEvent::ObligationNoted(noted) => Some((recorded.recorded_at.0, noted)),
        _ => None,
    });
    let about = noted.filter(|(_, it)| (it.decision_id, it.kind, it.subject_id) == which && states.contains(&it.state));
    about.map(|(at, it)| (at, it.state, it.review_at.map(|review| review.0))).collect()
}

/// When something that can be seen in the log met it.
fn met(history: &History, decided: &DisclosureDecided, which: Which) -> Option<i64> {
    let (decision_id, kind, subject_id) = which;
    // A decision is released once.
    let first = releases(history).into_iter().find(|(_, released)| released.decision_id == decision_id);
    let first = first.map(|(_, released)| released.referral_id);
    let of_this = |released: &ReferralReleased| Some(released.referral_id) == first;
    match kind {
        ObligationKind::PhoneRecipient => delivered(history, |released, by_voice| of_this(released) && by_voice),
        ObligationKind::AnswerInstrument => delivered(history, |released, _| of_this(released)),
        ObligationKind::ReportToChildProtection => delivered(history, |released, _| {
            recipient_kind(history, released.decision_id) == Some(RecipientKind::ChildProtection)
                && subject_id.is_some_and(|child| released.subject_ids.contains(&child))
        }),
        ObligationKind::ReviewBreakGlass => reviewed(history, decided),
        ObligationKind::RecordWishes => history
            .iter()
            .find(|recorded| match &recorded.event {
                CaseEvent::WishesRecorded(wishes) => Some(wishes.subject_id) == subject_id,
                _ => false,
            })
            .map(|recorded| recorded.recorded_at.0),
        ObligationKind::InformPerson
        | ObligationKind::EnterInRegister
        | ObligationKind::NoTipOff
        | ObligationKind::SafeContact => None,
    }
}

/// Releases in the order of the log; of two under one id the first is meant.
fn releases(history: &History) -> Vec<(i64, &ReferralReleased)> {
    let mut seen: BTreeSet<ReferralId> = BTreeSet::new();
    let released = history.iter().filter_map(|recorded| match &recorded.event {
        CaseEvent::ReferralReleased(released) => Some((recorded.recorded_at.0, released)),
        _ => None,
    });
    released.filter(|(_, released)| seen.insert(released.referral_id)).collect()
}

/// The first delivery of such a referral, or of such a referral by voice.
fn delivered(history: &History, such: impl Fn(&ReferralReleased, bool) -> bool) -> Option<i64> {
    let releases = releases(history);
    let first = history.iter().find(|recorded| match &recorded.event {
        CaseEvent::ReferralDelivered(delivery) => {
            let released = releases.iter().find(|(_, released)| released.referral_id == delivery.referral_id);
            released.is_some_and(|(_, released)| such(released, delivery.channel == Some(DeliveryChannel::Voice)))
        }
        _ => false,
    });
    first.map(|recorded| recorded.recorded_at.0)
}

fn recipient_kind(history: &History, decision_id: DecisionId) -> Option<RecipientKind> {
    let decided = history.iter().find_map(|recorded| match &recorded.event {
        CaseEvent::DisclosureDecided(decided) if decided.decision_id == decision_id => Some(decided),
        _ => None,
    });
    decided.and_then(|decided| decided.recipient_kind)
}

/// When the last of all the broken glass that the decision rests on was looked at by another supervisor.
fn reviewed(history: &History, decided: &DisclosureDecided) -> Option<i64> {
    let mut last = None;
    for basis in &decided.bases {
        let Basis::Exception(exception_id, _) = basis else { continue };
        if let Some(answer) = looked_at(history, *exception_id) {
            last = last.max(Some(answer?));
        }
    }
    last
}

/// Of an exception under which glass was broken: when another supervisor confirmed or lifted it, if one did. `None`: it is not
/// such an exception.
fn looked_at(history: &History, exception_id: ExceptionId) -> Option<Option<i64>> {
    let mut by = None;
    let mut lifted = false;
    let mut answer = None;
    for recorded in history {
        let from_another = |by: &Option<_>| by.as_ref().is_some_and(|by| another(&recorded.actor, by));
        let looks = supervises(&recorded.actor) && from_another(&by);
        match &recorded.event {
            CaseEvent::ExceptionAsserted(said) if said.exception_id == exception_id && by.is_none() => {
                if !said.break_glass {
                    return None;
                }
                by = Some(recorded.actor.clone());
            }
            CaseEvent::ExceptionConfirmed(said) if said.exception_id == exception_id && !lifted && looks => {
                answer = answer.or(Some(recorded.recorded_at.0));
            }
            // Lifted once is lifted.
            CaseEvent::ExceptionLifted(said) if said.exception_id == exception_id && !lifted && by.is_some() => {
                if looks {
                    answer = answer.or(Some(recorded.recorded_at.0));
                }
                lifted = true;
            }
            _ => {}
        }
    }
    by.map(|_| answer)
}
