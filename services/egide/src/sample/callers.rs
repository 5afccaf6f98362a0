//! Steps of whoever speaks with a caller: a number and a phrase, finding, taking back.

use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::ledger::v1::caller_service_client::CallerServiceClient;
use egide_wire::proto::egide::ledger::v1::{
    AssignNumberRequest, ChoosePhraseRequest, FindCasesRequest, FoundCase, RecogniseCallerRequest,
    WithdrawByCallerRequest, WithdrawByCallerResponse,
};
use tonic::Code;

use super::format::{Find, Number, Presence, Withdraw};
use super::player::{Play, Player, Stop, client_call};
use crate::endpoints::Service;
use crate::retry::until_known;
use crate::session::id_or_new;

const REASON: i32 = AccessReason::WorkingTheCase as i32;

impl Player {
    pub(super) async fn number(&self, play: &mut Play, number: &Number) -> Result<(), Stop> {
        let client = CallerServiceClient::new(self.as_speaker(Service::Ledger, &number.speaker)?);
        let case_id = number.case.clone().unwrap_or_else(|| play.symbols.id("case"));
        let subject_id = number.subject.clone().unwrap_or_default();
        let request = AssignNumberRequest {
            command_id: id_or_new(None),
            case_id: case_id.clone(),
            subject_id: subject_id.clone(),
            reason: REASON,
        };
        let assigned = until_known(|| {
            client_call(&client, &request, |mut client, request| async move { client.assign_number(request).await })
        });
        play.symbols.capture(&number.name, "number", &assigned.await?.number);
        if let Some(phrase) = &number.phrase {
            let request = ChoosePhraseRequest {
                command_id: id_or_new(None),
                case_id,
                subject_id,
                phrase: phrase.clone(),
                current_phrase: String::new(),
            };
            until_known(|| {
                client_call(&client, &request, |mut client, request| async move { client.choose_phrase(request).await })
            })
            .await?;
        }
        play.checks.count += 1;
        Ok(())
    }

    pub(super) async fn find(&self, play: &mut Play, find: &Find) -> Result<(), Stop> {
        let mut client = CallerServiceClient::new(self.as_speaker(Service::Ledger, &find.speaker)?);
        let found: Vec<FoundCase> = match &find.number {
            Some(number) => {
                let phrase = find.phrase.clone().unwrap_or_default();
                let request = RecogniseCallerRequest { number: number.clone(), phrase, reason: REASON };
                match client.recognise_caller(request).await {
                    Ok(answer) => answer.into_inner().found.into_iter().collect(),
                    Err(status) if status.code() == Code::NotFound => Vec::new(),
                    Err(status) => return Err(status.into()),
                }
            }
            None => {
                let (phone, name) = (find.phone.clone().unwrap_or_default(), find.name.clone().unwrap_or_default());
                client.find_cases(FindCasesRequest { phone, name, reason: REASON }).await?.into_inner().candidates
            }
        };
        let case = find.case.clone().unwrap_or_else(|| play.symbols.id("case"));
        let there = found.iter().any(|found| found.case_id == case);
        let word = |there: bool| if there { "found" } else { "not_found" };
        let expected = find.expect == Presence::Found;
        play.checks.check(play.line, "expect", there == expected, word(expected), word(there));
        Ok(())
    }

    pub(super) async fn withdraw(&self, play: &mut Play, withdraw: &Withdraw) -> Result<(), Stop> {
        let client = CallerServiceClient::new(self.as_speaker(Service::Ledger, &withdraw.speaker)?);
        let request = WithdrawByCallerRequest {
            command_id: id_or_new(None),
            number: withdraw.number.clone().unwrap_or_default(),
            phrase: withdraw.phrase.clone().unwrap_or_default(),
            phone: withdraw.phone.clone().unwrap_or_default(),
            name: withdraw.name.clone().unwrap_or_default(),
            reason: REASON,
        };
        let answer = until_known(|| {
            client_call(
                &client,
                &request,
                |mut client, request| async move { client.withdraw_by_caller(request).await },
            )
        });
        let same = answer.await? == WithdrawByCallerResponse {};
        play.checks.check(play.line, "answer", same, "the same as ever", "another");
        Ok(())
    }
}
