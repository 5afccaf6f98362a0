//! Who acted stays readable after they have left.
#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use egide_crypto::sign::SigningKey;
use egide_crypto::token::{Claims, TokenKind, issue};
use egide_servicekit::clock;
use egide_servicekit::identity::PersonToken;
use egide_testkit::{PATIENCE, PROVIDER, PROVIDER_KEYS, wait_until};
use egide_tests::{Role, World, who};
use egide_wire::classification::DataCategory;
use egide_wire::proto::egide::audit::v1::{AccessReason, GetDisclosureRequest};
use egide_wire::proto::egide::disclosure::v1::disclosure_service_client::DisclosureServiceClient;
use serde_json::json;
use tonic::Code;

const ACCOUNT: &str = "odile.departed";

fn publish(world: &World, key: Option<&SigningKey>) {
    let jwk = |key: &SigningKey| {
        let x = URL_SAFE_NO_PAD.encode(key.public_key().as_bytes());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": key.key_id().to_string(), "x": x, "use": "sig"})
    };
    let set = json!({"keys": key.map(jwk).into_iter().collect::<Vec<_>>()});
    std::fs::write(world.data().join(PROVIDER_KEYS), set.to_string()).expect("keys are published");
}

fn token(key: &SigningKey) -> PersonToken {
    let now_s = clock::now_s();
    let claims = Claims {
        issuer: PROVIDER.to_owned(),
        audience: "egide".to_owned(),
        subject: ACCOUNT.to_owned(),
        kind: TokenKind::Person,
        roles: vec!["supervisor".to_owned()],
        unit: None,
        issued_at: now_s,
        expires_at: now_s + 900,
    };
    PersonToken::new(&issue(key, &claims).expect("a token")).expect("a token that can be sent")
}

#[tokio::test]
async fn the_actor_of_a_decision_is_named_in_the_history_after_the_provider_has_forgotten_them() {
    let world = World::start().await;
    let police = world.police().register().await;
    let case = world.case().victim().triaged().open().await;
    case.consent(&police, &[DataCategory::Situation]).await;
    let (key, _) = SigningKey::generate().unwrap();
    let token = token(&key);
    let ask = || DisclosureServiceClient::new(world.for_person(Role::Disclosure, "case-desk", token.clone()));
    let request = case.asking(&police, &[DataCategory::Situation]);
    let stranger = ask().request_disclosure(request.clone()).await.unwrap_err();
    assert_eq!(stranger.code(), Code::Unauthenticated, "no key of the provider is published yet");

    publish(&world, Some(&key));
    wait_until("the key counts", PATIENCE, async || ask().request_disclosure(request.clone()).await.is_ok()).await;
    let answer = ask().request_disclosure(request.clone()).await.unwrap().into_inner();

    // They leave: the provider no longer vouches for them, and what they have in hand is worth nothing.
    publish(&world, None);
    wait_until("the key no longer counts", PATIENCE, async || {
        let again = ask().request_disclosure(request.clone()).await;
        again.is_err_and(|refused| refused.code() == Code::Unauthenticated)
    })
    .await;
    // Nor does a service that is started now know them.
    world.stop_role(Role::Audit).await;
    world.start_role(Role::Audit).await;
    let mut audit = world.audit(&who::compliance());
    let decided = answer.decision.and_then(|decision| decision.decided);
    let disclosure_id = decided.expect("what was decided").decision_id;
    let look =
        GetDisclosureRequest { disclosure_id, reason: AccessReason::Audit.into(), ..GetDisclosureRequest::default() };
    let mut theirs = None;
    wait_until("their decision in the history", PATIENCE, async || {
        theirs = audit.get_disclosure(look.clone()).await.ok().and_then(|answer| answer.into_inner().disclosure);
        theirs.is_some()
    })
    .await;
    let theirs = theirs.expect("their decision");
    let actor = theirs.actor.as_ref().expect("an actor");
    // The service is the one that committed it.
    let (service, person, role) = (actor.service.as_str(), actor.person.as_str(), actor.role.as_str());
    assert_eq!((service, person, role), ("disclosure", ACCOUNT, "supervisor"));
    let events = world.walk().await;
    assert!(events.iter().any(|entry| entry.kind() == "disclosure.decided"), "and it stands in the log");
    world.stop(|_| {}).await;
}
