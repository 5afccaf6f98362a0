//! Every call can be repeated, whatever became of it the first time; nothing is doubled (promise 11).

use std::time::Duration;

use egide_servicekit::clock;
use egide_testkit::{Fault, FaultProxy, PATIENCE, wait_until};
use egide_wire::proto::egide::case::v1::Outcome;
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::disclosure::v1::AcknowledgeReferralRequest;
use tonic::{Code, Request};

use crate::house::*;

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_another_content_is_refused() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let request = asking(&case, &police);
    let first = house.staff().request_disclosure(request.clone()).await.unwrap().into_inner();
    let again = house.staff().request_disclosure(request.clone()).await.unwrap().into_inner();
    assert!(first == again);
    assert_eq!(house.count("disclosure.decided").await, 1);
    assert_eq!(house.count("disclosure.released").await, 1);
    let mut other = request;
    other.categories = vec![DataCategory::Situation.into()];
    let status = house.staff().request_disclosure(other).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists);

    let refused = asking(&house.case().await, &police);
    let first = house.staff().request_disclosure(refused.clone()).await.unwrap().into_inner();
    let again = house.staff().request_disclosure(refused).await.unwrap().into_inner();
    assert!(first == again && decided(&first).outcome() == Outcome::Deny);
}

#[tokio::test]
async fn another_instance_repeats_what_the_first_one_answered() {
    let mut house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let ledger_url = house.ledger_url.clone();
    let second = house.start("disclosure-2", &ledger_url, clock::now).await;
    let request = asking(&case, &police);
    let first = house.staff().request_disclosure(request.clone()).await.unwrap().into_inner();
    let again = house.staff_at(&second).request_disclosure(request).await.unwrap().into_inner();
    assert!(first == again);
    assert_eq!(house.count("disclosure.decided").await, 1);
}

#[tokio::test]
async fn the_same_request_many_times_at_once_on_two_instances_is_one_decision_and_one_release() {
    let mut house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let ledger_url = house.ledger_url.clone();
    let second = house.start("disclosure-2", &ledger_url, clock::now).await;
    let request = asking(&case, &police);
    let mut calls = tokio::task::JoinSet::new();
    for index in 0..8 {
        let mut staff = if index % 2 == 0 { house.staff() } else { house.staff_at(&second) };
        let request = request.clone();
        calls.spawn(async move { staff.request_disclosure(request).await.unwrap().into_inner() });
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(house.count("disclosure.decided").await, 1);
    assert_eq!(house.count("disclosure.released").await, 1);
}

#[tokio::test]
async fn a_repeated_fetch_and_a_repeated_receipt_are_the_same_answer_and_recorded_once() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let request = fetching(&referral_id);
    let mut liaison = house.liaison(&police.unit);
    let first = liaison.fetch_referral(request.clone()).await.unwrap().into_inner();
    let again = liaison.fetch_referral(request).await.unwrap().into_inner();
    assert!(first == again);
    assert_eq!(house.count("disclosure.delivered").await, 1);
    let request = acknowledging(&referral_id);
    let first = liaison.acknowledge_referral(request.clone()).await.unwrap().into_inner();
    let again = liaison.acknowledge_referral(request).await.unwrap().into_inner();
    let other = AcknowledgeReferralRequest { command_id: egide_testkit::fresh_id(), referral_id };
    let third = liaison.acknowledge_referral(other).await.unwrap().into_inner();
    assert!(first == again && first == third);
    assert_eq!(house.count("disclosure.acknowledged").await, 1);
}

#[tokio::test]
async fn a_fetch_repeated_after_a_withdrawal_is_refused() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let consent_id = house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let request = fetching(&referral_id);
    let mut liaison = house.liaison(&police.unit);
    liaison.fetch_referral(request.clone()).await.unwrap();
    house.withdraw(&case, &consent_id).await;
    assert_eq!(liaison.fetch_referral(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_fetch_repeated_after_the_case_has_changed_is_decided_and_delivered_again() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let request = fetching(&referral_id);
    let mut liaison = house.liaison(&police.unit);
    let first = liaison.fetch_referral(request.clone()).await.unwrap().into_inner();
    house.consent(&case, &police, &[DataCategory::Health]).await;
    let again = liaison.fetch_referral(request).await.unwrap().into_inner();
    assert!(first == again, "exactly the released digest");
    assert_eq!(house.count("disclosure.delivered").await, 2);
}

#[tokio::test]
async fn a_decision_whose_acknowledgement_was_lost_is_taken_up_again() {
    let mut house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let address = house.ledger_url.trim_start_matches("http://").parse().unwrap();
    let proxy = FaultProxy::start(address).await;
    let url = house.start("disclosure-2", &proxy.url("http"), clock::now).await;
    proxy.set(Fault::SwallowReplies);
    let request = asking(&case, &police);
    let mut lost = Request::new(request.clone());
    lost.set_timeout(Duration::from_millis(1_500));
    house.staff_at(&url).request_disclosure(lost).await.unwrap_err();
    wait_until("the decision in the log", PATIENCE, async || house.count("disclosure.decided").await == 1).await;
    assert_eq!(house.count("disclosure.released").await, 0, "nobody could be told of the permit");
    proxy.set(Fault::None);
    proxy.cut();
    let answer = house.staff_at(&url).request_disclosure(request).await.unwrap().into_inner();
    assert!(decided(&answer).outcome() == Outcome::Permit);
    assert!(!answer.decision.as_ref().unwrap().referral_id.is_empty());
    assert_eq!(house.count("disclosure.decided").await, 1);
    assert_eq!(house.count("disclosure.released").await, 1);
}

#[tokio::test]
async fn a_permit_that_a_withdrawal_overtook_is_decided_again_when_taken_up() {
    let mut house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let consent_id = house.consent(&case, &police, &USUAL).await;
    let address = house.ledger_url.trim_start_matches("http://").parse().unwrap();
    let proxy = FaultProxy::start(address).await;
    let url = house.start("disclosure-2", &proxy.url("http"), clock::now).await;
    proxy.set(Fault::SwallowReplies);
    let request = asking(&case, &police);
    let mut lost = Request::new(request.clone());
    lost.set_timeout(Duration::from_millis(1_500));
    house.staff_at(&url).request_disclosure(lost).await.unwrap_err();
    wait_until("the decision in the log", PATIENCE, async || house.count("disclosure.decided").await == 1).await;
    house.withdraw(&case, &consent_id).await;
    proxy.set(Fault::None);
    proxy.cut();
    let answer = house.staff_at(&url).request_disclosure(request).await.unwrap().into_inner();
    assert!(decided(&answer).outcome() == Outcome::Deny);
    assert_eq!(house.count("disclosure.decided").await, 2);
    assert_eq!(house.count("disclosure.released").await, 0);
}

#[tokio::test]
async fn many_fetches_at_once_are_all_answered_and_each_is_recorded() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let mut liaison = house.liaison(&police.unit);
        let request = fetching(&referral_id);
        calls.spawn(async move { liaison.fetch_referral(request).await.unwrap().into_inner() });
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(house.count("disclosure.delivered").await, 16);
}
