//! The caller as everything behind the access layer sees it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use egide_domain::ids::UnitId;
use tonic::{Request, Status};

/// Longest name of a service or an account, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// A text that cannot name what it should. The text is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a name of {what}: {rule}")]
pub struct BadName {
    what: &'static str,
    rule: &'static str,
}

impl BadName {
    /// The text, if it has 1 to `bytes_max` bytes, all of them allowed; `rule` says so in words.
    pub(crate) fn unless(
        text: &str,
        bytes_max: usize,
        is_allowed: impl Fn(u8) -> bool,
        what: &'static str,
        rule: &'static str,
    ) -> Result<String, Self> {
        let fits = (1..=bytes_max).contains(&text.len()) && text.bytes().all(is_allowed);
        fits.then(|| text.to_owned()).ok_or(Self { what, rule })
    }
}

/// A service, by the name its token carries: `telephony-desk`, `disclosure` …
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(String);

impl ServiceName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let rule = "1 to 128 lower-case letters, digits and hyphens";
        BadName::unless(text, NAME_BYTES_MAX, allowed, "a service", rule).map(Self)
    }
}

impl TryFrom<String> for ServiceName {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for ServiceName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for ServiceName {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for ServiceName {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// The account of a member of staff or a liaison. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(String);

impl AccountName {
    /// The account, for the record and nothing else: never for a log line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let allowed = |byte: u8| byte.is_ascii_graphic();
        BadName::unless(text, NAME_BYTES_MAX, allowed, "an account", "1 to 128 visible ASCII characters").map(Self)
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountName(..)")
    }
}

/// What a person does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Answers callers and works cases.
    Responder,
    /// Supervises responders, reviews tips, asserts and confirms exceptions.
    Supervisor,
    /// Reviews narratives.
    Reviewer,
    /// Audits disclosures and accounts for them.
    Compliance,
    /// Receives referrals for a unit outside; has no other role.
    Liaison,
    /// Keeps the directory.
    PartnershipSpecialist,
    /// Runs the system.
    Operator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Responder,
        Self::Supervisor,
        Self::Reviewer,
        Self::Compliance,
        Self::Liaison,
        Self::PartnershipSpecialist,
        Self::Operator,
    ];

    /// The name tokens and tables use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Responder => "responder",
            Self::Supervisor => "supervisor",
            Self::Reviewer => "reviewer",
            Self::Compliance => "compliance",
            Self::Liaison => "liaison",
            Self::PartnershipSpecialist => "partnership_specialist",
            Self::Operator => "operator",
        }
    }
}

impl FromStr for Role {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(BadName { what: "a role", rule: "see `Role::ALL`" })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A person for whom a service calls. `Debug` shows the roles only.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    // INVARIANT: a liaison has a unit and no other role; nobody else has a unit. So nobody is inside and outside at once.
    account: AccountName,
    roles: BTreeSet<Role>,
    unit: Option<UnitId>,
}

impl Person {
    /// A member of staff.
    ///
    /// # Errors
    /// [`BadName`] when one of the roles is that of a liaison, who belongs to a unit outside.
    pub fn staff(account: AccountName, roles: impl IntoIterator<Item = Role>) -> Result<Self, BadName> {
        Self::new(account, roles.into_iter().collect(), None)
    }

    /// A liaison of a unit outside.
    #[must_use]
    pub fn liaison(account: AccountName, unit: UnitId) -> Self {
        Self { account, roles: BTreeSet::from([Role::Liaison]), unit: Some(unit) }
    }

    /// A person as an issuer describes one.
    ///
    /// # Errors
    /// [`BadName`] when roles and unit do not fit together: a liaison has a unit and no other role, nobody else has a unit.
    pub fn new(account: AccountName, roles: BTreeSet<Role>, unit: Option<UnitId>) -> Result<Self, BadName> {
        let outside = roles.contains(&Role::Liaison);
        if outside != unit.is_some() || (outside && roles.len() > 1) {
            return Err(BadName {
                what: "a person",
                rule: "a liaison has a unit and no other role, and nobody else has a unit",
            });
        }
        Ok(Self { account, roles, unit })
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> &AccountName {
        &self.account
    }

    /// The roles; without any, nothing is allowed that asks for one.
    #[must_use]
    pub const fn roles(&self) -> &BTreeSet<Role> {
        &self.roles
    }

    /// Whether the person has this role.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The recipient unit, for people outside the hotline.
    #[must_use]
    pub const fn unit(&self) -> Option<UnitId> {
        self.unit
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("roles", &self.roles).finish_non_exhaustive()
    }
}

/// Who calls: proved, and put into the extensions of every request by the access layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The service.
    pub service: ServiceName,
    /// The person for whom it calls, if any.
    pub person: Option<Person>,
}

impl Caller {
    /// The caller of a request that came through the access layer.
    ///
    /// # Errors
    /// `INTERNAL` when it did not come that way: then nobody is served.
    pub fn of<T>(request: &Request<T>) -> Result<&Self, Status> {
        request.extensions().get::<Self>().ok_or_else(|| Status::internal("request came past the access layer"))
    }

    /// The person, where a method needs one.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when there is none.
    pub fn person(&self) -> Result<&Person, Status> {
        let missing = || Status::unauthenticated("this call needs a person: send their token as `egide-person`");
        self.person.as_ref().ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> AccountName {
        "amelie.roy".parse().unwrap()
    }

    #[test]
    fn nobody_is_inside_and_outside_at_once() {
        let unit = UnitId([7; 16]);
        assert!(Person::staff(account(), [Role::Liaison]).is_err());
        assert!(Person::new(account(), BTreeSet::from([Role::Liaison, Role::Supervisor]), Some(unit)).is_err());
        assert!(Person::new(account(), BTreeSet::from([Role::Responder]), Some(unit)).is_err());
        assert!(Person::staff(account(), [Role::Responder, Role::Supervisor]).is_ok());
        assert_eq!(Person::liaison(account(), unit).unit(), Some(unit));
    }

    #[test]
    fn debug_never_shows_the_account() {
        let person = Person::staff(account(), [Role::Responder]).unwrap();
        let caller = Caller { service: "case-desk".parse().unwrap(), person: Some(person) };
        let shown = format!("{caller:?} {:?}", account());
        assert!(shown.contains("Responder") && !shown.contains("amelie"), "{shown}");
    }

    #[test]
    fn every_role_is_read_as_it_is_written() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("admin".parse::<Role>().is_err());
    }

    #[test]
    fn a_request_that_came_past_the_access_layer_is_not_served() {
        assert_eq!(Caller::of(&Request::new(())).unwrap_err().code(), tonic::Code::Internal);
    }

    #[test]
    fn names_are_plain() {
        for text in ["", "Case-Desk", "case desk", "désk"] {
            assert!(text.parse::<ServiceName>().is_err(), "{text}");
        }
        for text in ["", "amélie", "a b", "a\nb"] {
            assert!(text.parse::<AccountName>().is_err(), "{text}");
        }
    }
}
