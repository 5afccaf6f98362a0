//! Reviews of narratives: what a reviewer is shown, and what is attested.
//!
//! The text is made here both times, from the narrative as the ledger opens it and the reviewer's places in it; a text that
//! somebody sends is never taken. What was shown is bound by its digest and by the revision it was read at: a narrative, a name
//! or a rule that changed in between gives another text, or is refused at the ledger's fence.

use std::ops::Range;

use egide_crypto::digest::{Digest, Fingerprinter, sha256, sha256_parts};
use egide_domain::facts::{CaseFacts, ReviewState};
use egide_domain::ids::{CaseId, ReviewId, SubjectId};
use egide_domain::vocabulary::{Answer, PersonRole};
use egide_redaction::narrative::review::{Edits, MarkKind, NotReviewed, marks, review};
use egide_redaction::narrative::{self, Deidentified, Kind, KnownPerson, Language, Part};
use egide_servicekit::identity::Onward;
use egide_wire::convert::Listed as _;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1 as case;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::disclosure::v1 as proto;
use egide_wire::proto::egide::ledger::v1::{
    AppendRequest, OpenForReviewRequest, OpenForReviewResponse, RecordedEvent, recorded_event,
};
use egide_wire::refusal::{Violation, invalid};
use tonic::Status;

use crate::gate::Gate;
use crate::ledger::{NotAppended, Proposed, Unfit, command};
use crate::origin::{Origin, uuid_of};
use crate::reader::Unreadable;

const TEXT_SALT: &str = "egide/disclosure/attested-text-salt/v1";
const LEXICON: &str = "egide/lexicon/v1";
const CONTENT: &str = "egide/disclosure/attestation-content/v1";

/// A look at a narrative, by its request's bytes alone.
pub(crate) struct Look {
    pub(crate) case_id: CaseId,
    pub(crate) review_id: ReviewId,
    pub(crate) reason: AccessReason,
    pub(crate) edits: Edits,
    pub(crate) unmasked: Vec<case::UnmaskReason>,
}

/// An attestation that is asked for.
pub(crate) struct Attesting {
    pub(crate) look: Look,
    pub(crate) account: String,
    pub(crate) origin: Origin,
    pub(crate) text_sha256: Digest,
    pub(crate) case_revision: u64,
    /// All that is said of it but the command's id.
    pub(crate) content: Vec<u8>,
}

/// What was opened, and the text made of it.
struct Reviewed {
    opened: OpenForReviewResponse,
    made: Deidentified,
}

impl Gate {
    /// Shows a narrative and the text that would leave.
    pub(crate) async fn show_narrative(
        &self,
        onward: &Onward,
        look: &Look,
    ) -> Result<proto::ShowNarrativeResponse, Status> {
        let Reviewed { opened, made } = self.reviewed(onward, look).await?;
        let place = |range: &Range<usize>| {
            let at = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
            Some(proto::TextPlace { start: at(range.start), end: at(range.end) })
        };
        let replacements = made.spans.iter().map(|span| proto::Replacement {
            told: place(&span.range),
            shown: place(&span.replaced),
            kind: span.kind.code().to_owned(),
            of_the_case: span.person.is_some() || span.kind == Kind::Person,
        });
        let marks = marks(&made.text).into_iter().map(|mark| proto::TextMark {
            place: place(&mark.range),
            reason: match mark.kind {
                MarkKind::Capital => proto::MarkReason::Capital,
                MarkKind::Number => proto::MarkReason::Number,
                MarkKind::FirstName => proto::MarkReason::FirstName,
            }
            .into(),
        });
        Ok(proto::ShowNarrativeResponse {
            replacements: replacements.collect(),
            marks: marks.collect(),
            text_sha256: sha256(made.text.as_bytes()).as_bytes().to_vec(),
            text: made.text,
            narrative_id: opened.narrative_id,
            subject_ids: opened.subject_ids,
            unit_id: opened.unit_id,
            narrative: opened.text,
            language: opened.language,
            case_revision: opened.revision,
        })
    }

