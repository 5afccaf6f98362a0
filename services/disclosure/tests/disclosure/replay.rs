//! Every decision can be made again from the log, under the policy it was made under (promise 7).

use egide_crypto::digest::{Fingerprinter, sha256};
use egide_domain::policy::{PolicyFile, PolicyFiles};
use egide_servicekit::clock;
use egide_servicekit::policy::LoadedPolicy;
use egide_testkit::{adopt, fresh_id};
use egide_wire::proto::egide::audit::v1::access_event::Payload as Access;
use egide_wire::proto::egide::audit::v1::{AccessEvent, AccessReason, AccessRecorded, AccessScope};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::disclosure::v1::{
    Replay, ReplayDecisionRequest, ReplayHistoryRequest, ReplayOutcome, ReportOutcome, RequestDisclosureRequest,
};
use egide_wire::split::split;
use prost::Message as _;
use tonic::Code;

use crate::house::*;

const AUDIT: i32 = AccessReason::Audit as i32;

/// A policy under which permits live for two days instead of three.
fn shorter() -> LoadedPolicy {
    let change = |file: PolicyFile| {
        let text = file.text.replace("\"2026-11-22.2\"", "\"2026-11-23\"");
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

/// What came of the report under each decision, with the first difference.
fn report(replay: &Replay) -> (ReportOutcome, &str) {
    (replay.report(), &replay.report_difference)
}

/// Who was recorded to have something made again, of which case, and why.
async fn looks(house: &House) -> Vec<(String, String, i32)> {
    let log = house.log().await;
    let looks = log.iter().filter(|event| event.kind == "access.recorded").filter_map(|event| {
        let Some(Access::AccessRecorded(look)) = AccessEvent::decode(event.facts.as_slice()).unwrap().payload else {
            return None;
        };
        let AccessRecorded { reason, case_id, .. } = &look;
        let person = event.actor.as_ref().unwrap().person.clone();
        (look.scope() == AccessScope::Replay).then(|| (person, case_id.clone(), *reason))
    });
    looks.collect()
}

/// A permit of the same content as one that was released, made after it and not released: it is committed as the gate would.
async fn permitted_again(house: &House, case: &Case, before: &DisclosureDecided) -> DisclosureDecided {
    let mut again = DisclosureDecided {
        decision_id: fresh_id(),
        case_revision: house.count_in(&case.case).await,
        commitment: Vec::new(),
        ..before.clone()
    };
    again.commitment = commitment(&again.decision_id, Payload::DisclosureDecided(again.clone()));
    house.forge(&case.case, Payload::DisclosureDecided(again.clone())).await;
    again
}

/// The commitment as the disclosure service of these houses makes it.
fn commitment(decision_id: &str, without: Payload) -> Vec<u8> {
    let id: uuid::Uuid = decision_id.parse().unwrap();
    let salt = Fingerprinter::new(&[9; 32]).fingerprint_parts("egide/disclosure/commitment-salt/v1", &[id.as_bytes()]);
    let facts = split(&CaseEvent { payload: Some(without) }).unwrap().facts;
    Fingerprinter::new(salt.as_bytes()).fingerprint(&facts).as_bytes().to_vec()
}

/// A release of that permit with this report.
fn release(permit: &DisclosureDecided, case: &Case, report: Vec<u8>) -> ReferralReleased {
    let request = permit.request.clone().unwrap();
    ReferralReleased {
        referral_id: fresh_id(),
        decision_id: permit.decision_id.clone(),
        unit_id: request.unit_id,
        organization_id: request.organization_id,
        subject_ids: vec![case.victim.clone()],
        form: permit.form.clone(),
        language: Language::English.into(),
        report_digest: sha256(&report).as_bytes().to_vec(),
        key_id: "ed-0123456789abcdef".to_owned(),
        signature: vec![7; 64],
        report,
        commitment_salt: vec![8; 32],
        ..ReferralReleased::default()
    }
}

#[tokio::test]
async fn a_released_report_comes_out_byte_for_byte_the_same_whatever_came_after_it() {
    let mut house = House::new().await;
    let (police, shelter, case) = (house.police().await, house.shelter().await, house.case().await);
    let consent_id = house.consent(&case, &police, &USUAL).await;
    house.consent(&case, &shelter, &USUAL).await;
    let first = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    let french = RequestDisclosureRequest { purpose: Purpose::SupportService.into(), ..asking(&case, &shelter) };
    let second = house.staff().request_disclosure(french).await.unwrap().into_inner();
    let referral_id = first.decision.as_ref().unwrap().referral_id.clone();
    house.fetch(&police.unit, &referral_id).await.unwrap();
    let replayed = |url: String| {
        let gate = house.gate_for(&url, "jean.tremblay", "compliance");
        let (first, second) = (decided(&first).decision_id.clone(), decided(&second).decision_id.clone());
        async move { [replay(gate.clone(), &first).await, replay(gate, &second).await] }
    };
    for made in replayed(house.url.clone()).await {
        assert!(report(&made) == (ReportOutcome::Same, ""), "at once: {}", made.report_difference);
        assert!(made.outcome() == ReplayOutcome::Same);
    }

    // Somebody else's name, another place, another way to reach her, another name of the recipient, and no consent any more.
    house
        .emit(
            &case.case,
            vec![
                Payload::PersonIdentified(PersonIdentified {
                    subject_id: case.victim.clone(),
                    roles: vec![PersonRole::PotentialVictim.into(), PersonRole::Suspect.into()],
                    given_names: "Another".into(),
                    ..PersonIdentified::default()
                }),
                Payload::WhereaboutsRecorded(WhereaboutsRecorded {
                    subject_id: case.victim.clone(),
                    jurisdiction: Jurisdiction::Qc.into(),
                    city: "Elsewhere".into(),
                    ..WhereaboutsRecorded::default()
                }),
                Payload::ContactRecorded(ContactRecorded {
                    subject_id: case.victim.clone(),
                    safe_contact: Some(SafeContact { permission: ContactPermission::MayContact.into(), rules: vec![] }),
                    ..ContactRecorded::default()
                }),
            ],
        )
        .await;
    house.recall(&case, &referral_id, RecallReason::ConsentWithdrawn).await;
    house.withdraw(&case, &consent_id).await;
    house.rename(&police).await;
    house.suspend(&police).await;
    let policy = shorter();
    adopt(&house.world, &house.ledger_url, &policy).await;
    let ledger_url = house.ledger_url.clone();
    let later = house.start_under(policy, "disclosure-2", &ledger_url, clock::now).await;
    for url in [house.url.clone(), later] {
        let gate = house.gate_for(&url, "jean.tremblay", "compliance");
        for id in [&decided(&first).decision_id, &decided(&second).decision_id] {
            let made = replay(gate.clone(), id).await;
            assert!(report(&made) == (ReportOutcome::Same, ""), "later: {}", made.report_difference);
        }
        let (_, replays) = replay_all(gate).await;
        assert!(replays.iter().all(|made| made.report() == ReportOutcome::Same));
    }
}

#[tokio::test]
async fn what_was_never_released_is_not_opened_and_what_was_erased_is_gone_for_a_replay_too() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let refused = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    house.consent(&case, &police, &USUAL).await;
    let response = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    let gate = || house.gate_for(&house.url, "jean.tremblay", "compliance");
    let never = replay(gate(), &decided(&refused).decision_id).await;
    assert!(report(&never) == (ReportOutcome::NeverReleased, "") && never.outcome() == ReplayOutcome::Same);
    let decision_id = &decided(&response).decision_id;
    assert!(replay(gate(), decision_id).await.report() == ReportOutcome::Same);
    house.erase(&case).await;
    let gone = replay(gate(), decision_id).await;
    assert!(report(&gone) == (ReportOutcome::Erased, ""), "{}", gone.report_difference);
    assert!(gone.outcome() == ReplayOutcome::Same, "the decision needs no key");
    let (total, replays) = replay_all(gate()).await;
    let outcomes: Vec<_> = replays.iter().map(Replay::report).collect();
    assert!(total == 2 && outcomes == [ReportOutcome::NeverReleased, ReportOutcome::Erased]);
}

#[tokio::test]
async fn a_report_that_is_not_the_one_its_release_commits_to_is_found() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let genuine = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    let referral_id = genuine.decision.as_ref().unwrap().referral_id.clone();
    let fetched = house.fetch(&police.unit, &referral_id).await.unwrap().into_inner().referral.unwrap().report;
    let changed = String::from_utf8(fetched.clone()).unwrap().replace("Sudbury", "Kenora").into_bytes();
    assert_ne!(changed, fetched);
    let gate = || house.gate_for(&house.url, "jean.tremblay", "compliance");

    // Digest and report go together, and the report says what the log does not.
    let permit = permitted_again(&house, &case, decided(&genuine)).await;
    let referral = referral_of(&permit.decision_id);
    let said = String::from_utf8(changed.clone()).unwrap().replace(&referral_id, &referral).into_bytes();
    let key_id = house.report_key.key_id().to_string();
    let forged = release(&permit, &case, said.clone());
    let forged = ReferralReleased { referral_id: referral.clone(), key_id: key_id.clone(), ..forged };
    house.forge(&case.case, Payload::ReferralReleased(forged)).await;
    let made = replay(gate(), &permit.decision_id).await;
    assert!(report(&made) == (ReportOutcome::Different, "report"), "{}", made.report_difference);

    // So does one that says of itself that it is of another version; that must be compared by that version.
    let permit = permitted_again(&house, &case, decided(&genuine)).await;
    let said = String::from_utf8(said).unwrap().replace("egide.report/1", "egide.report/0").into_bytes();
    house.forge(&case.case, Payload::ReferralReleased(release(&permit, &case, said.clone()))).await;
    let made = replay(gate(), &permit.decision_id).await;
    assert!(report(&made) == (ReportOutcome::OtherVersion, "report"), "{}", made.report_difference);

    // And one that was made under another contract.
    let other = DisclosureDecided { classification_digest: vec![2; 32], ..decided(&genuine).clone() };
    let permit = permitted_again(&house, &case, &other).await;
    let forged = release(&permit, &case, changed.clone());
    let forged = ReferralReleased { referral_id: referral_of(&permit.decision_id), key_id: key_id.clone(), ..forged };
    house.forge(&case.case, Payload::ReferralReleased(forged)).await;
    let made = replay(gate(), &permit.decision_id).await;
    assert!(report(&made) == (ReportOutcome::OtherVersion, "report"), "{}", made.report_difference);
    assert!(!made.same_contract && made.outcome() == ReplayOutcome::Same);

    // The right report, and a release that is not what goes with it.
    let permit = permitted_again(&house, &case, decided(&genuine)).await;
    let referral = referral_of(&permit.decision_id);
    let right = String::from_utf8(fetched).unwrap().replace(&referral_id, &referral).into_bytes();
    let forged = release(&permit, &case, right.clone());
    let forged = ReferralReleased { referral_id: referral, key_id, ..forged };
    house.forge(&case.case, Payload::ReferralReleased(forged)).await;
    let made = replay(gate(), &permit.decision_id).await;
    assert!(report(&made) == (ReportOutcome::Different, "commitment"), "{}", made.report_difference);

    let (total, replays) = replay_all(gate()).await;
    let differing = replays.iter().filter(|made| made.report() == ReportOutcome::Different).count();
    assert_eq!((total, differing), (5, 2));
    assert!(replays.iter().all(|made| made.outcome() == ReplayOutcome::Same));
}

