//! A consent receipt for the person: the fields of ISO/IEC TS 27560 as JSON, from facts only, in their language. It says that there
//! was a call, so it is given only to somebody who may safely have it.

use egide_domain::Policy;
use egide_domain::contact::may_contact;
use egide_domain::ids::SubjectId;
use egide_servicekit::clock;
use egide_servicekit::identity::Role;
use egide_wire::convert::Listed as _;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::consent_given::Expiry;
use egide_wire::proto::egide::case::v1::recipient_scope::Scope;
use egide_wire::proto::egide::case::v1::{
    Answer, ConsentCondition, ConsentGiven, ConsentKind, ConsentMethod, ContactMeans, Jurisdiction, Language, Purpose,
    RecipientKind,
};
use egide_wire::proto::egide::classification::v1::DataCategory;
use prost_types::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::commands::case_facts;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::session::Session;
use crate::text::Lang;

/// The standard whose field names these are.
const SCHEMA: &str = "ISO/IEC TS 27560:2023";
/// We, in the receipt: no name stands in it that a stranger could look up.
const OURSELVES: &str = "egide";

/// `egide consent receipt CASE CONSENT`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "CONSENT")]
    consent: Uuid,
    #[arg(long, value_name = "ANSWER", required = true, value_parser = value_of::<Answer>())]
    safe_to_keep: Answer,
    #[arg(long, value_name = "MEANS", required = true, value_parser = value_of::<ContactMeans>())]
    by: ContactMeans,
}

pub(crate) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    // Before anything is looked at: who cannot keep it safely is not given it, whatever stands in it.
    if args.safe_to_keep != Answer::Yes {
        return Err(Failure::new(Exit::NotNow, "fail.receipt_not_safe"));
    }
    let known = case_facts::read(session, Role::Responder, args.case, AccessReason::PersonAsked).await?;
    let (consent, recorded_at) = known.consent(args.consent)?;
    let policy =
        Policy::embedded().map_err(|error| Failure::new(Exit::Unexpected, "fail.config").with("error", error))?;
    let means = egide_domain::vocabulary::ContactMeans::read(i32::from(args.by)).ok().flatten();
    let person = consent.subject_id.parse::<SubjectId>().ok().and_then(|person| known.facts.person(person));
    let safe = person
        .zip(means)
        .is_some_and(|(person, means)| may_contact(person, &known.facts, means, clock::now(), &policy).is_ok());
    if !safe {
        return Err(Failure::new(Exit::NotNow, "fail.receipt_no_contact"));
    }
    session.out.json(&receipt(&consent, recorded_at.as_ref()))?;
    let lang = session.out.lang;
    session.out.note(lang.text("say.receipt"))?;
    Ok(Exit::Ok)
}

/// French where it was given in French, else English: in the language in which it was read.
fn language(consent: &ConsentGiven) -> Lang {
    if consent.language == i32::from(Language::French) { Lang::French } else { Lang::English }
}

fn receipt(consent: &ConsentGiven, recorded_at: Option<&Timestamp>) -> Value {
    let lang = language(consent);
    let at = recorded_at.map(ToString::to_string);
    let purposes: Vec<Value> = consent.purposes.iter().map(|purpose| purpose_of(lang, consent, *purpose)).collect();
    json!({
        "receipt_metadata": { "schema_version": SCHEMA, "receipt_id": consent.consent_id, "language": lang.code() },
        "record_metadata": {
            "schema_version": SCHEMA,
            "record_id": consent.consent_id,
            "pii_principal_id": consent.subject_id,
        },
        "pii_processing": {
            "privacy_notice": consent.wording_version,
            "language": lang.code(),
            "purposes": purposes,
        },
        "party_identification": [
            { "party_id": OURSELVES, "party_role": lang.text("word.receipt_controller") },
            {
                "party_id": recipient(lang, consent),
                "party_role": lang.text("word.receipt_recipient"),
            },
        ],
        "event": [{
            "event_time": at,
            "event_type": lang.text("word.receipt_given"),
            "event_state": lang.text("word.receipt_given"),
            "entity_id": consent.subject_id,
            "validity_duration": validity(lang, consent),
        }],
    })
}

