//! Certificates and tokens for anybody.

use std::path::Path;
use std::sync::Arc;

use egide_crypto::sign::SigningKey;
use egide_domain::ids::UnitId;
use egide_servicekit::identity::{Credentials, DevIssuer, LiaisonIssuer, Person, Role, ServiceName, Verifier};
use egide_servicekit::key_file;
use egide_servicekit::people::{People, PeopleFile};
use egide_servicekit::pki::{Authority, DEVELOPMENT_TRUST_DOMAIN, Order};
use egide_servicekit::tls::{Security, Tls, TlsFiles};
use tempfile::TempDir;

/// The issuer for liaisons of a data directory; its key is made when it is first asked for.
fn liaison_issuer(directory: &Path) -> LiaisonIssuer {
    let make = || SigningKey::generate().map(|(_, document)| document);
    let document = key_file::read_or_make(&directory.join("keys/liaisons.key"), make).expect("a key for liaisons");
    LiaisonIssuer::new(SigningKey::from_pkcs8(&document).expect("a key for liaisons"))
}

/// A provider of identity whose keys a test publishes: what it issues counts as what the development issuer issues.
pub const PROVIDER: &str = "https://login.test";
/// Where its keys are published, below the data directory (RFC 7517); none at first.
pub const PROVIDER_KEYS: &str = "provider-keys.json";

/// An issuer of tokens and an authority of one's own.
#[derive(Debug)]
pub struct TestIdentity {
    issuer: Arc<DevIssuer>,
    people: Arc<People>,
    authority: Authority,
    liaisons: LiaisonIssuer,
    _directory: Option<TempDir>,
}

impl TestIdentity {
    /// An issuer and an authority whose keys go away with it.
    ///
    /// # Panics
    /// When there is no room for a key.
    #[must_use]
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut identity = Self::in_directory(directory.path());
        identity._directory = Some(directory);
        identity
    }

    /// Issuer and authority of a data directory.
    ///
    /// # Panics
    /// When their keys cannot be made or read.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        let issuer = Arc::new(DevIssuer::open(directory).expect("the issuer's key"));
        let trust_domain = DEVELOPMENT_TRUST_DOMAIN.parse().expect("a trust domain");
        let authority = Authority::open_or_make(&directory.join("pki"), &trust_domain).expect("the authority");
        let keys = directory.join(PROVIDER_KEYS);
        if !keys.exists() {
            std::fs::write(&keys, r#"{"keys": []}"#).expect("the provider's keys");
        }
        let provider = PeopleFile::parse(&directory.join("people.json"), &provider()).expect("a provider");
        let own = People::of_development(&issuer.keys()).expect("the people of development");
        let liaisons = liaison_issuer(directory);
        let vouched_for = People::of_liaisons(&liaisons.keys()).expect("the people of the directory");
        let people = Arc::new(own.and(&provider.open().expect("a provider's keys")).and(&vouched_for));
        Self { issuer, people, authority, liaisons, _directory: None }
    }

    /// The issuer.
    #[must_use]
    pub const fn issuer(&self) -> &Arc<DevIssuer> {
        &self.issuer
    }

    /// The authority.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Vouches for liaisons who sign in at the directory: servers under mutual TLS believe it.
    #[must_use]
    pub const fn liaisons(&self) -> &LiaisonIssuer {
        &self.liaisons
    }

    /// Believes the tokens this issuer issues, services' included: for servers without TLS.
    #[must_use]
    pub fn verifier(&self) -> Arc<Verifier> {
        Arc::new(self.issuer.insecure_verifier())
    }

    /// For the server of a service under mutual TLS: believes the certificates of this authority, and the tokens of persons of this
    /// issuer and of [`PROVIDER`].
    ///
    /// # Panics
    /// When `service` is no name, or its certificate cannot be issued.
    #[must_use]
    pub fn verifier_of(&self, service: &str) -> Arc<Verifier> {
        Arc::new(Verifier::mutual(self.tls(service), Arc::clone(&self.people)))
    }

    /// Certificate, key and authorities of a service, issued when asked for the first time.
    ///
    /// # Panics
    /// As [`TestIdentity::verifier_of`].
    #[must_use]
    pub fn files(&self, service: &str) -> TlsFiles {
        files(&self.authority, service)
    }

    /// The proof of a service.
    ///
    /// # Panics
    /// As [`TestIdentity::verifier_of`].
    #[must_use]
    pub fn tls(&self, service: &str) -> Arc<Tls> {
        Tls::open(self.files(service), self.authority.trust_domain().clone()).expect("the files of a service")
    }

    /// The same, as clients take it.
    ///
    /// # Panics
    /// As [`TestIdentity::verifier_of`].
    #[must_use]
    pub fn security(&self, service: &str) -> Security {
        Security::Mutual(self.tls(service))
    }

    /// A service that calls for itself: a tonic interceptor.
    ///
    /// # Panics
    /// When `name` is no name of a service.
    #[must_use]
    pub fn service(&self, name: &str) -> Credentials {
        Credentials::minted(Arc::clone(&self.issuer), name.parse().expect("a service's name"))
    }

    /// A service that calls for a person with these roles, or for a liaison of `unit` (UUID).
    ///
    /// # Panics
    /// When a name, a role or the unit is none, or when they do not fit together.
    #[must_use]
    pub fn person(&self, service: &str, account: &str, roles: &[&str], unit: Option<&str>) -> Credentials {
        self.service(service).for_minted_person(Arc::clone(&self.issuer), person(account, roles, unit))
    }
}

impl Default for TestIdentity {
    fn default() -> Self {
        Self::new()
    }
}

fn files(authority: &Authority, service: &str) -> TlsFiles {
    let service: ServiceName = service.parse().expect("a service's name");
    let order = Order::new(service);
    authority.renew_if_due(&order).expect("a certificate");
    egide_servicekit::pki::files_of(authority.folder(), &order.service)
}

/// [`PROVIDER`], described.
fn provider() -> String {
    let grants: Vec<String> =
        Role::ALL.map(|role| format!(r#"{{"claim": "/roles", "value": "{role}", "role": "{role}"}}"#)).into();
    format!(
        r#"{{"providers": [{{"issuer": "{PROVIDER}", "audiences": ["egide"], "keys": {{"file": "{PROVIDER_KEYS}"}},
            "account": "/sub", "unit": "/unit", "roles": [{}]}}]}}"#,
        grants.join(", ")
    )
}

fn person(account: &str, roles: &[&str], unit: Option<&str>) -> Person {
    let roles = roles.iter().map(|role| role.parse::<Role>().expect("a role")).collect();
    let unit = unit.map(|unit| unit.parse::<UnitId>().expect("a unit's id"));
    Person::new(account.parse().expect("an account"), roles, unit).expect("roles and unit fit together")
}
