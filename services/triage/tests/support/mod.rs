//! A ledger on a real nats-server, one or two triage services beside it, and the events of small cases.

use std::sync::Arc;

use egide_crypto::digest::sha256;
use egide_crypto::sign::{KeyRing, SigningKey};
use egide_crypto::wrap::KeyEncryptionKey;
use egide_domain::time::Timestamp;
use egide_eventlog::{BucketConfig, Connection, ConnectionConfig, EventLog, LogConfig};
use egide_servicekit::channel::Authenticated;
use egide_servicekit::clock;
use egide_testkit::{TestWorld, adopt_policy, fresh_id, policy, policy_digest, within, wording_digest};
use egide_wire::convert::to_timestamp;
use egide_wire::proto::egide::audit::v1::{AccessEvent, AccessRecorded, access_event};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, Area, Event, NewEvent, new_event};
use egide_wire::proto::egide::triage::v1::triage_service_client::TriageServiceClient;
use prost::Message as _;
use tonic::Status;

const LOG: LogConfig = LogConfig { create: true, max_bytes: 1 << 28, replicas: 1 };

/// See the module.
pub(crate) struct House {
    pub(crate) world: TestWorld,
    ledger: String,
    keys: KeyRing,
}

impl House {
    pub(crate) async fn start() -> Self {
        let mut world = TestWorld::start().await;
        let (key, document) = SigningKey::generate().unwrap();
        let mut keys = KeyRing::new();
        keys.insert(key.public_key(), None, None).unwrap();
        let config = egide_ledger::Config {
            listen: world.listen(),
            nats: nats(&world),
            log: LOG,
            keys: BucketConfig { create: true, replicas: 1 },
            projection: world.projection("ledger"),
            key_encryption_keys: KeyEncryptionKey::generate("test".parse().unwrap()).unwrap().into(),
            key_on_store_disk: false,
            signing_key: document,
            anchor: keys.clone().into(),
            verifier: world.identity().verifier(),
            policy: policy(),
            clock: clock::now,
        };
        let ledger = egide_ledger::start(config, world.shutdown()).await.unwrap();
        let ledger = world.keep(ledger);
        adopt_policy(&world, &ledger).await;
        Self { world, ledger, keys }
    }

    /// Starts a triage service with the projection of this name; its URL.
    pub(crate) async fn triage(&mut self, projection: &str) -> String {
        let config = egide_triage::Config {
            listen: self.world.listen(),
            verifier: self.world.identity().verifier(),
            log: self.log().await,
            projection: self.world.projection(projection),
            ledger: self.world.upstream(&self.ledger, self.world.identity().service("triage")),
            policy: Arc::clone(policy().policy()),
            clock: clock::now,
        };
        let running = within("a triage service to start", egide_triage::start(config, self.world.shutdown())).await;
        self.world.keep(running.unwrap())
    }

    pub(crate) fn client(&self, url: &str, role: &str) -> TriageServiceClient<Authenticated> {
        let credentials = self.world.identity().person("case-desk", "marc.gagnon", &[role], None);
        TriageServiceClient::new(self.world.upstream(url, credentials).as_service())
    }

    async fn log(&self) -> EventLog {
        let connection = Connection::open(&nats(&self.world)).await.unwrap();
        EventLog::open(connection, LogConfig { create: false, ..LOG }, self.keys.clone()).await.unwrap()
    }

