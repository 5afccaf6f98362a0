//! The disclosure service, step by step as `services/disclosure/src/{request,release,delivery}.rs` goes: look what stands in
//! the log under the command's ids, decide, have it committed at that revision, go on from the acknowledgement alone.
//!
//! Between two steps anything may happen. What a step reads and what it then sends are one step here: whatever happened in
//! between might as well have happened before, for the ledger compares the revision that was read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use egide_domain::event::{ApprovalDecided, ApprovalRequested, DisclosureDecided, ReferralDelivered, ReferralReleased};
use egide_domain::facts::ConsentAct;
use egide_domain::ids::{DecisionId, DeliveryId, Position, ReferralId};
use egide_domain::permit::AcknowledgedEvent;
use egide_domain::vocabulary::{ApprovalOutcome, DeliveryChannel, Outcome, ReasonCode, Role};
use egide_domain::{
    Actor, CaseEvent, CaseFacts, Decision, Mask, Permit, Policy, Recipient, Timestamp, decide, redecide_for_delivery,
};

use crate::case::{self, APPROVAL_WAITS_STEPS, Asked, instant, staff};
use crate::ledger::{Command, Committed, Log, Name, Verdict, What, as_digest, fingerprint};
use crate::protocol::{Choice, Client, Fault, Told};

/// Who asks for what needs an approval.
pub const ASKER: &str = "a.singh";
/// Who may approve it.
pub const APPROVER: &str = "s.lavoie";

/// The referral of a release.
pub type Referral = (Client, u8, u8);

/// What a call waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// The approval is being recorded.
    Approving,
    /// The decision is being committed.
    Deciding,
    /// The release is being committed, for the decision of this command.
    Releasing(Arc<Command>),
    /// The delivery is being committed.
    Delivering,
}

/// What a call does next.
pub enum Next {
    /// It has this appended.
    Send(Step, Arc<Command>),
    /// It answers.
    Answer(Told),
    /// It hands over this delivery.
    HandOver(Name),
    /// It fails; its caller may try again.
    Fail,
    /// Nothing: no answer has come, and none would.
    Wait,
}

/// A call as far as its steps depend on it.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Whose.
    pub client: Client,
    /// The how manieth: what is drawn at random is drawn anew.
    pub attempt: u8,
    /// What was chosen by whoever calls.
    pub choice: Option<Choice>,
}

type Key = (u64, Asked, u8);

/// The disclosure service. It keeps nothing between its steps: what it knows stands in the log, or in the call.
pub struct Gate {
    /// The rules.
    pub policy: Policy,
    /// Who asks.
    pub recipient: Recipient,
    /// Whether an exception stands.
    pub danger: bool,
    /// Whether what the second requester asks for needs an approval.
    pub approvals: bool,
    /// What is wrong with it.
    pub fault: Fault,
    /// Decisions are functions of their arguments, so each is made once.
    decided: Mutex<HashMap<Key, Arc<Decision>>>,
}

impl Gate {
    /// A gate that has decided nothing yet.
    #[must_use]
    pub fn new(policy: Policy, danger: bool, approvals: bool, fault: Fault) -> Self {
        Self { policy, recipient: case::recipient(), danger, approvals, fault, decided: Mutex::default() }
    }

    /// The first step of a call.
    #[must_use]
    pub fn begin(&self, call: Call, log: &Log, tick: u8) -> Next {
        match call.choice {
            None => self.plan(call, log, tick),
            Some(Choice::Answer { granted, by }) => self.approve(call, log, tick, granted, by),
            Some(Choice::Fetch(referral)) => self.look(call, referral, log, tick),
        }
    }

    /// The next step of a call that waits for what it sent.
    #[must_use]
    pub fn go_on(&self, call: Call, step: &Step, command: &Arc<Command>, log: &Log, tick: u8) -> Next {
        if let Some(stands) = log.find(command.name) {
            return match step {
                // Somebody was here before with other content: look what they wrote.
                _ if stands.command != *command => self.begin(call, log, tick),
                Step::Approving => self.begin(call, log, tick),
                Step::Deciding => self.decided(call, stands, log, tick),
                Step::Releasing(_) => Next::Answer(Told::Released(stands.command.content)),
                // Within seconds of sending the commit and of its recording, or not at all.
                Step::Delivering if self.is_fresh(stands, tick) => Next::HandOver(command.name),
                Step::Delivering => Next::Fail,
            };
        }
        match log.judge(command, tick, &self.policy, self.fault) {
            Verdict::Appended(_) | Verdict::Repeated | Verdict::Used => Next::Wait,
            // The case moved, which may not matter to the permit.
            Verdict::Moved => match step {
                Step::Releasing(decision) => match log.find(decision.name) {
                    Some(stands) => self.release(call, stands, log, tick),
                    None => self.begin(call, log, tick),
                },
                Step::Approving | Step::Deciding | Step::Delivering => self.begin(call, log, tick),
            },
            Verdict::NotAdmitted if *step == Step::Approving => Next::Fail,
            Verdict::NotAdmitted => self.begin(call, log, tick),
        }
    }

