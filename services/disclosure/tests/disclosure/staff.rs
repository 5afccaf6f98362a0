//! What staff do: looking at decisions, and telling a recipient by voice.

use egide_testkit::fresh_id;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::{DeliveryChannel, ReferralDelivered, case_event::Payload};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::disclosure::v1::{
    DeliverReferralRequest, GetDecisionRequest, ListDecisionsRequest, RequestDisclosureRequest,
};
use prost::Message as _;
use tonic::Code;

use crate::house::*;

fn by_voice(referral_id: &str, spoken: &[DataCategory]) -> DeliverReferralRequest {
    DeliverReferralRequest {
        command_id: fresh_id(),
        referral_id: referral_id.to_owned(),
        channel: DeliveryChannel::Voice.into(),
        received_by: "desk sergeant 12".into(),
        spoken: spoken.iter().map(|category| (*category).into()).collect(),
    }
}

#[tokio::test]
async fn a_referral_is_told_by_voice_as_a_script_and_what_was_spoken_is_recorded() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let request = by_voice(&referral_id, &[DataCategory::Whereabouts]);
    let told = house.staff().deliver_referral(request.clone()).await.unwrap().into_inner();
    assert_eq!(told.callback_number, "+1-613-555-0100");
    assert!(told.script.contains("12 Example Street") && !told.script.contains("Forced labour"));
    house.verified(told.referral.as_ref().unwrap());
    let log = house.log().await;
    let event = log.iter().find(|event| event.kind == "disclosure.delivered").unwrap();
    let event = egide_wire::proto::egide::case::v1::CaseEvent::decode(event.facts.as_slice()).unwrap();
    let Some(Payload::ReferralDelivered(ReferralDelivered { channel, received_by, spoken, .. })) = event.payload else {
        panic!("a delivery")
    };
    assert_eq!(channel, i32::from(DeliveryChannel::Voice));
    assert_eq!(received_by, "desk sergeant 12");
    assert_eq!(spoken, [i32::from(DataCategory::Whereabouts)]);
    let again = house.staff().deliver_referral(request.clone()).await.unwrap().into_inner();
    assert!(again == told);
    assert_eq!(house.count("disclosure.delivered").await, 1);
    let mut other = request;
    other.received_by = "somebody else".into();
    assert_eq!(house.staff().deliver_referral(other).await.unwrap_err().code(), Code::AlreadyExists);
}

#[tokio::test]
async fn staff_are_told_why_a_referral_is_not_delivered() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let consent_id = house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    house.withdraw(&case, &consent_id).await;
    let status = house.staff().deliver_referral(by_voice(&referral_id, &[])).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    let status = house.staff().deliver_referral(by_voice(&fresh_id(), &[])).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(house.count("disclosure.delivered").await, 0);
}

#[tokio::test]
async fn an_unknown_case_is_not_found_and_nothing_is_recorded_about_it() {
    let house = House::new().await;
    let police = house.police().await;
    let case = Case { case: fresh_id(), victim: fresh_id(), suspect: fresh_id() };
    let status = house.staff().request_disclosure(asking(&case, &police)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(house.count("disclosure.decided").await, 0);
    // The directory's streams are no cases.
    let request = RequestDisclosureRequest { case_id: police.organization.clone(), ..asking(&case, &police) };
    assert_eq!(house.staff().request_disclosure(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn looking_at_decisions_is_recorded_before_the_answer_found_or_not() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let response = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    let decision = response.decision.unwrap();
    let decision_id = decision.decided.as_ref().unwrap().decision_id.clone();
    let reason = AccessReason::Supervision.into();
    let got = house.staff().get_decision(GetDecisionRequest { decision_id, reason }).await.unwrap().into_inner();
    assert!(got.decision.unwrap() == decision);
    assert_eq!(house.count("access.recorded").await, 1);
    let request = GetDecisionRequest { decision_id: fresh_id(), reason };
    assert_eq!(house.staff().get_decision(request).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(house.count("access.recorded").await, 2);
    let without = GetDecisionRequest { decision_id: fresh_id(), reason: 0 };
    assert_eq!(house.staff().get_decision(without).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(house.count("access.recorded").await, 2);
}

#[tokio::test]
async fn pages_of_decisions_go_on_where_they_stopped_and_end() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let mut made = Vec::new();
    for _ in 0..3 {
        let response = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
        made.push(decided(&response).decision_id.clone());
    }
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListDecisionsRequest {
            case_id: case.case.clone(),
            page_size: 2,
            page_token,
            reason: AccessReason::Audit.into(),
        };
        let page = house.staff().list_decisions(request).await.unwrap().into_inner();
        seen.extend(page.decisions.into_iter().map(|decision| decision.decided.unwrap().decision_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, made);
    assert_eq!(house.count("access.recorded").await, 2);
}
