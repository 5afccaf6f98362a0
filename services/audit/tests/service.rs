//! The audit service with a real ledger on a real nats-server.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod support;

use std::time::Duration;

use egide_audit::export::check::{Checker, Finding};
use egide_audit::export::{Manifest, SIGNATURE_CONTEXT};
use egide_audit::leaf;
use egide_crypto::digest::Digest;
use egide_crypto::sign::Signature;
use egide_servicekit::channel::Authenticated;
use egide_testkit::{Fault, PATIENCE, fresh_id, policy_digest, wait_until, within};
use egide_tlog::checkpoint::Checkpoint;
use egide_tlog::note::{Note, NoteKey};
use egide_tlog::proof::includes;
use egide_tlog::tree::{Frontier, leaf_hash};
use egide_wire::proto::egide::audit::v1::export_disclosures_response::Part;
use egide_wire::proto::egide::audit::v1::transparency_service_client::TransparencyServiceClient;
use egide_wire::proto::egide::audit::v1::{
    AccessReason, AccessScope, AccountForPersonRequest, DisclosureFilter, ExportChunk, ExportDisclosuresRequest,
    ExportFormat, ExportManifest, GetCheckpointRequest, GetDisclosureRequest, GetProofRequest, GetTileRequest,
    ListAnomaliesRequest, ListCaseStepsRequest, ListDisclosuresRequest, ListLeavesRequest, ListLooksRequest,
    LookFilter,
};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{DeliveryChannel, DisclosedOutsideSystem, ObligationKind, Outcome};
use egide_wire::proto::egide::classification::v1::DataCategory;
use support::{ASKS, Case, Forged, Stage};
use tonic::{Code, Request};

type Row = (Vec<u8>, Vec<u8>);

/// What keys of looks and of their postings begin with.
const LOOKS: [u8; 2] = [18, 19];

/// All pages of the question about a case; after each page something else happens there.
async fn ids_page_by_page(stage: &Stage, case: &mut Case<'_>, page_size: u32) -> Vec<String> {
    let mut audit = stage.compliance();
    let (mut ids, mut token) = (Vec::new(), String::new());
    loop {
        let page = audit.list_disclosures(case.list(page_size, &token)).await.unwrap().into_inner();
        ids.extend(page.disclosures.into_iter().map(|disclosure| disclosure.disclosure_id));
        token = page.next_page_token;
        if token.is_empty() {
            return ids;
        }
        case.refuses(&[0]).await;
    }
}

fn get(disclosure_id: &str) -> GetDisclosureRequest {
    let (disclosure_id, reason) = (disclosure_id.to_owned(), AccessReason::Audit.into());
    GetDisclosureRequest { disclosure_id, reason, ..GetDisclosureRequest::default() }
}

#[tokio::test]
async fn decisions_are_listed_filtered_and_paged_stably_while_new_ones_arrive() {
    let stage = Stage::set().await;
    let mut case = stage.open_case(1).await;
    let mut other = stage.open_case(1).await;
    let mut expected = Vec::new();
    for _ in 0..3 {
        expected.push(case.refuses(&[0]).await);
        other.refuses(&[0]).await;
    }
    let permitted = case.permits(&[0], &[]).await;
    let referral_id = case.releases(&permitted, &[0]).await;
    expected.push(permitted.clone());
    expected.reverse();

    // Whoever did something and then looks sees it, without waiting for anything.
    assert_eq!(ids_page_by_page(&stage, &mut case, 1).await, expected);

    let mut permits = case.list(50, "");
    permits.filter.as_mut().unwrap().outcome = Outcome::Permit.into();
    let page = stage.compliance().list_disclosures(permits).await.unwrap().into_inner();
    assert_eq!(page.disclosures.len(), 1);
    let disclosure = &page.disclosures[0];
    assert_eq!((&disclosure.disclosure_id, &disclosure.referral_id), (&permitted, &referral_id));
    assert_eq!(disclosure.actor.as_ref().unwrap().person, "noor.haddad");
    let kinds: Vec<_> = disclosure.steps.iter().map(|step| step.kind.as_str()).collect();
    assert_eq!(kinds, ["disclosure.released", "disclosure.delivered"]);

    let found = stage.compliance().get_disclosure(get(&permitted)).await.unwrap().into_inner();
    assert_eq!(found.disclosure.as_ref(), Some(disclosure));
    stage.world.stop().await;
}

