//! Taking back, by whoever calls. What is found is withdrawn, what is not found is recorded for a supervisor, and the answer
//! is the same: whoever hears it learns nothing about who is in a case.

use std::collections::BTreeMap;

use egide_domain::ids::{CaseId, SubjectId};
use egide_servicekit::identity::Caller;
use egide_wire::proto::egide::audit::v1::access_event::Payload as AccessPayload;
use egide_wire::proto::egide::audit::v1::{
    AccessEvent, AccessReason, AccessRecorded, AccessScope, SearchTerm, WithdrawalUnmatched,
};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{CallerGave, ConsentWithdrawn};
use egide_wire::proto::egide::ledger::v1::{NewEvent, new_event as payload};
use futures_util::future::try_join_all;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::caller::{COMPARED_MAX, new_event, out_of_reach, search, text};
use super::index::{People, Term};
use super::number::CaseNumber;
use super::phrase::Phrase;
use crate::command::OwnCommand;
use crate::ledger::Ledger;

/// Cases that one caller's withdrawal reaches; the rest is for a supervisor.
const CASES_MAX: usize = 32;
/// People of one case that are named one by one; more are withdrawn for by withdrawing for everybody in the case.
const PEOPLE_PER_CASE_MAX: usize = 32;

/// What a caller gave.
pub(super) enum Given {
    /// A number, and perhaps a phrase.
    Number(CaseNumber, Option<Phrase>),
    /// A telephone number, a name, or both.
    Terms {
        /// The terms of the telephone number.
        phone: Option<Vec<Term>>,
        /// The terms of the name.
        name: Option<Vec<Term>>,
    },
}

impl Given {
    /// What kind of thing it is.
    fn kinds(&self) -> Vec<SearchTerm> {
        match self {
            Self::Number(_, None) => vec![SearchTerm::Number],
            Self::Number(_, Some(_)) => vec![SearchTerm::Number, SearchTerm::Phrase],
            Self::Terms { phone, name } => {
                let phone = phone.as_ref().map(|_| SearchTerm::Phone);
                phone.into_iter().chain(name.as_ref().map(|_| SearchTerm::Name)).collect()
            }
        }
    }
}

/// Whose consents are withdrawn in a case: nobody named means everybody's.
type Targets = BTreeMap<CaseId, Vec<SubjectId>>;

/// What was found.
struct Matched {
    targets: Targets,
    gave: CallerGave,
    /// Whether there is more than is dealt with here.
    too_many: bool,
}

