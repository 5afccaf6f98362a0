//! The house's own records: which policies were adopted, and who is on shift. One stream holds them all, in the same log as the
//! cases: a decision is ordered with the policy it is made under, and broken glass with the shift it happens in.

use crate::event::{Actor, CaseEvent, Recorded};
use crate::ids::{Position, Revision};
use crate::time::{Millis, Timestamp};
use crate::vocabulary::Role;
use crate::{Violation, ViolationReason};
use std::sync::Arc;

/// The id of the one stream.
pub const HOUSE_STREAM: &str = "00000000-0000-8000-8000-000000000001";
/// How long a shift may last at most, from when it was recorded.
pub const SHIFT_MAX: Millis = Millis::from_hours(16);

/// One event of the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HouseEvent {
    /// A policy was adopted.
    PolicyAdopted(PolicyAdopted),
    /// The person who acts is on shift until then, exclusive.
    ShiftStarted(Timestamp),
    /// The person who acts is not on shift any more.
    ShiftEnded,
    /// An event that cannot be read. It adopts nothing; a shift it may have started is taken to be one.
    Unreadable,
}

/// A policy was adopted; its files stand in the log beside this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyAdopted {
    /// Its version.
    pub version: Arc<str>,
    /// Its digest.
    pub digest: [u8; 32],
}

/// A policy as it was adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptedPolicy {
    /// What was adopted.
    pub adopted: PolicyAdopted,
    /// When.
    pub at: Timestamp,
    /// Where that stands in the log.
    pub position: Position,
    /// By whom.
    pub by: Actor,
}

/// A shift that was not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Whose, in which role.
    pub by: Actor,
    /// Since when.
    pub since: Timestamp,
    /// Until when, exclusive.
    pub until: Timestamp,
}

/// What is known of the house at a revision of its stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HouseFacts {
    /// The last event's revision.
    pub revision: Revision,
    /// The last event's position.
    pub position: Position,
    /// Every policy ever adopted, in the order of the log; each digest once.
    pub policies: Vec<AdoptedPolicy>,
    /// The newest shift of everybody who did not end it.
    pub shifts: Vec<Shift>,
    /// Until when somebody may be on shift whose record cannot be read.
    pub unreadable_until: Option<Timestamp>,
}

impl HouseFacts {
    /// The facts after one more event. Total: what makes no sense changes nothing that would widen.
    pub fn apply(&mut self, recorded: &Recorded<HouseEvent>) {
        self.revision = recorded.revision;
        self.position = recorded.position;
        let now = recorded.recorded_at;
        let same = |shift: &Shift| shift.by.person == recorded.actor.person;
        match &recorded.event {
            HouseEvent::PolicyAdopted(adopted) => {
                if !self.has_adopted(&adopted.digest) {
                    let (at, position, by) = (now, recorded.position, recorded.actor.clone());
                    self.policies.push(AdoptedPolicy { adopted: adopted.clone(), at, position, by });
                }
            }
            HouseEvent::ShiftStarted(until) => {
                // What is over is forgotten, so that the list does not grow for ever.
                self.shifts.retain(|shift| !same(shift) && now < shift.until);
                self.shifts.push(Shift { by: recorded.actor.clone(), since: now, until: *until });
            }
            HouseEvent::ShiftEnded => self.shifts.retain(|shift| !same(shift)),
            HouseEvent::Unreadable => self.unreadable_until = now.checked_add(SHIFT_MAX),
        }
    }

    /// Whether decisions may be made under the policy of this digest.
    #[must_use]
    pub fn has_adopted(&self, digest: &[u8]) -> bool {
        self.policies.iter().any(|policy| policy.adopted.digest == digest)
    }

    /// Who is on shift.
    pub fn on_shift(&self, now: Timestamp) -> impl Iterator<Item = &Shift> {
        self.shifts.iter().filter(move |shift| now < shift.until)
    }

    /// Whether a supervisor is on shift, or may be.
    #[must_use]
    pub fn supervisor_on_shift(&self, now: Timestamp) -> bool {
        self.unreadable_until.is_some_and(|until| now < until)
            || self.on_shift(now).any(|shift| shift.by.acts_as(Role::Supervisor))
    }

    /// Whether this person has a shift that is not over.
    #[must_use]
    pub fn is_on_shift(&self, person: &str, now: Timestamp) -> bool {
        self.on_shift(now).any(|shift| shift.by.person.as_deref() == Some(person))
    }
}

/// What the ledger refuses of a house event because of the house's state. Who may emit it is not asked here.
///
/// # Errors
/// Every violation, at least one.
pub fn admit_house(
    facts: &HouseFacts,
    event: &HouseEvent,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Vec<Violation>> {
    let mut violations = Vec::new();
    let mut refuse = |field, reason| violations.push(Violation { field, reason });
    if actor.person.is_none() {
        refuse("actor.person", ViolationReason::PersonRequired);
    }
    match event {
        HouseEvent::PolicyAdopted(adopted) => {
            if facts.has_adopted(&adopted.digest) {
                refuse("digest", ViolationReason::PolicyAdopted);
            }
        }
        HouseEvent::ShiftStarted(until) => {
            if *until <= now {
                refuse("until", ViolationReason::EndsBeforeItBegins);
            }
            if now.checked_add(SHIFT_MAX).is_none_or(|latest| latest < *until) {
                refuse("until", ViolationReason::ShiftTooLong);
            }
        }
        HouseEvent::ShiftEnded => {
            if !actor.person.as_deref().is_some_and(|person| facts.is_on_shift(person, now)) {
                refuse("", ViolationReason::NotOnShift);
            }
        }
        HouseEvent::Unreadable => refuse("", ViolationReason::Unreadable),
    }
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}

/// What the ledger refuses of a case event because of the house's state: a decision under a policy that was not adopted, and a
/// responder who breaks glass while a supervisor is on shift. `policy_digest` is the decision's.
///
/// # Errors
/// Every violation, at least one.
pub fn admit_in_house(
    facts: &HouseFacts,
    event: &CaseEvent,
    policy_digest: &[u8],
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Vec<Violation>> {
    if matches!(event, CaseEvent::DisclosureDecided(_)) && !facts.has_adopted(policy_digest) {
        return Err(vec![Violation { field: "policy_digest", reason: ViolationReason::PolicyNotAdopted }]);
    }
    if let CaseEvent::ExceptionAsserted(asserted) = event
        && asserted.break_glass
        && !actor.acts_as(Role::Supervisor)
        && facts.supervisor_on_shift(now)
    {
        return Err(vec![Violation { field: "break_glass", reason: ViolationReason::SupervisorOnShift }]);
    }
    Ok(())
}
