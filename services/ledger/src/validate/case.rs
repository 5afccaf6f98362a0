//! Rules of case events that look at more than one field.

use egide_crypto::digest::Fingerprinter;
use egide_domain::time::Timestamp;
use egide_wire::convert::timestamp;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::consent_given::Expiry;
use egide_wire::proto::egide::case::v1::recipient_scope::Scope;
use egide_wire::proto::egide::case::v1::{
    AgeAssessed, AgeBand, Answer, ApprovalOutcome, CallerGave, ConsentGiven, ConsentKind, ConsentRefused,
    ContactPermission, ContactRecorded, ExceptionAsserted, ExceptionGround, ExceptionKind, GrantorKind, IdentityProof,
    Instrument, InstrumentKind, KeyShredded, NarrativeAttested, ObligationNoted, ObligationReason, ObligationState,
    RecipientScope, RejectionReason, ShredGround, ShredScope,
};
use egide_wire::proto::egide::classification::v1::DataCategory;

use super::disclosure;
use super::fields::{Checker, MISSING};

/// Nobody is older than this, in years.
const AGE_YEARS_MAX: u32 = 120;

pub(super) fn check(payload: &Payload, path: &str, check: &mut Checker) {
    match payload {
        Payload::AgeAssessed(event) => age_assessed(event, path, check),
        Payload::ContactRecorded(event) => contact_recorded(event, path, check),
        Payload::ConsentGiven(event) => consent_given(event, path, check),
        Payload::ConsentRefused(event) => consent_refused(event, path, check),
        Payload::ConsentWithdrawn(event) => {
            categories(&event.categories, &format!("{path}.categories"), check);
            let found_here = event.caller_gave() == CallerGave::Unspecified;
            check.require(found_here, format!("{path}.caller_gave"), "is said by the ledger only");
        }
        Payload::ExceptionAsserted(event) => exception_asserted(event, path, check),
        Payload::DisclosureDecided(event) => disclosure::decided(event, path, check),
        Payload::ReferralReleased(event) => disclosure::released(event, path, check),
        Payload::ReferralDelivered(event) => disclosure::delivered(event, path, check),
        Payload::DisclosedOutsideSystem(event) => categories(&event.categories, &format!("{path}.categories"), check),
        Payload::KeyShredded(event) => key_shredded(event, path, check),
        Payload::NarrativeAttested(event) => narrative_attested(event, path, check),
        Payload::CaseOpened(_)
        | Payload::TipReceived(_)
        | Payload::PersonIdentified(_)
        | Payload::WhereaboutsRecorded(_)
        | Payload::SituationRecorded(_)
        | Payload::ImmigrationRecorded(_)
        | Payload::HealthRecorded(_)
        | Payload::FinancesRecorded(_)
        | Payload::SuspectDescribed(_)
        | Payload::NarrativeRecorded(_)
        | Payload::TriageAssessed(_)
        | Payload::SupervisorReviewed(_)
        | Payload::ExceptionConfirmed(_)
        | Payload::ExceptionLifted(_)
        | Payload::ReferralAcknowledged(_)
        | Payload::ReferralRecalled(_)
        | Payload::CaseClosed(_)
        | Payload::CaseReopened(_)
        | Payload::LegalHoldPlaced(_)
        | Payload::LegalHoldLifted(_)
        | Payload::NumberAssigned(_)
        | Payload::PhraseChosen(_)
        | Payload::AuthorityVerified(_)
        | Payload::AuthorityRevoked(_)
        | Payload::WishesRecorded(_)
        | Payload::ApprovalRequested(_)
        | Payload::ContactCleared(_)
        | Payload::ContactMade(_)
        | Payload::OutsideDisclosureReviewed(_)
        | Payload::RecallAcknowledged(_)
        | Payload::UnitNotified(_)
        | Payload::ReferralExpired(_)
        | Payload::NarrativeReviewRequested(_)
        | Payload::NarrativeWithheld(_) => {}
        Payload::ApprovalDecided(event) => {
            let rejected = event.outcome() == ApprovalOutcome::Rejected;
            let said = event.reason() != RejectionReason::Unspecified;
            let reason = if rejected { MISSING } else { "belongs to a rejection" };
            check.require(rejected == said, format!("{path}.reason"), reason);
        }
        Payload::ObligationNoted(event) => obligation_noted(event, path, check),
    }
}

