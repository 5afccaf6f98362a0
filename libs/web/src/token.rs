//! Secrets that browsers hold as cookies, and the tokens of forms that go with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use egide_crypto::digest::Fingerprinter;
use egide_crypto::random::{RandomUnavailable, constant_time_eq, random_bytes};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// 256 bits that nobody guesses. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// [`RandomUnavailable`].
    pub fn generate() -> Result<Self, RandomUnavailable> {
        random_bytes().map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As it stands in a cookie.
    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads one from the cookie of this name; none when there are two of that name.
    #[must_use]
    pub fn in_cookie(headers: &HeaderMap, name: &str) -> Option<Self> {
        let pairs =
            headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|all| all.split(';'));
        let mut found = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(known, _)| *known == name);
        let (_, text) = found.next()?;
        if found.next().is_some() {
            return None;
        }
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// The header that sets it, until the browser is closed; `name` begins with `__Host-`, so that no other host can set or see it.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<HeaderValue> {
        let mut value =
            HeaderValue::try_from(format!("{name}={}; Path=/; Secure; HttpOnly; SameSite=Strict", self.to_text()))
                .ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The header that takes a cookie away.
#[must_use]
pub fn no_cookie(name: &str) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")).ok()
}

/// Makes and checks the tokens of forms: each belongs to one cookie, and to this process.
#[derive(Debug)]
pub struct FormTokens(Fingerprinter);

impl FormTokens {
    /// With a new key.
    ///
    /// # Errors
    /// [`RandomUnavailable`].
    pub fn generate() -> Result<Self, RandomUnavailable> {
        Fingerprinter::generate().map(Self)
    }

    /// The token for forms of whoever holds this secret.
    #[must_use]
    pub fn of(&self, secret: &Secret) -> String {
        URL_SAFE_NO_PAD.encode(self.0.fingerprint_parts("egide/form/v1", &[secret.as_bytes()]).as_bytes())
    }

    /// Whether it is.
    #[must_use]
    pub fn fits(&self, secret: &Secret, token: &str) -> bool {
        constant_time_eq(self.of(secret).as_bytes(), token.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_read_as_it_was_set_and_two_are_none() {
        let secret = Secret::generate().unwrap();
        let set = secret.cookie("__Host-egide").unwrap();
        let set = set.to_str().unwrap();
        for part in ["__Host-egide=", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
            assert!(set.contains(part), "{part}");
        }
        assert!(!set.contains("Domain") && !set.contains("Expires"));
        let text = secret.to_text();
        let read = |cookie: String| {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::try_from(cookie).unwrap())]);
            Secret::in_cookie(&headers, "__Host-egide")
        };
        assert_eq!(read(format!("a=b; __Host-egide={text}; c=d")), Some(secret));
        assert_eq!(read(format!("__Host-egide={text}; __Host-egide={text}")), None);
        assert_eq!(read(format!("egide={text}")), None);
        assert_eq!(read("__Host-egide=short".to_owned()), None);
    }

    #[test]
    fn a_form_token_belongs_to_one_cookie_and_one_process() {
        let tokens = FormTokens::generate().unwrap();
        let (one, other) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        let token = tokens.of(&one);
        assert!(tokens.fits(&one, &token));
        assert!(!tokens.fits(&other, &token) && !tokens.fits(&one, "") && !tokens.fits(&one, &one.to_text()));
        assert!(!FormTokens::generate().unwrap().fits(&one, &token));
    }
}
