//! Passkeys (WebAuthn, level 3): what a browser is asked for when somebody registers one or signs in with one, and whether what it
//! answers proves it. The checks themselves are those of `webauthn_rp`.
//!
//! *In scope*: one site (its name and its origin, both compared exactly); user verification always; only the algorithms Ed25519 and
//! ES256; the state of a passkey as bytes to be kept; counters that must grow where an authenticator counts.
//!
//! *Out of scope*: where ceremonies under way and passkeys are kept, who may register one, what signing in is good for; attestation:
//! which make of authenticator it is tells more about its holder than about the proof.

use webauthn_rp::bin::{Decode as _, Encode as _};
use webauthn_rp::request::auth::AuthenticationVerificationOptions;
use webauthn_rp::request::register::{
    CoseAlgorithmIdentifier, CredProtect, PublicKeyCredentialUserEntity, RegistrationVerificationOptions, UserHandle,
};
use webauthn_rp::request::{AsciiDomain, PublicKeyCredentialDescriptor, RpId};
use webauthn_rp::response::register::{CompressedPubKey, DynamicState, StaticState};
use webauthn_rp::response::{AuthTransports, CredentialId};
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthentication, DiscoverableAuthenticationServerState,
    DiscoverableCredentialRequestOptions, PublicKeyCredentialCreationOptions, Registration, RegistrationServerState,
};

/// Bytes of a holder's handle.
pub const HOLDER_BYTES: usize = 16;
/// Longest answer of a browser that is looked at, in bytes.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// A public key as it is kept.
type KeptKey = CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>;

/// How long a browser's answer may take, in seconds: what the browser is told, and what is checked.
pub const CEREMONY_S: u32 = 300;

/// An origin at which nobody can have passkeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an origin is `https://name` or `https://name:port` in lower case; `http` only for `localhost`")]
pub struct BadOrigin;

/// A browser's answer proves nothing. Why is not told outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is none, or too long.
    #[error("the browser's answer cannot be read")]
    Unreadable,
    /// It does not fit the ceremony: challenge, origin, site, user verification, signature, counter, time.
    #[error("the browser's answer does not prove the passkey")]
    Unproved,
    /// The passkey as it was kept cannot be read.
    #[error("the passkey as it was kept cannot be read")]
    Kept,
}

/// A site that people have passkeys for.
#[derive(Debug, Clone)]
pub struct Site {
    name: String,
    origin: String,
}

/// A passkey as it is kept: nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// The credential's id, 16 to 1,023 bytes.
    pub id: Vec<u8>,
    /// Its public key.
    pub key: Vec<u8>,
    /// What changes when it is used: its counter, whether it is backed up.
    pub state: [u8; 7],
    /// How browsers reach it.
    pub transports: u8,
}

/// A registration under way.
#[derive(Debug)]
pub struct Registering(RegistrationServerState<HOLDER_BYTES>);

/// A sign-in under way.
#[derive(Debug)]
pub struct SigningIn(DiscoverableAuthenticationServerState);

/// What a browser answered, not yet believed.
#[derive(Debug)]
pub struct Assertion(DiscoverableAuthentication<HOLDER_BYTES>);

impl Assertion {
    /// Reads one.
    ///
    /// # Errors
    /// [`Refused::Unreadable`].
    pub fn read(json: &[u8]) -> Result<Self, Refused> {
        if json.len() > ANSWER_BYTES_MAX {
            return Err(Refused::Unreadable);
        }
        DiscoverableAuthentication::from_json_relaxed(json).map(Self).map_err(|_| Refused::Unreadable)
    }

    /// Whose passkey it claims to be.
    #[must_use]
    pub fn holder(&self) -> [u8; HOLDER_BYTES] {
        self.0.response().user_handle().encode().unwrap_or_else(|never| match never {})
    }

    /// Which passkey it claims to be.
    #[must_use]
    pub fn passkey_id(&self) -> Vec<u8> {
        self.0.raw_id().as_ref().to_vec()
    }
}

impl Site {
    /// The site at an origin.
    ///
    /// # Errors
    /// [`BadOrigin`].
    pub fn new(origin: &str) -> Result<Self, BadOrigin> {
        let (scheme, host) = origin.split_once("://").ok_or(BadOrigin)?;
        let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
        let secure = scheme == "https" || (scheme == "http" && name == "localhost");
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        let named = !name.is_empty() && name.bytes().all(plain) && name.bytes().any(|byte| byte.is_ascii_lowercase());
        let usual = if scheme == "https" { "443" } else { "80" };
        let port_fits =
            port.is_none_or(|port| port.parse::<u16>().is_ok_and(|read| read.to_string() == port && port != usual));
        if !(secure && named && port_fits) || AsciiDomain::try_from(name.to_owned()).is_err() {
            return Err(BadOrigin);
        }
        Ok(Self { name: name.to_owned(), origin: origin.to_owned() })
    }

