//! What a provider's claims mean here.

use std::collections::BTreeSet;

use egide_domain::ids::UnitId;
use serde::Deserialize;
use serde_json::Value;

use crate::identity::{Person, Role};

/// Longest path of a claim, in bytes.
const POINTER_BYTES_MAX: usize = 256;

/// Where a claim stands: a JSON pointer (RFC 6901), `/realm_access/roles`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Pointer(String);

impl TryFrom<String> for Pointer {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let escapes_are_whole = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        let fits = text.len() <= POINTER_BYTES_MAX && text.starts_with('/') && escapes_are_whole;
        fits.then_some(Self(text)).ok_or("a claim is a JSON pointer (RFC 6901) such as `/realm_access/roles`")
    }
}

impl Pointer {
    /// The one text that stands there.
    fn text<'v>(&self, claims: &'v Value) -> Option<&'v str> {
        claims.pointer(&self.0).and_then(Value::as_str)
    }

    /// Whether the text, or one of the texts, that stand there is this one.
    fn holds(&self, claims: &Value, wanted: &str) -> bool {
        match claims.pointer(&self.0) {
            Some(Value::String(text)) => text == wanted,
            Some(Value::Array(texts)) => texts.iter().any(|text| text.as_str() == Some(wanted)),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Required {
    claim: Pointer,
    value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    claim: Pointer,
    value: String,
    role: RoleName,
}

/// A role by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct RoleName(Role);

impl TryFrom<String> for RoleName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = || format!("a role is one of: {}", Role::ALL.map(Role::as_str).join(", "));
        text.parse().map(Self).map_err(|_| known())
    }
}

/// How a person is read from claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) require: Vec<Required>,
    pub(super) account: Pointer,
    pub(super) unit: Option<Pointer>,
    pub(super) roles: Vec<Grant>,
}

impl Mapping {
    /// The person of these claims; `None` when they describe nobody who can be here. A value that is not named grants nothing.
    pub(super) fn person(&self, claims: &Value) -> Option<Person> {
        if !self.require.iter().all(|required| required.claim.holds(claims, &required.value)) {
            return None;
        }
        let account = self.account.text(claims)?.parse().ok()?;
        let granted = self.roles.iter().filter(|grant| grant.claim.holds(claims, &grant.value));
        let roles: BTreeSet<Role> = granted.map(|grant| grant.role.0).collect();
        // What is there and is no unit is not passed over: it may have been meant to keep somebody outside.
        let unit: Option<UnitId> = match self.unit.as_ref().and_then(|unit| claims.pointer(&unit.0)) {
            None | Some(Value::Null) => None,
            Some(unit) => Some(unit.as_str()?.parse().ok()?),
        };
        Person::new(account, roles, unit).ok()
    }
}
