//! Égide as it runs: a ledger in a process of its own with everything it does (mutual TLS, proof of who calls, validation,
//! sealing, signing, idempotency, fence), on a real `nats-server` that flushes before it answers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use egide_servicekit::channel::Authenticated;
use egide_servicekit::identity::Credentials;
use egide_servicekit::tls::{Connector, Tls};
use egide_testkit::{TestIdentity, fresh_id};
use egide_tests::case::command;
use egide_tests::{Plan, Role, World, events, who};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{AgeBand, Channel, Jurisdiction, PersonRole};
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, ReadCaseRequest, StreamExpectation};
use prost::Message as _;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;

use crate::load::{Client, EVENT_BYTES, EVENTS_PER_CASE, Error};
use crate::process::Server;
use crate::replay::Replay;

/// The service that all clients are instances of; each calls for a responder of its own.
const SERVICE: &str = "telephony-desk";
/// Events of one command while the log is filled.
const FILLED_AT_ONCE: u64 = 50;
/// Commands under way while the log is filled.
const COMMANDS_AT_ONCE: usize = 64;

/// Where the ledger is, and the folder of the authority and the issuer that it believes.
#[derive(Serialize, Deserialize)]
struct At {
    url: String,
    data: PathBuf,
}

/// Serves until the input ends; `replay` on the input is answered with a [`Replay`].
pub(crate) async fn serve() -> Result<(), Error> {
    let level = tracing::level_filters::LevelFilter::WARN;
    let plan = Plan { roles: &[Role::Ledger], level, threads: threads()?, ..Plan::default() };
    let world = World::with(plan).await;
    let at = At { url: world.url(Role::Ledger), data: world.data().to_owned() };
    println!("{}", serde_json::to_string(&at)?);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if line == "replay" {
            println!("{}", serde_json::to_string(&replay(&world).await?)?);
        }
    }
    world.stop(|_| {}).await;
    Ok(())
}

/// As many as `egide serve` would run on: one for each processor, or what this variable says.
fn threads() -> Result<usize, Error> {
    match std::env::var("TOKIO_WORKER_THREADS") {
        Ok(threads) => Ok(threads.parse()?),
        Err(_) => Ok(std::thread::available_parallelism()?.get()),
    }
}

/// Reads the whole log as every reader does: each block's hash, signature and place are checked.
async fn replay(world: &World) -> Result<Replay, Error> {
    let log = world.event_log();
    let last = log.last_number().await?;
    let began = Instant::now();
    let mut follower = log.follow(log.genesis());
    let mut events = 0;
    while follower.head().number() < last {
        for block in follower.next_batch(64).await? {
            events += block.events().count() as u64;
        }
    }
    Ok(Replay { events, seconds: began.elapsed().as_secs_f64() })
}

type Ledger = LedgerServiceClient<Authenticated>;

pub(crate) struct Egide {
    pub(crate) server: Server,
    endpoint: Endpoint,
    identity: TestIdentity,
    tls: Arc<Tls>,
}

impl Egide {
    pub(crate) async fn start() -> Result<Self, Error> {
        let (server, At { url, data }) = Server::of_ours(&["egide"]).await?;
        let identity = TestIdentity::in_directory(&data);
        let tls = identity.tls(SERVICE);
        // Other systems' clients bring tonic's own TLS into this program, which then refuses `https` over another's: the
        // connector secures the connection whatever the scheme says.
        let endpoint = Endpoint::from_shared(url.replacen("https:", "http:", 1))?.tcp_nodelay(true);
        Ok(Self { server, endpoint, identity, tls })
    }

    /// For a responder, and for the service alone.
    fn ledger(&self, number: usize) -> Result<(Ledger, Ledger), Error> {
        let service = Credentials::by_certificate();
        let who = who::staff(SERVICE, &format!("responder.{number}"), &["responder"]);
        let person = who.person().ok_or("a responder is a person")?;
        let person = service.for_minted_person(Arc::clone(self.identity.issuer()), person);
        // A connection of its own for each client.
        let connector = Connector::new(Arc::clone(&self.tls), "ledger".parse()?);
        let channel = self.endpoint.connect_with_connector_lazy(connector);
        let ledger = |credentials| LedgerServiceClient::new(InterceptedService::new(channel.clone(), credentials));
        Ok((ledger(person), ledger(service)))
    }

