//! Checks a delivered referral or an opened package offline, with published keys and nothing else.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use egide_crypto::digest::sha256;
use egide_crypto::sign::{KeyId, Signature};
use egide_parcel::{CheckedPackage, CheckedReport, Package, Part, PartsError, Refused, check_package, check_report};
use egide_trust::{KeyRefusal, PublishedKeys, RevocationReason};
use egide_wire::descriptors::of;
use egide_wire::proto::egide::disclosure::v1::{DeliverReferralResponse, FetchReferralResponse, Referral};
use prost::{Message, Name};
use prost_reflect::{DeserializeOptions, DynamicMessage};
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::trust_file;

pub use egide_parcel::REPORT_CONTEXT;

/// Largest file that is read: what no package and no referral reaches.
const BYTES_MAX: u64 = 8 * 1_024 * 1_024;
/// Most entries of a folder that are looked at: a package has five files.
const ENTRIES_MAX: usize = 16;
/// How an age file begins.
const AGE: &[u8] = b"age-encryption.org/";
/// Where and how a tar of POSIX says that it is one.
const USTAR: (usize, &[u8]) = (257, b"ustar");

/// The keys that count for reports: of a published file, which is all it takes; or of a trust file, with the root's public key at
/// `root`, otherwise at `beside`.
///
/// # Errors
/// When a file cannot be read, or the root did not sign it.
pub fn read_keys(path: &Path, root: Option<&Path>, beside: &Path) -> Result<PublishedKeys, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::file(path, &error))?;
    if PublishedKeys::is_one(&bytes) {
        let root = root.map(trust_file::read_root).transpose()?;
        return trust_file::published_of(path, &bytes, root.as_ref());
    }
    let root = trust_file::read_root(root.unwrap_or(beside))?;
    let trust = trust_file::trust_of(path, &bytes, &root)?;
    let signed_on = crate::times::day(trust.issued_at_ms())?;
    Ok(PublishedKeys::of_trust(&trust, &root, signed_on))
}

/// What a path holds.
pub enum Found {
    /// A referral, as it was fetched.
    Referral(Box<Referral>),
    /// An opened package: its archive, or the folder it was unpacked into.
    Package(Package),
}

/// Reads a referral (protobuf JSON of `Referral`, or of the answer that carried it), the archive of a package, or a folder with its
/// files.
///
/// # Errors
/// When nothing of the kind can be read there.
pub fn read(path: &Path) -> Result<Found, Failure> {
    if path.is_dir() {
        return read_folder(path).map(Found::Package);
    }
    let bytes = read_bounded(path, BYTES_MAX)?;
    if bytes.starts_with(AGE) {
        return Err(Failure::new(Exit::Unreadable, "fail.encrypted").with("path", path.display()));
    }
    let (at, magic) = USTAR;
    if bytes.get(at..).is_some_and(|rest| rest.starts_with(magic)) {
        return Package::from_archive(&bytes).map(Found::Package).map_err(|error| not_a_package(error.into()));
    }
    let referral = std::str::from_utf8(&bytes).ok().and_then(referral_of);
    let none = || Failure::new(Exit::Unreadable, "fail.no_referral_file").with("path", path.display());
    referral.map(|referral| Found::Referral(Box::new(referral))).ok_or_else(none)
}

/// Reads the file of a referral.
///
/// # Errors
/// When the file cannot be read, or holds none.
pub fn read_referral(path: &Path) -> Result<Referral, Failure> {
    match read(path)? {
        Found::Referral(referral) => Ok(*referral),
        Found::Package(_) => Err(Failure::new(Exit::Unreadable, "fail.no_referral_file").with("path", path.display())),
    }
}

fn read_bounded(path: &Path, bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let file = fs::File::open(path).map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= bytes_max);
    let too_large = || Failure::new(Exit::Unreadable, "fail.no_referral_file").with("path", path.display());
    if fits { Ok(bytes) } else { Err(too_large()) }
}

/// The files of a folder, all of which belong to the package.
fn read_folder(path: &Path) -> Result<Package, Failure> {
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_file = entry.file_type().map_err(failed)?.is_file();
        let name = entry.file_name().into_string().ok().filter(|name| is_file && Part::of_name(name).is_some());
        let (Some(name), true) = (name, files.len() < ENTRIES_MAX) else {
            return Err(not_a_package(PartsError::Unknown));
        };
        files.push((name, read_bounded(&entry.path(), BYTES_MAX)?));
    }
    Package::from_files(files).map_err(not_a_package)
}

