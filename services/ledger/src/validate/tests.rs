mod samples;

use super::*;
use crate::payload::describe;
use audit::{AccessRecorded, AccessScope};
use egide_crypto::digest::{Fingerprinter, sha256};
use egide_wire::classification::events as kinds;
use egide_wire::convert::policy_adopted;
use egide_wire::proto::egide::audit::v1 as audit;
use egide_wire::proto::egide::case::v1::case_event::Payload as Case;
use egide_wire::proto::egide::case::v1::consent_given::Expiry;
use egide_wire::proto::egide::case::v1::recipient_scope::Scope;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::directory::v1 as directory;
use egide_wire::proto::egide::directory::v1::directory_event::Payload as Directory;
use egide_wire::proto::egide::house::v1 as house_proto;
use egide_wire::proto::egide::house::v1::house_event::Payload as House;
use egide_wire::proto::egide::ledger::v1::StreamExpectation;
use proptest::prelude::*;
use std::collections::BTreeSet;

use samples::*;

#[test]
fn one_event_of_every_kind_is_accepted_with_no_more_than_it_needs() {
    let all = one_of_each();
    let seen: BTreeSet<_> = all.iter().map(|event| describe(event).unwrap().class.kind.clone()).collect();
    assert_eq!(seen, kinds().map(|(_, class)| class.kind.clone()).collect());
    for event in all {
        let kind = describe(&event).unwrap().class.kind.clone();
        assert_eq!(check(&request(vec![event])), [], "{kind}");
    }
}

#[test]
fn every_event_without_its_fields_is_refused_with_the_path_of_what_is_missing() {
    let nothing = case(Case::PersonIdentified(PersonIdentified::default()));
    let expected =
        ["events[0].case_event.person_identified.subject_id", "events[0].case_event.person_identified.roles"];
    assert_eq!(refused_of(nothing), expected);
    let nothing = case(Case::SituationRecorded(SituationRecorded { subject_id: ONE.into(), ..Default::default() }));
    assert_eq!(refused_of(nothing), ["events[0].case_event.situation_recorded"]);
}

#[test]
fn a_policy_is_adopted_whole_as_it_can_be_decided_under() {
    let path = |field: &str| vec![format!("events[0].house_event.policy_adopted.{field}")];
    let refused_of = |adopted: house_proto::PolicyAdopted| refused_of(in_house(House::PolicyAdopted(adopted)));
    assert!(refused_of(adopted()).is_empty());
    assert_eq!(refused_of(house_proto::PolicyAdopted { digest: vec![1; 32], ..adopted() }), path("digest"));
    assert_eq!(refused_of(house_proto::PolicyAdopted { version: "0".into(), ..adopted() }), path("version"));
    let mut without = adopted();
    without.files.remove(0);
    assert_eq!(refused_of(without), path("files"));
    let mut bad = adopted();
    bad.files[0].text = bad.files[0].text.replacen("\"decision_life_hours\": 72", "\"decision_life_hours\": 0", 1);
    let why = check(&request(vec![in_house(House::PolicyAdopted(bad))]));
    assert!(why[0].description.contains("`policy.json` line 5, column 28: `periods.decision_life_hours`"));
    let elsewhere = NewEvent { stream_id: ONE.into(), ..in_house(House::PolicyAdopted(adopted())) };
    assert_eq!(refused(&request(vec![elsewhere])), ["events[0].stream_id"]);
}

#[test]
fn a_consent_names_a_known_wording_and_its_digest() {
    let policy = LoadedPolicy::embedded().unwrap();
    let refused = |version: &str, digest: Vec<u8>| -> Vec<String> {
        let given = ConsentGiven { wording_version: version.into(), wording_digest: digest, ..consent() };
        let refused = wordings(&request(vec![case(Case::ConsentGiven(given))]), &policy).err().unwrap_or_default();
        refused.into_iter().map(|violation| violation.field).collect()
    };
    let path = |field: &str| vec![format!("events[0].case_event.consent_given.{field}")];
    let digest = |name: &str| policy.wording_digest(name).unwrap().as_bytes().to_vec();
    assert!(refused("spoken-en/3", digest("spoken-en/3")).is_empty());
    assert_eq!(refused("spoken-en/2", digest("spoken-en/3")), path("wording_version"));
    assert_eq!(refused("spoken-en/3", digest("spoken-fr/3")), path("wording_digest"));
    assert_eq!(refused("spoken-en/3", Vec::new()), path("wording_digest"));
    assert!(wordings(&request(vec![in_house(House::PolicyAdopted(adopted()))]), &policy).is_ok());
}

