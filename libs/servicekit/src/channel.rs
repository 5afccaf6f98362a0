//! Calls to other services: one connection each, made when first needed and again when lost, with credentials on every
//! call.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

use crate::config;
use crate::identity::{Credentials, Onward, ServiceName};
use crate::tls::{Connector, Security};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for an answer, or for the beginning of a stream, unless the call itself says less.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection that is silent for so long is asked whether it still lives …
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
/// … and given up when it does not answer for so long.
const KEEPALIVE_WITHIN: Duration = Duration::from_secs(5);

/// After so long a new connection takes over from a secured one: well before the server closes it (an hour).
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(45 * 60);

/// What a generated client is made from: `LedgerServiceClient::new(upstream.as_service())`.
pub type Authenticated = InterceptedService<Channel, Credentials>;

/// Another service, and who we are to it. Cheap to clone; clones share the connection.
///
/// Under mutual TLS a new connection is made when our certificate or our authorities changed, and before the old one grows
/// old; calls under way on the old one finish there.
#[derive(Debug, Clone)]
pub struct Upstream {
    route: Arc<Route>,
    credentials: Credentials,
}

#[derive(Debug)]
struct Route {
    endpoint: Endpoint,
    // None without TLS.
    connector: Option<Connector>,
    newest: Mutex<Option<Line>>,
}

/// A connection, made or to be made.
#[derive(Debug)]
struct Line {
    channel: Channel,
    generation: u64,
    opened: Instant,
}

impl Upstream {
    /// The service `expected` at `https://host:port`, or without TLS at `http://host:port`. Nothing is connected yet; calls
    /// answer `UNAVAILABLE` while it cannot be reached or proves to be somebody else, and connect again by themselves. Under
    /// mutual TLS a service token among the credentials is left out. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// [`config::Error`] about `setting` when `url` is none, or is one of the other kind.
    pub fn new(
        setting: &str,
        url: &str,
        expected: ServiceName,
        security: &Security,
        credentials: Credentials,
    ) -> Result<Self, config::Error> {
        let scheme = security.scheme();
        let wrong = || config::Error::new(setting, format!("must be a URL such as `{scheme}://127.0.0.1:4610`"));
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| wrong())?;
        if endpoint.uri().scheme_str() != Some(scheme) || endpoint.uri().host().is_none() {
            return Err(wrong());
        }
        let endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE_EVERY)
            .keep_alive_timeout(KEEPALIVE_WITHIN)
            .keep_alive_while_idle(true);
        let connector = match security {
            Security::Mutual(tls) => Some(Connector::new(Arc::clone(tls), expected)),
            Security::Insecure => None,
        };
        let route = Route { endpoint, connector, newest: Mutex::new(None) };
        let upstream = Self { route: Arc::new(route), credentials: Credentials::by_certificate() };
        Ok(upstream.with_credentials(credentials))
    }

    /// Calls as this service alone, or as whom the credentials say. Must be called in a tokio runtime.
    #[must_use]
    pub fn as_service(&self) -> Authenticated {
        InterceptedService::new(self.channel(), self.credentials.clone())
    }

    /// Calls for the person, and within the deadline, of the request that makes this call necessary. Must be called in a tokio
    /// runtime.
    #[must_use]
    pub fn onward(&self, onward: &Onward) -> Authenticated {
        InterceptedService::new(self.channel(), self.credentials.onward(onward))
    }

    /// The same service with other credentials; under mutual TLS only the person can be another.
    #[must_use]
    pub fn with_credentials(&self, credentials: Credentials) -> Self {
        let credentials = match &self.route.connector {
            Some(_) => credentials.without_service_token(),
            None => credentials,
        };
        Self { route: Arc::clone(&self.route), credentials }
    }

    /// See [`Tls::generation`](crate::tls::Tls::generation); 0 without TLS.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.route.connector.as_ref().map_or(0, Connector::generation)
    }

    /// The connection below, without credentials.
    #[must_use]
    pub fn channel(&self) -> Channel {
        let Route { endpoint, connector, newest } = &*self.route;
        let generation = self.generation();
        let mut newest = newest.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |line: &&Line| {
            connector.is_none() || (line.generation == generation && line.opened.elapsed() < CONNECTION_AGE_MAX)
        };
        if let Some(line) = newest.as_ref().filter(fresh) {
            return line.channel.clone();
        }
        let channel = match connector {
            Some(connector) => endpoint.connect_with_connector_lazy(connector.clone()),
            None => endpoint.connect_lazy(),
        };
        *newest = Some(Line { channel: channel.clone(), generation, opened: Instant::now() });
        channel
    }
}
