//! The policy tables: data, versioned, validated whole before anything is decided with them. What is not in a table is not
//! allowed.

use crate::set::{Categories, Jurisdictions, Purposes, Reach, Set};
use crate::statute::{StatuteRow, StatuteTable};
use crate::time::Millis;
use crate::vocabulary::{
    DataCategory, ExceptionGround, ExceptionKind, InstrumentKind, MaskLevel, Purpose, RecipientKind,
};
use serde::Deserialize;
use std::sync::Arc;

/// Why policy tables are refused.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A table is no JSON of the expected form.
    #[error("`{table}` cannot be read: {source}")]
    Form {
        /// `policy` or `statutes`.
        table: &'static str,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A value contradicts another or a promise.
    #[error("`{path}`: {why}")]
    Value {
        /// Where, from the root of the table.
        path: String,
        /// Why.
        why: &'static str,
    },
}

impl PolicyError {
    pub(crate) fn value(path: impl Into<String>, why: &'static str) -> Self {
        Self::Value { path: path.into(), why }
    }
}

/// Periods, all longer than nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Periods {
    /// How long a consent holds that says nothing about its end, from when it was recorded.
    #[serde(rename = "consent_default_hours", deserialize_with = "hours")]
    pub consent_default: Millis,
    /// How long a permit may wait for its release, at most.
    #[serde(rename = "decision_life_hours", deserialize_with = "hours")]
    pub decision_life: Millis,
    /// Within which a second person reviews a break-glass; unreviewed it supports nothing afterwards.
    #[serde(rename = "break_glass_review_hours", deserialize_with = "hours")]
    pub break_glass_review: Millis,
    /// Within which a person is informed of an emergency disclosure, where that is safe.
    #[serde(rename = "inform_person_hours", deserialize_with = "hours")]
    pub inform_person: Millis,
    /// Within which an urgent referral is phoned.
    #[serde(rename = "phone_recipient_hours", deserialize_with = "hours")]
    pub phone_recipient: Millis,
    /// Within which a report that the law of the place demands as well is made.
    #[serde(rename = "statutory_report_hours", deserialize_with = "hours")]
    pub statutory_report: Millis,
    /// Within which a disclosure is entered in a register.
    #[serde(rename = "register_entry_hours", deserialize_with = "hours")]
    pub register_entry: Millis,
    /// Within which a supervisor records the young person's wishes.
    #[serde(rename = "record_wishes_hours", deserialize_with = "hours")]
    pub record_wishes: Millis,
}

fn hours<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    u32::deserialize(deserializer).map(Millis::from_hours)
}

/// What a kind of recipient may get for a purpose at most, whatever the basis. No row: nothing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CeilingRow {
    /// Why it gets it.
    pub purpose: Purpose,
    /// What it is.
    pub recipient: RecipientKind,
    /// How far that reaches.
    pub ceiling: Reach,
}

/// What report consent reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportConsentRule {
    /// How far it reaches into a potential victim's data.
    pub potential_victim: Reach,
    /// Whether it reaches a potential victim's identity as well.
    pub potential_victim_identity: bool,
}

/// A kind of recipient that an exception reaches, and how far.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionRecipient {
    /// What the recipient is.
    pub recipient: RecipientKind,
    /// For what purpose.
    pub purpose: Purpose,
    /// How far.
    pub ceiling: Reach,
    /// Whether the recipient needs jurisdiction where the person is.
    pub jurisdiction_required: bool,
    /// Whether one supervisor may act alone towards this recipient.
    pub break_glass: bool,
    /// Whether only people under 18 are reached.
    pub minors_only: bool,
}

/// Rules of one exception.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionRule {
    /// Which of the three.
    pub kind: ExceptionKind,
    /// How long it lives, from when it was recorded.
    #[serde(rename = "life_hours", deserialize_with = "hours")]
    pub life: Millis,
    /// The grounds of which it needs one.
    pub grounds: Set<ExceptionGround>,
    /// Whom it reaches.
    pub recipients: Vec<ExceptionRecipient>,
    /// Whether the people concerned are informed afterwards.
    pub inform_person: bool,
    /// Where the disclosure is entered in a register.
    pub register_in: Jurisdictions,
    /// For a legal requirement: which instruments are a basis, and for whom.
    #[serde(default)]
    pub instruments: Vec<InstrumentRule>,
}

