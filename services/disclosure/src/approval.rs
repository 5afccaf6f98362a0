//! Approvals: asking for one, answering it, and going on under it.
//!
//! Their ids follow from the decision that demands them, and the decision under them from theirs: whoever repeats a call, under
//! whichever command id and after a crash at any step, goes on where it stopped.

use egide_domain::ids::{ApprovalId, CaseId, DecisionId};
use egide_domain::policy::CONSENT_CONDITION;
use egide_domain::vocabulary::{ApprovalOutcome, Role};
use egide_domain::{Millis, Set, Timestamp};
use egide_servicekit::identity::{Onward, Person};
use egide_wire::convert::{Listed as _, number, request_from, timestamp, to_timestamp};
use egide_wire::proto::egide::case::v1 as case;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::disclosure::v1 as proto;
use tonic::Status;

use crate::explain::approval_demanded;
use crate::gate::Gate;
use crate::ledger::{NotAppended, Proposed, Unfit, command};
use crate::origin::{Origin, approval_of, command_of_approval};
use crate::reader::StoredApproval;
use crate::request::Asked;
use crate::token;
use crate::validate::{Disclosure, Verdict};

/// What rules of the policy demand of an approval.
struct Demands {
    /// Who can give it: somebody with one of these roles.
    roles: Set<Role>,
    /// How long it can be given, and used: the shortest life of the rules.
    life: Option<Millis>,
}

/// Somebody's answer, and who gives it.
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    pub(crate) person: Person,
    pub(crate) origin: Origin,
    pub(crate) onward: Onward,
}

impl Gate {
    /// Asks for the approval that a refusal demands, where it demands one; its id, or nothing.
    pub(crate) async fn ask_for_approval(&self, asked: &Asked, decision: &proto::Decision) -> Result<String, Status> {
        let Some(decided) = decision.decided.as_ref().filter(|_| asked.disclosure.approval_id.is_none()) else {
            return Ok(String::new());
        };
        let Some(rules) = approval_demanded(decided) else { return Ok(String::new()) };
        let decision_id: DecisionId =
            decided.decision_id.parse().map_err(|_| Status::internal("a decision has no id"))?;
        let approval_id = approval_of(decision_id);
        let is_known = || Ok::<_, Status>(self.reader.moment().approval(approval_id)?.is_some());
        if is_known()? {
            return Ok(approval_id.to_string());
        }
        let decided_at = decided.decided_at.as_ref().and_then(timestamp);
        let expires_at = decided_at.zip(self.demands(&rules).life).and_then(|(at, life)| at.checked_add(life));
        // What nobody could grant any more is not asked for.
        let Some(expires_at) = expires_at.filter(|expires_at| self.now() < *expires_at) else {
            return Ok(String::new());
        };
        let requested = case::ApprovalRequested {
            approval_id: approval_id.to_string(),
            decision_id: decision_id.to_string(),
            rules,
            expires_at: Some(to_timestamp(expires_at)),
        };
        let proposed = Proposed::new(Payload::ApprovalRequested(requested))?;
        let stream_id = decision.case_id.clone();
        let command_id = command_of_approval(approval_id);
        let request = command(command_id, stream_id.clone(), proposed.event, None, Vec::new());
        match self.ledger.append(&asked.onward, request).await {
            Ok(acknowledged) => {
                acknowledged.proves(&stream_id, proposed.facts_digest)?;
                Ok(approval_id.to_string())
            }
            Err(NotAppended::Failed(status)) => Err(status),
            // Somebody was here before, or the case has been closed since.
            Err(NotAppended::Unfit(_)) => {
                self.reader.catch_up().await?;
                Ok(if is_known()? { approval_id.to_string() } else { String::new() })
            }
        }
    }

    /// Records an answer; where it is a grant, decides again under it and releases.
    pub(crate) async fn decide_approval(&self, answer: &Answer) -> Result<proto::DecideApprovalResponse, Status> {
        self.reader.catch_up().await?;
        let (case_id, disclosure) = self.to_approve(answer)?;
        self.commit_answer(answer, case_id).await?;
        if answer.verdict.outcome != ApprovalOutcome::Granted {
            return Ok(proto::DecideApprovalResponse::default());
        }
        let origin = Origin::of_approval(answer.verdict.approval_id);
        let asked = Asked { disclosure, origin, onward: answer.onward.clone() };
        let response = self.request_disclosure(&asked).await?;
        let proto::RequestDisclosureResponse { decision, report_digest, explanation, .. } = response;
        Ok(proto::DecideApprovalResponse { decision, report_digest, explanation })
    }

    /// What would be decided again; refuses whoever may not answer.
    fn to_approve(&self, answer: &Answer) -> Result<(CaseId, Disclosure), Status> {
        let approval_id = answer.verdict.approval_id;
        let moment = self.reader.moment();
        let stored = moment.approval(approval_id)?.ok_or_else(|| Status::not_found("there is no such approval"))?;
        let by = stored.actor.as_ref().map_or("", |actor| actor.person.as_str());
        if by == answer.person.account().as_str() {
            return Err(Status::permission_denied(
                "whoever asked for an approval does not decide it; ask another supervisor",
            ));
        }
        self.refuse_other_roles(answer, &stored)?;
        let demanding = stored.requested.decision_id.parse().ok();
        let demanding = demanding.map(|decision_id| moment.decision(decision_id)).transpose()?.flatten();
        let request = demanding.filter(|decision| decision.case_id == stored.case_id);
        let request = request.and_then(|decision| request_from(decision.decided.request.as_ref()?).ok());
        let disclosure = request.and_then(|request| Disclosure::again(stored.case_id, request, approval_id));
        let disclosure = disclosure.ok_or_else(|| Status::internal("the decision of an approval cannot be read"))?;
        Ok((stored.case_id, disclosure))
    }

