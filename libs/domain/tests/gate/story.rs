//! Given / when / then: a case told event by event, a question, and what must follow.

use egide_domain::decision::{Basis, Decision, Mask, MaskEntry, Request};
use egide_domain::delivery::{DeliveryRefusal, redecide_for_delivery};
use egide_domain::directory::{
    AgreementRecorded, DirectoryEvent, OrganizationFacts, OrganizationRegistered, RecipientSuspended, UnitRegistered,
};
use egide_domain::event::{
    AgeAssessed, CaseClosed, CaseOpened, ConsentGiven, ConsentRefused, ConsentWithdrawn, DisclosureDecided,
    ExceptionAsserted, ExceptionConfirmed, ExceptionLifted, Expiry, Instrument, PersonIdentified, RecipientScope,
    ReferralDelivered, ReferralRecalled, ReferralReleased, SupervisorReviewed, TipReceived, TriageAssessed,
    WhereaboutsRecorded,
};
use egide_domain::ids::{
    AgreementId, ConsentId, DecisionId, DeliveryId, ExceptionId, OrganizationId, Position, ReferralId, Revision,
    SubjectId, TipId, UnitId,
};
use egide_domain::vocabulary::{
    AgeBand, Answer, Channel, ConsentKind, DataCategory, DeliveryChannel, ExceptionGround, ExceptionKind, GrantorKind,
    InstrumentKind, Jurisdiction, MaskLevel, PersonRole, Purpose, ReasonCode, RecipientKind, ReviewOutcome, Role,
    TriageLevel,
};
use egide_domain::{
    Actor, CaseEvent, CaseFacts, Categories, Millis, Policy, Purposes, Recipient, Recorded, Timestamp, Violation,
    admit, decide,
};
use std::sync::LazyLock;

pub(crate) const START: Timestamp = Timestamp(1_790_000_000_000);
pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const DAY: i64 = 24 * HOUR;

pub(crate) const VICTIM: SubjectId = SubjectId([1; 16]);
pub(crate) const CALLER: SubjectId = SubjectId([2; 16]);
pub(crate) const SUSPECT: SubjectId = SubjectId([3; 16]);
pub(crate) const FRIEND: SubjectId = SubjectId([4; 16]);
pub(crate) const OTHER_VICTIM: SubjectId = SubjectId([5; 16]);
pub(crate) const CHILD: SubjectId = SubjectId([6; 16]);
pub(crate) const NOBODY: SubjectId = SubjectId([99; 16]);

pub(crate) const TIP: TipId = TipId([1; 16]);

pub(crate) static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::embedded().unwrap());

pub(crate) fn consent_id(number: u8) -> ConsentId {
    ConsentId([number; 16])
}

pub(crate) fn exception_id(number: u8) -> ExceptionId {
    ExceptionId([number; 16])
}

pub(crate) fn referral_id(number: u8) -> ReferralId {
    ReferralId([number; 16])
}

pub(crate) fn after(period: i64) -> Timestamp {
    Timestamp(START.0 + period)
}

pub(crate) fn staff(person: &str, role: Role) -> Actor {
    Actor { service: "case-desk".to_owned(), person: Some(person.to_owned()), role: Some(role) }
}

pub(crate) fn responder() -> Actor {
    staff("r.tremblay", Role::Responder)
}

pub(crate) fn supervisor() -> Actor {
    staff("s.lavoie", Role::Supervisor)
}

pub(crate) fn other_supervisor() -> Actor {
    staff("o.singh", Role::Supervisor)
}

pub(crate) fn service() -> Actor {
    Actor { service: "telephony".to_owned(), person: None, role: None }
}

/// A recipient: its organisation and the unit that receives.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) organization: OrganizationRegistered,
    pub(crate) unit: UnitRegistered,
    pub(crate) agreement: Option<AgreementRecorded>,
    pub(crate) suspended: bool,
}

