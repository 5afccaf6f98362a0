//! The table: method → grants.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use egide_wire::descriptors;
use serde::Deserialize;
use tonic::Status;

use crate::identity::{Caller, Role, ServiceName};

const EMBEDDED: &str = include_str!("../../access.json");

/// The table cannot be used; nothing is served then.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It is no such table.
    #[error("access table: {0}")]
    Json(#[from] serde_json::Error),
    /// A grant names something that does not exist, or contradicts itself.
    #[error("access table: `{method}`: {problem}")]
    Grant {
        /// The row.
        method: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A method without a row, or a row without a method.
    #[error("access table: `{method}` {problem}")]
    Mismatch {
        /// The method.
        method: String,
        /// Which of the two.
        problem: &'static str,
    },
    /// The descriptors of health or reflection do not decode.
    #[error("access table: the descriptors of health and reflection do not decode")]
    Descriptors,
}

/// A caller may not call a method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The method has no row.
    #[error("there is no such method, or nobody may call it")]
    NoRow,
    /// The service may not call it, whoever stands behind it.
    #[error("this service may not call this method; use another service's, or ask for a grant in the access table")]
    Service,
    /// The service may call it only for a person.
    #[error("this call needs a person: send their token as `egide-person`")]
    NoPerson,
    /// The service may call it only for itself.
    #[error("this service calls this method for itself only: leave `egide-person` out")]
    PersonNotExpected,
    /// The person has none of the roles.
    #[error("this call needs a person with one of these roles: {}", .roles.join(", "))]
    Role {
        /// The roles that would do.
        roles: Vec<&'static str>,
    },
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoPerson => Self::unauthenticated(refused.to_string()),
            Refused::NoRow | Refused::Service | Refused::PersonNotExpected | Refused::Role { .. } => {
                Self::permission_denied(refused.to_string())
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: String,
    methods: BTreeMap<String, Row>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Open(Open),
    Grants(Vec<GrantRow>),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Open {
    /// Nobody is asked who they are.
    Anybody,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantRow {
    services: Vec<String>,
    person: PersonRule,
    #[serde(default)]
    roles: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PersonRule {
    Required,
    Optional,
    None,
}

#[derive(Debug)]
struct Grant {
    services: BTreeSet<ServiceName>,
    person: PersonRule,
    // INVARIANT: empty exactly when `person` is `None`.
    roles: BTreeSet<Role>,
}

/// One method of the table.
#[derive(Debug)]
pub(crate) struct Method {
    /// Its full name, `egide.ledger.v1.LedgerService/Append`.
    pub(crate) name: Arc<str>,
    /// Whether the answer, or the question, is a stream.
    pub(crate) streaming: bool,
    /// `None`: anybody may call it, without saying who they are.
    grants: Option<Vec<Grant>>,
}

impl Method {
    /// Whether anybody may call it without saying who they are.
    pub(crate) const fn is_open(&self) -> bool {
        self.grants.is_none()
    }

    /// Whether this caller may call it.
    pub(crate) fn admit(&self, caller: &Caller) -> Result<(), Refused> {
        let Some(grants) = &self.grants else { return Ok(()) };
        // The refusal that comes nearest to a grant says best what to do.
        let mut refused = Refused::Service;
        for grant in grants.iter().filter(|grant| grant.services.contains(&caller.service)) {
            match grant.admit(caller) {
                Ok(()) => return Ok(()),
                Err(nearer) if refused == Refused::Service || matches!(nearer, Refused::Role { .. }) => {
                    refused = nearer
                }
                Err(_) => {}
            }
        }
        Err(refused)
    }
}

impl Grant {
    fn admit(&self, caller: &Caller) -> Result<(), Refused> {
        match (self.person, &caller.person) {
            (PersonRule::None | PersonRule::Optional, None) => Ok(()),
            (PersonRule::Required, None) => Err(Refused::NoPerson),
            (PersonRule::None, Some(_)) => Err(Refused::PersonNotExpected),
            (PersonRule::Required | PersonRule::Optional, Some(person)) => {
                if person.roles().is_disjoint(&self.roles) {
                    Err(Refused::Role { roles: self.roles.iter().copied().map(Role::as_str).collect() })
                } else {
                    Ok(())
                }
            }
        }
    }
}

/// Who may call what.
#[derive(Debug)]
pub struct AccessTable {
    methods: HashMap<Arc<str>, Method>,
}

impl AccessTable {
    /// The table that is built in.
    ///
    /// # Errors
    /// [`TableError`] when it does not fit the contract: every method has a row, every row a method.
    pub fn embedded() -> Result<Self, TableError> {
        Self::read(EMBEDDED)
    }

    pub(super) fn read(json: &str) -> Result<Self, TableError> {
        let file: File = serde_json::from_str(json)?;
        let mut known = served_methods()?;
        let mut methods = HashMap::new();
        for (name, row) in file.methods {
            let streaming = known
                .remove(&name)
                .ok_or_else(|| TableError::Mismatch { method: name.clone(), problem: "has a row and is no method" })?;
            let grants = match row {
                Row::Open(Open::Anybody) => None,
                Row::Grants(rows) => {
                    Some(rows.into_iter().map(|row| read_grant(&name, row)).collect::<Result<Vec<_>, TableError>>()?)
                }
            };
            let name: Arc<str> = name.into();
            methods.insert(Arc::clone(&name), Method { name, streaming, grants });
        }
        match known.into_keys().next() {
            Some(method) => Err(TableError::Mismatch { method, problem: "is a method and has no row" }),
            None => Ok(Self { methods }),
        }
    }

    /// The row of a request's path, `/egide.ledger.v1.LedgerService/Append`.
    pub(crate) fn method(&self, path: &str) -> Option<&Method> {
        self.methods.get(path.strip_prefix('/')?)
    }
}

fn read_grant(method: &str, row: GrantRow) -> Result<Grant, TableError> {
    let wrong = |problem| TableError::Grant { method: method.to_owned(), problem };
    let services: Result<BTreeSet<ServiceName>, _> = row.services.iter().map(|name| name.parse()).collect();
    let roles: Result<BTreeSet<Role>, _> = row.roles.iter().map(|name| name.parse()).collect();
    let grant = Grant {
        services: services.map_err(|_| wrong("a service is no name"))?,
        person: row.person,
        roles: roles.map_err(|_| wrong("a role does not exist"))?,
    };
    if grant.services.is_empty() {
        return Err(wrong("a grant names no service"));
    }
    if grant.roles.is_empty() != (grant.person == PersonRule::None) {
        return Err(wrong("roles belong to a grant exactly when it admits a person"));
    }
    Ok(grant)
}

/// Every method that a server of ours can offer, and whether it streams.
fn served_methods() -> Result<BTreeMap<String, bool>, TableError> {
    let mut pool = descriptors::pool().clone();
    for set in [tonic_health::pb::FILE_DESCRIPTOR_SET, tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET] {
        pool.decode_file_descriptor_set(set).map_err(|_| TableError::Descriptors)?;
    }
    let services: Vec<_> = pool.services().collect();
    let methods = services.iter().flat_map(|service| {
        service.methods().map(|method| {
            let streaming = method.is_server_streaming() || method.is_client_streaming();
            (format!("{}/{}", service.full_name(), method.name()), streaming)
        })
    });
    Ok(methods.collect())
}
