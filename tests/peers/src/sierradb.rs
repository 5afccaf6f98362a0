//! SierraDB: the Redis protocol, flushed before the answer on its own schedule; it speaks no TLS.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::{env, fs};

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{Value, cmd};
use tokio::process::Command;

use crate::load::{Client, EVENT_BYTES, EVENTS_PER_CASE, Error};
use crate::process::Server;

/// Names the server's program.
const PROGRAM: &str = "EGIDE_PEERS_SIERRADB";

pub(crate) struct SierraDb {
    pub(crate) server: Server,
    url: String,
}

/// The program, if it was installed.
pub(crate) fn program() -> Option<PathBuf> {
    env::var_os(PROGRAM).map(PathBuf::from).filter(|path| path.is_file())
}

impl SierraDb {
    pub(crate) async fn start(program: &Path, folder: &Path) -> Result<Self, Error> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let data = folder.join("sierradb");
        fs::create_dir(&data)?;
        let config = folder.join("sierradb.toml");
        // Its defaults otherwise: the flush too.
        fs::write(&config, "[network]\ncluster_enabled = false\n")?;
        let mut command = Command::new(program);
        command.args(["--client-address", &format!("127.0.0.1:{port}"), "--log", "ERROR", "--config"]);
        command.arg(&config).arg("--dir").arg(&data);
        let server = Server::of_others(command, &folder.join("sierradb.log"))?;
        let started = Self { server, url: format!("redis://127.0.0.1:{port}/?protocol=resp3") };
        crate::patiently(|| async { started.connect().await.map(drop) }).await?;
        Ok(started)
    }

    async fn connect(&self) -> Result<MultiplexedConnection, Error> {
        Ok(redis::Client::open(self.url.as_str())?.get_multiplexed_async_connection().await?)
    }

    pub(crate) async fn client(&self, number: usize) -> Result<Box<dyn Client>, Error> {
        Ok(Box::new(Streams { connection: self.connect().await?, number, generation: 0, payload: vec![0x5a; EVENT_BYTES] }))
    }
}

struct Streams {
    connection: MultiplexedConnection,
    number: usize,
    generation: u64,
    payload: Vec<u8>,
}

#[async_trait]
impl Client for Streams {
    async fn prepare(&mut self, _: u64) -> Result<(), Error> {
        self.generation += 1;
        Ok(())
    }

    async fn append(&mut self, case: u64, before: u64) -> Result<(), Error> {
        let mut append = cmd("EAPPEND");
        append.arg(format!("case-{}-{}-{case}", self.number, self.generation)).arg("WhereaboutsRecorded").arg("EXPECTED_VERSION");
        match before.checked_sub(1) {
            None => append.arg("EMPTY"),
            Some(version) => append.arg(version),
        };
        append.arg("PAYLOAD").arg(self.payload.as_slice());
        let _: Value = append.query_async(&mut self.connection).await?;
        Ok(())
    }

    async fn read(&mut self, case: u64) -> Result<Option<u64>, Error> {
        let mut scan = cmd("ESCAN");
        scan.arg(format!("case-{}-{}-{case}", self.number, self.generation)).arg("-").arg("+").arg("COUNT").arg(EVENTS_PER_CASE);
        let answer: Value = scan.query_async(&mut self.connection).await?;
        let Value::Map(fields) = answer else { return Err("the scan's answer is no map".into()) };
        let events = fields.iter().find_map(|(name, value)| match (name, value) {
            (Value::SimpleString(name), Value::Array(events)) if name == "events" => Some(events.len() as u64),
            _ => None,
        });
        Ok(Some(events.ok_or("the scan's answer holds no events")?))
    }
}
