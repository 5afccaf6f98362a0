//! A house with a `nats-server`, a ledger, a disclosure service, two recipients, and small invented cases.

use std::path::PathBuf;

use egide_crypto::digest::Fingerprinter;
use egide_crypto::sign::{KeyRing, Signature, SigningKey, VerifyingKey};
use egide_crypto::wrap::KeyEncryptionKey;
use egide_domain::time::Timestamp;
use egide_eventlog::{BucketConfig, Connection, ConnectionConfig, EventLog, LogConfig};
use egide_servicekit::channel::Authenticated;
use egide_servicekit::clock;
use egide_servicekit::policy::LoadedPolicy;
use egide_servicekit::serve::ServeConfig;
use egide_servicekit::typesetter::Typesetter;
use egide_testkit::{TestWorld, adopt_policy, fresh_id, policy, within, wording_digest};
use egide_trust::Trust;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::directory::v1::directory_event::Payload as Directory;
use egide_wire::proto::egide::directory::v1::{
    AgreementRecorded, DirectoryEvent, EncryptionKeyAdded, EncryptionKeyRemoved, OrganizationRegistered,
    RecipientSuspended, SuspensionReason, UnitRegistered,
};
use egide_wire::proto::egide::disclosure::v1::disclosure_service_client::DisclosureServiceClient;
use egide_wire::proto::egide::disclosure::v1::referral_service_client::ReferralServiceClient;
use egide_wire::proto::egide::disclosure::v1::{
    AcknowledgeRecallRequest, AcknowledgeReferralRequest, FetchReferralRequest, FetchReferralResponse,
    ListReferralsRequest, Referral, ReferralSummary, RequestDisclosureRequest, RequestDisclosureResponse,
};
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, Event, NewEvent, new_event};
use tonic::{Response, Status};
use zeroize::Zeroizing;

pub(crate) type Ledger = LedgerServiceClient<Authenticated>;
pub(crate) type Staff = DisclosureServiceClient<Authenticated>;
pub(crate) type Liaison = ReferralServiceClient<Authenticated>;

const KEY_ENCRYPTION_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const LOG: LogConfig = LogConfig { create: true, max_bytes: 1 << 30, replicas: 1 };

