//! More than there is room for: refused with when to try again, while what narrows still gets through.

use std::time::Duration;

use egide_eventlog::ConnectionConfig;
use egide_ledger::Config;
use egide_servicekit::clock;
use egide_testkit::{Fault, FaultProxy, PATIENCE, fresh_id, wait_until};
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, WithdrawByCallerRequest};
use egide_wire::refusal::retry_after;
use tonic::{Code, Request, Status};

use crate::house::*;

/// Calls of one connection at once; the server takes no more.
const CALLS_PER_CONNECTION: usize = 256;
/// Connections with ordinary commands: together they ask for more than there is room for, and for less than the server holds.
const CONNECTIONS: usize = 18;
/// What one person may look at once.
const LOOKS: usize = 120;
/// Long enough for everything that is accepted to be answered after the pause.
const PATIENT: Duration = Duration::from_secs(30);

fn patient<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENT);
    request
}

fn is_full(status: &Status) -> bool {
    let hint = retry_after(status);
    status.code() == Code::ResourceExhausted
        && status.message().contains("waiting to be written")
        && hint.is_some_and(|hint| !hint.is_zero() && hint <= Duration::from_secs(60))
}

/// Looks stand in the queue and have no place among the commands: with them the queue is full first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_queue_full_a_withdrawal_a_shred_and_a_recall_still_get_through() {
    what_narrows_gets_through(LOOKS).await;
}

/// Without them, the block under way has left the queue and its commands keep their places: those are gone first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_every_place_taken_a_withdrawal_a_shred_and_a_recall_still_get_through() {
    what_narrows_gets_through(0).await;
}

async fn what_narrows_gets_through(looks: usize) {
    let mut house = House::new().await;
    let nats = house.world.nats();
    let proxy = FaultProxy::start(nats.address()).await;
    let through = ConnectionConfig::new(proxy.url("nats")).with_user(nats.user(), nats.password());
    let url = house.start_with(Config { nats: through, ..house.config("full", clock::now) }).await;
    let mut desk = house.responder(&url);
    let (case, person) = (open_case(&mut desk).await, fresh_id());
    acknowledged(&mut desk, vec![identified(&case, &person, PersonRole::Caller, "Roy")]).await;
    proxy.set(Fault::Hold);

    let mut calls = Vec::new();
    let looking = house.responder(&url);
    for _ in 0..looks {
        let (mut client, case) = (looking.clone(), case.clone());
        calls.push(tokio::spawn(async move { client.read_case(patient(reading(&case))).await.map(drop) }));
    }
    for _ in 0..CONNECTIONS {
        let client = house.responder(&url);
        for _ in 0..CALLS_PER_CONNECTION {
            let (mut client, request) = (client.clone(), command(vec![triaged(&case)]));
            calls.push(tokio::spawn(async move { client.append(patient(request)).await.map(drop) }));
        }
    }
    // Until ordinary commands are refused …
    let mut probe = house.service(&url, "case-desk");
    let soon: AppendRequest = command(vec![opened(&fresh_id())]);
    wait_until("the queue to be full", PATIENCE, async || {
        let mut request = Request::new(soon.clone());
        request.set_timeout(Duration::from_millis(200));
        probe.append(request).await.is_err_and(|status| is_full(&status))
    })
    .await;
    // … what narrows is taken, and waits.
    let withdrawn = Payload::ConsentWithdrawn(ConsentWithdrawn { subject_id: person.clone(), ..Default::default() });
    let refused = Payload::ConsentRefused(ConsentRefused {
        consent_id: fresh_id(),
        subject_id: person.clone(),
        recipient: Some(RecipientScope { scope: Some(recipient_scope::Scope::Anyone(true)) }),
        ..ConsentRefused::default()
    });
    let shredded = Payload::KeyShredded(KeyShredded {
        scope: ShredScope::Person.into(),
        subject_id: person.clone(),
        ground: ShredGround::RecordedInError.into(),
        ..KeyShredded::default()
    });
    // Taken, judged, and refused by the case's state: there is no such referral.
    let recalled =
        Payload::ReferralRecalled(ReferralRecalled { referral_id: fresh_id(), reason: RecallReason::Error.into() });
    let mut narrowing = Vec::new();
    for payload in [withdrawn, refused, shredded, recalled] {
        let (mut client, request) = (house.supervisor(&url), command(vec![new_event(&case, payload)]));
        narrowing.push(tokio::spawn(async move { client.append(patient(request)).await.map(drop) }));
    }
    let mut callers = house.on_the_phone(&url);
    let by_name = WithdrawByCallerRequest {
        command_id: fresh_id(),
        name: "Nobody Knows".into(),
        reason: AccessReason::WorkingTheCase.into(),
        ..WithdrawByCallerRequest::default()
    };
    let by_caller = tokio::spawn(async move { callers.withdraw_by_caller(patient(by_name)).await.map(drop) });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(narrowing.iter().all(|call| !call.is_finished()), "taken, and not known yet");
    proxy.set(Fault::None);

    let mut answers = Vec::new();
    for call in narrowing {
        answers.push(call.await.unwrap());
    }
    for (what, answer) in ["withdrawal", "refusal", "shred"].iter().zip(&answers) {
        assert!(answer.is_ok(), "{what}: {answer:?}");
    }
    assert_eq!(rules(answers[3].as_ref().unwrap_err()), ["referral_unknown"]);
    by_caller.await.unwrap().unwrap();
    let (mut taken, mut full, mut unknown) = (0, 0, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(()) => taken += 1,
            Err(status) if is_full(&status) => full += 1,
            Err(status) => {
                assert!(matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded), "{status}");
                unknown += 1;
            }
        }
    }
    assert!(full > 0 && taken > 1_000, "taken {taken}, full {full}, unknown {unknown}");
    house.world.stop().await;
}
