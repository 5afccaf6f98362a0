//! Calls to other services: one connection each, made when first needed and again when lost, with credentials on every
//! call.

use std::time::Duration;

use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

use crate::config;
use crate::identity::{Credentials, Onward};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for an answer, or for the beginning of a stream, unless the call itself says less.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection that is silent for so long is asked whether it still lives …
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
/// … and given up when it does not answer for so long.
const KEEPALIVE_WITHIN: Duration = Duration::from_secs(5);

/// What a generated client is made from: `LedgerServiceClient::new(upstream.as_service())`.
pub type Authenticated = InterceptedService<Channel, Credentials>;

/// Another service, and who we are to it. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct Upstream {
    channel: Channel,
    credentials: Credentials,
}

impl Upstream {
    /// A service at `http://host:port`. Nothing is connected yet; calls answer `UNAVAILABLE` while it cannot be reached,
    /// and connect again by themselves. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// [`config::Error`] about `setting` when `url` is none.
    pub fn new(setting: &str, url: &str, credentials: Credentials) -> Result<Self, config::Error> {
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|_| config::Error::new(setting, "must be a URL such as `http://127.0.0.1:4610`"))?;
        if endpoint.uri().scheme_str() != Some("http") || endpoint.uri().host().is_none() {
            return Err(config::Error::new(setting, "must be a URL such as `http://127.0.0.1:4610`"));
        }
        let channel = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE_EVERY)
            .keep_alive_timeout(KEEPALIVE_WITHIN)
            .keep_alive_while_idle(true)
            .connect_lazy();
        Ok(Self { channel, credentials })
    }

    /// Calls as this service alone, or as whom the credentials say.
    #[must_use]
    pub fn as_service(&self) -> Authenticated {
        InterceptedService::new(self.channel.clone(), self.credentials.clone())
    }

    /// Calls for the person, and within the deadline, of the request that makes this call necessary.
    #[must_use]
    pub fn onward(&self, onward: &Onward) -> Authenticated {
        InterceptedService::new(self.channel.clone(), self.credentials.onward(onward))
    }

    /// The same service with other credentials.
    #[must_use]
    pub fn with_credentials(&self, credentials: Credentials) -> Self {
        Self { channel: self.channel.clone(), credentials }
    }
}