/// The digest is that of the text under its salt, and the salt is one.
fn narrative_attested(event: &NarrativeAttested, path: &str, check: &mut Checker) {
    match event.text_salt.as_slice().try_into() {
        Ok(salt) => {
            let digest = Fingerprinter::new(salt).fingerprint(event.text.as_bytes());
            let agrees = event.text_digest == digest.as_bytes();
            check.require(agrees, format!("{path}.text_digest"), "is not the digest of `text`");
        }
        Err(_) => check.refuse(format!("{path}.text_salt"), "has not exactly 32 bytes".to_owned()),
    }
}

/// What is deferred or impossible says why, and what is deferred until when.
fn obligation_noted(event: &ObligationNoted, path: &str, check: &mut Checker) {
    let deferred = event.state() == ObligationState::Deferred;
    if deferred || event.state() == ObligationState::Impossible {
        check.require(event.reason() != ObligationReason::Unspecified, format!("{path}.reason"), MISSING);
    }
    let reason = if deferred { MISSING } else { "belongs to what is deferred" };
    check.require(deferred == event.review_at.is_some(), format!("{path}.review_at"), reason);
}

/// Whose keys is said once. Where the person asked, it is said how it was made sure that it was them, and that nobody
/// made them.
fn key_shredded(event: &KeyShredded, path: &str, check: &mut Checker) {
    let named = [
        ("subject_id", &event.subject_id, event.scope() == ShredScope::Person),
        ("narrative_id", &event.narrative_id, event.scope() == ShredScope::Narrative),
    ];
    for (name, id, wanted) in named {
        let reason = if wanted { MISSING } else { "belongs to another scope" };
        check.require(id.is_empty() != wanted, format!("{path}.{name}"), reason);
    }
    let asked = event.ground() == ShredGround::PersonAsked;
    let (proof, freely) = (event.proof() != IdentityProof::Unspecified, event.speaking_freely() == Answer::Yes);
    let whole = asked && event.scope() == ShredScope::Case;
    check.require(!whole, format!("{path}.scope"), "is everybody's, and no person can ask for that");
    if asked {
        check.require(proof, format!("{path}.proof"), MISSING);
        check.require(freely, format!("{path}.speaking_freely"), "must be yes");
    } else {
        check.require(!proof, format!("{path}.proof"), "is given although the person did not ask");
        let unasked = event.speaking_freely() == Answer::Unspecified;
        check.require(unasked, format!("{path}.speaking_freely"), "is given although the person did not ask");
    }
}

fn age_assessed(event: &AgeAssessed, path: &str, check: &mut Checker) {
    let fits = match event.age_years {
        0 => true,
        1..=15 => matches!(event.band(), AgeBand::Under16 | AgeBand::Minor),
        16..=17 => matches!(event.band(), AgeBand::From16To17 | AgeBand::Minor),
        18 => matches!(event.band(), AgeBand::Exactly18 | AgeBand::Adult),
        19..=AGE_YEARS_MAX => matches!(event.band(), AgeBand::From19 | AgeBand::Adult),
        _ => {
            check.refuse(format!("{path}.age_years"), format!("is more than {AGE_YEARS_MAX}"));
            true
        }
    };
    check.require(fits, format!("{path}.band"), "does not agree with `age_years`");
}

