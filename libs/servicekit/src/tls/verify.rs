//! What each side asks of the other's certificate: an authority of ours, its time, its use, and the service it names.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerIncompatible, RootCertStore,
    SignatureScheme,
};

use super::identity::{TrustDomain, service_of};
use crate::clock;
use crate::identity::ServiceName;

/// The clock, as rustls reads it.
pub(super) fn now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(clock::now_s()).unwrap_or_default()))
}

/// Why a certificate that an authority vouches for is refused all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Unwanted {
    #[error(transparent)]
    NotAService(#[from] super::NotAService),
    /// Names of services are ours: once an authority of ours has vouched for one, it may be repeated.
    #[error("the other side is `{found}`, and `{expected}` was meant")]
    OtherService { found: ServiceName, expected: ServiceName },
}

fn unwanted(reason: impl Into<Unwanted>) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(reason.into()))))
}

/// The same failure in our words, where the reason is ours: the library would show it as code.
pub(super) fn in_words(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let Some(Error::InvalidCertificate(CertificateError::Other(OtherError(reason)))) = inner else { return error };
    io::Error::other(reason.to_string())
}

/// What rustls asks of either verifier besides the certificate. TLS 1.2 is never offered; should it be asked for all the same,
/// it is refused.
macro_rules! signatures_of_tls13 {
    () => {
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(PeerIncompatible::Tls13RequiredForQuic.into())
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signature, &self.algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.algorithms.supported_schemes()
        }
    };
}

/// What a server asks of a client: to be some service of the trust domain.
#[derive(Debug)]
pub(super) struct ClientsOf {
    chain: Arc<dyn ClientCertVerifier>,
    trust_domain: TrustDomain,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientsOf {
    pub(super) fn new(
        authorities: Arc<RootCertStore>,
        trust_domain: TrustDomain,
        provider: &Arc<CryptoProvider>,
    ) -> Option<Self> {
        let chain = WebPkiClientVerifier::builder_with_provider(authorities, Arc::clone(provider)).build().ok()?;
        Some(Self { chain, trust_domain, algorithms: provider.signature_verification_algorithms })
    }
}

impl ClientCertVerifier for ClientsOf {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        service_of(end_entity, &self.trust_domain).map_err(unwanted)?;
        Ok(verified)
    }

    signatures_of_tls13!();
}

/// What a client asks of a server: to be the service that was meant.
#[derive(Debug)]
pub(super) struct ServerIs {
    pub(super) authorities: Arc<RootCertStore>,
    pub(super) trust_domain: TrustDomain,
    pub(super) expected: ServiceName,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ServerIs {
    pub(super) fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.authorities, intermediates, now, algorithms)?;
        let found = service_of(end_entity, &self.trust_domain).map_err(unwanted)?;
        if found == self.expected {
            return Ok(());
        }
        Err(unwanted(Unwanted::OtherService { found, expected: self.expected.clone() }))
    }
}

impl ServerCertVerifier for ServerIs {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity, intermediates, now)?;
        Ok(ServerCertVerified::assertion())
    }

    signatures_of_tls13!();
}
