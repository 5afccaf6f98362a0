//! Numbers, phrases, recognising callers, and finding cases by telephone number and name.

use std::collections::BTreeMap;
use std::sync::Arc;

use egide_crypto::stretch::Stretched;
use egide_domain::facts::CaseFacts;
use egide_domain::ids::{CaseId, SubjectId};
use egide_domain::vocabulary::PersonRole;
use egide_eventlog::BucketError;
use egide_servicekit::identity::Caller;
use egide_vault::KeyName;
use egide_wire::convert::{self, to_timestamp};
use egide_wire::proto::egide::audit::v1::{AccessReason, AccessRecorded, AccessScope, SearchTerm};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{CaseEvent, NumberAssigned, PhraseChosen};
use egide_wire::proto::egide::ledger::v1::{
    FindCasesResponse, FoundCase, NewEvent, OpenState, new_event, recorded_event,
};
use tokio::time::Instant;
use tonic::{Code, Status};

use super::attempts;
use super::index::{People, Term};
use super::number::CaseNumber;
use super::phrase::Phrase;
use crate::command::OwnCommand;
use crate::envelope;
use crate::ledger::Ledger;
use crate::model::{StoredEvent, StreamId, facts_of};
use crate::refuse;

/// Candidates of one answer at most.
const CANDIDATES_MAX: usize = 32;
/// People of the index that are compared with the log for one search.
pub(super) const COMPARED_MAX: usize = 256;
/// Numbers drawn for one case before giving up: with a million cases one in nine hundred is taken.
const DRAWS_MAX: usize = 16;

const NUMBER_ASSIGNED: &str = "case.number_assigned";
const PHRASE_CHOSEN: &str = "case.phrase_chosen";

/// What a caller is recognised by in a case, and who they are there.
struct Known {
    number: Option<CaseNumber>,
    number_subject: Option<SubjectId>,
    phrase: Option<Stretched>,
    /// Whether a phrase was chosen and not erased: it stands even when its key cannot be had.
    phrase_stands: bool,
}

/// Somebody of a case who was found, and what the case is.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) case: CaseId,
    pub(super) subject: Option<SubjectId>,
    facts: Arc<CaseFacts>,
    opened_month: String,
}

impl Found {
    pub(super) fn to_proto(&self, matched: &[SearchTerm]) -> FoundCase {
        FoundCase {
            case_id: self.case.to_string(),
            subject_id: self.subject.map(|subject| subject.to_string()).unwrap_or_default(),
            opened_month: self.opened_month.clone(),
            jurisdiction: convert::number(self.facts.jurisdiction),
            closed: self.facts.closed,
            matched: matched.iter().map(|term| i32::from(*term)).collect(),
        }
    }
}

/// A caller's number, and what came of comparing the phrase.
pub(super) struct Recognition {
    /// Where the number leads, if anywhere.
    pub(super) found: Option<Found>,
    /// Whether the phrase is the one chosen there.
    pub(super) proved: bool,
}

