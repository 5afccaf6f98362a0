//! In whose name a command speaks to the services.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use egide_crypto::sign::VerifyingKey;
use egide_crypto::token::jwks::PublicKeys;
use egide_domain::ids::UnitId;
use egide_servicekit::identity::{
    AccountName, Credentials, DEVELOPMENT_ISSUER, DevIssuer, Person, PersonToken, Role, ServiceName, Verifier,
};
use egide_servicekit::people::People;
use egide_servicekit::tls::Security;
use uuid::Uuid;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::proofs::Proofs;

/// Token of the calling service, where it is not minted here and no certificate proves it.
pub(crate) const SERVICE_TOKEN: &str = "EGIDE_SERVICE_TOKEN";
/// Token of the person, where it is not minted here.
pub(crate) const PERSON_TOKEN: &str = "EGIDE_PERSON_TOKEN";

/// `ROLE[+ROLE…][:ACCOUNT]`, as given with `--as`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acting {
    roles: BTreeSet<Role>,
    account: AccountName,
}

impl Acting {
    /// The role with the account that development uses when none is named.
    #[must_use]
    pub(crate) fn in_role(role: Role) -> Option<Self> {
        Some(Self { roles: BTreeSet::from([role]), account: format!("dev.{role}").parse().ok()? })
    }

    /// The person, a liaison of `unit` where the role is that of one.
    ///
    /// # Errors
    /// When role and unit do not fit together.
    pub(crate) fn person(&self, unit: Option<Uuid>) -> Result<Person, Failure> {
        let is_liaison = self.roles.contains(&Role::Liaison);
        if is_liaison && unit.is_none() {
            return Err(Failure::new(Exit::Usage, "fail.liaison_without_unit"));
        }
        let unit = unit.filter(|_| is_liaison).map(|unit| UnitId(*unit.as_bytes()));
        Person::new(self.account.clone(), self.roles.clone(), unit)
            .map_err(|_| Failure::new(Exit::Usage, "fail.liaison_with_other_role"))
    }

    /// Who that is, to be shown to the one who typed it.
    #[must_use]
    pub(crate) fn shown(&self) -> String {
        let roles: Vec<&str> = self.roles.iter().map(|role| role.as_str()).collect();
        format!("{}:{}", roles.join("+"), self.account.as_str())
    }
}

/// Not `ROLE[+ROLE…][:ACCOUNT]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected ROLE or ROLE:ACCOUNT; roles: {}", Role::ALL.map(Role::as_str).join(", "))]
pub(crate) struct BadActing;

impl FromStr for Acting {
    type Err = BadActing;

    fn from_str(text: &str) -> Result<Self, BadActing> {
        let (roles, account) = text.split_once(':').unwrap_or((text, ""));
        // `partnership-specialist` is what people type; the role's name has an underscore.
        let roles: Result<BTreeSet<Role>, _> = roles.split('+').map(|role| role.replace('-', "_").parse()).collect();
        let roles = roles.map_err(|_| BadActing)?;
        let account = match (account, roles.first()) {
            ("", Some(role)) => format!("dev.{role}"),
            (account, _) => account.to_owned(),
        };
        Ok(Self { roles, account: account.parse().map_err(|_| BadActing)? })
    }
}

/// An issuer of tokens elsewhere: its name, and its keys by their ids.
#[derive(Debug, Clone)]
pub(crate) struct Issuer {
    pub(crate) name: String,
    pub(crate) keys: BTreeMap<String, VerifyingKey>,
}

/// Where credentials come from, and whose count.
#[derive(Debug, Clone)]
pub(crate) struct Identities {
    issuer: Option<Arc<DevIssuer>>,
    elsewhere: Option<Issuer>,
    /// Others than the issuer's own.
    people: Option<Arc<People>>,
    /// Liaisons for whom the directory vouches.
    liaisons: Option<Arc<People>>,
    proofs: Arc<Proofs>,
}

impl Identities {
    /// The development issuer of a data directory.
    ///
    /// # Errors
    /// When its key cannot be used.
    pub(crate) fn of_development(data: &Path, proofs: Arc<Proofs>) -> Result<Self, Failure> {
        let issuer = DevIssuer::open(data)
            .map_err(|error| Failure::new(Exit::NotAllowed, "fail.issuer").with("error", error))?;
        Ok(Self { issuer: Some(Arc::new(issuer)), elsewhere: None, people: None, liaisons: None, proofs })
    }

    /// Tokens from the environment only; those of `elsewhere` count here.
    #[must_use]
    pub(crate) const fn of_environment(elsewhere: Option<Issuer>, proofs: Arc<Proofs>) -> Self {
        Self { issuer: None, elsewhere, people: None, liaisons: None, proofs }
    }

    /// The same, taking the word of these about people, and of nobody else.
    #[must_use]
    pub(crate) fn with_people(self, people: Arc<People>) -> Self {
        Self { people: Some(people), ..self }
    }

    /// The same, taking the word of the directory that has these keys about liaisons.
    ///
    /// # Errors
    /// When the keys cannot be used.
    pub(crate) fn with_liaisons(self, keys: &BTreeMap<String, VerifyingKey>) -> Result<Self, Failure> {
        let refused = |error| Failure::new(Exit::Unreadable, "fail.people").with("error", error);
        Ok(Self { liaisons: Some(Arc::new(People::of_liaisons(keys).map_err(refused)?)), ..self })
    }

