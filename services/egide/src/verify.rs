//! Checks a delivered referral offline: digest, canonical form, the ids it names, and the signature, with published keys.

use std::fs;
use std::path::Path;

use egide_crypto::digest::{Digest, sha256};
use egide_crypto::sign::{KeyId, KeyRing, Signature};
use egide_report::{ParseReportError, Report};
use egide_wire::descriptors::of;
use egide_wire::proto::egide::disclosure::v1::{DeliverReferralResponse, FetchReferralResponse, Referral};
use prost::{Message, Name};
use prost_reflect::{DeserializeOptions, DynamicMessage};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::trust_file;

/// What the disclosure service signs reports under.
pub const REPORT_CONTEXT: &str = "egide/report/v1";

/// The keys that count for reports: those that the root (its public key at `root`) certifies in the trust file at `path`.
///
/// # Errors
/// When a file cannot be read, or the root did not sign the trust file.
pub fn read_keys(path: &Path, root: &Path) -> Result<KeyRing, Failure> {
    Ok(trust_file::read(path, &trust_file::read_root(root)?)?.report().clone())
}

/// A referral that held every check.
pub struct Verified {
    /// The referral.
    pub referral_id: String,
    /// The key that signed it.
    pub key_id: String,
    /// SHA-256 of its report.
    pub digest: Digest,
    /// The report. Holds what people told; has no `Debug`.
    pub report: Report,
}

impl std::fmt::Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verified").field("referral_id", &self.referral_id).finish_non_exhaustive()
    }
}

/// Reads the file of a referral: protobuf JSON of `Referral`, or of the answer that carried it.
///
/// # Errors
/// When the file cannot be read, or holds no referral.
pub fn read_referral(path: &Path) -> Result<Referral, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
    let referral = message::<Referral>(&text)
        .or_else(|| message::<FetchReferralResponse>(&text).and_then(|answer| answer.referral))
        .or_else(|| message::<DeliverReferralResponse>(&text).and_then(|answer| answer.referral))
        .filter(|referral| !referral.report.is_empty());
    referral.ok_or_else(|| Failure::new(Exit::Unreadable, "fail.no_referral_file").with("path", path.display()))
}

fn message<M: Message + Name + Default>(text: &str) -> Option<M> {
    let mut json = serde_json::Deserializer::from_str(text);
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let message = DynamicMessage::deserialize_with_options(of::<M>(), &mut json, &options).ok()?;
    json.end().ok()?;
    M::decode(message.encode_to_vec().as_slice()).ok()
}

/// Checks a referral. The digest is recomputed from the report, which must be in the one canonical form and name the same
/// referral and key as the envelope around it.
///
/// # Errors
/// The first check that does not hold, all of them with [`Exit::NotVerified`].
pub fn verify(referral: &Referral, keys: &KeyRing) -> Result<Verified, Failure> {
    let refused = |cause| Failure::new(Exit::NotVerified, cause);
    let digest = sha256(&referral.report);
    if digest.as_bytes().as_slice() != referral.report_digest {
        return Err(refused("fail.digest"));
    }
    let report = Report::from_canonical_json(&referral.report).map_err(|error| match error {
        ParseReportError::NotAReport => Failure::new(Exit::Unreadable, "fail.report"),
        ParseReportError::NotCanonical => refused("fail.not_canonical"),
    })?;
    if report.referral_id() != referral.referral_id {
        return Err(refused("fail.other_referral"));
    }
    if report.key_id() != referral.key_id {
        return Err(refused("fail.other_key"));
    }
    let unknown_key = || refused("fail.unknown_key").with("key_id", &referral.key_id);
    let key_id: KeyId = referral.key_id.parse().map_err(|_| unknown_key())?;
    let signature: [u8; Signature::BYTES] =
        referral.signature.as_slice().try_into().map_err(|_| refused("fail.signature"))?;
    let entry = keys.get(key_id).ok_or_else(unknown_key)?;
    if entry.revoked_after().is_some() {
        // The file does not say where in the log it was signed, so it may have been after the key was lost.
        return Err(refused("fail.revoked_key").with("key_id", &referral.key_id));
    }
    let key = entry.key();
    key.verify(REPORT_CONTEXT, &referral.report, &Signature::from_bytes(signature))
        .map_err(|_| refused("fail.signature"))?;
    Ok(Verified { referral_id: referral.referral_id.clone(), key_id: referral.key_id.clone(), digest, report })
}
