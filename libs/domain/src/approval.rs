//! Approvals: which rules of the policy demand a second person's yes for what was found, and whether a yes that was given
//! covers it.

use crate::consent::Asking;
use crate::decision::{Basis, Decision, Reference, Request};
use crate::facts::CaseFacts;
use crate::ids::{ApprovalId, ConsentId};
use crate::policy::{BasisClass, CONSENT_CONDITION, Policy};
use crate::set::Set;
use crate::time::{Millis, Timestamp};
use crate::vocabulary::{ApprovalOutcome, DataCategory, ReasonCode, Role};
use std::sync::Arc;

/// One rule that demands an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) id: Arc<str>,
    roles: Set<Role>,
    life: Millis,
}

/// The rules that apply to what rests on these bases, category by category; `on_approval`: consents on that condition.
pub(crate) fn rules(resting: &[(DataCategory, Basis)], on_approval: &[ConsentId], asking: Asking<'_>) -> Vec<Rule> {
    let rows = asking.policy.approvals().iter().filter(|row| {
        row.concerns(asking.kind, asking.purpose)
            && resting.iter().any(|(category, basis)| {
                row.categories.contains(*category) && row.bases.contains(BasisClass::from(basis))
            })
    });
    let mut rules: Vec<Rule> = rows.map(|row| Rule { id: row.id.clone(), roles: row.roles, life: row.life }).collect();
    let on_condition = |basis: &Basis| basis.consent_id().is_some_and(|id| on_approval.contains(&id));
    if resting.iter().any(|(_, basis)| on_condition(basis)) {
        rules.extend(rule_of(CONSENT_CONDITION, asking.policy));
    }
    rules
}

fn rule_of(id: &str, policy: &Policy) -> Option<Rule> {
    if id == CONSENT_CONDITION {
        let on = policy.approval_on_condition();
        return Some(Rule { id: id.into(), roles: on.roles, life: on.life });
    }
    let row = policy.approvals().iter().find(|row| &*row.id == id)?;
    Some(Rule { id: row.id.clone(), roles: row.roles, life: row.life })
}

/// Until when an approval covers what was asked, exclusive; `None`: it does not. `now`: when it must be alive; absent: it was
/// used in time.
pub(crate) fn covers(
    approval_id: ApprovalId,
    facts: &CaseFacts,
    asked: &Request,
    rules: &[Rule],
    now: Option<Timestamp>,
) -> Option<Timestamp> {
    let approval = facts.approval(approval_id)?;
    let answer = approval.answer.as_ref().filter(|answer| answer.outcome == ApprovalOutcome::Granted)?;
    let granted_for = &facts.decision(approval.decision_id)?.request;
    let same = *granted_for == Request { approval_id: None, ..asked.clone() };
    let entitled = roles_of(rules).iter().any(|role| answer.by.acts_as(role));
    let end = answer.at.checked_add(shortest(rules)?)?;
    let alive = now.is_none_or(|now| now < end);
    (same && entitled && answer.by.is_another_person_than(&approval.by) && alive).then_some(end)
}

/// The roles that may approve under each of the rules.
fn roles_of(rules: &[Rule]) -> Set<Role> {
    rules.iter().fold(Set::all(), |roles, rule| roles.intersection(rule.roles))
}

fn shortest(rules: &[Rule]) -> Option<Millis> {
    rules.iter().map(|rule| rule.life).min()
}

/// What a denying decision waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredApproval {
    /// The ids of the rules that demand it, each once, sorted.
    pub rules: Vec<Arc<str>>,
    /// Who can give it: somebody with one of these roles. Empty where no role is in every rule: nobody can.
    pub roles: Set<Role>,
    /// Until when it can be granted, exclusive: the shortest life of the rules, from the decision on; absent: it cannot.
    pub expires_at: Option<Timestamp>,
}

/// The approval that a decision demanded; `None` where it did not, and where a rule is not in this policy.
#[must_use]
pub fn required_approval(decision: &Decision, policy: &Policy) -> Option<RequiredApproval> {
    let mut ids: Vec<Arc<str>> = decision
        .reasons
        .iter()
        .filter(|reason| reason.code == ReasonCode::ApprovalRequired)
        .filter_map(|reason| match &reason.reference {
            Reference::Rule(id) => Some(id.clone()),
            Reference::None
            | Reference::Consent(_)
            | Reference::Exception(_)
            | Reference::Tip(_)
            | Reference::Referral(_)
            | Reference::Statute(_)
            | Reference::Approval(_)
            | Reference::Event(_) => None,
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let rules: Vec<Rule> = ids.iter().map(|id| rule_of(id, policy)).collect::<Option<_>>()?;
    (!rules.is_empty()).then(|| RequiredApproval::by(&rules, decision.decided_at))
}

impl RequiredApproval {
    pub(crate) fn by(rules: &[Rule], decided_at: Timestamp) -> Self {
        let mut ids: Vec<Arc<str>> = rules.iter().map(|rule| rule.id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let expires_at = shortest(rules).and_then(|life| decided_at.checked_add(life));
        Self { rules: ids, roles: roles_of(rules), expires_at }
    }
}

/// What would leave if somebody entitled approved it at this instant. It is looked at and nothing else: it is no decision, for
/// once it is approved everything is decided again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceApproved {
    required: RequiredApproval,
    would_be: Decision,
}

impl OnceApproved {
    pub(crate) const fn new(required: RequiredApproval, would_be: Decision) -> Self {
        Self { required, would_be }
    }

    /// What it waits for.
    #[must_use]
    pub const fn required(&self) -> &RequiredApproval {
        &self.required
    }

    /// What would be decided: permitted, and about what. No log ever acknowledged it, so no permit comes of it.
    #[must_use]
    pub const fn would_be(&self) -> &Decision {
        &self.would_be
    }
}
