//! Events that are complete and sensible, to be changed where a test needs them different:
//! `ConsentGiven { standing: false, ..events::consent(…) }`.

use egide_testkit::fresh_id;
use egide_wire::classification::DataCategory;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::recipient_scope::Scope;
use egide_wire::proto::egide::case::v1::{
    AgeAssessed, AgeBand, AgeMethod, Answer, ApproachRule, CaseOpened, Channel, ConsentGiven, ConsentKind,
    ConsentMethod, ConsentRefused, ConsentWithdrawn, ContactPermission, ContactRecorded, ExceptionAsserted,
    ExceptionConfirmed, ExceptionGround, ExceptionKind, FinancesRecorded, GrantorKind, HealthRecorded,
    ImmigrationRecorded, ImmigrationStatus, Jurisdiction, Language, MeansOfControl, NarrativeRecorded,
    PersonIdentified, PersonRole, Purpose, RecipientScope, ReviewOutcome, RoleInProcess, SafeContact,
    SituationRecorded, SupervisorReviewed, SuspectDescribed, TipReceived, TraffickingStatus, TriageAssessed,
    TriageLevel, TypeOfExploitation, WhereaboutsRecorded,
};

/// A case opened by telephone.
#[must_use]
pub fn opened(jurisdiction: Jurisdiction) -> Payload {
    Payload::CaseOpened(CaseOpened {
        channel: Channel::Phone.into(),
        language: Language::English.into(),
        jurisdiction: jurisdiction.into(),
        ..CaseOpened::default()
    })
}

/// A tip that came by `channel` from a person of the case.
#[must_use]
pub fn tip(tip_id: &str, channel: Channel, bringer: &str) -> Payload {
    Payload::TipReceived(TipReceived {
        tip_id: tip_id.to_owned(),
        channel: channel.into(),
        bringer_subject_id: bringer.to_owned(),
        concerns_minor: Answer::No.into(),
    })
}

/// A person with these roles and a name.
#[must_use]
pub fn person(subject_id: &str, roles: &[PersonRole], given_names: &str, family_name: &str) -> Payload {
    Payload::PersonIdentified(PersonIdentified {
        subject_id: subject_id.to_owned(),
        roles: roles.iter().copied().map(Into::into).collect(),
        given_names: given_names.to_owned(),
        family_name: family_name.to_owned(),
        ..PersonIdentified::default()
    })
}

/// An age as told.
#[must_use]
pub fn age(subject_id: &str, band: AgeBand) -> Payload {
    Payload::AgeAssessed(AgeAssessed {
        subject_id: subject_id.to_owned(),
        band: band.into(),
        method: AgeMethod::SelfReported.into(),
        age_years: 0,
    })
}

/// A telephone number, and that no voice mail is safe.
#[must_use]
pub fn contact(subject_id: &str, phone: &str) -> Payload {
    let safe_contact =
        SafeContact { permission: ContactPermission::UnderRules.into(), rules: vec![ApproachRule::NoVoiceMail.into()] };
    Payload::ContactRecorded(ContactRecorded {
        subject_id: subject_id.to_owned(),
        phones: vec![phone.to_owned()],
        safe_contact: Some(safe_contact),
        ..ContactRecorded::default()
    })
}

/// Where a person is.
#[must_use]
pub fn whereabouts(subject_id: &str, jurisdiction: Jurisdiction, street: &str) -> Payload {
    Payload::WhereaboutsRecorded(WhereaboutsRecorded {
        subject_id: subject_id.to_owned(),
        jurisdiction: jurisdiction.into(),
        street: street.to_owned(),
        free_to_leave: Answer::No.into(),
        ..WhereaboutsRecorded::default()
    })
}

/// What is happening to a person.
#[must_use]
pub fn situation(subject_id: &str) -> Payload {
    Payload::SituationRecorded(SituationRecorded {
        subject_id: subject_id.to_owned(),
        status: TraffickingStatus::PossibleVictimOfTrafficking.into(),
        exploitation: vec![TypeOfExploitation::SexualExploitation.into()],
        means_of_control: vec![MeansOfControl::DebtBondage.into()],
        immediate_danger: Answer::No.into(),
        ..SituationRecorded::default()
    })
}

/// A status in Canada.
#[must_use]
pub fn immigration(subject_id: &str) -> Payload {
    Payload::ImmigrationRecorded(ImmigrationRecorded {
        subject_id: subject_id.to_owned(),
        status: ImmigrationStatus::TemporaryWorker.into(),
        documents_withheld: Answer::Yes.into(),
        ..ImmigrationRecorded::default()
    })
}

/// A condition as told.
#[must_use]
pub fn health(subject_id: &str, condition: &str) -> Payload {
    Payload::HealthRecorded(HealthRecorded {
        subject_id: subject_id.to_owned(),
        conditions: vec![condition.to_owned()],
        ..HealthRecorded::default()
    })
}