#[tokio::test]
async fn an_account_tells_what_left_but_not_what_must_not_be_told() {
    let stage = Stage::set().await;
    let mut case = stage.open_case(2).await;
    let told = case.permits(&[0, 1], &[ObligationKind::InformPerson]).await;
    case.releases(&told, &[0, 1]).await;
    let untold = case.permits(&[0, 1], &[ObligationKind::NoTipOff]).await;
    case.releases(&untold, &[0, 1]).await;
    case.permits(&[0], &[]).await;
    let outside = DisclosedOutsideSystem {
        disclosure_id: fresh_id(),
        subject_ids: vec![case.people[0].clone()],
        categories: vec![DataCategory::Whereabouts.into()],
        channel: DeliveryChannel::Voice.into(),
        account: "told the dispatcher where to look".to_owned(),
        ..DisclosedOutsideSystem::default()
    };
    let said = outside.disclosure_id.clone();
    case.happens("case-desk", Payload::DisclosedOutsideSystem(outside)).await;

    let mut desk = stage.audit(stage.person("case-desk", ASKS, "responder"));
    let account = desk.account_for_person(case.account(0)).await.unwrap().into_inner();
    let ids: Vec<_> = account.entries.iter().map(|entry| entry.disclosure_id.as_str()).collect();
    assert_eq!(ids, [&told, &said]);
    assert!(account.entries[0].delivered_at.is_some() && !account.entries[0].outside_system);
    assert!(account.entries[1].outside_system);
    assert!(account.entries[0].mask.iter().all(|entry| entry.subject_id == case.people[0]));
    assert!(account.notice_en.contains("law") && account.notice_fr.contains("loi"));

    let nothing_left_out = stage.open_case(1).await;
    let empty = desk.account_for_person(nothing_left_out.account(0)).await.unwrap().into_inner();
    assert_eq!(empty.entries, []);
    assert_eq!((&empty.notice_en, &empty.notice_fr), (&account.notice_en, &account.notice_fr));

    let listed = stage.compliance().list_disclosures(case.list(50, "")).await.unwrap().into_inner().disclosures;
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().any(|disclosure| disclosure.disclosure_id == untold));
    assert_eq!(listed[0].outside.as_ref().unwrap().account, "");
    stage.world.stop().await;
}

