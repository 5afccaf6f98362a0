//! The case that is fought over, told with real events: what stands in its stream before anybody asks, who asks for what, and
//! how far apart the steps of time are.

use egide_domain::directory::{AgreementRecorded, DirectoryEvent, OrganizationRegistered, UnitRegistered};
use egide_domain::event::{
    CaseOpened, ConsentGiven, ConsentWithdrawn, ExceptionAsserted, ExceptionConfirmed, Expiry, PersonIdentified,
    RecipientScope, TriageAssessed,
};
use egide_domain::ids::{
    AgreementId, ApprovalId, ConsentId, ExceptionId, OrganizationId, Position, Revision, SubjectId, UnitId,
};
use egide_domain::policy::{PolicyFile, PolicyFiles};
use egide_domain::vocabulary::{
    Answer, Channel, ConsentKind, DataCategory, ExceptionGround, ExceptionKind, GrantorKind, Jurisdiction, PersonRole,
    Purpose, RecipientKind, Role, TriageLevel,
};
use egide_domain::{
    Actor, CaseEvent, Categories, Millis, OrganizationFacts, Policy, PolicyError, Recipient, Recorded, Request,
    Timestamp,
};

/// When everything begins.
const START: Timestamp = Timestamp(1_790_000_000_000);
/// One step of time. The exception lives two of them, by the policy.
pub const STEP: Millis = Millis(12 * 3_600_000);
/// How many steps an approval can be used, counted from when it was granted.
pub const APPROVAL_STEPS: u8 = 1;
/// How many steps it can be decided, counted from when it was asked for.
pub const APPROVAL_WAITS_STEPS: u8 = 1;

/// The potential victim.
pub const PERSON: SubjectId = SubjectId([1; 16]);
/// The potential victim's consent.
pub const CONSENT: ConsentId = ConsentId([2; 16]);
/// Imminent danger, asserted and confirmed.
pub const EXCEPTION: ExceptionId = ExceptionId([3; 16]);
/// What a renewed consent is recorded under.
pub const RENEWED: ConsentId = ConsentId([7; 16]);
/// The one approval that can be asked for.
pub const APPROVAL: ApprovalId = ApprovalId([8; 16]);
const UNIT: UnitId = UnitId([4; 16]);
const ORGANIZATION: OrganizationId = OrganizationId([5; 16]);

/// The instant after so many steps.
#[must_use]
pub fn instant(tick: u8) -> Timestamp {
    Timestamp(START.0.saturating_add(STEP.0.saturating_mul(i64::from(tick))))
}

/// Somebody of the staff.
#[must_use]
pub fn staff(person: &str, role: Role) -> Actor {
    Actor { service: "case-desk".to_owned(), person: Some(person.to_owned()), role: Some(role) }
}

/// What the potential victim consented to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consent {
    /// For any number of disclosures; otherwise for one.
    pub standing: bool,
    /// After how many steps it ends.
    pub ends_at: u8,
}

/// What stands in the stream before anybody asks.
#[must_use]
pub fn told_before(consent: Consent, danger: bool) -> Vec<(Actor, CaseEvent)> {
    let responder = || staff("r.tremblay", Role::Responder);
    let supervisor = || staff("s.lavoie", Role::Supervisor);
    let opened = CaseOpened { channel: Some(Channel::Phone), jurisdiction: Some(Jurisdiction::On) };
    let victim = PersonIdentified { subject_id: PERSON, roles: [PersonRole::PotentialVictim].into() };
    let mut events = vec![
        (responder(), CaseEvent::CaseOpened(opened)),
        (responder(), CaseEvent::PersonIdentified(victim)),
        (responder(), CaseEvent::TriageAssessed(TriageAssessed { level: TriageLevel::NotUrgent })),
        (responder(), CaseEvent::ConsentGiven(given(CONSENT, consent))),
    ];
    if danger {
        let asserted = ExceptionAsserted {
            exception_id: EXCEPTION,
            kind: ExceptionKind::ImminentDanger,
            subject_ids: vec![PERSON],
            grounds: [ExceptionGround::ThreatToLife].into(),
            instrument: None,
            break_glass: false,
        };
        events.push((responder(), CaseEvent::ExceptionAsserted(asserted)));
        let confirmed = ExceptionConfirmed { exception_id: EXCEPTION };
        events.push((supervisor(), CaseEvent::ExceptionConfirmed(confirmed)));
    }
    events
}

fn given(consent_id: ConsentId, consent: Consent) -> ConsentGiven {
    ConsentGiven {
        consent_id,
        subject_id: Some(PERSON),
        kind: Some(ConsentKind::DataSubject),
        grantor: Some(GrantorKind::Self_),
        representative_subject_id: None,
        recipient: Some(RecipientScope::Unit(UNIT)),
        purposes: [Purpose::Investigation, Purpose::EmergencyResponse].into(),
        permitted: everything(),
        denied: Categories::EMPTY,
        not_before: None,
        expiry: Expiry::At(instant(consent.ends_at)),
        standing: consent.standing,
        onward_sharing: false,
        speaking_freely: Some(Answer::Yes),
        understood: Some(Answer::Yes),
        supersedes: Vec::new(),
        about_bringer: Categories::EMPTY,
        tip_id: None,
        capacity: None,
        age_at_grant: None,
        authority: None,
        data_period: None,
        conditions: egide_domain::Set::EMPTY,
    }
}

