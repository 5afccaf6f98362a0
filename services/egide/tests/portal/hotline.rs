//! The hotline's side: who is in the directory, who is invited, what is released.

use std::path::Path;

use serde_json::Value;

use super::up::{self, consent, disclose, open_case};

pub(crate) const CASE: &str = "018f3a5e-0000-7000-8000-000000000001";
pub(crate) const PERSON: &str = "018f3a5e-0000-7000-8000-000000000002";
pub(crate) const ORGANIZATION: &str = "018f3a5e-0000-7000-8000-000000000003";
pub(crate) const UNIT: &str = "018f3a5e-0000-7000-8000-000000000004";
pub(crate) const OTHER_UNIT: &str = "018f3a5e-0000-7000-8000-000000000006";

/// Two units of one organisation, and a case that may be told to the first; the referral.
pub(crate) fn prepare(data: &Path) -> String {
    let done = |arguments: &[&str]| up::done(data, arguments);
    let named = ["--name-en", "Coast City Police", "--name-fr", "Police de Coast City", "--jurisdiction", "bc"];
    let kind = ["--kind", "investigating-agency"];
    done(&[&["directory", "organization", ORGANIZATION, "--verified"], &named[..], &kind].concat());
    let purpose = ["--purpose", "investigation"];
    for unit in [UNIT, OTHER_UNIT] {
        done(&[&["directory", "unit", ORGANIZATION, unit], &named[..], &kind, &purpose].concat());
    }
    done(&[&["directory", "agreement", ORGANIZATION, "--category", "situation"], &purpose[..]].concat());
    open_case(data, CASE, PERSON);
    consent(data, CASE, PERSON, UNIT);
    release(data)
}

/// One more referral to the unit.
pub(crate) fn release(data: &Path) -> String {
    let permitted = disclose(data, CASE, UNIT);
    permitted.pointer("/decision/referralId").and_then(Value::as_str).expect("a referral").to_owned()
}

/// Invites somebody of a unit; their account and their code.
pub(crate) fn invite(data: &Path, unit: &str, account: &str) -> (String, String) {
    let told = up::done(
        data,
        &[
            "directory",
            "liaison",
            "invite",
            ORGANIZATION,
            unit,
            "--account",
            account,
            "--sponsored-by",
            "letter 118",
            "--json",
        ],
    );
    let told: Value = serde_json::from_str(&told).unwrap();
    (told["liaisonId"].as_str().unwrap().to_owned(), told["code"].as_str().unwrap().to_owned())
}

/// The portal of a running installation.
pub(crate) fn origin(data: &Path) -> String {
    let endpoints: Value =
        serde_json::from_str(&std::fs::read_to_string(data.join("endpoints.json")).unwrap()).unwrap();
    endpoints["portal"].as_str().expect("a portal").to_owned()
}
