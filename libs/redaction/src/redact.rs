//! What a mask lets through, and how far.

use crate::class::{Class, Generalisation, Whose};
use crate::field::{About, Field, Member, Value};
use crate::generalise::{Day, coarse};
use crate::people::{People, Person};
use crate::redacted::{
    Redacted, RedactedCase, RedactedField, RedactedMember, RedactedPerson, RedactedRecord, RedactedValue,
};
use egide_domain::ids::{ExceptionId, SubjectId};
use egide_domain::set::Roles;
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::{DataCategory, MaskLevel};
use egide_domain::{AttestedNarrative, Basis, Decision, MaskEntry, Permit};

/// Told per person, from all the case's records together, so never again as the field of one record: an older record could be
/// looser than a newer one, and roles could say who called.
const TOLD_PER_PERSON: [&str; 2] = ["contact_recorded.safe_contact", "person_identified.roles"];

/// Cuts an opened case down to what the permit's mask lets through.
///
/// A field leaves only if all of this holds: it is classified; it was not asked merely to find a service; it is data of a
/// person (or of several together) and not of the bringer, the staff, the case or the record; the mask
/// has an entry for that person, or for each of those several, in the category the field stands under for them; where it
/// belongs to an exception, those entries rest on that exception; where an entry has a period, the field's record was made
/// in it. Of free text only what was attested leaves: the very text that the decision names. How far it leaves is the entry's level: whole as told;
/// generalised, or left out where its generalisation does not understand it; facts only where it stands in the log as a fact
/// that is not withheld when generalised.
#[must_use]
pub fn redact(permit: &Permit, people: &People, fields: Vec<Field>) -> Redacted<RedactedCase> {
    let rule = Rule { decision: permit.decision(), people, today: Day::of(permit.decision().decided_at) };
    let mut case = RedactedCase {
        decision: permit.decision().clone(),
        position: permit.position(),
        people: Vec::new(),
        together: Vec::new(),
    };
    let mut passed: Vec<Passed> = fields.into_iter().filter_map(|field| rule.pass(field)).collect();
    // Stable: the fields of one record stay in the order of the contract.
    passed.sort_by_key(|passed| (passed.category, std::cmp::Reverse(passed.record)));
    for person in people.iter() {
        let records = records_of(person.subject_id, &passed);
        let roles = rule.roles(person);
        if !records.is_empty() || !roles.is_empty() {
            case.people.push(RedactedPerson {
                subject_id: person.subject_id,
                roles,
                records,
                safe_contact: rule.can_be_approached(person).then_some(person.safe_contact),
            });
        }
    }
    passed.reverse();
    case.together = passed.into_iter().filter(|passed| passed.subject.is_none()).map(|passed| passed.field).collect();
    Redacted::new(case)
}

/// What becomes of a field, whatever it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It leaves as it was told.
    Whole,
    /// It leaves in a coarser form, or not at all where it has none.
    Generalised,
    /// It does not leave.
    Withheld,
}

/// A field by what is known of it without its value.
#[derive(Clone, Copy)]
pub struct Unopened<'a> {
    /// Whom it is about.
    pub about: &'a About,
    /// When it was recorded; absent: no entry of a mask with a period reaches it.
    pub recorded_at: Option<Timestamp>,
    /// Its path in the contract, from the event's payload on.
    pub path: &'a str,
    /// Its classification.
    pub class: &'a Class,
    /// The exception that alone lets it go, where it was written for one.
    pub only_under: Option<ExceptionId>,
    /// The attestation it stands in, for the text that was attested.
    pub attested: Option<AttestedNarrative>,
}

impl<'a> From<&'a Field> for Unopened<'a> {
    fn from(field: &'a Field) -> Self {
        let Field { about, recorded_at, path, class, only_under, attested, .. } = field;
        Self { about, recorded_at: *recorded_at, path, class, only_under: *only_under, attested: *attested }
    }
}

/// What would become of a field under a decision, by the rules of [`redact`], without its value and without a permit: nothing is
/// let through by this.
#[must_use]
pub fn fate(decision: &Decision, people: &People, field: Unopened<'_>) -> Fate {
    let rule = Rule { decision, people, today: Day::of(decision.decided_at) };
    let Some((.., level)) = rule.place(field) else { return Fate::Withheld };
    match (level, field.class.generalise) {
        (MaskLevel::Whole, _) | (MaskLevel::Generalised, Generalisation::Keep) => Fate::Whole,
        (MaskLevel::FactsOnly, Generalisation::Keep) if field.class.is_fact => Fate::Whole,
        (MaskLevel::Generalised, Generalisation::Withhold | Generalisation::Deidentified)
        | (MaskLevel::FactsOnly, _) => Fate::Withheld,
        (
            MaskLevel::Generalised,
            Generalisation::Month
            | Generalisation::Year
            | Generalisation::AgeGroup
            | Generalisation::Province
            | Generalisation::NumberBand,
        ) => Fate::Generalised,
    }
}

