//! A ledger and an audit service on a real nats-server, and the people who use them.

use std::path::PathBuf;
use std::time::Duration;

use egide_audit::transparency::Settings;
use egide_audit::{Config, History};
use egide_crypto::digest::sha256;
use egide_crypto::sign::{KeyRing, SigningKey, VerifyingKey};
use egide_crypto::wrap::KeyEncryptionKey;
use egide_domain::Millis;
use egide_eventlog::{BucketConfig, Connection, ConnectionConfig, EventLog, LogConfig, VerifiedBlock};
use egide_projection::{ModelError, Projection, ReadModel, Rows};
use egide_servicekit::channel::Authenticated;
use egide_servicekit::clock;
use egide_servicekit::identity::Credentials;
use egide_servicekit::policy::LoadedPolicy;
use egide_testkit::{FaultProxy, PATIENCE, TestWorld, adopt_policy, fresh_id, policy_digest, wait_until, within};
use egide_wire::convert::to_timestamp;
use egide_wire::proto::egide::audit::v1::access_event::Payload as Access;
use egide_wire::proto::egide::audit::v1::audit_service_client::AuditServiceClient;
use egide_wire::proto::egide::audit::v1::history_service_client::HistoryServiceClient;
use egide_wire::proto::egide::audit::v1::transparency_service_client::TransparencyServiceClient;
use egide_wire::proto::egide::audit::v1::{
    AccessEvent, AccessReason, AccessRecorded, AccountForPersonRequest, DisclosureFilter, ListDisclosuresRequest,
};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    Basis, BasisKind, CaseEvent, CaseOpened, Channel, DeliveryChannel, DisclosureDecided, Language, MaskEntry,
    MaskLevel, Obligation, ObligationKind, Outcome, PersonIdentified, PersonRole, Purpose, Reason, ReasonCode,
    ReferralDelivered, ReferralReleased, RequestRecord,
};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, Area, Event, NewEvent, new_event};
use prost::Message as _;
use zeroize::Zeroizing;

/// Who asks in these tests.
pub(crate) const ASKS: &str = "amelie.roy";

