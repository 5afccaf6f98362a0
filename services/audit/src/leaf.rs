//! What is a leaf of the transparency log, and what it commits to.
//!
//! A leaf is the version of its form and a SHA-256 over everything that the log says about one event: kind, time, stream, actor and
//! facts stand inside, never beside it. Facts alone can be guessed; what cannot is the *salt*, the fingerprint of the event's commit:
//! an HMAC under a key that only the ledger has and that leaves it nowhere. So a leaf tells nobody anything, whoever is given the
//! opening can check every word of it without a key, and the audit service, which has none, can make it. Nothing sealed goes into it:
//! a key that is shredded takes no proof with it, and no leaf needs to be marked afterwards.

use egide_crypto::digest::sha256_parts;
use egide_wire::proto::egide::audit::v1::LeafOpening;
use egide_wire::proto::egide::case::v1::Actor;
use egide_wire::proto::egide::ledger::v1::{Commit, Event};
use prost_types::Timestamp;

/// The version of the form of leaves.
pub const VERSION: u8 = 1;
/// Bytes of a leaf.
pub const BYTES: usize = 33;
/// The context of what a leaf commits with.
pub const CONTEXT: &str = "egide/leaf/v1";

/// The kinds of events that are leaves: what was decided and left or was called back, and what changes who may get what. Never one
/// fewer: the tree of a log that stands must stay the same. A kind that is new may be added as long as no log holds one.
pub const KINDS: [&str; 10] = [
    "disclosure.decided",
    "disclosure.released",
    "disclosure.delivered",
    "disclosure.recalled",
    "policy.adopted",
    "directory.encryption_key_added",
    "directory.encryption_key_removed",
    "directory.liaison_invited",
    "directory.liaison_passkey_added",
    "directory.liaison_revoked",
];

/// Whether an event is a leaf. Its kind decides alone, so that an event which this version cannot read is one as well.
#[must_use]
pub fn is_one(event: &Event) -> bool {
    KINDS.contains(&event.kind.as_str())
}

/// What opens the leaf of an event.
#[must_use]
pub fn opening(recorded_at: Option<Timestamp>, position: u64, commit: &Commit, event: &Event) -> LeafOpening {
    LeafOpening {
        salt: commit.fingerprint.clone(),
        position,
        recorded_at,
        area: event.area,
        stream_id: event.stream_id.clone(),
        revision: event.revision,
        event_id: event.event_id.clone(),
        kind: event.kind.clone(),
        schema_version: event.schema_version,
        occurred_at: event.occurred_at,
        actor: event.actor.clone(),
        facts: event.facts.clone(),
    }
}

/// The leaf that commits to an opening: the version, and SHA-256 of its members in the order of their numbers under [`CONTEXT`], each
/// with its length before it. Numbers are big-endian; a time is its seconds (64 bits) and nanoseconds (32 bits), or nothing; an actor
/// is four members: service, person, role and unit.
#[must_use]
pub fn of(opening: &LeafOpening) -> [u8; BYTES] {
    let LeafOpening {
        salt,
        position,
        recorded_at,
        area,
        stream_id,
        revision,
        event_id,
        kind,
        schema_version,
        occurred_at,
        actor,
        facts,
    } = opening;
    let nobody = Actor::default();
    let Actor { service, person, role, unit_id } = actor.as_ref().unwrap_or(&nobody);
    let digest = sha256_parts(
        CONTEXT,
        &[
            salt,
            &position.to_be_bytes(),
            &time(*recorded_at),
            &area.to_be_bytes(),
            stream_id.as_bytes(),
            &revision.to_be_bytes(),
            event_id.as_bytes(),
            kind.as_bytes(),
            &schema_version.to_be_bytes(),
            &time(*occurred_at),
            service.as_bytes(),
            person.as_bytes(),
            role.as_bytes(),
            unit_id.as_bytes(),
            facts,
        ],
    );
    let mut leaf = [VERSION; BYTES];
    leaf.iter_mut().skip(1).zip(digest.as_bytes()).for_each(|(byte, digest)| *byte = *digest);
    leaf
}

