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
use crate::identity::{Caller, PERSON_HEADER, Peer, PersonToken, SERVICE_HEADER, ServiceName, Unproved, Verifier};

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
    fn admit(&self, path: &str, peer: &Peer, headers: &HeaderMap) -> Result<Admitted, Denied> {
        let method = self.table.method(path);
        if method.is_some_and(super::table::Method::is_open) {
            return Ok(None);
        }
        // Who somebody is comes first: strangers are not told which methods there are.
        let (caller, token) = self.verifier.caller(peer, headers, clock::now_s()).map_err(Denied::Unproved)?;
        method.ok_or(Refused::NoRow).and_then(|method| method.admit(&caller)).map_err(Denied::Refused)?;
        Ok(Some((caller, token)))
    }

    /// Whether newer keys may mend the refusal.
    async fn is_worth_again(&self, denied: &Denied, headers: &HeaderMap) -> bool {
        match denied {
            Denied::Unproved(unproved) => self.verifier.has_newer_keys(unproved, headers).await,
            Denied::Refused(_) => false,
        }
    }
}

/// Who was let in; `None` where anybody is.
type Admitted = Option<(Caller, Option<PersonToken>)>;

enum Denied {
    Unproved(Unproved),
    Refused(Refused),
}

impl From<Denied> for Status {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unproved(unproved) => unproved.into(),
            Denied::Refused(refused) => refused.into(),
        }
    }
}

/// A connection that does not say who is at its other side proves nothing.
fn peer_of(request: &Request<Body>) -> &Peer {
    request.extensions().get::<Peer>().unwrap_or(&Peer::Anybody)
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
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.layer.admit(request.uri().path(), peer_of(&request), request.headers()) {
            Ok(admitted) => Box::pin(self.inner.call(let_in(request, admitted))),
            Err(denied) => {
                // The one that was asked whether it is ready is the one that is called.
                let fresh = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, fresh);
                let layer = self.layer.clone();
                // A body cannot be looked at from two threads: the headers alone wait.
                let headers = request.headers().clone();
                Box::pin(async move {
                    let again = layer.is_worth_again(&denied, &headers).await;
                    let admitted = match again {
                        true => layer.admit(request.uri().path(), peer_of(&request), &headers),
                        false => Err(denied),
                    };
                    match admitted {
                        Ok(admitted) => inner.call(let_in(request, admitted)).await,
                        Err(denied) => Ok(Status::from(denied).into_http()),
                    }
                })
            }
        }
    }
}

/// The request as handlers see it: with who calls, and without how they proved it.
fn let_in(mut request: Request<Body>, admitted: Admitted) -> Request<Body> {
    request.headers_mut().remove(SERVICE_HEADER);
    request.headers_mut().remove(PERSON_HEADER);
    if let Some((caller, token)) = admitted {
        introduce(&mut request, caller, token);
    }
    request
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
