//! `RequestDisclosure`: decide, commit, and where it is permitted, release.
//!
//! Every step can be the last one before a crash. Whoever repeats the call, here or elsewhere, comes by the same ids to what
//! stands in the log already and goes on from there.

use std::sync::Arc;

use egide_crypto::digest::Digest;
use egide_domain::ids::{DecisionId, OrganizationId, Position, Revision};
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::{Outcome, RecipientKind};
use egide_domain::{Decision, Permit, Request, decide};
use egide_report::Form;
use egide_servicekit::identity::Onward;
use egide_wire::convert::{
    Listed as _, decided, decided_from, narratives_from, obligation_from, request_from, timestamp,
};
use egide_wire::proto::egide::case::v1 as case;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::disclosure::v1 as proto;
use tonic::Status;

use crate::explain::Told;
use crate::gate::{EVENT_BYTES_MAX, Gate, ROUNDS_MAX, expected, moved_too_often};
use crate::ledger::{NotAppended, Proposed, command, unproved};
use crate::origin::{Origin, command_of_decision};
use crate::reader::{Moment, Snapshot, StoredDecision};
use crate::validate::Disclosure;
use prost::Message as _;

/// How often a permit of one command may be superseded before its release, over all retries.
const GENERATIONS_MAX: u32 = 1_000;

/// What is asked, and by whom.
pub(crate) struct Asked {
    pub(crate) disclosure: Disclosure,
    pub(crate) origin: Origin,
    pub(crate) onward: Onward,
}

/// What to do next.
enum Plan {
    /// It is all done.
    Answer(Box<proto::RequestDisclosureResponse>),
    /// Commit this decision, or have its commit acknowledged again.
    Commit(Box<Proposal>),
}

/// A decision with the event that records it.
struct Proposal {
    decision_id: DecisionId,
    decision: Decision,
    decided: case::DisclosureDecided,
    /// Told on what it was decided on, where that was just now: afterwards the case has gone on.
    explanation: Option<proto::Explanation>,
}

impl Gate {
    /// See the module. Where all that is missing is somebody's approval, it is asked for.
    pub(crate) async fn request_disclosure(&self, asked: &Asked) -> Result<proto::RequestDisclosureResponse, Status> {
        let (mut response, explanation) = self.decide_and_release(asked).await?;
        if let Some(decision) = &response.decision {
            response.approval_id = self.ask_for_approval(asked, decision).await?;
            response.explanation = Some(match explanation {
                Some(told) => told,
                None => self.explain(decision, Told::AsDecided)?,
            });
        }
        Ok(response)
    }

    /// The answer, and where it was decided just now, its explanation.
    async fn decide_and_release(
        &self,
        asked: &Asked,
    ) -> Result<(proto::RequestDisclosureResponse, Option<proto::Explanation>), Status> {
        self.reader.catch_up().await?;
        if !self.reader.moment().has_case(asked.disclosure.case_id)? {
            return Err(Status::not_found("there is no such case"));
        }
        let _turn = self.turns.take(asked.disclosure.case_id).await;
        for _ in 0..ROUNDS_MAX {
            self.reader.catch_up().await?;
            match self.plan(asked)? {
                Plan::Answer(response) => return Ok((*response, None)),
                Plan::Commit(mut proposal) => {
                    let explanation = proposal.explanation.take();
                    if let Some(response) = self.commit(asked, *proposal).await? {
                        return Ok((response, explanation));
                    }
                }
            }
        }
        Err(moved_too_often())
    }

