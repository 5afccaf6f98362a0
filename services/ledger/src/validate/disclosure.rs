//! Rules of the events around a disclosure that look at more than one field.

use egide_crypto::digest::sha256;
use egide_wire::convert::timestamp;
use egide_wire::proto::egide::case::v1::{
    BasisKind, DeliveryChannel, DisclosureDecided, MaskEntry, MaskLevel, Outcome, ReferralDelivered, ReferralReleased,
};
use egide_wire::proto::egide::classification::v1::DataCategory;

use super::case::categories;
use super::fields::{Checker, MISSING};

pub(super) fn decided(event: &DisclosureDecided, path: &str, check: &mut Checker) {
    if let Some(request) = &event.request {
        check.required_id(&format!("{path}.request.unit_id"), &request.unit_id);
        check.required_id(&format!("{path}.request.organization_id"), &request.organization_id);
        bases(&request.relies_on, &format!("{path}.request.relies_on"), check);
    }
    bases(&event.bases, &format!("{path}.bases"), check);
    match event.outcome() {
        Outcome::Permit => permit(event, path, check),
        Outcome::Deny => {
            check.require(event.bases.is_empty(), format!("{path}.bases"), "stands in a refusal");
            check.require(event.mask.is_empty(), format!("{path}.mask"), "stands in a refusal");
            check.require(!event.reasons.is_empty(), format!("{path}.reasons"), "needs at least one reason");
        }
        Outcome::Unspecified => {}
    }
    for (index, entry) in event.mask.iter().enumerate() {
        mask_entry(entry, event.bases.len(), &format!("{path}.mask[{index}]"), check);
    }
}

fn permit(event: &DisclosureDecided, path: &str, check: &mut Checker) {
    check.require(!event.bases.is_empty(), format!("{path}.bases"), "a permit rests on something");
    check.require(!event.mask.is_empty(), format!("{path}.mask"), "a permit lets something through");
    check.require(!event.form.is_empty(), format!("{path}.form"), MISSING);
    let field = format!("{path}.expires_at");
    match (event.decided_at.as_ref().and_then(timestamp), event.expires_at.as_ref().and_then(timestamp)) {
        (_, None) => check.refuse(field, MISSING),
        (Some(decided_at), Some(expires_at)) => {
            check.require(expires_at > decided_at, field, "is not after `decided_at`");
        }
        (None, Some(_)) => {}
    }
}

fn bases(bases: &[egide_wire::proto::egide::case::v1::Basis], path: &str, check: &mut Checker) {
    for (index, basis) in bases.iter().enumerate() {
        let path = format!("{path}[{index}]");
        check.require(basis.kind() != BasisKind::Unspecified, format!("{path}.kind"), MISSING);
        check.required_id(&format!("{path}.reference_id"), &basis.reference_id);
        let exception = basis.exception != 0;
        let agrees = exception == (basis.kind() == BasisKind::Exception);
        check.require(agrees, format!("{path}.exception"), "is given if and only if the basis is an exception");
    }
}

fn mask_entry(entry: &MaskEntry, bases: usize, path: &str, check: &mut Checker) {
    check.required_id(&format!("{path}.subject_id"), &entry.subject_id);
    let releasable = !matches!(entry.category(), DataCategory::Unspecified | DataCategory::RecordKeeping);
    check.require(releasable, format!("{path}.category"), "cannot be released");
    check.require(entry.level() != MaskLevel::Unspecified, format!("{path}.level"), MISSING);
    let rests = !entry.bases.is_empty();
    let known = entry.bases.iter().all(|index| usize::try_from(*index).is_ok_and(|index| index < bases));
    check.require(rests && known, format!("{path}.bases"), "names none of the decision's bases, or one it has not");
}

pub(super) fn released(event: &ReferralReleased, path: &str, check: &mut Checker) {
    let agrees = event.report.is_empty() || sha256(&event.report).as_bytes().as_slice() == event.report_digest;
    check.require(agrees, format!("{path}.report_digest"), "is not the digest of `report`");
}

pub(super) fn delivered(event: &ReferralDelivered, path: &str, check: &mut Checker) {
    categories(&event.spoken, &format!("{path}.spoken"), check);
    let spoken = event.spoken.is_empty() || event.channel() == DeliveryChannel::Voice;
    check.require(spoken, format!("{path}.spoken"), "belongs to a delivery by voice only");
    let packed = event.channel() == DeliveryChannel::Package;
    let keys = event.encrypted_to.is_empty() != packed;
    check.require(keys, format!("{path}.encrypted_to"), "is given if and only if the delivery is a package");
    let times = event.decided_at.as_ref().and_then(timestamp).zip(event.expires_at.as_ref().and_then(timestamp));
    let alive = times.is_none_or(|(decided_at, expires_at)| decided_at < expires_at);
    check.require(alive, format!("{path}.expires_at"), "is not after `decided_at`");
}