/// A log with a ledger and an audit service; NATS and ledger can be kept from the latter.
pub(crate) struct Stage {
    pub(crate) world: TestWorld,
    pub(crate) nats_of_audit: FaultProxy,
    pub(crate) ledger_of_audit: FaultProxy,
    ledger: String,
    audit: String,
    keys: KeyRing,
    log_key: Zeroizing<Vec<u8>>,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let mut world = TestWorld::start().await;
        let (key, document) = SigningKey::generate().unwrap();
        let mut keys = KeyRing::new();
        keys.insert(key.public_key(), None, None).unwrap();
        let running =
            egide_ledger::start(ledger_config(&world, document, keys.clone()), world.shutdown()).await.unwrap();
        let ledger_of_audit = FaultProxy::start(running.address()).await;
        let ledger = world.keep(running);
        adopt_policy(&world, &ledger).await;
        let nats_of_audit = FaultProxy::start(world.nats().address()).await;
        let (_, log_key) = SigningKey::generate().unwrap();
        let mut stage = Self { world, nats_of_audit, ledger_of_audit, ledger, audit: String::new(), keys, log_key };
        stage.start_audit(false).await;
        stage
    }

    /// Starts the audit service, again or for the first time.
    pub(crate) async fn start_audit(&mut self, rebuild: bool) {
        let credentials = self.world.identity().service("audit");
        let config = Config {
            listen: self.world.listen(),
            projection: self.projection(),
            rebuild,
            log: self.log(self.nats_of_audit.url("nats")).await,
            ledger: self.world.upstream(&self.ledger_of_audit.url("http"), credentials),
            verifier: self.world.identity().verifier(),
            transparency: self.transparency(),
        };
        let running = egide_audit::start(config, self.world.shutdown()).await.unwrap();
        self.audit = self.world.keep(running);
    }

    /// Stops the audit service; afterwards its projection can be opened here.
    pub(crate) async fn stop_audit(&mut self) {
        within("the audit service", self.world.take("audit").stop()).await.unwrap();
        self.freed().await;
    }

    /// Waits for the audit service to end by itself; why it did.
    pub(crate) async fn audit_ends(&mut self) -> String {
        let ended = within("the audit service", self.world.take("audit").finished()).await.unwrap_err().to_string();
        self.freed().await;
        ended
    }

    async fn freed(&self) {
        let log = self.log(self.world.nats().url()).await;
        // The files are free when the last task that held them is gone.
        wait_until("the projection to be free", PATIENCE, async || self.open(log.incarnation()).is_some()).await;
    }

    /// A log without witnesses that is published at every moment; its key stays the same over every start.
    fn transparency(&self) -> Settings {
        Settings {
            directory: self.world.projection("checkpoints"),
            key: SigningKey::from_pkcs8(&self.log_key).unwrap().into(),
            name: "example.org/log".parse().unwrap(),
            publish_every: Duration::from_millis(50),
            listen: None,
            witnesses: Vec::new(),
        }
    }

    fn projection(&self) -> PathBuf {
        self.world.projection("audit")
    }

    fn open(&self, incarnation: &str) -> Option<Projection<History>> {
        Projection::open(self.projection(), History, incarnation).ok()
    }

    /// Every row of the audit service, which must not be running.
    pub(crate) async fn rows(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let log = self.log(self.world.nats().url()).await;
        let history = self.open(log.incarnation()).unwrap();
        let view = history.view();
        view.prefix(&[]).map(|row| row.map(|(key, value)| (key, value.to_vec())).unwrap()).collect()
    }

    /// Puts another projection in the place of the audit service's, which must not be running: it follows the whole log and
    /// looks like the service's own, and its rows are wrong.
    pub(crate) async fn forge_projection(&self, forged: Forged) {
        let log = self.log(self.world.nats().url()).await;
        let last = log.last_number().await.unwrap();
        std::fs::remove_dir_all(self.projection()).unwrap();
        let forged = Projection::open(self.projection(), forged, log.incarnation()).unwrap();
        let mut follower = log.follow(log.genesis());
        while follower.head().number() < last {
            forged.applied(&within("a block", follower.next()).await.unwrap()).unwrap();
        }
    }

    async fn log(&self, url: String) -> EventLog {
        let nats = self.world.nats();
        let config = ConnectionConfig::new(url).with_user(nats.user(), nats.password());
        let connection = Connection::open(&config).await.unwrap();
        EventLog::open(connection, LogConfig { create: false, ..log_config() }, self.keys.clone()).await.unwrap()
    }

    /// Every event of the log, in order, as it stands there now.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let log = self.log(self.world.nats().url()).await;
        let last = log.last_number().await.unwrap();
        let mut follower = log.follow(log.genesis());
        let mut events = Vec::new();
        while follower.head().number() < last {
            let block = within("a block", follower.next()).await.unwrap();
            events.extend(block.events().map(|(_, _, event)| event.clone()));
        }
        events
    }

    /// Every look in the log, with whoever looked.
    pub(crate) async fn looks(&self) -> Vec<(String, AccessRecorded)> {
        let looks = self.events().await.into_iter().filter(|event| event.area() == Area::Access).map(|event| {
            let access = AccessEvent::decode(event.facts.as_slice()).unwrap().payload.unwrap();
            let Access::AccessRecorded(recorded) = access else { panic!("not a look") };
            (event.actor.unwrap().person, recorded)
        });
        looks.collect()
    }

    pub(crate) fn audit(&self, credentials: Credentials) -> AuditServiceClient<Authenticated> {
        AuditServiceClient::new(self.world.upstream(&self.audit, credentials).as_service())
    }

    pub(crate) fn transparency_of(&self, credentials: Credentials) -> TransparencyServiceClient<Authenticated> {
        TransparencyServiceClient::new(self.world.upstream(&self.audit, credentials).as_service())
    }

    /// The audit service as a member of the compliance staff sees it.
    pub(crate) fn compliance(&self) -> AuditServiceClient<Authenticated> {
        self.audit(self.person("console", ASKS, "compliance"))
    }

    /// The rest of the audit service as the same sees it.
    pub(crate) fn history(&self) -> HistoryServiceClient<Authenticated> {
        self.history_as(self.person("console", ASKS, "compliance"))
    }

    pub(crate) fn history_as(&self, credentials: Credentials) -> HistoryServiceClient<Authenticated> {
        HistoryServiceClient::new(self.world.upstream(&self.audit, credentials).as_service())
    }

    /// What exports are checked with.
    pub(crate) fn export_key(&self) -> VerifyingKey {
        SigningKey::from_pkcs8(&self.log_key).unwrap().public_key()
    }

    pub(crate) fn person(&self, service: &str, account: &str, role: &str) -> Credentials {
        self.world.identity().person(service, account, &[role], None)
    }

    /// Appends events of one case, each a command of its own; the case's revision afterwards.
    pub(crate) async fn append(&self, credentials: Credentials, case_id: &str, payload: Payload) -> u64 {
        let event = NewEvent {
            stream_id: case_id.to_owned(),
            payload: Some(new_event::Payload::CaseEvent(CaseEvent { payload: Some(payload) })),
            ..NewEvent::default()
        };
        let request = AppendRequest { command_id: fresh_id(), events: vec![event], ..AppendRequest::default() };
        let mut ledger = LedgerServiceClient::new(self.world.upstream(&self.ledger, credentials).as_service());
        let answer = ledger.append(request).await.unwrap().into_inner();
        answer.acknowledgement.unwrap().events[0].revision
    }

    /// A case with these people in it.
    pub(crate) async fn open_case(&self, people: usize) -> Case<'_> {
        let (case_id, people) = (fresh_id(), (0..people).map(|_| fresh_id()).collect::<Vec<_>>());
        let mut case = Case { stage: self, case_id, people, unit_id: fresh_id(), revision: 0 };
        let opened =
            CaseOpened { channel: Channel::Phone.into(), language: Language::English.into(), ..CaseOpened::default() };
        case.happens("case-desk", Payload::CaseOpened(opened)).await;
        for subject_id in case.people.clone() {
            let roles = vec![PersonRole::PotentialVictim.into()];
            let identified = PersonIdentified { subject_id, roles, ..PersonIdentified::default() };
            case.happens("case-desk", Payload::PersonIdentified(identified)).await;
        }
        case
    }
}

