//! What an event cannot do without, by kind: data, so that it can be read at a glance.

use prost_reflect::{DynamicMessage, ReflectMessage as _};

use super::fields::{Checker, MISSING};

/// Kind, and the fields that must say something. What depends on other fields stands in the rules of its area.
const REQUIRED: &[(&str, &[&str])] = &[
    ("case.opened", &["channel", "language"]),
    ("case.tip_received", &["tip_id", "channel"]),
    ("case.person_identified", &["subject_id", "roles"]),
    ("case.age_assessed", &["subject_id", "method"]),
    ("case.contact_recorded", &["subject_id"]),
    ("case.whereabouts_recorded", &["subject_id"]),
    ("case.situation_recorded", &["subject_id"]),
    ("case.immigration_recorded", &["subject_id"]),
    ("case.health_recorded", &["subject_id"]),
    ("case.finances_recorded", &["subject_id"]),
    ("case.suspect_described", &["subject_id"]),
    ("case.narrative_recorded", &["narrative_id", "text"]),
    ("case.triage_assessed", &["level"]),
    ("case.supervisor_reviewed", &["tip_id", "outcome"]),
    (
        "case.consent_given",
        &[
            "consent_id",
            "kind",
            "grantor",
            "recipient",
            "purposes",
            "method",
            "wording_version",
            "language",
            "speaking_freely",
            "understood",
            "policy_version",
        ],
    ),
    ("case.consent_refused", &["consent_id", "subject_id", "recipient"]),
    // Taking back needs little: nothing is asked for.
    ("case.consent_withdrawn", &[]),
    ("case.exception_asserted", &["exception_id", "kind", "grounds"]),
    ("case.exception_confirmed", &["exception_id"]),
    ("case.exception_lifted", &["exception_id", "reason"]),
    ("case.closed", &["closure"]),
    ("case.reopened", &[]),
    ("case.key_shredded", &["scope", "ground"]),
    ("case.legal_hold_placed", &["hold_id", "ground"]),
    ("case.legal_hold_lifted", &["hold_id", "reason"]),
    ("case.number_assigned", &["number"]),
    ("case.phrase_chosen", &["stretched"]),
    ("case.authority_verified", &["verification_id", "subject_id", "representative_subject_id", "authority"]),
    ("case.authority_revoked", &["verification_id"]),
    ("case.wishes_recorded", &["subject_id", "exception_id", "wish", "followed", "why"]),
    ("case.contact_cleared", &["contact_id", "subject_id", "means", "purpose"]),
    ("case.contact_made", &["contact_id", "subject_id", "means", "purpose", "outcome"]),
    ("case.narrative_review_requested", &["review_id", "narrative_id", "unit_id"]),
    (
        "case.narrative_attested",
        &[
            "review_id",
            "narrative_id",
            "subject_ids",
            "unit_id",
            "text",
            "text_salt",
            "text_digest",
            "deidentifier",
            "lexicon_digest",
            "could_tell_who_said_it",
            "case_revision",
        ],
    ),
    ("case.narrative_withheld", &["review_id", "reason"]),
    ("disclosure.approval_requested", &["approval_id", "decision_id", "rules", "expires_at"]),
    ("disclosure.approval_decided", &["approval_id", "outcome"]),
    ("disclosure.obligation_noted", &["decision_id", "kind", "state"]),
    ("disclosure.outside_reviewed", &["disclosure_id", "outcome"]),
    ("disclosure.recall_acknowledged", &["referral_id", "unit_id"]),
    ("disclosure.notified", &["referral_id", "unit_id", "ground", "address_id", "means", "outcome"]),
    ("disclosure.referral_expired", &["referral_id", "unit_id"]),
    (
        "disclosure.decided",
        &[
            "decision_id",
            "request",
            "outcome",
            "decided_at",
            "case_revision",
            "policy_version",
            "policy_digest",
            "classification_digest",
        ],
    ),
    (
        "disclosure.released",
        &[
            "referral_id",
            "decision_id",
            "unit_id",
            "organization_id",
            "form",
            "report_digest",
            "key_id",
            "report",
            "signature",
        ],
    ),
    (
        "disclosure.delivered",
        &[
            "delivery_id",
            "referral_id",
            "decision_id",
            "unit_id",
            "channel",
            "report_digest",
            "decided_at",
            "expires_at",
            "case_revision",
            "policy_version",
        ],
    ),
    ("disclosure.acknowledged", &["referral_id", "unit_id"]),
    ("disclosure.recalled", &["referral_id", "reason"]),
    // Never refused for what is not known about it.
    ("disclosure.outside_system", &["disclosure_id"]),
    ("directory.organization_registered", &["organization_id", "kind"]),
    ("directory.unit_registered", &["unit_id", "organization_id", "kind", "purposes"]),
    ("directory.agreement_recorded", &["agreement_id", "organization_id", "purposes", "categories"]),
    ("directory.recipient_suspended", &["organization_id", "reason"]),
    ("directory.recipient_reinstated", &["organization_id"]),
    ("directory.encryption_key_added", &["organization_id", "unit_id", "recipient", "label"]),
    ("directory.encryption_key_removed", &["organization_id", "unit_id", "fingerprint"]),
    (
        "directory.notification_address_added",
        &["organization_id", "unit_id", "address_id", "means", "address", "label"],
    ),
    ("directory.notification_address_removed", &["organization_id", "unit_id", "address_id"]),
    (
        "directory.liaison_invited",
        &[
            "organization_id",
            "unit_id",
            "liaison_id",
            "account",
            "code_digest",
            "code_expires_at",
            "account_expires_at",
        ],
    ),
    (
        "directory.liaison_passkey_added",
        &["organization_id", "unit_id", "liaison_id", "code_digest", "credential_id", "public_key", "state"],
    ),
    ("directory.liaison_signed_in", &["organization_id", "unit_id", "liaison_id", "credential_id", "state"]),
    ("directory.liaison_revoked", &["organization_id", "unit_id", "liaison_id", "reason"]),
    ("policy.adopted", &["version", "digest", "files"]),
    ("staff.shift_started", &["until"]),
    ("staff.shift_ended", &[]),
    ("access.recorded", &["scope", "reason"]),
    ("access.outsider_refused", &["method"]),
    ("access.withdrawal_unmatched", &["terms"]),
];

