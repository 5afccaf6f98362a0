//! A ledger on a real `nats-server`, directories in front of it, and people who use them.

use egide_crypto::sign::{KeyRing, SigningKey};
use egide_crypto::wrap::KeyEncryptionKey;
use egide_eventlog::{BucketConfig, Connection, ConnectionConfig, EventLog, LogConfig};
use egide_servicekit::channel::{Authenticated, Upstream};
use egide_servicekit::clock;
use egide_servicekit::policy::LoadedPolicy;
use egide_testkit::{TestWorld, fresh_id};
use egide_wire::proto::egide::directory::v1::directory_service_client::DirectoryServiceClient;
use egide_wire::proto::egide::directory::v1::{
    DirectoryReceipt, GetOrganizationRequest, OrganizationEntry, OrganizationRegistered, RegisterOrganizationRequest,
    UnitRegistered,
};
use tonic::Status;

/// The world, and what directories are started with.
pub(crate) struct House {
    pub(crate) world: TestWorld,
    pub(crate) ledger_url: String,
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
            log: log_config(true),
            keys: BucketConfig { create: true, replicas: 1 },
            projection: world.projection("ledger"),
            key_encryption_keys: KeyEncryptionKey::generate("test-1".parse().unwrap()).unwrap().into(),
            key_on_store_disk: false,
            signing_key: document,
            anchor: keys.clone().into(),
            verifier: world.identity().verifier(),
            policy: LoadedPolicy::embedded().unwrap(),
            clock: clock::now,
        };
        let ledger = egide_ledger::start(config, world.shutdown()).await.unwrap();
        let ledger_url = world.keep(ledger);
        Self { world, ledger_url, keys }
    }

    /// Starts a directory with the projection of this name, that reaches the ledger at `ledger_url`.
    pub(crate) async fn directory(&mut self, projection: &str, ledger_url: &str) -> Desk {
        let connection = Connection::open(&nats(&self.world)).await.unwrap();
        let log = EventLog::open(connection, log_config(false), self.keys.clone()).await.unwrap();
        let config = egide_directory::Config {
            listen: self.world.listen(),
            verifier: self.world.identity().verifier(),
            log,
            projection: self.world.projection(projection),
            ledger: self.world.upstream(ledger_url, self.world.identity().service("directory")),
            sign_in: None,
            development: false,
        };
        let running = egide_directory::start(config, self.world.shutdown()).await.unwrap();
        let url = self.world.keep(running);
        self.desk(&url, &["partnership_specialist"])
    }

    /// The directory at `url`, called by a service for nobody.
    pub(crate) fn as_service(&self, url: &str, service: &str) -> DirectoryServiceClient<Authenticated> {
        let credentials = self.world.identity().service(service);
        DirectoryServiceClient::new(self.world.upstream(url, credentials).as_service())
    }

    /// The directory at `url`, used by somebody with these roles.
    pub(crate) fn desk(&self, url: &str, roles: &[&str]) -> Desk {
        let credentials = self.world.identity().person("console", "amelie.roy", roles, None);
        Desk { url: url.to_owned(), upstream: self.world.upstream(url, credentials) }
    }
}

fn nats(world: &TestWorld) -> ConnectionConfig {
    ConnectionConfig::new(world.nats().url()).with_user(world.nats().user(), world.nats().password())
}

fn log_config(create: bool) -> LogConfig {
    LogConfig { create, max_bytes: 256 * 1024 * 1024, replicas: 1 }
}

/// Somebody at a directory.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) url: String,
    upstream: Upstream,
}

impl Desk {
    pub(crate) fn client(&self) -> DirectoryServiceClient<Authenticated> {
        DirectoryServiceClient::new(self.upstream.as_service())
    }

    pub(crate) async fn register(
        &self,
        command_id: &str,
        organization: OrganizationRegistered,
    ) -> Result<DirectoryReceipt, Status> {
        let request =
            RegisterOrganizationRequest { command_id: command_id.to_owned(), organization: Some(organization) };
        let response = self.client().register_organization(request).await?;
        Ok(response.into_inner().receipt.unwrap())
    }

    pub(crate) async fn get(&self, organization_id: &str) -> Result<OrganizationEntry, Status> {
        let request = GetOrganizationRequest { organization_id: organization_id.to_owned() };
        Ok(self.client().get_organization(request).await?.into_inner().entry.unwrap())
    }
}

pub(crate) fn organization(organization_id: &str, name: &str) -> OrganizationRegistered {
    OrganizationRegistered {
        organization_id: organization_id.to_owned(),
        name_en: name.to_owned(),
        kind: 4,
        verified: true,
        national: true,
        ..OrganizationRegistered::default()
    }
}

pub(crate) fn unit(organization_id: &str, unit_id: &str) -> UnitRegistered {
    UnitRegistered {
        unit_id: unit_id.to_owned(),
        organization_id: organization_id.to_owned(),
        name_fr: "Accueil".to_owned(),
        kind: 4,
        purposes: vec![4],
        national: true,
        callback_number: "613-555-0142".to_owned(),
        ..UnitRegistered::default()
    }
}

/// A registered organisation.
pub(crate) async fn registered(desk: &Desk) -> String {
    let id = fresh_id();
    desk.register(&fresh_id(), organization(&id, "Harbour Shelter")).await.unwrap();
    id
}