fn contact_recorded(event: &ContactRecorded, path: &str, check: &mut Checker) {
    for (index, email) in event.emails.iter().enumerate() {
        let parts = email.split_once('@');
        let fits = parts.is_some_and(|(local, host)| !local.is_empty() && !host.is_empty() && !host.contains('@'));
        check.require(fits, format!("{path}.emails[{index}]"), "is no e-mail address");
    }
    for (index, phone) in event.phones.iter().enumerate() {
        let digits = phone.bytes().filter(u8::is_ascii_digit).count();
        check.require((3..=20).contains(&digits), format!("{path}.phones[{index}]"), "is no telephone number");
    }
    if let Some(safe_contact) = &event.safe_contact {
        let without_rules = safe_contact.permission() == ContactPermission::UnderRules && safe_contact.rules.is_empty();
        check.require(!without_rules, format!("{path}.safe_contact.rules"), "needs the rules to be kept");
    }
}

fn consent_given(event: &ConsentGiven, path: &str, check: &mut Checker) {
    consent_parties(event, path, check);
    scope(event.recipient.as_ref(), false, path, check);
    for (name, list) in
        [("permitted", &event.permitted), ("denied", &event.denied), ("about_bringer", &event.about_bringer)]
    {
        categories(list, &format!("{path}.{name}"), check);
    }
    check.require(
        !(event.permitted.is_empty() && event.denied.is_empty()),
        format!("{path}.permitted"),
        "names nothing that may be told, nor `denied` anything that may not",
    );
    let both = event.permitted.iter().any(|category| event.denied.contains(category));
    check.require(!both, format!("{path}.denied"), "names something that `permitted` names too");
    check.require(
        !event.supersedes.contains(&event.consent_id),
        format!("{path}.supersedes"),
        "names the record itself",
    );
    consent_period(event, path, check);
}

fn consent_parties(event: &ConsentGiven, path: &str, check: &mut Checker) {
    let tip = format!("{path}.tip_id");
    match event.kind() {
        ConsentKind::DataSubject => {
            check.require(!event.subject_id.is_empty(), format!("{path}.subject_id"), MISSING);
            check.require(event.tip_id.is_empty(), tip, "belongs to a report consent only");
            let about_bringer = format!("{path}.about_bringer");
            check.require(event.about_bringer.is_empty(), about_bringer, "belongs to a report consent only");
        }
        ConsentKind::Report => check.require(!event.tip_id.is_empty(), tip, MISSING),
        ConsentKind::Unspecified => {}
    }
    let representative = format!("{path}.representative_subject_id");
    match event.grantor() {
        GrantorKind::Representative => {
            check.require(!event.representative_subject_id.is_empty(), &representative, MISSING);
            let same = !event.subject_id.is_empty() && event.representative_subject_id == event.subject_id;
            check.require(!same, representative, "is the person represented");
        }
        GrantorKind::Self_ => {
            let none = event.representative_subject_id.is_empty();
            check.require(none, representative, "is given although the person consents for themselves");
        }
        GrantorKind::Unspecified => {}
    }
    let interpreter = event.interpreter.is_empty() || event.interpreter_present;
    check.require(interpreter, format!("{path}.interpreter"), "is named although none was present");
}

/// A time, expressly unlimited, or absent: what is neither is refused, and so is a period that ends before it begins.
fn consent_period(event: &ConsentGiven, path: &str, check: &mut Checker) {
    match &event.expiry {
        Some(Expiry::Unlimited(false)) => {
            check.refuse(format!("{path}.unlimited"), "is either true or absent");
        }
        Some(Expiry::ExpiresAt(expires_at)) => {
            let begins = event.not_before.as_ref().and_then(timestamp).unwrap_or(Timestamp(0));
            let ends = timestamp(expires_at).is_none_or(|expires_at| expires_at > begins);
            check.require(ends, format!("{path}.expires_at"), "is not after `not_before`");
        }
        Some(Expiry::Unlimited(true)) | None => {}
    }
}