fn time(time: Option<Timestamp>) -> Vec<u8> {
    time.map_or_else(Vec::new, |time| [&time.seconds.to_be_bytes()[..], &time.nanos.to_be_bytes()[..]].concat())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use egide_wire::classification::event_class;
    use egide_wire::descriptors;

    use super::*;

    fn sample() -> LeafOpening {
        let actor = Actor { service: "a".into(), person: "b".into(), role: "c".into(), unit_id: "d".into() };
        LeafOpening {
            salt: vec![7; 32],
            position: 1,
            recorded_at: Some(Timestamp { seconds: 1_795_305_600, nanos: 1_000_000 }),
            area: 1,
            stream_id: "e".into(),
            revision: 2,
            event_id: "f".into(),
            kind: "disclosure.decided".into(),
            schema_version: 1,
            occurred_at: None,
            actor: Some(actor),
            facts: b"facts".to_vec(),
        }
    }

    #[test]
    fn a_leaf_commits_to_every_member_of_what_opens_it() {
        let change = |change: fn(&mut LeafOpening)| {
            let mut opening = sample();
            change(&mut opening);
            of(&opening)
        };
        let leaves = [
            of(&sample()),
            change(|opening| opening.salt[31] ^= 1),
            change(|opening| opening.position += 1),
            change(|opening| opening.recorded_at = None),
            change(|opening| opening.recorded_at.as_mut().unwrap().nanos += 1),
            change(|opening| opening.area += 1),
            change(|opening| opening.stream_id.push('x')),
            change(|opening| opening.revision += 1),
            change(|opening| opening.event_id.push('x')),
            change(|opening| opening.kind.push('x')),
            change(|opening| opening.schema_version += 1),
            change(|opening| opening.occurred_at = Some(Timestamp::default())),
            change(|opening| opening.actor = None),
            change(|opening| opening.actor.as_mut().unwrap().service.push('x')),
            change(|opening| opening.actor.as_mut().unwrap().person.push('x')),
            change(|opening| opening.actor.as_mut().unwrap().role.push('x')),
            change(|opening| opening.actor.as_mut().unwrap().unit_id.push('x')),
            change(|opening| opening.facts.push(0)),
        ];
        assert_eq!(leaves.iter().collect::<BTreeSet<_>>().len(), leaves.len());
        assert!(leaves.iter().all(|leaf| leaf[0] == VERSION));
    }

    /// Leaves stand in trees that others have signed: worked out apart from this code.
    #[test]
    fn the_form_of_leaves_stays_as_it_was_first_written() {
        let hex: String = of(&sample()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "01f324843db9ec6c89182bc633721da3b629e2b524335b127cac37c1284d8658c6");
    }

    #[test]
    fn every_kind_of_event_was_asked_whether_it_is_a_leaf() {
        let known: BTreeSet<String> = descriptors::pool()
            .all_messages()
            .filter_map(|message| event_class(&message).map(|class| class.kind.clone()))
            .collect();
        assert!(KINDS.iter().all(|kind| known.contains(*kind)));
        let beginnings = ["access.", "case.", "staff."];
        let others: BTreeSet<&str> = known
            .iter()
            .map(String::as_str)
            .filter(|kind| !KINDS.contains(kind) && !beginnings.iter().any(|beginning| kind.starts_with(beginning)))
            .collect();
        let decided = [
            "directory.agreement_recorded",
            "directory.liaison_signed_in",
            "directory.notification_address_added",
            "directory.notification_address_removed",
            "directory.organization_registered",
            "directory.recipient_reinstated",
            "directory.recipient_suspended",
            "directory.unit_registered",
            "disclosure.acknowledged",
            "disclosure.approval_decided",
            "disclosure.approval_requested",
            "disclosure.notified",
            "disclosure.obligation_noted",
            "disclosure.outside_reviewed",
            "disclosure.outside_system",
            "disclosure.recall_acknowledged",
            "disclosure.referral_expired",
        ];
        assert_eq!(others, decided.into(), "a new kind: is it a leaf? it can never become one later");
    }
}
