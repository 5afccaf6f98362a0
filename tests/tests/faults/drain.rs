//! SIGTERM under load, to the program as operators run it: not ready is said first, what is under way is answered, nothing is
//! lost, nothing is doubled, and the process ends well.

use std::collections::BTreeSet;
use std::time::Duration;

use egide_testkit::{Fault, fresh_id, within};
use egide_tests::case::command;
use egide_tests::processes::{Installation, Party, Plan};
use egide_tests::{Role, events, who};
use egide_wire::proto::egide::case::v1::TriageLevel;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// Commands whose answers are still to come when the signal does.
const UNDER_WAY: usize = 100;
/// Long enough for the answer after the pause.
const PATIENT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_is_told_to_end_under_load_answers_what_it_took_and_says_first_that_it_is_not_ready() {
    let system = Installation::start(Plan { nodes: 1, ledgers: 1 }).await;
    let case = fresh_id();
    let opening = command(&case, vec![events::opened(egide_wire::proto::egide::case::v1::Jurisdiction::On)]);
    let mut desk = system.ledger(Role::Ledger, &who::responder());
    desk.append(opening).await.unwrap();

    let mut watching = HealthClient::new(system.caller(Role::Ledger, &who::service("case-desk")));
    let asked = HealthCheckRequest { service: "egide.ledger.v1.LedgerService".to_owned() };
    let mut health = watching.watch(asked).await.unwrap().into_inner();
    let said = within("health", health.message()).await.unwrap().unwrap();
    assert_eq!(said.status(), ServingStatus::Serving);

    // What the ledger publishes is held on its way: every command it takes from here on is under way.
    let to_nats = system.links().between(Role::Ledger, Party::Nats(0));
    to_nats.set(Fault::Hold);
    let calls: Vec<_> = (0..UNDER_WAY)
        .map(|_| {
            let mut desk = desk.clone();
            let request = command(&case, vec![events::triage(TriageLevel::NotUrgent)]);
            let command_id = request.command_id.clone();
            let mut request = Request::new(request);
            request.set_timeout(PATIENT);
            tokio::spawn(async move { (command_id, desk.append(request).await) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let ledger = system.role(Role::Ledger);
    let ending = ledger.end();
    let meanwhile = async {
        let said = within("health", health.message()).await.unwrap().unwrap();
        assert_eq!(said.status(), ServingStatus::NotServing, "before anything else ends");
        assert!(calls.iter().all(|call| !call.is_finished()), "nothing is given up yet");
        tokio::time::sleep(Duration::from_millis(500)).await;
        to_nats.set(Fault::None);
        let mut answered = BTreeSet::new();
        for call in calls {
            let (command_id, answer) = call.await.unwrap();
            let answer = answer.unwrap_or_else(|status| panic!("a command under way was not answered: {status}"));
            assert!(!answer.into_inner().repeated_command);
            answered.insert(command_id);
        }
        answered
    };
    let ((), answered) = tokio::join!(ending, meanwhile);
    let exits = ledger.exits();
    assert!(exits.iter().all(|exit| exit.status.success()), "{exits:?}");
    let nobody = desk.append(command(&case, vec![events::triage(TriageLevel::Urgent)])).await.unwrap_err();
    assert!(matches!(nobody.code(), Code::Unavailable | Code::Unknown), "{nobody}");

    let log = system.walk().await;
    let written: Vec<_> = log.iter().filter(|entry| entry.kind() == "case.triage_assessed").collect();
    assert_eq!((written.len(), answered.len()), (UNDER_WAY, UNDER_WAY), "each exactly once");
    system.stop().await;
}
