//! What holds for every history.

use crate::story::*;
use egide_domain::decision::{Decision, Request};
use egide_domain::event::{Expiry, KeyShredded, RecipientScope, Shredded};
use egide_domain::ids::SubjectId;
use egide_domain::vocabulary::{
    AgeBand, Answer, Channel, ConsentKind, DataCategory, ExceptionGround, ExceptionKind, Jurisdiction, MaskLevel,
    PersonRole, Purpose, ReasonCode, ReviewOutcome, TriageLevel,
};
use egide_domain::{CaseEvent, Categories, Purposes, Recipient, Roles, Set, decide};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const PEOPLE: [SubjectId; 4] = [VICTIM, CALLER, SUSPECT, FRIEND];

fn of<T: egide_domain::set::Member + std::fmt::Debug>() -> impl Strategy<Value = Set<T>> {
    subsequence(T::MEMBERS.to_vec(), 0..=T::MEMBERS.len()).prop_map(|values| values.into_iter().collect())
}

/// Mostly what can permit, so that permits are common enough to say something.
fn mostly<T: Clone + std::fmt::Debug + 'static>(usual: T, others: Vec<T>) -> impl Strategy<Value = T> {
    prop_oneof![6 => Just(usual), 1 => select(others)]
}

fn units() -> Vec<Unit> {
    vec![police().national(), coordinator(), shelter(), child_protection()]
}

fn a_scope() -> impl Strategy<Value = Option<RecipientScope>> {
    let usual = units().into_iter().flat_map(|unit| {
        let kind = unit.unit.kind.map(RecipientScope::Kind);
        [Some(RecipientScope::Unit(unit.id())), Some(RecipientScope::Organization(unit.organization_id())), kind]
    });
    prop_oneof![9 => select(usual.collect::<Vec<_>>()), 1 => select(vec![None, Some(RecipientScope::Anyone)])]
}

fn a_consent() -> impl Strategy<Value = egide_domain::event::ConsentGiven> {
    let who =
        (1..12_u8, select(PEOPLE.to_vec()), a_scope(), mostly(ConsentKind::DataSubject, vec![ConsentKind::Report]));
    let purposes = prop_oneof![4 => Just(Purposes::all()), 1 => of::<Purpose>()];
    let permitted = prop_oneof![1 => Just(Categories::all()), 1 => of::<DataCategory>()];
    let what = (purposes, permitted, subsequence(DataCategory::ALL.to_vec(), 0..2));
    let expiries = vec![Expiry::Absent, Expiry::At(after(HOUR)), Expiry::At(after(-HOUR))];
    let how = (
        mostly(Expiry::Unlimited, expiries),
        any::<bool>(),
        mostly(Some(Answer::Yes), vec![None, Some(Answer::No)]),
        vec(1..12_u8, 0..2),
        of::<DataCategory>(),
    );
    (who, what, how).prop_map(|((number, giver, scope, kind), (purposes, permitted, denied), how)| {
        let mut given = consent(number, giver, RecipientScope::Anyone, Purpose::SupportService);
        given.recipient = scope;
        given.kind = Some(kind);
        given.purposes = purposes;
        given.permitted = permitted;
        given.denied = denied.into_iter().collect();
        (given.expiry, given.standing, given.speaking_freely) = (how.0, how.1, how.2);
        given.supersedes = how.3.into_iter().map(consent_id).collect();
        given.about_bringer = how.4;
        given.tip_id = Some(TIP);
        given
    })
}

#[derive(Debug, Clone)]
enum Step {
    Roles(SubjectId, Roles),
    Age(SubjectId, AgeBand),
    Place(SubjectId, Jurisdiction),
    Tip(Channel),
    Review(ReviewOutcome),
    Triage(TriageLevel),
    Consent(Box<egide_domain::event::ConsentGiven>),
    Refusal(u8, SubjectId, Option<RecipientScope>, Categories),
    Withdrawal(Option<u8>, Option<SubjectId>, Categories),
    Exception(u8, ExceptionKind, Vec<SubjectId>, ExceptionGround, bool),
    Confirmation(u8),
    Lift(u8),
    Wait(i64),
}

