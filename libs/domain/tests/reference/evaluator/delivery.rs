//! Delivering is deciding again, on the bases of the first decision only.

use super::case::Case;
use super::recipient::Directory;
use super::tables::Tables;
use super::verdict::{Answer, Question, evaluate};
use egide_domain::decision::Request;
use egide_domain::ids::ReferralId;
use egide_domain::ids::SubjectId;
use egide_domain::vocabulary::{DataCategory, MaskLevel, Outcome};
use std::collections::BTreeMap;

/// Whether a referral may be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Nobody released it, or nobody permitted it.
    Unknown,
    /// It was taken back.
    Recalled,
    /// Today's answer no longer contains it.
    Narrowed,
    /// It may; with today's answer.
    May(Box<Answer>),
}

pub(crate) fn deliver(
    case: &Case,
    directory: &Directory,
    referral_id: ReferralId,
    tables: &Tables,
    now: i64,
) -> Delivery {
    let Some(referral) = case.referral(referral_id) else { return Delivery::Unknown };
    if referral.recalled {
        return Delivery::Recalled;
    }
    let Some(decision) = case.decisions.get(&referral.released.decision_id) else { return Delivery::Unknown };
    // A refusal permits nothing, whatever stands in it; what rests on nothing or lets nothing through was never permitted.
    if decision.outcome == Outcome::Deny || decision.bases.is_empty() || decision.mask.is_empty() {
        return Delivery::Unknown;
    }
    // Decided for one unit is not decided for another.
    if decision.request.unit_id != referral.released.unit_id {
        return Delivery::Narrowed;
    }
    let request = Request { relies_on: decision.bases.clone(), ..decision.request.clone() };
    let unit = directory.unit(request.unit_id);
    let answer = evaluate(&Question { case, unit, request: &request, tables, now, delivering: Some(referral_id) });
    let let_through: BTreeMap<(SubjectId, DataCategory), MaskLevel> =
        decision.mask.entries().iter().map(|entry| ((entry.subject_id, entry.category), entry.level)).collect();
    let contained =
        let_through.iter().all(|(place, level)| answer.entries.get(place).is_some_and(|(today, _)| level <= today));
    if answer.permit && contained { Delivery::May(Box::new(answer)) } else { Delivery::Narrowed }
}
