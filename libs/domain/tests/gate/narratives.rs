//! What was told in words: it leaves attested, for the unit it was attested for, and while everything it was made from stands.

use crate::story::*;
use egide_domain::delivery::DeliveryRefusal;
use egide_domain::event::{
    ConsentGiven, DataPeriod, KeyShredded, NarrativeAttested, NarrativeRecorded, NarrativeReviewRequested,
    NarrativeWithheld, PersonIdentified, Shredded, SuspectDescribed,
};
use egide_domain::facts::ReviewState;
use egide_domain::ids::{NarrativeId, ReviewId, Revision, SubjectId};
use egide_domain::supersedes;
use egide_domain::vocabulary::{
    Answer, Channel, DataCategory::*, ExceptionGround, ExceptionKind, PersonRole, Purpose::*, ReasonCode, Role,
};
use egide_domain::{Actor, AttestedNarrative, CaseEvent, Categories, ViolationReason as Why};

const TOLD: NarrativeId = NarrativeId([1; 16]);
const REVIEW: ReviewId = ReviewId([1; 16]);
const SECOND: ReviewId = ReviewId([2; 16]);

fn reviewer() -> Actor {
    staff("v.chan", Role::Reviewer)
}

fn told(subject_ids: &[SubjectId]) -> CaseEvent {
    CaseEvent::NarrativeRecorded(NarrativeRecorded { narrative_id: TOLD, subject_ids: subject_ids.to_vec() })
}

fn requested(review_id: ReviewId, unit: &Unit) -> CaseEvent {
    let unit_id = unit.id();
    CaseEvent::NarrativeReviewRequested(NarrativeReviewRequested { review_id, narrative_id: TOLD, unit_id })
}

fn withheld(review_id: ReviewId) -> CaseEvent {
    CaseEvent::NarrativeWithheld(NarrativeWithheld { review_id })
}

fn named(subject_id: SubjectId) -> CaseEvent {
    let roles = [PersonRole::ThirdParty].into();
    CaseEvent::PersonIdentified(PersonIdentified { subject_id, roles })
}

impl Story {
    /// What the reviewer attests after having read the case as it is now.
    fn attestation(&self, review_id: ReviewId, unit: &Unit, of: &[SubjectId]) -> NarrativeAttested {
        NarrativeAttested {
            review_id,
            narrative_id: TOLD,
            subject_ids: of.to_vec(),
            unit_id: unit.id(),
            text_digest: [review_id.0[0]; 32],
            could_tell_who_said_it: Some(Answer::No),
            case_revision: self.facts.revision,
        }
    }

    fn attests(self, review_id: ReviewId, unit: &Unit, of: &[SubjectId]) -> Self {
        let event = CaseEvent::NarrativeAttested(self.attestation(review_id, unit, of));
        assert_eq!(self.admits(&reviewer(), &event), Ok(()), "the attestation must be admitted");
        self.by(&reviewer(), event)
    }

    /// Told of these people, reviewed and attested for the shelter.
    fn attested_of(self, of: &[SubjectId]) -> Self {
        self.and(told(of)).and(requested(REVIEW, &shelter())).attests(REVIEW, &shelter(), of)
    }
}

fn why(story: &Story, actor: &Actor, event: &CaseEvent) -> Vec<(&'static str, Why)> {
    let violations = story.admits(actor, event).err().unwrap_or_default();
    violations.iter().map(|violation| (violation.field, violation.reason)).collect()
}

fn to_shelter(number: u8, who: SubjectId) -> ConsentGiven {
    consent(number, who, shelter().scope(), SupportService).permitting(&[Situation, Narrative])
}

fn asked() -> Ask {
    ask(&shelter(), SupportService, &[Situation, Narrative, Suspects])
}

fn text_of(review_id: ReviewId) -> Vec<AttestedNarrative> {
    vec![AttestedNarrative { review_id, text_digest: [review_id.0[0]; 32] }]
}

fn ready() -> Story {
    Story::with_people().consents(to_shelter(1, VICTIM)).attested_of(&[VICTIM])
}

#[test]
fn what_was_told_leaves_with_a_consent_that_names_it_and_an_attestation_for_the_unit() {
    let then = ready().when(&asked());
    then.permits(&[(VICTIM, Situation), (VICTIM, Narrative)]).does_not_say(ReasonCode::NarrativeNotAttested);
    assert_eq!(then.0.narratives, text_of(REVIEW));
}

