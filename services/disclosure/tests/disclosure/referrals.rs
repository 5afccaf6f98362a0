//! From a request to a recipient's hands.

use egide_crypto::digest::{Digest, Fingerprinter};
use egide_testkit::{PATIENCE, wait_until, within};
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::disclosure::v1::WatchReferralsRequest;
use egide_wire::proto::egide::ledger::v1::{ReadCaseRequest, recorded_event};
use egide_wire::split::split;
use tonic::Code;

use crate::house::*;

#[tokio::test]
async fn what_is_permitted_is_released_fetched_and_acknowledged() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let response = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    let decided = decided(&response);
    assert!(decided.outcome() == Outcome::Permit && decided.form == "investigating-agency/1");
    assert!(has_reason(decided, ReasonCode::NoConsent), "health is held back");
    let referral_id = response.decision.as_ref().unwrap().referral_id.clone();

    let waiting = house.list(&police.unit).await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].referral_id, referral_id);
    assert_eq!(waiting[0].report_digest, response.report_digest);
    assert!(waiting[0].delivered_at.is_none());

    let fetched = house.fetch(&police.unit, &referral_id).await.unwrap().into_inner().referral.unwrap();
    assert_eq!(fetched.report_digest, response.report_digest);
    let report = house.verified(&fetched);
    let text = report.to_string();
    for told in ["12 Example Street", "Maya", "Forced labour", "Potential victim", "Example Unit"] {
        assert!(text.contains(told), "{told}");
    }
    for withheld in ["back pain", "Rex", "\"tl\"", "caller", &case.case, &case.victim] {
        assert!(!text.contains(withheld), "{withheld}");
    }

    let receipt = house.liaison(&police.unit).acknowledge_referral(acknowledging(&referral_id)).await.unwrap();
    assert!(receipt.into_inner().acknowledged_at.is_some());
    let seen = &house.list(&police.unit).await[0];
    assert!(seen.delivered_at.is_some() && seen.acknowledged_at.is_some());

    let kinds: Vec<String> = house.log().await.into_iter().map(|event| event.kind).collect();
    let around: Vec<&str> = kinds.iter().map(String::as_str).filter(|kind| kind.starts_with("disclosure.")).collect();
    let expected = ["disclosure.decided", "disclosure.released", "disclosure.delivered", "disclosure.acknowledged"];
    assert_eq!(around, expected);
}

#[tokio::test]
async fn a_refusal_is_recorded_with_its_reasons_and_releases_nothing() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let response = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    let decided = decided(&response);
    assert!(decided.outcome() == Outcome::Deny && has_reason(decided, ReasonCode::NoConsent));
    assert!(response.report_digest.is_empty());
    assert_eq!(house.count("disclosure.decided").await, 1);
    assert_eq!(house.count("disclosure.released").await, 0);
    assert!(house.list(&police.unit).await.is_empty());
}

#[tokio::test]
async fn a_recipient_that_is_not_in_the_directory_is_refused_and_that_is_recorded() {
    let house = House::new().await;
    let case = house.case().await;
    let stranger = Recipient { organization: egide_testkit::fresh_id(), unit: egide_testkit::fresh_id() };
    let response = house.staff().request_disclosure(asking(&case, &stranger)).await.unwrap().into_inner();
    assert!(has_reason(decided(&response), ReasonCode::RecipientUnknown));
    assert_eq!(house.count("disclosure.decided").await, 1);
}

#[tokio::test]
async fn a_withdrawal_before_the_delivery_stops_it_and_one_after_it_stops_the_next() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let consent_id = house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    house.fetch(&police.unit, &referral_id).await.unwrap();
    house.withdraw(&case, &consent_id).await;
    assert_eq!(house.fetch(&police.unit, &referral_id).await.unwrap_err().code(), Code::NotFound);
    assert!(house.list(&police.unit).await.is_empty());
    // What was received can be acknowledged all the same.
    house.liaison(&police.unit).acknowledge_referral(acknowledging(&referral_id)).await.unwrap();

    let other = house.case().await;
    let consent_id = house.consent(&other, &police, &USUAL).await;
    let referral_id = house.released(&other, &police).await;
    house.withdraw(&other, &consent_id).await;
    assert_eq!(house.fetch(&police.unit, &referral_id).await.unwrap_err().code(), Code::NotFound);
    let refused = house.liaison(&police.unit).acknowledge_referral(acknowledging(&referral_id)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "nothing was delivered");
    assert_eq!(house.count("disclosure.delivered").await, 1);
}

#[tokio::test]
async fn a_suspension_stops_what_is_released_and_not_yet_delivered() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    house.suspend(&police).await;
    assert_eq!(house.fetch(&police.unit, &referral_id).await.unwrap_err().code(), Code::NotFound);
    let response = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    assert!(has_reason(decided(&response), ReasonCode::RecipientSuspended));
}

