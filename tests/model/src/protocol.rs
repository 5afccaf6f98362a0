//! Everybody together: who can do what next in which state, and what must hold in each.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use egide_domain::CaseEvent;
use egide_domain::event::ApprovalDecided;
use egide_domain::vocabulary::{ApprovalOutcome, Role};
use stateright::{Model, Property};

use crate::case::{self, Consent, Taken, staff};
use crate::gate::{APPROVER, ASKER, Call, Gate, Next, Referral, Step};
use crate::ledger::{Command, Log, Name, Verdict, What, fingerprint};
use crate::rules::{self, Broken};

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Client {
    /// Takes consent back.
    Withdrawer,
    /// Asks for the situation.
    FirstAsker,
    /// Asks for situation and whereabouts.
    SecondAsker,
    /// Answers what waits for an approval.
    Approver,
    /// Fetches a referral.
    Fetcher,
}

/// What whoever calls has chosen, and keeps to when the call is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choice {
    /// The approval is granted or rejected, by this person.
    Answer {
        /// Which.
        granted: bool,
        /// By whom: somebody else than asked, or not.
        by: &'static str,
    },
    /// This referral is fetched.
    Fetch(Referral),
}

/// What somebody was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Told {
    /// This command stands in the log: it refuses.
    Denied(u64),
    /// This command stands in the log: it releases a referral.
    Released(u64),
    /// The approval was rejected.
    Rejected,
    /// There is nothing to fetch.
    NotFound,
}

/// What is wrong with the services, to see it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nothing.
    None,
    /// A permit is released although the case has changed since; the ledger does not mind.
    ReleasedWithoutDecidingAgain,
    /// A referral is released for a decision that was never committed; the ledger does not mind.
    ReleasedWithoutPermit,
    /// A fetch does not decide again.
    DeliveredWithoutDecidingAgain,
    /// A fetch is answered however long ago it was decided.
    AnsweredTooLate,
    /// A fetch is answered without a commit.
    DeliveredWithoutCommit,
    /// The ledger compares no revision.
    RevisionNotCompared,
    /// The ledger takes a delivery however late it comes.
    TimeNotCompared,
    /// The ledger appends a command again that stands in the log.
    IdempotencyDropped,
    /// The ledger acknowledges what is not durable, and crashes.
    AcknowledgedBeforeDurable,
    /// Requests are answered before their commit is acknowledged.
    AnsweredBeforeAcknowledged,
    /// A retry draws a new id.
    NewIdEachTry,
    /// The disclosure service's clock stands still, and the ledger's that would notice.
    ClockStands,
    /// What was found when it was asked is taken at approval time.
    ApprovedWithoutDecidingAgain,
    /// A permit lives longer than the approval it rests on.
    OutlivesItsApproval,
    /// A fetch does not look whether the approval was taken back.
    DeliveredInSpiteOfRejection,
}

/// How far it is looked.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// What this is about.
    pub name: &'static str,
    /// What the person consented to.
    pub consent: Consent,
    /// What may be taken back, one or the other.
    pub taken: Vec<Taken>,
    /// Whether an exception stands as well, under which the second requester asks.
    pub danger: bool,
    /// Whether the second requester needs an approval.
    pub approvals: bool,
    /// Whether the person consents once more, under a new record.
    pub renewal: bool,
    /// Whether somebody else may take back what was approved.
    pub rejection: bool,
    /// The calls that can be under way at once, and how often each is made, retries included. One client may have several, at
    /// several instances of the service.
    pub calls: Vec<(Client, u8)>,
    /// How often the disclosure service crashes.
    pub crashes: u8,
    /// How many steps of time go by.
    pub ticks: u8,
}

/// See the module.
pub struct Protocol {
    /// How far it is looked.
    pub bounds: Bounds,
    gate: Gate,
    start: Arc<Log>,
}

/// One call under way, or none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slot {
    client: Client,
    attempts: u8,
    attempts_max: u8,
    waiting: Option<(Step, Arc<Command>)>,
}