pub(crate) fn unit(number: u8, kind: RecipientKind, purposes: &[Purpose]) -> Unit {
    let organization_id = OrganizationId([number; 16]);
    let unit_id = UnitId([number; 16]);
    let purposes: Purposes = purposes.iter().copied().collect();
    Unit {
        organization: OrganizationRegistered {
            organization_id,
            kind: Some(kind),
            verified: true,
            jurisdictions: [Jurisdiction::On].into(),
            national: false,
            anonymous_only: false,
        },
        unit: UnitRegistered {
            unit_id,
            organization_id,
            kind: Some(kind),
            purposes,
            jurisdictions: [Jurisdiction::On].into(),
            national: false,
            anonymous_only: false,
        },
        agreement: Some(AgreementRecorded {
            agreement_id: AgreementId([number; 16]),
            organization_id,
            unit_id: None,
            purposes,
            categories: Categories::all(),
            valid_from: None,
            valid_until: None,
        }),
        suspended: false,
    }
}

pub(crate) fn police() -> Unit {
    unit(
        10,
        RecipientKind::InvestigatingAgency,
        &[Purpose::Investigation, Purpose::EmergencyResponse, Purpose::LegalObligation, Purpose::ChildProtection],
    )
}

/// The coordinator inside the police: another unit of the same organisation, and a support service.
pub(crate) fn coordinator() -> Unit {
    let mut coordinator = police();
    coordinator.unit.unit_id = UnitId([11; 16]);
    coordinator.unit.kind = Some(RecipientKind::SupportService);
    coordinator.unit.purposes = [Purpose::SupportService].into();
    coordinator.agreement.as_mut().unwrap().purposes = [Purpose::SupportService].into();
    coordinator
}

pub(crate) fn child_protection() -> Unit {
    unit(20, RecipientKind::ChildProtection, &[Purpose::ChildProtection, Purpose::EmergencyResponse])
}

pub(crate) fn dispatch() -> Unit {
    unit(30, RecipientKind::EmergencyService, &[Purpose::EmergencyResponse])
}

pub(crate) fn shelter() -> Unit {
    unit(40, RecipientKind::SupportService, &[Purpose::SupportService])
}

pub(crate) fn court() -> Unit {
    unit(50, RecipientKind::Court, &[Purpose::LegalObligation])
}

pub(crate) fn foreign_hotline() -> Unit {
    unit(60, RecipientKind::ForeignHotline, &[Purpose::SupportService])
}

pub(crate) fn tip_line() -> Unit {
    unit(70, RecipientKind::AnonymousTipLine, &[Purpose::Investigation])
}

impl Unit {
    pub(crate) fn national(mut self) -> Self {
        self.unit.national = true;
        self
    }

    pub(crate) fn covering(mut self, places: &[Jurisdiction]) -> Self {
        self.unit.jurisdictions = places.iter().copied().collect();
        self
    }

    pub(crate) fn unverified(mut self) -> Self {
        self.organization.verified = false;
        self
    }

    pub(crate) fn suspended(mut self) -> Self {
        self.suspended = true;
        self
    }

    pub(crate) fn anonymous_only(mut self) -> Self {
        self.unit.anonymous_only = true;
        self
    }

    pub(crate) fn receiving(mut self, purposes: &[Purpose]) -> Self {
        self.unit.purposes = purposes.iter().copied().collect();
        self
    }

    pub(crate) fn without_agreement(mut self) -> Self {
        self.agreement = None;
        self
    }

    pub(crate) fn agreed(mut self, change: impl FnOnce(&mut AgreementRecorded)) -> Self {
        change(self.agreement.as_mut().unwrap());
        self
    }

    pub(crate) fn id(&self) -> UnitId {
        self.unit.unit_id
    }

    pub(crate) fn organization_id(&self) -> OrganizationId {
        self.organization.organization_id
    }

    pub(crate) fn scope(&self) -> RecipientScope {
        RecipientScope::Unit(self.id())
    }

