//! What the issuer issues, the verifier believes; and nothing else.

use http::{HeaderMap, HeaderValue};

use super::*;
use crate::identity::{Caller, PERSON_HEADER, Peer, SERVICE_HEADER, Unproved};
use egide_crypto::token::TokenError;
use egide_domain::ids::UnitId;

const NOW_S: i64 = 1_790_000_000;

fn issuer() -> (tempfile::TempDir, DevIssuer) {
    let directory = tempfile::tempdir().unwrap();
    let issuer = DevIssuer::open(directory.path()).unwrap();
    (directory, issuer)
}

fn service() -> ServiceName {
    "telephony-desk".parse().unwrap()
}

fn responder() -> Person {
    Person::staff("amelie.roy".parse().unwrap(), [Role::Responder]).unwrap()
}

fn headers(service: Option<&str>, person: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(token) = service {
        headers.insert(SERVICE_HEADER, HeaderValue::try_from(format!("Bearer {token}")).unwrap());
    }
    if let Some(token) = person {
        headers.insert(PERSON_HEADER, HeaderValue::try_from(token).unwrap());
    }
    headers
}

#[test]
fn a_service_with_a_person_is_who_it_says() {
    let (_directory, issuer) = issuer();
    let service_token = issuer.mint_service(&service(), NOW_S).unwrap().token;
    let person_token = issuer.mint_person(&responder(), NOW_S).unwrap().token;
    let headers = headers(Some(&service_token), Some(&person_token));
    let verifier = issuer.insecure_verifier();
    // The second time from memory.
    for _ in 0..2 {
        let (caller, onward) = verifier.caller(&Peer::Anybody, &headers, NOW_S).unwrap();
        assert_eq!(caller, Caller { service: service(), person: Some(responder()) });
        assert_eq!(onward.unwrap().as_str(), person_token);
    }
}

#[test]
fn a_liaison_keeps_the_unit() {
    let (_directory, issuer) = issuer();
    let liaison = Person::liaison("k.tremblay".parse().unwrap(), UnitId([3; 16]));
    let service_token = issuer.mint_service(&service(), NOW_S).unwrap().token;
    let person_token = issuer.mint_person(&liaison, NOW_S).unwrap().token;
    let (caller, _) = issuer
        .insecure_verifier()
        .caller(&Peer::Anybody, &headers(Some(&service_token), Some(&person_token)), NOW_S)
        .unwrap();
    assert_eq!(caller.person, Some(liaison));
}

#[test]
fn a_person_without_a_service_is_nobody() {
    let (_directory, issuer) = issuer();
    let person_token = issuer.mint_person(&responder(), NOW_S).unwrap().token;
    let refused = issuer.insecure_verifier().caller(&Peer::Anybody, &headers(None, Some(&person_token)), NOW_S);
    assert_eq!(refused.unwrap_err(), Unproved::NoService);
}

#[test]
fn tokens_do_not_count_in_each_others_header() {
    let (_directory, issuer) = issuer();
    let service_token = issuer.mint_service(&service(), NOW_S).unwrap().token;
    let person_token = issuer.mint_person(&responder(), NOW_S).unwrap().token;
    let verifier = issuer.insecure_verifier();
    let as_service = verifier.caller(&Peer::Anybody, &headers(Some(&person_token), None), NOW_S);
    assert_eq!(as_service.unwrap_err(), Unproved::Kind { header: SERVICE_HEADER, wanted: "service" });
    // Remembered as good in the service's header, a day-long token is still too long-lived in the person's.
    verifier.caller(&Peer::Anybody, &headers(Some(&service_token), None), NOW_S).unwrap();
    let as_person = verifier.caller(&Peer::Anybody, &headers(Some(&service_token), Some(&service_token)), NOW_S);
    assert_eq!(as_person.unwrap_err(), Unproved::Token { header: PERSON_HEADER, source: TokenError::Lifetime });
}

#[test]
fn a_bad_person_token_is_refused_and_not_passed_over() {
    let (_directory, issuer) = issuer();
    let service_token = issuer.mint_service(&service(), NOW_S).unwrap().token;
    let refused =
        issuer.insecure_verifier().caller(&Peer::Anybody, &headers(Some(&service_token), Some("x.y.z")), NOW_S);
    assert!(matches!(refused, Err(Unproved::Token { header: PERSON_HEADER, .. })));
}

#[test]
fn a_remembered_token_expires_all_the_same() {
    let (_directory, issuer) = issuer();
    let verifier = issuer.insecure_verifier();
    let headers = headers(Some(&issuer.mint_service(&service(), NOW_S).unwrap().token), None);
    let last_s = NOW_S + i64::from(SERVICE_LIFETIME_MAX_S) - 1;
    assert!(verifier.caller(&Peer::Anybody, &headers, NOW_S).is_ok());
    assert!(verifier.caller(&Peer::Anybody, &headers, last_s).is_ok());
    let expired = Unproved::Token { header: SERVICE_HEADER, source: TokenError::Expired };
    assert_eq!(verifier.caller(&Peer::Anybody, &headers, last_s + 1).unwrap_err(), expired);
}

#[test]
fn a_header_sent_twice_is_refused() {
    let (_directory, issuer) = issuer();
    let token = issuer.mint_service(&service(), NOW_S).unwrap().token;
    let mut twice = headers(Some(&token), None);
    twice.append(SERVICE_HEADER, HeaderValue::try_from(format!("Bearer {token}")).unwrap());
    let refused = issuer.insecure_verifier().caller(&Peer::Anybody, &twice, NOW_S);
    assert_eq!(refused.unwrap_err(), Unproved::Header { header: SERVICE_HEADER });
}

#[test]
fn tokens_of_another_key_are_refused_and_no_text_repeats_them() {
    let (_directory, first) = issuer();
    let (_other_directory, second) = issuer();
    let token = first.mint_service(&service(), NOW_S).unwrap().token;
    let refused = second.insecure_verifier().caller(&Peer::Anybody, &headers(Some(&token), None), NOW_S).unwrap_err();
    assert_eq!(refused, Unproved::Token { header: SERVICE_HEADER, source: TokenError::UnknownKey });
    let status = tonic::Status::from(refused);
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
    assert_eq!(status.message(), "`authorization`: the token names no known key");
}

#[test]
fn two_processes_of_one_data_directory_share_the_key() {
    let (directory, first) = issuer();
    let second = DevIssuer::open(directory.path()).unwrap();
    let token = first.mint_service(&service(), NOW_S).unwrap().token;
    assert!(second.insecure_verifier().caller(&Peer::Anybody, &headers(Some(&token), None), NOW_S).is_ok());
}
