//! One generated case: a history, a directory, tables, a request and an instant. Written as JSON it is a test to keep.

use crate::evaluator::tables::Tables;
use egide_domain::directory::DirectoryEvent;
use egide_domain::event::{CaseEvent, Recorded};
use egide_domain::ids::ReferralId;
use egide_domain::{Policy, Request};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// One value of the shipped tables that is replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// Of `policy.json` (false) or `statutes.json` (true).
    pub(crate) statutes: bool,
    /// Where (RFC 6901).
    pub(crate) at: String,
    /// With what.
    pub(crate) value: Value,
}

/// The tables of a case, as the engine reads them and as the evaluator does.
pub(crate) struct Rules {
    pub(crate) changes: Vec<Change>,
    pub(crate) engine: Policy,
    pub(crate) tables: Tables,
}

impl Rules {
    /// The shipped tables with changes; `None` where the engine refuses them.
    pub(crate) fn with(changes: Vec<Change>) -> Option<Self> {
        let mut policy: Value = serde_json::from_str(Policy::EMBEDDED.0).expect("JSON");
        let mut statutes: Value = serde_json::from_str(Policy::EMBEDDED.1).expect("JSON");
        for change in &changes {
            let table = if change.statutes { &mut statutes } else { &mut policy };
            *table.pointer_mut(&change.at)? = change.value.clone();
        }
        let engine = Policy::from_json(&policy.to_string(), &statutes.to_string()).ok()?;
        Some(Self { tables: Tables::read(&policy, &statutes), changes, engine })
    }
}

/// One case.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) history: Vec<Recorded<CaseEvent>>,
    pub(crate) directory: Vec<Recorded<DirectoryEvent>>,
    pub(crate) request: Request,
    pub(crate) delivering: ReferralId,
    pub(crate) now: i64,
    pub(crate) rules: Arc<Rules>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    now: i64,
    request: Request,
    delivering: ReferralId,
    changes: Vec<Change>,
    directory: Vec<Recorded<DirectoryEvent>>,
    history: Vec<Recorded<CaseEvent>>,
}

impl Asked {
    /// As JSON, to be kept.
    pub(crate) fn write(&self) -> String {
        let written = Written {
            now: self.now,
            request: self.request.clone(),
            delivering: self.delivering,
            changes: self.rules.changes.clone(),
            directory: self.directory.clone(),
            history: self.history.clone(),
        };
        serde_json::to_string(&written).expect("JSON")
    }

    /// From JSON that was kept.
    pub(crate) fn read(text: &str) -> Self {
        let written: Written = serde_json::from_str(text).expect("a case that was kept");
        Self {
            history: written.history,
            directory: written.directory,
            request: written.request,
            delivering: written.delivering,
            now: written.now,
            rules: Arc::new(Rules::with(written.changes).expect("tables that are valid")),
        }
    }
}
