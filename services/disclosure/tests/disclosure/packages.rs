//! Referrals as packages: decided again, recorded with the keys, opened by one unit alone.

use age::x25519::Identity;
use egide_crypto::sign::KeyRing;
use egide_parcel::{CheckedPackage, EncryptionKey, Package, check_package};
use egide_testkit::fresh_id;
use egide_trust::PublishedKeys;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{CaseEvent, DeliveryChannel, ReferralDelivered};
use egide_wire::proto::egide::disclosure::v1::{self as proto, FetchPackageRequest, PackReferralRequest};
use prost::Message as _;
use tonic::{Code, Status};

use crate::house::*;

fn packing(referral_id: &str) -> PackReferralRequest {
    PackReferralRequest { command_id: fresh_id(), referral_id: referral_id.to_owned(), received_by: "courier 7".into() }
}

impl House {
    async fn pack(&self, referral_id: &str) -> Result<proto::Package, Status> {
        Ok(self.staff().pack_referral(packing(referral_id)).await?.into_inner().package.unwrap())
    }

    async fn fetch_package(&self, unit: &str, referral_id: &str) -> Result<proto::Package, Status> {
        let request = FetchPackageRequest { command_id: fresh_id(), referral_id: referral_id.to_owned() };
        Ok(self.liaison(unit).fetch_package(request).await?.into_inner().package.unwrap())
    }

    fn published(&self) -> PublishedKeys {
        let mut ring = KeyRing::new();
        ring.insert(self.report_key, None, None).unwrap();
        PublishedKeys::of_ring(&ring)
    }

    /// Opened with a private key, and every check made.
    fn opened(&self, package: &proto::Package, identity: &Identity) -> CheckedPackage {
        let archive = age::decrypt(identity, &package.content).unwrap();
        check_package(&Package::from_archive(&archive).unwrap(), &self.published()).unwrap()
    }

    async fn deliveries(&self) -> Vec<ReferralDelivered> {
        let log = self.log().await;
        let delivered = log.iter().filter(|event| event.kind == "disclosure.delivered");
        let read = delivered.map(|event| CaseEvent::decode(event.facts.as_slice()).unwrap().payload);
        read.filter_map(|payload| match payload {
            Some(Payload::ReferralDelivered(delivered)) => Some(delivered),
            _ => None,
        })
        .collect()
    }
}

fn fingerprint(identity: &Identity) -> String {
    identity.to_public().to_string().parse::<EncryptionKey>().unwrap().fingerprint().to_string()
}

#[tokio::test]
async fn a_package_is_recorded_with_its_keys_and_opened_by_each_of_them_and_nobody_else() {
    let house = House::new().await;
    let (police, shelter, case) = (house.police().await, house.shelter().await, house.case().await);
    let (desk, deputy) = (house.encryption_key(&police).await, house.encryption_key(&police).await);
    let stranger = house.encryption_key(&shelter).await;
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let package = house.pack(&referral_id).await.unwrap();
    assert_eq!((package.referral_id.as_str(), package.unit_id.as_str()), (referral_id.as_str(), police.unit.as_str()));
    for identity in [&desk, &deputy] {
        let checked = house.opened(&package, identity);
        assert_eq!(checked.report.report.referral_id(), referral_id);
        assert_eq!(checked.manifest.encrypted_to, package.encrypted_to);
    }
    assert!(age::decrypt(&stranger, &package.content).is_err(), "another unit's key opens nothing");
    assert!(!package.content.windows(4).any(|window| window == b"Maya"), "nothing of it is in clear");

    let [delivered] = house.deliveries().await.try_into().unwrap();
    assert_eq!(delivered.channel, i32::from(DeliveryChannel::Package));
    let mut expected = vec![fingerprint(&desk), fingerprint(&deputy)];
    expected.sort();
    assert_eq!((delivered.encrypted_to, delivered.received_by.as_str()), (expected, "courier 7"));

    // The liaison fetches the same by themselves: another ciphertext, recorded on its own.
    let fetched = house.fetch_package(&police.unit, &referral_id).await.unwrap();
    assert_ne!(fetched.content, package.content);
    assert_eq!(house.opened(&fetched, &desk).report.digest, house.opened(&package, &desk).report.digest);
    assert!(house.list(&police.unit).await[0].delivered_at.is_some());
    let deliveries = house.deliveries().await;
    assert_eq!((deliveries.len(), deliveries[1].received_by.as_str()), (2, "k.tremblay"));
}

