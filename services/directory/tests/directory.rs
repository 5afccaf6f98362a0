//! The directory with a real ledger on a real `nats-server`.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::time::Duration;

use egide_testkit::{Fault, FaultProxy, PATIENCE, fresh_id, wait_until, within};
use egide_wire::proto::egide::directory::v1::{
    AddEncryptionKeyRequest, AddNotificationAddressRequest, AgreementRecorded, EncryptionKeyAdded,
    EncryptionKeyRemoved, GetNotificationAddressesRequest, GetOrganizationRequest, ListOrganizationsRequest,
    NotificationAddressAdded, NotificationAddressRemoved, RecipientReinstated, RecipientSuspended,
    RecordAgreementRequest, RegisterOrganizationRequest, RegisterUnitRequest, ReinstateRecipientRequest,
    RemoveEncryptionKeyRequest, RemoveNotificationAddressRequest, SuspendRecipientRequest,
};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use self::support::{House, organization, registered, unit};

#[tokio::test]
async fn what_is_written_can_be_read_at_once_and_after_a_restart() {
    let mut house = House::start().await;
    let ledger = house.ledger_url.clone();
    let desk = house.directory("directory", &ledger).await;
    let (id, unit_id) = (registered(&desk).await, fresh_id());

    let request = RegisterUnitRequest { command_id: fresh_id(), unit: Some(unit(&id, &unit_id)) };
    desk.client().register_unit(request).await.unwrap();
    let agreement = AgreementRecorded {
        agreement_id: fresh_id(),
        organization_id: id.clone(),
        unit_id: unit_id.clone(),
        purposes: vec![4],
        categories: vec![2],
        ..AgreementRecorded::default()
    };
    let request = RecordAgreementRequest { command_id: fresh_id(), agreement: Some(agreement.clone()) };
    desk.client().record_agreement(request).await.unwrap();
    let suspension = RecipientSuspended { organization_id: id.clone(), unit_id: unit_id.clone(), reason: 1 };
    let request = SuspendRecipientRequest { command_id: fresh_id(), suspension: Some(suspension) };
    let receipt = desk.client().suspend_recipient(request).await.unwrap().into_inner().receipt.unwrap();
    assert_eq!((receipt.revision, receipt.position), (4, 4));

    let entry = desk.get(&id).await.unwrap();
    assert_eq!(entry.organization, Some(organization(&id, "Harbour Shelter")));
    assert_eq!(entry.units[0].unit, Some(unit(&id, &unit_id)));
    assert_eq!((entry.suspended, entry.units[0].suspended), (false, true));
    assert_eq!((entry.agreements.as_slice(), entry.revision), ([agreement].as_slice(), 4));

    let running = house.world.take("directory");
    within("the directory to stop", running.stop()).await.unwrap();
    let desk = house.directory("directory", &ledger).await;
    assert_eq!(desk.get(&id).await.unwrap(), entry);

    let reinstatement = RecipientReinstated { organization_id: id.clone(), unit_id };
    let request = ReinstateRecipientRequest { command_id: fresh_id(), reinstatement: Some(reinstatement) };
    desk.client().reinstate_recipient(request).await.unwrap();
    assert!(!desk.get(&id).await.unwrap().units[0].suspended);
    house.world.stop().await;
}

#[tokio::test]
async fn a_projection_built_from_nothing_tells_the_same() {
    let mut house = House::start().await;
    let ledger = house.ledger_url.clone();
    let desk = house.directory("one", &ledger).await;
    let id = registered(&desk).await;
    let other = house.directory("two", &ledger).await;
    assert_eq!(other.get(&id).await.unwrap(), desk.get(&id).await.unwrap());
    house.world.stop().await;
}

#[tokio::test]
async fn a_command_sent_again_gets_its_first_receipt_whatever_happened_since() {
    let mut house = House::start().await;
    let ledger = house.ledger_url.clone();
    let desk = house.directory("one", &ledger).await;
    let other = house.directory("two", &ledger).await;
    let (id, command) = (fresh_id(), fresh_id());
    let first = desk.register(&command, organization(&id, "first")).await.unwrap();
    desk.register(&fresh_id(), organization(&id, "second")).await.unwrap();
    for desk in [&desk, &other] {
        assert_eq!(desk.register(&command, organization(&id, "first")).await.unwrap(), first);
        let refused = desk.register(&command, organization(&id, "third")).await.unwrap_err();
        assert_eq!(refused.code(), Code::AlreadyExists);
    }
    let entry = desk.get(&id).await.unwrap();
    assert_eq!((entry.organization.unwrap().name_en.as_str(), entry.revision), ("second", 2));
    house.world.stop().await;
}

