//! What both peers are told: the facts of the case, prepared as far as facts can be prepared before anybody asks. Who asks,
//! for what and when is left to them to decide.

use egide_domain::event::{ConsentGiven, ConsentWithdrawn, Expiry, RecipientScope};
use egide_domain::facts::{ConsentAct, ConsentRecord, Person};
use egide_domain::ids::{ConsentId, SubjectId};
use egide_domain::vocabulary::{
    Answer, ConsentKind, DataCategory, GrantorKind, MaskLevel, PersonRole, Purpose, ReviewOutcome, TriageLevel,
};
use egide_domain::{CaseFacts, Categories, Policy, Purposes, Recipient, Request, Timestamp};

use crate::Error;

/// An answer: of whom which category goes, how far; sorted.
pub(crate) type Answered = Vec<(SubjectId, DataCategory, MaskLevel)>;

/// One question, with everything it is asked of.
pub(crate) struct Question<'a> {
    pub(crate) facts: &'a CaseFacts,
    pub(crate) request: &'a Request,
    pub(crate) recipient: &'a Recipient,
    pub(crate) policy: &'a Policy,
    pub(crate) now: Timestamp,
}

/// What a record permits and denies, and how it stands when nobody has asked yet.
pub(crate) struct Record {
    pub(crate) consent_id: ConsentId,
    pub(crate) recipient: Option<RecipientScope>,
    /// Empty in a refusal: all.
    pub(crate) purposes: Purposes,
    pub(crate) permitted: Categories,
    pub(crate) denied: Categories,
    /// What newer records took back of it.
    pub(crate) withdrawn: Categories,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) speaking_freely: bool,
    pub(crate) understood: bool,
    /// For one disclosure, and that was made.
    pub(crate) used: bool,
}

/// A person, with the records that bear on their data.
pub(crate) struct Subject {
    pub(crate) subject_id: SubjectId,
    pub(crate) only_suspect: bool,
    pub(crate) records: Vec<Record>,
}

