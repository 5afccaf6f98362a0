//! What a mask lets through: rule by rule, and as properties over random cases and masks.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use egide_domain::event::DataPeriod;
use egide_domain::ids::{ConsentId, ExceptionId, Position, ReviewId, Revision, SubjectId};
use egide_domain::vocabulary::{
    ApproachRule, ContactPermission, DataCategory, ExceptionKind, MaskLevel, Outcome, PersonRole,
};
use egide_domain::{
    AcknowledgedEvent, AttestedNarrative, Bases, Basis, Categories, Decision, Mask, MaskEntry, Permit, Roles, Set,
    Timestamp,
};
use egide_redaction::{
    About, Class, Fate, Field, Generalisation, Identifies, Member, People, Person, Redacted, RedactedCase,
    RedactedValue, SafeContact, Unopened, Value, Whose, fate, redact,
};
use proptest::prelude::*;

#[path = "mask/kinds.rs"]
mod kinds;

const VICTIM: SubjectId = SubjectId([1; 16]);
const SUSPECT: SubjectId = SubjectId([2; 16]);
const CALLER: SubjectId = SubjectId([3; 16]);
/// The narrative that every permit here names.
const ATTESTED: AttestedNarrative = AttestedNarrative { review_id: ReviewId([4; 16]), text_digest: [4; 32] };
const DANGER: ExceptionId = ExceptionId([7; 16]);

fn permit(entries: Vec<MaskEntry>) -> Permit {
    let decision = Decision {
        outcome: Outcome::Permit,
        bases: vec![Basis::Consent(ConsentId([5; 16])), Basis::Exception(DANGER, ExceptionKind::ImminentDanger)],
        mask: Mask::from(entries),
        reasons: Vec::new(),
        obligations: Vec::new(),
        decided_at: Timestamp::from_date("2026-11-22").unwrap(),
        expires_at: Some(Timestamp::from_date("2026-11-25").unwrap()),
        case_revision: Revision(4),
        directory_revision: Revision(1),
        policy_version: Arc::from("test"),
        urgent: false,
        recipient_kind: None,
        narratives: vec![ATTESTED],
    };
    let acknowledged = AcknowledgedEvent { facts_digest: [0; 32], position: Position(9), case_revision: Revision(5) };
    Permit::from_acknowledgement(decision, [0; 32], acknowledged, || true).expect("a permit")
}

fn entry(subject_id: SubjectId, category: DataCategory, level: MaskLevel) -> MaskEntry {
    MaskEntry { subject_id, category, level, bases: Bases::default().with(0), period: None }
}

fn people() -> People {
    let person = |subject_id, roles: &[PersonRole], only_suspect| Person {
        subject_id,
        roles: roles.iter().copied().collect::<Roles>(),
        only_suspect,
        safe_contact: SafeContact {
            permission: ContactPermission::UnderRules,
            rules: Set::from([ApproachRule::NoUniform, ApproachRule::SpeakAlone]),
        },
    };
    [
        person(VICTIM, &[PersonRole::PotentialVictim, PersonRole::Caller], false),
        person(SUSPECT, &[PersonRole::Suspect], true),
        person(CALLER, &[PersonRole::Caller], false),
    ]
    .into_iter()
    .collect()
}

fn class(category: DataCategory) -> Class {
    Class {
        category: Some(category),
        identifies: Identifies::Direct,
        is_fact: false,
        whose: Whose::Subject,
        generalise: Generalisation::Withhold,
        match_only: false,
    }
}

