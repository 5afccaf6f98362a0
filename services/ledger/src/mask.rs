//! What of an event a permit's mask lets the ledger open: exactly the people and categories it names, and nothing that
//! redaction would have to leave out whatever the level (it mirrors `egide_redaction::redact`, and only ever narrows it).

use std::cell::Cell;

use egide_domain::event::DisclosureDecided;
use egide_domain::facts::CaseFacts;
use egide_domain::ids::{ExceptionId, SubjectId};
use egide_domain::vocabulary::{DataCategory, MaskLevel};
use egide_domain::{AttestedNarrative, Basis, MaskEntry, Timestamp};
use egide_redaction::{About, Class, Generalisation, Whose};
use egide_wire::classification::is_sealed;
use egide_wire::convert::Unreadable;
use egide_wire::descriptors::of;
use egide_wire::flatten::{about, attested, class};
use egide_wire::proto::egide::case::v1::CaseEvent;
use egide_wire::split::retain;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage as _};

/// A permit's mask, on the facts it was decided on.
pub(crate) struct Opening<'a> {
    pub(crate) decision: &'a DisclosureDecided,
    pub(crate) facts: &'a CaseFacts,
}

/// One event, as far as the mask is concerned with it.
pub(crate) struct Covered<'a> {
    opening: &'a Opening<'a>,
    umbrella: DynamicMessage,
    about: About,
    only_under: Option<ExceptionId>,
    /// The attestation it is, if it is one.
    attested: Option<AttestedNarrative>,
    recorded_at: Timestamp,
}

/// What the mask leaves of an event.
pub(crate) struct Cut {
    /// The encoded facts.
    pub(crate) facts: Vec<u8>,
    /// Whether any of them is there because the mask says so.
    pub(crate) says_something: bool,
}

impl Opening<'_> {
    /// An event of the case, by its facts and when it was recorded.
    ///
    /// # Errors
    /// [`Unreadable`] when it cannot be read whom it is about: nothing of it is opened.
    pub(crate) fn of(&self, facts: &[u8], recorded_at: Timestamp) -> Result<Covered<'_>, Unreadable> {
        let unreadable = Unreadable { field: "case_event" };
        let umbrella = DynamicMessage::decode(of::<CaseEvent>(), facts).map_err(|_| unreadable)?;
        let payload = umbrella.fields().next().and_then(|(_, value)| value.as_message().cloned()).ok_or(unreadable)?;
        let only_under = match payload.get_field_by_name("exception_id") {
            Some(id) => Some(id.as_str().and_then(|id| id.parse().ok()).ok_or(unreadable)?),
            None => None,
        };
        let (about, attested) = (about(&payload)?, attested(&payload)?);
        Ok(Covered { opening: self, about, umbrella, only_under, attested, recorded_at })
    }

    /// How far the mask lets a category of a person through, of what was recorded then and under this exception where one is
    /// named.
    fn level(
        &self,
        subject: SubjectId,
        category: DataCategory,
        recorded_at: Timestamp,
        only_under: Option<ExceptionId>,
    ) -> Option<MaskLevel> {
        let category = self.facts.person(subject)?.category_of(category);
        let entry = self.decision.mask.entry(subject, category)?;
        let under = only_under.is_none_or(|exception| self.rests_on(entry, exception));
        (under && entry.reaches(recorded_at)).then_some(entry.level)
    }

    /// Whether the mask lets a category of a person through whole, whenever it was recorded.
    fn lets_go_whole(&self, subject: SubjectId, category: DataCategory) -> bool {
        let person = self.facts.person(subject);
        person.is_some_and(|person| self.decision.mask.lets_go_whole(subject, person.category_of(category)))
    }

    fn rests_on(&self, entry: &MaskEntry, exception: ExceptionId) -> bool {
        entry
            .bases
            .iter()
            .filter_map(|index| usize::try_from(index).ok())
            .any(|index| matches!(self.decision.bases.get(index), Some(Basis::Exception(id, _)) if *id == exception))
    }
}

