//! Cases that are fought over, and who fights.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use egide_testkit::fresh_id;
use egide_tests::case::command;
use egide_tests::generate::Dice;
use egide_tests::roles::Role;
use egide_tests::who::{self, Who};
use egide_tests::{World, events};
use egide_wire::classification::DataCategory;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    CaseClosed, CaseClosure, DisclosedOutsideSystem, Jurisdiction, KeyShredded, PersonRole, Purpose, ShredGround,
    ShredScope, TriageLevel,
};
use egide_wire::proto::egide::ledger::v1::{AppendRequest, OpenState, ReadCaseRequest, RotateKeysRequest};
use tonic::{Code, Status};

const PEOPLE: usize = 3;
/// Pause before something is tried again.
const PAUSE: Duration = Duration::from_millis(5);
/// Looks of one person before somebody else looks: fewer than are let through at once.
const LOOKS_OF_ONE: u64 = 100;

/// One case, and what the clients know of it.
pub(crate) struct Contested {
    pub(crate) id: String,
    people: Vec<String>,
    narratives: Mutex<Vec<String>>,
}

/// What came of a round, as its clients saw it.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) appended: AtomicU64,
    /// Refused because the data was erased, or is about to be nobody's.
    pub(crate) too_late: AtomicU64,
    pub(crate) shredded: AtomicU64,
    pub(crate) opened: AtomicU64,
    pub(crate) found_shredded: AtomicU64,
    pub(crate) rotations: AtomicU64,
}

/// The cases of one round.
pub(crate) struct Arena<'w> {
    pub(crate) world: &'w World,
    pub(crate) cases: Vec<Contested>,
    /// Key ids that an acknowledged shred closed, with the number of the tick at which its answer was there. A case's own
    /// key stands for all of the case.
    acknowledged: Mutex<BTreeMap<String, u64>>,
    ticks: AtomicU64,
    looks: AtomicU64,
    /// What the accounts of readers begin with: of every round others, for looks of one person are limited.
    readers: String,
    over: AtomicBool,
    pub(crate) tally: Tally,
}

pub(crate) const LEDGERS: [Role; 2] = [Role::Ledger, Role::SecondLedger];

fn operator() -> Who {
    who::staff("cli", "olu.adeyemi", &["operator"])
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// No answer, or none that says anything: the ledger restarts, or NATS does.
pub(crate) fn is_away(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Cancelled)
}

/// Refusals that say that somebody was faster: the data is gone, or the case closed.
fn is_too_late(status: &Status) -> bool {
    status.code() == Code::FailedPrecondition && ["data_erased", "case_closed"].iter().any(|rule| names(status, rule))
}