    /// Looks what stands in the log under this command, and decides where nothing does, or where what does no longer holds.
    fn plan(&self, asked: &Asked) -> Result<Plan, Status> {
        let moment = self.reader.moment();
        let snapshot = moment.snapshot(asked.disclosure.case_id, asked.disclosure.unit_id)?;
        let mut generation = 0;
        let mut newest = None;
        while let Some(stored) = moment.decision(asked.origin.decision(generation))? {
            newest = Some(stored);
            generation += 1;
            if generation >= GENERATIONS_MAX {
                return Err(moved_too_often());
            }
        }
        let now = self.now();
        let Some(stored) = newest else { return self.decide(asked, &moment, &snapshot, generation, now) };
        if !asked.is_what_was_asked(&stored) {
            return Err(Status::already_exists(
                "this command id was used with other content; a new request takes a new id",
            ));
        }
        let done = stored.decided.outcome() != case::Outcome::Permit || stored.referral_id.is_some();
        if done {
            let referral = stored.referral_id.map(|referral_id| moment.referral(referral_id)).transpose()?.flatten();
            let report_digest = referral.map(|referral| referral.row.report_digest).unwrap_or_default();
            let decision = Some(stored.into_answer());
            return Ok(Plan::Answer(Box::new(proto::RequestDisclosureResponse {
                decision,
                report_digest,
                ..proto::RequestDisclosureResponse::default()
            })));
        }
        match stored.resume() {
            Some(proposal) if snapshot.still_holds(&proposal.decision, Revision(stored.revision), now) => {
                Ok(Plan::Commit(Box::new(proposal)))
            }
            Some(_) | None => self.decide(asked, &moment, &snapshot, generation, now),
        }
    }

    fn decide(
        &self,
        asked: &Asked,
        moment: &Moment<'_>,
        snapshot: &Snapshot,
        generation: u32,
        now: Timestamp,
    ) -> Result<Plan, Status> {
        let decision_id = asked.origin.decision(generation);
        let (decision, mut decided) = self.decide_now(&asked.disclosure, decision_id, moment, snapshot, now)?;
        decided.commitment = self.commitment(decision_id, Payload::DisclosureDecided(decided.clone()))?;
        if decided.encoded_len() > EVENT_BYTES_MAX {
            return Err(Status::failed_precondition(
                "the decision is too large to be recorded; ask about fewer people or categories at a time",
            ));
        }
        let explanation = Some(self.explain_on(moment, &decided, &snapshot.case.facts, &self.policy, &[])?);
        Ok(Plan::Commit(Box::new(Proposal { decision_id, decision, decided, explanation })))
    }

    /// The decision on the facts of this moment, as it would be recorded but for its commitment.
    pub(crate) fn decide_now(
        &self,
        disclosure: &Disclosure,
        decision_id: DecisionId,
        moment: &Moment<'_>,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<(Decision, case::DisclosureDecided), Status> {
        if !self.policy_is_adopted(moment)? {
            return Err(Status::failed_precondition(
                "this policy was not adopted; have compliance adopt it (`egide policy adopt`), then ask again",
            ));
        }
        let recipient = snapshot.recipient();
        let request = disclosure.request(recipient.as_ref().map(|recipient| recipient.organization_id));
        let decision = decide(&snapshot.case.facts, &request, recipient.as_ref(), &self.policy, now);
        let mut decided = decided(decision_id, &request, &decision);
        self.versions.stamp(&mut decided);
        decided.form = Form::of(recipient.and_then(|recipient| recipient.kind)).id().to_owned();
        Ok((decision, decided))
    }

    /// Commits a decision and, where it permits, releases the referral; `None` when it must be decided again.
    async fn commit(
        &self,
        asked: &Asked,
        proposal: Proposal,
    ) -> Result<Option<proto::RequestDisclosureResponse>, Status> {
        let Proposal { decision_id, decision, decided, .. } = proposal;
        let stream_id = asked.disclosure.case_id.to_string();
        let Proposed { event, facts_digest } = Proposed::new(Payload::DisclosureDecided(decided.clone()))?;
        let request = command(
            command_of_decision(decision_id),
            stream_id.clone(),
            event,
            Some(decision.decided_at),
            expected(
                asked.disclosure.case_id,
                decision.case_revision.0,
                organization_of(&decided),
                decision.directory_revision.0,
            ),
        );
        let acknowledged = match self.ledger.append(&asked.onward, request).await {
            Ok(acknowledged) => acknowledged,
            Err(NotAppended::Unfit(_)) => return Ok(None),
            Err(NotAppended::Failed(status)) => return Err(status),
        };
        if !decision.is_permit() {
            let event = acknowledged.proves(&stream_id, facts_digest)?;
            return Ok(Some(answer(asked, event.position, decided, None)));
        }
        let event = acknowledged.event(&stream_id).ok_or_else(unproved)?;
        let permit =
            Permit::from_acknowledgement(decision, *facts_digest.as_bytes(), event, || acknowledged.verifies())
                .map_err(|_| unproved())?;
        let released = self.release(asked, decision_id, &permit, &decided).await?;
        Ok(released.map(|released| answer(asked, permit.position(), decided, Some(released))))
    }
}

