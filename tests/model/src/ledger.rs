//! The ledger, as its writer treats one case (`services/ledger/src/writer`): a command has one result, ever; what it expects
//! is compared; what the case's facts do not admit is refused; what it appended is durable before anybody hears of it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use egide_domain::decision::Mask;
use egide_domain::ids::{Position, Revision};
use egide_domain::{Actor, CaseEvent, CaseFacts, Policy, Recorded, ViolationReason, admit};

use crate::case::instant;
use crate::protocol::{Client, Fault};
use crate::rules::{self, Broken};

/// What a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// What stood before.
    Before,
    /// A withdrawal.
    Withdrawal,
    /// The answer to what waits for an approval.
    Approval,
    /// What was approved, taken back.
    Rejection,
    /// A consent given once more.
    Renewal,
    /// A decision.
    Decision,
    /// The release of what was decided.
    Release,
    /// A delivery.
    Delivery,
}

/// A command's id, and with it those of decision, referral and delivery: they follow from who asked for what under which id
/// (`services/disclosure/src/origin.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// Whose call it belongs to.
    pub client: Client,
    /// Which of several ids the client drew for one call; one is right.
    pub draw: u8,
    /// What it is about.
    pub what: What,
    /// A decision that was superseded before its release, or a delivery nobody heard of, is followed by the next.
    pub generation: u8,
    /// Whose referral is fetched.
    pub about: Option<(Client, u8, u8)>,
}

impl Name {
    /// As an id.
    #[must_use]
    pub fn bytes(self) -> [u8; 16] {
        let about = self.about.map_or([0; 3], |(client, draw, generation)| [1 + client as u8, draw, generation]);
        let [of, of_draw, of_generation] = about;
        let told = [self.client as u8, self.draw, self.what as u8, self.generation, of, of_draw, of_generation, 9];
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(told).for_each(|(byte, from)| *byte = from);
        bytes
    }

    /// Another command of the same call.
    #[must_use]
    pub const fn but(self, what: What) -> Self {
        Self { what, ..self }
    }
}

/// A command, as it is sent: sending it again sends the same.
#[derive(Debug)]
pub struct Command {
    /// Its id.
    pub name: Name,
    /// The fingerprint of its content, what it expects included.
    pub content: u64,
    /// The revision of the case it is appended at; `None`: at any.
    pub expected: Option<Revision>,
    /// What it appends.
    pub events: Vec<CaseEvent>,
    /// Who acts.
    pub actor: Actor,
    /// For a release: what the report holds.
    pub report: Option<Mask>,
    /// At which step of time it was made: a decision's and a delivery's `decided_at`.
    pub made_at: u8,
}

impl Command {
    /// The digest that a decision's facts have in the log.
    #[must_use]
    pub fn facts_digest(&self) -> [u8; 32] {
        as_digest(self.content)
    }
}

impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        self.content == other.content
    }
}

impl Eq for Command {}

impl Hash for Command {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.content.hash(state);
    }
}

/// The fingerprint of whatever a content follows from.
#[must_use]
pub fn fingerprint(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// A fingerprint where a SHA-256 is expected.
#[must_use]
pub fn as_digest(content: u64) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.iter_mut().zip(content.to_be_bytes()).for_each(|(byte, from)| *byte = from);
    digest
}

fn recorded(event: CaseEvent, revision: Revision, actor: &Actor, tick: u8) -> Recorded<CaseEvent> {
    let at = instant(tick);
    let position = Position(revision.0);
    Recorded { event, revision, position, occurred_at: at, recorded_at: at, actor: actor.clone() }
}

/// What a ledger with this fault does not refuse.
fn overlooked(fault: Fault, reason: ViolationReason) -> bool {
    let overlooked: &[(Fault, ViolationReason)] = &[
        (Fault::ReleasedWithoutDecidingAgain, ViolationReason::DecisionSuperseded),
        (Fault::ReleasedWithoutDecidingAgain, ViolationReason::DecisionExpired),
        (Fault::ReleasedWithoutPermit, ViolationReason::DecisionUnknown),
        (Fault::RevisionNotCompared, ViolationReason::CaseMoved),
        (Fault::TimeNotCompared, ViolationReason::DecisionExpired),
        (Fault::TimeNotCompared, ViolationReason::DecidedTooLongAgo),
        // Where the clock that decides stands still, so does the ledger's that would notice.
        (Fault::ClockStands, ViolationReason::DecisionExpired),
        (Fault::ClockStands, ViolationReason::DecidedTooLongAgo),
    ];
    overlooked.contains(&(fault, reason))
}