fn a_step() -> impl Strategy<Value = Step> {
    let person = || select(PEOPLE.to_vec());
    prop_oneof![
        1 => (person(), of::<PersonRole>()).prop_map(|(who, roles)| Step::Roles(who, roles)),
        1 => (person(), mostly(AgeBand::Adult, AgeBand::ALL.to_vec())).prop_map(|(who, age)| Step::Age(who, age)),
        1 => (person(), mostly(Jurisdiction::On, vec![Jurisdiction::Qc, Jurisdiction::Abroad]))
            .prop_map(|(who, place)| Step::Place(who, place)),
        1 => mostly(Channel::Phone, Channel::ALL.to_vec()).prop_map(Step::Tip),
        1 => mostly(ReviewOutcome::Report, vec![ReviewOutcome::DoNotReport]).prop_map(Step::Review),
        1 => mostly(TriageLevel::NotUrgent, vec![TriageLevel::Insufficient]).prop_map(Step::Triage),
        14 => a_consent().prop_map(|given| Step::Consent(Box::new(given))),
        1 => (1..12_u8, person(), a_scope(), subsequence(DataCategory::ALL.to_vec(), 0..3))
            .prop_map(|(number, who, scope, denied)| (number, who, scope, denied.into_iter().collect()))
            .prop_map(|(number, who, scope, denied)| Step::Refusal(number, who, scope, denied)),
        1 => (option::weighted(0.9, 1..12_u8), option::weighted(0.9, person()), of::<DataCategory>())
            .prop_map(|(number, who, categories)| Step::Withdrawal(number, who, categories)),
        2 => (
            1..4_u8,
            select(vec![ExceptionKind::Minor, ExceptionKind::ImminentDanger]),
            subsequence(PEOPLE.to_vec(), 1..=2),
            select(vec![ExceptionGround::SuspectedAbuse, ExceptionGround::Violence]),
            any::<bool>(),
        )
            .prop_map(|(number, kind, whom, ground, alone)| Step::Exception(number, kind, whom, ground, alone)),
        2 => (1..4_u8).prop_map(Step::Confirmation),
        1 => (1..4_u8).prop_map(Step::Lift),
        1 => (0..DAY).prop_map(Step::Wait),
    ]
}

fn told(story: Story, step: Step) -> Story {
    match step {
        Step::Roles(who, roles) => story.person(who, &roles.iter().collect::<Vec<_>>()),
        Step::Age(who, age) => story.age(who, age),
        Step::Place(who, place) => story.seen_in(who, place),
        Step::Tip(channel) => story.tip(channel),
        Step::Review(outcome) => story.reviewed(outcome),
        Step::Triage(level) => story.triaged(level),
        Step::Consent(given) => story.consents(*given),
        Step::Refusal(number, who, recipient, denied) => {
            story.and(CaseEvent::ConsentRefused(egide_domain::event::ConsentRefused {
                consent_id: consent_id(number),
                subject_id: who,
                recipient,
                denied,
            }))
        }
        Step::Withdrawal(number, who, categories) => {
            story.withdraws(number, who, &categories.iter().collect::<Vec<_>>())
        }
        Step::Exception(number, kind, whom, ground, alone) => {
            let mut asserted = exception(number, kind, &whom, ground);
            asserted.break_glass = alone;
            story.asserts(&supervisor(), asserted)
        }
        Step::Confirmation(number) => story.confirms(&other_supervisor(), number),
        Step::Lift(number) => story.lifts(number),
        Step::Wait(period) => story.wait(period),
    }
}

fn a_story() -> impl Strategy<Value = Story> {
    vec(a_step(), 0..20).prop_map(|steps| steps.into_iter().fold(Story::with_people(), told))
}

