//! Every decision can be made again from the log, under the policy it was made under (promise 7).

use egide_domain::policy::{PolicyFile, PolicyFiles};
use egide_servicekit::clock;
use egide_servicekit::policy::LoadedPolicy;
use egide_testkit::{adopt, fresh_id};
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{Outcome, ReasonCode, RecallReason};
use egide_wire::proto::egide::disclosure::v1::{Replay, ReplayDecisionRequest, ReplayHistoryRequest, ReplayOutcome};
use tonic::Code;

use crate::house::*;

const AUDIT: i32 = AccessReason::Audit as i32;

/// A policy under which permits live for two days instead of three.
fn shorter() -> LoadedPolicy {
    let change = |file: PolicyFile| {
        let text = file.text.replace("\"2026-11-22\"", "\"2026-11-23\"");
        let text = text.replace("\"decision_life_hours\": 72,", "\"decision_life_hours\": 48,");
        let text = if *file.name == *PolicyFiles::POLICY { text.into() } else { file.text };
        PolicyFile { name: file.name, text }
    };
    let files: Vec<PolicyFile> = PolicyFiles::embedded().iter().map(change).collect();
    LoadedPolicy::from_files(PolicyFiles::collect(files).unwrap()).unwrap()
}

async fn replay(mut gate: Staff, decision_id: &str) -> Replay {
    let request = ReplayDecisionRequest { decision_id: decision_id.to_owned(), reason: AUDIT };
    gate.replay_decision(request).await.unwrap().into_inner().replay.unwrap()
}

async fn replay_all(mut gate: Staff) -> (u64, Vec<Replay>) {
    let mut answers = gate.replay_history(ReplayHistoryRequest { reason: AUDIT }).await.unwrap().into_inner();
    let (mut total, mut replays) = (0, Vec::new());
    while let Some(answer) = answers.message().await.unwrap() {
        total = answer.total;
        replays.extend(answer.replay);
    }
    (total, replays)
}

#[tokio::test]
async fn old_decisions_are_made_again_under_their_own_policy_byte_for_byte() {
    let mut house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let refused = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    let consent_id = house.consent(&case, &police, &USUAL).await;
    let first = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    let policy = shorter();
    adopt(&house.world, &house.ledger_url, &policy).await;
    let ledger_url = house.ledger_url.clone();
    let later = house.start_under(policy, "disclosure-2", &ledger_url, clock::now).await;
    let second = house.staff_at(&later).request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    let referral_id = first.decision.as_ref().unwrap().referral_id.clone();
    house.recall(&case, &referral_id, RecallReason::Error).await;
    house.withdraw(&case, &consent_id).await;
    house.suspend(&police).await;
    let suspended = house.staff_at(&later).request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    assert!(decided(&first).policy_digest != decided(&second).policy_digest);
    let life = |decided: &egide_wire::proto::egide::case::v1::DisclosureDecided| {
        decided.expires_at.as_ref().unwrap().seconds - decided.decided_at.as_ref().unwrap().seconds
    };
    assert_eq!((life(decided(&first)), life(decided(&second))), (72 * 3600, 48 * 3600));

    for url in [house.url.clone(), later] {
        let gate = || house.gate_for(&url, "jean.tremblay", "compliance");
        for made in [&refused, &first, &second, &suspended] {
            let replay = replay(gate(), &decided(made).decision_id).await;
            assert!(replay.outcome() == ReplayOutcome::Same, "{}", replay.first_difference);
            assert!(replay.same_contract && replay.case_id == case.case);
        }
        let looks = house.count("access.recorded").await;
        let (total, replays) = replay_all(gate()).await;
        assert_eq!((total, replays.len()), (4, 4));
        assert!(replays.iter().all(|replay| replay.outcome() == ReplayOutcome::Same));
        assert_eq!(house.count("access.recorded").await, looks + 1);
    }
}

#[tokio::test]
async fn a_decision_that_the_gate_did_not_make_so_is_found_with_its_first_difference() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let response = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    let mut forged = decided(&response).clone();
    assert!(forged.outcome() == Outcome::Deny && has_reason(&forged, ReasonCode::NoConsent));
    forged.decision_id = fresh_id();
    forged.case_revision += 1;
    forged.reasons.retain(|reason| reason.code() != ReasonCode::NoConsent);
    let decision_id = forged.decision_id.clone();
    house.forge(&case.case, Payload::DisclosureDecided(forged)).await;
    let gate = || house.gate_for(&house.url, "jean.tremblay", "compliance");
    let different = replay(gate(), &decision_id).await;
    assert!(different.outcome() == ReplayOutcome::Different);
    assert_eq!(different.first_difference, "reasons");
    let (total, replays) = replay_all(gate()).await;
    assert_eq!(total, 2);
    let differing = replays.iter().filter(|replay| replay.outcome() == ReplayOutcome::Different);
    assert_eq!(differing.count(), 1);
    let request = ReplayDecisionRequest { decision_id: fresh_id(), reason: AUDIT };
    assert_eq!(gate().replay_decision(request).await.unwrap_err().code(), Code::NotFound);
    let request = ReplayDecisionRequest { decision_id, reason: AUDIT };
    assert_eq!(house.staff().replay_decision(request).await.unwrap_err().code(), Code::PermissionDenied);
}
