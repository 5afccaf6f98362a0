//! One sensible event of every kind, and requests that carry them.

use super::*;

pub(super) const NOW: Timestamp = Timestamp(1_795_305_600_000);
pub(super) const ONE: &str = "01900000-0000-7000-8000-000000000001";
pub(super) const TWO: &str = "01900000-0000-7000-8000-000000000002";
pub(super) const THREE: &str = "01900000-0000-7000-8000-000000000003";

pub(super) fn event(payload: Payload) -> NewEvent {
    let stream_id = match payload {
        Payload::AccessEvent(_) => "",
        Payload::HouseEvent(_) => HOUSE_STREAM,
        Payload::CaseEvent(_) | Payload::DirectoryEvent(_) => ONE,
    };
    let stream_id = stream_id.to_owned();
    NewEvent { stream_id, payload: Some(payload), ..NewEvent::default() }
}

pub(super) fn case(payload: Case) -> NewEvent {
    event(Payload::CaseEvent(CaseEvent { payload: Some(payload) }))
}

pub(super) fn in_directory(payload: Directory) -> NewEvent {
    event(Payload::DirectoryEvent(directory::DirectoryEvent { payload: Some(payload) }))
}

pub(super) fn in_house(payload: House) -> NewEvent {
    event(Payload::HouseEvent(house_proto::HouseEvent { payload: Some(payload) }))
}

pub(super) fn adopted() -> house_proto::PolicyAdopted {
    let policy = LoadedPolicy::embedded().unwrap();
    let event = policy_adopted(policy.policy().version(), policy.digest().as_bytes(), policy.files());
    match event.payload {
        Some(House::PolicyAdopted(adopted)) => adopted,
        _ => unreachable!("made so above"),
    }
}

pub(super) fn request(events: Vec<NewEvent>) -> AppendRequest {
    AppendRequest { command_id: TWO.into(), events, ..AppendRequest::default() }
}

pub(super) fn check(request: &AppendRequest) -> Vec<Violation> {
    let described: Vec<_> = request.events.iter().take(EVENTS_MAX).map(describe).collect();
    append(request, &described, NOW).err().unwrap_or_default()
}

/// The fields that are refused, in their order, each once.
pub(super) fn refused(request: &AppendRequest) -> Vec<String> {
    let mut fields: Vec<_> = check(request).into_iter().map(|violation| violation.field).collect();
    fields.dedup();
    fields
}

pub(super) fn refused_of(event: NewEvent) -> Vec<String> {
    refused(&request(vec![event]))
}

pub(super) fn at(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}

pub(super) fn consent() -> ConsentGiven {
    ConsentGiven {
        consent_id: TWO.into(),
        subject_id: THREE.into(),
        kind: ConsentKind::DataSubject.into(),
        grantor: GrantorKind::Self_.into(),
        recipient: Some(RecipientScope { scope: Some(Scope::UnitId(TWO.into())) }),
        purposes: vec![Purpose::Investigation.into()],
        permitted: vec![DataCategory::Identity.into()],
        method: ConsentMethod::Spoken.into(),
        wording_version: "spoken-en/3".into(),
        language: Language::English.into(),
        speaking_freely: Answer::Yes.into(),
        understood: Answer::Yes.into(),
        policy_version: "2026-11".into(),
        ..ConsentGiven::default()
    }
}

pub(super) fn danger() -> ExceptionAsserted {
    ExceptionAsserted {
        exception_id: TWO.into(),
        kind: ExceptionKind::ImminentDanger.into(),
        subject_ids: vec![THREE.into()],
        grounds: vec![ExceptionGround::ThreatToLife.into()],
        ..ExceptionAsserted::default()
    }
}

pub(super) fn erasure() -> KeyShredded {
    KeyShredded {
        scope: ShredScope::Person.into(),
        subject_id: THREE.into(),
        ground: ShredGround::PersonAsked.into(),
        proof: IdentityProof::Phrase.into(),
        speaking_freely: Answer::Yes.into(),
        ..KeyShredded::default()
    }
}

