//! Referrals as packages: decided again, recorded with the keys, opened by one unit alone.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use age::x25519::Identity;
use egide_crypto::sign::{KeyRing, SigningKey};
use egide_parcel::{CheckedPackage, EncryptionKey, Package, Part, check_package};
use egide_servicekit::clock;
use egide_testkit::{fresh_id, policy, within};
use egide_trust::PublishedKeys;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{CaseEvent, DeliveryChannel, ReferralDelivered};
use egide_wire::proto::egide::disclosure::v1::{self as proto, FetchPackageRequest, PackReferralRequest, PackagePages};
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

    /// The pages in a package that holds in itself; none where it has none.
    fn pages(&self, package: &proto::Package, identity: &Identity) -> Option<String> {
        let archive = age::decrypt(identity, &package.content).unwrap();
        let opened = Package::from_archive(&archive).unwrap();
        check_package(&opened, &self.published()).unwrap();
        opened.part(Part::Pdf).map(|pdf| String::from_utf8(pdf.to_vec()).unwrap())
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

/// A program that sets pages as the other does, and says what it was fed.
fn stand_in(directory: &Path, name: &str, script: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

#[tokio::test]
async fn pages_go_into_a_package_in_the_recipients_language_and_one_that_cannot_have_them_goes_all_the_same() {
    let mut house = House::new().await;
    let directory = tempfile::tempdir().unwrap();
    let (police, shelter, case) = (house.police().await, house.shelter().await, house.case().await);
    let (desk, door) = (house.encryption_key(&police).await, house.encryption_key(&shelter).await);
    house.consent(&case, &police, &USUAL).await;
    house.consent(&case, &shelter, &USUAL).await;
    let (english, french) = (house.released(&case, &police).await, {
        let asked = asking(&case, &shelter);
        let purpose = egide_wire::proto::egide::case::v1::Purpose::SupportService.into();
        let asked = proto::RequestDisclosureRequest { purpose, ..asked };
        house.staff().request_disclosure(asked).await.unwrap().into_inner().decision.unwrap().referral_id
    });
    let bare = house.pack(&english).await.unwrap();
    assert_eq!((bare.pages(), house.pages(&bare, &desk)), (PackagePages::NotSetUp, None));

    house.set_pages_with(stand_in(directory.path(), "echo", "printf '%%PDF-'; exec /bin/cat")).await;
    for (referral_id, identity, language) in [(&english, &desk, "en"), (&french, &door, "fr")] {
        let package = house.pack(referral_id).await.unwrap();
        assert_eq!(package.pages(), PackagePages::Included);
        let pages = house.pages(&package, identity).unwrap();
        assert!(pages.contains(&format!(r#""language":"{language}"#)) && pages.contains("Maya"), "{pages}");
        assert!(!package.content.windows(4).any(|window| window == b"Maya"), "they are as sealed as the rest");
    }
    let fetched = house.fetch_package(&police.unit, &english).await.unwrap();
    assert_eq!(fetched.pages(), PackagePages::Included);

    // One that refuses, one that answers with too much for a package, and one that never ends.
    let large = "printf '%%PDF-'; exec /usr/bin/head -c 2097152 /dev/zero";
    for (name, script) in [("refuses", "exit 3"), ("large", large), ("sleeps", "exec /bin/sleep 600")] {
        house.set_pages_with(stand_in(directory.path(), name, script)).await;
        let begun = std::time::Instant::now();
        let package = house.pack(&english).await.unwrap();
        assert_eq!((package.pages(), house.pages(&package, &desk)), (PackagePages::NotMade, None), "{name}");
        assert!(begun.elapsed().as_secs() < 5, "{name}");
    }
}

#[tokio::test]
async fn a_service_whose_key_for_reports_is_not_certified_does_not_start() {
    let house = House::new().await;
    let mut config = house.config(policy(), "stranger", &house.ledger_url, clock::now);
    config.report_key = SigningKey::generate().unwrap().0;
    let stranger = config.report_key.key_id().to_string();
    let started = within("an answer", egide_disclosure::start(config, house.world.shutdown())).await;
    let told = started.map(drop).unwrap_err().to_string();
    assert!(told.contains(&stranger) && told.contains("egide trust add-key --use report"), "{told}");
}