#[test]
fn without_an_attestation_nothing_that_was_told_leaves_and_the_rest_does() {
    let story = Story::with_people().consents(to_shelter(1, VICTIM));
    for story in [
        story.clone(),
        story.clone().and(told(&[VICTIM])),
        story.and(told(&[VICTIM])).and(requested(REVIEW, &shelter())),
    ] {
        let then = story.when(&asked());
        then.permits(&[(VICTIM, Situation)]).says_of(ReasonCode::NarrativeNotAttested, VICTIM, Narrative);
        assert_eq!(then.0.narratives, []);
        let alone = story.when(&ask(&shelter(), SupportService, &[Narrative]));
        alone.denies(ReasonCode::NarrativeNotAttested);
    }
}

#[test]
fn an_attestation_without_a_consent_that_names_narratives_lets_nothing_go() {
    let story = Story::with_people().attested_of(&[VICTIM]);
    let only_situation = consent(1, VICTIM, shelter().scope(), SupportService).permitting(&[Situation]);
    let then = story.consents(only_situation).when(&asked());
    then.permits(&[(VICTIM, Situation)]).says_of(ReasonCode::NoConsent, VICTIM, Narrative);
    assert_eq!(then.0.narratives, []);
    let denies = ready().refuses(2, VICTIM, shelter().scope(), &[Narrative]);
    denies.when(&asked()).permits(&[(VICTIM, Situation)]);
}

#[test]
fn an_attestation_holds_for_the_unit_it_was_made_for_and_no_other() {
    let other = Unit { organization: police().organization, ..coordinator() };
    let kind = consent(3, VICTIM, other.scope(), SupportService).permitting(&[Narrative]);
    let then = ready().consents(kind).when(&ask(&other, SupportService, &[Narrative]));
    then.denies(ReasonCode::NarrativeNotAttested);
}

#[test]
fn everybody_a_narrative_speaks_of_must_let_it_go() {
    let of_two = Story::with_people()
        .person(OTHER_VICTIM, &[PersonRole::PotentialVictim])
        .consents(to_shelter(1, VICTIM))
        .attested_of(&[VICTIM, OTHER_VICTIM]);
    let then = of_two.when(&asked());
    then.permits(&[(VICTIM, Situation)]);
    then.says_of(ReasonCode::NarrativeNotAttested, VICTIM, Narrative);
    then.says_of(ReasonCode::NoConsent, OTHER_VICTIM, Narrative);
    let both = of_two.consents(to_shelter(2, OTHER_VICTIM));
    assert_eq!(both.when(&asked()).0.narratives, text_of(REVIEW));
    // Asked about one of them alone, the other has not let it go.
    let alone = both.when(&asked().about(&[VICTIM]));
    assert_eq!(alone.0.narratives, []);
    alone.permits(&[(VICTIM, Situation)]);
}

#[test]
fn a_suspect_is_covered_by_what_lets_everything_told_about_them_go_whole() {
    let to_police =
        |number, categories: &[_]| consent(number, VICTIM, police().scope(), Investigation).permitting(categories);
    let story = Story::with_people().and(told(&[VICTIM, SUSPECT])).and(requested(REVIEW, &police()));
    let story = story.attests(REVIEW, &police(), &[VICTIM, SUSPECT]);
    let ask = ask(&police(), Investigation, &[Narrative, Suspects]);
    let without = story.clone().consents(to_police(1, &[Narrative]));
    without.when(&ask).denies(ReasonCode::NarrativeNotAttested);
    let with = story.consents(to_police(1, &[Narrative, Suspects]));
    with.when(&ask).permits(&[(VICTIM, Narrative), (SUSPECT, Suspects)]);
    assert_eq!(with.when(&ask).0.narratives, text_of(REVIEW));
}

#[test]
fn a_narrative_about_suspects_alone_was_named_by_nobody_and_stays() {
    let story = Story::with_people().and(told(&[SUSPECT])).and(requested(REVIEW, &police()));
    let story = story.attests(REVIEW, &police(), &[SUSPECT]);
    let told = consent(1, VICTIM, police().scope(), Investigation).permitting(&[Narrative, Suspects]);
    let then = story.consents(told).when(&ask(&police(), Investigation, &[Narrative, Suspects]));
    then.permits(&[(SUSPECT, Suspects)]);
    assert_eq!(then.0.narratives, []);
}