pub(super) fn production_order() -> ExceptionAsserted {
    ExceptionAsserted {
        kind: ExceptionKind::LegalRequirement.into(),
        grounds: vec![ExceptionGround::Instrument.into()],
        instrument: Some(Instrument {
            kind: InstrumentKind::ProductionOrder.into(),
            issuer: "a court".into(),
            number: "26-1".into(),
            issued_on: "2026-11-20".into(),
            return_at: Some(at(1_796_000_000)),
            scope: vec![DataCategory::Identity.into()],
            unit_id: TWO.into(),
            document_digest: vec![7; 32],
        }),
        ..danger()
    }
}

pub(super) fn attested() -> NarrativeAttested {
    let (text, salt) = ("[Personne A] travaille la nuit.", [5; 32]);
    NarrativeAttested {
        review_id: ONE.into(),
        narrative_id: TWO.into(),
        subject_ids: vec![TWO.into()],
        unit_id: THREE.into(),
        text: text.into(),
        text_salt: salt.to_vec(),
        text_digest: Fingerprinter::new(&salt).fingerprint(text.as_bytes()).as_bytes().to_vec(),
        deidentifier: "egide-deidentify/1".into(),
        lexicon_digest: vec![6; 32],
        could_tell_who_said_it: Answer::No.into(),
        case_revision: 4,
        ..NarrativeAttested::default()
    }
}

pub(super) fn permit() -> DisclosureDecided {
    DisclosureDecided {
        decision_id: TWO.into(),
        request: Some(RequestRecord { unit_id: TWO.into(), organization_id: THREE.into(), ..RequestRecord::default() }),
        outcome: Outcome::Permit.into(),
        bases: vec![Basis { kind: BasisKind::Consent.into(), reference_id: TWO.into(), exception: 0 }],
        mask: vec![MaskEntry {
            subject_id: THREE.into(),
            category: DataCategory::Identity.into(),
            level: MaskLevel::Whole.into(),
            bases: vec![0],
            ..MaskEntry::default()
        }],
        decided_at: Some(at(1_795_305_600)),
        expires_at: Some(at(1_795_309_200)),
        case_revision: 3,
        policy_version: "2026-11".into(),
        policy_digest: vec![1; 32],
        classification_digest: vec![2; 32],
        form: "investigating-agency/1".into(),
        ..DisclosureDecided::default()
    }
}

pub(super) fn release() -> ReferralReleased {
    let report = b"{}".to_vec();
    ReferralReleased {
        referral_id: TWO.into(),
        decision_id: TWO.into(),
        unit_id: TWO.into(),
        organization_id: THREE.into(),
        form: "investigating-agency/1".into(),
        report_digest: sha256(&report).as_bytes().to_vec(),
        key_id: "ed-0123456789abcdef".into(),
        report,
        signature: vec![3; 64],
        ..ReferralReleased::default()
    }
}

pub(super) fn delivery() -> ReferralDelivered {
    ReferralDelivered {
        delivery_id: TWO.into(),
        referral_id: TWO.into(),
        decision_id: TWO.into(),
        unit_id: TWO.into(),
        channel: DeliveryChannel::Portal.into(),
        report_digest: vec![1; 32],
        decided_at: Some(at(1_795_305_600)),
        expires_at: Some(at(1_795_309_200)),
        case_revision: 4,
        policy_version: "2026-11".into(),
        ..ReferralDelivered::default()
    }
}

pub(super) fn encryption_key() -> directory::EncryptionKeyAdded {
    directory::EncryptionKeyAdded {
        organization_id: ONE.into(),
        unit_id: TWO.into(),
        recipient: "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa".into(),
        label: "duty desk".into(),
    }
}

pub(super) fn notification_address() -> directory::NotificationAddressAdded {
    directory::NotificationAddressAdded {
        organization_id: ONE.into(),
        unit_id: TWO.into(),
        address_id: THREE.into(),
        means: NoticeMeans::Webhook.into(),
        address: "https://desk.example.ca/egide".into(),
        label: "duty desk".into(),
    }
}

