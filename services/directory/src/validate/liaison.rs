//! Invitations, passkeys, sign-ins and ends of accounts.

use egide_domain::time::Timestamp;
use egide_servicekit::clock;
use egide_wire::proto::egide::directory::v1::directory_event::Payload;
use egide_wire::proto::egide::directory::v1::{
    LiaisonInvited, LiaisonPasskeyAdded, LiaisonRevocation, LiaisonRevoked, LiaisonSignedIn,
};
use uuid::Uuid;

use super::{Checker, MISSING, Record, UNKNOWN_VALUE};

/// Longest name of an account, in bytes.
const ACCOUNT_BYTES_MAX: usize = 64;
/// Longest text about what sponsored an account, in bytes.
const SPONSOR_BYTES_MAX: usize = 100;
/// Longest life of a code: somebody who waits a week is to be invited again.
const CODE_LIFE_MAX_MS: i64 = 7 * 24 * 3600 * 1000;
/// Longest life of an account: a year, and time to renew it.
const ACCOUNT_LIFE_MAX_MS: i64 = 400 * 24 * 3600 * 1000;
/// What whoever invites may be ahead or behind with its clock.
const LEEWAY_MS: i64 = 60 * 1000;

fn ids(at: &mut Checker, unit_id: &str, liaison_id: &str) {
    at.id::<egide_domain::ids::UnitId>("unit_id", unit_id);
    at.id::<Uuid>("liaison_id", liaison_id);
}

fn digest(at: &mut Checker, digest: &[u8]) {
    at.require(digest.len() == 32, "code_digest", "is no SHA-256");
}

fn end(at: &mut Checker, field: &str, end: Option<Timestamp>, life_max_ms: i64, rule: &str) {
    let now = clock::now();
    match end {
        None => at.refuse(field, MISSING),
        Some(end) => {
            let last = now.0.saturating_add(life_max_ms).saturating_add(LEEWAY_MS);
            at.require(end.0 > now.0 && end.0 <= last, field, rule);
        }
    }
}

impl Record for LiaisonInvited {
    const FIELD: &'static str = "invitation";

    fn check(&self, at: &mut Checker) {
        ids(at, &self.unit_id, &self.liaison_id);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let named = (1..=ACCOUNT_BYTES_MAX).contains(&self.account.len()) && self.account.bytes().all(allowed);
        at.require(named, "account", "is no name of an account: 1 to 64 letters, digits, `.`, `-` and `_`");
        digest(at, &self.code_digest);
        let code_end = at.instant("code_expires_at", self.code_expires_at.as_ref());
        end(at, "code_expires_at", code_end, CODE_LIFE_MAX_MS, "is over, or more than a week away");
        let account_end = at.instant("account_expires_at", self.account_expires_at.as_ref());
        end(at, "account_expires_at", account_end, ACCOUNT_LIFE_MAX_MS, "is over, or more than 400 days away");
        at.require(!self.sponsored_by.is_empty(), "sponsored_by", MISSING);
        at.require(self.sponsored_by.len() <= SPONSOR_BYTES_MAX, "sponsored_by", "is longer than 100 bytes");
        at.require(!self.sponsored_by.chars().any(char::is_control), "sponsored_by", "holds control characters");
    }

    fn organization_id(&self) -> &str {
        &self.organization_id
    }

    fn into_payload(self) -> Payload {
        Payload::LiaisonInvited(self)
    }
}

impl Record for LiaisonRevoked {
    const FIELD: &'static str = "revocation";

    fn check(&self, at: &mut Checker) {
        ids(at, &self.unit_id, &self.liaison_id);
        match LiaisonRevocation::try_from(self.reason) {
            Ok(LiaisonRevocation::Unspecified) => at.refuse("reason", MISSING),
            Ok(
                LiaisonRevocation::Left
                | LiaisonRevocation::Compromised
                | LiaisonRevocation::AgencyRequest
                | LiaisonRevocation::Misuse,
            ) => {}
            Err(_) => at.refuse("reason", UNKNOWN_VALUE),
        }
    }

    fn organization_id(&self) -> &str {
        &self.organization_id
    }

    fn into_payload(self) -> Payload {
        Payload::LiaisonRevoked(self)
    }
}

impl Record for LiaisonPasskeyAdded {
    const FIELD: &'static str = "passkey";

    fn check(&self, at: &mut Checker) {
        ids(at, &self.unit_id, &self.liaison_id);
        digest(at, &self.code_digest);
        at.require(self.state.len() == 7, "state", "is no state of a passkey");
    }

    fn organization_id(&self) -> &str {
        &self.organization_id
    }

    fn into_payload(self) -> Payload {
        Payload::LiaisonPasskeyAdded(self)
    }
}

impl Record for LiaisonSignedIn {
    const FIELD: &'static str = "sign_in";

    fn check(&self, at: &mut Checker) {
        ids(at, &self.unit_id, &self.liaison_id);
        at.require(self.state.len() == 7, "state", "is no state of a passkey");
    }

    fn organization_id(&self) -> &str {
        &self.organization_id
    }

    fn into_payload(self) -> Payload {
        Payload::LiaisonSignedIn(self)
    }
}
