//! Ids that follow from whoever asked and the id of their command: a retry, here or on another instance, before or after a
//! crash, comes to the same decision, referral and delivery, and to the same commands for the ledger.

use egide_crypto::digest::{Digest, sha256_parts};
use egide_domain::ids::{ApprovalId, CommandId, DecisionId, DeliveryId, ReferralId};
use egide_servicekit::identity::Caller;

const ORIGIN: &str = "egide/disclosure/origin/v1";
const DERIVED: &str = "egide/disclosure/derived-id/v1";

/// Who asked, for what, under which command id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin(Digest);

impl Origin {
    /// The origin of a call. `about` tells calls of one command id apart that are about different things.
    pub(crate) fn new(caller: &Caller, method: &str, command_id: CommandId, about: &[u8]) -> Self {
        let person = caller.person.as_ref().map_or("", |person| person.account().as_str());
        let parts: [&[u8]; 5] =
            [caller.service.as_str().as_bytes(), person.as_bytes(), method.as_bytes(), command_id.as_bytes(), about];
        Self(sha256_parts(ORIGIN, &parts))
    }

    /// The origin of what is decided under an approval: whoever repeats the grant, under whichever command id, comes to the same
    /// decisions.
    pub(crate) fn of_approval(approval_id: ApprovalId) -> Self {
        Self(sha256_parts(ORIGIN, &[b"approval", approval_id.as_bytes()]))
    }

    /// The decision of this generation: a decision that was superseded before its release is followed by the next.
    pub(crate) fn decision(self, generation: u32) -> DecisionId {
        DecisionId(self.derive("decision", generation))
    }

    /// The delivery of this generation.
    pub(crate) fn delivery(self, generation: u32) -> DeliveryId {
        DeliveryId(self.derive("delivery", generation))
    }

    /// The command that carries an event which has no id of its own.
    pub(crate) fn command(self, what: &str) -> CommandId {
        CommandId(self.derive(what, 0))
    }

    fn derive(self, what: &str, generation: u32) -> [u8; 16] {
        uuid_of(sha256_parts(DERIVED, &[self.0.as_bytes(), what.as_bytes(), &generation.to_be_bytes()]))
    }
}

/// The referral that a decision leads to.
pub(crate) fn referral_of(decision_id: DecisionId) -> ReferralId {
    ReferralId(uuid_of(sha256_parts(DERIVED, &[b"referral", decision_id.as_bytes()])))
}

/// The approval that a decision demands.
pub(crate) fn approval_of(decision_id: DecisionId) -> ApprovalId {
    ApprovalId(uuid_of(sha256_parts(DERIVED, &[b"approval", decision_id.as_bytes()])))
}

/// The command that asks for an approval.
pub(crate) fn command_of_approval(approval_id: ApprovalId) -> CommandId {
    CommandId(uuid_of(sha256_parts(DERIVED, &[b"command of approval", approval_id.as_bytes()])))
}

/// The command that commits a decision.
pub(crate) fn command_of_decision(decision_id: DecisionId) -> CommandId {
    CommandId(uuid_of(sha256_parts(DERIVED, &[b"command of decision", decision_id.as_bytes()])))
}

/// The command that commits a release.
pub(crate) fn command_of_release(referral_id: ReferralId) -> CommandId {
    CommandId(uuid_of(sha256_parts(DERIVED, &[b"command of release", referral_id.as_bytes()])))
}

/// The command that commits a delivery.
pub(crate) fn command_of_delivery(delivery_id: DeliveryId) -> CommandId {
    CommandId(uuid_of(sha256_parts(DERIVED, &[b"command of delivery", delivery_id.as_bytes()])))
}

/// A UUID of version 8 (RFC 9562, 5.8): the first bytes of a digest.
pub(crate) fn uuid_of(digest: Digest) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (byte, source) in bytes.iter_mut().zip(digest.as_bytes()) {
        *byte = *source;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_servicekit::identity::{Person, Role};

    fn caller(service: &str, account: &str) -> Caller {
        let person = Person::staff(account.parse().unwrap(), [Role::Responder]).unwrap();
        Caller { service: service.parse().unwrap(), person: Some(person) }
    }

    #[test]
    fn the_same_call_has_the_same_ids_and_every_difference_shows() {
        let command = CommandId([1; 16]);
        let base = Origin::new(&caller("cli", "amelie.roy"), "a", command, b"");
        assert_eq!(base, Origin::new(&caller("cli", "amelie.roy"), "a", command, b""));
        for other in [
            Origin::new(&caller("console", "amelie.roy"), "a", command, b""),
            Origin::new(&caller("cli", "jo.smith"), "a", command, b""),
            Origin::new(&caller("cli", "amelie.roy"), "b", command, b""),
            Origin::new(&caller("cli", "amelie.roy"), "a", CommandId([2; 16]), b""),
            Origin::new(&caller("cli", "amelie.roy"), "a", command, b"x"),
        ] {
            assert_ne!(base.decision(0), other.decision(0));
        }
        assert_ne!(base.decision(0), base.decision(1));
        assert_ne!(base.decision(0).as_bytes(), base.delivery(0).as_bytes());
    }

    #[test]
    fn derived_ids_are_uuids_of_version_8() {
        let id = Origin::new(&caller("cli", "a"), "a", CommandId([1; 16]), b"").decision(0);
        let uuid = uuid::Uuid::from_bytes(*id.as_bytes());
        assert_eq!(uuid.get_version_num(), 8);
        assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
    }
}
