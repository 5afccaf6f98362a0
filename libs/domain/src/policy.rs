//! The policy: tables and wordings as data, versioned, validated whole before anything is decided with them. What is not in a
//! table is not allowed.

mod approval;
mod error;
mod files;
mod minor;
mod place;
mod regime;
mod rows;
mod standing;
mod validate;
mod wording;

pub use approval::{ApprovalOnCondition, ApprovalRow, BasisClass, CONSENT_CONDITION};
pub use error::PolicyError;
pub(crate) use error::{Fault, read};
pub use files::{PolicyFile, PolicyFiles};
pub use minor::MatureMinorRow;
pub use regime::{Regime, RegimeDuty, RegimeRow};
pub use rows::{
    CeilingRow, ExceptionRecipient, ExceptionRule, InstrumentRule, LocalHours, Periods, ReportConsentRule, StatuteRule,
    StatutoryAgreement,
};
pub use standing::Standing;
pub(crate) use standing::date;
pub use wording::{Wording, WordingLanguage};

use crate::set::{Categories, Jurisdictions, Reach, Set};
use crate::statute::{StatuteRow, StatuteTable};
use crate::time::Timestamp;
use crate::vocabulary::{DataCategory, ExceptionKind, Purpose, RecipientKind};
use regime::RegimeTable;
use serde::Deserialize;
use std::sync::Arc;

/// `policy.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    version: Arc<str>,
    periods: Periods,
    daytime: LocalHours,
    evening: LocalHours,
    ceilings: Vec<CeilingRow>,
    anonymous: Reach,
    report_consent: ReportConsentRule,
    mature_minors: Vec<MatureMinorRow>,
    exceptions: Vec<ExceptionRule>,
    statutory_agreements: Vec<StatutoryAgreement>,
    statute_recipients: StatuteRule,
    approvals: Vec<ApprovalRow>,
    approval_on_condition: ApprovalOnCondition,
}

/// A policy that was validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    tables: Tables,
    statutes: StatuteTable,
    regimes: RegimeTable,
    wordings: Vec<Wording>,
}

impl Policy {
    /// The policy as shipped.
    ///
    /// # Errors
    /// As [`Self::from_files`]; a test keeps the shipped files valid.
    pub fn embedded() -> Result<Self, PolicyError> {
        Self::from_files(&PolicyFiles::embedded())
    }

    /// Reads and validates all files.
    ///
    /// # Errors
    /// The first thing that is wrong, with its file, line and column.
    pub fn from_files(files: &PolicyFiles) -> Result<Self, PolicyError> {
        let wordings = files.wordings().map(Wording::read).collect::<Result<Vec<_>, _>>()?;
        let (policy, statutes, regimes) = (files.policy(), files.statutes(), files.regimes());
        let tables: Tables = read(PolicyFiles::POLICY, policy)?;
        tables.validate().map_err(|fault| fault.in_file(PolicyFiles::POLICY, policy))?;
        Ok(Self {
            tables,
            statutes: StatuteTable::from_json(PolicyFiles::STATUTES, statutes)?,
            regimes: RegimeTable::from_json(PolicyFiles::REGIMES, regimes)?,
            wordings,
        })
    }

    /// The version of the policy table.
    #[must_use]
    pub const fn version(&self) -> &Arc<str> {
        &self.tables.version
    }

    /// The periods.
    #[must_use]
    pub const fn periods(&self) -> &Periods {
        &self.tables.periods
    }

    /// The local hours in which somebody may be contacted who said "only in daytime".
    #[must_use]
    pub const fn daytime(&self) -> LocalHours {
        self.tables.daytime
    }

    /// The local hours in which somebody may be contacted who said "only after 21:00".
    #[must_use]
    pub const fn evening(&self) -> LocalHours {
        self.tables.evening
    }

    /// What a kind of recipient may get for a purpose at most; `None`: it may not get anything for it.
    #[must_use]
    pub fn ceiling(&self, purpose: Purpose, recipient: RecipientKind) -> Option<Reach> {
        let fits = |row: &&CeilingRow| row.purpose == purpose && row.recipient == recipient;
        self.tables.ceilings.iter().find(fits).map(|row| row.ceiling)
    }

