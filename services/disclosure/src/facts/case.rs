//! The facts of a case, and the safe-contact instructions that travel with what leaves.

use std::collections::BTreeMap;

use egide_domain::ids::SubjectId;
use egide_domain::set::Set;
use egide_domain::vocabulary::{ApproachRule, ContactPermission};
use egide_domain::{Basis, CaseEvent, CaseFacts, Recorded};
use egide_redaction::{People, SafeContact};
use egide_wire::convert::{Listed as _, Unreadable, read_all};
use egide_wire::proto::egide::case::v1::{self as proto, case_event::Payload};
use prost::Message as _;

use super::Fold;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CaseView {
    /// What the gate decides on.
    pub(crate) facts: CaseFacts,
    safe_contacts: BTreeMap<SubjectId, SafeContact>,
}

impl Fold for CaseView {
    type Event = CaseEvent;

    fn apply(&mut self, recorded: &Recorded<CaseEvent>, facts: &[u8]) {
        self.facts.apply(recorded);
        if let CaseEvent::ContactRecorded(contact) = &recorded.event {
            let known = self.safe_contacts.get(&contact.subject_id).copied().unwrap_or(SafeContact::NO_INSTRUCTION);
            self.safe_contacts.insert(contact.subject_id, instruction(known, facts));
        }
    }
}

/// The instruction after one more record. A rule that cannot be read could be the one that protects somebody: then the person
/// is not contacted, until a record that can be read says otherwise.
fn instruction(known: SafeContact, facts: &[u8]) -> SafeContact {
    let payload = proto::CaseEvent::decode(facts).ok().and_then(|event| event.payload);
    let Some(Payload::ContactRecorded(contact)) = payload else { return SafeContact::NO_INSTRUCTION };
    let Some(safe_contact) = contact.safe_contact else { return known };
    let read = || -> Result<(Option<ContactPermission>, Set<ApproachRule>), Unreadable> {
        Ok((ContactPermission::read(safe_contact.permission)?, read_all(&safe_contact.rules, "rules")?))
    };
    match read() {
        Ok((permission, rules)) => known.then(permission, rules),
        Err(_) => known.then(Some(ContactPermission::DoNotContact), known.rules),
    }
}

impl CaseView {
    /// The people of the case, as redaction needs them.
    pub(crate) fn people(&self) -> People {
        People::from_facts(&self.facts, |subject_id| self.safe_contacts.get(&subject_id).copied())
    }

    /// Whether every basis is a consent that allows passing on.
    pub(crate) fn allows_onward_sharing(&self, bases: &[Basis]) -> bool {
        let allows = |basis: &Basis| {
            let consent_id = basis.consent_id();
            self.facts.consents.iter().any(|record| match &record.act {
                egide_domain::facts::ConsentAct::Given(given) => {
                    Some(given.consent_id) == consent_id && given.onward_sharing
                }
                egide_domain::facts::ConsentAct::Refused(_) | egide_domain::facts::ConsentAct::Withdrawn(_) => false,
            })
        };
        !bases.is_empty() && bases.iter().all(allows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_domain::event::{Actor, ContactRecorded};
    use egide_domain::ids::{Position, Revision};
    use egide_domain::time::Timestamp;

    const SUBJECT: SubjectId = SubjectId([1; 16]);

    fn record(view: &mut CaseView, safe_contact: Option<(i32, Vec<i32>)>) {
        let payload = Payload::ContactRecorded(proto::ContactRecorded {
            subject_id: SUBJECT.to_string(),
            safe_contact: safe_contact.map(|(permission, rules)| proto::SafeContact { permission, rules }),
            ..proto::ContactRecorded::default()
        });
        let facts = proto::CaseEvent { payload: Some(payload) }.encode_to_vec();
        let recorded = Recorded {
            event: CaseEvent::ContactRecorded(ContactRecorded {
                subject_id: SUBJECT,
                permission: None,
                rules: egide_domain::Set::EMPTY,
            }),
            revision: Revision(view.facts.revision.0 + 1),
            position: Position(view.facts.position.0 + 1),
            occurred_at: Timestamp(0),
            recorded_at: Timestamp(0),
            actor: Actor { service: "case-desk".into(), person: None, role: None },
        };
        view.apply(&recorded, &facts);
    }

    fn rule(view: &CaseView) -> SafeContact {
        view.people().get(SUBJECT).unwrap().safe_contact
    }

    #[test]
    fn without_an_instruction_nobody_is_contacted() {
        let mut view = CaseView::default();
        record(&mut view, None);
        assert_eq!(rule(&view), SafeContact::NO_INSTRUCTION);
    }

    #[test]
    fn the_newest_instruction_counts() {
        let mut view = CaseView::default();
        let no_uniform = i32::from(proto::ApproachRule::NoUniform);
        record(&mut view, Some((proto::ContactPermission::UnderRules.into(), vec![no_uniform])));
        assert_eq!(rule(&view).permission, ContactPermission::UnderRules);
        record(&mut view, None);
        assert!(rule(&view).rules.contains(ApproachRule::NoUniform));
        record(&mut view, Some((proto::ContactPermission::MayContact.into(), Vec::new())));
        assert_eq!(rule(&view).permission, ContactPermission::MayContact);
    }

    #[test]
    fn a_rule_that_cannot_be_read_means_no_contact() {
        let mut view = CaseView::default();
        record(&mut view, Some((proto::ContactPermission::MayContact.into(), Vec::new())));
        record(&mut view, Some((proto::ContactPermission::MayContact.into(), vec![999])));
        assert_eq!(rule(&view).permission, ContactPermission::DoNotContact);
    }
}
