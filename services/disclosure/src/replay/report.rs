//! Making a released report again: of what stood in the case at the decision's revision, under the recorded decision and its
//! mask, in the words of the directory the decision saw, with the salt and for the key it was made with. What comes out is
//! compared with the stored report and with what its release committed to. No byte of either leaves this module.
//!
//! Nothing supersedes here: what is made again is what was released then, and it is released to nobody. Erasure does stop it.

use egide_crypto::digest::{sha256, sha256_parts};
use egide_domain::Permit;
use egide_domain::ids::Revision;
use egide_report::labels::LABELS_VERSION;
use egide_report::{Form, Report, is_of_other_version};
use egide_wire::context;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{CaseEvent, ReferralReleased};
use egide_wire::proto::egide::disclosure::v1::ReportOutcome;
use egide_wire::proto::egide::ledger::v1::{OpenForReplayRequest, OpenForReplayResponse, RecordedEvent};
use tonic::{Code, Status};
use zeroize::Zeroizing;

use super::{Halt, Look, NO_DIRECTORY, Premises, UNREADABLE, possible};
use crate::gate::Gate;
use crate::ledger::{NotOpened, facts_of};
use crate::reader::{StoredDecision, StoredReferral, Unreadable};
use crate::release::{Draft, fields_of};
use crate::review::are_the_attested;

/// What came of it, with the first difference or what keeps it from being made.
pub(super) type Compared = (ReportOutcome, &'static str);

impl Gate {
    /// Makes the report again that was released under a decision, if one was.
    pub(super) async fn report_again(
        &self,
        look: &Look,
        stored: &StoredDecision,
        premises: Result<Premises, &'static str>,
    ) -> Result<Compared, Status> {
        let Some(referral_id) = stored.referral_id else { return Ok((ReportOutcome::NeverReleased, "")) };
        let referral = self.reader.moment().referral(referral_id)?.ok_or(Unreadable::Row)?;
        let request = OpenForReplayRequest {
            position: referral.row.position,
            look_command_id: look.command_id.to_string(),
            look: Some(look.recorded.clone()),
        };
        let opened = match self.ledger.open_for_replay(&look.onward, &request).await {
            Ok(opened) => opened,
            Err(NotOpened::Erased) => return Ok((ReportOutcome::Erased, "")),
            Err(NotOpened::TooLate | NotOpened::TooMuch) => {
                return Ok((ReportOutcome::Impossible, "the ledger does not open what it was made of"));
            }
            // One report that does not open must not keep the others from being compared.
            Err(NotOpened::Failed(status)) if status.code() == Code::Internal => {
                return Ok((ReportOutcome::Impossible, "what it was made of is there and does not open"));
            }
            Err(NotOpened::Failed(status)) => return Err(status),
        };
        let compared = possible(self.compare(stored, premises, &referral, opened))?;
        Ok(compared.unwrap_or_else(|why| (ReportOutcome::Impossible, why)))
    }

    fn compare(
        &self,
        stored: &StoredDecision,
        premises: Result<Premises, &'static str>,
        referral: &StoredReferral,
        opened: OpenForReplayResponse,
    ) -> Result<Compared, Halt> {
        let OpenForReplayResponse { events, acknowledgement, report } = opened;
        let report = Zeroizing::new(report);
        let moment = self.reader.moment();
        let (facts, recorded) = moment.release(referral)?;
        let read = match read_as_released(&report, &recorded) {
            Ok(read) => read,
            Err(compared) => return Ok(compared),
        };
        let other_version = read.labels() != LABELS_VERSION
            || stored.decided.form.parse::<Form>().is_err()
            || !self.versions.same_contract(&stored.decided);
        let Some(salt) = read.salt().map(Zeroizing::new) else { return Ok((ReportOutcome::Different, "report")) };
        let proof = acknowledgement.map(|acknowledgement| self.ledger.acknowledged_before(acknowledgement));
        let permit = proof.and_then(|proof| {
            let event = proof.event(&stored.case_id.to_string()).filter(|event| event.position.0 == stored.position)?;
            let proposed = moment.event(stored.case_id, stored.revision).ok()?.event?;
            let digest = sha256_parts(context::FACTS, &[&proposed.facts]);
            Permit::from_acknowledgement(stored.as_made()?, *digest.as_bytes(), event, || proof.verifies()).ok()
        });
        let permit = permit.ok_or(Halt::Impossible("the ledger does not vouch for the decision as it is read here"))?;
        let again = premises
            .and_then(|premises| self.released_again(stored, &premises, &permit, &events, (&salt, read.key_id())));
        let again = match again {
            Err(why) if other_version => return Ok((ReportOutcome::OtherVersion, why)),
            again => again.map_err(Halt::Impossible)?,
        };
        let same_report = again.report == *report;
        let difference = first_difference(&recorded, &again, same_report);
        let same_facts = facts_of(&CaseEvent { payload: Some(Payload::ReferralReleased(again)) })? == facts;
        Ok(match (same_report, same_facts) {
            (true, true) => (ReportOutcome::Same, ""),
            (false, _) if other_version => (ReportOutcome::OtherVersion, difference),
            (_, _) => (ReportOutcome::Different, difference),
        })
    }

    /// What is released when the report is written again, with this salt and for this key.
    fn released_again(
        &self,
        stored: &StoredDecision,
        premises: &Premises,
        permit: &Permit,
        events: &[RecordedEvent],
        (salt, key_id): (&[u8; 32], &str),
    ) -> Result<ReferralReleased, &'static str> {
        let Premises { decision_id, request, case, organization } = premises;
        if !are_the_attested(&stored.decided, events) {
            return Err("a narrative is not the text that was attested");
        }
        let fields = fields_of(events, Revision(stored.decided.case_revision))
            .map_err(|_| "what it was made of cannot be read by this version")?;
        let draft = Draft {
            case_id: stored.case_id,
            unit_id: request.unit_id,
            purpose: request.purpose.ok_or(UNREADABLE)?,
            supplementary_to: request.supplementary_to,
            decision_id: *decision_id,
            decided: &stored.decided,
            case,
            organization: organization.as_ref().ok_or(NO_DIRECTORY)?,
            salt,
            key_id,
        };
        self.draft(&draft, permit, fields).map_err(|_| "it cannot be written by this version")
    }
}