impl Ledger {
    /// Withdraws for whoever calls, as far as cases are found. Nothing of what is found shows in what is returned, nor in
    /// how often something is written: the search, and then either the withdrawal or that there is none.
    pub(super) async fn withdraw(
        &self,
        command_id: &str,
        given: Given,
        reason: AccessReason,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<(), Status> {
        let kinds = given.kinds();
        let claimed = match &given {
            Given::Number(number, _) => self.index.case_of(number).await.map_err(|error| out_of_reach(&error))?,
            Given::Terms { .. } => None,
        };
        let access = AccessRecorded {
            // With a phrase it is an attempt like any other, and counted for the case.
            case_id: claimed.map(|case| case.to_string()).unwrap_or_default(),
            ..search(AccessScope::CallerWithdrawal, reason, &kinds)
        };
        self.record_withdrawal(access, caller, deadline).await?;
        let matched = self.matched(given, claimed, caller).await?;
        let commands = self.withdrawals(command_id, &matched, &kinds, caller);
        let committing = commands.into_iter().map(async |command| {
            match self.commit_own(command, caller, deadline).await {
                // A case that is not there any more has nothing to withdraw.
                Err(status) if status.code() == Code::FailedPrecondition => Ok(()),
                other => other.map(drop),
            }
        });
        try_join_all(committing).await?;
        Ok(())
    }

    fn withdrawals(
        &self,
        command_id: &str,
        matched: &Matched,
        kinds: &[SearchTerm],
        caller: &Caller,
    ) -> Vec<OwnCommand> {
        let mut commands: Vec<_> = matched
            .targets
            .iter()
            .map(|(case, subjects)| {
                let case = case.to_string();
                let whose = if subjects.is_empty() || subjects.len() > PEOPLE_PER_CASE_MAX {
                    vec![None]
                } else {
                    subjects.iter().copied().map(Some).collect()
                };
                OwnCommand {
                    id: self.own_id("WithdrawByCaller", command_id, &case, caller),
                    content: whose.iter().map(|subject| text(*subject)).collect(),
                    events: whose.into_iter().map(|subject| withdrawn(&case, subject, matched.gave)).collect(),
                }
            })
            .collect();
        if commands.is_empty() || matched.too_many {
            commands.push(OwnCommand {
                id: self.own_id("WithdrawByCaller", command_id, "unmatched", caller),
                content: vec![matched.too_many.to_string()],
                events: vec![unmatched(kinds, matched.too_many)],
            });
        }
        commands
    }

    async fn matched(&self, given: Given, claimed: Option<CaseId>, caller: &Caller) -> Result<Matched, Status> {
        match given {
            Given::Number(number, phrase) => self.by_number(&number, phrase, claimed, caller).await,
            Given::Terms { phone, name } => self.by_terms(phone, name).await,
        }
    }

    /// The number alone will do: a phrase that is wrong takes nothing from it, and is said in the record.
    async fn by_number(
        &self,
        number: &CaseNumber,
        phrase: Option<Phrase>,
        claimed: Option<CaseId>,
        caller: &Caller,
    ) -> Result<Matched, Status> {
        let (found, standing) = self.of_number(number, claimed).await?;
        let gave = match phrase {
            None => CallerGave::Number,
            Some(phrase) => {
                let case = claimed.unwrap_or(CaseId([0; 16]));
                // When too many phrases are being compared, the withdrawal does not wait.
                match self.compare(case, phrase, standing, caller).await {
                    Ok(true) => CallerGave::NumberAndPhrase,
                    Ok(false) | Err(_) => CallerGave::NumberAndOtherPhrase,
                }
            }
        };
        let targets = found.into_iter().map(|found| (found.case, found.subject.into_iter().collect())).collect();
        Ok(Matched { targets, gave, too_many: false })
    }

    /// Whoever has both, or, if nobody has, whoever has either: all of them, for taking back needs little.
    async fn by_terms(&self, phone: Option<Vec<Term>>, name: Option<Vec<Term>>) -> Result<Matched, Status> {
        let gave = match (&phone, &name) {
            (Some(_), Some(_)) => CallerGave::PhoneAndName,
            (Some(_), None) => CallerGave::Phone,
            (None, _) => CallerGave::Name,
        };
        let terms: Vec<_> = phone.into_iter().chain(name).collect();
        let (mut targets, mut too_many) = self.with_all(&terms).await?;
        if targets.is_empty() && terms.len() > 1 {
            for either in &terms {
                let (more, cut) = self.with_all(std::slice::from_ref(either)).await?;
                too_many |= cut;
                for (case, subjects) in more {
                    targets.entry(case).or_default().extend(subjects);
                }
            }
        }
        too_many |= targets.len() > CASES_MAX;
        let targets = targets.into_iter().take(CASES_MAX).collect();
        Ok(Matched { targets, gave, too_many })
    }

    async fn with_all(&self, terms: &[Vec<Term>]) -> Result<(Targets, bool), Status> {
        let (people, cut) = self.indexed(terms).await?;
        let too_many = cut || people.len() > COMPARED_MAX;
        let people: People = people.into_iter().take(COMPARED_MAX).collect();
        let mut targets = Targets::new();
        for found in self.verified(&people, terms).await? {
            targets.entry(found.case).or_default().extend(found.subject);
        }
        Ok((targets, too_many))
    }
}

fn withdrawn(case: &str, subject: Option<SubjectId>, gave: CallerGave) -> NewEvent {
    let withdrawn =
        ConsentWithdrawn { subject_id: text(subject), caller_gave: gave.into(), ..ConsentWithdrawn::default() };
    new_event(case, Payload::ConsentWithdrawn(withdrawn))
}

fn unmatched(kinds: &[SearchTerm], too_many: bool) -> NewEvent {
    let terms = kinds.iter().map(|term| i32::from(*term)).collect();
    let unmatched = AccessPayload::WithdrawalUnmatched(WithdrawalUnmatched { terms, too_many });
    NewEvent {
        payload: Some(payload::Payload::AccessEvent(AccessEvent { payload: Some(unmatched) })),
        ..NewEvent::default()
    }
}
