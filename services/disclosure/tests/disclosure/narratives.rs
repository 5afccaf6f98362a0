//! What was told in words: requested, shown to a reviewer, attested, released, fetched; and everything that stops it.

use egide_testkit::fresh_id;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::disclosure::v1::*;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, NewEvent, new_event};
use tonic::{Code, Status};

use crate::house::*;

/// Names of the case, a name nobody recorded, a telephone number: none of it may ever leave.
const TOLD: &str = "Maya Testcase said that Rex and a man called Zelenka take the wages. The foreman's number is 613-555-0142. \
                    They sleep twelve to a room and the door is locked at night.";
const NEVER: [&str; 4] = ["Testcase", "Zelenka", "613-555-0142", "555-0142"];
const CATEGORIES: [DataCategory; 3] = [DataCategory::Situation, DataCategory::Suspects, DataCategory::Narrative];

/// A case in which something was told, and a review of it was requested for the police.
struct Told {
    house: House,
    police: Recipient,
    case: Case,
    review: String,
}

impl Told {
    async fn new() -> Self {
        let house = House::new().await;
        let (police, case) = (house.police().await, house.case().await);
        house.consent(&case, &police, &CATEGORIES).await;
        let (narrative, review) = (fresh_id(), fresh_id());
        let told = NarrativeRecorded {
            narrative_id: narrative.clone(),
            subject_ids: vec![case.victim.clone(), case.suspect.clone()],
            language: Language::English.into(),
            text: TOLD.into(),
        };
        let requested = NarrativeReviewRequested {
            review_id: review.clone(),
            narrative_id: narrative,
            unit_id: police.unit.clone(),
        };
        house
            .emit(&case.case, vec![Payload::NarrativeRecorded(told), Payload::NarrativeReviewRequested(requested)])
            .await;
        Self { house, police, case, review }
    }

    fn reviewer(&self) -> Staff {
        self.house.gate_for(&self.house.url, "v.chan", "reviewer")
    }

    fn look(&self, edits: ReviewEdits) -> ShowNarrativeRequest {
        ShowNarrativeRequest {
            case_id: self.case.case.clone(),
            review_id: self.review.clone(),
            edits: Some(edits),
            reason: AccessReason::WorkingTheCase.into(),
        }
    }

    async fn shown(&self, edits: ReviewEdits) -> ShowNarrativeResponse {
        self.reviewer().show_narrative(self.look(edits)).await.unwrap().into_inner()
    }

    fn attestation(&self, shown: &ShowNarrativeResponse, edits: ReviewEdits) -> AttestNarrativeRequest {
        AttestNarrativeRequest {
            command_id: fresh_id(),
            case_id: self.case.case.clone(),
            review_id: self.review.clone(),
            edits: Some(edits),
            text_sha256: shown.text_sha256.clone(),
            case_revision: shown.case_revision,
            could_tell_who_said_it: Answer::No.into(),
            reason: AccessReason::WorkingTheCase.into(),
        }
    }

    /// Shown and attested with the door masked by hand; the text.
    async fn attested(&self) -> String {
        let edits = ReviewEdits { mask: vec![place("the door is locked at night")], put_back: Vec::new() };
        let shown = self.shown(edits.clone()).await;
        self.reviewer().attest_narrative(self.attestation(&shown, edits)).await.unwrap();
        shown.text
    }

    fn request(&self) -> RequestDisclosureRequest {
        RequestDisclosureRequest {
            categories: CATEGORIES.iter().map(|category| (*category).into()).collect(),
            ..asking(&self.case, &self.police)
        }
    }

    async fn decided(&self) -> RequestDisclosureResponse {
        self.house.staff().request_disclosure(self.request()).await.unwrap().into_inner()
    }

    async fn names_an_alias(&self) {
        let named = PersonIdentified {
            subject_id: self.case.victim.clone(),
            roles: vec![PersonRole::PotentialVictim.into()],
            aliases: vec!["Mayita".into()],
            ..PersonIdentified::default()
        };
        self.house.emit(&self.case.case, vec![Payload::PersonIdentified(named)]).await;
    }