/// What a release came to.
pub(crate) struct Released {
    pub(crate) referral_id: egide_domain::ids::ReferralId,
    pub(crate) report_digest: Digest,
}

fn answer(
    asked: &Asked,
    position: Position,
    decided: case::DisclosureDecided,
    released: Option<Released>,
) -> proto::RequestDisclosureResponse {
    let decision = proto::Decision {
        case_id: asked.disclosure.case_id.to_string(),
        position: position.0,
        decided: Some(decided),
        referral_id: released.as_ref().map(|released| released.referral_id.to_string()).unwrap_or_default(),
    };
    let report_digest = released.map(|released| released.report_digest.as_bytes().to_vec()).unwrap_or_default();
    proto::RequestDisclosureResponse {
        decision: Some(decision),
        report_digest,
        ..proto::RequestDisclosureResponse::default()
    }
}

fn organization_of(decided: &case::DisclosureDecided) -> &str {
    decided.request.as_ref().map_or("", |request| request.organization_id.as_str())
}

impl Disclosure {
    /// The request as the gate sees it. A unit that is not in the directory has no organisation: the nil UUID stands for it, and
    /// the decision is a refusal.
    pub(crate) fn request(&self, organization_id: Option<OrganizationId>) -> Request {
        Request {
            unit_id: self.unit_id,
            organization_id: organization_id.unwrap_or(OrganizationId([0; 16])),
            purpose: Some(self.purpose),
            categories: self.categories,
            subject_ids: self.subject_ids.clone(),
            relies_on: self.relies_on.clone(),
            mode: self.mode,
            supplementary_to: self.supplementary_to,
            approval_id: self.approval_id,
        }
    }
}

impl Asked {
    /// Whether the command had this content before. The organisation follows from the unit.
    fn is_what_was_asked(&self, stored: &StoredDecision) -> bool {
        let before = stored.decided.request.as_ref().and_then(|record| request_from(record).ok());
        before.is_some_and(|before| before == self.disclosure.request(Some(before.organization_id)))
            && stored.case_id == self.disclosure.case_id
    }
}

impl StoredDecision {
    /// The decision for whoever asks.
    pub(crate) fn into_answer(self) -> proto::Decision {
        proto::Decision {
            case_id: self.case_id.to_string(),
            position: self.position,
            decided: Some(self.decided),
            referral_id: self.referral_id.map(|referral_id| referral_id.to_string()).unwrap_or_default(),
        }
    }

    /// The decision as it was made, to have its commit acknowledged again; `None` when it cannot be read back whole.
    fn resume(&self) -> Option<Proposal> {
        let decision = self.as_made()?;
        let decision_id = self.decided.decision_id.parse().ok()?;
        Some(Proposal { decision_id, decision, decided: self.decided.clone(), explanation: None })
    }

    /// A permit as it was made; `None` when it cannot be read back whole. Reasons stay behind: nothing that follows a decision looks
    /// at them.
    pub(crate) fn as_made(&self) -> Option<Decision> {
        let decided = &self.decided;
        let (mask, bases) = decided_from(decided).ok()?;
        Some(Decision {
            outcome: Outcome::read(decided.outcome).ok()??,
            bases,
            mask,
            reasons: Vec::new(),
            obligations: decided.obligations.iter().map(|one| obligation_from(one).ok()).collect::<Option<_>>()?,
            decided_at: timestamp(decided.decided_at.as_ref()?)?,
            expires_at: Some(timestamp(decided.expires_at.as_ref()?)?),
            case_revision: Revision(decided.case_revision),
            directory_revision: Revision(decided.directory_revision),
            policy_version: Arc::from(decided.policy_version.as_str()),
            urgent: decided.urgent,
            recipient_kind: RecipientKind::read(decided.recipient_kind).ok()?,
            narratives: narratives_from(&decided.narratives).ok()?,
        })
    }
}

impl Snapshot {
    /// Whether a permit that stands at `revision` may still be released: nothing superseded it, the directory is as it was, and
    /// its time is not over.
    pub(crate) fn still_holds(&self, decision: &Decision, revision: Revision, now: Timestamp) -> bool {
        !self.case.facts.superseded_since(revision)
            && self.directory_revision() == decision.directory_revision.0
            && decision.expires_at.is_some_and(|expires_at| now < expires_at)
    }
}