impl Ledger {
    /// The number of a case, assigned if there is none; and whether there was.
    pub(super) async fn assign_number(
        &self,
        command_id: &str,
        case: CaseId,
        subject: Option<SubjectId>,
        reason: AccessReason,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<(CaseNumber, bool), Status> {
        let access = AccessRecorded { case_id: case.to_string(), ..search(AccessScope::CaseNumber, reason, &[]) };
        self.record_access(access, caller, deadline).await?;
        let own = self.own_id("AssignNumber", command_id, &case.to_string(), caller);
        self.case_exists(&case.to_string())?;
        for _ in 0..DRAWS_MAX {
            let events = self.events_in(StreamId::from(case))?;
            if events.iter().any(|stored| stored.event.kind == NUMBER_ASSIGNED) {
                let number = self.known(&events).await?.number.ok_or_else(|| refuse::erased("case_id".to_owned()))?;
                let before = !events.iter().any(|stored| stored.command_id == own);
                return Ok((number, before));
            }
            let number = CaseNumber::draw().map_err(|error| Status::unavailable(error.to_string()))?;
            if !self.index.claim(&number, case, subject).await.map_err(|error| out_of_reach(&error))? {
                continue;
            }
            let assigned = NumberAssigned { subject_id: text(subject), number: number.digits().to_owned() };
            let command = OwnCommand {
                id: own.clone(),
                events: vec![new_event(&case.to_string(), Payload::NumberAssigned(assigned))],
                // The same command on another ledger draws another number; the first one counts.
                content: vec![case.to_string(), text(subject)],
            };
            match self.commit_own(command, caller, deadline).await {
                Ok(committed) if !committed.repeated => return Ok((number, false)),
                // Somebody else was faster: theirs is the number.
                Ok(_) => {}
                Err(status) if is_numbered(&status) => {}
                Err(status) => return Err(status),
            }
        }
        Err(Status::unavailable("no free number was found; repeat the same command with the same id"))
    }

    /// Takes a caller's phrase; whether this command had been carried out before.
    pub(super) async fn choose_phrase(
        &self,
        command_id: &str,
        case: CaseId,
        subject: Option<SubjectId>,
        phrases: (Phrase, Option<Phrase>),
        caller: &Caller,
        deadline: Instant,
    ) -> Result<bool, Status> {
        let (phrase, current) = phrases;
        let access = AccessRecorded {
            case_id: case.to_string(),
            ..search(AccessScope::CallerRecognition, AccessReason::WorkingTheCase, &[SearchTerm::Phrase])
        };
        self.record_access(access, caller, deadline).await?;
        self.case_exists(&case.to_string())?;
        let events = self.events_in(StreamId::from(case))?;
        let own = self.own_id("ChoosePhrase", command_id, &case.to_string(), caller);
        let Known { phrase: standing, phrase_stands, .. } = self.known(&events).await?;
        if events.iter().any(|stored| stored.command_id == own) {
            // What the phrase was is kept nowhere, so what is repeated is compared as any phrase is.
            let same = self.compare(case, phrase, standing, caller).await?;
            return if same { Ok(true) } else { Err(refuse::other_content()) };
        }
        if phrase_stands && !is_supervisor(caller) {
            let current = current.ok_or_else(refuse::phrase_stands)?;
            if !self.compare(case, current, standing, caller).await? {
                return Err(refuse::phrase_stands());
            }
        }
        let stretched = self.stretching.stretch(phrase).await?;
        let chosen = PhraseChosen { subject_id: text(subject), stretched: stretched.to_text().to_string() };
        let command = OwnCommand {
            id: own,
            events: vec![new_event(&case.to_string(), Payload::PhraseChosen(chosen))],
            // Without the phrase: no keyed digest of it stands in the log either.
            content: vec![case.to_string(), text(subject)],
        };
        Ok(self.commit_own(command, caller, deadline).await?.repeated)
    }

    /// Looks where a number leads and compares the phrase, having recorded the attempt. What is done, and how often
    /// something is written, does not depend on what is found.
    pub(super) async fn recognise(
        &self,
        number: &CaseNumber,
        phrase: Phrase,
        reason: AccessReason,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<Recognition, Status> {
        let claimed = self.index.case_of(number).await.map_err(|error| out_of_reach(&error))?;
        let access = AccessRecorded {
            case_id: claimed.map(|case| case.to_string()).unwrap_or_default(),
            ..search(AccessScope::CallerRecognition, reason, &[SearchTerm::Number, SearchTerm::Phrase])
        };
        self.record_access(access, caller, deadline).await?;
        let (found, standing) = self.of_number(number, claimed).await?;
        // Without a case the comparison is one with nothing, and takes as long.
        let case = claimed.unwrap_or(CaseId([0; 16]));
        let proved = self.compare(case, phrase, standing.filter(|_| found.is_some()), caller).await?;
        Ok(Recognition { proved, found })
    }

    /// Where a number leads, believed only as far as the log bears it out; and the phrase chosen there.
    pub(super) async fn of_number(
        &self,
        number: &CaseNumber,
        claimed: Option<CaseId>,
    ) -> Result<(Option<Found>, Option<Stretched>), Status> {
        let Some(case) = claimed else { return Ok((None, None)) };
        let events = self.events_in(StreamId::from(case))?;
        let known = self.known(&events).await?;
        if known.number.as_ref() != Some(number) {
            return Ok((None, None));
        }
        Ok((found(case, known.number_subject, &events), known.phrase))
    }

    /// Compares a phrase, unless it was tried too often: then the work is done, and the answer is no.
    pub(super) async fn compare(
        &self,
        case: CaseId,
        phrase: Phrase,
        standing: Option<Stretched>,
        caller: &Caller,
    ) -> Result<bool, Status> {
        let person = caller.person.as_ref().map(|person| person.account().as_str()).unwrap_or_default();
        let admitted = attempts::admitted(&self.projection.view(), &case.to_string(), person, (self.clock)());
        let admitted = admitted.map_err(|error| refuse::unreadable(&error))?;
        self.stretching.is_of(phrase, standing.filter(|_| admitted)).await
    }

    /// What a caller is recognised by: the number, and the newest phrase. What cannot be opened is not there.
    async fn known(&self, events: &[StoredEvent]) -> Result<Known, Status> {
        let mut known = Known { number: None, number_subject: None, phrase: None, phrase_stands: false };
        for stored in events.iter().filter(|stored| is_about_recognition(stored)) {
            let opened = self.opened_payload(stored).await?;
            if let Some(Payload::NumberAssigned(assigned)) = &opened {
                known.number = CaseNumber::read(&assigned.number);
                known.number_subject = assigned.subject_id.parse().ok();
            }
            if stored.event.kind == PHRASE_CHOSEN {
                // A phrase that is erased leaves none: not the one before it.
                known.phrase = None;
                let closed = envelope::is_closed(&stored.event, &self.keyring);
                known.phrase_stands = !closed.map_err(|error| refuse::not_sealed(&error))?;
            }
            if let Some(Payload::PhraseChosen(chosen)) = &opened {
                known.phrase = chosen.stretched.parse().ok();
            }
        }
        Ok(known)
    }

    /// Cases in which somebody has all of what was searched by.
    pub(super) async fn find(
        &self,
        terms: &[Vec<Term>],
        kinds: &[SearchTerm],
        reason: AccessReason,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<FindCasesResponse, Status> {
        self.record_access(search(AccessScope::CallerSearch, reason, kinds), caller, deadline).await?;
        let (mut people, mut more) = self.indexed(terms).await?;
        if people.len() > COMPARED_MAX {
            more = true;
            people = people.into_iter().take(COMPARED_MAX).collect();
        }
        let found = self.verified(&people, terms).await?;
        more |= found.len() > CANDIDATES_MAX;
        let candidates = found.iter().take(CANDIDATES_MAX).map(|found| found.to_proto(kinds)).collect();
        Ok(FindCasesResponse { candidates, more })
    }

    /// Whom the index names for all of these, each by any of its terms.
    pub(super) async fn indexed(&self, terms: &[Vec<Term>]) -> Result<(People, bool), Status> {
        let mut all: Option<People> = None;
        let mut more = false;
        for terms in terms {
            let (people, cut) = self.index.people(terms).await.map_err(|error| out_of_reach(&error))?;
            more |= cut;
            all = Some(match all {
                Some(all) => all.intersection(&people).copied().collect(),
                None => people,
            });
        }
        Ok((all.unwrap_or_default(), more))
    }

    /// Those of whom the log itself says so: an entry whose event was never committed, or is erased, reveals nothing.
    pub(super) async fn verified(&self, people: &People, terms: &[Vec<Term>]) -> Result<Vec<Found>, Status> {
        let mut cases: BTreeMap<CaseId, Vec<SubjectId>> = BTreeMap::new();
        for (case, subject) in people {
            cases.entry(*case).or_default().push(*subject);
        }
        let mut verified = Vec::new();
        for (case, subjects) in cases {
            let events = self.events_in(StreamId::from(case))?;
            let Some(found) = found(case, None, &events) else { continue };
            for subject in subjects {
                let owner = KeyName::Subject { case, subject };
                if self.keyring.is_closed(owner).map_err(|error| refuse::not_sealed(&error))? {
                    // What a shred could not drop when it happened is dropped when it is met.
                    self.index.drop_entries(case, Some(subject)).await.map_err(|error| out_of_reach(&error))?;
                } else if may_be_a_caller(&found.facts, subject) && self.has_all(&events, owner, terms).await? {
                    verified.push(Found { subject: Some(subject), ..found.clone() });
                }
            }
        }
        Ok(verified)
    }

    /// Whether what was recorded of somebody has each of these, by any of its terms.
    async fn has_all(&self, events: &[StoredEvent], owner: KeyName, terms: &[Vec<Term>]) -> Result<bool, Status> {
        let (mut recorded, key_id) = (Vec::new(), owner.to_string());
        for stored in events.iter().filter(|stored| makes_findable(stored, &key_id)) {
            recorded.extend(self.opened_payload(stored).await?.iter().flat_map(Term::of_event));
        }
        Ok(terms.iter().all(|terms| terms.iter().any(|term| recorded.contains(term))))
    }

    /// The payload of an event with its identifying fields; `None` when they are erased.
    async fn opened_payload(&self, stored: &StoredEvent) -> Result<Option<Payload>, Status> {
        let opened = self.opened(stored).await?;
        let whole = matches!(opened.open_state(), OpenState::Opened | OpenState::Unspecified);
        let Some(recorded_event::Payload::CaseEvent(event)) = opened.payload else { return Ok(None) };
        Ok(event.payload.filter(|_| whole))
    }
}

/// What is recorded of a search.
pub(super) fn search(scope: AccessScope, reason: AccessReason, terms: &[SearchTerm]) -> AccessRecorded {
    AccessRecorded {
        scope: scope.into(),
        reason: reason.into(),
        terms: terms.iter().map(|term| i32::from(*term)).collect(),
        ..AccessRecorded::default()
    }
}

/// The bucket did not answer: said without what was searched for.
pub(crate) fn out_of_reach(error: &BucketError) -> Status {
    tracing::warn!(%error, "the index of callers is out of reach");
    Status::unavailable("the index of callers is out of reach; repeat the same request")
}

fn found(case: CaseId, subject: Option<SubjectId>, events: &[StoredEvent]) -> Option<Found> {
    let opened = events.first()?;
    let opened_month = to_timestamp(opened.recorded_at).to_string().get(..7).unwrap_or_default().to_owned();
    Some(Found { case, subject, facts: Arc::new(facts_of(events)), opened_month })
}

/// Somebody who is only a suspect is nobody's caller.
fn may_be_a_caller(facts: &CaseFacts, subject: SubjectId) -> bool {
    facts.person(subject).is_some_and(|person| person.roles.iter().any(|role| role != PersonRole::Suspect))
}

fn is_about_recognition(stored: &StoredEvent) -> bool {
    [NUMBER_ASSIGNED, PHRASE_CHOSEN].contains(&stored.event.kind.as_str())
}

/// Whether an event says by what the person of this key is found.
fn makes_findable(stored: &StoredEvent, key_id: &String) -> bool {
    matches!(stored.event.kind.as_str(), "case.person_identified" | "case.contact_recorded")
        && stored.event.sealed.iter().any(|part| part.key_ids.contains(key_id))
}

fn is_numbered(status: &Status) -> bool {
    status.code() == Code::FailedPrecondition && status.message().starts_with("already_numbered")
}

fn is_supervisor(caller: &Caller) -> bool {
    caller.person.as_ref().is_some_and(|person| person.has(egide_servicekit::identity::Role::Supervisor))
}

/// An event of a case, to be appended.
pub(super) fn new_event(case_id: &str, payload: Payload) -> NewEvent {
    NewEvent {
        stream_id: case_id.to_owned(),
        payload: Some(new_event::Payload::CaseEvent(CaseEvent { payload: Some(payload) })),
        ..NewEvent::default()
    }
}

pub(super) fn text(subject: Option<SubjectId>) -> String {
    subject.map(|subject| subject.to_string()).unwrap_or_default()
}