/// A field that is let through, with what places it.
struct Passed {
    /// The person; absent: several together.
    subject: Option<SubjectId>,
    category: DataCategory,
    level: MaskLevel,
    record: egide_domain::ids::Revision,
    month: Option<String>,
    field: RedactedField,
}

struct Rule<'a> {
    decision: &'a Decision,
    people: &'a People,
    today: Day,
}

impl Rule<'_> {
    /// Whose a field is, under which category it stands for them, and how far it leaves; `None`: not at all.
    fn place(&self, field: Unopened<'_>) -> Option<(Option<SubjectId>, DataCategory, MaskLevel)> {
        if field.class.generalise == Generalisation::Deidentified {
            return self.place_attested(field);
        }
        let category = releasable(field.class)?;
        if TOLD_PER_PERSON.iter().any(|told| field.path.starts_with(told)) {
            return None;
        }
        match (field.about, field.class.whose) {
            (About::One(subject), Whose::Subject) => {
                let person = self.people.get(*subject)?;
                let level = self.level(person, category, field)?;
                Some((Some(*subject), person.category_of(category), level))
            }
            (About::Several(subjects), Whose::Several) => {
                Some((None, category, self.level_of_all(subjects, category, field)?))
            }
            (
                About::Nobody | About::One(_) | About::Several(_),
                Whose::Subject | Whose::Bringer | Whose::Several | Whose::Case | Whose::Staff | Whose::Record,
            ) => None,
        }
    }

    /// What was told in words leaves only as the very text that the decision names, whole, and where the mask covers everybody it
    /// speaks of, whenever it was recorded. What was told itself stands in no attestation.
    fn place_attested(&self, field: Unopened<'_>) -> Option<(Option<SubjectId>, DataCategory, MaskLevel)> {
        const CATEGORY: DataCategory = DataCategory::Narrative;
        let named = field.attested.is_some_and(|attested| self.decision.narratives.contains(&attested));
        let told = field.class.category == Some(CATEGORY) && field.class.whose == Whose::Several;
        let About::Several(subjects) = field.about else { return None };
        let whole = |subject: &SubjectId| {
            let person = self.people.get(*subject);
            person.is_some_and(|person| self.decision.mask.lets_go_whole(*subject, person.category_of(CATEGORY)))
        };
        let covered = !subjects.is_empty() && subjects.iter().all(whole);
        let leaves = named && told && covered && !field.class.match_only && field.only_under.is_none();
        leaves.then_some((None, CATEGORY, MaskLevel::Whole))
    }

    fn pass(&self, field: Field) -> Option<Passed> {
        let (subject, category, level) = self.place(Unopened::from(&field))?;
        let value = self.value(field.value, &field.class, level, &|inner: &Class| {
            releasable(inner) == releasable(&field.class) && inner.whose == field.class.whose
        })?;
        let month = field.month.filter(|_| level > MaskLevel::FactsOnly);
        let field_out = RedactedField { path: field.path, value };
        Some(Passed { subject, category, level, record: field.record, month, field: field_out })
    }

    /// How far the mask lets a field of a category of a person through: recorded when the entry reaches, and under its
    /// exception where one is named.
    fn level(&self, person: &Person, category: DataCategory, field: Unopened<'_>) -> Option<MaskLevel> {
        let entry = self.entry(person.subject_id, person.category_of(category))?;
        let reached = entry.period.is_none() || field.recorded_at.is_some_and(|at| entry.reaches(at));
        let rests_on = |exception: ExceptionId| {
            entry.bases.iter().filter_map(|index| usize::try_from(index).ok()).any(
                |index| matches!(self.decision.bases.get(index), Some(Basis::Exception(id, _)) if *id == exception),
            )
        };
        (reached && field.only_under.is_none_or(rests_on)).then_some(entry.level)
    }

    /// The lowest level of all of them; `None` when one is missing, or when there is nobody.
    fn level_of_all(&self, subjects: &[SubjectId], category: DataCategory, field: Unopened<'_>) -> Option<MaskLevel> {
        let level = |subject: &SubjectId| self.level(self.people.get(*subject)?, category, field);
        let levels: Option<Vec<MaskLevel>> = subjects.iter().map(level).collect();
        levels?.into_iter().min()
    }

    fn entry(&self, subject: SubjectId, category: DataCategory) -> Option<&MaskEntry> {
        let mut entries = self.decision.mask.entries().iter();
        entries.find(|entry| entry.subject_id == subject && entry.category == category)
    }

    fn value(
        &self,
        value: Value,
        class: &Class,
        level: MaskLevel,
        inner_may: &dyn Fn(&Class) -> bool,
    ) -> Option<RedactedValue> {
        let as_told = match level {
            MaskLevel::Whole => true,
            MaskLevel::Generalised if class.generalise == Generalisation::Keep => true,
            MaskLevel::Generalised => return coarse(&value, class.generalise, self.today).map(RedactedValue::Coarse),
            MaskLevel::FactsOnly => class.is_fact && class.generalise == Generalisation::Keep,
        };
        if as_told { self.told(value, level, inner_may) } else { None }
    }

    /// A value as told; an empty one is none. Fields inside records pass for themselves.
    fn told(&self, value: Value, level: MaskLevel, inner_may: &dyn Fn(&Class) -> bool) -> Option<RedactedValue> {
        Some(match value {
            Value::Text(text) if text.is_empty() => return None,
            Value::Text(text) => RedactedValue::Text(text),
            Value::Texts(texts) if texts.is_empty() => return None,
            Value::Texts(texts) => RedactedValue::Texts(texts),
            Value::Number(number) => RedactedValue::Number(number),
            Value::Flag(flag) => RedactedValue::Flag(flag),
            Value::Code(code) if says_nothing(&code) => return None,
            Value::Code(code) => RedactedValue::Code(code),
            Value::Codes(mut codes) => {
                codes.retain(|code| !says_nothing(code));
                if codes.is_empty() {
                    return None;
                }
                RedactedValue::Codes(codes)
            }
            Value::Records(records) => {
                let member = |member: Member| self.member(member, level, inner_may);
                let kept = records.into_iter().map(|record| record.into_iter().filter_map(member).collect::<Vec<_>>());
                let kept: Vec<_> = kept.filter(|record| !record.is_empty()).collect();
                if kept.is_empty() {
                    return None;
                }
                RedactedValue::Records(kept)
            }
        })
    }

    fn member(&self, member: Member, level: MaskLevel, inner_may: &dyn Fn(&Class) -> bool) -> Option<RedactedMember> {
        if matches!(member.value, Value::Records(_)) || !inner_may(&member.class) {
            return None;
        }
        let value = self.value(member.value, &member.class, level, inner_may)?;
        Some(RedactedMember { label: member.label, value })
    }

    /// What the person is in the case is part of the situation. When it was recorded is not known here: an entry with a
    /// period does not tell it.
    fn roles(&self, person: &Person) -> Roles {
        let entry = self.entry(person.subject_id, person.category_of(DataCategory::Situation));
        let told = entry.is_some_and(|entry| entry.period.is_none());
        if told { person.roles_told() } else { Roles::EMPTY }
    }

    /// Whether the mask lets through anything by which the person could be found: then the safe-contact rules travel along.
    fn can_be_approached(&self, person: &Person) -> bool {
        let by = [DataCategory::Identity, DataCategory::Contact, DataCategory::Whereabouts, DataCategory::OtherPeople];
        by.into_iter().any(|category| self.entry(person.subject_id, category).is_some())
    }
}