    pub(crate) fn recipient(&self) -> Recipient {
        let mut events = vec![
            DirectoryEvent::OrganizationRegistered(self.organization.clone()),
            DirectoryEvent::UnitRegistered(self.unit.clone()),
        ];
        events.extend(self.agreement.clone().map(DirectoryEvent::AgreementRecorded));
        if self.suspended {
            let suspension =
                RecipientSuspended { organization_id: self.organization_id(), unit_id: Some(self.id()), reason: None };
            events.push(DirectoryEvent::RecipientSuspended(suspension));
        }
        directory(events).recipient(self.id()).unwrap()
    }
}

pub(crate) fn directory(events: Vec<DirectoryEvent>) -> OrganizationFacts {
    let recorded = events.into_iter().zip(1..).map(|(event, number)| Recorded {
        event,
        revision: Revision(number),
        position: Position(number),
        occurred_at: START,
        recorded_at: START,
        actor: staff("p.gauthier", Role::PartnershipSpecialist),
    });
    recorded.fold(OrganizationFacts::default(), |facts, event| facts.evolve(&event))
}

/// A consent of a data subject to one unit, spoken freely and understood, standing, without an end.
pub(crate) fn consent(number: u8, giver: SubjectId, to: RecipientScope, purpose: Purpose) -> ConsentGiven {
    ConsentGiven {
        consent_id: consent_id(number),
        subject_id: Some(giver),
        kind: Some(ConsentKind::DataSubject),
        grantor: Some(GrantorKind::Self_),
        representative_subject_id: None,
        recipient: Some(to),
        purposes: [purpose].into(),
        permitted: Categories::EMPTY,
        denied: Categories::EMPTY,
        not_before: None,
        expiry: Expiry::Unlimited,
        standing: true,
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

pub(crate) trait ConsentWords {
    fn permitting(self, categories: &[DataCategory]) -> Self;
    fn denying(self, categories: &[DataCategory]) -> Self;
    fn superseding(self, numbers: &[u8]) -> Self;
    fn once(self) -> Self;
    fn until(self, expiry: Expiry) -> Self;
}

impl ConsentWords for ConsentGiven {
    fn permitting(mut self, categories: &[DataCategory]) -> Self {
        self.permitted = categories.iter().copied().collect();
        self
    }

    fn denying(mut self, categories: &[DataCategory]) -> Self {
        self.denied = categories.iter().copied().collect();
        self
    }

    fn superseding(mut self, numbers: &[u8]) -> Self {
        self.supersedes = numbers.iter().copied().map(consent_id).collect();
        self
    }

    fn once(mut self) -> Self {
        self.standing = false;
        self
    }

    fn until(mut self, expiry: Expiry) -> Self {
        self.expiry = expiry;
        self
    }
}

/// The caller's wish that their tip be reported to the police, about a suspect and a potential victim.
pub(crate) fn report_consent(number: u8) -> ConsentGiven {
    let mut wish = consent(number, CALLER, police().scope(), Purpose::Investigation);
    wish.kind = Some(ConsentKind::Report);
    wish.tip_id = Some(TIP);
    wish.permitted = Categories::all();
    wish
}

/// An assertion about somebody on this ground.
pub(crate) fn exception(
    number: u8,
    kind: ExceptionKind,
    whom: &[SubjectId],
    ground: ExceptionGround,
) -> ExceptionAsserted {
    ExceptionAsserted {
        exception_id: exception_id(number),
        kind,
        subject_ids: whom.to_vec(),
        grounds: [ground].into(),
        instrument: None,
        break_glass: false,
    }
}

pub(crate) fn instrument(kind: InstrumentKind, to: &Unit, scope: &[DataCategory]) -> Instrument {
    Instrument {
        kind: Some(kind),
        issuer: "Superior Court of Justice".to_owned(),
        issued_on: "2026-09-01".to_owned(),
        return_at: Some(after(30 * DAY)),
        scope: scope.iter().copied().collect(),
        unit_id: Some(to.id()),
        document_digest: Some([7; 32]),
    }
}

/// A case and its history.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) events: Vec<Recorded<CaseEvent>>,
    pub(crate) facts: CaseFacts,
    pub(crate) now: Timestamp,
}

impl Story {
    /// A case in Ontario, told by telephone.
    pub(crate) fn new() -> Self {
        Self::opened_in(Some(Jurisdiction::On))
    }

    pub(crate) fn opened_in(jurisdiction: Option<Jurisdiction>) -> Self {
        let opened = CaseOpened { channel: Some(Channel::Phone), jurisdiction };
        Self::empty().and(CaseEvent::CaseOpened(opened))
    }

    pub(crate) fn empty() -> Self {
        Self { events: Vec::new(), facts: CaseFacts::default(), now: START }
    }

    /// A case with a potential victim, a suspect and the caller who told of them, triaged.
    pub(crate) fn with_people() -> Self {
        Self::new()
            .person(VICTIM, &[PersonRole::PotentialVictim])
            .person(SUSPECT, &[PersonRole::Suspect])
            .person(CALLER, &[PersonRole::Caller])
            .triaged(TriageLevel::NotUrgent)
    }

    /// The same with a tip of the caller that a supervisor wants reported.
    pub(crate) fn with_tip(channel: Channel) -> Self {
        Self::with_people().tip(channel).reviewed(ReviewOutcome::Report)
    }

    pub(crate) fn and(self, event: CaseEvent) -> Self {
        self.by(&responder(), event)
    }

    pub(crate) fn by(mut self, actor: &Actor, event: CaseEvent) -> Self {
        let recorded = self.next(actor, event);
        self.facts.apply(&recorded);
        self.events.push(recorded);
        self
    }

    fn next(&self, actor: &Actor, event: CaseEvent) -> Recorded<CaseEvent> {
        let number = self.facts.revision.0 + 1;
        Recorded {
            event,
            revision: Revision(number),
            position: Position(100 + number),
            occurred_at: self.now,
            recorded_at: self.now,
            actor: actor.clone(),
        }
    }

    pub(crate) fn wait(mut self, period: i64) -> Self {
        self.now = self.now.checked_add(Millis(period)).unwrap();
        self
    }

    pub(crate) fn person(self, subject_id: SubjectId, roles: &[PersonRole]) -> Self {
        let roles = roles.iter().copied().collect();
        self.and(CaseEvent::PersonIdentified(PersonIdentified { subject_id, roles }))
    }

    pub(crate) fn age(self, subject_id: SubjectId, band: AgeBand) -> Self {
        self.and(CaseEvent::AgeAssessed(AgeAssessed { subject_id, band: Some(band) }))
    }

    pub(crate) fn seen_in(self, subject_id: SubjectId, place: Jurisdiction) -> Self {
        self.and(CaseEvent::WhereaboutsRecorded(WhereaboutsRecorded { subject_id, jurisdiction: Some(place) }))
    }

    pub(crate) fn triaged(self, level: TriageLevel) -> Self {
        self.and(CaseEvent::TriageAssessed(TriageAssessed { level }))
    }

    pub(crate) fn tip(self, channel: Channel) -> Self {
        self.and(CaseEvent::TipReceived(TipReceived {
            tip_id: TIP,
            channel: Some(channel),
            bringer_subject_id: Some(CALLER),
            concerns_minor: None,
        }))
    }

    pub(crate) fn reviewed(self, outcome: ReviewOutcome) -> Self {
        self.by(&supervisor(), CaseEvent::SupervisorReviewed(SupervisorReviewed { tip_id: TIP, outcome }))
    }

    pub(crate) fn consents(self, given: ConsentGiven) -> Self {
        self.and(CaseEvent::ConsentGiven(given))
    }

    pub(crate) fn refuses(self, number: u8, who: SubjectId, to: RecipientScope, denied: &[DataCategory]) -> Self {
        self.and(CaseEvent::ConsentRefused(ConsentRefused {
            consent_id: consent_id(number),
            subject_id: who,
            recipient: Some(to),
            denied: denied.iter().copied().collect(),
        }))
    }

    pub(crate) fn withdraws(self, number: Option<u8>, who: Option<SubjectId>, categories: &[DataCategory]) -> Self {
        self.and(CaseEvent::ConsentWithdrawn(ConsentWithdrawn {
            consent_id: number.map(consent_id),
            subject_id: who,
            categories: categories.iter().copied().collect(),
        }))
    }

    pub(crate) fn asserts(self, actor: &Actor, asserted: ExceptionAsserted) -> Self {
        self.by(actor, CaseEvent::ExceptionAsserted(asserted))
    }

    pub(crate) fn confirms(self, actor: &Actor, number: u8) -> Self {
        self.by(actor, CaseEvent::ExceptionConfirmed(ExceptionConfirmed { exception_id: exception_id(number) }))
    }

    pub(crate) fn lifts(self, number: u8) -> Self {
        let lifted = ExceptionLifted { exception_id: exception_id(number), reason: None };
        self.and(CaseEvent::ExceptionLifted(lifted))
    }

    pub(crate) fn closes(self) -> Self {
        self.and(CaseEvent::CaseClosed(CaseClosed { closure: None }))
    }

    pub(crate) fn when(&self, ask: &Ask) -> Then {
        Then(decide(&self.facts, &ask.request, Some(&ask.unit.recipient()), &POLICY, self.now))
    }

    /// Decides, commits the decision and releases the referral, all of which must be admitted.
    pub(crate) fn releases(mut self, number: u8, ask: &Ask) -> Self {
        self = self.decides(number, ask);
        let released = self.release_of(number, ask);
        assert_eq!(self.admits(&service(), &released), Ok(()), "the release must be admitted");
        self.by(&service(), released)
    }

    /// Decides and commits the decision, which must permit.
    pub(crate) fn decides(self, number: u8, ask: &Ask) -> Self {
        let decision = self.when(ask).0;
        assert!(decision.is_permit(), "the decision must permit: {:?}", decision.reasons);
        let decided = decided(number, ask, decision);
        assert_eq!(self.admits(&service(), &decided), Ok(()), "the decision must be admitted");
        self.by(&service(), decided)
    }

    pub(crate) fn release_of(&self, number: u8, ask: &Ask) -> CaseEvent {
        let decision = self.facts.decision(DecisionId([number; 16])).unwrap();
        let subjects = decision.mask.entries().iter().map(|entry| entry.subject_id);
        CaseEvent::ReferralReleased(ReferralReleased {
            referral_id: referral_id(number),
            decision_id: decision.decision_id,
            unit_id: ask.unit.id(),
            organization_id: ask.unit.organization_id(),
            subject_ids: subjects.collect(),
            report_digest: [number; 32],
            supplementary_to: ask.request.supplementary_to,
        })
    }

    pub(crate) fn delivery_of(&self, number: u8, to: &Unit) -> CaseEvent {
        CaseEvent::ReferralDelivered(ReferralDelivered {
            delivery_id: DeliveryId([number; 16]),
            referral_id: referral_id(number),
            decision_id: DecisionId([number; 16]),
            unit_id: to.id(),
            channel: Some(DeliveryChannel::Portal),
            report_digest: [number; 32],
            case_revision: self.facts.revision,
            decided_at: Some(self.now),
            expires_at: self.now.checked_add(Millis(HOUR)),
        })
    }

    pub(crate) fn recalls(self, number: u8) -> Self {
        let recalled = ReferralRecalled { referral_id: referral_id(number), reason: None };
        self.and(CaseEvent::ReferralRecalled(recalled))
    }

    pub(crate) fn fetches(&self, number: u8, unit: &Unit) -> Result<Decision, DeliveryRefusal> {
        redecide_for_delivery(&self.facts, referral_id(number), Some(&unit.recipient()), &POLICY, self.now)
    }

    pub(crate) fn admits(&self, actor: &Actor, event: &CaseEvent) -> Result<(), Vec<Violation>> {
        admit(&self.facts, event, actor, &POLICY, self.now)
    }
}

pub(crate) fn decided(number: u8, ask: &Ask, decision: Decision) -> CaseEvent {
    CaseEvent::DisclosureDecided(DisclosureDecided {
        decision_id: DecisionId([number; 16]),
        request: ask.request.clone(),
        outcome: decision.outcome,
        bases: decision.bases,
        mask: decision.mask,
        decided_at: decision.decided_at,
        expires_at: decision.expires_at,
        case_revision: decision.case_revision,
        directory_revision: decision.directory_revision,
        obligations: decision.obligations,
        recipient_kind: decision.recipient_kind,
        narratives: decision.narratives,
    })
}

/// A question to the gate.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) unit: Unit,
    pub(crate) request: Request,
}