    /// Every event of the log.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let log = self.log().await;
        let last = log.last_number().await.unwrap();
        let mut follower = log.follow(log.genesis());
        let mut events = Vec::new();
        while follower.head().number() < last {
            let block = within("a block", follower.next()).await.unwrap();
            events.extend(block.events().map(|(_, _, event)| event.clone()));
        }
        events
    }

    /// What was noted in a case, in order, by the clock and nobody else.
    pub(crate) async fn notes(&self, case_id: &str) -> Vec<ObligationNoted> {
        let events = self.events().await.into_iter().filter(|event| event.stream_id == case_id);
        let by_clock = events.filter(|event| {
            let actor = event.actor.clone().unwrap_or_default();
            actor.service == "triage" && actor.person.is_empty()
        });
        by_clock
            .filter_map(|event| match payload(&event) {
                Payload::ObligationNoted(noted) => Some(noted),
                _ => None,
            })
            .collect()
    }

    /// How often an approval was closed.
    pub(crate) async fn closings(&self, approval_id: &str) -> usize {
        let closes = |event: &Event| {
            event.area() == Area::Case
                && matches!(payload(event), Payload::ApprovalDecided(decided) if decided.approval_id == approval_id)
        };
        self.events().await.iter().filter(|event| closes(event)).count()
    }

    /// Every look that was recorded through the triage service.
    pub(crate) async fn looks(&self) -> Vec<AccessRecorded> {
        let looks = self.events().await.into_iter().filter(|event| event.area() == Area::Access);
        looks
            .filter_map(|event| match AccessEvent::decode(event.facts.as_slice()).unwrap().payload.unwrap() {
                access_event::Payload::AccessRecorded(recorded) => Some(recorded),
                _ => None,
            })
            .collect()
    }

    /// Appends an event of a case in somebody's name: `service` alone, or `service/role:account`.
    pub(crate) async fn append(&self, who: &str, case_id: &str, payload: Payload) -> Result<(), Status> {
        let identity = self.world.identity();
        let credentials = match who.split_once('/') {
            None => identity.service(who),
            Some((service, person)) => {
                let (role, account) = person.split_once(':').unwrap();
                identity.person(service, account, &[role], None)
            }
        };
        let event = NewEvent {
            stream_id: case_id.to_owned(),
            payload: Some(new_event::Payload::CaseEvent(CaseEvent { payload: Some(payload) })),
            ..NewEvent::default()
        };
        let request = AppendRequest { command_id: fresh_id(), events: vec![event], ..AppendRequest::default() };
        let mut ledger = LedgerServiceClient::new(self.world.upstream(&self.ledger, credentials).as_service());
        ledger.append(request).await.map(drop)
    }

    /// An open case with one person, who is a potential victim.
    pub(crate) async fn case(&self) -> Case {
        let case = Case { case_id: fresh_id(), person: fresh_id() };
        let opened = CaseOpened {
            channel: Channel::Phone.into(),
            language: Language::English.into(),
            jurisdiction: Jurisdiction::On.into(),
            ..CaseOpened::default()
        };
        self.append("case-desk", &case.case_id, Payload::CaseOpened(opened)).await.unwrap();
        let identified = PersonIdentified {
            subject_id: case.person.clone(),
            roles: vec![PersonRole::PotentialVictim.into()],
            ..PersonIdentified::default()
        };
        self.append("case-desk", &case.case_id, Payload::PersonIdentified(identified)).await.unwrap();
        case
    }

    /// A consent of the case's person to whatever unit, which ends so many milliseconds from now; its id.
    pub(crate) async fn consents(&self, case: &Case, ends_in_ms: i64) -> String {
        let given = ConsentGiven {
            consent_id: fresh_id(),
            subject_id: case.person.clone(),
            kind: ConsentKind::DataSubject.into(),
            grantor: GrantorKind::Self_.into(),
            recipient: Some(RecipientScope { scope: Some(recipient_scope::Scope::UnitId(fresh_id())) }),
            purposes: vec![Purpose::Investigation.into()],
            permitted: vec![DataCategory::Situation.into()],
            expiry: Some(consent_given::Expiry::ExpiresAt(to_timestamp(Timestamp(clock::now().0 + ends_in_ms)))),
            standing: true,
            method: ConsentMethod::Spoken.into(),
            wording_version: "spoken-en/3".into(),
            wording_digest: wording_digest("spoken-en/3"),
            language: Language::English.into(),
            speaking_freely: Answer::Yes.into(),
            understood: Answer::Yes.into(),
            policy_version: "2026-11".into(),
            ..ConsentGiven::default()
        };
        let consent_id = given.consent_id.clone();
        let who = "case-desk/responder:amelie.roy";
        self.append(who, &case.case_id, Payload::ConsentGiven(given)).await.unwrap();
        consent_id
    }

    /// How often the clock noted that a referral of the case came to its end.
    pub(crate) async fn expiries(&self, case_id: &str) -> usize {
        let of_case = self.events().await.into_iter().filter(|event| event.stream_id == case_id);
        of_case.filter(|event| event.kind == "disclosure.referral_expired").count()
    }

    /// A released permit with these obligations, each due so many milliseconds from now; the decision's id.
    pub(crate) async fn bound(&self, case: &Case, obligations: &[(ObligationKind, i64)]) -> String {
        self.bound_on(case, fresh_id(), obligations).await
    }

    /// The same, resting on this consent.
    pub(crate) async fn bound_on(
        &self,
        case: &Case,
        consent_id: String,
        obligations: &[(ObligationKind, i64)],
    ) -> String {
        let now = clock::now();
        let due = |(kind, in_ms): &(ObligationKind, i64)| Obligation {
            kind: (*kind).into(),
            subject_id: case.person.clone(),
            due_at: Some(to_timestamp(Timestamp(now.0 + in_ms))),
        };
        let decided = DisclosureDecided {
            outcome: Outcome::Permit.into(),
            bases: vec![Basis { kind: BasisKind::Consent.into(), reference_id: consent_id, ..Basis::default() }],
            mask: vec![MaskEntry {
                subject_id: case.person.clone(),
                category: DataCategory::Situation.into(),
                level: MaskLevel::Whole.into(),
                bases: vec![0],
                ..MaskEntry::default()
            }],
            obligations: obligations.iter().map(due).collect(),
            expires_at: Some(to_timestamp(Timestamp(now.0 + 3_600_000))),
            form: "investigating-agency/1".to_owned(),
            ..self.decision(case).await
        };
        let decision_id = decided.decision_id.clone();
        self.append("disclosure", &case.case_id, Payload::DisclosureDecided(decided.clone())).await.unwrap();
        let request = decided.request.unwrap();
        let report = format!("{{\"salt\":\"{}\"}}", fresh_id()).into_bytes();
        let released = ReferralReleased {
            referral_id: fresh_id(),
            decision_id: decision_id.clone(),
            unit_id: request.unit_id,
            organization_id: request.organization_id,
            subject_ids: vec![case.person.clone()],
            form: "investigating-agency/1".to_owned(),
            language: Language::English.into(),
            report_digest: sha256(&report).as_bytes().to_vec(),
            key_id: "test".to_owned(),
            report,
            signature: vec![3; 64],
            ..ReferralReleased::default()
        };
        self.append("disclosure", &case.case_id, Payload::ReferralReleased(released)).await.unwrap();
        decision_id
    }

    /// A refused decision and a request for approval that ends in so many milliseconds; the approval's id.
    pub(crate) async fn asks_for_approval(&self, case: &Case, ends_in_ms: i64) -> String {
        let reasons = vec![Reason { code: ReasonCode::ApprovalRequired.into(), ..Reason::default() }];
        let decided = DisclosureDecided { outcome: Outcome::Deny.into(), reasons, ..self.decision(case).await };
        let decision_id = decided.decision_id.clone();
        self.append("disclosure", &case.case_id, Payload::DisclosureDecided(decided)).await.unwrap();
        let requested = ApprovalRequested {
            approval_id: fresh_id(),
            decision_id,
            rules: vec!["test".to_owned()],
            expires_at: Some(to_timestamp(Timestamp(clock::now().0 + ends_in_ms))),
        };
        let approval_id = requested.approval_id.clone();
        let who = "disclosure/responder:amelie.roy";
        self.append(who, &case.case_id, Payload::ApprovalRequested(requested)).await.unwrap();
        approval_id
    }

    async fn decision(&self, case: &Case) -> DisclosureDecided {
        let revision = self.events().await.iter().filter(|event| event.stream_id == case.case_id).count();
        let unit_id = fresh_id();
        DisclosureDecided {
            decision_id: fresh_id(),
            request: Some(RequestRecord {
                organization_id: unit_id.clone(),
                unit_id,
                purpose: Purpose::Investigation.into(),
                categories: vec![DataCategory::Situation.into()],
                subject_ids: vec![case.person.clone()],
                ..RequestRecord::default()
            }),
            decided_at: Some(to_timestamp(clock::now())),
            case_revision: u64::try_from(revision).unwrap(),
            policy_version: "test".to_owned(),
            policy_digest: policy_digest(),
            classification_digest: vec![2; 32],
            ..DisclosureDecided::default()
        }
    }
}

/// A case with a person in it.
pub(crate) struct Case {
    pub(crate) case_id: String,
    pub(crate) person: String,
}

fn payload(event: &Event) -> Payload {
    CaseEvent::decode(event.facts.as_slice()).unwrap().payload.unwrap()
}

fn nats(world: &TestWorld) -> ConnectionConfig {
    ConnectionConfig::new(world.nats().url()).with_user(world.nats().user(), world.nats().password())
}
