//! A referral as a package: what a delivery answers when the recipient is to carry it away encrypted.

use egide_crypto::sign::{KeyId, Signature};
use egide_domain::ids::UnitId;
use egide_parcel::{Contents, EncryptionKey, NotPacked, Package, fingerprints};
use egide_redaction::generalise::Day;
use egide_report::Report;
use egide_wire::proto::egide::disclosure::v1 as proto;
use tonic::Status;

use crate::delivery::{Delivered, Undelivered};
use crate::gate::Gate;

impl Gate {
    /// The package of a referral that was opened for a committed delivery, encrypted to the keys that the delivery names: those of
    /// its unit, never of another.
    pub(crate) fn pack(
        &self,
        referral: &proto::Referral,
        unit_id: UnitId,
        keys: &[EncryptionKey],
    ) -> Result<proto::Package, Status> {
        let broken = |what: &str| {
            tracing::error!(what, "a released referral cannot be packed");
            Status::internal("the package cannot be made")
        };
        let report = Report::from_canonical_json(&referral.report).map_err(|_| broken("report"))?;
        let report_key: KeyId = referral.key_id.parse().map_err(|_| broken("key id"))?;
        let report_signature = Signature::try_from(referral.signature.as_slice()).map_err(|_| broken("signature"))?;
        let contents = Contents {
            referral_id: &referral.referral_id,
            issued_on: report.issued_on().parse().map_err(|_| broken("day"))?,
            packed_on: Day::of(self.now()).to_string().parse().map_err(|_| broken("today"))?,
            report: &referral.report,
            report_key,
            report_signature,
            // Pages are made by those who read them.
            pdf: None,
        };
        let content = Package::sealed(&contents, &self.report_key, keys).map_err(|error: NotPacked| {
            tracing::error!(%error, "a package cannot be made");
            Status::internal("the package cannot be made")
        })?;
        let (referral_id, unit_id) = (referral.referral_id.clone(), unit_id.to_string());
        Ok(proto::Package { referral_id, unit_id, content, encrypted_to: fingerprints(keys) })
    }
}

impl Delivered {
    /// The package of a delivery that was to be one; the report in clear is dropped.
    pub(crate) fn into_package(self) -> Result<proto::Package, Undelivered> {
        self.package.ok_or_else(|| Undelivered::Failed(Status::internal("the package cannot be made")))
    }
}
