//! A recall after delivery: the unit that had the referral is told and confirms; nobody else learns anything.

use egide_testkit::within;
use egide_wire::proto::egide::case::v1::RecallReason;
use egide_wire::proto::egide::disclosure::v1::{AcknowledgeRecallRequest, WatchReferralsRequest};
use tonic::Code;

use crate::house::*;

#[tokio::test]
async fn a_unit_that_had_it_delivered_is_told_of_a_recall_and_confirms_it_once() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    house.fetch(&police.unit, &referral_id).await.unwrap();
    let mut watching =
        house.liaison(&police.unit).watch_referrals(WatchReferralsRequest {}).await.unwrap().into_inner();
    let heard = within("what waits", watching.message()).await.unwrap().unwrap();
    assert!(heard.referral_id == referral_id && !heard.recalled);
    let early = house.liaison(&police.unit).acknowledge_recall(acknowledging_recall(&referral_id)).await.unwrap_err();
    assert_eq!(early.code(), Code::NotFound, "nothing was recalled yet");

    house.recall(&case, &referral_id, RecallReason::WrongRecipient).await;
    let heard = within("the recall", watching.message()).await.unwrap().unwrap();
    assert!(heard.referral_id == referral_id && heard.recalled);
    assert_eq!(house.fetch(&police.unit, &referral_id).await.unwrap_err().code(), Code::NotFound);
    let listed = &house.list(&police.unit).await[0];
    assert!(listed.recalled_at.is_some() && listed.recall_acknowledged_at.is_none());

    let mut liaison = house.liaison(&police.unit);
    let request = acknowledging_recall(&referral_id);
    let first = liaison.acknowledge_recall(request.clone()).await.unwrap().into_inner();
    let again = liaison.acknowledge_recall(request).await.unwrap().into_inner();
    let other = AcknowledgeRecallRequest { command_id: egide_testkit::fresh_id(), referral_id: referral_id.clone() };
    let third = liaison.acknowledge_recall(other).await.unwrap().into_inner();
    assert!(first == again && first == third && first.acknowledged_at.is_some());
    assert_eq!(house.count("disclosure.recall_acknowledged").await, 1);
    assert!(house.list(&police.unit).await[0].recall_acknowledged_at.is_some());
}

#[tokio::test]
async fn nobody_is_told_of_a_recall_of_what_they_never_had() {
    let house = House::new().await;
    let (police, others, case) = (house.police().await, house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let fetched = house.released(&case, &police).await;
    house.fetch(&police.unit, &fetched).await.unwrap();
    house.recall(&case, &fetched, RecallReason::Error).await;
    let waiting = house.released(&case, &police).await;
    house.recall(&case, &waiting, RecallReason::Error).await;
    let listed: Vec<String> = house.list(&police.unit).await.into_iter().map(|one| one.referral_id).collect();
    assert_eq!(listed, std::slice::from_ref(&fetched));
    assert!(house.list(&others.unit).await.is_empty());
    for (unit, referral_id) in [(&police.unit, &waiting), (&others.unit, &waiting), (&others.unit, &fetched)] {
        let refused = house.liaison(unit).acknowledge_recall(acknowledging_recall(referral_id)).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
    }
    assert_eq!(house.count("access.outsider_refused").await, 3);
    assert_eq!(house.count("disclosure.recall_acknowledged").await, 0);
}
