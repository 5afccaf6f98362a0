//! A house with one `nats-server` and as many ledgers as a test wants, and the events of a small case.

use std::path::PathBuf;

use egide_crypto::sign::{KeyRing, SigningKey};
use egide_crypto::wrap::KeyEncryptionKey;
use egide_domain::time::Timestamp;
use egide_eventlog::{BucketConfig, Connection, ConnectionConfig, EventLog, KeyBucket, LogConfig, VerifiedBlock};
use egide_ledger::Config;
use egide_servicekit::channel::Authenticated;
use egide_servicekit::clock;
use egide_servicekit::identity::Credentials;
use egide_servicekit::policy::LoadedPolicy;
use egide_testkit::{StreamCopy, TestWorld, adopt_policy, fresh_id, within};
use egide_wire::convert::to_timestamp;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::ledger::v1::caller_service_client::CallerServiceClient;
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::ledger::v1::{
    Acknowledgement, AppendRequest, AppendResponse, NewEvent, ReadCaseRequest, RecordedEvent, StreamExpectation,
    new_event, recorded_event,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use zeroize::Zeroizing;

pub(crate) type Client = LedgerServiceClient<Authenticated>;
pub(crate) type Callers = CallerServiceClient<Authenticated>;

const KEY_ENCRYPTION_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const STORE: BucketConfig = BucketConfig { create: true, replicas: 1 };
const LOG: LogConfig = LogConfig { create: true, max_bytes: 1 << 30, replicas: 1 };

pub(crate) struct House {
    pub(crate) world: TestWorld,
    pub(crate) signing_key: SigningKey,
    document: Zeroizing<Vec<u8>>,
    key_ring: KeyRing,
}

impl House {
    pub(crate) async fn new() -> Self {
        let world = TestWorld::start().await;
        let (signing_key, document) = SigningKey::generate().unwrap();
        let mut key_ring = KeyRing::new();
        key_ring.insert(signing_key.public_key(), None, None).unwrap();
        Self { world, signing_key, document, key_ring }
    }

    /// A house with one ledger; its URL.
    pub(crate) async fn with_ledger() -> (Self, String) {
        let mut house = Self::new().await;
        let url = house.start("ledger", clock::now).await;
        (house, url)
    }

    /// The same, with a policy that decisions may be made under.
    pub(crate) async fn with_policy() -> (Self, String) {
        Self::with_policy_at(clock::now).await
    }

    /// The same, by this clock.
    pub(crate) async fn with_policy_at(now: fn() -> Timestamp) -> (Self, String) {
        let mut house = Self::new().await;
        let url = house.start("ledger", now).await;
        adopt_policy(&house.world, &url).await;
        (house, url)
    }

    pub(crate) fn nats(&self) -> ConnectionConfig {
        let nats = self.world.nats();
        ConnectionConfig::new(nats.url()).with_user(nats.user(), nats.password())
    }

    pub(crate) fn projection(&self, name: &str) -> PathBuf {
        self.world.projection(name)
    }

    pub(crate) fn config(&self, name: &str, now: fn() -> Timestamp) -> Config {
        Config {
            listen: self.world.listen(),
            nats: self.nats(),
            log: LOG,
            keys: STORE,
            projection: self.projection(name),
            key_encryption_keys: Self::key_encryption_key().into(),
            key_on_store_disk: false,
            signing_key: self.document.clone(),
            anchor: self.key_ring.clone().into(),
            verifier: self.world.identity().verifier(),
            policy: LoadedPolicy::embedded().unwrap(),
            clock: now,
        }
    }

    /// A second key whose blocks count, for another ledger; its document.
    pub(crate) fn another_key(&mut self) -> Zeroizing<Vec<u8>> {
        let (key, document) = SigningKey::generate().unwrap();
        self.key_ring.insert(key.public_key(), None, None).unwrap();
        document
    }

    /// Starts a ledger with a projection of this name.
    pub(crate) async fn start(&mut self, name: &str, now: fn() -> Timestamp) -> String {
        let config = self.config(name, now);
        self.start_with(config).await
    }

    pub(crate) async fn start_with(&mut self, config: Config) -> String {
        let running = within("a ledger to start", egide_ledger::start(config, self.world.shutdown())).await.unwrap();
        self.world.keep(running)
    }

    /// Stops the newest ledger.
    pub(crate) async fn stop_ledger(&mut self) {
        within("the ledger to stop", self.world.take("ledger").stop()).await.unwrap();
    }

    pub(crate) fn client(&self, url: &str, credentials: Credentials) -> Client {
        LedgerServiceClient::new(self.world.upstream(url, credentials).as_service())
    }

    pub(crate) fn callers(&self, url: &str, credentials: Credentials) -> Callers {
        CallerServiceClient::new(self.world.upstream(url, credentials).as_service())
    }

    /// Somebody on the telephone with a caller.
    pub(crate) fn on_the_phone(&self, url: &str) -> Callers {
        self.callers(url, self.world.identity().person("telephony-desk", "amelie.roy", &["responder"], None))
    }

    pub(crate) fn responder(&self, url: &str) -> Client {
        self.client(url, self.world.identity().person("telephony-desk", "amelie.roy", &["responder"], None))
    }

    pub(crate) fn supervisor(&self, url: &str) -> Client {
        self.client(url, self.world.identity().person("case-desk", "marc.gagnon", &["supervisor"], None))
    }

    pub(crate) fn compliance(&self, url: &str) -> Client {
        self.client(url, self.world.identity().person("console", "jo.chen", &["compliance"], None))
    }

    pub(crate) fn service(&self, url: &str, name: &str) -> Client {
        self.client(url, self.world.identity().service(name))
    }

    pub(crate) fn key_encryption_key() -> KeyEncryptionKey {
        KeyEncryptionKey::parse("test".parse().unwrap(), KEY_ENCRYPTION_KEY).unwrap()
    }

    /// A copy of the keys' bucket, as a backup holds it.
    pub(crate) async fn copy_of_bucket(&mut self) -> StreamCopy {
        self.world.nats_mut().copy_of("KV_KEYS").await
    }

    pub(crate) async fn put_back(&mut self, copy: &StreamCopy) {
        self.world.nats_mut().put_back(copy).await;
    }

    pub(crate) async fn bucket(&self) -> KeyBucket {
        let connection = Connection::open(&self.nats()).await.unwrap();
        KeyBucket::open(connection, &BucketConfig { create: false, ..STORE }).await.unwrap()
    }

    /// Every block of the log, verified by a reader of its own.
    pub(crate) async fn log(&self) -> Vec<VerifiedBlock> {
        let connection = Connection::open(&self.nats()).await.unwrap();
        let config = LogConfig { create: false, ..LOG };
        let log = EventLog::open(connection, config, self.key_ring.clone()).await.unwrap();
        let last = log.last_number().await.unwrap();
        let mut follower = log.follow(log.genesis());
        let mut blocks = Vec::new();
        while follower.head().number() < last {
            blocks.push(within("a block", follower.next()).await.unwrap());
        }
        blocks
    }
}

pub(crate) fn new_event(stream_id: &str, payload: Payload) -> NewEvent {
    NewEvent {
        stream_id: stream_id.to_owned(),
        payload: Some(new_event::Payload::CaseEvent(CaseEvent { payload: Some(payload) })),
        ..NewEvent::default()
    }
}

pub(crate) fn command(events: Vec<NewEvent>) -> AppendRequest {
    AppendRequest { command_id: fresh_id(), events, ..AppendRequest::default() }
}

pub(crate) fn expecting(mut request: AppendRequest, stream_id: &str, revision: u64) -> AppendRequest {
    request.expected.push(StreamExpectation { stream_id: stream_id.to_owned(), revision });
    request
}

pub(crate) async fn append(client: &mut Client, request: &AppendRequest) -> Result<AppendResponse, Status> {
    Ok(client.append(request.clone()).await?.into_inner())
}

pub(crate) async fn acknowledged(client: &mut Client, events: Vec<NewEvent>) -> Acknowledgement {
    append(client, &command(events)).await.unwrap().acknowledgement.unwrap()
}

/// Opens a case; its id.
pub(crate) async fn open_case(client: &mut Client) -> String {
    let case = fresh_id();
    acknowledged(client, vec![opened(&case)]).await;
    case
}

pub(crate) fn opened(case: &str) -> NewEvent {
    let opened = CaseOpened {
        channel: Channel::Phone.into(),
        language: Language::Other.into(),
        jurisdiction: Jurisdiction::On.into(),
        ..CaseOpened::default()
    };
    new_event(case, Payload::CaseOpened(opened))
}

pub(crate) fn triaged(case: &str) -> NewEvent {
    new_event(case, Payload::TriageAssessed(TriageAssessed { level: TriageLevel::NotUrgent.into() }))
}

pub(crate) fn identified(case: &str, subject: &str, role: PersonRole, name: &str) -> NewEvent {
    let person = PersonIdentified {
        subject_id: subject.to_owned(),
        roles: vec![role.into()],
        family_name: name.to_owned(),
        ..PersonIdentified::default()
    };
    new_event(case, Payload::PersonIdentified(person))
}

pub(crate) fn situated(case: &str, subject: &str) -> NewEvent {
    let situation = SituationRecorded {
        subject_id: subject.to_owned(),
        exploitation: vec![TypeOfExploitation::ForcedLabour.into()],
        since: "2026-02".to_owned(),
        ..SituationRecorded::default()
    };
    new_event(case, Payload::SituationRecorded(situation))
}

pub(crate) fn reading(case: &str) -> ReadCaseRequest {
    let reason = AccessReason::WorkingTheCase.into();
    ReadCaseRequest { case_id: case.to_owned(), reason, ..ReadCaseRequest::default() }
}

/// All events of a case as the client sees them.
pub(crate) async fn read(client: &mut Client, request: ReadCaseRequest) -> Vec<RecordedEvent> {
    client.read_case(request).await.unwrap().into_inner().events
}

pub(crate) fn payload(event: &RecordedEvent) -> &Payload {
    let Some(recorded_event::Payload::CaseEvent(event)) = &event.payload else { panic!("no case event") };
    event.payload.as_ref().expect("a payload")
}

pub(crate) fn family_name(event: &RecordedEvent) -> &str {
    let Payload::PersonIdentified(person) = payload(event) else { panic!("nobody is identified") };
    &person.family_name
}

/// The fields that a refusal names.
pub(crate) fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let details = status.get_details_bad_request().expect("a bad request names fields");
    details.field_violations.into_iter().map(|violation| violation.field).collect()
}

/// The rules that a refusal names.
pub(crate) fn rules(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
    let details = status.get_details_precondition_failure().expect("a failed precondition names rules");
    details.violations.into_iter().map(|violation| violation.r#type).collect()
}

pub(crate) fn at(timestamp: Timestamp) -> Option<prost_types::Timestamp> {
    Some(to_timestamp(timestamp))
}
