//! The case that is asked about, invented: 200 events, 20 consents of three people, refusals and withdrawals among them, a
//! suspect, earlier referrals; and the recipients that may ask.

use egide_domain::decision::{Basis, Mask, Request};
use egide_domain::directory::{
    AgreementRecorded, DirectoryEvent, OrganizationFacts, OrganizationRegistered, RecipientSuspended, UnitRegistered,
};
use egide_domain::event::{
    AgeAssessed, CaseOpened, ConsentGiven, ConsentRefused, ConsentWithdrawn, ContactRecorded, DisclosureDecided,
    Expiry, FinancesRecorded, HealthRecorded, ImmigrationRecorded, NarrativeRecorded, PersonIdentified, RecipientScope,
    ReferralDelivered, ReferralReleased, SituationRecorded, SupervisorReviewed, SuspectDescribed, TipReceived,
    TriageAssessed, WhereaboutsRecorded,
};
use egide_domain::ids::{
    AgreementId, ConsentId, DecisionId, DeliveryId, NarrativeId, OrganizationId, Position, ReferralId, Revision,
    SubjectId, TipId, UnitId,
};
use egide_domain::vocabulary::{
    AgeBand, Answer, Channel, ConsentCapacity, ConsentKind, ContactPermission, DataCategory, DeliveryChannel,
    GrantorKind, Jurisdiction, Outcome, PersonRole, Purpose, RecipientKind, ReviewOutcome, Role, TriageLevel,
};
use egide_domain::{Actor, CaseEvent, Categories, Jurisdictions, Purposes, Recorded, Roles, Set, Timestamp};

use DataCategory::{Contact, Finances, Health, Identity, Immigration, Situation, Suspects, Whereabouts};

/// How many events the case has.
pub(crate) const EVENTS: usize = 200;
/// How many consents were given in it.
pub(crate) const CONSENTS: usize = 20;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// When the case was opened.
const OPENED: i64 = 1_780_000_000_000;
/// Between two events.
const STEP: i64 = 8 * HOUR;

/// The instant of the question, eight hours after the last event.
pub(crate) const NOW: Timestamp = Timestamp(OPENED + 200 * STEP);

pub(crate) const VICTIM: SubjectId = SubjectId(id(1, 1));
pub(crate) const COLLEAGUE: SubjectId = SubjectId(id(1, 2));
pub(crate) const FRIEND: SubjectId = SubjectId(id(1, 3));
const SUSPECT: SubjectId = SubjectId(id(1, 4));

pub(crate) const POLICE: OrganizationId = OrganizationId(id(2, 1));
const SHELTER: OrganizationId = OrganizationId(id(2, 2));
const CLINIC: OrganizationId = OrganizationId(id(2, 3));
const OTHER_POLICE: OrganizationId = OrganizationId(id(2, 4));

pub(crate) const INVESTIGATORS: UnitId = UnitId(id(3, 1));
pub(crate) const FRAUD: UnitId = UnitId(id(3, 2));
pub(crate) const SHELTER_DESK: UnitId = UnitId(id(3, 3));
pub(crate) const CLINIC_DESK: UnitId = UnitId(id(3, 4));
pub(crate) const FAR_INVESTIGATORS: UnitId = UnitId(id(3, 5));

const TIP: TipId = TipId(id(4, 1));

/// Everybody who may ask, with their organisation.
pub(crate) const UNITS: [(UnitId, OrganizationId); 5] = [
    (INVESTIGATORS, POLICE),
    (FRAUD, POLICE),
    (SHELTER_DESK, SHELTER),
    (CLINIC_DESK, CLINIC),
    (FAR_INVESTIGATORS, OTHER_POLICE),
];

/// A UUID of version 4 in form, the same at every run.
const fn id(kind: u8, number: u8) -> [u8; 16] {
    let mixed = kind.wrapping_mul(151).wrapping_add(number.wrapping_mul(67));
    [mixed, kind, mixed, number, 0x5e, 0x11, 0x40, 0, 0x80, 0, mixed, kind, 0xe9, 0x1d, 0xe0, number]
}