/// The category of a class that may leave at all.
fn releasable(class: &Class) -> Option<DataCategory> {
    let never = class.match_only || class.generalise == Generalisation::Deidentified;
    match class.category? {
        DataCategory::Narrative | DataCategory::RecordKeeping => None,
        _ if never => None,
        category @ (DataCategory::Identity
        | DataCategory::Contact
        | DataCategory::Whereabouts
        | DataCategory::Situation
        | DataCategory::Health
        | DataCategory::Immigration
        | DataCategory::Finances
        | DataCategory::Suspects
        | DataCategory::OtherPeople) => Some(category),
    }
}

/// The contract's zero values.
fn says_nothing(code: &str) -> bool {
    code.is_empty() || code.ends_with("_UNSPECIFIED")
}

/// A person's records: what came from the same event in the same category stands together. `passed` is sorted.
fn records_of(subject: SubjectId, passed: &[Passed]) -> Vec<RedactedRecord> {
    let mut records: Vec<(egide_domain::ids::Revision, RedactedRecord)> = Vec::new();
    for field in passed.iter().filter(|passed| passed.subject == Some(subject)) {
        match records.last_mut() {
            Some((revision, record)) if *revision == field.record && record.category == field.category => {
                record.fields.push(field.field.clone());
            }
            Some(_) | None => records.push((
                field.record,
                RedactedRecord {
                    category: field.category,
                    level: field.level,
                    month: field.month.clone(),
                    fields: vec![field.field.clone()],
                },
            )),
        }
    }
    records.into_iter().map(|(_, record)| record).collect()
}
