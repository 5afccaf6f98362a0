//! From a redacted case to a report.

use crate::form::Form;
use crate::labels::{LABELS_VERSION, Language, NoLabel};
use crate::pseudonym::{Keyed, case_code, letters, person_code};
use crate::report::{
    CategorySection, Coded, FormHeading, PersonSection, RecipientHeading, RecordSection, Report, ReportField,
    ReportValue, SCHEMA, SafeContactSection, Urgency, Verification,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use egide_domain::Basis;
use egide_domain::ids::{CaseId, ReferralId, UnitId};
use egide_domain::vocabulary::{DataCategory, ExceptionKind, ObligationKind, Purpose};
use egide_redaction::generalise::{AgeGroup, Day, NumberBand};
use egide_redaction::{
    CoarseValue, Redacted, RedactedCase, RedactedField, RedactedMember, RedactedPerson, RedactedRecord, RedactedValue,
    SafeContact,
};

/// Where the line written to be sent to an emergency service stands in the contract.
pub(crate) const LINE_TO_SEND: &str = "exception_asserted.line_to_send";

/// Where the attested text of a narrative stands in the contract.
pub(crate) const ATTESTED_TEXT: &str = "narrative_attested.text";

/// The recipient's names, as the directory has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipientNames {
    /// The organisation's name in English.
    pub organization_en: String,
    /// The organisation's name in French.
    pub organization_fr: String,
    /// The unit's name in English.
    pub unit_en: String,
    /// The unit's name in French.
    pub unit_fr: String,
}

/// What a report needs besides the redacted case. All of it is the record's own: nothing in it is about a person.
pub struct Header<'a> {
    /// The referral.
    pub referral_id: ReferralId,
    /// The case; only a code derived from it is written.
    pub case_id: CaseId,
    /// The recipient unit; makes the codes its own.
    pub unit_id: UnitId,
    /// The recipient's names.
    pub names: RecipientNames,
    /// The form.
    pub form: Form,
    /// The language.
    pub language: Language,
    /// Why the recipient gets it.
    pub purpose: Purpose,
    /// The first referral, for a supplementary one.
    pub supplementary_to: Option<ReferralId>,
    /// Whether everything the report rests on allows passing it on.
    pub onward_sharing: bool,
    /// 32 random bytes, new for every report.
    pub salt: [u8; 32],
    /// The id of the key that will sign it.
    pub key_id: &'a str,
}

/// Why a report was not composed; then nothing leaves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// A field or value of the contract has no label.
    #[error(transparent)]
    NoLabel(#[from] NoLabel),
    /// Two people of the case would have the same code for this unit.
    #[error("two people of the case have the same code for this unit: the keyed function is no keyed function")]
    CodesCollide,
}

impl Report {
    /// Writes a redacted case in the form and language of its recipient. `keyed` makes the codes.
    ///
    /// People stand in the order of their codes, so that the order tells nothing about the case; what was withheld leaves no
    /// trace, not even that it was.
    ///
    /// # Errors
    /// [`ComposeError`]
    pub fn compose(
        header: &Header<'_>,
        redacted: &Redacted<RedactedCase>,
        keyed: Keyed<'_>,
    ) -> Result<Self, ComposeError> {
        let case = redacted.get();
        let writer = Writer { form: header.form, language: header.language };
        let mut people: Vec<(String, &RedactedPerson)> = case
            .people
            .iter()
            .map(|person| (person_code(keyed, header.unit_id, header.case_id, person.subject_id), person))
            .collect();
        people.sort_by(|one, other| one.0.cmp(&other.0));
        let collide = people.windows(2).any(|pair| matches!(pair, [one, other] if one.0 == other.0));
        if collide {
            return Err(ComposeError::CodesCollide);
        }
        let people: Vec<PersonSection> = people
            .into_iter()
            .enumerate()
            .map(|(index, (code, person))| writer.person(index, code, person))
            .collect::<Result<_, _>>()?;
        let shown = |field: &&RedactedField| header.form.carries_line() || field.path != LINE_TO_SEND;
        let together = case.together.iter().filter(shown).map(|field| writer.field(field)).collect::<Result<_, _>>()?;
        Ok(Self {
            schema: SCHEMA.to_owned(),
            form: FormHeading {
                id: header.form.id().to_owned(),
                title: writer.label(&["form", header.form.id(), "title"])?,
                intro: writer.label(&["form", header.form.id(), "intro"])?,
            },
            language: header.language.tag().to_owned(),
            labels: LABELS_VERSION.to_owned(),
            referral_id: header.referral_id.to_string(),
            case_reference: case_code(keyed, header.unit_id, header.case_id),
            supplementary_to: header.supplementary_to.map(|referral| referral.to_string()),
            recipient: writer.recipient(&header.names),
            purpose: writer.coded("purpose", header.purpose.name())?,
            urgent: Urgency {
                urgent: case.decision.urgent,
                label: writer.label(&["word", if case.decision.urgent { "urgent" } else { "not_urgent" }])?,
            },
            basis: writer.basis(&case.decision.bases)?,
            issued_on: Day::of(case.decision.decided_at).to_string(),
            onward_use: writer.onward_use(header, case, &people)?,
            people,
            together,
            verify: Verification {
                digest: "SHA-256".to_owned(),
                signature: "Ed25519".to_owned(),
                context: "egide/report/v1".to_owned(),
                key_id: header.key_id.to_owned(),
                how: writer.label(&["verify", "how"])?,
            },
            salt: STANDARD.encode(header.salt),
        })
    }
}