fn purpose_of(lang: Lang, consent: &ConsentGiven, purpose: i32) -> Value {
    let words = |categories: &[i32]| -> Vec<&str> {
        categories.iter().map(|category| lang.word_of::<DataCategory>(*category)).collect()
    };
    let permitted = consent
        .permitted
        .iter()
        .map(|category| json!({ "pii_type": lang.word_of::<DataCategory>(*category), "pii_optional": true }));
    let conditions = consent.conditions.iter().map(|condition| lang.word_of::<ConsentCondition>(*condition));
    json!({
        "purpose": lang.word_of::<Purpose>(purpose),
        "purpose_type": lang.word_of::<ConsentKind>(consent.kind),
        "lawful_basis": lang.text("word.receipt_consent"),
        "pii_information": permitted.collect::<Vec<_>>(),
        "pii_not_permitted": words(&consent.denied),
        "pii_controllers": [OURSELVES],
        "collection_method": lang.word_of::<ConsentMethod>(consent.method),
        "recipient_third_parties": [recipient(lang, consent)],
        "geographic_restrictions": regions(lang, consent),
        "conditions": conditions.collect::<Vec<_>>(),
        "withdrawal_method": lang.text("word.receipt_withdrawal"),
        "privacy_rights": lang.text("word.receipt_rights"),
    })
}

fn recipient(lang: Lang, consent: &ConsentGiven) -> String {
    match consent.recipient.as_ref().and_then(|recipient| recipient.scope.as_ref()) {
        Some(Scope::OrganizationId(id) | Scope::UnitId(id)) => id.clone(),
        Some(Scope::RecipientKind(kind)) => lang.word_of::<RecipientKind>(*kind).to_owned(),
        Some(Scope::KindInRegion(region)) => lang.word_of::<RecipientKind>(region.recipient_kind).to_owned(),
        Some(Scope::Anyone(_)) | None => "–".to_owned(),
    }
}

fn regions(lang: Lang, consent: &ConsentGiven) -> Vec<&'static str> {
    match consent.recipient.as_ref().and_then(|recipient| recipient.scope.as_ref()) {
        Some(Scope::KindInRegion(region)) => {
            region.jurisdictions.iter().map(|place| lang.word_of::<Jurisdiction>(*place)).collect()
        }
        Some(Scope::OrganizationId(_) | Scope::UnitId(_) | Scope::RecipientKind(_) | Scope::Anyone(_)) | None => {
            Vec::new()
        }
    }
}

fn validity(lang: Lang, consent: &ConsentGiven) -> String {
    match &consent.expiry {
        Some(Expiry::ExpiresAt(end)) => end.to_string(),
        Some(Expiry::Unlimited(_)) => lang.text("word.receipt_unlimited").to_owned(),
        None => lang.text("word.receipt_usual_period").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_holds_facts_in_the_persons_language_and_nobodys_name() {
        let consent = ConsentGiven {
            consent_id: "6f6c1d3c-9d0c-4f2e-8f6b-0d9a6f2b1c11".to_owned(),
            subject_id: "6f6c1d3c-9d0c-4f2e-8f6b-0d9a6f2b1c12".to_owned(),
            purposes: vec![Purpose::SupportService.into()],
            permitted: vec![DataCategory::Contact.into()],
            denied: vec![DataCategory::Health.into()],
            language: Language::French.into(),
            interpreter: "Quillfeather".to_owned(),
            witness: "Marrowby".to_owned(),
            wording_version: "spoken-fr-3".to_owned(),
            ..ConsentGiven::default()
        };
        let text = receipt(&consent, None).to_string();
        for word in [Lang::French.word_of::<DataCategory>(DataCategory::Contact.into()), "spoken-fr-3", SCHEMA] {
            assert!(text.contains(word), "{word}");
        }
        assert!(!text.contains("Quillfeather") && !text.contains("Marrowby"), "{text}");
        assert!(text.contains(Lang::French.text("word.receipt_withdrawal")));
        let english = receipt(&ConsentGiven { language: Language::Other.into(), ..consent }, None).to_string();
        assert!(english.contains(Lang::English.text("word.receipt_withdrawal")));
    }
}