pub(crate) struct House {
    pub(crate) world: TestWorld,
    pub(crate) ledger_url: String,
    pub(crate) url: String,
    pub(crate) report_key: VerifyingKey,
    report_document: Zeroizing<Vec<u8>>,
    key_ring: KeyRing,
    trust: Trust,
    /// What sets pages, if anything does.
    typeset: Option<PathBuf>,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::at(clock::now).await
    }

    /// A house with this clock.
    pub(crate) async fn at(now: fn() -> Timestamp) -> Self {
        let mut world = TestWorld::start().await;
        let (signing_key, document) = SigningKey::generate().unwrap();
        let mut key_ring = KeyRing::new();
        key_ring.insert(signing_key.public_key(), None, None).unwrap();
        let config = egide_ledger::Config {
            listen: world.listen(),
            nats: nats(&world),
            log: LOG,
            keys: BucketConfig { create: true, replicas: 1 },
            projection: world.projection("ledger"),
            key_encryption_keys: KeyEncryptionKey::parse("test".parse().unwrap(), KEY_ENCRYPTION_KEY).unwrap().into(),
            key_on_store_disk: false,
            signing_key: document,
            anchor: key_ring.clone().into(),
            verifier: world.identity().verifier(),
            policy: LoadedPolicy::embedded().unwrap(),
            clock: now,
        };
        let running = within("a ledger to start", egide_ledger::start(config, world.shutdown())).await.unwrap();
        let ledger_url = world.keep(running);
        adopt_policy(&world, &ledger_url).await;
        let (report_key, report_document) = SigningKey::generate().unwrap();
        let report_key = report_key.public_key();
        let mut reports = KeyRing::new();
        reports.insert(report_key, None, None).unwrap();
        let trust = Trust::of_rings(key_ring.clone(), reports);
        let (url, typeset) = (String::new(), None);
        let mut house = Self { world, url, ledger_url, report_key, report_document, key_ring, trust, typeset };
        house.url = house.start("disclosure", &house.ledger_url.clone(), now).await;
        house
    }

    /// Starts a disclosure service with a projection of this name, on a ledger at this URL.
    pub(crate) async fn start(&mut self, name: &str, ledger_url: &str, now: fn() -> Timestamp) -> String {
        self.start_under(policy(), name, ledger_url, now).await
    }

    /// The same under another policy.
    pub(crate) async fn start_under(
        &mut self,
        policy: LoadedPolicy,
        name: &str,
        ledger_url: &str,
        now: fn() -> Timestamp,
    ) -> String {
        let config = self.config(policy, name, ledger_url, now);
        let started = egide_disclosure::start(config, self.world.shutdown());
        let running = within("a disclosure service to start", started).await.unwrap();
        self.world.keep(running)
    }

    /// What a disclosure service is started with.
    pub(crate) fn config(
        &self,
        policy: LoadedPolicy,
        name: &str,
        ledger_url: &str,
        now: fn() -> Timestamp,
    ) -> egide_disclosure::Config {
        egide_disclosure::Config {
            serve: ServeConfig::new("disclosure", self.world.listen()),
            nats: nats(&self.world),
            log: LOG,
            anchor: self.trust.clone().into(),
            projection: self.world.projection(name),
            ledger: self.world.upstream(ledger_url, self.world.identity().service("disclosure")),
            verifier: self.world.identity().verifier(),
            report_key: SigningKey::from_pkcs8(&self.report_document).unwrap(),
            secret: Fingerprinter::new(&[9; 32]),
            policy,
            typesetter: self.typeset.as_deref().map(|program| Typesetter::find(Some(program)).unwrap()),
            refuse_after: egide_disclosure::REFUSE_AFTER,
            clock: now,
        }
    }

    /// From here on this program sets pages, at a disclosure service that is started now.
    pub(crate) async fn set_pages_with(&mut self, program: PathBuf) {
        self.typeset = Some(program);
        let name = format!("pages-{}", fresh_id());
        self.url = self.start(&name, &self.ledger_url.clone(), clock::now).await;
    }

    pub(crate) fn ledger(&self, service: &str, account: &str, role: &str) -> Ledger {
        let credentials = self.world.identity().person(service, account, &[role], None);
        LedgerServiceClient::new(self.world.upstream(&self.ledger_url, credentials).as_service())
    }

    pub(crate) fn desk(&self) -> Ledger {
        self.ledger("case-desk", "amelie.roy", "responder")
    }

    pub(crate) fn supervisor(&self) -> Ledger {
        self.ledger("case-desk", "marc.gagnon", "supervisor")
    }

    /// The gate, for a responder.
    pub(crate) fn staff(&self) -> Staff {
        self.staff_at(&self.url)
    }

    pub(crate) fn staff_at(&self, url: &str) -> Staff {
        self.gate_for(url, "amelie.roy", "responder")
    }

    /// The gate, for anybody of staff.
    pub(crate) fn gate_for(&self, url: &str, account: &str, role: &str) -> Staff {
        let credentials = self.world.identity().person("cli", account, &[role], None);
        DisclosureServiceClient::new(self.world.upstream(url, credentials).as_service())
    }

    /// The gate, for a supervisor who did not ask.
    pub(crate) fn approver(&self) -> Staff {
        self.gate_for(&self.url, "marc.gagnon", "supervisor")
    }

    /// Appends a case event as the disclosure service would.
    pub(crate) async fn forge(&self, case: &str, payload: Payload) {
        let event = NewEvent {
            stream_id: case.to_owned(),
            payload: Some(new_event::Payload::CaseEvent(CaseEvent { payload: Some(payload) })),
            ..NewEvent::default()
        };
        let request = AppendRequest { command_id: fresh_id(), events: vec![event], ..AppendRequest::default() };
        self.ledger("disclosure", "marc.gagnon", "supervisor").append(request).await.unwrap();
    }

    /// The clock notes that the time of what a referral rests on is over.
    pub(crate) async fn note_expiry(&self, case: &Case, recipient: &Recipient, referral_id: &str) {
        let expired = ReferralExpired { referral_id: referral_id.to_owned(), unit_id: recipient.unit.clone() };
        let payload = CaseEvent { payload: Some(Payload::ReferralExpired(expired)) };
        let event = NewEvent {
            stream_id: case.case.clone(),
            payload: Some(new_event::Payload::CaseEvent(payload)),
            ..NewEvent::default()
        };
        let request = AppendRequest { command_id: fresh_id(), events: vec![event], ..AppendRequest::default() };
        let clock = self.world.identity().service("triage");
        let mut ledger = LedgerServiceClient::new(self.world.upstream(&self.ledger_url, clock).as_service());
        ledger.append(request).await.unwrap();
    }

    pub(crate) async fn recall(&self, case: &Case, referral_id: &str, reason: RecallReason) {
        let recalled = ReferralRecalled { referral_id: referral_id.to_owned(), reason: reason.into() };
        self.emit(&case.case, vec![Payload::ReferralRecalled(recalled)]).await;
    }

    /// A liaison of a unit.
    pub(crate) fn liaison(&self, unit: &str) -> Liaison {
        let credentials = self.world.identity().person("cli", "k.tremblay", &["liaison"], Some(unit));
        ReferralServiceClient::new(self.world.upstream(&self.url, credentials).as_service())
    }

    /// Everything in the log, verified by a reader of its own.
    pub(crate) async fn log(&self) -> Vec<Event> {
        let connection = Connection::open(&nats(&self.world)).await.unwrap();
        let log = EventLog::open(connection, LogConfig { create: false, ..LOG }, self.key_ring.clone()).await.unwrap();
        let last = log.last_number().await.unwrap();
        let mut follower = log.follow(log.genesis());
        let mut events = Vec::new();
        while follower.head().number() < last {
            let block = within("a block", follower.next()).await.unwrap();
            events.extend(block.events().map(|(_, _, event)| event.clone()));
        }
        events
    }

    /// How many events of a kind are in the log.
    pub(crate) async fn count(&self, kind: &str) -> usize {
        self.log().await.iter().filter(|event| event.kind == kind).count()
    }

    /// A police unit that investigates, with an agreement about everything; its id, and its organisation's.
    pub(crate) async fn police(&self) -> Recipient {
        self.recipient(RecipientKind::InvestigatingAgency, &[Purpose::Investigation], Language::English).await
    }

    /// A shelter that reads French.
    pub(crate) async fn shelter(&self) -> Recipient {
        self.recipient(RecipientKind::SupportService, &[Purpose::SupportService], Language::French).await
    }

    async fn recipient(&self, kind: RecipientKind, purposes: &[Purpose], language: Language) -> Recipient {
        let recipient = Recipient { organization: fresh_id(), unit: fresh_id() };
        let purposes: Vec<i32> = purposes.iter().map(|purpose| (*purpose).into()).collect();
        let events = vec![
            Directory::OrganizationRegistered(OrganizationRegistered {
                organization_id: recipient.organization.clone(),
                name_en: "Example Organization".into(),
                name_fr: "Organisme Exemple".into(),
                kind: kind.into(),
                verified: true,
                national: true,
                language: language.into(),
                ..OrganizationRegistered::default()
            }),
            Directory::UnitRegistered(UnitRegistered {
                unit_id: recipient.unit.clone(),
                organization_id: recipient.organization.clone(),
                name_en: "Example Unit".into(),
                name_fr: "Unité Exemple".into(),
                kind: kind.into(),
                purposes: purposes.clone(),
                national: true,
                callback_number: "+1-613-555-0100".into(),
                ..UnitRegistered::default()
            }),
            Directory::AgreementRecorded(AgreementRecorded {
                agreement_id: fresh_id(),
                organization_id: recipient.organization.clone(),
                purposes,
                categories: (1..=10).collect(),
                ..AgreementRecorded::default()
            }),
        ];
        self.directory(&recipient.organization, events).await;
        recipient
    }

    pub(crate) async fn suspend(&self, recipient: &Recipient) {
        let suspended = RecipientSuspended {
            organization_id: recipient.organization.clone(),
            unit_id: recipient.unit.clone(),
            reason: SuspensionReason::Misuse.into(),
        };
        self.directory(&recipient.organization, vec![Directory::RecipientSuspended(suspended)]).await;
    }

    /// The unit gives a key that packages to it are encrypted to; its private part.
    pub(crate) async fn encryption_key(&self, recipient: &Recipient) -> age::x25519::Identity {
        let identity = age::x25519::Identity::generate();
        let added = EncryptionKeyAdded {
            organization_id: recipient.organization.clone(),
            unit_id: recipient.unit.clone(),
            recipient: identity.to_public().to_string(),
            label: "duty desk".into(),
        };
        self.directory(&recipient.organization, vec![Directory::EncryptionKeyAdded(added)]).await;
        identity
    }

    /// Nothing is encrypted to a key of the unit any more.
    pub(crate) async fn remove_encryption_key(&self, recipient: &Recipient, fingerprint: String) {
        let (organization_id, unit_id) = (recipient.organization.clone(), recipient.unit.clone());
        let removed = EncryptionKeyRemoved { organization_id, unit_id, fingerprint };
        self.directory(&recipient.organization, vec![Directory::EncryptionKeyRemoved(removed)]).await;
    }

    /// The unit and its organisation are called something else from now on.
    pub(crate) async fn rename(&self, recipient: &Recipient) {
        let events = vec![
            Directory::OrganizationRegistered(OrganizationRegistered {
                organization_id: recipient.organization.clone(),
                name_en: "Renamed Organization".into(),
                kind: RecipientKind::InvestigatingAgency.into(),
                verified: true,
                national: true,
                language: Language::French.into(),
                ..OrganizationRegistered::default()
            }),
            Directory::UnitRegistered(UnitRegistered {
                unit_id: recipient.unit.clone(),
                organization_id: recipient.organization.clone(),
                name_en: "Renamed Unit".into(),
                kind: RecipientKind::InvestigatingAgency.into(),
                purposes: vec![Purpose::Investigation.into()],
                national: true,
                ..UnitRegistered::default()
            }),
        ];
        self.directory(&recipient.organization, events).await;
    }

    async fn directory(&self, organization: &str, payloads: Vec<Directory>) {
        let event = |payload| NewEvent {
            stream_id: organization.to_owned(),
            payload: Some(new_event::Payload::DirectoryEvent(DirectoryEvent { payload: Some(payload) })),
            ..NewEvent::default()
        };
        let mut client = self.ledger("directory", "dana.okafor", "partnership_specialist");
        let events = payloads.into_iter().map(event).collect();
        let request = AppendRequest { command_id: fresh_id(), events, ..AppendRequest::default() };
        client.append(request).await.unwrap();
    }

    /// A case with a potential victim who called, and a suspect.
    pub(crate) async fn case(&self) -> Case {
        let case = Case { case: fresh_id(), victim: fresh_id(), suspect: fresh_id() };
        let payloads = vec![
            Payload::CaseOpened(CaseOpened {
                channel: Channel::Phone.into(),
                language: Language::Other.into(),
                language_tag: "tl".into(),
                jurisdiction: Jurisdiction::On.into(),
                ..CaseOpened::default()
            }),
            Payload::PersonIdentified(PersonIdentified {
                subject_id: case.victim.clone(),
                roles: vec![PersonRole::PotentialVictim.into(), PersonRole::Caller.into()],
                given_names: "Maya".into(),
                family_name: "Testcase".into(),
                ..PersonIdentified::default()
            }),
            Payload::PersonIdentified(PersonIdentified {
                subject_id: case.suspect.clone(),
                roles: vec![PersonRole::Suspect.into()],
                given_names: "Rex".into(),
                ..PersonIdentified::default()
            }),
            Payload::WhereaboutsRecorded(WhereaboutsRecorded {
                subject_id: case.victim.clone(),
                jurisdiction: Jurisdiction::On.into(),
                city: "Sudbury".into(),
                street: "12 Example Street".into(),
                ..WhereaboutsRecorded::default()
            }),
            Payload::SituationRecorded(SituationRecorded {
                subject_id: case.victim.clone(),
                exploitation: vec![TypeOfExploitation::ForcedLabour.into()],
                ..SituationRecorded::default()
            }),
            Payload::HealthRecorded(HealthRecorded {
                subject_id: case.victim.clone(),
                conditions: vec!["back pain".into()],
                ..HealthRecorded::default()
            }),
            Payload::TriageAssessed(TriageAssessed { level: TriageLevel::NotUrgent.into() }),
        ];
        self.emit(&case.case, payloads).await;
        case
    }

    pub(crate) async fn emit(&self, case: &str, payloads: Vec<Payload>) {
        let event = |payload| NewEvent {
            stream_id: case.to_owned(),
            payload: Some(new_event::Payload::CaseEvent(CaseEvent { payload: Some(payload) })),
            ..NewEvent::default()
        };
        let events = payloads.into_iter().map(event).collect();
        let request = AppendRequest { command_id: fresh_id(), events, ..AppendRequest::default() };
        self.desk().append(request).await.unwrap();
    }

    /// Standing consent of the potential victim, for one unit.
    pub(crate) async fn consent(&self, case: &Case, recipient: &Recipient, categories: &[DataCategory]) -> String {
        let given = consent(case, recipient, categories);
        let consent_id = given.consent_id.clone();
        self.emit(&case.case, vec![Payload::ConsentGiven(given)]).await;
        consent_id
    }

    pub(crate) async fn withdraw(&self, case: &Case, consent_id: &str) {
        let withdrawn = ConsentWithdrawn {
            consent_id: consent_id.to_owned(),
            subject_id: case.victim.clone(),
            ..ConsentWithdrawn::default()
        };
        self.emit(&case.case, vec![Payload::ConsentWithdrawn(withdrawn)]).await;
    }

    /// The potential victim's keys are destroyed.
    pub(crate) async fn erase(&self, case: &Case) {
        let shredded = KeyShredded {
            scope: ShredScope::Person.into(),
            subject_id: case.victim.clone(),
            ground: ShredGround::RecordedInError.into(),
            ..KeyShredded::default()
        };
        let event = NewEvent {
            stream_id: case.case.clone(),
            payload: Some(new_event::Payload::CaseEvent(CaseEvent { payload: Some(Payload::KeyShredded(shredded)) })),
            ..NewEvent::default()
        };
        let request = AppendRequest { command_id: fresh_id(), events: vec![event], ..AppendRequest::default() };
        self.supervisor().append(request).await.unwrap();
    }

    /// How many events stand in a case.
    pub(crate) async fn count_in(&self, case: &str) -> u64 {
        self.log().await.iter().filter(|event| event.stream_id == case).count() as u64
    }

    /// A released referral to the police about identity, whereabouts and situation; its id.
    pub(crate) async fn released(&self, case: &Case, recipient: &Recipient) -> String {
        let response = self.staff().request_disclosure(asking(case, recipient)).await.unwrap().into_inner();
        let decision = response.decision.unwrap();
        assert!(decision.decided.unwrap().outcome() == Outcome::Permit);
        decision.referral_id
    }

    pub(crate) async fn fetch(&self, unit: &str, referral_id: &str) -> Result<Response<FetchReferralResponse>, Status> {
        self.liaison(unit).fetch_referral(fetching(referral_id)).await
    }

    pub(crate) async fn list(&self, unit: &str) -> Vec<ReferralSummary> {
        self.liaison(unit).list_referrals(ListReferralsRequest::default()).await.unwrap().into_inner().referrals
    }

    /// Checks digest and signature; the report as JSON.
    pub(crate) fn verified(&self, referral: &Referral) -> serde_json::Value {
        assert_eq!(egide_crypto::digest::sha256(&referral.report).as_bytes().as_slice(), referral.report_digest);
        let signature = Signature::try_from(referral.signature.as_slice()).unwrap();
        self.report_key.verify("egide/report/v1", &referral.report, &signature).unwrap();
        assert_eq!(referral.key_id, self.report_key.key_id().to_string());
        serde_json::from_slice(&referral.report).unwrap()
    }
}

