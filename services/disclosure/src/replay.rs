//! Making decisions again: from the events of the case up to the decision's revision, the organisation's up to its directory
//! revision, and the policy of the digest it names, at the instant it was made. What comes out is compared byte for byte with
//! the facts that stand in the log.
//!
//! Two things are not made again: the decision's id, which follows from who asked, and the digest of the contract, where another
//! contract is built in than the decision was made with. Both are taken over from what was recorded.
//!
//! Where a report was released, it is made again as well ([`report`]).

/// Answers with the name of the first of these fields in which two messages differ, if there is one.
macro_rules! compare {
    ($one:expr, $other:expr, $($field:ident),+ $(,)?) => {
        $(if $one.$field != $other.$field {
            return stringify!($field);
        })+
    };
}

mod report;

use std::sync::Arc;

use egide_domain::ids::{CaseId, CommandId, DecisionId, Revision};
use egide_domain::{Request, decide};
use egide_report::Form;
use egide_servicekit::identity::Onward;
use egide_wire::convert::{decided, request_from, timestamp};
use egide_wire::proto::egide::audit::v1::access_event::Payload as Access;
use egide_wire::proto::egide::audit::v1::{AccessReason, AccessRecorded, AccessScope};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{CaseEvent, DisclosureDecided};
use egide_wire::proto::egide::disclosure::v1 as proto;
use tokio::sync::mpsc;
use tonic::Status;

use crate::facts::{CaseView, OrganizationView};
use crate::gate::{Gate, Shared};
use crate::ledger::facts_of;
use crate::reader::{Moment, StoredDecision, Unreadable};

/// Decisions that are made again on one view: nothing is applied meanwhile.
const AT_ONCE: usize = 32;
/// Answers that wait for a slow reader; then the replay waits too.
const BUFFERED: usize = 64;
/// Why something is not made again.
const UNREADABLE: &str = "what was asked cannot be read by this version";
const NO_DIRECTORY: &str = "the directory never stood at its revision";

/// Why a decision is not made again.
enum Halt {
    /// This keeps it from being made.
    Impossible(&'static str),
    Failed(Status),
}

impl From<Unreadable> for Halt {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Policy => Self::Impossible("the policy it was made under cannot be read by this version"),
            Unreadable::Store(_) | Unreadable::Row => Self::Failed(error.into()),
        }
    }
}

impl From<Status> for Halt {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

/// That somebody has decisions made again, as it stands in the log: nothing is opened for a replay without it.
pub(crate) struct Look {
    onward: Onward,
    command_id: CommandId,
    recorded: AccessRecorded,
}

/// What a decision rests on besides the policy: the report under it is made of the same.
struct Premises {
    decision_id: DecisionId,
    request: Request,
    /// The case at the decision's revision.
    case: Arc<CaseView>,
    /// The recipient's organisation at the revision the decision saw, if there was one then.
    organization: Option<OrganizationView>,
}

impl Premises {
    fn of(moment: &Moment<'_>, stored: &StoredDecision) -> Result<Self, Halt> {
        let recorded = &stored.decided;
        let decision_id = recorded.decision_id.parse().map_err(|_| Halt::Impossible(UNREADABLE))?;
        let request = recorded.request.as_ref().and_then(|request| request_from(request).ok());
        let request = request.ok_or(Halt::Impossible(UNREADABLE))?;
        let case = moment.case_at(stored.case_id, Revision(recorded.case_revision))?;
        let case = case.ok_or(Halt::Impossible("the case never stood at its revision"))?;
        let directory = Revision(recorded.directory_revision);
        let organization = moment.organization_at(request.organization_id, directory)?;
        if organization.is_none() && directory.0 > 0 {
            return Err(Halt::Impossible(NO_DIRECTORY));
        }
        Ok(Self { decision_id, request, case, organization })
    }
}

/// A decision made again. What it was made of, or why there is none, serves for its report.
struct MadeAgain {
    stored: StoredDecision,
    premises: Result<Premises, &'static str>,
    replay: proto::Replay,
}

/// What can be told of either way, apart from a failure.
fn possible<T>(made: Result<T, Halt>) -> Result<Result<T, &'static str>, Status> {
    match made {
        Ok(made) => Ok(Ok(made)),
        Err(Halt::Impossible(why)) => Ok(Err(why)),
        Err(Halt::Failed(status)) => Err(status),
    }
}

