//! From a permit to a released referral: open, redact, write the report, sign it, commit it.

use egide_crypto::digest::sha256;
use egide_crypto::random::random_bytes;
use egide_domain::Permit;
use egide_domain::ids::{CaseId, DecisionId, ReferralId, Revision, SubjectId, UnitId};
use egide_domain::vocabulary::Purpose;
use egide_parcel::REPORT_CONTEXT;
use egide_redaction::{Field, Redacted, RedactedCase, redact};
use egide_report::{Form, Header, Language, Report};
use egide_wire::flatten::flatten;
use egide_wire::proto::egide::case::v1 as case;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use tonic::Status;
use zeroize::Zeroizing;

use crate::facts::{CaseView, OrganizationView};
use crate::gate::{EVENT_BYTES_MAX, Gate, ROUNDS_MAX, expected, moved_too_often};
use crate::ledger::{NotAppended, NotOpened, Proposed, Unfit, command};
use crate::origin::{command_of_release, referral_of};
use crate::reader::Snapshot;
use crate::request::{Asked, Released};
use crate::review::are_the_attested;

/// What a referral is made of, besides what its permit opened.
#[derive(Clone, Copy)]
pub(crate) struct Draft<'a> {
    pub(crate) case_id: CaseId,
    pub(crate) unit_id: UnitId,
    pub(crate) purpose: Purpose,
    pub(crate) supplementary_to: Option<ReferralId>,
    pub(crate) decision_id: DecisionId,
    pub(crate) decided: &'a case::DisclosureDecided,
    /// The case since the decision. Whoever is in it, how they may be approached and what may be passed on is what it was then: what
    /// changes any of it supersedes the decision.
    pub(crate) case: &'a CaseView,
    /// The recipient's organisation at the revision the decision saw.
    pub(crate) organization: &'a OrganizationView,
    pub(crate) salt: &'a [u8; 32],
    /// The key that signs it.
    pub(crate) key_id: &'a str,
}

impl Gate {
    /// Makes and releases the referral of a permit; `None` when it must be decided again.
    pub(crate) async fn release(
        &self,
        asked: &Asked,
        decision_id: DecisionId,
        permit: &Permit,
        decided: &case::DisclosureDecided,
    ) -> Result<Option<Released>, Status> {
        let fields = match self.ledger.open_for_permit(&asked.onward, permit.position()).await {
            Ok(events) if !are_the_attested(decided, &events) => {
                tracing::error!("a narrative is not the text that was attested");
                return Err(Status::internal("a narrative is not the text that was attested; nothing is released"));
            }
            Ok(events) => fields_of(&events, permit.decision().case_revision)?,
            Err(NotOpened::TooLate) => return Ok(None),
            Err(NotOpened::Erased) => {
                return Err(Status::failed_precondition("somebody's data was erased; nothing of it can be disclosed"));
            }
            Err(NotOpened::TooMuch) => return Err(too_large()),
            Err(NotOpened::Failed(status)) => return Err(status),
        };
        // The decision stands right after the revision it was made on.
        let Some(revision) = permit.decision().case_revision.next() else { return Ok(None) };
        let referral_id = referral_of(decision_id);
        let released_at = self.now();
        self.reader.catch_up().await?;
        let Some(snapshot) = self.holding(asked, permit, revision)? else { return Ok(None) };
        let organization = snapshot
            .organization
            .as_ref()
            .ok_or_else(|| Status::internal("a permit names a recipient that is not in the directory"))?;
        let salt = Zeroizing::new(random_bytes::<32>().map_err(|error| Status::unavailable(error.to_string()))?);
        let draft = Draft {
            case_id: asked.disclosure.case_id,
            unit_id: asked.disclosure.unit_id,
            purpose: asked.disclosure.purpose,
            supplementary_to: asked.disclosure.supplementary_to,
            decision_id,
            decided,
            case: &snapshot.case,
            organization,
            salt: &salt,
            key_id: &self.report_key.key_id().to_string(),
        };
        let mut released = self.draft(&draft, permit, fields)?;
        released.signature = self.report_key.sign(REPORT_CONTEXT, &released.report).as_bytes().to_vec();
        let report_digest = sha256(&released.report);
        let proposed = Proposed::new(Payload::ReferralReleased(released))?;
        let stream_id = asked.disclosure.case_id.to_string();
        for _ in 0..ROUNDS_MAX {
            let Some(snapshot) = self.holding(asked, permit, revision)? else { return Ok(None) };
            let organization_id = decided.request.as_ref().map_or("", |request| request.organization_id.as_str());
            let request = command(
                command_of_release(referral_id),
                stream_id.clone(),
                proposed.event.clone(),
                Some(released_at),
                expected(
                    asked.disclosure.case_id,
                    snapshot.case.facts.revision.0,
                    organization_id,
                    snapshot.directory_revision(),
                ),
            );
            match self.ledger.append(&asked.onward, request).await {
                Ok(acknowledged) => {
                    acknowledged.proves(&stream_id, proposed.facts_digest)?;
                    return Ok(Some(Released { referral_id, report_digest }));
                }
                // Something else happened in the case, or in the directory: look whether it matters.
                Err(NotAppended::Unfit(Unfit::Moved)) => self.reader.catch_up().await?,
                Err(NotAppended::Unfit(Unfit::Used | Unfit::NotAdmitted | Unfit::Expired | Unfit::Erased)) => {
                    return Ok(None);
                }
                Err(NotAppended::Failed(status)) => return Err(status),
            }
        }
        Err(moved_too_often())
    }

