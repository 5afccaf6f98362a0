//! By whom receivers and the mail server are vouched for: the system's authorities, and those of a file.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::Error;

/// Authorities' certificates.
#[derive(Debug)]
pub(crate) struct Roots(Vec<CertificateDer<'static>>);

impl Roots {
    /// Without any, nobody can be told but in development, on this machine.
    pub(crate) fn load(file: Option<&Path>, development: bool) -> Result<Self, Error> {
        // What the system holds beside usable ones is none of our business; that there is none at all is.
        let mut all = rustls_native_certs::load_native_certs().certs;
        if let Some(path) = file {
            let unusable = || Error::Authorities(path.to_owned());
            let named: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(|_| unusable())?.collect();
            let named = named.map_err(|_| unusable())?;
            if named.is_empty() {
                return Err(unusable());
            }
            all.extend(named);
        }
        if all.is_empty() && !development { Err(Error::NoAuthorities) } else { Ok(Self(all)) }
    }

    pub(crate) fn store(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(self.0.iter().cloned());
        store
    }

    /// Each in DER.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }
}
