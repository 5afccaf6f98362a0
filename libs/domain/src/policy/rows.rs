//! The rows of `policy.json`, as they are written there.

use crate::set::{Categories, Purposes, Reach, Set};
use crate::time::Millis;
use crate::vocabulary::{ExceptionGround, ExceptionKind, InstrumentKind, ObligationKind, Purpose, RecipientKind};
use serde::Deserialize;

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
    /// Within which a referral that is not urgent is fetched; then staff see to it. Policies of before this row do not say it.
    #[serde(rename = "fetch_referral_hours", deserialize_with = "hours", default = "fetch_referral")]
    pub fetch_referral: Millis,
    /// How long it is tried to tell a unit, at one address, that something waits for it. Policies of before this row do not say it.
    #[serde(rename = "notify_unit_hours", deserialize_with = "hours", default = "notify_unit")]
    pub notify_unit: Millis,
    /// Within which a report that the law of the place demands as well is made.
    #[serde(rename = "statutory_report_hours", deserialize_with = "hours")]
    pub statutory_report: Millis,
    /// Within which a disclosure is entered in a register.
    #[serde(rename = "register_entry_hours", deserialize_with = "hours")]
    pub register_entry: Millis,
    /// Within which a supervisor records the young person's wishes.
    #[serde(rename = "record_wishes_hours", deserialize_with = "hours")]
    pub record_wishes: Millis,
    /// Within which it is looked at again whether a person must still not be told.
    #[serde(rename = "no_tip_off_review_hours", deserialize_with = "hours")]
    pub no_tip_off_review: Millis,
    /// How long an age band counts as assessed after it was recorded; afterwards only what time has made certain.
    #[serde(rename = "age_assessment_hours", deserialize_with = "hours")]
    pub age_assessment: Millis,
}

impl Periods {
    /// Within which an obligation is met, from when it arose; `None` where its date comes from elsewhere (an instrument's
    /// return date) or it has none (rules for safe contact travel with the referral).
    #[must_use]
    pub const fn of(&self, kind: ObligationKind) -> Option<Millis> {
        match kind {
            ObligationKind::InformPerson => Some(self.inform_person),
            ObligationKind::ReviewBreakGlass => Some(self.break_glass_review),
            ObligationKind::PhoneRecipient => Some(self.phone_recipient),
            ObligationKind::EnterInRegister => Some(self.register_entry),
            ObligationKind::ReportToChildProtection => Some(self.statutory_report),
            ObligationKind::RecordWishes => Some(self.record_wishes),
            ObligationKind::NoTipOff => Some(self.no_tip_off_review),
            ObligationKind::AnswerInstrument | ObligationKind::SafeContact => None,
        }
    }
}

/// A day: what a policy means that does not say within which a referral is fetched.
const fn fetch_referral() -> Millis {
    Millis::from_hours(24)
}

/// A third of a day: what a policy means that does not say how long it is tried to tell a unit.
const fn notify_unit() -> Millis {
    Millis::from_hours(8)
}

pub(super) fn hours<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
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
    /// Whether a responder may break glass alone while no supervisor is on shift.
    pub responder_alone: bool,
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

/// Hours of the day during which somebody may be contacted, by the clock of where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalHours {
    /// From this hour, inclusive, 0 to 23.
    pub from: u8,
    /// Until this hour, exclusive, 1 to 24.
    pub until: u8,
}

impl LocalHours {
    /// Whether a local hour (0 to 23) lies within.
    #[must_use]
    pub const fn contains(self, hour: u8) -> bool {
        self.from <= hour && hour < self.until
    }
}