    /// What rules demand of whoever approves, taken together.
    fn demands(&self, rules: &[String]) -> Demands {
        let rows = self.policy.approvals().iter().map(|row| (&*row.id, row.roles, row.life));
        let on_condition = self.policy.approval_on_condition();
        let all = rows.chain([(CONSENT_CONDITION, on_condition.roles, on_condition.life)]);
        let demanded = all.filter(|(id, ..)| rules.iter().any(|rule| rule == id));
        demanded.fold(Demands { roles: Set::all(), life: None }, |demands, (_, roles, life)| Demands {
            roles: demands.roles.intersection(roles),
            life: Some(demands.life.map_or(life, |shortest| shortest.min(life))),
        })
    }

    /// The person must have a role that every rule knows which demands the approval. A rule that is gone is left to the decision
    /// under the approval.
    fn refuse_other_roles(&self, answer: &Answer, stored: &StoredApproval) -> Result<(), Status> {
        let holds = |role: Role| role.name().parse().is_ok_and(|role| answer.person.has(role));
        let roles = self.demands(&stored.requested.rules).roles;
        if roles.iter().any(holds) {
            return Ok(());
        }
        let named: Vec<String> = roles.iter().map(|role| format!("`{}`", role.name())).collect();
        Err(Status::permission_denied(match named.is_empty() {
            true => {
                "by the policy no role may approve this; have what needs an approval asked for by itself".to_owned()
            }
            false => format!("by the policy somebody in another role answers this; ask one of {}", named.join(", ")),
        }))
    }

    async fn commit_answer(&self, answer: &Answer, case_id: CaseId) -> Result<(), Status> {
        let Verdict { approval_id, outcome, reason, .. } = answer.verdict;
        // What is granted stays granted, whoever repeats it.
        if outcome == ApprovalOutcome::Granted && self.outcome_of(case_id, answer)? == Some(outcome) {
            return Ok(());
        }
        let decided = case::ApprovalDecided {
            approval_id: approval_id.to_string(),
            outcome: outcome.number(),
            reason: number(reason),
        };
        let proposed = Proposed::new(Payload::ApprovalDecided(decided))?;
        let stream_id = case_id.to_string();
        let command_id = answer.origin.command("approval");
        let request = command(command_id, stream_id.clone(), proposed.event, None, Vec::new());
        match self.ledger.append(&answer.onward, request).await {
            Ok(acknowledged) => acknowledged.proves(&stream_id, proposed.facts_digest).map(|_| ()),
            Err(NotAppended::Failed(status)) => Err(status),
            Err(NotAppended::Unfit(Unfit::Used)) => {
                Err(Status::already_exists("this command id was used with other content; a new answer takes a new id"))
            }
            Err(NotAppended::Unfit(Unfit::Moved | Unfit::NotAdmitted | Unfit::Expired | Unfit::Erased)) => {
                self.reader.catch_up().await?;
                match self.outcome_of(case_id, answer)? {
                    // Another supervisor was faster, with the same answer.
                    Some(ApprovalOutcome::Granted) if outcome == ApprovalOutcome::Granted => Ok(()),
                    Some(_) => Err(Status::failed_precondition(
                        "this approval was decided before; have the disclosure asked for again if it is needed",
                    )),
                    None => Err(Status::failed_precondition(
                        "nobody decided this in time, or the case is closed; have the disclosure asked for again",
                    )),
                }
            }
        }
    }

    /// How an approval was answered, as far as it was.
    fn outcome_of(&self, case_id: CaseId, answer: &Answer) -> Result<Option<ApprovalOutcome>, Status> {
        let moment = self.reader.moment();
        let case = moment.case(case_id)?;
        let known = case.facts.approval(answer.verdict.approval_id);
        Ok(known.and_then(|known| known.answer.as_ref()).map(|given| given.outcome))
    }

    /// A page of what waits for somebody's yes and can still get it.
    pub(crate) fn open_approvals(
        &self,
        last: Option<ApprovalId>,
        size: usize,
    ) -> Result<proto::ListApprovalsResponse, Status> {
        let moment = self.reader.moment();
        let after = match last {
            Some(last) => moment.approval(last)?.map_or(u64::MAX, |stored| stored.position),
            None => 0,
        };
        let now = self.now();
        let mut page = Vec::new();
        let mut last = None;
        let mut more = false;
        for stored in moment.open_approvals(after) {
            let stored = stored?;
            let expires_at = stored.requested.expires_at.as_ref().and_then(timestamp);
            if expires_at.is_none_or(|expires_at| expires_at <= now) {
                continue;
            }
            if page.len() >= size {
                more = true;
                break;
            }
            last = stored.requested.approval_id.parse().ok();
            let decision_id = stored.requested.decision_id.parse::<DecisionId>().ok();
            let decision = decision_id.map(|decision_id| moment.decision(decision_id)).transpose()?.flatten();
            page.push(shown(stored, decision.and_then(|decision| decision.decided.request)));
        }
        let next_page_token = last.filter(|_| more).map(|last| token::after_approval(&self.secret, last));
        Ok(proto::ListApprovalsResponse { approvals: page, next_page_token: next_page_token.unwrap_or_default() })
    }
}

fn shown(stored: StoredApproval, request: Option<case::RequestRecord>) -> proto::Approval {
    let case::ApprovalRequested { approval_id, decision_id, rules, expires_at } = stored.requested;
    proto::Approval {
        approval_id,
        case_id: stored.case_id.to_string(),
        decision_id,
        request,
        rules,
        requested_by: stored.actor,
        requested_at: Some(to_timestamp(Timestamp(stored.recorded_at_ms))),
        expires_at,
    }
}
