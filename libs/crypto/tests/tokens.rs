//! A token is believed from its issuer, for its audience, in its time, under a known key; every other one is refused.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use egide_crypto::sign::SigningKey;
use egide_crypto::token::{
    CLOCK_LEEWAY_S, Claims, IssueError, TOKEN_BYTES_MAX, TokenError, TokenKind, TokenPart, TokenVerifier, issue,
};
use proptest::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

const NOW_S: i64 = 1_795_000_000;
const LIFETIME_MAX_S: u32 = 900;

fn claims() -> Claims {
    Claims {
        issuer: "https://issuer.example".to_owned(),
        audience: "egide".to_owned(),
        subject: "responder-7".to_owned(),
        kind: TokenKind::Person,
        roles: vec!["responder".to_owned(), "supervisor".to_owned()],
        unit: Some("night-desk".to_owned()),
        issued_at: NOW_S - 10,
        expires_at: NOW_S + 600,
    }
}

fn verifier(key: &SigningKey) -> TokenVerifier {
    let keys = BTreeMap::from([(key.key_id().to_string(), key.public_key())]);
    TokenVerifier::new("https://issuer.example", "egide", keys, LIFETIME_MAX_S)
}

/// Signs whatever it is given, as a hostile or broken issuer that holds a known key would.
struct Forge {
    key: SigningKey,
    pair: Ed25519KeyPair,
}

impl Forge {
    fn new() -> Self {
        let (key, document) = SigningKey::generate().unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(&document).unwrap();
        assert_eq!(pair.public_key().as_ref(), key.public_key().as_bytes());
        Self { key, pair }
    }

    fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "JWT", "kid": self.key.key_id().to_string()})
    }

    fn sign(&self, header: impl ToString, body: impl ToString) -> String {
        let [header, body] = [header.to_string(), body.to_string()].map(|part| URL_SAFE_NO_PAD.encode(part));
        let signed = format!("{header}.{body}");
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        verifier(&self.key).verify(token, NOW_S)
    }
}

fn body() -> Value {
    json!({
        "iss": "https://issuer.example", "aud": "egide", "sub": "responder-7", "iat": NOW_S - 10, "exp": NOW_S + 600,
        "kind": "person", "roles": ["responder", "supervisor"], "unit": "night-desk",
    })
}

/// `object` with `changes` written over it; null takes a member away.
fn with(mut object: Value, changes: &Value) -> Value {
    let members = object.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    object
}

#[test]
fn an_issued_token_says_what_was_claimed() {
    let (key, _) = SigningKey::generate().unwrap();
    for claims in [
        claims(),
        Claims { unit: None, ..claims() },
        Claims { kind: TokenKind::Service, roles: Vec::new(), unit: None, ..claims() },
        Claims { subject: "é \"quoted\" \u{1F512}".to_owned(), ..claims() },
    ] {
        let token = issue(&key, &claims).unwrap();
        assert_eq!(verifier(&key).verify(&token, NOW_S), Ok(claims));
    }
}

#[test]
fn an_issued_token_has_the_standard_names_and_the_forge_signs_alike() {
    let forge = Forge::new();
    let token = issue(&forge.key, &claims()).unwrap();
    let part = |index: usize| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
    };
    assert_eq!(part(0), forge.header());
    assert_eq!(part(1), body());
    assert_eq!(forge.verify(&forge.sign(forge.header(), body())), Ok(claims()));
}