fn consent_refused(event: &ConsentRefused, path: &str, check: &mut Checker) {
    scope(event.recipient.as_ref(), true, path, check);
    categories(&event.denied, &format!("{path}.denied"), check);
}

fn scope(recipient: Option<&RecipientScope>, anyone: bool, path: &str, check: &mut Checker) {
    let Some(recipient) = recipient else { return };
    match &recipient.scope {
        None => check.refuse(format!("{path}.recipient"), "names nobody"),
        Some(Scope::OrganizationId(id)) => check.required_id(&format!("{path}.recipient.organization_id"), id),
        Some(Scope::UnitId(id)) => check.required_id(&format!("{path}.recipient.unit_id"), id),
        Some(Scope::RecipientKind(kind)) => {
            check.require(*kind != 0, format!("{path}.recipient.recipient_kind"), MISSING);
        }
        Some(Scope::KindInRegion(class)) => {
            check.require(class.recipient_kind != 0, format!("{path}.recipient.recipient_kind"), MISSING);
            let somewhere = !class.jurisdictions.is_empty();
            check.require(somewhere, format!("{path}.recipient.jurisdictions"), MISSING);
        }
        Some(Scope::Anyone(true)) => {
            let field = format!("{path}.recipient.anyone");
            check.require(anyone, field, "permits nothing: a consent names its recipient");
        }
        Some(Scope::Anyone(false)) => check.refuse(format!("{path}.recipient.anyone"), "is either true or absent"),
    }
}

/// Nobody can be asked about the record itself.
pub(super) fn categories(list: &[i32], field: &str, check: &mut Checker) {
    let record_keeping = DataCategory::RecordKeeping as i32;
    check.require(!list.contains(&record_keeping), field, "names the record itself, which nobody can be asked about");
}

fn exception_asserted(event: &ExceptionAsserted, path: &str, check: &mut Checker) {
    let legal = event.kind() == ExceptionKind::LegalRequirement;
    let instrument = format!("{path}.instrument");
    match (&event.instrument, legal) {
        (Some(given), true) => complete(given, &instrument, check),
        (None, true) => check.refuse(instrument, MISSING),
        (Some(_), false) => check.refuse(instrument, "belongs to a legal requirement only"),
        (None, false) => {}
    }
    let defence =
        event.instrument.as_ref().is_some_and(|given| given.kind() == InstrumentKind::DefenceSubpoena) && legal;
    let somebody = !event.subject_ids.is_empty() || defence;
    check.require(somebody, format!("{path}.subject_ids"), "needs at least one person");
    let instrument_ground = event.grounds.contains(&(ExceptionGround::Instrument as i32));
    check.require(
        event.grounds.is_empty() || instrument_ground == legal,
        format!("{path}.grounds"),
        "names an instrument if and only if it is a legal requirement",
    );
    check.require(!(event.break_glass && legal), format!("{path}.break_glass"), "is not for legal requirements");
}

/// An incomplete instrument binds nobody. A subpoena of the defence is a hold and a refusal, and is recorded as it came.
fn complete(instrument: &Instrument, path: &str, check: &mut Checker) {
    check.require(instrument.kind() != InstrumentKind::Unspecified, format!("{path}.kind"), MISSING);
    if instrument.kind() == InstrumentKind::DefenceSubpoena {
        return;
    }
    for (name, present) in [
        ("issuer", !instrument.issuer.is_empty()),
        ("number", !instrument.number.is_empty()),
        ("issued_on", !instrument.issued_on.is_empty()),
        ("return_at", instrument.return_at.is_some()),
        ("scope", !instrument.scope.is_empty()),
        ("unit_id", !instrument.unit_id.is_empty()),
        ("document_digest", !instrument.document_digest.is_empty()),
    ] {
        check.require(present, format!("{path}.{name}"), MISSING);
    }
    categories(&instrument.scope, &format!("{path}.scope"), check);
}