struct Writer {
    form: Form,
    language: Language,
}

impl Writer {
    fn label(&self, key: &[&str]) -> Result<String, NoLabel> {
        self.language.label(&key.join(".")).map(str::to_owned)
    }

    fn coded(&self, list: &str, code: &str) -> Result<Coded, NoLabel> {
        Ok(Coded { code: code.to_owned(), label: self.label(&[list, code])? })
    }

    /// The name in the report's language; where the directory has none, in the other.
    fn recipient(&self, names: &RecipientNames) -> RecipientHeading {
        let pick = |english: &String, french: &String| match self.language {
            Language::English if english.is_empty() => french.clone(),
            Language::English => english.clone(),
            Language::French if french.is_empty() => english.clone(),
            Language::French => french.clone(),
        };
        RecipientHeading {
            organization: pick(&names.organization_en, &names.organization_fr),
            unit: pick(&names.unit_en, &names.unit_fr),
        }
    }

    /// Kinds only, each once, in a fixed order: how many consents there are, and whose, would say who called.
    fn basis(&self, bases: &[Basis]) -> Result<Vec<Coded>, NoLabel> {
        const ORDER: [&str; 5] = ["consent", "report_consent", "minor", "imminent_danger", "legal_requirement"];
        let kind = |basis: &Basis| match basis {
            Basis::Consent(_) => "consent",
            Basis::ReportConsent(_) => "report_consent",
            Basis::Exception(_, ExceptionKind::Minor) => "minor",
            Basis::Exception(_, ExceptionKind::ImminentDanger) => "imminent_danger",
            Basis::Exception(_, ExceptionKind::LegalRequirement) => "legal_requirement",
        };
        let used = |code: &&str| bases.iter().any(|basis| kind(basis) == *code);
        ORDER.into_iter().filter(|code| used(code)).map(|code| self.coded("basis", code)).collect()
    }

    fn onward_use(
        &self,
        header: &Header<'_>,
        case: &RedactedCase,
        people: &[PersonSection],
    ) -> Result<Vec<Coded>, NoLabel> {
        let no_tip_off = |case: &RedactedCase| {
            case.decision.obligations.iter().any(|obligation| obligation.kind == ObligationKind::NoTipOff)
        };
        let mut limits = vec!["purpose_only"];
        limits.push(if header.onward_sharing { "onward_sharing_agreed" } else { "no_onward_sharing" });
        limits.push("protect_source");
        if people.iter().any(|person| person.safe_contact.is_some()) {
            limits.push("safe_contact");
        }
        if no_tip_off(case) {
            limits.push("no_tip_off");
        }
        limits.push("as_told");
        limits.into_iter().map(|code| self.coded("onward", code)).collect()
    }

    fn person(&self, index: usize, code: String, person: &RedactedPerson) -> Result<PersonSection, NoLabel> {
        let mut categories = Vec::new();
        for category in self.form.order() {
            let records: Vec<RecordSection> = person
                .records
                .iter()
                .filter(|record| record.category == category)
                .map(|record| self.record(record))
                .collect::<Result<_, _>>()?;
            if !records.is_empty() {
                categories.push(CategorySection { category: self.category(category)?, records });
            }
        }
        Ok(PersonSection {
            name: format!("{} {}", self.label(&["word", "person"])?, letters(index)),
            code,
            roles: person.roles.iter().map(|role| self.coded("role", role.name())).collect::<Result<_, _>>()?,
            categories,
            safe_contact: person.safe_contact.map(|rule| self.safe_contact(rule)).transpose()?,
        })
    }