pub(crate) const fn consent(number: u8) -> ConsentId {
    ConsentId(id(5, number))
}

/// What the investigators ask: about everybody of the case.
pub(crate) fn question() -> Request {
    asked_by(INVESTIGATORS, POLICE, Purpose::Investigation)
}

/// The same categories for another unit and purpose; health and status only where nobody must approve.
pub(crate) fn asked_by(unit_id: UnitId, organization_id: OrganizationId, purpose: Purpose) -> Request {
    let mut categories = Categories::from([Identity, Contact, Whereabouts, Situation, Finances, Suspects]);
    if purpose != Purpose::Investigation {
        categories = categories.union(Categories::from([Health, Immigration]));
    }
    Request {
        unit_id,
        organization_id,
        purpose: Some(purpose),
        categories,
        subject_ids: Vec::new(),
        relies_on: Vec::new(),
        mode: None,
        supplementary_to: None,
        approval_id: None,
    }
}

/// The directory, organisation by organisation.
pub(crate) fn directory() -> Vec<OrganizationFacts> {
    use RecipientKind::{InvestigatingAgency, SupportService};
    let ontario = Jurisdictions::only(Jurisdiction::On);
    let all = Categories::all();
    let few = Categories::from([Identity, Contact, Situation, Health, Suspects]);
    [
        organization(POLICE, InvestigatingAgency, ontario, &[INVESTIGATORS, FRAUD], all.without(Health)),
        organization(SHELTER, SupportService, ontario, &[SHELTER_DESK], all),
        organization(CLINIC, SupportService, ontario, &[CLINIC_DESK], few),
        organization(
            OTHER_POLICE,
            InvestigatingAgency,
            Jurisdictions::only(Jurisdiction::Bc),
            &[FAR_INVESTIGATORS],
            all,
        ),
    ]
    .into()
}

/// An event of the directory, on what came before.
pub(crate) fn in_directory(facts: &mut OrganizationFacts, event: DirectoryEvent, at: Timestamp) {
    let number = facts.revision.0 + 1;
    let (revision, position) = (Revision(number), Position(number));
    facts.apply(&Recorded { event, revision, position, occurred_at: at, recorded_at: at, actor: staff() });
}

/// The whole organisation suspended.
pub(crate) fn suspension(organization_id: OrganizationId) -> DirectoryEvent {
    DirectoryEvent::RecipientSuspended(RecipientSuspended { organization_id, unit_id: None, reason: None })
}

/// The organisation's one agreement, ended.
pub(crate) fn agreement_ended(organization_id: OrganizationId, at: Timestamp) -> DirectoryEvent {
    DirectoryEvent::AgreementRecorded(AgreementRecorded {
        valid_until: Some(at),
        ..agreement(organization_id, Categories::all())
    })
}

fn agreement(organization_id: OrganizationId, categories: Categories) -> AgreementRecorded {
    AgreementRecorded {
        agreement_id: AgreementId(id(6, organization_id.0[3])),
        organization_id,
        unit_id: None,
        purposes: Purposes::from([Purpose::Investigation, Purpose::SupportService]),
        categories,
        valid_from: Some(Timestamp(OPENED - DAY)),
        valid_until: Some(Timestamp(OPENED + 365 * DAY)),
    }
}

fn organization(
    organization_id: OrganizationId,
    kind: RecipientKind,
    jurisdictions: Jurisdictions,
    units: &[UnitId],
    categories: Categories,
) -> OrganizationFacts {
    let mut facts = OrganizationFacts::default();
    let at = Timestamp(OPENED - 30 * DAY);
    let registered = DirectoryEvent::OrganizationRegistered(OrganizationRegistered {
        organization_id,
        kind: Some(kind),
        verified: true,
        jurisdictions,
        national: false,
        anonymous_only: false,
    });
    in_directory(&mut facts, registered, at);
    for unit_id in units {
        let registered = DirectoryEvent::UnitRegistered(UnitRegistered {
            unit_id: *unit_id,
            organization_id,
            kind: Some(kind),
            purposes: Purposes::from([Purpose::Investigation, Purpose::SupportService]),
            jurisdictions,
            national: false,
            anonymous_only: false,
        });
        in_directory(&mut facts, registered, at);
    }
    in_directory(&mut facts, DirectoryEvent::AgreementRecorded(agreement(organization_id, categories)), at);
    facts
}