/// One state of the whole. In `sent` is whatever was sent to the ledger and may still take effect: it may never arrive, or
/// late, or several times.
#[derive(Debug, Clone)]
pub struct State {
    /// The log.
    pub log: Arc<Log>,
    /// The time.
    pub tick: u8,
    /// What was answered, by whose call, and whether it was from what another attempt had begun.
    pub told: Vec<(Client, Told)>,
    /// The deliveries whose reports were handed over.
    pub handed: Vec<Name>,
    /// Whether somebody who repeated a call was answered otherwise.
    pub contradicted: bool,
    /// Whether a report was handed over of which some field rested on nothing that counted at that time.
    pub unfounded: bool,
    slots: Vec<Slot>,
    sent: Vec<Arc<Command>>,
    choices: Vec<(Client, Choice)>,
    crashes: u8,
    /// How many commits are durable.
    durable: usize,
}

impl State {
    #[expect(clippy::type_complexity, reason = "everything that tells one state from another, once")]
    fn parts(
        &self,
    ) -> (u64, u8, &[(Client, Told)], &[Name], (bool, bool, u8, usize), &[Slot], &[Arc<Command>], &[(Client, Choice)])
    {
        (
            self.log.digest,
            self.tick,
            &self.told,
            &self.handed,
            (self.contradicted, self.unfounded, self.crashes, self.durable),
            &self.slots,
            &self.sent,
            &self.choices,
        )
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for State {}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A call is made, or made again.
    Begin(usize),
    /// A call is made for the first time, with a choice.
    Choose(usize, Choice),
    /// The ledger receives one of the commands that were sent.
    Append(usize),
    /// The ledger's answer reaches a call, which takes its next step.
    GoOn(usize),
    /// A call is lost: its message, its answer, or its deadline.
    Lose(usize),
    /// The disclosure service crashes, and with it all calls.
    Crash,
    /// Time goes by.
    Tick,
    /// What the ledger appended becomes durable.
    Flush,
    /// The ledger crashes.
    LedgerCrash,
}

impl Protocol {
    /// The protocol within these bounds, with this fault.
    #[must_use]
    pub fn new(bounds: Bounds, policy: egide_domain::Policy, fault: Fault) -> Self {
        let start = Log::beginning(case::told_before(bounds.consent, bounds.danger), &policy, bounds.approvals);
        let gate = Gate::new(policy, bounds.danger, bounds.approvals, fault);
        Self { gate, start: Arc::new(start), bounds }
    }

    fn fault(&self) -> Fault {
        self.gate.fault
    }

    fn call(&self, state: &State, slot: usize) -> Option<Call> {
        let Slot { client, attempts, .. } = state.slots.get(slot)?;
        let choice = state.choices.iter().find(|(of, _)| of == client).map(|(_, choice)| *choice);
        // Two calls under way draw differently, as do two attempts of one.
        let attempt = u8::try_from(slot).unwrap_or(u8::MAX).saturating_mul(16).saturating_add(*attempts);
        Some(Call { client: *client, attempt, choice })
    }

    /// What somebody could choose who has not called yet.
    fn choices(client: Client, log: &Log) -> Vec<Choice> {
        match client {
            Client::Approver if log.facts.approval(case::APPROVAL).is_some() => vec![
                Choice::Answer { granted: true, by: APPROVER },
                Choice::Answer { granted: false, by: APPROVER },
                Choice::Answer { granted: true, by: ASKER },
            ],
            Client::Fetcher => {
                let releases = log.commits.iter().map(|commit| commit.command.name);
                let releases = releases.filter(|name| name.what == What::Release);
                releases.map(|name| Choice::Fetch((name.client, name.draw, name.generation))).collect()
            }
            Client::Approver | Client::Withdrawer | Client::FirstAsker | Client::SecondAsker => Vec::new(),
        }
    }

    fn chooses(client: Client) -> bool {
        matches!(client, Client::Approver | Client::Fetcher)
    }