    pub(crate) fn client(&self, number: usize) -> Result<Box<dyn Client>, Error> {
        let (ledger, alone) = self.ledger(number)?;
        Ok(Box::new(Cases { ledger, alone, cases: Vec::new() }))
    }

    /// Appends so many events through the ledger, fifty in a command.
    pub(crate) async fn fill(&self, events: u64) -> Result<(), Error> {
        use futures_util::StreamExt as _;
        let (ledger, _) = self.ledger(0)?;
        let one = |_| {
            let mut ledger = ledger.clone();
            async move {
                let case = Case::new();
                let mut payloads = case.opening();
                let left = FILLED_AT_ONCE.saturating_sub(payloads.len() as u64);
                payloads.extend((0..left).map(|_| case.event()));
                ledger.append(command(&case.id, payloads)).await?;
                Ok::<(), Error>(())
            }
        };
        let commands = futures_util::stream::iter(0..events.div_ceil(FILLED_AT_ONCE));
        let mut commands = commands.map(one).buffer_unordered(COMMANDS_AT_ONCE);
        while let Some(appended) = commands.next().await {
            appended?;
        }
        Ok(())
    }

    /// Reads everything, in order, verified.
    pub(crate) async fn replay(&mut self) -> Result<Replay, Error> {
        self.server.ask("replay").await
    }
}

/// A case of a client.
struct Case {
    id: String,
    victim: String,
}

/// Events that open a case.
const OPENING: u64 = 4;

impl Case {
    fn new() -> Self {
        Self { id: fresh_id(), victim: fresh_id() }
    }

    fn opening(&self) -> Vec<Payload> {
        vec![
            events::opened(Jurisdiction::Bc),
            events::person(&self.victim, &[PersonRole::PotentialVictim, PersonRole::Caller], "Marisol", "Quillfeather"),
            events::age(&self.victim, AgeBand::From19),
            events::tip(&fresh_id(), Channel::Phone, &self.victim),
        ]
    }

    /// Where the person is: the street identifies, so it is sealed; what else is said does not.
    fn event(&self) -> Payload {
        events::whereabouts(&self.victim, Jurisdiction::Bc, &"17 Lanternfish Way, second floor ".repeat(6))
    }

    fn command(&self, before: u64) -> AppendRequest {
        let expected = vec![StreamExpectation { stream_id: self.id.clone(), revision: OPENING + before }];
        AppendRequest { expected, ..command(&self.id, vec![self.event()]) }
    }
}

struct Cases {
    ledger: Ledger,
    alone: Ledger,
    cases: Vec<Case>,
}

impl Cases {
    fn case(&self, case: u64) -> Result<&Case, Error> {
        self.cases.get(usize::try_from(case)?).ok_or_else(|| "no such case".into())
    }
}

#[async_trait]
impl Client for Cases {
    async fn prepare(&mut self, cases: u64) -> Result<(), Error> {
        self.cases.clear();
        for _ in 0..cases {
            let case = Case::new();
            self.ledger.append(command(&case.id, case.opening())).await?;
            self.cases.push(case);
        }
        Ok(())
    }

    async fn append(&mut self, case: u64, before: u64) -> Result<(), Error> {
        let command = self.case(case)?.command(before);
        debug_assert!(command.encoded_len().abs_diff(EVENT_BYTES) < 50, "{} bytes", command.encoded_len());
        self.ledger.append(command).await?;
        Ok(())
    }

    /// For a service, as the events stand in the log.
    async fn read(&mut self, case: u64) -> Result<Option<u64>, Error> {
        let request = ReadCaseRequest { case_id: self.case(case)?.id.clone(), ..ReadCaseRequest::default() };
        let events = self.alone.read_case(request).await?.into_inner().events.len() as u64;
        Ok(Some(events.saturating_sub(OPENING).min(EVENTS_PER_CASE)))
    }
}
