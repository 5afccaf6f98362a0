//! Who may receive what (hotline policy, rows 13, 16, 18, 19 and 20).

use crate::story::*;
use egide_domain::decide;
use egide_domain::directory::{
    AgreementRecorded, DirectoryEvent, RecipientReinstated, RecipientSuspended, UnitRegistered, admit_directory,
};
use egide_domain::event::RecipientScope;
use egide_domain::ids::{OrganizationId, UnitId};
use egide_domain::vocabulary::{
    DataCategory, DataCategory::*, Jurisdiction, MaskLevel, PersonRole, Purpose, Purpose::*, ReasonCode, Role,
};
use egide_domain::{Categories, Violation, ViolationReason};

fn to_police_organisation() -> RecipientScope {
    RecipientScope::Organization(police().organization_id())
}

#[test]
fn a_recipient_that_is_not_in_the_directory_gets_nothing() {
    let story = Story::with_people();
    let question = ask(&shelter(), SupportService, &[Contact]);
    let decision = decide(&story.facts, &question.request, None, &POLICY, story.now);
    Then(decision).denies(ReasonCode::RecipientUnknown);
    let other = police().recipient();
    let decision = decide(&story.facts, &question.request, Some(&other), &POLICY, story.now);
    Then(decision).denies(ReasonCode::RecipientUnknown);
}

#[test]
fn a_unit_of_no_kind_gets_nothing() {
    let mut unit = shelter();
    unit.unit.kind = None;
    Story::with_people().when(&ask(&unit, SupportService, &[Contact])).denies(ReasonCode::RecipientUnknown);
}

#[test]
fn a_coordinators_support_referral_stays_with_the_coordinator() {
    let told = consent(1, VICTIM, coordinator().scope(), SupportService).permitting(&[Contact]);
    let story = Story::with_people().consents(told);
    let asked = ask(&coordinator(), SupportService, &[Contact]);
    story.when(&asked).permits(&[(VICTIM, Contact)]);
    let investigators = ask(&police(), Investigation, &[Contact]);
    story.when(&investigators).denies(ReasonCode::ConsentOtherRecipient);
    story.when(&ask(&police(), SupportService, &[Contact])).denies(ReasonCode::PurposeNotOfUnit);
    story.when(&ask(&coordinator(), Investigation, &[Contact])).denies(ReasonCode::PurposeNotOfUnit);
}

#[test]
fn a_consent_to_the_organisation_reaches_each_unit_within_its_own_purposes() {
    let mut told = consent(1, VICTIM, to_police_organisation(), SupportService).permitting(&[Contact, Situation]);
    let story = Story::with_people().consents(told.clone());
    story.when(&ask(&coordinator(), SupportService, &[Contact])).permits(&[(VICTIM, Contact)]);
    story.when(&ask(&police(), Investigation, &[Contact])).denies(ReasonCode::ConsentOtherPurpose);
    told.purposes = [SupportService, Investigation].into();
    let story = Story::with_people().consents(told);
    story.when(&ask(&police(), Investigation, &[Contact])).permits(&[(VICTIM, Contact)]);
    story.when(&ask(&coordinator(), Investigation, &[Contact])).denies(ReasonCode::PurposeNotOfUnit);
}

#[test]
fn a_refusal_to_police_reaches_a_coordinator_inside_the_police() {
    use egide_domain::vocabulary::RecipientKind::InvestigatingAgency;
    let told = consent(1, VICTIM, coordinator().scope(), SupportService).permitting(&[Contact]);
    let story = Story::with_people().consents(told).refuses(2, VICTIM, RecipientScope::Kind(InvestigatingAgency), &[]);
    story.when(&ask(&coordinator(), SupportService, &[Contact])).denies(ReasonCode::ConsentDenies);
}

#[test]
fn who_may_only_receive_anonymous_content_gets_facts_of_the_situation_whatever_the_consent() {
    for unit in [tip_line(), police().anonymous_only()] {
        let mut told = consent(1, VICTIM, unit.scope(), Investigation);
        told.permitted = Categories::all();
        let story = Story::with_people().consents(told);
        let then = story.when(&ask(&unit, Investigation, &[Identity, Contact, Whereabouts, Situation, Suspects]));
        then.permits_up_to(&[(VICTIM, Situation, MaskLevel::FactsOnly), (SUSPECT, Suspects, MaskLevel::FactsOnly)]);
        then.says(ReasonCode::AnonymousOnly);
    }
}