#[tokio::test]
async fn a_lost_answer_is_found_again_and_nothing_is_doubled() {
    let mut house = House::start().await;
    let proxy = FaultProxy::start(house.ledger_url.trim_start_matches("http://").parse().unwrap()).await;
    let desk = house.directory("directory", &proxy.url("http")).await;
    let (id, command) = (registered(&desk).await, fresh_id());

    proxy.set(Fault::SwallowReplies);
    let record = organization(&id, "Quayside Shelter");
    let mut request =
        Request::new(RegisterOrganizationRequest { command_id: command.clone(), organization: Some(record.clone()) });
    request.set_timeout(Duration::from_millis(500));
    let lost = desk.client().register_organization(request).await.unwrap_err();
    assert!(matches!(lost.code(), Code::DeadlineExceeded | Code::Unavailable | Code::Cancelled), "{lost:?}");
    wait_until("the change to be recorded all the same", PATIENCE, async || desk.get(&id).await.unwrap().revision == 2)
        .await;

    proxy.set(Fault::None);
    proxy.cut();
    assert_eq!(desk.register(&command, record).await.unwrap().revision, 2);
    assert_eq!(desk.get(&id).await.unwrap().revision, 2);
    house.world.stop().await;
}

#[tokio::test]
async fn changes_that_collide_are_all_recorded_one_after_the_other() {
    let mut house = House::start().await;
    let ledger = house.ledger_url.clone();
    let desks = [house.directory("one", &ledger).await, house.directory("two", &ledger).await];
    let id = registered(&desks[0]).await;
    let changes: Vec<_> = (0..8)
        .map(|number| {
            let (desk, record) = (desks[number % 2].clone(), organization(&id, &format!("name {number}")));
            tokio::spawn(async move { desk.register(&fresh_id(), record).await.unwrap().revision })
        })
        .collect();
    let mut revisions = Vec::new();
    for change in changes {
        revisions.push(within("a change", change).await.unwrap());
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (2..=9).collect::<Vec<u64>>());
    house.world.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_what_stands_is_refused_with_its_field() {
    let mut house = House::start().await;
    let ledger = house.ledger_url.clone();
    let desk = house.directory("directory", &ledger).await;
    let request = RegisterUnitRequest { command_id: fresh_id(), unit: Some(unit(&fresh_id(), &fresh_id())) };
    let refused = desk.client().register_unit(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(refused.get_details_precondition_failure().unwrap().violations[0].subject, "unit.organization_id");

    let (one, other, unit_id) = (registered(&desk).await, registered(&desk).await, fresh_id());
    let register =
        |organization: &str| RegisterUnitRequest { command_id: fresh_id(), unit: Some(unit(organization, &unit_id)) };
    desk.client().register_unit(register(&one)).await.unwrap();
    let refused = desk.client().register_unit(register(&other)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(refused.get_details_precondition_failure().unwrap().violations[0].subject, "unit.unit_id");

    let refused = desk.register("no id", organization(&one, "")).await.unwrap_err();
    let fields: Vec<String> =
        refused.get_details_bad_request().unwrap().field_violations.into_iter().map(|told| told.field).collect();
    assert_eq!(
        (refused.code(), fields),
        (Code::InvalidArgument, vec!["command_id".to_owned(), "organization.name_en".to_owned()])
    );
    assert_eq!(desk.get(&fresh_id()).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(desk.get("no id").await.unwrap_err().code(), Code::InvalidArgument);
    house.world.stop().await;
}

#[tokio::test]
async fn only_partnership_specialists_change_anything() {
    let mut house = House::start().await;
    let ledger = house.ledger_url.clone();
    let desk = house.directory("directory", &ledger).await;
    let id = registered(&desk).await;
    let supervisor = house.desk(&desk.url, &["supervisor", "compliance"]);
    let refused = supervisor.register(&fresh_id(), organization(&id, "renamed")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let entry = supervisor.get(&id).await.unwrap();
    assert_eq!((entry.organization.unwrap().name_en.as_str(), entry.revision), ("Harbour Shelter", 1));
    house.world.stop().await;
}

#[tokio::test]
async fn pages_hold_everything_once_while_the_directory_grows() {
    let mut house = House::start().await;
    let ledger = house.ledger_url.clone();
    let desk = house.directory("directory", &ledger).await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(registered(&desk).await);
    }
    expected.sort();
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListOrganizationsRequest { page_size: 2, page_token };
        let page = desk.client().list_organizations(request).await.unwrap().into_inner();
        listed.extend(page.entries.into_iter().map(|entry| entry.organization.unwrap().organization_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        // Ids are in the order of time, so this one comes later in the list.
        if expected.len() == 5 {
            expected.push(registered(&desk).await);
        }
    }
    assert_eq!(listed, expected);
    house.world.stop().await;
}

#[tokio::test]
async fn a_unit_has_keys_of_its_own_which_come_and_go_and_never_come_back() {
    let mut house = House::start().await;
    let ledger = house.ledger_url.clone();
    let desk = house.directory("directory", &ledger).await;
    let (id, one, other) = (registered(&desk).await, fresh_id(), fresh_id());
    for unit_id in [&one, &other] {
        let request = RegisterUnitRequest { command_id: fresh_id(), unit: Some(unit(&id, unit_id)) };
        desk.client().register_unit(request).await.unwrap();
    }
    let new_key = || age::x25519::Identity::generate().to_public().to_string();
    let add = async |unit_id: &str, recipient: &str| {
        let key = EncryptionKeyAdded {
            organization_id: id.clone(),
            unit_id: unit_id.to_owned(),
            recipient: recipient.to_owned(),
            label: "duty desk".to_owned(),
        };
        desk.client().add_encryption_key(AddEncryptionKeyRequest { command_id: fresh_id(), key: Some(key) }).await
    };
    let remove = async |unit_id: &str, fingerprint: &str| {
        let key = EncryptionKeyRemoved {
            organization_id: id.clone(),
            unit_id: unit_id.to_owned(),
            fingerprint: fingerprint.to_owned(),
        };
        desk.client().remove_encryption_key(RemoveEncryptionKeyRequest { command_id: fresh_id(), key: Some(key) }).await
    };
    let rule = |status: tonic::Status| {
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        status.get_details_precondition_failure().unwrap().violations[0].r#type.clone()
    };
    let first = new_key();
    add(&one, &first).await.unwrap();
    assert_eq!(rule(add(&one, &first).await.unwrap_err()), "key_known");
    assert_eq!(rule(add(&other, &first).await.unwrap_err()), "key_of_other_unit");
    for _ in 1..8 {
        add(&one, &new_key()).await.unwrap();
    }
    assert_eq!(rule(add(&one, &new_key()).await.unwrap_err()), "too_many_keys");

    let fingerprint = desk.get(&id).await.unwrap().units[0].encryption_keys[0].fingerprint.clone();
    assert_eq!(rule(remove(&other, &fingerprint).await.unwrap_err()), "key_unknown");
    remove(&one, &fingerprint).await.unwrap();
    assert_eq!(rule(remove(&one, &fingerprint).await.unwrap_err()), "key_unknown");
    assert_eq!(rule(add(&one, &first).await.unwrap_err()), "key_removed");
    assert_eq!(rule(add(&other, &first).await.unwrap_err()), "key_of_other_unit");
    add(&one, &new_key()).await.unwrap();
    let keys = desk.get(&id).await.unwrap().units[0].encryption_keys.clone();
    assert_eq!(keys.len(), 9, "those removed are told with when that was");
    assert!(keys[0].recipient == first && keys[0].removed_at.is_some() && keys[0].added_at.is_some());

    let nowhere = add(&fresh_id(), &new_key()).await.unwrap_err();
    assert_eq!(nowhere.code(), Code::FailedPrecondition);
    let secret = "AGE-SECRET-KEY-1QQPQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQP";
    let refused = add(&one, secret).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(!format!("{refused:?}").contains("1QQPQQQP"));
    assert_eq!(desk.get(&id).await.unwrap().revision, 13, "nothing of it is kept");
    house.world.stop().await;
}

#[tokio::test]
async fn keys_that_are_given_at_once_are_as_many_as_a_unit_may_have() {
    let mut house = House::start().await;
    let ledger = house.ledger_url.clone();
    let desk = house.directory("directory", &ledger).await;
    let (id, unit_id) = (registered(&desk).await, fresh_id());
    let request = RegisterUnitRequest { command_id: fresh_id(), unit: Some(unit(&id, &unit_id)) };
    desk.client().register_unit(request).await.unwrap();
    let mut given = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let key = EncryptionKeyAdded {
            organization_id: id.clone(),
            unit_id: unit_id.clone(),
            recipient: age::x25519::Identity::generate().to_public().to_string(),
            label: "duty desk".to_owned(),
        };
        let request = AddEncryptionKeyRequest { command_id: fresh_id(), key: Some(key) };
        let mut client = desk.client();
        given.spawn(async move { client.add_encryption_key(request).await.map(drop) });
    }
    let answers = given.join_all().await;
    for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert!(matches!(refused.code(), Code::FailedPrecondition | Code::Aborted), "{refused:?}");
    }
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 8);
    assert_eq!(desk.get(&id).await.unwrap().units[0].encryption_keys.len(), 8);
    house.world.stop().await;
}

#[tokio::test]
async fn a_unit_has_addresses_that_come_and_go_and_none_while_it_is_suspended() {
    let mut house = House::start().await;
    let ledger = house.ledger_url.clone();
    let desk = house.directory("directory", &ledger).await;
    let (id, unit_id) = (registered(&desk).await, fresh_id());
    let request = RegisterUnitRequest { command_id: fresh_id(), unit: Some(unit(&id, &unit_id)) };
    desk.client().register_unit(request).await.unwrap();
    let add = async |address_id: &str, means: i32, address: &str| {
        let address = NotificationAddressAdded {
            organization_id: id.clone(),
            unit_id: unit_id.clone(),
            address_id: address_id.to_owned(),
            means,
            address: address.to_owned(),
            label: "duty desk".to_owned(),
        };
        let request = AddNotificationAddressRequest { command_id: fresh_id(), address: Some(address) };
        desk.client().add_notification_address(request).await
    };
    let remove = async |address_id: &str| {
        let (organization_id, unit_id, address_id) = (id.clone(), unit_id.clone(), address_id.to_owned());
        let address = NotificationAddressRemoved { organization_id, unit_id, address_id };
        let request = RemoveNotificationAddressRequest { command_id: fresh_id(), address: Some(address) };
        desk.client().remove_notification_address(request).await
    };
    // As the notifier asks, and nobody else.
    let told = async || {
        let (organization_id, unit_id) = (id.clone(), unit_id.clone());
        let request = GetNotificationAddressesRequest { organization_id, unit_id };
        let answer = house.as_service(&desk.url, "notifier").get_notification_addresses(request).await;
        let answer = answer.unwrap().into_inner();
        answer.addresses.into_iter().map(|address| address.address).collect::<Vec<_>>()
    };
    let rule = |status: tonic::Status| {
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        status.get_details_precondition_failure().unwrap().violations[0].r#type.clone()
    };
    let (first, url, mailbox) = (fresh_id(), "https://desk.example.ca/egide", "desk@example.ca");
    add(&first, 1, url).await.unwrap();
    add(&fresh_id(), 2, mailbox).await.unwrap();
    assert_eq!(rule(add(&first, 1, "https://other.example.ca/").await.unwrap_err()), "address_id_used");
    assert_eq!(rule(add(&fresh_id(), 1, url).await.unwrap_err()), "address_known");
    assert_eq!(rule(add(&fresh_id(), 1, "http://127.0.0.1:9/").await.unwrap_err()), "address_in_clear");
    assert_eq!(told().await, [url, mailbox]);
    remove(&first).await.unwrap();
    assert_eq!(rule(remove(&first).await.unwrap_err()), "address_unknown");
    assert_eq!(told().await, [mailbox]);
    let history = desk.get(&id).await.unwrap().units[0].notification_addresses.clone();
    assert!(history.len() == 2 && history[0].removed_at.is_some() && history[1].removed_at.is_none());
    // Services that ask for nobody are told who is registered, and not where units are told.
    let request = GetOrganizationRequest { organization_id: id.clone() };
    let entry = house.as_service(&desk.url, "audit").get_organization(request).await.unwrap().into_inner().entry;
    assert!(entry.unwrap().units[0].notification_addresses.is_empty());
    for number in 1..8 {
        add(&fresh_id(), 1, &format!("https://desk{number}.example.ca/")).await.unwrap();
    }
    assert_eq!(rule(add(&fresh_id(), 1, url).await.unwrap_err()), "too_many_addresses");
    let suspension = RecipientSuspended { organization_id: id.clone(), unit_id: String::new(), reason: 1 };
    let request = SuspendRecipientRequest { command_id: fresh_id(), suspension: Some(suspension) };
    desk.client().suspend_recipient(request).await.unwrap();
    assert!(told().await.is_empty());
    let request = GetNotificationAddressesRequest { organization_id: id.clone(), unit_id: unit_id.clone() };
    let refused = desk.client().get_notification_addresses(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    house.world.stop().await;
}
