//! The body of an answer on its way out: caught when it panics, ended when its time is up, and counted when it is done.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};
use tonic::body::Body;
use tonic::{Code, Status};

use super::guard::{cut_short, failed};
use super::hint;
use crate::telemetry::metrics::Call;

/// What ends a stream, and the place it holds until then.
pub(super) struct StreamBounds {
    ending: Pin<Box<dyn Future<Output = Status> + Send>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl StreamBounds {
    /// A stream ends at `end_by`, if the caller gave a deadline, and when the service stops.
    pub(super) fn new(
        end_by: Option<Instant>,
        stopping: impl Future<Output = ()> + Send + 'static,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let ending = Box::pin(async move {
            let time_is_up = async {
                match end_by {
                    Some(end_by) => sleep_until(end_by).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = time_is_up => Status::deadline_exceeded("the time this stream was asked for is up"),
                () = stopping => cut_short(),
            }
        });
        Self { ending, _place: place }
    }
}

/// See the module.
pub(super) struct GuardedBody {
    inner: Body,
    // Taken when the answer is done; what is dropped before was cancelled by the caller.
    call: Option<Call>,
    bounds: Option<StreamBounds>,
}

impl GuardedBody {
    pub(super) const fn new(inner: Body, call: Call, bounds: Option<StreamBounds>) -> Self {
        Self { inner, call: Some(call), bounds }
    }

    fn end(&mut self, code: Code) {
        if let Some(call) = self.call.take() {
            call.end(code);
        }
        self.bounds = None;
    }

    /// Ends the answer here, with this status.
    fn close(&mut self, status: &Status) -> Frame<Bytes> {
        self.end(status.code());
        self.inner = Body::empty();
        let mut trailers = HeaderMap::new();
        if hint::hinted(status).add_header(&mut trailers).is_err() {
            trailers.insert(Status::GRPC_STATUS, http::HeaderValue::from_static("13"));
        }
        Frame::trailers(trailers)
    }
}

impl http_body::Body for GuardedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.call.is_none() {
            return Poll::Ready(None);
        }
        if let Some(bounds) = &mut this.bounds
            && let Poll::Ready(status) = bounds.ending.as_mut().poll(context)
        {
            return Poll::Ready(Some(Ok(this.close(&status))));
        }
        let inner = &mut this.inner;
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(inner).poll_frame(context)));
        let Ok(polled) = polled else {
            if let Some(call) = &this.call {
                call.panicked();
            }
            return Poll::Ready(Some(Ok(this.close(&failed()))));
        };
        let mut polled = polled;
        match &mut polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_mut() {
                    hint::put_into(trailers);
                    this.end(
                        trailers.get(Status::GRPC_STATUS).map_or(Code::Unknown, |v| Code::from_bytes(v.as_bytes())),
                    );
                }
            }
            Poll::Ready(Some(Err(status))) => this.end(status.code()),
            Poll::Ready(None) => this.end(Code::Unknown),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.call.is_none() || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for GuardedBody {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}