#[test]
fn an_erasure_says_whose_once_and_where_the_person_asked_how_that_is_known() {
    let path = |fields: &[&str]| -> Vec<String> {
        fields.iter().map(|field| format!("events[0].case_event.key_shredded.{field}")).collect()
    };
    let refused_of = |erasure: KeyShredded| refused_of(case(Case::KeyShredded(erasure)));
    let by_court = || KeyShredded { ground: ShredGround::CourtOrder.into(), proof: 0, speaking_freely: 0, ..erasure() };
    assert_eq!(refused_of(by_court()), path(&[]));
    let both = KeyShredded { narrative_id: TWO.into(), ..erasure() };
    assert_eq!(refused_of(both), path(&["narrative_id"]));
    let narrative = KeyShredded { scope: ShredScope::Narrative.into(), ..by_court() };
    assert_eq!(refused_of(narrative), path(&["subject_id", "narrative_id"]));
    let whole = KeyShredded { scope: ShredScope::Case.into(), subject_id: String::new(), ..by_court() };
    assert_eq!(refused_of(whole), path(&[]));
    let asked = KeyShredded { scope: ShredScope::Case.into(), subject_id: String::new(), ..erasure() };
    assert_eq!(refused_of(asked), path(&["scope"]));
    let pressed = KeyShredded { proof: 0, speaking_freely: Answer::Unknown.into(), ..erasure() };
    assert_eq!(refused_of(pressed), path(&["proof", "speaking_freely"]));
    let odd = KeyShredded { ground: ShredGround::Schedule.into(), ..erasure() };
    assert_eq!(refused_of(odd), path(&["proof", "speaking_freely"]));
}

#[test]
fn every_violation_is_reported_not_only_the_first() {
    let bad = AppendRequest {
        command_id: "x".into(),
        causation_id: "x".into(),
        expected: vec![StreamExpectation::default()],
        events: vec![
            NewEvent::default(),
            case(Case::TriageAssessed(TriageAssessed::default())),
            NewEvent { stream_id: String::new(), ..case(Case::CaseReopened(CaseReopened {})) },
        ],
        ..AppendRequest::default()
    };
    let expected = [
        "command_id",
        "causation_id",
        "expected[0].stream_id",
        "events[0]",
        "events[1].case_event.triage_assessed.level",
        "events[2].stream_id",
    ];
    assert_eq!(refused(&bad), expected);
}

#[test]
fn a_payload_is_exactly_one_kind() {
    let empty = event(Payload::CaseEvent(CaseEvent { payload: None }));
    assert_eq!(refused_of(empty), ["events[0].case_event"]);
}

#[test]
fn an_event_id_is_a_uuid_of_version_7_and_given_once() {
    let with_id = |id: &str| NewEvent { event_id: id.into(), ..case(Case::CaseReopened(CaseReopened {})) };
    assert_eq!(refused_of(with_id(ONE)), Vec::<String>::new());
    for id in ["x", "01900000-0000-4000-8000-000000000001", "01900000-0000-7000-c000-000000000001"] {
        assert_eq!(refused_of(with_id(id)), ["events[0].event_id"], "{id}");
    }
    assert_eq!(refused(&request(vec![with_id(ONE), with_id(ONE)])), ["events[1].event_id"]);
}

#[test]
fn what_happened_did_not_happen_in_the_future_nor_more_than_ten_years_ago() {
    let happened =
        |seconds: i64| NewEvent { occurred_at: Some(at(seconds)), ..case(Case::CaseReopened(CaseReopened {})) };
    let now_s = NOW.0 / 1000;
    for seconds in [0, now_s, now_s + 5, now_s - AGO_MS_MAX / 1000] {
        assert_eq!(refused_of(happened(seconds)), Vec::<String>::new(), "{seconds}");
    }
    for seconds in [now_s + 6, now_s - AGO_MS_MAX / 1000 - 1, -1, i64::MAX, i64::MIN] {
        assert_eq!(refused_of(happened(seconds)), ["events[0].occurred_at"], "{seconds}");
    }
}

