//! Case events, facts only.

use egide_domain::CaseEvent;
use egide_domain::event as domain;
use egide_domain::event::{Expiry, RecipientScope, Shredded};
use egide_domain::vocabulary as list;

use super::decision::{bases, data_period, mask, narratives_from, obligation_from, request_from};
use super::{
    Listed as _, Unreadable, digest, id, ids, optional_digest, optional_id, optional_timestamp, read_all, required,
};
use crate::proto::egide::case::v1 as proto;
use crate::proto::egide::case::v1::case_event::Payload;
use crate::proto::egide::case::v1::consent_given::Expiry as WireExpiry;
use crate::proto::egide::case::v1::recipient_scope::Scope;

/// Reads a case event; anything not understood is [`CaseEvent::Unreadable`].
#[must_use]
pub fn case_event(event: &proto::CaseEvent) -> CaseEvent {
    event.payload.as_ref().and_then(|payload| read(payload).ok()).unwrap_or(CaseEvent::Unreadable)
}

fn read(payload: &Payload) -> Result<CaseEvent, Unreadable> {
    Ok(match payload {
        Payload::CaseOpened(event) => CaseEvent::CaseOpened(domain::CaseOpened {
            channel: list::Channel::read(event.channel)?,
            jurisdiction: list::Jurisdiction::read(event.jurisdiction)?,
        }),
        Payload::TipReceived(event) => CaseEvent::TipReceived(domain::TipReceived {
            tip_id: id(&event.tip_id, "tip_id")?,
            channel: list::Channel::read(event.channel)?,
            bringer_subject_id: optional_id(&event.bringer_subject_id, "bringer_subject_id")?,
            concerns_minor: list::Answer::read(event.concerns_minor)?,
        }),
        Payload::PersonIdentified(event) => CaseEvent::PersonIdentified(domain::PersonIdentified {
            subject_id: id(&event.subject_id, "subject_id")?,
            roles: read_all(&event.roles, "roles")?,
        }),
        Payload::AgeAssessed(event) => CaseEvent::AgeAssessed(domain::AgeAssessed {
            subject_id: id(&event.subject_id, "subject_id")?,
            band: list::AgeBand::read(event.band)?,
        }),
        Payload::ContactRecorded(event) => CaseEvent::ContactRecorded(domain::ContactRecorded {
            subject_id: id(&event.subject_id, "subject_id")?,
            permission: match &event.safe_contact {
                Some(safe_contact) => list::ContactPermission::read(safe_contact.permission)?,
                None => None,
            },
            rules: match &event.safe_contact {
                Some(safe_contact) => read_all(&safe_contact.rules, "rules")?,
                None => egide_domain::Set::EMPTY,
            },
        }),
        Payload::WhereaboutsRecorded(event) => CaseEvent::WhereaboutsRecorded(domain::WhereaboutsRecorded {
            subject_id: id(&event.subject_id, "subject_id")?,
            jurisdiction: list::Jurisdiction::read(event.jurisdiction)?,
        }),
        Payload::SituationRecorded(event) => {
            CaseEvent::SituationRecorded(domain::SituationRecorded { subject_id: id(&event.subject_id, "subject_id")? })
        }
        Payload::ImmigrationRecorded(event) => CaseEvent::ImmigrationRecorded(domain::ImmigrationRecorded {
            subject_id: id(&event.subject_id, "subject_id")?,
        }),
        Payload::HealthRecorded(event) => {
            CaseEvent::HealthRecorded(domain::HealthRecorded { subject_id: id(&event.subject_id, "subject_id")? })
        }
        Payload::FinancesRecorded(event) => {
            CaseEvent::FinancesRecorded(domain::FinancesRecorded { subject_id: id(&event.subject_id, "subject_id")? })
        }
        Payload::SuspectDescribed(event) => {
            CaseEvent::SuspectDescribed(domain::SuspectDescribed { subject_id: id(&event.subject_id, "subject_id")? })
        }
        Payload::NarrativeRecorded(event) => CaseEvent::NarrativeRecorded(domain::NarrativeRecorded {
            narrative_id: id(&event.narrative_id, "narrative_id")?,
            subject_ids: ids(&event.subject_ids, "subject_ids")?,
        }),
        Payload::TriageAssessed(event) => {
            CaseEvent::TriageAssessed(domain::TriageAssessed { level: required(event.level, "level")? })
        }
        Payload::SupervisorReviewed(event) => CaseEvent::SupervisorReviewed(domain::SupervisorReviewed {
            tip_id: id(&event.tip_id, "tip_id")?,
            outcome: required(event.outcome, "outcome")?,
        }),
        Payload::ConsentGiven(event) => CaseEvent::ConsentGiven(consent_given(event)?),
        Payload::ConsentRefused(event) => CaseEvent::ConsentRefused(domain::ConsentRefused {
            consent_id: id(&event.consent_id, "consent_id")?,
            subject_id: id(&event.subject_id, "subject_id")?,
            recipient: scope(event.recipient.as_ref())?,
            denied: read_all(&event.denied, "denied")?,
        }),
        Payload::ConsentWithdrawn(event) => CaseEvent::ConsentWithdrawn(domain::ConsentWithdrawn {
            consent_id: optional_id(&event.consent_id, "consent_id")?,
            subject_id: optional_id(&event.subject_id, "subject_id")?,
            categories: read_all(&event.categories, "categories")?,
        }),
        Payload::ExceptionAsserted(event) => CaseEvent::ExceptionAsserted(domain::ExceptionAsserted {
            exception_id: id(&event.exception_id, "exception_id")?,
            kind: required(event.kind, "kind")?,
            subject_ids: ids(&event.subject_ids, "subject_ids")?,
            grounds: read_all(&event.grounds, "grounds")?,
            instrument: event.instrument.as_ref().map(instrument).transpose()?,
            break_glass: event.break_glass,
        }),
        Payload::ExceptionConfirmed(event) => CaseEvent::ExceptionConfirmed(domain::ExceptionConfirmed {
            exception_id: id(&event.exception_id, "exception_id")?,
        }),
        Payload::ExceptionLifted(event) => CaseEvent::ExceptionLifted(domain::ExceptionLifted {
            exception_id: id(&event.exception_id, "exception_id")?,
            reason: list::LiftReason::read(event.reason)?,
        }),
        Payload::DisclosureDecided(event) => CaseEvent::DisclosureDecided(disclosure_decided(event)?),
        Payload::ReferralReleased(event) => CaseEvent::ReferralReleased(domain::ReferralReleased {
            referral_id: id(&event.referral_id, "referral_id")?,
            decision_id: id(&event.decision_id, "decision_id")?,
            unit_id: id(&event.unit_id, "unit_id")?,
            organization_id: id(&event.organization_id, "organization_id")?,
            subject_ids: ids(&event.subject_ids, "subject_ids")?,
            report_digest: digest(&event.report_digest, "report_digest")?,
            supplementary_to: optional_id(&event.supplementary_to, "supplementary_to")?,
        }),
        Payload::ReferralDelivered(event) => CaseEvent::ReferralDelivered(domain::ReferralDelivered {
            delivery_id: id(&event.delivery_id, "delivery_id")?,
            referral_id: id(&event.referral_id, "referral_id")?,
            decision_id: id(&event.decision_id, "decision_id")?,
            unit_id: id(&event.unit_id, "unit_id")?,
            channel: list::DeliveryChannel::read(event.channel)?,
            report_digest: digest(&event.report_digest, "report_digest")?,
            case_revision: egide_domain::ids::Revision(event.case_revision),
            decided_at: optional_timestamp(event.decided_at.as_ref(), "decided_at")?,
            expires_at: optional_timestamp(event.expires_at.as_ref(), "expires_at")?,
        }),
        Payload::ReferralAcknowledged(event) => CaseEvent::ReferralAcknowledged(domain::ReferralAcknowledged {
            referral_id: id(&event.referral_id, "referral_id")?,
            unit_id: id(&event.unit_id, "unit_id")?,
        }),
        Payload::ReferralRecalled(event) => CaseEvent::ReferralRecalled(domain::ReferralRecalled {
            referral_id: id(&event.referral_id, "referral_id")?,
            reason: list::RecallReason::read(event.reason)?,
        }),
        Payload::DisclosedOutsideSystem(event) => CaseEvent::DisclosedOutsideSystem(domain::DisclosedOutsideSystem {
            disclosure_id: id(&event.disclosure_id, "disclosure_id")?,
            unit_id: optional_id(&event.unit_id, "unit_id")?,
            subject_ids: ids(&event.subject_ids, "subject_ids")?,
            categories: read_all(&event.categories, "categories")?,
        }),
        Payload::CaseClosed(event) => {
            CaseEvent::CaseClosed(domain::CaseClosed { closure: list::CaseClosure::read(event.closure)? })
        }
        Payload::CaseReopened(proto::CaseReopened {}) => CaseEvent::CaseReopened(domain::CaseReopened {}),
        Payload::KeyShredded(event) => CaseEvent::KeyShredded(domain::KeyShredded {
            whose: whose(event)?,
            ground: list::ShredGround::read(event.ground)?,
        }),
        Payload::LegalHoldPlaced(event) => CaseEvent::LegalHoldPlaced(domain::LegalHoldPlaced {
            hold_id: id(&event.hold_id, "hold_id")?,
            ground: list::HoldGround::read(event.ground)?,
        }),
        Payload::LegalHoldLifted(event) => CaseEvent::LegalHoldLifted(domain::LegalHoldLifted {
            hold_id: id(&event.hold_id, "hold_id")?,
            reason: list::HoldLiftReason::read(event.reason)?,
        }),
        Payload::NumberAssigned(event) => CaseEvent::NumberAssigned(domain::NumberAssigned {
            subject_id: optional_id(&event.subject_id, "subject_id")?,
        }),
        Payload::PhraseChosen(event) => {
            CaseEvent::PhraseChosen(domain::PhraseChosen { subject_id: optional_id(&event.subject_id, "subject_id")? })
        }
        Payload::AuthorityVerified(event) => CaseEvent::AuthorityVerified(domain::AuthorityVerified {
            verification_id: id(&event.verification_id, "verification_id")?,
            subject_id: id(&event.subject_id, "subject_id")?,
            representative_subject_id: id(&event.representative_subject_id, "representative_subject_id")?,
            authority: required(event.authority, "authority")?,
            expires_at: optional_timestamp(event.expires_at.as_ref(), "expires_at")?,
        }),
        Payload::AuthorityRevoked(event) => CaseEvent::AuthorityRevoked(domain::AuthorityRevoked {
            verification_id: id(&event.verification_id, "verification_id")?,
        }),
        Payload::WishesRecorded(event) => CaseEvent::WishesRecorded(domain::WishesRecorded {
            subject_id: id(&event.subject_id, "subject_id")?,
            exception_id: id(&event.exception_id, "exception_id")?,
            wish: required(event.wish, "wish")?,
            followed: list::Answer::read(event.followed)?,
        }),
        Payload::ApprovalRequested(event) => CaseEvent::ApprovalRequested(domain::ApprovalRequested {
            approval_id: id(&event.approval_id, "approval_id")?,
            decision_id: id(&event.decision_id, "decision_id")?,
            expires_at: optional_timestamp(event.expires_at.as_ref(), "expires_at")?,
        }),
        Payload::ApprovalDecided(event) => CaseEvent::ApprovalDecided(domain::ApprovalDecided {
            approval_id: id(&event.approval_id, "approval_id")?,
            outcome: required(event.outcome, "outcome")?,
        }),
        Payload::ObligationNoted(event) => CaseEvent::ObligationNoted(domain::ObligationNoted {
            decision_id: id(&event.decision_id, "decision_id")?,
            kind: required(event.kind, "kind")?,
            subject_id: optional_id(&event.subject_id, "subject_id")?,
            state: required(event.state, "state")?,
            reason: list::ObligationReason::read(event.reason)?,
            review_at: optional_timestamp(event.review_at.as_ref(), "review_at")?,
        }),
        Payload::ContactCleared(event) => CaseEvent::ContactCleared(domain::ContactCleared {
            contact_id: id(&event.contact_id, "contact_id")?,
            subject_id: id(&event.subject_id, "subject_id")?,
            means: required(event.means, "means")?,
        }),
        Payload::ContactMade(event) => CaseEvent::ContactMade(domain::ContactMade {
            contact_id: id(&event.contact_id, "contact_id")?,
            subject_id: id(&event.subject_id, "subject_id")?,
            means: required(event.means, "means")?,
            outcome: required(event.outcome, "outcome")?,
        }),
        Payload::OutsideDisclosureReviewed(event) => {
            CaseEvent::OutsideDisclosureReviewed(domain::OutsideDisclosureReviewed {
                disclosure_id: id(&event.disclosure_id, "disclosure_id")?,
                outcome: required(event.outcome, "outcome")?,
            })
        }
        Payload::RecallAcknowledged(event) => CaseEvent::RecallAcknowledged(domain::RecallAcknowledged {
            referral_id: id(&event.referral_id, "referral_id")?,
            unit_id: id(&event.unit_id, "unit_id")?,
        }),
        Payload::UnitNotified(event) => CaseEvent::UnitNotified(domain::UnitNotified {
            referral_id: id(&event.referral_id, "referral_id")?,
            unit_id: id(&event.unit_id, "unit_id")?,
            ground: required(event.ground, "ground")?,
            address_id: id(&event.address_id, "address_id")?,
            outcome: required(event.outcome, "outcome")?,
        }),
        Payload::ReferralExpired(event) => CaseEvent::ReferralExpired(domain::ReferralExpired {
            referral_id: id(&event.referral_id, "referral_id")?,
            unit_id: id(&event.unit_id, "unit_id")?,
        }),
        Payload::NarrativeReviewRequested(event) => {
            CaseEvent::NarrativeReviewRequested(domain::NarrativeReviewRequested {
                review_id: id(&event.review_id, "review_id")?,
                narrative_id: id(&event.narrative_id, "narrative_id")?,
                unit_id: id(&event.unit_id, "unit_id")?,
            })
        }
        Payload::NarrativeAttested(event) => CaseEvent::NarrativeAttested(domain::NarrativeAttested {
            review_id: id(&event.review_id, "review_id")?,
            narrative_id: id(&event.narrative_id, "narrative_id")?,
            subject_ids: ids(&event.subject_ids, "subject_ids")?,
            unit_id: id(&event.unit_id, "unit_id")?,
            text_digest: digest(&event.text_digest, "text_digest")?,
            could_tell_who_said_it: list::Answer::read(event.could_tell_who_said_it)?,
            case_revision: egide_domain::ids::Revision(event.case_revision),
        }),
        Payload::NarrativeWithheld(event) => {
            CaseEvent::NarrativeWithheld(domain::NarrativeWithheld { review_id: id(&event.review_id, "review_id")? })
        }
    })
}

