//! Privacy regimes: which of them a deployment says bind it, and what each obliges to after something was disclosed without consent.
//! A regime only ever adds duties; it permits nothing.

use super::error::{Fault, PolicyError, read};
use super::standing::Standing;
use crate::set::{Jurisdictions, Set};
use crate::time::Timestamp;
use crate::vocabulary::{ExceptionKind, Jurisdiction, vocabulary};
use serde::Deserialize;
use std::sync::Arc;

vocabulary! {
    /// A privacy law that may bind a deployment; whether it does is the deployment's to say.
    Regime {
        /// Personal Information Protection and Electronic Documents Act (Canada).
        Pipeda = "pipeda",
        /// Act respecting the protection of personal information in the private sector, P-39.1 (Quebec).
        QcP391 = "qc_p39_1",
        /// Personal Information Protection Act (British Columbia).
        BcPipa = "bc_pipa",
        /// Personal Information Protection Act (Alberta).
        AbPipa = "ab_pipa",
    }

    /// What a regime obliges to.
    RegimeDuty {
        /// The person is informed in writing, where that is safe.
        InformPerson = "inform_person",
        /// The disclosure is entered in a register.
        EnterInRegister = "enter_in_register",
    }
}

/// One provision.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegimeRow {
    /// Stable id, for instance `qc-p39-1-18-1`.
    pub id: Arc<str>,
    /// Of which regime.
    pub regime: Regime,
    /// The section.
    pub provision: String,
    /// Whether it holds wherever the person is, also where that is not known.
    pub everywhere: bool,
    /// Where it holds otherwise.
    pub jurisdictions: Jurisdictions,
    /// After disclosures under which exceptions.
    pub exceptions: Set<ExceptionKind>,
    /// What it obliges to; nothing for a provision that is only to be known about.
    pub obliges: Set<RegimeDuty>,
    /// What it stands on.
    pub standing: Standing,
}

impl RegimeRow {
    /// Whether it speaks of a disclosure under this exception about somebody in these places, verified and in force or not.
    #[must_use]
    pub fn concerns(&self, exception: ExceptionKind, places: Jurisdictions) -> bool {
        self.exceptions.contains(exception) && (self.everywhere || self.jurisdictions.intersects(places))
    }
}

/// `regimes.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegimeTable {
    version: String,
    named: Set<Regime>,
    rows: Vec<RegimeRow>,
}

impl RegimeTable {
    pub(super) fn from_json(file: &str, text: &str) -> Result<Self, PolicyError> {
        let table: Self = read(file, text)?;
        table.validate().map_err(|fault| fault.in_file(file, text))?;
        Ok(table)
    }

    pub(super) const fn named(&self) -> Set<Regime> {
        self.named
    }

    pub(super) fn rows(&self) -> &[RegimeRow] {
        &self.rows
    }

    pub(super) fn binding(
        &self,
        exception: ExceptionKind,
        places: Jurisdictions,
        now: Timestamp,
    ) -> impl Iterator<Item = &RegimeRow> {
        let binds = move |row: &&RegimeRow| {
            self.named.contains(row.regime) && row.standing.counts(now) && row.concerns(exception, places)
        };
        self.rows.iter().filter(binds)
    }

    fn validate(&self) -> Result<(), Fault> {
        if self.version.is_empty() {
            return Err(Fault::new("version", "must not be empty"));
        }
        for regime in self.named.iter() {
            if !self.rows.iter().any(|row| row.regime == regime) {
                return Err(Fault::new("named", "a regime is named of which there is no row"));
            }
        }
        for (place, row) in self.rows.iter().enumerate() {
            let refuse = |field: &str, why| Err(Fault::new(format!("rows[{place}].{field}"), why));
            if row.id.is_empty() || self.rows.iter().filter(|other| other.id == row.id).count() > 1 {
                return refuse("id", "must be there and stand once");
            }
            if row.provision.is_empty() {
                return refuse("provision", "must not be empty");
            }
            if row.everywhere != row.jurisdictions.is_empty() {
                return refuse("jurisdictions", "names places, or the row holds everywhere");
            }
            if row.jurisdictions.contains(Jurisdiction::Abroad) {
                return refuse("jurisdictions", "names provinces and territories");
            }
            if row.exceptions.is_empty() {
                return refuse("exceptions", "must not be empty: the row would never apply");
            }
            row.standing.validate().map_err(|fault| fault.within(&format!("rows[{place}].standing")))?;
        }
        Ok(())
    }
}