fn an_ask() -> impl Strategy<Value = Ask> {
    let purposes = Purpose::ALL.to_vec();
    let people = prop_oneof![3 => Just(Vec::new()), 1 => subsequence(PEOPLE.to_vec(), 1..=2)];
    // A third asks for what no rule wants approved, so that permits stay common.
    let approved = Categories::from([DataCategory::Health, DataCategory::Immigration]);
    let usual = Categories::all().difference(approved);
    let categories = prop_oneof![1 => Just(Categories::all()), 1 => Just(usual), 1 => of::<DataCategory>()];
    (select(units()), select(purposes), categories, people, prop::bool::weighted(0.9)).prop_map(
        |(unit, purpose, categories, people, own)| {
            // Mostly a purpose of the unit, otherwise nearly everything would be refused at the door.
            let purpose = if own { unit.unit.purposes.iter().next().unwrap_or(purpose) } else { purpose };
            let mut question = ask(&unit, purpose, &[]).about(&people);
            question.request.categories = categories;
            question
        },
    )
}

fn level(decision: &Decision, who: SubjectId, category: DataCategory) -> Option<MaskLevel> {
    decision.mask.level(who, category)
}

/// Whether a later answer lets nothing through that could not be had before: by the same question or, where that waited for
/// an approval as a whole, by asking for the one category of the one person alone, on a basis it now rests on.
fn adds_nothing(before: &Story, question: &Ask, after: &Decision) -> bool {
    let answered = before.when(question).0;
    let waited = answered.has_reason(ReasonCode::ApprovalRequired);
    after.mask.entries().iter().all(|entry| {
        let reaches = |decision: &Decision| level(decision, entry.subject_id, entry.category) >= Some(entry.level);
        let by_itself = |index: u32| {
            let mut alone = question.clone();
            alone.request.categories = Categories::only(entry.category);
            alone.request.subject_ids = vec![entry.subject_id];
            alone.request.relies_on = after.bases.iter().skip(index as usize).take(1).copied().collect();
            reaches(&before.when(&alone).0)
        };
        reaches(&answered) || waited && entry.bases.iter().any(by_itself)
    })
}

fn asked_for(request: &Request, who: SubjectId, category: DataCategory) -> bool {
    request.categories.contains(category) && (request.subject_ids.is_empty() || request.subject_ids.contains(&who))
}

