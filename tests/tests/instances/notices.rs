//! Units that are told that something waits: once at each address, whatever fails on the way, and never more than that.

use egide_testkit::{PATIENCE, wait_until};
use egide_tests::log::Facts;
use egide_tests::notices::{Answer, NoticeKey, Receiver};
use egide_tests::{World, who};
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    NoticeGround, NoticeMeans, NoticeOutcome, RecallReason, ReferralRecalled, UnitNotified,
};
use egide_wire::proto::egide::triage::v1::{ListReviewsRequest, ReviewKind};

use super::SITUATION;

/// What became of telling units, as it stands in the log.
async fn notified(world: &World) -> Vec<UnitNotified> {
    let log = world.walk().await;
    let notified = log.into_iter().filter_map(|entry| match entry.facts {
        Facts::Case(Payload::UnitNotified(notified)) => Some(notified),
        Facts::Case(_) | Facts::Directory(_) | Facts::Access(_) | Facts::House(_) => None,
    });
    notified.collect()
}

async fn until_notified(world: &World, count: usize) -> Vec<UnitNotified> {
    wait_until("it is recorded", PATIENCE, async || notified(world).await.len() >= count).await;
    notified(world).await
}

#[expect(clippy::expect_used, reason = "a test stops at the first surprise")]
async fn given_up(world: &World) -> Vec<String> {
    let kinds = vec![ReviewKind::NoticeGivenUp.into()];
    let request =
        ListReviewsRequest { kinds, reason: AccessReason::Supervision.into(), ..ListReviewsRequest::default() };
    let reviews = world
        .triage(&who::supervisor())
        .list_reviews(request)
        .await
        .expect("a supervisor sees what waits")
        .into_inner()
        .reviews;
    reviews.into_iter().map(|review| review.reference_id).collect()
}

#[tokio::test]
async fn a_unit_is_told_once_at_each_address_whatever_fails_on_the_way() {
    let world = World::start().await;
    let key = NoticeKey::new();
    let police = world.police().register().await;
    // Down at first; then it takes a call and cannot say so before the notifier is killed.
    let receiver = Receiver::start(&[Answer::Status(503), Answer::Status(500), Answer::Nothing]).await;
    let other = Receiver::start(&[]).await;
    let address = world.notify_at(&police, receiver.url()).await;
    world.notify_at(&police, other.url()).await;
    let case = world.case().victim().triaged().open().await;
    case.consent(&police, SITUATION).await;
    let notifier = world.notifier(&key).await;
    let referral = case.release(&police, SITUATION).await;

    wait_until("the receiver is called three times", PATIENCE, async || receiver.bytes().len() == 3).await;
    // One that is slow delays nobody else.
    let recorded = until_notified(&world, 1).await;
    assert!(recorded[0].address_id != address && other.bytes().len() == 1);
    notifier.kill();
    let notifier = world.notifier(&key).await;
    let recorded = until_notified(&world, 2).await;
    let expected = UnitNotified {
        referral_id: referral.clone(),
        unit_id: police.id.clone(),
        ground: NoticeGround::Released.into(),
        address_id: address.clone(),
        means: NoticeMeans::Webhook.into(),
        outcome: NoticeOutcome::Sent.into(),
    };
    assert_eq!(recorded[1], expected);
    let calls = receiver.calls(&key);
    assert_eq!(calls.len(), 4);
    assert!(calls.iter().all(|(id, _)| *id == calls[0].0), "a receiver knows it again by its id");
    assert!(other.calls(&key)[0].0 != calls[0].0 && other.calls(&key)[0].1.notice_id == calls[0].1.notice_id);
    assert!(calls.iter().all(|(_, told)| told.unit_id.to_string() == police.id));

    // Another referral is another notice, and nothing was told again meanwhile.
    let second = case.release(&police, SITUATION).await;
    until_notified(&world, 4).await;
    assert_eq!((receiver.bytes().len(), other.bytes().len()), (5, 2));
    assert_ne!(receiver.calls(&key)[4].1.notice_id, calls[0].1.notice_id);

    // A recall of what the unit had is one more; of what it never had, none.
    police.fetch(&referral).await.unwrap();
    for referral_id in [&second, &referral] {
        let reason = RecallReason::Error.into();
        let recall = Payload::ReferralRecalled(ReferralRecalled { referral_id: referral_id.clone(), reason });
        case.append(&who::supervisor(), vec![recall]).await.unwrap();
    }
    let recorded = until_notified(&world, 6).await;
    let recalled = |one: &&UnitNotified| one.ground() == NoticeGround::Recalled;
    assert_eq!(recorded.iter().filter(recalled).map(|one| &one.referral_id).collect::<Vec<_>>(), [&referral; 2]);
    assert_eq!((receiver.bytes().len(), other.bytes().len()), (6, 3));

    // What was told names nothing, and nothing tells where.
    for bytes in receiver.bytes().into_iter().chain(other.bytes()) {
        let text = String::from_utf8(bytes).unwrap();
        for secret in [&case.id, &referral, &second, &address, &police.organization_id] {
            assert!(!text.contains(secret.as_str()), "{text}");
        }
    }
    let lines = world.log_lines();
    assert!(lines.contains("a unit was told") && lines.contains(&address), "by the address's id");
    for receiver in [&receiver, &other] {
        let path = receiver.url().rsplit_once('/').unwrap().1;
        assert!(!lines.contains(path), "never by the address");
    }
    notifier.kill();
    drop((case, police));
    world.stop(|_| {}).await;
}

#[tokio::test]
async fn a_unit_that_cannot_be_told_waits_for_staff_until_somebody_reaches_it() {
    let world = World::start().await;
    let key = NoticeKey::new();
    let (police, shelter) = (world.police().register().await, world.shelter().register().await);
    let gone = Receiver::start(&[Answer::Status(410)]).await;
    let address = world.notify_at(&police, gone.url()).await;
    let case = world.case().victim().triaged().open().await;
    case.consent(&police, SITUATION).await;
    case.consent(&shelter, SITUATION).await;
    let referral = case.release(&police, SITUATION).await;
    // Without an address a unit is not told, and nobody gave up.
    case.release(&shelter, SITUATION).await;
    let notifier = world.notifier(&key).await;
    let recorded = until_notified(&world, 1).await;
    assert_eq!((recorded[0].outcome(), &recorded[0].address_id), (NoticeOutcome::GivenUp, &address));
    assert_eq!(given_up(&world).await, std::slice::from_ref(&referral));

    // Suspended, a unit is told nowhere; and what one address did not take, another one may.
    police.suspend().await;
    let receiver = Receiver::start(&[]).await;
    world.notify_at(&police, receiver.url()).await;
    let reached = Receiver::start(&[]).await;
    world.notify_at(&shelter, reached.url()).await;
    until_notified(&world, 2).await;
    assert_eq!((reached.bytes().len(), receiver.bytes().len(), gone.bytes().len()), (1, 0, 1));
    assert_eq!(given_up(&world).await, [referral]);
    notifier.kill();
    drop((case, police, shelter));
    world.stop(|_| {}).await;
}
