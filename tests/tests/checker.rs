//! The checker of histories, on histories that are right and on such that are wrong in one place.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use egide_crypto::digest::sha256_parts;
use egide_tests::history::{Decided, Fetched, Memory, Rest, Rules, Step, check, notes};
use egide_tests::log::{Entry, Facts};
use egide_wire::context;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    ApprovalDecided, ApprovalOutcome, Basis, BasisKind, ConsentGiven, DisclosureDecided, MaskEntry, ObligationKind,
    ObligationNoted, ObligationState, Outcome, ReferralDelivered, ReferralReleased,
};
use egide_wire::proto::egide::ledger::v1::{Acknowledgement, AppendedEvent, Area, Event};

fn given(consent: &str) -> Step {
    Step::Given { consent: consent.to_owned(), person: "victim".to_owned() }
}

fn withdrawn(consent: &str, categories: &[i32]) -> Step {
    let consent = Some(consent.to_owned()).filter(|consent| !consent.is_empty());
    Step::Withdrawn { consent, person: "victim".to_owned(), categories: categories.iter().copied().collect() }
}

fn permitted(rests: &[(i32, &[&str])]) -> Step {
    let rest = |(category, consents): &(i32, &[&str])| Rest {
        category: *category,
        consents: consents.iter().map(|consent| (*consent).to_owned()).collect(),
    };
    Step::Permitted { decision: "decision".to_owned(), rests: rests.iter().map(rest).collect() }
}

fn released() -> Step {
    Step::Released { referral: "referral".to_owned(), decision: "decision".to_owned() }
}

fn delivered() -> Step {
    Step::Delivered { referral: "referral".to_owned() }
}

#[test]
fn the_rules_accept_what_is_right() {
    let good: [Vec<Step>; 4] = [
        vec![given("a"), permitted(&[(1, &["a"])]), released(), delivered(), withdrawn("a", &[]), given("b")],
        vec![given("a"), given("b"), permitted(&[(1, &["a", "b"])]), released(), withdrawn("a", &[]), delivered()],
        vec![given("a"), withdrawn("a", &[2]), permitted(&[(1, &["a"])]), released(), delivered()],
        vec![given("a"), withdrawn("", &[]), given("b"), permitted(&[(1, &["b"])]), released(), delivered()],
    ];
    for steps in good {
        let seen = Rules::check(steps.clone()).unwrap_or_else(|error| panic!("{steps:?}: {error}"));
        assert_eq!((seen.permits, seen.releases, seen.deliveries), (1, 1, 1));
    }
}

#[test]
fn the_rules_find_what_is_wrong() {
    let bad: [(&str, Vec<Step>); 10] = [
        ("withdrawn before the permit", vec![given("a"), withdrawn("a", &[]), permitted(&[(1, &["a"])])]),
        ("all withdrawn before the permit", vec![given("a"), withdrawn("", &[]), permitted(&[(1, &["a"])])]),
        ("one category withdrawn", vec![given("a"), withdrawn("a", &[1]), permitted(&[(2, &["a"]), (1, &["a"])])]),
        ("never given", vec![permitted(&[(1, &["a"])])]),
        ("resting on nothing", vec![given("a"), permitted(&[(1, &[])])]),
        ("an empty mask", vec![given("a"), permitted(&[])]),
        (
            "withdrawn between permit and release",
            vec![given("a"), permitted(&[(1, &["a"])]), withdrawn("a", &[]), released()],
        ),
        (
            "withdrawn between release and delivery",
            vec![given("a"), permitted(&[(1, &["a"])]), released(), withdrawn("a", &[1]), delivered()],
        ),
        (
            "given again in between, which is another basis",
            vec![given("a"), permitted(&[(1, &["a"])]), released(), withdrawn("a", &[]), given("b"), delivered()],
        ),
        ("delivered and never released", vec![given("a"), permitted(&[(1, &["a"])]), delivered()]),
    ];
    for (what, steps) in bad {
        assert!(Rules::check(steps).is_err(), "{what}");
    }
}

// ---- the whole log, and what clients remember -----------------------------------------------------------------------

const EMITTER: &str = "case-desk";

