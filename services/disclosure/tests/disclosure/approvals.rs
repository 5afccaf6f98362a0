//! What needs a second person's yes: asked for, granted, rejected, and gone on with after a failure at any step.

use std::time::Duration;

use egide_servicekit::clock;
use egide_testkit::{Fault, FaultProxy, PATIENCE, fresh_id, wait_until};
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::{ApprovalOutcome, Outcome, ReasonCode, RejectionReason};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::disclosure::v1::{
    Approval, DecideApprovalRequest, ExplainDecisionRequest, ListApprovalsRequest, RequestDisclosureRequest,
    RequestDisclosureResponse,
};
use tonic::{Code, Request};

use crate::house::*;

const REASON: i32 = AccessReason::Supervision as i32;

fn granting(approval_id: &str) -> DecideApprovalRequest {
    DecideApprovalRequest {
        command_id: fresh_id(),
        approval_id: approval_id.to_owned(),
        outcome: ApprovalOutcome::Granted.into(),
        reason: 0,
    }
}

fn rejecting(approval_id: &str) -> DecideApprovalRequest {
    DecideApprovalRequest {
        outcome: ApprovalOutcome::Rejected.into(),
        reason: RejectionReason::TooMuch.into(),
        ..granting(approval_id)
    }
}

/// The police ask for health too, which the potential victim allows and a supervisor must approve.
async fn waiting(house: &House) -> (Recipient, Case, RequestDisclosureRequest, RequestDisclosureResponse) {
    let (police, case) = (house.police().await, house.case().await);
    let mut categories = USUAL.to_vec();
    categories.push(DataCategory::Health);
    house.consent(&case, &police, &categories).await;
    let request = asking(&case, &police);
    let response = house.staff().request_disclosure(request.clone()).await.unwrap().into_inner();
    assert!(decided(&response).outcome() == Outcome::Deny);
    assert!(has_reason(decided(&response), ReasonCode::ApprovalRequired));
    assert!(!response.approval_id.is_empty());
    (police, case, request, response)
}

async fn open(house: &House) -> Vec<Approval> {
    let request = ListApprovalsRequest { page_size: 0, page_token: String::new(), reason: REASON };
    house.approver().list_approvals(request).await.unwrap().into_inner().approvals
}

#[tokio::test]
async fn a_disclosure_that_waits_for_a_yes_is_released_with_it() {
    let house = House::new().await;
    let (police, case, request, response) = waiting(&house).await;
    let again = house.staff().request_disclosure(request).await.unwrap().into_inner();
    assert!(again == response);
    assert_eq!(house.count("disclosure.decided").await, 1);
    assert_eq!(house.count("disclosure.approval_requested").await, 1);
    assert_eq!(house.count("disclosure.released").await, 0);

    let listed = open(&house).await;
    assert_eq!(listed.len(), 1);
    assert!(listed[0].approval_id == response.approval_id && listed[0].case_id == case.case);
    assert_eq!(listed[0].rules, ["status-or-health-to-investigators"]);
    assert_eq!(listed[0].requested_by.as_ref().unwrap().person, "amelie.roy");
    assert_eq!(house.count("access.recorded").await, 1);

    let grant = granting(&response.approval_id);
    let granted = house.approver().decide_approval(grant.clone()).await.unwrap().into_inner();
    let decision = granted.decision.clone().unwrap();
    let made = decision.decided.as_ref().unwrap();
    assert!(made.outcome() == Outcome::Permit && has_reason(made, ReasonCode::Approved));
    assert_eq!(made.request.as_ref().unwrap().approval_id, response.approval_id);
    let same = house.approver().decide_approval(grant).await.unwrap().into_inner();
    let other_command = house.approver().decide_approval(granting(&response.approval_id)).await.unwrap().into_inner();
    assert!(same == granted && other_command == granted);
    assert_eq!(house.count("disclosure.released").await, 1);
    assert_eq!(house.count("disclosure.approval_decided").await, 1);
    assert!(open(&house).await.is_empty());

    let referral = house.fetch(&police.unit, &decision.referral_id).await.unwrap().into_inner().referral.unwrap();
    assert!(house.verified(&referral).to_string().contains("12 Example Street"));
    assert!(made.mask.iter().any(|entry| entry.category() == DataCategory::Health), "what had to be approved");
    // The refusal is explained with what became of it.
    let decision_id = decided(&response).decision_id.clone();
    let explain = ExplainDecisionRequest { decision_id, reason: REASON };
    let told = house.approver().explain_decision(explain).await.unwrap().into_inner().explanation.unwrap();
    assert!(told.english.join("\n").contains("granted by a supervisor"), "{:?}", told.english);

    // What was granted can be taken back: then nothing more is delivered under it.
    house.approver().decide_approval(rejecting(&response.approval_id)).await.unwrap();
    let gone = house.fetch(&police.unit, &decision.referral_id).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test]
