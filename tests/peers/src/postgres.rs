//! An event store on PostgreSQL: the repository of `postgres-es`, every commit flushed before the answer.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use async_trait::async_trait;
use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{PersistedEventRepository as _, SerializedEvent};
use cqrs_es::{Aggregate, DomainEvent};
use postgres_es::PostgresEventRepository;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{Executor as _, Pool, Postgres as Database};
use tokio::process::Command;

use crate::load::{Client, EVENT_BYTES, EVENTS_PER_CASE, Error};
use crate::process::Server;
use crate::replay::Replay;
use crate::tls::Certificates;

/// Whom the server runs as when this program is run by the administrator, whom it refuses: nobody.
const NOBODY: u32 = 65_534;
/// Where Debian keeps the programs.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The tables, as the library's documentation lays them out.
const TABLES: &str = "CREATE TABLE IF NOT EXISTS events (
    aggregate_type text NOT NULL,
    aggregate_id text NOT NULL,
    sequence bigint CHECK (sequence >= 0) NOT NULL,
    event_type text NOT NULL,
    event_version text NOT NULL,
    payload json NOT NULL,
    metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence))";
/// Events that wait between the database and a reader.
const REPLAY_AHEAD: usize = 1_000;

pub(crate) struct Postgres {
    pub(crate) server: Server,
    options: PgConnectOptions,
}

impl Postgres {
    pub(crate) async fn start(folder: &Path, certificates: Option<&Certificates>) -> Result<Self, Error> {
        let data = folder.join("postgres");
        let own = is_administrator();
        fs::create_dir(&data)?;
        if own {
            chown(&data, Some(NOBODY), Some(NOBODY))?;
        }
        let mut initdb = as_nobody(Command::new(program("initdb")?), own);
        let made = initdb.args(["-U", "bench", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"]);
        let made = made.arg(&data).output().await?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)).into());
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        configure(&data, port, certificates, own)?;
        let mut command = as_nobody(Command::new(program("postgres")?), own);
        command.arg("-D").arg(&data);
        let server = Server::of_others(command, &folder.join("postgres.log"))?;
        let mut options = PgConnectOptions::new().host("localhost").port(port).username("bench").database("postgres");
        options = match certificates {
            None => options.ssl_mode(PgSslMode::Disable),
            Some(certificates) => options
                .ssl_mode(PgSslMode::VerifyFull)
                .ssl_root_cert(certificates.path("ca.pem"))
                .ssl_client_cert(certificates.path("client.pem"))
                .ssl_client_key(certificates.path("client.key")),
        };
        let started = Self { server, options };
        crate::patiently(|| async { Ok(started.pool().await?.execute(TABLES).await.map(drop)?) }).await?;
        Ok(started)
    }

    async fn pool(&self) -> Result<Pool<Database>, Error> {
        Ok(PgPoolOptions::new().max_connections(1).test_before_acquire(false).connect_with(self.options.clone()).await?)
    }

    pub(crate) async fn client(&self, number: usize) -> Result<Box<dyn Client>, Error> {
        Ok(Box::new(Cases { repository: PostgresEventRepository::new(self.pool().await?), number, generation: 0 }))
    }

    pub(crate) async fn fill(&self, events: u64) -> Result<(), Error> {
        let cases = events.div_ceil(EVENTS_PER_CASE);
        let statement = format!(
            "INSERT INTO events SELECT 'case', 'filled-' || at / {EVENTS_PER_CASE}, at % {EVENTS_PER_CASE}, \
             'WhereaboutsRecorded', '1', '{}', '{{}}' FROM generate_series(0, {} - 1) AS at",
            payload(),
            cases * EVENTS_PER_CASE
        );
        Ok(self.pool().await?.execute(statement.as_str()).await.map(drop)?)
    }

    /// Reads everything, in order.
    pub(crate) async fn replay(&self) -> Result<Replay, Error> {
        let repository = PostgresEventRepository::new(self.pool().await?).with_streaming_channel_size(REPLAY_AHEAD);
        let began = Instant::now();
        let mut all = repository.stream_all_events::<Case>().await?;
        let mut events = 0;
        while let Some(event) = all.next::<Case>(&[]).await {
            event?;
            events += 1;
        }
        Ok(Replay { events, seconds: began.elapsed().as_secs_f64() })
    }
}

