//! What the methods share: the reader, the ledger, the policy, the keys, and how decisions are proposed to the log.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use egide_crypto::digest::{Digest, Fingerprinter, sha256};
use egide_crypto::sign::SigningKey;
use egide_domain::Policy;
use egide_domain::ids::{CaseId, DecisionId};
use egide_domain::time::Timestamp;
use egide_servicekit::policy::LoadedPolicy;
use egide_servicekit::shutdown::Shutdown;
use egide_servicekit::typesetter::Typesetter;
use egide_wire::descriptors;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{CaseEvent, DisclosureDecided};
use egide_wire::proto::egide::ledger::v1::StreamExpectation;
use tonic::Status;

use crate::ledger::{Ledger, facts_of};
use crate::reader::{Moment, Reader, Unreadable};
use crate::turns::Turns;

/// How often something is decided again because the case or the directory moved, before the caller is told.
pub(crate) const ROUNDS_MAX: u32 = 8;
/// Most bytes of an event for the ledger, less than what it takes (256 KiB), with room for what surrounds a payload.
pub(crate) const EVENT_BYTES_MAX: usize = 250 * 1024;

/// How many other policies are kept at most; further ones are read again.
const ADOPTED_KEPT_MAX: usize = 16;

const COMMITMENT_SALT: &str = "egide/disclosure/commitment-salt/v1";

/// See the module.
pub(crate) struct Gate {
    pub(crate) reader: Reader,
    pub(crate) ledger: Ledger,
    pub(crate) policy: Arc<Policy>,
    pub(crate) versions: Versions,
    /// Policies that others decided under, or this one before.
    pub(crate) policies: AdoptedPolicies,
    /// Whether the policy was seen to be adopted.
    pub(crate) adopted: AtomicBool,
    /// Signs reports.
    pub(crate) report_key: SigningKey,
    /// Sets the pages that go into packages, where there is one.
    pub(crate) typesetter: Option<Typesetter>,
    /// Makes pseudonyms and the salts of commitments.
    pub(crate) secret: Fingerprinter,
    /// How long after a call of an outsider began its refusal is answered, at the earliest.
    pub(crate) refuse_after: Duration,
    pub(crate) turns: Turns,
    pub(crate) clock: fn() -> Timestamp,
    pub(crate) shutdown: Shutdown,
}

/// Policies read from the log, kept because reading one means validating all of it.
#[derive(Default)]
pub(crate) struct AdoptedPolicies(Mutex<Vec<(Digest, Arc<Policy>)>>);

impl AdoptedPolicies {
    fn get(&self, moment: &Moment<'_>, digest: Digest) -> Result<Option<Arc<Policy>>, Unreadable> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, policy)) = kept().iter().find(|(known, _)| *known == digest) {
            return Ok(Some(Arc::clone(policy)));
        }
        let Some(adopted) = moment.policy(&digest)? else { return Ok(None) };
        let policy = Arc::clone(adopted.policy());
        let mut kept = kept();
        if kept.len() >= ADOPTED_KEPT_MAX {
            kept.clear();
        }
        kept.push((digest, Arc::clone(&policy)));
        Ok(Some(policy))
    }
}

/// What decisions are made under.
pub(crate) struct Versions {
    policy_digest: Digest,
    classification_digest: Digest,
}

impl Versions {
    /// The versions of a policy, and of the contract that is built in.
    pub(crate) fn of(policy: &LoadedPolicy) -> Self {
        Self { policy_digest: *policy.digest(), classification_digest: sha256(descriptors::ENCODED) }
    }

    /// Whether a decision was made with the contract that is built in.
    pub(crate) fn same_contract(&self, decided: &DisclosureDecided) -> bool {
        decided.classification_digest == self.classification_digest.as_bytes()
    }

    /// Writes them into a decision.
    pub(crate) fn stamp(&self, decided: &mut DisclosureDecided) {
        decided.policy_digest = self.policy_digest.as_bytes().to_vec();
        decided.classification_digest = self.classification_digest.as_bytes().to_vec();
    }
}

impl Gate {
    /// Whether decisions may be made here: only under a policy that was adopted, which stands in the log whole.
    pub(crate) fn policy_is_adopted(&self, moment: &Moment<'_>) -> Result<bool, Unreadable> {
        if self.adopted.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let digest = &self.versions.policy_digest;
        let adopted = moment.policy(digest)?.is_some();
        if adopted {
            // What was adopted stays adopted.
            self.adopted.store(true, Ordering::Relaxed);
        } else {
            tracing::warn!(%digest, "nothing is decided: this policy was not adopted");
        }
        Ok(adopted)
    }