#[test]
fn headers_are_refused() {
    let forge = Forge::new();
    let malformed = TokenError::Malformed(TokenPart::Header);
    for (changes, error) in [
        (json!({"alg": "none"}), TokenError::Algorithm),
        (json!({"alg": "HS256"}), TokenError::Algorithm),
        (json!({"alg": "RS256"}), TokenError::Algorithm),
        (json!({"alg": "ES256"}), TokenError::Algorithm),
        (json!({"alg": "Ed25519"}), TokenError::Algorithm),
        (json!({"alg": "eddsa"}), TokenError::Algorithm),
        (json!({"alg": ""}), TokenError::Algorithm),
        (json!({"alg": ["EdDSA"]}), malformed),
        (json!({"alg": null}), malformed),
        (json!({"crit": ["exp"]}), TokenError::CriticalHeader),
        (json!({"crit": []}), TokenError::CriticalHeader),
        (json!({"crit": ["b64"], "b64": false}), TokenError::CriticalHeader),
        (json!({"typ": "dpop+jwt"}), TokenError::Type),
        (json!({"typ": ""}), TokenError::Type),
        (json!({"typ": 1}), malformed),
        (json!({"kid": "ed-0000000000000000"}), TokenError::UnknownKey),
        (json!({"kid": ""}), TokenError::UnknownKey),
        (json!({"kid": null}), TokenError::UnknownKey),
        (json!({"kid": 7}), malformed),
    ] {
        let header = with(forge.header(), &changes);
        assert_eq!(forge.verify(&forge.sign(&header, body())), Err(error), "{header}");
    }
    let kid = forge.key.key_id();
    for (header, error) in [
        (format!(r#"{{"alg":"EdDSA","kid":"{kid}","crit":null}}"#), TokenError::CriticalHeader),
        (format!(r#"{{"alg":"none","alg":"EdDSA","kid":"{kid}"}}"#), malformed),
        (format!(r#"{{"alg":"EdDSA","kid":"other","kid":"{kid}"}}"#), malformed),
        (format!(r#"["EdDSA","JWT","{kid}"]"#), malformed),
        (format!(r#"{{"alg":"EdDSA","kid":"{kid}"}} x"#), malformed),
        (String::new(), malformed),
        ("null".to_owned(), malformed),
    ] {
        assert_eq!(forge.verify(&forge.sign(&header, body())), Err(error), "{header}");
    }
}

#[test]
fn headers_that_offer_more_than_is_read_are_accepted_for_what_is_read() {
    let forge = Forge::new();
    for changes in [
        json!({"typ": null}),
        json!({"typ": "at+jwt"}),
        json!({"typ": "AT+JWT"}),
        json!({"typ": "jwt"}),
        json!({"jku": "https://keys.example", "jwk": {"kty": "OKP"}}),
    ] {
        let header = with(forge.header(), &changes);
        assert_eq!(forge.verify(&forge.sign(&header, body())), Ok(claims()), "{header}");
    }
}

#[test]
fn a_key_offered_inside_the_token_is_never_used() {
    let (known, stranger) = (Forge::new(), Forge::new());
    let x = URL_SAFE_NO_PAD.encode(stranger.pair.public_key());
    let header = with(known.header(), &json!({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": x}}));
    assert_eq!(known.verify(&stranger.sign(&header, body())), Err(TokenError::BadSignature));
}

#[test]
fn claims_are_refused() {
    let forge = Forge::new();
    let malformed = TokenError::Malformed(TokenPart::Claims);
    let leeway = CLOCK_LEEWAY_S;
    for (changes, error) in [
        (json!({"iss": "https://other.example"}), TokenError::WrongIssuer),
        (json!({"iss": "https://issuer.example/"}), TokenError::WrongIssuer),
        (json!({"iss": ""}), TokenError::WrongIssuer),
        (json!({"iss": null}), malformed),
        (json!({"aud": "other"}), TokenError::WrongAudience),
        (json!({"aud": "Egide"}), TokenError::WrongAudience),
        (json!({"aud": []}), TokenError::WrongAudience),
        (json!({"aud": ["other", "egide-audit"]}), TokenError::WrongAudience),
        (json!({"aud": null}), malformed),
        (json!({"aud": 1}), malformed),
        (json!({"sub": ""}), malformed),
        (json!({"sub": null}), malformed),
        (json!({"kind": "admin"}), malformed),
        (json!({"kind": "Person"}), malformed),
        (json!({"kind": null}), malformed),
        (json!({"roles": null}), malformed),
        (json!({"roles": "supervisor"}), malformed),
        (json!({"unit": 3}), malformed),
        (json!({"iat": null}), malformed),
        (json!({"exp": null}), malformed),
        (json!({"exp": "2099-01-01"}), malformed),
        (json!({"exp": 1.0e30}), malformed),
        (json!({"nbf": "tomorrow"}), malformed),
        (json!({"exp": NOW_S}), TokenError::Expired),
        (json!({"exp": NOW_S - 1}), TokenError::Expired),
        (json!({"iat": NOW_S + leeway + 1}), TokenError::NotYetValid),
        (json!({"nbf": NOW_S + leeway + 1}), TokenError::NotYetValid),
        (json!({"iat": NOW_S - 301, "exp": NOW_S + 600}), TokenError::Lifetime),
        (json!({"iat": NOW_S + 10, "exp": NOW_S + 10}), TokenError::Lifetime),
        (json!({"iat": NOW_S + 10, "exp": NOW_S + 5}), TokenError::Lifetime),
        (json!({"iat": i64::MIN, "exp": i64::MAX}), TokenError::Lifetime),
        (json!({"iat": 0, "exp": i64::MAX}), TokenError::Lifetime),
    ] {
        let body = with(body(), &changes);
        assert_eq!(forge.verify(&forge.sign(forge.header(), &body)), Err(error), "{body}");
    }
    let twice = body().to_string().replacen('{', r#"{"sub":"somebody","#, 1);
    for bad in [twice.as_str(), "", "null", "[]", "{", "{}"] {
        assert_eq!(forge.verify(&forge.sign(forge.header(), bad)), Err(malformed), "{bad}");
    }
}

#[test]
fn claims_on_the_boundary_are_accepted() {
    let forge = Forge::new();
    for changes in [
        json!({"exp": NOW_S + 1}),
        json!({"iat": NOW_S + CLOCK_LEEWAY_S}),
        json!({"nbf": NOW_S + CLOCK_LEEWAY_S}),
        json!({"iat": NOW_S - 300, "exp": NOW_S + 600}),
        json!({"aud": ["other", "egide"]}),
        json!({"jti": "1", "azp": {"any": "thing"}}),
    ] {
        let body = with(body(), &changes);
        let verified = forge.verify(&forge.sign(forge.header(), &body));
        assert!(verified.as_ref().is_ok_and(|claims| claims.audience == "egide"), "{body}: {verified:?}");
    }
}

#[test]
fn forms_are_refused() {
    let forge = Forge::new();
    let token = forge.sign(forge.header(), body());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let form = TokenError::Malformed(TokenPart::Form);
    let padded = STANDARD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap());
    for (bad, error) in [
        (String::new(), form),
        ("a".to_owned(), form),
        (signed.to_owned(), form),
        (format!("{token}."), form),
        (format!("{header}.{payload}.{payload}.{signature}"), form),
        (format!("{signed}."), TokenError::BadSignature),
        (format!("{signed}.{padded}"), TokenError::Malformed(TokenPart::Signature)),
        (format!("{token}="), TokenError::Malformed(TokenPart::Signature)),
        (format!("{token} "), TokenError::Malformed(TokenPart::Signature)),
        (format!(" {token}"), TokenError::Malformed(TokenPart::Header)),
        (format!("Bearer {token}"), TokenError::Malformed(TokenPart::Header)),
        (format!(".{payload}.{signature}"), TokenError::Malformed(TokenPart::Header)),
        (format!("{header}..{signature}"), TokenError::BadSignature),
        (format!("{header}.{payload}A.{signature}"), TokenError::BadSignature),
        (format!("é.{payload}.{signature}"), TokenError::Malformed(TokenPart::Header)),
    ] {
        assert_eq!(forge.verify(&bad), Err(error), "{bad}");
    }
}

#[test]
fn a_token_with_any_character_changed_is_refused() {
    let forge = Forge::new();
    let token = forge.sign(forge.header(), body());
    for index in 0..token.len() {
        let mut altered = token.clone().into_bytes();
        let character = altered.get_mut(index).unwrap();
        *character = if *character == b'A' { b'B' } else { b'A' };
        assert!(forge.verify(&String::from_utf8(altered).unwrap()).is_err(), "character {index}");
    }
}

#[test]
fn a_signature_made_for_a_context_is_no_token() {
    let (key, _) = SigningKey::generate().unwrap();
    let token = issue(&key, &claims()).unwrap();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.encode(key.sign("", signed.as_bytes()).as_bytes());
    assert_eq!(verifier(&key).verify(&format!("{signed}.{signature}"), NOW_S), Err(TokenError::BadSignature));
}

#[test]
fn a_token_of_another_key_under_a_known_name_is_refused() {
    let (known, stranger) = (Forge::new(), Forge::new());
    let token = stranger.sign(known.header(), body());
    assert_eq!(known.verify(&token), Err(TokenError::BadSignature));
    let without_keys = TokenVerifier::new("https://issuer.example", "egide", BTreeMap::new(), LIFETIME_MAX_S);
    let token = known.sign(known.header(), body());
    assert_eq!(without_keys.verify(&token, NOW_S), Err(TokenError::UnknownKey));
}

#[test]
fn a_token_over_the_bound_is_neither_issued_nor_read() {
    let forge = Forge::new();
    let mut roles = Vec::new();
    let (longest, too_long) = loop {
        match issue(&forge.key, &Claims { roles: roles.clone(), ..claims() }) {
            Ok(token) => roles.push(format!("role-{:08}", token.len())),
            Err(error) => break (roles.split_last().unwrap().1.to_vec(), error),
        }
    };
    assert!(matches!(too_long, IssueError::TooLong { bytes } if bytes > TOKEN_BYTES_MAX), "{too_long:?}");
    let token = issue(&forge.key, &Claims { roles: longest, ..claims() }).unwrap();
    assert!(forge.verify(&token).is_ok());
    let long = forge.sign(forge.header(), with(body(), &json!({"roles": roles})));
    assert!(long.len() > TOKEN_BYTES_MAX);
    assert_eq!(forge.verify(&long), Err(TokenError::TooLong));
}

#[test]
fn a_token_nobody_would_accept_is_not_issued() {
    let (key, _) = SigningKey::generate().unwrap();
    assert_eq!(issue(&key, &Claims { subject: String::new(), ..claims() }), Err(IssueError::NoSubject));
    assert_eq!(issue(&key, &Claims { expires_at: NOW_S - 10, ..claims() }), Err(IssueError::NoLifetime));
}

#[test]
fn neither_errors_nor_debug_show_whom_a_token_speaks_for() {
    let forge = Forge::new();
    let mut shown = format!("{:?}", claims());
    for changes in [json!({"kind": "responder-7"}), json!({"sub": "responder-7", "exp": "responder-7"})] {
        let error = forge.verify(&forge.sign(forge.header(), with(body(), &changes))).unwrap_err();
        write!(shown, "{error} {error:?}").unwrap();
    }
    assert!(!shown.contains("responder-7"), "{shown}");
    assert!(!shown.contains("night-desk"), "{shown}");
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(text in "[A-Za-z0-9_.=-]{0,300}|\\PC{0,100}", now_s in any::<i64>()) {
        let forge = Forge::new();
        prop_assert!(verifier(&forge.key).verify(&text, now_s).is_err());
    }

    /// Whatever the times, a token is believed exactly when the rules, written out once more, say so.
    #[test]
    fn time_is_judged_by_its_rules(iat in -2000_i64..2000, exp in -2000_i64..2000, nbf in prop::option::of(-2000_i64..2000)) {
        let forge = Forge::new();
        let body = with(body(), &json!({"iat": NOW_S + iat, "exp": NOW_S + exp, "nbf": nbf.map(|nbf| NOW_S + nbf)}));
        let expected = exp > 0 && exp > iat && exp - iat <= 900 && iat <= 30 && nbf.is_none_or(|nbf| nbf <= 30);
        prop_assert_eq!(forge.verify(&forge.sign(forge.header(), body)).is_ok(), expected);
    }

    /// At both ends of what a clock can read, where every sum and difference could overflow.
    #[test]
    fn no_clock_reading_makes_the_check_overflow(
        end in prop::sample::select(vec![i64::MIN, -1, 0, i64::MAX]),
        offsets in [-1000_i64..1000, -1000_i64..1000, -1000_i64..1000],
        far in prop::option::weighted(0.2, any::<i64>()),
    ) {
        let forge = Forge::new();
        let [now_s, iat, exp] = offsets.map(|offset| end.saturating_add(offset));
        let iat = far.unwrap_or(iat);
        let token = forge.sign(forge.header(), with(body(), &json!({"iat": iat, "exp": exp})));
        let believed = verifier(&forge.key).verify(&token, now_s).is_ok();
        let (now_s, iat, exp) = (i128::from(now_s), i128::from(iat), i128::from(exp));
        prop_assert_eq!(believed, now_s < exp && exp > iat && exp - iat <= 900 && iat <= now_s + 30);
    }
}