#[tokio::test]
async fn a_replay_is_recorded_before_it_opens_and_is_for_those_alone_who_may_look_at_decisions() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    house.consent(&case, &police, &USUAL).await;
    let response = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    let decision_id = decided(&response).decision_id.clone();
    let gate = || house.gate_for(&house.url, "jean.tremblay", "compliance");
    assert!(looks(&house).await.is_empty());
    replay(gate(), &decision_id).await;
    replay_all(gate()).await;
    let recorded = |case: &str| ("jean.tremblay".to_owned(), case.to_owned(), AUDIT);
    assert_eq!(looks(&house).await, [recorded(&case.case), recorded("")]);
    for (account, role) in [("amelie.roy", "responder"), ("r.viewer", "reviewer"), ("ines.morin", "operator")] {
        let mut gate = house.gate_for(&house.url, account, role);
        let request = ReplayDecisionRequest { decision_id: decision_id.clone(), reason: AUDIT };
        assert_eq!(gate.replay_decision(request).await.unwrap_err().code(), Code::PermissionDenied, "{role}");
        let all = gate.replay_history(ReplayHistoryRequest { reason: AUDIT }).await;
        assert_eq!(all.unwrap_err().code(), Code::PermissionDenied, "{role}");
    }
    assert_eq!(looks(&house).await.len(), 2);
}

/// The id of the referral that a decision leads to, as the disclosure service derives it.
fn referral_of(decision_id: &str) -> String {
    let id: uuid::Uuid = decision_id.parse().unwrap();
    let digest = egide_crypto::digest::sha256_parts("egide/disclosure/derived-id/v1", &[b"referral", id.as_bytes()]);
    let bytes = digest.as_bytes()[..16].try_into().unwrap();
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
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