    fn category(&self, category: DataCategory) -> Result<Coded, NoLabel> {
        self.coded("category", category.name())
    }

    fn record(&self, record: &RedactedRecord) -> Result<RecordSection, NoLabel> {
        let fields = record.fields.iter().map(|field| self.field(field)).collect::<Result<_, _>>()?;
        Ok(RecordSection { month: record.month.clone(), fields })
    }

    fn field(&self, field: &RedactedField) -> Result<ReportField, NoLabel> {
        self.labelled(&field.path, &field.value)
    }

    fn labelled(&self, path: &str, value: &RedactedValue) -> Result<ReportField, NoLabel> {
        let label = self.label(&["field", path])?;
        Ok(ReportField { field: path.to_owned(), label, values: self.values(value)? })
    }

    fn values(&self, value: &RedactedValue) -> Result<Vec<ReportValue>, NoLabel> {
        let text = |text: &String| ReportValue::Text { text: text.clone() };
        Ok(match value {
            RedactedValue::Text(one) => vec![text(one)],
            RedactedValue::Texts(several) => several.iter().map(text).collect(),
            RedactedValue::Number(number) => vec![ReportValue::Number { number: number.to_string() }],
            RedactedValue::Flag(flag) => {
                let label = self.label(&["word", if *flag { "yes" } else { "no" }])?;
                vec![ReportValue::Flag { flag: *flag, label }]
            }
            RedactedValue::Code(code) => vec![self.code(code)?],
            RedactedValue::Codes(codes) => codes.iter().map(|code| self.code(code)).collect::<Result<_, _>>()?,
            RedactedValue::Records(records) => {
                records.iter().map(|members| self.members(members)).collect::<Result<_, _>>()?
            }
            RedactedValue::Coarse(coarse) => vec![self.coarse(coarse)?],
        })
    }

    fn members(&self, members: &[RedactedMember]) -> Result<ReportValue, NoLabel> {
        let field = |member: &RedactedMember| self.labelled(&member.label, &member.value);
        Ok(ReportValue::Record { fields: members.iter().map(field).collect::<Result<_, _>>()? })
    }

    fn code(&self, code: &str) -> Result<ReportValue, NoLabel> {
        Ok(ReportValue::Code { code: code.to_owned(), label: self.label(&["value", code])? })
    }

    fn coarse(&self, coarse: &CoarseValue) -> Result<ReportValue, NoLabel> {
        let (list, code) = match coarse {
            CoarseValue::Month(date) | CoarseValue::Year(date) => {
                return Ok(ReportValue::Coarse { code: date.clone(), label: date.clone() });
            }
            CoarseValue::AgeGroup(AgeGroup::Minor) => ("age_group", "minor"),
            CoarseValue::AgeGroup(AgeGroup::Adult) => ("age_group", "adult"),
            CoarseValue::AgeGroup(AgeGroup::Unknown) => ("age_group", "unknown"),
            CoarseValue::Band(NumberBand::One) => ("band", "one"),
            CoarseValue::Band(NumberBand::TwoToFour) => ("band", "two_to_four"),
            CoarseValue::Band(NumberBand::FiveToNine) => ("band", "five_to_nine"),
            CoarseValue::Band(NumberBand::TenOrMore) => ("band", "ten_or_more"),
            CoarseValue::Province(place) => {
                let code = format!("JURISDICTION_{}", place.name().to_ascii_uppercase());
                let label = self.label(&["value", &code])?;
                return Ok(ReportValue::Coarse { code, label });
            }
        };
        Ok(ReportValue::Coarse { code: code.to_owned(), label: self.label(&[list, code])? })
    }

    fn safe_contact(&self, rule: SafeContact) -> Result<SafeContactSection, NoLabel> {
        Ok(SafeContactSection {
            permission: self.coded("permission", rule.permission.name())?,
            rules: rule.rules.iter().map(|rule| self.coded("approach", rule.name())).collect::<Result<_, _>>()?,
        })
    }
}