#[tokio::test]
async fn a_key_that_was_removed_opens_no_newer_package() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let (old, new) = (house.encryption_key(&police).await, house.encryption_key(&police).await);
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let before = house.pack(&referral_id).await.unwrap();
    house.remove_encryption_key(&police, fingerprint(&old)).await;
    let after = house.pack(&referral_id).await.unwrap();
    assert_eq!(after.encrypted_to, [fingerprint(&new)]);
    house.opened(&before, &old);
    house.opened(&after, &new);
    assert!(age::decrypt(&old, &after.content).is_err());
    house.remove_encryption_key(&police, fingerprint(&new)).await;
    assert_eq!(house.pack(&referral_id).await.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_unit_without_keys_gets_no_package_and_is_told_so_whatever_is_asked_for() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let refused = house.pack(&referral_id).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let known = house.fetch_package(&police.unit, &referral_id).await.unwrap_err();
    let unknown = house.fetch_package(&police.unit, &fresh_id()).await.unwrap_err();
    for status in [&known, &unknown] {
        assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, refused.message()));
        assert_eq!(status.details(), refused.details());
    }
    assert_eq!(house.count("disclosure.delivered").await, 0);
}

#[tokio::test]
async fn what_is_not_to_leave_leaves_in_no_package_and_outsiders_are_told_one_thing() {
    let house = House::new().await;
    let (police, shelter, case) = (house.police().await, house.shelter().await, house.case().await);
    house.encryption_key(&police).await;
    house.encryption_key(&shelter).await;
    let consent_id = house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let of_another_unit = house.fetch_package(&shelter.unit, &referral_id).await.unwrap_err();
    house.withdraw(&case, &consent_id).await;
    assert_eq!(house.pack(&referral_id).await.unwrap_err().code(), Code::FailedPrecondition);
    assert_eq!(house.pack(&fresh_id()).await.unwrap_err().code(), Code::NotFound);
    let withdrawn = house.fetch_package(&police.unit, &referral_id).await.unwrap_err();
    let absent = house.fetch_package(&police.unit, &fresh_id()).await.unwrap_err();
    let fetched = house.fetch(&police.unit, &referral_id).await.unwrap_err();
    for status in [of_another_unit, withdrawn, absent] {
        assert_eq!((status.code(), status.message()), (fetched.code(), fetched.message()));
        assert_eq!(status.details(), fetched.details());
    }
    assert_eq!(house.count("disclosure.delivered").await, 0, "no delivery is recorded of what nobody got");
    assert_eq!(house.count("access.outsider_refused").await, 4, "one append behind each");
    // A suspended unit gets nothing either, whatever keys it has.
    let other = house.case().await;
    house.consent(&other, &police, &USUAL).await;
    let referral_id = house.released(&other, &police).await;
    house.suspend(&police).await;
    assert_eq!(house.fetch_package(&police.unit, &referral_id).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_repeated_command_is_one_delivery_and_other_content_is_refused() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let identity = house.encryption_key(&police).await;
    house.consent(&case, &police, &USUAL).await;
    let referral_id = house.released(&case, &police).await;
    let request = packing(&referral_id);
    let one = house.staff().pack_referral(request.clone()).await.unwrap().into_inner().package.unwrap();
    let two = house.staff().pack_referral(request.clone()).await.unwrap().into_inner().package.unwrap();
    assert_eq!(house.opened(&one, &identity).report.digest, house.opened(&two, &identity).report.digest);
    assert_eq!(house.count("disclosure.delivered").await, 1);
    let other = PackReferralRequest { received_by: "somebody else".into(), ..request };
    assert_eq!(house.staff().pack_referral(other).await.unwrap_err().code(), Code::AlreadyExists);
    let nobody = PackReferralRequest { received_by: " ".into(), ..packing(&referral_id) };
    assert_eq!(house.staff().pack_referral(nobody).await.unwrap_err().code(), Code::InvalidArgument);
}