fn is_administrator() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}

fn as_nobody(mut command: Command, own: bool) -> Command {
    if own {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.env("LC_ALL", "C");
    command
}

/// From PATH, or where Debian keeps it.
fn program(name: &str) -> Result<PathBuf, Error> {
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path = env::split_paths(&path).map(|folder| folder.join(name));
    let of_debian = fs::read_dir(DEBIAN).into_iter().flatten().flatten().map(|version| version.path().join("bin").join(name));
    let found = of_debian.chain(in_path).find(|path| path.is_file());
    found.ok_or_else(|| format!("no `{name}`: install PostgreSQL").into())
}

fn configure(data: &Path, port: u16, certificates: Option<&Certificates>, own: bool) -> Result<(), Error> {
    use std::io::Write as _;
    let mut settings = format!(
        "port = {port}\nlisten_addresses = 'localhost'\nunix_socket_directories = ''\nmax_connections = 200\n\
         shared_buffers = '256MB'\nmax_wal_size = '4GB'\nfsync = on\nsynchronous_commit = on\nfull_page_writes = on\n"
    );
    let mut rules = "host all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\n".to_owned();
    if let Some(certificates) = certificates {
        settings.push_str(
            "ssl = on\nssl_ca_file = 'ca.pem'\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\n\
             ssl_min_protocol_version = 'TLSv1.3'\n",
        );
        for name in ["ca.pem", "server.pem", "server.key"] {
            let copy = data.join(name);
            fs::copy(certificates.folder().join(name), &copy)?;
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o600))?;
            if own {
                chown(&copy, Some(NOBODY), Some(NOBODY))?;
            }
        }
        rules = "hostssl all all 127.0.0.1/32 trust clientcert=verify-ca\nhostssl all all ::1/128 trust clientcert=verify-ca\n".to_owned();
    }
    fs::OpenOptions::new().append(true).open(data.join("postgresql.conf"))?.write_all(settings.as_bytes())?;
    Ok(fs::write(data.join("pg_hba.conf"), rules)?)
}

/// JSON of as many bytes as the others' events.
fn payload() -> serde_json::Value {
    json!({ "WhereaboutsRecorded": { "sealed": "Z".repeat(EVENT_BYTES - 40) } })
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Case;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Event {
    WhereaboutsRecorded { sealed: String },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "WhereaboutsRecorded".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Aggregate for Case {
    const TYPE: &'static str = "case";
    type Command = ();
    type Event = Event;
    type Error = std::io::Error;
    type Services = ();

    async fn handle(&mut self, (): (), (): &(), _: &EventSink<Self>) -> Result<(), std::io::Error> {
        Ok(())
    }

    fn apply(&mut self, _: Event) {}
}

struct Cases {
    repository: PostgresEventRepository,
    number: usize,
    generation: u64,
}

impl Cases {
    fn case(&self, case: u64) -> String {
        format!("case-{}-{}-{case}", self.number, self.generation)
    }
}

#[async_trait]
impl Client for Cases {
    async fn prepare(&mut self, _: u64) -> Result<(), Error> {
        self.generation += 1;
        Ok(())
    }

    async fn append(&mut self, case: u64, before: u64) -> Result<(), Error> {
        // The place in the sequence is the check: two that hold the same cannot both be inserted.
        let event = SerializedEvent::new(
            self.case(case),
            usize::try_from(before)?,
            Case::TYPE.to_owned(),
            "WhereaboutsRecorded".to_owned(),
            "1".to_owned(),
            payload(),
            json!({}),
        );
        Ok(self.repository.persist::<Case>(&[event], None).await?)
    }

    async fn read(&mut self, case: u64) -> Result<Option<u64>, Error> {
        Ok(Some(self.repository.get_events::<Case>(&self.case(case)).await?.len() as u64))
    }
}