    /// The newest facts, where the permit still holds on them.
    fn holding(&self, asked: &Asked, permit: &Permit, revision: Revision) -> Result<Option<Snapshot>, Status> {
        let snapshot = self.reader.moment().snapshot(asked.disclosure.case_id, asked.disclosure.unit_id)?;
        Ok(snapshot.still_holds(permit.decision(), revision, self.now()).then_some(snapshot))
    }

    /// What is released under a permit, unsigned: the same of the same, whenever it is made.
    pub(crate) fn draft(
        &self,
        draft: &Draft<'_>,
        permit: &Permit,
        fields: Vec<Field>,
    ) -> Result<case::ReferralReleased, Status> {
        let Draft { case_id, unit_id, purpose, supplementary_to, decision_id, decided, organization, .. } = *draft;
        let redacted = redact(permit, &draft.case.people(), fields);
        let referral_id = referral_of(decision_id);
        let language = organization.language(unit_id);
        let header = Header {
            referral_id,
            case_id,
            unit_id,
            names: organization.names(unit_id),
            form: form_of(decided)?,
            language,
            purpose,
            supplementary_to,
            onward_sharing: draft.case.allows_onward_sharing(&permit.decision().bases),
            salt: *draft.salt,
            key_id: draft.key_id,
        };
        let bytes = self.write(&header, &redacted)?;
        let mut released = case::ReferralReleased {
            referral_id: referral_id.to_string(),
            decision_id: decision_id.to_string(),
            unit_id: unit_id.to_string(),
            organization_id: organization_of(decided),
            subject_ids: spoken_of(&redacted).iter().map(ToString::to_string).collect(),
            form: decided.form.clone(),
            language: match language {
                Language::English => case::Language::English,
                Language::French => case::Language::French,
            }
            .into(),
            report_digest: sha256(&bytes).as_bytes().to_vec(),
            signature: Vec::new(),
            key_id: draft.key_id.to_owned(),
            report: bytes.to_vec(),
            urgent: decided.urgent,
            supplementary_to: supplementary_to.map(|id| id.to_string()).unwrap_or_default(),
            commitment: Vec::new(),
            commitment_salt: self.commitment_salt(decision_id).as_bytes().to_vec(),
        };
        released.commitment = self.commitment(decision_id, Payload::ReferralReleased(released.clone()))?;
        Ok(released)
    }

    fn write(&self, header: &Header<'_>, redacted: &Redacted<RedactedCase>) -> Result<Zeroizing<Vec<u8>>, Status> {
        let report = Report::compose(header, redacted, &self.keyed()).map_err(|error| {
            tracing::error!(%error, "a report cannot be composed");
            Status::internal("the report cannot be composed")
        })?;
        let bytes = report.to_canonical_json().map_err(|error| Status::internal(error.to_string()))?;
        let bytes = Zeroizing::new(bytes);
        if bytes.len() > EVENT_BYTES_MAX {
            return Err(too_large());
        }
        Ok(bytes)
    }
}

fn too_large() -> Status {
    Status::failed_precondition("the report is too large to be released; ask for fewer people or categories at a time")
}

/// The opened fields as they stood when the decision was made; what was recorded later was not decided on.
pub(crate) fn fields_of(
    events: &[egide_wire::proto::egide::ledger::v1::RecordedEvent],
    until: Revision,
) -> Result<Vec<Field>, Status> {
    let mut fields = Vec::new();
    for event in events.iter().filter(|event| event.revision <= until.0) {
        let flat = flatten(event).map_err(|_| Status::internal("an event of the case cannot be read"))?;
        fields.extend(flat);
    }
    Ok(fields)
}

/// The people the report speaks of. What is about several together is about everybody the mask covers.
fn spoken_of(redacted: &Redacted<RedactedCase>) -> Vec<SubjectId> {
    let case = redacted.get();
    let mut people: Vec<SubjectId> = case.people.iter().map(|person| person.subject_id).collect();
    if !case.together.is_empty() {
        people.extend(case.decision.mask.entries().iter().map(|entry| entry.subject_id));
    }
    people.sort_unstable();
    people.dedup();
    people
}

fn form_of(decided: &case::DisclosureDecided) -> Result<Form, Status> {
    decided.form.parse().map_err(|_| Status::internal("the decision names a form that is not known here"))
}

fn organization_of(decided: &case::DisclosureDecided) -> String {
    decided.request.as_ref().map(|request| request.organization_id.clone()).unwrap_or_default()
}