fn whose(event: &proto::KeyShredded) -> Result<Shredded, Unreadable> {
    Ok(match required(event.scope, "scope")? {
        list::ShredScope::Person => Shredded::Person(id(&event.subject_id, "subject_id")?),
        list::ShredScope::Narrative => Shredded::Narrative(id(&event.narrative_id, "narrative_id")?),
        list::ShredScope::Case => Shredded::Case,
    })
}

fn consent_given(event: &proto::ConsentGiven) -> Result<domain::ConsentGiven, Unreadable> {
    Ok(domain::ConsentGiven {
        consent_id: id(&event.consent_id, "consent_id")?,
        subject_id: optional_id(&event.subject_id, "subject_id")?,
        kind: list::ConsentKind::read(event.kind)?,
        grantor: list::GrantorKind::read(event.grantor)?,
        representative_subject_id: optional_id(&event.representative_subject_id, "representative_subject_id")?,
        recipient: scope(event.recipient.as_ref())?,
        purposes: read_all(&event.purposes, "purposes")?,
        permitted: read_all(&event.permitted, "permitted")?,
        denied: read_all(&event.denied, "denied")?,
        not_before: optional_timestamp(event.not_before.as_ref(), "not_before")?,
        expiry: match &event.expiry {
            None => Expiry::Absent,
            Some(WireExpiry::Unlimited(true)) => Expiry::Unlimited,
            // "Unlimited: no" says neither until when nor that nothing was said.
            Some(WireExpiry::Unlimited(false)) => return Err(Unreadable { field: "unlimited" }),
            Some(WireExpiry::ExpiresAt(at)) => {
                Expiry::At(super::timestamp(at).ok_or(Unreadable { field: "expires_at" })?)
            }
        },
        standing: event.standing,
        onward_sharing: event.onward_sharing,
        speaking_freely: list::Answer::read(event.speaking_freely)?,
        understood: list::Answer::read(event.understood)?,
        supersedes: ids(&event.supersedes, "supersedes")?,
        about_bringer: read_all(&event.about_bringer, "about_bringer")?,
        tip_id: optional_id(&event.tip_id, "tip_id")?,
        capacity: list::ConsentCapacity::read(event.capacity)?,
        age_at_grant: list::AgeBand::read(event.age_at_grant)?,
        authority: list::Authority::read(event.authority)?,
        data_period: match &event.data_period {
            Some(period) => Some(data_period(period.recorded_from.as_ref(), period.recorded_until.as_ref())?),
            None => None,
        },
        conditions: read_all(&event.conditions, "conditions")?,
    })
}