#[test]
fn a_shelter_gets_no_narrative_that_speaks_of_a_suspect() {
    let both = to_shelter(1, VICTIM).permitting(&[Situation, Narrative, Suspects]);
    let story = Story::with_people().consents(both).attested_of(&[VICTIM, SUSPECT]);
    assert_eq!(story.when(&asked()).0.narratives, [], "of suspects it gets facts only");
}

#[test]
fn neither_report_consents_nor_exceptions_let_a_narrative_go() {
    let mut wish = report_consent(1);
    wish.about_bringer = Categories::all();
    let story = Story::with_tip(Channel::Phone).and(told(&[CALLER])).and(requested(REVIEW, &police()));
    let story = story.attests(REVIEW, &police(), &[CALLER]).consents(wish);
    let then = story.when(&ask(&police(), Investigation, &[Situation, Narrative]));
    then.says_of(ReasonCode::ReportConsentCeiling, CALLER, Narrative);
    assert_eq!(then.0.narratives, []);
    let danger = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::ThreatToLife);
    let story = Story::with_people().attested_of(&[VICTIM]).asserts(&supervisor(), danger);
    let story = story.confirms(&other_supervisor(), 1);
    let then = story.when(&ask(&dispatch(), EmergencyResponse, &[Situation, Narrative]));
    then.permits(&[(VICTIM, Situation)]).says(ReasonCode::NarrativeWithheld);
}

#[test]
fn a_consent_to_data_of_some_time_lets_no_narrative_go() {
    let mut some_time = to_shelter(1, VICTIM);
    some_time.data_period = Some(DataPeriod { from: None, until: Some(after(DAY)) });
    let story = Story::with_people().consents(some_time).attested_of(&[VICTIM]);
    let then = story.when(&asked());
    then.permits(&[(VICTIM, Situation)]).says(ReasonCode::NarrativeNotAttested);
}

/// Whatever it was made from and what happened since: a name, a word about a suspect, another narrative under its id, an erasure.
#[test]
fn any_change_of_what_it_was_made_from_makes_an_attestation_void() {
    assert!(!ready().when(&asked()).0.narratives.is_empty());
    let person = CaseEvent::KeyShredded(KeyShredded { whose: Shredded::Narrative(TOLD), ground: None });
    let described = CaseEvent::SuspectDescribed(SuspectDescribed { subject_id: SUSPECT });
    for event in [named(FRIEND), named(VICTIM), described, told(&[VICTIM]), person, withheld(REVIEW)] {
        let then = ready().and(event.clone()).when(&asked());
        then.permits(&[(VICTIM, Situation)]).says(ReasonCode::NarrativeNotAttested);
        assert_eq!(then.0.narratives, [], "{event:?}");
    }
    let both = Story::with_people().consents(to_shelter(1, VICTIM)).consents(to_shelter(2, CALLER));
    let both = both.attested_of(&[VICTIM, CALLER]);
    assert_eq!(both.when(&asked()).0.narratives, text_of(REVIEW));
    let shredded = CaseEvent::KeyShredded(KeyShredded { whose: Shredded::Person(CALLER), ground: None });
    assert_eq!(both.and(shredded).when(&asked()).0.narratives, []);
}

#[test]
fn what_was_void_is_attested_anew_after_another_look() {
    let story = ready().and(named(FRIEND)).and(requested(SECOND, &shelter())).attests(SECOND, &shelter(), &[VICTIM]);
    assert_eq!(story.when(&asked()).0.narratives, text_of(SECOND));
    // The newer one took the first one's place, and holding it back brings the first one not back.
    assert_eq!(story.facts.review(REVIEW).unwrap().state, ReviewState::Replaced);
    assert_eq!(story.and(withheld(SECOND)).when(&asked()).0.narratives, []);
}