#[test]
fn an_agreement_bounds_purposes_categories_and_time() {
    let told = consent(1, VICTIM, shelter().scope(), SupportService).permitting(&[Contact, Identity]);
    let story = Story::with_people().consents(told);
    let of = |unit: Unit| ask(&unit, SupportService, &[Contact, Identity]);
    story.when(&of(shelter().without_agreement())).denies(ReasonCode::NoAgreement);
    let other_purpose = shelter().agreed(|agreement| agreement.purposes = [Investigation].into());
    story.when(&of(other_purpose)).denies(ReasonCode::NoAgreement);
    let narrow = shelter().agreed(|agreement| agreement.categories = [Contact].into());
    story.when(&of(narrow)).permits(&[(VICTIM, Contact)]).says(ReasonCode::CategoryNotInAgreement);
    let ends = shelter().agreed(|agreement| agreement.valid_until = Some(after(HOUR)));
    story.clone().wait(HOUR - 1).when(&of(ends.clone())).permits(&[(VICTIM, Contact), (VICTIM, Identity)]);
    story.clone().wait(HOUR).when(&of(ends)).denies(ReasonCode::NoAgreement);
    let begins = shelter().agreed(|agreement| agreement.valid_from = Some(after(HOUR)));
    story.clone().wait(HOUR - 1).when(&of(begins.clone())).denies(ReasonCode::NoAgreement);
    story.wait(HOUR).when(&of(begins)).permits(&[(VICTIM, Contact), (VICTIM, Identity)]);
}

#[test]
fn an_agreement_with_a_sibling_unit_is_none() {
    let told = consent(1, VICTIM, shelter().scope(), SupportService).permitting(&[Contact]);
    let sibling = shelter().agreed(|agreement| agreement.unit_id = Some(UnitId([41; 16])));
    let story = Story::with_people().consents(told);
    story.when(&ask(&sibling, SupportService, &[Contact])).denies(ReasonCode::NoAgreement);
}

#[test]
fn a_suspension_of_the_organisation_stops_all_its_units_until_it_is_ended() {
    let shelter = shelter();
    let base = vec![
        DirectoryEvent::OrganizationRegistered(shelter.organization.clone()),
        DirectoryEvent::UnitRegistered(shelter.unit.clone()),
    ];
    let organization_id = shelter.organization_id();
    let suspension = RecipientSuspended { organization_id, unit_id: None, reason: None };
    let end = RecipientReinstated { organization_id, unit_id: None };
    let mut events = base;
    events.push(DirectoryEvent::RecipientSuspended(suspension));
    assert!(directory(events.clone()).recipient(shelter.id()).unwrap().suspended);
    events.push(DirectoryEvent::RecipientReinstated(end));
    assert!(!directory(events.clone()).recipient(shelter.id()).unwrap().suspended);
    let unknown = RecipientSuspended { organization_id, unit_id: Some(UnitId([9; 16])), reason: None };
    events.push(DirectoryEvent::RecipientSuspended(unknown));
    assert!(directory(events).recipient(shelter.id()).unwrap().suspended, "a suspension is never lost");
}

#[test]
fn an_unreadable_directory_event_stops_the_organisation() {
    let shelter = shelter();
    let events = vec![
        DirectoryEvent::OrganizationRegistered(shelter.organization.clone()),
        DirectoryEvent::UnitRegistered(shelter.unit.clone()),
        DirectoryEvent::Unreadable,
    ];
    let recipient = directory(events).recipient(shelter.id()).unwrap();
    let story = Story::with_people();
    let question = ask(&shelter, SupportService, &[Contact]);
    let decision = decide(&story.facts, &question.request, Some(&recipient), &POLICY, story.now);
    Then(decision).denies(ReasonCode::RecordUnreadable);
}

#[test]
fn jurisdiction_is_the_units_own_and_national_ends_at_the_border() {
    let recipient = police().recipient();
    assert!(recipient.has_jurisdiction([Jurisdiction::On].into()));
    assert!(!recipient.has_jurisdiction([Jurisdiction::Qc].into()));
    assert!(!recipient.has_jurisdiction(egide_domain::Jurisdictions::EMPTY));
    let national = police().national().recipient();
    assert!(national.has_jurisdiction([Jurisdiction::Qc].into()));
    assert!(national.has_jurisdiction(egide_domain::Jurisdictions::EMPTY));
    assert!(!national.has_jurisdiction([Jurisdiction::Abroad].into()));
}

#[test]
fn a_supplementary_referral_goes_to_who_holds_the_first() {
    let scope = to_police_organisation();
    let told = consent(1, VICTIM, scope, Investigation).permitting(&[Situation]);
    let first = ask(&police(), Investigation, &[Situation]);
    let story = Story::with_people().consents(told);
    story.when(&first.clone().adding_to(1)).denies(ReasonCode::SupplementaryUnknown);
    let story = story.releases(1, &first);
    story.when(&first.clone().adding_to(1)).permits(&[(VICTIM, Situation)]);
    let mut other = police();
    other.unit.unit_id = UnitId([12; 16]);
    let elsewhere = ask(&other, Investigation, &[Situation]).adding_to(1);
    story.when(&elsewhere).denies(ReasonCode::SupplementaryOtherAgency);
    story.recalls(1).when(&first.adding_to(1)).denies(ReasonCode::SupplementaryUnknown);
}