fn staff() -> Actor {
    Actor { service: "case-desk".to_owned(), person: Some("amelie.roy".to_owned()), role: Some(Role::Responder) }
}

/// A log that grows.
struct Log(Vec<Recorded<CaseEvent>>);

impl Log {
    fn push(&mut self, event: CaseEvent) {
        let role = if matches!(event, CaseEvent::SupervisorReviewed(_)) { Role::Supervisor } else { Role::Responder };
        let actor = Actor { role: Some(role), ..staff() };
        let recorded = next(&self.0, event, actor);
        self.0.push(recorded);
    }

    /// Records of which the gate takes no notice, as they come between: what is told, seen and written down.
    fn work(&mut self, rounds: u8) {
        for round in 0..rounds {
            let subject_id = [VICTIM, COLLEAGUE, FRIEND][usize::from(round % 3)];
            let number = u8::try_from(self.0.len() % 251).unwrap_or_default();
            self.push(match round % 7 {
                0 => CaseEvent::SituationRecorded(SituationRecorded { subject_id }),
                1 => CaseEvent::NarrativeRecorded(NarrativeRecorded {
                    narrative_id: NarrativeId(id(7, number)),
                    subject_ids: vec![subject_id],
                }),
                2 => CaseEvent::HealthRecorded(HealthRecorded { subject_id }),
                3 => CaseEvent::WhereaboutsRecorded(WhereaboutsRecorded {
                    subject_id,
                    jurisdiction: Some(Jurisdiction::On),
                }),
                4 => CaseEvent::FinancesRecorded(FinancesRecorded { subject_id }),
                5 => CaseEvent::ImmigrationRecorded(ImmigrationRecorded { subject_id }),
                _ => CaseEvent::SuspectDescribed(SuspectDescribed { subject_id: SUSPECT }),
            });
        }
    }

    fn person(&mut self, subject_id: SubjectId, role: PersonRole) {
        self.push(CaseEvent::PersonIdentified(PersonIdentified { subject_id, roles: Roles::only(role) }));
        if role != PersonRole::Suspect {
            self.push(CaseEvent::AgeAssessed(AgeAssessed { subject_id, band: Some(AgeBand::From19) }));
            self.push(CaseEvent::ContactRecorded(ContactRecorded {
                subject_id,
                permission: Some(ContactPermission::UnderRules),
                rules: Set::EMPTY,
            }));
        }
    }

    /// A decision, its referral and the delivery of that, resting on a consent.
    fn disclosed(&mut self, number: u8, unit: (UnitId, OrganizationId), consent_id: ConsentId) {
        let decision_id = DecisionId(id(8, number));
        let referral_id = ReferralId(id(9, number));
        let at = self.0.last().map_or(Timestamp(OPENED), |last| last.recorded_at);
        let expires_at = at.checked_add(egide_domain::Millis::from_hours(72));
        self.push(CaseEvent::DisclosureDecided(DisclosureDecided {
            decision_id,
            request: asked_by(unit.0, unit.1, Purpose::SupportService),
            outcome: Outcome::Permit,
            bases: vec![Basis::Consent(consent_id)],
            mask: Mask::empty(),
            expires_at,
            decided_at: at,
            case_revision: Revision(self.0.len() as u64),
            directory_revision: Revision(3),
            obligations: Vec::new(),
            recipient_kind: Some(RecipientKind::SupportService),
            narratives: Vec::new(),
        }));
        self.push(CaseEvent::ReferralReleased(ReferralReleased {
            referral_id,
            decision_id,
            unit_id: unit.0,
            organization_id: unit.1,
            subject_ids: vec![VICTIM],
            report_digest: [number; 32],
            supplementary_to: None,
        }));
        self.push(CaseEvent::ReferralDelivered(ReferralDelivered {
            delivery_id: DeliveryId(id(10, number)),
            referral_id,
            decision_id,
            unit_id: unit.0,
            channel: Some(DeliveryChannel::Portal),
            case_revision: Revision(self.0.len() as u64),
            report_digest: [number; 32],
            decided_at: None,
            expires_at: None,
        }));
    }
}

