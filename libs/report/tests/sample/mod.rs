//! One invented case, in every form and both languages, and the files it is compared with.

use std::path::PathBuf;
use std::sync::Arc;

use egide_domain::ids::{CaseId, ConsentId, ExceptionId, Position, ReferralId, ReviewId, Revision, SubjectId, UnitId};
use egide_domain::vocabulary::{
    ApproachRule, ContactPermission, DataCategory, ExceptionKind, MaskLevel, ObligationKind, Outcome, PersonRole,
    Purpose,
};
use egide_domain::{
    AcknowledgedEvent, AttestedNarrative, Basis, Decision, Mask, MaskEntry, Obligation, Permit, Roles, Set, Timestamp,
};
use egide_redaction::{Field, People, Person, Redacted, RedactedCase, SafeContact, redact};
use egide_report::{Form, Header, Language, RecipientNames, Report};
use egide_wire::flatten::flatten;
use egide_wire::proto::egide::case::v1 as case;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::ledger::v1::{RecordedEvent, recorded_event};

const VICTIM: SubjectId = SubjectId([0x11; 16]);
const SUSPECT: SubjectId = SubjectId([0x22; 16]);
const CHILD: SubjectId = SubjectId([0x33; 16]);
const CALLER: SubjectId = SubjectId([0x44; 16]);
/// What was attested, as every decision here names it.
const ATTESTED: AttestedNarrative = AttestedNarrative { review_id: ReviewId([0x88; 16]), text_digest: [0x99; 32] };
/// Byte for byte, whatever stands in it.
pub(crate) const TEXT: &str =
    "[Person A, potential victim] said: \"they keep the papers\".\n\nShe sleeps  where she works \u{2014} every night.";
const DANGER: ExceptionId = ExceptionId([0x77; 16]);