    async fn withholds(&self) -> Result<(), Status> {
        let withheld = NarrativeWithheld {
            review_id: self.review.clone(),
            reason: NarrativeWithholdReason::TellsWhoSaidIt.into(),
        };
        let event = NewEvent {
            stream_id: self.case.case.clone(),
            payload: Some(new_event::Payload::CaseEvent(CaseEvent {
                payload: Some(Payload::NarrativeWithheld(withheld)),
            })),
            ..NewEvent::default()
        };
        let request = AppendRequest { command_id: fresh_id(), events: vec![event], ..AppendRequest::default() };
        self.house.ledger("cli", "v.chan", "reviewer").append(request).await.map(|_| ())
    }
}

fn place(piece: &str) -> TextPlace {
    let (before, _) = TOLD.split_once(piece).unwrap();
    let start = u32::try_from(before.chars().count()).unwrap();
    TextPlace { start, end: start + u32::try_from(piece.chars().count()).unwrap() }
}

fn told_in(report: &serde_json::Value) -> Option<&serde_json::Value> {
    report["together"].as_array()?.iter().find(|field| field["field"] == "narrative_attested.text")
}

#[tokio::test]
async fn what_was_told_is_reviewed_attested_released_and_fetched_byte_for_byte() {
    let told = Told::new().await;
    // Without an attestation the rest leaves, and what was told does not.
    let before = told.decided().await;
    assert!(has_reason(decided(&before), ReasonCode::NarrativeNotAttested));
    assert!(decided(&before).narratives.is_empty());

    let shown = told.shown(ReviewEdits::default()).await;
    assert_eq!(shown.narrative, TOLD);
    assert!(NEVER.iter().all(|never| !shown.text.contains(never)), "{}", shown.text);
    assert!(shown.text.contains("take the wages"));
    assert!(shown.replacements.iter().any(|replacement| replacement.of_the_case));
    assert!(shown.replacements.iter().any(|replacement| replacement.kind == "phone"));
    assert!(!shown.marks.is_empty());

    let text = told.attested().await;
    assert!(text.contains("[removed]") && !text.contains("the door"), "{text}");
    let response = told.decided().await;
    assert!(decided(&response).outcome() == Outcome::Permit);
    let [narrative] = decided(&response).narratives.as_slice() else { panic!("one narrative is let through") };
    assert_eq!(narrative.review_id, told.review);
    let referral = response.decision.as_ref().unwrap().referral_id.clone();
    let fetched = told.house.fetch(&told.police.unit, &referral).await.unwrap().into_inner().referral.unwrap();
    let report = told.house.verified(&fetched);
    let field = told_in(&report).expect("what was told is in the report");
    assert_eq!(field["values"][0]["text"], text);
    let whole = report.to_string();
    for never in NEVER.iter().chain(&["the door is locked", &told.review, &told.case.case]) {
        assert!(!whole.contains(never), "{never}");
    }
    // The log has the digest and not the text, nor anything it could be guessed with.
    let log = format!("{:?}", told.house.log().await.iter().map(|event| event.facts.clone()).collect::<Vec<_>>());
    assert!(!log.contains(&format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned()));
    assert_eq!(told.house.count("case.narrative_attested").await, 1);
}