impl Gate {
    /// Records that somebody has the decisions of a case made again, or all of them.
    pub(crate) async fn look_again(
        &self,
        onward: Onward,
        case_id: Option<CaseId>,
        reason: AccessReason,
    ) -> Result<Look, Status> {
        let recorded = AccessRecorded {
            scope: AccessScope::Replay.into(),
            reason: reason.into(),
            case_id: case_id.map(|case_id| case_id.to_string()).unwrap_or_default(),
            ..AccessRecorded::default()
        };
        let command_id = self.record_under(&onward, Access::AccessRecorded(recorded.clone())).await?;
        Ok(Look { onward, command_id, recorded })
    }

    /// Makes a decision again, and the report that was released under it.
    pub(crate) async fn replay(&self, look: &Look, stored: StoredDecision) -> Result<proto::Replay, Status> {
        let made = self.replay_on(&self.reader.moment(), stored)?;
        self.with_report(look, made).await
    }

    async fn with_report(&self, look: &Look, made: MadeAgain) -> Result<proto::Replay, Status> {
        let MadeAgain { stored, premises, replay } = made;
        let (outcome, difference) = self.report_again(look, &stored, premises).await?;
        Ok(proto::Replay { report: outcome.into(), report_difference: difference.to_owned(), ..replay })
    }

    fn replay_on(&self, moment: &Moment<'_>, stored: StoredDecision) -> Result<MadeAgain, Status> {
        let premises = possible(Premises::of(moment, &stored))?;
        let again = match &premises {
            Ok(premises) => possible(self.again(moment, &stored, premises))?,
            Err(why) => Err(*why),
        };
        let (outcome, first_difference) = match again {
            Ok(None) => (proto::ReplayOutcome::Same, ""),
            Ok(Some(field)) => (proto::ReplayOutcome::Different, field),
            Err(why) => (proto::ReplayOutcome::Impossible, why),
        };
        let recorded = &stored.decided;
        let replay = proto::Replay {
            decision_id: recorded.decision_id.clone(),
            case_id: stored.case_id.to_string(),
            outcome: outcome.into(),
            first_difference: first_difference.to_owned(),
            policy_version: recorded.policy_version.clone(),
            same_contract: self.versions.same_contract(recorded),
            report: proto::ReportOutcome::Unspecified.into(),
            report_difference: String::new(),
        };
        Ok(MadeAgain { stored, premises, replay })
    }

    /// The first field that is different when it is made again, if there is one.
    fn again(
        &self,
        moment: &Moment<'_>,
        stored: &StoredDecision,
        premises: &Premises,
    ) -> Result<Option<&'static str>, Halt> {
        let recorded = &stored.decided;
        let Premises { decision_id, request, case, organization } = premises;
        let decided_at = recorded.decided_at.as_ref().and_then(timestamp).ok_or(Halt::Impossible(UNREADABLE))?;
        let policy = self.policy_of(moment, &recorded.policy_digest)?;
        let policy = policy.ok_or(Halt::Impossible("the policy it was made under was never adopted"))?;
        let recipient = organization.as_ref().and_then(|organization| organization.recipient(request.unit_id));
        let decision = decide(&case.facts, request, recipient.as_ref(), &policy, decided_at);
        let mut again = decided(*decision_id, request, &decision);
        again.policy_digest.clone_from(&recorded.policy_digest);
        again.classification_digest.clone_from(&recorded.classification_digest);
        again.form = Form::of(recipient.and_then(|recipient| recipient.kind)).id().to_owned();
        again.commitment = self.commitment(*decision_id, Payload::DisclosureDecided(again.clone()))?;
        let facts = facts_of(&CaseEvent { payload: Some(Payload::DisclosureDecided(again.clone())) })?;
        let row = moment.event(stored.case_id, stored.revision)?;
        let same = row.event.is_some_and(|event| event.facts == facts);
        Ok((!same).then(|| first_difference(recorded, &again)))
    }
}

