//! Tokens for anybody.

use std::path::Path;
use std::sync::Arc;

use egide_domain::ids::UnitId;
use egide_servicekit::identity::{Credentials, DevIssuer, Person, Role, Verifier};
use tempfile::TempDir;

/// An issuer of one's own.
#[derive(Debug)]
pub struct TestIdentity {
    issuer: Arc<DevIssuer>,
    _directory: Option<TempDir>,
}

impl TestIdentity {
    /// An issuer whose key goes away with it.
    ///
    /// # Panics
    /// When there is no room for a key.
    #[must_use]
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let issuer = Arc::new(DevIssuer::open(directory.path()).expect("the issuer's key"));
        Self { issuer, _directory: Some(directory) }
    }

    /// The issuer of a data directory.
    ///
    /// # Panics
    /// When its key cannot be made or read.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        let issuer = Arc::new(DevIssuer::open(directory).expect("the issuer's key"));
        Self { issuer, _directory: None }
    }

    /// The issuer.
    #[must_use]
    pub const fn issuer(&self) -> &Arc<DevIssuer> {
        &self.issuer
    }

    /// Believes what this issuer issues.
    #[must_use]
    pub fn verifier(&self) -> Arc<Verifier> {
        Arc::new(self.issuer.verifier())
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

fn person(account: &str, roles: &[&str], unit: Option<&str>) -> Person {
    let roles = roles.iter().map(|role| role.parse::<Role>().expect("a role")).collect();
    let unit = unit.map(|unit| unit.parse::<UnitId>().expect("a unit's id"));
    Person::new(account.parse().expect("an account"), roles, unit).expect("roles and unit fit together")
}