/// The stored report, if it is the one its release committed to, and of this version.
fn read_as_released(report: &[u8], recorded: &ReferralReleased) -> Result<Report, Compared> {
    if sha256(report).as_bytes().as_slice() != recorded.report_digest {
        return Err((ReportOutcome::Different, "report_digest"));
    }
    Report::from_canonical_json(report).map_err(|_| match is_of_other_version(report) {
        true => (ReportOutcome::OtherVersion, "report"),
        false => (ReportOutcome::Different, "report"),
    })
}

/// The first field in which two releases differ; the report itself comes before its digest.
fn first_difference(recorded: &ReferralReleased, again: &ReferralReleased, same_report: bool) -> &'static str {
    compare!(
        recorded,
        again,
        referral_id,
        decision_id,
        unit_id,
        organization_id,
        subject_ids,
        form,
        language,
        key_id,
        urgent
    );
    compare!(recorded, again, supplementary_to);
    if !same_report {
        return "report";
    }
    compare!(recorded, again, report_digest, commitment);
    "the encoding"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_report_without_the_digest_its_release_committed_to_is_different_whatever_it_says_it_is() {
        let committed = |to: &[u8]| ReferralReleased {
            report_digest: sha256(to).as_bytes().to_vec(),
            ..ReferralReleased::default()
        };
        let other_version = br#"{"schema":"egide.report/0"}"#;
        let read = |report: &[u8], to: &[u8]| read_as_released(report, &committed(to)).err();
        assert!(read(other_version, b"another") == Some((ReportOutcome::Different, "report_digest")));
        assert!(read(other_version, other_version) == Some((ReportOutcome::OtherVersion, "report")));
        assert!(read(b"{}", b"{}") == Some((ReportOutcome::Different, "report")));
        assert!(read(b"", b"") == Some((ReportOutcome::Different, "report")));
        assert!(
            read_as_released(b"", &ReferralReleased::default()).err().map(|(_, first)| first) == Some("report_digest")
        );
    }

    #[test]
    fn the_first_difference_of_a_release_is_named_and_the_report_before_its_digest() {
        let recorded = ReferralReleased { form: "a".into(), commitment: vec![1], ..ReferralReleased::default() };
        assert_eq!(first_difference(&recorded, &recorded, true), "the encoding");
        let other = ReferralReleased { report_digest: vec![1], commitment: vec![2], ..recorded.clone() };
        assert_eq!(first_difference(&recorded, &other, false), "report");
        assert_eq!(first_difference(&recorded, &other, true), "report_digest");
        let other = ReferralReleased { commitment: vec![2], ..recorded.clone() };
        assert_eq!(first_difference(&recorded, &other, true), "commitment");
        let other = ReferralReleased { form: "b".into(), ..other };
        assert_eq!(first_difference(&recorded, &other, false), "form");
    }
}