    /// Makes the text again, and attests it where it is the one that was shown.
    pub(crate) async fn attest_narrative(
        &self,
        onward: &Onward,
        attesting: &Attesting,
    ) -> Result<proto::AttestNarrativeResponse, Status> {
        let look = &attesting.look;
        if let Some(text_digest) = self.attested_before(attesting).await? {
            return Ok(proto::AttestNarrativeResponse { text_digest });
        }
        let Reviewed { opened, made } = self.reviewed(onward, look).await?;
        if sha256(made.text.as_bytes()) != attesting.text_sha256 {
            return Err(Status::failed_precondition("this is not the text that was shown; look at it again"));
        }
        let text = made.text;
        // The same again for a retry, and nobody's to guess: it is sealed beside the text.
        let salt = self.secret.fingerprint_parts(TEXT_SALT, &[look.review_id.as_bytes(), text.as_bytes()]);
        let text_digest = text_digest(salt.as_bytes(), &text);
        let lists: Vec<&[u8]> = narrative::word_lists().iter().map(|list| list.as_bytes()).collect();
        let attested = case::NarrativeAttested {
            review_id: look.review_id.to_string(),
            narrative_id: opened.narrative_id,
            subject_ids: opened.subject_ids,
            unit_id: opened.unit_id,
            language: opened.language,
            text,
            text_salt: salt.as_bytes().to_vec(),
            text_digest: text_digest.as_bytes().to_vec(),
            deidentifier: narrative::VERSION.to_owned(),
            lexicon_digest: sha256_parts(LEXICON, &lists).as_bytes().to_vec(),
            masks_added: u32::try_from(look.edits.mask.len()).unwrap_or(u32::MAX),
            unmasked: look.unmasked.iter().map(|reason| (*reason).into()).collect(),
            could_tell_who_said_it: Answer::No.number(),
            // What the reviewer saw, and never more than was read here.
            case_revision: attesting.case_revision.min(opened.revision),
        };
        let proposed = Proposed::new(Payload::NarrativeAttested(attested))?;
        let stream_id = look.case_id.to_string();
        let command_id = attesting.origin.command("attestation");
        let request = AppendRequest {
            correlation_id: self.content_id(attesting),
            ..command(command_id, stream_id.clone(), proposed.event, None, Vec::new())
        };
        match self.ledger.append(onward, request).await {
            Ok(acknowledged) => acknowledged.proves(&stream_id, proposed.facts_digest).map(|_| ())?,
            Err(NotAppended::Failed(status)) => return Err(status),
            Err(NotAppended::Unfit(Unfit::Used)) => {
                return Err(Status::already_exists(
                    "this command id was used with other content; a new one takes a new id",
                ));
            }
            Err(NotAppended::Unfit(Unfit::Moved | Unfit::NotAdmitted | Unfit::Expired | Unfit::Erased)) => {
                return Err(Status::failed_precondition(
                    "a name was recorded since this was shown, or the review is over; look at it again",
                ));
            }
        }
        Ok(proto::AttestNarrativeResponse { text_digest: text_digest.as_bytes().to_vec() })
    }

    /// What this very person attested in this review before: whoever repeats a call goes on where it stopped. Whoever says something
    /// else must not take the first text for theirs.
    async fn attested_before(&self, attesting: &Attesting) -> Result<Option<Vec<u8>>, Status> {
        self.reader.catch_up().await?;
        let moment = self.reader.moment();
        let case = moment.case(attesting.look.case_id)?;
        let Some(review) = case.facts.review(attesting.look.review_id) else { return Ok(None) };
        let ReviewState::Attested(attestation) = &review.state else { return Ok(None) };
        if attestation.by.person.as_deref() != Some(attesting.account.as_str()) {
            return Ok(None);
        }
        let event = moment.event(attesting.look.case_id, attestation.at.0)?.event.ok_or(Unreadable::Row)?;
        if event.correlation_id != self.content_id(attesting) {
            return Err(Status::already_exists(
                "another text was attested in this review; withhold it, or request another review",
            ));
        }
        Ok(Some(attestation.text_digest.to_vec()))
    }

