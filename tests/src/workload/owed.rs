//! Something that falls due by the clock alone: an order of a court that nobody answers.

use std::time::Duration;

use egide_servicekit::clock;
use egide_wire::classification::DataCategory;
use egide_wire::convert::to_timestamp;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    ExceptionAsserted, ExceptionGround, ExceptionKind, Instrument, InstrumentKind, ObligationKind, Outcome, Purpose,
};

use super::{Calls, GIVEN_UP_AFTER, Gone, Shared, open_case};
use crate::case::command;
use crate::events;
use crate::roles::Role;
use crate::who;

/// An answer to an order, which was released and is never fetched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owed {
    /// The decision that binds us (UUID).
    pub decision_id: String,
    /// To what.
    pub kind: i32,
}

impl Owed {
    /// A case, an order that two supervisors vouch for, and its disclosure: due after `life`. `None` when all of it took longer
    /// than that, so that nothing is decided on the order any more.
    ///
    /// # Errors
    /// [`Gone`].
    ///
    /// # Panics
    /// When the gate's answer holds no decision.
    pub async fn after(shared: &Shared, life: Duration) -> Result<Option<Self>, Gone> {
        let case = open_case(shared, Role::Ledger).await?;
        let calls = Calls::new(shared, GIVEN_UP_AFTER);
        let life_ms = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        let return_at = egide_domain::Timestamp(clock::now().0.saturating_add(life_ms));
        let instrument = Instrument {
            kind: InstrumentKind::ProductionOrder.into(),
            issuer: "Superior Court at Rivermouth".to_owned(),
            number: "PO-0000-01".to_owned(),
            issued_on: "2026-11-02".to_owned(),
            return_at: Some(to_timestamp(return_at)),
            scope: vec![DataCategory::Situation.into()],
            unit_id: shared.recipient.unit_id.clone(),
            document_digest: vec![7; 32],
        };
        let order = ExceptionAsserted {
            instrument: Some(instrument),
            ..events::exception(ExceptionKind::LegalRequirement, &case.victim, ExceptionGround::Instrument)
        };
        let confirmation = events::confirmation(&order.exception_id);
        for (who, payload) in
            [(who::supervisor(), Payload::ExceptionAsserted(order)), (who::other_supervisor(), confirmation)]
        {
            let command = command(&case.case_id, vec![payload]);
            match calls.append(&who, command, &mut || Role::Ledger).await {
                Ok(_) => {}
                // Asserted in time, and over before anybody could confirm it.
                Err(Gone::Refused(_)) if clock::now() >= return_at => return Ok(None),
                Err(gone) => return Err(gone),
            }
        }
        let (who, wanted) = (who::supervisor(), [DataCategory::Situation]);
        let asking = calls.request_disclosure(&who, &case.case_id, Purpose::LegalObligation, &wanted);
        let (decision, decided) = asking.await?;
        let released = decided.outcome() == Outcome::Permit && !decision.referral_id.is_empty();
        let kind = ObligationKind::AnswerInstrument.into();
        Ok(released.then_some(Self { decision_id: decided.decision_id, kind }))
    }
}
