//! `PreviewDisclosure`: what would be decided now, and what would leave. Nothing is committed to the case and nothing opened: what
//! stands here follows from facts and from the classification of fields.

use egide_domain::Decision;
use egide_domain::ids::DecisionId;
use egide_domain::time::Timestamp;
use egide_redaction::{About, Fate, People, Unopened, fate};
use egide_report::Language;
use egide_wire::convert::number;
use egide_wire::flatten::{Outlined, outline};
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
        let (decision, mut decided) = self.decide_now(disclosure, nowhere, &moment, &snapshot, self.now())?;
        decided.decision_id.clear();
        let explanation = self.explain_on(&moment, &decided, &snapshot.case.facts, &self.policy, &[])?;
        let people = snapshot.case.people();
        let (mut records, mut left_out) = (Vec::new(), 0_u32);
        for row in moment.newest_events(disclosure.case_id) {
            let Some(record) = record(&row?, &decision, &people)? else { continue };
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
        })
    }
}

/// A record about people of the case; `None` for what is about nobody, or has nothing that ever leaves.
fn record(row: &EventRow, decision: &Decision, people: &People) -> Result<Option<proto::PreviewedRecord>, Unreadable> {
    let event = row.event.as_ref().ok_or(Unreadable::Row)?;
    // What cannot be read never leaves; the decision says so.
    let Ok(Some(outline)) = outline(&event.facts) else { return Ok(None) };
    let subject_ids = match &outline.about {
        About::Nobody => return Ok(None),
        About::One(subject_id) => vec![subject_id.to_string()],
        About::Several(subject_ids) => subject_ids.iter().map(ToString::to_string).collect(),
    };
    let fates = |field: &Outlined| {
        let unopened = Unopened {
            about: &outline.about,
            recorded_at: Some(Timestamp(row.recorded_at_ms)),
            path: &field.path,
            class: &field.class,
            only_under: outline.only_under,
        };
        fate(decision, people, unopened)
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
fn previewed(field: &Outlined, fate: Fate) -> Option<proto::PreviewedField> {
    let key = format!("field.{}", field.path);
    let label = |language: Language| language.label(&key).ok().map(str::to_owned);
    let fate = match fate {
        Fate::Whole => proto::FieldFate::Whole,
        Fate::Generalised => proto::FieldFate::Generalised,
        Fate::Withheld => proto::FieldFate::Withheld,
    };
    Some(proto::PreviewedField {
        path: field.path.clone(),
        label_en: label(Language::English)?,
        label_fr: label(Language::French)?,
        category: number(field.class.category),
        fate: fate.into(),
        sealed: field.sealed,
    })
}
