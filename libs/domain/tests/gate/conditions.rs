//! Consents on conditions, and what still holds a consent back.

use crate::story::*;
use egide_domain::event::{ConsentGiven, RecipientScope};
use egide_domain::vocabulary::{
    AgeBand, Answer, Channel, ConsentCondition, DataCategory::*, GrantorKind, Jurisdiction, ObligationKind, Purpose,
    ReasonCode, RecipientKind, TriageLevel,
};
use egide_domain::{HeldBack, HeldBy, held_back};

fn wish(number: u8, condition: ConsentCondition) -> ConsentGiven {
    let wish = consent(number, VICTIM, shelter().scope(), Purpose::SupportService);
    ConsentGiven { conditions: [condition].into(), ..wish.permitting(&[Contact]) }
}

fn plain(number: u8) -> ConsentGiven {
    ConsentGiven { conditions: egide_domain::Set::EMPTY, ..wish(number, ConsentCondition::OnlyWhenUrgent) }
}

fn asked() -> Ask {
    ask(&shelter(), Purpose::SupportService, &[Contact])
}

#[test]
fn only_when_urgent_is_only_while_it_is() {
    let story = Story::with_people().consents(wish(1, ConsentCondition::OnlyWhenUrgent));
    story.when(&asked()).denies(ReasonCode::ConsentCondition);
    let urgent = story.triaged(TriageLevel::Urgent);
    urgent.when(&asked()).permits(&[(VICTIM, Contact)]);
    urgent.triaged(TriageLevel::NotUrgent).when(&asked()).denies(ReasonCode::ConsentCondition);
}

#[test]
fn a_case_with_a_minor_is_urgent_for_a_condition_too() {
    let story = Story::with_people().consents(wish(1, ConsentCondition::OnlyWhenUrgent)).age(CALLER, AgeBand::Under16);
    story.when(&asked()).permits(&[(VICTIM, Contact)]);
}

#[test]
fn who_wants_to_be_told_is_told() {
    let told = |story: &Story| {
        let decision = story.when(&asked()).0;
        let owed = decision.obligations.into_iter().find(|owed| owed.kind == ObligationKind::InformPerson);
        owed.map(|owed| (owed.subject_id, owed.due_at))
    };
    let story = Story::with_people().consents(plain(1));
    assert_eq!(told(&story), None);
    let story = story.consents(wish(2, ConsentCondition::TellMeAfterwards));
    assert_eq!(told(&story), Some((Some(VICTIM), Some(after(168 * HOUR)))));
}

#[test]
fn who_told_of_a_suspect_and_wants_to_be_told_is_told() {
    let wish = ConsentGiven {
        conditions: [ConsentCondition::TellMeAfterwards].into(),
        ..consent(1, CALLER, police().scope(), Purpose::Investigation).permitting(&[Suspects])
    };
    let asked = ask(&police(), Purpose::Investigation, &[Suspects]);
    let decision = Story::with_people().consents(wish).when(&asked).0;
    let owed = decision.obligations.iter().find(|owed| owed.kind == ObligationKind::InformPerson).unwrap();
    assert_eq!(owed.subject_id, Some(CALLER));
}

fn held(story: &Story, number: u8) -> Vec<HeldBack> {
    held_back(&story.facts, consent_id(number), &POLICY, story.now)
}

fn by_itself(category: egide_domain::vocabulary::DataCategory, code: ReasonCode) -> HeldBack {
    HeldBack { category, by: HeldBy::Itself(code) }
}

#[test]
fn nothing_holds_a_plain_consent_back() {
    assert_eq!(held(&Story::with_people().consents(plain(1)), 1), []);
    assert_eq!(held(&Story::with_people(), 1), []);
}

#[test]
fn an_older_denial_holds_back_until_it_is_superseded() {
    let story = Story::with_people().refuses(1, VICTIM, shelter().scope(), &[Contact]).consents(plain(2));
    assert_eq!(held(&story, 2), [HeldBack { category: Contact, by: HeldBy::Denial(consent_id(1)) }]);
    let story = story.consents(plain(3).superseding(&[1]));
    assert_eq!(held(&story, 3), []);
}

#[test]
fn a_record_that_names_itself_is_held_back_by_what_it_denies() {
    let itself = plain(1).denying(&[Contact]).superseding(&[1]);
    let denial = HeldBack { category: Contact, by: HeldBy::Denial(consent_id(1)) };
    assert_eq!(held(&Story::with_people().consents(itself), 1), [denial]);
}

#[test]
fn a_newer_denial_holds_back_too_and_one_to_somebody_else_does_not() {
    let story = Story::with_people().consents(plain(1));
    assert_eq!(held(&story.clone().refuses(2, VICTIM, RecipientScope::Anyone, &[]), 1).len(), 1);
    assert_eq!(held(&story.clone().refuses(2, VICTIM, police().scope(), &[]), 1), []);
    assert_eq!(held(&story.refuses(2, CALLER, shelter().scope(), &[]), 1), []);
}

