//! `PreviewDisclosure`: what would be decided now, and what would leave. Nothing is committed to the case and nothing opened: what
//! stands here follows from facts and from the classification of fields.
//!
//! Of what waits for somebody's approval two things are told: that nothing leaves now, and what would once it was approved.

use egide_domain::ids::DecisionId;
use egide_domain::time::Timestamp;
use egide_domain::{Decision, OnceApproved, once_approved};
use egide_redaction::{About, Fate, People, Unopened, fate};
use egide_report::Language;
use egide_wire::convert::{decided as wire_decided, number, to_timestamp};
use egide_wire::flatten::{Outlined, outline};
use egide_wire::proto::egide::case::v1::MaskEntry;
use egide_wire::proto::egide::disclosure::v1 as proto;
use tonic::Status;

use crate::gate::Gate;
use crate::model::rows::EventRow;
use crate::reader::Unreadable;
use crate::validate::Disclosure;

/// Most records that one preview lists, the newest of the case.
const RECORDS_MAX: usize = 500;

impl Gate {
    /// See the module.
    pub(crate) fn preview(&self, disclosure: &Disclosure) -> Result<proto::PreviewDisclosureResponse, Status> {
        let moment = self.reader.moment();
        let snapshot = moment.snapshot(disclosure.case_id, disclosure.unit_id)?;
        let nowhere = DecisionId([0; 16]);
        let now = self.now();
        let (decision, mut decided) = self.decide_now(disclosure, nowhere, &moment, &snapshot, now)?;
        decided.decision_id.clear();
        let facts = &snapshot.case.facts;
        let explanation = self.explain_on(&moment, &decided, facts, &self.policy, &[])?;
        let recipient = snapshot.recipient();
        let request = disclosure.request(recipient.as_ref().map(|recipient| recipient.organization_id));
        let ahead = once_approved(facts, &request, recipient.as_ref(), &self.policy, now);
        let waits_for = ahead.as_ref().map(|ahead| {
            let would_be = wire_decided(nowhere, &request, ahead.would_be());
            let explanation = self.explain_ahead(&moment, &would_be, facts, ahead.required())?;
            Ok::<_, Status>(waits_for(ahead, would_be.mask, explanation))
        });
        let waits_for = waits_for.transpose()?;
        let looked = Looked { decision: &decision, once_approved: ahead.as_ref().map(OnceApproved::would_be) };
        let people = snapshot.case.people();
        let (mut records, mut left_out) = (Vec::new(), 0_u32);
        for row in moment.newest_events(disclosure.case_id) {
            let Some(record) = record(&row?, looked, &people)? else { continue };
            if records.len() < RECORDS_MAX {
                records.push(record);
            } else {
                left_out = left_out.saturating_add(1);
            }
        }
        records.reverse();
        Ok(proto::PreviewDisclosureResponse {
            decided: Some(decided),
            explanation: Some(explanation),
            records,
            records_left_out: left_out,
            waits_for,
        })
    }
}

/// What is decided now and, where that waits for an approval, what would be with it.
#[derive(Clone, Copy)]
struct Looked<'a> {
    decision: &'a Decision,
    once_approved: Option<&'a Decision>,
}

fn waits_for(ahead: &OnceApproved, mask: Vec<MaskEntry>, explanation: proto::Explanation) -> proto::WaitsForApproval {
    let required = ahead.required();
    proto::WaitsForApproval {
        rules: required.rules.iter().map(ToString::to_string).collect(),
        roles: required.roles.iter().map(|role| role.name().to_owned()).collect(),
        until: required.expires_at.map(to_timestamp),
        mask,
        explanation: Some(explanation),
    }
}

/// A record about people of the case; `None` for what is about nobody, or has nothing that ever leaves.
fn record(row: &EventRow, looked: Looked<'_>, people: &People) -> Result<Option<proto::PreviewedRecord>, Unreadable> {
    let event = row.event.as_ref().ok_or(Unreadable::Row)?;
    // What cannot be read never leaves; the decision says so.
    let Ok(Some(outline)) = outline(&event.facts) else { return Ok(None) };
    let subject_ids = match &outline.about {
        About::Nobody => return Ok(None),
        About::One(subject_id) => vec![subject_id.to_string()],
        About::Several(subject_ids) => subject_ids.iter().map(ToString::to_string).collect(),
    };
    let fate_under = |decision: &Decision, field: &Outlined| {
        let unopened = Unopened {
            about: &outline.about,
            recorded_at: Some(Timestamp(row.recorded_at_ms)),
            path: &field.path,
            class: &field.class,
            only_under: outline.only_under,
            attested: outline.attested,
        };
        fate(decision, people, unopened)
    };
    let fates = |field: &Outlined| {
        (fate_under(looked.decision, field), looked.once_approved.map(|decision| fate_under(decision, field)))
    };
    let fields: Vec<_> = outline.fields.iter().filter_map(|field| previewed(field, fates(field))).collect();
    Ok((!fields.is_empty()).then(|| proto::PreviewedRecord {
        revision: event.revision,
        kind: event.kind.clone(),
        subject_ids,
        fields,
    }))
}

/// A field that reports have a label for: no other ever stands in one.
fn previewed(field: &Outlined, (now, once_approved): (Fate, Option<Fate>)) -> Option<proto::PreviewedField> {
    let key = format!("field.{}", field.path);
    let label = |language: Language| language.label(&key).ok().map(str::to_owned);
    let told = |fate: Fate| match fate {
        Fate::Whole => proto::FieldFate::Whole,
        Fate::Generalised => proto::FieldFate::Generalised,
        Fate::Withheld => proto::FieldFate::Withheld,
    };
    Some(proto::PreviewedField {
        path: field.path.clone(),
        label_en: label(Language::English)?,
        label_fr: label(Language::French)?,
        category: number(field.class.category),
        fate: told(now).into(),
        sealed: field.sealed,
        fate_once_approved: once_approved.map_or(proto::FieldFate::Unspecified, told).into(),
    })
}