/// A debt as told.
#[must_use]
pub fn finances(subject_id: &str, debt: &str) -> Payload {
    Payload::FinancesRecorded(FinancesRecorded {
        subject_id: subject_id.to_owned(),
        debt_bondage: Answer::Yes.into(),
        debt_claimed: debt.to_owned(),
        ..FinancesRecorded::default()
    })
}

/// A suspect, by a nickname.
#[must_use]
pub fn suspect(subject_id: &str, nickname: &str) -> Payload {
    Payload::SuspectDescribed(SuspectDescribed {
        subject_id: subject_id.to_owned(),
        process_roles: vec![RoleInProcess::Exploiter.into()],
        names: vec![nickname.to_owned()],
        ..SuspectDescribed::default()
    })
}

/// What was told, in words, about these people.
#[must_use]
pub fn narrative(subject_ids: &[&str], text: &str) -> Payload {
    Payload::NarrativeRecorded(NarrativeRecorded {
        narrative_id: fresh_id(),
        subject_ids: subject_ids.iter().map(|id| (*id).to_owned()).collect(),
        language: Language::English.into(),
        text: text.to_owned(),
    })
}

/// How urgent it is.
#[must_use]
pub fn triage(level: TriageLevel) -> Payload {
    Payload::TriageAssessed(TriageAssessed { level: level.into() })
}

/// A supervisor's answer to a tip.
#[must_use]
pub fn review(tip_id: &str, outcome: ReviewOutcome) -> Payload {
    Payload::SupervisorReviewed(SupervisorReviewed { tip_id: tip_id.to_owned(), outcome: outcome.into() })
}

/// One unit.
#[must_use]
pub fn to_unit(unit_id: &str) -> Option<RecipientScope> {
    Some(RecipientScope { scope: Some(Scope::UnitId(unit_id.to_owned())) })
}

/// A person's own standing consent, free and understood, to one unit for one purpose.
#[must_use]
pub fn consent(subject_id: &str, unit_id: &str, purpose: Purpose, permitted: &[DataCategory]) -> ConsentGiven {
    ConsentGiven {
        consent_id: fresh_id(),
        subject_id: subject_id.to_owned(),
        kind: ConsentKind::DataSubject.into(),
        grantor: GrantorKind::Self_.into(),
        recipient: to_unit(unit_id),
        purposes: vec![purpose.into()],
        permitted: permitted.iter().copied().map(Into::into).collect(),
        standing: true,
        method: ConsentMethod::Spoken.into(),
        wording_version: "spoken-en/3".to_owned(),
        wording_digest: egide_testkit::wording_digest("spoken-en/3"),
        language: Language::English.into(),
        speaking_freely: Answer::Yes.into(),
        understood: Answer::Yes.into(),
        policy_version: "2026-10".to_owned(),
        ..ConsentGiven::default()
    }
}

/// The wish of whoever brought a tip that suspects and situation be reported to one unit.
#[must_use]
pub fn report_consent(tip_id: &str, bringer: &str, unit_id: &str) -> ConsentGiven {
    let permitted = [DataCategory::Suspects, DataCategory::Situation, DataCategory::Whereabouts];
    ConsentGiven {
        kind: ConsentKind::Report.into(),
        tip_id: tip_id.to_owned(),
        ..consent(bringer, unit_id, Purpose::Investigation, &permitted)
    }
}

/// A person's refusal towards one unit; no categories: nothing may be told.
#[must_use]
pub fn refusal(subject_id: &str, unit_id: &str, denied: &[DataCategory]) -> ConsentRefused {
    ConsentRefused {
        consent_id: fresh_id(),
        subject_id: subject_id.to_owned(),
        recipient: to_unit(unit_id),
        denied: denied.iter().copied().map(Into::into).collect(),
    }
}

/// The withdrawal of one consent, whole.
#[must_use]
pub fn withdrawal(subject_id: &str, consent_id: &str) -> ConsentWithdrawn {
    ConsentWithdrawn {
        consent_id: consent_id.to_owned(),
        subject_id: subject_id.to_owned(),
        ..ConsentWithdrawn::default()
    }
}

/// An exception that reaches one person: a minor or imminent danger.
#[must_use]
pub fn exception(kind: ExceptionKind, subject_id: &str, ground: ExceptionGround) -> ExceptionAsserted {
    ExceptionAsserted {
        exception_id: fresh_id(),
        kind: kind.into(),
        subject_ids: vec![subject_id.to_owned()],
        grounds: vec![ground.into()],
        ..ExceptionAsserted::default()
    }
}

/// Another person's confirmation of an exception.
#[must_use]
pub fn confirmation(exception_id: &str) -> Payload {
    Payload::ExceptionConfirmed(ExceptionConfirmed { exception_id: exception_id.to_owned() })
}