/// An instrument that is a basis.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentRule {
    /// Which.
    pub instrument: InstrumentKind,
    /// What the recipient may be.
    pub recipients: Set<RecipientKind>,
    /// Whether the person must not be told.
    pub no_tip_off: bool,
}

/// What stands in for an agreement where an exception is the basis: an emergency does not wait for a contract, but what a
/// kind of recipient gets under the law is bounded here all the same (promise 4).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatutoryAgreement {
    /// What the recipient is.
    pub recipient: RecipientKind,
    /// For which purposes.
    pub purposes: Purposes,
    /// Which categories.
    pub categories: Categories,
}

/// What a verified statute row may add: another kind of recipient for a report about somebody under 18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatuteRule {
    /// For what purpose such a recipient gets it.
    pub purpose: Purpose,
    /// How far.
    pub ceiling: Reach,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    version: Arc<str>,
    periods: Periods,
    ceilings: Vec<CeilingRow>,
    anonymous: Reach,
    report_consent: ReportConsentRule,
    exceptions: Vec<ExceptionRule>,
    statutory_agreements: Vec<StatutoryAgreement>,
    statute_recipients: StatuteRule,
}

/// Policy tables that were validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    version: Arc<str>,
    periods: Periods,
    ceilings: Vec<CeilingRow>,
    anonymous: Reach,
    report_consent: ReportConsentRule,
    exceptions: Vec<ExceptionRule>,
    statutory_agreements: Vec<StatutoryAgreement>,
    statute_recipients: StatuteRule,
    statutes: StatuteTable,
}

impl Policy {
    /// The tables' text as shipped: policy and statutes, for whoever computes their digest.
    pub const EMBEDDED: (&'static str, &'static str) =
        (include_str!("../../../ops/policy/policy.json"), include_str!("../../../ops/policy/statutes.json"));

    /// The tables as shipped.
    ///
    /// # Errors
    /// As [`Self::from_json`]; a test keeps the shipped tables valid.
    pub fn embedded() -> Result<Self, PolicyError> {
        Self::from_json(Self::EMBEDDED.0, Self::EMBEDDED.1)
    }

    /// Reads and validates both tables.
    ///
    /// # Errors
    /// The first thing that is wrong, with its path.
    pub fn from_json(policy: &str, statutes: &str) -> Result<Self, PolicyError> {
        let tables: Tables =
            serde_json::from_str(policy).map_err(|source| PolicyError::Form { table: "policy", source })?;
        tables.validate()?;
        Ok(Self {
            version: tables.version,
            periods: tables.periods,
            ceilings: tables.ceilings,
            anonymous: tables.anonymous,
            report_consent: tables.report_consent,
            exceptions: tables.exceptions,
            statutory_agreements: tables.statutory_agreements,
            statute_recipients: tables.statute_recipients,
            statutes: StatuteTable::from_json(statutes)?,
        })
    }

    /// The version of the policy table.
    #[must_use]
    pub const fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// The periods.
    #[must_use]
    pub const fn periods(&self) -> &Periods {
        &self.periods
    }

    /// What a kind of recipient may get for a purpose at most; `None`: it may not get anything for it.
    #[must_use]
    pub fn ceiling(&self, purpose: Purpose, recipient: RecipientKind) -> Option<Reach> {
        self.ceilings.iter().find(|row| row.purpose == purpose && row.recipient == recipient).map(|row| row.ceiling)
    }

    /// What anybody gets at most who may only receive anonymous content.
    #[must_use]
    pub const fn anonymous(&self) -> Reach {
        self.anonymous
    }

    /// What report consent reaches.
    #[must_use]
    pub const fn report_consent(&self) -> &ReportConsentRule {
        &self.report_consent
    }

    /// The rules of an exception; every kind has some.
    #[must_use]
    pub fn exception(&self, kind: ExceptionKind) -> Option<&ExceptionRule> {
        self.exceptions.iter().find(|rule| rule.kind == kind)
    }

    /// What stands in for an agreement where an exception is the basis; `None`: nothing does.
    #[must_use]
    pub fn statutory_agreement(&self, recipient: RecipientKind, purpose: Purpose) -> Option<Categories> {
        self.statutory_agreements
            .iter()
            .find(|row| row.recipient == recipient && row.purposes.contains(purpose))
            .map(|row| row.categories)
    }

