//! The unit's encryption keys. Whoever changes them signed in a moment ago.

use askama::Template;
use axum::response::Response;
use egide_web::text::Tongue;
use egide_wire::proto::egide::directory::v1::{
    AddEncryptionKeyRequest, EncryptionKeyAdded, EncryptionKeyRemoved, GetOwnUnitResponse, RemoveEncryptionKeyRequest,
};
use http::StatusCode;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::moment::minute;
use crate::referrals::unit_name;
use crate::router::{Asked, see};
use crate::site::{Liaison, Page, Site};

/// Letters and digits of a public key, behind `age1`.
const KEY_LETTERS: usize = 58;
/// Longest name, in bytes.
const LABEL_BYTES_MAX: usize = 100;

struct Key {
    label: String,
    fingerprint: String,
    added: String,
    removed: String,
    command: String,
}

struct Problem {
    key: &'static str,
    field: &'static str,
}

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage<'p> {
    t: Tongue<'p>,
    unit: &'p str,
    token: &'p str,
    command: String,
    keys: Vec<Key>,
    removed: Vec<Key>,
    done: Option<&'static str>,
    problem: Option<Problem>,
}

impl KeysPage<'_> {
    fn is_wrong(&self, field: &str) -> bool {
        self.problem.as_ref().is_some_and(|problem| problem.field == field)
    }
}

/// Which keys there are.
pub(crate) async fn show(site: &Site, asked: &Asked, liaison: &Liaison, problem: Option<&'static str>) -> Response {
    let unit = match site.own_unit(liaison).await {
        Ok(unit) => unit,
        Err(status) => return site.refused(asked.lang, liaison, &status),
    };
    page(site, asked, liaison, unit, problem)
}

fn page(
    site: &Site,
    asked: &Asked,
    liaison: &Liaison,
    unit: GetOwnUnitResponse,
    problem: Option<&'static str>,
) -> Response {
    let t = site.tongue(asked.lang);
    let name = unit_name(t, unit.unit.as_ref());
    let all = unit.unit.map(|unit| unit.encryption_keys).unwrap_or_default();
    let all = all.into_iter().map(|key| Key {
        added: minute(key.added_at.as_ref()),
        removed: minute(key.removed_at.as_ref()),
        label: key.label,
        fingerprint: key.fingerprint,
        command: Uuid::new_v4().to_string(),
    });
    let (keys, removed) = all.partition(|key: &Key| key.removed.is_empty());
    let done = match asked.query.as_str() {
        "done=added" => Some("keys-done-added"),
        "done=removed" => Some("keys-done-removed"),
        _ => None,
    };
    let field = |key: &str| match key {
        "keys-wrong-public" => "recipient",
        "keys-wrong-label" => "label",
        _ => "",
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let content = KeysPage {
        t,
        unit: &name,
        token: &site.tokens.of(&liaison.secret),
        command: Uuid::new_v4().to_string(),
        keys,
        removed,
        done,
        problem: problem.map(|key| Problem { key, field: field(key) }),
    };
    let content = content.render().unwrap_or_default();
    let page = Page { status, title: t.s("menu-keys"), content, path: "/keys", has_script: false };
    site.page(asked.lang, Some(liaison), &page)
}

/// What is wrong with what was typed; it is never repeated, for it may be a private key.
fn wrong(recipient: &str, label: &str) -> Option<&'static str> {
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let public = recipient.strip_prefix("age1").is_some_and(|rest| rest.len() == KEY_LETTERS && letters(rest));
    let secret = label.to_ascii_uppercase().contains("AGE-SECRET-KEY");
    match (public, (1..=LABEL_BYTES_MAX).contains(&label.len()) && !label.chars().any(char::is_control)) {
        (false, _) => Some("keys-wrong-public"),
        (true, _) if secret => Some("keys-wrong-public"),
        (true, false) => Some("keys-wrong-label"),
        (true, true) => None,
    }
}

/// What came of a change.
async fn outcome(site: &Site, asked: &Asked, liaison: &Liaison, changed: Result<&'static str, Status>) -> Response {
    match changed {
        Ok(done) => see(&format!("/{}/keys?done={done}", asked.lang.code())),
        Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::InvalidArgument) => {
            show(site, asked, liaison, Some("keys-refused")).await
        }
        Err(status) => site.refused(asked.lang, liaison, &status),
    }
}

/// Adds a key.
pub(crate) async fn add(site: &Site, asked: &Asked, liaison: &Liaison) -> Response {
    if !liaison.session.is_recent() {
        return see(&format!("/{}/sign-in", asked.lang.code()));
    }
    let (recipient, label) = (asked.form.get("recipient").trim(), asked.form.get("label").trim());
    if let Some(problem) = wrong(recipient, label) {
        return show(site, asked, liaison, Some(problem)).await;
    }
    let changed = async {
        let unit = site.own_unit(liaison).await?;
        let key = EncryptionKeyAdded {
            organization_id: unit.organization_id,
            unit_id: unit.unit.and_then(|unit| unit.unit).map(|record| record.unit_id).unwrap_or_default(),
            recipient: recipient.to_owned(),
            label: label.to_owned(),
        };
        let request = AddEncryptionKeyRequest { command_id: asked.form.get("command").to_owned(), key: Some(key) };
        site.keys_of(liaison)?.add_encryption_key(request).await.map(|_| "added")
    };
    let changed = changed.await;
    outcome(site, asked, liaison, changed).await
}

/// Removes one.
pub(crate) async fn remove(site: &Site, asked: &Asked, liaison: &Liaison) -> Response {
    if !liaison.session.is_recent() {
        return see(&format!("/{}/sign-in", asked.lang.code()));
    }
    let changed = async {
        let unit = site.own_unit(liaison).await?;
        let key = EncryptionKeyRemoved {
            organization_id: unit.organization_id,
            unit_id: unit.unit.and_then(|unit| unit.unit).map(|record| record.unit_id).unwrap_or_default(),
            fingerprint: asked.form.get("fingerprint").to_owned(),
        };
        let request = RemoveEncryptionKeyRequest { command_id: asked.form.get("command").to_owned(), key: Some(key) };
        site.keys_of(liaison)?.remove_encryption_key(request).await.map(|_| "removed")
    };
    let changed = changed.await;
    outcome(site, asked, liaison, changed).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_goes_nowhere() {
        let public = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
        assert_eq!(wrong(public, "duty desk"), None);
        assert_eq!(wrong(public, ""), Some("keys-wrong-label"));
        let secret = "AGE-SECRET-KEY-1QQPQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQP";
        assert_eq!(wrong(secret, "duty desk"), Some("keys-wrong-public"));
        assert_eq!(wrong(public, secret), Some("keys-wrong-public"));
        assert_eq!(wrong(public, &secret.to_lowercase()), Some("keys-wrong-public"));
    }
}