#[test]
fn what_waits_for_a_reviewer_is_what_was_requested_and_is_still_there() {
    let waiting = |story: &Story| story.facts.open_reviews().map(|review| review.review_id).collect::<Vec<_>>();
    let story = Story::with_people().and(told(&[VICTIM])).and(requested(REVIEW, &shelter()));
    assert_eq!(waiting(&story), [REVIEW]);
    assert_eq!(waiting(&story.clone().and(withheld(REVIEW))), []);
    assert_eq!(waiting(&story.clone().attests(REVIEW, &shelter(), &[VICTIM])), []);
    let gone = CaseEvent::KeyShredded(KeyShredded { whose: Shredded::Person(VICTIM), ground: None });
    assert_eq!(waiting(&story.and(gone)), []);
}

#[test]
fn who_requested_a_review_does_not_attest_and_only_reviewers_do() {
    let both = staff("r.tremblay", Role::Reviewer);
    let story = Story::with_people().and(told(&[VICTIM])).and(requested(REVIEW, &shelter()));
    let event = CaseEvent::NarrativeAttested(story.attestation(REVIEW, &shelter(), &[VICTIM]));
    assert_eq!(why(&story, &both, &event), [("actor.person", Why::SamePerson)]);
    assert_eq!(why(&story, &supervisor(), &event), [("actor.role", Why::ReviewerRequired)]);
    let nobody = [("actor.role", Why::ReviewerRequired), ("actor.person", Why::SamePerson)];
    assert_eq!(why(&story, &service(), &event), nobody);
    assert_eq!(why(&story, &reviewer(), &event), []);
    let permitted = |actor: &Actor| {
        let story = story.clone().by(actor, event.clone()).consents(to_shelter(1, VICTIM));
        story.when(&asked()).0.narratives
    };
    assert_eq!(permitted(&reviewer()), text_of(REVIEW));
    for actor in [both, supervisor(), service()] {
        assert_eq!(permitted(&actor), [], "{actor:?} attests nothing, whatever stands in the log");
    }
}

#[test]
fn what_is_attested_is_what_was_requested_read_and_safe() {
    let story = Story::with_people().and(told(&[VICTIM])).and(requested(REVIEW, &shelter()));
    let wrong = |change: &dyn Fn(&mut NarrativeAttested)| {
        let mut attested = story.attestation(REVIEW, &shelter(), &[VICTIM]);
        change(&mut attested);
        let event = CaseEvent::NarrativeAttested(attested);
        let found = why(&story, &reviewer(), &event);
        let let_through =
            story.clone().by(&reviewer(), event).consents(to_shelter(1, VICTIM)).when(&asked()).0.narratives;
        assert_eq!(let_through, [], "what is refused must not count either");
        found
    };
    for answer in [Some(Answer::Yes), Some(Answer::Unknown), None] {
        let found = wrong(&|it| it.could_tell_who_said_it = answer);
        assert_eq!(found, [("could_tell_who_said_it", Why::TellsWhoSaidIt)]);
    }
    assert_eq!(wrong(&|it| it.review_id = SECOND), [("review_id", Why::ReviewUnknown)]);
    assert_eq!(wrong(&|it| it.unit_id = police().id()), [("review_id", Why::OtherReview)]);
    assert_eq!(wrong(&|it| it.subject_ids = vec![VICTIM, CALLER]), [("subject_ids", Why::OtherReview)]);
    let nobody = [("subject_ids", Why::SubjectMissing), ("subject_ids", Why::OtherReview)];
    assert_eq!(wrong(&|it| it.subject_ids = Vec::new()), nobody);
    assert_eq!(wrong(&|it| it.case_revision = Revision(1)), [("case_revision", Why::NamesChanged)]);
    let narrative = wrong(&|it| it.narrative_id = NarrativeId([9; 16]));
    assert_eq!(narrative, [("narrative_id", Why::NarrativeUnknown), ("review_id", Why::OtherReview)]);
    let ahead = CaseEvent::NarrativeAttested(NarrativeAttested {
        case_revision: Revision(99),
        ..story.attestation(REVIEW, &shelter(), &[VICTIM])
    });
    assert_eq!(why(&story, &reviewer(), &ahead), [("case_revision", Why::NamesChanged)]);
    let twice = story.clone().attests(REVIEW, &shelter(), &[VICTIM]);
    let again = CaseEvent::NarrativeAttested(twice.attestation(REVIEW, &shelter(), &[VICTIM]));
    assert_eq!(why(&twice, &reviewer(), &again), [("review_id", Why::AlreadyReviewed)]);
}