fn scope(scope: Option<&proto::RecipientScope>) -> Result<Option<RecipientScope>, Unreadable> {
    let Some(scope) = scope.and_then(|scope| scope.scope.as_ref()) else { return Ok(None) };
    Ok(Some(match scope {
        Scope::OrganizationId(text) => RecipientScope::Organization(id(text, "organization_id")?),
        Scope::UnitId(text) => RecipientScope::Unit(id(text, "unit_id")?),
        Scope::RecipientKind(number) => RecipientScope::Kind(required(*number, "recipient_kind")?),
        Scope::KindInRegion(class) => RecipientScope::KindInRegion(
            required(class.recipient_kind, "recipient_kind")?,
            read_all(&class.jurisdictions, "jurisdictions")?,
        ),
        Scope::Anyone(true) => RecipientScope::Anyone,
        Scope::Anyone(false) => return Err(Unreadable { field: "anyone" }),
    }))
}

fn instrument(instrument: &proto::Instrument) -> Result<domain::Instrument, Unreadable> {
    Ok(domain::Instrument {
        kind: list::InstrumentKind::read(instrument.kind)?,
        issuer: instrument.issuer.clone(),
        issued_on: instrument.issued_on.clone(),
        return_at: optional_timestamp(instrument.return_at.as_ref(), "return_at")?,
        scope: read_all(&instrument.scope, "scope")?,
        unit_id: optional_id(&instrument.unit_id, "unit_id")?,
        document_digest: optional_digest(&instrument.document_digest, "document_digest")?,
    })
}

fn disclosure_decided(event: &proto::DisclosureDecided) -> Result<domain::DisclosureDecided, Unreadable> {
    Ok(domain::DisclosureDecided {
        decision_id: id(&event.decision_id, "decision_id")?,
        request: request_from(event.request.as_ref().ok_or(Unreadable { field: "request" })?)?,
        outcome: required(event.outcome, "outcome")?,
        bases: bases(&event.bases)?,
        mask: mask(&event.mask)?,
        decided_at: optional_timestamp(event.decided_at.as_ref(), "decided_at")?
            .ok_or(Unreadable { field: "decided_at" })?,
        expires_at: optional_timestamp(event.expires_at.as_ref(), "expires_at")?,
        case_revision: egide_domain::ids::Revision(event.case_revision),
        directory_revision: egide_domain::ids::Revision(event.directory_revision),
        obligations: event.obligations.iter().map(obligation_from).collect::<Result<_, _>>()?,
        recipient_kind: list::RecipientKind::read(event.recipient_kind)?,
        narratives: narratives_from(&event.narratives)?,
    })
}
