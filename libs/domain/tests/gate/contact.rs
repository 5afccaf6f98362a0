//! Whether somebody may be contacted now: their own instructions, and the clock where they are.

use crate::story::*;
use egide_domain::event::{ContactCleared, ContactMade, ContactRecorded};
use egide_domain::ids::ContactId;
use egide_domain::vocabulary::{
    ApproachRule, ContactMeans, ContactOutcome, ContactPermission, Jurisdiction, PersonRole,
};
use egide_domain::{CaseEvent, Instructions, NotSafe, Set, Timestamp, Violation, ViolationReason, may_contact};

fn said(story: Story, permission: Option<ContactPermission>, rules: &[ApproachRule]) -> Story {
    let rules = rules.iter().copied().collect();
    story.and(CaseEvent::ContactRecorded(ContactRecorded { subject_id: VICTIM, permission, rules }))
}

fn under(rules: &[ApproachRule]) -> Story {
    said(Story::with_people(), Some(ContactPermission::UnderRules), rules)
}

fn may(story: &Story, means: ContactMeans) -> Result<Instructions, NotSafe> {
    may_contact(story.facts.person(VICTIM).unwrap(), &story.facts, means, story.now, &POLICY)
}

#[test]
fn without_an_instruction_nobody_is_contacted() {
    for means in ContactMeans::ALL {
        assert_eq!(may(&Story::with_people(), *means), Err(NotSafe::NoInstruction));
        let no = said(Story::with_people(), Some(ContactPermission::DoNotContact), &[]);
        assert_eq!(may(&no, *means), Err(NotSafe::DoNotContact));
        let yes = said(Story::with_people(), Some(ContactPermission::MayContact), &[]);
        assert_eq!(may(&yes, *means), Ok(Instructions { rules: Set::EMPTY }));
    }
}

#[test]
fn rules_forbid_means() {
    use ContactMeans::{Call, Email, InPerson, Letter, TextMessage, VoiceMail};
    let forbidden = |rule| {
        let story = under(&[rule]);
        ContactMeans::ALL.iter().copied().filter(|means| may(&story, *means) == Err(NotSafe::Means)).collect::<Vec<_>>()
    };
    assert_eq!(forbidden(ApproachRule::NoVoiceMail), [VoiceMail]);
    assert_eq!(forbidden(ApproachRule::NoTextMessage), [TextMessage]);
    assert_eq!(forbidden(ApproachRule::PhoneIsWatched), [Call, VoiceMail, TextMessage]);
    assert_eq!(forbidden(ApproachRule::NoUniform), []);
    assert_eq!(may(&under(&[ApproachRule::SpeakAlone]), InPerson).unwrap().rules, Set::only(ApproachRule::SpeakAlone));
    assert!(may(&under(&[ApproachRule::PhoneIsWatched]), Email).is_ok());
    assert!(may(&under(&[ApproachRule::PhoneIsWatched]), Letter).is_ok());
}

#[test]
fn the_newest_permission_gives_the_rules_and_later_rules_come_to_them() {
    let story = said(under(&[ApproachRule::NoVoiceMail]), Some(ContactPermission::MayContact), &[]);
    assert!(may(&story, ContactMeans::VoiceMail).is_ok());
    let story = said(story, None, &[ApproachRule::NoTextMessage]);
    assert_eq!(may(&story, ContactMeans::TextMessage), Err(NotSafe::Means));
}

/// Whether a call is allowed to somebody there under this rule, at an instant (2026, UTC).
fn at(place: Option<Jurisdiction>, rule: ApproachRule, date: &str, hour: i64, minute: i64) -> bool {
    let mut story = Story::opened_in(place).person(VICTIM, &[PersonRole::PotentialVictim]);
    story = said(story, Some(ContactPermission::UnderRules), &[rule]);
    let midnight = Timestamp::from_date(date).unwrap();
    story.now = Timestamp(midnight.0 + hour * HOUR + minute * HOUR / 60);
    may(&story, ContactMeans::Call).is_ok()
}

fn daytime(place: Jurisdiction, date: &str, hour: i64, minute: i64) -> bool {
    at(Some(place), ApproachRule::DaytimeOnly, date, hour, minute)
}

#[test]
fn daytime_is_from_eight_to_six_where_the_person_is() {
    // Winnipeg in winter is six hours behind UTC.
    assert!(!daytime(Jurisdiction::Mb, "2026-01-15", 13, 59));
    assert!(daytime(Jurisdiction::Mb, "2026-01-15", 14, 0));
    assert!(daytime(Jurisdiction::Mb, "2026-01-15", 23, 59));
    assert!(!daytime(Jurisdiction::Mb, "2026-01-16", 0, 0));
}

#[test]
fn clocks_are_put_forward_in_march() {
    // On 8 March 2026 Manitoba goes from six hours behind to five.
    assert!(!daytime(Jurisdiction::Mb, "2026-03-07", 13, 30));
    assert!(daytime(Jurisdiction::Mb, "2026-03-08", 13, 30));
    assert!(!daytime(Jurisdiction::Mb, "2026-03-08", 23, 30));
}

