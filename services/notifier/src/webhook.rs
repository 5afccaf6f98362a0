//! What a receiver is sent, and how it is checked: Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature` with
//! `v1a`, Ed25519), so that a receiver holds a public key only.
//!
//! The id is the same however often one notice is sent to one address, so a receiver that keeps the ids of the last days takes each
//! once. The timestamp is signed and of the attempt: what is older than [`TOLERANCE_S`] was recorded and sent again by somebody.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use egide_crypto::digest::sha256_parts;
use egide_crypto::sign::{Signature, SigningKey, VerifyingKey};
use egide_domain::time::Timestamp;
use egide_trust::{Day, PublishedKeys};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The form of the body.
pub const SCHEMA: &str = "egide.notice/1";
/// All that is told.
pub const MESSAGE: &str = "something waits";
/// The header with the id.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of the attempt, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";
/// How far the time of an attempt may be from the receiver's clock, in seconds.
pub const TOLERANCE_S: i64 = 300;
/// What an Ed25519 signature begins with.
const SCHEME: &str = "v1a,";
/// Largest body that is looked at, in bytes.
const BODY_BYTES_MAX: usize = 4_096;
/// Most signatures that are looked at.
const SIGNATURES_MAX: usize = 16;
/// Domain of the ids.
const IDS: &str = "egide/notifier/webhook-id/v1";

/// The body: RFC 8785 of this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// [`SCHEMA`].
    pub schema: String,
    /// Always the same for the same thing that waits.
    pub notice_id: Uuid,
    /// When this was sent (RFC 3339, UTC, whole seconds).
    pub sent_at: String,
    /// For whom something waits.
    pub unit_id: Uuid,
    /// [`MESSAGE`].
    pub message: String,
}

/// A call as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// For [`ID_HEADER`].
    pub id: String,
    /// For [`TIMESTAMP_HEADER`].
    pub timestamp_s: i64,
    /// For [`SIGNATURE_HEADER`].
    pub signature: String,
    /// The body.
    pub body: Vec<u8>,
}

/// It could not be put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the notice could not be put together")]
pub struct NotMade;

/// Why a call is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No signature of a key that counts.
    #[error(
        "no published key for notices that counts on that day made this signature over these headers and this body"
    )]
    Signature,
    /// The time of the attempt is far from now.
    #[error(
        "it was sent more than {TOLERANCE_S} s from now, by its own word: somebody may have recorded it and sent it again"
    )]
    Time,
    /// It is signed, and no notice that is known here.
    #[error("the body is no notice of the form `{SCHEMA}`")]
    Body,
    /// A header is missing or says nothing.
    #[error("a header is missing or cannot be read: `{ID_HEADER}`, `{TIMESTAMP_HEADER}`, `{SIGNATURE_HEADER}`")]
    Headers,
}

/// The id of one notice at one address: the same at every attempt, and nothing can be learned from it.
#[must_use]
pub fn id_of(notice_id: Uuid, address_id: Uuid) -> String {
    let digest = sha256_parts(IDS, &[notice_id.as_bytes(), address_id.as_bytes()]).to_string();
    format!("notice_{}", digest.get(..32).unwrap_or_default())
}

/// A signed call that tells `unit_id` at `address_id`, made at `now`.
///
/// # Errors
/// [`NotMade`] when the time is none that can be written.
pub fn call(
    notice_id: Uuid,
    address_id: Uuid,
    unit_id: Uuid,
    now: Timestamp,
    key: &SigningKey,
) -> Result<Call, NotMade> {
    let timestamp_s = now.0.div_euclid(1_000);
    let body = Body {
        schema: SCHEMA.to_owned(),
        notice_id,
        sent_at: instant(timestamp_s),
        unit_id,
        message: MESSAGE.to_owned(),
    };
    let body = serde_json_canonicalizer::to_vec(&body).map_err(|_| NotMade)?;
    let id = id_of(notice_id, address_id);
    let signed = signed(&id, timestamp_s, &body).ok_or(NotMade)?;
    let signature = key.sign_text(&signed).ok_or(NotMade)?;
    Ok(Call { id, timestamp_s, signature: format!("{SCHEME}{}", STANDARD.encode(signature.as_bytes())), body })
}

/// Checks a call: that a key of `keys` which counts on its day signed it, that it was sent within [`TOLERANCE_S`] of `now` (asked
/// only where one is given), and that it is a notice.
///
/// Not checked is whether its id was seen before: who receives keeps the ids of at least the last day.
///
/// # Errors
/// [`Refusal`]; a signature that does not hold is told before anything else.
pub fn verify(call: &Call, keys: &PublishedKeys, now: Option<Timestamp>) -> Result<Body, Refusal> {
    if call.id.is_empty() || call.id.contains('.') || call.body.len() > BODY_BYTES_MAX {
        return Err(Refusal::Headers);
    }
    let day: Day = instant(call.timestamp_s).get(..10).and_then(|day| day.parse().ok()).ok_or(Refusal::Headers)?;
    let message = signed(&call.id, call.timestamp_s, &call.body).ok_or(Refusal::Body)?;
    let signatures = call.signature.split(' ').take(SIGNATURES_MAX).filter_map(|one| one.strip_prefix(SCHEME));
    let signatures: Vec<Signature> = signatures.filter_map(|text| text.parse().ok()).collect();
    let made = |key: &VerifyingKey| signatures.iter().any(|one| key.verify_text(&message, one).is_ok());
    if !keys.notice_keys_on(day).any(|key| made(&key.public_key)) {
        return Err(Refusal::Signature);
    }
    let now_s = now.map(|now| now.0.div_euclid(1_000));
    if now_s.is_some_and(|now_s| now_s.abs_diff(call.timestamp_s) > TOLERANCE_S.unsigned_abs()) {
        return Err(Refusal::Time);
    }
    let body: Body = serde_json::from_slice(&call.body).map_err(|_| Refusal::Body)?;
    let known = body.schema == SCHEMA && body.message == MESSAGE && body.sent_at == instant(call.timestamp_s);
    if known { Ok(body) } else { Err(Refusal::Body) }
}

impl Call {
    /// A call from headers, one `name: value` a line, and the bytes of its body. Other headers are passed over.
    ///
    /// # Errors
    /// [`Refusal::Headers`].
    pub fn read(headers: &str, body: Vec<u8>) -> Result<Self, Refusal> {
        let value = |name: &str| {
            let mut of_it = headers.lines().filter_map(|line| {
                let (found, value) = line.split_once(':')?;
                found.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            });
            // Said twice, it would be anybody's guess which counts.
            of_it.next().filter(|_| of_it.next().is_none()).ok_or(Refusal::Headers)
        };
        let timestamp_s = value(TIMESTAMP_HEADER)?.parse().map_err(|_| Refusal::Headers)?;
        Ok(Self { id: value(ID_HEADER)?, timestamp_s, signature: value(SIGNATURE_HEADER)?, body })
    }
}

/// What is signed; `None` for a body that is no text, which no notice has.
fn signed(id: &str, timestamp_s: i64, body: &[u8]) -> Option<String> {
    std::str::from_utf8(body).ok().map(|body| format!("{id}.{timestamp_s}.{body}"))
}

/// `2026-11-23T02:00:00Z`.
pub(crate) fn instant(timestamp_s: i64) -> String {
    prost_types::Timestamp { seconds: timestamp_s, nanos: 0 }.to_string()
}