#[tokio::test]
async fn in_french_the_replacements_and_the_report_are_french() {
    let house = House::new().await;
    let (shelter, case) = (house.shelter().await, house.case().await);
    house.consent(&case, &shelter, &[DataCategory::Situation, DataCategory::Narrative]).await;
    let (narrative, review) = (fresh_id(), fresh_id());
    let narrated = NarrativeRecorded {
        narrative_id: narrative.clone(),
        subject_ids: vec![case.victim.clone()],
        language: Language::French.into(),
        text: "Maya Testcase travaille la nuit et dort dans la cave avec les autres.".into(),
    };
    let requested =
        NarrativeReviewRequested { review_id: review.clone(), narrative_id: narrative, unit_id: shelter.unit.clone() };
    house
        .emit(&case.case, vec![Payload::NarrativeRecorded(narrated), Payload::NarrativeReviewRequested(requested)])
        .await;
    let told = Told { house, police: shelter, case, review };
    let shown = told.shown(ReviewEdits::default()).await;
    assert!(shown.text.starts_with("[Personne A, victime potentielle] travaille la nuit"), "{}", shown.text);
    let attestation = told.attestation(&shown, ReviewEdits::default());
    told.reviewer().attest_narrative(attestation.clone()).await.unwrap();
    // Whoever repeats it hears the same, and nothing is attested twice.
    told.reviewer().attest_narrative(attestation).await.unwrap();
    assert_eq!(told.house.count("case.narrative_attested").await, 1);
    let request = RequestDisclosureRequest {
        purpose: Purpose::SupportService.into(),
        categories: vec![DataCategory::Situation.into(), DataCategory::Narrative.into()],
        ..asking(&told.case, &told.police)
    };
    let response = told.house.staff().request_disclosure(request).await.unwrap().into_inner();
    let referral = response.decision.unwrap().referral_id;
    let fetched = told.house.fetch(&told.police.unit, &referral).await.unwrap().into_inner().referral.unwrap();
    let report = told.house.verified(&fetched);
    let field = told_in(&report).expect("what was told is in the report");
    assert!(field["label"].as_str().unwrap().starts_with("Ce qui a été raconté"));
    assert_eq!(field["values"][0]["text"], shown.text);
}