#[test]
fn commands_are_bounded_in_events_streams_and_bytes() {
    let reopened = || case(Case::CaseReopened(CaseReopened {}));
    assert_eq!(refused(&request(Vec::new())), ["events"]);
    assert_eq!(refused(&request((0..=EVENTS_MAX).map(|_| reopened()).collect())), ["events"]);
    assert_eq!(check(&request((0..EVENTS_MAX).map(|_| reopened()).collect())), []);
    let of = |stream: &str| NewEvent { stream_id: stream.into(), ..reopened() };
    assert_eq!(check(&request(vec![of(ONE), of(TWO), of(ONE)])), []);
    assert_eq!(refused(&request(vec![of(ONE), of(TWO), of(THREE)])), ["events"]);
    let long = |bytes: usize| {
        case(Case::NarrativeRecorded(NarrativeRecorded {
            narrative_id: TWO.into(),
            text: "a".repeat(bytes),
            ..NarrativeRecorded::default()
        }))
    };
    assert_eq!(refused_of(long(48 * 1024 + 1)), ["events[0].case_event.narrative_recorded.text"]);
    assert_eq!(refused_of(long(EVENT_BYTES_MAX)), ["events[0].case_event.narrative_recorded"]);
    assert_eq!(refused(&request((0..12).map(|_| long(47 * 1024)).collect())), ["events"]);
}

#[test]
fn an_attested_text_comes_with_its_own_digest_and_salt() {
    let refused_with = |change: fn(&mut NarrativeAttested)| {
        let mut event = attested();
        change(&mut event);
        refused_of(case(Case::NarrativeAttested(event)))
    };
    let path = |field: &str| vec![format!("events[0].case_event.narrative_attested.{field}")];
    assert!(refused_with(|_| {}).is_empty());
    assert_eq!(refused_with(|event| event.text.push('.')), path("text_digest"));
    assert_eq!(refused_with(|event| event.text_digest = vec![0; 32]), path("text_digest"));
    assert_eq!(refused_with(|event| event.text_salt = vec![5; 31]), path("text_salt"));
    assert_eq!(refused_with(|event| event.text_salt = vec![6; 32]), path("text_digest"));
}

#[test]
fn values_this_version_does_not_know_are_refused() {
    let unknown = case(Case::TriageAssessed(TriageAssessed { level: 99 }));
    assert_eq!(refused_of(unknown), ["events[0].case_event.triage_assessed.level"]);
    let unspecified = case(Case::PersonIdentified(PersonIdentified {
        subject_id: ONE.into(),
        roles: vec![PersonRole::Caller.into(), 0],
        ..PersonIdentified::default()
    }));
    assert_eq!(refused_of(unspecified), ["events[0].case_event.person_identified.roles[1]"]);
}

#[test]
fn texts_are_short_and_clean_and_no_violation_repeats_them() {
    let named = |name: &str| {
        case(Case::PersonIdentified(PersonIdentified {
            subject_id: ONE.into(),
            roles: vec![PersonRole::Caller.into()],
            family_name: name.into(),
            ..PersonIdentified::default()
        }))
    };
    assert_eq!(refused_of(named("O’Connor-Tremblay Ⅲ")), Vec::<String>::new());
    for name in ["Zyx\u{0}", "Zyx\nZyx", "  ", &"Zyx".repeat(86)] {
        let violations = check(&request(vec![named(name)]));
        assert_eq!(violations.len(), 1, "{name:?}");
        assert_eq!(violations[0].field, "events[0].case_event.person_identified.family_name");
        assert!(!violations[0].description.contains("Zyx"));
    }
}

#[test]
fn ids_name_somebody_once() {
    let narrative = case(Case::NarrativeRecorded(NarrativeRecorded {
        narrative_id: ONE.into(),
        subject_ids: vec![TWO.into(), TWO.into(), "x".into()],
        text: "a".into(),
        ..NarrativeRecorded::default()
    }));
    let base = "events[0].case_event.narrative_recorded";
    assert_eq!(refused_of(narrative), [format!("{base}.subject_ids[2]"), format!("{base}.subject_ids")]);
}