fn field(subject: SubjectId, path: &str, class: Class, value: Value) -> Field {
    Field {
        about: About::One(subject),
        record: Revision(1),
        recorded_at: Some(Timestamp(100)),
        month: Some("2026-11".to_owned()),
        path: path.to_owned(),
        class,
        only_under: None,
        attested: None,
        value,
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn street(subject: SubjectId) -> Field {
    field(subject, "whereabouts_recorded.street", class(DataCategory::Whereabouts), text("12 Example Street"))
}

fn whole(subject: SubjectId, category: DataCategory) -> Permit {
    permit(vec![entry(subject, category, MaskLevel::Whole)])
}

/// Everything that is let through: person, record's month, path, value.
type Line = (Option<SubjectId>, DataCategory, String, RedactedValue);

fn lines(redacted: &Redacted<RedactedCase>) -> Vec<Line> {
    let case = redacted.get();
    let of_people = case.people.iter().flat_map(|person| {
        person.records.iter().flat_map(move |record| {
            let line = |field: &egide_redaction::RedactedField| {
                (Some(person.subject_id), record.category, field.path.clone(), field.value.clone())
            };
            record.fields.iter().map(line).collect::<Vec<_>>()
        })
    });
    let together =
        case.together.iter().map(|field| (None, DataCategory::Situation, field.path.clone(), field.value.clone()));
    of_people.chain(together).collect()
}

fn released(permit: &Permit, fields: Vec<Field>) -> Vec<Line> {
    lines(&redact(permit, &people(), fields))
}

#[test]
fn a_field_leaves_by_an_entry_for_its_person_and_category_and_by_no_other() {
    let fields = || vec![street(VICTIM)];
    assert_eq!(released(&whole(VICTIM, DataCategory::Whereabouts), fields()).len(), 1);
    assert!(released(&whole(VICTIM, DataCategory::Identity), fields()).is_empty());
    assert!(released(&whole(CALLER, DataCategory::Whereabouts), fields()).is_empty());
}

#[test]
fn everything_about_somebody_who_is_only_a_suspect_stands_under_suspects() {
    assert_eq!(released(&whole(SUSPECT, DataCategory::Suspects), vec![street(SUSPECT)]).len(), 1);
    assert!(released(&whole(SUSPECT, DataCategory::Whereabouts), vec![street(SUSPECT)]).is_empty());
}

#[test]
fn nobody_who_is_not_known_in_the_case_has_data_that_leaves() {
    let stranger = SubjectId([9; 16]);
    assert!(released(&whole(stranger, DataCategory::Whereabouts), vec![street(stranger)]).is_empty());
}

#[test]
fn what_is_unclassified_match_only_free_text_or_record_keeping_never_leaves() {
    let never = [
        Class::UNCLASSIFIED,
        Class { category: None, ..class(DataCategory::Situation) },
        Class { match_only: true, ..class(DataCategory::Situation) },
        Class { generalise: Generalisation::Deidentified, ..class(DataCategory::Situation) },
        class(DataCategory::RecordKeeping),
        class(DataCategory::Narrative),
    ];
    let everything: Vec<MaskEntry> =
        DataCategory::ALL.iter().map(|category| entry(VICTIM, *category, MaskLevel::Whole)).collect();
    for class in never {
        let fields = vec![field(VICTIM, "situation_recorded.status", class, text("x"))];
        assert!(released(&permit(everything.clone()), fields).is_empty(), "{class:?}");
    }
}

/// The text that was attested about these people.
fn attested(about: &[SubjectId], attested: Option<AttestedNarrative>) -> Field {
    let class =
        Class { whose: Whose::Several, generalise: Generalisation::Deidentified, ..class(DataCategory::Narrative) };
    let about = About::Several(about.to_vec());
    Field { about, attested, ..field(VICTIM, "narrative_attested.text", class, text("[Person A] is kept there")) }
}

#[test]
fn of_what_was_told_exactly_the_attested_text_leaves_where_the_mask_covers_everybody_it_speaks_of() {
    let both = || {
        let victim = entry(VICTIM, DataCategory::Narrative, MaskLevel::Whole);
        vec![victim, entry(SUSPECT, DataCategory::Suspects, MaskLevel::Whole)]
    };
    let out = |entries, field| released(&permit(entries), vec![field]);
    let told = out(both(), attested(&[VICTIM, SUSPECT], Some(ATTESTED)));
    let [(None, _, path, RedactedValue::Text(text))] = told.as_slice() else { panic!("the text leaves, once") };
    assert_eq!((path.as_str(), text.as_str()), ("narrative_attested.text", "[Person A] is kept there"));
    assert_eq!(out(both(), attested(&[VICTIM], Some(ATTESTED))).len(), 1);
    // As it was told, or attested otherwise than the decision names it.
    assert!(out(both(), attested(&[VICTIM], None)).is_empty());
    let other_text = AttestedNarrative { text_digest: [5; 32], ..ATTESTED };
    assert!(out(both(), attested(&[VICTIM], Some(other_text))).is_empty());
    let other_review = AttestedNarrative { review_id: ReviewId([5; 16]), ..ATTESTED };
    assert!(out(both(), attested(&[VICTIM], Some(other_review))).is_empty());
    // Of somebody the mask does not cover, of nobody, and of somebody nobody knows.
    assert!(out(both(), attested(&[VICTIM, CALLER], Some(ATTESTED))).is_empty());
    assert!(out(both(), attested(&[], Some(ATTESTED))).is_empty());
    let stranger = SubjectId([9; 16]);
    let strange = vec![entry(stranger, DataCategory::Narrative, MaskLevel::Whole)];
    assert!(out(strange, attested(&[stranger], Some(ATTESTED))).is_empty());
    // Less than whole, or of some time only.
    for level in [MaskLevel::FactsOnly, MaskLevel::Generalised] {
        let entries = vec![entry(VICTIM, DataCategory::Narrative, level)];
        assert!(out(entries, attested(&[VICTIM], Some(ATTESTED))).is_empty());
    }
    let period = Some(DataPeriod { from: Some(Timestamp(0)), until: None });
    let some_time = MaskEntry { period, ..entry(VICTIM, DataCategory::Narrative, MaskLevel::Whole) };
    assert!(out(vec![some_time], attested(&[VICTIM], Some(ATTESTED))).is_empty());
    // Another category, another owner, or under an exception.
    for class in [
        Class { category: Some(DataCategory::Situation), ..attested(&[VICTIM], None).class },
        Class { whose: Whose::Case, ..attested(&[VICTIM], None).class },
        Class { match_only: true, ..attested(&[VICTIM], None).class },
    ] {
        assert!(out(both(), Field { class, ..attested(&[VICTIM], Some(ATTESTED)) }).is_empty(), "{class:?}");
    }
    let under = Field { only_under: Some(DANGER), ..attested(&[VICTIM], Some(ATTESTED)) };
    assert!(out(both(), under).is_empty());
}

#[test]
fn data_of_the_bringer_the_case_the_staff_and_the_record_never_leaves() {
    for whose in [Whose::Bringer, Whose::Case, Whose::Staff, Whose::Record, Whose::Several] {
        let fields =
            vec![field(CALLER, "case_opened.channel", Class { whose, ..class(DataCategory::Situation) }, text("x"))];
        assert!(released(&whole(CALLER, DataCategory::Situation), fields).is_empty(), "{whose:?}");
    }
}

#[test]
fn facts_only_lets_through_what_stands_as_a_fact_and_is_not_withheld_when_generalised() {
    let fact = Class { is_fact: true, generalise: Generalisation::Keep, ..class(DataCategory::Situation) };
    let cases = [
        (fact, 1),
        (Class { is_fact: false, ..fact }, 0),
        (Class { generalise: Generalisation::Withhold, ..fact }, 0),
        (Class { generalise: Generalisation::NumberBand, ..fact }, 0),
    ];
    for (class, count) in cases {
        let fields = vec![field(VICTIM, "situation_recorded.people_affected", class, Value::Number(3))];
        let permit = permit(vec![entry(VICTIM, DataCategory::Situation, MaskLevel::FactsOnly)]);
        assert_eq!(released(&permit, fields).len(), count, "{class:?}");
    }
}

#[test]
fn a_generalised_value_that_is_not_understood_is_withheld() {
    let birth = Class { generalise: Generalisation::AgeGroup, ..class(DataCategory::Identity) };
    let permit = permit(vec![entry(VICTIM, DataCategory::Identity, MaskLevel::Generalised)]);
    let release = |value| released(&permit, vec![field(VICTIM, "person_identified.birth_date", birth, value)]);
    assert!(matches!(release(text("2012-05-01")).as_slice(), [(_, _, _, RedactedValue::Coarse(_))]));
    assert!(release(text("spring of 2012")).is_empty());
}

#[test]
fn nobody_is_told_who_called() {
    let redacted = redact(&whole(VICTIM, DataCategory::Situation), &people(), Vec::new());
    let person = redacted.get().people.first().unwrap();
    assert!(person.roles == Roles::only(PersonRole::PotentialVictim));
    let redacted = redact(&whole(CALLER, DataCategory::Situation), &people(), Vec::new());
    assert!(redacted.get().people.is_empty(), "whoever is only a caller has no role to tell");
}

#[test]
fn roles_are_told_only_where_the_situation_is() {
    let redacted = redact(&whole(VICTIM, DataCategory::Whereabouts), &people(), vec![street(VICTIM)]);
    assert!(redacted.get().people.first().unwrap().roles.is_empty());
}

#[test]
fn safe_contact_rules_travel_with_identity_contact_and_whereabouts() {
    for category in [DataCategory::Identity, DataCategory::Contact, DataCategory::Whereabouts] {
        let fields = vec![field(VICTIM, "x.y", class(category), text("x"))];
        let redacted = redact(&whole(VICTIM, category), &people(), fields);
        let rule = redacted.get().people.first().unwrap().safe_contact.expect("a rule");
        assert_eq!(rule.permission, ContactPermission::UnderRules);
        assert!(rule.rules.contains(ApproachRule::NoUniform));
    }
    let fields = vec![field(VICTIM, "x.y", class(DataCategory::Health), text("x"))];
    let redacted = redact(&whole(VICTIM, DataCategory::Health), &people(), fields);
    assert!(redacted.get().people.first().unwrap().safe_contact.is_none());
}

#[test]
fn without_an_instruction_nobody_is_contacted() {
    assert_eq!(SafeContact::NO_INSTRUCTION.permission, ContactPermission::DoNotContact);
}

#[test]
fn a_newer_instruction_replaces_an_older_one_and_a_record_without_one_only_adds_rules() {
    let first = SafeContact::NO_INSTRUCTION
        .then(Some(ContactPermission::UnderRules), Set::only(ApproachRule::PhoneIsWatched))
        .then(None, Set::only(ApproachRule::NoUniform));
    assert_eq!(first.permission, ContactPermission::UnderRules);
    assert!(first.rules == Set::from([ApproachRule::PhoneIsWatched, ApproachRule::NoUniform]));
    let second = first.then(Some(ContactPermission::MayContact), Set::EMPTY);
    assert!(second.rules.is_empty());
}

#[test]
fn safe_contact_and_roles_never_leave_as_the_field_of_one_record() {
    let loose = Class { is_fact: true, generalise: Generalisation::Keep, ..class(DataCategory::Contact) };
    for path in ["contact_recorded.safe_contact.permission", "contact_recorded.safe_contact.rules"] {
        let fields = vec![field(VICTIM, path, loose, Value::Code("CONTACT_PERMISSION_MAY_CONTACT".to_owned()))];
        assert!(released(&whole(VICTIM, DataCategory::Contact), fields).is_empty());
    }
    let roles = Value::Codes(vec!["PERSON_ROLE_CALLER".to_owned()]);
    let fields = vec![field(VICTIM, "person_identified.roles", class(DataCategory::Situation), roles)];
    assert!(released(&whole(VICTIM, DataCategory::Situation), fields).is_empty());
}

#[test]
fn what_is_about_several_leaves_only_where_the_mask_covers_each_of_them_and_only_under_its_exception() {
    let line = |about| Field {
        about,
        only_under: Some(DANGER),
        ..field(
            VICTIM,
            "exception_asserted.line_to_send",
            Class { whose: Whose::Several, ..class(DataCategory::Situation) },
            text("two people in a locked room"),
        )
    };
    let both = || About::Several(vec![VICTIM, CALLER]);
    let by_exception = |subject| MaskEntry {
        bases: Bases::default().with(1),
        ..entry(subject, DataCategory::Situation, MaskLevel::Whole)
    };
    assert_eq!(released(&permit(vec![by_exception(VICTIM), by_exception(CALLER)]), vec![line(both())]).len(), 1);
    assert!(released(&permit(vec![by_exception(VICTIM)]), vec![line(both())]).is_empty());
    assert!(released(&permit(vec![by_exception(VICTIM)]), vec![line(About::Several(Vec::new()))]).is_empty());
    assert!(released(&permit(vec![by_exception(VICTIM)]), vec![line(About::Nobody)]).is_empty());
    let by_consent = entry(CALLER, DataCategory::Situation, MaskLevel::Whole);
    assert!(released(&permit(vec![by_exception(VICTIM), by_consent]), vec![line(both())]).is_empty());
}

#[test]
fn a_field_inside_a_record_passes_for_itself() {
    let member = |label: &str, class| Member { label: label.to_owned(), class, value: text(label) };
    let vehicle = Value::Records(vec![
        vec![member("vehicle.plate", class(DataCategory::Suspects)), member("vehicle.new", Class::UNCLASSIFIED)],
        vec![member("vehicle.new", Class::UNCLASSIFIED)],
    ]);
    let fields = vec![field(SUSPECT, "suspect_described.vehicles", class(DataCategory::Suspects), vehicle)];
    let out = released(&whole(SUSPECT, DataCategory::Suspects), fields);
    let [(_, _, _, RedactedValue::Records(records))] = out.as_slice() else { panic!("one field of records") };
    let labels: Vec<_> =
        records.iter().map(|members| members.iter().map(|m| m.label.as_str()).collect::<Vec<_>>()).collect();
    assert_eq!(labels, [vec!["vehicle.plate"]]);
}

#[test]
fn an_unspecified_value_says_nothing_and_is_left_out() {
    let kept = Value::Codes(vec!["MEANS_OF_CONTROL_UNSPECIFIED".to_owned(), "MEANS_OF_CONTROL_OTHER".to_owned()]);
    let nothing = Value::Code("ANSWER_UNSPECIFIED".to_owned());
    let fields = vec![
        field(VICTIM, "a.b", class(DataCategory::Situation), kept),
        field(VICTIM, "a.c", class(DataCategory::Situation), nothing),
    ];
    let out = released(&whole(VICTIM, DataCategory::Situation), fields);
    assert!(matches!(out.as_slice(), [(_, _, path, RedactedValue::Codes(codes))] if path == "a.b" && codes.len() == 1));
}

#[test]
fn newer_records_come_first_and_what_was_recorded_together_stays_together() {
    let at = |revision, path: &str| Field {
        record: Revision(revision),
        ..field(VICTIM, path, class(DataCategory::Whereabouts), text(path))
    };
    let fields = vec![at(3, "old.city"), at(3, "old.street"), at(8, "new.city")];
    let redacted = redact(&whole(VICTIM, DataCategory::Whereabouts), &people(), fields);
    let records = &redacted.get().people.first().unwrap().records;
    let paths: Vec<Vec<&str>> =
        records.iter().map(|record| record.fields.iter().map(|field| field.path.as_str()).collect()).collect();
    assert_eq!(paths, [vec!["new.city"], vec!["old.city", "old.street"]]);
}

#[test]
fn under_a_period_only_what_was_recorded_in_it_leaves() {
    let period = |from, until| Some(DataPeriod { from: Some(Timestamp(from)), until: Some(Timestamp(until)) });
    let out = |period, recorded_at| {
        let entry = MaskEntry { period, ..entry(VICTIM, DataCategory::Whereabouts, MaskLevel::Whole) };
        released(&permit(vec![entry]), vec![Field { recorded_at, ..street(VICTIM) }]).len()
    };
    assert_eq!(out(period(100, 200), Some(Timestamp(100))), 1);
    assert_eq!(out(period(100, 200), Some(Timestamp(200))), 0);
    assert_eq!(out(period(101, 200), Some(Timestamp(100))), 0);
    assert_eq!(out(period(100, 200), None), 0, "nobody knows when it was recorded");
    assert_eq!(out(None, None), 1);
}

#[test]
fn what_somebody_is_in_the_case_is_not_told_under_a_period() {
    let roles = |period| {
        let entry = MaskEntry { period, ..entry(VICTIM, DataCategory::Situation, MaskLevel::Whole) };
        redact(&permit(vec![entry]), &people(), Vec::new()).get().people.len()
    };
    assert_eq!(roles(None), 1);
    assert_eq!(roles(Some(DataPeriod { from: Some(Timestamp(0)), until: None })), 0);
}

#[test]
fn the_month_is_told_only_above_facts() {
    let fact = Class { is_fact: true, generalise: Generalisation::Keep, ..class(DataCategory::Situation) };
    let month = |level| {
        let fields = vec![field(VICTIM, "a.b", fact, Value::Flag(true))];
        let redacted = redact(&permit(vec![entry(VICTIM, DataCategory::Situation, level)]), &people(), fields);
        redacted.get().people.first().unwrap().records.first().unwrap().month.clone()
    };
    assert_eq!(month(MaskLevel::FactsOnly), None);
    assert_eq!(month(MaskLevel::Generalised).as_deref(), Some("2026-11"));
}

fn categories() -> impl Strategy<Value = DataCategory> {
    prop::sample::select(DataCategory::ALL.to_vec())
}

fn subjects() -> impl Strategy<Value = SubjectId> {
    prop::sample::select(vec![VICTIM, SUSPECT, CALLER, SubjectId([9; 16])])
}

fn levels() -> impl Strategy<Value = MaskLevel> {
    prop::sample::select(vec![MaskLevel::FactsOnly, MaskLevel::Generalised, MaskLevel::Whole])
}

fn classes() -> impl Strategy<Value = Class> {
    (
        prop::option::weighted(0.9, categories()),
        prop::sample::select(vec![
            Whose::Subject,
            Whose::Subject,
            Whose::Several,
            Whose::Bringer,
            Whose::Case,
            Whose::Record,
        ]),
        prop::sample::select(vec![
            Generalisation::Withhold,
            Generalisation::Keep,
            Generalisation::Month,
            Generalisation::Year,
            Generalisation::AgeGroup,
            Generalisation::Province,
            Generalisation::NumberBand,
            Generalisation::Deidentified,
        ]),
        any::<bool>(),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(category, whose, generalise, is_fact, match_only)| Class {
            category,
            identifies: if is_fact { Identifies::None } else { Identifies::Direct },
            is_fact,
            whose,
            generalise,
            match_only,
        })
}

/// A field as the properties make it up: unlike what redaction takes, it can be shown when a property fails.
#[derive(Debug, Clone)]
struct Sketch {
    about: Vec<SubjectId>,
    several: bool,
    record: u64,
    class: Class,
    only_under: bool,
    value: SketchValue,
}

#[derive(Debug, Clone)]
enum SketchValue {
    Text(&'static str),
    Number(u64),
    Flag(bool),
    Code,
    Texts,
    Records(Vec<Vec<(Class, SketchValue)>>),
}

impl SketchValue {
    fn value(self) -> Value {
        let member =
            |(class, value): (Class, Self)| Member { label: "vehicle.plate".to_owned(), class, value: value.value() };
        match self {
            Self::Text(value) => text(value),
            Self::Number(number) => Value::Number(number),
            Self::Flag(flag) => Value::Flag(flag),
            Self::Code => Value::Code("ANSWER_YES".to_owned()),
            Self::Texts => Value::Texts(vec!["one".to_owned(), "two".to_owned()]),
            Self::Records(records) => {
                Value::Records(records.into_iter().map(|record| record.into_iter().map(member).collect()).collect())
            }
        }
    }
}

impl Sketch {
    fn field(self, number: usize) -> Field {
        let about = match self.about.as_slice() {
            several if self.several => About::Several(several.to_vec()),
            [one, ..] => About::One(*one),
            [] => About::Nobody,
        };
        Field {
            about,
            record: Revision(self.record),
            recorded_at: None,
            month: None,
            path: format!("event.field_{number}"),
            class: self.class,
            only_under: self.only_under.then_some(DANGER),
            attested: None,
            value: self.value.value(),
        }
    }
}

fn made(sketches: &[Sketch]) -> Vec<Field> {
    sketches.iter().cloned().enumerate().map(|(number, sketch)| sketch.field(number)).collect()
}

fn values() -> impl Strategy<Value = SketchValue> {
    let simple = prop_oneof![
        prop::sample::select(vec!["2011-03-04", "K1A 0B1", "Sudbury", ""]).prop_map(SketchValue::Text),
        (0_u64..40).prop_map(SketchValue::Number),
        any::<bool>().prop_map(SketchValue::Flag),
        Just(SketchValue::Code),
        Just(SketchValue::Texts),
    ];
    let records = prop::collection::vec(prop::collection::vec((classes(), simple.clone()), 0..3), 0..3);
    prop_oneof![4 => simple, 1 => records.prop_map(SketchValue::Records)]
}

fn fields() -> impl Strategy<Value = Vec<Sketch>> {
    let about = prop::collection::vec(subjects(), 0..3);
    let field = (about, prop::bool::weighted(0.2), 1_u64..4, classes(), prop::bool::weighted(0.2), values());
    let field = field.prop_map(|(about, several, record, class, only_under, value)| Sketch {
        about,
        several,
        record,
        class,
        only_under,
        value,
    });
    prop::collection::vec(field, 0..12)
}

fn masks() -> impl Strategy<Value = Vec<MaskEntry>> {
    let bases = prop::sample::select(vec![vec![0], vec![1], vec![0, 1]]);
    let entry = (subjects(), categories(), levels(), bases).prop_map(|(subject_id, category, level, bases)| {
        MaskEntry { subject_id, category, level, bases: bases.into_iter().collect(), period: None }
    });
    prop::collection::vec(entry, 0..10)
}

fn index_of(path: &str) -> usize {
    path.trim_start_matches("event.field_").parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Promise 4, from outside: nothing leaves without an entry for the person and the category the field stands under, and
    /// no identifying value leaves at facts only.
    #[test]
    fn nothing_outside_the_mask_leaves(sketches in fields(), entries in masks()) {
        let fields = made(&sketches);
        let permit = permit(entries);
        let known = people();
        for (subject, _, path, value) in released(&permit, fields.clone()) {
            let field = &fields[index_of(&path)];
            let category = field.class.category.unwrap();
            let about = match (&field.about, subject) {
                (About::One(one), Some(subject)) => { prop_assert_eq!(*one, subject); vec![subject] }
                (About::Several(several), None) => { prop_assert!(!several.is_empty()); several.clone() }
                _ => { prop_assert!(false, "about nobody"); vec![] }
            };
            prop_assert!(!field.class.match_only);
            prop_assert!(!Categories::from([DataCategory::Narrative, DataCategory::RecordKeeping]).contains(category));
            for person in about {
                let person = known.get(person).expect("a person of the case");
                let level = permit.mask().level(person.subject_id, person.category_of(category));
                prop_assert!(level.is_some());
                if level < Some(MaskLevel::Whole) {
                    let unchanged = !matches!(value, RedactedValue::Coarse(_));
                    prop_assert!(!unchanged || field.class.generalise == Generalisation::Keep);
                }
                if level == Some(MaskLevel::FactsOnly) {
                    prop_assert!(field.class.is_fact);
                }
            }
        }
    }

    /// What is said of a field before it is opened is what becomes of it.
    #[test]
    fn what_is_foretold_of_a_field_is_what_becomes_of_it(sketches in fields(), entries in masks()) {
        let fields = made(&sketches);
        let permit = permit(entries);
        let left = released(&permit, fields.clone());
        for field in &fields {
            let value = left.iter().find(|(.., path, _)| *path == field.path).map(|(.., value)| value);
            let coarse = value.map(|value| matches!(value, RedactedValue::Coarse(_)));
            let records = matches!(field.value, Value::Records(_));
            let empty = matches!(&field.value, Value::Text(text) if text.is_empty());
            match fate(permit.decision(), &people(), Unopened::from(field)) {
                Fate::Withheld => prop_assert_eq!(coarse, None),
                // Fields inside records pass for themselves, and may all stay behind; what is empty is nothing.
                Fate::Whole => prop_assert!(coarse == Some(false) || (coarse.is_none() && (records || empty))),
                Fate::Generalised => prop_assert!(coarse != Some(false)),
            }
        }
    }

    /// Whatever a narrower mask lets through, a wider one lets through too, the same or less coarse.
    #[test]
    fn a_narrower_mask_lets_through_no_more_than_a_wider_one(sketches in fields(), wide in masks(), cut in masks()) {
        let fields = made(&sketches);
        let (wide, cut) = (Mask::from(wide), Mask::from(cut));
        let narrow = wide.intersection(&cut);
        prop_assert!(wide.contains(&narrow));
        let narrow = released(&permit(narrow.entries().to_vec()), fields.clone());
        let wide = released(&permit(wide.entries().to_vec()), fields);
        for (subject, category, path, value) in narrow {
            let wider = wide.iter().find(|(s, c, p, _)| *s == subject && *c == category && *p == path);
            prop_assert!(wider.is_some(), "{path} leaves by the narrower mask only");
            let (_, _, _, wider) = wider.unwrap();
            let coarse = matches!(value, RedactedValue::Coarse(_));
            let records = matches!(value, RedactedValue::Records(_));
            prop_assert!(coarse || records || *wider == value);
        }
    }
}