#[tokio::test]
async fn only_a_reviewer_who_did_not_request_it_is_shown_anything_and_the_look_is_recorded() {
    let told = Told::new().await;
    let code = |account: &'static str, role: &'static str| {
        let mut gate = told.house.gate_for(&told.house.url, account, role);
        let look = told.look(ReviewEdits::default());
        async move { gate.show_narrative(look).await.unwrap_err().code() }
    };
    assert_eq!(code("amelie.roy", "reviewer").await, Code::PermissionDenied);
    for role in ["responder", "supervisor", "compliance"] {
        assert_eq!(code("marc.gagnon", role).await, Code::PermissionDenied, "{role}");
    }
    let looks = told.house.count("access.recorded").await;
    told.shown(ReviewEdits::default()).await;
    assert_eq!(told.house.count("access.recorded").await, looks + 1);
    let mut other = told.look(ReviewEdits::default());
    other.review_id = fresh_id();
    assert_eq!(told.reviewer().show_narrative(other).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn what_is_attested_is_the_text_that_was_shown_and_safe() {
    let told = Told::new().await;
    let shown = told.shown(ReviewEdits::default()).await;
    let refused = async |change: fn(&mut AttestNarrativeRequest)| {
        let mut request = told.attestation(&shown, ReviewEdits::default());
        change(&mut request);
        told.reviewer().attest_narrative(request).await.unwrap_err().code()
    };
    assert_eq!(refused(|it| it.text_sha256 = vec![7; 32]).await, Code::FailedPrecondition);
    assert_eq!(
        refused(|it| it.edits = Some(ReviewEdits { mask: vec![place("wages")], put_back: vec![] })).await,
        Code::FailedPrecondition
    );
    assert_eq!(refused(|it| it.could_tell_who_said_it = Answer::Yes.into()).await, Code::FailedPrecondition);
    assert_eq!(refused(|it| it.could_tell_who_said_it = Answer::Unknown.into()).await, Code::FailedPrecondition);
    assert_eq!(refused(|it| it.could_tell_who_said_it = 0).await, Code::InvalidArgument);
    assert_eq!(refused(|it| it.case_revision = 1).await, Code::FailedPrecondition);
    // A name of the case is never put back.
    let name = shown.replacements.iter().find(|replacement| replacement.of_the_case).unwrap();
    let put_back = PutBack { place: name.told, reason: UnmaskReason::OrdinaryWord.into() };
    let edits = ReviewEdits { mask: Vec::new(), put_back: vec![put_back] };
    let status = told.reviewer().show_narrative(told.look(edits)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(!status.message().contains("Testcase"));
    // A name that was recorded since must be looked at.
    told.names_an_alias().await;
    assert_eq!(refused(|_| {}).await, Code::FailedPrecondition);
    assert_eq!(told.house.count("case.narrative_attested").await, 0);
}

/// Whoever masks more after all must not hear that this is attested while the first text stands.
#[tokio::test]
async fn an_attestation_that_is_repeated_with_another_text_is_refused() {
    let told = Told::new().await;
    let shown = told.shown(ReviewEdits::default()).await;
    let first = told.attestation(&shown, ReviewEdits::default());
    let digest = told.reviewer().attest_narrative(first.clone()).await.unwrap().into_inner().text_digest;
    let edits = ReviewEdits { mask: vec![place("the door is locked at night")], put_back: Vec::new() };
    let masked = AttestNarrativeRequest { edits: Some(edits), ..first.clone() };
    let other_text = AttestNarrativeRequest { text_sha256: vec![7; 32], ..first.clone() };
    let other_command = AttestNarrativeRequest { command_id: fresh_id(), ..masked.clone() };
    for other in [masked, other_text, other_command] {
        let status = told.reviewer().attest_narrative(other).await.unwrap_err();
        assert_eq!(status.code(), Code::AlreadyExists);
    }
    let again = told.reviewer().attest_narrative(first).await.unwrap().into_inner();
    assert_eq!(again.text_digest, digest);
    assert_eq!(told.house.count("case.narrative_attested").await, 1);
}

#[tokio::test]
async fn a_change_after_the_release_stops_the_fetch_and_the_next_decision() {
    let told = Told::new().await;
    told.attested().await;
    let referral = told.decided().await.decision.unwrap().referral_id;
    told.house.fetch(&told.police.unit, &referral).await.unwrap();
    told.names_an_alias().await;
    assert_eq!(told.house.fetch(&told.police.unit, &referral).await.unwrap_err().code(), Code::NotFound);
    let again = told.decided().await;
    assert!(has_reason(decided(&again), ReasonCode::NarrativeNotAttested) && decided(&again).narratives.is_empty());
}

#[tokio::test]
async fn what_is_withheld_stays_also_after_it_was_attested() {
    let told = Told::new().await;
    told.withholds().await.unwrap();
    let code = told.reviewer().show_narrative(told.look(ReviewEdits::default())).await.unwrap_err().code();
    assert_eq!(code, Code::FailedPrecondition);
    assert!(decided(&told.decided().await).narratives.is_empty());

    let other = Told::new().await;
    other.attested().await;
    let referral = other.decided().await.decision.unwrap().referral_id;
    other.withholds().await.unwrap();
    assert_eq!(other.house.fetch(&other.police.unit, &referral).await.unwrap_err().code(), Code::NotFound);
    assert!(decided(&other.decided().await).narratives.is_empty());
}

/// The line for an emergency service is sent by whoever writes it: no reviewer reads it.
#[tokio::test]
async fn a_line_with_the_name_of_whoever_called_is_refused() {
    let told = Told::new().await;
    let line = async |line: &str| {
        let asserted = ExceptionAsserted {
            exception_id: fresh_id(),
            kind: ExceptionKind::ImminentDanger.into(),
            subject_ids: vec![told.case.victim.clone()],
            grounds: vec![ExceptionGround::Violence.into()],
            line_to_send: line.to_owned(),
            ..ExceptionAsserted::default()
        };
        let event = NewEvent {
            stream_id: told.case.case.clone(),
            payload: Some(new_event::Payload::CaseEvent(CaseEvent {
                payload: Some(Payload::ExceptionAsserted(asserted)),
            })),
            ..NewEvent::default()
        };
        let request = AppendRequest { command_id: fresh_id(), events: vec![event], ..AppendRequest::default() };
        told.house.supervisor().append(request).await.map(|_| ())
    };
    let refused = line("Maya is locked in, ground floor").await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(!refused.message().contains("Maya"));
    line("Woman locked in, ground floor").await.unwrap();
}

#[tokio::test]
async fn a_report_with_what_was_told_is_made_again_the_same() {
    let told = Told::new().await;
    told.attested().await;
    let decision_id = decided(&told.decided().await).decision_id.clone();
    let request = ReplayDecisionRequest { decision_id, reason: AccessReason::Audit.into() };
    let mut auditor = told.house.gate_for(&told.house.url, "jean.tremblay", "compliance");
    let replay = auditor.replay_decision(request).await.unwrap().into_inner().replay.unwrap();
    assert!(replay.outcome() == ReplayOutcome::Same && replay.report() == ReportOutcome::Same);
}