fn recipient(question: &Ask) -> Recipient {
    question.unit.recipient()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p04_the_mask_lies_within_request_purpose_and_agreement(story in a_story(), question in an_ask()) {
        let decision = story.when(&question).0;
        let (unit, request) = (recipient(&question), &question.request);
        for entry in decision.mask.entries() {
            prop_assert!(asked_for(request, entry.subject_id, entry.category));
            prop_assert!(story.facts.person(entry.subject_id).is_some());
            let ceiling = POLICY.ceiling(request.purpose.unwrap(), unit.kind.unwrap()).unwrap();
            prop_assert!(ceiling.level(entry.category) >= Some(entry.level));
            prop_assert!(!entry.bases.is_empty());
            prop_assert!(entry.bases.iter().all(|index| (index as usize) < decision.bases.len()));
        }
    }

    #[test]
    fn p04_withdrawing_never_adds(
        story in a_story(), question in an_ask(),
        number in option::of(1..12_u8), who in option::of(select(PEOPLE.to_vec())), categories in of::<DataCategory>(),
    ) {
        let after = story.clone().withdraws(number, who, &categories.iter().collect::<Vec<_>>()).when(&question).0;
        prop_assert!(adds_nothing(&story, &question, &after));
    }

    #[test]
    fn p04_refusing_never_adds(
        story in a_story(), question in an_ask(),
        who in select(PEOPLE.to_vec()), scope in a_scope(), denied in of::<DataCategory>(),
    ) {
        let refusal = Step::Refusal(100, who, scope, denied);
        let after = told(story.clone(), refusal).when(&question).0;
        prop_assert!(adds_nothing(&story, &question, &after));
    }

    #[test]
    fn p04_denying_inside_a_consent_that_permits_nothing_never_adds(
        story in a_story(), question in an_ask(), mut given in a_consent(),
    ) {
        given.consent_id = consent_id(100);
        given.permitted = Categories::EMPTY;
        given.about_bringer = Categories::EMPTY;
        let after = story.clone().consents(given).when(&question).0;
        prop_assert!(adds_nothing(&story, &question, &after));
    }

    #[test]
    fn p04_time_alone_never_adds(story in a_story(), question in an_ask(), period in 0..(40 * DAY)) {
        // Consents in these stories hold at once, so that waiting only ends things.
        let after = story.clone().wait(period).when(&question).0;
        prop_assert!(adds_nothing(&story, &question, &after));
    }

    #[test]
    fn p04_lifting_never_adds(story in a_story(), question in an_ask(), number in 1..4_u8) {
        let after = story.clone().lifts(number).when(&question).0;
        prop_assert!(adds_nothing(&story, &question, &after));
    }

    #[test]
    fn p04_erasing_never_adds(story in a_story(), question in an_ask(), who in select(PEOPLE.to_vec())) {
        let erased = KeyShredded { whose: Shredded::Person(who), ground: None };
        let after = story.clone().by(&supervisor(), CaseEvent::KeyShredded(erased)).when(&question).0;
        prop_assert!(adds_nothing(&story, &question, &after));
        prop_assert!(after.mask.entries().iter().all(|entry| entry.subject_id != who));
    }

    #[test]
    fn p03_what_cannot_be_read_never_widens(story in a_story(), question in an_ask()) {
        let after = story.and(CaseEvent::Unreadable).when(&question).0;
        prop_assert!(after.mask.is_empty() && !after.is_permit());
    }

    #[test]
    fn p07_equal_arguments_give_equal_decisions(story in a_story(), question in an_ask()) {
        let again = egide_domain::CaseFacts::from_events(&story.events);
        prop_assert_eq!(&again, &story.facts);
        let decision = decide(&again, &question.request, Some(&recipient(&question)), &POLICY, story.now);
        prop_assert_eq!(decision, story.when(&question).0);
    }

    #[test]
    fn one_persons_consent_never_shows_another_who_is_no_suspect(
        story in a_story(), question in an_ask(), mut given in a_consent(),
    ) {
        let before = story.when(&question).0;
        given.consent_id = consent_id(100);
        given.kind = Some(ConsentKind::DataSubject);
        given.supersedes.clear();
        let giver = given.subject_id;
        let story = story.consents(given);
        let after = story.when(&question).0;
        for person in story.facts.persons.iter().filter(|person| Some(person.subject_id) != giver) {
            for category in DataCategory::ALL.iter().filter(|_| !person.is_only_suspect()) {
                let (was, is) = (level(&before, person.subject_id, *category), level(&after, person.subject_id, *category));
                prop_assert!(is <= was);
            }
        }
    }

    #[test]
    fn a_refusal_of_the_request_says_why(story in a_story(), question in an_ask()) {
        let decision = story.when(&question).0;
        prop_assert!(decision.is_permit() || !decision.reasons.is_empty());
        prop_assert_eq!(decision.is_permit(), !decision.mask.is_empty());
        prop_assert_eq!(decision.is_permit(), !decision.bases.is_empty());
        prop_assert_eq!(decision.is_permit(), decision.expires_at.is_some_and(|end| end > decision.decided_at));
    }

    #[test]
    fn every_basis_of_a_decision_decides_the_same_when_it_alone_is_relied_on(story in a_story(), question in an_ask()) {
        let decision = story.when(&question).0;
        let again = story.when(&question.relying_on(&decision.bases)).0;
        if decision.is_permit() {
            prop_assert_eq!(again.mask, decision.mask);
        }
    }

    #[test]
    fn suspended_recipients_get_nothing(story in a_story(), question in an_ask()) {
        let mut question = question;
        question.unit = question.unit.suspended();
        prop_assert!(!story.when(&question).0.is_permit());
    }

    #[test]
    fn an_anonymous_recipient_sees_facts_of_situation_and_suspects_only(story in a_story(), question in an_ask()) {
        let mut question = question;
        question.unit = question.unit.anonymous_only();
        for entry in story.when(&question).0.mask.entries() {
            prop_assert_eq!(entry.level, MaskLevel::FactsOnly);
            prop_assert!(matches!(entry.category, DataCategory::Situation | DataCategory::Suspects));
        }
    }
}

#[test]
fn the_histories_above_permit_often_enough_to_mean_something() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let permits = (0..500)
        .filter(|_| {
            let (story, question) = (a_story(), an_ask()).new_tree(&mut runner).unwrap().current();
            story.when(&question).0.is_permit()
        })
        .count();
    assert!(permits > 100, "only {permits} of 500 permit");
}
