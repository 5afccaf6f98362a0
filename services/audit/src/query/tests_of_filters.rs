//! Filters and words as stories: what each finds, and that none looks further than it may.

use egide_domain::vocabulary::{BasisKind, DataCategory as Category, ExceptionKind, Outcome};
use egide_wire::proto::egide::audit::v1::DisclosureFilter;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    ApprovalOutcome, DeliveryChannel, ExceptionConfirmed, ObligationKind, ObligationState, Reason, ReasonCode,
    ReferralDelivered, RejectionReason, WishesRecorded,
};

use super::filter::{Criterion, Filter};
use super::history;
use crate::model::postings::STRETCH;
use crate::story::{
    Story, Told, approval_answered, approval_asked, asserted, bound_to, case, delivery, disclosure, noted,
    on_exception, permit, person, referral, refusal, release, said_outside, under, unit,
};

fn found(story: &Story, filter: &Filter) -> Vec<u64> {
    let page = history::list(&story.history.view(), filter, None, 50).unwrap();
    page.disclosures.iter().map(|disclosure| disclosure.position).collect()
}

fn by(story: &Story, criteria: &[Criterion]) -> Vec<u64> {
    found(story, &Filter { criteria: criteria.to_vec(), ..Filter::default() })
}

fn said(story: &Story, text: &str) -> Vec<u64> {
    let filter = DisclosureFilter { text: text.to_owned(), ..DisclosureFilter::default() };
    found(story, &Filter::read(&filter).unwrap())
}

fn overdue(story: &Story) -> Vec<u64> {
    by(story, &[Criterion::Overdue])
}

#[test]
fn what_rests_on_an_exception_is_found_by_its_kind_and_by_broken_glass() {
    let mut story = Story::of_one_case();
    story.happens(1, asserted(1, true));
    story.happens(1, asserted(2, false));
    let broken = story.decides(1, on_exception(permit(1, 1, &[person(1)]), 1));
    let whole = story.decides(1, on_exception(permit(2, 1, &[person(1)]), 2));
    story.decides(1, permit(3, 1, &[person(1)]));
    assert_eq!(by(&story, &[Criterion::BrokenGlass]), [broken]);
    assert_eq!(by(&story, &[Criterion::Exception(ExceptionKind::ImminentDanger)]), [whole, broken]);
    assert_eq!(by(&story, &[Criterion::Exception(ExceptionKind::Minor)]), Vec::<u64>::new());
    assert_eq!(by(&story, &[Criterion::Basis(BasisKind::Exception), Criterion::BrokenGlass]), [broken]);
    // The instrument stands in the exception, not in the decision.
    assert_eq!(said(&story, "production order"), [whole, broken]);
}

#[test]
fn an_approval_is_found_by_who_answered_it_on_what_asked_for_it_and_on_what_it_let_go() {
    let mut story = Story::of_one_case();
    let asked = story.decides(1, refusal(1, 1, &[person(1)]));
    story.happens(1, approval_asked(1, 1));
    let granted = approval_answered(1, ApprovalOutcome::Granted, RejectionReason::Unspecified);
    story.tell(Told::in_case(1, granted).by("sam.lavoie"));
    let used = story.decides(1, under(permit(2, 1, &[person(1)]), 1));
    let rejected = approval_answered(1, ApprovalOutcome::Rejected, RejectionReason::NotSafe);
    story.tell(Told::in_case(1, rejected).by("noor.haddad"));
    let approver = |who: &str| by(&story, &[Criterion::Approver(who.to_owned())]);
    assert_eq!(approver("sam.lavoie"), [asked]);
    assert_eq!(approver("noor.haddad"), [used, asked]);
    assert_eq!(approver("amelie.roy"), Vec::<u64>::new());
    assert_eq!(said(&story, "foreign-hotline"), [asked]);
}

#[test]
fn categories_are_those_let_through_and_those_said_outside() {
    let mut story = Story::of_one_case();
    let permitted = story.decides(1, permit(1, 1, &[person(1)]));
    story.decides(1, refusal(2, 1, &[person(1)]));
    let outside = story.happens(1, Payload::DisclosedOutsideSystem(said_outside(3, 1, &[person(1)])));
    assert_eq!(by(&story, &[Criterion::Category(Category::Identity)]), [permitted]);
    assert_eq!(
        by(&story, &[Criterion::Category(Category::Identity), Criterion::Category(Category::Situation)]),
        [permitted]
    );
    assert_eq!(by(&story, &[Criterion::Category(Category::Whereabouts)]), [outside]);
}

#[test]
fn what_is_overdue_is_found_until_it_is_met_deferred_or_impossible() {
    let mut story = Story::of_one_case();
    let at = story.decides(1, bound_to(permit(1, 1, &[person(1)]), ObligationKind::InformPerson));
    for ending in [ObligationState::Met, ObligationState::Deferred, ObligationState::Impossible] {
        story.happens(1, noted(1, ObligationKind::InformPerson, ObligationState::Due));
        assert_eq!(overdue(&story), Vec::<u64>::new());
        story.happens(1, noted(1, ObligationKind::InformPerson, ObligationState::Overdue));
        story.happens(1, noted(1, ObligationKind::EnterInRegister, ObligationState::Met));
        assert_eq!(overdue(&story), [at]);
        story.happens(1, noted(1, ObligationKind::InformPerson, ending));
        assert_eq!(overdue(&story), Vec::<u64>::new());
    }
}