    /// What a verified statute row may add.
    #[must_use]
    pub const fn statute_recipients(&self) -> &StatuteRule {
        &self.statute_recipients
    }

    /// The statute rows.
    #[must_use]
    pub fn statutes(&self) -> &[StatuteRow] {
        self.statutes.rows()
    }

    /// The statute table's version.
    #[must_use]
    pub fn statutes_version(&self) -> &str {
        self.statutes.version()
    }
}

/// Categories that no mask ever releases.
pub(crate) fn never_released() -> Categories {
    Categories::from([DataCategory::Narrative, DataCategory::RecordKeeping])
}

impl Tables {
    fn validate(&self) -> Result<(), PolicyError> {
        if self.version.is_empty() {
            return Err(PolicyError::value("version", "must not be empty"));
        }
        self.validate_periods()?;
        self.validate_ceilings()?;
        self.validate_narrow_rules()?;
        self.validate_exceptions()?;
        self.validate_agreements()
    }

    fn validate_periods(&self) -> Result<(), PolicyError> {
        let Periods {
            consent_default,
            decision_life,
            break_glass_review,
            inform_person,
            phone_recipient,
            statutory_report,
            register_entry,
            record_wishes,
        } = self.periods;
        let all = [
            ("consent_default_hours", consent_default),
            ("decision_life_hours", decision_life),
            ("break_glass_review_hours", break_glass_review),
            ("inform_person_hours", inform_person),
            ("phone_recipient_hours", phone_recipient),
            ("statutory_report_hours", statutory_report),
            ("register_entry_hours", register_entry),
            ("record_wishes_hours", record_wishes),
        ];
        match all.iter().find(|(_, period)| period.0 <= 0) {
            Some((name, _)) => Err(PolicyError::value(format!("periods.{name}"), "must be longer than nothing")),
            None => Ok(()),
        }
    }

    fn validate_ceilings(&self) -> Result<(), PolicyError> {
        for (place, row) in self.ceilings.iter().enumerate() {
            let path = || format!("ceilings[{place}]");
            releasable(row.ceiling, || format!("{}.ceiling", path()))?;
            let same = |other: &&CeilingRow| other.purpose == row.purpose && other.recipient == row.recipient;
            if self.ceilings.iter().filter(same).count() > 1 {
                return Err(PolicyError::value(path(), "purpose and recipient stand in two rows"));
            }
        }
        Ok(())
    }

    fn validate_narrow_rules(&self) -> Result<(), PolicyError> {
        let anonymous = Reach::up_to(MaskLevel::FactsOnly, [DataCategory::Situation, DataCategory::Suspects].into());
        if self.anonymous.intersection(anonymous) != self.anonymous {
            let why = "anonymous content is facts of situation and suspects at most";
            return Err(PolicyError::value("anonymous", why));
        }
        let narrow = Categories::from([DataCategory::Situation, DataCategory::Whereabouts]);
        if !self.report_consent.potential_victim.categories().is_subset(narrow) {
            let why = "report consent reaches situation and whereabouts at most; identity has a switch of its own";
            return Err(PolicyError::value("report_consent.potential_victim", why));
        }
        Ok(())
    }

    fn validate_exceptions(&self) -> Result<(), PolicyError> {
        for kind in ExceptionKind::ALL {
            if self.exceptions.iter().filter(|rule| rule.kind == *kind).count() != 1 {
                return Err(PolicyError::value("exceptions", "each of the three kinds stands in it exactly once"));
            }
        }
        for (place, rule) in self.exceptions.iter().enumerate() {
            let path = |field: &str| format!("exceptions[{place}].{field}");
            if rule.life.0 <= 0 {
                return Err(PolicyError::value(path("life_hours"), "must be longer than nothing"));
            }
            if rule.grounds.is_empty() {
                return Err(PolicyError::value(path("grounds"), "an exception needs grounds"));
            }
            if rule.recipients.is_empty() {
                return Err(PolicyError::value(path("recipients"), "an exception reaches somebody"));
            }
            let legal = rule.kind == ExceptionKind::LegalRequirement;
            if legal == rule.instruments.is_empty() {
                return Err(PolicyError::value(path("instruments"), "a legal requirement has some, no other has any"));
            }
            for (row, recipient) in rule.recipients.iter().enumerate() {
                self.validate_exception_recipient(rule, recipient, || path(&format!("recipients[{row}]")))?;
            }
            validate_instruments(rule, || path("instruments"))?;
        }
        releasable(self.statute_recipients.ceiling, || "statute_recipients.ceiling".to_owned())?;
        without_status_and_money(self.statute_recipients.ceiling, || "statute_recipients.ceiling".to_owned())
    }

