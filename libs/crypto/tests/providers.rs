//! Tokens of an organisation's provider: every algorithm with its keys as published, and nothing that is not exactly that.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use egide_crypto::token::jwks::{JWKS_BYTES_MAX, JwksError, PublicKeys};
use egide_crypto::token::provider::{Believed, Expected, claimed_issuer, verify};
use egide_crypto::token::{CLOCK_LEEWAY_S, TOKEN_BYTES_MAX, TokenError, TokenPart};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
    RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};

const NOW_S: i64 = 1_795_000_000;
const MALFORMED: TokenError = TokenError::Malformed(TokenPart::Claims);
/// A key of this file alone; it proves nobody anywhere.
const RSA: &[u8] = include_bytes!("fixtures/rsa-2048-for-tests.pk8");

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A provider's keys, one of each kind.
struct Provider {
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
    rsa: RsaKeyPair,
}

impl Provider {
    fn new() -> Self {
        let random = SystemRandom::new();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self {
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap(),
            rsa: RsaKeyPair::from_pkcs8(RSA).unwrap(),
        }
    }

    fn ed_jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": b64(self.ed.public_key().as_ref())})
    }

    fn ec_jwk(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        let (x, y) = (b64(&point[1..33]), b64(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "alg": "ES256", "x": x, "y": y})
    }

    fn rsa_jwk(&self) -> Value {
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        let (n, e) = (b64(&public.n), b64(&public.e));
        json!({"kty": "RSA", "kid": "rsa", "key_ops": ["verify"], "n": n, "e": e})
    }

    fn keys(&self) -> PublicKeys {
        set(&[self.ed_jwk(), self.ec_jwk(), self.rsa_jwk()]).unwrap()
    }

    fn sign(&self, algorithm: &str, signed: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let rsa = |padding| {
            let mut signature = vec![0; self.rsa.public().modulus_len()];
            self.rsa.sign(padding, &random, signed, &mut signature).unwrap();
            signature
        };
        match algorithm {
            "EdDSA" => self.ed.sign(signed).as_ref().to_vec(),
            "ES256" => self.ec.sign(&random, signed).unwrap().as_ref().to_vec(),
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "RS512" => rsa(&RSA_PKCS1_SHA512),
            _ => Vec::new(),
        }
    }

    fn token(&self, algorithm: &str, kid: &str, claims: &Value) -> String {
        self.with_header(algorithm, &json!({"alg": algorithm, "typ": "at+jwt", "kid": kid}), &claims.to_string())
    }

    fn with_header(&self, algorithm: &str, header: &Value, claims: &str) -> String {
        let signed = format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.as_bytes()));
        format!("{signed}.{}", b64(&self.sign(algorithm, signed.as_bytes())))
    }
}

fn set(keys: &[Value]) -> Result<PublicKeys, JwksError> {
    PublicKeys::parse(json!({ "keys": keys }).to_string().as_bytes())
}

fn expected() -> Expected {
    let audiences = vec!["egide".to_owned(), "https://egide.example.ca".to_owned()];
    Expected { issuer: "https://login.example.ca/hotline".to_owned(), audiences, lifetime_max_s: 900 }
}

fn claims() -> Value {
    json!({
        "iss": "https://login.example.ca/hotline", "aud": "egide", "sub": "7f1c", "iat": NOW_S - 10, "exp": NOW_S + 600,
        "groups": ["hotline-responders"],
    })
}