#[test]
fn a_review_is_requested_by_a_person_of_a_narrative_that_is_there() {
    let story = Story::with_people().and(told(&[VICTIM]));
    let ask = requested(REVIEW, &shelter());
    assert_eq!(why(&story, &responder(), &ask), []);
    assert_eq!(why(&story, &service(), &ask), [("actor.person", Why::PersonRequired)]);
    assert_eq!(why(&Story::with_people(), &responder(), &ask), [("narrative_id", Why::NarrativeUnknown)]);
    let story = story.and(ask.clone());
    assert_eq!(why(&story, &responder(), &ask), [("review_id", Why::DuplicateId)]);
    assert_eq!(why(&story, &reviewer(), &withheld(SECOND)), [("review_id", Why::ReviewUnknown)]);
    assert_eq!(why(&story, &service(), &withheld(REVIEW)), [("actor.person", Why::PersonRequired)]);
    let story = story.closes();
    assert_eq!(why(&story, &reviewer(), &withheld(REVIEW)), [], "holding back is never too late");
    let twice = story.by(&reviewer(), withheld(REVIEW));
    assert_eq!(why(&twice, &reviewer(), &withheld(REVIEW)), [("review_id", Why::AlreadyReviewed)]);
}

#[test]
fn the_fence_takes_no_decision_with_a_narrative_that_is_not_attested_and_covered() {
    let story = ready();
    let decision = story.when(&asked()).0;
    let admitted = |change: &dyn Fn(&mut egide_domain::Decision)| {
        let mut decision = decision.clone();
        change(&mut decision);
        why(&story, &service(), &decided(1, &asked(), decision))
    };
    let inconsistent = [("narratives", Why::DecisionInconsistent)];
    assert_eq!(admitted(&|_| {}), []);
    assert_eq!(admitted(&|it| it.narratives[0].text_digest = [9; 32]), inconsistent);
    assert_eq!(admitted(&|it| it.narratives[0].review_id = SECOND), inconsistent);
    let situation = |it: &mut egide_domain::Decision| {
        let entries = it.mask.entries().iter().filter(|entry| entry.category == Situation).copied();
        it.mask = entries.collect::<Vec<_>>().into();
    };
    assert_eq!(admitted(&situation), inconsistent);
}

#[test]
fn a_fetch_stops_when_the_attestation_is_void() {
    let story = ready().releases(1, &asked());
    assert!(story.fetches(1, &shelter()).is_ok());
    for event in [named(FRIEND), withheld(REVIEW)] {
        let later = story.clone().and(event);
        assert!(matches!(later.fetches(1, &shelter()), Err(DeliveryRefusal::Narrowed(_))));
    }
    // Another text under another digest is not what was released.
    let again = story.and(requested(SECOND, &shelter())).attests(SECOND, &shelter(), &[VICTIM]);
    assert!(matches!(again.fetches(1, &shelter()), Err(DeliveryRefusal::Narrowed(_))));
}

#[test]
fn an_open_permit_is_decided_again_after_whatever_may_make_its_texts_void() {
    let attested = CaseEvent::NarrativeAttested(ready().attestation(REVIEW, &shelter(), &[VICTIM]));
    let described = CaseEvent::SuspectDescribed(SuspectDescribed { subject_id: SUSPECT });
    for event in [named(FRIEND), described, withheld(REVIEW), attested] {
        assert!(supersedes(&event), "{event:?}");
    }
    assert!(!supersedes(&requested(REVIEW, &shelter())));
}

const ANOTHER: NarrativeId = NarrativeId([2; 16]);
const THIRD: ReviewId = ReviewId([3; 16]);

/// Another narrative, reviewed and attested for the shelter under this review.
fn with_another(story: Story, review_id: ReviewId) -> Story {
    let told = NarrativeRecorded { narrative_id: ANOTHER, subject_ids: vec![VICTIM] };
    let requested = NarrativeReviewRequested { review_id, narrative_id: ANOTHER, unit_id: shelter().id() };
    let story = story.and(CaseEvent::NarrativeRecorded(told)).and(CaseEvent::NarrativeReviewRequested(requested));
    let attested = story.attestation(review_id, &shelter(), &[VICTIM]);
    story.by(&reviewer(), CaseEvent::NarrativeAttested(NarrativeAttested { narrative_id: ANOTHER, ..attested }))
}