fn nats(world: &TestWorld) -> ConnectionConfig {
    let nats = world.nats();
    ConnectionConfig::new(nats.url()).with_user(nats.user(), nats.password())
}

pub(crate) struct Recipient {
    pub(crate) organization: String,
    pub(crate) unit: String,
}

pub(crate) struct Case {
    pub(crate) case: String,
    pub(crate) victim: String,
    pub(crate) suspect: String,
}

pub(crate) const USUAL: [DataCategory; 3] =
    [DataCategory::Identity, DataCategory::Whereabouts, DataCategory::Situation];

pub(crate) fn consent(case: &Case, recipient: &Recipient, categories: &[DataCategory]) -> ConsentGiven {
    ConsentGiven {
        consent_id: fresh_id(),
        subject_id: case.victim.clone(),
        kind: ConsentKind::DataSubject.into(),
        grantor: GrantorKind::Self_.into(),
        recipient: Some(RecipientScope { scope: Some(recipient_scope::Scope::UnitId(recipient.unit.clone())) }),
        purposes: vec![Purpose::Investigation.into(), Purpose::SupportService.into()],
        permitted: categories.iter().map(|category| (*category).into()).collect(),
        expiry: Some(consent_given::Expiry::Unlimited(true)),
        standing: true,
        method: ConsentMethod::Spoken.into(),
        wording_version: "spoken-en/3".into(),
        wording_digest: wording_digest("spoken-en/3"),
        language: Language::English.into(),
        speaking_freely: Answer::Yes.into(),
        understood: Answer::Yes.into(),
        policy_version: "2026-11".into(),
        ..ConsentGiven::default()
    }
}

