//! The tower layer.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::{AccessTable, Refused};
use crate::clock;
use crate::identity::{Caller, PERSON_HEADER, Peer, PersonToken, SERVICE_HEADER, ServiceName, Verifier};

/// Where the layer leaves the name of the calling service for the request's log line, which is written outside of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CalledBy(pub(crate) Arc<OnceLock<ServiceName>>);

/// Lets through what the table allows.
#[derive(Debug, Clone)]
pub struct AccessLayer {
    table: Arc<AccessTable>,
    verifier: Arc<Verifier>,
}

impl AccessLayer {
    /// A layer for one server.
    #[must_use]
    pub const fn new(table: Arc<AccessTable>, verifier: Arc<Verifier>) -> Self {
        Self { table, verifier }
    }

    /// The caller, `None` where anybody may call; and the person's token to send on.
    fn admit(
        &self,
        path: &str,
        peer: &Peer,
        headers: &HeaderMap,
    ) -> Result<Option<(Caller, Option<PersonToken>)>, Status> {
        let method = self.table.method(path);
        if method.is_some_and(super::table::Method::is_open) {
            return Ok(None);
        }
        // Who somebody is comes first: strangers are not told which methods there are.
        let (caller, token) = self.verifier.caller(peer, headers, clock::now_s())?;
        method.ok_or(Refused::NoRow)?.admit(&caller)?;
        Ok(Some((caller, token)))
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = AccessService<S>;

    fn layer(&self, inner: S) -> AccessService<S> {
        AccessService { layer: self.clone(), inner }
    }
}

/// A service behind [`AccessLayer`].
#[derive(Debug, Clone)]
pub struct AccessService<S> {
    layer: AccessLayer,
    inner: S,
}

impl<S> Service<Request<Body>> for AccessService<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // A connection that does not say who is at its other side proves nothing.
        let peer = request.extensions().get::<Peer>().unwrap_or(&Peer::Anybody);
        let admitted = self.layer.admit(request.uri().path(), peer, request.headers());
        request.headers_mut().remove(SERVICE_HEADER);
        request.headers_mut().remove(PERSON_HEADER);
        match admitted {
            Ok(caller) => {
                if let Some((caller, token)) = caller {
                    introduce(&mut request, caller, token);
                }
                Box::pin(self.inner.call(request))
            }
            Err(status) => Box::pin(std::future::ready(Ok(status.into_http()))),
        }
    }
}

fn introduce(request: &mut Request<Body>, caller: Caller, token: Option<PersonToken>) {
    if let Some(CalledBy(name)) = request.extensions().get::<CalledBy>() {
        // Set at most once: one request, one caller.
        drop(name.set(caller.service.clone()));
    }
    request.extensions_mut().insert(caller);
    if let Some(token) = token {
        request.extensions_mut().insert(token);
    }
}