impl Question<'_> {
    pub(crate) fn purpose(&self) -> Result<Purpose, Error> {
        Ok(self.request.purpose.ok_or("a question without a purpose")?)
    }

    /// Whether consent may be a basis at all.
    pub(crate) fn in_order(&self) -> bool {
        let facts = self.facts;
        let reported = facts.tips.iter().all(|tip| tip.review != Some(ReviewOutcome::DoNotReport));
        let sufficient = facts.triage(self.now, self.policy) != Some(TriageLevel::Insufficient);
        facts.opened && !facts.closed && reported && sufficient
    }

    /// The people asked about, with what they and others said.
    ///
    /// # Errors
    /// What the peers are not told of would be decided by Égide alone: such a case is no question.
    pub(crate) fn subjects(&self) -> Result<Vec<Subject>, Error> {
        let facts = self.facts;
        let plain = facts.exceptions.is_empty()
            && facts.unreadable.is_none()
            && !facts.erased
            && !facts.is_abroad()
            && facts.tips.iter().all(|tip| !tip.needs_review() || tip.review.is_some());
        if !plain {
            return Err("the case holds something that the peers are not told of".into());
        }
        let asked = &self.request.subject_ids;
        let people = facts.persons.iter().filter(|person| asked.is_empty() || asked.contains(&person.subject_id));
        people
            .map(|person| {
                let only_suspect = person.is_only_suspect();
                if person.erased || (person.roles.contains(PersonRole::Suspect) && !only_suspect) {
                    return Err("a person of whom the peers are not told".into());
                }
                let mut records = Vec::new();
                for record in &facts.consents {
                    let Some((giver, record)) = self.record(record)? else { continue };
                    let bears = if only_suspect {
                        // Suspects are never asked: others say what may be told of them.
                        let voice = facts.person(giver).is_some_and(|giver| is_voice(facts, giver));
                        voice && record.permitted.union(record.denied).contains(DataCategory::Suspects)
                    } else {
                        giver == person.subject_id
                    };
                    if bears {
                        records.push(record);
                    }
                }
                Ok(Subject { subject_id: person.subject_id, only_suspect, records })
            })
            .collect()
    }

    fn record(&self, record: &ConsentRecord) -> Result<Option<(SubjectId, Record)>, Error> {
        match &record.act {
            ConsentAct::Given(given) => Ok(Some(self.given(record, given)?)),
            ConsentAct::Refused(refused) => Ok(Some((
                refused.subject_id,
                Record {
                    consent_id: refused.consent_id,
                    recipient: Some(refused.recipient.unwrap_or(RecipientScope::Anyone)),
                    purposes: Purposes::EMPTY,
                    permitted: Categories::EMPTY,
                    denied: if refused.denied.is_empty() { Categories::all() } else { refused.denied },
                    withdrawn: Categories::EMPTY,
                    from: record.recorded_at,
                    until: Timestamp(i64::MAX),
                    speaking_freely: true,
                    understood: true,
                    used: false,
                },
            ))),
            ConsentAct::Withdrawn(_) => Ok(None),
        }
    }

    fn given(&self, record: &ConsentRecord, given: &ConsentGiven) -> Result<(SubjectId, Record), Error> {
        let plain = given.kind == Some(ConsentKind::DataSubject)
            && given.grantor == Some(GrantorKind::Self_)
            && given.conditions.is_empty()
            && given.data_period.is_none();
        let giver = given.subject_id.filter(|_| plain).ok_or("a consent of which the peers are not told")?;
        let until = match given.expiry {
            Expiry::At(end) => end,
            Expiry::Unlimited => Timestamp(i64::MAX),
            Expiry::Absent => {
                let end = record.recorded_at.checked_add(self.policy.periods().consent_default);
                end.ok_or("a consent that ends at no instant")?
            }
        };
        let used = !given.standing
            && self.facts.decisions.iter().any(|decision| {
                let released = |decided| self.facts.referrals.iter().any(|one| one.released.decision_id == decided);
                decision.bases.iter().any(|basis| basis.consent_id() == Some(given.consent_id))
                    && released(decision.decision_id)
            });
        let record = Record {
            consent_id: given.consent_id,
            recipient: given.recipient,
            purposes: given.purposes,
            permitted: given.permitted,
            denied: given.denied,
            withdrawn: self.withdrawn(record, given)?,
            from: given.not_before.unwrap_or(record.recorded_at),
            until,
            speaking_freely: given.speaking_freely == Some(Answer::Yes),
            understood: given.understood == Some(Answer::Yes),
            used,
        };
        Ok((giver, record))
    }

    fn withdrawn(&self, record: &ConsentRecord, given: &ConsentGiven) -> Result<Categories, Error> {
        let mut withdrawn = Categories::EMPTY;
        for newer in self.facts.consents.iter().filter(|newer| newer.revision > record.revision) {
            match &newer.act {
                ConsentAct::Withdrawn(ConsentWithdrawn { consent_id: Some(named), categories, .. }) => {
                    if *named == given.consent_id {
                        let all = categories.is_empty();
                        withdrawn = withdrawn.union(if all { Categories::all() } else { *categories });
                    }
                }
                ConsentAct::Withdrawn(_) => return Err("a withdrawal that names no record".into()),
                ConsentAct::Given(newer) if newer.supersedes.contains(&given.consent_id) => {
                    if !given.denied.is_empty() {
                        return Err("a superseded denial, of which the peers are not told".into());
                    }
                    withdrawn = Categories::all();
                }
                ConsentAct::Given(_) | ConsentAct::Refused(_) => {}
            }
        }
        Ok(withdrawn)
    }
}

/// A potential victim or whoever brought the tip, and no suspect.
fn is_voice(facts: &CaseFacts, person: &Person) -> bool {
    !person.is_only_suspect() && (person.is_potential_victim() || facts.is_bringer(person))
}