    /// An id that says the same content again, and nothing of it.
    fn content_id(&self, attesting: &Attesting) -> String {
        let content = self.secret.fingerprint_parts(CONTENT, &[&attesting.content]);
        uuid::Uuid::from_bytes(uuid_of(content)).to_string()
    }

    async fn reviewed(&self, onward: &Onward, look: &Look) -> Result<Reviewed, Status> {
        let request = OpenForReviewRequest {
            case_id: look.case_id.to_string(),
            review_id: look.review_id.to_string(),
            reason: look.reason.into(),
        };
        let opened = self.ledger.open_for_review(onward, request).await?;
        self.reader.catch_up().await?;
        let people = known(&opened, &self.reader.moment().case(look.case_id)?.facts);
        let language = match case::Language::try_from(opened.language) {
            Ok(case::Language::French) => Language::French,
            Ok(case::Language::English | case::Language::Other | case::Language::Unspecified) | Err(_) => {
                Language::English
            }
        };
        let made = review(&opened.text, language, &people, &look.edits).map_err(not_reviewed)?;
        Ok(Reviewed { opened, made })
    }
}

/// The salted digest of an attested text.
pub(crate) fn text_digest(salt: &[u8; 32], text: &str) -> Digest {
    Fingerprinter::new(salt).fingerprint(text.as_bytes())
}

/// Whether every narrative that a decision names was opened, and is the very text that was attested.
pub(crate) fn are_the_attested(decided: &case::DisclosureDecided, events: &[RecordedEvent]) -> bool {
    let opened = |narrative: &case::AttestedNarrative| {
        events.iter().any(|event| {
            let Some(recorded_event::Payload::CaseEvent(event)) = &event.payload else { return false };
            let Some(Payload::NarrativeAttested(attested)) = &event.payload else { return false };
            let salt: Result<&[u8; 32], _> = attested.text_salt.as_slice().try_into();
            let same = |salt| text_digest(salt, &attested.text).as_bytes().as_slice() == narrative.text_digest;
            attested.review_id == narrative.review_id
                && attested.text_digest == narrative.text_digest
                && salt.is_ok_and(same)
        })
    };
    decided.narratives.iter().all(opened)
}

/// The case's people by their names, none of which may stay.
fn known(opened: &OpenForReviewResponse, facts: &CaseFacts) -> Vec<KnownPerson> {
    let part = |subject_id: &str| {
        let person = subject_id.parse::<SubjectId>().ok().and_then(|subject_id| facts.person(subject_id));
        match person {
            Some(person) if person.is_potential_victim() => Part::PotentialVictim,
            Some(person) if person.roles.contains(PersonRole::Child) => Part::Child,
            Some(person) if person.is_only_suspect() => Part::Suspect,
            Some(_) | None => Part::Unsaid,
        }
    };
    let one = |person: &egide_wire::proto::egide::ledger::v1::NamedPerson| {
        let (name, aliases) = person.names.split_first()?;
        let part = part(&person.subject_id);
        Some(KnownPerson { name: name.clone(), aliases: aliases.to_vec(), part, kept: false })
    };
    opened.people.iter().filter_map(one).collect()
}

fn not_reviewed(error: NotReviewed) -> Status {
    let asked = matches!(
        error,
        NotReviewed::TooMany | NotReviewed::NoPlace | NotReviewed::NoReplacement | NotReviewed::KnownPerson
    );
    if asked {
        invalid(vec![Violation::new("edits", error.to_string())])
    } else {
        Status::failed_precondition(error.to_string())
    }
}