    fn take(&self, state: &mut State, slot: usize, next: Next) -> Option<()> {
        let client = state.slots.get(slot)?.client;
        let mut waiting = None;
        match next {
            Next::Wait => return None,
            Next::Fail => {}
            Next::Send(step, command) => {
                state.sent.push(Arc::clone(&command));
                waiting = Some((step, command));
            }
            Next::Answer(told) => {
                let before = state.told.iter().find(|(of, _)| *of == client);
                // A fetch is asked anew each time; whatever else is repeated has the first answer.
                state.contradicted |= client != Client::Fetcher && before.is_some_and(|(_, before)| *before != told);
                if !state.told.contains(&(client, told)) {
                    state.told.push((client, told));
                }
            }
            Next::HandOver(name) => {
                state.unfounded |= !rules::counts_when_handed_over(&state.log.commits, name, state.tick);
                if !state.handed.contains(&name) {
                    state.handed.push(name);
                }
            }
        }
        state.slots.get_mut(slot)?.waiting = waiting;
        Some(())
    }

    /// The same state in its one form: what cannot take effect any more is forgotten, and order does not matter.
    fn settle(&self, mut state: State) -> State {
        let (log, fault) = (Arc::clone(&state.log), self.fault());
        state.sent.retain(|command| log.may_take(command, fault));
        state.sent.sort_by_key(|command| command.content);
        state.sent.dedup();
        state.told.sort_by_key(|(client, told)| fingerprint((client, told)));
        state.handed.sort();
        state
    }

    fn append(&self, state: &mut State, index: usize) -> Option<()> {
        let command = Arc::clone(state.sent.get(index)?);
        match state.log.judge(&command, state.tick, &self.gate.policy, self.fault()) {
            Verdict::Appended(log) => {
                state.log = log;
                if self.fault() != Fault::AcknowledgedBeforeDurable {
                    state.durable = state.log.commits.len();
                }
                Some(())
            }
            Verdict::Repeated | Verdict::Used | Verdict::Moved | Verdict::NotAdmitted => None,
        }
    }

    fn begin(&self, state: &mut State, slot: usize) -> Option<()> {
        let taken = state.slots.get_mut(slot)?;
        taken.attempts = taken.attempts.saturating_add(1);
        let call = self.call(state, slot)?;
        let next = self.gate.begin(call, &state.log, state.tick);
        self.take(state, slot, next)
    }