fn recorded(revision: u64, payload: Payload) -> RecordedEvent {
    RecordedEvent {
        revision,
        occurred_at: Some(prost_types::Timestamp { seconds: 1_794_000_000, nanos: 0 }),
        payload: Some(recorded_event::Payload::CaseEvent(case::CaseEvent { payload: Some(payload) })),
        ..RecordedEvent::default()
    }
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

/// Every field that can leave, and some that never do.
fn events() -> Vec<RecordedEvent> {
    let payloads = vec![
        Payload::CaseOpened(case::CaseOpened {
            channel: case::Channel::Phone.into(),
            language: case::Language::Other.into(),
            language_tag: "tl".into(),
            interpreter_present: true,
            interpreter: "LinguaLine 4471".into(),
            jurisdiction: case::Jurisdiction::On.into(),
            how_heard: case::HowHeard::Poster.into(),
        }),
        Payload::PersonIdentified(case::PersonIdentified {
            subject_id: VICTIM.to_string(),
            roles: vec![case::PersonRole::PotentialVictim.into(), case::PersonRole::Caller.into()],
            given_names: "Maya".into(),
            family_name: "Testcase".into(),
            aliases: texts(&["Mimi"]),
            birth_date: "2009-04-01".into(),
            identifiers: vec![case::Identifier { kind: "passport".into(), value: "ZZ000000".into() }],
            gender: case::Gender::Feminine.into(),
            languages: texts(&["tl"]),
            culture: "Filipino".into(),
        }),
        Payload::AgeAssessed(case::AgeAssessed {
            subject_id: VICTIM.to_string(),
            band: case::AgeBand::From16To17.into(),
            method: case::AgeMethod::SelfReported.into(),
            age_years: 17,
        }),
        Payload::ContactRecorded(case::ContactRecorded {
            subject_id: VICTIM.to_string(),
            phones: texts(&["+1-613-555-0117"]),
            emails: texts(&["maya@example.org"]),
            handles: texts(&["@maya.example"]),
            safe_contact: Some(case::SafeContact {
                permission: case::ContactPermission::UnderRules.into(),
                rules: vec![case::ApproachRule::After21Only.into()],
            }),
        }),
        Payload::WhereaboutsRecorded(whereabouts("Old Town", "1 Former Road", "K1A 0B1")),
        Payload::SituationRecorded(case::SituationRecorded {
            subject_id: VICTIM.to_string(),
            status: case::TraffickingStatus::PossibleVictimOfTrafficking.into(),
            exploitation: vec![case::TypeOfExploitation::ForcedLabour.into()],
            sexual_exploitation: Vec::new(),
            industry: case::ForcedLabourIndustry::TActivitiesOfHouseholdsAsEmployers.into(),
            means_of_control: vec![
                case::MeansOfControl::WithholdsDocuments.into(),
                case::MeansOfControl::DebtBondage.into(),
            ],
            recruitment: vec![case::MeansOfRecruitment::ThroughAnOnlineAdvertisement.into()],
            relationship: case::RelationshipToTrafficker::Unacquainted.into(),
            since: "2026-03-09".into(),
            people_affected: 3,
            immediate_danger: case::Answer::No.into(),
        }),
        Payload::ImmigrationRecorded(case::ImmigrationRecorded {
            subject_id: VICTIM.to_string(),
            status: case::ImmigrationStatus::TemporaryWorker.into(),
            citizenships: texts(&["PH"]),
            valid_until: "2027-01-31".into(),
            documents_withheld: case::Answer::Yes.into(),
        }),
        Payload::HealthRecorded(case::HealthRecorded {
            subject_id: VICTIM.to_string(),
            urgent_care_needed: case::Answer::No.into(),
            conditions: texts(&["back pain"]),
            medication: texts(&["none"]),
            pregnant: case::Answer::No.into(),
        }),
        Payload::FinancesRecorded(case::FinancesRecorded {
            subject_id: VICTIM.to_string(),
            debt_bondage: case::Answer::Yes.into(),
            debt_claimed: "8000 CAD".into(),
            accounts: texts(&["account ending 0000"]),
            earnings_taken: case::Answer::Yes.into(),
        }),
        Payload::PersonIdentified(case::PersonIdentified {
            subject_id: SUSPECT.to_string(),
            roles: vec![case::PersonRole::Suspect.into()],
            given_names: "Rex".into(),
            ..case::PersonIdentified::default()
        }),
        Payload::SuspectDescribed(case::SuspectDescribed {
            subject_id: SUSPECT.to_string(),
            process_roles: vec![case::RoleInProcess::Exploiter.into()],
            names: texts(&["Rex Example", "Boss"]),
            appearance: "tall, scar on left hand".into(),
            phones: texts(&["+1-613-555-0199"]),
            handles: texts(&["@rex.example"]),
            vehicles: vec![case::Vehicle {
                make_and_model: "Example van".into(),
                colour: "white".into(),
                plate: "TEST 001".into(),
            }],
            places: texts(&["the red barn"]),
            armed: case::Answer::Unknown.into(),
        }),
        Payload::NarrativeRecorded(case::NarrativeRecorded {
            subject_ids: vec![VICTIM.to_string()],
            text: "It was told in confidence.".into(),
            ..case::NarrativeRecorded::default()
        }),
        Payload::NarrativeAttested(case::NarrativeAttested {
            review_id: ATTESTED.review_id.to_string(),
            subject_ids: vec![VICTIM.to_string()],
            text: TEXT.into(),
            text_salt: b"a salt that never leaves".to_vec(),
            text_digest: ATTESTED.text_digest.to_vec(),
            deidentifier: "never leaves".into(),
            language: case::Language::French.into(),
            ..case::NarrativeAttested::default()
        }),
        Payload::ExceptionAsserted(case::ExceptionAsserted {
            exception_id: DANGER.to_string(),
            kind: case::ExceptionKind::ImminentDanger.into(),
            subject_ids: vec![VICTIM.to_string()],
            evidence: "never leaves".into(),
            line_to_send: "One person locked in, ground floor, back door blocked.".into(),
            ..case::ExceptionAsserted::default()
        }),
        Payload::PersonIdentified(case::PersonIdentified {
            subject_id: CALLER.to_string(),
            roles: vec![case::PersonRole::Caller.into()],
            given_names: "Never Told".into(),
            ..case::PersonIdentified::default()
        }),
        Payload::WhereaboutsRecorded(whereabouts("Sudbury", "12 Example Street", "P3A 1B2")),
    ];
    payloads.into_iter().enumerate().map(|(place, payload)| recorded(place as u64 + 1, payload)).collect()
}

fn whereabouts(city: &str, street: &str, postal_code: &str) -> case::WhereaboutsRecorded {
    case::WhereaboutsRecorded {
        subject_id: VICTIM.to_string(),
        jurisdiction: case::Jurisdiction::On.into(),
        city: city.into(),
        street: street.into(),
        room: "4".into(),
        postal_code: postal_code.into(),
        place_name: "Example Motel".into(),
        since: "2026-10-02".into(),
        free_to_leave: case::Answer::No.into(),
    }
}

fn people() -> People {
    let person = |subject_id, roles: &[PersonRole], only_suspect| Person {
        subject_id,
        roles: roles.iter().copied().collect::<Roles>(),
        only_suspect,
        safe_contact: SafeContact {
            permission: ContactPermission::UnderRules,
            rules: Set::from([ApproachRule::NoUniform, ApproachRule::After21Only]),
        },
    };
    [
        person(VICTIM, &[PersonRole::PotentialVictim, PersonRole::Caller], false),
        person(SUSPECT, &[PersonRole::Suspect], true),
        Person { safe_contact: SafeContact::NO_INSTRUCTION, ..person(CHILD, &[PersonRole::Child], false) },
        person(CALLER, &[PersonRole::Caller], false),
    ]
    .into_iter()
    .collect()
}

/// A mask as the form's recipients get them: police the whole of it, partners coarse, and so on.
fn mask(form: Form) -> Vec<MaskEntry> {
    use DataCategory::{Contact, Finances, Health, Identity, Immigration, Situation, Suspects, Whereabouts};
    use MaskLevel::{FactsOnly, Generalised, Whole};
    let of = |subject_id, entries: &[(DataCategory, MaskLevel)]| {
        let entry = |(category, level): &(DataCategory, MaskLevel)| MaskEntry {
            subject_id,
            category: *category,
            level: *level,
            bases: [0, 1].into_iter().collect(),
            period: None,
        };
        entries.iter().map(entry).collect::<Vec<_>>()
    };
    match form {
        Form::InvestigatingAgency => [
            of(VICTIM, &[(Identity, Whole), (Contact, Whole), (Whereabouts, Whole), (Situation, Whole)]),
            of(VICTIM, &[(Health, FactsOnly), (Immigration, FactsOnly), (Finances, Generalised)]),
            of(SUSPECT, &[(Suspects, Whole)]),
        ]
        .concat(),
        Form::ChildProtection => [
            of(VICTIM, &[(Identity, Whole), (Whereabouts, Whole), (Situation, Whole), (Health, Whole)]),
            of(CHILD, &[(Identity, Whole), (Situation, Whole)]),
        ]
        .concat(),
        Form::Emergency => of(VICTIM, &[(Whereabouts, Whole), (Situation, Whole), (Health, Generalised)]),
        Form::SupportService => of(
            VICTIM,
            &[(Identity, Whole), (Contact, Whole), (Situation, Generalised), (Health, Whole), (Immigration, Whole)],
        ),
        Form::Partner => [
            of(VICTIM, &[(Identity, Generalised), (Whereabouts, Generalised), (Situation, Generalised)]),
            of(VICTIM, &[(Immigration, Generalised), (Health, Generalised)]),
            of(SUSPECT, &[(Suspects, FactsOnly)]),
        ]
        .concat(),
    }
}

fn redacted(mask: Vec<MaskEntry>, urgent: bool) -> Redacted<RedactedCase> {
    let decision = Decision {
        outcome: Outcome::Permit,
        bases: vec![Basis::Consent(ConsentId([5; 16])), Basis::Exception(DANGER, ExceptionKind::ImminentDanger)],
        mask: Mask::from(mask),
        reasons: Vec::new(),
        obligations: vec![Obligation { kind: ObligationKind::NoTipOff, subject_id: None, due_at: None }],
        decided_at: Timestamp(Timestamp::from_date("2026-11-22").unwrap().0 + 12_345_678),
        expires_at: Some(Timestamp::from_date("2026-11-25").unwrap()),
        case_revision: Revision(15),
        directory_revision: Revision(3),
        policy_version: Arc::from("test"),
        urgent,
        recipient_kind: None,
        narratives: vec![ATTESTED],
    };
    let acknowledged = AcknowledgedEvent { facts_digest: [0; 32], position: Position(99), case_revision: Revision(16) };
    let permit = Permit::from_acknowledgement(decision, [0; 32], acknowledged, || true).expect("a permit");
    let fields: Vec<Field> = events().iter().flat_map(|event| flatten(event).expect("readable")).collect();
    redact(&permit, &people(), fields)
}

/// No cryptography, but the same for ever.
fn keyed(context: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut state = [7_u8; 32];
    let all = std::iter::once(context.as_bytes()).chain(parts.iter().copied());
    for (place, byte) in all.flatten().enumerate() {
        state[place % 32] = state[place % 32].wrapping_mul(167).wrapping_add(*byte).rotate_left(3);
        state[(place + 5) % 32] ^= state[place % 32];
    }
    state
}

pub(crate) fn report(form: Form, language: Language, unit: UnitId) -> Report {
    report_of(form, language, unit, mask(form))
}

/// The same, with what was told and attested.
pub(crate) fn report_with_narrative(form: Form, language: Language, unit: UnitId) -> Report {
    let entry = MaskEntry {
        subject_id: VICTIM,
        category: DataCategory::Narrative,
        level: MaskLevel::Whole,
        bases: [0].into_iter().collect(),
        period: None,
    };
    report_of(form, language, unit, [mask(form), vec![entry]].concat())
}

fn report_of(form: Form, language: Language, unit: UnitId, mask: Vec<MaskEntry>) -> Report {
    let header = Header {
        referral_id: ReferralId([0xab; 16]),
        case_id: CaseId([0xcd; 16]),
        unit_id: unit,
        names: RecipientNames {
            organization_en: "Example Organization".into(),
            organization_fr: "Organisme Exemple".into(),
            unit_en: "Example Unit".into(),
            unit_fr: String::new(),
        },
        form,
        language,
        purpose: match form {
            Form::InvestigatingAgency => Purpose::Investigation,
            Form::ChildProtection => Purpose::ChildProtection,
            Form::Emergency => Purpose::EmergencyResponse,
            Form::SupportService | Form::Partner => Purpose::SupportService,
        },
        supplementary_to: (form == Form::InvestigatingAgency).then_some(ReferralId([0xba; 16])),
        onward_sharing: form == Form::SupportService,
        salt: [0x5a; 32],
        key_id: "ed25519:0123456789abcdef",
    };
    Report::compose(&header, &redacted(mask, form != Form::SupportService), &keyed).expect("a report")
}

pub(crate) fn check(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("EGIDE_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&path, actual).expect("a golden file is written");
        return;
    }
    let kept = std::fs::read_to_string(&path).expect("a golden file is kept");
    assert!(kept == actual, "{name} differs: if that is meant, write it again and read the difference");
}

pub(crate) fn every(test: impl Fn(Form, Language)) {
    for form in Form::ALL {
        for language in Language::ALL {
            test(form, language);
        }
    }
}

/// The unit that gets it.
pub(crate) const UNIT: UnitId = UnitId([0x01; 16]);
