//! The issuer of tokens for liaisons who signed in at the portal. The directory holds its key; the portal, which stands outside, has
//! none and can be nobody by itself. What it issues is a liaison of one unit for five minutes, and nothing else is believed of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use egide_crypto::sign::{SigningKey, VerifyingKey};
use egide_crypto::token::{Claims, IssueError, TokenKind, issue};
use egide_domain::ids::UnitId;

use super::{AUDIENCE, AccountName, Role};

/// Its name in tokens (`iss`).
pub const ISSUER: &str = "egide-liaisons";
/// How long a token counts, in seconds: so long, at most, somebody whose account was ended still reaches other services.
pub const LIFETIME_S: u32 = 300;

/// See the module. `Debug` shows the key's id alone.
#[derive(Debug, Clone)]
pub struct LiaisonIssuer {
    key: Arc<SigningKey>,
}

impl LiaisonIssuer {
    /// Signs with this key.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        Self { key: Arc::new(key) }
    }

    /// Its public keys by their ids.
    #[must_use]
    pub fn keys(&self) -> BTreeMap<String, VerifyingKey> {
        BTreeMap::from([(self.key.key_id().to_string(), self.key.public_key())])
    }

    /// A token for a liaison of `unit`, and the first second at which it no longer counts.
    ///
    /// # Errors
    /// [`IssueError`]: never for a name and a unit that are such.
    pub fn mint(&self, account: &AccountName, unit: UnitId, now_s: i64) -> Result<(String, i64), IssueError> {
        let expires_at = now_s.saturating_add(i64::from(LIFETIME_S));
        let claims = Claims {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            subject: account.as_str().to_owned(),
            kind: TokenKind::Person,
            roles: vec![Role::Liaison.as_str().to_owned()],
            unit: Some(unit.to_string()),
            issued_at: now_s,
            expires_at,
        };
        Ok((issue(&self.key, &claims)?, expires_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Person;
    use crate::people::People;

    const NOW_S: i64 = 1_790_000_000;

    fn issuer() -> LiaisonIssuer {
        LiaisonIssuer::new(SigningKey::generate().unwrap().0)
    }

    #[test]
    fn who_signed_in_is_a_liaison_of_that_unit_for_five_minutes() {
        let issuer = issuer();
        let people = People::of_liaisons(&issuer.keys()).unwrap();
        let (account, unit) = ("coast-city.duty-desk".parse().unwrap(), UnitId([3; 16]));
        let (token, expires_at) = issuer.mint(&account, unit, NOW_S).unwrap();
        assert_eq!(expires_at, NOW_S + 300);
        assert_eq!(people.person(&token, NOW_S + 299).unwrap().person, Person::liaison(account, unit));
        assert!(people.person(&token, NOW_S + 300).is_err());
    }

    #[test]
    fn its_key_makes_nobody_of_staff_and_no_other_key_counts() {
        let issuer = issuer();
        let people = People::of_liaisons(&issuer.keys()).unwrap();
        let claims = |roles: &[&str], unit: Option<String>, lifetime: i64| Claims {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            subject: "amelie.roy".to_owned(),
            kind: TokenKind::Person,
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            unit,
            issued_at: NOW_S,
            expires_at: NOW_S + lifetime,
        };
        let unit = || Some(UnitId([3; 16]).to_string());
        let believed = |claims: &Claims| people.person(&issue(&issuer.key, claims).unwrap(), NOW_S).ok();
        assert!(believed(&claims(&["liaison"], unit(), 300)).is_some());
        assert!(believed(&claims(&["liaison"], unit(), 301)).is_none(), "longer than it may be");
        let staff = believed(&claims(&["supervisor"], None, 300)).map(|proved| proved.person);
        assert!(staff.is_none_or(|person| person.roles().is_empty()));
        let others = People::of_liaisons(&self::issuer().keys()).unwrap();
        let token = issue(&issuer.key, &claims(&["liaison"], unit(), 300)).unwrap();
        assert!(others.person(&token, NOW_S).is_err());
    }
}
