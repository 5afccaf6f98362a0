//! What stands around every call: room for it, a deadline, a net under it, its log line and its metric.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use http::{Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::body::{GuardedBody, StreamBounds};
use super::{Limits, deadline, hint};
use crate::access::{AccessTable, CalledBy};
use crate::identity::Deadline;
use crate::shutdown::Shutdown;
use crate::telemetry::metrics::Call;

/// When to try again after an answer that there is no room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct GuardLayer {
    role: &'static str,
    table: Arc<AccessTable>,
    request_timeout: Duration,
    requests: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    stopping: Shutdown,
    cut_off: Shutdown,
}

impl GuardLayer {
    /// `stopping` ends streams; `cut_off` ends everything that is still under way.
    pub(super) fn new(
        role: &'static str,
        table: Arc<AccessTable>,
        limits: Limits,
        stopping: Shutdown,
        cut_off: Shutdown,
    ) -> Self {
        Self {
            role,
            table,
            request_timeout: limits.request_timeout,
            requests: Arc::new(Semaphore::new(limits.requests)),
            streams: Arc::new(Semaphore::new(limits.streams)),
            stopping,
            cut_off,
        }
    }

    fn begin<B>(&self, request: &mut Request<B>) -> Result<Begun, (Call, Status)> {
        let method = self.table.method(request.uri().path());
        let streaming = method.is_some_and(|method| method.streaming);
        let called_by = CalledBy::default();
        let call = Call::begin(self.role, method.map(|method| Arc::clone(&method.name)), called_by.clone());
        let asked = deadline::asked(request.headers());
        let answer_by = Instant::now() + asked.map_or(self.request_timeout, |asked| asked.min(self.request_timeout));
        // A stream goes on after its beginning, for as long as the caller said.
        let end_by = if streaming { asked.map(|asked| Instant::now() + asked) } else { Some(answer_by) };

        // A health check is answered also when there is no room: an overloaded service is alive.
        let place = if method.is_some_and(crate::access::Method::is_open) {
            None
        } else {
            let room = if streaming { &self.streams } else { &self.requests };
            match Arc::clone(room).try_acquire_owned() {
                Ok(place) => Some(place),
                Err(_) => {
                    let full = "the service has as many calls under way as it can hold; try again";
                    return Err((call, egide_wire::refusal::exhausted(full, RETRY_AFTER)));
                }
            }
        };
        request.extensions_mut().insert(called_by);
        if let Some(end_by) = end_by {
            request.extensions_mut().insert(Deadline(end_by));
        }
        Ok(Begun { call, place, answer_by, end_by, streaming })
    }
}

/// A call that has room.
struct Begun {
    call: Call,
    place: Option<OwnedSemaphorePermit>,
    answer_by: Instant,
    end_by: Option<Instant>,
    streaming: bool,
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> GuardService<S> {
        GuardService { layer: self.clone(), inner }
    }
}

/// A service behind [`GuardLayer`].
#[derive(Debug, Clone)]
pub(super) struct GuardService<S> {
    layer: GuardLayer,
    inner: S,
}

impl<S> Service<Request<Body>> for GuardService<S>
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
        match self.layer.begin(&mut request) {
            // The handler's future runs code of ours only when polled, that is inside the net.
            Ok(begun) => Box::pin(answer(begun, self.inner.call(request), self.layer.clone())),
            Err((call, status)) => Box::pin(std::future::ready(Ok(refuse(call, &status)))),
        }
    }
}

async fn answer<E>(
    begun: Begun,
    handler: impl Future<Output = Result<Response<Body>, E>>,
    layer: GuardLayer,
) -> Result<Response<Body>, E> {
    let Begun { call, place, answer_by, end_by, streaming } = begun;
    let outcome = tokio::select! {
        biased;
        outcome = AssertUnwindSafe(handler).catch_unwind() => outcome,
        () = sleep_until(answer_by) => {
            let status = Status::deadline_exceeded("the answer was not ready in time; its outcome is not known");
            return Ok(refuse(call, &status));
        }
        () = layer.cut_off.requested() => return Ok(refuse(call, &cut_short())),
    };
    match outcome {
        Ok(Ok(response)) => {
            let bounds = streaming.then(|| StreamBounds::new(end_by, layer.stopping.requested(), place));
            Ok(guarded(call, response, bounds))
        }
        Ok(Err(error)) => {
            call.end(Code::Unknown);
            Err(error)
        }
        Err(_payload) => {
            // The payload may hold anything about anybody: it is dropped unseen.
            call.panicked();
            Ok(refuse(call, &failed()))
        }
    }
}

/// The answer to a call whose handler panicked.
pub(super) fn failed() -> Status {
    Status::internal(
        "the service failed on this call; if it does so again, tell its operators when and on which method",
    )
}

/// The answer to a call that is cut short by the end of the service.
pub(super) fn cut_short() -> Status {
    Status::unavailable("the service is ending; the outcome is not known: connect again and repeat the same call")
}

fn refuse(call: Call, status: &Status) -> Response<Body> {
    call.end(status.code());
    hint::hinted(status).into_http()
}

fn guarded(call: Call, mut response: Response<Body>, bounds: Option<StreamBounds>) -> Response<Body> {
    let code = response.headers().get(Status::GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()));
    match code {
        // The whole answer stands in its head.
        Some(code) => {
            call.end(code);
            hint::put_into(response.headers_mut());
            response
        }
        None => response.map(|body| Body::new(GuardedBody::new(body, call, bounds))),
    }
}