/// Kinds that are about a person, and must say something besides whom.
const SAYS_SOMETHING: &[&str] = &[
    "case.contact_recorded",
    "case.whereabouts_recorded",
    "case.situation_recorded",
    "case.immigration_recorded",
    "case.health_recorded",
    "case.finances_recorded",
    "case.suspect_described",
];

pub(super) fn check(kind: &str, path: &str, message: &DynamicMessage, check: &mut Checker) {
    let Some((_, fields)) = REQUIRED.iter().find(|(known, _)| *known == kind) else {
        check.refuse(path, "is of a kind that this ledger has no rules for");
        return;
    };
    for name in *fields {
        let present = message.descriptor().get_field_by_name(name).is_some_and(|field| message.has_field(&field));
        check.require(present, format!("{path}.{name}"), MISSING);
    }
    if SAYS_SOMETHING.contains(&kind) {
        check.require(message.fields().any(|(field, _)| field.name() != "subject_id"), path, "says nothing");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_wire::classification::events;
    use egide_wire::descriptors::pool;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_one_row_and_every_row_names_fields_of_its_message() {
        let rows: BTreeSet<_> = REQUIRED.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(rows.len(), REQUIRED.len());
        assert_eq!(rows, events().map(|(_, class)| class.kind.as_str()).collect());
        for (name, class) in events() {
            let message = pool().get_message_by_name(name).unwrap();
            let (_, fields) = REQUIRED.iter().find(|(kind, _)| *kind == class.kind).unwrap();
            for field in *fields {
                assert!(message.get_field_by_name(field).is_some(), "{name}.{field}");
            }
        }
    }

    #[test]
    fn whatever_is_about_a_person_names_the_person() {
        for (name, class) in events() {
            let message = pool().get_message_by_name(name).unwrap();
            let (_, fields) = REQUIRED.iter().find(|(kind, _)| *kind == class.kind).unwrap();
            let about_a_person = message.get_field_by_name("subject_id").is_some();
            // A nameless bringer's report consent and how they are recognised, a withdrawal of everything, a look at more
            // than one person, keys of something else than a person, and what is owed to nobody in particular.
            let may_be_nobody = [
                "case.consent_given",
                "case.consent_withdrawn",
                "case.number_assigned",
                "case.phrase_chosen",
                "access.recorded",
                "case.key_shredded",
                "disclosure.obligation_noted",
            ];
            if about_a_person && !may_be_nobody.contains(&class.kind.as_str()) {
                assert!(fields.contains(&"subject_id"), "{name}");
            }
        }
    }
}