#[test]
fn dates_codes_and_addresses_have_their_form() {
    let whereabouts = WhereaboutsRecorded { subject_id: ONE.into(), since: "last May".into(), ..Default::default() };
    let since = "events[0].case_event.whereabouts_recorded.since";
    assert_eq!(refused_of(case(Case::WhereaboutsRecorded(whereabouts))), [since]);
    let born = |birth_date: &str| {
        case(Case::PersonIdentified(PersonIdentified {
            subject_id: ONE.into(),
            roles: vec![PersonRole::Child.into()],
            birth_date: birth_date.into(),
            ..PersonIdentified::default()
        }))
    };
    assert_eq!(refused_of(born("2012-05")), Vec::<String>::new());
    for birth_date in ["2027-05-01", "2012-02-30"] {
        assert_eq!(refused_of(born(birth_date)), ["events[0].case_event.person_identified.birth_date"], "{birth_date}");
    }
    let contact = case(Case::ContactRecorded(ContactRecorded {
        subject_id: ONE.into(),
        phones: vec!["call me".into()],
        emails: vec!["a@example.org".into(), "@example.org".into()],
        ..ContactRecorded::default()
    }));
    let base = "events[0].case_event.contact_recorded";
    assert_eq!(refused_of(contact), [format!("{base}.emails[1]"), format!("{base}.phones[0]")]);
    let immigration = case(Case::ImmigrationRecorded(ImmigrationRecorded {
        subject_id: ONE.into(),
        citizenships: vec!["CA".into(), "Canada".into()],
        ..ImmigrationRecorded::default()
    }));
    assert_eq!(refused_of(immigration), ["events[0].case_event.immigration_recorded.citizenships[1]"]);
}

#[test]
fn an_age_agrees_with_its_band() {
    let aged = |age_years: u32, band: AgeBand| {
        refused_of(case(Case::AgeAssessed(AgeAssessed {
            subject_id: ONE.into(),
            method: AgeMethod::SelfReported.into(),
            age_years,
            band: band.into(),
        })))
    };
    for (years, band) in [
        (0, AgeBand::Unspecified),
        (15, AgeBand::Under16),
        (16, AgeBand::From16To17),
        (17, AgeBand::Minor),
        (18, AgeBand::Exactly18),
        (19, AgeBand::From19),
        (40, AgeBand::Adult),
    ] {
        assert_eq!(aged(years, band), Vec::<String>::new(), "{years}");
    }
    for (years, band) in [(15, AgeBand::Adult), (16, AgeBand::Under16), (18, AgeBand::Minor), (19, AgeBand::Exactly18)]
    {
        assert_eq!(aged(years, band), ["events[0].case_event.age_assessed.band"], "{years}");
    }
    assert_eq!(aged(121, AgeBand::Adult), ["events[0].case_event.age_assessed.age_years"]);
}

