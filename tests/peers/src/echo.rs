//! A bare tonic echo: the bytes of a request come back. What the wire alone allows.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::PathAndQuery;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::server::{NamedService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic_prost::ProstCodec;

use crate::load::{Client, EVENT_BYTES, Error};
use crate::tls::Certificates;

const PATH: &str = "/egide.peers.Echo/Echo";

/// Where the server is.
#[derive(Serialize, Deserialize)]
pub(crate) struct At {
    pub(crate) port: u16,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Payload {
    #[prost(bytes = "bytes", tag = "1")]
    bytes: Bytes,
}

#[derive(Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "egide.peers.Echo";
}

impl UnaryService<Payload> for Echo {
    type Response = Payload;
    type Future = BoxFuture<tonic::Response<Payload>, tonic::Status>;

    fn call(&mut self, request: tonic::Request<Payload>) -> Self::Future {
        Box::pin(async move { Ok(tonic::Response::new(request.into_inner())) })
    }
}

impl tower_service::Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let codec = ProstCodec::<Payload, Payload>::default();
            Ok(tonic::server::Grpc::new(codec).unary(echo, request).await)
        })
    }
}

/// Serves until the input ends.
pub(crate) async fn serve(certificates: Option<Certificates>) -> Result<(), Error> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let at = At { port: listener.local_addr()?.port() };
    let mut server = Server::builder();
    if let Some(certificates) = &certificates {
        server = server.tls_config(certificates.server())?;
    }
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    println!("{}", serde_json::to_string(&at)?);
    server.add_service(Echo).serve_with_incoming_shutdown(incoming, crate::input_ends()).await?;
    Ok(())
}

pub(crate) struct EchoClient {
    channel: tonic::client::Grpc<Channel>,
    payload: Bytes,
}

impl EchoClient {
    pub(crate) async fn connect(at: &At, certificates: Option<&Certificates>) -> Result<Self, Error> {
        let channel = crate::tls::channel(at.port, certificates).await?;
        Ok(Self { channel: tonic::client::Grpc::new(channel), payload: Bytes::from(vec![0x5a; EVENT_BYTES]) })
    }
}

#[async_trait]
impl Client for EchoClient {
    async fn prepare(&mut self, _: u64) -> Result<(), Error> {
        Ok(())
    }

    async fn append(&mut self, _: u64, _: u64) -> Result<(), Error> {
        self.channel.ready().await?;
        let request = tonic::Request::new(Payload { bytes: self.payload.clone() });
        let codec = ProstCodec::<Payload, Payload>::default();
        let answer = self.channel.unary(request, PathAndQuery::from_static(PATH), codec).await?;
        if answer.into_inner().bytes.len() == EVENT_BYTES { Ok(()) } else { Err("not an echo".into()) }
    }

    async fn read(&mut self, _: u64) -> Result<Option<u64>, Error> {
        Ok(None)
    }
}