impl Covered<'_> {
    /// Whether anything that is sealed in the event may be opened; if not, no key is touched.
    pub(crate) fn opens_something(&self) -> bool {
        let payload = self.umbrella.fields().next().and_then(|(_, value)| value.as_message().map(|it| it.descriptor()));
        payload.is_some_and(|payload| payload.fields().any(|field| self.opens_within(&field)))
    }

    fn opens_within(&self, field: &FieldDescriptor) -> bool {
        if is_sealed(field) {
            return self.opens(field);
        }
        let Kind::Message(inner) = field.kind() else { return false };
        inner.package_name().starts_with("egide.") && inner.fields().any(|field| self.opens_within(&field))
    }

    /// The facts that the mask lets through at any level, with what the record needs to say about itself.
    pub(crate) fn cut_facts(&self) -> Cut {
        let mut facts = self.umbrella.clone();
        let says_something = Cell::new(false);
        retain(&mut facts, &|field| {
            if is_sealed(field) {
                return false;
            }
            let class = class(field);
            let through = self.level(&class).is_some();
            says_something.set(says_something.get() || through);
            through || class.category == Some(DataCategory::RecordKeeping)
        });
        Cut { facts: facts.encode_to_vec(), says_something: says_something.get() }
    }

    /// The identifying fields that the mask opens, out of all that were sealed; `None` when there are none.
    pub(crate) fn cut_identifying(&self, identifying: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
        let mut identifying =
            DynamicMessage::decode(of::<CaseEvent>(), identifying).map_err(|_| Unreadable { field: "case_event" })?;
        retain(&mut identifying, &|field| self.opens(field));
        Ok(identifying.fields().next().is_some().then(|| identifying.encode_to_vec()))
    }

    /// Facts only opens nothing, and what cannot be made coarser is not opened to be made coarser.
    fn opens(&self, field: &FieldDescriptor) -> bool {
        let class = class(field);
        is_sealed(field)
            && match self.level(&class) {
                Some(MaskLevel::Whole) => true,
                Some(MaskLevel::Generalised) => class.generalise != Generalisation::Withhold,
                Some(MaskLevel::FactsOnly) | None => false,
            }
    }

    /// What was told in words: the very text that the decision names, where it covers everybody it speaks of, whole.
    fn level_of_attested(&self, class: &Class) -> Option<MaskLevel> {
        const CATEGORY: DataCategory = DataCategory::Narrative;
        let attested = self.attested.filter(|attested| self.opening.decision.narratives.contains(attested))?;
        let About::Several(subjects) = &self.about else { return None };
        let told = class.category == Some(CATEGORY) && class.whose == Whose::Several && !class.match_only;
        let whole = |subject: &SubjectId| self.opening.lets_go_whole(*subject, CATEGORY);
        // The gate asked whether it holds; on the facts it was decided on it must.
        let holds =
            self.opening.facts.attested_for(self.opening.decision.request.unit_id).any(|(it, _)| it == attested);
        (told && holds && !subjects.is_empty() && subjects.iter().all(whole)).then_some(MaskLevel::Whole)
    }

    fn level(&self, class: &Class) -> Option<MaskLevel> {
        if class.generalise == Generalisation::Deidentified {
            return self.level_of_attested(class);
        }
        let category = releasable(class)?;
        let level = |subject| self.opening.level(subject, category, self.recorded_at, self.only_under);
        match (&self.about, class.whose) {
            (About::One(subject), Whose::Subject) => level(*subject),
            (About::Several(subjects), Whose::Several) => {
                let levels: Option<Vec<MaskLevel>> = subjects.iter().map(|subject| level(*subject)).collect();
                levels?.into_iter().min()
            }
            (
                About::Nobody | About::One(_) | About::Several(_),
                Whose::Subject | Whose::Bringer | Whose::Several | Whose::Case | Whose::Staff | Whose::Record,
            ) => None,
        }
    }
}

/// The category of a class that may leave at all.
fn releasable(class: &Class) -> Option<DataCategory> {
    if class.match_only {
        return None;
    }
    class.category.filter(|category| !matches!(category, DataCategory::Narrative | DataCategory::RecordKeeping))
}

#[cfg(test)]
mod tests;
