//! Outsiders learn nothing from a refusal (promise 8).

use std::time::{Duration, Instant};

use egide_testkit::{MovedClock, fresh_id};
use egide_wire::convert::to_timestamp;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{RecallReason, ReferralRecalled, consent_given};
use egide_wire::proto::egide::disclosure::v1::{AcknowledgeReferralRequest, FetchReferralRequest};
use tonic::{Code, Status};

use crate::house::*;

const HOUR_MS: i64 = 3_600_000;

/// What an outsider can see of a refusal.
#[derive(Debug, PartialEq, Eq)]
struct Visible {
    code: Code,
    message: String,
    details: Vec<u8>,
    metadata: Vec<(String, Vec<u8>)>,
}

/// All but what differs from answer to answer: the time of it.
fn visible(status: &Status) -> Visible {
    let mut metadata = status.metadata().clone().into_headers();
    metadata.remove("date");
    let metadata = metadata.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    let (message, details) = (status.message().to_owned(), status.details().to_vec());
    Visible { code: status.code(), message, details, metadata }
}

#[tokio::test]
async fn absent_refused_withdrawn_expired_recalled_and_not_yours_are_one_answer() {
    static CLOCK: MovedClock = MovedClock::new();
    let house = House::at(|| CLOCK.now()).await;
    let (police, others) = (house.police().await, house.police().await);
    let refused = house.case().await;
    let response = house.staff().request_disclosure(asking(&refused, &police)).await.unwrap().into_inner();
    let refused = response.decision.unwrap().decided.unwrap().decision_id;

    let withdrawn = house.case().await;
    let consent_id = house.consent(&withdrawn, &police, &USUAL).await;
    let withdrawn_id = house.released(&withdrawn, &police).await;
    house.withdraw(&withdrawn, &consent_id).await;

    let expiring = async || {
        let case = house.case().await;
        let mut given = consent(&case, &police, &USUAL);
        given.expiry = Some(consent_given::Expiry::ExpiresAt(to_timestamp(CLOCK.after(HOUR_MS))));
        house.emit(&case.case, vec![Payload::ConsentGiven(given)]).await;
        let referral_id = house.released(&case, &police).await;
        (case, referral_id)
    };
    let (_, expired_id) = expiring().await;
    let (noted, noted_id) = expiring().await;

    let recalled = house.case().await;
    house.consent(&recalled, &police, &USUAL).await;
    let recalled_id = house.released(&recalled, &police).await;
    let recall = ReferralRecalled { referral_id: recalled_id.clone(), reason: RecallReason::WrongRecipient.into() };
    house.emit(&recalled.case, vec![Payload::ReferralRecalled(recall)]).await;

    let theirs = house.case().await;
    house.consent(&theirs, &others, &USUAL).await;
    let not_yours_id = house.released(&theirs, &others).await;

    assert_eq!(house.list(&police.unit).await.len(), 2, "what can be fetched now");
    CLOCK.be_ahead(2 * HOUR_MS);
    house.note_expiry(&noted, &police, &noted_id).await;
    let mut answers = Vec::new();
    for id in [fresh_id(), refused, withdrawn_id, expired_id, noted_id, recalled_id, not_yours_id.clone()] {
        let before = house.count("access.outsider_refused").await;
        let all_before = house.log().await.len();
        let began_at = Instant::now();
        let status = house.fetch(&police.unit, &id).await.unwrap_err();
        assert!(began_at.elapsed() >= egide_disclosure::REFUSE_AFTER, "padded");
        assert!(began_at.elapsed() < egide_disclosure::REFUSE_AFTER + Duration::from_secs(2));
        assert_eq!(house.count("access.outsider_refused").await, before + 1);
        assert_eq!(house.log().await.len(), all_before + 1, "exactly one append");
        answers.push(visible(&status));
        let mut liaison = house.liaison(&police.unit);
        let status = liaison.acknowledge_referral(acknowledging(&id)).await.unwrap_err();
        answers.push(visible(&status));
        let status = liaison.acknowledge_recall(acknowledging_recall(&id)).await.unwrap_err();
        answers.push(visible(&status));
    }
    assert_eq!(answers[0].code, Code::NotFound);
    assert!(answers[0].details.is_empty(), "no details");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(house.list(&police.unit).await.is_empty());
    assert_eq!(house.list(&others.unit).await.len(), 1);
    house.fetch(&others.unit, &not_yours_id).await.unwrap();
    let status = house.liaison(&police.unit).acknowledge_referral(acknowledging(&not_yours_id)).await.unwrap_err();
    assert_eq!(visible(&status), answers[0], "delivered to others");
}