#[test]
fn newfoundland_is_half_an_hour_off_and_labrador_mostly_not() {
    // St. John's is three and a half hours behind in winter, Happy Valley-Goose Bay four: both clocks count.
    assert!(!daytime(Jurisdiction::Nl, "2026-01-15", 11, 45));
    assert!(daytime(Jurisdiction::Nl, "2026-01-15", 12, 0));
    assert!(daytime(Jurisdiction::Nl, "2026-01-15", 21, 29));
    assert!(!daytime(Jurisdiction::Nl, "2026-01-15", 21, 30));
}

#[test]
fn saskatchewan_keeps_its_clock_in_summer() {
    // Regina is six hours behind all year; Lloydminster goes with Alberta, seven behind in winter.
    assert!(daytime(Jurisdiction::Sk, "2026-07-15", 14, 0));
    assert!(!daytime(Jurisdiction::Sk, "2026-07-15", 13, 59));
    assert!(!daytime(Jurisdiction::Sk, "2026-07-16", 0, 0));
    assert!(!daytime(Jurisdiction::Sk, "2026-01-15", 14, 0));
    assert!(daytime(Jurisdiction::Sk, "2026-01-15", 15, 0));
    assert!(!daytime(Jurisdiction::Sk, "2026-01-16", 0, 0));
}

#[test]
fn a_province_with_two_zones_has_the_hours_of_both() {
    // Ontario in winter: Toronto five hours behind, Kenora six.
    assert!(!daytime(Jurisdiction::On, "2026-01-15", 13, 0), "eight in Toronto, seven in Kenora");
    assert!(daytime(Jurisdiction::On, "2026-01-15", 14, 0));
    assert!(daytime(Jurisdiction::On, "2026-01-15", 22, 59));
    assert!(!daytime(Jurisdiction::On, "2026-01-15", 23, 0), "six in Toronto");
}

#[test]
fn where_nobody_knows_the_place_every_clock_of_canada_counts() {
    let somewhere = |hour| at(None, ApproachRule::DaytimeOnly, "2026-01-15", hour, 0);
    assert!(!somewhere(15), "seven in Vancouver");
    assert!(somewhere(18), "half past two in St. John's, ten in Vancouver");
    assert!(!somewhere(22), "half past six in St. John's");
    assert!((0..24).all(|hour| !at(None, ApproachRule::After21Only, "2026-01-15", hour, 0)));
}

#[test]
fn the_evening_is_that_of_the_tables() {
    let evening = |hour| at(Some(Jurisdiction::Mb), ApproachRule::After21Only, "2026-01-15", hour, 0);
    assert!(!evening(2), "eight in the evening");
    assert!(evening(3) && evening(4));
    assert!(!evening(5), "eleven: nobody is called at night");
}

#[test]
fn abroad_nobody_knows_whose_clock_counts() {
    let story = said(
        Story::with_people().seen_in(VICTIM, Jurisdiction::Abroad),
        Some(ContactPermission::UnderRules),
        &[ApproachRule::DaytimeOnly],
    );
    assert_eq!(may(&story, ContactMeans::Call), Err(NotSafe::Abroad));
    let story = said(story, Some(ContactPermission::UnderRules), &[ApproachRule::SpeakAlone]);
    assert!(may(&story, ContactMeans::Call).is_ok());
}

#[test]
fn day_and_night_together_leave_no_hour() {
    for hour in 0..24 {
        let mut story = under(&[ApproachRule::DaytimeOnly, ApproachRule::After21Only]);
        story.now = after(hour * HOUR);
        assert_eq!(may(&story, ContactMeans::Call), Err(NotSafe::Hours));
    }
}

#[test]
fn only_a_safe_contact_is_cleared_and_what_happened_is_recorded_all_the_same() {
    let cleared =
        |means| CaseEvent::ContactCleared(ContactCleared { contact_id: ContactId([1; 16]), subject_id: VICTIM, means });
    let story = under(&[ApproachRule::PhoneIsWatched]);
    assert_eq!(story.admits(&responder(), &cleared(ContactMeans::Email)), Ok(()));
    let unsafe_call = vec![Violation { field: "means", reason: ViolationReason::ContactNotSafe }];
    assert_eq!(story.admits(&responder(), &cleared(ContactMeans::Call)), Err(unsafe_call));
    let made = CaseEvent::ContactMade(ContactMade {
        contact_id: ContactId([2; 16]),
        subject_id: VICTIM,
        means: ContactMeans::Call,
        outcome: ContactOutcome::NotReached,
    });
    assert_eq!(story.admits(&responder(), &made), Ok(()));
}

/// Creighton in Saskatchewan keeps Manitoba's time: in summer it is an hour later there than in Regina.
#[test]
fn saskatchewan_has_the_clocks_of_both_its_neighbours() {
    let evening = |hour| at(Some(Jurisdiction::Sk), ApproachRule::After21Only, "2026-07-02", hour, 0);
    // 21:00 in Regina and Lloydminster, 22:00 in Creighton.
    assert!(evening(3));
    assert!(!evening(2), "20:00 in Regina");
    assert!(!evening(4), "23:00 in Creighton");
}