#[test]
fn what_meets_an_overdue_obligation_by_itself_ends_it() {
    let mut story = Story::of_one_case();
    story.happens(1, asserted(1, true));
    let at = story.decides(1, on_exception(permit(1, 1, &[person(1)]), 1));
    story.releases(1, release(1, 1, &[person(1)]));
    story.happens(1, noted(1, ObligationKind::PhoneRecipient, ObligationState::Overdue));
    story.happens(1, delivery(1));
    assert_eq!(overdue(&story), [at], "the portal is no telephone");
    let channel = DeliveryChannel::Voice.into();
    let spoken = ReferralDelivered { referral_id: referral(1), channel, ..ReferralDelivered::default() };
    story.happens(1, Payload::ReferralDelivered(spoken));
    assert_eq!(overdue(&story), Vec::<u64>::new());

    story.happens(1, noted(1, ObligationKind::ReviewBreakGlass, ObligationState::Overdue));
    story.happens(1, noted(1, ObligationKind::RecordWishes, ObligationState::Overdue));
    let exception_id = crate::story::exception(1);
    story.happens(1, Payload::ExceptionConfirmed(ExceptionConfirmed { exception_id }));
    assert_eq!(overdue(&story), [at], "her wishes are still not recorded");
    let wishes = WishesRecorded { subject_id: person(1).to_string(), ..WishesRecorded::default() };
    story.happens(1, Payload::WishesRecorded(wishes));
    assert_eq!(overdue(&story), Vec::<u64>::new());
    assert_eq!(story.rows(), story.rows_rebuilt());
}

#[test]
fn words_are_found_in_labels_of_both_languages_and_in_names_and_all_must_fit() {
    let mut story = Story::of_one_case();
    story.tell(Told::unit_registered(1));
    let permitted = story.decides(1, permit(1, 1, &[person(1)]));
    let mut refused = refusal(2, 2, &[person(1)]);
    let reference = "ON-CYFSA-125".to_owned();
    refused.reasons.push(Reason { code: ReasonCode::ConsentWithdrawn.into(), reference, ..Reason::default() });
    let refused = story.decides(1, refused);
    for text in ["withdrawn", "retiré", "RETIRE", "consent withdraw", "cyfsa", "on-cyfsa-125"] {
        assert_eq!(said(&story, text), [refused], "{text}");
    }
    for text in ["harbour", "îles", "Section iles", "harbour identity"] {
        assert_eq!(said(&story, text), [permitted], "{text}");
    }
    assert_eq!(said(&story, "investigation"), [refused, permitted]);
    for text in ["harbour withdrawn", "amelie", "cyf", "xylophone"] {
        assert_eq!(said(&story, text), Vec::<u64>::new(), "{text}");
    }
    let filter = DisclosureFilter { text: "situation".to_owned(), unit_id: unit(1).to_string(), ..Default::default() };
    assert_eq!(found(&story, &Filter::read(&filter).unwrap()), [permitted]);
}

#[test]
fn an_id_of_decision_referral_or_delivery_leads_to_the_disclosure_for_ever() {
    let mut story = Story::of_one_case();
    story.open_case(2, &[person(1)]);
    let other = story.decides(2, permit(1, 1, &[person(1)]));
    let at = story.decides(1, permit(1, 1, &[person(1)]));
    story.releases(1, release(1, 1, &[person(1)]));
    let delivered = disclosure(77);
    let (delivery_id, referral_id) = (delivered.to_string(), referral(1));
    let event = ReferralDelivered { delivery_id, referral_id, ..ReferralDelivered::default() };
    story.happens(1, Payload::ReferralDelivered(event));
    let get = |id: [u8; 16], in_case: Option<u16>| {
        let found = history::get(&story.history.view(), id, in_case.map(case)).unwrap();
        found.map(|disclosure| disclosure.position)
    };
    let referral_id: egide_domain::ids::ReferralId = referral(1).parse().unwrap();
    assert_eq!(get(*referral_id.as_bytes(), None), Some(at));
    assert_eq!(get(delivered.0, None), Some(at));
    assert_eq!(get(disclosure(1).0, None), Some(other), "the first");
    assert_eq!(get(disclosure(1).0, Some(1)), Some(at));
    assert_eq!(get(disclosure(1).0, Some(3)), None);
}

#[test]
fn a_search_that_finds_nothing_looks_at_few_rows_and_says_how_far_it_came() {
    let mut story = Story::of_one_case();
    let mut told = Vec::new();
    // Over three stretches, refusals to one unit and permits to another: never both.
    for number in 0..u16::try_from(STRETCH * 5 / 2).unwrap() {
        let decided = if number % 2 == 0 { refusal(number, 1, &[]) } else { permit(number, 2, &[]) };
        told.push(Told::in_case(1, Payload::DisclosureDecided(decided)));
        if told.len() == 500 {
            story.tell_all(std::mem::take(&mut told));
        }
    }
    let criteria = vec![Criterion::Unit(unit(1)), Criterion::Outcome(Outcome::Permit)];
    let filter = Filter { criteria, ..Filter::default() };
    let page = history::list(&story.history.view(), &filter, None, 50).unwrap();
    assert!(page.disclosures.is_empty() && page.next.is_none());
    assert_eq!((page.searched_down_to, page.rows), (0, 6), "two criteria in three stretches");

    // With fewer rows allowed it ends early, says where, and goes on from there.
    let part = |below| history::list_within(&story.history.view(), &filter, below, 50, 3).unwrap();
    let (mut below, mut parts) = (None, 0);
    loop {
        let page = part(below);
        assert!(page.disclosures.is_empty() && page.rows <= 4);
        parts += 1;
        let Some(next) = page.next else { break };
        assert!(below.is_none_or(|below| next < below));
        assert_eq!(page.searched_down_to, next);
        below = Some(next);
    }
    assert!(parts > 1);
}
