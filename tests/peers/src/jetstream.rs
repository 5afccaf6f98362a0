//! JetStream with nothing around it: one message for each event, flushed before the answer, on condition that the case's
//! subject is where the client left it.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Instant;

use async_nats::jetstream::{self, consumer, stream};
use async_nats::{ConnectOptions, HeaderMap};
use async_trait::async_trait;
use bytes::Bytes;
use egide_servicekit::nats::locate_nats_server;
use futures_util::StreamExt as _;
use tokio::process::Command;

use crate::load::{Client, EVENT_BYTES, EVENTS_PER_CASE, Error};
use crate::process::Server;
use crate::replay::Replay;
use crate::tls::Certificates;

/// Messages under way while the stream is filled.
const FILLED_AT_ONCE: usize = 256;

pub(crate) struct JetStream {
    pub(crate) server: Server,
    url: String,
    certificates: Option<Certificates>,
}

impl JetStream {
    pub(crate) async fn start(folder: &Path, certificates: Option<&Certificates>) -> Result<Self, Error> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut config = format!(
            "listen: 127.0.0.1:{port}\njetstream {{ store_dir: \"{}\", sync_interval: always }}\n",
            folder.join("jetstream").display()
        );
        if let Some(certificates) = certificates {
            let [cert, key, ca] = ["server.pem", "server.key", "ca.pem"].map(|name| certificates.path(name));
            config += &format!("tls {{ cert_file: \"{cert}\", key_file: \"{key}\", ca_file: \"{ca}\", verify: true }}\n");
        }
        let file = folder.join("jetstream.conf");
        fs::write(&file, config)?;
        let mut command = Command::new(locate_nats_server()?);
        command.arg("-c").arg(file);
        let server = Server::of_others(command, &folder.join("jetstream.log"))?;
        let scheme = if certificates.is_some() { "tls" } else { "nats" };
        let started =
            Self { server, url: format!("{scheme}://localhost:{port}"), certificates: certificates.cloned() };
        crate::patiently(|| async { started.stream().await.map(drop) }).await?;
        Ok(started)
    }

    async fn connect(&self) -> Result<jetstream::Context, Error> {
        let mut options = ConnectOptions::new();
        if let Some(certificates) = &self.certificates {
            options = options
                .require_tls(true)
                .add_root_certificates(certificates.path("ca.pem").into())
                .add_client_certificate(certificates.path("client.pem").into(), certificates.path("client.key").into());
        }
        Ok(jetstream::new(options.connect(&self.url).await?))
    }

    async fn stream(&self) -> Result<stream::Stream, Error> {
        let config = stream::Config {
            name: "PEERS".to_owned(),
            subjects: vec!["cases.>".to_owned()],
            storage: stream::StorageType::File,
            allow_direct: true,
            ..stream::Config::default()
        };
        Ok(self.connect().await?.get_or_create_stream(config).await?)
    }

    pub(crate) async fn client(&self, number: usize) -> Result<Box<dyn Client>, Error> {
        Ok(Box::new(Subjects { context: self.connect().await?, number, generation: 0, last: 0 }))
    }

    pub(crate) async fn fill(&self, events: u64) -> Result<(), Error> {
        let context = self.connect().await?;
        let payload = Bytes::from(vec![0x5a; EVENT_BYTES]);
        let publish = |event: u64| {
            let (context, payload) = (context.clone(), payload.clone());
            async move {
                let subject = format!("cases.filled-{}", event / EVENTS_PER_CASE);
                context.publish(subject, payload).await?.await?;
                Ok::<(), Error>(())
            }
        };
        let mut published = futures_util::stream::iter(0..events).map(publish).buffer_unordered(FILLED_AT_ONCE);
        while let Some(one) = published.next().await {
            one?;
        }
        Ok(())
    }

    /// Reads everything, in order.
    pub(crate) async fn replay(&self) -> Result<Replay, Error> {
        let mut stream = self.stream().await?;
        let last = stream.info().await?.state.last_sequence;
        let config =
            consumer::pull::Config { ack_policy: consumer::AckPolicy::None, ..consumer::pull::Config::default() };
        let began = Instant::now();
        let mut messages = stream.create_consumer(config).await?.messages().await?;
        let mut events = 0;
        while events < last {
            messages.next().await.ok_or("the stream ended")??;
            events += 1;
        }
        Ok(Replay { events, seconds: began.elapsed().as_secs_f64() })
    }
}

struct Subjects {
    context: jetstream::Context,
    number: usize,
    generation: u64,
    /// Sequence of the last message of the case.
    last: u64,
}

#[async_trait]
impl Client for Subjects {
    async fn prepare(&mut self, _: u64) -> Result<(), Error> {
        self.generation += 1;
        Ok(())
    }

    async fn append(&mut self, case: u64, before: u64) -> Result<(), Error> {
        let last = if before == 0 { 0 } else { self.last };
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Last-Subject-Sequence", last.to_string());
        let payload = Bytes::from(vec![0x5a; EVENT_BYTES]);
        let subject = format!("cases.{}-{}-{case}", self.number, self.generation);
        self.last = self.context.publish_with_headers(subject, headers, payload).await?.await?.sequence;
        Ok(())
    }

    async fn read(&mut self, _: u64) -> Result<Option<u64>, Error> {
        // It has no cases, only subjects, which it would look for in all messages.
        Ok(None)
    }
}