    /// Its origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The site's name, to which passkeys are bound.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn rp(&self) -> Result<RpId, Refused> {
        AsciiDomain::try_from(self.name.clone()).map(RpId::Domain).map_err(|_| Refused::Unproved)
    }

    /// Asks for a new passkey of `holder`, on none of the authenticators that hold one of `known`. `account` is what the browser shows.
    ///
    /// # Errors
    /// [`Refused::Kept`] where one of `known` is none, [`Refused::Unproved`] where `account` cannot be shown.
    pub fn begin_registration(
        &self,
        holder: [u8; HOLDER_BYTES],
        account: &str,
        known: &[Passkey],
    ) -> Result<(Registering, String), Refused> {
        let rp = self.rp()?;
        let holder = handle(holder);
        let known = known.iter().map(descriptor).collect::<Result<Vec<_>, _>>()?;
        let name = account.try_into().map_err(|_| Refused::Unproved)?;
        let user = PublicKeyCredentialUserEntity { name, id: &holder, display_name: None };
        let mut options = PublicKeyCredentialCreationOptions::passkey(&rp, user, known);
        // Two are enough, and RSA is not taken: what is not offered is not verified either.
        options.pub_key_cred_params =
            options.pub_key_cred_params.remove(CoseAlgorithmIdentifier::Rs256).remove(CoseAlgorithmIdentifier::Es384);
        // Every ceremony verifies the user anyway, and a device that knows no such policy would register nothing.
        options.extensions.cred_protect = CredProtect::None;
        let (server, client) = options.start_ceremony().map_err(|_| Refused::Unproved)?;
        let json = serde_json::to_string(&client).map_err(|_| Refused::Unproved)?;
        Ok((Registering(server), json))
    }

    /// The new passkey, if the answer proves one.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn finish_registration(&self, under_way: Registering, json: &[u8]) -> Result<Passkey, Refused> {
        if json.len() > ANSWER_BYTES_MAX {
            return Err(Refused::Unreadable);
        }
        let answer = Registration::from_json_relaxed(json).map_err(|_| Refused::Unreadable)?;
        let origins = [self.origin.as_str()];
        // Browsers add extensions of their own accord (a policy of protection, for instance); none of them is relied on.
        let options = RegistrationVerificationOptions::<'_, '_, &str, &str> {
            allowed_origins: &origins,
            error_on_unsolicited_extensions: false,
            ..Default::default()
        };
        let registered = under_way.0.verify(&self.rp()?, &answer, &options).map_err(|_| Refused::Unproved)?;
        let state = registered.dynamic_state();
        Ok(Passkey {
            id: registered.id().as_ref().to_vec(),
            key: registered.static_state().encode().map_err(|_| Refused::Unproved)?,
            state: state.encode().unwrap_or_else(|never| match never {}),
            transports: registered.transports().encode().unwrap_or_else(|never| match never {}),
        })
    }

    /// Asks for any passkey of this site: whose it is, the answer says.
    ///
    /// # Errors
    /// [`Refused::Unproved`]: never for a site that was made.
    pub fn begin_sign_in(&self) -> Result<(SigningIn, String), Refused> {
        let rp = self.rp()?;
        let options = DiscoverableCredentialRequestOptions::passkey(&rp);
        let (server, client) = options.start_ceremony().map_err(|_| Refused::Unproved)?;
        let json = serde_json::to_string(&client).map_err(|_| Refused::Unproved)?;
        Ok((SigningIn(server), json))
    }

    /// The passkey with its new state, if the answer proves it.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn finish_sign_in(&self, under_way: SigningIn, answer: &Assertion, kept: &Passkey) -> Result<Passkey, Refused> {
        let id = CredentialId::decode(kept.id.as_slice()).map_err(|_| Refused::Kept)?;
        let key = StaticState::<KeptKey>::decode(kept.key.as_slice()).map_err(|_| Refused::Kept)?;
        let state = DynamicState::decode(kept.state).map_err(|_| Refused::Kept)?;
        let holder = handle(answer.holder());
        let mut credential = AuthenticatedCredential::new(id, &holder, key, state).map_err(|_| Refused::Kept)?;
        let origins = [self.origin.as_str()];
        let options = AuthenticationVerificationOptions::<'_, '_, &str, &str> {
            allowed_origins: &origins,
            error_on_unsolicited_extensions: false,
            ..Default::default()
        };
        under_way.0.verify(&self.rp()?, &answer.0, &mut credential, &options).map_err(|_| Refused::Unproved)?;
        let state = credential.dynamic_state().encode().unwrap_or_else(|never| match never {});
        Ok(Passkey { state, ..kept.clone() })
    }
}

fn handle(holder: [u8; HOLDER_BYTES]) -> UserHandle<HOLDER_BYTES> {
    UserHandle::decode(holder).unwrap_or_else(|never| match never {})
}

fn descriptor(passkey: &Passkey) -> Result<PublicKeyCredentialDescriptor<Vec<u8>>, Refused> {
    let id = CredentialId::decode(passkey.id.clone()).map_err(|_| Refused::Kept)?;
    let transports = AuthTransports::decode(passkey.transports).map_err(|_| Refused::Kept)?;
    Ok(PublicKeyCredentialDescriptor { id, transports })
}