/// Goes by the name of the history, and writes something else.
pub(crate) enum Forged {
    /// Nothing of what the history writes.
    Nothing,
    /// All of it, and this row with its last byte changed.
    Row(Vec<u8>),
}

impl ReadModel for Forged {
    const NAME: &'static str = History::NAME;
    const VERSION: u32 = History::VERSION;

    fn apply(&self, block: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError> {
        let Self::Row(key) = self else {
            rows.insert(b"forged", b"row");
            return Ok(());
        };
        let before = rows.get(key)?;
        History.apply(block, rows)?;
        if let Some(mut row) = rows.get(key)?.filter(|_| before.is_none()) {
            *row.last_mut().unwrap() ^= 1;
            rows.insert(key, row);
        }
        Ok(())
    }
}

/// A case as it grows.
pub(crate) struct Case<'a> {
    stage: &'a Stage,
    pub(crate) case_id: String,
    pub(crate) people: Vec<String>,
    pub(crate) unit_id: String,
    revision: u64,
}

impl Case<'_> {
    pub(crate) async fn happens(&mut self, service: &str, payload: Payload) {
        let credentials = self.stage.person(service, "noor.haddad", "responder");
        self.revision = self.stage.append(credentials, &self.case_id, payload).await;
    }

    fn decision(&self, outcome: Outcome, people: &[usize]) -> DisclosureDecided {
        let now = clock::now();
        DisclosureDecided {
            decision_id: fresh_id(),
            request: Some(RequestRecord {
                unit_id: self.unit_id.clone(),
                organization_id: self.unit_id.clone(),
                purpose: Purpose::Investigation.into(),
                categories: vec![DataCategory::Situation.into()],
                subject_ids: people.iter().map(|index| self.people[*index].clone()).collect(),
                ..RequestRecord::default()
            }),
            outcome: outcome.into(),
            decided_at: Some(to_timestamp(now)),
            case_revision: self.revision,
            policy_version: "test".to_owned(),
            policy_digest: policy_digest(),
            classification_digest: vec![2; 32],
            ..DisclosureDecided::default()
        }
    }

    /// Refuses about these people; the decision's id.
    pub(crate) async fn refuses(&mut self, people: &[usize]) -> String {
        let reasons = vec![Reason { code: ReasonCode::NoConsent.into(), ..Reason::default() }];
        let decided = DisclosureDecided { reasons, ..self.decision(Outcome::Deny, people) };
        let decision_id = decided.decision_id.clone();
        self.happens("disclosure", Payload::DisclosureDecided(decided)).await;
        decision_id
    }

    /// Permits the situation of these people; the decision's id.
    pub(crate) async fn permits(&mut self, people: &[usize], obligations: &[ObligationKind]) -> String {
        let basis = Basis { kind: BasisKind::Consent.into(), reference_id: fresh_id(), ..Basis::default() };
        let mask = people.iter().map(|index| MaskEntry {
            subject_id: self.people[*index].clone(),
            category: DataCategory::Situation.into(),
            level: MaskLevel::Whole.into(),
            bases: vec![0],
            ..MaskEntry::default()
        });
        let obligations = obligations.iter().map(|kind| Obligation { kind: (*kind).into(), ..Obligation::default() });
        let decided = DisclosureDecided {
            bases: vec![basis],
            mask: mask.collect(),
            obligations: obligations.collect(),
            expires_at: Some(prost_types::Timestamp { seconds: clock::now_s() + 3_600, nanos: 0 }),
            form: "investigating-agency/1".to_owned(),
            ..self.decision(Outcome::Permit, people)
        };
        let decision_id = decided.decision_id.clone();
        self.happens("disclosure", Payload::DisclosureDecided(decided)).await;
        decision_id
    }

    /// Releases what the decision permits about these people; the referral's id.
    pub(crate) async fn releases(&mut self, decision_id: &str, people: &[usize]) -> String {
        let report = format!("{{\"salt\":\"{}\"}}", fresh_id()).into_bytes();
        let released = ReferralReleased {
            referral_id: fresh_id(),
            decision_id: decision_id.to_owned(),
            unit_id: self.unit_id.clone(),
            organization_id: self.unit_id.clone(),
            subject_ids: people.iter().map(|index| self.people[*index].clone()).collect(),
            form: "investigating-agency/1".to_owned(),
            language: Language::English.into(),
            report_digest: sha256(&report).as_bytes().to_vec(),
            key_id: "test".to_owned(),
            report,
            signature: vec![3; 64],
            ..ReferralReleased::default()
        };
        let referral_id = released.referral_id.clone();
        let digest = released.report_digest.clone();
        self.happens("disclosure", Payload::ReferralReleased(released)).await;
        let delivered = ReferralDelivered {
            delivery_id: fresh_id(),
            referral_id: referral_id.clone(),
            decision_id: decision_id.to_owned(),
            unit_id: self.unit_id.clone(),
            channel: DeliveryChannel::Grpc.into(),
            report_digest: digest,
            decided_at: Some(to_timestamp(clock::now())),
            expires_at: clock::now().checked_add(Millis::from_hours(1)).map(to_timestamp),
            case_revision: self.revision,
            policy_version: "test".to_owned(),
            ..ReferralDelivered::default()
        };
        self.happens("disclosure", Payload::ReferralDelivered(delivered)).await;
        referral_id
    }

    /// A question about this case, for a page of this size.
    pub(crate) fn list(&self, page_size: u32, page_token: &str) -> ListDisclosuresRequest {
        ListDisclosuresRequest {
            filter: Some(DisclosureFilter { case_id: self.case_id.clone(), ..DisclosureFilter::default() }),
            page_size,
            page_token: page_token.to_owned(),
            reason: AccessReason::Audit.into(),
        }
    }

    /// A question about a person of this case.
    pub(crate) fn account(&self, person: usize) -> AccountForPersonRequest {
        AccountForPersonRequest {
            case_id: self.case_id.clone(),
            subject_id: self.people[person].clone(),
            reason: AccessReason::PersonAsked.into(),
            ..AccountForPersonRequest::default()
        }
    }
}

fn log_config() -> LogConfig {
    LogConfig { create: true, max_bytes: 1 << 28, replicas: 1 }
}

fn ledger_config(world: &TestWorld, signing_key: Zeroizing<Vec<u8>>, key_ring: KeyRing) -> egide_ledger::Config {
    egide_ledger::Config {
        listen: world.listen(),
        nats: ConnectionConfig::new(world.nats().url()).with_user(world.nats().user(), world.nats().password()),
        log: log_config(),
        keys: BucketConfig { create: true, replicas: 1 },
        projection: world.projection("ledger"),
        key_encryption_keys: KeyEncryptionKey::generate("2026-q4".parse().unwrap()).unwrap().into(),
        key_on_store_disk: false,
        signing_key,
        anchor: key_ring.into(),
        verifier: world.identity().verifier(),
        policy: LoadedPolicy::embedded().unwrap(),
        clock: clock::now,
    }
}