fn names(status: &Status, rule: &str) -> bool {
    use tonic_types::StatusExt as _;
    let details = status.get_details_precondition_failure();
    details.is_some_and(|details| details.violations.iter().any(|violation| violation.r#type == rule))
}

impl<'w> Arena<'w> {
    /// Tells the cases through both ledgers, so that both have their keys in memory.
    pub(crate) async fn tell(world: &'w World, cases: usize) -> Self {
        let mut arena = Self {
            world,
            cases: Vec::new(),
            acknowledged: Mutex::default(),
            ticks: AtomicU64::new(1),
            looks: AtomicU64::new(0),
            readers: format!("reader.{}", fresh_id()),
            over: AtomicBool::new(false),
            tally: Tally::default(),
        };
        for _ in 0..cases {
            let case = Contested {
                id: fresh_id(),
                people: (0..PEOPLE).map(|_| fresh_id()).collect(),
                narratives: Mutex::default(),
            };
            let mut opening = vec![events::opened(Jurisdiction::Bc), events::triage(TriageLevel::NotUrgent)];
            for person in &case.people {
                opening.push(events::person(person, &[PersonRole::PotentialVictim], "Given", "Family"));
            }
            opening.push(narrative(&case, &[&case.people[0], &case.people[1]]));
            opening.push(outside(&[]));
            arena.append(0, &case, opening).await.expect("the case is told");
            for person in &case.people {
                let more = vec![events::health(person, "a condition"), outside(&[])];
                arena.append(1, &case, more).await.expect("the case is told on");
            }
            arena.cases.push(case);
        }
        arena
    }

    /// Appends through one of the ledgers; what is not known is repeated under the same id.
    async fn append(&self, ledger: usize, case: &Contested, payloads: Vec<Payload>) -> Result<(), Status> {
        self.send(ledger, &who::responder(), command(&case.id, payloads)).await
    }

    async fn send(&self, ledger: usize, who: &Who, request: AppendRequest) -> Result<(), Status> {
        loop {
            let answer = match LEDGERS[ledger] {
                Role::SecondLedger => self.world.second_ledger(who).append(request.clone()).await,
                _ => self.world.ledger(who).append(request.clone()).await,
            };
            match answer {
                Err(status) if is_away(&status) => tokio::time::sleep(PAUSE).await,
                answer => return answer.map(drop),
            }
        }
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// Writes whatever can be sealed under a contested key, without end.
    pub(crate) async fn keep_writing(&self, ledger: usize, seed: u64) {
        let mut dice = Dice::new(seed);
        while self.goes_on() {
            let case = dice.pick(&self.cases);
            let person = dice.pick(&case.people).clone();
            let other = dice.pick(&case.people).clone();
            let payload = match dice.below(6) {
                0 => events::health(&person, "a condition"),
                1 => events::person(&person, &[PersonRole::PotentialVictim], "Given", "Family"),
                2 => {
                    let categories = [DataCategory::Situation];
                    let unit = fresh_id();
                    let mut consent = events::consent(&person, &unit, Purpose::SupportService, &categories);
                    consent.interpreter_present = true;
                    "an interpreter".clone_into(&mut consent.interpreter);
                    Payload::ConsentGiven(consent)
                }
                3 if person == other => narrative(case, &[&person]),
                3 => narrative(case, &[&person, &other]),
                _ => outside(&[&person]),
            };
            match self.append(ledger, case, vec![payload]).await {
                Ok(()) => count(&self.tally.appended),
                Err(status) if is_too_late(&status) => count(&self.tally.too_late),
                Err(status) => panic!("a ledger refused what it should take: {status:?}"),
            }
        }
    }

    /// Shreds a person, a narrative, and in one case everything, through both ledgers in turn.
    pub(crate) async fn shred(&self, seed: u64) {
        let mut dice = Dice::new(seed);
        let last = self.cases.len() - 1;
        for (number, case) in self.cases.iter().enumerate() {
            for _ in 0..dice.below(6) {
                tokio::task::yield_now().await;
            }
            tokio::time::sleep(Duration::from_millis(u64::try_from(dice.below(60)).unwrap())).await;
            let ledger = dice.below(2);
            if number == last {
                let closed = Payload::CaseClosed(CaseClosed { closure: CaseClosure::Closed.into() });
                self.append(ledger, case, vec![closed]).await.expect("the case is closed");
                self.shred_one(1 - ledger, case, ShredScope::Case, "").await;
                continue;
            }
            self.shred_one(ledger, case, ShredScope::Person, &case.people[0]).await;
            let narrative = case.narratives.lock().unwrap().last().cloned();
            if let Some(narrative) = narrative.filter(|_| dice.percent(50)) {
                self.shred_one(1 - ledger, case, ShredScope::Narrative, &narrative).await;
            }
        }
    }

    async fn shred_one(&self, ledger: usize, case: &Contested, scope: ShredScope, id: &str) {
        let ground = ShredGround::RecordedInError.into();
        let mut shred = KeyShredded { scope: scope.into(), ground, ..KeyShredded::default() };
        let key = match scope {
            ShredScope::Person => {
                id.clone_into(&mut shred.subject_id);
                format!("subject.{}.{id}", case.id)
            }
            ShredScope::Narrative => {
                id.clone_into(&mut shred.narrative_id);
                format!("narrative.{}.{id}", case.id)
            }
            ShredScope::Case | ShredScope::Unspecified => format!("case.{}", case.id),
        };
        match self.send(ledger, &who::supervisor(), command(&case.id, vec![Payload::KeyShredded(shred)])).await {
            Ok(()) => {
                let tick = self.ticks.fetch_add(1, Ordering::SeqCst);
                self.acknowledged.lock().unwrap().insert(key, tick);
                count(&self.tally.shredded);
            }
            // The narrative went with a person, or was never committed.
            Err(status) if names(&status, "data_erased") || names(&status, "narrative_unknown") => {}
            Err(status) => panic!("a shred was refused: {status:?}"),
        }
    }

    /// Reads cases opened, without end: what an acknowledged shred closed before a look began does not open in it.
    pub(crate) async fn keep_reading(&self, ledger: usize, seed: u64) {
        let mut dice = Dice::new(seed);
        while self.goes_on() {
            let case = dice.pick(&self.cases);
            match self.look(ledger, case).await {
                Ok(()) => {}
                Err(status) if is_away(&status) => tokio::time::sleep(PAUSE).await,
                Err(status) => panic!("a look was refused: {status:?}"),
            }
        }
    }

    /// One look at a whole case, at one ledger.
    pub(crate) async fn look(&self, ledger: usize, case: &Contested) -> Result<(), Status> {
        let mut from_revision = 0;
        loop {
            let began = self.ticks.load(Ordering::SeqCst);
            let number = self.looks.fetch_add(1, Ordering::Relaxed) / LOOKS_OF_ONE;
            let who = who::staff("telephony-desk", &format!("{}.{number}", self.readers), &["responder"]);
            let request = ReadCaseRequest {
                case_id: case.id.clone(),
                from_revision,
                page_size: 100,
                open: true,
                reason: AccessReason::WorkingTheCase.into(),
                ..ReadCaseRequest::default()
            };
            let page = match LEDGERS[ledger] {
                Role::SecondLedger => self.world.second_ledger(&who).read_case(request).await?,
                _ => self.world.ledger(&who).read_case(request).await?,
            };
            let page = page.into_inner();
            for event in &page.events {
                match event.open_state() {
                    OpenState::Opened => {
                        count(&self.tally.opened);
                        let keys = keys_of(event, &case.id);
                        let acknowledged = self.acknowledged.lock().unwrap();
                        for key in keys.iter().chain([&format!("case.{}", case.id)]) {
                            let shredded = acknowledged.get(key).is_some_and(|tick| *tick < began);
                            assert!(!shredded, "`{key}` opened at {} after its shred was acknowledged", ledger);
                        }
                    }
                    OpenState::Shredded => count(&self.tally.found_shredded),
                    OpenState::Sealed | OpenState::Unspecified => {}
                }
            }
            if page.next_revision == 0 {
                return Ok(());
            }
            from_revision = page.next_revision;
        }
    }

    /// Rotates at both ledgers, which wrap under epochs of their own, again and again.
    pub(crate) async fn keep_rotating(&self) {
        while self.goes_on() {
            for role in LEDGERS {
                let Ok(answer) = self.world.keys(role, &operator()).rotate_keys(RotateKeysRequest {}).await else {
                    tokio::task::yield_now().await;
                    continue;
                };
                let mut reports = answer.into_inner();
                while let Ok(Some(report)) = reports.message().await {
                    if report.done {
                        count(&self.tally.rotations);
                    }
                }
            }
        }
    }

    /// Stops the second ledger and starts it again, a few times.
    pub(crate) async fn restart_second(&self, times: usize) {
        for _ in 0..times {
            tokio::time::sleep(Duration::from_millis(40)).await;
            self.world.stop_role(Role::SecondLedger).await;
            self.world.start_role(Role::SecondLedger).await;
        }
    }
}

fn narrative(case: &Contested, people: &[&str]) -> Payload {
    let payload = events::narrative(people, "what was told");
    if let Payload::NarrativeRecorded(told) = &payload {
        case.narratives.lock().unwrap().push(told.narrative_id.clone());
    }
    payload
}

/// Sealed under the case's own key, and admitted even when the case is closed.
fn outside(people: &[&str]) -> Payload {
    Payload::DisclosedOutsideSystem(DisclosedOutsideSystem {
        disclosure_id: fresh_id(),
        subject_ids: people.iter().map(|person| (*person).to_owned()).collect(),
        categories: vec![DataCategory::Situation.into()],
        account: "what was said".to_owned(),
        ..DisclosedOutsideSystem::default()
    })
}

/// The keys that an opened event must have been sealed under, by what it says itself.
fn keys_of(event: &egide_wire::proto::egide::ledger::v1::RecordedEvent, case: &str) -> Vec<String> {
    use egide_wire::proto::egide::ledger::v1::recorded_event::Payload as Recorded;
    let Some(Recorded::CaseEvent(payload)) = &event.payload else { return Vec::new() };
    match payload.payload.as_ref() {
        Some(Payload::PersonIdentified(event)) => vec![format!("subject.{case}.{}", event.subject_id)],
        Some(Payload::HealthRecorded(event)) => vec![format!("subject.{case}.{}", event.subject_id)],
        Some(Payload::ConsentGiven(event)) => vec![format!("subject.{case}.{}", event.subject_id)],
        Some(Payload::NarrativeRecorded(event)) => {
            let people = event.subject_ids.iter().map(|person| format!("subject.{case}.{person}"));
            people.chain([format!("narrative.{case}.{}", event.narrative_id)]).collect()
        }
        _ => Vec::new(),
    }
}