/// What comes next in a log.
pub(crate) fn next(log: &[Recorded<CaseEvent>], event: CaseEvent, actor: Actor) -> Recorded<CaseEvent> {
    let number = log.len() as u64 + 1;
    let at = Timestamp(OPENED + i64::try_from(log.len()).unwrap_or_default() * STEP);
    let (revision, position) = (Revision(number), Position(number));
    Recorded { event, revision, position, occurred_at: at, recorded_at: at, actor }
}

/// One more thing that somebody says.
pub(crate) fn then(log: &[Recorded<CaseEvent>], event: CaseEvent) -> Vec<Recorded<CaseEvent>> {
    let mut log = log.to_vec();
    let recorded = next(&log, event, staff());
    log.push(recorded);
    log
}

/// A consent: standing, given freely and understood, by an adult for themself, until further notice.
fn given(
    number: u8,
    subject_id: SubjectId,
    recipient: RecipientScope,
    purpose: Purpose,
    permitted: &[DataCategory],
) -> ConsentGiven {
    ConsentGiven {
        consent_id: consent(number),
        subject_id: Some(subject_id),
        kind: Some(ConsentKind::DataSubject),
        grantor: Some(GrantorKind::Self_),
        representative_subject_id: None,
        recipient: Some(recipient),
        purposes: Purposes::only(purpose),
        permitted: permitted.iter().copied().collect(),
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
        capacity: Some(ConsentCapacity::Adult),
        age_at_grant: Some(AgeBand::From19),
        authority: None,
        data_period: None,
        conditions: Set::EMPTY,
    }
}

pub(crate) const fn withdrawn(whose: SubjectId, number: u8, categories: Categories) -> CaseEvent {
    CaseEvent::ConsentWithdrawn(ConsentWithdrawn {
        consent_id: Some(consent(number)),
        subject_id: Some(whose),
        categories,
    })
}

pub(crate) const fn refused(
    number: u8,
    whose: SubjectId,
    recipient: Option<RecipientScope>,
    denied: Categories,
) -> CaseEvent {
    let (consent_id, subject_id) = (consent(number), whose);
    CaseEvent::ConsentRefused(ConsentRefused { consent_id, subject_id, recipient, denied })
}