#[test]
fn what_is_said_to_a_class_is_held_back_by_what_was_said_to_it_where_they_meet() {
    let to = |regions: &[Jurisdiction]| {
        RecipientScope::KindInRegion(RecipientKind::SupportService, regions.iter().copied().collect())
    };
    let story = |denied| {
        let wish = ConsentGiven { recipient: Some(to(&[Jurisdiction::On, Jurisdiction::Qc])), ..plain(2) };
        Story::with_people().refuses(1, VICTIM, denied, &[]).consents(wish)
    };
    assert_eq!(held(&story(to(&[Jurisdiction::Bc])), 2), []);
    assert_eq!(held(&story(to(&[Jurisdiction::Qc])), 2).len(), 1);
    assert_eq!(held(&story(RecipientScope::Kind(RecipientKind::InvestigatingAgency)), 2), []);
    assert_eq!(held(&story(shelter().scope()), 2).len(), 1, "which units these are stands in the directory");
}

#[test]
fn what_is_said_to_a_kind_is_held_back_by_what_was_said_to_that_kind() {
    let kind = RecipientScope::Kind;
    let story = |denied| {
        let wish = ConsentGiven { recipient: Some(kind(RecipientKind::SupportService)), ..plain(2) };
        Story::with_people().refuses(1, VICTIM, denied, &[]).consents(wish)
    };
    assert_eq!(held(&story(kind(RecipientKind::SupportService)), 2).len(), 1);
    assert_eq!(held(&story(kind(RecipientKind::InvestigatingAgency)), 2), []);
}

#[test]
fn what_is_said_to_an_organisation_is_held_back_by_what_was_said_to_that_one() {
    let to = |unit: &Unit| RecipientScope::Organization(unit.organization_id());
    let story = |denied| {
        let wish = ConsentGiven { recipient: Some(to(&shelter())), ..plain(2) };
        Story::with_people().refuses(1, VICTIM, denied, &[]).consents(wish)
    };
    assert_eq!(held(&story(to(&shelter())), 2).len(), 1);
    assert_eq!(held(&story(to(&police())), 2), []);
}

#[test]
fn a_young_persons_own_word_is_held_back_unless_a_row_speaks_of_the_kind() {
    let held_to = |kind| {
        let capacity = Some(egide_domain::vocabulary::ConsentCapacity::MatureMinor);
        let wish = ConsentGiven { recipient: Some(RecipientScope::Kind(kind)), capacity, ..plain(1) };
        held(&Story::with_people().age(VICTIM, AgeBand::From16To17).consents(wish), 1)
    };
    assert_eq!(held_to(RecipientKind::SupportService), []);
    assert_eq!(held_to(RecipientKind::ForeignHotline), [by_itself(Contact, ReasonCode::ConsentMinorAlone)]);
}

#[test]
fn a_denial_for_another_purpose_holds_nothing_back() {
    let denial = consent(1, VICTIM, shelter().scope(), Purpose::Investigation).denying(&[Contact]);
    assert_eq!(held(&Story::with_people().consents(denial).consents(plain(2)), 2), []);
}

#[test]
fn what_others_deny_about_suspects_holds_back() {
    let wish = consent(2, VICTIM, police().scope(), Purpose::Investigation).permitting(&[Suspects, Contact]);
    let story = Story::with_people().refuses(1, CALLER, police().scope(), &[Suspects, Contact]).consents(wish);
    assert_eq!(held(&story, 2), [HeldBack { category: Suspects, by: HeldBy::Denial(consent_id(1)) }]);
}

#[test]
fn what_keeps_a_consent_from_counting_is_told() {
    let story = Story::with_people();
    for (wish, code) in [
        (ConsentGiven { speaking_freely: None, ..plain(1) }, ReasonCode::ConsentNotFree),
        (ConsentGiven { understood: Some(Answer::No), ..plain(1) }, ReasonCode::ConsentNotUnderstood),
        (ConsentGiven { not_before: Some(after(HOUR)), ..plain(1) }, ReasonCode::ConsentNotYet),
        (ConsentGiven { grantor: Some(GrantorKind::Representative), ..plain(1) }, ReasonCode::RepresentativeUnverified),
        (wish(1, ConsentCondition::OnlyWhenUrgent), ReasonCode::ConsentCondition),
        (ConsentGiven { age_at_grant: Some(AgeBand::Minor), ..plain(1) }, ReasonCode::ConsentMinorAlone),
        (ConsentGiven { recipient: Some(RecipientScope::Anyone), ..plain(1) }, ReasonCode::ConsentOtherRecipient),
    ] {
        assert_eq!(held(&story.clone().consents(wish), 1), [by_itself(Contact, code)]);
    }
}

#[test]
fn what_was_taken_back_is_told() {
    let story = Story::with_people().consents(plain(1).permitting(&[Contact, Situation]));
    let story = story.withdraws(Some(1), Some(VICTIM), &[Situation]);
    assert_eq!(held(&story, 1), [by_itself(Situation, ReasonCode::ConsentWithdrawn)]);
}

#[test]
fn of_a_young_bringers_report_consent_only_what_is_about_them_is_held_back() {
    let report = ConsentGiven { permitted: [Situation].into(), about_bringer: [Contact].into(), ..report_consent(1) };
    let story = Story::with_tip(Channel::Phone).age(CALLER, AgeBand::From16To17).consents(report);
    assert_eq!(held(&story, 1), [by_itself(Contact, ReasonCode::ConsentMinorAlone)]);
}