/// A consent, a decision on it, its referral, its delivery: four commits in three blocks, at 10, 20 and 30 ms.
fn log() -> Vec<Entry> {
    let given = ConsentGiven { consent_id: "a".to_owned(), subject_id: "victim".to_owned(), ..ConsentGiven::default() };
    let mask = MaskEntry { subject_id: "victim".to_owned(), category: 1, bases: vec![0], ..MaskEntry::default() };
    let decided = DisclosureDecided {
        decision_id: "decision".to_owned(),
        outcome: Outcome::Permit.into(),
        bases: vec![Basis { kind: BasisKind::Consent.into(), reference_id: "a".to_owned(), ..Basis::default() }],
        mask: vec![mask],
        ..DisclosureDecided::default()
    };
    let released = ReferralReleased {
        referral_id: "referral".to_owned(),
        decision_id: "decision".to_owned(),
        ..ReferralReleased::default()
    };
    let delivered = ReferralDelivered {
        referral_id: "referral".to_owned(),
        report_digest: b"report".to_vec(),
        ..ReferralDelivered::default()
    };
    vec![
        entry(1, (1, 0), Payload::ConsentGiven(given)),
        entry(2, (1, 1), Payload::DisclosureDecided(decided)),
        entry(3, (2, 0), Payload::ReferralReleased(released)),
        entry(4, (3, 0), Payload::ReferralDelivered(delivered)),
    ]
}

fn entry(position: u64, (block, commit): (u64, usize), payload: Payload) -> Entry {
    Entry {
        position,
        block,
        commit,
        recorded_at_ms: i64::try_from(block).unwrap() * 10,
        command_id: format!("command {position}"),
        emitter: EMITTER.to_owned(),
        event: Event {
            event_id: format!("event {position}"),
            area: Area::Case.into(),
            stream_id: "case".to_owned(),
            revision: position,
            facts: position.to_be_bytes().to_vec(),
            ..Event::default()
        },
        facts: Facts::Case(payload),
    }
}

fn acknowledgement(entry: &Entry) -> Acknowledgement {
    Acknowledgement {
        block_number: entry.block,
        command_id: entry.command_id.clone(),
        events: vec![AppendedEvent {
            event_id: entry.event.event_id.clone(),
            stream_id: entry.event.stream_id.clone(),
            revision: entry.event.revision,
            position: entry.position,
            facts_digest: sha256_parts(context::FACTS, &[&entry.event.facts]).as_bytes().to_vec(),
        }],
        ..Acknowledgement::default()
    }
}

fn fetched(answered_at_ms: i64) -> Fetched {
    Fetched { referral_id: "referral".to_owned(), report_digest: b"report".to_vec(), answered_at_ms }
}

/// What clients of that log were told.
fn memory() -> Memory {
    let mut memory = Memory::default();
    for entry in log() {
        memory.acknowledge(EMITTER, acknowledgement(&entry)).unwrap();
    }
    memory.decide(Decided { decision_id: "decision".to_owned(), position: 2, outcome: Outcome::Permit });
    memory.fetch(fetched(31));
    memory
}

#[test]
fn a_log_that_is_as_clients_remember_it_is_right() {
    let found = check(&log(), &memory()).unwrap();
    assert_eq!((found.blocks, found.commits, found.events, found.seen.deliveries), (3, 4, 4, 1));
    assert!(check(&log(), &Memory::default()).is_ok(), "what nobody heard of may stand there all the same");
}