pub(crate) fn ask(unit: &Unit, purpose: Purpose, categories: &[DataCategory]) -> Ask {
    Ask {
        unit: unit.clone(),
        request: Request {
            unit_id: unit.id(),
            organization_id: unit.organization_id(),
            purpose: Some(purpose),
            categories: categories.iter().copied().collect(),
            subject_ids: Vec::new(),
            relies_on: Vec::new(),
            mode: None,
            supplementary_to: None,
            approval_id: None,
        },
    }
}

impl Ask {
    pub(crate) fn about(mut self, subjects: &[SubjectId]) -> Self {
        self.request.subject_ids = subjects.to_vec();
        self
    }

    pub(crate) fn relying_on(mut self, bases: &[Basis]) -> Self {
        self.request.relies_on = bases.to_vec();
        self
    }

    pub(crate) fn adding_to(mut self, number: u8) -> Self {
        self.request.supplementary_to = Some(referral_id(number));
        self
    }
}

/// What follows.
#[derive(Debug)]
pub(crate) struct Then(pub(crate) Decision);

impl Then {
    /// Permits exactly these categories of these people, whole.
    #[track_caller]
    pub(crate) fn permits(&self, expected: &[(SubjectId, DataCategory)]) -> &Self {
        let entries: Vec<_> =
            expected.iter().map(|(subject_id, category)| (*subject_id, *category, MaskLevel::Whole)).collect();
        self.permits_up_to(&entries)
    }