#[tokio::test]
async fn a_refusal_in_the_log_does_not_say_what_was_asked_for() {
    let house = House::new().await;
    let police = house.police().await;
    let asked = fresh_id();
    house.fetch(&police.unit, &asked).await.unwrap_err();
    let log = house.log().await;
    let refused = log.iter().find(|event| event.kind == "access.outsider_refused").unwrap();
    let text = String::from_utf8_lossy(&refused.facts).into_owned();
    assert!(text.contains(&police.unit) && text.contains("FetchReferral") && !text.contains(&asked));
    assert_eq!(refused.stream_id, "");
}

#[tokio::test]
async fn what_is_wrong_with_the_bytes_is_said_without_looking_anything_up() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let mut liaison = house.liaison(&police.unit);
    let request = FetchReferralRequest { command_id: "no uuid".into(), referral_id: referral_id.clone() };
    let theirs = liaison.fetch_referral(request).await.unwrap_err();
    let request = FetchReferralRequest { command_id: "no uuid".into(), referral_id: fresh_id() };
    let absent = liaison.fetch_referral(request).await.unwrap_err();
    assert_eq!(theirs.code(), Code::InvalidArgument);
    assert_eq!(visible(&theirs), visible(&absent));
    let request = AcknowledgeReferralRequest { command_id: fresh_id(), referral_id: "x".into() };
    assert_eq!(liaison.acknowledge_referral(request).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(house.count("access.outsider_refused").await, 0);
}

#[tokio::test]
async fn a_list_is_recorded_before_it_is_answered_and_hides_that_something_was_withdrawn() {
    let house = House::new().await;
    let police = house.police().await;
    for _ in 0..2 {
        let case = house.case().await;
        let consent_id = house.consent(&case, &police, &USUAL).await;
        house.released(&case, &police).await;
        house.withdraw(&case, &consent_id).await;
    }
    let request =
        egide_wire::proto::egide::disclosure::v1::ListReferralsRequest { page_size: 1, page_token: String::new() };
    let page = house.liaison(&police.unit).list_referrals(request).await.unwrap().into_inner();
    assert!(page.referrals.is_empty() && page.next_page_token.is_empty());
    assert_eq!(house.count("access.recorded").await, 1);
}

#[tokio::test]
async fn what_ends_between_its_decision_and_its_commit_is_not_delivered_and_looks_absent() {
    static LEDGER: MovedClock = MovedClock::new();
    let mut house = House::at(|| LEDGER.now()).await;
    let ledger_url = house.ledger_url.clone();
    let (police, case) = (house.police().await, house.case().await);
    let mut given = consent(&case, &police, &USUAL);
    given.expiry = Some(consent_given::Expiry::ExpiresAt(to_timestamp(LEDGER.after(HOUR_MS))));
    house.emit(&case.case, vec![Payload::ConsentGiven(given)]).await;
    let referral_id = house.released(&case, &police).await;
    house.fetch(&police.unit, &referral_id).await.unwrap();
    // By the ledger's clock the consent has ended a second ago, by that of whoever decides it has two seconds left.
    LEDGER.be_ahead(HOUR_MS + 1_000);
    // As if whatever is sent took three seconds.
    house.url = house.start("disclosure-late", &ledger_url, || LEDGER.after(-3_000)).await;
    let absent = house.fetch(&police.unit, &fresh_id()).await.unwrap_err();
    let (all, refused) = (house.log().await.len(), house.count("access.outsider_refused").await);
    assert_eq!(house.list(&police.unit).await.len(), 1, "it is decided that it may be fetched");
    let began_at = Instant::now();
    let late = house.fetch(&police.unit, &referral_id).await.unwrap_err();
    assert!(began_at.elapsed() >= egide_disclosure::REFUSE_AFTER, "padded");
    assert_eq!(visible(&late), visible(&absent));
    assert_eq!(house.count("disclosure.delivered").await, 1, "the one in time");
    assert_eq!(house.count("access.outsider_refused").await, refused + 1);
    assert_eq!(house.log().await.len(), all + 2, "the list, and the refusal");
}

#[tokio::test]
async fn what_is_decided_long_before_its_commit_is_decided_again_and_never_told_as_delivered() {
    static LEDGER: MovedClock = MovedClock::new();
    let mut house = House::at(|| LEDGER.now()).await;
    let ledger_url = house.ledger_url.clone();
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let in_time = house.url.clone();
    LEDGER.be_ahead(60_000);
    // And here ten.
    house.url = house.start("disclosure-stale", &ledger_url, || LEDGER.after(-10_000)).await;
    let stale = house.fetch(&police.unit, &referral_id).await.unwrap_err();
    assert_eq!(stale.code(), Code::Unavailable);
    assert_eq!(house.count("disclosure.delivered").await, 0);
    house.url = in_time;
    house.fetch(&police.unit, &referral_id).await.unwrap();
    assert_eq!(house.count("disclosure.delivered").await, 1);
}
