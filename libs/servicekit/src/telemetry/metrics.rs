//! Metrics in the text format of Prometheus, on a page of their own on loopback.
//!
//! | Name | Kind | Labels |
//! |---|---|---|
//! | `egide_calls_total` | counter | `role`, `method`, `code` |
//! | `egide_call_seconds` | histogram | `role`, `method`, `code` |
//! | `egide_panics_total` | counter | `role`, `method` |
//! | `egide_connections_refused_total` | counter | `role`, `reason`: `accept`, `no_room`, `unproved`, `late` |
//! | `egide_pages_total` | counter | `outcome` of setting a referral's pages: `made`, `late`, `refused`, `no_pdf`, `not_run` |
//!
//! A method that is none counts as `unknown`: what strangers send makes no labels.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use egide_wire::refusal::code_name;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};
use tonic::Code;

use crate::access::CalledBy;
use crate::config;
use crate::shutdown::Shutdown;

const CALLS: &str = "egide_calls_total";
const SECONDS: &str = "egide_call_seconds";
const PANICS: &str = "egide_panics_total";
/// Connections closed before anything was read from them.
pub(crate) const CONNECTIONS_REFUSED: &str = "egide_connections_refused_total";
const PAGES: &str = "egide_pages_total";

/// From a tenth of a millisecond (an answer from memory) to the longest a request may take.
const SECONDS_BUCKETS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// How often recorded values are folded into their buckets when nobody reads the page.
const FOLD_EVERY: Duration = Duration::from_secs(5);
/// Readers of the page at a time, and how long one of them may take.
const READERS_MAX: usize = 8;
const READER_TIMEOUT: Duration = Duration::from_secs(10);

/// Pages were to be set, and this came of it.
pub(crate) fn pages_counted(outcome: &'static str) {
    metrics::counter!(PAGES, "outcome" => outcome).increment(1);
}

/// Metrics cannot be recorded or shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This process records already.
    #[error("metrics are recorded already: that starts once in a process")]
    Installed,
    /// Nobody can listen there.
    #[error("metrics cannot be shown on `{address}`: {source}; choose a free address, or port 0")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address is one that others can reach.
    #[error(transparent)]
    Config(#[from] config::Error),
}

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics(..)")
    }
}

impl Metrics {
    /// Records from here on. Without this, nothing is recorded and nothing is kept.
    ///
    /// # Errors
    /// [`Error::Installed`] the second time.
    pub fn install() -> Result<Self, Error> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(SECONDS.to_owned()), &SECONDS_BUCKETS)
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(|_| Error::Installed)?;
        metrics::describe_counter!(CALLS, "Calls answered.");
        metrics::describe_histogram!(SECONDS, metrics::Unit::Seconds, "Time from a call to the end of its answer.");
        metrics::describe_counter!(PANICS, "Calls on which the service's code panicked.");
        metrics::describe_counter!(CONNECTIONS_REFUSED, "Connections closed before anything was read from them.");
        metrics::describe_counter!(PAGES, "Referrals whose pages were to be set, by what came of it.");
        Ok(Self(handle))
    }

    /// The page.
    #[must_use]
    pub fn page(&self) -> String {
        self.0.render()
    }

    /// Shows the page at `GET /metrics` on a loopback address until `shutdown`; answers where.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn serve(self, listen: SocketAddr, shutdown: Shutdown) -> Result<(SocketAddr, JoinHandle<()>), Error> {
        if !listen.ip().is_loopback() {
            let problem = "must be a loopback address such as `127.0.0.1:0`: the page has no log-in";
            return Err(config::Error::new("metrics address", problem).into());
        }
        let at = |source| Error::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(at)?;
        let address = listener.local_addr().map_err(at)?;
        let task = tokio::spawn(async move {
            tokio::select! {
                () = self.show(listener) => {}
                () = self.fold() => {}
                () = shutdown.requested() => {}
            }
        });
        Ok((address, task))
    }

    async fn fold(&self) {
        let mut tick = interval(FOLD_EVERY);
        loop {
            tick.tick().await;
            self.0.run_upkeep();
        }
    }

    async fn show(&self, listener: TcpListener) {
        let readers = Arc::new(Semaphore::new(READERS_MAX));
        while let Ok(place) = Arc::clone(&readers).acquire_owned().await {
            match listener.accept().await {
                Ok((socket, _)) => {
                    let metrics = self.clone();
                    tokio::spawn(async move {
                        // Whether a reader got the page is the reader's own business.
                        drop(timeout(READER_TIMEOUT, metrics.answer(socket)).await);
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the metrics page could not take a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn answer(self, socket: TcpStream) -> hyper::Result<()> {
        let service = service_fn(move |request: Request<Incoming>| {
            let response = self.response(request.method(), request.uri().path());
            async move { Ok::<_, Infallible>(response) }
        });
        http1::Builder::new()
            .timer(TokioTimer::new())
            .keep_alive(false)
            .serve_connection(TokioIo::new(socket), service)
            .await
    }

    fn response(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if method != Method::GET || path != "/metrics" {
            let mut response = Response::new(Full::new(Bytes::from_static(b"the page is at GET /metrics\n")));
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
        let mut response = Response::new(Full::new(Bytes::from(self.page())));
        let text = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        response
    }
}

/// One call, from its arrival to the end of its answer.
#[derive(Debug)]
pub(crate) struct Call {
    role: &'static str,
    method: Arc<str>,
    called_by: CalledBy,
    began: Instant,
}

impl Call {
    pub(crate) fn begin(role: &'static str, method: Option<Arc<str>>, called_by: CalledBy) -> Self {
        Self { role, method: method.unwrap_or_else(|| "unknown".into()), called_by, began: Instant::now() }
    }

    /// Counts it and writes its log line.
    pub(crate) fn end(self, code: Code) {
        let took = self.began.elapsed();
        let code = code_name(code);
        let labels = || [("role", self.role.into()), ("method", self.method()), ("code", code.into())];
        metrics::counter!(CALLS, &labels()).increment(1);
        metrics::histogram!(SECONDS, &labels()).record(took);
        tracing::info!(
            role = self.role,
            method = &*self.method,
            code,
            took_ms = took.as_secs_f64() * 1000.0,
            service = self.called_by.0.get().map(tracing::field::display),
            "call"
        );
    }

    /// Counts a panic and says on which method.
    pub(crate) fn panicked(&self) {
        metrics::counter!(PANICS, &[("role", self.role.into()), ("method", self.method())]).increment(1);
        tracing::error!(role = self.role, method = &*self.method, "the service's code panicked");
    }

    fn method(&self) -> metrics::SharedString {
        metrics::SharedString::from_shared(Arc::clone(&self.method))
    }
}
