//! Every role twice, on one log: it does not matter which instance somebody calls, and calling both with the same command
//! has one effect.

#[path = "instances/notices.rs"]
mod notices;

use std::collections::BTreeSet;

use egide_testkit::{PATIENCE, fresh_id, wait_until};
use egide_tests::case::{self, outcome, patiently};
use egide_tests::roles::Role;
use egide_tests::world::TWO_OF_EACH;
use egide_tests::{Plan, World, events, who};
use egide_wire::classification::DataCategory;
use egide_wire::proto::egide::audit::v1::{AccessReason, ListDisclosuresRequest};
use egide_wire::proto::egide::case::v1::Outcome;
use egide_wire::proto::egide::directory::v1::{
    GetOrganizationRequest, OrganizationRegistered, RegisterOrganizationRequest,
};
use egide_wire::proto::egide::disclosure::v1::{
    FetchReferralRequest, GetDecisionRequest, ListReferralsRequest, RequestDisclosureRequest,
};
use tonic::{Code, Response};

const SITUATION: &[DataCategory] = &[DataCategory::Situation];
const GATES: [Role; 2] = [Role::Disclosure, Role::SecondDisclosure];
const HISTORIES: [Role; 2] = [Role::Audit, Role::SecondAudit];
const DIRECTORIES: [Role; 2] = [Role::Directory, Role::SecondDirectory];

async fn two_of_each() -> World {
    World::with(Plan { roles: &TWO_OF_EACH, ..Plan::default() }).await
}

/// How many events of this kind stand in the log, of a command where one is named.
async fn count(world: &World, kind: &str, command_id: Option<&str>) -> usize {
    let log = world.walk().await;
    let matches = |id: &str| command_id.is_none_or(|command_id| command_id == id);
    log.iter().filter(|entry| entry.kind() == kind && matches(&entry.command_id)).count()
}

#[tokio::test]
async fn either_instance_of_a_role_gives_the_same_answers() {
    let world = two_of_each().await;
    let police = world.police().register().await;
    let case = world.case().victim().triaged().open().await;
    case.consent(&police, SITUATION).await;
    let mut decisions = Vec::new();
    for gate in GATES {
        let request = case.asking(&police, SITUATION);
        let asking = || async {
            let answer = world.disclosure_at(gate, &who::supervisor()).request_disclosure(request.clone()).await;
            answer.map(Response::into_inner)
        };
        let answer = patiently(asking).await.unwrap();
        assert_eq!(outcome(&answer), Some(Outcome::Permit), "{}: {}", gate.name(), case::reasons(&answer));
        decisions.push(answer.decision.expect("a decision"));
    }
    let referrals: BTreeSet<String> = decisions.iter().map(|decision| decision.referral_id.clone()).collect();
    assert_eq!(referrals.len(), 2);

    // Whichever is asked: once each has read the log, the answers are equal to the last field.
    for decision in &decisions {
        let id = decision.decided.as_ref().expect("a decision").decision_id.clone();
        let request = GetDecisionRequest { decision_id: id, reason: AccessReason::Supervision.into() };
        let mut answers = Vec::new();
        for gate in GATES {
            let asking = async || world.disclosure_at(gate, &who::supervisor()).get_decision(request.clone()).await;
            wait_until("the gate knows the decision", PATIENCE, async || asking().await.is_ok()).await;
            answers.push(asking().await.unwrap().into_inner());
        }
        assert_eq!(answers.first(), answers.last());
    }
    let mut lists = Vec::new();
    for gate in GATES {
        let request = ListReferralsRequest { page_size: 200, page_token: String::new() };
        let liaison = police.liaison();
        let asking = async || world.referrals_at(gate, &liaison).list_referrals(request.clone()).await;
        wait_until("the gate lists both referrals", PATIENCE, async || {
            asking().await.is_ok_and(|answer| answer.into_inner().referrals.len() == 2)
        })
        .await;
        lists.push(asking().await.unwrap().into_inner().referrals);
    }
    assert_eq!(lists.first(), lists.last());
    let mut histories = Vec::new();
    for history in HISTORIES {
        let request =
            ListDisclosuresRequest { reason: AccessReason::Audit.into(), ..ListDisclosuresRequest::default() };
        let asking = async || world.audit_at(history, &who::compliance()).list_disclosures(request.clone()).await;
        wait_until("the history holds both", PATIENCE, async || {
            asking().await.is_ok_and(|answer| answer.into_inner().disclosures.len() == 2)
        })
        .await;
        histories.push(asking().await.unwrap().into_inner().disclosures);
    }
    assert_eq!(histories.first(), histories.last());
    let mut entries = Vec::new();
    for directory in DIRECTORIES {
        let request = GetOrganizationRequest { organization_id: police.organization_id.clone() };
        let asking = async || world.directory_at(directory, &who::specialist()).get_organization(request.clone()).await;
        wait_until("the directory knows the organisation", PATIENCE, async || asking().await.is_ok()).await;
        entries.push(asking().await.unwrap().into_inner());
    }
    assert_eq!(entries.first(), entries.last());

    // A referral released through one gate is fetched through the other.
    for (decision, gate) in decisions.iter().zip(GATES.into_iter().rev()) {
        let request = FetchReferralRequest { command_id: fresh_id(), referral_id: decision.referral_id.clone() };
        let liaison = police.liaison();
        let fetching = || async { world.referrals_at(gate, &liaison).fetch_referral(request.clone()).await };
        let fetched = patiently(fetching).await.unwrap().into_inner();
        assert!(fetched.referral.is_some(), "{}", gate.name());
    }
    world.stop(|_| {}).await;
}

