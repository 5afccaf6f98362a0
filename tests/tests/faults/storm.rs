//! The same command from everywhere, all the time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use egide_testkit::fresh_id;
use egide_tests::Role;
use egide_tests::case::command;
use egide_tests::events;
use egide_tests::log::Facts;
use egide_tests::processes::Plan;
use egide_tests::who;
use egide_tests::workload::{Calls, Case, GIVEN_UP_AFTER, Shared, WANTED};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{Outcome, Purpose};
use egide_wire::proto::egide::disclosure::v1::RequestDisclosureRequest;
use egide_wire::proto::egide::ledger::v1::AppendRequest;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::suite::{Suite, nightly};

/// Who sends the same.
const SENDERS: usize = 32;

/// What each of them sends: to either ledger, and to disclosure.
#[derive(Clone)]
struct Same {
    append: AppendRequest,
    request: RequestDisclosureRequest,
}

/// What one of them was told.
#[derive(Debug, Default)]
struct Told {
    appended: BTreeSet<u64>,
    decided: BTreeSet<(String, String)>,
    answers: usize,
}

async fn send(shared: Arc<Shared>, number: usize, same: Same, until: Instant) -> Told {
    let mut told = Told::default();
    let calls = Calls::new(&shared, GIVEN_UP_AFTER);
    let (responder, supervisor) = (who::responder(), who::supervisor());
    let mut second = number.is_multiple_of(2);
    while Instant::now() < until {
        let mut either = || {
            second = !second;
            if second { Role::SecondLedger } else { Role::Ledger }
        };
        let acknowledgement = calls.append(&responder, same.append.clone(), &mut either).await.unwrap();
        told.appended.extend(acknowledgement.events.iter().map(|event| event.position));
        let asking = || async {
            shared.installation.disclosure(&supervisor).request_disclosure(calls.within(same.request.clone())).await
        };
        let decision = calls.until_known(Role::Disclosure, asking).await.unwrap().decision.unwrap();
        told.decided.insert((decision.decided.unwrap().decision_id, decision.referral_id));
        told.answers += 2;
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_command_sent_by_many_has_one_effect_across_a_leader_change_and_a_rebuild() {
    let mut suite = Suite::start("retry storm", Plan { nodes: 3, ledgers: 2 }).await;
    suite.some_time(1_000, 1_001).await;
    let lasting = Duration::from_secs(if nightly() { 60 } else { 15 });
    let shared = Arc::clone(suite.load.shared());
    let case = Case::with_referral(&shared).await;
    let unit = &shared.recipient.unit_id;
    let consent = events::consent(&case.victim, unit, Purpose::Investigation, &WANTED);
    let consent_id = consent.consent_id.clone();
    let same = Same {
        append: command(&case.case_id, vec![Payload::ConsentGiven(consent)]),
        request: RequestDisclosureRequest {
            command_id: fresh_id(),
            case_id: case.case_id.clone(),
            unit_id: unit.clone(),
            purpose: Purpose::Investigation.into(),
            categories: WANTED.iter().copied().map(Into::into).collect(),
            ..RequestDisclosureRequest::default()
        },
    };
    let until = Instant::now() + lasting;
    let mut senders = JoinSet::new();
    for number in 0..SENDERS {
        senders.spawn(send(Arc::clone(&shared), number, same.clone(), until));
    }
    drop(shared);

    sleep(lasting / 4).await;
    let leader = suite.system().leader().await.expect("the log has a leader");
    suite.system().node(leader).keep_down().await;
    sleep(lasting / 4).await;
    suite.system().node(leader).let_up();
    let second = suite.system().role(Role::SecondLedger);
    second.keep_down().await;
    std::fs::remove_dir_all(suite.system().projections(Role::SecondLedger)).unwrap();
    second.let_up();

    let (mut appended, mut decided, mut answers) = (BTreeSet::new(), BTreeSet::new(), 0);
    while let Some(told) = senders.join_next().await {
        let told = told.unwrap();
        appended.extend(told.appended);
        decided.extend(told.decided);
        answers += told.answers;
    }
    suite.must_be_whole("the storm").await;
    let log = suite.system().walk().await;
    let effects = |is: &dyn Fn(&Payload) -> bool| {
        log.iter().filter(|entry| matches!(&entry.facts, Facts::Case(payload) if is(payload))).count()
    };
    println!("retry storm: {answers} answers");
    assert!(answers > 4 * SENDERS, "{answers} answers are no storm");
    assert_eq!((appended.len(), decided.len()), (1, 1), "everybody was told the same");
    let given = effects(&|payload| matches!(payload, Payload::ConsentGiven(given) if given.consent_id == consent_id));
    assert_eq!(given, 1);
    let (decision_id, referral_id) = decided.first().unwrap();
    let permitted = effects(&|payload| {
        matches!(payload, Payload::DisclosureDecided(decided)
            if decided.decision_id == *decision_id && decided.outcome() == Outcome::Permit)
    });
    let released = effects(
        &|payload| matches!(payload, Payload::ReferralReleased(released) if released.referral_id == *referral_id),
    );
    assert_eq!((permitted, released), (1, 1));
    suite.finish().await;
}