#[test]
fn a_word_on_one_narrative_for_one_unit_says_nothing_of_another_narrative_or_unit() {
    let both = with_another(ready(), SECOND);
    assert_eq!(both.when(&asked()).0.narratives, [text_of(REVIEW), text_of(SECOND)].concat());
    assert_eq!(both.clone().and(withheld(SECOND)).when(&asked()).0.narratives, text_of(REVIEW));
    assert_eq!(both.clone().and(withheld(REVIEW)).when(&asked()).0.narratives, text_of(SECOND));
    let for_police = both.and(requested(THIRD, &police())).attests(THIRD, &police(), &[VICTIM]);
    assert_eq!(for_police.when(&asked()).0.narratives, [text_of(REVIEW), text_of(SECOND)].concat());
    let held_from_police = for_police.and(withheld(THIRD));
    assert_eq!(held_from_police.when(&asked()).0.narratives, [text_of(REVIEW), text_of(SECOND)].concat());
}

#[test]
fn the_fence_looks_at_each_of_the_narratives_of_a_decision() {
    let story = with_another(ready(), SECOND);
    for place in [0, 1] {
        let mut decision = story.when(&asked()).0;
        decision.narratives[place].text_digest = [9; 32];
        let found = why(&story, &service(), &decided(1, &asked(), decision));
        assert_eq!(found, [("narratives", Why::DecisionInconsistent)], "{place}");
    }
}

#[test]
fn holding_back_counts_before_another_attestation_and_after_one_under_whichever_review() {
    let asked_twice = ready().and(requested(SECOND, &shelter()));
    assert_eq!(asked_twice.when(&asked()).0.narratives, text_of(REVIEW), "a question changes nothing");
    assert_eq!(asked_twice.and(withheld(SECOND)).when(&asked()).0.narratives, []);
}

#[test]
fn an_attestation_changes_nothing_of_what_was_held_back_or_still_waits() {
    let story = Story::with_people().and(told(&[VICTIM])).and(requested(REVIEW, &shelter())).and(withheld(REVIEW));
    let story = story.and(requested(SECOND, &shelter())).and(requested(THIRD, &shelter()));
    let story = story.attests(THIRD, &shelter(), &[VICTIM]);
    let state = |review_id| story.facts.review(review_id).unwrap().state.clone();
    assert_eq!((state(REVIEW), state(SECOND)), (ReviewState::Withheld, ReviewState::Open));
    let ReviewState::Attested(attestation) = state(THIRD) else { panic!("{:?}", state(THIRD)) };
    assert_eq!((attestation.at, attestation.by), (story.facts.revision, reviewer()));
    assert_eq!(attestation.made_on, Revision(story.facts.revision.0 - 1), "what was read before it");
}

#[test]
fn what_was_answered_is_not_answered_again_and_an_id_that_is_taken_stays_what_it_was() {
    let story = ready();
    let again = NarrativeAttested { text_digest: [9; 32], ..story.attestation(REVIEW, &shelter(), &[VICTIM]) };
    let story = story.by(&reviewer(), CaseEvent::NarrativeAttested(again));
    assert_eq!(story.when(&asked()).0.narratives, text_of(REVIEW), "the first word under a review");
    let taken = story.and(requested(REVIEW, &police()));
    assert_eq!(taken.facts.reviews.len(), 1);
    assert_eq!(taken.when(&asked()).0.narratives, text_of(REVIEW));
}

/// Whoever the ledger lets through: what stands in the log means nothing more than it may.
#[test]
fn an_attestation_counts_for_exactly_the_people_the_narrative_speaks_of_in_whatever_order() {
    let story = Story::with_people().consents(to_shelter(1, VICTIM)).consents(to_shelter(2, CALLER));
    let attested = |of: &[SubjectId], by: &[SubjectId]| {
        let story = story.clone().and(told(of)).and(requested(REVIEW, &shelter()));
        let event = CaseEvent::NarrativeAttested(story.attestation(REVIEW, &shelter(), by));
        let found = why(&story, &reviewer(), &event);
        (found, story.by(&reviewer(), event).when(&asked()).0.narratives)
    };
    let other = vec![("subject_ids", Why::OtherReview)];
    assert_eq!(attested(&[VICTIM, CALLER], &[VICTIM]), (other.clone(), vec![]), "it speaks of somebody else, too");
    assert_eq!(attested(&[VICTIM], &[VICTIM, CALLER]), (other, vec![]));
    assert_eq!(attested(&[VICTIM, CALLER], &[CALLER, VICTIM, CALLER]), (vec![], text_of(REVIEW)));
}