#[tokio::test]
async fn two_units_get_reports_that_cannot_be_joined_each_in_its_language() {
    let house = House::new().await;
    let (police, shelter, case) = (house.police().await, house.shelter().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    house.consent(&case, &shelter, &USUAL).await;
    let to_police = house.released(&case, &police).await;
    let mut request = asking(&case, &shelter);
    request.purpose = Purpose::SupportService.into();
    let response = house.staff().request_disclosure(request).await.unwrap().into_inner();
    let to_shelter = response.decision.unwrap().referral_id;
    let police = house.fetch(&police.unit, &to_police).await.unwrap().into_inner().referral.unwrap();
    let shelter = house.fetch(&shelter.unit, &to_shelter).await.unwrap().into_inner().referral.unwrap();
    let (police, shelter) = (house.verified(&police), house.verified(&shelter));
    assert_eq!((police["language"].as_str(), shelter["language"].as_str()), (Some("en"), Some("fr")));
    assert_ne!(police["case_reference"], shelter["case_reference"]);
    assert_ne!(police["people"][0]["code"], shelter["people"][0]["code"]);
    assert_ne!(police["salt"], shelter["salt"]);
}

#[tokio::test]
async fn safe_contact_rules_travel_with_whereabouts_though_contact_is_not_released() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let contact = ContactRecorded {
        subject_id: case.victim.clone(),
        phones: vec!["+1-613-555-0117".into()],
        safe_contact: Some(SafeContact {
            permission: ContactPermission::UnderRules.into(),
            rules: vec![ApproachRule::NoUniform.into()],
        }),
        ..ContactRecorded::default()
    };
    house.emit(&case.case, vec![Payload::ContactRecorded(contact)]).await;
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let referral = house.fetch(&police.unit, &referral_id).await.unwrap().into_inner().referral.unwrap();
    let report = house.verified(&referral);
    let rule = &report["people"][0]["safe_contact"];
    assert_eq!(rule["permission"]["code"], "under_rules");
    assert_eq!(rule["rules"][0]["code"], "no_uniform");
    assert!(!report.to_string().contains("555-0117"));
}

#[tokio::test]
async fn commitments_open_with_the_sealed_salt() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    house.fetch(&police.unit, &referral_id).await.unwrap();
    let request = ReadCaseRequest {
        case_id: case.case.clone(),
        open: true,
        reason: AccessReason::Audit.into(),
        ..ReadCaseRequest::default()
    };
    let events = house.supervisor().read_case(request).await.unwrap().into_inner().events;
    let payloads: Vec<Payload> = events
        .into_iter()
        .filter_map(|event| match event.payload {
            Some(recorded_event::Payload::CaseEvent(event)) => event.payload,
            _ => None,
        })
        .collect();
    let salt = payloads
        .iter()
        .find_map(|payload| match payload {
            Payload::ReferralReleased(released) => Some(released.commitment_salt.clone()),
            _ => None,
        })
        .unwrap();
    let key = Fingerprinter::new(Digest::try_from(salt.as_slice()).unwrap().as_bytes());
    let mut checked = 0;
    for payload in payloads {
        let (without, commitment) = match payload {
            Payload::DisclosureDecided(event) => {
                let commitment = event.commitment.clone();
                (Payload::DisclosureDecided(DisclosureDecided { commitment: Vec::new(), ..event }), commitment)
            }
            Payload::ReferralReleased(event) => {
                let commitment = event.commitment.clone();
                (Payload::ReferralReleased(ReferralReleased { commitment: Vec::new(), ..event }), commitment)
            }
            Payload::ReferralDelivered(event) => {
                let commitment = event.commitment.clone();
                (Payload::ReferralDelivered(ReferralDelivered { commitment: Vec::new(), ..event }), commitment)
            }
            _ => continue,
        };
        let facts = split(&CaseEvent { payload: Some(without) }).unwrap().facts;
        assert_eq!(key.fingerprint(&facts).as_bytes().as_slice(), commitment);
        checked += 1;
    }
    assert_eq!(checked, 3);
}

#[tokio::test]
async fn a_watcher_hears_of_what_waits_and_of_what_comes_and_of_nothing_else() {
    let house = House::new().await;
    let (police, case, gone) = (house.police().await, house.case().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let consent_id = house.consent(&gone, &police, &USUAL).await;
    house.released(&gone, &police).await;
    house.withdraw(&gone, &consent_id).await;
    let first = house.released(&case, &police).await;
    let mut watching =
        house.liaison(&police.unit).watch_referrals(WatchReferralsRequest {}).await.unwrap().into_inner();
    let heard = within("what waits", watching.message()).await.unwrap().unwrap();
    assert_eq!(heard.referral_id, first);
    let second = house.released(&case, &police).await;
    let heard = within("what comes", watching.message()).await.unwrap().unwrap();
    assert_eq!(heard.referral_id, second);
}

#[tokio::test]
async fn pages_of_referrals_go_on_where_they_stopped_and_end() {
    let house = House::new().await;
    let police = house.police().await;
    let mut released = Vec::new();
    for _ in 0..3 {
        let case = house.case().await;
        house.consent(&case, &police, &USUAL).await;
        released.push(house.released(&case, &police).await);
    }
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = egide_wire::proto::egide::disclosure::v1::ListReferralsRequest { page_size: 2, page_token };
        let page = house.liaison(&police.unit).list_referrals(request).await.unwrap().into_inner();
        seen.extend(page.referrals.into_iter().map(|referral| referral.referral_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        assert_eq!(seen.len(), 2);
    }
    assert_eq!(seen, released);
}

#[tokio::test]
async fn nothing_that_identifies_is_in_the_projection() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let markers = egide_testkit::Markers::new();
    let person = PersonIdentified {
        subject_id: case.victim.clone(),
        roles: vec![PersonRole::PotentialVictim.into()],
        family_name: markers.word(),
        ..PersonIdentified::default()
    };
    house.emit(&case.case, vec![Payload::PersonIdentified(person)]).await;
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let referral = house.fetch(&police.unit, &referral_id).await.unwrap().into_inner().referral.unwrap();
    assert!(!markers.find_in("the report", &referral.report).is_empty(), "the recipient is entitled to it");
    let projection = house.world.projection("disclosure");
    wait_until("the projection's files", PATIENCE, async || projection.exists()).await;
    assert_eq!(markers.find_below(&projection), []);
}