#[tokio::test]
async fn a_command_sent_to_both_instances_has_one_effect() {
    let world = two_of_each().await;
    let police = world.police().register().await;
    let case = world.case().victim().triaged().open().await;
    case.consent(&police, SITUATION).await;

    // To both ledgers at the same time, then to each again.
    let command = case::command(&case.id, vec![events::situation(&case.victim)]);
    let (first, second) = tokio::join!(
        async { patiently(|| async { world.ledger(&who::responder()).append(command.clone()).await }).await },
        async { patiently(|| async { world.second_ledger(&who::responder()).append(command.clone()).await }).await },
    );
    let position = case::position(&first.unwrap().into_inner());
    assert_eq!(case::position(&second.unwrap().into_inner()), position);
    for again in [world.ledger(&who::responder()), world.second_ledger(&who::responder())] {
        let answer = patiently(|| async { again.clone().append(command.clone()).await }).await.unwrap().into_inner();
        assert!(answer.repeated_command);
        assert_eq!(case::position(&answer), position);
    }
    assert_eq!(count(&world, "case.situation_recorded", Some(&command.command_id)).await, 1);

    // To both gates.
    let request = case.asking(&police, SITUATION);
    let ask = async |gate: Role, request: &RequestDisclosureRequest| {
        let asking =
            || async { world.disclosure_at(gate, &who::supervisor()).request_disclosure(request.clone()).await };
        patiently(asking).await.unwrap().into_inner()
    };
    let (one, other) = tokio::join!(ask(Role::Disclosure, &request), ask(Role::SecondDisclosure, &request));
    assert_eq!(outcome(&one), Some(Outcome::Permit), "{}", case::reasons(&one));
    assert_eq!(one.report_digest, other.report_digest, "the same report");
    assert_eq!(one.decision.as_ref().unwrap().decided, other.decision.as_ref().unwrap().decided, "the same decision");
    assert_eq!(count(&world, "disclosure.decided", None).await, 1);
    assert_eq!(count(&world, "disclosure.released", None).await, 1);

    // To both gates, by the recipient.
    let referral_id = one.decision.unwrap().referral_id;
    let fetch = FetchReferralRequest { command_id: fresh_id(), referral_id };
    let liaison = police.liaison();
    let get = async |gate: Role| {
        let fetching = || async {
            match world.referrals_at(gate, &liaison).fetch_referral(fetch.clone()).await {
                // An instance that has not read so far answers what it would of any other id; the recipient asks again.
                Err(status) if status.code() == Code::NotFound => Err(tonic::Status::unavailable("not yet")),
                answer => answer,
            }
        };
        patiently(fetching).await.unwrap().into_inner()
    };
    let (one, other) = tokio::join!(get(Role::Disclosure), get(Role::SecondDisclosure));
    assert_eq!(one, other, "the same bytes");
    assert_eq!(count(&world, "disclosure.delivered", None).await, 1);

    // To both directories.
    let organization = OrganizationRegistered {
        organization_id: fresh_id(),
        name_en: "North Shore House".to_owned(),
        name_fr: "Maison de la Rive-Nord".to_owned(),
        kind: egide_wire::proto::egide::case::v1::RecipientKind::SupportService.into(),
        verified: true,
        jurisdictions: vec![egide_wire::proto::egide::case::v1::Jurisdiction::Bc.into()],
        ..OrganizationRegistered::default()
    };
    let registration = RegisterOrganizationRequest { command_id: fresh_id(), organization: Some(organization) };
    let register = async |directory: Role| {
        let registering = || async {
            world.directory_at(directory, &who::specialist()).register_organization(registration.clone()).await
        };
        patiently(registering).await.unwrap().into_inner().receipt.expect("a receipt")
    };
    let (one, other) = tokio::join!(register(Role::Directory), register(Role::SecondDirectory));
    assert_eq!(one.position, other.position, "it stands in one place");
    assert_eq!(count(&world, "directory.organization_registered", Some(&registration.command_id)).await, 1);
    world.stop(|_| {}).await;
}
