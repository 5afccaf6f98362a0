//! A referral as a package: what a delivery answers when the recipient is to carry it away encrypted.

use std::time::Duration;

use egide_crypto::digest::sha256;
use egide_crypto::sign::{KeyId, Signature};
use egide_domain::ids::UnitId;
use egide_parcel::{Contents, EncryptionKey, NotPacked, Package, Part, fingerprints};
use egide_redaction::generalise::Day;
use egide_report::{Document, Layout, Report};
use egide_wire::proto::egide::disclosure::v1 as proto;
use tonic::Status;
use zeroize::Zeroizing;

use crate::delivery::{Delivered, Undelivered};
use crate::gate::Gate;

impl Gate {
    /// The package of a referral that was opened for a committed delivery, encrypted to the keys that the delivery names: those of
    /// its unit, never of another. Pages are waited for `pages_within`, and then it goes without.
    pub(crate) async fn pack(
        &self,
        referral: &proto::Referral,
        unit_id: UnitId,
        keys: &[EncryptionKey],
        pages_within: Duration,
    ) -> Result<proto::Package, Status> {
        let broken = |what: &str| {
            tracing::error!(what, "a released referral cannot be packed");
            Status::internal("the package cannot be made")
        };
        let report = Report::from_canonical_json(&referral.report).map_err(|_| broken("report"))?;
        let report_key: KeyId = referral.key_id.parse().map_err(|_| broken("key id"))?;
        let report_signature = Signature::try_from(referral.signature.as_slice()).map_err(|_| broken("signature"))?;
        let pages = self.pages(&report, &referral.report, pages_within).await;
        let contents = Contents {
            referral_id: &referral.referral_id,
            issued_on: report.issued_on().parse().map_err(|_| broken("day"))?,
            packed_on: Day::of(self.now()).to_string().parse().map_err(|_| broken("today"))?,
            report: &referral.report,
            report_key,
            report_signature,
            pdf: pages.pdf(),
        };
        let content = Package::sealed(&contents, &self.report_key, keys).map_err(|error: NotPacked| {
            tracing::error!(%error, "a package cannot be made");
            Status::internal("the package cannot be made")
        })?;
        let (referral_id, unit_id) = (referral.referral_id.clone(), unit_id.to_string());
        let pages = pages.told().into();
        Ok(proto::Package { referral_id, unit_id, content, encrypted_to: fingerprints(keys), pages })
    }
}

/// What became of the pages of a package. They are what people told.
enum Pages {
    Set(Zeroizing<Vec<u8>>),
    /// Nothing here sets pages.
    NotSetUp,
    /// They were not set, or not in time.
    NotMade,
}

impl Pages {
    fn pdf(&self) -> Option<&[u8]> {
        match self {
            Self::Set(pdf) => Some(pdf),
            Self::NotSetUp | Self::NotMade => None,
        }
    }

    const fn told(&self) -> proto::PackagePages {
        match self {
            Self::Set(_) => proto::PackagePages::Included,
            Self::NotSetUp => proto::PackagePages::NotSetUp,
            Self::NotMade => proto::PackagePages::NotMade,
        }
    }
}

impl Gate {
    /// The pages of a report, in its recipient's language. That there are none never stops a package: the report in it is whole,
    /// the manifest lists what is there, and pages can be made of the report anywhere (`egide pdf`).
    async fn pages(&self, report: &Report, canonical: &[u8], within: Duration) -> Pages {
        let Some(typesetter) = &self.typesetter else { return Pages::NotSetUp };
        let without = |why: &str| {
            tracing::warn!(why, "a package goes without pages");
            Pages::NotMade
        };
        let Ok(document) = Document::of(report, sha256(canonical).as_bytes(), Layout::Page) else {
            return without("labels");
        };
        let Ok(document) = document.to_json().map(Zeroizing::new) else { return without("document") };
        match typesetter.pdf(&document, within).await {
            Ok(pdf) if pdf.len() <= Part::Pdf.bytes_max() => Pages::Set(Zeroizing::new(pdf)),
            Ok(_) => without("too_large"),
            Err(unset) => without(unset.kind()),
        }
    }
}

impl Delivered {
    /// The package of a delivery that was to be one; the report in clear is dropped.
    pub(crate) fn into_package(self) -> Result<proto::Package, Undelivered> {
        self.package.ok_or_else(|| Undelivered::Failed(Status::internal("the package cannot be made")))
    }
}
