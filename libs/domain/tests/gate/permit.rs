//! No permit, no bytes (promise 1).

use crate::story::*;
use egide_domain::Decision;
use egide_domain::ids::{Position, Revision};
use egide_domain::permit::{AcknowledgedEvent, NoPermit, Permit};
use egide_domain::vocabulary::{DataCategory::*, Purpose::*};

const DIGEST: [u8; 32] = [5; 32];

fn permitting() -> Decision {
    let told = consent(1, VICTIM, shelter().scope(), SupportService).permitting(&[Contact]);
    Story::with_people().consents(told).when(&ask(&shelter(), SupportService, &[Contact])).0
}

fn acknowledged(decision: &Decision) -> AcknowledgedEvent {
    let case_revision = Revision(decision.case_revision.0 + 1);
    AcknowledgedEvent { facts_digest: DIGEST, position: Position(42), case_revision }
}

#[test]
fn p01_a_permit_is_made_from_the_logs_acknowledgement() {
    let decision = permitting();
    let permit = Permit::from_acknowledgement(decision.clone(), DIGEST, acknowledged(&decision), || true).unwrap();
    assert_eq!(permit.position(), Position(42));
    assert_eq!(permit.mask(), &decision.mask);
    assert_eq!(permit.decision(), &decision);
}

#[test]
fn p01_a_refusal_makes_no_permit() {
    let decision = Story::with_people().when(&ask(&shelter(), SupportService, &[Contact])).0;
    let made = Permit::from_acknowledgement(decision.clone(), DIGEST, acknowledged(&decision), || true);
    assert_eq!(made.err(), Some(NoPermit::Denied));
}

#[test]
fn p01_another_event_makes_no_permit() {
    let decision = permitting();
    let made = Permit::from_acknowledgement(decision.clone(), [6; 32], acknowledged(&decision), || true);
    assert_eq!(made.err(), Some(NoPermit::OtherEvent));
}

#[test]
fn p01_another_revision_makes_no_permit() {
    let decision = permitting();
    for case_revision in [decision.case_revision, Revision(decision.case_revision.0 + 2), Revision(0)] {
        let moved = AcknowledgedEvent { case_revision, ..acknowledged(&decision) };
        let made = Permit::from_acknowledgement(decision.clone(), DIGEST, moved, || true);
        assert_eq!(made.err(), Some(NoPermit::OtherRevision));
    }
}

#[test]
fn p01_an_acknowledgement_that_does_not_verify_makes_no_permit() {
    let decision = permitting();
    let made = Permit::from_acknowledgement(decision.clone(), DIGEST, acknowledged(&decision), || false);
    assert_eq!(made.err(), Some(NoPermit::Unverified));
}