#[test]
fn a_log_that_is_wrong_in_one_place_is_found_out() {
    type Damage = fn(&mut Vec<Entry>);
    let wrong: [(&str, Damage); 10] = [
        ("an acknowledged commit is lost", |log| {
            log.truncate(3);
        }),
        ("a position is missing", |log| log[3].position = 5),
        ("a revision is missing", |log| {
            log[3].event.revision = 5;
        }),
        ("a command stands there twice", |log| {
            let mut again = log[0].clone();
            (again.position, again.block) = (5, 4);
            (again.event.event_id, again.event.revision) = ("event 5".to_owned(), 5);
            log.push(again);
        }),
        ("an event stands there twice", |log| {
            let mut again = log[0].clone();
            (again.position, again.block, again.event.revision) = (5, 4, 5);
            again.command_id = "command 5".to_owned();
            log.push(again);
        }),
        ("other facts than were acknowledged", |log| log[0].event.facts.push(0)),
        ("another block than was acknowledged", |log| log[0].block = 2),
        ("another event than was acknowledged", |log| log[1].event.event_id = "event 9".to_owned()),
        ("a decision stands elsewhere than was told", |log| {
            let decided = log[1].facts.clone();
            log[1].facts = log[0].facts.clone();
            log[0].facts = decided;
        }),
        ("another report was delivered than the client has", |log| {
            let Facts::Case(Payload::ReferralDelivered(delivered)) = &mut log[3].facts else { unreachable!() };
            delivered.report_digest.clear();
        }),
    ];
    for (what, damage) in wrong {
        let mut log = log();
        damage(&mut log);
        assert!(check(&log, &memory()).is_err(), "{what}");
    }
}

#[test]
fn a_memory_that_the_log_does_not_bear_out_is_found_out() {
    type Damage = fn(&mut Memory);
    let wrong: [(&str, Damage); 4] = [
        ("fetched before the delivery was committed", |memory| memory.fetch(fetched(29))),
        ("fetched once more than was delivered", |memory| memory.fetch(fetched(40))),
        ("a decision that nobody made", |memory| {
            memory.decide(Decided { decision_id: "other".to_owned(), position: 2, outcome: Outcome::Permit });
        }),
        ("told to be denied, and permitted in the log", |memory| {
            memory.decide(Decided { decision_id: "decision".to_owned(), position: 2, outcome: Outcome::Deny });
        }),
    ];
    for (what, damage) in wrong {
        let mut memory = memory();
        damage(&mut memory);
        assert!(check(&log(), &memory).is_err(), "{what}");
    }
}

#[test]
fn one_command_is_acknowledged_in_one_way() {
    let mut memory = memory();
    let first = acknowledgement(&log()[0]);
    let by_another_ledger = Acknowledgement { key_id: "other".to_owned(), signature: vec![1], ..first.clone() };
    assert!(memory.acknowledge(EMITTER, by_another_ledger).is_ok());
    assert!(memory.acknowledge(EMITTER, Acknowledgement { block_number: 9, ..first }).is_err());
}

fn noted(kind: ObligationKind, subject: &str, state: ObligationState) -> Payload {
    Payload::ObligationNoted(ObligationNoted {
        decision_id: "decision".to_owned(),
        kind: kind.into(),
        subject_id: subject.to_owned(),
        state: state.into(),
        ..ObligationNoted::default()
    })
}

fn expired() -> Payload {
    let outcome = ApprovalOutcome::Expired.into();
    Payload::ApprovalDecided(ApprovalDecided { approval_id: "approval".to_owned(), outcome, reason: 0 })
}

/// The log, with these after it.
fn followed_by(payloads: Vec<Payload>) -> Vec<Entry> {
    let after = (5..).zip(payloads).map(|(position, payload)| entry(position, (position, 0), payload));
    log().into_iter().chain(after).collect()
}

#[test]
fn what_the_clock_notes_is_noted_once_and_in_order() {
    use ObligationKind::{AnswerInstrument as Answer, InformPerson as Inform};
    use ObligationState::{Due, Met, Overdue};
    let right = vec![
        noted(Inform, "a", Due),
        noted(Inform, "b", Due),
        noted(Answer, "", Overdue),
        noted(Inform, "a", Overdue),
        noted(Inform, "a", Met),
        // People may say the same twice.
        noted(Inform, "a", Met),
        expired(),
    ];
    let log = followed_by(right.clone());
    let overdue = notes(&log).unwrap();
    let kinds: Vec<i32> = overdue.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds.len(), 2);
    assert!(overdue.contains(&("decision".to_owned(), Answer.into())));
    assert!(check(&log, &memory()).is_ok());
    for again in [noted(Inform, "b", Due), noted(Answer, "", Overdue), expired(), noted(Answer, "", Due)] {
        let wrong = followed_by(right.iter().cloned().chain([again]).collect());
        assert!(check(&wrong, &memory()).is_err());
    }
}