#[test]
fn a_request_needs_categories_and_people_of_the_case() {
    let told = consent(1, VICTIM, shelter().scope(), SupportService).permitting(&[Contact]);
    let story = Story::with_people().consents(told);
    story.when(&ask(&shelter(), SupportService, &[])).denies(ReasonCode::CategoryNotReleasable);
    let stranger = ask(&shelter(), SupportService, &[Contact]).about(&[NOBODY]);
    story.when(&stranger).denies(ReasonCode::SubjectUnknown);
    Story::new().when(&ask(&shelter(), SupportService, &[Contact])).denies(ReasonCode::SubjectUnknown);
    let both = ask(&shelter(), SupportService, &[Contact]).about(&[NOBODY, VICTIM]);
    story.when(&both).permits(&[(VICTIM, Contact)]).says(ReasonCode::SubjectUnknown);
}

#[test]
fn a_closed_or_unknown_case_is_refused() {
    let told = consent(1, VICTIM, shelter().scope(), SupportService).permitting(&[Contact]);
    let question = ask(&shelter(), SupportService, &[Contact]);
    Story::with_people().consents(told).closes().when(&question).denies(ReasonCode::CaseClosed);
    Story::empty().when(&question).denies(ReasonCode::CaseUnknown);
    let headless = Story::empty().person(VICTIM, &[PersonRole::PotentialVictim]);
    headless.when(&question).denies(ReasonCode::CaseUnknown);
}

#[test]
fn the_directory_admits_what_fits_its_state() {
    let shelter = shelter();
    let specialist = staff("p.gauthier", Role::PartnershipSpecialist);
    let organization = DirectoryEvent::OrganizationRegistered(shelter.organization.clone());
    let unit = DirectoryEvent::UnitRegistered(shelter.unit.clone());
    let refused = |facts: &_, event: &_, actor: &_| -> Vec<(&'static str, ViolationReason)> {
        let violations = admit_directory(facts, event, actor, START).err().unwrap_or_default();
        violations.iter().map(|Violation { field, reason }| (*field, *reason)).collect()
    };
    let nothing = directory(Vec::new());
    assert_eq!(refused(&nothing, &organization, &specialist), []);
    assert_eq!(refused(&nothing, &organization, &service()), [("actor.person", ViolationReason::PersonRequired)]);
    let unknown = [("organization_id", ViolationReason::OrganizationUnknown)];
    assert_eq!(refused(&nothing, &unit, &specialist), unknown);
    let known = directory(vec![organization.clone()]);
    assert_eq!(refused(&known, &unit, &specialist), []);
    let mut other = shelter.organization.clone();
    other.organization_id = OrganizationId([200; 16]);
    let other = DirectoryEvent::OrganizationRegistered(other);
    assert_eq!(refused(&known, &other, &specialist), [("organization_id", ViolationReason::OtherOrganization)]);
    let mut agreement = shelter.agreement.clone().unwrap();
    agreement.unit_id = Some(UnitId([200; 16]));
    agreement.valid_until = Some(START);
    let wrong = [("unit_id", ViolationReason::UnitUnknown), ("valid_until", ViolationReason::EndsBeforeItBegins)];
    assert_eq!(refused(&known, &DirectoryEvent::AgreementRecorded(agreement), &specialist), wrong);
    let unreadable = [("", ViolationReason::Unreadable)];
    assert_eq!(refused(&known, &DirectoryEvent::Unreadable, &specialist), unreadable);
}

#[test]
fn what_is_registered_again_replaces_what_was() {
    let told = |events: Vec<DirectoryEvent>| directory(events).recipient(shelter().id()).unwrap();
    let base = shelter();
    let registered = DirectoryEvent::OrganizationRegistered(base.organization.clone());
    let unit = |purposes: &[Purpose]| {
        let purposes = purposes.iter().copied().collect();
        DirectoryEvent::UnitRegistered(UnitRegistered { purposes, ..base.unit.clone() })
    };
    let agreed = |categories: &[DataCategory]| {
        let categories = categories.iter().copied().collect();
        DirectoryEvent::AgreementRecorded(AgreementRecorded { categories, ..base.agreement.clone().unwrap() })
    };
    let recipient =
        told(vec![registered, unit(&[Investigation]), agreed(&[Health]), unit(&[SupportService]), agreed(&[Contact])]);
    assert_eq!(recipient.purposes, [SupportService].into());
    let agreed: Vec<Categories> = recipient.agreements.iter().map(|agreement| agreement.categories).collect();
    assert_eq!(agreed, [Categories::only(Contact)]);
}