    fn is_fresh(&self, stands: &Committed, tick: u8) -> bool {
        self.fault == Fault::AnsweredTooLate || (stands.tick == tick && stands.command.made_at == tick)
    }

    fn now(&self, tick: u8) -> Timestamp {
        instant(if self.fault == Fault::ClockStands { 0 } else { tick })
    }

    fn origin(&self, call: Call, what: What) -> Name {
        let draw = if self.fault == Fault::NewIdEachTry { call.attempt } else { 0 };
        Name { client: call.client, draw, what, generation: 0, about: None }
    }

    // ---- RequestDisclosure ------------------------------------------------------------------------------------------

    /// What stands in the log under this command, and a decision where nothing does, or where what does no longer holds.
    fn plan(&self, call: Call, log: &Log, tick: u8) -> Next {
        let mut name = self.origin(call, What::Decision);
        let mut newest = None;
        while let Some(stands) = log.find(name) {
            newest = Some(stands);
            name.generation = name.generation.saturating_add(1);
        }
        let Some(stands) = newest else { return self.decide(call, name, log, tick) };
        let Some(decided) = decision_in(&stands.command) else { return Next::Fail };
        if decided.outcome == Outcome::Deny {
            return Next::Answer(Told::Denied(stands.command.content));
        }
        if let Some(released) = log.find(stands.command.name.but(What::Release)) {
            return Next::Answer(Told::Released(released.command.content));
        }
        if self.holds(stands, decided, &log.facts, tick) {
            return Next::Send(Step::Deciding, Arc::clone(&stands.command));
        }
        self.decide(call, name, log, tick)
    }

    /// Whether a permit that stands may still be released.
    fn holds(&self, stands: &Committed, decided: &DisclosureDecided, facts: &CaseFacts, tick: u8) -> bool {
        let alive = decided.expires_at.is_some_and(|end| self.now(tick) < end);
        let superseded = facts.superseded_since(stands.first);
        self.fault == Fault::ReleasedWithoutDecidingAgain || (alive && !superseded)
    }

    fn decide(&self, call: Call, name: Name, log: &Log, tick: u8) -> Next {
        let decision = self.decision(call.client, log, tick);
        let needs_approval = decision.has_reason(ReasonCode::ApprovalRequired) && call.client != Client::Approver;
        let content = fingerprint((name, log.digest, tick));
        let mut events = vec![self.event(call, name, &decision)];
        if needs_approval {
            events.push(CaseEvent::ApprovalRequested(ApprovalRequested {
                approval_id: case::APPROVAL,
                decision_id: DecisionId(name.bytes()),
                expires_at: Some(instant(tick.saturating_add(APPROVAL_WAITS_STEPS))),
            }));
        }
        let expected = Some(decision.case_revision);
        let command =
            Arc::new(Command { name, content, expected, events, actor: of(call), report: None, made_at: tick });
        if self.fault == Fault::AnsweredBeforeAcknowledged && !decision.is_permit() {
            return Next::Answer(Told::Denied(content));
        }
        if self.fault == Fault::ReleasedWithoutPermit && decision.is_permit() {
            return self.write(call, &command, &decision.mask, log);
        }
        Next::Send(Step::Deciding, command)
    }

    fn event(&self, call: Call, name: Name, decision: &Decision) -> CaseEvent {
        CaseEvent::DisclosureDecided(DisclosureDecided {
            decision_id: DecisionId(name.bytes()),
            request: case::request(self.asked(call.client)),
            outcome: decision.outcome,
            bases: decision.bases.clone(),
            mask: decision.mask.clone(),
            decided_at: decision.decided_at,
            expires_at: match self.fault {
                Fault::OutlivesItsApproval if decision.is_permit() => Some(instant(u8::MAX)),
                _ => decision.expires_at,
            },
            case_revision: decision.case_revision,
            directory_revision: decision.directory_revision,
            obligations: decision.obligations.clone(),
            recipient_kind: decision.recipient_kind,
            narratives: decision.narratives.clone(),
        })
    }

