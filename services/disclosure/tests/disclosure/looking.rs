//! Looking before asking, and asking why.

use egide_testkit::fresh_id;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{ApprovalOutcome, NarrativeRecorded, Outcome, ReasonCode};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::disclosure::v1::{
    DecideApprovalRequest, ExplainDecisionRequest, FieldFate, PreviewDisclosureRequest, PreviewDisclosureResponse,
    PreviewedField, RequestDisclosureRequest,
};
use tonic::Code;

use crate::house::*;

fn looking(asked: RequestDisclosureRequest) -> PreviewDisclosureRequest {
    PreviewDisclosureRequest {
        case_id: asked.case_id,
        unit_id: asked.unit_id,
        purpose: asked.purpose,
        categories: asked.categories,
        subject_ids: asked.subject_ids,
        relies_on: asked.relies_on,
        mode: asked.mode,
        supplementary_to: asked.supplementary_to,
        reason: AccessReason::WorkingTheCase.into(),
    }
}

fn fate(preview: &PreviewDisclosureResponse, path: &str) -> Option<(FieldFate, bool)> {
    let mut fields = preview.records.iter().flat_map(|record| &record.fields);
    fields.find(|field| field.path == path).map(|field| (field.fate(), field.sealed))
}

#[tokio::test]
async fn a_preview_decides_as_a_request_does_and_commits_nothing_but_the_look() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let narrative = NarrativeRecorded {
        narrative_id: fresh_id(),
        subject_ids: vec![case.victim.clone()],
        text: "never listed".into(),
        ..NarrativeRecorded::default()
    };
    house.emit(&case.case, vec![Payload::NarrativeRecorded(narrative)]).await;
    house.consent(&case, &police, &USUAL).await;
    let before = house.log().await.len();
    let preview = house.staff().preview_disclosure(looking(asking(&case, &police))).await.unwrap().into_inner();
    assert_eq!(house.log().await.len(), before + 1);
    assert_eq!(house.count("access.recorded").await, 1);
    assert_eq!(house.count("disclosure.decided").await, 0);

    assert_eq!(fate(&preview, "whereabouts_recorded.street"), Some((FieldFate::Whole, true)));
    assert_eq!(fate(&preview, "situation_recorded.exploitation"), Some((FieldFate::Whole, false)));
    assert_eq!(fate(&preview, "health_recorded.conditions"), Some((FieldFate::Withheld, true)));
    assert_eq!(fate(&preview, "narrative_recorded.text"), None);
    assert_eq!(fate(&preview, "situation_recorded.industry"), None, "a fact that was not recorded");
    let of_suspect = preview.records.iter().find(|record| record.subject_ids == [case.suspect.clone()]).unwrap();
    assert!(of_suspect.fields.iter().all(|field| field.fate() == FieldFate::Withheld));

    let response = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    let (made, seen) = (decided(&response), preview.decided.as_ref().unwrap());
    assert!(made.mask == seen.mask && made.reasons == seen.reasons && made.bases == seen.bases);
    assert!(made.obligations == seen.obligations && made.form == seen.form && seen.decision_id.is_empty());
    let referral_id = response.decision.unwrap().referral_id;
    let referral = house.fetch(&police.unit, &referral_id).await.unwrap().into_inner().referral.unwrap();
    let report = house.verified(&referral).to_string();
    let fields: Vec<_> = preview.records.iter().flat_map(|record| &record.fields).collect();
    for field in &fields {
        let there = report.contains(&format!("\"{}\"", field.label_en));
        let of_label = fields.iter().filter(|other| other.label_en == field.label_en);
        let leaves = of_label.into_iter().any(|other| other.fate() != FieldFate::Withheld);
        assert!(!there || leaves, "{}", field.path);
    }
}

