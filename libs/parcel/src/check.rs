//! What can be checked of a report or package with published keys and nothing else.

use egide_crypto::digest::{Digest, sha256};
use egide_crypto::sign::{KeyId, Signature};
use egide_report::{ParseReportError, Report};
use egide_trust::{Day, KeyRefusal, PublishedKeys};

use crate::archive::Part;
use crate::manifest::{ListedFile, MANIFEST_CONTEXT, Manifest};
use crate::package::Package;
use crate::signature::{DetachedSignature, REPORT_CONTEXT};

/// The first thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The key that signed does not count.
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    /// The signature of a part is none of the key it names over the bytes beside it.
    #[error("the signature of `{name}` does not hold: the file was changed, or another key signed it", name = .0.name())]
    Signature(Part),
    /// A part is not spelled as it was written.
    #[error("`{name}` is not as it was written (canonical json), or of another version", name = .0.name())]
    NotAsWritten(Part),
    /// The report is no report of this version.
    #[error("`referral.json` is no report of this version")]
    NotAReport,
    /// What the manifest lists is not what is there.
    #[error("`{name}` is not what the signed manifest says: changed, missing, or added", name = .0.name())]
    Listed(Part),
    /// The manifest is of another referral, day or key than the report.
    #[error("the signed manifest belongs to another report")]
    OtherReport,
    /// The report names another key than the one that signed it.
    #[error("the report names another key than the one that signed it")]
    OtherKey,
    /// The report says no day on which it was issued.
    #[error("the report does not say on which day it was issued")]
    NoDay,
}

/// A report that held every check.
pub struct CheckedReport {
    /// The report. Holds what people told; has no `Debug`.
    pub report: Report,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// The key that signed it.
    pub key_id: KeyId,
    /// Who holds that key, as the key file says.
    pub holder: String,
    /// The day the report says it was issued.
    pub issued_on: Day,
}

impl std::fmt::Debug for CheckedReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckedReport").field("referral_id", &self.report.referral_id()).finish_non_exhaustive()
    }
}

/// A package that held every check.
#[derive(Debug)]
pub struct CheckedPackage {
    /// Its report.
    pub report: CheckedReport,
    /// Its manifest.
    pub manifest: Manifest,
}

/// Checks a report: the one canonical spelling, the key it names, that key on the day it was issued, the signature.
///
/// # Errors
/// [`Refused`]: the first check that does not hold.
pub fn check_report(
    bytes: &[u8],
    key_id: KeyId,
    signature: &Signature,
    keys: &PublishedKeys,
) -> Result<CheckedReport, Refused> {
    let report = Report::from_canonical_json(bytes).map_err(|error| match error {
        ParseReportError::NotAReport => Refused::NotAReport,
        ParseReportError::NotCanonical => Refused::NotAsWritten(Part::Referral),
    })?;
    if report.key_id() != key_id.to_string() {
        return Err(Refused::OtherKey);
    }
    let issued_on: Day = report.issued_on().parse().map_err(|_| Refused::NoDay)?;
    let key = keys.counts_on(key_id, issued_on)?;
    key.public_key.verify(REPORT_CONTEXT, bytes, signature).map_err(|_| Refused::Signature(Part::Referral))?;
    Ok(CheckedReport { digest: sha256(bytes), report, key_id, holder: key.holder.clone(), issued_on })
}

/// Checks an opened package: the manifest's signature, everything the manifest lists and nothing else, the report's signature, and
/// that both are of the same referral.
///
/// # Errors
/// [`Refused`]: the first check that does not hold.
pub fn check_package(package: &Package, keys: &PublishedKeys) -> Result<CheckedPackage, Refused> {
    let manifest = checked_manifest(package, keys)?;
    let listed: Vec<ListedFile> = package
        .parts()
        .filter(|(part, _)| !matches!(part, Part::Manifest | Part::ManifestSignature))
        .map(|(part, bytes)| ListedFile::of(part, bytes))
        .collect();
    if listed != manifest.files {
        let differs = |part: &Part| {
            let of = |files: &[ListedFile]| files.iter().find(|file| file.name == part.name()).cloned();
            of(&listed) != of(&manifest.files)
        };
        return Err(Refused::Listed(Part::ALL.into_iter().find(differs).unwrap_or(Part::Manifest)));
    }
    let report = package.part(Part::Referral).unwrap_or_default();
    let signed = signature_of(package, Part::ReferralSignature, REPORT_CONTEXT, report, Part::Referral)?;
    let report = check_report(report, signed.key_id(), signed.signature(), keys)?;
    if manifest.referral_id != report.report.referral_id() || manifest.issued_on != report.issued_on {
        return Err(Refused::OtherReport);
    }
    Ok(CheckedPackage { report, manifest })
}

fn checked_manifest(package: &Package, keys: &PublishedKeys) -> Result<Manifest, Refused> {
    let bytes = package.part(Part::Manifest).unwrap_or_default();
    let signed = signature_of(package, Part::ManifestSignature, MANIFEST_CONTEXT, bytes, Part::Manifest)?;
    let manifest = Manifest::read(bytes).ok_or(Refused::NotAsWritten(Part::Manifest))?;
    if manifest.key_id != signed.key_id() {
        return Err(Refused::OtherReport);
    }
    let key = keys.counts_on(manifest.key_id, manifest.packed_on)?;
    let verified = key.public_key.verify(MANIFEST_CONTEXT, bytes, signed.signature());
    verified.map_err(|_| Refused::Signature(Part::Manifest))?;
    Ok(manifest)
}

/// The detached signature of a part; it was made for this use and over these bytes, or says so at least.
fn signature_of(
    package: &Package,
    of: Part,
    context: &str,
    bytes: &[u8],
    signed: Part,
) -> Result<DetachedSignature, Refused> {
    let file = package.part(of).unwrap_or_default();
    let signature = DetachedSignature::read(file).map_err(|_| Refused::NotAsWritten(of))?;
    let fits = signature.context() == context && signature.digest() == sha256(bytes);
    if fits { Ok(signature) } else { Err(Refused::Signature(signed)) }
}