    fn validate_exception_recipient(
        &self,
        rule: &ExceptionRule,
        row: &ExceptionRecipient,
        path: impl Fn() -> String,
    ) -> Result<(), PolicyError> {
        releasable(row.ceiling, || format!("{}.ceiling", path()))?;
        let same = |other: &&ExceptionRecipient| other.recipient == row.recipient && other.purpose == row.purpose;
        if rule.recipients.iter().filter(same).count() > 1 {
            return Err(PolicyError::value(path(), "recipient and purpose stand in two rows"));
        }
        let ceilings = |known: &CeilingRow| known.purpose == row.purpose && known.recipient == row.recipient;
        if !self.ceilings.iter().any(ceilings) {
            return Err(PolicyError::value(path(), "no row of `ceilings` for this recipient and purpose"));
        }
        match rule.kind {
            ExceptionKind::LegalRequirement if row.break_glass => {
                Err(PolicyError::value(format!("{}.break_glass", path()), "a legal requirement takes two people"))
            }
            ExceptionKind::LegalRequirement if row.purpose != Purpose::LegalObligation => {
                Err(PolicyError::value(format!("{}.purpose", path()), "a legal requirement is its own purpose"))
            }
            ExceptionKind::LegalRequirement => Ok(()),
            ExceptionKind::Minor | ExceptionKind::ImminentDanger => {
                without_status_and_money(row.ceiling, || format!("{}.ceiling", path()))
            }
        }
    }

    fn validate_agreements(&self) -> Result<(), PolicyError> {
        for (place, row) in self.statutory_agreements.iter().enumerate() {
            if row.categories.intersects(never_released()) {
                let path = format!("statutory_agreements[{place}].categories");
                return Err(PolicyError::value(path, "narrative and record keeping are never released"));
            }
            let overlaps = |other: &&StatutoryAgreement| {
                other.recipient == row.recipient && other.purposes.intersects(row.purposes)
            };
            if self.statutory_agreements.iter().filter(overlaps).count() > 1 {
                let path = format!("statutory_agreements[{place}]");
                return Err(PolicyError::value(path, "recipient and purpose stand in two rows"));
            }
        }
        Ok(())
    }
}

fn validate_instruments(rule: &ExceptionRule, path: impl Fn() -> String) -> Result<(), PolicyError> {
    for row in &rule.instruments {
        if rule.instruments.iter().filter(|other| other.instrument == row.instrument).count() > 1 {
            return Err(PolicyError::value(path(), "an instrument stands in two rows"));
        }
        match row.instrument {
            InstrumentKind::DefenceSubpoena => {
                return Err(PolicyError::value(path(), "a subpoena of the defence is never a basis"));
            }
            InstrumentKind::CourtOrder if row.recipients != Set::only(RecipientKind::Court) => {
                return Err(PolicyError::value(path(), "a court order names the court as recipient"));
            }
            InstrumentKind::CourtOrder | InstrumentKind::ProductionOrder | InstrumentKind::Warrant => {}
        }
    }
    Ok(())
}

fn releasable(ceiling: Reach, path: impl Fn() -> String) -> Result<(), PolicyError> {
    if ceiling.categories().intersects(never_released()) {
        return Err(PolicyError::value(path(), "narrative and record keeping are never released"));
    }
    Ok(())
}

fn without_status_and_money(ceiling: Reach, path: impl Fn() -> String) -> Result<(), PolicyError> {
    if ceiling.categories().intersects([DataCategory::Immigration, DataCategory::Finances].into()) {
        return Err(PolicyError::value(path(), "immigration and finances never leave under this exception"));
    }
    Ok(())
}