/// The twenty consents, in the order in which they were given.
fn consents() -> [ConsentGiven; CONSENTS] {
    use Purpose::{Investigation as Investigate, SupportService as Support};
    use RecipientKind::{ForeignHotline, InvestigatingAgency, SupportService};
    use RecipientScope::{Kind, KindInRegion, Organization, Unit};
    let here = Jurisdictions::from([Jurisdiction::On, Jurisdiction::Qc]);
    let until = |days| Expiry::At(Timestamp(NOW.0 + days * DAY));
    [
        ConsentGiven {
            expiry: Expiry::Absent,
            ..given(1, VICTIM, Organization(SHELTER), Support, &[Identity, Contact, Situation])
        },
        given(2, VICTIM, Kind(SupportService), Support, &[Situation, Health]),
        given(3, VICTIM, Unit(INVESTIGATORS), Investigate, &[Situation, Whereabouts]),
        ConsentGiven {
            expiry: until(10),
            denied: Categories::only(Finances),
            ..given(4, VICTIM, Organization(POLICE), Investigate, &[Identity, Situation, Suspects])
        },
        given(5, VICTIM, Unit(FRAUD), Investigate, &[Identity]),
        ConsentGiven {
            supersedes: vec![consent(5)],
            ..given(6, VICTIM, Unit(FRAUD), Investigate, &[Contact, Finances])
        },
        ConsentGiven {
            speaking_freely: Some(Answer::Unknown),
            ..given(7, VICTIM, Unit(INVESTIGATORS), Investigate, &[Contact, Whereabouts])
        },
        ConsentGiven { standing: false, ..given(8, VICTIM, Organization(CLINIC), Support, &[Identity, Health]) },
        ConsentGiven {
            expiry: until(30),
            ..given(9, VICTIM, KindInRegion(InvestigatingAgency, here), Investigate, &[Contact])
        },
        given(10, COLLEAGUE, Organization(SHELTER), Support, &[Identity, Contact, Situation, Immigration]),
        given(11, COLLEAGUE, Organization(POLICE), Investigate, &[Identity, Situation, Finances]),
        given(12, COLLEAGUE, Unit(INVESTIGATORS), Investigate, &[Contact]),
        ConsentGiven {
            understood: Some(Answer::No),
            ..given(13, COLLEAGUE, Unit(INVESTIGATORS), Investigate, &[Whereabouts])
        },
        ConsentGiven { expiry: until(-1), ..given(14, COLLEAGUE, Unit(INVESTIGATORS), Investigate, &[Contact]) },
        given(15, COLLEAGUE, Kind(SupportService), Support, &[Health]),
        given(16, FRIEND, Organization(POLICE), Investigate, &[Identity, Contact, Situation, Suspects]),
        given(17, FRIEND, Kind(ForeignHotline), Support, &[Situation]),
        given(18, FRIEND, Organization(SHELTER), Support, &[Contact, Situation]),
        ConsentGiven {
            not_before: Some(Timestamp(NOW.0 + DAY)),
            ..given(19, FRIEND, Unit(INVESTIGATORS), Investigate, &[Whereabouts])
        },
        given(20, FRIEND, Organization(CLINIC), Support, &[Identity, Situation]),
    ]
}

/// The case, event by event.
pub(crate) fn log() -> Vec<Recorded<CaseEvent>> {
    let mut log = Log(Vec::with_capacity(EVENTS));
    log.push(CaseEvent::CaseOpened(CaseOpened {
        channel: Some(Channel::WebForm),
        jurisdiction: Some(Jurisdiction::On),
    }));
    log.person(VICTIM, PersonRole::PotentialVictim);
    log.person(COLLEAGUE, PersonRole::PotentialVictim);
    log.person(FRIEND, PersonRole::Caller);
    log.person(SUSPECT, PersonRole::Suspect);
    log.push(CaseEvent::TipReceived(TipReceived {
        tip_id: TIP,
        channel: Some(Channel::WebForm),
        bringer_subject_id: Some(FRIEND),
        concerns_minor: Some(Answer::No),
    }));
    log.push(CaseEvent::TriageAssessed(TriageAssessed { level: TriageLevel::NotUrgent }));
    log.push(CaseEvent::SupervisorReviewed(SupervisorReviewed { tip_id: TIP, outcome: ReviewOutcome::Report }));
    for consent_given in consents() {
        let number = consent_given.consent_id.0[3];
        log.push(CaseEvent::ConsentGiven(consent_given));
        log.work(6);
        match number {
            3 => log.push(refused(
                21,
                VICTIM,
                Some(RecipientScope::Kind(RecipientKind::ForeignHotline)),
                Categories::EMPTY,
            )),
            8 => log.disclosed(1, (CLINIC_DESK, CLINIC), consent(8)),
            10 => log.disclosed(2, (SHELTER_DESK, SHELTER), consent(10)),
            12 => log.push(withdrawn(COLLEAGUE, 12, Categories::EMPTY)),
            13 => {
                let to = Some(RecipientScope::Kind(RecipientKind::InvestigatingAgency));
                log.push(refused(22, COLLEAGUE, to, Categories::only(Identity)));
            }
            15 => log.disclosed(3, (CLINIC_DESK, CLINIC), consent(15)),
            17 => log.push(withdrawn(FRIEND, 17, Categories::EMPTY)),
            18 => log.push(withdrawn(VICTIM, 3, Categories::only(Whereabouts))),
            _ => {}
        }
    }
    let left = EVENTS.saturating_sub(log.0.len());
    log.work(u8::try_from(left).unwrap_or_default());
    log.0
}