    fn go_on(&self, state: &mut State, slot: usize) -> Option<()> {
        let (step, command) = state.slots.get(slot)?.waiting.clone()?;
        let call = self.call(state, slot)?;
        let next = self.gate.go_on(call, &step, &command, &state.log, state.tick);
        self.take(state, slot, next)
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let slot = |(client, attempts_max): &(Client, u8)| Slot {
            client: *client,
            attempts: 0,
            attempts_max: *attempts_max,
            waiting: None,
        };
        let command = |what, event, content, actor| {
            let name = Name { client: Client::Withdrawer, draw: 0, what, generation: 0, about: None };
            let (content, events) = (fingerprint((name, content)), vec![event]);
            Arc::new(Command { name, content, expected: None, events, actor, report: None, made_at: 0 })
        };
        // Sent from the beginning: that it has not arrived yet is as good as not sent.
        let sent = |taken: &Taken| {
            let responder = || staff("r.tremblay", Role::Responder);
            let mut sent = vec![command(What::Withdrawal, case::withdrawal(*taken), Some(*taken), responder())];
            if self.bounds.renewal {
                sent.push(command(What::Renewal, case::renewal(), None, responder()));
            }
            if self.bounds.rejection {
                let rejected = ApprovalDecided { approval_id: case::APPROVAL, outcome: ApprovalOutcome::Rejected };
                let supervisor = staff("o.tessier", Role::Supervisor);
                sent.push(command(What::Rejection, CaseEvent::ApprovalDecided(rejected), None, supervisor));
            }
            sent
        };
        let taken = self.bounds.taken.iter();
        let state = |taken| State {
            log: Arc::clone(&self.start),
            tick: 0,
            told: Vec::new(),
            handed: Vec::new(),
            contradicted: false,
            unfounded: false,
            slots: self.bounds.calls.iter().map(slot).collect(),
            sent: sent(taken),
            choices: Vec::new(),
            crashes: 0,
            durable: self.start.commits.len(),
        };
        taken.map(state).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (index, slot) in state.slots.iter().enumerate() {
            let chosen = state.choices.iter().any(|(client, _)| *client == slot.client);
            if slot.waiting.is_some() {
                actions.extend([Action::GoOn(index), Action::Lose(index)]);
            } else if slot.attempts < slot.attempts_max {
                if chosen || !Self::chooses(slot.client) {
                    actions.push(Action::Begin(index));
                } else {
                    let choices = Self::choices(slot.client, &state.log);
                    actions.extend(choices.into_iter().map(|choice| Action::Choose(index, choice)));
                }
            }
        }
        actions.extend((0..state.sent.len()).map(Action::Append));
        if state.crashes < self.bounds.crashes && state.slots.iter().any(|slot| slot.waiting.is_some()) {
            actions.push(Action::Crash);
        }
        if state.tick < self.bounds.ticks {
            actions.push(Action::Tick);
        }
        if state.durable < state.log.commits.len() {
            actions.extend([Action::Flush, Action::LedgerCrash]);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Begin(slot) => self.begin(&mut state, slot)?,
            Action::Choose(slot, choice) => {
                let client = state.slots.get(slot)?.client;
                state.choices.push((client, choice));
                state.choices.sort_by_key(|(client, _)| *client);
                self.begin(&mut state, slot)?;
            }
            Action::Append(index) => self.append(&mut state, index)?,
            Action::GoOn(slot) => self.go_on(&mut state, slot)?,
            Action::Lose(slot) => state.slots.get_mut(slot)?.waiting = None,
            Action::Crash => {
                state.crashes = state.crashes.saturating_add(1);
                state.slots.iter_mut().for_each(|slot| slot.waiting = None);
            }
            Action::Tick => state.tick = state.tick.saturating_add(1),
            Action::Flush => state.durable = state.log.commits.len(),
            Action::LedgerCrash => state.log = Arc::new(state.log.cut_to(state.durable, &self.gate.policy)),
        }
        Some(self.settle(state))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = promises();
        properties.extend(reached(&self.bounds));
        properties
    }
}

fn holds(state: &State, rule: Broken) -> bool {
    !state.log.broken.contains(&rule)
}

fn stands(state: &State, content: u64) -> bool {
    state.log.commits.iter().any(|commit| commit.command.content == content)
}

/// What holds in every state.
fn promises() -> Vec<Property<Protocol>> {
    vec![
        Property::always("p01 nothing is released without a permit before it that covers it", |_, state: &State| {
            holds(state, Broken::ReleasedWithoutPermit)
        }),
        Property::always("p01 nothing is delivered that was not released before", |_, state: &State| {
            holds(state, Broken::DeliveredWithoutRelease)
        }),
        Property::always("p01 what needs an approval has one that counts", |_, state: &State| {
            holds(state, Broken::WithoutApproval)
        }),
        Property::always("p02 a decision stands at the revision it was made on", |_, state: &State| {
            holds(state, Broken::StandsElsewhere)
        }),
        Property::always(
            "p02 what is permitted, released or delivered rests on what counts there",
            |_, state: &State| holds(state, Broken::RestsOnNothing),
        ),
        Property::always("p02 a consent for one disclosure is used once", |_, state: &State| {
            holds(state, Broken::UsedTwice)
        }),
        Property::always("p02 what was handed over was committed before", |_, state: &State| {
            state.handed.iter().all(|name| state.log.find(*name).is_some())
        }),
        Property::always("p02 what was handed over rested on what counted then", |_, state: &State| !state.unfounded),
        Property::always("p11 no command has two effects", |_, state: &State| {
            holds(state, Broken::CommandTwice) && holds(state, Broken::ReleasedTwice)
        }),
        Property::always("p11 what was answered stands in the log", |_, state: &State| {
            state.told.iter().all(|(_, told)| match told {
                Told::Denied(content) | Told::Released(content) => stands(state, *content),
                Told::Rejected | Told::NotFound => true,
            })
        }),
        Property::always("p11 who repeats a call is answered alike", |_, state: &State| !state.contradicted),
    ]
}

fn withdrawn_at(state: &State) -> Option<usize> {
    state.log.commits.iter().position(|commit| commit.command.name.what == What::Withdrawal)
}

fn fetched_of(state: &State, client: Client) -> bool {
    state.handed.iter().any(|name| name.about.is_some_and(|(of, _, _)| of == client))
}

/// What can be reached, so that what holds does not hold of nothing.
fn reached(bounds: &Bounds) -> Vec<Property<Protocol>> {
    let takes_part = |client| bounds.calls.iter().any(|(other, _)| *other == client);
    let mut reached = vec![Property::sometimes("somebody is refused after the withdrawal", |_, state: &State| {
        let refused = |(_, told): &(Client, Told)| matches!(told, Told::Denied(_));
        withdrawn_at(state).is_some() && state.told.iter().any(refused)
    })];
    reached.push(Property::sometimes("a case that moved is decided about again and released", |_, state: &State| {
        state
            .log
            .commits
            .iter()
            .any(|commit| commit.command.name.what == What::Release && commit.command.name.generation > 0)
    }));
    if takes_part(Client::Fetcher) {
        reached
            .push(Property::sometimes("a report reaches its recipient", |_, state: &State| !state.handed.is_empty()));
        reached.push(Property::sometimes("a fetch is refused after the withdrawal", |_, state: &State| {
            withdrawn_at(state).is_some() && state.told.contains(&(Client::Fetcher, Told::NotFound))
        }));
    }
    if takes_part(Client::Fetcher) && bounds.crashes > 0 {
        reached.push(Property::sometimes("a report reaches its recipient in spite of a crash", |_, state: &State| {
            state.crashes > 0 && !state.handed.is_empty()
        }));
    }
    if takes_part(Client::Fetcher) && bounds.ticks >= bounds.consent.ends_at {
        reached.push(Property::sometimes("a fetch is refused once the consent has ended", |_, state: &State| {
            withdrawn_at(state).is_none() && state.told.contains(&(Client::Fetcher, Told::NotFound))
        }));
    }
    if takes_part(Client::Fetcher) && (bounds.danger || (bounds.renewal && takes_part(Client::SecondAsker))) {
        reached.push(Property::sometimes(
            "after the withdrawal something leaves on another basis",
            |_, state: &State| {
                let delivery = |commit: &crate::ledger::Committed| commit.command.name.what == What::Delivery;
                withdrawn_at(state).is_some_and(|at| state.log.commits.iter().skip(at).any(delivery))
            },
        ));
    }
    if takes_part(Client::Approver) && bounds.approvals {
        reached.push(Property::sometimes("what was approved reaches its recipient", |_, state: &State| {
            fetched_of(state, Client::Approver)
        }));
        reached.push(Property::sometimes(
            "what was approved is refused when it is decided again",
            |_, state: &State| {
                state.told.iter().any(|(client, told)| *client == Client::Approver && matches!(told, Told::Denied(_)))
            },
        ));
        if takes_part(Client::Fetcher) && bounds.rejection {
            reached.push(Property::sometimes("a fetch is refused for the approval alone", |_, state: &State| {
                let rejected = state.log.commits.iter().any(|commit| commit.command.name.what == What::Rejection);
                let told = state.told.contains(&(Client::Fetcher, Told::NotFound));
                rejected && told && state.tick == 0 && withdrawn_at(state).is_none()
            }));
        }
        reached.push(Property::sometimes("an approval is rejected", |_, state: &State| {
            state.told.contains(&(Client::Approver, Told::Rejected))
        }));
    }
    reached
}