    fn asked(&self, client: Client) -> Asked {
        match client {
            Client::Approver => Asked::HealthApproved,
            Client::SecondAsker if self.approvals => Asked::Health,
            Client::SecondAsker if self.danger => Asked::Emergency,
            Client::SecondAsker => Asked::Whereabouts,
            Client::FirstAsker | Client::Fetcher | Client::Withdrawer => Asked::Situation,
        }
    }

    /// The gate itself.
    fn decision(&self, client: Client, log: &Log, tick: u8) -> Arc<Decision> {
        // At approval time it is decided again, not what was found when it was asked.
        let stale = self.fault == Fault::ApprovedWithoutDecidingAgain && client == Client::Approver;
        let key = (log.digest, self.asked(client), tick);
        if let Some(decision) = self.remembered().get(&key) {
            return Arc::clone(decision);
        }
        let request = case::request(self.asked(client));
        let decision = if stale {
            let mut before = log.facts.clone();
            before.consents.retain(|record| matches!(record.act, ConsentAct::Given(_)));
            decide(&before, &request, Some(&self.recipient), &self.policy, instant(0))
        } else {
            decide(&log.facts, &request, Some(&self.recipient), &self.policy, self.now(tick))
        };
        let decision = Arc::new(decision);
        self.remembered().insert(key, Arc::clone(&decision));
        decision
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Decision>>> {
        self.decided.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From an acknowledged decision to its release.
    fn decided(&self, call: Call, stands: &Committed, log: &Log, tick: u8) -> Next {
        match decision_in(&stands.command) {
            Some(decided) if decided.outcome == Outcome::Permit => self.release(call, stands, log, tick),
            Some(_) => Next::Answer(Told::Denied(stands.command.content)),
            None => Next::Fail,
        }
    }

    /// Permit, open, redact, release: at the newest revision, while the permit holds there.
    fn release(&self, call: Call, stands: &Committed, log: &Log, tick: u8) -> Next {
        let Some(decided) = decision_in(&stands.command) else { return Next::Fail };
        let digest = stands.command.facts_digest();
        let acknowledged =
            AcknowledgedEvent { facts_digest: digest, position: Position(stands.first.0), case_revision: stands.first };
        // Only this makes a permit, and only a permit a report.
        let Ok(permit) = Permit::from_acknowledgement(as_made(decided), digest, acknowledged, || true) else {
            return Next::Fail;
        };
        if !self.holds(stands, decided, &log.facts, tick) {
            return self.plan(call, log, tick);
        }
        self.write(call, &stands.command, permit.mask(), log)
    }

    fn write(&self, call: Call, decision: &Arc<Command>, mask: &Mask, log: &Log) -> Next {
        let name = decision.name.but(What::Release);
        let request = case::request(self.asked(call.client));
        // A random salt is in each draft, so that no two drafts are the same report.
        let report_digest = as_digest(fingerprint((decision.content, call.attempt)));
        let released = ReferralReleased {
            referral_id: ReferralId(name.bytes()),
            decision_id: DecisionId(decision.name.bytes()),
            unit_id: request.unit_id,
            organization_id: request.organization_id,
            subject_ids: vec![case::PERSON],
            report_digest,
            supplementary_to: None,
        };
        let expected = Some(log.facts.revision);
        let content = fingerprint((name, report_digest, expected));
        let events = vec![CaseEvent::ReferralReleased(released)];
        let report = Some(mask.clone());
        let command = Arc::new(Command { name, content, expected, events, actor: of(call), report, made_at: 0 });
        if self.fault == Fault::AnsweredBeforeAcknowledged {
            return Next::Answer(Told::Released(content));
        }
        Next::Send(Step::Releasing(Arc::clone(decision)), command)
    }

    // ---- DecideApproval ---------------------------------------------------------------------------------------------

    fn approve(&self, call: Call, log: &Log, tick: u8, granted: bool, by: &'static str) -> Next {
        let Some(approval) = log.facts.approval(case::APPROVAL) else { return Next::Fail };
        let name = self.origin(call, What::Approval);
        // What this very command said counts for its answer, whatever was said since.
        if log.find(name).is_some() {
            return if granted { self.plan(call, log, tick) } else { Next::Answer(Told::Rejected) };
        }
        if approval.answer.is_some() {
            return Next::Fail;
        }
        let expected = Some(log.facts.revision);
        let content = fingerprint((name, granted, by, expected));
        let outcome = if granted { ApprovalOutcome::Granted } else { ApprovalOutcome::Rejected };
        let events = vec![CaseEvent::ApprovalDecided(ApprovalDecided { approval_id: case::APPROVAL, outcome })];
        let actor = staff(by, Role::Supervisor);
        let command = Command { name, content, expected, events, actor, report: None, made_at: tick };
        Next::Send(Step::Approving, Arc::new(command))
    }

    // ---- FetchReferral ----------------------------------------------------------------------------------------------

    /// Decides again; then the newest delivery of this command, if it can still be answered, or a new one.
    fn look(&self, call: Call, referral: Referral, log: &Log, tick: u8) -> Next {
        let (client, draw, generation) = referral;
        let released = Name { client, draw, what: What::Release, generation, about: None };
        let facts = &log.facts;
        let Some(known) = facts.referral(ReferralId(released.bytes())) else { return Next::Answer(Told::NotFound) };
        let today = redecide_for_delivery(
            facts,
            known.released.referral_id,
            Some(&self.recipient),
            &self.policy,
            self.now(tick),
        );
        let overlooked = self.fault == Fault::DeliveredWithoutDecidingAgain
            || (self.fault == Fault::DeliveredInSpiteOfRejection && is_rejected(facts));
        if today.is_err() && !overlooked {
            return Next::Answer(Told::NotFound);
        }
        let mut name = Name { about: Some(referral), ..self.origin(call, What::Delivery) };
        let mut newest = None;
        while let Some(stands) = log.find(name) {
            newest = Some(stands);
            name.generation = name.generation.saturating_add(1);
        }
        if let Some(young) = newest.filter(|it| it.tick == tick && !facts.superseded_since(it.first)) {
            return Next::HandOver(young.command.name);
        }
        let delivered = ReferralDelivered {
            delivery_id: DeliveryId(name.bytes()),
            referral_id: known.released.referral_id,
            decision_id: known.released.decision_id,
            unit_id: known.released.unit_id,
            channel: Some(DeliveryChannel::Grpc),
            report_digest: known.released.report_digest,
            case_revision: facts.revision,
            decided_at: Some(self.now(tick)),
            expires_at: today.map_or_else(|_| Some(instant(u8::MAX)), |decision| decision.expires_at),
        };
        let expected = Some(facts.revision);
        let content = fingerprint((name, expected, tick));
        let events = vec![CaseEvent::ReferralDelivered(delivered)];
        let command = Command { name, content, expected, events, actor: of(call), report: None, made_at: tick };
        if self.fault == Fault::DeliveredWithoutCommit {
            return Next::HandOver(name);
        }
        Next::Send(Step::Delivering, Arc::new(command))
    }
}

/// Whether this asks for what the second requester wants: that is the approver too, in whose call it is decided again.
#[must_use]
pub fn is_second(client: Client) -> bool {
    matches!(client, Client::SecondAsker | Client::Approver)
}

/// The decision that a command records.
#[must_use]
pub fn decision_in(command: &Command) -> Option<&DisclosureDecided> {
    command.events.iter().find_map(|event| match event {
        CaseEvent::DisclosureDecided(decided) => Some(decided),
        _ => None,
    })
}

/// A decision as it was made; what it was explained with is not needed any more.
fn as_made(decided: &DisclosureDecided) -> Decision {
    Decision {
        outcome: decided.outcome,
        bases: decided.bases.clone(),
        mask: decided.mask.clone(),
        reasons: Vec::new(),
        obligations: Vec::new(),
        decided_at: decided.decided_at,
        expires_at: decided.expires_at,
        case_revision: decided.case_revision,
        directory_revision: decided.directory_revision,
        policy_version: Arc::from(""),
        urgent: false,
        recipient_kind: decided.recipient_kind,
        narratives: decided.narratives.clone(),
    }
}

fn is_rejected(facts: &CaseFacts) -> bool {
    let answer = facts.approval(case::APPROVAL).and_then(|approval| approval.answer.as_ref());
    answer.is_some_and(|answer| answer.outcome == ApprovalOutcome::Rejected)
}

/// For whom the service acts.
fn of(call: Call) -> Actor {
    let person = match (call.client, call.choice) {
        (_, Some(Choice::Answer { by, .. })) => by,
        (Client::SecondAsker, _) => ASKER,
        (Client::Fetcher, _) => "l.morel",
        (Client::FirstAsker | Client::Approver | Client::Withdrawer, _) => "r.tremblay",
    };
    Actor { service: "disclosure".to_owned(), person: Some(person.to_owned()), role: Some(Role::Responder) }
}