fn changed(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn believed(provider: &Provider, token: &str) -> Result<Believed, TokenError> {
    verify(token, &provider.keys(), &expected(), NOW_S)
}

/// RFC 7515, appendices A.2 (RS256) and A.3 (ES256): the keys as published and the signatures.
#[test]
fn the_examples_of_rfc_7515_verify() {
    let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let rsa = json!({"kty": "RSA", "e": "AQAB", "n": concat!(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs",
        "D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV",
        "MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ")});
    let ec = json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
    let rs256 = concat!(
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ",
        "cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e",
        "OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
    );
    let es256 = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let joe = Expected { issuer: "joe".to_owned(), audiences: vec!["egide".to_owned()], lifetime_max_s: 900 };
    for (key, header, signature) in [(&rsa, "eyJhbGciOiJSUzI1NiJ9", rs256), (&ec, "eyJhbGciOiJFUzI1NiJ9", es256)] {
        let token = format!("{header}.{payload}.{signature}");
        // The signature is found good: what is missed comes after it.
        let good = verify(&token, &set(std::slice::from_ref(key)).unwrap(), &joe, NOW_S);
        assert_eq!(good, Err(TokenError::WrongAudience), "{header}");
        let other = if header.ends_with("SUzI1NiJ9") { &ec } else { &rsa };
        assert_eq!(verify(&token, &set(std::slice::from_ref(other)).unwrap(), &joe, NOW_S), Err(TokenError::Algorithm));
        let longer = token.replacen(payload, &payload.replacen("eyJpc3Mi", "eyJpc3Ni", 1), 1);
        assert_eq!(
            verify(&longer, &set(std::slice::from_ref(key)).unwrap(), &joe, NOW_S),
            Err(TokenError::BadSignature)
        );
    }
}

#[test]
fn every_algorithm_is_believed_with_its_own_key_and_refused_with_a_bit_changed() {
    let provider = Provider::new();
    for (algorithm, kid) in [("EdDSA", "ed"), ("ES256", "ec"), ("RS256", "rsa")] {
        let token = provider.token(algorithm, kid, &claims());
        let good = believed(&provider, &token).unwrap();
        assert_eq!((good.issued_at, good.expires_at, &good.claims), (NOW_S - 10, NOW_S + 600, &claims()));
        assert_eq!(claimed_issuer(&token).unwrap(), expected().issuer);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for place in [0, bytes.len() / 2, bytes.len() - 1] {
            bytes[place] ^= 1;
            assert_eq!(believed(&provider, &format!("{signed}.{}", b64(&bytes))), Err(TokenError::BadSignature));
            bytes[place] ^= 1;
        }
        for signature in ["", "AA", &b64(&[0; 64]), &b64(&[0; 256])] {
            assert_eq!(believed(&provider, &format!("{signed}.{signature}")), Err(TokenError::BadSignature));
        }
        let (header, _) = signed.split_once('.').unwrap();
        let other = b64(changed(&json!({"groups": ["hotline-supervisors"]})).to_string().as_bytes());
        assert_eq!(believed(&provider, &format!("{header}.{other}.{signature}")), Err(TokenError::BadSignature));
        assert_eq!(
            believed(&Provider::new(), &provider.token(algorithm, kid, &claims())).is_ok(),
            algorithm == "RS256"
        );
    }
}

#[test]
fn a_key_serves_for_its_own_algorithm_alone() {
    let provider = Provider::new();
    for (algorithm, kid) in
        [("EdDSA", "ec"), ("EdDSA", "rsa"), ("ES256", "ed"), ("ES256", "rsa"), ("RS256", "ed"), ("RS256", "ec")]
    {
        assert_eq!(believed(&provider, &provider.token(algorithm, kid, &claims())), Err(TokenError::Algorithm));
    }
    for algorithm in ["none", "None", "", "RS512", "PS256", "ES384", "HS256", "rs256"] {
        for kid in ["ed", "ec", "rsa"] {
            assert_eq!(believed(&provider, &provider.token(algorithm, kid, &claims())), Err(TokenError::Algorithm));
        }
    }
    // Signed as HS256 with what everybody knows: the public key, in any form somebody might use as the secret.
    let public = [
        RsaPublicKeyComponents::<Vec<u8>>::from(provider.rsa.public()).n,
        provider.rsa_jwk().to_string().into_bytes(),
        provider.ed.public_key().as_ref().to_vec(),
    ];
    for (secret, kid) in public.iter().zip(["rsa", "rsa", "ed"]) {
        let header = json!({"alg": "HS256", "kid": kid});
        let signed = format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims().to_string().as_bytes()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        let token = format!("{signed}.{}", b64(tag.as_ref()));
        assert_eq!(believed(&provider, &token), Err(TokenError::Algorithm));
    }
    // A key offered inside the token is not looked at.
    let other = Provider::new();
    let header = json!({"alg": "EdDSA", "kid": "mine", "jwk": other.ed_jwk(), "jku": "https://elsewhere.example/keys"});
    let token = other.with_header("EdDSA", &header, &claims().to_string());
    assert_eq!(believed(&provider, &token), Err(TokenError::UnknownKey));
}

#[test]
fn with_several_keys_a_token_names_its_own() {
    let provider = Provider::new();
    let nameless = provider.with_header("EdDSA", &json!({"alg": "EdDSA"}), &claims().to_string());
    assert_eq!(believed(&provider, &nameless), Err(TokenError::UnknownKey));
    let only = set(&[provider.ed_jwk()]).unwrap();
    assert!(verify(&nameless, &only, &expected(), NOW_S).is_ok());
    let unknown = provider.token("EdDSA", "ed-2", &claims());
    assert_eq!(verify(&unknown, &only, &expected(), NOW_S), Err(TokenError::UnknownKey));
    assert_eq!(verify(&nameless, &PublicKeys::default(), &expected(), NOW_S), Err(TokenError::UnknownKey));
}

#[test]
fn claims_are_refused() {
    let provider = Provider::new();
    let leeway = CLOCK_LEEWAY_S;
    for (changes, error) in [
        (json!({"iss": "https://login.example.ca/other"}), TokenError::WrongIssuer),
        (json!({"iss": null}), TokenError::WrongIssuer),
        (json!({"iss": ["https://login.example.ca/hotline"]}), TokenError::WrongIssuer),
        (json!({"aud": "payroll"}), TokenError::WrongAudience),
        (json!({"aud": ["payroll", "Egide"]}), TokenError::WrongAudience),
        (json!({"aud": []}), TokenError::WrongAudience),
        (json!({"aud": ["egide", 7]}), TokenError::WrongAudience),
        (json!({"aud": {"egide": true}}), TokenError::WrongAudience),
        (json!({"aud": null}), TokenError::WrongAudience),
        (json!({"sub": ""}), MALFORMED),
        (json!({"sub": 7}), MALFORMED),
        (json!({"sub": null}), MALFORMED),
        (json!({"exp": null}), MALFORMED),
        (json!({"exp": "never"}), MALFORMED),
        (json!({"iat": null}), MALFORMED),
        (json!({"iat": 1.5}), MALFORMED),
        (json!({"nbf": "now"}), MALFORMED),
        (json!({"exp": NOW_S}), TokenError::Expired),
        (json!({"exp": NOW_S - 5}), TokenError::Expired),
        (json!({"exp": NOW_S - 10}), TokenError::Lifetime),
        (json!({"exp": NOW_S - 10 + 901}), TokenError::Lifetime),
        (json!({"exp": i64::MAX, "iat": -10}), TokenError::Lifetime),
        (json!({"iat": NOW_S + leeway + 1}), TokenError::NotYetValid),
        (json!({"nbf": NOW_S + leeway + 1}), TokenError::NotYetValid),
    ] {
        let token = provider.token("EdDSA", "ed", &changed(&changes));
        assert_eq!(believed(&provider, &token), Err(error), "{changes}");
    }
    for changes in [
        json!({"aud": ["payroll", "egide"]}),
        json!({"aud": "https://egide.example.ca"}),
        json!({"iat": NOW_S + leeway}),
        json!({"nbf": NOW_S + leeway}),
        json!({"exp": NOW_S + 1}),
        json!({"exp": NOW_S - 10 + 900}),
    ] {
        assert!(believed(&provider, &provider.token("EdDSA", "ed", &changed(&changes))).is_ok(), "{changes}");
    }
    let nobody = Expected { audiences: Vec::new(), ..expected() };
    let token = provider.token("EdDSA", "ed", &claims());
    assert_eq!(verify(&token, &provider.keys(), &nobody, NOW_S), Err(TokenError::WrongAudience));
}

#[test]
fn what_is_no_token_or_says_a_thing_twice_is_refused() {
    let provider = Provider::new();
    let header = json!({"alg": "EdDSA", "kid": "ed"});
    let sign = |claims: &str| provider.with_header("EdDSA", &header, claims);
    let claims = claims().to_string();
    for twice in [
        claims.replacen('{', r#"{"iss": "https://login.example.ca/hotline", "#, 1),
        claims.replacen('{', r#"{"realm": {"roles": [], "roles": ["admin"]}, "#, 1),
        format!("[{claims}]"),
        format!("{claims} {claims}"),
        String::new(),
        "null".to_owned(),
    ] {
        assert_eq!(believed(&provider, &sign(&twice)), Err(MALFORMED), "{twice}");
    }
    for (token, error) in [
        (String::new(), TokenError::Malformed(TokenPart::Form)),
        ("a.b".to_owned(), TokenError::Malformed(TokenPart::Form)),
        (format!("{}.x", sign(&claims)), TokenError::Malformed(TokenPart::Form)),
        (format!("{}=", sign(&claims)), TokenError::Malformed(TokenPart::Signature)),
        ("a".repeat(TOKEN_BYTES_MAX + 1), TokenError::TooLong),
    ] {
        assert_eq!(believed(&provider, &token), Err(error));
    }
    let critical = json!({"alg": "EdDSA", "kid": "ed", "crit": ["b64"], "b64": false});
    assert_eq!(
        believed(&provider, &provider.with_header("EdDSA", &critical, &claims)),
        Err(TokenError::CriticalHeader)
    );
    let other_type = json!({"alg": "EdDSA", "kid": "ed", "typ": "logout+jwt"});
    assert_eq!(believed(&provider, &provider.with_header("EdDSA", &other_type, &claims)), Err(TokenError::Type));
}

#[test]
fn keys_that_are_none_of_ours_are_left_out_and_sets_that_cannot_be_meant_are_refused() {
    let provider = Provider::new();
    let with = |mut key: Value, name: &str, value: Value| {
        key[name] = value;
        key
    };
    let weak = b64(&[0xff; 128]);
    let left_out = [
        json!({"kty": "oct", "kid": "secret", "k": "AAAA"}),
        json!({"kty": "AKP", "kid": "later", "alg": "ML-DSA-44"}),
        json!({"kid": "nothing"}),
        with(provider.ed_jwk(), "use", json!("enc")),
        with(provider.ed_jwk(), "crv", json!("X25519")),
        with(provider.ed_jwk(), "alg", json!("ES256")),
        with(provider.ed_jwk(), "key_ops", json!(["sign"])),
        with(provider.ed_jwk(), "key_ops", json!("verify")),
        with(provider.ed_jwk(), "kid", json!(7)),
        with(provider.ed_jwk(), "x", json!("AAAA")),
        with(provider.ec_jwk(), "crv", json!("P-384")),
        with(provider.ec_jwk(), "y", json!(b64(&[7; 31]))),
        with(provider.rsa_jwk(), "alg", json!("PS256")),
        with(provider.rsa_jwk(), "n", json!(weak)),
        with(provider.rsa_jwk(), "e", json!("not base64!")),
    ];
    let keys = set(&left_out).unwrap();
    assert_eq!((keys.len(), keys.ignored()), (0, left_out.len()));
    let both = [&left_out[..2], &[provider.ed_jwk()]].concat();
    assert!(verify(&provider.token("EdDSA", "ed", &claims()), &set(&both).unwrap(), &expected(), NOW_S).is_ok());

    let same_id = with(provider.ec_jwk(), "kid", json!("ed"));
    assert_eq!(set(&[provider.ed_jwk(), same_id]), Err(JwksError::Duplicate));
    assert_eq!(set(&[provider.ed_jwk(), provider.ed_jwk()]), Err(JwksError::Duplicate));
    let nameless = |mut key: Value| {
        key.as_object_mut().unwrap().remove("kid");
        key
    };
    assert_eq!(set(&[nameless(provider.ed_jwk()), nameless(provider.ec_jwk())]), Err(JwksError::Duplicate));
    assert_eq!(set(&[with(provider.ed_jwk(), "d", json!("AAAA"))]), Err(JwksError::Private));
    assert_eq!(set(&vec![json!({"kty": "oct"}); 65]), Err(JwksError::TooMany));
    for text in ["", "{}", "[]", r#"{"keys": {}}"#, r#"{"keys": [7]}"#] {
        assert_eq!(PublicKeys::parse(text.as_bytes()), Err(JwksError::Malformed), "{text}");
    }
    assert_eq!(PublicKeys::parse(&vec![b' '; JWKS_BYTES_MAX + 1]), Err(JwksError::TooLarge));
    assert!(!format!("{:?}", provider.keys()).contains(&b64(provider.ed.public_key().as_ref())));
}