fn everything() -> Categories {
    [DataCategory::Situation, DataCategory::Whereabouts, DataCategory::Health].into()
}

/// The same consent given once more, without an end before the model's.
#[must_use]
pub fn renewal() -> CaseEvent {
    CaseEvent::ConsentGiven(given(RENEWED, Consent { standing: true, ends_at: u8::MAX }))
}

/// What is taken back of the consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Taken {
    /// All of it.
    Everything,
    /// Where the person is; the situation may still be told.
    Whereabouts,
}

/// The withdrawal.
#[must_use]
pub fn withdrawal(taken: Taken) -> CaseEvent {
    let categories = match taken {
        Taken::Everything => Categories::EMPTY,
        Taken::Whereabouts => Categories::only(DataCategory::Whereabouts),
    };
    CaseEvent::ConsentWithdrawn(ConsentWithdrawn { consent_id: Some(CONSENT), subject_id: Some(PERSON), categories })
}

/// What somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asked {
    /// The situation, for an investigation.
    Situation,
    /// Situation and whereabouts, for an investigation.
    Whereabouts,
    /// Situation and whereabouts, for an emergency.
    Emergency,
    /// Situation and health, for an investigation: by the policy only with an approval.
    Health,
    /// The same, with the approval.
    HealthApproved,
}

/// The request.
#[must_use]
pub fn request(asked: Asked) -> Request {
    let (purpose, second) = match asked {
        Asked::Situation => (Purpose::Investigation, None),
        Asked::Whereabouts => (Purpose::Investigation, Some(DataCategory::Whereabouts)),
        Asked::Emergency => (Purpose::EmergencyResponse, Some(DataCategory::Whereabouts)),
        Asked::Health | Asked::HealthApproved => (Purpose::Investigation, Some(DataCategory::Health)),
    };
    Request {
        unit_id: UNIT,
        organization_id: ORGANIZATION,
        purpose: Some(purpose),
        categories: std::iter::once(DataCategory::Situation).chain(second).collect(),
        subject_ids: Vec::new(),
        relies_on: Vec::new(),
        mode: None,
        supplementary_to: None,
        approval_id: (asked == Asked::HealthApproved).then_some(APPROVAL),
    }
}

/// The policy as shipped, in which an approval can be used for one step of time.
///
/// # Errors
/// The files are no policy.
pub fn policy() -> Result<Policy, PolicyError> {
    let hours = STEP.0.checked_div(3_600_000).unwrap_or_default();
    let brief = |file: PolicyFile| {
        let text = file.text.replace(
            r#""roles": ["supervisor"],
      "life_hours": 72"#,
            &format!(r#""roles": ["supervisor"], "life_hours": {hours}"#),
        );
        PolicyFile { text: text.into(), ..file }
    };
    Policy::from_files(&PolicyFiles::collect(PolicyFiles::embedded().iter().map(brief))?)
}

/// The unit that asks: police of the place, verified, with an agreement.
///
/// # Panics
/// When the directory does not know what was just registered.
#[must_use]
pub fn recipient() -> Recipient {
    let kind = Some(RecipientKind::InvestigatingAgency);
    let purposes = [Purpose::Investigation, Purpose::EmergencyResponse].into();
    let jurisdictions = [Jurisdiction::On].into();
    let events = [
        DirectoryEvent::OrganizationRegistered(OrganizationRegistered {
            organization_id: ORGANIZATION,
            kind,
            verified: true,
            jurisdictions,
            national: false,
            anonymous_only: false,
        }),
        DirectoryEvent::UnitRegistered(UnitRegistered {
            unit_id: UNIT,
            organization_id: ORGANIZATION,
            kind,
            purposes,
            jurisdictions,
            national: false,
            anonymous_only: false,
        }),
        DirectoryEvent::AgreementRecorded(AgreementRecorded {
            agreement_id: AgreementId([6; 16]),
            organization_id: ORGANIZATION,
            unit_id: None,
            purposes,
            categories: Categories::all(),
            valid_from: None,
            valid_until: None,
        }),
    ];
    let mut directory = OrganizationFacts::default();
    for (event, number) in events.into_iter().zip(1..) {
        directory.apply(&Recorded {
            event,
            revision: Revision(number),
            position: Position(number),
            occurred_at: START,
            recorded_at: START,
            actor: staff("p.gauthier", Role::PartnershipSpecialist),
        });
    }
    directory.recipient(UNIT).expect("it was just registered")
}
