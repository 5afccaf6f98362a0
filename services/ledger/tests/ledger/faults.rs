//! When NATS goes away: nothing acknowledged is lost, nothing is doubled, and what is not known is called so.

use std::time::Duration;

use egide_eventlog::ConnectionConfig;
use egide_ledger::Config;
use egide_servicekit::clock;
use egide_testkit::{Fault, FaultProxy, PATIENCE, fresh_id, wait_until, within};
use egide_wire::proto::egide::ledger::v1::AppendRequest;
use tonic::{Code, Request};

use crate::house::*;

fn within_a_second(request: &AppendRequest) -> Request<AppendRequest> {
    let mut request = Request::new(request.clone());
    request.set_timeout(Duration::from_secs(1));
    request
}

#[tokio::test]
async fn an_unknown_outcome_is_called_so_and_the_same_command_finds_its_one_result() {
    let (mut house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let case = open_case(&mut desk).await;
    house.world.nats_mut().kill().await;
    let request = command(vec![triaged(&case)]);
    let status = desk.append(within_a_second(&request)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    house.world.nats_mut().restart().await;
    let mut answer = None;
    wait_until("the command's result", PATIENCE, async || {
        answer = desk.append(within_a_second(&request)).await.ok();
        answer.is_some()
    })
    .await;
    assert_eq!(answer.unwrap().into_inner().acknowledgement.unwrap().events[0].revision, 2);
    assert_eq!(read(&mut desk, reading(&case)).await.len(), 2);
    house.world.stop().await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_the_kill_of_the_server_and_a_new_ledger() {
    let (mut house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let mut cases = Vec::new();
    for _ in 0..20 {
        cases.push(open_case(&mut desk).await);
    }
    house.world.nats_mut().kill().await;
    house.world.nats_mut().restart().await;
    let url = house.start("another", clock::now).await;
    let mut desk = house.responder(&url);
    for case in cases {
        assert_eq!(read(&mut desk, reading(&case)).await.len(), 1);
    }
    acknowledged(&mut desk, vec![opened(&fresh_id())]).await;
    house.world.stop().await;
}

/// A ledger that reaches NATS through a proxy.
async fn behind_a_proxy(house: &mut House) -> (String, FaultProxy) {
    let nats = house.world.nats();
    let proxy = FaultProxy::start(nats.address()).await;
    let through = ConnectionConfig::new(proxy.url("nats")).with_user(nats.user(), nats.password());
    let config = Config { nats: through, ..house.config("behind", clock::now) };
    (house.start_with(config).await, proxy)
}

#[tokio::test]
async fn a_block_whose_answer_was_lost_is_found_in_the_log_and_not_written_again() {
    let mut house = House::new().await;
    let (url, proxy) = behind_a_proxy(&mut house).await;
    let other = house.start("direct", clock::now).await;
    let (mut desk, mut witness) = (house.responder(&url), house.service(&other, "telephony-desk"));
    let case = open_case(&mut desk).await;
    proxy.set(Fault::SwallowReplies);
    let request = command(vec![triaged(&case)]);
    let status = desk.append(within_a_second(&request)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    wait_until("the block that was written all the same", PATIENCE, async || {
        read(&mut witness, reading(&case)).await.len() == 2
    })
    .await;
    proxy.set(Fault::None);
    let answer = within("the first result", async {
        loop {
            match append(&mut desk, &request).await {
                Ok(answer) => break answer,
                Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status}"),
            }
        }
    })
    .await;
    assert_eq!(answer.acknowledgement.unwrap().events[0].revision, 2);
    assert_eq!(read(&mut witness, reading(&case)).await.len(), 2);
    house.world.stop().await;
}

#[tokio::test]
async fn connections_that_are_cut_again_and_again_lose_nothing_and_double_nothing() {
    const CLIENTS: usize = 8;
    const EACH: usize = 15;
    let mut house = House::new().await;
    let (url, proxy) = behind_a_proxy(&mut house).await;
    let case = open_case(&mut house.responder(&url)).await;
    let writing: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (mut desk, case) = (house.responder(&url), case.clone());
            tokio::spawn(async move {
                for _ in 0..EACH {
                    let request = command(vec![triaged(&case)]);
                    while let Err(status) = desk.append(within_a_second(&request)).await {
                        // On a busy machine the client's own second may end before the ledger's answer comes.
                        assert!(matches!(status.code(), Code::Unavailable | Code::Cancelled), "{status}");
                    }
                }
            })
        })
        .collect();
    let written = async {
        for client in writing {
            client.await.unwrap();
        }
    };
    let cutting = async {
        for round in 0_u64.. {
            // Somewhere within what is sent, and somewhere within what comes back.
            proxy.set(match round % 2 {
                0 => Fault::CutAfterSent(3_000 + 700 * (round % 7)),
                _ => Fault::CutAfterReplied(500 + 90 * (round % 11)),
            });
            tokio::time::sleep(Duration::from_millis(150)).await;
            proxy.set(Fault::None);
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    };
    within("all commands", async {
        tokio::select! {
            () = written => {}
            () = cutting => {}
        }
    })
    .await;
    let revisions: Vec<_> =
        house.log().await.iter().flat_map(|block| block.events().map(|(_, _, event)| event.revision)).collect();
    let expected: Vec<_> = (1..=u64::try_from(CLIENTS * EACH + 1).unwrap()).collect();
    assert_eq!(revisions, expected);
    house.world.stop().await;
}