#[tokio::test]
async fn every_look_stands_in_the_log_when_it_is_answered() {
    let stage = Stage::set().await;
    let mut case = stage.open_case(1).await;
    let decision_id = case.refuses(&[0]).await;
    let mut audit = stage.compliance();
    assert!(stage.looks().await.is_empty());

    let mut question = case.list(50, "");
    question.filter.as_mut().unwrap().unit_id.clone_from(&case.unit_id);
    audit.list_disclosures(question).await.unwrap();
    let looks = stage.looks().await;
    let (who, look) = looks.last().unwrap();
    assert_eq!((looks.len(), who.as_str()), (1, ASKS));
    assert!(look.scope() == AccessScope::History && look.reason() == AccessReason::Audit);
    assert_eq!((&look.case_id, &look.subject_id, &look.unit_id), (&case.case_id, &String::new(), &case.unit_id));

    audit.get_disclosure(get(&decision_id)).await.unwrap();
    let looks = stage.looks().await;
    let (_, look) = looks.last().unwrap();
    assert_eq!(looks.len(), 2);
    assert!(look.scope() == AccessScope::History);
    assert_eq!((&look.case_id, &look.unit_id), (&case.case_id, &case.unit_id));

    audit.account_for_person(case.account(0)).await.unwrap();
    let looks = stage.looks().await;
    let (_, look) = looks.last().unwrap();
    assert_eq!(looks.len(), 3);
    assert!(look.scope() == AccessScope::Account && look.reason() == AccessReason::PersonAsked);
    assert_eq!((&look.case_id, &look.subject_id), (&case.case_id, &case.people[0]));

    // Looking for what is not there is looking too.
    let missing = audit.get_disclosure(get(&fresh_id())).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let stranger = AccountForPersonRequest { subject_id: fresh_id(), ..case.account(0) };
    assert_eq!(audit.account_for_person(stranger).await.unwrap_err().code(), Code::NotFound);
    let elsewhere = AccountForPersonRequest { case_id: fresh_id(), ..case.account(0) };
    assert_eq!(audit.account_for_person(elsewhere).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(stage.looks().await.len(), 6);
    stage.world.stop().await;
}

#[tokio::test]
async fn a_look_that_cannot_be_recorded_is_not_answered() {
    let stage = Stage::set().await;
    let mut case = stage.open_case(1).await;
    let decision_id = case.refuses(&[0]).await;
    let mut audit = stage.compliance();
    stage.ledger_of_audit.set(Fault::Refuse);
    assert_eq!(audit.list_disclosures(case.list(50, "")).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(audit.get_disclosure(get(&decision_id)).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(audit.account_for_person(case.account(0)).await.unwrap_err().code(), Code::Unavailable);
    assert!(stage.looks().await.is_empty());

    stage.ledger_of_audit.set(Fault::None);
    within("the ledger to be reached again", async {
        while audit.list_disclosures(case.list(50, "")).await.is_err() {}
    })
    .await;
    stage.world.stop().await;
}

#[tokio::test]
async fn a_look_that_was_recorded_but_not_acknowledged_is_not_answered() {
    let stage = Stage::set().await;
    let mut case = stage.open_case(1).await;
    case.refuses(&[0]).await;
    let mut audit = stage.compliance();
    audit.list_disclosures(case.list(50, "")).await.unwrap();
    stage.ledger_of_audit.set(Fault::SwallowReplies);
    let mut question = Request::new(case.list(50, ""));
    question.set_timeout(Duration::from_secs(2));
    let code = audit.list_disclosures(question).await.unwrap_err().code();
    assert!(matches!(code, Code::DeadlineExceeded | Code::Unavailable | Code::Cancelled), "{code:?}");
    // It took effect all the same, which does no harm.
    wait_until("the look in the log", PATIENCE, async || stage.looks().await.len() == 2).await;
    stage.ledger_of_audit.set(Fault::None);
    stage.world.stop().await;
}

#[tokio::test]
async fn a_history_that_does_not_reach_the_look_is_no_answer() {
    let stage = Stage::set().await;
    let mut case = stage.open_case(1).await;
    case.refuses(&[0]).await;
    let mut audit = stage.compliance();
    audit.list_disclosures(case.list(50, "")).await.unwrap();
    stage.nats_of_audit.set(Fault::Refuse);
    let decision_id = case.refuses(&[0]).await;
    let behind = audit.list_disclosures(case.list(50, "")).await.unwrap_err();
    assert_eq!(behind.code(), Code::Unavailable);
    assert!(behind.message().contains("caught up"), "{}", behind.message());

    stage.nats_of_audit.set(Fault::None);
    let newest = within("the history to catch up", async {
        loop {
            if let Ok(page) = audit.list_disclosures(case.list(1, "")).await {
                break page.into_inner().disclosures[0].disclosure_id.clone();
            }
        }
    });
    assert_eq!(newest.await, decision_id);
    stage.world.stop().await;
}

#[tokio::test]
async fn a_look_at_what_has_just_come_names_its_case_though_the_history_is_late() {
    let stage = Stage::set().await;
    let mut case = stage.open_case(1).await;
    stage.nats_of_audit.set(Fault::Delay(Duration::from_millis(200)));
    let decision_id = case.refuses(&[0]).await;
    let found = stage.compliance().get_disclosure(get(&decision_id)).await.unwrap().into_inner();
    assert_eq!(found.disclosure.unwrap().disclosure_id, decision_id);
    let cases: Vec<_> = stage.looks().await.into_iter().map(|(_, look)| look.case_id).collect();
    assert_eq!(cases, [case.case_id.as_str()]);
    stage.nats_of_audit.set(Fault::None);
    stage.world.stop().await;
}

#[tokio::test]
async fn a_rebuild_from_nothing_gives_the_same_rows_and_the_same_answers() {
    let mut stage = Stage::set().await;
    let (listed, question, token) = {
        let mut case = stage.open_case(2).await;
        for people in [&[0][..], &[0, 1], &[1]] {
            case.refuses(people).await;
            let decision_id = case.permits(people, &[]).await;
            case.releases(&decision_id, people).await;
        }
        let mut audit = stage.compliance();
        let listed = audit.list_disclosures(case.list(50, "")).await.unwrap().into_inner();
        let token = audit.list_disclosures(case.list(2, "")).await.unwrap().into_inner().next_page_token;
        (listed, case.list(50, ""), token)
    };
    assert_eq!(listed.disclosures.len(), 6);
    // What no checkpoint covers yet cannot be missed.
    checkpoint_of(&mut stage.transparency_of(stage.person("console", ASKS, "compliance")), 6).await;
    stage.stop_audit().await;
    let rows = stage.rows().await;
    assert!(rows.len() > 50);

    stage.forge_projection(Forged::Nothing).await;
    stage.start_audit(false).await;
    // Rows without what a checkpoint was signed over: nothing is answered from them for long.
    let ended = stage.audit_ends().await;
    assert!(ended.contains("what it covered is gone"), "{ended}");

    stage.start_audit(true).await;
    let again = stage.compliance().list_disclosures(question.clone()).await.unwrap().into_inner();
    assert_eq!(again, listed);
    // A token of the service as it was before goes on where it was.
    let rest = ListDisclosuresRequest { page_token: token, ..question };
    let rest = stage.compliance().list_disclosures(rest).await.unwrap().into_inner();
    assert_eq!(rest.disclosures, listed.disclosures[2..]);
    stage.stop_audit().await;
    // Looks came since, for every question is one.
    let without_looks =
        |rows: Vec<Row>| rows.into_iter().filter(|(key, _)| !LOOKS.contains(&key[0])).collect::<Vec<_>>();
    assert!(without_looks(stage.rows().await) == without_looks(rows));
    stage.world.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_at_once_and_is_no_look() {
    let stage = Stage::set().await;
    let mut case = stage.open_case(1).await;
    case.refuses(&[0]).await;
    case.refuses(&[0]).await;
    let mut audit = stage.compliance();
    let token = audit.list_disclosures(case.list(1, "")).await.unwrap().into_inner().next_page_token;

    let everything = ListDisclosuresRequest {
        filter: Some(DisclosureFilter { case_id: "x".to_owned(), basis: 99, ..DisclosureFilter::default() }),
        page_size: 201,
        page_token: "x".to_owned(),
        reason: 0,
    };
    let refused = audit.list_disclosures(everything).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.message(), "`filter.case_id`: must be a hyphenated UUID (and 4 more)");

    let mut other_filter = case.list(1, &token);
    other_filter.filter = None;
    let refused = audit.list_disclosures(other_filter).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().starts_with("`page_token`"));
    let foreign = AccountForPersonRequest { page_token: token, ..case.account(0) };
    assert_eq!(audit.account_for_person(foreign).await.unwrap_err().code(), Code::InvalidArgument);
    let nobody = AccountForPersonRequest::default();
    let refused = audit.account_for_person(nobody).await.unwrap_err();
    assert_eq!(refused.message(), "`case_id`: must be a hyphenated UUID (and 2 more)");
    let without_reason =
        GetDisclosureRequest { disclosure_id: fresh_id(), reason: 0, ..GetDisclosureRequest::default() };
    let refused = audit.get_disclosure(without_reason).await.unwrap_err();
    assert!(refused.message().starts_with("`reason`"));
    assert_eq!(stage.looks().await.len(), 1);
    stage.world.stop().await;
}

#[tokio::test]
async fn who_may_not_look_is_refused_and_nothing_is_recorded_as_a_look() {
    let stage = Stage::set().await;
    let case = stage.open_case(1).await;
    let liaison = stage.world.identity().person("console", "b.tremblay", &["liaison"], Some(&fresh_id()));
    for credentials in [
        stage.world.identity().service("console"),
        stage.person("console", ASKS, "responder"),
        stage.person("portal", ASKS, "compliance"),
        liaison,
    ] {
        let refused = stage.audit(credentials).list_disclosures(case.list(50, "")).await.unwrap_err();
        assert!(matches!(refused.code(), Code::PermissionDenied | Code::Unauthenticated), "{:?}", refused.code());
    }
    assert!(stage.looks().await.is_empty());
    stage.world.stop().await;
}

#[tokio::test]
async fn who_looks_too_often_is_told_to_wait() {
    let stage = Stage::set().await;
    let case = stage.open_case(1).await;
    let mut audit = stage.compliance();
    let refused = within("the ledger's limit", async {
        loop {
            if let Err(refused) = audit.list_disclosures(case.list(50, "")).await {
                break refused;
            }
        }
    });
    let refused = refused.await;
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(!refused.details().is_empty());
    // Others may look.
    let mut other = stage.audit(stage.person("console", "noor.haddad", "compliance"));
    other.list_disclosures(case.list(50, "")).await.unwrap();
    stage.world.stop().await;
}

/// Everything of an export until it ends, or until `chunks` chunks have come.
async fn exported(
    stage: &Stage,
    request: &ExportDisclosuresRequest,
    chunks: usize,
) -> (Vec<ExportChunk>, Option<ExportManifest>) {
    let mut stream = stage.history().export_disclosures(request.clone()).await.unwrap().into_inner();
    let mut read = Vec::new();
    while let Some(part) = within("a part of the export", stream.message()).await.unwrap() {
        match part.part.unwrap() {
            Part::Chunk(chunk) => read.push(chunk),
            Part::Manifest(manifest) => return (read, Some(manifest)),
        }
        if read.len() == chunks {
            break;
        }
    }
    (read, None)
}

/// What a check of these chunks finds.
fn wrong_with(chunks: &[ExportChunk], manifest: &ExportManifest) -> Vec<Finding> {
    let mut checker = Checker::new(serde_json::from_slice(&manifest.manifest).unwrap()).unwrap();
    let mut found = Vec::new();
    for chunk in chunks {
        match checker.entry(&chunk.entry) {
            Ok(entry) => found.extend(checker.chunk(&entry, &chunk.content, &chunk.sums)),
            Err(finding) => found.push(finding),
        }
    }
    found.extend(checker.finish());
    found
}

#[tokio::test]
async fn an_export_stands_by_itself_goes_on_after_a_break_and_is_a_look() {
    let stage = Stage::set().await;
    let mut case = stage.open_case(1).await;
    for _ in 0..4 {
        case.refuses(&[0]).await;
    }
    let filter = case.list(1, "").filter;
    let (format, reason) = (ExportFormat::Csv.into(), AccessReason::Audit.into());
    let request = ExportDisclosuresRequest { filter, format, reason, resume_token: Vec::new() };
    let (chunks, manifest) = exported(&stage, &request, usize::MAX).await;
    let manifest = manifest.unwrap();
    let signature = Signature::from_bytes(manifest.signature.as_slice().try_into().unwrap());
    stage.export_key().verify(SIGNATURE_CONTEXT, &manifest.manifest, &signature).unwrap();
    assert_eq!(wrong_with(&chunks, &manifest), []);
    let read: Manifest = serde_json::from_slice(&manifest.manifest).unwrap();
    assert_eq!((read.records, read.chunks), (4, 1));
    assert_eq!(read.policy_sha256.unwrap().as_bytes().as_slice(), policy_digest());
    let looks = stage.looks().await;
    let (who, look) = looks.last().unwrap();
    assert_eq!((who.as_str(), look.case_id.as_str()), (ASKS, case.case_id.as_str()));
    assert!(look.scope() == AccessScope::Export && look.reason() == AccessReason::Audit);

    // After a break behind the only chunk nothing is left but the manifest, which says the same, whatever came since.
    case.refuses(&[0]).await;
    let resumed = ExportDisclosuresRequest { resume_token: chunks[0].resume_token.clone(), ..request.clone() };
    let (rest, again) = exported(&stage, &resumed, usize::MAX).await;
    assert!(rest.is_empty());
    assert_eq!(again.unwrap().manifest, manifest.manifest);
    assert_eq!(stage.looks().await.len(), looks.len() + 1);

    let mut tampered = chunks.clone();
    let record = tampered[0].content.iter().position(|byte| *byte == b'"').unwrap();
    tampered[0].content[record + 1] ^= 1;
    assert!(matches!(wrong_with(&tampered, &manifest)[..], [Finding::Changed { line: 2, .. }]));

    for wrong in [
        ExportDisclosuresRequest { format: 0, ..request.clone() },
        ExportDisclosuresRequest { reason: 0, ..request.clone() },
        ExportDisclosuresRequest { format: ExportFormat::Jsonl.into(), ..resumed.clone() },
        ExportDisclosuresRequest { resume_token: vec![1; 64], ..request.clone() },
    ] {
        let refused = stage.history().export_disclosures(wrong).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    let supervisor = stage.history_as(stage.person("console", ASKS, "supervisor"));
    let refused = { supervisor }.export_disclosures(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    stage.world.stop().await;
}

#[tokio::test]
async fn the_steps_of_a_case_and_who_looked_are_told_and_are_looks_themselves() {
    let stage = Stage::set().await;
    let mut case = stage.open_case(1).await;
    let decision_id = case.permits(&[0], &[]).await;
    let referral_id = case.releases(&decision_id, &[0]).await;
    let reason = AccessReason::Audit.into();
    let request = ListCaseStepsRequest { case_id: case.case_id.clone(), reason, ..ListCaseStepsRequest::default() };
    let steps = stage.history().list_case_steps(request.clone()).await.unwrap().into_inner().steps;
    let kinds: Vec<_> = steps.iter().map(|step| step.kind.as_str()).collect();
    let expected =
        ["case.opened", "case.person_identified", "disclosure.decided", "disclosure.released", "disclosure.delivered"];
    assert_eq!(kinds, expected);
    let nothing = ListCaseStepsRequest { case_id: fresh_id(), ..request };
    assert_eq!(stage.history().list_case_steps(nothing).await.unwrap_err().code(), Code::NotFound);

    // Each id leads to the same disclosure.
    for id in [&decision_id, &referral_id, &steps[4].about_id] {
        let found = stage.compliance().get_disclosure(get(id)).await.unwrap().into_inner();
        assert_eq!(found.disclosure.unwrap().disclosure_id, decision_id);
    }
    let filter = Some(LookFilter { case_id: case.case_id.clone(), person: ASKS.to_owned(), ..LookFilter::default() });
    let request = ListLooksRequest { filter, reason, ..ListLooksRequest::default() };
    let looks = stage.history().list_looks(request.clone()).await.unwrap().into_inner().looks;
    let scopes: Vec<_> = looks.iter().map(|look| look.scope().as_str_name()).collect();
    let history = "ACCESS_SCOPE_HISTORY";
    assert_eq!(scopes, ["ACCESS_SCOPE_LOOKS", history, history, history, "ACCESS_SCOPE_CASE_STEPS"]);
    let again = stage.history().list_looks(ListLooksRequest { page_size: 1, ..request }).await.unwrap().into_inner();
    assert!(again.looks[0].scope() == AccessScope::Looks && !again.next_page_token.is_empty());

    let request = ListAnomaliesRequest { reason, ..ListAnomaliesRequest::default() };
    let found = stage.history().list_anomalies(request).await.unwrap().into_inner();
    assert!(found.complete && found.anomalies.is_empty() && found.rules_digest.len() == 32);
    assert!(stage.looks().await.last().unwrap().1.scope() == AccessScope::Anomalies);
    stage.world.stop().await;
}

#[tokio::test]
async fn every_leaf_opens_stands_in_the_signed_tree_and_survives_a_rebuild() {
    let mut stage = Stage::set().await;
    let mut case = stage.open_case(1).await;
    let permitted = case.permits(&[0], &[]).await;
    case.releases(&permitted, &[0]).await;
    let log_of = |stage: &Stage| stage.transparency_of(stage.person("console", ASKS, "compliance"));
    let asked = || ListLeavesRequest { reason: AccessReason::Audit.into(), ..ListLeavesRequest::default() };
    let first = checkpoint_of(&mut log_of(&stage), 4).await;
    let mut stream = log_of(&stage).list_leaves(asked()).await.unwrap().into_inner();
    let (mut tree, mut kinds) = (Frontier::new(), Vec::new());
    while let Some(answer) = stream.message().await.unwrap() {
        for leaf in answer.leaves {
            let opening = leaf.opening.unwrap();
            assert_eq!(leaf::of(&opening).as_slice(), leaf.leaf);
            assert_eq!(opening.salt.len(), 32, "the ledger's fingerprint");
            tree.push(leaf_hash(&leaf.leaf));
            kinds.push((opening.position, opening.kind));
        }
    }
    let found: Vec<&str> = kinds.iter().map(|(_, kind)| kind.as_str()).collect();
    assert!(
        found.starts_with(&["policy.adopted", "disclosure.decided", "disclosure.released", "disclosure.delivered"]),
        "{found:?}"
    );
    assert!(tree.size() >= first.size);
    let looks = stage.looks().await;
    assert!(looks.iter().any(|(person, look)| person == ASKS && look.scope() == AccessScope::History));

    // One event by itself, as anybody can check it.
    let (position, _) = *kinds.last().unwrap();
    let request = GetProofRequest { position, reason: AccessReason::Audit.into() };
    let proved = log_of(&stage).get_proof(request).await.unwrap().into_inner();
    let note: Note = proved.checkpoint.parse().unwrap();
    let checkpoint: Checkpoint = note.text().parse().unwrap();
    let hashes: Vec<Digest> = proved.hashes.iter().map(|hash| hash.as_slice().try_into().unwrap()).collect();
    let leaf = proved.leaf.unwrap();
    assert!(includes(leaf.index, checkpoint.size, &leaf_hash(&leaf.leaf), &hashes, &checkpoint.root));
    let tile = GetTileRequest { level: 0, index: 0, width: 2 };
    assert_eq!(log_of(&stage).get_tile(tile).await.unwrap().into_inner().hashes.len(), 64);
    for (request, code) in [((0, 9), Code::NotFound), ((9, 1), Code::InvalidArgument)] {
        let tile = GetTileRequest { level: request.0, index: request.1, width: 1 };
        assert_eq!(log_of(&stage).get_tile(tile).await.unwrap_err().code(), code);
    }
    let nothing = GetProofRequest { position: 1_000_000, ..request };
    assert_eq!(log_of(&stage).get_proof(nothing).await.unwrap_err().code(), Code::NotFound);

    // The rows are thrown away, and everything stands as it was signed.
    stage.stop_audit().await;
    stage.start_audit(true).await;
    let again = checkpoint_of(&mut log_of(&stage), checkpoint.size).await;
    assert_eq!((again.size, again.root), (checkpoint.size, checkpoint.root));
    let proved = log_of(&stage).get_proof(request).await;
    let expected: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.as_bytes().to_vec()).collect();
    assert_eq!(proved.unwrap().into_inner().hashes, expected);
    stage.world.stop().await;
}

#[tokio::test]
async fn a_leaf_that_was_changed_among_the_rows_is_named() {
    let mut stage = Stage::set().await;
    let mut case = stage.open_case(1).await;
    case.refuses(&[0]).await;
    checkpoint_of(&mut stage.transparency_of(stage.person("console", ASKS, "compliance")), 2).await;
    stage.stop_audit().await;
    // The row of leaf 1.
    stage.forge_projection(Forged::Row([&[41][..], &1_u64.to_be_bytes()].concat())).await;
    stage.start_audit(false).await;
    let mut log = stage.transparency_of(stage.person("console", ASKS, "compliance"));
    let asked = ListLeavesRequest { reason: AccessReason::Audit.into(), ..ListLeavesRequest::default() };
    let mut stream = log.list_leaves(asked).await.unwrap().into_inner();
    let refused = stream.message().await.unwrap_err();
    assert_eq!(refused.code(), Code::DataLoss);
    assert!(refused.message().starts_with("leaf 1: the log does not hold at position"), "{}", refused.message());
    stage.world.stop().await;
}

/// The newest checkpoint, once it covers so many leaves; its signature is checked.
async fn checkpoint_of(log: &mut TransparencyServiceClient<Authenticated>, size: u64) -> Checkpoint {
    let mut found = None;
    wait_until("a checkpoint", PATIENCE, async || {
        let Ok(answer) = log.clone().get_checkpoint(GetCheckpointRequest {}).await else { return false };
        let answer = answer.into_inner();
        let (key, note): (NoteKey, Note) = (answer.key.parse().unwrap(), answer.signed.parse().unwrap());
        assert_eq!(key.verify(&note), Ok(0));
        let checkpoint: Checkpoint = note.text().parse().unwrap();
        let reached = checkpoint.size >= size && !answer.published.is_empty();
        found = Some(checkpoint);
        reached
    })
    .await;
    found.unwrap()
}
