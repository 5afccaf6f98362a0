//! Delivering is deciding again, on the bases of the first decision only.

use super::case::Case;
use super::recipient::Directory;
use super::tables::Tables;
use super::verdict::{Answer, Period, Question, evaluate};
use egide_domain::decision::Request;
use egide_domain::event::DataPeriod;
use egide_domain::ids::ReferralId;
use egide_domain::vocabulary::Outcome;

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
    let contained = decision.mask.entries().iter().all(|entry| {
        let today = answer.entries.get(&(entry.subject_id, entry.category));
        today.is_some_and(|(level, _, period)| entry.level <= *level && reaches(*period, entry.period))
    });
    let same_texts = decision.narratives.iter().all(|it| answer.narratives.contains(&(it.review_id, it.text_digest)));
    if answer.permit && contained && same_texts { Delivery::May(Box::new(answer)) } else { Delivery::Narrowed }
}

/// Whether data of every time that was let through is let through today.
fn reaches(today: Option<Period>, then: Option<DataPeriod>) -> bool {
    let (from, until) = today.unwrap_or((None, None));
    let then = then.unwrap_or(DataPeriod { from: None, until: None });
    from.is_none_or(|from| then.from.is_some_and(|start| from <= start.0))
        && until.is_none_or(|until| then.until.is_some_and(|end| end.0 <= until))
}