async fn who_asked_does_not_approve_and_a_responder_neither() {
    let house = House::new().await;
    let (.., response) = waiting(&house).await;
    let approval_id = response.approval_id;
    let themself = house.gate_for(&house.url, "amelie.roy", "supervisor").decide_approval(granting(&approval_id)).await;
    let refused = themself.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("whoever asked"), "{}", refused.message());
    let responder =
        house.gate_for(&house.url, "liam.oconnor", "responder").decide_approval(granting(&approval_id)).await;
    assert_eq!(responder.unwrap_err().code(), Code::PermissionDenied);
    let mut compliance = house.gate_for(&house.url, "jean.tremblay", "compliance");
    for answer in [granting(&approval_id), rejecting(&approval_id)] {
        let refused = compliance.decide_approval(answer).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert!(
            refused.message().contains("another role") && refused.message().contains("`supervisor`"),
            "{refused:?}"
        );
    }
    let unknown = house.approver().decide_approval(granting(&fresh_id())).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(house.count("disclosure.approval_decided").await, 0);
}

#[tokio::test]
async fn a_rejection_is_for_good() {
    let house = House::new().await;
    let (.., response) = waiting(&house).await;
    let reject = rejecting(&response.approval_id);
    let rejected = house.approver().decide_approval(reject.clone()).await.unwrap().into_inner();
    assert!(rejected.decision.is_none());
    house.approver().decide_approval(reject.clone()).await.unwrap();
    let mut other = granting(&response.approval_id);
    assert_eq!(house.approver().decide_approval(other.clone()).await.unwrap_err().code(), Code::FailedPrecondition);
    other.command_id = reject.command_id;
    assert_eq!(house.approver().decide_approval(other).await.unwrap_err().code(), Code::AlreadyExists);
    assert!(open(&house).await.is_empty());
    assert_eq!(house.count("disclosure.decided").await, 1);
    assert_eq!(house.count("disclosure.released").await, 0);
}

#[tokio::test]
async fn what_was_taken_back_meanwhile_is_not_released_by_a_yes() {
    let house = House::new().await;
    let (_, case, _, response) = waiting(&house).await;
    house.withdraw(&case, "").await;
    let granted = house.approver().decide_approval(granting(&response.approval_id)).await.unwrap().into_inner();
    let decision = granted.decision.unwrap();
    assert!(decision.decided.unwrap().outcome() == Outcome::Deny && decision.referral_id.is_empty());
    assert_eq!(house.count("disclosure.released").await, 0);
}

#[tokio::test]
async fn a_yes_whose_acknowledgement_was_lost_is_gone_on_with() {
    let mut house = House::new().await;
    let (.., response) = waiting(&house).await;
    let address = house.ledger_url.trim_start_matches("http://").parse().unwrap();
    let proxy = FaultProxy::start(address).await;
    let url = house.start("disclosure-2", &proxy.url("http"), clock::now).await;
    proxy.set(Fault::SwallowReplies);
    let grant = granting(&response.approval_id);
    let mut lost = Request::new(grant.clone());
    lost.set_timeout(Duration::from_millis(1_500));
    house.gate_for(&url, "marc.gagnon", "supervisor").decide_approval(lost).await.unwrap_err();
    let decided = async || house.count("disclosure.approval_decided").await == 1;
    wait_until("the answer in the log", PATIENCE, decided).await;
    assert_eq!(house.count("disclosure.decided").await, 1, "nobody could go on");
    proxy.set(Fault::None);
    proxy.cut();
    let granted = house.gate_for(&url, "marc.gagnon", "supervisor").decide_approval(grant).await.unwrap().into_inner();
    assert!(!granted.decision.unwrap().referral_id.is_empty());
    assert_eq!(house.count("disclosure.approval_decided").await, 1);
    assert_eq!(house.count("disclosure.decided").await, 2);
    assert_eq!(house.count("disclosure.released").await, 1);
}

#[tokio::test]
async fn pages_of_approvals_go_on_where_they_stopped_and_end() {
    let house = House::new().await;
    let mut asked = Vec::new();
    for _ in 0..3 {
        asked.push(waiting(&house).await.3.approval_id);
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListApprovalsRequest { page_size: 2, page_token, reason: REASON };
        let page = house.approver().list_approvals(request).await.unwrap().into_inner();
        seen.extend(page.approvals.into_iter().map(|approval| approval.approval_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        assert_eq!(seen.len(), 2);
    }
    assert_eq!(seen, asked);
}
