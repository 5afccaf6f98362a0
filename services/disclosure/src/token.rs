//! Page tokens: opaque, good for one question only, and the same on every instance.
//!
//! A token names the last entry that was shown, by its id and not by its place in the log: a recipient is not to learn how
//! much happens between two of its referrals. It carries a keyed check over that and over the question.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use egide_crypto::digest::{Digest, Fingerprinter};
use egide_domain::ids::{ApprovalId, CaseId, DecisionId, ReferralId, UnitId};
use egide_wire::refusal::{Violation, invalid};
use tonic::Status;

const CHECK: &str = "egide/disclosure/page-token/v1";
const VERSION: u8 = 1;
const ID_BYTES: usize = 16;

/// What a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// The decisions of a case.
    Decisions(CaseId),
    /// The referrals of a unit.
    Referrals(UnitId),
    /// What waits for somebody's approval.
    Approvals,
}

impl Question {
    fn parts(&self) -> (&'static [u8], &[u8; ID_BYTES]) {
        match self {
            Self::Decisions(case_id) => (b"decisions", case_id.as_bytes()),
            Self::Referrals(unit_id) => (b"referrals", unit_id.as_bytes()),
            Self::Approvals => (b"approvals", &[0; ID_BYTES]),
        }
    }

    fn issue(&self, key: &Fingerprinter, last: &[u8; ID_BYTES]) -> String {
        let mut token = vec![VERSION];
        token.extend_from_slice(last);
        token.extend_from_slice(self.check(key, &token).as_bytes());
        URL_SAFE_NO_PAD.encode(token)
    }

    fn check(&self, key: &Fingerprinter, head: &[u8]) -> Digest {
        let (name, id) = self.parts();
        key.fingerprint_parts(CHECK, &[name, id, head])
    }

    fn read(&self, key: &Fingerprinter, token: &str) -> Option<[u8; ID_BYTES]> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (head, check) = bytes.split_at_checked(1 + ID_BYTES)?;
        let check = Digest::try_from(check).ok()?;
        let same = egide_crypto::random::constant_time_eq(self.check(key, head).as_bytes(), check.as_bytes());
        let (version, last) = head.split_first()?;
        let last = last.try_into().ok()?;
        (same && *version == VERSION).then_some(last)
    }

    /// The last entry shown, as a request's `page_token` says; `None` for the first page.
    fn last(&self, key: &Fingerprinter, token: &str) -> Result<Option<[u8; ID_BYTES]>, Status> {
        if token.is_empty() {
            return Ok(None);
        }
        let wrong = || {
            let what = "is no token of this question: repeat the request of the page before, or leave it empty";
            invalid(vec![Violation::new("page_token", what)])
        };
        self.read(key, token).map(Some).ok_or_else(wrong)
    }
}

/// The token of the page after this decision.
pub(crate) fn after_decision(key: &Fingerprinter, case_id: CaseId, last: DecisionId) -> String {
    Question::Decisions(case_id).issue(key, last.as_bytes())
}

/// The decision after which a page begins.
pub(crate) fn decision(key: &Fingerprinter, case_id: CaseId, token: &str) -> Result<Option<DecisionId>, Status> {
    Ok(Question::Decisions(case_id).last(key, token)?.map(DecisionId))
}

/// The token of the page after this approval.
pub(crate) fn after_approval(key: &Fingerprinter, last: ApprovalId) -> String {
    Question::Approvals.issue(key, last.as_bytes())
}

/// The approval after which a page begins.
pub(crate) fn approval(key: &Fingerprinter, token: &str) -> Result<Option<ApprovalId>, Status> {
    Ok(Question::Approvals.last(key, token)?.map(ApprovalId))
}

/// The token of the page after this referral.
pub(crate) fn after_referral(key: &Fingerprinter, unit_id: UnitId, last: ReferralId) -> String {
    Question::Referrals(unit_id).issue(key, last.as_bytes())
}

/// The referral after which a page begins.
pub(crate) fn referral(key: &Fingerprinter, unit_id: UnitId, token: &str) -> Result<Option<ReferralId>, Status> {
    Ok(Question::Referrals(unit_id).last(key, token)?.map(ReferralId))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: UnitId = UnitId([1; 16]);
    const LAST: ReferralId = ReferralId([2; 16]);

    fn key() -> Fingerprinter {
        Fingerprinter::new(&[7; 32])
    }

    #[test]
    fn a_token_comes_back_as_the_entry_it_was_issued_after() {
        let token = after_referral(&key(), UNIT, LAST);
        assert_eq!(referral(&key(), UNIT, &token).unwrap(), Some(LAST));
        assert_eq!(referral(&key(), UNIT, "").unwrap(), None);
    }

    #[test]
    fn a_token_of_another_unit_question_or_key_is_refused() {
        let token = after_referral(&key(), UNIT, LAST);
        assert!(referral(&key(), UnitId([9; 16]), &token).is_err());
        assert!(decision(&key(), CaseId([1; 16]), &token).is_err());
        assert!(referral(&Fingerprinter::new(&[8; 32]), UNIT, &token).is_err());
    }

    #[test]
    fn a_token_with_any_bit_changed_is_refused() {
        let token = URL_SAFE_NO_PAD.decode(after_referral(&key(), UNIT, LAST)).unwrap();
        for bit in 0..token.len() * 8 {
            let mut changed = token.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(referral(&key(), UNIT, &URL_SAFE_NO_PAD.encode(changed)).is_err(), "bit {bit}");
        }
        assert!(referral(&key(), UNIT, "x").is_err());
    }
}