    #[track_caller]
    pub(crate) fn permits_up_to(&self, expected: &[(SubjectId, DataCategory, MaskLevel)]) -> &Self {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(entries(&self.0.mask), expected, "reasons: {:?}", self.0.reasons);
        assert!(self.0.is_permit());
        self
    }

    #[track_caller]
    pub(crate) fn denies(&self, code: ReasonCode) -> &Self {
        assert!(!self.0.is_permit(), "must deny, but permits {:?}", self.0.mask);
        assert!(self.0.mask.is_empty() && self.0.bases.is_empty() && self.0.obligations.is_empty());
        assert_eq!(self.0.expires_at, None);
        self.says(code)
    }

    #[track_caller]
    pub(crate) fn says(&self, code: ReasonCode) -> &Self {
        assert!(self.0.has_reason(code), "must say {code}, but says {:?}", self.0.reasons);
        self
    }

    #[track_caller]
    pub(crate) fn does_not_say(&self, code: ReasonCode) -> &Self {
        assert!(!self.0.has_reason(code), "must not say {code}, but says {:?}", self.0.reasons);
        self
    }

    #[track_caller]
    pub(crate) fn says_of(&self, code: ReasonCode, subject_id: SubjectId, category: DataCategory) -> &Self {
        let said = self.0.reasons.iter().any(|reason| {
            reason.code == code && reason.subject_id == Some(subject_id) && reason.category == Some(category)
        });
        assert!(said, "must say {code} of {category}, but says {:?}", self.0.reasons);
        self
    }
}

pub(crate) fn entries(mask: &Mask) -> Vec<(SubjectId, DataCategory, MaskLevel)> {
    let entry = |entry: &MaskEntry| (entry.subject_id, entry.category, entry.level);
    mask.entries().iter().map(entry).collect()
}
