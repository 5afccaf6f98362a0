//! An authenticator and its browser in memory, with one passkey at most: what a person holds in their hand when they sign in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use egide_crypto::digest::sha256;
use serde_json::{Value, json};

/// Flags of authenticator data (WebAuthn, section 6.1): present, verified, with a credential, with extensions.
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const CREDENTIAL: u8 = 0x40;
const EXTENSIONS: u8 = 0x80;

/// See the module. Its fields can be changed to be somebody who cheats.
#[derive(Debug, Clone)]
pub struct Authenticator {
    /// The origin that its browser is at.
    pub origin: String,
    /// The site it signs for.
    pub site: String,
    /// How often it signed.
    pub counter: u32,
    /// Whether it verifies its user.
    pub verifies: bool,
    id: [u8; 32],
    key: SigningKey,
    holder: Vec<u8>,
}

impl Authenticator {
    /// A new one, whose browser is at `origin`; `seed` makes it another one than others.
    ///
    /// # Panics
    /// When `origin` is none.
    #[must_use]
    pub fn at(origin: &str, seed: u8) -> Self {
        let host = origin.split_once("://").expect("an origin has a scheme").1;
        let site = host.split(':').next().unwrap_or(host).to_owned();
        let key = SigningKey::from_bytes(sha256(&[seed, 1]).as_bytes());
        let id = *sha256(&[seed, 2]).as_bytes();
        Self { origin: origin.to_owned(), site, counter: 0, verifies: true, id, key, holder: Vec::new() }
    }

    /// Answers what a site asks for at a registration.
    ///
    /// # Panics
    /// When nothing is asked for that it understands.
    pub fn register(&mut self, asked: &str) -> String {
        let asked = public_key(asked);
        self.holder = decode(asked.pointer("/user/id").and_then(Value::as_str).expect("whose passkey it is"));
        let client = self.client_data("webauthn.create", &asked);
        let mut data = self.data(CREDENTIAL | EXTENSIONS);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&[0, 32]);
        data.extend_from_slice(&self.id);
        // COSE_Key {1: 1 (OKP), 3: -8 (EdDSA), -1: 6 (Ed25519), -2: bytes}.
        data.extend_from_slice(&[0xA4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20]);
        data.extend_from_slice(self.key.verifying_key().as_bytes());
        // {"credProtect": 2}: what browsers ask for by themselves.
        data.extend_from_slice(&[0xA1, 0x6B]);
        data.extend_from_slice(b"credProtect");
        data.push(0x02);
        let mut object = vec![0xA3, 0x63];
        object.extend_from_slice(b"fmt");
        object.push(0x64);
        object.extend_from_slice(b"none");
        object.push(0x67);
        object.extend_from_slice(b"attStmt");
        object.push(0xA0);
        object.push(0x68);
        object.extend_from_slice(b"authData");
        let length = u8::try_from(data.len()).expect("authenticator data is short");
        object.extend_from_slice(&[0x58, length]);
        object.extend_from_slice(&data);
        let id = encode(&self.id);
        let answer = json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "cross-platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encode(client.as_bytes()), "attestationObject": encode(&object), "transports": ["usb"],
            },
        });
        answer.to_string()
    }

    /// Answers what a site asks for at a sign-in.
    ///
    /// # Panics
    /// When nothing is asked for that it understands.
    pub fn sign_in(&mut self, asked: &str) -> String {
        let client = self.client_data("webauthn.get", &public_key(asked));
        self.counter += 1;
        let data = self.data(0);
        let signed = [data.as_slice(), sha256(client.as_bytes()).as_bytes()].concat();
        let id = encode(&self.id);
        let answer = json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "cross-platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encode(client.as_bytes()), "authenticatorData": encode(&data),
                "signature": encode(&self.key.sign(&signed).to_bytes()), "userHandle": encode(&self.holder),
            },
        });
        answer.to_string()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let verified = if self.verifies { VERIFIED } else { 0 };
        let mut data = sha256(self.site.as_bytes()).as_bytes().to_vec();
        data.push(PRESENT | verified | flags);
        data.extend_from_slice(&self.counter.to_be_bytes());
        data
    }

    fn client_data(&self, kind: &str, asked: &Value) -> String {
        let challenge = asked.get("challenge").and_then(Value::as_str).expect("a challenge");
        // In the order and form that browsers write it in (WebAuthn, section 5.8.1.1).
        let origin = &self.origin;
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#)
    }
}

/// What is asked for stands under `publicKey`, as browsers want it, or is the whole.
fn public_key(asked: &str) -> Value {
    let asked: Value = serde_json::from_str(asked).expect("what is asked for is JSON");
    asked.get("publicKey").cloned().unwrap_or(asked)
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}
