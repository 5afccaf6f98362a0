//! A consent with what holds it back, and what waits: obligations and reviews, which follow the log.

use std::collections::BTreeMap;

use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::{ConsentGiven, ObligationKind, ObligationState, ReasonCode};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::ledger::v1::RecordConsentRequest;
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::triage::v1::triage_service_client::TriageServiceClient;
use egide_wire::proto::egide::triage::v1::{ListObligationsRequest, ListReviewsRequest, OwedObligation, ReviewKind};
use serde::Deserialize;
use serde_json::Value;

use super::checks::{Checks, short};
use super::format::record;
use super::player::{Play, Player, Stop, client_call, listed};
use super::read_back::until_as_expected;
use crate::endpoints::Service;
use crate::retry::until_known;
use crate::session::id_or_new;

/// Entries asked for at a time: more than any scenario makes.
const PAGE: u32 = 200;

/// Whatever an obligation can have come to.
const STATES: [ObligationState; 5] = [
    ObligationState::Due,
    ObligationState::Met,
    ObligationState::Deferred,
    ObligationState::Impossible,
    ObligationState::Overdue,
];

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consent {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) case: Option<String>,
    pub(crate) consent: Value,
    #[serde(default)]
    pub(crate) held_back: BTreeMap<String, Vec<String>>,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Obligations {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) case: Option<String>,
    pub(crate) expect: Vec<ExpectObligation>,
}

/// One obligation that must be there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectObligation {
    pub(crate) decision: Option<String>,
    pub(crate) kind: String,
    pub(crate) state: String,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reviews {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) case: Option<String>,
    pub(crate) expect: Vec<String>,
}

impl Consent {
    pub(crate) fn check(&self) -> Result<(), String> {
        record::<ConsentGiven>(&self.consent)?;
        self.held_back.keys().try_for_each(|category| listed::<DataCategory>(category).map(drop))
    }
}

impl Obligations {
    pub(crate) fn check(&self) -> Result<(), String> {
        self.expect.iter().try_for_each(|expected| {
            listed::<ObligationKind>(&expected.kind)?;
            listed::<ObligationState>(&expected.state).map(drop)
        })
    }
}

impl Reviews {
    pub(crate) fn check(&self) -> Result<(), String> {
        self.expect.iter().try_for_each(|kind| listed::<ReviewKind>(kind).map(drop))
    }
}

impl Player {
    pub(super) async fn consent(&self, play: &mut Play, step: &Consent) -> Result<(), Stop> {
        let client = LedgerServiceClient::new(self.as_speaker(Service::Ledger, &step.speaker)?);
        let request = RecordConsentRequest {
            command_id: id_or_new(None),
            case_id: step.case.clone().unwrap_or_else(|| play.symbols.id("case")),
            consent: Some(record(&step.consent)?),
            ..RecordConsentRequest::default()
        };
        let answer = until_known(|| {
            client_call(&client, &request, |mut client, request| async move { client.record_consent(request).await })
        });
        let mut told = BTreeMap::new();
        for held in answer.await?.held_back {
            let reasons = held.reasons.iter().map(|reason| short::<ReasonCode>(*reason));
            let by: Vec<String> = held.denied_by.iter().cloned().chain(reasons).collect();
            told.insert(short::<DataCategory>(held.category), by);
        }
        play.checks.same(play.line, "held_back", &format!("{:?}", step.held_back), &format!("{told:?}"));
        Ok(())
    }

    pub(super) async fn obligations(&self, play: &mut Play, step: &Obligations) -> Result<(), Stop> {
        let client = TriageServiceClient::new(self.as_speaker(Service::Triage, &step.speaker)?);
        let request = ListObligationsRequest {
            states: STATES.map(i32::from).to_vec(),
            case_id: step.case.clone().unwrap_or_else(|| play.symbols.id("case")),
            page_size: PAGE,
            reason: AccessReason::Supervision.into(),
            ..ListObligationsRequest::default()
        };
        let line = play.line;
        let ask = || async {
            let owed = client.clone().list_obligations(request.clone()).await?.into_inner().obligations;
            let mut checks = Checks::default();
            for expected in &step.expect {
                let wanted = format!("{}: {}", expected.kind, expected.state);
                let stands = owed.iter().any(|owed| fits(expected, owed));
                checks.check(line, "obligations", stands, wanted, shown(&owed));
            }
            Ok(checks)
        };
        until_as_expected(play, ask).await
    }

    pub(super) async fn reviews(&self, play: &mut Play, step: &Reviews) -> Result<(), Stop> {
        let client = TriageServiceClient::new(self.as_speaker(Service::Triage, &step.speaker)?);
        let request = ListReviewsRequest {
            case_id: step.case.clone().unwrap_or_else(|| play.symbols.id("case")),
            page_size: PAGE,
            reason: AccessReason::Supervision.into(),
            ..ListReviewsRequest::default()
        };
        let line = play.line;
        let mut expected = step.expect.clone();
        expected.sort();
        let ask = || async {
            let waiting = client.clone().list_reviews(request.clone()).await?.into_inner().reviews;
            let mut kinds: Vec<String> = waiting.iter().map(|review| short::<ReviewKind>(review.kind)).collect();
            kinds.sort();
            let mut checks = Checks::default();
            checks.check(line, "reviews", kinds == expected, expected.join(", "), kinds.join(", "));
            Ok(checks)
        };
        until_as_expected(play, ask).await
    }
}

fn fits(expected: &ExpectObligation, owed: &OwedObligation) -> bool {
    expected.decision.as_ref().is_none_or(|decision| *decision == owed.decision_id)
        && listed::<ObligationKind>(&expected.kind) == Ok(owed.kind)
        && listed::<ObligationState>(&expected.state) == Ok(owed.state)
}

fn shown(owed: &[OwedObligation]) -> String {
    let one = |owed: &OwedObligation| {
        format!("{}: {}", short::<ObligationKind>(owed.kind), short::<ObligationState>(owed.state))
    };
    owed.iter().map(one).collect::<Vec<_>>().join(", ")
}
