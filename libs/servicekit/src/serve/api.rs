//! What a server offers: the services added, health and reflection.

use std::convert::Infallible;

use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::{Routes, RoutesBuilder};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::Service;

use super::Error;

const HEALTH: &str = "grpc.health.v1.Health";

/// The services of one server.
#[derive(Debug, Clone, Default)]
pub struct Api {
    routes: RoutesBuilder,
    names: Vec<&'static str>,
}

impl Api {
    /// No service yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this generated server: `LedgerServiceServer::new(…)`.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes.add_service(service);
        self
    }

    pub(super) async fn into_routes(mut self) -> Result<(Routes, Health), Error> {
        let (reporter, health) = tonic_health::server::health_reporter();
        for name in &self.names {
            reporter.set_service_status(name, ServingStatus::Serving).await;
        }
        let mut reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(egide_wire::descriptors::ENCODED)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name(HEALTH);
        for name in &self.names {
            reflection = reflection.with_service_name(*name);
        }
        self.routes.add_service(health).add_service(reflection.build_v1()?);
        Ok((self.routes.routes().prepare(), Health { reporter, names: self.names }))
    }
}

/// What the health service says.
#[derive(Debug)]
pub(super) struct Health {
    reporter: HealthReporter,
    names: Vec<&'static str>,
}

impl Health {
    /// From here on: not serving.
    pub(super) async fn not_serving(&self) {
        for name in self.names.iter().copied().chain([""]) {
            self.reporter.set_service_status(name, ServingStatus::NotServing).await;
        }
    }
}