    /// The policy of this digest, as it was adopted; `None` when none was.
    pub(crate) fn policy_of(&self, moment: &Moment<'_>, digest: &[u8]) -> Result<Option<Arc<Policy>>, Unreadable> {
        let Ok(digest) = Digest::try_from(digest) else { return Ok(None) };
        if digest == self.versions.policy_digest {
            return Ok(Some(Arc::clone(&self.policy)));
        }
        self.policies.get(moment, digest)
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The salt of the commitments of a decision and of everything that follows from it. It can be made again, so that a retry
    /// commits to the same; it covers facts only, which stand in the log for ever.
    pub(crate) fn commitment_salt(&self, decision_id: DecisionId) -> Digest {
        self.secret.fingerprint_parts(COMMITMENT_SALT, &[decision_id.as_bytes()])
    }

    /// The commitment of an event: HMAC-SHA256, under the salt, of its facts without the commitment.
    pub(crate) fn commitment(&self, decision_id: DecisionId, without: Payload) -> Result<Vec<u8>, Status> {
        commitment(&self.commitment_salt(decision_id), without)
    }

    /// The keyed function that makes pseudonyms.
    pub(crate) fn keyed(&self) -> impl Fn(&str, &[&[u8]]) -> [u8; 32] {
        |context, parts| *self.secret.fingerprint_parts(context, parts).as_bytes()
    }
}

/// See [`Gate::commitment`]. Who has the salt and the event checks it without any other key.
///
/// `without` is the event with an empty commitment.
pub(crate) fn commitment(salt: &Digest, without: Payload) -> Result<Vec<u8>, Status> {
    let facts = facts_of(&CaseEvent { payload: Some(without) })?;
    let key = Fingerprinter::new(salt.as_bytes());
    Ok(key.fingerprint(&facts).as_bytes().to_vec())
}

/// The revisions that a decision, release or delivery is committed at. An organisation that is not in the directory has no
/// stream to expect anything of; the decision is a refusal then.
pub(crate) fn expected(
    case_id: CaseId,
    case_revision: u64,
    organization_id: &str,
    directory_revision: u64,
) -> Vec<StreamExpectation> {
    let case = StreamExpectation { stream_id: case_id.to_string(), revision: case_revision };
    let organization = (directory_revision > 0)
        .then(|| StreamExpectation { stream_id: organization_id.to_owned(), revision: directory_revision });
    std::iter::once(case).chain(organization).collect()
}

/// The case or the directory moved each time.
pub(crate) fn moved_too_often() -> Status {
    Status::aborted("the case moved too often meanwhile; ask again with the same command id")
}

/// Shared by both services.
pub(crate) type Shared = Arc<Gate>;

#[cfg(test)]
mod tests {
    use super::*;
    use egide_wire::proto::egide::case::v1::ReferralReleased;

    #[test]
    fn a_commitment_needs_the_salt() {
        let decided = || {
            Payload::DisclosureDecided(DisclosureDecided { decision_id: "a".into(), ..DisclosureDecided::default() })
        };
        let first = commitment(&sha256(b"salt"), decided()).unwrap();
        assert_eq!(first, commitment(&sha256(b"salt"), decided()).unwrap());
        assert_ne!(first, commitment(&sha256(b"other"), decided()).unwrap());
    }

    #[test]
    fn a_commitment_of_a_release_covers_its_facts_and_not_its_sealed_copy() {
        let released = |report: &[u8], unit: &str| {
            Payload::ReferralReleased(ReferralReleased {
                unit_id: unit.into(),
                report: report.to_vec(),
                ..ReferralReleased::default()
            })
        };
        let salt = sha256(b"salt");
        let base = commitment(&salt, released(b"one", "u")).unwrap();
        assert_eq!(base, commitment(&salt, released(b"two", "u")).unwrap());
        assert_ne!(base, commitment(&salt, released(b"one", "v")).unwrap());
    }

    #[test]
    fn an_unknown_organisation_has_no_stream_to_expect_anything_of() {
        let case_id = CaseId([1; 16]);
        assert_eq!(expected(case_id, 4, "o", 0).len(), 1);
        let both = expected(case_id, 4, "o", 2);
        assert!(both.iter().any(|stream| stream.stream_id == "o" && stream.revision == 2));
    }
}