#[test]
fn consent_says_whose_to_whom_what_and_until_when() {
    let refused = |change: fn(&mut ConsentGiven)| {
        let mut consent = consent();
        change(&mut consent);
        let prefix = "events[0].case_event.consent_given.";
        let fields = refused_of(case(Case::ConsentGiven(consent)));
        fields.into_iter().map(|field| field.strip_prefix(prefix).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(refused(|_| {}), Vec::<String>::new());
    assert_eq!(refused(|consent| consent.subject_id.clear()), ["subject_id"]);
    assert_eq!(refused(|consent| consent.recipient = None), ["recipient"]);
    assert_eq!(refused(|consent| consent.recipient = Some(RecipientScope { scope: None })), ["recipient"]);
    assert_eq!(
        refused(|consent| consent.recipient = Some(RecipientScope { scope: Some(Scope::Anyone(true)) })),
        ["recipient.anyone"]
    );
    assert_eq!(refused(|consent| consent.purposes.clear()), ["purposes"]);
    assert_eq!(refused(|consent| consent.permitted.clear()), ["permitted"]);
    assert_eq!(refused(|consent| consent.denied = consent.permitted.clone()), ["denied"]);
    assert_eq!(refused(|consent| consent.permitted.push(DataCategory::RecordKeeping.into())), ["permitted"]);
    assert_eq!(refused(|consent| consent.speaking_freely = 0), ["speaking_freely"]);
    assert_eq!(refused(|consent| consent.expiry = Some(Expiry::Unlimited(false))), ["unlimited"]);
    assert_eq!(refused(|consent| consent.expiry = Some(Expiry::Unlimited(true))), Vec::<String>::new());
    let begins_after_its_end = |consent: &mut ConsentGiven| {
        consent.not_before = Some(at(20));
        consent.expiry = Some(Expiry::ExpiresAt(at(20)));
    };
    assert_eq!(refused(begins_after_its_end), ["expires_at"]);
    assert_eq!(refused(|consent| consent.supersedes.push(consent.consent_id.clone())), ["supersedes"]);
    assert_eq!(refused(|consent| consent.wording_digest = vec![1; 31]), ["wording_digest"]);
    assert_eq!(refused(|consent| consent.interpreter = "a service, 12".into()), ["interpreter"]);
    assert_eq!(refused(|consent| consent.grantor = GrantorKind::Representative.into()), ["representative_subject_id"]);
    let by_themselves = |consent: &mut ConsentGiven| {
        consent.grantor = GrantorKind::Representative.into();
        consent.representative_subject_id.clone_from(&consent.subject_id);
    };
    assert_eq!(refused(by_themselves), ["representative_subject_id"]);
}

#[test]
fn a_report_consent_belongs_to_a_tip_and_may_come_from_somebody_nameless() {
    let mut report = ConsentGiven {
        kind: ConsentKind::Report.into(),
        subject_id: String::new(),
        tip_id: ONE.into(),
        about_bringer: vec![DataCategory::Contact.into()],
        ..consent()
    };
    assert_eq!(refused_of(case(Case::ConsentGiven(report.clone()))), Vec::<String>::new());
    report.tip_id.clear();
    assert_eq!(refused_of(case(Case::ConsentGiven(report.clone()))), ["events[0].case_event.consent_given.tip_id"]);
    report.kind = ConsentKind::DataSubject.into();
    report.subject_id = ONE.into();
    report.tip_id = TWO.into();
    let base = "events[0].case_event.consent_given";
    let expected = [format!("{base}.tip_id"), format!("{base}.about_bringer")];
    assert_eq!(refused_of(case(Case::ConsentGiven(report))), expected);
}

#[test]
fn taking_back_needs_nothing_but_may_say_what() {
    for withdrawn in [
        ConsentWithdrawn::default(),
        ConsentWithdrawn { subject_id: ONE.into(), ..ConsentWithdrawn::default() },
        ConsentWithdrawn { consent_id: ONE.into(), categories: vec![1], ..ConsentWithdrawn::default() },
    ] {
        assert_eq!(refused_of(case(Case::ConsentWithdrawn(withdrawn))), Vec::<String>::new());
    }
    let odd = ConsentWithdrawn { consent_id: "x".into(), ..ConsentWithdrawn::default() };
    assert_eq!(refused_of(case(Case::ConsentWithdrawn(odd))), ["events[0].case_event.consent_withdrawn.consent_id"]);
}

#[test]
fn an_instrument_is_complete_and_belongs_to_a_legal_requirement() {
    let refused = |change: fn(&mut ExceptionAsserted)| {
        let mut asserted = production_order();
        change(&mut asserted);
        let prefix = "events[0].case_event.exception_asserted.";
        let fields = refused_of(case(Case::ExceptionAsserted(asserted)));
        fields.into_iter().map(|field| field.strip_prefix(prefix).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(refused(|_| {}), Vec::<String>::new());
    assert_eq!(refused(|asserted| asserted.instrument = None), ["instrument"]);
    let bare = |asserted: &mut ExceptionAsserted| {
        let kind = InstrumentKind::Warrant.into();
        asserted.instrument = Some(Instrument { kind, ..Instrument::default() });
    };
    let expected = ["issuer", "number", "issued_on", "return_at", "scope", "unit_id", "document_digest"];
    assert_eq!(refused(bare), expected.map(|field| format!("instrument.{field}")));
    assert_eq!(refused(|asserted| asserted.subject_ids.clear()), ["subject_ids"]);
    assert_eq!(refused(|asserted| asserted.break_glass = true), ["break_glass"]);
    assert_eq!(refused(|asserted| asserted.kind = ExceptionKind::Minor.into()), ["instrument", "grounds"]);
    let defence = |asserted: &mut ExceptionAsserted| {
        asserted.subject_ids.clear();
        let kind = InstrumentKind::DefenceSubpoena.into();
        asserted.instrument = Some(Instrument { kind, ..Instrument::default() });
    };
    assert_eq!(refused(defence), Vec::<String>::new());
}

#[test]
fn a_permit_rests_on_something_lets_something_through_and_ends() {
    let refused = |change: fn(&mut DisclosureDecided)| {
        let mut decided = permit();
        change(&mut decided);
        let prefix = "events[0].case_event.disclosure_decided.";
        let fields = refused_of(case(Case::DisclosureDecided(decided)));
        fields.into_iter().map(|field| field.strip_prefix(prefix).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(refused(|_| {}), Vec::<String>::new());
    assert_eq!(refused(|decided| decided.mask.clear()), ["mask"]);
    assert_eq!(refused(|decided| decided.bases.clear()), ["bases", "mask[0].bases"]);
    assert_eq!(refused(|decided| decided.mask[0].bases = vec![1]), ["mask[0].bases"]);
    assert_eq!(refused(|decided| decided.mask[0].level = 0), ["mask[0].level"]);
    assert_eq!(refused(|decided| decided.mask[0].category = DataCategory::RecordKeeping.into()), ["mask[0].category"]);
    assert_eq!(refused(|decided| decided.expires_at = None), ["expires_at"]);
    assert_eq!(refused(|decided| decided.expires_at = decided.decided_at), ["expires_at"]);
    assert_eq!(refused(|decided| decided.case_revision = 0), ["case_revision"]);
    assert_eq!(refused(|decided| decided.bases[0].exception = 1), ["bases[0].exception"]);
    assert_eq!(refused(|decided| decided.outcome = Outcome::Deny.into()), ["bases", "mask", "reasons"]);
}

#[test]
fn a_release_carries_the_report_its_digest_names() {
    let changed = ReferralReleased { report: b"[]".to_vec(), ..release() };
    let expected = ["events[0].case_event.referral_released.report_digest"];
    assert_eq!(refused_of(case(Case::ReferralReleased(changed))), expected);
}

#[test]
fn only_a_delivery_by_voice_names_what_was_spoken() {
    let spoken = vec![DataCategory::Situation.into()];
    let by_portal = ReferralDelivered { spoken: spoken.clone(), ..delivery() };
    let expected = ["events[0].case_event.referral_delivered.spoken"];
    assert_eq!(refused_of(case(Case::ReferralDelivered(by_portal))), expected);
    let by_voice = ReferralDelivered { spoken, channel: DeliveryChannel::Voice.into(), ..delivery() };
    assert_eq!(refused_of(case(Case::ReferralDelivered(by_voice))), Vec::<String>::new());
}

#[test]
fn a_package_and_nothing_else_names_the_keys_it_was_encrypted_to() {
    let encrypted_to = vec!["age-00112233445566778899aabbccddeeff".to_owned()];
    let expected = ["events[0].case_event.referral_delivered.encrypted_to"];
    let by_portal = ReferralDelivered { encrypted_to: encrypted_to.clone(), ..delivery() };
    assert_eq!(refused_of(case(Case::ReferralDelivered(by_portal))), expected);
    let package = ReferralDelivered { channel: DeliveryChannel::Package.into(), ..delivery() };
    assert_eq!(refused_of(case(Case::ReferralDelivered(package.clone()))), expected);
    let package = ReferralDelivered { encrypted_to, ..package };
    assert_eq!(refused_of(case(Case::ReferralDelivered(package))), Vec::<String>::new());
}

#[test]
fn a_private_key_never_stands_in_the_log() {
    let expected = ["events[0].directory_event.encryption_key_added.recipient"];
    let secret = "AGE-SECRET-KEY-1QQPQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQP";
    for recipient in [secret.to_owned(), secret.to_lowercase(), "age1short".to_owned(), "ssh-ed25519 AAAA".to_owned()] {
        let key = directory::EncryptionKeyAdded { recipient, ..encryption_key() };
        assert_eq!(refused_of(in_directory(Directory::EncryptionKeyAdded(key))), expected);
    }
}

#[test]
fn what_is_no_address_never_stands_in_the_log_as_one() {
    let expected = ["events[0].directory_event.notification_address_added.address"];
    let refused = |means: NoticeMeans, address: &str| {
        let (means, address) = (means.into(), address.to_owned());
        let added = directory::NotificationAddressAdded { means, address, ..notification_address() };
        refused_of(in_directory(Directory::NotificationAddressAdded(added)))
    };
    for url in
        ["http://desk.example.ca/", "https://u:p@desk.example.ca/", "https://desk.example.ca/#x", "desk@example.ca"]
    {
        assert_eq!(refused(NoticeMeans::Webhook, url), expected, "{url}");
    }
    for mailbox in ["desk@example.ca\r\nBcc: x@example.ca", "https://desk.example.ca/"] {
        assert_eq!(refused(NoticeMeans::Email, mailbox), expected, "{mailbox}");
    }
    assert_eq!(refused(NoticeMeans::Email, "desk@example.ca"), Vec::<String>::new());
}

#[test]
fn a_one_time_code_never_stands_in_the_log() {
    let expected = ["events[0].directory_event.liaison_invited.code_digest"];
    let plain = directory::LiaisonInvited { code_digest: b"K7QX-2M4T-9FHN".to_vec(), ..invitation() };
    assert_eq!(refused_of(in_directory(Directory::LiaisonInvited(plain))), expected);
    assert_eq!(refused_of(in_directory(Directory::LiaisonInvited(invitation()))), Vec::<String>::new());
}

#[test]
fn a_delivery_says_when_what_it_rests_on_ends() {
    let field = "events[0].case_event.referral_delivered.expires_at";
    for expires_at in [None, delivery().decided_at] {
        let event = ReferralDelivered { expires_at, ..delivery() };
        assert_eq!(refused_of(case(Case::ReferralDelivered(event))), [field]);
    }
}

#[test]
fn a_directory_event_stands_in_its_organisations_stream_and_an_access_event_in_none() {
    let elsewhere = NewEvent { stream_id: TWO.into(), ..in_directory(Directory::AgreementRecorded(agreement())) };
    let field = "events[0].directory_event.agreement_recorded.organization_id";
    assert_eq!(refused_of(elsewhere), [field]);
    let recorded = AccessRecorded {
        scope: AccessScope::CaseOpened.into(),
        reason: audit::AccessReason::Audit.into(),
        ..AccessRecorded::default()
    };
    let payload = audit::AccessEvent { payload: Some(AccessPayload::AccessRecorded(recorded)) };
    let access = NewEvent { stream_id: ONE.into(), ..event(Payload::AccessEvent(payload)) };
    let expected = ["events[0].stream_id", "events[0].access_event.access_recorded.case_id"];
    assert_eq!(refused_of(access), expected);
}

#[test]
fn reading_asks_for_a_case_and_a_page_within_bounds() {
    let request = ReadCaseRequest { page_size: PAGE_MAX + 1, reason: 99, ..ReadCaseRequest::default() };
    let fields: Vec<_> = read_case(&request).unwrap_err().into_iter().map(|violation| violation.field).collect();
    assert_eq!(fields, ["case_id", "page_size", "reason"]);
    assert_eq!(read_case(&ReadCaseRequest { case_id: ONE.into(), ..ReadCaseRequest::default() }), Ok(()));
    assert!(watch_case(&WatchCaseRequest::default()).is_err());
}

proptest! {
    /// Whatever decodes as a request is answered, not stumbled over, and in a bounded number of violations.
    #[test]
    fn no_bytes_make_it_stumble(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(request) = AppendRequest::decode(bytes.as_slice()) {
            prop_assert!(check(&request).len() <= 100);
        }
    }

    /// Valid requests with a byte changed somewhere come nearer to the rules than random bytes do.
    #[test]
    fn no_changed_byte_makes_it_stumble(kind in 0..35_usize, place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = request(vec![one_of_each().remove(kind)]).encode_to_vec();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(request) = AppendRequest::decode(bytes.as_slice()) {
            prop_assert!(check(&request).len() <= 100);
        }
    }
}
