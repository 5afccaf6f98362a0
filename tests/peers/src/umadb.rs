//! UmaDB: gRPC, flushed before the answer. Its server shows a certificate and asks for none.

use std::net::TcpListener;
use std::path::Path;
use std::time::Instant;

use async_trait::async_trait;
use tokio::process::Command;
use umadb_client::{AsyncUmaDbClient, UmaDbClient};
use umadb_dcb::{DcbAppendCondition, DcbEvent, DcbEventStoreAsync, DcbQuery, DcbQueryItem};

use crate::load::{Client, EVENT_BYTES, EVENTS_PER_CASE, Error};
use crate::process::Server;
use crate::replay::Replay;
use crate::tls::Certificates;

/// Events of one request while the store is filled.
const FILLED_AT_ONCE: u64 = 1_000;
/// Events of one message while everything is read.
const READ_AT_ONCE: u32 = 1_000;

/// Runs the server's own program.
pub(crate) fn serve(arguments: &[String]) -> Result<(), Error> {
    let arguments = std::iter::once("umadb".to_owned()).chain(arguments.iter().cloned());
    let options = umadb::parse_cli_options(arguments).map_err(|error| error.to_string())?;
    umadb::start_server_with_cli_options(options).map_err(|error| error.to_string().into())
}

pub(crate) struct UmaDb {
    pub(crate) server: Server,
    url: String,
    ca: Option<String>,
}

impl UmaDb {
    pub(crate) async fn start(folder: &Path, certificates: Option<&Certificates>) -> Result<Self, Error> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", "umadb", "--listen", &format!("127.0.0.1:{port}"), "--db-path"]);
        command.arg(folder.join("umadb.db"));
        if let Some(certificates) = certificates {
            command.args(["--tls-cert", &certificates.path("server.pem")]);
            command.args(["--tls-key", &certificates.path("server.key")]);
        }
        let server = Server::of_others(command, &folder.join("umadb.log"))?;
        let scheme = if certificates.is_some() { "https" } else { "http" };
        let started = Self {
            server,
            url: format!("{scheme}://localhost:{port}"),
            ca: certificates.map(|certificates| certificates.path("ca.pem")),
        };
        crate::patiently(|| async { started.connect().await.map(drop) }).await?;
        Ok(started)
    }

    async fn connect(&self) -> Result<AsyncUmaDbClient, Error> {
        let mut client = UmaDbClient::new(self.url.clone()).batch_size(READ_AT_ONCE);
        if let Some(ca) = &self.ca {
            client = client.ca_path(ca.clone());
        }
        let client = client.connect_async().await.map_err(Box::new)?;
        client.head().await.map_err(Box::new)?;
        Ok(client)
    }

    pub(crate) async fn client(&self, number: usize) -> Result<Box<dyn Client>, Error> {
        Ok(Box::new(UmaDbCases { client: self.connect().await?, number, generation: 0, last: None }))
    }

    pub(crate) async fn fill(&self, events: u64) -> Result<(), Error> {
        let client = self.connect().await?;
        let mut left = events;
        while left > 0 {
            let now = left.min(FILLED_AT_ONCE);
            let case = |at: u64| format!("case:filled-{}", (left - at) / EVENTS_PER_CASE);
            client.append((0..now).map(|at| event(&case(at))).collect(), None, None).await.map_err(Box::new)?;
            left -= now;
        }
        Ok(())
    }

    /// Reads everything, in order.
    pub(crate) async fn replay(&self) -> Result<Replay, Error> {
        let client = self.connect().await?;
        let began = Instant::now();
        let mut all = client.read(None, None, false, None).await.map_err(Box::new)?;
        let mut events = 0;
        loop {
            let batch = all.next_batch().await.map_err(Box::new)?;
            if batch.is_empty() {
                return Ok(Replay { events, seconds: began.elapsed().as_secs_f64() });
            }
            events += batch.len() as u64;
        }
    }
}

fn event(case: &str) -> DcbEvent {
    DcbEvent::new().event_type("WhereaboutsRecorded").tags([case]).data(vec![0x5a; EVENT_BYTES])
}

struct UmaDbCases {
    client: AsyncUmaDbClient,
    number: usize,
    generation: u64,
    /// Position of the case's last event.
    last: Option<u64>,
}

impl UmaDbCases {
    fn case(&self, case: u64) -> String {
        format!("case:{}-{}-{case}", self.number, self.generation)
    }
}

#[async_trait]
impl Client for UmaDbCases {
    async fn prepare(&mut self, _: u64) -> Result<(), Error> {
        self.generation += 1;
        Ok(())
    }

    async fn append(&mut self, case: u64, before: u64) -> Result<(), Error> {
        let tag = self.case(case);
        let of_the_case = DcbQuery::new().item(DcbQueryItem::new().tags([tag.as_str()]));
        let after = if before == 0 { None } else { self.last };
        let condition = DcbAppendCondition::new(of_the_case).after(after);
        let position = self.client.append(vec![event(&tag)], Some(condition), None).await.map_err(Box::new)?;
        self.last = Some(position);
        Ok(())
    }

    async fn read(&mut self, case: u64) -> Result<Option<u64>, Error> {
        let of_the_case = DcbQuery::new().item(DcbQueryItem::new().tags([self.case(case).as_str()]));
        let mut answer = self.client.read(Some(of_the_case), None, false, None).await.map_err(Box::new)?;
        let (events, _) = answer.collect_with_head().await.map_err(Box::new)?;
        Ok(Some(events.len() as u64))
    }
}
