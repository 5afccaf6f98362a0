//! Under which policy is decided.

use egide_domain::policy::{PolicyFile, PolicyFiles};
use egide_servicekit::clock;
use egide_servicekit::policy::LoadedPolicy;
use egide_testkit::{adopt, policy, policy_digest};
use egide_wire::proto::egide::disclosure::v1::referral_service_client::ReferralServiceClient;
use tonic::Code;

use crate::house::*;

/// The shipped policy under another version.
fn newer() -> LoadedPolicy {
    let version = policy().policy().version().to_string();
    let files = PolicyFiles::embedded();
    let files = files.iter().map(|file| PolicyFile { text: file.text.replacen(&version, "next", 1).into(), ..file });
    LoadedPolicy::from_files(PolicyFiles::collect(files).unwrap()).unwrap()
}

#[tokio::test]
async fn nothing_is_decided_or_delivered_under_a_policy_that_was_not_adopted() {
    let mut house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let ledger = house.ledger_url.clone();
    let url = house.start_under(newer(), "newer", &ledger, clock::now).await;
    let mut staff = house.staff_at(&url);
    let refused = staff.request_disclosure(asking(&case, &police)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{}", refused.message());
    let credentials = house.world.identity().person("cli", "k.tremblay", &["liaison"], Some(&police.unit));
    let mut liaison = ReferralServiceClient::new(house.world.upstream(&url, credentials).as_service());
    let refused = liaison.fetch_referral(fetching(&referral_id)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "outside every refusal is the same");
    assert_eq!((house.count("disclosure.decided").await, house.count("disclosure.delivered").await), (1, 0));

    adopt(&house.world, &ledger, &newer()).await;
    let answer = staff.request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    assert_eq!(decided(&answer).policy_digest, newer().digest().as_bytes());
    assert_eq!(decided(&answer).policy_version, "next");
    liaison.fetch_referral(fetching(&referral_id)).await.unwrap();
    // The other instance goes on under the policy that was adopted before.
    let before = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    assert_eq!(decided(&before).policy_digest, policy_digest());
    house.world.stop().await;
}