    /// All ceilings, for whoever shows them.
    #[must_use]
    pub fn ceilings(&self) -> &[CeilingRow] {
        &self.tables.ceilings
    }

    /// What anybody gets at most who may only receive anonymous content.
    #[must_use]
    pub const fn anonymous(&self) -> Reach {
        self.tables.anonymous
    }

    /// What report consent reaches.
    #[must_use]
    pub const fn report_consent(&self) -> &ReportConsentRule {
        &self.tables.report_consent
    }

    /// The rules of an exception; every kind has some.
    #[must_use]
    pub fn exception(&self, kind: ExceptionKind) -> Option<&ExceptionRule> {
        self.tables.exceptions.iter().find(|rule| rule.kind == kind)
    }

    /// What stands in for an agreement where an exception is the basis; `None`: nothing does.
    #[must_use]
    pub fn statutory_agreement(&self, recipient: RecipientKind, purpose: Purpose) -> Option<Categories> {
        self.tables
            .statutory_agreements
            .iter()
            .find(|row| row.recipient == recipient && row.purposes.contains(purpose))
            .map(|row| row.categories)
    }

    /// What a verified statute row may add.
    #[must_use]
    pub const fn statute_recipients(&self) -> &StatuteRule {
        &self.tables.statute_recipients
    }

    /// The rows under which young people consent alone, whether they count or not; see [`MatureMinorRow::covers`].
    #[must_use]
    pub fn mature_minors(&self) -> &[MatureMinorRow] {
        &self.tables.mature_minors
    }

    /// The row under which somebody who is certainly this old (in years), and in these places, consents alone; `None`: they do not.
    #[must_use]
    pub fn mature_minor(
        &self,
        purpose: Purpose,
        recipient: RecipientKind,
        places: Jurisdictions,
        lowest_age: u8,
        now: Timestamp,
    ) -> Option<&MatureMinorRow> {
        self.mature_minors().iter().find(|row| row.covers(purpose, recipient, places, lowest_age, now))
    }

    /// What needs which approval.
    #[must_use]
    pub fn approvals(&self) -> &[ApprovalRow] {
        &self.tables.approvals
    }

    /// Who approves what a consent lets go on that condition.
    #[must_use]
    pub const fn approval_on_condition(&self) -> &ApprovalOnCondition {
        &self.tables.approval_on_condition
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

    /// The privacy regimes that this deployment says bind it.
    #[must_use]
    pub const fn regimes(&self) -> Set<Regime> {
        self.regimes.named()
    }

    /// The provisions of all regimes, named or not, in force or not.
    #[must_use]
    pub fn regime_rows(&self) -> &[RegimeRow] {
        self.regimes.rows()
    }

    /// The provisions that bind after a disclosure under this exception about somebody in these places: of a named regime,
    /// verified and in force.
    pub fn binding_regime_rows(
        &self,
        exception: ExceptionKind,
        places: Jurisdictions,
        now: Timestamp,
    ) -> impl Iterator<Item = &RegimeRow> {
        self.regimes.binding(exception, places, now)
    }

    /// What those provisions oblige to.
    #[must_use]
    pub fn regime_duties(&self, exception: ExceptionKind, places: Jurisdictions, now: Timestamp) -> Set<RegimeDuty> {
        self.binding_regime_rows(exception, places, now).fold(Set::EMPTY, |duties, row| duties.union(row.obliges))
    }

    /// The wordings in which consent is asked for.
    #[must_use]
    pub fn wordings(&self) -> &[Wording] {
        &self.wordings
    }

    /// The wording of this name, for instance `spoken-en/3`.
    #[must_use]
    pub fn wording(&self, name: &str) -> Option<&Wording> {
        self.wordings.iter().find(|wording| &*wording.name == name)
    }
}

/// Categories that no mask ever releases.
pub(crate) fn never_released() -> Categories {
    Categories::only(DataCategory::RecordKeeping)
}

/// Categories that leave on somebody's own consent or not at all: no exception reaches them, and nobody's wish about others.
pub(crate) fn on_own_consent_only() -> Categories {
    Categories::from([DataCategory::Narrative, DataCategory::RecordKeeping])
}
