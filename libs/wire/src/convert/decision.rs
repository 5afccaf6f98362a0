//! Requests and decisions.

use egide_domain::decision::{AttestedNarrative, Bases, Basis, Decision, Mask, MaskEntry, Obligation, Reason, Request};
use egide_domain::event::DataPeriod;
use egide_domain::ids::DecisionId;
use egide_domain::vocabulary as list;

use super::{
    Listed as _, Unreadable, digest, id, ids, number, optional_id, optional_timestamp, read_all, required, to_timestamp,
};
use crate::proto::egide::case::v1 as proto;

/// Reads what was asked.
///
/// # Errors
/// [`Unreadable`] with the field.
pub fn request_from(record: &proto::RequestRecord) -> Result<Request, Unreadable> {
    Ok(Request {
        unit_id: id(&record.unit_id, "unit_id")?,
        organization_id: id(&record.organization_id, "organization_id")?,
        purpose: list::Purpose::read(record.purpose)?,
        categories: read_all(&record.categories, "categories")?,
        subject_ids: ids(&record.subject_ids, "subject_ids")?,
        relies_on: bases(&record.relies_on)?,
        mode: list::ReferralMode::read(record.mode)?,
        supplementary_to: optional_id(&record.supplementary_to, "supplementary_to")?,
        approval_id: optional_id(&record.approval_id, "approval_id")?,
    })
}

/// Writes what was asked.
#[must_use]
pub fn request(request: &Request) -> proto::RequestRecord {
    proto::RequestRecord {
        unit_id: request.unit_id.to_string(),
        organization_id: request.organization_id.to_string(),
        purpose: number(request.purpose),
        categories: request.categories.iter().map(list::DataCategory::number).collect(),
        subject_ids: request.subject_ids.iter().map(ToString::to_string).collect(),
        relies_on: request.relies_on.iter().map(|basis| to_basis(*basis)).collect(),
        mode: number(request.mode),
        supplementary_to: request.supplementary_to.map(|id| id.to_string()).unwrap_or_default(),
        approval_id: request.approval_id.map(|id| id.to_string()).unwrap_or_default(),
    }
}

/// Reads bases.
///
/// # Errors
/// [`Unreadable`] with the field.
pub fn bases(bases: &[proto::Basis]) -> Result<Vec<Basis>, Unreadable> {
    let one = |basis: &proto::Basis| {
        Ok(match required(basis.kind, "kind")? {
            list::BasisKind::Consent => Basis::Consent(id(&basis.reference_id, "reference_id")?),
            list::BasisKind::ReportConsent => Basis::ReportConsent(id(&basis.reference_id, "reference_id")?),
            list::BasisKind::Exception => {
                Basis::Exception(id(&basis.reference_id, "reference_id")?, required(basis.exception, "exception")?)
            }
        })
    };
    bases.iter().map(one).collect()
}

fn to_basis(basis: Basis) -> proto::Basis {
    let (reference_id, exception) = match basis {
        Basis::Consent(id) | Basis::ReportConsent(id) => (id.to_string(), None),
        Basis::Exception(id, kind) => (id.to_string(), Some(kind)),
    };
    proto::Basis { kind: basis.kind().number(), reference_id, exception: number(exception) }
}

pub(super) fn mask(entries: &[proto::MaskEntry]) -> Result<Mask, Unreadable> {
    let one = |entry: &proto::MaskEntry| {
        Ok(MaskEntry {
            subject_id: id(&entry.subject_id, "subject_id")?,
            category: required(entry.category, "category")?,
            level: required(entry.level, "level")?,
            bases: entry.bases.iter().copied().collect::<Bases>(),
            period: match (&entry.recorded_from, &entry.recorded_until) {
                (None, None) => None,
                (from, until) => Some(data_period(from.as_ref(), until.as_ref())?),
            },
        })
    };
    entries.iter().map(one).collect::<Result<Vec<_>, _>>().map(Mask::from)
}