#[test]
fn an_attestation_counts_while_everybody_it_names_is_known_and_none_is_erased() {
    const STRANGER: SubjectId = SubjectId([99; 16]);
    let holding = |story: &Story| story.facts.attested_for(shelter().id()).count();
    let attested = |story: Story, of: &[SubjectId]| {
        let story = story.and(told(of)).and(requested(REVIEW, &shelter()));
        let event = CaseEvent::NarrativeAttested(story.attestation(REVIEW, &shelter(), of));
        (why(&story, &reviewer(), &event), holding(&story.by(&reviewer(), event)))
    };
    assert_eq!(attested(Story::with_people(), &[VICTIM, CALLER]), (vec![], 1));
    let unknown = vec![("subject_ids", Why::SubjectUnknown)];
    assert_eq!(attested(Story::with_people(), &[VICTIM, STRANGER]), (unknown.clone(), 0));
    assert_eq!(attested(Story::with_people(), &[STRANGER]), (unknown, 0));
    let nobody = vec![("subject_ids", Why::SubjectMissing)];
    assert_eq!(attested(Story::with_people(), &[]), (nobody, 0), "of nobody there is nobody to let it go");
    // Told after the erasure: the narrative was not erased with them.
    let gone = CaseEvent::KeyShredded(KeyShredded { whose: Shredded::Person(CALLER), ground: None });
    let erased = vec![("subject_ids", Why::DataErased)];
    assert_eq!(attested(Story::with_people().and(gone), &[VICTIM, CALLER]), (erased, 0));
    let whole = CaseEvent::KeyShredded(KeyShredded { whose: Shredded::Case, ground: None });
    let late = Story::with_people().and(whole).and(told(&[VICTIM])).and(requested(REVIEW, &shelter()));
    assert!(late.facts.narrative(TOLD).unwrap().erased);
    assert_eq!((late.facts.open_reviews().count(), holding(&late)), (0, 0));
    // Nothing waits of what is not there.
    let of_nothing = Story::with_people().and(requested(REVIEW, &shelter()));
    assert_eq!(of_nothing.facts.open_reviews().count(), 0);
}

#[test]
fn a_reviewer_may_have_read_the_very_record_of_the_last_name_and_nothing_that_comes_after_their_word() {
    let story = Story::with_people().consents(to_shelter(1, VICTIM)).and(told(&[VICTIM]));
    let story = story.and(requested(REVIEW, &shelter())).and(named(FRIEND));
    assert_eq!(story.facts.named, story.facts.revision);
    let read = story.clone().attests(REVIEW, &shelter(), &[VICTIM]);
    assert_eq!(read.when(&asked()).0.narratives, text_of(REVIEW));
    let ahead = NarrativeAttested {
        case_revision: Revision(story.facts.revision.0 + 10),
        ..story.attestation(REVIEW, &shelter(), &[VICTIM])
    };
    let ahead = story.by(&reviewer(), CaseEvent::NarrativeAttested(ahead));
    assert_eq!(ahead.when(&asked()).0.narratives, text_of(REVIEW));
    assert_eq!(ahead.and(named(CALLER)).when(&asked()).0.narratives, [], "whatever revision it claims");
}

#[test]
fn narratives_are_taken_out_of_each_basis_and_a_basis_that_has_nothing_left_is_none() {
    let only_told = consent(1, VICTIM, shelter().scope(), SupportService).permitting(&[Narrative]);
    let only_situation = consent(2, VICTIM, shelter().scope(), SupportService).permitting(&[Situation]);
    let story = Story::with_people().consents(only_told).consents(only_situation);
    let then = story.when(&asked());
    then.permits(&[(VICTIM, Situation)]).says_of(ReasonCode::NarrativeNotAttested, VICTIM, Narrative);
    assert_eq!(then.0.bases, [egide_domain::Basis::Consent(consent_id(2))]);
}
