//! Who may emit what: a table, as data (`emitters.json`), of event kinds, services and roles of people. What no row names is
//! refused.

use std::collections::HashMap;

use egide_domain::vocabulary::Role;
use serde::Deserialize;

const TABLE: &str = include_str!("../emitters.json");
/// The form of the table.
const VERSION: u32 = 1;

/// The table cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It is no such table.
    #[error("the table of emitters cannot be read: {0}")]
    Form(#[from] serde_json::Error),
    /// It has a form this version does not know.
    #[error("the table of emitters has version `{0}`, unknown here")]
    Version(u32),
    /// A kind, or a service within a kind, stands in it twice.
    #[error("the table of emitters names `{0}` twice")]
    Repeated(String),
    /// A grant to nobody.
    #[error("the table of emitters grants `{0}` to neither a role nor the service alone")]
    Nobody(String),
}

/// The event may not be emitted so. Names kind and service and no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event kind `{kind}` may not be emitted by service `{service}` in this way")]
pub(crate) struct NotAllowed {
    /// The event's kind.
    pub(crate) kind: String,
    /// The service that calls.
    pub(crate) service: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    version: u32,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    kinds: Vec<String>,
    by: Vec<By>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct By {
    services: Vec<String>,
    #[serde(default)]
    alone: bool,
    #[serde(default)]
    roles: Vec<Role>,
}

/// What one service may do with one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    /// Without a person.
    alone: bool,
    /// For a person who has one of these roles; the first they have is the one they act in.
    roles: Vec<Role>,
}

/// The table.
#[derive(Debug)]
pub(crate) struct Emitters(HashMap<String, HashMap<String, Grant>>);

impl Emitters {
    /// Reads the table that was built in.
    ///
    /// # Errors
    /// See [`Error`].
    pub(crate) fn load() -> Result<Self, Error> {
        Self::parse(TABLE)
    }

    fn parse(json: &str) -> Result<Self, Error> {
        let table: Table = serde_json::from_str(json)?;
        if table.version != VERSION {
            return Err(Error::Version(table.version));
        }
        let mut kinds = HashMap::new();
        for row in table.rows {
            let mut services = HashMap::new();
            for by in row.by {
                let grant = Grant { alone: by.alone, roles: by.roles };
                for service in by.services {
                    if !grant.alone && grant.roles.is_empty() {
                        return Err(Error::Nobody(service));
                    }
                    if services.insert(service.clone(), grant.clone()).is_some() {
                        return Err(Error::Repeated(service));
                    }
                }
            }
            for kind in row.kinds {
                if kinds.insert(kind.clone(), services.clone()).is_some() {
                    return Err(Error::Repeated(kind));
                }
            }
        }
        Ok(Self(kinds))
    }

    /// Whether `service` may emit `kind`, for a person with these roles or (`None`) for nobody; and in which role the
    /// person then acts.
    ///
    /// # Errors
    /// [`NotAllowed`], for whatever reason.
    pub(crate) fn allow(&self, kind: &str, service: &str, person: Option<&[Role]>) -> Result<Option<Role>, NotAllowed> {
        let refused = || NotAllowed { kind: kind.to_owned(), service: service.to_owned() };
        let grant = self.0.get(kind).and_then(|services| services.get(service)).ok_or_else(refused)?;
        match person {
            None if grant.alone => Ok(None),
            None => Err(refused()),
            Some(roles) => grant.roles.iter().find(|role| roles.contains(role)).copied().map(Some).ok_or_else(refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_event_kind_has_a_row_and_every_row_is_an_event_kind() {
        let table = Emitters::load().unwrap();
        let rows: BTreeSet<_> = table.0.keys().map(String::as_str).collect();
        let kinds: BTreeSet<_> = egide_wire::classification::events().map(|(_, class)| class.kind.as_str()).collect();
        assert_eq!(rows, kinds);
    }

    #[test]
    fn a_supervisors_review_needs_a_supervisor() {
        let table = Emitters::load().unwrap();
        let kind = "case.supervisor_reviewed";
        assert_eq!(
            table.allow(kind, "case-desk", Some(&[Role::Responder, Role::Supervisor])),
            Ok(Some(Role::Supervisor))
        );
        for person in [None, Some(&[Role::Responder, Role::Compliance][..])] {
            assert!(table.allow(kind, "case-desk", person).is_err());
        }
    }

    #[test]
    fn what_happens_around_a_disclosure_comes_from_the_disclosure_service_alone() {
        let table = Emitters::load().unwrap();
        for kind in ["disclosure.decided", "disclosure.released", "disclosure.delivered", "disclosure.acknowledged"] {
            assert_eq!(table.allow(kind, "disclosure", None), Ok(None));
            let services: Vec<_> = table.0[kind].keys().collect();
            assert_eq!(services, ["disclosure"], "{kind}");
        }
    }

    #[test]
    fn forms_on_the_web_and_e_mail_neither_triage_nor_record_consent() {
        let table = Emitters::load().unwrap();
        for service in ["web-form", "email-intake"] {
            let may: BTreeSet<_> = table
                .0
                .iter()
                .filter(|(_, services)| services.contains_key(service))
                .map(|(kind, _)| kind.as_str())
                .collect();
            let expected = [
                "case.contact_recorded",
                "case.narrative_recorded",
                "case.opened",
                "case.person_identified",
                "case.situation_recorded",
                "case.suspect_described",
                "case.tip_received",
                "case.whereabouts_recorded",
            ];
            assert_eq!(may, BTreeSet::from(expected), "{service}");
        }
    }

    #[test]
    fn the_directory_changes_through_its_specialist_only() {
        let table = Emitters::load().unwrap();
        let kind = "directory.unit_registered";
        let allowed = table.allow(kind, "directory", Some(&[Role::PartnershipSpecialist]));
        assert_eq!(allowed, Ok(Some(Role::PartnershipSpecialist)));
        assert!(table.allow(kind, "directory", None).is_err());
        assert!(table.allow(kind, "directory", Some(&[Role::Supervisor])).is_err());
        assert!(table.allow(kind, "console", Some(&[Role::PartnershipSpecialist])).is_err());
    }

    #[test]
    fn what_no_row_names_is_refused_and_the_refusal_names_kind_and_service_only() {
        let table = Emitters::load().unwrap();
        let refused = table.allow("case.unheard_of", "cli", Some(&[Role::Supervisor])).unwrap_err();
        assert_eq!(refused.to_string(), "event kind `case.unheard_of` may not be emitted by service `cli` in this way");
        assert!(table.allow("case.opened", "unheard-of", Some(&[Role::Supervisor])).is_err());
    }

    #[test]
    fn a_table_that_says_something_twice_or_grants_to_nobody_is_refused() {
        let repeated = r#"{"version":1,"rows":[{"kinds":["a","a"],"by":[{"services":["s"],"alone":true}]}]}"#;
        assert!(matches!(Emitters::parse(repeated), Err(Error::Repeated(_))));
        let nobody = r#"{"version":1,"rows":[{"kinds":["a"],"by":[{"services":["s"]}]}]}"#;
        assert!(matches!(Emitters::parse(nobody), Err(Error::Nobody(_))));
        assert!(matches!(Emitters::parse(r#"{"version":2,"rows":[]}"#), Err(Error::Version(2))));
        assert!(Emitters::parse(r#"{"version":1,"rows":[],"more":1}"#).is_err());
    }
}