/// Reads a stretch of time.
pub(super) fn data_period(
    from: Option<&prost_types::Timestamp>,
    until: Option<&prost_types::Timestamp>,
) -> Result<DataPeriod, Unreadable> {
    Ok(DataPeriod {
        from: optional_timestamp(from, "recorded_from")?,
        until: optional_timestamp(until, "recorded_until")?,
    })
}

/// Reads one obligation.
///
/// # Errors
/// [`Unreadable`] with the field.
pub fn obligation_from(obligation: &proto::Obligation) -> Result<Obligation, Unreadable> {
    Ok(Obligation {
        kind: required(obligation.kind, "kind")?,
        subject_id: optional_id(&obligation.subject_id, "subject_id")?,
        due_at: optional_timestamp(obligation.due_at.as_ref(), "due_at")?,
    })
}

/// Writes one reason.
#[must_use]
pub fn reason(reason: &Reason) -> proto::Reason {
    proto::Reason {
        code: reason.code.number(),
        subject_id: reason.subject_id.map(|id| id.to_string()).unwrap_or_default(),
        category: number(reason.category),
        reference: reason.reference.to_string(),
    }
}

/// Writes one obligation.
#[must_use]
pub fn obligation(obligation: &Obligation) -> proto::Obligation {
    proto::Obligation {
        kind: obligation.kind.number(),
        due_at: obligation.due_at.map(to_timestamp),
        subject_id: obligation.subject_id.map(|id| id.to_string()).unwrap_or_default(),
    }
}

/// Writes a decision, all but what the domain does not know: digests of policy and classification, form, commitment.
#[must_use]
pub fn decided(decision_id: DecisionId, asked: &Request, decision: &Decision) -> proto::DisclosureDecided {
    proto::DisclosureDecided {
        decision_id: decision_id.to_string(),
        request: Some(request(asked)),
        outcome: decision.outcome.number(),
        bases: decision.bases.iter().map(|basis| to_basis(*basis)).collect(),
        mask: decision
            .mask
            .entries()
            .iter()
            .map(|entry| proto::MaskEntry {
                subject_id: entry.subject_id.to_string(),
                category: entry.category.number(),
                level: entry.level.number(),
                bases: entry.bases.iter().collect(),
                recorded_from: entry.period.and_then(|period| period.from).map(to_timestamp),
                recorded_until: entry.period.and_then(|period| period.until).map(to_timestamp),
            })
            .collect(),
        reasons: decision.reasons.iter().map(reason).collect(),
        obligations: decision.obligations.iter().map(obligation).collect(),
        decided_at: Some(to_timestamp(decision.decided_at)),
        expires_at: decision.expires_at.map(to_timestamp),
        case_revision: decision.case_revision.0,
        directory_revision: decision.directory_revision.0,
        policy_version: decision.policy_version.to_string(),
        urgent: decision.urgent,
        recipient_kind: number(decision.recipient_kind),
        narratives: decision
            .narratives
            .iter()
            .map(|narrative| proto::AttestedNarrative {
                review_id: narrative.review_id.to_string(),
                text_digest: narrative.text_digest.to_vec(),
            })
            .collect(),
        ..proto::DisclosureDecided::default()
    }
}

/// Reads the attested narratives of a decision.
///
/// # Errors
/// [`Unreadable`] with the field.
pub fn narratives_from(narratives: &[proto::AttestedNarrative]) -> Result<Vec<AttestedNarrative>, Unreadable> {
    let one = |narrative: &proto::AttestedNarrative| {
        Ok(AttestedNarrative {
            review_id: id(&narrative.review_id, "review_id")?,
            text_digest: digest(&narrative.text_digest, "text_digest")?,
        })
    };
    narratives.iter().map(one).collect()
}

/// Reads what a recorded decision lets through and rests on.
///
/// # Errors
/// [`Unreadable`] with the field.
pub fn decided_from(decided: &proto::DisclosureDecided) -> Result<(Mask, Vec<Basis>), Unreadable> {
    Ok((mask(&decided.mask)?, bases(&decided.bases)?))
}