pub(super) fn invitation() -> directory::LiaisonInvited {
    directory::LiaisonInvited {
        organization_id: ONE.into(),
        unit_id: TWO.into(),
        liaison_id: THREE.into(),
        account: "coast-city.duty-desk".into(),
        code_digest: vec![7; 32],
        code_expires_at: Some(prost_types::Timestamp { seconds: 1_790_000_000, nanos: 0 }),
        account_expires_at: Some(prost_types::Timestamp { seconds: 1_800_000_000, nanos: 0 }),
        sponsored_by: "letter 2026-118".into(),
    }
}

/// One event of every kind, with no more than it needs.
pub(super) fn one_of_each() -> Vec<NewEvent> {
    let subject_id = || THREE.to_owned();
    let yes = i32::from(Answer::Yes);
    let mut all: Vec<_> = [
        Case::CaseOpened(CaseOpened {
            channel: Channel::Phone.into(),
            language: Language::French.into(),
            ..CaseOpened::default()
        }),
        Case::TipReceived(TipReceived {
            tip_id: TWO.into(),
            channel: Channel::WebForm.into(),
            ..TipReceived::default()
        }),
        Case::PersonIdentified(PersonIdentified {
            subject_id: subject_id(),
            roles: vec![PersonRole::Caller.into()],
            ..PersonIdentified::default()
        }),
        Case::AgeAssessed(AgeAssessed {
            subject_id: subject_id(),
            method: AgeMethod::Document.into(),
            ..AgeAssessed::default()
        }),
        Case::ContactRecorded(ContactRecorded {
            subject_id: subject_id(),
            phones: vec!["613-555-0147".into()],
            ..ContactRecorded::default()
        }),
        Case::WhereaboutsRecorded(WhereaboutsRecorded {
            subject_id: subject_id(),
            jurisdiction: Jurisdiction::On.into(),
            ..WhereaboutsRecorded::default()
        }),
        Case::SituationRecorded(SituationRecorded {
            subject_id: subject_id(),
            immediate_danger: yes,
            ..SituationRecorded::default()
        }),
        Case::ImmigrationRecorded(ImmigrationRecorded {
            subject_id: subject_id(),
            documents_withheld: yes,
            ..ImmigrationRecorded::default()
        }),
        Case::HealthRecorded(HealthRecorded {
            subject_id: subject_id(),
            urgent_care_needed: yes,
            ..HealthRecorded::default()
        }),
        Case::FinancesRecorded(FinancesRecorded {
            subject_id: subject_id(),
            debt_bondage: yes,
            ..FinancesRecorded::default()
        }),
        Case::SuspectDescribed(SuspectDescribed {
            subject_id: subject_id(),
            armed: yes,
            ..SuspectDescribed::default()
        }),
        Case::NarrativeRecorded(NarrativeRecorded {
            narrative_id: TWO.into(),
            text: "une ligne\net une autre".into(),
            ..NarrativeRecorded::default()
        }),
        Case::NarrativeReviewRequested(NarrativeReviewRequested {
            review_id: ONE.into(),
            narrative_id: TWO.into(),
            unit_id: THREE.into(),
        }),
        Case::NarrativeAttested(attested()),
        Case::NarrativeWithheld(NarrativeWithheld {
            review_id: ONE.into(),
            reason: NarrativeWithholdReason::TellsWhoSaidIt.into(),
        }),
        Case::TriageAssessed(TriageAssessed { level: TriageLevel::Urgent.into() }),
        Case::SupervisorReviewed(SupervisorReviewed { tip_id: TWO.into(), outcome: ReviewOutcome::Report.into() }),
        Case::ConsentGiven(consent()),
        Case::ConsentRefused(ConsentRefused {
            consent_id: TWO.into(),
            subject_id: subject_id(),
            recipient: Some(RecipientScope { scope: Some(Scope::Anyone(true)) }),
            ..ConsentRefused::default()
        }),
        Case::ConsentWithdrawn(ConsentWithdrawn::default()),
        Case::ExceptionAsserted(danger()),
        Case::ExceptionConfirmed(ExceptionConfirmed { exception_id: TWO.into() }),
        Case::ExceptionLifted(ExceptionLifted { exception_id: TWO.into(), reason: LiftReason::DangerPassed.into() }),
        Case::DisclosureDecided(permit()),
        Case::ReferralReleased(release()),
        Case::ReferralDelivered(delivery()),
        Case::ReferralAcknowledged(ReferralAcknowledged { referral_id: TWO.into(), unit_id: TWO.into() }),
        Case::ReferralRecalled(ReferralRecalled { referral_id: TWO.into(), reason: RecallReason::Error.into() }),
        Case::DisclosedOutsideSystem(DisclosedOutsideSystem {
            disclosure_id: TWO.into(),
            ..DisclosedOutsideSystem::default()
        }),
        Case::CaseClosed(CaseClosed { closure: CaseClosure::Closed.into() }),
        Case::CaseReopened(CaseReopened {}),
        Case::KeyShredded(erasure()),
        Case::LegalHoldPlaced(LegalHoldPlaced {
            hold_id: TWO.into(),
            ground: HoldGround::Preservation.into(),
            ..LegalHoldPlaced::default()
        }),
        Case::LegalHoldLifted(LegalHoldLifted { hold_id: TWO.into(), reason: HoldLiftReason::Ended.into() }),
        Case::NumberAssigned(NumberAssigned { number: "4829136057".into(), ..NumberAssigned::default() }),
        Case::PhraseChosen(PhraseChosen { stretched: "$argon2id".into(), ..PhraseChosen::default() }),
        Case::AuthorityVerified(AuthorityVerified {
            verification_id: ONE.into(),
            subject_id: TWO.into(),
            representative_subject_id: THREE.into(),
            authority: Authority::ParentOrGuardian.into(),
            ..AuthorityVerified::default()
        }),
        Case::AuthorityRevoked(AuthorityRevoked { verification_id: ONE.into() }),
        Case::WishesRecorded(WishesRecorded {
            subject_id: TWO.into(),
            exception_id: THREE.into(),
            wish: YoungWish::NoReport.into(),
            followed: Answer::No.into(),
            why: "The danger was greater.".into(),
        }),
        Case::ApprovalRequested(ApprovalRequested {
            approval_id: ONE.into(),
            decision_id: TWO.into(),
            rules: vec!["abroad".into()],
            expires_at: Some(at(1_795_305_600)),
        }),
        Case::ApprovalDecided(ApprovalDecided {
            approval_id: ONE.into(),
            outcome: ApprovalOutcome::Granted.into(),
            ..ApprovalDecided::default()
        }),
        Case::ObligationNoted(ObligationNoted {
            decision_id: TWO.into(),
            kind: ObligationKind::InformPerson.into(),
            state: ObligationState::Met.into(),
            ..ObligationNoted::default()
        }),
        Case::ContactCleared(ContactCleared {
            contact_id: ONE.into(),
            subject_id: TWO.into(),
            means: ContactMeans::Call.into(),
            purpose: ContactPurpose::CallBack.into(),
        }),
        Case::ContactMade(ContactMade {
            contact_id: ONE.into(),
            subject_id: TWO.into(),
            means: ContactMeans::Call.into(),
            purpose: ContactPurpose::CallBack.into(),
            outcome: ContactOutcome::Reached.into(),
        }),
        Case::OutsideDisclosureReviewed(OutsideDisclosureReviewed {
            disclosure_id: ONE.into(),
            outcome: OutsideReviewOutcome::Mistake.into(),
        }),
        Case::RecallAcknowledged(RecallAcknowledged { referral_id: ONE.into(), unit_id: TWO.into() }),
        Case::UnitNotified(UnitNotified {
            referral_id: ONE.into(),
            unit_id: TWO.into(),
            ground: NoticeGround::Released.into(),
            address_id: THREE.into(),
            means: NoticeMeans::Webhook.into(),
            outcome: NoticeOutcome::Sent.into(),
        }),
        Case::ReferralExpired(ReferralExpired { referral_id: ONE.into(), unit_id: TWO.into() }),
    ]
    .into_iter()
    .map(case)
    .collect();
    all.extend(
        [
            Directory::OrganizationRegistered(directory::OrganizationRegistered {
                organization_id: ONE.into(),
                name_fr: "Un service".into(),
                kind: RecipientKind::SupportService.into(),
                ..directory::OrganizationRegistered::default()
            }),
            Directory::UnitRegistered(directory::UnitRegistered {
                unit_id: TWO.into(),
                organization_id: ONE.into(),
                name_en: "A unit".into(),
                kind: RecipientKind::SupportService.into(),
                purposes: vec![Purpose::SupportService.into()],
                ..directory::UnitRegistered::default()
            }),
            Directory::AgreementRecorded(agreement()),
            Directory::RecipientSuspended(directory::RecipientSuspended {
                organization_id: ONE.into(),
                reason: directory::SuspensionReason::Misuse.into(),
                ..directory::RecipientSuspended::default()
            }),
            Directory::RecipientReinstated(directory::RecipientReinstated {
                organization_id: ONE.into(),
                ..directory::RecipientReinstated::default()
            }),
            Directory::EncryptionKeyAdded(encryption_key()),
            Directory::EncryptionKeyRemoved(directory::EncryptionKeyRemoved {
                organization_id: ONE.into(),
                unit_id: TWO.into(),
                fingerprint: "age-00112233445566778899aabbccddeeff".into(),
            }),
            Directory::LiaisonInvited(invitation()),
            Directory::LiaisonPasskeyAdded(directory::LiaisonPasskeyAdded {
                organization_id: ONE.into(),
                unit_id: TWO.into(),
                liaison_id: THREE.into(),
                code_digest: vec![7; 32],
                credential_id: vec![1; 32],
                public_key: vec![2; 40],
                state: vec![3; 7],
                transports: 0,
            }),
            Directory::LiaisonSignedIn(directory::LiaisonSignedIn {
                organization_id: ONE.into(),
                unit_id: TWO.into(),
                liaison_id: THREE.into(),
                credential_id: vec![1; 32],
                state: vec![3; 7],
            }),
            Directory::LiaisonRevoked(directory::LiaisonRevoked {
                organization_id: ONE.into(),
                unit_id: TWO.into(),
                liaison_id: THREE.into(),
                reason: directory::LiaisonRevocation::Left.into(),
            }),
            Directory::NotificationAddressAdded(notification_address()),
            Directory::NotificationAddressRemoved(directory::NotificationAddressRemoved {
                organization_id: ONE.into(),
                unit_id: TWO.into(),
                address_id: THREE.into(),
            }),
        ]
        .map(in_directory),
    );
    all.extend(
        [
            AccessPayload::AccessRecorded(AccessRecorded {
                scope: AccessScope::CaseFacts.into(),
                reason: audit::AccessReason::Audit.into(),
                case_id: ONE.into(),
                ..AccessRecorded::default()
            }),
            AccessPayload::OutsiderRefused(audit::OutsiderRefused {
                method: "FetchReferral".into(),
                ..audit::OutsiderRefused::default()
            }),
            AccessPayload::WithdrawalUnmatched(audit::WithdrawalUnmatched {
                terms: vec![audit::SearchTerm::Phone.into()],
                too_many: false,
            }),
        ]
        .map(|payload| event(Payload::AccessEvent(audit::AccessEvent { payload: Some(payload) }))),
    );
    all.extend(
        [
            House::PolicyAdopted(adopted()),
            House::ShiftStarted(house_proto::ShiftStarted { until: Some(at(NOW.0 / 1000 + 60)) }),
            House::ShiftEnded(house_proto::ShiftEnded {}),
        ]
        .map(in_house),
    );
    all
}

pub(super) fn agreement() -> directory::AgreementRecorded {
    directory::AgreementRecorded {
        agreement_id: TWO.into(),
        organization_id: ONE.into(),
        purposes: vec![Purpose::SupportService.into()],
        categories: vec![DataCategory::Contact.into()],
        ..directory::AgreementRecorded::default()
    }
}