/// The police ask about identity, whereabouts, situation and health; nobody consents to the last.
pub(crate) fn asking(case: &Case, recipient: &Recipient) -> RequestDisclosureRequest {
    let mut categories: Vec<i32> = USUAL.iter().map(|category| (*category).into()).collect();
    categories.push(DataCategory::Health.into());
    RequestDisclosureRequest {
        command_id: fresh_id(),
        case_id: case.case.clone(),
        unit_id: recipient.unit.clone(),
        purpose: Purpose::Investigation.into(),
        categories,
        ..RequestDisclosureRequest::default()
    }
}

pub(crate) fn fetching(referral_id: &str) -> FetchReferralRequest {
    FetchReferralRequest { command_id: fresh_id(), referral_id: referral_id.to_owned() }
}

pub(crate) fn acknowledging(referral_id: &str) -> AcknowledgeReferralRequest {
    AcknowledgeReferralRequest { command_id: fresh_id(), referral_id: referral_id.to_owned() }
}

pub(crate) fn decided(response: &RequestDisclosureResponse) -> &DisclosureDecided {
    response.decision.as_ref().unwrap().decided.as_ref().unwrap()
}

pub(crate) fn has_reason(decided: &DisclosureDecided, code: ReasonCode) -> bool {
    decided.reasons.iter().any(|reason| reason.code() == code)
}

pub(crate) fn acknowledging_recall(referral_id: &str) -> AcknowledgeRecallRequest {
    AcknowledgeRecallRequest { command_id: fresh_id(), referral_id: referral_id.to_owned() }
}
