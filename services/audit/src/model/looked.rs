//! Looks, and what each person did on each day: who looked at what, and what anomalies are worked out from.

use egide_domain::ids::CaseId;
use egide_eventlog::VerifiedBlock;
use egide_projection::{ModelError, Rows};
use egide_wire::proto::egide::audit::v1::access_event::Payload;
use egide_wire::proto::egide::audit::v1::{
    AccessEvent, AccessReason, AccessRecorded, AccessScope, Look, OutsiderRefused, WithdrawalUnmatched,
};
use egide_wire::proto::egide::ledger::v1::Event;
use prost::Message as _;

use super::codes::{Code, List};
use super::keys;
use super::postings::post;
use super::row::DayRow;
use crate::query::filter::Criterion;

const MS_PER_HOUR: i64 = 3_600_000;
const HOURS: usize = 24;

/// The day since 1970 (UTC), and the hour of it.
pub(crate) fn day_and_hour(ms: i64) -> (u32, usize) {
    let hours = ms.div_euclid(MS_PER_HOUR);
    let day = u32::try_from(hours.div_euclid(24)).unwrap_or_default();
    (day, usize::try_from(hours.rem_euclid(24)).unwrap_or_default())
}

/// Something that somebody did, for the figures of the day.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Did {
    pub(super) asked: bool,
    pub(super) refused: bool,
    pub(super) on_exception: bool,
    pub(super) opened: bool,
}

/// Counts it; a service that acts by itself is nobody.
pub(super) fn count(rows: &mut Rows<'_>, account: &str, at_ms: i64, did: Did) -> Result<(), ModelError> {
    if account.is_empty() {
        return Ok(());
    }
    let (day, hour) = day_and_hour(at_ms);
    let key = keys::day(day, account);
    let mut row = match rows.get(&key)? {
        Some(bytes) => DayRow::decode(bytes.as_slice()).map_err(|_| ModelError::Row)?,
        None => DayRow { account: account.to_owned(), ..DayRow::default() },
    };
    row.by_hour.resize(HOURS, 0);
    let counts = [
        (&mut row.asked, did.asked),
        (&mut row.refused, did.refused),
        (&mut row.on_exceptions, did.on_exception),
        (&mut row.opened, did.opened),
    ];
    counts.into_iter().for_each(|(count, one)| *count = count.saturating_add(u32::from(one)));
    if let Some(count) = row.by_hour.get_mut(hour) {
        *count = count.saturating_add(u32::from(did.asked || did.opened));
    }
    rows.insert(&key, row.encode_to_vec());
    Ok(())
}

/// One more refusal on a case.
pub(super) fn count_refusal(rows: &mut Rows<'_>, case_id: CaseId, at_ms: i64) -> Result<(), ModelError> {
    let key = keys::refused(day_and_hour(at_ms).0, case_id);
    let before = match rows.get(&key)? {
        Some(bytes) => u32::from_be_bytes(bytes.try_into().map_err(|_| ModelError::Row)?),
        None => 0,
    };
    rows.insert(&key, before.saturating_add(1).to_be_bytes());
    Ok(())
}

/// Adds the row of a look, with what it is found by.
pub(super) fn add(block: &VerifiedBlock, position: u64, event: &Event, rows: &mut Rows<'_>) -> Result<(), ModelError> {
    let look = look_of(block, position, event);
    for criterion in criteria(&look) {
        post(rows, keys::look_postings(&criterion), position, true)?;
    }
    rows.insert(&keys::at(keys::looks(), position), look.encode_to_vec());
    let account = look.actor.as_ref().map(|actor| actor.person.as_str()).unwrap_or_default();
    let did = Did { opened: look.scope() == AccessScope::CaseOpened, ..Did::default() };
    if did.opened { count(rows, account, block.recorded_at_ms(), did) } else { Ok(()) }
}

fn look_of(block: &VerifiedBlock, position: u64, event: &Event) -> Look {
    let look = Look {
        position,
        kind: event.kind.clone(),
        recorded_at: block.block().recorded_at,
        actor: event.actor.clone(),
        ..Look::default()
    };
    match AccessEvent::decode(event.facts.as_slice()).ok().and_then(|event| event.payload) {
        Some(Payload::AccessRecorded(recorded)) => {
            let AccessRecorded { scope, reason, case_id, subject_id, unit_id, terms } = recorded;
            Look { scope, reason, case_id, subject_id, unit_id, terms, ..look }
        }
        Some(Payload::OutsiderRefused(OutsiderRefused { unit_id, method })) => Look { unit_id, method, ..look },
        Some(Payload::WithdrawalUnmatched(WithdrawalUnmatched { terms, .. })) => Look { terms, ..look },
        None => look,
    }
}

fn criteria(look: &Look) -> Vec<Criterion> {
    let mut criteria = vec![Criterion::Anything];
    let account = look.actor.as_ref().map(|actor| actor.person.clone()).unwrap_or_default();
    criteria.extend((!account.is_empty()).then_some(Criterion::Actor(account)));
    criteria.extend(look.case_id.parse().ok().map(Criterion::Case));
    criteria.extend(look.subject_id.parse().ok().map(Criterion::Subject));
    criteria.extend(look.unit_id.parse().ok().map(Criterion::Unit));
    let codes = [(List::AccessScope, look.scope), (List::AccessReason, look.reason)];
    criteria.extend(
        codes
            .into_iter()
            .filter(|(_, number)| *number != 0)
            .map(|(list, number)| Criterion::Coded(Code::new(list, number))),
    );
    criteria.extend(is_of_others(look).then_some(Criterion::OfOthers));
    criteria
}

/// Whether somebody looked who neither works the case nor has it in the shift's queue; the reason of a look that this version
/// cannot read may be any.
fn is_of_others(look: &Look) -> bool {
    match AccessReason::try_from(look.reason) {
        Ok(AccessReason::WorkingTheCase | AccessReason::ShiftQueue | AccessReason::Recipient) => false,
        // Not a look, but a refusal or a withdrawal: it has no reason.
        Ok(AccessReason::Unspecified) => look.scope != 0,
        Ok(AccessReason::Supervision | AccessReason::Audit | AccessReason::PersonAsked | AccessReason::Legal)
        | Err(_) => true,
    }
}