#[tokio::test]
async fn a_preview_of_a_refusal_lets_nothing_leave_and_an_unknown_case_is_recorded_too() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let preview = house.staff().preview_disclosure(looking(asking(&case, &police))).await.unwrap().into_inner();
    assert!(preview.decided.as_ref().unwrap().outcome() == Outcome::Deny);
    let fields: Vec<_> = preview.records.iter().flat_map(|record| &record.fields).collect();
    assert!(!fields.is_empty() && fields.iter().all(|field| field.fate() == FieldFate::Withheld));
    let nowhere = PreviewDisclosureRequest { case_id: fresh_id(), ..looking(asking(&case, &police)) };
    assert_eq!(house.staff().preview_disclosure(nowhere).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(house.count("access.recorded").await, 2);
    let without = PreviewDisclosureRequest { reason: 0, ..looking(asking(&case, &police)) };
    assert_eq!(house.staff().preview_disclosure(without).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_decision_is_explained_on_what_was_known_when_it_was_made() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    let consent_id = house.consent(&case, &police, &USUAL).await;
    let response = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    let told = response.explanation.clone().unwrap();
    let english = told.english.join("\n");
    for said in
        [&consent_id, &case.victim, "PERMITTED until", "Example Unit of Example Organization", "health: held back"]
    {
        assert!(english.contains(said), "{said}: {english}");
    }
    assert_eq!(told.english.len(), told.french.len());
    assert!(told.french.join("\n").contains("PERMIS jusqu’au") && !english.contains("Maya"));

    house.withdraw(&case, &consent_id).await;
    let decision_id = decided(&response).decision_id.clone();
    let reason = AccessReason::Supervision.into();
    let request = ExplainDecisionRequest { decision_id, reason };
    let explained = house.staff().explain_decision(request).await.unwrap().into_inner();
    assert!(explained.explanation == Some(told), "the withdrawal came later");
    assert_eq!(house.count("access.recorded").await, 1);

    let refused = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    assert!(has_reason(decided(&refused), ReasonCode::ConsentWithdrawn));
    let english = refused.explanation.unwrap().english.join("\n");
    assert!(english.contains("DENIED") && english.contains("The consent was withdrawn: consent"), "{english}");
    let nothing = ExplainDecisionRequest { decision_id: fresh_id(), reason };
    assert_eq!(house.staff().explain_decision(nothing).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(house.count("access.recorded").await, 2);
}

#[tokio::test]
async fn what_waits_for_an_approval_is_shown_as_it_would_leave_and_does_not() {
    let house = House::new().await;
    let (police, case) = (house.police().await, house.case().await);
    // Health needs a supervisor's yes by the table.
    let allowed = [DataCategory::Whereabouts, DataCategory::Situation, DataCategory::Health];
    house.consent(&case, &police, &allowed).await;
    let before = house.log().await.len();
    let preview = house.staff().preview_disclosure(looking(asking(&case, &police))).await.unwrap().into_inner();
    assert_eq!(house.log().await.len(), before + 1, "the look, and nothing else");
    assert_eq!(house.count("disclosure.approval_requested").await, 0);
    let decided = preview.decided.as_ref().unwrap();
    assert!(decided.outcome() == Outcome::Deny && decided.mask.is_empty());
    assert!(has_reason(decided, ReasonCode::ApprovalRequired));

    let then = |path: &str| {
        let mut fields = preview.records.iter().flat_map(|record| &record.fields);
        fields.find(|field| field.path == path).unwrap().fate_once_approved()
    };
    for path in ["whereabouts_recorded.street", "health_recorded.conditions", "person_identified.family_name"] {
        assert_eq!(fate(&preview, path).unwrap().0, FieldFate::Withheld, "{path}: nothing leaves now");
    }
    assert_eq!(then("whereabouts_recorded.street"), FieldFate::Whole);
    assert_eq!(then("person_identified.family_name"), FieldFate::Withheld, "nobody consented to that");

    let waits = preview.waits_for.as_ref().unwrap();
    assert_eq!(
        (&waits.rules[..], &waits.roles[..]),
        (&["status-or-health-to-investigators".to_owned()][..], &["supervisor".to_owned()][..])
    );
    assert!(waits.until.is_some());
    let told = waits.explanation.as_ref().unwrap();
    let (english, french) = (told.english.join("\n"), told.french.join("\n"));
    assert!(english.starts_with("WAITS for the approval of a supervisor"), "{english}");
    assert!(english.contains("nothing leaves until then") && english.contains("health: would leave"));
    assert!(!english.contains("PERMITTED") && !english.contains(": leaves"), "{english}");
    assert!(french.starts_with("EN ATTENTE") && french.contains("Rien ne sort d’ici là"), "{french}");

    // Asked for and approved, exactly that leaves.
    let response = house.staff().request_disclosure(asking(&case, &police)).await.unwrap().into_inner();
    let again = house.staff().preview_disclosure(looking(asking(&case, &police))).await.unwrap().into_inner();
    assert!(again.waits_for.is_some(), "asking changes nothing of it");
    let grant = DecideApprovalRequest {
        command_id: fresh_id(),
        approval_id: response.approval_id,
        outcome: ApprovalOutcome::Granted.into(),
        reason: 0,
    };
    let granted = house.approver().decide_approval(grant).await.unwrap().into_inner();
    let made = granted.decision.unwrap().decided.unwrap();
    assert!(made.outcome() == Outcome::Permit && made.mask == waits.mask);

    // What waits for nobody says so.
    let shelter = house.shelter().await;
    let nothing = house.staff().preview_disclosure(looking(asking(&case, &shelter))).await.unwrap().into_inner();
    assert!(nothing.waits_for.is_none());
    let unspecified = |field: &PreviewedField| field.fate_once_approved() == FieldFate::Unspecified;
    assert!(nothing.records.iter().flat_map(|record| &record.fields).all(unspecified));
}
