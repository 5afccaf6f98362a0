//! One generated case: a history, a directory, tables, a request and an instant. Written as JSON it is a test to keep.

use crate::evaluator::tables::Tables;
use egide_domain::Request;
use egide_domain::directory::DirectoryEvent;
use egide_domain::event::{CaseEvent, Recorded};
use egide_domain::ids::ReferralId;
use egide_domain::policy::{Policy, PolicyFile, PolicyFiles};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// A file of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Table {
    Policy,
    Statutes,
    Regimes,
}

impl Table {
    pub(crate) const ALL: [Self; 3] = [Self::Policy, Self::Statutes, Self::Regimes];

    const fn file(self) -> &'static str {
        match self {
            Self::Policy => PolicyFiles::POLICY,
            Self::Statutes => PolicyFiles::STATUTES,
            Self::Regimes => PolicyFiles::REGIMES,
        }
    }

    /// As shipped.
    pub(crate) fn shipped(self) -> Value {
        let files = PolicyFiles::embedded();
        let file = files.iter().find(|file| &*file.name == self.file()).expect("a file that is shipped");
        serde_json::from_str(&file.text).expect("JSON")
    }
}

/// One value of the shipped tables that is replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// In which file.
    pub(crate) table: Table,
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
        let mut texts: Vec<(Table, Value)> = Table::ALL.iter().map(|table| (*table, table.shipped())).collect();
        for change in &changes {
            let (_, text) = texts.iter_mut().find(|(table, _)| *table == change.table)?;
            *text.pointer_mut(&change.at)? = change.value.clone();
        }
        let shipped = PolicyFiles::embedded();
        let files = shipped.iter().map(|file| {
            let changed = texts.iter().find(|(table, _)| table.file() == &*file.name);
            let text = changed.map_or(file.text, |(_, text)| text.to_string().into());
            PolicyFile { name: file.name, text }
        });
        let engine = Policy::from_files(&PolicyFiles::collect(files.collect::<Vec<_>>()).ok()?).ok()?;
        Some(Self { tables: Tables::read(&texts[0].1, &texts[1].1, &texts[2].1), changes, engine })
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