/// A command that was appended.
#[derive(Debug, Clone)]
pub struct Committed {
    /// Which.
    pub command: Arc<Command>,
    /// The revision of its first event.
    pub first: Revision,
    /// At which step of time.
    pub tick: u8,
}

/// The log of one case.
#[derive(Debug, Clone)]
pub struct Log {
    /// What was appended, in order.
    pub commits: Vec<Committed>,
    /// What follows from it.
    pub facts: CaseFacts,
    /// Stands for all of it.
    pub digest: u64,
    /// Which rules it breaks.
    pub broken: Vec<Broken>,
    /// Whether what the second requester asks for needs an approval.
    approvals: bool,
}

/// What becomes of a command.
pub enum Verdict {
    /// It is appended.
    Appended(Arc<Log>),
    /// It stands in the log already: its first result is its result.
    Repeated,
    /// Its id was used with other content.
    Used,
    /// The case has moved.
    Moved,
    /// The facts do not admit it.
    NotAdmitted,
}

impl Log {
    fn empty(approvals: bool) -> Self {
        Self { commits: Vec::new(), facts: CaseFacts::default(), digest: 0, broken: Vec::new(), approvals }
    }

    /// A log in which these events stand, appended one by one.
    ///
    /// # Panics
    /// When they are not admitted.
    #[must_use]
    pub fn beginning(events: Vec<(Actor, CaseEvent)>, policy: &Policy, approvals: bool) -> Self {
        let mut log = Self::empty(approvals);
        for ((actor, event), generation) in events.into_iter().zip(0..) {
            let name = Name { client: Client::Withdrawer, draw: 0, what: What::Before, generation, about: None };
            let content = fingerprint((name, format!("{event:?}")));
            let events = vec![event];
            let command = Command { name, content, expected: None, events, actor, report: None, made_at: 0 };
            let Verdict::Appended(after) = log.judge(&Arc::new(command), 0, policy, Fault::None) else {
                panic!("what stands before is admitted")
            };
            log = Self::clone(&after);
        }
        log
    }

    /// The result of a command, if it has one.
    #[must_use]
    pub fn find(&self, name: Name) -> Option<&Committed> {
        self.commits.iter().find(|committed| committed.command.name == name)
    }

    /// Whether anybody could ever append this: what expects a revision that is gone never will.
    #[must_use]
    pub fn may_take(&self, command: &Command, fault: Fault) -> bool {
        let nothing_is_past =
            [Fault::RevisionNotCompared, Fault::IdempotencyDropped, Fault::AcknowledgedBeforeDurable].contains(&fault);
        nothing_is_past
            || (self.find(command.name).is_none()
                && command.expected.is_none_or(|expected| expected == self.facts.revision))
    }

    /// Judges a command at the end of the log.
    #[must_use]
    pub fn judge(&self, command: &Arc<Command>, tick: u8, policy: &Policy, fault: Fault) -> Verdict {
        if let Some(before) = self.find(command.name).filter(|_| fault != Fault::IdempotencyDropped) {
            return if before.command == *command { Verdict::Repeated } else { Verdict::Used };
        }
        let moved = command.expected.is_some_and(|expected| expected != self.facts.revision);
        if moved && fault != Fault::RevisionNotCompared {
            return Verdict::Moved;
        }
        let mut facts = self.facts.clone();
        for event in &command.events {
            if let Err(violations) = admit(&facts, event, &command.actor, policy, instant(tick))
                && !violations.iter().all(|violation| overlooked(fault, violation.reason))
            {
                return Verdict::NotAdmitted;
            }
            let revision = Revision(facts.revision.0.saturating_add(1));
            facts.apply(&recorded(event.clone(), revision, &command.actor, tick));
        }
        Verdict::Appended(Arc::new(self.with(command, facts, tick)))
    }

    fn with(&self, command: &Arc<Command>, facts: CaseFacts, tick: u8) -> Self {
        let first = Revision(self.facts.revision.0.saturating_add(1));
        let committed = Committed { command: Arc::clone(command), first, tick };
        let mut broken = self.broken.clone();
        broken.extend(rules::check(&self.commits, &committed, self.approvals));
        let mut commits = self.commits.clone();
        commits.push(committed);
        let digest = fingerprint((self.digest, command.content, tick));
        Self { commits, facts, digest, broken, approvals: self.approvals }
    }

    /// What is left of it after only so many commits were durable.
    #[must_use]
    pub fn cut_to(&self, commits: usize, policy: &Policy) -> Self {
        let mut log = Self::empty(self.approvals);
        for committed in self.commits.iter().take(commits) {
            if let Verdict::Appended(after) = log.judge(&committed.command, committed.tick, policy, Fault::None) {
                log = Self::clone(&after);
            }
        }
        log
    }
}
