//! Certificates for one run: an authority, a server on loopback, and a client.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, ServerTlsConfig};

use crate::load::Error;

/// A folder with `ca.pem`, `server.pem`, `server.key`, `client.pem` and `client.key`.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    folder: PathBuf,
    ca: String,
    server: (String, String),
    client: (String, String),
}

impl Certificates {
    /// New ones.
    pub(crate) fn make(folder: &Path) -> Result<Self, Error> {
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "benchmark authority");
        let key = KeyPair::generate()?;
        let ca = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        for (name, common_name) in [("server", "localhost"), ("client", "bench")] {
            let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
            params.distinguished_name.push(DnType::CommonName, common_name);
            let key = KeyPair::generate()?;
            fs::write(folder.join(format!("{name}.pem")), params.signed_by(&key, &issuer)?.pem())?;
            private(&folder.join(format!("{name}.key")), &key.serialize_pem())?;
        }
        fs::write(folder.join("ca.pem"), &ca)?;
        Self::read(folder)
    }

    /// Those that were made before.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let text = |name: &str| fs::read_to_string(folder.join(name));
        Ok(Self {
            folder: folder.to_owned(),
            ca: text("ca.pem")?,
            server: (text("server.pem")?, text("server.key")?),
            client: (text("client.pem")?, text("client.key")?),
        })
    }

    /// Where one of the files is.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// For a tonic server that asks for the client's certificate.
    pub(crate) fn server(&self) -> ServerTlsConfig {
        ServerTlsConfig::new()
            .identity(Identity::from_pem(&self.server.0, &self.server.1))
            .client_ca_root(Certificate::from_pem(&self.ca))
    }

    fn client(&self) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.ca))
            .identity(Identity::from_pem(&self.client.0, &self.client.1))
            .domain_name("localhost")
    }
}

fn private(path: &Path, text: &str) -> Result<(), Error> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// A connection to a tonic server on loopback.
pub(crate) async fn channel(port: u16, certificates: Option<&Certificates>) -> Result<Channel, Error> {
    let scheme = if certificates.is_some() { "https" } else { "http" };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://localhost:{port}"))?.tcp_nodelay(true);
    if let Some(certificates) = certificates {
        endpoint = endpoint.tls_config(certificates.client())?;
    }
    Ok(endpoint.connect().await?)
}
