//! What surrounds a disclosure: looking first, a second person's yes, deciding again, the receipt of a recall.

use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::{ApprovalOutcome, Purpose, RejectionReason};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::disclosure::v1::disclosure_service_client::DisclosureServiceClient;
use egide_wire::proto::egide::disclosure::v1::{
    AcknowledgeRecallRequest, DecideApprovalRequest, FieldFate, PreviewDisclosureRequest, PreviewDisclosureResponse,
    PreviewedField, ReplayDecisionRequest, ReplayOutcome, ReportOutcome,
};
use tonic::Code;

use super::checks::Answer;
use super::format::{Ack, Approve, Presence, Preview, ReplayAgain, ReportAgain};
use super::player::{Made, Play, Player, Stop, client_call, listed, presence};
use crate::endpoints::Service;
use crate::retry::until_known;
use crate::session::id_or_new;

impl Player {
    pub(super) async fn preview(&self, play: &mut Play, preview: &Preview) -> Result<(), Stop> {
        let mut client = DisclosureServiceClient::new(self.as_speaker(Service::Disclosure, &preview.speaker)?);
        let categories = preview.categories.iter().map(|one| listed::<DataCategory>(one)).collect::<Result<_, _>>()?;
        let request = PreviewDisclosureRequest {
            case_id: preview.case.clone().unwrap_or_else(|| play.symbols.id("case")),
            unit_id: preview.unit.clone(),
            purpose: listed::<Purpose>(&preview.purpose)?,
            categories,
            subject_ids: preview.people.clone(),
            reason: i32::from(AccessReason::WorkingTheCase),
            ..PreviewDisclosureRequest::default()
        };
        let response = client.preview_disclosure(request).await?.into_inner();
        let before = play.checks.differences.len();
        let Some(decided) = &response.decided else {
            return Err("the answer holds no decision".to_owned().into());
        };
        for path in &preview.leaves {
            let leaves = fates(&response, path).any(|fate| fate != FieldFate::Withheld);
            play.checks.check(play.line, "leaves", leaves, path, "held back");
        }
        for path in &preview.withheld {
            let withheld = fates(&response, path).all(|fate| fate == FieldFate::Withheld);
            play.checks.check(play.line, "withheld", withheld, path, "leaves");
        }
        for path in &preview.once_approved {
            let waits = fields(&response, path).any(|field| {
                let [now, then] = [field.fate, field.fate_once_approved].map(fate);
                now == FieldFate::Withheld && !matches!(then, FieldFate::Withheld | FieldFate::Unspecified)
            });
            play.checks.check(play.line, "once_approved", waits, path, "leaves now, or not even then");
        }
        let ahead = response.waits_for.as_ref().and_then(|waits| waits.explanation.as_ref());
        let told = response.explanation.iter().chain(ahead).map(|told| told.english.join("\n"));
        let told = told.collect::<Vec<_>>().join("\n");
        play.words(&told, &preview.said, &[]);
        play.decided("preview", self.recipient(&preview.unit), &preview.expect, decided, before);
        Ok(())
    }

    pub(super) async fn approve(&self, play: &mut Play, approve: &Approve) -> Result<(), Stop> {
        let client = DisclosureServiceClient::new(self.as_speaker(Service::Disclosure, &approve.speaker)?);
        let request = DecideApprovalRequest {
            command_id: id_or_new(None),
            approval_id: approve.approval.clone(),
            outcome: listed::<ApprovalOutcome>(&approve.outcome)?,
            reason: approve.reason.as_deref().map(listed::<RejectionReason>).transpose()?.unwrap_or_default(),
        };
        let answer = until_known(|| {
            client_call(&client, &request, |mut client, request| async move { client.decide_approval(request).await })
        });
        let answer = answer.await;
        let before = play.checks.differences.len();
        let recipient = self.recipient(&approve.unit);
        let Ok(response) = &answer else {
            return play.refused("approve", recipient, approve.expect_error.as_ref(), answer.map(drop));
        };
        if approve.expect_error.is_some() {
            return play.refused("approve", recipient, approve.expect_error.as_ref(), Ok(()));
        }
        let made = response.decision.as_ref().and_then(|decision| Some((decision, decision.decided.as_ref()?)));
        let (Some(expected), Some((decision, decided))) = (&approve.expect, made) else {
            play.checks.check(play.line, "decision", made.is_none(), "none", "a decision");
            play.row("approve", recipient, Answer::Accepted, Answer::Accepted, before);
            return Ok(());
        };
        if !decision.referral_id.is_empty() {
            let (referral_id, unit_id) = (decision.referral_id.clone(), approve.unit.clone());
            play.made.push(Made { referral_id, unit_id });
        }
        if let Some(name) = &approve.name {
            play.capture(name, decided, &decision.referral_id);
        }
        play.decided("approve", recipient, expected, decided, before);
        Ok(())
    }

    pub(super) async fn replay(&self, play: &mut Play, replay: &ReplayAgain) -> Result<(), Stop> {
        let mut client = DisclosureServiceClient::new(self.as_speaker(Service::Disclosure, &replay.speaker)?);
        let request =
            ReplayDecisionRequest { decision_id: replay.decision.clone(), reason: i32::from(AccessReason::Audit) };
        let replayed = client.replay_decision(request).await?.into_inner().replay.unwrap_or_default();
        let same = replayed.outcome == i32::from(ReplayOutcome::Same);
        play.checks.check(play.line, "replay", same, "the same", &replayed.first_difference);
        let expected = match replay.report {
            ReportAgain::Same => ReportOutcome::Same,
            ReportAgain::NeverReleased => ReportOutcome::NeverReleased,
            ReportAgain::Erased => ReportOutcome::Erased,
        };
        play.checks.same(play.line, "report", expected.as_str_name(), replayed.report().as_str_name());
        Ok(())
    }

    pub(super) async fn acknowledge_recall(&self, play: &mut Play, ack: &Ack) -> Result<(), Stop> {
        let client = self.as_liaison(&ack.unit, ack.account.as_deref())?;
        let request = AcknowledgeRecallRequest { command_id: id_or_new(None), referral_id: ack.referral.clone() };
        let answer = until_known(|| {
            client_call(
                &client,
                &request,
                |mut client, request| async move { client.acknowledge_recall(request).await },
            )
        });
        let actual = match answer.await {
            Ok(_) => Presence::Found,
            Err(status) if status.code() == Code::NotFound => Presence::NotFound,
            Err(status) => return Err(status.into()),
        };
        play.checks.same(play.line, "expect", presence(ack.expect), presence(actual));
        Ok(())
    }
}

/// What becomes of a field in each record that has it.
fn fates(response: &PreviewDisclosureResponse, path: &str) -> impl Iterator<Item = FieldFate> {
    fields(response, path).map(|field| fate(field.fate))
}

fn fields<'a>(response: &'a PreviewDisclosureResponse, path: &str) -> impl Iterator<Item = &'a PreviewedField> {
    response.records.iter().flat_map(|record| &record.fields).filter(move |field| field.path == path)
}

fn fate(number: i32) -> FieldFate {
    FieldFate::try_from(number).unwrap_or(FieldFate::Unspecified)
}