/// The first field in which two decisions differ.
fn first_difference(recorded: &DisclosureDecided, again: &DisclosureDecided) -> &'static str {
    compare!(
        recorded,
        again,
        decision_id,
        request,
        outcome,
        bases,
        mask,
        reasons,
        obligations,
        decided_at,
        expires_at,
        case_revision,
        directory_revision,
        policy_version,
        policy_digest,
        classification_digest,
        form,
        urgent,
        commitment,
        recipient_kind,
        narratives,
    );
    "the encoding"
}

/// Makes every decision again, from the first, each with its report, for as long as somebody listens.
pub(crate) fn history(gate: &Shared, look: Look) -> mpsc::Receiver<Result<proto::ReplayHistoryResponse, Status>> {
    let (sender, receiver) = mpsc::channel(BUFFERED);
    let gate = Shared::clone(gate);
    tokio::spawn(async move {
        if let Err(status) = replay_all(&gate, &look, &sender).await {
            // The listener may be gone; there is nobody else to tell.
            drop(sender.send(Err(status)).await);
        }
    });
    receiver
}

async fn replay_all(
    gate: &Shared,
    look: &Look,
    sender: &mpsc::Sender<Result<proto::ReplayHistoryResponse, Status>>,
) -> Result<(), Status> {
    let total = apart(gate, |gate| Ok(gate.reader.moment().all_decisions(None).count())).await?;
    let total = u64::try_from(total).unwrap_or(u64::MAX);
    let tell = |replay| sender.send(Ok(proto::ReplayHistoryResponse { total, replay }));
    let mut listening = tell(None).await.is_ok();
    let mut after = None;
    while listening {
        let (decisions, last) = apart(gate, |gate| some(gate, after)).await?;
        let Some(last) = last else { return Ok(()) };
        after = Some(last);
        for made in decisions {
            let replay = gate.with_report(look, made).await?;
            listening = tell(Some(replay)).await.is_ok();
            if !listening {
                break;
            }
        }
    }
    Ok(())
}

/// Does what takes its time on a thread where nobody waits for it.
async fn apart<T: Send + 'static>(
    gate: &Shared,
    work: impl FnOnce(&Gate) -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    let gate = Shared::clone(gate);
    let done = tokio::task::spawn_blocking(move || work(&gate)).await;
    done.map_err(|_| Status::unavailable("the service is stopping; ask again"))?
}

/// The next few, made again, and where they end; `None` when there are no more.
fn some(gate: &Gate, after: Option<Vec<u8>>) -> Result<(Vec<MadeAgain>, Option<Vec<u8>>), Status> {
    let moment = gate.reader.moment();
    let (mut decisions, mut last) = (Vec::new(), None);
    for next in moment.all_decisions(after).take(AT_ONCE) {
        let (place, decision_id) = next?;
        let stored = moment.decision(decision_id)?.ok_or(Unreadable::Row)?;
        decisions.push(gate.replay_on(&moment, stored)?);
        last = Some(place);
    }
    Ok((decisions, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_in_the_order_of_the_contract() {
        let recorded = DisclosureDecided { form: "a".into(), urgent: true, ..DisclosureDecided::default() };
        let same = recorded.clone();
        assert_eq!(first_difference(&recorded, &same), "the encoding");
        let other = DisclosureDecided { form: "b".into(), urgent: false, ..recorded.clone() };
        assert_eq!(first_difference(&recorded, &other), "form");
        let other = DisclosureDecided { urgent: false, ..recorded.clone() };
        assert_eq!(first_difference(&recorded, &other), "urgent");
    }
}
