//! Who calls: the people and services of the sample hotline. All of them are invented.

use egide_servicekit::identity::Person;

/// A service, and the person for whom it calls, if any.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Who {
    /// The service's name.
    pub service: String,
    /// Account, roles, and for a liaison the unit (UUID).
    pub person: Option<(String, Vec<String>, Option<String>)>,
}

impl Who {
    /// The person, as tokens describe one.
    ///
    /// # Panics
    /// When a name or a role is none, or roles and unit do not fit together.
    #[must_use]
    pub fn person(&self) -> Option<Person> {
        let (account, roles, unit) = self.person.as_ref()?;
        let roles = roles.iter().map(|role| role.parse().expect("a role")).collect();
        let unit = unit.as_ref().map(|unit| unit.parse().expect("the id of a unit"));
        Some(Person::new(account.parse().expect("an account"), roles, unit).expect("roles and unit fit together"))
    }
}

/// A service that calls for nobody.
#[must_use]
pub fn service(name: &str) -> Who {
    Who { service: name.to_owned(), person: None }
}

/// A service that calls for a member of staff with these roles.
#[must_use]
pub fn staff(service: &str, account: &str, roles: &[&str]) -> Who {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    Who { service: service.to_owned(), person: Some((account.to_owned(), roles, None)) }
}

/// Amélie, who answers the phone.
#[must_use]
pub fn responder() -> Who {
    staff("telephony-desk", "amelie.roy", &["responder"])
}

/// Noor, who supervises.
#[must_use]
pub fn supervisor() -> Who {
    staff("case-desk", "noor.haddad", &["supervisor"])
}

/// Marc, who supervises too: who confirms is another person than who asserted.
#[must_use]
pub fn other_supervisor() -> Who {
    staff("case-desk", "marc.tessier", &["supervisor"])
}

/// Jean, who audits.
#[must_use]
pub fn compliance() -> Who {
    staff("console", "jean.tremblay", &["compliance"])
}

/// Inès, who keeps the directory.
#[must_use]
pub fn specialist() -> Who {
    staff("console", "ines.morin", &["partnership_specialist"])
}

/// A liaison of a unit (UUID) outside, through the portal.
#[must_use]
pub fn liaison(unit_id: &str) -> Who {
    let person = ("liaison.sample".to_owned(), vec!["liaison".to_owned()], Some(unit_id.to_owned()));
    Who { service: "portal".to_owned(), person: Some(person) }
}

/// The web form, which acts by itself.
#[must_use]
pub fn web_form() -> Who {
    service("web-form")
}