fn not_a_package(error: PartsError) -> Failure {
    Failure::new(Exit::NotVerified, "fail.package").with("error", error)
}

fn referral_of(text: &str) -> Option<Referral> {
    message::<Referral>(text)
        .or_else(|| message::<FetchReferralResponse>(text).and_then(|answer| answer.referral))
        .or_else(|| message::<DeliverReferralResponse>(text).and_then(|answer| answer.referral))
        .filter(|referral| !referral.report.is_empty())
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
/// The first check that does not hold: [`Exit::NotVerified`], or [`Exit::Revoked`] where the key was revoked.
pub fn verify(referral: &Referral, keys: &PublishedKeys) -> Result<CheckedReport, Failure> {
    let refused = |cause| Failure::new(Exit::NotVerified, cause);
    let digest = sha256(&referral.report);
    if digest.as_bytes().as_slice() != referral.report_digest {
        return Err(refused("fail.digest"));
    }
    let unknown_key = || refused("fail.unknown_key").with("key_id", &referral.key_id);
    let signature: [u8; Signature::BYTES] =
        referral.signature.as_slice().try_into().map_err(|_| refused("fail.signature"))?;
    let key_id: KeyId = referral.key_id.parse().map_err(|_| unknown_key())?;
    let checked = check_report(&referral.report, key_id, &Signature::from_bytes(signature), keys).map_err(told)?;
    if checked.report.referral_id() != referral.referral_id {
        return Err(refused("fail.other_referral"));
    }
    Ok(checked)
}

/// Checks an opened package: every part of it, and that there is nothing else.
///
/// # Errors
/// As [`verify`].
pub fn verify_package(package: &Package, keys: &PublishedKeys) -> Result<CheckedPackage, Failure> {
    check_package(package, keys).map_err(told)
}

fn told(refused: Refused) -> Failure {
    let not_verified = |cause| Failure::new(Exit::NotVerified, cause);
    match refused {
        Refused::Key(refusal) => key_told(refusal),
        Refused::Signature(Part::Referral) => not_verified("fail.signature"),
        Refused::Signature(part) => not_verified("fail.part_signature").with("name", part.name()),
        Refused::NotAsWritten(Part::Referral) => not_verified("fail.not_canonical"),
        Refused::NotAsWritten(part) => not_verified("fail.part_form").with("name", part.name()),
        Refused::NotAReport => Failure::new(Exit::Unreadable, "fail.report"),
        Refused::Listed(part) => not_verified("fail.part_listed").with("name", part.name()),
        Refused::OtherReport => not_verified("fail.other_report"),
        Refused::OtherKey => not_verified("fail.other_key"),
        Refused::NoDay => not_verified("fail.no_day"),
    }
}

fn key_told(refusal: KeyRefusal) -> Failure {
    match refusal {
        KeyRefusal::Unknown(key_id) => Failure::new(Exit::NotVerified, "fail.unknown_key").with("key_id", key_id),
        KeyRefusal::NotYet { key_id, valid_from, day } => Failure::new(Exit::NotVerified, "fail.key_not_yet")
            .with("key_id", key_id)
            .with("from", valid_from)
            .with("day", day),
        KeyRefusal::Retired { key_id, retired_at, day } => Failure::new(Exit::NotVerified, "fail.key_retired")
            .with("key_id", key_id)
            .with("until", retired_at)
            .with("day", day),
        KeyRefusal::Revoked { key_id, revocation, day } => {
            let cause = match revocation.reason {
                RevocationReason::Compromised => "fail.revoked_compromised",
                RevocationReason::Lost => "fail.revoked_lost",
                RevocationReason::Mistake => "fail.revoked_mistake",
                RevocationReason::NotSaid => "fail.revoked_key",
            };
            let at = revocation.at.map_or_else(|| "–".to_owned(), |at| at.to_string());
            Failure::new(Exit::Revoked, cause).with("key_id", key_id).with("at", at).with("day", day)
        }
    }
}