    /// The development issuer's public keys, where there is one.
    #[must_use]
    pub(crate) fn development_keys(&self) -> Option<PublicKeys> {
        self.issuer.as_ref().map(|issuer| PublicKeys::of_ed25519(issuer.keys()))
    }

    /// How `service` makes and takes connections.
    ///
    /// # Errors
    /// When its certificate cannot be used.
    pub(crate) fn security(&self, service: &ServiceName) -> Result<Security, Failure> {
        self.proofs.security(service)
    }

    /// For the server of `service`: who is believed there.
    ///
    /// # Errors
    /// When nobody would be, or its certificate cannot be used.
    pub(crate) fn verifier(&self, service: &ServiceName) -> Result<Verifier, Failure> {
        let nobody = || Failure::new(Exit::Usage, "fail.nobody");
        let people = match (self.people()?, &self.liaisons) {
            (Some(people), Some(liaisons)) => Arc::new(People::default().and(&people).and(liaisons)),
            (Some(people), None) => people,
            (None, Some(liaisons)) => Arc::clone(liaisons),
            (None, None) => return Err(nobody()),
        };
        match (self.security(service)?, &self.issuer, &self.elsewhere) {
            (Security::Mutual(tls), _, _) => Ok(Verifier::mutual(tls, people)),
            (Security::Insecure, Some(issuer), _) => Ok(Verifier::insecure(DEVELOPMENT_ISSUER, &issuer.keys(), people)),
            (Security::Insecure, None, Some(issuer)) => Ok(Verifier::insecure(&issuer.name, &issuer.keys, people)),
            (Security::Insecure, None, None) => Err(nobody()),
        }
    }

    /// Whose word about people is taken.
    fn people(&self) -> Result<Option<Arc<People>>, Failure> {
        let refused = |error| Failure::new(Exit::Unreadable, "fail.people").with("error", error);
        match (&self.people, &self.issuer, &self.elsewhere) {
            (Some(people), _, _) => Ok(Some(Arc::clone(people))),
            (None, Some(issuer), _) => Ok(Some(Arc::clone(issuer.people()))),
            (None, None, Some(issuer)) => {
                Ok(Some(Arc::new(People::of_issuer(&issuer.name, &issuer.keys).map_err(refused)?)))
            }
            (None, None, None) => Ok(None),
        }
    }

    /// Credentials of a service, for a person or for itself.
    ///
    /// # Errors
    /// When the environment holds no token and there is no issuer, or holds something that is none.
    pub(crate) fn credentials(&self, service: &ServiceName, person: Option<Person>) -> Result<Credentials, Failure> {
        if let Some(issuer) = &self.issuer {
            let credentials = Credentials::minted(Arc::clone(issuer), service.clone());
            return Ok(match person {
                Some(person) => credentials.for_minted_person(Arc::clone(issuer), person),
                None => credentials,
            });
        }
        let variable = |name: &'static str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let unusable = |name: &'static str| Failure::new(Exit::NotAllowed, "fail.token").with("variable", name);
        let credentials = match self.security(service)? {
            Security::Mutual(_) => Credentials::by_certificate(),
            Security::Insecure => {
                let token = variable(SERVICE_TOKEN).ok_or_else(|| unusable(SERVICE_TOKEN))?;
                Credentials::fixed(&token).ok_or_else(|| unusable(SERVICE_TOKEN))?
            }
        };
        match variable(PERSON_TOKEN) {
            Some(token) => Ok(credentials.for_person(PersonToken::new(&token).ok_or_else(|| unusable(PERSON_TOKEN))?)),
            None => Ok(credentials),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_come_with_an_account_and_with_others() {
        let one: Acting = "responder:amelie.roy".parse().unwrap();
        assert_eq!(one.shown(), "responder:amelie.roy");
        let none: Acting = "compliance".parse().unwrap();
        assert_eq!(none.shown(), "compliance:dev.compliance");
        let both: Acting = "supervisor+responder:noor.haddad".parse().unwrap();
        assert_eq!(both.shown(), "responder+supervisor:noor.haddad");
        assert_eq!(
            "partnership-specialist".parse::<Acting>().unwrap().shown(),
            "partnership_specialist:dev.partnership_specialist"
        );
        assert!("king".parse::<Acting>().is_err());
        assert!("responder:a b".parse::<Acting>().is_err());
        assert!("".parse::<Acting>().is_err());
    }

    #[test]
    fn a_liaison_needs_a_unit_and_nobody_else_gets_one() {
        let unit = Uuid::from_u128(7);
        let liaison: Acting = "liaison".parse().unwrap();
        assert_eq!(liaison.person(None).unwrap_err().exit(), Exit::Usage);
        assert_eq!(liaison.person(Some(unit)).unwrap().unit(), Some(UnitId(*unit.as_bytes())));
        let responder: Acting = "responder".parse().unwrap();
        assert_eq!(responder.person(Some(unit)).unwrap().unit(), None);
        let both: Acting = "liaison+supervisor".parse().unwrap();
        assert_eq!(both.person(Some(unit)).unwrap_err().exit(), Exit::Usage);
    }
}
